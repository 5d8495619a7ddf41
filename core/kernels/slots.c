// slots.c -- lending scratch to chunks.
#include "slots.h"

bool orr_slots_open(orr_slots *s, size_t each, int64_t chunks) {
  const int64_t threads = orr_threads();
  int64_t n = chunks < threads ? chunks : threads;
  n = n < 1 ? 1 : n > 64 ? 64 : n;
  // Not a multiple of 4096: slots must not fight for the same cache sets.
  s->each = (each + 63) / 64 * 64 + 192;
  s->n = (int)n;
  s->bytes = s->each * (size_t)n;
  atomic_init(&s->taken, 0);
  s->block = orr_alloc(s->bytes);
  return s->block != NULL;
}

void orr_slots_close(orr_slots *s) {
  if (s->block) orr_free(s->block, s->bytes);
  s->block = NULL;
}

// There is a slot per thread, so one is free at the latest when another
// thread is between giving its slot back and ending its chunk.
void *orr_slot_take(orr_slots *s) {
  for (;;)
    for (int i = 0; i < s->n; i++) {
      const uint_fast64_t bit = (uint_fast64_t)1 << i;
      if (!(atomic_fetch_or_explicit(&s->taken, bit, memory_order_acquire) &
            bit))
        return s->block + s->each * (size_t)i;
    }
}

void orr_slot_give(orr_slots *s, void *slot) {
  const size_t i = (size_t)((char *)slot - s->block) / s->each;
  atomic_fetch_and_explicit(&s->taken, ~((uint_fast64_t)1 << i),
                            memory_order_release);
}
