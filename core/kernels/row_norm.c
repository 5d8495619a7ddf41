// row_norm.c -- see row_norm.h. A row is in the first or second cache while
// the passes over it are made; a chunk of rows adds up its own gweight and
// gbias, and the chunks' sums meet in their order.
#include "row_norm.h"

#include <math.h>
#include <string.h>

#include "../base/threads.h"
#include "elementwise.h"

#define LANES 32
#define BLOCK 2048     // values that lanes of the element type add up
#define TOGETHER 8     // short rows whose moments are taken together
#define CHUNKS 64      // that hold sums, at most,
#define FEWEST_ROWS 4  // of at least so many rows: the sums are less than x

typedef struct job {
  const orr_row_norm_shape *s;
  const void *gy, *x, *weight, *bias;
  void *y, *gweight, *gbias;  // y: the result, gx backward
  int64_t rows, chunks;       // rows of a chunk
  void *sums;                 // [chunks][gweight and gbias]
  double share;               // 1 / values of a row
} job;

#define LOOPS "row_norm_loops.h"
#include "each_float.h"

static void cut(job *j) {
  const int64_t all = j->s->n * j->s->groups;
  const int64_t row = j->s->parts * j->s->pixels;
  j->share = 1 / (double)row;
  j->rows = ORR_GRAIN_CHEAP / 2 / (row > 0 ? row : 1);
  if (j->gy && j->rows < (all + CHUNKS - 1) / CHUNKS)
    j->rows = (all + CHUNKS - 1) / CHUNKS;
  if (j->gy && j->rows < FEWEST_ROWS) j->rows = FEWEST_ROWS;
  if (j->rows < 1) j->rows = 1;
  j->chunks = (all + j->rows - 1) / j->rows;
}

// Scratch: weights of 1 and biases of 0 where none are given, then the sums.
static bool run(orr_dtype d, job *j) {
  const int64_t channels = j->s->groups * j->s->parts;
  const size_t one = (size_t)channels * orr_dtype_size(d);
  cut(j);
  const size_t bytes = 2 * one * (size_t)(1 + (j->gy ? j->chunks : 0));
  char *scratch = orr_alloc(bytes ? bytes : 1);
  if (!scratch) return false;
  const bool narrow = d == ORR_F32;
  void *zeros = scratch + one;
  if (narrow)
    fill_f32((float *)(void *)scratch, zeros, channels);
  else
    fill_f64((double *)(void *)scratch, zeros, channels);
  if (!j->weight) j->weight = scratch;
  if (!j->bias) j->bias = zeros;
  j->sums = scratch + 2 * one;
  orr_parallel(j->chunks, narrow ? rows_f32 : rows_f64, j);
  if (j->gy)
    orr_parallel_range(2 * channels, ORR_GRAIN_CHEAP / CHUNKS,
                       narrow ? join_f32 : join_f64, j);
  orr_free(scratch, bytes ? bytes : 1);
  return true;
}

bool orr_row_norm(orr_dtype d, const orr_row_norm_shape *s, const void *x,
                  const void *weight, const void *bias, void *y) {
  job j = {.s = s, .x = x, .weight = weight, .bias = bias, .y = y};
  return run(d, &j);
}

bool orr_row_norm_dx(orr_dtype d, const orr_row_norm_shape *s, const void *gy,
                     const void *x, const void *weight, void *gx, void *gweight,
                     void *gbias) {
  job j = {.s = s,
           .gy = gy,
           .x = x,
           .weight = weight,
           .y = gx,
           .gweight = gweight,
           .gbias = gbias};
  return run(d, &j);
}
