// layer_forms.c -- layers without parameters made of other ops: unpooling,
// power pooling, normalisation across channels, shuffled channels, and the
// product of two inputs with a weight.
#include <math.h>

#include "window.h"

// ---- max_unpool: kernel_size, stride, padding, output_size

// Of maxima that meet at a pixel the last stays.
static orr_tensor *unpooled(orr_call *c, int64_t h, int64_t w) {
  orr_tensor *x = c->x[0], *index = c->x[1];
  const int64_t planes = x->size[0] * x->size[1];
  const int64_t n = x->size[2] * x->size[3];
  const int64_t flat[] = {planes, n}, all[] = {planes, h * w};
  const int64_t to[] = {x->size[0], x->size[1], h, w};
  orr_tensor *zero = orr_keep(orr_zeros(x->dtype, 2, all));
  orr_tensor *y = ORR(scatter, zero, orr_reshape_to(index, 2, flat),
                      orr_reshape_to(x, 2, flat), .attr = {1});
  return orr_reshape_to(y, 4, to);
}

enum { KERNEL, STRIDE = 2, PADDING = 4, SIZE = 6 };

static orr_tensor *max_unpool2d_compose(orr_call *c) {
  double *a = c->attr;
  const orr_tensor *x = c->x[0];
  char s[128];
  if (!orr_want_images(c, 0) || !orr_want_same(c, 0, 1) ||
      !orr_want_pair(c, KERNEL, "kernel_size", 1))
    return NULL;
  if (a[STRIDE] == 0 && a[STRIDE + 1] == 0)
    a[STRIDE] = a[KERNEL], a[STRIDE + 1] = a[KERNEL + 1];
  if (!orr_want_pair(c, STRIDE, "stride", 1) ||
      !orr_want_pair(c, PADDING, "padding", 0))
    return NULL;
  double to[2];
  for (int k = 0; k < 2; k++) {
    const double whole = ((double)x->size[2 + k] - 1) * a[STRIDE + k] -
        2 * a[PADDING + k] + a[KERNEL + k];
    to[k] = a[SIZE + k] > 0 ? a[SIZE + k] : whole;
    if (to[k] >= 1 && to[k] <= 2147483647.0 &&
        fabs(to[k] - whole) < a[STRIDE + k])
      continue;
    orr_fail(c,
             "x is %s, which is unpooled to %g %s, give or take less than "
             "stride; output_size asks for %g",
             orr_shape_text(x, s, sizeof s), whole, k ? "columns" : "rows",
             a[SIZE + k]);
    return NULL;
  }
  return unpooled(c, (int64_t)to[0], (int64_t)to[1]);
}

#define INDICES \
  { "indices", .want = ORR_WANT_INT, .doc = "positions in a plane, from 1" }
ORR_DEFINE_OP(max_unpool2d,
    .doc = "The inverse of max_pool2d where it has one: x [N, C, H, W] put "
           "back where max_pool2d_with_indices found it, zeros elsewhere. "
           "N may be left out.",
    .params = {{"x"}, INDICES,
        {"kernel_size", ORR_PAIR, .required = true, .doc = "that was pooled"},
        {"stride", ORR_PAIR, .doc = "0, the default, is kernel_size"},
        {"padding", ORR_PAIR, .doc = "border that was added"},
        {"output_size", ORR_PAIR,
            .doc = "H and W wanted, if not those that divide evenly"}},
    .compose = max_unpool2d_compose, .batched = 4, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {2,2,2,2}, {2,2,2,2}, kernel_size = 2, ints = { indices = "
                "{1,16} } }",
        "{ {1,2,2,3}, {1,2,2,3}, kernel_size = {3,2}, stride = {2,1}, padding "
        "= {1,0}, ints = { indices = {1,12} } }",
        "{ {1,1,2,2}, {1,1,2,2}, kernel_size = 2, output_size = 5, ints = { "
        "indices = {1,25} } }",
        "{ {0,2,2,2}, {0,2,2,2}, kernel_size = 2, ints = { indices = {1,9} } }",
        "{ {2,2,2}, {2,2,2}, kernel_size = 2, ints = { indices = {1,9} } }",
        "{ {2,2}, {2,2}, kernel_size = 2, ints = { indices = {1,9} }, "
        "error = 'max_unpool2d: x is [2, 2] but must be [N, C, H, W]; use "
        ":view or :unsqueeze' }",
        "{ {1,1,2,2}, {1,1,2,2}, kernel_size = 2, output_size = 7, ints = { "
        "indices = {1,9} }, error = 'max_unpool2d: x is [1, 1, 2, 2], which is "
        "unpooled to 4 rows, give or take less than stride; output_size asks "
        "for 7' }"});

// ---- power pooling: norm_type, kernel_size, stride, ceil_mode

static orr_tensor *number(orr_tensor *x, double v) { return orr_num(x, v); }

// (sum over each window of x^p)^(1/p); sums that are not positive give 0.
static orr_tensor *rooted(orr_tensor *mean, double count, double p) {
  orr_tensor *sum = ORR(mul, mean, number(mean, count));
  orr_tensor *zero = number(sum, 0);
  orr_tensor *there = ORR(gt, sum, zero);
  orr_tensor *safe = ORR(where, there, sum, number(sum, 1));
  return ORR(where, there, ORR(pow, safe, number(sum, 1 / p)), zero);
}
static bool want_power(orr_call *c) {
  const double p = c->attr[0];
  return (p > 0 && p < INFINITY) ||
      orr_fail(c, "norm_type is %g; it must be a finite number > 0", p);
}

static orr_tensor *lp_pool2d_compose(orr_call *c) {
  const double *a = c->attr;
  if (!want_power(c)) return NULL;
  orr_tensor *mean = ORR(avg_pool2d, ORR(pow, c->x[0], number(c->x[0], a[0])),
                         .attr = {a[1], a[2], a[3], a[4], 0, 0, a[5], 1});
  return rooted(mean, a[1] * a[2], a[0]);
}
static orr_tensor *lp_pool1d_compose(orr_call *c) {
  const double *a = c->attr;
  if (!want_power(c)) return NULL;
  orr_tensor *mean = ORR(avg_pool1d, ORR(pow, c->x[0], number(c->x[0], a[0])),
                         .attr = {a[1], a[2], 0, a[3], 1});
  return rooted(mean, a[1], a[0]);
}

#define NORM_TYPE \
  { "norm_type", ORR_NUM, .required = true, .doc = "p, > 0" }
#define CEIL_MODE \
  { "ceil_mode", ORR_BOOL, .doc = "keep a last window that sticks out" }
ORR_DEFINE_OP(lp_pool2d,
    .doc = "(Sum of x^p)^(1/p) over each window of x [N, C, H, W]. "
           "N may be left out.",
    .params = {{"x"}, NORM_TYPE,
        {"kernel_size", ORR_PAIR, .required = true, .doc = "of the window"},
        {"stride", ORR_PAIR, .doc = "0, the default, is kernel_size"},
        CEIL_MODE},
    .compose = lp_pool2d_compose,
    .batched = 4, .flags = ORR_FUNCTIONAL | ORR_INT_TO_FLOAT,
    .samples = {"{ {2,2,4,4}, norm_type = 2, kernel_size = 2, low = 0.3 }",
        "{ {1,1,5,4}, norm_type = 3, kernel_size = {3,2}, stride = 1, low = "
        "0.3, high = 2 }",
        "{ {0,2,4,4}, norm_type = 2, kernel_size = 2 }",
        "{ {1,1,4,4}, norm_type = 0, kernel_size = 2, error = 'lp_pool2d: "
        "norm_type is 0; it must be a finite number > 0' }"});
ORR_DEFINE_OP(lp_pool1d,
    .doc = "(Sum of x^p)^(1/p) over each window of x [N, C, L]. "
           "N may be left out.",
    .params = {{"x"}, NORM_TYPE,
        {"kernel_size", ORR_INT, .required = true, .doc = "of the window"},
        {"stride", ORR_INT, .doc = "0, the default, is kernel_size"},
        CEIL_MODE},
    .compose = lp_pool1d_compose,
    .batched = 3, .flags = ORR_FUNCTIONAL | ORR_INT_TO_FLOAT,
    .samples = {"{ {2,2,6}, norm_type = 2, kernel_size = 2, low = 0.3 }",
        "{ {1,1,7}, norm_type = 1.5, kernel_size = 3, stride = 2, low = 0.3, "
        "high = 2 }",
        "{ {0,2,6}, norm_type = 2, kernel_size = 2 }",
        "{ {1,1,4}, norm_type = -1, kernel_size = 2, error = 'lp_pool1d: "
        "norm_type is -1; it must be a finite number > 0' }"});

// ---- local_response_norm: size, alpha, beta, k

static orr_tensor *local_response_norm_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  const double size = c->attr[0];
  if (!orr_want_min_rank(c, 0, 3) || !orr_want_int(c, 0, "size", 1))
    return NULL;
  const int64_t channels = x->size[1];
  // Channel k sees floor(size / 2) before it and the rest after it.
  int64_t before = (int64_t)size / 2, after = (int64_t)size - 1 - before;
  if (before > channels) before = channels;
  if (after > channels) after = channels;
  orr_tensor *square = ORR(square, x), *sum = NULL;
  int64_t edge[ORR_MAX_RANK];
  for (int i = 0; i < x->rank; i++) edge[i] = x->size[i];
  for (int64_t d = -before; d <= after; d++) {
    const int64_t gap = d < 0 ? -d : d;
    if (gap >= channels) continue;
    edge[1] = gap;
    orr_tensor *zeros = orr_keep(orr_zeros(x->dtype, x->rank, edge));
    orr_tensor *part =
        ORR(narrow, square,
            .attr = {1, d > 0 ? (double)d : 0, (double)(channels - gap), 1});
    orr_tensor *both[2] = {d > 0 ? part : zeros, d > 0 ? zeros : part};
    if (!part || !zeros) return NULL;
    const orr_args args = {.list = both, .n = 2, .attr = {1}};
    part = gap ? orr_keep(orr_apply(&orr_op_cat, &args)) : square;
    sum = sum ? ORR(add, sum, part) : part;
  }
  if (!sum) sum = square;  // no channels
  sum = ORR(mul, sum, number(x, c->attr[1] / size));
  sum = ORR(add, sum, number(x, c->attr[3]));
  return ORR(div, x, ORR(pow, sum, number(x, c->attr[2])));
}

ORR_DEFINE_OP(local_response_norm,
    .doc = "x [N, C, ...] / (k + alpha mean(x^2))^beta, the mean over `size` "
           "neighbouring channels (Krizhevsky et al. 2012).",
    .params = {{"x"},
        {"size", ORR_INT, .required = true, .doc = "channels in a mean"},
        {"alpha", ORR_NUM, .def = 1e-4, .doc = "factor of the mean"},
        {"beta", ORR_NUM, .def = 0.75, .doc = "exponent"},
        {"k", ORR_NUM, .def = 1, .doc = "added to it"}},
    .compose = local_response_norm_compose, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {2,4,3}, size = 3, alpha = 1 }",
        "{ {1,3,2,2}, size = 4, alpha = 2, beta = 0.5, k = 2 }",
        "{ {1,2,3}, size = 9, alpha = 1 }", "{ {0,4,3}, size = 3 }",
        "{ {4,3}, size = 3, error = 'local_response_norm: x is [4, 3] but must "
        "have at least 3 axes; use :view or :unsqueeze' }",
        "{ {1,4,3}, size = 0, error = 'local_response_norm: size is 0; it must "
        "be an integer >= 1' }"});

// ---- channel_shuffle: groups

static orr_tensor *channel_shuffle_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  char s[128];
  if (!orr_want_min_rank(c, 0, 3) || !orr_want_int(c, 0, "groups", 1))
    return NULL;
  const int64_t groups = (int64_t)c->attr[0];
  if (x->size[1] % groups) {
    orr_fail(c, "x is %s but groups is %lld; its channels must be a multiple",
             orr_shape_text(x, s, sizeof s), (long long)groups);
    return NULL;
  }
  if (x->count == 0) return ORR(clone, x);
  int64_t pixels = 1;
  for (int i = 2; i < x->rank; i++) pixels *= x->size[i];
  const int64_t split[] = {x->size[0], groups, x->size[1] / groups, pixels};
  orr_tensor *y = orr_reshape_to(x, 4, split);
  return orr_reshape_to(ORR(transpose, y, .attr = {1, 2}), x->rank, x->size);
}

ORR_DEFINE_OP(channel_shuffle,
    .doc = "The channels of x [N, C, ...], in groups, dealt out in turn: the "
           "first of each group, the second of each ... (Zhang et al. 2018).",
    .params = {{"x", .want = ORR_WANT_ANY},
        {"groups", ORR_INT, .required = true, .doc = "how many"}},
    .compose = channel_shuffle_compose, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {2,6,3}, groups = 2 }", "{ {1,6,2,2}, groups = 3 }",
        "{ {0,4,3}, groups = 2 }",
        "{ {1,4,3}, groups = 3, error = 'channel_shuffle: x is [1, 4, 3] but "
        "groups is 3; its channels must be a multiple' }"});

// ---- bilinear: x1 [..., I], x2 [..., J], weight [O, I, J], bias [O]

static orr_tensor *bilinear_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *y = c->x[1], *weight = c->x[2], *bias = c->x[3];
  char s[3][128];
  if (!orr_want_rank(c, 2, 3) || !orr_want_min_rank(c, 0, 1)) return NULL;
  const int64_t o = weight->size[0], i = weight->size[1], j = weight->size[2];
  bool ok = x->rank == y->rank && x->size[x->rank - 1] == i &&
      y->size[y->rank - 1] == j;
  int64_t to[ORR_MAX_RANK], n = 1;
  for (int k = 0; ok && k < x->rank - 1; k++) {
    ok = x->size[k] == y->size[k] && x->size[k] < INT64_MAX / (n ? n : 1);
    if (ok) n *= to[k] = x->size[k];
  }
  if (!ok || (bias && (bias->rank != 1 || bias->size[0] != o))) {
    orr_fail(c,
             "x1 is %s, x2 is %s and weight %s; they must be [..., I], [..., "
             "J] and [O, I, J], bias [O]",
             orr_shape_text(x, s[0], sizeof *s),
             orr_shape_text(y, s[1], sizeof *s),
             orr_shape_text(weight, s[2], sizeof *s));
    return NULL;
  }
  to[x->rank - 1] = o;
  // [I, O J]: x times it is, for each output, what y is multiplied with.
  weight = orr_reshape_to(ORR(transpose, weight, .attr = {0, 1}), 2,
                          (int64_t[]){i, o * j});
  orr_tensor *z = ORR(matmul, orr_reshape_to(x, 2, (int64_t[]){n, i}), weight);
  z = orr_reshape_to(z, 3, (int64_t[]){n, o, j});
  z = ORR(mul, z, orr_reshape_to(y, 3, (int64_t[]){n, 1, j}));
  z = orr_cast(ORR(sum, z, .attr = {1, 2}), x->dtype);
  if (bias) z = ORR(add, z, bias);
  return orr_reshape_to(z, x->rank, to);
}

ORR_DEFINE_OP(bilinear,
    .doc = "x1^T W x2 + bias for each matrix W of weight: x1 [..., I], x2 "
           "[..., J], weight [O, I, J], bias [O] -> [..., O].",
    .params = {{"x1", .want = ORR_WANT_ANY}, {"x2", .want = ORR_WANT_ANY},
        {"weight", .want = ORR_WANT_ANY},
        {"bias", .want = ORR_WANT_ANY, .optional = true}},
    .compose = bilinear_compose, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {2,3}, {2,4}, {5,3,4}, {5} }",
        "{ {2,2,3}, {2,2,1}, {2,3,1} }", "{ {3}, {2}, {2,3,2} }",
        "{ {0,3}, {0,4}, {5,3,4} }",
        "{ {2,3}, {3,4}, {5,3,4}, error = 'bilinear: x1 is [2, 3], x2 is [3, "
        "4] and weight [5, 3, 4]; they must be [..., I], [..., J] and [O, I, "
        "J], bias [O]' }"});

// ---- pdist: p

static orr_tensor *pdist_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  if (!orr_want_rank(c, 0, 2)) return NULL;
  const int64_t n = x->size[0];
  if (n > 1 << 30) {
    orr_fail(c, "x has %lld rows, too many to pair; give fewer", (long long)n);
    return NULL;
  }
  const int64_t pairs = n * (n - 1) / 2;
  orr_tensor *a = orr_keep(orr_empty(ORR_I64, 1, &pairs));
  orr_tensor *b = orr_keep(orr_empty(ORR_I64, 1, &pairs));
  if (!a || !b) return NULL;
  for (int64_t i = 0, at = 0; i < n; i++)
    for (int64_t k = i + 1; k < n; k++, at++) {
      ORR_I64P(a)[at] = i + 1;
      ORR_I64P(b)[at] = k + 1;
    }
  orr_tensor *d = ORR(sub, ORR(index_select, x, a, .attr = {0}),
                      ORR(index_select, x, b, .attr = {0}));
  return ORR(norm, d, .attr = {c->attr[0], 1, 1});
}

ORR_DEFINE_OP(pdist,
    .doc = "Distances in the p-norm of all pairs of different rows of x [N, "
           "M], each once -> [N (N - 1) / 2].",
    .params = {{"x"}, {"p", ORR_NUM, .def = 2, .doc = "of the norm"}},
    .compose = pdist_compose, .flags = ORR_FUNCTIONAL,
    .samples = {"{ {4,3} }", "{ {3,2}, p = 1, distinct = true }", "{ {1,3} }",
        "{ {0,3} }",
        "{ {3}, error = 'pdist: x is [3] but must have 2 axes; use :view or "
        ":unsqueeze' }"});
