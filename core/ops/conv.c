// conv.c -- convolutions. conv2d(x, w), its gradient to x and its gradient to
// w are each linear in both inputs, and every gradient of one of them is
// another of the three, so the trio is closed under differentiation:
//
//   y = conv2d(x, w)     dx = conv2d_dx(gy, w)     dw = conv2d_dw(x, gy)
//   gy, w -> conv2d_dx:  to gy: conv2d(g, w)       to w: conv2d_dw(g, gy)
//   x, gy -> conv2d_dw:  to x: conv2d_dx(gy, g)    to gy: conv2d(x, g)
//
// conv_transpose2d is conv2d_dx with a bias and another way to say the size.
#include "../kernels/conv.h"

#include <math.h>

#include "window.h"

// Slots of the options. All four ops store the first seven alike, except that
// conv_transpose2d lists them in PyTorch's order.
enum { STRIDE = 0, PADDING = 2, DILATION = 4, GROUPS = 6, EXTRA = 7 };
enum { T_OUTPUT_PADDING = 4, T_GROUPS = 6, T_DILATION = 7 };

#define STRIDE_PARAM \
  { "stride", ORR_PAIR, .def = 1, .doc = "step of the window" }
#define PADDING_PARAM \
  { "padding", ORR_PAIR, .doc = "zeros around the image, rows and columns" }
#define DILATION_PARAM \
  { "dilation", ORR_PAIR, .def = 1, .doc = "distance of kernel elements" }
#define GROUPS_PARAM                                                      \
  {                                                                       \
    "groups", ORR_INT, .def = 1,                                          \
                       .doc = "channel groups that do not see each other" \
  }
#define CONV_PARAMS STRIDE_PARAM, PADDING_PARAM, DILATION_PARAM, GROUPS_PARAM

static bool want_options(orr_call *c, int dilation, int groups) {
  return orr_want_pair(c, STRIDE, "stride", 1) &&
      orr_want_pair(c, PADDING, "padding", 0) &&
      orr_want_pair(c, dilation, "dilation", 1) &&
      orr_want_int(c, groups, "groups", 1);
}

static void read_options(orr_conv *g, const double *attr, int dilation,
                         int groups) {
  g->sh = (int64_t)attr[STRIDE], g->sw = (int64_t)attr[STRIDE + 1];
  g->ph = (int64_t)attr[PADDING], g->pw = (int64_t)attr[PADDING + 1];
  g->dh = (int64_t)attr[dilation], g->dw = (int64_t)attr[dilation + 1];
  g->groups = (int64_t)attr[groups];
}

// Geometry from the sizes of x, w and y; any may be NULL.
static orr_conv geometry(const int64_t *x, const int64_t *w, const int64_t *y) {
  orr_conv g = {0};
  if (x) g.n = x[0], g.c = x[1], g.h = x[2], g.w = x[3];
  if (w) g.k = w[0], g.kh = w[2], g.kw = w[3];
  if (y) g.n = y[0], g.k = y[1], g.oh = y[2], g.ow = y[3];
  return g;
}

// The image side (NAME) must bring what the weight takes.
static bool want_channels(orr_call *c, int input, int64_t takes,
                          int64_t groups) {
  const orr_tensor *x = c->x[input], *w = c->x[1];
  char a[128], b[128];
  if (x->size[1] == takes) return true;
  return orr_fail(c,
                  "%s is %s but weight %s with groups = %lld takes %lld "
                  "channels; match them",
                  orr_input_name(c, input), orr_shape_text(x, a, sizeof a),
                  orr_shape_text(w, b, sizeof b), (long long)groups,
                  (long long)takes);
}

static bool want_divisible(orr_call *c, int64_t channels, int64_t groups) {
  char text[128];
  if (channels % groups == 0) return true;
  return orr_fail(c,
                  "weight is %s but groups is %lld; its first size must be "
                  "a multiple of groups",
                  orr_shape_text(c->x[1], text, sizeof text),
                  (long long)groups);
}

static bool want_bias(orr_call *c, int64_t channels) {
  char text[128];
  const orr_tensor *b = c->nx > 2 ? c->x[2] : NULL;
  if (!b || (b->rank == 1 && b->size[0] == channels)) return true;
  return orr_fail(c, "bias is %s but the result has %lld channels; give [%lld]",
                  orr_shape_text(b, text, sizeof text), (long long)channels,
                  (long long)channels);
}

static bool want_window(orr_call *c, const orr_conv *g) {
  char a[128], b[128];
  if (g->kh < 1 || g->kw < 1)
    return orr_fail(c, "weight is %s: the kernel is empty; give sizes >= 1",
                    orr_shape_text(c->x[1], a, sizeof a));
  if (orr_conv_size(g->h, g->kh, g->sh, g->ph, g->dh) > 0 &&
      orr_conv_size(g->w, g->kw, g->sw, g->pw, g->dw) > 0)
    return true;
  return orr_fail(c,
                  "x is %s with padding {%lld, %lld}, smaller than the "
                  "kernel of weight %s with dilation {%lld, %lld}; pad more",
                  orr_shape_text(c->x[0], a, sizeof a), (long long)g->ph,
                  (long long)g->pw, orr_shape_text(c->x[1], b, sizeof b),
                  (long long)g->dh, (long long)g->dw);
}

static void *data_of(const orr_tensor *t) { return t ? orr_data(t) : NULL; }

// A gradient op with the first seven options of attr and two more.
static orr_tensor *apply(const orr_op *op, orr_tensor *a, orr_tensor *b,
                         const double *attr, const int64_t *extra) {
  if (!a || !b) return NULL;
  orr_short_args args = {.x0 = a, .x1 = b};
  for (int i = 0; i < EXTRA; i++) args.attr[i] = attr[i];
  if (extra) {
    args.attr[EXTRA] = (double)extra[0];
    args.attr[EXTRA + 1] = (double)extra[1];
  }
  return orr_apply_short(op, &args);
}

static orr_tensor *conv(orr_tensor *x, orr_tensor *w, const double *attr) {
  return apply(&orr_op_conv2d, x, w, attr, NULL);
}
static orr_tensor *conv_dx(orr_tensor *gy, orr_tensor *w, const double *attr,
                           const orr_tensor *x) {
  return apply(&orr_op_conv2d_dx, gy, w, attr, x->size + 2);
}
static orr_tensor *conv_dw(orr_tensor *x, orr_tensor *gy, const double *attr,
                           const orr_tensor *w) {
  return apply(&orr_op_conv2d_dw, x, gy, attr, w->size + 2);
}

// ------------------------------------------------------------ conv2d

static bool conv2d_shape(orr_call *c) {
  if (!orr_want_images(c, 0) || !orr_want_rank(c, 1, 4) ||
      !want_options(c, DILATION, GROUPS))
    return false;
  orr_conv g = geometry(c->x[0]->size, c->x[1]->size, NULL);
  read_options(&g, c->attr, DILATION, GROUPS);
  if (!want_divisible(c, g.k, g.groups) ||
      !want_channels(c, 0, c->x[1]->size[1] * g.groups, g.groups) ||
      !want_bias(c, g.k) || !want_window(c, &g))
    return false;
  const int64_t size[] = {g.n, g.k, orr_conv_size(g.h, g.kh, g.sh, g.ph, g.dh),
                          orr_conv_size(g.w, g.kw, g.sw, g.pw, g.dw)};
  return orr_out(c, 0, c->x[0]->dtype, 4, size);
}

static bool conv2d_forward(orr_call *c) {
  orr_conv g = geometry(c->x[0]->size, c->x[1]->size, c->y[0]->size);
  read_options(&g, c->attr, DILATION, GROUPS);
  return orr_conv_y(c->y[0]->dtype, &g, orr_data(c->x[0]), orr_data(c->x[1]),
                    data_of(c->x[2]), orr_data(c->y[0]));
}

static void conv2d_vjp(orr_vjp *v) {
  orr_tensor *x = v->x[0], *w = v->x[1];
  if (v->needs[0]) v->gx[0] = conv_dx(v->gy, w, v->attr, x);
  if (v->needs[1]) v->gx[1] = conv_dw(x, v->gy, v->attr, w);
  if (v->needs[2]) v->gx[2] = orr_sum_to_channels(v->gy);
}

ORR_DEFINE_OP(
    conv2d,
    .doc = "Cross-correlates x [N, C, H, W] with weight [K, C/groups, kh, kw] "
           "and adds bias [K]: [N, K, OH, OW], where OH = floor((H + 2 padding "
           "- dilation (kh - 1) - 1) / stride) + 1. "
           "N may be left out.",
    .params = {{"x"}, {"weight"}, {"bias", .optional = true}, CONV_PARAMS},
    .shape = conv2d_shape, .forward = conv2d_forward, .vjp = conv2d_vjp,
    .batched = 4, .flags = ORR_FUNCTIONAL,
    .samples = {
        "{ {2,2,5,4}, {3,2,3,2}, {3} }",
        "{ {1,1,4,4}, {1,1,2,2} }",
        "{ {2,1,6,5}, {2,1,3,3}, {2}, stride = 2, padding = 1 }",
        "{ {1,2,5,7}, {2,2,3,2}, stride = {2,3}, padding = {2,1}, "
        "dilation = {1,2} }",
        "{ {2,4,4,3}, {6,2,2,2}, {6}, groups = 2, padding = 1 }",
        "{ {2,3,4,4}, {3,1,3,3}, groups = 3, padding = 1 }",
        "{ {2,3,4,3}, {2,3,1,1}, {2} }",
        "{ {1,4,5,5}, {1,4,3,3}, {1} }",
        "{ {1,2,2,2}, {2,2,2,2}, padding = 3 }",
        "{ {0,2,4,4}, {3,2,3,3}, {3} }",
        "{ {2,0,4,4}, {3,0,3,3}, {3} }",
        "{ {2,5,5}, {3,2,3,3}, {3}, padding = 1 }",
        "{ {5,5}, {3,2,3,3}, error = 'conv2d: x is [5, 5] but must be "
        "[N, C, H, W]; use :view or :unsqueeze' }",
        "{ {1,2,5,5}, {3,4,3,3}, error = 'conv2d: x is [1, 2, 5, 5] but weight "
        "[3, 4, 3, 3] with groups = 1 takes 4 channels; match them' }",
        "{ {1,4,5,5}, {3,2,3,3}, groups = 2, error = 'conv2d: weight is "
        "[3, 2, 3, 3] but groups is 2; its first size must be a multiple of "
        "groups' }",
        "{ {1,2,5,5}, {3,2,3,3}, {2}, error = 'conv2d: bias is [2] but the "
        "result has 3 channels; give [3]' }",
        "{ {1,2,2,5}, {3,2,3,3}, error = 'conv2d: x is [1, 2, 2, 5] with "
        "padding {0, 0}, smaller than the kernel of weight [3, 2, 3, 3] with "
        "dilation {1, 1}; pad more' }",
        "{ {1,2,5,5}, {3,2,0,3}, error = 'conv2d: weight is [3, 2, 0, 3]: the "
        "kernel is empty; give sizes >= 1' }",
        "{ {1,2,5,5}, {3,2,3,3}, stride = 0, error = 'conv2d: stride is {0, 0};"
        " both must be integers >= 1' }",
        "{ {1,2,5,5}, {3,2,3,3}, dilation = 1e18, error = 'conv2d: dilation is "
        "{1e+18, 1e+18}; at most 2147483647 is possible' }",
        "{ {1,2,5,5}, {3,2,3,3}, padding = {0,-1}, error = 'conv2d: padding is "
        "{0, -1}; both must be integers >= 0' }",
        "{ {1,2,5,5}, {3,2,3,3}, groups = 0, error = 'conv2d: groups is 0; it "
        "must be an integer >= 1' }"});

// ------------------------------------------------------------ its gradients

static bool conv2d_dx_shape(orr_call *c) {
  if (!orr_want_images(c, 0) || !orr_want_rank(c, 1, 4) ||
      !want_options(c, DILATION, GROUPS) || !orr_want_pair(c, EXTRA, "size", 0))
    return false;
  const int64_t *gy = c->x[0]->size, *w = c->x[1]->size;
  const int64_t size[] = {gy[0], w[1] * (int64_t)c->attr[GROUPS],
                          (int64_t)c->attr[EXTRA], (int64_t)c->attr[EXTRA + 1]};
  orr_conv g = geometry(size, w, NULL);
  read_options(&g, c->attr, DILATION, GROUPS);
  if (!want_divisible(c, g.k, g.groups) || !want_channels(c, 0, g.k, g.groups))
    return false;
  const int64_t oh = orr_conv_size(g.h, g.kh, g.sh, g.ph, g.dh);
  const int64_t ow = orr_conv_size(g.w, g.kw, g.sw, g.pw, g.dw);
  char text[128];
  if (gy[2] != oh || gy[3] != ow)
    return orr_fail(c,
                    "gy is %s but size = {%lld, %lld} makes images of "
                    "%lld x %lld; match them",
                    orr_shape_text(c->x[0], text, sizeof text), (long long)g.h,
                    (long long)g.w, (long long)oh, (long long)ow);
  return orr_out(c, 0, c->x[0]->dtype, 4, size);
}

static bool conv2d_dx_forward(orr_call *c) {
  orr_conv g = geometry(c->y[0]->size, c->x[1]->size, c->x[0]->size);
  read_options(&g, c->attr, DILATION, GROUPS);
  return orr_conv_x(c->y[0]->dtype, &g, orr_data(c->x[0]), orr_data(c->x[1]),
                    NULL, orr_data(c->y[0]));
}

static void conv2d_dx_vjp(orr_vjp *v) {
  orr_tensor *gy = v->x[0], *w = v->x[1];
  if (v->needs[0]) v->gx[0] = conv(v->gy, w, v->attr);
  if (v->needs[1]) v->gx[1] = conv_dw(v->gy, gy, v->attr, w);
}

ORR_DEFINE_OP(
    conv2d_dx,
    .doc = "Gradient of conv2d to its input: gy [N, K, OH, OW], weight "
           "[K, C/groups, kh, kw] to [N, C, size].",
    .params = {{"gy"},
               {"weight"},
               CONV_PARAMS,
               {"size", ORR_PAIR, .required = true, .doc = "H and W of x"}},
    .shape = conv2d_dx_shape, .forward = conv2d_dx_forward,
    .vjp = conv2d_dx_vjp, .flags = ORR_HIDDEN,
    .samples = {
        "{ {2,3,3,3}, {3,2,3,2}, size = {5,4} }",
        "{ {2,2,3,3}, {2,1,3,3}, stride = 2, padding = 1, size = {6,5} }",
        "{ {1,2,4,3}, {2,2,3,2}, stride = {2,3}, padding = {2,1}, "
        "dilation = {1,2}, size = {5,7} }",
        "{ {2,6,5,4}, {6,2,2,2}, groups = 2, padding = 1, size = {4,3} }",
        "{ {0,3,2,2}, {3,2,3,3}, size = 4 }",
        "{ {1,2,4,4}, {3,2,3,3}, size = 6, error = 'conv2d_dx: gy is "
        "[1, 2, 4, 4] but weight [3, 2, 3, 3] with groups = 1 takes 3 "
        "channels; match them' }",
        "{ {1,3,4,4}, {3,2,3,3}, size = 5, error = 'conv2d_dx: gy is "
        "[1, 3, 4, 4] but size = {5, 5} makes images of 3 x 3; match them' }"});

static bool conv2d_dw_shape(orr_call *c) {
  if (!orr_want_images(c, 0) || !orr_want_images(c, 1) ||
      !want_options(c, DILATION, GROUPS) ||
      !orr_want_pair(c, EXTRA, "kernel", 1))
    return false;
  const int64_t *x = c->x[0]->size, *gy = c->x[1]->size;
  const int64_t groups = (int64_t)c->attr[GROUPS];
  const int64_t size[] = {gy[1], x[1] / groups, (int64_t)c->attr[EXTRA],
                          (int64_t)c->attr[EXTRA + 1]};
  orr_conv g = geometry(x, size, NULL);
  read_options(&g, c->attr, DILATION, GROUPS);
  const int64_t oh = orr_conv_size(g.h, g.kh, g.sh, g.ph, g.dh);
  const int64_t ow = orr_conv_size(g.w, g.kw, g.sw, g.pw, g.dw);
  char a[128], b[128];
  if (x[0] != gy[0] || x[1] % groups || gy[1] % groups || gy[2] != oh ||
      gy[3] != ow)
    return orr_fail(c,
                    "x is %s and gy is %s: with groups = %lld gy must be "
                    "[%lld, a multiple of groups, %lld, %lld]; match them",
                    orr_shape_text(c->x[0], a, sizeof a),
                    orr_shape_text(c->x[1], b, sizeof b), (long long)groups,
                    (long long)x[0], (long long)oh, (long long)ow);
  return orr_out(c, 0, c->x[0]->dtype, 4, size);
}

static bool conv2d_dw_forward(orr_call *c) {
  orr_conv g = geometry(c->x[0]->size, c->y[0]->size, c->x[1]->size);
  read_options(&g, c->attr, DILATION, GROUPS);
  return orr_conv_w(c->y[0]->dtype, &g, orr_data(c->x[0]), orr_data(c->x[1]),
                    orr_data(c->y[0]));
}

static void conv2d_dw_vjp(orr_vjp *v) {
  orr_tensor *x = v->x[0], *gy = v->x[1];
  if (v->needs[0]) v->gx[0] = conv_dx(gy, v->gy, v->attr, x);
  if (v->needs[1]) v->gx[1] = conv(x, v->gy, v->attr);
}

ORR_DEFINE_OP(
    conv2d_dw,
    .doc = "Gradient of conv2d to its weight: x [N, C, H, W], gy "
           "[N, K, OH, OW] to [K, C/groups, kernel].",
    .params = {{"x"},
               {"gy"},
               CONV_PARAMS,
               {"kernel", ORR_PAIR, .required = true, .doc = "kh and kw"}},
    .shape = conv2d_dw_shape, .forward = conv2d_dw_forward,
    .vjp = conv2d_dw_vjp, .flags = ORR_HIDDEN,
    .samples =
        {"{ {2,2,5,4}, {2,3,3,3}, kernel = {3,2} }",
         "{ {2,1,6,5}, {2,2,3,3}, stride = 2, padding = 1, kernel = 3 }",
         "{ {1,2,5,7}, {1,2,4,3}, stride = {2,3}, padding = {2,1}, "
         "dilation = {1,2}, kernel = {3,2} }",
         "{ {2,4,4,3}, {2,6,5,4}, groups = 2, padding = 1, kernel = 2 }",
         "{ {1,4,5,5}, {1,1,3,3}, kernel = 3 }",
         "{ {0,2,4,4}, {0,3,2,2}, kernel = 3 }",
         "{ {1,2,5,5}, {1,3,4,4}, kernel = 3, error = 'conv2d_dw: x is "
         "[1, 2, 5, 5] and gy is [1, 3, 4, 4]: with groups = 1 gy must be "
         "[1, a multiple of groups, 3, 3]; match them' }"});

// ------------------------------------------------------------ conv_transpose2d

// The options as the trio stores them.
static void trio_options(const double *attr, double *to) {
  for (int i = 0; i < 4; i++) to[i] = attr[i];
  to[DILATION] = attr[T_DILATION];
  to[DILATION + 1] = attr[T_DILATION + 1];
  to[GROUPS] = attr[T_GROUPS];
}

// One axis of the result. Up to `stride` sizes share an image size, and
// output_padding says which is meant; more of it, up to dilation, is as if
// output_padding / stride further rows of zeros came after x.
static int64_t transposed_size(int64_t n, int64_t kernel, int64_t stride,
                               int64_t padding, int64_t dilation,
                               int64_t extra) {
  return (n - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1;
}

static bool want_output_padding(orr_call *c) {
  const double *p = c->attr + T_OUTPUT_PADDING, *s = c->attr + STRIDE;
  const double *d = c->attr + T_DILATION;
  if (!orr_want_pair(c, T_OUTPUT_PADDING, "output_padding", 0)) return false;
  if ((p[0] < s[0] || p[0] < d[0]) && (p[1] < s[1] || p[1] < d[1])) return true;
  return orr_fail(c,
                  "output_padding is {%g, %g} but stride is {%g, %g} and "
                  "dilation {%g, %g}; it must be smaller than one of them",
                  p[0], p[1], s[0], s[1], d[0], d[1]);
}

static bool conv_transpose2d_shape(orr_call *c) {
  if (!orr_want_images(c, 0) || !orr_want_rank(c, 1, 4) ||
      !want_options(c, T_DILATION, T_GROUPS) || !want_output_padding(c))
    return false;
  const int64_t *x = c->x[0]->size, *w = c->x[1]->size;
  const double *a = c->attr;
  orr_conv g = geometry(NULL, w, NULL);
  read_options(&g, a, T_DILATION, T_GROUPS);
  const int64_t size[] = {x[0], w[1] * g.groups,
                          transposed_size(x[2], w[2], g.sh, g.ph, g.dh,
                                          (int64_t)a[T_OUTPUT_PADDING]),
                          transposed_size(x[3], w[3], g.sw, g.pw, g.dw,
                                          (int64_t)a[T_OUTPUT_PADDING + 1])};
  char text[128];
  if (!want_divisible(c, w[0], g.groups) ||
      !want_channels(c, 0, w[0], g.groups) || !want_bias(c, size[1]))
    return false;
  if (g.kh < 1 || g.kw < 1 || x[2] < 1 || x[3] < 1 || size[2] < 1 ||
      size[3] < 1)
    return orr_fail(c,
                    "x is %s: the result would be %lld x %lld; use less "
                    "padding or larger images",
                    orr_shape_text(c->x[0], text, sizeof text),
                    (long long)size[2], (long long)size[3]);
  return orr_out(c, 0, c->x[0]->dtype, 4, size);
}

static bool conv_transpose2d_forward(orr_call *c) {
  orr_conv g = geometry(c->y[0]->size, c->x[1]->size, c->x[0]->size);
  read_options(&g, c->attr, T_DILATION, T_GROUPS);
  return orr_conv_x(c->y[0]->dtype, &g, orr_data(c->x[0]), orr_data(c->x[1]),
                    data_of(c->x[2]), orr_data(c->y[0]));
}

// The first rows and columns of t, as many as x has, or x with zeros after
// them, as many as t has.
static orr_tensor *cut_to(orr_tensor *t, const orr_tensor *x) {
  for (int a = 2; a < 4; a++)
    if (t && t->size[a] > x->size[a])
      t = ORR(narrow, t, .attr = {a, 0, (double)x->size[a], 1});
  return t;
}
static orr_tensor *fill_to(orr_tensor *x, const double *more) {
  if (more[0] == 0 && more[1] == 0) return x;
  return ORR(pad, x, .attr = {4, 0, more[1], 0, more[0]});
}

static void conv_transpose2d_vjp(orr_vjp *v) {
  orr_tensor *x = v->x[0], *w = v->x[1];
  double attr[ORR_MAX_ATTR] = {0}, more[2];
  trio_options(v->attr, attr);
  for (int i = 0; i < 2; i++)
    more[i] = floor(v->attr[T_OUTPUT_PADDING + i] / attr[STRIDE + i]);
  if (v->needs[0]) v->gx[0] = cut_to(conv(v->gy, w, attr), x);
  if (v->needs[1]) v->gx[1] = conv_dw(v->gy, fill_to(x, more), attr, w);
  if (v->needs[2]) v->gx[2] = orr_sum_to_channels(v->gy);
}

ORR_DEFINE_OP(
    conv_transpose2d,
    .doc = "Transposed convolution: the adjoint of conv2d, which enlarges "
           "images. x [N, C, H, W], weight [C, K/groups, kh, kw], bias [K] "
           "give [N, K, OH, OW], where OH = (H - 1) stride - 2 padding + "
           "dilation (kh - 1) + output_padding + 1. "
           "N may be left out.",
    .params = {{"x"},
               {"weight"},
               {"bias", .optional = true},
               STRIDE_PARAM,
               PADDING_PARAM,
               {"output_padding", ORR_PAIR,
                .doc = "rows and columns added at the end, < stride or "
                       "< dilation"},
               GROUPS_PARAM,
               DILATION_PARAM},
    .shape = conv_transpose2d_shape, .forward = conv_transpose2d_forward,
    .vjp = conv_transpose2d_vjp, .batched = 4, .flags = ORR_FUNCTIONAL,
    .samples = {
        "{ {2,3,3,2}, {3,2,3,2}, {2} }",
        "{ {2,2,3,3}, {2,3,3,3}, {3}, stride = 2, padding = 1, "
        "output_padding = 1 }",
        "{ {1,2,3,4}, {2,1,2,3}, stride = {2,3}, padding = {0,2}, "
        "output_padding = {1,2}, dilation = {2,1} }",
        "{ {2,4,2,3}, {4,3,2,2}, {6}, groups = 2, stride = 2 }",
        "{ {2,3,1,1}, {3,4,3,3}, {4} }",
        "{ {1,4,4,4}, {4,1,3,3}, padding = 1 }",
        "{ {0,2,3,3}, {2,3,2,2}, {3} }",
        "{ {3,3,2}, {3,2,3,2}, {2} }",
        "{ {3,2}, {3,2,3,2}, error = 'conv_transpose2d: x is [3, 2] but "
        "must be [N, C, H, W]; use :view or :unsqueeze' }",
        "{ {1,2,3,3}, {3,2,3,3}, error = 'conv_transpose2d: x is [1, 2, 3, 3] "
        "but weight [3, 2, 3, 3] with groups = 1 takes 3 channels; match "
        "them' }",
        "{ {1,3,3,3}, {3,2,3,3}, {3}, error = 'conv_transpose2d: bias is [3] "
        "but the result has 2 channels; give [2]' }",
        "{ {1,2,2,3}, {2,3,2,2}, {3}, stride = {1,2}, dilation = {3,4}, "
        "padding = {2,0}, output_padding = {2,3} }",
        "{ {1,1,1,2}, {1,4,2,1}, output_padding = {2,0}, dilation = {4,1} }",
        "{ {1,3,3,3}, {3,2,3,3}, stride = 2, output_padding = {1,2}, error = "
        "'conv_transpose2d: output_padding is {1, 2} but stride is {2, 2} and "
        "dilation {1, 1}; it must be smaller than one of them' }",
        "{ {1,3,1,1}, {3,2,3,3}, padding = 2, error = 'conv_transpose2d: x is "
        "[1, 3, 1, 1]: the result would be -1 x -1; use less padding or larger "
        "images' }"});
