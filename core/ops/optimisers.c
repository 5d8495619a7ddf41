// optimisers.c -- fused parameter updates and gradient clipping.
//
// All checks and all memory come first; then every parameter is updated in
// one parallel pass that an interrupt cannot cut short. Steps joined into one
// are prepared as they are asked for and run together.
#include "../kernels/optimisers.h"

#include <math.h>
#include <string.h>

#include "../autograd/list.h"
#include "../base/threads.h"
#include "../compile/recorder.h"
#include "op.h"

#define GRAIN 8192

// One parameter that has a gradient. Chunks [chunk, next item's) are its own.
typedef struct item {
  orr_tensor *tensor[5];  // param, grad, states
  orr_tensor *packed;     // grad in row-major order; a reference
  orr_update update;
  orr_update_fn *fn;
  int64_t count, chunk;
} item;

typedef struct pass {
  const char *who;
  item *items;
  int n, capacity;
  int64_t chunks;
  double constants[ORR_UPDATE_CONSTANTS];
} pass;

static void end_pass(pass *p) {
  if (!p->items) return;
  for (int i = 0; i < p->n; i++) orr_release(p->items[i].packed);
  orr_free(p->items, (size_t)p->capacity * sizeof *p->items);
}

static bool check_alike(const pass *p, int i, const char *what,
                        const orr_tensor *param, const orr_tensor *t) {
  char a[128], b[128];
  if (!t)
    return orr_set_error("%s: %s of parameter %d is missing; give one like "
                         "the parameter",
                         p->who, what, i + 1);
  if (t->dtype == param->dtype && orr_same_shape(t, param)) return true;
  return orr_set_error("%s: parameter %d is %s %s but its %s is %s %s; match "
                       "them",
                       p->who, i + 1, orr_dtype_name(param->dtype),
                       orr_shape_text(param, a, sizeof a), what,
                       orr_dtype_name(t->dtype),
                       orr_shape_text(t, b, sizeof b));
}

static bool check_written(const pass *p, int i, const char *what,
                          const orr_tensor *t) {
  return t->contiguous ||
      orr_set_error("%s: %s of parameter %d is a strided view; use a "
                    "contiguous tensor",
                    p->who, what, i + 1);
}

// Adds parameter i with `states` state tensors.
static bool add_item(pass *p, int i, orr_tensor *param, orr_tensor *grad,
                     int states, const char *const *names,
                     orr_tensor *const *const *state) {
  if (!param)
    return orr_set_error("%s: parameter %d is missing; give a tensor", p->who,
                         i + 1);
  if (!orr_dtype_is_float(param->dtype))
    return orr_set_error("%s: parameter %d is %s; use float32 or float64",
                         p->who, i + 1, orr_dtype_name(param->dtype));
  if (!check_alike(p, i, "gradient", param, grad) ||
      !check_written(p, i, "the data", param))
    return false;
  item *it = &p->items[p->n];
  memset(it, 0, sizeof *it);
  it->tensor[0] = param;
  it->update.param = orr_data(param);
  for (int s = 0; s < states; s++) {
    orr_tensor *t = names[s] && state[s] ? state[s][i] : NULL;
    if (!names[s]) continue;
    if (!check_alike(p, i, names[s], param, t) ||
        !check_written(p, i, names[s], t))
      return false;
    it->tensor[2 + s] = t;
    it->update.state[s] = orr_data(t);
  }
  it->packed = orr_contiguous(grad);
  if (!it->packed) return false;
  it->update.grad = orr_data(it->packed);
  it->count = param->count;
  it->chunk = p->chunks;
  p->chunks += (it->count + GRAIN - 1) / GRAIN;
  p->n++;
  return true;
}

// Items of all parameters that have a gradient. A state without a name is
// not used.
static bool begin_pass(pass *p, int n, orr_tensor *const *param,
                       orr_tensor *const *grad, int states,
                       const char *const *names,
                       orr_tensor *const *const *state) {
  p->capacity = n > 0 ? n : 1;
  p->items = orr_alloc((size_t)p->capacity * sizeof *p->items);
  bool ok = p->items != NULL;
  orr_hold_interrupts();
  orr_kernel_begin();
  for (int i = 0; ok && i < n; i++)
    ok = !grad[i] || add_item(p, i, param[i], grad[i], states, names, state);
  orr_kernel_end();
  orr_resume_interrupts();
  if (!ok) end_pass(p);
  return ok;
}

static const item *item_of(const pass *p, int64_t chunk) {
  int low = 0, high = p->n - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (p->items[middle].chunk <= chunk)
      low = middle;
    else
      high = middle - 1;
  }
  return &p->items[low];
}

static void bounds(const item *it, int64_t chunk, int64_t *begin,
                   int64_t *end) {
  *begin = (chunk - it->chunk) * GRAIN;
  *end = *begin + GRAIN < it->count ? *begin + GRAIN : it->count;
}

static void update_chunk(void *context, int64_t chunk) {
  const pass *p = (const pass *)context;
  const item *it = item_of(p, chunk);
  int64_t begin, end;
  bounds(it, chunk, &begin, &end);
  it->fn(&it->update, begin, end, p->constants);
}

static bool joining;
static orr_list joined = {.size = sizeof(pass)};

static void run_now(pass *p) {
  orr_hold_interrupts();
  orr_parallel(p->chunks, update_chunk, p);
  orr_resume_interrupts();
  for (int i = 0; i < p->n; i++)
    for (int k = 0; k < 5; k++)
      if (p->items[i].tensor[k]) orr_bump_version(p->items[i].tensor[k]);
  end_pass(p);
}

static bool run_pass(pass *p) {
  pass *later = joining ? orr_list_add(&joined) : NULL;
  if (later)
    *later = *p;
  else if (joining)
    end_pass(p);
  else
    run_now(p);
  return later || !joining;
}

void orr_steps_join(void) { joining = true; }

void orr_steps_end(bool run) {
  pass *all = joined.items;
  joining = false;
  for (size_t i = 0; i < joined.count; i++)
    if (run)
      run_now(&all[i]);
    else
      end_pass(&all[i]);
  orr_list_free(&joined);
}

static bool want_at_least(const char *who, const char *name, double value,
                          double low) {
  return value >= low ||
      orr_set_error("%s: %s is %g; it must be >= %g", who, name, value, low);
}

static bool want_fraction(const char *who, const char *name, double value) {
  return (value >= 0 && value < 1) ||
      orr_set_error("%s: %s is %g; use 0 <= %s < 1", who, name, value, name);
}

bool orr_sgd_step(const orr_sgd *o, bool first, int n, orr_tensor *const *param,
                  orr_tensor *const *grad, orr_tensor *const *velocity) {
  pass p = {.who = "sgd"};
  const char *names[] = {o->momentum != 0 ? "velocity" : NULL};
  if (!want_at_least(p.who, "lr", o->lr, 0) ||
      !want_at_least(p.who, "momentum", o->momentum, 0) ||
      !want_at_least(p.who, "weight_decay", o->weight_decay, 0))
    return false;
  if (o->nesterov && (o->momentum == 0 || o->dampening != 0))
    return orr_set_error("sgd: nesterov with momentum %g and dampening %g; "
                         "use a momentum > 0 and no dampening",
                         o->momentum, o->dampening);
  if (!begin_pass(&p, n, param, grad, 1, names, &velocity)) return false;
  for (int i = 0; i < p.n; i++)
    p.items[i].fn = orr_sgd_update(o, first, p.items[i].tensor[0]->dtype);
  orr_sgd_constants(o, p.constants);
  const orr_update_note note = {ORR_BY_SGD, o,
                                first,      n,
                                1,          param,
                                grad,       {names[0] ? velocity : NULL}};
  return orr_note_update(&note) ? run_pass(&p) : (end_pass(&p), false);
}

bool orr_adam_step(const orr_adam *o, int n, orr_tensor *const *param,
                   orr_tensor *const *grad, orr_tensor *const *m,
                   orr_tensor *const *v) {
  pass p = {.who = o->decoupled ? "adamw" : "adam"};
  const char *names[] = {"first moment", "second moment"};
  orr_tensor *const *states[] = {m, v};
  if (!want_at_least(p.who, "lr", o->lr, 0) ||
      !want_fraction(p.who, "beta1", o->beta1) ||
      !want_fraction(p.who, "beta2", o->beta2) ||
      !want_at_least(p.who, "eps", o->eps, 0) ||
      !want_at_least(p.who, "weight_decay", o->weight_decay, 0) ||
      !want_at_least(p.who, "step", (double)o->step, 1))
    return false;
  if (!begin_pass(&p, n, param, grad, 2, names, states)) return false;
  for (int i = 0; i < p.n; i++)
    p.items[i].fn = orr_adam_update(o, p.items[i].tensor[0]->dtype);
  orr_adam_constants(o, p.constants);
  const orr_update_note note = {ORR_BY_ADAM, o,     false, n,
                                2,           param, grad,  {m, v}};
  return orr_note_update(&note) ? run_pass(&p) : (end_pass(&p), false);
}

bool orr_rmsprop_step(const orr_rmsprop *o, int n, orr_tensor *const *param,
                      orr_tensor *const *grad, orr_tensor *const *square,
                      orr_tensor *const *mean, orr_tensor *const *velocity) {
  pass p = {.who = "rmsprop"};
  const char *names[] = {"square", o->centered ? "mean" : NULL,
                         o->momentum > 0 ? "velocity" : NULL};
  orr_tensor *const *states[] = {square, mean, velocity};
  if (!want_at_least(p.who, "lr", o->lr, 0) ||
      !want_at_least(p.who, "alpha", o->alpha, 0) ||
      !want_at_least(p.who, "eps", o->eps, 0) ||
      !want_at_least(p.who, "weight_decay", o->weight_decay, 0) ||
      !want_at_least(p.who, "momentum", o->momentum, 0))
    return false;
  if (!begin_pass(&p, n, param, grad, 3, names, states)) return false;
  for (int i = 0; i < p.n; i++)
    p.items[i].fn = orr_rmsprop_update(o, p.items[i].tensor[0]->dtype);
  orr_rmsprop_constants(o, p.constants);
  const orr_update_note note = {ORR_BY_RMSPROP,
                                o,
                                false,
                                n,
                                3,
                                param,
                                grad,
                                {square, names[1] ? mean : NULL,
                                 names[2] ? velocity : NULL}};
  return orr_note_update(&note) ? run_pass(&p) : (end_pass(&p), false);
}

// ---- clipping

typedef struct norm_job {
  pass *p;
  double *sum;
  double factor;
} norm_job;

static void sum_chunk(void *context, int64_t chunk) {
  const norm_job *job = (const norm_job *)context;
  const item *it = item_of(job->p, chunk);
  const orr_dtype d = it->tensor[0]->dtype;
  int64_t begin, end;
  bounds(it, chunk, &begin, &end);
  job->sum[chunk] = orr_square_sum(d,
                                   (const char *)it->update.param +
                                       (size_t)begin * orr_dtype_size(d),
                                   end - begin);
}

static void scale_chunk(void *context, int64_t chunk) {
  const norm_job *job = (const norm_job *)context;
  const item *it = item_of(job->p, chunk);
  const orr_dtype d = it->tensor[0]->dtype;
  int64_t begin, end;
  bounds(it, chunk, &begin, &end);
  orr_scale(d, (char *)it->update.param + (size_t)begin * orr_dtype_size(d),
            end - begin, job->factor);
}

// The factor max_norm / (norm + 1e-6), at most 1, is PyTorch's.
static bool clip(int n, orr_tensor *const *grad, double max_norm,
                 double *norm) {
  pass p = {.who = "clip_grad_norm"};
  if (!want_at_least(p.who, "max_norm", max_norm, 0) ||
      !begin_pass(&p, n, grad, grad, 0, NULL, NULL))
    return false;
  const size_t bytes = (size_t)(p.chunks + 1) * sizeof(double);
  norm_job job = {&p, orr_alloc(bytes), 1};
  if (!job.sum) {
    end_pass(&p);
    return false;
  }
  orr_hold_interrupts();
  orr_parallel(p.chunks, sum_chunk, &job);
  double total = 0;
  for (int64_t i = 0; i < p.chunks; i++) total += job.sum[i];
  total = sqrt(total);
  orr_free(job.sum, bytes);
  const double factor = max_norm / (total + 1e-6);
  job.factor = factor > 1 ? 1 : factor;
  if (job.factor != 1) {
    orr_parallel(p.chunks, scale_chunk, &job);
    for (int i = 0; i < p.n; i++) orr_bump_version(p.items[i].tensor[0]);
  }
  orr_resume_interrupts();
  end_pass(&p);
  if (norm) *norm = total;
  return true;
}

bool orr_clip_grad_norm(int n, orr_tensor *const *grad, double max_norm,
                        double *norm) {
  if (orr_recorder_now)
    return orr_program_refuse("clip_grad_norm gives a number", NULL);
  return clip(n, grad, max_norm, norm);
}

orr_tensor *orr_clip_grad_norm_tensor(int n, orr_tensor *const *grad,
                                      double max_norm) {
  double norm = 0;
  orr_tensor *y = orr_scalar(ORR_F64, 0);
  const bool ok = y && orr_note_clip(n, grad, max_norm, y) &&
      clip(n, grad, max_norm, &norm);
  if (ok) {
    orr_kernel_begin();
    orr_set(y, 0, norm);
    orr_kernel_end();
    return y;
  }
  orr_release(y);
  return NULL;
}
