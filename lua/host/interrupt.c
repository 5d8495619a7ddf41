// interrupt.c -- Ctrl-C: from the signal to a Lua error in whatever runs.
//
// The handler raises the core's flag, which kernels poll, and sets a count
// hook on the running coroutine, which raises "interrupted" between two
// instructions of Lua code. Both stay until the prompt is back, so code that
// catches errors cannot keep the session: after each catch it gets a grace of
// so many instructions to tidy up, and the grace shrinks.
#include <errno.h>
#include <lauxlib.h>
#include <orrery.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "host.h"

static lua_State *main_state;
static lua_State *volatile running;  // the coroutine now executing
static volatile sig_atomic_t strikes;
static volatile sig_atomic_t kills;
static volatile sig_atomic_t held;   // the next Ctrl-C only asks to stop
static volatile sig_atomic_t asked;  // and has done so
static pthread_t main_thread;

static void raise_interrupted(lua_State *L, lua_Debug *ar);

// Instructions until the hook fires: at once the first time.
static int pace(void) {
  static const int grace[] = {1, 20000, 2000, 200, 20, 1};
  int last = (int)(sizeof grace / sizeof *grace) - 1;
  return grace[strikes < last ? strikes : last];
}

// Only the count mask: with call hooks a C function that closes a scope
// while an error unwinds would be stopped before it could.
static void arm(lua_State *L, int count) {
  lua_sethook(L, raise_interrupted, LUA_MASKCOUNT, count);
}

static void raise_interrupted(lua_State *L, lua_Debug *ar) {
  (void)ar;
  if (!orr_interrupted()) {
    lua_sethook(L, NULL, 0, 0);
    return;
  }
  if (strikes < 1000) strikes = strikes + 1;
  arm(L, pace());
  luaL_where(L, 0);  // a hook is no level of its own: 0 is what it stopped
  lua_pushliteral(L, "interrupted");
  lua_concat(L, 2);
  lua_error(L);
}

// A signal may land on a worker thread; Lua's state belongs to the main one.
static void on_sigint(int signal_number) {
  int saved = errno;
  if (!pthread_equal(pthread_self(), main_thread)) {
    pthread_kill(main_thread, signal_number);
  } else {
    if (held && !asked) {
      asked = 1;
    } else {
      if (kills) signal(SIGINT, SIG_DFL);
      orr_interrupt();
      if (running) arm(running, 1);
    }
  }
  errno = saved;
}

static void install(void) {
  struct sigaction action = {.sa_handler = on_sigint};  // no SA_RESTART:
  sigemptyset(&action.sa_mask);                         // reads must wake
  sigaction(SIGINT, &action, NULL);
}

// A count that is already running goes on: setting it afresh at each resume
// would put the next stop off for ever.
static void arm_if_asked(lua_State *L) {
  if (orr_interrupted() && lua_gethook(L) != raise_interrupted) arm(L, pace());
}

// Calls the function at index 1, which runs `co`, as the running coroutine.
static int call_tracked(lua_State *L, lua_State *co) {
  lua_State *previous = running;
  if (co) {
    running = co;
    arm_if_asked(co);
  }
  int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  running = previous;
  if (co) arm_if_asked(L);
  if (status != LUA_OK) return lua_error(L);
  return lua_gettop(L);
}

// coroutine.resume and coroutine.close: the original is upvalue 1.
static int tracked(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  luaL_argexpected(L, co, 1, "thread");
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  return call_tracked(L, co == L ? NULL : co);
}

// What coroutine.wrap returned is upvalue 1, its coroutine upvalue 2.
static int wrapped(lua_State *L) {
  lua_State *co = lua_tothread(L, lua_upvalueindex(2));
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  return call_tracked(L, co);
}

static int tracked_wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, 1);
  if (!lua_getupvalue(L, -1, 1)) lua_pushnil(L);
  lua_pushcclosure(L, wrapped, 2);
  return 1;
}

static void replace(lua_State *L, const char *name, lua_CFunction with) {
  lua_getfield(L, -1, name);
  lua_pushcclosure(L, with, 1);
  lua_setfield(L, -2, name);
}

// os.execute: the original, upvalue 1, leaves Ctrl-C to the command it waits
// for. A command that it ended, or at a terminal a shell around one, ends what
// called it.
static int executed(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  if (lua_gettop(L) == 3 && lua_isstring(L, 2)) {
    bool by_signal = *lua_tostring(L, 2) == 's';
    lua_Integer wanted = by_signal ? SIGINT : 128 + SIGINT;
    if (lua_tointeger(L, 3) == wanted && (by_signal || isatty(STDIN_FILENO))) {
      orr_interrupt();
      if (running) arm(running, 1);
    }
  }
  return lua_gettop(L);
}

void host_watch_interrupt(lua_State *L) {
  main_state = L;
  running = L;
  main_thread = pthread_self();
  lua_getglobal(L, "coroutine");
  replace(L, "resume", tracked);
  replace(L, "close", tracked);
  replace(L, "wrap", tracked_wrap);
  lua_pop(L, 1);
  lua_getglobal(L, "os");
  replace(L, "execute", executed);
  lua_pop(L, 1);
  install();
}

// A message handler in Lua, upvalue 1, called without hooks: else the error
// of an operation that was stopped would be followed, inside the handler, by
// one of the hook, and the person told about the wrong place.
static int calmly(lua_State *L) {
  lua_sethook(L, NULL, 0, 0);
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) lua_settop(L, 1);
  if (orr_interrupted() && strikes == 0)
    strikes = 1;  // this was the stop: grace from here on
  arm_if_asked(L);
  return 1;
}

int host_calm(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_pushcclosure(L, calmly, 1);
  return 1;
}

bool host_interrupt_kills(bool on) {
  bool before = kills;
  kills = on;
  return before;
}

void host_hold_interrupt(bool on) {
  if (held != on) asked = 0;
  held = on;
}

bool host_asked(void) { return asked; }

void host_clear_interrupt(lua_State *L) {
  running = L;
  lua_sethook(main_state, NULL, 0, 0);
  lua_sethook(L, NULL, 0, 0);
  strikes = 0;
  host_hold_interrupt(false);
  orr_clear_interrupt();
  install();
}
