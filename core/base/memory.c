// memory.c -- the one allocator: a cache of freed blocks by size class, the
// counters, and the hook that makes the n-th call fail.
//
// A tensor of a training loop has the size of one freed a moment ago, so
// reuse is the rule: a cached block costs nanoseconds and touches no page.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../orrery.h"

#if defined(__SANITIZE_ADDRESS__)
#define CACHE_OFF 1  // let the sanitizer see every block
#else
#define CACHE_OFF 0
#endif

#define ALIGNMENT 64
// Four classes per power of two: at most a fifth of a block is unused.
#define CLASSES (4 * 48)
// Freed bytes kept when little is live. Beyond, freed and live together may be
// half more than the peak of what was live: a training step frees and takes
// blocks of many sizes, and at just the peak some of them went back and forth.
#define CACHE_FLOOR ((size_t)16 << 20)
// Where that is reached, blocks of sizes that have not been asked for while
// this many times as much was taken make room: they are another program's
// part, and kept all of this one's out. A step that only comes round again
// does not take as much in between.
#define STALE 8

// Blocks this large are whole pages from the system. glibc before 2.38 does
// not find freed aligned blocks again (its bug 14581): the process grew to ten
// times what was live in a convolutional network.
#define LARGE ((size_t)256 << 10)
// From here on they begin where a huge page may, and ask for those: touching
// 2 MB for the first time then takes 74 us instead of 832, 8 MB 330 instead of
// 3880 (CPU time in a virtual machine, page by page).
#define HUGE_PAGE ((size_t)2 << 20)

typedef struct free_block {
  struct free_block *next;
} free_block;

static free_block *cache[CLASSES];
static size_t last_use[CLASSES];  // bytes_taken when one was last taken
static size_t bytes_taken;
static orr_memory stats;
// Class numbers end there.
#define MOST ((size_t)1 << 47)

static bool tight;
static int64_t fail_countdown;
static size_t limit;  // 0: not yet asked for

static inline size_t round_up(size_t bytes, int *class_index) {
  if (bytes < ALIGNMENT) bytes = ALIGNMENT;
  const int log2 = 63 - __builtin_clzll((unsigned long long)bytes);
  const size_t step = (size_t)1 << (log2 < 8 ? 6 : log2 - 2);
  const size_t size = (bytes + step - 1) & ~(step - 1);
  // Four to eight quarters of 2^log2; eight are the next power's four.
  *class_index = 4 * (log2 - 6) + (int)(size >> (log2 - 2)) - 4;
  return size;
}

static size_t class_size(int class_index) {
  return (size_t)(4 + class_index % 4) << (class_index / 4 + 4);
}

static char *map_pages(size_t size) {
  void *block = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return block == MAP_FAILED ? NULL : block;
}

// Maps a huge page more and gives back what lies before and after.
static char *map_huge_pages(size_t size) {
  char *base = map_pages(size + HUGE_PAGE);
  if (!base) return map_pages(size);
  const size_t before = -(uintptr_t)base & (HUGE_PAGE - 1);
  char *block = base + before;
  if (before) munmap(base, before);
  if (before < HUGE_PAGE) munmap(block + size, HUGE_PAGE - before);
#if defined(MADV_HUGEPAGE)
  madvise(block, size, MADV_HUGEPAGE);  // a system without them says no
#endif
  return block;
}

static void *from_system(size_t size) {
  stats.fresh++;
  if (CACHE_OFF || size < LARGE) return aligned_alloc(ALIGNMENT, size);
  return size < HUGE_PAGE ? map_pages(size) : map_huge_pages(size);
}

static void to_system(void *block, size_t size) {
  if (CACHE_OFF || size < LARGE)
    free(block);
  else
    munmap(block, size);
}

size_t orr_memory_limit(void) {
  if (!limit) {
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    limit = pages > 0 && page > 0 ? (size_t)pages * (size_t)page : MOST;
  }
  return limit;
}

void orr_memory_set_limit(size_t bytes) {
  limit = bytes > MOST ? MOST : bytes ? bytes : 1;
}

static void *take(size_t size, int class_index) {
  free_block *b = cache[class_index];
  if (b) {
    cache[class_index] = b->next;
    stats.cached_bytes -= size;
    return b;
  }
  const size_t most = tight && size >= LARGE ? stats.peak_bytes : limit;
  if (stats.live_bytes + stats.cached_bytes + size > most) orr_memory_trim();
  void *fresh = from_system(size);
  if (!fresh && stats.cached_bytes) {
    orr_memory_trim();
    fresh = from_system(size);
  }
  return fresh;
}

static inline void *lend(void *block, size_t size, int class_index) {
  last_use[class_index] = bytes_taken += size;
  stats.live_bytes += size;
  stats.live_blocks++;
  if (stats.live_bytes > stats.peak_bytes) stats.peak_bytes = stats.live_bytes;
  return block;
}

// What is not the common case of a block of that class freed before.
static void *alloc_otherwise(size_t bytes) {
  const bool chosen = fail_countdown > 0 && --fail_countdown == 0;
  int class_index = 0;
  void *block = NULL;
  size_t size = 0;
  if (!chosen && bytes <= orr_memory_limit()) {
    size = round_up(bytes, &class_index);
    if (stats.live_bytes + size <= limit) block = take(size, class_index);
  }
  if (!block) {
    orr_set_error("memory: %zu bytes are not to be had (%zu of at most %zu are "
                  "in use); use smaller batches, free tensors or raise "
                  "memory_limit",
                  bytes, stats.live_bytes, orr_memory_limit());
    return NULL;
  }
  return lend(block, size, class_index);
}

void *orr_alloc(size_t bytes) {
  stats.calls++;
  if (fail_countdown || bytes > limit) return alloc_otherwise(bytes);
  int class_index;
  const size_t size = round_up(bytes, &class_index);
  free_block *b = cache[class_index];
  if (!b || stats.live_bytes + size > limit) return alloc_otherwise(bytes);
  cache[class_index] = b->next;
  stats.cached_bytes -= size;
  return lend(b, size, class_index);
}

void *orr_alloc_zero(size_t bytes) {
  void *block = orr_alloc(bytes);
  return block ? memset(block, 0, bytes) : NULL;
}

// Gives one block of a class long out of use to the system.
static bool drop_stale(size_t most) {
  for (int i = 0; i < CLASSES; i++) {
    if (!cache[i] || bytes_taken - last_use[i] < STALE * most) continue;
    free_block *b = cache[i];
    cache[i] = b->next;
    stats.cached_bytes -= class_size(i);
    to_system(b, class_size(i));
    return true;
  }
  return false;
}

void orr_free(void *block, size_t bytes) {
  if (!block) return;
  int class_index;
  const size_t size = round_up(bytes, &class_index);
  stats.live_bytes -= size;
  stats.live_blocks--;
  size_t most = tight ? stats.peak_bytes : stats.peak_bytes / 2 * 3;
  if (most < CACHE_FLOOR) most = CACHE_FLOOR;
  bool fits = !CACHE_OFF;
  while (fits && stats.live_bytes + stats.cached_bytes + size > most)
    fits = drop_stale(most);
  if (!fits) {
    to_system(block, size);
    return;
  }
  free_block *b = block;
  b->next = cache[class_index];
  cache[class_index] = b;
  stats.cached_bytes += size;
}

bool orr_grow(void **block, size_t old_bytes, size_t new_bytes) {
  void *fresh = orr_alloc(new_bytes);
  if (!fresh) return false;
  if (*block) memcpy(fresh, *block, old_bytes);
  orr_free(*block, old_bytes);
  *block = fresh;
  return true;
}

// Tensor headers are counted by tensor.c.
void orr_count_tensors(int64_t change);
void orr_count_tensors(int64_t change) { stats.live_tensors += change; }

orr_memory orr_memory_stats(void) { return stats; }

void orr_memory_reset_peak(void) { stats.peak_bytes = stats.live_bytes; }

void orr_memory_trim(void) {
  for (int i = 0; i < CLASSES; i++) {
    while (cache[i]) {
      free_block *next = cache[i]->next;
      to_system(cache[i], class_size(i));
      cache[i] = next;
    }
  }
  stats.cached_bytes = 0;
}

void orr_memory_tight(bool on) { tight = on; }

void orr_memory_fail_after(int64_t n) { fail_countdown = n; }
