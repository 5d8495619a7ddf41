// implicit_source.c -- see implicit_source.h.
#include "implicit_source.h"

#include "elementwise.h"

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

#define EVEN(I) (I), (I) + 2, (I) + 4, (I) + 6, (I) + 8, (I) + 10, (I) + 12

// Every step-th of a row's elements, `wide` of them, those in [lo, hi) inside
// the image; zeros elsewhere. With `room` around the row whole lanes are copied:
// what is too much the next row overwrites.
static inline __attribute__((always_inline)) void take_row(
    const float *restrict from, int64_t lo, int64_t hi, int64_t step,
    int64_t wide, bool room, float *restrict to) {
  if (room && step == 1)
    for (int64_t i = 0; i < wide; i += LANE)
      *(any_lane *)(to + i) = *(const any_lane *)(from + i);
  else if (room)
    for (int64_t i = 0; i < wide; i += LANE) {
      const lane a = *(const any_lane *)(from + 2 * i);
      const lane b = *(const any_lane *)(from + 2 * i + LANE);
      *(any_lane *)(to + i) =
          __builtin_shufflevector(a, b, EVEN(0), 14, EVEN(16), 30);
    }
  else
    for (int64_t i = lo; i < hi; i++) to[i] = from[step * i];
  for (int64_t i = 0; i < lo; i++) to[i] = 0;
  for (int64_t i = hi; i < wide; i++) to[i] = 0;
}

// Rows `down` apart, the columns of each rest after those of the last.
ORR_CLONES static void take_rows(const view *v, const source *s, int64_t row,
                                 float *to) {
  const int64_t step = s->across, wide = s->wide;
  int64_t lo[PASSES], hi[PASSES];
  for (int64_t q = 0; q < step; q++) {
    const int64_t column = s->left + q;
    lo[q] = min64(wide, column < 0 ? ceil_div(-column, step) : 0);
    hi[q] = min64(wide, ceil_div(max64(v->w - column, 0), step));
    hi[q] = max64(lo[q], hi[q]);
  }
  for (int64_t r = 0; r < s->high; r++, row += s->down) {
    const float *from = v->image + row * v->w;
    const bool inside = row >= 0 && row < v->h;
    const bool room = step <= 2 && inside && from + s->left >= v->begin &&
        from + s->left + (wide + LANE + 1) * step <= v->end;
    for (int64_t q = 0; q < step; q++, to += wide)
      if (inside)
        take_row(from + s->left + q, lo[q], hi[q], step, wide, room, to);
      else
        for (int64_t i = 0; i < wide; i++) to[i] = 0;
  }
}

void orr_implicit_fill(const plan *p, const source *s, int64_t n0, int64_t c0) {
  const image *in = &p->in;
  const int64_t plane = in->h * in->w, row = s->first_row * s->down + s->top;
  view v = {.begin = p->read, .h = in->h, .w = in->w};
  v.end = v.begin + p->g->n * in->channels * plane;
  for (int64_t c = 0; c < in->group; c++)
    for (int64_t n = 0; n < s->images; n++) {
      v.image = v.begin + ((n0 + n) * in->channels + c0 + c) * plane;
      float *to = s->at + c * s->channel + n * s->image;
      for (int64_t q = 0; q < s->down; q++)
        take_rows(&v, s, row + q, to + q * s->across * s->high * s->wide);
    }
}

int64_t orr_implicit_tap(const source *s, int64_t row, int64_t column) {
  const int64_t dy = row - s->top, dx = column - s->left;
  const int64_t row_of = dy % s->down * s->high + dy / s->down;
  return (row_of * s->across + dx % s->across) * s->wide + dx / s->across;
}
