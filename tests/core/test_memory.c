// test_memory.c -- the allocator's counters, cache and failure hook.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../core/orrery.h"

static void counts_return_to_where_they_were(void **state) {
  (void)state;
  const orr_memory before = orr_memory_stats();
  void *a = orr_alloc(1000), *b = orr_alloc(5000000);
  assert_non_null(a);
  assert_non_null(b);
  const orr_memory during = orr_memory_stats();
  assert_int_equal(during.live_blocks, before.live_blocks + 2);
  assert_true(during.live_bytes >= before.live_bytes + 5001000);
  assert_true(during.live_bytes < before.live_bytes + 6301260);
  orr_free(a, 1000);
  orr_free(b, 5000000);
  assert_int_equal(orr_memory_stats().live_bytes, before.live_bytes);
  assert_true(orr_memory_stats().peak_bytes >= during.live_bytes);
}

static void blocks_are_aligned_and_do_not_overlap(void **state) {
  (void)state;
  enum { N = 200 };
  unsigned char *p[N];
  for (int i = 0; i < N; i++) {
    const size_t bytes = (size_t)(i * i + 1);
    p[i] = orr_alloc(bytes);
    assert_int_equal((uintptr_t)p[i] % 64, 0);
    memset(p[i], i, bytes);
  }
  for (int i = 0; i < N; i++) {
    const size_t bytes = (size_t)(i * i + 1);
    for (size_t k = 0; k < bytes; k++) assert_int_equal(p[i][k], i % 256);
    orr_free(p[i], bytes);
  }
}

static void the_nth_call_fails_once(void **state) {
  (void)state;
  orr_memory_fail_after(2);
  void *a = orr_alloc(10);
  assert_non_null(a);
  assert_null(orr_alloc(10));
  assert_non_null(strstr(orr_error(), "memory: 10 bytes"));
  orr_clear_error();
  void *b = orr_alloc(10);
  assert_non_null(b);
  orr_free(a, 10);
  orr_free(b, 10);
}

static void an_absurd_size_is_refused(void **state) {
  (void)state;
  assert_null(orr_alloc((size_t)1 << 60));
  orr_clear_error();
  assert_null(orr_empty(ORR_F32, 2, (int64_t[]){INT64_MAX / 2, 4}));
  assert_non_null(strstr(orr_error(), "more elements than fit"));
  orr_clear_error();
  assert_null(orr_empty(ORR_F32, 1, (int64_t[]){-1}));
  orr_clear_error();
  assert_int_equal(orr_memory_stats().live_tensors, 0);
}

static void growing_keeps_contents(void **state) {
  (void)state;
  void *p = orr_alloc(8);
  memcpy(p, "orrery!", 8);
  orr_memory_fail_after(1);
  assert_false(orr_grow(&p, 8, 1 << 20));
  orr_clear_error();
  assert_string_equal(p, "orrery!");
  assert_true(orr_grow(&p, 8, 1 << 20));
  assert_string_equal(p, "orrery!");
  orr_free(p, 1 << 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_return_to_where_they_were),
      cmocka_unit_test(blocks_are_aligned_and_do_not_overlap),
      cmocka_unit_test(the_nth_call_fails_once),
      cmocka_unit_test(an_absurd_size_is_refused),
      cmocka_unit_test(growing_keeps_contents),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
