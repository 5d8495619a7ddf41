// test_io_safetensors.c -- named tensors behind a JSON header.
#include <math.h>
#include <stdio.h>
#include "damage.h"
#ifdef ORR_HAVE_JSON

static bool write_safetensors(const char *path, const orr_bundle *b) {
  return orr_write_safetensors("t", path, b);
}

static const format safetensors = {"safetensors", write_safetensors,
                                   orr_read_safetensors, .checked = true};

static size_t safetensors_of(char *file, const char *header, size_t data) {
  size_t n = strlen(header);
  memset(file, 0, 8);
  file[0] = (char)(n & 255);
  file[1] = (char)(n >> 8);
  memcpy(file + 8, header, n);
  memset(file + 8 + n, 1, data);
  return 8 + n + data;
}

// Entries of a header, with "a" and these fields.
#define A(DTYPE, SHAPE, OFFSETS) \
  "\"a\":{\"dtype\":" DTYPE ",\"shape\":" SHAPE ",\"data_offsets\":" OFFSETS "}"
#define A_OF_8 A("\"F32\"", "[2]", "[0,8]")

typedef struct refusal {
  const char *header, *sentence;
} refusal;

// Each before eight bytes of data.
static void all_refused(const refusal *cases, size_t n) {
  char file[512];
  for (size_t i = 0; i < n; i++) {
    size_t size = safetensors_of(file, cases[i].header, 8);
    refused(orr_read_safetensors, file, size, cases[i].sentence);
  }
}
#define ALL_REFUSED(CASES) all_refused(CASES, sizeof CASES / sizeof *CASES)

static void places_that_do_not_add_up_are_refused(void **state) {
  (void)state;
  static const refusal cases[] = {
      {"{" A("\"F32\"", "[3]", "[0,8]") "}",
       "load: it is damaged: the shape of a does not make its 8 bytes; "
       "copy it again"},
      {"{" A("\"F32\"", "[1]", "[0,7]") "}",
       "load: it is damaged: the shape of a does not make its 7 bytes; "
       "copy it again"},
      {"{" A("\"F32\"", "[4]", "[0,16]") "}",
       "load: it is cut short: header says 16 bytes of data, file has 8; "
       "copy it again"},
      {"{" A("\"F32\"", "[1]", "[0,4]") "}",
       "load: it is too long: header says 4 bytes of data, file has 8; "
       "copy it again"},
      {"{" A("\"F32\"", "[1]", "[4,8]") "}",
       "load: it is damaged: the data of a leaves a gap; copy it again"},
      {"{" A("\"F32\"", "[1]",
             "[0,4]") ",\"b\":{\"dtype\":\"U8\","
                      "\"shape\":[2],\"data_offsets\":[6,8]}}",
       "load: it is damaged: the data of b leaves a gap; copy it again"},
      {"{" A_OF_8 ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],"
       "\"data_offsets\":[4,8]}}",
       "load: it is damaged: the data of b overlaps another's; copy it "
       "again"},
      {"{" A_OF_8 ",\"b\":{\"dtype\":\"F32\",\"shape\":[2],"
       "\"data_offsets\":[0,8]}}",
       "load: it is damaged: the data of b overlaps another's; copy it "
       "again"},
      {"{" A_OF_8 ",\"b\":{\"dtype\":\"F32\",\"shape\":[0],"
       "\"data_offsets\":[4,4]}}",
       "load: it is damaged: the data of b overlaps another's; copy it "
       "again"},
      {"{" A("\"F32\"", "[2]", "[8,0]") "}",
       "load: it is damaged: a has no place in the data; copy it again"},
      {"{" A("\"F32\"", "[2]", "[-8,0]") "}",
       "load: it is damaged: a has no place in the data; copy it again"},
      {"{" A("\"F32\"", "[2]", "[0,8,16]") "}",
       "load: it is damaged: a has no place in the data; copy it again"},
      {"{" A("\"F32\"", "[2]", "[0.0,8.0]") "}",
       "load: it is damaged: a has no place in the data; copy it again"},
      {"{" A("\"F32\"", "[2]", "{\"0\":0,\"1\":8}") "}",
       "load: it is damaged: a has no place in the data; copy it again"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}",
       "load: it is damaged: a has no place in the data; copy it again"},
      {"{}",
       "load: it is too long: header says 0 bytes of data, file has 8; "
       "copy it again"},
  };
  ALL_REFUSED(cases);
}

static void shapes_and_types_that_make_no_sense_are_refused(void **state) {
  (void)state;
  static const refusal cases[] = {
      {"{" A("\"F8_E4M3\"", "[8]", "[0,8]") "}",
       "load: it holds a as F8_E4M3; save it as F64, F32, F16, BF16, BOOL or "
       "integers of 8 to 64 bits"},
      {"{" A("\"f32\"", "[2]", "[0,8]") "}",
       "load: it holds a as f32; save it as F64, F32, F16, BF16, BOOL or "
       "integers of 8 to 64 bits"},
      {"{" A("7", "[2]", "[0,8]") "}",
       "load: it is damaged: a has no dtype; copy it again"},
      {"{\"a\":[1]}", "load: it is damaged: a has no dtype; copy it again"},
      {"{\"a\":null}", "load: it is damaged: a has no dtype; copy it again"},
      {"{" A("\"F32\"", "[-2]", "[0,8]") "}",
       "load: it is damaged: an axis of a has no size; copy it again"},
      {"{" A("\"F32\"", "[2.0]", "[0,8]") "}",
       "load: it is damaged: an axis of a has no size; copy it again"},
      {"{" A("\"F32\"", "2", "[0,8]") "}",
       "load: it is damaged: a has no shape; copy it again"},
      {"{" A("\"F32\"", "[1,1,1,1,1,1,1,1,2]", "[0,8]") "}",
       "load: it gives a more than 8 axes; reshape it before saving"},
      // Sizes whose product, or its bytes, wraps around to what is there.
      {"{" A("\"F32\"", "[4294967296,4294967296]", "[0,8]") "}",
       "load: it is damaged: the shape of a does not make its 8 bytes; "
       "copy it again"},
      {"{" A("\"I32\"", "[2,9223372036854775807]", "[0,8]") "}",
       "load: it is damaged: the shape of a does not make its 8 bytes; "
       "copy it again"},
      {"{" A("\"I32\"", "[2,18446744073709551614]", "[0,8]") "}",
       "load: it is damaged: its header is not JSON: too big integer near "
       "'18446744073709551614'; copy it again"},
      {"{" A("\"U8\"", "[2305843009213693953,8]", "[0,8]") "}",
       "load: it is damaged: the shape of a does not make its 8 bytes; "
       "copy it again"},
  };
  ALL_REFUSED(cases);
}

static void headers_that_are_no_json_object_are_refused(void **state) {
  (void)state;
  static const refusal cases[] = {
      {"",
       "load: it is damaged: its header does not begin with {; copy it "
       "again"},
      {"[1]",
       "load: it is damaged: its header does not begin with {; copy it "
       "again"},
      {" {" A_OF_8 "}",
       "load: it is damaged: its header does not begin with {; copy it again"},
      {"\xEF\xBB\xBF{" A_OF_8 "}",
       "load: it is damaged: its header does not begin with {; copy it again"},
      {"{" A_OF_8 "," A_OF_8 "}",
       "load: it is damaged: its header is not JSON: duplicate object key near "
       "'\"a\"'; copy it again"},
      {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"F32\"}}",
       "load: it is damaged: its header is not JSON: duplicate object key near "
       "'\"dtype\"'; copy it again"},
      {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}",
       "load: it is damaged: its header is not JSON: duplicate object key near "
       "'\"k\"'; copy it again"},
      {"{\"\xff\":1}",
       "load: it is damaged: its header is not JSON: unable to decode byte "
       "0xff near '\"'; copy it again"},
      {"{" A_OF_8 "}{}",
       "load: it is damaged: its header is not JSON: end of file expected near "
       "'{'; copy it again"},
      {"{" A_OF_8,
       "load: it is damaged: its header is not JSON: '}' expected near end of "
       "file; copy it again"},
      {"{\"__metadata__\":{\"k\":1}," A_OF_8 "}",
       "load: it is damaged: its metadata k is no text; copy it again"},
      {"{\"__metadata__\":{\"k\":{}}," A_OF_8 "}",
       "load: it is damaged: its metadata k is no text; copy it again"},
      {"{\"__metadata__\":[]," A_OF_8 "}",
       "load: it is damaged: its metadata is no object; copy it again"},
  };
  ALL_REFUSED(cases);
}

static void a_header_is_as_long_as_it_says(void **state) {
  (void)state;
  char file[512];
  size_t n = safetensors_of(file, "{" A_OF_8 "}", 8);
  file[0]++;  // takes the first byte of data into the header
  refused(orr_read_safetensors, file, n,
          "load: it is damaged: its header is not JSON: end of file expected "
          "near '?'; copy it again");
  file[0] = (char)0xe8;  // attempt 1 of the format's own list: 1000 bytes
  file[1] = 3;
  refused(orr_read_safetensors, file, n,
          "load: it is cut short: its header is 1000 bytes long, file has 62; "
          "copy it again");
  refused(
      orr_read_safetensors, file, 7,
      "load: it is cut short: it ends after 7 of the 8 bytes of its header; "
      "copy it again");
  memset(file, 0x7f, 16);
  refused(orr_read_safetensors, file, 16,
          "load: it is not a safetensors file: its header would be "
          "9187201950435737471 bytes long; at most 100000000 are allowed");
  memcpy(file, "\x01\xe1\xf5\x05\0\0\0\0", 8);
  refused(orr_read_safetensors, file, 16,
          "load: it is not a safetensors file: its header would be "
          "100000001 bytes long; at most 100000000 are allowed");
  memset(file, 0xff, 8);
  refused(orr_read_safetensors, file, 16,
          "load: it is not a safetensors file: its header would be "
          "18446744073709551615 bytes long; at most 100000000 are allowed");
}

static void deep_nesting_is_refused(void **state) {
  (void)state;
  size_t depth = 50000, n = 8 + 5 + depth;
  char *file = malloc(n);
  memset(file, 0, 8);
  for (int i = 0; i < 3; i++) file[i] = (char)((n - 8) >> 8 * i & 255);
  memcpy(file + 8, "{\"a\":", 5);
  memset(file + 13, '[', depth);
  refused(orr_read_safetensors, file, n,
          "load: it is damaged: its header is not JSON: maximum parsing depth "
          "reached near '['; copy it again");
  free(file);
}

// Attempts 2 and 3 of the format's own list: a small file in which thousands
// of large tensors share their bytes. Nothing may be allocated for them.
static void tensors_that_share_bytes_take_no_memory(void **state) {
  (void)state;
  enum { COUNT = 400, VALUES = 40000 };
  size_t room = COUNT * 100 + VALUES + 8, n = 9;
  char *file = calloc(room, 1);
  file[8] = '{';
  for (int i = 0; i < COUNT; i++)
    n += (size_t)sprintf(file + n,
                         "\"w%d\":{\"dtype\":\"U8\",\"shape\":[200,200],"
                         "\"data_offsets\":[0,40000]}%s",
                         i, i == COUNT - 1 ? "}" : ",");
  file[0] = (char)((n - 8) & 255);
  file[1] = (char)((n - 8) >> 8);
  orr_bundle got;
  orr_memory before = orr_memory_stats();
  orr_memory_reset_peak();
  assert_false(try_read(orr_read_safetensors, file, n + VALUES, &got));
  assert_non_null(strstr(orr_error(), " overlaps another's; copy it again"));
  // The header and a place for each tensor, not 16 MB of values.
  assert_in_range(orr_memory_stats().peak_bytes - before.live_bytes, 0, 200000);
  orr_bundle_clear(&got);
  free(file);
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
  assert_true(try_read(orr_read_safetensors, file, n, &got));
  assert_string_equal(got.tensors[0].name, "b");
  assert_string_equal(orr_bundle_find_note(&got, "format"), "pt");
  assert_true(orr_get(got.tensors[0].tensor, 3) == 1);
  orr_bundle_clear(&got);
  n = safetensors_of(file, "{}", 0);
  assert_true(try_read(orr_read_safetensors, file, n, &got));
  assert_int_equal(got.n_tensors, 0);
  orr_bundle_clear(&got);
  // No size at all, and a single number.
  n = safetensors_of(file,
                     "{\"test\":{\"dtype\":\"I32\",\"shape\":[2,0],"
                     "\"data_offsets\":[0,0]}," A("\"F64\"", "[]", "[0,8]") "}",
                     8);
  assert_true(try_read(orr_read_safetensors, file, n, &got));
  assert_int_equal(orr_sizes(find(&got, "test"))[1], 0);
  assert_int_equal(orr_rank(find(&got, "a")), 0);
  orr_bundle_clear(&got);
}

// One tensor of this type, from these bytes.
static void widens(const char *type, size_t width, const void *bytes, size_t n,
                   orr_dtype dtype, const double *want) {
  char header[200], file[512];
  snprintf(header, sizeof header,
           "{\"x\":{\"dtype\":\"%s\",\"shape\":[%zu],"
           "\"data_offsets\":[0,%zu]}}",
           type, n, n * width);
  size_t size = safetensors_of(file, header, n * width);
  memcpy(file + size - n * width, bytes, n * width);
  reads_as(orr_read_safetensors, file, size, dtype, 1, (int64_t[]){(int64_t)n},
           want);
}

static void other_types_are_widened(void **state) {
  (void)state;
  widens("F16", 2, "\0\x3c\0\xc0\xff\x7b\x01\0\xff\x03\0\x7c\0\x80", 7, ORR_F32,
         (double[]){1, -2, 65504, 0x1p-24, 1023 * 0x1p-24, INFINITY, 0});
  widens("BF16", 2, "\x80\x3f\x49\xc0\x80\xff", 3, ORR_F32,
         (double[]){1, -3.140625, -INFINITY});
  widens("I8", 1, "\x7f\x80\xff", 3, ORR_I64, (double[]){127, -128, -1});
  widens("I16", 2, "\xff\x7f\0\x80", 2, ORR_I64, (double[]){32767, -32768});
  widens("U16", 2, "\xff\x7f\0\x80", 2, ORR_I64, (double[]){32767, 32768});
  widens("I32", 4, "\xfe\xff\xff\xff\0\0\0\x80", 2, ORR_I64,
         (double[]){-2, -2147483648.0});
  widens("U32", 4, "\xfe\xff\xff\xff", 1, ORR_I64, (double[]){4294967294.0});
  widens("U64", 8, "\x05\0\0\0\0\0\0\0", 1, ORR_I64, (double[]){5});
  char file[128];
  size_t n = safetensors_of(file, "{" A("\"U64\"", "[1]", "[0,8]") "}", 8);
  memset(file + n - 8, 0x80, 8);
  refused(orr_read_safetensors, file, n,
          "load: it holds a value of a beyond int64; save it as F64");
  widens("BOOL", 1, "\0\x01\xff", 3, ORR_U8, (double[]){0, 1, 1});
}

static void half_floats_are_read_bit_for_bit(void **state) {
  (void)state;
  // Every binary16 is m 2^e: compared with that, and order must be kept.
  uint16_t all[200];
  double want[200];
  for (int i = 0; i < 200; i++) {
    const int e = i % 31, m = (i * 37) % 1024;
    all[i] = (uint16_t)(e << 10 | m | (i & 1) << 15);
    want[i] = (i & 1 ? -1 : 1) *
        (e ? ldexp(1 + m / 1024.0, e - 15) : ldexp(m / 1024.0, -14));
    if (!orr_io_little_endian()) all[i] = (uint16_t)(all[i] << 8 | all[i] >> 8);
  }
  for (int i = 0; i < 200; i += 50)
    widens("F16", 2, all + i, 50, ORR_F32, want + i);
}

static void a_name_of_the_formats_own_cannot_be_written(void **state) {
  (void)state;
  orr_bundle b = {0};
  orr_tensor *t = orr_zeros(ORR_F32, 0, NULL);
  orr_io_begin();
  assert_true(orr_bundle_add(&b, "__metadata__", t));
  assert_false(orr_write_safetensors("save", in_folder("own"), &b));
  assert_string_equal(orr_error(),
                      "save: a tensor is called __metadata__, a name the "
                      "format keeps for itself; rename it");
  assert_false(orr_io_world());
  orr_bundle_clear(&b);
  orr_io_begin();
  assert_true(orr_bundle_add(&b, "\xff", t));
  assert_false(orr_write_safetensors("save", in_folder("own"), &b));
  assert_string_equal(orr_error(),
                      "save: the name or text '\xff' is not UTF-8; rename it");
  orr_bundle_clear(&b);
  orr_release(t);
}

// What the format asks of writers, so that others may map the file: the brace
// first, the data at a multiple of eight, each tensor at one of its element.
static void what_is_written_is_aligned(void **state) {
  (void)state;
  orr_bundle b = {0}, got;
  size_t size, length = 0;
  for (int i = 1; i < 20; i++) {
    char name[32] = "tensor.of.some.length.........";
    const orr_dtype d = (orr_dtype)(i % ORR_DTYPES);
    orr_tensor *t = orr_zeros(d, 1, (int64_t[]){i});
    name[i] = 0;
    assert_true(orr_bundle_add(&b, name, t));
    orr_release(t);
  }
  orr_io_begin();
  assert_true(orr_write_safetensors("t", in_folder("aligned"), &b));
  uint8_t *data = slurp(in_folder("aligned"), &size);
  for (int i = 7; i >= 0; i--) length = length << 8 | data[i];
  assert_int_equal(length % 8, 0);
  assert_int_equal(data[8], '{');
  data[8 + length - 1] = 0;  // a space, or the last brace
  for (const char *at = (char *)data + 8; (at = strstr(at, "\"data_offsets\""));
       at++) {
    const char *type = strstr(at, "\"dtype\":\"") + 9;
    const long width = strtol(type + 1, NULL, 10) / 8;
    assert_int_equal(strtol(strchr(at, '[') + 1, NULL, 10) % width, 0);
  }
  free(data);
  data = slurp(in_folder("aligned"), &size);
  assert_true(try_read(orr_read_safetensors, data, size, &got));
  assert_int_equal(got.n_tensors, 19);
  orr_bundle_clear(&got);
  orr_bundle_clear(&b);
  free(data);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      DAMAGE_TESTS("safetensors", &safetensors),
      cmocka_unit_test(places_that_do_not_add_up_are_refused),
      cmocka_unit_test(shapes_and_types_that_make_no_sense_are_refused),
      cmocka_unit_test(headers_that_are_no_json_object_are_refused),
      cmocka_unit_test(a_header_is_as_long_as_it_says),
      cmocka_unit_test(deep_nesting_is_refused),
      cmocka_unit_test(tensors_that_share_bytes_take_no_memory),
      cmocka_unit_test(what_is_written_is_aligned),
      cmocka_unit_test(safetensors_of_other_programs_reads),
      cmocka_unit_test(other_types_are_widened),
      cmocka_unit_test(half_floats_are_read_bit_for_bit),
      cmocka_unit_test(a_name_of_the_formats_own_cannot_be_written),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#else

int main(void) {
  puts("1..0 # SKIP this build has no jansson");
  return 0;
}

#endif
