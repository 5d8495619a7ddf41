// counts.c -- random counts: Poisson and binomial numbers.
//
// Each element is found from one 64-bit random number by inversion, outcomes
// taken from the most likely one outwards (Kemp 1986): the order of outcomes
// does not matter, and about as many are looked at as the deviation is large.
#include "../kernels/random.h"

#include <math.h>

#include "../base/threads.h"
#include "op.h"

enum {
  NORMAL_FROM = 10000000
};  // variance above which a count is a rounded
    // normal number

// Outcome k + 1 has up(k) times k's probability; most is the largest or inf.
typedef struct law {
  double mode, chance, most;
  double mean, variance;
  double n, odds;  // binomial; n < 0: Poisson of the mean
} law;

static double log_gamma(double x) { return lgamma_r(x, &(int){0}); }

static double ratio(const law *l, double k) {  // of k + 1 to k
  return l->n < 0 ? l->mean / (k + 1) : l->odds * (l->n - k) / (k + 1);
}

static law poisson_law(double rate) {
  const double m = floor(rate);
  const double chance =
      rate > 0 ? exp(m * log(rate) - rate - log_gamma(m + 1)) : 1;
  return (law){m, chance, INFINITY, rate, rate, -1, 0};
}

// log(n! / (n - m)! n^-m); for large n by Stirling's series, whose large parts
// cancel on paper here.
static double falling(double n, double m) {
  if (n < 1e6) return log_gamma(n + 1) - log_gamma(n - m + 1) - m * log(n);
  return -m - (n - m + 0.5) * log1p(-m / n) + 1 / (12 * n) - 1 / (12 * (n - m));
}

// For p up to 1/2.
static law binomial_law(double n, double p) {
  const double m = floor((n + 1) * p);
  double log_chance = (n - m) * log1p(-p);
  if (m > 0) log_chance += falling(n, m) + m * log(n * p) - log_gamma(m + 1);
  return (law){m, exp(log_chance), n, n * p, n * p * (1 - p), n, p / (1 - p)};
}

static double by_inversion(const law *l, double u) {
  double up = l->chance, down = l->chance, high = l->mode, low = l->mode;
  u -= up;
  while (u >= 0 && (up > 0 || down > 0)) {
    up = high < l->most ? up * ratio(l, high) : 0;
    high++;
    if (up > 0 && (u -= up) < 0) return high;
    down = low > 0 ? down / ratio(l, low - 1) : 0;
    low--;
    if (down > 0 && (u -= down) < 0) return low;
  }
  return l->mode;  // or what rounding left over
}

static double count_of(const law *l, uint64_t word) {
  if (l->variance <= NORMAL_FROM) return by_inversion(l, orr_draw_unit(word));
  // Its halves, as two numbers: Box & Muller.
  const double u = ((double)(word >> 32) + 0.5) * 0x1p-32;
  const double v = (double)(uint32_t)word * 0x1p-32;
  const double z = sqrt(-2 * log(u)) * cos(6.283185307179586477 * v);
  const double k = rint(l->mean + z * sqrt(l->variance));
  return k < 0 ? 0 : k > l->most ? l->most : k;
}

typedef struct drawing {
  const orr_call *c;
  uint64_t counter;
} drawing;

static double drawn(const orr_call *c, int64_t i, uint64_t word) {
  const double a = orr_get(c->x[0], i);
  if (c->nx == 1) {
    const law l = poisson_law(a);
    return count_of(&l, word);
  }
  const double p = orr_get(c->x[1], i), n = floor(a);
  const law l = binomial_law(n, p > 0.5 ? 1 - p : p);
  return p > 0.5 ? n - count_of(&l, word) : count_of(&l, word);
}

static void draw_range(void *context, int64_t begin, int64_t end) {
  const drawing *d = context;
  const orr_call *c = d->c;
  for (int64_t i = begin; i < end; i++) {
    const uint64_t word = orr_draw_word(c->stream->seed, d->counter, i);
    const double y = drawn(c, i, word);
    if (c->y[0]->dtype == ORR_F32)
      ORR_F32P(c->y[0])[i] = (float)y;
    else
      ORR_F64P(c->y[0])[i] = y;
  }
}

static bool want_all(orr_call *c, int input, double most, const char *wanted) {
  for (int64_t i = 0; i < c->x[input]->count; i++) {
    const double v = orr_get(c->x[input], i);
    if (v >= 0 && v <= most) continue;
    return orr_fail(c, "%s holds %g at element %lld; use %s",
                    orr_input_name(c, input), v, (long long)i + 1, wanted);
  }
  return true;
}

static bool counts_shape(orr_call *c) {
  return (c->nx == 1 || orr_want_same(c, 0, 1)) && orr_out_like(c, c->x[0]);
}

static bool counts_forward(orr_call *c) {
  if (!want_all(c, 0, 1e15, "0 to 1e15") ||
      (c->nx == 2 && !want_all(c, 1, 1, "probabilities, 0 to 1")))
    return false;
  const int64_t n = c->y[0]->count;
  drawing d = {c, orr_stream_reserve(c->stream, (uint64_t)(n + 1) / 2)};
  orr_parallel_range(n, 64, draw_range, &d);
  return true;
}

#define GENERATOR                                          \
  {                                                        \
    "generator", ORR_STREAM,                               \
        .doc = "stream to draw from; else the default one" \
  }
ORR_DEFINE_OP(poisson,
    .doc = "A Poisson number of each rate: how many events, when so many are "
           "expected. Above 1e7 rounded normal numbers.",
    .params = {{"rates", .doc = "what is expected, 0 or more"}, GENERATOR},
    .shape = counts_shape, .forward = counts_forward,
    .flags = ORR_RANDOM | ORR_NO_GRAD,
    .samples = {"{ {2,3}, low = 0.1, high = 9 }",
        "{ {70}, low = 100, high = 1e4 }", "{ {5}, low = 1e8, high = 1e9 }",
        "{ {0,4} }", "{ {}, low = 0, high = 0 }",
        "{ {2}, low = -1, high = -1, error = 'poisson: rates holds -1 at "
        "element 1; use 0 to 1e15' }"});

ORR_DEFINE_OP(binomial_each, .torch = "",
    .doc = "binomial of tensors of one shape.",
    .params = {{"count"}, {"prob"}, GENERATOR}, .shape = counts_shape,
    .forward = counts_forward, .flags = ORR_RANDOM | ORR_NO_GRAD | ORR_HIDDEN,
    .samples = {"{ {2,3}, {2,3}, low = 0.1, high = 0.9 }",
        "{ {0,4}, {0,4} }"});

static orr_tensor *binomial_compose(orr_call *c) {
  orr_tensor *n, *p;
  if (!orr_spread_two(c, &n, &p)) return NULL;
  return ORR(binomial_each, n, p, .stream = c->stream);
}

ORR_DEFINE_OP(binomial,
    .doc = "How many of count trials succeed, each with probability prob, "
           "elementwise with broadcasting. Where the variance is above 1e7, "
           "rounded normal numbers.",
    .params = {{"count", .doc = "0 or more, fractions are cut off"},
        {"prob", .doc = "0 to 1"}, GENERATOR},
    .compose = binomial_compose,
    .flags = ORR_RANDOM | ORR_NO_GRAD | ORR_PROMOTE,
    .samples = {"{ {2,3}, {2,3}, low = 0.1, high = 0.9 }",
        "{ {2,1}, {3}, low = 0, high = 1 }", "{ {0,4}, {4} }",
        "{ {2}, {2}, low = 2, high = 2, error = 'binomial: prob holds 2 at "
        "element 1; use probabilities, 0 to 1' }",
        "{ {2,3}, {2,4}, error = 'binomial: count is [2, 3], prob is [2, 4]: "
        "they do not broadcast; sizes must be equal or 1, matched from the "
        "last axis' }"});
