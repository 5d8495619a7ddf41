// test_vmath.c -- float32 functions against the C library in float64, over
// all exponents, and at the special values.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../core/kernels/vmath.h"

// Distance in units of the last place of the nearest float32 to `exact`.
static double ulps(float got, double exact) {
  const float nearest = (float)exact;
  if (got == nearest || (isnan(got) && isnan(nearest))) return 0;
  if (!isfinite(nearest) || !isfinite(got)) {
    // Rounding may cross the edge of overflow by one step.
    return fabs((double)got) >= (double)FLT_MAX && isinf(nearest) ? 1 : 1e9;
  }
  const float next = nextafterf(fabsf(nearest), INFINITY);
  double unit = (double)next - (double)fabsf(nearest);
  if (isinf(next)) unit = ldexp(1, 104);
  return fabs((double)got - exact) / unit;
}

typedef float float_fn(float);
typedef double double_fn(double);

static void scan(const char *name, float_fn *f, double_fn *g, double low,
                 double high, double limit) {
  double worst = 0, at = 0;
  for (uint64_t u = 0; u < 1u << 31; u += 997) {  // every exponent, both signs
    for (int sign = 0; sign < 2; sign++) {
      const float x = orr_bits_to_float((uint32_t)u | (uint32_t)sign << 31);
      if (!((double)x >= low && (double)x <= high)) continue;
      const double e = ulps(f(x), g((double)x));
      if (e > worst) worst = e, at = (double)x;
    }
  }
  print_message("# %s: %.2f ulp at %g\n", name, worst, at);
  if (worst > limit) fail_msg("%s is %.2f ulp off at %.9g", name, worst, at);
}

static double log_one_plus_exp(double x) {
  return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}
static double logistic(double x) { return 1 / (1 + exp(-x)); }

static void within_four_ulp(void **state) {
  (void)state;
  scan("exp", orr_expf, exp, -INFINITY, INFINITY, 4);
  scan("expm1", orr_expm1f, expm1, -INFINITY, INFINITY, 4);
  scan("erf", orr_erff, erf, -INFINITY, INFINITY, 4);
  scan("sin", orr_sinf, sin, -1e6, 1e6, 4);
  scan("cos", orr_cosf, cos, -1e6, 1e6, 4);
  scan("log", orr_logf, log, -INFINITY, INFINITY, 4);
  scan("log1p", orr_log1pf, log1p, -1, INFINITY, 4);
  scan("tanh", orr_tanhf, tanh, -INFINITY, INFINITY, 4);
  scan("sigmoid", orr_sigmoidf, logistic, -INFINITY, INFINITY, 4);
  scan("softplus", orr_softplusf, log_one_plus_exp, -INFINITY, INFINITY, 4);
}

static void special_values(void **state) {
  (void)state;
  const float inf = INFINITY;
  assert_true(orr_expf(inf) == inf && orr_expf(-inf) == 0);
  assert_true(orr_expf(0) == 1 && isnan(orr_expf(NAN)));
  assert_true(orr_expf(-103.5f) > 0);  // a denormal
  assert_true(orr_expm1f(inf) == inf && orr_expm1f(-inf) == -1);
  assert_true(orr_expm1f(0) == 0 && signbit(orr_expm1f(-0.0f)));
  assert_true(isnan(orr_expm1f(NAN)) && isnan(orr_erff(NAN)));
  assert_true(orr_erff(inf) == 1 && orr_erff(-inf) == -1);
  assert_true(orr_erff(0) == 0 && signbit(orr_erff(-0.0f)));
  assert_true(signbit(orr_sinf(-0.0f)) && orr_cosf(0) == 1);
  assert_true(isnan(orr_sinf(NAN)) && isnan(orr_cosf(NAN)));
  assert_true(orr_logf(0) == -inf && orr_logf(inf) == inf);
  assert_true(isnan(orr_logf(-1)) && isnan(orr_logf(NAN)));
  assert_true(orr_logf(1) == 0);
  assert_true(orr_tanhf(inf) == 1 && orr_tanhf(-inf) == -1);
  assert_true(isnan(orr_tanhf(NAN)));
  assert_true(orr_log1pf(-1) == -inf && orr_log1pf(inf) == inf);
  assert_true(orr_sigmoidf(-inf) == 0 && orr_sigmoidf(inf) == 1);
  assert_true(isnan(orr_sigmoidf(NAN)) && isnan(orr_softplusf(NAN)));
  assert_true(orr_softplusf(-inf) == 0 && orr_softplusf(inf) == inf);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(within_four_ulp),
                                     cmocka_unit_test(special_values)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
