// create.c -- orrery.tensor: nested Lua tables become a tensor.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "binding.h"

typedef struct nest {
  lua_State *L;
  orr_dtype dtype;
  int rank;
  int64_t size[ORR_MAX_RANK];
  int64_t place[ORR_MAX_RANK];  // where filling stands, from 0
  void *data;
  int64_t at;
} nest;

// "[2][3]" for the element that is read.
static const char *place_text(const nest *s, int depth, char *text, size_t n) {
  size_t used = 0;
  text[0] = 0;
  for (int i = 0; i < depth && used < n; i++)
    used += (size_t)snprintf(text + used, n - used, "[%lld]",
                             (long long)s->place[i] + 1);
  return text;
}

// The sizes along the first elements, and the first leaf's dtype. Value on top.
static void measure(nest *s) {
  lua_State *L = s->L;
  int base = lua_gettop(L);
  lua_pushvalue(L, -1);
  while (lua_istable(L, -1)) {
    if (s->rank == ORR_MAX_RANK)
      orr_raisef(L,
                 "tensor: tables are nested deeper than %d; a tensor has "
                 "at most %d axes",
                 ORR_MAX_RANK, ORR_MAX_RANK);
    int64_t n = (int64_t)lua_rawlen(L, -1);
    s->size[s->rank++] = n;
    if (n == 0) {
      lua_pushnil(L);
      if (lua_next(L, -2))
        orr_raisef(L, "tensor: a table has the key %s; use 1, 2, 3 ...",
                   luaL_tolstring(L, -2, NULL));
      break;
    }
    lua_rawgeti(L, -1, 1);
  }
  if (lua_type(L, -1) == LUA_TBOOLEAN) s->dtype = ORR_U8;
  lua_settop(L, base);
}

static void bad_leaf(nest *s, int depth, const char *wanted) {
  char at[160], seen[160];
  orr_raisef(s->L, "tensor: the element %s is %s; %s",
             place_text(s, depth, at, sizeof at),
             orr_describe(s->L, -1, seen, sizeof seen), wanted);
}

static void store_leaf(nest *s) {
  lua_State *L = s->L;
  int whole = 1;
  bool flag = lua_type(L, -1) == LUA_TBOOLEAN;
  if (!flag && lua_type(L, -1) != LUA_TNUMBER)
    bad_leaf(s, s->rank, "use numbers or booleans");
  double v = flag ? lua_toboolean(L, -1) : lua_tonumber(L, -1);
  int64_t at = s->at++;
  if (s->dtype == ORR_F32) {
    ((float *)s->data)[at] = (float)v;
  } else if (s->dtype == ORR_F64) {
    ((double *)s->data)[at] = v;
  } else {
    lua_Integer i = flag ? (lua_Integer)v : lua_tointegerx(L, -1, &whole);
    if (!whole) bad_leaf(s, s->rank, "int64 and uint8 hold whole numbers");
    if (s->dtype == ORR_U8 && (i < 0 || i > 255))
      bad_leaf(s, s->rank, "uint8 holds 0 to 255");
    if (s->dtype == ORR_U8)
      ((uint8_t *)s->data)[at] = (uint8_t)i;
    else
      ((int64_t *)s->data)[at] = i;
  }
}

// Copies the value on top, at that depth, and leaves it there.
static void fill(nest *s, int depth) {
  lua_State *L = s->L;
  char at[160];
  if (depth == s->rank) {
    if (lua_istable(L, -1))
      orr_raisef(L,
                 "tensor: %s is a table where others are numbers; nest "
                 "all alike",
                 place_text(s, depth, at, sizeof at));
    store_leaf(s);
    return;
  }
  if (!lua_istable(L, -1)) bad_leaf(s, depth, "others there are tables");
  int64_t n = (int64_t)lua_rawlen(L, -1);
  if (n != s->size[depth])
    orr_raisef(L,
               "tensor: %s has %lld entries but the first has %lld; make "
               "them equal",
               place_text(s, depth, at, sizeof at), (long long)n,
               (long long)s->size[depth]);
  for (int64_t i = 0; i < n; i++) {
    s->place[depth] = i;
    lua_rawgeti(L, -1, i + 1);
    fill(s, depth + 1);
    lua_pop(L, 1);
  }
}

// A tensor given: its values in a tensor of its own.
static void copy_tensor(lua_State *L, orr_tensor *from, bool typed,
                        orr_dtype d) {
  if (!typed) d = orr_tensor_dtype(from);
  orr_tensor **slot = orr_push_slot(L);
  *slot = orr_empty(d, orr_rank(from), orr_sizes(from));
  if (*slot == NULL || !orr_copy_(*slot, from)) orr_raise(L);
}

// tensor(values, { dtype, requires_grad }): float32 unless dtype says
// otherwise; tables of booleans become uint8.
static int tensor(lua_State *L) {
  lua_settop(L, 2);
  orr_clear_error();
  orr_check_options(L, 2, "dtype|requires_grad");
  bool wants_grad = orr_flag(L, 2, "requires_grad", false), typed = false;
  nest s = {.L = L, .dtype = ORR_F32};
  if (lua_istable(L, 2) && lua_getfield(L, 2, "dtype") != LUA_TNIL) {
    s.dtype = orr_check_dtype(L, -1);
    typed = true;
  }
  lua_settop(L, 2);
  orr_tensor *from = orr_test_tensor(L, 1);
  if (from != NULL) {
    copy_tensor(L, from, typed, s.dtype);
  } else {
    int type = lua_type(L, 1);
    char seen[128];
    if (type != LUA_TTABLE && type != LUA_TNUMBER && type != LUA_TBOOLEAN)
      return orr_raisef(L,
                        "tensor: the values are %s; pass a number or "
                        "nested tables of numbers",
                        orr_describe(L, 1, seen, sizeof seen));
    luaL_checkstack(L, 4 * ORR_MAX_RANK, NULL);
    orr_dtype wanted = s.dtype;
    lua_pushvalue(L, 1);
    measure(&s);
    if (typed) s.dtype = wanted;
    orr_tensor **slot = orr_push_slot(L);
    *slot = orr_empty(s.dtype, s.rank, s.size);
    if (*slot == NULL) return orr_raise(L);
    s.data = orr_data(*slot);
    lua_pushvalue(L, 1);
    fill(&s, 0);
    lua_pop(L, 1);
  }
  if (wants_grad && !orr_set_requires_grad(orr_test_tensor(L, -1), true))
    return orr_raise(L);
  orr_collect(L);
  return 1;
}

void orr_open_create(lua_State *L) {
  lua_pushcfunction(L, tensor);
  lua_setfield(L, -2, "tensor");
}
