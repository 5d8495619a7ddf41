// random.c -- Generator: a stream of random numbers as a Lua object.
#include "binding.h"

static orr_stream **new_slot(lua_State *L) {
  orr_stream **slot = lua_newuserdatauv(L, sizeof *slot, 0);
  *slot = NULL;
  luaL_setmetatable(L, ORR_STREAM_TYPE);
  return slot;
}

int orr_push_stream(lua_State *L, orr_stream *s) {
  orr_stream **slot = new_slot(L);
  *slot = s;
  return s != NULL ? 1 : orr_raise(L);
}

orr_stream *orr_test_stream(lua_State *L, int index) {
  orr_stream **slot = luaL_testudata(L, index, ORR_STREAM_TYPE);
  return slot == NULL ? NULL : *slot;
}

orr_stream *orr_check_stream(lua_State *L, int index) {
  orr_stream *s = orr_test_stream(L, index);
  if (s != NULL) return s;
  char who[64], seen[128];
  orr_raisef(L, "%s: argument %d is %s; pass an orrery.Generator",
             orr_who(L, who, sizeof who), index,
             orr_describe(L, index, seen, sizeof seen));
  return NULL;
}

// Generator(seed?): its own stream; seed 0 when absent.
static int generator(lua_State *L) {
  uint64_t seed = (uint64_t)orr_opt_int(L, 1, "seed", 0);
  orr_refuse_recorded(L, "making a generator starts it afresh");
  orr_stream **slot = new_slot(L);
  *slot = orr_stream_new(seed);
  return *slot != NULL ? 1 : orr_raise(L);
}

static int default_generator(lua_State *L) {
  orr_stream **slot = new_slot(L);
  *slot = orr_stream_retain(orr_stream_default());
  return 1;
}

static int stream_free(lua_State *L) {
  orr_stream **slot = luaL_testudata(L, 1, ORR_STREAM_TYPE);
  if (slot != NULL && *slot != NULL) {
    orr_stream_release(*slot);
    *slot = NULL;
  }
  return 0;
}

// g:seed(n) starts the stream afresh; returns g.
static int stream_seed(lua_State *L) {
  orr_stream *s = orr_check_stream(L, 1);
  orr_refuse_recorded(L, "seeding a generator restarts it");
  orr_stream_seed(s, (uint64_t)orr_check_int(L, 2, "seed"));
  lua_settop(L, 1);
  return 1;
}

// g:state() -> { seed, counter }: 64 bits each, as Lua integers.
static int stream_state(lua_State *L) {
  uint64_t seed, counter;
  orr_refuse_recorded(L, "state() reads where a generator is");
  orr_stream_get(orr_check_stream(L, 1), &seed, &counter);
  lua_createtable(L, 0, 2);
  lua_pushinteger(L, (lua_Integer)seed);
  lua_setfield(L, -2, "seed");
  lua_pushinteger(L, (lua_Integer)counter);
  lua_setfield(L, -2, "counter");
  return 1;
}

static uint64_t state_field(lua_State *L, const char *name) {
  lua_getfield(L, 2, name);
  uint64_t v = (uint64_t)orr_check_int(L, -1, name);
  lua_pop(L, 1);
  return v;
}

static int stream_set_state(lua_State *L) {
  orr_stream *s = orr_check_stream(L, 1);
  if (!lua_istable(L, 2))
    return orr_raisef(L, "set_state: pass the table that state() returned");
  orr_refuse_recorded(L, "set_state moves a generator");
  uint64_t seed = state_field(L, "seed");
  orr_stream_set(s, seed, state_field(L, "counter"));
  lua_settop(L, 1);
  return 1;
}

static int stream_text(lua_State *L) {
  uint64_t seed, counter;
  orr_stream_get(orr_check_stream(L, 1), &seed, &counter);
  lua_pushfstring(L, "Generator(seed = %I, counter = %I)", (LUAI_UACINT)seed,
                  (LUAI_UACINT)counter);
  return 1;
}

static int manual_seed(lua_State *L) {
  lua_Integer seed = orr_check_int(L, 1, "seed");
  orr_refuse_recorded(L, "manual_seed restarts the random numbers");
  orr_stream_seed(orr_stream_default(), (uint64_t)seed);
  return 0;
}

void orr_open_random(lua_State *L) {
  luaL_newmetatable(L, ORR_STREAM_TYPE);
  static const luaL_Reg methods[] = {{"seed", stream_seed},
                                     {"state", stream_state},
                                     {"set_state", stream_set_state},
                                     {NULL, NULL}};
  luaL_newlib(L, methods);
  orr_note_names(L, 0);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, stream_free);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, stream_text);
  lua_setfield(L, -2, "__tostring");
  lua_pop(L, 1);
  static const luaL_Reg functions[] = {{"Generator", generator},
                                       {"default_generator", default_generator},
                                       {"manual_seed", manual_seed},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
