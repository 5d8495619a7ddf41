// png.c -- pictures, through libspng, which checks every chunk's CRC.
#include <stdlib.h>
#include <string.h>
#include "io.h"
#ifdef ORR_HAVE_PNG
#include <spng.h>

// ---------------------------------------------------------------- reading

// Channels of the tensor for this kind of PNG.
static int channels_of(spng_ctx *ctx, const struct spng_ihdr *h) {
  struct spng_trns trns;
  bool clear = spng_get_trns(ctx, &trns) == 0;
  switch (h->color_type) {
  case SPNG_COLOR_TYPE_GRAYSCALE:
    return clear ? 4 : 1;
  case SPNG_COLOR_TYPE_TRUECOLOR:
  case SPNG_COLOR_TYPE_INDEXED:
    return clear ? 4 : 3;
  default:
    return 4;
  }
}

static bool check_size(orr_picture *p, const struct spng_ihdr *h,
                       uint64_t file) {
  static const uint8_t samples[] = {1, 0, 3, 1, 2, 0, 4};
  uint64_t bits = (uint64_t)h->width * samples[h->color_type] * h->bit_depth;
  // deflate packs at most 1032 to 1.
  if (bits / 8 * h->height / 1032 > file)
    return orr_picture_fail(
        p,
        "is damaged: %u x %u pixels do not fit into its %llu bytes; copy it "
        "again",
        h->width, h->height, (unsigned long long)file);
  return true;
}

static bool png_failed(orr_picture *p, int code) {
  return orr_picture_fail(p, "is not a whole PNG picture: %s; copy it again",
                          spng_strerror(code));
}

// libspng is content without the last chunk's checksum.
static bool is_whole(const void *data, size_t size) {
  return memmem(data, size, "\0\0\0\0IEND\xAE\x42\x60\x82", 12) != NULL;
}

static bool decode(spng_ctx *ctx, uint64_t file, orr_picture *p) {
  struct spng_ihdr h;
  int code = spng_get_ihdr(ctx, &h);
  if (code) return png_failed(p, code);
  if (!check_size(p, &h, file)) return false;
  code = spng_decoded_image_size(ctx, SPNG_FMT_RGBA8, &p->bytes);
  if (code) return png_failed(p, code);
  p->channels = channels_of(ctx, &h);
  p->stride = 4;
  p->width = h.width;
  p->height = h.height;
  p->pixels = p->take(p->bytes);
  if (!p->pixels) return false;
  code = spng_decode_image(ctx, p->pixels, p->bytes, SPNG_FMT_RGBA8,
                           SPNG_DECODE_TRNS);
  if (!code) code = spng_decode_chunks(ctx);  // to the closing chunk
  return code ? png_failed(p, code) : true;
}

bool orr_decode_png(const void *data, size_t size, orr_picture *p) {
  if (size < 8 || memcmp(data, "\x89PNG\r\n\x1a\n", 8))
    return orr_picture_fail(p, "is not a PNG picture; convert it to PNG");
  if (!is_whole(data, size))
    return orr_picture_fail(p,
                            "is cut short: its end is missing; copy it again");
  spng_ctx *ctx = spng_ctx_new(0);
  bool ok = ctx != NULL;
  if (ok && spng_set_png_buffer(ctx, data, size))
    ok = orr_picture_fail(p, "cannot be read");
  ok = ok && decode(ctx, size, p);
  spng_ctx_free(ctx);
  return ok;
}

// ---------------------------------------------------------------- writing

// The file in a block of libspng's own (for free); NULL when it fails.
static void *encode(const uint8_t *pixels, size_t bytes, struct spng_ihdr *h,
                    size_t *size, int *code) {
  spng_ctx *ctx = spng_ctx_new(SPNG_CTX_ENCODER);
  void *png = NULL;
  *code = ctx ? 0 : SPNG_EMEM;
  if (!*code) *code = spng_set_option(ctx, SPNG_ENCODE_TO_BUFFER, 1);
  if (!*code) *code = spng_set_ihdr(ctx, h);
  if (!*code)
    *code = spng_encode_image(ctx, pixels, bytes, SPNG_FMT_PNG,
                              SPNG_ENCODE_FINALIZE);
  if (!*code) png = spng_get_png_buffer(ctx, size, code);
  spng_ctx_free(ctx);
  return png;
}

bool orr_encode_png(const char *who, const char *name, orr_tensor *t,
                    void **data, size_t *size) {
  int rank = orr_rank(t);
  int64_t channels;
  if (!orr_pixels_fit(who, t, "1, 3 or 4", "PNG", INT32_MAX, &channels))
    return false;
  struct spng_ihdr h = {
      .width = (uint32_t)orr_sizes(t)[rank - 1],
      .height = (uint32_t)orr_sizes(t)[rank - 2],
      .bit_depth = 8,
      .color_type = channels == 1 ? SPNG_COLOR_TYPE_GRAYSCALE
          : channels == 3         ? SPNG_COLOR_TYPE_TRUECOLOR
                                  : SPNG_COLOR_TYPE_TRUECOLOR_ALPHA,
  };
  size_t bytes = (size_t)orr_count(t);
  orr_tensor *c = orr_contiguous(t);
  uint8_t *pixels = c ? orr_alloc(bytes) : NULL;
  void *png = NULL;
  int code = 0;
  *data = NULL;
  if (pixels) {
    orr_pixels_interleave(c, channels, pixels);
    png = encode(pixels, bytes, &h, size, &code);
    if (!png)
      orr_io_fail(who, name, "cannot be made: %s", spng_strerror(code));
    else if ((*data = orr_alloc(*size)))
      memcpy(*data, png, *size);
    free(png);
    orr_free(pixels, bytes);
  }
  orr_release(c);
  return *data != NULL;
}

#else

bool orr_decode_png(const void *data, size_t size, orr_picture *p) {
  (void)data;
  (void)size;
  return orr_picture_fail(p,
                          "is a picture, but this build has no libspng; build "
                          "it with -Dpng=enabled");
}

bool orr_encode_png(const char *who, const char *name, orr_tensor *t,
                    void **data, size_t *size) {
  (void)t;
  (void)data;
  (void)size;
  return orr_io_fail(who, name,
                     "is to be a picture, but this build has no "
                     "libspng; build it with -Dpng=enabled");
}

#endif

bool orr_write_png(const char *who, const char *path, orr_tensor *t) {
  void *data = NULL;
  size_t size = 0;
  if (!orr_encode_png(who, path, t, &data, &size)) return false;
  bool ok = orr_write_file(who, path, data, size);
  orr_free(data, size);
  return ok;
}
