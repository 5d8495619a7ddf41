// module.c -- opens the Lua module "orrery.core"; tensors as userdata.
#include "binding.h"

// Its address names the metatable and marks the userdata: comparing a mark
// takes a third of the time of comparing metatables.
static const char tensor_key;

static orr_slot *to_slot(lua_State *L, int index) {
  orr_slot *slot = lua_touserdata(L, index);
  if (slot == NULL || lua_rawlen(L, index) != sizeof *slot) return NULL;
  return slot->mark == &tensor_key ? slot : NULL;
}

orr_tensor **orr_test_slot(lua_State *L, int index) {
  orr_slot *slot = to_slot(L, index);
  return slot == NULL ? NULL : &slot->tensor;
}

orr_tensor *orr_test_tensor(lua_State *L, int index) {
  orr_slot *slot = to_slot(L, index);
  return slot == NULL ? NULL : slot->tensor;
}

// Whoever takes a tensor may run ops: their site is looked for from here.
orr_tensor *orr_check_tensor(lua_State *L, int index) {
  orr_site_state(L);
  orr_slot *slot = to_slot(L, index);
  if (slot != NULL && slot->tensor != NULL) return slot->tensor;
  char who[64], seen[128];
  orr_who(L, who, sizeof who);
  orr_raisef(L, "%s: argument %d is %s; pass a tensor", who, index,
             orr_describe(L, index, seen, sizeof seen));
  return NULL;
}

orr_tensor **orr_push_slot(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &tensor_key);
  orr_tensor **slot = orr_push_slot_with(L, lua_gettop(L));
  lua_remove(L, -2);
  return slot;
}

orr_tensor **orr_push_slot_with(lua_State *L, int metatable) {
  orr_slot *slot = lua_newuserdatauv(L, sizeof *slot, 0);
  *slot = (orr_slot){.mark = &tensor_key};
  lua_pushvalue(L, metatable);
  lua_setmetatable(L, -2);
  orr_scope_enter(slot);
  return &slot->tensor;
}

// The userdata comes second here, so a failure to make it is caught.
static int make_slot(lua_State *L) {
  orr_push_slot(L);
  return 1;
}

int orr_push_result(lua_State *L, orr_tensor *t) {
  if (t == NULL) return orr_raise(L);
  lua_pushcfunction(L, make_slot);
  if (lua_pcall(L, 0, 1, 0) != LUA_OK) {
    orr_release(t);
    return lua_error(L);
  }
  *orr_test_slot(L, -1) = t;
  orr_collect(L);
  return 1;
}

static int tensor_free(lua_State *L) {
  orr_slot *slot = to_slot(L, 1);
  if (slot == NULL) return 0;
  orr_scope_leave(slot);
  if (slot->tensor != NULL && orr_hooks_wait(slot->tensor)) {
    lua_getmetatable(L, 1);  // set afresh: to be finalized once more
    lua_setmetatable(L, 1);
    orr_slot_wait(slot);
    return 0;
  }
  orr_release(slot->tensor);
  slot->tensor = NULL;
  orr_drop_references(L);
  return 0;
}

static void make_metatable(lua_State *L) {
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &tensor_key);
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, ORR_TENSOR_TYPE);
  lua_pushliteral(L, ORR_TENSOR_TYPE);
  lua_setfield(L, -2, "__name");
  lua_pushcfunction(L, tensor_free);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, tensor_free);
  lua_setfield(L, -2, "__close");
  lua_newtable(L);
  lua_setfield(L, -2, "methods");
}

// The module table has, besides its functions: Tensor, the metatable, whose
// field `methods` holds what x:name() finds.
int luaopen_orrery_core(lua_State *L) {
  luaL_checkversion(L);
  lua_newtable(L);
  make_metatable(L);
  lua_setfield(L, -2, "Tensor");
  orr_open_errors(L);
  orr_open_scope(L);
  orr_open_random(L);
  orr_open_ops(L);
  orr_open_records(L);
  orr_open_tensor(L);
  orr_open_create(L);
  orr_open_autograd(L);
  orr_open_hooks(L);
  orr_open_graph(L);
  orr_open_system(L);
  orr_open_files(L);
  orr_open_process(L);
  orr_open_sqlite(L);
  orr_open_markdown(L);
  orr_open_http(L);
  orr_open_optim(L);
  orr_open_io(L);
  orr_open_pictures(L);
  orr_open_compile(L);
  orr_open_numbers(L);
  lua_pushliteral(L, ORR_VERSION);
  lua_setfield(L, -2, "version");
  orr_note_names(L, 2);
  return 1;
}
