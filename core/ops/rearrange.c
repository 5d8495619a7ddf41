// rearrange.c -- elements in another order or repeated: flip, roll, rot90,
// tile, repeat_interleave.
#include "op.h"

#define ANY \
  { "x", .want = ORR_WANT_ANY }

// Positions from 1 along an axis: element i of the result is x's
// (first + i * step) / hold, round the axis of n.
static orr_tensor *turned(orr_tensor *x, int axis, int64_t count, int64_t first,
                          int64_t step, int64_t hold) {
  if (!x) return NULL;
  const int64_t n = x->size[axis];
  orr_tensor *index = orr_keep(orr_empty(ORR_I64, 1, &count));
  for (int64_t i = 0; index && i < count; i++) {
    const int64_t at = (first + i * step) / hold % n;
    ORR_I64P(index)[i] = (at < 0 ? at + n : at) + 1;
  }
  return ORR(index_select, x, index, .attr = {axis});
}

static orr_tensor *reversed(orr_tensor *x, int axis) {
  if (!x) return NULL;
  return turned(x, axis, x->size[axis], x->size[axis] - 1, -1, 1);
}

// ---- flip

static orr_tensor *flip_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  if (c->attr[0] == 0) {
    orr_fail(c, "axes is empty; name at least one");
    return NULL;
  }
  if (!orr_want_axes(c, 0, x->rank)) return NULL;
  for (int i = 0; i < (int)c->attr[0]; i++)
    x = reversed(x, (int)c->attr[1 + i]);
  return x;
}

ORR_DEFINE_OP(flip, .doc = "A copy of x in reverse order along the axes.",
    .params = {ANY, {"axes", ORR_AXES, .required = true,
                     .doc = "at least one axis"}},
    .compose = flip_compose,
    .samples = {"{ {3,4}, axes = 2 }", "{ {2,3,4}, axes = {1,-1} }",
        "{ {0,4}, axes = {1,2} }",
        "{ {2,3}, axes = {}, error = 'flip: axes is empty; name at least one' "
        "}",
        "{ {2,3}, axes = 3, error = 'flip: axis is 3 but x is [2, 3]; use 1 "
        "to 2 or -2 to -1' }"});

// ---- roll: shifts, axes

static orr_tensor *roll_one(orr_tensor *x, int axis, double shift) {
  if (!x) return NULL;
  const int64_t n = x->size[axis];
  if (n == 0) return ORR(clone, x);
  return turned(x, axis, n, n - (int64_t)shift % n, 1, 1);
}

static orr_tensor *roll_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  const double *shift = c->attr + 1, *axis = c->attr + 10;
  const int n = (int)c->attr[0], named = (int)c->attr[9];
  if (n != (named ? named : 1)) {
    orr_fail(c, "%d shifts are given for %d axes; give one for each", n,
             named ? named : 1);
    return NULL;
  }
  if (named == 0) {
    x = roll_one(orr_reshape_to(x, 1, &x->count), 0, shift[0]);
    return orr_reshape_to(x, c->x[0]->rank, c->x[0]->size);
  }
  for (int i = 0; i < n; i++) {
    if (!orr_want_axis(c, 10 + i, c->x[0]->rank)) return NULL;
    x = roll_one(x, (int)axis[i], shift[i]);
  }
  return x;
}

ORR_DEFINE_OP(roll,
    .doc = "x moved along axes by so many places; what leaves at one end "
           "comes in at the other. Without axes it moves in row-major order.",
    .params = {ANY,
        {"shifts", ORR_SIZES, .required = true, .doc = "a number per axis"},
        {"axes", ORR_AXES, .doc = "all elements in a row when absent"}},
    .compose = roll_compose,
    .samples = {"{ {3,4}, shifts = 1 }", "{ {3,4}, shifts = -6, axes = 2 }",
        "{ {2,3,4}, shifts = {1,-1}, axes = {3,1} }",
        "{ {0,4}, shifts = 2, axes = 1 }", "{ {}, shifts = 3 }",
        "{ {2,3}, shifts = 0.5, axes = 1, error = 'roll: shifts is the number "
        "0.5; pass a whole number' }",
        "{ {2,3}, shifts = {1,2}, axes = 1, error = 'roll: 2 shifts are given "
        "for 1 axes; give one for each' }"});

// ---- rot90

static orr_tensor *rot90_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  const int named = (int)c->attr[1];
  double *axis = c->attr + 2;
  if (named == 0) axis[0] = 0, axis[1] = 1;
  if (named != 0 && named != 2) {
    orr_fail(c, "%d axes are given; name two", named);
    return NULL;
  }
  if (!orr_want_min_rank(c, 0, 2) || !orr_want_axis(c, 2, x->rank) ||
      !orr_want_axis(c, 3, x->rank))
    return NULL;
  if (axis[0] == axis[1]) {
    orr_fail(c, "axis %d is given twice; name two", (int)axis[0] + 1);
    return NULL;
  }
  const int a = (int)axis[0], b = (int)axis[1];
  switch (((int64_t)c->attr[0] % 4 + 4) % 4) {
  case 1:
    return ORR(transpose, reversed(x, b), .attr = {a, b});
  case 2:
    return reversed(reversed(x, a), b);
  case 3:
    return ORR(transpose, reversed(x, a), .attr = {a, b});
  default:
    return ORR(clone, x);
  }
}

ORR_DEFINE_OP(rot90,
    .doc = "x turned k times by 90 degrees in the plane of two axes, from "
           "the first towards the second.",
    .params = {ANY, {"k", ORR_INT, .def = 1, .doc = "quarter turns"},
        {"axes", ORR_AXES, .doc = "two axes; the first two when absent"}},
    .compose = rot90_compose,
    .samples = {"{ {3,4} }", "{ {2,3,4}, k = -1, axes = {3,1} }",
        "{ {2,3}, k = 2 }", "{ {2,3}, k = 4 }", "{ {0,4} }",
        "{ {3}, error = 'rot90: x is [3] but must have at least 2 axes; use "
        ":view or :unsqueeze' }",
        "{ {2,3}, axes = {1,1}, error = 'rot90: axis 1 is given twice; name "
        "two' }"});

// ---- repeats

static orr_tensor *tile_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  const int n = (int)c->attr[0], grow = n > x->rank ? n - x->rank : 0;
  int64_t size[ORR_MAX_RANK];
  for (int i = 0; i < grow; i++) size[i] = 1;
  for (int i = 0; i < x->rank; i++) size[grow + i] = x->size[i];
  const int rank = grow + x->rank;
  x = ORR(clone, orr_reshape_to(x, rank, size));
  for (int i = 0; i < n; i++) {
    const double times = c->attr[1 + i];
    const int axis = rank - n + i;
    if (times < 0 || times * (double)size[axis] > 9e15) {
      orr_fail(c, "repeat %d is %g; use 0 or more, and not that much", i + 1,
               times);
      return NULL;
    }
    if (times != 1) x = turned(x, axis, size[axis] * (int64_t)times, 0, 1, 1);
  }
  return x;
}

ORR_DEFINE_OP(tile,
    .doc = "x repeated so many times along its last axes; more numbers than "
           "axes put new axes first. PyTorch's repeat, a word that Lua keeps "
           "for itself.",
    .params = {ANY, {"repeats", ORR_SIZES, .required = true,
                     .doc = "how often, for each axis"}},
    .compose = tile_compose,
    .samples = {"{ {2,3}, repeats = {2,2} }", "{ {2,3}, repeats = 3 }",
        "{ {3}, repeats = {2,1,2} }", "{ {}, repeats = {2} }",
        "{ {2,3}, repeats = {0,1} }", "{ {0,4}, repeats = {2,2} }",
        "{ {3}, repeats = -1, error = 'tile: repeat 1 is -1; use 0 or more, "
        "and not that much' }"});

// repeats, axes (at most one)
static orr_tensor *repeat_interleave_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  const double times = c->attr[0];
  if (c->attr[1] > 1) {
    orr_fail(c,
             "axis is a list of %g; give one axis, or none for all "
             "elements in a row",
             c->attr[1]);
    return NULL;
  }
  if (c->attr[1] == 0)
    x = orr_reshape_to(x, 1, &x->count);
  else if (!orr_want_axis(c, 2, x->rank))
    return NULL;
  const int axis = c->attr[1] == 0 ? 0 : (int)c->attr[2];
  if (x && (times < 0 || times * (double)x->size[axis] > 9e15)) {
    orr_fail(c, "repeats is %g; use 0 or more, and not that much", times);
    return NULL;
  }
  if (!x) return NULL;
  return turned(x, axis, x->size[axis] * (int64_t)times, 0, 1,
                times > 0 ? (int64_t)times : 1);
}

ORR_DEFINE_OP(repeat_interleave,
    .doc = "Each element along an axis (of all in a row without one) several "
           "times in succession. repeats may be a tensor, int64, of one count "
           "for each.",
    .params = {ANY, {"repeats", ORR_INT, .required = true, .doc = "how often"},
        {"axis", ORR_AXES, .doc = "one axis; a flat result when absent"}},
    .compose = repeat_interleave_compose,
    .samples = {"{ {2,3}, repeats = 2 }", "{ {2,3}, repeats = 3, axis = 2 }",
        "{ {2,3}, repeats = 0, axis = 1 }", "{ {0,4}, repeats = 2, axis = 2 }",
        "{ {}, repeats = 2 }",
        "{ {3}, repeats = -1, error = 'repeat_interleave: repeats is -1; use 0 "
        "or more, and not that much' }"});
