// derived.c -- small functions made of other ops.
#include <string.h>

#include "../kernels/elementwise.h"

#define ANY(NAME) \
  { NAME, .want = ORR_WANT_ANY }

static orr_tensor *scaled(orr_tensor *x, double factor) {
  return ORR(mul, x, orr_num(x, factor));
}

// ---- elementwise

static orr_tensor *logit_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  const double eps = c->attr[0];
  if (!(eps >= 0 && eps <= 0.5)) {
    orr_fail(c, "eps is %g; it must be between 0 and 0.5", eps);
    return NULL;
  }
  if (eps > 0) x = ORR(clamp, x, .attr = {eps, 1 - eps});
  return ORR(log, ORR(div, x, ORR(sub, orr_num(x, 1), x)));
}

ORR_DEFINE_OP(logit,
    .doc = "log(x / (1 - x)), the inverse of sigmoid, elementwise, x first "
           "limited to [eps, 1 - eps].",
    .params = {{"x"}, {"eps", ORR_NUM, .doc = "0 to 0.5"}},
    .compose = logit_compose, .flags = ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, low = 0.1, high = 0.9 }",
        "{ {3,4}, eps = 0.2, low = 0.3, high = 0.7 }",
        "{ {4}, eps = 0.4, low = 0, high = 0.3 }", "{ {0,4} }",
        "{ {2}, eps = 0.6, error = 'logit: eps is 0.6; it must be between 0 "
        "and 0.5' }"});

// x log y with 1 for y where x is 0 and the logarithm infinite or none.
static orr_tensor *xlogy_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *y = c->x[1], *zero = orr_num(x, 0);
  orr_tensor *odd = ORR(logical_or, ORR(le, y, zero), ORR(isinf, y));
  odd = ORR(logical_and, ORR(eq, x, zero), odd);
  return ORR(mul, x, ORR(log, ORR(where, odd, orr_num(y, 1), y)));
}

ORR_DEFINE_OP(xlogy,
    .doc = "x log(y), 0 where x is 0 and y is not NaN, elementwise with "
           "broadcasting.",
    .params = {ANY("x"), ANY("y")}, .compose = xlogy_compose,
    .flags = ORR_PROMOTE | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, {3,4}, low = 0.3, high = 2 }",
        "{ {3,1}, {4}, low = 0.3, high = 2 }", "{ {0,4}, {4} }",
        "{ {3}, {3}, low = 0, high = 0, nograd = true, reason = 'the edge of "
        "the domain' }"});

// The n-th derivative of sin(t)/t. From t S = sin t, n times differentiated,
// t S_n = sin(t + n pi/2) - n S_(n-1); near 0 by the power series.
static double sinc_series(double t, int n) {
  double sum = 0, factor = 1;  // t^(m - n) / (m - n)!
  for (int m = n; m < n + 48; m++) {
    if (m % 2 == 0) sum += (m % 4 == 0 ? factor : -factor) / (m + 1);
    factor *= t / (m - n + 1);
  }
  return sum;
}
static double sinc_of(double x, int n) {
  const double pi = 3.14159265358979323846, t = pi * x;
  double scale = 1, s = sin(t) / t;
  for (int k = 1; k <= n; k++) scale *= pi;
  if (fabs(t) < 3 + 0.5 * n) return scale * sinc_series(t, n);
  for (int k = 1; k <= n; k++) {
    const double turn[] = {sin(t), cos(t), -sin(t), -cos(t)};
    s = (turn[k % 4] - k * s) / t;
  }
  return scale * s;
}
ORR_MAP1(sinc_nth, ORR_GRAIN_DEAR, sinc_of((double)x, (int)b0))

static bool sinc_nth_shape(orr_call *c) {
  if (!(c->attr[0] >= 0 && c->attr[0] <= 16))
    return orr_fail(c, "n is %g; use 0 to 16", c->attr[0]);
  return orr_out_like(c, c->x[0]);
}
static void sinc_nth_vjp(orr_vjp *v) {
  orr_tensor *d = ORR(sinc_nth, v->x[0], .attr = {v->attr[0] + 1});
  v->gx[0] = ORR(mul, v->gy, d);
}

ORR_DEFINE_OP(sinc_nth, .doc = "The n-th derivative of sinc, elementwise.",
    .params = {{"x"}, {"n", ORR_INT, .doc = "0 to 16"}},
    .shape = sinc_nth_shape, .forward = sinc_nth_forward, .vjp = sinc_nth_vjp,
    .flags = ORR_STRIDED_OK | ORR_HIDDEN,
    .samples = {"{ {3,4} }", "{ {3,4}, n = 2 }",
        "{ {3,4}, n = 3, low = -3, high = 3 }", "{ {4}, low = 0, high = 0 }",
        "{ {0,4} }",
        "{ {2}, n = 17, error = 'sinc_nth: n is 17; use 0 to 16' }"});

static orr_tensor *sinc_compose(orr_call *c) {
  return ORR(sinc_nth, c->x[0], .attr = {0});
}

ORR_DEFINE_OP(sinc, .doc = "sin(pi x) / (pi x), 1 at 0, elementwise.",
    .params = {{"x"}}, .compose = sinc_compose, .flags = ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, low = -3, high = 3 }", "{ {4}, low = 0, high = 0 }",
        "{ {0,4} }"});

static orr_tensor *addcmul_compose(orr_call *c) {
  const double value = c->attr[0];
  if (!orr_dtype_is_float(c->x[0]->dtype) && value != floor(value)) {
    orr_fail(c, "value is %g but x is %s; give a whole number", value,
             orr_dtype_name(c->x[0]->dtype));
    return NULL;
  }
  orr_tensor *product = ORR(mul, c->x[1], c->x[2]);
  return ORR(add, c->x[0], scaled(product, c->attr[0]));
}
static orr_tensor *addcdiv_compose(orr_call *c) {
  orr_tensor *quotient = ORR(div, c->x[1], c->x[2]);
  return ORR(add, c->x[0], scaled(quotient, c->attr[0]));
}

#define THREE                                     \
  {                                               \
    ANY("x"), ANY("y"), ANY("z"), {               \
      "value", ORR_NUM, .def = 1, .doc = "factor" \
    }                                             \
  }
ORR_DEFINE_OP(addcmul,
    .doc = "x + value y z, elementwise with broadcasting.", .params = THREE,
    .compose = addcmul_compose, .flags = ORR_PROMOTE,
    .samples = {"{ {3}, {3}, {3}, value = 0.5, ints = { x = {0,1}, y = {0,1}, "
                "z = {0,1} }, error = 'addcmul: value is 0.5 but x is int64; "
                "give a whole number' }",
        "{ {3,4}, {3,4}, {3,4} }", "{ {3,1}, {4}, {}, value = -2 }",
        "{ {0,4}, {4}, {} }"});
ORR_DEFINE_OP(addcdiv,
    .doc = "x + value y / z, elementwise with broadcasting.", .params = THREE,
    .compose = addcdiv_compose, .flags = ORR_PROMOTE | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, {3,4}, {3,4}, low = 0.5, high = 2 }",
        "{ {3,1}, {4}, {}, value = -2, low = 0.5, high = 2 }",
        "{ {0,4}, {4}, {} }"});

// ---- shrinking activations

static orr_tensor *tanhshrink_compose(orr_call *c) {
  return ORR(sub, c->x[0], ORR(tanh, c->x[0]));
}
static orr_tensor *softshrink_compose(orr_call *c) {
  const double l = c->attr[0];
  if (!(l >= 0)) {
    orr_fail(c, "lambda is %g; it must be >= 0", l);
    return NULL;
  }
  return ORR(sub, c->x[0], ORR(clamp, c->x[0], .attr = {-l, l}));
}
static orr_tensor *hardshrink_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *zero = orr_num(x, 0);
  return ORR(where, ORR(le, ORR(abs, x), orr_num(x, c->attr[0])), zero, x);
}

#define LAMBDA \
  { "lambda", ORR_NUM, .def = 0.5, .doc = "what counts as 0" }
ORR_DEFINE_OP(tanhshrink, .torch = "torch.nn.functional.tanhshrink",
    .doc = "x - tanh(x), elementwise.",
    .params = {{"x"}}, .compose = tanhshrink_compose,
    .flags = ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4} }", "{ {0,4} }"});
ORR_DEFINE_OP(softshrink,
    .torch = "torch.nn.functional.softshrink",
    .doc = "x moved lambda towards 0, and 0 from -lambda to lambda.",
    .params = {{"x"}, LAMBDA}, .compose = softshrink_compose,
    .samples = {"{ {3,4}, low = 0.6, high = 2 }",
        "{ {3,4}, lambda = 1, low = -3, high = -1.2 }",
        "{ {4}, lambda = 3 }", "{ {0,4} }",
        "{ {2}, lambda = -1, error = 'softshrink: lambda is -1; it must be "
        ">= 0' }"});
ORR_DEFINE_OP(hardshrink, .doc = "x, but 0 from -lambda to lambda.",
    .params = {{"x"}, LAMBDA}, .compose = hardshrink_compose,
    .samples = {"{ {3,4}, low = 0.6, high = 2 }", "{ {4}, lambda = 3 }",
        "{ {0,4} }"});

// ---- along axes

// a, then b; either may be absent.
static orr_tensor *joined(orr_tensor *a, orr_tensor *b, int axis) {
  if (!a || !b) return a ? a : b;
  orr_tensor *both[] = {a, b};
  const orr_args args = {.list = both, .n = 2, .attr = {axis}};
  return orr_keep(orr_apply(&orr_op_cat, &args));
}

static orr_tensor *diff_compose(orr_call *c) {
  orr_tensor *y = c->x[0];
  if (c->attr[0] < 0) {
    orr_fail(c, "n is %g; it must be 0 or more", c->attr[0]);
    return NULL;
  }
  if (!orr_want_min_rank(c, 0, 1) || !orr_want_axis(c, 1, y->rank)) return NULL;
  const int axis = (int)c->attr[1];
  if (c->attr[0] == 0) return ORR(clone, y);
  y = joined(joined(c->x[1], y, axis), c->x[2], axis);
  for (double k = 0; y && k < c->attr[0]; k++) {
    const double n = (double)y->size[axis], rest = n > 0 ? n - 1 : 0;
    if (rest == 0) return ORR(narrow, y, .attr = {axis, 0, 0, 1});
    y = ORR(sub, ORR(narrow, y, .attr = {axis, 1, rest, 1}),
            ORR(narrow, y, .attr = {axis, 0, rest, 1}));
  }
  return y;
}

ORR_DEFINE_OP(diff,
    .doc = "Differences of neighbours along an axis, n times over.",
    .params = {ANY("x"), {"n", ORR_INT, .def = 1, .doc = "how often"},
        {"axis", ORR_AXIS, .def = -1, .doc = "along which"},
        {"prepend", .want = ORR_WANT_ANY, .optional = true,
         .doc = "joined to x before its first position"},
        {"append", .want = ORR_WANT_ANY, .optional = true,
         .doc = "and after its last"}},
    .compose = diff_compose,
    .samples = {"{ {3,4} }", "{ {5,2}, n = 2, axis = 1 }", "{ {3}, n = 5 }",
        "{ {3}, n = 0 }", "{ {0,4} }", "{ {2,0} }",
        "{ {3,4}, {3,1} }", "{ {3,4}, {2,4}, {1,4}, n = 2, axis = 1 }",
        "{ {4}, false, {2} }",
        "{ {3,4}, {2,1}, error = 'diff: tensor 1 is [2, 1] but tensor 2 is "
        "[3, 4]; all sizes but that of axis 2 must be equal' }",
        "{ {3}, n = -1, error = 'diff: n is -1; it must be 0 or more' }"});

static orr_tensor *cosine_similarity_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *y = c->x[1];
  orr_tensor *xy = ORR(mul, x, y);
  if (!xy || !orr_want_axis(c, 0, xy->rank)) return NULL;
  x = orr_expand_to(x, xy->rank, xy->size);
  y = orr_expand_to(y, xy->rank, xy->size);
  const double axis = c->attr[0], eps = c->attr[1];
  orr_tensor *a = ORR(norm, x, .attr = {2, 1, axis});
  orr_tensor *b = ORR(norm, y, .attr = {2, 1, axis});
  a = ORR(clamp, a, .attr = {eps, INFINITY});
  b = ORR(clamp, b, .attr = {eps, INFINITY});
  return ORR(div, ORR(sum, xy, .attr = {1, axis}), ORR(mul, a, b));
}

ORR_DEFINE_OP(cosine_similarity,
    .doc = "The cosine of the angle between x and y along an axis; norms "
           "below eps count as eps.",
    .params = {{"x"}, {"y"},
        {"axis", ORR_AXIS, .def = 1, .doc = "of the vectors"},
        {"eps", ORR_NUM, .def = 1e-8, .doc = "least norm"}},
    .compose = cosine_similarity_compose, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {3,4}, {3,4} }", "{ {3,4}, {4}, axis = -1 }",
        "{ {2,3,2}, {2,3,2}, axis = 1 }", "{ {0,4}, {0,4} }",
        "{ {3}, {3}, axis = 2, error = 'cosine_similarity: axis is 2 but x is "
        "[3]; use 1 to 1 or -1 to -1' }"});

static orr_tensor *movedim_compose(orr_call *c) {
  const int rank = c->x[0]->rank, n = (int)c->attr[0];
  double *from = c->attr + 1, *to = c->attr + 10;
  bool taken[ORR_MAX_RANK] = {false}, used[ORR_MAX_RANK] = {false};
  orr_short_args order = {.x0 = c->x[0], .attr = {rank}};
  if (n != (int)c->attr[9]) {
    orr_fail(c, "%d axes are to go to %g places; give as many", n, c->attr[9]);
    return NULL;
  }
  for (int i = 0; i < n; i++) {
    if (!orr_want_axis(c, 1 + i, rank) || !orr_want_axis(c, 10 + i, rank))
      return NULL;
    const int f = (int)from[i], t = (int)to[i];
    if (used[f] || taken[t]) {
      orr_fail(c, "axis %d is given twice; name each once",
               (used[f] ? f : t) + 1);
      return NULL;
    }
    used[f] = taken[t] = true;
    order.attr[1 + t] = f;
  }
  for (int f = 0, t = 0; f < rank; f++) {
    if (used[f]) continue;
    while (taken[t]) t++;
    order.attr[1 + t++] = f;
  }
  return orr_apply_short(&orr_op_permute, &order);
}

ORR_DEFINE_OP(movedim,
    .doc = "A view of x with axes moved to other places, the rest in order.",
    .params = {ANY("x"),
        {"source", ORR_AXES, .required = true, .doc = "axes of x"},
        {"destination", ORR_AXES, .required = true, .doc = "where they go"}},
    .compose = movedim_compose,
    .samples = {"{ {2,3,4}, source = 1, destination = -1 }",
        "{ {2,3,4}, source = {3,1}, destination = {1,2} }",
        "{ {0,4}, source = 2, destination = 1 }",
        "{ {2,3}, source = {1,1}, destination = {1,2}, error = 'movedim: axis "
        "1 is given twice; name each once' }",
        "{ {2,3}, source = {1,2}, destination = 1, error = 'movedim: 2 axes "
        "are to go to 1 places; give as many' }"});

static orr_tensor *masked_scatter_compose(orr_call *c) {
  orr_tensor *x, *mask, *source = c->x[2];
  if (!orr_spread_two(c, &x, &mask)) return NULL;
  orr_tensor *at = ORR(flatnonzero, mask);
  if (!at) return NULL;
  if (at->count > source->count) {
    orr_fail(c,
             "the mask has %lld places but source only %lld elements; give "
             "as many",
             (long long)at->count, (long long)source->count);
    return NULL;
  }
  source = orr_reshape_to(source, 1, &source->count);
  source = ORR(narrow, source, .attr = {0, 0, (double)at->count, 1});
  orr_tensor *flat = orr_reshape_to(x, 1, &x->count);
  return orr_reshape_to(ORR(scatter, flat, at, source, .attr = {0}), x->rank,
                        x->size);
}

ORR_DEFINE_OP(masked_scatter,
    .doc = "x with the first elements of source written, in order, where the "
           "mask is not 0; x and the mask broadcast.",
    .params = {ANY("x"), {"mask", .want = ORR_WANT_MASK}, ANY("source")},
    .compose = masked_scatter_compose,
    .samples = {"{ {3,4}, {3,4}, {12} }", "{ {3,4}, {4}, {3,4} }",
        "{ {4}, {3,1}, {3,4} }",
        "{ {0,4}, {0,4}, {0} }",
        "{ {3,1}, {3,1}, {0}, error = 'masked_scatter: the mask has 2 places "
        "but source only 0 elements; give as many' }"});
