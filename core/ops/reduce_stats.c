// reduce_stats.c -- variance, standard deviation, norms and products.
#include "reduction.h"

#include <math.h>

#define CORRECTION 10
#define STATS_PARAMS                                                       \
  ORR_REDUCE_PARAMS, {                                                     \
    "correction", ORR_NUM,                                                 \
        .def = 1, .doc = "the divisor is the number of elements less this" \
  }

static bool float_shape(orr_call *c) {
  return orr_out_reduced(c, 0, c->x[0]->dtype);
}

static double divisor(const orr_op *op, const orr_tensor *x,
                      const double *attr) {
  const double n = (double)orr_reduced_count(op, x, attr) - attr[CORRECTION];
  return n > 0 ? n : 0;
}

// Two passes, mean first: no cancellation.
static orr_acc *fold_variance(const orr_call *c) {
  const double n = (double)orr_reduced_count(c->op, c->x[0], c->attr);
  const double d = divisor(c->op, c->x[0], c->attr);
  orr_acc *mean = orr_fold(c, ORR_RED_SUM, NULL);
  if (!mean) return NULL;
  for (int64_t i = 0; i < c->y[0]->count; i++) mean[i].d /= n;
  orr_acc *acc = orr_fold(c, ORR_RED_SQUARE, &mean[0].d);
  for (int64_t i = 0; acc && i < c->y[0]->count; i++) acc[i].d /= d;
  orr_free(mean, orr_folded_bytes(c));
  return acc;
}

// x less its mean along the reduced axes.
static orr_tensor *centred(const orr_vjp *v) {
  return ORR(sub, v->x[0], orr_reduce_alike(v, &orr_op_mean, v->x[0]));
}

static bool var_forward(orr_call *c) {
  return orr_store_folded(c, fold_variance(c), 1);
}

static void var_vjp(orr_vjp *v) {
  const double d = divisor(v->op, v->x[0], v->attr);
  orr_tensor *g = ORR(mul, v->gy, orr_num(v->gy, 2 / d));
  v->gx[0] = ORR(mul, orr_unreduced(v, g), centred(v));
}

ORR_DEFINE_OP(var,
    .doc = "Variance along axes: sum((x - mean(x))^2) / (n - correction).",
    .params = {{"x"}, STATS_PARAMS},
    .shape = float_shape, .forward = var_forward, .vjp = var_vjp,
    .samples = {"{ {3,4} }",
        "{ {2,3,4}, axis = {1,-1}, keepdim = true, correction = 0 }",
        "{ {5,3}, axis = 1 }", "{ {0,4}, axis = 2 }",
        "{ {6}, low = 999, high = 1001 }",
        "{ {2,3}, axis = 3, error = 'var: axis is 3 but x is [2, 3]; use "
        "1 to 2 or -2 to -1' }"});

static bool std_forward(orr_call *c) {
  orr_acc *acc = fold_variance(c);
  for (int64_t i = 0; acc && i < c->y[0]->count; i++) acc[i].d = sqrt(acc[i].d);
  return orr_store_folded(c, acc, 1);
}

static void std_vjp(orr_vjp *v) {
  const double d = divisor(v->op, v->x[0], v->attr);
  orr_tensor *g = ORR(mul, v->gy, orr_num(v->gy, 1 / d));
  g = orr_unreduced(v, orr_div_or_zero(g, v->y[0]));
  v->gx[0] = ORR(mul, g, centred(v));
}

ORR_DEFINE_OP(std,
    .doc = "Standard deviation along axes: the root of var. Where it is 0 "
           "its gradient is 0.",
    .params = {{"x"}, STATS_PARAMS},
    .shape = float_shape, .forward = std_forward, .vjp = std_vjp,
    .flags = ORR_KEEPS_Y,
    .samples = {"{ {3,4} }",
        "{ {2,3,4}, axis = {1,-1}, keepdim = true, correction = 0 }",
        "{ {5,3}, axis = 1 }", "{ {0,4}, axis = 2 }",
        "{ {6}, low = 999, high = 1001 }",
        "{ {2,3}, axis = 3, error = 'std: axis is 3 but x is [2, 3]; use "
        "1 to 2 or -2 to -1' }"});

// ---- norm: p, the axes, keepdim

static bool norm_shape(orr_call *c) {
  const double p = c->attr[0];
  if (isnan(p)) return orr_fail(c, "p is not a number; use one, or math.huge");
  // Of nothing, a largest |x| is not there, nor 0 to a negative power.
  return float_shape(c) && ((p >= 0 && !isinf(p)) || orr_want_elements(c));
}

static orr_acc *fold_power(const orr_call *c, double p) {
  const int64_t n = c->y[0]->count;
  orr_acc *power = orr_alloc(orr_folded_bytes(c));
  if (!power) return NULL;
  for (int64_t i = 0; i < n; i++) power[i].d = p;
  orr_acc *acc = orr_fold(c, ORR_RED_POWER, &power[0].d);
  for (int64_t i = 0; acc && i < n; i++) acc[i].d = pow(acc[i].d, 1 / p);
  orr_free(power, orr_folded_bytes(c));
  return acc;
}

static bool norm_forward(orr_call *c) {
  const double p = c->attr[0];
  orr_acc *acc;
  if (p == 2) {
    acc = orr_fold(c, ORR_RED_SQUARE, NULL);
    for (int64_t i = 0; acc && i < c->y[0]->count; i++)
      acc[i].d = sqrt(acc[i].d);
  } else if (p == 1) {
    acc = orr_fold(c, ORR_RED_ABS, NULL);
  } else if (p == 0) {
    acc = orr_fold(c, ORR_RED_NONZERO, NULL);
  } else if (isinf(p)) {
    acc = orr_fold(c, p > 0 ? ORR_RED_MAX_ABS : ORR_RED_MIN_ABS, NULL);
  } else {
    acc = fold_power(c, p);
  }
  return orr_store_folded(c, acc, 1);
}

// d||x||_p / dx = sign(x) (|x| / ||x||)^(p - 1); at 0 it is taken as 0, where
// the power may be infinite.
static void norm_vjp(orr_vjp *v) {
  const double p = v->attr[0];
  orr_tensor *x = v->x[0], *gy = orr_unreduced(v, v->gy);
  orr_tensor *y = orr_unreduced(v, v->y[0]), *g;
  if (p == 2) {
    v->gx[0] = ORR(mul, x, orr_div_or_zero(gy, y));
    return;
  }
  if (p == 0) {
    g = ORR(mul, gy, orr_num(gy, 0));
  } else if (p == 1) {
    g = gy;
  } else if (isinf(p)) {
    orr_tensor *hit = orr_cast(ORR(eq, ORR(abs, x), y), x->dtype);
    orr_tensor *hits = orr_reduce_alike(v, &orr_op_sum, hit);
    g = ORR(mul, hit, ORR(div, gy, hits));
  } else {
    orr_tensor *r = orr_div_or_zero(ORR(abs, x), y);
    r = ORR(where, ORR(eq, x, orr_num(x, 0)), orr_num(x, 1), r);
    g = ORR(mul, gy, ORR(pow, r, orr_num(x, p - 1)));
  }
  v->gx[0] = ORR(mul, ORR(sign, x), g);
}

ORR_DEFINE_OP(norm,
    .doc = "p-norm along axes: sum(|x|^p)^(1/p). p = math.huge gives the "
           "largest |x|, -math.huge the smallest; p = 0 counts what is not 0. "
           "Where x or the norm is 0 the gradient is 0.",
    .params = {{"x"},
        {"p", ORR_NUM, .def = 2, .doc = "order, any number"},
        ORR_REDUCE_PARAMS},
    .shape = norm_shape, .forward = norm_forward, .vjp = norm_vjp,
    .flags = ORR_KEEPS_Y,
    .samples = {"{ {3,4} }", "{ {2,3,4}, axis = {1,-1}, keepdim = true }",
        "{ {5,3}, p = 1, axis = 1, low = 0.5, high = 2 }",
        "{ {5,3}, p = 3, axis = 2, low = 0.5, high = 2 }",
        "{ {5,3}, p = 1.5, low = -2, high = -0.5 }",
        "{ {5,3}, p = 1/0, axis = 2, low = 0.5, high = 2, "
        "distinct = true }",
        "{ {5,3}, p = 0, axis = 2 }", "{ {0,4}, axis = 1 }", "{ {0,4} }",
        "{ {6}, low = -1e4, high = 1e4 }",
        "{ {5,3}, p = -1, axis = 2, low = 0.5, high = 2 }",
        "{ {5,3}, p = -1/0, axis = 1, low = -2, high = -0.5, "
        "distinct = true }",
        "{ {2,3}, p = 0.5, low = 0, high = 0, nograd = true, "
        "reason = 'infinite slopes' }",
        "{ {2,3}, p = 0/0, error = 'norm: p is not a number; use one, or "
        "math.huge' }",
        "{ {0,4}, p = -1, error = 'norm: x is [0, 4]: nothing to choose from; "
        "reduce axes that are not empty' }",
        "{ {2,3}, axis = 3, error = 'norm: axis is 3 but x is [2, 3]; use "
        "1 to 2 or -2 to -1' }"});

// ---- prod

// x with the reduced axes last, as kept x reduced.
static orr_tensor *kept_by_reduced(orr_tensor *x, const orr_short_args *axes,
                                   int64_t kept, int64_t n) {
  orr_short_args order = *axes;
  order.x0 = x;
  return orr_reshape_to(x->rank ? orr_apply_short(&orr_op_permute, &order) : x,
                        2, (int64_t[]){kept, n});
}

// Halves are multiplied until one column is left, and odd last columns on the
// way at the end: gradients of any order are right where elements are 0.
static orr_tensor *column_product(orr_tensor *y, int64_t n) {
  orr_tensor *rest = NULL;
  for (; n > 1; n /= 2) {
    const double half = (double)(n / 2);
    orr_tensor *a = ORR(narrow, y, .attr = {1, 0, half, 1});
    orr_tensor *b = ORR(narrow, y, .attr = {1, half, half, 1});
    if (n % 2) {
      orr_tensor *last = ORR(narrow, y, .attr = {1, (double)n - 1, 1, 1});
      rest = rest ? ORR(mul, rest, last) : last;
    }
    y = ORR(mul, a, b);
  }
  return rest ? ORR(mul, y, rest) : ORR(mul, y, orr_num(y, 1));
}

static orr_tensor *prod_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  if (!orr_want_axes(c, 0, x->rank)) return NULL;
  if (!orr_dtype_is_float(x->dtype)) x = orr_cast(x, ORR_I64);
  if (!x) return NULL;
  orr_short_args order = {.attr = {x->rank}};
  int64_t size[ORR_MAX_RANK], kept = 1, n = 1;
  int rank = 0, at = 1, next = 1;
  for (int pass = 0; pass < 2; pass++, next = 1)
    for (int a = 0; a < x->rank; a++) {
      const bool reduced = next <= (int)c->attr[0] && c->attr[next] == a;
      next += reduced;
      if (reduced != pass) continue;
      order.attr[at++] = a;
      *(reduced ? &n : &kept) *= x->size[a];
    }
  for (int a = 0; a < x->rank; a++) {
    const bool reduced = next <= (int)c->attr[0] && c->attr[next] == a;
    next += reduced;
    if (!reduced || c->attr[ORR_KEEPDIM] != 0)
      size[rank++] = reduced ? 1 : x->size[a];
  }
  orr_tensor *y = kept_by_reduced(x, &order, kept, n);
  y = n > 0 ? column_product(y, n)
            : ORR(add, ORR(sum, y, .attr = {1, 1}), orr_num(y, 1));
  return orr_reshape_to(y, rank, size);
}

ORR_DEFINE_OP(prod,
    .doc = "Product along axes; of nothing it is 1. int64 and uint8 give "
           "int64.",
    .params = {{"x", .want = ORR_WANT_ANY}, ORR_REDUCE_PARAMS},
    .compose = prod_compose,
    .samples = {"{ {3,4} }", "{ {2,3,4}, axis = 2, keepdim = true }",
        "{ {2,3,2}, axis = {1,-1} }", "{ {7,2}, axis = 1 }", "{ {} }",
        "{ {1} }", "{ {0,4} }", "{ {0,4}, axis = 2 }", "{ {4}, low = 0, "
        "high = 0 }",
        "{ {2,3}, axis = 3, error = 'prod: axis is 3 but x is [2, 3]; use "
        "1 to 2 or -2 to -1' }"});
