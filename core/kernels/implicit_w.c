// implicit_w.c -- the gradient of a convolution's weight by register tiles.
//
//   w[k][tap][c] = sum over positions p of y[p][k] x[p + shift of tap][c]
//
// A block of positions copies what it reads of x and y into scratch, pixel
// after pixel with the channels side by side, zeros around. A tile then takes
// its rows from y's pixels and its columns from x's, where they lie: a tap is
// an offset. Of few channels a whole row of the kernel is one run of columns.
#include "implicit.h"

#include <string.h>

#include "../base/threads.h"
#include "counts.h"
#include "micro.h"
#include "pixels.h"
#include "slots.h"

enum {
  ROWS = ORR_MICRO_ROWS,
  LANE = ORR_MICRO_LANE,
  POSITIONS = 256,  // of a block: what a tile reads of it stays in the L1
  CHUNKS = 8,       // enough for the threads to share evenly
  FEW = 1 << 16,    // elements of a weight that may be summed in CHUNKS places
  SOME = 1 << 20    // in two
};

typedef struct plan {
  const orr_conv *g;
  const float *x, *y;
  float *w, *sums;
  int64_t ck, kg;             // channels of a group on both sides
  int64_t units, width;       // runs of columns, columns of a run
  bool rows_of_kernel;        // a run is a row of the kernel, else a tap
  int64_t x_pixel, y_pixel;   // floats of a pixel in scratch
  int64_t lanes, line, tall;  // of a run's sums: columns, rows
  int64_t images, rows;       // of a block; rows < oh only when images is 1
  int64_t row_blocks, blocks, share, shares;
  int64_t part, parts;  // tiles of a chunk, chunks of a group
  int64_t high, wide;   // of a block's copy of an image
  orr_slots slots;
} plan;

// What the block's positions read of some images, from output row r0 on; x is
// the group's first channel of the first.
static void take_x(const plan *p, const float *x, int64_t images, int64_t r0,
                   float *to) {
  const orr_conv *g = p->g;
  const int64_t lo = min64(g->pw, p->wide);
  const int64_t hi = max64(lo, min64(p->wide, g->w + g->pw));
  const size_t pixel = (size_t)p->x_pixel * sizeof(float);
  for (int64_t n = 0; n < images; n++, x += g->c * g->h * g->w)
    for (int64_t r = 0; r < p->high; r++, to += p->wide * p->x_pixel) {
      const int64_t row = r0 * g->sh - g->ph + r;
      const bool inside = row >= 0 && row < g->h;
      const int64_t begin = inside ? lo : p->wide, end = inside ? hi : p->wide;
      memset(to, 0, (size_t)begin * pixel);
      orr_to_pixels(x + row * g->w + begin - g->pw, g->h * g->w, p->ck,
                    end - begin, to + begin * p->x_pixel, p->x_pixel);
      memset(to + end * p->x_pixel, 0, (size_t)(p->wide - end) * pixel);
    }
}

typedef struct block {
  int64_t images, positions;
  float *x, *y;
  int32_t *x_at, *y_at;
} block;

static void set_offsets(const plan *p, const block *b, int64_t rows) {
  const orr_conv *g = p->g;
  int64_t i = 0;
  for (int64_t n = 0; n < b->images; n++)
    for (int64_t r = 0; r < rows; r++)
      for (int64_t c = 0; c < g->ow; c++, i++) {
        const int64_t row = n * p->high + r * g->sh;
        b->x_at[i] = (int32_t)((row * p->wide + c * g->sw) * p->x_pixel);
        b->y_at[i] = (int32_t)(i * p->y_pixel);
      }
}

// Adds the block to the sums of tiles [first, first + count) of a group.
static void add_block(const plan *p, const block *b, int64_t count, bool add,
                      float *sums) {
  const orr_conv *g = p->g;
  for (int64_t u = 0; u < p->units; u++) {
    const int64_t i = p->rows_of_kernel ? u : u / g->kw;
    const int64_t j = p->rows_of_kernel ? 0 : u % g->kw;
    const float *x = b->x + (i * g->dh * p->wide + j * g->dw) * p->x_pixel;
    for (int64_t l = 0; l < p->lanes; l += ORR_MICRO_LANES)
      for (int64_t t = 0; t < count; t++)
        orr_micro_run(
            &(orr_micro){.depth = b->positions,
                         .a = b->y + t * ROWS,
                         .a_at = b->y_at,
                         .a_row = 1,
                         .b = x + l * LANE,
                         .b_at = b->x_at,
                         .c = sums + (u * p->tall + t * ROWS) * p->line +
                             l * LANE,
                         .ldc = p->line,
                         .lanes = (int)min64(ORR_MICRO_LANES, p->lanes - l),
                         .add = add});
  }
}

static int64_t sums_of_group(const plan *p) {
  return p->units * p->tall * p->line;
}

// Floats of a chunk's scratch: pixels of x, of y, offsets of both.
static int64_t x_floats(const plan *p) {
  return p->images * p->high * p->wide * p->x_pixel + 4 * LANE;
}
static int64_t y_floats(const plan *p) {
  return p->images * p->rows * p->g->ow * p->y_pixel + LANE;
}

static void run_chunk(void *context, int64_t chunk) {
  plan *p = context;
  const orr_conv *g = p->g;
  const int64_t part = chunk % p->parts, group = chunk / p->parts % g->groups;
  const int64_t share = chunk / p->parts / g->groups;
  const int64_t tile = part * p->part;
  const int64_t tiles = min64(p->part, ceil_div(p->kg, ROWS) - tile);
  const int64_t k0 = tile * ROWS, rows_of_y = min64(tiles * ROWS, p->kg - k0);
  float *sums =
      p->sums + (share * g->groups + group) * sums_of_group(p) + k0 * p->line;
  float *slot = orr_slot_take(&p->slots);
  block b = {.x = slot, .y = slot + x_floats(p)};
  b.x_at = (int32_t *)(void *)(b.y + y_floats(p));
  b.y_at = b.x_at + p->images * p->rows * g->ow;
  const int64_t last = min64((share + 1) * p->share, p->blocks);
  for (int64_t i = share * p->share; i < last && !orr_stopping(); i++) {
    const int64_t n0 = i / p->row_blocks * p->images;
    const int64_t r0 = i % p->row_blocks * p->rows;
    const int64_t rows = min64(p->rows, g->oh - r0);
    b.images = min64(p->images, g->n - n0);
    b.positions = b.images * rows * g->ow;
    set_offsets(p, &b, rows);
    take_x(p, p->x + (n0 * g->c + group * p->ck) * g->h * g->w, b.images, r0,
           b.x);
    const int64_t plane = g->oh * g->ow, in_row = rows * g->ow;
    for (int64_t n = 0; n < b.images; n++)
      orr_to_pixels(p->y + ((n0 + n) * g->k + group * p->kg + k0) * plane +
                        r0 * g->ow,
                    plane, rows_of_y, in_row, b.y + n * in_row * p->y_pixel,
                    p->y_pixel);
    add_block(p, &b, tiles, i > share * p->share, sums);
  }
  orr_slot_give(&p->slots, slot);
}

// The weights of one channel of y, from the sums of all shares in order.
static void give_channel(void *context, int64_t k) {
  const plan *p = context;
  const orr_conv *g = p->g;
  const int64_t group = k / p->kg, kk = g->kh * g->kw, size = sums_of_group(p);
  float *w = p->w + k * p->ck * kk;
  for (int64_t s = 0; s < p->shares; s++) {
    const float *from = p->sums + (s * g->groups + group) * size;
    for (int64_t tap = 0; tap < kk; tap++) {
      const int64_t unit = p->rows_of_kernel ? tap / g->kw : tap;
      const int64_t first = p->rows_of_kernel ? tap % g->kw * p->ck : 0;
      const float *at = from + (unit * p->tall + k % p->kg) * p->line + first;
      if (s == 0)
        for (int64_t c = 0; c < p->ck; c++) w[c * kk + tap] = at[c];
      else
        for (int64_t c = 0; c < p->ck; c++) w[c * kk + tap] += at[c];
    }
  }
}

static void cut(plan *p) {
  const orr_conv *g = p->g;
  const int64_t at_once = max64(1, POSITIONS / g->ow);
  p->rows = min64(g->oh, at_once);
  p->rows = ceil_div(g->oh, ceil_div(g->oh, p->rows));  // all alike
  p->images = p->rows < g->oh ? 1 : min64(g->n, max64(1, at_once / g->oh));
  p->row_blocks = ceil_div(g->oh, p->rows);
  p->blocks = ceil_div(g->n, p->images) * p->row_blocks;
  const int64_t count = g->k * p->ck * g->kh * g->kw;
  p->shares = min64(p->blocks, count <= FEW ? CHUNKS : count <= SOME ? 2 : 1);
  p->share = ceil_div(p->blocks, p->shares);
  p->shares = ceil_div(p->blocks, p->share);
  // Every part copies x again.
  const int64_t tiles = ceil_div(p->kg, ROWS);
  const int64_t wanted = ceil_div(CHUNKS, p->shares * g->groups);
  p->part = min64(tiles, max64(4, ceil_div(tiles, wanted)));
  p->parts = ceil_div(tiles, p->part);
  p->high = (p->rows - 1) * g->sh + (g->kh - 1) * g->dh + 1;
  p->wide = (g->ow - 1) * g->sw + (g->kw - 1) * g->dw + 1;
  p->y_pixel = p->part * ROWS;
}

bool orr_implicit_w(const orr_conv *g, const float *x, const float *y,
                    float *weight) {
  plan p = {.g = g, .x = x, .y = y, .w = weight};
  p.ck = g->c / g->groups, p.kg = g->k / g->groups;
  p.rows_of_kernel = p.ck < LANE && g->dw == 1;
  p.units = p.rows_of_kernel ? g->kh : g->kh * g->kw;
  p.width = p.rows_of_kernel ? g->kw * p.ck : p.ck;
  p.x_pixel = p.rows_of_kernel ? p.ck : whole(p.ck, LANE);
  p.lanes = ceil_div(p.width, LANE), p.line = p.lanes * LANE;
  p.tall = whole(p.kg, ROWS);
  cut(&p);
  const size_t bytes =
      (size_t)(p.shares * g->groups * sums_of_group(&p)) * sizeof(float);
  const int64_t offsets = 2 * p.images * p.rows * g->ow;
  const size_t each =
      (size_t)(x_floats(&p) + y_floats(&p) + offsets) * sizeof(float);
  const int64_t chunks = p.shares * g->groups * p.parts;
  p.sums = orr_alloc(bytes);
  const bool ok = p.sums && orr_slots_open(&p.slots, each, chunks);
  if (ok) {
    orr_parallel(chunks, run_chunk, &p);
    orr_slots_close(&p.slots);
    orr_parallel(g->k, give_channel, &p);
  }
  if (p.sums) orr_free(p.sums, bytes);
  return ok;
}
