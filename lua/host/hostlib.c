// hostlib.c -- the module "orrery.host": what the Lua side of the program
// asks of the line editor and of Ctrl-C.
#include <lauxlib.h>
#include <orrery.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "line.h"

// readline(prompt) -> text, or nil and "end" or "interrupted".
static int host_readline(lua_State *L) {
  char *text = NULL;
  const char *prompt = luaL_checkstring(L, 1);
  line_status status = line_read(prompt, &text);
  if (status == LINE_INTERRUPTED) host_clear_interrupt(L);
  if (status != LINE_READ) {
    lua_pushnil(L);
    lua_pushstring(L, status == LINE_END ? "end" : "interrupted");
    return 2;
  }
  lua_pushstring(L, text);
  free(text);
  return 1;
}

static int host_remember(lua_State *L) {
  line_remember(luaL_checkstring(L, 1));
  return 0;
}

static char *copy_or_null(lua_State *L, int index) {
  const char *text = lua_tostring(L, index);
  return text && *text ? strdup(text) : NULL;
}

// The registered function gets (text, bytes before the cursor) and returns
// what to insert and what to show. Its errors are nobody's business while a
// line is being typed.
static void call_complete(void *context, const char *text, size_t cursor,
                          char **insert, char **show) {
  lua_State *L = context;
  int top = lua_gettop(L);
  lua_getfield(L, LUA_REGISTRYINDEX, "orrery.host.complete");
  lua_pushstring(L, text);
  lua_pushinteger(L, (lua_Integer)cursor);
  if (lua_pcall(L, 2, 2, 0) == LUA_OK) {
    *insert = copy_or_null(L, -2);
    *show = copy_or_null(L, -1);
  }
  lua_settop(L, top);
}

static int host_on_complete(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, "orrery.host.complete");
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  line_on_complete(call_complete, lua_tothread(L, -1));
  return 0;
}

static int host_interrupted(lua_State *L) {
  lua_pushboolean(L, orr_interrupted());
  return 1;
}

static int host_clear(lua_State *L) {
  host_clear_interrupt(L);
  return 0;
}

static int host_kills(lua_State *L) {
  lua_pushboolean(L, host_interrupt_kills(lua_toboolean(L, 1)));
  return 1;
}

static int host_hold(lua_State *L) {
  host_hold_interrupt(lua_toboolean(L, 1));
  return 0;
}

static int host_was_asked(lua_State *L) {
  lua_pushboolean(L, host_asked());
  return 1;
}

// forever(step) calls step() until it returns something. This loop is in C
// because an interrupt can raise between any two instructions of Lua code,
// and the prompt must come back even then.
static int host_forever(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  for (int failures = 0; failures < 100;) {
    lua_settop(L, 1);
    host_clear_interrupt(L);
    lua_pushvalue(L, 1);
    if (lua_pcall(L, 0, 1, 0) != LUA_OK) {
      if (orr_interrupted()) continue;
      fprintf(stderr, "orrery: %s\n", luaL_tolstring(L, -1, NULL));
      failures++;
      continue;
    }
    failures = 0;
    if (!lua_isnil(L, -1)) break;
  }
  return 0;
}

static int host_edits(lua_State *L) {
  lua_pushboolean(L, line_edits());
  return 1;
}

int luaopen_orrery_host(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"readline", host_readline},       {"remember", host_remember},
      {"on_complete", host_on_complete}, {"edits", host_edits},
      {"forever", host_forever},         {"calm", host_calm},
      {"interrupted", host_interrupted}, {"clear_interrupt", host_clear},
      {"interrupt_kills", host_kills},   {"hold_interrupt", host_hold},
      {"asked", host_was_asked},         {NULL, NULL},
  };
  luaL_newlib(L, functions);
  lua_pushstring(L, host_program(NULL));
  lua_setfield(L, -2, "program");
#ifdef ORR_HAVE_LIBEDIT
  lua_pushboolean(L, 1);
  lua_setfield(L, -2, "libedit");
#endif
  return 1;
}
