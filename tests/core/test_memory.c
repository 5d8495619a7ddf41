// test_memory.c -- the allocator's counters, cache and failure hook.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

static void what_passes_the_limit_is_refused(void **state) {
  (void)state;
  const size_t before = orr_memory_limit();
  assert_true(before > (size_t)64 << 20);  // the machine's memory
  orr_memory_set_limit(orr_memory_stats().live_bytes + 100000);
  void *a = orr_alloc(60000);
  assert_non_null(a);
  assert_null(orr_alloc(60000));
  assert_non_null(strstr(orr_error(), "memory: 60000 bytes"));
  orr_clear_error();
  orr_free(a, 60000);
  void *b = orr_alloc(60000);
  assert_non_null(b);
  orr_free(b, 60000);
  orr_memory_set_limit(before);
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

// Resident bytes of this process, 0 where there is no /proc.
static size_t resident(void) {
  FILE *file = fopen("/proc/self/statm", "r");
  size_t total = 0, pages = 0;
  if (file) {
    if (fscanf(file, "%zu %zu", &total, &pages) != 2) pages = 0;
    fclose(file);
  }
  return pages * 4096;
}

typedef struct held {
  unsigned char *block;
  size_t bytes;
} held;

// Frees one and takes another of `bytes` in its place, touching every page.
static void replace(held *h, size_t bytes) {
  orr_free(h->block, h->bytes);
  h->bytes = bytes;
  h->block = orr_alloc(bytes);
  assert_non_null(h->block);
  for (size_t k = 0; k < bytes; k += 4096) h->block[k] = 1;
}

// Large blocks of changing sizes among small ones, freed out of order.
static void the_process_holds_what_the_counters_say(void **state) {
  (void)state;
  enum { LARGE = 8, SMALL = 512, TURNS = 400 };
  static held large[LARGE], small[SMALL];
  const size_t before = resident();
  uint32_t random = 1;
  for (int turn = 0; turn < TURNS; turn++) {
    random = random * 1664525u + 1013904223u;
    replace(&large[(random >> 16) % LARGE],
            (size_t)(1 + (random >> 8) % 20000) << 10);
    for (int i = 0; i < 8; i++) {
      random = random * 1664525u + 1013904223u;
      replace(&small[(random >> 16) % SMALL], 100 + (random >> 8) % 60000);
    }
  }
#if !defined(__SANITIZE_ADDRESS__)  // which keeps freed blocks for a while
  const orr_memory now = orr_memory_stats();
  const size_t known = now.live_bytes + now.cached_bytes;
  if (resident() > before + known + known / 4 + ((size_t)8 << 20))
    fail_msg("%zu MiB are resident, %zu MiB are known",
             (resident() - before) >> 20, known >> 20);
#else
  (void)before;
#endif
  for (int i = 0; i < LARGE; i++) orr_free(large[i].block, large[i].bytes);
  for (int i = 0; i < SMALL; i++) orr_free(small[i].block, small[i].bytes);
}

// Blocks of whole huge pages, more of them, and of neither; all of each is
// there, and what lies around is given back when the block is.
static void blocks_of_huge_pages(void **state) {
  (void)state;
  static const size_t sizes[] = {(2 << 20) - 1, 2 << 20, (2 << 20) + 1, 5 << 20,
                                 9000001};
  const orr_memory before = orr_memory_stats();
  for (int round = 0; round < 3; round++) {
    unsigned char *p[5];
    for (int i = 0; i < 5; i++) {
      p[i] = orr_alloc(sizes[i]);
      assert_non_null(p[i]);
      assert_int_equal((uintptr_t)p[i] % 64, 0);
      memset(p[i], i + 1, sizes[i]);
    }
    for (int i = 0; i < 5; i++) {
      for (size_t k = 0; k < sizes[i]; k += 1021)
        assert_int_equal(p[i][k], i + 1);
      orr_free(p[i], sizes[i]);
    }
    if (round == 1) orr_memory_trim();
  }
  assert_int_equal(orr_memory_stats().live_bytes, before.live_bytes);
}

// Once every size was seen, work in the same sizes takes nothing from the
// system, in whatever order the blocks were freed.
static void a_steady_state_allocates_nothing(void **state) {
  (void)state;
#if defined(__SANITIZE_ADDRESS__)
  skip();  // nothing is cached there
#endif
  enum { N = 40 };
  int64_t fresh = 0;
  for (int step = 0; step < 5; step++) {
    if (step == 1) fresh = orr_memory_stats().fresh;
    void *p[N];
    for (int i = 0; i < N; i++) {
      p[i] = orr_alloc((size_t)(i * i * i) * 50 + 1);
      assert_non_null(p[i]);
    }
    for (int i = 0; i < N; i++) {
      static const int stride[] = {1, 3, 7, 9, 11};  // coprime to N
      const int k = i * stride[step] % N;
      orr_free(p[k], (size_t)(k * k * k) * 50 + 1);
    }
  }
  assert_int_equal(orr_memory_stats().fresh, fresh);
}

// A cache full of sizes that nobody asks for any more does not keep out those
// that are in use now.
static void sizes_out_of_use_make_room(void **state) {
  (void)state;
#if defined(__SANITIZE_ADDRESS__)
  skip();  // nothing is cached there
#endif
  enum { OLD = 200000, NEW = 300000, MOST = 4000 };
  static void *p[MOST];
  orr_memory_trim();
  orr_memory_reset_peak();
  for (int i = 0; i < MOST; i++) {
    p[i] = orr_alloc(OLD);
    assert_non_null(p[i]);
  }
  for (int i = 0; i < MOST; i++) orr_free(p[i], OLD);
  orr_memory_reset_peak();  // what may be cached is full now
  int64_t fresh = 0;
  for (int turn = 0; turn < 4000; turn++) {
    if (turn == 3900) fresh = orr_memory_stats().fresh;
    for (int i = 0; i < 10; i++) {
      p[i] = orr_alloc(NEW);
      assert_non_null(p[i]);
    }
    for (int i = 0; i < 10; i++) orr_free(p[i], NEW);
  }
  assert_int_equal(orr_memory_stats().fresh, fresh);
}

static void tight_memory_stays_below_the_peak_of_what_was_live(void **state) {
  (void)state;
  enum { N = 12, LEAST = 300 << 10 };
  void *p[N] = {NULL};
  size_t bytes[N] = {0}, random = 1;
  orr_memory_trim();
  orr_memory_reset_peak();
  orr_memory_tight(true);
  for (int round = 0; round < 400; round++) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    const size_t i = (random >> 33) % N;
    if (p[i]) {
      orr_free(p[i], bytes[i]);
      p[i] = NULL;
    } else {
      bytes[i] = LEAST + (random >> 36) % (3 << 20);
      p[i] = orr_alloc(bytes[i]);
      assert_non_null(p[i]);
    }
    const orr_memory m = orr_memory_stats();
    assert_true(m.live_bytes + m.cached_bytes <= m.peak_bytes);
  }
  orr_memory_tight(false);
  for (int i = 0; i < N; i++) orr_free(p[i], bytes[i]);
}

// Header, storage and elements of a small result are one block, and so are
// the node, with its inputs' entries, that records the call.
static void an_op_on_a_small_tensor_allocates_once(void **state) {
  (void)state;
#if defined(__SANITIZE_ADDRESS__)
  skip();  // elements have a block of their own there
#endif
  const int64_t size[1] = {16};
  orr_args args = {
      .x = {orr_zeros(ORR_F32, 1, size), orr_zeros(ORR_F32, 1, size)}};
  const orr_op *add = orr_op_find("add");
  int64_t before = (int64_t)orr_memory_stats().calls;
  orr_tensor *y = orr_apply(add, &args);
  assert_non_null(y);
  assert_int_equal((int64_t)orr_memory_stats().calls - before, 1);
  orr_release(y);
  assert_true(orr_set_requires_grad(args.x[0], true));
  before = (int64_t)orr_memory_stats().calls;
  y = orr_apply(add, &args);
  assert_non_null(y);
  // The result, the node, and the shapes of both inputs and of the result.
  assert_int_equal((int64_t)orr_memory_stats().calls - before, 5);
  orr_release(y);
  orr_release(args.x[0]);
  orr_release(args.x[1]);
}

// Small and large: a view keeps the elements when their first tensor is gone.
static void views_outlive_the_tensor_they_came_from(void **state) {
  (void)state;
  const int64_t sizes[] = {0, 1, 16, 511, 512, 513, 100000};
  const orr_memory before = orr_memory_stats();
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    orr_tensor *x = orr_zeros(ORR_F32, 1, &sizes[i]);
    assert_non_null(x);
    if (sizes[i]) orr_set(x, sizes[i] - 1, 7);
    orr_tensor *y = orr_detach(x);
    assert_non_null(y);
    orr_release(x);
    orr_tensor *other = orr_zeros(ORR_F32, 1, &sizes[i]);
    assert_int_equal(orr_count(y), sizes[i]);
    assert_int_equal((uintptr_t)orr_data(y) % 64, 0);
    if (sizes[i]) assert_true(orr_get(y, sizes[i] - 1) == 7);
    orr_release(y);
    orr_release(other);
  }
  assert_int_equal(orr_memory_stats().live_blocks, before.live_blocks);
  assert_int_equal(orr_memory_stats().live_bytes, before.live_bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_return_to_where_they_were),
      cmocka_unit_test(blocks_are_aligned_and_do_not_overlap),
      cmocka_unit_test(the_nth_call_fails_once),
      cmocka_unit_test(what_passes_the_limit_is_refused),
      cmocka_unit_test(an_absurd_size_is_refused),
      cmocka_unit_test(growing_keeps_contents),
      cmocka_unit_test(the_process_holds_what_the_counters_say),
      cmocka_unit_test(blocks_of_huge_pages),
      cmocka_unit_test(a_steady_state_allocates_nothing),
      cmocka_unit_test(tight_memory_stays_below_the_peak_of_what_was_live),
      cmocka_unit_test(sizes_out_of_use_make_room),
      cmocka_unit_test(an_op_on_a_small_tensor_allocates_once),
      cmocka_unit_test(views_outlive_the_tensor_they_came_from),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
