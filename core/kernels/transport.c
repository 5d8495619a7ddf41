// transport.c -- the network simplex method and the shortest augmenting path.
//
// Transport: a spanning tree of the rows, the columns and a root carries the
// flow; an arc whose reduced cost is negative enters, the arc that runs dry
// leaves. Trees stay strongly feasible (arcs without flow point to the root),
// which forbids cycles (Cunningham 1976); entering arcs are sought in blocks
// (Grigoriadis 1986).
#include "transport.h"

#include <math.h>
#include <string.h>

#include "../base/threads.h"

// A node but the root: its arc to its parent, and its place among children.
typedef struct node {
  int64_t parent, child, next, before;  // -1: none
  int64_t depth, flow;
  double cost, potential;
  bool up;  // the arc leads to the parent
} node;

typedef struct simplex {
  const orr_transport *t;
  node *x;         // rows, columns, root
  double small;    // reduced costs under its negative count
  int64_t block;   // arcs looked at before the best of them enters
  int64_t search;  // the arc to look at next
} simplex;

static void adopt(node *x, int64_t parent, int64_t child) {
  x[child].parent = parent;
  x[child].before = -1;
  x[child].next = x[parent].child;
  if (x[child].next >= 0) x[x[child].next].before = child;
  x[parent].child = child;
}

static void leave(node *x, int64_t child) {
  if (x[child].before >= 0)
    x[x[child].before].next = x[child].next;
  else
    x[x[child].parent].child = x[child].next;
  if (x[child].next >= 0) x[x[child].next].before = x[child].before;
}

// Depth and potential, from the parent's: an arc from s to t of the tree has
// potential[t] = potential[s] + cost.
static void place(node *x, int64_t i) {
  const node *p = &x[x[i].parent];
  x[i].depth = p->depth + 1;
  x[i].potential = p->potential + (x[i].up ? -x[i].cost : x[i].cost);
}

// The same for all under i.
static void place_below(node *x, int64_t top) {
  place(x, top);
  for (int64_t i = x[top].child; i >= 0;) {
    place(x, i);
    if (x[i].child >= 0) {
      i = x[i].child;
      continue;
    }
    while (i != top && x[i].next < 0) i = x[i].parent;
    if (i == top) return;
    i = x[i].next;
  }
}

// All flow through the root, at a price no direct way has.
static void begin(simplex *s) {
  const orr_transport *t = s->t;
  const int64_t root = t->n + t->m;
  double low = t->cost[0], high = low;
  for (int64_t e = 1; e < t->n * t->m; e++) {
    low = fmin(low, t->cost[e]);
    high = fmax(high, t->cost[e]);
  }
  const double range = high > low ? high - low : fabs(high) + 1;
  s->small = 1e-12 * fmax(range, 1e-3 * fmax(fabs(low), fabs(high)));
  s->block = 10 + (int64_t)sqrt((double)(t->n * t->m));
  s->x[root] = (node){.parent = -1, .child = -1, .next = -1, .before = -1};
  for (int64_t i = 0; i < root; i++) {
    const int64_t mass = i < t->n ? t->supply[i] : t->demand[i - t->n];
    const bool up = i < t->n || !mass;
    s->x[i] = (node){.child = -1,
                     .flow = mass,
                     .up = up,
                     .cost = up ? 0 : high + 2 * range};
    adopt(s->x, root, i);
    place(s->x, i);
  }
}

// The arc whose reduced cost is least in the first block that has a negative
// one; -1 when there is none.
static int64_t entering(simplex *s) {
  const orr_transport *t = s->t;
  const int64_t arcs = t->n * t->m;
  double least = -s->small;
  int64_t best = -1, seen = 0, e = s->search;
  while (seen < arcs) {
    const int64_t i = e / t->m, first = e % t->m;
    int64_t many = s->block - seen % s->block;
    if (many > t->m - first) many = t->m - first;
    if (many > arcs - seen) many = arcs - seen;
    const double *cost = t->cost + e, from = s->x[i].potential;
    const node *to = s->x + t->n + first;
    for (int64_t j = 0; j < many; j++) {
      const double reduced = cost[j] + from - to[j].potential;
      if (reduced < least) least = reduced, best = e + j;
    }
    seen += many;
    e = (e + many) % arcs;
    if (best >= 0 && seen % s->block == 0) break;
  }
  s->search = e;
  return best;
}

// Where the cycle of arc i -> j loses its first arc: the child of it. Of
// several the last on the way from the apex along the cycle.
static int64_t blocking(const node *x, int64_t i, int64_t j, int64_t *apex,
                        int64_t *push, bool *below_i) {
  int64_t a = i, b = j, out = -1, least = INT64_MAX;
  while (a != b)
    if (x[a].depth > x[b].depth)
      a = x[a].parent;
    else
      b = x[b].parent;
  *apex = a;
  for (a = i; a != *apex; a = x[a].parent)
    if (x[a].up && x[a].flow < least)
      least = x[a].flow, out = a, *below_i = true;
  for (b = j; b != *apex; b = x[b].parent)
    if (!x[b].up && x[b].flow <= least)
      least = x[b].flow, out = b, *below_i = false;
  *push = least;
  return out;
}

// Hangs the part under `out` on `to` by its node `from`; the arcs between
// turn over.
static void hang(node *x, int64_t from, int64_t to, int64_t out, node arc) {
  int64_t parent = to, i = from;
  for (;;) {
    const node old = x[i];
    leave(x, i);
    adopt(x, parent, i);
    x[i].up = arc.up, x[i].flow = arc.flow, x[i].cost = arc.cost;
    if (i == out) break;
    arc = old;
    arc.up = !old.up;
    parent = i;
    i = old.parent;
  }
  place_below(x, from);
}

static void pivot(simplex *s, int64_t arc) {
  node *x = s->x;
  const int64_t i = arc / s->t->m, j = s->t->n + arc % s->t->m;
  int64_t apex, push;
  bool below_i = false;
  const int64_t out = blocking(x, i, j, &apex, &push, &below_i);
  for (int64_t a = i; a != apex; a = x[a].parent)
    x[a].flow += x[a].up ? -push : push;
  for (int64_t b = j; b != apex; b = x[b].parent)
    x[b].flow += x[b].up ? push : -push;
  const node enters = {.flow = push, .cost = s->t->cost[arc], .up = below_i};
  hang(x, below_i ? i : j, below_i ? j : i, out, enters);
}

static void finish(const simplex *s) {
  const orr_transport *t = s->t;
  const node *x = s->x;
  const int64_t root = t->n + t->m;
  for (int64_t i = 0; i < root; i++) {
    const int64_t p = x[i].parent;
    if (p == root || !x[i].flow) continue;
    const int64_t row = i < t->n ? i : p, column = i < t->n ? p : i;
    t->flow[row * t->m + column - t->n] = x[i].flow;
  }
  for (int64_t i = 0; i < t->n; i++) t->u[i] = x[0].potential - x[i].potential;
  for (int64_t j = 0; j < t->m; j++)
    t->v[j] = x[t->n + j].potential - x[0].potential;
}

bool orr_transport_solve(const orr_transport *t) {
  const size_t bytes = (size_t)(t->n + t->m + 1) * sizeof(node);
  simplex s = {.t = t, .x = orr_alloc(bytes)};
  if (!s.x) return false;
  begin(&s);
  int64_t arc;
  while (!orr_stopping() && (arc = entering(&s)) >= 0) pivot(&s, arc);
  finish(&s);
  orr_free(s.x, bytes);
  return true;
}

// Row by row, each time along the shortest path of reduced costs from the new
// row to a free column (Tomizawa 1971; Jonker & Volgenant 1987). Columns count
// from 1 here; column 0 stands for the new row.
void orr_assign_rows(int64_t n, int64_t m, const double *cost, int64_t *column,
                     double *scratch, int64_t *whole) {
  double *u = scratch, *v = u + n + 1, *far = v + m + 1;
  int64_t *row = whole, *from = row + m + 1;
  bool *done = (bool *)(void *)(far + m + 1);
  memset(scratch, 0, (size_t)(n + m + 2) * sizeof *scratch);
  for (int64_t j = 0; j <= m; j++) row[j] = 0;
  for (int64_t r = 1; r <= n && !orr_stopping(); r++) {
    int64_t at = 0, to = 0;
    row[0] = r;
    for (int64_t j = 0; j <= m; j++) far[j] = INFINITY, done[j] = false;
    do {  // Dijkstra
      const double *c = cost + (row[at] - 1) * m;
      double least = INFINITY;
      done[at] = true;
      for (int64_t j = 1; j <= m; j++) {
        if (done[j]) continue;
        const double d = c[j - 1] - u[row[at]] - v[j];
        if (d < far[j]) far[j] = d, from[j] = at;
        if (far[j] < least) least = far[j], to = j;
      }
      for (int64_t j = 0; j <= m; j++)
        if (done[j])
          u[row[j]] += least, v[j] -= least;
        else
          far[j] -= least;
      at = to;
    } while (row[at]);
    for (; at; at = from[at]) row[at] = row[from[at]];
  }
  for (int64_t j = 1; j <= m; j++)
    if (row[j]) column[row[j] - 1] = j - 1;
}
