// ops.c -- every op as a Lua function: one closure over its record, reading
// the arguments that the record's parameters describe.
//
// f(x, y, 2, true, { name = value }): parameters in their order, and a last
// table whose string keys name the rest. A list may be a table or, where
// nothing can be mistaken for it, plain numbers: view(2, 3).
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binding.h"

typedef struct op_info {
  const orr_op *op;
  const orr_param *params;
  int n, outputs;
  unsigned flags;
  int slot[ORR_MAX_PARAM];       // in attr
  int input[ORR_MAX_PARAM];      // which x, of tensor parameters
  bool variadic[ORR_MAX_PARAM];  // plain numbers may spell the list
  orr_args defaults;
} op_info;

enum { MODE_PLAIN, MODE_INPLACE, MODE_UNARY, MODE_BINARY };

typedef struct reader {
  lua_State *L;
  const op_info *o;
  const void *tensor_type;  // the metatable's address
  orr_args args;
  unsigned given;    // bit i: parameter i has a value
  unsigned numbers;  // bit i: x[i] is number[i]
  double number[ORR_MAX_INPUT];
  bool requires_grad;
  int anchor;  // stack index that keeps the list's block alive
} reader;

// ---- sentences

static int fail(reader *r, const orr_param *p, int index, const char *wanted) {
  char seen[160];
  return orr_raisef(r->L, "%s: %s is %s; pass %s", orr_op_name(r->o->op),
                    p->name, orr_describe(r->L, index, seen, sizeof seen),
                    wanted);
}

// "name(x, axis?)": optional parameters have a question mark.
static const char *usage(const op_info *o, char *buffer, size_t size) {
  size_t used = 0;
  int wrote = snprintf(buffer, size, "%s(", orr_op_name(o->op));
  used += (size_t)wrote;
  for (int i = 0; i < o->n && used < size; i++) {
    const orr_param *p = &o->params[i];
    bool tensor = p->kind == ORR_TENSOR || p->kind == ORR_TENSORS;
    bool must = tensor ? !p->optional : p->required;
    wrote = snprintf(buffer + used, size - used, "%s%s%s", i ? ", " : "",
                     p->name, must ? "" : "?");
    used += (size_t)wrote;
  }
  if (used < size) snprintf(buffer + used, size - used, ")");
  return buffer;
}

// ---- one value

static orr_tensor *tensor_at(reader *r, int index, bool *freed) {
  orr_tensor **slot = lua_touserdata(r->L, index);
  *freed = false;
  if (slot == NULL || !lua_getmetatable(r->L, index)) return NULL;
  bool same = lua_topointer(r->L, -1) == r->tensor_type;
  lua_pop(r->L, 1);
  if (!same) return NULL;
  *freed = *slot == NULL;
  return *slot;
}

static void read_tensor(reader *r, int i, int index) {
  const orr_param *p = &r->o->params[i];
  int k = r->o->input[i];
  bool freed;
  orr_tensor *t = tensor_at(r, index, &freed);
  if (t != NULL) {
    r->args.x[k] = t;
  } else if (lua_type(r->L, index) == LUA_TNUMBER) {
    r->number[k] = lua_tonumber(r->L, index);
    r->numbers |= 1u << k;
  } else {
    fail(r, p, index, freed ? "a tensor still in use" : "a tensor or a number");
  }
}

// The userdata stay alive in the caller's table, which is on the stack.
static void read_tensors(reader *r, const orr_param *p, int index) {
  lua_State *L = r->L;
  if (!lua_istable(L, index)) fail(r, p, index, "a table of tensors");
  lua_Unsigned n = lua_rawlen(L, index);
  if (n > 1u << 20) fail(r, p, index, "a shorter table");
  // The array lives in a userdata that a later error frees.
  orr_tensor **list = lua_newuserdatauv(L, (n + 1) * sizeof *list, 0);
  for (lua_Unsigned i = 0; i < n; i++) {
    bool freed;
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    list[i] = tensor_at(r, -1, &freed);
    if (list[i] == NULL) {
      char seen[160];
      orr_raisef(L, "%s: %s[%d] is %s; pass a table of tensors",
                 orr_op_name(r->o->op), p->name, (int)i + 1,
                 orr_describe(L, -1, seen, sizeof seen));
    }
    lua_pop(L, 1);
  }
  r->args.list = list;
  r->args.n = (int)n;
  lua_replace(L, r->anchor);
}

static double read_number(reader *r, const orr_param *p, int index) {
  if (lua_type(r->L, index) != LUA_TNUMBER) fail(r, p, index, "a number");
  return lua_tonumber(r->L, index);
}

static lua_Integer read_whole(reader *r, const orr_param *p, int index) {
  int whole = 0;
  lua_Integer v = 0;
  if (lua_type(r->L, index) == LUA_TNUMBER)
    v = lua_tointegerx(r->L, index, &whole);
  if (!whole) fail(r, p, index, "a whole number");
  if (v > (INT64_C(1) << 53) || v < -(INT64_C(1) << 53))
    fail(r, p, index, "a whole number of at most 2^53");
  return v;
}

// Axes and positions: 1 is the first, -1 the last. The core counts from 0.
static double read_place(reader *r, const orr_param *p, int index) {
  lua_Integer v = read_whole(r, p, index);
  if (v == 0)
    orr_raisef(r->L, "%s: %s is 0; count from 1, or from the end with -1",
               orr_op_name(r->o->op), p->name);
  return (double)(v > 0 ? v - 1 : v);
}

static double read_choice(reader *r, const orr_param *p, int index) {
  if (lua_type(r->L, index) != LUA_TSTRING) fail(r, p, index, "a string");
  const char *text = lua_tostring(r->L, index);
  size_t n = strlen(text);
  int k = 0;
  for (const char *c = p->choices; *c != 0; k++) {
    size_t w = strcspn(c, "|");
    if (w == n && memcmp(c, text, n) == 0) return k;
    c += w + (c[w] == '|');
  }
  orr_push_nearest(r->L, text, p->choices);
  orr_raisef(r->L, "%s: %s is \"%s\"%s", orr_op_name(r->o->op), p->name, text,
             lua_tostring(r->L, -1));
  return 0;
}

static double read_dtype(reader *r, const orr_param *p, int index) {
  orr_dtype d;
  if (lua_type(r->L, index) != LUA_TSTRING ||
      !orr_dtype_parse(lua_tostring(r->L, index), &d))
    fail(r, p, index, "float32, float64, int64 or uint8");
  return d;
}

static double read_entry(reader *r, const orr_param *p, int index) {
  return p->kind == ORR_AXES ? read_place(r, p, index)
                             : (double)read_whole(r, p, index);
}

static void too_long(reader *r, const orr_param *p, lua_Integer n) {
  orr_raisef(r->L,
             "%s: %s has " LUA_INTEGER_FMT
             " entries; a tensor has at most %d axes",
             orr_op_name(r->o->op), p->name, n, ORR_MAX_RANK);
}

static void read_list(reader *r, const orr_param *p, double *attr, int index) {
  lua_State *L = r->L;
  if (lua_type(L, index) == LUA_TNUMBER) {
    attr[0] = 1;
    attr[1] = read_entry(r, p, index);
    return;
  }
  bool freed;
  if (!lua_istable(L, index) || tensor_at(r, index, &freed) != NULL)
    fail(r, p, index, "a number or a table of numbers");
  lua_Integer n = (lua_Integer)lua_rawlen(L, index);
  if (n > ORR_MAX_RANK) too_long(r, p, n);
  attr[0] = (double)n;
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, index, i + 1);
    attr[1 + i] = read_entry(r, p, lua_gettop(L));
    lua_pop(L, 1);
  }
}

static void read_pair(reader *r, const orr_param *p, double *attr, int index) {
  lua_State *L = r->L;
  if (lua_type(L, index) == LUA_TNUMBER) {
    attr[0] = attr[1] = read_number(r, p, index);
    return;
  }
  if (!lua_istable(L, index) || lua_rawlen(L, index) != 2)
    fail(r, p, index, "a number or a pair {height, width}");
  for (int i = 0; i < 2; i++) {
    lua_rawgeti(L, index, i + 1);
    attr[i] = read_number(r, p, lua_gettop(L));
    lua_pop(L, 1);
  }
}

// Reads parameter i from the value at an absolute index.
static void read_param(reader *r, int i, int index) {
  const orr_param *p = &r->o->params[i];
  double *attr = r->args.attr + r->o->slot[i];
  if (r->given & 1u << i)
    orr_raisef(r->L, "%s: %s is given twice; name it or place it",
               orr_op_name(r->o->op), p->name);
  r->given |= 1u << i;
  switch (p->kind) {
  case ORR_TENSOR:
    read_tensor(r, i, index);
    break;
  case ORR_TENSORS:
    read_tensors(r, p, index);
    break;
  case ORR_NUM:
    *attr = read_number(r, p, index);
    break;
  case ORR_INT:
    *attr = (double)read_whole(r, p, index);
    break;
  case ORR_BOOL:
    if (lua_type(r->L, index) != LUA_TBOOLEAN)
      fail(r, p, index, "true or false");
    *attr = lua_toboolean(r->L, index);
    break;
  case ORR_AXIS:
  case ORR_INDEX:
    *attr = read_place(r, p, index);
    break;
  case ORR_AXES:
  case ORR_SIZES:
    read_list(r, p, attr, index);
    break;
  case ORR_PAIR:
    read_pair(r, p, attr, index);
    break;
  case ORR_CHOICE:
    *attr = read_choice(r, p, index);
    break;
  case ORR_DTYPE:
    *attr = read_dtype(r, p, index);
    break;
  case ORR_STREAM:
    r->args.stream = orr_test_stream(r->L, index);
    if (r->args.stream == NULL) fail(r, p, index, "an orrery.Generator");
    break;
  }
}

// ---- the whole call

// Plain numbers from `from` on as one list; returns the index after them.
static int read_numbers(reader *r, int i, int from, int last) {
  const orr_param *p = &r->o->params[i];
  double *attr = r->args.attr + r->o->slot[i];
  int n = 0, a = from;
  for (; a <= last && lua_type(r->L, a) == LUA_TNUMBER; a++, n++) {
    if (n >= ORR_MAX_RANK) too_long(r, p, n + 1);
    attr[1 + n] = read_entry(r, p, a);
  }
  attr[0] = n;
  r->given |= 1u << i;
  return a;
}

static bool is_list_kind(orr_kind k) {
  return k == ORR_SIZES || k == ORR_AXES || k == ORR_PAIR || k == ORR_TENSORS;
}

// 0: no options; 1: the last argument holds options alone; 2: it is a list,
// which may hold options besides.
static int options_kind(lua_State *L, int last) {
  if (last == 0 || lua_type(L, last) != LUA_TTABLE) return 0;
  return lua_rawlen(L, last) > 0 ? 2 : 1;
}

static bool is_empty(lua_State *L, int index) {
  lua_pushnil(L);
  if (!lua_next(L, index)) return true;
  lua_pop(L, 2);
  return false;
}

static void too_many(reader *r, int last) {
  char text[256];
  orr_raisef(r->L, "%s: %d arguments are too many; call %s",
             orr_op_name(r->o->op), last, usage(r->o, text, sizeof text));
}

static void read_positions(reader *r, int last, int kind) {
  lua_State *L = r->L;
  int a = 1;
  for (int i = 0; i < r->o->n && a <= last; i++) {
    const orr_param *p = &r->o->params[i];
    if (a == last && kind == 1 &&
        !(is_list_kind(p->kind) && (p->required || p->kind == ORR_TENSORS) &&
          is_empty(L, a)))
      return;
    if (lua_type(L, a) == LUA_TNIL) {
      a++;
    } else if (r->o->variadic[i] && lua_type(L, a) == LUA_TNUMBER) {
      a = read_numbers(r, i, a, last);
    } else {
      read_param(r, i, a++);
    }
  }
  while (a <= last && lua_type(L, a) == LUA_TNIL) a++;
  if (a < last || (a == last && kind != 1)) too_many(r, last);
}

// One option: its name and value are on top of the stack and stay there.
static void read_option(reader *r) {
  lua_State *L = r->L;
  const char *key = lua_tostring(L, -2);
  for (int i = 0; i < r->o->n; i++) {
    if (strcmp(r->o->params[i].name, key) != 0) continue;
    read_param(r, i, lua_gettop(L));
    return;
  }
  if ((r->o->flags & ORR_CREATES) && strcmp(key, "requires_grad") == 0) {
    if (lua_type(L, -1) != LUA_TBOOLEAN)
      orr_raisef(L, "%s: requires_grad must be true or false",
                 orr_op_name(r->o->op));
    r->requires_grad = lua_toboolean(L, -1);
    return;
  }
  luaL_Buffer names;
  luaL_buffinit(L, &names);
  for (int i = 0; i < r->o->n; i++) {
    luaL_addstring(&names, r->o->params[i].name);
    if (i + 1 < r->o->n) luaL_addchar(&names, '|');
  }
  luaL_pushresult(&names);
  orr_push_nearest(L, key, lua_tostring(L, -1));
  orr_raisef(L, "%s: unknown option %s%s", orr_op_name(r->o->op), key,
             lua_tostring(L, -1));
}

static void read_options(reader *r, int table, int kind) {
  lua_State *L = r->L;
  lua_Integer n = (lua_Integer)lua_rawlen(L, table);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    if (lua_type(L, -2) == LUA_TSTRING) {
      read_option(r);
    } else if (kind == 1 || !lua_isinteger(L, -2) || lua_tointeger(L, -2) > n ||
               lua_tointeger(L, -2) < 1) {
      char seen[128];
      orr_raisef(L, "%s: the last table has %s as a key; name the option",
                 orr_op_name(r->o->op), orr_describe(L, -2, seen, sizeof seen));
    }
  }
}

static void check_missing(reader *r) {
  for (int i = 0; i < r->o->n; i++) {
    const orr_param *p = &r->o->params[i];
    bool tensor = p->kind == ORR_TENSOR || p->kind == ORR_TENSORS;
    if (r->given & 1u << i || !(tensor ? !p->optional : p->required)) continue;
    char text[256];
    orr_raisef(r->L, "%s: %s is missing; call %s", orr_op_name(r->o->op),
               p->name, usage(r->o, text, sizeof text));
  }
}

// An operator's operands are never options.
static void read_operands(reader *r, int n) {
  for (int i = 0; i < n; i++) {
    r->given |= 1u << i;
    read_tensor(r, i, i + 1);
  }
}

static void read_args(reader *r, int mode) {
  lua_State *L = r->L;
  if (mode == MODE_UNARY || mode == MODE_BINARY) {
    read_operands(r, mode == MODE_UNARY ? 1 : 2);
    return;
  }
  int last = lua_gettop(L), kind = options_kind(L, last);
  lua_pushnil(L);
  r->anchor = last + 1;
  read_positions(r, last, kind);
  if (kind != 0) read_options(r, last, kind);
  unsigned all = (1u << r->o->n) - 1;
  if (r->given != all) check_missing(r);
}

// ---- numbers among tensors

// The dtype that a number takes beside these tensors: theirs when it can hold
// the number, else what makes the op promote as PyTorch does.
static orr_dtype number_dtype(const reader *r, int param, double v) {
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

// Nothing may raise from here until drop_numbers. A failure leaves NULL and
// the sentence, which the op then keeps.
static void make_numbers(reader *r) {
  orr_tensor *made[ORR_MAX_INPUT] = {NULL};
  for (int i = 0; i < r->o->n; i++) {
    int k = r->o->input[i];
    if (r->o->params[i].kind != ORR_TENSOR || !(r->numbers & 1u << k)) continue;
    made[k] = orr_scalar(number_dtype(r, i, r->number[k]), r->number[k]);
  }
  for (int k = 0; k < ORR_MAX_INPUT; k++)
    if (r->numbers & 1u << k) r->args.x[k] = made[k];
}

static void drop_numbers(reader *r) {
  for (int k = 0; k < ORR_MAX_INPUT; k++)
    if (r->numbers & 1u << k) orr_release(r->args.x[k]);
}

static bool lost_number(const reader *r) {
  for (int k = 0; k < ORR_MAX_INPUT; k++)
    if (r->numbers & 1u << k && r->args.x[k] == NULL) return true;
  return false;
}

// ---- calls

static int call_inplace(reader *r) {
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

static int call(reader *r) {
  lua_State *L = r->L;
  int n = r->o->outputs;
  orr_tensor **slot[ORR_MAX_OUTPUT], *y[ORR_MAX_OUTPUT] = {NULL};
  for (int i = 0; i < n; i++) slot[i] = orr_push_slot(L);
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
  orr_collect(L);
  return n;
}

static int apply(lua_State *L, const op_info *o, const void *type, int mode) {
  reader r;
  r.L = L;
  r.o = o;
  r.tensor_type = type;
  r.args = o->defaults;
  r.given = r.numbers = 0;
  r.requires_grad = false;
  r.anchor = 0;
  luaL_checkstack(L, 24, NULL);
  orr_site_state(L);
  orr_clear_error();
  read_args(&r, mode);
  return mode == MODE_INPLACE ? call_inplace(&r) : call(&r);
}

// Upvalues: the op's info, the tensors' metatable, the mode.
static int call_op(lua_State *L) {
  const op_info *o = lua_touserdata(L, lua_upvalueindex(1));
  return apply(L, o, lua_topointer(L, lua_upvalueindex(2)),
               (int)lua_tointeger(L, lua_upvalueindex(3)));
}

// ---- registration

static bool takes_numbers(orr_kind k) {
  return k != ORR_BOOL && k != ORR_CHOICE && k != ORR_DTYPE && k != ORR_STREAM;
}

// Pushes the op's info as a userdata.
static op_info *push_info(lua_State *L, const orr_op *op) {
  op_info *o = lua_newuserdatauv(L, sizeof *o, 0);
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
    o->variadic[i] = k == ORR_SIZES || (k == ORR_AXES && !next_number);
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

int orr_call_named(lua_State *L, const char *name, int first) {
  const orr_op *op = orr_op_find(name);
  if (op == NULL) return orr_raisef(L, "%s: this build has no such op", name);
  push_info(L, op);
  push_closure(L, lua_gettop(L), MODE_PLAIN);
  lua_remove(L, -2);
  lua_insert(L, first);
  lua_call(L, lua_gettop(L) - first, LUA_MULTRET);
  return lua_gettop(L) - first + 1;
}

static void set_operators(lua_State *L, int meta) {
  static const struct {
    const char *event, *op;
    int mode;
  } operators[] = {
      {"__add", "add", MODE_BINARY}, {"__sub", "sub", MODE_BINARY},
      {"__mul", "mul", MODE_BINARY}, {"__div", "div", MODE_BINARY},
      {"__pow", "pow", MODE_BINARY}, {"__mod", "remainder", MODE_BINARY},
      {"__unm", "neg", MODE_UNARY},  {"__idiv", "floor_divide", MODE_BINARY},
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
    op_info *o = push_info(L, op);
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
