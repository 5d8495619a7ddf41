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

int main(void) {
  const struct CMUnitTest tests[] = {
      DAMAGE_TESTS("stored", &stored),
      DAMAGE_TESTS("deflated", &deflated),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#else

int main(void) {
  puts("1..0 # SKIP this build has no libzip");
  return 0;
}

#endif
