// factor.c -- Cholesky, QR, eigenvalue and singular value decompositions.
#include <math.h>
#include <string.h>

#include "../kernels/lapack.h"
#include "matrices.h"

static orr_tensor *on_diagonal(orr_tensor *x) {
  return ORR(diag_embed, x, .attr = {0, -2, -1});
}
static orr_tensor *diagonal_of(orr_tensor *x) {
  return ORR(diagonal, x, .attr = {0, -2, -1});
}
static orr_tensor *times(orr_tensor *x, double factor) {
  return x ? ORR(mul, x, orr_num(x, factor)) : NULL;
}
static orr_tensor *sum2(orr_tensor *x, orr_tensor *y) {
  return x && y ? ORR(add, x, y) : x ? x : y;
}

#define NOT_SQUARE(NAME)                                                \
  "{ {2,3}, error = '" NAME ": x is [2, 3] but its last two axes must " \
  "be of equal size' }"

// ---- cholesky

static bool cholesky_shape(orr_call *c) {
  return orr_want_square(c, 0) && orr_out_like(c, c->x[0]);
}

static int cholesky_entry(const orr_matrices *m, int64_t i, double *scratch) {
  const int n = orr_cols(m->c->x[0]);
  if (!orr_matrix_load_symmetric(m, 0, i, scratch)) return ORR_NOT_FINITE;
  const int info = orr_lapack_cholesky(n, scratch);
  if (info) return info;
  for (int64_t c = 1; c < n; c++)
    for (int64_t r = 0; r < c; r++) {
      scratch[c * n + r] = 0;
      if (m->c->attr[0] == 0) continue;
      scratch[c * n + r] = scratch[r * n + c];  // upper: L^T
      scratch[r * n + c] = 0;
    }
  orr_matrix_store(m, 0, i, scratch, n, n);
  return 0;
}

static bool cholesky_forward(orr_call *c) {
  orr_matrices m;
  const int n = orr_cols(c->x[0]);
  if (!orr_matrices_of(&m, c, -1)) return false;
  if (orr_matrices_run(&m, cholesky_entry, orr_area(n, n))) return true;
  if (m.info < 0) return orr_matrices_odd(&m, 0);
  return orr_matrices_fail(&m, 0,
                           "is not positive definite; add a small "
                           "multiple of the identity");
}

// x = L L^T: gx = L^-T phi(L^T gL) L^-1 made symmetric, where phi keeps the
// lower triangle and halves the diagonal (Murray 2016, arXiv:1602.07527).
static void cholesky_vjp(orr_vjp *v) {
  const bool upper = v->attr[0] != 0;
  orr_tensor *l = upper ? orr_transpose_last(v->y[0]) : v->y[0];
  orr_tensor *g = upper ? orr_transpose_last(v->gy) : v->gy;
  orr_tensor *lt = orr_transpose_last(l);
  orr_tensor *p = orr_matmul(lt, ORR(tril, g));
  p = times(ORR(add, ORR(tril, p), ORR(tril, p, .attr = {-1})), 0.5);
  p = ORR(solve_triangular, lt, p, .attr = {true, true});
  p = ORR(solve_triangular, l, p, .attr = {false, false});
  v->gx[0] = orr_symmetric(p);
}

ORR_DEFINE_OP(cholesky,
              .doc = "Lower triangular L with x = L L^T, for a positive "
                     "definite x; x counts as (x + x^T) / 2.",
              .params = {{"x"}, {"upper", ORR_BOOL, .doc = "give L^T"}},
              .torch = "torch.linalg.cholesky", .shape = cholesky_shape, .forward = cholesky_forward,
              .vjp = cholesky_vjp, .flags = ORR_KEEPS_Y,
              .samples = {"{ {3,3}, diagonal = 3 }",
                          "{ {2,1,3,3}, upper = true, diagonal = 4 }",
                          "{ {1,1}, diagonal = 2 }", "{ {0,0} }",
                          "{ {0,2,2} }", NOT_SQUARE("cholesky"),
                          "{ {2,2}, diagonal = -3, error = 'cholesky: x is not "
                          "positive definite; add a small multiple of the "
                          "identity' }",
                          "{ {3,2,2}, low = 0, high = 0, error = 'cholesky: "
                          "batch entry 1 of x is not positive definite; add a "
                          "small multiple of the identity' }"});

// ---- eigh

static bool eigh_shape(orr_call *c) {
  if (!orr_want_square(c, 0)) return false;
  const int n = orr_cols(c->x[0]);
  return orr_out_matrix(c, 0, 1, n, 0) && orr_out_matrix(c, 1, 2, n, n);
}

// The sign of a vector is free: its largest element is made positive.
static bool flips(int n, const double *v) {
  int at = 0;
  for (int i = 1; i < n; i++)
    if (fabs(v[i]) > fabs(v[at])) at = i;
  return n > 0 && v[at] < 0;
}

enum { BOTH, LOWER, UPPER };  // the triangles that eigh reads

// The lower triangle, which LAPACK reads, from the one that is wanted.
static bool load_triangle(const orr_matrices *m, int64_t i, double *to) {
  const int n = orr_cols(m->c->x[0]), which = (int)m->c->attr[0];
  if (which == BOTH) return orr_matrix_load_symmetric(m, 0, i, to);
  if (!orr_matrix_load(m, 0, i, to)) return false;
  for (int64_t c = 1; c < n && which == UPPER; c++)
    for (int64_t r = 0; r < c; r++) to[r * n + c] = to[c * n + r];
  return true;
}

static int eigh_entry(const orr_matrices *m, int64_t i, double *scratch) {
  const int n = orr_cols(m->c->x[0]);
  double *w = scratch + orr_area(n, n);
  if (!load_triangle(m, i, scratch)) return ORR_NOT_FINITE;
  const int info = orr_lapack_eigh(n, scratch, w, w + n);
  if (info) return info;
  for (int64_t k = 0; k < n; k++)
    if (flips(n, scratch + k * n))
      for (int64_t r = 0; r < n; r++) scratch[k * n + r] *= -1;
  orr_matrix_store(m, 0, i, w, n, 1);
  orr_matrix_store(m, 1, i, scratch, n, n);
  return 0;
}

static bool eigh_forward(orr_call *c) {
  orr_matrices m;
  const int n = orr_cols(c->x[0]);
  const size_t doubles = orr_area(n, n) + (size_t)n + orr_lapack_eigh_work(n);
  return orr_matrices_of(&m, c, -1) &&
      (orr_matrices_run(&m, eigh_entry, doubles) || orr_matrices_odd(&m, 0));
}

// e[i, j] = w[j] - w[i], and 1 on the diagonal.
static orr_tensor *gaps(orr_tensor *w) {
  orr_tensor *e = ORR(sub, ORR(unsqueeze, w, .attr = {-2}),
                      ORR(unsqueeze, w, .attr = {-1}));
  return ORR(add, e, on_diagonal(ORR(ones_like, w, .attr = {-1})));
}

// gx = V (diag(gw) + (V^T gV) / (w_j - w_i)) V^T (Giles 2008): moving along
// the vectors themselves changes no direction, so the diagonal is left out.
static void eigh_vjp(orr_vjp *v) {
  orr_tensor *vectors = v->y[1], *vt = orr_transpose_last(vectors);
  orr_tensor *inner = NULL;
  if (v->gys[1]) {
    orr_tensor *turn = orr_matmul(vt, v->gys[1]);
    turn = ORR(sub, turn, on_diagonal(diagonal_of(turn)));
    inner = ORR(div, turn, gaps(v->y[0]));
  }
  if (v->gys[0]) inner = sum2(inner, on_diagonal(v->gys[0]));
  orr_tensor *g = orr_symmetric(orr_matmul(orr_matmul(vectors, inner), vt));
  // One triangle stands for both.
  if (v->attr[0] == LOWER) g = sum2(ORR(tril, g), ORR(tril, g, .attr = {-1}));
  if (v->attr[0] == UPPER) g = sum2(ORR(triu, g), ORR(triu, g, .attr = {1}));
  v->gx[0] = g;
}

#define UPLO                                                                 \
  {                                                                          \
    "UPLO", ORR_CHOICE, .choices = "both|L|U",                               \
                        .doc = "the triangle that is read; both: their mean" \
  }

ORR_DEFINE_OP(eigh,
              .doc = "Eigenvalues of symmetric matrices, rising, and the "
                     "vectors in the columns of a second result, the largest "
                     "element of each positive. x counts as (x + x^T) / 2, or "
                     "one of its triangles for both. The vectors have a "
                     "gradient where no two values are equal.",
              .params = {{"x"}, UPLO}, .outputs = 2, .torch = "torch.linalg.eigh", .shape = eigh_shape,
              .forward = eigh_forward, .vjp = eigh_vjp, .flags = ORR_KEEPS_Y,
              .samples = {"{ {3,3} }", "{ {2,1,3,3}, low = -3, high = 3 }",
                          "{ {1,1} }", "{ {0,0} }", "{ {0,2,2} }",
                          "{ {3,3}, UPLO = 'L' }", "{ {2,3,3}, UPLO = 'U' }",
                          NOT_SQUARE("eigh"),
                          "{ {2,2}, low = math.huge, high = math.huge, error = "
                          "'eigh: x holds NaN or infinity; look for where it "
                          "came from with orrery.detect_anomaly' }"});

static orr_tensor *eigvalsh_compose(orr_call *c) {
  if (!orr_want_square(c, 0)) return NULL;
  return ORR(eigh, c->x[0], .attr = {c->attr[0]});
}

ORR_DEFINE_OP(eigvalsh,
              .doc = "Eigenvalues of symmetric matrices, rising.",
              .params = {{"x"}, UPLO}, .compose = eigvalsh_compose,
              .torch = "torch.linalg.eigvalsh",
              .samples = {"{ {3,3} }", "{ {3,3}, UPLO = 'L' }",
                          "{ {3,3}, UPLO = 'U' }", "{ {2,2,2}, diagonal = 2 }",
                          "{ {0,0} }", NOT_SQUARE("eigvalsh")});

// ---- complete bases, for svd and qr

enum { FULL_SIDE = 1 << 14 };

// A whole basis has the square of the longer side.
static bool want_full(orr_call *c, const char *option) {
  const orr_tensor *x = c->x[0];
  char text[128];
  if (orr_rows(x) <= FULL_SIDE && orr_cols(x) <= FULL_SIDE) return true;
  return orr_fail(c, "x is %s; %s needs both sizes up to %d",
                  orr_shape_text(x, text, sizeof text), option, FULL_SIDE);
}

// Completes the first k columns of basis[n, n], which are orthonormal: the
// reflections that take them to a triangle leave the others.
static size_t complete_work(int n) {
  return orr_area(n, n) + orr_lapack_qr_work(n, n);
}
static void complete(int n, int k, double *basis, double *work) {
  if (n == k) return;
  memset(basis + orr_area(n, k), 0, orr_area(n, n - k) * sizeof *basis);
  orr_lapack_qr(n, n, basis, work, work + orr_area(n, n));
  for (int64_t j = 0; j < k; j++)
    for (int64_t r = 0; r < n && work[j * n + j] < 0; r++)
      basis[j * n + r] *= -1;
}

static orr_tensor *columns(orr_tensor *x, int first, int n) {
  return x ? ORR(narrow, x, .attr = {-1, first, n, 1}) : NULL;
}

// The gradient by the first k columns u of a basis [u w]. The others may turn
// among themselves; a function that does not see it sees dw = -u du^T w.
static orr_tensor *basis_gradient(orr_tensor *basis, orr_tensor *g, int k) {
  if (!basis || !g || orr_cols(basis) == k) return g;
  const int rest = orr_cols(basis) - k;
  orr_tensor *u = columns(basis, 0, k), *w = columns(basis, k, rest);
  orr_tensor *gw = orr_transpose_last(columns(g, k, rest));
  orr_tensor *turn = orr_matmul(w, orr_matmul(gw, u));
  return ORR(sub, columns(g, 0, k), turn);
}

// The same by the first k rows.
static orr_tensor *rows_gradient(orr_tensor *basis, orr_tensor *g, int k) {
  if (!g) return NULL;
  return orr_transpose_last(
      basis_gradient(orr_transpose_last(basis), orr_transpose_last(g), k));
}

// ---- svd

static bool svd_shape(orr_call *c) {
  if (!orr_want_matrix(c, 0)) return false;
  const orr_tensor *x = c->x[0];
  const int m = orr_rows(x), n = orr_cols(x), k = orr_shorter(x);
  const bool full = c->attr[0] != 0;
  if (full && !want_full(c, "full_matrices")) return false;
  return orr_out_matrix(c, 0, 2, m, full ? m : k) &&
      orr_out_matrix(c, 1, 1, k, 0) && orr_out_matrix(c, 2, 2, full ? n : k, n);
}

// The completed bases, over what the decomposition worked on.
static void store_full(const orr_matrices *m, int64_t i, const double *u,
                       const double *vt, double *basis) {
  const orr_tensor *x = m->c->x[0];
  const int rows = orr_rows(x), cols = orr_cols(x), k = orr_shorter(x);
  memcpy(basis, u, orr_area(rows, k) * sizeof *u);
  complete(rows, k, basis, basis + orr_area(rows, rows));
  orr_matrix_store(m, 0, i, basis, rows, rows);
  for (int64_t j = 0; j < k; j++)
    for (int64_t c = 0; c < cols; c++) basis[j * cols + c] = vt[c * k + j];
  complete(cols, k, basis, basis + orr_area(cols, cols));
  for (int64_t r = 0; r < cols; r++)
    for (int64_t c = 0; c < r; c++) {
      const double swapped = basis[c * cols + r];
      basis[c * cols + r] = basis[r * cols + c];
      basis[r * cols + c] = swapped;
    }
  orr_matrix_store(m, 2, i, basis, cols, cols);
}

static int svd_entry(const orr_matrices *m, int64_t i, double *scratch) {
  const orr_tensor *x = m->c->x[0];
  const int rows = orr_rows(x), cols = orr_cols(x), k = orr_shorter(x);
  double *u = scratch + orr_area(rows, cols), *vt = u + orr_area(rows, k);
  double *s = vt + orr_area(k, cols);
  if (!orr_matrix_load(m, 0, i, scratch)) return ORR_NOT_FINITE;
  const int info = orr_lapack_svd(rows, cols, scratch, s, u, vt, s + k);
  if (info) return info;
  for (int64_t j = 0; j < k; j++) {
    if (!flips(rows, u + j * rows)) continue;
    for (int64_t r = 0; r < rows; r++) u[j * rows + r] *= -1;
    for (int64_t c = 0; c < cols; c++) vt[c * k + j] *= -1;
  }
  orr_matrix_store(m, 1, i, s, k, 1);
  if (m->c->attr[0] != 0) {
    store_full(m, i, u, vt, s + k);
    return 0;
  }
  orr_matrix_store(m, 0, i, u, rows, k);
  orr_matrix_store(m, 2, i, vt, k, cols);
  return 0;
}

static bool svd_forward(orr_call *c) {
  orr_matrices m;
  const orr_tensor *x = c->x[0];
  const int rows = orr_rows(x), cols = orr_cols(x), k = orr_shorter(x);
  const int longer = rows > cols ? rows : cols;
  size_t work = orr_lapack_svd_work(rows, cols);
  if (c->attr[0] != 0) {
    const size_t basis = orr_area(longer, longer) + complete_work(longer);
    if (work < basis) work = basis;
  }
  const size_t doubles = orr_area(rows, cols) + orr_area(rows, k) +
      orr_area(k, cols) + (size_t)k + work;
  return orr_matrices_of(&m, c, -1) &&
      (orr_matrices_run(&m, svd_entry, doubles) || orr_matrices_odd(&m, 0));
}

// (x - x^T) / e
static orr_tensor *skewed(orr_tensor *x, orr_tensor *e) {
  return ORR(div, ORR(sub, x, orr_transpose_last(x)), e);
}

// What of g lies outside the columns of u.
static orr_tensor *beyond(orr_tensor *g, orr_tensor *u) {
  return ORR(sub, g, orr_matmul(u, orr_matmul(orr_transpose_last(u), g)));
}

// With e[i, j] = s_j^2 - s_i^2 (Giles 2008; the last two terms reach what
// lies outside the k columns of u and v):
// gx = u (skew(u^T gu)/e s + s skew(v^T gv)/e + diag(gs)) v^T
//      + (1 - u u^T) gu s^-1 v^T + u s^-1 gv^T (1 - v v^T)
static void svd_vjp(orr_vjp *v) {
  const orr_tensor *x = v->x[0];
  const int k = orr_shorter(x);
  orr_tensor *u = columns(v->y[0], 0, k), *s = v->y[1];
  orr_tensor *vt = ORR(narrow, v->y[2], .attr = {-2, 0, k, 1});
  orr_tensor *gu = basis_gradient(v->y[0], v->gys[0], k);
  orr_tensor *gvt = rows_gradient(v->y[2], v->gys[2], k);
  orr_tensor *inner = NULL, *g = NULL;
  orr_tensor *across = ORR(unsqueeze, s, .attr = {-2});
  orr_tensor *down = ORR(unsqueeze, s, .attr = {-1});
  orr_tensor *e = gu || gvt ? gaps(ORR(mul, s, s)) : NULL;
  if (gu) {
    orr_tensor *turn = orr_matmul(orr_transpose_last(u), gu);
    inner = ORR(mul, skewed(turn, e), across);
    if (orr_rows(x) > orr_cols(x))
      g = orr_matmul(ORR(div, beyond(gu, u), across), vt);
  }
  if (gvt) {
    orr_tensor *turn = orr_matmul(vt, orr_transpose_last(gvt));
    inner = sum2(inner, ORR(mul, down, skewed(turn, e)));
    if (orr_cols(x) > orr_rows(x)) {
      orr_tensor *rest =
          beyond(orr_transpose_last(gvt), orr_transpose_last(vt));
      g = sum2(g, orr_matmul(ORR(div, u, across), orr_transpose_last(rest)));
    }
  }
  if (v->gys[1]) inner = sum2(inner, on_diagonal(v->gys[1]));
  v->gx[0] = sum2(orr_matmul(orr_matmul(u, inner), vt), g);
}

ORR_DEFINE_OP(svd,
              .doc = "Singular value decomposition x = u diag(s) vh with K = "
                     "min(M, N): u [..., M, K], s [..., K] falling, vh [..., "
                     "K, N]. The largest element of each column of u is "
                     "positive. u and vh have a gradient where no two values "
                     "are equal and none is 0. full_matrices completes them "
                     "to bases, u [..., M, M] and vh [..., N, N]; what is "
                     "added may turn, so only functions that do not see that "
                     "have a gradient by it.",
              .params = {{"x"}, {"full_matrices", ORR_BOOL,
                                 .doc = "whole bases u and vh"}},
              .outputs = 3, .torch = "torch.linalg.svd", .shape = svd_shape,
              .forward = svd_forward, .vjp = svd_vjp, .flags = ORR_KEEPS_Y,
              .samples = {"{ {3,3} }", "{ {4,2}, low = -2, high = 2 }",
                          "{ {2,2,3} }", "{ {1,3} }", "{ {0,3} }",
                          "{ {0,2,2} }", "{ {3,2}, full_matrices = true }",
                          "{ {2,2,3}, full_matrices = true }",
                          "{ {4,2}, full_matrices = true, nograd = true, "
                          "reason = 'what completes a basis may turn' }",
                          "{ {0,3}, full_matrices = true }",
                          "{ {20000,1}, full_matrices = true, error = 'svd: x "
                          "is [20000, 1]; full_matrices needs both sizes up "
                          "to 16384' }",
                          "{ {3}, error = 'svd: x is [3] but must have at least "
                          "2 axes; use :view or :unsqueeze' }",
                          "{ {2,2}, low = math.huge, high = math.huge, error = "
                          "'svd: x holds NaN or infinity; look for where it "
                          "came from with orrery.detect_anomaly' }"});

static orr_tensor *svdvals_compose(orr_call *c) {
  const orr_args args = {.x = {c->x[0]}};
  orr_tensor *y[ORR_MAX_OUTPUT];
  if (!orr_want_matrix(c, 0)) return NULL;
  if (!orr_apply_all(&orr_op_svd, &args, y)) return NULL;
  for (int i = 0; i < 3; i++) orr_keep(y[i]);
  return y[1];
}

ORR_DEFINE_OP(svdvals, .torch = "torch.linalg.svdvals", .doc = "Singular values, falling.",
              .params = {{"x"}}, .compose = svdvals_compose,
              .samples = {"{ {3,2} }", "{ {2,2,3} }", "{ {0,2} }",
                          "{ {3}, error = 'svdvals: x is [3] but must have at "
                          "least 2 axes; use :view or :unsqueeze' }"});

// ---- qr

enum { REDUCED, COMPLETE };  // mode

// Columns of q.
static int qr_inner(const orr_call *c) {
  return c->attr[0] == COMPLETE ? orr_rows(c->x[0]) : orr_shorter(c->x[0]);
}

static bool qr_shape(orr_call *c) {
  if (!orr_want_matrix(c, 0)) return false;
  const orr_tensor *x = c->x[0];
  if (c->attr[0] == COMPLETE && !want_full(c, "mode = \"complete\""))
    return false;
  const int k = qr_inner(c);
  return orr_out_matrix(c, 0, 2, orr_rows(x), k) &&
      orr_out_matrix(c, 1, 2, k, orr_cols(x));
}

// Columns of zeros behind x leave the reflections, so q is completed.
static int qr_entry(const orr_matrices *m, int64_t i, double *scratch) {
  const orr_tensor *x = m->c->x[0];
  const int rows = orr_rows(x), cols = orr_cols(x), k = qr_inner(m->c);
  const int wide = k > cols ? k : cols;
  double *r = scratch + orr_area(rows, wide);
  orr_matrix_load(m, 0, i, scratch);
  memset(scratch + orr_area(rows, cols), 0,
         orr_area(rows, wide - cols) * sizeof *r);
  orr_lapack_qr(rows, wide, scratch, r, r + orr_area(k, wide));
  orr_matrix_store(m, 0, i, scratch, rows, k);
  orr_matrix_store(m, 1, i, r, k, cols);
  return 0;
}

static bool qr_forward(orr_call *c) {
  orr_matrices m;
  const orr_tensor *x = c->x[0];
  const int rows = orr_rows(x), cols = orr_cols(x), k = qr_inner(c);
  const int wide = k > cols ? k : cols;
  const size_t doubles =
      orr_area(rows, wide) + orr_area(k, wide) + orr_lapack_qr_work(rows, wide);
  return orr_matrices_of(&m, c, -1) && orr_matrices_run(&m, qr_entry, doubles);
}

// For M >= N: gx = (gq + q sym(low(r gr^T - gq^T q))) r^-T, where sym(low())
// mirrors the lower triangle (Walter and Lehmann 2010, arXiv:1009.6112).
static orr_tensor *qr_tall(orr_tensor *q, orr_tensor *r, orr_tensor *gq,
                           orr_tensor *gr) {
  orr_tensor *m = NULL;
  if (gr) m = orr_matmul(r, orr_transpose_last(gr));
  if (gq) m = sum2(m, ORR(neg, orr_matmul(orr_transpose_last(gq), q)));
  if (!m) return NULL;
  m = ORR(add, ORR(tril, m), orr_transpose_last(ORR(tril, m, .attr = {-1})));
  orr_tensor *g = sum2(gq, orr_matmul(q, m));
  return ORR(solve_triangular, orr_transpose_last(r), g,
             .attr = {false, false});
}

// A wide x = [a b] has q and r's first columns from a alone, and r's others
// are q^T b: gb = q g, and gq grows by b g^T.
static void qr_vjp(orr_vjp *v) {
  const int k = orr_shorter(v->x[0]);
  orr_tensor *q = columns(v->y[0], 0, k), *gr = v->gys[1];
  orr_tensor *r = ORR(narrow, v->y[1], .attr = {-2, 0, k, 1});
  orr_tensor *gq = basis_gradient(v->y[0], v->gys[0], k);
  if (gr) gr = ORR(narrow, gr, .attr = {-2, 0, k, 1});
  const int m = orr_rows(v->x[0]), rest = orr_cols(v->x[0]) - m;
  if (rest <= 0) {
    v->gx[0] = qr_tall(q, r, gq, gr);
    return;
  }
  orr_tensor *b = columns(v->x[0], m, rest), *g = columns(gr, m, rest);
  orr_tensor *gb = g ? orr_matmul(q, g) : ORR(zeros_like, b, .attr = {-1});
  if (g) gq = sum2(gq, orr_matmul(b, orr_transpose_last(g)));
  orr_tensor *parts[2] = {qr_tall(q, columns(r, 0, m), gq, columns(gr, 0, m)),
                          gb};
  if (!parts[0] || !parts[1]) return;
  const orr_args args = {.list = parts, .n = 2, .attr = {-1}};
  v->gx[0] = orr_keep(orr_apply(&orr_op_cat, &args));
}

ORR_DEFINE_OP(qr,
              .doc = "x = q r with K = min(M, N): q [..., M, K] has orthonormal "
                     "columns, r [..., K, N] is upper triangular. The gradient "
                     "needs the first K columns of x independent. mode = "
                     "\"complete\" makes q [..., M, M] a basis, r [..., M, N]; "
                     "the added columns may turn, so only functions that do "
                     "not see that have a gradient by them. mode = \"r\" "
                     "leaves q empty.",
              .params = {{"x"}, {"mode", ORR_CHOICE,
                                 .choices = "reduced|complete",
                                 .doc = "whether q is a whole basis"}},
              .outputs = 2, .torch = "torch.linalg.qr", .shape = qr_shape,
              .forward = qr_forward, .vjp = qr_vjp, .flags = ORR_KEEPS_Y,
              .samples = {"{ {3,3}, diagonal = 2 }", "{ {4,2}, diagonal = 2 }",
                          "{ {2,2,4}, diagonal = 2 }", "{ {0,2,2} }",
                          "{ {3,0} }",
                          "{ {3,2}, mode = 'complete', diagonal = 2 }",
                          "{ {2,2,3}, mode = 'complete', diagonal = 2 }",
                          "{ {4,2}, mode = 'complete', nograd = true, reason "
                          "= 'what completes a basis may turn' }",
                          "{ {3,0}, mode = 'complete' }",
                          "{ {20000,1}, mode = 'complete', error = 'qr: x is "
                          "[20000, 1]; mode = \"complete\" needs both sizes up "
                          "to 16384' }",
                          "{ {3}, error = 'qr: x is [3] but must have at least "
                          "2 axes; use :view or :unsqueeze' }"});
