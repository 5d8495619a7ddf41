// optim.c -- the fused optimiser steps as Lua sees them: one call per step
// over all parameter groups. A group is a Lua table
//   { params = { tensor ... }, state = { { step =, NAME = tensor } ... },
//     lr = ..., ... }
// whose state tensors exist before the call. Everything is read and checked
// before the first parameter changes; steps are counted up at the end.
#include <string.h>

#include "binding.h"

enum { KINDS = 3, MAX_STATE = 3 };

typedef enum { SGD, ADAM, RMSPROP } kind;

static const char *const who[KINDS] = {"sgd", "adam", "rmsprop"};
static const char *const state_names[KINDS][MAX_STATE] =
    {{"momentum_buffer"},
     {"exp_avg", "exp_avg_sq"},
     {"square_avg", "grad_avg", "momentum_buffer"}};

// What the core is called with once: parameters of one group whose step
// counts agree. All arrays lie in one userdata, so nothing leaks by an error.
typedef struct batch {
  union {
    orr_sgd sgd;
    orr_adam adam;
    orr_rmsprop rmsprop;
  } o;
  int64_t step;  // steps these parameters have had before this one
  int n;
  orr_tensor **param, **grad, **state[MAX_STATE];
} batch;

// A number or boolean of the group on top of the stack.
static double number(lua_State *L, kind k, const char *name) {
  lua_getfield(L, -1, name);
  double value = 0;
  if (lua_isboolean(L, -1)) {
    value = lua_toboolean(L, -1);
  } else if (lua_type(L, -1) == LUA_TNUMBER) {
    value = lua_tonumber(L, -1);
  } else {
    orr_raisef(L, "%s: %s is %s; give a number", who[k], name,
               luaL_typename(L, -1));
  }
  lua_pop(L, 1);
  return value;
}

static void read_options(lua_State *L, kind k, batch *b) {
  switch (k) {
  case SGD:
    b->o.sgd = (orr_sgd){.lr = number(L, k, "lr"),
                         .momentum = number(L, k, "momentum"),
                         .dampening = number(L, k, "dampening"),
                         .weight_decay = number(L, k, "weight_decay"),
                         .nesterov = number(L, k, "nesterov") != 0};
    break;
  case ADAM:
    b->o.adam = (orr_adam){.lr = number(L, k, "lr"),
                           .beta1 = number(L, k, "beta1"),
                           .beta2 = number(L, k, "beta2"),
                           .eps = number(L, k, "eps"),
                           .weight_decay = number(L, k, "weight_decay"),
                           .decoupled = number(L, k, "decoupled") != 0};
    break;
  case RMSPROP:
    b->o.rmsprop = (orr_rmsprop){.lr = number(L, k, "lr"),
                                 .alpha = number(L, k, "alpha"),
                                 .eps = number(L, k, "eps"),
                                 .weight_decay = number(L, k, "weight_decay"),
                                 .momentum = number(L, k, "momentum"),
                                 .centered = number(L, k, "centered") != 0};
    break;
  }
}

// The tensor called name of the table on top; NULL when absent. It stays
// alive through the table.
static orr_tensor *tensor_field(lua_State *L, const char *name) {
  lua_getfield(L, -1, name);
  orr_tensor *t = orr_test_tensor(L, -1);
  lua_pop(L, 1);
  return t;
}

static bool same_shape(const orr_tensor *a, const orr_tensor *b) {
  int rank = orr_rank(a);
  return rank == orr_rank(b) && orr_tensor_dtype(a) == orr_tensor_dtype(b) &&
      (rank == 0 ||
       memcmp(orr_sizes(a), orr_sizes(b), (size_t)rank * sizeof(int64_t)) == 0);
}

static void check_like(lua_State *L, kind k, int i, const char *name,
                       const orr_tensor *t, const orr_tensor *param) {
  char a[160], b[160];
  if (same_shape(t, param)) return;
  orr_raisef(L,
             "%s: %s of parameter %d is %s %s but the parameter is %s %s; "
             "build the optimiser again",
             who[k], name, i, orr_dtype_name(orr_tensor_dtype(t)),
             orr_shape_text(t, a, sizeof a),
             orr_dtype_name(orr_tensor_dtype(param)),
             orr_shape_text(param, b, sizeof b));
}

// Index of parameter i (from 1) with its state into the batch; its step count
// is returned. -1: no gradient, nothing to do. Stack: group, params, state.
static int64_t read_parameter(lua_State *L, kind k, batch *b, int i) {
  lua_rawgeti(L, -2, i);
  orr_tensor *param = orr_test_tensor(L, -1);
  lua_pop(L, 1);
  if (!param) {
    orr_raisef(L, "%s: parameter %d is no tensor; give a list of tensors",
               who[k], i);
  }
  orr_tensor *grad = orr_grad_of(param);
  if (!grad) return -1;
  check_like(L, k, i, "the gradient", grad, param);
  if (!orr_is_contiguous(param)) {
    orr_raisef(L, "%s: parameter %d is a strided view; use a contiguous tensor",
               who[k], i);
  }
  b->param[b->n] = param;
  b->grad[b->n] = grad;
  if (lua_rawgeti(L, -1, i) != LUA_TTABLE) {
    orr_raisef(L,
               "%s: parameter %d has no state; add parameters with "
               "add_param_group",
               who[k], i);
  }
  for (int s = 0; s < MAX_STATE; s++) {
    const char *name = state_names[k][s];
    orr_tensor *t = name ? tensor_field(L, name) : NULL;
    if (t) check_like(L, k, i, name, t, param);
    if (b->state[s]) b->state[s][b->n] = t;
  }
  lua_getfield(L, -1, "step");
  int64_t step = (int64_t)lua_tointeger(L, -1);
  lua_pop(L, 2);
  b->n++;
  return step;
}

// Room for a batch of up to n parameters, as a userdata left on the stack.
static batch *new_batch(lua_State *L, int n) {
  size_t list = (size_t)n * sizeof(orr_tensor *);
  batch *b = lua_newuserdatauv(L, sizeof(batch) + (2 + MAX_STATE) * list, 0);
  memset(b, 0, sizeof(batch) + (2 + MAX_STATE) * list);
  orr_tensor **at = (orr_tensor **)(void *)(b + 1);
  b->param = at;
  b->grad = at + n;
  for (int s = 0; s < MAX_STATE; s++) b->state[s] = at + (2 + s) * n;
  return b;
}

// State lists the options do not call for are absent, not lists of NULL.
static void drop_unused(kind k, batch *b) {
  if (k == SGD && b->o.sgd.momentum == 0) b->state[0] = NULL;
  if (k == RMSPROP && !b->o.rmsprop.centered) b->state[1] = NULL;
  if (k == RMSPROP && b->o.rmsprop.momentum == 0) b->state[2] = NULL;
  for (int s = 0; s < MAX_STATE; s++) {
    if (!state_names[k][s]) b->state[s] = NULL;
  }
}

static void check_state(lua_State *L, kind k, const batch *b) {
  for (int s = 0; s < MAX_STATE; s++) {
    for (int i = 0; b->state[s] && i < b->n; i++) {
      if (b->state[s][i]) continue;
      orr_raisef(L,
                 "%s: a parameter has no %s; give the option when the "
                 "optimiser is made",
                 who[k], state_names[k][s]);
    }
  }
}

static bool run_once(kind k, batch *b) {
  switch (k) {
  case SGD:
    return orr_sgd_step(&b->o.sgd, b->step == 0, b->n, b->param, b->grad,
                        b->state[0]);
  case ADAM:
    b->o.adam.step = b->step + 1;
    return orr_adam_step(&b->o.adam, b->n, b->param, b->grad, b->state[0],
                         b->state[1]);
  case RMSPROP:
    return orr_rmsprop_step(&b->o.rmsprop, b->n, b->param, b->grad, b->state[0],
                            b->state[1], b->state[2]);
  }
  return false;
}

// Whether parameters of differing step counts need calls of their own.
static bool counts_matter(kind k, const batch *b) {
  return k == ADAM || (k == SGD && b->o.sgd.momentum != 0);
}

// Splits off, as a new batch on the stack, the parameters of b whose count
// differs from the first one's.
static batch *split(lua_State *L, batch *b, const int64_t *steps,
                    int64_t *rest) {
  batch *other = new_batch(L, b->n);
  int kept = 0;
  other->o = b->o;
  for (int s = 0; s < MAX_STATE; s++) {
    if (!b->state[s]) other->state[s] = NULL;
  }
  for (int i = 0; i < b->n; i++) {
    batch *to = steps[i] == steps[0] ? b : other;
    int at = to == b ? kept++ : other->n++;
    if (to == other) rest[at] = steps[i];
    to->param[at] = b->param[i];
    to->grad[at] = b->grad[i];
    for (int s = 0; s < MAX_STATE; s++) {
      if (b->state[s]) to->state[s][at] = b->state[s][i];
    }
  }
  b->n = kept;
  return other;
}

// Reads the group on top of the stack and leaves its batches above the list
// at `batches`.
static void read_group(lua_State *L, kind k, int batches) {
  if (!lua_istable(L, -1)) {
    orr_raisef(L, "%s: a parameter group is no table", who[k]);
  }
  luaL_checkstack(L, 12, NULL);
  int group = lua_gettop(L);
  lua_getfield(L, group, "params");
  lua_getfield(L, group, "state");
  if (!lua_istable(L, -1) || !lua_istable(L, -2)) {
    orr_raisef(L, "%s: a parameter group lacks params or state", who[k]);
  }
  int n = (int)lua_rawlen(L, group + 1);
  batch *b = new_batch(L, n);
  int64_t *steps = lua_newuserdatauv(L, 2 * (size_t)n * sizeof(int64_t) + 1, 0);
  lua_pushvalue(L, group);
  read_options(L, k, b);
  lua_pop(L, 1);
  drop_unused(k, b);
  lua_pushvalue(L, group + 1);
  lua_pushvalue(L, group + 2);
  for (int i = 1; i <= n; i++) {
    int64_t step = read_parameter(L, k, b, i);
    if (step >= 0) steps[b->n - 1] = step;
  }
  lua_pop(L, 2);
  check_state(L, k, b);
  lua_pushvalue(L, -2);
  while (b->n > 0) {  // stack top: the userdata of b
    batch *rest = NULL;
    b->step = steps[0];
    if (counts_matter(k, b)) rest = split(L, b, steps, steps + n);
    if (rest) lua_insert(L, -2);
    lua_rawseti(L, batches, (lua_Integer)lua_rawlen(L, batches) + 1);
    if (!rest) break;
    if (rest->n > 0) memcpy(steps, steps + n, (size_t)rest->n * sizeof *steps);
    b = rest;
  }
  lua_settop(L, group);
}

// refresh(program, i, kernel, group, step): the i-th update of a recorded step
// (from 1) takes the group's options of now, after `step` steps before it.
// False when they make it another update.
static int refresh(lua_State *L) {
  orr_program *p = orr_check_program(L, 1);
  size_t i = (size_t)orr_check_int(L, 2, "i");
  const char *name = orr_check_text(L, 3, "kernel");
  int64_t step = orr_check_int(L, 5, "step");
  kind k = SGD;
  while (k < RMSPROP && strcmp(name, who[k]) != 0) k++;
  batch b;
  lua_settop(L, 4);
  read_options(L, k, &b);
  if (k == ADAM) b.o.adam.step = step + 1;
  lua_pushboolean(L,
                  orr_program_set_update(p, i - 1, k == SGD ? &b.o.sgd : NULL,
                                         k == ADAM ? &b.o.adam : NULL,
                                         k == RMSPROP ? &b.o.rmsprop : NULL,
                                         step == 0));
  return 1;
}

// One more step for every parameter that has a gradient.
static void count_up(lua_State *L, int group) {
  lua_getfield(L, group, "params");
  lua_getfield(L, group, "state");
  int n = (int)lua_rawlen(L, -2);
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, -2, i);
    orr_tensor *param = orr_test_tensor(L, -1);
    lua_pop(L, 1);
    if (!param || !orr_grad_of(param)) continue;
    lua_rawgeti(L, -1, i);
    lua_getfield(L, -1, "step");
    lua_Integer step = lua_tointeger(L, -1);
    lua_pop(L, 1);
    lua_pushinteger(L, step + 1);
    lua_setfield(L, -2, "step");
    lua_pop(L, 1);
  }
  lua_pop(L, 2);
}

// step(groups)
static int step(lua_State *L, kind k) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_newtable(L);
  int groups = (int)lua_rawlen(L, 1);
  for (int g = 1; g <= groups; g++) {
    lua_rawgeti(L, 1, g);
    read_group(L, k, 2);
    lua_pop(L, 1);
  }
  int batches = (int)lua_rawlen(L, 2);
  bool ok = true;
  orr_steps_join();
  for (int i = 1; ok && i <= batches; i++) {
    lua_rawgeti(L, 2, i);
    ok = run_once(k, lua_touserdata(L, -1));
    lua_pop(L, 1);
  }
  orr_steps_end(ok);
  if (!ok) return orr_raise(L);
  for (int g = 1; g <= groups; g++) {
    lua_rawgeti(L, 1, g);
    count_up(L, 3);
    lua_pop(L, 1);
  }
  return 0;
}

static int step_sgd(lua_State *L) { return step(L, SGD); }
static int step_adam(lua_State *L) { return step(L, ADAM); }
static int step_rmsprop(lua_State *L) { return step(L, RMSPROP); }

// clip_grad_norm(params, max_norm) -> norm before: a number, or a tensor while
// a step is recorded
static int clip_grad_norm(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  double max_norm = luaL_checknumber(L, 2), norm = 0;
  int n = (int)lua_rawlen(L, 1), m = 0;
  orr_tensor **grad =
      lua_newuserdatauv(L, (size_t)n * sizeof(orr_tensor *) + 1, 0);
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, 1, i);
    orr_tensor *param = orr_test_tensor(L, -1);
    lua_pop(L, 1);
    if (!param) {
      return orr_raisef(L,
                        "clip_grad_norm_: entry %d is no tensor; give a "
                        "list of parameters",
                        i);
    }
    if (orr_grad_of(param)) grad[m++] = orr_grad_of(param);
  }
  if (orr_program_recording()) {
    orr_tensor **slot = orr_push_slot(L);
    *slot = orr_clip_grad_norm_tensor(m, grad, max_norm);
    return *slot != NULL ? 1 : orr_raise(L);
  }
  if (!orr_clip_grad_norm(m, grad, max_norm, &norm)) return orr_raise(L);
  lua_pushnumber(L, norm);
  return 1;
}

void orr_open_optim(lua_State *L) {
  static const luaL_Reg functions[] = {{"sgd", step_sgd},
                                       {"adam", step_adam},
                                       {"rmsprop", step_rmsprop},
                                       {"clip_grad_norm", clip_grad_norm},
                                       {"refresh", refresh},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_setfield(L, -2, "fused_steps");
}
