// reduction.h -- what the ops that reduce axes share.
#ifndef ORR_REDUCTION_H
#define ORR_REDUCTION_H
#include "../kernels/reduce.h"
#include "op.h"

// The axes take 9 slots, keepdim the next. They come first but for an option
// before them (norm's p).
#define ORR_REDUCE_PARAMS                                               \
  {"axis", ORR_AXES, .doc = "axis or list of axes; all when absent"}, { \
    "keepdim", ORR_BOOL, .doc = "keep the reduced axes, with size 1"    \
  }
#define ORR_KEEPDIM 9
static inline int orr_axes_slot(const orr_op *op) {
  return op->params[1].kind == ORR_AXES ? 0 : 1;
}

// Elements of x that meet in one output; attr as shape() left it.
int64_t orr_reduced_count(const orr_op *op, const orr_tensor *x,
                          const double *attr);
// Resolves the axes and declares output i without them (or with size 1).
bool orr_out_reduced(orr_call *c, int i, orr_dtype d);
// For amax and the like, which have no value for nothing.
bool orr_want_elements(orr_call *c);

// Another reduction along the axes of v, keeping them with size 1.
orr_tensor *orr_reduce_alike(const orr_vjp *v, const orr_op *op, orr_tensor *t);
// t, shaped like the reduced x, with size 1 at the axes it lost.
orr_tensor *orr_unreduced(const orr_vjp *v, orr_tensor *t);
// a / y, 0 where y is 0 (so are its derivatives).
orr_tensor *orr_div_or_zero(orr_tensor *a, orr_tensor *y);

// Accumulators over x, one per element of y[0]; NULL for lack of memory.
// Freed by orr_store_folded, or with orr_free and orr_folded_bytes.
orr_acc *orr_fold(const orr_call *c, orr_reduction what, const double *center);
size_t orr_folded_bytes(const orr_call *c);
bool orr_store_folded(orr_call *c, orr_acc *acc, double scale);

#endif
