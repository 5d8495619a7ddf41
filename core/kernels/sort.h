// sort.h -- sorting along one axis of a contiguous array.
#ifndef ORR_SORT_H
#define ORR_SORT_H
#include "rows.h"

// Of each row sorted, the elements first .. first + keep - 1 go to value and
// their positions (from 1) to index, both [outer, keep, inner]; either may be
// NULL. Equal elements keep their order; NaN counts as largest.
typedef struct orr_sorting {
  orr_rows rows;
  bool descending;
  bool nan_wins;  // keep = 1: a row with a NaN gives its first one
  int64_t first, keep;
  const void *x;
  void *value;
  int64_t *index;
} orr_sorting;
bool orr_sort_rows(const orr_sorting *s);  // false: no memory

#endif
