// op.h -- what the author of an op sees. An op is one constant record; the
// call, the binding, the help, the annotations and the tests come from it.
//
// Adding one: a record in its family's file and a row in op_list.h.
#ifndef ORR_OP_H
#define ORR_OP_H
#include "../orrery.h"
#include "../tensor/tensor.h"

typedef enum {
#define ORR_OP(NAME) ORR_OP_##NAME,
#include "op_list.h"
#undef ORR_OP
  ORR_OP_COUNT
} orr_op_id;

// An output as shape() declares it, before any memory is taken.
typedef struct orr_out_spec {
  orr_dtype dtype;
  int rank;
  int64_t size[ORR_MAX_RANK];
  int64_t stride[ORR_MAX_RANK];  // views only
  int64_t offset;                // views only, in elements from x0's first
} orr_out_spec;

typedef struct orr_call {
  const orr_op *op;
  int nx, ny;
  orr_tensor *const *x;  // contiguous in forward unless ORR_STRIDED_OK
  orr_out_spec out[ORR_MAX_OUTPUT];
  orr_tensor *y[ORR_MAX_OUTPUT];  // in forward: allocated, contiguous
  double *attr;                   // shape() may resolve (negative axes ...)
  orr_stream *stream;
} orr_call;

// A gradient rule: fill gx[i], for each i with needs[i], with borrowed results
// of ORR(). Axes of size 1 that were broadcast are summed away afterwards.
typedef struct orr_vjp {
  const orr_op *op;
  int nx, ny;
  orr_tensor *const *x;    // inputs (shape only, no data, with ORR_DROPS_X)
  orr_tensor *const *y;    // outputs, with ORR_KEEPS_Y
  orr_tensor *gy;          // cotangent of the first output, or zeros
  orr_tensor *const *gys;  // of each output; NULL where none arrived
  const double *attr;      // as shape() left it
  const bool *needs;
  orr_tensor **gx;
} orr_vjp;

struct orr_op {
  orr_op_id id;
  const char *name;
  const char *doc;  // first sentence is the summary
  orr_param params[ORR_MAX_PARAM];
  bool (*shape)(orr_call *);    // checks inputs, declares outputs
  bool (*forward)(orr_call *);  // fills c->y; false only for lack of memory
  void (*vjp)(orr_vjp *);       // NULL: not differentiable
  // Instead of shape/forward/vjp: builds the result from other ops; borrows.
  orr_tensor *(*compose)(orr_call *);
  int outputs;  // 0 means 1
  // Axes of x0, the batch first. With one axis less it is an example alone,
  // as are the other tensors of that many axes; results then lack the axis.
  // 0: there is no such form.
  int batched;
  const char *samples[ORR_MAX_SAMPLES];
  unsigned flags;
  // With these options it is as if it had ORR_KEEPS_Y and ORR_DROPS_X; NULL:
  // its flags say all.
  bool (*by_result)(const double *attr);
  // Its name in PyTorch. NULL: torch.NAME, torch.nn.functional.NAME with
  // ORR_FUNCTIONAL, torch.Tensor.NAME with ORR_METHOD_ONLY; "": it has none.
  const char *torch;
  const char *file;  // where the record stands
  int line;
};

// ORR_KEEPS_Y and ORR_DROPS_X as they are for these options.
static inline unsigned orr_saved(const orr_op *op, const double *attr) {
  return op->by_result && op->by_result(attr) ? ORR_KEEPS_Y | ORR_DROPS_X
                                              : op->flags;
}

#define ORR_OP(NAME) extern const orr_op orr_op_##NAME;
#include "op_list.h"
#undef ORR_OP

// A record names its own id, so one without a row does not compile; a row
// without a record does not link.
#define ORR_DEFINE_OP(NAME, ...)                     \
  const orr_op orr_op_##NAME = {.id = ORR_OP_##NAME, \
                                .name = #NAME,       \
                                .file = __FILE__,    \
                                .line = __LINE__,    \
                                __VA_ARGS__}

// ORR(mul, a, b)   ORR(sum, x, .attr = {1, 0, [9] = true}): every option is
// given as stored; what is left out is 0, not the declared default. The
// result is borrowed from the current scope.
typedef struct orr_short_args {
  orr_tensor *x0, *x1, *x2, *x3, *x4, *x5;
  double attr[ORR_MAX_ATTR];
  orr_stream *stream;
} orr_short_args;
orr_tensor *orr_apply_short(const orr_op *op, const orr_short_args *args);
#define ORR(NAME, ...) \
  orr_apply_short(&orr_op_##NAME, &(orr_short_args){__VA_ARGS__})

// ---- for compiled steps, which do again what was called
// Computes into c->y; false with a sentence.
bool orr_compute(orr_call *c);
// Computes into c->y[0], then, unless direct, copies that over the target.
bool orr_compute_inplace(orr_call *c, orr_tensor *target, bool direct);
// to = from, broadcast and converted; the shapes are known to fit.
bool orr_copy_between(orr_tensor *to, orr_tensor *from);

// ---- for shape(): fail with "op: ..." and declare outputs
bool orr_fail(orr_call *c, const char *format, ...) ORR_PRINTF(2, 3);
bool orr_out(orr_call *c, int i, orr_dtype d, int rank, const int64_t *size);
bool orr_out_like(orr_call *c, const orr_tensor *x);
bool orr_out_view(orr_call *c, int rank, const int64_t *size,
                  const int64_t *stride, int64_t offset);
// Output 0 is the broadcast of all inputs, of their dtype (or d >= 0).
bool orr_out_broadcast(orr_call *c, int d);
// For compose(): inputs 0 and 1 expanded to the shape they broadcast to.
bool orr_spread_two(orr_call *c, orr_tensor **x, orr_tensor **y);

// ---- checks with the sentence built in; names come from the params
bool orr_want_rank(orr_call *c, int input, int rank);
bool orr_want_min_rank(orr_call *c, int input, int rank);
bool orr_want_same(orr_call *c, int a, int b);        // equal shapes
bool orr_want_axis(orr_call *c, int slot, int rank);  // resolves negatives
// Resolves an ORR_AXES option at slot: sorted, distinct, all when none.
bool orr_want_axes(orr_call *c, int slot, int rank);
// A value for each channel of x, or none; eps at slot, not below 0.
bool orr_want_per_channel(orr_call *c, int input, int64_t channels);
bool orr_want_eps(orr_call *c, int slot);
const char *orr_input_name(const orr_call *c, int input);

// Scalars (rank 0) that live as long as the scope.
orr_tensor *orr_num(const orr_tensor *like, double value);
// x viewed / summed / expanded to a shape, as ops.
orr_tensor *orr_reshape_to(orr_tensor *x, int rank, const int64_t *size);
orr_tensor *orr_expand_to(orr_tensor *x, int rank, const int64_t *size);
orr_tensor *orr_sum_to(orr_tensor *x, int rank, const int64_t *size);
orr_tensor *orr_transpose_last(orr_tensor *x);  // swaps the last two axes
orr_tensor *orr_cast(orr_tensor *x, orr_dtype d);

#endif
