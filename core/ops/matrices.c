// matrices.c -- see matrices.h.
#include "matrices.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../base/threads.h"

static int matrix_axes(const orr_matrices *m, int k) {
  return k == m->vector ? 1 : 2;
}

bool orr_matrices_of(orr_matrices *m, orr_call *c, int vector) {
  char a[128], b[128];
  *m = (orr_matrices){.c = c, .vector = vector};
  for (int k = 0; k < c->nx; k++) {
    orr_tensor batch = *c->x[k];  // a header without the matrix axes
    batch.rank -= matrix_axes(m, k);
    if (!orr_broadcast_shape(&m->rank, m->size, &batch))
      return orr_fail(c,
                      "%s is %s, %s is %s: the batch axes do not broadcast; "
                      "sizes must be equal or 1",
                      orr_input_name(c, 0),
                      orr_shape_text(c->x[0], a, sizeof a),
                      orr_input_name(c, k),
                      orr_shape_text(c->x[k], b, sizeof b));
  }
  m->count = 1;
  for (int i = 0; i < m->rank; i++) m->count *= m->size[i];
  return true;
}

// Entries are cut into at most 16 chunks, each with one piece of scratch.
typedef struct run {
  const orr_matrices *m;
  orr_matrix_fn *fn;
  size_t doubles;
  double *scratch;
  int *info;  // of each entry
  int64_t each;
} run;

static void run_chunk(void *context, int64_t chunk) {
  const run *r = context;
  const int64_t begin = chunk * r->each, end = begin + r->each;
  double *scratch = r->scratch + (size_t)chunk * r->doubles;
  for (int64_t i = begin; i < end && i < r->m->count; i++)
    r->info[i] = r->fn(r->m, i, scratch);
}

bool orr_matrices_run(orr_matrices *m, orr_matrix_fn *fn, size_t doubles) {
  if (!m->count) return true;
  run r = {m, fn, doubles + 1, NULL, NULL, (m->count + 15) / 16};
  const int64_t chunks = (m->count + r.each - 1) / r.each;
  const size_t bytes = (size_t)chunks * r.doubles * sizeof *r.scratch;
  const size_t notes = (size_t)m->count * sizeof *r.info;
  r.info = orr_alloc_zero(notes);
  r.scratch = r.info ? orr_alloc(bytes) : NULL;
  if (r.scratch) orr_parallel(chunks, run_chunk, &r);
  for (int64_t i = 0; r.scratch && i < m->count && !m->info; i++) {
    m->info = r.info[i];
    m->entry = i;
  }
  const bool ok = r.scratch && !m->info;
  if (r.scratch) orr_free(r.scratch, bytes);
  if (r.info) orr_free(r.info, notes);
  return ok;
}

bool orr_matrices_fail(const orr_matrices *m, int input, const char *what) {
  int64_t at[ORR_MAX_RANK], flat = m->entry;
  char entry[128];
  if (!m->info) return false;  // no memory: the sentence is there
  for (int i = m->rank - 1; i >= 0; i--) {
    at[i] = 1 + flat % m->size[i];
    flat /= m->size[i];
  }
  if (!m->rank)
    return orr_fail(m->c, "%s %s", orr_input_name(m->c, input), what);
  if (m->rank == 1)
    snprintf(entry, sizeof entry, "%lld", (long long)at[0]);
  else
    orr_sizes_text(m->rank, at, entry, sizeof entry);
  return orr_fail(m->c, "batch entry %s of %s %s", entry,
                  orr_input_name(m->c, input), what);
}

bool orr_matrices_odd(const orr_matrices *m, int input) {
  return orr_matrices_fail(
      m, input,
      m->info == ORR_NOT_FINITE
          ? "holds NaN or infinity; look for where it came from with "
            "orrery.detect_anomaly"
          : "made the iteration fail to converge; scale it or add noise");
}

// Elements before the matrix of entry i, whose batch axes broadcast.
static int64_t offset_of(const orr_matrices *m, const orr_tensor *t, int axes,
                         int64_t i) {
  const int rank = t->rank - axes;
  int64_t at = 0, step = 1;
  for (int a = 0; a < axes; a++) step *= t->size[rank + a];
  for (int k = m->rank - 1; k >= 0; k--) {
    const int own = k - (m->rank - rank);
    if (own >= 0) {
      if (t->size[own] > 1) at += i % m->size[k] * step;
      step *= t->size[own];
    }
    i /= m->size[k];
  }
  return at;
}

bool orr_matrix_load(const orr_matrices *m, int k, int64_t i, double *to) {
  const orr_tensor *x = m->c->x[k];
  const int axes = matrix_axes(m, k);
  const int64_t cols = axes == 2 ? x->size[x->rank - 1] : 1;
  const int64_t rows = x->size[x->rank - axes];
  const int64_t at = offset_of(m, x, axes, i);
  const float *f = ORR_F32P(x);
  const double *d = ORR_F64P(x);
  bool finite = true;
  for (int64_t c = 0; c < cols; c++)
    for (int64_t r = 0; r < rows; r++) {
      const int64_t from = at + r * cols + c;
      const double v = x->dtype == ORR_F32 ? (double)f[from] : d[from];
      to[c * rows + r] = v;
      finite = finite && isfinite(v);
    }
  return finite;
}

bool orr_matrix_load_symmetric(const orr_matrices *m, int k, int64_t i,
                               double *to) {
  const int n = orr_rows(m->c->x[k]);
  const bool finite = orr_matrix_load(m, k, i, to);
  for (int c = 0; c < n; c++)
    for (int r = 0; r < c; r++) {
      double *a = to + (size_t)c * (size_t)n + r;
      double *b = to + (size_t)r * (size_t)n + c;
      *a = *b = 0.5 * *a + 0.5 * *b;
    }
  return finite;
}

void orr_matrix_store(const orr_matrices *m, int k, int64_t i,
                      const double *from, int rows, int cols) {
  const orr_tensor *y = m->c->y[k];
  const size_t at = (size_t)i * (size_t)rows * (size_t)cols;
  float *f = ORR_F32P(y);
  double *d = ORR_F64P(y);
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < cols; c++) {
      const double v = from[(size_t)c * (size_t)rows + (size_t)r];
      const size_t to = at + (size_t)r * (size_t)cols + (size_t)c;
      if (y->dtype == ORR_F32)
        f[to] = (float)v;
      else
        d[to] = v;
    }
}

enum { SHORT_SIDE = 1 << 14, LONG_SIDE = 1 << 24 };

bool orr_want_matrix(orr_call *c, int input) {
  const orr_tensor *x = c->x[input];
  char text[128];
  if (!orr_want_min_rank(c, input, 2)) return false;
  const int64_t m = x->size[x->rank - 2], n = x->size[x->rank - 1];
  if ((m < n ? m : n) <= SHORT_SIDE && (m < n ? n : m) <= LONG_SIDE)
    return true;
  return orr_fail(c,
                  "%s is %s; matrices over %d in both axes, or %d in one, are "
                  "too large",
                  orr_input_name(c, input),
                  orr_shape_text(x, text, sizeof text), SHORT_SIDE, LONG_SIDE);
}

bool orr_want_square(orr_call *c, int input) {
  const orr_tensor *x = c->x[input];
  char text[128];
  if (!orr_want_matrix(c, input)) return false;
  if (x->size[x->rank - 2] == x->size[x->rank - 1]) return true;
  return orr_fail(c, "%s is %s but its last two axes must be of equal size",
                  orr_input_name(c, input),
                  orr_shape_text(x, text, sizeof text));
}

bool orr_out_matrix(orr_call *c, int i, int n, int64_t rows, int64_t cols) {
  const orr_tensor *x = c->x[0];
  const int batch = x->rank - 2;
  int64_t size[ORR_MAX_RANK];
  memcpy(size, x->size, sizeof size);
  if (n > 0) size[batch] = rows;
  if (n > 1) size[batch + 1] = cols;
  return orr_out(c, i, x->dtype, batch + n, size);
}

orr_tensor *orr_matmul(orr_tensor *x, orr_tensor *y) {
  return x && y ? ORR(matmul, x, y) : NULL;
}

orr_tensor *orr_symmetric(orr_tensor *x) {
  if (!x) return NULL;
  return ORR(mul, ORR(add, x, orr_transpose_last(x)), orr_num(x, 0.5));
}
