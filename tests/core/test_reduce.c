// test_reduce.c -- reductions and work along an axis against plain loops.
#include "check.h"

static const double wild = 1e300;

// The flat position, in the reduced shape, of x's flat position i.
static int64_t kept_position(const orr_tensor *x, unsigned axes, int64_t i) {
  int64_t index[ORR_MAX_RANK], at = 0;
  for (int a = x->rank; a-- > 0; i /= x->size[a]) index[a] = i % x->size[a];
  for (int a = 0; a < x->rank; a++)
    if (!(axes >> a & 1)) at = at * x->size[a] + index[a];
  return at;
}

static void set_axes(double *attr, int rank, unsigned axes) {
  for (int a = 0; a < rank; a++)
    if (axes >> a & 1) attr[1 + (int)attr[0]++] = a;
}

typedef struct plain {
  double sum, top, low, square, exps, n;
} plain;

static void compare_all(orr_tensor *x, unsigned axes) {
  const size_t mark = orr_scope_begin();
  orr_short_args a = {x};
  set_axes(a.attr, x->rank, axes);
  orr_tensor *sum = orr_apply_short(&orr_op_sum, &a);
  orr_tensor *mean = orr_apply_short(&orr_op_mean, &a);
  orr_tensor *top = orr_apply_short(&orr_op_amax, &a);
  orr_tensor *low = orr_apply_short(&orr_op_amin, &a);
  orr_tensor *lse = orr_apply_short(&orr_op_logsumexp, &a);
  orr_short_args with = a;
  with.attr[10] = 0.5;  // correction
  orr_tensor *var = orr_apply_short(&orr_op_var, &with);
  memmove(with.attr + 1, a.attr, 9 * sizeof *a.attr);
  with.attr[0] = 2;
  with.attr[10] = 0;
  orr_tensor *norm = orr_apply_short(&orr_op_norm, &with);
  assert_non_null(norm);
  plain *want = calloc((size_t)sum->count, sizeof *want);
  for (int64_t i = 0; i < sum->count; i++)
    want[i] = (plain){.top = -wild, .low = wild};
  for (int pass = 0; pass < 2; pass++)
    for (int64_t i = 0; i < x->count; i++) {
      plain *w = &want[kept_position(x, axes, i)];
      const double v = orr_get(x, i);
      if (pass == 0) {
        w->sum += v;
        w->n++;
        w->top = fmax(w->top, v);
        w->low = fmin(w->low, v);
      } else {
        w->square += (v - w->sum / w->n) * (v - w->sum / w->n);
        w->exps += exp(v);
      }
    }
  const double tol = x->dtype == ORR_F32 ? 1e-6 : 1e-12;
  for (int64_t i = 0; i < sum->count; i++) {
    const plain *w = &want[i];
    const double mu = w->sum / w->n;
    near(orr_get(sum, i), w->sum, tol);
    near(orr_get(mean, i), mu, tol);
    assert_true(orr_get(top, i) == w->top);
    assert_true(orr_get(low, i) == w->low);
    near(orr_get(lse, i), log(w->exps), tol);
    near(orr_get(var, i), w->square / (w->n - 0.5), tol);
    near(orr_get(norm, i), sqrt(w->square + w->n * mu * mu), tol);
  }
  free(want);
  orr_scope_end(mark);
}

static void every_set_of_axes_agrees_with_plain_loops(void **state) {
  (void)state;
  static const int64_t sizes[][4] = {{2, 3, 4, 5},    {1, 7, 1, 3},
                                     {100, 1, 33, 2}, {70, 3, 1, 20},
                                     {5, 2000, 2, 1}, {1, 1, 1, 1},
                                     {2, 3, 1, 2100}, {40000, 1, 1, 1},
                                     {3, 20, 17, 5}};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
    for (unsigned axes = 1; axes < 16; axes++)
      for (int d = 0; d < 2; d++) {
        const size_t mark = orr_scope_begin();
        compare_all(random_tensor(d ? ORR_F64 : ORR_F32, 4, sizes[s]), axes);
        orr_scope_end(mark);
      }
}

// 1e8 + 0.1 is 1e8 in float32: a running float sum would lose every tenth.
static void a_float32_sum_keeps_small_terms(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  const int64_t n = 1000000;
  orr_tensor *x = orr_keep(orr_empty(ORR_F32, 1, &n));
  for (int64_t i = 0; i < n; i++) ORR_F32P(x)[i] = 0.1f;
  ORR_F32P(x)[0] = 1e8f;
  near(orr_get(ORR(sum, x), 0), 1e8 + 99999.9 + 0.00149, 1e-8);
  orr_scope_end(mark);
}

static void integers_are_exact_and_truth_is_counted(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  const int64_t size[2] = {300, 7};
  orr_tensor *x = orr_keep(orr_empty(ORR_U8, 2, size));
  int64_t total = 0;
  for (int64_t i = 0; i < x->count; i++) {
    ORR_U8P(x)[i] = (uint8_t)pick(1, 255);
    total += ORR_U8P(x)[i];
  }
  orr_tensor *sum = ORR(sum, x);
  assert_int_equal(sum->dtype, ORR_I64);
  assert_int_equal(orr_get_int(sum, 0), total);
  assert_int_equal(orr_get_int(ORR(all, x), 0), 1);
  ORR_U8P(x)[1234] = 0;
  assert_int_equal(orr_get_int(ORR(all, x), 0), 0);
  assert_int_equal(orr_get_int(ORR(any, x), 0), 1);
  orr_tensor *rows = ORR(all, x, .attr = {1, 1});
  for (int64_t i = 0; i < 300; i++)
    assert_int_equal(orr_get_int(rows, i), i != 1234 / 7);
  const int64_t big[] = {(int64_t)1 << 60, 1, -((int64_t)1 << 60)}, three = 3;
  x = orr_keep(orr_from_data(ORR_I64, 1, &three, big));
  assert_int_equal(orr_get_int(ORR(sum, x), 0), 1);
  assert_int_equal(orr_get_int(ORR(amin, x), 0), big[2]);
  orr_scope_end(mark);
}

static void nothing_and_infinity_mean_what_they_say(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  const int64_t none = 0, three = 3;
  orr_tensor *x = orr_keep(orr_empty(ORR_F32, 1, &none));
  assert_true(orr_get(ORR(sum, x), 0) == 0);
  assert_true(orr_get(ORR(prod, x), 0) == 1);
  assert_true(isnan(orr_get(ORR(mean, x), 0)));
  assert_true(orr_get(ORR(logsumexp, x), 0) == -INFINITY);
  const double inf = INFINITY;
  const double cases[][4] = {{-inf, -inf, -inf, -inf},
                             {-inf, 2, -inf, 2},
                             {inf, 2, -inf, inf},
                             {inf, inf, 0, inf}};
  for (int i = 0; i < 4; i++) {
    x = orr_keep(orr_from_data(ORR_F64, 1, &three, cases[i]));
    assert_true(orr_get(ORR(logsumexp, x), 0) == cases[i][3]);
  }
  const double with_nan[] = {1, NAN, 3};
  x = orr_keep(orr_from_data(ORR_F64, 1, &three, with_nan));
  assert_true(isnan(orr_get(ORR(amax, x), 0)));
  assert_true(isnan(orr_get(ORR(amin, x), 0)));
  assert_int_equal(orr_get_int(ORR(argmax, x), 0), 2);
  assert_true(isnan(orr_get(ORR(norm, x, .attr = {inf}), 0)));
  orr_scope_end(mark);
}

static void softmax_rows_are_probabilities(void **state) {
  (void)state;
  static const int64_t sizes[][3] = {{3, 4, 5},
                                     {2, 100, 3},
                                     {5, 1, 130},
                                     {4, 33, 1}};
  for (int s = 0; s < 4; s++)
    for (int axis = 0; axis < 3; axis++) {
      const size_t mark = orr_scope_begin();
      orr_tensor *x = random_tensor(ORR_F32, 3, sizes[s]);
      for (int64_t i = 0; i < x->count; i++) ORR_F32P(x)[i] *= 80;
      orr_tensor *y = ORR(softmax, x, .attr = {axis});
      orr_tensor *l = ORR(log_softmax, x, .attr = {axis});
      double *sum = calloc((size_t)x->count, sizeof *sum);
      for (int64_t i = 0; i < x->count; i++)
        sum[kept_position(x, 1u << axis, i)] += exp(orr_get(x, i));
      for (int64_t i = 0; i < x->count; i++) {
        const double total = sum[kept_position(x, 1u << axis, i)];
        const double p = exp(orr_get(x, i)) / total;
        // x - m is up to 160: half its last place is 8e-6.
        assert_true(fabs(orr_get(y, i) - p) <= 1e-5 * p + 1e-37);
        near(orr_get(l, i), orr_get(x, i) - log(total), 1e-6);
      }
      free(sum);
      orr_scope_end(mark);
    }
}

static void softmax_of_a_nan_is_nan_along_its_row_alone(void **state) {
  (void)state;
  const int64_t size[2] = {40, 70};
  for (int axis = 0; axis < 2; axis++)
    for (int64_t at = 0; at < 40 * 70; at += 131) {
      const size_t mark = orr_scope_begin();
      orr_tensor *x = random_tensor(ORR_F32, 2, size);
      ORR_F32P(x)[at] = NAN;
      orr_tensor *y = ORR(softmax, x, .attr = {axis});
      orr_tensor *l = ORR(log_softmax, x, .attr = {axis});
      for (int64_t i = 0; i < x->count; i++) {
        const bool same = axis == 1 ? i / 70 == at / 70 : i % 70 == at % 70;
        assert_true(same == isnan(orr_get(y, i)));
        assert_true(same == isnan(orr_get(l, i)));
      }
      orr_scope_end(mark);
    }
}

static void equal_extremes_go_to_the_first_or_are_shared(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  const int64_t size[2] = {2, 4};
  const double v[] = {1, 3, 3, 2, 5, 5, 5, 0};
  orr_tensor *x = orr_keep(orr_from_data(ORR_F64, 2, size, v)), *g;
  assert_true(orr_set_requires_grad(x, true));
  orr_tensor *at = ORR(argmax, x, .attr = {1, 1});
  assert_int_equal(orr_get_int(at, 0), 2);
  assert_int_equal(orr_get_int(at, 1), 1);
  orr_tensor *y = ORR(amax, x, .attr = {1, 1});
  assert_true(orr_grad(1, &y, NULL, 1, &x, &g, false, false, false));
  const double shared[] = {0, .5, .5, 0, 1. / 3, 1. / 3, 1. / 3, 0};
  for (int i = 0; i < 8; i++) near(orr_get(g, i), shared[i], 1e-15);
  orr_release(g);
  y = ORR(max, x, .attr = {1});
  assert_true(orr_grad(1, &y, NULL, 1, &x, &g, false, false, false));
  const double first[] = {0, 1, 0, 0, 1, 0, 0, 0};
  for (int i = 0; i < 8; i++) assert_true(orr_get(g, i) == first[i]);
  orr_release(g);
  orr_scope_end(mark);
}

// Rows of every length around the width of a vector; few different values, so
// that there are ties, and in every third row a NaN, which wins.
static void the_place_of_an_extreme_is_the_first(void **state) {
  (void)state;
  for (int64_t n = 1; n <= 100; n++)
    for (int d = 0; d < ORR_DTYPES; d++) {
      const size_t mark = orr_scope_begin();
      const int64_t size[2] = {9, n};
      orr_tensor *x = orr_keep(orr_empty((orr_dtype)d, 2, size));
      for (int64_t i = 0; i < x->count; i++) orr_set(x, i, (double)pick(3, 9));
      const bool floats = orr_dtype_is_float((orr_dtype)d);
      for (int64_t row = 0; floats && row < 9; row += 3)
        for (int k = 0; k < 2; k++) orr_set(x, row * n + pick(0, n - 1), NAN);
      for (int largest = 0; largest < 2; largest++) {
        orr_tensor *at = largest ? ORR(argmax, x, .attr = {1, 1})
                                 : ORR(argmin, x, .attr = {1, 1});
        orr_short_args a = {x, .attr = {1, 1}};
        orr_tensor *value =
            orr_apply_short(largest ? &orr_op_amax : &orr_op_amin, &a);
        for (int64_t row = 0; row < 9; row++) {
          int64_t best = 0;
          for (int64_t i = 1; i < n; i++) {
            const double v = orr_get(x, row * n + i);
            const double b = orr_get(x, row * n + best);
            if (b == b && (v != v || (largest ? v > b : v < b))) best = i;
          }
          const double b = orr_get(x, row * n + best), v = orr_get(value, row);
          assert_int_equal(orr_get_int(at, row), best + 1);
          assert_true(v == b || (v != v && b != b));
        }
      }
      orr_scope_end(mark);
    }
}

// Seven rows in one piece, of which four go side by side.
static void running_sums_of_rows_agree_with_plain_loops(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  const int64_t size[2] = {7, 37};
  orr_tensor *x = random_tensor(ORR_F32, 2, size);
  orr_tensor *up = ORR(cumsum, x, .attr = {1});
  orr_tensor *down = ORR(cumsum, x, .attr = {1, 1});
  for (int64_t row = 0; row < 7; row++) {
    double left = 0, right = 0;
    for (int64_t i = 0; i < 37; i++) {
      left += orr_get(x, row * 37 + i);
      right += orr_get(x, row * 37 + 36 - i);
      assert_true(orr_get(up, row * 37 + i) == (float)left);
      assert_true(orr_get(down, row * 37 + 36 - i) == (float)right);
    }
  }
  orr_scope_end(mark);
}

// A product's gradient is the product of the others, zeros or not.
static void a_product_differentiates_through_zeros(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  const int64_t n = 5;
  const double v[] = {2, 0, 3, 5, 7};
  orr_tensor *x = orr_keep(orr_from_data(ORR_F64, 1, &n, v)), *g, *gg;
  assert_true(orr_set_requires_grad(x, true));
  orr_tensor *y = ORR(prod, x);
  assert_true(orr_get(y, 0) == 0);
  assert_true(orr_grad(1, &y, NULL, 1, &x, &g, true, true, false));
  orr_keep(g);
  for (int i = 0; i < n; i++) assert_true(orr_get(g, i) == (i == 1 ? 210 : 0));
  orr_tensor *first = ORR(narrow, g, .attr = {0, 0, 1, 1});
  first = ORR(sum, first);
  assert_true(orr_grad(1, &first, NULL, 1, &x, &gg, false, false, false));
  for (int i = 0; i < n; i++)  // d2 / dx1 dxi
    assert_true(orr_get(gg, i) == (i == 1 ? 105 : 0));
  orr_release(gg);
  orr_scope_end(mark);
}

static void running_sums_go_both_ways(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  const int64_t size[3] = {3, 50, 70};
  orr_tensor *x = random_tensor(ORR_F64, 3, size);
  orr_tensor *up = ORR(cumsum, x, .attr = {1});
  orr_tensor *down = ORR(cumsum, x, .attr = {1, 1});
  orr_tensor *all = ORR(sum, x, .attr = {1, 1});
  for (int64_t o = 0; o < 3; o++)
    for (int64_t j = 0; j < 70; j++) {
      double sum = 0;
      for (int64_t i = 0; i < 50; i++) {
        const int64_t at = (o * 50 + i) * 70 + j;
        const double total = orr_get(all, o * 70 + j);
        near(orr_get(down, at), total - sum, 1e-13);
        sum += orr_get(x, at);
        near(orr_get(up, at), sum, 1e-13);
      }
    }
  orr_scope_end(mark);
}

static void any_number_of_threads_gives_the_same_bits(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  const int64_t size[3] = {300, 70, 50};
  orr_tensor *x = random_tensor(ORR_F32, 3, size);
  for (unsigned axes = 1; axes < 8; axes++) {
    orr_short_args a = {x};
    set_axes(a.attr, 3, axes);
    orr_tensor *y[2], *z[2];
    for (int t = 0; t < 2; t++) {
      assert_true(orr_set_threads(t ? 3 : 1));
      y[t] = orr_apply_short(&orr_op_sum, &a);
      z[t] = orr_apply_short(&orr_op_logsumexp, &a);
    }
    const size_t bytes = (size_t)y[0]->count * sizeof(float);
    assert_memory_equal(orr_data(y[0]), orr_data(y[1]), bytes);
    assert_memory_equal(orr_data(z[0]), orr_data(z[1]), bytes);
  }
  orr_scope_end(mark);
}

int main(void) {
#define TEST(NAME) cmocka_unit_test_teardown(NAME, check_clean)
  const struct CMUnitTest tests[] = {
      TEST(every_set_of_axes_agrees_with_plain_loops),
      TEST(a_float32_sum_keeps_small_terms),
      TEST(integers_are_exact_and_truth_is_counted),
      TEST(nothing_and_infinity_mean_what_they_say),
      TEST(softmax_rows_are_probabilities),
      TEST(softmax_of_a_nan_is_nan_along_its_row_alone),
      TEST(equal_extremes_go_to_the_first_or_are_shared),
      TEST(the_place_of_an_extreme_is_the_first),
      TEST(running_sums_of_rows_agree_with_plain_loops),
      TEST(a_product_differentiates_through_zeros),
      TEST(running_sums_go_both_ways),
      TEST(any_number_of_threads_gives_the_same_bits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
