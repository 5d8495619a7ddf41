// running.c -- extremes so far and areas under curves, along an axis.
#include "../kernels/rows.h"
#include "op.h"

// ---- cummax, cummin

static bool running_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  return orr_want_axis(c, 0, x->rank) && orr_out_like(c, x) &&
      orr_out(c, 1, ORR_I64, x->rank, x->size);
}

static bool run(orr_call *c, bool largest) {
  const orr_rows r = orr_rows_of(c->x[0], (int)c->attr[0]);
  orr_rows_running(&r, largest, orr_data(c->x[0]), ORR_I64P(c->y[1]),
                   orr_data(c->y[0]));
  return true;
}
static bool cummax_forward(orr_call *c) { return run(c, true); }
static bool cummin_forward(orr_call *c) { return run(c, false); }

static void running_vjp(orr_vjp *v) {
  const orr_tensor *x = v->x[0];
  if (!v->gy) return;
  orr_tensor *zero = orr_keep(orr_zeros(x->dtype, x->rank, x->size));
  v->gx[0] = ORR(scatter_add, zero, v->y[1], v->gy, .attr = {v->attr[0]});
}

#define RUNNING(NAME, WHICH) \
  ORR_DEFINE_OP(NAME,                                                          \
      .doc = "The " WHICH " element so far along an axis, and its position: "  \
             "the last of equal ones, which gets the gradient. NaN wins.",     \
      .params = {{"x", .want = ORR_WANT_ANY},                                  \
          {"axis", ORR_AXIS, .required = true, .doc = "along which"}},         \
      .outputs = 2, .shape = running_shape, .forward = NAME##_forward,         \
      .vjp = running_vjp, .flags = ORR_KEEPS_Y | ORR_DROPS_X,                  \
      .samples = {"{ {3,4}, axis = 1, distinct = true }",                      \
          "{ {2,70,2}, axis = 2, distinct = true }",                           \
          "{ {2,9}, axis = -1, distinct = true }", "{ {0,4}, axis = 2 }",      \
          "{ {0,4}, axis = 1 }",                                               \
          "{ {2,3}, axis = 3, error = '" #NAME ": axis is 3 but x is [2, 3]; " \
          "use 1 to 2 or -2 to -1' }"})
RUNNING(cummax, "largest");
RUNNING(cummin, "smallest");

// ---- trapezoid: dx, axis

static orr_tensor *scaled(orr_tensor *x, double factor) {
  return ORR(mul, x, orr_num(x, factor));
}
static orr_tensor *part(orr_tensor *x, int axis, int64_t first, int64_t n) {
  return ORR(narrow, x, .attr = {axis, (double)first, (double)n, 1});
}

// The steps of x, which has y's shape, or is one row that goes along the axis.
static orr_tensor *steps(orr_call *c, int axis, int64_t n) {
  const orr_tensor *y = c->x[0];
  orr_tensor *x = c->x[1];
  char a[128], b[128];
  if (x->rank == 1 && y->rank > 1) {
    int64_t size[ORR_MAX_RANK];
    for (int i = 0; i < y->rank; i++) size[i] = i == axis ? x->size[0] : 1;
    x = orr_reshape_to(x, y->rank, size);
  }
  if (!x) return NULL;
  if (x->rank != y->rank || x->size[axis] != n) {
    orr_fail(c, "y is %s but x is %s; match them, or give x for axis %d alone",
             orr_shape_text(y, a, sizeof a),
             orr_shape_text(c->x[1], b, sizeof b), axis + 1);
    return NULL;
  }
  return ORR(sub, part(x, axis, 1, n - 1), part(x, axis, 0, n - 1));
}

// The areas of the single strips; none for fewer than two points.
static orr_tensor *strips(orr_call *c) {
  orr_tensor *y = c->x[0];
  if (!orr_want_axis(c, 1, y->rank)) return NULL;
  const int axis = (int)c->attr[1];
  const int64_t n = y->size[axis];
  if (n < 2) return part(y, axis, 0, 0);
  orr_tensor *pairs =
      ORR(add, part(y, axis, 1, n - 1), part(y, axis, 0, n - 1));
  if (!c->x[1]) return scaled(pairs, c->attr[0] / 2);
  return scaled(ORR(mul, pairs, steps(c, axis, n)), 0.5);
}

static orr_tensor *trapezoid_compose(orr_call *c) {
  orr_tensor *s = strips(c);
  return ORR(sum, s, .attr = {1, c->attr[1]});
}
static orr_tensor *cumulative_trapezoid_compose(orr_call *c) {
  orr_tensor *s = strips(c);
  return ORR(cumsum, s, .attr = {c->attr[1]});
}

#define AREA(NAME, DOC) \
  ORR_DEFINE_OP(NAME, .doc = DOC,                                             \
      .params = {{"y", .doc = "heights"},                                     \
          {"x", .optional = true,                                             \
              .doc = "where they stand; dx apart when absent"},               \
          {"dx", ORR_NUM, .def = 1, .doc = "distance without x"},             \
          {"axis", ORR_AXIS, .def = -1, .doc = "along which"}},               \
      .compose = NAME##_compose, .flags = ORR_INT_TO_FLOAT,                                              \
      .samples = {"{ {3,4} }", "{ {5,2}, false, dx = 0.5, axis = 1 }",        \
          "{ {5,3}, {5}, axis = 1 }", "{ {2,3}, {2,3} }", "{ {0,4} }",        \
          "{ {3,1} }",                                                        \
          "{ {2,3}, {4}, error = '" #NAME ": y is [2, 3] but x is [4]; match " \
          "them, or give x for axis 2 alone' }"})
AREA(trapezoid, "The area under y along an axis by the trapezoid rule.");
AREA(cumulative_trapezoid,
     "The area under y up to each point but the first, along an axis, by the "
     "trapezoid rule.");
