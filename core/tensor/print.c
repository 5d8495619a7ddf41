// print.c -- a tensor as people read it: dtype, shape, range, aligned values.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor.h"

#define EDGE 3           // rows and columns shown at each end once elided
#define ELIDE_OVER 1000  // elements

typedef struct text {
  char *p;
  size_t used, room;
  bool failed;
} text;

static void put(text *t, const char *format, ...) ORR_PRINTF(2, 3);
static void put(text *t, const char *format, ...) {
  va_list args;
  va_start(args, format);
  char piece[160];
  vsnprintf(piece, sizeof piece, format, args);
  va_end(args);
  const size_t n = strlen(piece);
  if (t->used + n + 1 > t->room) {
    const size_t room = 2 * (t->room + n + 64);
    char *p = realloc(t->p, room);
    if (!p) {
      t->failed = true;
      return;
    }
    t->p = p;
    t->room = room;
  }
  memcpy(t->p + t->used, piece, n + 1);
  t->used += n;
}

// One way of writing for the whole tensor, so that columns align.
typedef struct style {
  bool integers, scientific, elide;
  int width;
} style;

static int write_number(char *buffer, size_t n, const style *s, double v) {
  if (isnan(v)) return snprintf(buffer, n, "nan");
  if (isinf(v)) return snprintf(buffer, n, v > 0 ? "inf" : "-inf");
  if (s->integers) return snprintf(buffer, n, "%.0f", v);
  return snprintf(buffer, n, s->scientific ? "%.4e" : "%.4f", v);
}

static int write_element(char *buffer, size_t n, const style *s,
                         const orr_tensor *t, int64_t i) {
  if (orr_dtype_is_float(t->dtype))
    return write_number(buffer, n, s, orr_get(t, i));
  return snprintf(buffer, n, "%lld", (long long)orr_get_int(t, i));
}

typedef struct range {
  double min, max, mean;
  bool integers, nan;
} range;

static range range_of(const orr_tensor *t) {
  range r = {INFINITY, -INFINITY, 0, true, false};
  for (int64_t i = 0; i < t->count; i++) {
    const double v = orr_get(t, i);
    if (v < r.min) r.min = v;
    if (v > r.max) r.max = v;
    if (isfinite(v) && v != floor(v)) r.integers = false;
    if (isnan(v)) r.nan = true;
    r.mean += v;
  }
  r.mean /= (double)t->count;
  return r;
}

static style style_for(const orr_tensor *t, const range *r) {
  style s = {.elide = t->count > ELIDE_OVER};
  const double top = fmax(fabs(r->min), fabs(r->max));
  s.integers = r->integers && (!isfinite(top) || top < 1e7);
  s.scientific =
      !s.integers && isfinite(top) && (top >= 1e6 || (top > 0 && top < 1e-2));
  char b[64];
  for (int64_t i = 0; i < t->count; i++) {
    const int n = write_element(b, sizeof b, &s, t, i);
    if (n > s.width) s.width = n;
    if (s.elide && i >= ELIDE_OVER) break;
  }
  return s;
}

// Position to show as the k-th of n; -1 stands for the dots.
static int64_t shown(int64_t k, int64_t n, bool elide) {
  if (!elide || n <= 2 * EDGE + 1) return k;
  return k < EDGE ? k : k == EDGE ? -1 : n - 2 * EDGE - 1 + k;
}
static int64_t shown_count(int64_t n, bool elide) {
  return elide && n > 2 * EDGE + 1 ? 2 * EDGE + 1 : n;
}

static void put_row(text *out, const style *s, const orr_tensor *t,
                    int64_t first, int64_t n) {
  char b[64];
  for (int64_t k = 0; k < shown_count(n, s->elide); k++) {
    const int64_t i = shown(k, n, s->elide);
    if (i < 0) {
      put(out, " ...");
      continue;
    }
    write_element(b, sizeof b, s, t, first + i);
    put(out, " %*s", s->width, b);
  }
  put(out, "\n");
}

static void put_matrix(text *out, const style *s, const orr_tensor *t,
                       int64_t first) {
  const int64_t rows = t->rank > 1 ? t->size[t->rank - 2] : 1;
  const int64_t cols = t->size[t->rank - 1];
  for (int64_t k = 0; k < shown_count(rows, s->elide); k++) {
    const int64_t i = shown(k, rows, s->elide);
    if (i < 0)
      put(out, " ...\n");
    else
      put_row(out, s, t, first + i * cols, cols);
  }
}

// "[2, 1, :, :]" above each matrix of a tensor with more axes.
static void put_matrices(text *out, const style *s, const orr_tensor *t) {
  const int lead = t->rank - 2;
  const int64_t each = t->size[lead] * t->size[lead + 1];
  const int64_t n = t->count / each;
  for (int64_t k = 0; k < shown_count(n, s->elide); k++) {
    const int64_t i = shown(k, n, s->elide);
    if (i < 0) {
      put(out, "...\n");
      continue;
    }
    int64_t at[ORR_MAX_RANK], rest = i;
    for (int a = lead - 1; a >= 0; a--) {
      at[a] = rest % t->size[a];
      rest /= t->size[a];
    }
    put(out, "[");
    for (int a = 0; a < lead; a++) put(out, "%lld, ", (long long)at[a] + 1);
    put(out, ":, :]\n");
    put_matrix(out, s, t, i * each);
  }
}

static void put_head(text *out, const orr_tensor *t, const range *r) {
  char shape[160];
  put(out, "%s %s", orr_dtype_name(t->dtype),
      orr_shape_text(t, shape, sizeof shape));
  if (t->count)
    put(out, "   min %.4g  mean %.4g  max %.4g%s", r->min, r->mean, r->max,
        r->nan ? "  has nan" : "");
  if (t->requires_grad)
    put(out, "   requires grad");
  else if (t->node)
    put(out, "   from %s", orr_grad_fn(t, NULL));
  put(out, "\n");
}

char *orr_to_text(const orr_tensor *t) {
  text out = {0};
  char b[64];
  if (t->rank == 0) {
    const double v = orr_get(t, 0);
    if (orr_dtype_is_float(t->dtype))
      snprintf(b, sizeof b, "%.*g", t->dtype == ORR_F32 ? 6 : 10, v);
    else
      snprintf(b, sizeof b, "%lld", (long long)orr_get_int(t, 0));
    put(&out, "%s", b);
  } else {
    const range r = range_of(t);
    put_head(&out, t, &r);
    if (t->count) {
      const style s = style_for(t, &r);
      if (t->rank <= 2)
        put_matrix(&out, &s, t, 0);
      else
        put_matrices(&out, &s, t);
    }
    if (!out.failed && out.used) out.p[--out.used] = '\0';  // last newline
  }
  if (!out.failed) return out.p;
  free(out.p);
  orr_set_error("tostring: not enough memory for the text; print a part");
  return NULL;
}
