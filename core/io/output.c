// output.c -- files that appear whole or not at all: written under a temporary
// name in the same folder, flushed to the disk, then renamed.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "io.h"
#ifdef ORR_HAVE_GZIP
#include <zlib.h>
#endif

enum { PIECE = 1 << 20 };  // between two looks at the interrupt flag

bool orr_output_file(orr_output *out, const char *who, const char *path) {
  *out = (orr_output){.who = who, .path = path, .fd = -1};
  out->temporary_size = strlen(path) + 32;
  out->temporary = orr_alloc(out->temporary_size);
  if (!out->temporary) return false;
  for (int i = 0; i < 1000 && out->fd < 0; i++) {
    snprintf(out->temporary, out->temporary_size, "%s.%ld-%d.tmp", path,
             (long)getpid(), i);
    out->fd =
        open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (out->fd < 0 && errno != EEXIST && errno != EINTR) break;
  }
  if (out->fd >= 0) return true;
  orr_io_fail(who, path, "cannot be written: %s", strerror(errno));
  orr_free(out->temporary, out->temporary_size);
  out->temporary = NULL;
  return false;
}

static bool put(orr_output *out, const void *data, size_t n) {
  for (const char *p = data; n > 0;) {
    if (orr_interrupted()) return orr_set_error("interrupted");
    ssize_t done = write(out->fd, p, n < PIECE ? n : PIECE);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0)
      return orr_io_fail(out->who, out->path, "cannot be written: %s",
                         strerror(errno));
    p += done;
    n -= (size_t)done;
  }
  return true;
}

#ifdef ORR_HAVE_GZIP

bool orr_output_gzip(orr_output *out) {
  z_stream *z = orr_alloc_zero(sizeof *z);
  if (!z) return false;
  // 15 + 16: the largest window, in gzip's wrapping. Its header has no time
  // in it, so equal contents make equal files.
  if (deflateInit2(z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    orr_free(z, sizeof *z);
    return orr_io_fail(out->who, out->path, "cannot be packed: no memory");
  }
  out->deflate = z;
  return true;
}

static bool pack(orr_output *out, const void *data, size_t n, bool finish) {
  z_stream *z = out->deflate;
  uint8_t buffer[16384];
  const uint8_t *p = data;
  do {
    size_t piece = n < PIECE ? n : PIECE;
    n -= piece;
    z->next_in = (Bytef *)(uintptr_t)p;
    z->avail_in = (uInt)piece;
    p += piece;
    do {
      z->next_out = buffer;
      z->avail_out = sizeof buffer;
      deflate(z, finish && n == 0 ? Z_FINISH : Z_NO_FLUSH);
      if (!put(out, buffer, sizeof buffer - z->avail_out)) return false;
    } while (z->avail_out == 0);
  } while (n > 0);
  return true;
}

static void end_pack(orr_output *out) {
  if (!out->deflate) return;
  deflateEnd(out->deflate);
  orr_free(out->deflate, sizeof(z_stream));
  out->deflate = NULL;
}

#else

bool orr_output_gzip(orr_output *out) {
  return orr_io_fail(
      out->who, out->path,
      "is to be gzipped, but this build has no zlib; build it with "
      "-Dgzip=enabled");
}
static bool pack(orr_output *out, const void *data, size_t n, bool finish) {
  (void)finish;
  return put(out, data, n);
}
static void end_pack(orr_output *out) { (void)out; }

#endif

bool orr_output_write(orr_output *out, const void *data, size_t n) {
  return out->deflate ? pack(out, data, n, false) : put(out, data, n);
}

void orr_output_drop(orr_output *out) {
  end_pack(out);
  if (out->fd >= 0) close(out->fd);
  out->fd = -1;
  if (!out->temporary) return;
  unlink(out->temporary);
  orr_free(out->temporary, out->temporary_size);
  out->temporary = NULL;
}

// The rename itself must survive a crash: flush the folder too, where the
// system lets us.
static void flush_folder(char *path) {
  char *slash = strrchr(path, '/');
  if (slash) slash[slash == path ? 1 : 0] = 0;
  int fd = open(slash ? path : ".", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  (void)fsync(fd);
  close(fd);
}

bool orr_output_commit(orr_output *out) {
  bool ok = !out->deflate || pack(out, NULL, 0, true);
  end_pack(out);
  int failed = 0;
  while (ok && (failed = fsync(out->fd)) < 0 && errno == EINTR)
    ;
  // Some file systems cannot flush, and say so with EINVAL.
  if (ok && failed && errno != EINVAL)
    ok = orr_io_fail(out->who, out->path, "cannot be written: %s",
                     strerror(errno));
  if (close(out->fd) < 0 && errno != EINTR && ok)
    ok = orr_io_fail(out->who, out->path, "cannot be written: %s",
                     strerror(errno));
  out->fd = -1;
  if (ok && rename(out->temporary, out->path) < 0)
    ok = orr_io_fail(out->who, out->path, "cannot be written: %s",
                     strerror(errno));
  if (!ok) {
    orr_output_drop(out);
    return false;
  }
  flush_folder(out->temporary);
  orr_free(out->temporary, out->temporary_size);
  out->temporary = NULL;
  return true;
}

bool orr_write_file(const char *who, const char *path, const void *data,
                    size_t size) {
  orr_output out;
  if (!orr_output_file(&out, who, path)) return false;
  if (orr_output_write(&out, data, size)) return orr_output_commit(&out);
  orr_output_drop(&out);
  return false;
}
