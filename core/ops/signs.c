// signs.c -- signs, angles, comparisons within a tolerance, and extremes that
// pass NaN over, elementwise.
#include "pointwise.h"

static orr_tensor *scaled(orr_tensor *x, double factor) {
  return ORR(mul, x, orr_num(x, factor));
}

// ---- signs

ORR_MAP2(copysign, ORR_GRAIN_CHEAP, V_FLOAT(x, copysignf, copysign)(x, z))

static void copysign_vjp(orr_vjp *v) {
  orr_tensor *x = v->x[0], *one = orr_num(x, 1);
  if (v->needs[0]) {
    orr_tensor *turn = ORR(copysign, one, v->x[1]);
    v->gx[0] = times(v, ORR(mul, ORR(sign, x), turn));
  }
  if (v->needs[1]) v->gx[1] = scaled(ORR(mul, v->gy, one), 0);
}

ORR_DEFINE_OP(copysign,
    .doc = "|x| with the sign of y, that of -0 too, elementwise with "
           "broadcasting. Where x is 0 its gradient is 0.",
    .params = XY, .shape = binary_shape, .forward = copysign_forward,
    .vjp = copysign_vjp, .flags = BINARY_FLAGS | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, {3,4} }", "{ {3,1}, {4} }", "{ {0,4}, {4} }",
        BAD_BROADCAST("copysign")});

static orr_tensor *signbit_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  if (orr_dtype_is_float(x->dtype))
    x = ORR(copysign, orr_num(x, 1), x);  // tells -0 from 0
  return ORR(lt, x, orr_num(x, 0));
}

ORR_DEFINE_OP(signbit,
    .doc = "Whether x is below 0 or -0, elementwise (uint8, 1 or 0).",
    .params = {{"x", .want = ORR_WANT_ANY}}, .compose = signbit_compose,
    .flags = ORR_NO_GRAD,
    .samples = {"{ {3,4} }", "{ {0,4} }", "{ {3}, ints = { x = {-2,2} } }"});

static orr_tensor *infinite(orr_tensor *x, double which) {
  if (!orr_dtype_is_float(x->dtype)) x = orr_cast(x, ORR_F32);
  return ORR(eq, x, orr_num(x, which));
}
static orr_tensor *isposinf_compose(orr_call *c) {
  return infinite(c->x[0], INFINITY);
}
static orr_tensor *isneginf_compose(orr_call *c) {
  return infinite(c->x[0], -INFINITY);
}

#define TEST_SAMPLES \
  { "{ {3,4} }", "{ {0,4} }", "{ {3}, ints = { x = {-2,2} } }" }
ORR_DEFINE_OP(isposinf, .doc = "Whether x is inf, elementwise (uint8, 1 or 0).",
    .params = {{"x", .want = ORR_WANT_ANY}}, .compose = isposinf_compose,
    .flags = ORR_NO_GRAD, .samples = TEST_SAMPLES);
ORR_DEFINE_OP(isneginf,
    .doc = "Whether x is -inf, elementwise (uint8, 1 or 0).",
    .params = {{"x", .want = ORR_WANT_ANY}}, .compose = isneginf_compose,
    .flags = ORR_NO_GRAD, .samples = TEST_SAMPLES);

// ---- angles

static orr_tensor *deg2rad_compose(orr_call *c) {
  return scaled(c->x[0], 0.017453292519943296);
}
static orr_tensor *rad2deg_compose(orr_call *c) {
  return scaled(c->x[0], 57.295779513082321);
}
ORR_DEFINE_OP(deg2rad, .doc = "Degrees as radians, elementwise.",
    .params = {{"x"}}, .compose = deg2rad_compose, .flags = ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, low = -180, high = 180 }", "{ {0,4} }"});
ORR_DEFINE_OP(rad2deg, .doc = "Radians as degrees, elementwise.",
    .params = {{"x"}}, .compose = rad2deg_compose, .flags = ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, low = -3, high = 3 }", "{ {0,4} }"});

// ---- powers of 2

// x 2^y
static orr_tensor *ldexp_compose(orr_call *c) {
  return ORR(mul, c->x[0], ORR(exp2, c->x[1]));
}
ORR_DEFINE_OP(ldexp, .doc = "x 2^y, elementwise with broadcasting.",
    .params = XY, .compose = ldexp_compose,
    .flags = ORR_PROMOTE | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, {3,4} }", "{ {3,1}, {4} }", "{ {0,4}, {4} }"});

static const double LN2 = 0.69314718055994530942;
static orr_tensor *logaddexp2_compose(orr_call *c) {
  orr_tensor *y = ORR(logaddexp, scaled(c->x[0], LN2), scaled(c->x[1], LN2));
  return scaled(y, 1 / LN2);
}
ORR_DEFINE_OP(logaddexp2,
    .doc = "log2(2^x + 2^y) without overflow, elementwise with broadcasting.",
    .params = XY, .compose = logaddexp2_compose,
    .flags = ORR_PROMOTE | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4}, {3,4}, low = -3, high = 3 }", "{ {3,1}, {4} }",
        "{ {0,4}, {4} }", "{ {6}, {6}, low = -900, high = 900 }"});

// ---- extremes that pass NaN over

// x where `first` says so or y is NaN. Equal elements: x gets the gradient.
static orr_tensor *chosen(orr_call *c, orr_tensor *first) {
  orr_tensor *x = c->x[0], *y = c->x[1];
  return ORR(where, ORR(logical_or, first, ORR(isnan, y)), x, y);
}
static orr_tensor *fmax_compose(orr_call *c) {
  return chosen(c, ORR(ge, c->x[0], c->x[1]));
}
static orr_tensor *fmin_compose(orr_call *c) {
  return chosen(c, ORR(le, c->x[0], c->x[1]));
}
ORR_DEFINE_OP(fmax,
    .doc = "The larger of x and y, the other one where one is NaN, "
           "elementwise with broadcasting. Of equal elements x gets the "
           "gradient.",
    .params = XY, .compose = fmax_compose, .flags = ORR_PROMOTE,
    .samples = {"{ {3,4}, {3,4}, distinct = true }",
        "{ {3,1}, {4}, distinct = true }", "{ {0,4}, {4} }"});
ORR_DEFINE_OP(fmin,
    .doc = "The smaller of x and y, the other one where one is NaN, "
           "elementwise with broadcasting. Of equal elements x gets the "
           "gradient.",
    .params = XY, .compose = fmin_compose, .flags = ORR_PROMOTE,
    .samples = {"{ {3,4}, {3,4}, distinct = true }",
        "{ {3,1}, {4}, distinct = true }", "{ {0,4}, {4} }"});

// ---- isclose: rtol, atol, equal_nan

static orr_tensor *isclose_compose(orr_call *c) {
  orr_tensor *x = c->x[0], *y = c->x[1];
  if (!orr_out_broadcast(c, -1)) return NULL;
  orr_tensor *same = ORR(eq, x, y);
  if (!(c->attr[0] >= 0 && c->attr[1] >= 0)) {
    orr_fail(c, "rtol is %g and atol %g; both must be >= 0", c->attr[0],
             c->attr[1]);
    return NULL;
  }
  if (x && !orr_dtype_is_float(x->dtype)) {
    x = orr_cast(x, ORR_F64);
    y = orr_cast(y, ORR_F64);
  }
  orr_tensor *gap = ORR(abs, ORR(sub, x, y));
  orr_tensor *bound = scaled(ORR(abs, y), c->attr[0]);
  bound = ORR(add, bound, orr_num(bound, c->attr[1]));
  orr_tensor *near = ORR(logical_and, ORR(isfinite, gap), ORR(le, gap, bound));
  if (c->attr[2] != 0)
    same =
        ORR(logical_or, same, ORR(logical_and, ORR(isnan, x), ORR(isnan, y)));
  return ORR(logical_or, same, near);
}

ORR_DEFINE_OP(isclose,
    .doc = "Whether |x - y| <= atol + rtol |y|, elementwise with broadcasting "
           "(uint8, 1 or 0). Infinities are close to themselves.",
    .params = {{"x", .want = ORR_WANT_ANY}, {"y", .want = ORR_WANT_ANY},
        {"rtol", ORR_NUM, .def = 1e-5, .doc = "times |y|"},
        {"atol", ORR_NUM, .def = 1e-8, .doc = "added to it"},
        {"equal_nan", ORR_BOOL, .doc = "NaN is close to NaN"}},
    .compose = isclose_compose, .flags = ORR_PROMOTE | ORR_NO_GRAD,
    .samples = {"{ {3,4}, {3,4} }", "{ {3,1}, {4}, atol = 0.3 }",
        "{ {3,4}, {3,4}, rtol = 0.5, equal_nan = true }", "{ {0,4}, {4} }",
        "{ {3}, {3}, ints = { x = {-2,2}, y = {-2,2} } }",
        "{ {2}, {2}, rtol = -1, error = 'isclose: rtol is -1 and atol 1e-08; "
        "both must be >= 0' }",
        BAD_BROADCAST("isclose")});
