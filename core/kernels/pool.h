// pool.h -- pooling and nearest upsampling of planes, over raw pointers.
#ifndef ORR_POOL_H
#define ORR_POOL_H
#include "../orrery.h"

typedef struct orr_pool {
  int64_t planes, h, w, oh, ow;
  int64_t kh, kw, sh, sw, ph, pw, dh, dw;
  bool count_padding;  // averages: divide by the window's size, padding too
  int64_t divisor;     // or by this, when it is not 0
} orr_pool;

// Output size along an axis; < 1 when the window does not fit. With ceil the
// last window may stick out at the end, but it begins inside.
int64_t orr_pool_size(int64_t size, int64_t window, int64_t stride,
                      int64_t padding, int64_t dilation, bool ceil);

// Largest element of each window (NaN counts as largest) and its position in
// its plane, from 1; the first where there are ties. A window without
// elements gives -inf and position 0.
void orr_max_pool(orr_dtype d, const orr_pool *g, const void *x, void *y,
                  int64_t *position);
// x[position] += y per plane, and its adjoint; position 0 means nowhere.
void orr_unpool(orr_dtype d, const orr_pool *g, const void *y,
                const int64_t *position, void *x);
void orr_pool_at(orr_dtype d, const orr_pool *g, const void *x,
                 const int64_t *position, void *y);

void orr_avg_pool(orr_dtype d, const orr_pool *g, const void *x, void *y);
void orr_avg_pool_dx(orr_dtype d, const orr_pool *g, const void *y, void *x);

// y[oy][ox] = x[oy / kh][ox / kw], and its adjoint. No stride, no padding.
void orr_upsample(orr_dtype d, const orr_pool *g, const void *x, void *y);
void orr_upsample_dx(orr_dtype d, const orr_pool *g, const void *y, void *x);

#endif
