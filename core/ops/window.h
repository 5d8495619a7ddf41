// window.h -- options of ops that slide a window over images.
#ifndef ORR_WINDOW_H
#define ORR_WINDOW_H
#include "op.h"

// The ORR_PAIR at slot is two integers >= least.
bool orr_want_pair(orr_call *c, int slot, const char *name, int least);
// The ORR_INT at slot is an integer >= least.
bool orr_want_int(orr_call *c, int slot, const char *name, int least);
// x is [N, C, H, W].
bool orr_want_images(orr_call *c, int input);

// Sums gy [N, K, H, W] to [K]: the gradient of a bias.
orr_tensor *orr_sum_to_channels(orr_tensor *gy);

#endif
