// gc.c -- the one place that decides when tensors make Lua collect.
//
// Lua sees a 24-byte userdata where the core holds kilobytes or megabytes.
// What is told to LUA_GCSTEP is ignored in generational mode once tensors
// turned old, so the rules are ours and the same in both modes. A full
// collection costs by the size of Lua's own heap, some 0.15 ms per MB, and
// comes
// - when the live bytes pass twice what the last one left, at least FLOOR: a
//   pass is then paid for by as many bytes as it looks at;
// - when many tensors were made since, MANY for each MB of Lua's heap: dead
//   small ones then never fill more than the second-level cache, and the
//   next ones take their places while these are warm. An op on 16 numbers
//   takes half the time it took with the first rule alone.
#include "binding.h"

enum { FLOOR = 24 << 20, MANY = 1500 };

static size_t threshold = FLOOR;
static int made, many = MANY;
static bool collecting;

void orr_collect(lua_State *L) {
  if (++made < many && orr_memory_stats().live_bytes <= threshold) return;
  // A stopped collector: the user's wish, or this is called by a finalizer.
  if (collecting || !lua_gc(L, LUA_GCISRUNNING)) return;
  collecting = true;
  lua_gc(L, LUA_GCCOLLECT);
  collecting = false;
  const size_t live = orr_memory_stats().live_bytes;
  threshold = live < FLOOR / 2 ? FLOOR : 2 * live;
  // Garbage must not be what the limit to memory is reached with.
  const size_t limit = orr_memory_limit(), middle = live / 2 + limit / 2;
  if (threshold > middle) threshold = middle;
  made = 0;
  const int heap_mb = lua_gc(L, LUA_GCCOUNT) / 1024;
  many = MANY * (heap_mb < 1 ? 1 : heap_mb < 10000 ? heap_mb : 10000);
}
