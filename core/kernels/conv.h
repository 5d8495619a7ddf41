// conv.h -- the convolution trio over raw pointers, row-major NCHW.
//
// One geometry describes all three: y = conv(x, w), its adjoint in x and its
// adjoint in w. The results do not depend on the number of threads.
#ifndef ORR_CONV_H
#define ORR_CONV_H
#include "../orrery.h"

typedef struct orr_conv {
  int64_t n, c, h, w;  // x [n, c, h, w]
  int64_t k, oh, ow;   // y [n, k, oh, ow]
  int64_t kh, kw;      // weight [k, c / groups, kh, kw]
  int64_t groups;
  int64_t sh, sw, ph, pw, dh, dw;  // stride, padding, dilation
} orr_conv;

// Output size along an axis; <= 0 when the kernel does not fit.
int64_t orr_conv_size(int64_t size, int64_t kernel, int64_t stride,
                      int64_t padding, int64_t dilation);

// y = conv(x, weight) + bias[k]; bias may be NULL. False: no memory.
bool orr_conv_y(orr_dtype d, const orr_conv *g, const void *x,
                const void *weight, const void *bias, void *y);
// x = the adjoint of conv in its input, applied to y, + bias[c].
bool orr_conv_x(orr_dtype d, const orr_conv *g, const void *y,
                const void *weight, const void *bias, void *x);
// weight = the adjoint of conv in its weight: its gradient for cotangent y.
bool orr_conv_w(orr_dtype d, const orr_conv *g, const void *x, const void *y,
                void *weight);

#endif
