// micro.c -- see micro.h. One source, compiled for each size of register.
//
// Measured on Zen 4, one thread, of 129 GFLOP/s possible: 8 x 48 reaches 113
// from a depth of 288 on, 102 at 64, whether a's rows lie packed or far apart;
// OpenBLAS 0.3.21, which packs both factors, 100 to 105 on like products.
#include "micro.h"

// A product and its sum are rounded once here, as in OpenBLAS: fused
// multiply-adds are what the processor's peak is made of.
#if defined(__clang__)
#pragma clang fp contract(fast)
#else
#pragma GCC optimize("fp-contract=fast")
#endif

#define INLINE static inline __attribute__((always_inline))

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define HAVE_X86 1
#pragma GCC push_options
#pragma GCC target("avx512f,avx2,fma")
#define F(NAME) NAME##_512
#define WIDE 16
#define TALL 8
#include "micro_loops.h"
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define F(NAME) NAME##_256
#define WIDE 8
#define TALL 4
#include "micro_loops.h"
#pragma GCC pop_options
#else
#define HAVE_X86 0
#endif

#define F(NAME) NAME##_128
#define WIDE 4
#define TALL 4
#include "micro_loops.h"

bool orr_micro_run_as(int choice, const orr_micro *m) {
#if HAVE_X86
  const bool wide = __builtin_cpu_supports("avx512f");
  const bool half =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (wide && choice-- == 0) return run_512(m), true;
  if (half && choice-- == 0) return run_256(m), true;
#endif
  if (choice == 0) run_128(m);
  return choice == 0;
}

void orr_micro_run(const orr_micro *m) { orr_micro_run_as(0, m); }
