// micro.h -- the register tile that convolutions are made of, float32.
//
// Nothing is packed for it: both factors are read where they lie, element d of
// the inner size at an offset of its own. Rows of b may be rows of a shifted
// image, rows of a matrix, pixels with their channels side by side.
#ifndef ORR_MICRO_H
#define ORR_MICRO_H
#include <stdbool.h>
#include <stdint.h>

enum {
  ORR_MICRO_ROWS = 8,   // of c that a call computes
  ORR_MICRO_LANE = 16,  // columns come in these, at most
  ORR_MICRO_LANES = 3   // of them in a call
};

// c[i][j] = sum over d of a[a_at[d] + i a_row] b[b_at[d] + j] + bias[i], added
// to what is there if `add`, for ORR_MICRO_ROWS rows and `lanes` lanes of
// columns. bias may be NULL. Everything is read and written in whole lanes.
typedef struct orr_micro {
  int64_t depth;
  const float *a, *b;
  const int32_t *a_at, *b_at;
  int64_t a_row;
  const float *bias;
  float *c;
  int64_t ldc;
  int lanes;
  bool add;
} orr_micro;
void orr_micro_run(const orr_micro *m);
// 0: by the widest registers that this processor has, as above, 1: by the next.
// False: it has no more.
bool orr_micro_run_as(int choice, const orr_micro *m);

#endif
