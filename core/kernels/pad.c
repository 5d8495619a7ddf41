// pad.c -- padding by a table per axis that says where each element comes
// from. Leading axes that are not padded are folded into one, and a chunk is
// a range of its blocks, so that the adjoint's sums never meet.
#include "pad.h"

#include <string.h>

#include "../base/threads.h"

typedef struct job {
  const orr_pad *p;
  orr_dtype d;
  size_t es;
  const char *x;
  char *y;
  const void *fill;
  int first;                      // leading axes folded
  int64_t block_x, block_y;       // elements below those
  int64_t *source[ORR_MAX_RANK];  // -1: none
} job;

static int64_t source_of(orr_pad_mode mode, int64_t i, int64_t n) {
  if (i >= 0 && i < n) return i;
  switch (mode) {
  case ORR_PAD_REFLECT:
    return i < 0 ? -i : 2 * (n - 1) - i;
  case ORR_PAD_REPLICATE:
    return i < 0 ? 0 : n - 1;
  case ORR_PAD_CIRCULAR:
    return i < 0 ? i + n : i - n;
  default:
    return -1;
  }
}

static size_t table_bytes(const orr_pad *p) {
  int64_t n = 1;
  for (int a = 0; a < p->rank; a++) n += p->to[a];
  return (size_t)n * sizeof(int64_t);
}

static bool start(job *j, const orr_pad *p, orr_dtype d) {
  *j = (job){.p = p,
             .d = d,
             .es = orr_dtype_size(d),
             .block_x = 1,
             .block_y = 1};
  int64_t *table = orr_alloc(table_bytes(p));
  if (!table) return false;
  for (int a = 0; a < p->rank; a++) {
    j->source[a] = table;
    for (int64_t i = 0; i < p->to[a]; i++)
      *table++ = source_of(p->mode, i - p->before[a], p->from[a]);
  }
  while (j->first < p->rank - 1 && p->from[j->first] == p->to[j->first] &&
         p->before[j->first] == 0)
    j->first++;
  for (int a = j->first; a < p->rank; a++) {
    j->block_x *= p->from[a];
    j->block_y *= p->to[a];
  }
  return true;
}

static void end(job *j) { orr_free(j->source[0], table_bytes(j->p)); }

// The last axis: runs of neighbours are copied together.
static void copy_row(const job *j, const char *x, char *y) {
  const int a = j->p->rank - 1;
  const int64_t n = j->p->to[a], *s = j->source[a];
  for (int64_t i = 0; i < n;) {
    if (!x || s[i] < 0) {
      memcpy(y + (size_t)i++ * j->es, j->fill, j->es);
      continue;
    }
    int64_t run = 1;
    while (i + run < n && s[i + run] == s[i] + run) run++;
    memcpy(y + (size_t)i * j->es, x + (size_t)s[i] * j->es,
           (size_t)run * j->es);
    i += run;
  }
}

static void copy_axis(const job *j, int a, const char *x, int64_t count_x,
                      char *y, int64_t count_y) {
  const orr_pad *p = j->p;
  if (a == p->rank - 1) {
    copy_row(j, x, y);
    return;
  }
  const int64_t cx = p->from[a] ? count_x / p->from[a] : 0;
  const int64_t cy = count_y / p->to[a];
  for (int64_t i = 0; i < p->to[a]; i++) {
    const int64_t s = j->source[a][i];
    const char *from = !x || s < 0 ? NULL : x + (size_t)(s * cx) * j->es;
    copy_axis(j, a + 1, from, cx, y + (size_t)(i * cy) * j->es, cy);
  }
}

static void copy_blocks(void *context, int64_t begin, int64_t last) {
  const job *j = context;
  for (int64_t b = begin; b < last; b++)
    copy_axis(j, j->first, j->x + (size_t)(b * j->block_x) * j->es, j->block_x,
              j->y + (size_t)(b * j->block_y) * j->es, j->block_y);
}

static int64_t blocks_of(const job *j) {
  int64_t n = 1;
  for (int a = 0; a < j->first; a++) n *= j->p->from[a];
  return n;
}

static int64_t grain_of(int64_t block) {
  return block < ORR_GRAIN_CHEAP ? ORR_GRAIN_CHEAP / (block ? block : 1) : 1;
}

bool orr_pad_run(orr_dtype d, const orr_pad *p, const void *x, const void *fill,
                 void *y) {
  job j;
  if (!start(&j, p, d)) return false;
  j.x = x, j.y = y, j.fill = fill;
  if (j.block_y > 0)
    orr_parallel_range(blocks_of(&j), grain_of(j.block_y), copy_blocks, &j);
  end(&j);
  return true;
}

// Here x is written and y is read.
static void add_axis(const job *j, int a, char *x, int64_t count_x,
                     const char *y, int64_t count_y) {
  const orr_pad *p = j->p;
  const int64_t n = p->to[a], *s = j->source[a];
  if (a == p->rank - 1) {
    for (int64_t i = 0; i < n; i++)
      if (s[i] >= 0 && j->d == ORR_F32)
        ((float *)(void *)x)[s[i]] += ((const float *)(const void *)y)[i];
      else if (s[i] >= 0)
        ((double *)(void *)x)[s[i]] += ((const double *)(const void *)y)[i];
    return;
  }
  const int64_t cx = p->from[a] ? count_x / p->from[a] : 0;
  const int64_t cy = count_y / n;
  for (int64_t i = 0; i < n; i++)
    if (s[i] >= 0)
      add_axis(j, a + 1, x + (size_t)(s[i] * cx) * j->es, cx,
               y + (size_t)(i * cy) * j->es, cy);
}

static void add_blocks(void *context, int64_t begin, int64_t last) {
  const job *j = context;
  const size_t bytes = (size_t)j->block_x * j->es;
  for (int64_t b = begin; b < last; b++) {
    char *x = j->y + (size_t)b * bytes;
    memset(x, 0, bytes);
    if (j->block_y > 0)
      add_axis(j, j->first, x, j->block_x,
               j->x + (size_t)(b * j->block_y) * j->es, j->block_y);
  }
}

bool orr_pad_dx(orr_dtype d, const orr_pad *p, const void *y, void *x) {
  job j;
  if (!start(&j, p, d)) return false;
  j.x = y, j.y = x;
  if (j.block_x > 0)
    orr_parallel_range(blocks_of(&j), grain_of(j.block_x), add_blocks, &j);
  end(&j);
  return true;
}
