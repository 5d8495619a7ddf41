// numbers.c -- numbers that a recorded step is given anew at each run. Inside
// the step one is a value without axes, float64. Arithmetic with plain numbers
// gives another, with Lua's bits; beside a tensor it takes the tensor's dtype,
// as a plain number does. All else would need to know what it is now.
#include "arguments.h"

typedef struct number {
  orr_tensor *value;  // NULL until made
} number;

orr_tensor *orr_test_number(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TUSERDATA) return NULL;
  const number *n = luaL_testudata(L, index, ORR_NUMBER_TYPE);
  return n != NULL ? n->value : NULL;
}

static number *push_number(lua_State *L) {
  number *n = lua_newuserdatauv(L, sizeof *n, 0);
  n->value = NULL;
  luaL_setmetatable(L, ORR_NUMBER_TYPE);
  return n;
}

int orr_push_number(lua_State *L, double value) {
  number *n = push_number(L);
  orr_clear_error();
  n->value = orr_program_number(value);
  return n->value != NULL ? 1 : orr_raise(L);
}

int orr_refuse_number(lua_State *L, const char *what) {
  orr_clear_error();
  orr_site_state(L);
  if (orr_program_refuse(what,
                         "it may be another number at the next run: use it "
                         "in arithmetic only, or compile with "
                         "{ fixed_numbers = true }"))
    return orr_raisef(L, "compile: %s after the step was recorded", what);
  return orr_raise(L);
}

static int number_free(lua_State *L) {
  number *n = luaL_checkudata(L, 1, ORR_NUMBER_TYPE);
  orr_release(n->value);
  n->value = NULL;
  return 0;
}

// ---- arithmetic

// The operand as a float64 value, a returned reference.
static orr_tensor *operand(lua_State *L, int index) {
  orr_tensor *t = orr_test_number(L, index);
  return t != NULL ? orr_retain(t)
                   : orr_scalar(ORR_F64, lua_tonumber(L, index));
}

static bool is_numeric(lua_State *L, int index) {
  return lua_type(L, index) == LUA_TNUMBER || orr_test_number(L, index) != NULL;
}

// Upvalues: the op (NULL: only beside a tensor), Lua's name of the event.
static int arithmetic(lua_State *L) {
  const char *event = lua_tostring(L, lua_upvalueindex(2));
  lua_settop(L, 2);
  if (orr_test_slot(L, 1) != NULL || orr_test_slot(L, 2) != NULL) {
    lua_getfield(L, LUA_REGISTRYINDEX, ORR_TENSOR_TYPE);
    lua_getfield(L, -1, event);
    lua_insert(L, 1);
    lua_pop(L, 1);
    lua_call(L, 2, 1);
    return 1;
  }
  const orr_op *op = lua_touserdata(L, lua_upvalueindex(1));
  if (op == NULL || !is_numeric(L, 1) || !is_numeric(L, 2))
    return orr_refuse_number(L,
                             "arithmetic other than + - * / on a number "
                             "reads it");
  number *n = push_number(L);
  orr_args args;
  orr_clear_error();
  orr_site_state(L);
  orr_default_args(op, &args);
  const int operands = event[2] == 'u' ? 1 : 2;
  for (int i = 0; i < operands; i++) args.x[i] = operand(L, i + 1);
  n->value = orr_apply(op, &args);
  for (int i = 0; i < operands; i++) orr_release(args.x[i]);
  return n->value != NULL ? 1 : orr_raise(L);
}

static int refused(lua_State *L) {
  return orr_refuse_number(L, lua_tostring(L, lua_upvalueindex(1)));
}

void orr_open_numbers(lua_State *L) {
  static const char *const computed[][2] = {{"__add", "add"}, {"__sub", "sub"},
                                            {"__mul", "mul"}, {"__div", "div"},
                                            {"__unm", "neg"}, {"__pow", ""},
                                            {"__mod", ""},    {"__idiv", ""}};
  static const char *const other[][2] =
      {{"__lt", "comparing a number reads it"},
       {"__le", "comparing a number reads it"},
       {"__eq", "comparing a number reads it"},
       {"__tostring", "printing a number reads it"},
       {"__concat", "printing a number reads it"},
       {"__len", "the length of a number reads it"},
       {"__index", "indexing a number reads it"},
       {"__newindex", "indexing a number reads it"},
       {"__call", "calling a number reads it"}};
  luaL_newmetatable(L, ORR_NUMBER_TYPE);
  for (size_t i = 0; i < sizeof computed / sizeof *computed; i++) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)orr_op_find(computed[i][1]));
    lua_pushstring(L, computed[i][0]);
    lua_pushcclosure(L, arithmetic, 2);
    lua_setfield(L, -2, computed[i][0]);
  }
  for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
    lua_pushstring(L, other[i][1]);
    lua_pushcclosure(L, refused, 1);
    lua_setfield(L, -2, other[i][0]);
  }
  lua_pushcfunction(L, number_free);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
