// io.c -- files for the Lua side: the table `_io`, in front of which stand
// orrery.io, orrery.json, orrery.save and orrery.load. `who` is the function
// the user called. The world failing returns nil and a sentence; misuse, a
// lack of memory and an interrupt raise.
#include <string.h>
#include "../../core/io/io.h"
#include "binding.h"
#ifdef ORR_HAVE_JSON
#include <jansson.h>
#endif

#define HOLDER "orrery.io.Holder"

// What C owns while Lua may raise.
typedef struct holder {
  orr_input in;
  orr_bundle bundle;
  void *block;
  size_t block_size;
#ifdef ORR_HAVE_JSON
  json_t *json;
#endif
} holder;

static int free_holder(lua_State *L) {
  holder *h = luaL_checkudata(L, 1, HOLDER);
  orr_input_close(&h->in);
  orr_bundle_clear(&h->bundle);
  if (h->block) orr_free(h->block, h->block_size);
  h->block = NULL;
#ifdef ORR_HAVE_JSON
  json_decref(h->json);
  h->json = NULL;
#endif
  return 0;
}

static holder *push_holder(lua_State *L) {
  holder *h = lua_newuserdatauv(L, sizeof *h, 0);
  memset(h, 0, sizeof *h);
  h->in.fd = -1;
  luaL_setmetatable(L, HOLDER);
  orr_io_begin();
  return h;
}

static int failed(lua_State *L) {
  if (!orr_io_world()) return orr_raise(L);
  lua_pushnil(L);
  lua_pushstring(L, orr_error());
  orr_clear_error();
  return 2;
}

static int done(lua_State *L, bool ok) {
  if (!ok) return failed(L);
  lua_pushboolean(L, 1);
  return 1;
}

static int is_tensor(lua_State *L) {
  lua_pushboolean(L, orr_test_tensor(L, 1) != NULL);
  return 1;
}

// ---------------------------------------------------------------- tensors

enum { NPY, IDX, PNG, JPEG };
static const char *const tensor_kinds[] = {"npy",  "idx",   "png",
                                           "jpeg", "image", NULL};
enum { NPZ, SAFETENSORS };
static const char *const bundle_kinds[] = {"npz", "safetensors", NULL};

// read_tensor(kind, who, path) -> tensor
static int read_tensor(lua_State *L) {
  static orr_tensor *(*const readers[])(
      orr_input *) = {orr_read_npy, orr_read_idx, orr_read_png, orr_read_jpeg,
                      orr_read_image};
  int kind = luaL_checkoption(L, 1, NULL, tensor_kinds);
  const char *who = luaL_checkstring(L, 2), *path = luaL_checkstring(L, 3);
  holder *h = push_holder(L);
  orr_tensor **slot = orr_push_slot(L);
  if (orr_input_file(&h->in, who, path)) *slot = readers[kind](&h->in);
  orr_input_close(&h->in);
  if (!*slot) return failed(L);
  orr_collect(L);
  return 1;
}

// write_tensor(kind, who, path, tensor, gzip of idx | quality of jpeg)
static int write_tensor(lua_State *L) {
  int kind = luaL_checkoption(L, 1, NULL, tensor_kinds);
  const char *who = luaL_checkstring(L, 2), *path = luaL_checkstring(L, 3);
  orr_tensor *t = orr_check_tensor(L, 4);
  orr_io_begin();
  switch (kind) {
  case NPY:
    return done(L, orr_write_npy(who, path, t));
  case PNG:
    return done(L, orr_write_png(who, path, t));
  case JPEG:
    return done(L, orr_write_jpeg(who, path, t, (int)luaL_checkinteger(L, 5)));
  default:
    return done(L, orr_write_idx(who, path, t, lua_toboolean(L, 5)));
  }
}

// png_bytes(who, tensor) -> string: what a file of it would hold
static int png_bytes(lua_State *L) {
  const char *who = luaL_checkstring(L, 1);
  orr_tensor *t = orr_check_tensor(L, 2);
  holder *h = push_holder(L);
  if (!orr_encode_png(who, "the image", t, &h->block, &h->block_size)) {
    h->block = NULL;
    return failed(L);
  }
  lua_pushlstring(L, h->block, h->block_size);
  orr_free(h->block, h->block_size);
  h->block = NULL;
  return 1;
}

// png_pixels(who, string) -> tensor
static int png_pixels(lua_State *L) {
  size_t n;
  const char *who = luaL_checkstring(L, 1), *png = luaL_checklstring(L, 2, &n);
  holder *h = push_holder(L);
  orr_tensor **slot = orr_push_slot(L);
  orr_input_memory(&h->in, who, "picture", png, n);
  *slot = orr_read_png(&h->in);
  orr_input_close(&h->in);
  if (!*slot) return failed(L);
  orr_collect(L);
  return 1;
}

// gif_bytes(who, tensors, delays in hundredths of a second, for ever) -> string
static int gif_bytes(lua_State *L) {
  const char *who = luaL_checkstring(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checktype(L, 3, LUA_TTABLE);
  const lua_Integer n = luaL_len(L, 2);
  luaL_argcheck(L, n >= 1 && n < 100000, 2, "frames expected");
  orr_tensor **frames = lua_newuserdatauv(L, (size_t)n * sizeof *frames, 0);
  int *delays = lua_newuserdatauv(L, (size_t)n * sizeof *delays, 0);
  for (lua_Integer i = 0; i < n; i++) {
    lua_rawgeti(L, 2, i + 1);
    frames[i] = orr_check_tensor(L, -1);
    lua_rawgeti(L, 3, i + 1);
    delays[i] = (int)luaL_checkinteger(L, -1);
    lua_pop(L, 2);
  }
  holder *h = push_holder(L);
  const orr_film film = {(int)n, frames, delays, lua_toboolean(L, 4)};
  size_t size;
  if (!orr_encode_gif(who, &film, &h->block, &size, &h->block_size)) {
    h->block = NULL;
    return failed(L);
  }
  lua_pushlstring(L, h->block, size);
  orr_free(h->block, h->block_size);
  h->block = NULL;
  return 1;
}

// read_bundle(kind, who, path) -> names, tensors, texts by name
static int read_bundle(lua_State *L) {
  int kind = luaL_checkoption(L, 1, NULL, bundle_kinds);
  const char *who = luaL_checkstring(L, 2), *path = luaL_checkstring(L, 3);
  holder *h = push_holder(L);
  bool ok = orr_input_file(&h->in, who, path) &&
      (kind == NPZ ? orr_read_npz(&h->in, &h->bundle)
                   : orr_read_safetensors(&h->in, &h->bundle));
  orr_input_close(&h->in);
  if (!ok) {
    orr_bundle_clear(&h->bundle);
    return failed(L);
  }
  lua_newtable(L);
  lua_newtable(L);
  for (size_t i = 0; i < h->bundle.n_tensors; i++) {
    orr_bundle_item *item = &h->bundle.tensors[i];
    lua_pushstring(L, item->name);
    lua_rawseti(L, -3, (lua_Integer)i + 1);
    orr_tensor **slot = orr_push_slot(L);
    *slot = orr_retain(item->tensor);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_newtable(L);
  for (size_t i = 0; i < h->bundle.n_notes; i++) {
    lua_pushstring(L, h->bundle.notes[i].text);
    lua_setfield(L, -2, h->bundle.notes[i].name);
  }
  orr_bundle_clear(&h->bundle);
  orr_collect(L);
  return 3;
}

// write_bundle(kind, who, path, names, tensors, texts by name, compress)
static int write_bundle(lua_State *L) {
  int kind = luaL_checkoption(L, 1, NULL, bundle_kinds);
  const char *who = luaL_checkstring(L, 2), *path = luaL_checkstring(L, 3);
  for (int i = 4; i <= 6; i++) luaL_checktype(L, i, LUA_TTABLE);
  bool compress = lua_toboolean(L, 7), ok = true;
  holder *h = push_holder(L);
  lua_Integer n = luaL_len(L, 4);
  for (lua_Integer i = 1; ok && i <= n; i++) {
    lua_rawgeti(L, 4, i);
    lua_rawgeti(L, 5, i);
    const char *name = luaL_checkstring(L, -2);
    orr_tensor *t = orr_check_tensor(L, -1);
    ok = orr_bundle_add(&h->bundle, name, t);
    lua_pop(L, 2);
  }
  for (lua_pushnil(L); ok && lua_next(L, 6); lua_pop(L, 1))
    ok = orr_bundle_note(&h->bundle, luaL_checkstring(L, -2),
                         luaL_checkstring(L, -1));
  ok = ok &&
      (kind == NPZ ? orr_write_npz(who, path, &h->bundle, compress)
                   : orr_write_safetensors(who, path, &h->bundle));
  orr_bundle_clear(&h->bundle);
  return done(L, ok);
}

// ---------------------------------------------------------------- bytes

// read_file(who, path, gunzip) -> string
static int read_file(lua_State *L) {
  const char *who = luaL_checkstring(L, 1), *path = luaL_checkstring(L, 2);
  holder *h = push_holder(L);
  if (!orr_input_file(&h->in, who, path) ||
      (lua_toboolean(L, 3) && !orr_input_gunzip(&h->in)))
    return failed(L);
  luaL_Buffer b;
  if (h->in.left_known) {
    size_t n = (size_t)h->in.left;
    char *to = luaL_buffinitsize(L, &b, n);
    if (!orr_input_read(&h->in, to, n, "contents")) return failed(L);
    luaL_pushresultsize(&b, n);
  } else {
    char piece[16384];
    size_t got = sizeof piece;
    for (luaL_buffinit(L, &b); got == sizeof piece;) {
      if (!orr_input_some(&h->in, piece, sizeof piece, &got)) return failed(L);
      luaL_addlstring(&b, piece, got);
    }
    luaL_pushresult(&b);
  }
  orr_input_close(&h->in);
  return 1;
}

// write_file(who, path, text)
static int write_file(lua_State *L) {
  size_t n;
  const char *who = luaL_checkstring(L, 1), *path = luaL_checkstring(L, 2);
  const char *text = luaL_checklstring(L, 3, &n);
  orr_io_begin();
  return done(L, orr_write_file(who, path, text, n));
}

// ---------------------------------------------------------------- JSON

#ifdef ORR_HAVE_JSON

// `empty` is the metatable that tells an empty list from an empty object.
static void push_json(lua_State *L, const json_t *value, int empty) {
  size_t i;
  const char *key;
  json_t *item;
  luaL_checkstack(L, 4, "JSON is nested too deep");
  switch (json_typeof(value)) {
  case JSON_OBJECT:
    lua_createtable(L, 0, (int)json_object_size(value));
    json_object_foreach((json_t *)(uintptr_t)value, key, item) {
      push_json(L, item, empty);
      lua_setfield(L, -2, key);
    }
    break;
  case JSON_ARRAY:
    lua_createtable(L, (int)json_array_size(value), 0);
    json_array_foreach(value, i, item) {
      push_json(L, item, empty);
      lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    if (json_array_size(value) == 0) {
      lua_pushvalue(L, empty);
      lua_setmetatable(L, -2);
    }
    break;
  case JSON_STRING:
    lua_pushlstring(L, json_string_value(value), json_string_length(value));
    break;
  case JSON_INTEGER:
    lua_pushinteger(L, json_integer_value(value));
    break;
  case JSON_REAL:
    lua_pushnumber(L, json_real_value(value));
    break;
  case JSON_NULL:
    lua_pushlightuserdata(L, NULL);
    break;
  default:
    lua_pushboolean(L, json_is_true(value));
  }
}

// json_decode(text, metatable of empty lists) -> value
static int decode_json(lua_State *L) {
  size_t n;
  json_error_t error;
  const char *text = luaL_checklstring(L, 1, &n);
  luaL_checktype(L, 2, LUA_TTABLE);
  holder *h = push_holder(L);
  h->json =
      json_loadb(text, n,
                 JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL,
                 &error);
  if (!h->json) {
    orr_io_one_line(error.text);
    lua_pushnil(L);
    lua_pushfstring(L, "line %d, column %d: %s", error.line, error.column,
                    error.text);
    return 2;
  }
  push_json(L, h->json, 2);
  json_decref(h->json);
  h->json = NULL;
  return 1;
}

#else

static int decode_json(lua_State *L) {
  lua_pushnil(L);
  lua_pushliteral(L,
                  "this build has no jansson; build it with "
                  "-Djson=enabled");
  return 2;
}

#endif

// Which optional libraries this build has, by the names of its options.
static void push_features(lua_State *L) {
  static const char *const have[] = {
#ifdef ORR_HAVE_PNG
      "png",
#endif
#ifdef ORR_HAVE_JPEG
      "jpeg",
#endif
#ifdef ORR_HAVE_GIF
      "gif",
#endif
#ifdef ORR_HAVE_GZIP
      "gzip",
#endif
#ifdef ORR_HAVE_ZIP
      "zip",
#endif
#ifdef ORR_HAVE_JSON
      "json",
#endif
#ifdef ORR_HAVE_SQLITE
      "sqlite",
#endif
#ifdef ORR_HAVE_HTTP
      "http",
#endif
      NULL};
  lua_newtable(L);
  for (int i = 0; have[i]; i++) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, have[i]);
  }
}

void orr_open_io(lua_State *L) {
  static const luaL_Reg functions[] =
      {{"is_tensor", is_tensor},       {"read_tensor", read_tensor},
       {"write_tensor", write_tensor}, {"png_bytes", png_bytes},
       {"png_pixels", png_pixels},     {"gif_bytes", gif_bytes},
       {"read_bundle", read_bundle},   {"write_bundle", write_bundle},
       {"read_file", read_file},       {"write_file", write_file},
       {"decode_json", decode_json},   {NULL, NULL}};
  luaL_newmetatable(L, HOLDER);
  lua_pushcfunction(L, free_holder);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
  push_features(L);
  lua_setfield(L, -2, "features");
  lua_setfield(L, -2, "_io");
}
