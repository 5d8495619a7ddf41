// batch_norm.c -- batch normalisation (Ioffe & Szegedy 2015).
//
// Per channel, over m values: h = (x - mean) inv, inv = 1 / sqrt(var + eps),
// y = weight h + bias. With P(v) = v - avg(v) - h avg(v h), which is its own
// adjoint, the gradient to x is D(gy) = weight inv P(gy): batch_norm_dx. For
// a cotangent q of D's result
//   to gy:      D(q)
//   to weight:  sum q inv P(gy)
//   to x:       -inv / m (h sum(q D(gy)) + sum(gy h) D(q) + sum(q h) D(gy)),
// from d inv = -inv^2 h / m and the adjoint of h, inv P.
#include "../kernels/norm.h"

#include "op.h"

static orr_norm geometry(const orr_tensor *x, double eps) {
  orr_norm g = {.n = x->size[0],
                .channels = x->size[1],
                .pixels = 1,
                .eps = eps};
  for (int a = 2; a < x->rank; a++) g.pixels *= x->size[a];
  return g;
}

// The variance of one value says nothing.
static bool want_values(orr_call *c, int input) {
  const orr_tensor *x = c->x[input];
  const orr_norm g = geometry(x, 0);
  char text[128];
  if (g.n * g.pixels > 1 || g.channels == 0) return true;
  return orr_fail(c,
                  "%s is %s: training needs more than one value per "
                  "channel; give a larger batch or training = false",
                  orr_input_name(c, input),
                  orr_shape_text(x, text, sizeof text));
}

static void *data_of(const orr_tensor *t) { return t ? orr_data(t) : NULL; }

// Values per channel beside x: [C, 1, 1 ...].
static orr_tensor *beside(orr_tensor *v, const orr_tensor *x) {
  int64_t size[ORR_MAX_RANK] = {x->size[1]};
  for (int a = 2; a < x->rank; a++) size[a - 1] = 1;
  return orr_reshape_to(v, x->rank - 1, size);
}

static orr_tensor *channel_sums(orr_tensor *t, const orr_tensor *x) {
  orr_short_args args = {.x0 = t, .attr = {x->rank - 1, 0}};
  for (int a = 2; a < x->rank; a++) args.attr[a] = a;
  return orr_apply_short(&orr_op_sum, &args);
}

static orr_tensor *times(orr_tensor *a, orr_tensor *b) {
  return ORR(mul, a, b);
}

static orr_tensor *plus(orr_tensor *a, orr_tensor *b) {
  return a && b ? ORR(add, a, b) : a ? a : b;
}

// All three results, borrowed; NULLs when it fails.
static void apply3(const orr_op *op, orr_tensor *a, orr_tensor *b,
                   orr_tensor *c, double eps, orr_tensor **y) {
  const orr_args args = {.x = {a, b, c}, .attr = {eps}};
  y[0] = y[1] = y[2] = NULL;
  if (a && orr_apply_all(op, &args, y))
    for (int i = 0; i < 3; i++) orr_keep(y[i]);
}

// ------------------------------------------------------------ training

static bool batch_norm_train_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  return orr_want_min_rank(c, 0, 2) && orr_want_per_channel(c, 1, x->size[1]) &&
      orr_want_per_channel(c, 2, x->size[1]) && orr_want_eps(c, 0) &&
      want_values(c, 0) && orr_out_like(c, x) &&
      orr_out(c, 1, x->dtype, 1, &x->size[1]) &&
      orr_out(c, 2, x->dtype, 1, &x->size[1]);
}

static bool batch_norm_train_forward(orr_call *c) {
  const orr_norm g = geometry(c->x[0], c->attr[0]);
  orr_batch_norm(c->x[0]->dtype, &g, orr_data(c->x[0]), data_of(c->x[1]),
                 data_of(c->x[2]), orr_data(c->y[0]), orr_data(c->y[1]),
                 orr_data(c->y[2]));
  return true;
}

// d mean / dx = 1 / m and d var / dx = 2 (x - mean) / m.
static orr_tensor *statistics_vjp(const orr_vjp *v) {
  orr_tensor *x = v->x[0], *g = NULL;
  const orr_norm n = geometry(x, 0);
  orr_tensor *share = orr_num(x, 1 / (double)(n.n * n.pixels));
  if (v->gys[1])
    g = orr_expand_to(beside(times(v->gys[1], share), x), x->rank, x->size);
  if (v->gys[2]) {
    orr_tensor *mean = beside(times(channel_sums(x, x), share), x);
    orr_tensor *slope = times(v->gys[2], times(share, orr_num(x, 2)));
    g = plus(g, times(beside(slope, x), ORR(sub, x, mean)));
  }
  return g;
}

static void batch_norm_train_vjp(orr_vjp *v) {
  orr_tensor *g[3];
  apply3(&orr_op_batch_norm_dx, v->gy, v->x[0], v->x[1], v->attr[0], g);
  for (int i = 0; i < 3; i++) v->gx[i] = v->needs[i] ? g[i] : NULL;
  if (v->needs[0] && (v->gys[1] || v->gys[2]))
    v->gx[0] = plus(g[0], statistics_vjp(v));
}

#define EPS_PARAM \
  { "eps", ORR_NUM, .def = 1e-5, .doc = "added to the variance" }

ORR_DEFINE_OP(
    batch_norm_train,
    .doc = "batch_norm by the batch's own statistics; gives the result, the "
           "means and the variances (divided by the count) per channel.",
    .params = {{"x"},
               {"weight", .optional = true},
               {"bias", .optional = true},
               EPS_PARAM},
    .outputs = 3, .shape = batch_norm_train_shape,
    .forward = batch_norm_train_forward, .vjp = batch_norm_train_vjp,
    .flags = ORR_HIDDEN,
    .samples =
        {"{ {3,2,2,2}, {2}, {2} }", "{ {4,3} }",
         "{ {0,2,2}, error = 'batch_norm_train: x is [0, 2, 2]: training "
        "needs more than one value per channel; give a larger batch or "
        "training = false' }",
        "{ {1,3,1}, error = 'batch_norm_train: x is [1, 3, 1]: training needs "
         "more than one value per channel; give a larger batch or training = "
         "false' }"});

// ------------------------------------------------------------ its gradient

static bool batch_norm_dx_shape(orr_call *c) {
  const orr_tensor *x = c->x[1];
  return orr_want_same(c, 0, 1) && orr_want_min_rank(c, 1, 2) &&
      orr_want_per_channel(c, 2, x->size[1]) && orr_want_eps(c, 0) &&
      want_values(c, 1) && orr_out_like(c, x) &&
      orr_out(c, 1, x->dtype, 1, &x->size[1]) &&
      orr_out(c, 2, x->dtype, 1, &x->size[1]);
}

static bool batch_norm_dx_forward(orr_call *c) {
  const orr_norm g = geometry(c->x[1], c->attr[0]);
  orr_batch_norm_dx(c->x[1]->dtype, &g, orr_data(c->x[0]), orr_data(c->x[1]),
                    data_of(c->x[2]), orr_data(c->y[0]), orr_data(c->y[1]),
                    orr_data(c->y[2]));
  return true;
}

// What the cotangent q of gx brings, by the equations at the top.
static void input_cotangent(orr_vjp *v, orr_tensor *const *train) {
  orr_tensor *gy = v->x[0], *x = v->x[1], *w = v->x[2], *q = v->gys[0];
  const orr_norm n = geometry(x, 0);
  const double eps = v->attr[0];
  orr_tensor *dq[3], *dg[3], *plain[3];
  apply3(&orr_op_batch_norm_dx, q, x, w, eps, dq);
  v->gx[0] = dq[0];
  if (v->needs[1]) {
    apply3(&orr_op_batch_norm_dx, gy, x, w, eps, dg);
    orr_tensor *inv = ORR(rsqrt, ORR(add, train[2], orr_num(x, eps)));
    inv = times(inv, orr_num(x, -1 / (double)(n.n * n.pixels)));
    orr_tensor *h_part = times(inv, channel_sums(times(q, dg[0]), x));
    orr_tensor *sum = plus(times(train[0], beside(h_part, x)),
                           times(dq[0], beside(times(inv, dg[1]), x)));
    v->gx[1] = plus(sum, times(dg[0], beside(times(inv, dq[1]), x)));
  }
  if (v->needs[2]) {
    apply3(&orr_op_batch_norm_dx, gy, x, NULL, eps, plain);
    v->gx[2] = channel_sums(times(q, plain[0]), x);
  }
}

static void batch_norm_dx_vjp(orr_vjp *v) {
  orr_tensor *gy = v->x[0], *x = v->x[1], *train[3], *g[3];
  const double eps = v->attr[0];
  apply3(&orr_op_batch_norm_train, x, NULL, NULL, eps, train);
  if (v->gys[0]) input_cotangent(v, train);
  if (v->gys[1]) {  // gweight = sum gy h
    orr_tensor *a = beside(v->gys[1], x);
    v->gx[0] = plus(v->gx[0], times(train[0], a));
    apply3(&orr_op_batch_norm_dx, times(gy, a), x, NULL, eps, g);
    if (v->needs[1]) v->gx[1] = plus(v->gx[1], g[0]);
  }
  if (v->gys[2])  // gbias = sum gy
    v->gx[0] =
        plus(v->gx[0], orr_expand_to(beside(v->gys[2], x), x->rank, x->size));
}

ORR_DEFINE_OP(
    batch_norm_dx,
    .doc = "Gradients of batch_norm_train's result to x, weight and bias.",
    .params = {{"gy"}, {"x"}, {"weight", .optional = true}, EPS_PARAM},
    .outputs = 3, .shape = batch_norm_dx_shape,
    .forward = batch_norm_dx_forward, .vjp = batch_norm_dx_vjp,
    .flags = ORR_HIDDEN,
    .samples = {
        "{ {3,2,2,2}, {3,2,2,2}, {2} }",
        "{ {0,2,2}, {0,2,2}, error = 'batch_norm_dx: x is [0, 2, 2]: training "
        "needs more than one value per channel; give a larger batch or "
        "training = false' }", "{ {4,3}, {4,3} }",
        "{ {4,3}, {3,3}, error = 'batch_norm_dx: gy is [4, 3] but x is [3, 3]; "
        "match them' }"});

// ------------------------------------------------------------ the function

enum { TRAINING = 0, MOMENTUM = 1, EPS = 2 };

// By running statistics: an affine map per channel.
static orr_tensor *by_running(orr_call *c) {
  orr_tensor *x = c->x[0], *w = c->x[3], *b = c->x[4];
  orr_tensor *scale = ORR(rsqrt, ORR(add, c->x[2], orr_num(x, c->attr[EPS])));
  if (w) scale = times(scale, w);
  orr_tensor *shift = ORR(neg, times(c->x[1], scale));
  if (b) shift = ORR(add, shift, b);
  return ORR(add, times(x, beside(scale, x)), beside(shift, x));
}

static orr_tensor *batch_norm_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  if (!orr_want_min_rank(c, 0, 2) || !orr_want_eps(c, EPS)) return NULL;
  for (int i = 1; i < 5; i++)
    if (!orr_want_per_channel(c, i, x->size[1])) return NULL;
  if (c->attr[TRAINING] != 0)
    return want_values(c, 0)
        ? ORR(batch_norm_train, x, c->x[3], c->x[4], .attr = {c->attr[EPS]})
        : NULL;
  if (c->x[1] && c->x[2]) return by_running(c);
  orr_fail(c,
           "running_mean and running_var are missing; give them or "
           "training = true");
  return NULL;
}

ORR_DEFINE_OP(
    batch_norm,
    .doc = "Normalises each channel of x [N, C, ...] to mean 0 and variance 1, "
           "then scales by weight and adds bias, [C] each. In training by the "
           "batch's own statistics; the running ones are used otherwise and "
           "never changed here (nn.BatchNorm2d keeps them).",
    .params = {{"x"},
               {"running_mean", .optional = true},
               {"running_var", .optional = true},
               {"weight", .optional = true},
               {"bias", .optional = true},
               {"training", ORR_BOOL, .doc = "use the batch's statistics"},
               {"momentum", ORR_NUM, .def = 0.1,
                .doc = "for those who keep running statistics"},
               EPS_PARAM},
    .compose = batch_norm_compose, .flags = ORR_FUNCTIONAL,
    .samples = {
        "{ {3,2,2,2}, false, false, {2}, {2}, training = true }",
        "{ {4,3}, training = true, eps = 0.1 }",
        "{ {2,3,4}, false, false, {3}, training = true }",
        "{ {2,3,4}, false, false, false, {3}, training = true }",
        "{ {3,2,2}, {2}, {2}, {2}, {2}, low = 0.5, high = 2 }",
        "{ {3,2}, {2}, {2}, low = 0.5, high = 2 }",
        "{ {0,2,3}, {2}, {2}, low = 0.5, high = 2 }",
        "{ {3}, training = true, error = 'batch_norm: x is [3] but must have "
        "at least 2 axes; use :view or :unsqueeze' }",
        "{ {3,2}, error = 'batch_norm: running_mean and running_var are "
        "missing; give them or training = true' }",
        "{ {3,2}, {3}, {2}, error = 'batch_norm: running_mean is [3] but x has "
        "2 channels; give [2]' }",
        "{ {1,2}, training = true, error = 'batch_norm: x is [1, 2]: training "
        "needs more than one value per channel; give a larger batch or "
        "training = false' }"});
