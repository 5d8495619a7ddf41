// random.c -- uniform, normal and other numbers from Philox blocks.
//
// float32 uniforms, normals and Bernoulli draws take one 32-bit number each,
// everything else a 64-bit one. Blocks are made BATCH at a time, so that the
// loops over their words vectorise.
#include "random.h"

#include <math.h>

#include "../base/threads.h"
#include "elementwise.h"

#define BATCH 64

// The same function as orr_philox, for `blocks` counters in a row. Scalar: what
// the compiler makes of 16 lanes of widening products is no faster.
static void philox_batch(uint64_t seed, uint64_t counter, int64_t blocks,
                         uint32_t w[4][BATCH]) {
  for (int64_t j = 0; j < blocks; j++) {
    const uint64_t at = counter + (uint64_t)j;
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    uint32_t a = (uint32_t)at, b = (uint32_t)(at >> 32), c = 0, d = 0;
    for (int round = 0; round < 10; round++) {
      const uint64_t p = (uint64_t)0xD2511F53u * a;
      const uint64_t q = (uint64_t)0xCD9E8D57u * c;
      a = (uint32_t)(q >> 32) ^ b ^ k0;
      b = (uint32_t)q;
      c = (uint32_t)(p >> 32) ^ d ^ k1;
      d = (uint32_t)p;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    w[0][j] = a;
    w[1][j] = b;
    w[2][j] = c;
    w[3][j] = d;
  }
}

static uint64_t join(uint32_t high, uint32_t low) {
  return (uint64_t)high << 32 | low;
}

uint64_t orr_draw_word(uint64_t seed, uint64_t counter, int64_t i) {
  uint32_t w[4];
  orr_philox(seed, counter + (uint64_t)i / 2, w);
  return i % 2 ? join(w[2], w[3]) : join(w[0], w[1]);
}

// The high half of the 128-bit product word * n.
uint64_t orr_draw_below(uint64_t word, uint64_t n) {
  const uint64_t a = word >> 32, b = (uint32_t)word;
  const uint64_t c = n >> 32, d = (uint32_t)n;
  const uint64_t middle = (b * d >> 32) + (uint32_t)(a * d) + (uint32_t)(b * c);
  return a * c + (a * d >> 32) + (b * c >> 32) + (middle >> 32);
}

double orr_draw_unit(uint64_t word) { return (double)(word >> 11) * 0x1p-53; }

double orr_draw_open(uint64_t word) {
  return ((double)(word >> 12) + 0.5) * 0x1p-52;
}

// ---- one 32-bit number for each element

// A product or sum may round up to b; the result stays below.
ORR_CLONES static void uniform_f32(const uint32_t *w, float a, float b,
                                   float *restrict y) {
  const float range = b - a, below = nextafterf(b, a);
  for (int j = 0; j < BATCH; j++) {
    const float v = a + range * ((float)(int32_t)(w[j] >> 8) * 0x1p-24f);
    y[j] = v < b ? v : below;
  }
}

// Box & Muller (1958): radius sqrt(-2 log u), angle 2 pi v. u is in (0, 1],
// at least 2^-31, so the radius ends at 6.56. The angle is reduced exactly:
// 4 v = k + f with |f| <= 1/2; sin and cos of f pi / 2 by Cephes' polynomials
// are turned by k quarters.
ORR_CLONES static void normal_f32(const uint32_t *u, const uint32_t *v,
                                  float mean, float sd, float *y, float *z) {
  for (int j = 0; j < BATCH; j++) {
    const float a = ((float)(int32_t)(u[j] >> 1) + 1.0f) * 0x1p-31f;
    const float r = sd * sqrtf(-2.0f * orr_log(a, 0));
    const float q = (float)(int32_t)(v[j] >> 8) * 0x1p-22f;
    const int32_t k = (int32_t)(q + 0.5f);
    const float t = (q - (float)k) * 1.57079632679489662f, t2 = t * t;
    const float s =
        ((-1.9515295891e-4f * t2 + 8.3321608736e-3f) * t2 - 1.6666654611e-1f) *
            t2 * t +
        t;
    const float c = ((2.443315711809948e-5f * t2 - 1.388731625493765e-3f) * t2 +
                     4.166664568298827e-2f) *
            t2 * t2 -
        0.5f * t2 + 1.0f;
    const float cosine = k & 1 ? s : c, sine = k & 1 ? c : s;
    y[j] = mean + r * ((k + 1) & 2 ? -cosine : cosine);
    z[j] = mean + r * (k & 2 ? -sine : sine);
  }
}

ORR_CLONES static void interleave(float y[4][BATCH], float *restrict to) {
  for (int j = 0; j < BATCH; j++)
    for (int i = 0; i < 4; i++) to[4 * j + i] = y[i][j];
}

// Elements [4 first, ...): block first + j gives four of them.
static void batch_f32(const orr_drawing *d, int64_t first, int64_t n) {
  uint32_t w[4][BATCH] = {{0}};
  float y[4][BATCH];
  philox_batch(d->seed, d->counter + (uint64_t)first, (n + 3) / 4, w);
  if (d->what == ORR_DRAW_NORMAL) {
    normal_f32(w[0], w[1], (float)d->a, (float)d->b, y[0], y[1]);
    normal_f32(w[2], w[3], (float)d->a, (float)d->b, y[2], y[3]);
  } else if (d->what == ORR_DRAW_UNIFORM) {
    for (int i = 0; i < 4; i++)
      uniform_f32(w[i], (float)d->a, (float)d->b, y[i]);
  } else {
    const float *p = (const float *)d->p + 4 * first;
    for (int64_t i = 0; i < n; i++)
      y[i % 4][i / 4] = w[i % 4][i / 4] * 0x1p-32 < (double)p[i];
  }
  float *to = (float *)d->y + 4 * first;
  if (n == 4 * BATCH)
    interleave(y, to);
  else
    for (int64_t i = 0; i < n; i++) to[i] = y[i % 4][i / 4];
}

// ---- one 64-bit number for each element

static double transformed(const orr_drawing *d, uint64_t word, double p) {
  double v;
  switch (d->what) {
  case ORR_DRAW_UNIFORM:
    v = d->a + (d->b - d->a) * orr_draw_unit(word);
    return v < d->b ? v : nextafter(d->b, d->a);
  case ORR_DRAW_EXPONENTIAL:
    return -log(orr_draw_open(word)) / d->a;
  case ORR_DRAW_GUMBEL:
    return d->a - d->b * log(-log(orr_draw_open(word)));
  default:
    return orr_draw_unit(word) < p;
  }
}

static void store(const orr_drawing *d, int64_t i, double v) {
  if (d->dtype == ORR_F32)
    ((float *)d->y)[i] = (float)v;
  else
    ((double *)d->y)[i] = v;
}

static void store_integer(const orr_drawing *d, int64_t i, uint64_t word) {
  const double span = d->b - d->a + 1;
  const int64_t v =
      (int64_t)d->a + (int64_t)orr_draw_below(word, (uint64_t)span);
  if (d->dtype == ORR_I64)
    ((int64_t *)d->y)[i] = v;
  else if (d->dtype == ORR_U8)
    ((uint8_t *)d->y)[i] = (uint8_t)v;
  else
    store(d, i, (double)v);
}

static void batch_64(const orr_drawing *d, int64_t first, int64_t n) {
  uint32_t w[4][BATCH];
  philox_batch(d->seed, d->counter + (uint64_t)first, (n + 1) / 2, w);
  for (int64_t i = 0; i < n; i++) {
    const int64_t j = i / 2, at = 2 * first + i;
    const uint64_t even = join(w[0][j], w[1][j]);
    const uint64_t odd = join(w[2][j], w[3][j]);
    const uint64_t word = i % 2 ? odd : even;
    if (d->what == ORR_DRAW_INTEGER) {
      store_integer(d, at, word);
    } else if (d->what == ORR_DRAW_NORMAL) {
      const double r = d->b * sqrt(-2 * log(orr_draw_open(even)));
      const double angle = 6.283185307179586 * orr_draw_unit(odd);
      store(d, at, d->a + r * (i % 2 ? sin(angle) : cos(angle)));
    } else {
      store(d, at, transformed(d, word, d->p ? ((const double *)d->p)[at] : 0));
    }
  }
}

// ----

static int64_t per_block(orr_draw what, orr_dtype d) {
  return d == ORR_F32 &&
          (what == ORR_DRAW_UNIFORM || what == ORR_DRAW_NORMAL ||
           what == ORR_DRAW_BERNOULLI)
      ? 4
      : 2;
}

uint64_t orr_draw_blocks(orr_draw what, orr_dtype d, int64_t n) {
  const int64_t per = per_block(what, d);
  return (uint64_t)((n + per - 1) / per);
}

typedef struct job {
  const orr_drawing *d;
  int64_t n, per;
} job;

static void fill_batches(void *context, int64_t begin, int64_t end) {
  const job *b = (const job *)context;
  for (int64_t t = begin; t < end; t++) {
    const int64_t left = b->n - t * BATCH * b->per;
    const int64_t n = left < BATCH * b->per ? left : BATCH * b->per;
    (b->per == 4 ? batch_f32 : batch_64)(b->d, t * BATCH, n);
  }
}

void orr_draw_fill(const orr_drawing *d, int64_t n) {
  job b = {d, n, per_block(d->what, d->dtype)};
  const int64_t batches = (n + BATCH * b.per - 1) / (BATCH * b.per);
  orr_parallel_range(batches, ORR_GRAIN_DEAR / (BATCH * b.per), fill_batches,
                     &b);
}
