// bessel.c -- modified Bessel functions of the first kind, elementwise: what
// the von Mises distribution is normalised with.
//
// I_n' = (I_(n-1) + I_(n+1)) / 2 and I_(-n) = I_n: one op with the order as an
// option is closed under differentiation.
#include "pointwise.h"

// e^-x I_n(x), x >= 0. The power series has positive terms only, so nothing
// cancels; far out Hankel's expansion (Abramowitz & Stegun 9.7.1), whose terms
// fall until about the 2x-th.
static double scaled_series(double x, int n) {
  const double q = x * x / 4;
  double term = 1, sum = 0;
  for (int k = 1; k <= n; k++) term *= x / 2 / k;
  for (int k = 1; sum + term != sum || k < 2; k++) {
    sum += term;
    term *= q / ((double)k * (k + n));
  }
  return sum * exp(-x);
}
static double scaled_far(double x, int n) {
  double term = 1, sum = 1;
  for (int k = 1; k < 60; k++) {
    const double odd = 2 * k - 1;
    const double next = -term * (4.0 * n * n - odd * odd) / (8 * k * x);
    if (fabs(next) > fabs(term) && 2 * k > n) break;
    term = next;
    sum += term;
  }
  return sum / sqrt(2 * 3.14159265358979323846 * x);
}
static double bessel_of(double x, int n, bool scaled) {
  const double a = fabs(x), sign = x < 0 && n % 2 ? -1 : 1;
  if (x != x) return x;
  if (isinf(a)) return scaled ? 0 : sign * a;
  const double y = a < 30 + n * n ? scaled_series(a, n) : scaled_far(a, n);
  return sign * (scaled ? y : y * exp(a / 2) * exp(a / 2));
}
ORR_MAP1(bessel_i, ORR_GRAIN_DEAR, bessel_of((double)x, (int)b0, b1 != 0))

enum { ORDER, SCALED, MOST = 16 };

static bool bessel_i_shape(orr_call *c) {
  if (!(c->attr[ORDER] >= 0 && c->attr[ORDER] <= MOST))
    return orr_fail(c, "n is %g; use 0 to %d", c->attr[ORDER], MOST);
  return unary_shape(c);
}

static void bessel_i_vjp(orr_vjp *v) {
  const double n = v->attr[ORDER], s = v->attr[SCALED];
  orr_tensor *x = v->x[0];
  orr_tensor *above = ORR(bessel_i, x, .attr = {n + 1, s});
  orr_tensor *d = above;
  if (n > 0) {
    d = ORR(add, above, ORR(bessel_i, x, .attr = {n - 1, s}));
    d = ORR(mul, d, orr_num(x, 0.5));
  }
  if (s != 0)  // e^-|x| has the slope -sign(x) e^-|x|
    d = ORR(sub, d, ORR(mul, ORR(sign, x), ORR(bessel_i, x, .attr = {n, s})));
  v->gx[0] = times(v, d);
}

ORR_DEFINE_OP(bessel_i,
    .doc = "The modified Bessel function I_n, elementwise, times e^-|x| if "
           "scaled.",
    .params = {{"x"}, {"n", ORR_INT, .doc = "order, 0 to 16"},
        {"scaled", ORR_BOOL, .doc = "times e^-|x|"}},
    .shape = bessel_i_shape, .forward = bessel_i_forward, .vjp = bessel_i_vjp,
    .flags = ORR_STRIDED_OK | ORR_HIDDEN,
    .samples = {"{ {3,4}, low = -3, high = 3 }",
        "{ {3,4}, n = 2, scaled = true, low = 0.5, high = 20 }",
        "{ {4}, n = 3, low = -2, high = -1 }", "{ {0,4} }",
        "{ {2}, n = 17, error = 'bessel_i: n is 17; use 0 to 16' }"});

#define BESSEL(NAME, N, S, TORCH, DOC)             \
  static orr_tensor *NAME##_compose(orr_call *c) { \
    return ORR(bessel_i, c->x[0], .attr = {N, S}); \
  }                                                \
  ORR_DEFINE_OP(NAME, .doc = DOC, .params = {{"x"}},               \
                .compose = NAME##_compose, .torch = TORCH,         \
                .flags = ORR_INT_TO_FLOAT,                         \
                .samples = {"{ {3,4}, low = -3, high = 3 }",       \
                            "{ {6}, low = 20, high = 60, nograd = true, " \
                            "reason = 'differences lose digits' }",       \
                            "{ {0,4} }", "{ {} }"});

BESSEL(i0, 0, 0, "torch.special.i0",
       "The modified Bessel function I_0, elementwise.")
BESSEL(i1, 1, 0, "torch.special.i1",
       "The modified Bessel function I_1, elementwise.")
BESSEL(i0e, 0, 1, "torch.special.i0e",
       "e^-|x| I_0(x), which does not overflow, elementwise.")
BESSEL(i1e, 1, 1, "torch.special.i1e",
       "e^-|x| I_1(x), which does not overflow, elementwise.")
