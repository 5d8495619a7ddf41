// special.c -- special functions, elementwise: inverse error function,
// logarithm of the gamma function and its derivatives, and some others.
//
// float32 is computed in float64 and rounded, so it is exact to half an ulp
// or so; these functions are never where the time goes.
#include "pointwise.h"
#include "reduction.h"

static orr_tensor *scaled(orr_tensor *x, double factor) {
  return ORR(mul, x, orr_num(x, factor));
}

// ---- error function: complement and inverse

ORR_MAP1(erfc, ORR_GRAIN_DEAR, erfc((double)x))

// -2/sqrt(pi) e^(-x^2)
static void erfc_vjp(orr_vjp *v) {
  orr_tensor *d = ORR(exp, ORR(neg, ORR(square, v->x[0])));
  v->gx[0] = times(v, scaled(d, -1.1283791670955126));
}

ORR_DEFINE_OP(erfc,
    .doc = "1 - erf(x), elementwise, exact where erf is close to 1.",
    .params = {{"x"}}, .shape = unary_shape, .forward = erfc_forward,
    .vjp = erfc_vjp, .flags = UNARY_FLAGS | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, low = -2, high = 2 }", "{ {0,4} }",
        "{ {6}, low = 4, high = 30 }"});

// Winitzki's approximation, good to 2e-3, then Halley steps on erf(y) = x:
// each cubes the error. Past 1/2 they work on 1 - erf(y) = 1 - x, which keeps
// all digits of the tail.
static double erfinv_positive(double x) {
  const double a = 0.147, pi = 3.14159265358979323846;
  const double l = log1p(-x * x), t = 2 / (pi * a) + l / 2;
  double y = x < 0.1 ? x * 0.886226925452758 : sqrt(sqrt(t * t - l / a) - t);
  for (int step = 0; step < 3; step++) {
    const double residual = x < 0.5 ? erf(y) - x : (1 - x) - erfc(y);
    const double u = residual * 0.886226925452758 * exp(y * y);
    y -= u / (1 + y * u);
  }
  return y;
}
static double erfinv_of(double x) {
  if (!(x > -1 && x < 1)) return x == 1 ? INFINITY : x == -1 ? -INFINITY : NAN;
  return x == 0 ? x : copysign(erfinv_positive(fabs(x)), x);
}
ORR_MAP1(erfinv, ORR_GRAIN_DEAR, erfinv_of((double)x))

// sqrt(pi)/2 e^(y^2)
static void erfinv_vjp(orr_vjp *v) {
  orr_tensor *d = ORR(exp, ORR(square, v->y[0]));
  v->gx[0] = times(v, scaled(d, 0.88622692545275801));
}

ORR_DEFINE_OP(erfinv,
    .doc = "Inverse of erf, elementwise; -inf at -1, inf at 1, NaN outside.",
    .params = {{"x"}}, .shape = unary_shape, .forward = erfinv_forward,
    .vjp = erfinv_vjp, .flags = UNARY_FLAGS | ORR_INT_TO_FLOAT | ORR_KEEPS_Y | ORR_DROPS_X,
    .samples = {"{ {3,4}, low = -0.9, high = 0.9 }", "{ {0,4} }",
        "{ {5}, low = 0.45, high = 0.55 }",
        "{ {6}, low = -1e-9, high = 1e-9 }",
        "{ {6}, low = 1, high = 2, nograd = true, reason = 'outside the "
        "domain' }"});

// ---- gamma function

static double lgamma_of(double x) {
  int sign;
  return lgamma_r(x, &sign);  // lgamma itself writes a global
}
ORR_MAP1(lgamma, ORR_GRAIN_DEAR, lgamma_of((double)x))

static void lgamma_vjp(orr_vjp *v) {
  v->gx[0] = times(v, ORR(digamma, v->x[0]));
}

ORR_DEFINE_OP(lgamma,
    .doc = "log |Gamma(x)|, elementwise; inf at 0, -1, -2 ...",
    .params = {{"x"}}, .shape = unary_shape, .forward = lgamma_forward,
    .vjp = lgamma_vjp, .flags = UNARY_FLAGS | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, low = 0.3, high = 6 }", "{ {0,4} }",
        "{ {4}, low = -2.7, high = -2.3 }",
        "{ {6}, low = 1e3, high = 1e6, nograd = true, reason = 'differences "
        "lose all digits' }"});

// Below 10, psi(x) = psi(x + 1) - 1/x; then the asymptotic series in 1/x^2
// (Abramowitz & Stegun 6.3.18). Below 0, psi(1 - x) - pi / tan(pi x).
static double digamma_of(double x) {
  static const double series[] = {1. / 12,   -1. / 120,     1. / 252,
                                  -1. / 240, 1. / 132,      -691. / 32760,
                                  1. / 12,   -3617. / 8160, 43867. / 14364};
  const double pi = 3.14159265358979323846;
  if (x == 0) return copysign(INFINITY, -x);
  if (x < 0) {
    if (x == floor(x)) return NAN;
    return digamma_of(1 - x) - pi / tan(pi * (x - rint(x)));
  }
  double below = 0;
  for (; x < 10; x++) below += 1 / x;
  const double z = 1 / (x * x);
  double tail = 0;
  for (int k = 8; k >= 0; k--) tail = z * (series[k] + tail);
  return log(x) - 0.5 / x - tail - below;
}
ORR_MAP1(digamma, ORR_GRAIN_DEAR, digamma_of((double)x))

static void digamma_vjp(orr_vjp *v) {
  v->gx[0] = times(v, ORR(polygamma, v->x[0], .attr = {1}));
}

ORR_DEFINE_OP(digamma,
    .doc = "Derivative of lgamma, elementwise; NaN at -1, -2 ...",
    .params = {{"x"}}, .shape = unary_shape, .forward = digamma_forward,
    .vjp = digamma_vjp, .flags = UNARY_FLAGS | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, low = 0.3, high = 6 }", "{ {0,4} }",
        "{ {4}, low = -2.7, high = -2.3 }", "{ {4}, low = 20, high = 1e4 }"});

// sum over k >= 0 of (x + k)^-s: terms up to x + k = 10, then Euler-Maclaurin
// with Bernoulli numbers B_2j / (2j)!. Below 0 (s whole), the terms on either
// side of 0 are sums of the same kind.
double orr_hurwitz(double s, double x) {
  static const double b[] = {1. / 12,         -1. / 720,
                             1. / 30240,      -1. / 1209600,
                             1. / 47900160,   -691. / 1307674368e3,
                             1. / 74724249600};
  if (x <= 0 && x == floor(x)) return INFINITY;
  if (isinf(x)) return 0;
  if (x < 0) {
    const double near = -x - floor(-x),
                 part = orr_hurwitz(s, near) - orr_hurwitz(s, 1 - x);
    return orr_hurwitz(s, 1 - near) + (fmod(s, 2) == 0 ? part : -part);
  }
  double sum = 0;
  for (; x < 10; x++) sum += pow(x, -s);
  double power = pow(x, -s), rising = s;
  sum += power * x / (s - 1) + power / 2;
  if (power == 0) return sum;
  power /= x;
  for (int j = 0; j < 7; j++) {
    sum += b[j] * rising * power;
    rising *= (s + 2 * j + 1) * (s + 2 * j + 2);
    power /= x * x;
  }
  return sum;
}
static double polygamma_of(double x, double n) {
  if (n == 0) return digamma_of(x);
  const double y = tgamma(n + 1) * orr_hurwitz(n + 1, x);
  return fmod(n, 2) == 0 ? -y : y;
}
ORR_MAP1(polygamma, ORR_GRAIN_DEAR, polygamma_of((double)x, (double)b0))

static bool polygamma_shape(orr_call *c) {
  if (!(c->attr[0] >= 0))
    return orr_fail(c, "n is %g; it must be 0 or more", c->attr[0]);
  return unary_shape(c);
}

static void polygamma_vjp(orr_vjp *v) {
  v->gx[0] = times(v, ORR(polygamma, v->x[0], .attr = {v->attr[0] + 1}));
}

ORR_DEFINE_OP(polygamma,
    .doc = "The n-th derivative of digamma, elementwise.",
    .params = {{"x"}, {"n", ORR_INT, .required = true, .doc = "0 or more"}},
    .shape = polygamma_shape, .forward = polygamma_forward,
    .vjp = polygamma_vjp, .flags = UNARY_FLAGS | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, n = 0, low = 0.5, high = 4 }",
        "{ {3,4}, n = 1, low = 0.5, high = 4 }",
        "{ {4}, n = 2, low = 0.8, high = 15 }",
        "{ {4}, n = 1, low = -1.7, high = -1.3 }", "{ {0,4}, n = 1 }",
        "{ {4}, n = -1, error = 'polygamma: n is -1; it must be 0 or more' "
        "}"});

// ---- of two arguments

ORR_MAP2(atan2, ORR_GRAIN_DEAR, V_FLOAT(x, atan2f, atan2)(x, z))

// (y gx - x gy) / (x^2 + y^2); 0 at the origin, where there is no angle.
static void atan2_vjp(orr_vjp *v) {
  orr_tensor *x = v->x[0], *y = v->x[1];
  orr_tensor *r = ORR(add, ORR(square, x), ORR(square, y));
  orr_tensor *g = orr_div_or_zero(v->gy, r);
  if (v->needs[0]) v->gx[0] = ORR(mul, g, y);
  if (v->needs[1]) v->gx[1] = ORR(neg, ORR(mul, g, x));
}

ORR_DEFINE_OP(atan2,
    .doc = "The angle of the point (y, x), first argument upwards, in "
           "radians from -pi to pi, elementwise with broadcasting. At the "
           "origin its gradient is 0.",
    .params = XY, .shape = binary_shape, .forward = atan2_forward,
    .vjp = atan2_vjp, .flags = BINARY_FLAGS | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, {3,4}, low = 0.3, high = 2 }",
        "{ {3,1}, {4}, low = -2, high = -0.3 }", "{ {0,4}, {4} }",
        BAD_BROADCAST("atan2")});

ORR_MAP2(hypot, ORR_GRAIN_CHEAP, V_FLOAT(x, hypotf, hypot)(x, z))

static void hypot_vjp(orr_vjp *v) {
  orr_tensor *g = orr_div_or_zero(v->gy, v->y[0]);
  if (v->needs[0]) v->gx[0] = ORR(mul, g, v->x[0]);
  if (v->needs[1]) v->gx[1] = ORR(mul, g, v->x[1]);
}

ORR_DEFINE_OP(hypot,
    .doc = "sqrt(x^2 + y^2) without overflow, elementwise with broadcasting. "
           "Where it is 0 its gradient is 0.",
    .params = XY, .shape = binary_shape, .forward = hypot_forward,
    .vjp = hypot_vjp, .flags = BINARY_FLAGS | ORR_INT_TO_FLOAT | ORR_KEEPS_Y,
    .samples = {"{ {3,4}, {3,4}, low = 0.3, high = 2 }",
        "{ {3,1}, {4}, low = -2, high = -0.3 }", "{ {0,4}, {4} }",
        "{ {4}, {4}, low = 1e15, high = 1e18, nograd = true, reason = "
        "'differences lose all digits' }",
        BAD_BROADCAST("hypot")});

ORR_MAP2(logaddexp, ORR_GRAIN_DEAR,
         x == z ? x + V_FLOAT(x, 0.69314718f, 0.69314718055994531)
                : (x > z ? x : z) + v_log1p(v_exp(-v_abs(x - z))))

// sigmoid(x - y) and its complement; both infinite and alike: half each.
static void logaddexp_vjp(orr_vjp *v) {
  orr_tensor *x = v->x[0], *y = v->x[1], *zero = orr_num(x, 0);
  orr_tensor *lost = ORR(logical_and, ORR(eq, x, y), ORR(isinf, x));
  orr_tensor *d =
      ORR(where, lost, zero,
          ORR(sub, ORR(where, lost, zero, x), ORR(where, lost, zero, y)));
  if (v->needs[0]) v->gx[0] = times(v, ORR(sigmoid, d));
  if (v->needs[1]) v->gx[1] = times(v, ORR(sigmoid, ORR(neg, d)));
}

ORR_DEFINE_OP(logaddexp,
    .doc = "log(e^x + e^y) without overflow, elementwise with broadcasting.",
    .params = XY, .shape = binary_shape, .forward = logaddexp_forward,
    .vjp = logaddexp_vjp, .flags = BINARY_FLAGS | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, {3,4}, low = -3, high = 3 }", "{ {3,1}, {4} }",
        "{ {0,4}, {4} }", "{ {6}, {6}, low = -900, high = 900 }",
        BAD_BROADCAST("logaddexp")});

// ---- logarithms and powers of other bases, hyperbolic inverses

#define UNARY(NAME, EXPR, EXTRA, DOC, ...) \
  ORR_MAP1(NAME, ORR_GRAIN_DEAR, EXPR)     \
  ORR_DEFINE_OP(NAME, .doc = DOC, .params = {{"x"}}, .shape = unary_shape, \
                .forward = NAME##_forward, .vjp = NAME##_vjp,             \
                .flags = UNARY_FLAGS | ORR_INT_TO_FLOAT | (EXTRA), .samples = {__VA_ARGS__});

static void log2_vjp(orr_vjp *v) {
  v->gx[0] = ORR(div, v->gy, scaled(v->x[0], 0.69314718055994531));
}
UNARY(log2, V_GENERIC(x, log2f, log2), 0,
      "Logarithm to base 2, elementwise; log2 0 is -inf, below 0 NaN.",
      "{ {3,4}, low = 0.5, high = 3 }", "{ {0,4} }")

static void log10_vjp(orr_vjp *v) {
  v->gx[0] = ORR(div, v->gy, scaled(v->x[0], 2.302585092994045684));
}
UNARY(log10, V_GENERIC(x, log10f, log10), 0,
      "Logarithm to base 10, elementwise; log10 0 is -inf, below 0 NaN.",
      "{ {3,4}, low = 0.5, high = 3 }", "{ {0,4} }")

static void exp2_vjp(orr_vjp *v) {
  v->gx[0] = times(v, scaled(v->y[0], 0.69314718055994531));
}
UNARY(exp2, V_GENERIC(x, exp2f, exp2), ORR_KEEPS_Y | ORR_DROPS_X,
      "Power 2^x, elementwise.", "{ {3,4} }", "{ {0,4} }")

// gy / (3 y^2), infinite at 0 as the slope is.
static void cbrt_vjp(orr_vjp *v) {
  v->gx[0] = ORR(div, v->gy, scaled(ORR(square, v->y[0]), 3));
}
ORR_MAP1(cbrt, ORR_GRAIN_DEAR, V_GENERIC(x, cbrtf, cbrt))
ORR_DEFINE_OP(cbrt,
    .doc = "Cube root, elementwise; of a negative number it is negative.",
    .torch = "", .params = {{"x"}}, .shape = unary_shape,
    .forward = cbrt_forward, .vjp = cbrt_vjp,
    .flags = UNARY_FLAGS | ORR_INT_TO_FLOAT | ORR_KEEPS_Y | ORR_DROPS_X,
    .samples = {"{ {3,4}, low = 0.5, high = 3 }",
        "{ {3,4}, low = -3, high = -0.5 }", "{ {0,4} }",
        "{ {6}, low = -1e30, high = 1e30, nograd = true, reason = "
        "'differences lose all digits' }"});

static orr_tensor *square_plus(orr_tensor *x, double b) {
  return ORR(add, ORR(square, x), orr_num(x, b));
}

static void asinh_vjp(orr_vjp *v) {
  v->gx[0] = times(v, ORR(rsqrt, square_plus(v->x[0], 1)));
}
UNARY(asinh, V_GENERIC(x, asinhf, asinh), 0,
      "Inverse hyperbolic sine, elementwise.", "{ {3,4}, low = -3, high = 3 }",
      "{ {0,4} }")

static void acosh_vjp(orr_vjp *v) {
  v->gx[0] = times(v, ORR(rsqrt, square_plus(v->x[0], -1)));
}
UNARY(acosh, V_GENERIC(x, acoshf, acosh), 0,
      "Inverse hyperbolic cosine, elementwise; below 1 NaN.",
      "{ {3,4}, low = 1.3, high = 4 }", "{ {0,4} }")

static void atanh_vjp(orr_vjp *v) {
  v->gx[0] = ORR(neg, ORR(div, v->gy, square_plus(v->x[0], -1)));
}
UNARY(atanh, V_GENERIC(x, atanhf, atanh), 0,
      "Inverse hyperbolic tangent, elementwise; infinite at -1 and 1, NaN "
      "outside.",
      "{ {3,4}, low = -0.8, high = 0.8 }", "{ {0,4} }")
