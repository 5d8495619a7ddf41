// gamma.c -- incomplete gamma functions and Hurwitz's zeta function.
#include "pointwise.h"

// ---- P(a, x) = 1/Gamma(a) integral over 0..x of t^(a-1) e^-t, Q = 1 - P

enum { UNIFORM_FROM = 10000000 };  // where a takes the expansion in 1/a

// log(1 + d) - d without loss near 0.
static double log1p_less(double d) {
  if (fabs(d) > 0.01) return log1p(d) - d;
  double sum = 0, power = d * d;
  for (int k = 2; k < 12; k++, power *= -d) sum -= power / k;
  return sum;
}

// x^a e^-x / Gamma(a + 1). Past 10 with the part of Stirling's series that is
// left, so that large logarithms do not cancel.
static double first_term(double a, double x) {
  if (a < 10) return exp(a * log(x) - x - lgamma_r(a + 1, &(int){0}));
  const double z = 1 / (a * a);
  const double rest = (1. / 12 + z * (-1. / 360 + z * (1. / 1260 - z / 1680)));
  return exp(a * log1p_less((x - a) / a) - rest / a) /
      sqrt(6.283185307179586477 * a);
}

// P by its power series, for x < a + 1.
static double lower_series(double a, double x) {
  double term = 1, sum = 1;
  for (double n = 1; term > sum * 1e-17; n++) sum += term *= x / (a + n);
  return sum * first_term(a, x);
}

// Q by its continued fraction (Abramowitz & Stegun 6.5.31), evaluated as
// Lentz does.
static double upper_fraction(double a, double x) {
  double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
  for (double n = 1;; n++) {
    const double an = n * (a - n);
    b += 2;
    d = an * d + b, d = 1 / (d == 0 ? 1e-300 : d);
    c = b + an / c, c = c == 0 ? 1e-300 : c;
    h *= d * c;
    if (!(fabs(d * c - 1) > 1e-16)) return h * a * first_term(a, x);
  }
}

// Q for a huge a: a normal tail and its first correction (Temme 1979).
static double upper_uniform(double a, double x) {
  const double mu = (x - a) / a;
  const double half = -log1p_less(mu), eta = copysign(sqrt(2 * half), mu);
  const double more = fabs(mu) < 1e-3 ? -1. / 3 + mu / 12 : 1 / mu - 1 / eta;
  return erfc(eta * sqrt(a / 2)) / 2 +
      exp(-a * half) / sqrt(6.283185307179586477 * a) * more;
}

// P, or Q with upper.
static double incomplete(double a, double x, bool upper) {
  if (!(a >= 0 && x >= 0) || (a == 0 && x == 0) || (isinf(a) && isinf(x)))
    return NAN;
  if (a == 0 || isinf(x)) return upper ? 0 : 1;
  if (x == 0 || isinf(a)) return upper ? 1 : 0;
  if (a > UNIFORM_FROM) {
    const double q = upper_uniform(a, x);
    return upper ? q : 1 - q;
  }
  // Q = 1 - P keeps its digits where the fraction would be slow: x < 1.
  const bool series = x < a + 1;
  const double y = series ? lower_series(a, x) : upper_fraction(a, x);
  return series == upper ? 1 - y : y;
}

ORR_MAP2(gammainc, ORR_GRAIN_DEAR, incomplete((double)x, (double)z, false))
ORR_MAP2(gammaincc, ORR_GRAIN_DEAR, incomplete((double)x, (double)z, true))

// By x: +- x^(a-1) e^-x / Gamma(a).
static void incomplete_vjp(orr_vjp *v, double sign) {
  orr_tensor *a = v->x[0], *x = v->x[1];
  if (v->needs[0]) {
    orr_set_error("%s: it has no gradient by a; use a:detach()", v->op->name);
    return;
  }
  if (!v->needs[1]) return;
  orr_tensor *power = ORR(xlogy, ORR(sub, a, orr_num(a, 1)), x);
  orr_tensor *log = ORR(sub, ORR(sub, power, x), ORR(lgamma, a));
  v->gx[1] = times(v, ORR(mul, ORR(exp, log), orr_num(x, sign)));
}
static void gammainc_vjp(orr_vjp *v) { incomplete_vjp(v, 1); }
static void gammaincc_vjp(orr_vjp *v) { incomplete_vjp(v, -1); }

#define AX                                                            \
  {                                                                   \
    {"a", .want = ORR_WANT_ANY, .doc = "0 or more"}, {                \
      "x", .want = ORR_WANT_ANY, .doc = "0 or more; has the gradient" \
    }                                                                 \
  }
#define INCOMPLETE_SAMPLES(NAME)                                         \
  {                                                                      \
    "{ {3,4}, {3,4}, low = 0.3, high = 6, held = 'a' }",                 \
        "{ {3,1}, {4}, low = 12, high = 40, held = 'a' }",               \
        "{ {0,4}, {4}, held = 'a' }",                                    \
        "{ {6}, {6}, low = 1e7, high = 1e8, nograd = true, reason = "    \
        "'differences lose all digits' }",                               \
        "{ {2,3}, {2,4}, error = '" NAME ": a is [2, 3], x is [2, 4]: "  \
        "they do not broadcast; sizes must be equal or 1, matched from " \
        "the last axis' }"                                               \
  }
ORR_DEFINE_OP(gammainc, .torch = "torch.special.gammainc",
    .doc = "P(a, x), the share of the gamma function's integral below x, "
           "elementwise with broadcasting; NaN below 0. There is no gradient "
           "by a.",
    .params = AX, .shape = binary_shape, .forward = gammainc_forward,
    .vjp = gammainc_vjp, .flags = BINARY_FLAGS | ORR_INT_TO_FLOAT,
    .samples = INCOMPLETE_SAMPLES("gammainc"));
ORR_DEFINE_OP(gammaincc, .torch = "torch.special.gammaincc",
    .doc = "1 - gammainc, exact where that is close to 1. There is no "
           "gradient by a.",
    .params = AX, .shape = binary_shape, .forward = gammaincc_forward,
    .vjp = gammaincc_vjp, .flags = BINARY_FLAGS | ORR_INT_TO_FLOAT,
    .samples = INCOMPLETE_SAMPLES("gammaincc"));

// ---- zeta(s, q)

static double zeta_of(double s, double q) {
  if (s == 1) return INFINITY;
  if (!(s > 1) || (q < 0 && q != floor(q) && s != floor(s))) return NAN;
  return orr_hurwitz(s, q);
}
ORR_MAP2(zeta, ORR_GRAIN_DEAR, zeta_of((double)x, (double)z))

// By q: -s zeta(s + 1, q).
static void zeta_vjp(orr_vjp *v) {
  orr_tensor *s = v->x[0];
  if (v->needs[0]) {
    orr_set_error("zeta: it has no gradient by s; use s:detach()");
    return;
  }
  if (!v->needs[1]) return;
  orr_tensor *next = ORR(zeta, ORR(add, s, orr_num(s, 1)), v->x[1]);
  v->gx[1] = ORR(neg, times(v, ORR(mul, s, next)));
}

ORR_DEFINE_OP(zeta, .torch = "torch.special.zeta",
    .doc = "Hurwitz's zeta function, the sum over k >= 0 of (q + k)^-s, "
           "elementwise with broadcasting; inf at s = 1 and q = 0, -1, ..., "
           "NaN for s < 1. There is no gradient by s.",
    .params = {{"s", .want = ORR_WANT_ANY, .doc = "over 1"},
        {"q", .want = ORR_WANT_ANY, .doc = "has the gradient"}},
    .shape = binary_shape, .forward = zeta_forward, .vjp = zeta_vjp,
    .flags = BINARY_FLAGS | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, {3,4}, low = 1.2, high = 6, held = 's' }",
        "{ {0,4}, {4}, held = 's' }",
        "{ {2,3}, {2,4}, error = 'zeta: s is [2, 3], q is [2, 4]: they do not "
        "broadcast; sizes must be equal or 1, matched from the last axis' "
        "}"});
