// activation_forms.c -- activations made of others, and those with weights.
#include <math.h>

#include "op.h"

static orr_tensor *scaled(orr_tensor *x, double factor) {
  return ORR(mul, x, orr_num(x, factor));
}
static orr_tensor *positive(orr_tensor *x) { return ORR(gt, x, orr_num(x, 0)); }

// ---- mish: x tanh(softplus(x)), never over- or underflowing on the way

static orr_tensor *mish_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  return ORR(mul, x, ORR(tanh, ORR(softplus, x, .attr = {1})));
}

ORR_DEFINE_OP(mish,
    .torch = "torch.nn.functional.mish",
    .doc = "x tanh(log(1 + e^x)), elementwise (Misra 2019).",
    .params = {{"x"}}, .compose = mish_compose,
    .samples = {"{ {3,4}, low = -3, high = 3 }", "{ {0,4} }",
        "{ {6}, low = -200, high = 200 }"});

// ---- selu, celu

static orr_tensor *selu_compose(orr_call *c) {
  return scaled(ORR(elu, c->x[0], .attr = {1.6732632423543772848}),
                1.0507009873554804934);
}

ORR_DEFINE_OP(selu,
    .doc = "1.0507 elu(x) with alpha = 1.6733, elementwise: keeps mean 0 and "
           "variance 1 (Klambauer et al. 2017).",
    .params = {{"x"}}, .compose = selu_compose,
    .samples = {"{ {3,4}, low = 0.1 }", "{ {6}, low = -3, high = -0.1 }",
        "{ {0,4} }"});

// celu(x) = elu(x / alpha) alpha, alpha != 0.
static orr_tensor *celu_compose(orr_call *c) {
  const double alpha = c->attr[0];
  if (alpha == 0) {
    orr_fail(c, "alpha is 0; it must not be");
    return NULL;
  }
  // Not the minimum of x and 0, which would halve the gradient at 0.
  orr_tensor *x = c->x[0], *above = positive(x);
  orr_tensor *below = ORR(where, above, orr_num(x, 0), x);
  orr_tensor *low = ORR(expm1, scaled(below, 1 / alpha));
  return ORR(where, above, x, scaled(low, alpha));
}

ORR_DEFINE_OP(celu,
    .doc = "x where positive, else alpha (e^(x / alpha) - 1), elementwise "
           "(Barron 2017).",
    .params = {{"x"}, {"alpha", ORR_NUM, .def = 1, .doc = "not 0"}},
    .compose = celu_compose,
    .samples = {"{ {3,4}, low = 0.1 }",
        "{ {6}, alpha = 0.5, low = -3, high = -0.1 }", "{ {0,4} }",
        "{ {2}, alpha = 0, error = 'celu: alpha is 0; it must not be' }"});

// ---- prelu: one slope per channel (axis 2) or for all

static orr_tensor *prelu_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *w = c->x[1];
  const int64_t channels = x->rank > 1 ? x->size[1] : 1;
  char a[128], b[128];
  if (w->rank > 1 || (w->count != 1 && w->count != channels)) {
    orr_fail(c,
             "x is %s but weight is %s; give one weight, or one for each "
             "of x's %lld channels (axis 2)",
             orr_shape_text(x, a, sizeof a), orr_shape_text(w, b, sizeof b),
             (long long)channels);
    return NULL;
  }
  int64_t size[ORR_MAX_RANK];
  for (int i = 0; i < x->rank; i++) size[i] = i == 1 ? w->count : 1;
  w = orr_reshape_to(w, w->count == 1 ? 0 : x->rank, size);
  return ORR(where, positive(x), x, ORR(mul, x, w));
}

ORR_DEFINE_OP(prelu,
    .doc = "x where positive, else weight * x: weight holds one number, or "
           "one per channel (axis 2) (He et al. 2015).",
    .params = {{"x"}, {"weight", .doc = "[1] or [C]"}},
    .compose = prelu_compose,
    .samples = {"{ {3,4}, {4} }", "{ {2,3,2,2}, {3} }", "{ {3,4}, {1} }",
        "{ {5}, {} }", "{ {0,4}, {4} }",
        "{ {2,3}, {2}, error = 'prelu: x is [2, 3] but weight is [2]; give "
        "one weight, or one for each of x\\'s 3 channels (axis 2)' }"});

// ---- pieces of straight lines

static orr_tensor *relu6_compose(orr_call *c) {
  return ORR(hardtanh, c->x[0], .attr = {0, 6});
}

ORR_DEFINE_OP(relu6, .torch = "torch.nn.functional.relu6",
    .doc = "min(max(x, 0), 6), elementwise.",
    .params = {{"x", .want = ORR_WANT_ANY}}, .compose = relu6_compose,
    .samples = {"{ {3,4}, low = 0.1 }", "{ {6}, low = 6.5, high = 9 }",
        "{ {0,4} }"});

static orr_tensor *hard_gate(orr_tensor *x) {
  orr_tensor *y = ORR(hardtanh, ORR(add, x, orr_num(x, 3)), .attr = {0, 6});
  return scaled(y, 1.0 / 6);
}
static orr_tensor *hardsigmoid_compose(orr_call *c) {
  return hard_gate(c->x[0]);
}
static orr_tensor *hardswish_compose(orr_call *c) {
  return ORR(mul, c->x[0], hard_gate(c->x[0]));
}

ORR_DEFINE_OP(hardsigmoid, .torch = "torch.nn.functional.hardsigmoid",
    .doc = "min(max(x + 3, 0), 6) / 6, elementwise.",
    .params = {{"x"}}, .compose = hardsigmoid_compose,
    .samples = {"{ {3,4} }", "{ {6}, low = 3.5, high = 9 }", "{ {0,4} }"});
ORR_DEFINE_OP(hardswish,
    .torch = "torch.nn.functional.hardswish",
    .doc = "x hardsigmoid(x), elementwise (Howard et al. 2019).",
    .params = {{"x"}}, .compose = hardswish_compose,
    .samples = {"{ {3,4} }", "{ {6}, low = 3.5, high = 9 }", "{ {0,4} }"});

static orr_tensor *softsign_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  return ORR(div, x, ORR(add, ORR(abs, x), orr_num(x, 1)));
}

ORR_DEFINE_OP(softsign, .torch = "torch.nn.functional.softsign",
    .doc = "x / (1 + |x|), elementwise.",
    .params = {{"x"}}, .compose = softsign_compose,
    .flags = ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, low = 0.1 }", "{ {6}, low = -9, high = -0.5 }",
        "{ {0,4} }"});

// ---- along an axis

static orr_tensor *softmin_compose(orr_call *c) {
  if (!orr_want_axis(c, 0, c->x[0]->rank)) return NULL;
  return ORR(softmax, ORR(neg, c->x[0]), .attr = {c->attr[0]});
}

ORR_DEFINE_OP(softmin, .doc = "softmax of -x along an axis.",
    .params = {{"x"}, {"axis", ORR_AXIS, .required = true,
                       .doc = "the axis whose elements add up to 1"}},
    .compose = softmin_compose, .torch = "torch.nn.functional.softmin",
    .samples = {"{ {3,4}, axis = 2 }", "{ {3,4}, axis = 1 }",
        "{ {0,4}, axis = 2 }", "{ {2,6}, axis = 2, low = -500, high = 500 }",
        "{ {2,3}, axis = 3, error = 'softmin: axis is 3 but x is [2, 3]; use "
        "1 to 2 or -2 to -1' }"});

static orr_tensor *glu_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  char text[128];
  if (!orr_want_axis(c, 0, x->rank)) return NULL;
  const int axis = (int)c->attr[0];
  const double half = (double)(x->size[axis] / 2);
  if (x->size[axis] % 2) {
    orr_fail(c, "axis %d of %s has size %lld; it must be even", axis + 1,
             orr_shape_text(x, text, sizeof text), (long long)x->size[axis]);
    return NULL;
  }
  orr_tensor *a = ORR(narrow, x, .attr = {axis, 0, half, 1});
  orr_tensor *b = ORR(narrow, x, .attr = {axis, half, half, 1});
  return ORR(mul, a, ORR(sigmoid, b));
}

ORR_DEFINE_OP(glu,
    .doc = "a sigmoid(b), a and b the halves of x along an axis (Dauphin et "
           "al. 2017).",
    .params = {{"x"}, {"axis", ORR_AXIS, .def = -1, .doc = "the one halved"}},
    .compose = glu_compose, .torch = "torch.nn.functional.glu",
    .samples = {"{ {3,4} }", "{ {4,3}, axis = 1 }", "{ {0,4} }",
        "{ {2,3}, error = 'glu: axis 2 of [2, 3] has size 3; it must be even' "
        "}"});

// ---- gumbel_softmax

// The position of the largest as a one: what the forward pass of `hard` gives.
static orr_tensor *one_at_largest(orr_tensor *y, int axis) {
  orr_tensor *at = ORR(argmax, y, .attr = {1, axis, [9] = false});
  if (!at) return NULL;
  orr_tensor *ones = orr_keep(orr_empty(y->dtype, at->rank, at->size));
  if (!ones || !orr_fill_(ones, 1)) return NULL;
  return ORR(place, ones, at, .attr = {axis, (double)y->size[axis], 0, 1});
}

// Jang et al. 2017. With hard, y plus a constant that makes it one-hot: its
// value is the constant's, its gradient y's ("straight-through").
static orr_tensor *gumbel_softmax_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  const double tau = c->attr[0];
  if (!(tau > 0)) {
    orr_fail(c, "tau is %g; it must be > 0", tau);
    return NULL;
  }
  if (!orr_want_axis(c, 2, x->rank)) return NULL;
  const int axis = (int)c->attr[2];
  orr_short_args draw = {.attr = {x->rank, [9] = 0, 1, x->dtype},
                         .stream = c->stream};
  for (int i = 0; i < x->rank; i++) draw.attr[1 + i] = (double)x->size[i];
  orr_tensor *noise = orr_apply_short(&orr_op_gumbel, &draw);
  orr_tensor *y =
      ORR(softmax, scaled(ORR(add, x, noise), 1 / tau), .attr = {axis});
  if (!y || c->attr[1] == 0 || y->count == 0) return y;
  orr_tensor *soft = orr_keep(orr_detach(y));
  return ORR(add, one_at_largest(soft, axis), ORR(sub, y, soft));
}

ORR_DEFINE_OP(gumbel_softmax,
    .doc = "softmax((logits + Gumbel noise) / tau): a differentiable draw "
           "from a categorical distribution (Jang et al. 2017). With hard it "
           "is one-hot, and its gradient is that of the soft draw.",
    .params = {{"logits"},
        {"tau", ORR_NUM, .def = 1, .doc = "temperature, > 0"},
        {"hard", ORR_BOOL, .doc = "one-hot, straight-through"},
        {"axis", ORR_AXIS, .def = -1, .doc = "the axis of the classes"},
        {"generator", ORR_STREAM, .doc = "the stream drawn from"}},
    .compose = gumbel_softmax_compose, .flags = ORR_RANDOM | ORR_FUNCTIONAL,
    .samples = {"{ {3,4} }", "{ {4,3}, tau = 0.7, axis = 1 }",
        "{ {3,4}, hard = true, nograd = true, reason = 'the value is a step, "
        "the gradient is that of the soft draw' }",
        "{ {0,4} }", "{ {0,4}, hard = true }",
        "{ {3}, tau = 0, error = 'gumbel_softmax: tau is 0; it must be > 0' "
        "}"});

// ---- threshold: threshold, value

static orr_tensor *threshold_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  return ORR(where, ORR(gt, x, orr_num(x, c->attr[0])), x,
             orr_num(x, c->attr[1]));
}

ORR_DEFINE_OP(threshold,
    .doc = "x where it is above a threshold, else a value, elementwise.",
    .params = {{"x", .want = ORR_WANT_ANY},
        {"threshold", ORR_NUM, .required = true, .doc = "x must be above it"},
        {"value", ORR_NUM, .required = true, .doc = "instead of x"}},
    .compose = threshold_compose,
    .samples = {"{ {3,4}, threshold = 0, value = 5, low = 0.1 }",
        "{ {3,4}, threshold = 2, value = -1 }",
        "{ {0,4}, threshold = 0, value = 0 }"});

// ---- rrelu: lower, upper, training

// Below 0 times a number drawn between lower and upper, or their mean.
static orr_tensor *rrelu_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  const double lower = c->attr[0], upper = c->attr[1];
  if (!(lower <= upper && isfinite(upper - lower))) {
    orr_fail(c, "lower is %g and upper %g; lower must not be above upper",
             lower, upper);
    return NULL;
  }
  orr_tensor *slope = orr_num(x, (lower + upper) / 2);
  if (c->attr[2] != 0)
    slope = ORR(rand_like, x, .attr = {lower, upper}, .stream = c->stream);
  return ORR(where, positive(x), x, ORR(mul, x, slope));
}

ORR_DEFINE_OP(rrelu,
    .doc = "x where positive, else x times a slope, elementwise: in training "
           "one drawn for each element, otherwise the mean (Xu et al. 2015).",
    .params = {{"x"}, {"lower", ORR_NUM, .def = 1. / 8, .doc = "least slope"},
        {"upper", ORR_NUM, .def = 1. / 3, .doc = "largest slope"},
        {"training", ORR_BOOL, .doc = "draws slopes"},
        {"generator", ORR_STREAM, .doc = "the stream drawn from"}},
    .compose = rrelu_compose, .flags = ORR_FUNCTIONAL | ORR_RANDOM,
    .samples = {"{ {3,4} }", "{ {3,4}, lower = 0.1, upper = 0.5 }",
        "{ {3,4}, lower = 0.2, upper = 0.2, training = true }", "{ {0,4} }",
        "{ {3}, lower = 1, error = 'rrelu: lower is 1 and upper 0.333333; "
        "lower must not be above upper' }"});
