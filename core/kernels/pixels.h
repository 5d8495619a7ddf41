// pixels.h -- images with their channels side by side.
#ifndef ORR_PIXELS_H
#define ORR_PIXELS_H
#include <stdint.h>

// to[i][c] = from[c][i] of n pixels, channels `plane` apart, pixels `pixel`.
void orr_to_pixels(const float *from, int64_t plane, int64_t channels,
                   int64_t n, float *to, int64_t pixel);

#endif
