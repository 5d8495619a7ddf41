// reduce.c -- sums, means, extremes and norms along axes.
#include "../kernels/reduce.h"

#include "op.h"

#define REDUCE_PARAMS                                                   \
  {"axis", ORR_AXES, .doc = "axis or list of axes; all when absent"}, { \
    "keepdim", ORR_BOOL, .doc = "keep the reduced axes with size 1"     \
  }
#define KEEPDIM 9  // slot after the axes

// Bit i for each axis i among the resolved axes at attr[0].
static unsigned axis_bits(const double *attr) {
  unsigned bits = 0;
  for (int i = 1; i <= (int)attr[0]; i++) bits |= 1u << (int)attr[i];
  return bits;
}

static bool out_reduced(orr_call *c, int i, orr_dtype d) {
  const orr_tensor *x = c->x[0];
  const unsigned bits = axis_bits(c->attr);
  int64_t size[ORR_MAX_RANK];
  int rank = 0;
  for (int a = 0; a < x->rank; a++)
    if (!(bits >> a & 1))
      size[rank++] = x->size[a];
    else if (c->attr[KEEPDIM] != 0)
      size[rank++] = 1;
  return orr_out(c, i, d, rank, size);
}

// t, shaped like the reduced x, with its axes of size 1 back in place.
static orr_tensor *unsqueezed(const orr_vjp *v, orr_tensor *t) {
  const unsigned bits = axis_bits(v->attr);
  int64_t size[ORR_MAX_RANK];
  for (int a = 0; a < v->x[0]->rank; a++)
    size[a] = bits >> a & 1 ? 1 : v->x[0]->size[a];
  return orr_reshape_to(t, v->x[0]->rank, size);
}

static orr_tensor *expanded(const orr_vjp *v, orr_tensor *t) {
  return orr_expand_to(unsqueezed(v, t), v->x[0]->rank, v->x[0]->size);
}

static size_t acc_bytes(const orr_call *c) {
  return (size_t)(c->y[0]->count + 1) * sizeof(orr_acc);
}

// Accumulators of `what` over x, acc_bytes() to be freed; NULL for lack of
// memory.
static orr_acc *fold(const orr_call *c, orr_reduction what,
                     const double *center) {
  const orr_tensor *x = c->x[0];
  orr_acc *acc = orr_alloc(acc_bytes(c));
  if (acc && !orr_reduce(orr_reducer_of(what, x->dtype), x->dtype, orr_data(x),
                         x->rank, x->size, axis_bits(c->attr), center, acc)) {
    orr_free(acc, acc_bytes(c));
    return NULL;
  }
  return acc;
}

// y[i] = acc[i] * scale, in y's type; frees acc.
static bool store(orr_call *c, orr_acc *acc, double scale) {
  orr_tensor *y = c->y[0];
  if (!acc) return false;
  for (int64_t i = 0; i < y->count; i++) {
    switch (y->dtype) {
      case ORR_F32: ORR_F32P(y)[i] = (float)(acc[i].d * scale); break;
      case ORR_F64: ORR_F64P(y)[i] = acc[i].d * scale; break;
      case ORR_U8: ORR_U8P(y)[i] = (uint8_t)acc[i].i; break;
      default: ORR_I64P(y)[i] = acc[i].i; break;
    }
  }
  orr_free(acc, acc_bytes(c));
  return true;
}

static bool sum_shape(orr_call *c) {
  const orr_dtype d = c->x[0]->dtype;
  return orr_want_axes(c, 0, c->x[0]->rank) &&
         out_reduced(c, 0, orr_dtype_is_float(d) ? d : ORR_I64);
}

static bool sum_forward(orr_call *c) {
  return store(c, fold(c, ORR_RED_SUM, NULL), 1);
}

static void sum_vjp(orr_vjp *v) { v->gx[0] = expanded(v, v->gy); }

ORR_DEFINE_OP(sum,
    .doc = "Sum along axes. float32 is accumulated in float64; int64 and "
           "uint8 give int64.",
    .params = {{"x", .want = ORR_WANT_ANY}, REDUCE_PARAMS},
    .shape = sum_shape, .forward = sum_forward, .vjp = sum_vjp,
    .flags = ORR_DROPS_X,
    .samples = {"{ {3,4} }", "{ {2,3,4}, axis = 2, keepdim = true }",
        "{ {2,3,2,5}, axis = {1,-2} }", "{ {2,3,4}, axis = {-3,3} }",
        "{ {} }", "{ {0,4} }", "{ {0,4}, axis = 1 }", "{ {0,4}, axis = 2 }",
        "{ {70,3}, axis = 1 }", "{ {6}, low = -1e4, high = 1e4 }",
        "{ {2,3}, axis = 3, error = 'sum: axis is 3 but x is [2, 3]; use "
        "1 to 2 or -2 to -1' }"});
