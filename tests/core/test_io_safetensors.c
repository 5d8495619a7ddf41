// test_io_safetensors.c -- named tensors behind a JSON header.
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

int main(void) {
  const struct CMUnitTest tests[] = {
      DAMAGE_TESTS("safetensors", &safetensors),
      cmocka_unit_test(safetensors_refuses_what_does_not_add_up),
      cmocka_unit_test(safetensors_of_other_programs_reads),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#else

int main(void) {
  puts("1..0 # SKIP this build has no jansson");
  return 0;
}

#endif
