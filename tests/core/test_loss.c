// test_loss.c -- losses against their definitions in long double, where the
// obvious formulas overflow or cancel.
#include "check.h"

static orr_tensor *numbers(orr_dtype d, int64_t n, const double *v) {
  orr_tensor *t = orr_keep(orr_empty(d, 1, &n));
  for (int64_t i = 0; i < n; i++) orr_set(t, i, v[i]);
  return t;
}

enum { MEAN, SUM, NONE };

static void within(double got, long double want, double relative) {
  const double w = (double)want;
  if (!(fabs(got - w) <= relative * fabs(w) + 1e-44))
    fail_msg("%.12g against %.12g", got, w);
}

static void bce_with_logits_is_exact_at_every_size(void **state) {
  (void)state;
  static const double x[] = {-1e4, -90, -20, -1, -1e-6, 0,
                             1e-6, 1,   20,  90, 1e4,   3};
  for (int d = ORR_F32; d <= ORR_F64; d++)
    for (int t = 0; t < 2; t++) {
      const size_t mark = orr_scope_begin();
      double target[12];
      for (int i = 0; i < 12; i++) target[i] = t;
      orr_tensor *logits = numbers((orr_dtype)d, 12, x), *g;
      orr_tensor *labels = numbers((orr_dtype)d, 12, target);
      assert_true(orr_set_requires_grad(logits, true));
      orr_tensor *y =
          ORR(binary_cross_entropy_with_logits, logits, labels, .attr = {NONE});
      const double tolerance = d == ORR_F32 ? 1e-6 : 1e-14;
      for (int i = 0; i < 12; i++) {
        const long double z = orr_get(logits, i);  // -log sigmoid(+-z)
        const long double s = t ? -z : z;
        const long double want = s > 0 ? s + log1pl(expl(-s)) : log1pl(expl(s));
        // A denormal: float32 has not all its digits there.
        if (want < 1e-30L && d == ORR_F32) continue;
        within(orr_get(y, i), want, tolerance);
      }
      assert_true(orr_grad(1, &y, NULL, 1, &logits, &g, false, false, false));
      for (int i = 0; i < 12; i++) {
        const long double z = orr_get(logits, i);
        near(orr_get(g, i), (double)(1 / (1 + expl(-z)) - t), tolerance);
      }
      orr_release(g);
      orr_scope_end(mark);
    }
}

static void bce_limits_its_logarithms(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  const double p[] = {0, 1, 0, 1, 0.3}, t[] = {1, 0, 0, 1, 0.25};
  const double want[] = {100, 100, 0, 0, -(0.25 * log(0.3) + 0.75 * log(0.7))};
  for (int d = ORR_F32; d <= ORR_F64; d++) {
    orr_tensor *y = ORR(binary_cross_entropy, numbers((orr_dtype)d, 5, p),
                        numbers((orr_dtype)d, 5, t), .attr = {NONE});
    for (int i = 0; i < 5; i++) near(orr_get(y, i), want[i], 1e-6);
  }
  orr_scope_end(mark);
}

static void kl_normal_keeps_its_digits_near_zero(void **state) {
  (void)state;
  static const double logvar[] = {-80, -5,   -1.0001, -0.9999, -0.1,   -1e-3,
                                  0,   1e-6, 0.2,     0.9999,  1.0001, 7};
  for (int d = ORR_F32; d <= ORR_F64; d++) {
    const size_t mark = orr_scope_begin();
    const double zero[12] = {0};
    orr_tensor *lv = numbers((orr_dtype)d, 12, logvar);
    orr_tensor *y = ORR(kl_normal, numbers((orr_dtype)d, 12, zero), lv);
    for (int i = 0; i < 12; i++) {
      const long double z = orr_get(lv, i);
      // expm1l(z) - z cancels as well, but 64 bits have room for it.
      long double want = (expm1l(z) - z) / 2;
      if (fabsl(z) < 1e-2L)
        want = z * z / 4 + z * z * z / 12 + z * z * z * z / 48 +
            z * z * z * z * z / 240;
      within(orr_get(y, i), want, d == ORR_F32 ? 5e-7 : 2e-14);
    }
    orr_scope_end(mark);
  }
}

// By hand: p = softmax over classes; loss = -log p[target].
// The mean over none is 0 / 0, but nothing flows back from it.
static void ignored_labels_get_no_gradient(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  const int64_t size[] = {2, 3}, classes = 3, labels[] = {2, 2};
  orr_tensor *x = random_tensor(ORR_F64, 2, size);
  orr_tensor *w = random_tensor(ORR_F64, 1, &classes);
  orr_tensor *t = orr_keep(orr_from_data(ORR_I64, 1, size, labels));
  assert_true(orr_set_requires_grad(x, true));
  for (int weighted = 0; weighted < 2; weighted++) {
    orr_tensor *y =
        ORR(cross_entropy, x, t, weighted ? w : NULL, .attr = {MEAN, 2, 0.1});
    orr_tensor *gy = NULL, *g = NULL;
    assert_true(isnan(orr_get(y, 0)));
    assert_true(orr_grad(1, &y, &gy, 1, &x, &g, false, false, false));
    for (int i = 0; i < 6; i++) assert_true(orr_get(g, i) == 0);
    orr_release(g);
  }
  orr_scope_end(mark);
}

static void cross_entropy_follows_its_definition(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  const int64_t size[3] = {4, 5, 3}, rows[2] = {4, 3}, classes = 5;
  orr_tensor *x = random_tensor(ORR_F64, 3, size);
  orr_tensor *w = random_tensor(ORR_F64, 1, &classes);
  orr_tensor *t = orr_keep(orr_empty(ORR_I64, 2, rows));
  for (int i = 0; i < 12; i++) ORR_I64P(t)[i] = pick(1, 5);
  ORR_I64P(t)[7] = 9;
  for (int k = 0; k < 5; k++) orr_set(w, k, orr_get(w, k) + 1.5);
  const double smoothing = 0.1;
  for (int weighted = 0; weighted < 2; weighted++) {
    double total = 0, weight = 0;
    for (int n = 0; n < 4; n++)
      for (int j = 0; j < 3; j++) {
        const int64_t label = orr_get_int(t, n * 3 + j);
        if (label == 9) continue;
        double sum = 0, mixed = 0;
        for (int k = 0; k < 5; k++) sum += exp(orr_get(x, (n * 5 + k) * 3 + j));
        for (int k = 0; k < 5; k++) {
          const double share =
              (k + 1 == label ? 1 - smoothing : 0) + smoothing / 5;
          const double lp = orr_get(x, (n * 5 + k) * 3 + j) - log(sum);
          mixed -= share * lp * (weighted ? orr_get(w, k) : 1);
        }
        total += mixed;
        weight += weighted ? orr_get(w, label - 1) : 1;
      }
    orr_tensor *weights = weighted ? w : NULL;
    orr_tensor *sum =
        ORR(cross_entropy, x, t, weights, .attr = {SUM, 9, smoothing});
    orr_tensor *mean =
        ORR(cross_entropy, x, t, weights, .attr = {MEAN, 9, smoothing});
    near(orr_get(sum, 0), total, 1e-13);
    near(orr_get(mean, 0), total / weight, 1e-13);
    orr_tensor *each =
        ORR(cross_entropy, x, t, weights, .attr = {NONE, 9, smoothing});
    assert_true(orr_get(each, 7) == 0);
    near(orr_get(ORR(sum, each), 0), total, 1e-13);
  }
  orr_scope_end(mark);
}

static void positive_weights_multiply_the_positive_term(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  const double x[] = {-3, 0.5, 40, -40}, t[] = {1, 0.25, 0, 1};
  const double p[] = {2, 3, 0.5, 7};
  orr_tensor *y =
      ORR(binary_cross_entropy_with_logits, numbers(ORR_F64, 4, x),
          numbers(ORR_F64, 4, t), NULL, numbers(ORR_F64, 4, p), .attr = {NONE});
  for (int i = 0; i < 4; i++) {
    const long double s = 1 / (1 + expl(-(long double)x[i]));
    const long double r = 1 / (1 + expl((long double)x[i]));
    near(orr_get(y, i), (double)-(p[i] * t[i] * logl(s) + (1 - t[i]) * logl(r)),
         1e-14);
  }
  orr_scope_end(mark);
}

static void distances_follow_their_definitions(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  const double a[] = {1, -2, 0.5, 3}, b[] = {1.25, 2, 0.5, 1};
  orr_tensor *x = numbers(ORR_F64, 4, a), *t = numbers(ORR_F64, 4, b);
  near(orr_get(ORR(mse_loss, x, t), 0), (0.0625 + 16 + 0 + 4) / 4, 1e-15);
  near(orr_get(ORR(l1_loss, x, t, .attr = {SUM}), 0), 6.25, 1e-15);
  orr_tensor *y = ORR(smooth_l1_loss, x, t, .attr = {NONE, 2});
  const double want[] = {0.0625 / 4, 3, 0, 1};
  for (int i = 0; i < 4; i++) near(orr_get(y, i), want[i], 1e-15);
  orr_scope_end(mark);
}

int main(void) {
#define TEST(NAME) cmocka_unit_test_teardown(NAME, check_clean)
  const struct CMUnitTest tests[] = {
      TEST(bce_with_logits_is_exact_at_every_size),
      TEST(bce_limits_its_logarithms),
      TEST(kl_normal_keeps_its_digits_near_zero),
      TEST(cross_entropy_follows_its_definition),
      TEST(ignored_labels_get_no_gradient),
      TEST(positive_weights_multiply_the_positive_term),
      TEST(distances_follow_their_definitions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
