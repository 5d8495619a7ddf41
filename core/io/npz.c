// npz.c -- NumPy's archives: a zip file with one .npy per array. libzip checks
// the CRC-32 of every entry as its last byte is read.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "io.h"
#ifdef ORR_HAVE_ZIP
#include <fcntl.h>
#include <unistd.h>
#include <zip.h>

// Opens what is left of the input as an archive.
static zip_t *open_archive(orr_input *in) {
  if (in->size == 0) {  // to libzip, an archive of nothing
    orr_input_fail(in, "is empty; copy it again");
    return NULL;
  }
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t *source = in->memory
      ? zip_source_buffer_create(in->memory, in->size, 0, &error)
      : zip_source_file_create(in->name, 0, 0, &error);
  // Consistency: the two copies of each entry's name and sizes must agree.
  zip_t *zip = source
      ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error)
      : NULL;
  if (!zip) {
    if (source) zip_source_free(source);
    if (zip_error_code_zip(&error) == ZIP_ER_EXISTS)
      orr_input_fail(in, "holds two arrays of one name; save it again");
    else
      orr_input_fail(in, "is not a whole .npz archive: %s; copy it again",
                     zip_error_strerror(&error));
  }
  zip_error_fini(&error);
  return zip;
}

// Names are never opened as files here; but whoever unpacks the archive may.
static bool leads_out(const char *name) {
  for (const char *p = name; p; p = strchr(p, '/')) {
    if (*p == '/') p++;
    if (!strncmp(p, "..", 2) && (p[2] == '/' || p[2] == 0)) return true;
  }
  return *name == '/' || strchr(name, '\\');
}

static bool believable(orr_input *in, const zip_stat_t *s) {
  const zip_uint64_t all = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
      ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  size_t n = s->valid & ZIP_STAT_NAME ? strlen(s->name) : 0;
  if ((s->valid & all) != all || n < 5 || strcmp(s->name + n - 4, ".npy"))
    return orr_input_fail(in,
                          "holds %s, which is no array; save it with "
                          "numpy.savez",
                          n ? s->name : "a nameless entry");
  if (leads_out(s->name))
    return orr_input_fail(in,
                          "holds %s, a path out of the archive; do not unpack "
                          "it, get another",
                          s->name);
  if (s->encryption_method != ZIP_EM_NONE)
    return orr_input_fail(in, "is encrypted; save it without");
  if (s->comp_method != ZIP_CM_STORE && s->comp_method != ZIP_CM_DEFLATE)
    return orr_input_fail(in,
                          "packs %s by method %d; save it with "
                          "numpy.savez_compressed",
                          s->name, (int)s->comp_method);
  // deflate packs at most 1032 to 1.
  uint64_t most =
      s->comp_method == ZIP_CM_STORE ? s->comp_size : s->comp_size * 1032;
  if (s->comp_size > in->size || s->size > most)
    return orr_input_fail(in,
                          "is damaged: %s claims %" PRIu64
                          " bytes packed in %" PRIu64 "; copy it again",
                          s->name, (uint64_t)s->size, (uint64_t)s->comp_size);
  return true;
}

static bool describe(orr_input *in, zip_t *zip, zip_uint64_t i, zip_stat_t *s) {
  zip_stat_init(s);
  if (zip_stat_index(zip, i, 0, s) == 0) return true;
  return orr_input_fail(in, "is damaged: %s; copy it again", zip_strerror(zip));
}

// Every entry is looked at before one is unpacked. Entries that together are
// longer than the file share bytes: how a small archive becomes a huge one.
static bool all_believable(orr_input *in, zip_t *zip, zip_uint64_t n) {
  uint64_t packed = 0;
  for (zip_uint64_t i = 0; i < n; i++) {
    zip_stat_t s;
    if (!describe(in, zip, i, &s) || !believable(in, &s)) return false;
    packed += s.comp_size;
    if (packed > in->size)
      return orr_input_fail(in,
                            "is damaged: its arrays overlap; copy it again");
  }
  return true;
}

static bool read_entry(orr_input *in, zip_t *zip, zip_uint64_t i,
                       orr_bundle *to) {
  zip_stat_t s;
  if (!describe(in, zip, i, &s)) return false;
  char name[1024], label[1200];
  size_t n = strlen(s.name) - 4;
  if (n >= sizeof name)
    return orr_input_fail(in, "is damaged: an array's name is %zu long", n);
  memcpy(name, s.name, n);
  name[n] = 0;
  for (size_t k = 0; k < to->n_tensors; k++)
    if (!strcmp(to->tensors[k].name, name))
      return orr_input_fail(in, "holds %s twice; save it again", name);
  snprintf(label, sizeof label, "%.128s in %.1000s", s.name, in->name);
  orr_input entry = {.who = in->who,
                     .name = label,
                     .fd = -1,
                     .size = s.size,
                     .left = s.size,
                     .left_known = true};
  entry.entry = zip_fopen_index(zip, i, 0);
  if (!entry.entry)
    return orr_input_fail(in, "is damaged: %s; copy it again",
                          zip_strerror(zip));
  orr_tensor *t = orr_read_npy(&entry);
  orr_input_close(&entry);
  bool ok = t && orr_bundle_add(to, name, t);
  orr_release(t);
  return ok;
}

bool orr_read_npz(orr_input *in, orr_bundle *to) {
  zip_t *zip = open_archive(in);
  if (!zip) return false;
  zip_int64_t n = zip_get_num_entries(zip, 0);
  bool ok = all_believable(in, zip, (zip_uint64_t)n);
  for (zip_int64_t i = 0; i < n && ok; i++)
    ok = read_entry(in, zip, (zip_uint64_t)i, to);
  zip_discard(zip);
  return ok;
}

// ---------------------------------------------------------------- writing

// libzip reads header and data of each entry when the archive is closed.
typedef struct entry {
  char header[256];
  orr_tensor *tensor;
} entry;

static bool add_entry(zip_t *zip, entry *e, const orr_bundle_item *item,
                      bool compress) {
  char name[1100];
  size_t n = orr_npy_header(e->tensor, e->header);
  size_t bytes = (size_t)orr_count(e->tensor) *
      orr_dtype_size(orr_tensor_dtype(e->tensor));
  zip_buffer_fragment_t parts[2] = {{(zip_uint8_t *)e->header, n},
                                    {orr_data(e->tensor), bytes}};
  zip_source_t *source =
      zip_source_buffer_fragment(zip, parts, bytes ? 2 : 1, 0);
  if (!source) return false;
  snprintf(name, sizeof name, "%s.npy", item->name);
  zip_int64_t i = zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8);
  if (i < 0) {
    zip_source_free(source);
    return false;
  }
  // 1 January 1980: equal arrays make equal files.
  return zip_file_set_dostime(zip, (zip_uint64_t)i, 0, 33, 0) == 0 &&
      zip_set_file_compression(zip, (zip_uint64_t)i,
                               compress ? ZIP_CM_DEFLATE : ZIP_CM_STORE,
                               compress ? 6 : 0) == 0;
}

// Writes over the temporary file that `out` has made.
static bool write_archive(orr_output *out, const orr_bundle *b, entry *e,
                          bool compress) {
  int code;
  zip_t *zip = zip_open(out->temporary, ZIP_CREATE | ZIP_TRUNCATE, &code);
  if (!zip) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    orr_io_fail(out->who, out->path, "cannot be written: %s",
                zip_error_strerror(&error));
    zip_error_fini(&error);
    return false;
  }
  bool ok = true;
  for (size_t i = 0; i < b->n_tensors && ok; i++) {
    e[i].tensor = orr_contiguous(b->tensors[i].tensor);
    if (!e[i].tensor) {
      zip_discard(zip);
      return false;
    }
    ok = add_entry(zip, &e[i], &b->tensors[i], compress);
  }
  if (ok && zip_close(zip) == 0) return true;
  orr_io_fail(out->who, out->path, "cannot be written: %s", zip_strerror(zip));
  zip_discard(zip);
  return false;
}

// libzip has put a new file in the place of the temporary one.
static bool reopen(orr_output *out) {
  int fd = open(out->temporary, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return orr_io_fail(out->who, out->path, "cannot be written");
  close(out->fd);
  out->fd = fd;
  return true;
}

bool orr_write_npz(const char *who, const char *path, const orr_bundle *b,
                   bool compress) {
  if (b->n_tensors == 0)
    return orr_set_error("%s: %s would hold no array; give at least one", who,
                         path);
  for (size_t i = 0; i < b->n_tensors; i++)
    if (leads_out(b->tensors[i].name))
      return orr_set_error("%s: an array is called '%.100s', a path out of the "
                           "archive; rename it",
                           who, b->tensors[i].name);
  orr_output out;
  size_t room = b->n_tensors * sizeof(entry);
  entry *e = orr_alloc_zero(room);
  if (!e) return false;
  bool ok = orr_output_file(&out, who, path);
  if (ok && write_archive(&out, b, e, compress) && reopen(&out))
    ok = orr_output_commit(&out);
  else if (ok) {
    orr_output_drop(&out);
    ok = false;
  }
  for (size_t i = 0; i < b->n_tensors; i++) orr_release(e[i].tensor);
  orr_free(e, room);
  return ok;
}

#else

bool orr_read_npz(orr_input *in, orr_bundle *to) {
  (void)to;
  return orr_input_fail(in,
                        "is a .npz archive, but this build has no libzip; "
                        "build it with -Dzip=enabled");
}

bool orr_write_npz(const char *who, const char *path, const orr_bundle *b,
                   bool compress) {
  (void)b;
  (void)compress;
  return orr_io_fail(who, path,
                     "is to be a .npz archive, but this build has "
                     "no libzip; build it with -Dzip=enabled");
}

#endif
