// implicit_source.h -- convolutions as passes over a copy of the image, laid
// out so that neighbouring positions read neighbouring floats.
#ifndef ORR_IMPLICIT_SOURCE_H
#define ORR_IMPLICIT_SOURCE_H
#include "conv.h"
#include "counts.h"
#include "micro.h"
#include "slots.h"

enum {
  KERNEL = 16,  // of an axis, at most
  PASSES = 4,   // of an axis: its stride, in the adjoint
  LANE = ORR_MICRO_LANE
};

typedef float lane __attribute__((vector_size(4 * LANE)));
typedef float any_lane
    __attribute__((vector_size(4 * LANE), aligned(4), may_alias));

// One axis of a pass: position t reads in[step t + shift[i]] for tap i, which
// is element tap[i] of the kernel, and is written to out[first + apart t].
typedef struct axis {
  int taps;
  int64_t tap[KERNEL], shift[KERNEL];
  int64_t positions, step, first, apart;
  int64_t least, most;  // shifts
} axis;

typedef struct image {
  int64_t channels, group, h, w;  // group: channels of a group
} image;

// Passes are pairs of one along each axis. `fused`: the two along rows are
// computed side by side and written between each other.
typedef struct plan {
  const orr_conv *g;
  bool adjoint, fused;
  int64_t down, across;
  axis y[PASSES], x[PASSES];
  image in, out;
  const float *read, *weight, *bias;
  float *write, *packed;
  int64_t to_out, to_in;        // in the weight, from a channel to the next
  int64_t tiles, first_packed;  // of a group's channels
  int64_t images, rows, image_blocks, row_blocks, part, parts;
  orr_slots slots;
} plan;

// A chunk's copy of the image: [channel][image][row rest][row][column rest]
// [column], rests of the division by the steps; from shifts `top` and `left`.
typedef struct source {
  int64_t images, first_row, rows;  // of positions
  int64_t top, left, down, across;  // shifts and steps
  int64_t high, wide;               // of a plane
  int64_t image, channel;           // floats of one
  float *at;
} source;

// Finds the passes along both axes for p's geometry and direction.
void orr_implicit_passes(plan *p);

image orr_implicit_of_x(const orr_conv *g);
image orr_implicit_of_y(const orr_conv *g);

source orr_implicit_source(const plan *p, int64_t images, int64_t first_row,
                           int64_t rows);

// Copies the images from n0 on, the channels of a group from c0 on.
void orr_implicit_fill(const plan *p, const source *s, int64_t n0, int64_t c0);

// Where position 0 of a tap lies in a channel of the source.
int64_t orr_implicit_tap(const source *s, int64_t row, int64_t column);

// What all passes along an axis read.
axis orr_implicit_axes(const axis *a, int64_t passes);

#endif
