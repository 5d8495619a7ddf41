// blocks.c -- matrices along a diagonal, and the positions of triangles.
#include <limits.h>
#include <string.h>

#include "op.h"

static orr_tensor *joined(orr_tensor **list, int n, int axis) {
  for (int i = 0; i < n; i++)
    if (!list[i]) return NULL;
  const orr_args args = {.list = list, .n = n, .attr = {axis}};
  return orr_keep(orr_apply(&orr_op_cat, &args));
}

// ---- block_diag

static orr_tensor *as_block(orr_call *c, int i) {
  orr_tensor *x = c->x[i];
  char text[128];
  if (x->rank == 2) return x;
  if (x->rank > 2) {
    orr_fail(c, "tensor %d is %s; give at most 2 axes", i + 1,
             orr_shape_text(x, text, sizeof text));
    return NULL;
  }
  const int64_t size[2] = {1, x->count};
  return orr_reshape_to(x, 2, size);
}

static orr_tensor *zeros(const orr_tensor *like, int64_t cols) {
  const int64_t size[2] = {like->size[0], cols};
  return orr_keep(orr_zeros(like->dtype, 2, size));
}

static orr_tensor *block_diag_compose(orr_call *c) {
  int64_t cols = 0, before = 0;
  const size_t bytes = (size_t)c->nx * sizeof(orr_tensor *);
  orr_tensor **rows = orr_alloc(bytes), *y = NULL;
  bool ok = rows != NULL;
  for (int i = 0; ok && i < c->nx; i++) {
    ok = (rows[i] = as_block(c, i)) != NULL;
    if (ok) cols += rows[i]->size[1];
  }
  for (int i = 0; ok && i < c->nx; i++) {
    orr_tensor *x = rows[i];
    const int64_t n = x->size[1];
    orr_tensor *row[3] = {zeros(x, before), x, zeros(x, cols - before - n)};
    ok = (rows[i] = joined(row, 3, 1)) != NULL;
    before += n;
  }
  if (ok) y = joined(rows, c->nx, 0);
  orr_free(rows, bytes);
  return y;
}

ORR_DEFINE_OP(block_diag,
    .doc = "The matrices along the diagonal of a matrix of zeros; a vector "
           "counts as a row.",
    .params = {{"tensors", ORR_TENSORS, .want = ORR_WANT_ANY}},
    .compose = block_diag_compose, .flags = ORR_PROMOTE,
    .samples = {"{ list = { {2,3}, {1,2} } }", "{ list = { {2}, {}, {2,1} } }",
        "{ list = { {0,2}, {2,0}, {1,1} } }", "{ list = { {2,2} } }",
        "{ list = { {2}, {1,2,3} }, error = 'block_diag: tensor 2 is [1, 2, "
        "3]; give at most 2 axes' }"});

// ---- tril_indices, triu_indices: rows, cols, offset

static int64_t clamped(int64_t v, int64_t most) {
  return v < 0 ? 0 : v > most ? most : v;
}

// Columns of a row that belong to the triangle: [*first, *end).
static void part_of_row(const orr_call *c, bool lower, int64_t r,
                        int64_t *first, int64_t *end) {
  const int64_t cols = (int64_t)c->attr[1];
  const int64_t at = r + (int64_t)c->attr[2];
  *first = lower ? 0 : clamped(at, cols);
  *end = lower ? clamped(at + 1, cols) : cols;
}

// Of the rows, those that end inside the matrix sum to a series.
static int64_t count_lower(int64_t rows, int64_t cols, int64_t offset) {
  const int64_t first = clamped(-offset, rows);
  const int64_t whole = clamped(cols - offset - 1, rows);
  const int64_t last = whole > first ? whole : first;
  const int64_t low = first + offset + 1, high = last + offset;
  const int64_t ends = last > first ? (low + high) * (last - first) / 2 : 0;
  return ends + (rows - last) * cols;
}

static bool want_size(orr_call *c, const char *name, double v) {
  return (v >= 0 && v <= INT_MAX) ||
      orr_fail(c, "%s is %.0f; use 0 to %d", name, v, INT_MAX);
}

static bool indices_shape(orr_call *c, bool lower) {
  if (!want_size(c, "rows", c->attr[0]) || !want_size(c, "cols", c->attr[1]))
    return false;
  const int64_t rows = (int64_t)c->attr[0], cols = (int64_t)c->attr[1];
  const double limit = INT_MAX, k = c->attr[2];
  c->attr[2] = k > limit ? limit : k < -limit ? -limit : k;
  const int64_t offset = (int64_t)c->attr[2];
  const int64_t size[2] = {2,
                           lower ? count_lower(rows, cols, offset)
                                 : rows * cols -
                                   count_lower(rows, cols, offset - 1)};
  return orr_out(c, 0, ORR_I64, 2, size);
}

static bool indices_forward(orr_call *c, bool lower) {
  int64_t *row = ORR_I64P(c->y[0]), *col = row + c->y[0]->size[1];
  const int64_t rows = (int64_t)c->attr[0];
  for (int64_t r = 0; r < rows && c->y[0]->count; r++) {
    int64_t first, end;
    part_of_row(c, lower, r, &first, &end);
    for (int64_t k = first; k < end; k++) *row++ = r + 1, *col++ = k + 1;
  }
  return true;
}

static bool tril_indices_shape(orr_call *c) { return indices_shape(c, true); }
static bool tril_indices_forward(orr_call *c) {
  return indices_forward(c, true);
}
static bool triu_indices_shape(orr_call *c) { return indices_shape(c, false); }
static bool triu_indices_forward(orr_call *c) {
  return indices_forward(c, false);
}

#define TRIANGLE_PARAMS                                                   \
  .params = {{"rows", ORR_INT, .required = true, .doc = "of the matrix"}, \
             {"cols", ORR_INT, .required = true, .doc = "of the matrix"}, \
             {"offset", ORR_INT,                                          \
              .doc = "the diagonal it ends at, 0 the main"}}

ORR_DEFINE_OP(tril_indices,
    .doc = "Rows and columns, from 1, of the lower triangle of a matrix, row "
           "by row -> int64 [2, K].",
    TRIANGLE_PARAMS, .shape = tril_indices_shape,
    .forward = tril_indices_forward, .flags = ORR_CREATES | ORR_NO_GRAD,
    .samples = {"{ rows = 3, cols = 3 }", "{ rows = 4, cols = 2, offset = -1 }",
        "{ rows = 2, cols = 5, offset = 2 }", "{ rows = 0, cols = 3 }",
        "{ rows = 3, cols = 3, offset = -9 }",
        "{ rows = -1, cols = 3, error = 'tril_indices: rows is -1; use 0 to "
        "2147483647' }"});

ORR_DEFINE_OP(triu_indices,
    .doc = "Rows and columns, from 1, of the upper triangle of a matrix, row "
           "by row -> int64 [2, K].",
    TRIANGLE_PARAMS, .shape = triu_indices_shape,
    .forward = triu_indices_forward, .flags = ORR_CREATES | ORR_NO_GRAD,
    .samples = {"{ rows = 3, cols = 3 }", "{ rows = 4, cols = 2, offset = -1 }",
        "{ rows = 2, cols = 5, offset = 2 }", "{ rows = 3, cols = 0 }",
        "{ rows = 3, cols = 3, offset = 9 }",
        "{ rows = 3, cols = -1, error = 'triu_indices: cols is -1; use 0 to "
        "2147483647' }"});
