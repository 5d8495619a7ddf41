// winograd_tiles.c -- see winograd_tiles.h.
#include "winograd_tiles.h"

#include "elementwise.h"

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// ------------------------------------------------------------ transforms

// One of the six matrices applied to n columns: lines of n floats, `from` and
// `to` floats apart.
typedef void line_fn(int64_t n, const float *restrict in, int64_t from,
                     float *restrict out, int64_t to);

// Element I of the inputs, column p.
#define IN(I) in[(I)*from + p]
#define OUT(I) out[(I)*to + p]
#define TRANSFORM(NAME)                                            \
  ORR_CLONES static void NAME(int64_t n, const float *restrict in, \
                              int64_t from, float *restrict out, int64_t to)
#define COLUMNS ORR_IVDEP for (int64_t p = 0; p < n; p++)

TRANSFORM(image_to_plane) {  // B'
  COLUMNS {
    const float a = IN(4) - 4 * IN(2), b = IN(3) - 4 * IN(1);
    const float c = IN(4) - IN(2), d = 2 * (IN(3) - IN(1));
    OUT(0) = 4 * (IN(0) - IN(2)) + c;
    OUT(1) = a + b;
    OUT(2) = a - b;
    OUT(3) = c + d;
    OUT(4) = c - d;
    OUT(5) = 4 * (IN(1) - IN(3)) + (IN(5) - IN(3));
  }
}

TRANSFORM(plane_to_image) {  // B
  COLUMNS {
    const float a = IN(1) + IN(2), b = IN(1) - IN(2);
    const float c = IN(3) + IN(4), d = 2 * (IN(3) - IN(4));
    OUT(0) = 4 * IN(0);
    OUT(1) = 4 * (IN(5) - b) - d;
    OUT(2) = -5 * IN(0) - 4 * a - c;
    OUT(3) = b + d - 5 * IN(5);
    OUT(4) = IN(0) + a + c;
    OUT(5) = IN(5);
  }
}

TRANSFORM(plane_to_tile) {  // A'
  COLUMNS {
    const float a = IN(1) + IN(2), b = IN(1) - IN(2);
    const float c = IN(3) + IN(4), d = IN(3) - IN(4);
    OUT(0) = IN(0) + a + c;
    OUT(1) = b + 2 * d;
    OUT(2) = a + 4 * c;
    OUT(3) = b + 8 * d + IN(5);
  }
}

TRANSFORM(tile_to_plane) {  // A
  COLUMNS {
    const float a = IN(0) + IN(2), b = IN(1) + IN(3);
    const float c = IN(0) + 4 * IN(2), d = 2 * IN(1) + 8 * IN(3);
    OUT(0) = IN(0);
    OUT(1) = a + b;
    OUT(2) = a - b;
    OUT(3) = c + d;
    OUT(4) = c - d;
    OUT(5) = IN(3);
  }
}

TRANSFORM(weight_to_plane) {  // G
  COLUMNS {
    const float a = (IN(0) + IN(2)) * (1.0F / 6), b = IN(1) * (1.0F / 6);
    const float c = IN(0) * (1.0F / 24) + IN(2) * (1.0F / 6);
    const float d = IN(1) * (1.0F / 12);
    OUT(0) = IN(0) * 0.25F;
    OUT(1) = -a - b;
    OUT(2) = b - a;
    OUT(3) = c + d;
    OUT(4) = c - d;
    OUT(5) = IN(2);
  }
}

TRANSFORM(plane_to_weight) {  // G'
  COLUMNS {
    const float a = IN(1) + IN(2), b = IN(2) - IN(1);
    const float c = IN(3) + IN(4), d = IN(3) - IN(4);
    OUT(0) = IN(0) * 0.25F - a * (1.0F / 6) + c * (1.0F / 24);
    OUT(1) = b * (1.0F / 6) + d * (1.0F / 12);
    OUT(2) = (c - a) * (1.0F / 6) + IN(5);
  }
}

int64_t orr_winograd_plane(int64_t floats) {
  return ceil_div(floats, 1024) * 1024 + 16;
}

void orr_winograd_transform(orr_winograd_matrix which, int64_t n,
                            const float *in, int64_t down, int64_t across,
                            float *out, int64_t to) {
  static const struct {
    line_fn *fn;
    int64_t from, to;
  } table[] = {
      [IMAGE_TO_PLANE] = {image_to_plane, 6, 6},
      [PLANE_TO_IMAGE] = {plane_to_image, 6, 6},
      [PLANE_TO_TILE] = {plane_to_tile, 6, 4},
      [TILE_TO_PLANE] = {tile_to_plane, 4, 6},
      [WEIGHT_TO_PLANE] = {weight_to_plane, 3, 6},
      [PLANE_TO_WEIGHT] = {plane_to_weight, 6, 3},
  };
  line_fn *fn = table[which].fn;
  const int64_t m = table[which].from, r = table[which].to;
  float half[PLANES * STRIP];
  for (int64_t j = 0; j < m; j++)
    fn(n, in + j * across, down, half + j * STRIP, m * STRIP);
  for (int64_t i = 0; i < r; i++)
    fn(n, half + i * m * STRIP, STRIP, out + i * r * to, to);
}

// ------------------------------------------------------------ tiles

tiles orr_winograd_cut(int64_t n, int64_t h, int64_t w) {
  const int64_t down = ceil_div(h, 4), across = ceil_div(w, 4);
  return (tiles){down, across, n * down * across};
}

// One row of `taps` elements of each of `run` neighbours, from column x0 on
// of a row of w; elements j of the neighbours go to line j.
ORR_CLONES static void take_row(const float *row, int64_t w, int64_t x0,
                                int64_t taps, int64_t run, float *restrict to) {
  int64_t t = 0, inside = w - x0 - taps >= 0 ? (w - x0 - taps) / 4 + 1 : 0;
  inside = min64(inside, run);
  for (; t < run; t++) {
    const int64_t x = x0 + 4 * t;
    if (x >= 0 && t < inside) {
      const float *restrict from = row + x;
      const int64_t n = inside - t;
      for (int64_t i = 0; i < n; i++) {
        to[t + i] = from[4 * i];
        to[t + i + STRIP] = from[4 * i + 1];
        to[t + i + 2 * STRIP] = from[4 * i + 2];
        to[t + i + 3 * STRIP] = from[4 * i + 3];
      }
      for (int64_t j = 4; j < taps; j++)
        for (int64_t i = 0; i < n; i++) to[t + i + j * STRIP] = from[4 * i + j];
      t = inside - 1;
      continue;
    }
    for (int64_t j = 0; j < taps; j++)
      to[t + j * STRIP] = x + j >= 0 && x + j < w ? row[x + j] : 0;
  }
}

void orr_winograd_take(const tiles *s, const float *x, int64_t image, int64_t h,
                       int64_t w, int64_t ph, int64_t pw, int64_t taps,
                       int64_t first, int64_t last, float *to) {
  for (int64_t run, t = first; t < last; t += run, to += run) {
    const int64_t tx = t % s->across, ty = t / s->across % s->down;
    const float *from = x + t / s->across / s->down * image;
    run = min64(s->across - tx, last - t);
    for (int64_t i = 0; i < taps; i++) {
      const int64_t iy = 4 * ty + i - ph;
      float *line = to + i * taps * STRIP;
      if (iy >= 0 && iy < h)
        take_row(from + iy * w, w, 4 * tx - pw, taps, run, line);
      else
        for (int64_t j = 0; j < taps; j++)
          for (int64_t k = 0; k < run; k++) line[j * STRIP + k] = 0;
    }
  }
}

ORR_CLONES static void give_row(const float *restrict from, float bias,
                                int64_t run, int64_t room,
                                float *restrict row) {
  const int64_t full = min64(run, room / 4);
  for (int64_t i = 0; i < full; i++) {
    row[4 * i] = from[i] + bias;
    row[4 * i + 1] = from[i + STRIP] + bias;
    row[4 * i + 2] = from[i + 2 * STRIP] + bias;
    row[4 * i + 3] = from[i + 3 * STRIP] + bias;
  }
  if (full < run)
    for (int64_t j = 0; 4 * full + j < room; j++)
      row[4 * full + j] = from[full + j * STRIP] + bias;
}

void orr_winograd_give(const tiles *s, const float *from, float bias,
                       int64_t image, int64_t h, int64_t w, int64_t first,
                       int64_t last, float *y) {
  for (int64_t run, t = first; t < last; t += run, from += run) {
    const int64_t tx = t % s->across, ty = t / s->across % s->down;
    float *to = y + t / s->across / s->down * image + 4 * (ty * w + tx);
    run = min64(s->across - tx, last - t);
    for (int64_t i = 0; i < 4 && 4 * ty + i < h; i++)
      give_row(from + 4 * i * STRIP, bias, run, w - 4 * tx, to + i * w);
  }
}

// Adds elements j of `run` neighbours, the first at column x0 of a row of w.
ORR_CLONES static void add_row(const float *restrict from, int64_t w,
                               int64_t x0, int64_t run, float *restrict row) {
  for (int64_t j = 0; j < 6; j++, x0++, from += STRIP) {
    const int64_t lo = x0 < 0 ? ceil_div(-x0, 4) : 0;
    const int64_t hi = w > x0 ? min64(run, ceil_div(w - x0, 4)) : 0;
    for (int64_t t = lo; t < hi; t++) row[x0 + 4 * t] += from[t];
  }
}

void orr_winograd_add(const tiles *s, const float *from, int64_t image,
                      int64_t h, int64_t w, int64_t ph, int64_t pw,
                      int64_t first, int64_t last, float *x) {
  for (int64_t run, t = first; t < last; t += run, from += run) {
    const int64_t tx = t % s->across, ty = t / s->across % s->down;
    float *to = x + t / s->across / s->down * image;
    run = min64(s->across - tx, last - t);
    for (int64_t i = 0; i < 6; i++) {
      const int64_t iy = 4 * ty + i - ph;
      if (iy >= 0 && iy < h)
        add_row(from + 6 * i * STRIP, w, 4 * tx - pw, run, to + iy * w);
    }
  }
}
