// records.c -- the op records as Lua tables: for help, completion, the
// editor's annotations and the tests.
#include <math.h>
#include <string.h>

#include "binding.h"

static const char *kind_name(orr_kind k) {
  static const char *const names[] =
      {[ORR_TENSOR] = "tensor",   [ORR_TENSORS] = "tensors",
       [ORR_NUM] = "number",      [ORR_INT] = "integer",
       [ORR_BOOL] = "boolean",    [ORR_AXIS] = "axis",
       [ORR_INDEX] = "index",     [ORR_AXES] = "axes",
       [ORR_SIZES] = "sizes",     [ORR_PAIR] = "pair",
       [ORR_CHOICE] = "choice",   [ORR_DTYPE] = "dtype",
       [ORR_STREAM] = "generator"};
  return names[k];
}

static const char *want_name(orr_want w) {
  static const char *const names[] = {[ORR_WANT_FLOAT] = "float",
                                      [ORR_WANT_ANY] = "any",
                                      [ORR_WANT_INT] = "int64",
                                      [ORR_WANT_MASK] = "uint8"};
  return names[w];
}

static void set_text(lua_State *L, const char *key, const char *text) {
  if (text == NULL) return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, key);
}

static void set_flag(lua_State *L, const char *key, bool on) {
  lua_pushboolean(L, on);
  lua_setfield(L, -2, key);
}

// The default as a user writes it: axes from 1, words for choices.
static void set_default(lua_State *L, const orr_param *p, const double *attr) {
  double v = attr[0];
  switch (p->kind) {
  case ORR_BOOL:
    lua_pushboolean(L, v != 0);
    break;
  case ORR_AXIS:
  case ORR_INDEX:
    lua_pushinteger(L, (lua_Integer)(v >= 0 ? v + 1 : v));
    break;
  case ORR_INT:
    lua_pushinteger(L, (lua_Integer)v);
    break;
  case ORR_PAIR:
  case ORR_NUM:
    if (fabs(v) < 9e15 && v == floor(v))
      lua_pushinteger(L, (lua_Integer)v);
    else
      lua_pushnumber(L, v);
    break;
  case ORR_CHOICE: {
    const char *c = p->choices;
    for (int k = (int)v; k > 0; k--) c += strcspn(c, "|") + 1;
    lua_pushlstring(L, c, strcspn(c, "|"));
    break;
  }
  default:
    lua_pushnil(L);
  }
  lua_setfield(L, -2, "default");
}

static void push_param(lua_State *L, const orr_op *op, int i,
                       const orr_args *defaults) {
  int n;
  const orr_param *p = &orr_op_params(op, &n)[i];
  bool tensor = p->kind == ORR_TENSOR || p->kind == ORR_TENSORS;
  lua_newtable(L);
  set_text(L, "name", p->name);
  set_text(L, "kind", kind_name(p->kind));
  set_text(L, "doc", p->doc);
  set_text(L, "choices", p->choices);
  set_flag(L, "required", tensor ? !p->optional : p->required);
  if (tensor) set_text(L, "want", want_name(p->want));
  if (!tensor && !p->required)
    set_default(L, p, defaults->attr + orr_param_slot(op, i));
}

static void push_flags(lua_State *L, unsigned flags) {
  static const struct {
    const char *name;
    unsigned bit;
  } all[] = {{"view", ORR_VIEW},
             {"no_grad", ORR_NO_GRAD},
             {"random", ORR_RANDOM},
             {"promote", ORR_PROMOTE},
             {"int_to_float", ORR_INT_TO_FLOAT},
             {"inplace", ORR_INPLACE},
             {"creates", ORR_CREATES},
             {"hidden", ORR_HIDDEN},
             {"method_only", ORR_METHOD_ONLY},
             {"functional", ORR_FUNCTIONAL}};
  lua_newtable(L);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (flags & all[i].bit) set_flag(L, all[i].name, true);
}

// Sets `torch`, the op's name in PyTorch; nothing when that has no such op.
static void set_torch(lua_State *L, const orr_op *op) {
  const char *name = orr_op_torch(op);
  const unsigned flags = orr_op_flags(op);
  if (flags & ORR_HIDDEN || (name && !*name)) return;
  const char *home = flags & ORR_FUNCTIONAL ? "torch.nn.functional."
      : flags & ORR_METHOD_ONLY             ? "torch.Tensor."
                                            : "torch.";
  if (name)
    lua_pushstring(L, name);
  else
    lua_pushfstring(L, "%s%s", home, orr_op_name(op));
  lua_setfield(L, -2, "torch");
}

// record(name) -> { name, doc, file, line, torch, params, samples, flags,
// outputs } or nil.
static int record(lua_State *L) {
  const orr_op *op = orr_op_find(orr_check_text(L, 1, "name"));
  if (op == NULL) return 0;
  int n, line;
  orr_args defaults;
  memset(&defaults, 0, sizeof defaults);
  orr_default_args(op, &defaults);
  lua_newtable(L);
  set_text(L, "name", orr_op_name(op));
  set_text(L, "doc", orr_op_doc(op));
  set_text(L, "file", orr_op_source(op, &line));
  lua_pushinteger(L, line);
  lua_setfield(L, -2, "line");
  set_torch(L, op);
  lua_pushinteger(L, orr_op_outputs(op));
  lua_setfield(L, -2, "outputs");
  push_flags(L, orr_op_flags(op));
  lua_setfield(L, -2, "flags");
  orr_op_params(op, &n);
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    push_param(L, op, i, &defaults);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "params");
  const char *const *samples = orr_op_samples(op, &n);
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    lua_pushstring(L, samples[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "samples");
  return 1;
}

// op_names() -> the names of all ops, hidden ones too, sorted.
static int op_names(lua_State *L) {
  int n = orr_op_count();
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    lua_pushstring(L, orr_op_name(orr_op_at(i)));
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

void orr_open_records(lua_State *L) {
  static const luaL_Reg functions[] = {{"record", record},
                                       {"op_names", op_names},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
