// divide.c -- whole and fractional parts, elementwise: rounding towards 0,
// division with a remainder of x's sign, and what replaces odd values.
#include <float.h>

#include "pointwise.h"
#include "reduction.h"

// Whole numbers are whole already, and finite.
static inline int64_t same_int(int64_t x) { return x; }
static inline uint8_t same_byte(uint8_t x) { return x; }
LOOPS1(trunc, (V_TYPE(x, truncf, trunc, same_int, same_byte)(x)))
ORR_DEFINE_OP(trunc,
    .doc = "x without its fraction, towards 0; its gradient is 0.",
    .params = {{"x", .want = ORR_WANT_ANY}}, .shape = unary_shape, .forward = trunc_forward,
    .vjp = zero_vjp, .flags = UNARY_FLAGS | ORR_DROPS_X,
    .samples = {"{ {3,4}, low = 1.1, high = 1.9 }",
        "{ {3}, low = -1.9, high = -1.1 }", "{ {0,4} }", "{ {3}, ints = { x = {-9,9} } }"});

ORR_MAP1(frac, ORR_GRAIN_CHEAP, x - V_GENERIC(x, truncf, trunc))
ORR_DEFINE_OP(frac,
    .doc = "The fraction of x, with its sign: x - trunc(x).",
    .params = {{"x"}}, .shape = unary_shape, .forward = frac_forward,
    .vjp = pass_vjp, .flags = UNARY_FLAGS | ORR_DROPS_X | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, low = 1.1, high = 1.9 }",
        "{ {3}, low = -1.9, high = -1.1 }", "{ {0,4} }"});

// INT64_MIN % -1 and / -1 trap.
static inline int64_t mod_int(int64_t x, int64_t z) {
  return z == 0 || z == -1 ? 0 : x % z;
}
static inline int64_t floor_int(int64_t x, int64_t z) {
  if (z == 0) return 0;
  if (z == -1) return (int64_t)(0 - (uint64_t)x);
  return x / z - (x % z != 0 && (x < 0) != (z < 0));
}
// From the remainder, so that floor(x / y) y + x % y = x even where x / y
// rounds up to a whole number.
#define FLOOR_QUOTIENT(T, FMOD, FLOOR)             \
  static inline T floor_##T(T x, T z) {            \
    if (z == 0) return x / z;                      \
    const T r = FMOD(x, z);                        \
    T q = (x - r) / z;                             \
    if (r != 0 && (r < 0) != (z < 0)) q -= 1;      \
    const T whole = FLOOR(q);                      \
    return q - whole > (T)0.5 ? whole + 1 : whole; \
  }
FLOOR_QUOTIENT(float, fmodf, floorf)
FLOOR_QUOTIENT(double, fmod, floor)

LOOPS2(fmod, (V_TYPE(x, fmodf, fmod, mod_int, mod_int)(x, z)))
LOOPS2(floor_divide,
       (V_TYPE(x, floor_float, floor_double, floor_int, floor_int)(x, z)))

// x - q y, where q is x / y cut off: from the remainder, since x / y may round
// up to a whole number.
static void fmod_vjp(orr_vjp *v) {
  v->gx[0] = v->gy;
  if (v->needs[1]) {
    orr_tensor *x = v->x[0], *y = v->x[1];
    orr_tensor *q = ORR(round, ORR(div, ORR(sub, x, ORR(fmod, x, y)), y));
    v->gx[1] = ORR(neg, ORR(mul, v->gy, q));
  }
}

ORR_DEFINE_OP(fmod,
    .doc = "Remainder of x / y with the sign of x, elementwise with "
           "broadcasting. For integers, y = 0 gives 0.",
    .params = XY, .shape = binary_shape, .forward = fmod_forward,
    .vjp = fmod_vjp, .flags = BINARY_FLAGS,
    .samples = {"{ {3,4}, {}, low = 1.1, high = 1.9 }",
        "{ {4}, {4}, low = -2.9, high = -2.1 }", "{ {0,4}, {4} }",
        BAD_BROADCAST("fmod")});

static void floor_divide_vjp(orr_vjp *v) {
  orr_tensor *none = v->gy ? ORR(mul, v->gy, orr_num(v->gy, 0)) : NULL;
  v->gx[0] = v->gx[1] = none;
}

ORR_DEFINE_OP(floor_divide,
    .doc = "Largest whole number not above x / y, elementwise with "
           "broadcasting; Lua's //. Its gradient is 0. For integers, y = 0 "
           "gives 0.",
    .params = XY, .shape = binary_shape, .forward = floor_divide_forward,
    .vjp = floor_divide_vjp, .flags = BINARY_FLAGS | ORR_DROPS_X,
    .samples = {"{ {3,4}, {}, low = 1.1, high = 1.9 }",
        "{ {4}, {4}, low = 2.1, high = 2.9 }", "{ {0,4}, {4} }",
        BAD_BROADCAST("floor_divide")});

// ---- odd values

#define FINITE(LARGEST)                                    \
  x != x             ? (isfinite(attr[0]) ? b0 : x)        \
      : x > LARGEST  ? (isfinite(attr[1]) ? b1 : LARGEST)  \
      : x < -LARGEST ? (isfinite(attr[2]) ? b2 : -LARGEST) \
                     : x
#define NAN_LOOP(NAME, T, LARGEST)                              \
  static void NAME(int64_t n, char *const *p, const int64_t *s, \
                   const double *attr) {                        \
    const T b0 = (T)attr[0], b1 = (T)attr[1], b2 = (T)attr[2];  \
    for (int64_t i = 0; i < n; i++) {                           \
      const T x = ((const T *)(const void *)p[1])[i * s[1]];    \
      ((T *)(void *)p[0])[i * s[0]] = FINITE(LARGEST);          \
    }                                                           \
  }
NAN_LOOP(nan_f32, float, FLT_MAX)
NAN_LOOP(nan_f64, double, DBL_MAX)
// Not ORR_LOOP1: options that are infinite are no whole numbers.
#define WHOLE_LOOP(NAME, T)                                     \
  static void NAME(int64_t n, char *const *p, const int64_t *s, \
                   const double *attr) {                        \
    T *y = (T *)(void *)p[0];                                   \
    const T *x = (const T *)(const void *)p[1];                 \
    (void)attr;                                                 \
    for (int64_t i = 0; i < n; i++) y[i * s[0]] = x[i * s[1]];  \
  }
WHOLE_LOOP(nan_i64, int64_t)
WHOLE_LOOP(nan_u8, uint8_t)
static bool nan_to_num_forward(orr_call *c) {
  static orr_loop *const loops[] = {nan_f32, nan_f64, nan_i64, nan_u8};
  return orr_run_loop(c, loops[c->x[0]->dtype], ORR_GRAIN_CHEAP);
}

static void nan_to_num_vjp(orr_vjp *v) {
  v->gx[0] = ORR(where, ORR(isfinite, v->x[0]), v->gy, orr_num(v->gy, 0));
}

ORR_DEFINE_OP(nan_to_num,
    .doc = "x with numbers in place of NaN and the infinities, whose "
           "gradient is then 0.",
    .params = {{"x", .want = ORR_WANT_ANY}, {"nan", ORR_NUM, .doc = "in place of NaN"},
        {"posinf", ORR_NUM, .def = INFINITY,
         .doc = "in place of inf; an infinity: the largest number"},
        {"neginf", ORR_NUM, .def = -INFINITY,
         .doc = "in place of -inf; an infinity: the smallest number"}},
    .shape = unary_shape, .forward = nan_to_num_forward,
    .vjp = nan_to_num_vjp, .flags = UNARY_FLAGS,
    .samples = {"{ {3,4} }", "{ {3,4}, nan = 1, posinf = 2, neginf = 3 }",
        "{ {0,4} }", "{ {3}, ints = { x = {-9,9} } }"});

static orr_tensor *heaviside_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  orr_tensor *step = orr_cast(ORR(gt, x, orr_num(x, 0)), x ? x->dtype : 0);
  return ORR(where, ORR(eq, x, orr_num(x, 0)), c->x[1], step);
}

ORR_DEFINE_OP(heaviside,
    .doc = "0 where x < 0, 1 where x > 0, and y where x is 0, elementwise "
           "with broadcasting.",
    .params = XY, .compose = heaviside_compose, .flags = ORR_PROMOTE,
    .samples = {"{ {3,4}, {3,4} }",
        "{ {3,1}, {4}, low = 0, high = 0, nograd = true, reason = 'the step' }",
        "{ {0,4}, {4} }"});

static orr_tensor *count_nonzero_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  if (!orr_want_axes(c, 0, x->rank)) return NULL;
  orr_short_args sum = {.x0 = orr_cast(ORR(ne, x, orr_num(x, 0)), ORR_I64)};
  for (int i = 0; i <= ORR_MAX_RANK; i++) sum.attr[i] = c->attr[i];
  return orr_apply_short(&orr_op_sum, &sum);
}

ORR_DEFINE_OP(count_nonzero,
    .doc = "How many elements along axes are not 0 (int64).",
    .params = {{"x", .want = ORR_WANT_ANY},
        {"axis", ORR_AXES, .doc = "axis or list of axes; all when absent"}},
    .compose = count_nonzero_compose, .flags = ORR_NO_GRAD,
    .samples = {"{ {3,4} }", "{ {3,4}, axis = 1 }", "{ {2,3,4}, axis = {1,3} }",
        "{ {0,4}, axis = 1 }", "{ {} }",
        "{ {2,3}, axis = 3, error = 'count_nonzero: axis is 3 but x is [2, "
        "3]; use 1 to 2 or -2 to -1' }"});

// ---- between

static orr_tensor *lerp_compose(orr_call *c) {
  if (!orr_out_broadcast(c, -1)) return NULL;  // say it of all three
  return ORR(add, c->x[0], ORR(mul, ORR(sub, c->x[1], c->x[0]), c->x[2]));
}

ORR_DEFINE_OP(lerp,
    .doc = "x + weight (y - x): x at weight 0, y at 1, elementwise with "
           "broadcasting.",
    .params = {{"x", .want = ORR_WANT_ANY}, {"y", .want = ORR_WANT_ANY},
        {"weight", .want = ORR_WANT_ANY}},
    .compose = lerp_compose, .flags = ORR_PROMOTE | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, {3,4}, {} }", "{ {3,1}, {4}, {3,4} }",
        "{ {0,4}, {4}, {} }",
        "{ {2,3}, {2,3}, {5}, error = 'lerp: x is [2, 3], weight is [5]: "
        "they do not broadcast; sizes must be equal or 1, matched from the "
        "last axis' }"});

// Where a limit is taken, the gradient goes there.
static orr_tensor *clamp_between_compose(orr_call *c) {
  orr_tensor *y = c->x[0], *low = c->x[1], *high = c->x[2];
  if (!low && !high) {
    orr_fail(c, "neither min nor max is given; give one");
    return NULL;
  }
  if (low) y = ORR(where, ORR(lt, y, low), low, y);
  return high ? ORR(where, ORR(gt, y, high), high, y) : y;
}

ORR_DEFINE_OP(clamp_between,
    .doc = "x limited to [min, max], elementwise with broadcasting, max "
           "having the last word. What orrery.clamp does with tensors.",
    .params = {{"x", .want = ORR_WANT_ANY},
        {"min", .want = ORR_WANT_ANY, .optional = true, .doc = "lower limit"},
        {"max", .want = ORR_WANT_ANY, .optional = true, .doc = "upper limit"}},
    .compose = clamp_between_compose, .flags = ORR_PROMOTE | ORR_HIDDEN,
    .samples = {"{ {3,4}, {3,4}, {3,4}, distinct = true }",
        "{ {3,4}, {}, {4}, distinct = true }",
        "{ {3,4}, false, {3,1}, distinct = true }",
        "{ {3,4}, {4}, false, distinct = true }", "{ {0,4}, {4}, {4} }",
        "{ {3}, error = 'clamp_between: neither min nor max is given; give "
        "one' }"});
