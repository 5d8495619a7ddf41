// slots.h -- scratch for the chunks of one orr_parallel call.
//
// A chunk borrows a slot for as long as it runs, so there are as many slots as
// threads however many chunks there are, and they stay warm in the cache.
#ifndef ORR_SLOTS_H
#define ORR_SLOTS_H
#include <stdatomic.h>

#include "../orrery.h"

typedef struct orr_slots {
  char *block;
  size_t each, bytes;
  int n;
  atomic_uint_fast64_t taken;  // bit i: slot i is lent
} orr_slots;

// On the main thread, around the orr_parallel call. False: no memory.
bool orr_slots_open(orr_slots *s, size_t each, int64_t chunks);
void orr_slots_close(orr_slots *s);
// Inside a chunk.
void *orr_slot_take(orr_slots *s);
void orr_slot_give(orr_slots *s, void *slot);

#endif
