// fuse.c -- a cluster is made: which slot each of its values is in, and when.
#include <stdio.h>
#include <string.h>

#include "blocks.h"

// No more chunks than that, however much there is.
#define MOST_CHUNKS 256

// What a member makes, or a copy of what is spread: lives in a slot, or, with
// slot < 0, outside.
typedef struct value {
  int slot, last;  // step that reads it last
  size_t element;
} value;

typedef struct builder {
  const orr_program *p;
  orr_cluster *c;
  value values[ORR_MOST_SLOTS];  // by row, then the copies
  int copies;
  const orr_tensor *copied[ORR_CLUSTER_SPREAD], *copied_for[ORR_CLUSTER_SPREAD];
} builder;

// While building, `at` is a value, or ORR_MOST_SLOTS + index outside.
static int outside(orr_cluster *c, const orr_tensor *t) {
  for (int i = 0; i < c->n_outside; i++)
    if (c->outside[i]->storage == t->storage &&
        c->outside[i]->offset == t->offset)
      return ORR_MOST_SLOTS + i;
  c->outside[c->n_outside] = t;
  return ORR_MOST_SLOTS + c->n_outside++;
}

static int row_that_makes(const orr_cluster *c, const orr_tensor *x,
                          int before) {
  for (int i = 0; i < before; i++)
    if (c->rows[i]->y[0]->storage == x->storage) return i;
  return -1;
}

static bool walks_alike(const orr_tensor *a, const orr_tensor *b) {
  return a->storage == b->storage && a->offset == b->offset &&
      orr_same_shape(a, b) &&
      !memcmp(a->stride, b->stride, (size_t)a->rank * sizeof *a->stride);
}

// The value that is a copy of x, spread as y: made by a step of its own if it
// is not there.
static int copy_of(builder *b, const orr_tensor *x, const orr_tensor *y) {
  orr_cluster *c = b->c;
  for (int i = 0; i < b->copies; i++)
    if (walks_alike(b->copied[i], x) && orr_same_shape(b->copied_for[i], y))
      return c->n_rows + i;
  orr_space *space = &c->spaces[b->copies];
  *space = (orr_space){.rank = y->rank};
  memcpy(space->size, y->size, sizeof y->size);
  orr_space_add_shape(space, x);
  space->element[1] = space->element[0];
  memcpy(space->stride[1], space->stride[0], sizeof space->stride[0]);
  orr_row_major(y->rank, y->size, space->stride[0]);
  space->operands = 2;
  orr_space_merge(space);
  const int v = c->n_rows + b->copies;
  b->values[v] = (value){.element = space->element[0]};
  b->copied[b->copies] = x;
  b->copied_for[b->copies++] = y;
  orr_block_step *s = &c->steps[c->n_steps++];
  *s = (orr_block_step){.loop = orr_cast_loop(x->dtype, x->dtype),
                        .operands = 2};
  s->attr = c->rows[0]->attr;
  s->space = space;
  s->at[0] = v;
  s->at[1] = outside(c, x);
  return v;
}

static void set_input(builder *b, orr_block_step *s, int row, int k) {
  orr_cluster *c = b->c;
  const orr_tensor *x = c->rows[row]->x[k], *y = c->rows[row]->y[0];
  const int64_t element = (int64_t)orr_dtype_size(x->dtype);
  const int maker = row_that_makes(c, x, row);
  s->stride[k + 1] = 1;
  if (maker >= 0 && b->values[maker].slot == 0) {
    s->at[k + 1] = maker;
  } else if (maker >= 0 || (x->contiguous && x->count == y->count)) {
    s->at[k + 1] = outside(c, x);
    s->shift[k + 1] = element;
  } else if (x->count == 1) {
    s->at[k + 1] = outside(c, x);
    s->stride[k + 1] = 0;
  } else {
    s->at[k + 1] = copy_of(b, x, y);
  }
}

static void add_member(builder *b, int i) {
  orr_cluster *c = b->c;
  const orr_step_row *row = c->rows[i];
  const size_t element = orr_dtype_size(row->y[0]->dtype);
  orr_block_step s = {.loop = row->loop,
                      .attr = row->attr,
                      .operands = row->nx + 1};
  for (int k = 0; k < row->nx; k++) set_input(b, &s, i, k);
  const bool stored = orr_buffer_under(b->p, row->y[0])->needed;
  b->values[i] = (value){.slot = stored ? -1 : 0, .element = element};
  s.at[0] = stored ? outside(c, row->y[0]) : i;
  s.shift[0] = stored ? (int64_t)element : 0;
  s.stride[0] = 1;
  c->steps[c->n_steps++] = s;
}

static void find_last_uses(builder *b) {
  for (int i = 0; i < b->c->n_steps; i++) {
    const orr_block_step *s = &b->c->steps[i];
    for (int k = 0; k < s->operands; k++)
      if (s->at[k] < ORR_MOST_SLOTS) b->values[s->at[k]].last = i;
  }
}

// A slot is free again after the last use of what is in it; a result may take
// the place of an operand of its size that is used for the last time.
static void give_slots(builder *b) {
  orr_cluster *c = b->c;
  int busy_until[ORR_MOST_SLOTS];
  size_t element[ORR_MOST_SLOTS] = {0};
  for (int i = 0; i < c->n_steps; i++) {
    const orr_block_step *s = &c->steps[i];
    if (s->at[0] >= ORR_MOST_SLOTS) continue;
    value *v = &b->values[s->at[0]];
    int slot = 0;
    while (slot < c->slots &&
           (busy_until[slot] > i ||
            (busy_until[slot] == i && element[slot] != v->element)))
      slot++;
    if (slot == c->slots) c->slots++;
    v->slot = slot;
    busy_until[slot] = v->last;
    element[slot] = v->element;
  }
  for (orr_block_step *s = c->steps; s < c->steps + c->n_steps; s++)
    for (int k = 0; k < s->operands; k++)
      s->at[k] = s->at[k] < ORR_MOST_SLOTS
          ? b->values[s->at[k]].slot
          : s->at[k] - ORR_MOST_SLOTS + c->slots;
}

static void cut(builder *b) {
  orr_cluster *c = b->c;
  size_t element = 1;
  double each = 0;  // chunks that an element is worth
  for (int i = 0; i < c->n_rows + b->copies; i++)
    if (b->values[i].element > element) element = b->values[i].element;
  for (int i = 0; i < c->n_rows; i++) each += 1 / (double)c->rows[i]->grain;
  int64_t block = ORR_SLOTS_GOAL / ((int64_t)element * (c->slots + !c->slots));
  block = block > ORR_MOST_BLOCK ? ORR_MOST_BLOCK : block;
  c->block = block < ORR_LEAST_BLOCK ? ORR_LEAST_BLOCK : block & ~(int64_t)63;
  c->slot_bytes = c->block * (int64_t)element + ORR_SLOT_GAP;
  int64_t grain = (int64_t)(1 / each);
  if (grain < c->n / MOST_CHUNKS) grain = c->n / MOST_CHUNKS;
  c->grain = (grain / c->block + 1) * c->block;
}

static void name_it(orr_cluster *c) {
  size_t at = 0;
  for (int i = 0; i < c->n_rows; i++) {
    const char *name = c->rows[i]->call.op->name;
    if (at + strlen(name) + 5 > sizeof c->name) {
      snprintf(c->name + at, sizeof c->name - at, "+...");
      return;
    }
    at += (size_t)snprintf(c->name + at, sizeof c->name - at, "%s%s",
                           i ? "+" : "", name);
  }
}

static orr_cluster *new_cluster(orr_step_row **rows, int n) {
  int spread = 0;
  for (int i = 0; i < n; i++) spread += orr_spread_inputs(rows[i]);
  orr_cluster *c;
  const size_t bytes = sizeof *c + (size_t)(n + spread) * sizeof *c->steps +
      (size_t)spread * sizeof *c->spaces + (size_t)n * sizeof *c->rows +
      (size_t)(n * ORR_MAX_OPERAND) * sizeof *c->outside;
  c = orr_alloc_zero(bytes);
  if (!c) return NULL;
  c->bytes = bytes;
  c->steps = (orr_block_step *)(c + 1);
  c->spaces = (orr_space *)(c->steps + n + spread);
  c->rows = (orr_step_row **)(c->spaces + spread);
  c->outside = (const orr_tensor **)(c->rows + n);
  memcpy(c->rows, rows, (size_t)n * sizeof *rows);
  c->n_rows = n;
  c->n = rows[0]->y[0]->count;
  return c;
}

static bool makes(const orr_cluster *c, const orr_tensor *t) {
  return row_that_makes(c, t, c->n_rows) >= 0;
}

// What lies outside becomes the row's own inputs and outputs.
static bool set_ends(orr_step_row *row, const orr_cluster *c) {
  const int n = c->n_outside;
  for (int i = 0; i < n; i++) row->ny += makes(c, c->outside[i]);
  row->nx = n - row->ny;
  row->x = orr_alloc_zero((size_t)n * sizeof *row->x + 1);
  if (!row->x) return false;
  row->y = row->x + row->nx;
  for (int i = 0, x = 0, y = 0; i < n; i++) {
    orr_tensor *t = orr_retain((orr_tensor *)(uintptr_t)c->outside[i]);
    *(makes(c, t) ? &row->y[y++] : &row->x[x++]) = t;
  }
  return true;
}

orr_step_row *orr_cluster_row(const orr_program *p, orr_step_row **rows,
                              int n) {
  orr_step_row *row = orr_alloc_zero(sizeof *row);
  if (!row) return NULL;
  row->kind = ORR_ROW_CLUSTER;
  row->site = rows[n - 1]->site;
  orr_cluster *c = row->cluster = new_cluster(rows, n);
  if (c) {
    builder b = {p, c};
    for (int i = 0; i < n; i++) add_member(&b, i);
    find_last_uses(&b);
    give_slots(&b);
    cut(&b);
    name_it(c);
  }
  if (c && set_ends(row, c)) return row;
  orr_row_free(row);
  return NULL;
}
