// row_norm.h -- rows standardised, then scaled and shifted by position: layer
// and group normalisation over raw pointers.
#ifndef ORR_ROW_NORM_H
#define ORR_ROW_NORM_H
#include "../orrery.h"

// x is [n, groups, parts, pixels]; its n * groups rows, of parts * pixels
// values, are standardised. weight and bias are [groups, parts].
typedef struct orr_row_norm_shape {
  int64_t n, groups, parts, pixels;
  double eps;
} orr_row_norm_shape;

// y = h weight + bias with h = (x - mean) / sqrt(var + eps) of each row;
// weight and bias may be NULL. False: no memory.
bool orr_row_norm(orr_dtype d, const orr_row_norm_shape *s, const void *x,
                  const void *weight, const void *bias, void *y);
// Gradients for cotangent gy, with u = gy weight and averages over a row:
//   gx = (u - avg(u) - h avg(u h)) / sqrt(var + eps),
//   gweight = sum gy h,   gbias = sum gy, over n and pixels.
bool orr_row_norm_dx(orr_dtype d, const orr_row_norm_shape *s, const void *gy,
                     const void *x, const void *weight, void *gx, void *gweight,
                     void *gbias);

#endif
