// transcendental.c -- exp, log, roots, trigonometry, elementwise.
#include "pointwise.h"

#define FLAGS (ORR_STRIDED_OK | ORR_INPLACE | ORR_INT_TO_FLOAT)

// Integer inputs are computed as float32. GRAD fills v->gx[0].
#define UNARY(NAME, GRAIN, EXPR, EXTRA, DOC, ...) \
  ORR_MAP1(NAME, GRAIN, EXPR)                     \
  DEFINE_UNARY(NAME, EXTRA, DOC, __VA_ARGS__)
#define DEFINE_UNARY(NAME, EXTRA, DOC, ...) \
  ORR_DEFINE_OP(NAME, .doc = DOC, .params = {{"x"}}, .shape = unary_shape, \
                .forward = NAME##_forward, .vjp = NAME##_vjp,            \
                .flags = FLAGS | (EXTRA), .samples = {__VA_ARGS__});

static orr_tensor *one(orr_vjp *v) { return orr_num(v->gy, 1); }
// 1 - s x^2 and the like.
static orr_tensor *one_minus_square(orr_vjp *v, orr_tensor *x) {
  return ORR(sub, one(v), ORR(square, x));
}

static void exp_vjp(orr_vjp *v) { v->gx[0] = times(v, v->y[0]); }
UNARY(
    exp, ORR_GRAIN_DEAR, v_exp(x), ORR_DROPS_X | ORR_KEEPS_Y,
    "Exponential e^x, elementwise.", "{ {3,4} }", "{ {0,4} }",
    "{ {6}, low = -80, high = 80, nograd = true, reason = 'spans 69 decades' }")

static void log_vjp(orr_vjp *v) { v->gx[0] = ORR(div, v->gy, v->x[0]); }
UNARY(log, ORR_GRAIN_DEAR, v_log(x), 0,
      "Natural logarithm, elementwise; log 0 is -inf, below 0 NaN.",
      "{ {3,4}, low = 0.5, high = 3 }", "{ {0,4} }",
      "{ {4}, low = 1e-30, high = 1e30, nograd = true, reason = 'spans 60 "
      "decades' }")

static void log1p_vjp(orr_vjp *v) {
  v->gx[0] = ORR(div, v->gy, ORR(add, v->x[0], one(v)));
}
UNARY(log1p, ORR_GRAIN_DEAR, v_log1p(x), 0,
      "log(1 + x), elementwise, exact for small x.",
      "{ {3,4}, low = -0.5, high = 3 }", "{ {0,4} }")

static void expm1_vjp(orr_vjp *v) {
  v->gx[0] = times(v, ORR(add, v->y[0], one(v)));
}
UNARY(expm1, ORR_GRAIN_DEAR, v_expm1(x), ORR_DROPS_X | ORR_KEEPS_Y,
      "e^x - 1, elementwise, exact for small x.", "{ {3,4} }", "{ {0,4} }")

// gy / (2 sqrt x)
static void sqrt_vjp(orr_vjp *v) {
  v->gx[0] = ORR(div, v->gy, ORR(mul, v->y[0], orr_num(v->gy, 2)));
}
UNARY(sqrt, ORR_GRAIN_CHEAP, v_sqrt(x), ORR_DROPS_X | ORR_KEEPS_Y,
      "Square root, elementwise; below 0 it is NaN.",
      "{ {3,4}, low = 0.5, high = 3 }", "{ {0,4} }")

// d x^(-1/2) = -y^3 / 2
static void rsqrt_vjp(orr_vjp *v) {
  orr_tensor *y = v->y[0];
  v->gx[0] =
      times(v, ORR(mul, ORR(mul, ORR(square, y), y), orr_num(v->gy, -0.5)));
}
UNARY(rsqrt, ORR_GRAIN_CHEAP, 1 / v_sqrt(x), ORR_DROPS_X | ORR_KEEPS_Y,
      "1 / sqrt(x), elementwise.", "{ {3,4}, low = 0.5, high = 3 }",
      "{ {0,4} }")

static void reciprocal_vjp(orr_vjp *v) {
  v->gx[0] = ORR(neg, times(v, ORR(square, v->y[0])));
}
UNARY(reciprocal, ORR_GRAIN_CHEAP, 1 / x, ORR_DROPS_X | ORR_KEEPS_Y,
      "1 / x, elementwise.", "{ {3,4}, low = 0.5, high = 3 }", "{ {0,4} }")

ORR_CLONES static int any_far(int64_t n, const float *x, int64_t step) {
  int far = 0;
  if (step == 1)
    for (int64_t i = 0; i < n; i++) far |= fabsf(x[i]) > ORR_TURNS_MOST;
  else
    for (int64_t i = 0; i < n; i++) far |= fabsf(x[i * step]) > ORR_TURNS_MOST;
  return far;
}

// Elements too large for the vector form are the C library's, and only where
// there are some is each asked; what becomes of an element depends on it alone.
#define TURNS(NAME)                                                            \
  ORR_LOOP1(NAME##_near, float, float, orr_##NAME##f(x))                       \
  static void NAME##_f32(int64_t n, char *const *p, const int64_t *s,          \
                         const double *attr) {                                 \
    const float *x = (const float *)(const void *)p[1];                        \
    float *y = (float *)(void *)p[0];                                          \
    if (!any_far(n, x, s[1])) {                                                \
      NAME##_near(n, p, s, attr);                                              \
      return;                                                                  \
    }                                                                          \
    for (int64_t i = 0; i < n; i++) {                                          \
      const float v = x[i * s[1]];                                             \
      y[i * s[0]] = fabsf(v) > ORR_TURNS_MOST ? NAME##f(v) : orr_##NAME##f(v); \
    }                                                                          \
  }                                                                            \
  ORR_LOOP1(NAME##_f64, double, double, NAME(x))                               \
  static bool NAME##_forward(orr_call *c) {                                    \
    return orr_run_loop(c,                                                     \
                        c->x[0]->dtype == ORR_F32 ? NAME##_f32 : NAME##_f64,   \
                        ORR_GRAIN_DEAR);                                       \
  }
TURNS(sin)
TURNS(cos)

static void sin_vjp(orr_vjp *v) { v->gx[0] = times(v, ORR(cos, v->x[0])); }
DEFINE_UNARY(sin, 0, "Sine (radians), elementwise.",
             "{ {3,4}, low = -4, high = 4 }", "{ {0,4} }")

static void cos_vjp(orr_vjp *v) {
  v->gx[0] = ORR(neg, times(v, ORR(sin, v->x[0])));
}
DEFINE_UNARY(cos, 0, "Cosine (radians), elementwise.",
             "{ {3,4}, low = -4, high = 4 }", "{ {0,4} }")

// 1 + tan^2
static void tan_vjp(orr_vjp *v) {
  v->gx[0] = times(v, ORR(add, one(v), ORR(square, v->y[0])));
}
UNARY(tan, ORR_GRAIN_DEAR, v_tan(x), ORR_DROPS_X | ORR_KEEPS_Y,
      "Tangent (radians), elementwise.", "{ {3,4} }", "{ {0,4} }")

static void asin_vjp(orr_vjp *v) {
  v->gx[0] = times(v, ORR(rsqrt, one_minus_square(v, v->x[0])));
}
UNARY(asin, ORR_GRAIN_DEAR, v_asin(x), 0,
      "Arc sine in radians, elementwise; outside [-1, 1] NaN.",
      "{ {3,4}, low = -0.8, high = 0.8 }", "{ {0,4} }")

static void acos_vjp(orr_vjp *v) {
  v->gx[0] = ORR(neg, times(v, ORR(rsqrt, one_minus_square(v, v->x[0]))));
}
UNARY(acos, ORR_GRAIN_DEAR, v_acos(x), 0,
      "Arc cosine in radians, elementwise; outside [-1, 1] NaN.",
      "{ {3,4}, low = -0.8, high = 0.8 }", "{ {0,4} }")

static void atan_vjp(orr_vjp *v) {
  v->gx[0] = ORR(div, v->gy, ORR(add, one(v), ORR(square, v->x[0])));
}
UNARY(atan, ORR_GRAIN_DEAR, v_atan(x), 0,
      "Arc tangent in radians, elementwise.", "{ {3,4}, low = -3, high = 3 }",
      "{ {0,4} }")

static void sinh_vjp(orr_vjp *v) { v->gx[0] = times(v, ORR(cosh, v->x[0])); }
UNARY(sinh, ORR_GRAIN_DEAR, v_sinh(x), 0, "Hyperbolic sine, elementwise.",
      "{ {3,4}, low = -2, high = 2 }", "{ {0,4} }")

static void cosh_vjp(orr_vjp *v) { v->gx[0] = times(v, ORR(sinh, v->x[0])); }
UNARY(cosh, ORR_GRAIN_DEAR, v_cosh(x), 0, "Hyperbolic cosine, elementwise.",
      "{ {3,4}, low = -2, high = 2 }", "{ {0,4} }")

static void tanh_vjp(orr_vjp *v) { v->gx[0] = ORR(tanh_dx, v->gy, v->y[0]); }
UNARY(tanh, ORR_GRAIN_DEAR, v_tanh(x), ORR_DROPS_X | ORR_KEEPS_Y,
      "Hyperbolic tangent, elementwise.", "{ {3,4}, low = -2, high = 2 }",
      "{ {0,4} }", "{ {6}, low = -400, high = 400 }")

static void erf_vjp(orr_vjp *v) { v->gx[0] = ORR(erf_dx, v->gy, v->x[0]); }
UNARY(erf, ORR_GRAIN_DEAR, v_erf(x), 0, "Error function, elementwise.",
      "{ {3,4}, low = -2, high = 2 }", "{ {0,4} }")
