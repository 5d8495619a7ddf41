// matmul.c -- matrix products, batched with broadcasting, and linear layers.
#include <string.h>

#include "../base/threads.h"
#include "../kernels/elementwise.h"
#include "../kernels/gemm.h"
#include "op.h"

// A matrix as gemm reads it: rows of length ld, or its transpose.
typedef struct matrix {
  const orr_tensor *t;
  bool transposed;
  int64_t ld;
} matrix;

// Whether gemm can read the last two axes of t where they lie.
static bool readable(const orr_tensor *t, matrix *m) {
  const int64_t rows = t->size[t->rank - 2], cols = t->size[t->rank - 1];
  const int64_t rs = t->stride[t->rank - 2], cs = t->stride[t->rank - 1];
  *m = (matrix){t, false, cols > 1 ? cols : 1};
  if ((cs == 1 || cols <= 1) && (rs >= cols || rows <= 1)) {
    if (rows > 1 && rs >= 1) m->ld = rs;
    return rows <= 1 || rs >= 1;
  }
  if ((rs == 1 || rows <= 1) && cs >= rows) {
    m->transposed = true;
    m->ld = cs > 1 ? cs : 1;
    return true;
  }
  return false;
}

static bool prepare(orr_tensor *x, matrix *m) {
  if (readable(x, m)) return true;
  orr_tensor *packed = orr_keep(orr_contiguous(x));
  return packed && readable(packed, m);
}

// t, or for one axis the row or column that *m becomes.
static orr_tensor *as_matrix(orr_tensor *t, bool column, orr_tensor *m) {
  if (t->rank != 1) return t;
  *m = *t;
  m->rank = 2;
  m->size[column] = 1, m->stride[column] = column ? 1 : t->size[0];
  m->size[!column] = t->size[0], m->stride[!column] = t->stride[0];
  return m;
}

static const char *advice(const orr_call *c, int64_t inner) {
  const orr_tensor *x = c->x[0], *y = c->x[1];
  if (y->rank > 1 && inner == y->size[y->rank - 1]) return "transpose y";
  if (x->rank > 1 && y->rank > 1 &&
      x->size[x->rank - 2] == y->size[y->rank - 2])
    return "transpose x";
  return "make them equal";
}

// Integers are multiplied too, but only with their like.
static bool same_dtype(orr_call *c) {
  for (int i = 0; i < 2; i++) {
    const orr_dtype d = c->x[i]->dtype, other = c->x[!i]->dtype;
    if (!orr_dtype_is_float(d) && orr_dtype_is_float(other))
      return orr_fail(c, "%s is %s but must be %s; use :to('%s')",
                      orr_input_name(c, i), orr_dtype_name(d),
                      orr_dtype_name(other), orr_dtype_name(other));
  }
  return c->x[0]->dtype == c->x[1]->dtype ||
      orr_fail(c, "x is %s but y is %s; convert one",
               orr_dtype_name(c->x[0]->dtype), orr_dtype_name(c->x[1]->dtype));
}

static bool matmul_shape(orr_call *c) {
  char a[128], b[128];
  if (!same_dtype(c)) return false;
  if (!orr_want_min_rank(c, 0, 1) || !orr_want_min_rank(c, 1, 1)) return false;
  orr_tensor row, column;
  const orr_tensor *x = as_matrix(c->x[0], false, &row);
  const orr_tensor *y = as_matrix(c->x[1], true, &column);
  orr_shape_text(c->x[0], a, sizeof a);
  orr_shape_text(c->x[1], b, sizeof b);
  const int64_t inner = x->size[x->rank - 1];
  if (inner != y->size[y->rank - 2])
    return orr_fail(c, "x is %s, y is %s: inner sizes %lld, %lld differ; %s", a,
                    b, (long long)inner, (long long)y->size[y->rank - 2],
                    advice(c, inner));
  orr_tensor bx = *x, by = *y;  // headers without the last two axes
  bx.rank -= 2, by.rank -= 2;
  int rank = 0;
  int64_t size[ORR_MAX_RANK];
  if (!orr_broadcast_shape(&rank, size, &bx) ||
      !orr_broadcast_shape(&rank, size, &by))
    return orr_fail(c,
                    "x is %s, y is %s: the batch axes do not broadcast; "
                    "sizes must be equal or 1",
                    a, b);
  if (x != &row) size[rank++] = x->size[x->rank - 2];
  if (y != &column) size[rank++] = y->size[y->rank - 1];
  return orr_out(c, 0, x->dtype, rank, size);
}

typedef struct batch {
  orr_dtype d;
  orr_gemm g;
  matrix x, y;
  const orr_tensor *out;
} batch;

// Address of batch entry `flat` of t, whose batch axes broadcast to out's.
static char *entry(const orr_tensor *t, const orr_tensor *out, int64_t flat) {
  int64_t at = 0;
  for (int i = out->rank - 3; i >= 0; i--) {
    const int k = i - (out->rank - t->rank);
    if (k >= 0 && t->size[k] > 1) at += flat % out->size[i] * t->stride[k];
    flat /= out->size[i];
  }
  return (char *)orr_data(t) + at * (int64_t)orr_dtype_size(t->dtype);
}

static void run_entry(void *context, int64_t i) {
  const batch *b = context;
  orr_gemm g = b->g;
  g.a = entry(b->x.t, b->out, i);
  g.b = entry(b->y.t, b->out, i);
  g.c = (char *)b->g.c + (size_t)(i * g.m * g.n) * orr_dtype_size(b->d);
  orr_gemm_run(b->d, &g);
}

// One row of a product of integers, which wrap.
#define WHOLE_ROW(T, NAME)                                                 \
  static void NAME(void *context, int64_t i) {                             \
    const batch *b = context;                                              \
    const orr_gemm *g = &b->g;                                             \
    const int64_t row = i % g->m;                                          \
    const T *x = (const T *)(const void *)entry(b->x.t, b->out, i / g->m); \
    const T *y = (const T *)(const void *)entry(b->y.t, b->out, i / g->m); \
    T *to = (T *)g->c + i * g->n;                                          \
    memset(to, 0, (size_t)g->n * sizeof *to);                              \
    for (int64_t k = 0; k < g->k; k++) {                                   \
      const uint64_t f =                                                   \
          (uint64_t)(g->ta ? x[k * g->lda + row] : x[row * g->lda + k]);   \
      for (int64_t j = 0; j < g->n; j++) {                                 \
        const T z = g->tb ? y[j * g->ldb + k] : y[k * g->ldb + j];         \
        to[j] = (T)((uint64_t)to[j] + f * (uint64_t)z);                    \
      }                                                                    \
    }                                                                      \
  }
WHOLE_ROW(int64_t, whole_row_i64)
WHOLE_ROW(uint8_t, whole_row_u8)

// A vector that does not step forward through its storage is packed.
static orr_tensor *operand(orr_tensor *t, bool column, orr_tensor *m) {
  if (t->rank == 1 && t->stride[0] < 1) t = orr_keep(orr_contiguous(t));
  return t ? as_matrix(t, column, m) : NULL;
}

// The product with the axes of size 1 that vectors took from it.
static orr_tensor whole(const orr_call *c) {
  orr_tensor out = *c->y[0];
  if (c->x[1]->rank == 1) out.size[out.rank++] = 1;
  if (c->x[0]->rank == 1) {
    out.size[out.rank] = out.size[out.rank - 1];
    out.size[out.rank++ - 1] = 1;
  }
  return out;
}

static bool matmul_forward(orr_call *c) {
  orr_tensor row, column, product = whole(c), *out = &product;
  batch b = {.d = out->dtype, .out = out};
  if (!out->count) return true;
  orr_tensor *x = operand(c->x[0], false, &row);
  orr_tensor *y = operand(c->x[1], true, &column);
  if (!x || !y || !prepare(x, &b.x) || !prepare(y, &b.y)) return false;
  b.g = (orr_gemm){.ta = b.x.transposed,
                   .tb = b.y.transposed,
                   .m = out->size[out->rank - 2],
                   .n = out->size[out->rank - 1],
                   .k = x->size[x->rank - 1],
                   .lda = b.x.ld,
                   .ldb = b.y.ld,
                   .c = orr_data(c->y[0]),
                   .alpha = 1,
                   .beta = 0};
  b.g.ldc = b.g.n;
  const int64_t entries = out->count / (b.g.m * b.g.n);
  if (!orr_dtype_is_float(b.d))
    orr_parallel(entries * b.g.m, b.d == ORR_I64 ? whole_row_i64 : whole_row_u8,
                 &b);
  else if (entries == 1)
    run_entry(&b, 0);
  else
    orr_parallel(entries, run_entry, &b);
  return true;
}

// d(xy): gy y^T and x^T gy; broadcast batch axes are summed by the pass, and
// so is the one of a row.
static void matmul_vjp(orr_vjp *v) {
  orr_tensor *x = v->x[0], *y = v->x[1], *g = v->gy;
  const bool column = y->rank == 1;
  if (column) y = ORR(unsqueeze, y, .attr = {-1});
  if (column) g = ORR(unsqueeze, g, .attr = {-1});
  if (x->rank == 1) {
    x = ORR(unsqueeze, x, .attr = {-2});
    g = ORR(unsqueeze, g, .attr = {-2});
  }
  if (v->needs[0]) v->gx[0] = ORR(matmul, g, orr_transpose_last(y));
  if (!v->needs[1]) return;
  orr_tensor *gy = ORR(matmul, orr_transpose_last(x), g);
  v->gx[1] = column ? ORR(squeeze, gy, .attr = {1, -1}) : gy;
}

ORR_DEFINE_OP(matmul,
              .doc = "Matrix product of x [..., M, K] and y [..., K, N] -> "
                     "[..., M, N]; the axes before the last two broadcast. A "
                     "vector counts as a row x or a column y, an axis that "
                     "the product then lacks.",
              .params = {{"x", .want = ORR_WANT_ANY}, {"y", .want = ORR_WANT_ANY}}, .shape = matmul_shape,
              .forward = matmul_forward, .vjp = matmul_vjp,
              .flags = ORR_STRIDED_OK,
              .samples = {"{ {3,4}, {4,5} }", "{ {2,3,4}, {2,4,5} }",
                          "{ {2,3,4}, {4,5} }", "{ {3,1,2,4}, {5,4,3} }",
                          "{ {0,4}, {4,5} }", "{ {3,0}, {0,2} }",
                          "{ {1,7}, {7,1} }",
                          "{ {2,3}, {2,3}, error = 'matmul: x is [2, 3], y is "
                          "[2, 3]: inner sizes 3, 2 differ; transpose y' }",
                          "{ {2,3}, {4,5}, error = 'matmul: x is [2, 3], y is "
                          "[4, 5]: inner sizes 3, 4 differ; make them equal' }",
                          "{ {3}, {3} }", "{ {3}, {3,2} }", "{ {2,3}, {3} }",
                          "{ {2,4,3}, {3} }", "{ {3}, {2,3,4} }",
                          "{ {2,3,4}, {4,5}, ints = { x = {-9,9}, y = "
                          "{-9,9} } }",
                          "{ {2,3}, {3,2}, ints = { x = {0,9} }, error = "
                          "'matmul: x is int64 but must be float64; use "
                          ":to(\\'float64\\')' }",
                          "{ {0}, {0} }", "{ {0}, {0,2} }",
                          "{ {3}, {2}, error = 'matmul: x is [3], y is [2]: "
                          "inner sizes 3, 2 differ; make them equal' }",
                          "{ {}, {3,2}, error = 'matmul: x is [] but must have "
                          "at least 1 axis; use :view or :unsqueeze' }",
                          "{ {2,2,3}, {4,3,2}, error = 'matmul: x is [2, 2, 3], "
                          "y is [4, 3, 2]: the batch axes do not broadcast; "
                          "sizes must be equal or 1' }"});

static bool linear_shape(orr_call *c) {
  const orr_tensor *x = c->x[0], *w = c->x[1], *b = c->x[2];
  char s[128], t[128];
  if (!orr_want_min_rank(c, 0, 1) || !orr_want_rank(c, 1, 2)) return false;
  if (x->size[x->rank - 1] != w->size[1])
    return orr_fail(c,
                    "x is %s but weight is %s: in_features %lld, %lld "
                    "differ; change the layer or its input",
                    orr_shape_text(x, s, sizeof s),
                    orr_shape_text(w, t, sizeof t),
                    (long long)x->size[x->rank - 1], (long long)w->size[1]);
  if (b && (b->rank != 1 || b->size[0] != w->size[0]))
    return orr_fail(c, "bias is %s but weight is %s; bias must be [%lld]",
                    orr_shape_text(b, s, sizeof s),
                    orr_shape_text(w, t, sizeof t), (long long)w->size[0]);
  int64_t size[ORR_MAX_RANK];
  memcpy(size, x->size, sizeof size);
  size[x->rank - 1] = w->size[0];
  return orr_out(c, 0, x->dtype, x->rank, size);
}

static bool linear_forward(orr_call *c) {
  orr_tensor *y = c->y[0];
  matrix w;
  if (!y->count) return true;
  orr_tensor *x = orr_keep(orr_contiguous(c->x[0]));
  if (!x || !prepare(c->x[1], &w)) return false;
  const int64_t n = y->size[y->rank - 1], k = x->size[x->rank - 1];
  if (c->x[2]) orr_copy_elements(y, c->x[2]);
  const orr_gemm g = {.tb = !w.transposed,
                      .m = y->count / n,
                      .n = n,
                      .k = k,
                      .a = orr_data(x),
                      .b = orr_data(w.t),
                      .c = orr_data(y),
                      .lda = k > 0 ? k : 1,
                      .ldb = w.ld,
                      .ldc = n,
                      .alpha = 1,
                      .beta = c->x[2] ? 1 : 0};
  orr_gemm_run(y->dtype, &g);
  return true;
}

static orr_tensor *rows_of(orr_tensor *x) {
  if (!x || x->rank == 2) return x;
  int64_t rows = 1;  // by the sizes: when they are empty the count has no say
  for (int a = 0; a < x->rank - 1; a++) rows *= x->size[a];
  const int64_t size[2] = {rows, x->size[x->rank - 1]};
  return orr_reshape_to(x, 2, size);
}

static void linear_vjp(orr_vjp *v) {
  orr_tensor *x = v->x[0], *w = v->x[1];
  if (v->needs[0]) {
    orr_tensor *g = ORR(matmul, rows_of(v->gy), w);
    v->gx[0] = orr_reshape_to(g, x->rank, x->size);
  }
  if (v->needs[1])
    v->gx[1] = ORR(matmul, orr_transpose_last(rows_of(v->gy)), rows_of(x));
  if (v->x[2] && v->needs[2]) v->gx[2] = v->gy;  // summed to [N] by the pass
}

ORR_DEFINE_OP(linear,
              .doc = "x weight^T + bias for x [..., K], weight [N, K], bias "
                     "[N] -> [..., N].",
              .params = {{"x"}, {"weight", .doc = "[N, K]"},
                         {"bias", .optional = true, .doc = "[N]"}},
              .shape = linear_shape, .forward = linear_forward,
              .vjp = linear_vjp, .flags = ORR_STRIDED_OK | ORR_FUNCTIONAL,
              .samples = {"{ {3,4}, {5,4}, {5} }", "{ {3,4}, {5,4} }",
                          "{ {2,3,4}, {5,4}, {5} }", "{ {4}, {5,4}, {5} }",
                          "{ {0,4}, {5,4}, {5} }",
                          "{ {0}, {2,0}, {2} }", "{ {2,3,0}, {2,0} }",
                          "{ {32,20}, {10,64}, error = 'linear: x is [32, 20] "
                          "but weight is [10, 64]: in_features 20, 64 differ; "
                          "change the layer or its input' }",
                          "{ {3,4}, {5,4}, {4}, error = 'linear: bias is [4] but "
                          "weight is [5, 4]; bias must be [5]' }"});
