// order.c -- what a step writes outside comes last: a short section that cannot
// fail and that an interrupt waits for. What later rows need written earlier is
// copied before, so that a run that fails puts it back.
//
// The section is optimiser updates, whose memory is taken before the first of
// them runs, then elementwise rows and copies, which take none: running
// averages of what was updated, running statistics.
#include <string.h>

#include "program.h"

// What is known of a buffer: whether rows that stay where they are, or late
// updates, read or write it from here on; whether the step writes over it and
// it is seen from outside; whether it comes from such by late rows alone.
enum {
  READ = 1,
  WRITTEN = 2,
  READ_LATE = 4,
  WRITTEN_LATE = 8,
  STATE = 16,
  FROM_STATE = 32,
  KEPT = 64
};

typedef struct work {
  orr_program *p;
  unsigned char *flags;  // by buffer
  bool *may;             // by row: it may be late
  orr_list rows;         // in the new order
} work;

static unsigned char *flags_of(const work *w, const orr_tensor *t) {
  return &w->flags[t->storage->place];
}

static bool is_outside(const work *w, const orr_tensor *t) {
  const orr_buffer *b = orr_buffer_under(w->p, t);
  return b->kind == ORR_BUFFER_GRADIENT ||
      (b->kind == ORR_BUFFER_HELD && !b->fresh);
}

// ---- which rows may be late

static bool any(const work *w, int n, orr_tensor *const *t, int flags) {
  for (int i = 0; i < n; i++)
    if (t[i] && *flags_of(w, t[i]) & flags) return true;
  return false;
}

static void mark(const work *w, int n, orr_tensor *const *t, int flags) {
  for (int i = 0; i < n; i++)
    if (t[i]) *flags_of(w, t[i]) |= (unsigned char)flags;
}

// Its loop walks operands as they lie.
static bool is_pointwise(const orr_step_row *row) {
  const unsigned flags = ORR_STRIDED_OK | ORR_INPLACE;
  return (row->call.op->flags & flags) == flags;
}

static bool may_be_late(const work *w, const orr_step_row *row) {
  switch (row->kind) {
  case ORR_ROW_UPDATE:
    return true;
  case ORR_ROW_CALL:
    return is_pointwise(row) && any(w, row->nx, row->x, STATE | FROM_STATE);
  case ORR_ROW_INPLACE:
    return is_pointwise(row) && is_outside(w, row->y[0]);
  case ORR_ROW_COPY:
    return is_outside(w, row->y[0]) && row->x[0]->storage != row->y[0]->storage;
  default:
    return false;
  }
}

static void find_candidates(work *w) {
  const orr_program *p = w->p;
  for (size_t i = 0; i < p->rows.count; i++) {
    const orr_step_row *row = orr_row_at(p, i);
    for (int k = 0; !row->dead && k < row->ny; k++)
      if (is_outside(w, row->y[k])) *flags_of(w, row->y[k]) |= STATE;
  }
  for (size_t i = 0; i < p->rows.count; i++) {
    const orr_step_row *row = orr_row_at(p, i);
    w->may[i] = !row->dead && may_be_late(w, row);
    if (w->may[i] && row->kind == ORR_ROW_CALL)
      mark(w, row->ny, row->y, FROM_STATE);
  }
}

// ---- which rows are

static bool meets(const work *w, const orr_step_row *row, int read,
                  int written) {
  return any(w, row->ny, row->y, read | written) ||
      any(w, row->nx, row->x, written);
}

// From the end: a row is late when those that stay do not see the difference,
// and, as updates come first of the late ones, no late update either.
static void choose(work *w) {
  const orr_program *p = w->p;
  for (size_t i = p->rows.count; i-- > 0;) {
    orr_step_row *row = orr_row_at(p, i);
    if (row->dead) continue;
    const bool update = row->kind == ORR_ROW_UPDATE;
    row->late = w->may[i] && !meets(w, row, READ, WRITTEN) &&
        (update || !meets(w, row, READ_LATE, WRITTEN_LATE));
    if (row->late && !update) continue;
    mark(w, row->nx, row->x, row->late ? READ_LATE : READ);
    mark(w, row->ny, row->y, row->late ? WRITTEN_LATE : WRITTEN);
  }
}

// ---- what is kept for a run that fails

static orr_tensor *all_bytes(orr_storage *s, size_t bytes) {
  const int64_t size = (int64_t)bytes, stride = 1;
  return orr_tensor_view(s, ORR_U8, 1, &size, &stride, 0);
}

static orr_storage *new_room(orr_program *p, size_t bytes) {
  orr_storage *s = orr_alloc(sizeof *s);
  orr_buffer *b = s ? orr_list_add(&p->buffers) : NULL;
  if (!b) {
    if (s) orr_free(s, sizeof *s);
    return NULL;
  }
  *s = (orr_storage){.refs = 1, .place = (uint32_t)(p->buffers.count - 1)};
  *b = (orr_buffer){.kind = ORR_BUFFER_ROW, .storage = s, .bytes = bytes};
  b->needed = b->to_end = true;
  return s;
}

static bool add(orr_list *rows, orr_step_row *row) {
  orr_step_row **slot = orr_list_add(rows);
  if (slot) *slot = row;
  return slot != NULL;
}

// Copies, before `row`, what lies under t as the run found it.
static bool keep(work *w, const orr_tensor *t, const orr_step_row *before) {
  orr_storage *held = t->storage;
  const size_t bytes = orr_buffer_under(w->p, t)->bytes;
  *flags_of(w, t) |= KEPT;
  if (!bytes) return true;
  orr_step_row *row = orr_row_new(ORR_ROW_COPY, 1, 1);
  orr_storage *room = row ? new_room(w->p, bytes) : NULL;
  if (!room || !(row->x[0] = all_bytes(held, bytes)) ||
      !(row->y[0] = all_bytes(room, bytes)) || !add(&w->p->kept, row)) {
    if (row) orr_row_free(row);
    return false;
  }
  row->site = before->site;
  row->keeps = true;
  if (add(&w->rows, row)) return true;
  w->p->kept.count--;
  orr_row_free(row);
  return false;
}

static bool keep_written(work *w, const orr_step_row *row) {
  for (int k = 0; !row->dead && k < row->ny; k++)
    if (is_outside(w, row->y[k]) && !(*flags_of(w, row->y[k]) & KEPT) &&
        !keep(w, row->y[k], row))
      return false;
  return true;
}

// ---- the new order

// 0: rows that stay; 1: late updates; 2: what comes after them.
static int part_of(const orr_step_row *row) {
  return !row->late ? 0 : row->kind == ORR_ROW_UPDATE ? 1 : 2;
}

static bool sort_rows(work *w) {
  orr_program *p = w->p;
  for (int part = 0; part < 3; part++) {
    for (size_t i = 0; i < p->rows.count; i++) {
      orr_step_row *row = orr_row_at(p, i);
      if (part_of(row) != part) continue;
      if ((part == 0 && !keep_written(w, row)) || !add(&w->rows, row))
        return false;
    }
  }
  return true;
}

// Those made here are in the new list alone.
static void undo(work *w) {
  for (size_t i = 0; i < w->rows.count; i++) {
    orr_step_row *row = ((orr_step_row **)w->rows.items)[i];
    if (row->keeps) orr_row_free(row);
  }
  w->p->kept.count = 0;
  orr_list_free(&w->rows);
}

bool orr_program_order(orr_program *p) {
  const size_t flags = p->buffers.count + 1, rows = p->rows.count + 1;
  work w = {.p = p, .rows = {.size = sizeof(orr_step_row *)}};
  w.flags = orr_alloc_zero(flags);
  w.may = orr_alloc_zero(rows * sizeof *w.may);
  bool ok = w.flags && w.may;
  if (ok) {
    find_candidates(&w);
    choose(&w);
    ok = sort_rows(&w);
  }
  if (w.flags) orr_free(w.flags, flags);
  if (w.may) orr_free(w.may, rows * sizeof *w.may);
  if (!ok) return undo(&w), false;
  orr_list_free(&p->rows);
  p->rows = w.rows;
  return true;
}
