// lu.c -- LU factors with their permutation.
#include <string.h>

#include "../kernels/lapack.h"
#include "matrices.h"

enum { ROWS_LIMIT = 1 << 14 };  // the permutation is square

static bool lu_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  char text[128];
  if (!orr_want_matrix(c, 0)) return false;
  const int m = orr_rows(x), n = orr_cols(x), k = orr_shorter(x);
  if (m > ROWS_LIMIT)
    return orr_fail(c, "x is %s; at most %d rows have a permutation matrix",
                    orr_shape_text(x, text, sizeof text), ROWS_LIMIT);
  return orr_out_matrix(c, 0, 2, m, m) && orr_out_matrix(c, 1, 2, m, k) &&
      orr_out_matrix(c, 2, 2, k, n);
}

// Swapping rows k and pivot[k] in turn takes x to L U: P undoes it.
static void permutation(int m, int k, const int *pivot, double *p) {
  memset(p, 0, orr_area(m, m) * sizeof *p);
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
  const int rows = orr_rows(x), cols = orr_cols(x), k = orr_shorter(x);
  double *part = scratch + orr_area(rows, cols);
  int *pivot = orr_pivots(part + orr_area(rows, rows > cols ? rows : cols));
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
  const size_t doubles = orr_area(rows, cols) +
      orr_area(rows, rows > cols ? rows : cols) + (size_t)orr_shorter(x);
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
static orr_tensor *factors_gradient(orr_tensor *l, orr_tensor *u,
                                    orr_tensor *gl, orr_tensor *gu) {
  const int m = orr_rows(l), n = orr_cols(u), k = m < n ? m : n;
  orr_tensor *rest = NULL;
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
  return rest ? joined(g, rest, n > k ? -1 : -2) : g;
}

static void lu_vjp(orr_vjp *v) {
  orr_tensor *gl = v->gys[1], *gu = v->gys[2];
  if (!gl && !gu) return;
  v->gx[0] = orr_matmul(v->y[0], factors_gradient(v->y[1], v->y[2], gl, gu));
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

// ---- lu_factor: both factors in one matrix, the swaps as they were made

static bool lu_factor_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  if (!orr_want_matrix(c, 0) || !orr_out_like(c, x) ||
      !orr_out_matrix(c, 1, 1, orr_shorter(x), 0))
    return false;
  c->out[1].dtype = ORR_I64;
  return true;
}

static int lu_factor_entry(const orr_matrices *m, int64_t i, double *scratch) {
  const orr_tensor *x = m->c->x[0];
  const int rows = orr_rows(x), cols = orr_cols(x), k = orr_shorter(x);
  int *pivot = orr_pivots(scratch + orr_area(rows, cols));
  if (!orr_matrix_load(m, 0, i, scratch)) return ORR_NOT_FINITE;
  orr_lapack_lu_of(rows, cols, scratch, pivot);
  orr_matrix_store(m, 0, i, scratch, rows, cols);
  int64_t *to = ORR_I64P(m->c->y[1]) + i * k;
  for (int j = 0; j < k; j++) to[j] = pivot[j];
  return 0;
}

static bool lu_factor_forward(orr_call *c) {
  orr_matrices m;
  const orr_tensor *x = c->x[0];
  const size_t doubles =
      orr_area(orr_rows(x), orr_cols(x)) + (size_t)orr_shorter(x);
  return orr_matrices_of(&m, c, -1) &&
      (orr_matrices_run(&m, lu_factor_entry, doubles) ||
       orr_matrices_odd(&m, 0));
}

// The parts of a matrix that belong to L and to U.
static orr_tensor *of_l(orr_tensor *x, int k) {
  x = part(x, -1, 0, k);
  return x ? ORR(tril, x, .attr = {-1}) : NULL;
}
static orr_tensor *of_u(orr_tensor *x, int k) {
  x = part(x, -2, 0, k);
  return x ? ORR(triu, x) : NULL;
}

static void lu_factor_vjp(orr_vjp *v) {
  orr_tensor *lu = v->y[0];
  if (!v->gys[0]) return;
  const int m = orr_rows(lu), k = orr_shorter(lu);
  orr_tensor *ones = ORR(diagonal, part(lu, -2, 0, k), .attr = {0, -2, -1});
  ones = ones ? ORR(ones_like, ones, .attr = {-1}) : NULL;
  ones = ones ? ORR(diag_embed, ones, .attr = {0, -2, -1}) : NULL;
  if (ones && m > k) {
    orr_tensor *below = part(part(lu, -2, k, m - k), -1, 0, k);
    ones =
        below ? joined(ones, ORR(zeros_like, below, .attr = {-1}), -2) : NULL;
  }
  orr_tensor *l = plus(of_l(lu, k), ones);
  orr_tensor *g =
      factors_gradient(l, of_u(lu, k), of_l(v->gy, k), of_u(v->gy, k));
  v->gx[0] = orr_matmul(ORR(lu_permutation, lu, v->y[1]), g);
}

ORR_DEFINE_OP(lu_factor,
    .doc = "The L and U of x = P L U in one matrix [..., M, N], L's ones left "
           "out, and for each of its first rows the row, from 1, that it was "
           "swapped with: int64 [..., min(M, N)]. For lu_solve.",
    .params = {{"x"}}, .outputs = 2, .torch = "torch.linalg.lu_factor",
    .shape = lu_factor_shape, .forward = lu_factor_forward,
    .vjp = lu_factor_vjp, .flags = ORR_KEEPS_Y,
    .samples = {"{ {3,3}, diagonal = 3 }", "{ {3,5}, diagonal = 3 }",
        "{ {5,3}, diagonal = 3 }", "{ {2,1,2,2}, diagonal = -3 }",
        "{ {0,0} }", "{ {0,2,3} }", "{ {3,0} }",
        "{ {3}, error = 'lu_factor: x is [3] but must have at least 2 axes; "
        "use :view or :unsqueeze' }"});

static bool lu_permutation_shape(orr_call *c) {
  const orr_tensor *x = c->x[0], *pivots = c->x[1];
  char a[128], b[128];
  if (!orr_want_matrix(c, 0)) return false;
  bool ok = pivots->rank == x->rank - 1 &&
      pivots->size[pivots->rank - 1] == orr_shorter(x);
  for (int i = 0; ok && i < x->rank - 2; i++)
    ok = pivots->size[i] == x->size[i];
  if (!ok)
    return orr_fail(c,
                    "LU is %s but pivots is %s; give both as lu_factor gives "
                    "them",
                    orr_shape_text(x, a, sizeof a),
                    orr_shape_text(pivots, b, sizeof b));
  if (orr_rows(x) > ROWS_LIMIT)
    return orr_fail(c, "LU is %s; at most %d rows have a permutation matrix",
                    orr_shape_text(x, a, sizeof a), ROWS_LIMIT);
  return orr_out_matrix(c, 0, 2, orr_rows(x), orr_rows(x));
}

static int lu_permutation_entry(const orr_matrices *m, int64_t i,
                                double *scratch) {
  const orr_tensor *x = m->c->x[0];
  const int rows = orr_rows(x), k = orr_shorter(x);
  const int64_t *given = ORR_I64P(m->c->x[1]) + i * k;
  int *pivot = orr_pivots(scratch + orr_area(rows, rows));
  for (int j = 0; j < k; j++) {
    if (given[j] < 1 || given[j] > rows) return j + 1;
    pivot[j] = (int)given[j];
  }
  permutation(rows, k, pivot, scratch);
  orr_matrix_store(m, 0, i, scratch, rows, rows);
  return 0;
}

static bool lu_permutation_forward(orr_call *c) {
  orr_matrices m;
  const orr_tensor *x = c->x[0];
  const int rows = orr_rows(x), k = orr_shorter(x);
  orr_call lone = *c;
  lone.nx = 1;  // pivots are no matrices
  if (!orr_matrices_of(&m, &lone, -1)) return false;
  m.c = c;
  if (orr_matrices_run(&m, lu_permutation_entry,
                       orr_area(rows, rows) + (size_t)k))
    return true;
  if (!m.info) return false;
  return orr_fail(c, "pivots holds %lld but the matrix has rows 1 to %d",
                  (long long)ORR_I64P(c->x[1])[m.entry * k + m.info - 1], rows);
}

ORR_DEFINE_OP(lu_permutation, .torch = "",
    .doc = "The P of x = P L U, from the factors and swaps of lu_factor.",
    .params = {{"LU"}, {"pivots", .want = ORR_WANT_INT, .doc = "from 1"}},
    .shape = lu_permutation_shape, .forward = lu_permutation_forward,
    .flags = ORR_HIDDEN | ORR_NO_GRAD,
    .samples = {"{ {3,3}, {3}, ints = { pivots = {1,3} } }",
        "{ {2,3,2}, {2,2}, ints = { pivots = {1,3} } }",
        "{ {0,0}, {0}, ints = { pivots = {1,3} } }"});

// ---- lu_solve: left, adjoint

static orr_tensor *triangular(orr_tensor *a, orr_tensor *b, bool upper,
                              bool unit) {
  return a && b ? ORR(solve_triangular, a, b, .attr = {upper, true, unit})
                : NULL;
}

// x^T = a^-1 b^T is what x a^T = b says.
static orr_tensor *lu_solve_compose(orr_call *c) {
  orr_tensor *lu = c->x[0], *b = c->x[2];
  const bool left = c->attr[0] != 0;
  bool adjoint = c->attr[1] != 0;
  char s[128], t[128];
  if (!orr_want_square(c, 0) || !orr_want_matrix(c, 2)) return NULL;
  const int64_t side = left ? orr_rows(b) : orr_cols(b);
  if (side != orr_rows(lu)) {
    orr_fail(c, "LU is %s but b is %s: %lld %s are wanted",
             orr_shape_text(lu, s, sizeof s), orr_shape_text(b, t, sizeof t),
             (long long)orr_rows(lu), left ? "rows" : "columns");
    return NULL;
  }
  orr_tensor *p = ORR(lu_permutation, lu, c->x[1]);
  if (!left) b = turned(b), adjoint = !adjoint;
  if (adjoint)
    b = orr_matmul(p,
                   triangular(turned(lu),
                              triangular(turned(lu), b, false, false), true,
                              true));
  else
    b = triangular(lu, triangular(lu, orr_matmul(turned(p), b), false, true),
                   true, false);
  return left ? b : turned(b);
}

ORR_DEFINE_OP(lu_solve,
    .doc = "The x of a x = b, or x a = b with left = false, for the a that "
           "lu_factor took apart; of a^T instead of a with adjoint.",
    .params = {{"LU", .doc = "[..., N, N], from lu_factor"},
        {"pivots", .want = ORR_WANT_INT, .doc = "[..., N], from lu_factor"},
        {"b", .doc = "[..., N, K], or [..., K, N]"},
        {"left", ORR_BOOL, .def = 1, .doc = "a x = b"},
        {"adjoint", ORR_BOOL, .doc = "a^T for a"}},
    .torch = "torch.linalg.lu_solve", .compose = lu_solve_compose,
    .samples = {
        "{ {3,3}, {3}, {3,2}, diagonal = 3, ints = { pivots = {1,3} } }",
        "{ {3,3}, {3}, {3,2}, diagonal = 3, adjoint = true, ints = { pivots = "
        "{1,3} } }",
        "{ {2,3,3}, {2,3}, {4,3}, diagonal = 3, left = false, ints = { pivots "
        "= {1,3} } }",
        "{ {3,3}, {3}, {2,3}, diagonal = 3, left = false, adjoint = true, ints "
        "= { pivots = {1,3} } }",
        "{ {0,0}, {0}, {0,2}, ints = { pivots = {1,3} } }",
        "{ {3,3}, {3}, {3,0}, diagonal = 3, ints = { pivots = {1,3} } }",
        "{ {3,3}, {3}, {2,3}, ints = { pivots = {1,3} }, error = 'lu_solve: LU "
        "is [3, 3] but b is [2, 3]: 3 rows are wanted' }",
        "{ {3,3}, {2}, {3,3}, ints = { pivots = {1,3} }, error = 'lu_solve: LU "
        "is [3, 3] but pivots is [2]; give both as lu_factor gives them' }",
        "{ {3,3}, {3}, {3,3}, ints = { pivots = {4,4} }, error = 'lu_solve: "
        "pivots holds 4 but the matrix has rows 1 to 3' }"});
