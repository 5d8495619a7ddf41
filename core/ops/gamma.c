// gamma.c -- incomplete gamma and beta functions, and Hurwitz's zeta function.
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

// What Stirling's formula leaves out of log Gamma(a), for a >= 10.
static double stirling_rest(double a) {
  const double z = 1 / (a * a);
  return (1. / 12 + z * (-1. / 360 + z * (1. / 1260 - z / 1680))) / a;
}

static double log_gamma(double a) { return lgamma_r(a, &(int){0}); }

// x^a e^-x / Gamma(a + 1). Past 10 by Stirling's formula, so that large
// logarithms do not cancel.
static double first_term(double a, double x) {
  if (a < 10) return exp(a * log(x) - x - log_gamma(a + 1));
  return exp(a * log1p_less((x - a) / a) - stirling_rest(a)) /
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

// ---- I_x(a, b) = 1/B(a, b) integral over 0..x of t^(a-1) (1-t)^(b-1)

// log Gamma(a) - log Gamma(a + b) for large a, where the two cancel.
static double log_gamma_drop(double a, double b) {
  if (a < 10) return log_gamma(a) - log_gamma(a + b);
  return (a - 0.5) * -log1p(b / a) - b * log(a + b) + b + stirling_rest(a) -
      stirling_rest(a + b);
}

// x^a (1-x)^b / B(a, b). Where both are large, around the top of the curve at
// x = a / (a + b): the first-order parts of the two logarithms cancel on paper.
static double power_part(double a, double b, double x) {
  const double large = a > b ? a : b, small = a > b ? b : a, sum = a + b;
  if (small < 10)
    return exp(a * log(x) + b * log1p(-x) - log_gamma(small) -
               log_gamma_drop(large, small));
  const double d = x - a / sum;
  return exp(a * log1p_less(d * sum / a) + b * log1p_less(-d * sum / b) +
             stirling_rest(sum) - stirling_rest(a) - stirling_rest(b)) *
      sqrt(a / sum * b / 6.283185307179586477);
}

// The continued fraction 26.5.8 of Abramowitz & Stegun, evaluated as Lentz
// does; quick for x < (a + 1) / (a + b + 2).
static double beta_fraction(double a, double b, double x) {
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (d == 0 ? 1e-300 : d);
  double h = d;
  for (double m = 1; m < 1e5; m++) {
    double step = 1;
    for (int odd = 0; odd < 2; odd++) {
      const double k = a + 2 * m;
      const double t = odd ? -(a + m) * (a + b + m) * x / (k * (k + 1))
                           : m * (b - m) * x / ((k - 1) * k);
      d = 1 + t * d, d = 1 / (d == 0 ? 1e-300 : d);
      c = 1 + t / c, c = c == 0 ? 1e-300 : c;
      h *= step = d * c;
    }
    if (!(fabs(step - 1) > 1e-16)) break;
  }
  return h;
}

static double incomplete_beta(double a, double b, double x) {
  if (!(a > 0 && b > 0 && x >= 0 && x <= 1) || isinf(a) || isinf(b)) return NAN;
  if (x == 0 || x == 1) return x;
  const double power = power_part(a, b, x);
  if (x < (a + 1) / (a + b + 2)) return power * beta_fraction(a, b, x) / a;
  return 1 - power * beta_fraction(b, a, 1 - x) / b;
}

#define LOOP(NAME, T)                                                  \
  static void NAME(int64_t n, char *const *p, const int64_t *s,        \
                   const double *attr) {                               \
    (void)attr;                                                        \
    T *y = (T *)(void *)p[0];                                          \
    const T *a = (const T *)(const void *)p[1];                        \
    const T *b = (const T *)(const void *)p[2];                        \
    const T *x = (const T *)(const void *)p[3];                        \
    for (int64_t i = 0; i < n; i++)                                    \
      y[i * s[0]] =                                                    \
          (T)incomplete_beta((double)a[i * s[1]], (double)b[i * s[2]], \
                             (double)x[i * s[3]]);                     \
  }
LOOP(betainc_f32, float)
LOOP(betainc_f64, double)

static bool betainc_forward(orr_call *c) {
  return orr_run_loop(c, c->x[0]->dtype == ORR_F32 ? betainc_f32 : betainc_f64,
                      ORR_GRAIN_DEAR);
}

// By x: x^(a-1) (1-x)^(b-1) / B(a, b).
static void betainc_vjp(orr_vjp *v) {
  orr_tensor *a = v->x[0], *b = v->x[1], *x = v->x[2];
  if (v->needs[0] || v->needs[1]) {
    const char *name = v->needs[0] ? "a" : "b";
    orr_set_error("betainc: it has no gradient by %s; use %s:detach()", name,
                  name);
    return;
  }
  if (!v->needs[2]) return;
  orr_tensor *low = ORR(xlogy, ORR(sub, a, orr_num(a, 1)), x);
  orr_tensor *high = ORR(xlog1py, ORR(sub, b, orr_num(b, 1)), ORR(neg, x));
  orr_tensor *beta = ORR(sub, ORR(add, ORR(lgamma, a), ORR(lgamma, b)),
                         ORR(lgamma, ORR(add, a, b)));
  v->gx[2] = times(v, ORR(exp, ORR(sub, ORR(add, low, high), beta)));
}

ORR_DEFINE_OP(betainc, .torch = "",
    .doc = "I_x(a, b), the share of the beta function's integral below x, "
           "elementwise with broadcasting; NaN outside the domain. There is "
           "no gradient by a or b.",
    .params = {{"a", .want = ORR_WANT_ANY, .doc = "over 0"},
        {"b", .want = ORR_WANT_ANY, .doc = "over 0"},
        {"x", .want = ORR_WANT_ANY, .doc = "0 to 1; has the gradient"}},
    .shape = binary_shape, .forward = betainc_forward, .vjp = betainc_vjp,
    .flags = BINARY_FLAGS | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, {3,4}, {3,4}, low = 0.2, high = 0.8, held = {'a', "
                "'b'} }",
        "{ {3,1}, {4}, {}, low = 0.2, high = 0.8, held = {'a', 'b'} }",
        "{ {0,4}, {4}, {1}, held = {'a', 'b'} }",
        "{ {2,3}, {2,4}, {3}, error = 'betainc: a is [2, 3], b is [2, 4]: "
        "they do not broadcast; sizes must be equal or 1, matched from the "
        "last axis' }"});

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
