// gif.c -- films, through giflib. A frame holds only the rectangle in which it
// differs from the one before. The palette is exact where 256 colours are
// enough: one for all frames, else one for each frame.
#include <string.h>
#include "colours.h"
#include "io.h"
#ifdef ORR_HAVE_GIF
#include <gif_lib.h>

typedef struct film {
  const char *who;
  int width, height;
  uint8_t *now, *before;  // frames as r, g, b
  uint8_t *cut, *places;  // a rectangle of one, and its places in the palette
  size_t pixels;
  void *data;  // what is written
  size_t size, capacity;
} film;

typedef struct rectangle {
  int x, y, width, height;
} rectangle;

static int put(GifFileType *file, const GifByteType *bytes, int n) {
  film *f = file->UserData;
  const size_t wanted = f->size + (size_t)n;
  if (wanted > f->capacity) {
    const size_t more = wanted + wanted / 2 + 4096;
    if (!orr_grow(&f->data, f->capacity, more)) return 0;
    f->capacity = more;
  }
  memcpy((uint8_t *)f->data + f->size, bytes, (size_t)n);
  f->size = wanted;
  return n;
}

// r, g, b of a frame [C, H, W], C = 1 or 3.
static bool load(film *f, orr_tensor *frame) {
  orr_tensor *c = orr_contiguous(frame);
  if (!c) return false;
  const int64_t channels = orr_rank(c) == 3 ? orr_sizes(c)[0] : 1;
  uint8_t *to = channels == 3 ? f->now : f->cut;
  orr_pixels_interleave(c, channels, to);
  for (size_t i = 0; channels == 1 && i < f->pixels; i++)
    memset(f->now + 3 * i, to[i], 3);
  orr_release(c);
  return true;
}

// The least rectangle with all that changed; one pixel when nothing did.
static rectangle changed(const film *f) {
  int left = f->width, right = -1, top = f->height, bottom = -1;
  for (int y = 0; y < f->height; y++) {
    const size_t row = (size_t)y * (size_t)f->width * 3;
    if (!memcmp(f->now + row, f->before + row, (size_t)f->width * 3)) continue;
    if (top > y) top = y;
    bottom = y;
    for (int x = 0; x < f->width; x++)
      if (memcmp(f->now + row + 3 * x, f->before + row + 3 * x, 3) != 0) {
        if (left > x) left = x;
        if (right < x) right = x;
      }
  }
  if (bottom < 0) return (rectangle){0, 0, 1, 1};
  return (rectangle){left, top, right - left + 1, bottom - top + 1};
}

static ColorMapObject *map_of(const orr_colours *c) {
  const int size = 1 << GifBitSize(c->n < 2 ? 2 : c->n);
  ColorMapObject *map = GifMakeMapObject(size, NULL);
  for (int i = 0; map && i < c->n; i++)
    map->Colors[i] = (GifColorType){c->rgb[i][0], c->rgb[i][1], c->rgb[i][2]};
  return map;
}

static bool put_pixels(GifFileType *file, film *f, const rectangle *r,
                       const orr_colours *all) {
  const size_t n = (size_t)r->width * (size_t)r->height;
  for (int y = 0; y < r->height; y++)
    memcpy(f->cut + (size_t)y * (size_t)r->width * 3,
           f->now + ((size_t)(r->y + y) * (size_t)f->width + (size_t)r->x) * 3,
           (size_t)r->width * 3);
  orr_colours own = {0};
  if (!all && !orr_colours_add(&own, f->cut, n) &&
      !orr_colours_cut(&own, f->cut, n))
    return false;
  if (!orr_colours_map(all ? all : &own, f->cut, r->width, r->height,
                       f->places))
    return false;
  ColorMapObject *map = all ? NULL : map_of(&own);
  bool ok = (all || map) &&
      EGifPutImageDesc(file, r->x, r->y, r->width, r->height, false, map);
  for (int y = 0; ok && y < r->height; y++)
    ok = EGifPutLine(file, f->places + (size_t)y * (size_t)r->width, r->width);
  GifFreeMapObject(map);
  return ok;
}

static bool put_frame(GifFileType *file, film *f, bool first, int delay,
                      const orr_colours *all) {
  GraphicsControlBlock control = {
      .DisposalMode = DISPOSE_DO_NOT,
      .DelayTime = delay,
      .TransparentColor = NO_TRANSPARENT_COLOR,
  };
  GifByteType bytes[4];
  const size_t size = EGifGCBToExtension(&control, bytes);
  const rectangle r =
      first ? (rectangle){0, 0, f->width, f->height} : changed(f);
  return EGifPutExtension(file, GRAPHICS_EXT_FUNC_CODE, (int)size, bytes) &&
      put_pixels(file, f, &r, all);
}

// Netscape's extension: without it a film stops after one pass.
static bool put_loop(GifFileType *file) {
  static const char name[] = "NETSCAPE2.0";
  static const uint8_t for_ever[] = {1, 0, 0};
  return EGifPutExtensionLeader(file, APPLICATION_EXT_FUNC_CODE) &&
      EGifPutExtensionBlock(file, 11, name) &&
      EGifPutExtensionBlock(file, 3, for_ever) && EGifPutExtensionTrailer(file);
}

static bool put_film(GifFileType *file, film *f, const orr_film *given) {
  orr_colours all = {0};
  bool few = true;
  for (int i = 0; few && i < given->n; i++) {
    if (!load(f, given->frames[i])) return false;
    few = orr_colours_add(&all, f->now, f->pixels);
  }
  ColorMapObject *map = few ? map_of(&all) : NULL;
  EGifSetGifVersion(file, true);
  bool ok = (!few || map) &&
      EGifPutScreenDesc(file, f->width, f->height, 8, 0, map) &&
      (!given->loop || put_loop(file));
  GifFreeMapObject(map);
  for (int i = 0; ok && i < given->n; i++) {
    if (orr_interrupted()) return orr_set_error("interrupted");
    ok = load(f, given->frames[i]) &&
        put_frame(file, f, i == 0, given->delays[i], few ? &all : NULL);
    uint8_t *before = f->before;
    f->before = f->now;
    f->now = before;
  }
  return ok;
}

static bool make(film *f, const orr_film *given) {
  int code = 0;
  orr_clear_error();
  GifFileType *file = EGifOpen(f, put, &code);
  bool ok = file && put_film(file, f, given);
  // Closing writes the end; what failed before is freed all the same.
  if (file && !EGifCloseFile(file, &code)) ok = false;
  if (!ok && !*orr_error())
    orr_io_fail(f->who, "the film", "cannot be made: %s",
                code ? GifErrorString(code) : "no memory");
  return ok;
}

bool orr_encode_gif(const char *who, const orr_film *given, void **data,
                    size_t *size, size_t *capacity) {
  int64_t channels;
  const int64_t *first = orr_sizes(given->frames[0]);
  const int rank = orr_rank(given->frames[0]);
  for (int i = 0; i < given->n; i++) {
    const orr_tensor *t = given->frames[i];
    if (!orr_pixels_fit(who, t, "1 or 3", "GIF", UINT16_MAX, &channels))
      return false;
    const int64_t *own = orr_sizes(t) + orr_rank(t) - 2;
    if (memcmp(own, first + rank - 2, 2 * sizeof *own) != 0)
      return orr_set_error("%s: frame %d is %lld x %lld pixels, the first "
                           "%lld x %lld; make them alike",
                           who, i + 1, (long long)own[1], (long long)own[0],
                           (long long)first[rank - 1],
                           (long long)first[rank - 2]);
  }
  film f = {.who = who,
            .width = (int)first[rank - 1],
            .height = (int)first[rank - 2]};
  f.pixels = (size_t)f.width * (size_t)f.height;
  const size_t bytes = 10 * f.pixels;
  uint8_t *room = orr_alloc(bytes);
  if (!room) return false;
  f.now = room;
  f.before = room + 3 * f.pixels;
  f.cut = room + 6 * f.pixels;
  f.places = room + 9 * f.pixels;
  const bool ok = make(&f, given);
  orr_free(room, bytes);
  if (!ok && f.data) orr_free(f.data, f.capacity);
  *data = ok ? f.data : NULL;
  *size = f.size;
  *capacity = f.capacity;
  return ok;
}

#else

bool orr_encode_gif(const char *who, const orr_film *given, void **data,
                    size_t *size, size_t *capacity) {
  (void)given;
  (void)data;
  (void)size;
  (void)capacity;
  return orr_io_fail(who, "the film",
                     "is to be a GIF, but this build has no giflib; build it "
                     "with -Dgif=enabled");
}

#endif
