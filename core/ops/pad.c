// pad.c -- padding and cropping.
#include "../kernels/pad.h"

#include <string.h>

#include "op.h"

// `pad` takes slots 0..8; `mode` follows, then `value`, or for the gradient
// the sizes of x.
enum { PADS = 0, MODE = 9, VALUE = 10, SIZES = 10 };

static const char *const mode_names[] = {"constant", "reflect", "replicate",
                                         "circular"};

// Pairs in PyTorch's order: the last axis first, {before, after} each. They
// turn sizes `from` into `to`.
static void read_pad(orr_pad *p, const double *attr, int rank,
                     const int64_t *from) {
  p->mode = (orr_pad_mode)(int)attr[MODE];
  p->rank = rank;
  for (int a = 0; a < rank; a++) {
    const int i = 2 * (rank - 1 - a);
    const bool given = i < (int)attr[PADS];
    p->before[a] = given ? (int64_t)attr[PADS + 1 + i] : 0;
    p->from[a] = from[a];
    p->to[a] =
        from[a] + p->before[a] + (given ? (int64_t)attr[PADS + 2 + i] : 0);
  }
}

static bool want_pads(orr_call *c, int rank) {
  const int n = (int)c->attr[PADS];
  char text[128];
  if (n % 2)
    return orr_fail(c,
                    "pad has %d numbers; give a pair {before, after} for "
                    "each padded axis, the last axis first",
                    n);
  if (n > 2 * rank)
    return orr_fail(c, "pad has %d numbers but %s is %s; give at most %d", n,
                    orr_input_name(c, 0),
                    orr_shape_text(c->x[0], text, sizeof text), 2 * rank);
  for (int i = 0; i < n; i++) {
    const double v = c->attr[PADS + 1 + i];
    if (v >= -2147483647.0 && v <= 2147483647.0 && v == (double)(int64_t)v)
      continue;
    return orr_fail(c, "pad number %d is %g; it must be a whole number", i + 1,
                    v);
  }
  return true;
}

// What each mode can do along an axis of size n.
static bool fits(orr_pad_mode mode, int64_t n, int64_t before, int64_t after) {
  const int64_t most = before > after ? before : after;
  if (n + before + after < 0 || -before > n || -after > n) return false;
  switch (mode) {
  case ORR_PAD_REFLECT:
    return most <= 0 || most < n;
  case ORR_PAD_REPLICATE:
    return most <= 0 || n > 0;
  case ORR_PAD_CIRCULAR:
    return most <= n;
  default:
    return true;
  }
}

static bool want_fit(orr_call *c, const orr_pad *p) {
  static const char *const limit[] = {"crop less",
                                      "it must be smaller than the axis",
                                      "the axis must not be empty",
                                      "it must not exceed the axis"};
  char text[128];
  for (int a = p->rank - 1; a >= 0; a--) {
    const int64_t before = p->before[a];
    const int64_t after = p->to[a] - p->from[a] - before;
    if (fits(p->mode, p->from[a], before, after)) continue;
    return orr_fail(c, "pad is {%lld, %lld} along axis %d of %s in mode %s; %s",
                    (long long)before, (long long)after, a + 1,
                    orr_sizes_text(p->rank, p->from, text, sizeof text),
                    mode_names[p->mode], limit[p->mode]);
  }
  return true;
}

static bool pad_shape(orr_call *c) {
  orr_pad p;
  if (!want_pads(c, c->x[0]->rank)) return false;
  read_pad(&p, c->attr, c->x[0]->rank, c->x[0]->size);
  return want_fit(c, &p) && orr_out(c, 0, c->x[0]->dtype, p.rank, p.to);
}

static bool pad_forward(orr_call *c) {
  orr_tensor *x = c->x[0];
  const double v = c->attr[VALUE];
  const float f = (float)v;
  const int64_t i = v > -9e18 && v < 9e18 ? (int64_t)v : 0;
  const uint8_t u = (uint8_t)i;
  const void *const fills[] = {&f, &v, &i, &u};
  orr_pad p;
  read_pad(&p, c->attr, x->rank, x->size);
  if (x->rank == 0) {
    memcpy(orr_data(c->y[0]), orr_data(x), orr_dtype_size(x->dtype));
    return true;
  }
  return orr_pad_run(x->dtype, &p, orr_data(x), fills[x->dtype],
                     orr_data(c->y[0]));
}

// Zeros added are cropped and crops are filled with zeros; otherwise an
// element sums what its copies got.
static void pad_vjp(orr_vjp *v) {
  const orr_tensor *x = v->x[0];
  orr_short_args args = {.x0 = v->gy};
  const int n = (int)v->attr[PADS];
  const bool constant = (int)v->attr[MODE] == ORR_PAD_CONSTANT;
  args.attr[PADS] = n;
  for (int i = 1; i <= n; i++)
    args.attr[PADS + i] = constant ? -v->attr[PADS + i] : v->attr[PADS + i];
  if (constant) {
    v->gx[0] = orr_apply_short(&orr_op_pad, &args);
    return;
  }
  args.attr[MODE] = v->attr[MODE];
  args.attr[SIZES] = x->rank;
  for (int a = 0; a < x->rank; a++)
    args.attr[SIZES + 1 + a] = (double)x->size[a];
  v->gx[0] = orr_apply_short(&orr_op_pad_dx, &args);
}

#define PAD_PARAM                                                             \
  {                                                                           \
    "pad", ORR_SIZES,                                                         \
        .required = true,                                                     \
        .doc = "{before, after} of the last axis, then of the one before it " \
               "...; negative numbers crop"                                   \
  }
#define MODE_PARAM                                                        \
  {                                                                       \
    "mode", ORR_CHOICE, .choices = "constant|reflect|replicate|circular", \
                        .doc = "what the border holds"                    \
  }

ORR_DEFINE_OP(
    pad,
    .doc = "Adds elements around x: pad = {left, right, top, bottom} for "
           "images. They are `value`, mirror images without the edge itself "
           "(reflect), the edge (replicate) or the other side (circular).",
    .params = {{"x", .want = ORR_WANT_ANY},
               PAD_PARAM,
               MODE_PARAM,
               {"value", ORR_NUM, .doc = "in mode constant"}},
    .shape = pad_shape, .forward = pad_forward, .vjp = pad_vjp,
    .flags = ORR_FUNCTIONAL | ORR_DROPS_X,
    .samples = {
        "{ {2,3,4}, pad = {1,2} }", "{ {2,3,4}, pad = {1,0,2,1}, value = 1.5 }",
        "{ {4,5}, pad = {-1,2,1,-2} }", "{ {3,4}, pad = {-2,-2} }",
        "{ {1,2,4,5}, pad = {2,3,3,1}, mode = 'reflect' }",
        "{ {1,2,3,2}, pad = {3,1,0,4}, mode = 'replicate' }",
        "{ {2,3,4}, pad = {4,3,1,2}, mode = 'circular' }",
        "{ {2,3,4}, pad = {1,1,0,0,1,0}, mode = 'replicate' }",
        "{ {2,4,5}, pad = {-1,2,2,-1}, mode = 'reflect' }",
        "{ {0,3}, pad = {1,1} }", "{ {2,0}, pad = {1,2} }",
        "{ {0,3}, pad = {1,1}, mode = 'reflect' }",
        "{ {2,3}, pad = {1,1,1}, error = 'pad: pad has 3 numbers; give a pair "
        "{before, after} for each padded axis, the last axis first' }",
        "{ {3}, pad = {1,1,1,1}, error = 'pad: pad has 4 numbers but x is [3]; "
        "give at most 2' }",
        "{ {2,3}, pad = {3,0}, mode = 'reflect', error = 'pad: pad is {3, 0} "
        "along axis 2 of [2, 3] in mode reflect; it must be smaller than the "
        "axis' }",
        "{ {2,3}, pad = {-2,-2}, error = 'pad: pad is {-2, -2} along axis 2 of "
        "[2, 3] in mode constant; crop less' }"});

// ------------------------------------------------------------ its gradient

static void sizes_of_x(const double *attr, int64_t *size) {
  for (int a = 0; a < (int)attr[SIZES]; a++)
    size[a] = (int64_t)attr[SIZES + 1 + a];
}

static bool pad_dx_shape(orr_call *c) {
  const orr_tensor *gy = c->x[0];
  const int rank = gy->rank;
  int64_t size[ORR_MAX_RANK] = {0};
  orr_pad p;
  char a[128], b[128];
  if (!want_pads(c, rank)) return false;
  sizes_of_x(c->attr, size);
  read_pad(&p, c->attr, rank, size);
  if ((int)c->attr[SIZES] != rank ||
      (rank && memcmp(p.to, gy->size, (size_t)rank * sizeof *p.to)))
    return orr_fail(c, "gy is %s but size is padded to %s; match them",
                    orr_shape_text(gy, a, sizeof a),
                    orr_sizes_text(rank, p.to, b, sizeof b));
  return want_fit(c, &p) && orr_out(c, 0, gy->dtype, rank, size);
}

static bool pad_dx_forward(orr_call *c) {
  orr_pad p;
  orr_tensor *gx = c->y[0];
  read_pad(&p, c->attr, gx->rank, gx->size);
  if (gx->rank == 0) {
    memcpy(orr_data(gx), orr_data(c->x[0]), orr_dtype_size(gx->dtype));
    return true;
  }
  return orr_pad_dx(gx->dtype, &p, orr_data(c->x[0]), orr_data(gx));
}

static void pad_dx_vjp(orr_vjp *v) {
  orr_short_args args = {.x0 = v->gy};
  for (int i = 0; i <= MODE; i++) args.attr[i] = v->attr[i];
  v->gx[0] = orr_apply_short(&orr_op_pad, &args);
}

ORR_DEFINE_OP(
    pad_dx, .doc = "Gradient of pad: each element sums what its copies got.",
    .params = {{"gy"},
               PAD_PARAM,
               MODE_PARAM,
               {"size", ORR_SIZES, .required = true, .doc = "sizes of x"}},
    .shape = pad_dx_shape, .forward = pad_dx_forward, .vjp = pad_dx_vjp,
    .flags = ORR_HIDDEN | ORR_DROPS_X,
    .samples = {
        "{ {2,5,6}, pad = {1,2,2,0}, mode = 'reflect', size = {2,3,3} }",
        "{ {0,5,6}, pad = {1,2,2,0}, mode = 'reflect', size = {0,3,3} }",
        "{ {5,4}, pad = {2,0,1,1}, mode = 'replicate', size = {3,2} }",
        "{ {6,5}, pad = {1,1,1,2}, mode = 'circular', size = {3,3} }",
        "{ {5}, pad = {1,1}, mode = 'reflect', size = {2}, error = 'pad_dx: gy "
        "is [5] but size is padded to [4]; match them' }"});
