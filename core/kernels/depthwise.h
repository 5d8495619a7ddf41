// depthwise.h -- convolutions of each channel by a kernel of its own, read
// directly: float32 only, any stride and dilation.
#ifndef ORR_DEPTHWISE_H
#define ORR_DEPTHWISE_H
#include "conv.h"

// Whether a group is one channel on both sides, and orr_implicit_fits.
bool orr_depthwise_fits(const orr_conv *g);

// As in conv.h. False: no memory. An element is one chain of additions per
// lane: ORR_IMPLICIT_ERROR holds here too.
bool orr_depthwise_y(const orr_conv *g, const float *x, const float *weight,
                     const float *bias, float *y);
bool orr_depthwise_x(const orr_conv *g, const float *y, const float *weight,
                     const float *bias, float *x);
bool orr_depthwise_w(const orr_conv *g, const float *x, const float *y,
                     float *weight);

#endif
