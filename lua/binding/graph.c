// graph.c -- the recorded graph as Lua tables, for orrery.graph.
#include "binding.h"

static void set_shape(lua_State *L, const orr_tensor *t) {
  char text[256];
  if (t == NULL) return;
  lua_pushstring(L, orr_shape_text(t, text, sizeof text));
  lua_setfield(L, -2, "shape");
  lua_pushstring(L, orr_dtype_name(orr_tensor_dtype(t)));
  lua_setfield(L, -2, "dtype");
  lua_pushlightuserdata(L, (void *)(uintptr_t)t);
  lua_setfield(L, -2, "id");
}

// { shape, dtype, id, node, output }: node when a node made it; {} when it is
// absent or was given up.
static void push_input(lua_State *L, const orr_graph *g, size_t i, int k) {
  const orr_graph_input in = orr_graph_input_at(g, i, k);
  lua_createtable(L, 0, 6);
  set_shape(L, in.x);
  if (in.from_node) {
    lua_pushinteger(L, (lua_Integer)in.node + 1);
    lua_setfield(L, -2, "node");
    lua_pushinteger(L, in.output + 1);
    lua_setfield(L, -2, "output");
  } else if (in.x != NULL) {
    lua_pushboolean(L, orr_requires_grad(in.x));
    lua_setfield(L, -2, "requires_grad");
  }
}

static void push_node(lua_State *L, const orr_graph *g, size_t i) {
  const orr_graph_node n = orr_graph_at(g, i);
  lua_createtable(L, 0, 7);
  lua_pushstring(L, orr_op_name(n.op));
  lua_setfield(L, -2, "op");
  lua_pushboolean(L, (orr_op_flags(n.op) & ORR_VIEW) != 0);
  lua_setfield(L, -2, "view");
  lua_pushstring(L, n.site.file);  // nil when unknown
  lua_setfield(L, -2, "file");
  lua_pushinteger(L, n.site.line);
  lua_setfield(L, -2, "line");
  lua_pushboolean(L, n.recomputed);
  lua_setfield(L, -2, "recomputed");
  lua_createtable(L, n.nx, 0);
  for (int k = 0; k < n.nx; k++) {
    push_input(L, g, i, k);
    lua_rawseti(L, -2, k + 1);
  }
  lua_setfield(L, -2, "inputs");
  lua_createtable(L, n.ny, 0);
  for (int k = 0; k < n.ny; k++) {
    lua_createtable(L, 0, 3);
    set_shape(L, n.y[k]);
    lua_rawseti(L, -2, k + 1);
  }
  lua_setfield(L, -2, "outputs");
}

static int fill_table(lua_State *L) {
  const orr_graph *g = lua_touserdata(L, 2);
  const size_t count = orr_graph_count(g);
  const int n = (int)lua_rawlen(L, 1);
  luaL_checkstack(L, 12, NULL);
  lua_createtable(L, (int)count, 1);
  for (size_t i = 0; i < count; i++) {
    push_node(L, g, i);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_createtable(L, n, 0);
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, 1, i);
    const size_t at = orr_graph_find(g, orr_test_tensor(L, -1));
    lua_pushinteger(L, at < count ? (lua_Integer)at + 1 : 0);
    lua_rawseti(L, -3, i);
    lua_pop(L, 1);
  }
  lua_setfield(L, -2, "results");
  return 1;
}

// graph_nodes(list of tensors) -> one table for each node below them, in the
// order they were made; results: the places of the tensors' own.
static int graph_nodes(lua_State *L) {
  char seen[160];
  lua_settop(L, 1);
  if (!lua_istable(L, 1))
    return orr_raisef(L, "graph_nodes: tensors is %s; pass a list of tensors",
                      orr_describe(L, 1, seen, sizeof seen));
  const int n = (int)lua_rawlen(L, 1);
  orr_tensor **y = lua_newuserdatauv(L, ((size_t)n + 1) * sizeof *y, 0);
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, 1, i + 1);
    y[i] = orr_test_tensor(L, -1);
    if (y[i] == NULL)
      return orr_raisef(L, "graph_nodes: entry %d is %s; pass tensors", i + 1,
                        orr_describe(L, -1, seen, sizeof seen));
    lua_pop(L, 1);
  }
  orr_clear_error();
  orr_graph *g = orr_graph_of(n, y);
  if (g == NULL) return orr_raise(L);
  lua_pushcfunction(L, fill_table);
  lua_pushvalue(L, 1);
  lua_pushlightuserdata(L, g);
  const int status = lua_pcall(L, 2, 1, 0);
  orr_graph_free(g);
  return status == LUA_OK ? 1 : lua_error(L);
}

// tensor_id(x): what the id of its entries in graph_nodes is.
static int tensor_id(lua_State *L) {
  lua_pushlightuserdata(L, orr_check_tensor(L, 1));
  return 1;
}

void orr_open_graph(lua_State *L) {
  static const luaL_Reg functions[] = {{"graph_nodes", graph_nodes},
                                       {"tensor_id", tensor_id},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
