// colours.h -- the few colours that stand for the many of a picture.
#ifndef ORR_COLOURS_H
#define ORR_COLOURS_H
#include "../orrery.h"

typedef struct orr_colours {
  int n;
  uint8_t rgb[256][3];
} orr_colours;

// Pixels are r, g, b. Adds the colours of the pixels to those there are; false
// when that makes more than 256.
bool orr_colours_add(orr_colours *c, const uint8_t *pixels, size_t n);
// 256 colours near those of the pixels; false without memory.
bool orr_colours_cut(orr_colours *c, const uint8_t *pixels, size_t n);
// Which colour each pixel gets: its own where it has one, else the nearest,
// with what that leaves over spread to the neighbours. False without memory.
bool orr_colours_map(const orr_colours *c, const uint8_t *pixels, int width,
                     int height, uint8_t *to);

#endif
