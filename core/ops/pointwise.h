// pointwise.h -- what the families of elementwise ops share: shape rules,
// flags, the usual parameters and the sample every broadcasting op has.
#ifndef ORR_POINTWISE_H
#define ORR_POINTWISE_H
#include "../kernels/elementwise.h"

static inline bool unary_shape(orr_call *c) { return orr_out_like(c, c->x[0]); }
static inline bool binary_shape(orr_call *c) {
  return orr_out_broadcast(c, -1);
}

#define UNARY_FLAGS (ORR_STRIDED_OK | ORR_INPLACE)
#define BINARY_FLAGS (UNARY_FLAGS | ORR_PROMOTE)
#define XY                                                     \
  {                                                            \
    {"x", .want = ORR_WANT_ANY}, { "y", .want = ORR_WANT_ANY } \
  }
#define BAD_BROADCAST(NAME)                                                   \
  "{ {2,3}, {2,4}, error = '" NAME ": x is [2, 3], y is [2, 4]: they do not " \
  "broadcast; sizes must be equal or 1, matched from the last axis' }"

// Loops for all four dtypes; the operands have been brought to one.
#define LOOPS(LOOP, NAME, EXPR)                                           \
  LOOP(NAME##_f32, float, float, EXPR)                                    \
  LOOP(NAME##_f64, double, double, EXPR)                                  \
  LOOP(NAME##_i64, int64_t, int64_t, EXPR)                                \
  LOOP(NAME##_u8, uint8_t, uint8_t, EXPR)                                 \
  static bool NAME##_forward(orr_call *c) {                               \
    static orr_loop *const loops[] = {NAME##_f32, NAME##_f64, NAME##_i64, \
                                      NAME##_u8};                         \
    return orr_run_loop(c, loops[c->x[0]->dtype], ORR_GRAIN_CHEAP);       \
  }
#define LOOPS1(NAME, EXPR) LOOPS(ORR_LOOP1, NAME, EXPR)
#define LOOPS2(NAME, EXPR) LOOPS(ORR_LOOP2, NAME, EXPR)

// The gradient of what is constant between steps, and of what is linear with
// slope 1.
static inline void zero_vjp(orr_vjp *v) {
  v->gx[0] = ORR(mul, v->gy, orr_num(v->gy, 0));
}
static inline void pass_vjp(orr_vjp *v) { v->gx[0] = v->gy; }
// gy times the slope d.
static inline orr_tensor *times(orr_vjp *v, orr_tensor *d) {
  return ORR(mul, v->gy, d);
}

// clamp's, which hardtanh shares: limits in the first two options.
bool orr_clamp_forward(orr_call *c);
bool orr_is_whole(double limit);

// The sum over k >= 0 of (x + k)^-s, s > 1.
double orr_hurwitz(double s, double x);

#endif
