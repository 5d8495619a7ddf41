// autograd.c -- gradients from Lua: backward, grad, and what is recorded.
#include <string.h>

#include "binding.h"

#define MODE_TYPE "orrery.GradMode"

// x:backward(gy?, { retain_graph, create_graph }); gy may be left out.
static int backward(lua_State *L) {
  orr_tensor *y = orr_check_tensor(L, 1), *gy = NULL;
  int options = 2;
  if (!lua_istable(L, 2)) {
    if (!lua_isnoneornil(L, 2)) gy = orr_check_tensor(L, 2);
    options = 3;
  }
  orr_check_options(L, options, "retain_graph|create_graph");
  bool create = orr_flag(L, options, "create_graph", false);
  bool retain = orr_flag(L, options, "retain_graph", create);
  orr_clear_error();
  orr_site_state(L);
  lua_State *before = orr_pass_begin(L);
  const bool ok = orr_backward(y, gy, retain, create);
  orr_pass_end(L, before);
  if (!ok) return orr_raise_carried(L);
  orr_collect_graph(L);
  return 0;
}

// Reads the tensor or the table of tensors at index into a block pushed on the
// stack; entries may be absent (false) when `optional`.
static orr_tensor **read_list(lua_State *L, int index, const char *name, int *n,
                              bool optional) {
  char seen[128];
  orr_tensor *one = orr_test_tensor(L, index);
  if (one == NULL && !lua_istable(L, index))
    orr_raisef(L, "grad: %s is %s; pass a tensor or a table of tensors", name,
               orr_describe(L, index, seen, sizeof seen));
  lua_Unsigned count = one != NULL ? 1 : lua_rawlen(L, index);
  if (count > 1u << 20) orr_raisef(L, "grad: %s is too long", name);
  orr_tensor **list = lua_newuserdatauv(L, (count + 1) * sizeof *list, 0);
  *n = (int)count;
  list[0] = one;
  for (int i = 0; one == NULL && i < *n; i++) {
    lua_rawgeti(L, index, i + 1);
    list[i] = orr_test_tensor(L, -1);
    if (list[i] == NULL && !(optional && !lua_toboolean(L, -1)))
      orr_raisef(L, "grad: %s[%d] is %s; pass a tensor", name, i + 1,
                 orr_describe(L, -1, seen, sizeof seen));
    lua_pop(L, 1);
  }
  return list;
}

// grad(y, xs, { create_graph, retain_graph, allow_unused, grad_outputs })
// returns a table with one gradient per x.
static int grad(lua_State *L) {
  lua_settop(L, 3);
  orr_check_options(L, 3,
                    "create_graph|retain_graph|allow_unused|grad_outputs");
  bool create = orr_flag(L, 3, "create_graph", false);
  bool retain = orr_flag(L, 3, "retain_graph", create);
  bool unused = orr_flag(L, 3, "allow_unused", false);
  int ny, nx, ng;
  orr_tensor **y = read_list(L, 1, "y", &ny, false);
  orr_tensor **x = read_list(L, 2, "xs", &nx, false), **gy = NULL;
  if (lua_istable(L, 3) && lua_getfield(L, 3, "grad_outputs") != LUA_TNIL) {
    gy = read_list(L, lua_gettop(L), "grad_outputs", &ng, true);
    if (ng != ny)
      orr_raisef(L, "grad: %d grad_outputs for %d y; give one for each", ng,
                 ny);
  }
  luaL_checkstack(L, 8, NULL);
  lua_createtable(L, nx, 0);
  int result = lua_gettop(L);
  orr_tensor ***slot = lua_newuserdatauv(L, ((size_t)nx + 1) * sizeof *slot, 0);
  orr_tensor **gx = lua_newuserdatauv(L, ((size_t)nx + 1) * sizeof *gx, 0);
  memset(gx, 0, ((size_t)nx + 1) * sizeof *gx);
  for (int i = 0; i < nx; i++) {
    slot[i] = orr_push_slot(L);
    lua_rawseti(L, result, i + 1);
  }
  orr_clear_error();
  orr_site_state(L);
  lua_State *before = orr_pass_begin(L);
  const bool ok = orr_grad(ny, y, gy, nx, x, gx, retain, create, unused);
  orr_pass_end(L, before);
  if (!ok) return orr_raise_carried(L);
  for (int i = 0; i < nx; i++) *slot[i] = gx[i];
  orr_collect_graph(L);
  lua_settop(L, result);
  return 1;
}

// ---- recording on and off, for a block

// grad_mode(on) switches recording and returns a value that switches it back
// when closed: `local m <close> = core.grad_mode(false)`.
static int grad_mode(lua_State *L) {
  bool on = orr_check_bool(L, 1, "on");
  bool *before = lua_newuserdatauv(L, sizeof *before, 0);
  luaL_setmetatable(L, MODE_TYPE);
  *before = orr_enable_grad(on);
  return 1;
}

static int mode_close(lua_State *L) {
  bool *before = luaL_checkudata(L, 1, MODE_TYPE);
  orr_enable_grad(*before);
  return 0;
}

static int is_grad_enabled(lua_State *L) {
  lua_pushboolean(L, orr_grad_enabled());
  return 1;
}

static int set_grad_enabled(lua_State *L) {
  bool on = orr_check_bool(L, 1, "on");
  lua_pushboolean(L, orr_enable_grad(on));
  return 1;
}

// set_anomaly(on) returns the setting before.
static int set_anomaly(lua_State *L) {
  bool on = orr_check_bool(L, 1, "on"), before = orr_anomaly_detected_on();
  orr_detect_anomaly(on);
  lua_pushboolean(L, before);
  return 1;
}

void orr_open_autograd(lua_State *L) {
  luaL_newmetatable(L, MODE_TYPE);
  lua_pushcfunction(L, mode_close);
  lua_setfield(L, -2, "__close");
  lua_pop(L, 1);
  static const luaL_Reg functions[] = {{"backward", backward},
                                       {"grad", grad},
                                       {"grad_mode", grad_mode},
                                       {"is_grad_enabled", is_grad_enabled},
                                       {"set_grad_enabled", set_grad_enabled},
                                       {"set_anomaly", set_anomaly},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  lua_getfield(L, -1, "Tensor");
  lua_getfield(L, -1, "methods");
  lua_pushcfunction(L, backward);
  lua_setfield(L, -2, "backward");
  lua_pop(L, 2);
}
