// losses.h -- what losses have in common: how the numbers of all elements
// become one.
#ifndef ORR_LOSSES_H
#define ORR_LOSSES_H
#include "op.h"

enum { MEAN, SUM, NONE, BATCHMEAN };
#define REDUCTION                                                             \
  {                                                                           \
    "reduction", ORR_CHOICE,                                                  \
        .choices = "mean|sum|none",                                           \
        .doc = "over all elements: their mean, their sum, or each on its own" \
  }

static inline orr_tensor *scaled(orr_tensor *x, double by) {
  return ORR(mul, x, orr_num(x, by));
}

static inline orr_tensor *reduced(orr_tensor *each, double reduction) {
  if (!each || reduction == NONE) return each;
  if (reduction == MEAN) return ORR(mean, each);
  orr_tensor *sum = ORR(sum, each);
  if (reduction == SUM) return sum;
  return scaled(sum, 1 / (double)(each->rank ? each->size[0] : 1));
}

#endif
