// matrix_functions.c -- exponential and square root of square matrices.
#include <float.h>
#include <math.h>
#include <string.h>

#include "../kernels/lapack.h"
#include "matrices.h"

static bool square_shape(orr_call *c) {
  return orr_want_square(c, 0) && orr_out_like(c, c->x[0]);
}

#define NOT_SQUARE(NAME)                                                \
  "{ {2,3}, error = '" NAME ": x is [2, 3] but its last two axes must " \
  "be of equal size' }"

// ---- matrix_exp

static double norm1(int n, const double *a) {
  double most = 0;
  for (int64_t c = 0; c < n; c++) {
    double sum = 0;
    for (int64_t r = 0; r < n; r++) sum += fabs(a[c * n + r]);
    if (sum > most) most = sum;
  }
  return most;
}

// y = c[0] 1 + c[1] a + c[2] b + c[3] d, elementwise.
static void blend(int n, double *y, const double *c, const double *a,
                  const double *b, const double *d) {
  for (size_t i = 0; i < orr_area(n, n); i++)
    y[i] = c[1] * a[i] + c[2] * b[i] + c[3] * d[i];
  for (int64_t i = 0; i < n; i++) y[i * n + i] += c[0];
}

// Scaling and squaring with the [13/13] Pade approximant, whose error is below
// the rounding of float64 up to a norm of 5.37 (Higham 2005).
static void exponential(int n, double *a, double *work, int *pivot) {
  static const double b[] = {64764752532480000.,
                             32382376266240000.,
                             7771770303897600.,
                             1187353796428800.,
                             129060195264000.,
                             10559470521600.,
                             670442572800.,
                             33522128640.,
                             1323241920.,
                             40840800.,
                             960960.,
                             16380.,
                             182.,
                             1.};
  const size_t size = orr_area(n, n);
  double *a2 = work, *a4 = a2 + size, *a6 = a4 + size, *u = a6 + size;
  double *v = u + size, *t = v + size;
  int halvings = 0;
  frexp(norm1(n, a) / 5.371920351148152, &halvings);
  if (halvings < 0) halvings = 0;
  for (size_t i = 0; i < size; i++) a[i] = ldexp(a[i], -halvings);
  orr_lapack_product(false, false, n, n, n, a, a, a2);
  orr_lapack_product(false, false, n, n, n, a2, a2, a4);
  orr_lapack_product(false, false, n, n, n, a4, a2, a6);
  blend(n, t, (double[]){0, b[9], b[11], b[13]}, a2, a4, a6);
  orr_lapack_product(false, false, n, n, n, a6, t, u);
  blend(n, t, (double[]){b[1], b[3], b[5], b[7]}, a2, a4, a6);
  for (size_t i = 0; i < size; i++) t[i] += u[i];
  orr_lapack_product(false, false, n, n, n, a, t, u);
  blend(n, t, (double[]){0, b[8], b[10], b[12]}, a2, a4, a6);
  orr_lapack_product(false, false, n, n, n, a6, t, v);
  blend(n, t, (double[]){b[0], b[2], b[4], b[6]}, a2, a4, a6);
  for (size_t i = 0; i < size; i++) {
    v[i] += t[i];
    a[i] = v[i] + u[i];
    v[i] -= u[i];
  }
  orr_lapack_lu(n, v, pivot);
  orr_lapack_lu_solve(n, n, v, pivot, a);
  for (int k = 0; k < halvings; k++) {
    orr_lapack_product(false, false, n, n, n, a, a, t);
    memcpy(a, t, size * sizeof *a);
  }
}

static int exp_entry(const orr_matrices *m, int64_t i, double *scratch) {
  const int n = orr_cols(m->c->x[0]);
  double *work = scratch + orr_area(n, n);
  if (!orr_matrix_load(m, 0, i, scratch)) return ORR_NOT_FINITE;
  exponential(n, scratch, work, orr_pivots(work + 6 * orr_area(n, n)));
  orr_matrix_store(m, 0, i, scratch, n, n);
  return 0;
}

static bool exp_forward(orr_call *c) {
  orr_matrices m;
  const int n = orr_cols(c->x[0]);
  return orr_matrices_of(&m, c, -1) &&
      (orr_matrices_run(&m, exp_entry, 7 * orr_area(n, n) + (size_t)n) ||
       orr_matrices_odd(&m, 0));
}

static orr_tensor *join(orr_tensor *a, orr_tensor *b, int axis) {
  orr_tensor *list[2] = {a, b};
  if (!a || !b) return NULL;
  const orr_args args = {.list = list, .n = 2, .attr = {axis}};
  return orr_keep(orr_apply(&orr_op_cat, &args));
}

// The derivative along gy at x^T stands in the corner of
// exp [[x^T, gy], [0, x^T]] (Mathias 1996).
static void exp_vjp(orr_vjp *v) {
  const int n = orr_cols(v->x[0]);
  orr_tensor *t = orr_transpose_last(v->x[0]);
  if (!t) return;
  orr_tensor *top = join(t, v->gy, -1);
  orr_tensor *bottom = join(ORR(zeros_like, t, .attr = {-1}), t, -1);
  orr_tensor *y = ORR(matrix_exp, join(top, bottom, -2));
  y = ORR(narrow, y, .attr = {-2, 0, n, 1});
  v->gx[0] = ORR(narrow, y, .attr = {-1, n, n, 1});
}

ORR_DEFINE_OP(matrix_exp,
              .doc = "Exponential of square matrices: 1 + x + x x / 2 + ...",
              .params = {{"x"}}, .shape = square_shape,
              .forward = exp_forward, .vjp = exp_vjp,
              .samples = {"{ {3,3} }", "{ {2,1,2,2}, low = -4, high = 1 }",
                          "{ {1,1} }", "{ {0,0} }", "{ {0,2,2} }",
                          NOT_SQUARE("matrix_exp"),
                          "{ {2,2}, low = math.huge, high = math.huge, error = "
                          "'matrix_exp: x holds NaN or infinity; look for "
                          "where it came from with orrery.detect_anomaly' }"});

// ---- sqrtm

// y = v diag(w^2) v^T, of scaled = v diag(w): half the work of other products.
static void rebuild(int n, const double *v, const double *w, double *scaled,
                    double *y) {
  for (int64_t k = 0; k < n; k++)
    for (int64_t r = 0; r < n; r++) scaled[k * n + r] = v[k * n + r] * w[k];
  orr_lapack_product(false, true, n, n, n, scaled, scaled, y);
}

enum { NEGATIVE = -2 };

// Values that rounding made negative count as 0.
static int sqrtm_entry(const orr_matrices *m, int64_t i, double *scratch) {
  const orr_tensor *x = m->c->x[0];
  const int n = orr_cols(x);
  const double eps = x->dtype == ORR_F32 ? FLT_EPSILON : DBL_EPSILON;
  double *scaled = scratch + orr_area(n, n), *y = scaled + orr_area(n, n);
  double *w = y + orr_area(n, n);
  if (!orr_matrix_load_symmetric(m, 0, i, scratch)) return ORR_NOT_FINITE;
  const int info = orr_lapack_eigh(n, scratch, w, w + n);
  if (info) return info;
  const double size = n ? fmax(fabs(w[0]), fabs(w[n - 1])) : 0;
  for (int k = 0; k < n; k++) {
    if (w[k] < -8 * n * eps * size) return NEGATIVE;
    w[k] = w[k] > 0 ? sqrt(sqrt(w[k])) : 0;
  }
  rebuild(n, scratch, w, scaled, y);
  orr_matrix_store(m, 0, i, y, n, n);
  return 0;
}

static bool sqrtm_forward(orr_call *c) {
  orr_matrices m;
  const int n = orr_cols(c->x[0]);
  const size_t doubles =
      3 * orr_area(n, n) + (size_t)n + orr_lapack_eigh_work(n);
  if (!orr_matrices_of(&m, c, -1)) return false;
  if (orr_matrices_run(&m, sqrtm_entry, doubles)) return true;
  if (m.info != NEGATIVE) return orr_matrices_odd(&m, 0);
  return orr_matrices_fail(&m, 0,
                           "has a negative eigenvalue; only a positive "
                           "semidefinite matrix has a real square root");
}

// y y = x: y dy + dy y = dx.
static void sqrtm_vjp(orr_vjp *v) {
  v->gx[0] = orr_symmetric(ORR(sqrtm_dx, v->y[0], v->gy));
}

ORR_DEFINE_OP(sqrtm,
              .doc = "The symmetric positive semidefinite y with y y = x, for "
                     "such x; x counts as (x + x^T) / 2. The gradient needs "
                     "positive eigenvalues.",
              .params = {{"x"}}, .torch = "", .shape = square_shape,
              .forward = sqrtm_forward, .vjp = sqrtm_vjp,
              .flags = ORR_KEEPS_Y,
              .samples = {"{ {3,3}, diagonal = 3 }",
                          "{ {2,1,2,2}, diagonal = 3 }",
                          "{ {1,1}, diagonal = 2 }", "{ {0,0} }",
                          "{ {0,2,2} }", NOT_SQUARE("sqrtm"),
                          "{ {2,2}, diagonal = -3, error = 'sqrtm: x has a "
                          "negative eigenvalue; only a positive semidefinite "
                          "matrix has a real square root' }"});

// In the eigenvectors of s the equation is (w_i + w_j) y_ij = g_ij.
static int sqrtm_dx_entry(const orr_matrices *m, int64_t i, double *scratch) {
  const int n = orr_cols(m->c->x[0]);
  double *g = scratch + orr_area(n, n), *t = g + orr_area(n, n);
  double *w = t + orr_area(n, n);
  if (!orr_matrix_load_symmetric(m, 0, i, scratch)) return ORR_NOT_FINITE;
  orr_matrix_load(m, 1, i, g);
  const int info = orr_lapack_eigh(n, scratch, w, w + n);
  if (info) return info;
  orr_lapack_product(true, false, n, n, n, scratch, g, t);
  orr_lapack_product(false, false, n, n, n, t, scratch, g);
  for (int64_t c = 0; c < n; c++)
    for (int64_t r = 0; r < n; r++) g[c * n + r] /= w[r] + w[c];
  orr_lapack_product(false, false, n, n, n, scratch, g, t);
  orr_lapack_product(false, true, n, n, n, t, scratch, g);
  orr_matrix_store(m, 0, i, g, n, n);
  return 0;
}

static bool sqrtm_dx_shape(orr_call *c) {
  return orr_want_square(c, 0) && orr_want_same(c, 0, 1) &&
      orr_out_like(c, c->x[0]);
}

static bool sqrtm_dx_forward(orr_call *c) {
  orr_matrices m;
  const int n = orr_cols(c->x[0]);
  const size_t doubles =
      3 * orr_area(n, n) + (size_t)n + orr_lapack_eigh_work(n);
  return orr_matrices_of(&m, c, -1) &&
      (orr_matrices_run(&m, sqrtm_dx_entry, doubles) ||
       orr_matrices_odd(&m, 0));
}

// The map g -> y is its own transpose; moving s gives
// s dy + dy s = -(ds y + y ds).
static void sqrtm_dx_vjp(orr_vjp *v) {
  orr_tensor *h = ORR(sqrtm_dx, v->x[0], v->gy);
  if (v->needs[1]) v->gx[1] = h;
  if (!v->needs[0]) return;
  orr_tensor *yt = orr_transpose_last(v->y[0]);
  orr_tensor *both = ORR(add, orr_matmul(h, yt), orr_matmul(yt, h));
  v->gx[0] = ORR(neg, orr_symmetric(both));
}

ORR_DEFINE_OP(sqrtm_dx,
              .doc = "The y of s y + y s = g for symmetric s: the gradient of "
                     "sqrtm.",
              .params = {{"s"}, {"g"}}, .shape = sqrtm_dx_shape,
              .forward = sqrtm_dx_forward, .vjp = sqrtm_dx_vjp,
              .flags = ORR_HIDDEN | ORR_KEEPS_Y,
              .samples = {"{ {3,3}, {3,3}, diagonal = 3 }",
                          "{ {2,2,2}, {2,2,2}, diagonal = 3 }",
                          "{ {0,0}, {0,0} }",
                          "{ {2,2}, {3,3}, error = 'sqrtm_dx: s is [2, 2] but "
                          "g is [3, 3]; match them' }"});

// ---- matrix_power

// By squaring.
static orr_tensor *matrix_power_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *y = NULL;
  const double n = c->attr[0];
  if (!orr_want_square(c, 0)) return NULL;
  if (n == 0) {
    orr_tensor *d = ORR(diagonal, x, .attr = {0, -2, -1});
    d = ORR(ones_like, d, .attr = {-1});
    return ORR(diag_embed, d, .attr = {0, -2, -1});
  }
  if (n == 1) return ORR(clone, x);
  if (n < 0) x = ORR(inverse, x);
  for (uint64_t left = (uint64_t)fabs(n); x && left; left /= 2) {
    if (left % 2) y = y ? orr_matmul(y, x) : x;
    if (left > 1) x = orr_matmul(x, x);
  }
  return x ? y : NULL;
}

ORR_DEFINE_OP(matrix_power,
    .doc = "The n-th power of square matrices; below 0, of the inverse.",
    .params = {{"x", .want = ORR_WANT_ANY}, {"n", ORR_INT, .required = true, .doc = "exponent"}},
    .compose = matrix_power_compose,
    .samples = {"{ {3,3}, n = 3 }", "{ {2,2,2}, n = 6 }",
        "{ {3,3}, n = -2, diagonal = 3 }", "{ {3,3}, n = 1 }",
        "{ {2,3,3}, n = 0 }", "{ {0,0}, n = 5 }",
        "{ {2,2}, n = 5, ints = { x = {-3,3} } }", "{ {0,2,2}, n = 2 }",
        "{ {2,3}, n = 2, error = 'matrix_power: x is [2, 3] but its last two "
        "axes must be of equal size' }"});
