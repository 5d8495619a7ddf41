// solve.c -- linear systems, inverses and determinants, by LU factors.
#include <math.h>
#include <string.h>

#include "../kernels/lapack.h"
#include "matrices.h"

#define A \
  { "a", .doc = "[..., N, N]" }
#define SINGULAR                                                 \
  "is singular: it has no inverse; use pinv or lstsq, or add a " \
  "small multiple of the identity"

// b is one column per entry, as NumPy and PyTorch decide: it has one axis, or
// is a's shape without its last one.
static bool is_vector(const orr_tensor *a, const orr_tensor *b) {
  return b->rank == 1 ||
      (b->rank == a->rank - 1 &&
       !memcmp(a->size, b->size, (size_t)b->rank * sizeof *b->size));
}

// Output 0 is like b, of the batch both broadcast to.
static bool solution_shape(orr_call *c, bool vector, bool left) {
  const orr_tensor *a = c->x[0], *b = c->x[1];
  const int n = orr_cols(a);
  char s[128], t[128];
  orr_matrices m;
  const bool wide = !vector && !left;
  if (b->size[b->rank - (vector || wide ? 1 : 2)] != n)
    return orr_fail(c, "a is %s but b is %s; b must have %d %s",
                    orr_shape_text(a, s, sizeof s),
                    orr_shape_text(b, t, sizeof t), n,
                    wide ? "columns" : "rows");
  if (!orr_matrices_of(&m, c, vector ? 1 : -1)) return false;
  const int axes = vector ? 1 : 2;
  for (int i = 0; i < axes; i++)
    m.size[m.rank + i] = b->size[b->rank - axes + i];
  return orr_out(c, 0, b->dtype, m.rank + axes, m.size);
}

// ---- solve: attr left

static bool from_left(const double *attr) { return attr[0] != 0; }

static bool solve_vector(const orr_call *c) {
  return from_left(c->attr) && is_vector(c->x[0], c->x[1]);
}

static bool solve_shape(orr_call *c) {
  if (!orr_want_square(c, 0) || !orr_want_min_rank(c, 1, 1)) return false;
  const bool vector = solve_vector(c);
  return (vector || orr_want_matrix(c, 1)) &&
      solution_shape(c, vector, from_left(c->attr));
}

// How many systems one matrix has.
static int solve_count(const orr_matrices *m) {
  const orr_tensor *b = m->c->x[1];
  if (m->vector == 1) return 1;
  return from_left(m->c->attr) ? orr_cols(b) : orr_rows(b);
}

// to[n, m] = from[m, n]^T
static void transpose(int m, int n, const double *from, double *to) {
  for (int64_t c = 0; c < n; c++)
    for (int64_t r = 0; r < m; r++) to[r * n + c] = from[c * m + r];
}

// x a = b is a^T x^T = b^T.
static int solve_entry(const orr_matrices *m, int64_t i, double *scratch) {
  const int n = orr_cols(m->c->x[0]), k = solve_count(m);
  const size_t size = (size_t)n * (size_t)k;
  const bool left = from_left(m->c->attr);
  double *a = scratch, *b = a + orr_area(n, n), *other = b + size;
  int *pivot = orr_pivots(other + (left ? 0 : orr_area(n, n) + size));
  orr_matrix_load(m, 0, i, left ? a : other);
  if (!left) transpose(n, n, other, a);
  orr_matrix_load(m, 1, i, left ? b : other);
  if (!left) transpose(k, n, other, b);
  const int info = orr_lapack_lu(n, a, pivot);
  if (info) return info;
  orr_lapack_lu_solve(n, k, a, pivot, b);
  if (!left) transpose(n, k, b, other);
  orr_matrix_store(m, 0, i, left ? b : other, left ? n : k, left ? k : n);
  return 0;
}

static bool solve_forward(orr_call *c) {
  orr_matrices m;
  if (!orr_matrices_of(&m, c, solve_vector(c) ? 1 : -1)) return false;
  const size_t n = (size_t)orr_cols(c->x[0]);
  const size_t each = n * n + n * (size_t)solve_count(&m);
  return orr_matrices_run(&m, solve_entry,
                          (from_left(c->attr) ? each : 2 * each) + n) ||
      orr_matrices_fail(&m, 0, SINGULAR);
}

static orr_tensor *column(orr_tensor *x, bool vector) {
  return vector ? ORR(unsqueeze, x, .attr = {-1}) : x;
}

// x = a^-1 b: gb = a^-T gx, ga = -gb x^T; x = b a^-1: gb = gx a^-T,
// ga = -x^T gb.
static void solve_vjp(orr_vjp *v) {
  const bool left = from_left(v->attr);
  const bool vector = left && is_vector(v->x[0], v->x[1]);
  orr_tensor *at = orr_transpose_last(v->x[0]);
  orr_tensor *gb = ORR(solve, at, column(v->gy, vector), .attr = {v->attr[0]});
  if (v->needs[0]) {
    orr_tensor *xt = orr_transpose_last(column(v->y[0], vector));
    v->gx[0] = ORR(neg, left ? orr_matmul(gb, xt) : orr_matmul(xt, gb));
  }
  if (v->needs[1]) v->gx[1] = vector ? ORR(squeeze, gb, .attr = {1, -1}) : gb;
}

ORR_DEFINE_OP(solve,
              .doc = "The x of a x = b, for b [..., N, K] or vectors [..., N], "
                     "or of x a = b with left = false, for b [..., K, N]; the "
                     "axes before broadcast.",
              .params = {A, {"b", .doc = "[..., N, K] or [..., N]"},
                         {"left", ORR_BOOL, .def = 1, .doc = "a x = b"}},
              .torch = "torch.linalg.solve",
              .shape = solve_shape, .forward = solve_forward,
              .vjp = solve_vjp, .flags = ORR_KEEPS_Y,
              .samples = {"{ {3,3}, {3,2}, diagonal = 3 }",
                          "{ {3,3}, {3}, diagonal = 3 }",
                          "{ {2,3,3}, {2,3}, diagonal = 3 }",
                          "{ {2,3,3}, {3}, diagonal = 3 }",
                          "{ {3,3}, {2,3,1}, diagonal = 3 }",
                          "{ {0,2,2}, {0,2,3} }", "{ {0,0}, {0,3} }",
                          "{ {2,2}, {2,0}, diagonal = 3 }",
                          "{ {3,3}, {2,3}, left = false, diagonal = 3 }",
                          "{ {2,3,3}, {4,3}, left = false, diagonal = 3 }",
                          "{ {2,2}, {0,2}, left = false, diagonal = 3 }",
                          "{ {2,2}, {2,3}, left = false, error = 'solve: a is "
                          "[2, 2] but b is [2, 3]; b must have 2 columns' }",
                          "{ {2,3}, {2,2}, error = 'solve: a is [2, 3] but its "
                          "last two axes must be of equal size' }",
                          "{ {2,2}, {3,2}, error = 'solve: a is [2, 2] but b is "
                          "[3, 2]; b must have 2 rows' }",
                          "{ {2,2,2}, {3,2,2}, error = 'solve: a is [2, 2, 2], "
                          "b is [3, 2, 2]: the batch axes do not broadcast; "
                          "sizes must be equal or 1' }",
                          "{ {2,2,2}, {2,1}, low = 0, high = 0, error = 'solve: "
                          "batch entry 1 of a " SINGULAR "' }"});

// ---- solve_triangular: attr upper, left, unitriangular

static bool triangular_shape(orr_call *c) {
  return orr_want_square(c, 0) && orr_want_matrix(c, 1) &&
      solution_shape(c, false, c->attr[1] != 0);
}

static int triangular_entry(const orr_matrices *m, int64_t i, double *scratch) {
  const int n = orr_cols(m->c->x[0]);
  const int rows = orr_rows(m->c->x[1]), cols = orr_cols(m->c->x[1]);
  const bool unit = m->c->attr[2] != 0;
  double *b = scratch + orr_area(n, n);
  orr_matrix_load(m, 0, i, scratch);
  orr_matrix_load(m, 1, i, b);
  for (int64_t k = 0; k < n && !unit; k++)
    if (scratch[k * n + k] == 0) return (int)k + 1;
  orr_lapack_triangular(m->c->attr[1] != 0, m->c->attr[0] != 0, unit, rows,
                        cols, scratch, b);
  orr_matrix_store(m, 0, i, b, rows, cols);
  return 0;
}

static bool triangular_forward(orr_call *c) {
  orr_matrices m;
  if (!orr_matrices_of(&m, c, -1)) return false;
  const orr_tensor *b = c->x[1];
  const size_t doubles = orr_area(orr_cols(c->x[0]), orr_cols(c->x[0])) +
      (size_t)orr_rows(b) * (size_t)orr_cols(b);
  return orr_matrices_run(&m, triangular_entry, doubles) ||
      orr_matrices_fail(&m, 0,
                        "has a 0 on its diagonal: it has no inverse; add a "
                        "small multiple of the identity");
}

// As for solve; of ga only the triangle that is read counts.
static void triangular_vjp(orr_vjp *v) {
  const bool upper = v->attr[0] != 0, left = v->attr[1] != 0;
  const bool unit = v->attr[2] != 0;
  orr_tensor *gb = ORR(solve_triangular, orr_transpose_last(v->x[0]), v->gy,
                       .attr = {!upper, left, unit});
  if (v->needs[1]) v->gx[1] = gb;
  if (!v->needs[0]) return;
  orr_tensor *xt = orr_transpose_last(v->y[0]);
  orr_tensor *ga = ORR(neg, left ? orr_matmul(gb, xt) : orr_matmul(xt, gb));
  v->gx[0] = upper ? ORR(triu, ga, .attr = {unit ? 1 : 0})
                   : ORR(tril, ga, .attr = {unit ? -1 : 0});
}

ORR_DEFINE_OP(solve_triangular,
              .doc = "The x of a x = b, or x a = b with left = false, for a "
                     "triangular a; its other triangle is not read.",
              .params = {A, {"b", .doc = "[..., N, K], or [..., K, N]"},
                         {"upper", ORR_BOOL, .required = true,
                          .doc = "whether a is upper triangular"},
                         {"left", ORR_BOOL, .def = 1, .doc = "a x = b"},
                         {"unitriangular", ORR_BOOL,
                          .doc = "take a's diagonal as ones"}},
              .torch = "torch.linalg.solve_triangular",
              .shape = triangular_shape, .forward = triangular_forward,
              .vjp = triangular_vjp, .flags = ORR_KEEPS_Y,
              .samples = {"{ {3,3}, {3,2}, upper = true, diagonal = 3 }",
                          "{ {3,3}, {2,3}, upper = false, left = false, "
                          "diagonal = 3 }",
                          "{ {3,3}, {2,3}, upper = true, left = false, diagonal "
                          "= 3 }",
                          "{ {2,3,3}, {3,1}, upper = false, unitriangular = "
                          "true }",
                          "{ {3,3}, {2,3,1}, upper = true, unitriangular = true "
                          "}",
                          "{ {0,2,2}, {0,2,3}, upper = true }",
                          "{ {0,0}, {0,3}, upper = true }",
                          "{ {2,2}, {3,2}, upper = true, error = "
                          "'solve_triangular: a is [2, 2] but b is [3, 2]; b "
                          "must have 2 rows' }",
                          "{ {2,2}, {2,3}, upper = true, left = false, error = "
                          "'solve_triangular: a is [2, 2] but b is [2, 3]; b "
                          "must have 2 columns' }",
                          "{ {2,2}, {2,1}, upper = true, low = 0, high = 0, "
                          "error = 'solve_triangular: a has a 0 on its "
                          "diagonal: it has no inverse; add a small multiple "
                          "of the identity' }"});

// ---- inverse

static bool square_shape(orr_call *c) {
  return orr_want_square(c, 0) && orr_out_like(c, c->x[0]);
}

static int inverse_entry(const orr_matrices *m, int64_t i, double *scratch) {
  const int n = orr_cols(m->c->x[0]);
  double *b = scratch + orr_area(n, n);
  int *pivot = orr_pivots(b + orr_area(n, n));
  orr_matrix_load(m, 0, i, scratch);
  memset(b, 0, orr_area(n, n) * sizeof *b);
  for (int64_t k = 0; k < n; k++) b[k * n + k] = 1;
  const int info = orr_lapack_lu(n, scratch, pivot);
  if (info) return info;
  orr_lapack_lu_solve(n, n, scratch, pivot, b);
  orr_matrix_store(m, 0, i, b, n, n);
  return 0;
}

static bool inverse_forward(orr_call *c) {
  orr_matrices m;
  const int n = orr_cols(c->x[0]);
  return orr_matrices_of(&m, c, -1) &&
      (orr_matrices_run(&m, inverse_entry, 2 * orr_area(n, n) + (size_t)n) ||
       orr_matrices_fail(&m, 0, SINGULAR));
}

static void inverse_vjp(orr_vjp *v) {
  orr_tensor *t = orr_transpose_last(v->y[0]);
  v->gx[0] = ORR(neg, orr_matmul(orr_matmul(t, v->gy), t));
}

#define NOT_SQUARE(NAME)                                                \
  "{ {2,3}, error = '" NAME ": x is [2, 3] but its last two axes must " \
  "be of equal size' }"

ORR_DEFINE_OP(inverse,
              .doc = "Inverse of square matrices. To solve a system, solve is "
                     "faster and more precise.",
              .params = {{"x"}}, .shape = square_shape,
              .forward = inverse_forward, .vjp = inverse_vjp,
              .flags = ORR_KEEPS_Y,
              .samples = {"{ {3,3}, diagonal = 3 }",
                          "{ {2,1,3,3}, diagonal = -3 }",
                          "{ {1,1}, low = 0.5, high = 2 }", "{ {0,0} }",
                          "{ {0,2,2} }", NOT_SQUARE("inverse"),
                          "{ {2,2}, low = 0, high = 0, error = 'inverse: x "
                          SINGULAR "' }",
                          "{ {2,2,1,1}, low = 0, high = 0, error = 'inverse: "
                          "batch entry [1, 1] of x " SINGULAR "' }"});

// ---- det, slogdet

static bool det_shape(orr_call *c) {
  return orr_want_square(c, 0) && orr_out_matrix(c, 0, 0, 0, 0);
}

// The sign of det(x), with log|det(x)|; x is lost.
static double log_det(int n, double *x, int *pivot, double *log_size) {
  double sign = 1;
  *log_size = 0;
  orr_lapack_lu(n, x, pivot);
  for (int64_t k = 0; k < n; k++) {
    const double u = x[k * n + k];
    if (pivot[k] != k + 1) sign = -sign;
    sign *= u == 0 ? 0 : u < 0 ? -1 : u > 0 ? 1 : NAN;
    *log_size += log(fabs(u));
  }
  return sign;
}

static int det_entry(const orr_matrices *m, int64_t i, double *scratch) {
  const int n = orr_cols(m->c->x[0]);
  int *pivot = orr_pivots(scratch + orr_area(n, n));
  double det = 1;
  orr_matrix_load(m, 0, i, scratch);
  orr_lapack_lu(n, scratch, pivot);
  for (int64_t k = 0; k < n; k++) {
    det *= scratch[k * n + k];
    if (pivot[k] != k + 1) det = -det;
  }
  orr_matrix_store(m, 0, i, &det, 1, 1);
  return 0;
}

static bool det_forward(orr_call *c) {
  orr_matrices m;
  const int n = orr_cols(c->x[0]);
  return orr_matrices_of(&m, c, -1) &&
      orr_matrices_run(&m, det_entry, orr_area(n, n) + (size_t)n);
}

static orr_tensor *as_matrices(orr_tensor *x) {
  return ORR(unsqueeze, ORR(unsqueeze, x, .attr = {-1}), .attr = {-1});
}

// d det = <cofactors, dx>: unlike det x^-T it holds for singular x too.
static void det_vjp(orr_vjp *v) {
  v->gx[0] = ORR(mul, as_matrices(v->gy), ORR(cofactor, v->x[0]));
}

ORR_DEFINE_OP(det,
              .doc = "Determinant of square matrices. Large ones overflow; "
                     "slogdet does not.",
              .params = {{"x"}}, .shape = det_shape, .forward = det_forward,
              .vjp = det_vjp,
              .samples = {"{ {3,3} }", "{ {2,1,2,2}, low = -2, high = 2 }",
                          "{ {4,4}, diagonal = 2 }", "{ {1,1} }", "{ {0,0} }",
                          "{ {0,2,2} }", NOT_SQUARE("det")});

// x = U S V^T gives cof(x) = det(U) det(V) U cof(S) V^T, and the cofactors of
// a diagonal are the products of all other entries.
static int cofactor_entry(const orr_matrices *m, int64_t i, double *scratch) {
  const int n = orr_cols(m->c->x[0]);
  double *u = scratch + orr_area(n, n), *vt = u + orr_area(n, n);
  double *s = vt + orr_area(n, n), *work = s + n, unused;
  if (!orr_matrix_load(m, 0, i, scratch)) return ORR_NOT_FINITE;
  const int info = orr_lapack_svd(n, n, scratch, s, u, vt, work);
  if (info) return info;
  int *pivot = orr_pivots(work);
  memcpy(scratch, u, orr_area(n, n) * sizeof *u);
  double sign = log_det(n, scratch, pivot, &unused);
  memcpy(scratch, vt, orr_area(n, n) * sizeof *vt);
  sign *= log_det(n, scratch, pivot, &unused);
  for (int64_t k = 0; k < n; k++) {
    double others = sign;
    for (int64_t j = 0; j < n; j++)
      if (j != k) others *= s[j];
    for (int64_t r = 0; r < n; r++) u[k * n + r] *= others;
  }
  orr_lapack_product(false, false, n, n, n, u, vt, scratch);
  orr_matrix_store(m, 0, i, scratch, n, n);
  return 0;
}

static bool cofactor_forward(orr_call *c) {
  orr_matrices m;
  const int n = orr_cols(c->x[0]);
  const size_t doubles =
      3 * orr_area(n, n) + (size_t)n + orr_lapack_svd_work(n, n);
  return orr_matrices_of(&m, c, -1) &&
      (orr_matrices_run(&m, cofactor_entry, doubles) ||
       orr_matrices_odd(&m, 0));
}

// With w = x^-T, cof = det w and d cof = det (<w, dx> w - w dx^T w).
static void cofactor_vjp(orr_vjp *v) {
  orr_tensor *w = orr_transpose_last(ORR(inverse, v->x[0]));
  orr_tensor *along = ORR(mul, v->gy, w);
  along = ORR(sum, along, .attr = {2, -2, -1, [9] = true});
  orr_tensor *turned = orr_matmul(orr_matmul(w, orr_transpose_last(v->gy)), w);
  orr_tensor *d = as_matrices(ORR(det, v->x[0]));
  v->gx[0] = ORR(mul, d, ORR(sub, ORR(mul, along, w), turned));
}

ORR_DEFINE_OP(cofactor,
              .doc = "Cofactors of square matrices: the gradient of det.",
              .params = {{"x"}}, .shape = square_shape,
              .forward = cofactor_forward, .vjp = cofactor_vjp,
              .flags = ORR_HIDDEN,
              .samples = {"{ {3,3}, diagonal = 2 }",
                          "{ {2,2,2}, diagonal = -2 }",
                          "{ {1,1}, diagonal = 2 }", "{ {0,0} }",
                          "{ {0,2,2} }"});

static bool slogdet_shape(orr_call *c) {
  return orr_want_square(c, 0) && orr_out_matrix(c, 0, 0, 0, 0) &&
      orr_out_matrix(c, 1, 0, 0, 0);
}

static int slogdet_entry(const orr_matrices *m, int64_t i, double *scratch) {
  const int n = orr_cols(m->c->x[0]);
  double size;
  orr_matrix_load(m, 0, i, scratch);
  const double sign =
      log_det(n, scratch, orr_pivots(scratch + orr_area(n, n)), &size);
  orr_matrix_store(m, 0, i, &sign, 1, 1);
  orr_matrix_store(m, 1, i, &size, 1, 1);
  return 0;
}

static bool slogdet_forward(orr_call *c) {
  orr_matrices m;
  const int n = orr_cols(c->x[0]);
  return orr_matrices_of(&m, c, -1) &&
      orr_matrices_run(&m, slogdet_entry, orr_area(n, n) + (size_t)n);
}

static void slogdet_vjp(orr_vjp *v) {
  if (!v->gys[1]) return;
  v->gx[0] = ORR(mul, as_matrices(v->gys[1]),
                 orr_transpose_last(ORR(inverse, v->x[0])));
}

ORR_DEFINE_OP(slogdet,
              .doc = "Sign of the determinant, and the log of its size: 0 and "
                     "-infinity for a singular matrix.",
              .params = {{"x"}}, .outputs = 2, .shape = slogdet_shape,
              .forward = slogdet_forward, .vjp = slogdet_vjp,
              .samples = {"{ {3,3}, diagonal = 3 }",
                          "{ {2,1,2,2}, diagonal = -2 }", "{ {1,1} }",
                          "{ {0,0} }", "{ {0,2,2} }", NOT_SQUARE("slogdet")});

// ---- made of these

static orr_tensor *logdet_compose(orr_call *c) {
  const orr_args args = {.x = {c->x[0]}};
  orr_tensor *y[ORR_MAX_OUTPUT];
  if (!orr_want_square(c, 0)) return NULL;
  if (!orr_apply_all(&orr_op_slogdet, &args, y)) return NULL;
  orr_keep(y[0]), orr_keep(y[1]);
  orr_tensor *negative = ORR(lt, y[0], orr_num(y[0], 0));
  return ORR(where, negative, orr_num(y[1], NAN), y[1]);
}

ORR_DEFINE_OP(logdet,
    .doc = "Log of the determinant: -infinity for 0, NaN below. slogdet gives "
           "the sign apart.",
    .params = {{"x"}}, .compose = logdet_compose,
    .samples = {"{ {3,3}, diagonal = 3 }", "{ {2,1,2,2}, diagonal = 3 }",
        "{ {1,1}, diagonal = 2 }", "{ {0,0} }", "{ {0,2,2} }",
        "{ {1,1}, diagonal = -2, nograd = true, reason = 'it is NaN' }",
        NOT_SQUARE("logdet")});

static orr_tensor *cholesky_solve_compose(orr_call *c) {
  orr_tensor *b = c->x[0], *l = c->x[1];
  const bool upper = c->attr[0] != 0;
  char s[128], t[128];
  if (!orr_want_matrix(c, 0) || !orr_want_square(c, 1)) return NULL;
  if (orr_rows(b) != orr_rows(l)) {
    orr_fail(c, "l is %s but b is %s; b must have %d rows",
             orr_shape_text(l, s, sizeof s), orr_shape_text(b, t, sizeof t),
             orr_rows(l));
    return NULL;
  }
  orr_tensor *lt = orr_transpose_last(l);
  b = ORR(solve_triangular, upper ? lt : l, b, .attr = {false, true});
  return ORR(solve_triangular, upper ? l : lt, b, .attr = {true, true});
}

ORR_DEFINE_OP(cholesky_solve,
    .doc = "The x of l l^T x = b, from the factor that cholesky gives.",
    .params = {{"b", .doc = "[..., N, K]"}, {"l", .doc = "[..., N, N]"},
        {"upper", ORR_BOOL, .doc = "l is the factor's transpose"}},
    .compose = cholesky_solve_compose,
    .samples = {"{ {3,2}, {3,3}, low = 0.5, high = 2 }",
        "{ {3,1}, {2,3,3}, upper = true, low = 0.5, high = 2 }",
        "{ {0,2}, {0,0} }", "{ {2,0}, {2,2}, low = 0.5, high = 2 }",
        "{ {2,2}, {3,3}, error = 'cholesky_solve: l is [3, 3] but b is [2, "
        "2]; b must have 3 rows' }"});

static orr_tensor *cholesky_inverse_compose(orr_call *c) {
  orr_tensor *l = c->x[0];
  if (!orr_want_square(c, 0)) return NULL;
  const int64_t n = orr_rows(l), size[2] = {n, n};
  orr_tensor *one = orr_keep(orr_zeros(l->dtype, 2, size));
  if (!one) return NULL;
  for (int64_t i = 0; i < n; i++) orr_set(one, i * (n + 1), 1);
  orr_tensor *x = ORR(cholesky_solve, one, l, .attr = {c->attr[0]});
  return orr_expand_to(x, l->rank, l->size);
}

ORR_DEFINE_OP(cholesky_inverse,
    .doc = "The inverse of x x^T, where x is the factor that cholesky gives.",
    .params = {{"x", .doc = "[..., N, N]"},
        {"upper", ORR_BOOL, .doc = "x is the factor's transpose"}},
    .compose = cholesky_inverse_compose,
    .samples = {"{ {3,3}, low = 0.5, high = 2 }",
        "{ {2,3,3}, upper = true, low = 0.5, high = 2 }", "{ {0,0} }",
        "{ {0,2,2} }", NOT_SQUARE("cholesky_inverse")});
