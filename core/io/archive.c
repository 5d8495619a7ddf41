// archive.c -- zip files of pictures. libzip is for one thread at a time, so
// reading an entry takes a lock; decoding, which takes long, needs none.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pictures.h"
#ifdef ORR_HAVE_ZIP
#include <zip.h>

// An entry that takes more than this unpacked is no picture.
#define MOST_BYTES ((uint64_t)1 << 30)

struct orr_archive {
  zip_t *zip;
  pthread_mutex_t lock;
  atomic_int references;
};

orr_archive *orr_archive_open(const char *who, const char *path) {
  int code;
  zip_t *zip = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, &code);
  if (!zip) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    orr_io_fail(who, path, "is not a whole zip file: %s; copy it again",
                zip_error_strerror(&error));
    zip_error_fini(&error);
    return NULL;
  }
  orr_archive *a = orr_alloc_zero(sizeof *a);
  if (!a) {
    zip_discard(zip);
    return NULL;
  }
  a->zip = zip;
  atomic_init(&a->references, 1);
  pthread_mutex_init(&a->lock, NULL);
  return a;
}

void orr_archive_retain(orr_archive *a) {
  if (a) atomic_fetch_add(&a->references, 1);
}

void orr_archive_release(orr_archive *a) {
  if (!a || atomic_fetch_sub(&a->references, 1) > 1) return;
  zip_discard(a->zip);
  pthread_mutex_destroy(&a->lock);
  orr_free(a, sizeof *a);
}

int64_t orr_archive_count(const orr_archive *a) {
  return zip_get_num_entries(a->zip, 0);
}

const char *orr_archive_name(orr_archive *a, int64_t entry) {
  pthread_mutex_lock(&a->lock);
  const char *name = zip_get_name(a->zip, (zip_uint64_t)entry, 0);
  pthread_mutex_unlock(&a->lock);
  return name ? name : "";
}

static bool refuse(char *why, size_t room, const char *what) {
  snprintf(why, room, "is damaged: %s; copy it again", what);
  return false;
}

// One byte more is asked for than there should be: the end is where libzip
// compares the checksum.
static bool unpack(zip_file_t *file, uint8_t *to, size_t size, char *why,
                   size_t room) {
  size_t have = 0;
  zip_int64_t got = 1;
  while (got > 0 && have <= size) {
    got = zip_fread(file, to + have, size + 1 - have);
    if (got > 0) have += (size_t)got;
  }
  if (got < 0)
    return refuse(why, room, zip_error_strerror(zip_file_get_error(file)));
  return have == size || refuse(why, room, "its size is wrong");
}

static bool read_entry(orr_archive *a, zip_uint64_t entry, uint8_t **data,
                       size_t *size, char *why, size_t room) {
  zip_stat_t s;
  zip_stat_init(&s);
  const zip_uint64_t need = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
  if (zip_stat_index(a->zip, entry, 0, &s) != 0 || (s.valid & need) != need)
    return refuse(why, room, zip_strerror(a->zip));
  // deflate packs at most 1032 to 1.
  if (s.size > MOST_BYTES || s.size / 1032 > s.comp_size)
    return refuse(why, room, "its size is not to be believed");
  zip_file_t *file = zip_fopen_index(a->zip, entry, 0);
  if (!file) return refuse(why, room, zip_strerror(a->zip));
  *size = (size_t)s.size;
  *data = malloc(*size + 1);
  const bool ok = *data && unpack(file, *data, *size, why, room);
  zip_fclose(file);
  return ok;
}

bool orr_archive_read(orr_archive *a, int64_t entry, uint8_t **data,
                      size_t *size, char *why, size_t room) {
  *data = NULL;
  pthread_mutex_lock(&a->lock);
  const bool ok = read_entry(a, (zip_uint64_t)entry, data, size, why, room);
  pthread_mutex_unlock(&a->lock);
  if (!ok) {
    free(*data);
    *data = NULL;
  }
  return ok;
}

#else

orr_archive *orr_archive_open(const char *who, const char *path) {
  orr_io_fail(who, path,
              "is a zip file, but this build has no libzip; build it with "
              "-Dzip=enabled");
  return NULL;
}
void orr_archive_retain(orr_archive *a) { (void)a; }
void orr_archive_release(orr_archive *a) { (void)a; }
int64_t orr_archive_count(const orr_archive *a) {
  (void)a;
  return 0;
}
const char *orr_archive_name(orr_archive *a, int64_t entry) {
  (void)a;
  (void)entry;
  return "";
}
bool orr_archive_read(orr_archive *a, int64_t entry, uint8_t **data,
                      size_t *size, char *why, size_t room) {
  (void)a;
  (void)entry;
  (void)size;
  *data = NULL;
  if (room) *why = 0;
  return false;
}

#endif
