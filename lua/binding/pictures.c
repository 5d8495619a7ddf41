// pictures.c -- the table `_pictures`, in front of which stands
// orrery.data.files: zip files, and batches that threads get ready.
#include <stdlib.h>

#include "../../core/io/pictures.h"
#include "binding.h"

#define ARCHIVE "orrery.pictures.Archive"
#define BATCH "orrery.pictures.Batch"

// ---------------------------------------------------------------- archives

static orr_archive *check_archive(lua_State *L, int index) {
  orr_archive **a = luaL_checkudata(L, index, ARCHIVE);
  luaL_argcheck(L, *a != NULL, index, "archive is closed");
  return *a;
}

static int free_archive(lua_State *L) {
  orr_archive **a = luaL_checkudata(L, 1, ARCHIVE);
  orr_archive_release(*a);
  *a = NULL;
  return 0;
}

// zip(who, path) -> archive, names of its entries; or nil and a sentence
static int open_zip(lua_State *L) {
  const char *who = luaL_checkstring(L, 1), *path = luaL_checkstring(L, 2);
  orr_io_begin();
  orr_archive **a = lua_newuserdatauv(L, sizeof *a, 0);
  *a = NULL;
  luaL_setmetatable(L, ARCHIVE);
  *a = orr_archive_open(who, path);
  if (!*a) {
    if (!orr_io_world()) return orr_raise(L);
    lua_pushnil(L);
    lua_pushstring(L, orr_error());
    orr_clear_error();
    return 2;
  }
  lua_newtable(L);
  const int64_t n = orr_archive_count(*a);
  for (int64_t i = 0; i < n; i++) {
    lua_pushstring(L, orr_archive_name(*a, i));
    lua_rawseti(L, -2, i + 1);
  }
  return 2;
}

// ---------------------------------------------------------------- batches

static int64_t whole_field(lua_State *L, int table, const char *name) {
  lua_getfield(L, table, name);
  const int64_t v = luaL_checkinteger(L, -1);
  lua_pop(L, 1);
  return v;
}

static void three(lua_State *L, int table, const char *name, float *to) {
  lua_getfield(L, table, name);
  luaL_checktype(L, -1, LUA_TTABLE);
  for (int c = 0; c < 3; c++) {
    lua_rawgeti(L, -1, c + 1);
    to[c] = (float)luaL_checknumber(L, -1);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static int choice(lua_State *L, int table, const char *name,
                  const char *const *words) {
  lua_getfield(L, table, name);
  const int i = luaL_checkoption(L, -1, NULL, words);
  lua_pop(L, 1);
  return i;
}

static orr_plan read_plan(lua_State *L, int table) {
  static const char *const filters[] = {"nearest", "area",    "bilinear",
                                        "bicubic", "lanczos", NULL};
  static const char *const fits[] = {"none", "stretch", "cover", NULL};
  orr_plan p = {.parts = (int)whole_field(L, table, "parts"),
                .channels = (int)whole_field(L, table, "channels"),
                .scaled_height = whole_field(L, table, "scaled_height"),
                .scaled_width = whole_field(L, table, "scaled_width"),
                .height = whole_field(L, table, "height"),
                .width = whole_field(L, table, "width"),
                .background = (uint8_t)whole_field(L, table, "background")};
  p.filter = (orr_filter)choice(L, table, "filter", filters);
  p.fit = (orr_fit)choice(L, table, "fit", fits);
  three(L, table, "offset", p.offset);
  three(L, table, "gain", p.gain);
  luaL_argcheck(L, p.parts >= 1 && p.parts <= 2, table, "parts");
  luaL_argcheck(L, p.channels == 1 || p.channels == 3, table, "channels");
  luaL_argcheck(L, p.height > 0 && p.width > 0, table, "size");
  luaL_argcheck(L,
                p.fit == ORR_AS_IS ||
                    (p.scaled_height > 0 && p.scaled_width > 0),
                table, "scaled size");
  return p;
}

// Seven numbers: down, across, flip, brightness, contrast, saturation, hue.
static void read_changes(lua_State *L, int list, int64_t n, orr_changes *to) {
  float v[7];
  for (int64_t i = 0; i < n; i++) {
    for (int k = 0; k < 7; k++) {
      lua_rawgeti(L, list, 7 * i + k + 1);
      v[k] = (float)luaL_checknumber(L, -1);
      lua_pop(L, 1);
    }
    to[i] = (orr_changes){v[0], v[1], v[2] != 0, v[3], v[4], v[5], v[6]};
  }
}

// start(plan, paths | positions in the archive, 7 numbers each, archive or nil,
// threads) -> batch
static int start(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checktype(L, 3, LUA_TTABLE);
  const orr_plan plan = read_plan(L, 1);
  orr_archive *archive = lua_isnil(L, 4) ? NULL : check_archive(L, 4);
  const int threads = (int)luaL_checkinteger(L, 5);
  const int64_t n = luaL_len(L, 2);
  orr_changes *changes =
      lua_newuserdatauv(L, (size_t)n * sizeof *changes + 1, 0);
  const char **paths = lua_newuserdatauv(L, (size_t)n * sizeof *paths + 1, 0);
  int64_t *entries = lua_newuserdatauv(L, (size_t)n * sizeof *entries + 1, 0);
  read_changes(L, 3, n, changes);
  for (int64_t i = 0; i < n; i++) {
    lua_rawgeti(L, 2, i + 1);
    if (archive) {
      entries[i] = luaL_checkinteger(L, -1) - 1;
      luaL_argcheck(L,
                    entries[i] >= 0 && entries[i] < orr_archive_count(archive),
                    2, "entry");
    } else {
      luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, 2, "paths expected");
      paths[i] = lua_tostring(L, -1);  // the list keeps it
    }
    lua_pop(L, 1);
  }
  orr_batch **b = lua_newuserdatauv(L, sizeof *b, 0);
  *b = NULL;
  luaL_setmetatable(L, BATCH);
  *b = orr_batch_start(&plan, n, archive ? NULL : paths, archive,
                       archive ? entries : NULL, changes, threads);
  if (!*b) return orr_raise(L);
  return 1;
}

static int free_batch(lua_State *L) {
  orr_batch **b = luaL_checkudata(L, 1, BATCH);
  orr_batch_free(*b);
  *b = NULL;
  return 0;
}

// finish(batch) -> what is wrong, by position; a tensor of each part. Raises
// when interrupted: then the batch can be finished later.
static int finish(lua_State *L) {
  orr_batch **b = luaL_checkudata(L, 1, BATCH);
  luaL_argcheck(L, *b != NULL, 1, "batch is finished");
  if (!orr_batch_wait(*b)) return orr_raise(L);
  lua_newtable(L);
  for (int64_t i = 0; i < orr_batch_count(*b); i++) {
    const char *why = orr_batch_why(*b, i);
    if (!why) continue;
    lua_pushstring(L, why);
    lua_rawseti(L, -2, i + 1);
  }
  const int parts = orr_batch_part(*b, 1) ? 2 : 1;
  for (int p = 0; p < parts; p++) {
    orr_tensor **slot = orr_push_slot(L);
    *slot = orr_retain(orr_batch_part(*b, p));
  }
  orr_batch_free(*b);
  *b = NULL;
  orr_collect(L);
  return 1 + parts;
}

// size(path | archive, position) -> height, width; or nil and a sentence
// without a name.
static int size(lua_State *L) {
  uint8_t *data;
  size_t n;
  char why[240] = "";
  int64_t height, width;
  const bool in_archive = lua_type(L, 1) != LUA_TSTRING;
  bool ok = in_archive
      ? orr_archive_read(check_archive(L, 1), luaL_checkinteger(L, 2) - 1,
                         &data, &n, why, sizeof why)
      : orr_slurp(lua_tostring(L, 1), &data, &n, why, sizeof why);
  if (ok) ok = orr_picture_size(data, n, &height, &width, why, sizeof why);
  free(data);
  if (!ok) {
    lua_pushnil(L);
    lua_pushstring(L, *why ? why : "takes more memory than there is");
    return 2;
  }
  lua_pushinteger(L, height);
  lua_pushinteger(L, width);
  return 2;
}

static void metatable(lua_State *L, const char *name, lua_CFunction gc) {
  luaL_newmetatable(L, name);
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}

void orr_open_pictures(lua_State *L) {
  static const luaL_Reg functions[] = {{"zip", open_zip},
                                       {"start", start},
                                       {"finish", finish},
                                       {"size", size},
                                       {NULL, NULL}};
  metatable(L, ARCHIVE, free_archive);
  metatable(L, BATCH, free_batch);
  luaL_newlib(L, functions);
  lua_setfield(L, -2, "_pictures");
}
