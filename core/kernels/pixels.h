// pixels.h -- images with their channels side by side, and back.
#ifndef ORR_PIXELS_H
#define ORR_PIXELS_H
#include <stdint.h>

// Of n pixels: to[i][c] = from[c][i], channels `plane` apart, pixels `pixel`.
void orr_to_pixels(const float *from, int64_t plane, int64_t channels,
                   int64_t n, float *to, int64_t pixel);
// to[c][i] = from[i][c] + bias[c]; bias may be NULL.
void orr_from_pixels(const float *from, int64_t pixel, int64_t channels,
                     int64_t n, const float *bias, float *to, int64_t plane);

#endif
