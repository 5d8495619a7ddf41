// row_norm.c -- the ops behind layer_norm and group_norm: rows standardised,
// scaled and shifted in one pass, and the three gradients in another.
//
// With h the standardised rows and P(u) = (u - avg(u) - h avg(u h)) inv, the
// gradient of rows standardised and no more (batch_norm_dx without weight),
//   gx = P(w gy),   gweight = sum gy h,   gbias = sum gy;
// P is its own adjoint, and what it brings to x is batch_norm_dx's business.
#include "../kernels/row_norm.h"

#include "op.h"

static orr_row_norm_shape geometry(const orr_tensor *x, double eps) {
  return (orr_row_norm_shape){x->size[0], x->size[1], x->size[2], x->size[3],
                              eps};
}

static int64_t channels_of(const orr_tensor *x) {
  return x->size[1] * x->size[2];
}

static bool want_rows(orr_call *c, int input) {
  const orr_tensor *x = c->x[input];
  char text[128];
  if (!orr_want_rank(c, input, 4)) return false;
  if (x->size[2] * x->size[3] > 1) return true;
  return orr_fail(c,
                  "%s is %s: a row needs more than one value; give longer "
                  "rows",
                  orr_input_name(c, input),
                  orr_shape_text(x, text, sizeof text));
}

static void *data_of(const orr_tensor *t) { return t ? orr_data(t) : NULL; }

static orr_tensor *plus(orr_tensor *a, orr_tensor *b) {
  return a && b ? ORR(add, a, b) : a ? a : b;
}

// Values of the channels beside x: [groups, parts, 1].
static orr_tensor *beside(orr_tensor *v, const orr_tensor *x) {
  const int64_t size[] = {x->size[1], x->size[2], 1};
  return orr_reshape_to(v, 3, size);
}

static orr_tensor *channel_sums(orr_tensor *t) {
  if (!t) return NULL;
  const int64_t size[] = {t->size[1], t->size[2], 1};
  const int64_t channels = size[0] * size[1];
  return orr_reshape_to(orr_sum_to(t, 3, size), 1, &channels);
}

// As batch_norm's op takes rows, and back.
static orr_tensor *as_rows(orr_tensor *t) {
  if (!t) return NULL;
  const int64_t size[] = {1, t->size[0] * t->size[1], t->size[2] * t->size[3]};
  return orr_reshape_to(t, 3, size);
}
static orr_tensor *like(orr_tensor *rows, const orr_tensor *x) {
  return rows ? orr_reshape_to(rows, 4, x->size) : NULL;
}

#define EPS_PARAM \
  { "eps", ORR_NUM, .def = 1e-5, .doc = "added to the variance" }

// ------------------------------------------------------------ forward

static bool row_norm_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  return want_rows(c, 0) && orr_want_per_channel(c, 1, channels_of(x)) &&
      orr_want_per_channel(c, 2, channels_of(x)) && orr_want_eps(c, 0) &&
      orr_out_like(c, x);
}

static bool row_norm_forward(orr_call *c) {
  const orr_row_norm_shape s = geometry(c->x[0], c->attr[0]);
  return orr_row_norm(c->x[0]->dtype, &s, orr_data(c->x[0]), data_of(c->x[1]),
                      data_of(c->x[2]), orr_data(c->y[0]));
}

static void row_norm_vjp(orr_vjp *v) {
  const orr_args args = {.x = {v->gy, v->x[0], v->x[1]}, .attr = {v->attr[0]}};
  orr_tensor *g[ORR_MAX_OUTPUT];
  if (!v->gy || !orr_apply_all(&orr_op_row_norm_dx, &args, g)) return;
  for (int i = 0; i < 3; i++) {
    orr_keep(g[i]);
    v->gx[i] = v->needs[i] ? g[i] : NULL;
  }
}

ORR_DEFINE_OP(
    row_norm,
    .doc = "Rows of x [n, groups, parts, pixels], of parts x pixels values, "
           "standardised, times weight, plus bias, [groups x parts] each.",
    .params = {{"x"},
               {"weight", .optional = true},
               {"bias", .optional = true},
               EPS_PARAM},
    .shape = row_norm_shape, .forward = row_norm_forward, .vjp = row_norm_vjp,
    .flags = ORR_HIDDEN,
    .samples = {
        "{ {3,2,2,2}, {4}, {4} }", "{ {4,1,3,1}, {3}, {3} }",
        "{ {2,2,3,1} }", "{ {2,1,2,2}, false, {2}, eps = 0.1 }",
        "{ {0,2,3,1}, {6} }",
        "{ {3,1,1,1}, error = 'row_norm: x is [3, 1, 1, 1]: a row needs more "
        "than one value; give longer rows' }",
        "{ {3,2,2,1}, {3}, error = 'row_norm: weight is [3] but x has 4 "
        "channels; give [4]' }"});

// ------------------------------------------------------------ its gradient

static bool row_norm_dx_shape(orr_call *c) {
  const orr_tensor *x = c->x[1];
  if (!want_rows(c, 1) || !orr_want_same(c, 0, 1) ||
      !orr_want_per_channel(c, 2, channels_of(x)) || !orr_want_eps(c, 0))
    return false;
  const int64_t channels = x->size[1] * x->size[2];
  return orr_out_like(c, x) && orr_out(c, 1, x->dtype, 1, &channels) &&
      orr_out(c, 2, x->dtype, 1, &channels);
}

static bool row_norm_dx_forward(orr_call *c) {
  const orr_row_norm_shape s = geometry(c->x[1], c->attr[0]);
  return orr_row_norm_dx(c->x[1]->dtype, &s, orr_data(c->x[0]),
                         orr_data(c->x[1]), data_of(c->x[2]), orr_data(c->y[0]),
                         orr_data(c->y[1]), orr_data(c->y[2]));
}

// What the cotangent of gx brings: batch_norm_dx's rule for u = w gy, then
// through the product.
static void input_cotangent(orr_vjp *v, orr_tensor *w) {
  orr_tensor *gy = v->x[0], *x = v->x[1];
  orr_tensor *in[] = {as_rows(w ? ORR(mul, gy, w) : gy), as_rows(x), NULL};
  orr_tensor *gys[] = {as_rows(v->gys[0]), NULL, NULL}, *gx[3] = {NULL};
  if (!in[0] || !in[1] || !gys[0]) return;
  const bool needs[] = {true, v->needs[1], false};
  orr_op_batch_norm_dx.vjp(&(orr_vjp){.op = &orr_op_batch_norm_dx,
                                      .nx = 3,
                                      .ny = 3,
                                      .x = in,
                                      .gy = gys[0],
                                      .gys = gys,
                                      .attr = v->attr,
                                      .needs = needs,
                                      .gx = gx});
  orr_tensor *gu = like(gx[0], x);
  v->gx[0] = w ? ORR(mul, gu, w) : gu;
  v->gx[1] = like(gx[1], x);
  if (v->needs[2]) v->gx[2] = channel_sums(ORR(mul, gy, gu));
}

static void row_norm_dx_vjp(orr_vjp *v) {
  orr_tensor *gy = v->x[0], *x = v->x[1];
  orr_tensor *w = v->x[2] ? beside(v->x[2], x) : NULL;
  const double eps = v->attr[0];
  if (v->gys[0]) input_cotangent(v, w);
  if (v->gys[1]) {  // gweight = sum gy h
    orr_tensor *a = beside(v->gys[1], x);
    orr_tensor *h = like(ORR(batch_norm_train, as_rows(x), .attr = {eps}), x);
    v->gx[0] = plus(v->gx[0], ORR(mul, h, a));
    if (v->needs[1]) {
      orr_tensor *gh = as_rows(ORR(mul, gy, a));
      v->gx[1] =
          plus(v->gx[1],
               like(ORR(batch_norm_dx, gh, as_rows(x), .attr = {eps}), x));
    }
  }
  if (v->gys[2])  // gbias = sum gy
    v->gx[0] = plus(v->gx[0], orr_expand_to(beside(v->gys[2], x), 4, x->size));
}

ORR_DEFINE_OP(
    row_norm_dx,
    .doc = "Gradients of row_norm's result to x, weight and bias.",
    .params = {{"gy"}, {"x"}, {"weight", .optional = true}, EPS_PARAM},
    .outputs = 3, .shape = row_norm_dx_shape, .forward = row_norm_dx_forward,
    .vjp = row_norm_dx_vjp, .flags = ORR_HIDDEN,
    .samples = {
        "{ {3,2,2,2}, {3,2,2,2}, {4} }", "{ {4,1,3,1}, {4,1,3,1}, {3} }",
        "{ {2,2,3,1}, {2,2,3,1} }", "{ {0,1,3,1}, {0,1,3,1}, {3} }",
        "{ {4,1,3,1}, {3,1,3,1}, error = 'row_norm_dx: gy is [4, 1, 3, 1] but "
        "x is [3, 1, 3, 1]; match them' }"});
