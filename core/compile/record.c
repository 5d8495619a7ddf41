// record.c -- a step is written down while it runs.
//
// What a row reads and writes is known by its storage, not by its tensor: so
// views, detached tensors and writing in place need nothing special, and
// nothing has to be kept alive for the recording's sake. A storage that no row
// made was there before (a parameter, a constant) and is held by the program.
#include <stdio.h>
#include <string.h>

#include "../autograd/checkpoint.h"
#include "program.h"

struct orr_recorder {
  orr_program *program;
  char refusal[600];
};

orr_recorder *orr_recorder_now;
uint32_t orr_recorder_epoch;
int orr_kernel_depth;
orr_ran_loop orr_ran;
static uint32_t epochs;

// ---- refusing

static bool refuse(const char *format, ...) {
  orr_recorder *r = orr_recorder_now;
  if (!r->refusal[0]) {
    va_list args;
    va_start(args, format);
    vsnprintf(r->refusal, sizeof r->refusal, format, args);
    va_end(args);
  }
  orr_clear_error();
  return orr_set_error("%s", r->refusal);
}

bool orr_note_allowed(void) {
  if (!orr_recorder_now || !orr_recorder_now->refusal[0]) return true;
  return refuse("%s", "");
}

static bool is_known(const orr_tensor *t) {
  return t->storage->noted_by == orr_recorder_epoch;
}

void orr_note_read(const orr_tensor *t) {
  const orr_program *p = orr_recorder_now->program;
  if (!t->storage || orr_recorder_now->refusal[0]) return;
  if (t->storage->born == orr_recorder_epoch) {
    if (!is_known(t)) return;
    const orr_buffer *b = orr_buffer_at(p, t->storage->place);
    if (b->kind == ORR_BUFFER_HELD && b->fresh) return;
  }
  const orr_site site = orr_current_site();
  snprintf(orr_recorder_now->refusal, sizeof orr_recorder_now->refusal,
           "compile: line %d of %s reads or writes single values inside the "
           "step; return the tensor instead, and read it outside",
           site.line, site.file ? site.file : "?");
}

bool orr_program_refuse(const char *what, const char *instead) {
  if (!orr_recorder_now) return true;
  const orr_site site = orr_current_site();
  return refuse("compile: %s at %s:%d inside the step; %s", what,
                site.file ? site.file : "?", site.line,
                instead ? instead
                        : "return the tensor instead, and do it outside");
}

// ---- buffers and headers

static orr_buffer *add_buffer(orr_program *p, orr_storage *real,
                              orr_buffer_kind kind) {
  orr_storage *ours = real;
  if (kind != ORR_BUFFER_HELD) {
    ours = orr_alloc(sizeof *ours);
    if (!ours) return NULL;
    *ours = (orr_storage){.refs = 0};
  }
  orr_buffer *b = orr_list_add(&p->buffers);
  if (!b) {
    if (ours != real) orr_free(ours, sizeof *ours);
    return NULL;
  }
  *b = (orr_buffer){.kind = kind, .storage = ours, .bytes = real->bytes};
  b->storage->refs++;
  b->fresh = real->born == orr_recorder_epoch;
  real->noted_by = ours->noted_by = orr_recorder_epoch;
  real->place = ours->place = (uint32_t)(p->buffers.count - 1);
  return b;
}

// A tensor that stands for t in the program.
static orr_tensor *header(orr_program *p, const orr_tensor *t) {
  if (!is_known(t) && !add_buffer(p, t->storage, ORR_BUFFER_HELD)) return NULL;
  const orr_buffer *b = orr_buffer_at(p, t->storage->place);
  return orr_tensor_view(b->storage, t->dtype, t->rank, t->size, t->stride,
                         t->offset - b->base);
}

static bool note_guard(orr_program *p, orr_tensor *t) {
  if (t->node || t->storage->born == orr_recorder_epoch) return true;
  if (is_known(t) &&
      orr_buffer_at(p, t->storage->place)->kind != ORR_BUFFER_HELD)
    return true;
  const orr_program_guard *all = p->guards.items;
  for (size_t i = 0; i < p->guards.count; i++)
    if (all[i].tensor == t) return true;
  orr_program_guard *g = orr_list_add(&p->guards);
  if (g) *g = (orr_program_guard){orr_retain(t), t->requires_grad};
  return g != NULL;
}

// ---- rows

static orr_step_row *add_row(orr_program *p, orr_row_kind kind, int nx,
                             int ny) {
  orr_step_row *row = orr_row_new(kind, nx, ny);
  orr_step_row **slot = row ? orr_list_add(&p->rows) : NULL;
  if (slot) {
    const orr_segment *segment = orr_current_segment();
    row->again = segment && orr_segment_goes_again(segment);
    return *slot = row;
  }
  if (row) orr_row_free(row);
  return NULL;
}

static bool fill(orr_program *p, orr_tensor **to, int n,
                 orr_tensor *const *from) {
  for (int i = 0; i < n; i++) {
    if (!from[i]) continue;
    if (!note_guard(p, from[i]) || !(to[i] = header(p, from[i]))) return false;
  }
  return true;
}

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
  if (c->op->flags & ORR_VIEW) return note_guard(p, x[0]);
  orr_step_row *row = add_row(p, ORR_ROW_CALL, c->nx, c->ny);
  if (!row || !fill(p, row->x, c->nx, x)) return false;
  for (int i = 0; i < c->ny; i++) {
    if (!add_buffer(p, c->y[i]->storage, ORR_BUFFER_ROW) ||
        !(row->y[i] = header(p, c->y[i])))
      return false;
  }
  settle_call(row, c);
  note_loop(row, c);
  return true;
}

// ---- writing

static bool keep_snapshot(orr_program *p, orr_tensor *t) {
  if (!is_known(t) && !add_buffer(p, t->storage, ORR_BUFFER_HELD)) return false;
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
  if (t->storage->born == orr_recorder_epoch && !is_known(t) && all &&
      (size_t)t->count * orr_dtype_size(t->dtype) == t->storage->bytes)
    return add_buffer(p, t->storage, ORR_BUFFER_ROW) != NULL;
  if (is_known(t) &&
      orr_buffer_at(p, t->storage->place)->kind == ORR_BUFFER_ARGUMENT)
    return refuse("compile: %s writes over an argument of the step; write "
                  "over a copy, x:clone()",
                  who);
  return keep_snapshot(p, t);
}

// Whether t is all of what a row of this step made.
static bool is_all_made_here(const orr_program *p, const orr_tensor *t) {
  if (!is_known(t) || !t->contiguous || t->offset != 0) return false;
  const orr_buffer *b = orr_buffer_at(p, t->storage->place);
  return b->kind == ORR_BUFFER_ROW &&
      (size_t)t->count * orr_dtype_size(t->dtype) == b->bytes;
}

// Writing over all of it makes another buffer, which whoever reads it later
// reads: so between two rows that write outside each is made once.
static bool note_made_anew(orr_program *p, const orr_call *c,
                           orr_tensor *const *x, const orr_tensor *target) {
  orr_step_row *row = add_row(p, ORR_ROW_CALL, c->nx, 1);
  if (!row || !fill(p, row->x, c->nx, x) ||
      !add_buffer(p, target->storage, ORR_BUFFER_ROW) ||
      !(row->y[0] = header(p, target)))
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
  orr_step_row *row = add_row(p, ORR_ROW_INPLACE, c->nx, direct ? 1 : 2);
  if (!row || !fill(p, row->x, c->nx, x) || !fill(p, row->y, 1, &target))
    return false;
  row->direct = direct;
  if (!direct &&
      (!add_buffer(p, c->y[0]->storage, ORR_BUFFER_ROW) ||
       !(row->y[1] = header(p, c->y[0]))))
    return false;
  settle_call(row, c);
  row->call.y[0] = row->y[direct ? 0 : 1];
  row->call.y[1] = NULL;
  return true;
}

bool orr_note_copy(orr_tensor *to, orr_tensor *from) {
  if (!orr_recorder_now || orr_kernel_depth) return true;
  orr_program *p = orr_recorder_now->program;
  orr_step_row *row = add_row(p, ORR_ROW_COPY, 1, 1);
  return row && fill(p, row->x, 1, &from) && fill(p, row->y, 1, &to);
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
      add_row(p, ORR_ROW_UPDATE, (2 + states) * u->n, (1 + states) * u->n);
  if (!row) return false;
  const int n = row->n = u->n;
  row->states = u->states;
  take_options(row, u);
  bool ok = fill(p, row->x, n, u->param) && fill(p, row->x + n, n, u->grad) &&
      fill(p, row->y, n, u->param);
  for (int s = 0, at = 0; ok && s < u->states; s++) {
    if (!u->state[s]) continue;
    row->has_state[s] = true;
    ok = fill(p, row->x + (2 + at) * n, n, u->state[s]) &&
        fill(p, row->y + (1 + at) * n, n, u->state[s]);
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
  orr_step_row *row = add_row(p, ORR_ROW_CLIP, n, n + 1);
  if (!row || !add_buffer(p, norm->storage, ORR_BUFFER_ROW)) return false;
  row->n = n;
  row->o.max_norm = max_norm;
  return fill(p, row->x, n, grad) && fill(p, row->y, n, grad) &&
      fill(p, row->y + n, 1, &norm);
}

bool orr_program_check(orr_tensor *t, double *value) {
  if (!orr_recorder_now)
    return orr_set_error("compile: no step is being recorded; begin one first");
  if (t->count != 1 || !orr_dtype_is_float(t->dtype))
    return orr_set_error("compile: a check is of one floating element");
  orr_program *p = orr_recorder_now->program;
  if (!orr_note_allowed()) return false;
  orr_step_row *row = add_row(p, ORR_ROW_CHECK, 1, 0);
  if (!row || !fill(p, row->x, 1, &t)) return false;
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
  return !is_known(t) ||
      orr_buffer_at(p, t->storage->place)->kind == ORR_BUFFER_HELD;
}

static orr_program_leaf *note_leaf(const orr_tensor *t) {
  orr_program *p = orr_recorder_now->program;
  if (!is_outer(p, t) || find_leaf(p, t)) return NULL;
  orr_program_leaf *l = orr_list_add(&p->leaves);
  if (!l) {
    refuse("%s", orr_error());
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
  if (!l->had || is_known(t->grad)) return;
  orr_buffer *b = add_buffer(p, t->grad->storage, ORR_BUFFER_GRADIENT);
  if (!b) {
    refuse("%s", orr_error());
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
  orr_step_row *row = add_row(p, ORR_ROW_MARK, 0, 0);
  if (!row) return -1;
  row->stream = orr_stream_retain(s);
  return row->mark = p->mark_count++;
}

bool orr_note_swap(orr_stream *s, int mark) {
  if (!orr_recorder_now) return true;
  if (mark < 0)
    return refuse("compile: a checkpoint that began outside is done again "
                  "inside the step; begin it inside");
  orr_step_row *row = add_row(orr_recorder_now->program, ORR_ROW_SWAP, 0, 0);
  if (!row) return false;
  row->stream = orr_stream_retain(s);
  row->mark = mark;
  return true;
}

// ---- beginning and ending

bool orr_program_recording(void) { return orr_recorder_now != NULL; }

static bool add_argument(orr_program *p, orr_tensor *t, int index) {
  orr_buffer *b = add_buffer(p, t->storage, ORR_BUFFER_ARGUMENT);
  if (!b) return false;
  b->index = index;
  b->base = t->offset;
  orr_tensor **slot = orr_list_add(&p->arguments);
  if (slot) *slot = header(p, t);
  if (slot && !*slot) p->arguments.count--;
  return slot && p->arguments.count == (size_t)index + 1;
}

orr_tensor *orr_program_number(double value) {
  if (!orr_recorder_now) {
    orr_set_error("compile: no step is being recorded; begin one first");
    return NULL;
  }
  orr_program *p = orr_recorder_now->program;
  orr_tensor *t = orr_scalar(ORR_F64, value);
  orr_buffer *b = t ? add_buffer(p, t->storage, ORR_BUFFER_NUMBER) : NULL;
  if (!b || !orr_list_add(&p->numbers)) return orr_release(t), NULL;
  b->index = (int)(p->numbers.count - 1);
  return t;
}

bool orr_program_begin(int n, orr_tensor *const *argument) {
  if (orr_recorder_now)
    return orr_set_error("compile: a step is being recorded; end it first");
  orr_recorder *r = orr_alloc_zero(sizeof *r);
  if (!r) return false;
  r->program = orr_program_new();
  orr_memory_tight(true);
  orr_recorder_now = r;
  orr_recorder_epoch = ++epochs;
  bool ok = r->program != NULL;
  for (int i = 0; ok && i < n; i++)
    ok = add_argument(r->program, argument[i], i);
  if (!ok) orr_program_cancel();
  return ok;
}

static orr_program *stop(void) {
  orr_recorder *r = orr_recorder_now;
  orr_program *p = r->program;
  orr_recorder_now = NULL;
  orr_recorder_epoch = 0;
  orr_memory_tight(false);
  orr_free(r, sizeof *r);
  return p;
}

void orr_program_cancel(void) {
  if (orr_recorder_now) orr_program_free(stop());
}

static void leave(orr_program *p, const orr_tensor *h) {
  orr_buffer *b = orr_buffer_under(p, h);
  b->needed = true;
  if (b->kind == ORR_BUFFER_ROW) b->leaves = true;
}

static bool add_results(orr_program *p, int n, orr_tensor *const *result) {
  for (int i = 0; i < n; i++) {
    orr_tensor *h = header(p, result[i]);
    orr_tensor **slot = h ? orr_list_add(&p->results) : NULL;
    if (!slot) {
      orr_release(h);
      return false;
    }
    leave(p, *slot = h);
  }
  return true;
}

static bool end_leaves(orr_program *p) {
  orr_program_leaf *all = p->leaves.items;
  for (size_t i = 0; i < p->leaves.count; i++) {
    const orr_tensor *g = all[i].leaf->grad;
    if (all[i].leaf->refs == 1) all[i].set = false;
    if (!all[i].set || !g) continue;
    all[i].gradient = header(p, g);
    if (!all[i].gradient) return false;
    leave(p, all[i].gradient);
  }
  return true;
}

orr_program *orr_program_end(int n, orr_tensor *const *result) {
  if (!orr_recorder_now) {
    orr_set_error("compile: no step is being recorded; begin one first");
    return NULL;
  }
  orr_program *p = orr_recorder_now->program;
  bool ok = orr_note_allowed() && add_results(p, n, result) && end_leaves(p);
  if (ok && p->mark_count) {
    p->marks = orr_alloc_zero((size_t)p->mark_count * sizeof *p->marks);
    ok = p->marks != NULL;
  }
  stop();  // the epoch's notes stay readable until the next begins
  ok = ok && orr_program_plan(p);
  if (ok) return p;
  orr_program_free(p);
  return NULL;
}
