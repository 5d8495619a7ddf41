// scatter_reduce.c -- what meets at a place of x is summed, multiplied,
// averaged, or the extreme of it taken; and slices limited in norm.
#include <math.h>

#include "op.h"

enum { SUM, PROD, MEAN, AMAX, AMIN };
enum { AXIS, REDUCE, INCLUDE };

static orr_tensor *scattered(const orr_call *c, orr_tensor *onto,
                             orr_tensor *source) {
  return ORR(scatter_add, onto, c->x[1], source, .attr = {c->attr[AXIS]});
}
static orr_tensor *written(const orr_call *c, orr_tensor *onto, double value) {
  return ORR(scatter, onto, c->x[1], orr_num(onto, value),
             .attr = {c->attr[AXIS]});
}
static orr_tensor *gathered(const orr_call *c, orr_tensor *from) {
  return ORR(gather, from, c->x[1], .attr = {c->attr[AXIS]});
}
static orr_tensor *filled(const orr_tensor *like, double value) {
  if (!like) return NULL;
  orr_tensor *y = orr_keep(orr_empty(like->dtype, like->rank, like->size));
  return y && orr_fill_(y, value) ? y : NULL;
}

// How many elements of index name each place.
static orr_tensor *visits(const orr_call *c) {
  return scattered(c, filled(c->x[0], 0), filled(c->x[2], 1));
}

static orr_tensor *averaged(const orr_call *c, orr_tensor *x) {
  orr_tensor *one = orr_num(x, 1), *n = visits(c);
  n = c->attr[INCLUDE] != 0 ? ORR(add, n, one) : ORR(maximum, n, one);
  orr_tensor *sum = scattered(c, x, c->x[2]);
  // The mean of whole numbers is rounded downwards, as in PyTorch.
  if (orr_dtype_is_float(x->dtype)) return ORR(div, sum, n);
  return ORR(floor_divide, sum, n);
}

// Which visit of its place each element of index is, counted from 1.
static orr_tensor *visit_number(const orr_call *c, double *most) {
  const orr_tensor *x = c->x[0], *index = c->x[1];
  const int axis = (int)c->attr[AXIS];
  orr_tensor *y = orr_keep(orr_empty(ORR_I64, index->rank, index->size));
  orr_tensor *seen = orr_keep(orr_zeros(ORR_I64, x->rank, x->size));
  orr_tensor *packed = ORR(contiguous, c->x[1]);
  if (!y || !seen || !packed) return NULL;
  int64_t at[ORR_MAX_RANK] = {0};
  *most = 0;
  for (int64_t i = 0; i < index->count; i++) {
    int64_t place = 0;
    for (int k = 0; k < x->rank; k++)
      place =
          place * x->size[k] + (k == axis ? ORR_I64P(packed)[i] - 1 : at[k]);
    ORR_I64P(y)[i] = ++ORR_I64P(seen)[place];
    if ((double)ORR_I64P(y)[i] > *most) *most = (double)ORR_I64P(y)[i];
    for (int k = x->rank - 1; k >= 0 && ++at[k] == index->size[k]; k--)
      at[k] = 0;
  }
  return y;
}

// One factor per round of visits: gradients of any order are right where
// elements are 0 too.
static orr_tensor *multiplied(const orr_call *c, orr_tensor *x) {
  double rounds;
  // Checks the index before its elements are used.
  if (!gathered(c, x)) return NULL;
  orr_tensor *number = visit_number(c, &rounds);
  for (double k = 1; x && number && k <= rounds; k++) {
    orr_tensor *now = ORR(eq, number, orr_num(number, k));
    orr_tensor *hit = scattered(c, filled(x, 0), orr_cast(now, x->dtype));
    orr_tensor *zero = orr_num(x, 0);
    orr_tensor *factor = scattered(c, ORR(sub, orr_num(x, 1), hit),
                                   ORR(where, now, c->x[2], zero));
    x = ORR(mul, x, factor);
  }
  return x;
}

// The extreme at each place, of x too, as a constant.
static orr_tensor *extreme(const orr_call *c, orr_tensor *x, bool largest) {
  orr_tensor *source = c->x[2];
  double rounds;
  if (!gathered(c, x)) return NULL;
  orr_tensor *number = visit_number(c, &rounds), *y = x;
  for (double k = 1; y && number && k <= rounds; k++) {
    // Elements of other rounds bring what is there already.
    orr_tensor *now = ORR(eq, number, orr_num(number, k));
    orr_tensor *there = gathered(c, y);
    orr_tensor *hit = scattered(c, filled(x, 0), orr_cast(now, x->dtype));
    orr_tensor *best =
        largest ? ORR(maximum, there, source) : ORR(minimum, there, source);
    orr_tensor *value =
        scattered(c, filled(x, 0), ORR(where, now, best, orr_num(x, 0)));
    y = ORR(where, ORR(ne, hit, orr_num(x, 0)), value, y);
  }
  return y ? orr_keep(orr_detach(y)) : NULL;
}

// The value that loses against all others.
static double worst(orr_dtype d, bool largest) {
  if (orr_dtype_is_float(d)) return largest ? -INFINITY : INFINITY;
  if (d == ORR_U8) return largest ? 0 : UINT8_MAX;
  return largest ? (double)INT64_MIN : (double)INT64_MAX;
}

// The extremes' mean of the elements equal to it: its value, and gradients
// shared among them.
static orr_tensor *shared(const orr_call *c, orr_tensor *x, orr_tensor *best) {
  orr_tensor *zero = orr_num(x, 0), *source = c->x[2];
  orr_tensor *mine = ORR(eq, x, best);
  orr_tensor *theirs = ORR(eq, source, gathered(c, best));
  orr_tensor *n =
      scattered(c, orr_cast(mine, x->dtype), orr_cast(theirs, x->dtype));
  orr_tensor *sum =
      scattered(c, ORR(where, mine, x, zero), ORR(where, theirs, source, zero));
  // NaN equals nothing, itself neither.
  orr_tensor *none = ORR(eq, n, zero);
  return ORR(where, none, best, ORR(div, sum, ORR(maximum, n, orr_num(x, 1))));
}

static orr_tensor *scatter_reduce_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  const int how = (int)c->attr[REDUCE];
  const double start[] = {0, 1, 0, worst(x->dtype, true),
                          worst(x->dtype, false)};
  if (!orr_want_axis(c, AXIS, x->rank)) return NULL;
  if (c->attr[INCLUDE] == 0) x = written(c, x, start[how]);
  if (!x) return NULL;
  if (how == SUM) return scattered(c, x, c->x[2]);
  if (how == MEAN) return averaged(c, x);
  if (how == PROD) return multiplied(c, x);
  orr_tensor *best = extreme(c, x, how == AMAX);
  return orr_dtype_is_float(x->dtype) ? shared(c, x, best) : best;
}

#define INDICES "ints = { index = {1,5} } }"
ORR_DEFINE_OP(scatter_reduce,
    .doc = "x with the elements of source that meet at a place, where gather "
           "would read, summed up, multiplied, averaged, or the largest or "
           "smallest of them; with what x holds there, if included.",
    .params = {{"x", .want = ORR_WANT_ANY},
        {"axis", ORR_AXIS, .required = true, .doc = "along which"},
        {"index", .want = ORR_WANT_INT, .doc = "positions from 1"},
        {"source", .want = ORR_WANT_ANY, .doc = "of x's dtype"},
        {"reduce", ORR_CHOICE, .choices = "sum|prod|mean|amax|amin",
            .doc = "what becomes of them"},
        {"include_self", ORR_BOOL, .def = 1, .doc = "x's element is one"}},
    .compose = scatter_reduce_compose,
    .samples = {"{ {5,3}, {4,3}, {4,3}, axis = 1, " INDICES,
        "{ {5}, {9}, {9}, axis = 1, reduce = 'mean', " INDICES,
        "{ {5}, {9}, {9}, axis = 1, reduce = 'mean', include_self = false, "
        INDICES,
        "{ {2,5}, {2,9}, {2,9}, axis = 2, reduce = 'prod', " INDICES,
        "{ {5}, {9}, {9}, axis = 1, reduce = 'prod', include_self = false, "
        INDICES,
        "{ {5,2}, {7,2}, {7,2}, axis = 1, reduce = 'amax', distinct = true, "
        INDICES,
        "{ {5}, {7}, {7}, axis = 1, reduce = 'amin', include_self = false, "
        "distinct = true, " INDICES,
        "{ {5}, {0}, {0}, axis = 1, reduce = 'prod', " INDICES,
        "{ {5}, {2}, {3}, axis = 1, ints = { index = {1,5} }, error = "
        "'scatter_reduce: index is [2] but source is [3]; match them' }"});

// Whole slices: scatter_reduce with the same index in each.
static orr_tensor *index_reduce_compose(orr_call *c) {
  const orr_tensor *x = c->x[0], *index = c->x[1], *source = c->x[2];
  char a[128], b[128];
  if (!orr_want_axis(c, AXIS, x->rank) || !orr_want_rank(c, 1, 1)) return NULL;
  const int axis = (int)c->attr[AXIS];
  bool ok = source->rank == x->rank;
  int64_t line[ORR_MAX_RANK];
  for (int i = 0; ok && i < x->rank; i++) {
    ok = source->size[i] == (i == axis ? index->count : x->size[i]);
    line[i] = i == axis ? index->count : 1;
  }
  if (!ok) {
    orr_fail(c,
             "x is %s and index has %lld positions but source is %s; source "
             "must be like x with that many along axis %d",
             orr_shape_text(x, a, sizeof a), (long long)index->count,
             orr_shape_text(source, b, sizeof b), axis + 1);
    return NULL;
  }
  orr_tensor *at = orr_reshape_to(c->x[1], x->rank, line);
  at = orr_expand_to(at, x->rank, source->size);
  return ORR(scatter_reduce, c->x[0], at, c->x[2],
             .attr = {axis, c->attr[REDUCE] + PROD, c->attr[INCLUDE]});
}

ORR_DEFINE_OP(index_reduce,
    .torch = "torch.Tensor.index_reduce",
    .doc = "x with the slices of source that meet at a position of one axis "
           "multiplied, averaged, or the largest or smallest of them taken; "
           "with what x holds there, if included.",
    .params = {{"x", .want = ORR_WANT_ANY},
        {"axis", ORR_AXIS, .required = true, .doc = "along which"},
        {"index", .want = ORR_WANT_INT, .doc = "[M], positions from 1"},
        {"source", .want = ORR_WANT_ANY, .doc = "like x, M along the axis"},
        {"reduce", ORR_CHOICE, .choices = "prod|mean|amax|amin",
            .doc = "what becomes of them"},
        {"include_self", ORR_BOOL, .def = 1, .doc = "x's slice is one"}},
    .compose = index_reduce_compose,
    .samples = {"{ {5,3}, {4}, {4,3}, axis = 1, " INDICES,
        "{ {2,5}, {9}, {2,9}, axis = 2, reduce = 'mean', " INDICES,
        "{ {2,5}, {9}, {2,9}, axis = -1, reduce = 'prod', include_self = "
        "false, " INDICES,
        "{ {5,2}, {7}, {7,2}, axis = 1, reduce = 'amax', distinct = true, "
        INDICES,
        "{ {5}, {7}, {7}, axis = 1, reduce = 'amin', include_self = false, "
        "distinct = true, " INDICES,
        "{ {5}, {0}, {0}, axis = 1, " INDICES,
        "{ {5,3}, {4}, {4,2}, axis = 1, ints = { index = {1,5} }, error = "
        "'index_reduce: x is [5, 3] and index has 4 positions but source is "
        "[4, 2]; source must be like x with that many along axis 1' }"});

// ---- renorm: p, axis, maxnorm

static orr_tensor *renorm_compose(orr_call *c) {
  orr_tensor *x = c->x[0];
  const double p = c->attr[0], most = c->attr[2];
  if (!orr_want_min_rank(c, 0, 2) || !orr_want_axis(c, 1, x->rank)) return NULL;
  if (!(p > 0 && most >= 0)) {
    orr_fail(c, "p is %g and maxnorm %g; p must be > 0, maxnorm >= 0", p, most);
    return NULL;
  }
  orr_short_args norm = {.x0 = x, .attr = {p, x->rank - 1}};
  int n = 0;
  for (int k = 0; k < x->rank; k++)
    if (k != (int)c->attr[1]) norm.attr[2 + n++] = k;
  norm.attr[2 + ORR_MAX_RANK] = true;  // keepdim
  orr_tensor *size = orr_apply_short(&orr_op_norm, &norm), *one = orr_num(x, 1);
  orr_tensor *shrink =
      ORR(div, orr_num(x, most), ORR(add, size, orr_num(x, 1e-7)));
  orr_tensor *large = ORR(gt, size, orr_num(x, most));
  return ORR(mul, x, ORR(where, large, shrink, one));
}

ORR_DEFINE_OP(renorm,
    .doc = "x with each slice along an axis whose p-norm is above maxnorm "
           "scaled down to it.",
    .params = {{"x"}, {"p", ORR_NUM, .required = true, .doc = "> 0"},
        {"axis", ORR_AXIS, .required = true, .doc = "of the slices"},
        {"maxnorm", ORR_NUM, .required = true, .doc = "largest norm"}},
    .compose = renorm_compose,
    .samples = {"{ {3,4}, p = 2, axis = 1, maxnorm = 0.5, low = 0.5, high = 2 "
                "}",
        "{ {2,3,2}, p = 1, axis = 2, maxnorm = 100 }",
        "{ {3,4}, p = 3, axis = -1, maxnorm = 1, low = 0.5, high = 2 }",
        "{ {0,4}, p = 2, axis = 2, maxnorm = 1 }",
        "{ {3}, p = 2, axis = 1, maxnorm = 1, error = 'renorm: x is [3] but "
        "must have at least 2 axes; use :view or :unsqueeze' }",
        "{ {2,3}, p = 0, axis = 1, maxnorm = 1, error = 'renorm: p is 0 and "
        "maxnorm 1; p must be > 0, maxnorm >= 0' }"});
