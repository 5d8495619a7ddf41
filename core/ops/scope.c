// scope.c -- temporaries that are released together.
#include <string.h>

#include "op.h"

static orr_tensor **kept;
static size_t kept_count, kept_room;

size_t orr_scope_begin(void) { return kept_count; }

void orr_scope_end(size_t mark) {
  while (kept_count > mark) orr_release(kept[--kept_count]);
  if (kept_count || !kept) return;
  // Nothing is owed at top level, so leak checks see a clean slate.
  orr_free(kept, kept_room * sizeof *kept);
  kept = NULL;
  kept_room = 0;
}

orr_tensor *orr_keep(orr_tensor *t) {
  if (!t) return NULL;
  if (kept_count == kept_room) {
    const size_t room = kept_room ? 2 * kept_room : 64;
    if (!orr_grow((void **)&kept, kept_room * sizeof *kept,
                  room * sizeof *kept)) {
      orr_release(t);
      return NULL;
    }
    kept_room = room;
  }
  return kept[kept_count++] = t;
}
