// scan.c -- running products and log-sums along an axis.
//
// Composed: after step k each element holds the fold of the 2^k elements up to
// it (Hillis & Steele 1986), so gradients of any order are those of the fold,
// right where elements are 0 too.
#include "op.h"

typedef orr_tensor *fold_fn(orr_tensor *x, orr_tensor *y);

static orr_tensor *multiply(orr_tensor *x, orr_tensor *y) {
  return ORR(mul, x, y);
}
static orr_tensor *log_add(orr_tensor *x, orr_tensor *y) {
  return ORR(logaddexp, x, y);
}

static orr_tensor *part(orr_tensor *y, int axis, int64_t first, int64_t n) {
  return ORR(narrow, y, .attr = {axis, (double)first, (double)n, 1});
}

static orr_tensor *scan(orr_call *c, orr_tensor *y, fold_fn *fold) {
  if (!y || !orr_want_axis(c, 0, y->rank)) return NULL;
  const int axis = (int)c->attr[0];
  const int64_t n = y->size[axis];
  if (n < 2) return ORR(clone, y);
  for (int64_t step = 1; y && step < n; step *= 2) {
    orr_tensor *rest =
        fold(part(y, axis, step, n - step), part(y, axis, 0, n - step));
    orr_tensor *both[2] = {part(y, axis, 0, step), rest};
    if (!both[0] || !both[1]) return NULL;
    const orr_args args = {.list = both, .n = 2, .attr = {axis}};
    y = orr_keep(orr_apply(&orr_op_cat, &args));
  }
  return y;
}

static orr_tensor *cumprod_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  if (!orr_dtype_is_float(x->dtype)) x = orr_cast(x, ORR_I64);
  return scan(c, x, multiply);
}

static orr_tensor *logcumsumexp_compose(orr_call *c) {
  return scan(c, c->x[0], log_add);
}

ORR_DEFINE_OP(cumprod,
    .doc = "Running products along an axis; int64 and uint8 give int64.",
    .params = {{"x", .want = ORR_WANT_ANY},
        {"axis", ORR_AXIS, .required = true, .doc = "along which"}},
    .compose = cumprod_compose,
    .samples = {"{ {3,4}, axis = 1 }", "{ {2,7,2}, axis = 2 }",
        "{ {2,4}, axis = 2, low = 0, high = 0 }", "{ {0,4}, axis = 2 }",
        "{ {1}, axis = 1 }",
        "{ {2,3}, axis = 3, error = 'cumprod: axis is 3 but x is [2, 3]; use "
        "1 to 2 or -2 to -1' }"});

ORR_DEFINE_OP(logcumsumexp,
    .doc = "Logarithms of the running sums of e^x along an axis, without "
           "overflow.",
    .params = {{"x"},
        {"axis", ORR_AXIS, .required = true, .doc = "along which"}},
    .compose = logcumsumexp_compose,
    .samples = {"{ {3,4}, axis = 1 }", "{ {2,7,2}, axis = 2 }",
        "{ {6}, axis = 1, low = -800, high = 800 }", "{ {0,4}, axis = 2 }",
        "{ {2,3}, axis = 3, error = 'logcumsumexp: axis is 3 but x is [2, 3]; "
        "use 1 to 2 or -2 to -1' }"});
