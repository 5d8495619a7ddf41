// paths.c -- where the program is and where its Lua files are.
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "orr_config.h"

static char program_path[PATH_MAX];

static bool resolve(const char *path) {
  char real[PATH_MAX];
  if (access(path, X_OK) != 0 || !realpath(path, real)) return false;
  memcpy(program_path, real, sizeof real);
  return true;
}

// The shell found a name without a slash in PATH; look there again.
static bool search_path(const char *name) {
  const char *at = getenv("PATH");
  while (at && *at) {
    size_t n = strcspn(at, ":");
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%.*s/%s", (int)n, at, name);
    if (size > 0 && (size_t)size < sizeof path && resolve(path)) return true;
    at += n + (at[n] == ':');
  }
  return false;
}

const char *host_program(const char *argv0) {
  if (program_path[0] || resolve("/proc/self/exe")) return program_path;
  if (argv0 && strchr(argv0, '/'))
    resolve(argv0);
  else if (argv0)
    search_path(argv0);
  return program_path;
}

static bool holds_orrery(const char *folder) {
  char path[PATH_MAX + 32];
  int n = snprintf(path, sizeof path, "%s/orrery/init.lua", folder);
  return n > 0 && (size_t)n < sizeof path && access(path, R_OK) == 0;
}

// Drops the last component; false when there is none left.
static bool parent(char *path) {
  char *slash = strrchr(path, '/');
  if (!slash) return false;
  *slash = '\0';
  return true;
}

// As installed, wherever the whole tree was moved to: PREFIX/bin/orrery and
// PREFIX/share/lua/5.4, with as many steps up as bindir has parts.
static bool beside_program(const char *program, char *folder, size_t size) {
  char base[PATH_MAX];
  snprintf(base, sizeof base, "%s", program);
  if (!parent(base)) return false;
  for (const char *at = ORR_BINDIR; *at;) {
    if (!parent(base)) return false;
    at += strcspn(at, "/");
    at += strspn(at, "/");
  }
  int n = snprintf(folder, size, "%s/%s", base, ORR_LUA_SHARE);
  return n > 0 && (size_t)n < size && holds_orrery(folder);
}

static bool in_build_folder(const char *program) {
  size_t n = strlen(ORR_BUILD_DIR);
  return strncmp(program, ORR_BUILD_DIR, n) == 0 && program[n] == '/';
}

static bool find_lua(const char *program, char *folder, size_t size) {
  if (in_build_folder(program)) {
    snprintf(folder, size, "%s/lua", ORR_SOURCE_DIR);
    if (holds_orrery(folder)) return true;
  }
  if (beside_program(program, folder, size)) return true;
  snprintf(folder, size, "%s/%s", ORR_PREFIX, ORR_LUA_SHARE);
  return holds_orrery(folder);
}

bool host_set_paths(lua_State *L, const char *program) {
  char folder[PATH_MAX * 2];
  if (!find_lua(program, folder, sizeof folder)) {
    lua_pushfstring(L,
                    "its Lua files are not in %s nor near %s; install it "
                    "whole, or keep bin and share together",
                    folder, program[0] ? program : "the program");
    return false;
  }
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "path");
  lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", folder, folder,
                  lua_tostring(L, -1));
  lua_setfield(L, -3, "path");
  lua_pop(L, 2);
  return true;
}
