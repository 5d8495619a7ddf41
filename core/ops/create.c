// create.c -- tensors from sizes and numbers alone.
#include <math.h>
#include <string.h>

#include "op.h"

#define SIZES \
  { "sizes", ORR_SIZES, .required = true, .doc = "the shape" }
#define DTYPE \
  { "dtype", ORR_DTYPE, .def = ORR_F32, .doc = "of the elements" }
#define DTYPE_LIKE \
  { "dtype", ORR_DTYPE, .def = -1, .doc = "x's when absent" }
#define AFTER_SIZES 9  // slot after a size list

#define EACH(T, P, VALUE) \
  for (int64_t i = 0; i < y->count; i++) P(y)[i] = (T)(VALUE)
#define EACH_OF_TYPE(VALUE)         \
  switch (y->dtype) {               \
  case ORR_F32:                     \
    EACH(float, ORR_F32P, VALUE);   \
    break;                          \
  case ORR_F64:                     \
    EACH(double, ORR_F64P, VALUE);  \
    break;                          \
  case ORR_U8:                      \
    EACH(uint8_t, ORR_U8P, VALUE);  \
    break;                          \
  default:                          \
    EACH(int64_t, ORR_I64P, VALUE); \
    break;                          \
  }

static bool fill(orr_tensor *y, double value) {
  if (value == 0 && !signbit(value))
    memset(orr_data(y), 0, (size_t)y->count * orr_dtype_size(y->dtype));
  else
    EACH_OF_TYPE(value)
  return true;
}

// Whether d holds value; fails with a sentence if not.
static bool want_value(orr_call *c, const char *name, double value,
                       orr_dtype d) {
  const bool fits = d == ORR_U8
      ? value >= 0 && value <= 255 && value == floor(value)
      : d == ORR_I64
      ? fabs(value) < 9223372036854775808.0 && value == floor(value)
      : true;
  return fits ||
      orr_fail(c,
               "%s is %.17g, which %s cannot hold; use another "
               "dtype",
               name, value, orr_dtype_name(d));
}

static bool out_sizes(orr_call *c, double dtype) {
  int64_t size[ORR_MAX_RANK];
  const int rank = (int)c->attr[0];
  for (int a = 0; a < rank; a++) {
    size[a] = (int64_t)c->attr[1 + a];
    if (!(c->attr[1 + a] >= 0))
      return orr_fail(c, "size %d is %g; use 0 or more", a + 1, c->attr[1 + a]);
  }
  return orr_out(c, 0, (orr_dtype)dtype, rank, size);
}

static bool out_like(orr_call *c, double dtype) {
  const orr_tensor *x = c->x[0];
  return orr_out(c, 0, dtype < 0 ? x->dtype : (orr_dtype)dtype, x->rank,
                 x->size);
}

#define CREATES .flags = ORR_CREATES | ORR_NO_GRAD
#define SIZE_SAMPLES(NAME)                                    \
  "{ sizes = {2,3} }", "{ sizes = {} }", "{ sizes = {0,4} }", \
      "{ sizes = {2}, dtype = 'int64' }",                     \
      "{ sizes = {2,-1}, error = '" NAME ": size 2 is -1; use 0 or more' }"
#define LIKE_SAMPLES "{ {2,3} }", "{ {} }", "{ {0,4}, dtype = 'uint8' }"

// ---- zeros, ones, full

static bool sizes_shape(orr_call *c) {
  return out_sizes(c, c->attr[AFTER_SIZES]);
}
static bool like_shape(orr_call *c) { return out_like(c, c->attr[0]); }

static bool zeros_forward(orr_call *c) { return fill(c->y[0], 0); }
static bool ones_forward(orr_call *c) { return fill(c->y[0], 1); }

ORR_DEFINE_OP(zeros,
    .doc = "Zeros.", .params = {SIZES, DTYPE}, .shape = sizes_shape,
    .forward = zeros_forward, CREATES, .samples = {SIZE_SAMPLES("zeros")});
ORR_DEFINE_OP(ones,
    .doc = "Ones.", .params = {SIZES, DTYPE}, .shape = sizes_shape,
    .forward = ones_forward, CREATES, .samples = {SIZE_SAMPLES("ones")});

#define X_ANY \
  { "x", .want = ORR_WANT_ANY }
ORR_DEFINE_OP(zeros_like,
    .doc = "Zeros of x's shape.", .params = {X_ANY, DTYPE_LIKE},
    .shape = like_shape, .forward = zeros_forward,
    .flags = ORR_NO_GRAD | ORR_STRIDED_OK, .samples = {LIKE_SAMPLES});
ORR_DEFINE_OP(ones_like,
    .doc = "Ones of x's shape.", .params = {X_ANY, DTYPE_LIKE},
    .shape = like_shape, .forward = ones_forward,
    .flags = ORR_NO_GRAD | ORR_STRIDED_OK, .samples = {LIKE_SAMPLES});

static bool full_shape(orr_call *c) {
  return out_sizes(c, c->attr[AFTER_SIZES + 1]) &&
      want_value(c, "value", c->attr[AFTER_SIZES], c->out[0].dtype);
}

static bool full_forward(orr_call *c) {
  return fill(c->y[0], c->attr[AFTER_SIZES]);
}

ORR_DEFINE_OP(full,
    .doc = "A tensor of one value.",
    .params = {SIZES, {"value", ORR_NUM, .required = true, .doc = "of each element"}, DTYPE},
    .shape = full_shape, .forward = full_forward, CREATES,
    .samples = {"{ sizes = {2,3}, value = 2.5 }", "{ sizes = {}, value = -1 }",
        "{ sizes = {0,4}, value = 1 }",
        "{ sizes = {2}, value = 300, dtype = 'uint8', error = 'full: value is "
        "300, which uint8 cannot hold; use another dtype' }",
        "{ sizes = {-2}, value = 1, error = 'full: size 1 is -2; use 0 or "
        "more' }"});

static bool full_like_shape(orr_call *c) {
  return out_like(c, c->attr[1]) &&
      want_value(c, "value", c->attr[0], c->out[0].dtype);
}

static bool full_like_forward(orr_call *c) { return fill(c->y[0], c->attr[0]); }

ORR_DEFINE_OP(full_like,
    .doc = "One value in x's shape.",
    .params = {X_ANY, {"value", ORR_NUM, .required = true, .doc = "of each element"}, DTYPE_LIKE},
    .shape = full_like_shape, .forward = full_like_forward,
    .flags = ORR_NO_GRAD | ORR_STRIDED_OK,
    .samples = {"{ {2,3}, value = 2.5 }", "{ {}, value = 7 }",
        "{ {0,4}, value = 7, dtype = 'int64' }",
        "{ {2}, value = 0.5, dtype = 'int64', error = 'full_like: value is "
        "0.5, which int64 cannot hold; use another dtype' }"});

// ---- eye

static bool eye_shape(orr_call *c) {
  const double n = c->attr[0];
  const double m = c->attr[1] < 0 ? n : c->attr[1];
  const int64_t size[2] = {(int64_t)n, (int64_t)m};
  if (!(n >= 0)) return orr_fail(c, "n is %g; use 0 or more", n);
  return orr_out(c, 0, (orr_dtype)c->attr[2], 2, size);
}

static bool eye_forward(orr_call *c) {
  orr_tensor *y = c->y[0];
  fill(y, 0);
  for (int64_t i = 0; i < y->size[0] && i < y->size[1]; i++)
    orr_set(y, i * y->size[1] + i, 1);
  return true;
}

ORR_DEFINE_OP(eye,
    .doc = "The identity matrix.",
    .params = {{"n", ORR_INT, .required = true, .doc = "rows"},
        {"m", ORR_INT, .def = -1, .doc = "columns; n when -1"}, DTYPE},
    .shape = eye_shape, .forward = eye_forward, CREATES,
    .samples = {"{ n = 3 }", "{ n = 2, m = 4, dtype = 'int64' }",
        "{ n = 0 }", "{ n = -3, error = 'eye: n is -3; use 0 or more' }"});

// ---- range, linspace

// Both ends belong to it; 1e-9 of a step forgives 0, 0.1, ..., 1.
static bool range_shape(orr_call *c) {
  const double first = c->attr[0], last = c->attr[1], step = c->attr[2];
  const orr_dtype d = (orr_dtype)c->attr[3];
  if (!(step != 0) || !isfinite(step))
    return orr_fail(c, "step is %g; use a number other than 0", step);
  const double n = floor((last - first) / step + 1e-9) + 1;
  if (!(n < 9007199254740992.0))
    return orr_fail(c,
                    "first is %g, last is %g, step is %g: too many "
                    "elements; use finite ends and a larger step",
                    first, last, step);
  const int64_t size = n > 0 ? (int64_t)n : 0;
  return (size == 0 ||
          (want_value(c, "first", first, d) &&
           want_value(c, "last", first + (n - 1) * step, d) &&
           want_value(c, "step", fabs(step), d))) &&
      orr_out(c, 0, d, 1, &size);
}

static bool range_forward(orr_call *c) {
  orr_tensor *y = c->y[0];
  const double first = c->attr[0], step = c->attr[2];
  EACH_OF_TYPE(first + (double)i * step)
  return true;
}

ORR_DEFINE_OP(range,
    .doc = "first, first + step, ... up to last, which belongs to it.",
    .params = {{"first", ORR_NUM, .required = true, .doc = "element"},
        {"last", ORR_NUM, .required = true, .doc = "not passed"},
        {"step", ORR_NUM, .def = 1, .doc = "not 0"},
        DTYPE},
    .shape = range_shape, .forward = range_forward, CREATES,
    .samples = {"{ first = 1, last = 10 }",
        "{ first = 0, last = 1, step = 0.1, dtype = 'float64' }",
        "{ first = 5, last = 1, step = -2, dtype = 'int64' }",
        "{ first = 2, last = 1 }",
        "{ first = 1, last = 2, step = 0, error = 'range: step is 0; use a "
        "number other than 0' }",
        "{ first = 0.5, last = 2, dtype = 'int64', error = 'range: first is "
        "0.5, which int64 cannot hold; use another dtype' }"});

static bool linspace_shape(orr_call *c) {
  const double n = c->attr[2];
  const int64_t size = (int64_t)n;
  if (!(n >= 0)) return orr_fail(c, "n is %g; use 0 or more", n);
  if (!orr_dtype_is_float((orr_dtype)c->attr[3]))
    return orr_fail(c, "dtype is %s; use float32 or float64",
                    orr_dtype_name((orr_dtype)c->attr[3]));
  return orr_out(c, 0, (orr_dtype)c->attr[3], 1, &size);
}

// Counted from both ends, so that both are exact.
static bool linspace_forward(orr_call *c) {
  orr_tensor *y = c->y[0];
  const double first = c->attr[0], last = c->attr[1];
  const int64_t n = y->count;
  const double step = n > 1 ? (last - first) / (double)(n - 1) : 0;
  for (int64_t i = 0; i < n; i++) {
    const double v = i == 0 || i < n / 2 ? first + step * (double)i
                                         : last - step * (double)(n - 1 - i);
    if (y->dtype == ORR_F32)
      ORR_F32P(y)[i] = (float)v;
    else
      ORR_F64P(y)[i] = v;
  }
  return true;
}

ORR_DEFINE_OP(linspace,
    .doc = "n evenly spaced numbers from first to last.",
    .params = {{"first", ORR_NUM, .required = true, .doc = "element"},
        {"last", ORR_NUM, .required = true, .doc = "element"},
        {"n", ORR_INT, .required = true, .doc = "how many"}, DTYPE},
    .shape = linspace_shape, .forward = linspace_forward, CREATES,
    .samples = {"{ first = 0, last = 1, n = 5 }",
        "{ first = 3, last = -3, n = 4, dtype = 'float64' }",
        "{ first = 2, last = 5, n = 1 }", "{ first = 2, last = 5, n = 0 }",
        "{ first = 2, last = 5, n = -1, error = 'linspace: n is -1; use 0 or "
        "more' }",
        "{ first = 2, last = 5, n = 3, dtype = 'int64', error = 'linspace: "
        "dtype is int64; use float32 or float64' }"});
