// nan_stats.c -- sums, means and medians that leave NaN out.
#include "reduction.h"

static orr_tensor *without_nan(orr_tensor *x) {
  return ORR(where, ORR(isnan, x), orr_num(x, 0), x);
}

// x reduced by `op` along the call's axes.
static orr_tensor *reduced(const orr_call *c, const orr_op *op, orr_tensor *x) {
  orr_short_args args = {.x0 = x};
  for (int i = 0; i <= ORR_KEEPDIM; i++) args.attr[i] = c->attr[i];
  return orr_apply_short(op, &args);
}

static orr_tensor *nansum_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  if (!orr_want_axes(c, 0, x->rank)) return NULL;
  if (orr_dtype_is_float(x->dtype)) x = without_nan(x);
  return reduced(c, &orr_op_sum, x);
}

static orr_tensor *nanmean_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  if (!orr_want_axes(c, 0, x->rank)) return NULL;
  orr_tensor *there = orr_cast(ORR(logical_not, ORR(isnan, x)), x->dtype);
  return ORR(div, reduced(c, &orr_op_sum, without_nan(x)),
             reduced(c, &orr_op_sum, there));
}

#define SAMPLES(NAME)                                                       \
  {                                                                         \
    "{ {3,4} }", "{ {2,3,4}, axis = {1,-1}, keepdim = true }",              \
        "{ {5,3}, axis = 1 }", "{ {0,4}, axis = 2 }", "{ {} }",             \
        "{ {2,3}, axis = 3, error = '" NAME ": axis is 3 but x is [2, 3]; " \
        "use 1 to 2 or -2 to -1' }"                                         \
  }
ORR_DEFINE_OP(nansum,
    .doc = "Sum along axes of what is not NaN; int64 and uint8 give int64.",
    .params = {{"x", .want = ORR_WANT_ANY}, ORR_REDUCE_PARAMS},
    .compose = nansum_compose, .samples = SAMPLES("nansum"));
ORR_DEFINE_OP(nanmean,
    .doc = "Mean along axes of what is not NaN; of nothing it is NaN.",
    .params = {{"x"}, ORR_REDUCE_PARAMS}, .compose = nanmean_compose,
    .samples = SAMPLES("nanmean"));
