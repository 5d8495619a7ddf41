// dropout.c -- random zeros against co-adaptation (Srivastava et al. 2014).
#include "../base/threads.h"
#include "../kernels/elementwise.h"
#include "../kernels/random.h"

typedef struct job {
  orr_tensor *y;  // uniform numbers, turned into the mask
  double p, kept;
} job;

ORR_CLONES static void mask_f32(float *y, int64_t n, float p, float kept) {
  for (int64_t i = 0; i < n; i++) y[i] = y[i] < p ? 0.0f : kept;
}
ORR_CLONES static void mask_f64(double *y, int64_t n, double p, double kept) {
  for (int64_t i = 0; i < n; i++) y[i] = y[i] < p ? 0.0 : kept;
}

static void mask_range(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  if (j->y->dtype == ORR_F32)
    mask_f32(ORR_F32P(j->y) + begin, end - begin, (float)j->p, (float)j->kept);
  else
    mask_f64(ORR_F64P(j->y) + begin, end - begin, j->p, j->kept);
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
  orr_tensor *y = c->y[0];
  const double p = c->attr[0];
  const uint64_t blocks = orr_draw_blocks(ORR_DRAW_UNIFORM, y->dtype, y->count);
  const orr_drawing d = {.what = ORR_DRAW_UNIFORM,
                         .dtype = y->dtype,
                         .seed = c->stream->seed,
                         .b = 1,
                         .y = orr_data(y),
                         .counter = orr_stream_reserve(c->stream, blocks)};
  orr_draw_fill(&d, y->count);
  job j = {.y = y, .p = p, .kept = p < 1 ? 1 / (1 - p) : 0};
  orr_parallel_range(y->count, ORR_GRAIN_CHEAP, mask_range, &j);
  return true;
}

#define P_PARAM \
  { "p", ORR_NUM, .def = 0.5, .doc = "probability of a zero" }

ORR_DEFINE_OP(
    dropout_mask, .doc = "Like x: 0 with probability p, else 1 / (1 - p).",
    .params = {{"x"}, P_PARAM, {"generator", ORR_STREAM}},
    .shape = dropout_mask_shape, .forward = dropout_mask_forward,
    .flags = ORR_HIDDEN | ORR_RANDOM | ORR_NO_GRAD | ORR_STRIDED_OK,
    .samples = {"{ {3,4}, p = 1, nograd = true, reason = 'a constant' }",
                "{ {0,4}, p = 0.3, nograd = true, reason = 'a constant' }"});

static orr_tensor *dropout_compose(orr_call *c) {
  if (!want_probability(c)) return NULL;
  if (c->attr[1] == 0 || c->attr[0] == 0) return c->x[0];
  orr_tensor *mask =
      ORR(dropout_mask, c->x[0], .attr = {c->attr[0]}, .stream = c->stream);
  return ORR(mul, c->x[0], mask);
}

ORR_DEFINE_OP(
    dropout,
    .doc = "In training, zeroes elements of x with probability p and divides "
           "the others by 1 - p, which keeps the mean; otherwise gives x.",
    .params = {{"x"},
               P_PARAM,
               {"training", ORR_BOOL, .def = 1, .doc = "false: x as it is"},
               {"generator", ORR_STREAM, .doc = "the stream drawn from"}},
    .compose = dropout_compose, .flags = ORR_FUNCTIONAL | ORR_RANDOM,
    .samples =
        {"{ {3,4}, training = false }", "{ {3,4}, p = 0 }", "{ {3,4}, p = 1 }",
         "{ {0,4} }",
         "{ {3,4}, p = 1.5, error = 'dropout: p is 1.5; it must be between 0 "
         "and 1' }"});

// ---- whole channels, and noise that keeps SELU's mean and variance

// A mask for x: of each element, or one number for each of the first two axes.
static orr_tensor *mask_of(orr_call *c, bool channels) {
  const orr_tensor *x = c->x[0];
  int64_t size[ORR_MAX_RANK];
  for (int k = 0; k < x->rank; k++)
    size[k] = channels && k > 1 ? 1 : x->size[k];
  orr_tensor *like = orr_keep(orr_empty(x->dtype, x->rank, size));
  return ORR(dropout_mask, like, .attr = {c->attr[0]}, .stream = c->stream);
}

static orr_tensor *feature_dropout_compose(orr_call *c) {
  if (!want_probability(c) || !orr_want_min_rank(c, 0, 3)) return NULL;
  if (c->attr[1] == 0 || c->attr[0] == 0) return c->x[0];
  return ORR(mul, c->x[0], mask_of(c, true));
}

// Dropped elements become SELU's value at -inf, then all are scaled and moved
// (Klambauer et al. 2017).
static orr_tensor *alpha_dropped(orr_call *c, bool channels) {
  orr_tensor *x = c->x[0];
  const double p = c->attr[0], alpha = 1.7580993408473766;
  if (c->attr[1] == 0 || p == 0) return x;
  if (p == 1) return ORR(mul, x, orr_num(x, 0));
  const double a = 1 / sqrt((alpha * alpha * p + 1) * (1 - p));
  orr_tensor *kept = mask_of(c, channels);  // 0 or 1 / (1 - p)
  orr_tensor *factor = ORR(mul, kept, orr_num(x, a * (1 - p)));
  orr_tensor *shift = ORR(mul, factor, orr_num(x, alpha));
  shift = ORR(add, shift, orr_num(x, alpha * a * (p - 1)));
  return ORR(add, ORR(mul, x, factor), shift);
}
static orr_tensor *alpha_dropout_compose(orr_call *c) {
  return want_probability(c) ? alpha_dropped(c, false) : NULL;
}
static orr_tensor *feature_alpha_dropout_compose(orr_call *c) {
  if (!want_probability(c) || !orr_want_min_rank(c, 0, 3)) return NULL;
  return alpha_dropped(c, true);
}

#define DROPOUT_PARAMS                                                  \
  {                                                                     \
    {"x"}, P_PARAM,                                                     \
        {"training", ORR_BOOL, .def = 1, .doc = "false: x as it is"}, { \
      "generator", ORR_STREAM, .doc = "the stream drawn from"           \
    }                                                                   \
  }
#define CHANNEL_SAMPLES(NAME)                                                  \
  {                                                                            \
    "{ {2,3,4}, training = false }", "{ {2,3,4}, p = 0 }",                     \
        "{ {2,3,2,2}, p = 1 }", "{ {0,3,4} }",                                 \
        "{ {4}, error = '" NAME ": x is [4] but must have at least 3 "         \
        "axes; use :view or :unsqueeze' }",                                    \
        "{ {2,3,4}, p = 1.5, error = '" NAME ": p is 1.5; it must be between " \
        "0 and 1' }"                                                           \
  }
#define FEATURE(NAME, SHAPE, AXES) \
  ORR_DEFINE_OP(NAME,                                                         \
      .doc = "dropout of whole channels of x " SHAPE                          \
             ": all elements of one are zeroed, or none.",                    \
      .params = DROPOUT_PARAMS, .compose = feature_dropout_compose,           \
      .batched = AXES,                                                        \
      .flags = ORR_FUNCTIONAL | ORR_RANDOM, .samples = CHANNEL_SAMPLES(#NAME))
FEATURE(dropout1d, "[N, C, L] or [C, L]", 3);
FEATURE(dropout2d, "[N, C, H, W]", 0);
FEATURE(dropout3d, "[N, C, D, H, W] or [C, D, H, W]", 5);

ORR_DEFINE_OP(alpha_dropout,
    .doc = "Dropout for networks of SELUs, which keeps mean 0 and variance 1 "
           "(Klambauer et al. 2017).",
    .params = DROPOUT_PARAMS, .compose = alpha_dropout_compose,
    .flags = ORR_FUNCTIONAL | ORR_RANDOM,
    .samples = {"{ {3,4}, training = false }", "{ {3,4}, p = 0 }",
        "{ {3,4}, p = 1 }", "{ {0,4} }",
        "{ {3,4}, p = -1, error = 'alpha_dropout: p is -1; it must be between "
        "0 and 1' }"});
ORR_DEFINE_OP(feature_alpha_dropout,
    .doc = "alpha_dropout of whole channels of x [N, C, ...].",
    .params = DROPOUT_PARAMS, .compose = feature_alpha_dropout_compose,
    .flags = ORR_FUNCTIONAL | ORR_RANDOM,
    .samples = CHANNEL_SAMPLES("feature_alpha_dropout"));
