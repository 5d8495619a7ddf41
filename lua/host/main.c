// main.c -- the program `orrery`: one Lua state with the engine inside. What
// the arguments mean is decided in Lua, in orrery/repl/cli.lua.
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#include "host.h"
#include "line.h"

typedef struct words {
  int count;
  char **word;
} words;

static void preload(lua_State *L, const char *name, lua_CFunction open) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, open);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

static int traceback(lua_State *L) {
  const char *message = luaL_tolstring(L, 1, NULL);
  luaL_traceback(L, L, message, 1);
  return 1;
}

// Lua's view of main: returns the exit status.
static int start(lua_State *L) {
  const words *w = lua_touserdata(L, 1);
  const char *program = host_program(w->count > 0 ? w->word[0] : NULL);
  luaL_openlibs(L);
  lua_gc(L, LUA_GCGEN, 0, 0);  // as stock lua does
  preload(L, "orrery.core", luaopen_orrery_core);
  preload(L, "orrery.host", luaopen_orrery_host);
  if (!host_set_paths(L, program)) {
    fprintf(stderr, "orrery: %s\n", lua_tostring(L, -1));
    lua_pushinteger(L, EXIT_FAILURE);
    return 1;
  }
  host_watch_interrupt(L);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "orrery.repl.cli");
  lua_call(L, 1, 1);
  lua_createtable(L, w->count, 1);
  for (int i = 0; i < w->count; i++) {
    lua_pushstring(L, w->word[i]);
    lua_rawseti(L, -2, i);
  }
  lua_call(L, 1, 1);
  return 1;
}

int main(int argc, char **argv) {
  words w = {argc, argv};
  lua_State *L = luaL_newstate();
  if (!L) {
    fputs("orrery: no memory for a Lua state; free some\n", stderr);
    return EXIT_FAILURE;
  }
  int status = EXIT_FAILURE;
  lua_pushcfunction(L, traceback);
  lua_pushcfunction(L, start);
  lua_pushlightuserdata(L, &w);
  if (lua_pcall(L, 1, 1, 1) == LUA_OK)
    status = (int)lua_tointeger(L, -1);
  else
    fprintf(stderr, "orrery: %s\n", lua_tostring(L, -1));
  line_close();
  lua_close(L);
  return status;
}
