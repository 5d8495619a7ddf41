// random.h -- arrays of random numbers. Element i depends on the seed, the
// first counter and i alone.
#ifndef ORR_KERNELS_RANDOM_H
#define ORR_KERNELS_RANDOM_H
#include "../base/random.h"

typedef enum {
  ORR_DRAW_UNIFORM,      // a <= y < b
  ORR_DRAW_NORMAL,       // mean a, standard deviation b
  ORR_DRAW_EXPONENTIAL,  // rate a; never 0
  ORR_DRAW_GUMBEL,       // location a, scale b
  ORR_DRAW_BERNOULLI,    // 1 with probability p[i]
  ORR_DRAW_INTEGER       // whole numbers a <= y <= b
} orr_draw;

typedef struct orr_drawing {
  orr_draw what;
  orr_dtype dtype;
  uint64_t seed, counter;
  double a, b;
  const void *p;  // of the same dtype
  void *y;
} orr_drawing;

// Blocks that n elements use up.
uint64_t orr_draw_blocks(orr_draw what, orr_dtype d, int64_t n);
void orr_draw_fill(const orr_drawing *d, int64_t n);

// Number i of a run of 64-bit numbers, two from each block.
uint64_t orr_draw_word(uint64_t seed, uint64_t counter, int64_t i);
// A number in 0 .. n - 1 out of 64 random bits; off from evenness by less
// than n / 2^64.
uint64_t orr_draw_below(uint64_t word, uint64_t n);
// In [0, 1), 53 bits; and in (0, 1).
double orr_draw_unit(uint64_t word);
double orr_draw_open(uint64_t word);

#endif
