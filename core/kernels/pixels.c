// pixels.c -- see pixels.h: by squares of four.
#include "pixels.h"

typedef float four __attribute__((vector_size(16), aligned(4), may_alias));

// Row i of a square becomes its column i.
static inline __attribute__((always_inline)) void turn(const float *from,
                                                       int64_t row, four *v) {
  const four a0 = *(const four *)from, a1 = *(const four *)(from + row);
  const four a2 = *(const four *)(from + 2 * row);
  const four a3 = *(const four *)(from + 3 * row);
  const four b0 = __builtin_shufflevector(a0, a1, 0, 4, 1, 5);
  const four b1 = __builtin_shufflevector(a0, a1, 2, 6, 3, 7);
  const four b2 = __builtin_shufflevector(a2, a3, 0, 4, 1, 5);
  const four b3 = __builtin_shufflevector(a2, a3, 2, 6, 3, 7);
  v[0] = __builtin_shufflevector(b0, b2, 0, 1, 4, 5);
  v[1] = __builtin_shufflevector(b0, b2, 2, 3, 6, 7);
  v[2] = __builtin_shufflevector(b1, b3, 0, 1, 4, 5);
  v[3] = __builtin_shufflevector(b1, b3, 2, 3, 6, 7);
}

void orr_to_pixels(const float *from, int64_t plane, int64_t channels,
                   int64_t n, float *to, int64_t pixel) {
  int64_t c = 0;
  for (; c + 4 <= channels; c += 4, from += 4 * plane, to += 4) {
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
      four v[4];
      turn(from + i, plane, v);
      for (int64_t j = 0; j < 4; j++) *(four *)(to + (i + j) * pixel) = v[j];
    }
    for (; i < n; i++)
      for (int64_t j = 0; j < 4; j++) to[i * pixel + j] = from[j * plane + i];
  }
  for (; c < channels; c++, from += plane, to++)
    for (int64_t i = 0; i < n; i++) to[i * pixel] = from[i];
}

void orr_from_pixels(const float *from, int64_t pixel, int64_t channels,
                     int64_t n, const float *bias, float *to, int64_t plane) {
  int64_t c = 0;
  for (; c + 4 <= channels; c += 4, from += 4, to += 4 * plane) {
    const four b = bias ? *(const four *)(bias + c) : (four){0};
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
      four v[4];
      turn(from + i * pixel, pixel, v);
      for (int64_t j = 0; j < 4; j++)
        *(four *)(to + j * plane + i) = v[j] + b[j];
    }
    for (; i < n; i++)
      for (int64_t j = 0; j < 4; j++)
        to[j * plane + i] = from[i * pixel + j] + b[j];
  }
  for (; c < channels; c++, from++, to += plane)
    for (int64_t i = 0; i < n; i++)
      to[i] = from[i * pixel] + (bias ? bias[c] : 0);
}
