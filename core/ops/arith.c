// arith.c -- elementwise arithmetic with broadcasting.
#include "pointwise.h"

// Integers wrap, as unsigned arithmetic does (signed overflow is undefined).
#define WRAP(OP) \
  V_TYPE(x, x OP z, x OP z, (int64_t)((uint64_t)x OP(uint64_t) z), x OP z)
LOOPS2(add, WRAP(+))
LOOPS2(sub, WRAP(-))
LOOPS2(mul, WRAP(*))

static void add_vjp(orr_vjp *v) { v->gx[0] = v->gx[1] = v->gy; }

ORR_DEFINE_OP(add, .doc = "Sum x + y, elementwise with broadcasting; with "
                     "alpha, x + alpha y.",
              .params = XY, .shape = binary_shape, .forward = add_forward,
              .vjp = add_vjp, .flags = BINARY_FLAGS | ORR_DROPS_X,
              .samples = {"{ {3,4}, {3,4} }", "{ {3,4}, {4} }",
                          "{ {2,1,3}, {4,1} }", "{ {0,4}, {4} }", "{ {}, {} }",
                          BAD_BROADCAST("add")});

static void sub_vjp(orr_vjp *v) {
  v->gx[0] = v->gy;
  if (v->needs[1]) v->gx[1] = ORR(neg, v->gy);
}

ORR_DEFINE_OP(sub, .doc = "Difference x - y, elementwise with broadcasting; "
                     "with alpha, x - alpha y.",
              .params = XY, .shape = binary_shape, .forward = sub_forward,
              .vjp = sub_vjp, .flags = BINARY_FLAGS | ORR_DROPS_X,
              .samples = {"{ {3,4}, {3,4} }", "{ {3,1}, {1,4} }", "{ {0}, {1} }",
                          BAD_BROADCAST("sub")});

static void mul_vjp(orr_vjp *v) {
  if (v->needs[0]) v->gx[0] = ORR(mul, v->gy, v->x[1]);
  if (v->needs[1]) v->gx[1] = ORR(mul, v->gy, v->x[0]);
}

ORR_DEFINE_OP(mul, .doc = "Product x * y, elementwise with broadcasting.",
              .params = XY, .shape = binary_shape, .forward = mul_forward,
              .vjp = mul_vjp, .flags = BINARY_FLAGS,
              .samples = {"{ {3,4}, {3,4} }", "{ {3,4}, {} }",
                          "{ {2,1,3}, {4,1} }", "{ {0,4}, {4} }",
                          "{ {3}, {3}, low = -1e18, high = 1e18, nograd = true,"
                          " reason = 'finite differences lose all digits' }",
                          BAD_BROADCAST("mul")});

ORR_MAP2(div, ORR_GRAIN_CHEAP, x / z)

// d(x/y) = gx/y, and -gy x/y^2 written so that it differentiates again.
static void div_vjp(orr_vjp *v) {
  if (v->needs[0]) v->gx[0] = ORR(div, v->gy, v->x[1]);
  if (v->needs[1]) {
    orr_tensor *q = ORR(div, ORR(div, v->x[0], v->x[1]), v->x[1]);
    v->gx[1] = ORR(neg, ORR(mul, v->gy, q));
  }
}

ORR_DEFINE_OP(div,
              .doc = "Quotient x / y, elementwise with broadcasting. Integers "
                     "are divided as float32. rounding_mode = \"trunc\" cuts "
                     "the fraction off, \"floor\" rounds downwards.",
              .params = XY, .shape = binary_shape, .forward = div_forward,
              .vjp = div_vjp, .flags = BINARY_FLAGS | ORR_INT_TO_FLOAT,
              .samples = {"{ {3,4}, {3,4}, low = 0.5, high = 2 }",
                          "{ {3,1}, {4}, low = -3, high = -1 }",
                          "{ {0,4}, {4} }", BAD_BROADCAST("div")});

ORR_MAP2(pow_floats, ORR_GRAIN_DEAR,
         z == 2         ? x * x
             : z == 1   ? x
             : z == 0.5 ? v_sqrt(x)
                        : V_FLOAT(x, powf, pow)(x, z))

// Of whole numbers, which wrap; x^-n is 1 / x^n with its fraction cut off.
static inline int64_t whole_power(int64_t x, int64_t n) {
  if (n < 0) return x == 1 || (x == -1 && n % 2 == 0) ? 1 : x == -1 ? -1 : 0;
  uint64_t y = 1, square = (uint64_t)x;
  for (; n; n /= 2, square *= square)
    if (n % 2) y *= square;
  return (int64_t)y;
}
ORR_LOOP2(pow_i64, int64_t, int64_t, whole_power(x, z))
ORR_LOOP2(pow_u8, uint8_t, uint8_t, whole_power(x, z))

static bool pow_forward(orr_call *c) {
  const orr_dtype d = c->x[0]->dtype;
  if (orr_dtype_is_float(d)) return pow_floats_forward(c);
  const orr_tensor *n = c->x[1];
  if (n->rank == 0 && orr_get_int(n, 0) < 0)
    return orr_fail(c,
                    "y is %lld but x is %s; whole numbers have no negative "
                    "powers: use x:float()",
                    (long long)orr_get_int(n, 0), orr_dtype_name(d));
  return orr_run_loop(c, d == ORR_I64 ? pow_i64 : pow_u8, ORR_GRAIN_DEAR);
}

// d x^y: y x^(y-1) to x and x^y log x to y. Where x = y = 0 the first is 0, as
// for any other x, and so are its derivatives: 1 stands in for x. Where x = 0
// the second is 0 (its limit for y > 0).
static void pow_vjp(orr_vjp *v) {
  orr_tensor *x = v->x[0], *y = v->x[1];
  if (v->needs[0]) {
    orr_tensor *one = orr_num(x, 1);
    orr_tensor *base = ORR(where, ORR(logical_or, x, y), x, one);
    orr_tensor *d = ORR(mul, y, ORR(pow, base, ORR(sub, y, one)));
    v->gx[0] = ORR(mul, v->gy, d);
  }
  if (v->needs[1]) {
    orr_tensor *one = orr_num(x, 1), *zero = orr_num(x, 0);
    orr_tensor *at_zero = ORR(eq, x, zero);
    orr_tensor *safe = ORR(log, ORR(where, at_zero, one, x));
    v->gx[1] = ORR(mul, v->gy, ORR(mul, ORR(pow, x, y), safe));
  }
}

ORR_DEFINE_OP(pow,
              .doc = "Power x ^ y, elementwise with broadcasting. A negative x "
                     "with a fractional y is NaN. Whole numbers stay whole.",
              .params = XY, .shape = binary_shape, .forward = pow_forward,
              .vjp = pow_vjp, .flags = BINARY_FLAGS,
              .samples = {"{ {3,4}, {3,4}, low = 0.5, high = 2 }",
                          "{ {3,4}, {4}, ints = { x = {-5,5}, y = {0,9} } }",
                          "{ {3}, {}, ints = { x = {1,5}, y = {-2,-2} }, error "
                          "= 'pow: y is -2 but x is int64; whole numbers have "
                          "no negative powers: use x:float()' }",
                          "{ {3,4}, {1,4}, low = 0.2, high = 3 }", "{ {0}, {} }",
                          BAD_BROADCAST("pow")});

// Lua's %: the result has the sign of y (floored division), as in PyTorch.
#define FLOOR_MOD_F(T, MOD, FLOOR)                   \
  static inline T floor_mod_##T(T x, T z) {          \
    const T r = MOD(x, z);                           \
    return r != 0 && (r < 0) != (z < 0) ? r + z : r; \
  }
FLOOR_MOD_F(float, fmodf, floorf)
FLOOR_MOD_F(double, fmod, floor)
static inline int64_t floor_mod_int(int64_t x, int64_t z) {
  if (z == 0 || z == -1) return 0;
  const int64_t r = x % z;
  return r != 0 && (r < 0) != (z < 0) ? r + z : r;
}
LOOPS2(remainder,
       (V_TYPE(x, floor_mod_float, floor_mod_double, floor_mod_int,
               floor_mod_int)(x, z)))

static void remainder_vjp(orr_vjp *v) {
  v->gx[0] = v->gy;
  if (v->needs[1]) {
    orr_tensor *q = ORR(floor_divide, v->x[0], v->x[1]);
    v->gx[1] = ORR(neg, ORR(mul, v->gy, q));
  }
}

ORR_DEFINE_OP(remainder,
              .doc = "Remainder x % y with the sign of y, elementwise with "
                     "broadcasting. For integers, y = 0 gives 0.",
              .params = XY, .shape = binary_shape,
              .forward = remainder_forward, .vjp = remainder_vjp,
              .flags = BINARY_FLAGS,
              .samples = {"{ {3,4}, {}, low = 1.1, high = 1.9 }",
                          "{ {4}, {4}, low = 2.1, high = 2.9 }",
                          "{ {0,4}, {4} }", BAD_BROADCAST("remainder")});

LOOPS2(maximum, x > z || x != x ? x : z)
LOOPS2(minimum, x < z || x != x ? x : z)

// Where both are equal each gets half.
static void extremum_vjp(orr_vjp *v, orr_tensor *first_wins) {
  orr_tensor *half = orr_num(v->gy, 0.5);
  orr_tensor *tie = ORR(mul, half,
                        ORR(to, ORR(eq, v->x[0], v->x[1]),
                            .attr = {v->gy ? v->gy->dtype : 0}));
  orr_tensor *win = ORR(to, first_wins, .attr = {v->gy ? v->gy->dtype : 0});
  orr_tensor *share = ORR(add, win, tie);
  v->gx[0] = ORR(mul, v->gy, share);
  v->gx[1] = ORR(mul, v->gy, ORR(sub, orr_num(v->gy, 1), share));
}
static void maximum_vjp(orr_vjp *v) {
  extremum_vjp(v, ORR(gt, v->x[0], v->x[1]));
}
static void minimum_vjp(orr_vjp *v) {
  extremum_vjp(v, ORR(lt, v->x[0], v->x[1]));
}

#define EXTREMUM_SAMPLES(NAME)                                              \
  {                                                                         \
    "{ {3,4}, {3,4}, distinct = true }", "{ {3,1}, {4}, distinct = true }", \
        "{ {0,4}, {4} }", BAD_BROADCAST(NAME)                               \
  }
ORR_DEFINE_OP(maximum,
              .doc = "The larger of x and y, elementwise with broadcasting. "
                     "Equal elements share the gradient; NaN wins.",
              .params = XY, .shape = binary_shape, .forward = maximum_forward,
              .vjp = maximum_vjp, .flags = BINARY_FLAGS,
              .samples = EXTREMUM_SAMPLES("maximum"));
ORR_DEFINE_OP(minimum,
              .doc = "The smaller of x and y, elementwise with broadcasting. "
                     "Equal elements share the gradient; NaN wins.",
              .params = XY, .shape = binary_shape, .forward = minimum_forward,
              .vjp = minimum_vjp, .flags = BINARY_FLAGS,
              .samples = EXTREMUM_SAMPLES("minimum"));

LOOPS1(neg, V_TYPE(x, -x, -x, (int64_t)(0 - (uint64_t)x), -x))

static void neg_vjp(orr_vjp *v) { v->gx[0] = ORR(neg, v->gy); }

ORR_DEFINE_OP(neg, .doc = "Negative -x, elementwise.",
              .params = {{"x", .want = ORR_WANT_ANY}}, .shape = unary_shape,
              .forward = neg_forward, .vjp = neg_vjp,
              .flags = UNARY_FLAGS | ORR_DROPS_X,
              .samples = {"{ {3,4} }", "{ {0,4} }", "{ {} }"});

static inline int64_t abs_int(int64_t x) {
  return x < 0 ? (int64_t)(0 - (uint64_t)x) : x;
}
static inline uint8_t abs_byte(uint8_t x) { return x; }
LOOPS1(abs, (V_TYPE(x, fabsf, fabs, abs_int, abs_byte)(x)))

static void abs_vjp(orr_vjp *v) {
  v->gx[0] = ORR(mul, v->gy, ORR(sign, v->x[0]));
}

ORR_DEFINE_OP(abs,
              .doc = "Absolute value, elementwise. The gradient at 0 is 0.",
              .params = {{"x", .want = ORR_WANT_ANY}}, .shape = unary_shape,
              .forward = abs_forward, .vjp = abs_vjp, .flags = UNARY_FLAGS,
              .samples = {"{ {3,4}, low = 0.1 }", "{ {4}, low = -2, high = -1 }",
                          "{ {0,4} }"});

static inline float sign_float(float x) {
  return x > 0 ? 1.0f : x < 0 ? -1.0f : x;
}
static inline double sign_double(double x) {
  return x > 0 ? 1 : x < 0 ? -1 : x;
}
static inline int64_t sign_int(int64_t x) { return (x > 0) - (x < 0); }
static inline uint8_t sign_byte(uint8_t x) { return x > 0; }
LOOPS1(sign, (V_TYPE(x, sign_float, sign_double, sign_int, sign_byte)(x)))

ORR_DEFINE_OP(sign, .doc = "-1, 0 or 1 by the sign of x; its gradient is 0.",
              .params = {{"x", .want = ORR_WANT_ANY}}, .shape = unary_shape,
              .forward = sign_forward, .vjp = zero_vjp,
              .flags = UNARY_FLAGS | ORR_DROPS_X,
              .samples = {"{ {3,4}, low = 0.1 }", "{ {0,4} }"});

// Whole numbers are whole already.
static inline int64_t same_int(int64_t x) { return x; }
LOOPS1(floor, (V_TYPE(x, floorf, floor, same_int, abs_byte)(x)))
LOOPS1(ceil, (V_TYPE(x, ceilf, ceil, same_int, abs_byte)(x)))

// b0 decimals, and b1 = 10^|b0|, which the shape rule works out.
#define ROUNDED(RINT) \
  (b0 == 0 ? RINT(x) : b0 > 0 ? RINT(x * b1) / b1 : RINT(x / b1) * b1)
ORR_LOOP1(round_f32, float, float, ROUNDED(rintf))
ORR_LOOP1(round_f64, double, double, ROUNDED(rint))
ORR_LOOP1(round_i64, int64_t, int64_t, x)
ORR_LOOP1(round_u8, uint8_t, uint8_t, x)
static bool round_forward(orr_call *c) {
  static orr_loop *const loops[] = {round_f32, round_f64, round_i64, round_u8};
  return orr_run_loop(c, loops[c->x[0]->dtype], ORR_GRAIN_CHEAP);
}

static bool round_shape(orr_call *c) {
  const double decimals = c->attr[0];
  const orr_dtype dtype = c->x[0]->dtype;
  if (decimals != 0 && !orr_dtype_is_float(dtype))
    return orr_fail(c,
                    "decimals is %g but x is %s, whole already; leave it out, "
                    "or use x:float()",
                    decimals, orr_dtype_name(dtype));
  if (fabs(decimals) > 30)
    return orr_fail(c, "decimals is %g; use -30 to 30", decimals);
  c->attr[1] = pow(10, fabs(decimals));
  return unary_shape(c);
}

ORR_DEFINE_OP(floor,
              .doc = "Largest whole number not above x; its gradient is 0.",
              .params = {{"x", .want = ORR_WANT_ANY}}, .shape = unary_shape,
              .forward = floor_forward, .vjp = zero_vjp,
              .flags = UNARY_FLAGS | ORR_DROPS_X,
              .samples = {"{ {3,4}, low = 1.1, high = 1.9 }", "{ {0,4} }", "{ {3}, ints = { x = {-9,9} } }"});
ORR_DEFINE_OP(ceil,
              .doc = "Smallest whole number not below x; its gradient is 0.",
              .params = {{"x", .want = ORR_WANT_ANY}}, .shape = unary_shape, .forward = ceil_forward,
              .vjp = zero_vjp,
              .flags = UNARY_FLAGS | ORR_DROPS_X,
              .samples = {"{ {3,4}, low = 1.1, high = 1.9 }", "{ {0,4} }", "{ {3}, ints = { x = {-9,9} } }"});
ORR_DEFINE_OP(round,
              .doc = "Nearest whole number, halves to even; with decimals, "
                     "the nearest with that many of them. Its gradient is 0.",
              .params = {{"x", .want = ORR_WANT_ANY},
                         {"decimals", ORR_INT,
                          .doc = "negative: to tens, hundreds ..."}},
              .shape = round_shape, .forward = round_forward, .vjp = zero_vjp,
              .flags = UNARY_FLAGS | ORR_DROPS_X,
              .samples = {"{ {3,4}, low = 1.1, high = 1.4 }", "{ {0,4} }",
                          "{ {3}, ints = { x = {-9,9} } }",
                          "{ {3,4}, low = 1.01, high = 1.04, decimals = 1 }",
                          "{ {3}, low = 101, high = 104, decimals = -1 }",
                          "{ {2}, ints = { x = {0,9} }, decimals = 1, error = "
                          "'round: decimals is 1 but x is int64, whole "
                          "already; leave it out, or use x:float()' }",
                          "{ {2}, decimals = 31, error = 'round: decimals is "
                          "31; use -30 to 30' }"});

LOOPS1(square, V_TYPE(x, x *x, x *x, (int64_t)((uint64_t)x *(uint64_t)x), x *x))

static void square_vjp(orr_vjp *v) {
  v->gx[0] = ORR(mul, v->gy, ORR(mul, v->x[0], orr_num(v->gy, 2)));
}

ORR_DEFINE_OP(square, .doc = "Square x * x, elementwise.",
              .params = {{"x", .want = ORR_WANT_ANY}}, .shape = unary_shape,
              .forward = square_forward, .vjp = square_vjp,
              .flags = UNARY_FLAGS, .samples = {"{ {3,4} }", "{ {0,4} }"});

#define CLAMPED x<b0 ? b0 : x> b1 ? b1 : x
ORR_LOOP1(clamp_f32, float, float, CLAMPED)
ORR_LOOP1(clamp_f64, double, double, CLAMPED)

static int64_t whole(double limit, int64_t least, int64_t most) {
  if (limit <= (double)least) return least;
  return limit >= (double)most ? most : (int64_t)limit;
}

// Limits outside of the type's range, infinities too, do not limit.
#define CLAMP_INTS(NAME, T, LEAST, MOST)                        \
  static void NAME(int64_t n, char *const *p, const int64_t *s, \
                   const double *attr) {                        \
    const T b0 = (T)whole(attr[0], LEAST, MOST);                \
    const T b1 = (T)whole(attr[1], LEAST, MOST);                \
    T *y = (T *)(void *)p[0];                                   \
    const T *px = (const T *)(const void *)p[1];                \
    for (int64_t i = 0; i < n; i++) {                           \
      const T x = px[i * s[1]];                                 \
      y[i * s[0]] = CLAMPED;                                    \
    }                                                           \
  }
CLAMP_INTS(clamp_i64, int64_t, INT64_MIN, INT64_MAX)
CLAMP_INTS(clamp_u8, uint8_t, 0, UINT8_MAX)

// Between limits that are not whole, as float32.
#define CLAMPED_F(x) ((float)x < b0 ? b0 : (float)x > b1 ? b1 : (float)x)
#define CLAMP_TO_FLOAT(NAME, T)                                    \
  static void NAME(int64_t n, char *const *p, const int64_t *s,    \
                   const double *attr) {                           \
    const float b0 = (float)attr[0], b1 = (float)attr[1];          \
    const T *px = (const T *)(const void *)p[1];                   \
    for (int64_t i = 0; i < n; i++)                                \
      ((float *)(void *)p[0])[i * s[0]] = CLAMPED_F(px[i * s[1]]); \
  }
CLAMP_TO_FLOAT(clamp_i64_f32, int64_t)
CLAMP_TO_FLOAT(clamp_u8_f32, uint8_t)

bool orr_clamp_forward(orr_call *c) {
  static orr_loop *const loops[] = {clamp_f32, clamp_f64, clamp_i64, clamp_u8};
  const orr_dtype d = c->x[0]->dtype;
  orr_loop *loop = loops[d];
  if (c->y[0]->dtype != d) loop = d == ORR_I64 ? clamp_i64_f32 : clamp_u8_f32;
  return orr_run_loop(c, loop, ORR_GRAIN_CHEAP);
}

bool orr_is_whole(double limit) {
  return isinf(limit) || limit == floor(limit);
}

static bool clamp_shape(orr_call *c) {
  if (c->attr[0] > c->attr[1])
    return orr_fail(c, "min is %g but max is %g; min must not be above max",
                    c->attr[0], c->attr[1]);
  const orr_tensor *x = c->x[0];
  if (orr_dtype_is_float(x->dtype) ||
      (orr_is_whole(c->attr[0]) && orr_is_whole(c->attr[1])))
    return unary_shape(c);
  return orr_out(c, 0, ORR_F32, x->rank, x->size);
}

static void clamp_vjp(orr_vjp *v) {
  orr_tensor *x = v->x[0];
  orr_tensor *inside = ORR(mul, ORR(ge, x, orr_num(x, v->attr[0])),
                           ORR(le, x, orr_num(x, v->attr[1])));
  v->gx[0] = ORR(where, inside, v->gy, orr_num(v->gy, 0));
}

ORR_DEFINE_OP(clamp,
              .doc = "x limited to [min, max], elementwise. The gradient is 0 "
                     "where x was cut. A limit may be a tensor. Whole numbers between limits that are "
                     "not whole become float32.",
              .params = {{"x", .want = ORR_WANT_ANY},
                         {"min", ORR_NUM, .def = -INFINITY, .doc = "lower limit"},
                         {"max", ORR_NUM, .def = INFINITY, .doc = "upper limit"}},
              .shape = clamp_shape, .forward = orr_clamp_forward, .vjp = clamp_vjp,
              .flags = UNARY_FLAGS,
              .samples = {"{ {3,4}, min = -5, max = 5 }",
                          "{ {6}, low = 1, high = 2, max = 0 }", "{ {0,4} }",
                          "{ {3,4}, ints = { x = { -9, 9 } }, min = -3 }",
                          "{ {9}, ints = { x = { 0, 9 } }, max = 4.5 }",
                          "{ {4}, min = 2, max = 1, error = 'clamp: min is 2 but "
                          "max is 1; min must not be above max' }"});
