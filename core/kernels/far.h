// far.h -- elementwise results that are too large for the caches.
#ifndef ORR_FAR_H
#define ORR_FAR_H
#include "iterate.h"

// Bytes of operands together from which on the caches do not hold them: then
// the next op, too, has to fetch what this one made. (CPU time at 1 thread, 4M
// floats, operands out of the cache, ms: neg 1.17 / 0.74, mul 1.94 / 1.50.)
#define ORR_FAR ((int64_t)32 << 20)

// Copies `bytes` past the caches, from a block in them; both begin at a line's
// begin. What was sent is there for other threads after orr_sent.
#define ORR_LINE 64
void orr_send(char *to, const char *from, int64_t bytes);
void orr_sent(void);

// Whether n elements of the row are more than the caches hold, and the result
// lies over none of its operands.
bool orr_is_far(const orr_row *row, int64_t n);

// Elements worth a chunk there: what was sent must have arrived at its end.
#define ORR_GRAIN_FAR 65536

// Runs the loop over n elements, the operands from p on, to the same bits as
// if it were called once.
void orr_run_far(const orr_row *row, char *const *p, int64_t n, orr_loop *loop,
                 const double *attr);

#endif
