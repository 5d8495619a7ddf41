// gemm.h -- matrix products on tiles that the threads share.
#ifndef ORR_GEMM_H
#define ORR_GEMM_H
#include "../orrery.h"

// c = alpha op(a) op(b) + beta c, row-major; op transposes when ta / tb.
// a is m x k, b is k x n after op; ld* are row lengths as stored.
typedef struct orr_gemm {
  bool ta, tb;
  int64_t m, n, k;
  const void *a, *b;
  void *c;
  int64_t lda, ldb, ldc;
  double alpha, beta;
} orr_gemm;
// Spreads tiles over the threads; the tiles depend on the sizes alone. A large
// a a^T takes half the time of others.
void orr_gemm_run(orr_dtype d, const orr_gemm *g);
// That grid: how many rows and columns of c a tile has, the last ones less.
void orr_gemm_grid(int64_t m, int64_t n, int64_t k, int64_t *rows,
                   int64_t *cols);
// On the calling thread; for use inside an orr_parallel chunk.
void orr_gemm_serial(orr_dtype d, const orr_gemm *g);
// Around any other call of OpenBLAS: it then runs on the calling thread alone.
void orr_blas_enter(void);
void orr_blas_leave(void);

#endif
