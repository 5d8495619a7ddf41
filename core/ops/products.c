// products.c -- named matrix products, and distances between all pairs.
#include <math.h>

#include "../base/threads.h"
#include "matrices.h"

static orr_tensor *outer_compose(orr_call *c) {
  if (!orr_want_rank(c, 0, 1) || !orr_want_rank(c, 1, 1)) return NULL;
  return ORR(mul, ORR(unsqueeze, c->x[0], .attr = {-1}), c->x[1]);
}

#define ANY(NAME) \
  { NAME, .want = ORR_WANT_ANY }
ORR_DEFINE_OP(outer, .doc = "All products of the elements of two vectors: "
                            "[N], [M] -> [N, M].",
              .params = {ANY("x"), ANY("y")}, .compose = outer_compose,
              .samples = {"{ {3}, {4} }", "{ {1}, {2} }", "{ {0}, {3} }",
                          "{ {2,3}, {3}, error = 'outer: x is [2, 3] but must "
                          "have 1 axes; use :view or :unsqueeze' }"});

static orr_tensor *dot_compose(orr_call *c) {
  if (!orr_want_rank(c, 0, 1) || !orr_want_rank(c, 1, 1)) return NULL;
  if (!orr_want_same(c, 0, 1)) return NULL;
  if (c->x[0]->dtype == ORR_U8 && c->x[1]->dtype == ORR_U8)
    return ORR(inner, c->x[0], c->x[1]);  // stays uint8, which a sum does not
  return ORR(sum, ORR(mul, c->x[0], c->x[1]));
}

ORR_DEFINE_OP(dot,
    .doc = "Sum of the products of two vectors' elements.",
    .params = {ANY("x"), ANY("y")}, .compose = dot_compose,
    .samples = {"{ {4}, {4} }", "{ {1}, {1} }", "{ {0}, {0} }",
        "{ {3}, {4}, error = 'dot: x is [3] but y is [4]; match them' }",
        "{ {2,3}, {3}, error = 'dot: x is [2, 3] but must have 1 axes; use "
        ":view or :unsqueeze' }"});

static orr_tensor *mv_compose(orr_call *c) {
  char a[128], b[128];
  if (!orr_want_rank(c, 0, 2) || !orr_want_rank(c, 1, 1)) return NULL;
  if (c->x[0]->size[1] != c->x[1]->size[0]) {
    orr_fail(c, "x is %s, y is %s; y must be [%lld]",
             orr_shape_text(c->x[0], a, sizeof a),
             orr_shape_text(c->x[1], b, sizeof b), (long long)c->x[0]->size[1]);
    return NULL;
  }
  orr_tensor *y = ORR(unsqueeze, c->x[1], .attr = {-1});
  return ORR(squeeze, ORR(matmul, c->x[0], y), .attr = {1, -1});
}

ORR_DEFINE_OP(mv,
    .doc = "Product of a matrix and a vector: [M, N], [N] -> [M].",
    .params = {ANY("x"), ANY("y")}, .compose = mv_compose,
    .samples = {"{ {3,4}, {4} }", "{ {1,1}, {1} }", "{ {0,4}, {4} }",
        "{ {3,0}, {0} }",
        "{ {3,4}, {3}, error = 'mv: x is [3, 4], y is [3]; y must be [4]' }",
        "{ {4}, {4}, error = 'mv: x is [4] but must have 2 axes; use :view "
        "or :unsqueeze' }"});

static orr_tensor *bmm_compose(orr_call *c) {
  char a[128], b[128];
  if (!orr_want_rank(c, 0, 3) || !orr_want_rank(c, 1, 3)) return NULL;
  if (c->x[0]->size[0] == c->x[1]->size[0] &&
      c->x[0]->size[2] == c->x[1]->size[1])
    return ORR(matmul, c->x[0], c->x[1]);
  orr_fail(c, "x is %s, y is %s; they must be [B, M, K] and [B, K, N]",
           orr_shape_text(c->x[0], a, sizeof a),
           orr_shape_text(c->x[1], b, sizeof b));
  return NULL;
}

ORR_DEFINE_OP(bmm, .doc = "Matrix product of each pair of a batch: [B, M, K], "
                          "[B, K, N] -> [B, M, N].",
              .params = {ANY("x"), ANY("y")}, .compose = bmm_compose,
              .samples = {"{ {2,3,4}, {2,4,5} }", "{ {0,3,4}, {0,4,5} }",
                          "{ {2,3,0}, {2,0,2} }",
                          "{ {2,3,4}, {1,4,5}, error = 'bmm: x is [2, 3, 4], y "
                          "is [1, 4, 5]; they must be [B, M, K] and [B, K, N]' "
                          "}",
                          "{ {3,4}, {2,4,5}, error = 'bmm: x is [3, 4] but must "
                          "have 3 axes; use :view or :unsqueeze' }"});

// The three tensors have one dtype, and whole numbers whole factors.
static bool alike(orr_call *c) {
  static const char *const factor[] = {"beta", "alpha"};
  const orr_dtype d = c->x[0]->dtype;
  for (int i = 1; i < 3; i++) {
    if (c->x[i]->dtype == d) continue;
    return orr_fail(c, "input is %s but %s is %s; convert one",
                    orr_dtype_name(d), orr_input_name(c, i),
                    orr_dtype_name(c->x[i]->dtype));
  }
  for (int i = 0; i < 2 && !orr_dtype_is_float(d); i++) {
    if (c->attr[i] == floor(c->attr[i])) continue;
    return orr_fail(c, "%s is %g but x is %s; use a whole number, or x:float()",
                    factor[i], c->attr[i], orr_dtype_name(d));
  }
  return true;
}

// beta input + alpha product; what has factor 0 does not count, NaN or not.
static orr_tensor *add_product(orr_call *c, orr_tensor *product) {
  const double beta = c->attr[0], alpha = c->attr[1];
  if (!product) return NULL;
  if (alpha != 1) product = ORR(mul, product, orr_num(product, alpha));
  orr_tensor *input = c->x[0];
  if (beta == 0) input = ORR(zeros_like, input, .attr = {-1});
  if (beta != 0 && beta != 1) input = ORR(mul, input, orr_num(input, beta));
  char a[128], b[128];
  int rank = product->rank;
  int64_t size[ORR_MAX_RANK];
  for (int i = 0; i < rank; i++) size[i] = product->size[i];
  if (c->x[0]->rank <= rank && orr_broadcast_shape(&rank, size, c->x[0])) {
    bool same = true;
    for (int i = 0; i < rank; i++) same = same && size[i] == product->size[i];
    if (same) return ORR(add, input, product);
  }
  orr_fail(c, "input is %s but the product is %s; input must broadcast to it",
           orr_shape_text(c->x[0], a, sizeof a),
           orr_shape_text(product, b, sizeof b));
  return NULL;
}

static orr_tensor *addmm_compose(orr_call *c) {
  if (!alike(c) || !orr_want_rank(c, 1, 2) || !orr_want_rank(c, 2, 2))
    return NULL;
  return add_product(c, ORR(matmul, c->x[1], c->x[2]));
}

#define FACTORS                                                \
  {"beta", ORR_NUM, .def = 1, .doc = "factor of input"}, {     \
    "alpha", ORR_NUM, .def = 1, .doc = "factor of the product" \
  }
ORR_DEFINE_OP(addmm,
              .doc = "beta * input + alpha * x y for matrices x [M, K], y [K, "
                     "N]; input broadcasts. beta = 0 ignores the input.",
              .params = {ANY("input"), ANY("x"), ANY("y"), FACTORS},
              .compose = addmm_compose,
              .samples = {"{ {3,5}, {3,4}, {4,5} }",
                          "{ {5}, {3,4}, {4,5}, beta = 0.5, alpha = -2 }",
                          "{ {3,1}, {3,4}, {4,5}, beta = 0 }",
                          "{ {0,5}, {0,4}, {4,5} }",
                          "{ {5}, {3,4}, {4,5}, alpha = -2, ints = { input = "
                          "{-9,9}, x = {-9,9}, y = {-9,9} } }",
                          "{ {5}, {3,4}, {4,5}, alpha = 0.5, ints = { input = "
                          "{0,9}, x = {0,9}, y = {0,9} }, error = 'addmm: "
                          "alpha is 0.5 but x is int64; use a whole number, or "
                          "x:float()' }",
                          "{ {5}, {3,4}, {4,5}, ints = { x = {0,9} }, error = "
                          "'addmm: input is float64 but x is int64; convert "
                          "one' }",
                          "{ {4}, {3,4}, {4,5}, error = 'addmm: input is [4] "
                          "but the product is [3, 5]; input must broadcast to "
                          "it' }",
                          "{ {5}, {2,3,4}, {4,5}, error = 'addmm: x is [2, 3, "
                          "4] but must have 2 axes; use :view or :unsqueeze' "
                          "}"});

static orr_tensor *baddbmm_compose(orr_call *c) {
  if (!alike(c) || !orr_want_rank(c, 1, 3) || !orr_want_rank(c, 2, 3))
    return NULL;
  return add_product(c, ORR(bmm, c->x[1], c->x[2]));
}

ORR_DEFINE_OP(baddbmm,
              .doc = "beta * input + alpha * x y for each pair of a batch x [B, "
                     "M, K], y [B, K, N]; input broadcasts.",
              .params = {ANY("input"), ANY("x"), ANY("y"), FACTORS},
              .compose = baddbmm_compose,
              .samples = {"{ {2,3,5}, {2,3,4}, {2,4,5} }",
                          "{ {5}, {2,3,4}, {2,4,5}, beta = 0.5, alpha = -2 }",
                          "{ {5}, {0,3,4}, {0,4,5} }",
                          "{ {4}, {2,3,4}, {2,4,5}, error = 'baddbmm: input is "
                          "[4] but the product is [2, 3, 5]; input must "
                          "broadcast to it' }"});

static orr_tensor *addmv_compose(orr_call *c) {
  if (!alike(c) || !orr_want_rank(c, 1, 2) || !orr_want_rank(c, 2, 1))
    return NULL;
  return add_product(c, ORR(mv, c->x[1], c->x[2]));
}
static orr_tensor *addr_compose(orr_call *c) {
  if (!alike(c) || !orr_want_rank(c, 1, 1) || !orr_want_rank(c, 2, 1))
    return NULL;
  return add_product(c, ORR(outer, c->x[1], c->x[2]));
}
static orr_tensor *addbmm_compose(orr_call *c) {
  if (!alike(c) || !orr_want_rank(c, 1, 3) || !orr_want_rank(c, 2, 3))
    return NULL;
  orr_tensor *sum = ORR(sum, ORR(bmm, c->x[1], c->x[2]), .attr = {1, 0});
  return add_product(c, orr_cast(sum, c->x[0]->dtype));
}

ORR_DEFINE_OP(addmv,
    .doc = "beta * input + alpha * x y for a matrix x [M, K] and a vector y "
           "[K]; input broadcasts.",
    .params = {ANY("input"), ANY("x"), ANY("y"), FACTORS}, .compose = addmv_compose,
    .samples = {"{ {3}, {3,4}, {4} }",
        "{ {}, {3,4}, {4}, beta = 0.5, alpha = -2 }", "{ {0}, {0,4}, {4} }",
        "{ {3}, {4}, {4}, error = 'addmv: x is [4] but must have 2 axes; use "
        ":view or :unsqueeze' }"});
ORR_DEFINE_OP(addr,
    .doc = "beta * input + alpha * (outer product of the vectors x and y); "
           "input broadcasts.",
    .params = {ANY("input"), ANY("x"), ANY("y"), FACTORS}, .compose = addr_compose,
    .samples = {"{ {3,4}, {3}, {4} }",
        "{ {4}, {3}, {4}, beta = 0.5, alpha = -2 }", "{ {0,4}, {0}, {4} }",
        "{ {3}, {3}, {4}, error = 'addr: input is [3] but the product is [3, "
        "4]; input must broadcast to it' }"});
ORR_DEFINE_OP(addbmm,
    .doc = "beta * input + alpha * the sum of the products of a batch x [B, M, "
           "K], y [B, K, N]; input broadcasts.",
    .params = {ANY("input"), ANY("x"), ANY("y"), FACTORS}, .compose = addbmm_compose,
    .samples = {"{ {3,5}, {2,3,4}, {2,4,5} }",
        "{ {5}, {2,3,4}, {2,4,5}, beta = 0.5, alpha = -2 }",
        "{ {3,5}, {0,3,4}, {0,4,5} }",
        "{ {3,5}, {3,4}, {2,4,5}, error = 'addbmm: x is [3, 4] but must have 3 "
        "axes; use :view or :unsqueeze' }"});

// Sums over the last axis of each.
static orr_tensor *inner_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *y = c->x[1];
  char a[128], b[128];
  if (x->rank == 0 || y->rank == 0) return ORR(mul, x, y);
  const int64_t k = x->size[x->rank - 1];
  if (k != y->size[y->rank - 1]) {
    orr_fail(c, "x is %s, y is %s: their last sizes differ; match them",
             orr_shape_text(x, a, sizeof a), orr_shape_text(y, b, sizeof b));
    return NULL;
  }
  int64_t size[2 * ORR_MAX_RANK], m = 1, n = 1;
  int rank = 0;
  double count = 1;
  for (int i = 0; i < x->rank - 1; i++) count *= (double)x->size[i];
  for (int i = 0; i < y->rank - 1; i++) count *= (double)y->size[i];
  if (count > 9e15) {
    orr_fail(c, "the result would have %g elements; give smaller inputs",
             count);
    return NULL;
  }
  for (int i = 0; i < x->rank - 1; i++) m *= size[rank++] = x->size[i];
  for (int i = 0; i < y->rank - 1; i++) n *= size[rank++] = y->size[i];
  if (rank > ORR_MAX_RANK) {
    orr_fail(c, "the result would have %d axes; at most %d are possible", rank,
             ORR_MAX_RANK);
    return NULL;
  }
  x = orr_reshape_to(x, 2, (int64_t[]){m, k});
  y = orr_reshape_to(y, 2, (int64_t[]){n, k});
  return orr_reshape_to(ORR(matmul, x, orr_transpose_last(y)), rank, size);
}
ORR_DEFINE_OP(inner,
    .doc = "Sums of products over the last axes of x and y: [..., K], [..., "
           "K]; the other axes of both remain.",
    .params = {ANY("x"), ANY("y")}, .compose = inner_compose,
    .samples = {"{ {4}, {4} }", "{ {2,3}, {4,3} }", "{ {2,2,3}, {3} }",
        "{ {}, {2,3} }", "{ {0,3}, {2,3} }", "{ {2,0}, {3,0} }",
        "{ {2,3}, {2}, error = 'inner: x is [2, 3], y is [2]: their last sizes "
        "differ; match them' }"});

static orr_tensor *dist_compose(orr_call *c) {
  return ORR(norm, ORR(sub, c->x[0], c->x[1]), .attr = {c->attr[0]});
}
ORR_DEFINE_OP(dist,
    .doc = "p-norm of x - y over all elements, with broadcasting.",
    .params = {{"x"}, {"y"},
        {"p", ORR_NUM, .def = 2, .doc = "of the norm"}},
    .compose = dist_compose,
    .samples = {"{ {3,4}, {3,4} }", "{ {3,4}, {4}, p = 1, distinct = true }",
        "{ {3}, {}, p = 1/0, distinct = true }", "{ {0,4}, {4} }"});

// ---- kron

// x with its sizes spread over every other axis: [a, 1, b, 1 ...], or
// [1, a, 1, b ...] for the second factor.
static orr_tensor *spread(orr_tensor *x, int rank, bool second) {
  int64_t size[2 * ORR_MAX_RANK] = {1};
  for (int i = 0; i < rank; i++) {
    const int own = i - (rank - x->rank);
    size[2 * i + (second ? 1 : 0)] = own < 0 ? 1 : x->size[own];
    size[2 * i + (second ? 0 : 1)] = 1;
  }
  return orr_reshape_to(x, 2 * rank, size);
}

static orr_tensor *kron_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *y = c->x[1];
  const int rank = x->rank > y->rank ? x->rank : y->rank;
  if (2 * rank > ORR_MAX_RANK) {
    orr_fail(c, "%d axes are too many; at most %d are possible", rank,
             ORR_MAX_RANK / 2);
    return NULL;
  }
  int64_t size[ORR_MAX_RANK];
  orr_tensor *product = ORR(mul, spread(x, rank, false), spread(y, rank, true));
  for (int i = 0; i < rank; i++) {
    const int a = i - (rank - x->rank), b = i - (rank - y->rank);
    size[i] = (a < 0 ? 1 : x->size[a]) * (b < 0 ? 1 : y->size[b]);
  }
  return orr_reshape_to(product, rank, size);
}

ORR_DEFINE_OP(kron,
              .doc = "Kronecker product: every element of x times the whole of "
                     "y, laid out in blocks.",
              .params = {ANY("x"), ANY("y")}, .compose = kron_compose,
              .samples = {"{ {2,3}, {4,2} }", "{ {3}, {2} }", "{ {2}, {2,3} }",
                          "{ {}, {2,2} }", "{ {2,1,2}, {1,2,3} }",
                          "{ {0,2}, {3,3} }",
                          "{ {1,1,1,1,1}, {2}, error = 'kron: 5 axes are too "
                          "many; at most 4 are possible' }"});

// ---- cdist

static bool cdist_check(orr_call *c) {
  char a[128], b[128];
  const orr_tensor *x = c->x[0], *y = c->x[1];
  if (!orr_want_matrix(c, 0) || !orr_want_matrix(c, 1)) return false;
  if (orr_cols(x) == orr_cols(y)) return true;
  return orr_fail(c,
                  "x is %s, y is %s: their points have %d and %d "
                  "coordinates; make the last axes equal",
                  orr_shape_text(x, a, sizeof a),
                  orr_shape_text(y, b, sizeof b), orr_cols(x), orr_cols(y));
}

static bool euclid_shape(orr_call *c) {
  orr_matrices m;
  if (!cdist_check(c) || !orr_matrices_of(&m, c, -1)) return false;
  m.size[m.rank] = orr_rows(c->x[0]);
  m.size[m.rank + 1] = orr_rows(c->x[1]);
  return orr_out(c, 0, c->x[0]->dtype, m.rank + 2, m.size);
}

// Differences are taken before squares: near points keep their digits, which
// |x|^2 + |y|^2 - 2xy would lose.
static int euclid_entry(const orr_matrices *m, int64_t i, double *scratch) {
  const int p = orr_rows(m->c->x[0]), r = orr_rows(m->c->x[1]);
  const int n = orr_cols(m->c->x[0]);
  double *x = scratch, *y = x + (size_t)p * (size_t)n;
  double *d = y + (size_t)r * (size_t)n;
  orr_matrix_load(m, 0, i, x);
  orr_matrix_load(m, 1, i, y);
  for (int b = 0; b < r; b++) {
    double *column = d + (size_t)b * (size_t)p;
    for (int a = 0; a < p; a++) column[a] = 0;
    for (int k = 0; k < n; k++) {
      const double *xk = x + (size_t)k * (size_t)p;
      const double at = y[(size_t)k * (size_t)r + (size_t)b];
      for (int a = 0; a < p; a++) column[a] += (xk[a] - at) * (xk[a] - at);
    }
    for (int a = 0; a < p; a++) column[a] = sqrt(column[a]);
  }
  orr_matrix_store(m, 0, i, d, p, r);
  return 0;
}

static bool euclid_forward(orr_call *c) {
  orr_matrices m;
  const size_t p = (size_t)orr_rows(c->x[0]), r = (size_t)orr_rows(c->x[1]);
  const size_t n = (size_t)orr_cols(c->x[0]);
  return orr_matrices_of(&m, c, -1) &&
      orr_matrices_run(&m, euclid_entry, p * n + r * n + p * r);
}

// x sum_j w_ij - w y, with w = gy / d, 0 where d is.
static orr_tensor *pulled(orr_tensor *w, orr_tensor *x, orr_tensor *y) {
  if (!w || !x || !y) return NULL;
  orr_tensor *total = ORR(sum, w, .attr = {1, -1, [9] = true});
  return ORR(sub, ORR(mul, x, total), ORR(matmul, w, y));
}

static void euclid_vjp(orr_vjp *v) {
  orr_tensor *d = v->y[0], *zero = orr_num(d, 0);
  orr_tensor *apart = ORR(ne, d, zero);
  orr_tensor *w = ORR(div, v->gy, ORR(where, apart, d, orr_num(d, 1)));
  w = ORR(where, apart, w, zero);
  if (v->needs[0]) v->gx[0] = pulled(w, v->x[0], v->x[1]);
  if (v->needs[1]) v->gx[1] = pulled(orr_transpose_last(w), v->x[1], v->x[0]);
}

ORR_DEFINE_OP(cdist_euclid,
              .doc = "Euclidean distances of all pairs of rows.",
              .params = {{"x"}, {"y"}}, .shape = euclid_shape,
              .forward = euclid_forward, .vjp = euclid_vjp,
              .flags = ORR_KEEPS_Y | ORR_HIDDEN,
              .samples = {"{ {3,2}, {4,2} }", "{ {2,3,2}, {4,2} }",
                          "{ {0,2}, {4,2} }"});

static orr_tensor *cdist_compose(orr_call *c) {
  orr_matrices m;
  if (!(c->attr[0] >= 0)) {
    orr_fail(c, "p is %g; it must be >= 0", c->attr[0]);
    return NULL;
  }
  if (!cdist_check(c) || !orr_matrices_of(&m, c, -1)) return NULL;
  if (c->attr[0] == 2) return ORR(cdist_euclid, c->x[0], c->x[1]);
  orr_tensor *x = ORR(unsqueeze, c->x[0], .attr = {-2});
  orr_tensor *y = ORR(unsqueeze, c->x[1], .attr = {-3});
  return ORR(norm, ORR(sub, x, y), .attr = {c->attr[0], 1, -1});
}

ORR_DEFINE_OP(cdist,
              .doc = "Distances of all pairs of rows, in the p-norm: x [..., P, "
                     "M], y [..., R, M] -> [..., P, R]. Where a distance is 0 "
                     "its gradient is 0.",
              .params = {{"x"}, {"y"},
                         {"p", ORR_NUM, .def = 2, .doc = "of the norm, >= 0"}},
              .compose = cdist_compose,
              .samples = {"{ {3,2}, {4,2} }", "{ {2,3,2}, {4,2} }",
                          "{ {3,2}, {2,2,2}, p = 1, distinct = true }",
                          "{ {3,2}, {4,2}, p = 3, distinct = true }",
                          "{ {3,3}, {2,3}, p = 1/0, distinct = true }",
                          "{ {0,2}, {4,2} }", "{ {3,2}, {0,2}, p = 1 }",
                          "{ {3,2}, {4,3}, error = 'cdist: x is [3, 2], y is "
                          "[4, 3]: their points have 2 and 3 coordinates; make "
                          "the last axes equal' }",
                          "{ {3,2}, {4,2}, p = -1, error = 'cdist: p is -1; it "
                          "must be >= 0' }",
                          "{ {2,3,2}, {3,4,2}, error = 'cdist: x is [2, 3, 2], "
                          "y is [3, 4, 2]: the batch axes do not broadcast; "
                          "sizes must be equal or 1' }"});
