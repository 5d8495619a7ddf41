// winograd_tiles.h -- what winograd.c and winograd_w.c are made of: the six
// transforms, and images taken as planes of tiles.
#ifndef ORR_WINOGRAD_TILES_H
#define ORR_WINOGRAD_TILES_H
#include <stdint.h>

enum {
  STRIP = 64,  // channels transformed side by side
  PLANES = 36  // elements of a transformed tile
};

// B', B, A', A, G and G' of winograd.c.
typedef enum orr_winograd_matrix {
  IMAGE_TO_PLANE,
  PLANE_TO_IMAGE,
  PLANE_TO_TILE,
  TILE_TO_PLANE,
  WEIGHT_TO_PLANE,
  PLANE_TO_WEIGHT
} orr_winograd_matrix;

// Floats from one of the 36 planes to the next. With multiples of 4096 bytes a
// tile's elements would be in the same cache sets: twice the time.
int64_t orr_winograd_plane(int64_t floats);

// Element (i, j) of many matrices side by side: a line at + i down + j across.
typedef struct lines {
  float *at;
  int64_t down, across;
} lines;

// Applies it to the rows and the columns of n matrices, at most STRIP of them.
void orr_winograd_transform(orr_winograd_matrix which, int64_t n, lines in,
                            lines out);

// Tiles cut the result of each image; tile t covers rows from 4 (t / across
// % down) and columns from 4 (t % across).
typedef struct tiles {
  int64_t down, across, rows, count;  // of an image; of all
} tiles;

tiles orr_winograd_cut(int64_t n, int64_t h, int64_t w);

// Images that are a factor, and the planes of some rows of their tiles:
// [plane][tile][channel].
typedef struct factor {
  const float *read;
  int64_t channels, h, w, ph, pw, taps;
  orr_winograd_matrix matrix;
  float *planes;
  int64_t line, plane;  // floats from a tile, a plane, to the next
} factor;

// Sets line and plane for so many tiles; returns the floats of all planes.
int64_t orr_winograd_lay_out(factor *f, int64_t tiles);
// Chunks of work that rows [first, last) of tiles are, and one of them, which
// fills planes from row `first` on; scratch: orr_winograd_pixels() floats.
int64_t orr_winograd_chunks(const tiles *s, const factor *f, int64_t first,
                            int64_t last);
int64_t orr_winograd_pixels(const tiles *s);
void orr_winograd_take(const tiles *s, const factor *f, int64_t first,
                       int64_t chunk, float *pixels);

#endif
