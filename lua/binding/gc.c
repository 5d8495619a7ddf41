// gc.c -- the one place that decides when tensor bytes make Lua collect.
//
// Lua sees a 24-byte userdata where the core holds megabytes. What is told to
// LUA_GCSTEP is ignored in generational mode once tensors turned old, so the
// rule is ours and the same in both modes: a full collection when the live
// bytes pass twice what the last one left, at least FLOOR. A full pass is
// then paid for by as many bytes as it looks at.
#include "binding.h"

enum { FLOOR = 24 << 20 };

static size_t threshold = FLOOR;
static bool collecting;

void orr_collect(lua_State *L) {
  size_t live = orr_memory_stats().live_bytes;
  if (live <= threshold || collecting) return;
  // A stopped collector: the user's wish, or this is called by a finalizer.
  if (!lua_gc(L, LUA_GCISRUNNING)) return;
  collecting = true;
  lua_gc(L, LUA_GCCOLLECT);
  collecting = false;
  live = orr_memory_stats().live_bytes;
  threshold = live < FLOOR / 2 ? FLOOR : 2 * live;
}
