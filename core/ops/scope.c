// scope.c -- temporaries that are released together.
#include <string.h>

#include "op.h"

static orr_tensor *first[64];  // enough for nearly every scope
static orr_tensor **kept = first;
static size_t kept_count, kept_room = 64;

size_t orr_scope_begin(void) { return kept_count; }

void orr_scope_end(size_t mark) {
  while (kept_count > mark) orr_release(kept[--kept_count]);
  if (kept_count || kept == first) return;
  // Nothing is owed at top level, so leak checks see a clean slate.
  orr_free(kept, kept_room * sizeof *kept);
  kept = first;
  kept_room = sizeof first / sizeof *first;
}

static bool widen(void) {
  orr_tensor **wider = orr_alloc(2 * kept_room * sizeof *kept);
  if (!wider) return false;
  memcpy(wider, kept, kept_room * sizeof *kept);
  if (kept != first) orr_free(kept, kept_room * sizeof *kept);
  kept = wider;
  kept_room *= 2;
  return true;
}

orr_tensor *orr_keep(orr_tensor *t) {
  if (!t) return NULL;
  if (kept_count == kept_room && !widen()) {
    orr_release(t);
    return NULL;
  }
  return kept[kept_count++] = t;
}
