// blocks.h -- a cluster of elementwise rows: what is done to each block.
//
// Each operand of a loop is a slot (a block in the first cache), a tensor
// outside that is walked through, or a single element. What broadcasts or has
// strides is first copied into a slot.
#ifndef ORR_BLOCKS_H
#define ORR_BLOCKS_H
#include "program.h"

#define ORR_MOST_SLOTS (ORR_CLUSTER_ROWS + ORR_CLUSTER_SPREAD)
#define ORR_MOST_OUTSIDE (ORR_CLUSTER_ROWS * ORR_MAX_OPERAND)
// Slots of 1,024 to 2,048 floats are best, if the first cache holds all.
#define ORR_SLOTS_GOAL 32768
#define ORR_LEAST_BLOCK 128
#define ORR_MOST_BLOCK 1024
// Between two slots: their blocks must not lie at equal places of pages.
#define ORR_SLOT_GAP 448
// One more is where results wait that go past the caches.
#define ORR_SLOTS_BYTES                                    \
  (ORR_MOST_SLOTS * (ORR_LEAST_BLOCK * 8 + ORR_SLOT_GAP) + \
   ORR_MOST_BLOCK * 8 + ORR_SLOT_GAP)
_Static_assert(ORR_SLOTS_BYTES >= ORR_SLOTS_GOAL + ORR_MOST_BLOCK * 8 +
                       (ORR_MOST_SLOTS + 1) * ORR_SLOT_GAP,
               "any will fit");

// Operand k lies at table[at[k]] + begin * shift[k] for the block from begin
// on. The table has the slots first, then what lies outside.
typedef struct orr_block_step {
  orr_loop *loop;
  const double *attr;
  int operands;
  int at[ORR_MAX_OPERAND];
  int64_t shift[ORR_MAX_OPERAND];   // bytes for an element; 0 in slots
  int64_t stride[ORR_MAX_OPERAND];  // elements: 1, or 0 for a single one
  orr_space *space;                 // of a copy into a slot, else NULL
} orr_block_step;

struct orr_cluster {
  int64_t n, block, grain, slot_bytes;
  int slots, n_outside, n_steps, n_rows;
  bool owns;  // the rows
  size_t bytes;
  orr_step_row **rows;
  const orr_tensor **outside;  // headers of rows
  orr_block_step *steps;
  orr_space *spaces;
  char name[96];
};

#endif
