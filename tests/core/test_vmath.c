// test_vmath.c -- float32 functions against the C library in float64, over
// all exponents, and at the special values.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
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

// Each function as it is where products are rounded before they are added,
// and where the processor adds them as they are.
#if defined(__x86_64__)
#define FUSING __attribute__((target("avx2,fma")))
static bool can_fuse(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#else
#define FUSING
static bool can_fuse(void) { return true; }
#endif
#define BOTH(NAME)                                                \
  static float plain_##NAME(float x) { return orr_##NAME(x, 0); } \
  FUSING static float fused_##NAME(float x) { return orr_##NAME(x, 1); }
BOTH(exp)
BOTH(expm1)
BOTH(erf)
BOTH(log)
BOTH(log_1p)
BOTH(tanh)
BOTH(logistic)
BOTH(softplus_of)
BOTH(gelu_slope)
static float sine(float x) { return orr_sinf(x); }
static float cosine(float x) { return orr_cosf(x); }

static void scan_both(const char *name, float_fn *plain, float_fn *fused,
                      double_fn *g, double low) {
  scan(name, plain, g, low, INFINITY, 4);
  if (can_fuse()) scan(name, fused, g, low, INFINITY, 4);
}
#define SCAN(NAME, EXACT, LOW) \
  scan_both(#NAME, plain_##NAME, fused_##NAME, EXACT, LOW)

static void within_four_ulp(void **state) {
  (void)state;
  SCAN(exp, exp, -INFINITY);
  SCAN(expm1, expm1, -INFINITY);
  SCAN(erf, erf, -INFINITY);
  SCAN(log, log, -INFINITY);
  SCAN(log_1p, log1p, -1);
  SCAN(tanh, tanh, -INFINITY);
  SCAN(logistic, logistic, -INFINITY);
  SCAN(softplus_of, log_one_plus_exp, -INFINITY);
  scan("sin", sine, sin, -1e6, 1e6, 4);
  scan("cos", cosine, cos, -1e6, 1e6, 4);
}

static double exact_gelu_slope(double x) {
  return 0.5 * erfc(-x * sqrt(0.5)) +
      x * exp(-0.5 * x * x) * 0.39894228040143268;
}
static void near(float_fn *f, double_fn *g, double most) {
  for (double x = -14; x < 14; x += 1.0 / 1024) {
    const float at = (float)x;
    const double off = fabs((double)f(at) - g((double)at));
    if (off > most) fail_msg("%.3g off at %.9g", off, x);
  }
}

static void slope_of_gelu(void **state) {
  (void)state;
  near(plain_gelu_slope, exact_gelu_slope, 2.4e-7);
  if (can_fuse()) near(fused_gelu_slope, exact_gelu_slope, 2.4e-7);
  assert_true(isnan(plain_gelu_slope(NAN)));
  assert_true(plain_gelu_slope(1e30f) == 1 && plain_gelu_slope(-1e30f) == 0);
}

static void special_values(void **state) {
  (void)state;
  const float inf = INFINITY;
  assert_true(plain_exp(inf) == inf && plain_exp(-inf) == 0);
  assert_true(plain_exp(0) == 1 && isnan(plain_exp(NAN)));
  assert_true(plain_exp(-103.5f) > 0);  // a denormal
  assert_true(plain_exp(89) == inf && plain_exp(1e30f) == inf);
  assert_true(plain_exp(-0.0f) == 1 && plain_exp(-1e30f) == 0);
  assert_true(plain_expm1(inf) == inf && plain_expm1(-inf) == -1);
  assert_true(plain_expm1(0) == 0 && signbit(plain_expm1(-0.0f)));
  assert_true(isnan(plain_expm1(NAN)) && isnan(plain_erf(NAN)));
  assert_true(plain_erf(inf) == 1 && plain_erf(-inf) == -1);
  assert_true(plain_erf(0) == 0 && signbit(plain_erf(-0.0f)));
  assert_true(signbit(orr_sinf(-0.0f)) && orr_cosf(0) == 1);
  assert_true(isnan(orr_sinf(NAN)) && isnan(orr_cosf(NAN)));
  assert_true(plain_log(0) == -inf && plain_log(inf) == inf);
  assert_true(isnan(plain_log(-1)) && isnan(plain_log(NAN)));
  assert_true(plain_log(1) == 0);
  assert_true(plain_tanh(inf) == 1 && plain_tanh(-inf) == -1);
  assert_true(isnan(plain_tanh(NAN)));
  assert_true(plain_log_1p(-1) == -inf && plain_log_1p(inf) == inf);
  assert_true(plain_logistic(-inf) == 0 && plain_logistic(inf) == 1);
  assert_true(isnan(plain_logistic(NAN)) && isnan(plain_softplus_of(NAN)));
  assert_true(plain_softplus_of(-inf) == 0 && plain_softplus_of(inf) == inf);
}

// From 9.1 on tanh is 1; before, its quotient rounds to 1 at most. What is too
// small for x^3 to count comes out as it went in, denormals too.
static void odd_and_bounded(float_fn *f) {
  for (float x = 1e-45f; x <= 2e-4f; x *= 3) assert_true(f(x) == x);
  for (float x = 9.1f; x < FLT_MAX / 2; x *= 1.5f) assert_true(f(x) == 1);
  for (uint32_t u = 0; u < 0x41200000u; u += 1009) {  // up to 10
    const float x = orr_bits_to_float(u), y = f(x);
    if (y > 1 || f(-x) != -y || !signbit(f(-x)))
      fail_msg("tanh of +-%.9g is %.9g and %.9g", (double)x, (double)y,
               (double)f(-x));
  }
}

static void tanh_is_odd_and_at_most_one(void **state) {
  (void)state;
  odd_and_bounded(plain_tanh);
  if (can_fuse()) odd_and_bounded(fused_tanh);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(within_four_ulp),
                                     cmocka_unit_test(slope_of_gelu),
                                     cmocka_unit_test(
                                         tanh_is_odd_and_at_most_one),
                                     cmocka_unit_test(special_values)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
