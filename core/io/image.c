// image.c -- what pictures of all formats share: pixels between the tensor's
// [C, H, W] and a file's [H, W, C], and which format a file is in.
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "io.h"

void orr_picture_clear(orr_picture *p) {
  if (p->pixels) p->give(p->pixels, p->bytes);
  p->pixels = NULL;
}

bool orr_picture_fail(orr_picture *p, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(p->why, sizeof p->why, format, args);
  va_end(args);
  return false;
}

static orr_tensor *spread(const orr_picture *p) {
  orr_tensor *t =
      orr_empty(ORR_U8, 3, (int64_t[]){p->channels, p->height, p->width});
  if (!t) return NULL;
  const size_t channels = (size_t)p->channels, stride = (size_t)p->stride;
  const size_t pixels = (size_t)(p->height * p->width);
  uint8_t *to = orr_data(t);
  for (size_t c = 0; c < channels; c++)
    for (size_t i = 0; i < pixels; i++)
      to[c * pixels + i] = p->pixels[stride * i + c];
  return t;
}

typedef bool decode_fn(const void *data, size_t size, orr_picture *p);

static orr_tensor *read_picture(orr_input *in, decode_fn *decode) {
  void *data;
  size_t size, capacity;
  if (!orr_input_all(in, &data, &size, &capacity)) return NULL;
  orr_picture p = {.take = orr_alloc, .give = orr_free};
  orr_tensor *t = NULL;
  if (decode(data, size, &p))
    t = spread(&p);
  else if (*p.why)
    orr_input_fail(in, "%s", p.why);
  else
    orr_set_error("%s: no memory for %s", in->who, in->name);
  orr_picture_clear(&p);
  orr_free(data, capacity);
  return t;
}

static uint8_t shade(double x) {
  return x >= 1 ? 255 : x > 0 ? (uint8_t)lrint(x * 255) : 0;
}

void orr_pixels_interleave(orr_tensor *t, int64_t channels, uint8_t *to) {
  int64_t pixels = orr_count(t) / channels;
  const void *from = orr_data(t);
  for (int64_t c = 0; c < channels; c++)
    for (int64_t i = 0; i < pixels; i++) {
      int64_t at = c * pixels + i;
      uint8_t value;
      switch (orr_tensor_dtype(t)) {
      case ORR_F32:
        value = shade((double)((const float *)from)[at]);
        break;
      case ORR_F64:
        value = shade(((const double *)from)[at]);
        break;
      default:
        value = ((const uint8_t *)from)[at];
      }
      to[i * channels + c] = value;
    }
}

bool orr_pixels_fit(const char *who, const orr_tensor *t, const char *counts,
                    const char *format, int64_t limit, int64_t *channels) {
  char shape[128];
  const int64_t *size = orr_sizes(t);
  int rank = orr_rank(t);
  orr_shape_text(t, shape, sizeof shape);
  *channels = rank == 2 ? 1 : rank == 3 ? size[0] : 0;
  if (*channels < 1 || *channels > 9 || !strchr(counts, (int)(*channels + '0')))
    return orr_set_error("%s: image is %s; it must be [H, W] or [C, H, W] with "
                         "C = %s",
                         who, shape, counts);
  if (orr_tensor_dtype(t) == ORR_I64)
    return orr_set_error("%s: image is int64; make it uint8, or float from 0 "
                         "to 1",
                         who);
  if (orr_count(t) == 0 || size[rank - 1] > limit || size[rank - 2] > limit)
    return orr_set_error("%s: image is %s; a %s has at least one pixel and at "
                         "most %lld a side",
                         who, shape, format, (long long)limit);
  return true;
}

bool orr_decode_image(const void *data, size_t size, orr_picture *p) {
  if (size == 0) return orr_picture_fail(p, "is empty; copy it again");
  if (size >= 2 && !memcmp(data, "\xff\xd8", 2))
    return orr_decode_jpeg(data, size, p);
  if (size >= 4 && !memcmp(data, "\x89PNG", 4))
    return orr_decode_png(data, size, p);
  return orr_picture_fail(p, "is neither a PNG nor a JPEG picture; convert it");
}

orr_tensor *orr_read_png(orr_input *in) {
  return read_picture(in, orr_decode_png);
}

orr_tensor *orr_read_jpeg(orr_input *in) {
  return read_picture(in, orr_decode_jpeg);
}

orr_tensor *orr_read_image(orr_input *in) {
  return read_picture(in, orr_decode_image);
}
