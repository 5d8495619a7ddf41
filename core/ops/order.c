// order.c -- sorting along an axis, and what is read off sorted rows.
// Positions count from 1. Equal elements keep their order; NaN is largest.
#include "../kernels/sort.h"

#include <math.h>
#include <string.h>

#include "reduction.h"

static orr_tensor *zeros_like(const orr_tensor *gy, const orr_tensor *x) {
  return gy ? orr_keep(orr_zeros(x->dtype, x->rank, x->size)) : NULL;
}

#define AXIS_LAST \
  { "axis", ORR_AXIS, .def = -1, .doc = "along which" }
#define DESCENDING \
  { "descending", ORR_BOOL, .doc = "largest first" }
#define BAD_AXIS(NAME)                                                    \
  "{ {2,3}, axis = 3, error = '" NAME ": axis is 3 but x is [2, 3]; use " \
  "1 to 2 or -2 to -1' }"

// The part of sorted rows that the outputs have room for along the axis.
static bool run(orr_call *c, int axis, int64_t first, bool descending) {
  const orr_rows r = orr_rows_of(c->x[0], axis);
  const orr_sorting s = {.rows = r,
                         .descending = descending,
                         .first = first,
                         .keep = c->out[0].size[axis],
                         .x = orr_data(c->x[0]),
                         .value = orr_data(c->y[0]),
                         .index = ORR_I64P(c->y[1])};
  return orr_sort_rows(&s);
}

// ---- sort

static bool sort_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  if (x->rank > 0 && !orr_want_axis(c, 0, x->rank)) return false;
  return orr_out_like(c, x) && orr_out(c, 1, ORR_I64, x->rank, x->size);
}

// A scalar is its own order.
static bool alone(orr_call *c) {
  if (c->x[0]->rank > 0) return false;
  memcpy(orr_data(c->y[0]), orr_data(c->x[0]), orr_dtype_size(c->x[0]->dtype));
  *ORR_I64P(c->y[1]) = 1;
  return true;
}

static bool sort_forward(orr_call *c) {
  return alone(c) || run(c, (int)c->attr[0], 0, c->attr[1] != 0);
}

// Each output goes back to where it came from.
static void back_vjp(orr_vjp *v) {
  if (v->x[0]->rank == 0)
    v->gx[0] = v->gy;
  else if (v->gy)
    v->gx[0] = ORR(scatter_add, zeros_like(v->gy, v->x[0]), v->y[1], v->gy,
                   .attr = {v->attr[0]});
}

ORR_DEFINE_OP(sort,
    .doc = "The elements along an axis in order, and their positions in x. "
           "Equal elements keep their order; NaN counts as largest.",
    .params = {{"x", .want = ORR_WANT_ANY}, AXIS_LAST, DESCENDING},
    .outputs = 2, .shape = sort_shape, .forward = sort_forward,
    .vjp = back_vjp, .flags = ORR_KEEPS_Y | ORR_DROPS_X,
    .samples = {"{ {3,4}, distinct = true }",
        "{ {5,2,3}, axis = 1, descending = true, distinct = true }",
        "{ {2,70}, axis = 2, distinct = true }", "{ {} }", "{ {0,4} }",
        "{ {0,4}, axis = 1 }", BAD_AXIS("sort")});

static orr_tensor *argsort_compose(orr_call *c) {
  const orr_args args = {.x = {c->x[0]}, .attr = {c->attr[0], c->attr[1]}};
  orr_tensor *y[ORR_MAX_OUTPUT];
  if (!sort_shape(c) || !orr_apply_all(&orr_op_sort, &args, y)) return NULL;
  orr_release(y[0]);
  return orr_keep(y[1]);
}

ORR_DEFINE_OP(argsort,
    .doc = "The positions along an axis that put it in order: sort's second "
           "result.",
    .params = {{"x", .want = ORR_WANT_ANY}, AXIS_LAST, DESCENDING},
    .compose = argsort_compose, .flags = ORR_NO_GRAD,
    .samples = {"{ {3,4}, distinct = true }",
        "{ {5,2}, axis = 1, descending = true, distinct = true }",
        "{ {0,4} }", BAD_AXIS("argsort")});

// ---- topk, kthvalue

static bool want_k(orr_call *c, int64_t least) {
  const orr_tensor *x = c->x[0];
  char text[128];
  if (x->rank == 0)
    return c->attr[0] == 1 ||
        orr_fail(c, "k is %g but x is a scalar; use 1", c->attr[0]);
  if (!orr_want_axis(c, 1, x->rank)) return false;
  const int axis = (int)c->attr[1];
  const int64_t k = (int64_t)c->attr[0], n = x->size[axis];
  return (k >= least && k <= n) ||
      orr_fail(c,
               "k is %lld but axis %d of %s has %lld elements; use %lld to "
               "%lld",
               (long long)k, axis + 1, orr_shape_text(x, text, sizeof text),
               (long long)n, (long long)least, (long long)n);
}

static bool topk_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  if (!want_k(c, 0)) return false;
  int64_t size[ORR_MAX_RANK];
  memcpy(size, x->size, sizeof size);
  if (x->rank > 0) size[(int)c->attr[1]] = (int64_t)c->attr[0];
  return orr_out(c, 0, x->dtype, x->rank, size) &&
      orr_out(c, 1, ORR_I64, x->rank, size);
}

static bool topk_forward(orr_call *c) {
  return alone(c) || run(c, (int)c->attr[1], 0, c->attr[2] != 0);
}

static void topk_vjp(orr_vjp *v) {
  if (v->x[0]->rank == 0)
    v->gx[0] = v->gy;
  else if (v->gy)
    v->gx[0] = ORR(scatter_add, zeros_like(v->gy, v->x[0]), v->y[1], v->gy,
                   .attr = {v->attr[1]});
}

#define K \
  { "k", ORR_INT, .required = true, .doc = "how many" }
ORR_DEFINE_OP(topk,
    .doc = "The k largest (or smallest) elements along an axis in order, and "
           "their positions.",
    .params = {{"x", .want = ORR_WANT_ANY}, K, AXIS_LAST,
        {"largest", ORR_BOOL, .def = 1, .doc = "false: the smallest"}},
    .outputs = 2, .shape = topk_shape, .forward = topk_forward,
    .vjp = topk_vjp, .flags = ORR_KEEPS_Y | ORR_DROPS_X,
    .samples = {"{ {3,4}, k = 2, distinct = true }",
        "{ {5,2}, k = 3, axis = 1, largest = false, distinct = true }",
        "{ {3,4}, k = 0 }", "{ {0,4}, k = 1 }", "{ {}, k = 1 }",
        "{ {}, k = 2, error = 'topk: k is 2 but x is a scalar; use 1' }",
        "{ {3}, k = 4, error = 'topk: k is 4 but axis 1 of [3] has 3 "
        "elements; use 0 to 3' }"});

// The outputs without the axis, or with size 1 there.
static bool one_of_axis(orr_call *c, int axis, bool keep) {
  const orr_tensor *x = c->x[0];
  int64_t size[ORR_MAX_RANK];
  int rank = 0;
  for (int a = 0; a < x->rank; a++)
    if (a != axis || keep) size[rank++] = a == axis ? 1 : x->size[a];
  return orr_out(c, 0, x->dtype, rank, size) &&
      orr_out(c, 1, ORR_I64, rank, size);
}

static bool kthvalue_shape(orr_call *c) {
  return want_k(c, 1) && one_of_axis(c, (int)c->attr[1], c->attr[2] != 0);
}

static bool pick_sorted(orr_call *c, orr_rows r, int64_t first, bool nan_wins) {
  const orr_sorting s = {.rows = r,
                         .nan_wins = nan_wins,
                         .first = first,
                         .keep = 1,
                         .x = orr_data(c->x[0]),
                         .value = orr_data(c->y[0]),
                         .index = ORR_I64P(c->y[1])};
  return orr_sort_rows(&s);
}

static bool kthvalue_forward(orr_call *c) {
  if (alone(c)) return true;
  const orr_rows r = orr_rows_of(c->x[0], (int)c->attr[1]);
  return pick_sorted(c, r, (int64_t)c->attr[0] - 1, false);
}

// gy laid at positions `at` of x's axis; both lost it.
static orr_tensor *placed(const orr_vjp *v, int axis) {
  int64_t size[ORR_MAX_RANK];
  int rank = 0;
  for (int a = 0; a < v->x[0]->rank; a++)
    if (a != axis) size[rank++] = v->x[0]->size[a];
  return ORR(place, orr_reshape_to(v->gy, rank, size),
             orr_reshape_to(v->y[1], rank, size),
             .attr = {axis, (double)v->x[0]->size[axis], 0, 1});
}

static void kthvalue_vjp(orr_vjp *v) {
  if (v->x[0]->rank == 0)
    v->gx[0] = v->gy;
  else if (v->gy)
    v->gx[0] = placed(v, (int)v->attr[1]);
}

ORR_DEFINE_OP(kthvalue,
    .doc = "The k-th smallest element along an axis, and its position.",
    .params = {{"x", .want = ORR_WANT_ANY},
        {"k", ORR_INT, .required = true, .doc = "1 is the smallest"},
        AXIS_LAST, {"keepdim", ORR_BOOL, .doc = "keep the axis, with size 1"}},
    .outputs = 2, .shape = kthvalue_shape, .forward = kthvalue_forward,
    .vjp = kthvalue_vjp, .flags = ORR_KEEPS_Y | ORR_DROPS_X,
    .samples = {"{ {3,4}, k = 2, distinct = true }",
        "{ {5,2,2}, k = 5, axis = 1, keepdim = true, distinct = true }",
        "{ {0,4}, k = 1 }", "{ {}, k = 1 }",
        "{ {3}, k = 0, error = 'kthvalue: k is 0 but axis 1 of [3] has 3 "
        "elements; use 1 to 3' }"});

// ---- median

static bool want_one_axis(orr_call *c) {
  return c->attr[0] <= 1 ||
      orr_fail(c,
               "axis is a list of %g; give one axis, or none for all "
               "elements",
               c->attr[0]);
}

static bool median_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  char text[128];
  if (!want_one_axis(c)) return false;
  const bool all = c->attr[0] == 0;
  if (!all && !orr_want_axis(c, 1, x->rank)) return false;
  if ((all ? x->count : x->size[(int)c->attr[1]]) == 0)
    return orr_fail(c,
                    "x is %s: nothing to choose from; use an axis that is "
                    "not empty",
                    orr_shape_text(x, text, sizeof text));
  if (!all) return one_of_axis(c, (int)c->attr[1], c->attr[ORR_KEEPDIM] != 0);
  const int64_t ones[ORR_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
  const int rank = c->attr[ORR_KEEPDIM] != 0 ? x->rank : 0;
  return orr_out(c, 0, x->dtype, rank, ones) &&
      orr_out(c, 1, ORR_I64, rank, ones);
}

static bool median_forward(orr_call *c) {
  const orr_tensor *x = c->x[0];
  orr_rows r = {x->dtype, 1, x->count, 1};
  if (c->attr[0] == 1) r = orr_rows_of(x, (int)c->attr[1]);
  return pick_sorted(c, r, (r.n - 1) / 2, true);
}

static void median_vjp(orr_vjp *v) {
  const orr_tensor *x = v->x[0];
  if (!v->gy) return;
  if (v->attr[0] == 1) {
    v->gx[0] = placed(v, (int)v->attr[1]);
    return;
  }
  orr_tensor *flat = ORR(place, orr_reshape_to(v->gy, 0, NULL),
                         orr_reshape_to(v->y[1], 0, NULL),
                         .attr = {0, (double)x->count, 0, 1});
  v->gx[0] = orr_reshape_to(flat, x->rank, x->size);
}

ORR_DEFINE_OP(median,
    .doc = "The middle element along an axis (of all without one), the lower "
           "of two, and its position. NaN wins.",
    .params = {{"x", .want = ORR_WANT_ANY},
        {"axis", ORR_AXES, .doc = "one axis; all elements when absent"},
        {"keepdim", ORR_BOOL, .doc = "keep the reduced axes, with size 1"}},
    .outputs = 2, .shape = median_shape, .forward = median_forward,
    .vjp = median_vjp, .flags = ORR_KEEPS_Y | ORR_DROPS_X,
    .samples = {"{ {3,4}, distinct = true }",
        "{ {3,4}, axis = 2, distinct = true }", "{ {} }",
        "{ {5,2,2}, axis = 1, keepdim = true, distinct = true }",
        "{ {3,3}, keepdim = true, distinct = true }", "{ {0,4}, axis = 2 }",
        "{ {0,4}, error = 'median: x is [0, 4]: nothing to choose from; use "
        "an axis that is not empty' }",
        "{ {2,3}, axis = {1,2}, error = 'median: axis is a list of 2; give "
        "one axis, or none for all elements' }"});

// ---- quantile

enum { LINEAR, LOWER, HIGHER, NEAREST, MIDPOINT };
#define INTERPOLATION 10

static bool want_quantiles(orr_call *c) {
  const orr_tensor *x = c->x[0], *q = c->x[1];
  char text[128];
  if (!want_one_axis(c)) return false;
  if (c->attr[0] == 1 && !orr_want_axis(c, 1, x->rank)) return false;
  if (q->rank > 1)
    return orr_fail(c, "q is %s; give a number or a list",
                    orr_shape_text(q, text, sizeof text));
  for (int64_t i = 0; i < q->count; i++)
    if (!(orr_get(q, i) >= 0 && orr_get(q, i) <= 1))
      return orr_fail(c, "q holds %g; use 0 to 1", orr_get(q, i));
  const int64_t n = c->attr[0] == 1 ? x->size[(int)c->attr[1]] : x->count;
  return n > 0 ||
      orr_fail(c,
               "x is %s: nothing to choose from; use an axis that is not "
               "empty",
               orr_shape_text(x, text, sizeof text));
}

// Rows at the places `at`, rounded, of an axis of sorted x.
static orr_tensor *rows_at(orr_tensor *x, int axis, const orr_tensor *at,
                           double (*rounded)(double)) {
  if (!x || !at) return NULL;
  orr_tensor *index = orr_keep(orr_empty(ORR_I64, 1, &at->count));
  for (int64_t i = 0; index && i < at->count; i++)
    ORR_I64P(index)[i] = (int64_t)rounded(orr_get(at, i)) + 1;
  return ORR(index_select, x, index, .attr = {axis});
}

// The quantiles along an axis of sorted x, which becomes q's.
static orr_tensor *between_rows(orr_tensor *x, int axis, orr_tensor *at,
                                int how) {
  if (how == NEAREST) return rows_at(x, axis, at, rint);
  if (how == HIGHER) return rows_at(x, axis, at, ceil);
  orr_tensor *low = rows_at(x, axis, at, floor);
  if (how == LOWER || !low) return low;
  int64_t size[ORR_MAX_RANK];
  for (int i = 0; i < x->rank; i++) size[i] = i == axis ? at->count : 1;
  orr_tensor *weight =
      how == MIDPOINT ? orr_num(x, 0.5) : ORR(sub, at, ORR(floor, at));
  if (how == LINEAR) weight = orr_reshape_to(weight, x->rank, size);
  orr_tensor *high = rows_at(x, axis, at, ceil);
  return ORR(lerp, low, high, weight);
}

static orr_tensor *quantile_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *q = c->x[1];
  if (!want_quantiles(c)) return NULL;
  const bool all = c->attr[0] == 0, keep = c->attr[ORR_KEEPDIM] != 0;
  const int axis = all ? 0 : (int)c->attr[1];
  int64_t size[ORR_MAX_RANK + 1];
  int rank = 0;
  if (q->rank == 1) size[rank++] = q->count;
  for (int i = 0; i < x->rank; i++)
    if (keep || (!all && i != axis))
      size[rank++] = all || i == axis ? 1 : x->size[i];
  if (rank > ORR_MAX_RANK) {
    orr_fail(c, "the result would have %d axes; at most %d are possible", rank,
             ORR_MAX_RANK);
    return NULL;
  }
  if (all) x = orr_reshape_to(x, 1, &x->count);
  if (!x) return NULL;
  const double last = (double)x->size[axis] - 1;
  orr_tensor *at = ORR(mul, orr_reshape_to(q, 1, &q->count), orr_num(q, last));
  x = ORR(sort, x, .attr = {axis, 0});
  orr_tensor *y = between_rows(x, axis, at, (int)c->attr[INTERPOLATION]);
  orr_tensor *top = ORR(narrow, x, .attr = {axis, last, 1, 1});
  y = ORR(where, ORR(isnan, top), top, y);
  orr_short_args order = {.x0 = y, .attr = {x ? x->rank : 0, axis}};
  for (int i = 0, k = 2; x && i < x->rank; i++)
    if (i != axis) order.attr[k++] = i;
  return orr_reshape_to(orr_apply_short(&orr_op_permute, &order), rank, size);
}

ORR_DEFINE_OP(quantile,
    .doc = "The values that a share q of the elements along an axis (of all "
           "without one) lie below. A list q comes as a new first axis. NaN "
           "wins.",
    .params = {{"x"}, {"q", .doc = "0 to 1: a number or a list"},
        {"axis", ORR_AXES, .doc = "one axis; all elements when absent"},
        {"keepdim", ORR_BOOL, .doc = "keep the reduced axes, with size 1"},
        {"interpolation", ORR_CHOICE,
         .choices = "linear|lower|higher|nearest|midpoint",
         .doc = "between two elements"}},
    .compose = quantile_compose,
    .samples = {"{ {3,4}, {}, low = 0.05, high = 0.95, distinct = true }",
        "{ {3,5}, {2}, axis = 2, low = 0.05, high = 0.95, distinct = true }",
        "{ {5,2,2}, {3}, axis = 1, keepdim = true, low = 0.05, high = 0.95, "
        "distinct = true }",
        "{ {3,4}, {}, keepdim = true, interpolation = 'midpoint', low = 0.05, "
        "high = 0.95, distinct = true }",
        "{ {5}, {3}, interpolation = 'lower', low = 0.05, high = 0.95, "
        "distinct = true }",
        "{ {5}, {3}, interpolation = 'higher', low = 0.05, high = 0.95, "
        "distinct = true }",
        "{ {5}, {3}, interpolation = 'nearest', low = 0.05, high = 0.95, "
        "distinct = true }",
        "{ {0,4}, {}, axis = 2, low = 0, high = 1 }",
        "{ {3}, {0}, low = 0, high = 1 }",
        "{ {3}, {}, low = 2, high = 2, error = 'quantile: q holds 2; use 0 to "
        "1' }",
        "{ {0,4}, {}, low = 0, high = 1, error = 'quantile: x is [0, 4]: "
        "nothing to choose from; use an axis that is not empty' }"});
