// errors.c -- sentences raised at the user's line, and argument checks.
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "binding.h"

// Chunk names of Orrery's own Lua files start so; "" until it is known.
static char own_prefix[1024];
static size_t own_length;

// Fills ar with the nearest Lua frame, at or above level, that is not ours.
static bool user_frame(lua_State *L, int level, lua_Debug *ar) {
  for (; lua_getstack(L, level, ar); level++) {
    lua_getinfo(L, "Sl", ar);
    if (*ar->what == 'C') continue;
    if (own_length > 0 && strncmp(ar->source, own_prefix, own_length) == 0)
      continue;
    if (ar->currentline > 0) return true;
  }
  return false;
}

static int raise_top(lua_State *L) {
  lua_Debug ar;
  if (user_frame(L, 0, &ar)) {
    lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

int orr_raise(lua_State *L) {
  luaL_checkstack(L, 8, NULL);
  const char *text = orr_error();
  lua_pushstring(L, *text ? text : "orrery: an error without a sentence");
  // What fails for lack of memory may succeed once the garbage is gone.
  const bool short_of_memory = strncmp(text, "memory:", 7) == 0;
  orr_clear_error();
  if (short_of_memory && lua_gc(L, LUA_GCISRUNNING)) lua_gc(L, LUA_GCCOLLECT);
  return raise_top(L);
}

int orr_raisef(lua_State *L, const char *format, ...) {
  char text[2048];
  va_list ap;
  va_start(ap, format);
  vsnprintf(text, sizeof text, format, ap);
  va_end(ap);
  luaL_checkstack(L, 8, NULL);
  lua_pushstring(L, text);
  orr_clear_error();
  return raise_top(L);
}

// ---- where a differentiable op was called

static lua_State *site_state;
static const char *last_source;  // compared by text as well: may be reused
static const char *last_file;
static char last_text[LUA_IDSIZE];

void orr_site_state(lua_State *L) { site_state = L; }

static orr_site find_site(void *context) {
  (void)context;
  lua_Debug ar;
  // The frame at level 0 is the function of ours that runs the op.
  if (site_state == NULL || !user_frame(site_state, 1, &ar))
    return (orr_site){NULL, 0};
  if (ar.source != last_source || strcmp(ar.short_src, last_text) != 0) {
    last_source = ar.source;
    last_file = orr_intern(ar.short_src);
    snprintf(last_text, sizeof last_text, "%s", ar.short_src);
  }
  return (orr_site){last_file, ar.currentline};
}

// ---- what was seen

static const char names_key;  // registry: C function -> its name

// Notes the functions in the table on top, and those in tables inside it.
void orr_note_names(lua_State *L, int depth) {
  luaL_checkstack(L, 8, NULL);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) continue;
    if (lua_istable(L, -1) && depth > 0) orr_note_names(L, depth - 1);
    if (!lua_iscfunction(L, -1)) continue;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &names_key);
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -4);
    lua_rawset(L, -3);
    lua_pop(L, 1);
  }
}

const char *orr_who(lua_State *L, char *buffer, size_t size) {
  lua_Debug ar;
  const char *name = NULL;
  luaL_checkstack(L, 8, NULL);
  int top = lua_gettop(L);
  if (lua_getstack(L, 0, &ar)) {
    lua_getinfo(L, "nf", &ar);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &names_key);
    lua_insert(L, -2);
    if (lua_rawget(L, -2) == LUA_TSTRING) name = lua_tostring(L, -1);
    if (name == NULL) name = ar.name;
  }
  snprintf(buffer, size, "%s", name != NULL && *name != '?' ? name : "orrery");
  lua_settop(L, top);
  return buffer;
}

static void describe_tensor(const orr_tensor *t, char *buffer, size_t size) {
  char shape[128];
  if (t == NULL) {
    snprintf(buffer, size, "a tensor already freed (by tidy, scope or close)");
    return;
  }
  const orr_dtype d = orr_tensor_dtype(t);
  snprintf(buffer, size, "%s %s tensor %s", d == ORR_I64 ? "an" : "a",
           orr_dtype_name(d), orr_shape_text(t, shape, sizeof shape));
}

const char *orr_describe(lua_State *L, int index, char *buffer, size_t size) {
  orr_tensor **slot = orr_test_slot(L, index);
  int type = lua_type(L, index);
  if (slot != NULL) {
    describe_tensor(*slot, buffer, size);
  } else if (type == LUA_TNUMBER) {
    if (lua_isinteger(L, index))
      snprintf(buffer, size, "the number " LUA_INTEGER_FMT,
               lua_tointeger(L, index));
    else
      snprintf(buffer, size, "the number %.14g", lua_tonumber(L, index));
  } else if (type == LUA_TSTRING) {
    snprintf(buffer, size, "the string \"%.40s\"", lua_tostring(L, index));
  } else if (type == LUA_TBOOLEAN) {
    snprintf(buffer, size, "%s", lua_toboolean(L, index) ? "true" : "false");
  } else if (type == LUA_TNONE || type == LUA_TNIL) {
    snprintf(buffer, size, "missing");
  } else if (type == LUA_TUSERDATA && luaL_getmetafield(L, index, "__name")) {
    const char *name = lua_tostring(L, -1);
    snprintf(buffer, size, "a value of type %s", name != NULL ? name : "?");
    lua_pop(L, 1);
  } else {
    snprintf(buffer, size, "a %s", lua_typename(L, type));
  }
  return buffer;
}

static int bad_argument(lua_State *L, int index, const char *name,
                        const char *wanted) {
  char who[64], seen[128];
  orr_who(L, who, sizeof who);
  return orr_raisef(L, "%s: %s is %s; pass %s", who, name,
                    orr_describe(L, index, seen, sizeof seen), wanted);
}

lua_Integer orr_check_int(lua_State *L, int index, const char *name) {
  int whole = 0;
  lua_Integer v = 0;
  if (lua_type(L, index) == LUA_TNUMBER) v = lua_tointegerx(L, index, &whole);
  if (!whole) bad_argument(L, index, name, "a whole number");
  return v;
}

lua_Integer orr_opt_int(lua_State *L, int index, const char *name,
                        lua_Integer absent) {
  if (lua_isnoneornil(L, index)) return absent;
  return orr_check_int(L, index, name);
}

double orr_check_number(lua_State *L, int index, const char *name) {
  if (lua_type(L, index) != LUA_TNUMBER)
    bad_argument(L, index, name, "a number");
  return lua_tonumber(L, index);
}

const char *orr_check_text(lua_State *L, int index, const char *name) {
  if (lua_type(L, index) != LUA_TSTRING)
    bad_argument(L, index, name, "a string");
  return lua_tostring(L, index);
}

bool orr_check_bool(lua_State *L, int index, const char *name) {
  if (lua_type(L, index) != LUA_TBOOLEAN)
    bad_argument(L, index, name, "true or false");
  return lua_toboolean(L, index) != 0;
}

void orr_check_function(lua_State *L, int index, const char *name) {
  if (lua_type(L, index) == LUA_TFUNCTION) return;
  if (luaL_getmetafield(L, index, "__call") != LUA_TNIL) {
    lua_pop(L, 1);
    return;
  }
  bad_argument(L, index, name, "a function");
}

int orr_check_axis(lua_State *L, int index, int rank) {
  lua_Integer a = orr_check_int(L, index, "axis");
  if (a != 0 && a >= -rank && a <= rank) return (int)(a > 0 ? a - 1 : a + rank);
  char who[64];
  orr_who(L, who, sizeof who);
  if (rank == 0)
    orr_raisef(L,
               "%s: axis is " LUA_INTEGER_FMT
               " but the tensor has no axes; leave axis out",
               who, a);
  else
    orr_raisef(L,
               "%s: axis is " LUA_INTEGER_FMT " but the tensor has %d; "
               "use 1 to %d or -%d to -1",
               who, a, rank, rank, rank);
  return 0;
}

bool orr_flag(lua_State *L, int index, const char *name, bool absent) {
  if (!lua_istable(L, index)) return absent;
  bool value = absent;
  if (lua_getfield(L, index, name) != LUA_TNIL)
    value = orr_check_bool(L, -1, name);
  lua_pop(L, 1);
  return value;
}

// Whether "a|b|c" has name as one of its words.
static bool among(const char *name, const char *names) {
  size_t n = strlen(name);
  for (const char *p = names; *p != 0;) {
    size_t w = strcspn(p, "|");
    if (w == n && memcmp(p, name, n) == 0) return true;
    p += w + (p[w] == '|');
  }
  return false;
}

void orr_check_options(lua_State *L, int index, const char *names) {
  if (lua_isnoneornil(L, index)) return;
  char who[64], seen[128];
  orr_who(L, who, sizeof who);
  if (!lua_istable(L, index) || orr_test_slot(L, index) != NULL)
    orr_raisef(L, "%s: the options are %s; pass a table", who,
               orr_describe(L, index, seen, sizeof seen));
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING)
      orr_raisef(L, "%s: the options table has %s as a key; name the option",
                 who, orr_describe(L, -2, seen, sizeof seen));
    const char *key = lua_tostring(L, -2);
    if (among(key, names)) continue;
    orr_push_nearest(L, key, names);
    orr_raisef(L, "%s: unknown option %s%s", who, key, lua_tostring(L, -1));
  }
}

orr_dtype orr_check_dtype(lua_State *L, int index) {
  orr_dtype d = ORR_F32;
  char who[64], seen[128];
  if (lua_type(L, index) == LUA_TSTRING &&
      orr_dtype_parse(lua_tostring(L, index), &d))
    return d;
  orr_raisef(L, "%s: dtype is %s; use float32, float64, int64 or uint8",
             orr_who(L, who, sizeof who),
             orr_describe(L, index, seen, sizeof seen));
  return d;
}

// The Lua side has the nearest-name rule; without its files nothing is said.
void orr_push_nearest(lua_State *L, const char *name, const char *names) {
  int top = lua_gettop(L), k = 0;
  luaL_checkstack(L, 8, NULL);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "orrery.nearest");
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) {
    lua_pushstring(L, name);
    lua_newtable(L);
    for (const char *p = names; *p != 0;) {
      size_t w = strcspn(p, "|");
      lua_pushlstring(L, p, w);
      lua_rawseti(L, -2, ++k);
      p += w + (p[w] == '|');
    }
    if (lua_pcall(L, 2, 1, 0) == LUA_OK && lua_isstring(L, -1)) {
      lua_pushfstring(L, "; did you mean %s?", lua_tostring(L, -1));
      lua_replace(L, top + 1);
      lua_settop(L, top + 1);
      return;
    }
  }
  lua_settop(L, top);
  lua_pushfstring(L, "; use one of: ");
  luaL_gsub(L, names, "|", ", ");
  lua_concat(L, 2);
}

// ---- for the Lua files

// blame(message): raises it at the nearest line that is not Orrery's own.
static int blame(lua_State *L) {
  lua_settop(L, 1);
  if (lua_type(L, 1) == LUA_TSTRING) return raise_top(L);
  return lua_error(L);
}

// describe(value) -> "a float32 tensor [2, 3]", "the number 3" ...
static int describe(lua_State *L) {
  char seen[160];
  lua_pushstring(L, orr_describe(L, 1, seen, sizeof seen));
  return 1;
}

// set_own(prefix): chunk names that start so are Orrery's own files.
static int set_own(lua_State *L) {
  snprintf(own_prefix, sizeof own_prefix, "%s", orr_check_text(L, 1, "prefix"));
  own_length = strlen(own_prefix);
  return 0;
}

void orr_open_errors(lua_State *L) {
  static const luaL_Reg functions[] = {{"blame", blame},
                                       {"describe", describe},
                                       {"set_own", set_own},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &names_key);
  orr_set_site_source(find_site, NULL);
}
