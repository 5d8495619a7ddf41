// reduce.h -- folding a contiguous array along any set of its axes.
//
// A reducer is one loop, rows(): it folds `rows` rows of `width` elements,
// `stride` apart, into `width` accumulators of 8 bytes (double or int64_t);
// and run(), the same for n elements in a row and one accumulator.
// Everything else (which rows, how many lanes, threads, the order in which
// partial results meet) is orr_reduce's and depends on the sizes alone.
#ifndef ORR_REDUCE_H
#define ORR_REDUCE_H
#include "../orrery.h"

typedef union orr_acc {
  double d;
  int64_t i;
} orr_acc;

typedef struct orr_reducer {
  orr_acc init;
  // center: one number per column, for sums of (x - center)^2 and the like.
  void (*rows)(const void *x, int64_t rows, int64_t width, int64_t stride,
               void *acc, const double *center);
  void (*run)(const void *x, int64_t n, void *acc, const double *center);
  void (*merge)(void *acc, const void *other, int64_t n);
} orr_reducer;

// Accumulators are double for float elements (but for ALL and ANY), int64_t
// otherwise.
typedef enum {
  ORR_RED_SUM,
  ORR_RED_MAX,  // NaN wins
  ORR_RED_MIN,
  ORR_RED_ALL,      // 1 while nothing is 0
  ORR_RED_ANY,      // 1 once something is not 0
  ORR_RED_SQUARE,   // sum of (x - center)^2; from here on for floats only
  ORR_RED_NONZERO,  // how many differ from 0
  ORR_RED_ABS,      // sum of |x|
  ORR_RED_MAX_ABS,  // max |x|
  ORR_RED_MIN_ABS,  // min |x|
  ORR_RED_POWER,    // sum of |x|^center
  ORR_RED_EXP,      // sum of exp(x - center)
  ORR_REDUCTIONS
} orr_reduction;
const orr_reducer *orr_reducer_of(orr_reduction what, orr_dtype d);

// Folds x (row-major) along the axes whose bit is set. acc gets one value per
// kept position, row-major. center: one per kept position, or NULL for 0.
// False only for lack of memory.
bool orr_reduce(const orr_reducer *red, orr_dtype d, const void *x, int rank,
                const int64_t *size, unsigned axes, const double *center,
                orr_acc *acc);

// y[i] = acc[i] (times scale when y is float) in y's type: double
// accumulators for a float y, int64_t for the others.
void orr_reduce_store(const orr_acc *acc, int64_t n, double scale, orr_dtype d,
                      void *y);

#endif
