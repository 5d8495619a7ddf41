// gemm.c -- see gemm.h.
//
// OpenBLAS is called with one thread, from here and lapack.c only: its own
// threading changes bits, fights other pools and hangs after a fork. The tile
// grid depends on the sizes alone, and every tile sums its whole inner size,
// so any number of threads gives the same bits.
#include "gemm.h"

#include <cblas.h>
#include <pthread.h>
#include <string.h>

#include "../base/threads.h"

// Not declared by every cblas.h; OpenBLAS has both.
extern void openblas_set_num_threads(int n);
extern int openblas_get_parallel(void);

// The serial build of OpenBLAS keeps one buffer for all callers and gives
// wrong results from two threads: there calls take turns.
static pthread_mutex_t serial_lock = PTHREAD_MUTEX_INITIALIZER;
static bool take_turns;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void set_up(void) {
  openblas_set_num_threads(1);
  take_turns = openblas_get_parallel() == 0;
}

void orr_blas_enter(void) {
  pthread_once(&once, set_up);
  if (take_turns) pthread_mutex_lock(&serial_lock);
}

void orr_blas_leave(void) {
  if (take_turns) pthread_mutex_unlock(&serial_lock);
}

static void call(orr_dtype d, const orr_gemm *g) {
  const CBLAS_TRANSPOSE ta = g->ta ? CblasTrans : CblasNoTrans;
  const CBLAS_TRANSPOSE tb = g->tb ? CblasTrans : CblasNoTrans;
  const int m = (int)g->m, n = (int)g->n, k = (int)g->k;
  const int lda = (int)g->lda, ldb = (int)g->ldb, ldc = (int)g->ldc;
  if (d == ORR_F32)
    cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, (float)g->alpha, g->a, lda,
                g->b, ldb, (float)g->beta, g->c, ldc);
  else
    cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, g->alpha, g->a, lda, g->b, ldb,
                g->beta, g->c, ldc);
}

static void clear(orr_dtype d, const orr_gemm *g) {
  const size_t size = orr_dtype_size(d);
  for (int64_t i = 0; i < g->m; i++)
    memset((char *)g->c + (size_t)(i * g->ldc) * size, 0, (size_t)g->n * size);
}

void orr_gemm_serial(orr_dtype d, const orr_gemm *g) {
  if (g->m == 0 || g->n == 0) return;
  if (g->k == 0) {
    if (g->beta == 0) clear(d, g);
    return;
  }
  orr_blas_enter();
  call(d, g);
  orr_blas_leave();
}

// Tiles of about 128 x 256 outputs, fewer when the inner size is short: a
// tile should be worth some 20 us and at most some ms.
typedef struct tiling {
  orr_dtype d;
  const orr_gemm *g;
  int64_t rows, cols, across;
} tiling;

static void run_tile(void *context, int64_t tile) {
  const tiling *t = context;
  const orr_gemm *g = t->g;
  const int64_t i = tile / t->across * t->rows, j = tile % t->across * t->cols;
  const size_t size = orr_dtype_size(t->d);
  orr_gemm part = *g;
  part.m = g->m - i < t->rows ? g->m - i : t->rows;
  part.n = g->n - j < t->cols ? g->n - j : t->cols;
  part.a = (const char *)g->a + (size_t)(g->ta ? i : i * g->lda) * size;
  part.b = (const char *)g->b + (size_t)(g->tb ? j * g->ldb : j) * size;
  part.c = (char *)g->c + (size_t)(i * g->ldc + j) * size;
  orr_gemm_serial(t->d, &part);
}

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

void orr_gemm_run(orr_dtype d, const orr_gemm *g) {
  const double work = 2.0 * (double)g->m * (double)g->n * (double)g->k;
  tiling t = {d, g, g->m, g->n, 1};
  if (work > 2e6) {
    // Cut the longer side first; wide tiles pack less of b again and again.
    t.rows = g->m > 128 ? 128 : ceil_div(g->m, 2);
    t.cols = g->n > 256 ? 256 : g->n;
    if (g->m <= 32) {
      t.rows = g->m;
      t.cols = g->n > 256 ? 128 : ceil_div(g->n, 2);
    }
  }
  if (t.rows < 1) t.rows = 1;
  if (t.cols < 1) t.cols = 1;
  t.across = ceil_div(g->n, t.cols);
  orr_parallel(ceil_div(g->m, t.rows) * t.across, run_tile, &t);
}
