// loss_forms.c -- losses made of other ops, under PyTorch's names.
#include <math.h>

#include "losses.h"

// ---- huber_loss: reduction, delta

static orr_tensor *huber_compose(orr_call *c) {
  const double delta = c->attr[1];
  if (!orr_want_same(c, 0, 1)) return NULL;
  if (!(delta > 0)) {
    orr_fail(c, "delta is %g; it must be > 0", delta);
    return NULL;
  }
  orr_tensor *each = ORR(smooth_l1_each, c->x[0], c->x[1], .attr = {delta});
  return reduced(scaled(each, delta), c->attr[0]);
}

ORR_DEFINE_OP(huber_loss,
    .doc = "d^2 / 2 for d = |input - target| below delta, delta (d - delta / "
           "2) from there on.",
    .params = {{"input"}, {"target"}, REDUCTION,
        {"delta", ORR_NUM, .def = 1, .doc = "where the line begins, > 0"}},
    .compose = huber_compose, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {3,4}, {3,4}, delta = 5 }",
        "{ {3,4}, {3,4}, reduction = 'sum', delta = 5 }",
        "{ {4}, {4}, reduction = 'none', delta = 1e-3, distinct = true }",
        "{ {0,4}, {0,4}, reduction = 'sum' }",
        "{ {2,3}, {2,3}, delta = 0, error = 'huber_loss: delta is 0; it must "
        "be > 0' }",
        "{ {2,3}, {3,2}, error = 'huber_loss: input is [2, 3] but target is "
        "[3, 2]; match them' }"});

// ---- kl_div: reduction, log_target

static orr_tensor *kl_div_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *t = c->x[1];
  if (!orr_want_same(c, 0, 1)) return NULL;
  orr_tensor *each = c->attr[1] != 0
      ? ORR(mul, ORR(exp, t), ORR(sub, t, x))
      : ORR(sub, ORR(xlogy, t, t), ORR(mul, t, x));
  return reduced(each, c->attr[0]);
}

ORR_DEFINE_OP(kl_div,
    .doc = "target (log target - input), input being log-probabilities: the "
           "divergence of input from target once summed. With log_target the "
           "target is given as logarithms too.",
    .params = {{"input", .doc = "logarithms"}, {"target"},
        {"reduction", ORR_CHOICE, .choices = "mean|sum|none|batchmean",
         .doc = "batchmean: the sum over the size of axis 1"},
        {"log_target", ORR_BOOL, .doc = "target is logarithms"}},
    .compose = kl_div_compose, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {3,4}, {3,4}, low = 0.1, high = 2 }",
        "{ {3,4}, {3,4}, reduction = 'batchmean', low = 0.1, high = 2 }",
        "{ {3,4}, {3,4}, reduction = 'sum', log_target = true }",
        "{ {4}, {4}, reduction = 'none', low = 0.1, high = 2 }",
        "{ {0,4}, {0,4}, reduction = 'sum' }",
        "{ {2,3}, {3,2}, error = 'kl_div: input is [2, 3] but target is [3, "
        "2]; match them' }"});

// ---- gaussian_nll_loss: full, eps, reduction

// A var without input's last axis holds for all of it.
static orr_tensor *per_row(orr_tensor *var, const orr_tensor *x) {
  bool short_of_one = var->rank == x->rank - 1;
  for (int a = 0; short_of_one && a < var->rank; a++)
    short_of_one = var->size[a] == x->size[a];
  return short_of_one ? ORR(unsqueeze, var, .attr = {var->rank}) : var;
}

static orr_tensor *gaussian_nll_compose(orr_call *c) {
  const double eps = c->attr[1];
  if (!orr_want_same(c, 0, 1)) return NULL;
  if (!(eps > 0)) {
    orr_fail(c, "eps is %g; it must be > 0", eps);
    return NULL;
  }
  orr_tensor *var =
      ORR(clamp, per_row(c->x[2], c->x[0]), .attr = {eps, INFINITY});
  orr_tensor *d = ORR(square, ORR(sub, c->x[0], c->x[1]));
  orr_tensor *y = scaled(ORR(add, ORR(log, var), ORR(div, d, var)), 0.5);
  if (c->attr[0] != 0)  // log(2 pi) / 2
    y = ORR(add, y, orr_num(y, 0.91893853320467274));
  return reduced(y, c->attr[2]);
}

ORR_DEFINE_OP(gaussian_nll_loss,
    .doc = "-log of the normal density of target with mean input and "
           "variance var: (log var + (input - target)^2 / var) / 2.",
    .params = {{"input"}, {"target"}, {"var", .doc = "> 0, broadcast; or input's shape without its last axis"},
        {"full", ORR_BOOL, .doc = "with the constant log(2 pi) / 2"},
        {"eps", ORR_NUM, .def = 1e-6, .doc = "least variance"}, REDUCTION},
    .compose = gaussian_nll_compose, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {3,4}, {3,4}, {3,4}, low = 0.4, high = 2 }",
        "{ {3,4}, {3,4}, {3,1}, full = true, reduction = 'sum', low = 0.4, "
        "high = 2 }",
        "{ {4}, {4}, {}, reduction = 'none', low = 0.4, high = 2 }",
        "{ {2,3}, {2,3}, {2}, low = 0.4, high = 2 }",
        "{ {0,4}, {0,4}, {4}, reduction = 'sum' }",
        "{ {2}, {2}, {2}, eps = 0, error = 'gaussian_nll_loss: eps is 0; it "
        "must be > 0' }",
        "{ {2,3}, {3,2}, {}, error = 'gaussian_nll_loss: input is [2, 3] but "
        "target is [3, 2]; match them' }"});
