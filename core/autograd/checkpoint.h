// checkpoint.h -- the segments of the tape that are done again in backward.
#ifndef ORR_CHECKPOINT_H
#define ORR_CHECKPOINT_H
#include "tape.h"

// The innermost one that is open, or NULL.
orr_segment *orr_current_segment(void);
// Whether the current segment is one done again: its nodes are there already.
bool orr_segment_goes_again(const orr_segment *s);
// Whether its nodes get what backward needs this time.
bool orr_segment_fills(const orr_segment *s);

// The next node is n. False for lack of memory.
bool orr_segment_add(orr_segment *s, orr_node *n);
// The node of the call that comes next; *node NULL: nothing needs it any
// more. False when the call is not the one of the first time.
bool orr_segment_next(orr_segment *s, const orr_call *c, orr_tensor *const *x,
                      orr_node **node);
// n goes away.
void orr_segment_forget(orr_node *n);
// Where a stream stands when an open segment first draws from it.
bool orr_segment_note_stream(orr_stream *stream);
// Does it again unless that was done.
bool orr_segment_fill(orr_segment *s);

#endif
