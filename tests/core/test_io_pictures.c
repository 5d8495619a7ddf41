// test_io_pictures.c -- batches of pictures: scaled as a plain sum says, the
// same bits from any number of threads, no harm from damaged files.
#include <math.h>
#include <stdio.h>
#include "../../core/io/pictures.h"
#include "damage.h"
#if defined(ORR_HAVE_PNG) && defined(ORR_HAVE_JPEG)

static uint64_t seed = 7;
static int pick(int n) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (int)((seed >> 33) % (uint64_t)n);
}

// ---------------------------------------------------------------- scaling

static double kernel(orr_filter filter, double x) {
  const double pi = acos(-1);
  x = fabs(x);
  switch (filter) {
  case ORR_BILINEAR:
    return fmax(0, 1 - x);
  case ORR_BICUBIC:
    return x < 1 ? 1.5 * x * x * x - 2.5 * x * x + 1
        : x < 2  ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2
                 : 0;
  default:
    if (x >= 3) return 0;
    return x < 1e-12 ? 1
                     : 3 * sin(pi * x) * sin(pi * x / 3) / (pi * pi * x * x);
  }
}

// Weight of source pixel i in pixel k of n, over all of the source.
static double share(orr_filter filter, int size, int n, int k, int i) {
  const double scale = (double)size / n;
  if (filter == ORR_NEAREST) return i == (int)((k + 0.5) * scale);
  if (filter == ORR_AREA) {
    const double low = fmax(k * scale, i), high = fmin((k + 1) * scale, i + 1);
    return fmax(0, high - low) / scale;
  }
  double sum = 0;
  const double wide = fmax(1, scale);
  for (int j = 0; j < size; j++)
    sum += kernel(filter, (j + 0.5 - (k + 0.5) * scale) / wide);
  return kernel(filter, (i + 0.5 - (k + 0.5) * scale) / wide) / sum;
}

static double plain_sum(const orr_window *from, int h, int w, int y, int x,
                        int c, orr_filter filter) {
  double sum = 0;
  for (int i = 0; i < from->height; i++) {
    const double down = share(filter, (int)from->height, h, y, i);
    if (down == 0) continue;
    for (int j = 0; j < from->width; j++)
      sum += down * share(filter, (int)from->width, w, x, j) *
          from->at[(size_t)i * from->pitch + (size_t)(j * from->channels + c)];
  }
  return fmin(255, fmax(0, sum));
}

static void scaling_is_the_weighted_sum(void **state) {
  (void)state;
  uint8_t pixels[24 * 24 * 3];
  for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)pick(256);
  for (int round = 0; round < 60; round++) {
    const orr_filter filter = (orr_filter)(round % ORR_FILTERS);
    const int channels = round % 2 ? 3 : 1;
    const orr_window from = {pixels, 24 * 3, 1 + pick(20), 1 + pick(20),
                             channels};
    const int h = 1 + pick(30), w = 1 + pick(30);
    const int height = 1 + pick(h), width = 1 + pick(w);
    const int y = pick(h - height + 1), x = pick(w - width + 1);
    float *got = malloc((size_t)(3 * height * width) * sizeof *got);
    assert_true(orr_resample(&from, h, w, y, x, height, width, filter, got));
    for (int c = 0; c < channels; c++)
      for (int i = 0; i < height; i++)
        for (int j = 0; j < width; j++) {
          const double want = plain_sum(&from, h, w, y + i, x + j, c, filter);
          const double is = (double)got[(c * height + i) * width + j];
          if (fabs(is - want) > 1e-3)
            fail_msg("filter %d: %g against %g", (int)filter, is, want);
        }
    free(got);
  }
}

// ---------------------------------------------------------------- batches

static const orr_plan small = {.parts = 1,
                               .channels = 3,
                               .filter = ORR_BICUBIC,
                               .fit = ORR_STRETCH,
                               .scaled_height = 9,
                               .scaled_width = 9,
                               .height = 7,
                               .width = 7,
                               .gain = {1, 1, 1},
                               .background = 255};
static const orr_changes lively = {0.3f, 0.8f, true, 1.2f, 0.7f, 1.5f, 0.1f};

static void write_picture(const char *name, int k) {
  orr_tensor *t = orr_zeros(ORR_U8, 3, (int64_t[]){3, 12, 16});
  for (int64_t i = 0; i < orr_count(t); i++)
    orr_set(t, i, (double)((i * 7 + k * 31) % 251));
  orr_io_begin();
  assert_true(k % 2 ? orr_write_jpeg("t", in_folder(name), t, 95)
                    : orr_write_png("t", in_folder(name), t));
  orr_release(t);
}

enum { MANY = 12 };
static char name_of[MANY][100];
static const char *path_of[MANY];
static orr_changes change_of[MANY];

static void write_many(void) {
  for (int k = 0; k < MANY; k++) {
    char name[20];
    snprintf(name, sizeof name, "p%d.png", k);
    write_picture(name, k);
    snprintf(name_of[k], sizeof name_of[k], "%s", in_folder(name));
    path_of[k] = name_of[k];
    change_of[k] = lively;
    change_of[k].flip = k % 3 == 0;
  }
}

static orr_batch *begin(int threads) {
  orr_io_begin();
  orr_batch *b =
      orr_batch_start(&small, MANY, path_of, NULL, NULL, change_of, threads);
  assert_non_null(b);
  return b;
}

static void any_number_of_threads_gives_the_same_bits(void **state) {
  (void)state;
  write_many();
  orr_batch *alone = begin(0);
  assert_true(orr_batch_wait(alone));
  for (int threads = 1; threads <= 3; threads++)
    for (int round = 0; round < 20; round++) {
      orr_batch *b = begin(threads), *after = begin(threads);
      assert_true(orr_batch_wait(b));
      assert_true(orr_batch_wait(after));
      for (int i = 0; i < MANY; i++) assert_null(orr_batch_why(b, i));
      const size_t bytes = MANY * 3 * 7 * 7 * sizeof(float);
      const void *want = orr_data(orr_batch_part(alone, 0));
      assert_memory_equal(orr_data(orr_batch_part(b, 0)), want, bytes);
      assert_memory_equal(orr_data(orr_batch_part(after, 0)), want, bytes);
      orr_batch_free(b);
      orr_batch_free(after);
    }
  orr_batch_free(alone);
}

static void batches_nobody_waits_for_are_dropped(void **state) {
  (void)state;
  write_many();
  const orr_memory before = orr_memory_stats();
  for (int round = 0; round < 50; round++) {
    orr_batch *a = begin(2), *b = begin(2);
    orr_batch_free(round % 2 ? a : b);
    orr_batch_free(round % 2 ? b : a);
  }
  assert_int_equal(orr_memory_stats().live_blocks, before.live_blocks);
}

// Threads work on batches while the main one records a step; here it helps
// them at such a time, so that it happens for sure.
static void a_step_recorded_meanwhile_does_not_notice(void **state) {
  (void)state;
  write_many();
  orr_batch *b = begin(0);
  orr_tensor *x = orr_zeros(ORR_F32, 1, (int64_t[]){3});
  assert_true(orr_program_begin(1, &x));
  assert_true(orr_batch_wait(b));
  orr_program *p = orr_program_end(1, &x);
  if (!p) fail_msg("%s", orr_error());
  orr_program_free(p);
  assert_null(orr_batch_why(b, 0));
  orr_batch_free(b);
  orr_release(x);
}

static void an_interrupt_ends_the_wait_but_not_the_batch(void **state) {
  (void)state;
  write_many();
  orr_batch *b = begin(0);  // with threads it may be done before
  orr_interrupt();
  assert_false(orr_batch_wait(b));
  assert_string_equal(orr_error(), "interrupted");
  orr_clear_interrupt();
  orr_clear_error();
  assert_true(orr_batch_wait(b));
  assert_null(orr_batch_why(b, MANY - 1));
  orr_batch_free(b);
}

static void what_cannot_be_read_is_said_of_its_picture(void **state) {
  (void)state;
  write_many();
  FILE *f = fopen(in_folder("empty.png"), "wb");
  fclose(f);
  char empty[100];
  snprintf(empty, sizeof empty, "%s", in_folder("empty.png"));
  const char *const keep[] = {path_of[1], path_of[2], path_of[3]};
  path_of[1] = "no/such/file.png";
  path_of[2] = empty;
  path_of[3] = the_folder();
  orr_batch *b = begin(2);
  assert_true(orr_batch_wait(b));
  assert_null(orr_batch_why(b, 0));
  assert_string_equal(orr_batch_why(b, 1),
                      "cannot be read: No such file or directory");
  assert_string_equal(orr_batch_why(b, 2), "is empty; copy it again");
  assert_string_equal(orr_batch_why(b, 3), "is no file; give a picture");
  assert_null(orr_batch_why(b, 4));
  orr_batch_free(b);
  memcpy(path_of + 1, keep, sizeof keep);
}

static void a_failed_allocation_leaves_nothing(void **state) {
  (void)state;
  write_many();
  const orr_memory before = orr_memory_stats();
  orr_batch *b = NULL;
  for (int64_t n = 1; !b; n++) {
    assert_in_range(n, 1, 100);
    orr_io_begin();
    orr_memory_fail_after(n);
    b = orr_batch_start(&small, MANY, path_of, NULL, NULL, change_of, 1);
    orr_memory_fail_after(0);
    if (!b)
      assert_int_equal(orr_memory_stats().live_blocks, before.live_blocks);
  }
  orr_batch_free(b);
  orr_io_begin();
}

// ---------------------------------------------------------------- damage

// A picture or a sentence, whatever the bytes are.
static bool develops(const uint8_t *data, size_t size) {
  float to[3 * 7 * 7], *parts[] = {to, NULL};
  char why[240] = "";
  const bool ok =
      orr_develop(data, size, &small, &lively, parts, why, sizeof why);
  if (!ok && (strlen(why) < 12 || strchr(why, '\n')))
    fail_msg("no clean sentence: '%s'", why);
  for (int i = 0; ok && i < 3 * 7 * 7; i++)
    assert_true(to[i] >= 0 && to[i] <= 255.01f);
  return ok;
}

static void damaged_pictures_give_a_sentence(void **state) {
  (void)state;
  for (int kind = 0; kind < 2; kind++) {
    write_picture("x", kind);
    size_t size;
    uint8_t *data = slurp(in_folder("x"), &size);
    assert_true(develops(data, size));
    for (size_t n = 0; n < size; n++) {
      uint8_t *part = malloc(n ? n : 1);  // so that reading past it is seen
      memcpy(part, data, n);
      if (develops(part, n)) fail_msg("cut at %zu of %zu develops", n, size);
      free(part);
    }
    for (size_t bit = 0; bit < size * 8; bit++) {
      data[bit / 8] ^= (uint8_t)(1u << bit % 8);
      develops(data, size);
      data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(data);
  }
}

// Its weights alone would take gigabytes; no pixel of it is looked at.
static void a_row_without_end_is_refused(void **state) {
  (void)state;
  uint8_t pixel = 0;
  float y;
  const orr_window from = {&pixel, 1, 1, (int64_t)1 << 40, 1};
  for (orr_filter f = ORR_AREA; f < ORR_FILTERS; f++)
    assert_false(orr_resample(&from, 1, 1, 0, 0, 1, 1, f, &y));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scaling_is_the_weighted_sum),
      cmocka_unit_test(a_row_without_end_is_refused),
      cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
      cmocka_unit_test(batches_nobody_waits_for_are_dropped),
      cmocka_unit_test(a_step_recorded_meanwhile_does_not_notice),
      cmocka_unit_test(an_interrupt_ends_the_wait_but_not_the_batch),
      cmocka_unit_test(what_cannot_be_read_is_said_of_its_picture),
      cmocka_unit_test(a_failed_allocation_leaves_nothing),
      cmocka_unit_test(damaged_pictures_give_a_sentence),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#else
int main(void) {
  puts("1..0 # SKIP this build has no PNG or JPEG");
  return 0;
}
#endif
