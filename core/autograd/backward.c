// backward.c -- walks the tape from results to inputs.
//
// Nodes are visited in the reverse order of their making, each once, when all
// its cotangents have arrived. Gradients of leaves are collected first and
// handed over at the end, so a failure or an interrupt changes nothing.
#include <stdlib.h>
#include <string.h>

#include "checkpoint.h"
#include "hooks.h"
#include "list.h"

typedef struct leaf_grad {
  orr_tensor *leaf;  // retained: a hook may let go of it
  orr_tensor *grad;
} leaf_grad;

// Scratch of a node that a pass around this one was using.
typedef struct borrowed_node {
  orr_node *node;
  uint64_t visit;
  bool leads_to_target;
  orr_tensor *gy[ORR_MAX_OUTPUT];
} borrowed_node;

typedef struct pass {
  orr_list nodes;             // orr_node *, reachable, then sorted by sequence
  orr_list leaves;            // leaf_grad
  orr_list borrowed;          // borrowed_node
  orr_tensor *const *target;  // NULL: every leaf
  orr_tensor **found;         // gradient of each target
  int targets;
  uint64_t visit;
  bool create_graph;
  struct pass *outer;  // the pass whose hook asked for this one
} pass;

static uint64_t visits;
static pass *running;

uint64_t orr_next_visit(void) { return ++visits; }

uint64_t orr_pass_number(void) { return running ? running->visit : 0; }

static bool in_use(const orr_node *n, const pass *p) {
  for (; p; p = p->outer)
    if (n->visit == p->visit) return true;
  return false;
}

static bool borrow_node(pass *p, orr_node *n) {
  borrowed_node *b = orr_list_add(&p->borrowed);
  if (!b) return false;
  *b = (borrowed_node){n, n->visit, n->leads_to_target, {NULL}};
  memcpy(b->gy, n->gy, sizeof b->gy);
  memset(n->gy, 0, sizeof n->gy);
  return true;
}

static void give_nodes_back(pass *p) {
  borrowed_node *all = p->borrowed.items;
  for (size_t i = 0; i < p->borrowed.count; i++) {
    all[i].node->visit = all[i].visit;
    all[i].node->leads_to_target = all[i].leads_to_target;
    memcpy(all[i].node->gy, all[i].gy, sizeof all[i].gy);
  }
  orr_list_free(&p->borrowed);
}

static bool add_node(pass *p, orr_node *n) {
  if (!n || n->visit == p->visit) return true;
  if (p->outer && in_use(n, p->outer) && !borrow_node(p, n)) return false;
  orr_node **slot = orr_list_add(&p->nodes);
  if (!slot) return false;
  n->visit = p->visit;
  n->leads_to_target = false;
  *slot = n;
  return true;
}

static int by_sequence(const void *a, const void *b) {
  const uint64_t x = (*(orr_node *const *)a)->sequence;
  const uint64_t y = (*(orr_node *const *)b)->sequence;
  return x < y ? -1 : x > y;
}

static orr_node **nodes_of(pass *p) { return p->nodes.items; }

// A chain is found last to first and needs no more than turning round.
static void sort_nodes(pass *p) {
  orr_node **n = nodes_of(p);
  const size_t count = p->nodes.count;
  size_t falling = 1;
  while (falling < count && n[falling]->sequence < n[falling - 1]->sequence)
    falling++;
  if (falling < count) {
    qsort(n, count, sizeof *n, by_sequence);
    return;
  }
  for (size_t i = 0; i < count / 2; i++) {
    orr_node *other = n[count - 1 - i];
    n[count - 1 - i] = n[i];
    n[i] = other;
  }
}

static bool collect(pass *p, int n, orr_tensor *const *y) {
  for (int i = 0; i < n; i++)
    if (!add_node(p, y[i]->node)) return false;
  for (size_t i = 0; i < p->nodes.count; i++) {
    const orr_node *node = nodes_of(p)[i];
    for (int e = 0; e < node->nx; e++)
      if (!add_node(p, node->edge[e].node)) return false;
  }
  if (p->nodes.count > 1) sort_nodes(p);
  return true;
}

static int target_of_leaf(const pass *p, const orr_tensor *leaf) {
  for (int i = 0; i < p->targets; i++)
    if (p->target[i] == leaf) return i;
  return -1;
}

static bool edge_leads(const pass *p, const orr_edge *e) {
  if (e->leaf) return !p->target || target_of_leaf(p, e->leaf) >= 0;
  if (!e->node) return false;
  if (e->node->leads_to_target) return true;
  for (int i = 0; i < p->targets; i++)
    if (p->target[i]->node == e->node &&
        p->target[i]->out_index == e->out_index)
      return true;
  return false;
}

// Inputs come before results in the list, so one sweep settles it.
static void mark_needed(pass *p) {
  for (size_t i = 0; i < p->nodes.count; i++) {
    orr_node *n = nodes_of(p)[i];
    for (int e = 0; e < n->nx && !n->leads_to_target; e++)
      n->leads_to_target = edge_leads(p, &n->edge[e]);
  }
}

// Nobody else can see g's elements, and none is another's.
static bool is_ours(const orr_tensor *g) {
  return g->refs == 1 && g->storage->refs == 1 && g->contiguous;
}

// *sum += g.
static bool accumulate(const pass *p, orr_tensor **sum, orr_tensor *g) {
  if (!*sum) {
    *sum = orr_retain(g);
    return true;
  }
  const orr_args args = {.x = {*sum, g}};
  if (!p->create_graph && is_ours(*sum))
    return orr_apply_inplace(&orr_op_add, &args);
  orr_tensor *total = orr_apply(&orr_op_add, &args);
  if (!total) return false;
  orr_release(*sum);
  *sum = total;
  return true;
}

static bool add_leaf(pass *p, orr_tensor *leaf, orr_tensor *g) {
  leaf_grad *fresh = orr_list_add(&p->leaves);
  if (!fresh) return false;
  *fresh = (leaf_grad){orr_retain(leaf), orr_retain(g)};
  return true;
}

static bool give_leaf(pass *p, orr_tensor *leaf, orr_tensor *g) {
  if (p->target) {
    const int i = target_of_leaf(p, leaf);
    return i < 0 || accumulate(p, &p->found[i], g);
  }
  leaf_grad *all = p->leaves.items;
  for (size_t i = 0; i < p->leaves.count; i++)
    if (all[i].leaf == leaf) return accumulate(p, &all[i].grad, g);
  return add_leaf(p, leaf, g);
}

static bool give(pass *p, const orr_edge *e, orr_tensor *g) {
  if (e->leaf) return give_leaf(p, e->leaf, g);
  return accumulate(p, &e->node->gy[e->out_index], g);
}

static bool saved_unchanged(const orr_node *n) {
  for (int i = 0; i < n->nx; i++)
    if (n->x[i] && n->x[i]->storage &&
        n->x[i]->storage->version != n->x_version[i])
      return false;
  for (int i = 0; i < n->ny; i++)
    if (n->y[i]->storage && n->y[i]->storage->version != n->y_version[i])
      return false;
  return true;
}

static bool check_node(const orr_node *n) {
  const char *file = n->site.file ? n->site.file : "?";
  if (n->freed)
    return orr_set_error("backward: %s at %s:%d was already passed; give the "
                         "first pass retain_graph = true",
                         n->op->name, file, n->site.line);
  if (!saved_unchanged(n))
    return orr_set_error("backward: what %s at %s:%d saved was changed in "
                         "place afterwards; use the form without _",
                         n->op->name, file, n->site.line);
  return true;
}

static bool fits(const orr_tensor *g, const orr_tensor *x) {
  return g->rank == x->rank &&
      !memcmp(g->size, x->size, (size_t)x->rank * sizeof *x->size);
}

// A saved output stands for this node again, so that the gradient of the
// gradient finds its way.
static orr_tensor *attach_output(orr_node *n, int i) {
  orr_tensor *y = n->y[i];
  if (!y->storage) return y;
  y = orr_keep(orr_detach(y));
  if (y) {
    n->refs++;
    y->node = n;
    y->out_index = i;
  }
  return y;
}

static bool in_rule;

bool orr_in_rule(void) { return in_rule; }

static bool call_vjp(pass *p, orr_node *n, orr_tensor **gx, bool *needs) {
  orr_tensor *y[ORR_MAX_OUTPUT];
  for (int i = 0; i < n->ny; i++)
    y[i] = p->create_graph ? attach_output(n, i) : n->y[i];
  // Rules may rely on gy being there; gys[0] tells whether it arrived, for
  // those where 0 times what it meets is not 0.
  orr_tensor *gys[ORR_MAX_OUTPUT], *gy = n->gy[0];
  for (int i = 0; i < ORR_MAX_OUTPUT; i++) gys[i] = n->gy[i];
  if (!gy && orr_dtype_is_float(n->y[0]->dtype))
    gy = orr_keep(orr_zeros(n->y[0]->dtype, n->y[0]->rank, n->y[0]->size));
  orr_vjp v = {.op = n->op,
               .nx = n->nx,
               .ny = n->ny,
               .x = n->x,
               .y = y,
               .gy = gy,
               .gys = gys,
               .attr = n->attr,
               .needs = needs,
               .gx = gx};
  const bool outer = in_rule;
  in_rule = true;
  n->op->vjp(&v);
  in_rule = outer;
  return orr_error()[0] == '\0';
}

static bool pass_on(pass *p, orr_node *n, orr_tensor *const *gx,
                    const bool *needs) {
  for (int i = 0; i < n->nx; i++) {
    if (!needs[i] || !gx[i]) continue;
    orr_tensor *g = gx[i];
    if (!fits(g, n->x[i])) g = orr_sum_to(g, n->x[i]->rank, n->x[i]->size);
    if (!g ||
        (orr_anomaly_detected_on() &&
         !orr_check_finite("backward", n->op, g, n->site)))
      return false;
    if (!give(p, &n->edge[i], g)) return false;
  }
  return true;
}

static bool visit_node(pass *p, orr_node *n) {
  if (!n->freed && n->segment && !orr_segment_fill(n->segment)) return false;
  if (!check_node(n)) return false;
  orr_tensor *few[ORR_MAX_INPUT] = {NULL}, **gx = few;
  bool few_needs[ORR_MAX_INPUT], *needs = few_needs;
  const size_t bytes = (size_t)n->nx * (sizeof(orr_tensor *) + sizeof(bool));
  if (n->nx > ORR_MAX_INPUT) {  // of a list
    gx = orr_alloc_zero(bytes);
    if (!gx) return false;
    needs = (bool *)(void *)(gx + n->nx);
  }
  for (int i = 0; i < n->nx; i++) needs[i] = edge_leads(p, &n->edge[i]);
  const size_t mark = orr_scope_begin();
  const bool ok = call_vjp(p, n, gx, needs) && pass_on(p, n, gx, needs);
  orr_scope_end(mark);
  if (gx != few) orr_free(gx, bytes);
  return ok;
}

static void drop_cotangents(orr_node *n) {
  for (int i = 0; i < n->ny; i++) {
    orr_release(n->gy[i]);
    n->gy[i] = NULL;
  }
}

// A target that is no leaf gives its gradient here, when it is complete.
static bool harvest(pass *p, const orr_node *n) {
  for (int i = 0; i < p->targets; i++)
    if (p->target[i]->node == n && n->gy[p->target[i]->out_index]) {
      orr_release(p->found[i]);
      p->found[i] = orr_retain(n->gy[p->target[i]->out_index]);
    }
  return true;
}

static bool arrived(const orr_node *n) {
  for (int i = 0; i < n->ny; i++)
    if (n->gy[i]) return true;
  return false;
}

// Then .grad of results that keep theirs, as leaves do.
static bool run_node_hooks(pass *p, orr_node *n) {
  for (int i = 0; i < n->ny; i++)
    if (n->gy[i] && !orr_run_hooks(n->hooks, i, &n->gy[i])) return false;
  for (orr_hook *h = n->hooks; h && !p->target; h = h->next)
    if (h->keeper && n->gy[h->output] &&
        !add_leaf(p, h->keeper, n->gy[h->output]))
      return false;
  return true;
}

static bool run_leaf_hooks(pass *p) {
  leaf_grad *all = p->leaves.items;
  for (size_t i = 0; i < p->leaves.count; i++)
    if (!all[i].leaf->node &&
        !orr_run_hooks(all[i].leaf->hooks, 0, &all[i].grad))
      return false;
  for (int i = 0; i < p->targets; i++)
    if (!p->target[i]->node && p->found[i] &&
        !orr_run_hooks(p->target[i]->hooks, 0, &p->found[i]))
      return false;
  return true;
}

static bool walk_back(pass *p, bool retain_graph) {
  for (size_t i = p->nodes.count; i-- > 0;) {
    orr_node *n = nodes_of(p)[i];
    if (!arrived(n)) continue;
    if (n->hooks && !run_node_hooks(p, n)) return false;
    harvest(p, n);
    if (n->leads_to_target) {
      if (!visit_node(p, n)) return false;
      if (!retain_graph && !p->create_graph) orr_node_free_saved(n);
    }
    drop_cotangents(n);
  }
  return true;
}

static orr_tensor *ones_like(const orr_tensor *y) {
  orr_tensor *one = orr_empty(y->dtype, y->rank, y->size);
  if (one)
    for (int64_t i = 0; i < one->count; i++) orr_set(one, i, 1);
  return one;
}

static bool seed(pass *p, orr_tensor *y, orr_tensor *gy, const char *who) {
  char a[128], b[128];
  if (!orr_requires_grad(y))
    return orr_set_error("%s: the result does not depend on anything that "
                         "requires grad; call requires_grad_() on inputs "
                         "first",
                         who);
  if (gy && (!orr_same_shape(gy, y) || gy->dtype != y->dtype))
    return orr_set_error("%s: the cotangent is %s %s but the result is %s %s; "
                         "match them",
                         who, orr_dtype_name(gy->dtype),
                         orr_shape_text(gy, a, sizeof a),
                         orr_dtype_name(y->dtype),
                         orr_shape_text(y, b, sizeof b));
  orr_tensor *g = gy ? orr_retain(gy) : ones_like(y);
  if (!g) return false;
  bool ok = true;
  if (y->node)
    ok = accumulate(p, &y->node->gy[y->out_index], g);
  else
    ok = give_leaf(p, y, g);
  orr_release(g);
  return ok;
}

static bool run_pass(pass *p, int n, orr_tensor *const *y,
                     orr_tensor *const *gy, bool retain_graph,
                     const char *who) {
  const bool recording = orr_enable_grad(p->create_graph);
  p->visit = orr_next_visit();
  p->outer = running;
  running = p;
  bool ok = collect(p, n, y);
  if (ok) mark_needed(p);
  for (int i = 0; ok && i < n; i++) ok = seed(p, y[i], gy ? gy[i] : NULL, who);
  ok = ok && walk_back(p, retain_graph) && run_leaf_hooks(p);
  if (!ok)
    for (size_t i = 0; i < p->nodes.count; i++) drop_cotangents(nodes_of(p)[i]);
  give_nodes_back(p);
  running = p->outer;
  orr_enable_grad(recording);
  return ok;
}

// A gradient that outlives the pass: added to the old one, and no view of
// anything else, since users write over gradients.
static orr_tensor *settled(const pass *p, orr_tensor *g, orr_tensor *old) {
  if (old) {
    const orr_args args = {.x = {old, g}};
    return orr_apply(&orr_op_add, &args);
  }
  if (p->create_graph || is_ours(g)) return orr_retain(g);
  orr_tensor *copy = orr_empty(g->dtype, g->rank, g->size);
  return copy && orr_copy_(copy, g) ? copy : (orr_release(copy), NULL);
}

// New gradients are computed beside the old ones, then all put in place.
static bool hand_over(pass *p) {
  leaf_grad *all = p->leaves.items;
  const bool before = orr_enable_grad(p->create_graph);
  bool ok = true;
  for (size_t i = 0; ok && i < p->leaves.count; i++) {
    orr_tensor *g = settled(p, all[i].grad, orr_grad_of(all[i].leaf));
    if (g) orr_release(all[i].grad);
    if (g) all[i].grad = g;
    ok = g != NULL;
  }
  orr_enable_grad(before);
  for (size_t i = 0; ok && i < p->leaves.count; i++)
    orr_set_grad(all[i].leaf, all[i].grad);
  return ok;
}

static void end_pass(pass *p) {
  leaf_grad *all = p->leaves.items;
  for (size_t i = 0; i < p->leaves.count; i++) {
    orr_release(all[i].leaf);
    orr_release(all[i].grad);
  }
  orr_list_free(&p->leaves);
  orr_list_free(&p->nodes);
}

static pass new_pass(bool create_graph) {
  return (pass){.nodes = {.size = sizeof(orr_node *)},
                .leaves = {.size = sizeof(leaf_grad)},
                .borrowed = {.size = sizeof(borrowed_node)},
                .create_graph = create_graph};
}

bool orr_backward(orr_tensor *y, orr_tensor *gy, bool retain_graph,
                  bool create_graph) {
  char text[128];
  if (!y) return false;
  if (!gy && y->count != 1)
    return orr_set_error("backward: the result is %s; reduce it to one "
                         "element or give a cotangent",
                         orr_shape_text(y, text, sizeof text));
  pass p = new_pass(create_graph);
  orr_retain(y);  // a hook may let go of it
  const bool ok =
      run_pass(&p, 1, &y, &gy, retain_graph, "backward") && hand_over(&p);
  end_pass(&p);
  orr_release(y);
  return ok;
}

static bool fill_unused(int n, orr_tensor *const *x, orr_tensor **gx,
                        bool allow_unused) {
  for (int i = 0; i < n; i++) {
    for (int k = 0; !gx[i] && k < i; k++)
      if (x[k] == x[i]) gx[i] = orr_retain(gx[k]);
    if (gx[i]) continue;
    if (!allow_unused)
      return orr_set_error("grad: the result does not depend on input %d; give "
                           "allow_unused = true for zeros",
                           i + 1);
    gx[i] = orr_zeros(x[i]->dtype, x[i]->rank, x[i]->size);
    if (!gx[i]) return false;
  }
  return true;
}

bool orr_grad(int ny, orr_tensor *const *y, orr_tensor *const *gy, int nx,
              orr_tensor *const *x, orr_tensor **gx, bool retain_graph,
              bool create_graph, bool allow_unused) {
  for (int i = 0; i < nx; i++) gx[i] = NULL;
  for (int i = 0; i < ny; i++)
    if (!y[i]) return false;
  for (int i = 0; i < nx; i++) {
    if (!x[i]) return false;
    if (!orr_requires_grad(x[i]))
      return orr_set_error("grad: input %d does not require grad; call "
                           "requires_grad_() before computing",
                           i + 1);
  }
  for (int i = 0; i < ny; i++) orr_retain(y[i]);  // a hook may let go of them
  for (int i = 0; i < nx; i++) orr_retain(x[i]);
  pass p = new_pass(create_graph);
  p.target = x;
  p.found = gx;
  p.targets = nx;
  bool ok = run_pass(&p, ny, y, gy, retain_graph, "grad") &&
      fill_unused(nx, x, gx, allow_unused);
  end_pass(&p);
  for (int i = 0; i < ny; i++) orr_release(y[i]);
  for (int i = 0; i < nx; i++) orr_release(x[i]);
  for (int i = 0; !ok && i < nx; i++) {
    orr_release(gx[i]);
    gx[i] = NULL;
  }
  return ok;
}

orr_tensor *orr_arriving_grad(const orr_tensor *t) {
  return t->node ? t->node->gy[t->out_index] : NULL;
}
