// scatter.c -- writing elements at given positions, each op the counterpart of
// one that reads there (gather, index_select, take).
//
// Of elements that fall on one place the last in row-major order stays, and
// only that one gets the gradient.
#include <string.h>

#include "../compile/recorder.h"
#include "places.h"

#define ANY(NAME) \
  { NAME, .want = ORR_WANT_ANY }
#define AXIS \
  { "axis", ORR_AXIS, .required = true, .doc = "along which" }
#define INDEX \
  { "index", .want = ORR_WANT_INT, .doc = "positions from 1" }

static bool scatter_shape(orr_call *c) {
  const orr_tensor *x = c->x[0], *index = c->x[1], *source = c->x[2];
  char a[128], b[128];
  if (!orr_want_axis(c, 0, x->rank) ||
      !orr_want_along(c, x, index, (int)c->attr[0]))
    return false;
  const bool number = source->rank == 0 && source->dtype == ORR_I64;
  if (source->dtype != x->dtype && !(number && x->dtype == ORR_U8))
    return orr_fail(c, "x is %s but source is %s; convert one",
                    orr_dtype_name(x->dtype), orr_dtype_name(source->dtype));
  if (source->rank > 0 && !orr_same_shape(index, source))
    return orr_fail(c,
                    "index is %s but source is %s; match them, or give a "
                    "number",
                    orr_shape_text(index, a, sizeof a),
                    orr_shape_text(source, b, sizeof b));
  return orr_out_like(c, x);
}

// A whole number for a uint8 tensor: its byte.
static bool as_byte(orr_call *c, const char **from, uint8_t *byte) {
  if (c->x[2]->dtype == c->x[0]->dtype) return true;
  const int64_t v = orr_get_int(c->x[2], 0);
  if (v < 0 || v > UINT8_MAX)
    return orr_fail(c, "source is %lld, which uint8 cannot hold; use 0 to 255",
                    (long long)v);
  *byte = (uint8_t)v;
  *from = (const char *)byte;
  return true;
}

typedef struct put {
  const char *from;
  char *to;
  size_t size, step;  // of an element, to the next of the source
} put;

static void put_place(void *context, int64_t at_index, int64_t at_x) {
  const put *p = context;
  memcpy(p->to + (size_t)at_x * p->size, p->from + (size_t)at_index * p->step,
         p->size);
}

static bool scatter_forward(orr_call *c) {
  const orr_tensor *x = c->x[0], *index = c->x[1], *source = c->x[2];
  const int axis = (int)c->attr[0];
  const size_t size = orr_dtype_size(x->dtype);
  put p = {orr_data(source), orr_data(c->y[0]), size,
           source->rank > 0 ? size : 0};
  uint8_t byte;
  if (!as_byte(c, &p.from, &byte) || !orr_want_positions(c, x, index, axis))
    return false;
  if (x->count) memcpy(p.to, orr_data(x), (size_t)x->count * size);
  orr_each_place(x, index, axis, put_place, &p);
  return true;
}

// Whether each element of index is the one that stayed, as 1 or 0 like gy:
// each writes its own number, and finds it again unless another came later.
static orr_tensor *stayed(const orr_vjp *v) {
  orr_tensor *index = v->x[1];
  orr_tensor *number = orr_keep(orr_empty(ORR_I64, index->rank, index->size));
  orr_tensor *zero = orr_keep(orr_zeros(ORR_I64, v->x[0]->rank, v->x[0]->size));
  if (!number || !zero || !v->gy) return NULL;
  for (int64_t i = 0; i < number->count; i++) ORR_I64P(number)[i] = i + 1;
  orr_tensor *last = ORR(scatter, zero, index, number, .attr = {v->attr[0]});
  last = ORR(gather, last, index, .attr = {v->attr[0]});
  return orr_cast(ORR(eq, last, number), v->gy->dtype);
}

static void scatter_vjp(orr_vjp *v) {
  if (v->needs[0])
    v->gx[0] =
        ORR(scatter, v->gy, v->x[1], orr_num(v->gy, 0), .attr = {v->attr[0]});
  if (v->needs[2]) {
    orr_tensor *g = ORR(gather, v->gy, v->x[1], .attr = {v->attr[0]});
    g = ORR(mul, g, stayed(v));
    v->gx[2] = v->x[2]->rank > 0 ? g : ORR(sum, g);
  }
}

ORR_DEFINE_OP(scatter,
    .doc = "x with source written where gather would read; source may be a "
           "number. Of elements that meet at a place the last one stays.",
    .params = {ANY("x"), AXIS, INDEX, ANY("source")}, .shape = scatter_shape,
    .forward = scatter_forward, .vjp = scatter_vjp, .flags = ORR_INPLACE,
    .samples = {"{ {5,3}, {2,3}, {2,3}, axis = 1, ints = { index = {1,5} } }",
        "{ {4,2}, {4,6}, {4,6}, axis = 2, ints = { index = {1,2} } }",
        "{ {4,5}, {4,2}, {}, axis = -1, ints = { index = {1,5} } }",
        "{ {3}, {0}, {0}, axis = 1, ints = { index = {1,3} } }",
        "{ {0,4}, {0,2}, {}, axis = 2, ints = { index = {1,3} } }",
        "{ {5}, {2}, {3}, axis = 1, ints = { index = {1,5} }, error = "
        "'scatter: index is [2] but source is [3]; match them, or give a "
        "number' }",
        "{ {5}, {2}, {2}, axis = 1, ints = { index = {6,6} }, error = "
        "'scatter: index holds 6 at element 1 but axis 1 of [5] has positions "
        "1 to 5' }",
        "{ {2,3}, {3}, {3}, axis = 1, ints = { index = {1,2} }, error = "
        "'scatter: x is [2, 3] but index is [3]; index needs as many axes, "
        "none longer than x\\'s but axis 1' }"});

// ---- whole slices along an axis

// index [M] as an index tensor for scatter, alike in each slice.
static orr_tensor *slices(orr_call *c, int axis, const int64_t *size) {
  int64_t line[ORR_MAX_RANK];
  const int rank = c->x[0]->rank;
  for (int i = 0; i < rank; i++) line[i] = i == axis ? size[i] : 1;
  return orr_expand_to(orr_reshape_to(c->x[1], rank, line), rank, size);
}

static orr_tensor *index_copy_compose(orr_call *c) {
  const orr_tensor *x = c->x[0], *source = c->x[2];
  char a[128], b[128];
  if (!orr_want_axis(c, 0, x->rank) || !orr_want_rank(c, 1, 1)) return NULL;
  const int axis = (int)c->attr[0];
  bool ok = source->rank == x->rank;
  for (int i = 0; ok && i < x->rank; i++)
    ok = source->size[i] == (i == axis ? c->x[1]->count : x->size[i]);
  if (!ok) {
    orr_fail(c,
             "x is %s and index has %lld positions but source is %s; "
             "source must be like x with that many along axis %d",
             orr_shape_text(x, a, sizeof a), (long long)c->x[1]->count,
             orr_shape_text(source, b, sizeof b), axis + 1);
    return NULL;
  }
  return ORR(scatter, c->x[0], slices(c, axis, source->size), c->x[2],
             .attr = {axis});
}

ORR_DEFINE_OP(index_copy,
    .doc = "x with the slices of source written at the positions of one axis.",
    .params = {ANY("x"), AXIS, INDEX, ANY("source")},
    .compose = index_copy_compose,
    .samples = {"{ {5,3}, {4}, {4,3}, axis = 1, ints = { index = {1,5} } }",
        "{ {2,3,2}, {2}, {2,2,2}, axis = 2, ints = { index = {1,3} } }",
        "{ {3}, {0}, {0}, axis = 1, ints = { index = {1,3} } }",
        "{ {2,3}, {2}, {3,3}, axis = 1, ints = { index = {1,2} }, error = "
        "'index_copy: x is [2, 3] and index has 2 positions but source is "
        "[3, 3]; source must be like x with that many along axis 1' }"});

// Places in row-major order: scatter along the one axis of a flat x.
static orr_tensor *put_compose(orr_call *c) {
  const orr_tensor *x = c->x[0], *index = c->x[1], *source = c->x[2];
  if (index->count != source->count) {
    orr_fail(c, "index has %lld elements but source %lld; match them",
             (long long)index->count, (long long)source->count);
    return NULL;
  }
  orr_tensor *flat = orr_reshape_to(c->x[0], 1, &x->count);
  orr_tensor *at = orr_reshape_to(c->x[1], 1, &index->count);
  orr_tensor *from = orr_reshape_to(c->x[2], 1, &source->count);
  orr_tensor *y = c->attr[0] != 0 ? ORR(scatter_add, flat, at, from)
                                  : ORR(scatter, flat, at, from);
  return orr_reshape_to(y, x->rank, x->size);
}

ORR_DEFINE_OP(put, .torch = "torch.Tensor.put",
    .doc = "x with source written at row-major positions, where take would "
           "read, or with accumulate added there. Without it the last of "
           "elements that meet stays.",
    .params = {ANY("x"), INDEX, ANY("source"),
        {"accumulate", ORR_BOOL, .doc = "adds; elements that meet add up"}},
    .compose = put_compose,
    .samples = {"{ {3,4}, {2,2}, {4}, accumulate = true, ints = { index = "
                "{1,12} } }",
        "{ {3,4}, {1}, {1}, ints = { index = {1,12} } }",
        "{ {}, {1}, {1}, ints = { index = {1,1} } }",
        "{ {3}, {0}, {0}, ints = { index = {1,3} } }",
        "{ {3,4}, {2}, {3}, ints = { index = {1,12} }, error = 'put: index has "
        "2 elements but source 3; match them' }",
        "{ {3}, {1}, {1}, ints = { index = {4,4} }, error = 'put: index holds "
        "4 at element 1 but axis 1 of [3] has positions 1 to 3' }"});

static orr_tensor *index_fill_compose(orr_call *c) {
  const orr_tensor *x = c->x[0];
  if (!orr_want_axis(c, 0, x->rank) || !orr_want_rank(c, 1, 1)) return NULL;
  int64_t size[ORR_MAX_RANK];
  memcpy(size, x->size, sizeof size);
  size[(int)c->attr[0]] = c->x[1]->count;
  return ORR(scatter, c->x[0], slices(c, (int)c->attr[0], size),
             orr_num(x, c->attr[1]), .attr = {c->attr[0]});
}

ORR_DEFINE_OP(index_fill,
    .doc = "x with a number written at the positions of one axis.",
    .params = {ANY("x"), AXIS, INDEX,
        {"value", ORR_NUM, .required = true, .doc = "what is written"}},
    .compose = index_fill_compose,
    .samples = {"{ {5,3}, {2}, axis = 1, value = -2, ints = { index = {1,5} } "
                "}",
        "{ {2,3}, {4}, axis = 2, value = 0, ints = { index = {1,3} } }",
        "{ {3}, {0}, axis = 1, value = 1, ints = { index = {1,3} } }"});

// ---- take: positions among all elements

static orr_tensor *take_compose(orr_call *c) {
  orr_tensor *index = c->x[1];
  const int64_t n = c->x[0]->count;
  char text[128];
  orr_tensor *packed = orr_keep(orr_contiguous(index));
  // For the sentence; index_select checks them again, also in a replay.
  orr_kernel_begin();
  const int64_t *position = packed ? ORR_I64P(packed) : NULL;
  orr_kernel_end();
  for (int64_t i = 0; packed && i < packed->count; i++) {
    const int64_t at = position[i];
    if (at >= 1 && at <= n) continue;
    orr_fail(c, "index holds %lld at element %lld but x %s has %lld elements",
             (long long)at, (long long)i + 1,
             orr_shape_text(c->x[0], text, sizeof text), (long long)n);
    return NULL;
  }
  orr_tensor *flat = orr_reshape_to(c->x[0], 1, &n);
  orr_tensor *at = orr_reshape_to(packed, 1, &index->count);
  return orr_reshape_to(ORR(index_select, flat, at, .attr = {0}), index->rank,
                        index->size);
}

ORR_DEFINE_OP(take,
    .doc = "Elements of x at row-major positions, in the shape of index.",
    .params = {ANY("x"), INDEX}, .compose = take_compose,
    .samples = {"{ {3,4}, {2,5}, ints = { index = {1,12} } }",
        "{ {3,4}, {}, ints = { index = {7,7} } }",
        "{ {3,4}, {0}, ints = { index = {1,12} } }",
        "{ {2,3}, {1}, ints = { index = {7,7} }, error = 'take: index holds 7 at "
        "element 1 but x [2, 3] has 6 elements' }"});
