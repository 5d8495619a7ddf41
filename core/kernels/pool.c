// pool.c -- pooling and nearest upsampling. Planes are independent, so chunks
// of planes are spread over the threads.
#include "pool.h"

#include <math.h>

#include "../base/threads.h"
#include "counts.h"
#include "elementwise.h"
#include "steps.h"

typedef struct job {
  const orr_pool *g;
  const void *from;
  void *to;
  int64_t *index;
  void (*loop)(const struct job *, int64_t begin, int64_t end);
} job;

// The part of a window inside the image, and what its sum is divided by.
typedef struct window {
  int64_t y0, y1, x0, x1;
  double divisor;
} window;

// Padding counts, what sticks out beyond it (ceil) does not.
static window window_at(const orr_pool *g, int64_t oy, int64_t ox) {
  const int64_t y0 = oy * g->sh - g->ph, x0 = ox * g->sw - g->pw;
  const int64_t y1 = min64(y0 + g->kh, g->h + g->ph);
  const int64_t x1 = min64(x0 + g->kw, g->w + g->pw);
  window v = {max64(y0, 0), min64(y1, g->h), max64(x0, 0), min64(x1, g->w), 0};
  v.divisor = g->count_padding ? (double)((y1 - y0) * (x1 - x0))
                               : (double)((v.y1 - v.y0) * (v.x1 - v.x0));
  if (g->divisor) v.divisor = (double)g->divisor;
  return v;
}

#define LOOPS "pool_loops.h"
#include "each_float.h"

int64_t orr_pool_size(int64_t size, int64_t window, int64_t stride,
                      int64_t padding, int64_t dilation, bool ceil) {
  const int64_t room = size + 2 * padding - dilation * (window - 1) - 1;
  if (room < 0 && !(ceil && room > -stride)) return 0;
  int64_t n = (room + (ceil ? stride - 1 : 0)) / stride + 1;
  if (ceil && (n - 1) * stride >= size + padding) n--;
  return n;
}

static void planes_range(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  j->loop(j, begin, end);
}

// Work of a plane in elements decides how many planes make a chunk.
static void run(const job *j, int64_t work) {
  const int64_t grain = max64(1, ORR_GRAIN_CHEAP / max64(work, 1));
  orr_parallel_range(j->g->planes, grain, planes_range, (void *)j);
}

#define LOOP(NAME) (d == ORR_F32 ? NAME##_f32 : NAME##_f64)

void orr_max_pool(orr_dtype d, const orr_pool *g, const void *x, void *y,
                  int64_t *position) {
  run(&(job){g, x, y, position, LOOP(max_pool)}, g->oh * g->ow * g->kh * g->kw);
}

void orr_unpool(orr_dtype d, const orr_pool *g, const void *y,
                const int64_t *position, void *x) {
  run(&(job){g, y, x, (int64_t *)position, LOOP(unpool)}, g->h * g->w);
}

void orr_pool_at(orr_dtype d, const orr_pool *g, const void *x,
                 const int64_t *position, void *y) {
  run(&(job){g, x, y, (int64_t *)position, LOOP(pool_at)}, g->oh * g->ow);
}

void orr_avg_pool(orr_dtype d, const orr_pool *g, const void *x, void *y) {
  run(&(job){g, x, y, NULL, LOOP(avg_pool)}, g->oh * g->ow * g->kh * g->kw);
}

void orr_avg_pool_dx(orr_dtype d, const orr_pool *g, const void *y, void *x) {
  run(&(job){g, y, x, NULL, LOOP(avg_pool_dx)},
      g->h * g->w + g->oh * g->ow * g->kh * g->kw);
}

void orr_upsample(orr_dtype d, const orr_pool *g, const void *x, void *y) {
  run(&(job){g, x, y, NULL, LOOP(upsample)}, g->oh * g->ow);
}

void orr_upsample_dx(orr_dtype d, const orr_pool *g, const void *y, void *x) {
  run(&(job){g, y, x, NULL, LOOP(upsample_dx)}, g->oh * g->ow);
}
