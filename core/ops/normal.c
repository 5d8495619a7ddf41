// normal.c -- the normal distribution's function, its logarithm and inverse,
// and their relatives, elementwise, exact in the tails.
#include "pointwise.h"

static const double ROOT_HALF = 0.70710678118654752440;    // sqrt(1/2)
static const double ROOT_PI_2 = 0.88622692545275801365;    // sqrt(pi) / 2
static const double TWO_ROOT_PI = 1.12837916709551257390;  // 2 / sqrt(pi)

static orr_tensor *scaled(orr_tensor *x, double factor) {
  return ORR(mul, x, orr_num(x, factor));
}

// ---- e^(x^2) erfc(x)

// e^(x^2) from a part of x whose square is exact, and the rest.
static double exp_square(double x) {
  const double high = rint(x * 65536) / 65536;
  return exp(high * high) * exp((x - high) * (x + high));
}
// Past 25, 1 - 1/(2x^2) + 1 3/(2x^2)^2 - ... (Abramowitz & Stegun 7.1.23).
static double erfcx_of(double x) {
  if (x < 25) return x < -26.7 ? INFINITY : exp_square(x) * erfc(x);
  const double z = 1 / (2 * x * x);
  return (1 - z * (1 - 3 * z * (1 - 5 * z * (1 - 7 * z * (1 - 9 * z))))) *
      (TWO_ROOT_PI / 2) / x;
}
ORR_MAP1(erfcx, ORR_GRAIN_DEAR, erfcx_of((double)x))

static void erfcx_vjp(orr_vjp *v) {
  orr_tensor *d = scaled(ORR(mul, v->x[0], v->y[0]), 2);
  v->gx[0] = times(v, ORR(sub, d, orr_num(d, TWO_ROOT_PI)));
}

ORR_DEFINE_OP(erfcx,
    .doc = "e^(x^2) erfc(x), elementwise: erfc where it would underflow.",
    .params = {{"x"}}, .shape = unary_shape, .forward = erfcx_forward,
    .vjp = erfcx_vjp, .torch = "torch.special.erfcx",
    .flags = UNARY_FLAGS | ORR_INT_TO_FLOAT | ORR_KEEPS_Y,
    .samples = {"{ {3,4}, low = -1, high = 3 }", "{ {0,4} }",
        "{ {6}, low = 20, high = 1e6, nograd = true, reason = 'differences "
        "lose digits' }"});

// ---- ndtr

static orr_tensor *ndtr_compose(orr_call *c) {
  return scaled(ORR(erfc, scaled(c->x[0], -ROOT_HALF)), 0.5);
}

ORR_DEFINE_OP(ndtr,
    .doc = "Probability that a standard normal number is below x, "
           "elementwise.",
    .params = {{"x"}}, .compose = ndtr_compose, .flags = ORR_INT_TO_FLOAT,
    .torch = "torch.special.ndtr",
    .samples = {"{ {3,4}, low = -3, high = 3 }", "{ {0,4} }",
        "{ {4}, low = -12, high = -8, nograd = true, reason = 'differences "
        "lose digits' }"});

// Below -1, log(e^(-x^2/2) erfcx(-x/sqrt 2) / 2).
static double log_ndtr_of(double x) {
  if (x < -1) return log(erfcx_of(-x * ROOT_HALF) / 2) - x * x / 2;
  return log1p(-erfc(x * ROOT_HALF) / 2);
}
ORR_MAP1(log_ndtr, ORR_GRAIN_DEAR, log_ndtr_of((double)x))

// density / ndtr = sqrt(2/pi) / erfcx(-x / sqrt 2)
static void log_ndtr_vjp(orr_vjp *v) {
  orr_tensor *e = ORR(erfcx, scaled(v->x[0], -ROOT_HALF));
  v->gx[0] = scaled(ORR(div, v->gy, e), TWO_ROOT_PI * ROOT_HALF);
}

ORR_DEFINE_OP(log_ndtr,
    .doc = "Logarithm of ndtr, elementwise, finite far below 0 too.",
    .params = {{"x"}}, .shape = unary_shape, .forward = log_ndtr_forward,
    .vjp = log_ndtr_vjp, .torch = "torch.special.log_ndtr",
    .flags = UNARY_FLAGS | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, low = -4, high = 4 }", "{ {0,4} }",
        "{ {4}, low = -90, high = -40, nograd = true, reason = 'differences "
        "lose digits' }"});

// The y with erfc(y) = 2p, p < 1/2, from Winitzki's formula by Newton's method
// on logarithms, which is as good at 1e-300 as at 0.1.
static double tail(double p) {
  const double a = 0.147, l = log(4 * p * (1 - p)), want = log(2 * p);
  const double t = 4.3307467508 + l / 2;  // 2 / (pi a) + l / 2
  double y = sqrt(sqrt(t * t - l / a) - t);
  for (int step = 0; step < 6; step++) {
    const double e = erfcx_of(y);
    y += (log(e) - y * y - want) * ROOT_PI_2 * e;
  }
  return y;
}
static double ndtri_of(double p) {
  if (!(p > 0 && p < 1)) return p == 0 ? -INFINITY : p == 1 ? INFINITY : NAN;
  if (p == 0.5) return 0;
  return (p < 0.5 ? -tail(p) : tail(1 - p)) / ROOT_HALF;
}
ORR_MAP1(ndtri, ORR_GRAIN_DEAR, ndtri_of((double)x))

// sqrt(2 pi) e^(y^2 / 2)
static void ndtri_vjp(orr_vjp *v) {
  orr_tensor *d = ORR(exp, scaled(ORR(square, v->y[0]), 0.5));
  v->gx[0] = times(v, scaled(d, 2 * ROOT_PI_2 / ROOT_HALF));
}

ORR_DEFINE_OP(ndtri,
    .doc = "The x with ndtr(x) = p, elementwise; -inf at 0, inf at 1, NaN "
           "outside.",
    .params = {{"p"}}, .shape = unary_shape, .forward = ndtri_forward,
    .vjp = ndtri_vjp, .torch = "torch.special.ndtri",
    .flags = UNARY_FLAGS | ORR_INT_TO_FLOAT | ORR_KEEPS_Y | ORR_DROPS_X,
    .samples = {"{ {3,4}, low = 0.05, high = 0.95 }", "{ {0,4} }",
        "{ {6}, low = 0, high = 1e-30, nograd = true, reason = 'differences "
        "lose digits' }",
        "{ {3}, low = 1, high = 2, nograd = true, reason = 'outside the "
        "domain' }"});

// ---- entropies and logarithms

static orr_tensor *entr_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *zero = orr_num(x, 0);
  orr_tensor *odd = ORR(lt, x, zero);
  orr_tensor *safe = ORR(where, odd, orr_num(x, 1), x);
  return ORR(where, odd, orr_num(x, -INFINITY),
             ORR(neg, ORR(xlogy, safe, safe)));
}

ORR_DEFINE_OP(entr,
    .doc = "-x log(x), 0 at 0 and -inf below, elementwise: a probability's "
           "share of the entropy.",
    .params = {{"x"}}, .compose = entr_compose, .flags = ORR_INT_TO_FLOAT,
    .torch = "torch.special.entr",
    .samples = {"{ {3,4}, low = 0.2, high = 2 }", "{ {0,4} }",
        "{ {2}, low = 0, high = 0, nograd = true, reason = 'the edge of the "
        "domain' }",
        "{ {3}, low = -2, high = -1, nograd = true, reason = 'outside the "
        "domain' }"});

// x log1p(y) with 0 for y where x is 0 and the logarithm infinite or none.
static orr_tensor *xlog1py_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *y = c->x[1], *zero = orr_num(x, 0);
  orr_tensor *odd = ORR(logical_or, ORR(le, y, orr_num(y, -1)), ORR(isinf, y));
  odd = ORR(logical_and, ORR(eq, x, zero), odd);
  return ORR(mul, x, ORR(log1p, ORR(where, odd, zero, y)));
}

ORR_DEFINE_OP(xlog1py,
    .doc = "x log(1 + y), 0 where x is 0 and y is not NaN, elementwise with "
           "broadcasting.",
    .params = XY, .compose = xlog1py_compose,
    .flags = ORR_PROMOTE | ORR_INT_TO_FLOAT,
    .torch = "torch.special.xlog1py",
    .samples = {"{ {3,4}, {3,4}, low = 0.3, high = 2 }",
        "{ {3,1}, {4}, low = -0.8, high = -0.3 }", "{ {0,4}, {4} }",
        "{ {3}, {}, low = 0, high = 0 }"});

// log of pi^(p(p-1)/4) times the product of Gamma(x + (1 - j) / 2).
static orr_tensor *mvlgamma_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  const double p = c->attr[0];
  if (!(p >= 1 && p <= 1000)) {
    orr_fail(c, "p is %g; use 1 to 1000", p);
    return NULL;
  }
  orr_tensor *y = ORR(lgamma, x);
  for (int j = 2; y && j <= (int)p; j++) {
    orr_tensor *shifted = ORR(add, x, orr_num(x, (1 - j) / 2.0));
    y = ORR(add, y, ORR(lgamma, shifted));
  }
  // log(pi) / 4
  return ORR(add, y, orr_num(x, p * (p - 1) * 0.28618247146235004));
}

ORR_DEFINE_OP(mvlgamma,
    .doc = "Logarithm of the multivariate gamma function of dimension p, "
           "elementwise, for x > (p - 1) / 2.",
    .params = {{"x"}, {"p", ORR_INT, .required = true, .doc = "dimension"}},
    .compose = mvlgamma_compose, .flags = ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, p = 1, low = 0.5, high = 3 }",
        "{ {3,4}, p = 3, low = 1.5, high = 4 }", "{ {0,4}, p = 2 }",
        "{ {2}, p = 0, error = 'mvlgamma: p is 0; use 1 to 1000' }"});
