// winograd.h -- 3 x 3 convolutions at stride 1 by Winograd's F(4x4, 3x3):
// float32 only, a quarter of the multiplications, less exact.
#ifndef ORR_WINOGRAD_H
#define ORR_WINOGRAD_H
#include "conv.h"

// An element that sums N products a b, |a| <= A and |b| <= B, is off by at most
// this times A B sqrt(N) when their signs are random, and by a tenth of it
// times A B N when they are alike. Measured: 0.8e-5 and 0.5e-6; over all
// elements 1e-6 to 4e-6 of the result's norm, the direct way about a tenth.
#define ORR_WINOGRAD_ERROR 1.5e-5

// Whether the sizes allow it and it wins over column matrices; to_x: for the
// gradient of the image.
bool orr_winograd_fits(const orr_conv *g, bool to_x);

// The trio, as in conv.h. False: no memory.
bool orr_winograd_y(const orr_conv *g, const float *x, const float *weight,
                    const float *bias, float *y);
bool orr_winograd_x(const orr_conv *g, const float *y, const float *weight,
                    const float *bias, float *x);
bool orr_winograd_w(const orr_conv *g, const float *x, const float *y,
                    float *weight);

#endif
