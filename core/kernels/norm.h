// norm.h -- batch normalisation over raw pointers.
#ifndef ORR_NORM_H
#define ORR_NORM_H
#include "../orrery.h"

// x is [n, channels, pixels]; mean, var (biased) and the sums are [channels].
typedef struct orr_norm {
  int64_t n, channels, pixels;
  double eps;
} orr_norm;

// y = (x - mean) / sqrt(var + eps) * weight + bias; weight, bias may be NULL.
void orr_batch_norm(orr_dtype d, const orr_norm *g, const void *x,
                    const void *weight, const void *bias, void *y, void *mean,
                    void *var);
// Gradients for cotangent gy, with h = (x - mean) / sqrt(var + eps):
//   gweight = sum gy h,   gbias = sum gy,
//   gx = weight / sqrt(var + eps) (gy - gbias / m - h gweight / m),
// where m = n * pixels.
void orr_batch_norm_dx(orr_dtype d, const orr_norm *g, const void *gy,
                       const void *x, const void *weight, void *gx,
                       void *gweight, void *gbias);

#endif
