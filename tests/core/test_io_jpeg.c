// test_io_jpeg.c -- photographs: of every colour space, and damaged.
#include <math.h>
#include <stdio.h>
#include "damage.h"
#ifdef ORR_HAVE_JPEG

static bool read_jpeg(orr_input *in, orr_bundle *to) {
  return read_one(in, to, orr_read_jpeg);
}

static bool read_image(orr_input *in, orr_bundle *to) {
  return read_one(in, to, orr_read_image);
}

static bool write_jpeg(const char *path, const orr_bundle *b) {
  return orr_write_jpeg("t", path, b->tensors[PICTURE - 1].tensor, 90);
}

static const format jpeg = {"jpg",          write_jpeg,    read_jpeg,
                            .tail = true,   .lossy = true, .per_byte = 512 * 7,
                            .only = PICTURE};

// Pictures of 8 x 8 equal pixels, made by libjpeg's own encoder at quality 100:
// stored CMYK 200, 100, 50, 128 with and without Adobe's marker, the same as
// YCCK; RGB 255, 0, 0 kept as RGB; progressive grey 77.
#define CMYK_ADOBE                                                           \
  "ffd8ffee000e41646f626500640000000000ffdb00430001010101010101010101010101" \
  "010101010101010101010101010101010101010101010101010101010101010101010101" \
  "010101010101010101010101010101ffc000140800080008044311004d11005911004b11" \
  "00ffc4001600010101000000000000000000000000000a0008ffc4001410010000000000" \
  "0000000000000000000000ffda000e0443004d0059004b00003f00480c3e31e9ffd9"
#define CMYK_PLAIN                                                           \
  "ffd8ffdb0043000101010101010101010101010101010101010101010101010101010101" \
  "0101010101010101010101010101010101010101010101010101010101010101010101ff" \
  "c000140800080008044311004d11005911004b1100ffc400160001010100000000000000" \
  "0000000000000a0008ffc40014100100000000000000000000000000000000ffda000e04" \
  "43004d0059004b00003f00480c3e31e9ffd9"
#define YCCK                                                                 \
  "ffd8ffee000e41646f626500640000000002ffdb00430001010101010101010101010101" \
  "010101010101010101010101010101010101010101010101010101010101010101010101" \
  "010101010101010101010101010101ffdb00430101010101010101010101010101010101" \
  "010101010101010101010101010101010101010101010101010101010101010101010101" \
  "010101010101010101010101ffc00014080008000804012200021101031101042200ffc4" \
  "001500010100000000000000000000000000000005ffc400141001000000000000000000" \
  "00000000000000ffc40014010100000000000000000000000000000009ffc40014110100" \
  "000000000000000000000000000000ffda000e040100021103110400003f00b0015009e0" \
  "0fffd9"
#define RGB                                                                  \
  "ffd8ffee000e41646f626500640000000000ffdb00430001010101010101010101010101" \
  "010101010101010101010101010101010101010101010101010101010101010101010101" \
  "010101010101010101010101010101ffc00011080008000803521100471100421100ffc4" \
  "001500010100000000000000000000000000000b0affc400141001000000000000000000" \
  "00000000000000ffda000c03520047004200003f00bf81ff008ffdffd9"
#define PROG                                                                 \
  "ffd8ffe000104a46494600010100000100010000ffdb0043000101010101010101010101" \
  "010101010101010101010101010101010101010101010101010101010101010101010101" \
  "0101010101010101010101010101010101ffc2000b080008000801011100ffc400140001" \
  "00000000000000000000000000000008ffda000801010000000119ff00ffc40014100100" \
  "000000000000000000000000000000ffda00080101000105027fffc40014100100000000" \
  "000000000000000000000000ffda0008010100063f027fffc40014100100000000000000" \
  "000000000000000000ffda0008010100013f217fffda00080101000000107fffc4001410" \
  "0100000000000000000000000000000000ffda0008010100013f107fffd9"

// Reads as this one colour everywhere.
static void reads_as_colour(const char *hex, int channels, const double *colour,
                            double tolerance) {
  uint8_t file[400];
  orr_bundle got;
  size_t n = from_hex(hex, file);
  if (!try_read(read_jpeg, file, n, &got)) fail_msg("%s", orr_error());
  orr_tensor *t = got.tensors[0].tensor;
  assert_int_equal(orr_tensor_dtype(t), ORR_U8);
  assert_int_equal(orr_sizes(t)[0], channels);
  assert_int_equal(orr_sizes(t)[1], 8);
  assert_int_equal(orr_sizes(t)[2], 8);
  for (int64_t i = 0; i < orr_count(t); i++)
    if (!(fabs(orr_get(t, i) - colour[i / 64]) <= tolerance))
      fail_msg("channel %d is %g, not %g", (int)(i / 64), orr_get(t, i),
               colour[i / 64]);
  orr_bundle_clear(&got);
}

static void every_colour_space_reads(void **state) {
  (void)state;
  reads_as_colour(PROG, 1, (double[]){77}, 0);
  reads_as_colour(RGB, 3, (double[]){255, 0, 0}, 0);
  // Adobe: what is stored is light, 200 of 255 under 128 of 255.
  reads_as_colour(CMYK_ADOBE, 3, (double[]){100, 50, 25}, 0);
  reads_as_colour(YCCK, 3, (double[]){100, 50, 25}, 1);
  // Without the marker it is ink: (255 - 200)(255 - 128) / 255.
  reads_as_colour(CMYK_PLAIN, 3, (double[]){27, 77, 102}, 0);
}

// A smooth picture comes back almost as it was, whatever its dtype.
static void smooth_pictures_come_back_near(void **state) {
  (void)state;
  const orr_dtype dtypes[] = {ORR_U8, ORR_F32, ORR_F64};
  for (int d = 0; d < 3; d++)
    for (int channels = 1; channels <= 3; channels += 2) {
      size_t size;
      orr_bundle got;
      orr_tensor *t = orr_zeros(dtypes[d], 3, (int64_t[]){channels, 9, 17});
      const double scale = d ? 255 : 1;
      for (int64_t i = 0; i < orr_count(t); i++)
        orr_set(t, i, (double)(100 + i % 17 * 3 + i / 153 * 10) / scale);
      orr_io_begin();
      assert_true(orr_write_jpeg("t", in_folder("s.jpg"), t, 100));
      uint8_t *data = slurp(in_folder("s.jpg"), &size);
      assert_true(try_read(read_image, data, size, &got));
      orr_tensor *back = got.tensors[0].tensor;
      assert_int_equal(orr_count(back), orr_count(t));
      for (int64_t i = 0; i < orr_count(t); i++)
        assert_true(fabs(orr_get(back, i) - orr_get(t, i) * scale) <= 3);
      orr_bundle_clear(&got);
      orr_release(t);
      free(data);
    }
}

static void better_quality_is_nearer(void **state) {
  (void)state;
  double before = 1e9;
  const int qualities[] = {1, 50, 95};
  for (int q = 0; q < 3; q++) {
    size_t size;
    orr_bundle got;
    double error = 0;
    orr_tensor *t = orr_zeros(ORR_U8, 2, (int64_t[]){16, 16});
    for (int64_t i = 0; i < 256; i++) orr_set(t, i, (double)(i * 167 % 251));
    orr_io_begin();
    assert_true(orr_write_jpeg("t", in_folder("q.jpg"), t, qualities[q]));
    uint8_t *data = slurp(in_folder("q.jpg"), &size);
    assert_true(try_read(read_jpeg, data, size, &got));
    for (int64_t i = 0; i < 256; i++)
      error += fabs(orr_get(got.tensors[0].tensor, i) - orr_get(t, i));
    assert_true(error < before / 2);
    before = error;
    orr_bundle_clear(&got);
    orr_release(t);
    free(data);
  }
}

static void what_is_no_jpeg_is_refused(void **state) {
  (void)state;
  uint8_t file[400];
  refused(read_jpeg, "GIF89a", 6,
          "load: it is not a JPEG picture; convert it to JPEG");
  refused(read_image, "GIF89a", 6,
          "load: it is neither a PNG nor a JPEG picture; convert it");
  refused(read_image, "", 0, "load: it is empty; copy it again");
  // 65500 x 65500 pixels in 282 bytes: the sizes stand after SOF2 (ffc2).
  size_t n = from_hex(PROG, file);
  uint8_t *sof = memmem(file, n, "\xff\xc2", 2);
  memcpy(sof + 5, "\xff\xdc\xff\xdc", 4);
  refused(read_jpeg, file, n,
          "load: it is damaged: 65500 x 65500 pixels do not fit into its 282 "
          "bytes; copy it again");
}

static void what_no_jpeg_can_hold_is_refused(void **state) {
  (void)state;
  static const struct {
    int64_t size[3];
    int rank, quality;
    orr_dtype dtype;
    const char *sentence;
  } cases[] = {
      {{4, 2, 2},
       3,
       90,
       ORR_U8,
       "save: image is [4, 2, 2]; it must be [H, W] or [C, H, W] with C = 1 "
       "or 3"},
      {{2, 2}, 2, 0, ORR_U8, "save: quality is 0; it must be 1 to 100"},
      {{2, 2}, 2, 101, ORR_U8, "save: quality is 101; it must be 1 to 100"},
      {{2, 2},
       2,
       90,
       ORR_I64,
       "save: image is int64; make it uint8, or float from 0 to 1"},
      {{1, 65501},
       2,
       90,
       ORR_U8,
       "save: image is [1, 65501]; a JPEG has at least one pixel and at most "
       "65500 a side"},
      {{0, 5},
       2,
       90,
       ORR_U8,
       "save: image is [0, 5]; a JPEG has at least one pixel and at most 65500 "
       "a side"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    orr_tensor *t = orr_zeros(cases[i].dtype, cases[i].rank, cases[i].size);
    orr_io_begin();
    assert_false(
        orr_write_jpeg("save", in_folder("no.jpg"), t, cases[i].quality));
    assert_string_equal(orr_error(), cases[i].sentence);
    assert_false(orr_io_world());
    orr_release(t);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      DAMAGE_TESTS("jpeg", &jpeg),
      cmocka_unit_test(every_colour_space_reads),
      cmocka_unit_test(smooth_pictures_come_back_near),
      cmocka_unit_test(better_quality_is_nearer),
      cmocka_unit_test(what_is_no_jpeg_is_refused),
      cmocka_unit_test(what_no_jpeg_can_hold_is_refused),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#else

int main(void) {
  puts("1..0 # SKIP this build has no libjpeg-turbo");
  return 0;
}

#endif
