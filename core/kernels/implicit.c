// implicit.c -- see implicit.h.
//
// Every pass is a sum over taps of shifted images, at stride 1:
//
//   out[k][t] = sum over c, tap of w[k][c][tap] in[c][step t + shift[tap]]
//
// Of y = conv(x, w) there is one pass, whose steps are the strides. Its adjoint
// in x takes a pass for each remainder of a position divided by the strides:
// those taps that meet it, at steps of 1. A chunk of positions copies what it
// reads into scratch, with zeros around, columns and rows of equal remainder
// side by side, so that neighbouring positions read neighbouring floats. Where
// rows are as long as registers the tiles read that copy itself, an offset per
// (channel, tap); short rows are first put end to end, a panel at a time.
#include "implicit.h"

#include <string.h>

#include "../base/threads.h"
#include "elementwise.h"
#include "implicit_source.h"

enum {
  ROWS = ORR_MICRO_ROWS,  // of a tile
  PANEL = LANE * ORR_MICRO_LANES,
  SOURCE = 1 << 16,  // floats of a chunk's copy aimed at: a part of the L2
  LEAST = 192,       // positions of a chunk, where there are that many
  PACKED = 96,       // positions from which packing the weight pays
  SHARE = 16,        // channels whose weights are packed in a chunk
  CHUNKS = 8         // enough for the threads to share evenly
};
#define MOST_WORK 2e8  // multiplications of a chunk: some ms

// ------------------------------------------------------------ weights

// Tiles from first_packed on are packed: all of them where many positions
// come to read them, else only a last one that is not whole.
static int64_t packed_tiles(const plan *p) {
  return p->tiles - p->first_packed;
}

// Floats before a pass in the packed weights.
static int64_t packed_before(const plan *p, int64_t pass) {
  int64_t taps = 0;
  for (int64_t q = 0; q < pass; q++)
    taps += (int64_t)p->y[q / p->across].taps * p->x[q % p->across].taps;
  return taps * p->in.group * p->g->groups * packed_tiles(p) * ROWS;
}

// Weights of a group from one of its result's channels on.
static const float *weight_from(const plan *p, int64_t group, int64_t channel) {
  const int64_t channels = p->adjoint ? p->in.group : p->out.group;
  return p->weight + group * channels * (p->adjoint ? p->to_in : p->to_out) +
      channel * p->to_out;
}

// The rows of every tile side by side, element after element, 0 past the last:
// some channels of the input for all tiles and passes, as they lie in memory.
static void pack_channels(void *context, int64_t chunk) {
  const plan *p = context;
  const int64_t n = packed_tiles(p), blocks = ceil_div(p->in.group, SHARE);
  const int64_t group = chunk / blocks, first = chunk % blocks * SHARE;
  const int64_t last = min64(first + SHARE, p->in.group);
  for (int64_t pass = 0; pass < p->down * p->across; pass++) {
    const axis *y = &p->y[pass / p->across], *x = &p->x[pass % p->across];
    const int64_t taps = (int64_t)y->taps * x->taps;
    float *packed = p->packed + packed_before(p, pass);
    for (int64_t c = first; c < last; c++)
      for (int64_t t = 0; t < n; t++) {
        const int64_t k = (p->first_packed + t) * ROWS;
        const int64_t rows = min64(ROWS, p->out.group - k);
        const float *w = weight_from(p, group, k) + c * p->to_in;
        float *to = packed + ((group * n + t) * p->in.group + c) * taps * ROWS;
        for (int i = 0; i < y->taps; i++)
          for (int j = 0; j < x->taps; j++, to += ROWS) {
            const float *from = w + y->tap[i] * p->g->kw + x->tap[j];
            for (int64_t r = 0; r < rows; r++) to[r] = from[r * p->to_out];
            for (int64_t r = rows; r < ROWS; r++) to[r] = 0;
          }
      }
  }
}

// ------------------------------------------------------------ panels

// Neighbouring positions: of a row of an image, and, where rows of the result
// follow each other, of all rows.
typedef struct run {
  int64_t to;  // in a channel of the first image of the result
  int64_t at, n;
} run;

typedef struct panel {
  run runs[PANEL];
  int count, lanes;
  // Lanes to copy, those of a later one overwriting what is too much.
  int pieces;
  int32_t from[PANEL], at[PANEL];  // in a channel of the source, in a row
} panel;

// Positions that a pass has in a chunk: those of `rows` rows.
typedef struct field {
  const axis *y, *x;
  int64_t rows;
  int64_t step, left;  // what a tile's row is written to
} field;

static void add_run(panel *out, int64_t step, int64_t to, int64_t at,
                    int64_t n) {
  run *end = out->runs + out->count;
  if (step == 1 && out->count && end[-1].to + end[-1].n == to) {
    end[-1].n += n;
    return;
  }
  *end = (run){to, at, n};
  out->count++;
}

// The panel from position `first` on, of one row if it is direct. Returns the
// position after it.
static int64_t make_panel(const plan *p, const source *s, const field *f,
                          int64_t first, bool direct, panel *out) {
  const int64_t wide = f->x->positions, last = s->images * f->rows * wide;
  int64_t at = 0, t = first;
  out->count = out->pieces = 0;
  while (t < last && at < PANEL && !(direct && out->pieces)) {
    const int64_t column = t % wide, row = t / wide % f->rows;
    const int64_t image = t / wide / f->rows;
    const int64_t n = min64(PANEL - at, wide - column);
    const int64_t out_row = f->y->first + (s->first_row + row) * f->y->apart;
    add_run(out, f->step,
            image * p->out.channels * p->out.h * p->out.w + out_row * p->out.w +
                f->left + column * f->x->apart,
            at, n);
    for (int64_t i = 0; i < n; i += LANE) {
      out->from[out->pieces] =
          (int32_t)(image * s->image + row * s->wide * s->across + column + i);
      out->at[out->pieces++] = (int32_t)(at + i);
    }
    at += n, t += n;
  }
  out->lanes = (int)ceil_div(at, LANE);
  return t;
}

// Puts the runs of every (channel, tap) end to end, in rows of whole lanes.
ORR_CLONES static void pack_panel(const source *s, int64_t channels,
                                  int64_t taps, const int32_t *tap,
                                  const panel *n, float *to) {
  const int pieces = n->pieces;
  for (int64_t c = 0; c < channels; c++)
    for (int64_t i = 0; i < taps; i++, to += n->lanes * LANE) {
      const float *from = s->at + c * s->channel + tap[i];
      for (int r = 0; r < pieces; r++)
        *(any_lane *)(to + n->at[r]) = *(const any_lane *)(from + n->from[r]);
    }
}

typedef float four __attribute__((vector_size(16), aligned(4), may_alias));

// n neighbours, plus a bias; the last lanes of fewer overlap.
static inline __attribute__((always_inline)) void give_run(
    const float *restrict from, float bias, int64_t n, float *restrict to) {
  int64_t i = 0;
  for (; i + LANE <= n; i += LANE)
    *(any_lane *)(to + i) = *(const any_lane *)(from + i) + bias;
  for (; i + 4 <= n; i += 4)
    *(four *)(to + i) = *(const four *)(from + i) + bias;
  if (i < n && n >= 4) {
    i = n - 4;
    *(four *)(to + i) = *(const four *)(from + i) + bias;
    return;
  }
  for (; i < n; i++) to[i] = from[i] + bias;
}

// n of one and n of another in turns, plus a bias.
static inline __attribute__((always_inline)) void give_pairs(
    const float *restrict a, const float *restrict b, float bias, int64_t n,
    float *restrict to) {
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const four u = *(const four *)(a + i), v = *(const four *)(b + i);
    *(four *)(to + 2 * i) = __builtin_shufflevector(u, v, 0, 4, 1, 5) + bias;
    *(four *)(to + 2 * i + 4) =
        __builtin_shufflevector(u, v, 2, 6, 3, 7) + bias;
  }
  for (; i < n; i++) to[2 * i] = a[i] + bias, to[2 * i + 1] = b[i] + bias;
}

// Writes a tile's row, plus its bias; with that of another pass between, if
// there is one.
ORR_CLONES static void give_row(const panel *n, int64_t step, const float *from,
                                const float *between, float bias, float *to) {
  for (int r = 0; r < n->count; r++) {
    const run *u = &n->runs[r];
    float *restrict out = to + u->to;
    const float *restrict a = from + u->at;
    if (between)
      give_pairs(a, between + u->at, bias, u->n, out);
    else if (step == 1)
      give_run(a, bias, u->n, out);
    else
      for (int64_t i = 0; i < u->n; i++) out[step * i] = a[i] + bias;
  }
}

// ------------------------------------------------------------ chunks

// What a chunk needs for one pass, or for each of two that are fused.
typedef struct half {
  const axis *x;
  int64_t taps, depth;
  const float *packed, *b;
  float *panel, *tile;
  int32_t *a_at, *b_at, *tap;
} half;

// Scratch of a chunk, in floats.
typedef struct scratch {
  int64_t source, panel, table, taps, tile;
} scratch;

static scratch scratch_of(const plan *p, const source *s) {
  int64_t y = 0, x = 0;
  for (int64_t q = 0; q < p->down; q++) y = max64(y, p->y[q].taps);
  for (int64_t q = 0; q < p->across; q++) x = max64(x, p->x[q].taps);
  const int64_t depth = p->in.group * y * x;
  return (scratch){.source = p->in.group * s->channel + LANE,
                   .panel = (depth * PANEL / LANE + 1) * LANE,
                   .table = ceil_div(depth, LANE) * LANE,
                   .taps = ceil_div(y * x, LANE) * LANE,
                   .tile = ROWS * PANEL};
}

static int64_t floats_of(const scratch *l) {
  return l->source + l->table +
      2 * (l->panel + 2 * l->table + l->taps + l->tile);
}

// Whether panels are single rows: then nothing needs to be put end to end.
static bool is_direct(const axis *x) {
  const int64_t whole = ceil_div(x->positions, LANE) * LANE;
  return x->positions * 8 >= whole * 7;
}

typedef struct work {
  const plan *p;
  source s;
  int64_t group, part;
  float *write;
  int32_t *packed_at;
  half half[2];
  int halves;
  bool direct;
  field f;
  panel now;
} work;

static void lay_out(work *w, float *slot) {
  const scratch l = scratch_of(w->p, &w->s);
  w->s.at = slot;
  slot += l.source;
  w->packed_at = (int32_t *)(void *)slot;
  slot += l.table;
  for (int64_t d = 0; d < l.table; d++) w->packed_at[d] = (int32_t)(d * ROWS);
  for (int i = 0; i < 2; i++) {
    half *h = &w->half[i];
    h->panel = slot;
    h->tile = h->panel + l.panel;
    h->a_at = (int32_t *)(void *)(h->tile + l.tile);
    h->b_at = h->a_at + l.table;
    h->tap = h->b_at + l.table;
    slot = h->tile + l.tile + 2 * l.table + l.taps;
  }
}

// Offsets of (channel, tap) in the weight, and in the source if that is read
// directly.
static void set_offsets(work *w, half *h) {
  const plan *p = w->p;
  const axis *y = w->f.y, *x = h->x;
  int32_t *a_at = h->a_at, *b_at = h->b_at, *tap = h->tap;
  for (int i = 0; i < y->taps; i++)
    for (int j = 0; j < x->taps; j++)
      *tap++ = (int32_t)orr_implicit_tap(&w->s, y->shift[i], x->shift[j]);
  for (int64_t c = 0; c < p->in.group; c++)
    for (int i = 0; i < y->taps; i++)
      for (int j = 0; j < x->taps; j++) {
        *a_at++ = (int32_t)(c * p->to_in + y->tap[i] * p->g->kw + x->tap[j]);
        *b_at++ = (int32_t)(c * w->s.channel) + h->tap[i * x->taps + j];
      }
}

static void multiply(const work *w, const half *h, int64_t t, float *c,
                     int64_t ldc, const float *bias) {
  const plan *p = w->p;
  const bool packed = t >= p->first_packed;
  orr_micro_run(&(orr_micro){.depth = h->depth,
                             .a = packed ? h->packed +
                                     (t - p->first_packed) * h->depth * ROWS
                                         : weight_from(p, w->group, t * ROWS),
                             .a_at = packed ? w->packed_at : h->a_at,
                             .a_row = packed ? 1 : p->to_out,
                             .b = h->b,
                             .b_at = h->b_at,
                             .bias = bias,
                             .c = c,
                             .ldc = ldc,
                             .lanes = w->now.lanes});
}

// All tiles of the part for one panel.
static void run_tiles(const work *w) {
  const plan *p = w->p;
  const int64_t plane = p->out.h * p->out.w;
  const int64_t last = min64((w->part + 1) * p->part, p->tiles);
  const float *between = w->halves == 2 ? w->half[1].tile : NULL;
  const run *first = w->now.runs;
  const bool whole = w->now.count == 1 && w->f.step == 1 && !between &&
      first->n == w->now.lanes * LANE;
  for (int64_t t = w->part * p->part; t < last; t++) {
    const int64_t rows = min64(ROWS, p->out.group - t * ROWS);
    const int64_t k0 = w->group * p->out.group + t * ROWS;
    if (whole && rows == ROWS) {
      multiply(w, &w->half[0], t, w->write + k0 * plane + first->to, plane,
               p->bias ? p->bias + k0 : NULL);
      continue;
    }
    for (int i = 0; i < w->halves; i++)
      multiply(w, &w->half[i], t, w->half[i].tile, PANEL, NULL);
    for (int64_t r = 0; r < rows; r++)
      give_row(&w->now, w->f.step, w->half[0].tile + r * PANEL,
               between ? between + r * PANEL : NULL,
               p->bias ? p->bias[k0 + r] : 0, w->write + (k0 + r) * plane);
  }
}

// All panels of one pass, or of two.
static void run_field(work *w) {
  const plan *p = w->p;
  const int64_t last = w->s.images * w->f.rows * w->f.x->positions;
  int lanes = 0;
  for (int64_t t = 0; t < last && !orr_stopping();) {
    t = make_panel(p, &w->s, &w->f, t, w->direct, &w->now);
    for (int i = 0; i < w->halves; i++) {
      half *h = &w->half[i];
      h->b = w->direct ? w->s.at + w->now.from[0] : h->panel;
      if (w->direct) continue;
      if (lanes != w->now.lanes)
        for (int64_t d = 0; d < h->depth; d++)
          h->b_at[d] = (int32_t)(d * w->now.lanes * LANE);
      pack_panel(&w->s, p->in.group, h->taps, h->tap, &w->now, h->panel);
    }
    lanes = w->now.lanes;
    run_tiles(w);
  }
}

static void run_pass(work *w, int64_t down, int64_t across) {
  const plan *p = w->p;
  const axis *y = &p->y[down], *x = &p->x[across];
  w->halves = p->fused ? 2 : 1;
  // The one that has the even columns of the result comes first.
  const int swap = p->fused && p->x[0].first == 1;
  for (int i = 0; i < w->halves; i++) {
    half *h = &w->half[i];
    const int64_t q = p->fused ? (i ^ swap) : across;
    h->x = &p->x[q];
    h->taps = (int64_t)y->taps * h->x->taps;
    h->depth = p->in.group * h->taps;
    h->packed = p->packed + packed_before(p, down * p->across + q) +
        w->group * packed_tiles(p) * h->depth * ROWS;
  }
  w->f = (field){y, x, min64(w->s.rows, y->positions - w->s.first_row),
                 p->fused ? 1 : x->apart, p->fused ? 0 : x->first};
  w->direct = is_direct(x);
  if (w->f.rows <= 0 || x->positions <= 0) return;
  for (int i = 0; i < w->halves; i++) set_offsets(w, &w->half[i]);
  run_field(w);
}

static void run_chunk(void *context, int64_t chunk) {
  plan *p = context;
  const image *out = &p->out;
  work w = {.p = p, .part = chunk % p->parts};
  w.group = chunk / p->parts % p->g->groups;
  const int64_t block = chunk / p->parts / p->g->groups;
  const int64_t n0 = block / p->row_blocks * p->images;
  const int64_t r0 = block % p->row_blocks * p->rows;
  w.s = orr_implicit_source(p, min64(p->images, p->g->n - n0), r0, p->rows);
  w.write = p->write + n0 * out->channels * out->h * out->w;
  float *slot = orr_slot_take(&p->slots);
  lay_out(&w, slot);
  orr_implicit_fill(p, &w.s, n0, w.group * p->in.group);
  for (int64_t i = 0; i < p->down; i++)
    for (int64_t j = 0; j < (p->fused ? 1 : p->across); j++) run_pass(&w, i, j);
  orr_slot_give(&p->slots, slot);
}

// ------------------------------------------------------------ cutting

// Positions a chunk covers: whole images when they are small, some rows of
// one when they are large.
static void cut(plan *p) {
  const axis y = orr_implicit_axes(p->y, p->down),
             x = orr_implicit_axes(p->x, p->across);
  const source s = orr_implicit_source(p, 1, 0, 1);
  const int64_t wide = max64(x.positions, 1), high = max64(y.positions, 1);
  const int64_t copy = s.wide * y.step * x.step * p->in.group;
  const double work = (double)p->in.group * (double)p->g->kh *
      (double)p->g->kw * (double)p->out.group * (double)wide;
  // Few chunks are cut into rows: further parts of the channels would each copy
  // the same positions again.
  const int64_t share = ceil_div(p->g->n * p->g->groups * high, CHUNKS);
  int64_t rows = max64(SOURCE / copy, ceil_div(LEAST, wide));
  rows = max64(1, min64(rows, (int64_t)(MOST_WORK / work)));
  p->rows = min64(min64(rows, high), max64(share, ceil_div(PANEL, wide)));
  p->images = 1;
  if (rows >= 2 * high)
    p->images = max64(1, min64(rows / high, ceil_div(p->g->n, CHUNKS)));
  p->image_blocks = ceil_div(p->g->n, p->images);
  p->row_blocks = ceil_div(high, p->rows);
  p->rows = ceil_div(high, p->row_blocks);  // all alike
  p->row_blocks = ceil_div(high, p->rows);
  const int64_t chunks = p->image_blocks * p->row_blocks * p->g->groups;
  p->part = p->tiles;
  if (chunks < CHUNKS / 2)
    p->part =
        max64(min64(p->tiles, 4), ceil_div(p->tiles * chunks, CHUNKS / 2));
  p->parts = ceil_div(p->tiles, p->part);
}

static bool convolve(plan *p) {
  const orr_conv *g = p->g;
  p->tiles = ceil_div(p->out.group, ROWS);
  orr_implicit_passes(p);
  cut(p);
  const int64_t passes = p->down * p->across;
  const int64_t positions = g->n * p->out.h * p->out.w / passes;
  const bool pack = p->adjoint && positions >= PACKED;
  p->first_packed = pack ? 0 : p->out.group / ROWS;
  const size_t bytes = (size_t)packed_before(p, passes) * sizeof(float);
  p->packed = bytes ? orr_alloc(bytes) : NULL;
  if (bytes && !p->packed) return false;
  const int64_t chunks = p->image_blocks * p->row_blocks * g->groups * p->parts;
  const source s = orr_implicit_source(p, p->images, 0, p->rows);
  const scratch l = scratch_of(p, &s);
  const size_t each = (size_t)floats_of(&l) * sizeof(float);
  const bool ok = orr_slots_open(&p->slots, each, chunks);
  if (ok) {
    if (bytes)
      orr_parallel(g->groups * ceil_div(p->in.group, SHARE), pack_channels, p);
    orr_parallel(chunks, run_chunk, p);
    orr_slots_close(&p->slots);
  }
  if (bytes) orr_free(p->packed, bytes);
  return ok;
}

bool orr_implicit_fits(const orr_conv *g) {
  return g->kh <= KERNEL && g->kw <= KERNEL && g->sh <= PASSES &&
      g->sw <= PASSES;
}

bool orr_implicit_y(const orr_conv *g, const float *x, const float *weight,
                    const float *bias, float *y) {
  const int64_t kk = g->kh * g->kw;
  plan p = {.g = g,
            .in = orr_implicit_of_x(g),
            .out = orr_implicit_of_y(g),
            .read = x,
            .weight = weight,
            .bias = bias,
            .write = y,
            .to_out = g->c / g->groups * kk,
            .to_in = kk};
  return convolve(&p);
}

bool orr_implicit_x(const orr_conv *g, const float *y, const float *weight,
                    const float *bias, float *x) {
  const int64_t kk = g->kh * g->kw;
  plan p = {.g = g,
            .adjoint = true,
            .in = orr_implicit_of_y(g),
            .out = orr_implicit_of_x(g),
            .read = y,
            .weight = weight,
            .bias = bias,
            .write = x,
            .to_out = kk,
            .to_in = g->c / g->groups * kk};
  return convolve(&p);
}
