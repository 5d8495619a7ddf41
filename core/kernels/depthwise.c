// depthwise.c -- see depthwise.h.
//
// The passes of implicit.c over its copies of a plane. There is nothing to
// multiply by tiles: a vector of neighbouring positions sums over the taps, a
// few rows at a time; the weight's gradient keeps a vector for each tap.
#include "depthwise.h"

#include <string.h>

#include "../base/threads.h"
#include "elementwise.h"
#include "implicit.h"
#include "implicit_source.h"
#include "vmath.h"

// Products and sums are rounded once here, as in micro.c.
#if defined(__clang__)
#pragma clang fp contract(fast)
#else
#pragma GCC optimize("fp-contract=fast")
#endif

enum {
  ROWS = 4,          // of positions that are summed at once
  TAPS = 9,          // that a vector of the weight's gradient is kept for
  SOURCE = 1 << 13,  // floats of a chunk's copy aimed at: a part of the L1
  MOST_TAPS = KERNEL * KERNEL + TAPS
};

// The taps of a pass: where they lie in the source and in a kernel.
typedef struct taps {
  const axis *y, *x;
  int n;
  int32_t at[MOST_TAPS], of[MOST_TAPS];
} taps;

typedef struct task {
  plan p;
  source s;  // of the first chunk
  taps pass[PASSES][PASSES];
} task;

static void find_taps(const plan *p, const source *s, int64_t down,
                      int64_t across, taps *t) {
  t->y = &p->y[down], t->x = &p->x[across], t->n = 0;
  for (int i = 0; i < t->y->taps; i++)
    for (int j = 0; j < t->x->taps; j++) {
      t->at[t->n] =
          (int32_t)orr_implicit_tap(s, t->y->shift[i], t->x->shift[j]);
      t->of[t->n++] = (int32_t)(t->y->tap[i] * p->g->kw + t->x->tap[j]);
    }
}

// Rows of positions are cut so that their copy stays in the L1.
static void cut(task *t) {
  plan *p = &t->p;
  p->in.group = p->out.group = 1;
  orr_implicit_passes(p);
  const axis y = orr_implicit_axes(p->y, p->down);
  const source s = orr_implicit_source(p, 1, 0, 1);
  const int64_t high = max64(y.positions, 1);
  p->images = 1;
  p->rows = min64(high, max64(ROWS, SOURCE / (s.wide * y.step * s.across)));
  p->row_blocks = ceil_div(high, p->rows);
  p->rows = ceil_div(high, p->row_blocks);  // all alike
  p->row_blocks = ceil_div(high, p->rows);
  t->s = orr_implicit_source(p, 1, 0, p->rows);
  for (int64_t i = 0; i < p->down; i++)
    for (int64_t j = 0; j < p->across; j++)
      find_taps(p, &t->s, i, j, &t->pass[i][j]);
}

static size_t scratch_bytes(const task *t) {
  return (size_t)(t->s.channel + LANE) * sizeof(float);
}

// ------------------------------------------------------------ y and x

typedef struct work {
  const plan *p;
  source s;
  const taps *pass[2];  // the one of even columns first, if there are two
  float weight[2][MOST_TAPS];
  float bias;
  float *to;         // the result's plane
  const float *end;  // whole lanes may be written up to here
} work;

// Of `rows` rows the lane at a column.
ORR_INLINE void sum_taps(const work *w, int half, const int rows, int64_t row,
                         int64_t column, lane *sum) {
  const taps *t = w->pass[half];
  const int64_t line = w->s.wide * w->s.across;
  const float *at = w->s.at + row * line + column;
  for (int r = 0; r < rows; r++) sum[r] = (lane){0} + w->bias;
  for (int k = 0; k < t->n; k++)
    for (int r = 0; r < rows; r++)
      sum[r] +=
          *(const any_lane *)(at + t->at[k] + r * line) * w->weight[half][k];
}

ORR_INLINE void give(const work *w, lane v, int64_t n, float *to) {
  if (n >= LANE || to + LANE <= w->end)
    *(any_lane *)to = v;
  else if (n > 0)
    memcpy(to, &v, (size_t)n * sizeof *to);
}

#define PAIRS(I)                                                              \
  I, LANE + I, I + 1, LANE + I + 1, I + 2, LANE + I + 2, I + 3, LANE + I + 3, \
      I + 4, LANE + I + 4, I + 5, LANE + I + 5, I + 6, LANE + I + 6, I + 7,   \
      LANE + I + 7

// From the last column to the first: what a lane has too much is overwritten
// by the first lane of the next row.
ORR_INLINE void run_rows(const work *w, const int rows, int64_t row) {
  const axis *y = w->pass[0]->y, *x = w->pass[0]->x;
  const int64_t wide = w->p->out.w;
  for (int64_t c = (x->positions - 1) / LANE * LANE; c >= 0; c -= LANE) {
    const int64_t n = min64(LANE, x->positions - c);
    lane a[ROWS], b[ROWS];
    sum_taps(w, 0, rows, row, c, a);
    if (w->pass[1]) sum_taps(w, 1, rows, row, c, b);
    for (int r = 0; r < rows; r++) {
      float *to =
          w->to + (y->first + (w->s.first_row + row + r) * y->apart) * wide;
      if (w->pass[1]) {
        const lane low = __builtin_shufflevector(a[r], b[r], PAIRS(0));
        const lane high = __builtin_shufflevector(a[r], b[r], PAIRS(8));
        give(w, high, 2 * n - LANE, to + 2 * c + LANE);
        give(w, low, 2 * n, to + 2 * c);
      } else if (x->apart == 1) {
        give(w, a[r], n, to + c);
      } else {
        for (int64_t i = 0; i < n; i++)
          to[x->first + (c + i) * x->apart] = a[r][i];
      }
    }
  }
}

ORR_CLONES static void run_pass(const work *w, int64_t rows) {
  int64_t row = 0;
  for (; row + ROWS <= rows; row += ROWS) run_rows(w, ROWS, row);
  for (; row < rows; row++) run_rows(w, 1, row);
}

static void set_pass(work *w, int half, const taps *t, const float *weight) {
  w->pass[half] = t;
  for (int k = 0; k < t->n; k++) w->weight[half][k] = weight[t->of[k]];
}

static void run_chunk(void *context, int64_t chunk) {
  task *t = context;
  plan *p = &t->p;
  const int64_t block = chunk % p->row_blocks;
  const int64_t channel = chunk / p->row_blocks % p->g->c;
  const int64_t image = chunk / p->row_blocks / p->g->c;
  const int64_t r0 = block * p->rows, plane = p->out.h * p->out.w;
  const float *weight = p->weight + channel * p->g->kh * p->g->kw;
  work w = {.p = p, .s = t->s};
  w.bias = p->bias ? p->bias[channel] : 0;
  w.to = p->write + (image * p->g->c + channel) * plane;
  // Rows of one pass follow each other: else the next row is not its own.
  if (p->down == 1) w.end = w.to + min64(p->out.h, r0 + p->rows) * p->out.w;
  w.s.at = orr_slot_take(&p->slots);
  w.s.first_row = r0;
  orr_implicit_fill(p, &w.s, image, channel);
  const int even = p->fused && p->x[0].first == 1;
  for (int64_t i = 0; i < p->down; i++)
    for (int64_t j = 0; j < (p->fused ? 1 : p->across); j++) {
      set_pass(&w, 0, &t->pass[i][j ^ even], weight);
      if (p->fused) set_pass(&w, 1, &t->pass[i][1 ^ even], weight);
      run_pass(&w, min64(p->rows, p->y[i].positions - r0));
    }
  orr_slot_give(&p->slots, w.s.at);
}

static bool convolve(task *t) {
  plan *p = &t->p;
  cut(t);
  const int64_t chunks = p->g->n * p->g->c * p->row_blocks;
  if (!orr_slots_open(&p->slots, scratch_bytes(t), chunks)) return false;
  orr_parallel(chunks, run_chunk, t);
  orr_slots_close(&p->slots);
  return true;
}

bool orr_depthwise_fits(const orr_conv *g) {
  return g->c == g->groups && g->k == g->groups && orr_implicit_fits(g);
}

bool orr_depthwise_y(const orr_conv *g, const float *x, const float *weight,
                     const float *bias, float *y) {
  task t = {.p = {.g = g,
                  .in = orr_implicit_of_x(g),
                  .out = orr_implicit_of_y(g),
                  .read = x,
                  .weight = weight,
                  .bias = bias,
                  .write = y}};
  return convolve(&t);
}

bool orr_depthwise_x(const orr_conv *g, const float *y, const float *weight,
                     const float *bias, float *x) {
  task t = {.p = {.g = g,
                  .adjoint = true,
                  .in = orr_implicit_of_y(g),
                  .out = orr_implicit_of_x(g),
                  .read = y,
                  .weight = weight,
                  .bias = bias,
                  .write = x}};
  return convolve(&t);
}

// ------------------------------------------------------------ w

typedef int32_t mask __attribute__((vector_size(4 * LANE)));

// sums[k] += y times what tap k reads, for TAPS taps, over rows of the source;
// y is read up to `end`.
ORR_CLONES static void add_rows(const source *s, int64_t rows, int64_t wide,
                                const float *y, const float *end,
                                const int32_t *tap, lane *sums) {
  mask last;
  for (int i = 0; i < LANE; i++) last[i] = i <= (wide - 1) % LANE ? -1 : 0;
  const int64_t whole = (wide - 1) / LANE * LANE;
  lane sum[TAPS];
  for (int k = 0; k < TAPS; k++) sum[k] = sums[k];
  for (int64_t r = 0; r < rows; r++, y += wide) {
    const float *at = s->at + r * s->wide * s->across;
    for (int64_t c = 0; c < whole; c += LANE) {
      const lane v = *(const any_lane *)(y + c);
      for (int k = 0; k < TAPS; k++)
        sum[k] += v * *(const any_lane *)(at + c + tap[k]);
    }
    lane v = {0};
    if (y + whole + LANE <= end)
      v = *(const any_lane *)(y + whole);
    else
      memcpy(&v, y + whole, (size_t)(wide - whole) * sizeof *y);
    v = (lane)((mask)v & last);
    for (int k = 0; k < TAPS; k++) {
      const lane u = *(const any_lane *)(at + whole + tap[k]);
      sum[k] += v * (lane)((mask)u & last);
    }
  }
  for (int k = 0; k < TAPS; k++) sums[k] = sum[k];
}

static float total(const lane *sum) {
  lane v = *sum;
  for (int half = LANE / 2; half; half /= 2)
    for (int i = 0; i < half; i++) v[i] += v[i + half];
  return v[0];
}

// One channel: all images, in order.
static void w_chunk(void *context, int64_t channel) {
  task *t = context;
  plan *p = &t->p;
  const orr_conv *g = p->g;
  const taps *taps = &t->pass[0][0];
  const int64_t plane = g->oh * g->ow;
  void *slot = orr_slot_take(&p->slots);
  lane *sums = slot;
  for (int k = 0; k < taps->n + TAPS; k++) sums[k] = (lane){0};
  source s = t->s;
  s.at = (float *)(void *)(sums + taps->n + TAPS);
  const float *end = p->weight + g->n * g->k * plane;
  for (int64_t i = 0; i < g->n * p->row_blocks && !orr_stopping(); i++) {
    const int64_t image = i / p->row_blocks;
    s.first_row = i % p->row_blocks * p->rows;
    orr_implicit_fill(p, &s, image, channel);
    for (int k = 0; k < taps->n; k += TAPS)
      add_rows(&s, min64(p->rows, g->oh - s.first_row), g->ow,
               p->weight + (image * g->k + channel) * plane +
                   s.first_row * g->ow,
               end, taps->at + k, sums + k);
  }
  for (int k = 0; k < taps->n; k++)
    p->write[channel * taps->n + taps->of[k]] = total(&sums[k]);
  orr_slot_give(&p->slots, slot);
}

bool orr_depthwise_w(const orr_conv *g, const float *x, const float *y,
                     float *weight) {
  task t = {.p = {.g = g,
                  .in = orr_implicit_of_x(g),
                  .out = orr_implicit_of_y(g),
                  .read = x,
                  .weight = y,
                  .write = weight}};
  cut(&t);
  const size_t sums = (size_t)(t.pass[0][0].n + TAPS) * sizeof(lane);
  if (!orr_slots_open(&t.p.slots, sums + scratch_bytes(&t), g->c)) return false;
  orr_parallel(g->c, w_chunk, &t);
  orr_slots_close(&t.p.slots);
  return true;
}
