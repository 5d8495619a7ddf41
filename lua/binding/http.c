// http.c -- the table `_http`: a server that only this machine can reach, for
// orrery.watch, by GNU libmicrohttpd. It has no thread of its own: requests
// are answered while run() waits. What an address means is decided in Lua.
#include "binding.h"

#ifdef ORR_HAVE_HTTP
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http.h"

#define SERVER "orrery.http.Server"

typedef struct server {
  struct MHD_Daemon *daemon;
  lua_State *L;     // while run() runs
  int index;        // of the userdata on its stack
  orr_page *pages;  // those that are there
  bool complaint;   // the handler failed; its error is user value 2
} server;

// One request under way, for `answer`.
typedef struct request {
  server *to;
  struct MHD_Connection *connection;
  const char *url, *method;
  struct MHD_Response *response;
  unsigned status;
  orr_page *page;
} request;

// ------------------------------------------------------------- one request

static enum MHD_Result add_value(void *context, enum MHD_ValueKind kind,
                                 const char *name, const char *value) {
  const bool header = kind == MHD_HEADER_KIND;
  lua_State *L = context;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (const char *c = name; *c; c++)
    luaL_addchar(&b, (char)(header && *c >= 'A' && *c <= 'Z' ? *c + 32 : *c));
  luaL_pushresult(&b);
  lua_pushvalue(L, -1);
  if (lua_rawget(L, -3) == LUA_TSTRING) {  // twice: both, so that neither wins
    lua_pushfstring(L, "%s, %s", lua_tostring(L, -1), value ? value : "");
    lua_remove(L, -2);
  } else {
    lua_pop(L, 1);
    lua_pushstring(L, value ? value : "");
  }
  lua_rawset(L, -3);
  return MHD_YES;
}

static void push_request(lua_State *L, request *r) {
  lua_createtable(L, 0, 4);
  lua_pushstring(L, r->method);
  lua_setfield(L, -2, "method");
  lua_pushstring(L, r->url);
  lua_setfield(L, -2, "path");
  lua_newtable(L);
  MHD_get_connection_values(r->connection, MHD_HEADER_KIND, add_value, L);
  lua_setfield(L, -2, "headers");
  lua_newtable(L);
  MHD_get_connection_values(r->connection, MHD_GET_ARGUMENT_KIND, add_value, L);
  lua_setfield(L, -2, "query");
}

static void add_headers(lua_State *L, request *r, int index) {
  lua_pushnil(L);
  while (lua_next(L, index)) {
    if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING)
      MHD_add_response_header(r->response, lua_tostring(L, -2),
                              lua_tostring(L, -1));
    lua_pop(L, 1);
  }
}

// handler(request) -> status, headers, body: text, or a function that is
// given the stream of a response that goes on. Runs protected.
static int answer(lua_State *L) {
  request *r = lua_touserdata(L, 1);
  lua_getiuservalue(L, 2, 1);
  push_request(L, r);
  lua_call(L, 1, 3);  // at 3, 4, 5
  r->status = (unsigned)luaL_checkinteger(L, 3);
  luaL_checktype(L, 4, LUA_TTABLE);
  if (lua_isfunction(L, 5)) {
    r->page = orr_page_push(L, r->connection, &r->response);
    if (!r->response) return luaL_error(L, "no memory for a response");
    lua_call(L, 1, 0);
  } else {
    size_t n;
    const char *body = luaL_checklstring(L, 5, &n);
    r->response = MHD_create_response_from_buffer(n, (void *)(uintptr_t)body,
                                                  MHD_RESPMEM_MUST_COPY);
  }
  if (!r->response) return luaL_error(L, "no memory for a response");
  add_headers(L, r, 4);
  return 0;
}

// Keeps what the handler failed with, on top of the stack, for run().
static void note_failure(server *s, lua_State *L) {
  lua_setiuservalue(L, s->index, 2);
  s->complaint = true;
}

// The first of the calls for a request, with its headers only: what has a
// body is refused without reading it.
static enum MHD_Result on_request(void *context,
                                  struct MHD_Connection *connection,
                                  const char *url, const char *method,
                                  const char *version, const char *data,
                                  size_t *size, void **state) {
  server *s = context;
  lua_State *L = s->L;
  (void)version, (void)data, (void)size, (void)state;
  if (!L || !lua_checkstack(L, 4)) return MHD_NO;
  request r = {s, connection, url, method, NULL, 500, NULL};
  lua_pushcfunction(L, answer);
  lua_pushlightuserdata(L, &r);
  lua_pushvalue(L, s->index);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
    note_failure(s, L);
    if (r.response) MHD_destroy_response(r.response);
    r.response = MHD_create_response_from_buffer(0, (void *)(uintptr_t) "",
                                                 MHD_RESPMEM_PERSISTENT);
    r.status = 500;
    r.page = NULL;
  }
  if (!r.response) return MHD_NO;
  enum MHD_Result ok = MHD_queue_response(connection, r.status, r.response);
  if (r.page && ok) {
    r.page->next = s->pages;
    s->pages = r.page;
    r.page->holders++;
  }
  MHD_destroy_response(r.response);
  return ok;
}

// Addresses come as they were sent: nothing in them is decoded.
static size_t keep_as_is(void *context, struct MHD_Connection *connection,
                         char *text) {
  (void)context, (void)connection;
  return strlen(text);
}

// --------------------------------------------------------------- the server

static void forget_left(server *s, bool all) {
  orr_page **at = &s->pages;
  while (*at) {
    orr_page *page = *at;
    if (all || !page->connection) {
      *at = page->next;
      page->over = page->over || all;
      if (all) orr_page_wake(page);
      orr_page_let_go(page);
    } else {
      at = &page->next;
    }
  }
}

static server *check_server(lua_State *L) {
  server *s = luaL_checkudata(L, 1, SERVER);
  if (!s->daemon) luaL_error(L, "server: it is closed; start another");
  return s;
}

// run(seconds) -> nil, or what the handler failed with. Waits up to so long
// for requests, less when one came or on a signal, and answers them.
static int server_run(lua_State *L) {
  server *s = check_server(L);
  const double seconds = luaL_checknumber(L, 2);
  luaL_argcheck(L, seconds >= 0 && seconds < 1e6, 2, "0 to 1e6 s expected");
  lua_settop(L, 1);
  s->L = L;
  s->index = 1;
  s->complaint = false;
  MHD_run_wait(s->daemon, (int32_t)(1000 * seconds));
  s->L = NULL;
  forget_left(s, false);
  if (!s->complaint) return 0;
  lua_getiuservalue(L, 1, 2);
  return 1;
}

static int server_close(lua_State *L) {
  server *s = luaL_checkudata(L, 1, SERVER);
  forget_left(s, true);
  if (s->daemon) MHD_stop_daemon(s->daemon);
  s->daemon = NULL;
  return 0;
}

// How many connections there are, of pages and others.
static int server_connections(lua_State *L) {
  const union MHD_DaemonInfo *info =
      MHD_get_daemon_info(check_server(L)->daemon,
                          MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
  lua_pushinteger(L, info ? (lua_Integer)info->num_connections : 0);
  return 1;
}

// A socket that listens on 127.0.0.1; -1, and errno says why not.
static int listen_at(uint16_t *port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(*port)};
  socklen_t size = sizeof at;
  const int yes = 1;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return -1;
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(fd, (struct sockaddr *)&at, size) == 0 && listen(fd, 64) == 0 &&
      getsockname(fd, (struct sockaddr *)&at, &size) == 0) {
    *port = ntohs(at.sin_port);
    return fd;
  }
  const int saved = errno;
  close(fd);
  errno = saved;
  return -1;
}

// start(port, handler, { patience=, most= }) -> server, port; nil and a word.
// A connection that does not move for `patience` seconds is ended; there are
// `most` at once.
static int start(lua_State *L) {
  const lua_Integer wanted = luaL_checkinteger(L, 1);
  luaL_argcheck(L, wanted >= 0 && wanted < 65536, 1, "0 to 65535 expected");
  luaL_checktype(L, 2, LUA_TFUNCTION);
  const unsigned patience = (unsigned)luaL_checkinteger(L, 3);
  const unsigned most = (unsigned)luaL_checkinteger(L, 4);
  server *s = lua_newuserdatauv(L, sizeof *s, 2);
  *s = (server){.daemon = NULL};
  luaL_setmetatable(L, SERVER);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 1);
  uint16_t port = (uint16_t)wanted;
  int fd = listen_at(&port);
  if (fd >= 0)
    s->daemon =
        MHD_start_daemon(MHD_USE_AUTO | MHD_ALLOW_SUSPEND_RESUME, port, NULL,
                         NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET, fd,
                         MHD_OPTION_CONNECTION_LIMIT, most,
                         MHD_OPTION_CONNECTION_TIMEOUT, patience,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768,
                         MHD_OPTION_STRICT_FOR_CLIENT, 1,
                         MHD_OPTION_UNESCAPE_CALLBACK, keep_as_is, NULL,
                         MHD_OPTION_END);
  if (!s->daemon) {
    lua_pushnil(L);
    lua_pushstring(L,
                   fd < 0 && errno == EADDRINUSE ? "taken"
                       : fd < 0                  ? strerror(errno)
                                                 : "the server does not start");
    return 2;
  }
  lua_pushinteger(L, port);
  return 2;
}

// token(bytes) -> so many bytes of the system's random source, in hex.
static int token(lua_State *L) {
  unsigned char bytes[64];
  char text[2 * sizeof bytes + 1];
  const lua_Integer n = luaL_checkinteger(L, 1);
  luaL_argcheck(L, n >= 16 && n <= 64, 1, "16 to 64 expected");
  if (getentropy(bytes, (size_t)n) != 0)
    return luaL_error(L, "watch: no random numbers: %s", strerror(errno));
  for (lua_Integer i = 0; i < n; i++)
    snprintf(text + 2 * i, 3, "%02x", (unsigned)bytes[i]);
  lua_pushlstring(L, text, (size_t)(2 * n));
  return 1;
}

// same(a, b): in a time that does not tell where they differ.
static int same(lua_State *L) {
  size_t n, m;
  const char *a = luaL_checklstring(L, 1, &n);
  const char *b = luaL_checklstring(L, 2, &m);
  volatile unsigned char differ = n != m;
  for (size_t i = 0; i < n && i < m; i++)
    differ = (unsigned char)(differ | (a[i] ^ b[i]));
  lua_pushboolean(L, !differ);
  return 1;
}

// Absent from the module when it is built without libmicrohttpd.
void orr_open_http(lua_State *L) {
  static const luaL_Reg functions[] = {{"start", start},
                                       {"token", token},
                                       {"same", same},
                                       {NULL, NULL}};
  static const luaL_Reg methods[] = {{"run", server_run},
                                     {"connections", server_connections},
                                     {"close", server_close},
                                     {NULL, NULL}};
  luaL_newmetatable(L, SERVER);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, server_close);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, server_close);
  lua_setfield(L, -2, "__close");
  lua_pop(L, 1);
  orr_page_class(L);
  luaL_newlib(L, functions);
  lua_pushstring(L, MHD_get_version());
  lua_setfield(L, -2, "version");
  lua_setfield(L, -2, "_http");
}

#else

void orr_open_http(lua_State *L) { (void)L; }

#endif
