// compare.c -- elementwise comparisons and logic; results are uint8, 0 or 1.
#include "../kernels/elementwise.h"

static bool compare_shape(orr_call *c) { return orr_out_broadcast(c, ORR_U8); }
static bool test_shape(orr_call *c) {
  return orr_out(c, 0, ORR_U8, c->x[0]->rank, c->x[0]->size);
}

#define LOOPS(LOOP, NAME, EXPR)                                           \
  LOOP(NAME##_f32, uint8_t, float, EXPR)                                  \
  LOOP(NAME##_f64, uint8_t, double, EXPR)                                 \
  LOOP(NAME##_i64, uint8_t, int64_t, EXPR)                                \
  LOOP(NAME##_u8, uint8_t, uint8_t, EXPR)                                 \
  static bool NAME##_forward(orr_call *c) {                               \
    static orr_loop *const loops[] = {NAME##_f32, NAME##_f64, NAME##_i64, \
                                      NAME##_u8};                         \
    return orr_run_loop(c, loops[c->x[0]->dtype], ORR_GRAIN_CHEAP);       \
  }

#define COMPARISON(NAME, EXPR, DOC) \
  LOOPS(ORR_LOOP2, NAME, EXPR)      \
  ORR_DEFINE_OP(                                                              \
      NAME, .doc = DOC ", elementwise with broadcasting (uint8, 1 or 0).",    \
      .params = {{"x", .want = ORR_WANT_ANY}, {"y", .want = ORR_WANT_ANY}},   \
      .shape = compare_shape, .forward = NAME##_forward,                      \
      .flags = ORR_STRIDED_OK | ORR_PROMOTE | ORR_NO_GRAD,                    \
      .samples = {"{ {3,4}, {3,4} }", "{ {3,1}, {4} }", "{ {0,4}, {4} }",     \
                  "{ {2,3}, {2,4}, error = '" #NAME ": x is [2, 3], y is "    \
                  "[2, 4]: they do not broadcast; sizes must be equal or 1, " \
                  "matched from the last axis' }"});

COMPARISON(eq, x == z, "Whether x equals y")
COMPARISON(ne, x != z, "Whether x differs from y")
COMPARISON(lt, x < z, "Whether x < y")
COMPARISON(le, x <= z, "Whether x <= y")
COMPARISON(gt, x > z, "Whether x > y")
COMPARISON(ge, x >= z, "Whether x >= y")
COMPARISON(logical_and, x != 0 && z != 0, "Whether x and y are both not 0")
COMPARISON(logical_or, x != 0 || z != 0, "Whether x or y is not 0")
COMPARISON(logical_xor, (x != 0) != (z != 0), "Whether just one is not 0")

#define TEST(NAME, EXPR, DOC)  \
  LOOPS(ORR_LOOP1, NAME, EXPR) \
  ORR_DEFINE_OP(NAME, .doc = DOC ", elementwise (uint8, 1 or 0).",        \
                .params = {{"x", .want = ORR_WANT_ANY}},                  \
                .shape = test_shape, .forward = NAME##_forward,           \
                .flags = ORR_STRIDED_OK | ORR_NO_GRAD,                    \
                .samples = {"{ {3,4} }", "{ {0,4} }", "{ {} }"});

TEST(logical_not, x == 0, "Whether x is 0")
TEST(isnan, x != x, "Whether x is not a number")
TEST(isinf, x - x != x - x && x == x, "Whether x is infinite")
TEST(isfinite, x - x == x - x, "Whether x is neither infinite nor NaN")
