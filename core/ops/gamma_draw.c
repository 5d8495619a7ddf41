// gamma_draw.c -- gamma numbers, and how one moves with its concentration.
#include "../kernels/random.h"

#include <math.h>

#include "../base/threads.h"
#include "pointwise.h"

// ---- drawing: Marsaglia & Tsang, "A simple method for generating gamma
// variables" (2000). It rejects, so an element's random numbers come from a
// generator of its own (splitmix64) that one word of the stream starts: the
// stream advances by what the shape needs, whatever is rejected.

static uint64_t next_word(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static double next_open(uint64_t *state) {
  return orr_draw_open(next_word(state));
}

static double next_normal(uint64_t *state) {  // Box & Muller
  const double r = sqrt(-2 * log(next_open(state)));
  return r * cos(6.283185307179586477 * next_open(state));
}

// For a >= 1.
static double gamma_from(double a, uint64_t *state) {
  const double d = a - 1. / 3, c = 1 / sqrt(9 * d);
  for (;;) {
    const double x = next_normal(state), t = 1 + c * x, v = t * t * t;
    if (v <= 0) continue;
    if (log(next_open(state)) < x * x / 2 + d * (1 - v + log(v))) return d * v;
  }
}

// A number of a < 1 is one of a + 1 times u^(1/a). Never 0, as no gamma number
// is: it would have no density.
static double gamma_number(double a, uint64_t word, double least) {
  uint64_t state = word;
  if (!(a > 0) || isinf(a)) return NAN;
  double y;
  if (a >= 1) {
    y = gamma_from(a, &state);
  } else {
    const double log_u = log(next_open(&state));
    y = gamma_from(a + 1, &state) * exp(log_u / a);
  }
  return y < least ? least : y;
}

typedef struct drawing {
  const orr_call *c;
  uint64_t counter;
} drawing;

static void draw_range(void *context, int64_t begin, int64_t end) {
  const drawing *d = context;
  const orr_call *c = d->c;
  for (int64_t i = begin; i < end; i++) {
    const uint64_t word = orr_draw_word(c->stream->seed, d->counter, i);
    const double a = orr_get(c->x[0], i);
    if (c->y[0]->dtype == ORR_F32)
      ORR_F32P(c->y[0])[i] = (float)gamma_number(a, word, 0x1p-126);
    else
      ORR_F64P(c->y[0])[i] = gamma_number(a, word, 0x1p-1022);
  }
}

static bool standard_gamma_forward(orr_call *c) {
  const int64_t n = c->y[0]->count;
  drawing d = {c, orr_stream_reserve(c->stream, (uint64_t)(n + 1) / 2)};
  orr_parallel_range(n, 64, draw_range, &d);
  return true;
}

ORR_DEFINE_OP(standard_gamma, .torch = "torch._standard_gamma",
    .doc = "A gamma number of each concentration and rate 1, never 0; NaN "
           "where the concentration is not a finite number over 0.",
    .params = {{"concentration", .doc = "over 0"},
        {"generator", ORR_STREAM,
            .doc = "stream to draw from; else the default one"}},
    .shape = unary_shape, .forward = standard_gamma_forward,
    .flags = ORR_RANDOM | ORR_NO_GRAD,
    .samples = {"{ {2,3}, low = 0.1, high = 9 }",
        "{ {70}, low = 100, high = 1e4 }", "{ {5}, low = 1e-3, high = 1e-2 }",
        "{ {0,4} }", "{ {}, low = 1, high = 2 }"});

// ---- slope: a number y that keeps its quantile P(a, y) while a moves goes by
//
//     dy/da = -(dP/da) / (dP/dy),   dP/dy = y^(a-1) e^-y / Gamma(a)
//
// (Figurnov, Mohamed & Mnih 2018, eq. 5). dP/da comes from differentiating,
// term by term, the series of P below the middle and the continued fraction of
// 1 - P above it.

static double digamma_at(double x) {  // x > 0
  double below = 0;
  for (; x < 10; x++) below += 1 / x;
  const double z = 1 / (x * x);
  return log(x) - 0.5 / x - below -
      z *
      (1. / 12 - z * (1. / 120 - z * (1. / 252 - z * (1. / 240 - z / 132))));
}

// P = first S, S = 1 + y/(a+1) + y^2/((a+1)(a+2)) + ...; first = y^a e^-y /
// Gamma(a+1) = (y/a) dP/dy, so that no exponential is left in the quotient.
static double slope_by_series(double a, double y) {
  double term = 1, fall = 0, sum = 1, slope = 0;
  for (double n = 1; term > sum * 1e-18; n++) {
    term *= y / (a + n);
    fall -= 1 / (a + n);
    sum += term;
    slope += term * fall;
  }
  return -y / a * (sum * (log(y) - digamma_at(a + 1)) + slope);
}

// 1 - P = y dP/dy h, h = 1/(y+1-a- 1(1-a)/(y+3-a- 2(2-a)/...)), as Lentz
// evaluates it; each quantity q beside its slope dq by a.
static double slope_by_fraction(double a, double y) {
  double b = y + 1 - a, c = 1e300, dc = 0, d = 1 / b, dd = d * d;
  double h = d, dh = dd;
  for (double n = 1; n < 1e6; n++) {
    const double an = n * (a - n);
    b += 2;
    const double below = an * d + b, dbelow = n * d + an * dd - 1;
    d = 1 / below;
    dd = -dbelow * d * d;
    dc = n / c - an * dc / (c * c) - 1;
    c = b + an / c;
    const double step = d * c, dstep = dd * c + d * dc;
    dh = dh * step + h * dstep;
    h *= step;
    if (!(fabs(step - 1) > 1e-16) && !(fabs(dstep) > 1e-16)) break;
  }
  return y * (h * (log(y) - digamma_at(a)) + dh);
}

// Past a = 1e7 the cube root of y / a is normal (Wilson & Hilferty 1931).
static double slope_for_large(double a, double y) {
  const double t = cbrt(y / a);
  return y / a - 1.5 * (t - 1 + 1 / (9 * a)) * t * t + t * t / (3 * a);
}

static double gamma_slope(double a, double y) {
  if (!(a > 0 && y > 0) || isinf(a) || isinf(y)) return NAN;
  if (a > 1e7) return slope_for_large(a, y);
  return y < a + 1 ? slope_by_series(a, y) : slope_by_fraction(a, y);
}
ORR_MAP2(standard_gamma_grad, ORR_GRAIN_DEAR, gamma_slope((double)x, (double)z))

ORR_DEFINE_OP(standard_gamma_grad, .torch = "torch._standard_gamma_grad",
    .doc = "dy/da of a gamma number y that keeps its quantile while its "
           "concentration a moves: the implicit reparameterisation (Figurnov, "
           "Mohamed & Mnih 2018). It has no gradient of its own.",
    .params = {{"a", .want = ORR_WANT_ANY, .doc = "concentration, over 0"},
        {"y", .want = ORR_WANT_ANY, .doc = "over 0"}},
    .shape = binary_shape, .forward = standard_gamma_grad_forward,
    .flags = BINARY_FLAGS | ORR_INT_TO_FLOAT | ORR_NO_GRAD,
    .samples = {"{ {3,4}, {3,4}, low = 0.3, high = 6 }",
        "{ {3,1}, {4}, low = 12, high = 40 }", "{ {0,4}, {4} }",
        "{ {2,3}, {2,4}, error = 'standard_gamma_grad: a is [2, 3], y is [2, "
        "4]: they do not broadcast; sizes must be equal or 1, matched from "
        "the last axis' }"});
