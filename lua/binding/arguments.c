// arguments.c -- reads an op's arguments: f(x, y, 2, true, { name = value }).
// Parameters come in their order, and a last table's string keys name the
// rest. A list may be a table or, where nothing can be mistaken for it, plain
// numbers: view(2, 3).
#include "arguments.h"

#include <stdio.h>
#include <string.h>

// ---- sentences

static int fail(orr_reader *r, const orr_param *p, int index,
                const char *wanted) {
  char seen[160];
  if (orr_test_number(r->L, index) != NULL) {
    snprintf(seen, sizeof seen, "%s of %s reads a number", p->name,
             orr_op_name(r->o->op));
    return orr_refuse_number(r->L, seen);
  }
  return orr_raisef(r->L, "%s: %s is %s; pass %s", orr_op_name(r->o->op),
                    p->name, orr_describe(r->L, index, seen, sizeof seen),
                    wanted);
}

// "name(x, axis?)": optional parameters have a question mark.
static const char *usage(const orr_op_info *o, char *buffer, size_t size) {
  size_t used = 0;
  int wrote = snprintf(buffer, size, "%s(", orr_op_name(o->op));
  used += (size_t)wrote;
  for (int i = 0; i < o->n && used < size; i++) {
    const orr_param *p = &o->params[i];
    bool tensor = p->kind == ORR_TENSOR || p->kind == ORR_TENSORS;
    bool must = tensor ? !p->optional : p->required;
    wrote = snprintf(buffer + used, size - used, "%s%s%s", i ? ", " : "",
                     p->name, must ? "" : "?");
    used += (size_t)wrote;
  }
  if (used < size) snprintf(buffer + used, size - used, ")");
  return buffer;
}

// ---- one value

static orr_tensor *tensor_at(orr_reader *r, int index, bool *freed) {
  orr_tensor **slot = orr_test_slot(r->L, index);
  *freed = false;
  if (slot == NULL) return NULL;
  *freed = *slot == NULL;
  return *slot;
}

static void read_tensor(orr_reader *r, int i, int index) {
  const orr_param *p = &r->o->params[i];
  int k = r->o->input[i];
  bool freed;
  orr_tensor *t = tensor_at(r, index, &freed);
  if (t != NULL) {
    r->args.x[k] = t;
  } else if (lua_type(r->L, index) == LUA_TNUMBER) {
    r->number[k] = lua_tonumber(r->L, index);
    r->value[k] = NULL;
    r->numbers |= 1u << k;
  } else if ((t = orr_test_number(r->L, index)) != NULL) {
    r->number[k] = 1;  // of any dtype: see value_as
    r->value[k] = t;
    r->numbers |= 1u << k;
  } else {
    fail(r, p, index, freed ? "a tensor still in use" : "a tensor or a number");
  }
}

// The userdata stay alive in the caller's table, which is on the stack.
static void read_tensors(orr_reader *r, const orr_param *p, int index) {
  lua_State *L = r->L;
  if (!lua_istable(L, index)) fail(r, p, index, "a table of tensors");
  lua_Unsigned n = lua_rawlen(L, index);
  if (n > 1u << 20) fail(r, p, index, "a shorter table");
  // The array lives in a userdata that a later error frees.
  orr_tensor **list = lua_newuserdatauv(L, (n + 1) * sizeof *list, 0);
  for (lua_Unsigned i = 0; i < n; i++) {
    bool freed;
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    list[i] = tensor_at(r, -1, &freed);
    if (list[i] == NULL) {
      char seen[160];
      orr_raisef(L, "%s: %s[%d] is %s; pass a table of tensors",
                 orr_op_name(r->o->op), p->name, (int)i + 1,
                 orr_describe(L, -1, seen, sizeof seen));
    }
    lua_pop(L, 1);
  }
  r->args.list = list;
  r->args.n = (int)n;
  lua_replace(L, r->anchor);
}

static double read_number(orr_reader *r, const orr_param *p, int index) {
  if (lua_type(r->L, index) != LUA_TNUMBER) fail(r, p, index, "a number");
  return lua_tonumber(r->L, index);
}

static lua_Integer read_whole(orr_reader *r, const orr_param *p, int index) {
  int whole = 0;
  lua_Integer v = 0;
  if (lua_type(r->L, index) == LUA_TNUMBER)
    v = lua_tointegerx(r->L, index, &whole);
  if (!whole) fail(r, p, index, "a whole number");
  if (v > (INT64_C(1) << 53) || v < -(INT64_C(1) << 53))
    fail(r, p, index, "a whole number of at most 2^53");
  return v;
}

// Axes and positions: 1 is the first, -1 the last. The core counts from 0.
static double read_place(orr_reader *r, const orr_param *p, int index) {
  lua_Integer v = read_whole(r, p, index);
  if (v == 0)
    orr_raisef(r->L, "%s: %s is 0; count from 1, or from the end with -1",
               orr_op_name(r->o->op), p->name);
  return (double)(v > 0 ? v - 1 : v);
}

static double read_choice(orr_reader *r, const orr_param *p, int index) {
  if (lua_type(r->L, index) != LUA_TSTRING) fail(r, p, index, "a string");
  const char *text = lua_tostring(r->L, index);
  size_t n = strlen(text);
  int k = 0;
  for (const char *c = p->choices; *c != 0; k++) {
    size_t w = strcspn(c, "|");
    if (w == n && memcmp(c, text, n) == 0) return k;
    c += w + (c[w] == '|');
  }
  orr_push_nearest(r->L, text, p->choices);
  orr_raisef(r->L, "%s: %s is \"%s\"%s", orr_op_name(r->o->op), p->name, text,
             lua_tostring(r->L, -1));
  return 0;
}

static double read_dtype(orr_reader *r, const orr_param *p, int index) {
  orr_dtype d;
  if (lua_type(r->L, index) != LUA_TSTRING ||
      !orr_dtype_parse(lua_tostring(r->L, index), &d))
    fail(r, p, index, "float32, float64, int64 or uint8");
  return d;
}

static double read_entry(orr_reader *r, const orr_param *p, int index) {
  return p->kind == ORR_AXES ? read_place(r, p, index)
                             : (double)read_whole(r, p, index);
}

static void too_long(orr_reader *r, const orr_param *p, lua_Integer n) {
  orr_raisef(r->L,
             "%s: %s has " LUA_INTEGER_FMT
             " entries; a tensor has at most %d axes",
             orr_op_name(r->o->op), p->name, n, ORR_MAX_RANK);
}

static void read_list(orr_reader *r, const orr_param *p, double *attr,
                      int index) {
  lua_State *L = r->L;
  if (lua_type(L, index) == LUA_TNUMBER) {
    attr[0] = 1;
    attr[1] = read_entry(r, p, index);
    return;
  }
  bool freed;
  if (!lua_istable(L, index) || tensor_at(r, index, &freed) != NULL)
    fail(r, p, index, "a number or a table of numbers");
  lua_Integer n = (lua_Integer)lua_rawlen(L, index);
  if (n > ORR_MAX_RANK) too_long(r, p, n);
  attr[0] = (double)n;
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, index, i + 1);
    attr[1 + i] = read_entry(r, p, lua_gettop(L));
    lua_pop(L, 1);
  }
}

static void read_pair(orr_reader *r, const orr_param *p, double *attr,
                      int index) {
  lua_State *L = r->L;
  if (lua_type(L, index) == LUA_TNUMBER) {
    attr[0] = attr[1] = read_number(r, p, index);
    return;
  }
  if (!lua_istable(L, index) || lua_rawlen(L, index) != 2)
    fail(r, p, index, "a number or a pair {height, width}");
  for (int i = 0; i < 2; i++) {
    lua_rawgeti(L, index, i + 1);
    attr[i] = read_number(r, p, lua_gettop(L));
    lua_pop(L, 1);
  }
}

// Reads parameter i from the value at an absolute index.
static void read_param(orr_reader *r, int i, int index) {
  const orr_param *p = &r->o->params[i];
  double *attr = r->args.attr + r->o->slot[i];
  if (r->given & 1u << i)
    orr_raisef(r->L, "%s: %s is given twice; name it or place it",
               orr_op_name(r->o->op), p->name);
  r->given |= 1u << i;
  switch (p->kind) {
  case ORR_TENSOR:
    read_tensor(r, i, index);
    break;
  case ORR_TENSORS:
    read_tensors(r, p, index);
    break;
  case ORR_NUM:
    *attr = read_number(r, p, index);
    break;
  case ORR_INT:
    *attr = (double)read_whole(r, p, index);
    break;
  case ORR_BOOL:
    if (lua_type(r->L, index) != LUA_TBOOLEAN)
      fail(r, p, index, "true or false");
    *attr = lua_toboolean(r->L, index);
    break;
  case ORR_AXIS:
  case ORR_INDEX:
    *attr = read_place(r, p, index);
    break;
  case ORR_AXES:
  case ORR_SIZES:
    read_list(r, p, attr, index);
    break;
  case ORR_PAIR:
    read_pair(r, p, attr, index);
    break;
  case ORR_CHOICE:
    *attr = read_choice(r, p, index);
    break;
  case ORR_DTYPE:
    *attr = read_dtype(r, p, index);
    break;
  case ORR_STREAM:
    r->args.stream = orr_test_stream(r->L, index);
    if (r->args.stream == NULL) fail(r, p, index, "an orrery.Generator");
    break;
  }
}

// ---- the whole call

// Plain numbers from `from` on as one list; returns the index after them.
static int read_numbers(orr_reader *r, int i, int from, int last) {
  const orr_param *p = &r->o->params[i];
  double *attr = r->args.attr + r->o->slot[i];
  int n = 0, a = from;
  for (; a <= last && lua_type(r->L, a) == LUA_TNUMBER; a++, n++) {
    if (n >= ORR_MAX_RANK) too_long(r, p, n + 1);
    attr[1 + n] = read_entry(r, p, a);
  }
  attr[0] = n;
  r->given |= 1u << i;
  return a;
}

static bool is_list_kind(orr_kind k) {
  return k == ORR_SIZES || k == ORR_AXES || k == ORR_PAIR || k == ORR_TENSORS;
}

// 0: no options; 1: the last argument holds options alone; 2: it is a list,
// which may hold options besides.
static int options_kind(lua_State *L, int last) {
  if (last == 0 || lua_type(L, last) != LUA_TTABLE) return 0;
  return lua_rawlen(L, last) > 0 ? 2 : 1;
}

static bool is_empty(lua_State *L, int index) {
  lua_pushnil(L);
  if (!lua_next(L, index)) return true;
  lua_pop(L, 2);
  return false;
}

static void too_many(orr_reader *r, int last) {
  char text[256];
  orr_raisef(r->L, "%s: %d arguments are too many; call %s",
             orr_op_name(r->o->op), last, usage(r->o, text, sizeof text));
}

static void read_positions(orr_reader *r, int last, int kind) {
  lua_State *L = r->L;
  int a = 1;
  for (int i = 0; i < r->o->n && a <= last; i++) {
    const orr_param *p = &r->o->params[i];
    if (a == last && kind == 1 &&
        !(is_list_kind(p->kind) && (p->required || p->kind == ORR_TENSORS) &&
          is_empty(L, a)))
      return;
    if (lua_type(L, a) == LUA_TNIL) {
      a++;
    } else if (r->o->variadic[i] && lua_type(L, a) == LUA_TNUMBER) {
      a = read_numbers(r, i, a, last);
    } else {
      read_param(r, i, a++);
    }
  }
  while (a <= last && lua_type(L, a) == LUA_TNIL) a++;
  if (a < last || (a == last && kind != 1)) too_many(r, last);
}

// One option: its name and value are on top of the stack and stay there.
static void read_option(orr_reader *r) {
  lua_State *L = r->L;
  const char *key = lua_tostring(L, -2);
  for (int i = 0; i < r->o->n; i++) {
    if (strcmp(r->o->params[i].name, key) != 0) continue;
    read_param(r, i, lua_gettop(L));
    return;
  }
  if ((r->o->flags & ORR_CREATES) && strcmp(key, "requires_grad") == 0) {
    if (lua_type(L, -1) != LUA_TBOOLEAN)
      orr_raisef(L, "%s: requires_grad must be true or false",
                 orr_op_name(r->o->op));
    r->requires_grad = lua_toboolean(L, -1);
    return;
  }
  luaL_Buffer names;
  luaL_buffinit(L, &names);
  for (int i = 0; i < r->o->n; i++) {
    luaL_addstring(&names, r->o->params[i].name);
    if (i + 1 < r->o->n) luaL_addchar(&names, '|');
  }
  luaL_pushresult(&names);
  orr_push_nearest(L, key, lua_tostring(L, -1));
  orr_raisef(L, "%s: unknown option %s%s", orr_op_name(r->o->op), key,
             lua_tostring(L, -1));
}

static void read_options(orr_reader *r, int table, int kind) {
  lua_State *L = r->L;
  lua_Integer n = (lua_Integer)lua_rawlen(L, table);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    if (lua_type(L, -2) == LUA_TSTRING) {
      read_option(r);
    } else if (kind == 1 || !lua_isinteger(L, -2) || lua_tointeger(L, -2) > n ||
               lua_tointeger(L, -2) < 1) {
      char seen[128];
      orr_raisef(L, "%s: the last table has %s as a key; name the option",
                 orr_op_name(r->o->op), orr_describe(L, -2, seen, sizeof seen));
    }
  }
}

static void check_missing(orr_reader *r) {
  for (int i = 0; i < r->o->n; i++) {
    const orr_param *p = &r->o->params[i];
    bool tensor = p->kind == ORR_TENSOR || p->kind == ORR_TENSORS;
    if (r->given & 1u << i || !(tensor ? !p->optional : p->required)) continue;
    char text[256];
    orr_raisef(r->L, "%s: %s is missing; call %s", orr_op_name(r->o->op),
               p->name, usage(r->o, text, sizeof text));
  }
}

// An operator's operands are never options.
void orr_read_operands(orr_reader *r, int n) {
  for (int i = 0; i < n; i++) {
    r->given |= 1u << i;
    read_tensor(r, i, i + 1);
  }
}

void orr_read_args(orr_reader *r) {
  lua_State *L = r->L;
  int last = lua_gettop(L), kind = options_kind(L, last);
  lua_pushnil(L);
  r->anchor = last + 1;
  read_positions(r, last, kind);
  if (kind != 0) read_options(r, last, kind);
  unsigned all = (1u << r->o->n) - 1;
  if (r->given != all) check_missing(r);
}
