// test_linalg.c -- large matrices with known factors, shapes at LAPACK's
// different paths, and what is left behind when memory is short.
#include <stdlib.h>
#include <string.h>

#include "../../core/base/threads.h"
#include "../../core/kernels/lapack.h"
#include "check.h"

typedef double entry_fn(int64_t i, int64_t j);

static orr_tensor *matrix(orr_dtype d, int64_t m, int64_t n, entry_fn *f) {
  orr_tensor *t = orr_keep(orr_empty(d, 2, (int64_t[]){m, n}));
  assert_non_null(t);
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) orr_set(t, i * n + j, f(i, j));
  return t;
}

static void expect(orr_tensor *y, entry_fn *f, double tolerance) {
  assert_string_equal(orr_error(), "");
  assert_non_null(y);
  const int64_t n = y->size[y->rank - 1];
  for (int64_t k = 0; k < y->count; k++)
    near(orr_get(y, k), f(k / n, k % n), tolerance);
}

// The covariance of a random walk, its inverse and its factor.
static double walk(int64_t i, int64_t j) { return (double)(i < j ? i : j) + 1; }
static double steps(int64_t i, int64_t j) { return i >= j ? 1 : 0; }
static double later(int64_t i, int64_t j) { return i <= j ? 1 : 0; }
enum { LONG = 150 };
static double second_difference(int64_t i, int64_t j) {
  if (i == j) return i == LONG - 1 ? 1 : 2;
  return i - j == 1 || j - i == 1 ? -1 : 0;
}
static double identity(int64_t i, int64_t j) { return i == j ? 1 : 0; }
static double string(int64_t i, int64_t j) {
  return i == j ? 2 : i - j == 1 || j - i == 1 ? -1 : 0;
}

static void random_walk_has_known_factors(void **state) {
  (void)state;
  for (int d = ORR_F32; d <= ORR_F64; d++) {
    const size_t mark = orr_scope_begin();
    const double tol = d == ORR_F32 ? 1e-6 : 1e-9;
    orr_tensor *x = matrix((orr_dtype)d, LONG, LONG, walk);
    orr_tensor *one = matrix((orr_dtype)d, LONG, LONG, identity);
    orr_tensor *l = matrix((orr_dtype)d, LONG, LONG, steps);
    expect(ORR(cholesky, x), steps, tol);
    expect(ORR(inverse, x), second_difference, tol);
    expect(ORR(solve, x, one), second_difference, tol);
    expect(ORR(pinv, x, .attr = {-1}), second_difference,
           d == ORR_F32 ? 1e-4 : tol);
    expect(ORR(solve_triangular, l, x, .attr = {false, true}), later, tol);
    near(orr_get(ORR(det, x), 0), 1, tol);
    expect(ORR(matmul, l, orr_transpose_last(l)), walk, tol);
    orr_scope_end(mark);
  }
}

// A string of n masses: 2 - 2 cos(pi k / (n + 1)), and det n + 1.
static void string_has_known_frequencies(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  const int64_t n = 200;
  orr_tensor *x = matrix(ORR_F64, n, n, string);
  orr_tensor *w = ORR(eigvalsh, x), *s = ORR(svdvals, x);
  for (int64_t k = 0; k < n; k++) {
    const double want =
        2 - 2 * cos(3.14159265358979323846 * (double)(k + 1) / (double)(n + 1));
    near(orr_get(w, k), want, 1e-13);
    near(orr_get(s, n - 1 - k), want, 1e-13);
  }
  near(orr_get(ORR(det, x), 0), (double)n + 1, 1e-12);
  orr_scope_end(mark);
}

// The vectors of a are orthogonal and rebuild it, by any number of threads.
static void expect_vectors(int n, entry_fn *f, double scale, entry_fn *value) {
  const int before = orr_threads();
  const size_t bytes = (size_t)n * (size_t)n * sizeof(double);
  double *v[2] = {malloc(bytes), malloc(bytes)}, *back = malloc(bytes);
  double *w = malloc((size_t)n * sizeof *w);
  double *work = malloc(orr_lapack_eigh_work(n) * sizeof *work);
  for (int t = 0; t < 2; t++) {
    orr_set_threads(t + 1);
    for (int i = 0; i < n * n; i++) v[t][i] = scale * f(i / n, i % n);
    assert_int_equal(orr_lapack_eigh(n, v[t], w, work), 0);
  }
  assert_memory_equal(v[0], v[1], bytes);
  for (int k = 0; k < n; k++) near(w[k] / scale, value(k, n), 1e-12);
  orr_lapack_product(true, false, n, n, n, v[0], v[0], back);
  for (int i = 0; i < n * n; i++) near(back[i], identity(i / n, i % n), 1e-12);
  for (int i = 0; i < n * n; i++) v[1][i] *= w[i / n] / scale;
  orr_lapack_product(false, true, n, n, n, v[1], v[0], back);
  for (int i = 0; i < n * n; i++) near(back[i], f(i / n, i % n), 2e-12);
  free(v[0]), free(v[1]), free(back), free(w), free(work);
  orr_set_threads(before);
}

static double frequency(int64_t k, int64_t n) {
  const double pi = 3.14159265358979323846;
  return 2 - 2 * cos(pi * (double)(k + 1) / (double)(n + 1));
}
// Where nothing is left to merge, next to nothing, and half of it: equal
// values, one that is not, a string beside as many free masses.
static double one(int64_t k, int64_t n) { return k < n ? 1 : 0; }
static double bond(int64_t i, int64_t j) { return i == j ? 1.125 : 0.125; }
static double bound(int64_t k, int64_t n) {
  return k == n - 1 ? 1 + 0.125 * (double)n : 1;
}
enum { HALF = 330 };
static double string_and_rest(int64_t i, int64_t j) {
  return i < HALF && j < HALF ? string(i, j) : i == j ? 8 : 0;
}
static double string_then_rest(int64_t k, int64_t n) {
  (void)n;
  return k < HALF ? frequency(k, HALF) : 8;
}

// Large enough to be taken apart and divided, of ordinary size and not.
static void vectors_of_large_matrices(void **state) {
  (void)state;
  expect_vectors(300, string, 1, frequency);
  expect_vectors(300, string, 1e-200, frequency);
  expect_vectors(300, string, 1e200, frequency);
  expect_vectors(701, string, 1, frequency);
  expect_vectors(660, identity, 1, one);
  expect_vectors(660, bond, 1, bound);
  expect_vectors(2 * HALF, string_and_rest, 1, string_then_rest);
}

static void rebuild(int64_t batch, int64_t m, int64_t n) {
  const size_t mark = orr_scope_begin();
  orr_tensor *x = random_tensor(ORR_F64, 3, (int64_t[]){batch, m, n});
  orr_tensor *y[ORR_MAX_OUTPUT];
  const orr_args args = {.x = {x}};
  assert_true(orr_apply_all(&orr_op_svd, &args, y));
  for (int i = 0; i < 3; i++) orr_keep(y[i]);
  orr_tensor *us = ORR(mul, y[0], ORR(unsqueeze, y[1], .attr = {-2}));
  orr_tensor *off = ORR(abs, ORR(sub, ORR(matmul, us, y[2]), x));
  near(orr_get(ORR(amax, off), 0), 0, 1e-12);
  assert_true(orr_apply_all(&orr_op_qr, &args, y));
  for (int i = 0; i < 2; i++) orr_keep(y[i]);
  off = ORR(abs, ORR(sub, ORR(matmul, y[0], y[1]), x));
  near(orr_get(ORR(amax, off), 0), 0, 1e-12);
  orr_scope_end(mark);
}

// Much longer than wide, nearly square, one row: LAPACK goes other ways.
static void svd_and_qr_rebuild_every_shape(void **state) {
  (void)state;
  static const int64_t side[] = {1, 2, 30, 64, 65, 300};
  for (int a = 0; a < 6; a++)
    for (int b = 0; b < 6; b++) rebuild(1, side[a], side[b]);
  rebuild(37, 5, 3);
}

// Every op of one matrix; its sum needs both directions too.
static const orr_op *const ops[] = {&orr_op_cholesky, &orr_op_inverse,
                                    &orr_op_det,      &orr_op_slogdet,
                                    &orr_op_eigh,     &orr_op_svd,
                                    &orr_op_qr,       &orr_op_pinv,
                                    &orr_op_sqrtm,    &orr_op_matrix_exp};

static bool forward_and_back(const orr_op *op, orr_tensor *x) {
  const orr_args args = {.x = {x}, .attr = {op == &orr_op_pinv ? -1 : 0}};
  orr_tensor *y[ORR_MAX_OUTPUT], *gx = NULL;
  const size_t mark = orr_scope_begin();
  bool ok = orr_apply_all(op, &args, y);
  for (int i = 0; i < ORR_MAX_OUTPUT; i++) orr_keep(y[i]);
  orr_tensor *total = ok ? ORR(sum, y[0]) : NULL;
  ok = total && orr_grad(1, &total, NULL, 1, &x, &gx, false, false, true);
  orr_release(gx);
  orr_scope_end(mark);
  return ok;
}

static void a_failed_allocation_leaves_nothing(void **state) {
  (void)state;
  for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) {
    const size_t mark = orr_scope_begin();
    orr_tensor *x = matrix(ORR_F64, 4, 4, string);
    orr_set_requires_grad(x, true);
    bool ok = false;
    for (int64_t n = 1; !ok && n < 2000; n++) {
      const int64_t blocks = orr_memory_stats().live_blocks;
      orr_memory_fail_after(n);
      ok = forward_and_back(ops[k], x);
      orr_memory_fail_after(0);
      if (!ok) assert_string_not_equal(orr_error(), "");
      orr_clear_error();
      assert_int_equal(orr_memory_stats().live_blocks, blocks);
    }
    assert_true(ok);
    orr_scope_end(mark);
  }
}

static void failures_name_the_entry(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_tensor *x = random_tensor(ORR_F64, 4, (int64_t[]){2, 20, 3, 3});
  for (int64_t i = 0; i < 9; i++) orr_set(x, (20 + 6) * 9 + i, 0);
  assert_null(ORR(inverse, x));
  assert_string_equal(orr_error(),
                      "inverse: batch entry [2, 7] of x is singular: it has "
                      "no inverse; use pinv or lstsq, or add a small multiple "
                      "of the identity");
  orr_clear_error();
  orr_set(x, (20 + 3) * 9, NAN);
  assert_null(ORR(svd, x));
  assert_string_equal(orr_error(),
                      "svd: batch entry [2, 4] of x holds NaN or infinity; "
                      "look for where it came from with "
                      "orrery.detect_anomaly");
  orr_clear_error();
  orr_scope_end(mark);
}

#define T(NAME) cmocka_unit_test_teardown(NAME, check_clean)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(random_walk_has_known_factors),      T(string_has_known_frequencies),
      T(vectors_of_large_matrices),          T(svd_and_qr_rebuild_every_shape),
      T(a_failed_allocation_leaves_nothing), T(failures_name_the_entry),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
