// ops.c -- every op as a Lua function: one closure over its record.
#include <math.h>
#include <string.h>

#include "arguments.h"

enum { MODE_PLAIN, MODE_INPLACE, MODE_UNARY, MODE_BINARY };

// ---- numbers among tensors

// The dtype that a number takes beside these tensors: theirs when it can hold
// the number, else what makes the op promote as PyTorch does.
static orr_dtype number_dtype(const orr_reader *r, int param, double v) {
  orr_want want = r->o->params[param].want;
  if (want == ORR_WANT_INT) return ORR_I64;
  if (want == ORR_WANT_MASK) return ORR_U8;
  const orr_tensor *other = NULL;
  for (int i = 0; i < r->o->n && other == NULL; i++) {
    const orr_param *p = &r->o->params[i];
    if (p->kind != ORR_TENSOR || i == param) continue;
    if (p->want == ORR_WANT_INT || p->want == ORR_WANT_MASK) continue;
    other = r->args.x[r->o->input[i]];
  }
  if (other == NULL) return ORR_F32;
  orr_dtype d = orr_tensor_dtype(other);
  if (orr_dtype_is_float(d)) return d;
  if (!isfinite(v) || v != floor(v) || fabs(v) > 9e15) return ORR_F32;
  return d == ORR_U8 && (v < 0 || v > 255) ? ORR_I64 : d;
}

// A number of a recorded step in the dtype it takes; a returned reference.
static orr_tensor *value_as(orr_tensor *value, orr_dtype d) {
  if (d == ORR_F64) return orr_retain(value);
  if (!orr_dtype_is_float(d)) {
    orr_program_refuse("a number beside whole numbers reads it",
                       "whether it is whole decides the result: use x:float()");
    return NULL;
  }
  const orr_op *to = orr_op_find("to");
  orr_args args;
  orr_default_args(to, &args);
  args.x[0] = value;
  args.attr[orr_param_slot(to, 1)] = d;
  return orr_apply(to, &args);
}

// Nothing may raise from here until drop_numbers. A failure leaves NULL and
// the sentence, which the op then keeps.
static void make_numbers(orr_reader *r) {
  orr_tensor *made[ORR_MAX_INPUT] = {NULL};
  for (int i = 0; i < r->o->n; i++) {
    int k = r->o->input[i];
    if (r->o->params[i].kind != ORR_TENSOR || !(r->numbers & 1u << k)) continue;
    const orr_dtype d = number_dtype(r, i, r->number[k]);
    made[k] =
        r->value[k] ? value_as(r->value[k], d) : orr_scalar(d, r->number[k]);
  }
  for (int k = 0; k < ORR_MAX_INPUT; k++)
    if (r->numbers & 1u << k) r->args.x[k] = made[k];
}

static void drop_numbers(orr_reader *r) {
  for (int k = 0; k < ORR_MAX_INPUT; k++)
    if (r->numbers & 1u << k) orr_release(r->args.x[k]);
}

static bool lost_number(const orr_reader *r) {
  for (int k = 0; k < ORR_MAX_INPUT; k++)
    if (r->numbers & 1u << k && r->args.x[k] == NULL) return true;
  return false;
}

// ---- calls

static int call_inplace(orr_reader *r) {
  if (r->numbers & 1u) {
    const char *name = orr_op_name(r->o->op);
    return orr_raisef(r->L, "%s_: %s is a number; pass a tensor", name,
                      r->o->params[0].name);
  }
  make_numbers(r);
  bool ok = !lost_number(r) && orr_apply_inplace(r->o->op, &r->args);
  drop_numbers(r);
  if (!ok) return orr_raise(r->L);
  lua_pushvalue(r->L, 1);
  return 1;
}

static int call(orr_reader *r) {
  lua_State *L = r->L;
  int n = r->o->outputs;
  orr_tensor **slot[ORR_MAX_OUTPUT], *y[ORR_MAX_OUTPUT] = {NULL};
  for (int i = 0; i < n; i++)
    slot[i] = orr_push_slot_with(L, lua_upvalueindex(2));
  if (r->numbers != 0) make_numbers(r);
  bool ok = !(r->numbers != 0 && lost_number(r));
  if (ok && n == 1)
    ok = (y[0] = orr_apply(r->o->op, &r->args)) != NULL;
  else if (ok)
    ok = orr_apply_all(r->o->op, &r->args, y);
  if (r->numbers != 0) drop_numbers(r);
  if (!ok) return orr_raise(L);
  for (int i = 0; i < n; i++) *slot[i] = y[i];
  if (r->requires_grad && !orr_set_requires_grad(y[0], true))
    return orr_raise(L);
  return n;
}

static int apply(lua_State *L, const orr_op_info *o, int mode) {
  orr_reader r;
  r.L = L;
  r.o = o;
  r.args = o->defaults;
  r.given = r.numbers = 0;
  r.requires_grad = false;
  r.anchor = 0;
  luaL_checkstack(L, 24, NULL);
  // Before the op takes memory: what is dead then leaves it a warm block.
  if (mode != MODE_INPLACE) orr_collect(L);
  orr_site_state(L);
  orr_clear_error();
  if (mode == MODE_UNARY || mode == MODE_BINARY)
    orr_read_operands(&r, mode == MODE_UNARY ? 1 : 2);
  else
    orr_read_args(&r);
  return mode == MODE_INPLACE ? call_inplace(&r) : call(&r);
}

// Upvalues: the op's info, the tensors' metatable, the mode.
static int call_op(lua_State *L) {
  const orr_op_info *o = lua_touserdata(L, lua_upvalueindex(1));
  return apply(L, o, (int)lua_tointeger(L, lua_upvalueindex(3)));
}

// ---- registration

static bool takes_numbers(orr_kind k) {
  return k != ORR_BOOL && k != ORR_CHOICE && k != ORR_DTYPE && k != ORR_STREAM;
}

// Pushes the op's info as a userdata.
static orr_op_info *push_info(lua_State *L, const orr_op *op) {
  orr_op_info *o = lua_newuserdatauv(L, sizeof *o, 0);
  memset(o, 0, sizeof *o);
  o->op = op;
  o->params = orr_op_params(op, &o->n);
  o->outputs = orr_op_outputs(op);
  o->flags = orr_op_flags(op);
  int inputs = 0;
  for (int i = 0; i < o->n; i++) {
    orr_kind k = o->params[i].kind;
    o->slot[i] = orr_param_slot(op, i);
    if (k == ORR_TENSOR) o->input[i] = inputs++;
    bool next_number = i + 1 < o->n && takes_numbers(o->params[i + 1].kind);
    // roll(x, 1, 2): a shift and its axis, not two shifts.
    bool next_axes = i + 1 < o->n && o->params[i + 1].kind == ORR_AXES;
    o->variadic[i] =
        (k == ORR_SIZES && !next_axes) || (k == ORR_AXES && !next_number);
  }
  orr_default_args(op, &o->defaults);
  return o;
}

// With the info at index `info`: pushes a closure of that mode.
static void push_closure(lua_State *L, int info, int mode) {
  lua_pushvalue(L, info);
  lua_getfield(L, LUA_REGISTRYINDEX, ORR_TENSOR_TYPE);
  lua_pushinteger(L, mode);
  lua_pushcclosure(L, call_op, 3);
}

static void set_function(lua_State *L, int table, int info, int mode,
                         const char *name, const char *suffix) {
  lua_pushfstring(L, "%s%s", name, suffix);
  push_closure(L, info, mode);
  lua_rawset(L, table);
}

static void set_operators(lua_State *L, int meta) {
  static const struct {
    const char *event, *op;
    int mode;
  } operators[] = {
      {"__add", "add", MODE_BINARY},
      {"__sub", "sub", MODE_BINARY},
      {"__mul", "mul", MODE_BINARY},
      {"__div", "div", MODE_BINARY},
      {"__pow", "pow", MODE_BINARY},
      {"__mod", "remainder", MODE_BINARY},
      {"__unm", "neg", MODE_UNARY},
      {"__idiv", "floor_divide", MODE_BINARY},
      {"__band", "bitwise_and", MODE_BINARY},
      {"__bor", "bitwise_or", MODE_BINARY},
      {"__bxor", "bitwise_xor", MODE_BINARY},
      {"__shl", "bitwise_left_shift", MODE_BINARY},
      {"__shr", "bitwise_right_shift", MODE_BINARY},
  };
  for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
    const orr_op *op = orr_op_find(operators[i].op);
    if (op == NULL) continue;
    push_info(L, op);
    push_closure(L, lua_gettop(L), operators[i].mode);
    lua_setfield(L, meta, operators[i].event);
    lua_pop(L, 1);
  }
}

// Fills the module table (functions), its `functional` and `hidden`, and the
// metatable's `methods`.
void orr_open_ops(lua_State *L) {
  int module = lua_gettop(L);
  lua_getfield(L, module, "Tensor");
  int meta = lua_gettop(L);
  lua_getfield(L, meta, "methods");
  int methods = lua_gettop(L);
  lua_newtable(L);
  int functional = lua_gettop(L);
  lua_newtable(L);
  int hidden = lua_gettop(L);
  for (int i = 0; i < orr_op_count(); i++) {
    const orr_op *op = orr_op_at(i);
    const char *name = orr_op_name(op);
    orr_op_info *o = push_info(L, op);
    int info = lua_gettop(L);
    bool tensors = o->n > 0 && o->params[0].kind == ORR_TENSOR;
    bool secret = o->flags & ORR_HIDDEN, special = o->flags & ORR_FUNCTIONAL;
    bool method = !secret && !special && tensors && !(o->flags & ORR_CREATES);
    int home = secret ? hidden : module;
    if (secret || !(o->flags & ORR_METHOD_ONLY))
      set_function(L, home, info, MODE_PLAIN, name, "");
    if (special) set_function(L, functional, info, MODE_PLAIN, name, "");
    if (method) set_function(L, methods, info, MODE_PLAIN, name, "");
    if (o->flags & ORR_INPLACE) {
      set_function(L, home, info, MODE_INPLACE, name, "_");
      if (method) set_function(L, methods, info, MODE_INPLACE, name, "_");
    }
    lua_pop(L, 1);
  }
  set_operators(L, meta);
  lua_settop(L, hidden);
  lua_setfield(L, module, "hidden");
  lua_setfield(L, module, "functional");
  lua_settop(L, module);
}
