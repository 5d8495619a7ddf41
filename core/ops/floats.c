// floats.c -- how floating-point numbers are made: neighbours, mantissa and
// exponent.
#include "pointwise.h"

ORR_LOOP2(nextafter_f32, float, float, nextafterf(x, z))
ORR_LOOP2(nextafter_f64, double, double, nextafter(x, z))
static bool nextafter_forward(orr_call *c) {
  orr_loop *loop = c->x[0]->dtype == ORR_F32 ? nextafter_f32 : nextafter_f64;
  return orr_run_loop(c, loop, ORR_GRAIN_DEAR);
}

ORR_DEFINE_OP(nextafter,
    .doc = "The number next to x in the direction of y, elementwise with "
           "broadcasting; y where they are equal.",
    .params = {{"x"}, {"y"}}, .shape = binary_shape,
    .forward = nextafter_forward, .flags = BINARY_FLAGS | ORR_NO_GRAD,
    .samples = {"{ {3,4}, {3,4} }", "{ {3,1}, {4} }", "{ {0,4}, {4} }",
        BAD_BROADCAST("nextafter")});

// ---- frexp

static bool frexp_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  return orr_out_like(c, x) && orr_out(c, 1, ORR_I64, x->rank, x->size);
}

#define TAKE_APART(P, FREXP)                   \
  for (int64_t i = begin; i < end; i++) {      \
    int e = 0;                                 \
    const bool fine = isfinite(P(c->x[0])[i]); \
    P(c->y[0])[i] = FREXP(P(c->x[0])[i], &e);  \
    ORR_I64P(c->y[1])[i] = fine ? e : 0;       \
  }
static void take_apart(void *context, int64_t begin, int64_t end) {
  const orr_call *c = context;
  if (c->x[0]->dtype == ORR_F32)
    TAKE_APART(ORR_F32P, frexpf)
  else
    TAKE_APART(ORR_F64P, frexp)
}

static bool frexp_forward(orr_call *c) {
  orr_parallel_range(c->x[0]->count, ORR_GRAIN_CHEAP, take_apart, c);
  return true;
}

// Between powers of two the mantissa is x 2^-exponent.
static void frexp_vjp(orr_vjp *v) {
  if (!v->gy) return;
  orr_tensor *e = orr_cast(v->y[1], v->x[0]->dtype);
  v->gx[0] = ORR(ldexp, v->gy, ORR(neg, e));
}

ORR_DEFINE_OP(frexp,
    .doc = "x = mantissa * 2^exponent, elementwise: the mantissa between 1/2 "
           "and 1, or 0, and the exponent (int64). Infinities and NaN are "
           "their own mantissa.",
    .params = {{"x"}}, .outputs = 2, .shape = frexp_shape,
    .forward = frexp_forward, .vjp = frexp_vjp,
    .flags = ORR_KEEPS_Y | ORR_DROPS_X,
    .samples = {"{ {3,4}, low = 0.6, high = 0.9 }",
        "{ {3,4}, low = -15, high = -9 }", "{ {0,4} }", "{ {} , low = 3, high "
        "= 3.5 }"});
