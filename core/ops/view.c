// view.c -- other shapes over the same storage, and copies of them.
#include <string.h>

#include "../kernels/elementwise.h"
#include "op.h"

#define ANY \
  { "x", .want = ORR_WANT_ANY }
// Views are linear: their gradient needs shapes only.
#define VIEW_FLAGS (ORR_VIEW | ORR_DROPS_X)

static int axis_at(const double *attr, int slot) { return (int)attr[slot]; }

// ---- reshape, view

// Reads sizes (one may be -1) from attr; fails when they do not fit x.
static bool wanted_sizes(orr_call *c, int64_t *size, int *rank) {
  const orr_tensor *x = c->x[0];
  char a[128], b[128];
  int64_t known = 1;
  int guess = -1;
  bool fits = true;  // the product, that is
  *rank = (int)c->attr[0];
  for (int i = 0; i < *rank; i++) {
    size[i] = (int64_t)c->attr[1 + i];
    if (size[i] == -1 && guess < 0)
      guess = i;
    else
      fits = !__builtin_mul_overflow(known, size[i], &known) && fits;
    if (size[i] < -1 || (size[i] == -1 && guess != i))
      return orr_fail(c, "the sizes are %s; none may be negative but one -1",
                      orr_sizes_text(i + 1, size, b, sizeof b));
  }
  if (guess >= 0 && fits && known > 0 && x->count % known == 0) {
    size[guess] = x->count / known;
    known *= size[guess];
  }
  if (fits && known == x->count && (guess < 0 || size[guess] >= 0)) return true;
  return orr_fail(c,
                  "x is %s with %lld elements, which do not fill %s; use "
                  "sizes whose product is %lld",
                  orr_shape_text(x, a, sizeof a), (long long)x->count,
                  orr_sizes_text(*rank, size, b, sizeof b),
                  (long long)x->count);
}

// Strides that see x's elements in the new shape, when a view can.
static bool view_strides(const orr_tensor *x, int rank, const int64_t *size,
                         int64_t *stride) {
  if (x->contiguous) {
    orr_row_major(rank, size, stride);
    return true;
  }
  // Match runs of axes with equal products, from the last.
  int i = x->rank - 1, j = rank - 1;
  while (i >= 0 || j >= 0) {
    if (i >= 0 && x->size[i] == 1) {
      i--;
      continue;
    }
    if (j >= 0 && size[j] == 1) {
      stride[j--] = 1;
      continue;
    }
    if (i < 0 || j < 0) return false;
    int64_t have = x->size[i], need = size[j], step = x->stride[i];
    stride[j] = step;
    while (have != need) {
      if (have < need) {
        if (--i < 0 || x->stride[i] != x->stride[i + 1] * x->size[i + 1])
          return false;
        have *= x->size[i];
      } else {
        step *= size[j];
        if (--j < 0) return false;
        need *= size[j];
        stride[j] = step;
      }
    }
    i--, j--;
  }
  return true;
}

static bool view_shape(orr_call *c) {
  int rank;
  int64_t size[ORR_MAX_RANK], stride[ORR_MAX_RANK];
  char text[128];
  if (!wanted_sizes(c, size, &rank)) return false;
  if (!view_strides(c->x[0], rank, size, stride))
    return orr_fail(c,
                    "x is %s and strided, so %s would need a copy; use "
                    ":reshape",
                    orr_shape_text(c->x[0], text, sizeof text), "the view");
  return orr_out_view(c, rank, size, stride, 0);
}

static void reshape_vjp(orr_vjp *v) {
  v->gx[0] = orr_reshape_to(v->gy, v->x[0]->rank, v->x[0]->size);
}

#define SIZES \
  { "sizes", ORR_SIZES, .required = true, .doc = "one may be -1: what is left" }
#define FILL_ERROR(NAME)                                                     \
  "{ {2,3}, sizes = {4,2}, error = '" NAME ": x is [2, 3] with 6 elements, " \
  "which do not fill [4, 2]; use sizes whose product is 6' }"

ORR_DEFINE_OP(view,
              .doc = "x in another shape over the same storage, in row-major "
                     "order. Fails where a copy would be needed.",
              .params = {ANY, SIZES}, .shape = view_shape, .vjp = reshape_vjp,
              .flags = VIEW_FLAGS | ORR_METHOD_ONLY,
              .samples = {"{ {2,6}, sizes = {3,4}, contiguous = true }",
                          "{ {2,6}, sizes = {-1}, contiguous = true }",
                          "{ {0,4}, sizes = {2,0}, contiguous = true }",
                          FILL_ERROR("view")});

static orr_tensor *reshape_compose(orr_call *c) {
  int rank;
  int64_t size[ORR_MAX_RANK], stride[ORR_MAX_RANK];
  if (!wanted_sizes(c, size, &rank)) return NULL;
  orr_short_args args = {.x0 = c->x[0]};
  memcpy(args.attr, c->attr, sizeof args.attr);
  if (!view_strides(c->x[0], rank, size, stride))
    args.x0 = ORR(contiguous, c->x[0]);
  return orr_apply_short(&orr_op_view, &args);
}

ORR_DEFINE_OP(reshape,
              .doc = "x in another shape, in row-major order: a view when "
                     "possible, else a copy.",
              .params = {ANY, SIZES}, .compose = reshape_compose,
              .samples = {"{ {2,6}, sizes = {3,4} }", "{ {2,6}, sizes = {-1} }",
                          "{ {2,3,2}, sizes = {3,-1} }",
                          "{ {0,4}, sizes = {2,0} }", "{ {}, sizes = {1,1} }",
                          FILL_ERROR("reshape")});

static orr_tensor *flatten_compose(orr_call *c) {
  const orr_tensor *x = c->x[0];
  char text[128];
  if (x->rank == 0) return ORR(view, c->x[0], .attr = {1, 1});
  if (!orr_want_axis(c, 0, x->rank) || !orr_want_axis(c, 1, x->rank))
    return NULL;
  const int first = axis_at(c->attr, 0), last = axis_at(c->attr, 1);
  if (first > last) {
    orr_fail(c,
             "start_axis is %d but end_axis is %d of %s; start before the "
             "end",
             first + 1, last + 1, orr_shape_text(x, text, sizeof text));
    return NULL;
  }
  int64_t size[ORR_MAX_RANK];
  int rank = 0;
  for (int i = 0; i < x->rank; i++) {
    if (i > first && i <= last)
      size[rank - 1] *= x->size[i];
    else
      size[rank++] = x->size[i];
  }
  return orr_reshape_to(c->x[0], rank, size);
}

ORR_DEFINE_OP(flatten,
              .doc = "Merges the axes from start_axis to end_axis into one.",
              .params = {ANY,
                         {"start_axis", ORR_AXIS, .def = 0, .doc = "first axis"},
                         {"end_axis", ORR_AXIS, .def = -1, .doc = "last axis"}},
              .compose = flatten_compose,
              .samples = {"{ {2,3,4} }", "{ {2,3,4}, start_axis = 2 }",
                          "{ {2,3,4}, start_axis = 1, end_axis = 2 }",
                          "{ {0,4} }", "{ {} }",
                          "{ {2,3}, start_axis = 3, error = 'flatten: axis is 3 "
                          "but x is [2, 3]; use 1 to 2 or -2 to -1' }"});

// ---- axes in another order

static bool permute_to(orr_call *c, const int *order) {
  const orr_tensor *x = c->x[0];
  int64_t size[ORR_MAX_RANK], stride[ORR_MAX_RANK];
  for (int i = 0; i < x->rank; i++) {
    size[i] = x->size[order[i]];
    stride[i] = x->stride[order[i]];
  }
  return orr_out_view(c, x->rank, size, stride, 0);
}

static bool transpose_shape(orr_call *c) {
  const int rank = c->x[0]->rank;
  if (!orr_want_axis(c, 0, rank) || !orr_want_axis(c, 1, rank)) return false;
  int order[ORR_MAX_RANK];
  for (int i = 0; i < rank; i++) order[i] = i;
  order[axis_at(c->attr, 0)] = axis_at(c->attr, 1);
  order[axis_at(c->attr, 1)] = axis_at(c->attr, 0);
  return permute_to(c, order);
}

static void transpose_vjp(orr_vjp *v) {
  v->gx[0] = ORR(transpose, v->gy, .attr = {v->attr[0], v->attr[1]});
}

ORR_DEFINE_OP(transpose, .doc = "A view of x with two axes swapped.",
              .params = {ANY,
                         {"axis1", ORR_AXIS, .required = true, .doc = "one axis"},
                         {"axis2", ORR_AXIS, .required = true,
                          .doc = "the other"}},
              .shape = transpose_shape, .vjp = transpose_vjp,
              .flags = VIEW_FLAGS,
              .samples = {"{ {2,3}, axis1 = 1, axis2 = 2 }",
                          "{ {2,3,4}, axis1 = 1, axis2 = -1 }",
                          "{ {0,4}, axis1 = 1, axis2 = 2 }",
                          "{ {2,3}, axis1 = 1, axis2 = 3, error = 'transpose: "
                          "axis is 3 but x is [2, 3]; use 1 to 2 or -2 to -1' "
                          "}"});

// attr: count, axes. Read as axes, so -1 is the last one.
static bool permute_shape(orr_call *c) {
  const int rank = c->x[0]->rank;
  int order[ORR_MAX_RANK];
  bool seen[ORR_MAX_RANK] = {false};
  char text[128];
  if ((int)c->attr[0] != rank)
    return orr_fail(c, "%d axes are given but x is %s; name all %d",
                    (int)c->attr[0], orr_shape_text(c->x[0], text, sizeof text),
                    rank);
  for (int i = 0; i < rank; i++) {
    if (!orr_want_axis(c, 1 + i, rank)) return false;
    order[i] = axis_at(c->attr, 1 + i);
    if (seen[order[i]])
      return orr_fail(c, "axis %d is given twice; name each once",
                      order[i] + 1);
    seen[order[i]] = true;
  }
  return permute_to(c, order);
}

static void permute_vjp(orr_vjp *v) {
  orr_short_args args = {.x0 = v->gy, .attr = {v->attr[0]}};
  for (int i = 0; i < (int)v->attr[0]; i++)
    args.attr[1 + axis_at(v->attr, 1 + i)] = i;
  v->gx[0] = orr_apply_short(&orr_op_permute, &args);
}

ORR_DEFINE_OP(permute, .doc = "A view of x with its axes in the order given.",
              .params = {ANY, {"axes", ORR_AXES, .required = true,
                               .doc = "every axis once"}},
              .shape = permute_shape, .vjp = permute_vjp, .flags = VIEW_FLAGS,
              .samples = {"{ {2,3,4}, axes = {3,1,2} }",
                          "{ {2,3}, axes = {-1,1} }", "{ {0,4}, axes = {2,1} }",
                          "{ {2,3}, axes = {1,1}, error = 'permute: axis 1 is "
                          "given twice; name each once' }",
                          "{ {2,3}, axes = {1}, error = 'permute: 1 axes are "
                          "given but x is [2, 3]; name all 2' }"});

// ---- axes of size 1

static bool expand_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  const int rank = (int)c->attr[0], grow = rank - x->rank;
  int64_t size[ORR_MAX_RANK], stride[ORR_MAX_RANK];
  char a[128], b[128];
  bool ok = grow >= 0;
  for (int i = 0; i < rank; i++) size[i] = (int64_t)c->attr[1 + i];
  for (int i = 0; ok && i < rank; i++) {
    const int64_t have = i < grow ? 1 : x->size[i - grow];
    if (size[i] == -1 && i >= grow) size[i] = have;
    ok = size[i] >= 0 && (have == size[i] || have == 1);
    stride[i] = have == size[i] && i >= grow ? x->stride[i - grow] : 0;
  }
  if (ok) return orr_out_view(c, rank, size, stride, 0);
  return orr_fail(c,
                  "x is %s, which does not expand to %s; only axes of size "
                  "1 grow, new ones come first",
                  orr_shape_text(x, a, sizeof a),
                  orr_sizes_text(rank, size, b, sizeof b));
}

static void expand_vjp(orr_vjp *v) {
  v->gx[0] = orr_sum_to(v->gy, v->x[0]->rank, v->x[0]->size);
}

ORR_DEFINE_OP(expand,
              .torch = "torch.Tensor.expand",
              .doc = "A view of x with axes of size 1 repeated, without a copy.",
              .params = {ANY, {"sizes", ORR_SIZES, .required = true,
                               .doc = "-1 keeps a size"}},
              .shape = expand_shape, .vjp = expand_vjp, .flags = VIEW_FLAGS,
              .samples = {"{ {2,1}, sizes = {2,3} }", "{ {3}, sizes = {2,3} }",
                          "{ {2,1,3}, sizes = {4,-1,5,-1} }",
                          "{ {1,0}, sizes = {4,0} }", "{ {}, sizes = {2,2} }",
                          "{ {2,3}, sizes = {2,4}, error = 'expand: x is [2, "
                          "3], which does not expand to [2, 4]; only axes of "
                          "size 1 grow, new ones come first' }"});

static bool squeeze_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  const bool all = c->attr[0] == 0;
  bool drop[ORR_MAX_RANK] = {false};
  char text[128];
  if (!orr_want_axes(c, 0, x->rank)) return false;
  for (int i = 0; i < (int)c->attr[0]; i++) {
    const int axis = axis_at(c->attr, 1 + i);
    drop[axis] = x->size[axis] == 1;
    if (!drop[axis] && !all)
      return orr_fail(c, "axis %d of %s has size %lld; only size 1 goes away",
                      axis + 1, orr_shape_text(x, text, sizeof text),
                      (long long)x->size[axis]);
  }
  int rank = 0;
  int64_t size[ORR_MAX_RANK], stride[ORR_MAX_RANK];
  for (int i = 0; i < x->rank; i++) {
    if (drop[i]) continue;
    size[rank] = x->size[i];
    stride[rank++] = x->stride[i];
  }
  return orr_out_view(c, rank, size, stride, 0);
}

ORR_DEFINE_OP(squeeze,
              .doc = "A view of x without axes of size 1: those named, or all.",
              .params = {ANY, {"axis", ORR_AXES, .doc = "which; default all"}},
              .shape = squeeze_shape, .vjp = reshape_vjp, .flags = VIEW_FLAGS,
              .samples = {"{ {2,1,3,1} }", "{ {2,1,3,1}, axis = 2 }",
                          "{ {1,0} }",
                          "{ {2,1}, axis = 1, error = 'squeeze: axis 1 of [2, "
                          "1] has size 2; only size 1 goes away' }"});

static bool unsqueeze_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  if (!orr_want_axis(c, 0, x->rank + 1)) return false;
  const int axis = axis_at(c->attr, 0);
  int64_t size[ORR_MAX_RANK + 1], stride[ORR_MAX_RANK + 1];
  for (int i = 0, k = 0; i <= x->rank; i++) {
    size[i] = i == axis ? 1 : x->size[k];
    stride[i] = i == axis ? 1 : x->stride[k++];
  }
  return orr_out_view(c, x->rank + 1, size, stride, 0);
}

ORR_DEFINE_OP(unsqueeze, .doc = "A view of x with a new axis of size 1.",
              .params = {ANY, {"axis", ORR_AXIS, .required = true,
                               .doc = "where it will be"}},
              .shape = unsqueeze_shape, .vjp = reshape_vjp,
              .flags = VIEW_FLAGS,
              .samples = {"{ {2,3}, axis = 1 }", "{ {2,3}, axis = -1 }",
                          "{ {}, axis = 1 }", "{ {0}, axis = 2 }",
                          "{ {2}, axis = 4, error = 'unsqueeze: axis is 4 but "
                          "x is [2]; use 1 to 2 or -2 to -1' }"});

// ---- parts

static bool narrow_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  char text[128];
  if (!orr_want_axis(c, 0, x->rank)) return false;
  const int axis = axis_at(c->attr, 0);
  const int64_t n = x->size[axis];
  int64_t first = (int64_t)c->attr[1];
  const int64_t length = (int64_t)c->attr[2], step = (int64_t)c->attr[3];
  if (first < 0) first += n;
  if (step < 1)
    return orr_fail(c, "step is %lld; it must be at least 1", (long long)step);
  if (first < 0 || length < 0 || first > n ||
      (length > 0 && first + (length - 1) * step >= n))
    return orr_fail(c,
                    "%lld elements from %lld on do not lie in axis %d of "
                    "%s; stay within 1 to %lld",
                    (long long)length, (long long)first + 1, axis + 1,
                    orr_shape_text(x, text, sizeof text), (long long)n);
  c->attr[1] = (double)first;
  int64_t size[ORR_MAX_RANK], stride[ORR_MAX_RANK];
  memcpy(size, x->size, sizeof size);
  memcpy(stride, x->stride, sizeof stride);
  size[axis] = length;
  stride[axis] *= step;
  return orr_out_view(c, x->rank, size, stride,
                      length ? first * x->stride[axis] : 0);
}

static void narrow_vjp(orr_vjp *v) {
  const int axis = axis_at(v->attr, 0);
  v->gx[0] =
      ORR(narrow_dx, v->gy,
          .attr = {axis, v->attr[1], v->attr[3], (double)v->x[0]->size[axis]});
}

#define PART                                                      \
  {"axis", ORR_AXIS, .required = true, .doc = "along which"}, {   \
    "start", ORR_INDEX, .required = true, .doc = "first position" \
  }
ORR_DEFINE_OP(narrow,
              .doc = "A view of `length` positions of an axis from start on, "
                     "every step-th.",
              .params = {ANY, PART,
                         {"length", ORR_INT, .required = true, .doc = "how many"},
                         {"step", ORR_INT, .def = 1, .doc = "distance"}},
              .shape = narrow_shape, .vjp = narrow_vjp, .flags = VIEW_FLAGS,
              .samples = {"{ {5,3}, axis = 1, start = 2, length = 3 }",
                          "{ {2,7}, axis = -1, start = 1, length = 3, step = 3 "
                          "}",
                          "{ {4}, axis = 1, start = -2, length = 2 }",
                          "{ {4,2}, axis = 1, start = 3, length = 0 }",
        "{ {0,4}, axis = 2, start = 2, length = 2 }",
                          "{ {4}, axis = 1, start = 3, length = 3, error = "
                          "'narrow: 3 elements from 3 on do not lie in axis 1 of "
                          "[4]; stay within 1 to 4' }"});

// The gradient of narrow: gy laid into zeros of the whole size.
static bool narrow_dx_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  if (!orr_want_axis(c, 0, x->rank)) return false;
  const int axis = axis_at(c->attr, 0);
  const int64_t n = x->size[axis], whole = (int64_t)c->attr[3];
  const int64_t first = (int64_t)c->attr[1], step = (int64_t)c->attr[2];
  if (first < 0 || step < 1 || (n && first + (n - 1) * step >= whole))
    return orr_fail(c, "%lld elements do not lie in %lld; give a larger size",
                    (long long)n, (long long)whole);
  int64_t size[ORR_MAX_RANK];
  memcpy(size, x->size, sizeof size);
  size[axis] = whole;
  return orr_out(c, 0, x->dtype, x->rank, size);
}

static bool narrow_dx_forward(orr_call *c) {
  orr_tensor *y = c->y[0];
  const int axis = axis_at(c->attr, 0);
  memset(orr_data(y), 0, (size_t)y->count * orr_dtype_size(y->dtype));
  orr_tensor part = *y;  // a header for the copy only
  part.size[axis] = c->x[0]->size[axis];
  part.offset += (int64_t)c->attr[1] * y->stride[axis];
  part.stride[axis] *= (int64_t)c->attr[2];
  part.count = c->x[0]->count;
  part.contiguous = false;
  orr_copy_elements(&part, c->x[0]);
  return true;
}

static void narrow_dx_vjp(orr_vjp *v) {
  const int axis = axis_at(v->attr, 0);
  v->gx[0] =
      ORR(narrow, v->gy,
          .attr = {axis, v->attr[1], (double)v->x[0]->size[axis], v->attr[2]});
}

ORR_DEFINE_OP(narrow_dx,
              .doc = "x laid into zeros: the gradient of narrow.",
              .params = {ANY, PART, {"step", ORR_INT, .def = 1, .doc = "distance"},
                         {"size", ORR_INT, .required = true,
                          .doc = "of the axis in the result"}},
              .shape = narrow_dx_shape, .forward = narrow_dx_forward,
              .vjp = narrow_dx_vjp,
              .flags = ORR_HIDDEN | ORR_DROPS_X | ORR_STRIDED_OK,
              .samples = {"{ {3,2}, axis = 1, start = 2, size = 5 }",
                          "{ {2,3}, axis = 2, start = 1, step = 3, size = 7 }",
                          "{ {0,2}, axis = 1, start = 1, size = 3 }",
                          "{ {3}, axis = 1, start = 1, size = 2, error = "
                          "'narrow_dx: 3 elements do not lie in 2; give a larger "
                          "size' }"});

static orr_tensor *select_compose(orr_call *c) {
  const orr_tensor *x = c->x[0];
  char text[128];
  if (!orr_want_axis(c, 0, x->rank)) return NULL;
  const int axis = axis_at(c->attr, 0);
  const int64_t n = x->size[axis], given = (int64_t)c->attr[1];
  const int64_t at = given < 0 ? given + n : given;
  if (at < 0 || at >= n) {
    orr_fail(c, "position %lld is outside axis %d of %s; use 1 to %lld",
             (long long)(given < 0 ? given : given + 1), axis + 1,
             orr_shape_text(x, text, sizeof text), (long long)n);
    return NULL;
  }
  orr_tensor *row = ORR(narrow, c->x[0], .attr = {axis, (double)at, 1, 1});
  return ORR(squeeze, row, .attr = {1, axis});
}

ORR_DEFINE_OP(select, .doc = "A view of one position of an axis, which goes.",
              .params = {ANY, {"axis", ORR_AXIS, .required = true,
                               .doc = "along which"},
                         {"index", ORR_INDEX, .required = true,
                          .doc = "position, -1 the last"}},
              .compose = select_compose,
              .samples = {"{ {3,4}, axis = 1, index = 2 }",
                          "{ {3,4}, axis = 2, index = -1 }",
                          "{ {3,0}, axis = 1, index = 1 }",
                          "{ {3}, axis = 1, index = 4, error = 'select: position "
                          "4 is outside axis 1 of [3]; use 1 to 3' }"});

// ---- copies

static bool contiguous_shape(orr_call *c) { return orr_out_like(c, c->x[0]); }
static bool contiguous_forward(orr_call *c) {
  orr_loop *copy = orr_cast_loop(c->y[0]->dtype, c->x[0]->dtype);
  return orr_run_loop(c, copy, ORR_GRAIN_CHEAP);
}
static void pass_vjp(orr_vjp *v) { v->gx[0] = v->gy; }

ORR_DEFINE_OP(clone, .doc = "A copy of x in fresh, row-major storage.",
              .params = {ANY}, .shape = contiguous_shape,
              .forward = contiguous_forward, .vjp = pass_vjp,
              .flags = ORR_STRIDED_OK | ORR_DROPS_X,
              .samples = {"{ {3,4} }", "{ {0,4} }", "{ {} }"});

static orr_tensor *contiguous_compose(orr_call *c) {
  return c->x[0]->contiguous ? c->x[0] : ORR(clone, c->x[0]);
}

ORR_DEFINE_OP(contiguous,
              .torch = "torch.Tensor.contiguous",
              .doc = "x in row-major storage without gaps: itself, or a copy.",
              .params = {ANY}, .compose = contiguous_compose,
              .samples = {"{ {3,4} }", "{ {0,4} }", "{ {} }"});

static bool to_shape(orr_call *c) {
  const int d = c->attr[0] < 0 ? (int)c->x[0]->dtype : (int)c->attr[0];
  c->attr[0] = d;
  return orr_out(c, 0, (orr_dtype)d, c->x[0]->rank, c->x[0]->size);
}
static void to_vjp(orr_vjp *v) { v->gx[0] = orr_cast(v->gy, v->x[0]->dtype); }

ORR_DEFINE_OP(to,
              .torch = "torch.Tensor.to",
              .doc = "A copy of x in another dtype. Integer dtypes cut "
                     "fractions off; int64 takes what it cannot hold to "
                     "its nearest end, and NaN to 0.",
              .params = {ANY, {"dtype", ORR_DTYPE, .required = true,
                               .doc = "float32, float64, int64 or uint8"}},
              .shape = to_shape, .forward = contiguous_forward,
              .vjp = to_vjp, .flags = ORR_STRIDED_OK | ORR_DROPS_X,
              .samples = {"{ {3,4}, dtype = 'float64' }",
                          "{ {3,4}, dtype = 'int64', nograd = true, reason = "
                          "'integers have no gradient' }",
                          "{ {0,4}, dtype = 'float64' }"});
