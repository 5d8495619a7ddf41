// damage.c -- see damage.h.
#include "damage.h"
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

static char folder[64];

// ---------------------------------------------------------------- files

int make_folder(void **state) {
  (void)state;
  const char *base = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%.40s/orrery-XXXXXX", base ? base : "/tmp");
  return mkdtemp(folder) ? 0 : -1;
}

int remove_folder(void **state) {
  (void)state;
  DIR *d = opendir(folder);
  for (struct dirent *e; (e = readdir(d));)
    if (e->d_name[0] != '.') unlink(in_folder(e->d_name));
  closedir(d);
  return rmdir(folder);
}

const char *the_folder(void) { return folder; }

const char *in_folder(const char *name) {
  static char path[400];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

uint8_t *slurp(const char *path, size_t *size) {
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  uint8_t *data = malloc(1 << 20);
  *size = fread(data, 1, 1 << 20, f);
  fclose(f);
  return data;
}

size_t from_hex(const char *hex, uint8_t *to) {
  size_t n = strlen(hex) / 2;
  for (size_t i = 0; i < n; i++) {
    unsigned byte;
    sscanf(hex + 2 * i, "%2x", &byte);
    to[i] = (uint8_t)byte;
  }
  return n;
}

// ---------------------------------------------------------------- contents

static void add(orr_bundle *b, const char *name, orr_dtype d, int rank,
                const int64_t *sizes) {
  orr_tensor *t = orr_zeros(d, rank, sizes);
  for (int64_t i = 0; i < orr_count(t); i++)
    assert_true(orr_set(t, i, (double)(i % 7) * (d == ORR_U8 ? 30 : -1.5)));
  assert_true(orr_bundle_add(b, name, t));
  orr_release(t);
}

static orr_bundle make_bundle(void) {
  orr_bundle b = {0};
  add(&b, "w", ORR_F32, 2, (int64_t[]){2, 3});
  add(&b, "deep.er", ORR_F64, 1, (int64_t[]){3});
  add(&b, "n", ORR_I64, 0, NULL);
  add(&b, "picture", ORR_U8, 3, (int64_t[]){3, 2, 2});
  add(&b, "none", ORR_F32, 2, (int64_t[]){0, 4});
  return b;
}

static bool same_tensor(orr_tensor *a, orr_tensor *b) {
  return orr_tensor_dtype(a) == orr_tensor_dtype(b) &&
      orr_rank(a) == orr_rank(b) &&
      !memcmp(orr_sizes(a), orr_sizes(b),
              sizeof(int64_t) * (size_t)orr_rank(a)) &&
      !memcmp(orr_data(a), orr_data(b),
              (size_t)orr_count(a) * orr_dtype_size(orr_tensor_dtype(a)));
}

orr_tensor *find(const orr_bundle *b, const char *name) {
  for (size_t i = 0; i < b->n_tensors; i++)
    if (!strcmp(b->tensors[i].name, name)) return b->tensors[i].tensor;
  return NULL;
}

static bool same_bundle(const orr_bundle *a, const orr_bundle *b) {
  if (a->n_tensors != b->n_tensors || a->n_notes != b->n_notes) return false;
  for (size_t i = 0; i < a->n_tensors; i++) {
    orr_tensor *other = find(b, a->tensors[i].name);
    if (!other || !same_tensor(a->tensors[i].tensor, other)) return false;
  }
  for (size_t i = 0; i < a->n_notes; i++) {
    const char *text = orr_bundle_find_note(b, a->notes[i].name);
    if (!text || strcmp(text, a->notes[i].text)) return false;
  }
  return true;
}

// A small file of this format, and what it holds.
static uint8_t *make_file(const format *f, size_t *size, orr_bundle *holds) {
  const char *path = in_folder(f->name);
  orr_bundle b = make_bundle();
  assert_true(orr_bundle_note(&b, "about", "caf\xC3\xA9 \"x\""));
  orr_io_begin();
  if (!f->write(path, &b)) fail_msg("%s: %s", f->name, orr_error());
  orr_bundle_clear(&b);
  uint8_t *data = slurp(path, size);
  if (!try_read(f->read, data, *size, holds))
    fail_msg("%s: %s", f->name, orr_error());
  return data;
}

// ---------------------------------------------------------------- reading

bool read_one(orr_input *in, orr_bundle *to, orr_tensor *(*read)(orr_input *)) {
  orr_tensor *t = read(in);
  bool ok = t && orr_bundle_add(to, "x", t);
  orr_release(t);
  return ok;
}

bool try_read(read_fn *read, const void *data, size_t size, orr_bundle *to) {
  orr_input in;
  *to = (orr_bundle){0};
  orr_io_begin();
  orr_input_memory(&in, "load", "it", data, size);
  bool ok = read(&in, to);
  orr_input_close(&in);
  return ok;
}

void refused(read_fn *read, const void *data, size_t size,
             const char *sentence) {
  orr_bundle got;
  orr_memory before = orr_memory_stats();
  orr_memory_reset_peak();
  assert_false(try_read(read, data, size, &got));
  orr_bundle_clear(&got);
  assert_string_equal(orr_error(), sentence);
  assert_in_range(orr_memory_stats().peak_bytes - before.live_bytes, 0, 300000);
}

void reads_as(read_fn *read, const void *data, size_t size, orr_dtype dtype,
              int rank, const int64_t *sizes, const double *want) {
  orr_bundle got;
  if (!try_read(read, data, size, &got)) fail_msg("%s", orr_error());
  orr_tensor *t = got.tensors[0].tensor;
  assert_int_equal(orr_tensor_dtype(t), dtype);
  assert_int_equal(orr_rank(t), rank);
  for (int i = 0; i < rank; i++) assert_int_equal(orr_sizes(t)[i], sizes[i]);
  for (int64_t i = 0; i < orr_count(t); i++)
    assert_true(orr_get(t, i) == want[i]);
  orr_bundle_clear(&got);
}

static bool is_sentence(const char *text) {
  return (!strncmp(text, "load: it ", 9) || strstr(text, " in it ")) &&
      strlen(text) > 12 && !strchr(text, '\n');
}

// Reads a damaged file; true if it loads as `holds`.
static bool read_damaged(const format *f, const uint8_t *data, size_t size,
                         const orr_bundle *holds, bool *loaded) {
  orr_memory before = orr_memory_stats(), after;
  orr_bundle got;
  orr_memory_reset_peak();
  *loaded = try_read(f->read, data, size, &got);
  bool same = *loaded && same_bundle(&got, holds);
  if (!*loaded && (!orr_io_world() || !is_sentence(orr_error())))
    fail_msg("%s: no clean sentence: %s", f->name, orr_error());
  orr_bundle_clear(&got);
  after = orr_memory_stats();
  assert_int_equal(after.live_blocks, before.live_blocks);
  assert_int_equal(after.live_bytes, before.live_bytes);
  // gzip's state is 64 KiB; nothing else here is large.
  assert_in_range(after.peak_bytes - before.live_bytes, 0,
                  200000 + size * (size_t)f->per_byte);
  return same;
}

// ---------------------------------------------------------------- damage

void what_is_written_reads_back(void **state) {
  const format *f = *state;
  size_t size;
  orr_bundle holds, b = make_bundle();
  uint8_t *data = make_file(f, &size, &holds);
  assert_int_equal(holds.n_tensors, f->only ? 1 : b.n_tensors);
  for (size_t i = 0; i < holds.n_tensors && !f->lossy; i++) {
    orr_tensor *want =
        f->only ? b.tensors[f->only - 1].tensor : b.tensors[i].tensor;
    orr_tensor *got =
        f->only ? holds.tensors[0].tensor : find(&holds, b.tensors[i].name);
    assert_true(got && same_tensor(got, want));
  }
  orr_bundle_clear(&b);
  orr_bundle_clear(&holds);
  free(data);
}

void a_file_cut_anywhere_is_refused(void **state) {
  const format *f = *state;
  size_t size;
  orr_bundle holds;
  bool loaded;
  uint8_t *data = make_file(f, &size, &holds);
  for (size_t n = 0; n < size; n++) {
    uint8_t *part = malloc(n ? n : 1);  // so that reading past it is seen
    memcpy(part, data, n);
    read_damaged(f, part, n, &holds, &loaded);
    if (loaded) fail_msg("%s cut at %zu of %zu loads", f->name, n, size);
    free(part);
  }
  orr_bundle_clear(&holds);
  free(data);
}

void a_flipped_bit_is_seen_or_harmless(void **state) {
  const format *f = *state;
  size_t size;
  orr_bundle holds;
  bool loaded;
  uint8_t *data = make_file(f, &size, &holds);
  for (size_t bit = 0; bit < size * 8; bit++) {
    data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    bool same = read_damaged(f, data, size, &holds, &loaded);
    if (loaded && !same && f->checked)
      fail_msg("%s with bit %zu of byte %zu flipped loads as something else",
               f->name, bit % 8, bit / 8);
    data[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  orr_bundle_clear(&holds);
  free(data);
}

// Several bytes at once, by a fixed sequence of random numbers: a checksum can
// no longer vouch for what loads, memory and sentences still must hold.
void scrambled_files_do_no_harm(void **state) {
  const format *f = *state;
  uint64_t random = 20;
  size_t size;
  orr_bundle holds;
  bool loaded;
  uint8_t *data = make_file(f, &size, &holds);
  uint8_t *bad = malloc(size);
  for (int round = 0; round < 2000; round++) {
    memcpy(bad, data, size);
    for (int k = round % 8; k >= 0; k--) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      // Headers are where the harm is.
      size_t at = (random >> 33) % (k % 2 && size > 64 ? 64 : size);
      bad[at] = (uint8_t)(random >> 24);
    }
    read_damaged(f, bad, size, &holds, &loaded);
  }
  free(bad);
  orr_bundle_clear(&holds);
  free(data);
}

void bytes_after_the_end_are_refused(void **state) {
  const format *f = *state;
  size_t size;
  orr_bundle holds;
  bool loaded;
  uint8_t *data = make_file(f, &size, &holds);
  data[size] = 7;
  bool same = read_damaged(f, data, size + 1, &holds, &loaded);
  assert_true(!loaded || (same && f->tail));
  orr_bundle_clear(&holds);
  free(data);
}

void a_failed_allocation_leaks_nothing(void **state) {
  const format *f = *state;
  size_t size;
  orr_bundle holds, got, b = make_bundle();
  uint8_t *data = make_file(f, &size, &holds);
  orr_memory before = orr_memory_stats();
  bool ok = false;
  for (int64_t n = 1; !ok; n++) {
    assert_in_range(n, 1, 1000);
    orr_memory_fail_after(n);
    ok = try_read(f->read, data, size, &got);
    orr_memory_fail_after(0);
    if (!ok) assert_false(orr_io_world());
    orr_bundle_clear(&got);
    assert_int_equal(orr_memory_stats().live_blocks, before.live_blocks);
  }
  ok = false;
  for (int64_t n = 1; !ok; n++) {
    assert_in_range(n, 1, 1000);
    orr_io_begin();
    orr_memory_fail_after(n);
    ok = f->write(in_folder("failing"), &b);
    orr_memory_fail_after(0);
    assert_int_equal(orr_memory_stats().live_blocks, before.live_blocks);
    assert_true(ok == (access(in_folder("failing"), F_OK) == 0));
  }
  unlink(in_folder("failing"));
  orr_bundle_clear(&b);
  orr_bundle_clear(&holds);
  free(data);
}

void equal_contents_make_equal_files(void **state) {
  const format *f = *state;
  size_t n1, n2;
  orr_bundle holds;
  uint8_t *a = make_file(f, &n1, &holds);
  orr_bundle_clear(&holds);
  uint8_t *b = make_file(f, &n2, &holds);
  orr_bundle_clear(&holds);
  assert_int_equal(n1, n2);
  assert_memory_equal(a, b, n1);
  free(a);
  free(b);
}
