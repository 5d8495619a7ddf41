// rows.c -- softmax, extremes, running sums and picking along one axis.
//
// Rows that lie in one piece (inner is 1) are worked on one by one; others in
// bands of columns, so that the innermost loop is always contiguous.
#include "rows.h"

#include <math.h>
#include <string.h>

#include "../base/threads.h"
#include "../tensor/tensor.h"
#include "elementwise.h"

#define LANES 16
#define BAND 64  // columns worked on at a time

orr_rows orr_rows_of(const orr_tensor *x, int axis) {
  return (orr_rows){x->dtype, orr_product(axis, x->size), x->size[axis],
                    orr_product(x->rank - axis - 1, x->size + axis + 1)};
}

typedef struct job {
  const orr_rows *r;
  const void *x;
  void *y;
  int64_t *index;
  bool flag;  // logarithm, largest, from_last
} job;

static int64_t bands(const orr_rows *r) { return (r->inner + BAND - 1) / BAND; }

// Spreads rows (inner 1) or bands over the threads.
static void spread(job *job, int64_t grain, orr_range_fn *rows,
                   orr_range_fn *columns) {
  const orr_rows *r = job->r;
  const int64_t n = r->n > 0 ? r->n : 1;
  if (r->inner == 1)
    orr_parallel_range(r->outer, 1 + grain / n, rows, job);
  else
    orr_parallel_range(r->outer * bands(r), 1 + grain / (n * BAND), columns,
                       job);
}

// First element and width of band t.
static int64_t band_at(const orr_rows *r, int64_t t, int64_t *width) {
  const int64_t column = t % bands(r) * BAND;
  *width = r->inner - column < BAND ? r->inner - column : BAND;
  return t / bands(r) * r->n * r->inner + column;
}

// ---- softmax: e^(x - m) / sum, m the largest of the row. A NaN has no say
// in m: it reaches the whole row through the sum.

// A block of TOPS is more than the compiler unrolls, so it vectorises.
#define TOPS 32
#define LARGEST(T)                                              \
  ORR_INLINE T largest_##T(const T *x, int64_t n) {             \
    T top[TOPS], m = -(T)INFINITY;                              \
    int64_t i;                                                  \
    for (int j = 0; j < TOPS; j++) top[j] = m;                  \
    for (i = 0; i + TOPS <= n; i += TOPS)                       \
      for (int j = 0; j < TOPS; j++)                            \
        top[j] = x[i + j] > top[j] ? x[i + j] : top[j];         \
    for (; i < n; i++) m = x[i] > m ? x[i] : m;                 \
    for (int j = 0; j < TOPS; j++) m = top[j] > m ? top[j] : m; \
    return m;                                                   \
  }
LARGEST(float)
LARGEST(double)

#define SOFTMAX(T)                                                             \
  ORR_CLONES static void softmax_row_##T(const T *x, T *y, int64_t n,          \
                                         bool logarithm) {                     \
    const T m = largest_##T(x, n);                                             \
    double sum[LANES] = {0};                                                   \
    int64_t i;                                                                 \
    ORR_IVDEP for (i = 0; i < n; i++) y[i] = v_exp(x[i] - m);                  \
    for (i = 0; i + LANES <= n; i += LANES)                                    \
      for (int j = 0; j < LANES; j++) sum[j] += (double)y[i + j];              \
    double s = 0;                                                              \
    for (; i < n; i++) s += (double)y[i];                                      \
    for (int k = 1; k < LANES; k *= 2)                                         \
      for (int j = 0; j < LANES; j += 2 * k) sum[j] += sum[j + k];             \
    s += sum[0];                                                               \
    const T last = (T)(logarithm ? log(s) : 1 / s);                            \
    if (logarithm)                                                             \
      ORR_IVDEP for (i = 0; i < n; i++) y[i] = x[i] - m - last;                \
    else                                                                       \
      ORR_IVDEP for (i = 0; i < n; i++) y[i] = y[i] * last;                    \
  }                                                                            \
  static void softmax_rows_##T(void *context, int64_t begin, int64_t end) {    \
    const job *b = (const job *)context;                                       \
    const int64_t n = b->r->n;                                                 \
    for (int64_t o = begin; o < end; o++)                                      \
      softmax_row_##T((const T *)b->x + o * n, (T *)b->y + o * n, n, b->flag); \
  }                                                                            \
  ORR_CLONES static void softmax_band_##T(const T *x, T *y, int64_t n,         \
                                          int64_t inner, int64_t width,        \
                                          bool logarithm) {                    \
    T m[BAND], scale[BAND];                                                    \
    double sum[BAND] = {0};                                                    \
    for (int64_t j = 0; j < width; j++) m[j] = -(T)INFINITY;                   \
    for (int64_t i = 0; i < n; i++)                                            \
      for (int64_t j = 0; j < width; j++) {                                    \
        const T v = x[i * inner + j];                                          \
        m[j] = v > m[j] ? v : m[j];                                            \
      }                                                                        \
    for (int64_t i = 0; i < n; i++)                                            \
      ORR_IVDEP for (int64_t j = 0; j < width; j++) {                          \
        const T e = v_exp(x[i * inner + j] - m[j]);                            \
        y[i * inner + j] = e;                                                  \
        sum[j] += (double)e;                                                   \
      }                                                                        \
    for (int64_t j = 0; j < width; j++)                                        \
      scale[j] = (T)(logarithm ? log(sum[j]) : 1 / sum[j]);                    \
    for (int64_t i = 0; i < n; i++)                                            \
      ORR_IVDEP for (int64_t j = 0; j < width; j++) y[i * inner + j] =         \
          logarithm ? x[i * inner + j] - m[j] - scale[j]                       \
                    : y[i * inner + j] * scale[j];                             \
  }                                                                            \
  static void softmax_bands_##T(void *context, int64_t begin, int64_t end) {   \
    const job *b = (const job *)context;                                       \
    int64_t width;                                                             \
    for (int64_t t = begin; t < end; t++) {                                    \
      const int64_t at = band_at(b->r, t, &width);                             \
      softmax_band_##T((const T *)b->x + at, (T *)b->y + at, b->r->n,          \
                       b->r->inner, width, b->flag);                           \
    }                                                                          \
  }
SOFTMAX(float)
SOFTMAX(double)

void orr_rows_softmax(const orr_rows *r, bool logarithm, const void *x,
                      void *y) {
  job b = {r, x, y, NULL, logarithm};
  const bool f32 = r->dtype == ORR_F32;
  spread(&b, ORR_GRAIN_DEAR, f32 ? softmax_rows_float : softmax_rows_double,
         f32 ? softmax_bands_float : softmax_bands_double);
}

// ---- extremes

// Whether v takes the place of best: strictly better, or the first NaN.
#define BETTER(V, BEST) \
  ((largest ? (V) > (BEST) : (V) < (BEST)) || ((V) != (V) && (BEST) == (BEST)))
#define EXTREME(T)                                                            \
  static void extreme_band_##T(const T *x, int64_t n, int64_t inner,          \
                               int64_t width, bool largest, int64_t *index,   \
                               T *value) {                                    \
    T best[BAND];                                                             \
    for (int64_t j = 0; j < width; j++) {                                     \
      best[j] = x[j];                                                         \
      index[j] = 1;                                                           \
    }                                                                         \
    for (int64_t i = 1; i < n; i++)                                           \
      for (int64_t j = 0; j < width; j++) {                                   \
        const T v = x[i * inner + j];                                         \
        if (BETTER(v, best[j])) {                                             \
          best[j] = v;                                                        \
          index[j] = i + 1;                                                   \
        }                                                                     \
      }                                                                       \
    if (value) memcpy(value, best, (size_t)width * sizeof *best);             \
  }                                                                           \
  static void extreme_bands_##T(void *context, int64_t begin, int64_t end) {  \
    const job *b = (const job *)context;                                      \
    int64_t width;                                                            \
    for (int64_t t = begin; t < end; t++) {                                   \
      const int64_t at = band_at(b->r, t, &width);                            \
      const int64_t to =                                                      \
          t / bands(b->r) * b->r->inner + t % bands(b->r) * BAND;             \
      extreme_band_##T((const T *)b->x + at, b->r->n, b->r->inner, width,     \
                       b->flag, b->index + to, b->y ? (T *)b->y + to : NULL); \
    }                                                                         \
  }
// A row in one piece: its extreme first, then where that is. Three times as
// fast as carrying the place along.
#define EXTREME_OF(T, ORDER)                                               \
  for (i = 0; i + TOPS <= n; i += TOPS)                                    \
    for (int j = 0; j < TOPS; j++) {                                       \
      const T v = x[i + j];                                                \
      top[j] = v ORDER top[j] || v != v ? v : top[j];                      \
    }                                                                      \
  for (; i < n; i++) best = x[i] ORDER best || x[i] != x[i] ? x[i] : best; \
  for (int j = 0; j < TOPS; j++)                                           \
    best = top[j] ORDER best || top[j] != top[j] ? top[j] : best;
#define EXTREME_ROW(T)                                                      \
  ORR_CLONES static int64_t extreme_row_##T(const T *x, int64_t n,          \
                                            bool largest, T *value) {       \
    T top[TOPS], best = x[0];                                               \
    int64_t i;                                                              \
    for (int j = 0; j < TOPS; j++) top[j] = best;                           \
    if (largest) {                                                          \
      EXTREME_OF(T, >)                                                      \
    } else {                                                                \
      EXTREME_OF(T, <)                                                      \
    }                                                                       \
    if (value) *value = best;                                               \
    for (i = 0; i + TOPS <= n; i += TOPS) {                                 \
      int found = 0;                                                        \
      for (int j = 0; j < TOPS; j++)                                        \
        found |= x[i + j] == best || x[i + j] != x[i + j];                  \
      if (found) break;                                                     \
    }                                                                       \
    while (x[i] != best && x[i] == x[i]) i++;                               \
    return i + 1;                                                           \
  }                                                                         \
  static void extreme_rows_##T(void *context, int64_t begin, int64_t end) { \
    const job *b = (const job *)context;                                    \
    const int64_t n = b->r->n;                                              \
    for (int64_t o = begin; o < end; o++)                                   \
      b->index[o] = extreme_row_##T((const T *)b->x + o * n, n, b->flag,    \
                                    b->y ? (T *)b->y + o : NULL);           \
  }
#define EXTREMES(T) EXTREME(T) EXTREME_ROW(T)
EXTREMES(float)
EXTREMES(double)
EXTREMES(int64_t)
EXTREMES(uint8_t)

void orr_rows_extreme(const orr_rows *r, bool largest, const void *x,
                      int64_t *index, void *value) {
  static orr_range_fn *const bands[ORR_DTYPES] = {extreme_bands_float,
                                                  extreme_bands_double,
                                                  extreme_bands_int64_t,
                                                  extreme_bands_uint8_t};
  static orr_range_fn *const rows[ORR_DTYPES] = {extreme_rows_float,
                                                 extreme_rows_double,
                                                 extreme_rows_int64_t,
                                                 extreme_rows_uint8_t};
  job b = {r, x, value, index, largest};
  spread(&b, ORR_GRAIN_CHEAP, rows[r->dtype], bands[r->dtype]);
}

// ---- running sums

#define CUMSUM(T, R, A)                                                     \
  static void cumsum_bands_##T(void *context, int64_t begin, int64_t end) { \
    const job *b = (const job *)context;                                    \
    const int64_t n = b->r->n, inner = b->r->inner;                         \
    for (int64_t t = begin; t < end; t++) {                                 \
      A sum[BAND] = {0};                                                    \
      int64_t width;                                                        \
      const int64_t at = band_at(b->r, t, &width);                          \
      for (int64_t i = 0; i < n; i++) {                                     \
        const int64_t row = at + (b->flag ? n - 1 - i : i) * inner;         \
        for (int64_t j = 0; j < width; j++) {                               \
          sum[j] += (A)((const T *)b->x)[row + j];                          \
          ((R *)b->y)[row + j] = (R)sum[j];                                 \
        }                                                                   \
      }                                                                     \
    }                                                                       \
  }
// Rows in one piece go SIDE at a time: each addition waits for the last one
// of its row.
#define SIDE 4
#define CUMSUM_ROWS(T, R, A)                                               \
  static void cumsum_rows_##T(void *context, int64_t begin, int64_t end) { \
    const job *b = (const job *)context;                                   \
    const int64_t n = b->r->n, step = b->flag ? -1 : 1;                    \
    const int64_t first = b->flag ? n - 1 : 0;                             \
    for (; begin < end; begin += SIDE) {                                   \
      const T *x = (const T *)b->x + begin * n + first;                    \
      R *y = (R *)b->y + begin * n + first;                                \
      A sum[SIDE] = {0};                                                   \
      if (end - begin >= SIDE)                                             \
        for (int64_t i = 0; i < n; i++, x += step, y += step)              \
          for (int k = 0; k < SIDE; k++)                                   \
            y[k * n] = (R)(sum[k] += (A)x[k * n]);                         \
      else                                                                 \
        for (int64_t i = 0; i < n; i++, x += step, y += step)              \
          for (int k = 0; k < end - begin; k++)                            \
            y[k * n] = (R)(sum[k] += (A)x[k * n]);                         \
    }                                                                      \
  }
#define CUMSUMS(T, R, A) CUMSUM(T, R, A) CUMSUM_ROWS(T, R, A)
CUMSUMS(float, float, double)
CUMSUMS(double, double, double)
CUMSUMS(int64_t, int64_t, uint64_t)  // wraps around
CUMSUMS(uint8_t, int64_t, uint64_t)

void orr_rows_cumsum(const orr_rows *r, bool from_last, const void *x,
                     void *y) {
  static orr_range_fn *const bands[ORR_DTYPES] = {cumsum_bands_float,
                                                  cumsum_bands_double,
                                                  cumsum_bands_int64_t,
                                                  cumsum_bands_uint8_t};
  static orr_range_fn *const rows[ORR_DTYPES] = {cumsum_rows_float,
                                                 cumsum_rows_double,
                                                 cumsum_rows_int64_t,
                                                 cumsum_rows_uint8_t};
  job b = {r, x, y, NULL, from_last};
  spread(&b, ORR_GRAIN_CHEAP, rows[r->dtype], bands[r->dtype]);
}

// ---- running extremes

#define RUNNING(T)                                                           \
  static void running_bands_##T(void *context, int64_t begin, int64_t end) { \
    const job *b = (const job *)context;                                     \
    const int64_t n = b->r->n, inner = b->r->inner;                          \
    const T *x = (const T *)b->x;                                            \
    T *y = (T *)b->y;                                                        \
    for (int64_t t = begin; t < end; t++) {                                  \
      int64_t width;                                                         \
      const int64_t at = band_at(b->r, t, &width);                           \
      for (int64_t k = 0; k < n * width; k++) {                              \
        const int64_t i = k / width, here = at + i * inner + k % width;      \
        const int64_t last = here - inner;                                   \
        const T v = x[here];                                                 \
        const bool takes =                                                   \
            i == 0 || v != v || (b->flag ? v >= y[last] : v <= y[last]);     \
        y[here] = takes ? v : y[last];                                       \
        b->index[here] = takes ? i + 1 : b->index[last];                     \
      }                                                                      \
    }                                                                        \
  }
RUNNING(float)
RUNNING(double)
RUNNING(int64_t)
RUNNING(uint8_t)

void orr_rows_running(const orr_rows *r, bool largest, const void *x,
                      int64_t *index, void *value) {
  static orr_range_fn *const run[ORR_DTYPES] = {running_bands_float,
                                                running_bands_double,
                                                running_bands_int64_t,
                                                running_bands_uint8_t};
  job b = {r, x, value, index, largest};
  spread(&b, ORR_GRAIN_CHEAP, run[r->dtype], run[r->dtype]);
}

// ---- pick and place

// Finds the first index that is neither skip nor in 1 .. n.
static bool in_range(const orr_rows *r, const int64_t *index, int64_t skip,
                     int64_t *bad) {
  for (int64_t i = 0; i < r->outer * r->inner; i++)
    if (index[i] != skip && (index[i] < 1 || index[i] > r->n)) {
      *bad = i;
      return false;
    }
  return true;
}

static int64_t place_of(const orr_rows *r, const int64_t *index, int64_t i) {
  return (i / r->inner * r->n + index[i] - 1) * r->inner + i % r->inner;
}

bool orr_rows_pick(const orr_rows *r, const void *x, const int64_t *index,
                   int64_t skip, double scale, void *y, int64_t *bad) {
  if (!in_range(r, index, skip, bad)) return false;
  for (int64_t i = 0; i < r->outer * r->inner; i++) {
    const bool none = index[i] == skip;
    const int64_t at = none ? 0 : place_of(r, index, i);
    if (r->dtype == ORR_F32)
      ((float *)y)[i] = none ? 0 : (float)scale * ((const float *)x)[at];
    else
      ((double *)y)[i] = none ? 0 : scale * ((const double *)x)[at];
  }
  return true;
}

bool orr_rows_place(const orr_rows *r, const void *x, const int64_t *index,
                    int64_t skip, double scale, void *y, int64_t *bad) {
  if (!in_range(r, index, skip, bad)) return false;
  memset(y, 0, (size_t)(r->outer * r->n * r->inner) * orr_dtype_size(r->dtype));
  for (int64_t i = 0; i < r->outer * r->inner; i++) {
    if (index[i] == skip) continue;
    const int64_t at = place_of(r, index, i);
    if (r->dtype == ORR_F32)
      ((float *)y)[at] = (float)scale * ((const float *)x)[i];
    else
      ((double *)y)[at] = scale * ((const double *)x)[i];
  }
  return true;
}
