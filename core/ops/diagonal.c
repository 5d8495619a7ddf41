// diagonal.c -- diagonals and triangles of the last two axes, or any two.
#include <string.h>

#include "../base/threads.h"
#include "../kernels/iterate.h"
#include "op.h"

#define ANY \
  { "x", .want = ORR_WANT_ANY }
#define OFFSET \
  { "offset", ORR_INT, .doc = "which diagonal: above 0, below < 0" }

// How many elements the diagonal has, and where it begins.
static int64_t diagonal_length(int64_t rows, int64_t cols, int64_t offset) {
  const int64_t r = offset < 0 ? rows + offset : rows;
  const int64_t c = offset > 0 ? cols - offset : cols;
  const int64_t n = r < c ? r : c;
  return n > 0 ? n : 0;
}

// ---- tril, triu

static bool triangle_shape(orr_call *c) {
  return orr_want_min_rank(c, 0, 2) && orr_out_like(c, c->x[0]);
}

typedef struct triangle {
  bool lower;
  int64_t rows, cols, offset;
  size_t size;  // of an element
  const char *x;
  char *y;
} triangle;

static void copy_triangle_rows(void *context, int64_t begin, int64_t end) {
  const triangle *t = context;
  for (int64_t i = begin; i < end; i++) {
    // Columns before `edge` are in the lower triangle or left of the upper.
    int64_t edge = i % t->rows + t->offset + (t->lower ? 1 : 0);
    edge = edge < 0 ? 0 : edge > t->cols ? t->cols : edge;
    const size_t row = (size_t)(i * t->cols) * t->size;
    const size_t left = (size_t)edge * t->size;
    const size_t right = (size_t)(t->cols - edge) * t->size;
    if (t->lower) {
      memcpy(t->y + row, t->x + row, left);
      memset(t->y + row + left, 0, right);
    } else {
      memset(t->y + row, 0, left);
      memcpy(t->y + row + left, t->x + row + left, right);
    }
  }
}

static bool triangle_forward(orr_call *c, bool lower) {
  const orr_tensor *x = c->x[0];
  if (!x->count) return true;
  triangle t = {lower,
                x->size[x->rank - 2],
                x->size[x->rank - 1],
                (int64_t)c->attr[0],
                orr_dtype_size(x->dtype),
                orr_data(x),
                orr_data(c->y[0])};
  orr_parallel_range(x->count / t.cols, 1 + ORR_GRAIN_CHEAP / t.cols,
                     copy_triangle_rows, &t);
  return true;
}

static bool tril_forward(orr_call *c) { return triangle_forward(c, true); }
static bool triu_forward(orr_call *c) { return triangle_forward(c, false); }

static void tril_vjp(orr_vjp *v) {
  v->gx[0] = ORR(tril, v->gy, .attr = {v->attr[0]});
}
static void triu_vjp(orr_vjp *v) {
  v->gx[0] = ORR(triu, v->gy, .attr = {v->attr[0]});
}

#define TRIANGLE_SAMPLES(NAME)                                          \
  {                                                                     \
    "{ {3,3} }", "{ {2,3,5}, offset = 1 }", "{ {5,3}, offset = -2 }",   \
        "{ {2,2}, offset = 7 }", "{ {2,2}, offset = -7 }", "{ {0,4} }", \
        "{ {4}, error = '" NAME                                         \
        ": x is [4] but must have at least 2 axes; use "                \
        ":view or :unsqueeze' }"                                        \
  }

ORR_DEFINE_OP(tril,
              .doc = "x on and below a diagonal of its last two axes, 0 above.",
              .params = {ANY, OFFSET}, .shape = triangle_shape,
              .forward = tril_forward, .vjp = tril_vjp,
              .flags = ORR_DROPS_X, .samples = TRIANGLE_SAMPLES("tril"));

ORR_DEFINE_OP(triu,
              .doc = "x on and above a diagonal of its last two axes, 0 below.",
              .params = {ANY, OFFSET}, .shape = triangle_shape,
              .forward = triu_forward, .vjp = triu_vjp,
              .flags = ORR_DROPS_X, .samples = TRIANGLE_SAMPLES("triu"));

// ---- diagonal and its inverse

static bool two_axes(orr_call *c, int slot, int rank) {
  if (!orr_want_axis(c, slot, rank) || !orr_want_axis(c, slot + 1, rank))
    return false;
  if (c->attr[slot] != c->attr[slot + 1]) return true;
  return orr_fail(c, "axis1 and axis2 are both %d; name two axes",
                  (int)c->attr[slot] + 1);
}

static bool diagonal_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  if (!orr_want_min_rank(c, 0, 2) || !two_axes(c, 1, x->rank)) return false;
  const int64_t offset = (int64_t)c->attr[0];
  const int a = (int)c->attr[1], b = (int)c->attr[2];
  int64_t size[ORR_MAX_RANK], stride[ORR_MAX_RANK];
  int rank = 0;
  for (int i = 0; i < x->rank; i++) {
    if (i == a || i == b) continue;
    size[rank] = x->size[i];
    stride[rank++] = x->stride[i];
  }
  size[rank] = diagonal_length(x->size[a], x->size[b], offset);
  stride[rank] = x->stride[a] + x->stride[b];
  const int64_t first =
      offset < 0 ? -offset * x->stride[a] : offset * x->stride[b];
  return orr_out_view(c, rank + 1, size, stride, size[rank] ? first : 0);
}

// Axes a and b become the last two, or come from there.
static orr_tensor *move_axes(orr_tensor *x, int a, int b, bool back) {
  if (!x) return NULL;
  orr_short_args args = {.x0 = x, .attr = {x->rank}};
  int k = 0;
  for (int i = 0; i < x->rank; i++) {
    const int to = i == a ? x->rank - 2 : i == b ? x->rank - 1 : k++;
    args.attr[1 + (back ? i : to)] = back ? to : i;
  }
  return orr_apply_short(&orr_op_permute, &args);
}

static void diagonal_vjp(orr_vjp *v) {
  const orr_tensor *x = v->x[0];
  const int a = (int)v->attr[1], b = (int)v->attr[2];
  orr_tensor *g =
      ORR(diagonal_dx, v->gy,
          .attr = {v->attr[0], (double)x->size[a], (double)x->size[b]});
  v->gx[0] = move_axes(g, a, b, true);
}

ORR_DEFINE_OP(diagonal,
              .doc = "A view of a diagonal of two axes; it becomes the last "
                     "axis.",
              .params = {ANY, OFFSET,
                         {"axis1", ORR_AXIS, .def = 0, .doc = "of the rows"},
                         {"axis2", ORR_AXIS, .def = 1, .doc = "of the columns"}},
              .shape = diagonal_shape, .vjp = diagonal_vjp,
              .flags = ORR_VIEW | ORR_STRIDED_OK | ORR_DROPS_X,
              .samples = {"{ {3,3} }", "{ {3,4}, offset = 2 }",
                          "{ {2,3,4,5}, offset = -1, axis1 = -1, axis2 = 2 }",
                          "{ {2,3}, offset = 5 }", "{ {0,4} }",
                          "{ {2,3}, axis1 = 2, error = 'diagonal: axis1 and "
                          "axis2 are both 2; name two axes' }",
                          "{ {2,3}, axis2 = 3, error = 'diagonal: axis is 3 but "
                          "x is [2, 3]; use 1 to 2 or -2 to -1' }",
                          "{ {4}, error = 'diagonal: x is [4] but must have at "
                          "least 2 axes; use :view or :unsqueeze' }"});

static bool diagonal_dx_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  if (!orr_want_min_rank(c, 0, 1)) return false;
  const int64_t rows = (int64_t)c->attr[1], cols = (int64_t)c->attr[2];
  const int64_t n = x->size[x->rank - 1];
  if (rows < 0 || cols < 0 ||
      diagonal_length(rows, cols, (int64_t)c->attr[0]) != n)
    return orr_fail(c,
                    "%lld elements are not diagonal %lld of [%lld, %lld]; "
                    "match them",
                    (long long)n, (long long)c->attr[0], (long long)rows,
                    (long long)cols);
  int64_t size[ORR_MAX_RANK + 1];
  memcpy(size, x->size, sizeof x->size);
  size[x->rank - 1] = rows;
  size[x->rank] = cols;
  return orr_out(c, 0, x->dtype, x->rank + 1, size);
}

static bool diagonal_dx_forward(orr_call *c) {
  orr_tensor *y = c->y[0];
  const int64_t offset = (int64_t)c->attr[0], cols = y->size[y->rank - 1];
  memset(orr_data(y), 0, (size_t)y->count * orr_dtype_size(y->dtype));
  orr_tensor part = *y;  // a header for the copy only
  part.rank--;
  part.size[part.rank - 1] = c->x[0]->size[part.rank - 1];
  part.stride[part.rank - 1] = cols + 1;
  if (c->x[0]->count) part.offset += offset < 0 ? -offset * cols : offset;
  part.count = c->x[0]->count;
  part.contiguous = false;
  orr_copy_elements(&part, c->x[0]);
  return true;
}

static void diagonal_dx_vjp(orr_vjp *v) {
  v->gx[0] = ORR(diagonal, v->gy, .attr = {v->attr[0], -2, -1});
}

ORR_DEFINE_OP(diagonal_dx,
              .doc = "x laid on a diagonal of zeros: the gradient of diagonal.",
              .params = {ANY, OFFSET, {"rows", ORR_INT, .required = true},
                         {"cols", ORR_INT, .required = true}},
              .shape = diagonal_dx_shape, .forward = diagonal_dx_forward,
              .vjp = diagonal_dx_vjp,
              .flags = ORR_HIDDEN | ORR_DROPS_X | ORR_STRIDED_OK,
              .samples = {"{ {3}, rows = 3, cols = 4 }",
                          "{ {2,2}, offset = -1, rows = 3, cols = 5 }",
                          "{ {2,0}, offset = 4, rows = 3, cols = 3 }",
                          "{ {3}, rows = 3, cols = 2, error = 'diagonal_dx: 3 "
                          "elements are not diagonal 0 of [3, 2]; match them' "
                          "}"});

static orr_tensor *square_around(orr_tensor *x, int64_t offset) {
  const int64_t n = x->size[x->rank - 1] + (offset < 0 ? -offset : offset);
  return ORR(diagonal_dx, x, .attr = {(double)offset, (double)n, (double)n});
}

static orr_tensor *diag_embed_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  if (!orr_want_min_rank(c, 0, 1)) return NULL;
  if (!two_axes(c, 1, x->rank + 1)) return NULL;
  return move_axes(square_around(x, (int64_t)c->attr[0]), (int)c->attr[1],
                   (int)c->attr[2], true);
}

ORR_DEFINE_OP(diag_embed,
              .doc = "The last axis of x as a diagonal of zeros, in two axes.",
              .params = {ANY, OFFSET,
                         {"axis1", ORR_AXIS, .def = -2, .doc = "of the rows"},
                         {"axis2", ORR_AXIS, .def = -1,
                          .doc = "of the columns"}},
              .compose = diag_embed_compose,
              .samples = {"{ {3} }", "{ {2,3}, offset = -1 }",
                          "{ {2,3}, offset = 2, axis1 = 3, axis2 = 1 }",
                          "{ {0,3} }", "{ {2,0} }",
                          "{ {}, error = 'diag_embed: x is [] but must have at "
                          "least 1 axis; use :view or :unsqueeze' }",
                          "{ {3}, axis1 = 2, error = 'diag_embed: axis1 and "
                          "axis2 are both 2; name two axes' }"});

static orr_tensor *diag_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  char text[128];
  if (x->rank == 1) return square_around(x, (int64_t)c->attr[0]);
  if (x->rank == 2) return ORR(diagonal, x, .attr = {c->attr[0], 0, 1});
  orr_fail(c, "x is %s; give 1 or 2 axes, or use diagonal or diag_embed",
           orr_shape_text(x, text, sizeof text));
  return NULL;
}

ORR_DEFINE_OP(diag,
              .doc = "A vector as the diagonal of a matrix of zeros, or the "
                     "diagonal of a matrix.",
              .params = {ANY, OFFSET}, .compose = diag_compose,
              .samples = {"{ {3} }", "{ {3}, offset = -2 }", "{ {3,4} }",
                          "{ {3,4}, offset = 1 }", "{ {0} }", "{ {0,4} }",
                          "{ {2,3,4}, error = 'diag: x is [2, 3, 4]; give 1 or "
                          "2 axes, or use diagonal or diag_embed' }"});

static orr_tensor *trace_compose(orr_call *c) {
  if (!orr_want_rank(c, 0, 2)) return NULL;
  return ORR(sum, ORR(diagonal, c->x[0], .attr = {0, 0, 1}));
}

ORR_DEFINE_OP(trace, .doc = "Sum of the diagonal of a matrix.",
              .params = {ANY}, .compose = trace_compose,
              .samples = {"{ {3,3} }", "{ {3,4} }", "{ {0,3} }",
                          "{ {2,3,3}, error = 'trace: x is [2, 3, 3] but must "
                          "have 2 axes; use :view or :unsqueeze' }"});
