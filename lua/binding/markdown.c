// markdown.c -- `_markdown(text)`: Markdown as HTML, for orrery.replay.
//
// GitHub's dialect with $formulas$, which come out as <x-equation>. Raw HTML
// in the text is shown as text.
#include "binding.h"

#ifdef ORR_HAVE_MARKDOWN
#include <md4c-html.h>
#include <string.h>

typedef struct sink {
  char *to;  // NULL while bytes are only counted
  size_t size;
} sink;

static void take(const MD_CHAR *bytes, MD_SIZE count, void *context) {
  sink *s = context;
  if (s->to) memcpy(s->to + s->size, bytes, count);
  s->size += count;
}

static int convert(const char *text, size_t length, sink *s) {
  const unsigned flags =
      MD_DIALECT_GITHUB | MD_FLAG_LATEXMATHSPANS | MD_FLAG_NOHTML;
  s->size = 0;
  return md_html(text, (MD_SIZE)length, take, s, flags,
                 MD_HTML_FLAG_SKIP_UTF8_BOM | MD_HTML_FLAG_XHTML);
}

// Done twice, first to learn the length: so nothing grows while the parser
// owns memory, and a lack of it is Lua's to tell.
static int markdown(lua_State *L) {
  size_t length;
  orr_check_text(L, 1, "text");
  const char *text = lua_tolstring(L, 1, &length);
  sink s = {NULL, 0};
  bool fits = length <= (MD_SIZE)-1;
  if (!fits || convert(text, length, &s) != 0)
    return orr_raisef(L, "markdown: the text is too long; split it");
  luaL_Buffer b;
  s.to = luaL_buffinitsize(L, &b, s.size + 1);
  if (convert(text, length, &s) != 0)
    return orr_raisef(L, "markdown: no memory for the text; free some");
  luaL_pushresultsize(&b, s.size);
  return 1;
}
#else
static int markdown(lua_State *L) {
  lua_pushnil(L);
  lua_pushliteral(L,
                  "markdown: built without md4c; install it "
                  "(apt-get install libmd4c-html0-dev) and build again");
  return 2;
}
#endif

void orr_open_markdown(lua_State *L) {
  lua_pushcfunction(L, markdown);
  lua_setfield(L, -2, "_markdown");
}
