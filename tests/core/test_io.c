// test_io.c -- what all formats stand on: gzip, checksums, and the world, in
// which files are missing and writes are interrupted.
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>
#include "damage.h"

#ifdef ORR_HAVE_GZIP
static bool read_idx(orr_input *in, orr_bundle *to) {
  return read_one(in, to, orr_read_idx);
}

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

static void crc32_has_its_check_value(void **state) {
  (void)state;
  // The check value of CRC-32/ISO-HDLC, whole and in two parts.
  assert_int_equal(orr_crc32(0, "123456789", 9), 0xCBF43926u);
  assert_int_equal(orr_crc32(orr_crc32(0, "1234", 4), "56789", 5), 0xCBF43926u);
}

// ---------------------------------------------------------------- the world

static int files_in_folder(void) {
  int n = 0;
  DIR *d = opendir(the_folder());
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
  assert_false(orr_input_file(&in, "load", the_folder()));
  snprintf(want, sizeof want, "load: %s is a folder; give a file in it",
           the_folder());
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

int main(void) {
  const struct CMUnitTest tests[] = {
#ifdef ORR_HAVE_GZIP
      cmocka_unit_test(gzip_is_measured_before_it_is_believed),
      cmocka_unit_test(gzip_in_two_members_is_one_file),
#endif
      cmocka_unit_test(crc32_has_its_check_value),
      cmocka_unit_test(an_interrupted_write_leaves_the_old_file),
      cmocka_unit_test(the_world_is_told_by_name),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
