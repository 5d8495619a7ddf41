// support.c -- what shape rules and gradients say often.
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "op.h"

bool orr_fail(orr_call *c, const char *format, ...) {
  char text[900];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return orr_set_error("%s: %s", c->op->name, text);
}

const char *orr_input_name(const orr_call *c, int input) {
  const orr_param *p = c->op->params;
  for (int i = 0; i < ORR_MAX_PARAM && p[i].name; i++) {
    if (p[i].kind > ORR_TENSORS) continue;
    if (p[i].kind == ORR_TENSORS || input-- == 0) return p[i].name;
  }
  return "x";
}

bool orr_out(orr_call *c, int i, orr_dtype d, int rank, const int64_t *size) {
  if (rank > ORR_MAX_RANK)
    return orr_fail(c, "the result would have %d axes; at most %d are possible",
                    rank, ORR_MAX_RANK);
  c->out[i].dtype = d;
  c->out[i].rank = rank;
  if (rank) memcpy(c->out[i].size, size, (size_t)rank * sizeof *size);
  return true;
}

bool orr_out_like(orr_call *c, const orr_tensor *x) {
  return orr_out(c, 0, x->dtype, x->rank, x->size);
}

bool orr_out_view(orr_call *c, int rank, const int64_t *size,
                  const int64_t *stride, int64_t offset) {
  char text[128];
  if (rank <= ORR_MAX_RANK && orr_product(rank, size) < 0)
    return orr_fail(c, "the result would be %s, more elements than fit",
                    orr_sizes_text(rank, size, text, sizeof text));
  if (!orr_out(c, 0, c->x[0]->dtype, rank, size)) return false;
  if (rank) memcpy(c->out[0].stride, stride, (size_t)rank * sizeof *stride);
  c->out[0].offset = offset;
  return true;
}

// The shape that the first n inputs broadcast to.
static bool common_shape(orr_call *c, int n, int *rank, int64_t *size) {
  char a[128], b[128];
  *rank = 0;
  for (int i = 0; i < n; i++) {
    if (!c->x[i] || orr_broadcast_shape(rank, size, c->x[i])) continue;
    return orr_fail(c,
                    "%s is %s, %s is %s: they do not broadcast; sizes must "
                    "be equal or 1, matched from the last axis",
                    orr_input_name(c, 0), orr_shape_text(c->x[0], a, sizeof a),
                    orr_input_name(c, i), orr_shape_text(c->x[i], b, sizeof b));
  }
  return true;
}

bool orr_out_broadcast(orr_call *c, int d) {
  int rank;
  int64_t size[ORR_MAX_RANK];
  return common_shape(c, c->nx, &rank, size) &&
      orr_out(c, 0, d >= 0 ? (orr_dtype)d : c->x[0]->dtype, rank, size);
}

bool orr_spread_two(orr_call *c, orr_tensor **x, orr_tensor **y) {
  int rank;
  int64_t size[ORR_MAX_RANK];
  if (!common_shape(c, 2, &rank, size)) return false;
  *x = orr_expand_to(c->x[0], rank, size);
  *y = orr_expand_to(c->x[1], rank, size);
  return *x && *y;
}

bool orr_want_rank(orr_call *c, int input, int rank) {
  const orr_tensor *x = c->x[input];
  char text[128];
  if (x->rank == rank) return true;
  return orr_fail(c, "%s is %s but must have %d axes; use :view or :unsqueeze",
                  orr_input_name(c, input),
                  orr_shape_text(x, text, sizeof text), rank);
}

bool orr_want_min_rank(orr_call *c, int input, int rank) {
  const orr_tensor *x = c->x[input];
  char text[128];
  if (x->rank >= rank) return true;
  return orr_fail(c,
                  "%s is %s but must have at least %d ax%s; use :view or "
                  ":unsqueeze",
                  orr_input_name(c, input),
                  orr_shape_text(x, text, sizeof text), rank,
                  rank == 1 ? "is" : "es");
}

bool orr_want_per_channel(orr_call *c, int input, int64_t channels) {
  const orr_tensor *v = c->x[input];
  char text[128];
  if (!v || (v->rank == 1 && v->size[0] == channels)) return true;
  return orr_fail(c, "%s is %s but x has %lld channels; give [%lld]",
                  orr_input_name(c, input),
                  orr_shape_text(v, text, sizeof text), (long long)channels,
                  (long long)channels);
}

bool orr_want_eps(orr_call *c, int slot) {
  return c->attr[slot] >= 0 ||
      orr_fail(c, "eps is %g; it must be >= 0", c->attr[slot]);
}

bool orr_want_same(orr_call *c, int a, int b) {
  char s[128], t[128];
  if (orr_same_shape(c->x[a], c->x[b])) return true;
  return orr_fail(c, "%s is %s but %s is %s; match them", orr_input_name(c, a),
                  orr_shape_text(c->x[a], s, sizeof s), orr_input_name(c, b),
                  orr_shape_text(c->x[b], t, sizeof t));
}

// Messages count axes from 1, as users do.
static bool resolve_axis(orr_call *c, double *axis, int rank) {
  const double given = *axis, at = given < 0 ? given + rank : given;
  char text[128];
  if (at >= 0 && at < rank) {
    *axis = at;
    return true;
  }
  const double seen = given < 0 ? given : given + 1;
  if (rank == 0)
    return orr_fail(c, "axis is %.0f but %s is a scalar; it has no axes", seen,
                    orr_input_name(c, 0));
  return orr_fail(c, "axis is %.0f but %s is %s; use 1 to %d or -%d to -1",
                  seen, orr_input_name(c, 0),
                  orr_shape_text(c->x[0], text, sizeof text), rank, rank);
}

bool orr_want_axis(orr_call *c, int slot, int rank) {
  return resolve_axis(c, &c->attr[slot], rank);
}

bool orr_want_axes(orr_call *c, int slot, int rank) {
  double *n = &c->attr[slot], *axis = n + 1;
  if (*n == 0) {
    for (int i = 0; i < rank; i++) axis[i] = i;
    *n = rank;
    return true;
  }
  for (int i = 0; i < (int)*n; i++) {
    if (!resolve_axis(c, &axis[i], rank)) return false;
    const double a = axis[i];
    int k = i;
    for (; k > 0 && axis[k - 1] > a; k--) axis[k] = axis[k - 1];
    axis[k] = a;
    if (k > 0 && axis[k - 1] == a)
      return orr_fail(c, "axis %d is given twice; name each once", (int)a + 1);
  }
  return true;
}

orr_tensor *orr_num(const orr_tensor *like, double value) {
  return like ? orr_keep(orr_scalar(like->dtype, value)) : NULL;
}

// `lead` slots, then a size list.
static orr_tensor *apply_sizes(const orr_op *op, orr_tensor *x, int rank,
                               const int64_t *size) {
  if (!x) return NULL;
  assert(rank <= ORR_MAX_RANK);
  orr_short_args args = {.x0 = x, .attr = {rank}};
  for (int i = 0; i < rank; i++) args.attr[1 + i] = (double)size[i];
  return orr_apply_short(op, &args);
}

orr_tensor *orr_reshape_to(orr_tensor *x, int rank, const int64_t *size) {
  return apply_sizes(&orr_op_reshape, x, rank, size);
}

orr_tensor *orr_expand_to(orr_tensor *x, int rank, const int64_t *size) {
  return apply_sizes(&orr_op_expand, x, rank, size);
}

orr_tensor *orr_sum_to(orr_tensor *x, int rank, const int64_t *size) {
  if (!x) return NULL;
  const int grow = x->rank - rank;
  orr_short_args args = {.x0 = x};
  int n = 0;
  for (int i = 0; i < x->rank; i++)
    if (i < grow || (size[i - grow] == 1 && x->size[i] != 1))
      args.attr[1 + n++] = i;
  args.attr[0] = n;
  args.attr[1 + ORR_MAX_RANK] = true;
  if (n) x = orr_apply_short(&orr_op_sum, &args);
  return grow ? orr_reshape_to(x, rank, size) : x;
}

orr_tensor *orr_transpose_last(orr_tensor *x) {
  return x ? ORR(transpose, x, .attr = {-2, -1}) : NULL;
}

orr_tensor *orr_cast(orr_tensor *x, orr_dtype d) {
  if (!x || x->dtype == d) return x;
  return ORR(to, x, .attr = {d});
}
