// test_random.c -- Philox against its published vectors; what is drawn from
// it against the laws it should follow. Margins: for n draws a mean strays by
// sd / sqrt(n), a distribution function by sqrt(log(2 / a) / 2n) with
// probability a (Dvoretzky, Kiefer, Wolfowitz; Massart); a is 1e-6 here.
#include "../../core/base/random.h"

#include "check.h"

enum { N = 200000 };

// Salmon et al. 2011, kat_vectors of Random123.
static void philox_gives_the_published_numbers(void **state) {
  (void)state;
  static const uint32_t vectors[][10] =
      {{0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
       {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff,
        0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
       {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0,
        0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};
  for (int i = 0; i < 3; i++) {
    uint32_t out[4];
    orr_philox_block(vectors[i] + 4, vectors[i], out);
    assert_memory_equal(out, vectors[i] + 6, sizeof out);
  }
}

static orr_tensor *drawn(const orr_op *op, orr_short_args args,
                         orr_stream *stream) {
  args.stream = stream;
  orr_tensor *y = orr_apply_short(op, &args);
  assert_string_equal(orr_error(), "");
  return y;
}

#define DRAWN(NAME, STREAM, ...) \
  drawn(&orr_op_##NAME, (orr_short_args){.attr = {__VA_ARGS__}}, STREAM)

// The vectorised batches are the same function of seed and counter.
static void uniforms_are_the_words_of_the_stream(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_stream *s = orr_stream_new(0x123456789abcdefu);
  orr_stream_set(s, 0x123456789abcdefu, 0xfffffffeu);  // a carry is near
  orr_tensor *y = DRAWN(rand, s, 1, 1001, [10] = 1);
  for (int64_t i = 0; i < 1001; i++) {
    uint32_t w[4];
    orr_philox(0x123456789abcdefu, 0xfffffffeu + (uint64_t)i / 4, w);
    assert_true(orr_get(y, i) == (w[i % 4] >> 8) / 16777216.0);
  }
  uint64_t seed, counter;
  orr_stream_get(s, &seed, &counter);
  assert_int_equal(counter, 0xfffffffeull + 251);
  orr_stream_release(s);
  orr_scope_end(mark);
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

typedef double cdf_fn(double);

static void follows(orr_tensor *y, double mean, double sd, cdf_fn *cdf) {
  const int64_t n = y->count;
  double *v = malloc((size_t)n * sizeof *v), sum = 0, square = 0, worst = 0;
  for (int64_t i = 0; i < n; i++) {
    v[i] = orr_get(y, i);
    assert_true(isfinite(v[i]));
    sum += v[i];
    square += (v[i] - mean) * (v[i] - mean);
  }
  qsort(v, (size_t)n, sizeof *v, by_value);
  for (int64_t i = 0; i < n; i++) {
    const double f = cdf(v[i]), at = (double)i / (double)n;
    worst = fmax(worst, fmax(f - at, at + 1.0 / (double)n - f));
  }
  free(v);
  // Of the squares of the laws below the standard deviation is at most
  // 3 sd^2 (the exponential's is sqrt(8), the Gumbel's sqrt(4.4)).
  assert_true(fabs(sum / (double)n - mean) < 5 * sd / sqrt((double)n));
  assert_true(fabs(square / (double)n - sd * sd) <
              15 * sd * sd / sqrt((double)n));
  assert_true(worst < sqrt(log(2e6) / (2 * (double)n)));
}

static double uniform_cdf(double x) { return (x + 2) / 5; }
static double normal_cdf(double x) {
  return 0.5 * erfc(-(x - 3) / 2 / sqrt(2));
}
static double exponential_cdf(double x) { return -expm1(-x / 2); }
static double gumbel_cdf(double x) { return exp(-exp(-(x - 1) / 2)); }

static void draws_follow_their_laws(void **state) {
  (void)state;
  const double euler = 0.5772156649015329, pi = 3.141592653589793;
  for (int d = ORR_F32; d <= ORR_F64; d++) {
    const size_t mark = orr_scope_begin();
    orr_stream *s = orr_stream_new(7);
    follows(DRAWN(rand, s, 1, N, [9] = -2, 3, d), 0.5, 5 / sqrt(12),
            uniform_cdf);
    follows(DRAWN(randn, s, 1, N, [9] = 3, 2, d), 3, 2, normal_cdf);
    follows(DRAWN(exponential, s, 1, N, [9] = 0.5, d), 2, 2, exponential_cdf);
    follows(DRAWN(gumbel, s, 1, N, [9] = 1, 2, d), 1 + 2 * euler,
            2 * pi / sqrt(6), gumbel_cdf);
    orr_stream_release(s);
    orr_scope_end(mark);
  }
}

// Pairs of normals share a radius: they must still be uncorrelated, squares
// as well.
static void neighbours_are_independent(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_stream *s = orr_stream_new(11);
  orr_tensor *y = DRAWN(randn, s, 1, N, [10] = 1);
  for (int lag = 1; lag <= 4; lag++) {
    double c = 0, c2 = 0;
    for (int64_t i = 0; i + lag < N; i++) {
      const double a = orr_get(y, i), b = orr_get(y, i + lag);
      c += a * b;
      c2 += (a * a - 1) * (b * b - 1);
    }
    assert_true(fabs(c / N) < 5 / sqrt(N));
    assert_true(fabs(c2 / N) < 5 * 2 / sqrt(N));
  }
  orr_stream_release(s);
  orr_scope_end(mark);
}

static void uniforms_stay_below_high(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_stream *s = orr_stream_new(3);
  // Between 1 and its neighbour nothing fits: sums round up to high often.
  const double high = (double)nextafterf(1, 2);
  orr_tensor *y = DRAWN(rand, s, 1, 5000, [9] = 1, high);
  for (int64_t i = 0; i < y->count; i++) assert_true(orr_get(y, i) == 1);
  y = DRAWN(rand, s, 1, 5000, [9] = -1e6, 1e-3);
  for (int64_t i = 0; i < y->count; i++)
    assert_true(orr_get(y, i) >= -1e6 && orr_get(y, i) < (double)1e-3f);
  y = DRAWN(rand, s, 1, 9, [9] = 2, 2);
  for (int64_t i = 0; i < y->count; i++) assert_true(orr_get(y, i) == 2);
  orr_stream_release(s);
  orr_scope_end(mark);
}

// Counts of k equally likely outcomes: chi squared has mean k - 1 and
// standard deviation sqrt(2 (k - 1)).
static void whole_numbers_are_even(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_stream *s = orr_stream_new(5);
  orr_tensor *y = DRAWN(randint, s, -3, 6, 1, N, [11] = ORR_I64);
  double count[10] = {0}, chi = 0;
  for (int64_t i = 0; i < N; i++) {
    const int64_t v = orr_get_int(y, i);
    assert_true(v >= -3 && v <= 6);
    count[v + 3]++;
  }
  for (int k = 0; k < 10; k++)
    chi += (count[k] - N / 10) * (count[k] - N / 10) / (N / 10);
  assert_true(chi < 9 + 6 * sqrt(18));
  orr_stream_release(s);
  orr_scope_end(mark);
}

static void a_permutation_has_every_number_once(void **state) {
  (void)state;
  orr_stream *s = orr_stream_new(9);
  double first[5] = {0};
  for (int trial = 0; trial < 5000; trial++) {
    const size_t mark = orr_scope_begin();
    const int n = trial < 5 ? 997 : 5;
    orr_tensor *y = DRAWN(randperm, s, n);
    char seen[998] = {0};
    for (int64_t i = 0; i < n; i++) {
      const int64_t v = orr_get_int(y, i);
      assert_true(v >= 1 && v <= n && !seen[v]);
      seen[v] = 1;
    }
    if (n == 5) first[orr_get_int(y, 0) - 1]++;
    orr_scope_end(mark);
  }
  for (int k = 0; k < 5; k++)
    assert_true(fabs(first[k] - 999) < 5 * sqrt(4995 * 0.16));
  orr_stream_release(s);
}

static void probabilities_are_kept_to(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_stream *s = orr_stream_new(13);
  const int64_t four = 4, n = N;
  const double weight[] = {1, 0, 5, 2};
  orr_tensor *p = orr_keep(orr_from_data(ORR_F64, 1, &four, weight));
  orr_tensor *y =
      drawn(&orr_op_multinomial, (orr_short_args){p, .attr = {N, true}}, s);
  double count[4] = {0};
  for (int64_t i = 0; i < N; i++) count[orr_get_int(y, i) - 1]++;
  for (int k = 0; k < 4; k++) {
    const double q = weight[k] / 8;
    assert_true(fabs(count[k] - N * q) <= 5 * sqrt(N * q * (1 - q)));
  }
  // Without replacement: all three possible classes, 3 first with 5 / 8.
  double third_first = 0;
  for (int i = 0; i < 4000; i++) {
    const size_t inner = orr_scope_begin();
    y = drawn(&orr_op_multinomial, (orr_short_args){p, .attr = {3}}, s);
    int64_t sum = 0;
    for (int k = 0; k < 3; k++) sum += orr_get_int(y, k);
    assert_int_equal(sum, 1 + 3 + 4);
    third_first += orr_get_int(y, 0) == 3;
    orr_scope_end(inner);
  }
  assert_true(fabs(third_first - 2500) < 5 * sqrt(4000 * 15 / 64.0));
  for (int d = ORR_F32; d <= ORR_F64; d++) {
    p = orr_keep(orr_empty((orr_dtype)d, 1, &n));
    static const double q[4] = {0, 0.25, 0.5, 1};
    for (int64_t i = 0; i < N; i++) orr_set(p, i, q[i % 4]);
    y = drawn(&orr_op_bernoulli, (orr_short_args){p}, s);
    double ones[4] = {0};
    for (int64_t i = 0; i < N; i++) ones[i % 4] += orr_get(y, i);
    assert_true(ones[0] == 0 && ones[3] == N / 4);
    assert_true(fabs(ones[1] - N / 16) < 5 * sqrt(N / 4 * 0.1875));
    assert_true(fabs(ones[2] - N / 8) < 5 * sqrt(N / 4 * 0.25));
  }
  orr_stream_release(s);
  orr_scope_end(mark);
}

static void any_number_of_threads_draws_the_same(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_tensor *y[2];
  for (int t = 0; t < 2; t++) {
    assert_true(orr_set_threads(t ? 3 : 1));
    orr_stream *s = orr_stream_new(17);
    y[t] = DRAWN(randn, s, 1, 100003, [10] = 1);
    orr_stream_release(s);
  }
  assert_memory_equal(orr_data(y[0]), orr_data(y[1]), 100003 * sizeof(float));
  orr_scope_end(mark);
}

static void a_draw_that_fails_leaves_the_stream(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_stream *s = orr_stream_new(19);
  const int64_t three = 3;
  const double weight[] = {1, 2, 3};
  orr_tensor *p = orr_keep(orr_from_data(ORR_F64, 1, &three, weight));
  orr_args args = {.x = {p}, .attr = {2}, .stream = s};
  int failures = 0;
  for (int n = 1;; n++) {
    orr_memory_fail_after(n);
    orr_tensor *y = orr_apply(&orr_op_multinomial, &args);
    orr_memory_fail_after(0);
    uint64_t seed, counter;
    orr_stream_get(s, &seed, &counter);
    assert_int_equal(counter, y ? 2 : 0);
    orr_release(y);
    if (y) break;
    orr_clear_error();
    failures++;
  }
  assert_true(failures >= 2);
  orr_stream_release(s);
  orr_scope_end(mark);
}

int main(void) {
#define TEST(NAME) cmocka_unit_test_teardown(NAME, check_clean)
  const struct CMUnitTest tests[] = {
      TEST(philox_gives_the_published_numbers),
      TEST(uniforms_are_the_words_of_the_stream),
      TEST(draws_follow_their_laws),
      TEST(neighbours_are_independent),
      TEST(uniforms_stay_below_high),
      TEST(whole_numbers_are_even),
      TEST(a_permutation_has_every_number_once),
      TEST(probabilities_are_kept_to),
      TEST(any_number_of_threads_draws_the_same),
      TEST(a_draw_that_fails_leaves_the_stream),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
