// gc.c -- the one place that decides when tensors make Lua collect.
//
// Lua sees a 24-byte userdata where the core holds kilobytes or megabytes, so
// when to collect is decided here, by the tensors.
//
// A minor collection (generational mode, which lua and orrery run in) looks at
// what was made since the last: a microsecond, where a full one takes 0.15 ms
// for each MB of Lua's own heap. It comes
// - when YOUNG bytes were made since the last: what is dead then is the next
//   op's block while it is warm, as if it had been freed at once;
// - when MANY tensors were: dead small ones then never fill more than the
//   second-level cache.
// What lived through two of them is old, and only a full collection finds it
// dead. That comes when live bytes, or tensors, grew since the last by GROWTH,
// or MANY, for each MB of the heap, and takes no more than one part in SHARE
// of the time: elementwise work on large tensors is done in less time than
// one takes. By a quarter of what was live, at most MOST_GROWTH, they never grow.
// Where the last one freed little, as while a forward pass keeps what it made,
// twice GROWTH may come. A backward pass leaves the graph's tensors dead at
// once, so what was live after the last one is the measure there.
// In incremental mode a minor one is a step of a full one; the rest holds.
#include <time.h>

#include "binding.h"

enum {
  YOUNG = 1 << 20,
  GROWTH = 4 << 20,
  MOST_GROWTH = 64 << 20,
  MANY = 1500,
  MOST_MB = 1024,
  SHARE = 16,
};

// Live bytes that bring a minor collection, a full one when its time has come,
// a full one at once, and one after a backward pass.
static size_t young = YOUNG, soft = GROWTH, hard = GROWTH, graph = GROWTH;
static int64_t most_tensors = MANY;
static size_t growth = GROWTH;
static double next_full;  // not before
static int made;
static bool collecting;

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static void collect_all(lua_State *L, bool passed_graph) {
  const size_t before = orr_memory_stats().live_bytes;
  const double begin = seconds();
  lua_gc(L, LUA_GCCOLLECT);
  const double end = seconds();
  next_full = end + (SHARE - 1) * (end - begin);
  const int heap = lua_gc(L, LUA_GCCOUNT) / 1024;
  const size_t mb = heap < 1 ? 1 : heap < MOST_MB ? (size_t)heap : MOST_MB;
  const orr_memory now = orr_memory_stats();
  const size_t live = now.live_bytes;
  growth = live + growth / 2 > before ? 2 * GROWTH : GROWTH;
  soft = live + growth * mb;
  hard = larger(soft, live + (live < 4 * MOST_GROWTH ? live / 4 : MOST_GROWTH));
  if (passed_graph) graph = live + GROWTH * mb;
  most_tensors = now.live_tensors + MANY * (int64_t)mb;
}

static void collect(lua_State *L, bool passed_graph) {
  // A stopped collector: the user's wish, or this is called by a finalizer.
  if (collecting || !lua_gc(L, LUA_GCISRUNNING)) return;
  collecting = true;
  lua_gc(L, LUA_GCSTEP, 0);
  const orr_memory now = orr_memory_stats();
  if (now.live_tensors > most_tensors || now.live_bytes > hard ||
      (now.live_bytes > soft && seconds() > next_full) ||
      (passed_graph && now.live_bytes > graph))
    collect_all(L, passed_graph);
  collecting = false;
  young = orr_memory_stats().live_bytes + YOUNG;
  made = 0;
}

void orr_collect(lua_State *L) {
  if (++made >= MANY || orr_memory_stats().live_bytes > young)
    collect(L, false);
}

void orr_collect_graph(lua_State *L) {
  if (orr_memory_stats().live_bytes > graph) collect(L, true);
}
