// lookup.c -- where elements are, whether they are among others, and reading
// along an axis by index tensors that broadcast.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "op.h"

#define ANY(NAME) \
  { NAME, .want = ORR_WANT_ANY }
#define INDEX \
  { "index", .want = ORR_WANT_INT, .doc = "positions from 1" }

// ---- argwhere

static orr_tensor *argwhere_compose(orr_call *c) {
  const orr_tensor *x = c->x[0];
  orr_tensor *flat = ORR(flatnonzero, c->x[0]);
  if (!flat) return NULL;
  const int64_t size[] = {flat->count, x->rank};
  orr_tensor *y = orr_keep(orr_empty(ORR_I64, 2, size));
  if (!y) return NULL;
  for (int64_t i = 0; i < flat->count; i++) {
    int64_t rest = ORR_I64P(flat)[i] - 1;
    for (int k = x->rank - 1; k >= 0; k--) {
      ORR_I64P(y)[i * x->rank + k] = rest % x->size[k] + 1;
      rest /= x->size[k];
    }
  }
  return y;
}

ORR_DEFINE_OP(argwhere,
    .doc = "The positions, from 1 along each axis, of the elements that are "
           "not 0 -> int64 [M, axes]. flatnonzero gives row-major positions.",
    .params = {ANY("x")}, .compose = argwhere_compose, .flags = ORR_NO_GRAD,
    .samples = {"{ {3,4} }", "{ {2,3,4}, ints = { x = {0,1} } }", "{ {0,4} }",
        "{ {} }"});

// ---- isin: invert

static orr_tensor *isin_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *set = c->x[1];
  const int64_t n = set->count;
  const bool invert = c->attr[0] != 0;
  if (n == 0) {
    orr_tensor *zero = ORR(mul, x, orr_num(x, 0));
    return ORR(eq, zero, orr_num(x, invert ? 0 : 1));
  }
  const orr_args args = {.x = {orr_reshape_to(set, 1, &n)}, .attr = {0}};
  orr_tensor *y[ORR_MAX_OUTPUT];
  if (!args.x[0] || !orr_apply_all(&orr_op_sort, &args, y)) return NULL;
  orr_tensor *sorted = orr_keep(y[0]);
  orr_release(y[1]);
  orr_tensor *at = ORR(searchsorted, sorted, x);
  at = ORR(minimum, at, orr_num(at, (double)n));
  orr_tensor *found = ORR(take, sorted, at);
  return invert ? ORR(ne, found, x) : ORR(eq, found, x);
}

ORR_DEFINE_OP(isin,
    .doc = "Whether each element is among those of another tensor (uint8, 1 "
           "or 0). NaN is among none.",
    .params = {ANY("elements"), ANY("test_elements"),
        {"invert", ORR_BOOL, .doc = "whether it is not among them"}},
    .compose = isin_compose, .flags = ORR_NO_GRAD | ORR_PROMOTE,
    .samples = {"{ {3,4}, {5}, ints = { elements = {0,9}, test_elements = "
                "{0,9} } }",
        "{ {3,4}, {2,3}, invert = true, ints = { elements = {0,9}, "
        "test_elements = {0,9} } }",
        "{ {3,4}, {2} }", "{ {4}, {0} }", "{ {4}, {0}, invert = true }",
        "{ {0,4}, {2} }"});

// ---- take_along_dim: axis (at most one)

static orr_tensor *take_along_dim_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *index = c->x[1];
  if (c->attr[0] > 1) {
    orr_fail(c, "axis is a list of %g; give one axis, or none", c->attr[0]);
    return NULL;
  }
  if (c->attr[0] == 0) {
    orr_tensor *at = orr_reshape_to(index, 1, &index->count);
    return ORR(take, x, at);
  }
  char a[128], b[128];
  if (!orr_want_axis(c, 1, x->rank)) return NULL;
  const int axis = (int)c->attr[1];
  int64_t size[ORR_MAX_RANK], at[ORR_MAX_RANK];
  bool ok = index->rank == x->rank;
  for (int k = 0; ok && k < x->rank; k++) {
    const int64_t n = x->size[k], m = index->size[k];
    ok = k == axis || n == m || n == 1 || m == 1;
    size[k] = k == axis ? n : n == 1 ? m : n;
    at[k] = k == axis ? m : size[k];
  }
  if (!ok) {
    orr_fail(c,
             "x is %s but index is %s; sizes must be equal or 1, but for "
             "axis %d",
             orr_shape_text(x, a, sizeof a), orr_shape_text(index, b, sizeof b),
             axis + 1);
    return NULL;
  }
  return ORR(gather, orr_expand_to(x, x->rank, size),
             orr_expand_to(index, x->rank, at), .attr = {axis});
}

ORR_DEFINE_OP(take_along_dim,
    .doc = "Elements of x at the positions along an axis (without one: among "
           "all elements), x and index broadcast along the others.",
    .params = {ANY("x"), INDEX,
        {"axis", ORR_AXES, .doc = "one axis; row-major order when absent"}},
    .compose = take_along_dim_compose,
    .samples = {"{ {3,4}, {3,2}, axis = 2, ints = { index = {1,4} } }",
        "{ {3,4}, {1,2}, axis = 2, ints = { index = {1,4} } }",
        "{ {1,4,2}, {3,2,1}, axis = -2, ints = { index = {1,4} } }",
        "{ {3,4}, {5}, ints = { index = {1,12} } }",
        "{ {0,4}, {1,2}, axis = 2, ints = { index = {1,4} } }",
        "{ {3,4}, {2,2}, axis = 2, ints = { index = {1,4} }, error = "
        "'take_along_dim: x is [3, 4] but index is [2, 2]; sizes must be equal "
        "or 1, but for axis 2' }"});

// ---- parts of x replaced

// The positions first, first + step ... along an axis, n of them.
static orr_tensor *positions(int64_t first, int64_t step, int64_t n) {
  orr_tensor *at = orr_keep(orr_empty(ORR_I64, 1, &n));
  for (int64_t i = 0; at && i < n; i++) ORR_I64P(at)[i] = first + i * step + 1;
  return at;
}

static bool want_shape(orr_call *c, int rank, const int64_t *size) {
  const orr_tensor *source = c->x[1];
  char a[128], b[128];
  bool ok = source->rank == rank;
  for (int k = 0; ok && k < rank; k++) ok = source->size[k] == size[k];
  if (ok) return true;
  size_t used = 0;
  b[0] = 0;
  for (int k = 0; k < rank && used < sizeof b; k++)
    used += (size_t)snprintf(b + used, sizeof b - used, k ? ", %lld" : "%lld",
                             (long long)size[k]);
  return orr_fail(c, "source is %s but the part to replace is [%s]; match them",
                  orr_shape_text(source, a, sizeof a), b);
}

static bool same_dtype(orr_call *c) {
  if (c->x[0]->dtype == c->x[1]->dtype) return true;
  return orr_fail(c, "x is %s but source is %s; convert one",
                  orr_dtype_name(c->x[0]->dtype),
                  orr_dtype_name(c->x[1]->dtype));
}

static orr_tensor *select_scatter_compose(orr_call *c) {
  const orr_tensor *x = c->x[0];
  if (!same_dtype(c) || !orr_want_axis(c, 0, x->rank)) return NULL;
  const int axis = (int)c->attr[0];
  const int64_t n = x->size[axis];
  int64_t at = (int64_t)c->attr[1], size[ORR_MAX_RANK];
  int rank = 0;
  if (at < 0) at += n;
  if (at < 0 || at >= n) {
    orr_fail(c, "index is %lld but axis %d has positions 1 to %lld",
             (long long)(c->attr[1] < 0 ? c->attr[1] : c->attr[1] + 1),
             axis + 1, (long long)n);
    return NULL;
  }
  for (int k = 0; k < x->rank; k++)
    if (k != axis) size[rank++] = x->size[k];
  if (!want_shape(c, rank, size)) return NULL;
  return ORR(index_copy, c->x[0], positions(at, 1, 1),
             ORR(unsqueeze, c->x[1], .attr = {axis}), .attr = {axis});
}

#define AXIS \
  { "axis", ORR_AXIS, .required = true, .doc = "along which" }
ORR_DEFINE_OP(select_scatter,
    .doc = "x with source in place of what select reads: one position of an "
           "axis.",
    .params = {ANY("x"), ANY("source"), AXIS,
        {"index", ORR_INDEX, .required = true, .doc = "the position"}},
    .compose = select_scatter_compose,
    .samples = {"{ {3,4}, {4}, axis = 1, index = 2 }",
        "{ {2,3,4}, {2,4}, axis = 2, index = -1 }",
        "{ {0,4}, {0}, axis = 2, index = 1 }",
        "{ {3,4}, {3}, axis = 1, index = 2, error = 'select_scatter: source "
        "is [3] but the part to replace is [4]; match them' }",
        "{ {3,4}, {4}, axis = 1, index = 4, error = 'select_scatter: index is "
        "4 but axis 1 has positions 1 to 3' }"});

// axis, start, length, step
static orr_tensor *slice_scatter_compose(orr_call *c) {
  const orr_tensor *x = c->x[0];
  if (!same_dtype(c) || !orr_want_axis(c, 0, x->rank)) return NULL;
  const int axis = (int)c->attr[0];
  const int64_t n = x->size[axis];
  const double step = c->attr[3];
  double start = c->attr[1], length = c->attr[2];
  if (start < 0) start += (double)n;
  if (step >= 1 && length < 0 && start <= (double)n)
    length = floor(((double)n - start + step - 1) / step);
  const double last = start + (length - 1) * step;
  if (!(step >= 1 && start >= 0 && length >= 0 &&
        (length == 0 ? start <= (double)n : last < (double)n))) {
    orr_fail(c,
             "start is %g, length %g and step %g, but axis %d has positions "
             "1 to %lld",
             c->attr[1] < 0 ? c->attr[1] : c->attr[1] + 1, c->attr[2], step,
             axis + 1, (long long)n);
    return NULL;
  }
  int64_t size[ORR_MAX_RANK];
  memcpy(size, x->size, sizeof size);
  size[axis] = (int64_t)length;
  if (!want_shape(c, x->rank, size)) return NULL;
  return ORR(index_copy, c->x[0],
             positions((int64_t)start, (int64_t)step, (int64_t)length), c->x[1],
             .attr = {axis});
}

ORR_DEFINE_OP(slice_scatter,
    .doc = "x with source in place of what narrow reads: a range of an axis.",
    .params = {ANY("x"), ANY("source"), AXIS,
        {"start", ORR_INDEX, .def = 0, .doc = "first position, 1 if absent"},
        {"length", ORR_INT, .def = -1, .doc = "how many; -1: to the end"},
        {"step", ORR_INT, .def = 1, .doc = "distance"}},
    .compose = slice_scatter_compose,
    .samples = {"{ {5,2}, {3,2}, axis = 1, start = 2, length = 3 }",
        "{ {5,2}, {3,2}, axis = 1, step = 2 }",
        "{ {2,5}, {2,2}, axis = -1, start = -2 }", "{ {2,3}, {2,3}, axis = 2 }",
        "{ {0,4}, {0,1}, axis = 2, start = 4 }",
        "{ {3}, {2}, axis = 1, length = 3, error = 'slice_scatter: source is "
        "[2] but the part to replace is [3]; match them' }",
        "{ {3}, {2}, axis = 1, start = 3, length = 2, error = 'slice_scatter: "
        "start is 3, length 2 and step 1, but axis 1 has positions 1 to 3' }"});

// offset, axis1, axis2: the diagonal of row-major positions says where.
static orr_tensor *diagonal_scatter_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  if (!same_dtype(c) || !orr_want_min_rank(c, 0, 2)) return NULL;
  orr_tensor *at = positions(0, 1, x->count);
  at = ORR(diagonal, orr_reshape_to(at, x->rank, x->size),
           .attr = {c->attr[0], c->attr[1], c->attr[2]});
  if (!at || !want_shape(c, at->rank, at->size)) return NULL;
  const int64_t n = at->count;
  orr_tensor *flat = orr_reshape_to(x, 1, &x->count);
  flat = ORR(index_copy, flat, orr_reshape_to(at, 1, &n),
             orr_reshape_to(c->x[1], 1, &n), .attr = {0});
  return orr_reshape_to(flat, x->rank, x->size);
}

ORR_DEFINE_OP(diagonal_scatter,
    .doc = "x with source in place of what diagonal reads.",
    .params = {ANY("x"), ANY("source"),
        {"offset", ORR_INT, .doc = "above (> 0) or below (< 0) the main one"},
        {"axis1", ORR_AXIS, .def = 0, .doc = "of the rows"},
        {"axis2", ORR_AXIS, .def = 1, .doc = "of the columns"}},
    .compose = diagonal_scatter_compose,
    .samples = {"{ {3,4}, {3} }", "{ {3,4}, {2}, offset = -1 }",
        "{ {2,3,3}, {2,2}, offset = 1, axis1 = 2, axis2 = 3 }",
        "{ {0,0}, {0} }",
        "{ {3,4}, {4}, error = 'diagonal_scatter: source is [4] but the part "
        "to replace is [3]; match them' }"});
