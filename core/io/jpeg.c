// jpeg.c -- photographs, through libjpeg-turbo. Any kind it decodes: baseline
// and progressive, grey, YCbCr and RGB, CMYK turned into RGB. EXIF is not looked
// at: a picture comes as its pixels are stored, even if EXIF would turn it.
//
// JPEG has no checksum: damage among the pixels may go unseen, damage that
// makes the decoder warn (a missing end, a wrong code) is refused.
#include <string.h>
#include "io.h"
#ifdef ORR_HAVE_JPEG
#include <turbojpeg.h>

// ---------------------------------------------------------------- reading

static bool jpeg_failed(orr_picture *p, tjhandle tj) {
  return orr_picture_fail(p, "is not a whole JPEG picture: %s; copy it again",
                          tjGetErrorStr2(tj));
}

// Whether Adobe's marker stands before the pixels. Where it does, CMYK is
// stored as 255 less the ink.
static bool has_adobe_marker(const uint8_t *data, size_t size) {
  for (size_t at = 2; at + 9 <= size && data[at] == 0xff;) {
    const uint8_t marker = data[at + 1];
    if (marker == 0xff) {  // a byte of filling
      at++;
      continue;
    }
    if (marker == 0xda) return false;
    if (marker == 0xee && !memcmp(data + at + 4, "Adobe", 5)) return true;
    at += 2 + ((size_t)data[at + 2] << 8 | data[at + 3]);
  }
  return false;
}

// In place, four bytes to a pixel: what is left of white under three inks and
// the black one.
static void cmyk_to_rgb(uint8_t *p, size_t pixels, bool inverted) {
  for (size_t i = 0; i < pixels; i++, p += 4)
    for (int c = 0; c < 3; c++) {
      const unsigned a = inverted ? p[c] : 255u - p[c];
      const unsigned k = inverted ? p[3] : 255u - p[3];
      p[c] = (uint8_t)((a * k + 127) / 255);
    }
}

// `colours` is libjpeg's name of the colour space.
static bool read_header(orr_picture *p, tjhandle tj, const uint8_t *data,
                        size_t size, int *colours) {
  int width, height, subsampling;
  if (tjDecompressHeader3(tj, data, (unsigned long)size, &width, &height,
                          &subsampling, colours) < 0)
    return jpeg_failed(p, tj);
  // A block of 8 x 8 pixels takes at least one bit in each channel.
  if ((uint64_t)width * (uint64_t)height / 512 > size)
    return orr_picture_fail(p,
                            "is damaged: %d x %d pixels do not fit into its "
                            "%zu bytes; copy it again",
                            width, height, size);
  p->width = width;
  p->height = height;
  return true;
}

static bool decode(orr_picture *p, tjhandle tj, const uint8_t *data,
                   size_t size) {
  int colours;
  if (!read_header(p, tj, data, size, &colours)) return false;
  const bool grey = colours == TJCS_GRAY;
  const bool inks = colours == TJCS_CMYK || colours == TJCS_YCCK;
  p->stride = grey ? 1 : inks ? 4 : 3;
  p->channels = grey ? 1 : 3;
  const size_t pixels = (size_t)p->width * (size_t)p->height;
  const int format = grey ? TJPF_GRAY : inks ? TJPF_CMYK : TJPF_RGB;
  // A progressive picture of endless scans would take endless time.
  const int flags =
      TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS | TJFLAG_ACCURATEDCT;
  p->bytes = pixels * (size_t)p->stride;
  p->pixels = p->take(p->bytes);
  if (!p->pixels) return false;
  if (tjDecompress2(tj, data, (unsigned long)size, p->pixels, (int)p->width, 0,
                    (int)p->height, format, flags) < 0)
    return jpeg_failed(p, tj);
  if (inks) cmyk_to_rgb(p->pixels, pixels, has_adobe_marker(data, size));
  return true;
}

bool orr_decode_jpeg(const void *data, size_t size, orr_picture *p) {
  if (size < 3 || memcmp(data, "\xff\xd8\xff", 3))
    return orr_picture_fail(p, "is not a JPEG picture; convert it to JPEG");
  tjhandle tj = tjInitDecompress();
  const bool ok = tj && decode(p, tj, data, size);
  if (tj) tjDestroy(tj);
  return ok;
}

// ---------------------------------------------------------------- writing

static bool encode(orr_output *out, const uint8_t *pixels, const orr_tensor *t,
                   int64_t channels, int quality) {
  const int rank = orr_rank(t);
  const int width = (int)orr_sizes(t)[rank - 1];
  const int height = (int)orr_sizes(t)[rank - 2];
  // Colour at half the size shows once the rest is fine.
  const int subsampling = channels == 1 ? TJSAMP_GRAY
      : quality >= 90                   ? TJSAMP_444
                                        : TJSAMP_420;
  unsigned char *jpeg = NULL;
  unsigned long size = 0;
  tjhandle tj = tjInitCompress();
  bool ok = tj &&
      tjCompress2(tj, pixels, width, 0, height,
                  channels == 1 ? TJPF_GRAY : TJPF_RGB, &jpeg, &size,
                  subsampling, quality, TJFLAG_ACCURATEDCT) == 0;
  if (!ok)
    orr_io_fail(out->who, out->path, "cannot be made: %s", tjGetErrorStr2(tj));
  else
    ok = orr_output_write(out, jpeg, size);
  tjFree(jpeg);
  if (tj) tjDestroy(tj);
  return ok;
}

bool orr_write_jpeg(const char *who, const char *path, orr_tensor *t,
                    int quality) {
  int64_t channels;
  if (quality < 1 || quality > 100)
    return orr_set_error("%s: quality is %d; it must be 1 to 100", who,
                         quality);
  if (!orr_pixels_fit(who, t, "1 or 3", "JPEG", 65500, &channels)) return false;
  size_t bytes = (size_t)orr_count(t);
  orr_output out;
  orr_tensor *c = orr_contiguous(t);
  uint8_t *pixels = c ? orr_alloc(bytes) : NULL;
  bool ok = pixels && orr_output_file(&out, who, path);
  if (ok) {
    orr_pixels_interleave(c, channels, pixels);
    ok = encode(&out, pixels, c, channels, quality);
    if (ok)
      ok = orr_output_commit(&out);
    else
      orr_output_drop(&out);
  }
  if (pixels) orr_free(pixels, bytes);
  orr_release(c);
  return ok;
}

#else

bool orr_decode_jpeg(const void *data, size_t size, orr_picture *p) {
  (void)data;
  (void)size;
  return orr_picture_fail(p,
                          "is a JPEG picture, but this build has no "
                          "libjpeg-turbo; build it with -Djpeg=enabled");
}

bool orr_write_jpeg(const char *who, const char *path, orr_tensor *t,
                    int quality) {
  (void)t;
  (void)quality;
  return orr_io_fail(who, path,
                     "is to be a JPEG picture, but this build has no "
                     "libjpeg-turbo; build it with -Djpeg=enabled");
}

#endif
