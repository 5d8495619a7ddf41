// test_io.c -- file formats: known bytes, and files damaged in every way.
//
// Every file is cut at every byte, and has every bit flipped once. What then
// loads must be exact where the format has a checksum; nothing may leak, and
// nothing may be believed about sizes.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../../core/io/io.h"

static char folder[64];

static const char *in_folder(const char *name) {
  static char path[400];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

// ---------------------------------------------------------------- formats

typedef bool read_fn(orr_input *in, orr_bundle *to);
typedef bool write_fn(const char *path, const orr_bundle *b);

static bool read_one(orr_input *in, orr_bundle *to,
                     orr_tensor *(*read)(orr_input *)) {
  orr_tensor *t = read(in);
  bool ok = t && orr_bundle_add(to, "x", t);
  orr_release(t);
  return ok;
}
static bool read_npy(orr_input *in, orr_bundle *to) {
  return read_one(in, to, orr_read_npy);
}
static bool read_idx(orr_input *in, orr_bundle *to) {
  return read_one(in, to, orr_read_idx);
}
static bool write_npy(const char *path, const orr_bundle *b) {
  return orr_write_npy("t", path, b->tensors[0].tensor);
}
static bool write_idx(const char *path, const orr_bundle *b) {
  return orr_write_idx("t", path, b->tensors[0].tensor, false);
}
#ifdef ORR_HAVE_GZIP
static bool write_idx_gz(const char *path, const orr_bundle *b) {
  return orr_write_idx("t", path, b->tensors[0].tensor, true);
}
#endif
#ifdef ORR_HAVE_PNG
static bool read_png(orr_input *in, orr_bundle *to) {
  return read_one(in, to, orr_read_png);
}
static bool write_png(const char *path, const orr_bundle *b) {
  return orr_write_png("t", path, b->tensors[3].tensor);
}
#endif
#ifdef ORR_HAVE_ZIP
static bool write_stored(const char *path, const orr_bundle *b) {
  return orr_write_npz("t", path, b, false);
}
static bool write_deflated(const char *path, const orr_bundle *b) {
  return orr_write_npz("t", path, b, true);
}
#endif
#ifdef ORR_HAVE_JSON
static bool write_safetensors(const char *path, const orr_bundle *b) {
  return orr_write_safetensors("t", path, b);
}
#endif

typedef struct format {
  const char *name;
  write_fn *write;
  read_fn *read;
  bool checked;  // has a checksum over everything that matters
  bool many;     // holds the whole bundle
} format;

static const format formats[] = {
    {"npy", write_npy, read_npy, false, false},
    {"idx", write_idx, read_idx, false, false},
#ifdef ORR_HAVE_GZIP
    {"idx.gz", write_idx_gz, read_idx, true, false},
#endif
#ifdef ORR_HAVE_PNG
    {"png", write_png, read_png, true, false},
#endif
#ifdef ORR_HAVE_ZIP
    {"stored.npz", write_stored, orr_read_npz, true, true},
    {"deflated.npz", write_deflated, orr_read_npz, true, true},
#endif
#ifdef ORR_HAVE_JSON
    {"safetensors", write_safetensors, orr_read_safetensors, true, true},
#endif
};
enum { FORMATS = sizeof formats / sizeof *formats };

// ---------------------------------------------------------------- helpers

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

static orr_tensor *find(const orr_bundle *b, const char *name) {
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

static uint8_t *slurp(const char *path, size_t *size) {
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  uint8_t *data = malloc(1 << 20);
  *size = fread(data, 1, 1 << 20, f);
  fclose(f);
  return data;
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
  orr_input in;
  orr_input_memory(&in, "load", path, data, *size);
  *holds = (orr_bundle){0};
  if (!f->read(&in, holds)) fail_msg("%s: %s", f->name, orr_error());
  orr_input_close(&in);
  return data;
}

static bool try_read(read_fn *read, const uint8_t *data, size_t size,
                     orr_bundle *to) {
  orr_input in;
  *to = (orr_bundle){0};
  orr_io_begin();
  orr_input_memory(&in, "load", "it", data, size);
  bool ok = read(&in, to);
  orr_input_close(&in);
  return ok;
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
  assert_in_range(after.peak_bytes - before.live_bytes, 0, 200000);
  return same;
}

// ---------------------------------------------------------------- damage

static void what_is_written_reads_back(void **state) {
  (void)state;
  for (int i = 0; i < FORMATS; i++) {
    const format *f = &formats[i];
    size_t size;
    orr_bundle holds, b = make_bundle();
    uint8_t *data = make_file(f, &size, &holds);
    if (f->many) {
      assert_int_equal(holds.n_tensors, b.n_tensors);
      for (size_t k = 0; k < b.n_tensors; k++)
        assert_true(
            same_tensor(find(&holds, b.tensors[k].name), b.tensors[k].tensor));
    } else {
      orr_tensor *want = b.tensors[!strcmp(f->name, "png") ? 3 : 0].tensor;
      assert_true(same_tensor(holds.tensors[0].tensor, want));
    }
    orr_bundle_clear(&b);
    orr_bundle_clear(&holds);
    free(data);
  }
}

static void a_file_cut_anywhere_is_refused(void **state) {
  (void)state;
  for (int i = 0; i < FORMATS; i++) {
    size_t size;
    orr_bundle holds;
    bool loaded;
    uint8_t *data = make_file(&formats[i], &size, &holds);
    for (size_t n = 0; n < size; n++) {
      uint8_t *part = malloc(n ? n : 1);  // so that reading past it is seen
      memcpy(part, data, n);
      read_damaged(&formats[i], part, n, &holds, &loaded);
      if (loaded)
        fail_msg("%s cut at %zu of %zu loads", formats[i].name, n, size);
      free(part);
    }
    orr_bundle_clear(&holds);
    free(data);
  }
}

static void a_flipped_bit_is_refused_or_harmless(void **state) {
  (void)state;
  for (int i = 0; i < FORMATS; i++) {
    size_t size;
    orr_bundle holds;
    bool loaded;
    uint8_t *data = make_file(&formats[i], &size, &holds);
    for (size_t bit = 0; bit < size * 8; bit++) {
      data[bit / 8] ^= (uint8_t)(1u << bit % 8);
      bool same = read_damaged(&formats[i], data, size, &holds, &loaded);
      if (loaded && !same && formats[i].checked)
        fail_msg("%s with bit %zu of byte %zu flipped loads as something else",
                 formats[i].name, bit % 8, bit / 8);
      data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    orr_bundle_clear(&holds);
    free(data);
  }
}

// Several bytes at once, by a fixed sequence of random numbers: a checksum can
// no longer vouch for what loads, memory and sentences still must hold.
static void scrambled_files_do_no_harm(void **state) {
  (void)state;
  uint64_t random = 20;
  for (int i = 0; i < FORMATS; i++) {
    size_t size;
    orr_bundle holds;
    bool loaded;
    uint8_t *data = make_file(&formats[i], &size, &holds);
    uint8_t *bad = malloc(size);
    for (int round = 0; round < 2000; round++) {
      memcpy(bad, data, size);
      for (int k = round % 8; k >= 0; k--) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        // Headers are where the harm is.
        size_t at = (random >> 33) % (k % 2 && size > 64 ? 64 : size);
        bad[at] = (uint8_t)(random >> 24);
      }
      read_damaged(&formats[i], bad, size, &holds, &loaded);
    }
    free(bad);
    orr_bundle_clear(&holds);
    free(data);
  }
}

static void bytes_after_the_end_are_refused(void **state) {
  (void)state;
  for (int i = 0; i < FORMATS; i++) {
    size_t size;
    orr_bundle holds;
    bool loaded;
    uint8_t *data = make_file(&formats[i], &size, &holds);
    data[size] = 7;
    // A zip archive or a picture may stand in front of other things.
    bool same = read_damaged(&formats[i], data, size + 1, &holds, &loaded);
    assert_true(!loaded || (same && formats[i].checked));
    orr_bundle_clear(&holds);
    free(data);
  }
}

static void a_failed_allocation_leaks_nothing(void **state) {
  (void)state;
  for (int i = 0; i < FORMATS; i++) {
    const format *f = &formats[i];
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
}

// ---------------------------------------------------------------- sizes

// Refused with this sentence, and hardly any memory taken for it.
static void refused(read_fn *read, const void *data, size_t size,
                    const char *sentence) {
  orr_bundle got;
  orr_memory before = orr_memory_stats();
  orr_memory_reset_peak();
  assert_false(try_read(read, data, size, &got));
  orr_bundle_clear(&got);
  assert_string_equal(orr_error(), sentence);
  assert_in_range(orr_memory_stats().peak_bytes - before.live_bytes, 0, 300000);
}

static size_t npy_of(char *file, const char *dictionary) {
  size_t n = strlen(dictionary);
  memcpy(file, "\x93NUMPY\x01\x00", 8);
  file[8] = (char)n;
  file[9] = 0;
  memcpy(file + 10, dictionary, n);
  return 10 + n;
}

static void huge_sizes_are_refused_without_memory(void **state) {
  (void)state;
  char file[512];
  size_t n = npy_of(
      file,
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000), }");
  refused(
      read_npy, file, n,
      "load: it is cut short: header says 4000000000 bytes of data, file has "
      "0; copy it again");
  n = npy_of(file,
             "{'descr': '<f8', 'fortran_order': False, 'shape': "
             "(999999999999999999, 999999999999999999), }");
  refused(
      read_npy, file, n,
      "load: it is damaged: its sizes are beyond any memory; copy it again");
  refused(
      read_idx, "\0\0\x08\x02\x7f\xff\xff\xff\x00\x00\x10\x00zz", 14,
      "load: it is cut short: header says 8796093018112 bytes of data, file "
      "has 2; copy it again");
}

#ifdef ORR_HAVE_GZIP
// Zeros pack a thousandfold: a small file may hold much, or claim to.
static void gzip_is_measured_before_it_is_believed(void **state) {
  (void)state;
  const char *path = in_folder("bomb.gz");
  orr_output out;
  size_t size;
  char zeros[4096] = {0};
  orr_io_begin();
  assert_true(orr_output_file(&out, "t", path));
  assert_true(orr_output_gzip(&out));
  assert_true(orr_output_write(&out, "\0\0\x08\x01\x7f\xff\xff\xff", 8));
  for (int i = 0; i < 2048; i++)
    assert_true(orr_output_write(&out, zeros, sizeof zeros));
  assert_true(orr_output_commit(&out));
  uint8_t *data = slurp(path, &size);
  assert_in_range(size, 1, 20000);
  refused(
      read_idx, data, size,
      "load: it is cut short: header says 2147483647 bytes of data, file has "
      "8388608; copy it again");
  free(data);
}

static void gzip_in_two_members_is_one_file(void **state) {
  (void)state;
  orr_output out;
  size_t size = 0, part;
  uint8_t both[256];
  const char *const parts[] = {"\0\0\x08\x01\0\0\0\x04"
                               "ab",
                               "cd"};
  const size_t sizes[] = {10, 2};
  for (int i = 0; i < 2; i++) {
    orr_io_begin();
    assert_true(orr_output_file(&out, "t", in_folder("part.gz")));
    assert_true(orr_output_gzip(&out));
    assert_true(orr_output_write(&out, parts[i], sizes[i]));
    assert_true(orr_output_commit(&out));
    uint8_t *data = slurp(in_folder("part.gz"), &part);
    memcpy(both + size, data, part);
    size += part;
    free(data);
  }
  orr_bundle got;
  assert_true(try_read(read_idx, both, size, &got));
  assert_memory_equal(orr_data(got.tensors[0].tensor), "abcd", 4);
  orr_bundle_clear(&got);
}
#endif

// ---------------------------------------------------------------- bytes

// Reads one tensor of known bytes and compares it with float64 values.
static void reads_as(read_fn *read, const void *data, size_t size,
                     orr_dtype dtype, int rank, const int64_t *sizes,
                     const double *want) {
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

static void npy_reads_every_order_and_width(void **state) {
  (void)state;
  char file[512];
  size_t n =
      npy_of(file,
             "{'descr': '>f4', 'fortran_order': True, 'shape': (2, 3), }\n");
  // Columns of [[1, 2, 3], [4, 5, 6]], big-endian.
  static const uint8_t columns[] = {0x3f, 0x80, 0, 0, 0x40, 0x80, 0, 0,
                                    0x40, 0,    0, 0, 0x40, 0xa0, 0, 0,
                                    0x40, 0x40, 0, 0, 0x40, 0xc0, 0, 0};
  memcpy(file + n, columns, sizeof columns);
  reads_as(read_npy, file, n + sizeof columns, ORR_F32, 2, (int64_t[]){2, 3},
           (double[]){1, 2, 3, 4, 5, 6});
  n = npy_of(file, "{\"shape\":(2L,),'fortran_order':False,'descr':'<i2'}");
  memcpy(file + n, "\xff\xff\x00\x01", 4);
  reads_as(read_npy, file, n + 4, ORR_I64, 1, (int64_t[]){2},
           (double[]){-1, 256});
  n = npy_of(file, "{'descr': '|b1', 'fortran_order': False, 'shape': ()}");
  memcpy(file + n, "\x01", 1);
  reads_as(read_npy, file, n + 1, ORR_U8, 0, NULL, (double[]){1});
  n = npy_of(file, "{'descr': '>u4', 'fortran_order': False, 'shape': (1,)}");
  memcpy(file + n, "\xff\xff\xff\xfe", 4);
  reads_as(read_npy, file, n + 4, ORR_I64, 1, (int64_t[]){1},
           (double[]){4294967294.0});
}

static void npy_says_what_it_cannot_read(void **state) {
  (void)state;
  char file[512];
  size_t n =
      npy_of(file, "{'descr': '<f2', 'fortran_order': False, 'shape': (1,)}..");
  refused(read_npy, file, n,
          "load: it is damaged: its header makes no sense; "
          "copy it again");
  n = npy_of(file, "{'descr': '<f2', 'fortran_order': False, 'shape': (1,)}");
  refused(read_npy, file, n,
          "load: it holds values of type <f2; save it as "
          "float32, float64, int64 or uint8");
  n = npy_of(file,
             "{'descr': [('a', '<f4')], 'fortran_order': False, "
             "'shape': (1,)}");
  refused(read_npy, file, n,
          "load: it holds records with named fields; save "
          "each field as an array of its own");
  refused(read_npy, "PK\3\4....", 8,
          "load: it is not a .npy file; save it with numpy.save");
}

static void npy_headers_are_those_of_numpy(void **state) {
  (void)state;
  char header[256];
  orr_tensor *t = orr_zeros(ORR_F32, 2, (int64_t[]){3, 4});
  // numpy.save of a float32 [3, 4] on a little-endian machine: 128 bytes in
  // NumPy, which leaves room for growth; any multiple of 64 is valid.
  size_t n = orr_npy_header(t, header);
  assert_int_equal(n % 64, 0);
  assert_memory_equal(header, "\x93NUMPY\x01\x00", 8);
  assert_int_equal((uint8_t)header[8] + 256 * (uint8_t)header[9], n - 10);
  if (orr_io_little_endian())
    assert_memory_equal(
        header + 10,
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }", 59);
  assert_int_equal(header[n - 1], '\n');
  orr_release(t);
}

static void idx_reads_known_bytes(void **state) {
  (void)state;
  reads_as(read_idx, "\0\0\x08\x02\0\0\0\x02\0\0\0\x02\x01\x02\x03\xff", 16,
           ORR_U8, 2, (int64_t[]){2, 2}, (double[]){1, 2, 3, 255});
  reads_as(read_idx, "\0\0\x0c\x01\0\0\0\x02\xff\xff\xff\xfe\0\0\x01\0", 16,
           ORR_I64, 1, (int64_t[]){2}, (double[]){-2, 256});
  reads_as(read_idx, "\0\0\x0d\x01\0\0\0\x01\x3f\xc0\0\0", 12, ORR_F32, 1,
           (int64_t[]){1}, (double[]){1.5});
  refused(
      read_idx, "\0\0\x0b\x01\0\0\0\x01\0\0", 10,
      "load: it holds values of IDX type 11; only uint8, int32, float32 and "
      "float64 are read");
  refused(
      read_idx, "hello, world", 12,
      "load: it is not an IDX file; give one such as train-images-idx3-ubyte");
}

static void crc32_has_its_check_value(void **state) {
  (void)state;
  // The check value of CRC-32/ISO-HDLC, whole and in two parts.
  assert_int_equal(orr_crc32(0, "123456789", 9), 0xCBF43926u);
  assert_int_equal(orr_crc32(orr_crc32(0, "1234", 4), "56789", 5), 0xCBF43926u);
}

#ifdef ORR_HAVE_PNG
// Pictures made with Python's zlib and struct alone.
#define PALETTE_HEX                                                          \
  "89504e470d0a1a0a0000000d49484452000000020000000208030000004568fd16000000" \
  "06504c5445ff00000000ff6ca1fd8e0000000c4944415478da636060044200000c000315" \
  "9e18fc0000000049454e44ae426082"
#define GREY16_HEX                                                           \
  "89504e470d0a1a0a0000000d494844520000000200000001100000000081d9fc15000000" \
  "0d4944415478da631032f9ff1f0003e60245f11c84650000000049454e44ae426082"
#define GREY1_HEX                                                            \
  "89504e470d0a1a0a0000000d4948445200000003000000010100000000339b2919000000" \
  "0a4944415478da6358000000a200a17105cb410000000049454e44ae426082"
#define RGBA_HEX                                                             \
  "89504e470d0a1a0a0000000d49484452000000010000000208060000009981b627000000" \
  "124944415478da636064626661606563e70000008c0025d22050190000000049454e44ae" \
  "426082"

static size_t from_hex(const char *hex, uint8_t *to) {
  size_t n = strlen(hex) / 2;
  for (size_t i = 0; i < n; i++) {
    unsigned byte;
    sscanf(hex + 2 * i, "%2x", &byte);
    to[i] = (uint8_t)byte;
  }
  return n;
}

static void png_of_other_programs_reads(void **state) {
  (void)state;
  uint8_t file[256];
  size_t n = from_hex(PALETTE_HEX, file);
  reads_as(read_png, file, n, ORR_U8, 3, (int64_t[]){3, 2, 2},
           (double[]){255, 0, 0, 255, 0, 0, 0, 0, 0, 255, 255, 0});
  n = from_hex(GREY16_HEX, file);
  reads_as(read_png, file, n, ORR_U8, 3, (int64_t[]){1, 1, 2},
           (double[]){0x12, 0xff});
  n = from_hex(GREY1_HEX, file);
  reads_as(read_png, file, n, ORR_U8, 3, (int64_t[]){1, 1, 3},
           (double[]){255, 0, 255});
  n = from_hex(RGBA_HEX, file);
  reads_as(read_png, file, n, ORR_U8, 3, (int64_t[]){4, 2, 1},
           (double[]){1, 5, 2, 6, 3, 7, 4, 8});
}

static void png_takes_floats_and_cuts_them_off(void **state) {
  (void)state;
  const float shades[] = {-1, 0, 0.5f, 1, 2, NAN};
  orr_tensor *t = orr_from_data(ORR_F32, 2, (int64_t[]){2, 3}, shades);
  size_t size;
  orr_io_begin();
  assert_true(orr_write_png("t", in_folder("f.png"), t));
  uint8_t *data = slurp(in_folder("f.png"), &size);
  reads_as(read_png, data, size, ORR_U8, 3, (int64_t[]){1, 2, 3},
           (double[]){0, 0, 128, 255, 255, 0});
  free(data);
  orr_release(t);
}
#endif

#ifdef ORR_HAVE_JSON
static size_t safetensors_of(char *file, const char *header, size_t data) {
  size_t n = strlen(header);
  memset(file, 0, 8);
  file[0] = (char)(n & 255);
  file[1] = (char)(n >> 8);
  memcpy(file + 8, header, n);
  memset(file + 8 + n, 1, data);
  return 8 + n + data;
}

static void safetensors_refuses_what_does_not_add_up(void **state) {
  (void)state;
  static const struct {
    const char *header, *sentence;
  } cases[] = {
      {"{\"a\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[0,8]}}",
       "load: it holds a as BF16; only F32, F64, I64 and U8 are read: "
       "convert it"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}",
       "load: it is damaged: the shape of a does not make its 8 bytes; "
       "copy it again"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}",
       "load: it is cut short: header says 16 bytes of data, file has 8; "
       "copy it again"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
       "load: it is too long: header says 4 bytes of data, file has 8; "
       "copy it again"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
       "load: it is damaged: the data of a leaves a gap; copy it again"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
       "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
       "load: it is damaged: the data of b overlaps another's; copy it "
       "again"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}",
       "load: it is damaged: an axis of a has no size; copy it again"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],"
       "\"data_offsets\":[0,8]}}",
       "load: it is damaged: the shape of a does not make its 8 bytes; "
       "copy it again"},
      {"{\"__metadata__\":{\"a\":1}}",
       "load: it is too long: header says 0 bytes of data, file has 8; "
       "copy it again"},
      {"[1]",
       "load: it is damaged: its header is not JSON: no object; copy "
       "it again"},
  };
  char file[512];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t n = safetensors_of(file, cases[i].header, 8);
    refused(orr_read_safetensors, file, n, cases[i].sentence);
  }
  memset(file, 0x7f, 16);
  refused(orr_read_safetensors, file, 16,
          "load: it is not a safetensors file: its header would be "
          "9187201950435737471 bytes long; at most 100000000 are allowed");
}

static void safetensors_of_other_programs_reads(void **state) {
  (void)state;
  char file[512];
  orr_bundle got;
  size_t n = safetensors_of(
      file,
      "{\"__metadata__\":{\"format\":\"pt\"},\"b\":{\"dtype\":\"U8\","
      "\"shape\":[2,2],\"data_offsets\":[0,4]}}   ",
      4);
  assert_true(try_read(orr_read_safetensors, (uint8_t *)file, n, &got));
  assert_string_equal(got.tensors[0].name, "b");
  assert_string_equal(orr_bundle_find_note(&got, "format"), "pt");
  assert_true(orr_get(got.tensors[0].tensor, 3) == 1);
  orr_bundle_clear(&got);
}
#endif

// ---------------------------------------------------------------- the world

static int files_in_folder(void) {
  int n = 0;
  DIR *d = opendir(folder);
  for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
  closedir(d);
  return n;
}

static void an_interrupted_write_leaves_the_old_file(void **state) {
  (void)state;
  const char *path = in_folder("kept");
  size_t size;
  orr_io_begin();
  assert_true(orr_write_file("t", path, "old", 3));
  int n = files_in_folder();
  orr_interrupt();
  assert_false(orr_write_file("t", path, "new", 3));
  assert_string_equal(orr_error(), "interrupted");
  assert_false(orr_io_world());
  orr_input in;
  orr_io_begin();
  orr_tensor *t = orr_input_file(&in, "load", path) ? orr_read_npy(&in) : NULL;
  assert_null(t);
  assert_string_equal(orr_error(), "interrupted");
  orr_input_close(&in);
  orr_clear_interrupt();
  uint8_t *data = slurp(path, &size);
  assert_int_equal(size, 3);
  assert_memory_equal(data, "old", 3);
  free(data);
  assert_int_equal(files_in_folder(), n);
}

static void the_world_is_told_by_name(void **state) {
  (void)state;
  char want[600];
  orr_input in;
  orr_io_begin();
  assert_false(orr_input_file(&in, "load", in_folder("absent")));
  snprintf(want, sizeof want,
           "load: %s cannot be read: No such file or directory",
           in_folder("absent"));
  assert_string_equal(orr_error(), want);
  orr_input_close(&in);
  orr_io_begin();
  assert_false(orr_input_file(&in, "load", folder));
  snprintf(want, sizeof want, "load: %s is a folder; give a file in it",
           folder);
  assert_string_equal(orr_error(), want);
  orr_input_close(&in);
  orr_io_begin();
  assert_false(orr_write_file("save", in_folder("no/such"), "", 0));
  snprintf(want, sizeof want,
           "save: %s cannot be written: No such file or directory",
           in_folder("no/such"));
  assert_string_equal(orr_error(), want);
  assert_true(orr_io_world());
}

static void equal_contents_make_equal_files(void **state) {
  (void)state;
  for (int i = 0; i < FORMATS; i++) {
    size_t n1, n2;
    orr_bundle holds;
    uint8_t *a = make_file(&formats[i], &n1, &holds);
    orr_bundle_clear(&holds);
    uint8_t *b = make_file(&formats[i], &n2, &holds);
    orr_bundle_clear(&holds);
    assert_int_equal(n1, n2);
    assert_memory_equal(a, b, n1);
    free(a);
    free(b);
  }
}

static int make_folder(void **state) {
  (void)state;
  const char *base = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%.40s/orrery-XXXXXX", base ? base : "/tmp");
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  DIR *d = opendir(folder);
  for (struct dirent *e; (e = readdir(d));)
    if (e->d_name[0] != '.') unlink(in_folder(e->d_name));
  closedir(d);
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_reads_back),
      cmocka_unit_test(a_file_cut_anywhere_is_refused),
      cmocka_unit_test(a_flipped_bit_is_refused_or_harmless),
      cmocka_unit_test(scrambled_files_do_no_harm),
      cmocka_unit_test(bytes_after_the_end_are_refused),
      cmocka_unit_test(a_failed_allocation_leaks_nothing),
      cmocka_unit_test(huge_sizes_are_refused_without_memory),
#ifdef ORR_HAVE_GZIP
      cmocka_unit_test(gzip_is_measured_before_it_is_believed),
      cmocka_unit_test(gzip_in_two_members_is_one_file),
#endif
      cmocka_unit_test(npy_reads_every_order_and_width),
      cmocka_unit_test(npy_says_what_it_cannot_read),
      cmocka_unit_test(npy_headers_are_those_of_numpy),
      cmocka_unit_test(idx_reads_known_bytes),
      cmocka_unit_test(crc32_has_its_check_value),
#ifdef ORR_HAVE_PNG
      cmocka_unit_test(png_of_other_programs_reads),
      cmocka_unit_test(png_takes_floats_and_cuts_them_off),
#endif
#ifdef ORR_HAVE_JSON
      cmocka_unit_test(safetensors_refuses_what_does_not_add_up),
      cmocka_unit_test(safetensors_of_other_programs_reads),
#endif
      cmocka_unit_test(an_interrupted_write_leaves_the_old_file),
      cmocka_unit_test(the_world_is_told_by_name),
      cmocka_unit_test(equal_contents_make_equal_files),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
