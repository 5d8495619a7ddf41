// gc.c -- the one place that decides when tensors make Lua collect.
//
// Lua sees a 24-byte userdata where the core holds kilobytes or megabytes.
// What is told to LUA_GCSTEP is ignored in generational mode once tensors
// turned old, so the rules are ours and the same in both modes. A full
// collection costs by the size of Lua's own heap, some 0.15 ms per MB, and
// comes, for each MB of it,
// - when the live bytes grew by GROWTH since the last: that much takes some
//   1 ms to make, and dead blocks that are few enough to lie in the cache are
//   the next ones while they are warm (relu of 64K numbers takes 0.2 ns each,
//   with twice the growth 0.9). Where the last one freed little, as while a
//   forward pass keeps what it made, twice as much may come;
// - when many tensors were made since: dead small ones then never fill more
//   than the second-level cache, and the next ones take their places while
//   these are warm. An op on 16 numbers takes half the time it took with the
//   first rule alone.
#include "binding.h"

enum { GROWTH = 4 << 20, MANY = 1500, MOST_MB = 1024 };

static size_t threshold = GROWTH, growth = GROWTH;
static int made, many = MANY;
static bool collecting;

void orr_collect(lua_State *L) {
  const size_t before = orr_memory_stats().live_bytes;
  if (++made < many && before <= threshold) return;
  // A stopped collector: the user's wish, or this is called by a finalizer.
  if (collecting || !lua_gc(L, LUA_GCISRUNNING)) return;
  collecting = true;
  lua_gc(L, LUA_GCCOLLECT);
  collecting = false;
  const int heap = lua_gc(L, LUA_GCCOUNT) / 1024;
  const int mb = heap < 1 ? 1 : heap < MOST_MB ? heap : MOST_MB;
  const size_t after = orr_memory_stats().live_bytes;
  growth = after + growth / 2 > before ? 2 * GROWTH : GROWTH;
  threshold = after + growth * (size_t)mb;
  many = MANY * mb;
  made = 0;
}
