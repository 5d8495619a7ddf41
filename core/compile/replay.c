// replay.c -- a recorded step is done again.
#include <math.h>
#include <string.h>

#include "../base/random.h"
#include "../base/threads.h"
#include "../kernels/elementwise.h"
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

// ---- rows

static bool update_row(orr_step_row *row) {
  const int n = row->n;
  orr_tensor **state[3] = {NULL}, **at = row->x + 2 * n;
  for (int s = 0; s < row->states; s++) {
    if (!row->has_state[s]) continue;
    state[s] = at;
    at += n;
  }
  orr_tensor **param = row->x, **grad = row->x + n;
  switch (row->rule) {
  case ORR_BY_SGD:
    return orr_sgd_step(&row->o.sgd, row->first, n, param, grad, state[0]);
  case ORR_BY_ADAM:
    return orr_adam_step(&row->o.adam, n, param, grad, state[0], state[1]);
  default:
    return orr_rmsprop_step(&row->o.rmsprop, n, param, grad, state[0], state[1],
                            state[2]);
  }
}

static bool clip_row(orr_step_row *row) {
  double norm;
  if (!orr_clip_grad_norm(row->n, row->x, row->o.max_norm, &norm)) return false;
  *ORR_F64P(row->y[row->n]) = norm;
  return true;
}

static void swap_mark(orr_program *p, orr_step_row *row) {
  orr_mark *m = &p->marks[row->mark];
  orr_stream *s = row->stream;
  const orr_mark there = *m;
  orr_stream_get(s, &m->seed, &m->counter);
  orr_stream_set(s, there.seed, there.counter);
}

static bool check_row(orr_program *p, const orr_step_row *row) {
  const double value = orr_get(row->x[0], 0);
  if (isfinite(value)) return true;
  p->stopped_at = row->mark;
  p->stopped_by = value;
  return orr_set_error("compile: a value that is checked is %g", value);
}

static bool run_row(orr_program *p, orr_step_row *row) {
  switch (row->kind) {
  case ORR_ROW_CALL:
    if (!orr_compute(&row->call)) return false;
    for (int i = 0; i < row->ny; i++) row->y[i]->storage->version++;
    return true;
  case ORR_ROW_INPLACE:
    return orr_compute_inplace(&row->call, row->y[0], row->direct);
  case ORR_ROW_COPY:
    p->kept_done += row->keeps;
    return orr_copy_between(row->y[0], row->x[0]);
  case ORR_ROW_UPDATE:
    return update_row(row);
  case ORR_ROW_CLIP:
    return clip_row(row);
  case ORR_ROW_CLUSTER:
    orr_cluster_run(row->cluster);
    for (int i = 0; i < row->ny; i++) row->y[i]->storage->version++;
    return true;
  case ORR_ROW_CHECK:
    return check_row(p, row);
  case ORR_ROW_MARK:
    orr_stream_get(row->stream, &p->marks[row->mark].seed,
                   &p->marks[row->mark].counter);
    return true;
  default:
    swap_mark(p, row);
    return true;
  }
}

static int64_t interrupt_countdown;

void orr_program_interrupt_after(int64_t rows) { interrupt_countdown = rows; }

static bool run_one(orr_program *p, size_t i) {
  orr_step_row *row = orr_row_at(p, i);
  if (row->dead) return true;
  const size_t mark = orr_scope_begin();
  const bool ok = run_row(p, row);
  orr_scope_end(mark);
  if (interrupt_countdown && --interrupt_countdown == 0) orr_interrupt();
  return ok;
}

static bool run_rows(orr_program *p) {
  for (size_t i = 0; i < p->late; i++) {
    if (!run_one(p, i)) return false;
    if (orr_stopping()) return orr_set_error("interrupted");
  }
  return true;
}

// Updates are made ready, then done together; nothing after them can fail.
static bool run_late_rows(orr_program *p) {
  size_t i = p->late;
  bool ok = true;
  orr_hold_interrupts();
  orr_steps_join();
  for (; ok && i < p->rows.count && orr_row_at(p, i)->kind == ORR_ROW_UPDATE;
       i++)
    ok = run_one(p, i);
  orr_steps_end(ok);
  for (; ok && i < p->rows.count; i++) ok = run_one(p, i);
  orr_resume_interrupts();
  if (ok) p->updates_done = p->updates.count;
  return ok;
}

// ---- back to where a run began

static void note_streams(const orr_program *p) {
  orr_program_stream *s = p->streams.items;
  for (size_t i = 0; i < p->streams.count; i++)
    orr_stream_get(s[i].stream, &s[i].before.seed, &s[i].before.counter);
}

static void put_back(const orr_program *p) {
  const orr_program_stream *s = p->streams.items;
  for (size_t i = 0; i < p->streams.count; i++)
    orr_stream_set(s[i].stream, s[i].before.seed, s[i].before.counter);
  for (size_t i = 0; i < p->kept_done; i++) {
    const orr_step_row *row = ((orr_step_row **)p->kept.items)[i];
    orr_storage *to = row->x[0]->storage;
    memcpy(to->data, row->y[0]->storage->data, (size_t)row->x[0]->count);
    to->version++;
  }
}

// ---- a run

static bool fits(const orr_tensor *t, const orr_tensor *like) {
  return t->dtype == like->dtype && orr_same_shape(t, like) && t->contiguous;
}

static bool bind_arguments(const orr_program *p, orr_tensor *const *argument) {
  orr_tensor **like = p->arguments.items;
  for (size_t i = 0; i < p->arguments.count; i++) {
    if (!fits(argument[i], like[i]))
      return orr_set_error(
          "compile: argument %zu is not like the one recorded; "
          "record the step again",
          i + 1);
    like[i]->storage->data = orr_data(argument[i]);
    like[i]->storage->version++;
  }
  return true;
}

static bool bind_numbers(const orr_program *p, int n, const double *number) {
  double *own = p->numbers.items;
  if ((size_t)n != p->numbers.count)
    return orr_set_error("compile: the step takes %zu numbers but %d are "
                         "given; record the step again",
                         p->numbers.count, n);
  for (size_t i = 0; n && i < p->buffers.count; i++) {
    orr_buffer *b = orr_buffer_at(p, i);
    if (b->kind != ORR_BUFFER_NUMBER) continue;
    own[b->index] = number[b->index];
    b->storage->data = (char *)&own[b->index];
    b->storage->version++;
  }
  return true;
}

static bool take_memory(orr_buffer *b) {
  const int64_t size = (int64_t)b->bytes;
  b->owner = orr_empty(ORR_U8, 1, &size);
  if (!b->owner) return false;
  b->storage->data = b->owner->storage->data;
  b->storage->version++;
  return true;
}

// Gradients that the run sets without having read them make room first.
static void drop_gradients(orr_program *p) {
  orr_program_leaf *leaf = p->leaves.items;
  for (size_t i = 0; i < p->leaves.count; i++)
    if (leaf[i].set && !leaf[i].read) orr_set_grad(leaf[i].leaf, NULL);
}

static bool bind_buffers(orr_program *p) {
  const orr_program_leaf *leaf = p->leaves.items;
  for (size_t i = 0; i < p->buffers.count; i++) {
    orr_buffer *b = orr_buffer_at(p, i);
    if (b->kind == ORR_BUFFER_GRADIENT && leaf[b->index].read)
      b->storage->data = orr_data(leaf[b->index].leaf->grad);
    if (b->leaves && !take_memory(b)) return false;
    if (b->snapshot && b->bytes) {
      memcpy(b->storage->data, b->snapshot, b->bytes);
      b->storage->version++;
    }
  }
  for (size_t i = 0; i < p->buffers.count; i++) {
    orr_buffer *b = orr_buffer_at(p, i), *home = orr_buffer_at(p, b->home);
    if (home != b && home->leaves) b->storage->data = home->storage->data;
  }
  return true;
}

static void unbind(const orr_program *p) {
  for (size_t i = 0; i < p->buffers.count; i++) {
    orr_buffer *b = orr_buffer_at(p, i);
    if (!orr_buffer_at(p, b->home)->leaves) continue;
    orr_release(b->owner);
    b->owner = NULL;
    b->storage->data = NULL;
  }
}

// What leaves: a tensor over this run's memory.
static orr_tensor *released(const orr_program *p, const orr_tensor *h,
                            orr_tensor *const *argument) {
  orr_storage *s = h->storage;
  const orr_buffer *b =
      s->place < p->buffers.count ? orr_buffer_at(p, s->place) : NULL;
  if (b && b->storage != s) b = NULL;  // it was there before, and is elsewhere
  int64_t offset = h->offset;
  if (b && b->kind == ORR_BUFFER_NUMBER)
    return orr_scalar(ORR_F64, *ORR_F64P(h));
  if (!b || b->kind == ORR_BUFFER_HELD) {
    // as it is
  } else if (b->owner) {
    s = b->owner->storage;
  } else if (b->kind == ORR_BUFFER_ARGUMENT) {
    s = argument[b->index]->storage;
    offset += argument[b->index]->offset;
  } else if (b->kind == ORR_BUFFER_GRADIENT) {
    const orr_program_leaf *leaf = p->leaves.items;
    const orr_tensor *g = leaf[b->index].leaf->grad;
    if (!g) return NULL;
    s = g->storage;
    offset += g->offset;
  }
  return orr_tensor_view(s, h->dtype, h->rank, h->size, h->stride, offset);
}

// What goes out is made while the run can still fail, and then given out.
static bool make_results(const orr_program *p, orr_tensor *const *argument,
                         orr_tensor **result, orr_tensor **gradient) {
  const orr_program_leaf *leaf = p->leaves.items;
  bool ok = true;
  for (size_t i = 0; ok && i < p->results.count; i++)
    ok = (result[i] = released(p, ((orr_tensor **)p->results.items)[i],
                               argument)) != NULL;
  for (size_t i = 0; ok && i < p->leaves.count; i++)
    if (leaf[i].gradient)
      ok = (gradient[i] = released(p, leaf[i].gradient, argument)) != NULL;
  return ok;
}

static void release_all(orr_tensor **t, size_t n) {
  for (size_t i = 0; i < n; i++) {
    orr_release(t[i]);
    t[i] = NULL;
  }
}

static bool run(orr_program *p, orr_tensor *const *argument,
                orr_tensor **result) {
  const size_t n = p->leaves.count, bytes = (n + 1) * sizeof(orr_tensor *);
  const orr_program_leaf *leaf = p->leaves.items;
  orr_tensor **gradient = orr_alloc_zero(bytes);
  const bool ok = gradient && bind_buffers(p) && run_rows(p) &&
      make_results(p, argument, result, gradient) && run_late_rows(p);
  for (size_t i = 0; ok && i < n; i++)
    if (leaf[i].set) orr_set_grad(leaf[i].leaf, gradient[i]);
  if (!ok) release_all(result, p->results.count);
  if (gradient) release_all(gradient, n);
  if (gradient) orr_free(gradient, bytes);
  return ok;
}

bool orr_program_run(orr_program *p, orr_tensor *const *argument, int numbers,
                     const double *number, orr_tensor **result) {
  for (size_t i = 0; i < p->results.count; i++) result[i] = NULL;
  p->updates_done = p->kept_done = 0;
  p->stopped_at = -1;
  if (orr_recorder_now)
    return orr_set_error("compile: a step is being recorded; end it first");
  if (!orr_program_settle(p) || !bind_arguments(p, argument) ||
      !bind_numbers(p, numbers, number))
    return false;
  note_streams(p);
  drop_gradients(p);
  const bool ok = run(p, argument, result);
  if (!ok) put_back(p);
  unbind(p);
  return ok;
}

int orr_program_stopped(const orr_program *p, double *value) {
  *value = p->stopped_by;
  return p->stopped_at;
}

// ---- what there is to know

int orr_program_results(const orr_program *p) { return (int)p->results.count; }

orr_program_facts orr_program_describe(const orr_program *p) {
  return (orr_program_facts){.rows = p->rows.count - p->dead_rows,
                             .dead_rows = p->dead_rows,
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
                             .members = c ? orr_cluster_size(c) : 1};
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
