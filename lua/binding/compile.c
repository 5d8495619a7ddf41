// compile.c -- recorded steps as Lua sees them. What they are keyed by, and the
// tables around their tensors, is compile.lua's; here are lists of tensors.
#include <string.h>

#include "binding.h"

static orr_program **new_slot(lua_State *L) {
  orr_program **slot = lua_newuserdatauv(L, sizeof *slot, 0);
  *slot = NULL;
  luaL_setmetatable(L, ORR_PROGRAM_TYPE);
  return slot;
}

orr_program *orr_check_program(lua_State *L, int index) {
  orr_program **slot = luaL_checkudata(L, index, ORR_PROGRAM_TYPE);
  if (*slot == NULL) orr_raisef(L, "compile: the program was freed");
  return *slot;
}

void orr_refuse_recorded(lua_State *L, const char *what) {
  if (!orr_program_recording()) return;
  orr_clear_error();
  orr_site_state(L);
  orr_program_refuse(what, NULL);
  orr_raise(L);
}

// The tensors of the list at index, borrowed, in a userdata left on top.
static orr_tensor **read_list(lua_State *L, int index, int *n) {
  luaL_checktype(L, index, LUA_TTABLE);
  *n = (int)lua_rawlen(L, index);
  orr_tensor **list = lua_newuserdatauv(L, ((size_t)*n + 1) * sizeof *list, 0);
  for (int i = 0; i < *n; i++) {
    lua_rawgeti(L, index, i + 1);
    list[i] = orr_check_tensor(L, -1);
    lua_pop(L, 1);
  }
  return list;
}

// begin(arguments)
static int begin(lua_State *L) {
  int n;
  orr_tensor **list = read_list(L, 1, &n);
  orr_clear_error();
  return orr_program_begin(n, list) ? 0 : orr_raise(L);
}

// finish(results) -> program
static int finish(lua_State *L) {
  int n;
  orr_tensor **list = read_list(L, 1, &n);
  orr_program **slot = new_slot(L);
  orr_clear_error();
  *slot = orr_program_end(n, list);
  return *slot != NULL ? 1 : orr_raise(L);
}

static int cancel(lua_State *L) {
  (void)L;
  orr_program_cancel();
  return 0;
}

static int recording(lua_State *L) {
  lua_pushboolean(L, orr_program_recording());
  return 1;
}

// Whether each op's result is looked at, which a replay does not do.
static int looked_at(lua_State *L) {
  lua_pushboolean(L, orr_anomaly_detected_on());
  return 1;
}

// interrupt_after(n): for tests, after n more rows of runs; 0 switches it off.
static int interrupt_after(lua_State *L) {
  orr_program_interrupt_after(orr_check_int(L, 1, "n"));
  return 0;
}

// refuse(what): raises when a step is being recorded.
static int refuse(lua_State *L) {
  orr_refuse_recorded(L, orr_check_text(L, 1, "what"));
  return 0;
}

static int holds(lua_State *L) {
  lua_pushboolean(L, orr_program_holds(orr_check_program(L, 1)));
  return 1;
}

// number(v): v as what it is inside the step, where v is given at each run.
static int number(lua_State *L) {
  return orr_push_number(L, luaL_checknumber(L, 1));
}

// value(number) -> its value as a tensor; none of what is no such number.
static int value(lua_State *L) {
  orr_tensor *t = orr_test_number(L, 1);
  return t != NULL ? orr_push_result(L, orr_retain(t)) : 0;
}

// The numbers of the list at index, in a userdata left on top.
static double *read_numbers(lua_State *L, int index, int *n) {
  luaL_checktype(L, index, LUA_TTABLE);
  *n = (int)lua_rawlen(L, index);
  double *list = lua_newuserdatauv(L, ((size_t)*n + 1) * sizeof *list, 0);
  for (int i = 0; i < *n; i++) {
    lua_rawgeti(L, index, i + 1);
    list[i] = luaL_checknumber(L, -1);
    lua_pop(L, 1);
  }
  return list;
}

// check(t) -> its one element; from now on each run ends where it is not finite
static int check(lua_State *L) {
  double v;
  orr_clear_error();
  if (!orr_program_check(orr_check_tensor(L, 1), &v)) return orr_raise(L);
  lua_pushnumber(L, v);
  return 1;
}

// Nothing, the number of the check that ended the run, and what it saw.
static int push_stop(lua_State *L, const orr_program *p) {
  double v;
  const int check = orr_program_stopped(p, &v);
  orr_clear_error();
  lua_pushnil(L);
  lua_pushinteger(L, check + 1);
  lua_pushnumber(L, v);
  return 3;
}

// program:run(arguments, numbers) -> results, as a list
static int run(lua_State *L) {
  orr_program *p = orr_check_program(L, 1);
  int n, m, results = orr_program_results(p);
  lua_settop(L, 3);
  orr_tensor **list = read_list(L, 2, &n);
  double *numbers = read_numbers(L, 3, &m);
  lua_createtable(L, results, 0);
  const int out = lua_gettop(L);
  orr_tensor ***slot =
      lua_newuserdatauv(L, ((size_t)results + 1) * sizeof *slot, 0);
  orr_tensor **y = lua_newuserdatauv(L, ((size_t)results + 1) * sizeof *y, 0);
  luaL_checkstack(L, 4, NULL);
  for (int i = 0; i < results; i++) {
    slot[i] = orr_push_slot(L);
    lua_rawseti(L, out, i + 1);
  }
  orr_clear_error();
  orr_site_state(L);
  if (!orr_program_run(p, list, m, numbers, y)) {
    double v;
    return orr_program_stopped(p, &v) < 0 ? orr_raise(L) : push_stop(L, p);
  }
  for (int i = 0; i < results; i++) *slot[i] = y[i];
  lua_settop(L, out);
  orr_collect(L);
  return 1;
}

static void set_count(lua_State *L, const char *name, size_t value) {
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, name);
}

// program:facts() -> a table of what orr_program_facts has; seconds is the time
// of all timed runs.
static int facts(lua_State *L) {
  const orr_program_facts f = orr_program_describe(orr_check_program(L, 1));
  lua_newtable(L);
  set_count(L, "rows", f.rows);
  set_count(L, "dead_rows", f.dead_rows);
  set_count(L, "merged_rows", f.merged_rows);
  set_count(L, "clusters", f.clusters);
  set_count(L, "overlaid", f.overlaid);
  set_count(L, "arena_bytes", f.arena_bytes);
  set_count(L, "peak_bytes", f.peak_bytes);
  set_count(L, "updates", f.updates);
  set_count(L, "timed_runs", f.timed_runs);
  lua_pushnumber(L, 1e-9 * (double)f.timed_ns);
  lua_setfield(L, -2, "seconds");
  return 1;
}

// program:row(i) -> name, shape, file, line, how many ops it does and the
// seconds it took in all timed runs, of the i-th row that is done; none past
// the last.
static int row(lua_State *L) {
  orr_program_row r;
  char shape[128] = "";
  const orr_program *p = orr_check_program(L, 1);
  const lua_Integer i = orr_check_int(L, 2, "i");
  if (i < 1 || !orr_program_row_at(p, (size_t)i - 1, &r)) return 0;
  lua_pushstring(L, r.name);
  lua_pushstring(L, r.y ? orr_shape_text(r.y, shape, sizeof shape) : "");
  lua_pushstring(L, r.site.file ? r.site.file : "?");
  lua_pushinteger(L, r.site.line);
  lua_pushinteger(L, r.members);
  lua_pushnumber(L, 1e-9 * (double)r.ns);
  return 6;
}

// program:time(on): whether each row's time is taken; from nothing.
static int take_time(lua_State *L) {
  orr_program_time(orr_check_program(L, 1), lua_toboolean(L, 2));
  return 0;
}

// How many optimiser steps the last run made before it ended or failed.
static int updates_done(lua_State *L) {
  lua_pushinteger(L,
                  (lua_Integer)orr_program_describe(orr_check_program(L, 1))
                      .updates_done);
  return 1;
}

static int program_free(lua_State *L) {
  orr_program **slot = luaL_checkudata(L, 1, ORR_PROGRAM_TYPE);
  orr_program_free(*slot);
  *slot = NULL;
  return 0;
}

void orr_open_compile(lua_State *L) {
  static const luaL_Reg methods[] = {{"run", run},
                                     {"holds", holds},
                                     {"facts", facts},
                                     {"row", row},
                                     {"time", take_time},
                                     {"updates_done", updates_done},
                                     {"free", program_free},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"begin", begin},
                                       {"finish", finish},
                                       {"cancel", cancel},
                                       {"recording", recording},
                                       {"number", number},
                                       {"value", value},
                                       {"check", check},
                                       {"interrupt_after", interrupt_after},
                                       {"looked_at", looked_at},
                                       {"refuse", refuse},
                                       {NULL, NULL}};
  luaL_newmetatable(L, ORR_PROGRAM_TYPE);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, program_free);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  lua_setfield(L, -2, "program");
}
