// recorder.h -- what the rest of the core tells a recording that is under way.
//
// Each function returns at once when none is. Those that return bool fail for
// lack of memory, or with the sentence that says why the step is refused.
#ifndef ORR_RECORDER_H
#define ORR_RECORDER_H
#include "../kernels/iterate.h"
#include "../ops/op.h"

typedef struct orr_recorder orr_recorder;
extern orr_recorder *orr_recorder_now;
// Of the recording under way, else 0: storage made meanwhile carries it.
extern uint32_t orr_recorder_epoch;

// Between these, elements are read and written by what a row stands for.
extern int orr_kernel_depth;
static inline void orr_kernel_begin(void) { orr_kernel_depth++; }
static inline void orr_kernel_end(void) { orr_kernel_depth--; }

// What orr_run_loop ran last, and for which call.
typedef struct orr_ran_loop {
  const orr_call *call;
  orr_loop *loop;
  int64_t grain;
} orr_ran_loop;
extern orr_ran_loop orr_ran;

// Elements of t are about to be seen by something that is no row.
void orr_note_read(const orr_tensor *t);
// False, with the sentence, once something of the step was refused.
bool orr_note_allowed(void);

// The call was computed; x are its inputs before packing.
bool orr_note_call(const orr_call *c, orr_tensor *const *x);
// t, if all of it is to be written first, needs no earlier contents.
bool orr_note_will_write(orr_tensor *t, bool all, const char *who);
bool orr_note_inplace(const orr_call *c, orr_tensor *const *x,
                      orr_tensor *target, bool direct);
bool orr_note_copy(orr_tensor *to, orr_tensor *from);

// An update or, with a norm, clipping, by `options` of `bytes` bytes.
typedef enum { ORR_BY_SGD, ORR_BY_ADAM, ORR_BY_RMSPROP } orr_rule;
typedef struct orr_update_note {
  orr_rule rule;
  const void *options;
  bool first;
  int n, states;
  orr_tensor *const *param, *const *grad;
  orr_tensor *const *state[3];  // NULL: not used
} orr_update_note;
bool orr_note_update(const orr_update_note *u);
bool orr_note_clip(int n, orr_tensor *const *grad, double max_norm,
                   orr_tensor *norm);

// t.grad is about to be looked at, or set.
void orr_note_grad_read(const orr_tensor *t);
void orr_note_grad_set(const orr_tensor *t);

// A place where the stream is noted; -1 when nothing is recorded. Swapping
// exchanges it with where the stream is then.
int orr_note_mark(orr_stream *s);
bool orr_note_swap(orr_stream *s, int mark);

#endif
