// activation_dx.c -- gradients of activations in one pass: NAME_dx(gy, s) is gy
// times the slope, s the input or, where that tells as much, the output.
//
// Each is linear in gy, so its own gradient to gy is itself; to s it is gy
// times the bend, the slope's derivative, made of ops.
#include "pointwise.h"

#define K(X, C) V_FLOAT(X, C##f, C)

static orr_tensor *plus(orr_tensor *x, double number) {
  return ORR(add, x, orr_num(x, number));
}
static orr_tensor *by(orr_tensor *x, double number) {
  return ORR(mul, x, orr_num(x, number));
}

// BEND: an expression in s and a, the options; NULL where the slope is constant
// between steps.
#define DX(NAME, OPTION, GRAIN, SLOPE, BEND, RANGE)                  \
  ORR_MAP2(NAME, GRAIN, SLOPE)                                       \
  static void NAME##_vjp(orr_vjp *v) {                               \
    orr_tensor *s = v->x[1];                                         \
    const double *a = v->attr;                                       \
    if (v->needs[0]) v->gx[0] = ORR(NAME, v->gy, s, .attr = {a[0]}); \
    orr_tensor *bend = v->needs[1] ? BEND : NULL;                    \
    if (bend) v->gx[1] = times(v, ORR(mul, v->x[0], bend));          \
  }                                                                  \
  ORR_DEFINE_OP(NAME,                                                        \
                .doc = "Gradient of the op it is named after, in one pass.", \
                .params = {{"gy"}, {"s"}, OPTION},                           \
                .shape = dx_shape, .forward = NAME##_forward,                \
                .vjp = NAME##_vjp, .flags = ORR_HIDDEN | ORR_STRIDED_OK,     \
                .samples = {"{ {3,4}, {3,4}" RANGE " }", "{ {0,4}, {0,4} }", \
                            "{ {2,3}, {3,2}, error = '" #NAME                \
                            ": gy is [2, 3] but s is [3, 2]; match them' }"});
#define NO_OPTION \
  { NULL }

static bool dx_shape(orr_call *c) {
  return orr_want_same(c, 0, 1) && orr_out_like(c, c->x[0]);
}

// In the slopes x is gy and z is s.

DX(relu_dx, NO_OPTION, ORR_GRAIN_CHEAP, z > 0 || z != z ? x : 0, NULL,
   ", low = 0.1")

#define SLOPE_PARAM \
  { "negative_slope", ORR_NUM, .def = 0.01 }
DX(leaky_relu_dx, SLOPE_PARAM, ORR_GRAIN_CHEAP, z > 0 ? x : x * b0, NULL,
   ", negative_slope = 0.2, low = -2, high = -0.1")

// Below 0 the slope is alpha e^s.
#define ALPHA_PARAM \
  { "alpha", ORR_NUM, .def = 1 }
static orr_tensor *elu_bend(orr_tensor *s, double alpha) {
  orr_tensor *zero = orr_num(s, 0), *above = ORR(gt, s, zero);
  return ORR(where, above, zero, by(ORR(exp, ORR(minimum, s, zero)), alpha));
}
DX(elu_dx, ALPHA_PARAM, ORR_GRAIN_DEAR, z > 0 ? x : x * (b0 * v_exp(z)),
   elu_bend(s, a[0]), ", alpha = 0.5, low = -3, high = -0.1")

// y (1 - y), bend 1 - 2 y
DX(sigmoid_dx, NO_OPTION, ORR_GRAIN_CHEAP, x *(z *(1 - z)), plus(by(s, -2), 1),
   "")

// 1 - y^2, bend -2 y
DX(tanh_dx, NO_OPTION, ORR_GRAIN_CHEAP, x *(1 - z * z), by(s, -2), "")

// sigmoid(beta s), bend beta p (1 - p)
#define BETA_PARAM \
  { "beta", ORR_NUM, .def = 1 }
static orr_tensor *softplus_bend(orr_tensor *s, double beta) {
  orr_tensor *p = ORR(sigmoid, by(s, beta));
  return by(ORR(mul, p, plus(by(p, -1), 1)), beta);
}
DX(softplus_dx, BETA_PARAM, ORR_GRAIN_DEAR, x *v_sigmoid(b0 *z),
   softplus_bend(s, a[0]), ", beta = 2.5")

// p (1 + s (1 - p)), p = sigmoid(s); bend p (1 - p) (2 + s (1 - 2 p))
static orr_tensor *silu_bend(orr_tensor *s) {
  orr_tensor *p = ORR(sigmoid, s);
  orr_tensor *q = ORR(mul, p, plus(by(p, -1), 1));
  return ORR(mul, q, plus(ORR(mul, s, plus(by(p, -2), 1)), 2));
}
#define SILU_SLOPE(T) \
  static inline T silu_slope_##T(T s, T p) { return p * (1 + s * (1 - p)); }
SILU_SLOPE(float)
SILU_SLOPE(double)
DX(silu_dx, NO_OPTION, ORR_GRAIN_DEAR,
   x *V_FLOAT(z, silu_slope_float, silu_slope_double)(z, v_sigmoid(z)),
   silu_bend(s), ", low = -3, high = 3")

// 2 / sqrt(pi) e^(-s^2), bend -2 s times that
#define ERF_SCALE 1.1283791670955126
static orr_tensor *erf_bend(orr_tensor *s) {
  orr_tensor *d = ORR(exp, ORR(neg, ORR(square, s)));
  return ORR(mul, s, by(d, -2 * ERF_SCALE));
}
DX(erf_dx, NO_OPTION, ORR_GRAIN_DEAR,
   x *(V_FLOAT(z, 1.12837917f, ERF_SCALE) * v_exp(-z * z)), erf_bend(s),
   ", low = -2, high = 2")

// Phi(s) + s phi(s), bend phi(s) (2 - s^2)
static orr_tensor *gelu_bend(orr_tensor *s) {
  orr_tensor *square = ORR(square, s);
  orr_tensor *phi = by(ORR(exp, by(square, -0.5)), 0.3989422804014327);
  return ORR(mul, phi, plus(by(square, -1), 2));
}
DX(gelu_dx, NO_OPTION, ORR_GRAIN_DEAR, x *v_gelu_slope(z), gelu_bend(s),
   ", low = -3, high = 3")

// With u = A s + B s^3 and t = tanh(u): (1 + t + s u' (1 - t^2)) / 2, bend
// (1 - t^2) (u' + s u'' / 2 - s u'^2 t).
#define A 0.79788456080286536
#define B 0.035677408136300125
#define GELU_TANH_SLOPE(T)                            \
  static inline T gelu_tanh_slope_##T(T s, T t) {     \
    const T bend = s * ((T)A + (T)(3 * B) * (s * s)); \
    return (T)0.5 * (1 + t + bend * (1 - t * t));     \
  }
GELU_TANH_SLOPE(float)
GELU_TANH_SLOPE(double)
#define GELU_TANH \
  v_tanh(z *(V_FLOAT(z, (float)A, A) + V_FLOAT(z, (float)B, B) * z * z))
static orr_tensor *gelu_tanh_bend(orr_tensor *s) {
  orr_tensor *z = ORR(square, s);
  orr_tensor *t = ORR(tanh, ORR(mul, s, plus(by(z, B), A)));
  orr_tensor *du = plus(by(z, 3 * B), A);
  orr_tensor *down = ORR(mul, s, ORR(mul, ORR(square, du), t));
  orr_tensor *rest = ORR(sub, ORR(add, du, by(z, 3 * B)), down);
  return ORR(mul, plus(by(ORR(square, t), -1), 1), rest);
}
DX(gelu_tanh_dx, NO_OPTION, ORR_GRAIN_DEAR,
   x *V_FLOAT(z, gelu_tanh_slope_float, gelu_tanh_slope_double)(z, GELU_TANH),
   gelu_tanh_bend(s), ", low = -3, high = 3")
