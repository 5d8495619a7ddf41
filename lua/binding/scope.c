// scope.c -- tensors freed at a known line. While a scope is open every new
// tensor userdata joins its ring; closing the scope empties those still in it.
#include "binding.h"

#define SCOPE_TYPE "orrery.Scope"

typedef struct scope {
  orr_slot ring;        // the head of a circular list
  struct scope *outer;  // the scope that was open before
  bool open;
} scope;

static scope *innermost;

static void link_slot(scope *s, orr_slot *slot) {
  orr_slot *head = &s->ring;
  slot->scope = s;
  slot->before = head->before;
  slot->after = head;
  head->before->after = slot;
  head->before = slot;
}

void orr_scope_enter(orr_slot *slot) {
  if (innermost != NULL) link_slot(innermost, slot);
}

void orr_scope_leave(orr_slot *slot) {
  if (slot->before == NULL) return;
  slot->before->after = slot->after;
  slot->after->before = slot->before;
  slot->before = slot->after = NULL;
  slot->scope = NULL;
}

static bool is_open(const scope *s) {
  for (const scope *i = innermost; i != NULL; i = i->outer)
    if (i == s) return true;
  return false;
}

// Closes s and whatever was opened inside it and left open.
static void close_scope(scope *s) {
  if (!s->open || !is_open(s)) return;
  for (bool last = false; !last;) {
    scope *inner = innermost;
    last = inner == s;
    while (inner->ring.after != &inner->ring) {
      orr_slot *slot = inner->ring.after;
      orr_scope_leave(slot);
      if (slot->tensor != NULL && orr_hooks_wait(slot->tensor)) continue;
      orr_release(slot->tensor);
      slot->tensor = NULL;
    }
    inner->open = false;
    innermost = inner->outer;
  }
}

static int scope_close(lua_State *L) {
  close_scope(luaL_checkudata(L, 1, SCOPE_TYPE));
  orr_drop_references(L);
  return 0;
}

// scope(): opens one; `local s <close> = orrery.scope()`.
static int scope_open(lua_State *L) {
  scope *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (scope){.outer = innermost, .open = false};
  s->ring.before = s->ring.after = &s->ring;
  luaL_setmetatable(L, SCOPE_TYPE);
  s->open = true;
  innermost = s;
  return 1;
}

// Whether the slot's scope is s or was opened inside it.
static bool is_within(const orr_slot *slot, const scope *s) {
  if (slot->scope == NULL) return false;
  for (const scope *i = innermost; i != NULL; i = i->outer) {
    if (i == slot->scope) return true;
    if (i == s) return false;
  }
  return false;
}

// Hands the tensors in the value on top from `from` to the scope outside it
// (from NULL: from any scope to none), through plain tables; the table at
// index `seen` holds those already visited.
static void keep_value(lua_State *L, scope *from, int seen) {
  orr_slot *slot = (orr_slot *)(void *)orr_test_slot(L, -1);
  if (slot != NULL) {
    if (from != NULL && !is_within(slot, from)) return;
    orr_scope_leave(slot);
    if (from != NULL && from->outer != NULL) link_slot(from->outer, slot);
    return;
  }
  if (!lua_istable(L, -1)) return;
  luaL_checkstack(L, 8, "keep: tables nested too deep");
  lua_pushvalue(L, -1);
  bool visited = lua_rawget(L, seen) != LUA_TNIL;
  lua_pop(L, 1);
  if (visited) return;
  lua_pushvalue(L, -1);
  lua_pushboolean(L, 1);
  lua_rawset(L, seen);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
    keep_value(L, from, seen);
}

// Keeps all arguments from `first` on and returns them.
static int keep_all(lua_State *L, int first, scope *from) {
  int last = lua_gettop(L), seen = 0;
  luaL_checkstack(L, 8, NULL);
  for (int i = first; i <= last; i++) {
    if (lua_istable(L, i) && seen == 0) {
      lua_newtable(L);
      seen = lua_gettop(L);
    }
    lua_pushvalue(L, i);
    keep_value(L, from, seen);
    lua_pop(L, 1);
  }
  lua_settop(L, last);
  return last - first + 1;
}

// s:keep(...): hands these to the scope outside s, and returns them.
static int scope_keep(lua_State *L) {
  return keep_all(L, 2, luaL_checkudata(L, 1, SCOPE_TYPE));
}

// keep(...): no scope frees these (they outlive every one); returns them.
static int keep(lua_State *L) { return keep_all(L, 1, NULL); }

void orr_open_scope(lua_State *L) {
  luaL_newmetatable(L, SCOPE_TYPE);
  static const luaL_Reg methods[] = {{"keep", scope_keep},
                                     {"close", scope_close},
                                     {NULL, NULL}};
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, scope_close);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, scope_close);
  lua_setfield(L, -2, "__close");
  lua_pop(L, 1);
  static const luaL_Reg functions[] = {{"scope", scope_open},
                                       {"keep", keep},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
