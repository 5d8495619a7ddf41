// test_io_npz.c -- NumPy's archives, stored and deflated.
#include <stdio.h>
#include "damage.h"
#ifdef ORR_HAVE_ZIP

static bool write_stored(const char *path, const orr_bundle *b) {
  return orr_write_npz("t", path, b, false);
}

static bool write_deflated(const char *path, const orr_bundle *b) {
  return orr_write_npz("t", path, b, true);
}

static const format stored = {"stored.npz", write_stored, orr_read_npz,
                              .checked = true, .tail = true};
static const format deflated = {"deflated.npz", write_deflated, orr_read_npz,
                                .checked = true, .tail = true};

// ---------------------------------------------------------------- archives

// An entry as the two places of a zip archive describe it.
typedef struct entry {
  const char *name;
  unsigned method, flags;
  uint32_t claimed;  // unpacked size, when it is not that of the data
  bool again;        // the directory names it, the data is that of the first
} entry;

static size_t put(uint8_t *to, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) to[i] = (uint8_t)(value >> 8 * i);
  return (size_t)bytes;
}

// What both headers have in common, from the version on.
static size_t put_entry(uint8_t *to, const entry *e, const void *data,
                        uint32_t size) {
  size_t n = put(to, 20, 2);
  n += put(to + n, e->flags, 2);
  n += put(to + n, e->method, 2);
  n += put(to + n, 33u << 16, 4);  // 1 January 1980
  n += put(to + n, orr_crc32(0, data, size), 4);
  n += put(to + n, size, 4);
  n += put(to + n, e->claimed ? e->claimed : size, 4);
  n += put(to + n, strlen(e->name), 2);
  return n + put(to + n, 0, 2);
}

// Every entry holds the same bytes.
static size_t zip_of(uint8_t *file, const entry *e, int count, const void *data,
                     uint32_t size) {
  size_t at[8] = {0}, n = 0;
  for (int i = 0; i < count; i++) {
    at[i] = e[i].again ? at[0] : n;
    if (e[i].again) continue;
    n += put(file + n, 0x04034b50, 4);
    n += put_entry(file + n, &e[i], data, size);
    memcpy(file + n, e[i].name, strlen(e[i].name));
    n += strlen(e[i].name);
    memcpy(file + n, data, size);
    n += size;
  }
  const size_t directory = n;
  for (int i = 0; i < count; i++) {
    n += put(file + n, 0x02014b50, 4);
    n += put(file + n, 20, 2);
    n += put_entry(file + n, &e[i], data, size);
    n += put(file + n, 0, 6);  // comment, disk, kind
    n += put(file + n, 0, 4);
    n += put(file + n, at[i], 4);
    memcpy(file + n, e[i].name, strlen(e[i].name));
    n += strlen(e[i].name);
  }
  const size_t length = n - directory;
  n += put(file + n, 0x06054b50, 4);
  n += put(file + n, 0, 4);
  n += put(file + n, (uint64_t)count, 2);
  n += put(file + n, (uint64_t)count, 2);
  n += put(file + n, length, 4);
  n += put(file + n, directory, 4);
  return n + put(file + n, 0, 2);
}

// A .npy file of the four bytes 1, 2, 3, 4.
static uint32_t npy_of_four(uint8_t *file) {
  static const char header[] =
      "{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }\n";
  memcpy(file, "\x93NUMPY\x01\x00", 8);
  put(file + 8, sizeof header - 1, 2);
  memcpy(file + 10, header, sizeof header - 1);
  memcpy(file + 10 + sizeof header - 1, "\x01\x02\x03\x04", 4);
  return 10 + sizeof header - 1 + 4;
}

static void archives_made_by_hand_read(void **state) {
  (void)state;
  uint8_t npy[128], file[1024];
  uint32_t size = npy_of_four(npy);
  const entry e[] = {{"x.npy"}, {"deep/er..y.npy"}, {".npy"}};
  orr_bundle got;
  size_t n = zip_of(file, e, 2, npy, size);
  if (!try_read(orr_read_npz, file, n, &got)) fail_msg("%s", orr_error());
  assert_true(orr_get(find(&got, "x"), 3) == 4);
  assert_true(orr_get(find(&got, "deep/er..y"), 0) == 1);
  orr_bundle_clear(&got);
  n = zip_of(file, e, 0, npy, size);
  assert_true(try_read(orr_read_npz, file, n, &got));
  assert_int_equal(got.n_tensors, 0);
  orr_bundle_clear(&got);
}

static void archives_that_play_tricks_are_refused(void **state) {
  (void)state;
  static const struct {
    entry e[3];
    int count;
    const char *sentence;
  } cases[] = {
      {{{"x.npy"}, {"x.npy"}},
       2,
       "load: it holds two arrays of one name; save it again"},
      {{{"../x.npy"}},
       1,
       "load: it holds ../x.npy, a path out of the archive; do not unpack it, "
       "get another"},
      {{{"a/../../x.npy"}},
       1,
       "load: it holds a/../../x.npy, a path out of the archive; do not unpack "
       "it, get another"},
      {{{"/x.npy"}},
       1,
       "load: it holds /x.npy, a path out of the archive; do not unpack it, "
       "get another"},
      {{{"c:\\x.npy"}},
       1,
       "load: it holds c:\\x.npy, a path out of the archive; do not unpack it, "
       "get another"},
      {{{"x.npy"}, {"run.sh"}},
       2,
       "load: it holds run.sh, which is no array; save it with numpy.savez"},
      {{{".npy"}},
       1,
       "load: it holds .npy, which is no array; save it with numpy.savez"},
      {{{"a/"}},
       1,
       "load: it holds a/, which is no array; save it with numpy.savez"},
      {{{"x\x1b[2J.npy"}, {"x"}},
       2,
       "load: it holds x, which is no array; save it with numpy.savez"},
      {{{"x.npy", .flags = 1}}, 1, "load: it is encrypted; save it without"},
      {{{"x.npy", .method = 12}},
       1,
       "load: it packs x.npy by method 12; save it with "
       "numpy.savez_compressed"},
      {{{"x.npy", .method = 8, .claimed = 4000000000u}},
       1,
       "load: it is damaged: x.npy claims 4000000000 bytes packed in 72; copy "
       "it again"},
      {{{"x.npy", .claimed = 73}},
       1,
       "load: it is damaged: x.npy claims 73 bytes packed in 72; copy it "
       "again"},
      // Two names for the same bytes: the names of the two places differ.
      {{{"x.npy"}, {"y.npy", .again = true}},
       2,
       "load: it is not a whole .npz archive: Zip archive inconsistent; copy "
       "it again"},
  };
  uint8_t npy[128], file[2048];
  uint32_t size = npy_of_four(npy);
  assert_int_equal(size, 72);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t n = zip_of(file, cases[i].e, cases[i].count, npy, size);
    refused(orr_read_npz, file, n, cases[i].sentence);
  }
}

// Entry a's data is entry b, header and all: each fits into the file, both
// together do not. This is how a small archive unpacks to anything.
static void entries_that_share_bytes_are_refused(void **state) {
  (void)state;
  uint8_t inner[600], file[2048];
  memset(inner, 7, sizeof inner);
  size_t n = put(inner, 0x04034b50, 4);
  n += put_entry(inner + n, &(entry){"b.npy"}, inner + 35, 565);
  memcpy(inner + n, "b.npy", 5);
  put(inner + 14, orr_crc32(0, inner + 35, 565), 4);
  const size_t whole = zip_of(file, &(entry){"a.npy"}, 1, inner, 600);
  // One more entry in the directory, which is moved up to make room for it.
  uint8_t *end = file + whole - 22, more[51];
  n = put(more, 0x02014b50, 4);
  n += put(more + n, 20, 2);
  n += put_entry(more + n, &(entry){"b.npy"}, inner + 35, 565);
  n += put(more + n, 0, 8);
  n += put(more + n, 0, 2);
  n += put(more + n, 35, 4);
  memcpy(more + n, "b.npy", 5);
  memmove(end + 51, end, 22);
  memcpy(end, more, 51);
  put(end + 51 + 8, 2, 2);
  put(end + 51 + 10, 2, 2);
  put(end + 51 + 12, 102, 4);
  refused(orr_read_npz, file, whole + 51,
          "load: it is damaged: its arrays overlap; copy it again");
}

static void an_array_inside_that_lies_is_refused(void **state) {
  (void)state;
  uint8_t npy[128], file[512];
  uint32_t size = npy_of_four(npy);
  memcpy(strchr((char *)npy + 10, '('), "(9,)", 4);
  size_t n = zip_of(file, &(entry){"x.npy"}, 1, npy, size);
  refused(orr_read_npz, file, n,
          "load: x.npy in it is cut short: header says 9 bytes of data, file "
          "has 4; copy it again");
  npy_of_four(npy);
  n = zip_of(file, &(entry){"x.npy"}, 1, npy, size);
  file[35 + size - 1] ^= 1;  // the last value
  refused(orr_read_npz, file, n,
          "load: x.npy in it is damaged: CRC error; copy it again");
}

static void names_that_lead_out_are_not_written(void **state) {
  (void)state;
  orr_bundle b = {0};
  orr_tensor *t = orr_zeros(ORR_F32, 0, NULL);
  orr_io_begin();
  assert_true(orr_bundle_add(&b, "../x", t));
  assert_false(orr_write_npz("save", in_folder("out.npz"), &b, false));
  assert_string_equal(orr_error(),
                      "save: an array is called '../x', a path out of the "
                      "archive; rename it");
  assert_false(orr_io_world());
  orr_bundle_clear(&b);
  orr_release(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      DAMAGE_TESTS("stored", &stored),
      DAMAGE_TESTS("deflated", &deflated),
      cmocka_unit_test(archives_made_by_hand_read),
      cmocka_unit_test(archives_that_play_tricks_are_refused),
      cmocka_unit_test(entries_that_share_bytes_are_refused),
      cmocka_unit_test(an_array_inside_that_lies_is_refused),
      cmocka_unit_test(names_that_lead_out_are_not_written),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#else

int main(void) {
  puts("1..0 # SKIP this build has no libzip");
  return 0;
}

#endif
