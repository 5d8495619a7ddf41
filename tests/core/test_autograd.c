// test_autograd.c -- the tape against hand-made derivatives, and what must
// hold when something fails halfway.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../core/ops/op.h"

static orr_tensor *vector(int64_t n, const double *values) {
  return orr_from_data(ORR_F64, 1, &n, values);
}

static orr_tensor *leaf(int64_t n, const double *values) {
  orr_tensor *t = vector(n, values);
  assert_true(orr_set_requires_grad(t, true));
  return t;
}

static int check_clean(void **state) {
  (void)state;
  assert_string_equal(orr_error(), "");
  assert_int_equal(orr_memory_stats().live_tensors, 0);
  assert_int_equal(orr_memory_stats().live_blocks, 0);
  return 0;
}

static orr_tensor *total(orr_tensor *x) { return ORR(sum, x); }

static void product_rule(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_tensor *x = leaf(3, (double[]){1, 2, 3});
  orr_tensor *y = leaf(3, (double[]){4, 5, 6});
  assert_true(
      orr_backward(total(ORR(mul, x, ORR(exp, y))), NULL, false, false));
  for (int i = 0; i < 3; i++) {
    assert_true(fabs(orr_get(orr_grad_of(x), i) - exp(orr_get(y, i))) < 1e-10);
    assert_true(fabs(orr_get(orr_grad_of(y), i) -
                     orr_get(x, i) * exp(orr_get(y, i))) < 1e-9);
  }
  orr_scope_end(mark);
  orr_release(x);
  orr_release(y);
}

// d3/dx3 x^5 = 60 x^2
static void third_derivative_of_fifth_power(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_tensor *x = leaf(2, (double[]){1.5, -2});
  orr_tensor *x2 = ORR(mul, x, x);
  orr_tensor *y = total(ORR(mul, ORR(mul, x2, x2), x));
  for (int i = 0; i < 3; i++) {
    orr_tensor *g;
    assert_true(orr_grad(1, &y, NULL, 1, &x, &g, true, true, false));
    y = total(orr_keep(g));
    if (i == 2)
      for (int k = 0; k < 2; k++)
        assert_true(fabs(orr_get(g, k) - 60 * pow(orr_get(x, k), 2)) < 1e-9);
  }
  orr_scope_end(mark);
  orr_release(x);
}

static void broadcast_gradients_are_summed(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_tensor *x = leaf(1, (double[]){2});
  orr_tensor *y = leaf(4, (double[]){1, 2, 3, 4});
  assert_true(orr_backward(total(ORR(mul, x, y)), NULL, false, false));
  assert_true(orr_get(orr_grad_of(x), 0) == 10);
  assert_int_equal(orr_count(orr_grad_of(x)), 1);
  orr_scope_end(mark);
  orr_release(x);
  orr_release(y);
}

static void a_second_pass_is_refused(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_tensor *x = leaf(1, (double[]){2});
  orr_tensor *y = total(ORR(mul, x, x));
  assert_true(orr_backward(y, NULL, false, false));
  assert_false(orr_backward(y, NULL, false, false));
  assert_non_null(strstr(orr_error(), "was already passed"));
  assert_true(orr_get(orr_grad_of(x), 0) == 4);
  orr_clear_error();
  orr_scope_end(mark);
  orr_release(x);
}

static void a_saved_input_changed_in_place_is_noticed(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_tensor *x = leaf(1, (double[]){2}), *c = vector(1, (double[]){3});
  orr_tensor *y = total(ORR(mul, x, c));
  assert_true(orr_fill_(c, 5));
  assert_false(orr_backward(y, NULL, false, false));
  assert_non_null(strstr(orr_error(), "changed in place"));
  assert_null(orr_grad_of(x));
  orr_clear_error();
  orr_scope_end(mark);
  orr_release(x);
  orr_release(c);
}

static void in_place_on_a_leaf_is_refused(void **state) {
  (void)state;
  orr_tensor *x = leaf(2, (double[]){1, 2});
  const orr_args args = {.x = {x, x}};
  assert_false(orr_apply_inplace(&orr_op_add, &args));
  assert_non_null(strstr(orr_error(), "in place"));
  orr_clear_error();
  orr_enable_grad(false);
  assert_true(orr_apply_inplace(&orr_op_add, &args));
  orr_enable_grad(true);
  assert_true(orr_get(x, 1) == 4);
  orr_release(x);
}

static void overlapping_in_place_sees_old_values(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_tensor *x = vector(4, (double[]){1, 2, 3, 4});
  orr_tensor *tail = ORR(narrow, x, .attr = {0, 1, 3, 1});
  orr_tensor *head = ORR(narrow, x, .attr = {0, 0, 3, 1});
  const orr_args args = {.x = {tail, head}};
  assert_true(orr_apply_inplace(&orr_op_add, &args));
  for (int i = 0; i < 4; i++) assert_true(orr_get(x, i) == 2 * i + 1);
  orr_scope_end(mark);
  orr_release(x);
}

// A chain this long would overflow the C stack if release recursed.
static void a_long_chain_is_released(void **state) {
  (void)state;
  orr_tensor *x = leaf(1, (double[]){0}), *y = orr_retain(x);
  for (int i = 0; i < 300000; i++) {
    orr_tensor *next = orr_apply(&orr_op_neg, &(orr_args){.x = {y}});
    orr_release(y);
    y = next;
  }
  assert_true(orr_backward(y, NULL, false, false));
  assert_true(orr_get(orr_grad_of(x), 0) == 1);
  orr_release(y);
  orr_release(x);
}

static bool step(orr_tensor *x, orr_tensor *w, orr_tensor **gw) {
  const size_t mark = orr_scope_begin();
  orr_tensor *h = ORR(tanh, ORR(matmul, x, w));
  orr_tensor *y = total(ORR(square, h));
  const bool ok = y && orr_grad(1, &y, NULL, 1, &w, gw, false, false, false);
  orr_scope_end(mark);
  return ok;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  orr_tensor *x =
      orr_from_data(ORR_F64, 2, (int64_t[]){2, 2}, (double[]){1, 2, 3, 4});
  orr_tensor *w =
      orr_from_data(ORR_F64, 2, (int64_t[]){2, 2}, (double[]){.1, -.2, .3, .4});
  assert_true(orr_set_requires_grad(w, true));
  orr_tensor *wanted, *g;
  assert_true(step(x, w, &wanted));
  const orr_memory before = orr_memory_stats();
  int failures = 0;
  for (int n = 1;; n++, failures++) {
    orr_memory_fail_after(n);
    if (step(x, w, &g)) break;
    assert_non_null(strstr(orr_error(), "memory"));
    orr_clear_error();
    assert_int_equal(orr_memory_stats().live_blocks, before.live_blocks);
  }
  orr_memory_fail_after(0);
  assert_in_range(failures, 20, 200);
  for (int i = 0; i < 4; i++) assert_true(orr_get(g, i) == orr_get(wanted, i));
  orr_release(g);
  orr_release(wanted);
  orr_release(w);
  orr_release(x);
}

static void anomaly_mode_names_the_op(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_tensor *x = leaf(2, (double[]){1, -1});
  orr_detect_anomaly(true);
  assert_null(ORR(log, x));
  orr_detect_anomaly(false);
  assert_non_null(strstr(orr_error(), "log: forward made"));
  orr_clear_error();
  orr_scope_end(mark);
  orr_release(x);
}

static void an_interrupted_op_fails_and_nothing_changes(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_tensor *x = leaf(2, (double[]){1, 2});
  orr_tensor *y = total(ORR(mul, x, x));
  orr_interrupt();
  assert_false(orr_backward(y, NULL, true, false));
  assert_string_equal(orr_error(), "interrupted");
  assert_null(orr_grad_of(x));
  orr_clear_interrupt();
  orr_clear_error();
  assert_true(orr_backward(y, NULL, true, false));
  orr_scope_end(mark);
  orr_release(x);
}

#define T(NAME) cmocka_unit_test_teardown(NAME, check_clean)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(product_rule),
      T(third_derivative_of_fifth_power),
      T(broadcast_gradients_are_summed),
      T(a_second_pass_is_refused),
      T(a_saved_input_changed_in_place_is_noticed),
      T(in_place_on_a_leaf_is_refused),
      T(overlapping_in_place_sees_old_values),
      T(a_long_chain_is_released),
      T(every_allocation_may_fail),
      T(anomaly_mode_names_the_op),
      T(an_interrupted_op_fails_and_nothing_changes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
