// softmax.c -- softmax and its logarithm.
#include "../kernels/rows.h"
#include "op.h"

static bool softmax_shape(orr_call *c) {
  return orr_want_axis(c, 0, c->x[0]->rank) && orr_out_like(c, c->x[0]);
}

static bool run(orr_call *c, bool logarithm) {
  const orr_rows r = orr_rows_of(c->x[0], (int)c->attr[0]);
  orr_rows_softmax(&r, logarithm, orr_data(c->x[0]), orr_data(c->y[0]));
  return true;
}

static bool softmax_forward(orr_call *c) { return run(c, false); }
static bool log_softmax_forward(orr_call *c) { return run(c, true); }

static orr_tensor *sum_along(orr_tensor *t, double axis) {
  return ORR(sum, t, .attr = {1, axis, [9] = true});
}

// gx = y (g - sum(g y)).
static void softmax_vjp(orr_vjp *v) {
  orr_tensor *gy = ORR(mul, v->gy, v->y[0]);
  orr_tensor *mean = sum_along(gy, v->attr[0]);
  v->gx[0] = ORR(mul, v->y[0], ORR(sub, v->gy, mean));
}

// gx = g - e^y sum(g).
static void log_softmax_vjp(orr_vjp *v) {
  orr_tensor *total = sum_along(v->gy, v->attr[0]);
  v->gx[0] = ORR(sub, v->gy, ORR(mul, ORR(exp, v->y[0]), total));
}

#define PARAMS                                                       \
  {                                                                  \
    {"x"}, {                                                         \
      "axis", ORR_AXIS, .required = true,                            \
                        .doc = "the axis whose elements add up to 1" \
    }                                                                \
  }

ORR_DEFINE_OP(softmax,
    .doc = "exp(x) / sum(exp(x)) along an axis, without overflow. A row of "
           "-inf alone gives NaN.",
    .params = PARAMS, .shape = softmax_shape, .forward = softmax_forward,
    .vjp = softmax_vjp, .flags = ORR_KEEPS_Y | ORR_DROPS_X,
    .samples = {"{ {3,4}, axis = 2 }", "{ {3,4}, axis = 1 }",
        "{ {2,3,70}, axis = -2 }", "{ {2,40}, axis = -1 }",
        "{ {0,4}, axis = 2 }", "{ {0,4}, axis = 1 }", "{ {2,0}, axis = 2 }",
        "{ {2,6}, axis = 2, low = -500, high = 500 }",
        "{ {2,3}, axis = 3, error = 'softmax: axis is 3 but x is [2, 3]; use "
        "1 to 2 or -2 to -1' }"});

ORR_DEFINE_OP(log_softmax,
    .doc = "x - log(sum(exp(x))) along an axis, without overflow. A row of "
           "-inf alone gives NaN.",
    .params = PARAMS, .shape = softmax_shape, .forward = log_softmax_forward,
    .vjp = log_softmax_vjp, .flags = ORR_KEEPS_Y | ORR_DROPS_X,
    .samples = {"{ {3,4}, axis = 2 }", "{ {3,4}, axis = 1 }",
        "{ {2,3,70}, axis = -2 }", "{ {2,40}, axis = -1 }",
        "{ {0,4}, axis = 2 }", "{ {0,4}, axis = 1 }", "{ {2,0}, axis = 2 }",
        "{ {2,6}, axis = 2, low = -500, high = 500 }",
        "{ {2,3}, axis = 3, error = 'log_softmax: axis is 3 but x is [2, 3]; "
        "use 1 to 2 or -2 to -1' }"});
