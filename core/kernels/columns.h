// columns.h -- convolutions as products by a column matrix of shifted images:
// either element type, any geometry, and nothing to multiply at all.
#ifndef ORR_COLUMNS_H
#define ORR_COLUMNS_H
#include "conv.h"

// Errors are bounded as in implicit.h.

// Whether the column matrix would be a copy of the image itself.
bool orr_is_product(const orr_conv *g);

// As in conv.h. by_y, at stride 1 only: the columns are y's, the trio being its
// own mirror image with x and y swapped and the kernel turned round.
bool orr_columns_y(orr_dtype d, const orr_conv *g, bool by_y, const void *x,
                   const void *weight, const void *bias, void *y);
bool orr_columns_x(orr_dtype d, const orr_conv *g, bool by_y, const void *y,
                   const void *weight, const void *bias, void *x);
bool orr_columns_w(orr_dtype d, const orr_conv *g, bool by_y, const void *x,
                   const void *y, void *weight);

#endif
