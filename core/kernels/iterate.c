// iterate.c -- see iterate.h.
#include "iterate.h"

#include "../base/threads.h"
#include "../tensor/tensor.h"
#include "far.h"

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

// ---- operands that lie the other way round
//
// An input whose innermost step is long, but which has an axis of step 1, is
// read along that axis: a tile of TALL x WIDE elements is turned into a buffer
// in the first-level cache, so that of each line read all is used and the loop
// finds its elements side by side. (2048 x 2048 floats transposed: 24 ms
// element by element, 5 by tiles.)
#define TALL 64
#define WIDE 64

typedef struct tiling {
  walk w;
  unsigned turned;     // bit k: operand k is
  int64_t tall, wide;  // tiles along the last two axes
} tiling;

// Brings the axis to turn to the last place but one.
static bool find_turned(orr_space *s, unsigned *turned) {
  const int inner = s->rank - 1, outer = s->rank - 2;
  int axis = -1;
  if (s->rank < 2 || s->size[inner] < 8) return false;
  for (int k = 1; k < s->operands && axis < 0; k++)
    for (int a = 0; a < inner && s->stride[k][inner] > 1; a++)
      if (s->stride[k][a] == 1 && s->size[a] >= 4) axis = a;
  if (axis < 0) return false;
  const int64_t size = s->size[axis];
  s->size[axis] = s->size[outer];
  s->size[outer] = size;
  *turned = 0;
  for (int k = 0; k < s->operands; k++) {
    const int64_t step = s->stride[k][axis];
    s->stride[k][axis] = s->stride[k][outer];
    s->stride[k][outer] = step;
    if (k > 0 && step == 1 && s->stride[k][inner] > 1) *turned |= 1u << k;
  }
  return true;
}

#define TURN(T)                                                              \
  static void turn_##T(const T *x, int64_t step, int64_t tall, int64_t wide, \
                       T *y) {                                               \
    if (tall == TALL)                                                        \
      for (int64_t j = 0; j < wide; j++, x += step)                          \
        for (int i = 0; i < TALL; i++) y[i * WIDE + j] = x[i];               \
    else                                                                     \
      for (int64_t j = 0; j < wide; j++, x += step)                          \
        for (int64_t i = 0; i < tall; i++) y[i * WIDE + j] = x[i];           \
  }
TURN(uint8_t)
TURN(uint32_t)
TURN(uint64_t)

static void turn(size_t element, const void *x, int64_t step, int64_t tall,
                 int64_t wide, void *y) {
  if (element == 1)
    turn_uint8_t(x, step, tall, wide, y);
  else if (element == 4)
    turn_uint32_t(x, step, tall, wide, y);
  else
    turn_uint64_t(x, step, tall, wide, y);
}

// Takes the place along an axis out of *flat, moving the operands there.
static int64_t go_along(const orr_space *s, int axis, int64_t tile,
                        int64_t tiles, int64_t *flat, char **p) {
  const int64_t at = *flat % tiles * tile;
  *flat /= tiles;
  for (int k = 0; k < s->operands; k++)
    p[k] += at * s->stride[k][axis] * (int64_t)s->element[k];
  return s->size[axis] - at < tile ? s->size[axis] - at : tile;
}

static void run_tile(const tiling *t, int64_t flat) {
  _Alignas(64) char buffer[ORR_MAX_OPERAND][TALL * WIDE * 8];
  const orr_space *s = t->w.space;
  const int inner = s->rank - 1, outer = s->rank - 2;
  char *p[ORR_MAX_OPERAND];
  int64_t step[ORR_MAX_OPERAND], down[ORR_MAX_OPERAND];
  for (int k = 0; k < s->operands; k++) p[k] = s->base[k];
  const int64_t wide = go_along(s, inner, WIDE, t->wide, &flat, p);
  const int64_t tall = go_along(s, outer, TALL, t->tall, &flat, p);
  for (int a = outer - 1; a >= 0; a--) go_along(s, a, 1, s->size[a], &flat, p);
  for (int k = 0; k < s->operands; k++) {
    const bool turned = t->turned >> k & 1;
    step[k] = turned ? 1 : s->stride[k][inner];
    down[k] = (turned ? WIDE : s->stride[k][outer]) * (int64_t)s->element[k];
    if (!turned) continue;
    turn(s->element[k], p[k], s->stride[k][inner], tall, wide, buffer[k]);
    p[k] = buffer[k];
  }
  for (int64_t i = 0; i < tall; i++) {
    t->w.loop(wide, p, step, t->w.attr);
    for (int k = 0; k < s->operands; k++) p[k] += down[k];
  }
}

static void run_tiles(void *context, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; i++) run_tile(context, i);
}

static void iterate_tiles(tiling *t, int64_t n, int64_t grain) {
  const orr_space *s = t->w.space;
  t->wide = (s->size[s->rank - 1] + WIDE - 1) / WIDE;
  t->tall = (s->size[s->rank - 2] + TALL - 1) / TALL;
  const int64_t tiles =
      t->wide * t->tall * (n / s->size[s->rank - 1] / s->size[s->rank - 2]);
  orr_parallel_range(tiles, 1 + grain / (TALL * WIDE), run_tiles, t);
}

void orr_iterate(orr_space *s, orr_loop *loop, const double *attr,
                 int64_t grain) {
  static const double no_options[2];
  if (orr_product(s->rank, s->size) == 0) return;
  orr_space_merge(s);
  walk w = {s, loop, attr ? attr : no_options};
  const int64_t n = orr_product(s->rank, s->size);
  tiling t = {.w = w};
  if (find_turned(s, &t.turned))
    iterate_tiles(&t, n, grain);
  else if (n <= grain)
    walk_range(&w, 0, n);
  else
    orr_parallel_range(n, grain, walk_range, &w);
}

typedef struct row_walk {
  const orr_row *row;
  orr_loop *loop;
  const double *attr;
  bool far;
} row_walk;

static void walk_row(void *context, int64_t begin, int64_t end) {
  const row_walk *w = context;
  const orr_row *r = w->row;
  char *p[ORR_MAX_OPERAND];
  for (int k = 0; k < r->operands; k++)
    p[k] = r->base[k] + begin * r->step[k] * (int64_t)r->element[k];
  if (w->far)
    orr_run_far(r, p, end - begin, w->loop, w->attr);
  else
    w->loop(end - begin, p, r->step, w->attr);
}

// Dear loops take as long as memory does, and both go on at once.
void orr_iterate_row(const orr_row *r, int64_t n, orr_loop *loop,
                     const double *attr, int64_t grain) {
  if (n <= grain) {
    loop(n, r->base, r->step, attr);
    return;
  }
  const bool far = grain >= ORR_GRAIN_CHEAP && orr_is_far(r, n);
  row_walk w = {r, loop, attr, far};
  orr_parallel_range(n, far ? ORR_GRAIN_FAR : grain, walk_row, &w);
}
