// sort.c -- stable merge sort of rows with the elements' positions.
#include "sort.h"

#include <string.h>

#include "../base/threads.h"
#include "slots.h"

typedef struct job {
  const orr_sorting *s;
  orr_slots slots;
  int64_t grain;  // rows of a chunk
} job;

// Bottom-up: runs of length 1, 2, 4 ... are merged from a to b and back. The
// last argument of SORT says whether x goes before z.
#define SORT(T, NAME, BEFORE)                                                  \
  typedef struct NAME##_pair {                                                 \
    T x;                                                                       \
    int64_t at;                                                                \
  } NAME##_pair;                                                               \
  static inline bool NAME##_before(T x, T z) { return BEFORE; }                \
  static void NAME##_merge(const NAME##_pair *a, NAME##_pair *b, int64_t lo,   \
                           int64_t mid, int64_t hi, bool down) {               \
    int64_t i = lo, j = mid;                                                   \
    for (int64_t k = lo; k < hi; k++) {                                        \
      const bool second = j < hi &&                                            \
          (i == mid ||                                                         \
           (down ? NAME##_before(a[i].x, a[j].x)                               \
                 : NAME##_before(a[j].x, a[i].x)));                            \
      b[k] = a[second ? j++ : i++];                                            \
    }                                                                          \
  }                                                                            \
  static NAME##_pair *NAME##_sort(NAME##_pair *a, NAME##_pair *b, int64_t n,   \
                                  bool down) {                                 \
    for (int64_t run = 1; run < n; run *= 2) {                                 \
      for (int64_t lo = 0; lo < n; lo += 2 * run) {                            \
        const int64_t mid = lo + run < n ? lo + run : n;                       \
        const int64_t hi = mid + run < n ? mid + run : n;                      \
        NAME##_merge(a, b, lo, mid, hi, down);                                 \
      }                                                                        \
      NAME##_pair *swap = a;                                                   \
      a = b;                                                                   \
      b = swap;                                                                \
    }                                                                          \
    return a;                                                                  \
  }                                                                            \
  static void NAME##_row(const orr_sorting *s, void *scratch, int64_t row) {   \
    const int64_t n = s->rows.n, inner = s->rows.inner;                        \
    const int64_t o = row / inner, i = row % inner;                            \
    const T *x = (const T *)s->x + o * n * inner + i;                          \
    NAME##_pair *a = scratch;                                                  \
    for (int64_t k = 0; k < n; k++) a[k] = (NAME##_pair){x[k * inner], k + 1}; \
    a = NAME##_sort(a, a + n, n, s->descending);                               \
    int64_t first = s->first;                                                  \
    if (s->nan_wins && a[n - 1].x != a[n - 1].x)                               \
      for (first = n - 1; first > 0 && a[first - 1].x != a[first - 1].x;)      \
        first--;                                                               \
    for (int64_t k = 0; k < s->keep; k++) {                                    \
      const int64_t to = (o * s->keep + k) * inner + i;                        \
      if (s->value) ((T *)s->value)[to] = a[first + k].x;                      \
      if (s->index) s->index[to] = a[first + k].at;                            \
    }                                                                          \
  }
SORT(float, f32, x < z || (x == x && z != z))
SORT(double, f64, x < z || (x == x && z != z))
SORT(int64_t, i64, x < z)
SORT(uint8_t, u8, x < z)

static void sort_chunk(void *context, int64_t chunk) {
  job *j = context;
  const orr_sorting *s = j->s;
  const int64_t all = s->rows.outer * s->rows.inner, begin = chunk * j->grain;
  const int64_t end = begin + j->grain < all ? begin + j->grain : all;
  void *scratch = orr_slot_take(&j->slots);
  for (int64_t row = begin; row < end; row++) {
    switch (s->rows.dtype) {
    case ORR_F32:
      f32_row(s, scratch, row);
      break;
    case ORR_F64:
      f64_row(s, scratch, row);
      break;
    case ORR_I64:
      i64_row(s, scratch, row);
      break;
    default:
      u8_row(s, scratch, row);
      break;
    }
  }
  orr_slot_give(&j->slots, scratch);
}

bool orr_sort_rows(const orr_sorting *s) {
  const int64_t all = s->rows.outer * s->rows.inner, n = s->rows.n;
  if (all == 0 || n == 0 || s->keep == 0) return true;
  job j = {.s = s, .grain = 1 + 4096 / n};
  const int64_t chunks = (all + j.grain - 1) / j.grain;
  if (!orr_slots_open(&j.slots, (size_t)n * 2 * sizeof(f64_pair), chunks))
    return false;
  orr_parallel(chunks, sort_chunk, &j);
  orr_slots_close(&j.slots);
  return true;
}
