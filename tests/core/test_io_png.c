// test_io_png.c -- PNG pictures of every kind, as uint8 [C, H, W].
#include <stdio.h>
#include "damage.h"
#ifdef ORR_HAVE_PNG
#include <math.h>

static bool read_png(orr_input *in, orr_bundle *to) {
  return read_one(in, to, orr_read_png);
}

static bool write_png(const char *path, const orr_bundle *b) {
  return orr_write_png("t", path, b->tensors[PICTURE - 1].tensor);
}

static const format png = {"png",           write_png,    read_png,
                           .checked = true, .tail = true, .only = PICTURE};

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

int main(void) {
  const struct CMUnitTest tests[] = {
      DAMAGE_TESTS("png", &png),
      cmocka_unit_test(png_of_other_programs_reads),
      cmocka_unit_test(png_takes_floats_and_cuts_them_off),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#else

int main(void) {
  puts("1..0 # SKIP this build has no libspng");
  return 0;
}

#endif
