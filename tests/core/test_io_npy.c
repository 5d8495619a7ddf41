// test_io_npy.c -- NumPy's array files: every order and width, and headers
// that claim too much.
#include <math.h>
#include "damage.h"

static bool read_npy(orr_input *in, orr_bundle *to) {
  return read_one(in, to, orr_read_npy);
}

static bool write_npy(const char *path, const orr_bundle *b) {
  return orr_write_npy("t", path, b->tensors[WEIGHT - 1].tensor);
}

static const format npy = {"npy", write_npy, read_npy, .only = WEIGHT};

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
  // Half floats: 1, -2, the largest, the smallest, infinity (big-endian).
  n = npy_of(file, "{'descr': '>f2', 'fortran_order': False, 'shape': (5,)}");
  memcpy(file + n, "\x3c\0\xc0\0\x7b\xff\0\x01\x7c\0", 10);
  reads_as(read_npy, file, n + 10, ORR_F32, 1, (int64_t[]){5},
           (double[]){1, -2, 65504, 0x1p-24, INFINITY});
  // Columns of [[1, 2], [3, 4]] in one byte each, and truth as 0 or 1.
  n = npy_of(file, "{'descr': '|i1', 'fortran_order': True, 'shape': (2, 2)}");
  memcpy(file + n, "\x01\x03\xfe\x04", 4);
  reads_as(read_npy, file, n + 4, ORR_I64, 2, (int64_t[]){2, 2},
           (double[]){1, -2, 3, 4});
  n = npy_of(file, "{'descr': '|b1', 'fortran_order': True, 'shape': (2, 2)}");
  memcpy(file + n, "\0\x07\x01\0", 4);
  reads_as(read_npy, file, n + 4, ORR_U8, 2, (int64_t[]){2, 2},
           (double[]){0, 1, 1, 0});
  n = npy_of(file, "{'descr': '<u8', 'fortran_order': False, 'shape': (1,)}");
  memcpy(file + n, "\xff\xff\xff\xff\xff\xff\xff\x7f", 8);
  reads_as(read_npy, file, n + 8, ORR_I64, 1, (int64_t[]){1},
           (double[]){(double)INT64_MAX});
}

static void npy_says_what_it_cannot_read(void **state) {
  (void)state;
  char file[512];
  size_t n =
      npy_of(file, "{'descr': '<f2', 'fortran_order': False, 'shape': (1,)}..");
  refused(read_npy, file, n,
          "load: it is damaged: its header makes no sense; "
          "copy it again");
  n = npy_of(file, "{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}");
  refused(read_npy, file, n,
          "load: it holds values of type <c8; save it as "
          "float32, float64, int64 or uint8");
  n = npy_of(file,
             "{'descr': [('a', '<f4')], 'fortran_order': False, "
             "'shape': (1,)}");
  refused(read_npy, file, n,
          "load: it holds records with named fields; save "
          "each field as an array of its own");
  n = npy_of(file, "{'descr': '<u8', 'fortran_order': False, 'shape': (1,)}");
  memset(file + n, 0x80, 8);
  refused(read_npy, file, n + 8,
          "load: it holds a value beyond int64; save it as float64");
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

int main(void) {
  const struct CMUnitTest tests[] = {
      DAMAGE_TESTS("npy", &npy),
      cmocka_unit_test(huge_sizes_are_refused_without_memory),
      cmocka_unit_test(npy_reads_every_order_and_width),
      cmocka_unit_test(npy_says_what_it_cannot_read),
      cmocka_unit_test(npy_headers_are_those_of_numpy),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
