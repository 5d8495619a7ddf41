// input.c -- bytes from a file, memory, gzip data or a zip entry, with one way
// of saying that they are too few, too many or damaged.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io.h"
#ifdef ORR_HAVE_GZIP
#include <zlib.h>
#endif
#ifdef ORR_HAVE_ZIP
#include <zip.h>
#endif

enum {
  PIECE = 1 << 20,   // between two looks at the interrupt flag
  PACKED = 1 << 16,  // of gzip data held at a time
};
static bool world;

void orr_io_begin(void) {
  world = false;
  orr_clear_error();
}

bool orr_io_world(void) { return world; }

// Names come out of files: no line break or terminal escape may come along.
void orr_io_one_line(char *text) {
  for (; *text; text++)
    if ((unsigned char)*text < 32 || *text == 127) *text = '?';
}

static bool fail(const char *who, const char *name, const char *format,
                 va_list args) {
  char text[512];
  vsnprintf(text, sizeof text, format, args);
  orr_io_one_line(text);
  // A sentence that is pending already is the cause: out of memory, say.
  world |= !*orr_error();
  return orr_set_error("%s: %s %s", who, name, text);
}

bool orr_io_fail(const char *who, const char *name, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fail(who, name, format, args);
  va_end(args);
  return false;
}

bool orr_input_fail(const orr_input *in, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fail(in->who, in->name, format, args);
  va_end(args);
  return false;
}

// ---------------------------------------------------------------- opening

bool orr_input_file(orr_input *in, const char *who, const char *path) {
  *in = (orr_input){.who = who, .name = path, .fd = -1};
  do in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  while (in->fd < 0 && errno == EINTR && !orr_interrupted());
  if (in->fd < 0)
    return orr_input_fail(in, "cannot be read: %s", strerror(errno));
  struct stat s;
  if (fstat(in->fd, &s) < 0)
    return orr_input_fail(in, "cannot be read: %s", strerror(errno));
  if (S_ISDIR(s.st_mode))
    return orr_input_fail(in, "is a folder; give a file in it");
  if (!S_ISREG(s.st_mode))
    return orr_input_fail(in, "is not an ordinary file; copy it to one");
  in->size = in->left = (uint64_t)s.st_size;
  in->left_known = true;
  return true;
}

void orr_input_memory(orr_input *in, const char *who, const char *name,
                      const void *data, size_t size) {
  *in = (orr_input){.who = who,
                    .name = name,
                    .fd = -1,
                    .memory = data,
                    .size = size,
                    .left = size,
                    .left_known = true};
}

// ---------------------------------------------------------------- raw bytes

static bool raw_seek(orr_input *in, uint64_t position) {
  if (in->fd >= 0 && lseek(in->fd, (off_t)position, SEEK_SET) < 0)
    return orr_input_fail(in, "cannot be read: %s", strerror(errno));
  in->position = position;
  return true;
}

// Up to n bytes; 0 at the end; -1 is a failure, told.
static ssize_t raw_some(orr_input *in, void *to, size_t n) {
  if (orr_interrupted()) {
    orr_set_error("interrupted");
    return -1;
  }
  if (n > PIECE) n = PIECE;
  if (in->fd < 0) {
    if (n > in->size - in->position) n = (size_t)(in->size - in->position);
    if (n) memcpy(to, in->memory + in->position, n);
    in->position += n;
    return (ssize_t)n;
  }
  ssize_t got;
  do got = read(in->fd, to, n);
  while (got < 0 && errno == EINTR && !orr_interrupted());
  if (got < 0)
    orr_input_fail(in, "cannot be read: %s", strerror(errno));
  else
    in->position += (uint64_t)got;
  return got;
}

// ---------------------------------------------------------------- gzip

#ifdef ORR_HAVE_GZIP

// Above this a gzip file is unpacked once just to learn its size, rather than
// believed about it.
static const uint64_t believed = (uint64_t)256 << 20;

struct orr_gunzip {
  z_stream z;
  uint64_t start;  // of the gzip data in the input
  uint64_t given;  // bytes unpacked and handed out
  bool ended;      // the last member's checksum was right
  uint8_t packed[PACKED];
};

static void close_gunzip(orr_input *in) {
  if (!in->gunzip) return;
  inflateEnd(&in->gunzip->z);
  orr_free(in->gunzip, sizeof *in->gunzip);
  in->gunzip = NULL;
}

bool orr_input_gunzip(orr_input *in) {
  uint8_t magic[2];
  uint64_t start = in->position;
  if (in->left < 2) return true;
  for (size_t have = 0; have < 2;) {
    ssize_t got = raw_some(in, magic + have, 2 - have);
    if (got <= 0) return got < 0 ? false : raw_seek(in, start);
    have += (size_t)got;
  }
  if (!raw_seek(in, start)) return false;
  if (magic[0] != 0x1f || magic[1] != 0x8b) return true;
  struct orr_gunzip *g = orr_alloc_zero(sizeof *g);
  if (!g) return false;
  if (inflateInit2(&g->z, 15 + 16) != Z_OK) {
    orr_free(g, sizeof *g);
    return orr_input_fail(in, "cannot be unpacked: no memory");
  }
  g->start = start;
  in->gunzip = g;
  in->left_known = false;
  return true;
}

static bool refill(orr_input *in) {
  struct orr_gunzip *g = in->gunzip;
  ssize_t got = raw_some(in, g->packed, sizeof g->packed);
  if (got < 0) return false;
  if (got == 0)
    return orr_input_fail(in,
                          "is cut short inside its gzip data; copy it "
                          "again");
  g->z.next_in = g->packed;
  g->z.avail_in = (uInt)got;
  return true;
}

// One member has ended. What follows must be another, or nothing.
static bool next_member(orr_input *in) {
  struct orr_gunzip *g = in->gunzip;
  if (g->z.avail_in == 0 && in->position == in->size) return g->ended = true;
  if (inflateReset(&g->z) == Z_OK) return true;
  return orr_input_fail(in, "cannot be unpacked");
}

// Up to n unpacked bytes; 0 at the end; -1 is a failure, told.
static ssize_t gunzip_some(orr_input *in, void *to, size_t n) {
  struct orr_gunzip *g = in->gunzip;
  if (n > PIECE) n = PIECE;
  g->z.next_out = to;
  g->z.avail_out = (uInt)n;
  while (g->z.avail_out == n && !g->ended) {
    if (g->z.avail_in == 0 && !refill(in)) return -1;
    int code = inflate(&g->z, Z_NO_FLUSH);
    if (code == Z_STREAM_END ? !next_member(in)
                             : code != Z_OK && code != Z_BUF_ERROR) {
      if (code != Z_STREAM_END)
        orr_input_fail(in, "is damaged: %s; copy it again",
                       g->z.msg ? g->z.msg : "its gzip data makes no sense");
      return -1;
    }
  }
  n -= g->z.avail_out;
  g->given += n;
  return (ssize_t)n;
}

static bool gunzip_skip(orr_input *in, uint64_t n, uint64_t *skipped) {
  uint8_t buffer[16384];
  for (*skipped = 0; *skipped < n;) {
    uint64_t want = n - *skipped;
    ssize_t got =
        gunzip_some(in, buffer,
                    want < sizeof buffer ? (size_t)want : sizeof buffer);
    if (got < 0) return false;
    if (got == 0) return true;
    *skipped += (uint64_t)got;
  }
  return true;
}

// Back to `given` bytes from the start.
static bool gunzip_rewind(orr_input *in, uint64_t given) {
  struct orr_gunzip *g = in->gunzip;
  uint64_t skipped;
  if (!raw_seek(in, g->start)) return false;
  if (inflateReset(&g->z) != Z_OK)
    return orr_input_fail(in, "cannot be unpacked");
  g->z.avail_in = 0;
  g->ended = false;
  if (!gunzip_skip(in, given, &skipped)) return false;
  g->given = given;
  return true;
}

// The last four bytes of gzip data are its unpacked size modulo 2^32.
static bool trailer_size(orr_input *in, uint32_t *size) {
  uint8_t b[4] = {0};
  uint64_t here = in->position;
  if (in->size < 4 || !raw_seek(in, in->size - 4)) return false;
  for (size_t have = 0; have < 4;) {
    ssize_t got = raw_some(in, b + have, 4 - have);
    if (got <= 0) return false;
    have += (size_t)got;
  }
  *size = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
      (uint32_t)b[3] << 24;
  return raw_seek(in, here);
}

// Settles in->left. The trailer is believed when it says what the caller
// wants and that is not too much; else the data is unpacked to be measured.
static bool measure(orr_input *in, uint64_t wanted) {
  struct orr_gunzip *g = in->gunzip;
  uint64_t given = g->given, total = given + wanted, rest;
  uint32_t trailer;
  if (!trailer_size(in, &trailer))
    return orr_input_fail(in,
                          "is cut short inside its gzip data; copy it "
                          "again");
  // deflate packs at most 1032 to 1.
  if (trailer == (uint32_t)total && total <= believed &&
      total / 1032 <= in->size) {
    in->left = wanted;
  } else {
    if (!gunzip_skip(in, UINT64_MAX, &rest) || !gunzip_rewind(in, given))
      return false;
    in->left = rest;
  }
  in->left_known = true;
  return true;
}

#else

static void close_gunzip(orr_input *in) { (void)in; }
bool orr_input_gunzip(orr_input *in) {
  uint8_t magic[2] = {0};
  if (in->left >= 2 && raw_some(in, magic, 2) < 0) return false;
  if (magic[0] == 0x1f && magic[1] == 0x8b)
    return orr_input_fail(in,
                          "is gzipped, but this build has no zlib; build "
                          "it with -Dgzip=enabled, or gunzip the file");
  return raw_seek(in, 0);
}
static ssize_t gunzip_some(orr_input *in, void *to, size_t n) {
  return raw_some(in, to, n);
}
static bool measure(orr_input *in, uint64_t wanted) {
  (void)in;
  (void)wanted;
  return true;
}

#endif

// ---------------------------------------------------------------- reading

#ifdef ORR_HAVE_ZIP
static ssize_t entry_some(orr_input *in, void *to, size_t n) {
  if (orr_interrupted()) {
    orr_set_error("interrupted");
    return -1;
  }
  zip_int64_t got = zip_fread(in->entry, to, n < PIECE ? n : PIECE);
  if (got < 0)
    orr_input_fail(in, "is damaged: %s; copy it again",
                   zip_error_strerror(zip_file_get_error(in->entry)));
  return (ssize_t)got;
}
#else
static ssize_t entry_some(orr_input *in, void *to, size_t n) {
  return raw_some(in, to, n);
}
#endif

static ssize_t some(orr_input *in, void *to, size_t n) {
  ssize_t got = in->entry ? entry_some(in, to, n)
      : in->gunzip        ? gunzip_some(in, to, n)
                          : raw_some(in, to, n);
  if (got > 0 && in->left_known)
    in->left = in->left > (uint64_t)got ? in->left - (uint64_t)got : 0;
  return got;
}

bool orr_input_some(orr_input *in, void *to, size_t n, size_t *got) {
  ssize_t more = 1;
  for (*got = 0; *got < n && more > 0;) {
    more = some(in, (char *)to + *got, n - *got);
    *got += more > 0 ? (size_t)more : 0;
  }
  return more >= 0;
}

bool orr_input_read(orr_input *in, void *to, size_t n, const char *what) {
  size_t got;
  if (!orr_input_some(in, to, n, &got)) return false;
  if (got < n)
    return orr_input_fail(
        in,
        "is cut short: it ends after %zu of the %zu bytes of its %s; copy it "
        "again",
        got, n, what);
  return true;
}

bool orr_input_expect(orr_input *in, uint64_t n) {
  if (in->gunzip && !in->left_known && !measure(in, n)) return false;
  if (in->left < n)
    return orr_input_fail(in,
                          "is cut short: header says %" PRIu64
                          " bytes of data, file has "
                          "%" PRIu64 "; copy it again",
                          n, in->left);
  if (in->left > n)
    return orr_input_fail(in,
                          "is too long: header says %" PRIu64
                          " bytes of data, file has "
                          "%" PRIu64 "; copy it again",
                          n, in->left);
  return true;
}

bool orr_input_end(orr_input *in) {
  char c;
  ssize_t got = some(in, &c, 1);
  if (got > 0)
    return orr_input_fail(in, "has bytes after its data; copy it again");
  return got == 0;
}

bool orr_input_all(orr_input *in, void **data, size_t *size, size_t *capacity) {
  *data = NULL;
  *size = *capacity = 0;
  for (;;) {
    // One byte more than is known to come shows the end in the same read.
    size_t want = in->left_known ? (size_t)in->left + 1 : *capacity / 2 + 4096;
    if (*capacity - *size < want) {
      if (!orr_grow(data, *capacity, *size + want)) break;
      *capacity = *size + want;
    }
    ssize_t got = some(in, (char *)*data + *size, *capacity - *size);
    if (got == 0) return true;
    if (got < 0) break;
    *size += (size_t)got;
  }
  if (*data) orr_free(*data, *capacity);
  *data = NULL;
  return false;
}

void orr_input_close(orr_input *in) {
  close_gunzip(in);
#ifdef ORR_HAVE_ZIP
  if (in->entry) zip_fclose(in->entry);
#endif
  in->entry = NULL;
  if (in->fd >= 0) close(in->fd);
  in->fd = -1;
}
