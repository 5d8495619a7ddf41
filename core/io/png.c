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

static bool check_size(orr_input *in, const struct spng_ihdr *h,
                       uint64_t file) {
  static const uint8_t samples[] = {1, 0, 3, 1, 2, 0, 4};
  uint64_t bits = (uint64_t)h->width * samples[h->color_type] * h->bit_depth;
  // deflate packs at most 1032 to 1.
  if (bits / 8 * h->height / 1032 > file)
    return orr_input_fail(
        in,
        "is damaged: %u x %u pixels do not fit into its %llu bytes; copy it "
        "again",
        h->width, h->height, (unsigned long long)file);
  return true;
}

static bool png_failed(orr_input *in, int code) {
  return orr_input_fail(in, "is not a whole PNG picture: %s; copy it again",
                        spng_strerror(code));
}

// libspng is content without the last chunk's checksum.
static bool is_whole(const void *data, size_t size) {
  return memmem(data, size, "\0\0\0\0IEND\xAE\x42\x60\x82", 12) != NULL;
}

static orr_tensor *decode(orr_input *in, spng_ctx *ctx, uint64_t file) {
  struct spng_ihdr h;
  size_t bytes;
  int code = spng_get_ihdr(ctx, &h);
  if (code) {
    png_failed(in, code);
    return NULL;
  }
  if (!check_size(in, &h, file)) return NULL;
  code = spng_decoded_image_size(ctx, SPNG_FMT_RGBA8, &bytes);
  if (code) {
    png_failed(in, code);
    return NULL;
  }
  int64_t size[] = {channels_of(ctx, &h), h.height, h.width};
  uint8_t *rgba = orr_alloc(bytes);
  if (!rgba) return NULL;
  code = spng_decode_image(ctx, rgba, bytes, SPNG_FMT_RGBA8, SPNG_DECODE_TRNS);
  if (!code) code = spng_decode_chunks(ctx);  // to the closing chunk
  orr_tensor *t = NULL;
  if (code)
    png_failed(in, code);
  else if ((t = orr_empty(ORR_U8, 3, size)))
    orr_pixels_spread(rgba, 4, t);
  orr_free(rgba, bytes);
  return t;
}

orr_tensor *orr_read_png(orr_input *in) {
  void *data;
  size_t size, capacity;
  uint8_t magic[8] = {0};
  if (in->left < 8 || !orr_input_read(in, magic, 8, "header") ||
      memcmp(magic, "\x89PNG\r\n\x1a\n", 8)) {
    orr_input_fail(in, "is not a PNG picture; convert it to PNG");
    return NULL;
  }
  if (!orr_input_all(in, &data, &size, &capacity)) return NULL;
  // The signature again in front: libspng wants to see it.
  orr_tensor *t = NULL;
  if (orr_grow(&data, capacity, capacity + 8)) {
    capacity += 8;
    memmove((char *)data + 8, data, size);
    memcpy(data, magic, 8);
    spng_ctx *ctx = spng_ctx_new(0);
    if (!is_whole(data, size + 8))
      orr_input_fail(in, "is cut short: its end is missing; copy it again");
    else if (!ctx)
      orr_set_error("%s: no memory for %s", in->who, in->name);
    else if (spng_set_png_buffer(ctx, data, size + 8))
      orr_input_fail(in, "cannot be read");
    else
      t = decode(in, ctx, size);
    spng_ctx_free(ctx);
  }
  orr_free(data, capacity);
  return t;
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

orr_tensor *orr_read_png(orr_input *in) {
  orr_input_fail(in,
                 "is a picture, but this build has no libspng; build it "
                 "with -Dpng=enabled");
  return NULL;
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
