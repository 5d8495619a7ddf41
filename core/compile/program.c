// program.c -- a recorded step from its making to its end, and what there is to
// know of it.
#include <string.h>

#include "program.h"

// ---- life

orr_program *orr_program_new(void) {
  orr_program *p = orr_alloc_zero(sizeof *p);
  if (!p) return NULL;
  orr_arena_join();
  p->stopped_at = -1;
  p->streams.size = sizeof(orr_program_stream);
  p->rows.size = p->updates.size = p->kept.size = sizeof(orr_step_row *);
  p->buffers.size = sizeof(orr_buffer);
  p->leaves.size = sizeof(orr_program_leaf);
  p->guards.size = sizeof(orr_program_guard);
  p->numbers.size = sizeof(double);
  p->arguments.size = p->results.size = sizeof(orr_tensor *);
  return p;
}

orr_step_row *orr_row_new(orr_row_kind kind, int nx, int ny) {
  orr_step_row *row = orr_alloc_zero(sizeof *row);
  if (!row) return NULL;
  row->x = orr_alloc_zero((size_t)(nx + ny) * sizeof *row->x + 1);
  if (!row->x) {
    orr_free(row, sizeof *row);
    return NULL;
  }
  row->kind = kind;
  row->site = orr_current_site();
  row->nx = nx;
  row->ny = ny;
  row->y = row->x + nx;
  return row;
}

void orr_row_free(orr_step_row *row) {
  const int n = row->nx + row->ny;
  for (int k = 0; row->x && k < n; k++) orr_release(row->x[k]);
  if (row->x) orr_free(row->x, (size_t)n * sizeof *row->x + 1);
  orr_stream_release(row->stream);
  orr_cluster_free(row->cluster);
  orr_free(row, sizeof *row);
}

static void free_rows(orr_program *p) {
  for (size_t i = 0; i < p->rows.count; i++) orr_row_free(orr_row_at(p, i));
  orr_list_free(&p->rows);
  orr_list_free(&p->updates);
  orr_list_free(&p->kept);
  orr_list_free(&p->streams);
}

static void free_headers(orr_list *list) {
  orr_tensor **all = list->items;
  for (size_t i = 0; i < list->count; i++) orr_release(all[i]);
  orr_list_free(list);
}

static void free_buffers(orr_program *p) {
  for (size_t i = 0; i < p->buffers.count; i++) {
    orr_buffer *b = orr_buffer_at(p, i);
    if (b->snapshot) orr_free(b->snapshot, b->bytes);
    if (b->kind != ORR_BUFFER_HELD) b->storage->data = NULL;
    orr_storage_release(b->storage);
  }
  orr_list_free(&p->buffers);
}

void orr_program_free(orr_program *p) {
  if (!p) return;
  free_rows(p);
  orr_program_leaf *leaf = p->leaves.items;
  for (size_t i = 0; i < p->leaves.count; i++) {
    orr_release(leaf[i].gradient);
    orr_release(leaf[i].leaf);
  }
  orr_list_free(&p->leaves);
  orr_program_guard *guard = p->guards.items;
  for (size_t i = 0; i < p->guards.count; i++) orr_release(guard[i].tensor);
  orr_list_free(&p->guards);
  orr_list_free(&p->numbers);
  free_headers(&p->arguments);
  free_headers(&p->results);
  free_buffers(p);
  if (p->marks) orr_free(p->marks, (size_t)p->mark_count * sizeof *p->marks);
  orr_arena_leave();
  orr_free(p, sizeof *p);
}

// ---- whether it still holds

static bool same_gradient(const orr_program_leaf *l) {
  if (!l->read) return true;
  const orr_tensor *g = l->leaf->grad;
  return (g != NULL) == l->had && (!g || g->contiguous);
}

bool orr_program_holds(const orr_program *p) {
  const orr_program_guard *guard = p->guards.items;
  for (size_t i = 0; i < p->guards.count; i++)
    if (guard[i].tensor->requires_grad != guard[i].requires_grad) return false;
  const orr_program_leaf *leaf = p->leaves.items;
  for (size_t i = 0; i < p->leaves.count; i++)
    if (!same_gradient(&leaf[i])) return false;
  return true;
}

int orr_program_stopped(const orr_program *p, double *value) {
  *value = p->stopped_by;
  return p->stopped_at;
}

// ---- what there is to know

int orr_program_results(const orr_program *p) { return (int)p->results.count; }

orr_program_facts orr_program_describe(const orr_program *p) {
  size_t clusters = 0;
  for (size_t i = 0; i < p->rows.count; i++)
    clusters += orr_row_at(p, i)->kind == ORR_ROW_CLUSTER;
  return (orr_program_facts){.rows = p->rows.count - p->dead_rows,
                             .dead_rows = p->dead_rows,
                             .merged_rows = p->merged_rows,
                             .clusters = clusters,
                             .overlaid = p->overlaid,
                             .timed_runs = p->timed_runs,
                             .timed_ns = p->timed_ns,
                             .arena_bytes = p->arena_bytes,
                             .peak_bytes = p->arena_bytes + p->leaving_bytes,
                             .updates = p->updates.count,
                             .updates_done = p->updates_done};
}

bool orr_program_row_at(const orr_program *p, size_t i, orr_program_row *out) {
  for (size_t k = 0; k < p->rows.count; k++) {
    const orr_step_row *row = orr_row_at(p, k);
    if (row->dead || i-- > 0) continue;
    static const char *const names[] =
        {"",     "",     "copy_", "update", "clip_grad_norm",
         "mark", "swap", "check", ""};
    const orr_cluster *c = row->cluster;
    *out = (orr_program_row){.name = c ? orr_cluster_name(c)
                                 : row->kind <= ORR_ROW_INPLACE
                                 ? row->call.op->name
                                 : names[row->kind],
                             .site = row->site,
                             .writes_over = row->kind != ORR_ROW_CALL && !c,
                             .members = c ? orr_cluster_size(c) : 1,
                             .ns = row->ns};
    if (row->ny) out->y = row->y[0];
    return true;
  }
  return false;
}

bool orr_program_set_update(orr_program *p, size_t i, const orr_sgd *sgd,
                            const orr_adam *adam, const orr_rmsprop *rmsprop,
                            bool first) {
  if (i >= p->updates.count) return false;
  orr_step_row *row = ((orr_step_row **)p->updates.items)[i];
  row->first = first;
  if (row->rule == ORR_BY_SGD && sgd) {
    if ((sgd->momentum != 0) != row->has_state[0]) return false;
    row->o.sgd = *sgd;
    return true;
  }
  if (row->rule == ORR_BY_ADAM && adam) {
    row->o.adam = *adam;
    return true;
  }
  if (row->rule != ORR_BY_RMSPROP || !rmsprop) return false;
  if (rmsprop->centered != row->has_state[1] ||
      (rmsprop->momentum > 0) != row->has_state[2])
    return false;
  row->o.rmsprop = *rmsprop;
  return true;
}

void orr_program_time(orr_program *p, bool on) {
  p->timed = on;
  p->timed_runs = 0;
  p->timed_ns = 0;
  for (size_t i = 0; i < p->rows.count; i++)
    orr_row_at(p, i)->ns = orr_row_at(p, i)->last_ns = 0;
}
