// margin_loss.c -- losses that ask for a margin between scores or distances,
// and a few others of PyTorch's, made of other ops.
#include <math.h>

#include "losses.h"

#define MARGIN(DEFAULT) \
  { "margin", ORR_NUM, .def = DEFAULT, .doc = "distance asked for" }

static orr_tensor *plus(orr_tensor *x, double by) {
  return ORR(add, x, orr_num(x, by));
}
static orr_tensor *positive(orr_tensor *x) { return ORR(relu, x); }
static orr_tensor *is(orr_tensor *x, double value) {
  return ORR(eq, x, orr_num(x, value));
}
static orr_tensor *where_else_0(orr_tensor *mask, orr_tensor *x) {
  return ORR(where, mask, x, orr_num(x, 0));
}

// ---- of scores and targets 1 or -1

static orr_tensor *soft_margin_loss_compose(orr_call *c) {
  if (!orr_want_same(c, 0, 1)) return NULL;
  orr_tensor *z = ORR(neg, ORR(mul, c->x[0], c->x[1]));
  return reduced(ORR(softplus, z, .attr = {1}), c->attr[0]);
}

ORR_DEFINE_OP(soft_margin_loss,
    .doc = "log(1 + exp(-target input)) for targets 1 or -1.",
    .params = {{"input"}, {"target", .doc = "1 or -1"}, REDUCTION},
    .compose = soft_margin_loss_compose, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {3,4}, {3,4} }", "{ {3,4}, {3,4}, reduction = 'sum' }",
        "{ {4}, {4}, reduction = 'none', low = -30, high = 30 }",
        "{ {0,4}, {0,4}, reduction = 'sum' }",
        "{ {2,3}, {3,2}, error = 'soft_margin_loss: input is [2, 3] but "
        "target is [3, 2]; match them' }"});

// margin, reduction
static orr_tensor *hinge_embedding_loss_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *t = c->x[1];
  orr_tensor *far = positive(plus(ORR(neg, x), c->attr[0]));
  orr_tensor *zero = orr_num(x, 0);
  return reduced(ORR(add, ORR(where, is(t, -1), zero, x),
                     ORR(where, is(t, 1), zero, far)),
                 c->attr[1]);
}

ORR_DEFINE_OP(hinge_embedding_loss,
    .doc = "input where target is 1, max(0, margin - input) where it is -1: "
           "for distances of pairs that belong together or do not.",
    .params = {{"input", .doc = "distances"},
        {"target", .want = ORR_WANT_ANY, .doc = "1 or -1"}, MARGIN(1),
        REDUCTION},
    .compose = hinge_embedding_loss_compose, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {3,4}, {3,4}, ints = { target = {1,1} } }",
        "{ {3,4}, {3,4}, margin = 2, reduction = 'sum', ints = { target = "
        "{-1,-1} } }",
        "{ {9}, {9}, reduction = 'none', margin = 3, ints = { target = {-1,1} "
        "} }",
        "{ {0,4}, {0,4}, reduction = 'sum', ints = { target = {1,1} } }"});

// margin, reduction
static orr_tensor *margin_ranking_loss_compose(orr_call *c) {
  orr_tensor *d = ORR(sub, c->x[1], c->x[0]);
  return reduced(positive(plus(ORR(mul, c->x[2], d), c->attr[0])), c->attr[1]);
}

ORR_DEFINE_OP(margin_ranking_loss,
    .doc = "max(0, -target (input1 - input2) + margin): input1 should be the "
           "larger where target is 1, the smaller where it is -1.",
    .params = {{"input1"}, {"input2"}, {"target", .doc = "1 or -1"}, MARGIN(0),
        REDUCTION},
    .compose = margin_ranking_loss_compose,
    .flags = ORR_FUNCTIONAL | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, {3,4}, {3,4}, margin = 5 }",
        "{ {3,1}, {4}, {}, margin = 9, reduction = 'sum' }",
        "{ {4}, {4}, {4}, reduction = 'none', distinct = true }",
        "{ {0,4}, {0,4}, {4}, reduction = 'sum' }",
        "{ {2,3}, {2,4}, {3}, error = 'margin_ranking_loss: x is [2, 4], y is [2, 3]: they do "
        "not broadcast; sizes must be equal or 1, matched from the last axis' "
        "}"});

// log_input, full, eps, reduction
static orr_tensor *poisson_nll_loss_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *t = c->x[1];
  const double eps = c->attr[2];
  if (!(eps > 0)) {
    orr_fail(c, "eps is %g; it must be > 0", eps);
    return NULL;
  }
  orr_tensor *y = c->attr[0] != 0
      ? ORR(sub, ORR(exp, x), ORR(mul, t, x))
      : ORR(sub, x, ORR(mul, t, ORR(log, plus(x, eps))));
  if (c->attr[1] != 0) {  // Stirling: t log t - t + log(2 pi t) / 2
    orr_tensor *large = ORR(gt, t, orr_num(t, 1));
    orr_tensor *safe = ORR(where, large, t, orr_num(t, 1)), *l = ORR(log, safe);
    orr_tensor *rest = plus(scaled(l, 0.5), 0.91893853320467274);
    rest = ORR(add, ORR(sub, ORR(mul, safe, l), safe), rest);
    y = ORR(add, y, where_else_0(large, rest));
  }
  return reduced(y, c->attr[3]);
}

ORR_DEFINE_OP(poisson_nll_loss,
    .doc = "-log of the Poisson probability of target, without log(target!): "
           "exp(input) - target input for the logarithm of the rate, or input "
           "- target log(input + eps) for the rate itself.",
    .params = {{"input"}, {"target"},
        {"log_input", ORR_BOOL, .def = 1, .doc = "input is the logarithm"},
        {"full", ORR_BOOL, .doc = "with Stirling's formula for log(target!)"},
        {"eps", ORR_NUM, .def = 1e-8, .doc = "> 0, keeps the logarithm finite"},
        REDUCTION},
    .compose = poisson_nll_loss_compose,
    .flags = ORR_FUNCTIONAL | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, {3,4} }",
        "{ {3,4}, {3,4}, log_input = false, full = true, reduction = 'sum', "
        "low = 1.2, high = 5 }",
        "{ {4}, {4}, full = true, reduction = 'none', low = 0.1, high = 0.9 }",
        "{ {0,4}, {0,4}, reduction = 'sum' }",
        "{ {2}, {2}, eps = 0, error = 'poisson_nll_loss: eps is 0; it must be "
        "> 0' }"});

// ---- of distances

// p, eps, keepdim
static orr_tensor *distance(orr_tensor *x, orr_tensor *y, double p, double eps,
                            bool keepdim) {
  orr_tensor *d = plus(ORR(sub, x, y), eps);
  if (!d) return NULL;
  return ORR(norm, d, .attr = {p, 1, d->rank - 1, [10] = keepdim});
}
static bool want_p(orr_call *c, double p) {
  if (!orr_want_min_rank(c, 0, 1)) return false;
  return p >= 0 || orr_fail(c, "p is %g; it must be >= 0", p);
}
static orr_tensor *pairwise_distance_compose(orr_call *c) {
  if (!want_p(c, c->attr[0])) return NULL;
  return distance(c->x[0], c->x[1], c->attr[0], c->attr[1], c->attr[2] != 0);
}

#define P_PARAM \
  { "p", ORR_NUM, .def = 2, .doc = "of the norm, >= 0" }
#define EPS_PARAM \
  { "eps", ORR_NUM, .def = 1e-6, .doc = "added to differences" }
ORR_DEFINE_OP(pairwise_distance,
    .doc = "p-norm of x - y + eps along the last axis.",
    .params = {{"x"}, {"y"}, P_PARAM, EPS_PARAM,
        {"keepdim", ORR_BOOL, .doc = "keep the axis, with size 1"}},
    .compose = pairwise_distance_compose,
    .flags = ORR_FUNCTIONAL | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, {3,4} }", "{ {3,4}, {4}, p = 3, keepdim = true }",
        "{ {4}, {4}, p = 1, distinct = true }", "{ {0,4}, {0,4} }",
        "{ {3}, {3}, p = -1, error = 'pairwise_distance: p is -1; it must be "
        ">= 0' }",
        "{ {}, {}, error = 'pairwise_distance: x is [] but must have at least "
        "1 axis; use :view or :unsqueeze' }"});

// margin, p, eps, swap, reduction
static orr_tensor *triplet_margin_loss_compose(orr_call *c) {
  orr_tensor *a = c->x[0], *pos = c->x[1], *neg = c->x[2];
  const double p = c->attr[1], eps = c->attr[2];
  if (!want_p(c, p)) return NULL;
  orr_tensor *near = distance(a, pos, p, eps, false);
  orr_tensor *far = distance(a, neg, p, eps, false);
  if (c->attr[3] != 0)
    far = ORR(minimum, far, distance(pos, neg, p, eps, false));
  return reduced(positive(plus(ORR(sub, near, far), c->attr[0])), c->attr[4]);
}

ORR_DEFINE_OP(triplet_margin_loss,
    .doc = "max(0, |anchor - positive| - |anchor - negative| + margin), norms "
           "along the last axis.",
    .params = {{"anchor"}, {"positive"}, {"negative"}, MARGIN(1), P_PARAM,
        EPS_PARAM,
        {"swap", ORR_BOOL,
            .doc = "|positive - negative| counts too where it is smaller"},
        REDUCTION},
    .compose = triplet_margin_loss_compose,
    .flags = ORR_FUNCTIONAL | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, {3,4}, {3,4}, margin = 9 }",
        "{ {3,4}, {3,4}, {3,4}, margin = 9, swap = true, p = 3, reduction = "
        "'sum' }",
        "{ {2,3,4}, {2,3,4}, {4}, reduction = 'none', margin = 9 }",
        "{ {0,4}, {0,4}, {0,4}, reduction = 'sum' }",
        "{ {3}, {3}, {3}, p = -1, error = 'triplet_margin_loss: p is -1; it "
        "must be >= 0' }"});

// margin, reduction
static orr_tensor *cosine_embedding_loss_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *y = c->x[1], *t = c->x[2];
  if (!orr_want_same(c, 0, 1) || !orr_want_min_rank(c, 0, 1)) return NULL;
  const double last = x->rank - 1;
  orr_tensor *xy = ORR(sum, ORR(mul, x, y), .attr = {1, last});
  orr_tensor *xx = plus(ORR(sum, ORR(square, x), .attr = {1, last}), 1e-12);
  orr_tensor *yy = plus(ORR(sum, ORR(square, y), .attr = {1, last}), 1e-12);
  orr_tensor *cosine = ORR(div, xy, ORR(sqrt, ORR(mul, xx, yy)));
  orr_tensor *near = plus(ORR(neg, cosine), 1), *zero = orr_num(x, 0);
  orr_tensor *far = positive(plus(cosine, -c->attr[0]));
  return reduced(ORR(add, ORR(where, is(t, 1), near, zero),
                     ORR(where, is(t, -1), far, zero)),
                 c->attr[1]);
}

ORR_DEFINE_OP(cosine_embedding_loss,
    .doc = "1 - cos(x, y) where target is 1, max(0, cos(x, y) - margin) where "
           "it is -1, the cosine taken along the last axis.",
    .params = {{"x"}, {"y"},
        {"target", .want = ORR_WANT_ANY, .doc = "1 or -1"}, MARGIN(0),
        REDUCTION},
    .compose = cosine_embedding_loss_compose,
    .flags = ORR_FUNCTIONAL | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, {3,4}, {3}, ints = { target = {1,1} } }",
        "{ {5,4}, {5,4}, {5}, margin = -2, reduction = 'sum', ints = { target "
        "= {-1,1} } }",
        "{ {4}, {4}, {}, reduction = 'none', ints = { target = {1,1} } }",
        "{ {0,4}, {0,4}, {0}, reduction = 'sum', ints = { target = {1,1} } }",
        "{ {2,3}, {3,2}, {2}, ints = { target = {1,1} }, error = "
        "'cosine_embedding_loss: x is [2, 3] but y is [3, 2]; match them' }"});

// ---- of classes: input [N, C] or [C]

// The batch as [N, C], whatever it was.
static orr_tensor *rows(orr_tensor *x) {
  return x->rank == 1 ? ORR(unsqueeze, x, .attr = {0}) : x;
}
static bool want_rows(orr_call *c, bool each) {
  const orr_tensor *x = c->x[0], *t = c->x[1];
  char a[128], b[128];
  orr_shape_text(x, a, sizeof a);
  if (x->rank != 1 && x->rank != 2)
    return orr_fail(c, "input is %s but must be [N, C] or [C]; use :view", a);
  bool ok = t->rank == x->rank - !each;
  for (int k = 0; ok && k < t->rank; k++) ok = t->size[k] == x->size[k];
  return ok ||
      orr_fail(c, "input is %s but target is %s; give %s", a,
               orr_shape_text(t, b, sizeof b),
               each ? "one of input's shape" : "one class for each row");
}
static bool want_weight(orr_call *c) {
  const orr_tensor *w = c->x[2];
  char b[128];
  if (!w) return true;
  const int64_t classes = c->x[0]->size[c->x[0]->rank - 1];
  return (w->rank == 1 && w->size[0] == classes) ||
      orr_fail(c, "weight is %s; give one weight for each of %lld classes",
               orr_shape_text(w, b, sizeof b), (long long)classes);
}
// One number for each row, as the input had it: none if it was one row.
static orr_tensor *per_row(const orr_call *c, orr_tensor *each,
                           double reduction) {
  if (c->x[0]->rank == 1) each = ORR(squeeze, each);
  return reduced(each, reduction);
}

// p, margin, reduction
static orr_tensor *multi_margin_loss_compose(orr_call *c) {
  const double p = c->attr[0];
  if (!want_rows(c, false) || !want_weight(c)) return NULL;
  if (p != 1 && p != 2) {
    orr_fail(c, "p is %g; use 1 or 2", p);
    return NULL;
  }
  orr_tensor *x = rows(c->x[0]);
  orr_tensor *t = orr_reshape_to(c->x[1], 1, &x->size[0]);
  orr_tensor *own = ORR(pick, x, t, .attr = {1, 0, 1});
  own = ORR(unsqueeze, own, .attr = {1});
  orr_tensor *z = positive(plus(ORR(sub, x, own), c->attr[1]));
  if (p == 2) z = ORR(square, z);
  if (c->x[2])
    z = ORR(mul, z, ORR(unsqueeze, ORR(take, c->x[2], t), .attr = {1}));
  orr_tensor *hot = ORR(one_hot, t, .attr = {(double)x->size[1]});
  z = ORR(where, is(hot, 0), z, orr_num(x, 0));
  z = scaled(ORR(sum, z, .attr = {1, 1}), 1 / (double)x->size[1]);
  return per_row(c, z, c->attr[2]);
}

#define CLASSES \
  { "target", .want = ORR_WANT_INT, .doc = "classes, counted from 1" }
#define WEIGHT \
  { "weight", .optional = true, .doc = "factor of each class" }
ORR_DEFINE_OP(multi_margin_loss,
    .doc = "Mean over the classes of max(0, margin - input[target] + "
           "input[class])^p, the target's own left out, for scores [N, C].",
    .params = {{"input"}, CLASSES, WEIGHT,
        {"p", ORR_NUM, .def = 1, .doc = "1 or 2"}, MARGIN(1), REDUCTION},
    .compose = multi_margin_loss_compose, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {5,4}, {5}, margin = 5, ints = { target = {1,4} } }",
        "{ {5,4}, {5}, {4}, p = 2, margin = 5, reduction = 'sum', ints = { "
        "target = {1,4} } }",
        "{ {3,4}, {3}, reduction = 'none', margin = 5, ints = { target = "
        "{1,4} } }",
        "{ {4}, {}, margin = 5, ints = { target = {1,4} } }",
        "{ {0,4}, {0}, reduction = 'sum', ints = { target = {1,4} } }",
        "{ {2,3}, {3}, ints = { target = {1,3} }, error = 'multi_margin_loss: "
        "input is [2, 3] but target is [3]; give one class for each row' }",
        "{ {2,3}, {2}, {2}, ints = { target = {1,3} }, error = "
        "'multi_margin_loss: weight is [2]; give one weight for each of 3 "
        "classes' }",
        "{ {2,3}, {2}, p = 3, ints = { target = {1,3} }, error = "
        "'multi_margin_loss: p is 3; use 1 or 2' }"});

// Targets before the first 0 count, as masks int64 [N, C].
static orr_tensor *counted(orr_tensor *t) {
  orr_tensor *there = orr_cast(ORR(gt, t, orr_num(t, 0)), ORR_I64);
  return ORR(cumprod, there, .attr = {1});
}

static orr_tensor *multilabel_margin_loss_compose(orr_call *c) {
  if (!want_rows(c, true)) return NULL;
  orr_tensor *x = rows(c->x[0]), *t = rows(c->x[1]);
  if (!x || !t) return NULL;
  const int64_t n = x->size[0], classes = x->size[1];
  orr_tensor *counts = counted(t), *zero = orr_num(x, 0);
  orr_tensor *label = ORR(where, is(counts, 1), t, orr_num(t, 1));
  orr_tensor *none = orr_keep(orr_zeros(ORR_I64, 2, (int64_t[]){n, classes}));
  orr_tensor *own = ORR(scatter_add, none, label, counts, .attr = {1});
  orr_tensor *score = ORR(gather, x, label, .attr = {1});
  // [N, label, other class]
  orr_tensor *z = positive(plus(ORR(sub, ORR(unsqueeze, x, .attr = {1}),
                                    ORR(unsqueeze, score, .attr = {2})),
                                1));
  orr_tensor *asked =
      ORR(logical_and, ORR(unsqueeze, is(counts, 1), .attr = {2}),
          ORR(unsqueeze, is(own, 0), .attr = {1}));
  z = ORR(sum, ORR(where, asked, z, zero), .attr = {2, 1, 2});
  return per_row(c, scaled(z, 1 / (double)classes), c->attr[0]);
}

ORR_DEFINE_OP(multilabel_margin_loss,
    .doc = "Over the classes that are targets and those that are not, the sum "
           "of max(0, 1 - input[target] + input[other]) / C, for scores [N, "
           "C].",
    .params = {{"input"},
        {"target", .want = ORR_WANT_INT,
            .doc = "[N, C]: classes from 1, then a 0 that ends them"},
        REDUCTION},
    .compose = multilabel_margin_loss_compose, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {5,4}, {5,4}, ints = { target = {0,4} } }",
        "{ {5,4}, {5,4}, reduction = 'sum', ints = { target = {1,2} } }",
        "{ {3,6}, {3,6}, reduction = 'none', ints = { target = {0,6} } }",
        "{ {4}, {4}, ints = { target = {0,4} } }",
        "{ {0,4}, {0,4}, reduction = 'sum', ints = { target = {0,4} } }",
        "{ {2,3}, {2}, ints = { target = {1,3} }, error = "
        "'multilabel_margin_loss: input is [2, 3] but target is [2]; give one "
        "of input\\'s shape' }"});

static orr_tensor *multilabel_soft_margin_loss_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *t = c->x[1];
  if (!orr_want_same(c, 0, 1) || !orr_want_min_rank(c, 0, 1)) return NULL;
  orr_tensor *each = ORR(bce_logits_each, x, t);
  if (c->x[2]) each = ORR(mul, each, c->x[2]);
  each = ORR(mean, each, .attr = {1, x->rank - 1});
  return reduced(each, c->attr[0]);
}

ORR_DEFINE_OP(multilabel_soft_margin_loss,
    .doc = "binary_cross_entropy_with_logits of every class, averaged over "
           "the classes (the last axis), for scores [N, C].",
    .params = {{"input"}, {"target", .doc = "0 or 1"}, WEIGHT, REDUCTION},
    .compose = multilabel_soft_margin_loss_compose, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {3,4}, {3,4} }",
        "{ {3,4}, {3,4}, {4}, reduction = 'sum' }",
        "{ {3,4}, {3,4}, reduction = 'none', low = -30, high = 30 }",
        "{ {4}, {4} }", "{ {0,4}, {0,4}, reduction = 'sum' }",
        "{ {2,3}, {3,2}, error = 'multilabel_soft_margin_loss: input is [2, "
        "3] but target is [3, 2]; match them' }"});

// ---- cross_entropy to probabilities: reduction, label_smoothing

static orr_tensor *soft_cross_entropy_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *t = c->x[1], *w = c->x[2];
  const double smoothing = c->attr[1];
  char b[128];
  if (!orr_want_same(c, 0, 1) || !orr_want_min_rank(c, 0, 1)) return NULL;
  const int axis = x->rank > 1 ? 1 : 0;
  const double classes = (double)x->size[axis];
  if (!(smoothing >= 0 && smoothing <= 1)) {
    orr_fail(c, "label_smoothing is %g; use 0 to 1", smoothing);
    return NULL;
  }
  if (smoothing > 0) t = plus(scaled(t, 1 - smoothing), smoothing / classes);
  orr_tensor *each = ORR(mul, t, ORR(log_softmax, x, .attr = {axis}));
  if (w && (w->rank != 1 || w->size[0] != x->size[axis])) {
    orr_fail(c, "weight is %s; give one weight for each of %g classes",
             orr_shape_text(w, b, sizeof b), classes);
    return NULL;
  }
  if (w) {
    int64_t size[ORR_MAX_RANK];
    for (int k = 0; k < x->rank; k++) size[k] = k == axis ? w->size[0] : 1;
    each = ORR(mul, each, orr_reshape_to(w, x->rank, size));
  }
  each = ORR(neg, ORR(sum, each, .attr = {1, axis}));
  return reduced(each, c->attr[0]);
}

ORR_DEFINE_OP(soft_cross_entropy,
    .doc = "-target log_softmax(input), summed over the classes, for logits "
           "[N, C, ...] or [C] and a target of that shape that holds "
           "probabilities. What cross_entropy does with such a target.",
    .params = {{"input", .doc = "logits"}, {"target", .doc = "probabilities"},
        WEIGHT, REDUCTION,
        {"label_smoothing", ORR_NUM,
            .doc = "share of the target spread over all classes, 0 to 1"}},
    .compose = soft_cross_entropy_compose,
    .flags = ORR_FUNCTIONAL | ORR_HIDDEN,
    .torch = "torch.nn.functional.cross_entropy",
    .samples = {"{ {5,4}, {5,4} }", "{ {5,4}, {5,4}, {4}, reduction = 'sum' }",
        "{ {2,4,3}, {2,4,3}, {4}, label_smoothing = 0.2 }",
        "{ {4}, {4}, reduction = 'none' }",
        "{ {0,4}, {0,4}, reduction = 'sum' }",
        "{ {2,3}, {2,3}, {2}, error = 'soft_cross_entropy: weight is [2]; "
        "give one weight for each of 3 classes' }",
        "{ {2,3}, {2,3}, label_smoothing = 2, error = 'soft_cross_entropy: "
        "label_smoothing is 2; use 0 to 1' }",
        "{ {2,3}, {3,2}, error = 'soft_cross_entropy: input is [2, 3] but "
        "target is [3, 2]; match them' }"});
