// winograd_tiles.c -- see winograd_tiles.h.
#include "winograd_tiles.h"

#include <string.h>

#include "counts.h"
#include "elementwise.h"
#include "micro.h"
#include "pixels.h"

enum {
  RUN = 16,               // tiles of a row that are taken at a time
  LANE = ORR_MICRO_LANE,  // what products read in
  TALL = ORR_MICRO_ROWS
};

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

void orr_winograd_transform(orr_winograd_matrix which, int64_t n, lines in,
                            lines out) {
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
    fn(n, in.at + j * in.across, in.down, half + j * STRIP, m * STRIP);
  for (int64_t i = 0; i < r; i++)
    fn(n, half + i * m * STRIP, STRIP, out.at + i * out.down, out.across);
}

// ------------------------------------------------------------ tiles

int64_t orr_winograd_plane(int64_t floats) { return whole(floats, 1024) + 16; }

tiles orr_winograd_cut(int64_t n, int64_t h, int64_t w) {
  const int64_t down = ceil_div(h, 4), across = ceil_div(w, 4);
  return (tiles){down, across, n * down, n * down * across};
}

int64_t orr_winograd_lay_out(factor *f, int64_t n) {
  f->line = whole(f->channels, LANE);
  f->plane = orr_winograd_plane(whole(n, TALL) * f->line);
  return PLANES * f->plane;
}

static int64_t runs_of(const tiles *s) { return ceil_div(s->across, RUN); }
static int64_t strips_of(const factor *f) {
  return ceil_div(f->channels, STRIP);
}

int64_t orr_winograd_chunks(const tiles *s, const factor *f, int64_t first,
                            int64_t last) {
  return (last - first) * runs_of(s) * strips_of(f);
}

int64_t orr_winograd_pixels(const tiles *s) {
  return 6 * (4 * min64(RUN, s->across) + 2) * STRIP;
}

// `wide` pixels of `taps` rows from (y, x) of an image on, zero outside.
static void take_pixels(const factor *f, const float *image, int64_t channels,
                        int64_t y, int64_t x, int64_t wide, float *to) {
  for (int64_t i = 0; i < f->taps; i++, y++, to += wide * STRIP) {
    const bool inside = y >= 0 && y < f->h;
    const int64_t lo = inside ? min64(max64(-x, 0), wide) : wide;
    const int64_t hi = inside ? max64(lo, min64(f->w - x, wide)) : wide;
    memset(to, 0, (size_t)(lo * STRIP) * sizeof(float));
    if (hi > lo)
      orr_to_pixels(image + y * f->w + x + lo, f->h * f->w, channels, hi - lo,
                    to + lo * STRIP, STRIP);
    memset(to + hi * STRIP, 0, (size_t)((wide - hi) * STRIP) * sizeof(float));
  }
}

void orr_winograd_take(const tiles *s, const factor *f, int64_t first,
                       int64_t chunk, float *pixels) {
  const int64_t strip = chunk % strips_of(f) * STRIP;
  const int64_t t = chunk / strips_of(f) % runs_of(s) * RUN;
  const int64_t row = chunk / strips_of(f) / runs_of(s);
  const int64_t channels = min64(STRIP, f->channels - strip);
  const int64_t n = min64(RUN, s->across - t), wide = 4 * (n - 1) + f->taps;
  const int64_t image = (first + row) / s->down;
  // Channels that are not there are multiplied as well.
  if (channels % LANE)
    memset(pixels, 0, (size_t)(f->taps * wide * STRIP) * sizeof(float));
  take_pixels(f, f->read + (image * f->channels + strip) * f->h * f->w,
              channels, 4 * ((first + row) % s->down) - f->ph, 4 * t - f->pw,
              wide, pixels);
  float *to = f->planes + (row * s->across + t) * f->line + strip;
  for (int64_t i = 0; i < n; i++, to += f->line)
    orr_winograd_transform(f->matrix, whole(channels, LANE),
                           (lines){pixels + 4 * i * STRIP, wide * STRIP, STRIP},
                           (lines){to, 6 * f->plane, f->plane});
}
