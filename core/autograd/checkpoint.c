// checkpoint.c -- recomputing instead of keeping (Chen et al. 2016).
//
// A segment's nodes are ordinary ones, with all their edges, but hold shapes
// in place of tensors. So gradients arrive by the same ways, in the same
// order and with the same bits as without it, at whatever the segment uses,
// and its gradients differentiate again. When a pass comes to a node that
// lacks its tensors, the segment is done again: the k-th call recorded gives
// what it saves to the k-th node, and its results stand for that node.
//
// A segment inside another has no rerun of its own at first. When the outer
// one is done again the inner is gone through without filling its nodes, and
// learns its rerun then; so tensors of one level exist at a time.
#include "checkpoint.h"

#include <string.h>

#include "../compile/recorder.h"
#include "list.h"

typedef enum { IDLE, FIRST, FILLING, PASSING } orr_segment_mode;

typedef struct noted_stream {
  orr_stream *stream;  // retained
  uint64_t seed, counter;
  int mark;  // of a step that is recorded
} noted_stream;

struct orr_segment {
  int refs;  // of its nodes, its children and whoever began it
  orr_segment_mode mode;
  orr_segment *outer;   // open around it, while it is open
  orr_segment *parent;  // retained; the one it was first made in
  size_t place;         // among the parent's children
  orr_list nodes;       // orr_node *, NULL once gone
  orr_list children;    // orr_segment *, NULL once gone
  orr_list streams;     // noted_stream
  bool filled;
  size_t next_node, next_child;
  orr_rerun_fn *rerun;
  void (*drop)(void *);
  void *context;
};

static orr_segment *current;

orr_segment *orr_current_segment(void) { return current; }

bool orr_segment_goes_again(const orr_segment *s) { return s->mode != FIRST; }

bool orr_segment_fills(const orr_segment *s) { return s->mode == FILLING; }

bool orr_is_rerunning(void) {
  for (const orr_segment *s = current; s; s = s->outer)
    if (s->mode != FIRST) return true;
  return false;
}

// ---- life

static void drop_rerun(orr_segment *s) {
  if (s->rerun && s->drop) s->drop(s->context);
  s->rerun = NULL;
}

void orr_segment_release(orr_segment *s) {
  while (s && --s->refs == 0) {
    drop_rerun(s);
    noted_stream *noted = s->streams.items;
    for (size_t i = 0; i < s->streams.count; i++)
      orr_stream_release(noted[i].stream);
    orr_list_free(&s->streams);
    orr_list_free(&s->nodes);
    orr_list_free(&s->children);
    orr_segment *parent = s->parent;
    if (parent) ((orr_segment **)parent->children.items)[s->place] = NULL;
    orr_free(s, sizeof *s);
    s = parent;
  }
}

static orr_segment *new_segment(void) {
  orr_segment *s = orr_alloc_zero(sizeof *s);
  if (!s) return NULL;
  s->refs = 1;
  s->nodes.size = sizeof(orr_node *);
  s->children.size = sizeof(orr_segment *);
  s->streams.size = sizeof(noted_stream);
  return s;
}

static bool adopt(orr_segment *parent, orr_segment *child) {
  orr_segment **slot = orr_list_add(&parent->children);
  if (!slot) return false;
  *slot = child;
  child->place = parent->children.count - 1;
  child->parent = parent;
  parent->refs++;
  return true;
}

static void open_segment(orr_segment *s, orr_segment_mode mode) {
  s->mode = mode;
  s->next_node = s->next_child = 0;
  s->outer = current;
  current = s;
}

// The child made at this place the first time, if anything needs it still.
static orr_segment *next_child(orr_segment *s) {
  if (s->next_child >= s->children.count) return NULL;
  return ((orr_segment **)s->children.items)[s->next_child++];
}

orr_segment *orr_segment_begin(void) {
  const bool again = current && current->mode != FIRST;
  orr_segment *s = again ? next_child(current) : NULL;
  if (s) {
    s->refs++;
    open_segment(s, PASSING);
    return s;
  }
  s = new_segment();
  if (s && current && !again && !adopt(current, s)) {
    orr_segment_release(s);
    return NULL;
  }
  if (s) open_segment(s, FIRST);
  return s;
}

void orr_segment_end(orr_segment *s) {
  if (!s || s->mode == IDLE) return;
  while (current) {  // one left open inside s goes with it
    orr_segment *ended = current;
    ended->mode = IDLE;
    current = ended->outer;
    if (ended == s) return;
  }
}

bool orr_segment_needs_rerun(void) {
  if (!current) return true;
  if (current->mode != FILLING) return false;
  if (current->next_child >= current->children.count) return false;
  const orr_segment *s =
      ((orr_segment **)current->children.items)[current->next_child];
  return s && !s->rerun && !s->filled;
}

void orr_segment_set_rerun(orr_segment *s, orr_rerun_fn *rerun,
                           void (*drop)(void *), void *context) {
  drop_rerun(s);
  s->rerun = rerun;
  s->drop = drop;
  s->context = context;
}

// ---- nodes

bool orr_segment_add(orr_segment *s, orr_node *n) {
  orr_node **slot = orr_list_add(&s->nodes);
  if (!slot) return false;
  *slot = n;
  n->place = s->nodes.count - 1;
  n->segment = s;
  s->refs++;
  return true;
}

void orr_segment_forget(orr_node *n) {
  if (!n->segment) return;
  ((orr_node **)n->segment->nodes.items)[n->place] = NULL;
  orr_segment_release(n->segment);
  n->segment = NULL;
}

static bool same_edge(const orr_edge *e, const orr_tensor *x) {
  if (!x) return !e->node && !e->leaf;
  if (x->node) return e->node == x->node && e->out_index == x->out_index;
  return !e->node && e->leaf == (x->requires_grad ? x : NULL);
}

static bool same_call(const orr_node *n, const orr_call *c,
                      orr_tensor *const *x) {
  if (n->op != c->op || n->nx != c->nx ||
      memcmp(n->attr, c->attr, sizeof n->attr) != 0)
    return false;
  for (int i = 0; i < n->nx; i++) {
    if (!same_edge(&n->edge[i], x[i])) return false;
    if (n->x[i] &&
        (n->x[i]->dtype != x[i]->dtype || !orr_same_shape(n->x[i], x[i])))
      return false;
  }
  return true;
}

static bool unchanged(const orr_node *n, orr_tensor *const *x) {
  const bool drops = orr_saved(n->op, n->attr) & ORR_DROPS_X;
  for (int i = 0; i < n->nx && !drops; i++)
    if (x[i] && x[i]->storage->version != n->x_version[i]) return false;
  return true;
}

bool orr_segment_next(orr_segment *s, const orr_call *c, orr_tensor *const *x,
                      orr_node **node) {
  if (s->next_node >= s->nodes.count)
    return orr_set_error("checkpoint: done again for backward, fn went on with "
                         "%s, which it had not done; it must do the same both "
                         "times",
                         c->op->name);
  const orr_node *n = *node = ((orr_node **)s->nodes.items)[s->next_node++];
  if (!n) return true;
  const char *file = n->site.file ? n->site.file : "?";
  if (!same_call(n, c, x))
    return orr_set_error("checkpoint: done again for backward, fn did %s in "
                         "place of the %s at %s:%d; it must do the same to the "
                         "same tensors both times",
                         c->op->name, n->op->name, file, n->site.line);
  if (!unchanged(n, x))
    return orr_set_error("checkpoint: what %s at %s:%d reads was changed in "
                         "place since; call backward before changing it",
                         n->op->name, file, n->site.line);
  return true;
}

// ---- random streams

bool orr_segment_note_stream(orr_stream *stream) {
  for (orr_segment *s = current; s && s->mode == FIRST; s = s->outer) {
    const noted_stream *noted = s->streams.items;
    bool known = false;
    for (size_t i = 0; i < s->streams.count; i++)
      known = known || noted[i].stream == stream;
    if (known) continue;
    noted_stream *fresh = orr_list_add(&s->streams);
    if (!fresh) return false;
    fresh->stream = orr_stream_retain(stream);
    orr_stream_get(stream, &fresh->seed, &fresh->counter);
    fresh->mark = orr_note_mark(stream);
  }
  return true;
}

// Swaps where the streams are with where `at` says.
static bool swap_streams(noted_stream *at, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (!orr_note_swap(at[i].stream, at[i].mark)) return false;
    const noted_stream there = at[i];
    orr_stream_get(there.stream, &at[i].seed, &at[i].counter);
    orr_stream_set(there.stream, there.seed, there.counter);
  }
  return true;
}

// ---- doing it again

static bool run_again(orr_segment *s) {
  const bool recording = orr_enable_grad(true);
  open_segment(s, FILLING);
  const bool ok = s->rerun(s->context);
  orr_segment_end(s);
  orr_enable_grad(recording);
  if (!ok || s->next_node == s->nodes.count) return ok;
  return orr_set_error("checkpoint: done again for backward, fn did %zu "
                       "operations of %zu; it must do the same both times",
                       s->next_node, s->nodes.count);
}

static bool do_again(orr_segment *s) {
  const size_t n = s->streams.count;
  noted_stream *at = orr_alloc((n + 1) * sizeof *at);
  if (!at) return false;
  if (n) memcpy(at, s->streams.items, n * sizeof *at);
  bool ok = swap_streams(at, n) && run_again(s);
  ok = swap_streams(at, n) && ok;
  orr_free(at, (n + 1) * sizeof *at);
  return ok;
}

bool orr_segment_fill(orr_segment *s) {
  if (s->filled) return true;
  if (s->mode != IDLE)
    return orr_set_error("checkpoint: fn asks for a gradient while it runs; "
                         "take it outside of the checkpoint");
  s->refs++;
  bool ok = true;
  if (!s->rerun && s->parent) ok = orr_segment_fill(s->parent);
  if (ok && !s->rerun)
    ok = orr_set_error("checkpoint: fn cannot be done again; an error stopped "
                       "it the first time");
  ok = ok && do_again(s);
  if (ok) {
    s->filled = true;
    drop_rerun(s);
  }
  orr_segment_release(s);
  return ok;
}
