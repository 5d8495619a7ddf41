// image_forms.c -- sequences as images of one row, pixels as channels, and
// windows as columns. All of it is moving elements around ops that exist.
#include "window.h"

// ------------------------------------------------------------ sequences

static bool want_sequence(orr_call *c) {
  char text[128];
  if (c->x[0]->rank == 3) return true;
  return orr_fail(c, "x is %s but must be [N, C, L]; use :view or :unsqueeze",
                  orr_shape_text(c->x[0], text, sizeof text));
}

// [A, B, L] as [A, B, 1, L], and back.
static orr_tensor *row(orr_tensor *x) {
  return x ? ORR(unsqueeze, x, .attr = {2}) : NULL;
}
static orr_tensor *unrow(orr_tensor *y) {
  return y ? ORR(squeeze, y, .attr = {1, 2}) : NULL;
}

enum { C1_STRIDE, C1_PADDING, C1_DILATION, C1_GROUPS };
enum { T1_STRIDE, T1_PADDING, T1_EXTRA, T1_GROUPS, T1_DILATION };

// Channels, bias and groups; `first` is the weight's first size seen from x.
static bool want_conv1d(orr_call *c, int64_t takes, int64_t gives,
                        int64_t groups) {
  const orr_tensor *x = c->x[0], *w = c->x[1], *b = c->x[2];
  char s[128], t[128];
  if (w->size[0] % groups)
    return orr_fail(c,
                    "weight is %s but groups is %lld; its first size must be "
                    "a multiple of groups",
                    orr_shape_text(w, t, sizeof t), (long long)groups);
  if (x->size[1] != takes)
    return orr_fail(c,
                    "x is %s but weight %s with groups = %lld takes %lld "
                    "channels; match them",
                    orr_shape_text(x, s, sizeof s),
                    orr_shape_text(w, t, sizeof t), (long long)groups,
                    (long long)takes);
  if (b && (b->rank != 1 || b->size[0] != gives))
    return orr_fail(c,
                    "bias is %s but the result has %lld channels; give [%lld]",
                    orr_shape_text(b, s, sizeof s), (long long)gives,
                    (long long)gives);
  if (w->size[2] > 0) return true;
  return orr_fail(c, "weight is %s: the kernel is empty; give a size >= 1",
                  orr_shape_text(w, t, sizeof t));
}

static orr_tensor *conv1d_compose(orr_call *c) {
  const double *a = c->attr;
  if (!want_sequence(c) || !orr_want_rank(c, 1, 3) ||
      !orr_want_int(c, C1_STRIDE, "stride", 1) ||
      !orr_want_int(c, C1_PADDING, "padding", 0) ||
      !orr_want_int(c, C1_DILATION, "dilation", 1) ||
      !orr_want_int(c, C1_GROUPS, "groups", 1))
    return NULL;
  const orr_tensor *x = c->x[0], *w = c->x[1];
  const int64_t groups = (int64_t)a[C1_GROUPS];
  if (!want_conv1d(c, w->size[1] * groups, w->size[0], groups)) return NULL;
  const int64_t reach = (int64_t)a[C1_DILATION] * (w->size[2] - 1) + 1;
  char s[128], t[128];
  if (x->size[2] + 2 * (int64_t)a[C1_PADDING] < reach) {
    orr_fail(c,
             "x is %s with padding %g, shorter than the kernel of weight %s "
             "with dilation %g; pad more",
             orr_shape_text(x, s, sizeof s), a[C1_PADDING],
             orr_shape_text(w, t, sizeof t), a[C1_DILATION]);
    return NULL;
  }
  return unrow(ORR(conv2d, row(c->x[0]), row(c->x[1]), c->x[2],
                   .attr = {1, a[C1_STRIDE], 0, a[C1_PADDING], 1,
                            a[C1_DILATION], a[C1_GROUPS]}));
}

ORR_DEFINE_OP(
    conv1d,
    .doc = "Cross-correlates x [N, C, L] with weight [K, C/groups, k] and adds "
           "bias [K]: [N, K, OL], where OL = floor((L + 2 padding - dilation "
           "(k - 1) - 1) / stride) + 1. "
           "N may be left out.",
    .params = {{"x"},
               {"weight"},
               {"bias", .optional = true},
               {"stride", ORR_INT, .def = 1, .doc = "step of the window"},
               {"padding", ORR_INT, .doc = "zeros at both ends"},
               {"dilation", ORR_INT, .def = 1,
                .doc = "distance of kernel elements"},
               {"groups", ORR_INT, .def = 1,
                .doc = "channel groups that do not see each other"}},
    .compose = conv1d_compose, .batched = 3, .flags = ORR_FUNCTIONAL,
    .samples = {
        "{ {2,2,6}, {3,2,3}, {3} }",
        "{ {1,4,7}, {2,2,2}, stride = 2, padding = 1, dilation = 2, "
        "groups = 2 }",
        "{ {0,2,6}, {3,2,3}, {3} }",
        "{ {2,6}, {3,2,3}, {3}, stride = 2 }",
        "{ {6}, {3,2,3}, error = 'conv1d: x is [6] but must be "
        "[N, C, L]; use :view or :unsqueeze' }",
        "{ {1,2,6}, {3,4,3}, error = 'conv1d: x is [1, 2, 6] but weight "
        "[3, 4, 3] with groups = 1 takes 4 channels; match them' }",
        "{ {1,4,6}, {3,2,3}, groups = 2, error = 'conv1d: weight is [3, 2, 3] "
        "but groups is 2; its first size must be a multiple of groups' }",
        "{ {1,2,6}, {3,2,3}, {2}, error = 'conv1d: bias is [2] but the result "
        "has 3 channels; give [3]' }",
        "{ {1,2,2}, {3,2,3}, error = 'conv1d: x is [1, 2, 2] with padding 0, "
        "shorter than the kernel of weight [3, 2, 3] with dilation 1; pad "
        "more' }",
        "{ {1,2,2}, {3,2,0}, error = 'conv1d: weight is [3, 2, 0]: the kernel "
        "is empty; give a size >= 1' }",
        "{ {1,2,6}, {3,2,3}, stride = 0, error = 'conv1d: stride is 0; it "
        "must be an integer >= 1' }"});

static orr_tensor *conv_transpose1d_compose(orr_call *c) {
  const double *a = c->attr;
  if (!want_sequence(c) || !orr_want_rank(c, 1, 3) ||
      !orr_want_int(c, T1_STRIDE, "stride", 1) ||
      !orr_want_int(c, T1_PADDING, "padding", 0) ||
      !orr_want_int(c, T1_EXTRA, "output_padding", 0) ||
      !orr_want_int(c, T1_GROUPS, "groups", 1) ||
      !orr_want_int(c, T1_DILATION, "dilation", 1))
    return NULL;
  const orr_tensor *x = c->x[0], *w = c->x[1];
  const int64_t groups = (int64_t)a[T1_GROUPS];
  if (!want_conv1d(c, w->size[0], w->size[1] * groups, groups)) return NULL;
  if (a[T1_EXTRA] >= a[T1_STRIDE] && a[T1_EXTRA] >= a[T1_DILATION]) {
    orr_fail(c,
             "output_padding is %g but stride is %g and dilation %g; it must "
             "be smaller than one of them",
             a[T1_EXTRA], a[T1_STRIDE], a[T1_DILATION]);
    return NULL;
  }
  const double length = ((double)x->size[2] - 1) * a[T1_STRIDE] -
      2 * a[T1_PADDING] + a[T1_DILATION] * ((double)w->size[2] - 1) +
      a[T1_EXTRA] + 1;
  char s[128];
  if (x->size[2] < 1 || length < 1) {
    orr_fail(c,
             "x is %s: the result would have length %g; use less padding or "
             "longer sequences",
             orr_shape_text(x, s, sizeof s), length);
    return NULL;
  }
  return unrow(ORR(conv_transpose2d, row(c->x[0]), row(c->x[1]), c->x[2],
                   .attr = {1, a[T1_STRIDE], 0, a[T1_PADDING], 0, a[T1_EXTRA],
                            a[T1_GROUPS], 1, a[T1_DILATION]}));
}

ORR_DEFINE_OP(
    conv_transpose1d,
    .doc = "The gradient of conv1d to its input, with a bias: x [N, C, L], "
           "weight [C, K/groups, k] give [N, K, OL], where OL = (L - 1) stride "
           "- 2 padding + dilation (k - 1) + output_padding + 1. "
           "N may be left out.",
    .params = {{"x"},
               {"weight"},
               {"bias", .optional = true},
               {"stride", ORR_INT, .def = 1, .doc = "step in the result"},
               {"padding", ORR_INT, .doc = "elements cut off at both ends"},
               {"output_padding", ORR_INT, .doc = "elements added at the end"},
               {"groups", ORR_INT, .def = 1,
                .doc = "channel groups that do not see each other"},
               {"dilation", ORR_INT, .def = 1,
                .doc = "distance of kernel elements"}},
    .compose = conv_transpose1d_compose, .batched = 3, .flags = ORR_FUNCTIONAL,
    .samples = {
        "{ {2,3,4}, {3,2,3}, {2} }",
        "{ {1,4,3}, {4,1,2}, stride = 3, padding = 1, output_padding = 1, "
        "groups = 2, dilation = 2 }",
        "{ {2,3,3}, {3,2,2}, stride = 2, output_padding = 4, dilation = 5 }",
        "{ {0,3,4}, {3,2,3} }",
        "{ {3,4}, {3,2,3}, {2} }",
        "{ {4}, {3,2,3}, error = 'conv_transpose1d: x is [4] but must be "
        "[N, C, L]; use :view or :unsqueeze' }",
        "{ {1,3,1}, {3,2,1}, padding = 1, error = 'conv_transpose1d: x is "
        "[1, 3, 1]: the result would have length -1; use less padding or "
        "longer sequences' }",
        "{ {1,3,4}, {3,2,3}, output_padding = 1, error = 'conv_transpose1d: "
        "output_padding is 1 but stride is 1 and dilation 1; it must be "
        "smaller than one of them' }"});

enum { P1_KERNEL, P1_STRIDE, P1_PADDING, P1_THIRD, P1_FOURTH };

// Checks the window; stride 0 becomes kernel_size.
static bool want_pool1d(orr_call *c, double dilation) {
  double *a = c->attr;
  char s[128];
  if (!want_sequence(c) || !orr_want_int(c, P1_KERNEL, "kernel_size", 1))
    return false;
  if (a[P1_STRIDE] == 0) a[P1_STRIDE] = a[P1_KERNEL];
  if (!orr_want_int(c, P1_STRIDE, "stride", 1) ||
      !orr_want_int(c, P1_PADDING, "padding", 0))
    return false;
  if (2 * a[P1_PADDING] > a[P1_KERNEL])
    return orr_fail(c,
                    "padding is %g but kernel_size is %g; at most half of it "
                    "makes sense",
                    a[P1_PADDING], a[P1_KERNEL]);
  const double n = (double)c->x[0]->size[2] + 2 * a[P1_PADDING];
  if (c->x[0]->size[2] > 0 && n >= dilation * (a[P1_KERNEL] - 1) + 1)
    return true;
  return orr_fail(c,
                  "x is %s with padding %g, shorter than the window of %g; "
                  "use a smaller kernel_size",
                  orr_shape_text(c->x[0], s, sizeof s), a[P1_PADDING],
                  dilation * (a[P1_KERNEL] - 1) + 1);
}

static orr_tensor *max_pool1d_compose(orr_call *c) {
  const double *a = c->attr;
  if (!orr_want_int(c, P1_THIRD, "dilation", 1) || !want_pool1d(c, a[P1_THIRD]))
    return NULL;
  return unrow(ORR(max_pool2d, row(c->x[0]),
                   .attr = {1, a[P1_KERNEL], 1, a[P1_STRIDE], 0, a[P1_PADDING],
                            1, a[P1_THIRD], a[P1_FOURTH]}));
}

static orr_tensor *avg_pool1d_compose(orr_call *c) {
  const double *a = c->attr;
  if (!want_pool1d(c, 1)) return NULL;
  return unrow(ORR(avg_pool2d, row(c->x[0]),
                   .attr = {1, a[P1_KERNEL], 1, a[P1_STRIDE], 0, a[P1_PADDING],
                            a[P1_THIRD], a[P1_FOURTH]}));
}

#define POOL1D_PARAMS                                                      \
  {"x"},                                                                   \
      {"kernel_size", ORR_INT, .required = true,                           \
       .doc = "length of the window"},                                     \
      {"stride", ORR_INT,                                                  \
       .doc = "step of the window; 0, the default, is kernel_size"},       \
  {                                                                        \
    "padding", ORR_INT, .doc = "at both ends, at most half of kernel_size" \
  }
#define POOL1D_ERRORS(NAME)                                                  \
  "{ {2,4}, kernel_size = 2, distinct = true }",                             \
      "{ {4}, kernel_size = 2, error = '" NAME ": x is [4] but must be "     \
      "[N, C, L]; use :view or :unsqueeze' }",                               \
      "{ {1,1,2}, kernel_size = 3, error = '" NAME ": x is [1, 1, 2] with "  \
      "padding 0, shorter than the window of 3; use a smaller kernel_size' " \
      "}",                                                                   \
      "{ {1,1,4}, kernel_size = 2, padding = 2, error = '" NAME ": padding " \
      "is 2 but kernel_size is 2; at most half of it makes sense' }"

ORR_DEFINE_OP(
    max_pool1d,
    .doc = "Largest element of each window of x [N, C, L]. Of equal elements "
           "the first gets the gradient; NaN counts as largest. With "
           "return_indices = true, their positions in the row too, from 1. "
           "N may be left out.",
    .params = {POOL1D_PARAMS,
               {"dilation", ORR_INT, .def = 1, .doc = "distance of elements"},
               {"ceil_mode", ORR_BOOL,
                .doc = "keep a last window that sticks out"}},
    .compose = max_pool1d_compose, .batched = 3, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {2,2,6}, kernel_size = 2, distinct = true }",
                "{ {1,2,7}, kernel_size = 3, stride = 2, padding = 1, "
                "ceil_mode = true, distinct = true }",
                "{ {1,2,7}, kernel_size = 2, stride = 1, dilation = 3, "
                "distinct = true }",
                "{ {0,2,6}, kernel_size = 2, distinct = true }",
                POOL1D_ERRORS("max_pool1d")});

ORR_DEFINE_OP(
    avg_pool1d, .doc = "Mean of each window of x [N, C, L]. "
           "N may be left out.",
    .params = {POOL1D_PARAMS,
               {"ceil_mode", ORR_BOOL,
                .doc = "keep a last window that sticks out"},
               {"count_include_pad", ORR_BOOL, .def = 1,
                .doc = "padding counts in the divisor"}},
    .compose = avg_pool1d_compose, .batched = 3, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {2,2,6}, kernel_size = 2 }",
                "{ {1,2,7}, kernel_size = 3, stride = 2, padding = 1, "
                "count_include_pad = false }",
                "{ {0,2,6}, kernel_size = 2 }", POOL1D_ERRORS("avg_pool1d")});

// ------------------------------------------------------------ pixels

// x [N, ...] with axes split into six, reordered, and joined to `to`.
static orr_tensor *shuffle(orr_tensor *x, const int64_t *split,
                           const double *order, const int64_t *to) {
  orr_short_args args = {.x0 = orr_reshape_to(x, 6, split), .attr = {6}};
  for (int i = 0; i < 6; i++) args.attr[1 + i] = order[i];
  return orr_reshape_to(orr_apply_short(&orr_op_permute, &args), 4, to);
}

static orr_tensor *pixel_shuffle_compose(orr_call *c) {
  static const double order[] = {0, 1, 4, 2, 5, 3};
  if (!orr_want_images(c, 0) || !orr_want_int(c, 0, "upscale_factor", 1))
    return NULL;
  const int64_t *x = c->x[0]->size, r = (int64_t)c->attr[0];
  char s[128];
  if (x[1] / r / r * r * r != x[1]) {
    orr_fail(c,
             "x is %s but upscale_factor is %lld; its channels must be a "
             "multiple of upscale_factor^2",
             orr_shape_text(c->x[0], s, sizeof s), (long long)r);
    return NULL;
  }
  const int64_t depth = x[1] / r / r;
  const int64_t split[] = {x[0], depth, r, r, x[2], x[3]};
  const int64_t to[] = {x[0], depth, x[2] * r, x[3] * r};
  return shuffle(c->x[0], split, order, to);
}

ORR_DEFINE_OP(
    pixel_shuffle,
    .doc = "Channels to pixels: [N, C r^2, H, W] to [N, C, H r, W r], r the "
           "upscale_factor (Shi et al. 2016). "
           "N may be left out.",
    .params = {{"x", .want = ORR_WANT_ANY},
               {"upscale_factor", ORR_INT, .required = true,
                .doc = "pixels per side that one becomes"}},
    .compose = pixel_shuffle_compose, .batched = 4, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {2,8,2,3}, upscale_factor = 2 }",
                "{ {1,9,1,2}, upscale_factor = 3 }",
                "{ {0,4,2,2}, upscale_factor = 2 }",
                "{ {1,6,2,2}, upscale_factor = 2, error = 'pixel_shuffle: x is "
                "[1, 6, 2, 2] but upscale_factor is 2; its channels must be a "
                "multiple of upscale_factor^2' }",
                "{ {4,2,2}, upscale_factor = 2 }",
                "{ {2,2}, upscale_factor = 2, error = 'pixel_shuffle: x is "
                "[2, 2] but must be [N, C, H, W]; use :view or "
                ":unsqueeze' }"});

static orr_tensor *pixel_unshuffle_compose(orr_call *c) {
  static const double order[] = {0, 1, 3, 5, 2, 4};
  if (!orr_want_images(c, 0) || !orr_want_int(c, 0, "downscale_factor", 1))
    return NULL;
  const int64_t *x = c->x[0]->size, r = (int64_t)c->attr[0];
  char s[128];
  if (x[2] % r || x[3] % r) {
    orr_fail(c,
             "x is %s but downscale_factor is %lld; height and width must be "
             "multiples of it",
             orr_shape_text(c->x[0], s, sizeof s), (long long)r);
    return NULL;
  }
  const int64_t h = x[2] / r, w = x[3] / r;
  if (h == 0 || w == 0 || x[0] * x[1] == 0) {  // nothing to move; r may be huge
    const double depth = (double)x[1] * (double)r * (double)r;
    if (depth > 9e15) {
      orr_fail(c, "downscale_factor is %lld; use a smaller one", (long long)r);
      return NULL;
    }
  }
  const int64_t split[] = {x[0], x[1], h, r, w, r};
  const int64_t to[] = {x[0], x[1] * r * r, h, w};
  return shuffle(c->x[0], split, order, to);
}

ORR_DEFINE_OP(
    pixel_unshuffle,
    .doc = "Pixels to channels, the inverse of pixel_shuffle: [N, C, H r, W r] "
           "to [N, C r^2, H, W]. "
           "N may be left out.",
    .params = {{"x", .want = ORR_WANT_ANY},
               {"downscale_factor", ORR_INT, .required = true,
                .doc = "pixels per side that become one"}},
    .compose = pixel_unshuffle_compose, .batched = 4, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {2,2,4,6}, downscale_factor = 2 }",
                "{ {1,1,3,6}, downscale_factor = 3 }",
                "{ {0,1,2,2}, downscale_factor = 2 }",
                "{ {1,1,3,4}, downscale_factor = 2, error = 'pixel_unshuffle: "
                "x is [1, 1, 3, 4] but downscale_factor is 2; height and width "
                "must be multiples of it' }"});
