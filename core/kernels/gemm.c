// gemm.c -- see gemm.h.
//
// Small products are OpenBLAS's, larger ones our own, of packed panels. The
// choice and the tiles depend on the sizes alone, and every tile sums its
// whole inner size in the same order, so any number of threads gives the same
// bits. OpenBLAS is called with one thread, from here and lapack.c only: its
// own threading changes bits, fights other pools and hangs after a fork.
#include "gemm.h"

#include <cblas.h>
#include <pthread.h>
#include <string.h>

#include "../base/threads.h"
#include "counts.h"
#include "gemm_kernels.h"

// Not declared by every cblas.h; OpenBLAS has both.
extern void openblas_set_num_threads(int n);
extern int openblas_get_parallel(void);

// The serial build of OpenBLAS keeps one buffer for all callers and gives
// wrong results from two threads: there calls take turns.
static pthread_mutex_t serial_lock = PTHREAD_MUTEX_INITIALIZER;
static bool take_turns;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const orr_gemm_kernel *kernels[2];  // by orr_dtype

static void set_up(void) {
  for (int d = ORR_F32; d <= ORR_F64; d++)
    kernels[d] = orr_gemm_kernel_of((orr_dtype)d, 0);
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

// n in `parts` parts of whole units, as alike as they can be.
static int64_t part_size(int64_t n, int64_t parts, int64_t unit) {
  return ceil_div(ceil_div(n, parts), unit) * unit;
}

// ------------------------------------------------------------ own products

// The packed columns that are multiplied at a time lie in the second-level
// cache, the panel of rows that meets them in the first.
enum {
  DEPTH_BYTES = 3072,  // of a packed row or column
  PACKED_ROWS = 384,   // whole panels of any kernel
  PACKED_COLS = 128,
  SLACK = 64  // bytes, what packing may write too far
};

// A thread's own; pages nobody touched are no memory.
static struct {
  _Alignas(64) char rows[PACKED_ROWS * DEPTH_BYTES + SLACK];
  _Alignas(64) char cols[PACKED_COLS * DEPTH_BYTES + SLACK];
} own_scratch[ORR_MAX_THREADS];

static const char *at(const void *x, int64_t n, size_t size) {
  return (const char *)x + (size_t)n * size;
}

// Columns [j, j + n) of b, and rows of a likewise.
static void pack_cols(orr_dtype d, const orr_gemm *g, int64_t j, int64_t n,
                      void *to) {
  const char *b = at(g->b, g->tb ? j * g->ldb : j, orr_dtype_size(d));
  kernels[d]->pack_cols(!g->tb, n, g->k, b, g->ldb, to);
}

static void pack_rows(orr_dtype d, const orr_gemm *g, int64_t i, int64_t n,
                      void *to) {
  const char *a = at(g->a, g->ta ? i : i * g->lda, orr_dtype_size(d));
  kernels[d]->pack_rows(g->ta, n, g->k, a, g->lda, to);
}

// Steps of k that are packed at a time.
static int64_t depth(orr_dtype d, int64_t k) {
  const int64_t most = DEPTH_BYTES / (int64_t)orr_dtype_size(d);
  return part_size(k, ceil_div(k, most), 16);
}

// Slice [p, p + depth) of k of the product.
static orr_gemm slice_of(orr_dtype d, const orr_gemm *g, int64_t p) {
  const size_t size = orr_dtype_size(d);
  orr_gemm s = *g;
  s.k = min64(depth(d, g->k), g->k - p);
  s.a = at(g->a, g->ta ? p * g->lda : p, size);
  s.b = at(g->b, g->tb ? p : p * g->ldb, size);
  if (p) s.beta = 1;
  return s;
}

// Rows [i, i + m) of c of a slice.
static void own_rows(orr_dtype d, const orr_gemm *g, int64_t i, int64_t m) {
  char *rows = own_scratch[orr_thread_index()].rows;
  char *cols = own_scratch[orr_thread_index()].cols;
  pack_rows(d, g, i, m, rows);
  for (int64_t j = 0; j < g->n && !orr_stopping(); j += PACKED_COLS) {
    const int64_t n = min64(PACKED_COLS, g->n - j);
    pack_cols(d, g, j, n, cols);
    kernels[d]->block(m, n, g->k, rows, cols,
                      (char *)g->c +
                          (size_t)(i * g->ldc + j) * orr_dtype_size(d),
                      g->ldc, g->alpha, g->beta);
  }
}

static void own(orr_dtype d, const orr_gemm *g) {
  const int64_t rows =
      part_size(g->m, ceil_div(g->m, PACKED_ROWS), kernels[d]->rows);
  for (int64_t i = 0; i < g->m; i += rows)
    for (int64_t p = 0; p < g->k; p += depth(d, g->k)) {
      const orr_gemm s = slice_of(d, g, p);
      own_rows(d, &s, i, min64(rows, g->m - i));
    }
}

// Measured on AVX-512, own / OpenBLAS 0.3.21's time, one thread, float32 and
// float64: 512^3 to 2048^3 0.92 to 1.0, 128^3 0.9 to 0.95, 96^3 1.1, 64^3 1.2
// and, where only b is transposed, 0.9, 32^3 1.5 and 0.8 to 1.05, 8 x 512 x
// 512 0.8, 2 x 512 x 512 3, 512 x 8 x 512 1.3.
#define OWN_WORK 1e6
#define OWN_WORK_TB 4e4
#define OWN_ROWS 4
#define OWN_COLS 16

static bool use_own(const orr_gemm *g) {
  const double work = (double)g->m * (double)g->n * (double)g->k;
  return work > (g->tb && !g->ta ? OWN_WORK_TB : OWN_WORK) &&
      g->m >= OWN_ROWS && g->n >= OWN_COLS;
}

// A row a, or a column b, is not transposed for what it is called: OpenBLAS
// takes the other path for it, which is up to seven times as slow.
static orr_gemm straight(orr_gemm g) {
  if (g.m == 1 && g.ta && g.lda == 1) g.ta = false, g.lda = g.k;
  if (g.n == 1 && !g.tb && g.ldb == 1) g.tb = true, g.ldb = g.k;
  return g;
}

void orr_gemm_serial(orr_dtype d, const orr_gemm *g) {
  if (g->m == 0 || g->n == 0) return;
  if (g->k == 0) {
    if (g->beta == 0) clear(d, g);
    return;
  }
  if (use_own(g)) {
    pthread_once(&once, set_up);
    own(d, g);
    return;
  }
  const orr_gemm plain = straight(*g);
  orr_blas_enter();
  call(d, &plain);
  orr_blas_leave();
}

// ------------------------------------------------------------ threads

// The grid of tiles, nearly square: as large as the cache allows, smaller
// where they are few. They are alike in size and, where they are few, even in
// number, so that two threads end together.
#define SMALL_WORK 2e6  // some 20 us: not cut
#define MOST_SIDE 512
#define FEW_TILES 8  // below that they are halved, to half those sides
#define ROW_UNIT 4
#define COL_UNIT 16
#define MOST_PACKED ((size_t)32 << 20)

typedef struct tiling {
  orr_dtype d;
  const orr_gemm *g;
  int64_t rows, cols, down, across;  // of a tile; tiles
  bool half;                         // a a^T: c is its own mirror image
  // All rows of a and columns of b of the slice *g, packed; tile by tile.
  char *packed;
  size_t rows_size, cols_size;  // bytes of a tile's whole panels
} tiling;

// Own products alone: they sum c[i][j] and c[j][i] in the same order, so that
// nothing depends on whether a and b happen to be the same.
static bool is_half(const orr_gemm *g) {
  return g->a == g->b && g->ta != g->tb && g->m == g->n && g->lda == g->ldb &&
      g->alpha == 1 && g->beta == 0 && use_own(g);
}

// Whether a tile of a half is all above the diagonal: its mirror image is
// taken in the end.
static bool left_out(const tiling *t, int64_t tile) {
  return t->half &&
      tile % t->across * t->cols >= (tile / t->across + 1) * t->rows;
}

static inline __attribute__((always_inline)) void mirror(
    const size_t size, char *c, int64_t ld, int64_t i, int64_t last_i,
    int64_t j, int64_t last_j) {
  const size_t line = (size_t)ld * size;
  for (int64_t r = i; r < last_i; r++)
    for (int64_t k = j; k < last_j; k++)
      memcpy(c + (size_t)r * line + (size_t)k * size,
             c + (size_t)k * line + (size_t)r * size, size);
}

// By squares that the first-level cache holds twice.
static void mirror_tile(void *context, int64_t tile) {
  enum { SIDE = 16 };
  const tiling *t = context;
  if (!left_out(t, tile)) return;
  const int64_t i = tile / t->across * t->rows, j = tile % t->across * t->cols;
  const int64_t rows = min64(i + t->rows, t->g->m);
  const int64_t cols = min64(j + t->cols, t->g->n);
  for (int64_t r = i; r < rows; r += SIDE)
    for (int64_t k = j; k < cols; k += SIDE) {
      const int64_t r1 = min64(r + SIDE, rows), k1 = min64(k + SIDE, cols);
      if (t->d == ORR_F32)
        mirror(sizeof(float), t->g->c, t->g->ldc, r, r1, k, k1);
      else
        mirror(sizeof(double), t->g->c, t->g->ldc, r, r1, k, k1);
    }
}

static void run_tile(void *context, int64_t tile) {
  const tiling *t = context;
  if (left_out(t, tile)) return;
  const orr_gemm *g = t->g;
  const size_t size = orr_dtype_size(t->d);
  const int64_t i = tile / t->across * t->rows, j = tile % t->across * t->cols;
  orr_gemm part = *g;
  part.m = min64(t->rows, g->m - i);
  part.n = min64(t->cols, g->n - j);
  part.a = at(g->a, g->ta ? i : i * g->lda, size);
  part.b = at(g->b, g->tb ? j * g->ldb : j, size);
  part.c = (char *)g->c + (size_t)(i * g->ldc + j) * size;
  if (use_own(g))
    own(t->d, &part);
  else
    orr_gemm_serial(t->d, &part);
}

static void pack_part(void *context, int64_t part) {
  const tiling *t = context;
  const orr_gemm *g = t->g;
  if (part < t->down) {
    const int64_t i = part * t->rows;
    pack_rows(t->d, g, i, min64(t->rows, g->m - i),
              t->packed + (size_t)part * t->rows_size);
  } else {
    const int64_t j = (part - t->down) * t->cols;
    pack_cols(t->d, g, j, min64(t->cols, g->n - j),
              t->packed + (size_t)t->down * t->rows_size +
                  (size_t)(part - t->down) * t->cols_size);
  }
}

static void run_packed(void *context, int64_t tile) {
  const tiling *t = context;
  if (left_out(t, tile)) return;
  const orr_gemm *g = t->g;
  const size_t size = orr_dtype_size(t->d);
  const int64_t row = tile / t->across, col = tile % t->across;
  const int64_t i = row * t->rows, j = col * t->cols;
  const int64_t m = min64(t->rows, g->m - i), n = min64(t->cols, g->n - j);
  const char *a = t->packed + (size_t)row * t->rows_size;
  const char *b =
      t->packed + (size_t)t->down * t->rows_size + (size_t)col * t->cols_size;
  for (int64_t at = 0; at < n; at += PACKED_COLS)
    kernels[t->d]->block(m, min64(PACKED_COLS, n - at), g->k, a,
                         b + (size_t)(at * g->k) * size,
                         (char *)g->c + (size_t)(i * g->ldc + j + at) * size,
                         g->ldc, g->alpha, g->beta);
}

// Where there are many tiles each row of a and column of b is packed once,
// for all of them. False: it would take too much memory.
static bool run_slices(tiling t) {
  const orr_gemm *whole = t.g;
  const size_t line = (size_t)depth(t.d, whole->k) * orr_dtype_size(t.d);
  t.rows_size = (size_t)part_size(t.rows, 1, kernels[t.d]->rows) * line + SLACK;
  t.cols_size = (size_t)part_size(t.cols, 1, kernels[t.d]->cols) * line + SLACK;
  const size_t bytes =
      (size_t)t.down * t.rows_size + (size_t)t.across * t.cols_size;
  if (bytes > MOST_PACKED) return false;
  t.packed = orr_alloc(bytes);
  if (!t.packed) return false;
  for (int64_t p = 0; p < whole->k && !orr_stopping();
       p += depth(t.d, whole->k)) {
    const orr_gemm s = slice_of(t.d, whole, p);
    t.g = &s;
    orr_parallel(t.down + t.across, pack_part, &t);
    orr_parallel(t.down * t.across, run_packed, &t);
  }
  orr_free(t.packed, bytes);
  return true;
}

void orr_gemm_grid(int64_t m, int64_t n, int64_t k, int64_t *rows,
                   int64_t *cols) {
  *rows = m > 1 ? m : 1;
  *cols = n > 1 ? n : 1;
  if (2.0 * (double)m * (double)n * (double)k <= SMALL_WORK) return;
  int64_t down = ceil_div(m, MOST_SIDE), across = ceil_div(n, MOST_SIDE);
  while (down * across < FEW_TILES) {
    int64_t *cut = m * across >= n * down ? &down : &across;
    if (m * n <= down * across * (MOST_SIDE / 2) * (MOST_SIDE / 2)) break;
    *cut *= 2;
  }
  // One more cut down packs b once more, one across a.
  const int64_t tiles = down * across;
  if (tiles % 2 && tiles < FEW_TILES) ++*(n <= m ? &down : &across);
  *rows = part_size(m, down, ROW_UNIT);
  *cols = part_size(n, across, COL_UNIT);
}

void orr_gemm_run(orr_dtype d, const orr_gemm *g) {
  tiling t = {.d = d, .g = g};
  orr_gemm_grid(g->m, g->n, g->k, &t.rows, &t.cols);
  t.down = ceil_div(g->m, t.rows);
  t.across = ceil_div(g->n, t.cols);
  if (t.down * t.across == 1) {
    orr_gemm_serial(d, g);
    return;
  }
  pthread_once(&once, set_up);
  t.half = is_half(g);
  if (t.down < 2 || t.across < 2 || !use_own(g) || orr_inside_chunk() ||
      !run_slices(t))
    orr_parallel(t.down * t.across, run_tile, &t);
  if (t.half) orr_parallel(t.down * t.across, mirror_tile, &t);
}
