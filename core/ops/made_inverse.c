// made_inverse.c -- the way back through an affine autoregressive flow, by
// degrees. flow.MAF packs a net for it.
#include "../kernels/made_inverse.h"

#include "op.h"

enum { Z, WEIGHTS, BIASES, DEGREES, SIZES, CONTEXT };
enum { ACTIVATION, CLAMP };

static orr_made_net net_of(orr_tensor *const *x, const double *attr) {
  return (orr_made_net){.n = x[Z]->size[0],
                        .dims = x[Z]->size[1],
                        .context = x[CONTEXT] ? x[CONTEXT]->size[1] : 0,
                        .hidden = x[SIZES]->count,
                        .size = orr_data(x[SIZES]),
                        .degree = orr_data(x[DEGREES]),
                        .weights = orr_data(x[WEIGHTS]),
                        .biases = orr_data(x[BIASES]),
                        .activation = (int)attr[ACTIVATION],
                        .clamp = attr[CLAMP]};
}

static bool want_count(orr_call *c, int input, int64_t count) {
  return c->x[input]->count == count ||
      orr_fail(c, "%s has %lld elements but the sizes make %lld; match them",
               orr_input_name(c, input), (long long)c->x[input]->count,
               (long long)count);
}

// Of a vector with gaps, too.
static int64_t element(const orr_tensor *t, int64_t i) {
  return ((const int64_t *)orr_data((orr_tensor *)t))[i * t->stride[0]];
}

static bool want_degrees(orr_call *c, int64_t dims) {
  const orr_tensor *degrees = c->x[DEGREES];
  for (int64_t i = 0; i < degrees->count; i++) {
    const int64_t least = i < dims ? 1 : 0, d = element(degrees, i);
    if (d < least || d > dims)
      return orr_fail(c, "degree %lld is %lld; use %lld to %lld",
                      (long long)i + 1, (long long)d, (long long)least,
                      (long long)dims);
  }
  return true;
}

static bool made_inverse_shape(orr_call *c) {
  for (int i = WEIGHTS; i <= SIZES; i++)
    if (!orr_want_rank(c, i, 1)) return false;
  if (!orr_want_rank(c, Z, 2)) return false;
  const orr_tensor *context = c->x[CONTEXT];
  if (context &&
      (!orr_want_rank(c, CONTEXT, 2) || context->size[0] != c->x[Z]->size[0]))
    return orr_fail(c, "context must have a row for each of z's %lld",
                    (long long)c->x[Z]->size[0]);
  if (!(c->attr[CLAMP] > 0))
    return orr_fail(c, "clamp is %g; it must be > 0", c->attr[CLAMP]);
  const int64_t dims = c->x[Z]->size[1];
  int64_t from = (context ? context->size[1] : 0) + dims;
  int64_t weights = 0, biases = 0;
  for (int64_t l = 0; l < c->x[SIZES]->count; l++) {
    const int64_t n = element(c->x[SIZES], l);
    if (n < 0 || n > 1 << 24)
      return orr_fail(c, "a layer has %lld units; use 0 to 2^24", (long long)n);
    weights += from * n;
    biases += from = n;
  }
  return want_count(c, WEIGHTS, weights + from * 2 * dims) &&
      want_count(c, BIASES, biases + 2 * dims) &&
      want_count(c, DEGREES, biases + dims) && want_degrees(c, dims) &&
      orr_out_like(c, c->x[Z]) &&
      orr_out(c, 1, c->x[Z]->dtype, 2, c->x[Z]->size);
}

static bool made_inverse_forward(orr_call *c) {
  const orr_made_net net = net_of(c->x, c->attr);
  return orr_made_inverse(c->y[0]->dtype, &net, orr_data(c->x[Z]),
                          c->x[CONTEXT] ? orr_data(c->x[CONTEXT]) : NULL,
                          orr_data(c->y[0]), orr_data(c->y[1]));
}

ORR_DEFINE_OP(
    made_inverse,
    .doc = "x and s from z = x exp(s) + t, with t and s of a masked net "
           "(Papamakarios et al. 2017), every unit once.",
    .params = {{"z", .doc = "[B, D]"},
               {"weights", .doc = "of all layers, end to end"},
               {"biases", .doc = "likewise"},
               {"degrees", .want = ORR_WANT_INT,
                .doc = "of the D inputs, then of each layer"},
               {"sizes", .want = ORR_WANT_INT, .doc = "of the hidden layers"},
               {"context", .optional = true, .doc = "[B, C]"},
               {"activation", ORR_CHOICE, .choices = "relu|tanh|sigmoid"},
               {"clamp", ORR_NUM, .def = 5, .doc = "s within +- clamp"}},
    .outputs = 2, .shape = made_inverse_shape, .forward = made_inverse_forward,
    .flags = ORR_NO_GRAD | ORR_HIDDEN,
    .samples = {
        "{ {3,2}, {18}, {7}, {5}, {1}, ints = { degrees = {1,2}, "
        "sizes = {3,3} } }",
        "{ {2,1}, {6}, {2}, {1}, {0}, {2,2}, ints = { degrees = {1,1}, "
        "sizes = {1,1} }, activation = 'tanh', clamp = 1 }",
        "{ {0,2}, {8}, {4}, {2}, {0}, ints = { degrees = {1,2}, "
        "sizes = {1,1} } }",
        "{ {3,2}, {18}, {7}, {4}, {1}, ints = { degrees = {1,2}, sizes = "
        "{3,3} }, error = 'made_inverse: degrees has 4 elements but the sizes "
        "make 5; match them' }",
        "{ {1,1}, {2}, {2}, {1}, {0}, ints = { degrees = {2,2}, sizes = "
        "{1,1} }, error = 'made_inverse: degree 1 is 2; use 1 to 1' }"});
