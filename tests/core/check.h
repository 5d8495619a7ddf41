// check.h -- for C tests of ops: random inputs, gradients of both orders
// against finite differences, nothing left behind.
#ifndef CHECK_H
#define CHECK_H
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../core/ops/op.h"

// A fixed sequence, the same on every machine: Knuth's MMIX generator.
static uint64_t check_seed = 1;
static inline double uniform(double low, double high) {
  check_seed = check_seed * 6364136223846793005u + 1442695040888963407u;
  return low + (high - low) * (double)(check_seed >> 11) / 9007199254740992.0;
}
static inline int64_t pick(int64_t low, int64_t high) {
  return low + (int64_t)uniform(0, (double)(high - low + 1));
}

static inline int check_clean(void **state) {
  (void)state;
  assert_string_equal(orr_error(), "");
  assert_int_equal(orr_memory_stats().live_tensors, 0);
  assert_int_equal(orr_memory_stats().live_blocks, 0);
  return 0;
}

// A tensor of the scope with elements in [-1, 1).
static inline orr_tensor *random_tensor(orr_dtype d, int rank,
                                        const int64_t *size) {
  orr_tensor *t = orr_keep(orr_empty(d, rank, size));
  assert_non_null(t);
  for (int64_t i = 0; i < t->count; i++) orr_set(t, i, uniform(-1, 1));
  return t;
}

// The function under test: makes a result of the scope from inputs.
typedef orr_tensor *check_fn(orr_tensor *const *x, const void *context);

// sum(f(x) * r) and, where g is not NULL, its gradients.
static inline double weighed(check_fn *f, const void *context, int n,
                             orr_tensor *const *x, orr_tensor *r,
                             orr_tensor **g, bool create_graph) {
  orr_tensor *y = ORR(sum, ORR(mul, f(x, context), r));
  assert_string_equal(orr_error(), "");
  if (g) {
    assert_true(orr_grad(1, &y, NULL, n, x, g, true, create_graph, true));
    for (int i = 0; i < n; i++) orr_keep(g[i]);
  }
  return orr_get(y, 0);
}

// sum over i of sum(dL/dx_i * s_i), L as above.
static inline orr_tensor *directional(check_fn *f, const void *context, int n,
                                      orr_tensor *const *x, orr_tensor *r,
                                      orr_tensor *const *s, bool graph) {
  orr_tensor *g[ORR_MAX_INPUT], *sum = NULL;
  weighed(f, context, n, x, r, g, graph);
  for (int i = 0; i < n; i++) {
    orr_tensor *part = ORR(sum, ORR(mul, g[i], s[i]));
    sum = sum ? ORR(add, sum, part) : part;
  }
  return sum;
}

static inline void near(double a, double b, double tolerance) {
  const double size = fmax(1, fmax(fabs(a), fabs(b)));
  if (!(fabs(a - b) <= tolerance * size)) fail_msg("%.12g against %.12g", a, b);
}

// Inputs are float64 tensors of the scope. Each element is moved.
static inline void check_gradients(check_fn *f, const void *context, int n,
                                   orr_tensor *const *x) {
  const size_t mark = orr_scope_begin();
  const double h = 1e-5;
  orr_tensor *g[ORR_MAX_INPUT], *gg[ORR_MAX_INPUT], *s[ORR_MAX_INPUT];
  for (int i = 0; i < n; i++) {
    assert_true(orr_set_requires_grad(x[i], true));
    s[i] = random_tensor(ORR_F64, x[i]->rank, x[i]->size);
  }
  orr_tensor *y = f(x, context);
  assert_string_equal(orr_error(), "");
  orr_tensor *r = random_tensor(ORR_F64, y->rank, y->size);
  weighed(f, context, n, x, r, g, false);
  orr_tensor *d = directional(f, context, n, x, r, s, true);
  if (orr_requires_grad(d)) {
    assert_true(orr_grad(1, &d, NULL, n, x, gg, true, false, true));
  } else {
    for (int i = 0; i < n; i++)
      gg[i] = orr_zeros(ORR_F64, x[i]->rank, x[i]->size);
  }
  for (int i = 0; i < n; i++) {
    for (int64_t k = 0; k < x[i]->count; k++) {
      const size_t inner = orr_scope_begin();
      const double v = orr_get(x[i], k);
      orr_set(x[i], k, v + h);
      const double up = weighed(f, context, n, x, r, NULL, false);
      const double up2 = orr_get(directional(f, context, n, x, r, s, false), 0);
      orr_set(x[i], k, v - h);
      const double down = weighed(f, context, n, x, r, NULL, false);
      const double down2 =
          orr_get(directional(f, context, n, x, r, s, false), 0);
      orr_set(x[i], k, v);
      near(orr_get(g[i], k), (up - down) / (2 * h), 1e-7);
      near(orr_get(gg[i], k), (up2 - down2) / (2 * h), 1e-6);
      orr_scope_end(inner);
    }
    orr_release(gg[i]);
  }
  for (int i = 0; i < n; i++) orr_set_requires_grad(x[i], false);
  orr_scope_end(mark);
}

#endif
