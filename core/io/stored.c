// stored.c -- numbers as files of other programs keep them, widened to the
// nearest of our dtypes: half floats to float32, integers to int64, truth
// values to uint8 0 or 1.
#include <math.h>
#include <string.h>
#include "io.h"

orr_dtype orr_stored_dtype(orr_stored s) {
  switch (s.kind) {
  case 'f':
  case 'B':
    return s.width == 8 ? ORR_F64 : ORR_F32;
  case 'b':
    return ORR_U8;
  default:
    return s.kind == 'u' && s.width == 1 ? ORR_U8 : ORR_I64;
  }
}

bool orr_stored_as_is(orr_stored s) {
  return s.kind != 'b' && s.kind != 'B' &&
      s.width == orr_dtype_size(orr_stored_dtype(s)) &&
      !(s.kind == 'u' && s.width == 8);
}

// IEEE 754 binary16; exact in float.
static float half(uint16_t h) {
  const int exponent = h >> 10 & 31, fraction = h & 1023;
  const float size = exponent == 31 ? fraction ? NAN : INFINITY
      : exponent ? ldexpf((float)(fraction + 1024), exponent - 25)
                 : ldexpf((float)fraction, -24);
  return h >> 15 ? -size : size;
}

// The upper half of a float.
static float brain(uint16_t h) {
  const uint32_t bits = (uint32_t)h << 16;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static uint64_t unsigned_at(const char *p, size_t width) {
  uint8_t u1;
  uint16_t u2;
  uint32_t u4;
  uint64_t u8;
  switch (width) {
  case 1:
    memcpy(&u1, p, 1);
    return u1;
  case 2:
    memcpy(&u2, p, 2);
    return u2;
  case 4:
    memcpy(&u4, p, 4);
    return u4;
  default:
    memcpy(&u8, p, 8);
    return u8;
  }
}

// Two's complement of the file's width to that of 64 bits.
static int64_t signed_at(const char *p, size_t width) {
  const uint64_t sign = (uint64_t)1 << (8 * width - 1);
  const uint64_t wide = (unsigned_at(p, width) ^ sign) - sign;
  int64_t value;
  memcpy(&value, &wide, sizeof value);
  return value;
}

bool orr_stored_read(orr_stored s, const void *from, void *to, size_t n) {
  const char *p = from;
  for (size_t i = 0; i < n; i++, p += s.width) {
    const uint64_t bits = unsigned_at(p, s.width);
    if (orr_stored_as_is(s)) {
      memcpy((char *)to + i * s.width, p, s.width);
    } else if (s.kind == 'b') {
      ((uint8_t *)to)[i] = bits != 0;
    } else if (s.kind == 'f') {
      ((float *)to)[i] = half((uint16_t)bits);
    } else if (s.kind == 'B') {
      ((float *)to)[i] = brain((uint16_t)bits);
    } else {
      if (s.kind == 'u' && bits > INT64_MAX) return false;
      ((int64_t *)to)[i] =
          s.kind == 'u' ? (int64_t)bits : signed_at(p, s.width);
    }
  }
  return true;
}
