// pad.h -- padding (and cropping) along every axis, over raw pointers.
#ifndef ORR_PAD_H
#define ORR_PAD_H
#include "../orrery.h"

typedef enum {
  ORR_PAD_CONSTANT,
  ORR_PAD_REFLECT,
  ORR_PAD_REPLICATE,
  ORR_PAD_CIRCULAR
} orr_pad_mode;

typedef struct orr_pad {
  orr_pad_mode mode;
  int rank;
  int64_t from[ORR_MAX_RANK], to[ORR_MAX_RANK];  // sizes before and after
  int64_t before[ORR_MAX_RANK];  // elements added in front; negative: removed
} orr_pad;

// y[o] = x[source(o)], or the element at `fill` where there is no source
// (constant mode only). False: no memory.
bool orr_pad_run(orr_dtype d, const orr_pad *p, const void *x, const void *fill,
                 void *y);
// The adjoint, for float types: x[source(o)] += y[o].
bool orr_pad_dx(orr_dtype d, const orr_pad *p, const void *y, void *x);

#endif
