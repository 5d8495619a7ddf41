// counts.h -- arithmetic of sizes.
#ifndef ORR_COUNTS_H
#define ORR_COUNTS_H
#include <stdint.h>

static inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
// How many of b it takes for a; both >= 0, b > 0.
static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
// n filled up to whole units.
static inline int64_t whole(int64_t n, int64_t unit) {
  return ceil_div(n, unit) * unit;
}

#endif
