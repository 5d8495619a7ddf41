// elementwise.h -- loops over broadcast, strided operands.
//
// A loop gets n elements, an address and a stride (in elements) per operand:
// operand 0 is the output. ORR_LOOP* write the common stride patterns apart
// so that the compiler vectorises them.
#ifndef ORR_ELEMENTWISE_H
#define ORR_ELEMENTWISE_H
#include <math.h>

#include "../base/threads.h"
#include "../ops/op.h"
#include "iterate.h"
#include "vmath.h"

// Runs loop over the broadcast of all c->x into c->y[0], in chunks of about
// `grain` elements spread over the threads. A forward that calls it does
// nothing else: a compiled step runs the loop in its stead.
bool orr_run_loop(orr_call *c, orr_loop *loop, int64_t grain);

#if defined(ORR_NO_CLONES) || !defined(__x86_64__) || !defined(__gnu_linux__)
#define ORR_CLONES
#else
#define ORR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
#define ORR_IVDEP _Pragma("GCC ivdep")

// In EXPR: x (and z) are elements, b0 and b1 the first options, all of type T.
#define ORR_LOOP_OPTIONS(T)                 \
  const T b0 = (T)attr[0], b1 = (T)attr[1]; \
  (void)b0, (void)b1

// A loop as BODY(NAME, FUSED, R, T, EXPR) is built for each kind of processor;
// which one runs is the processor's, so that all work of a machine has the same
// bits. FUSED: it multiplies and adds at once (vmath.h).
#define ORR_LOOP_HEAD(NAME)                                     \
  static void NAME(int64_t n, char *const *p, const int64_t *s, \
                   const double *attr)
#if defined(ORR_NO_CLONES) || !defined(__x86_64__)
#define ORR_LOOP_OF(BODY, NAME, R, T, EXPR) BODY(NAME, orr_fused, R, T, EXPR)
#else
#define ORR_LOOP_OF(BODY, NAME, R, T, EXPR)                                   \
  __attribute__((target("avx512f,fma"))) BODY(NAME##_512, 1, R, T, EXPR)      \
      __attribute__((target("avx2,fma"))) BODY(NAME##_256, 1, R, T, EXPR)     \
          BODY(NAME##_any, 0, R, T, EXPR) ORR_LOOP_HEAD(NAME) {               \
    if (__builtin_cpu_supports("avx512f"))                                    \
      NAME##_512(n, p, s, attr);                                              \
    else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) \
      NAME##_256(n, p, s, attr);                                              \
    else                                                                      \
      NAME##_any(n, p, s, attr);                                              \
  }
#endif

// One input of type T, output of type R.
#define ORR_LOOP1(NAME, R, T, EXPR) ORR_LOOP_OF(ORR_BODY1, NAME, R, T, EXPR)
#define ORR_BODY1(NAME, FUSED, R, T, EXPR)        \
  ORR_LOOP_HEAD(NAME) {                           \
    enum { orr_fused = FUSED };                   \
    ORR_LOOP_OPTIONS(T);                          \
    R *y = (R *)(void *)p[0];                     \
    const T *px = (const T *)(const void *)p[1];  \
    if (s[0] == 1 && s[1] == 1) {                 \
      ORR_IVDEP for (int64_t i = 0; i < n; i++) { \
        const T x = px[i];                        \
        y[i] = (R)(EXPR);                         \
      }                                           \
    } else {                                      \
      for (int64_t i = 0; i < n; i++) {           \
        const T x = px[i * s[1]];                 \
        y[i * s[0]] = (R)(EXPR);                  \
      }                                           \
    }                                             \
  }

// Two inputs, x and z.
#define ORR_LOOP2(NAME, R, T, EXPR) ORR_LOOP_OF(ORR_BODY2, NAME, R, T, EXPR)
#define ORR_BODY2(NAME, FUSED, R, T, EXPR)            \
  ORR_LOOP_HEAD(NAME) {                               \
    enum { orr_fused = FUSED };                       \
    ORR_LOOP_OPTIONS(T);                              \
    R *y = (R *)(void *)p[0];                         \
    const T *px = (const T *)(const void *)p[1];      \
    const T *pz = (const T *)(const void *)p[2];      \
    if (s[0] == 1 && s[1] == 1 && s[2] == 1) {        \
      ORR_IVDEP for (int64_t i = 0; i < n; i++) {     \
        const T x = px[i], z = pz[i];                 \
        y[i] = (R)(EXPR);                             \
      }                                               \
    } else if (s[0] == 1 && s[1] == 1 && s[2] == 0) { \
      const T z = pz[0];                              \
      ORR_IVDEP for (int64_t i = 0; i < n; i++) {     \
        const T x = px[i];                            \
        y[i] = (R)(EXPR);                             \
      }                                               \
    } else if (s[0] == 1 && s[1] == 0 && s[2] == 1) { \
      const T x = px[0];                              \
      ORR_IVDEP for (int64_t i = 0; i < n; i++) {     \
        const T z = pz[i];                            \
        y[i] = (R)(EXPR);                             \
      }                                               \
    } else {                                          \
      for (int64_t i = 0; i < n; i++) {               \
        const T x = px[i * s[1]], z = pz[i * s[2]];   \
        y[i * s[0]] = (R)(EXPR);                      \
      }                                               \
    }                                                 \
  }

// ORR_MAP1(softplus, GRAIN, expression) writes softplus_forward for float32
// and float64. Call vmath.h's type-generic v_exp(x), v_log(x), ... in it.
#define ORR_MAP1(NAME, GRAIN, EXPR)                                          \
  ORR_LOOP1(NAME##_f32, float, float, EXPR)                                  \
  ORR_LOOP1(NAME##_f64, double, double, EXPR)                                \
  static bool NAME##_forward(orr_call *c) {                                  \
    return orr_run_loop(c,                                                   \
                        c->x[0]->dtype == ORR_F32 ? NAME##_f32 : NAME##_f64, \
                        GRAIN);                                              \
  }
#define ORR_MAP2(NAME, GRAIN, EXPR)                                          \
  ORR_LOOP2(NAME##_f32, float, float, EXPR)                                  \
  ORR_LOOP2(NAME##_f64, double, double, EXPR)                                \
  static bool NAME##_forward(orr_call *c) {                                  \
    return orr_run_loop(c,                                                   \
                        c->x[0]->dtype == ORR_F32 ? NAME##_f32 : NAME##_f64, \
                        GRAIN);                                              \
  }

#endif
