// index.c -- x[key] and x[key] = value.
//
// A key is a position, a table with one entry per axis (a position, a range
// {first, last, step}, {} for all, or an int64 or uint8 tensor), an int64
// tensor of positions along the first axis, or a uint8 mask over the first
// axes. A key is read whole into a plan, which may raise; the plan is then
// carried out by core calls, which do not.
#include <stdio.h>
#include <string.h>

#include "binding.h"

typedef struct step {
  enum { SELECT, SLICE, TAKE } kind;
  int64_t first, last, by;  // from 0; last is included
  orr_tensor *positions;    // int64, from 1
} step;

typedef struct plan {
  lua_State *L;
  orr_tensor *x;
  int n;
  step steps[ORR_MAX_RANK];
  // A tensor as the whole key: positions over the first `covers` axes, of
  // shape `shape` (rank shape_rank), taken together.
  orr_tensor *whole;
  int covers;
} plan;

static int fail(plan *p, const char *what, const char *fix) {
  char shape[128];
  return orr_raisef(p->L, "index: %s but x is %s; %s", what,
                    orr_shape_text(p->x, shape, sizeof shape), fix);
}

static void out_of_range(plan *p, int axis, long long at, int64_t n) {
  char what[96], fix[96];
  snprintf(what, sizeof what, "position %lld is asked of axis %d", at,
           axis + 1);
  if (n == 0)
    snprintf(fix, sizeof fix, "that axis is empty");
  else
    snprintf(fix, sizeof fix, "use 1 to %lld or -%lld to -1", (long long)n,
             (long long)n);
  fail(p, what, fix);
}

// A position from 1 (negative: from the end) as one from 0.
static int64_t place(plan *p, int axis, lua_Integer at) {
  int64_t n = orr_sizes(p->x)[axis];
  int64_t i = at > 0 ? at - 1 : at + n;
  if (at == 0 || i < 0 || i >= n) out_of_range(p, axis, at, n);
  return i;
}

static lua_Integer whole_number(plan *p, int index) {
  int whole = 0;
  lua_Integer v = 0;
  char seen[128];
  if (lua_type(p->L, index) == LUA_TNUMBER)
    v = lua_tointegerx(p->L, index, &whole);
  if (!whole)
    orr_raisef(p->L, "index: %s is no position; use whole numbers from 1",
               orr_describe(p->L, index, seen, sizeof seen));
  return v;
}

// A range table on top: {}, {a}, {a, b} or {a, b, step}.
static step read_range(plan *p, int axis) {
  lua_State *L = p->L;
  int64_t n = orr_sizes(p->x)[axis];
  lua_Unsigned parts = lua_rawlen(L, -1);
  if (parts > 3)
    orr_raisef(L, "index: a range has %d entries; use {first, last, step}",
               (int)parts);
  lua_Integer v[3] = {1, n, 1};
  for (int i = 0; i < (int)parts; i++) {
    lua_rawgeti(L, -1, i + 1);
    v[i] = whole_number(p, -1);
    lua_pop(L, 1);
  }
  if (parts == 1) v[1] = v[0];
  if (v[2] < 1)
    orr_raisef(L,
               "index: the step of a range is %lld; use 1 or more, and "
               "flip to go backwards",
               (long long)v[2]);
  step s = {.kind = SLICE, .first = 0, .last = n - 1, .by = v[2]};
  if (parts == 0) return s;
  // {k + 1, k} is an empty range, also just past the end.
  s.first = v[0] == n + 1 ? n : place(p, axis, v[0]);
  s.last = v[1] == 0 ? -1 : place(p, axis, v[1]);
  if (s.first > s.last + 1)
    orr_raisef(L, "index: the range {%lld, %lld} goes backwards; use flip",
               (long long)v[0], (long long)v[1]);
  return s;
}

// ---- masks: the positions, from 1, where a uint8 tensor is not 0

static orr_tensor *mask_positions(plan *p, orr_tensor *mask) {
  orr_tensor **packed = orr_push_slot(p->L);
  *packed = orr_contiguous(mask);
  if (*packed == NULL) orr_raise(p->L);
  const uint8_t *m = orr_data(*packed);
  int64_t n = orr_count(mask), found = 0;
  for (int64_t i = 0; i < n; i++) found += m[i] != 0;
  orr_tensor **slot = orr_push_slot(p->L);
  *slot = orr_empty(ORR_I64, 1, &found);
  if (*slot == NULL) orr_raise(p->L);
  int64_t *to = orr_data(*slot);
  for (int64_t i = 0; i < n; i++)
    if (m[i] != 0) *to++ = i + 1;
  return *slot;
}

static void check_mask(plan *p, const orr_tensor *mask, int axis) {
  const int64_t *have = orr_sizes(p->x) + axis, *want = orr_sizes(mask);
  int rank = orr_rank(mask);
  bool fits = rank > 0 && axis + rank <= orr_rank(p->x);
  for (int i = 0; fits && i < rank; i++) fits = have[i] == want[i];
  if (fits) return;
  char what[192], shape[128];
  snprintf(what, sizeof what, "the mask is %s",
           orr_shape_text(mask, shape, sizeof shape));
  fail(p, what, "a mask has the sizes of x's axes, from the first on");
}

static void bad_key(plan *p, int index) {
  char seen[160];
  orr_raisef(p->L,
             "index: the key is %s; use a position, a table of "
             "positions and ranges, an int64 tensor or a uint8 mask",
             orr_describe(p->L, index, seen, sizeof seen));
}

// A tensor as one entry of a table: positions along that axis.
static step read_tensor(plan *p, int axis, orr_tensor *t) {
  step s = {.kind = TAKE, .positions = t};
  if (orr_tensor_dtype(t) == ORR_U8) {
    check_mask(p, t, axis);
    if (orr_rank(t) == 1) {
      s.positions = mask_positions(p, t);
      return s;
    }
  }
  if (orr_tensor_dtype(t) != ORR_I64 || orr_rank(t) != 1)
    orr_raisef(p->L,
               "index: a tensor inside a table must be int64 positions "
               "or a uint8 mask with one axis");
  return s;
}

static step read_entry(plan *p, int axis) {
  lua_State *L = p->L;
  orr_tensor *t = orr_test_tensor(L, -1);
  if (t != NULL) return read_tensor(p, axis, t);
  if (lua_istable(L, -1)) return read_range(p, axis);
  int64_t at = place(p, axis, whole_number(p, -1));
  return (step){.kind = SELECT, .first = at};
}

static void read_table(plan *p, int index) {
  lua_State *L = p->L;
  lua_Unsigned n = lua_rawlen(L, index);
  if (n > (lua_Unsigned)orr_rank(p->x)) {
    char what[64];
    snprintf(what, sizeof what, "%d entries are given", (int)n);
    fail(p, what, "give one entry per axis at most");
  }
  lua_pushnil(L);
  while (lua_next(L, index)) {
    if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) < 1 ||
        lua_tointeger(L, -2) > (lua_Integer)n)
      orr_raisef(L,
                 "index: the key table has the key %s; list one entry per "
                 "axis, {} for all of one",
                 luaL_tolstring(L, -2, NULL));
    lua_pop(L, 1);
  }
  luaL_checkstack(L, 4 * ORR_MAX_RANK, NULL);
  // Entries stay on the stack: they keep tensors alive.
  for (int i = 0; i < (int)n; i++) {
    lua_rawgeti(L, index, i + 1);
    int top = lua_gettop(L);
    p->steps[p->n++] = read_entry(p, i);
    if (lua_gettop(L) == top && p->steps[i].kind != TAKE) lua_pop(L, 1);
  }
}

static void read_whole_tensor(plan *p, orr_tensor *key) {
  orr_dtype d = orr_tensor_dtype(key);
  if (orr_rank(p->x) == 0)
    orr_raisef(p->L, "index: x has no axes; use x:item()");
  if (d == ORR_U8) {
    check_mask(p, key, 0);
    p->covers = orr_rank(key);
    p->whole = mask_positions(p, key);
  } else if (d == ORR_I64) {
    p->covers = 1;
    p->whole = key;
  } else {
    bad_key(p, 2);
  }
}

static plan read_key(lua_State *L, int index) {
  plan p = {.L = L, .x = orr_check_tensor(L, 1)};
  orr_clear_error();
  orr_site_state(L);
  orr_tensor *key = orr_test_tensor(L, index);
  if (key != NULL) {
    read_whole_tensor(&p, key);
  } else if (lua_istable(L, index)) {
    read_table(&p, index);
  } else if (lua_type(L, index) == LUA_TNUMBER) {
    if (orr_rank(p.x) == 0) orr_raisef(L, "index: x has no axes; use x:item()");
    p.steps[p.n++] =
        (step){.kind = SELECT, .first = place(&p, 0, whole_number(&p, index))};
  } else {
    bad_key(&p, index);
  }
  return p;
}

// ---- core calls; results belong to the core's current scope

static const orr_op *op_select, *op_narrow, *op_take, *op_reshape;

static orr_tensor *apply(const orr_op *op, orr_tensor *x, orr_tensor *y, int n,
                         const double *attr) {
  if (x == NULL) return NULL;
  orr_args args;
  orr_default_args(op, &args);
  args.x[0] = x;
  args.x[1] = y;
  memcpy(args.attr, attr, (size_t)n * sizeof *attr);
  return orr_keep(orr_apply(op, &args));
}

static orr_tensor *reshape(orr_tensor *x, int rank, const int64_t *size) {
  double attr[1 + ORR_MAX_RANK] = {rank};
  for (int i = 0; i < rank; i++) attr[1 + i] = (double)size[i];
  return apply(op_reshape, x, NULL, 1 + ORR_MAX_RANK, attr);
}

static orr_tensor *take(orr_tensor *x, int axis, orr_tensor *positions) {
  double attr[1] = {axis};
  return apply(op_take, x, positions, 1, attr);
}

static orr_tensor *run_steps(const plan *p) {
  orr_tensor *y = p->x;
  int axis = 0;
  for (int i = 0; i < p->n && y != NULL; i++) {
    const step *s = &p->steps[i];
    if (s->kind == SELECT) {
      double attr[2] = {axis, (double)s->first};
      y = apply(op_select, y, NULL, 2, attr);
      continue;
    }
    if (s->kind == TAKE) {
      y = take(y, axis, s->positions);
    } else if (s->first > 0 || s->last + 1 < orr_sizes(y)[axis] || s->by > 1) {
      int64_t n = s->last < s->first ? 0 : (s->last - s->first) / s->by + 1;
      double attr[4] = {axis, (double)s->first, (double)n, (double)s->by};
      y = apply(op_narrow, y, NULL, 4, attr);
    }
    axis++;
  }
  return y;
}

// The positions' shape followed by the axes that they do not cover.
static int joined_shape(const plan *p, int64_t *size) {
  int n = orr_rank(p->whole), rest = orr_rank(p->x) - p->covers;
  if (n + rest > ORR_MAX_RANK) {
    orr_set_error("index: the result would have %d axes; at most %d are "
                  "possible",
                  n + rest, ORR_MAX_RANK);
    return -1;
  }
  memcpy(size, orr_sizes(p->whole), (size_t)n * sizeof *size);
  memcpy(size + n, orr_sizes(p->x) + p->covers, (size_t)rest * sizeof *size);
  return n + rest;
}

static orr_tensor *run_whole(const plan *p) {
  int64_t size[2 * ORR_MAX_RANK], flat[1 + ORR_MAX_RANK] = {1};
  int rank = joined_shape(p, size), left = orr_rank(p->x) - p->covers;
  if (rank < 0) return NULL;
  for (int i = 0; i < p->covers; i++) flat[0] *= orr_sizes(p->x)[i];
  memcpy(flat + 1, orr_sizes(p->x) + p->covers, (size_t)left * sizeof *flat);
  orr_tensor *x = p->covers == 1 ? p->x : reshape(p->x, 1 + left, flat);
  int64_t n = orr_count(p->whole);
  orr_tensor *at =
      orr_rank(p->whole) == 1 ? p->whole : reshape(p->whole, 1, &n);
  orr_tensor *y = at == NULL ? NULL : take(x, 0, at);
  return orr_rank(p->whole) == 1 ? y : reshape(y, rank, size);
}

int orr_index_get(lua_State *L) {
  plan p = read_key(L, 2);
  orr_tensor **slot = orr_push_slot(L);
  size_t mark = orr_scope_begin();
  *slot = orr_retain(p.whole != NULL ? run_whole(&p) : run_steps(&p));
  orr_scope_end(mark);
  if (*slot == NULL) return orr_raise(L);
  orr_collect(L);
  return 1;
}

// ---- assignment

// The value as a new packed tensor of that dtype and shape.
static orr_tensor *spread(orr_dtype d, int rank, const int64_t *size,
                          orr_tensor *value) {
  orr_tensor *y = orr_keep(orr_empty(d, rank, size));
  return y != NULL && orr_copy_(y, value) ? y : NULL;
}

// Writes rows at positions of a packed copy, then the copy back: all or
// nothing, whatever x's strides.
static bool assign_whole(const plan *p, orr_tensor *value) {
  orr_dtype d = orr_tensor_dtype(p->x);
  int64_t size[2 * ORR_MAX_RANK], n = 1;
  int rank = joined_shape(p, size);
  if (rank < 0) return false;
  for (int i = 0; i < p->covers; i++) n *= orr_sizes(p->x)[i];
  orr_tensor *from = spread(d, rank, size, value);
  orr_tensor *to = spread(d, orr_rank(p->x), orr_sizes(p->x), p->x);
  orr_tensor *at = orr_keep(orr_contiguous(p->whole));
  if (from == NULL || to == NULL || at == NULL) return false;
  size_t row = n > 0 ? (size_t)(orr_count(to) / n) * orr_dtype_size(d) : 0;
  const int64_t *place_of = orr_data(at);
  char *source = orr_data(from), *target = orr_data(to);
  for (int64_t i = 0; i < orr_count(at); i++, source += row) {
    int64_t k = place_of[i] > 0 ? place_of[i] - 1 : place_of[i] + n;
    if (place_of[i] == 0 || k < 0 || k >= n)
      return orr_set_error("index: position %lld is outside 1 to %lld; "
                           "positions count from 1",
                           (long long)place_of[i], (long long)n);
    memcpy(target + (size_t)k * row, source, row);
  }
  return orr_copy_(p->x, to);
}

// Positions and ranges are views, so writing the view writes x.
static bool assign_steps(const plan *p, orr_tensor *value) {
  for (int i = 0; i < p->n; i++)
    if (p->steps[i].kind == TAKE)
      return orr_set_error("index: a tensor inside a table selects a copy; "
                           "assign with the tensor as the only key");
  orr_tensor *view = run_steps(p);
  return view != NULL && orr_copy_(view, value);
}

int orr_index_set(lua_State *L) {
  lua_settop(L, 3);
  plan p = read_key(L, 2);
  if (orr_grad_enabled() && orr_requires_grad(p.x))
    return orr_raisef(L,
                      "index: x requires grad; in place, its gradient "
                      "would be lost; use orrery.no_grad or x:detach()");
  bool number = lua_type(L, 3) == LUA_TNUMBER;
  orr_tensor *value = orr_test_tensor(L, 3);
  char seen[160];
  if (!number && value == NULL)
    return orr_raisef(L, "index: the value is %s; assign a number or a tensor",
                      orr_describe(L, 3, seen, sizeof seen));
  if (value != NULL && orr_grad_enabled() && orr_requires_grad(value))
    return orr_raisef(L,
                      "index: the value requires grad; in place, its "
                      "gradient would be lost; use value:detach()");
  bool recording = orr_enable_grad(false);
  size_t mark = orr_scope_begin();
  if (number)
    value = orr_keep(orr_scalar(orr_tensor_dtype(p.x), lua_tonumber(L, 3)));
  bool ok = value != NULL &&
      (p.whole != NULL ? assign_whole(&p, value) : assign_steps(&p, value));
  orr_scope_end(mark);
  orr_enable_grad(recording);
  return ok ? 0 : orr_raise(L);
}

void orr_open_index(void) {
  op_select = orr_op_find("select");
  op_narrow = orr_op_find("narrow");
  op_take = orr_op_find("index_select");
  op_reshape = orr_op_find("reshape");
}
