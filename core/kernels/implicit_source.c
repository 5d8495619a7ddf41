// implicit_source.c -- see implicit_source.h.
#include "implicit_source.h"

#include "elementwise.h"

// Rows are short: a loop over their edges is faster than a call of memset.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

static void add_tap(axis *a, int64_t tap, int64_t shift) {
  a->least = a->taps ? min64(a->least, shift) : shift;
  a->most = a->taps ? max64(a->most, shift) : shift;
  a->tap[a->taps] = tap;
  a->shift[a->taps++] = shift;
}

static axis forward_axis(int64_t positions, int64_t kernel, int64_t stride,
                         int64_t padding, int64_t dilation) {
  axis a = {.positions = positions, .step = stride, .apart = 1};
  for (int64_t i = 0; i < kernel; i++) add_tap(&a, i, i * dilation - padding);
  return a;
}

// The positions p with (p + padding) % stride = rest: p + padding =
// stride t + rest meets output t - (i dilation - rest) / stride by tap i.
static axis adjoint_axis(int64_t size, int64_t kernel, int64_t stride,
                         int64_t padding, int64_t dilation, int64_t rest) {
  const int64_t t0 = ceil_div(max64(padding - rest, 0), stride);
  axis a = {.step = 1, .first = stride * t0 + rest - padding, .apart = stride};
  if (a.first < size) a.positions = ceil_div(size - a.first, stride);
  for (int64_t i = 0; i < kernel; i++)
    if (i * dilation % stride == rest % stride)
      add_tap(&a, i, t0 - (i * dilation - rest) / stride);
  return a;
}

void orr_implicit_passes(plan *p) {
  const orr_conv *g = p->g;
  p->down = p->adjoint ? g->sh : 1;
  p->across = p->adjoint ? g->sw : 1;
  if (!p->adjoint) {
    p->y[0] = forward_axis(g->oh, g->kh, g->sh, g->ph, g->dh);
    p->x[0] = forward_axis(g->ow, g->kw, g->sw, g->pw, g->dw);
    return;
  }
  for (int64_t q = 0; q < p->down; q++)
    p->y[q] = adjoint_axis(g->h, g->kh, g->sh, g->ph, g->dh, q);
  for (int64_t q = 0; q < p->across; q++)
    p->x[q] = adjoint_axis(g->w, g->kw, g->sw, g->pw, g->dw, q);
  p->fused = p->across == 2 && p->x[0].positions == p->x[1].positions;
}

image orr_implicit_of_x(const orr_conv *g) {
  return (image){g->c, g->c / g->groups, g->h, g->w};
}

image orr_implicit_of_y(const orr_conv *g) {
  return (image){g->k, g->k / g->groups, g->oh, g->ow};
}

axis orr_implicit_axes(const axis *a, int64_t passes) {
  axis all = a[0];
  for (int64_t q = 1; q < passes; q++) {
    all.positions = max64(all.positions, a[q].positions);
    if (!a[q].taps) continue;
    all.least = all.taps ? min64(all.least, a[q].least) : a[q].least;
    all.most = all.taps ? max64(all.most, a[q].most) : a[q].most;
    all.taps += a[q].taps;
  }
  return all;
}

source orr_implicit_source(const plan *p, int64_t images, int64_t first_row,
                           int64_t rows) {
  const axis y = orr_implicit_axes(p->y, p->down),
             x = orr_implicit_axes(p->x, p->across);
  source s = {.images = images, .first_row = first_row, .rows = rows};
  s.top = y.least, s.left = x.least, s.down = y.step, s.across = x.step;
  s.high = rows + (y.most - y.least) / y.step;
  s.wide = x.positions + (x.most - x.least) / x.step;
  s.image = s.high * s.wide * y.step * x.step;
  // Odd in lanes: strides that are powers of two fight for cache sets.
  s.channel = (ceil_div(images * s.image, LANE) | 1) * LANE;
  return s;
}

// What take_rows reads from: rows of an image of h x w, within `begin` and
// `end` of all that may be read.
typedef struct view {
  const float *image, *begin, *end;
  int64_t h, w;
} view;

// Which columns of a row of the source lie inside the image, by their rest.
enum { MASKED = 8 };  // lanes of a row, at most, that masks are made for
typedef int32_t mask __attribute__((vector_size(4 * LANE)));
typedef struct inside {
  int64_t lo[PASSES], hi[PASSES];
  mask keep[2][MASKED];
} inside;

static void find_inside(const source *s, int64_t w, inside *in) {
  for (int64_t q = 0; q < s->across; q++) {
    const int64_t column = s->left + q, step = s->across;
    in->lo[q] = min64(s->wide, column < 0 ? ceil_div(-column, step) : 0);
    in->hi[q] = min64(s->wide, ceil_div(max64(w - column, 0), step));
    in->hi[q] = max64(in->lo[q], in->hi[q]);
    if (q > 1) continue;
    mask at = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    for (int i = 0; i < MASKED && i * LANE < s->wide; i++, at += LANE)
      in->keep[q][i] = (at >= (int32_t)in->lo[q]) & (at < (int32_t)in->hi[q]);
  }
}

#define EVEN(I) (I), (I) + 2, (I) + 4, (I) + 6, (I) + 8, (I) + 10, (I) + 12

// Whole lanes of a row, or of every second element and, beside them, of those
// between: what is too much the next row overwrites.
static inline __attribute__((always_inline)) void take_lanes(
    const float *restrict from, int64_t step, int64_t wide, const inside *in,
    float *restrict to) {
  for (int64_t i = (wide - 1) / LANE; i >= 0; i--) {
    const float *at = from + i * step * LANE;
    const mask a = (mask) * (const any_lane *)at;
    if (step == 1) {
      *(any_lane *)(to + i * LANE) = (lane)(a & in->keep[0][i]);
      continue;
    }
    const mask b = (mask) * (const any_lane *)(at + LANE);
    const mask even = __builtin_shufflevector(a, b, EVEN(0), 14, EVEN(16), 30);
    const mask odd = __builtin_shufflevector(a, b, EVEN(1), 15, EVEN(17), 31);
    *(any_lane *)(to + i * LANE) = (lane)(even & in->keep[0][i]);
    *(any_lane *)(to + wide + i * LANE) = (lane)(odd & in->keep[1][i]);
  }
}

// Rows `down` apart, the columns of each rest after those of the last. Zeros
// where they are outside the image.
ORR_CLONES static void take_rows(const view *v, const source *s,
                                 const inside *in, int64_t row, float *to) {
  const int64_t step = s->across, wide = s->wide;
  const bool lanes = step <= 2 && wide <= MASKED * LANE;
  for (int64_t r = 0; r < s->high; r++, row += s->down, to += step * wide) {
    const float *from = v->image + row * v->w + s->left;
    if (row < 0 || row >= v->h) {
      for (int64_t i = 0; i < step * wide; i++) to[i] = 0;
    } else if (lanes && from >= v->begin &&
               from + (wide + LANE + 1) * step <= v->end) {
      if (step == 1)
        take_lanes(from, 1, wide, in, to);
      else
        take_lanes(from, 2, wide, in, to);
    } else {
      for (int64_t q = 0; q < step; q++) {
        float *row_to = to + q * wide;
        for (int64_t i = 0; i < in->lo[q]; i++) row_to[i] = 0;
        for (int64_t i = in->lo[q]; i < in->hi[q]; i++)
          row_to[i] = from[q + step * i];
        for (int64_t i = in->hi[q]; i < wide; i++) row_to[i] = 0;
      }
    }
  }
}

void orr_implicit_fill(const plan *p, const source *s, int64_t n0, int64_t c0) {
  const image *in = &p->in;
  const int64_t plane = in->h * in->w, row = s->first_row * s->down + s->top;
  view v = {.begin = p->read, .h = in->h, .w = in->w};
  v.end = v.begin + p->g->n * in->channels * plane;
  inside columns;
  find_inside(s, in->w, &columns);
  for (int64_t c = 0; c < in->group; c++)
    for (int64_t n = 0; n < s->images; n++) {
      v.image = v.begin + ((n0 + n) * in->channels + c0 + c) * plane;
      float *to = s->at + c * s->channel + n * s->image;
      for (int64_t q = 0; q < s->down; q++)
        take_rows(&v, s, &columns, row + q,
                  to + q * s->across * s->high * s->wide);
    }
}

int64_t orr_implicit_tap(const source *s, int64_t row, int64_t column) {
  const int64_t dy = row - s->top, dx = column - s->left;
  const int64_t row_of = dy % s->down * s->high + dy / s->down;
  return (row_of * s->across + dx % s->across) * s->wide + dx / s->across;
}
