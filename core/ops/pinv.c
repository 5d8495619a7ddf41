// pinv.c -- pseudo-inverse and least squares, by singular values.
#include <float.h>

#include "../kernels/lapack.h"
#include "matrices.h"

// Singular values up to rtol times the largest count as 0.
#define RTOL                                                           \
  {                                                                    \
    "rtol", ORR_NUM,                                                   \
        .def = -1,                                                     \
        .doc = "singular values up to this part of the largest count " \
               "as 0; -1 stands for max(M, N) times the machine "      \
               "precision"                                             \
  }

static double cutoff(const orr_matrices *m, int k, const double *s) {
  const orr_tensor *x = m->c->x[0];
  const int longer = orr_rows(x) > orr_cols(x) ? orr_rows(x) : orr_cols(x);
  const double eps = x->dtype == ORR_F32 ? FLT_EPSILON : DBL_EPSILON;
  const double rtol = m->c->attr[0] < 0 ? longer * eps : m->c->attr[0];
  return k ? rtol * s[0] : 0;
}

// Where the parts of one decomposition lie in the scratch.
typedef struct parts {
  int rows, cols, k;
  double *x, *u, *vt, *s, *work, *spare;
} parts;

static parts layout(const orr_tensor *x, double *scratch) {
  parts p = {.rows = orr_rows(x), .cols = orr_cols(x), .x = scratch};
  p.k = p.rows < p.cols ? p.rows : p.cols;
  p.u = p.x + orr_area(p.rows, p.cols);
  p.vt = p.u + orr_area(p.rows, p.k);
  p.s = p.vt + orr_area(p.k, p.cols);
  p.work = p.s + p.k;
  p.spare = p.work + orr_lapack_svd_work(p.rows, p.cols);
  return p;
}

static size_t layout_doubles(const orr_tensor *x) {
  const int rows = orr_rows(x), cols = orr_cols(x);
  const int k = rows < cols ? rows : cols;
  return orr_area(rows, cols) + orr_area(rows, k) + orr_area(k, cols) +
      (size_t)k + orr_lapack_svd_work(rows, cols);
}

// Decomposes input 0; the columns of u are then divided by s, or 0.
static int decompose(const orr_matrices *m, int64_t i, const parts *p) {
  if (!orr_matrix_load(m, 0, i, p->x)) return ORR_NOT_FINITE;
  const int info =
      orr_lapack_svd(p->rows, p->cols, p->x, p->s, p->u, p->vt, p->work);
  if (info) return info;
  const double least = cutoff(m, p->k, p->s);
  for (int64_t j = 0; j < p->k; j++) {
    const double inverse = p->s[j] > least ? 1 / p->s[j] : 0;
    for (int64_t r = 0; r < p->rows; r++) p->u[j * p->rows + r] *= inverse;
  }
  return 0;
}

static orr_tensor *turned(orr_tensor *x) { return orr_transpose_last(x); }

// ---- pinv

static bool pinv_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  return orr_want_matrix(c, 0) &&
      orr_out_matrix(c, 0, 2, orr_cols(x), orr_rows(x));
}

static int pinv_entry(const orr_matrices *m, int64_t i, double *scratch) {
  const parts p = layout(m->c->x[0], scratch);
  const int info = decompose(m, i, &p);
  if (info) return info;
  orr_lapack_product(true, true, p.cols, p.rows, p.k, p.vt, p.u, p.x);
  orr_matrix_store(m, 0, i, p.x, p.cols, p.rows);
  return 0;
}

static bool pinv_forward(orr_call *c) {
  orr_matrices m;
  return orr_matrices_of(&m, c, -1) &&
      (orr_matrices_run(&m, pinv_entry, layout_doubles(c->x[0])) ||
       orr_matrices_odd(&m, 0));
}

// With p = x^+ and a rank that stays (Golub and Pereyra 1973):
// dp = -p dx p + p p^T dx^T (1 - x p) + (1 - p x) dx^T p^T p.
static void pinv_vjp(orr_vjp *v) {
  orr_tensor *x = v->x[0], *p = v->y[0], *pt = turned(p);
  orr_tensor *gt = turned(v->gy);
  orr_tensor *first = orr_matmul(orr_matmul(pt, v->gy), pt);
  orr_tensor *a = orr_matmul(orr_matmul(gt, p), pt);
  a = ORR(sub, a, orr_matmul(x, orr_matmul(p, a)));
  orr_tensor *b = orr_matmul(pt, orr_matmul(p, gt));
  b = ORR(sub, b, orr_matmul(orr_matmul(b, p), x));
  v->gx[0] = ORR(sub, ORR(add, a, b), first);
}

ORR_DEFINE_OP(pinv,
              .doc = "Moore-Penrose pseudo-inverse: [..., M, N] -> [..., N, M]. "
                     "Its gradient holds where the rank stays the same.",
              .params = {{"x"}, RTOL}, .torch = "torch.linalg.pinv",
              .shape = pinv_shape,
              .forward = pinv_forward, .vjp = pinv_vjp,
              .flags = ORR_KEEPS_Y,
              .samples = {"{ {3,3}, diagonal = 2 }", "{ {4,2}, diagonal = 2 }",
                          "{ {2,2,4}, diagonal = 2 }",
                          "{ {3,3}, diagonal = 3, rtol = 1e-3 }",
                          "{ {0,3} }", "{ {0,2,3} }",
                          "{ {3}, error = 'pinv: x is [3] but must have at "
                          "least 2 axes; use :view or :unsqueeze' }",
                          "{ {2,2}, low = math.huge, high = math.huge, error = "
                          "'pinv: x holds NaN or infinity; look for where it "
                          "came from with orrery.detect_anomaly' }"});

// ---- lstsq: the solution, squared residuals, and rank

static bool lstsq_shape(orr_call *c) {
  char s[128], t[128];
  orr_matrices m;
  if (!orr_want_matrix(c, 0) || !orr_want_matrix(c, 1)) return false;
  if (orr_rows(c->x[0]) != orr_rows(c->x[1]))
    return orr_fail(c, "a is %s but b is %s; b must have %d rows",
                    orr_shape_text(c->x[0], s, sizeof s),
                    orr_shape_text(c->x[1], t, sizeof t), orr_rows(c->x[0]));
  if (!orr_matrices_of(&m, c, -1)) return false;
  const orr_dtype dtype = c->x[0]->dtype;
  m.size[m.rank] = orr_cols(c->x[1]);
  if (!orr_out(c, 1, dtype, m.rank + 1, m.size)) return false;
  if (!orr_out(c, 2, ORR_I64, m.rank, m.size)) return false;
  m.size[m.rank] = orr_cols(c->x[0]);
  m.size[m.rank + 1] = orr_cols(c->x[1]);
  return orr_out(c, 0, dtype, m.rank + 2, m.size);
}

// r[k] = |b - a y|^2 for each column; b is lost.
static void residuals(int rows, int cols, int n, const double *a,
                      const double *y, double *b, double *r) {
  for (int64_t k = 0; k < n; k++) {
    double *column = b + k * rows, sum = 0;
    for (int64_t j = 0; j < cols; j++)
      for (int64_t i = 0; i < rows; i++)
        column[i] -= a[j * rows + i] * y[k * cols + j];
    for (int64_t i = 0; i < rows; i++) sum += column[i] * column[i];
    r[k] = sum;
  }
}

enum { B_NOT_FINITE = -2 };

// v (s^-1 u^T b) without forming the pseudo-inverse.
static int lstsq_entry(const orr_matrices *m, int64_t i, double *scratch) {
  const parts p = layout(m->c->x[0], scratch);
  const int n = orr_cols(m->c->x[1]);
  double *b = p.spare, *t = b + orr_area(p.rows, n), *y = t + orr_area(p.k, n);
  double *r = y + orr_area(p.cols, n);
  if (!orr_matrix_load(m, 1, i, b)) return B_NOT_FINITE;
  const int info = decompose(m, i, &p);
  if (info) return info;
  orr_lapack_product(true, false, p.k, n, p.rows, p.u, b, t);
  orr_lapack_product(true, false, p.cols, n, p.k, p.vt, t, y);
  orr_matrix_store(m, 0, i, y, p.cols, n);
  orr_matrix_load(m, 0, i, p.x);
  residuals(p.rows, p.cols, n, p.x, y, b, r);
  orr_matrix_store(m, 1, i, r, n, 1);
  const double least = cutoff(m, p.k, p.s);
  int64_t *rank = (int64_t *)orr_data(m->c->y[2]) + i;
  *rank = 0;
  while (*rank < p.k && p.s[*rank] > least) ++*rank;
  return 0;
}

static bool lstsq_forward(orr_call *c) {
  orr_matrices m;
  const parts p = layout(c->x[0], NULL);
  const int n = orr_cols(c->x[1]);
  const size_t doubles = layout_doubles(c->x[0]) + orr_area(p.rows, n) +
      orr_area(p.k, n) + orr_area(p.cols, n) + (size_t)n;
  if (!orr_matrices_of(&m, c, -1)) return false;
  if (orr_matrices_run(&m, lstsq_entry, doubles)) return true;
  const bool b = m.info == B_NOT_FINITE;
  if (b) m.info = ORR_NOT_FINITE;
  return orr_matrices_odd(&m, b ? 1 : 0);
}

// y = a^+ b with dp of pinv: k = p^T gy, r = b - a y,
// ga = r k^T p^T + p^T y (gy - a^T k)^T - k y^T, gb = k.
static void solution_gradient(orr_vjp *v, orr_tensor *r, orr_tensor *gy) {
  orr_tensor *a = v->x[0], *y = v->y[0];
  orr_tensor *pt = turned(ORR(pinv, a, .attr = {v->attr[0]}));
  orr_tensor *k = orr_matmul(pt, gy);
  v->gx[1] = k;
  orr_tensor *outside = ORR(sub, gy, orr_matmul(turned(a), k));
  orr_tensor *g = orr_matmul(orr_matmul(r, turned(k)), pt);
  g = ORR(add, g, orr_matmul(orr_matmul(pt, y), turned(outside)));
  v->gx[0] = ORR(sub, g, orr_matmul(k, turned(y)));
}

// Moving y changes the least |r|^2 by nothing: gb = 2 r, ga = -2 r y^T.
static void lstsq_vjp(orr_vjp *v) {
  orr_tensor *y = v->y[0];
  orr_tensor *r = ORR(sub, v->x[1], orr_matmul(v->x[0], y));
  if (v->gys[0]) solution_gradient(v, r, v->gys[0]);
  if (!v->gys[1]) return;
  orr_tensor *g = ORR(unsqueeze, v->gys[1], .attr = {-2});
  orr_tensor *gb = ORR(mul, ORR(mul, r, g), orr_num(r, 2));
  orr_tensor *ga = ORR(neg, orr_matmul(gb, turned(y)));
  v->gx[0] = v->gx[0] ? ORR(add, v->gx[0], ga) : ga;
  v->gx[1] = v->gx[1] ? ORR(add, v->gx[1], gb) : gb;
}

ORR_DEFINE_OP(lstsq,
              .doc = "The x with the least |a x - b|, and of those the "
                     "shortest, for a [..., M, N] of any rank, b [..., M, K]; "
                     "then |a x - b|^2 of each column [..., K], and the rank "
                     "of a.",
              .params = {{"a", .doc = "[..., M, N]"}, {"b", .doc = "[..., M, K]"},
                         RTOL},
              .outputs = 3, .torch = "torch.linalg.lstsq",
              .shape = lstsq_shape, .forward = lstsq_forward,
              .vjp = lstsq_vjp, .flags = ORR_KEEPS_Y,
              .samples = {"{ {4,2}, {4,3}, diagonal = 2 }",
                          "{ {2,3}, {2,2,1}, diagonal = 2 }",
                          "{ {2,3,3}, {3,2}, diagonal = 3, rtol = 1e-3 }",
                          "{ {0,2}, {0,3} }", "{ {2,2}, {2,0}, diagonal = 2 }",
                          "{ {3,2}, {2,2}, error = 'lstsq: a is [3, 2] but b "
                          "is [2, 2]; b must have 3 rows' }",
                          "{ {1,1}, {1,1}, low = math.huge, high = math.huge, "
                          "error = 'lstsq: b holds NaN or infinity; look for "
                          "where it came from with orrery.detect_anomaly' }",
                          "{ {2,2,2}, {3,2,2}, error = 'lstsq: a is [2, 2, 2], "
                          "b is [3, 2, 2]: the batch axes do not broadcast; "
                          "sizes must be equal or 1' }"});

// ---- matrix_rank

static orr_tensor *matrix_rank_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  if (!orr_want_matrix(c, 0)) return NULL;
  const int rows = orr_rows(x), cols = orr_cols(x);
  const double eps = x->dtype == ORR_F32 ? FLT_EPSILON : DBL_EPSILON;
  const double rtol =
      c->attr[0] < 0 ? (rows > cols ? rows : cols) * eps : c->attr[0];
  orr_tensor *s = ORR(svdvals, x), *least = orr_num(s, 0);
  if (rows && cols) {
    orr_tensor *first = ORR(narrow, s, .attr = {-1, 0, 1, 1});
    least = ORR(mul, first, orr_num(s, rtol));
  }
  orr_tensor *counted = orr_cast(ORR(gt, s, least), ORR_I64);
  return ORR(sum, counted, .attr = {1, -1});
}

ORR_DEFINE_OP(matrix_rank,
    .doc = "How many singular values count as more than 0.",
    .params = {{"x"}, RTOL}, .compose = matrix_rank_compose,
    .torch = "torch.linalg.matrix_rank",
    .flags = ORR_NO_GRAD,
    .samples = {"{ {3,4} }", "{ {2,3,3}, rtol = 0.5 }", "{ {0,3} }",
        "{ {0,2,2} }",
        "{ {3}, error = 'matrix_rank: x is [3] but must have at least 2 axes; "
        "use :view or :unsqueeze' }"});
