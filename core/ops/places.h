// places.h -- the elements of x that positions along one axis mean, the other
// positions being the index tensor's own: for gather, scatter and their like.
#ifndef ORR_PLACES_H
#define ORR_PLACES_H
#include "op.h"

// Has index as many axes as x, none longer but that one?
bool orr_want_along(orr_call *c, const orr_tensor *x, const orr_tensor *index,
                    int axis);
// Does index hold positions of that axis, from 1?
bool orr_want_positions(orr_call *c, const orr_tensor *x,
                        const orr_tensor *index, int axis);

// Calls for each element of index the place in x it means.
typedef void orr_place_fn(void *context, int64_t at_index, int64_t at_x);
void orr_each_place(const orr_tensor *x, const orr_tensor *index, int axis,
                    orr_place_fn *fn, void *context);

#endif
