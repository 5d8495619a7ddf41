// windows.c -- windows of images as columns and back, and pools whose windows
// follow from the size wanted. Made of narrowed views, one axis at a time.
#include "window.h"

// Parts joined along a new axis; `part` belongs to the caller.
static orr_tensor *stacked(orr_tensor **part, int64_t n, int axis) {
  const orr_args args = {.list = part, .n = (int)n, .attr = {axis}};
  for (int64_t i = 0; i < n; i++)
    if (!part[i]) return NULL;
  return orr_keep(orr_apply(&orr_op_stack, &args));
}

// ------------------------------------------------------------ unfold, fold

enum { KERNEL = 0, DILATION = 2, PADDING = 4, STRIDE = 6 };

// One axis: n positions, a window of k taps `step` apart and how it moves.
typedef struct {
  int64_t n, k, dilation, padding, stride, out;
} sweep;

static bool read_sweep(orr_call *c, const double *a, int64_t n, int axis,
                       sweep *s) {
  *s = (sweep){.n = n + 2 * (int64_t)a[PADDING + axis],
               .k = (int64_t)a[KERNEL + axis],
               .dilation = (int64_t)a[DILATION + axis],
               .padding = (int64_t)a[PADDING + axis],
               .stride = (int64_t)a[STRIDE + axis]};
  const double room = (double)s->n - (double)s->dilation * (double)(s->k - 1);
  s->out = room < 1 ? 0 : ((int64_t)room - 1) / s->stride + 1;
  if (s->out > 0) return true;
  return orr_fail(c,
                  "%s of %lld with padding %g are fewer than the window's "
                  "%.0f; use a smaller kernel_size",
                  axis ? "columns" : "rows", (long long)n, a[PADDING + axis],
                  (double)s->dilation * (double)(s->k - 1) + 1);
}

static bool want_windows(orr_call *c, int at) {
  return orr_want_pair(c, at + KERNEL, "kernel_size", 1) &&
      orr_want_pair(c, at + DILATION, "dilation", 1) &&
      orr_want_pair(c, at + PADDING, "padding", 0) &&
      orr_want_pair(c, at + STRIDE, "stride", 1);
}

// What each tap of the window sees along `axis`, along a new axis before it.
static orr_tensor *taps(orr_tensor *x, int axis, const sweep *s) {
  const size_t bytes = (size_t)s->k * sizeof(orr_tensor *);
  orr_tensor **part = x ? orr_alloc(bytes) : NULL;
  if (!part) return NULL;
  for (int64_t i = 0; i < s->k; i++)
    part[i] = ORR(narrow, x,
                  .attr = {axis, (double)(i * s->dilation), (double)s->out,
                           (double)s->stride});
  orr_tensor *y = stacked(part, s->k, axis);
  orr_free(part, bytes);
  return y;
}

// The transpose of taps.
static orr_tensor *untaps(orr_tensor *y, int axis, const sweep *s) {
  orr_tensor *x = NULL;
  for (int64_t i = 0; y && i < s->k; i++) {
    orr_tensor *tap = ORR(select, y, .attr = {axis, (double)i});
    tap = ORR(narrow_dx, tap,
              .attr = {axis, (double)(i * s->dilation), (double)s->stride,
                       (double)s->n});
    x = i ? ORR(add, x, tap) : tap;
    if (!x) return NULL;
  }
  return x;
}

static orr_tensor *unfold_compose(orr_call *c) {
  sweep rows, columns;
  orr_tensor *x = c->x[0];
  if (!orr_want_images(c, 0) || !want_windows(c, 0) ||
      !read_sweep(c, c->attr, x->size[2], 0, &rows) ||
      !read_sweep(c, c->attr, x->size[3], 1, &columns))
    return NULL;
  const double ph = (double)rows.padding, pw = (double)columns.padding;
  const int64_t size[] = {x->size[0], x->size[1] * rows.k * columns.k,
                          rows.out * columns.out};
  if (ph > 0 || pw > 0) x = ORR(pad, x, .attr = {4, pw, pw, ph, ph});
  // [N, C, kh, OH, W], then [N, C, kh, OH, kw, OW].
  orr_tensor *y = taps(taps(x, 2, &rows), 4, &columns);
  if (!y) return NULL;
  y = ORR(transpose, y, .attr = {3, 4});
  return orr_reshape_to(y, 3, size);
}

#define WINDOW_PARAMS                                                      \
  {"kernel_size", ORR_PAIR, .required = true, .doc = "of the window"},     \
      {"dilation", ORR_PAIR, .def = 1, .doc = "distance of its elements"}, \
      {"padding", ORR_PAIR, .doc = "zeros around the image"}, {            \
    "stride", ORR_PAIR, .def = 1, .doc = "step of the window"              \
  }

ORR_DEFINE_OP(
    unfold,
    .doc = "Windows of x [N, C, H, W] as columns: [N, C kh kw, L], the L "
           "positions in row-major order (im2col). "
           "N may be left out.",
    .params = {{"x"}, WINDOW_PARAMS}, .compose = unfold_compose,
    .batched = 4, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {2,2,3,4}, kernel_size = 2 }",
                "{ {1,2,4,5}, kernel_size = {3,2}, dilation = {1,2}, "
                "padding = {1,0}, stride = {2,1} }",
                "{ {0,2,3,3}, kernel_size = 2 }",
                "{ {2,3,4}, kernel_size = 2 }",
                "{ {3,4}, kernel_size = 2, error = 'unfold: x is [3, 4] "
                "but must be [N, C, H, W]; use :view or :unsqueeze' }",
                "{ {1,1,2,4}, kernel_size = 3, error = 'unfold: rows of 2 with "
                "padding 0 are fewer than the window\\'s 3; use a smaller "
                "kernel_size' }",
                "{ {1,1,2,4}, kernel_size = 0, error = 'unfold: kernel_size is "
                "{0, 0}; both must be integers >= 1' }"});

static orr_tensor *fold_compose(orr_call *c) {
  sweep rows, columns;
  orr_tensor *x = c->x[0];
  char text[128];
  if (!orr_want_rank(c, 0, 3) || !orr_want_pair(c, 0, "output_size", 1) ||
      !want_windows(c, 2) ||
      !read_sweep(c, c->attr + 2, (int64_t)c->attr[0], 0, &rows) ||
      !read_sweep(c, c->attr + 2, (int64_t)c->attr[1], 1, &columns))
    return NULL;
  const int64_t window = rows.k * columns.k;
  if (x->size[1] % window || x->size[2] != rows.out * columns.out) {
    orr_fail(c,
             "x is %s but [N, a multiple of %lld, %lld] is wanted; match "
             "output_size and the window",
             orr_shape_text(x, text, sizeof text), (long long)window,
             (long long)(rows.out * columns.out));
    return NULL;
  }
  const int64_t size[] = {x->size[0], x->size[1] / window, rows.k, columns.k,
                          rows.out,   columns.out};
  orr_tensor *y = orr_reshape_to(x, 6, size);
  if (!y) return NULL;
  y = untaps(ORR(transpose, y, .attr = {3, 4}), 4, &columns);
  y = untaps(y, 2, &rows);
  const double ph = (double)rows.padding, pw = (double)columns.padding;
  if (!y || (ph == 0 && pw == 0)) return y;
  return ORR(pad, y, .attr = {4, -pw, -pw, -ph, -ph});
}

ORR_DEFINE_OP(
    fold,
    .doc = "Sums columns [N, C kh kw, L] as unfold makes them into images "
           "[N, C, output_size]: its transpose (col2im). "
           "N may be left out.",
    .params = {{"x"},
               {"output_size", ORR_PAIR, .required = true,
                .doc = "H and W of the images"},
               WINDOW_PARAMS},
    .compose = fold_compose, .batched = 3, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {2,8,6}, output_size = {3,4}, kernel_size = 2 }",
                "{ {1,12,6}, output_size = {4,5}, kernel_size = {3,2}, "
                "dilation = {1,2}, padding = {1,0}, stride = {2,1} }",
                "{ {0,8,4}, output_size = 3, kernel_size = 2 }",
                "{ {8,4}, output_size = 3, kernel_size = 2 }",
                "{ {8}, output_size = 3, kernel_size = 2, error = 'fold: x "
                "is [8] but must have 3 axes; use :view or :unsqueeze' }",
                "{ {2,8,5}, output_size = 3, kernel_size = 2, error = 'fold: x "
                "is [2, 8, 5] but [N, a multiple of 4, 4] is wanted; match "
                "output_size and the window' }"});

// ------------------------------------------------------------ adaptive pools

// One axis of windows: the i-th of m holds floor(i n / m) to
// ceil((i + 1) n / m) - 1. Windows are boxes, so axes go one after the other,
// the last first: that keeps the first of equal maxima in row-major order.
static orr_tensor *adapt(orr_tensor *x, int axis, int64_t m, bool max) {
  if (!x || x->size[axis] == m) return x;
  const int64_t n = x->size[axis];
  const size_t bytes = (size_t)m * sizeof(orr_tensor *);
  orr_tensor **part = orr_alloc(bytes);
  if (!part) return NULL;
  for (int64_t i = 0; i < m; i++) {
    const int64_t from = i * n / m, to = ((i + 1) * n + m - 1) / m;
    orr_tensor *box =
        ORR(narrow, x, .attr = {axis, (double)from, (double)(to - from), 1});
    part[i] = !box ? NULL
        : max      ? ORR(max, box, .attr = {axis})
                   : ORR(mean, box, .attr = {1, axis});
    if (!part[i]) break;
  }
  orr_tensor *y = stacked(part, m, axis);
  orr_free(part, bytes);
  return y;
}

static bool want_adaptive(orr_call *c, bool images) {
  const orr_tensor *x = c->x[0];
  char text[128];
  if (x->rank != (images ? 4 : 3))
    return orr_fail(c, "x is %s but must be %s; use :view or :unsqueeze",
                    orr_shape_text(x, text, sizeof text),
                    images ? "[N, C, H, W]" : "[N, C, L]");
  if (images ? !orr_want_pair(c, 0, "output_size", 1)
             : !orr_want_int(c, 0, "output_size", 1))
    return false;
  for (int a = 0; a < (images ? 2 : 1); a++) {
    if (x->size[2 + a] < 1)
      return orr_fail(c, "x is %s: nothing to pool; give larger inputs",
                      orr_shape_text(x, text, sizeof text));
    if (c->attr[a] > 65536)
      return orr_fail(c, "output_size is %g; at most 65536 is possible",
                      c->attr[a]);
  }
  return true;
}

static orr_tensor *adaptive(orr_call *c, bool images, bool max) {
  if (!want_adaptive(c, images)) return NULL;
  if (!images) return adapt(c->x[0], 2, (int64_t)c->attr[0], max);
  orr_tensor *y = adapt(c->x[0], 3, (int64_t)c->attr[1], max);
  return adapt(y, 2, (int64_t)c->attr[0], max);
}

static orr_tensor *adaptive_avg_pool1d_compose(orr_call *c) {
  return adaptive(c, false, false);
}
static orr_tensor *adaptive_max_pool1d_compose(orr_call *c) {
  return adaptive(c, false, true);
}
static orr_tensor *adaptive_avg_pool2d_compose(orr_call *c) {
  return adaptive(c, true, false);
}
static orr_tensor *adaptive_max_pool2d_compose(orr_call *c) {
  return adaptive(c, true, true);
}

#define IMAGE_SAMPLES(NAME)                                                  \
  "{ {2,2,5,4}, output_size = {2,3}, distinct = true }",                     \
      "{ {1,2,3,4}, output_size = 1, distinct = true }",                     \
      "{ {1,1,2,3}, output_size = {3,3}, distinct = true }",                 \
      "{ {0,2,4,4}, output_size = 2, distinct = true }",                     \
      "{ {2,4,4}, output_size = {3,2}, distinct = true }",                   \
      "{ {4,4}, output_size = 2, error = '" NAME ": x is [4, 4] but "        \
      "must be [N, C, H, W]; use :view or :unsqueeze' }",                    \
      "{ {1,2,0,4}, output_size = 2, error = '" NAME ": x is [1, 2, 0, 4]: " \
      "nothing to pool; give larger inputs' }",                              \
      "{ {1,1,4,4}, output_size = 0, error = '" NAME ": output_size is {0, " \
      "0}; both must be integers >= 1' }"
#define LINE_SAMPLES(NAME)                                                   \
  "{ {2,2,7}, output_size = 3, distinct = true }",                           \
      "{ {1,2,3}, output_size = 1, distinct = true }",                       \
      "{ {0,2,4}, output_size = 2, distinct = true }",                       \
      "{ {2,4}, output_size = 3, distinct = true }",                         \
      "{ {4}, output_size = 2, error = '" NAME ": x is [4] but must "        \
      "be [N, C, L]; use :view or :unsqueeze' }",                            \
      "{ {1,1,4}, output_size = 0, error = '" NAME ": output_size is 0; it " \
      "must be an integer >= 1' }"
#define IMAGE_PARAMS \
  {"x"}, { "output_size", ORR_PAIR, .required = true, .doc = "H and W wanted" }
#define LINE_PARAMS \
  {"x"}, { "output_size", ORR_INT, .required = true, .doc = "L wanted" }

ORR_DEFINE_OP(adaptive_avg_pool1d,
              .doc = "Means of x [N, C, L] over windows that give the size "
                     "wanted. "
                     "N may be left out.",
              .params = {LINE_PARAMS}, .compose = adaptive_avg_pool1d_compose,
              .batched = 3, .flags = ORR_FUNCTIONAL,
              .samples = {LINE_SAMPLES("adaptive_avg_pool1d")});

ORR_DEFINE_OP(adaptive_max_pool1d,
              .doc = "Largest elements of x [N, C, L] over windows that give "
                     "the size wanted. The first of equal ones gets the "
                     "gradient. "
                     "N may be left out.",
              .params = {LINE_PARAMS}, .compose = adaptive_max_pool1d_compose,
              .batched = 3, .flags = ORR_FUNCTIONAL,
              .samples = {LINE_SAMPLES("adaptive_max_pool1d")});

ORR_DEFINE_OP(adaptive_avg_pool2d,
              .doc = "Means of x [N, C, H, W] over windows that give the size "
                     "wanted. "
                     "N may be left out.",
              .params = {IMAGE_PARAMS}, .compose = adaptive_avg_pool2d_compose,
              .batched = 4, .flags = ORR_FUNCTIONAL,
              .samples = {IMAGE_SAMPLES("adaptive_avg_pool2d")});

ORR_DEFINE_OP(adaptive_max_pool2d,
              .doc = "Largest elements of x [N, C, H, W] over windows that "
                     "give the size wanted. The first of equal ones gets the "
                     "gradient. "
                     "N may be left out.",
              .params = {IMAGE_PARAMS}, .compose = adaptive_max_pool2d_compose,
              .batched = 4, .flags = ORR_FUNCTIONAL,
              .samples = {IMAGE_SAMPLES("adaptive_max_pool2d")});
