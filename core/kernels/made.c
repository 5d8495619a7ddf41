// made.c -- see made.h. Blocks of rows in order of degree are packed and
// multiplied; the blocks depend on the sizes and degrees alone.
#include "made.h"

#include <stdlib.h>
#include <string.h>

#include "../base/threads.h"
#include "elementwise.h"
#include "gemm.h"
#include "slots.h"

enum {
  ROWS = 64,    // of the weight, in a block
  BATCH = 1024  // of x, in a task
};

typedef struct order {
  const orr_made *m;
  int32_t *cols, *places;  // column at a place, place of a column
  int32_t *rows, *slots;   // row at a place, place of a row
  int32_t *ends;           // of the row at a place: its columns that count
  bool plain, level;       // columns, rows stand in order as they are
  size_t bytes;
} order;

typedef struct moved {
  const void *from, *bias;
  void *to;
  const int32_t *at;
  int64_t n;
} moved;

#define LOOPS "made_loops.h"
#include "each_float.h"

// ------------------------------------------------------------ order

typedef struct keyed {
  int64_t degree;
  int32_t column;
} keyed;

static int by_degree(const void *a, const void *b) {
  const keyed *x = a, *y = b;
  if (x->degree != y->degree) return x->degree < y->degree ? -1 : 1;
  return x->column < y->column ? -1 : 1;
}

static bool sorted(const int64_t *v, int64_t n) {
  for (int64_t i = 1; i < n; i++)
    if (v[i] < v[i - 1]) return false;
  return true;
}

static bool order_columns(order *o) {
  const int64_t in = o->m->in, *degree = o->m->in_degree;
  o->plain = sorted(degree, in);
  const size_t bytes = (size_t)in * sizeof(keyed);
  keyed *k = orr_alloc(bytes);
  if (!k) return false;
  for (int64_t i = 0; i < in; i++) k[i] = (keyed){degree[i], (int32_t)i};
  if (!o->plain) qsort(k, (size_t)in, sizeof *k, by_degree);
  for (int64_t i = 0; i < in; i++) {
    o->cols[i] = k[i].column;
    o->places[k[i].column] = (int32_t)i;
  }
  orr_free(k, bytes);
  return true;
}

// How many columns have a degree of at most `limit`.
static int32_t columns_within(const order *o, int64_t limit) {
  int64_t low = 0, high = o->m->in;
  while (low < high) {
    const int64_t at = (low + high) / 2;
    if (o->m->in_degree[o->cols[at]] <= limit)
      low = at + 1;
    else
      high = at;
  }
  return (int32_t)low;
}

// Rows by their ends: counted, then dealt to their places.
static bool order_rows(order *o) {
  const int64_t in = o->m->in, out = o->m->out;
  const size_t bytes = (size_t)(in + 2 + out) * sizeof(int32_t);
  int32_t *first = orr_alloc(bytes);
  if (!first) return false;
  int32_t *end = first + in + 2;
  memset(first, 0, (size_t)(in + 2) * sizeof(int32_t));
  for (int64_t r = 0; r < out; r++) {
    end[r] = columns_within(o, o->m->out_degree[r]);
    first[end[r] + 1]++;
  }
  for (int64_t i = 1; i < in + 2; i++) first[i] += first[i - 1];
  o->level = true;
  for (int64_t r = 0; r < out; r++) {
    const int32_t at = first[end[r]]++;
    o->rows[at] = (int32_t)r;
    o->slots[r] = at;
    o->ends[at] = end[r];
    o->level = o->level && at == r;
  }
  orr_free(first, bytes);
  return true;
}

static bool order_open(order *o, const orr_made *m) {
  *o = (order){.m = m};
  o->bytes = (size_t)(2 * m->in + 3 * m->out + 1) * sizeof(int32_t);
  o->cols = orr_alloc(o->bytes);
  if (!o->cols) return false;
  o->places = o->cols + m->in;
  o->rows = o->places + m->in;
  o->slots = o->rows + m->out;
  o->ends = o->slots + m->out;
  if (order_columns(o) && order_rows(o)) return true;
  orr_free(o->cols, o->bytes);
  return false;
}

static void order_close(order *o) { orr_free(o->cols, o->bytes); }

static int64_t block_end(const order *o, int64_t begin) {
  return begin + ROWS < o->m->out ? begin + ROWS : o->m->out;
}

static void pack(orr_dtype d, const order *o, const void *w, int64_t begin,
                 int64_t end, int64_t width, void *to) {
  (d == ORR_F32 ? pack_f32 : pack_f64)(o, w, begin, end, width, to);
}

static const char *at(orr_dtype d, const void *p, int64_t element) {
  return (const char *)p + (size_t)element * orr_dtype_size(d);
}

static int64_t at_least_1(int64_t n) { return n > 1 ? n : 1; }

// ------------------------------------------------------------ rows moved

static void rearrange(orr_dtype d, const moved *m, int64_t rows) {
  orr_parallel_range(rows, 1 + ORR_GRAIN_CHEAP / at_least_1(m->n),
                     d == ORR_F32 ? rearrange_f32 : rearrange_f64, (void *)m);
}

// x [n, size] with its columns in order.
typedef struct ordered {
  const void *x;
  void *copy;  // NULL: x is the caller's
  size_t bytes;
} ordered;

static bool in_order(ordered *v, orr_dtype d, const orr_made *m, const void *x,
                     int64_t size, const int32_t *cols, bool plain) {
  *v = (ordered){.x = x};
  if (plain) return true;
  v->bytes = (size_t)at_least_1(m->n * size) * orr_dtype_size(d);
  v->x = v->copy = orr_alloc(v->bytes);
  if (!v->copy) return false;
  rearrange(d, &(moved){x, NULL, v->copy, cols, size}, m->n);
  return true;
}

static void drop(const ordered *v) {
  if (v->copy) orr_free(v->copy, v->bytes);
}

// ------------------------------------------------------------ products

typedef struct job {
  orr_dtype d;
  const order *o;
  orr_slots slots;
  const void *x, *gy, *w;
  void *y;
  int64_t batches;
} job;

// One block of weight rows and one of x: y's columns [begin, end).
static void forward_task(void *context, int64_t task) {
  job *j = context;
  const order *o = j->o;
  const orr_made *m = o->m;
  // The widest blocks first: they take longest.
  const int64_t blocks = (m->out + ROWS - 1) / ROWS;
  const int64_t begin = (blocks - 1 - task / j->batches) * ROWS;
  const int64_t end = block_end(o, begin), width = o->ends[end - 1];
  const int64_t row = task % j->batches * BATCH;
  void *packed = orr_slot_take(&j->slots);
  pack(j->d, o, j->w, begin, end, width, packed);
  const orr_gemm g = {.tb = true,
                      .m = m->n - row < BATCH ? m->n - row : BATCH,
                      .n = end - begin,
                      .k = width,
                      .a = at(j->d, j->x, row * m->in),
                      .b = packed,
                      .c = (char *)at(j->d, j->y, row * m->out + begin),
                      .lda = at_least_1(m->in),
                      .ldb = at_least_1(width),
                      .ldc = m->out,
                      .alpha = 1};
  orr_gemm_serial(j->d, &g);
  orr_slot_give(&j->slots, packed);
}

static bool forward(orr_dtype d, const order *o, const void *x, const void *w,
                    void *y) {
  const orr_made *m = o->m;
  job j = {.d = d, .o = o, .x = x, .w = w, .y = y};
  j.batches = (m->n + BATCH - 1) / BATCH;
  const int64_t tasks = (m->out + ROWS - 1) / ROWS * j.batches;
  const size_t size = (size_t)at_least_1(ROWS * m->in) * orr_dtype_size(d);
  if (!orr_slots_open(&j.slots, size, tasks)) return false;
  orr_parallel(tasks, forward_task, &j);
  orr_slots_close(&j.slots);
  return true;
}

bool orr_made_linear(orr_dtype d, const orr_made *m, const void *x,
                     const void *w, const void *bias, void *y) {
  order o;
  ordered xs;
  if (m->n == 0 || m->out == 0) return true;
  if (!order_open(&o, m)) return false;
  const bool direct = o.level && !bias;
  const size_t bytes = (size_t)(m->n * m->out) * orr_dtype_size(d);
  bool ok = in_order(&xs, d, m, x, m->in, o.cols, o.plain);
  void *ys = direct ? y : orr_alloc(bytes);
  ok = ok && ys && forward(d, &o, xs.x, w, ys);
  if (ok && !direct) rearrange(d, &(moved){ys, bias, y, o.slots, m->out}, m->n);
  if (ys && !direct) orr_free(ys, bytes);
  drop(&xs);
  order_close(&o);
  return ok;
}

typedef struct packing {
  orr_dtype d;
  const order *o;
  const void *w;
  void *to;
  int64_t first, width;
} packing;

static void pack_rows(void *context, int64_t begin, int64_t end) {
  const packing *p = context;
  pack(p->d, p->o, p->w, p->first + begin, p->first + end, p->width,
       (char *)at(p->d, p->to, begin * p->width));
}

// Adds block after block to gx, which all of them share: each is packed and
// multiplied by all threads.
static void add_blocks(orr_dtype d, const order *o, const void *gy,
                       const void *w, void *packed, void *gx) {
  const orr_made *m = o->m;
  memset(gx, 0, (size_t)(m->n * m->in) * orr_dtype_size(d));
  for (int64_t i = 0; i < m->out && !orr_stopping(); i += ROWS) {
    const int64_t rows = block_end(o, i) - i, width = o->ends[i + rows - 1];
    if (width == 0) continue;
    packing p = {d, o, w, packed, i, width};
    orr_parallel_range(rows, 1 + ORR_GRAIN_CHEAP / width, pack_rows, &p);
    const orr_gemm g = {.m = m->n,
                        .n = width,
                        .k = rows,
                        .a = at(d, gy, i),
                        .b = packed,
                        .c = gx,
                        .lda = m->out,
                        .ldb = width,
                        .ldc = m->in,
                        .alpha = 1,
                        .beta = 1};
    orr_gemm_run(d, &g);
  }
}

bool orr_made_linear_dx(orr_dtype d, const orr_made *m, const void *gy,
                        const void *w, void *gx) {
  order o;
  ordered gys;
  if (m->n == 0 || m->in == 0) return true;
  if (!order_open(&o, m)) return false;
  const size_t size = orr_dtype_size(d);
  const size_t block = (size_t)(ROWS * m->in) * size;
  const size_t bytes = block + (o.plain ? 0 : (size_t)(m->n * m->in) * size);
  char *packed = orr_alloc(bytes);
  const bool ok =
      in_order(&gys, d, m, gy, m->out, o.rows, o.level) && packed != NULL;
  if (ok) {
    void *gxs = o.plain ? gx : packed + block;
    add_blocks(d, &o, gys.x, w, packed, gxs);
    if (!o.plain) rearrange(d, &(moved){gxs, NULL, gx, o.places, m->in}, m->n);
  }
  if (packed) orr_free(packed, bytes);
  drop(&gys);
  order_close(&o);
  return ok;
}

static void weight_task(void *context, int64_t task) {
  job *j = context;
  const order *o = j->o;
  const orr_made *m = o->m;
  const int64_t blocks = (m->out + ROWS - 1) / ROWS;
  const int64_t begin = (blocks - 1 - task) * ROWS;
  const int64_t end = block_end(o, begin), width = o->ends[end - 1];
  void *product = orr_slot_take(&j->slots);
  const orr_gemm g = {.ta = true,
                      .m = end - begin,
                      .n = width,
                      .k = m->n,
                      .a = at(j->d, j->gy, begin),
                      .b = j->x,
                      .c = product,
                      .lda = m->out,
                      .ldb = at_least_1(m->in),
                      .ldc = at_least_1(width),
                      .alpha = 1};
  orr_gemm_serial(j->d, &g);
  (j->d == ORR_F32 ? unpack_f32 : unpack_f64)(o, product, begin, end, width,
                                              j->y);
  orr_slot_give(&j->slots, product);
}

bool orr_made_linear_dw(orr_dtype d, const orr_made *m, const void *gy,
                        const void *x, void *gw) {
  order o;
  ordered xs, gys = {.copy = NULL};
  if (m->in == 0 || m->out == 0) return true;
  if (!order_open(&o, m)) return false;
  const int64_t tasks = (m->out + ROWS - 1) / ROWS;
  const size_t size = (size_t)(ROWS * m->in) * orr_dtype_size(d);
  job j = {.d = d, .o = &o, .y = gw};
  const bool ok = in_order(&xs, d, m, x, m->in, o.cols, o.plain) &&
      in_order(&gys, d, m, gy, m->out, o.rows, o.level) &&
      orr_slots_open(&j.slots, size, tasks);
  if (ok) {
    j.x = xs.x, j.gy = gys.x;
    orr_parallel(tasks, weight_task, &j);
    orr_slots_close(&j.slots);
  }
  drop(&xs);
  drop(&gys);
  order_close(&o);
  return ok;
}
