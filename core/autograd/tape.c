// tape.c -- recording applications and letting go of them.
#include "tape.h"

#include "../compile/recorder.h"
#include "checkpoint.h"
#include "hooks.h"

#include <math.h>
#include <string.h>

static bool grad_enabled = true;
static bool anomaly;
static uint64_t next_sequence;

bool orr_grad_enabled(void) { return grad_enabled; }

bool orr_enable_grad(bool on) {
  const bool before = grad_enabled;
  grad_enabled = on;
  return before;
}

void orr_detect_anomaly(bool on) { anomaly = on; }
bool orr_anomaly_detected_on(void) { return anomaly; }

bool orr_requires_grad(const orr_tensor *t) {
  return t->requires_grad || t->node;
}
bool orr_is_leaf(const orr_tensor *t) { return !t->node; }
orr_tensor *orr_grad_of(const orr_tensor *t) {
  orr_note_grad_read(t);
  return t->grad;
}

void orr_set_grad(orr_tensor *t, orr_tensor *grad) {
  orr_note_grad_set(t);
  orr_retain(grad);
  orr_release(t->grad);
  t->grad = grad;
}

bool orr_set_requires_grad(orr_tensor *t, bool on) {
  if (t->node)
    return orr_set_error("requires_grad_: the tensor was made by %s; only "
                         "leaves can be switched, use x:detach()",
                         t->node->op->name);
  if (on && !orr_dtype_is_float(t->dtype))
    return orr_set_error("requires_grad_: the tensor is %s; only float32 and "
                         "float64 have gradients",
                         orr_dtype_name(t->dtype));
  t->requires_grad = on;
  return true;
}

const char *orr_grad_fn(const orr_tensor *t, orr_site *site) {
  if (site) *site = t->node ? t->node->site : (orr_site){NULL, 0};
  return t->node ? t->node->op->name : "";
}

bool orr_should_record(const orr_call *c, orr_tensor *const *x) {
  if (!grad_enabled || !c->op->vjp) return false;
  for (int i = 0; i < c->nx; i++)
    if (x[i] && orr_requires_grad(x[i])) return true;
  return false;
}

// A node and what it holds for each input are one block.
static size_t node_bytes(int nx) {
  return sizeof(orr_node) +
      (size_t)nx * (sizeof(orr_edge) + sizeof(orr_tensor *) + sizeof(uint32_t));
}

static orr_node *new_node(const orr_call *c) {
  orr_node *n = orr_alloc_zero(node_bytes(c->nx));
  if (!n) return NULL;
  n->refs = 1;
  n->op = c->op;
  n->nx = c->nx;
  n->ny = c->ny;
  n->edge = (orr_edge *)(void *)(n + 1);
  n->x = (orr_tensor **)(void *)(n->edge + c->nx);
  n->x_version = (uint32_t *)(void *)(n->x + c->nx);
  memcpy(n->attr, c->attr, sizeof n->attr);
  return n;
}

static void connect_input(orr_node *n, int i, orr_tensor *x) {
  if (x->node) {
    x->node->refs++;
    n->edge[i] = (orr_edge){.node = x->node, .out_index = x->out_index};
  } else if (x->requires_grad) {
    n->edge[i].leaf = orr_retain(x);
  }
}

static bool save_input(orr_node *n, int i, orr_tensor *x, bool lean) {
  if (!x) return true;
  const bool drop = orr_saved(n->op, n->attr) & ORR_DROPS_X;
  if (!drop) n->x_version[i] = x->storage->version;
  n->x[i] = drop || lean ? orr_shape_only(x) : orr_retain(x);
  return n->x[i] != NULL;
}

static bool save_output(orr_node *n, int i, orr_tensor *y, bool lean) {
  const bool keep = orr_saved(n->op, n->attr) & ORR_KEEPS_Y && !lean;
  n->y[i] = keep ? orr_detach(y) : orr_shape_only(y);
  if (n->y[i]) n->y_version[i] = y->storage->version;
  return n->y[i] != NULL;
}

static bool save(orr_node *n, const orr_call *c, orr_tensor *const *x,
                 bool lean) {
  bool ok = true;
  for (int i = 0; ok && i < c->nx; i++) ok = save_input(n, i, x[i], lean);
  for (int i = 0; ok && i < c->ny; i++) ok = save_output(n, i, c->y[i], lean);
  return ok;
}

static void attach_outputs(orr_node *n, orr_call *c) {
  for (int i = 0; i < c->ny; i++) {
    if (!orr_dtype_is_float(c->y[i]->dtype)) continue;
    n->refs++;
    c->y[i]->node = n;
    c->y[i]->out_index = i;
  }
}

static void free_saved(orr_node *n) {
  for (int i = 0; i < n->nx; i++) {
    orr_release(n->x[i]);
    n->x[i] = NULL;
  }
  for (int i = 0; i < n->ny; i++) {
    orr_release(n->y[i]);
    n->y[i] = NULL;
  }
}

// The same call done again: the node that stands for it gets what it lacks.
static bool record_again(orr_node *n, orr_call *c, orr_tensor *const *x,
                         bool fill) {
  if (fill && !n->freed) {
    free_saved(n);
    if (!save(n, c, x, false)) return false;
  }
  attach_outputs(n, c);
  return true;
}

bool orr_record(orr_call *c, orr_tensor *const *x) {
  orr_segment *s = orr_current_segment();
  if (s && orr_segment_goes_again(s)) {
    orr_node *old = NULL;
    if (!orr_segment_next(s, c, x, &old)) return false;
    if (old) return record_again(old, c, x, orr_segment_fills(s));
  }
  orr_node *n = new_node(c);
  bool ok = n != NULL;
  for (int i = 0; ok && i < c->nx; i++)
    if (x[i]) connect_input(n, i, x[i]);
  ok = ok && save(n, c, x, s != NULL) &&
      (!s || orr_segment_goes_again(s) || orr_segment_add(s, n));
  if (ok) {
    n->sequence = ++next_sequence;
    n->site = orr_current_site();
    attach_outputs(n, c);
  }
  orr_node_release(n);
  return ok;
}

void orr_node_free_saved(orr_node *n) {
  n->freed = true;
  free_saved(n);
  orr_hooks_free(n->hooks);
  n->hooks = NULL;
}

// A chain of a million ops must not recurse a million deep: nodes whose count
// falls to zero while another is being taken apart wait in a list.
void orr_node_release(orr_node *n) {
  static orr_node *waiting;
  static bool busy;
  if (!n || --n->refs > 0) return;
  n->next_released = waiting;
  waiting = n;
  if (busy) return;
  busy = true;
  while (waiting) {
    n = waiting;
    waiting = n->next_released;
    orr_node_free_saved(n);
    orr_segment_forget(n);
    for (int i = 0; i < n->nx; i++) {
      orr_node_release(n->edge[i].node);
      orr_release(n->edge[i].leaf);
    }
    for (int i = 0; i < n->ny; i++) orr_release(n->gy[i]);
    orr_free(n, node_bytes(n->nx));
  }
  busy = false;
}

bool orr_check_finite(const char *what, const orr_op *op, const orr_tensor *t,
                      orr_site site) {
  if (!t || !t->storage || !orr_dtype_is_float(t->dtype)) return true;
  char shape[128];
  for (int64_t i = 0; i < t->count; i++) {
    const double v = orr_get(t, i);
    if (isfinite(v)) continue;
    return orr_set_error("%s: %s made %g at element %lld of %s (%s:%d); look "
                         "at its inputs",
                         op->name, what, v, (long long)i + 1,
                         orr_shape_text(t, shape, sizeof shape),
                         site.file ? site.file : "?", site.line);
  }
  return true;
}
