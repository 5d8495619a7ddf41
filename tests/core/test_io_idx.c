// test_io_idx.c -- IDX, the format of MNIST, raw and gzipped.
#include "damage.h"

static bool read_idx(orr_input *in, orr_bundle *to) {
  return read_one(in, to, orr_read_idx);
}

static bool write_idx(const char *path, const orr_bundle *b) {
  return orr_write_idx("t", path, b->tensors[WEIGHT - 1].tensor, false);
}

static const format idx = {"idx", write_idx, read_idx, .only = WEIGHT};

#ifdef ORR_HAVE_GZIP
static bool write_gzipped(const char *path, const orr_bundle *b) {
  return orr_write_idx("t", path, b->tensors[WEIGHT - 1].tensor, true);
}

static const format gzipped = {"idx.gz", write_gzipped, read_idx,
                               .checked = true, .only = WEIGHT};
#endif

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

static void huge_sizes_are_refused_without_memory(void **state) {
  (void)state;
  refused(
      read_idx, "\0\0\x08\x02\x7f\xff\xff\xff\x00\x00\x10\x00zz", 14,
      "load: it is cut short: header says 8796093018112 bytes of data, file "
      "has 2; copy it again");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      DAMAGE_TESTS("idx", &idx),
#ifdef ORR_HAVE_GZIP
      DAMAGE_TESTS("idx.gz", &gzipped),
#endif
      cmocka_unit_test(huge_sizes_are_refused_without_memory),
      cmocka_unit_test(idx_reads_known_bytes),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
