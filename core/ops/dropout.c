// dropout.c -- random zeros against co-adaptation (Srivastava et al. 2014).
#include "../base/random.h"
#include "../base/threads.h"
#include "op.h"

enum { PER_BLOCK = 4, BLOCKS = 2048 };  // numbers of a Philox block; a chunk

typedef struct job {
  uint64_t seed, counter;
  uint64_t bar;  // a number below it drops the element
  double kept;
  orr_tensor *y;
} job;

static void mask_blocks(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const int64_t n = j->y->count;
  uint32_t r[PER_BLOCK];
  for (int64_t b = begin; b < end; b++) {
    orr_philox(j->seed, j->counter + (uint64_t)b, r);
    for (int64_t k = 0; k < PER_BLOCK && b * PER_BLOCK + k < n; k++) {
      const double v = r[k] < j->bar ? 0 : j->kept;
      if (j->y->dtype == ORR_F32)
        ORR_F32P(j->y)[b * PER_BLOCK + k] = (float)v;
      else
        ORR_F64P(j->y)[b * PER_BLOCK + k] = v;
    }
  }
}

static bool want_probability(orr_call *c) {
  const double p = c->attr[0];
  return (p >= 0 && p <= 1) ||
         orr_fail(c, "p is %g; it must be between 0 and 1", p);
}

static bool dropout_mask_shape(orr_call *c) {
  return want_probability(c) && orr_out_like(c, c->x[0]);
}

static bool dropout_mask_forward(orr_call *c) {
  const double p = c->attr[0];
  job j = {.bar = (uint64_t)(p * 4294967296.0), .y = c->y[0],
           .kept = p < 1 ? 1 / (1 - p) : 0};
  const int64_t blocks = (j.y->count + PER_BLOCK - 1) / PER_BLOCK;
  j.seed = c->stream->seed;
  j.counter = orr_stream_reserve(c->stream, (uint64_t)blocks);
  orr_parallel_range(blocks, BLOCKS, mask_blocks, &j);
  return true;
}

#define P_PARAM {"p", ORR_NUM, .def = 0.5, .doc = "probability of a zero"}

ORR_DEFINE_OP(dropout_mask,
    .doc = "Like x: 0 with probability p, else 1 / (1 - p).",
    .params = {{"x"}, P_PARAM, {"generator", ORR_STREAM}},
    .shape = dropout_mask_shape, .forward = dropout_mask_forward,
    .flags = ORR_HIDDEN | ORR_RANDOM | ORR_NO_GRAD | ORR_STRIDED_OK,
    .samples = {"{ {3,4}, p = 1, nograd = true, reason = 'a constant' }",
        "{ {0,4}, p = 0.3, nograd = true, reason = 'a constant' }"});

static orr_tensor *dropout_compose(orr_call *c) {
  if (!want_probability(c)) return NULL;
  if (c->attr[1] == 0 || c->attr[0] == 0) return c->x[0];
  orr_tensor *mask = ORR(dropout_mask, c->x[0], .attr = {c->attr[0]},
                         .stream = c->stream);
  return ORR(mul, c->x[0], mask);
}

ORR_DEFINE_OP(dropout,
    .doc = "In training, zeroes elements of x with probability p and divides "
           "the others by 1 - p, which keeps the mean; otherwise gives x.",
    .params = {{"x"}, P_PARAM,
               {"training", ORR_BOOL, .def = 1, .doc = "false: x as it is"},
               {"generator", ORR_STREAM, .doc = "the stream drawn from"}},
    .compose = dropout_compose, .flags = ORR_FUNCTIONAL | ORR_RANDOM,
    .samples = {"{ {3,4}, training = false }", "{ {3,4}, p = 0 }",
        "{ {3,4}, p = 1 }", "{ {0,4} }",
        "{ {3,4}, p = 1.5, error = 'dropout: p is 1.5; it must be between 0 "
        "and 1' }"});
