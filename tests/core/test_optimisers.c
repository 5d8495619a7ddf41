// test_optimisers.c -- the fused steps against PyTorch's formulas written out
// in double, one element at a time.
#include "check.h"

enum { PARAMS = 3, STEPS = 7 };
static const int64_t counts[PARAMS] = {1, 37, 20001};

typedef struct model {
  orr_tensor *p[PARAMS], *g[PARAMS], *s[3][PARAMS];
  double *rp[PARAMS], *rs[3][PARAMS];  // the reference
} model;

static double *doubles(int64_t n) { return calloc((size_t)n, sizeof(double)); }

// A third of the parameters' gradients is a strided view.
static void begin(model *m, orr_dtype d) {
  for (int i = 0; i < PARAMS; i++) {
    m->p[i] = random_tensor(d, 1, &counts[i]);
    m->rp[i] = doubles(counts[i]);
    for (int64_t k = 0; k < counts[i]; k++) m->rp[i][k] = orr_get(m->p[i], k);
    for (int s = 0; s < 3; s++) {
      m->s[s][i] = orr_keep(orr_zeros(d, 1, &counts[i]));
      m->rs[s][i] = doubles(counts[i]);
    }
  }
}

static void new_gradients(model *m) {
  for (int i = 0; i < PARAMS; i++) {
    const int64_t twice = 2 * counts[i];
    orr_tensor *wide = random_tensor(m->p[i]->dtype, 1, &twice);
    m->g[i] =
        ORR(narrow, wide, .attr = {0, 0, (double)counts[i], i == 1 ? 2 : 1});
  }
}

static void compare_and_end(model *m, double tolerance) {
  for (int i = 0; i < PARAMS; i++) {
    for (int64_t k = 0; k < counts[i]; k++)
      near(orr_get(m->p[i], k), m->rp[i][k], tolerance);
    free(m->rp[i]);
    for (int s = 0; s < 3; s++) {
      for (int64_t k = 0; k < counts[i]; k++)
        near(orr_get(m->s[s][i], k), m->rs[s][i][k], tolerance);
      free(m->rs[s][i]);
    }
  }
}

static double tolerance_of(orr_dtype d) { return d == ORR_F32 ? 2e-5 : 1e-12; }

// One step of the reference for element (i, k) with gradient g.
typedef void reference_fn(const void *o, int step, double g, double *p,
                          double *s0, double *s1, double *s2);

static void reference_step(model *m, reference_fn *f, const void *o, int step) {
  for (int i = 0; i < PARAMS; i++)
    for (int64_t k = 0; k < counts[i]; k++)
      f(o, step, orr_get(m->g[i], k), &m->rp[i][k], &m->rs[0][i][k],
        &m->rs[1][i][k], &m->rs[2][i][k]);
}

static void sgd(const void *options, int step, double g, double *p,
                double *buffer, double *s1, double *s2) {
  const orr_sgd *o = options;
  (void)s1, (void)s2;
  g += o->weight_decay * *p;
  if (o->momentum != 0) {
    *buffer = step == 1 ? g : o->momentum * *buffer + (1 - o->dampening) * g;
    g = o->nesterov ? g + o->momentum * *buffer : *buffer;
  }
  *p -= o->lr * g;
}

static void sgd_takes_pytorchs_steps(void **state) {
  (void)state;
  static const orr_sgd options[] = {{0.1, 0, 0, 0, false},
                                    {0.1, 0.9, 0, 0.01, false},
                                    {0.1, 0.9, 0.5, 0.01, false},
                                    {0.1, 0.8, 0, 0.02, true}};
  for (int d = ORR_F32; d <= ORR_F64; d++)
    for (int i = 0; i < 4; i++) {
      const size_t mark = orr_scope_begin();
      model m;
      begin(&m, (orr_dtype)d);
      for (int step = 1; step <= STEPS; step++) {
        new_gradients(&m);
        assert_true(
            orr_sgd_step(&options[i], step == 1, PARAMS, m.p, m.g, m.s[0]));
        reference_step(&m, sgd, &options[i], step);
      }
      compare_and_end(&m, tolerance_of((orr_dtype)d));
      orr_scope_end(mark);
    }
}

static void adam(const void *options, int step, double g, double *p, double *m,
                 double *v, double *s2) {
  const orr_adam *o = options;
  (void)s2;
  if (o->decoupled)
    *p *= 1 - o->lr * o->weight_decay;
  else
    g += o->weight_decay * *p;
  *m = o->beta1 * *m + (1 - o->beta1) * g;
  *v = o->beta2 * *v + (1 - o->beta2) * g * g;
  const double mean = *m / (1 - pow(o->beta1, step));
  const double square = *v / (1 - pow(o->beta2, step));
  *p -= o->lr * mean / (sqrt(square) + o->eps);
}

static void adam_and_adamw_take_pytorchs_steps(void **state) {
  (void)state;
  static const orr_adam options[] = {{0.01, 0.9, 0.999, 1e-8, 0, false, 0},
                                     {0.02, 0.5, 0.99, 1e-3, 0.1, false, 0},
                                     {0.01, 0.9, 0.999, 1e-8, 0.1, true, 0}};
  for (int d = ORR_F32; d <= ORR_F64; d++)
    for (int i = 0; i < 3; i++) {
      const size_t mark = orr_scope_begin();
      model m;
      begin(&m, (orr_dtype)d);
      for (int step = 1; step <= STEPS; step++) {
        orr_adam o = options[i];
        o.step = step;
        new_gradients(&m);
        assert_true(orr_adam_step(&o, PARAMS, m.p, m.g, m.s[0], m.s[1]));
        reference_step(&m, adam, &options[i], step);
      }
      compare_and_end(&m, tolerance_of((orr_dtype)d));
      orr_scope_end(mark);
    }
}

static void rmsprop(const void *options, int step, double g, double *p,
                    double *square, double *mean, double *velocity) {
  const orr_rmsprop *o = options;
  (void)step;
  g += o->weight_decay * *p;
  *square = o->alpha * *square + (1 - o->alpha) * g * g;
  double spread = *square;
  if (o->centered) {
    *mean = o->alpha * *mean + (1 - o->alpha) * g;
    spread -= *mean * *mean;
  }
  g /= sqrt(spread) + o->eps;
  if (o->momentum > 0) {
    *velocity = o->momentum * *velocity + g;
    g = *velocity;
  }
  *p -= o->lr * g;
}

static void rmsprop_takes_pytorchs_steps(void **state) {
  (void)state;
  static const orr_rmsprop options[] = {{0.01, 0.9, 1e-3, 0, 0, false},
                                        {0.01, 0.9, 1e-3, 0.1, 0.5, false},
                                        {0.01, 0.9, 1e-2, 0, 0, true},
                                        {0.01, 0.9, 1e-2, 0.1, 0.5, true}};
  for (int d = ORR_F32; d <= ORR_F64; d++)
    for (int i = 0; i < 4; i++) {
      const size_t mark = orr_scope_begin();
      model m;
      begin(&m, (orr_dtype)d);
      for (int step = 1; step <= STEPS; step++) {
        new_gradients(&m);
        assert_true(orr_rmsprop_step(&options[i], PARAMS, m.p, m.g, m.s[0],
                                     m.s[1], m.s[2]));
        reference_step(&m, rmsprop, &options[i], step);
      }
      // A difference of squares: float32 keeps fewer digits of it.
      compare_and_end(&m,
                      options[i].centered && d == ORR_F32
                          ? 1e-3
                          : tolerance_of((orr_dtype)d));
      orr_scope_end(mark);
    }
}

static void clipping_scales_all_gradients_together(void **state) {
  (void)state;
  for (int d = ORR_F32; d <= ORR_F64; d++) {
    const size_t mark = orr_scope_begin();
    orr_tensor *g[PARAMS + 1] = {NULL};
    double square = 0, *before[PARAMS];
    for (int i = 0; i < PARAMS; i++) {
      g[i] = random_tensor((orr_dtype)d, 1, &counts[i]);
      before[i] = doubles(counts[i]);
      for (int64_t k = 0; k < counts[i]; k++) {
        before[i][k] = orr_get(g[i], k);
        square += before[i][k] * before[i][k];
      }
    }
    const double tolerance = tolerance_of((orr_dtype)d);
    double norm;
    const uint32_t version = orr_version(g[0]);
    assert_true(orr_clip_grad_norm(PARAMS + 1, g, 1e9, &norm));
    near(norm, sqrt(square), tolerance);
    assert_true(orr_get(g[1], 5) == before[1][5]);
    assert_int_equal(orr_version(g[0]), version);
    assert_true(orr_clip_grad_norm(PARAMS + 1, g, 2, &norm));
    near(norm, sqrt(square), tolerance);
    const double factor = 2 / (norm + 1e-6);
    for (int i = 0; i < PARAMS; i++) {
      for (int64_t k = 0; k < counts[i]; k++)
        near(orr_get(g[i], k), before[i][k] * factor, tolerance);
      free(before[i]);
    }
    assert_true(orr_version(g[0]) > version);
    orr_scope_end(mark);
  }
}

static void expect_error(bool ok, const char *sentence) {
  assert_false(ok);
  assert_string_equal(orr_error(), sentence);
  orr_clear_error();
}

// A refused step has changed nothing, whichever parameter was wrong.
static void a_refused_step_changes_nothing(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  model m;
  begin(&m, ORR_F32);
  new_gradients(&m);
  const orr_adam o = {0.1, 0.9, 0.999, 1e-8, 0, false, 1};
  orr_tensor *good = m.g[2], *state_good = m.s[1][2];
  m.g[2] = m.g[1];
  expect_error(orr_adam_step(&o, PARAMS, m.p, m.g, m.s[0], m.s[1]),
               "adam: parameter 3 is float32 [20001] but its gradient is "
               "float32 [37]; match them");
  m.g[2] = good;
  m.s[1][2] = NULL;
  expect_error(orr_adam_step(&o, PARAMS, m.p, m.g, m.s[0], m.s[1]),
               "adam: second moment of parameter 3 is missing; give one like "
               "the parameter");
  m.s[1][2] = state_good;
  orr_adam bad = o;
  bad.beta2 = 1;
  expect_error(orr_adam_step(&bad, PARAMS, m.p, m.g, m.s[0], m.s[1]),
               "adam: beta2 is 1; use 0 <= beta2 < 1");
  const orr_sgd nesterov = {0.1, 0, 0, 0, true};
  expect_error(orr_sgd_step(&nesterov, true, PARAMS, m.p, m.g, m.s[0]),
               "sgd: nesterov with momentum 0 and dampening 0; use a momentum "
               "> 0 and no dampening");
  for (int n = 1; n <= 2; n++) {  // the table, then the packed gradient
    orr_memory_fail_after(n);
    assert_false(orr_adam_step(&o, PARAMS, m.p, m.g, m.s[0], m.s[1]));
    orr_memory_fail_after(0);
    orr_clear_error();
  }
  for (int i = 0; i < PARAMS; i++) assert_int_equal(orr_version(m.p[i]), 0);
  compare_and_end(&m, 0);
  orr_scope_end(mark);
}

static void parameters_without_gradient_stay(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  model m;
  begin(&m, ORR_F32);
  new_gradients(&m);
  const double before = orr_get(m.p[1], 3), other = orr_get(m.p[2], 3);
  m.g[1] = NULL;
  const orr_sgd o = {0.1, 0.9, 0, 0.1, false};
  assert_true(orr_sgd_step(&o, true, PARAMS, m.p, m.g, m.s[0]));
  assert_true(orr_get(m.p[1], 3) == before);
  assert_true(orr_get(m.p[2], 3) != other);
  assert_int_equal(orr_version(m.p[1]), 0);
  assert_int_equal(orr_version(m.p[2]), 1);
  for (int i = 0; i < PARAMS; i++) {
    free(m.rp[i]);
    for (int s = 0; s < 3; s++) free(m.rs[s][i]);
  }
  orr_scope_end(mark);
}

// An interrupt that came before or comes during a step waits.
static void an_interrupt_does_not_cut_a_step(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  model m;
  begin(&m, ORR_F64);
  new_gradients(&m);
  const orr_sgd o = {0.1, 0, 0, 0, false};
  orr_interrupt();
  assert_true(orr_sgd_step(&o, true, PARAMS, m.p, m.g, NULL));
  assert_true(orr_interrupted());
  orr_clear_interrupt();
  reference_step(&m, sgd, &o, 1);
  compare_and_end(&m, 1e-14);
  orr_scope_end(mark);
}

static void any_number_of_threads_takes_the_same_step(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  model m[2];
  double norm[2];
  for (int t = 0; t < 2; t++) {
    assert_true(orr_set_threads(t ? 3 : 1));
    check_seed = 99;
    begin(&m[t], ORR_F32);
    new_gradients(&m[t]);
    orr_tensor *g[PARAMS];
    for (int i = 0; i < PARAMS; i++) g[i] = orr_keep(orr_contiguous(m[t].g[i]));
    const orr_adam o = {0.1, 0.9, 0.999, 1e-8, 0, false, 1};
    assert_true(orr_clip_grad_norm(PARAMS, g, 1, &norm[t]));
    assert_true(orr_adam_step(&o, PARAMS, m[t].p, g, m[t].s[0], m[t].s[1]));
  }
  assert_true(norm[0] == norm[1]);
  for (int t = 0; t < 2; t++)
    for (int i = 0; i < PARAMS; i++) {
      assert_memory_equal(orr_data(m[0].p[i]), orr_data(m[1].p[i]),
                          (size_t)counts[i] * sizeof(float));
      free(m[t].rp[i]);
      for (int s = 0; s < 3; s++) free(m[t].rs[s][i]);
    }
  orr_scope_end(mark);
}

int main(void) {
#define TEST(NAME) cmocka_unit_test_teardown(NAME, check_clean)
  const struct CMUnitTest tests[] = {
      TEST(sgd_takes_pytorchs_steps),
      TEST(adam_and_adamw_take_pytorchs_steps),
      TEST(rmsprop_takes_pytorchs_steps),
      TEST(clipping_scales_all_gradients_together),
      TEST(a_refused_step_changes_nothing),
      TEST(parameters_without_gradient_stay),
      TEST(an_interrupt_does_not_cut_a_step),
      TEST(any_number_of_threads_takes_the_same_step),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
