// bits.c -- whole numbers bit by bit, and their common divisors, elementwise.
// and, or and xor of masks (uint8, 0 or 1) are those of truth values; for the
// opposite of a mask there is logical_not.
#include "pointwise.h"

static bool whole(orr_call *c) {
  for (int i = 0; i < c->nx; i++)
    if (orr_dtype_is_float(c->x[i]->dtype))
      return orr_fail(c, "%s is %s; it must be int64 or uint8",
                      orr_input_name(c, i), orr_dtype_name(c->x[i]->dtype));
  return orr_out_broadcast(c, -1);
}

static int64_t shift(int64_t x, int64_t by, bool left) {
  if (by < 0 || by > 63) return left || x >= 0 ? 0 : -1;
  if (left) return (int64_t)((uint64_t)x << by);
  return x < 0 ? ~(~x >> by) : x >> by;
}
static int64_t divisor(int64_t x, int64_t z) {
  uint64_t a = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
  uint64_t b = z < 0 ? 0 - (uint64_t)z : (uint64_t)z;
  while (b) {
    const uint64_t r = a % b;
    a = b;
    b = r;
  }
  return (int64_t)a;
}
static int64_t multiple(int64_t x, int64_t z) {
  const int64_t d = divisor(x, z);
  if (d == 0 || d == INT64_MIN) return 0;
  const uint64_t y = (uint64_t)(x / d) * (uint64_t)z;
  return (int64_t)y < 0 ? (int64_t)(0 - y) : (int64_t)y;
}

#define WHOLE(LOOP, NAME, EXPR, PARAMS, DOC, ...)                              \
  LOOP(NAME##_i64, int64_t, int64_t, EXPR)                                     \
  LOOP(NAME##_u8, uint8_t, uint8_t, EXPR)                                      \
  static bool NAME##_forward(orr_call *c) {                                    \
    orr_loop *const loop = c->x[0]->dtype == ORR_I64 ? NAME##_i64 : NAME##_u8; \
    return orr_run_loop(c, loop, ORR_GRAIN_CHEAP);                             \
  }                                                                            \
  ORR_DEFINE_OP(NAME, .doc = DOC ", elementwise with broadcasting (int64, "    \
                                 "uint8).",                                    \
                .params = PARAMS, .shape = whole, .forward = NAME##_forward,   \
                .flags = BINARY_FLAGS | ORR_NO_GRAD, .samples = {__VA_ARGS__})

#define NUMBERS "ints = { x = {-9,9}, y = {-9,9} }"
#define SAMPLES(NAME, RANGE)                                              \
  "{ {3,4}, {3,4}, " RANGE " }", "{ {3,1}, {4}, " RANGE " }",             \
      "{ {0,4}, {4}, " RANGE " }",                                        \
      "{ {2}, {2}, error = '" NAME ": x is float64; it must be int64 or " \
      "uint8' }",                                                         \
      "{ {2,3}, {2,4}, " RANGE ", error = '" NAME ": x is [2, 3], y is "  \
      "[2, 4]: they do not broadcast; sizes must be equal or 1, matched " \
      "from the last axis' }"
#define SHIFTS "ints = { x = {-9,9}, y = {0,5} }"

WHOLE(ORR_LOOP2, bitwise_and, x &z, XY, "The bits set in both x and y",
      SAMPLES("bitwise_and", NUMBERS));
WHOLE(ORR_LOOP2, bitwise_or, x | z, XY, "The bits set in x or y",
      SAMPLES("bitwise_or", NUMBERS));
WHOLE(ORR_LOOP2, bitwise_xor, x ^ z, XY, "The bits set in just one of x and y",
      SAMPLES("bitwise_xor", NUMBERS));
WHOLE(ORR_LOOP2, bitwise_left_shift,
      (V_TYPE(x, shift, shift, shift, shift)(x, z, true)), XY,
      "x times 2^y, bits that leave being lost",
      SAMPLES("bitwise_left_shift", SHIFTS));
WHOLE(ORR_LOOP2, bitwise_right_shift,
      (V_TYPE(x, shift, shift, shift, shift)(x, z, false)), XY,
      "x divided by 2^y, rounded down", SAMPLES("bitwise_right_shift", SHIFTS));
WHOLE(ORR_LOOP2, gcd, divisor(x, z), XY,
      "The greatest common divisor of x and y", SAMPLES("gcd", NUMBERS));
WHOLE(ORR_LOOP2, lcm, multiple(x, z), XY,
      "The least common multiple of x and y", SAMPLES("lcm", NUMBERS));

#define ONE                       \
  {                               \
    { "x", .want = ORR_WANT_ANY } \
  }
WHOLE(ORR_LOOP1, bitwise_not, ~x, ONE, "The bits not set in x",
      "{ {3,4}, ints = { x = {-9,9} } }", "{ {0,4}, ints = { x = {0,1} } }",
      "{ {2}, error = 'bitwise_not: x is float64; it must be int64 or uint8' "
      "}");
