// winograd_w.c -- the gradient of a 3 x 3 kernel, see winograd.c:
//
//   w[k][c] = G'[sum over tiles of (A y[k] A') . (B' x[c] B)]G
//
// The images are taken pixel after pixel with the channels side by side, so
// that a line of planes is one tile of many channels; their products are summed
// for a group of rows and of columns of the weight, a chunk. Of a single block
// of tiles those sums stay in the chunk's scratch until they are the weight.
#include "winograd.h"

#include "../base/threads.h"
#include "counts.h"
#include "micro.h"
#include "pixels.h"
#include "slots.h"
#include "winograd_tiles.h"

enum {
  ROWS = ORR_MICRO_ROWS,
  LANE = ORR_MICRO_LANE,
  WIDE = 2,                // lanes multiplied at a time
  GROUP = 32,              // rows of the weight in a chunk
  COLUMNS = 128,           // columns
  CHUNKS = 4,              // enough for the threads to share
  BLOCK_FLOATS = 1 << 19,  // what a block's planes are aimed at: the L3
  BLOCK_TILES = 64         // at least
};

typedef struct plan {
  factor x, y;
  float *weight;
  tiles s;
  int64_t block, first, last;  // rows of tiles: of a block, of this one
  int64_t rows, columns, down, across;  // of a chunk; chunks
  int64_t out_plane;                    // sums: [plane][row][column]
  float *kept;  // those of all chunks; NULL: they stay in a slot
  int32_t *x_at, *y_at;
  orr_slots slots;
} plan;

static void take_chunk(void *context, int64_t chunk) {
  plan *p = context;
  float *pixels = orr_slot_take(&p->slots);
  const int64_t n = orr_winograd_chunks(&p->s, &p->x, p->first, p->last);
  const bool of_x = chunk < n;
  orr_winograd_take(&p->s, of_x ? &p->x : &p->y, p->first,
                    of_x ? chunk : chunk - n, pixels);
  orr_slot_give(&p->slots, pixels);
}

// ------------------------------------------------------------ products

static void multiply(const plan *p, int64_t row, int64_t rows, int64_t column,
                     int64_t columns, float *sums) {
  const int64_t tiles = (p->last - p->first) * p->s.across;
  for (int64_t f = 0; f < PLANES; f++)
    for (int64_t c = 0; c < columns; c += WIDE * LANE)
      for (int64_t r = 0; r < rows; r += ROWS)
        orr_micro_run(
            &(orr_micro){.depth = tiles,
                         .a = p->y.planes + f * p->y.plane + row + r,
                         .a_at = p->y_at,
                         .a_row = 1,
                         .b = p->x.planes + f * p->x.plane + column + c,
                         .b_at = p->x_at,
                         .c = sums + f * p->out_plane + r * p->columns + c,
                         .ldc = p->columns,
                         .lanes = (int)min64(WIDE, ceil_div(columns - c, LANE)),
                         .add = p->first > 0});
}

static void give_row(const plan *p, int64_t k, int64_t first, int64_t columns,
                     float *sums) {
  float kernel[9 * STRIP];
  for (int64_t c = 0; c < columns; c += STRIP) {
    const int64_t n = min64(STRIP, columns - c);
    orr_winograd_transform(PLANE_TO_WEIGHT, n,
                           (lines){sums + c, 6 * p->out_plane, p->out_plane},
                           (lines){kernel, 3 * STRIP, STRIP});
    orr_from_pixels(kernel, STRIP, n, 9, NULL,
                    p->weight + (k * p->x.channels + first + c) * 9, 9);
  }
}

static void sum_chunk(void *context, int64_t chunk) {
  plan *p = context;
  const int64_t row = chunk / p->across * p->rows;
  const int64_t column = chunk % p->across * p->columns;
  const int64_t rows = min64(p->rows, p->y.channels - row);
  const int64_t columns = min64(p->columns, p->x.channels - column);
  float *slot = p->kept ? NULL : orr_slot_take(&p->slots);
  float *sums = p->kept ? p->kept + chunk * PLANES * p->out_plane : slot;
  multiply(p, row, rows, column, columns, sums);
  if (p->last == p->s.rows)
    for (int64_t r = 0; r < rows; r++)
      give_row(p, row + r, column, columns, sums + r * p->columns);
  if (slot) orr_slot_give(&p->slots, slot);
}

// ------------------------------------------------------------ cutting

static void cut(plan *p) {
  const int64_t c = p->x.channels, k = p->y.channels;
  const int64_t rows = p->s.rows;
  const int64_t tiles = max64(BLOCK_FLOATS / PLANES / (c + k), BLOCK_TILES);
  const int64_t blocks = ceil_div(rows, max64(1, tiles / p->s.across));
  p->block = ceil_div(rows, blocks);
  p->columns = min64(whole(c, LANE), COLUMNS);
  p->across = ceil_div(c, p->columns);
  p->rows = GROUP;
  while (p->rows > ROWS && ceil_div(k, p->rows) * p->across < CHUNKS)
    p->rows /= 2;
  p->down = ceil_div(k, p->rows);
  p->out_plane = orr_winograd_plane(p->rows * p->columns);
}

static void run_blocks(plan *p) {
  const int64_t rows = p->s.rows;
  for (int64_t i = 0; i < p->block * p->s.across; i++) {
    p->x_at[i] = (int32_t)(i * p->x.line);
    p->y_at[i] = (int32_t)(i * p->y.line);
  }
  for (; p->first < rows && !orr_stopping(); p->first = p->last) {
    p->last = min64(p->first + p->block, rows);
    orr_parallel(orr_winograd_chunks(&p->s, &p->x, p->first, p->last) +
                     orr_winograd_chunks(&p->s, &p->y, p->first, p->last),
                 take_chunk, p);
    orr_parallel(p->down * p->across, sum_chunk, p);
  }
}

bool orr_winograd_w(const orr_conv *g, const float *x, const float *y,
                    float *weight) {
  plan p = {.x = {x, g->c, g->h, g->w, g->ph, g->pw, 6, IMAGE_TO_PLANE},
            .y = {y, g->k, g->oh, g->ow, 0, 0, 4, TILE_TO_PLANE},
            .weight = weight,
            .s = orr_winograd_cut(g->n, g->oh, g->ow)};
  cut(&p);
  const int64_t tiles = p.block * p.s.across;
  const int64_t x_planes = orr_winograd_lay_out(&p.x, tiles);
  const int64_t y_planes = orr_winograd_lay_out(&p.y, tiles);
  const int64_t lines = whole(tiles, LANE);
  const int64_t sums = PLANES * p.out_plane, chunks = p.down * p.across;
  const bool keep = p.block < p.s.rows;
  const size_t bytes = (size_t)(x_planes + y_planes + 2 * lines + LANE +
                                (keep ? chunks * sums : 0)) *
      sizeof(float);
  float *memory = orr_alloc(bytes);
  if (!memory) return false;
  p.x.planes = memory;
  p.y.planes = p.x.planes + x_planes;
  p.x_at = (int32_t *)(void *)(p.y.planes + y_planes);
  p.y_at = p.x_at + lines;
  p.kept = keep ? (float *)(void *)(p.y_at + lines) : NULL;
  const bool ok =
      orr_slots_open(&p.slots,
                     (size_t)max64(orr_winograd_pixels(&p.s), keep ? 0 : sums) *
                         sizeof(float),
                     max64(chunks,
                           orr_winograd_chunks(&p.s, &p.x, 0, p.block)));
  if (ok) {
    run_blocks(&p);
    orr_slots_close(&p.slots);
  }
  orr_free(memory, bytes);
  return ok;
}
