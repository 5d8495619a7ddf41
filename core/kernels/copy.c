// copy.c -- copying and converting strided elements.
#include "elementwise.h"

// Without conversion. One element over and over, as broadcasting has it, is
// filled in by vectors.
#define COPY(NAME, T)                                                      \
  ORR_LOOP1(NAME##_walked, T, T, x)                                        \
  ORR_CLONES static void NAME(int64_t n, char *const *p, const int64_t *s, \
                              const double *attr) {                        \
    if (s[0] != 1 || s[1] != 0) {                                          \
      NAME##_walked(n, p, s, attr);                                        \
      return;                                                              \
    }                                                                      \
    T *y = (T *)(void *)p[0];                                              \
    const T x = *(const T *)(const void *)p[1];                            \
    for (int64_t i = 0; i < n; i++) y[i] = x;                              \
  }
COPY(f32_f32, float)
COPY(f64_f64, double)
COPY(i64_i64, int64_t)
COPY(u8_u8, uint8_t)
ORR_LOOP1(f32_f64, float, double, x)
ORR_LOOP1(f32_i64, float, int64_t, x)
ORR_LOOP1(f32_u8, float, uint8_t, x)
ORR_LOOP1(f64_f32, double, float, x)
ORR_LOOP1(f64_i64, double, int64_t, x)
ORR_LOOP1(f64_u8, double, uint8_t, x)
ORR_LOOP1(i64_f32, int64_t, float, orr_whole((double)x))
ORR_LOOP1(i64_f64, int64_t, double, orr_whole(x))
ORR_LOOP1(i64_u8, int64_t, uint8_t, x)
// A float outside uint8's range wraps like the integer it rounds down to.
ORR_LOOP1(u8_f32, uint8_t, float, orr_whole((double)x))
ORR_LOOP1(u8_f64, uint8_t, double, orr_whole(x))
ORR_LOOP1(u8_i64, uint8_t, int64_t, x)

orr_loop *orr_cast_loop(orr_dtype to, orr_dtype from) {
  static orr_loop *const table[ORR_DTYPES][ORR_DTYPES] =
      {{f32_f32, f32_f64, f32_i64, f32_u8},
       {f64_f32, f64_f64, f64_i64, f64_u8},
       {i64_f32, i64_f64, i64_i64, i64_u8},
       {u8_f32, u8_f64, u8_i64, u8_u8}};
  return table[to][from];
}

void orr_copy_elements(const orr_tensor *to, const orr_tensor *from) {
  orr_space s = {.rank = to->rank};
  memcpy(s.size, to->size, sizeof s.size);
  orr_space_add(&s, to);
  orr_space_add(&s, from);
  orr_iterate(&s, orr_cast_loop(to->dtype, from->dtype), NULL, ORR_GRAIN_CHEAP);
}
