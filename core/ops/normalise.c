// normalise.c -- layer, group and instance normalisation. The first two are
// row_norm; instances are batch_norm's kernel over rows: [1, R, M] has R
// channels of M values.
#include <math.h>

#include "../compile/recorder.h"
#include "window.h"

static orr_tensor *times(orr_tensor *a, orr_tensor *b) {
  return a && b ? ORR(mul, a, b) : NULL;
}
static orr_tensor *plus(orr_tensor *a, orr_tensor *b) {
  return a && b ? ORR(add, a, b) : NULL;
}

// Each row standardised, times its own w, plus its own b, [rows] each.
static orr_tensor *scaled_rows(orr_tensor *x, int64_t rows, int64_t length,
                               orr_tensor *w, orr_tensor *b, double eps) {
  const int64_t flat[] = {1, rows, length};
  orr_tensor *y =
      ORR(batch_norm_train, orr_reshape_to(x, 3, flat), w, b, .attr = {eps});
  return orr_reshape_to(y, x->rank, x->size);
}

// x as [n, groups, parts, pixels]: rows standardised, times w, plus b.
static orr_tensor *rows_scaled(orr_tensor *x, const int64_t *flat,
                               orr_tensor *w, orr_tensor *b, double eps) {
  const int64_t channels = flat[1] * flat[2];
  if (w && w->rank != 1) w = orr_reshape_to(w, 1, &channels);
  if (b && b->rank != 1) b = orr_reshape_to(b, 1, &channels);
  orr_tensor *rows = orr_reshape_to(x, 4, flat);
  if (!rows) return NULL;
  orr_tensor *y = ORR(row_norm, rows, w, b, .attr = {eps});
  return orr_reshape_to(y, x->rank, x->size);
}

// A row of one value has variance 0 and becomes 0, and nothing stays nothing:
// neither is a case for the kernel.
static orr_tensor *flat_rows(orr_tensor *x) {
  return x->count ? ORR(sub, x, x) : x;
}

static int64_t product(const int64_t *size, int from, int to) {
  int64_t n = 1;
  for (int i = from; i < to; i++) n *= size[i];
  return n;
}

// weight and bias [C] along axis 1 of x, when given.
static orr_tensor *affine(orr_tensor *y, orr_tensor *w, orr_tensor *b) {
  if (!y) return NULL;
  int64_t beside[ORR_MAX_RANK];
  for (int a = 0; a < y->rank; a++) beside[a] = a == 1 ? y->size[1] : 1;
  if (w) y = times(y, orr_reshape_to(w, y->rank, beside));
  if (b) y = plus(y, orr_reshape_to(b, y->rank, beside));
  return y;
}

// ------------------------------------------------------------ layer_norm

enum { SHAPE = 0, LAYER_EPS = 9 };

static bool want_normalized_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  const int n = (int)c->attr[SHAPE];
  int64_t size[ORR_MAX_RANK];
  char s[128], t[128], u[128];
  bool fits = n >= 1 && n <= x->rank;
  for (int i = 0; i < n; i++) {
    size[i] = (int64_t)c->attr[SHAPE + 1 + i];
    fits = fits && x->size[x->rank - n + i] == size[i];
  }
  if (!fits)
    return orr_fail(c,
                    "x is %s but normalized_shape is %s; give x's last sizes",
                    orr_shape_text(x, s, sizeof s),
                    orr_sizes_text(n, size, t, sizeof t));
  for (int i = 1; i < 3; i++) {
    const orr_tensor *p = c->x[i];
    bool same = !p || p->rank == n;
    for (int k = 0; p && same && k < n; k++) same = p->size[k] == size[k];
    if (!same)
      return orr_fail(c, "%s is %s but normalized_shape is %s; match them",
                      orr_input_name(c, i), orr_shape_text(p, u, sizeof u),
                      orr_sizes_text(n, size, t, sizeof t));
  }
  return true;
}

static orr_tensor *layer_norm_compose(orr_call *c) {
  if (!want_normalized_shape(c) || !orr_want_eps(c, LAYER_EPS)) return NULL;
  orr_tensor *x = c->x[0];
  const int from = x->rank - (int)c->attr[SHAPE];
  const int64_t rows = product(x->size, 0, from);
  const int64_t length = product(x->size, from, x->rank);
  if (rows > 0 && length > 1)
    return rows_scaled(x, (int64_t[]){rows, 1, length, 1}, c->x[1], c->x[2],
                       c->attr[LAYER_EPS]);
  orr_tensor *y = flat_rows(x);
  if (c->x[1]) y = times(y, c->x[1]);
  return c->x[2] ? plus(y, c->x[2]) : y;
}

#define EPS_PARAM \
  { "eps", ORR_NUM, .def = 1e-5, .doc = "added to the variance" }
#define AFFINE_PARAMS \
  {"weight", .optional = true}, { "bias", .optional = true }

ORR_DEFINE_OP(
    layer_norm,
    .doc = "Normalises x to mean 0 and variance 1 over its last axes, those "
           "of normalized_shape, then scales by weight and adds bias, of that "
           "shape (Ba et al. 2016).",
    .params = {{"x"},
               AFFINE_PARAMS,
               {"normalized_shape", ORR_SIZES, .required = true,
                .doc = "x's last sizes"},
               EPS_PARAM},
    .compose = layer_norm_compose, .flags = ORR_FUNCTIONAL,
    .samples = {
        "{ {4,3}, {3}, {3}, normalized_shape = {3} }",
        "{ {2,2,3}, normalized_shape = {2,3}, eps = 0.1 }",
        "{ {2,3,4}, false, {4}, normalized_shape = {4} }",
        "{ {0,3}, {3}, normalized_shape = {3} }",
        "{ {2,1}, {1}, {1}, normalized_shape = {1} }",
        "{ {4}, normalized_shape = {4}, low = -1e-3, high = 1e-3, eps = 1 }",
        "{ {2,3}, normalized_shape = {2}, error = 'layer_norm: x is [2, 3] but "
        "normalized_shape is [2]; give x\\'s last sizes' }",
        "{ {2,3}, {2}, normalized_shape = {3}, error = 'layer_norm: weight is "
        "[2] but normalized_shape is [3]; match them' }",
        "{ {2,3}, normalized_shape = {3}, eps = -1, error = 'layer_norm: eps "
        "is -1; it must be >= 0' }"});

// ------------------------------------------------------------ group_norm

static orr_tensor *group_norm_compose(orr_call *c) {
  char s[128];
  if (!orr_want_min_rank(c, 0, 2) || !orr_want_int(c, 0, "num_groups", 1) ||
      !orr_want_eps(c, 1) || !orr_want_per_channel(c, 1, c->x[0]->size[1]) ||
      !orr_want_per_channel(c, 2, c->x[0]->size[1]))
    return NULL;
  orr_tensor *x = c->x[0];
  const int64_t groups = (int64_t)c->attr[0], channels = x->size[1];
  if (channels % groups) {
    orr_fail(c,
             "x is %s but num_groups is %lld; its channels must be a multiple "
             "of num_groups",
             orr_shape_text(x, s, sizeof s), (long long)groups);
    return NULL;
  }
  const int64_t parts = channels / groups;
  const int64_t pixels = product(x->size, 2, x->rank);
  if (!x->count || parts * pixels == 1)
    return affine(flat_rows(x), c->x[1], c->x[2]);
  return rows_scaled(x, (int64_t[]){x->size[0], groups, parts, pixels}, c->x[1],
                     c->x[2], c->attr[1]);
}

ORR_DEFINE_OP(
    group_norm,
    .doc = "Normalises each group of channels of x [N, C, ...] to mean 0 and "
           "variance 1 in each example, then scales by weight and adds bias, "
           "[C] each (Wu & He 2018).",
    .params = {{"x"},
               AFFINE_PARAMS,
               {"num_groups", ORR_INT, .required = true,
                .doc = "groups the channels are cut into"},
               EPS_PARAM},
    .compose = group_norm_compose, .flags = ORR_FUNCTIONAL,
    .samples = {
        "{ {2,4,2,2}, {4}, {4}, num_groups = 2 }",
        "{ {2,6}, num_groups = 3, eps = 0.1 }",
        "{ {3,2,3}, {2}, num_groups = 1 }", "{ {2,3}, num_groups = 3 }",
        "{ {0,4,3}, {4}, num_groups = 2 }",
        "{ {3}, num_groups = 1, error = 'group_norm: x is [3] but must have at "
        "least 2 axes; use :view or :unsqueeze' }",
        "{ {2,4}, num_groups = 3, error = 'group_norm: x is [2, 4] but "
        "num_groups is 3; its channels must be a multiple of num_groups' }",
        "{ {2,4}, {3}, num_groups = 2, error = 'group_norm: weight is [3] but "
        "x has 4 channels; give [4]' }",
        "{ {2,4}, num_groups = 0, error = 'group_norm: num_groups is 0; it "
        "must be an integer >= 1' }"});

// ------------------------------------------------------------ instance_norm

static bool want_instances(orr_call *c, int input) {
  const orr_tensor *x = c->x[input];
  char s[128];
  if (x->rank < 3)
    return orr_fail(c,
                    "%s is %s but must be [N, C, ...]; use :view or "
                    ":unsqueeze",
                    orr_input_name(c, input), orr_shape_text(x, s, sizeof s));
  const int64_t pixels = product(x->size, 2, x->rank);
  if (pixels > 1 || x->size[0] * x->size[1] == 0) return true;
  return orr_fail(c,
                  "%s is %s: %s per channel has no variance; give larger "
                  "images",
                  orr_input_name(c, input), orr_shape_text(x, s, sizeof s),
                  pixels ? "one value" : "no value");
}

// w [C], or [N, C, 1 ...], for each channel of each example: [N C].
static orr_tensor *per_instance(orr_tensor *w, const orr_tensor *x) {
  const int64_t size[] = {x->size[0], x->size[1]}, count = size[0] * size[1];
  if (w && w->rank == 1) w = orr_expand_to(w, 2, size);
  return w ? orr_reshape_to(w, 1, &count) : NULL;
}

// Standardised instances times w plus b, in one pass: the kernel's channels
// are those of every example.
static orr_tensor *scaled_instances(orr_tensor *x, orr_tensor *w, orr_tensor *b,
                                    double eps) {
  const int64_t rows = x->size[0] * x->size[1];
  const int64_t length = product(x->size, 2, x->rank);
  orr_tensor *each_w = per_instance(w, x), *each_b = per_instance(b, x);
  if ((w && !each_w) || (b && !each_b)) return NULL;
  return scaled_rows(x, rows, length, each_w, each_b, eps);
}

enum { USE_INPUT, INSTANCE_MOMENTUM, INSTANCE_EPS };

static orr_tensor *instance_norm_compose(orr_call *c) {
  orr_tensor *const *x = c->x;
  const double eps = c->attr[INSTANCE_EPS];
  const bool use_input = c->attr[USE_INPUT] != 0;
  if (use_input ? !want_instances(c, 0) : !orr_want_min_rank(c, 0, 3))
    return NULL;
  if (!orr_want_eps(c, INSTANCE_EPS)) return NULL;
  for (int i = 1; i < 5; i++)
    if (!orr_want_per_channel(c, i, c->x[0]->size[1])) return NULL;
  if (use_input)
    return x[0]->count ? scaled_instances(x[0], x[3], x[4], eps)
                       : affine(x[0], x[3], x[4]);
  if (x[1] && x[2])
    return ORR(batch_norm, x[0], x[1], x[2], x[3], x[4], .attr = {0, 0, eps});
  orr_fail(c,
           "running_mean and running_var are missing; give them or "
           "use_input_stats = true");
  return NULL;
}

ORR_DEFINE_OP(
    instance_norm,
    .doc = "Normalises each channel of each example of x [N, C, ...] to mean 0 "
           "and variance 1, then scales by weight and adds bias, [C] each "
           "(Ulyanov et al. 2016). Without use_input_stats by running ones, "
           "which are never changed here (nn.InstanceNorm2d keeps them).",
    .params = {{"x"},
               {"running_mean", .optional = true},
               {"running_var", .optional = true},
               AFFINE_PARAMS,
               {"use_input_stats", ORR_BOOL, .def = 1,
                .doc = "or else the running ones"},
               {"momentum", ORR_NUM, .def = 0.1,
                .doc = "for those who keep running statistics"},
               EPS_PARAM},
    .compose = instance_norm_compose, .flags = ORR_FUNCTIONAL,
    .samples = {
        "{ {2,3,2,2}, false, false, {3}, {3} }", "{ {2,2,5}, eps = 0.1 }",
        "{ {0,2,3,3}, false, false, {2} }",
        "{ {2,2,3}, false, false, false, {2} }",
        "{ {2,2,3}, {2}, {2}, {2}, {2}, use_input_stats = false, low = 0.5, "
        "high = 2 }",
        "{ {2,2,1}, {2}, {2}, use_input_stats = false, low = 0.5, high = 2 }",
        "{ {2,2,3}, {2}, use_input_stats = false, error = 'instance_norm: "
        "running_mean and running_var are missing; give them or "
        "use_input_stats = true' }",
        "{ {2,2,1,1}, error = 'instance_norm: x is [2, 2, 1, 1]: one value per "
        "channel has no variance; give larger images' }",
        "{ {2,2}, error = 'instance_norm: x is [2, 2] but must be [N, C, ...]; "
        "use :view or :unsqueeze' }",
        "{ {2,2,3}, false, false, {3}, error = 'instance_norm: weight is [3] "
        "but x has 2 channels; give [2]' }"});

// ------------------------------------------------------------ adain

// Mean and deviation of each channel, broadcasting against images.
static orr_tensor *moment(const orr_op *op, orr_tensor *x) {
  orr_short_args args = {.x0 = x, .attr = {x->rank - 2}};
  for (int a = 2; a < x->rank; a++) args.attr[a - 1] = a;
  args.attr[1 + ORR_MAX_RANK] = true;  // keepdim
  return orr_apply_short(op, &args);   // correction 0
}

static orr_tensor *adain_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *style = c->x[1];
  char s[128], t[128];
  if (!want_instances(c, 0) || !want_instances(c, 1) || !orr_want_eps(c, 0))
    return NULL;
  if (x->rank != style->rank || x->size[0] != style->size[0] ||
      x->size[1] != style->size[1]) {
    orr_fail(c, "x is %s but style is %s; match their first two sizes",
             orr_shape_text(x, s, sizeof s),
             orr_shape_text(style, t, sizeof t));
    return NULL;
  }
  orr_tensor *var = moment(&orr_op_var, style);
  orr_tensor *deviation = ORR(sqrt, plus(var, orr_num(x, c->attr[0])));
  orr_tensor *mean = moment(&orr_op_mean, style);
  if (!deviation || !mean) return NULL;
  return x->count ? scaled_instances(x, deviation, mean, c->attr[0])
                  : plus(times(x, deviation), mean);
}

ORR_DEFINE_OP(
    adain,
    .doc = "Gives each channel of x [N, C, ...] the mean and deviation that "
           "the channel of style has (Huang & Belongie 2017).",
    .params = {{"x"}, {"style"}, EPS_PARAM}, .compose = adain_compose,
    .flags = ORR_FUNCTIONAL, .torch = "",
    .samples = {"{ {2,2,2,3}, {2,2,3,2} }", "{ {1,3,4}, {1,3,3}, eps = 0.1 }",
                "{ {0,2,3,3}, {0,2,3,3} }",
                "{ {2,3,4}, {2,2,4}, error = 'adain: x is [2, 3, 4] but style "
                "is [2, 2, 4]; match their first two sizes' }",
                "{ {2,3,1}, {2,3,4}, error = 'adain: x is [2, 3, 1]: one value "
                "per channel has no variance; give larger images' }"});

// ------------------------------------------------------------ modulated_conv2d

enum { DEMODULATE, MOD_STRIDE, MOD_PADDING, MOD_EPS };

static bool want_modulated(orr_call *c) {
  const orr_tensor *x = c->x[0], *w = c->x[1], *style = c->x[2];
  char s[128], t[128];
  if (!orr_want_images(c, 0) || !orr_want_rank(c, 1, 4) ||
      !orr_want_int(c, MOD_STRIDE, "stride", 1) ||
      !orr_want_int(c, MOD_PADDING, "padding", 0) || !orr_want_eps(c, MOD_EPS))
    return false;
  if (w->size[1] != x->size[1])
    return orr_fail(c, "x is %s but weight is %s; match their second sizes",
                    orr_shape_text(x, s, sizeof s),
                    orr_shape_text(w, t, sizeof t));
  if (style->rank != 2 || style->size[0] != x->size[0] ||
      style->size[1] != x->size[1])
    return orr_fail(c, "style is %s but x is %s; give [%lld, %lld]",
                    orr_shape_text(style, s, sizeof s),
                    orr_shape_text(x, t, sizeof t), (long long)x->size[0],
                    (long long)x->size[1]);
  if (w->size[2] > 0 && w->size[3] > 0 &&
      (double)x->size[2] + 2 * c->attr[MOD_PADDING] >= (double)w->size[2] &&
      (double)x->size[3] + 2 * c->attr[MOD_PADDING] >= (double)w->size[3])
    return true;
  return orr_fail(c,
                  "x is %s with padding %g, smaller than the kernel of weight "
                  "%s; pad more",
                  orr_shape_text(x, s, sizeof s), c->attr[MOD_PADDING],
                  orr_shape_text(w, t, sizeof t));
}

// Scaling the inputs by style is scaling the kernels, w' = w s. The outputs'
// deviation is then the norm of w', so 1 / |w'| brings it back: one factor
// per example and output channel, and one plain convolution for all.
static orr_tensor *modulated_conv2d_compose(orr_call *c) {
  if (!want_modulated(c)) return NULL;
  orr_tensor *x = c->x[0], *w = c->x[1], *style = c->x[2];
  const double *a = c->attr;
  const int64_t in[] = {x->size[0], x->size[1], 1, 1};
  orr_tensor *y = ORR(conv2d, times(x, orr_reshape_to(style, 4, in)), w,
                      .attr = {a[MOD_STRIDE], a[MOD_STRIDE], a[MOD_PADDING],
                               a[MOD_PADDING], 1, 1, 1});
  if (a[DEMODULATE] == 0) return y;
  orr_tensor *power = ORR(sum, ORR(square, w), .attr = {2, 2, 3});  // [K, C]
  orr_tensor *square =
      ORR(matmul, ORR(square, style), orr_transpose_last(power));
  const int64_t out[] = {x->size[0], w->size[0], 1, 1};
  orr_tensor *inverse = ORR(rsqrt, plus(square, orr_num(x, a[MOD_EPS])));
  return times(y, orr_reshape_to(inverse, 4, out));
}

ORR_DEFINE_OP(
    modulated_conv2d,
    .doc = "conv2d of x [N, C, H, W] by a weight [K, C, kh, kw] whose input "
           "channels are scaled by style [N, C] for each example, and with "
           "demodulate each kernel then brought to norm 1 (Karras et al. "
           "2020, StyleGAN2).",
    .params = {{"x"},
               {"weight"},
               {"style"},
               {"demodulate", ORR_BOOL, .def = 1, .doc = "kernels of norm 1"},
               {"stride", ORR_INT, .def = 1, .doc = "step of the window"},
               {"padding", ORR_INT, .doc = "zeros around the image"},
               {"eps", ORR_NUM, .def = 1e-8, .doc = "added to the norm^2"}},
    .compose = modulated_conv2d_compose, .flags = ORR_FUNCTIONAL, .torch = "",
    .samples = {
        "{ {2,2,3,3}, {3,2,2,2}, {2,2}, low = 0.3, high = 1 }",
        "{ {2,2,3,4}, {1,2,3,3}, {2,2}, demodulate = false, padding = 1, "
        "stride = 2 }",
        "{ {0,2,3,3}, {3,2,2,2}, {0,2} }",
        "{ {2,2,3,3}, {3,1,2,2}, {2,2}, error = 'modulated_conv2d: x is "
        "[2, 2, 3, 3] but weight is [3, 1, 2, 2]; match their second sizes' }",
        "{ {2,2,3,3}, {3,2,2,2}, {2,3}, error = 'modulated_conv2d: style is "
        "[2, 3] but x is [2, 2, 3, 3]; give [2, 2]' }",
        "{ {1,2,1,3}, {3,2,2,2}, {1,2}, error = 'modulated_conv2d: x is "
        "[1, 2, 1, 3] with padding 0, smaller than the kernel of weight "
        "[3, 2, 2, 2]; pad more' }"});

// ------------------------------------------------------------ embedding

// y as it is, with gradients divided by how often y's row of w was asked for:
// gradients pass the difference from what is held fixed, which is 0.
static orr_tensor *by_frequency(orr_tensor *y, orr_tensor *w,
                                orr_tensor *flat) {
  const int64_t rows[] = {w->size[0]};
  orr_tensor *ones = orr_expand_to(orr_num(w, 1), 1, flat->size);
  orr_tensor *count = ORR(index_add, orr_keep(orr_zeros(w->dtype, 1, rows)),
                          flat, ones, .attr = {0});
  count = ORR(index_select, count, flat, .attr = {0});
  count = count ? ORR(unsqueeze, count, .attr = {1}) : NULL;
  orr_tensor *fixed = y ? orr_keep(orr_detach(y)) : NULL;
  return ORR(add, fixed, ORR(div, ORR(sub, y, fixed), count));
}

static orr_tensor *embedding_compose(orr_call *c) {
  orr_tensor *index = c->x[0], *w = c->x[1];
  char s[128];
  if (!orr_want_rank(c, 1, 2)) return NULL;
  if (index->rank >= ORR_MAX_RANK) {
    orr_fail(c, "index is %s; at most %d axes are possible",
             orr_shape_text(index, s, sizeof s), ORR_MAX_RANK - 1);
    return NULL;
  }
  // Looked at here for the sentence alone: index_select checks them again, also
  // when a recorded step is replayed.
  orr_kernel_begin();
  orr_tensor *packed = orr_keep(orr_contiguous(index));
  const int64_t *position = packed ? ORR_I64P(packed) : NULL;
  orr_kernel_end();
  for (int64_t i = 0; packed && i < packed->count; i++) {
    const int64_t at = position[i];
    if (at >= 1 && at <= w->size[0]) continue;
    orr_fail(c,
             "index holds %lld at element %lld but weight has rows 1 to "
             "%lld",
             (long long)at, (long long)i + 1, (long long)w->size[0]);
    return NULL;
  }
  const double rows_of_weight = (double)w->size[0];
  double padding = c->attr[0];
  if (padding < 0) padding += rows_of_weight + 1;
  if (padding < 0 || padding > rows_of_weight || padding != floor(padding)) {
    orr_fail(c, "padding_idx is %g but weight has rows 1 to %.0f", c->attr[0],
             rows_of_weight);
    return NULL;
  }
  const int64_t count[] = {index->count};
  int64_t size[ORR_MAX_RANK];
  for (int a = 0; a < index->rank; a++) size[a] = index->size[a];
  size[index->rank] = w->size[1];
  orr_tensor *flat = orr_reshape_to(index, 1, count);
  orr_tensor *rows = ORR(index_select, w, flat, .attr = {0});
  if (flat && c->attr[1] != 0 && orr_dtype_is_float(w->dtype))
    rows = by_frequency(rows, w, flat);
  orr_tensor *y = orr_reshape_to(rows, index->rank + 1, size);
  if (!y || padding == 0) return y;
  orr_tensor *fixed = ORR(eq, index, orr_num(index, padding));
  fixed = fixed ? ORR(unsqueeze, fixed, .attr = {index->rank}) : NULL;
  return ORR(where, fixed, orr_keep(orr_detach(y)), y);
}

ORR_DEFINE_OP(
    embedding,
    .doc = "Rows of weight [V, D] at the positions of index [...], from 1: "
           "[..., D].",
    .params = {{"index", .want = ORR_WANT_INT, .doc = "rows, from 1"},
               {"weight", .want = ORR_WANT_ANY},
               {"padding_idx", ORR_INT,
                .doc = "the row that gets no gradient; 0: there is none"},
               {"scale_grad_by_freq", ORR_BOOL,
                .doc = "a row's gradient is divided by how often it is "
                       "looked up"}},
    .compose = embedding_compose, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {5}, {4,3}, ints = { index = {1,4} } }",
                "{ {2,3}, {4,2}, ints = { index = {1,4} } }",
                "{ {}, {4,2}, ints = { index = {1,4} } }",
                "{ {0,2}, {4,3}, ints = { index = {1,4} } }",
                "{ {5}, {4,3}, padding_idx = -1, ints = { index = {1,4} }, "
                "nograd = true, reason = 'a row is held fixed' }",
                "{ {5}, {4,3}, scale_grad_by_freq = true, ints = { index = "
                "{1,4} }, nograd = true, reason = 'gradients are scaled' }",
                "{ {2}, {4,3}, padding_idx = 5, ints = { index = {1,4} }, error "
                "= 'embedding: padding_idx is 5 but weight has rows 1 to 4' }",
                "{ {2}, {4,3}, ints = { index = {5,5} }, error = 'embedding: "
                "index holds 5 at element 1 but weight has rows 1 to 4' }",
                "{ {2}, {4}, ints = { index = {1,4} }, error = 'embedding: "
                "weight is [4] but must have 2 axes; use :view or "
                ":unsqueeze' }"});
