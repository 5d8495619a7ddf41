// test_threads.c -- the pool calls each chunk once, and results never depend
// on how many threads there are.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../core/base/threads.h"
#include "../../core/kernels/gemm.h"
#include "../../core/ops/op.h"

enum { CHUNKS = 1000 };

static void count_chunk(void *context, int64_t i) {
  int *hits = context;
  hits[i]++;
}

static void each_chunk_runs_once(void **state) {
  (void)state;
  for (int threads = 1; threads <= 4; threads++) {
    assert_true(orr_set_threads(threads));
    for (int round = 0; round < 200; round++) {
      int hits[CHUNKS] = {0};
      orr_parallel(CHUNKS, count_chunk, hits);
      for (int i = 0; i < CHUNKS; i++) assert_int_equal(hits[i], 1);
    }
  }
}

static void nested(void *context, int64_t i) {
  int(*hits)[10] = context;
  orr_parallel(10, count_chunk, hits[i]);
}

static void a_chunk_may_fork_again(void **state) {
  (void)state;
  orr_set_threads(2);
  int hits[50][10] = {{0}};
  orr_parallel(50, nested, hits);
  for (int i = 0; i < 50; i++)
    for (int k = 0; k < 10; k++) assert_int_equal(hits[i][k], 1);
}

static void an_interrupt_skips_what_has_not_begun(void **state) {
  (void)state;
  int hits[CHUNKS] = {0};
  orr_interrupt();
  orr_parallel(CHUNKS, count_chunk, hits);
  for (int i = 0; i < CHUNKS; i++) assert_int_equal(hits[i], 0);
  orr_hold_interrupts();
  orr_parallel(CHUNKS, count_chunk, hits);
  orr_resume_interrupts();
  for (int i = 0; i < CHUNKS; i++) assert_int_equal(hits[i], 1);
  orr_clear_interrupt();
}

static orr_tensor *filled(int64_t rows, int64_t cols, uint32_t seed) {
  orr_tensor *t = orr_empty(ORR_F32, 2, (int64_t[]){rows, cols});
  for (int64_t i = 0; i < t->count; i++) {
    seed = seed * 1664525u + 1013904223u;
    ORR_F32P(t)[i] = (float)(seed >> 8) / 8388608.0f - 1;
  }
  return t;
}

static void the_same_bits_for_any_number_of_threads(void **state) {
  (void)state;
  orr_tensor *x = filled(517, 333, 1), *y = filled(333, 291, 2), *first = NULL;
  for (int threads = 1; threads <= 3; threads++) {
    orr_set_threads(threads);
    const size_t mark = orr_scope_begin();
    orr_tensor *z = ORR(tanh, ORR(matmul, x, y));
    orr_tensor *s = ORR(sum, ORR(exp, z), .attr = {1, 0});
    assert_non_null(s);
    if (!first)
      first = orr_retain(s);
    else
      assert_memory_equal(orr_data(first), orr_data(s), 291 * 4);
    orr_scope_end(mark);
  }
  orr_release(first);
  orr_release(x);
  orr_release(y);
  assert_int_equal(orr_memory_stats().live_tensors, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_chunk_runs_once),
      cmocka_unit_test(a_chunk_may_fork_again),
      cmocka_unit_test(an_interrupt_skips_what_has_not_begun),
      cmocka_unit_test(the_same_bits_for_any_number_of_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
