// gemm_kernels.c -- see gemm_kernels.h. One source, compiled for each kind of
// processor; multiply-adds may be fused here, and nowhere else.
#include "gemm_kernels.h"

#include <string.h>

#if defined(__clang__)
#pragma clang fp contract(fast)
#else
#pragma GCC optimize("fp-contract=fast")
#endif

// Steps of k by which packed columns are fetched before they are needed.
#define AHEAD 8

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define HAVE_X86 1
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")
#define T float
#define F(NAME) NAME##_f32_avx512
#define LANES 16
#define ROWS 12
#include "gemm_loops.h"
#define T double
#define F(NAME) NAME##_f64_avx512
#define LANES 8
#define ROWS 12
#include "gemm_loops.h"
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define T float
#define F(NAME) NAME##_f32_avx2
#define LANES 8
#define ROWS 6
#include "gemm_loops.h"
#define T double
#define F(NAME) NAME##_f64_avx2
#define LANES 4
#define ROWS 6
#include "gemm_loops.h"
#pragma GCC pop_options
#else
#define HAVE_X86 0
#endif

// 16 registers of 16 bytes, or 32 as NEON has them.
#if defined(__aarch64__)
#define PLAIN_ROWS 12
#else
#define PLAIN_ROWS 6
#endif
#define T float
#define F(NAME) NAME##_f32
#define LANES 4
#define ROWS PLAIN_ROWS
#include "gemm_loops.h"
#define T double
#define F(NAME) NAME##_f64
#define LANES 2
#define ROWS PLAIN_ROWS
#include "gemm_loops.h"

static int kinds(const orr_gemm_kernel *(*table)[2]) {
  int n = 0;
#if HAVE_X86
  if (__builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw")) {
    table[n][0] = &kernel_f32_avx512;
    table[n++][1] = &kernel_f64_avx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    table[n][0] = &kernel_f32_avx2;
    table[n++][1] = &kernel_f64_avx2;
  }
#endif
  table[n][0] = &kernel_f32;
  table[n++][1] = &kernel_f64;
  return n;
}

const orr_gemm_kernel *orr_gemm_kernel_of(orr_dtype d, int choice) {
  const orr_gemm_kernel *table[3][2];
  return choice < kinds(table) ? table[choice][d == ORR_F64] : NULL;
}
