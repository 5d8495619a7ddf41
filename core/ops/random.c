// random.c -- ops that draw from a stream.
//
// A stream advances by what the result needs, and only once all memory is
// there: a draw that fails leaves it where it was.
#include "../kernels/random.h"

#include <math.h>
#include <stdlib.h>

#include "op.h"

#define GENERATOR                                          \
  {                                                        \
    "generator", ORR_STREAM,                               \
        .doc = "stream to draw from; else the default one" \
  }
#define SIZES \
  { "sizes", ORR_SIZES, .required = true, .doc = "the shape" }
#define DTYPE(D) \
  { "dtype", ORR_DTYPE, .def = D, .doc = "of the elements" }
#define RANDOM_FLAGS ORR_RANDOM | ORR_NO_GRAD

static bool draw(orr_call *c, orr_draw what, double a, double b) {
  orr_tensor *y = c->y[0];
  orr_drawing d = {what, y->dtype, .a = a, .b = b, .y = orr_data(y)};
  if (what == ORR_DRAW_BERNOULLI) d.p = orr_data(c->x[0]);
  d.seed = c->stream->seed;
  d.counter =
      orr_stream_reserve(c->stream, orr_draw_blocks(what, y->dtype, y->count));
  orr_draw_fill(&d, y->count);
  return true;
}

// Declares a result of the sizes at attr[slot].
static bool out_sizes(orr_call *c, int slot, double dtype) {
  int64_t size[ORR_MAX_RANK];
  const int rank = (int)c->attr[slot];
  for (int a = 0; a < rank; a++) {
    const double n = c->attr[slot + 1 + a];
    if (!(n >= 0)) return orr_fail(c, "size %d is %g; use 0 or more", a + 1, n);
    size[a] = (int64_t)n;
  }
  return orr_out(c, 0, (orr_dtype)dtype, rank, size);
}

static bool want_float(orr_call *c, double dtype) {
  const orr_dtype d = (orr_dtype)dtype;
  return orr_dtype_is_float(d) ||
      orr_fail(c, "dtype is %s; use float32 or float64", orr_dtype_name(d));
}

static bool want_range(orr_call *c, double low, double high) {
  return (isfinite(low) && isfinite(high) && low <= high) ||
      orr_fail(c,
               "low is %g, high is %g; use finite numbers, low not "
               "above high",
               low, high);
}

static bool want_spread(orr_call *c, const char *name, double value) {
  return (value >= 0 && isfinite(value)) ||
      orr_fail(c, "%s is %g; use a finite number, 0 or more", name, value);
}

#define SIZE_SAMPLES(NAME)                                                   \
  "{ sizes = {2,3} }", "{ sizes = {} }", "{ sizes = {0,4} }",                \
      "{ sizes = {5,70}, dtype = 'float64' }",                               \
      "{ sizes = {2,-1}, error = '" NAME ": size 2 is -1; use 0 or more' }", \
      "{ sizes = {2}, dtype = 'int64', error = '" NAME ": dtype is int64; "  \
      "use float32 or float64' }"

// ---- two numbers after the sizes, then a dtype: uniform, normal, Gumbel

static bool rand_shape(orr_call *c) {
  return want_range(c, c->attr[9], c->attr[10]) && want_float(c, c->attr[11]) &&
      out_sizes(c, 0, c->attr[11]);
}

static bool spread_shape(orr_call *c) {
  return want_spread(c, c->op->params[2].name, c->attr[10]) &&
      want_float(c, c->attr[11]) && out_sizes(c, 0, c->attr[11]);
}

static bool rand_forward(orr_call *c) {
  return draw(c, ORR_DRAW_UNIFORM, c->attr[9], c->attr[10]);
}
static bool randn_forward(orr_call *c) {
  return draw(c, ORR_DRAW_NORMAL, c->attr[9], c->attr[10]);
}
static bool gumbel_forward(orr_call *c) {
  return draw(c, ORR_DRAW_GUMBEL, c->attr[9], c->attr[10]);
}

ORR_DEFINE_OP(rand,
    .doc = "Uniform numbers, low <= y < high.",
    .params = {SIZES, {"low", ORR_NUM, .doc = "at least this"},
        {"high", ORR_NUM, .def = 1, .doc = "less than this"},
        DTYPE(ORR_F32), GENERATOR},
    .shape = rand_shape, .forward = rand_forward,
    .flags = RANDOM_FLAGS | ORR_CREATES,
    .samples = {SIZE_SAMPLES("rand"), "{ sizes = {300}, low = -2, high = 5 }",
        "{ sizes = {2}, low = 2, high = 1, error = 'rand: low is 2, high is "
        "1; use finite numbers, low not above high' }"});

ORR_DEFINE_OP(randn,
    .doc = "Normal numbers.",
    .params = {SIZES, {"mean", ORR_NUM, .doc = "of the distribution"},
        {"std", ORR_NUM, .def = 1, .doc = "standard deviation, >= 0"},
        DTYPE(ORR_F32), GENERATOR},
    .shape = spread_shape, .forward = randn_forward,
    .flags = RANDOM_FLAGS | ORR_CREATES,
    .samples = {SIZE_SAMPLES("randn"), "{ sizes = {300}, mean = 3, std = 2 }",
        "{ sizes = {2}, std = -1, error = 'randn: std is -1; use a finite "
        "number, 0 or more' }"});

ORR_DEFINE_OP(gumbel,
    .torch = "torch.distributions.Gumbel",
    .doc = "Gumbel numbers: loc - scale log(-log u).",
    .params = {SIZES, {"loc", ORR_NUM, .doc = "added to each"},
        {"scale", ORR_NUM, .def = 1, .doc = ">= 0"}, DTYPE(ORR_F32),
        GENERATOR},
    .shape = spread_shape, .forward = gumbel_forward,
    .flags = RANDOM_FLAGS | ORR_CREATES,
    .samples = {SIZE_SAMPLES("gumbel"), "{ sizes = {300}, loc = 3, scale = 2 }",
        "{ sizes = {2}, scale = -1, error = 'gumbel: scale is -1; use a "
        "finite number, 0 or more' }"});

static bool exponential_shape(orr_call *c) {
  const double rate = c->attr[9];
  if (!(rate > 0) || !isfinite(rate))
    return orr_fail(c, "rate is %g; use a finite number > 0", rate);
  return want_float(c, c->attr[10]) && out_sizes(c, 0, c->attr[10]);
}

static bool exponential_forward(orr_call *c) {
  return draw(c, ORR_DRAW_EXPONENTIAL, c->attr[9], 0);
}

ORR_DEFINE_OP(exponential,
    .torch = "torch.Tensor.exponential_",
    .doc = "Exponential numbers of mean 1 / rate, all > 0.",
    .params = {SIZES, {"rate", ORR_NUM, .def = 1, .doc = "> 0"},
        DTYPE(ORR_F32), GENERATOR},
    .shape = exponential_shape, .forward = exponential_forward,
    .flags = RANDOM_FLAGS | ORR_CREATES,
    .samples = {SIZE_SAMPLES("exponential"), "{ sizes = {300}, rate = 0.5 }",
        "{ sizes = {2}, rate = 0, error = 'exponential: rate is 0; use a "
        "finite number > 0' }"});

// ---- like forms

static bool rand_like_shape(orr_call *c) {
  return want_range(c, c->attr[0], c->attr[1]) && orr_out_like(c, c->x[0]);
}
static bool randn_like_shape(orr_call *c) {
  return want_spread(c, "std", c->attr[1]) && orr_out_like(c, c->x[0]);
}
static bool rand_like_forward(orr_call *c) {
  return draw(c, ORR_DRAW_UNIFORM, c->attr[0], c->attr[1]);
}
static bool randn_like_forward(orr_call *c) {
  return draw(c, ORR_DRAW_NORMAL, c->attr[0], c->attr[1]);
}

ORR_DEFINE_OP(rand_like,
    .doc = "Uniform numbers in x's shape, low <= y < high.",
    .params = {{"x"}, {"low", ORR_NUM, .doc = "at least this"},
        {"high", ORR_NUM, .def = 1, .doc = "less than this"},
        GENERATOR},
    .shape = rand_like_shape, .forward = rand_like_forward,
    .flags = RANDOM_FLAGS | ORR_STRIDED_OK,
    .samples = {"{ {2,3} }", "{ {5,70}, low = -2, high = 5 }", "{ {0,4} }",
        "{ {2}, low = 2, high = 1, error = 'rand_like: low is 2, high is 1; "
        "use finite numbers, low not above high' }"});

ORR_DEFINE_OP(randn_like,
    .doc = "Normal numbers in x's shape.",
    .params = {{"x"}, {"mean", ORR_NUM, .doc = "of the distribution"},
        {"std", ORR_NUM, .def = 1, .doc = "standard deviation, >= 0"},
        GENERATOR},
    .shape = randn_like_shape, .forward = randn_like_forward,
    .flags = RANDOM_FLAGS | ORR_STRIDED_OK,
    .samples = {"{ {2,3} }", "{ {5,70}, mean = 3, std = 2 }", "{ {0,4} }",
        "{ {2}, std = -1, error = 'randn_like: std is -1; use a finite "
        "number, 0 or more' }"});

// ---- whole numbers

// Doubles, and so options, hold whole numbers up to 2^53.
static bool randint_shape(orr_call *c) {
  const double low = c->attr[0], high = c->attr[1];
  const orr_dtype d = (orr_dtype)c->attr[11];
  if (!(low <= high) || fabs(low) > 0x1p52 || fabs(high) > 0x1p52)
    return orr_fail(c,
                    "low is %.17g, high is %.17g; use whole numbers, low "
                    "not above high",
                    low, high);
  if (d == ORR_U8 && (low < 0 || high > 255))
    return orr_fail(c, "low is %g, high is %g; uint8 holds 0 to 255", low,
                    high);
  return out_sizes(c, 2, d);
}

static bool randint_forward(orr_call *c) {
  return draw(c, ORR_DRAW_INTEGER, c->attr[0], c->attr[1]);
}

ORR_DEFINE_OP(randint,
    .doc = "Whole numbers low <= y <= high, each as likely; both ends belong.",
    .params = {{"low", ORR_INT, .required = true, .doc = "at least this"},
        {"high", ORR_INT, .required = true, .doc = "at most this"}, SIZES, DTYPE(ORR_I64),
        GENERATOR},
    .shape = randint_shape, .forward = randint_forward,
    .flags = RANDOM_FLAGS | ORR_CREATES,
    .samples = {"{ low = 1, high = 6, sizes = {2,3} }",
        "{ low = -3, high = -3, sizes = {70}, dtype = 'float32' }",
        "{ low = 0, high = 255, sizes = {9}, dtype = 'uint8' }",
        "{ low = 1, high = 2, sizes = {0} }",
        "{ low = 2, high = 1, sizes = {2}, error = 'randint: low is 2, high "
        "is 1; use whole numbers, low not above high' }",
        "{ low = 0, high = 256, sizes = {2}, dtype = 'uint8', error = "
        "'randint: low is 0, high is 256; uint8 holds 0 to 255' }"});

static bool randperm_shape(orr_call *c) {
  const int64_t n = (int64_t)c->attr[0];
  if (n < 0) return orr_fail(c, "n is %g; use 0 or more", c->attr[0]);
  return orr_out(c, 0, ORR_I64, 1, &n);
}

// Fisher & Yates: from the end, each swaps with one at or before it.
static bool randperm_forward(orr_call *c) {
  int64_t *y = ORR_I64P(c->y[0]);
  const int64_t n = c->y[0]->count;
  const uint64_t seed = c->stream->seed;
  const uint64_t at = orr_stream_reserve(c->stream, (uint64_t)(n + 1) / 2);
  for (int64_t i = 0; i < n; i++) y[i] = i + 1;
  for (int64_t i = n - 1; i > 0; i--) {
    const int64_t j =
        (int64_t)orr_draw_below(orr_draw_word(seed, at, i), (uint64_t)i + 1);
    const int64_t t = y[i];
    y[i] = y[j];
    y[j] = t;
  }
  return true;
}

ORR_DEFINE_OP(randperm,
    .doc = "The numbers 1 to n in random order.",
    .params = {{"n", ORR_INT, .required = true, .doc = "how many"}, GENERATOR},
    .shape = randperm_shape, .forward = randperm_forward,
    .flags = RANDOM_FLAGS | ORR_CREATES,
    .samples = {"{ n = 10 }", "{ n = 1 }", "{ n = 0 }",
        "{ n = -1, error = 'randperm: n is -1; use 0 or more' }"});

// ---- from probabilities

static bool bernoulli_shape(orr_call *c) { return orr_out_like(c, c->x[0]); }
static bool bernoulli_forward(orr_call *c) {
  return draw(c, ORR_DRAW_BERNOULLI, 0, 0);
}

ORR_DEFINE_OP(bernoulli,
    .doc = "1 with probability p, else 0, for each element of p.",
    .params = {{"p", .doc = "probabilities"}, GENERATOR},
    .shape = bernoulli_shape, .forward = bernoulli_forward,
    .flags = RANDOM_FLAGS,
    .samples = {"{ {2,3}, low = 0, high = 1 }",
        "{ {5,70}, low = 0, high = 1 }", "{ {0,4} }", "{ {} }"});

static bool multinomial_shape(orr_call *c) {
  const orr_tensor *p = c->x[0];
  const double n = c->attr[0];
  char shape[128];
  orr_shape_text(p, shape, sizeof shape);
  if (p->rank != 1 && p->rank != 2)
    return orr_fail(c, "probs is %s; use [classes] or [rows, classes]", shape);
  const int64_t classes = p->size[p->rank - 1];
  if (n < 1) return orr_fail(c, "n is %g; use 1 or more", n);
  if (classes == 0)
    return orr_fail(c, "probs is %s: there is no class; use at least one",
                    shape);
  if (c->attr[1] == 0 && n > (double)classes)
    return orr_fail(c,
                    "n is %g but probs is %s; draw at most %lld without "
                    "replacement",
                    n, shape, (long long)classes);
  const int64_t size[2] = {p->size[0], (int64_t)n};
  return orr_out(c, 0, ORR_I64, p->rank, p->rank == 2 ? size : size + 1);
}

static double prob_at(const orr_tensor *p, int64_t i) {
  return p->dtype == ORR_F32 ? ORR_F32P(p)[i] : ORR_F64P(p)[i];
}

// Each row needs finite numbers >= 0, `wanted` of them > 0.
static bool check_probs(const orr_call *c, int64_t classes, int64_t wanted) {
  const orr_tensor *p = c->x[0];
  for (int64_t r = 0; r < p->count / classes; r++) {
    int64_t positive = 0;
    for (int64_t k = 0; k < classes; k++) {
      const double v = prob_at(p, r * classes + k);
      if (!(v >= 0) || isinf(v))
        return orr_set_error("multinomial: row %lld of probs has %g; use "
                             "finite numbers, 0 or more",
                             (long long)r + 1, v);
      positive += v > 0;
    }
    if (positive < wanted)
      return orr_set_error("multinomial: row %lld of probs has %lld above 0 "
                           "but %lld are to be drawn; draw fewer",
                           (long long)r + 1, (long long)positive,
                           (long long)wanted);
  }
  return true;
}

typedef struct runner {
  double key;
  int64_t class;
} runner;

static int by_key(const void *a, const void *b) {
  const runner *x = (const runner *)a, *y = (const runner *)b;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return x->class < y->class ? -1 : x->class > y->class;
}

// Inverts the running sum: a class of probability 0 has no room in it.
static void draw_again(const orr_call *c, runner *sum, int64_t classes,
                       int64_t row, uint64_t at) {
  const int64_t n = c->y[0]->size[c->y[0]->rank - 1];
  double total = 0;
  int64_t last = 0;
  for (int64_t k = 0; k < classes; k++) {
    const double p = prob_at(c->x[0], row * classes + k);
    sum[k].key = total += p;
    if (p > 0) last = k;
  }
  for (int64_t i = 0; i < n; i++) {
    const uint64_t word = orr_draw_word(c->stream->seed, at, row * n + i);
    const double u = orr_draw_unit(word) * total;
    int64_t low = 0, high = last;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      if (sum[middle].key > u)
        high = middle;
      else
        low = middle + 1;
    }
    ORR_I64P(c->y[0])[row * n + i] = low + 1;
  }
}

// A race: class k arrives after an exponential time of rate p[k]; the first n
// to arrive are a draw without replacement.
static void draw_once(const orr_call *c, runner *race, int64_t classes,
                      int64_t row, uint64_t at) {
  const int64_t n = c->y[0]->size[c->y[0]->rank - 1];
  for (int64_t k = 0; k < classes; k++) {
    const double p = prob_at(c->x[0], row * classes + k);
    const uint64_t word = orr_draw_word(c->stream->seed, at, row * classes + k);
    race[k].class = k + 1;
    race[k].key = p > 0 ? -log(orr_draw_open(word)) / p : INFINITY;
  }
  qsort(race, (size_t)classes, sizeof *race, by_key);
  for (int64_t i = 0; i < n; i++)
    ORR_I64P(c->y[0])[row * n + i] = race[i].class;
}

static bool multinomial_forward(orr_call *c) {
  const orr_tensor *p = c->x[0];
  const int64_t classes = p->size[p->rank - 1], rows = p->count / classes;
  const bool again = c->attr[1] != 0;
  const int64_t n = (int64_t)c->attr[0];
  const size_t bytes = (size_t)classes * sizeof(runner);
  if (!check_probs(c, classes, again ? 1 : n)) return false;
  runner *scratch = orr_alloc(bytes);
  if (!scratch) return false;
  const int64_t words = rows * (again ? n : classes);
  const uint64_t at = orr_stream_reserve(c->stream, (uint64_t)(words + 1) / 2);
  for (int64_t r = 0; r < rows; r++)
    (again ? draw_again : draw_once)(c, scratch, classes, r, at);
  orr_free(scratch, bytes);
  return true;
}

ORR_DEFINE_OP(multinomial,
    .doc = "n classes, counted from 1, drawn for each row of probs, which "
           "need not add up to 1.",
    .params = {{"probs", .doc = "[classes] or [rows, classes], >= 0"},
        {"n", ORR_INT, .def = 1, .doc = "draws for each row"},
        {"replacement", ORR_BOOL, .doc = "a class may come more than once"},
        GENERATOR},
    .shape = multinomial_shape, .forward = multinomial_forward,
    .flags = RANDOM_FLAGS,
    .samples = {"{ {4}, low = 0.1, high = 1 }",
        "{ {3,4}, n = 4, low = 0.1, high = 1 }",
        "{ {3,4}, n = 9, replacement = true, low = 0.1, high = 1 }",
        "{ {0,4}, n = 2 }",
        "{ {3,4}, n = 5, error = 'multinomial: n is 5 but probs is [3, 4]; "
        "draw at most 4 without replacement' }",
        "{ {3,4}, low = -2, high = -2, error = 'multinomial: row 1 of probs "
        "has -2; use finite numbers, 0 or more' }",
        "{ {2,3,4}, error = 'multinomial: probs is [2, 3, 4]; use [classes] "
        "or [rows, classes]' }"});
