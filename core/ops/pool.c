// pool.c -- max and average pooling, nearest upsampling. All are linear once
// the positions of the maxima are known, and each adjoint is an op.
#include "../kernels/iterate.h"
#include "../kernels/pool.h"

#include "window.h"

enum { KERNEL = 0, STRIDE = 2, PADDING = 4 };
enum { MAX_DILATION = 6, MAX_CEIL = 8 };
enum { AVG_CEIL = 6, AVG_COUNT = 7, AVG_DIVISOR = 8, AVG_SIZE = 9 };

#define KERNEL_PARAM \
  { "kernel_size", ORR_PAIR, .required = true, .doc = "size of the window" }
#define STRIDE_PARAM                                                \
  {                                                                 \
    "stride", ORR_PAIR,                                             \
        .doc = "step of the window; 0, the default, is kernel_size" \
  }
#define PADDING_PARAM                                                 \
  {                                                                   \
    "padding", ORR_PAIR,                                              \
        .doc = "border around the image, at most half of kernel_size" \
  }
#define CEIL_PARAM \
  { "ceil_mode", ORR_BOOL, .doc = "keep a last window that sticks out" }

static orr_pool read_pool(const double *attr, const int64_t *x,
                          const int64_t *y) {
  orr_pool g = {.kh = (int64_t)attr[KERNEL],
                .kw = (int64_t)attr[KERNEL + 1],
                .sh = (int64_t)attr[STRIDE],
                .sw = (int64_t)attr[STRIDE + 1],
                .ph = (int64_t)attr[PADDING],
                .pw = (int64_t)attr[PADDING + 1],
                .dh = 1,
                .dw = 1};
  if (x) g.planes = x[0] * x[1], g.h = x[2], g.w = x[3];
  if (y) g.planes = y[0] * y[1], g.oh = y[2], g.ow = y[3];
  return g;
}

static orr_pool read_max_pool(const double *attr, const int64_t *x,
                              const int64_t *y) {
  orr_pool g = read_pool(attr, x, y);
  g.dh = (int64_t)attr[MAX_DILATION], g.dw = (int64_t)attr[MAX_DILATION + 1];
  return g;
}

static bool want_window(orr_call *c) {
  double *a = c->attr;
  if (!orr_want_pair(c, KERNEL, "kernel_size", 1)) return false;
  if (a[STRIDE] == 0 && a[STRIDE + 1] == 0) {
    a[STRIDE] = a[KERNEL];
    a[STRIDE + 1] = a[KERNEL + 1];
  }
  if (!orr_want_pair(c, STRIDE, "stride", 1) ||
      !orr_want_pair(c, PADDING, "padding", 0))
    return false;
  if (2 * a[PADDING] <= a[KERNEL] && 2 * a[PADDING + 1] <= a[KERNEL + 1])
    return true;
  return orr_fail(c,
                  "padding is {%g, %g} but kernel_size is {%g, %g}; at most "
                  "half of it makes sense",
                  a[PADDING], a[PADDING + 1], a[KERNEL], a[KERNEL + 1]);
}

// Sizes of the pooled images of x into size[2..3].
static bool pooled_size(orr_call *c, const orr_pool *g, bool ceil,
                        int64_t *size) {
  const orr_tensor *x = c->x[0];
  char text[128];
  size[0] = x->size[0];
  size[1] = x->size[1];
  size[2] = orr_pool_size(g->h, g->kh, g->sh, g->ph, g->dh, ceil);
  size[3] = orr_pool_size(g->w, g->kw, g->sw, g->pw, g->dw, ceil);
  if (g->h > 0 && g->w > 0 && size[2] > 0 && size[3] > 0) return true;
  return orr_fail(c,
                  "%s is %s with padding {%lld, %lld}, smaller than the "
                  "window {%lld, %lld}; use a smaller kernel_size",
                  orr_input_name(c, 0), orr_shape_text(x, text, sizeof text),
                  (long long)g->ph, (long long)g->pw, (long long)g->kh,
                  (long long)g->kw);
}

// ------------------------------------------------------------ max_pool2d

static bool max_pool2d_shape(orr_call *c) {
  if (!orr_want_images(c, 0) || !want_window(c) ||
      !orr_want_pair(c, MAX_DILATION, "dilation", 1))
    return false;
  const orr_pool g = read_max_pool(c->attr, c->x[0]->size, NULL);
  int64_t size[4];
  return pooled_size(c, &g, c->attr[MAX_CEIL] != 0, size) &&
      orr_out(c, 0, c->x[0]->dtype, 4, size) && orr_out(c, 1, ORR_I64, 4, size);
}

static bool max_pool2d_forward(orr_call *c) {
  const orr_pool g = read_max_pool(c->attr, c->x[0]->size, c->y[0]->size);
  orr_max_pool(c->y[0]->dtype, &g, orr_data(c->x[0]), orr_data(c->y[0]),
               ORR_I64P(c->y[1]));
  return true;
}

static void max_pool2d_vjp(orr_vjp *v) {
  const int64_t *size = v->x[0]->size;
  v->gx[0] = ORR(max_pool2d_scatter, v->gy, v->y[1],
                 .attr = {(double)size[2], (double)size[3]});
}

#define MAX_PARAMS                                                     \
  KERNEL_PARAM, STRIDE_PARAM, PADDING_PARAM,                           \
      {"dilation", ORR_PAIR, .def = 1, .doc = "distance of elements"}, \
      CEIL_PARAM

ORR_DEFINE_OP(
    max_pool2d_with_indices,
    .doc = "max_pool2d, and the position of each maximum in its plane, "
           "row-major and from 1: what max_unpool2d needs. "
           "N may be left out.",
    .params = {{"x"}, MAX_PARAMS}, .outputs = 2, .shape = max_pool2d_shape,
    .forward = max_pool2d_forward, .vjp = max_pool2d_vjp,
    .batched = 4, .flags = ORR_FUNCTIONAL | ORR_KEEPS_Y | ORR_DROPS_X,
    .samples = {
        "{ {2,2,4,4}, kernel_size = 2, distinct = true }",
        "{ {1,2,5,6}, kernel_size = 3, stride = {2,1}, padding = {1,0}, "
        "distinct = true }",
        "{ {0,2,4,4}, kernel_size = 2, distinct = true }",
        "{ {2,4,4}, kernel_size = 2, distinct = true }",
        "{ {4,4}, kernel_size = 2, error = 'max_pool2d_with_indices: x is "
        "[4, 4] but must be [N, C, H, W]; use :view or :unsqueeze' }"});

// The user's function is the same without the positions. Checked here, so
// that a sentence bears its name.
static orr_tensor *max_pool2d_compose(orr_call *c) {
  if (!max_pool2d_shape(c)) return NULL;
  orr_short_args args = {.x0 = c->x[0]};
  for (int i = 0; i <= MAX_CEIL; i++) args.attr[i] = c->attr[i];
  return orr_apply_short(&orr_op_max_pool2d_with_indices, &args);
}

ORR_DEFINE_OP(
    max_pool2d,
    .doc = "Largest element of each window of x [N, C, H, W]. Of equal "
           "elements the first gets the gradient; NaN counts as largest. With "
           "return_indices = true, their row-major positions in the plane "
           "too, from 1. "
           "N may be left out.",
    .params = {{"x"}, MAX_PARAMS}, .compose = max_pool2d_compose,
    .batched = 4, .flags = ORR_FUNCTIONAL,
    .samples = {
        "{ {2,2,4,4}, kernel_size = 2, distinct = true }",
        "{ {1,2,5,6}, kernel_size = 3, stride = {2,1}, padding = {1,0}, "
        "distinct = true }",
        "{ {1,1,5,5}, kernel_size = 2, ceil_mode = true, distinct = true }",
        "{ {1,1,6,5}, kernel_size = {2,3}, stride = 1, dilation = 2, "
        "distinct = true }",
        "{ {0,2,4,4}, kernel_size = 2, distinct = true }",
        "{ {2,4,4}, kernel_size = 2, distinct = true }",
        "{ {4,4}, kernel_size = 2, error = 'max_pool2d: x is [4, 4] but "
        "must be [N, C, H, W]; use :view or :unsqueeze' }",
        "{ {1,1,2,4}, kernel_size = 3, error = 'max_pool2d: x is [1, 1, 2, 4] "
        "with padding {0, 0}, smaller than the window {3, 3}; use a smaller "
        "kernel_size' }",
        "{ {1,1,4,4}, kernel_size = 2, padding = 2, error = 'max_pool2d: "
        "padding is {2, 2} but kernel_size is {2, 2}; at most half of it makes "
        "sense' }",
        "{ {1,1,4,4}, kernel_size = 0, error = 'max_pool2d: kernel_size is "
        "{0, 0}; both must be integers >= 1' }"});

static bool scatter_shape(orr_call *c) {
  if (!orr_want_images(c, 0) || !orr_want_same(c, 0, 1) ||
      !orr_want_pair(c, 0, "size", 0))
    return false;
  const int64_t *gy = c->x[0]->size;
  const int64_t size[] = {gy[0], gy[1], (int64_t)c->attr[0],
                          (int64_t)c->attr[1]};
  return orr_out(c, 0, c->x[0]->dtype, 4, size);
}

static orr_pool planes_of(const orr_tensor *x, const orr_tensor *y) {
  return (orr_pool){.planes = x->size[0] * x->size[1],
                    .h = x->size[2],
                    .w = x->size[3],
                    .oh = y->size[2],
                    .ow = y->size[3]};
}

static bool scatter_forward(orr_call *c) {
  const orr_pool g = planes_of(c->y[0], c->x[0]);
  orr_unpool(c->y[0]->dtype, &g, orr_data(c->x[0]), ORR_I64P(c->x[1]),
             orr_data(c->y[0]));
  return true;
}

static void scatter_vjp(orr_vjp *v) {
  if (v->needs[0]) v->gx[0] = ORR(max_pool2d_gather, v->gy, v->x[1]);
}

ORR_DEFINE_OP(max_pool2d_scatter,
              .doc = "Adds gy at its positions into planes of the given size.",
              .params = {{"gy"},
                         {"position", .want = ORR_WANT_INT},
                         {"size", ORR_PAIR, .required = true, .doc = "of the planes"}},
              .shape = scatter_shape, .forward = scatter_forward,
              .vjp = scatter_vjp, .flags = ORR_HIDDEN,
              .samples = {
                  "{ {0,2,2,2}, {0,2,2,2}, size = {3,4}, ints = {position = "
                  "{1,12}} }",
                  "{ {2,2,2,2}, {2,2,2,2}, size = {3,4}, ints = {position = "
                  "{1,12}} }"});

static bool gather_shape(orr_call *c) {
  char a[128], b[128];
  const orr_tensor *x = c->x[0], *p = c->x[1];
  if (!orr_want_images(c, 0) || !orr_want_images(c, 1)) return false;
  if (x->size[0] != p->size[0] || x->size[1] != p->size[1])
    return orr_fail(c, "x is %s but position is %s; match their first two axes",
                    orr_shape_text(x, a, sizeof a),
                    orr_shape_text(p, b, sizeof b));
  return orr_out(c, 0, x->dtype, 4, p->size);
}

static bool gather_forward(orr_call *c) {
  const orr_pool g = planes_of(c->x[0], c->y[0]);
  orr_pool_at(c->y[0]->dtype, &g, orr_data(c->x[0]), ORR_I64P(c->x[1]),
              orr_data(c->y[0]));
  return true;
}

static void gather_vjp(orr_vjp *v) {
  const int64_t *size = v->x[0]->size;
  if (v->needs[0])
    v->gx[0] = ORR(max_pool2d_scatter, v->gy, v->x[1],
                   .attr = {(double)size[2], (double)size[3]});
}

ORR_DEFINE_OP(max_pool2d_gather,
              .doc = "Elements of planes at given positions.",
              .params = {{"x"}, {"position", .want = ORR_WANT_INT}},
              .shape = gather_shape, .forward = gather_forward,
              .vjp = gather_vjp, .flags = ORR_HIDDEN,
              .samples = {
                  "{ {2,2,3,4}, {2,2,2,2}, ints = {position = {1,12}} }",
                  "{ {0,2,3,4}, {0,2,2,2}, ints = {position = {1,12}} }"});

// ------------------------------------------------------------ avg_pool2d

static orr_pool read_avg_pool(const double *attr, const int64_t *x,
                              const int64_t *y) {
  orr_pool g = read_pool(attr, x, y);
  g.count_padding = attr[AVG_COUNT] != 0;
  g.divisor = (int64_t)attr[AVG_DIVISOR];
  return g;
}

static bool want_mean(orr_call *c) {
  return orr_want_images(c, 0) && want_window(c) &&
      orr_want_int(c, AVG_DIVISOR, "divisor_override", 0);
}

static bool avg_pool2d_shape(orr_call *c) {
  if (!want_mean(c)) return false;
  const orr_pool g = read_avg_pool(c->attr, c->x[0]->size, NULL);
  int64_t size[4];
  return pooled_size(c, &g, c->attr[AVG_CEIL] != 0, size) &&
      orr_out(c, 0, c->x[0]->dtype, 4, size);
}

static bool avg_pool2d_forward(orr_call *c) {
  const orr_pool g = read_avg_pool(c->attr, c->x[0]->size, c->y[0]->size);
  orr_avg_pool(c->y[0]->dtype, &g, orr_data(c->x[0]), orr_data(c->y[0]));
  return true;
}

static void avg_pool2d_vjp(orr_vjp *v) {
  orr_short_args args = {.x0 = v->gy};
  for (int i = 0; i < AVG_SIZE; i++) args.attr[i] = v->attr[i];
  args.attr[AVG_SIZE] = (double)v->x[0]->size[2];
  args.attr[AVG_SIZE + 1] = (double)v->x[0]->size[3];
  v->gx[0] = orr_apply_short(&orr_op_avg_pool2d_dx, &args);
}

#define AVG_PARAMS                                                 \
  KERNEL_PARAM, STRIDE_PARAM, PADDING_PARAM, CEIL_PARAM,           \
      {"count_include_pad", ORR_BOOL, .def = 1,                    \
       .doc = "padding counts in the divisor"},                    \
  {                                                                \
    "divisor_override", ORR_INT,                                   \
        .doc = "what sums are divided by; 0: by the window's size" \
  }

ORR_DEFINE_OP(
    avg_pool2d, .doc = "Mean of each window of x [N, C, H, W]. "
           "N may be left out.",
    .params = {{"x"}, AVG_PARAMS}, .shape = avg_pool2d_shape,
    .forward = avg_pool2d_forward, .vjp = avg_pool2d_vjp,
    .batched = 4, .flags = ORR_FUNCTIONAL | ORR_DROPS_X,
    .samples =
        {"{ {2,2,4,4}, kernel_size = 2 }",
         "{ {1,2,5,6}, kernel_size = 3, stride = {2,1}, padding = {1,0} }",
         "{ {1,1,5,5}, kernel_size = 2, ceil_mode = true }",
         "{ {1,1,5,5}, kernel_size = 3, padding = 1, count_include_pad = false "
         "}",
         "{ {1,1,5,6}, kernel_size = {3,2}, padding = 1, ceil_mode = true, "
         "stride = 3 }",
         "{ {1,1,5,6}, kernel_size = 3, padding = 1, divisor_override = 2 }",
         "{ {0,2,4,4}, kernel_size = 2 }",
         "{ {1,1,4,4}, kernel_size = 2, divisor_override = -1, error = "
         "'avg_pool2d: divisor_override is -1; it must be an integer >= 0' }",
         "{ {1,1,4,4}, kernel_size = 5, error = 'avg_pool2d: x is [1, 1, 4, 4] "
         "with padding {0, 0}, smaller than the window {5, 5}; use a smaller "
         "kernel_size' }"});

static bool avg_pool2d_dx_shape(orr_call *c) {
  if (!want_mean(c) || !orr_want_pair(c, AVG_SIZE, "size", 1)) return false;
  const int64_t *gy = c->x[0]->size;
  const int64_t size[] = {gy[0], gy[1], (int64_t)c->attr[AVG_SIZE],
                          (int64_t)c->attr[AVG_SIZE + 1]};
  const orr_pool g = read_avg_pool(c->attr, size, NULL);
  const bool ceil = c->attr[AVG_CEIL] != 0;
  char text[128];
  if (gy[2] != orr_pool_size(g.h, g.kh, g.sh, g.ph, 1, ceil) ||
      gy[3] != orr_pool_size(g.w, g.kw, g.sw, g.pw, 1, ceil))
    return orr_fail(c,
                    "gy is %s, which is not what size = {%lld, %lld} is "
                    "pooled to; match them",
                    orr_shape_text(c->x[0], text, sizeof text), (long long)g.h,
                    (long long)g.w);
  return orr_out(c, 0, c->x[0]->dtype, 4, size);
}

static bool avg_pool2d_dx_forward(orr_call *c) {
  const orr_pool g = read_avg_pool(c->attr, c->y[0]->size, c->x[0]->size);
  orr_avg_pool_dx(c->y[0]->dtype, &g, orr_data(c->x[0]), orr_data(c->y[0]));
  return true;
}

static void avg_pool2d_dx_vjp(orr_vjp *v) {
  orr_short_args args = {.x0 = v->gy};
  for (int i = 0; i < AVG_SIZE; i++) args.attr[i] = v->attr[i];
  v->gx[0] = orr_apply_short(&orr_op_avg_pool2d, &args);
}

ORR_DEFINE_OP(
    avg_pool2d_dx,
    .doc = "Gradient of avg_pool2d: spreads each element over its window.",
    .params = {{"gy"},
               AVG_PARAMS,
               {"size", ORR_PAIR, .required = true, .doc = "H and W of x"}},
    .shape = avg_pool2d_dx_shape, .forward = avg_pool2d_dx_forward,
    .vjp = avg_pool2d_dx_vjp, .flags = ORR_HIDDEN | ORR_DROPS_X,
    .samples = {
        "{ {2,2,2,2}, kernel_size = 2, size = {5,4} }",
        "{ {0,2,2,2}, kernel_size = 2, size = {5,4} }",
        "{ {1,2,3,4}, kernel_size = 3, stride = {2,1}, padding = {1,0}, "
        "size = {5,6}, count_include_pad = false }",
        "{ {1,1,2,2}, kernel_size = 2, size = {5,4}, divisor_override = 3 }",
        "{ {1,2,3,4}, kernel_size = 2, size = 4, error = 'avg_pool2d_dx: gy is "
        "[1, 2, 3, 4], which is not what size = {4, 4} is pooled to; match "
        "them' }"});

// ------------------------------------------------------------ upsampling

static orr_pool upsampling(const double *attr, const orr_tensor *x,
                           const orr_tensor *y) {
  orr_pool g = planes_of(x, y);
  g.kh = (int64_t)attr[0], g.kw = (int64_t)attr[1];
  return g;
}

static bool upsample_nearest2d_shape(orr_call *c) {
  if (!orr_want_images(c, 0) || !orr_want_pair(c, 0, "scale_factor", 1))
    return false;
  const int64_t *x = c->x[0]->size;
  const int64_t size[] = {x[0], x[1], x[2] * (int64_t)c->attr[0],
                          x[3] * (int64_t)c->attr[1]};
  return orr_out(c, 0, c->x[0]->dtype, 4, size);
}

// Of whole numbers: x [rows, 1, W, 1] copied over y [rows, kh, W, kw].
static void repeat_whole(orr_tensor *x, orr_tensor *y, const orr_pool *g) {
  const int64_t rows = x->count / g->w;
  const int64_t size[] = {rows, g->kh, g->w, g->kw};
  const int64_t step[] = {g->kh * g->ow, g->ow, g->kw, 1};
  const int64_t still[] = {g->w, 0, 1, 0};
  orr_tensor to = *y, from = *x;
  to.rank = from.rank = 4;
  from.contiguous = false;
  from.count = to.count;
  for (int i = 0; i < 4; i++) {
    to.size[i] = from.size[i] = size[i];
    to.stride[i] = step[i], from.stride[i] = still[i];
  }
  orr_copy_elements(&to, &from);
}

static bool upsample_nearest2d_forward(orr_call *c) {
  const orr_pool g = upsampling(c->attr, c->x[0], c->y[0]);
  if (!orr_dtype_is_float(c->y[0]->dtype))
    return repeat_whole(c->x[0], c->y[0], &g), true;
  orr_upsample(c->y[0]->dtype, &g, orr_data(c->x[0]), orr_data(c->y[0]));
  return true;
}

static void upsample_nearest2d_vjp(orr_vjp *v) {
  v->gx[0] =
      ORR(upsample_nearest2d_dx, v->gy, .attr = {v->attr[0], v->attr[1]});
}

#define SCALE_PARAM                                                          \
  {                                                                          \
    "scale_factor", ORR_PAIR,                                                \
        .required = true, .doc = "how often each row and column is repeated" \
  }

ORR_DEFINE_OP(
    upsample_nearest2d,
    .doc = "Repeats each pixel of x [N, C, H, W] scale_factor times both ways.",
    .params = {{"x", .want = ORR_WANT_ANY}, SCALE_PARAM}, .shape = upsample_nearest2d_shape,
    .forward = upsample_nearest2d_forward, .vjp = upsample_nearest2d_vjp,
    .flags = ORR_FUNCTIONAL | ORR_DROPS_X,
    .torch = "torch.nn.functional.upsample_nearest",
    .samples =
        {"{ {2,2,3,2}, scale_factor = 2 }",
         "{ {2,2,3,2}, scale_factor = {2,3}, ints = { x = {0,9} } }",
        "{ {0,2,3,2}, scale_factor = 2 }",
         "{ {1,2,2,3}, scale_factor = {3,1} }",
         "{ {0,2,2,2}, scale_factor = 2 }", "{ {1,1,0,2}, scale_factor = 2 }",
         "{ {2,2}, scale_factor = 2, error = 'upsample_nearest2d: x is [2, 2] "
         "but must be [N, C, H, W]; use :view or :unsqueeze' }",
         "{ {1,1,2,2}, scale_factor = 1.5, error = 'upsample_nearest2d: "
         "scale_factor is {1.5, 1.5}; both must be integers >= 1' }"});

static bool upsample_nearest2d_dx_shape(orr_call *c) {
  if (!orr_want_images(c, 0) || !orr_want_pair(c, 0, "scale_factor", 1))
    return false;
  const int64_t *gy = c->x[0]->size;
  const int64_t a = (int64_t)c->attr[0], b = (int64_t)c->attr[1];
  char text[128];
  if (gy[2] % a || gy[3] % b)
    return orr_fail(c,
                    "gy is %s but scale_factor is {%lld, %lld}; its images "
                    "must be multiples of it",
                    orr_shape_text(c->x[0], text, sizeof text), (long long)a,
                    (long long)b);
  const int64_t size[] = {gy[0], gy[1], gy[2] / a, gy[3] / b};
  return orr_out(c, 0, c->x[0]->dtype, 4, size);
}

static bool upsample_nearest2d_dx_forward(orr_call *c) {
  const orr_pool g = upsampling(c->attr, c->y[0], c->x[0]);
  orr_upsample_dx(c->y[0]->dtype, &g, orr_data(c->x[0]), orr_data(c->y[0]));
  return true;
}

static void upsample_nearest2d_dx_vjp(orr_vjp *v) {
  v->gx[0] = ORR(upsample_nearest2d, v->gy, .attr = {v->attr[0], v->attr[1]});
}

ORR_DEFINE_OP(
    upsample_nearest2d_dx,
    .doc = "Gradient of upsample_nearest2d: sums each block of pixels.",
    .params = {{"gy"}, SCALE_PARAM}, .shape = upsample_nearest2d_dx_shape,
    .forward = upsample_nearest2d_dx_forward, .vjp = upsample_nearest2d_dx_vjp,
    .flags = ORR_HIDDEN | ORR_DROPS_X,
    .samples = {
        "{ {2,2,6,4}, scale_factor = {3,2} }",
        "{ {0,2,6,4}, scale_factor = {3,2} }",
        "{ {1,1,4,3}, scale_factor = 2, error = 'upsample_nearest2d_dx: gy is "
        "[1, 1, 4, 3] but scale_factor is {2, 2}; its images must be multiples "
        "of it' }"});
