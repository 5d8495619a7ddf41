// arena.c -- the memory that recorded steps work in. They share one block: only
// one runs at a time, and what it holds is dead between two runs.
#include "program.h"

static char *block;
static size_t block_bytes, users;

void orr_arena_join(void) { users++; }

static void give_back(void) {
  if (block) orr_free(block, block_bytes);
  block = NULL;
  block_bytes = 0;
}

void orr_arena_leave(void) {
  if (--users == 0) give_back();
}

// What earlier work left in the allocator's cache is not needed beside it.
char *orr_arena_get(size_t bytes) {
  if (bytes <= block_bytes) return block;
  give_back();
  orr_memory_trim();
  block = orr_alloc(bytes);
  block_bytes = block ? bytes : 0;
  return block;
}
