// record.c -- rows are written down while a step runs.
#include <string.h>

#include "recording.h"

// ---- calls

static void settle_call(orr_step_row *row, const orr_call *c) {
  row->call = *c;
  memcpy(row->attr, c->attr, sizeof row->attr);
  row->call.attr = row->attr;
  row->call.x = row->x;
  row->call.stream = NULL;
  for (int i = 0; i < ORR_MAX_OUTPUT; i++)
    row->call.y[i] = i < row->ny ? row->y[i] : NULL;
  if (c->op->flags & ORR_RANDOM)
    row->call.stream = row->stream = orr_stream_retain(c->stream);
}

static void note_loop(orr_step_row *row, const orr_call *c) {
  if (orr_ran.call != c) return;
  row->loop = orr_ran.loop;
  row->grain = orr_ran.grain;
}

bool orr_note_call(const orr_call *c, orr_tensor *const *x) {
  if (!orr_recorder_now || orr_kernel_depth) return true;
  orr_program *p = orr_recorder_now->program;
  if (!orr_note_allowed()) return false;
  if (c->op->flags & ORR_VIEW) return orr_note_guard(p, x[0]);
  orr_step_row *row = orr_note_row(p, ORR_ROW_CALL, c->nx, c->ny);
  if (!row || !orr_note_tensors(p, row->x, c->nx, x)) return false;
  for (int i = 0; i < c->ny; i++) {
    if (!orr_note_buffer(p, c->y[i]->storage, ORR_BUFFER_ROW) ||
        !(row->y[i] = orr_note_header(p, c->y[i])))
      return false;
  }
  settle_call(row, c);
  note_loop(row, c);
  return true;
}

// ---- writing

static bool keep_snapshot(orr_program *p, orr_tensor *t) {
  if (!orr_is_noted(t) && !orr_note_buffer(p, t->storage, ORR_BUFFER_HELD))
    return false;
  orr_buffer *b = orr_buffer_at(p, t->storage->place);
  if (b->kind != ORR_BUFFER_HELD || !b->fresh || b->snapshot) return true;
  b->snapshot = orr_alloc(b->bytes);
  if (b->snapshot && b->bytes) memcpy(b->snapshot, t->storage->data, b->bytes);
  return b->snapshot != NULL;
}

bool orr_note_will_write(orr_tensor *t, bool all, const char *who) {
  if (!orr_recorder_now || orr_kernel_depth) return true;
  orr_program *p = orr_recorder_now->program;
  if (!orr_note_allowed()) return false;
  if (t->storage->born == orr_recorder_epoch && !orr_is_noted(t) && all &&
      (size_t)t->count * orr_dtype_size(t->dtype) == t->storage->bytes)
    return orr_note_buffer(p, t->storage, ORR_BUFFER_ROW) != NULL;
  if (orr_is_noted(t) &&
      orr_buffer_at(p, t->storage->place)->kind == ORR_BUFFER_ARGUMENT)
    return orr_refuse_step(
        "compile: %s writes over an argument of the step; write "
        "over a copy, x:clone()",
        who);
  return keep_snapshot(p, t);
}

// Whether t is all of what a row of this step made.
static bool is_all_made_here(const orr_program *p, const orr_tensor *t) {
  if (!orr_is_noted(t) || !t->contiguous || t->offset != 0) return false;
  const orr_buffer *b = orr_buffer_at(p, t->storage->place);
  return b->kind == ORR_BUFFER_ROW &&
      (size_t)t->count * orr_dtype_size(t->dtype) == b->bytes;
}

// Writing over all of it makes another buffer, which whoever reads it later
// reads: so between two rows that write outside each is made once.
static bool note_made_anew(orr_program *p, const orr_call *c,
                           orr_tensor *const *x, const orr_tensor *target) {
  orr_step_row *row = orr_note_row(p, ORR_ROW_CALL, c->nx, 1);
  if (!row || !orr_note_tensors(p, row->x, c->nx, x) ||
      !orr_note_buffer(p, target->storage, ORR_BUFFER_ROW) ||
      !(row->y[0] = orr_note_header(p, target)))
    return false;
  settle_call(row, c);
  note_loop(row, c);
  return true;
}

bool orr_note_inplace(const orr_call *c, orr_tensor *const *x,
                      orr_tensor *target, bool direct) {
  if (!orr_recorder_now || orr_kernel_depth) return true;
  orr_program *p = orr_recorder_now->program;
  if (direct && orr_ran.call == c && is_all_made_here(p, target))
    return note_made_anew(p, c, x, target);
  orr_step_row *row = orr_note_row(p, ORR_ROW_INPLACE, c->nx, direct ? 1 : 2);
  if (!row || !orr_note_tensors(p, row->x, c->nx, x) ||
      !orr_note_tensors(p, row->y, 1, &target))
    return false;
  row->direct = direct;
  if (!direct &&
      (!orr_note_buffer(p, c->y[0]->storage, ORR_BUFFER_ROW) ||
       !(row->y[1] = orr_note_header(p, c->y[0]))))
    return false;
  settle_call(row, c);
  row->call.y[0] = row->y[direct ? 0 : 1];
  row->call.y[1] = NULL;
  return true;
}

bool orr_note_copy(orr_tensor *to, orr_tensor *from) {
  if (!orr_recorder_now || orr_kernel_depth) return true;
  orr_program *p = orr_recorder_now->program;
  orr_step_row *row = orr_note_row(p, ORR_ROW_COPY, 1, 1);
  return row && orr_note_tensors(p, row->x, 1, &from) &&
      orr_note_tensors(p, row->y, 1, &to);
}

static bool add_update(orr_program *p, orr_step_row *row) {
  orr_step_row **slot = orr_list_add(&p->updates);
  if (slot) *slot = row;
  return slot != NULL;
}

static void take_options(orr_step_row *row, const orr_update_note *u) {
  row->rule = u->rule;
  row->first = u->first;
  if (u->rule == ORR_BY_SGD)
    row->o.sgd = *(const orr_sgd *)u->options;
  else if (u->rule == ORR_BY_ADAM)
    row->o.adam = *(const orr_adam *)u->options;
  else
    row->o.rmsprop = *(const orr_rmsprop *)u->options;
}

bool orr_note_update(const orr_update_note *u) {
  if (!orr_recorder_now) return true;
  orr_program *p = orr_recorder_now->program;
  if (!orr_note_allowed()) return false;
  int states = 0;
  for (int s = 0; s < u->states; s++) states += u->state[s] != NULL;
  for (int i = 0; i < u->n; i++) {
    if (!orr_note_will_write(u->param[i], false, "step")) return false;
    for (int s = 0; s < u->states; s++)
      if (u->state[s] && !orr_note_will_write(u->state[s][i], false, "step"))
        return false;
  }
  orr_step_row *row =
      orr_note_row(p, ORR_ROW_UPDATE, (2 + states) * u->n, (1 + states) * u->n);
  if (!row) return false;
  const int n = row->n = u->n;
  row->states = u->states;
  take_options(row, u);
  bool ok = orr_note_tensors(p, row->x, n, u->param) &&
      orr_note_tensors(p, row->x + n, n, u->grad) &&
      orr_note_tensors(p, row->y, n, u->param);
  for (int s = 0, at = 0; ok && s < u->states; s++) {
    if (!u->state[s]) continue;
    row->has_state[s] = true;
    ok = orr_note_tensors(p, row->x + (2 + at) * n, n, u->state[s]) &&
        orr_note_tensors(p, row->y + (1 + at) * n, n, u->state[s]);
    at++;
  }
  return ok && add_update(p, row);
}

bool orr_note_clip(int n, orr_tensor *const *grad, double max_norm,
                   orr_tensor *norm) {
  if (!orr_recorder_now) return true;
  orr_program *p = orr_recorder_now->program;
  if (!orr_note_allowed()) return false;
  if (!norm)
    return orr_program_refuse("the norm of the gradients is read", NULL);
  for (int i = 0; i < n; i++)
    if (!orr_note_will_write(grad[i], false, "clip_grad_norm")) return false;
  orr_step_row *row = orr_note_row(p, ORR_ROW_CLIP, n, n + 1);
  if (!row || !orr_note_buffer(p, norm->storage, ORR_BUFFER_ROW)) return false;
  row->n = n;
  row->o.max_norm = max_norm;
  return orr_note_tensors(p, row->x, n, grad) &&
      orr_note_tensors(p, row->y, n, grad) &&
      orr_note_tensors(p, row->y + n, 1, &norm);
}

bool orr_program_check(orr_tensor *t, double *value) {
  if (!orr_recorder_now)
    return orr_set_error("compile: no step is being recorded; begin one first");
  if (t->count != 1 || !orr_dtype_is_float(t->dtype))
    return orr_set_error("compile: a check is of one floating element");
  orr_program *p = orr_recorder_now->program;
  if (!orr_note_allowed()) return false;
  orr_step_row *row = orr_note_row(p, ORR_ROW_CHECK, 1, 0);
  if (!row || !orr_note_tensors(p, row->x, 1, &t)) return false;
  row->mark = p->check_count++;
  orr_kernel_begin();
  *value = orr_get(t, 0);
  orr_kernel_end();
  return true;
}

// ---- gradients that tensors carry

static orr_program_leaf *find_leaf(const orr_program *p, const orr_tensor *t) {
  orr_program_leaf *all = p->leaves.items;
  for (size_t i = 0; i < p->leaves.count; i++)
    if (all[i].leaf == t) return &all[i];
  return NULL;
}

// Whether t was there before, so that its gradient is seen from outside.
static bool is_outer(const orr_program *p, const orr_tensor *t) {
  if (!t->storage || t->storage->born == orr_recorder_epoch) return false;
  return !orr_is_noted(t) ||
      orr_buffer_at(p, t->storage->place)->kind == ORR_BUFFER_HELD;
}

static orr_program_leaf *note_leaf(const orr_tensor *t) {
  orr_program *p = orr_recorder_now->program;
  if (!is_outer(p, t) || find_leaf(p, t)) return NULL;
  orr_program_leaf *l = orr_list_add(&p->leaves);
  if (!l) {
    orr_refuse_step("%s", orr_error());
    return NULL;
  }
  *l = (orr_program_leaf){.leaf = orr_retain((orr_tensor *)(uintptr_t)t)};
  l->had = t->grad != NULL;
  return l;
}

void orr_note_grad_read(const orr_tensor *t) {
  if (!orr_recorder_now) return;
  orr_program *p = orr_recorder_now->program;
  orr_program_leaf *l = note_leaf(t);
  if (!l) return;
  l->read = true;
  if (!l->had || orr_is_noted(t->grad)) return;
  orr_buffer *b = orr_note_buffer(p, t->grad->storage, ORR_BUFFER_GRADIENT);
  if (!b) {
    orr_refuse_step("%s", orr_error());
    return;
  }
  b->index = (int)(p->leaves.count - 1);
  b->base = t->grad->offset;
}

void orr_note_grad_set(const orr_tensor *t) {
  if (!orr_recorder_now) return;
  note_leaf(t);
  orr_program_leaf *l = find_leaf(orr_recorder_now->program, t);
  if (l) l->set = true;
}

// ---- random streams

int orr_note_mark(orr_stream *s) {
  if (!orr_recorder_now || orr_kernel_depth) return -1;
  orr_program *p = orr_recorder_now->program;
  orr_step_row *row = orr_note_row(p, ORR_ROW_MARK, 0, 0);
  if (!row) return -1;
  row->stream = orr_stream_retain(s);
  return row->mark = p->mark_count++;
}

bool orr_note_swap(orr_stream *s, int mark) {
  if (!orr_recorder_now) return true;
  if (mark < 0)
    return orr_refuse_step(
        "compile: a checkpoint that began outside is done again "
        "inside the step; begin it inside");
  orr_step_row *row =
      orr_note_row(orr_recorder_now->program, ORR_ROW_SWAP, 0, 0);
  if (!row) return false;
  row->stream = orr_stream_retain(s);
  row->mark = mark;
  return true;
}
