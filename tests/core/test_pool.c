// test_pool.c -- pooling, upsampling, padding and dropout against their
// definitions, with gradients of both orders.
#include "check.h"

static orr_tensor *with(const orr_op *op, orr_tensor *x, const double *attr,
                        int n) {
  orr_short_args args = {.x0 = x};
  memcpy(args.attr, attr, (size_t)n * sizeof *attr);
  return orr_apply_short(op, &args);
}

static double at(const orr_tensor *x, int64_t plane, int64_t i, int64_t j) {
  return orr_get(x, (plane * x->size[2] + i) * x->size[3] + j);
}

// ---- pooling: kernel, stride, padding per axis, then what the op adds

typedef struct pool_case {
  int64_t size[2];
  double max[9], avg[8];
} pool_case;

static const pool_case pool_cases[] =
    {{{4, 6}, {2, 2, 0, 0, 0, 0, 1, 1, 0}, {2, 2, 0, 0, 0, 0, 0, 1}},
     {{5, 7}, {3, 2, 2, 1, 1, 1, 1, 1, 0}, {3, 2, 2, 1, 1, 1, 0, 1}},
     {{5, 7}, {2, 3, 2, 3, 0, 1, 1, 1, 1}, {2, 3, 2, 3, 0, 1, 1, 1}},
     {{7, 5}, {2, 3, 1, 2, 1, 0, 3, 2, 0}, {3, 3, 2, 2, 1, 1, 1, 0}},
     {{1, 3}, {3, 1, 2, 2, 1, 0, 1, 1, 1}, {3, 1, 2, 2, 1, 0, 1, 0}}};
enum { POOL_CASES = sizeof pool_cases / sizeof *pool_cases };

// How many windows: each begins before the image's end (and, without ceil,
// ends within the padding).
static int64_t windows(int64_t n, double k, double s, double p, double d,
                       bool ceil) {
  int64_t count = 0;
  if (s == 0) s = k;
  for (double at = -p;; at += s, count++) {
    const double last = at + d * (k - 1);
    if (last > (double)n + p - 1 && !(ceil && last - s < (double)n + p - 1))
      break;
    if (ceil && at >= (double)n) break;
  }
  return count;
}

static void expect_size(const orr_tensor *y, const pool_case *c,
                        const double *a, double dh, double dw, bool ceil) {
  assert_non_null(y);
  assert_int_equal(y->size[2], windows(c->size[0], a[0], a[2], a[4], dh, ceil));
  assert_int_equal(y->size[3], windows(c->size[1], a[1], a[3], a[5], dw, ceil));
}

static void max_pool_takes_the_largest_of_each_window(void **state) {
  (void)state;
  for (int n = 0; n < POOL_CASES; n++) {
    const size_t mark = orr_scope_begin();
    const pool_case *c = &pool_cases[n];
    const double *a = c->max;
    orr_tensor *x =
        random_tensor(ORR_F32, 4, (int64_t[]){2, 3, c->size[0], c->size[1]});
    orr_tensor *y = with(&orr_op_max_pool2d, x, a, 9);
    expect_size(y, c, a, a[6], a[7], a[8] != 0);
    const double sh = a[2] ? a[2] : a[0], sw = a[3] ? a[3] : a[1];
    for (int64_t p = 0; p < 6; p++)
      for (int64_t oy = 0; oy < y->size[2]; oy++)
        for (int64_t ox = 0; ox < y->size[3]; ox++) {
          double best = -INFINITY;
          for (int i = 0; i < (int)a[0]; i++)
            for (int j = 0; j < (int)a[1]; j++) {
              const double iy = (double)oy * sh - a[4] + i * a[6];
              const double ix = (double)ox * sw - a[5] + j * a[7];
              if (iy >= 0 && ix >= 0 && iy < (double)x->size[2] &&
                  ix < (double)x->size[3])
                best = fmax(best, at(x, p, (int64_t)iy, (int64_t)ix));
            }
          assert_true(at(y, p, oy, ox) == best);
        }
    orr_scope_end(mark);
  }
}

// One output: the mean over the window cut at the padding's end.
static double average(const orr_tensor *x, int64_t plane, const double *a,
                      double y0, double x0) {
  double sum = 0, padded = 0, inside = 0;
  for (int i = 0; i < (int)a[0]; i++)
    for (int j = 0; j < (int)a[1]; j++) {
      const double iy = y0 + i, ix = x0 + j;
      const double h = (double)x->size[2], w = (double)x->size[3];
      if (iy >= h + a[4] || ix >= w + a[5]) continue;
      padded++;
      if (iy < 0 || ix < 0 || iy >= h || ix >= w) continue;
      inside++;
      sum += at(x, plane, (int64_t)iy, (int64_t)ix);
    }
  return sum / (a[7] != 0 ? padded : inside);
}

static void avg_pool_is_the_mean_of_each_window(void **state) {
  (void)state;
  for (int n = 0; n < POOL_CASES; n++) {
    const size_t mark = orr_scope_begin();
    const pool_case *c = &pool_cases[n];
    const double *a = c->avg;
    orr_tensor *x =
        random_tensor(ORR_F64, 4, (int64_t[]){2, 3, c->size[0], c->size[1]});
    orr_tensor *y = with(&orr_op_avg_pool2d, x, a, 8);
    expect_size(y, c, a, 1, 1, a[6] != 0);
    const double sh = a[2] ? a[2] : a[0], sw = a[3] ? a[3] : a[1];
    for (int64_t p = 0; p < 6; p++)
      for (int64_t oy = 0; oy < y->size[2]; oy++)
        for (int64_t ox = 0; ox < y->size[3]; ox++)
          near(at(y, p, oy, ox),
               average(x, p, a, (double)oy * sh - a[4], (double)ox * sw - a[5]),
               1e-12);
    orr_scope_end(mark);
  }
}

static orr_tensor *max_pool_of(orr_tensor *const *x, const void *attr) {
  return with(&orr_op_max_pool2d, x[0], attr, 9);
}
// Squared, so that its gradient depends on x and has one of its own.
static orr_tensor *max_pool_squared(orr_tensor *const *x, const void *attr) {
  orr_tensor *y = max_pool_of(x, attr);
  return ORR(mul, y, y);
}
static orr_tensor *avg_pool_squared(orr_tensor *const *x, const void *attr) {
  orr_tensor *y = with(&orr_op_avg_pool2d, x[0], attr, 8);
  return ORR(mul, y, y);
}
static orr_tensor *upsample_squared(orr_tensor *const *x, const void *attr) {
  orr_tensor *y = with(&orr_op_upsample_nearest2d, x[0], attr, 2);
  return ORR(mul, y, y);
}

// Distinct values, far apart beside the step of the differences.
static orr_tensor *distinct_tensor(int rank, const int64_t *size) {
  orr_tensor *t = random_tensor(ORR_F64, rank, size);
  for (int64_t i = 0; i < t->count; i++)
    orr_set(t, i, 0.1 * (double)(i * 7919 % t->count) - 1);
  return t;
}

static void pooling_gradients_of_both_orders(void **state) {
  (void)state;
  for (int n = 0; n < POOL_CASES; n++) {
    const size_t mark = orr_scope_begin();
    const pool_case *c = &pool_cases[n];
    const int64_t size[] = {1, 2, c->size[0], c->size[1]};
    orr_tensor *x = distinct_tensor(4, size);
    check_gradients(max_pool_squared, c->max, 1, &x);
    check_gradients(avg_pool_squared, c->avg, 1, &x);
    check_gradients(upsample_squared, (double[]){2, 3}, 1, &x);
    orr_scope_end(mark);
  }
}

static void expect_maxima(orr_tensor *x, double v0, int64_t at0, double v1,
                          int64_t at1) {
  orr_tensor *y[ORR_MAX_OUTPUT];
  const orr_args args = {.x = {x}, .attr = {2, 2, 0, 0, 0, 0, 1, 1}};
  assert_true(orr_apply_all(&orr_op_max_pool2d_with_indices, &args, y));
  assert_true(orr_get(y[0], 0) == v0);
  assert_true(isnan(v1) ? isnan(orr_get(y[0], 1)) : orr_get(y[0], 1) == v1);
  assert_int_equal(orr_get_int(y[1], 0), at0);
  assert_int_equal(orr_get_int(y[1], 1), at1);
  orr_release(y[0]);
  orr_release(y[1]);
}

static void max_pool_prefers_nan_and_the_first_of_equals(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_tensor *x = orr_keep(orr_zeros(ORR_F32, 4, (int64_t[]){1, 1, 2, 4}));
  orr_set(x, 6, NAN);
  expect_maxima(x, 0, 1, NAN, 7);
  assert_true(orr_fill_(x, -INFINITY));
  expect_maxima(x, -INFINITY, 1, -INFINITY, 3);
  orr_scope_end(mark);
}

static void upsampling_repeats_pixels(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_tensor *x = random_tensor(ORR_F32, 4, (int64_t[]){2, 2, 3, 2});
  orr_tensor *y = ORR(upsample_nearest2d, x, .attr = {3, 2});
  for (int64_t p = 0; p < 4; p++)
    for (int64_t i = 0; i < 9; i++)
      for (int64_t j = 0; j < 4; j++)
        assert_true(at(y, p, i, j) == at(x, p, i / 3, j / 2));
  orr_scope_end(mark);
}

// ---- padding

enum { CONSTANT, REFLECT, REPLICATE, CIRCULAR };

// Where index i of n comes from, by walking: -1 is outside.
static int64_t walk(int mode, int64_t i, int64_t n) {
  int64_t step = 1, at = 0;
  if (i >= 0 && i < n) return i;
  if (mode == CONSTANT) return -1;
  if (mode == REPLICATE) return i < 0 ? 0 : n - 1;
  if (mode == CIRCULAR) return ((i % n) + n) % n;
  for (int64_t k = 0; k < (i < 0 ? -i : i); k++) {  // bounces off the ends
    if (i < 0) step = at == 0 ? 1 : at == n - 1 ? -1 : step;
    if (i > 0) step = at == n - 1 ? -1 : at == 0 ? 1 : step;
    at += step;
  }
  return at;
}

static orr_tensor *pad_squared(orr_tensor *const *x, const void *attr) {
  orr_tensor *y = with(&orr_op_pad, x[0], attr, 11);
  return ORR(mul, y, y);
}

static void padding_by_walking(void **state) {
  (void)state;
  static const double cases[][11] =
      {// count, left, right, top, bottom, ..., mode, value
       {4, 1, 2, 3, 0, 0, 0, 0, 0, CONSTANT, 2.5},
       {4, -1, 2, 3, -2, 0, 0, 0, 0, CONSTANT, -1},
       {4, 3, 2, 1, 2, 0, 0, 0, 0, REFLECT, 0},
       {4, 5, 6, 0, 3, 0, 0, 0, 0, REPLICATE, 0},
       {4, 4, 3, 3, 1, 0, 0, 0, 0, CIRCULAR, 0},
       {2, -2, 3, 0, 0, 0, 0, 0, 0, CIRCULAR, 0}};
  for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
    const size_t mark = orr_scope_begin();
    const double *a = cases[n];
    const int mode = (int)a[9];
    orr_tensor *x = random_tensor(ORR_F64, 4, (int64_t[]){2, 1, 3, 4});
    orr_tensor *y = with(&orr_op_pad, x, a, 11);
    assert_non_null(y);
    const int64_t left = (int64_t)a[1], top = a[0] > 2 ? (int64_t)a[3] : 0;
    assert_int_equal(y->size[3], 4 + left + (int64_t)a[2]);
    for (int64_t p = 0; p < 2; p++)
      for (int64_t i = 0; i < y->size[2]; i++)
        for (int64_t j = 0; j < y->size[3]; j++) {
          const int64_t si = walk(mode, i - top, 3);
          const int64_t sj = walk(mode, j - left, 4);
          const double wanted = si < 0 || sj < 0 ? a[10] : at(x, p, si, sj);
          assert_true(at(y, p, i, j) == wanted);
        }
    check_gradients(pad_squared, a, 1, &x);
    orr_scope_end(mark);
  }
}

// ---- dropout

static void dropout_keeps_the_mean_and_the_stream(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_stream *s = orr_stream_new(7);
  orr_tensor *x = orr_keep(orr_zeros(ORR_F32, 1, (int64_t[]){100001}));
  orr_fill_(x, 1);
  orr_tensor *y[4];
  const int before = orr_threads();
  for (int i = 0; i < 4; i++) {  // i = 2 starts again, with more threads
    if (i == 2) orr_set_threads(3), orr_stream_seed(s, 7);
    y[i] = ORR(dropout, x, .attr = {0.3, true}, .stream = s);
  }
  orr_set_threads(before);
  const size_t bytes = (size_t)x->count * sizeof(float);
  assert_memory_equal(orr_data(y[0]), orr_data(y[2]), bytes);
  assert_memory_equal(orr_data(y[1]), orr_data(y[3]), bytes);
  int64_t zeros = 0, same = 0;
  for (int64_t i = 0; i < x->count; i++) {
    const double v = orr_get(y[0], i);
    assert_true(v == 0 || v == (double)(float)(1 / 0.7));
    zeros += v == 0;
    same += v == orr_get(y[1], i);
  }
  // Six standard deviations: sqrt(n p (1 - p)) = 145, and of agreement 156.
  assert_in_range(zeros, 30000 - 870, 30000 + 870);
  assert_in_range(same, 58000 - 940, 58000 + 940);
  assert_ptr_equal(ORR(dropout, x, .attr = {0.3, false}), x);
  orr_stream_release(s);
  orr_scope_end(mark);
}

#define T(NAME) cmocka_unit_test_teardown(NAME, check_clean)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(max_pool_takes_the_largest_of_each_window),
      T(avg_pool_is_the_mean_of_each_window),
      T(pooling_gradients_of_both_orders),
      T(max_pool_prefers_nan_and_the_first_of_equals),
      T(upsampling_repeats_pixels),
      T(padding_by_walking),
      T(dropout_keeps_the_mean_and_the_stream),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
