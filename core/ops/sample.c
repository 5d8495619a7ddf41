// sample.c -- images read between their pixels: by a regular grid of another
// size (interpolate) or at any positions (grid_sample).
#include <math.h>

#include "window.h"

static orr_tensor *times(orr_tensor *a, orr_tensor *b) {
  return a && b ? ORR(mul, a, b) : NULL;
}
static orr_tensor *plus(orr_tensor *a, orr_tensor *b) {
  return a && b ? ORR(add, a, b) : NULL;
}
static orr_tensor *minus(orr_tensor *a, orr_tensor *b) {
  return a && b ? ORR(sub, a, b) : NULL;
}

// ------------------------------------------------------------ interpolate

enum { SIZE = 0, SCALE = 2, MODE = 4, ALIGN = 5 };
enum { NEAREST, BILINEAR, BICUBIC, AREA, NEAREST_EXACT, LINEAR };

// Where position i of the result lies among n old ones: the factor is new to
// old size, or the one given.
static double source(int64_t i, int64_t n, int64_t m, double factor,
                     bool align) {
  if (align) return m > 1 ? (double)i * (double)(n - 1) / (double)(m - 1) : 0;
  const double step = factor > 0 ? 1 / factor : (double)n / (double)m;
  return ((double)i + 0.5) * step - 0.5;
}

static orr_tensor *take(orr_tensor *x, int axis, int64_t m, const int64_t *at) {
  orr_tensor *index = orr_keep(orr_from_data(ORR_I64, 1, &m, at));
  return index && x ? ORR(index_select, x, index, .attr = {axis}) : NULL;
}

// offset 0 takes the pixel that holds a new one's upper left corner, 1/2 the
// one that holds its centre.
static orr_tensor *resize_nearest(orr_tensor *x, int axis, int64_t m,
                                  double factor, double offset, int64_t *low) {
  const int64_t n = x->size[axis];
  const double step = factor > 0 ? 1 / factor : (double)n / (double)m;
  for (int64_t i = 0; i < m; i++) {
    const int64_t at = (int64_t)floor(((double)i + offset) * step);
    low[i] = 1 + (at < n ? at : n - 1);
  }
  return take(x, axis, m, low);
}

// x[low] (1 - w) + x[high] w along one axis.
static orr_tensor *resize_linear(orr_tensor *x, int axis, int64_t m,
                                 double factor, bool align, int64_t *low,
                                 int64_t *high, double *w) {
  const int64_t n = x->size[axis];
  for (int64_t i = 0; i < m; i++) {
    double at = source(i, n, m, factor, align);
    if (at < 0) at = 0;
    if (at > (double)(n - 1)) at = (double)(n - 1);
    low[i] = 1 + (int64_t)at;
    high[i] = low[i] < n ? low[i] + 1 : n;
    w[i] = at - floor(at);
  }
  int64_t beside[] = {1, 1, 1, 1};
  beside[axis] = m;
  orr_tensor *weight = orr_keep(orr_from_data(ORR_F64, 4, beside, w));
  weight = orr_cast(weight, x->dtype);
  orr_tensor *a = take(x, axis, m, low), *b = take(x, axis, m, high);
  return plus(a, times(weight, minus(b, a)));
}

// Keys' cubic convolution with a = -3/4 (IEEE ASSP 29, 1981): the weights of
// the pixels one before, at, and one and two after position t of 0 .. 1.
static void cubic_weights(double t, double *w) {
  const double a = -0.75;
  for (int k = 0; k < 4; k++) {
    const double d = fabs(t + 1 - k);
    w[k] = d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1
                  : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  }
}

// The matrix [m, n] that takes rows of n to m by weights on four neighbours;
// beyond an edge the edge is repeated.
static orr_tensor *resize_cubic(orr_tensor *x, int axis, int64_t m,
                                double factor, bool align) {
  const int64_t n = x->size[axis];
  orr_tensor *matrix = orr_keep(orr_zeros(ORR_F64, 2, (int64_t[]){m, n}));
  if (!matrix) return NULL;
  for (int64_t i = 0; i < m; i++) {
    const double at = source(i, n, m, factor, align);
    const int64_t first = (int64_t)floor(at) - 1;
    double w[4];
    cubic_weights(at - floor(at), w);
    for (int k = 0; k < 4; k++) {
      const int64_t p = first + k;
      ORR_F64P(matrix)[i * n + (p < 0 ? 0 : p >= n ? n - 1 : p)] += w[k];
    }
  }
  matrix = orr_cast(matrix, x->dtype);
  return axis == 2 ? ORR(matmul, matrix, x)
                   : ORR(matmul, x, orr_transpose_last(matrix));
}

static orr_tensor *resize(orr_tensor *x, int axis, int64_t m, double factor,
                          const double *attr) {
  const int mode = (int)attr[MODE];
  // With another factor than new to old size the pixels move all the same.
  if (!x || (x->size[axis] == m && (factor == 0 || factor == 1))) return x;
  if (mode == BICUBIC)
    return resize_cubic(x, axis, m, factor, attr[ALIGN] != 0);
  const size_t bytes = (size_t)m * sizeof(int64_t);
  int64_t *low = orr_alloc(bytes), *high = low ? orr_alloc(bytes) : NULL;
  double *w = high ? orr_alloc(bytes) : NULL;
  orr_tensor *y = NULL;
  if (w)
    y = mode != BILINEAR
        ? resize_nearest(x, axis, m, factor, mode == NEAREST ? 0 : 0.5, low)
        : resize_linear(x, axis, m, factor, attr[ALIGN] != 0, low, high, w);
  orr_free(w, w ? bytes : 0);
  orr_free(high, high ? bytes : 0);
  orr_free(low, low ? bytes : 0);
  return y;
}

// `size` or `scale_factor`, one of them: both become the result's sizes.
static bool want_result(orr_call *c, int64_t *to) {
  const double *size = c->attr + SIZE, *scale = c->attr + SCALE;
  const int64_t *x = c->x[0]->size + 2;
  char text[128];
  const bool by_size = size[0] != 0 || size[1] != 0;
  const bool by_scale = scale[0] != 0 || scale[1] != 0;
  if (by_size == by_scale)
    return orr_fail(c, "%s given; give one of them",
                    by_size ? "size and scale_factor are both"
                            : "neither size nor scale_factor is");
  if (by_size && !orr_want_pair(c, SIZE, "size", 1)) return false;
  if (by_scale && !(scale[0] > 0 && scale[1] > 0))
    return orr_fail(c, "scale_factor is {%g, %g}; both must be > 0", scale[0],
                    scale[1]);
  for (int a = 0; a < 2; a++) {
    const double m = by_size ? size[a] : floor((double)x[a] * scale[a]);
    if (x[a] < 1 || m < 1 || m > 2147483647.0)
      return orr_fail(c,
                      "x is %s: %.0f %s cannot become %.0f; give larger "
                      "images or another size",
                      orr_shape_text(c->x[0], text, sizeof text), (double)x[a],
                      a ? "columns" : "rows", m);
    to[a] = (int64_t)m;
  }
  return true;
}

// A sequence [N, C, L] is an image of one row.
static orr_tensor *interpolate_row(orr_call *c) {
  const double *a = c->attr;
  const int mode = (int)a[MODE];
  char text[128];
  if (mode == BILINEAR || mode == BICUBIC) {
    orr_fail(c, "x is %s but mode %s is for images; use linear",
             orr_shape_text(c->x[0], text, sizeof text),
             mode == BILINEAR ? "bilinear" : "bicubic");
    return NULL;
  }
  if (a[SIZE] != a[SIZE + 1] || a[SCALE] != a[SCALE + 1]) {
    orr_fail(c, "x is %s but two sizes are given; give one number",
             orr_shape_text(c->x[0], text, sizeof text));
    return NULL;
  }
  orr_tensor *row = ORR(unsqueeze, c->x[0], .attr = {2});
  orr_tensor *y = ORR(interpolate, row,
                      .attr = {a[SIZE] != 0, a[SIZE], a[SCALE] != 0, a[SCALE],
                               mode == LINEAR ? BILINEAR : mode, a[ALIGN]});
  return y ? ORR(squeeze, y, .attr = {1, 2}) : NULL;
}

static orr_tensor *interpolate_compose(orr_call *c) {
  const double *a = c->attr;
  orr_tensor *x = c->x[0];
  int64_t to[2];
  if (x->rank == 3) return interpolate_row(c);
  if (!orr_want_images(c, 0) || !want_result(c, to)) return NULL;
  if ((int)a[MODE] == LINEAR) {
    orr_fail(c, "mode linear is for sequences [N, C, L]; use bilinear");
    return NULL;
  }
  if (a[ALIGN] != 0 && (int)a[MODE] != BILINEAR && (int)a[MODE] != BICUBIC) {
    orr_fail(c,
             "align_corners is for modes linear, bilinear and bicubic; leave "
             "it out");
    return NULL;
  }
  const int64_t h = to[0] / x->size[2], w = to[1] / x->size[3];
  const bool whole = h * x->size[2] == to[0] && w * x->size[3] == to[1] &&
      (a[SCALE] == 0 || (a[SCALE] == (double)h && a[SCALE + 1] == (double)w));
  const bool nearest = (int)a[MODE] == NEAREST || (int)a[MODE] == NEAREST_EXACT;
  if (!nearest && !orr_dtype_is_float(x->dtype)) {
    orr_fail(c, "x is %s, which only the nearest modes take; use x:float()",
             orr_dtype_name(x->dtype));
    return NULL;
  }
  if ((int)a[MODE] == AREA)
    return ORR(adaptive_avg_pool2d, x, .attr = {(double)to[0], (double)to[1]});
  if (whole && nearest)  // the kernel for repeated pixels
    return ORR(upsample_nearest2d, x, .attr = {(double)h, (double)w});
  return resize(resize(x, 2, to[0], a[SCALE], a), 3, to[1], a[SCALE + 1], a);
}

ORR_DEFINE_OP(
    interpolate,
    .doc = "The images x [N, C, H, W] at another size: the nearest pixel to "
           "the left and above (or, exact, to the centre), bilinear between "
           "four, bicubic between sixteen, or the mean over an area. "
           "align_corners puts the corner pixels' centres, not their edges, "
           "onto each other. Sequences [N, C, L] likewise: nearest, linear, "
           "area or nearest-exact.",
    .params = {{"x", .want = ORR_WANT_ANY},
               {"size", ORR_PAIR, .doc = "H and W, or L, wanted"},
               {"scale_factor", ORR_PAIR, .doc = "instead of size: factors"},
               {"mode", ORR_CHOICE,
                .choices = "nearest|bilinear|bicubic|area|nearest-exact|linear",
                .doc = "what a new pixel becomes"},
               {"align_corners", ORR_BOOL,
                .doc = "in modes linear, bilinear and bicubic"}},
    .compose = interpolate_compose, .flags = ORR_FUNCTIONAL,
    .samples = {
        "{ {2,2,3,2}, scale_factor = 2 }", "{ {1,2,2,3}, size = {4,9} }",
        "{ {1,2,3,5}, size = {4,2} }", "{ {0,2,2,3}, size = {4,9} }",
        "{ {1,2,3,4}, size = {5,3}, mode = 'bilinear' }",
        "{ {1,2,3,4}, size = {5,7}, mode = 'bilinear', align_corners = true }",
        "{ {2,1,3,2}, scale_factor = {1.5,2}, mode = 'bilinear' }",
        "{ {1,1,1,3}, size = {3,1}, mode = 'bilinear', align_corners = true }",
        "{ {0,2,2,3}, size = 3, mode = 'bilinear' }",
        "{ {1,2,3,4}, size = {5,3}, mode = 'bicubic' }",
        "{ {1,2,3,4}, size = {5,7}, mode = 'bicubic', align_corners = true }",
        "{ {2,1,3,2}, scale_factor = {1.5,2}, mode = 'bicubic' }",
        "{ {1,2,5,4}, size = {2,3}, mode = 'area' }",
        "{ {1,2,5,4}, size = {2,7}, mode = 'nearest-exact' }",
        "{ {1,2,5}, size = 8, mode = 'linear' }",
        "{ {2,2,3}, scale_factor = 1.5, mode = 'linear', align_corners = true "
        "}",
        "{ {1,2,5}, size = 3 }", "{ {1,2,5}, size = 3, mode = 'area' }",
        "{ {1,2,5}, size = 3, mode = 'bicubic', error = 'interpolate: x is [1, "
        "2, 5] but mode bicubic is for images; use linear' }",
        "{ {1,2,5}, size = {3,4}, error = 'interpolate: x is [1, 2, 5] but two "
        "sizes are given; give one number' }",
        "{ {1,1,2,2}, size = 3, mode = 'linear', error = 'interpolate: mode "
        "linear is for sequences [N, C, L]; use bilinear' }",
        "{ {1,2,3,4}, size = {5,7}, ints = { x = {0,9} } }",
        "{ {1,2,3,4}, size = 5, mode = 'bilinear', ints = { x = {0,9} }, error "
        "= 'interpolate: x is int64, which only the nearest modes take; use "
        "x:float()' }",
        "{ {1,1,2,2}, error = 'interpolate: neither size nor scale_factor is "
        "given; give one of them' }",
        "{ {1,1,2,2}, scale_factor = -1, error = 'interpolate: scale_factor is "
        "{-1, -1}; both must be > 0' }",
        "{ {1,1,2,2}, scale_factor = 0.25, error = 'interpolate: x is "
        "[1, 1, 2, 2]: 2 rows cannot become 0; give larger images or another "
        "size' }",
        "{ {1,1,2,2}, size = 3, align_corners = true, error = 'interpolate: "
        "align_corners is for modes linear, bilinear and bicubic; leave it "
        "out' }"});

// ------------------------------------------------------------ affine_grid

static orr_tensor *affine_grid_compose(orr_call *c) {
  orr_tensor *theta = c->x[0];
  const double *size = c->attr + 1;
  const bool align = c->attr[1 + ORR_MAX_RANK] != 0;
  char s[128];
  if (theta->rank != 3 || theta->size[1] != 2 || theta->size[2] != 3) {
    orr_fail(c,
             "theta is %s but must be [N, 2, 3]; give one matrix for each "
             "image",
             orr_shape_text(theta, s, sizeof s));
    return NULL;
  }
  const bool four = (int)c->attr[0] == 4 && size[0] == (double)theta->size[0];
  if (!four || size[2] < 1 || size[3] < 1 || size[2] * size[3] > 2147483647.0) {
    orr_fail(c,
             "theta is %s, so size must be {%lld, C, H, W} with H and W "
             ">= 1; give the images' sizes",
             orr_shape_text(theta, s, sizeof s), (long long)theta->size[0]);
    return NULL;
  }
  const int64_t h = (int64_t)size[2], w = (int64_t)size[3];
  const int64_t flat[] = {h * w, 3}, to[] = {theta->size[0], h, w, 2};
  orr_tensor *base = orr_keep(orr_empty(ORR_F64, 2, flat));
  if (!base) return NULL;
  double *p = ORR_F64P(base);
  for (int64_t i = 0; i < h * w; i++) {
    const double y = (double)(i / w), x = (double)(i % w);
    if (align) {
      p[3 * i] = w > 1 ? 2 * x / (double)(w - 1) - 1 : 0;
      p[3 * i + 1] = h > 1 ? 2 * y / (double)(h - 1) - 1 : 0;
    } else {
      p[3 * i] = (2 * x + 1) / (double)w - 1;
      p[3 * i + 1] = (2 * y + 1) / (double)h - 1;
    }
    p[3 * i + 2] = 1;
  }
  orr_tensor *grid =
      ORR(matmul, orr_cast(base, theta->dtype), orr_transpose_last(theta));
  return orr_reshape_to(grid, 4, to);
}

ORR_DEFINE_OP(
    affine_grid,
    .doc = "Positions for grid_sample: theta [N, 2, 3] applied to the pixels' "
           "(x, y, 1), which run from -1 to 1: [N, H, W, 2].",
    .params = {{"theta"},
               {"size", ORR_SIZES, .required = true,
                .doc = "of the images: {N, C, H, W}"},
               {"align_corners", ORR_BOOL,
                .doc = "-1 and 1 are the corner pixels' centres, not edges"}},
    .compose = affine_grid_compose, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {2,2,3}, size = {2,1,3,2} }",
                "{ {1,2,3}, size = {1,3,1,4}, align_corners = true }",
                "{ {0,2,3}, size = {0,1,2,2} }",
                "{ {2,3}, size = {1,1,2,2}, error = 'affine_grid: theta is "
                "[2, 3] but must be [N, 2, 3]; give one matrix for each "
                "image' }",
                "{ {2,2,3}, size = {1,1,2,2}, error = 'affine_grid: theta is "
                "[2, 2, 3], so size must be {2, C, H, W} with H and W >= 1; "
                "give the images\\' sizes' }"});

// ------------------------------------------------------------ grid_sample

enum { G_MODE, G_PADDING, G_ALIGN };
enum { ZEROS, BORDER, REFLECTION };

// Positions -1 .. 1 as pixel numbers from 0, brought inside by the padding.
static orr_tensor *pixel(orr_tensor *at, int64_t n, const double *attr) {
  if (!at) return NULL;
  const bool align = attr[G_ALIGN] != 0;
  const double half = (align ? (double)(n - 1) : (double)n) / 2;
  at = plus(times(at, orr_num(at, half)),
            orr_num(at, align ? half : half - 0.5));
  if ((int)attr[G_PADDING] == REFLECTION) {
    // A zigzag of period 2 span: span - |mod(|t|, 2 span) - span|.
    const double low = align ? 0 : -0.5, span = 2 * half;
    if (span == 0) return times(at, orr_num(at, 0));
    orr_tensor *t = ORR(abs, minus(at, orr_num(at, low)));
    t = ORR(remainder, t, orr_num(at, 2 * span));
    t = ORR(abs, minus(t, orr_num(at, span)));
    at = minus(orr_num(at, span + low), t);
  }
  if (!at || (int)attr[G_PADDING] == ZEROS) return at;
  return ORR(clamp, at, .attr = {0, (double)(n - 1)});
}

// Values of the flat images at pixel numbers (x, y), times a weight, which is
// dropped outside. NaN counts as outside.
static orr_tensor *corner(orr_tensor *flat, orr_tensor *x, orr_tensor *y,
                          int64_t h, int64_t w, orr_tensor *weight) {
  if (!flat || !x || !y || !weight) return NULL;
  orr_tensor *cx = ORR(clamp, x, .attr = {0, (double)(w - 1)});
  orr_tensor *cy = ORR(clamp, y, .attr = {0, (double)(h - 1)});
  if (!cx || !cy) return NULL;
  orr_tensor *inside = ORR(logical_and, ORR(eq, cx, x), ORR(eq, cy, y));
  orr_tensor *zero = orr_num(x, 0);
  orr_tensor *column = orr_cast(ORR(where, inside, cx, zero), ORR_I64);
  orr_tensor *row = orr_cast(ORR(where, inside, cy, zero), ORR_I64);
  if (!column || !row) return NULL;
  orr_tensor *index =
      plus(times(row, orr_num(row, (double)w)), plus(column, orr_num(row, 1)));
  const int64_t size[] = {flat->size[0], flat->size[1], x->size[2]};
  orr_tensor *value =
      ORR(gather, flat, orr_expand_to(index, 3, size), .attr = {2});
  return times(value, ORR(where, inside, weight, zero));
}

static orr_tensor *bilinear(orr_tensor *flat, orr_tensor *x, orr_tensor *y,
                            int64_t h, int64_t w) {
  orr_tensor *x0 = ORR(floor, x), *y0 = ORR(floor, y);
  if (!x0 || !y0) return NULL;
  orr_tensor *one = orr_num(x, 1);
  orr_tensor *x1 = plus(x0, one), *y1 = plus(y0, one);
  orr_tensor *right = minus(x, x0), *down = minus(y, y0);
  orr_tensor *left = minus(one, right), *up = minus(one, down);
  return plus(plus(corner(flat, x0, y0, h, w, times(left, up)),
                   corner(flat, x1, y0, h, w, times(right, up))),
              plus(corner(flat, x0, y1, h, w, times(left, down)),
                   corner(flat, x1, y1, h, w, times(right, down))));
}

static bool want_grid(orr_call *c) {
  const orr_tensor *x = c->x[0], *grid = c->x[1];
  char s[128], t[128];
  if (!orr_want_images(c, 0)) return false;
  if (grid->rank != 4 || grid->size[0] != x->size[0] || grid->size[3] != 2)
    return orr_fail(c, "grid is %s but x is %s; give [%lld, H, W, 2]",
                    orr_shape_text(grid, s, sizeof s),
                    orr_shape_text(x, t, sizeof t), (long long)x->size[0]);
  if (x->size[2] > 0 && x->size[3] > 0) return true;
  return orr_fail(c, "x is %s: there are no pixels; give larger images",
                  orr_shape_text(x, s, sizeof s));
}

static orr_tensor *grid_sample_compose(orr_call *c) {
  if (!want_grid(c)) return NULL;
  const orr_tensor *g = c->x[1];
  const int64_t *n = c->x[0]->size, points = g->size[1] * g->size[2];
  const int64_t list[] = {n[0], 1, points};
  const int64_t pixels[] = {n[0], n[1], n[2] * n[3]};
  const int64_t to[] = {n[0], n[1], g->size[1], g->size[2]};
  orr_tensor *flat = orr_reshape_to(c->x[0], 3, pixels);
  orr_tensor *at[2];
  for (int i = 0; i < 2; i++) {
    at[i] = ORR(select, c->x[1], .attr = {3, (double)i});
    at[i] = pixel(orr_reshape_to(at[i], 3, list), n[3 - i], c->attr);
    if (at[i] && (int)c->attr[G_MODE] != 0) at[i] = ORR(round, at[i]);
  }
  if (!at[0] || !at[1]) return NULL;
  orr_tensor *y = (int)c->attr[G_MODE] == 0
      ? bilinear(flat, at[0], at[1], n[2], n[3])
      : corner(flat, at[0], at[1], n[2], n[3], orr_num(flat, 1));
  return orr_reshape_to(y, 4, to);
}

ORR_DEFINE_OP(
    grid_sample,
    .doc = "x [N, C, H, W] read at the positions (x, y) of grid "
           "[N, OH, OW, 2], where -1 and 1 are the images' edges: "
           "[N, C, OH, OW] (Jaderberg et al. 2015). Outside are zeros, the "
           "border's pixels, or mirror images.",
    .params = {{"x"},
               {"grid"},
               {"mode", ORR_CHOICE, .choices = "bilinear|nearest",
                .doc = "how it lies between pixels"},
               {"padding_mode", ORR_CHOICE,
                .choices = "zeros|border|reflection",
                .doc = "what is outside of x"},
               {"align_corners", ORR_BOOL,
                .doc = "-1 and 1 are the corner pixels' centres, not edges"}},
    .compose = grid_sample_compose, .flags = ORR_FUNCTIONAL,
    .samples = {
        "{ {2,2,3,4}, {2,2,3,2}, low = -0.9, high = 0.9 }",
        "{ {1,2,3,4}, {1,3,3,2}, low = -1.8, high = 1.8 }",
        "{ {1,2,4,3}, {1,2,3,2}, align_corners = true }",
        "{ {1,1,3,4}, {1,3,3,2}, padding_mode = 'border', low = -2, "
        "high = 2 }",
        "{ {1,1,3,4}, {1,3,3,2}, padding_mode = 'reflection', low = -3, "
        "high = 3 }",
        "{ {1,1,3,4}, {1,3,3,2}, padding_mode = 'reflection', "
        "align_corners = true, low = -3, high = 3 }",
        "{ {1,2,3,4}, {1,2,2,2}, mode = 'nearest' }",
        "{ {0,2,3,3}, {0,2,2,2} }",
        "{ {1,2,3,3}, {2,2,2,2}, error = 'grid_sample: grid is [2, 2, 2, 2] "
        "but x is [1, 2, 3, 3]; give [1, H, W, 2]' }",
        "{ {1,2,0,3}, {1,2,2,2}, error = 'grid_sample: x is [1, 2, 0, 3]: "
        "there are no pixels; give larger images' }"});
