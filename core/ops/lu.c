// lu.c -- LU factors with their permutation.
#include <string.h>

#include "../kernels/lapack.h"
#include "matrices.h"

enum { ROWS_LIMIT = 1 << 14 };  // the permutation is square

static size_t area(int m, int n) { return (size_t)m * (size_t)n; }
static int shorter(const orr_tensor *x) {
  return orr_rows(x) < orr_cols(x) ? orr_rows(x) : orr_cols(x);
}

static bool lu_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  char text[128];
  if (!orr_want_matrix(c, 0)) return false;
  const int m = orr_rows(x), n = orr_cols(x), k = shorter(x);
  if (m > ROWS_LIMIT)
    return orr_fail(c, "x is %s; at most %d rows have a permutation matrix",
                    orr_shape_text(x, text, sizeof text), ROWS_LIMIT);
  return orr_out_matrix(c, 0, 2, m, m) && orr_out_matrix(c, 1, 2, m, k) &&
      orr_out_matrix(c, 2, 2, k, n);
}

// Swapping rows k and pivot[k] in turn takes x to L U: P undoes it.
static void permutation(int m, int k, const int *pivot, double *p) {
  memset(p, 0, area(m, m) * sizeof *p);
  for (int64_t i = 0; i < m; i++) p[i * m + i] = 1;
  for (int64_t j = 0; j < k; j++) {
    const int64_t other = pivot[j] - 1;
    for (int64_t r = 0; r < m && other != j; r++) {
      const double swapped = p[j * m + r];
      p[j * m + r] = p[other * m + r];
      p[other * m + r] = swapped;
    }
  }
}

static int lu_entry(const orr_matrices *m, int64_t i, double *scratch) {
  const orr_tensor *x = m->c->x[0];
  const int rows = orr_rows(x), cols = orr_cols(x), k = shorter(x);
  double *part = scratch + area(rows, cols);
  int *pivot = (int *)(void *)(part + area(rows, rows > cols ? rows : cols));
  if (!orr_matrix_load(m, 0, i, scratch)) return ORR_NOT_FINITE;
  orr_lapack_lu_of(rows, cols, scratch, pivot);
  permutation(rows, k, pivot, part);
  orr_matrix_store(m, 0, i, part, rows, rows);
  for (int64_t c = 0; c < k; c++)
    for (int64_t r = 0; r < rows; r++)
      part[c * rows + r] = r > c ? scratch[c * rows + r] : r == c;
  orr_matrix_store(m, 1, i, part, rows, k);
  for (int64_t c = 0; c < cols; c++)
    for (int64_t r = 0; r < k; r++)
      part[c * k + r] = r <= c ? scratch[c * rows + r] : 0;
  orr_matrix_store(m, 2, i, part, k, cols);
  return 0;
}

static bool lu_forward(orr_call *c) {
  orr_matrices m;
  const orr_tensor *x = c->x[0];
  const int rows = orr_rows(x), cols = orr_cols(x);
  const size_t doubles = area(rows, cols) +
      area(rows, rows > cols ? rows : cols) + (size_t)shorter(x);
  return orr_matrices_of(&m, c, -1) &&
      (orr_matrices_run(&m, lu_entry, doubles) || orr_matrices_odd(&m, 0));
}

static orr_tensor *part(orr_tensor *x, int axis, int first, int n) {
  return x ? ORR(narrow, x, .attr = {axis, first, n, 1}) : NULL;
}
static orr_tensor *plus(orr_tensor *x, orr_tensor *y) {
  return x && y ? ORR(add, x, y) : x ? x : y;
}
static orr_tensor *minus(orr_tensor *x, orr_tensor *y) {
  return y ? plus(x, ORR(neg, y)) : x;
}
static orr_tensor *turned(orr_tensor *x) {
  return x ? orr_transpose_last(x) : NULL;
}
static orr_tensor *joined(orr_tensor *x, orr_tensor *y, int axis) {
  orr_tensor *list[2] = {x, y};
  if (!x || !y) return NULL;
  const orr_args args = {.list = list, .n = 2, .attr = {axis}};
  return orr_keep(orr_apply(&orr_op_cat, &args));
}
// l^-T y, for unit lower l; y u^-T, for upper u.
static orr_tensor *under_l(orr_tensor *l, orr_tensor *y) {
  return y ? ORR(solve_triangular, turned(l), y, .attr = {true, true, true})
           : NULL;
}
static orr_tensor *over_u(orr_tensor *u, orr_tensor *y) {
  return y ? ORR(solve_triangular, turned(u), y, .attr = {false, false, false})
           : NULL;
}

// x = P l u, square: P^T gx = l^-T (low(l^T gl) + up(gu u^T)) u^-T, where low
// is below the diagonal.
static orr_tensor *square_gradient(orr_tensor *l, orr_tensor *u, orr_tensor *gl,
                                   orr_tensor *gu) {
  orr_tensor *low = orr_matmul(turned(l), gl), *up = orr_matmul(gu, turned(u));
  if (low) low = ORR(tril, low, .attr = {-1});
  if (up) up = ORR(triu, up);
  return over_u(u, under_l(l, plus(low, up)));
}

// More columns: u = [u1 u2] with u2 = l^-1 P^T x2. More rows: l = [l1; l2]
// with l2 = (P^T x)2 u^-1. What the second parts bring goes to l or u first.
static void lu_vjp(orr_vjp *v) {
  const int m = orr_rows(v->x[0]), n = orr_cols(v->x[0]), k = m < n ? m : n;
  orr_tensor *p = v->y[0], *l = v->y[1], *u = v->y[2];
  orr_tensor *gl = v->gys[1], *gu = v->gys[2], *rest = NULL;
  if (!gl && !gu) return;
  if (n > k) {
    rest = under_l(l, part(gu, -1, k, n - k));
    orr_tensor *u2 = part(u, -1, k, n - k);
    gl = minus(gl, orr_matmul(rest, turned(u2)));
    gu = part(gu, -1, 0, k), u = part(u, -1, 0, k);
    if (!rest) rest = ORR(zeros_like, u2, .attr = {-1});
  } else if (m > k) {
    rest = over_u(u, part(gl, -2, k, m - k));
    orr_tensor *l2 = part(l, -2, k, m - k);
    gu = minus(gu, orr_matmul(turned(l2), rest));
    gl = part(gl, -2, 0, k), l = part(l, -2, 0, k);
    if (!rest) rest = ORR(zeros_like, l2, .attr = {-1});
  }
  orr_tensor *g = square_gradient(l, u, gl, gu);
  if (rest) g = joined(g, rest, n > k ? -1 : -2);
  v->gx[0] = orr_matmul(p, g);
}

ORR_DEFINE_OP(lu,
    .doc = "x = P L U with K = min(M, N): P [..., M, M] a permutation, L "
           "[..., M, K] with ones on its diagonal and none of its elements "
           "over 1, U [..., K, N] upper triangular. The gradient needs the "
           "first K columns of x independent.",
    .params = {{"x"}}, .outputs = 3, .torch = "torch.linalg.lu",
    .shape = lu_shape, .forward = lu_forward, .vjp = lu_vjp,
    .flags = ORR_KEEPS_Y,
    .samples = {"{ {3,3}, diagonal = 3 }", "{ {3,5}, diagonal = 3 }",
        "{ {5,3}, diagonal = 3 }", "{ {2,1,2,2}, diagonal = -3 }", "{ {0,0} }",
        "{ {0,2,3} }", "{ {3,0} }",
        "{ {3}, error = 'lu: x is [3] but must have at least 2 axes; use :view "
        "or :unsqueeze' }",
        "{ {2,2}, low = math.huge, high = math.huge, error = 'lu: x holds NaN "
        "or infinity; look for where it came from with "
        "orrery.detect_anomaly' }"});
