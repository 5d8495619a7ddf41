// graph.c -- the recorded graph, to be looked at.
#include <stdlib.h>

#include "list.h"
#include "tape.h"

struct orr_graph {
  orr_list nodes;  // orr_node *, retained, in the order they were made
};

static orr_node *node_at(const orr_graph *g, size_t i) {
  return ((orr_node **)g->nodes.items)[i];
}

static bool add_node(orr_graph *g, orr_node *n, uint64_t mark) {
  if (!n || n->visit == mark) return true;
  orr_node **slot = orr_list_add(&g->nodes);
  if (!slot) return false;
  n->visit = mark;
  n->refs++;
  *slot = n;
  return true;
}

static int by_sequence(const void *a, const void *b) {
  const uint64_t x = (*(orr_node *const *)a)->sequence;
  const uint64_t y = (*(orr_node *const *)b)->sequence;
  return x < y ? -1 : x > y;
}

orr_graph *orr_graph_of(int n, orr_tensor *const *y) {
  if (orr_pass_number()) {
    orr_set_error("graph: a pass is running; look at the graph outside of "
                  "hooks");
    return NULL;
  }
  orr_graph *g = orr_alloc_zero(sizeof *g);
  if (!g) return NULL;
  g->nodes.size = sizeof(orr_node *);
  const uint64_t mark = orr_next_visit();
  bool ok = true;
  for (int i = 0; ok && i < n; i++) ok = add_node(g, y[i]->node, mark);
  for (size_t i = 0; ok && i < g->nodes.count; i++)
    for (int k = 0; ok && k < node_at(g, i)->nx; k++)
      ok = add_node(g, node_at(g, i)->edge[k].node, mark);
  if (!ok) {
    orr_graph_free(g);
    return NULL;
  }
  if (g->nodes.count)
    qsort(g->nodes.items, g->nodes.count, sizeof(orr_node *), by_sequence);
  return g;
}

void orr_graph_free(orr_graph *g) {
  if (!g) return;
  for (size_t i = 0; i < g->nodes.count; i++) orr_node_release(node_at(g, i));
  orr_list_free(&g->nodes);
  orr_free(g, sizeof *g);
}

size_t orr_graph_count(const orr_graph *g) { return g->nodes.count; }

orr_graph_node orr_graph_at(const orr_graph *g, size_t i) {
  const orr_node *n = node_at(g, i);
  return (orr_graph_node){.op = n->op,
                          .site = n->site,
                          .nx = n->nx,
                          .ny = n->ny,
                          .freed = n->freed,
                          .recomputed = n->segment != NULL,
                          .y = n->y};
}

static size_t index_of(const orr_graph *g, const orr_node *n) {
  orr_node **found = bsearch(&n, g->nodes.items, g->nodes.count,
                             sizeof(orr_node *), by_sequence);
  return found ? (size_t)(found - (orr_node **)g->nodes.items) : 0;
}

orr_graph_input orr_graph_input_at(const orr_graph *g, size_t i, int k) {
  const orr_node *n = node_at(g, i);
  const orr_edge *e = &n->edge[k];
  return (orr_graph_input){.from_node = e->node != NULL,
                           .node = e->node ? index_of(g, e->node) : 0,
                           .output = e->out_index,
                           .x = e->leaf ? e->leaf : n->x[k]};
}

size_t orr_graph_find(const orr_graph *g, const orr_tensor *t) {
  return t->node ? index_of(g, t->node) : g->nodes.count;
}
