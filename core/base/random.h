// random.h -- Philox blocks for kernels.
#ifndef ORR_RANDOM_H
#define ORR_RANDOM_H
#include "../orrery.h"

struct orr_stream {
  int refs;
  uint64_t seed, counter;
};

// Takes `blocks` blocks of four 32-bit numbers; returns the first's counter.
uint64_t orr_stream_reserve(orr_stream *s, uint64_t blocks);
// Block number `counter` of the stream with this seed.
void orr_philox(uint64_t seed, uint64_t counter, uint32_t out[4]);
// The bare function, whole key and counter: for the published vectors.
void orr_philox_block(const uint32_t key[2], const uint32_t counter[4],
                      uint32_t out[4]);

#endif
