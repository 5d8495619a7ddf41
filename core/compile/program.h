// program.h -- a recorded step: rows over buffers.
//
// A row reads and writes tensors that are headers over the program's own
// storages; where these point is settled when the program runs.
#ifndef ORR_PROGRAM_H
#define ORR_PROGRAM_H
#include "../autograd/list.h"
#include "recorder.h"

typedef enum {
  ORR_BUFFER_ROW,       // made by a row
  ORR_BUFFER_ARGUMENT,  // given at each run
  ORR_BUFFER_NUMBER,    // likewise, kept in the program
  ORR_BUFFER_HELD,      // there before: parameters, state, constants
  ORR_BUFFER_GRADIENT   // the .grad that a leaf has when a run begins
} orr_buffer_kind;

#define ORR_NO_ROOM SIZE_MAX

typedef struct orr_buffer {
  orr_buffer_kind kind;
  orr_storage *storage;  // HELD: the real one; else ours, without data
  size_t bytes;
  int index;           // of the argument, the number, or the leaf
  int64_t base;        // elements before the first, of ARGUMENT and GRADIENT
  bool fresh;          // HELD: the step itself made it, from numbers
  void *snapshot;      // HELD: what it held before a row wrote over it
  bool leaves;         // ROW: goes out, so it has memory of its own
  bool needed;         // by a row that is kept
  bool covered;        // what a row makes lies over it in the end
  bool to_end;         // what it holds lasts until the run is over
  size_t first, last;  // rows between which it lives
  size_t home;         // the buffer whose memory it lies in, or itself
  size_t room;         // the leaving buffer in which it lies, or ORR_NO_ROOM
  size_t offset;       // in that, or in the arena
  orr_tensor *owner;   // during a run, of what leaves
} orr_buffer;

typedef enum {
  ORR_ROW_CALL,
  ORR_ROW_INPLACE,
  ORR_ROW_COPY,
  ORR_ROW_UPDATE,
  ORR_ROW_CLIP,
  ORR_ROW_MARK,
  ORR_ROW_SWAP,
  ORR_ROW_CHECK,
  ORR_ROW_CLUSTER
} orr_row_kind;

typedef struct orr_cluster orr_cluster;

typedef struct orr_step_row {
  orr_row_kind kind;
  bool dead, direct;
  bool late;   // of the section at the end that cannot fail
  bool keeps;  // COPY: of what a later row writes, for a run that fails
  bool again;  // of a checkpoint's second time
  int64_t ns, last_ns;  // of all timed runs, and of the last
  orr_site site;
  int nx, ny;
  orr_tensor **x, **y;  // headers, NULL where an input is absent; one block
  orr_call call;        // CALL, INPLACE
  double attr[ORR_MAX_ATTR];
  orr_loop *loop;  // CALL: all it does, in chunks of grain; or NULL
  int64_t grain;
  orr_cluster *cluster;  // CLUSTER
  orr_stream *stream;    // retained
  int mark;
  // UPDATE: x holds n parameters, n gradients, then the states; CLIP: n
  // gradients.
  orr_rule rule;
  union {
    orr_sgd sgd;
    orr_adam adam;
    orr_rmsprop rmsprop;
    double max_norm;
  } o;
  bool first;
  int n, states;
  bool has_state[3];
} orr_step_row;

// A tensor whose .grad the step reads or sets.
typedef struct orr_program_leaf {
  orr_tensor *leaf;  // retained
  bool read;         // what it had at the start matters
  bool had;
  bool set;
  orr_tensor *gradient;  // header of what it has at the end; NULL none
} orr_program_leaf;

// A tensor the step depends on for whether it requires grad.
typedef struct orr_program_guard {
  orr_tensor *tensor;  // retained
  bool requires_grad;
} orr_program_guard;

typedef struct orr_mark {
  uint64_t seed, counter;
} orr_mark;

// A stream that rows draw from or move, and where it was when a run began.
typedef struct orr_program_stream {
  orr_stream *stream;  // a row's
  orr_mark before;
} orr_program_stream;

struct orr_program {
  orr_list rows;       // orr_step_row *
  orr_list buffers;    // orr_buffer
  orr_list leaves;     // orr_program_leaf
  orr_list guards;     // orr_program_guard
  orr_list arguments;  // orr_tensor *, headers
  orr_list numbers;    // double, of the run
  orr_list results;    // orr_tensor *, headers
  orr_list updates;    // orr_step_row *, borrowed
  orr_list kept;       // likewise: rows that keep
  orr_list streams;    // orr_program_stream
  orr_mark *marks;
  int mark_count, check_count;
  size_t late;       // the first row of the section at the end
  size_t kept_done;  // in the run under way
  int stopped_at;    // the check that ended the last run; -1 none
  double stopped_by;
  char *arena;  // where its buffers were last put
  size_t arena_bytes, leaving_bytes;
  size_t dead_rows, merged_rows, overlaid, updates_done;
  bool timed;
  size_t timed_runs;
  int64_t timed_ns;
};

orr_program *orr_program_new(void);
bool orr_program_plan(orr_program *p);    // drops dead rows, places buffers
bool orr_program_place(orr_program *p);   // buffers whose lifetimes are known
bool orr_program_settle(orr_program *p);  // its buffers into the arena

// Each program joins once and leaves once; the block, aligned like any other,
// holds at least that many bytes until the next call.
void orr_arena_join(void);
void orr_arena_leave(void);
char *orr_arena_get(size_t bytes);

// ---- a run: what it is given is put under the headers, and what leaves is
// taken out before anything is done that cannot be undone
bool orr_bind_arguments(const orr_program *p, orr_tensor *const *argument);
bool orr_bind_numbers(const orr_program *p, int n, const double *number);
bool orr_bind_buffers(orr_program *p);
void orr_unbind(const orr_program *p);
// Gradients that the run sets without having read them make room first.
void orr_drop_gradients(orr_program *p);
// The results, and the leaves' gradients where they are set.
bool orr_make_results(const orr_program *p, orr_tensor *const *argument,
                      orr_tensor **result, orr_tensor **gradient);

// In one block with room for its headers, which are NULL.
orr_step_row *orr_row_new(orr_row_kind kind, int nx, int ny);
void orr_row_free(orr_step_row *row);

// Puts what is written outside at the end, and rows that keep what cannot be.
bool orr_program_order(orr_program *p);
// Leaves out rows that repeat earlier ones.
bool orr_program_merge(orr_program *p);

// ---- clusters: elementwise rows that are done together, block by block

// Puts one row in the place of those that go together.
bool orr_program_cluster(orr_program *p);
// Most rows of one, and inputs that broadcast or lie otherwise than the result.
#define ORR_CLUSTER_ROWS 64
#define ORR_CLUSTER_SPREAD 32
// A row for n elementwise rows in an order in which they can be done; it
// stores what is `needed`. NULL for lack of memory.
orr_step_row *orr_cluster_row(const orr_program *p, orr_step_row **rows, int n);
// x is walked from the first to the last element of its buffer, as y is.
static inline bool orr_walked_through(const orr_tensor *x,
                                      const orr_tensor *y) {
  return x->contiguous && x->count == y->count && x->offset == 0;
}
// How many inputs broadcast, or lie otherwise than y. (Not a single element.)
static inline int orr_spread_inputs(const orr_step_row *row) {
  int n = 0;
  for (int i = 0; i < row->nx; i++) {
    const orr_tensor *x = row->x[i];
    n += x->count != 1 && !(x->contiguous && x->count == row->y[0]->count);
  }
  return n;
}
// Whether y, which it stores, may lie over x, which nobody reads later.
bool orr_cluster_may_overwrite(const orr_cluster *c, const orr_tensor *x,
                               const orr_tensor *y);
void orr_cluster_take(orr_cluster *c);  // it frees its rows from now on
bool orr_cluster_run(const orr_cluster *c);
void orr_cluster_free(orr_cluster *c);
const char *orr_cluster_name(const orr_cluster *c);
int orr_cluster_size(const orr_cluster *c);

static inline orr_buffer *orr_buffer_at(const orr_program *p, size_t i) {
  return (orr_buffer *)p->buffers.items + i;
}
static inline orr_step_row *orr_row_at(const orr_program *p, size_t i) {
  return ((orr_step_row **)p->rows.items)[i];
}
// Made and used up by rows.
static inline bool orr_is_inner(const orr_buffer *b) {
  return b->kind == ORR_BUFFER_ROW && b->needed;
}
// Valid until the next recording begins.
static inline orr_buffer *orr_buffer_under(const orr_program *p,
                                           const orr_tensor *header) {
  return orr_buffer_at(p, header->storage->place);
}

#endif
