// reduce.c -- sums, means, extremes and truth along axes.
#include "reduction.h"

#include <math.h>

// Bit i for each axis i among the resolved axes.
static unsigned axis_bits(const orr_op *op, const double *attr) {
  const double *axes = attr + orr_axes_slot(op);
  unsigned bits = 0;
  for (int i = 1; i <= (int)axes[0]; i++) bits |= 1u << (int)axes[i];
  return bits;
}

int64_t orr_reduced_count(const orr_op *op, const orr_tensor *x,
                          const double *attr) {
  const unsigned bits = axis_bits(op, attr);
  int64_t n = 1;
  for (int a = 0; a < x->rank; a++)
    if (bits >> a & 1) n *= x->size[a];
  return n;
}

bool orr_out_reduced(orr_call *c, int i, orr_dtype d) {
  const orr_tensor *x = c->x[0];
  const int slot = orr_axes_slot(c->op);
  if (!orr_want_axes(c, slot, x->rank)) return false;
  const unsigned bits = axis_bits(c->op, c->attr);
  int64_t size[ORR_MAX_RANK];
  int rank = 0;
  for (int a = 0; a < x->rank; a++)
    if (!(bits >> a & 1))
      size[rank++] = x->size[a];
    else if (c->attr[slot + ORR_KEEPDIM] != 0)
      size[rank++] = 1;
  return orr_out(c, i, d, rank, size);
}

bool orr_want_elements(orr_call *c) {
  char shape[128];
  if (orr_reduced_count(c->op, c->x[0], c->attr) > 0) return true;
  return orr_fail(c,
                  "%s is %s: nothing to choose from; reduce axes that "
                  "are not empty",
                  orr_input_name(c, 0),
                  orr_shape_text(c->x[0], shape, sizeof shape));
}

orr_tensor *orr_unreduced(const orr_vjp *v, orr_tensor *t) {
  const unsigned bits = axis_bits(v->op, v->attr);
  int64_t size[ORR_MAX_RANK];
  for (int a = 0; a < v->x[0]->rank; a++)
    size[a] = bits >> a & 1 ? 1 : v->x[0]->size[a];
  return orr_reshape_to(t, v->x[0]->rank, size);
}

orr_tensor *orr_reduce_alike(const orr_vjp *v, const orr_op *op,
                             orr_tensor *t) {
  orr_short_args args = {t, .attr = {[ORR_KEEPDIM] = true}};
  const double *axes = v->attr + orr_axes_slot(v->op);
  for (int i = 0; i < ORR_KEEPDIM; i++) args.attr[i] = axes[i];
  return orr_apply_short(op, &args);
}

// The division never meets a 0: a NaN in the branch not taken would come back
// as 0 * NaN in the next gradient.
orr_tensor *orr_div_or_zero(orr_tensor *a, orr_tensor *y) {
  if (!a || !y) return NULL;
  orr_tensor *zero = orr_num(y, 0), *one = orr_num(y, 1);
  orr_tensor *none = ORR(eq, y, zero);
  orr_tensor *q = ORR(div, a, ORR(where, none, one, y));
  return ORR(where, none, zero, q);
}

size_t orr_folded_bytes(const orr_call *c) {
  return (size_t)(c->y[0]->count + 1) * sizeof(orr_acc);
}

orr_acc *orr_fold(const orr_call *c, orr_reduction what, const double *center) {
  const orr_tensor *x = c->x[0];
  orr_acc *acc = orr_alloc(orr_folded_bytes(c));
  if (acc &&
      !orr_reduce(orr_reducer_of(what, x->dtype), x->dtype, orr_data(x),
                  x->rank, x->size, axis_bits(c->op, c->attr), center, acc)) {
    orr_free(acc, orr_folded_bytes(c));
    return NULL;
  }
  return acc;
}

bool orr_store_folded(orr_call *c, orr_acc *acc, double scale) {
  if (!acc) return false;
  orr_reduce_store(acc, c->y[0]->count, scale, c->y[0]->dtype,
                   orr_data(c->y[0]));
  orr_free(acc, orr_folded_bytes(c));
  return true;
}

// ---- sum, mean

static bool sum_shape(orr_call *c) {
  const orr_dtype d = c->x[0]->dtype;
  return orr_out_reduced(c, 0, orr_dtype_is_float(d) ? d : ORR_I64);
}

static bool sum_forward(orr_call *c) {
  return orr_store_folded(c, orr_fold(c, ORR_RED_SUM, NULL), 1);
}

static void sum_vjp(orr_vjp *v) {
  v->gx[0] =
      orr_expand_to(orr_unreduced(v, v->gy), v->x[0]->rank, v->x[0]->size);
}

ORR_DEFINE_OP(sum,
    .doc = "Sum along axes. float32 is added in pairs, these in float64; int64 "
           "and uint8 give int64.",
    .params = {{"x", .want = ORR_WANT_ANY}, ORR_REDUCE_PARAMS},
    .shape = sum_shape, .forward = sum_forward, .vjp = sum_vjp,
    .flags = ORR_DROPS_X,
    .samples = {"{ {3,4} }", "{ {2,3,4}, axis = 2, keepdim = true }",
        "{ {2,3,2,5}, axis = {1,-2} }", "{ {2,3,4}, axis = {-3,3} }",
        "{ {} }", "{ {0,4} }", "{ {0,4}, axis = 1 }", "{ {0,4}, axis = 2 }",
        "{ {70,3}, axis = 1 }", "{ {6}, low = -1e4, high = 1e4 }",
        "{ {2,3}, axis = 3, error = 'sum: axis is 3 but x is [2, 3]; use "
        "1 to 2 or -2 to -1' }"});

static bool same_dtype_shape(orr_call *c) {
  return orr_out_reduced(c, 0, c->x[0]->dtype);
}

static bool mean_forward(orr_call *c) {
  const int64_t n = orr_reduced_count(c->op, c->x[0], c->attr);
  orr_acc *acc = orr_fold(c, ORR_RED_SUM, NULL);
  for (int64_t i = 0; acc && i < c->y[0]->count; i++) acc[i].d /= (double)n;
  return orr_store_folded(c, acc, 1);
}

static void mean_vjp(orr_vjp *v) {
  const double n = (double)orr_reduced_count(v->op, v->x[0], v->attr);
  orr_tensor *g = ORR(mul, orr_unreduced(v, v->gy), orr_num(v->gy, 1 / n));
  v->gx[0] = orr_expand_to(g, v->x[0]->rank, v->x[0]->size);
}

ORR_DEFINE_OP(mean,
    .doc = "Mean along axes. Of nothing it is NaN.",
    .params = {{"x"}, ORR_REDUCE_PARAMS},
    .shape = same_dtype_shape, .forward = mean_forward, .vjp = mean_vjp,
    .flags = ORR_DROPS_X,
    .samples = {"{ {3,4} }", "{ {2,3,4}, axis = {1,3}, keepdim = true }",
        "{ {2,3,4}, axis = -1 }", "{ {} }", "{ {0,4}, axis = 2 }",
        "{ {6}, low = -1e4, high = 1e4 }",
        "{ {2,3}, axis = -3, error = 'mean: axis is -3 but x is [2, 3]; use "
        "1 to 2 or -2 to -1' }"});

// ---- extremes

static bool extreme_shape(orr_call *c) {
  return same_dtype_shape(c) && orr_want_elements(c);
}

static bool amax_forward(orr_call *c) {
  return orr_store_folded(c, orr_fold(c, ORR_RED_MAX, NULL), 1);
}

static bool amin_forward(orr_call *c) {
  return orr_store_folded(c, orr_fold(c, ORR_RED_MIN, NULL), 1);
}

// Elements that reach the extreme share its gradient evenly.
static void extreme_vjp(orr_vjp *v) {
  orr_tensor *hit =
      orr_cast(ORR(eq, v->x[0], orr_unreduced(v, v->y[0])), v->gy->dtype);
  orr_tensor *hits = orr_reduce_alike(v, &orr_op_sum, hit);
  v->gx[0] = ORR(mul, hit, ORR(div, orr_unreduced(v, v->gy), hits));
}

ORR_DEFINE_OP(amax,
    .doc = "Largest element along axes. Equal largest elements share the "
           "gradient; NaN wins.",
    .params = {{"x", .want = ORR_WANT_ANY}, ORR_REDUCE_PARAMS},
    .shape = extreme_shape, .forward = amax_forward, .vjp = extreme_vjp,
    .flags = ORR_KEEPS_Y,
    .samples = {"{ {3,4}, distinct = true }", "{ {}, distinct = true }",
        "{ {2,3,4}, axis = {1,-1}, keepdim = true, distinct = true }",
        "{ {3,40}, axis = 2, distinct = true }", "{ {0,4}, axis = 2 }",
        "{ {0,4}, error = 'amax: x is [0, 4]: nothing to choose from; "
        "reduce axes that are not empty' }"});

ORR_DEFINE_OP(amin,
    .doc = "Smallest element along axes. Equal smallest elements share the "
           "gradient; NaN wins.",
    .params = {{"x", .want = ORR_WANT_ANY}, ORR_REDUCE_PARAMS},
    .shape = extreme_shape, .forward = amin_forward, .vjp = extreme_vjp,
    .flags = ORR_KEEPS_Y,
    .samples = {"{ {3,4}, distinct = true }", "{ {}, distinct = true }",
        "{ {2,3,4}, axis = {1,-1}, keepdim = true, distinct = true }",
        "{ {3,40}, axis = 2, distinct = true }", "{ {0,4}, axis = 2 }",
        "{ {0,4}, error = 'amin: x is [0, 4]: nothing to choose from; "
        "reduce axes that are not empty' }"});

// ---- truth

static bool truth_shape(orr_call *c) { return orr_out_reduced(c, 0, ORR_U8); }

static bool all_forward(orr_call *c) {
  return orr_store_folded(c, orr_fold(c, ORR_RED_ALL, NULL), 1);
}

static bool any_forward(orr_call *c) {
  return orr_store_folded(c, orr_fold(c, ORR_RED_ANY, NULL), 1);
}

ORR_DEFINE_OP(all,
    .doc = "Whether every element along axes differs from 0, as uint8. Of "
           "nothing it is 1.",
    .params = {{"x", .want = ORR_WANT_ANY}, ORR_REDUCE_PARAMS},
    .shape = truth_shape, .forward = all_forward, .flags = ORR_NO_GRAD,
    .samples = {"{ {3,4} }", "{ {2,3,4}, axis = {1,3} }", "{ {0,4} }",
        "{ {2,3}, axis = 4, error = 'all: axis is 4 but x is [2, 3]; use "
        "1 to 2 or -2 to -1' }"});

ORR_DEFINE_OP(any,
    .doc = "Whether some element along axes differs from 0, as uint8. Of "
           "nothing it is 0.",
    .params = {{"x", .want = ORR_WANT_ANY}, ORR_REDUCE_PARAMS},
    .shape = truth_shape, .forward = any_forward, .flags = ORR_NO_GRAD,
    .samples = {"{ {3,4} }", "{ {2,3,4}, axis = 2, keepdim = true }",
        "{ {0,4} }",
        "{ {2,3}, axis = 4, error = 'any: axis is 4 but x is [2, 3]; use "
        "1 to 2 or -2 to -1' }"});

// ---- logsumexp

// log(sum exp x) = m + log(sum exp(x - m)), m the largest: no exponential
// overflows. An infinite m stands for itself and must not be subtracted.
static bool logsumexp_forward(orr_call *c) {
  const int64_t n = c->y[0]->count;
  orr_acc *top = orr_fold(c, ORR_RED_MAX, NULL);
  if (!top) return false;
  for (int64_t i = 0; i < n; i++)
    if (isinf(top[i].d)) top[i].d = 0;
  orr_acc *acc = orr_fold(c, ORR_RED_EXP, &top[0].d);
  for (int64_t i = 0; acc && i < n; i++) acc[i].d = top[i].d + log(acc[i].d);
  orr_free(top, orr_folded_bytes(c));
  return orr_store_folded(c, acc, 1);
}

static void logsumexp_vjp(orr_vjp *v) {
  orr_tensor *p = ORR(exp, ORR(sub, v->x[0], orr_unreduced(v, v->y[0])));
  v->gx[0] = ORR(mul, orr_unreduced(v, v->gy), p);
}

ORR_DEFINE_OP(logsumexp,
    .doc = "log(sum(exp(x))) along axes, without overflow. Of nothing it is "
           "-inf.",
    .params = {{"x"}, ORR_REDUCE_PARAMS},
    .shape = same_dtype_shape, .forward = logsumexp_forward,
    .vjp = logsumexp_vjp, .flags = ORR_KEEPS_Y | ORR_INT_TO_FLOAT,
    .samples = {"{ {3,4} }", "{ {2,3,4}, axis = {1,-1}, keepdim = true }",
        "{ {3,4}, axis = 1 }", "{ {0,4} }", "{ {0,4}, axis = 2 }", "{ {} }",
        "{ {6}, low = -500, high = 500 }",
        "{ {2,3}, axis = 3, error = 'logsumexp: axis is 3 but x is [2, 3]; "
        "use 1 to 2 or -2 to -1' }"});
