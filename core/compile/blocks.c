// blocks.c -- elementwise rows done together, one block of elements after the
// other, by the loops that do each of them alone: so with the same bits.
#include <string.h>

#include "../base/threads.h"
#include "../kernels/far.h"
#include "blocks.h"

typedef struct run {
  const orr_cluster *c;
  char *outside[ORR_MOST_OUTSIDE];
  bool sends[ORR_MOST_OUTSIDE];  // is written past the caches
  bool far;                      // any is
} run;

static void copy_spread(const orr_block_step *s, char *const *table,
                        int64_t begin, int64_t end) {
  const int64_t back = begin * (int64_t)s->space->element[0];
  char *base[2];
  base[0] = (char *)((uintptr_t)table[s->at[0]] - (uintptr_t)back);
  base[1] = table[s->at[1]];
  orr_walk(s->space, base, s->loop, s->attr, begin, end);
}

static void do_block(const run *r, char *const *table, char *stage,
                     int64_t begin, int64_t end) {
  const orr_cluster *c = r->c;
  for (const orr_block_step *s = c->steps; s < c->steps + c->n_steps; s++) {
    if (s->space) {
      copy_spread(s, table, begin, end);
      continue;
    }
    char *p[ORR_MAX_OPERAND];
    for (int k = 0; k < s->operands; k++)
      p[k] = table[s->at[k]] + begin * s->shift[k];
    char *const to = p[0];
    if (s->at[0] >= c->slots && r->sends[s->at[0] - c->slots]) p[0] = stage;
    s->loop(end - begin, p, s->stride, s->attr);
    if (p[0] != to) orr_send(to, stage, (end - begin) * s->shift[0]);
  }
}

static void do_range(void *context, int64_t begin, int64_t end) {
  _Alignas(4096) char scratch[ORR_SLOTS_BYTES];
  const run *r = context;
  const orr_cluster *c = r->c;
  char *table[ORR_MOST_SLOTS + ORR_MOST_OUTSIDE];
  for (int i = 0; i < c->slots; i++) table[i] = scratch + i * c->slot_bytes;
  memcpy(table + c->slots, r->outside, (size_t)c->n_outside * sizeof *table);
  for (; begin < end; begin += c->block)
    do_block(r, table, scratch + c->slots * c->slot_bytes, begin,
             end - begin < c->block ? end : begin + c->block);
  if (r->far) orr_sent();
}

// ---- results past the caches

// Bytes of tensors that are walked through.
static int64_t bytes_outside(const orr_cluster *c) {
  int64_t bytes[ORR_MOST_OUTSIDE] = {0}, all = 0;
  for (const orr_block_step *s = c->steps; s < c->steps + c->n_steps; s++)
    for (int k = 0; k < s->operands; k++)
      if (s->at[k] >= c->slots && s->shift[k])
        bytes[s->at[k] - c->slots] = c->n * s->shift[k];
  for (int i = 0; i < c->n_outside; i++) all += bytes[i];
  return all;
}

// Nothing in the cluster reads it again, and it lies over nothing.
static bool may_send(const run *r, int at) {
  const orr_cluster *c = r->c;
  bool written = false;
  for (const orr_block_step *s = c->steps; s < c->steps + c->n_steps; s++) {
    written |= s->at[0] == c->slots + at;
    for (int k = 1; k < s->operands; k++)
      if (s->at[k] == c->slots + at) return false;
  }
  for (int i = 0; i < c->n_outside; i++)
    if (i != at && r->outside[i] == r->outside[at]) return false;
  return written && (uintptr_t)r->outside[at] % ORR_LINE == 0;
}

bool orr_cluster_run(const orr_cluster *c) {
  run r;
  r.c = c;
  r.far = false;
  const bool large =
      c->n * c->n_outside >= ORR_FAR / 8 && bytes_outside(c) >= ORR_FAR;
  for (int i = 0; i < c->n_outside; i++) r.outside[i] = orr_data(c->outside[i]);
  for (int i = 0; i < c->n_outside; i++)
    r.far |= r.sends[i] = large && may_send(&r, i);
  if (c->n <= c->grain)
    do_range(&r, 0, c->n);
  else
    orr_parallel_range(c->n, c->grain, do_range, &r);
  return true;
}

// Of each block x is read, in its order, by no later step than the one that
// writes y; of other blocks nothing.
bool orr_cluster_may_overwrite(const orr_cluster *c, const orr_tensor *x,
                               const orr_tensor *y) {
  int written = -1;
  for (int i = 0; i < c->n_steps; i++) {
    const orr_block_step *s = &c->steps[i];
    if (s->at[0] >= c->slots &&
        c->outside[s->at[0] - c->slots]->storage == y->storage)
      written = i;
    for (int k = 1; k < s->operands; k++) {
      const int at = s->at[k] - c->slots;
      if (at < 0 || c->outside[at]->storage != x->storage) continue;
      if (written >= 0 && written < i) return false;
      if (c->outside[at]->offset != 0 || s->space || !s->shift[k]) return false;
    }
  }
  return true;
}

void orr_cluster_take(orr_cluster *c) { c->owns = true; }

void orr_cluster_free(orr_cluster *c) {
  if (!c) return;
  for (int i = 0; c->owns && i < c->n_rows; i++) orr_row_free(c->rows[i]);
  orr_free(c, c->bytes);
}

const char *orr_cluster_name(const orr_cluster *c) { return c->name; }
int orr_cluster_size(const orr_cluster *c) { return c->n_rows; }
