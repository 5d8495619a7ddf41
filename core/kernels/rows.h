// rows.h -- work along one axis of a contiguous array, seen as
// outer x n x inner with the axis in the middle.
#ifndef ORR_ROWS_H
#define ORR_ROWS_H
#include "../orrery.h"

typedef struct orr_rows {
  orr_dtype dtype;
  int64_t outer, n, inner;
} orr_rows;
// x's shape around an axis.
orr_rows orr_rows_of(const orr_tensor *x, int axis);

// y = softmax(x), or its logarithm. Floats only.
void orr_rows_softmax(const orr_rows *r, bool logarithm, const void *x,
                      void *y);
// Where the largest (or smallest) element of each row is, counted from 1: the
// first of equals, the first NaN if there is one. value: NULL or its copy.
void orr_rows_extreme(const orr_rows *r, bool largest, const void *x,
                      int64_t *index, void *value);
// Running sums from the first element, or from the last. Floats are summed
// in double.
void orr_rows_cumsum(const orr_rows *r, bool from_last, const void *x, void *y);
// The largest (or smallest) element so far and where it is, counted from 1:
// the last of equals; the last NaN once there is one.
void orr_rows_running(const orr_rows *r, bool largest, const void *x,
                      int64_t *index, void *value);
// y[o, i] = scale * x[o, index[o, i], i], indices counted from 1; 0 where the
// index is `skip`. False if one is out of range; *bad is then its position.
bool orr_rows_pick(const orr_rows *r, const void *x, const int64_t *index,
                   int64_t skip, double scale, void *y, int64_t *bad);
// The transpose: y is 0 but for y[o, index[o, i], i] = scale * x[o, i].
bool orr_rows_place(const orr_rows *r, const void *x, const int64_t *index,
                    int64_t skip, double scale, void *y, int64_t *bad);

#endif
