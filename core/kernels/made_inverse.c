// made_inverse.c -- see made_inverse.h. Numbers are kept a unit to a row and a
// sample to a column, so that loops inside a block run along the batch.
#include "made_inverse.h"

#include <math.h>
#include <string.h>

#include "../base/threads.h"
#include "elementwise.h"
#include "gemm.h"
#include "slots.h"

enum {
  BLOCK = 32,  // degrees
  BATCH = 64   // samples in a task
};

// Units of a layer in order of degree; level 0 holds context and inputs.
typedef struct level {
  int64_t n;
  int64_t *unit;              // [n], the unit at a place
  int64_t *first;             // [dims + 2], how many have a degree below d
  const void *weight, *bias;  // rows and columns in order; not of level 0
  int64_t row;                // of the first unit, in a task's scratch
} level;

typedef struct plan {
  orr_dtype d;
  const orr_made_net *net;
  level *levels;      // [hidden + 1]
  level out;          // of one half: one row per input, in order
  const void *scale;  // rows of out.weight that give s, out.bias likewise
  const void *scale_bias;
  int64_t *whole;  // all integers
  void *packed;    // all weights and biases
  int64_t rows;    // of a task's scratch
  const void *z, *given;
  void *x, *s;
  orr_slots slots;
} plan;

typedef struct packing {
  orr_dtype d;
  const level *from, *to;
  const void *weights;
  void *packed;
} packing;

// Rows [from, to) of a weight, their first `known` columns.
typedef struct earlier {
  const void *weight;
  int64_t columns, from, to, known;
} earlier;

#define LOOPS "made_inverse_loops.h"
#include "each_float.h"

// ------------------------------------------------------------ order

static int64_t integers(const orr_made_net *net) {
  int64_t n =
      net->context + 2 * net->dims + (net->hidden + 2) * (net->dims + 2);
  for (int64_t l = 0; l < net->hidden; l++) n += net->size[l];
  return n;
}

// Deals units to places by degree; `zeros` of degree 0 come before the others.
static int64_t *sort_level(level *v, int64_t *room, int64_t zeros,
                           const int64_t *degree, int64_t n, int64_t dims) {
  v->n = zeros + n;
  v->unit = room;
  v->first = room + v->n;
  memset(v->first, 0, (size_t)(dims + 2) * sizeof *room);
  v->first[1] = zeros;
  for (int64_t i = 0; i < n; i++) v->first[degree[i] + 1]++;
  for (int64_t d = 1; d < dims + 2; d++) v->first[d] += v->first[d - 1];
  for (int64_t i = 0; i < zeros; i++) v->unit[v->first[0]++] = i;
  for (int64_t i = 0; i < n; i++) v->unit[v->first[degree[i]]++] = zeros + i;
  // Each start has moved on to the next degree's.
  for (int64_t d = dims + 1; d > 0; d--) v->first[d] = v->first[d - 1];
  v->first[0] = 0;
  return v->first + dims + 2;
}

static void sort_levels(plan *p) {
  const orr_made_net *net = p->net;
  const int64_t *degree = net->degree;
  int64_t *room = p->whole;
  room = sort_level(&p->levels[0], room, net->context, degree, net->dims,
                    net->dims);
  sort_level(&p->out, room, 0, degree, net->dims, net->dims);
  room += net->dims + net->dims + 2;
  degree += net->dims;
  for (int64_t l = 1; l <= net->hidden; l++) {
    const int64_t n = net->size[l - 1];
    room = sort_level(&p->levels[l], room, 0, degree, n, net->dims);
    degree += n;
  }
  p->rows = 0;
  for (int64_t l = 0; l <= net->hidden; l++) {
    p->levels[l].row = p->rows;
    p->rows += p->levels[l].n;
  }
}

// ------------------------------------------------------------ weights

static void pack_rows(void *context, int64_t begin, int64_t end) {
  const packing *k = context;
  (k->d == ORR_F32 ? pack_inverse_f32 : pack_inverse_f64)(k, begin, end);
}

static bool in_order(const level *v) {
  for (int64_t i = 0; i < v->n; i++)
    if (v->unit[i] != i) return false;
  return true;
}

// The weight in order: itself where units stand so, else packed into *room.
static const void *pack(const plan *p, const level *from, const level *to,
                        const char *weights, char **room) {
  if (in_order(from) && in_order(to)) return weights;
  packing k = {p->d, from, to, weights, *room};
  orr_parallel_range(to->n, 1 + ORR_GRAIN_CHEAP / (from->n + 1), pack_rows, &k);
  *room += (size_t)(from->n * to->n) * orr_dtype_size(p->d);
  return k.packed;
}

static char *pack_bias(const plan *p, const level *to, const char *bias,
                       char *room) {
  const size_t each = orr_dtype_size(p->d);
  for (int64_t i = 0; i < to->n; i++)
    memcpy(room + (size_t)i * each, bias + (size_t)to->unit[i] * each, each);
  return room + (size_t)to->n * each;
}

static size_t packed_bytes(const plan *p) {
  const orr_made_net *net = p->net;
  int64_t n = 0;
  for (int64_t l = 1; l <= net->hidden; l++)
    n += p->levels[l].n * (p->levels[l - 1].n + 1);
  n += 2 * net->dims * (p->levels[net->hidden].n + 1);
  return (size_t)(n + 1) * orr_dtype_size(p->d);
}

static void pack_all(plan *p) {
  const orr_made_net *net = p->net;
  const size_t each = orr_dtype_size(p->d);
  const char *w = net->weights, *b = net->biases;
  char *room = p->packed;
  for (int64_t l = 1; l <= net->hidden; l++) {
    level *from = &p->levels[l - 1], *to = &p->levels[l];
    to->weight = pack(p, from, to, w, &room);
    to->bias = room;
    room = pack_bias(p, to, b, room);
    w += (size_t)(from->n * to->n) * each;
    b += (size_t)to->n * each;
  }
  const level *from = &p->levels[net->hidden];
  p->out.weight = pack(p, from, &p->out, w, &room);
  w += (size_t)(from->n * net->dims) * each;
  p->scale = pack(p, from, &p->out, w, &room);
  p->out.bias = room;
  room = pack_bias(p, &p->out, b, room);
  p->scale_bias = room;
  pack_bias(p, &p->out, b + (size_t)net->dims * each, room);
}

// ------------------------------------------------------------ solving

static void solve_task(void *context, int64_t task) {
  plan *p = context;
  void *scratch = orr_slot_take(&p->slots);
  const int64_t row = task * BATCH;
  const int64_t n = p->net->n - row < BATCH ? p->net->n - row : BATCH;
  (p->d == ORR_F32 ? solve_f32 : solve_f64)(p, scratch, row, n);
  orr_slot_give(&p->slots, scratch);
}

static bool solve(plan *p) {
  const int64_t tasks = (p->net->n + BATCH - 1) / BATCH;
  const size_t each =
      (size_t)((p->rows + 2 * p->net->dims) * BATCH) * orr_dtype_size(p->d);
  if (!orr_slots_open(&p->slots, each, tasks)) return false;
  pack_all(p);
  orr_parallel(tasks, solve_task, p);
  orr_slots_close(&p->slots);
  return true;
}

bool orr_made_inverse(orr_dtype d, const orr_made_net *net, const void *z,
                      const void *given, void *x, void *s) {
  if (net->n == 0 || net->dims == 0) return true;
  plan p = {.d = d, .net = net, .z = z, .given = given, .x = x, .s = s};
  const size_t levels = (size_t)(net->hidden + 1) * sizeof(level);
  const size_t whole = (size_t)integers(net) * sizeof(int64_t);
  p.levels = orr_alloc(levels);
  p.whole = p.levels ? orr_alloc(whole) : NULL;
  bool ok = p.whole != NULL;
  if (ok) {
    sort_levels(&p);
    const size_t bytes = packed_bytes(&p);
    p.packed = orr_alloc(bytes);
    ok = p.packed && solve(&p);
    if (p.packed) orr_free(p.packed, bytes);
  }
  if (p.whole) orr_free(p.whole, whole);
  if (p.levels) orr_free(p.levels, levels);
  return ok;
}
