// winograd.c -- F(4x4, 3x3): 6 x 6 patches of the image give 4 x 4 tiles of
// the result. With the points 0, 1, -1, 2, -2 and infinity,
//
//   y = A'[(G w G') . (B' x B)]A     w = G'[(A y A') . (B' x B)]G
//
// where ' transposes and . multiplies the 36 elements one by one, summed over
// channels (over tiles for w). The gradient of the image is a convolution with
// the kernel turned round, or the adjoint of all steps, x = B[...]B' with A y A'
// in place of B' x B, whose overlapping patches are added: that has as many
// tiles as y, fewer than x where there was no padding. So there are 36 products
// of matrices
//
//   Y[f] = W[f] X[f]    X[f] = W[f]' Y[f]    W[f] = Y[f] X[f]'
//
// between transforms that run over many tiles, or many channels, side by
// side: a line of up to STRIP floats per element. Here are y and x;
// winograd_w.c has w.
//
// Tiles are worked off in blocks. The threads share channels to transform a
// block's images, then groups of the result's channels: a chunk multiplies and
// transforms the sums back while its second-level cache has them. Where a block
// is a single strip, the planes of the weight, four times its size, never reach
// memory: a chunk transforms as much of it as it multiplies by next.
// Cuts depend on the sizes alone.
#include "winograd.h"

#include <string.h>

#include "../base/threads.h"
#include "elementwise.h"
#include "micro.h"
#include "slots.h"
#include "winograd_tiles.h"

enum {
  ROWS = ORR_MICRO_ROWS,
  LANE = ORR_MICRO_LANE,
  WIDE = 2,                // lanes multiplied at a time
  GROUP = 32,              // rows of a chunk
  CHUNKS = 4,              // enough for the threads to share
  DEPTH = 128,             // of a part of the sums
  BLOCK_FLOATS = 1 << 18,  // what a block's planes are aimed at: the L2
  // Measured, Winograd's time / column matrices', one thread: 64 channels of
  // 16 images 4 x 4: 0.45-0.6, 16 x 16: 0.5, 32 x 32: 0.4; 32 of 64 x 64: 0.5;
  // 128 of one 16 x 16: 0.5-0.75, 8 x 8: 1.4; 256 of one 32 x 32: 0.45-0.85,
  // 16 x 16: 1.0-1.6; 512 of one 5 x 5: 4. The weight's transform must pay:
  MIN_CHANNELS = 32,
  MIN_SAVED = 1500,  // multiplications saved per pair of channels
};

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t whole(int64_t n, int64_t unit) {
  return ceil_div(n, unit) * unit;
}

// Whether the gradient of the image is better the adjoint of all steps.
static bool spreads(const orr_conv *g) {
  return orr_winograd_cut(g->n, g->oh, g->ow).count <
      orr_winograd_cut(g->n, g->h, g->w).count;
}

bool orr_winograd_fits(const orr_conv *g, bool to_x) {
  if (g->kh != 3 || g->kw != 3 || g->sh != 1 || g->sw != 1 || g->dh != 1 ||
      g->dw != 1 || g->groups != 1 || g->c < MIN_CHANNELS ||
      g->k < MIN_CHANNELS)
    return false;
  const bool by_x = to_x && !spreads(g);
  const int64_t h = by_x ? g->h : g->oh, w = by_x ? g->w : g->ow;
  const int64_t saved =
      9 * g->n * g->oh * g->ow - PLANES * orr_winograd_cut(g->n, h, w).count;
  return saved >= max64(MIN_SAVED, g->c * g->k / 32);
}

// Images on both sides of a convolution.
typedef struct side {
  const float *read;  // or
  float *write;
  int64_t channels, h, w;
  const float *bias;
} side;

typedef struct plan {
  side in, out;
  int64_t images, ph, pw;
  const float *weight;
  bool turn;                   // channels of the weight swapped,
  bool spread;                 // its kernel not turned round: patches are added
  tiles s;                     // of the out side, of the in side if spread
  int64_t block, first, last;  // tiles of a block, at most; of this one
  int64_t rows, groups;        // of channels of the result
  int64_t depth, parts;        // of channels that are summed
  // From a plane to the next, and, of the 36 of a strip or of a part of a
  // group's weight, floats.
  int64_t in_plane, out_plane, weight_plane;
  int64_t in_strip, weight_part;
  float *in_planes;  // [strip][plane][channel][tile]
  float *kept;       // the weight's, of all groups; NULL: made where they go
  int32_t *lines;    // where line 0, 1, ... of a strip is, of the weight
  int32_t *weight_lines;
  orr_slots slots;  // [plane][row][tile] of the result, then of the weight
} plan;

// ------------------------------------------------------------ the images

// Takes tiles [t, t + n) of one channel of y as a factor.
static void take_cotangent(const plan *p, int64_t k, int64_t t, int64_t n,
                           float *to) {
  const side *y = &p->in;
  float tile[16 * STRIP];
  orr_winograd_take(&p->s, y->read + k * y->h * y->w, y->channels * y->h * y->w,
                    y->h, y->w, 0, 0, 4, t, t + n, tile);
  orr_winograd_transform(TILE_TO_PLANE, n, tile, 4 * STRIP, STRIP, to,
                         p->in_plane);
}

static void take_image(const plan *p, int64_t c, int64_t t, int64_t n,
                       float *to) {
  const side *x = &p->in;
  float tile[PLANES * STRIP];
  orr_winograd_take(&p->s, x->read + c * x->h * x->w, x->channels * x->h * x->w,
                    x->h, x->w, p->ph, p->pw, 6, t, t + n, tile);
  orr_winograd_transform(IMAGE_TO_PLANE, n, tile, 6 * STRIP, STRIP, to,
                         p->in_plane);
}

static void in_channel(void *context, int64_t c) {
  const plan *p = context;
  float *to = p->in_planes + c * STRIP;
  for (int64_t t = p->first; t < p->last; t += STRIP, to += p->in_strip)
    (p->spread ? take_cotangent : take_image)(p, c, t,
                                              min64(STRIP, p->last - t), to);
}

static void give_image(const plan *p, int64_t k, int64_t t, int64_t n,
                       const float *from) {
  const side *y = &p->out;
  float tile[16 * STRIP];
  orr_winograd_transform(PLANE_TO_TILE, n, from, 6 * p->out_plane, p->out_plane,
                         tile, STRIP);
  orr_winograd_give(&p->s, tile, y->bias ? y->bias[k] : 0,
                    y->channels * y->h * y->w, y->h, y->w, t, t + n,
                    y->write + k * y->h * y->w);
}

static void add_cotangent(const plan *p, int64_t c, int64_t t, int64_t n,
                          const float *from) {
  const side *x = &p->out;
  const int64_t size = x->h * x->w, image = x->channels * size;
  float patch[PLANES * STRIP];
  float *to = x->write + c * size;
  if (t == 0)
    for (int64_t i = 0; i < p->images; i++)
      for (int64_t j = 0; j < size; j++)
        to[i * image + j] = x->bias ? x->bias[c] : 0;
  orr_winograd_transform(PLANE_TO_IMAGE, n, from, 6 * p->out_plane,
                         p->out_plane, patch, STRIP);
  orr_winograd_add(&p->s, patch, image, x->h, x->w, p->ph, p->pw, t, t + n, to);
}

// ------------------------------------------------------------ the weight

// Element e of n neighbouring kernels goes to line e.
static void take_kernels(const float *restrict w, int64_t n, bool flip,
                         float *restrict to) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t e = 0; e < 9; e++)
      to[(flip ? 8 - e : e) * STRIP + i] = w[9 * i + e];
}

// One part of a group's rows. Neighbours in a line of planes are neighbours in
// the weight: channels that are summed, and, where it is turned, rows.
static void weight_part(const plan *p, int64_t group, int64_t part, float *to) {
  const int64_t r0 = group * p->rows, d0 = part * p->depth;
  const int64_t rows = min64(p->rows, p->out.channels - r0);
  const int64_t depth = min64(p->depth, p->in.channels - d0);
  const int64_t down = p->turn ? depth : rows, across = p->turn ? rows : depth;
  const int64_t line = p->turn ? p->rows : p->depth;
  const int64_t neighbours = p->turn ? p->out.channels : p->in.channels;
  const float *w =
      p->weight + 9 * (p->turn ? d0 * neighbours + r0 : r0 * neighbours + d0);
  float kernel[9 * STRIP];
  // Rows that are not there are multiplied as well.
  if (rows % ROWS)
    memset(to, 0, (size_t)(PLANES * p->weight_plane) * sizeof(float));
  for (int64_t i = 0; i < down; i++, w += 9 * neighbours)
    for (int64_t j = 0; j < across; j += STRIP) {
      const int64_t n = min64(STRIP, across - j);
      take_kernels(w + 9 * j, n, p->turn && !p->spread, kernel);
      orr_winograd_transform(WEIGHT_TO_PLANE, n, kernel, 3 * STRIP, STRIP,
                             to + i * line + j, p->weight_plane);
    }
}

static void keep_weight(void *context, int64_t i) {
  const plan *p = context;
  weight_part(p, i / p->parts, i % p->parts, p->kept + i * p->weight_part);
}

// ------------------------------------------------------------ products

// Adds one part of the sums of `tiles` tiles to a group's planes.
static void multiply(const plan *p, int64_t part, int64_t tiles,
                     const float *weight, const float *in, float *out) {
  const int64_t depth = min64(p->depth, p->in.channels - part * p->depth);
  const int64_t row = p->turn ? 1 : p->depth;
  in += part * p->depth * STRIP;
  for (int64_t f = 0; f < PLANES; f++)
    for (int64_t t = 0; t < tiles; t += WIDE * LANE)
      for (int64_t r = 0; r < p->rows; r += ROWS)
        orr_micro_run(
            &(orr_micro){.depth = depth,
                         .a = weight + f * p->weight_plane + r * row,
                         .a_at = p->weight_lines,
                         .a_row = row,
                         .b = in + f * p->in_plane + t,
                         .b_at = p->lines,
                         .c = out + f * p->out_plane + r * STRIP + t,
                         .ldc = STRIP,
                         .lanes = (int)min64(WIDE, ceil_div(tiles - t, LANE)),
                         .add = part > 0});
}

static void run_strip(const plan *p, int64_t group, int64_t strip, float *out) {
  float *made = out + PLANES * p->out_plane;
  const int64_t t = p->first + strip * STRIP, n = min64(STRIP, p->last - t);
  for (int64_t part = 0; part < p->parts; part++) {
    if (!p->kept) weight_part(p, group, part, made);
    const float *weight =
        p->kept ? p->kept + (group * p->parts + part) * p->weight_part : made;
    multiply(p, part, n, weight, p->in_planes + strip * p->in_strip, out);
  }
  const int64_t last = min64((group + 1) * p->rows, p->out.channels);
  for (int64_t k = group * p->rows; k < last; k++, out += STRIP)
    (p->spread ? add_cotangent : give_image)(p, k, t, n, out);
}

static int64_t strips_of(const plan *p) {
  return ceil_div(p->last - p->first, STRIP);
}

// A strip of a group. Patches overlap: one chunk adds those of all strips.
static void run_chunk(void *context, int64_t chunk) {
  plan *p = context;
  const int64_t strips = strips_of(p);
  float *out = orr_slot_take(&p->slots);
  if (p->spread)
    for (int64_t i = 0; i < strips && !orr_stopping(); i++)
      run_strip(p, chunk, i, out);
  else
    run_strip(p, chunk / strips, chunk % strips, out);
  orr_slot_give(&p->slots, out);
}

// ------------------------------------------------------------ the two

// Tiles of a block, all blocks about alike: many enough that the planes of the
// weight, read anew for each, are no more than a block's.
static int64_t block_tiles(const plan *p) {
  const int64_t c = p->in.channels, k = p->out.channels;
  const int64_t enough = min64(c * k / (c + k), 4 * STRIP);
  const int64_t most =
      max64(max64(BLOCK_FLOATS / PLANES / (c + k), enough), STRIP);
  const int64_t blocks = ceil_div(p->s.count, most);
  return whole(ceil_div(p->s.count, blocks), LANE);
}

// Rows of a group: as many as the caches hold, fewer where that leaves little
// to share.
static void cut_rows(plan *p) {
  const bool keep = p->s.count > STRIP;
  const int64_t strips = p->spread ? 1 : ceil_div(p->block, STRIP);
  p->rows = keep ? 2 * GROUP : GROUP;
  while (p->rows > ROWS && ceil_div(p->out.channels, p->rows) * strips < CHUNKS)
    p->rows /= 2;
  p->groups = ceil_div(p->out.channels, p->rows);
  p->rows = whole(ceil_div(p->out.channels, p->groups), ROWS);
  p->groups = ceil_div(p->out.channels, p->rows);
}

static void cut(plan *p) {
  const side *tiled = p->spread ? &p->in : &p->out;
  p->s = orr_winograd_cut(p->images, tiled->h, tiled->w);
  p->block = min64(block_tiles(p), p->s.count);
  cut_rows(p);
  p->parts = ceil_div(p->in.channels, DEPTH);
  p->depth = ceil_div(p->in.channels, p->parts);
  p->in_plane = orr_winograd_plane(p->in.channels * STRIP);
  p->out_plane = orr_winograd_plane(p->rows * STRIP);
  p->weight_plane = orr_winograd_plane(p->rows * p->depth);
  p->in_strip = PLANES * p->in_plane;
  p->weight_part = PLANES * p->weight_plane;
}

static void run_blocks(plan *p) {
  for (int64_t i = 0; i < p->depth; i++) {
    p->lines[i] = (int32_t)(i * STRIP);
    p->weight_lines[i] = (int32_t)(p->turn ? i * p->rows : i);
  }
  if (p->kept) orr_parallel(p->groups * p->parts, keep_weight, p);
  for (; p->first < p->s.count && !orr_stopping(); p->first = p->last) {
    p->last = min64(p->first + p->block, p->s.count);
    orr_parallel(p->in.channels, in_channel, p);
    orr_parallel(p->groups * (p->spread ? 1 : strips_of(p)), run_chunk, p);
  }
}

// out = conv(in, weight), whichever they are.
static bool convolve(plan *p) {
  cut(p);
  const bool keep = p->s.count > STRIP;
  const int64_t in = ceil_div(p->block, STRIP) * p->in_strip;
  const int64_t lines = whole(p->depth, LANE);
  const int64_t kept = keep ? p->groups * p->parts * p->weight_part : 0;
  const size_t bytes = (size_t)(in + 2 * lines + kept) * sizeof(float);
  const int64_t slot = PLANES * p->out_plane + (keep ? 0 : p->weight_part);
  float *memory = orr_alloc(bytes);
  if (!memory) return false;
  p->in_planes = memory;
  p->lines = (int32_t *)(void *)(memory + in);
  p->weight_lines = p->lines + lines;
  p->kept = keep ? memory + in + 2 * lines : NULL;
  const bool ok = orr_slots_open(&p->slots, (size_t)slot * sizeof(float),
                                 p->groups * ceil_div(p->block, STRIP));
  if (ok) {
    run_blocks(p);
    orr_slots_close(&p->slots);
  }
  orr_free(memory, bytes);
  return ok;
}

bool orr_winograd_y(const orr_conv *g, const float *x, const float *weight,
                    const float *bias, float *y) {
  plan p = {.in = {.read = x, .channels = g->c, .h = g->h, .w = g->w},
            .out = {.write = y,
                    .channels = g->k,
                    .h = g->oh,
                    .w = g->ow,
                    .bias = bias},
            .ph = g->ph,
            .pw = g->pw,
            .weight = weight,
            .images = g->n};
  return convolve(&p);
}

bool orr_winograd_x(const orr_conv *g, const float *y, const float *weight,
                    const float *bias, float *x) {
  const bool spread = spreads(g);
  plan p = {
      .in = {.read = y, .channels = g->k, .h = g->oh, .w = g->ow},
      .out = {.write = x, .channels = g->c, .h = g->h, .w = g->w, .bias = bias},
      .ph = spread ? g->ph : 2 - g->ph,
      .pw = spread ? g->pw : 2 - g->pw,
      .weight = weight,
      .turn = true,
      .spread = spread,
      .images = g->n};
  return convolve(&p);
}
