// recorder.c -- a recording begins, knows what it meets, and ends.
//
// What a row reads and writes is known by its storage, not by its tensor: so
// views, detached tensors and writing in place need nothing special, and
// nothing has to be kept alive for the recording's sake. A storage that no row
// made was there before (a parameter, a constant) and is held by the program.
#include <stdio.h>
#include <string.h>

#include "../autograd/checkpoint.h"
#include "recording.h"

orr_recorder *orr_recorder_now;
uint32_t orr_recorder_epoch;
int orr_kernel_depth;
orr_ran_loop orr_ran;
static uint32_t epochs;

// ---- refusing

bool orr_refuse_step(const char *format, ...) {
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
  return orr_refuse_step("%s", "");
}

bool orr_is_noted(const orr_tensor *t) {
  return t->storage->noted_by == orr_recorder_epoch;
}

void orr_note_read(const orr_tensor *t) {
  const orr_program *p = orr_recorder_now->program;
  if (!t->storage || orr_recorder_now->refusal[0]) return;
  if (t->storage->born == orr_recorder_epoch) {
    if (!orr_is_noted(t)) return;
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
  return orr_refuse_step("compile: %s at %s:%d inside the step; %s", what,
                         site.file ? site.file : "?", site.line,
                         instead
                             ? instead
                             : "return the tensor instead, and do it outside");
}

// ---- buffers and headers

orr_buffer *orr_note_buffer(orr_program *p, orr_storage *real,
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
orr_tensor *orr_note_header(orr_program *p, const orr_tensor *t) {
  if (!orr_is_noted(t) && !orr_note_buffer(p, t->storage, ORR_BUFFER_HELD))
    return NULL;
  const orr_buffer *b = orr_buffer_at(p, t->storage->place);
  return orr_tensor_view(b->storage, t->dtype, t->rank, t->size, t->stride,
                         t->offset - b->base);
}

bool orr_note_guard(orr_program *p, orr_tensor *t) {
  if (t->node || t->storage->born == orr_recorder_epoch) return true;
  if (orr_is_noted(t) &&
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

orr_step_row *orr_note_row(orr_program *p, orr_row_kind kind, int nx, int ny) {
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

bool orr_note_tensors(orr_program *p, orr_tensor **to, int n,
                      orr_tensor *const *from) {
  for (int i = 0; i < n; i++) {
    if (!from[i]) continue;
    if (!orr_note_guard(p, from[i]) || !(to[i] = orr_note_header(p, from[i])))
      return false;
  }
  return true;
}
// ---- beginning and ending

bool orr_program_recording(void) { return orr_recorder_now != NULL; }

static bool add_argument(orr_program *p, orr_tensor *t, int index) {
  orr_buffer *b = orr_note_buffer(p, t->storage, ORR_BUFFER_ARGUMENT);
  if (!b) return false;
  b->index = index;
  b->base = t->offset;
  orr_tensor **slot = orr_list_add(&p->arguments);
  if (slot) *slot = orr_note_header(p, t);
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
  orr_buffer *b = t ? orr_note_buffer(p, t->storage, ORR_BUFFER_NUMBER) : NULL;
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
    orr_tensor *h = orr_note_header(p, result[i]);
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
    all[i].gradient = orr_note_header(p, g);
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
