// made.h -- products with a weight of which only a staircase counts: element
// (r, c) where out_degree[r] >= in_degree[c], the masks of MADE.
//
// With rows and columns in order of degree a row's elements that count are
// its first ones, so nothing but the steps' edges is multiplied in vain.
#ifndef ORR_MADE_H
#define ORR_MADE_H
#include "../orrery.h"

typedef struct orr_made {
  int64_t n, in, out;         // rows of x; columns and rows of the weight
  const int64_t *in_degree;   // [in]
  const int64_t *out_degree;  // [out]
} orr_made;

// W is w with zeros where an element does not count. False: no memory.
// y [n, out] = x W' + bias (NULL: none)
bool orr_made_linear(orr_dtype d, const orr_made *m, const void *x,
                     const void *w, const void *bias, void *y);
// gx [n, in] = gy W
bool orr_made_linear_dx(orr_dtype d, const orr_made *m, const void *gy,
                        const void *w, void *gx);
// gw [out, in] = gy' x where an element counts, else 0
bool orr_made_linear_dw(orr_dtype d, const orr_made *m, const void *gy,
                        const void *x, void *gw);

#endif
