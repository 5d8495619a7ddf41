// test_matmul.c -- products against three naive loops in float64, over sizes
// around the tile edges, transposed, strided and batched.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../core/base/threads.h"
#include "../../core/kernels/gemm.h"
#include "../../core/kernels/gemm_kernels.h"
#include "../../core/ops/op.h"

static uint32_t seed = 7;
static orr_tensor *filled(orr_dtype d, int rank, const int64_t *size) {
  orr_tensor *t = orr_empty(d, rank, size);
  for (int64_t i = 0; i < t->count; i++) {
    seed = seed * 1664525u + 1013904223u;
    orr_set(t, i, (double)(seed >> 8) / 8388608.0 - 1);
  }
  return t;
}

static void compare(orr_tensor *x, orr_tensor *y, orr_tensor *z) {
  assert_non_null(z);
  const int64_t m = x->size[0], k = x->size[1], n = y->size[1];
  const double tol = z->dtype == ORR_F32 ? 3e-6 : 1e-14;
  for (int64_t i = 0; i < m; i += 1 + m / 40)
    for (int64_t j = 0; j < n; j += 1 + n / 40) {
      double sum = 0, size = 0;
      for (int64_t l = 0; l < k; l++) {
        const double p = orr_get(x, i * k + l) * orr_get(y, l * n + j);
        sum += p;
        size += fabs(p);
      }
      assert_true(fabs(orr_get(z, i * n + j) - sum) <= tol * (size + 1e-300));
    }
}

static void sizes_around_the_tiles(void **state) {
  (void)state;
  static const int64_t size[] = {1, 2, 7, 31, 128, 129, 257, 400};
  for (int a = 0; a < 8; a++)
    for (int b = 0; b < 8; b++) {
      const int64_t m = size[a], n = size[b], k = size[(a + b) % 8];
      const size_t mark = orr_scope_begin();
      const orr_dtype d = (a + b) % 2 ? ORR_F32 : ORR_F64;
      orr_tensor *x = orr_keep(filled(d, 2, (int64_t[]){m, k}));
      orr_tensor *y = orr_keep(filled(d, 2, (int64_t[]){k, n}));
      compare(x, y, ORR(matmul, x, y));
      orr_tensor *xt = orr_keep(filled(d, 2, (int64_t[]){k, m}));
      orr_tensor *yt = orr_keep(filled(d, 2, (int64_t[]){n, k}));
      orr_tensor *vx = orr_transpose_last(xt), *vy = orr_transpose_last(yt);
      compare(vx, vy, ORR(matmul, vx, vy));
      compare(x, vy, ORR(matmul, x, vy));
      compare(vx, y, ORR(matmul, vx, y));
      orr_scope_end(mark);
    }
}

static double number(orr_dtype d, const void *x, int64_t i) {
  return d == ORR_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

static void *numbers(orr_dtype d, int64_t n) {
  void *x = malloc((size_t)n * orr_dtype_size(d));
  for (int64_t i = 0; i < n; i++) {
    seed = seed * 1664525u + 1013904223u;
    const double y = (double)(seed >> 8) / 8388608.0 - 1;
    if (d == ORR_F32)
      ((float *)x)[i] = (float)y;
    else
      ((double *)x)[i] = y;
  }
  return x;
}

// Packs a and b, each stored along or across, and multiplies: c between a row
// and a column of elements that must stay as they are.
static void run_kernel(orr_dtype d, const orr_gemm_kernel *kernel, int64_t m,
                       int64_t n, int64_t k, bool ta, bool tb, double beta) {
  const size_t size = orr_dtype_size(d);
  const int64_t ld = n + 1, panels = m / kernel->rows + 1;
  void *a = numbers(d, m * k), *b = numbers(d, n * k);
  void *c = numbers(d, (m + 1) * ld), *was = numbers(d, (m + 1) * ld);
  memcpy(was, c, (size_t)((m + 1) * ld) * size);
  void *rows = malloc((size_t)(panels * kernel->rows * k) * size + 64);
  void *cols =
      malloc((size_t)((n / kernel->cols + 1) * kernel->cols * k) * size);
  kernel->pack_rows(ta, m, k, a, ta ? m : k, rows);
  kernel->pack_cols(!tb, n, k, b, tb ? k : n, cols);
  kernel->block(m, n, k, rows, cols, c, ld, 0.5, beta);
  const double tol = d == ORR_F32 ? 3e-6 : 1e-14;
  for (int64_t i = 0; i <= m; i++)
    for (int64_t j = 0; j <= n; j++) {
      const double before = number(d, was, i * ld + j);
      const double got = number(d, c, i * ld + j);
      double sum = beta * before, scale = fabs(before) + 1;
      if (i == m || j == n) {
        assert_true(got == before);
        continue;
      }
      for (int64_t l = 0; l < k; l++) {
        const double p = number(d, a, ta ? l * m + i : i * k + l) *
            number(d, b, tb ? j * k + l : l * n + j);
        sum += 0.5 * p;
        scale += fabs(p);
      }
      assert_true(fabs(got - sum) <= tol * scale);
    }
  free(a), free(b), free(c), free(was), free(rows), free(cols);
}

static void kernels_of_every_processor(void **state) {
  (void)state;
  static const int64_t size[][3] = {{1, 1, 1},    {12, 32, 16}, {6, 8, 17},
                                    {25, 65, 3},  {11, 31, 40}, {4, 17, 33},
                                    {96, 16, 21}, {37, 9, 50},  {13, 260, 5}};
  for (int d = ORR_F32; d <= ORR_F64; d++)
    for (int kind = 0; orr_gemm_kernel_of((orr_dtype)d, kind); kind++)
      for (size_t i = 0; i < sizeof size / sizeof *size; i++)
        for (int form = 0; form < 8; form++)
          run_kernel((orr_dtype)d, orr_gemm_kernel_of((orr_dtype)d, kind),
                     size[i][0], size[i][1], size[i][2], form & 1, form & 2,
                     form & 4 ? -0.75 : 0);
  assert_null(orr_gemm_kernel_of(ORR_F32, 9));
}

// Large enough for several tiles and slices: packed for all of them, or by
// each tile when memory is short, by one thread or two.
static void one_result_however_it_is_shared(void **state) {
  (void)state;
  const int before = orr_threads();
  for (int d = ORR_F32; d <= ORR_F64; d++)
    for (int form = 0; form < 4; form++) {
      const size_t mark = orr_scope_begin();
      const int64_t m = 290, n = 530, k = d == ORR_F32 ? 800 : 420;
      orr_tensor *x =
          orr_keep(filled((orr_dtype)d, 2,
                          form & 1 ? (int64_t[]){k, m} : (int64_t[]){m, k}));
      orr_tensor *y =
          orr_keep(filled((orr_dtype)d, 2,
                          form & 2 ? (int64_t[]){n, k} : (int64_t[]){k, n}));
      if (form & 1) x = orr_transpose_last(x);
      if (form & 2) y = orr_transpose_last(y);
      orr_tensor *z[3];
      orr_set_threads(1);
      z[0] = ORR(matmul, x, y);
      compare(x, y, z[0]);
      orr_set_threads(2);
      z[1] = ORR(matmul, x, y);
      z[2] = orr_keep(orr_empty((orr_dtype)d, 2, (int64_t[]){m, n}));
      orr_memory_fail_after(1);
      orr_gemm_run((orr_dtype)d,
                   &(orr_gemm){.ta = form & 1,
                               .tb = form & 2,
                               .m = m,
                               .n = n,
                               .k = k,
                               .a = orr_data(x),
                               .b = orr_data(y),
                               .c = orr_data(z[2]),
                               .lda = form & 1 ? m : k,
                               .ldb = form & 2 ? k : n,
                               .ldc = n,
                               .alpha = 1});
      orr_memory_fail_after(0);
      for (int i = 1; i < 3; i++)
        assert_memory_equal(orr_data(z[0]), orr_data(z[i]),
                            (size_t)(m * n) * orr_dtype_size((orr_dtype)d));
      orr_scope_end(mark);
    }
  orr_set_threads(before);
}

// x x^T and x^T x, of which half is computed and half copied, against the
// product by another matrix of the same elements.
static void squares_are_like_other_products(void **state) {
  (void)state;
  for (int d = ORR_F32; d <= ORR_F64; d++)
    for (int64_t m = 40; m < 1700; m = m * 3 + 41) {
      const size_t mark = orr_scope_begin();
      orr_tensor *x = orr_keep(filled((orr_dtype)d, 2, (int64_t[]){m, 430}));
      orr_tensor *y = ORR(clone, x), *xt = orr_transpose_last(x);
      orr_tensor *t = orr_keep(filled((orr_dtype)d, 2, (int64_t[]){430, m}));
      orr_tensor *u = ORR(clone, t), *tt = orr_transpose_last(t);
      const size_t bytes = (size_t)(m * m) * orr_dtype_size((orr_dtype)d);
      orr_tensor *z = ORR(matmul, x, xt);
      compare(x, xt, z);
      assert_memory_equal(orr_data(z),
                          orr_data(ORR(matmul, x, orr_transpose_last(y))),
                          bytes);
      assert_memory_equal(orr_data(ORR(matmul, tt, t)),
                          orr_data(ORR(matmul, orr_transpose_last(u), t)),
                          bytes);
      orr_scope_end(mark);
    }
}

static int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

// The outputs that the busier of two workers computes, each taking the next
// tile when it is free, over half of all.
static double imbalance(int64_t m, int64_t n, int64_t k) {
  int64_t rows, cols, done[2] = {0, 0};
  orr_gemm_grid(m, n, k, &rows, &cols);
  assert_true(rows >= 1 && cols >= 1);
  for (int64_t i = 0; i < m; i += rows)
    for (int64_t j = 0; j < n; j += cols)
      done[done[1] < done[0]] += at_most(rows, m - i) * at_most(cols, n - j);
  assert_int_equal(done[0] + done[1], m * n);
  const int64_t most = done[0] > done[1] ? done[0] : done[1];
  return 2.0 * (double)most / (double)(m * n);
}

static void two_threads_end_together(void **state) {
  (void)state;
  static const int64_t shapes[][3] =
      {{128, 784, 400},  {128, 400, 784},   {400, 784, 128},  {512, 128, 128},
       {128, 128, 512},  {128, 1024, 784},  {128, 784, 1024}, {1024, 784, 128},
       {784, 128, 1024}, {384, 128, 384},   {130, 130, 130},  {300, 300, 300},
       {64, 6272, 288},  {256, 1024, 2304}, {16, 784, 128},   {1, 4096, 512},
       {4096, 1, 512},   {640, 128, 128},   {2048, 2048, 8}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const int64_t *s = shapes[i];
    if (imbalance(s[0], s[1], s[2]) > 1.08)
      fail_msg("%lld x %lld: %.2f", (long long)s[0], (long long)s[1],
               imbalance(s[0], s[1], s[2]));
  }
  // A small product is not worth waking anybody for.
  assert_true(imbalance(64, 64, 64) == 2);
}

static void strided_operands(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_tensor *big = orr_keep(filled(ORR_F64, 2, (int64_t[]){40, 60}));
  // Rows apart, every second column (needs packing), and a broadcast row.
  orr_tensor *x = ORR(narrow, big, .attr = {1, 5, 20, 1});
  orr_tensor *y = ORR(narrow, ORR(narrow, big, .attr = {0, 3, 20, 1}),
                      .attr = {1, 0, 30, 2});
  compare(x, y, ORR(matmul, x, y));
  orr_tensor *row = orr_keep(filled(ORR_F64, 2, (int64_t[]){1, 20}));
  orr_tensor *rows = orr_expand_to(row, 2, (int64_t[]){7, 20});
  compare(rows, y, ORR(matmul, rows, y));
  orr_scope_end(mark);
}

static void batches_broadcast(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_tensor *x = orr_keep(filled(ORR_F64, 4, (int64_t[]){3, 1, 4, 5}));
  orr_tensor *y = orr_keep(filled(ORR_F64, 3, (int64_t[]){2, 5, 6}));
  orr_tensor *z = ORR(matmul, x, y);
  assert_non_null(z);
  assert_int_equal(z->count, 3 * 2 * 4 * 6);
  for (int a = 0; a < 3; a++)
    for (int b = 0; b < 2; b++)
      for (int i = 0; i < 4; i++)
        for (int j = 0; j < 6; j++) {
          double sum = 0;
          for (int l = 0; l < 5; l++)
            sum += orr_get(x, (a * 4 + i) * 5 + l) *
                orr_get(y, (b * 5 + l) * 6 + j);
          assert_true(fabs(orr_get(z, ((a * 2 + b) * 4 + i) * 6 + j) - sum) <
                      1e-13);
        }
  orr_scope_end(mark);
  assert_int_equal(orr_memory_stats().live_tensors, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sizes_around_the_tiles),
      cmocka_unit_test(kernels_of_every_processor),
      cmocka_unit_test(one_result_however_it_is_shared),
      cmocka_unit_test(squares_are_like_other_products),
      cmocka_unit_test(two_threads_end_together),
      cmocka_unit_test(strided_operands),
      cmocka_unit_test(batches_broadcast),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
