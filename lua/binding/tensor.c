// tensor.c -- what a tensor answers by itself: shape, type, values, gradient.
#include <stdlib.h>
#include <string.h>

#include "binding.h"

// ---- shape and type

static int sizes_or_one(lua_State *L, const int64_t *sizes, int rank) {
  if (!lua_isnoneornil(L, 2)) {
    lua_pushinteger(L, sizes[orr_check_axis(L, 2, rank)]);
    return 1;
  }
  for (int i = 0; i < rank; i++) lua_pushinteger(L, sizes[i]);
  return rank;
}

// x:shape() -> all sizes, as several values.
static int shape(lua_State *L) {
  lua_settop(L, 1);
  orr_tensor *t = orr_check_tensor(L, 1);
  return sizes_or_one(L, orr_sizes(t), orr_rank(t));
}

// x:size(axis) -> one size; x:size() -> all of them.
static int size(lua_State *L) {
  orr_tensor *t = orr_check_tensor(L, 1);
  return sizes_or_one(L, orr_sizes(t), orr_rank(t));
}

// x:stride(axis), x:stride(): in elements.
static int stride(lua_State *L) {
  orr_tensor *t = orr_check_tensor(L, 1);
  return sizes_or_one(L, orr_strides(t), orr_rank(t));
}

static int rank(lua_State *L) {
  lua_pushinteger(L, orr_rank(orr_check_tensor(L, 1)));
  return 1;
}

static int numel(lua_State *L) {
  lua_pushinteger(L, orr_count(orr_check_tensor(L, 1)));
  return 1;
}

static int is_contiguous(lua_State *L) {
  lua_pushboolean(L, orr_is_contiguous(orr_check_tensor(L, 1)));
  return 1;
}

static int is_float(lua_State *L) {
  orr_dtype d = orr_tensor_dtype(orr_check_tensor(L, 1));
  lua_pushboolean(L, orr_dtype_is_float(d));
  return 1;
}

// x:shape_str() -> "[2, 3]".
static int shape_str(lua_State *L) {
  char text[256];
  orr_tensor *t = orr_check_tensor(L, 1);
  lua_pushstring(L, orr_shape_text(t, text, sizeof text));
  return 1;
}

static int shares_storage(lua_State *L) {
  orr_tensor *a = orr_check_tensor(L, 1), *b = orr_check_tensor(L, 2);
  lua_pushboolean(L, orr_same_storage(a, b));
  return 1;
}

// How often the storage was written in place.
static int version(lua_State *L) {
  lua_pushinteger(L, orr_version(orr_check_tensor(L, 1)));
  return 1;
}

// ---- values out

static void push_element(lua_State *L, orr_dtype d, const void *data,
                         int64_t i) {
  switch (d) {
  case ORR_F32:
    lua_pushnumber(L, ((const float *)data)[i]);
    break;
  case ORR_F64:
    lua_pushnumber(L, ((const double *)data)[i]);
    break;
  case ORR_I64:
    lua_pushinteger(L, ((const int64_t *)data)[i]);
    break;
  default:
    lua_pushinteger(L, ((const uint8_t *)data)[i]);
    break;
  }
}

static int item(lua_State *L) {
  orr_tensor *t = orr_check_tensor(L, 1);
  orr_refuse_recorded(L, "x:item() reads a value");
  if (orr_count(t) != 1) {
    char text[256];
    return orr_raisef(L, "item: x is %s; item needs exactly one element",
                      orr_shape_text(t, text, sizeof text));
  }
  push_element(L, orr_tensor_dtype(t), orr_data(t), 0);
  return 1;
}

// Pushes the nested table of axes from `axis` on.
static void push_nested(lua_State *L, const orr_tensor *t, int axis,
                        int64_t *at) {
  int n_axes = orr_rank(t);
  if (axis == n_axes) {
    push_element(L, orr_tensor_dtype(t), orr_data(t), (*at)++);
    return;
  }
  int64_t n = orr_sizes(t)[axis];
  lua_createtable(L, n > INT32_MAX ? 0 : (int)n, 0);
  for (int64_t i = 0; i < n; i++) {
    push_nested(L, t, axis + 1, at);
    lua_rawseti(L, -2, i + 1);
  }
}

// x:tolist() -> nested tables of numbers; a number for a tensor without axes.
static int tolist(lua_State *L) {
  orr_tensor *t = orr_check_tensor(L, 1);
  orr_refuse_recorded(L, "x:tolist() reads values");
  orr_tensor **packed = orr_push_slot(L);
  orr_clear_error();
  *packed = orr_contiguous(t);
  if (*packed == NULL) return orr_raise(L);
  luaL_checkstack(L, 2 * ORR_MAX_RANK, NULL);
  int64_t at = 0;
  push_nested(L, *packed, 0, &at);
  return 1;
}

static int to_string(lua_State *L) {
  orr_tensor **slot = orr_test_slot(L, 1);
  if (slot != NULL && *slot == NULL) {
    lua_pushliteral(L, "tensor (freed)");
    return 1;
  }
  orr_refuse_recorded(L, "printing a tensor reads its values");
  orr_clear_error();
  char *text = orr_to_text(orr_check_tensor(L, 1));
  if (text == NULL) return orr_raise(L);
  lua_pushstring(L, text);
  free(text);
  return 1;
}

// ---- same values

static int detach(lua_State *L) {
  orr_tensor *t = orr_check_tensor(L, 1);
  orr_tensor **slot = orr_push_slot(L);
  *slot = orr_detach(t);
  return *slot != NULL ? 1 : orr_raise(L);
}

// x:copy_(y): writes y, broadcast and converted, over x; returns x.
static int copy_(lua_State *L) {
  orr_tensor *t = orr_check_tensor(L, 1);
  bool ok;
  orr_clear_error();
  if (lua_type(L, 2) == LUA_TNUMBER)
    ok = orr_fill_(t, lua_tonumber(L, 2));
  else
    ok = orr_copy_(t, orr_check_tensor(L, 2));
  if (!ok) return orr_raise(L);
  lua_settop(L, 1);
  return 1;
}

static int fill_(lua_State *L) {
  orr_tensor *t = orr_check_tensor(L, 1);
  double v = orr_check_number(L, 2, "value");
  orr_clear_error();
  if (!orr_fill_(t, v)) return orr_raise(L);
  lua_settop(L, 1);
  return 1;
}

static int zero_(lua_State *L) {
  orr_clear_error();
  if (!orr_fill_(orr_check_tensor(L, 1), 0)) return orr_raise(L);
  lua_settop(L, 1);
  return 1;
}

// ---- gradient

static int push_grad(lua_State *L, const orr_tensor *t) {
  orr_tensor *g = orr_grad_of(t);
  if (g == NULL) {
    lua_pushnil(L);
    return 1;
  }
  orr_tensor **slot = orr_push_slot(L);
  *slot = orr_retain(g);
  return 1;
}

static void set_grad(lua_State *L, orr_tensor *t, int index) {
  if (lua_isnil(L, index)) {
    orr_set_grad(t, NULL);
    return;
  }
  orr_tensor *g = orr_test_tensor(L, index);
  char seen[160], a[128];
  if (g == NULL)
    orr_raisef(L, "grad: the value is %s; assign a tensor or nil",
               orr_describe(L, index, seen, sizeof seen));
  bool same =
      orr_rank(g) == orr_rank(t) && orr_tensor_dtype(g) == orr_tensor_dtype(t);
  for (int i = 0; same && i < orr_rank(t); i++)
    same = orr_sizes(g)[i] == orr_sizes(t)[i];
  if (!same)
    orr_raisef(L, "grad: the value is %s but x is %s %s; match them",
               orr_describe(L, index, seen, sizeof seen),
               orr_dtype_name(orr_tensor_dtype(t)),
               orr_shape_text(t, a, sizeof a));
  orr_set_grad(t, g);
}

static void set_requires_grad(lua_State *L, orr_tensor *t, bool on) {
  orr_clear_error();
  if (!orr_set_requires_grad(t, on)) orr_raise(L);
}

// x:requires_grad_(on?) returns x.
static int requires_grad_(lua_State *L) {
  orr_tensor *t = orr_check_tensor(L, 1);
  bool on = lua_isnoneornil(L, 2) || orr_check_bool(L, 2, "on");
  set_requires_grad(L, t, on);
  lua_settop(L, 1);
  return 1;
}

// x:grad_site() -> file, line of the call that made x; nil for a leaf.
static int grad_site(lua_State *L) {
  orr_site site = {NULL, 0};
  orr_grad_fn(orr_check_tensor(L, 1), &site);
  if (site.file == NULL) return 0;
  lua_pushstring(L, site.file);
  lua_pushinteger(L, site.line);
  return 2;
}

// ---- fields

static int get_field(lua_State *L, const orr_tensor *t, const char *key) {
  if (strcmp(key, "grad") == 0) return push_grad(L, t);
  if (strcmp(key, "dtype") == 0) {
    lua_pushstring(L, orr_dtype_name(orr_tensor_dtype(t)));
  } else if (strcmp(key, "requires_grad") == 0) {
    lua_pushboolean(L, orr_requires_grad(t));
  } else if (strcmp(key, "is_leaf") == 0) {
    lua_pushboolean(L, orr_is_leaf(t));
  } else if (strcmp(key, "retains_grad") == 0) {
    lua_pushboolean(L, orr_retains_grad(t));
  } else if (strcmp(key, "grad_fn") == 0) {
    const char *name = orr_grad_fn(t, NULL);
    if (name != NULL && *name != 0)
      lua_pushstring(L, name);
    else
      lua_pushnil(L);
  } else {
    lua_pushnil(L);
  }
  return 1;
}

// Upvalue 1: the methods.
static int index_get(lua_State *L) {
  if (lua_type(L, 2) != LUA_TSTRING) return orr_index_get(L);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  orr_tensor **slot = orr_test_slot(L, 1);
  if (slot == NULL || *slot == NULL) {
    char seen[128];
    return orr_raisef(L, "%s: x is %s; keep it longer", lua_tostring(L, 2),
                      orr_describe(L, 1, seen, sizeof seen));
  }
  return get_field(L, *slot, lua_tostring(L, 2));
}

static int index_set(lua_State *L) {
  if (lua_type(L, 2) != LUA_TSTRING) return orr_index_set(L);
  orr_tensor *t = orr_check_tensor(L, 1);
  const char *key = lua_tostring(L, 2);
  if (strcmp(key, "grad") == 0)
    set_grad(L, t, 3);
  else if (strcmp(key, "requires_grad") == 0)
    set_requires_grad(L, t, orr_check_bool(L, 3, "requires_grad"));
  else
    orr_raisef(L,
               "assign: a tensor has no field %.40s to set; only grad, "
               "requires_grad and x[...] can be assigned",
               key);
  return 0;
}

static int length(lua_State *L) {
  orr_tensor *t = orr_check_tensor(L, 1);
  if (orr_rank(t) == 0)
    return orr_raisef(L, "#: the tensor has no axes; use x:item()");
  lua_pushinteger(L, orr_sizes(t)[0]);
  return 1;
}

// Two userdata of one tensor (x.grad, asked for twice) are equal.
static int same(lua_State *L) {
  orr_tensor **a = orr_test_slot(L, 1), **b = orr_test_slot(L, 2);
  lua_pushboolean(L, a != NULL && b != NULL && *a != NULL && *a == *b);
  return 1;
}

static int is_tensor(lua_State *L) {
  lua_pushboolean(L, orr_test_slot(L, 1) != NULL);
  return 1;
}

void orr_open_tensor(lua_State *L) {
  static const luaL_Reg methods[] = {{"shape", shape},
                                     {"size", size},
                                     {"stride", stride},
                                     {"rank", rank},
                                     {"dim", rank},
                                     {"numel", numel},
                                     {"is_contiguous", is_contiguous},
                                     {"is_floating_point", is_float},
                                     {"shape_str", shape_str},
                                     {"shares_storage", shares_storage},
                                     {"version", version},
                                     {"item", item},
                                     {"tolist", tolist},
                                     {"detach", detach},
                                     {"copy_", copy_},
                                     {"fill_", fill_},
                                     {"zero_", zero_},
                                     {"requires_grad_", requires_grad_},
                                     {"grad_site", grad_site},
                                     {NULL, NULL}};
  static const luaL_Reg events[] = {{"__newindex", index_set},
                                    {"__len", length},
                                    {"__eq", same},
                                    {"__tostring", to_string},
                                    {NULL, NULL}};
  orr_open_index();
  lua_getfield(L, -1, "Tensor");
  luaL_setfuncs(L, events, 0);
  lua_getfield(L, -1, "methods");
  luaL_setfuncs(L, methods, 0);
  lua_pushcclosure(L, index_get, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_pushcfunction(L, is_tensor);
  lua_setfield(L, -2, "is_tensor");
}
