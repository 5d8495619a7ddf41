// http.h -- a response that goes on: what http.c and http_stream.c share.
#ifndef ORR_HTTP_H
#define ORR_HTTP_H
#include <microhttpd.h>

#include "binding.h"

// Held by the response, by its Lua userdata and by the server's list; freed
// by the last of them.
typedef struct orr_stream_page {
  struct MHD_Connection *connection;  // NULL once the page is gone
  struct orr_stream_page *next;       // of the server's pages
  char *text;                         // what is sent now, from orr_alloc
  size_t size, sent;
  int holders;
  bool waits, over;
} orr_page;

// Pushes the userdata of a new stream; *response is what to queue for it, or
// NULL when there is no memory.
orr_page *orr_page_push(lua_State *L, struct MHD_Connection *connection,
                        struct MHD_Response **response);
void orr_page_wake(orr_page *p);    // there is text for it, or it is over
void orr_page_let_go(orr_page *p);  // one holder less
void orr_page_class(lua_State *L);  // its methods

#endif
