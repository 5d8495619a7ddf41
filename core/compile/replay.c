// replay.c -- a recorded step is done again.
#include <math.h>
#include <string.h>

#include "../base/random.h"
#include "../base/threads.h"
#include "../kernels/elementwise.h"
#include "program.h"

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
  const int64_t begin = p->timed ? orr_clock_ns() : 0;
  const bool ok = run_row(p, row);
  orr_scope_end(mark);
  row->last_ns = p->timed ? orr_clock_ns() - begin : 0;
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

static int64_t updated_by(const orr_step_row *row) {
  int64_t n = 0;
  for (int k = 0; k < row->n; k++) n += row->x[k]->count;
  return n;
}

// What all updates took together, to each by how many elements it updates.
static void share_time(const orr_program *p, size_t end, int64_t ns) {
  int64_t all = 0;
  for (size_t i = p->late; i < end; i++) all += updated_by(orr_row_at(p, i));
  for (size_t i = p->late; all && i < end; i++) {
    orr_step_row *row = orr_row_at(p, i);
    row->last_ns +=
        (int64_t)((double)ns * (double)updated_by(row) / (double)all);
  }
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
  const int64_t begin = p->timed ? orr_clock_ns() : 0;
  orr_steps_end(ok);
  if (p->timed) share_time(p, i, orr_clock_ns() - begin);
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
  const bool ok = gradient && orr_bind_buffers(p) && run_rows(p) &&
      orr_make_results(p, argument, result, gradient) && run_late_rows(p);
  for (size_t i = 0; ok && i < n; i++)
    if (leaf[i].set) orr_set_grad(leaf[i].leaf, gradient[i]);
  if (!ok) release_all(result, p->results.count);
  if (gradient) release_all(gradient, n);
  if (gradient) orr_free(gradient, bytes);
  return ok;
}

static void count_time(orr_program *p, int64_t ns) {
  p->timed_runs++;
  p->timed_ns += ns;
  for (size_t i = 0; i < p->rows.count; i++)
    orr_row_at(p, i)->ns += orr_row_at(p, i)->last_ns;
}

bool orr_program_run(orr_program *p, orr_tensor *const *argument, int numbers,
                     const double *number, orr_tensor **result) {
  for (size_t i = 0; i < p->results.count; i++) result[i] = NULL;
  p->updates_done = p->kept_done = 0;
  p->stopped_at = -1;
  if (orr_recorder_now)
    return orr_set_error("compile: a step is being recorded; end it first");
  if (!orr_program_settle(p) || !orr_bind_arguments(p, argument) ||
      !orr_bind_numbers(p, numbers, number))
    return false;
  const int64_t begin = p->timed ? orr_clock_ns() : 0;
  note_streams(p);
  orr_drop_gradients(p);
  const bool ok = run(p, argument, result);
  if (!ok) put_back(p);
  orr_unbind(p);
  if (ok && p->timed) count_time(p, orr_clock_ns() - begin);
  return ok;
}
