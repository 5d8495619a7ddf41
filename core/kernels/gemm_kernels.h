// gemm_kernels.h -- what an own product of matrices is made of, per element
// type and kind of processor.
#ifndef ORR_GEMM_KERNELS_H
#define ORR_GEMM_KERNELS_H
#include "../orrery.h"

typedef struct orr_gemm_kernel {
  int rows, cols;  // of c in registers; what the packed panels are wide
  // n rows of a (columns of b), k elements each, in panels, element after
  // element of all of a panel's rows side by side, the last panel filled up
  // with 0. Along: neighbours in memory are neighbours in a panel.
  void (*pack_rows)(bool along, int64_t n, int64_t k, const void *x, int64_t ld,
                    void *to);
  void (*pack_cols)(bool along, int64_t n, int64_t k, const void *x, int64_t ld,
                    void *to);
  // c = alpha a b + beta c from packed a and b; c is m x n.
  void (*block)(int64_t m, int64_t n, int64_t k, const void *a, const void *b,
                void *c, int64_t ldc, double alpha, double beta);
} orr_gemm_kernel;

// For float32 or float64. 0 is the best that runs here, 1 the next, ...; NULL
// past the last.
const orr_gemm_kernel *orr_gemm_kernel_of(orr_dtype d, int choice);

#endif
