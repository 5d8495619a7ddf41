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

// The grid of tiles. Each packs its rows of a and its columns of b again, so
// few and nearly square ones are cheapest. They are alike in size and, where
// they are few, even in number, so that two threads end together; at most
// MOST_ROWS x MOST_COLS, some ms of work, for many threads and for interrupts.
#define SMALL_WORK 2e6  // some 20 us: not cut
#define MOST_ROWS 128
#define MOST_COLS 256
#define ROW_UNIT 4  // what a micro-kernel takes at once
#define COL_UNIT 16

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

// n in `parts` parts of whole units, as alike as they can be.
static int64_t part_size(int64_t n, int64_t parts, int64_t unit) {
  return ceil_div(ceil_div(n, parts), unit) * unit;
}

void orr_gemm_grid(int64_t m, int64_t n, int64_t k, int64_t *rows,
                   int64_t *cols) {
  *rows = m > 1 ? m : 1;
  *cols = n > 1 ? n : 1;
  if (2.0 * (double)m * (double)n * (double)k <= SMALL_WORK) return;
  int64_t down = ceil_div(m, MOST_ROWS), across = ceil_div(n, MOST_COLS);
  const int64_t tiles = down * across;
  // One more cut down packs b once more, one across a.
  if (tiles % 2 && tiles < 9) ++*(n <= m ? &down : &across);
  *rows = part_size(m, down, ROW_UNIT);
  *cols = part_size(n, across, COL_UNIT);
}

void orr_gemm_run(orr_dtype d, const orr_gemm *g) {
  tiling t = {.d = d, .g = g};
  orr_gemm_grid(g->m, g->n, g->k, &t.rows, &t.cols);
  t.across = ceil_div(g->n, t.cols);
  orr_parallel(ceil_div(g->m, t.rows) * t.across, run_tile, &t);
}
