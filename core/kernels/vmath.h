// vmath.h -- float32 exp, log, tanh, erf ... that the compiler vectorises.
//
// Branch-free: every case is computed and selected. NaN goes through, exp
// overflows to inf and underflows through the denormals to 0, log(0) = -inf,
// log(x < 0) = NaN. Within 4 ulp (tests/core/test_vmath.c scans all exponents).
// float64 uses the C library. v_NAME(x) picks by the type of x.
//
// Where `orr_fused` is 1, products are added without a rounding in between, in
// a third less time. Loops that are built for processors that can have an
// orr_fused of their own (ORR_LOOP1): it is said here, not left to the
// compiler, so that an element has the same bits wherever in a row it stands.
#ifndef ORR_VMATH_H
#define ORR_VMATH_H
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

// Inlined into every clone of a loop, however large, or it would not vectorise.
#define ORR_INLINE static inline __attribute__((always_inline))

#if defined(__FMA__) || defined(__aarch64__)
enum { orr_fused = 1 };
#else
enum { orr_fused = 0 };
#endif

// a b + c
ORR_INLINE float orr_ma(float a, float b, float c, int fused) {
  return fused ? __builtin_fmaf(a, b, c) : a * b + c;
}
#define MA(A, B, C) orr_ma(A, B, C, fused)

ORR_INLINE float orr_bits_to_float(uint32_t u) {
  float f;
  memcpy(&f, &u, sizeof f);
  return f;
}
ORR_INLINE uint32_t orr_float_to_bits(float f) {
  uint32_t u;
  memcpy(&u, &f, sizeof u);
  return u;
}

// x = n log 2 + r, |r| <= log(2)/2: the bits of what is returned end with those
// of n + bias. e^r by a polynomial fitted by reweighted least squares to
// 3.1e-9 of it; one coefficient more changes nothing that can be seen.
#define ORR_MAGIC 12582912.0f  // 1.5 * 2^23: rounds to an integer
ORR_INLINE float orr_exp_parts(float x, float bias, float *power, int fused) {
  const float t = MA(x, 1.44269504088896341f, ORR_MAGIC + bias);
  const float n = t - (ORR_MAGIC + bias);
  const float r = MA(n, 2.12194440e-4f, MA(n, -0.693359375f, x));
  float p = 1.38146023e-3f;
  p = MA(p, r, 8.36871564e-3f);
  p = MA(p, r, 4.1668389e-2f);
  p = MA(p, r, 0.166665211f);
  p = MA(p, r, 0.49999994f);
  *power = MA(p * r, r, r) + 1.0f;
  return t;
}
ORR_INLINE float orr_two_to(float t) {  // 2^n, t with the bits of n + 127
  return orr_bits_to_float(orr_float_to_bits(t) << 23);
}
ORR_INLINE uint32_t orr_sign_bit(float x) {
  return orr_float_to_bits(x) & 0x80000000u;
}
// x, or +-most where it is beyond; NaN stays. Two limits in a row, compared as
// floats, become nested masks: exp took a quarter longer.
ORR_INLINE float orr_within(float x, float most) {
  const float a = fabsf(x), b = a > most ? most : a;
  return orr_bits_to_float(orr_float_to_bits(b) | orr_sign_bit(x));
}
// 2^(n -+ 64) fits one factor, 2^+-64 is the other: that reaches denormals.
ORR_INLINE float orr_exp(float x, int fused) {
  const uint32_t down = orr_sign_bit(x);
  float p;
  const float t =
      orr_exp_parts(orr_within(x, 105.0f),
                    down ? 127.0f + 64.0f : 127.0f - 64.0f, &p, fused);
  return p * orr_two_to(t) * (down ? 0x1p-64f : 0x1p64f);
}
// 2^64 e^x for x <= 0.
ORR_INLINE float orr_exp_raised(float x, int fused) {
  float p;
  const float c = x < -105.0f ? -105.0f : x;
  const float t = orr_exp_parts(c, 127.0f + 64.0f, &p, fused);
  return p * orr_two_to(t);
}
ORR_INLINE float orr_exp_down(float x, int fused) {
  return orr_exp_raised(x, fused) * 0x1p-64f;
}
// For |x| up to 87: 2^n is one factor.
ORR_INLINE float orr_exp_near(float x, int fused) {
  float p;
  const float t = orr_exp_parts(x, 127.0f, &p, fused);
  return p * orr_two_to(t);
}

// e^x - 1 = 2^n (e^r - 1) + (2^n - 1), r as above; halves of both keep 2^128
// in range, and below 2^-126 half of 2^n is 0, the result long -1.
ORR_INLINE float orr_expm1(float x, int fused) {
  const float c = orr_within(x, 89.0f);
  const float t = MA(c, 1.44269504088896341f, ORR_MAGIC), n = t - ORR_MAGIC;
  const float r = MA(n, 2.12194440e-4f, MA(n, -0.693359375f, c));
  float p = 1.9875691500e-4f;
  p = MA(p, r, 1.3981999507e-3f);
  p = MA(p, r, 8.3334519073e-3f);
  p = MA(p, r, 4.1665795894e-2f);
  p = MA(p, r, 1.6666665459e-1f);
  p = MA(p, r, 5.0000001201e-1f);
  p = MA(p * r, r, r);
  const int32_t k = (int32_t)(orr_float_to_bits(t) - 0x4b400000u) + 126;
  const float half = orr_bits_to_float((uint32_t)(k < 0 ? 0 : k) << 23);
  const float y = MA(p, half, half - 0.5f);
  return x == 0.0f ? x : y + y;
}

// Up to 1 by an even polynomial, then 1 - e^-q(|x|); both are fitted by least
// squares with weights that level the relative error (1.2e-9, 1.1e-9).
ORR_INLINE float orr_erf(float x, int fused) {
  const float z = x * x;
  float p = 7.85386691e-5f;
  p = MA(p, z, -8.01019934e-4f);
  p = MA(p, z, 5.1883289e-3f);
  p = MA(p, z, -2.6853813e-2f);
  p = MA(p, z, 1.12835852e-1f);
  p = MA(p, z, -3.76126258e-1f);
  p = MA(p, z, 1.28379167e-1f);
  const float near = MA(p, x, x);
  const float a = fabsf(x), b = a > 4.0f ? 4.0f : a;
  float q = -1.86381652e-4f;
  q = MA(q, b, 2.94768338e-3f);
  q = MA(q, b, -2.18381682e-2f);
  q = MA(q, b, 1.03106981e-1f);
  q = MA(q, b, 6.38144563e-1f);
  q = MA(q, b, 1.12708936f);
  q = MA(q, b, 3.41479969e-4f);
  return a < 1.0f ? near : copysignf(1.0f - orr_exp_near(-q, fused), x);
}

// The slope of x Phi(x), Phi(x) + x phi(x) with the normal distribution's Phi
// and phi, within 2.4e-7. For x >= 0 the tail 1 - Phi(x) is e^(-x^2/2) times
// t P(t), t = 1 / (1 + 0.42 x / sqrt(2)); P is fitted by least squares, to 9e-9
// near 0 and 5e-7 of the tail far out.
ORR_INLINE float orr_gelu_slope(float x, int fused) {
  const float bell = orr_exp_down(-0.5f * x * x, fused);
  const float t = 1.0f / MA(fabsf(x), 0.29698485f, 1.0f);
  float p = 0.036038674f;
  p = MA(p, t, -0.16353502f);
  p = MA(p, t, 0.22534475f);
  p = MA(p, t, -0.068980056f);
  p = MA(p, t, 0.13581604f);
  p = MA(p, t, 0.097094724f);
  p = MA(p, t, 0.11980797f);
  p = MA(p, t, 0.11841292f);
  const float tail = p * t * bell;
  return MA(x * 0.39894228f, bell, x < 0.0f ? tail : 1.0f - tail);
}
ORR_INLINE double orr_gelu_slope_double(double x) {
  return 0.5 * (1 + erf(x * 0.70710678118654752)) +
      x * (0.3989422804014327 * exp(-0.5 * x * x));
}

// x = n pi/2 + r, |r| <= pi/4, in double with pi/2 in two parts: n times the
// first, of 33 bits, is exact up to ORR_TURNS_MOST. Sine and cosine of r by
// Cephes' polynomials; n tells which of them, and the sign.
#define ORR_TURNS_MOST 1e6f
ORR_INLINE float orr_turned(float x, uint64_t quarter) {
  const double magic = 6755399441055744.0, d = (double)x;  // 1.5 * 2^52
  const double t = d * 0.63661977236758134 + magic, n = t - magic;
  const double rest = d - n * 0x1.921fb544p+0 - n * 0x1.0b4611a626331p-34;
  const float r = (float)rest, z = r * r;
  uint64_t bits;  // its last are those of n
  memcpy(&bits, &t, sizeof bits);
  const uint32_t k = (uint32_t)(bits + quarter);
  float s = -1.9515295891e-4f;
  s = s * z + 8.3321608736e-3f;
  s = s * z - 1.6666654611e-1f;
  s = s * z * r + r;
  float c = 2.443315711809948e-5f;
  c = c * z - 1.388731625493765e-3f;
  c = c * z + 4.166664568298827e-2f;
  c = c * z * z - 0.5f * z + 1.0f;
  const float y = k & 1 ? c : s;
  return k & 2 ? -y : y;
}
// For |x| up to ORR_TURNS_MOST, and NaN.
ORR_INLINE float orr_sinf(float x) {
  return x == 0.0f ? x : orr_turned(x, 0);  // -0 too
}
ORR_INLINE float orr_cosf(float x) { return orr_turned(x, 1); }

// x = 2^e m, sqrt(1/2) <= m < sqrt(2); log m by Cephes' polynomial.
ORR_INLINE float orr_log(float x, int fused) {
  const float big = x < FLT_MIN ? x * 8388608.0f : x;  // 2^23
  const float shift = x < FLT_MIN ? -23.0f : 0.0f;
  const uint32_t u = orr_float_to_bits(big);
  float e = (float)((int32_t)(u >> 23 & 0xff) - 126) + shift;
  float m = orr_bits_to_float((u & 0x007fffffu) | 0x3f000000u);  // [0.5, 1)
  const float low = m < 0.707106781186547524f ? 1.0f : 0.0f;
  e = e - low;
  m = (low != 0.0f ? m + m : m) - 1.0f;
  const float z = m * m;
  float p = 7.0376836292e-2f;
  p = MA(p, m, -1.1514610310e-1f);
  p = MA(p, m, 1.1676998740e-1f);
  p = MA(p, m, -1.2420140846e-1f);
  p = MA(p, m, 1.4249322787e-1f);
  p = MA(p, m, -1.6668057665e-1f);
  p = MA(p, m, 2.0000714765e-1f);
  p = MA(p, m, -2.4999993993e-1f);
  p = MA(p, m, 3.3333331174e-1f);
  float y = m * z * p;
  y = MA(e, -2.12194440e-4f, y);
  y = MA(-0.5f, z, y);
  float r = MA(e, 0.693359375f, m + y);
  r = x == 0.0f ? -INFINITY : r;
  r = x < 0.0f ? NAN : r;
  return x >= INFINITY || x != x ? x : r;
}

// |x| = n log(2)/2 + r, |r| <= log(2)/4, so that e^(2|x|) = 2^n e^(2r). With
// s = 2^n and v = tanh r: tanh |x| = ((s+1) v + s-1) / ((s-1) v + s+1), where
// nothing cancels but the small part of the constant that n is multiplied by;
// while n = 0 it is v. v - r is fitted by reweighted least squares to 5.6e-8 of
// v. From 9.1 on it is 1 to the last bit.
ORR_INLINE float orr_tanh(float x, int fused) {
  const float a = fabsf(x), b = a > 9.1f ? 9.1f : a;
  const float t = MA(b, 2.88539008177792681f, ORR_MAGIC + 127.0f);
  const float n = t - (ORR_MAGIC + 127.0f);
  const float r = MA(n, -0.346573590f, b), z = r * r;
  const float p = MA(1.31102815e-1f, z, -3.3331266e-1f);
  const float v = MA(r * z, p, r);
  const float s = orr_two_to(t), more = s + 1.0f, less = s - 1.0f;
  return copysignf(MA(more, v, less) / MA(less, v, more), x);
}

// Kahan: log(u) x / (u - 1) with u = fl(1 + x) cancels u's rounding.
ORR_INLINE float orr_log_1p(float x, int fused) {
  const float u = 1.0f + x, d = u - 1.0f;
  const float y = orr_log(u, fused) * (x / d);
  const float r = u >= INFINITY ? u : y;
  return d == 0.0f ? x : r;
}

ORR_INLINE float orr_logistic(float x, int fused) {
  const float e = orr_exp_raised(-fabsf(x), fused);
  return (x < 0.0f ? e : 0x1p64f) / (0x1p64f + e);
}
ORR_INLINE double orr_sigmoid(double x) {
  const double e = exp(-fabs(x));
  return (x < 0 ? e : 1.0) / (1.0 + e);
}

// log(1 + e) for 0 <= e <= 1 as 2 artanh(s), s = e / (2 + e) <= 1/3; the
// series' next term is below 1.4e-8 of the sum.
ORR_INLINE float orr_log1p_unit(float e, int fused) {
  const float s = e / (2.0f + e), z = s * s;
  float p = 1.0f / 13.0f;
  p = MA(p, z, 1.0f / 11.0f);
  p = MA(p, z, 1.0f / 9.0f);
  p = MA(p, z, 1.0f / 7.0f);
  p = MA(p, z, 1.0f / 5.0f);
  p = MA(p, z, 1.0f / 3.0f);
  p = MA(p, z, 1.0f);
  return (s + s) * p;
}

// log(1 + e^x) without overflow; NaN comes through the exponential.
ORR_INLINE float orr_softplus_of(float x, int fused) {
  return (x > 0.0f ? x : 0.0f) +
      orr_log1p_unit(orr_exp_down(-fabsf(x), fused), fused);
}
ORR_INLINE double orr_softplus(double x) {
  return (x > 0 ? x : 0.0) + log1p(exp(-fabs(x)));
}

#undef MA

// A value or function by the type of X.
// clang-format off
#define V_FLOAT(X, F32, F64) _Generic((X), float: F32, double: F64)
#define V_TYPE(X, F32, F64, I64, U8) \
  _Generic((X), float: F32, double: F64, int64_t: I64, uint8_t: U8)
// clang-format on
#define V_GENERIC(X, F32, F64) V_FLOAT(X, F32, F64)(X)
// The float32 one is told whether it may fuse.
#define V_FUSED(X, F32, F64) \
  _Generic((X), float : F32((float)(X), orr_fused), double : F64((double)(X)))
#define v_exp(X) V_FUSED(X, orr_exp, exp)
#define v_log(X) V_FUSED(X, orr_log, log)
#define v_tanh(X) V_FUSED(X, orr_tanh, tanh)
#define v_log1p(X) V_FUSED(X, orr_log_1p, log1p)
#define v_sigmoid(X) V_FUSED(X, orr_logistic, orr_sigmoid)
#define v_softplus(X) V_FUSED(X, orr_softplus_of, orr_softplus)
#define v_expm1(X) V_FUSED(X, orr_expm1, expm1)
#define v_sqrt(X) V_GENERIC(X, sqrtf, sqrt)
#define v_abs(X) V_GENERIC(X, fabsf, fabs)
#define v_tan(X) V_GENERIC(X, tanf, tan)
#define v_asin(X) V_GENERIC(X, asinf, asin)
#define v_acos(X) V_GENERIC(X, acosf, acos)
#define v_atan(X) V_GENERIC(X, atanf, atan)
#define v_sinh(X) V_GENERIC(X, sinhf, sinh)
#define v_cosh(X) V_GENERIC(X, coshf, cosh)
#define v_gelu_slope(X) V_FUSED(X, orr_gelu_slope, orr_gelu_slope_double)
#define v_erf(X) V_FUSED(X, orr_erf, erf)
#define v_floor(X) V_GENERIC(X, floorf, floor)
#define v_ceil(X) V_GENERIC(X, ceilf, ceil)
#define v_round(X) V_GENERIC(X, rintf, rint)  // halves to even

#endif
