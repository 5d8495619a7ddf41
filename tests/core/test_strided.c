// test_strided.c -- elementwise work on operands that lie in any order in
// memory, against plain loops over their indices.
#include "check.h"

// A view of t with its axes in another order, and of `keep` of its rows.
static orr_tensor *shuffled(orr_tensor *t, bool narrow) {
  orr_short_args a = {t};
  bool used[ORR_MAX_RANK] = {false};
  a.attr[0] = t->rank;
  for (int i = 0; i < t->rank; i++) {
    int axis = (int)pick(0, t->rank - 1);
    while (used[axis]) axis = (axis + 1) % t->rank;
    used[axis] = true;
    a.attr[1 + i] = axis;
  }
  orr_tensor *y = orr_apply_short(&orr_op_permute, &a);
  if (!narrow || y->size[0] < 2) return y;
  return ORR(narrow, y, .attr = {0, 1, (double)(y->size[0] - 1), 1});
}

// The element of t, broadcast to `of`, at of's flat position i.
static double element(const orr_tensor *t, const orr_tensor *of, int64_t i) {
  int64_t at = t->offset;
  for (int a = of->rank; a-- > 0; i /= of->size[a]) {
    const int own = a - (of->rank - t->rank);
    if (own >= 0 && t->size[own] > 1) at += i % of->size[a] * t->stride[own];
  }
  const char *data = t->storage->data;
  if (t->dtype == ORR_F32)
    return (double)((const float *)(const void *)data)[at];
  if (t->dtype == ORR_F64) return ((const double *)(const void *)data)[at];
  if (t->dtype == ORR_I64)
    return (double)((const int64_t *)(const void *)data)[at];
  return ((const uint8_t *)data)[at];
}

static orr_tensor *numbers(orr_dtype d, int rank, const int64_t *size) {
  orr_tensor *t = orr_keep(orr_empty(d, rank, size));
  for (int64_t i = 0; i < t->count; i++) orr_set(t, i, (double)pick(0, 100));
  return t;
}

// Another tensor of t's shape, its axes as they come or in another order.
static orr_tensor *alike(orr_dtype d, const orr_tensor *t, int way) {
  int64_t size[ORR_MAX_RANK];
  if (way == 0) return numbers(d, t->rank, t->size);
  if (way == 1) {  // one axis repeated
    memcpy(size, t->size, sizeof size);
    size[pick(0, t->rank - 1)] = 1;
    return numbers(d, t->rank, size);
  }
  for (int a = 0; a < t->rank; a++) size[a] = t->size[t->rank - 1 - a];
  orr_short_args turn = {numbers(d, t->rank, size), .attr = {t->rank}};
  for (int a = 0; a < t->rank; a++) turn.attr[1 + a] = t->rank - 1 - a;
  return orr_apply_short(&orr_op_permute, &turn);
}

static void sums_and_copies_agree_with_plain_loops(void **state) {
  (void)state;
  for (int round = 0; round < 400; round++) {
    const size_t mark = orr_scope_begin();
    const int rank = (int)pick(2, 4);
    int64_t size[ORR_MAX_RANK];
    for (int a = 0; a < rank; a++) size[a] = pick(1, rank == 2 ? 150 : 20);
    const orr_dtype d = (orr_dtype)(round % ORR_DTYPES);
    orr_tensor *x = shuffled(numbers(d, rank, size), round % 3 == 0);
    orr_tensor *z = alike(d, x, round % 5 % 3);
    orr_tensor *copy = orr_keep(orr_contiguous(x)), *y = ORR(add, x, z);
    orr_tensor *cast = orr_cast(x, ORR_F64);
    assert_non_null(y);
    assert_true(copy->contiguous && orr_same_shape(y, x));
    for (int64_t i = 0; i < y->count; i++) {
      const double v = element(x, y, i);
      assert_true(element(copy, y, i) == v && element(cast, y, i) == v);
      assert_true(element(y, y, i) == v + element(z, y, i));
    }
    orr_scope_end(mark);
  }
}

static void any_number_of_threads_gives_the_same_bits(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  const int64_t size[3] = {70, 130, 50};
  orr_tensor *x = random_tensor(ORR_F32, 3, size), *y[2];
  x = ORR(permute, x, .attr = {3, 2, 0, 1});
  for (int t = 0; t < 2; t++) {
    assert_true(orr_set_threads(t ? 3 : 1));
    y[t] = ORR(exp, x);
  }
  assert_memory_equal(orr_data(y[0]), orr_data(y[1]),
                      (size_t)y[0]->count * sizeof(float));
  orr_scope_end(mark);
}

// Sines of large numbers are computed another way, others beside them not.
static void a_sine_does_not_depend_on_its_neighbours(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  const int64_t n = 1000;
  orr_tensor *x = random_tensor(ORR_F32, 1, &n);
  for (int64_t i = 0; i < n; i++) ORR_F32P(x)[i] *= 1000;
  orr_tensor *sine = ORR(sin, x), *cosine = ORR(cos, x);
  ORR_F32P(x)[300] = -1e30f;
  ORR_F32P(x)[301] = INFINITY;
  orr_tensor *s = ORR(sin, x), *c = ORR(cos, x);
  for (int64_t i = 0; i < n; i++) {
    if (i == 300 || i == 301) continue;
    assert_memory_equal(ORR_F32P(s) + i, ORR_F32P(sine) + i, sizeof(float));
    assert_memory_equal(ORR_F32P(c) + i, ORR_F32P(cosine) + i, sizeof(float));
  }
  assert_true(fabs(orr_get(s, 300) - sin((double)-1e30f)) < 1e-7);
  assert_true(fabs(orr_get(c, 300) - cos((double)-1e30f)) < 1e-7);
  assert_true(isnan(orr_get(s, 301)) && isnan(orr_get(c, 301)));
  orr_scope_end(mark);
}

// More than caches hold is written past them, block by block: with what is
// left at the end, beside a single element, of other widths, and in place.
static void large_results_agree_with_plain_loops(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  const int64_t n = ((int64_t)5 << 20) + 77;
  orr_tensor *x = orr_keep(orr_empty(ORR_F32, 1, &n));
  orr_tensor *z = orr_keep(orr_empty(ORR_F32, 1, &n));
  float *px = ORR_F32P(x), *pz = ORR_F32P(z);
  for (int64_t i = 0; i < n; i++) {
    px[i] = (float)(i % 1013 - 500);
    pz[i] = (float)(i % 887 - 400);
  }
  for (int threads = 1; threads < 3; threads++) {
    assert_true(orr_set_threads(threads));
    orr_tensor *sum = ORR(add, x, z), *tripled = ORR(mul, x, orr_num(x, 3));
    orr_tensor *less = ORR(lt, x, z), *wide = orr_cast(x, ORR_F64);
    orr_tensor *half = ORR(mul, wide, orr_num(wide, 0.5));
    assert_non_null(half);
    const orr_args own = {.x = {tripled, x}};
    assert_true(orr_apply_inplace(&orr_op_sub, &own));
    for (int64_t i = 0; i < n; i++) {
      assert_true(ORR_F32P(sum)[i] == px[i] + pz[i]);
      assert_true(ORR_F32P(tripled)[i] == 2 * px[i]);
      assert_true(((const uint8_t *)orr_data(less))[i] == (px[i] < pz[i]));
      assert_true(((const double *)orr_data(half))[i] == (double)px[i] / 2);
    }
  }
  orr_scope_end(mark);
}

int main(void) {
#define TEST(NAME) cmocka_unit_test_teardown(NAME, check_clean)
  const struct CMUnitTest tests[] = {
      TEST(sums_and_copies_agree_with_plain_loops),
      TEST(a_sine_does_not_depend_on_its_neighbours),
      TEST(any_number_of_threads_gives_the_same_bits),
      TEST(large_results_agree_with_plain_loops),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
