// resample.c -- pictures of another size. A pixel of the result is a weighted
// mean of what lies under it: first down the columns, then along the rows.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pictures.h"

#define MOST_BYTES ((double)(1 << 30))

// For each pixel of the result: where its window begins, and its weights.
typedef struct taps {
  int64_t *first;
  int *count;
  float *weight;  // `most` of each
  int most;
} taps;

static double cubic(double x) {
  const double a = -0.5;
  x = fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

static double sinc(double x) {
  const double t = x * 3.14159265358979323846;
  return x == 0 ? 1 : sin(t) / t;
}

static double lanczos(double x) {
  return fabs(x) < 3 ? sinc(x) * sinc(x / 3) : 0;
}

static double weight_at(orr_filter filter, double x) {
  switch (filter) {
  case ORR_BILINEAR:
    return fabs(x) < 1 ? 1 - fabs(x) : 0;
  case ORR_BICUBIC:
    return cubic(x);
  default:
    return lanczos(x);
  }
}

static double radius(orr_filter filter) {
  static const double r[ORR_FILTERS] = {0.5, 0.5, 1, 2, 3};
  return r[filter];
}

// Of pixel k of n, where the source has `size`.
static int tap(orr_filter filter, int64_t size, int64_t n, int64_t k,
               int64_t *first, float *weight) {
  const double scale = (double)size / (double)n;
  const double wide = scale > 1 ? scale : 1;
  const double centre = ((double)k + 0.5) * scale;
  if (filter == ORR_NEAREST) {
    const int64_t at = (int64_t)centre;
    *first = at < size ? at : size - 1;
    weight[0] = 1;
    return 1;
  }
  // The mean covers [k scale, (k + 1) scale), however short that is.
  const double half = filter == ORR_AREA ? scale / 2 : radius(filter) * wide;
  double low = centre - half, high = centre + half;
  int64_t begin = (int64_t)floor(low), end = (int64_t)ceil(high);
  if (begin < 0) begin = 0;
  if (end > size) end = size;
  double sum = 0;
  for (int64_t i = begin; i < end; i++) {
    double w;
    if (filter == ORR_AREA)
      w = fmin((double)i + 1, high) - fmax((double)i, low);
    else
      w = weight_at(filter, ((double)i + 0.5 - centre) / wide);
    if (filter == ORR_AREA && w < 0) w = 0;
    weight[i - begin] = (float)w;
    sum += w;
  }
  for (int64_t i = begin; i < end; i++)
    weight[i - begin] = (float)(weight[i - begin] / sum);
  *first = begin;
  return (int)(end - begin);
}

static void drop(taps *t) {
  free(t->first);
  free(t->count);
  free(t->weight);
}

// Of pixels from..from + count of the n that `size` becomes.
static bool make(taps *t, orr_filter filter, int64_t size, int64_t n,
                 int64_t from, int64_t count) {
  const double scale = (double)size / (double)n;
  const size_t c = (size_t)count;
  const double most = 2 * ceil(radius(filter) * (scale > 1 ? scale : 1)) + 2;
  // A picture of one row and a thousand million columns, made small.
  if (most * (double)count * sizeof *t->weight > MOST_BYTES) return false;
  t->most = (int)most;
  t->first = malloc(c * sizeof *t->first);
  t->count = malloc(c * sizeof *t->count);
  t->weight = malloc(c * (size_t)t->most * sizeof *t->weight);
  if (!t->first || !t->count || !t->weight) {
    drop(t);
    return false;
  }
  for (int64_t k = 0; k < count; k++)
    t->count[k] =
        tap(filter, size, n, from + k, &t->first[k], t->weight + k * t->most);
  return true;
}

// One row of the result's height, `bytes` wide, from the rows under it.
static void down(const orr_window *from, const taps *t, int64_t k, size_t skip,
                 size_t bytes, float *row) {
  memset(row, 0, bytes * sizeof *row);
  for (int i = 0; i < t->count[k]; i++) {
    const uint8_t *p =
        from->at + (size_t)(t->first[k] + i) * from->pitch + skip;
    const float w = t->weight[k * t->most + i];
    for (size_t j = 0; j < bytes; j++) row[j] += w * (float)p[j];
  }
}

static float in_range(float v) { return v < 0 ? 0 : v > 255 ? 255 : v; }

// One row of the result from a row of all the source's columns, planar.
static void along(const float *row, const taps *t, int64_t begin, int64_t width,
                  int channels, int64_t plane, float *to) {
  for (int64_t x = 0; x < width; x++) {
    const float *p = row + (t->first[x] - begin) * channels;
    const float *w = t->weight + x * t->most;
    const int n = t->count[x];
    float sum[3] = {0};
    if (channels == 3) {
      for (int i = 0; i < n; i++)
        for (int c = 0; c < 3; c++) sum[c] += w[i] * p[3 * i + c];
    } else {
      for (int i = 0; i < n; i++) sum[0] += w[i] * p[i];
    }
    for (int c = 0; c < channels; c++) to[c * plane + x] = in_range(sum[c]);
  }
}

static void copied(const orr_window *from, int64_t y, int64_t x, int64_t height,
                   int64_t width, float *to) {
  for (int64_t i = 0; i < height; i++) {
    const uint8_t *p = from->at + (size_t)(y + i) * from->pitch +
        (size_t)x * (size_t)from->channels;
    for (int c = 0; c < from->channels; c++)
      for (int64_t j = 0; j < width; j++)
        to[(c * height + i) * width + j] = (float)p[j * from->channels + c];
  }
}

bool orr_resample(const orr_window *from, int64_t h, int64_t w, int64_t y,
                  int64_t x, int64_t height, int64_t width, orr_filter filter,
                  float *to) {
  if (h == from->height && w == from->width) {
    copied(from, y, x, height, width, to);
    return true;
  }
  taps rows, columns;
  if (!make(&rows, filter, from->height, h, y, height)) return false;
  if (!make(&columns, filter, from->width, w, x, width)) {
    drop(&rows);
    return false;
  }
  // Only the columns that what is cut out rests on.
  const int64_t begin = columns.first[0];
  const int64_t end = columns.first[width - 1] + columns.count[width - 1];
  const size_t c = (size_t)from->channels;
  const size_t bytes = (size_t)(end - begin) * c;
  float *row = malloc(bytes * sizeof *row);
  for (int64_t k = 0; row && k < height; k++) {
    down(from, &rows, k, (size_t)begin * c, bytes, row);
    along(row, &columns, begin, width, from->channels, height * width,
          to + k * width);
  }
  const bool ok = row != NULL;
  free(row);
  drop(&rows);
  drop(&columns);
  return ok;
}
