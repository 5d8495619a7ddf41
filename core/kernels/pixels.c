// pixels.c -- see pixels.h.
#include "pixels.h"

void orr_to_pixels(const float *from, int64_t plane, int64_t channels,
                   int64_t n, float *to, int64_t pixel) {
  typedef float four __attribute__((vector_size(16), aligned(4), may_alias));
  int64_t c = 0;
  for (; c + 4 <= channels; c += 4, from += 4 * plane, to += 4) {
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
      const four a0 = *(const four *)(from + i);
      const four a1 = *(const four *)(from + plane + i);
      const four a2 = *(const four *)(from + 2 * plane + i);
      const four a3 = *(const four *)(from + 3 * plane + i);
      const four b0 = __builtin_shufflevector(a0, a1, 0, 4, 1, 5);
      const four b1 = __builtin_shufflevector(a0, a1, 2, 6, 3, 7);
      const four b2 = __builtin_shufflevector(a2, a3, 0, 4, 1, 5);
      const four b3 = __builtin_shufflevector(a2, a3, 2, 6, 3, 7);
      float *at = to + i * pixel;
      *(four *)at = __builtin_shufflevector(b0, b2, 0, 1, 4, 5);
      *(four *)(at + pixel) = __builtin_shufflevector(b0, b2, 2, 3, 6, 7);
      *(four *)(at + 2 * pixel) = __builtin_shufflevector(b1, b3, 0, 1, 4, 5);
      *(four *)(at + 3 * pixel) = __builtin_shufflevector(b1, b3, 2, 3, 6, 7);
    }
    for (; i < n; i++)
      for (int64_t j = 0; j < 4; j++) to[i * pixel + j] = from[j * plane + i];
  }
  for (; c < channels; c++, from += plane, to++)
    for (int64_t i = 0; i < n; i++) to[i * pixel] = from[i];
}
