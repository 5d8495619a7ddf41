// iterate.c -- see iterate.h.
#include "iterate.h"

#include "../base/threads.h"
#include "../tensor/tensor.h"

void orr_space_add_shape(orr_space *space, const orr_tensor *t) {
  const int k = space->operands++;
  space->element[k] = orr_dtype_size(t->dtype);
  const int pad = space->rank - t->rank;
  for (int i = 0; i < space->rank; i++) {
    const bool repeats = i < pad || (t->size[i - pad] == 1);
    space->stride[k][i] = repeats ? 0 : t->stride[i - pad];
  }
}

void orr_space_add(orr_space *space, const orr_tensor *t) {
  space->base[space->operands] = orr_data(t);
  orr_space_add_shape(space, t);
}

static bool mergeable(const orr_space *s, int outer, int inner) {
  for (int k = 0; k < s->operands; k++)
    if (s->stride[k][outer] != s->stride[k][inner] * s->size[inner])
      return false;
  return true;
}

// Drops axes of size 1 and merges neighbours that all operands walk as one.
void orr_space_merge(orr_space *s) {
  int last = -1;
  for (int i = 0; i < s->rank; i++) {
    if (s->size[i] == 1) continue;
    if (last >= 0 && mergeable(s, last, i)) {
      s->size[last] *= s->size[i];
    } else {
      s->size[++last] = s->size[i];
    }
    for (int k = 0; k < s->operands; k++) s->stride[k][last] = s->stride[k][i];
  }
  s->rank = last + 1;
  if (s->rank) return;
  s->rank = 1;  // a single element
  s->size[0] = 1;
  for (int k = 0; k < s->operands; k++) s->stride[k][0] = 0;
}

typedef struct walk {
  const orr_space *space;
  orr_loop *loop;
  const double *attr;
} walk;

static void place(const orr_space *s, char *const *base, int64_t flat,
                  int64_t *at, char **p) {
  for (int k = 0; k < s->operands; k++) p[k] = base[k];
  for (int i = s->rank - 1; i >= 0; i--) {
    at[i] = flat % s->size[i];
    flat /= s->size[i];
    for (int k = 0; k < s->operands; k++)
      p[k] += at[i] * s->stride[k][i] * (int64_t)s->element[k];
  }
}

// Moves to the next row: carries from the second-innermost axis outwards.
static void next_row(const orr_space *s, int64_t *at, char **p) {
  int i = s->rank - 1;
  for (;;) {
    for (int k = 0; k < s->operands; k++)
      p[k] -= at[i] * s->stride[k][i] * (int64_t)s->element[k];
    at[i] = 0;
    if (--i < 0) return;
    for (int k = 0; k < s->operands; k++)
      p[k] += s->stride[k][i] * (int64_t)s->element[k];
    if (++at[i] < s->size[i]) return;
  }
}

void orr_walk(const orr_space *s, char *const *base, orr_loop *loop,
              const double *attr, int64_t begin, int64_t end) {
  const int inner = s->rank - 1;
  int64_t at[ORR_MAX_RANK], step[ORR_MAX_OPERAND];
  char *p[ORR_MAX_OPERAND];
  for (int k = 0; k < s->operands; k++) step[k] = s->stride[k][inner];
  place(s, base, begin, at, p);
  while (begin < end) {
    int64_t n = s->size[inner] - at[inner];
    if (n > end - begin) n = end - begin;
    loop(n, p, step, attr);
    begin += n;
    if (begin < end) next_row(s, at, p);
  }
}

static void walk_range(void *context, int64_t begin, int64_t end) {
  const walk *w = context;
  orr_walk(w->space, w->space->base, w->loop, w->attr, begin, end);
}

void orr_iterate(orr_space *s, orr_loop *loop, const double *attr,
                 int64_t grain) {
  static const double no_options[2];
  if (orr_product(s->rank, s->size) == 0) return;
  orr_space_merge(s);
  walk w = {s, loop, attr ? attr : no_options};
  const int64_t n = orr_product(s->rank, s->size);
  if (n <= grain)
    walk_range(&w, 0, n);
  else
    orr_parallel_range(n, grain, walk_range, &w);
}

typedef struct row_walk {
  const orr_row *row;
  orr_loop *loop;
  const double *attr;
} row_walk;

static void walk_row(void *context, int64_t begin, int64_t end) {
  const row_walk *w = context;
  const orr_row *r = w->row;
  char *p[ORR_MAX_OPERAND];
  for (int k = 0; k < r->operands; k++)
    p[k] = r->base[k] + begin * r->step[k] * (int64_t)r->element[k];
  w->loop(end - begin, p, r->step, w->attr);
}

void orr_iterate_row(const orr_row *r, int64_t n, orr_loop *loop,
                     const double *attr, int64_t grain) {
  row_walk w = {r, loop, attr};
  if (n <= grain)
    loop(n, r->base, r->step, attr);
  else
    orr_parallel_range(n, grain, walk_row, &w);
}
