// develop.c -- from a file's bytes to numbers to train on: decoded, brought to
// the channels that are wanted, scaled, cut, coloured, flipped, normalised.
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pictures.h"

// A picture that takes more than this decoded is no picture to train on.
#define MOST_BYTES ((size_t)1 << 30)

static void *take(size_t bytes) {
  return bytes <= MOST_BYTES ? malloc(bytes) : NULL;
}

static void give(void *block, size_t bytes) {
  (void)bytes;
  free(block);
}

static bool unreadable(char *why, size_t room, int code) {
  snprintf(why, room, "cannot be read: %s", strerror(code));
  return false;
}

static bool read_all(int fd, size_t size, uint8_t *to, char *why, size_t room) {
  for (size_t have = 0; have < size;) {
    const ssize_t got = read(fd, to + have, size - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(why, room, errno);
    if (got == 0) {
      snprintf(why, room, "has become shorter; copy it again");
      return false;
    }
    have += (size_t)got;
  }
  return true;
}

bool orr_slurp(const char *path, uint8_t **data, size_t *size, char *why,
               size_t room) {
  struct stat s;
  *data = NULL;
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return unreadable(why, room, errno);
  bool ok = false;
  if (fstat(fd, &s) < 0) {
    unreadable(why, room, errno);
  } else if (!S_ISREG(s.st_mode)) {
    snprintf(why, room, "is no file; give a picture");
  } else {
    *size = (size_t)s.st_size;
    *data = malloc(*size ? *size : 1);
    ok = *data && read_all(fd, *size, *data, why, room);
  }
  close(fd);
  if (!ok) {
    free(*data);
    *data = NULL;
  }
  return ok;
}

// ---------------------------------------------------------------- channels

static inline uint8_t over(uint8_t v, uint8_t alpha, uint8_t background) {
  return (uint8_t)((v * alpha + background * (255 - alpha) + 127) / 255);
}

// In place: transparency over the background, and grey where one channel is
// wanted (the weights of Rec. 601). Leaves 1 or 3 bytes a pixel.
static void to_channels(orr_picture *p, int wanted, uint8_t background) {
  const int stride = p->stride, channels = p->channels;
  const int left = wanted == 1 || channels == 1 ? 1 : 3;
  const size_t n = (size_t)(p->width * p->height);
  const uint8_t *from = p->pixels;
  uint8_t *to = p->pixels;
  if (stride != left || channels == 4)
    for (size_t i = 0; i < n; i++, from += stride, to += left) {
      uint8_t v[3] = {from[0], 0, 0};
      if (channels >= 3) memcpy(v, from, 3);
      if (channels == 4)
        for (int c = 0; c < 3; c++) v[c] = over(v[c], from[3], background);
      if (left == 1 && channels >= 3)
        v[0] = (uint8_t)((19595 * v[0] + 38470 * v[1] + 7471 * v[2] + 32768) >>
                         16);
      memcpy(to, v, (size_t)left);
    }
  p->stride = p->channels = left;
}

// ---------------------------------------------------------------- colours

static inline float clip(float v) { return v < 0 ? 0 : v > 1 ? 1 : v; }

static inline float luma(const float *v, int64_t i, int64_t plane) {
  return 0.299f * v[i] + 0.587f * v[i + plane] + 0.114f * v[i + 2 * plane];
}

// Towards a shade (factor < 1) or away from it, cut off at black and white.
static inline float blend(float v, float shade, float factor) {
  return clip(shade + (v - shade) * factor);
}

static float mean_shade(const float *v, int channels, int64_t plane) {
  double sum = 0;
  for (int64_t i = 0; i < plane; i++)
    sum += (double)(channels == 3 ? luma(v, i, plane) : v[i]);
  return (float)(sum / (double)plane);
}

// A channel's share of the range between the smallest and the largest, for a
// hue of `d` sixths of the circle from its own: 1 within a sixth, 0 from two.
static inline float trapezium(float d) {
  d = d < 0 ? -d : d;
  d = d > 3 ? 6 - d : d;
  return clip(2 - d);
}

// Turns hues, keeping the largest and the smallest of the three channels.
// Choices, not branches: the compiler does several pixels at once.
static void turn(float *restrict r, float *restrict g, float *restrict b,
                 int64_t n, float hue) {
  for (int64_t i = 0; i < n; i++) {
    const float x = r[i], y = g[i], z = b[i];
    const float yz = y > z ? y : z, least = y < z ? y : z;
    const float high = x > yz ? x : yz, low = x < least ? x : least;
    const float range = high - low;
    const float by = 1 / (range > 0 ? range : 1);
    float h = high == x ? (y - z) * by
        : high == y     ? 2 + (z - x) * by
                        : 4 + (x - y) * by;
    h += 6 * hue;  // from -4 to 8
    h = h < 0 ? h + 6 : h;
    h = h >= 6 ? h - 6 : h;
    r[i] = low + range * trapezium(h);
    g[i] = low + range * trapezium(h - 2);
    b[i] = low + range * trapezium(h - 4);
  }
}

static void colour(float *v, int channels, int64_t plane,
                   const orr_changes *by) {
  const int64_t n = channels * plane;
  for (int64_t i = 0; i < n; i++) v[i] = v[i] / 255;
  if (by->brightness != 1)
    for (int64_t i = 0; i < n; i++) v[i] = blend(v[i], 0, by->brightness);
  if (by->contrast != 1) {
    const float shade = mean_shade(v, channels, plane);
    for (int64_t i = 0; i < n; i++) v[i] = blend(v[i], shade, by->contrast);
  }
  if (channels == 3 && by->saturation != 1)
    for (int64_t i = 0; i < plane; i++) {
      const float shade = luma(v, i, plane);
      for (int c = 0; c < 3; c++)
        v[i + c * plane] = blend(v[i + c * plane], shade, by->saturation);
    }
  if (channels == 3 && by->hue != 0)
    turn(v, v + plane, v + 2 * plane, plane, by->hue);
  for (int64_t i = 0; i < n; i++) v[i] = v[i] * 255;
}

// ---------------------------------------------------------------- the whole

static void mirror(float *v, int64_t rows, int64_t width) {
  for (int64_t y = 0; y < rows; y++, v += width)
    for (int64_t a = 0, b = width - 1; a < b; a++, b--) {
      const float t = v[a];
      v[a] = v[b];
      v[b] = t;
    }
}

static int64_t rounded(double v) { return v < 1 ? 1 : (int64_t)(v + 0.5); }

// The size that a picture of h x w is scaled to.
static void scaled_size(const orr_plan *plan, int64_t *h, int64_t *w) {
  const double y = (double)plan->scaled_height / (double)*h;
  const double x = (double)plan->scaled_width / (double)*w;
  if (plan->fit == ORR_STRETCH || (plan->fit == ORR_COVER && x == y)) {
    *h = plan->scaled_height;
    *w = plan->scaled_width;
  } else if (plan->fit == ORR_COVER && y > x) {
    *w = rounded((double)*w * y);
    *h = plan->scaled_height;
  } else if (plan->fit == ORR_COVER) {
    *h = rounded((double)*h * x);
    *w = plan->scaled_width;
  }
}

static int64_t place(int64_t room, float share) {
  if (share < 0) return room / 2;
  const int64_t at = (int64_t)(share * (float)(room + 1));
  return at > room ? room : at;
}

static void normalise(float *v, const orr_plan *plan, int channels) {
  const int64_t plane = plan->height * plan->width;
  // From the last channel on, as one plane may become three.
  for (int c = plan->channels - 1; c >= 0; c--) {
    const float *from = v + (channels == 1 ? 0 : c) * plane;
    float *to = v + c * plane;
    for (int64_t i = 0; i < plane; i++)
      to[i] = (from[i] - plan->offset[c]) * plan->gain[c];
  }
}

static bool one_part(const orr_picture *p, int part, const orr_plan *plan,
                     const orr_changes *by, float *to, char *why, size_t room) {
  const int64_t width = p->width / plan->parts;
  const size_t stride = (size_t)p->stride;
  const orr_window from = {p->pixels + (size_t)(part * width) * stride,
                           (size_t)p->width * stride, p->height, width,
                           p->channels};
  int64_t h = p->height, w = width;
  scaled_size(plan, &h, &w);
  if (h < plan->height || w < plan->width) {
    snprintf(why, room,
             "is %lld x %lld, but %lld x %lld are to be cut from it; resize "
             "it",
             (long long)h, (long long)w, (long long)plan->height,
             (long long)plan->width);
    return false;
  }
  if (!orr_resample(&from, h, w, place(h - plan->height, by->down),
                    place(w - plan->width, by->across), plan->height,
                    plan->width, plan->filter, to))
    return false;
  if (by->brightness != 1 || by->contrast != 1 || by->saturation != 1 ||
      by->hue != 0)
    colour(to, p->channels, plan->height * plan->width, by);
  if (by->flip) mirror(to, p->channels * plan->height, plan->width);
  normalise(to, plan, p->channels);
  return true;
}

static bool decoded(const uint8_t *data, size_t size, orr_picture *p, char *why,
                    size_t room) {
  *p = (orr_picture){.take = take, .give = give};
  if (orr_decode_image(data, size, p)) return true;
  if (!*p->why && p->bytes > MOST_BYTES)
    orr_picture_fail(p, "is too large; scale it down");
  snprintf(why, room, "%s", p->why);
  orr_io_one_line(why);
  return false;
}

bool orr_picture_size(const uint8_t *data, size_t size, int64_t *height,
                      int64_t *width, char *why, size_t room) {
  orr_picture p;
  const bool ok = decoded(data, size, &p, why, room);
  *height = p.height;
  *width = p.width;
  orr_picture_clear(&p);
  return ok;
}

bool orr_develop(const uint8_t *data, size_t size, const orr_plan *plan,
                 const orr_changes *changes, float *const *to, char *why,
                 size_t room) {
  orr_picture p;
  bool ok = decoded(data, size, &p, why, room);
  if (ok && p.width % plan->parts) {
    snprintf(why, room, "is %lld wide, which has no two halves; cut it",
             (long long)p.width);
    ok = false;
  }
  if (ok) to_channels(&p, plan->channels, plan->background);
  for (int part = 0; ok && part < plan->parts; part++)
    ok = one_part(&p, part, plan, changes, to[part], why, room);
  orr_picture_clear(&p);
  return ok;
}
