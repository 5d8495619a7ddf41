// implicit.h -- convolutions by register tiles, without a column matrix:
// float32 only, any stride, dilation and number of groups.
#ifndef ORR_IMPLICIT_H
#define ORR_IMPLICIT_H
#include "conv.h"

// An element that sums N products a b, |a| <= A and |b| <= B, is off by at most
// this times A B N when their signs are random, times A B N sqrt(N) when they
// are alike: every sum is one chain of additions. Measured: 0.7 and 0.1 of it.
#define ORR_IMPLICIT_ERROR 1e-7

// Whether the sizes allow it: kernels of at most 16 x 16, strides of 4.
bool orr_implicit_fits(const orr_conv *g);

// As in conv.h. False: no memory.
bool orr_implicit_y(const orr_conv *g, const float *x, const float *weight,
                    const float *bias, float *y);
bool orr_implicit_x(const orr_conv *g, const float *y, const float *weight,
                    const float *bias, float *x);
bool orr_implicit_w(const orr_conv *g, const float *x, const float *y,
                    float *weight);

#endif
