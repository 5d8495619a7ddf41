// plan.c -- what a recorded step need not do, and how long its buffers live.

#include "program.h"

// ---- rows that nobody would miss

static bool writes_outside(const orr_program *p, const orr_step_row *row) {
  for (int i = 0; i < row->ny; i++) {
    const orr_buffer *b = orr_buffer_under(p, row->y[i]);
    if (b->leaves || b->kind == ORR_BUFFER_GRADIENT ||
        (b->kind == ORR_BUFFER_HELD && !b->fresh))
      return true;
  }
  return false;
}

static bool is_wanted(const orr_program *p, const orr_step_row *row) {
  if (row->stream || row->kind == ORR_ROW_UPDATE || row->kind == ORR_ROW_CHECK)
    return true;
  if (writes_outside(p, row)) return true;
  for (int i = 0; i < row->ny; i++)
    if (orr_buffer_under(p, row->y[i])->needed) return true;
  return false;
}

static void need(const orr_program *p, int n, orr_tensor *const *t) {
  for (int i = 0; i < n; i++)
    if (t[i]) orr_buffer_under(p, t[i])->needed = true;
}

// From the end: a row is kept for what it leaves outside, for the random
// numbers it takes, or for a later row that is kept.
static void drop_dead_rows(orr_program *p) {
  for (size_t i = p->rows.count; i-- > 0;) {
    orr_step_row *row = orr_row_at(p, i);
    row->dead = !is_wanted(p, row);
    p->dead_rows += row->dead;
    if (row->dead) continue;
    need(p, row->nx, row->x);
    need(p, row->ny, row->y);
  }
}

// ---- memory

static void live_at(const orr_program *p, int n, orr_tensor *const *t,
                    size_t row) {
  for (int i = 0; i < n; i++) {
    if (!t[i]) continue;
    orr_buffer *b = orr_buffer_under(p, t[i]);
    if (row < b->first) b->first = row;
    if (row > b->last) b->last = row;
  }
}

static void find_lifetimes(orr_program *p) {
  for (size_t i = 0; i < p->buffers.count; i++) {
    orr_buffer_at(p, i)->first = SIZE_MAX;
    orr_buffer_at(p, i)->last = 0;
    orr_buffer_at(p, i)->home = i;
  }
  for (size_t i = 0; i < p->rows.count; i++) {
    const orr_step_row *row = orr_row_at(p, i);
    if (row->dead) continue;
    live_at(p, row->nx, row->x, i);
    live_at(p, row->ny, row->y, i);
  }
  for (size_t i = 0; i < p->buffers.count; i++)
    if (orr_buffer_at(p, i)->to_end) orr_buffer_at(p, i)->last = p->rows.count;
}

// ---- results that lie over what dies as they are made

static bool may_overwrite(const orr_step_row *row, const orr_tensor *x,
                          const orr_tensor *y) {
  if (!orr_walked_through(x, y)) return false;
  if (row->kind == ORR_ROW_CLUSTER)
    return orr_cluster_may_overwrite(row->cluster, x, y);
  for (int k = 0; k < row->nx; k++)
    if (row->x[k]->storage == x->storage && !orr_walked_through(row->x[k], y))
      return false;
  return true;
}

// b takes the place of a: what lies there so far lives on as long as b, and
// leaves if b does.
static void lie_over(const orr_program *p, size_t b, size_t a) {
  orr_buffer *over = orr_buffer_at(p, b);
  const size_t there = orr_buffer_at(p, a)->home;
  orr_buffer_at(p, a)->covered = true;
  if (over->leaves) {
    for (size_t i = 0; i < p->buffers.count; i++)
      if (orr_buffer_at(p, i)->home == there) orr_buffer_at(p, i)->home = b;
    return;
  }
  orr_buffer *home = orr_buffer_at(p, there);
  over->home = there;
  if (over->last > home->last) home->last = over->last;
}

static void overwrite_in(orr_program *p, const orr_step_row *row, size_t at) {
  for (int i = 0; i < row->ny; i++) {
    const size_t b = row->y[i]->storage->place;
    const orr_buffer *over = orr_buffer_at(p, b);
    for (int k = 0; orr_is_inner(over) && over->home == b && k < row->nx; k++) {
      const size_t a = row->x[k]->storage->place;
      const orr_buffer *under = orr_buffer_at(p, a);
      if (!orr_is_inner(under) || under->leaves || under->covered ||
          under->last != at || under->bytes != over->bytes ||
          !may_overwrite(row, row->x[k], row->y[i]))
        continue;
      lie_over(p, b, a);
      p->overlaid++;
      break;
    }
  }
}

static void overwrite_dying(orr_program *p) {
  for (size_t i = 0; i < p->rows.count; i++) {
    const orr_step_row *row = orr_row_at(p, i);
    if (!row->dead && (row->loop || row->cluster)) overwrite_in(p, row, i);
  }
}

// ---- where the section at the end begins, and the streams before it

static bool add_stream(orr_program *p, orr_stream *stream) {
  const orr_program_stream *s = p->streams.items;
  for (size_t i = 0; i < p->streams.count; i++)
    if (s[i].stream == stream) return true;
  orr_program_stream *fresh = orr_list_add(&p->streams);
  if (fresh) *fresh = (orr_program_stream){.stream = stream};
  return fresh != NULL;
}

static bool look_through(orr_program *p) {
  p->late = p->rows.count;
  for (size_t i = 0; i < p->rows.count; i++) {
    const orr_step_row *row = orr_row_at(p, i);
    if (row->late && i < p->late) p->late = i;
    if (row->stream && !add_stream(p, row->stream)) return false;
  }
  return true;
}

bool orr_program_plan(orr_program *p) {
  drop_dead_rows(p);
  if (!orr_program_merge(p) || !orr_program_order(p) ||
      !orr_program_cluster(p) || !look_through(p))
    return false;
  find_lifetimes(p);
  overwrite_dying(p);
  return orr_program_place(p);
}
