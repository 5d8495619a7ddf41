// far.h -- elementwise results that are too large for the caches.
#ifndef ORR_FAR_H
#define ORR_FAR_H
#include "iterate.h"

// Whether n elements of the row are more than the caches hold, and the result
// lies over none of its operands.
bool orr_is_far(const orr_row *row, int64_t n);

// Elements worth a chunk there: what was sent must have arrived at its end.
#define ORR_GRAIN_FAR 65536

// Runs the loop over n elements, the operands from p on, to the same bits as
// if it were called once.
void orr_run_far(const orr_row *row, char *const *p, int64_t n, orr_loop *loop,
                 const double *attr);

#endif
