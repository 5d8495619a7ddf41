// search.c -- counting and looking up values: unique, searchsorted, bincount,
// histc, one_hot. Labels, bins and positions count from 1.
#include <math.h>
#include <string.h>

#include "../base/threads.h"
#include "../kernels/sort.h"
#include "../compile/recorder.h"
#include "op.h"

// ---- unique: its shape depends on data, so it is sorted for it too

static bool sort_all(const orr_tensor *x, void *value, int64_t *at) {
  const orr_sorting s = {.rows = {x->dtype, 1, x->count, 1},
                         .keep = x->count,
                         .x = orr_data(x),
                         .value = value,
                         .index = at};
  return orr_sort_rows(&s);
}

// Whether two sorted neighbours differ; a NaN differs from itself.
#define DIFFER(T) ((const T *)v)[i] != ((const T *)v)[i - 1]
static bool is_new(orr_dtype d, const void *v, int64_t i) {
  if (i == 0) return true;
  switch (d) {
  case ORR_F32:
    return DIFFER(float);
  case ORR_F64:
    return DIFFER(double);
  case ORR_I64:
    return DIFFER(int64_t);
  default:
    return DIFFER(uint8_t);
  }
}

static bool unique_shape(orr_call *c) {
  orr_tensor *x = orr_keep(orr_contiguous(c->x[0]));
  if (!x) return false;
  const size_t size = orr_dtype_size(x->dtype);
  const size_t bytes = (size_t)x->count * size;
  void *v = orr_alloc(bytes + 1);
  bool ok = v && sort_all(x, v, NULL);
  int64_t n = 0;
  for (int64_t i = 0; ok && !orr_stopping() && i < x->count; i++)
    n += is_new(x->dtype, v, i);
  if (v) orr_free(v, bytes + 1);
  return ok && orr_out(c, 0, x->dtype, 1, &n) &&
      orr_out(c, 1, ORR_I64, x->rank, x->size) && orr_out(c, 2, ORR_I64, 1, &n);
}

static bool unique_forward(orr_call *c) {
  const orr_tensor *x = c->x[0];
  const size_t size = orr_dtype_size(x->dtype);
  const size_t bytes = (size_t)x->count * (size + sizeof(int64_t)) + 1;
  int64_t *at = orr_alloc(bytes), *inverse = ORR_I64P(c->y[1]), n = -1;
  if (!at) return false;
  char *v = (char *)(at + x->count), *y = orr_data(c->y[0]);
  const bool ok = sort_all(x, v, at);
  // An interrupt leaves the scratch unsorted, and more or fewer new values.
  for (int64_t i = 0; ok && !orr_stopping() && i < x->count; i++) {
    if (is_new(x->dtype, v, i)) {
      if (++n >= c->y[0]->count) break;
      memcpy(y + (size_t)n * size, v + (size_t)i * size, size);
      ORR_I64P(c->y[2])[n] = 0;
    }
    ORR_I64P(c->y[2])[n]++;
    inverse[at[i] - 1] = n + 1;
  }
  orr_free(at, bytes);
  return ok;
}

ORR_DEFINE_OP(unique,
    .doc = "The different elements in order; for each element of x, its "
           "position among them; and how often each occurs. Each NaN is its "
           "own. With axis, the same of the slices along it.",
    .params = {{"x", .want = ORR_WANT_ANY}}, .outputs = 3,
    .shape = unique_shape, .forward = unique_forward, .flags = ORR_NO_GRAD,
    .samples = {"{ {3,4} }", "{ {7}, low = 2, high = 2 }", "{ {} }",
        "{ {0,4} }"});

// ---- searchsorted

#define SEARCH(T, NAME)                                                        \
  static int64_t NAME(const void *sorted, int64_t n, const void *x, int64_t i, \
                      bool right) {                                            \
    const T *s = sorted, v = ((const T *)x)[i];                                \
    int64_t low = 0, high = n;                                                 \
    while (low < high) {                                                       \
      const int64_t mid = low + (high - low) / 2;                              \
      /* NaN is largest. */                                                    \
      const bool below = right ? s[mid] <= v || v != v                         \
                               : s[mid] < v || (v != v && s[mid] == s[mid]);   \
      if (below)                                                               \
        low = mid + 1;                                                         \
      else                                                                     \
        high = mid;                                                            \
    }                                                                          \
    return low + 1;                                                            \
  }
SEARCH(float, search_f32)
SEARCH(double, search_f64)
SEARCH(int64_t, search_i64)
SEARCH(uint8_t, search_u8)

static bool searchsorted_shape(orr_call *c) {
  const orr_tensor *s = c->x[0], *x = c->x[1];
  char a[128], b[128];
  if (s->dtype != x->dtype)
    return orr_fail(c, "sorted is %s but x is %s; convert one",
                    orr_dtype_name(s->dtype), orr_dtype_name(x->dtype));
  bool ok = s->rank == 1 || (s->rank > 1 && s->rank == x->rank);
  for (int i = 0; ok && s->rank > 1 && i < s->rank - 1; i++)
    ok = s->size[i] == x->size[i];
  if (!ok)
    return orr_fail(c,
                    "sorted is %s but x is %s; use one sorted row, or as "
                    "many rows as x has",
                    orr_shape_text(s, a, sizeof a),
                    orr_shape_text(x, b, sizeof b));
  return orr_out(c, 0, ORR_I64, x->rank, x->size);
}

typedef struct search_job {
  const orr_call *c;
  int64_t n, each;  // length of a sorted row, values of x looked up in it
} search_job;

static void search_range(void *context, int64_t begin, int64_t end) {
  static int64_t (*const search[])(const void *, int64_t, const void *, int64_t,
                                   bool) = {search_f32, search_f64, search_i64,
                                            search_u8};
  const search_job *j = context;
  const orr_tensor *s = j->c->x[0], *x = j->c->x[1];
  const size_t row = (size_t)j->n * orr_dtype_size(s->dtype);
  for (int64_t i = begin; i < end; i++) {
    const char *sorted = orr_data(s);
    if (s->rank > 1) sorted += (size_t)(i / j->each) * row;
    ORR_I64P(j->c->y[0])
    [i] = search[x->dtype](sorted, j->n, orr_data(x), i, j->c->attr[0] != 0);
  }
}

static bool searchsorted_forward(orr_call *c) {
  const orr_tensor *s = c->x[0], *x = c->x[1];
  const search_job j = {c, s->size[s->rank - 1],
                        x->rank ? x->size[x->rank - 1] : 1};
  orr_parallel_range(x->count, ORR_GRAIN_DEAR, search_range, (void *)&j);
  return true;
}

#define RIGHT \
  { "right", ORR_BOOL, .doc = "after equal elements, not before them" }
ORR_DEFINE_OP(searchsorted,
    .doc = "Where x would go in a sorted row, as a position from 1 to n + 1: "
           "the first element not below x. Rows of sorted [..., n] belong to "
           "rows of x; one row [n] is for all.",
    .params = {{"sorted", .want = ORR_WANT_ANY}, {"x", .want = ORR_WANT_ANY},
        RIGHT},
    .shape = searchsorted_shape, .forward = searchsorted_forward,
    .flags = ORR_NO_GRAD,
    .samples = {"{ {5}, {3,4}, low = 0, high = 0 }",
        "{ {5}, {3,4}, right = true, low = 0, high = 0 }",
        "{ {2,5}, {2,3}, low = 1, high = 1 }", "{ {0}, {2,3} }",
        "{ {5}, {} }", "{ {5}, {0} }",
        "{ {2,5}, {3,4}, error = 'searchsorted: sorted is [2, 5] but x is [3, "
        "4]; use one sorted row, or as many rows as x has' }"});

static orr_tensor *bucketize_compose(orr_call *c) {
  if (!orr_want_rank(c, 1, 1)) return NULL;
  return ORR(searchsorted, c->x[1], c->x[0], .attr = {c->attr[0]});
}

ORR_DEFINE_OP(bucketize,
    .doc = "The bucket of each element between sorted boundaries [n], from 1 "
           "to n + 1: searchsorted with its arguments swapped.",
    .params = {{"x", .want = ORR_WANT_ANY},
        {"boundaries", .want = ORR_WANT_ANY}, RIGHT},
    .compose = bucketize_compose, .flags = ORR_NO_GRAD,
    .samples = {"{ {3,4}, {5}, low = 0, high = 0 }", "{ {0}, {5} }",
        "{ {3}, {2,2}, error = 'bucketize: boundaries is [2, 2] but must have "
        "1 axes; use :view or :unsqueeze' }"});

// ---- labels

// The largest label; fails when one is below 1.
static bool labels(orr_call *c, int64_t *most) {
  *most = 0;
  for (int64_t i = 0; i < c->x[0]->count; i++) {
    const int64_t v = orr_get_int(c->x[0], i);
    if (v < 1)
      return orr_fail(c, "x holds %lld at element %lld; labels count from 1",
                      (long long)v, (long long)i + 1);
    if (v > *most) *most = v;
  }
  return true;
}

static orr_tensor *bincount_compose(orr_call *c) {
  int64_t n;
  const orr_dtype d = c->x[0]->dtype;
  if (orr_dtype_is_float(d)) {
    orr_fail(c, "x is %s but must be int64 or uint8; use :to('int64')",
             orr_dtype_name(d));
    return NULL;
  }
  if (!orr_want_rank(c, 0, 1) || !labels(c, &n)) return NULL;
  if (c->attr[0] > (double)n) n = (int64_t)c->attr[0];
  orr_tensor *weights = c->x[1];
  if (weights && !orr_dtype_is_float(weights->dtype))
    weights = orr_cast(weights, ORR_F64);
  if (weights && !orr_want_same(c, 0, 1)) return NULL;
  if (!weights) {
    weights = orr_keep(orr_empty(ORR_I64, 1, c->x[0]->size));
    if (!weights || !orr_fill_(weights, 1)) return NULL;
  }
  orr_tensor *zero = orr_keep(orr_zeros(weights->dtype, 1, &n));
  orr_tensor *x = orr_cast(c->x[0], ORR_I64);
  return ORR(index_add, zero, x, weights, .attr = {0});
}

ORR_DEFINE_OP(bincount,
    .doc = "How often each label 1, 2 ... occurs (int64), or the sum of its "
           "weights; of whole weights as float64.",
    .params = {{"x", .want = ORR_WANT_ANY,
                .doc = "labels [N] from 1, int64 or uint8"},
        {"weights", .want = ORR_WANT_ANY, .optional = true,
         .doc = "[N]; 1 each when absent"},
        {"minlength", ORR_INT, .doc = "the result is at least this long"}},
    .compose = bincount_compose,
    .samples = {"{ {9}, false, ints = { x = {1,5} } }",
        "{ {9}, {9}, minlength = 7, ints = { x = {1,5} } }",
        "{ {0}, {0}, ints = { x = {1,5} } }",
        "{ {3}, false, error = 'bincount: x is float64 but must be int64 or "
        "uint8; use :to(\\'int64\\')' }",
        "{ {3}, false, ints = { x = {0,0} }, error = 'bincount: x holds 0 at "
        "element 1; labels count from 1' }",
        "{ {3}, {2}, ints = { x = {1,5} }, error = 'bincount: x is [3] but "
        "weights is [2]; match them' }"});

static bool labels_up_to(orr_call *c, int64_t n) {
  int64_t most;
  orr_kernel_begin();
  const bool ok = labels(c, &most);
  orr_kernel_end();
  if (!ok || most <= n) return ok;
  return orr_fail(c, "x holds %lld but num_classes is %lld; use 1 to %lld",
                  (long long)most, (long long)n, (long long)n);
}

static bool one_hot_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  int64_t size[ORR_MAX_RANK + 1], most;
  const int64_t given = (int64_t)c->attr[0];
  if (given > 0 ? !labels_up_to(c, given) : !labels(c, &most)) return false;
  const int64_t n = given > 0 ? given : most;
  if (x->count == 0 && n == 0)
    return orr_fail(c, "x is empty; give num_classes");
  for (int i = 0; i < x->rank; i++) size[i] = x->size[i];
  size[x->rank] = n;
  return orr_out(c, 0, ORR_I64, x->rank + 1, size);
}

// The shape rule looked as well, for the sentence to come first; a recorded
// step comes here alone.
static bool one_hot_forward(orr_call *c) {
  const int64_t n = c->out[0].size[c->x[0]->rank], *x = ORR_I64P(c->x[0]);
  if (!labels_up_to(c, n)) return false;
  int64_t *y = ORR_I64P(c->y[0]);
  memset(y, 0, (size_t)c->y[0]->count * sizeof *y);
  for (int64_t i = 0; i < c->x[0]->count; i++) y[i * n + x[i] - 1] = 1;
  return true;
}

ORR_DEFINE_OP(one_hot,
    .doc = "1 at each label along a new last axis, 0 elsewhere (int64).",
    .params = {{"x", .want = ORR_WANT_INT, .doc = "labels from 1"},
        {"num_classes", ORR_INT, .doc = "the largest label when absent"}},
    .shape = one_hot_shape, .forward = one_hot_forward, .flags = ORR_NO_GRAD,
    .torch = "torch.nn.functional.one_hot",
    .samples = {"{ {3,4}, ints = { x = {1,5} } }",
        "{ {3}, num_classes = 6, ints = { x = {1,5} } }",
        "{ {}, ints = { x = {2,2} } }",
        "{ {0}, num_classes = 3, ints = { x = {1,5} } }",
        "{ {0}, ints = { x = {1,5} }, error = 'one_hot: x is empty; give "
        "num_classes' }",
        "{ {2}, num_classes = 3, ints = { x = {4,4} }, error = 'one_hot: x "
        "holds 4 but num_classes is 3; use 1 to 3' }"});

// ---- histc

static bool histc_shape(orr_call *c) {
  const int64_t bins = (int64_t)c->attr[0];
  if (bins < 1)
    return orr_fail(c, "bins is %lld; it must be at least 1", (long long)bins);
  if (!(c->attr[1] <= c->attr[2]) || !isfinite(c->attr[2] - c->attr[1]))
    return orr_fail(c,
                    "min is %g, max is %g; use finite numbers, min not "
                    "above max",
                    c->attr[1], c->attr[2]);
  return orr_out(c, 0, c->x[0]->dtype, 1, &bins);
}

// The range given, or that of the elements, widened when it is a point.
static bool histogram_range(orr_call *c, double *low, double *high) {
  const orr_tensor *x = c->x[0];
  *low = c->attr[1], *high = c->attr[2];
  if (*low == *high && x->count > 0) {
    *low = *high = orr_get(x, 0);
    for (int64_t i = 0; i < x->count; i++) {
      const double v = orr_get(x, i);
      if (!isfinite(v))
        return orr_fail(c, "x holds %g at element %lld; give min and max", v,
                        (long long)i + 1);
      *low = fmin(*low, v);
      *high = fmax(*high, v);
    }
  }
  if (!isfinite(*high - *low))
    return orr_fail(c, "x goes from %g to %g; give min and max", *low, *high);
  // Large numbers are further than 1 from the next.
  const double wider = fmax(1, fabs(*low) * 1e-15);
  if (*low == *high) *low -= wider, *high += wider;
  return true;
}

static bool histc_forward(orr_call *c) {
  const orr_tensor *x = c->x[0], *y = c->y[0];
  double low, high;
  if (!histogram_range(c, &low, &high)) return false;
  const int64_t bins = y->count;
  memset(orr_data(y), 0, (size_t)bins * orr_dtype_size(y->dtype));
  for (int64_t i = 0; i < x->count; i++) {
    const double v = orr_get(x, i);
    if (!(v >= low && v <= high)) continue;
    int64_t at = (int64_t)((v - low) / (high - low) * (double)bins);
    at = at < bins ? at : bins - 1;
    if (y->dtype == ORR_F32)
      ORR_F32P(y)[at]++;
    else
      ORR_F64P(y)[at]++;
  }
  return true;
}

ORR_DEFINE_OP(histc,
    .doc = "How many elements fall into each of `bins` equal parts of [min, "
           "max]; of the elements' own range when min = max. Others and NaN "
           "are left out.",
    .params = {{"x"}, {"bins", ORR_INT, .def = 100, .doc = "how many parts"},
        {"min", ORR_NUM, .doc = "lower end"},
        {"max", ORR_NUM, .doc = "upper end"}},
    .shape = histc_shape, .forward = histc_forward, .flags = ORR_NO_GRAD,
    .samples = {"{ {30}, bins = 5 }", "{ {3,4}, bins = 3, min = -2, max = 2 }",
        "{ {4}, bins = 3, low = 2, high = 2 }", "{ {0}, bins = 4 }",
        "{ {4}, bins = 0, error = 'histc: bins is 0; it must be at least 1' }",
        "{ {4}, min = 2, max = 1, error = 'histc: min is 2, max is 1; use "
        "finite numbers, min not above max' }"});
