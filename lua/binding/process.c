// process.c -- the table `_process`: other programs started, watched and
// stopped. They are spawned: a fork of a process with threads, that runs on
// without exec, would hang in the first lock another thread held.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "binding.h"

extern char **environ;

// What posix_spawn wants to be told, in a userdata while Lua may raise.
typedef struct plan {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t how;
  bool made;
} plan;

#define PLAN "orrery.process.Plan"

static int free_plan(lua_State *L) {
  plan *p = luaL_checkudata(L, 1, PLAN);
  if (p->made) {
    posix_spawn_file_actions_destroy(&p->files);
    posix_spawnattr_destroy(&p->how);
  }
  p->made = false;
  return 0;
}

// A process group of its own: Ctrl-C at the terminal is for the parent, which
// passes it on once. Signals are as a fresh program has them.
static plan *make_plan(lua_State *L, const char *output) {
  plan *p = lua_newuserdatauv(L, sizeof *p, 0);
  p->made = false;
  luaL_setmetatable(L, PLAN);
  posix_spawn_file_actions_init(&p->files);
  posix_spawnattr_init(&p->how);
  p->made = true;
  const int write = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&p->files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&p->files, 1, output, write, 0666);
  posix_spawn_file_actions_adddup2(&p->files, 1, 2);
  sigset_t usual, blocked;
  sigemptyset(&blocked);
  sigemptyset(&usual);
  sigaddset(&usual, SIGINT);
  sigaddset(&usual, SIGQUIT);
  sigaddset(&usual, SIGPIPE);
  posix_spawnattr_setsigmask(&p->how, &blocked);
  posix_spawnattr_setsigdefault(&p->how, &usual);
  posix_spawnattr_setpgroup(&p->how, 0);
  posix_spawnattr_setflags(&p->how,
                           (short)(POSIX_SPAWN_SETPGROUP |
                                   POSIX_SPAWN_SETSIGDEF |
                                   POSIX_SPAWN_SETSIGMASK));
  return p;
}

// spawn(words, output) -> process id; nil and a sentence. The first word is
// looked for as the shell does; what it prints goes to the file `output`.
static int spawn(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  const char *output = luaL_checkstring(L, 2);
  const lua_Integer n = luaL_len(L, 1);
  luaL_argcheck(L, n >= 1 && n < 10000, 1, "words expected");
  luaL_checkstack(L, (int)n + 10, "too many words");
  char **words = lua_newuserdatauv(L, (size_t)(n + 1) * sizeof *words, 0);
  plan *p = make_plan(L, output);
  for (lua_Integer i = 0; i < n; i++) {
    lua_rawgeti(L, 1, i + 1);
    words[i] = (char *)(uintptr_t)luaL_checkstring(L, -1);
  }
  words[n] = NULL;
  pid_t pid;
  int code = posix_spawnp(&pid, words[0], &p->files, &p->how, words, environ);
  if (code != 0) {
    lua_pushnil(L);
    lua_pushfstring(L, "spawn: %s: %s", words[0], strerror(code));
    return 2;
  }
  lua_pushinteger(L, pid);
  return 1;
}

// ended(pid) -> nil while it runs, else "exit" or "signal", and the number;
// "gone" when it is no child of ours any more.
static int ended(lua_State *L) {
  int status = 0;
  pid_t got = waitpid((pid_t)luaL_checkinteger(L, 1), &status, WNOHANG);
  if (got == 0 || (got < 0 && errno == EINTR)) return 0;
  if (got < 0) {
    lua_pushliteral(L, "gone");
    return 1;
  }
  const bool killed = WIFSIGNALED(status);
  lua_pushstring(L, killed ? "signal" : "exit");
  lua_pushinteger(L, killed ? WTERMSIG(status) : WEXITSTATUS(status));
  return 2;
}

// stop(pid, how): "int" asks, "kill" does not.
static int stop(lua_State *L) {
  static const char *const names[] = {"int", "kill", NULL};
  static const int signals[] = {SIGINT, SIGKILL};
  const lua_Integer pid = luaL_checkinteger(L, 1);
  luaL_argcheck(L, pid > 1, 1, "a process id expected");
  lua_pushboolean(L,
                  kill((pid_t)pid,
                       signals[luaL_checkoption(L, 2, NULL, names)]) == 0);
  return 1;
}

// alive(pid): is there a process of that number, whoever's?
static int alive(lua_State *L) {
  const lua_Integer pid = luaL_checkinteger(L, 1);
  lua_pushboolean(L, pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM));
  return 1;
}

void orr_open_process(lua_State *L) {
  luaL_newmetatable(L, PLAN);
  lua_pushcfunction(L, free_plan);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  static const luaL_Reg functions[] = {{"spawn", spawn},
                                       {"ended", ended},
                                       {"stop", stop},
                                       {"alive", alive},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_setfield(L, -2, "_process");
}
