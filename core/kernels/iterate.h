// iterate.h -- walking several strided operands of one shape together.
#ifndef ORR_ITERATE_H
#define ORR_ITERATE_H
#include "../orrery.h"

#define ORR_MAX_OPERAND (ORR_MAX_INPUT + 1)

// n elements; p[i] the address and s[i] the stride, in elements, of operand i
// (0 is the output).
typedef void orr_loop(int64_t n, char *const *p, const int64_t *s,
                      const double *attr);

typedef struct orr_space {
  int rank, operands;
  int64_t size[ORR_MAX_RANK];
  int64_t stride[ORR_MAX_OPERAND][ORR_MAX_RANK];  // elements; 0 repeats
  size_t element[ORR_MAX_OPERAND];                // bytes
  char *base[ORR_MAX_OPERAND];
} orr_space;

// One row of operands: each walked element by element (step 1) or repeated
// (0). What most elementwise work is, without the general walk's cost.
typedef struct orr_row {
  int operands;
  int64_t step[ORR_MAX_OPERAND];
  size_t element[ORR_MAX_OPERAND];  // bytes
  char *base[ORR_MAX_OPERAND];
} orr_row;
void orr_iterate_row(const orr_row *row, int64_t n, orr_loop *loop,
                     const double *attr, int64_t grain);

// Adds an operand: a tensor broadcast to the space's size; without its base.
void orr_space_add_shape(orr_space *space, const orr_tensor *t);
void orr_space_add(orr_space *space, const orr_tensor *t);

// Runs the loop over the whole space, in chunks of about `grain` elements
// spread over the threads. Merges axes first, so that n is long.
void orr_iterate(orr_space *space, orr_loop *loop, const double *attr,
                 int64_t grain);

// Merges axes so that the innermost is long, as orr_iterate does.
void orr_space_merge(orr_space *space);
// The loop over elements begin to end of a merged space, whose operands begin
// at `base`.
void orr_walk(const orr_space *space, char *const *base, orr_loop *loop,
              const double *attr, int64_t begin, int64_t end);

// Copies (converting) one space's operand 1 to operand 0.
orr_loop *orr_cast_loop(orr_dtype to, orr_dtype from);
// Copies from (broadcast) over to, element by element, converting.
void orr_copy_elements(const orr_tensor *to, const orr_tensor *from);

#endif
