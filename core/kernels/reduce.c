// reduce.c -- folding a contiguous array along any set of its axes.
//
// Neighbouring axes of one kind are merged, so that the array is a nest of
// kept and reduced groups with a contiguous block of rows x inner innermost:
// inner is 1 when the last axis is reduced. A task folds one piece of the
// rows of one kept position; the pieces of a position meet in a fixed tree.
#include "reduce.h"

#include <math.h>
#include <string.h>

#include "../base/threads.h"
#include "elementwise.h"

#define LANES 32      // accumulators that run side by side in narrow rows
#define COLUMNS 1024  // widest row a task folds: its accumulators fit in L1
#define PIECE 32768   // elements a task folds, about

// STEP folds v into a; MID is the center, L the accumulator's type.
// Narrow blocks take the first branch: its constant width stays in registers.
#define ROWS(NAME, T, A, STEP)                                             \
  ORR_CLONES static void NAME(const void *px, int64_t rows, int64_t width, \
                              int64_t stride, void *pa,                    \
                              const double *center) {                      \
    typedef A L;                                                           \
    const T *x = (const T *)px;                                            \
    L *acc = (L *)pa;                                                      \
    (void)center;                                                          \
    if (width == LANES) {                                                  \
      L lane[LANES];                                                       \
      memcpy(lane, acc, sizeof lane);                                      \
      for (int64_t r = 0; r < rows; r++, x += stride)                      \
        for (int j = 0; j < LANES; j++) {                                  \
          const L a = lane[j];                                             \
          const T v = x[j];                                                \
          lane[j] = STEP;                                                  \
        }                                                                  \
      memcpy(acc, lane, sizeof lane);                                      \
      return;                                                              \
    }                                                                      \
    for (int64_t r = 0; r < rows; r++, x += stride)                        \
      ORR_IVDEP for (int64_t j = 0; j < width; j++) {                      \
        const L a = acc[j];                                                \
        const T v = x[j];                                                  \
        acc[j] = STEP;                                                     \
      }                                                                    \
  }
#define MERGE(NAME, A, STEP)                              \
  static void NAME(void *pa, const void *pb, int64_t n) { \
    typedef A L;                                          \
    L *acc = (L *)pa;                                     \
    const L *other = (const L *)pb;                       \
    for (int64_t j = 0; j < n; j++) {                     \
      const L a = acc[j], v = other[j];                   \
      acc[j] = STEP;                                      \
    }                                                     \
  }

// N lanes of type LANE side by side, GROUP elements folded into each at a time
// by GROUPED(i), then met pairwise by JOIN.
#define RUN_OF(NAME, T, A, LANE, N, START, STEP, JOIN, GROUP, GROUPED)       \
  ORR_CLONES static void NAME##_run(const void *px, int64_t n, void *pa,     \
                                    const double *center) {                  \
    typedef LANE L;                                                          \
    const T *x = (const T *)px;                                              \
    A *acc = (A *)pa;                                                        \
    const int64_t j = 0;                                                     \
    (void)center, (void)j;                                                   \
    L lane[N];                                                               \
    for (int k = 0; k < N; k++) lane[k] = (L)START;                          \
    for (; n >= N * GROUP; n -= N * GROUP, x += N * GROUP)                   \
      for (int k = 0; k < N; k++) {                                          \
        const L a = lane[k];                                                 \
        const T v = GROUPED(x + k);                                          \
        lane[k] = STEP;                                                      \
      }                                                                      \
    for (; n >= N; n -= N, x += N)                                           \
      for (int k = 0; k < N; k++) {                                          \
        const L a = lane[k];                                                 \
        const T v = x[k];                                                    \
        lane[k] = STEP;                                                      \
      }                                                                      \
    for (int64_t k = 0; k < n; k++) {                                        \
      const L a = lane[k % N];                                               \
      const T v = x[k];                                                      \
      lane[k % N] = STEP;                                                    \
    }                                                                        \
    _Pragma("GCC unroll 8") for (int half = N / 2; half;                     \
                                 half /= 2) for (int k = 0; k < half; k++) { \
      const L a = lane[k], v = lane[k + half];                               \
      lane[k] = JOIN;                                                        \
    }                                                                        \
    const A a = *acc, v = (A)lane[0];                                        \
    *acc = (A)(JOIN);                                                        \
  }
#define ALONE(X) (X)[0]
#define RUN(NAME, T, A, LANE, START, STEP, JOIN) \
  RUN_OF(NAME, T, A, LANE, LANES, START, STEP, JOIN, 1, ALONE)

// Integers wrap around, as they do elementwise.
#define ADD(A, B) ((int64_t)((uint64_t)(A) + (uint64_t)(B)))
#define CENTER (center ? center[j] : 0.0)

#define BOTH_WAYS(NAME, T, A, LANE, START, STEP, JOIN) \
  ROWS(NAME, T, A, STEP)                               \
  RUN(NAME, T, A, LANE, START, STEP, JOIN)
#define FLOAT_SUMS(NAME, STEP)                                 \
  BOTH_WAYS(NAME##_f32, float, double, double, 0, STEP, a + v) \
  BOTH_WAYS(NAME##_f64, double, double, double, 0, STEP, a + v)
// Extremes are what some element is, so they need no wider type.
#define FLOAT_EXTREMES(NAME, START, STEP, JOIN)                  \
  BOTH_WAYS(NAME##_f32, float, double, float, START, STEP, JOIN) \
  BOTH_WAYS(NAME##_f64, double, double, double, START, STEP, JOIN)
#define INTS_OF(NAME, START, STEP, JOIN)                              \
  BOTH_WAYS(NAME##_i64, int64_t, int64_t, int64_t, START, STEP, JOIN) \
  BOTH_WAYS(NAME##_u8, uint8_t, int64_t, int64_t, START, STEP, JOIN)

// Four float32 meet in float32: converting is what takes the time (16 MB alone
// 0.39 ms, in pairs 0.24, in fours 0.22, which is reading them), and two
// roundings are far below what a sum in float32 has. Four lines of memory at a
// time, in their order: with eight of them, two and two, what was not in the
// caches took a third longer (64 MB, CPU ms: 3.6, now 2.5).
#define FEW 16
#define FOUR(X) (((X)[0] + (X)[FEW]) + ((X)[2 * FEW] + (X)[3 * FEW]))
ROWS(sum_f32, float, double, a + (double)v)
RUN_OF(sum_f32, float, double, double, FEW, 0, a + (double)v, a + v, 4, FOUR)
BOTH_WAYS(sum_f64, double, double, double, 0, a + v, a + v)
INTS_OF(sum, 0, ADD(a, v), ADD(a, v))
MERGE(sum_merge, double, a + v)
MERGE(sum_merge_int, int64_t, ADD(a, v))

// The extreme by ORDER of what is no NaN, and beside it whether one was seen:
// one test for two elements (16 MB: 0.20 ms, by STEP 0.33).
#define EXTREME_RUN(NAME, T, START, ORDER)                                     \
  ORR_CLONES static void NAME##_run(const void *px, int64_t n, void *pa,       \
                                    const double *center) {                    \
    const T *x = (const T *)px;                                                \
    double *acc = (double *)pa;                                                \
    T lane[LANES], best = (T)START;                                            \
    int32_t nan[LANES] = {0}, any = *acc != *acc;                              \
    (void)center;                                                              \
    for (int k = 0; k < LANES; k++) lane[k] = (T)START;                        \
    for (; n >= 2 * LANES; n -= 2 * LANES, x += 2 * LANES)                     \
      for (int k = 0; k < LANES; k++) {                                        \
        const T u = x[k], v = x[k + LANES], w = u ORDER v ? u : v;             \
        nan[k] |= isunordered(u, v);                                           \
        lane[k] = w ORDER lane[k] ? w : lane[k];                               \
      }                                                                        \
    for (int64_t k = 0; k < n; k++) {                                          \
      any |= x[k] != x[k];                                                     \
      best = x[k] ORDER best ? x[k] : best;                                    \
    }                                                                          \
    for (int k = 0; k < LANES; k++) {                                          \
      any |= nan[k];                                                           \
      best = lane[k] ORDER best ? lane[k] : best;                              \
    }                                                                          \
    *acc = any ? (double)NAN : (double)best ORDER * acc ? (double)best : *acc; \
  }
#define FLOAT_ORDERED(NAME, START, STEP, ORDER) \
  ROWS(NAME##_f32, float, double, STEP)         \
  ROWS(NAME##_f64, double, double, STEP)        \
  EXTREME_RUN(NAME##_f32, float, START, ORDER)  \
  EXTREME_RUN(NAME##_f64, double, START, ORDER)

#define LARGER (v > a || v != v ? (L)v : a)
FLOAT_ORDERED(max, -INFINITY, LARGER, >)
INTS_OF(max, INT64_MIN, LARGER, LARGER)
MERGE(max_merge, double, LARGER)
MERGE(max_merge_int, int64_t, LARGER)

#define SMALLER (v < a || v != v ? (L)v : a)
FLOAT_ORDERED(min, INFINITY, SMALLER, <)
INTS_OF(min, INT64_MAX, SMALLER, SMALLER)
MERGE(min_merge, double, SMALLER)
MERGE(min_merge_int, int64_t, SMALLER)

#define TRUTH_OF(NAME, START, STEP, JOIN)                             \
  BOTH_WAYS(NAME##_f32, float, int64_t, int32_t, START, STEP, JOIN)   \
  BOTH_WAYS(NAME##_f64, double, int64_t, int64_t, START, STEP, JOIN)  \
  BOTH_WAYS(NAME##_i64, int64_t, int64_t, int64_t, START, STEP, JOIN) \
  BOTH_WAYS(NAME##_u8, uint8_t, int64_t, uint8_t, START, STEP, JOIN)
TRUTH_OF(all, 1, a &(v != 0), a &v)
MERGE(all_merge, int64_t, a &v)
TRUTH_OF(any, 0, a | (v != 0), a | v)
MERGE(any_merge, int64_t, a | v)

#define SQUARED_DISTANCE(V) ((V)-CENTER) * ((V)-CENTER)
FLOAT_SUMS(square, a + SQUARED_DISTANCE((double)v))
FLOAT_SUMS(nonzero, a + (v != 0))
FLOAT_SUMS(abs, a + fabs((double)v))
FLOAT_SUMS(power, a + pow(fabs((double)v), CENTER))
#define V_ABS(V) V_FLOAT(V, fabsf, fabs)(V)
FLOAT_EXTREMES(max_abs, -INFINITY, V_ABS(v) > a || v != v ? (L)V_ABS(v) : a,
               LARGER)
FLOAT_EXTREMES(min_abs, INFINITY, V_ABS(v) < a || v != v ? (L)V_ABS(v) : a,
               SMALLER)
BOTH_WAYS(exp_f32, float, double, double, 0,
          a + (double)v_exp(v - (float)CENTER), a + v)
BOTH_WAYS(exp_f64, double, double, double, 0, a + exp(v - CENTER), a + v)

#define ENTRY(DTYPE, NAME, SUFFIX, INIT, MERGE_FN) \
  [DTYPE] = {INIT, NAME##SUFFIX, NAME##SUFFIX##_run, MERGE_FN}
#define FLOATS(NAME, INIT, MERGE_FN)                 \
  ENTRY(ORR_F32, NAME, _f32, {.d = INIT}, MERGE_FN), \
      ENTRY(ORR_F64, NAME, _f64, {.d = INIT}, MERGE_FN)
#define INTS(NAME, INIT, MERGE_FN)                   \
  ENTRY(ORR_I64, NAME, _i64, {.i = INIT}, MERGE_FN), \
      ENTRY(ORR_U8, NAME, _u8, {.i = INIT}, MERGE_FN)
#define TRUTHS(NAME, INIT, MERGE_FN)                     \
  ENTRY(ORR_F32, NAME, _f32, {.i = INIT}, MERGE_FN),     \
      ENTRY(ORR_F64, NAME, _f64, {.i = INIT}, MERGE_FN), \
      INTS(NAME, INIT, MERGE_FN)

static const orr_reducer reducers[ORR_REDUCTIONS][ORR_DTYPES] = {
    [ORR_RED_SUM] = {FLOATS(sum, 0, sum_merge), INTS(sum, 0, sum_merge_int)},
    [ORR_RED_MAX] = {FLOATS(max, -INFINITY, max_merge),
                     INTS(max, INT64_MIN, max_merge_int)},
    [ORR_RED_MIN] = {FLOATS(min, INFINITY, min_merge),
                     INTS(min, INT64_MAX, min_merge_int)},
    [ORR_RED_ALL] = {TRUTHS(all, 1, all_merge)},
    [ORR_RED_ANY] = {TRUTHS(any, 0, any_merge)},
    [ORR_RED_SQUARE] = {FLOATS(square, 0, sum_merge)},
    [ORR_RED_NONZERO] = {FLOATS(nonzero, 0, sum_merge)},
    [ORR_RED_ABS] = {FLOATS(abs, 0, sum_merge)},
    [ORR_RED_MAX_ABS] = {FLOATS(max_abs, 0, max_merge)},
    [ORR_RED_MIN_ABS] = {FLOATS(min_abs, INFINITY, min_merge)},
    [ORR_RED_POWER] = {FLOATS(power, 0, sum_merge)},
    [ORR_RED_EXP] = {FLOATS(exp, 0, sum_merge)},
};

const orr_reducer *orr_reducer_of(orr_reduction what, orr_dtype d) {
  const orr_reducer *r = &reducers[what][d];
  return r->rows ? r : NULL;
}

// The array as groups: `outer` kept positions x `runs` reduced ones, each a
// block of rows x inner.
typedef struct group {
  int64_t size, stride;
  bool reduced;
} group;

typedef struct plan {
  const orr_reducer *red;
  const char *x;
  size_t element;
  const double *center;
  orr_acc *part;  // [pieces][outer * inner]
  int groups;
  group group[ORR_MAX_RANK];  // outermost first, without the block
  int64_t outer, runs, rows, inner;
  int64_t pieces, columns;  // of one kept position
  int64_t piece_rows;       // rows of a piece, or ...
  int64_t piece_runs;       // ... whole runs of a piece, when > 0
} plan;

static void make_groups(plan *p, int rank, const int64_t *size, unsigned axes) {
  int n = 0;
  group *g = p->group;
  for (int i = 0; i < rank; i++) {
    const bool reduced = axes >> i & 1;
    if (size[i] == 1) continue;
    if (n > 0 && g[n - 1].reduced == reduced)
      g[n - 1].size *= size[i];
    else
      g[n++] = (group){size[i], 0, reduced};
  }
  int64_t stride = 1;
  for (int i = n; i-- > 0; stride *= g[i].size) g[i].stride = stride;
  p->inner = n > 0 && !g[n - 1].reduced ? g[--n].size : 1;
  p->rows = n > 0 ? g[--n].size : 1;
  p->groups = n;
  p->outer = p->runs = 1;
  for (int i = 0; i < n; i++)
    *(g[i].reduced ? &p->runs : &p->outer) *= g[i].size;
}

static void make_pieces(plan *p) {
  const int64_t width = p->inner < COLUMNS ? p->inner : COLUMNS;
  const int64_t rows = PIECE / width;
  p->columns = (p->inner + COLUMNS - 1) / COLUMNS;
  p->piece_rows = rows;
  p->piece_runs = p->rows >= rows ? 0 : rows / p->rows;
  p->pieces = p->piece_runs ? (p->runs + p->piece_runs - 1) / p->piece_runs
                            : p->runs * ((p->rows + rows - 1) / rows);
}

static const char *block_at(const plan *p, int64_t outer, int64_t run) {
  int64_t offset = 0;
  for (int i = p->groups; i-- > 0;) {
    const group *g = &p->group[i];
    int64_t *index = g->reduced ? &run : &outer;
    offset += *index % g->size * g->stride;
    *index /= g->size;
  }
  return p->x + offset * (int64_t)p->element;
}

// Rows of a few elements are read `side` at a time, as one wide row; its lanes
// are merged when the task ends.
static int64_t rows_side_by_side(const plan *p, int64_t width, int64_t rows) {
  int64_t side = 1;
  if (width == p->inner && width > 1)
    while (2 * side * width <= LANES && 4 * side <= rows) side *= 2;
  return side;
}

typedef struct task {
  const plan *p;
  int64_t width, side;
  orr_acc *acc, lane[LANES];
  const double *center;
  double lane_center[LANES];
} task;

static void fold(task *t, const char *x, int64_t rows) {
  const plan *p = t->p;
  if (p->inner == 1) {
    p->red->run(x, rows, t->acc, t->center);
    return;
  }
  const int64_t wide = t->side * t->width;
  const int64_t n = t->side > 1 ? rows / t->side : 0;
  if (n > 0)
    p->red->rows(x, n, wide, wide, t->lane, t->center ? t->lane_center : NULL);
  p->red->rows(x + n * wide * (int64_t)p->element, rows - n * t->side, t->width,
               p->inner, t->acc, t->center);
}

static void begin_task(task *t) {
  const orr_acc init = t->p->red->init;
  for (int64_t j = 0; j < t->width; j++) t->acc[j] = init;
  if (t->side == 1) return;
  for (int64_t j = 0; j < t->side * t->width; j++) {
    t->lane[j] = init;
    if (t->center) t->lane_center[j] = t->center[j % t->width];
  }
}

static void end_task(task *t) {
  for (int64_t half = t->side / 2; half > 0; half /= 2)
    t->p->red->merge(t->lane, t->lane + half * t->width, half * t->width);
  if (t->side > 1) t->p->red->merge(t->acc, t->lane, t->width);
}

static void run_task(const plan *p, int64_t number) {
  const int64_t column = number % p->columns * COLUMNS;
  const int64_t piece = number / p->columns % p->pieces;
  const int64_t outer = number / p->columns / p->pieces;
  const int64_t left = p->inner - column;
  const int64_t at = outer * p->inner + column;
  const int64_t skip = column * (int64_t)p->element;
  task t;
  t.p = p;
  t.width = left < COLUMNS ? left : COLUMNS;
  t.acc = p->part + piece * p->outer * p->inner + at;
  t.center = p->center ? p->center + at : NULL;
  t.side = rows_side_by_side(p, t.width, p->rows);
  begin_task(&t);
  if (p->piece_runs) {
    int64_t end = (piece + 1) * p->piece_runs;
    if (end > p->runs) end = p->runs;
    for (int64_t run = piece * p->piece_runs; run < end; run++)
      fold(&t, block_at(p, outer, run) + skip, p->rows);
  } else {
    const int64_t per_run = p->pieces / p->runs;
    const int64_t first = piece % per_run * p->piece_rows;
    int64_t rows = p->rows - first;
    if (rows > p->piece_rows) rows = p->piece_rows;
    fold(&t,
         block_at(p, outer, piece / per_run) + skip +
             first * p->inner * (int64_t)p->element,
         rows);
  }
  end_task(&t);
}

static void run_tasks(void *context, int64_t begin, int64_t end) {
  for (int64_t t = begin; t < end; t++) run_task((const plan *)context, t);
}

// Pieces meet pairwise: rounding grows with the tree's depth only.
static void merge_pieces(void *context, int64_t begin, int64_t end) {
  const plan *p = (const plan *)context;
  const int64_t n = p->outer * p->inner;
  for (int64_t k = 1; k < p->pieces; k *= 2)
    for (int64_t i = 0; i + k < p->pieces; i += 2 * k)
      p->red->merge(p->part + i * n + begin, p->part + (i + k) * n + begin,
                    end - begin);
}

bool orr_reduce(const orr_reducer *red, orr_dtype d, const void *x, int rank,
                const int64_t *size, unsigned axes, const double *center,
                orr_acc *acc) {
  int64_t kept = 1, count = 1;
  for (int i = 0; i < rank; i++) {
    count *= size[i];
    if (!(axes >> i & 1)) kept *= size[i];
  }
  if (count == 0) {
    for (int64_t i = 0; i < kept; i++) acc[i] = red->init;
    return true;
  }
  plan p = {.red = red,
            .x = (const char *)x,
            .element = orr_dtype_size(d),
            .center = center,
            .part = acc};
  make_groups(&p, rank, size, axes);
  make_pieces(&p);
  const size_t bytes = (size_t)(p.pieces * kept) * sizeof(orr_acc);
  if (p.pieces > 1 && !(p.part = orr_alloc(bytes))) return false;
  const int64_t tasks = p.outer * p.pieces * p.columns;
  const int64_t grain = PIECE * tasks / count;
  orr_parallel_range(tasks, grain > 0 ? grain : 1, run_tasks, &p);
  if (p.pieces > 1) {
    orr_parallel_range(kept, ORR_GRAIN_CHEAP / 8, merge_pieces, &p);
    memcpy(acc, p.part, (size_t)kept * sizeof(orr_acc));
    orr_free(p.part, bytes);
  }
  return true;
}

typedef struct store_job {
  const orr_acc *acc;
  orr_dtype d;
  double scale;
  void *y;
} store_job;

static void store_range(void *context, int64_t begin, int64_t end) {
  const store_job *job = (const store_job *)context;
  const orr_acc *acc = job->acc;
  const double scale = job->scale;
  float *f = (float *)job->y;
  double *d = (double *)job->y;
  int64_t *l = (int64_t *)job->y;
  uint8_t *u = (uint8_t *)job->y;
  switch (job->d) {
  case ORR_F32:
    for (int64_t i = begin; i < end; i++) f[i] = (float)(acc[i].d * scale);
    break;
  case ORR_F64:
    for (int64_t i = begin; i < end; i++) d[i] = acc[i].d * scale;
    break;
  case ORR_U8:
    for (int64_t i = begin; i < end; i++) u[i] = (uint8_t)acc[i].i;
    break;
  default:
    for (int64_t i = begin; i < end; i++) l[i] = acc[i].i;
  }
}

void orr_reduce_store(const orr_acc *acc, int64_t n, double scale, orr_dtype d,
                      void *y) {
  store_job job = {acc, d, scale, y};
  orr_parallel_range(n, ORR_GRAIN_CHEAP, store_range, &job);
}
