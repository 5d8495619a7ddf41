// sqlite.c -- the table `_sqlite`: databases for orrery.runs. Values are bound,
// never spelled into the text; a statement is prepared once and kept.
#include "binding.h"

#ifdef ORR_HAVE_SQLITE
#include <math.h>
#include <sqlite3.h>
#include <string.h>
#include <time.h>

#define BASE "orrery.sqlite.Base"
#define STATEMENT "orrery.sqlite.Statement"

typedef struct base {
  sqlite3 *db;
} base;

// Raises what SQLite says; an interrupt while waiting for a lock is one.
static int refused(lua_State *L, sqlite3 *db) {
  const int code = sqlite3_errcode(db) & 0xff;
  if (orr_interrupted() && (code == SQLITE_BUSY || code == SQLITE_INTERRUPT))
    lua_pushliteral(L, "interrupted");
  else
    lua_pushfstring(L, "runs: %s: %s", sqlite3_db_filename(db, "main"),
                    sqlite3_errmsg(db));
  return lua_error(L);
}

static base *check_base(lua_State *L) {
  base *b = luaL_checkudata(L, 1, BASE);
  if (!b->db) luaL_error(L, "runs: the store is closed; open it again");
  return b;
}

// Somebody else writes: waits for up to 30 s, a little longer each time.
static int wait_for_lock(void *context, int count) {
  const long most = 20000000, each = 500000;
  (void)context;
  if (count > 1500 || orr_interrupted()) return 0;
  long wait = each * (count + 1);
  struct timespec t = {0, wait < most ? wait : most};
  nanosleep(&t, NULL);
  return 1;
}

// open(path) -> base; nil and a sentence when it cannot.
static int open_base(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  base *b = lua_newuserdatauv(L, sizeof *b, 1);
  b->db = NULL;
  luaL_setmetatable(L, BASE);
  lua_newtable(L);
  lua_setiuservalue(L, -2, 1);
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  if (sqlite3_open_v2(path, &b->db, flags, NULL) != SQLITE_OK) {
    lua_pushnil(L);
    lua_pushfstring(L, "runs: %s: %s", path,
                    b->db ? sqlite3_errmsg(b->db) : "no memory");
    return 2;
  }
  sqlite3_extended_result_codes(b->db, 1);
  sqlite3_busy_handler(b->db, wait_for_lock, NULL);
  return 1;
}

// Statements still kept go when Lua collects them.
static int close_base(lua_State *L) {
  base *b = luaL_checkudata(L, 1, BASE);
  sqlite3_close_v2(b->db);
  b->db = NULL;
  return 0;
}

static int free_statement(lua_State *L) {
  sqlite3_stmt **s = luaL_checkudata(L, 1, STATEMENT);
  sqlite3_finalize(*s);
  *s = NULL;
  return 0;
}

// The statement of the text at index 2, prepared now or before.
static sqlite3_stmt *statement(lua_State *L, base *b) {
  lua_getiuservalue(L, 1, 1);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, -2) == LUA_TUSERDATA) {
    sqlite3_stmt **kept = lua_touserdata(L, -1);
    lua_pop(L, 2);
    return *kept;
  }
  lua_pop(L, 1);
  size_t n;
  const char *text = luaL_checklstring(L, 2, &n);
  sqlite3_stmt **s = lua_newuserdatauv(L, sizeof(sqlite3_stmt *), 0);
  *s = NULL;
  luaL_setmetatable(L, STATEMENT);
  if (sqlite3_prepare_v3(b->db, text, (int)n, SQLITE_PREPARE_PERSISTENT, s,
                         NULL) != SQLITE_OK)
    refused(L, b->db);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, -2);
  lua_rawset(L, -4);
  lua_pop(L, 2);
  return *s;
}

// SQLite would make NULL of NaN: it goes in as the text "nan".
static int bind_value(lua_State *L, int index, sqlite3_stmt *s, int at) {
  size_t n;
  const char *text;
  switch (lua_type(L, index)) {
  case LUA_TNIL:
    return sqlite3_bind_null(s, at);
  case LUA_TBOOLEAN:
    return sqlite3_bind_int(s, at, lua_toboolean(L, index));
  case LUA_TNUMBER:
    if (lua_isinteger(L, index))
      return sqlite3_bind_int64(s, at, lua_tointeger(L, index));
    if (isnan(lua_tonumber(L, index)))
      return sqlite3_bind_text(s, at, "nan", 3, SQLITE_STATIC);
    return sqlite3_bind_double(s, at, lua_tonumber(L, index));
  default:
    text = luaL_checklstring(L, index, &n);
    return sqlite3_bind_text(s, at, text, (int)n, SQLITE_TRANSIENT);
  }
}

static void push_value(lua_State *L, sqlite3_stmt *s, int column) {
  switch (sqlite3_column_type(s, column)) {
  case SQLITE_INTEGER:
    lua_pushinteger(L, sqlite3_column_int64(s, column));
    break;
  case SQLITE_FLOAT:
    lua_pushnumber(L, sqlite3_column_double(s, column));
    break;
  case SQLITE_NULL:
    lua_pushnil(L);
    break;
  default:
    lua_pushlstring(L, (const char *)sqlite3_column_text(s, column),
                    (size_t)sqlite3_column_bytes(s, column));
  }
}

// Steps through the statement (light userdata) into rows with named fields.
// Called protected, so that the statement is reset whatever happens here.
static int collect_rows(lua_State *L) {
  sqlite3_stmt *s = lua_touserdata(L, 1);
  const int columns = sqlite3_column_count(s);
  lua_newtable(L);
  for (lua_Integer row = 1; sqlite3_step(s) == SQLITE_ROW; row++) {
    lua_createtable(L, 0, columns);
    for (int c = 0; c < columns; c++) {
      push_value(L, s, c);
      lua_setfield(L, -2, sqlite3_column_name(s, c));
    }
    lua_rawseti(L, -2, row);
  }
  return 1;
}

// run(sql, ...) -> rows of a query; how many rows another statement changed.
static int run(lua_State *L) {
  base *b = check_base(L);
  sqlite3_stmt *s = statement(L, b);
  const int given = lua_gettop(L) - 2;
  sqlite3_clear_bindings(s);
  if (given != sqlite3_bind_parameter_count(s))
    return luaL_error(L, "runs: %d values for %d places", given,
                      sqlite3_bind_parameter_count(s));
  for (int i = 1; i <= given; i++)
    if (bind_value(L, i + 2, s, i) != SQLITE_OK) return refused(L, b->db);
  const bool query = sqlite3_column_count(s) > 0;
  int status = LUA_OK;
  if (query) {
    lua_pushcfunction(L, collect_rows);
    lua_pushlightuserdata(L, s);
    status = lua_pcall(L, 1, 1, 0);
  } else {
    sqlite3_step(s);
  }
  const bool failed = sqlite3_reset(s) != SQLITE_OK;
  if (status != LUA_OK) return lua_error(L);
  if (failed) return refused(L, b->db);
  if (!query) lua_pushinteger(L, sqlite3_changes(b->db));
  return 1;
}

// last_id() -> id of the row inserted last.
static int last_id(lua_State *L) {
  lua_pushinteger(L, sqlite3_last_insert_rowid(check_base(L)->db));
  return 1;
}

// transaction(fn) -> what fn() returns. Here and not in Lua, because an
// interrupt can raise between any two instructions of Lua code: all of fn's
// writing is done or none of it.
static int transaction(lua_State *L) {
  base *b = check_base(L);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  if (!sqlite3_get_autocommit(b->db))
    return luaL_error(L, "runs: a transaction inside another");
  if (sqlite3_exec(b->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
    return refused(L, b->db);
  int status = lua_pcall(L, 0, LUA_MULTRET, 0);
  if (status == LUA_OK &&
      sqlite3_exec(b->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
    return lua_gettop(L) - 1;
  if (status == LUA_OK)
    lua_pushfstring(L, "runs: %s: %s", sqlite3_db_filename(b->db, "main"),
                    sqlite3_errmsg(b->db));
  if (!sqlite3_get_autocommit(b->db))
    sqlite3_exec(b->db, "ROLLBACK", NULL, NULL, NULL);
  return lua_error(L);
}

static void add_metatables(lua_State *L) {
  static const luaL_Reg methods[] = {{"run", run},
                                     {"last_id", last_id},
                                     {"transaction", transaction},
                                     {"close", close_base},
                                     {NULL, NULL}};
  luaL_newmetatable(L, BASE);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, close_base);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, close_base);
  lua_setfield(L, -2, "__close");
  luaL_newmetatable(L, STATEMENT);
  lua_pushcfunction(L, free_statement);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 2);
}

// Absent from the module when it is built without SQLite.
void orr_open_sqlite(lua_State *L) {
  static const luaL_Reg functions[] = {{"open", open_base}, {NULL, NULL}};
  add_metatables(L);
  luaL_newlib(L, functions);
  lua_pushstring(L, sqlite3_libversion());
  lua_setfield(L, -2, "version");
  lua_setfield(L, -2, "_sqlite");
}

#else

void orr_open_sqlite(lua_State *L) { (void)L; }

#endif
