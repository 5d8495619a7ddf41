// hooks.c -- Lua functions that the core calls back during a pass: hooks on
// gradients, and what a checkpoint does again. They run protected; an error is
// carried past the core and raised once that has tidied up.
#include "binding.h"

#define HOOK_TYPE "orrery.Hook"
#define SEGMENT_TYPE "orrery.Segment"

// A Lua value that C refers to, by a number. It is given up wherever a tensor
// may be freed; the tables are cleared later, by whoever has a state at hand.
//
// The closure of a checkpoint is held by the registry. A hook is not: it often
// knows its tensor, and the two would hold each other for ever. It is held by
// the userdata (a table with weak keys: userdata -> id -> function), and when
// that is collected while a graph can still run the hook, it is taken back.
typedef struct reference {
  lua_Integer id;
  struct reference *next;
} reference;

static reference *given_up;
static lua_Integer last_id;
static lua_State *caller;       // of the pass that runs
static const char carried_key;  // registry: the error to raise after it
static const char held_key;     // registry: id -> closure
static const char hooks_key;    // registry: userdata -> id -> function
static orr_slot waiting = {.before = &waiting, .after = &waiting};

static reference *new_reference(lua_State *L) {
  reference *r = orr_alloc(sizeof *r);
  if (r == NULL)
    orr_raise(L);
  else
    r->id = ++last_id;
  return r;
}

static void give_up(void *context) {
  reference *r = context;
  r->next = given_up;
  given_up = r;
}

// Pushes the hook of that id, or nil.
static void push_hook(lua_State *L, lua_Integer id) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &hooks_key);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    if (lua_rawgeti(L, -1, id) != LUA_TNIL) {
      lua_replace(L, -4);
      lua_pop(L, 2);
      return;
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  lua_pushnil(L);
}

// Frees the tensors of the closure on top: the userdata are ours.
static void empty_closure(lua_State *L) {
  lua_getfield(L, -1, "n");
  const int last = (int)lua_tointeger(L, -1) + 1;
  lua_pop(L, 1);
  for (int i = 2; i <= last; i++) {
    lua_rawgeti(L, -1, i);
    orr_tensor **slot = orr_test_slot(L, -1);
    if (slot != NULL) {
      orr_release(*slot);
      *slot = NULL;
    }
    lua_pop(L, 1);
  }
}

static void forget(lua_State *L, lua_Integer id) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &held_key);
  if (lua_rawgeti(L, -1, id) == LUA_TTABLE) empty_closure(L);
  lua_pop(L, 1);
  lua_pushnil(L);
  lua_rawseti(L, -2, id);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &hooks_key);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    lua_pushnil(L);
    lua_rawseti(L, -2, id);
  }
  lua_pop(L, 2);
}

void orr_drop_references(lua_State *L) {
  if (given_up == NULL || !lua_checkstack(L, 8)) return;
  while (given_up != NULL) {
    reference *r = given_up;
    given_up = r->next;
    forget(L, r->id);
    orr_free(r, sizeof *r);
  }
}

void orr_slot_wait(orr_slot *slot) {
  orr_scope_leave(slot);
  slot->after = &waiting;
  slot->before = waiting.before;
  slot->before->after = slot;
  waiting.before = slot;
}

// At the end nothing waits any longer.
static int end_waiting(lua_State *L) {
  while (waiting.after != &waiting) {
    orr_slot *slot = waiting.after;
    orr_scope_leave(slot);
    orr_release(slot->tensor);
    slot->tensor = NULL;
  }
  orr_drop_references(L);
  return 0;
}

lua_State *orr_pass_begin(lua_State *L) {
  lua_State *before = caller;
  caller = L;
  return before;
}

void orr_pass_end(lua_State *L, lua_State *before) {
  caller = before;
  orr_drop_references(L);
}

int orr_raise_carried(lua_State *L) {
  luaL_checkstack(L, 8, NULL);
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &carried_key) == LUA_TNIL) {
    lua_pop(L, 1);
    return orr_raise(L);
  }
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &carried_key);
  orr_clear_error();
  return lua_error(L);
}

// Calls fn(job) protected in the state that asked for the pass.
static bool run_protected(lua_CFunction fn, void *job) {
  lua_State *L = caller;
  if (L == NULL || !lua_checkstack(L, 8))
    return orr_set_error("hook: no room on Lua's stack; nest less deep");
  lua_pushcfunction(L, fn);
  lua_pushlightuserdata(L, job);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) {
    orr_clear_error();
    return true;
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &carried_key);
  orr_clear_error();
  return orr_set_error("hook: an error in Lua");
}

// ---- hooks on gradients

typedef struct hook_job {
  lua_Integer id;
  orr_tensor *g, *result;
} hook_job;

static int call_hook(lua_State *L) {
  hook_job *job = lua_touserdata(L, 1);
  char seen[160];
  push_hook(L, job->id);
  orr_tensor **slot = orr_push_slot(L);
  *slot = orr_retain(job->g);
  lua_call(L, 1, 1);
  orr_tensor *r = orr_test_tensor(L, -1);
  if (r == NULL && !lua_isnil(L, -1))
    orr_raisef(L,
               "register_hook: the hook returned %s; return a tensor like the "
               "gradient, or nothing to leave it",
               orr_describe(L, -1, seen, sizeof seen));
  job->result = orr_retain(r != NULL ? r : job->g);
  return 0;
}

static orr_tensor *run_hook(void *context, orr_tensor *g) {
  const reference *r = context;
  hook_job job = {r->id, g, NULL};
  return run_protected(call_hook, &job) ? job.result : NULL;
}

// Has the userdata at index `tensor` hold the function at index `fn`.
static void hold_hook(lua_State *L, int tensor, int fn, lua_Integer id) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &hooks_key);
  lua_pushvalue(L, tensor);
  if (lua_rawget(L, -2) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, tensor);
    lua_pushvalue(L, -2);
    lua_rawset(L, -4);
  }
  lua_pushvalue(L, fn);
  lua_rawseti(L, -2, id);
  lua_pop(L, 2);
}

// x:register_hook(fn) -> a handle; handle:remove() takes fn off again.
static int register_hook(lua_State *L) {
  orr_tensor *t = orr_check_tensor(L, 1);
  orr_check_function(L, 2, "fn");
  orr_hook **slot = lua_newuserdatauv(L, sizeof *slot, 0);
  *slot = NULL;
  luaL_setmetatable(L, HOOK_TYPE);
  if (orr_is_rerunning()) return 1;  // it hangs there from the first time
  hold_hook(L, 1, 2, last_id + 1);
  reference *r = new_reference(L);
  orr_clear_error();
  *slot = orr_add_hook(t, run_hook, give_up, r);
  orr_drop_references(L);
  return *slot != NULL ? 1 : orr_raise(L);
}

static int hook_remove(lua_State *L) {
  orr_hook_remove(*(orr_hook **)luaL_checkudata(L, 1, HOOK_TYPE));
  orr_drop_references(L);
  return 0;
}

static int hook_free(lua_State *L) {
  orr_hook **slot = luaL_checkudata(L, 1, HOOK_TYPE);
  orr_hook_release(*slot);
  *slot = NULL;
  orr_drop_references(L);
  return 0;
}

// x:retain_grad() returns x.
static int retain_grad(lua_State *L) {
  orr_tensor *t = orr_check_tensor(L, 1);
  orr_clear_error();
  if (!orr_is_rerunning() && !orr_retain_grad(t)) return orr_raise(L);
  lua_settop(L, 1);
  return 1;
}

// arriving_grad(x): in a hook, what has come together at x by then, or nil.
static int arriving_grad(lua_State *L) {
  const orr_tensor *t = orr_test_tensor(L, 1);
  orr_tensor *g = t != NULL ? orr_arriving_grad(t) : NULL;
  if (g == NULL) return 0;
  orr_tensor **slot = orr_push_slot(L);
  *slot = orr_retain(g);
  return 1;
}

static int pass_number(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)orr_pass_number());
  return 1;
}

// ---- checkpoints

// { fn, argument 1, ... , n = how many arguments }, called in a scope.
static int call_again(lua_State *L) {
  const reference *r = lua_touserdata(L, 1);
  lua_getfield(L, LUA_REGISTRYINDEX, SEGMENT_TYPE);
  lua_getfield(L, -1, "again");
  lua_rawgetp(L, LUA_REGISTRYINDEX, &held_key);
  lua_rawgeti(L, -1, r->id);
  lua_remove(L, -2);
  lua_call(L, 1, 0);
  return 0;
}

static bool rerun(void *context) { return run_protected(call_again, context); }

// Tensors are put in userdata of our own, which no scope empties.
static void push_closure(lua_State *L, int first, int last) {
  lua_createtable(L, last - first + 1, 1);
  for (int i = first; i <= last; i++) {
    orr_tensor *t = orr_test_tensor(L, i);
    if (t != NULL) {
      orr_tensor **slot = orr_push_slot(L);
      orr_scope_leave((orr_slot *)(void *)slot);
      *slot = orr_retain(t);
    } else {
      lua_pushvalue(L, i);
    }
    lua_rawseti(L, -2, i - first + 1);
  }
  lua_pushinteger(L, last - first);
  lua_setfield(L, -2, "n");
}

// segment(fn, ...): what is recorded until it is closed keeps only shapes;
// backward calls fn(...) again for the rest. Nothing fails once it is open.
static int segment(lua_State *L) {
  int last = lua_gettop(L);
  luaL_checkstack(L, 8, NULL);
  orr_check_function(L, 1, "fn");
  orr_segment **slot = lua_newuserdatauv(L, sizeof *slot, 0);
  *slot = NULL;
  luaL_setmetatable(L, SEGMENT_TYPE);
  orr_clear_error();
  reference *r = NULL;
  if (orr_segment_needs_rerun()) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &held_key);
    push_closure(L, 1, last);
    lua_rawseti(L, -2, last_id + 1);
    lua_pop(L, 1);
    r = new_reference(L);
  }
  *slot = orr_segment_begin();
  if (*slot != NULL && r != NULL)
    orr_segment_set_rerun(*slot, rerun, give_up, r);
  else if (r != NULL)
    give_up(r);
  orr_drop_references(L);
  return *slot != NULL ? 1 : orr_raise(L);
}

static int segment_close(lua_State *L) {
  orr_segment **slot = luaL_checkudata(L, 1, SEGMENT_TYPE);
  orr_segment_end(*slot);
  orr_segment_release(*slot);
  *slot = NULL;
  orr_drop_references(L);
  return 0;
}

// set_again(fn): fn(closure) calls closure[1] with the rest, in a scope.
static int set_again(lua_State *L) {
  orr_check_function(L, 1, "fn");
  lua_settop(L, 1);
  lua_getfield(L, LUA_REGISTRYINDEX, SEGMENT_TYPE);
  lua_insert(L, 1);
  lua_setfield(L, 1, "again");
  return 0;
}

static int is_rerunning(lua_State *L) {
  lua_pushboolean(L, orr_is_rerunning());
  return 1;
}

// A registry table under the key; weak: "k" or NULL.
static void make_table(lua_State *L, const void *key, const char *weak) {
  lua_newtable(L);
  if (weak != NULL) {
    lua_createtable(L, 0, 1);
    lua_pushstring(L, weak);
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

void orr_open_hooks(lua_State *L) {
  make_table(L, &held_key, NULL);
  make_table(L, &hooks_key, "k");
  // Made before any tensor, so finalized after all when the state closes.
  lua_newuserdatauv(L, 0, 0);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, end_waiting);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &waiting);
  luaL_newmetatable(L, HOOK_TYPE);
  static const luaL_Reg handle[] = {{"remove", hook_remove}, {NULL, NULL}};
  luaL_newlib(L, handle);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, hook_free);
  lua_setfield(L, -2, "__gc");
  luaL_newmetatable(L, SEGMENT_TYPE);
  lua_pushcfunction(L, segment_close);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, segment_close);
  lua_setfield(L, -2, "__close");
  lua_pop(L, 2);
  static const luaL_Reg functions[] = {{"segment", segment},
                                       {"set_again", set_again},
                                       {"is_rerunning", is_rerunning},
                                       {"arriving_grad", arriving_grad},
                                       {"pass_number", pass_number},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  static const luaL_Reg methods[] = {{"register_hook", register_hook},
                                     {"retain_grad", retain_grad},
                                     {NULL, NULL}};
  lua_getfield(L, -1, "Tensor");
  lua_getfield(L, -1, "methods");
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 2);
}
