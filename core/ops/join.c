// join.c -- several tensors into one.
#include <string.h>

#include "../kernels/iterate.h"
#include "op.h"

static bool cat_shape(orr_call *c) {
  const orr_tensor *first = c->x[0];
  char a[128], b[128];
  if (!orr_want_axis(c, 0, first->rank)) return false;
  const int axis = (int)c->attr[0];
  int64_t size[ORR_MAX_RANK];
  memcpy(size, first->size, sizeof size);
  for (int i = 1; i < c->nx; i++) {
    const orr_tensor *x = c->x[i];
    bool ok = x->rank == first->rank;
    for (int k = 0; ok && k < x->rank; k++)
      ok = k == axis || x->size[k] == size[k];
    if (!ok)
      return orr_fail(c,
                      "tensor 1 is %s but tensor %d is %s; all sizes but "
                      "that of axis %d must be equal",
                      orr_shape_text(first, a, sizeof a), i + 1,
                      orr_shape_text(x, b, sizeof b), axis + 1);
    size[axis] += x->size[axis];
  }
  return orr_out(c, 0, first->dtype, first->rank, size);
}

static bool cat_forward(orr_call *c) {
  const int axis = (int)c->attr[0];
  int64_t at = 0;
  for (int i = 0; i < c->nx; i++) {
    orr_tensor part = *c->y[0];  // a header for the copy only
    part.size[axis] = c->x[i]->size[axis];
    part.offset += at * part.stride[axis];
    part.count = c->x[i]->count;
    part.contiguous = false;
    orr_copy_elements(&part, c->x[i]);
    at += c->x[i]->size[axis];
  }
  return true;
}

static void cat_vjp(orr_vjp *v) {
  const int axis = (int)v->attr[0];
  int64_t at = 0;
  for (int i = 0; i < v->nx; i++) {
    const int64_t n = v->x[i]->size[axis];
    if (v->needs[i])
      v->gx[i] = ORR(narrow, v->gy, .attr = {axis, (double)at, (double)n, 1});
    at += n;
  }
}

ORR_DEFINE_OP(cat,
              .doc = "Joins tensors along an axis they already have.",
              .params = {{"tensors", ORR_TENSORS, .want = ORR_WANT_ANY},
                         {"axis", ORR_AXIS, .def = 0, .doc = "along which"}},
              .shape = cat_shape, .forward = cat_forward, .vjp = cat_vjp,
              .flags = ORR_STRIDED_OK | ORR_DROPS_X | ORR_PROMOTE,
              .samples = {"{ list = { {2,3}, {1,3} } }",
                          "{ list = { {2,3}, {2,1}, {2,2} }, axis = 2 }",
                          "{ list = { {2,3} }, axis = -1 }",
                          "{ list = { {0,3}, {2,3} } }",
                          "{ list = { {2,3}, {2,4} }, error = 'cat: tensor 1 is "
                          "[2, 3] but tensor 2 is [2, 4]; all sizes but that of "
                          "axis 1 must be equal' }"});

static orr_tensor *stack_compose(orr_call *c) {
  char a[128], b[128];
  if (!orr_want_axis(c, 0, c->x[0]->rank + 1)) return NULL;
  const size_t bytes = (size_t)c->nx * sizeof(orr_tensor *);
  orr_tensor **part = orr_alloc(bytes);
  bool ok = part != NULL;
  for (int i = 0; ok && i < c->nx; i++) {
    if (!orr_same_shape(c->x[i], c->x[0]))
      ok = orr_fail(c,
                    "tensor 1 is %s but tensor %d is %s; stack needs equal "
                    "shapes",
                    orr_shape_text(c->x[0], a, sizeof a), i + 1,
                    orr_shape_text(c->x[i], b, sizeof b));
    else
      ok = (part[i] = ORR(unsqueeze, c->x[i], .attr = {c->attr[0]})) != NULL;
  }
  const orr_args args = {.list = part, .n = c->nx, .attr = {c->attr[0]}};
  orr_tensor *y = ok ? orr_keep(orr_apply(&orr_op_cat, &args)) : NULL;
  orr_free(part, bytes);
  return y;
}

ORR_DEFINE_OP(stack, .doc = "Joins tensors of one shape along a new axis.",
              .params = {{"tensors", ORR_TENSORS, .want = ORR_WANT_ANY},
                         {"axis", ORR_AXIS, .def = 0,
                          .doc = "where the new axis will be"}},
              .compose = stack_compose, .flags = ORR_PROMOTE,
              .samples = {"{ list = { {2,3}, {2,3} } }",
                          "{ list = { {2,3}, {2,3} }, axis = -1 }",
                          "{ list = { {}, {}, {} } }", "{ list = { {0} } }",
                          "{ list = { {2}, {3} }, error = 'stack: tensor 1 is "
                          "[2] but tensor 2 is [3]; stack needs equal shapes' "
                          "}"});
