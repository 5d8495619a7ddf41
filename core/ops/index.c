// index.c -- picking and placing elements by position or mask.
//
// Positions in index tensors count from 1, as everywhere a user sees them.
#include <string.h>

#include "../kernels/elementwise.h"
#include "places.h"

#define ANY(NAME) \
  { NAME, .want = ORR_WANT_ANY }
#define AXIS \
  { "axis", ORR_AXIS, .required = true, .doc = "along which" }
#define INDEX \
  { "index", .want = ORR_WANT_INT, .doc = "positions from 1" }

// ---- where

#define WHERE(T, NAME)                                                     \
  ORR_CLONES static void NAME(int64_t n, char *const *p, const int64_t *s, \
                              const double *attr) {                        \
    (void)attr;                                                            \
    T *y = (T *)(void *)p[0];                                              \
    const uint8_t *m = (const uint8_t *)p[1];                              \
    const T *a = (const T *)(const void *)p[2];                            \
    const T *b = (const T *)(const void *)p[3];                            \
    if (s[0] == 1 && s[1] == 1 && s[2] == 1 && s[3] == 0) {                \
      ORR_IVDEP for (int64_t i = 0; i < n; i++) y[i] = m[i] ? a[i] : b[0]; \
      return;                                                              \
    }                                                                      \
    for (int64_t i = 0; i < n; i++)                                        \
      y[i * s[0]] = m[i * s[1]] ? a[i * s[2]] : b[i * s[3]];               \
  }
WHERE(float, where_f32)
WHERE(double, where_f64)
WHERE(int64_t, where_i64)
WHERE(uint8_t, where_u8)

static bool where_shape(orr_call *c) {
  return orr_out_broadcast(c, (int)c->x[1]->dtype);
}

static bool where_forward(orr_call *c) {
  static orr_loop *const loops[] = {where_f32, where_f64, where_i64, where_u8};
  return orr_run_loop(c, loops[c->x[1]->dtype], ORR_GRAIN_CHEAP);
}

// The branch not taken gets 0 even where its own slope is NaN or infinite.
static void where_vjp(orr_vjp *v) {
  orr_tensor *zero = orr_num(v->gy, 0);
  if (v->needs[1]) v->gx[1] = ORR(where, v->x[0], v->gy, zero);
  if (v->needs[2]) v->gx[2] = ORR(where, v->x[0], zero, v->gy);
}

ORR_DEFINE_OP(where,
              .doc = "x where the condition is not 0, else y, elementwise with "
                     "broadcasting.",
              .params = {{"condition", .want = ORR_WANT_MASK}, ANY("x"),
                         ANY("y")},
              .shape = where_shape, .forward = where_forward, .vjp = where_vjp,
              .flags = ORR_STRIDED_OK | ORR_PROMOTE,
              .samples = {"{ {3,4}, {3,4}, {3,4} }", "{ {3,1}, {4}, {} }",
                          "{ {0,4}, {4}, {1,4} }",
                          "{ {2,3}, {2,4}, {}, error = 'where: condition is [2, "
                          "3], x is [2, 4]: they do not broadcast; sizes must "
                          "be equal or 1, matched from the last axis' }"});

static orr_tensor *masked_fill_compose(orr_call *c) {
  return ORR(where, c->x[1], orr_num(c->x[0], c->attr[0]), c->x[0]);
}

ORR_DEFINE_OP(masked_fill,
              .doc = "x with `value` where the mask is not 0.",
              .params = {ANY("x"), {"mask", .want = ORR_WANT_MASK},
                         {"value", ORR_NUM, .required = true,
                          .doc = "what is written"}},
              .compose = masked_fill_compose,
              .samples = {"{ {3,4}, {3,4}, value = -2 }",
                          "{ {3,4}, {4}, value = 0 }",
                          "{ {0,4}, {4}, value = 1 }"});

// ---- along one axis

// Copies of x seen as [outer, n, inner] around the axis.
typedef struct around {
  int64_t outer, n, inner;
} around;

static around split(const orr_tensor *x, int axis) {
  around a = {1, x->size[axis], 1};
  for (int i = 0; i < axis; i++) a.outer *= x->size[i];
  for (int i = axis + 1; i < x->rank; i++) a.inner *= x->size[i];
  return a;
}

static bool index_select_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  if (!orr_want_axis(c, 0, x->rank) || !orr_want_rank(c, 1, 1)) return false;
  int64_t size[ORR_MAX_RANK];
  memcpy(size, x->size, sizeof size);
  size[(int)c->attr[0]] = c->x[1]->count;
  return orr_out(c, 0, x->dtype, x->rank, size);
}

typedef struct rows_job {
  const char *from;
  char *to;
  const int64_t *index;
  int64_t n, picked;
  size_t bytes;  // of one [inner] row
} rows_job;

static void copy_rows(void *context, int64_t begin, int64_t end) {
  const rows_job *j = context;
  for (int64_t i = begin; i < end; i++) {
    const int64_t outer = i / j->picked, at = j->index[i % j->picked] - 1;
    memcpy(j->to + (size_t)i * j->bytes,
           j->from + (size_t)(outer * j->n + at) * j->bytes, j->bytes);
  }
}

static bool index_select_forward(orr_call *c) {
  const int axis = (int)c->attr[0];
  if (!orr_want_positions(c, c->x[0], c->x[1], axis)) return false;
  const around a = split(c->x[0], axis);
  rows_job j = {orr_data(c->x[0]),
                orr_data(c->y[0]),
                orr_data(c->x[1]),
                a.n,
                c->x[1]->count,
                (size_t)a.inner * orr_dtype_size(c->x[0]->dtype)};
  if (j.bytes)
    orr_parallel_range(a.outer * j.picked, 1 + 65536 / (int64_t)j.bytes,
                       copy_rows, &j);
  return true;
}

static orr_tensor *zeros_like(orr_tensor *gy, const orr_tensor *x) {
  return gy ? orr_keep(orr_zeros(x->dtype, x->rank, x->size)) : NULL;
}

static void index_select_vjp(orr_vjp *v) {
  v->gx[0] = ORR(index_add, zeros_like(v->gy, v->x[0]), v->x[1], v->gy,
                 .attr = {v->attr[0]});
}

ORR_DEFINE_OP(index_select,
              .doc = "Positions of one axis, in the order of index [M].",
              .params = {ANY("x"), AXIS, INDEX}, .shape = index_select_shape,
              .forward = index_select_forward, .vjp = index_select_vjp,
              .samples = {"{ {5,3}, {4}, axis = 1, ints = { index = {1,5} } }",
                          "{ {2,5,3}, {6}, axis = 2, ints = { index = {1,5} } }",
                          "{ {3,4}, {0}, axis = -1, ints = { index = {1,4} } }",
                          "{ {2,3}, {1}, axis = 1, ints = { index = {4,4} }, "
                          "error = 'index_select: index holds 4 at element 1 "
                          "but axis 1 of [2, 3] has positions 1 to 2' }"});

// ---- index_add: elements may fall on each other, so each [inner] column is
// summed by one thread, in the order of index.

static bool index_add_shape(orr_call *c) {
  const orr_tensor *x = c->x[0], *source = c->x[2];
  char a[128], b[128];
  if (!orr_want_axis(c, 0, x->rank) || !orr_want_rank(c, 1, 1)) return false;
  const int axis = (int)c->attr[0];
  bool ok = source->rank == x->rank && source->dtype == x->dtype;
  for (int i = 0; ok && i < x->rank; i++)
    ok = source->size[i] == (i == axis ? c->x[1]->count : x->size[i]);
  if (!ok)
    return orr_fail(c,
                    "x is %s and index has %lld positions but source is %s; "
                    "source must be like x with that many along axis %d",
                    orr_shape_text(x, a, sizeof a), (long long)c->x[1]->count,
                    orr_shape_text(source, b, sizeof b), axis + 1);
  return orr_out_like(c, x);
}

#define ADD_ROWS(T, NAME)                                                   \
  static void NAME(T *y, const T *s, const int64_t *index, int64_t m,       \
                   around a) {                                              \
    for (int64_t o = 0; o < a.outer; o++)                                   \
      for (int64_t k = 0; k < m; k++) {                                     \
        T *to = y + (o * a.n + index[k] - 1) * a.inner;                     \
        const T *from = s + (o * m + k) * a.inner;                          \
        for (int64_t i = 0; i < a.inner; i++) to[i] = (T)(to[i] + from[i]); \
      }                                                                     \
  }
ADD_ROWS(float, add_rows_f32)
ADD_ROWS(double, add_rows_f64)
ADD_ROWS(int64_t, add_rows_i64)
ADD_ROWS(uint8_t, add_rows_u8)

static bool index_add_forward(orr_call *c) {
  orr_tensor *y = c->y[0];
  const int axis = (int)c->attr[0];
  if (!orr_want_positions(c, c->x[0], c->x[1], axis)) return false;
  orr_copy_elements(y, c->x[0]);
  const around a = split(y, axis);
  const int64_t *index = orr_data(c->x[1]), m = c->x[1]->count;
  const void *s = orr_data(c->x[2]);
  switch (y->dtype) {
  case ORR_F32:
    add_rows_f32(orr_data(y), s, index, m, a);
    break;
  case ORR_F64:
    add_rows_f64(orr_data(y), s, index, m, a);
    break;
  case ORR_I64:
    add_rows_i64(orr_data(y), s, index, m, a);
    break;
  default:
    add_rows_u8(orr_data(y), s, index, m, a);
    break;
  }
  return true;
}

static void index_add_vjp(orr_vjp *v) {
  v->gx[0] = v->gy;
  if (v->needs[2])
    v->gx[2] = ORR(index_select, v->gy, v->x[1], .attr = {v->attr[0]});
}

ORR_DEFINE_OP(index_add,
              .doc = "x with source added at the positions of one axis; "
                     "repeated positions add up. With alpha, alpha times "
                     "source is added.",
              .params = {ANY("x"), AXIS, INDEX, ANY("source")},
              .shape = index_add_shape, .forward = index_add_forward,
              .vjp = index_add_vjp, .flags = ORR_INPLACE,
              .samples = {"{ {5,3}, {4}, {4,3}, axis = 1, ints = { index = "
                          "{1,5} } }",
                          "{ {2,3,2}, {4}, {2,4,2}, axis = 2, ints = { index = "
                          "{1,3} } }",
                          "{ {3}, {0}, {0}, axis = 1, ints = { index = {1,3} } "
                          "}",
                          "{ {2,3}, {2}, {3,3}, axis = 1, ints = { index = {1,2} "
                          "}, error = 'index_add: x is [2, 3] and index has 2 "
                          "positions but source is [3, 3]; source must be like "
                          "x with that many along axis 1' }"});

// ---- gather, scatter_add: an index tensor of the result's shape

static bool check_gather(orr_call *c, const orr_tensor *x,
                         const orr_tensor *index) {
  return orr_want_axis(c, 0, x->rank) &&
      orr_want_along(c, x, index, (int)c->attr[0]);
}

static bool gather_shape(orr_call *c) {
  const orr_tensor *x = c->x[0], *index = c->x[1];
  return check_gather(c, x, index) &&
      orr_out(c, 0, x->dtype, index->rank, index->size);
}

typedef struct move {
  const char *from;
  char *to;
  size_t size;
  orr_dtype d;
} move;

static void copy_place(void *context, int64_t at_index, int64_t at_x) {
  const move *m = context;
  memcpy(m->to + (size_t)at_index * m->size, m->from + (size_t)at_x * m->size,
         m->size);
}

static bool gather_forward(orr_call *c) {
  const int axis = (int)c->attr[0];
  if (!orr_want_positions(c, c->x[0], c->x[1], axis)) return false;
  move m = {orr_data(c->x[0]), orr_data(c->y[0]),
            orr_dtype_size(c->x[0]->dtype), c->x[0]->dtype};
  orr_each_place(c->x[0], c->x[1], axis, copy_place, &m);
  return true;
}

static void gather_vjp(orr_vjp *v) {
  v->gx[0] = ORR(scatter_add, zeros_like(v->gy, v->x[0]), v->x[1], v->gy,
                 .attr = {v->attr[0]});
}

ORR_DEFINE_OP(gather,
              .doc = "Element index[i, j, ...] of x along one axis, the other "
                     "positions being i, j, ... themselves.",
              .params = {ANY("x"), AXIS, INDEX}, .shape = gather_shape,
              .forward = gather_forward, .vjp = gather_vjp,
              .samples = {"{ {5,3}, {2,3}, axis = 1, ints = { index = {1,5} } }",
                          "{ {4,5}, {4,2}, axis = 2, ints = { index = {1,5} } }",
                          "{ {3,4}, {0,4}, axis = 1, ints = { index = {1,3} } }",
                          "{ {2,3}, {2,1}, axis = 2, ints = { index = {9,9} }, "
                          "error = 'gather: index holds 9 at element 1 but axis "
                          "2 of [2, 3] has positions 1 to 3' }",
                          "{ {2,3}, {3}, axis = 1, ints = { index = {1,2} }, "
                          "error = 'gather: x is [2, 3] but index is [3]; index "
                          "needs as many axes, none longer than x\\'s but axis "
                          "1' }"});

static bool scatter_add_shape(orr_call *c) {
  char a[128], b[128];
  if (!check_gather(c, c->x[0], c->x[1])) return false;
  if (!orr_same_shape(c->x[1], c->x[2]) || c->x[0]->dtype != c->x[2]->dtype)
    return orr_fail(c, "index is %s but source is %s; match them",
                    orr_shape_text(c->x[1], a, sizeof a),
                    orr_shape_text(c->x[2], b, sizeof b));
  return orr_out_like(c, c->x[0]);
}

static void add_place(void *context, int64_t i, int64_t at) {
  const move *m = context;
  const void *from = m->from;
  void *to = m->to;
  switch (m->d) {
  case ORR_F32:
    ((float *)to)[at] += ((const float *)from)[i];
    break;
  case ORR_F64:
    ((double *)to)[at] += ((const double *)from)[i];
    break;
  case ORR_I64:
    ((int64_t *)to)[at] += ((const int64_t *)from)[i];
    break;
  default:
    ((uint8_t *)to)[at] =
        (uint8_t)(((uint8_t *)to)[at] + ((const uint8_t *)from)[i]);
  }
}

static bool scatter_add_forward(orr_call *c) {
  const int axis = (int)c->attr[0];
  if (!orr_want_positions(c, c->x[0], c->x[1], axis)) return false;
  orr_copy_elements(c->y[0], c->x[0]);
  move m = {orr_data(c->x[2]), orr_data(c->y[0]),
            orr_dtype_size(c->x[0]->dtype), c->x[0]->dtype};
  orr_each_place(c->x[0], c->x[1], axis, add_place, &m);
  return true;
}

static void scatter_add_vjp(orr_vjp *v) {
  v->gx[0] = v->gy;
  if (v->needs[2]) v->gx[2] = ORR(gather, v->gy, v->x[1], .attr = {v->attr[0]});
}

ORR_DEFINE_OP(scatter_add,
              .doc = "x with source added where gather would read; repeated "
                     "places add up.",
              .params = {ANY("x"), AXIS, INDEX, ANY("source")},
              .shape = scatter_add_shape, .forward = scatter_add_forward,
              .vjp = scatter_add_vjp, .flags = ORR_INPLACE,
              .samples = {"{ {5,3}, {2,3}, {2,3}, axis = 1, ints = { index = "
                          "{1,5} } }",
                          "{ {4,5}, {4,2}, {4,2}, axis = 2, ints = { index = "
                          "{1,5} } }",
                          "{ {3}, {0}, {0}, axis = 1, ints = { index = {1,3} } "
                          "}",
                          "{ {5}, {2}, {3}, axis = 1, ints = { index = {1,5} }, "
                          "error = 'scatter_add: index is [2] but source is [3];"
                          " match them' }"});

// ---- masks

// The one op whose shape depends on data: it cannot be recorded for replay.
static bool flatnonzero_shape(orr_call *c) {
  int64_t n = 0;
  for (int64_t i = 0; i < c->x[0]->count; i++) n += orr_get(c->x[0], i) != 0;
  return orr_out(c, 0, ORR_I64, 1, &n);
}

static bool flatnonzero_forward(orr_call *c) {
  int64_t *y = orr_data(c->y[0]);
  for (int64_t i = 0; i < c->x[0]->count; i++)
    if (orr_get(c->x[0], i) != 0) *y++ = i + 1;
  return true;
}

ORR_DEFINE_OP(flatnonzero,
              .doc = "Positions, in row-major order and from 1, of the elements "
                     "that are not 0 -> int64 [M]; argwhere gives them by "
                     "axes.",
              .torch = "",
              .params = {ANY("x")}, .shape = flatnonzero_shape,
              .forward = flatnonzero_forward,
              .flags = ORR_STRIDED_OK | ORR_NO_GRAD,
              .samples = {"{ {3,4} }", "{ {0,4} }", "{ {} }"});

static orr_tensor *masked_select_compose(orr_call *c) {
  orr_tensor *x, *mask;
  if (!orr_spread_two(c, &x, &mask)) return NULL;
  const int64_t size[1] = {x->count};
  return ORR(index_select, orr_reshape_to(x, 1, size), ORR(flatnonzero, mask),
             .attr = {0});
}

ORR_DEFINE_OP(masked_select,
              .doc = "The elements of x where the mask is not 0, in row-major "
                     "order -> [M]; the two broadcast.",
              .params = {ANY("x"), {"mask", .want = ORR_WANT_MASK}},
              .compose = masked_select_compose,
              .samples = {"{ {3,4}, {3,4} }", "{ {0,4}, {0,4} }",
                          "{ {3,4}, {3,1} }", "{ {4}, {3,1} }",
                          "{ {2,3}, {2}, error = 'masked_select: x is [2, 3], "
                          "mask is [2]: they do not broadcast; sizes must be "
                          "equal or 1, matched from the last axis' }"});
