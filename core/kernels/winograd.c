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
// between transforms that run over many channels side by side, a line of them
// per element. Here are y and x; winograd_w.c has w.
//
// Tiles are worked off in blocks. The threads share a block's images, then
// groups of the result's channels: a chunk multiplies some tiles and transforms
// the sums back while its second-level cache has them. Where there are no more
// tiles than that, the planes of the weight, four times its size, never reach
// memory: a chunk transforms as much of it as it multiplies by next.
// Cuts depend on the sizes alone.
#include "winograd.h"

#include <string.h>

#include "../base/threads.h"
#include "counts.h"
#include "elementwise.h"
#include "micro.h"
#include "pixels.h"
#include "slots.h"
#include "winograd_tiles.h"

enum {
  ROWS = ORR_MICRO_ROWS,
  LANE = ORR_MICRO_LANE,
  LANES = 2,   // of a register tile
  TILES = 64,  // of a chunk
  WIDE = 32,   // channels of a chunk, or twice as many
  // Channels summed at a time: with a chunk's sums, 36 planes of WIDE columns
  // and so many rows lie in an L2 of 1 MB.
  DEPTH = 128,
  PIECE = 16,              // tiles given back at a time
  CHUNKS = 4,              // enough for the threads to share
  AHEAD = 8,               // kernels
  BLOCK_FLOATS = 1 << 18,  // what a block's planes are aimed at
  // Measured on Zen 5, Winograd's time / the other ways', one thread: 256
  // channels of one 16 x 16 or 32 x 32 0.3 to 0.5, of 12 x 12 0.65 to 0.85, of
  // 8 x 8 0.85 to 1.4; 64 of 8 images 4 x 4 0.3 to 0.7; 16 or 24 channels 1.0
  // to 1.1. The weight's transform must pay:
  MIN_CHANNELS = 32,
  MIN_SAVED = 750,  // multiplications saved per pair of channels
};

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
  return saved >= MIN_SAVED;
}

typedef struct plan {
  factor in;
  float *write;
  int64_t channels, h, w, ph, pw;  // of the result
  const float *weight, *bias;
  bool turn;                   // channels of the weight swapped,
  bool spread;                 // its kernel not turned round: patches are added
  tiles s;                     // of the result, of the factor if spread
  int64_t block, first, last;  // rows of tiles: of a block, of this one
  int64_t wide, groups;        // channels of the result in a group; groups
  int64_t depth, parts;        // of channels that are summed
  // Floats from a plane to the next, and of all planes.
  int64_t out_plane, weight_plane, weight_part, seam;
  float *kept;   // the weight's, of all groups; NULL: made where they go
  float *seams;  // of each group, rows of patches that are not yet complete
  int32_t *in_at, *weight_at;  // of a channel that is summed
  // A chunk's sums [plane][tile][channel], the planes of a part of the weight
  // [plane][channel summed][channel], pixels [pixel][channel].
  orr_slots slots;
} plan;

// Channels of a group, and what is computed of them.
static int64_t channels_of(const plan *p, int64_t group) {
  return min64(p->wide, p->channels - group * p->wide);
}
static int64_t computed(const plan *p, int64_t group) {
  return whole(channels_of(p, group), LANE);
}

// ------------------------------------------------------------ the weight

// Fetches kernels AHEAD of those that are taken, a seventh of the time: the
// processor does not foresee as many streams, or as short ones. Inline: GCC
// drops a call that does nothing else.
static inline __attribute__((always_inline)) void fetch_kernels(
    const float *w, int64_t side, int64_t n, int64_t deep, int64_t depths) {
  w += AHEAD * deep;
  if (side > deep)
    for (int64_t i = 0; i < n; i++) __builtin_prefetch(w + i * side);
  else
    for (int64_t j = 0; j < depths; j++, w += deep)
      for (int64_t i = 0; i < 9 * n; i += 16) __builtin_prefetch(w + i);
}

// The kernels of n channels of the result, from `first` on, and of those that
// are summed from d on, of `depths`: element e goes to line e.
static void take_kernels(const plan *p, int64_t first, int64_t n, int64_t d,
                         int64_t depths, float *to) {
  const int64_t side = p->turn ? 9 : 9 * p->in.channels;
  const int64_t deep = p->turn ? 9 * p->channels : 9;
  const bool flip = p->turn && !p->spread;
  const float *w = p->weight + first * side + d * deep;
  fetch_kernels(w, side, n, deep, depths);
  for (int64_t j = 0; j < depths; j++, w += deep, to += p->wide)
    orr_to_pixels(w, side, n, 9, flip ? to + 8 * STRIP : to,
                  flip ? -STRIP : STRIP);
}

// One part of a group.
static void transform_weight(const plan *p, int64_t group, int64_t part,
                             float *to) {
  const int64_t first = group * p->wide, d0 = part * p->depth;
  const int64_t n = channels_of(p, group);
  const int64_t last = min64(d0 + p->depth, p->in.channels);
  const int64_t at_once = STRIP / p->wide;
  float kernel[9 * STRIP] = {0};
  for (int64_t d = d0; d < last; d += at_once, to += at_once * p->wide) {
    const int64_t depths = min64(at_once, last - d);
    take_kernels(p, first, n, d, depths, kernel);
    orr_winograd_transform(WEIGHT_TO_PLANE, depths * p->wide,
                           (lines){kernel, 3 * STRIP, STRIP},
                           (lines){to, 6 * p->weight_plane, p->weight_plane});
  }
}

static void keep_weight(void *context, int64_t i) {
  const plan *p = context;
  transform_weight(p, i / p->parts, i % p->parts, p->kept + i * p->weight_part);
}

// ------------------------------------------------------------ the result

// Tiles [t, t + n) of one row of tiles, of the planes `sums`.
typedef struct piece {
  int64_t row, t, n;
  float *sums;
} piece;

static float *image_of(const plan *p, int64_t row, int64_t group) {
  const int64_t image = row / p->s.down;
  return p->write + (image * p->channels + group * p->wide) * p->h * p->w;
}

// A row of pixels, from column x on.
static void give_row(const plan *p, int64_t group, const float *pixels,
                     int64_t x, int64_t n, float *to) {
  const int64_t first = group * p->wide;
  orr_from_pixels(pixels, p->wide, channels_of(p, group), min64(n, p->w - x),
                  p->bias ? p->bias + first : NULL, to + x, p->h * p->w);
}

static void give_tiles(const plan *p, int64_t group, piece q, float *pixels) {
  const int64_t line = 4 * q.n * p->wide, y = 4 * (q.row % p->s.down);
  for (int64_t i = 0; i < q.n; i++)
    orr_winograd_transform(PLANE_TO_TILE, computed(p, group),
                           (lines){q.sums + i * p->wide, 6 * p->out_plane,
                                   p->out_plane},
                           (lines){pixels + 4 * i * p->wide, line, p->wide});
  float *to = image_of(p, q.row, group);
  for (int64_t i = 0; i < 4 && y + i < p->h; i++)
    give_row(p, group, pixels + i * line, 4 * q.t, 4 * q.n,
             to + (y + i) * p->w);
}

ORR_CLONES static void add_line(int64_t n, const float *restrict from,
                                float *restrict to) {
  for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

// Adds patches to the six rows of pixels they meet. Those that no further
// patch meets are given, the other two begin the next six.
static void add_patches(const plan *p, int64_t group, piece q) {
  const int64_t line = (4 * p->s.across + 2) * p->wide, wide = p->wide;
  const int64_t y = 4 * (q.row % p->s.down) - p->ph;
  float *seam = p->seams + group * p->seam, patch[PLANES * STRIP] = {0};
  if (q.row % p->s.down == 0 && q.t == 0)
    memset(seam, 0, (size_t)p->seam * sizeof(float));
  for (int64_t t = q.t; t < q.t + q.n; t++, q.sums += wide) {
    orr_winograd_transform(PLANE_TO_IMAGE, computed(p, group),
                           (lines){q.sums, 6 * p->out_plane, p->out_plane},
                           (lines){patch, 6 * wide, wide});
    for (int64_t i = 0; i < 6; i++)
      add_line(6 * wide, patch + i * 6 * wide, seam + i * line + 4 * t * wide);
  }
  if (q.t + q.n < p->s.across) return;
  const bool end = q.row % p->s.down == p->s.down - 1;
  float *to = image_of(p, q.row, group);
  for (int64_t i = 0; i < (end ? 6 : 4); i++)
    if (y + i >= 0 && y + i < p->h)
      give_row(p, group, seam + i * line + p->pw * wide, 0, p->w,
               to + (y + i) * p->w);
  memcpy(seam, seam + 4 * line, (size_t)(2 * line) * sizeof(float));
  memset(seam + 2 * line, 0, (size_t)(4 * line) * sizeof(float));
}

// ------------------------------------------------------------ products

// Adds one part of the sums of n tiles, from `first` of the block on.
static void multiply(const plan *p, int64_t group, int64_t part, int64_t first,
                     int64_t n, const float *weight, float *sums) {
  const int64_t columns = computed(p, group);
  const float *in = p->in.planes + first * p->in.line + part * p->depth;
  for (int64_t f = 0; f < PLANES; f++)
    for (int64_t c = 0; c < columns; c += LANES * LANE)
      for (int64_t t = 0; t < n; t += ROWS)
        orr_micro_run(
            &(orr_micro){.depth =
                             min64(p->depth, p->in.channels - part * p->depth),
                         .a = in + f * p->in.plane + t * p->in.line,
                         .a_at = p->in_at,
                         .a_row = p->in.line,
                         .b = weight + f * p->weight_plane + c,
                         .b_at = p->weight_at,
                         .c = sums + f * p->out_plane + t * p->wide + c,
                         .ldc = p->wide,
                         .lanes = (int)min64(LANES, (columns - c) / LANE),
                         .add = part > 0});
}

// Tiles [first, first + n) of the block.
static void run_tiles(const plan *p, int64_t group, int64_t first, int64_t n,
                      float *sums) {
  float *made = sums + PLANES * p->out_plane;
  float *pixels = made + (p->kept ? 0 : p->weight_part);
  for (int64_t part = 0; part < p->parts; part++) {
    if (!p->kept) transform_weight(p, group, part, made);
    const float *weight =
        p->kept ? p->kept + (group * p->parts + part) * p->weight_part : made;
    multiply(p, group, part, first, n, weight, sums);
  }
  const int64_t across = p->s.across, last = first + n;
  piece q = {.sums = sums};
  for (int64_t t = first; t < last; t += q.n, q.sums += q.n * p->wide) {
    q.row = p->first + t / across;
    q.t = t % across;
    q.n = min64(min64(across - q.t, last - t), PIECE);
    if (p->spread)
      add_patches(p, group, q);
    else
      give_tiles(p, group, q, pixels);
  }
}

static int64_t tiles_of(const plan *p) {
  return (p->last - p->first) * p->s.across;
}

// Some tiles of a group; of patches, that overlap, all.
static void run_chunk(void *context, int64_t chunk) {
  plan *p = context;
  const int64_t tiles = tiles_of(p), strips = ceil_div(tiles, TILES);
  const int64_t group = p->spread ? chunk : chunk / strips;
  int64_t t = p->spread ? 0 : chunk % strips * TILES;
  const int64_t last = p->spread ? tiles : min64(t + TILES, tiles);
  float *slot = orr_slot_take(&p->slots);
  for (; t < last && !orr_stopping(); t += TILES)
    run_tiles(p, group, t, min64(TILES, last - t), slot);
  orr_slot_give(&p->slots, slot);
}

static void take_chunk(void *context, int64_t chunk) {
  plan *p = context;
  float *pixels = orr_slot_take(&p->slots);
  orr_winograd_take(&p->s, &p->in, p->first, chunk, pixels);
  orr_slot_give(&p->slots, pixels);
}

// ------------------------------------------------------------ the two

// Rows of tiles of a block, all blocks about alike: many enough that the planes
// of the weight, read anew for each, are no more than a block's.
static int64_t block_rows(const plan *p) {
  const int64_t c = p->in.channels, k = p->channels;
  const int64_t enough = min64(c * k / (c + k), 4 * TILES);
  const int64_t most = max64(max64(BLOCK_FLOATS / PLANES / c, enough), TILES);
  const int64_t rows = max64(1, most / p->s.across);
  return ceil_div(p->s.rows, ceil_div(p->s.rows, rows));
}

// Channels of the result in a group: as many as the caches hold, fewer where
// that leaves few chunks. Two lanes or more: 64 channels of 4 images 64 x 64 by
// patches took 3.0 ms with two, 3.8 with one (one thread).
static int64_t group_width(const plan *p) {
  const int64_t tiles = p->block * p->s.across;
  const int64_t strips = p->spread ? 1 : ceil_div(tiles, TILES);
  int64_t wide =
      min64(p->s.count > TILES ? 2 * WIDE : WIDE, whole(p->channels, LANE));
  if (ceil_div(p->channels, wide) * strips < CHUNKS) wide = min64(wide, WIDE);
  return ceil_div(p->channels, wide) * strips == 1 ? LANE : wide;
}

static void cut(plan *p) {
  p->block = block_rows(p);
  p->wide = group_width(p);
  p->groups = ceil_div(p->channels, p->wide);
  p->parts = ceil_div(p->in.channels, DEPTH);
  p->depth = ceil_div(p->in.channels, p->parts);
  p->out_plane = orr_winograd_plane(TILES * p->wide);
  p->weight_plane = orr_winograd_plane(p->depth * p->wide);
  p->weight_part = PLANES * p->weight_plane;
  p->seam = 6 * (4 * p->s.across + 2) * p->wide;
}

static void run_blocks(plan *p) {
  for (int64_t i = 0; i < p->depth; i++) {
    p->in_at[i] = (int32_t)i;
    p->weight_at[i] = (int32_t)(i * p->wide);
  }
  if (p->kept) orr_parallel(p->groups * p->parts, keep_weight, p);
  for (; p->first < p->s.rows && !orr_stopping(); p->first = p->last) {
    p->last = min64(p->first + p->block, p->s.rows);
    orr_parallel(orr_winograd_chunks(&p->s, &p->in, p->first, p->last),
                 take_chunk, p);
    orr_parallel(p->groups * (p->spread ? 1 : ceil_div(tiles_of(p), TILES)),
                 run_chunk, p);
  }
}

static bool open_slots(plan *p, bool keep) {
  const int64_t chunks = orr_winograd_chunks(&p->s, &p->in, 0, p->block);
  const int64_t out = PLANES * p->out_plane + (keep ? 0 : p->weight_part) +
      16 * PIECE * p->wide;
  return orr_slots_open(
      &p->slots, (size_t)max64(out, orr_winograd_pixels(&p->s)) * sizeof(float),
      max64(chunks, p->groups * ceil_div(p->block * p->s.across, TILES)));
}

// result = conv(in, weight), whichever they are.
static bool convolve(plan *p) {
  cut(p);
  const bool keep = p->s.count > TILES;
  const int64_t in = orr_winograd_lay_out(&p->in, p->block * p->s.across);
  const int64_t table = whole(p->depth, LANE);
  const int64_t kept = keep ? p->groups * p->parts * p->weight_part : 0;
  const int64_t seams = p->spread ? p->groups * p->seam : 0;
  const size_t bytes = (size_t)(in + kept + seams + 2 * table) * sizeof(float);
  float *memory = orr_alloc(bytes);
  if (!memory) return false;
  p->in.planes = memory;
  p->kept = keep ? memory + in : NULL;
  p->seams = memory + in + kept;
  p->in_at = (int32_t *)(void *)(p->seams + seams);
  p->weight_at = p->in_at + table;
  const bool ok = open_slots(p, keep);
  if (ok) {
    run_blocks(p);
    orr_slots_close(&p->slots);
  }
  orr_free(memory, bytes);
  return ok;
}

bool orr_winograd_y(const orr_conv *g, const float *x, const float *weight,
                    const float *bias, float *y) {
  plan p = {.in = {x, g->c, g->h, g->w, g->ph, g->pw, 6, IMAGE_TO_PLANE},
            .write = y,
            .channels = g->k,
            .h = g->oh,
            .w = g->ow,
            .weight = weight,
            .bias = bias,
            .s = orr_winograd_cut(g->n, g->oh, g->ow)};
  return convolve(&p);
}

bool orr_winograd_x(const orr_conv *g, const float *y, const float *weight,
                    const float *bias, float *x) {
  plan p = {.in = {y, g->k, g->oh, g->ow, 2 - g->ph, 2 - g->pw, 6,
                   IMAGE_TO_PLANE},
            .write = x,
            .channels = g->c,
            .h = g->h,
            .w = g->w,
            .ph = g->ph,
            .pw = g->pw,
            .weight = weight,
            .bias = bias,
            .turn = true,
            .spread = spreads(g),
            .s = orr_winograd_cut(g->n, g->h, g->w)};
  if (p.spread) {
    p.in = (factor){y, g->k, g->oh, g->ow, 0, 0, 4, TILE_TO_PLANE};
    p.s = orr_winograd_cut(g->n, g->oh, g->ow);
  }
  return convolve(&p);
}
