// random.c -- Philox 4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel
// random numbers: as easy as 1, 2, 3") and its streams.
#include "random.h"

static inline void round_philox(uint32_t x[4], uint32_t k0, uint32_t k1) {
  const uint64_t p0 = (uint64_t)0xD2511F53u * x[0];
  const uint64_t p1 = (uint64_t)0xCD9E8D57u * x[2];
  const uint32_t y[4] = {(uint32_t)(p1 >> 32) ^ x[1] ^ k0, (uint32_t)p1,
                         (uint32_t)(p0 >> 32) ^ x[3] ^ k1, (uint32_t)p0};
  for (int i = 0; i < 4; i++) x[i] = y[i];
}

void orr_philox_block(const uint32_t key[2], const uint32_t counter[4],
                      uint32_t out[4]) {
  uint32_t k0 = key[0], k1 = key[1];
  for (int i = 0; i < 4; i++) out[i] = counter[i];
  for (int i = 0; i < 10; i++) {
    round_philox(out, k0, k1);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

void orr_philox(uint64_t seed, uint64_t counter, uint32_t out[4]) {
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  const uint32_t c[4] = {(uint32_t)counter, (uint32_t)(counter >> 32), 0, 0};
  orr_philox_block(key, c, out);
}

uint64_t orr_stream_reserve(orr_stream *s, uint64_t blocks) {
  const uint64_t first = s->counter;
  s->counter += blocks;
  return first;
}

orr_stream *orr_stream_new(uint64_t seed) {
  orr_stream *s = orr_alloc(sizeof *s);
  if (s) *s = (orr_stream){.refs = 1, .seed = seed};
  return s;
}

orr_stream *orr_stream_retain(orr_stream *s) {
  if (s) s->refs++;
  return s;
}

void orr_stream_release(orr_stream *s) {
  if (s && --s->refs == 0) orr_free(s, sizeof *s);
}

orr_stream *orr_stream_default(void) {
  static orr_stream s = {.refs = 1};
  return &s;
}

void orr_stream_seed(orr_stream *s, uint64_t seed) {
  orr_stream_set(s, seed, 0);
}

void orr_stream_get(const orr_stream *s, uint64_t *seed, uint64_t *counter) {
  *seed = s->seed;
  *counter = s->counter;
}

void orr_stream_set(orr_stream *s, uint64_t seed, uint64_t counter) {
  s->seed = seed;
  s->counter = counter;
}
