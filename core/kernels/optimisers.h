// optimisers.h -- one parameter's update over n contiguous elements. The
// formulas are PyTorch's.
#ifndef ORR_KERNELS_OPTIMISERS_H
#define ORR_KERNELS_OPTIMISERS_H
#include "../orrery.h"

// Buffers of one parameter: itself, its gradient, its state.
typedef struct orr_update {
  void *param;
  const void *grad;
  void *state[3];
} orr_update;

// c: constants of the step as the makers below write them.
typedef void orr_update_fn(const orr_update *u, int64_t begin, int64_t end,
                           const double *c);
#define ORR_UPDATE_CONSTANTS 8

// state[0]: velocity, absent without momentum.
orr_update_fn *orr_sgd_update(const orr_sgd *o, bool first, orr_dtype d);
void orr_sgd_constants(const orr_sgd *o, double *c);
// state: m, v.
orr_update_fn *orr_adam_update(const orr_adam *o, orr_dtype d);
void orr_adam_constants(const orr_adam *o, double *c);
// state: square, mean (when centered), velocity (with momentum).
orr_update_fn *orr_rmsprop_update(const orr_rmsprop *o, orr_dtype d);
void orr_rmsprop_constants(const orr_rmsprop *o, double *c);

// Sum of squares in double; x *= factor.
double orr_square_sum(orr_dtype d, const void *x, int64_t n);
void orr_scale(orr_dtype d, void *x, int64_t n, double factor);

#endif
