// norm.c -- batch normalisation. A channel is one piece of work: its passes
// over the data find it in the cache.
#include "norm.h"

#include <math.h>

#include "../base/threads.h"
#include "elementwise.h"

enum { LANES = 32 };  // sums side by side, so that they vectorise

typedef struct job {
  const orr_norm *g;
  const void *gy, *x, *weight, *bias;
  void *y, *mean, *var, *gweight, *gbias;  // y: the result, gx backward
} job;

#define LOOPS "norm_loops.h"
#include "each_float.h"

static void run(orr_dtype d, const job *j) {
  const int64_t work = j->g->n * j->g->pixels;
  int64_t grain = ORR_GRAIN_CHEAP / 4 / (work > 0 ? work : 1);
  // Where a channel's elements lie apart, neighbours share cache lines.
  if (j->g->pixels < 16 && grain < 16) grain = 16;
  orr_parallel_range(j->g->channels, grain < 1 ? 1 : grain,
                     d == ORR_F32 ? channels_f32 : channels_f64, (void *)j);
}

void orr_batch_norm(orr_dtype d, const orr_norm *g, const void *x,
                    const void *weight, const void *bias, void *y, void *mean,
                    void *var) {
  run(d,
      &(job){.g = g,
             .x = x,
             .weight = weight,
             .bias = bias,
             .y = y,
             .mean = mean,
             .var = var});
}

void orr_batch_norm_dx(orr_dtype d, const orr_norm *g, const void *gy,
                       const void *x, const void *weight, void *gx,
                       void *gweight, void *gbias) {
  run(d,
      &(job){.g = g,
             .gy = gy,
             .x = x,
             .weight = weight,
             .y = gx,
             .gweight = gweight,
             .gbias = gbias});
}
