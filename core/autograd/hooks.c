// hooks.c -- functions from outside run on a gradient when it is complete.
//
// The hooks of a leaf hang on the leaf, those of a result on the node that
// made it: the graph may outlive the tensor.
#include "hooks.h"

#include <string.h>

static orr_hook **list_of(orr_tensor *t) {
  return t->node ? &t->node->hooks : &t->hooks;
}

static void disarm(orr_hook *h) {
  if (h->fn && h->drop) h->drop(h->context);
  h->fn = NULL;
}

void orr_hook_release(orr_hook *h) {
  if (!h || --h->refs > 0) return;
  disarm(h);
  orr_free(h, sizeof *h);
}

void orr_hook_remove(orr_hook *h) {
  if (h) disarm(h);
}

// Removed hooks leave the list here, not in orr_hook_remove: a hook may remove
// itself while the list is gone through.
static void purge(orr_hook **list) {
  while (*list) {
    orr_hook *h = *list;
    if (h->fn || h->keeper) {
      list = &h->next;
      continue;
    }
    *list = h->next;
    orr_hook_release(h);
  }
}

static orr_hook *new_hook(orr_tensor *t) {
  orr_hook **list = list_of(t);
  if (!orr_pass_number()) purge(list);
  orr_hook *h = orr_alloc_zero(sizeof *h);
  if (!h) return NULL;
  h->refs = 1;
  h->output = t->out_index;
  while (*list) list = &(*list)->next;
  return *list = h;
}

orr_hook *orr_add_hook(orr_tensor *t, orr_hook_fn *fn, void (*drop)(void *),
                       void *context) {
  orr_hook *h = NULL;
  if (!orr_requires_grad(t))
    orr_set_error("register_hook: the tensor does not require grad; call "
                  "requires_grad_() first");
  else
    h = new_hook(t);
  if (!h) {
    if (drop) drop(context);
    return NULL;
  }
  h->fn = fn;
  h->drop = drop;
  h->context = context;
  h->refs++;
  return h;
}

bool orr_retain_grad(orr_tensor *t) {
  if (!orr_requires_grad(t))
    return orr_set_error("retain_grad: the tensor does not require grad; call "
                         "requires_grad_() on inputs first");
  if (!t->node || t->retains_grad) return true;
  orr_hook *h = new_hook(t);
  if (!h) return false;
  h->keeper = t;
  t->retains_grad = true;
  return true;
}

bool orr_retains_grad(const orr_tensor *t) { return t->retains_grad; }

void orr_forget_keeper(orr_tensor *t) {
  for (orr_hook *h = t->node->hooks; h; h = h->next)
    if (h->keeper == t) h->keeper = NULL;
}

void orr_hooks_free(orr_hook *list) {
  while (list) {
    orr_hook *next = list->next;
    disarm(list);  // a handle may live on
    orr_hook_release(list);
    list = next;
  }
}

bool orr_hooks_wait(const orr_tensor *t) {
  if (t->node) return t->node->hooks && (t->refs > 1 || t->node->refs > 1);
  return t->hooks && t->refs > 1;
}

static bool check_result(const orr_tensor *r, const orr_tensor *like) {
  char a[128], b[128];
  if (r->dtype == like->dtype && orr_same_shape(r, like)) return true;
  return orr_set_error("register_hook: the hook returned %s %s but the "
                       "gradient is %s %s; match them",
                       orr_dtype_name(r->dtype), orr_shape_text(r, a, sizeof a),
                       orr_dtype_name(like->dtype),
                       orr_shape_text(like, b, sizeof b));
}

bool orr_run_hooks(orr_hook *h, int output, orr_tensor **g) {
  for (; h; h = h->next) {
    if (h->output != output || !h->fn) continue;
    orr_tensor *r = h->fn(h->context, *g);
    if (!r) return false;
    if (!check_result(r, *g)) {
      orr_release(r);
      return false;
    }
    orr_release(*g);
    *g = r;
  }
  return true;
}
