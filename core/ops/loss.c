// loss.c -- loss functions under PyTorch's names.
#include <math.h>

#include "../base/threads.h"
#include "../kernels/elementwise.h"
#include "losses.h"

static bool pair_shape(orr_call *c) {
  return orr_want_same(c, 0, 1) && orr_out_like(c, c->x[0]);
}

// Samples every loss of an input and a target of one shape has.
#define PAIR_SAMPLES(NAME, RANGE)                                              \
  "{ {3,4}, {3,4}" RANGE " }", "{ {3,4}, {3,4}, reduction = 'sum'" RANGE " }", \
      "{ {2,1,3}, {2,1,3}, reduction = 'none'" RANGE " }",                     \
      "{ {}, {}" RANGE " }", "{ {0,4}, {0,4}, reduction = 'sum' }",            \
      "{ {2,3}, {3,2}, error = '" NAME ": input is [2, 3] but target is "      \
      "[3, 2]; match them' }"

// ---- mse, l1, smooth l1

static orr_tensor *mse_compose(orr_call *c) {
  if (!orr_want_same(c, 0, 1)) return NULL;
  return reduced(ORR(square, ORR(sub, c->x[0], c->x[1])), c->attr[0]);
}

ORR_DEFINE_OP(mse_loss,
    .doc = "Squared error: (input - target)^2.",
    .params = {{"input"}, {"target"}, REDUCTION}, .compose = mse_compose,
    .flags = ORR_FUNCTIONAL, .samples = {PAIR_SAMPLES("mse_loss", "")});

static orr_tensor *l1_compose(orr_call *c) {
  if (!orr_want_same(c, 0, 1)) return NULL;
  return reduced(ORR(abs, ORR(sub, c->x[0], c->x[1])), c->attr[0]);
}

ORR_DEFINE_OP(l1_loss,
    .doc = "Absolute error: |input - target|.",
    .params = {{"input"}, {"target"}, REDUCTION}, .compose = l1_compose,
    .flags = ORR_FUNCTIONAL,
    .samples = {PAIR_SAMPLES("l1_loss", ", distinct = true")});

ORR_MAP2(smooth_l1_each, ORR_GRAIN_CHEAP,
         v_abs(x - z) < b0 ? (x - z) * (x - z) / (b0 + b0)
                           : v_abs(x - z) - b0 / 2)

static void smooth_l1_vjp(orr_vjp *v) {
  const double beta = v->attr[0];
  orr_tensor *d = ORR(sub, v->x[0], v->x[1]);
  d = beta > 0 ? ORR(clamp, scaled(d, 1 / beta), .attr = {-1, 1})
               : ORR(sign, d);
  orr_tensor *g = ORR(mul, v->gy, d);
  v->gx[0] = g;
  if (v->needs[1]) v->gx[1] = ORR(neg, g);
}

ORR_DEFINE_OP(smooth_l1_each,
    .doc = "smooth_l1_loss of each element.",
    .params = {{"input"}, {"target"}, {"beta", ORR_NUM, .def = 1}},
    .shape = pair_shape, .forward = smooth_l1_each_forward,
    .vjp = smooth_l1_vjp, .flags = ORR_HIDDEN | ORR_STRIDED_OK,
    .samples = {"{ {3,4}, {3,4}, beta = 5 }", "{ {0,4}, {0,4} }",
        "{ {6}, {6}, beta = 0.01, low = -100, high = 100 }",
        "{ {2,3}, {3,2}, error = 'smooth_l1_each: input is [2, 3] but target "
        "is [3, 2]; match them' }"});

static orr_tensor *smooth_l1_compose(orr_call *c) {
  const double beta = c->attr[1];
  if (!orr_want_same(c, 0, 1)) return NULL;
  if (!(beta >= 0)) {
    orr_fail(c, "beta is %g; it must be >= 0", beta);
    return NULL;
  }
  return reduced(ORR(smooth_l1_each, c->x[0], c->x[1], .attr = {beta}),
                 c->attr[0]);
}

ORR_DEFINE_OP(smooth_l1_loss,
    .doc = "d^2 / (2 beta) for d = |input - target| below beta, d - beta / 2 "
           "from there on.",
    .params = {{"input"}, {"target"}, REDUCTION,
        {"beta", ORR_NUM, .def = 1, .doc = "where the line begins, >= 0"}},
    .compose = smooth_l1_compose, .flags = ORR_FUNCTIONAL,
    .samples = {PAIR_SAMPLES("smooth_l1_loss", ", beta = 5"),
        "{ {2,3}, {2,3}, beta = -1, error = 'smooth_l1_loss: beta is -1; it "
        "must be >= 0' }"});

// ---- binary cross entropy

#define AT_LEAST(LOW, V) ((V) < (LOW) ? (LOW) : (V))
ORR_MAP2(bce_each, ORR_GRAIN_DEAR,
         -(z *AT_LEAST(-100, v_log(x)) + (1 - z) * AT_LEAST(-100, v_log1p(-x))))

// d/dx = (x - t) / (x (1 - x)), with PyTorch's floor under the divisor.
static void bce_vjp(orr_vjp *v) {
  orr_tensor *x = v->x[0], *t = v->x[1];
  if (v->needs[0]) {
    orr_tensor *d = ORR(mul, x, ORR(sub, orr_num(x, 1), x));
    d = ORR(maximum, d, orr_num(x, 1e-12));
    v->gx[0] = ORR(mul, v->gy, ORR(div, ORR(sub, x, t), d));
  }
  if (v->needs[1]) {
    orr_tensor *low = orr_num(x, -100);
    orr_tensor *a = ORR(maximum, ORR(log1p, ORR(neg, x)), low);
    orr_tensor *b = ORR(maximum, ORR(log, x), low);
    v->gx[1] = ORR(mul, v->gy, ORR(sub, a, b));
  }
}

ORR_DEFINE_OP(bce_each,
    .doc = "binary_cross_entropy of each element.",
    .params = {{"input"}, {"target"}}, .shape = pair_shape,
    .forward = bce_each_forward, .vjp = bce_vjp,
    .flags = ORR_HIDDEN | ORR_STRIDED_OK,
    .samples = {"{ {3,4}, {3,4}, low = 0.1, high = 0.9 }", "{ {0,4}, {0,4} }",
        "{ {2,3}, {3,2}, error = 'bce_each: input is [2, 3] but target is "
        "[3, 2]; match them' }"});

// weight broadcasts over the elements.
static orr_tensor *weighted(orr_tensor *each, orr_tensor *weight) {
  return weight ? ORR(mul, each, weight) : each;
}

static orr_tensor *bce_compose(orr_call *c) {
  if (!orr_want_same(c, 0, 1)) return NULL;
  orr_tensor *each = ORR(bce_each, c->x[0], c->x[1]);
  return reduced(weighted(each, c->x[2]), c->attr[0]);
}

ORR_DEFINE_OP(binary_cross_entropy,
    .doc = "-(target log(input) + (1 - target) log(1 - input)) for "
           "probabilities, each logarithm at least -100.",
    .params = {{"input", .doc = "probabilities"}, {"target"},
        {"weight", .optional = true, .doc = "factor of each element"},
        REDUCTION},
    .compose = bce_compose, .flags = ORR_FUNCTIONAL,
    .samples = {PAIR_SAMPLES("binary_cross_entropy",
                             ", low = 0.1, high = 0.9"),
        "{ {3,4}, {3,4}, {4}, low = 0.1, high = 0.9 }"});

// max(x,0) - x t + log(1 + e^-|x|): the terms that grow cancel exactly.
ORR_MAP2(bce_logits_each, ORR_GRAIN_DEAR,
         (x > 0 ? x : 0) - x * z + v_softplus(-v_abs(x)))

static void bce_logits_vjp(orr_vjp *v) {
  orr_tensor *x = v->x[0], *t = v->x[1];
  if (v->needs[0]) v->gx[0] = ORR(mul, v->gy, ORR(sub, ORR(sigmoid, x), t));
  if (v->needs[1]) v->gx[1] = ORR(neg, ORR(mul, v->gy, x));
}

ORR_DEFINE_OP(bce_logits_each,
    .doc = "binary_cross_entropy_with_logits of each element.",
    .params = {{"input"}, {"target"}}, .shape = pair_shape,
    .forward = bce_logits_each_forward, .vjp = bce_logits_vjp,
    .flags = ORR_HIDDEN | ORR_STRIDED_OK,
    .samples = {"{ {3,4}, {3,4} }", "{ {0,4}, {0,4} }",
        "{ {6}, {6}, low = -200, high = 200 }",
        "{ {2,3}, {3,2}, error = 'bce_logits_each: input is [2, 3] but "
        "target is [3, 2]; match them' }"});

// With pos_weight p: (1 - t) x + (1 + (p - 1) t) softplus(-x).
static orr_tensor *bce_logits_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *t = c->x[1], *p = c->x[3], *each;
  if (!orr_want_same(c, 0, 1)) return NULL;
  if (p) {
    orr_tensor *one = orr_num(x, 1);
    orr_tensor *factor = ORR(add, one, ORR(mul, ORR(sub, p, one), t));
    orr_tensor *soft = ORR(softplus, ORR(neg, x), .attr = {1, 20});
    each = ORR(add, ORR(mul, ORR(sub, one, t), x), ORR(mul, factor, soft));
  } else {
    each = ORR(bce_logits_each, x, t);
  }
  return reduced(weighted(each, c->x[2]), c->attr[0]);
}

ORR_DEFINE_OP(binary_cross_entropy_with_logits,
    .doc = "binary_cross_entropy of sigmoid(input), without overflow or "
           "cancellation for any input.",
    .params = {{"input", .doc = "log-odds"}, {"target"},
        {"weight", .optional = true, .doc = "factor of each element"},
        {"pos_weight", .optional = true,
            .doc = "factor of the target = 1 term, for each class"},
        REDUCTION},
    .compose = bce_logits_compose, .flags = ORR_FUNCTIONAL,
    .samples = {PAIR_SAMPLES("binary_cross_entropy_with_logits", ""),
        "{ {6}, {6}, low = -200, high = 200 }", "{ {3,4}, {3,4}, {4} }",
        "{ {3,4}, {3,4}, false, {4} }", "{ {3,4}, {3,4}, {3,1}, {4} }"});

// ---- classes

// -lp at the target class (times its weight), smoothed towards the mean over
// all classes. The mean divides by the weights of the targets that count.
static orr_tensor *class_loss(orr_call *c, orr_tensor *lp, double smoothing) {
  orr_tensor *target = c->x[1], *weight = c->x[2], *w = NULL, *all = NULL;
  const double reduction = c->attr[0], skip = c->attr[1];
  const int axis = lp && lp->rank > 1 ? 1 : 0;
  const double picker = c->op == &orr_op_cross_entropy ? 2 : 1;
  orr_tensor *each = ORR(pick, lp, target, .attr = {axis, skip, -1, picker});
  if (!each) return NULL;
  orr_tensor *kept = skip != 0 ? ORR(ne, target, orr_num(target, skip)) : NULL;
  if (weight) {
    int64_t size[ORR_MAX_RANK];
    for (int a = 0; a < lp->rank; a++) size[a] = a == axis ? lp->size[a] : 1;
    all = orr_expand_to(orr_reshape_to(weight, lp->rank, size), lp->rank,
                        lp->size);
    w = ORR(pick, all, target, .attr = {axis, skip, 1, picker});
    each = ORR(mul, each, w);
  } else if (kept) {
    w = orr_cast(kept, lp->dtype);
  }
  if (smoothing > 0) {
    orr_tensor *rest =
        ORR(sum, all ? ORR(mul, lp, all) : lp, .attr = {1, axis});
    each = ORR(sub, scaled(each, 1 - smoothing),
               scaled(rest, smoothing / (double)lp->size[axis]));
  }
  // Not by factors of 0: when all are ignored the mean's gradient is 0 / 0.
  if (kept) each = ORR(where, kept, each, orr_num(each, 0));
  if (reduction == MEAN && w) return ORR(div, ORR(sum, each), ORR(sum, w));
  return reduced(each, reduction);
}

static bool want_classes(orr_call *c) {
  const orr_tensor *x = c->x[0], *t = c->x[1], *w = c->x[2];
  char a[128], b[128];
  if (!orr_want_min_rank(c, 0, 1)) return false;
  const int axis = x->rank > 1 ? 1 : 0;
  bool same = t->rank == x->rank - 1;
  for (int i = 0; same && i < t->rank; i++)
    same = t->size[i] == x->size[i + (i >= axis)];
  orr_shape_text(x, a, sizeof a);
  if (!same)
    return orr_fail(c,
                    "input is %s but target is %s; target must be input's "
                    "shape without its class axis, %d",
                    a, orr_shape_text(t, b, sizeof b), axis + 1);
  if (w && (w->rank != 1 || w->size[0] != x->size[axis]))
    return orr_fail(c,
                    "input is %s but weight is %s; give one weight for "
                    "each of %lld classes",
                    a, orr_shape_text(w, b, sizeof b),
                    (long long)x->size[axis]);
  return true;
}

#define CLASS_PARAMS                                                          \
  {"target", .want = ORR_WANT_INT, .doc = "classes, counted from 1"},         \
      {"weight", .optional = true, .doc = "factor of each class"}, REDUCTION, \
  {                                                                           \
    "ignore_index", ORR_INT,                                                  \
        .doc = "a label that counts for nothing; 0: there is none"            \
  }
#define CLASS_SAMPLES(NAME)                                                    \
  "{ {5,4}, {5}, ints = {target = {1,4}} }",                                   \
      "{ {5,4}, {5}, reduction = 'sum', ints = {target = {1,4}} }",            \
      "{ {2,4,3}, {2,3}, reduction = 'none', ints = {target = {1,4}} }",       \
      "{ {4}, {}, ints = {target = {1,4}} }",                                  \
      "{ {9,4}, {9}, {4}, low = 0.5, high = 2, ints = {target = {1,4}} }",     \
      "{ {9,4}, {9}, {4}, low = 0.5, high = 2, reduction = 'none', "           \
      "ignore_index = 2, ints = {target = {1,4}} }",                           \
      "{ {9,4}, {9}, reduction = 'sum', ignore_index = 9, "                    \
      "ints = {target = {1,4}} }",                                             \
      "{ {0,4}, {0}, reduction = 'sum', ints = {target = {1,4}} }",            \
      "{ {5,4}, {4}, ints = {target = {1,4}}, error = '" NAME ": input is "    \
      "[5, 4] but target is [4]; target must be input\\'s shape without its "  \
      "class axis, 2' }",                                                      \
      "{ {5,4}, {5}, {3}, ints = {target = {1,4}}, error = '" NAME ": input "  \
      "is [5, 4] but weight is [3]; give one weight for each of 4 classes' }", \
      "{ {5,4}, {5}, ints = {target = {5,5}}, error = '" NAME ": target at "   \
      "element 1 is 5; use 1 to 4' }"

static orr_tensor *nll_compose(orr_call *c) {
  return want_classes(c) ? class_loss(c, c->x[0], 0) : NULL;
}

ORR_DEFINE_OP(nll_loss,
    .doc = "-input at the target class, for log-probabilities [N, C, ...] or "
           "[C]. The mean is weighted.",
    .params = {{"input", .doc = "log-probabilities"}, CLASS_PARAMS},
    .compose = nll_compose, .flags = ORR_FUNCTIONAL,
    .samples = {CLASS_SAMPLES("nll_loss")});

static orr_tensor *cross_entropy_compose(orr_call *c) {
  const double smoothing = c->attr[2];
  if (!want_classes(c)) return NULL;
  if (!(smoothing >= 0 && smoothing <= 1)) {
    orr_fail(c, "label_smoothing is %g; use 0 to 1", smoothing);
    return NULL;
  }
  orr_tensor *lp =
      ORR(log_softmax, c->x[0], .attr = {c->x[0]->rank > 1 ? 1 : 0});
  return class_loss(c, lp, smoothing);
}

ORR_DEFINE_OP(cross_entropy,
    .doc = "nll_loss of log_softmax(input), for logits [N, C, ...] or [C]. "
           "The mean is weighted. A target of floats holds probabilities.",
    .params = {{"input", .doc = "logits"}, CLASS_PARAMS,
        {"label_smoothing", ORR_NUM,
            .doc = "share of the target spread over all classes, 0 to 1"}},
    .compose = cross_entropy_compose, .flags = ORR_FUNCTIONAL,
    .samples = {CLASS_SAMPLES("cross_entropy"),
        "{ {5,4}, {5}, label_smoothing = 0.2, ints = {target = {1,4}} }",
        "{ {9,4}, {9}, {4}, low = 0.5, high = 2, label_smoothing = 0.2, "
        "ints = {target = {1,4}} }",
        "{ {5,4}, {5}, low = -300, high = 300, ints = {target = {1,4}} }",
        "{ {5,4}, {5}, label_smoothing = 2, ints = {target = {1,4}}, error = "
        "'cross_entropy: label_smoothing is 2; use 0 to 1' }"});

// ---- KL of a diagonal Gaussian from the standard one

// e^z - 1 - z; near 0, where that would cancel, its series in Horner's form.
#define EXP_REST(T, TERMS, ABS)                                  \
  static inline T exp_rest_##T(T z, T power) {                   \
    T p = 1;                                                     \
    for (int k = TERMS; k >= 3; k--) p = 1 + p * z * (1 / (T)k); \
    return ABS(z) < 1 ? p * z * z / 2 : power - 1 - z;           \
  }
EXP_REST(float, 12, fabsf)
EXP_REST(double, 20, fabs)

ORR_MAP2(kl_normal, ORR_GRAIN_DEAR,
         (x * x + V_FLOAT(z, exp_rest_float, exp_rest_double)(z, v_exp(z))) / 2)

static void kl_normal_vjp(orr_vjp *v) {
  v->gx[0] = ORR(mul, v->gy, v->x[0]);
  if (v->needs[1]) v->gx[1] = ORR(mul, v->gy, scaled(ORR(expm1, v->x[1]), 0.5));
}

ORR_DEFINE_OP(kl_normal,
    .doc = "KL(N(mean, exp(logvar)) || N(0, 1)) of each element, in nats: "
           "(mean^2 + exp(logvar) - logvar - 1) / 2.",
    .params = {{"mean"}, {"logvar"}}, .shape = pair_shape,
    .forward = kl_normal_forward, .vjp = kl_normal_vjp,
    .flags = ORR_FUNCTIONAL | ORR_STRIDED_OK, .torch = "",
    .samples = {"{ {3,4}, {3,4} }", "{ {2,1,3}, {2,1,3}, low = -8, high = 8 }",
        "{ {6}, {6}, low = -1e-3, high = 1e-3 }", "{ {0,4}, {0,4} }",
        "{ {}, {} }",
        "{ {2,3}, {3,2}, error = 'kl_normal: mean is [2, 3] but logvar is "
        "[3, 2]; match them' }"});
