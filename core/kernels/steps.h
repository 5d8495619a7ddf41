// steps.h -- which positions of a sliding window fall inside an image.
#ifndef ORR_STEPS_H
#define ORR_STEPS_H
#include <stdint.h>

// The number of steps t = 0, 1 ... below limit with t * stride < distance: the
// first t that has come `distance` far. For positions t * stride + shift in
// [0, size), t runs from steps_to(-shift) to steps_to(size - shift).
static inline int64_t steps_to(int64_t distance, int64_t stride,
                               int64_t limit) {
  if (distance <= 0) return 0;
  const int64_t t = (distance + stride - 1) / stride;
  return t < limit ? t : limit;
}

#endif
