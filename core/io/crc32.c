// crc32.c -- the CRC of zip, gzip and PNG, eight bytes at a time (Kounavis and
// Berry 2008), so that checking a checkpoint costs no more than reading it.
// In the core because zlib is optional and checkpoints are not.
#include <string.h>
#include "io.h"

static uint32_t table[8][256];

static void make_table(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
    table[0][i] = c;
  }
  for (uint32_t i = 0; i < 256; i++)
    for (int k = 1; k < 8; k++)
      table[k][i] = table[0][table[k - 1][i] & 255] ^ (table[k - 1][i] >> 8);
}

static uint32_t little(const uint8_t *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
      (uint32_t)p[3] << 24;
}

uint32_t orr_crc32(uint32_t crc, const void *data, size_t n) {
  const uint8_t *p = data;
  if (!table[0][1]) make_table();
  crc = ~crc;
  for (; n >= 8; n -= 8, p += 8) {
    uint32_t a = crc ^ little(p), b = little(p + 4);
    crc = table[7][a & 255] ^ table[6][a >> 8 & 255] ^ table[5][a >> 16 & 255] ^
        table[4][a >> 24] ^ table[3][b & 255] ^ table[2][b >> 8 & 255] ^
        table[1][b >> 16 & 255] ^ table[0][b >> 24];
  }
  for (; n; n--, p++) crc = table[0][(crc ^ *p) & 255] ^ (crc >> 8);
  return ~crc;
}
