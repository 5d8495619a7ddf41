// orrery.h -- the numerical core's whole public API.
//
// Errors:    a call that fails returns NULL or false; orr_error() says why,
//            in one sentence "who: what was seen; how to fix it". NULL in
//            gives NULL out and keeps the first sentence, so a chain needs one
//            check, at its end.
// Ownership: "returns" gives you a reference, released with orr_release();
//            "borrows" does not. Nothing here prints, exits or longjmps.
// Threads:   call from one thread; the core spreads its own work.
// Axes and indices count from 0 here (the Lua binding converts).
#ifndef ORRERY_H
#define ORRERY_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define ORR_API __attribute__((visibility("default")))
#define ORR_PRINTF(F, A) __attribute__((format(printf, F, A)))
#else
#define ORR_API
#define ORR_PRINTF(F, A)
#endif

#define ORR_VERSION "0.1.0"
#define ORR_MAX_RANK 8
#define ORR_MAX_INPUT 6  // tensors of a fixed-arity op
#define ORR_MAX_OUTPUT 3
#define ORR_MAX_ATTR 24  // doubles an op's options are stored in
#define ORR_MAX_PARAM 16
#define ORR_MAX_SAMPLES 32

// ---------------------------------------------------------------- errors

// Borrows the last failure of the core: "who: what was seen; how to fix it".
// "" when there was none since orr_clear_error().
ORR_API const char *orr_error(void);
ORR_API void orr_clear_error(void);
// Leaves a sentence (unless one is pending) and returns false.
ORR_API bool orr_set_error(const char *format, ...) ORR_PRINTF(1, 2);

// Where the user's program stands. The host says how to find out; the core
// asks when it records a differentiable op and when anomaly mode stops it.
typedef struct orr_site {
  const char *file;  // interned: lives as long as the process; NULL unknown
  int line;
} orr_site;
typedef orr_site orr_site_fn(void *context);
ORR_API void orr_set_site_source(orr_site_fn *fn, void *context);
ORR_API orr_site orr_current_site(void);
// Borrows one lasting copy of the text (equal texts give the same pointer).
ORR_API const char *orr_intern(const char *text);

// ---------------------------------------------------------------- memory

// Uninitialised bytes aligned to 64, from a cache of past sizes; NULL leaves
// an error. orr_free takes the size it was asked for. Not for other threads.
ORR_API void *orr_alloc(size_t bytes);
ORR_API void *orr_alloc_zero(size_t bytes);
ORR_API void orr_free(void *block, size_t bytes);
// Grows *block from old to new bytes, contents kept; false leaves it as it was.
ORR_API bool orr_grow(void **block, size_t old_bytes, size_t new_bytes);

typedef struct orr_memory {
  size_t live_bytes;    // handed out and not yet freed
  size_t peak_bytes;    // highest live_bytes since orr_memory_reset_peak
  size_t cached_bytes;  // kept for reuse
  int64_t live_blocks;
  int64_t live_tensors;
  int64_t calls;  // orr_alloc calls since the start
  int64_t fresh;  // of these, blocks that had to come from the system
} orr_memory;
ORR_API orr_memory orr_memory_stats(void);
ORR_API void orr_memory_reset_peak(void);
ORR_API void orr_memory_trim(void);  // gives the cache back to the system
// While on, freed and live blocks together stay below the peak of what was
// live, at the price of more blocks from the system: for work done once.
ORR_API void orr_memory_tight(bool on);
// The most bytes handed out at a time (at first, the machine's memory): what
// would pass it fails at once, before the system starts to swap or to kill.
ORR_API size_t orr_memory_limit(void);
ORR_API void orr_memory_set_limit(size_t bytes);
// The n-th orr_alloc from now fails once (1 = the next); 0 switches it off.
ORR_API void orr_memory_fail_after(int64_t n);

// ---------------------------------------------------------------- threads

// Threads used by the core (default: the machine's cores, at most 64, or the
// environment's ORRERY_THREADS). Results never depend on it.
ORR_API bool orr_set_threads(int n);
ORR_API int orr_threads(void);

// Whether float32 convolutions of 3 x 3 at stride 1 may take Winograd's way
// (default: yes): up to four times fewer multiplications, about a decimal
// digit less exact; an infinity or NaN reaches its tile's 4 x 4 neighbours.
// For either setting every run gives the same bits.
ORR_API void orr_set_winograd(bool on);
ORR_API bool orr_winograd(void);

// Asks running kernels to stop; safe in a signal handler. Ops fail with
// "interrupted" until orr_clear_interrupt().
ORR_API void orr_interrupt(void);
ORR_API bool orr_interrupted(void);
ORR_API void orr_clear_interrupt(void);

// ---------------------------------------------------------------- tensors

typedef enum { ORR_F32, ORR_F64, ORR_I64, ORR_U8, ORR_DTYPES } orr_dtype;
ORR_API const char *orr_dtype_name(orr_dtype d);  // "float32" ...
ORR_API bool orr_dtype_parse(const char *name, orr_dtype *d);
ORR_API size_t orr_dtype_size(orr_dtype d);
ORR_API bool orr_dtype_is_float(orr_dtype d);

typedef struct orr_tensor orr_tensor;
typedef struct orr_stream orr_stream;

// Return new tensors. Sizes may be 0; rank 0 is a scalar.
ORR_API orr_tensor *orr_empty(orr_dtype d, int rank, const int64_t *sizes);
ORR_API orr_tensor *orr_zeros(orr_dtype d, int rank, const int64_t *sizes);
ORR_API orr_tensor *orr_scalar(orr_dtype d, double value);
// Copies count(sizes) elements of type d.
ORR_API orr_tensor *orr_from_data(orr_dtype d, int rank, const int64_t *sizes,
                                  const void *data);

ORR_API orr_tensor *orr_retain(orr_tensor *t);  // returns t
ORR_API void orr_release(orr_tensor *t);        // NULL is fine

ORR_API orr_dtype orr_tensor_dtype(const orr_tensor *t);
ORR_API int orr_rank(const orr_tensor *t);
ORR_API const int64_t *orr_sizes(const orr_tensor *t);
ORR_API const int64_t *orr_strides(const orr_tensor *t);  // in elements
ORR_API int64_t orr_count(const orr_tensor *t);           // elements
ORR_API bool orr_is_contiguous(const orr_tensor *t);
// Borrows the first element's address; strided as orr_strides says.
ORR_API void *orr_data(const orr_tensor *t);
// One more each time the storage is written in place.
ORR_API uint32_t orr_version(const orr_tensor *t);
ORR_API void orr_bump_version(orr_tensor *t);
ORR_API bool orr_same_storage(const orr_tensor *a, const orr_tensor *b);
// Element at a row-major position, converted.
ORR_API double orr_get(const orr_tensor *t, int64_t position);
ORR_API int64_t orr_get_int(const orr_tensor *t, int64_t position);
ORR_API bool orr_set(orr_tensor *t, int64_t position, double value);
// "[2, 3]" into the buffer, which is returned.
ORR_API char *orr_shape_text(const orr_tensor *t, char *buffer, size_t size);
// The printed tensor (values elided past a limit), as text freed with free().
ORR_API char *orr_to_text(const orr_tensor *t);

// Returns the same values in row-major order with no gaps (t itself if so).
ORR_API orr_tensor *orr_contiguous(orr_tensor *t);
// Returns a view of the same storage, unknown to autograd.
ORR_API orr_tensor *orr_detach(orr_tensor *t);

// In place, for parameters and buffers: not recorded; refused for a tensor
// whose gradient is being recorded. All or nothing.
ORR_API bool orr_copy_(orr_tensor *to, orr_tensor *from);  // broadcasts from
ORR_API bool orr_fill_(orr_tensor *t, double value);

// ---------------------------------------------------------------- ops

typedef struct orr_op orr_op;

// Inputs and options of one application. Optional tensors may be NULL. An op
// over a list takes list and n instead of x. Options lie in attr at the
// offsets of orr_param_slot(), filled with orr_default_args().
typedef struct orr_args {
  orr_tensor *x[ORR_MAX_INPUT];
  orr_tensor *const *list;
  int n;
  double attr[ORR_MAX_ATTR];
  orr_stream *stream;  // random ops: NULL is the default stream
} orr_args;

// How a parameter is written, checked and stored in attr.
typedef enum {
  ORR_TENSOR,   // not in attr
  ORR_TENSORS,  // a list, the only tensor parameter; not in attr
  ORR_NUM,      // 1 slot
  ORR_INT,      // 1 slot
  ORR_BOOL,     // 1 slot
  ORR_AXIS,     // 1 slot; negative counts from the end
  ORR_INDEX,    // 1 slot; a position along an axis, negative from the end
  ORR_AXES,     // 1 + 8 slots: how many, then each; none means all
  ORR_SIZES,    // 1 + 8 slots: how many, then each
  ORR_PAIR,     // 2 slots: one number or {height, width}
  ORR_CHOICE,   // 1 slot: position in `choices`
  ORR_DTYPE,    // 1 slot: an orr_dtype, or -1 for "as the input"
  ORR_STREAM    // orr_args.stream
} orr_kind;

// What a tensor parameter accepts; the runtime checks it before shape().
typedef enum {
  ORR_WANT_FLOAT,  // float32 or float64, all such inputs alike
  ORR_WANT_ANY,
  ORR_WANT_INT,  // int64 (positions, labels)
  ORR_WANT_MASK  // uint8
} orr_want;

typedef struct orr_param {
  const char *name;
  orr_kind kind;
  double def;     // default of an option (both slots of a pair)
  bool required;  // an option without default
  bool optional;  // a tensor that may be absent
  orr_want want;
  const char *choices;  // ORR_CHOICE: "mean|sum|none"
  const char *doc;
} orr_param;

ORR_API int orr_op_count(void);
ORR_API const orr_op *orr_op_at(int i);
ORR_API const orr_op *orr_op_find(const char *name);
ORR_API const char *orr_op_name(const orr_op *op);
ORR_API const char *orr_op_doc(const orr_op *op);
// Its name in PyTorch when that does not follow from its own, "" when PyTorch
// has none, else NULL.
ORR_API const char *orr_op_torch(const orr_op *op);
// File of the source tree that its record stands in, and the line.
ORR_API const char *orr_op_source(const orr_op *op, int *line);
ORR_API const orr_param *orr_op_params(const orr_op *op, int *n);
ORR_API const char *const *orr_op_samples(const orr_op *op, int *n);
ORR_API unsigned orr_op_flags(const orr_op *op);
ORR_API int orr_op_outputs(const orr_op *op);
// First slot of parameter i in attr.
ORR_API int orr_param_slot(const orr_op *op, int i);
ORR_API void orr_default_args(const orr_op *op, orr_args *args);

enum {                     // flags
  ORR_VIEW = 1,            // the output is a view of x0; no forward
  ORR_STRIDED_OK = 2,      // forward reads strides itself
  ORR_NO_GRAD = 4,         // results are constants for autograd
  ORR_RANDOM = 8,          // draws from a stream
  ORR_PROMOTE = 16,        // mixed dtypes are brought to the widest first
  ORR_INT_TO_FLOAT = 32,   // integer inputs become float32 first
  ORR_INPLACE = 64,        // has a form ending in _ that writes over x0
  ORR_KEEPS_Y = 128,       // vjp reads outputs
  ORR_DROPS_X = 256,       // vjp reads only the shapes of inputs
  ORR_CREATES = 512,       // makes a tensor from options alone
  ORR_HIDDEN = 1024,       // for other ops' gradients; not a user's function
  ORR_METHOD_ONLY = 2048,  // not in the function table
  ORR_FUNCTIONAL = 4096    // also in nn.functional; not a tensor method
};

// Applies op; returns its first output. y gets ORR_MAX_OUTPUT slots (extra
// ones NULL), a returned reference each.
ORR_API orr_tensor *orr_apply(const orr_op *op, const orr_args *args);
ORR_API bool orr_apply_all(const orr_op *op, const orr_args *args,
                           orr_tensor **y);
// Computes op and writes the result over args->x[0] (ops with ORR_INPLACE).
ORR_API bool orr_apply_inplace(const orr_op *op, const orr_args *args);

// Temporaries: what orr_keep() is given is released when the scope ends.
ORR_API size_t orr_scope_begin(void);
ORR_API void orr_scope_end(size_t mark);
ORR_API orr_tensor *orr_keep(orr_tensor *t);  // borrows t to the scope's end

// ---------------------------------------------------------------- autograd

ORR_API bool orr_requires_grad(const orr_tensor *t);
ORR_API bool orr_is_leaf(const orr_tensor *t);
ORR_API bool orr_set_requires_grad(orr_tensor *t, bool on);  // leaves only
ORR_API orr_tensor *orr_grad_of(const orr_tensor *t);        // borrows t.grad
ORR_API void orr_set_grad(orr_tensor *t, orr_tensor *grad);  // retains
ORR_API bool orr_grad_enabled(void);
ORR_API bool orr_enable_grad(bool on);  // returns the previous setting
ORR_API void orr_detect_anomaly(bool on);
ORR_API bool orr_anomaly_detected_on(void);
// Name of the op that made t, "" for a leaf, and where.
ORR_API const char *orr_grad_fn(const orr_tensor *t, orr_site *site);

// Adds d y / d leaf (y: one element, or weighted by gy) to .grad of every
// leaf below y. On failure no .grad has changed.
ORR_API bool orr_backward(orr_tensor *y, orr_tensor *gy, bool retain_graph,
                          bool create_graph);
// Fills gx[i] with d(sum of y . gy)/d x[i], a returned reference each; gy[i]
// NULL is ones. A x[i] that y does not depend on gives zeros when
// allow_unused, an error otherwise. With create_graph the result is itself
// differentiable, so a gradient penalty needs no special call.
ORR_API bool orr_grad(int ny, orr_tensor *const *y, orr_tensor *const *gy,
                      int nx, orr_tensor *const *x, orr_tensor **gx,
                      bool retain_graph, bool create_graph, bool allow_unused);

// Hooks: fn gets the complete gradient of t (borrowed) in every pass that
// reaches t, and returns a reference to it or to what takes its place; NULL
// after orr_set_error() ends the pass. A leaf's run at the end of the pass.
// drop gives the context back, also when this fails.
typedef struct orr_hook orr_hook;
typedef orr_tensor *orr_hook_fn(void *context, orr_tensor *g);
// Returns a handle, a reference; the hook stays when that is released.
ORR_API orr_hook *orr_add_hook(orr_tensor *t, orr_hook_fn *fn,
                               void (*drop)(void *), void *context);
ORR_API void orr_hook_remove(orr_hook *hook);
ORR_API void orr_hook_release(orr_hook *hook);
// Whether others than the caller, who holds t, may still run t's hooks.
ORR_API bool orr_hooks_wait(const orr_tensor *t);
// From now on orr_backward() adds to t.grad though t is no leaf.
ORR_API bool orr_retain_grad(orr_tensor *t);
ORR_API bool orr_retains_grad(const orr_tensor *t);
// Which pass is running, the innermost; 0 when none is.
ORR_API uint64_t orr_pass_number(void);
// Borrows what has arrived at t, no leaf, in the pass now running; or NULL.
ORR_API orr_tensor *orr_arriving_grad(const orr_tensor *t);

// The nodes below tensors, in the order they were made, to be looked at.
typedef struct orr_graph orr_graph;
typedef struct orr_graph_node {
  const orr_op *op;
  orr_site site;
  int nx, ny;
  bool freed;            // a pass has given up what was saved, shapes too
  bool recomputed;       // in a checkpoint
  orr_tensor *const *y;  // borrowed, perhaps without data; NULL once freed
} orr_graph_node;
typedef struct orr_graph_input {
  bool from_node;
  size_t node;
  int output;           // of the node
  const orr_tensor *x;  // borrowed; a leaf, or at least the shape, or NULL
} orr_graph_input;
ORR_API orr_graph *orr_graph_of(int n, orr_tensor *const *y);
ORR_API void orr_graph_free(orr_graph *g);
ORR_API size_t orr_graph_count(const orr_graph *g);
ORR_API orr_graph_node orr_graph_at(const orr_graph *g, size_t i);
ORR_API orr_graph_input orr_graph_input_at(const orr_graph *g, size_t i, int k);
// The node that made t; the count for a leaf.
ORR_API size_t orr_graph_find(const orr_graph *g, const orr_tensor *t);

// Checkpoints: ops between begin and end are recorded without what backward
// needs of them. A pass that needs it has everything done again by rerun. It
// must apply the same ops to the same tensors; random streams are put back to
// where they were, and forward again afterwards.
typedef struct orr_segment orr_segment;
typedef bool orr_rerun_fn(void *context);  // false after orr_set_error()
// Returns a reference; NULL leaves an error. To be ended in reverse order.
ORR_API orr_segment *orr_segment_begin(void);
// Whether rerun of one begun now may be called, so that a context is worth
// making: not inside another checkpoint, whose own rerun comes first.
ORR_API bool orr_segment_needs_rerun(void);
ORR_API void orr_segment_set_rerun(orr_segment *s, orr_rerun_fn *rerun,
                                   void (*drop)(void *), void *context);
ORR_API void orr_segment_end(orr_segment *s);
ORR_API void orr_segment_release(orr_segment *s);
// Whether a checkpoint is being done again: side effects were had before.
ORR_API bool orr_is_rerunning(void);

// ---------------------------------------------------------------- random

// Philox 4x32-10 (Salmon et al. 2011): numbers depend on seed and counter
// alone. A stream is shared by reference count like a tensor.
ORR_API orr_stream *orr_stream_new(uint64_t seed);
ORR_API orr_stream *orr_stream_retain(orr_stream *s);
ORR_API void orr_stream_release(orr_stream *s);
ORR_API orr_stream *orr_stream_default(void);  // borrows
ORR_API void orr_stream_seed(orr_stream *s, uint64_t seed);
ORR_API void orr_stream_get(const orr_stream *s, uint64_t *seed,
                            uint64_t *counter);
ORR_API void orr_stream_set(orr_stream *s, uint64_t seed, uint64_t counter);

// ---------------------------------------------------------------- optimisers

// One fused pass over all parameters; grad[i] NULL skips that one. State
// tensors are like their parameter. An interrupt waits until it has ended.
typedef struct orr_sgd {
  double lr, momentum, dampening, weight_decay;
  bool nesterov;
} orr_sgd;
typedef struct orr_adam {  // Kingma & Ba 2015; decoupled: Loshchilov 2019
  double lr, beta1, beta2, eps, weight_decay;
  bool decoupled;
  int64_t step;  // counts from 1
} orr_adam;
typedef struct orr_rmsprop {
  double lr, alpha, eps, weight_decay, momentum;
  bool centered;
} orr_rmsprop;
ORR_API bool orr_sgd_step(const orr_sgd *o, bool first, int n,
                          orr_tensor *const *param, orr_tensor *const *grad,
                          orr_tensor *const *velocity);
ORR_API bool orr_adam_step(const orr_adam *o, int n, orr_tensor *const *param,
                           orr_tensor *const *grad, orr_tensor *const *m,
                           orr_tensor *const *v);
ORR_API bool orr_rmsprop_step(const orr_rmsprop *o, int n,
                              orr_tensor *const *param, orr_tensor *const *grad,
                              orr_tensor *const *square,
                              orr_tensor *const *mean,
                              orr_tensor *const *velocity);
// Steps asked for after orr_steps_join() are prepared only, and taken, or
// dropped, by orr_steps_end(); taking them cannot fail.
ORR_API void orr_steps_join(void);
ORR_API void orr_steps_end(bool run);
// Scales the gradients so that their joint 2-norm is at most max_norm;
// returns that norm through *norm.
ORR_API bool orr_clip_grad_norm(int n, orr_tensor *const *grad, double max_norm,
                                double *norm);
// The same; returns the norm as a float64 scalar, so that a recorded step can
// do it again.
ORR_API orr_tensor *orr_clip_grad_norm_tensor(int n, orr_tensor *const *grad,
                                              double max_norm);

// ---------------------------------------------------------------- steps

// A step that is done many times with the same shapes: what ops do between
// begin and end is done and written down, and a run does it all again, with
// the same bits, without whoever called the ops. Tensors that were there
// before are read and written in place; random streams go on.
typedef struct orr_program orr_program;
// Arguments: distinct packed tensors that nothing else shares memory with.
ORR_API bool orr_program_begin(int n, orr_tensor *const *argument);
ORR_API bool orr_program_recording(void);
// A float64 value without axes, a returned reference, that is given at each
// run: the first made is the first of the numbers there.
ORR_API orr_tensor *orr_program_number(double value);
// While recording fails with "compile: WHAT at FILE:LINE inside the step;
// INSTEAD", which when NULL says to return the tensor.
ORR_API bool orr_program_refuse(const char *what, const char *instead);
// Ends it; results are what each run makes. NULL when something in it cannot
// be done again: a value that was read, an argument that was written over.
ORR_API orr_program *orr_program_end(int n, orr_tensor *const *result);
ORR_API void orr_program_cancel(void);
ORR_API void orr_program_free(orr_program *p);
// Whether what was found while recording still is so: which tensors require
// grad, and which have a gradient.
ORR_API bool orr_program_holds(const orr_program *p);
// While recording: each run ends there, and fails, when t, of one element, is
// not finite. Gives the element.
ORR_API bool orr_program_check(orr_tensor *t, double *value);
// Fills result with a returned reference each. A run that fails, at whatever
// row, leaves all that was there before as it was: parameters, optimiser
// state, running statistics, streams; but leaves whose gradient it would have
// set without reading it have none.
ORR_API bool orr_program_run(orr_program *p, orr_tensor *const *argument,
                             int numbers, const double *number,
                             orr_tensor **result);
// From now on the time of each row is taken, or no longer; from nothing.
ORR_API void orr_program_time(orr_program *p, bool on);
// For tests: an interrupt after that many more rows of runs; 0 none.
ORR_API void orr_program_interrupt_after(int64_t rows);
// The check, counted from 0, that ended the last run, and what it saw; or -1.
ORR_API int orr_program_stopped(const orr_program *p, double *value);
ORR_API int orr_program_results(const orr_program *p);
// Options of the i-th optimiser step from now on, by the pointer of its kind;
// false when the update would be another one.
ORR_API bool orr_program_set_update(orr_program *p, size_t i,
                                    const orr_sgd *sgd, const orr_adam *adam,
                                    const orr_rmsprop *rmsprop, bool first);
typedef struct orr_program_facts {
  size_t rows, dead_rows;  // done at each run; dropped
  size_t merged_rows;      // of those dropped: that repeated another
  size_t clusters;         // rows that do several ops together
  size_t overlaid;         // results made where a dying input lay
  size_t timed_runs;       // that went to the end since timing began
  int64_t timed_ns;        // of all of them, rows and what lies between
  size_t arena_bytes;      // for what does not leave the step
  size_t peak_bytes;       // with what leaves it
  size_t updates;          // optimiser steps
  size_t updates_done;     // of them, in the last run
} orr_program_facts;
ORR_API orr_program_facts orr_program_describe(const orr_program *p);
typedef struct orr_program_row {
  const char *name;
  orr_site site;
  bool writes_over;
  int members;          // ops it does together, else 1
  int64_t ns;           // of all timed runs
  const orr_tensor *y;  // of its shape; NULL none
} orr_program_row;
ORR_API bool orr_program_row_at(const orr_program *p, size_t i,
                                orr_program_row *out);

#endif
