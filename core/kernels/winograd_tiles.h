// winograd_tiles.h -- what winograd.c is made of: the six transforms, and tiles
// taken from images and put into them, many side by side.
#ifndef ORR_WINOGRAD_TILES_H
#define ORR_WINOGRAD_TILES_H
#include <stdint.h>

enum {
  STRIP = 64,  // tiles or channels transformed side by side
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

// Applies it to the rows and the columns of n matrices, at most STRIP of them,
// side by side. Element (i, j) of them all is a line of n floats: of `in` at
// i down + j across, of `out` element after element, `to` floats apart.
void orr_winograd_transform(orr_winograd_matrix which, int64_t n,
                            const float *in, int64_t down, int64_t across,
                            float *out, int64_t to);

// Tiles cut the result of each image; tile t covers rows from 4 (t / across
// % down) and columns from 4 (t % across).
typedef struct tiles {
  int64_t down, across, count;
} tiles;

tiles orr_winograd_cut(int64_t n, int64_t h, int64_t w);

// The taps x taps elements of tiles [first, last), at most STRIP of them, of
// one channel: x is that channel of the first image, shifted by the padding.
void orr_winograd_take(const tiles *s, const float *x, int64_t image, int64_t h,
                       int64_t w, int64_t ph, int64_t pw, int64_t taps,
                       int64_t first, int64_t last, float *to);

// Puts 4 x 4 tiles [first, last) into one channel of the images.
void orr_winograd_give(const tiles *s, const float *from, float bias,
                       int64_t image, int64_t h, int64_t w, int64_t first,
                       int64_t last, float *y);

// Adds 6 x 6 patches [first, last) to one channel of the images.
void orr_winograd_add(const tiles *s, const float *from, int64_t image,
                      int64_t h, int64_t w, int64_t ph, int64_t pw,
                      int64_t first, int64_t last, float *x);

#endif
