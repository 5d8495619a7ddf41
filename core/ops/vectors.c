// vectors.c -- cross products, powers of points, and covariances.
#include "op.h"

#define ANY(NAME) \
  { NAME, .want = ORR_WANT_ANY }

static orr_tensor *binary(const orr_op *op, orr_tensor *x, orr_tensor *y) {
  const orr_args args = {.x = {x, y}};
  return x && y ? orr_keep(orr_apply(op, &args)) : NULL;
}
static orr_tensor *times(orr_tensor *x, orr_tensor *y) {
  return binary(&orr_op_mul, x, y);
}
static orr_tensor *minus(orr_tensor *x, orr_tensor *y) {
  return binary(&orr_op_sub, x, y);
}
static orr_tensor *over(orr_tensor *x, orr_tensor *y) {
  return binary(&orr_op_div, x, y);
}
static orr_tensor *sum_last(orr_tensor *x) {
  return ORR(sum, x, .attr = {1, -1, [9] = true});
}

// ---- cross

static orr_tensor *from(orr_tensor *x, int axis, int ahead) {
  return ORR(roll, x, .attr = {1, -ahead, [9] = 1, axis});
}

// z_i = x_(i+1) y_(i+2) - x_(i+2) y_(i+1), counted in a ring of three.
static orr_tensor *cross_compose(orr_call *c) {
  orr_tensor *x, *y;
  char text[128];
  if (!orr_spread_two(c, &x, &y) || !orr_want_axis(c, 0, x->rank)) return NULL;
  const int axis = (int)c->attr[0];
  if (x->size[axis] != 3) {
    orr_fail(c, "x and y are %s: axis %d has %lld elements; it must have 3",
             orr_shape_text(x, text, sizeof text), axis + 1,
             (long long)x->size[axis]);
    return NULL;
  }
  return minus(times(from(x, axis, 1), from(y, axis, 2)),
               times(from(x, axis, 2), from(y, axis, 1)));
}

ORR_DEFINE_OP(cross,
    .doc = "Cross product of the vectors of three along an axis; the other "
           "axes broadcast.",
    .params = {ANY("x"), ANY("y"),
        {"axis", ORR_AXIS, .def = -1, .doc = "of size 3"}},
    .torch = "torch.linalg.cross", .compose = cross_compose,
    .samples = {"{ {3}, {3} }", "{ {2,3}, {2,3} }", "{ {3,4}, {3,1}, axis = 1 }",
        "{ {2,1,3}, {4,3} }", "{ {0,3}, {0,3} }",
        "{ {2}, {2}, error = 'cross: x and y are [2]: axis 1 has 2 elements; "
        "it must have 3' }",
        "{ {2,3}, {3,3}, error = 'cross: x is [2, 3], y is [3, 3]: they do "
        "not broadcast; sizes must be equal or 1, matched from the last "
        "axis' }"});

// ---- vander

// Running products of 1, x, x ... hold the powers and their gradients, at 0
// too.
static orr_tensor *vander_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  if (!orr_want_min_rank(c, 0, 1)) return NULL;
  if (x->rank == ORR_MAX_RANK) {
    orr_fail(c, "x has %d axes; use at most %d", x->rank, ORR_MAX_RANK - 1);
    return NULL;
  }
  const double given = c->attr[0];
  const int64_t n = given < 0 ? x->size[x->rank - 1] : (int64_t)given;
  orr_tensor *one = ORR(unsqueeze, x, .attr = {-1});
  if (!one) return NULL;
  if (n == 0) return ORR(narrow, one, .attr = {-1, 0, 0, 1});
  int64_t size[ORR_MAX_RANK];
  for (int i = 0; i < one->rank; i++) size[i] = one->size[i];
  size[one->rank - 1] = n - 1;
  orr_tensor *parts[2] = {ORR(ones_like, one, .attr = {-1}),
                          orr_expand_to(one, one->rank, size)};
  if (!parts[0] || !parts[1]) return NULL;
  const orr_args args = {.list = parts, .n = 2, .attr = {-1}};
  orr_tensor *y = orr_keep(orr_apply(&orr_op_cat, &args));
  y = ORR(cumprod, y, .attr = {-1});
  return c->attr[1] != 0 ? y : ORR(flip, y, .attr = {1, -1});
}

ORR_DEFINE_OP(vander,
    .doc = "Powers of the elements of x [..., M] -> [..., M, n], falling to 1 "
           "along the rows.",
    .params = {ANY("x"),
        {"n", ORR_INT, .def = -1, .doc = "columns; -1: as many as rows"},
        {"increasing", ORR_BOOL, .doc = "from 1 upwards"}},
    .compose = vander_compose,
    .samples = {"{ {3} }", "{ {4}, n = 2, increasing = true }",
        "{ {2,3}, n = 5 }", "{ {3}, n = 0 }", "{ {3}, n = 1 }", "{ {0} }",
        "{ {0}, n = 3 }", "{ {2}, low = 0, high = 0, n = 4 }",
        "{ {}, error = 'vander: x is [] but must have at least 1 axis; use "
        ":view or :unsqueeze' }"});

// ---- cov, corrcoef

static bool want_weights(orr_call *c, int input, int64_t n) {
  const orr_tensor *w = c->x[input];
  char a[128], b[128];
  if (!w || (w->rank == 1 && w->size[0] == n)) return true;
  return orr_fail(c, "x is %s but %s is %s; it must be [%lld]",
                  orr_shape_text(c->x[0], a, sizeof a),
                  orr_input_name(c, input), orr_shape_text(w, b, sizeof b),
                  (long long)n);
}

// Of w, the product of both weights, and the sums that the mean and the
// divisor need.
static orr_tensor *weighted_covariance(orr_call *c, orr_tensor *x,
                                       orr_tensor *f, orr_tensor *a) {
  orr_tensor *w = f && a ? times(f, a) : f ? f : a;
  orr_tensor *total = ORR(sum, w);
  orr_tensor *mean = over(sum_last(times(x, w)), total);
  orr_tensor *d = minus(x, mean), *lost = orr_num(x, c->attr[0]);
  if (a) lost = times(lost, over(ORR(sum, times(w, a)), total));
  orr_tensor *n = ORR(relu, minus(total, lost));
  return over(binary(&orr_op_matmul, times(d, w), orr_transpose_last(d)), n);
}

static orr_tensor *covariance(orr_tensor *x, double correction) {
  const double n = (double)x->size[1];
  orr_tensor *mean = ORR(mean, x, .attr = {1, -1, [9] = true});
  orr_tensor *d = minus(x, mean);
  d = binary(&orr_op_matmul, d, orr_transpose_last(d));
  return over(d, orr_num(x, n > correction ? n - correction : 0));
}

// Rows are variables; a vector is one. One variable has a variance [].
static orr_tensor *as_rows(orr_call *c) {
  orr_tensor *x = c->x[0];
  char text[128];
  if (x->rank > 2) {
    orr_fail(c, "x is %s; it must have 1 or 2 axes: a row per variable",
             orr_shape_text(x, text, sizeof text));
    return NULL;
  }
  const int64_t size[2] = {x->rank == 2 ? x->size[0] : 1,
                           x->rank ? x->size[x->rank - 1] : 1};
  return orr_reshape_to(x, 2, size);
}

static orr_tensor *squeezed(orr_tensor *y) {
  return y && y->count == 1 ? orr_reshape_to(y, 0, NULL) : y;
}

static orr_tensor *cov_compose(orr_call *c) {
  orr_tensor *x = as_rows(c);
  if (!x || !want_weights(c, 1, x->size[1]) || !want_weights(c, 2, x->size[1]))
    return NULL;
  if (!c->x[1] && !c->x[2]) return squeezed(covariance(x, c->attr[0]));
  orr_tensor *f = c->x[1] ? orr_cast(c->x[1], x->dtype) : NULL;
  orr_tensor *a = c->x[2] ? orr_cast(c->x[2], x->dtype) : NULL;
  return squeezed(weighted_covariance(c, x, f, a));
}

ORR_DEFINE_OP(cov,
    .doc = "Covariances of the rows of x [M, N], each a variable seen N times "
           "-> [M, M]; of one variable, its variance.",
    .params = {{"x", .doc = "[M, N] or [N]"},
        {"fweights", .want = ORR_WANT_INT, .optional = true,
            .doc = "[N]: how often each column was seen"},
        {"aweights", .optional = true, .doc = "[N]: how much it counts"},
        {"correction", ORR_NUM, .def = 1, .doc = "taken from the count"}},
    .compose = cov_compose,
    .flags = ORR_INT_TO_FLOAT,
    .samples = {"{ {3,5} }", "{ {5} }", "{ {2,4}, false, {4}, low = 0.5, "
        "high = 2 }", "{ {2,4}, {4}, ints = { fweights = {1,3} } }",
        "{ {2,4}, {4}, {4}, ints = { fweights = {1,3} }, correction = 0, low "
        "= 0.5, high = 2 }", "{ {0,3} }",
        "{ {2,3,4}, error = 'cov: x is [2, 3, 4]; it must have 1 or 2 axes: a "
        "row per variable' }",
        "{ {2,4}, false, {3}, error = 'cov: x is [2, 4] but aweights is [3]; "
        "it must be [4]' }"});

static orr_tensor *corrcoef_compose(orr_call *c) {
  orr_tensor *x = as_rows(c);
  if (!x) return NULL;
  orr_tensor *y = covariance(x, 1);
  orr_tensor *s = ORR(sqrt, ORR(diagonal, y, .attr = {0, 0, 1}));
  y = over(over(y, s), ORR(unsqueeze, s, .attr = {-1}));
  return squeezed(ORR(clamp, y, .attr = {-1, 1}));
}

ORR_DEFINE_OP(corrcoef,
    .doc = "Correlations of the rows of x [M, N], each a variable seen N "
           "times -> [M, M]; of one variable, 1.",
    .params = {{"x", .doc = "[M, N] or [N]"}}, .compose = corrcoef_compose,
    .flags = ORR_INT_TO_FLOAT,
    .samples = {"{ {3,5}, nograd = true, reason = 'clamped at 1' }",
        "{ {5}, nograd = true, reason = 'clamped at 1' }", "{ {0,3} }",
        "{ {2,3,4}, error = 'corrcoef: x is [2, 3, 4]; it must have 1 or 2 "
        "axes: a row per variable' }"});
