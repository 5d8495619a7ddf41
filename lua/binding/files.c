// files.c -- folders and names, which Lua's own library leaves out. The world
// failing returns nil and a sentence, as io.open does.
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "binding.h"

static int failed(lua_State *L, const char *who, const char *path) {
  lua_pushnil(L);
  lua_pushfstring(L, "%s: %s: %s", who, path, strerror(errno));
  return 2;
}

static bool is_folder(const char *path) {
  struct stat s;
  return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

// mkdir(path): with the folders above it; one that is there is fine.
static int make_folder(lua_State *L) {
  const char *path = orr_check_text(L, 1, "path");
  luaL_Buffer b;
  size_t n = strlen(path);
  char *part = luaL_buffinitsize(L, &b, n + 1);
  for (size_t i = 0; i <= n; i++) {
    if (i > 0 && (path[i] == '/' || path[i] == 0)) {
      memcpy(part, path, i);
      part[i] = 0;
      if (mkdir(part, 0777) != 0 && !is_folder(part))
        return failed(L, "mkdir", path);
    }
  }
  lua_pushboolean(L, 1);
  return 1;
}

// list(path): sorted names in the folder, without . and ..
static int list(lua_State *L) {
  const char *path = orr_check_text(L, 1, "path");
  lua_getglobal(L, "table");
  lua_getfield(L, -1, "sort");
  lua_newtable(L);
  // Named entries go into a Lua string each, so an error would lose the
  // handle; luaL_Stream's closing is for FILE, hence a to-be-closed block.
  DIR **dir = lua_newuserdatauv(L, sizeof *dir, 0);
  *dir = NULL;
  luaL_setmetatable(L, "orrery.Folder");
  *dir = opendir(path);
  if (*dir == NULL) return failed(L, "list", path);
  lua_Integer n = 0;
  for (struct dirent *e; (e = readdir(*dir)) != NULL;) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    lua_pushstring(L, e->d_name);
    lua_rawseti(L, -3, ++n);
  }
  closedir(*dir);
  *dir = NULL;
  lua_pop(L, 1);
  lua_pushvalue(L, -1);
  lua_insert(L, -3);
  lua_call(L, 1, 0);
  return 1;
}

static int folder_close(lua_State *L) {
  DIR **dir = luaL_checkudata(L, 1, "orrery.Folder");
  if (*dir != NULL) closedir(*dir);
  *dir = NULL;
  return 0;
}

// stat(path) -> { kind, size, modified, inode }; nil and a sentence when not there.
static int status(lua_State *L) {
  const char *path = orr_check_text(L, 1, "path");
  struct stat s;
  if (stat(path, &s) != 0) return failed(L, "stat", path);
  lua_createtable(L, 0, 4);
  lua_pushstring(L,
                 S_ISDIR(s.st_mode)       ? "folder"
                     : S_ISREG(s.st_mode) ? "file"
                                          : "other");
  lua_setfield(L, -2, "kind");
  lua_pushinteger(L, (lua_Integer)s.st_size);
  lua_setfield(L, -2, "size");
  lua_pushinteger(L, (lua_Integer)s.st_mtime);
  lua_setfield(L, -2, "modified");
  lua_pushinteger(L, (lua_Integer)s.st_ino);
  lua_setfield(L, -2, "inode");
  return 1;
}

static int exists(lua_State *L) {
  lua_pushboolean(L, access(orr_check_text(L, 1, "path"), F_OK) == 0);
  return 1;
}

// remove_file(path): a file or an empty folder.
static int remove_path(lua_State *L) {
  const char *path = orr_check_text(L, 1, "path");
  if (remove(path) != 0) return failed(L, "remove", path);
  lua_pushboolean(L, 1);
  return 1;
}

static int rename_path(lua_State *L) {
  const char *from = orr_check_text(L, 1, "from");
  const char *to = orr_check_text(L, 2, "to");
  if (rename(from, to) != 0) return failed(L, "rename", from);
  lua_pushboolean(L, 1);
  return 1;
}

static int current_folder(lua_State *L) {
  char path[4096];
  if (getcwd(path, sizeof path) == NULL) return failed(L, "getcwd", ".");
  lua_pushstring(L, path);
  return 1;
}

// real(path) -> the path without links and dots; nil when it is not there.
static int real_path(lua_State *L) {
  const char *path = orr_check_text(L, 1, "path");
  char found[PATH_MAX];
  if (realpath(path, found) == NULL) return failed(L, "real", path);
  lua_pushstring(L, found);
  return 1;
}

// The module's table `fs`.
void orr_open_files(lua_State *L) {
  luaL_newmetatable(L, "orrery.Folder");
  lua_pushcfunction(L, folder_close);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  static const luaL_Reg functions[] = {{"mkdir", make_folder},
                                       {"list", list},
                                       {"stat", status},
                                       {"exists", exists},
                                       {"remove", remove_path},
                                       {"rename", rename_path},
                                       {"real", real_path},
                                       {"getcwd", current_folder},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_setfield(L, -2, "fs");
}
