// system.c -- memory counters, threads, interrupts, clocks, the machine.
#include <cblas.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#include "binding.h"

// live() -> tensors, bytes, peak bytes, blocks.
static int live(lua_State *L) {
  orr_memory m = orr_memory_stats();
  lua_pushinteger(L, m.live_tensors);
  lua_pushinteger(L, (lua_Integer)m.live_bytes);
  lua_pushinteger(L, (lua_Integer)m.peak_bytes);
  lua_pushinteger(L, m.live_blocks);
  return 4;
}

// memory() -> all counters by name.
static int memory(lua_State *L) {
  orr_memory m = orr_memory_stats();
  lua_createtable(L, 0, 7);
  lua_pushinteger(L, (lua_Integer)m.live_bytes);
  lua_setfield(L, -2, "live_bytes");
  lua_pushinteger(L, (lua_Integer)m.peak_bytes);
  lua_setfield(L, -2, "peak_bytes");
  lua_pushinteger(L, (lua_Integer)m.cached_bytes);
  lua_setfield(L, -2, "cached_bytes");
  lua_pushinteger(L, m.live_blocks);
  lua_setfield(L, -2, "live_blocks");
  lua_pushinteger(L, m.live_tensors);
  lua_setfield(L, -2, "live_tensors");
  lua_pushinteger(L, m.calls);
  lua_setfield(L, -2, "calls");
  lua_pushinteger(L, m.fresh);
  lua_setfield(L, -2, "fresh");
  return 1;
}

static int reset_peak(lua_State *L) {
  (void)L;
  orr_memory_reset_peak();
  return 0;
}

static int trim(lua_State *L) {
  (void)L;
  orr_memory_trim();
  return 0;
}

// memory_limit(bytes?) -> the limit that held until now.
static int memory_limit(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)orr_memory_limit());
  if (lua_isnoneornil(L, 1)) return 1;
  lua_Integer bytes = orr_check_int(L, 1, "bytes");
  if (bytes < 1)
    return orr_raisef(L,
                      "memory_limit: bytes is " LUA_INTEGER_FMT
                      "; pass 1 or more",
                      bytes);
  orr_memory_set_limit((size_t)bytes);
  return 1;
}

// fail_after(n): the n-th allocation from now fails once; 0 switches it off.
static int fail_after(lua_State *L) {
  lua_Integer n = orr_check_int(L, 1, "n");
  if (n < 0) return orr_raisef(L, "fail_after: n is negative; pass 0 or more");
  orr_memory_fail_after(n);
  return 0;
}

static int set_threads(lua_State *L) {
  lua_Integer n = orr_check_int(L, 1, "n");
  if (n < 1 || n > 1024)
    return orr_raisef(L,
                      "set_threads: n is " LUA_INTEGER_FMT
                      "; pass 1 or more (at most 64 are used)",
                      n);
  orr_clear_error();
  return orr_set_threads((int)n) ? 0 : orr_raise(L);
}

static int threads(lua_State *L) {
  if (!lua_isnoneornil(L, 1))
    return orr_raisef(L,
                      "threads: it tells how many there are and takes "
                      "nothing; set them by set_threads");
  lua_pushinteger(L, orr_threads());
  return 1;
}

// backend{ winograd = true }: changes what is named; returns all settings as
// they were.
static int backend(lua_State *L) {
  const bool given = !lua_isnoneornil(L, 1);
  const bool before = orr_winograd();
  bool after = before;
  if (given && !lua_istable(L, 1))
    return orr_raisef(L, "backend: got a %s; pass a table of settings",
                      luaL_typename(L, 1));
  for (lua_pushnil(L); given && lua_next(L, 1); lua_pop(L, 1)) {
    const char *name =
        lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    if (strcmp(name, "winograd") != 0)
      return orr_raisef(L, "backend: no setting '%s'; there is winograd", name);
    if (!lua_isboolean(L, -1))
      return orr_raisef(L, "backend: winograd is a %s; pass true or false",
                        luaL_typename(L, -1));
    after = lua_toboolean(L, -1);
  }
  orr_set_winograd(after);
  lua_createtable(L, 0, 1);
  lua_pushboolean(L, before);
  lua_setfield(L, -2, "winograd");
  return 1;
}

static int interrupt(lua_State *L) {
  (void)L;
  orr_interrupt();
  return 0;
}

static int interrupted(lua_State *L) {
  lua_pushboolean(L, orr_interrupted());
  return 1;
}

static int clear_interrupt(lua_State *L) {
  (void)L;
  orr_clear_interrupt();
  return 0;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// clock(): seconds that never go back, from an arbitrary start.
static int monotonic(lua_State *L) {
  lua_pushnumber(L, now());
  return 1;
}

// Waits until a signal or the end, with SIGINT let in only while it waits: one
// that came between a look at the flag and a sleep would be slept through.
static void wait_until(double end) {
  sigset_t held, before;
  sigemptyset(&held);
  sigaddset(&held, SIGINT);
  pthread_sigmask(SIG_BLOCK, &held, &before);
  double left = end - now();
  if (left > 0 && !orr_interrupted()) {
    struct timespec t = {(time_t)left, 0};
    t.tv_nsec = (long)((left - (double)t.tv_sec) * 1e9);
    pselect(0, NULL, NULL, NULL, &t, &before);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

// sleep(seconds): cut short by an interrupt.
static int sleep_for(lua_State *L) {
  double seconds = orr_check_number(L, 1, "seconds");
  if (!(seconds >= 0 && seconds < 1e9))
    return orr_raisef(L, "sleep: seconds is %g; pass 0 or more", seconds);
  double end = now() + seconds;
  while (now() < end) {
    if (orr_interrupted()) return orr_raisef(L, "interrupted");
    wait_until(end);
  }
  return 0;
}

static int process_id(lua_State *L) {
  lua_pushinteger(L, getpid());
  return 1;
}

// isatty(file?): whether stdout ("stdin", "stderr") is a terminal.
static int is_terminal(lua_State *L) {
  static const char *const names[] = {"stdin", "stdout", "stderr"};
  const char *name =
      lua_isnoneornil(L, 1) ? "stdout" : orr_check_text(L, 1, "file");
  for (int fd = 0; fd < 3; fd++) {
    if (strcmp(name, names[fd]) != 0) continue;
    lua_pushboolean(L, isatty(fd));
    return 1;
  }
  return orr_raisef(L, "isatty: file is \"%.40s\"; use stdin, stdout or stderr",
                    name);
}

// terminal_size() -> columns, rows, width and height in pixels (0 where the
// terminal does not say); nothing when stdout is no terminal.
static int terminal_size(lua_State *L) {
  struct winsize w = {0};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0) return 0;
  lua_pushinteger(L, w.ws_col);
  lua_pushinteger(L, w.ws_row);
  lua_pushinteger(L, w.ws_xpixel);
  lua_pushinteger(L, w.ws_ypixel);
  return 4;
}

static const char *instruction_set(void) {
#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f")) return "AVX-512";
  if (__builtin_cpu_supports("avx2")) return "AVX2";
  if (__builtin_cpu_supports("avx")) return "AVX";
  return "SSE2";
#elif defined(__aarch64__)
  return "NEON";
#else
  return "baseline";
#endif
}

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

// machine() -> { cores, threads, instructions, blas, blas_core, sanitized }.
static int machine(lua_State *L) {
  lua_createtable(L, 0, 5);
  lua_pushinteger(L, sysconf(_SC_NPROCESSORS_ONLN));
  lua_setfield(L, -2, "cores");
  lua_pushinteger(L, orr_threads());
  lua_setfield(L, -2, "threads");
  lua_pushstring(L, instruction_set());
  lua_setfield(L, -2, "instructions");
  lua_pushstring(L, openblas_get_config());
  lua_setfield(L, -2, "blas");
  lua_pushstring(L, openblas_get_corename());
  lua_setfield(L, -2, "blas_core");
  lua_pushboolean(L, SANITIZED);
  lua_setfield(L, -2, "sanitized");
  return 1;
}

void orr_open_system(lua_State *L) {
  static const luaL_Reg functions[] = {{"live", live},
                                       {"memory", memory},
                                       {"reset_peak", reset_peak},
                                       {"trim", trim},
                                       {"memory_limit", memory_limit},
                                       {"fail_after", fail_after},
                                       {"set_threads", set_threads},
                                       {"threads", threads},
                                       {"backend", backend},
                                       {"interrupt", interrupt},
                                       {"interrupted", interrupted},
                                       {"clear_interrupt", clear_interrupt},
                                       {"clock", monotonic},
                                       {"sleep", sleep_for},
                                       {"getpid", process_id},
                                       {"isatty", is_terminal},
                                       {"terminal_size", terminal_size},
                                       {"machine", machine},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
