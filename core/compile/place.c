// place.c -- where a recorded step's buffers lie: in the arena, or in what
// leaves the step before it is made.
#include <stdlib.h>

#include "program.h"

static size_t rounded(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

static bool in_arena(const orr_program *p, const orr_buffer *b) {
  return orr_is_inner(b) && !orr_buffer_at(p, b->home)->leaves;
}

static int larger_first(const void *a, const void *b) {
  const orr_buffer *x = *(orr_buffer *const *)a, *y = *(orr_buffer *const *)b;
  if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
  return x->first < y->first ? -1 : x->first > y->first;
}

static int smaller_first(const void *a, const void *b) {
  return larger_first(b, a);
}

static int by_offset(const void *a, const void *b) {
  const orr_buffer *x = *(orr_buffer *const *)a, *y = *(orr_buffer *const *)b;
  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

// The tightest gap among those placed that live when b does.
static size_t best_place(const orr_buffer *b, orr_buffer **at_once, size_t n) {
  const size_t wanted = rounded(b->bytes);
  size_t best = SIZE_MAX, best_gap = SIZE_MAX, end = 0;
  if (n) qsort(at_once, n, sizeof *at_once, by_offset);
  for (size_t i = 0; i < n; i++) {
    const orr_buffer *o = at_once[i];
    const size_t gap = o->offset > end ? o->offset - end : 0;
    if (gap >= wanted && gap < best_gap) {
      best = end;
      best_gap = gap;
    }
    const size_t after = o->offset + rounded(o->bytes);
    if (after > end) end = after;
  }
  return best == SIZE_MAX ? end : best;
}

typedef struct placer {
  orr_buffer **order;  // those to place, the largest first
  size_t n;
  orr_buffer **at_once;
  orr_buffer **rooms;  // those that leave, the smallest first
  size_t n_rooms;
} placer;

// Where order[i] fits best into a room, or into the arena, among those before
// it that lie there and that it meets in time.
static size_t place_in(const placer *l, size_t i, size_t room) {
  const orr_buffer *b = l->order[i];
  size_t met = 0;
  for (size_t k = 0; k < i; k++) {
    orr_buffer *o = l->order[k];
    if (o->room == room && o->first <= b->last && b->first <= o->last)
      l->at_once[met++] = o;
  }
  return best_place(b, l->at_once, met);
}

// A parameter's gradient leaves, so it has memory of its own for all of the
// run, but is made late: until then what is used up by then lies there.
static bool find_room(const placer *l, size_t i) {
  orr_buffer *b = l->order[i];
  for (size_t r = 0; r < l->n_rooms; r++) {
    const orr_buffer *room = l->rooms[r];
    if (room->bytes < b->bytes || room->first <= b->last) continue;
    b->offset = place_in(l, i, room->home);
    if (b->offset + b->bytes > room->bytes) continue;
    b->room = room->home;
    return true;
  }
  return false;
}

// Greedy by size (Pisarchyk & Lee 2020): the largest first, each into the
// tightest gap among those already placed that it meets in time.
static void place_buffers(orr_program *p, const placer *l) {
  for (size_t i = 0; i < l->n; i++) {
    orr_buffer *b = l->order[i];
    if (find_room(l, i)) continue;
    b->offset = place_in(l, i, ORR_NO_ROOM);
    const size_t end = b->offset + rounded(b->bytes);
    if (end > p->arena_bytes) p->arena_bytes = end;
  }
}

static void list_buffers(orr_program *p, placer *l) {
  for (size_t i = 0; i < p->buffers.count; i++) {
    orr_buffer *b = orr_buffer_at(p, i), *home = orr_buffer_at(p, b->home);
    b->room = ORR_NO_ROOM;
    if (home->leaves && b->first < home->first) home->first = b->first;
  }
  for (size_t i = 0; i < p->buffers.count; i++) {
    orr_buffer *b = orr_buffer_at(p, i);
    if (in_arena(p, b) && b->home == i) l->order[l->n++] = b;
    if (!b->leaves) continue;
    p->leaving_bytes += b->bytes;
    if (b->first != SIZE_MAX) l->rooms[l->n_rooms++] = b;
  }
}

bool orr_program_place(orr_program *p) {
  const size_t most = p->buffers.count + 1;
  const size_t bytes = 3 * most * sizeof(orr_buffer *);
  placer l = {.order = orr_alloc(bytes)};
  if (!l.order) return false;
  l.at_once = l.order + most;
  l.rooms = l.at_once + most;
  list_buffers(p, &l);
  if (l.n) qsort(l.order, l.n, sizeof *l.order, larger_first);
  if (l.n_rooms) qsort(l.rooms, l.n_rooms, sizeof *l.rooms, smaller_first);
  place_buffers(p, &l);
  orr_free(l.order, bytes);
  return true;
}

bool orr_program_settle(orr_program *p) {
  char *arena = orr_arena_get(p->arena_bytes + 64);
  if (!arena || arena == p->arena) return arena != NULL;
  p->arena = arena;
  for (size_t i = 0; i < p->buffers.count; i++) {
    orr_buffer *b = orr_buffer_at(p, i);
    const orr_buffer *home = orr_buffer_at(p, b->home);
    if (in_arena(p, b) && home->room == ORR_NO_ROOM)
      b->storage->data = arena + home->offset;
  }
  return true;
}
