// apply.c -- the one place every op goes through: checks and converts inputs,
// declares and allocates outputs, computes, records.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../autograd/checkpoint.h"
#include "../compile/recorder.h"
#include "../kernels/elementwise.h"
#include "op.h"

// The tensor parameters of an op, looked up once. Simple: several floats of
// one dtype need no conversion and pass its checks.
typedef struct op_inputs {
  bool known, is_list, simple;
  int n;
  const orr_param *param[ORR_MAX_INPUT];
} op_inputs;

static op_inputs inputs[ORR_OP_COUNT];

static const op_inputs *look_up(const orr_op *op) {
  op_inputs *in = &inputs[op->id];
  for (int i = 0; i < ORR_MAX_PARAM && op->params[i].name; i++)
    if (op->params[i].kind <= ORR_TENSORS) in->param[in->n++] = &op->params[i];
  in->is_list = in->n && in->param[0]->kind == ORR_TENSORS;
  in->simple = true;
  for (int i = 0; i < in->n; i++)
    if (in->param[i]->want == ORR_WANT_INT ||
        in->param[i]->want == ORR_WANT_MASK)
      in->simple = false;
  in->known = true;
  return in;
}

static inline const op_inputs *inputs_of(const orr_op *op) {
  const op_inputs *in = &inputs[op->id];
  return in->known ? in : look_up(op);
}

// One application under way. Inputs live in `fixed` or, for lists, `list`.
typedef struct job {
  orr_call call;
  orr_tensor **x;  // as given, then cast
  orr_tensor *fixed[ORR_MAX_INPUT];
  double attr[ORR_MAX_ATTR];
  size_t mark;        // scope of the casts and packed copies
  size_t list_bytes;  // of x, when it is a copy of a list
} job;

static bool take_inputs(job *j, const orr_op *op, const orr_args *args) {
  const op_inputs *in = inputs_of(op);
  orr_tensor *const *given = in->is_list ? args->list : args->x;
  int n = in->n;
  j->x = j->fixed;
  if (in->is_list) {
    n = args->n;
    if (n < 1)
      return orr_fail(&j->call, "the list is empty; give at least one tensor");
    j->list_bytes = (size_t)n * sizeof *j->x;
    j->x = orr_alloc(j->list_bytes);
    if (!j->x) return false;
  }
  for (int i = 0; i < n; i++) {
    const orr_param *p = in->param[in->is_list ? 0 : i];
    j->x[i] = given[i];
    if (!given[i] && !p->optional)
      return orr_fail(&j->call, "%s is missing; give a tensor", p->name);
  }
  j->call.nx = n;
  j->call.x = j->x;
  return true;
}

static orr_want want_of(const orr_op *op, int input) {
  const op_inputs *in = inputs_of(op);
  return in->param[input < in->n ? input : in->n - 1]->want;
}

// Casts are ops, so gradients come back in the input's own dtype.
static bool cast_inputs(job *j, bool (*chosen)(const job *, int),
                        orr_dtype to) {
  for (int i = 0; i < j->call.nx; i++) {
    if (!j->x[i] || j->x[i]->dtype == to || !chosen(j, i)) continue;
    j->x[i] = orr_cast(j->x[i], to);
    if (!j->x[i]) return false;
  }
  return true;
}

static bool takes_numbers(const job *j, int i) {
  const orr_want w = want_of(j->call.op, i);
  return w == ORR_WANT_FLOAT || w == ORR_WANT_ANY;
}

static bool is_integer_input(const job *j, int i) {
  return takes_numbers(j, i) && !orr_dtype_is_float(j->x[i]->dtype);
}

// uint8 < int64 < float32 < float64. A scalar among tensors only decides
// between integer and float, as in PyTorch.
static orr_dtype widest(const job *j) {
  static const int order[ORR_DTYPES] = {2, 3, 1, 0};
  int max_rank = 0;
  for (int i = 0; i < j->call.nx; i++)
    if (j->x[i] && takes_numbers(j, i) && j->x[i]->rank > max_rank)
      max_rank = j->x[i]->rank;
  orr_dtype tensors = ORR_U8, scalars = ORR_U8;
  bool any_tensor = false;
  for (int i = 0; i < j->call.nx; i++) {
    if (!j->x[i] || !takes_numbers(j, i)) continue;
    const bool scalar = max_rank > 0 && j->x[i]->rank == 0;
    orr_dtype *d = scalar ? &scalars : &tensors;
    any_tensor = any_tensor || !scalar;
    if (order[j->x[i]->dtype] > order[*d]) *d = j->x[i]->dtype;
  }
  if (!any_tensor || orr_dtype_is_float(tensors))
    return any_tensor ? tensors : scalars;
  if (orr_dtype_is_float(scalars)) return ORR_F32;
  return order[scalars] > order[tensors] && tensors != ORR_U8 ? scalars
                                                              : tensors;
}

static bool all_alike(const job *j) {
  const orr_tensor *first = NULL;
  for (int i = 0; i < j->call.nx; i++) {
    if (!j->x[i] || !takes_numbers(j, i)) continue;
    if (first && first->dtype != j->x[i]->dtype) return false;
    first = first ? first : j->x[i];
  }
  return true;
}

static bool convert_inputs(job *j) {
  const unsigned flags = j->call.op->flags;
  if ((flags & ORR_PROMOTE) && !all_alike(j) &&
      !cast_inputs(j, takes_numbers, widest(j)))
    return false;
  return !(flags & ORR_INT_TO_FLOAT) ||
      cast_inputs(j, is_integer_input, ORR_F32);
}

static bool wrong_dtype(job *j, int i, const char *wanted, const char *fix) {
  return orr_fail(&j->call, "%s is %s but must be %s; use :to('%s')",
                  orr_input_name(&j->call, i), orr_dtype_name(j->x[i]->dtype),
                  wanted, fix);
}

static bool check_dtypes(job *j) {
  int first = -1;
  for (int i = 0; i < j->call.nx; i++) {
    if (!j->x[i]) continue;
    const orr_dtype d = j->x[i]->dtype;
    switch (want_of(j->call.op, i)) {
    case ORR_WANT_INT:
      if (d != ORR_I64) return wrong_dtype(j, i, "int64", "int64");
      break;
    case ORR_WANT_MASK:
      if (d != ORR_U8) return wrong_dtype(j, i, "uint8", "uint8");
      break;
    case ORR_WANT_FLOAT:
      if (!orr_dtype_is_float(d))
        return wrong_dtype(j, i, "float32 or float64", "float32");
      if (first >= 0 && j->x[first]->dtype != d)
        return orr_fail(&j->call, "%s is %s but %s is %s; convert one",
                        orr_input_name(&j->call, first),
                        orr_dtype_name(j->x[first]->dtype),
                        orr_input_name(&j->call, i), orr_dtype_name(d));
      first = first < 0 ? i : first;
      break;
    default:
      break;
    }
  }
  return true;
}

// The common case: all inputs float tensors of one dtype.
static bool nothing_to_convert(const job *j) {
  if (!inputs_of(j->call.op)->simple || j->call.nx == 0 || !j->x[0])
    return false;
  const orr_dtype d = j->x[0]->dtype;
  for (int i = 1; i < j->call.nx; i++)
    if (j->x[i] && j->x[i]->dtype != d) return false;
  return orr_dtype_is_float(d);
}

static bool start(job *j, const orr_op *op, const orr_args *args) {
  orr_call *c = &j->call;
  j->list_bytes = 0;
  c->op = op;
  c->nx = 0;
  c->ny = op->outputs ? op->outputs : 1;
  c->attr = j->attr;
  for (int i = 0; i < ORR_MAX_OUTPUT; i++) c->y[i] = NULL;
  for (int i = 0; i < c->ny; i++) c->out[i].rank = 0, c->out[i].offset = 0;
  c->stream = args->stream ? args->stream : orr_stream_default();
  memcpy(j->attr, args->attr, sizeof j->attr);
  j->mark = orr_scope_begin();
  if (op->flags & ORR_RANDOM && !orr_segment_note_stream(j->call.stream))
    return false;
  return take_inputs(j, op, args) &&
      (nothing_to_convert(j) || (convert_inputs(j) && check_dtypes(j)));
}

static void finish(job *j) {
  if (j->list_bytes) orr_free(j->x, j->list_bytes);
  orr_scope_end(j->mark);
}

static bool allocate_outputs(orr_call *c) {
  for (int i = 0; i < c->ny; i++) {
    const orr_out_spec *o = &c->out[i];
    c->y[i] = c->op->flags & ORR_VIEW
        ? orr_tensor_view(c->x[0]->storage, o->dtype, o->rank, o->size,
                          o->stride, c->x[0]->offset + o->offset)
        : orr_empty(o->dtype, o->rank, o->size);
    if (!c->y[i]) return false;
  }
  return true;
}

static bool anomalous(const orr_call *c) {
  if (!orr_anomaly_detected_on() || orr_in_rule() || c->op->flags & ORR_VIEW)
    return false;
  for (int i = 0; i < c->ny; i++)
    if (!orr_check_finite("forward", c->op, c->y[i], orr_current_site()))
      return true;
  return false;
}

// Nothing to fill: loops need not think of 2^40 rows of no elements.
static bool all_empty(const orr_call *c) {
  for (int i = 0; i < c->ny; i++)
    if (c->y[i]->count) return false;
  return true;
}

// Forward sees contiguous inputs unless it asked for them as they are.
static bool compute_packed(orr_call *c) {
  if (c->op->flags & ORR_VIEW || all_empty(c)) return true;
  if (c->op->flags & ORR_STRIDED_OK) return c->op->forward(c);
  orr_tensor *fixed[ORR_MAX_INPUT], **packed = fixed;
  const size_t bytes = (size_t)c->nx * sizeof *packed;
  if (c->nx > ORR_MAX_INPUT && !(packed = orr_alloc(bytes))) return false;
  bool ok = true;
  for (int i = 0; ok && i < c->nx; i++) {
    const bool fine = !c->x[i] || c->x[i]->contiguous;
    packed[i] = fine ? c->x[i] : orr_keep(orr_contiguous(c->x[i]));
    ok = fine || packed[i];
  }
  if (ok) {
    orr_call packed_call = *c;
    packed_call.x = packed;
    ok = c->op->forward(&packed_call);
  }
  if (packed != fixed) orr_free(packed, bytes);
  return ok;
}

bool orr_compute(orr_call *c) {
  orr_ran.call = NULL;
  orr_kernel_begin();
  const bool ok = compute_packed(c);
  orr_kernel_end();
  return ok;
}

// What an op said inside a composed one is said again in the name of that
// one, which is what the user called.
static bool speak_for(const orr_op *op) {
  char said[1024];
  snprintf(said, sizeof said, "%s", orr_error());
  char *rest = strchr(said, ':');
  if (!rest) return false;
  *rest = '\0';
  if (!orr_op_find(said)) return false;
  orr_clear_error();
  return orr_set_error("%s:%s", op->name, rest + 1);
}

static bool run(job *j) {
  orr_call *c = &j->call;
  if (c->op->compose) {
    c->y[0] = orr_retain(c->op->compose(c));
    return c->y[0] ? orr_note_allowed() : speak_for(c->op);
  }
  if (!c->op->shape(c) || !allocate_outputs(c) || !orr_compute(c)) return false;
  if (orr_stopping() && !(c->op->flags & ORR_VIEW))
    return orr_set_error("interrupted");
  if (anomalous(c) || !orr_note_call(c, j->x)) return false;
  return !orr_should_record(c, j->x) || orr_record(c, j->x);
}

// An example alone: as a batch of one, whose axis the results lose.
static bool apply_single(const orr_op *op, const orr_args *args,
                         orr_tensor **y) {
  const size_t mark = orr_scope_begin();
  orr_args batch = *args;
  bool ok = true;
  for (int i = 0; i < ORR_MAX_OUTPUT; i++) y[i] = NULL;
  for (int i = 0; i < inputs_of(op)->n; i++)
    if (args->x[i] && args->x[i]->rank == op->batched - 1)
      ok = (batch.x[i] = ORR(unsqueeze, args->x[i], .attr = {0})) && ok;
  ok = ok && orr_apply_all(op, &batch, y);
  for (int i = 0; ok && i < ORR_MAX_OUTPUT && y[i]; i++) {
    orr_tensor *one = orr_retain(ORR(squeeze, y[i], .attr = {1, 0}));
    orr_release(y[i]);
    y[i] = one;
  }
  for (int i = 0; ok && i < ORR_MAX_OUTPUT; i++)
    if (!y[i] && i < (op->outputs ? op->outputs : 1)) ok = false;
  for (int i = 0; i < ORR_MAX_OUTPUT; i++) {
    if (!ok) orr_release(y[i]), y[i] = NULL;
  }
  orr_scope_end(mark);
  return ok;
}

bool orr_apply_all(const orr_op *op, const orr_args *args, orr_tensor **y) {
  if (op->batched && args->x[0] && args->x[0]->rank == op->batched - 1)
    return apply_single(op, args, y);
  job j;
  const bool ok = start(&j, op, args) && run(&j);
  for (int i = 0; i < ORR_MAX_OUTPUT; i++) {
    y[i] = ok ? j.call.y[i] : NULL;
    if (!ok) orr_release(j.call.y[i]);
  }
  finish(&j);
  return ok;
}

orr_tensor *orr_apply(const orr_op *op, const orr_args *args) {
  orr_tensor *y[ORR_MAX_OUTPUT];
  if (!orr_apply_all(op, args, y)) return NULL;
  for (int i = 1; i < op->outputs; i++) orr_release(y[i]);
  return y[0];
}

orr_tensor *orr_apply_short(const orr_op *op, const orr_short_args *s) {
  orr_args args;  // set field by field: attr is not worth clearing first
  args.x[0] = s->x0, args.x[1] = s->x1, args.x[2] = s->x2;
  args.x[3] = s->x3, args.x[4] = s->x4, args.x[5] = s->x5;
  args.list = NULL;
  args.n = 0;
  args.stream = s->stream;
  memcpy(args.attr, s->attr, sizeof args.attr);
  return orr_keep(orr_apply(op, &args));
}

// ---- in place

static bool overlaps(const orr_call *c) {
  for (int i = 1; i < c->nx; i++)
    if (c->x[i] && orr_same_storage(c->x[0], c->x[i]) &&
        (!orr_same_shape(c->x[0], c->x[i]) ||
         c->x[0]->offset != c->x[i]->offset ||
         memcmp(c->x[0]->stride, c->x[i]->stride, sizeof c->x[0]->stride)))
      return true;
  return false;
}

static bool fits_target(orr_call *c, const orr_tensor *target) {
  const orr_out_spec *o = &c->out[0];
  char a[128], b[128];
  if (o->dtype != target->dtype)
    return orr_fail(c,
                    "the result is %s but the tensor is %s; use the form "
                    "without _",
                    orr_dtype_name(o->dtype), orr_dtype_name(target->dtype));
  if (o->rank == target->rank &&
      !memcmp(o->size, target->size, (size_t)o->rank * sizeof *o->size))
    return true;
  return orr_fail(c,
                  "the result is %s but the tensor is %s; use the form "
                  "without _",
                  orr_sizes_text(o->rank, o->size, a, sizeof a),
                  orr_shape_text(target, b, sizeof b));
}

// What was allocated is there; from here to the end nothing can fail.
bool orr_compute_inplace(orr_call *c, orr_tensor *target, bool direct) {
  orr_ran.call = NULL;
  orr_hold_interrupts();
  orr_kernel_begin();
  const bool ok = compute_packed(c);
  if (ok && !direct) orr_copy_elements(target, c->y[0]);
  orr_kernel_end();
  if (ok) orr_bump_version(target);
  orr_resume_interrupts();
  return ok;
}

static bool run_inplace(job *j, orr_tensor *target) {
  orr_call *c = &j->call;
  if (orr_should_record(c, j->x))
    return orr_fail(c,
                    "in place, its gradient would be lost; use the form "
                    "without _ or orrery.no_grad");
  if (!c->op->shape(c) || !fits_target(c, target)) return false;
  const bool direct = target->contiguous && j->x[0] == target && !overlaps(c);
  c->y[0] = direct ? orr_retain(target)
                   : orr_empty(target->dtype, target->rank, target->size);
  if (!c->y[0]) return false;
  return orr_note_will_write(target, false, c->op->name) &&
      orr_compute_inplace(c, target, direct) &&
      orr_note_inplace(c, j->x, target, direct);
}

bool orr_apply_inplace(const orr_op *op, const orr_args *args) {
  job j;
  const bool ok = start(&j, op, args) && run_inplace(&j, args->x[0]);
  orr_release(j.call.y[0]);
  finish(&j);
  return ok;
}

static bool may_overwrite(const char *who, const orr_tensor *t) {
  if (!orr_grad_enabled() || !orr_requires_grad(t)) return true;
  return orr_set_error("%s: the tensor requires grad; in place, its gradient "
                       "would be lost; use orrery.no_grad or x:detach()",
                       who);
}

bool orr_copy_between(orr_tensor *to, orr_tensor *from) {
  const bool overlap = orr_same_storage(to, from);
  orr_tensor *source = overlap ? orr_empty(from->dtype, from->rank, from->size)
                               : orr_retain(from);
  if (!source) return false;
  orr_hold_interrupts();
  orr_kernel_begin();
  if (overlap) orr_copy_elements(source, from);
  orr_copy_elements(to, source);
  orr_kernel_end();
  orr_resume_interrupts();
  orr_bump_version(to);
  orr_release(source);
  return true;
}

bool orr_copy_(orr_tensor *to, orr_tensor *from) {
  if (!to || !from || !may_overwrite("copy_", to)) return false;
  if (orr_grad_enabled() && orr_requires_grad(from))
    return orr_set_error("copy_: the source requires grad; in place, its "
                         "gradient would be lost; use from:detach()");
  int rank = to->rank;
  int64_t size[ORR_MAX_RANK];
  char a[128], b[128];
  memcpy(size, to->size, sizeof size);
  if (from->rank > to->rank || !orr_broadcast_shape(&rank, size, from) ||
      memcmp(size, to->size, (size_t)rank * sizeof *size))
    return orr_set_error("copy_: %s does not broadcast to %s; match the shapes",
                         orr_shape_text(from, a, sizeof a),
                         orr_shape_text(to, b, sizeof b));
  return orr_note_will_write(to, true, "copy_") && orr_copy_between(to, from) &&
      orr_note_copy(to, from);
}

bool orr_fill_(orr_tensor *t, double value) {
  if (!t || !may_overwrite("fill_", t)) return false;
  orr_tensor *v = orr_scalar(t->dtype, value);
  const bool ok = v && orr_copy_(t, v);
  orr_release(v);
  return ok;
}

orr_tensor *orr_contiguous(orr_tensor *t) {
  if (!t || t->contiguous) return orr_retain(t);
  orr_tensor *y = orr_empty(t->dtype, t->rank, t->size);
  if (!y) return NULL;
  if (!orr_note_will_write(y, true, "contiguous")) return orr_release(y), NULL;
  orr_kernel_begin();
  orr_copy_elements(y, t);
  orr_kernel_end();
  if (!orr_stopping() && orr_note_copy(y, t)) return y;
  orr_release(y);
  orr_set_error("interrupted");
  return NULL;
}

// Whether every operand is walked element by element, or is one element.
static bool walks_straight(const orr_call *c, orr_row *r) {
  const orr_tensor *y = c->y[0];
  if (!y->contiguous) return false;
  r->step[0] = 1;
  r->base[0] = orr_data(y);
  r->element[0] = orr_dtype_size(y->dtype);
  for (int i = 0; i < c->nx; i++) {
    const orr_tensor *x = c->x[i];
    if (x->count != 1 && !(x->contiguous && orr_same_shape(x, y))) return false;
    r->step[i + 1] = x->count != 1;
    r->base[i + 1] = orr_data(x);
    r->element[i + 1] = orr_dtype_size(x->dtype);
  }
  r->operands = c->nx + 1;
  return true;
}

bool orr_run_loop(orr_call *c, orr_loop *loop, int64_t grain) {
  orr_row r;
  orr_ran = (orr_ran_loop){c, loop, grain};
  if (walks_straight(c, &r)) {
    orr_iterate_row(&r, c->y[0]->count, loop, c->attr, grain);
    return true;
  }
  orr_space s = {.rank = c->y[0]->rank};
  memcpy(s.size, c->y[0]->size, sizeof s.size);
  orr_space_add(&s, c->y[0]);
  for (int i = 0; i < c->nx; i++) orr_space_add(&s, c->x[i]);
  orr_iterate(&s, loop, c->attr, grain);
  return true;
}
