// along.c -- positions of extremes, running sums, and picking one element
// along an axis. Positions count from 1, as everywhere in index tensors.
#include "../kernels/rows.h"
#include "reduction.h"

// x without one axis.
static int without(const orr_tensor *x, int axis, int64_t *size) {
  int rank = 0;
  for (int a = 0; a < x->rank; a++)
    if (a != axis) size[rank++] = x->size[a];
  return rank;
}

// ---- argmax, argmin

static bool arg_shape(orr_call *c) {
  if (c->attr[0] > 1)
    return orr_fail(c,
                    "axis is a list of %g; give one axis, or none for the "
                    "position among all elements",
                    c->attr[0]);
  const bool all = c->attr[0] == 0;
  if (!orr_out_reduced(c, 0, ORR_I64) || !orr_want_elements(c)) return false;
  if (all) c->attr[0] = 0;
  return true;
}

static bool arg_forward(orr_call *c, bool largest) {
  const orr_tensor *x = c->x[0];
  orr_rows r = {x->dtype, 1, x->count, 1};
  if (c->attr[0] == 1) r = orr_rows_of(x, (int)c->attr[1]);
  orr_rows_extreme(&r, largest, orr_data(x), ORR_I64P(c->y[0]), NULL);
  return true;
}

static bool argmax_forward(orr_call *c) { return arg_forward(c, true); }
static bool argmin_forward(orr_call *c) { return arg_forward(c, false); }

#define ARG_PARAMS                                                     \
  {                                                                    \
    {"x", .want = ORR_WANT_ANY},                                       \
        {"axis", ORR_AXES,                                             \
         .doc = "one axis; when absent the row-major position "        \
                "among all elements"},                                 \
    {                                                                  \
      "keepdim", ORR_BOOL, .doc = "keep the reduced axes, with size 1" \
    }                                                                  \
  }
#define ARG_SAMPLES(NAME)                                        \
  {                                                              \
    "{ {3,4} }", "{ {2,3,4}, axis = 2, keepdim = true }",        \
        "{ {5,70}, "                                             \
        "axis = 1 }",                                            \
        "{ {5,3}, axis = -1 }", "{ {0,4}, axis = 2 }", "{ {} }", \
        "{ {0,4}, error = '" NAME                                \
        ": x is [0, 4]: nothing to choose from; reduce "         \
        "axes that are not empty' }",                            \
        "{ {2,3}, axis = {1,2}, error = '" NAME                  \
        ": axis is a list of 2; give one "                       \
        "axis, or none for the position among all elements' }"   \
  }

ORR_DEFINE_OP(argmax,
    .doc = "Position of the largest element, counted from 1: the first of "
           "equal ones; NaN counts as largest.",
    .params = ARG_PARAMS, .shape = arg_shape, .forward = argmax_forward,
    .flags = ORR_NO_GRAD, .samples = ARG_SAMPLES("argmax"));

ORR_DEFINE_OP(argmin,
    .doc = "Position of the smallest element, counted from 1: the first of "
           "equal ones; NaN counts as smallest.",
    .params = ARG_PARAMS, .shape = arg_shape, .forward = argmin_forward,
    .flags = ORR_NO_GRAD, .samples = ARG_SAMPLES("argmin"));

// ---- max, min along an axis: values and positions

static bool extreme_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  if (!orr_want_axis(c, 0, x->rank)) return false;
  const int axis = (int)c->attr[0];
  int64_t size[ORR_MAX_RANK];
  int rank = without(x, axis, size);
  char shape[128];
  if (x->size[axis] == 0)
    return orr_fail(c,
                    "x is %s: nothing to choose from along axis %d; use an "
                    "axis that is not empty",
                    orr_shape_text(x, shape, sizeof shape), axis + 1);
  if (c->attr[1] != 0) {
    rank = x->rank;
    for (int a = 0; a < rank; a++) size[a] = a == axis ? 1 : x->size[a];
  }
  return orr_out(c, 0, x->dtype, rank, size) &&
      orr_out(c, 1, ORR_I64, rank, size);
}

static bool extreme_forward(orr_call *c, bool largest) {
  const orr_rows r = orr_rows_of(c->x[0], (int)c->attr[0]);
  orr_rows_extreme(&r, largest, orr_data(c->x[0]), ORR_I64P(c->y[1]),
                   orr_data(c->y[0]));
  return true;
}

static bool max_forward(orr_call *c) { return extreme_forward(c, true); }
static bool min_forward(orr_call *c) { return extreme_forward(c, false); }

static void extreme_vjp(orr_vjp *v) {
  if (!v->gy) return;
  int64_t size[ORR_MAX_RANK];
  const int axis = (int)v->attr[0], rank = without(v->x[0], axis, size);
  v->gx[0] = ORR(place, orr_reshape_to(v->gy, rank, size),
                 orr_reshape_to(v->y[1], rank, size),
                 .attr = {axis, (double)v->x[0]->size[axis], 0, 1});
}

#define EXTREME_PARAMS                                                \
  {                                                                   \
    {"x", .want = ORR_WANT_ANY},                                      \
        {"axis", ORR_AXIS, .required = true, .doc = "along which"}, { \
      "keepdim", ORR_BOOL, .doc = "keep the axis, with size 1"        \
    }                                                                 \
  }
#define EXTREME_SAMPLES(NAME)                                           \
  {                                                                     \
    "{ {3,4}, axis = 2, distinct = true }",                             \
        "{ {2,3,4}, axis = -2, keepdim = true, distinct = true }",      \
        "{ {3,70}, axis = 1, distinct = true }", "{ {0,4}, axis = 2 }", \
        "{ {0,4}, axis = 1, error = '" NAME                             \
        ": x is [0, 4]: nothing to choose "                             \
        "from along axis 1; use an axis that is not empty' }",          \
        "{ {2,3}, axis = 3, error = '" NAME                             \
        ": axis is 3 but x is [2, 3]; use 1 "                           \
        "to 2 or -2 to -1' }"                                           \
  }

ORR_DEFINE_OP(max,
    .doc = "Largest element along an axis, and its position counted from 1. "
           "The first of equal ones is taken and gets the gradient; NaN "
           "wins. Without an axis it is amax.",
    .params = EXTREME_PARAMS, .outputs = 2, .shape = extreme_shape,
    .forward = max_forward, .vjp = extreme_vjp,
    .flags = ORR_KEEPS_Y | ORR_DROPS_X, .samples = EXTREME_SAMPLES("max"));

ORR_DEFINE_OP(min,
    .doc = "Smallest element along an axis, and its position counted from 1. "
           "The first of equal ones is taken and gets the gradient; NaN "
           "wins. Without an axis it is amin.",
    .params = EXTREME_PARAMS, .outputs = 2, .shape = extreme_shape,
    .forward = min_forward, .vjp = extreme_vjp,
    .flags = ORR_KEEPS_Y | ORR_DROPS_X, .samples = EXTREME_SAMPLES("min"));

// ---- cumsum

static bool cumsum_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  return orr_want_axis(c, 0, x->rank) &&
      orr_out(c, 0, orr_dtype_is_float(x->dtype) ? x->dtype : ORR_I64, x->rank,
              x->size);
}

static bool cumsum_forward(orr_call *c) {
  const orr_rows r = orr_rows_of(c->x[0], (int)c->attr[0]);
  orr_rows_cumsum(&r, c->attr[1] != 0, orr_data(c->x[0]), orr_data(c->y[0]));
  return true;
}

static void cumsum_vjp(orr_vjp *v) {
  v->gx[0] = ORR(cumsum, v->gy, .attr = {v->attr[0], v->attr[1] == 0});
}

ORR_DEFINE_OP(cumsum,
    .doc = "Running sums along an axis; int64 and uint8 give int64.",
    .params = {{"x", .want = ORR_WANT_ANY},
        {"axis", ORR_AXIS, .required = true, .doc = "along which"},
        {"reverse", ORR_BOOL, .doc = "sum from the last element on"}},
    .shape = cumsum_shape, .forward = cumsum_forward, .vjp = cumsum_vjp,
    .flags = ORR_DROPS_X,
    .samples = {"{ {3,4}, axis = 1 }", "{ {2,3,4}, axis = -1 }",
        "{ {3,70}, axis = 1, reverse = true }", "{ {0,4}, axis = 2 }",
        "{ {4}, axis = 1, low = -1e4, high = 1e4 }",
        "{ {2,3}, axis = 3, error = 'cumsum: axis is 3 but x is [2, 3]; use "
        "1 to 2 or -2 to -1' }"});

// ---- pick and place: gradients of each other. Losses pick at a target, and
// what is wrong with it is said in their name.

#define PICK_PARAMS \
  { "axis", ORR_AXIS, .required = true }
#define SKIP_PARAMS                                         \
  {"skip", ORR_INT, .doc = "an index that stands for 0"}, { \
    "scale", ORR_NUM, .def = 1                              \
  }

static const char *const pickers[] = {"pick", "nll_loss", "cross_entropy"};

static bool index_error(const orr_call *c, const orr_rows *r, int64_t bad) {
  const int picker = c->op == &orr_op_pick ? (int)c->attr[3] : 0;
  const char *who = picker > 0 ? pickers[picker] : c->op->name;
  const char *what = picker > 0 ? "target" : "index";
  return orr_set_error("%s: %s at element %lld is %lld; use 1 to %lld", who,
                       what, (long long)bad + 1,
                       (long long)ORR_I64P(c->x[1])[bad], (long long)r->n);
}

static bool pick_shape(orr_call *c) {
  if (!orr_want_axis(c, 0, c->x[0]->rank)) return false;
  int64_t size[ORR_MAX_RANK];
  const int rank = without(c->x[0], (int)c->attr[0], size);
  bool same = c->x[1]->rank == rank;
  for (int a = 0; same && a < rank; a++) same = c->x[1]->size[a] == size[a];
  char x[128], index[128];
  if (!same)
    return orr_fail(c,
                    "x is %s but index is %s; it must be x's shape without "
                    "axis %d",
                    orr_shape_text(c->x[0], x, sizeof x),
                    orr_shape_text(c->x[1], index, sizeof index),
                    (int)c->attr[0] + 1);
  return orr_out(c, 0, c->x[0]->dtype, rank, size);
}

static bool pick_forward(orr_call *c) {
  const orr_rows r = orr_rows_of(c->x[0], (int)c->attr[0]);
  int64_t bad;
  return orr_rows_pick(&r, orr_data(c->x[0]), ORR_I64P(c->x[1]),
                       (int64_t)c->attr[1], c->attr[2], orr_data(c->y[0]),
                       &bad) ||
      index_error(c, &r, bad);
}

static void pick_vjp(orr_vjp *v) {
  const int axis = (int)v->attr[0];
  v->gx[0] =
      ORR(place, v->gy, v->x[1],
          .attr = {axis, (double)v->x[0]->size[axis], v->attr[1], v->attr[2]});
}

ORR_DEFINE_OP(pick,
    .doc = "scale times the element at index along an axis, for each "
           "position of the others.",
    .params = {{"x"}, {"index", .want = ORR_WANT_INT}, PICK_PARAMS,
        SKIP_PARAMS,
        {"picker", ORR_CHOICE, .choices = "pick|nll_loss|cross_entropy",
            .doc = "who speaks in errors"}},
    .shape = pick_shape, .forward = pick_forward, .vjp = pick_vjp,
    .flags = ORR_HIDDEN,
    .samples = {"{ {3,4}, {3}, axis = 2, ints = {index = {1,4}} }",
        "{ {3,4,2}, {3,2}, axis = 2, scale = -1, skip = 2, "
        "ints = {index = {1,4}} }",
        "{ {0,4}, {0}, axis = 2, ints = {index = {1,4}} }",
        "{ {3,4}, {4}, axis = 2, ints = {index = {1,4}}, error = 'pick: x is "
        "[3, 4] but index is [4]; it must be x\\'s shape without axis 2' }",
        "{ {3,4}, {3}, axis = 2, ints = {index = {9,9}}, error = 'pick: index "
        "at element 1 is 9; use 1 to 4' }"});

static bool place_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  if (!orr_want_same(c, 0, 1) || !orr_want_axis(c, 0, x->rank + 1))
    return false;
  const int axis = (int)c->attr[0];
  int64_t size[ORR_MAX_RANK + 1];
  for (int a = 0; a <= x->rank; a++)
    size[a] = a == axis ? (int64_t)c->attr[1] : x->size[a - (a > axis)];
  return orr_out(c, 0, x->dtype, x->rank + 1, size);
}

static bool place_forward(orr_call *c) {
  const orr_rows r = orr_rows_of(c->y[0], (int)c->attr[0]);
  int64_t bad;
  return orr_rows_place(&r, orr_data(c->x[0]), ORR_I64P(c->x[1]),
                        (int64_t)c->attr[2], c->attr[3], orr_data(c->y[0]),
                        &bad) ||
      index_error(c, &r, bad);
}

static void place_vjp(orr_vjp *v) {
  v->gx[0] =
      ORR(pick, v->gy, v->x[1], .attr = {v->attr[0], v->attr[2], v->attr[3]});
}

ORR_DEFINE_OP(place,
    .doc = "The transpose of pick: zeros with scale * x at index along a new "
           "axis of n.",
    .params = {{"x"}, {"index", .want = ORR_WANT_INT}, PICK_PARAMS,
        {"n", ORR_INT, .required = true, .doc = "size of the new axis"},
        SKIP_PARAMS},
    .shape = place_shape, .forward = place_forward, .vjp = place_vjp,
    .flags = ORR_HIDDEN,
    .samples = {"{ {3}, {3}, axis = 2, n = 4, ints = {index = {1,4}} }",
        "{ {3,2}, {3,2}, axis = 2, n = 4, scale = -1, skip = 2, "
        "ints = {index = {1,4}} }",
        "{ {0}, {0}, axis = 1, n = 3, ints = {index = {1,3}} }",
        "{ {3}, {4}, axis = 2, n = 4, ints = {index = {1,4}}, error = "
        "'place: x is [3] but index is [4]; match them' }",
        "{ {3}, {3}, axis = 2, n = 4, ints = {index = {5,5}}, error = "
        "'place: index at element 1 is 5; use 1 to 4' }"});
