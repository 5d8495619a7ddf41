// test_norm.c -- batch normalisation against its definition, with gradients
// of both orders.
#include "check.h"

static orr_tensor *train(orr_tensor *const *x, const void *context) {
  const double *eps = context;
  return ORR(batch_norm_train, x[0], x[1], x[2], .attr = {*eps});
}

static orr_tensor *output(const orr_op *op, orr_tensor *const *x, int which) {
  orr_tensor *y[ORR_MAX_OUTPUT];
  const orr_args args = {.x = {x[0], x[1], x[2]}, .attr = {0.1}};
  assert_true(orr_apply_all(op, &args, y));
  for (int i = 0; i < 3; i++) orr_keep(y[i]);
  return y[which];
}
static orr_tensor *statistic(orr_tensor *const *x, const void *context) {
  return output(&orr_op_batch_norm_train, x, *(const int *)context);
}
static orr_tensor *gradient(orr_tensor *const *x, const void *context) {
  return output(&orr_op_batch_norm_dx, x, *(const int *)context);
}

static void gradients_of_both_orders(void **state) {
  (void)state;
  static const int64_t sizes[][4] = {{4, 2, 1, 1}, {2, 2, 3, 1}};
  for (int i = 0; i < 2; i++) {
    const size_t mark = orr_scope_begin();
    const int64_t c = sizes[i][1];
    orr_tensor *x[] = {random_tensor(ORR_F64, 4, sizes[i]),
                       random_tensor(ORR_F64, 1, &c),
                       random_tensor(ORR_F64, 1, &c)};
    orr_tensor *y[] = {random_tensor(ORR_F64, 4, sizes[i]), x[0], x[1]};
    check_gradients(train, &(double){0.01}, 3, x);
    for (int k = 0; k < 3; k++) {
      check_gradients(statistic, &k, 3, x);
      check_gradients(gradient, &k, 3, y);
    }
    orr_scope_end(mark);
  }
}

// float32 far from zero: the variance must not come from a difference of
// large squares.
static void statistics_of_shifted_values(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_tensor *x = random_tensor(ORR_F32, 4, (int64_t[]){5, 3, 7, 9});
  for (int64_t i = 0; i < x->count; i++)
    orr_set(x, i, 1000 + 0.5 * orr_get(x, i));
  orr_tensor *in[] = {x, NULL, NULL};
  orr_tensor *mean = output(&orr_op_batch_norm_train, in, 1);
  orr_tensor *var = output(&orr_op_batch_norm_train, in, 2);
  for (int64_t c = 0; c < 3; c++) {
    double m = 0, v = 0;
    for (int pass = 0; pass < 2; pass++)
      for (int64_t n = 0; n < 5; n++)
        for (int64_t k = 0; k < 63; k++) {
          const double e = orr_get(x, (n * 3 + c) * 63 + k);
          if (pass == 0) m += e / 315;
          if (pass == 1) v += (e - m) * (e - m) / 315;
        }
    near(orr_get(mean, c), m, 1e-7);
    near(orr_get(var, c), v, 1e-7);
  }
  orr_scope_end(mark);
}

static void result_has_mean_bias_and_deviation_weight(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_tensor *in[] = {random_tensor(ORR_F64, 4, (int64_t[]){6, 2, 4, 5}),
                      random_tensor(ORR_F64, 1, (int64_t[]){2}),
                      random_tensor(ORR_F64, 1, (int64_t[]){2})};
  orr_tensor *y[] = {train(in, &(double){0}), NULL, NULL};
  orr_tensor *mean = output(&orr_op_batch_norm_train, y, 1);
  orr_tensor *var = output(&orr_op_batch_norm_train, y, 2);
  for (int64_t c = 0; c < 2; c++) {
    near(orr_get(mean, c), orr_get(in[2], c), 1e-12);
    near(sqrt(orr_get(var, c)), fabs(orr_get(in[1], c)), 1e-12);
  }
  orr_scope_end(mark);
}

#define T(NAME) cmocka_unit_test_teardown(NAME, check_clean)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(gradients_of_both_orders),
      T(statistics_of_shifted_values),
      T(result_has_mean_bias_and_deviation_weight),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
