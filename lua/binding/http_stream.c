// http_stream.c -- server-sent events: a response that is written bit by bit.
// One text at a time is on its way; who writes asks first whether the page has
// taken the last one, so that a page that does not read costs nothing.
#include "binding.h"

#ifdef ORR_HAVE_HTTP
#include <string.h>

#include "http.h"

#define STREAM "orrery.http.Stream"

static void drop_text(orr_page *p) {
  if (p->text) orr_free(p->text, p->size);
  p->text = NULL;
  p->size = p->sent = 0;
}

void orr_page_let_go(orr_page *p) {
  if (--p->holders > 0) return;
  drop_text(p);
  orr_free(p, sizeof *p);
}

// What libmicrohttpd asks for when the socket takes more. With nothing to say
// the connection sleeps until orr_page_wake.
static ssize_t feed(void *context, uint64_t at, char *to, size_t most) {
  orr_page *p = context;
  (void)at;
  size_t n = p->size - p->sent;
  if (n > most) n = most;
  if (n > 0) {
    memcpy(to, p->text + p->sent, n);
    p->sent += n;
    return (ssize_t)n;
  }
  if (p->over) return MHD_CONTENT_READER_END_OF_STREAM;
  p->waits = true;
  MHD_suspend_connection(p->connection);
  return 0;
}

static void left(void *context) {
  orr_page *p = context;
  p->connection = NULL;
  drop_text(p);
  orr_page_let_go(p);
}

void orr_page_wake(orr_page *p) {
  if (!p->waits || !p->connection) return;
  p->waits = false;
  MHD_resume_connection(p->connection);
}

orr_page *orr_page_push(lua_State *L, struct MHD_Connection *connection,
                        struct MHD_Response **response) {
  orr_page **held = lua_newuserdatauv(L, sizeof *held, 0);
  *held = NULL;
  luaL_setmetatable(L, STREAM);
  orr_page *p = orr_alloc_zero(sizeof *p);
  if (!p) return NULL;
  p->connection = connection;
  p->holders = 1;
  *held = p;
  *response =
      MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, feed, p, left);
  if (*response) p->holders++;
  return p;
}

static orr_page *check_page(lua_State *L) {
  return *(orr_page **)luaL_checkudata(L, 1, STREAM);
}

// send(text): to a page that is ready for it; one that is gone hears nothing.
static int stream_send(lua_State *L) {
  orr_page *p = check_page(L);
  size_t n;
  const char *text = luaL_checklstring(L, 2, &n);
  if (!p->connection || p->over || n == 0) return 0;
  if (p->sent < p->size) return luaL_error(L, "send: the page is not ready");
  drop_text(p);
  p->text = orr_alloc(n);
  if (!p->text) return orr_raise(L);
  memcpy(p->text, text, n);
  p->size = n;
  orr_page_wake(p);
  return 0;
}

// ready() -> has the page taken all that was sent to it?
static int stream_ready(lua_State *L) {
  const orr_page *p = check_page(L);
  lua_pushboolean(L, p->connection && !p->over && p->sent == p->size);
  return 1;
}

// gone() -> has the page left?
static int stream_gone(lua_State *L) {
  lua_pushboolean(L, check_page(L)->connection == NULL);
  return 1;
}

static int stream_free(lua_State *L) {
  orr_page **p = luaL_checkudata(L, 1, STREAM);
  if (*p) orr_page_let_go(*p);
  *p = NULL;
  return 0;
}

void orr_page_class(lua_State *L) {
  static const luaL_Reg methods[] = {{"send", stream_send},
                                     {"ready", stream_ready},
                                     {"gone", stream_gone},
                                     {NULL, NULL}};
  luaL_newmetatable(L, STREAM);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, stream_free);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}

#else

typedef int orr_no_streams;  // an empty file is no C

#endif
