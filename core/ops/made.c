// made.c -- the masked linear layer of MADE (Germain et al. 2015), without
// the products that its mask hides.
//
// Three products, each linear in its two tensors, that are one another's
// gradients: y = x W', gx = gy W, gw = gy' x where the mask shows.
#include "../kernels/made.h"

#include <string.h>

#include "op.h"

#define DEGREES                                                       \
  {"in_degree", .want = ORR_WANT_INT, .doc = "[K], of the inputs"}, { \
    "out_degree", .want = ORR_WANT_INT, .doc = "[N], of the outputs"  \
  }

static void *data_of(const orr_tensor *t) { return t ? orr_data(t) : NULL; }

static orr_made made_of(const orr_tensor *rows, const orr_tensor *in,
                        const orr_tensor *out) {
  orr_made m = {1, in->count, out->count, orr_data(in), orr_data(out)};
  for (int a = 0; a < rows->rank - 1; a++) m.n *= rows->size[a];
  return m;
}

// x's last axis against a vector of degrees.
static bool want_last(orr_call *c, int input, int degrees) {
  const orr_tensor *x = c->x[input], *degree = c->x[degrees];
  char s[128], t[128];
  if (!orr_want_min_rank(c, input, 1) || !orr_want_rank(c, degrees, 1))
    return false;
  return x->size[x->rank - 1] == degree->size[0] ||
      orr_fail(c, "%s is %s but %s is %s; one degree per element of a row",
               orr_input_name(c, input), orr_shape_text(x, s, sizeof s),
               orr_input_name(c, degrees), orr_shape_text(degree, t, sizeof t));
}

static bool want_weight(orr_call *c, int input) {
  const orr_tensor *w = c->x[input];
  const long long n = (long long)c->x[3]->size[0];
  const long long k = (long long)c->x[2]->size[0];
  char s[128];
  if (w->rank == 2 && w->size[0] == n && w->size[1] == k) return true;
  return orr_fail(c, "%s is %s but the degrees are of [%lld, %lld]; match them",
                  orr_input_name(c, input), orr_shape_text(w, s, sizeof s), n,
                  k);
}

// c->x[0] with `last` for its last axis.
static bool out_rows(orr_call *c, int64_t last) {
  const orr_tensor *x = c->x[0];
  int64_t size[ORR_MAX_RANK];
  memcpy(size, x->size, sizeof size);
  size[x->rank - 1] = last;
  return orr_out(c, 0, x->dtype, x->rank, size);
}

// ------------------------------------------------------------ y = x W' + b

static bool made_linear_shape(orr_call *c) {
  const orr_tensor *b = c->x[4];
  char s[128];
  if (!want_last(c, 0, 2) || !orr_want_rank(c, 3, 1) || !want_weight(c, 1))
    return false;
  const int64_t n = c->x[3]->size[0];
  if (b && (b->rank != 1 || b->size[0] != n))
    return orr_fail(c, "bias is %s; it must be [%lld]",
                    orr_shape_text(b, s, sizeof s), (long long)n);
  return out_rows(c, n);
}

static bool made_linear_forward(orr_call *c) {
  const orr_made m = made_of(c->x[0], c->x[2], c->x[3]);
  return orr_made_linear(c->y[0]->dtype, &m, orr_data(c->x[0]),
                         orr_data(c->x[1]), data_of(c->x[4]),
                         orr_data(c->y[0]));
}

static void made_linear_vjp(orr_vjp *v) {
  orr_tensor *in = v->x[2], *out = v->x[3];
  if (v->needs[0]) v->gx[0] = ORR(made_linear_dx, v->gy, v->x[1], in, out);
  if (v->needs[1]) v->gx[1] = ORR(made_linear_dw, v->gy, v->x[0], in, out);
  if (v->x[4] && v->needs[4]) v->gx[4] = v->gy;  // summed to [N] by the pass
}

ORR_DEFINE_OP(
    made_linear,
    .doc = "linear by a weight of which element [n, k] counts where "
           "out_degree[n] >= in_degree[k] and is 0 elsewhere: the masks of "
           "MADE (Germain et al. 2015). What they hide is not multiplied. "
           "nn.MaskedLinear finds the degrees of a mask.",
    .params = {{"x", .doc = "[..., K]"},
               {"weight", .doc = "[N, K]"},
               DEGREES,
               {"bias", .optional = true, .doc = "[N]"}},
    .shape = made_linear_shape, .forward = made_linear_forward,
    .vjp = made_linear_vjp, .flags = ORR_FUNCTIONAL, .torch = "",
    .samples = {
        "{ {3,4}, {5,4}, {4}, {5}, {5}, ints = { in_degree = {1,4}, "
        "out_degree = {0,5} } }",
        "{ {2,3,6}, {70,6}, {6}, {70}, ints = { in_degree = {-3,3}, "
        "out_degree = {-3,2} } }",
        "{ {6}, {3,6}, {6}, {3}, {3}, ints = { in_degree = {2,9}, "
        "out_degree = {0,3} } }",
        "{ {3,2}, {3,2}, {2}, {3}, ints = { in_degree = {5,5}, "
        "out_degree = {4,4} } }",
        "{ {0,2}, {3,2}, {2}, {3}, ints = { in_degree = {1,2}, "
        "out_degree = {1,2} } }",
        "{ {2,0}, {3,0}, {0}, {3}, {3}, ints = { in_degree = {1,2}, "
        "out_degree = {1,2} } }",
        "{ {2,3}, {4,3}, {2}, {4}, ints = { in_degree = {1,2}, out_degree = "
        "{1,2} }, error = 'made_linear: x is [2, 3] but in_degree is [2]; one "
        "degree per element of a row' }",
        "{ {2,3}, {3,4}, {3}, {4}, ints = { in_degree = {1,2}, out_degree = "
        "{1,2} }, error = 'made_linear: weight is [3, 4] but the degrees are "
        "of [4, 3]; match them' }",
        "{ {2,3}, {4,3}, {3}, {4}, {3}, ints = { in_degree = {1,2}, "
        "out_degree = {1,2} }, error = 'made_linear: bias is [3]; it must be "
        "[4]' }"});

// ------------------------------------------------------------ gx = gy W

static bool made_linear_dx_shape(orr_call *c) {
  return want_last(c, 0, 3) && orr_want_rank(c, 2, 1) && want_weight(c, 1) &&
      out_rows(c, c->x[2]->size[0]);
}

static bool made_linear_dx_forward(orr_call *c) {
  const orr_made m = made_of(c->x[0], c->x[2], c->x[3]);
  return orr_made_linear_dx(c->y[0]->dtype, &m, orr_data(c->x[0]),
                            orr_data(c->x[1]), orr_data(c->y[0]));
}

static void made_linear_dx_vjp(orr_vjp *v) {
  orr_tensor *in = v->x[2], *out = v->x[3];
  if (v->needs[0]) v->gx[0] = ORR(made_linear, v->gy, v->x[1], in, out);
  if (v->needs[1]) v->gx[1] = ORR(made_linear_dw, v->x[0], v->gy, in, out);
}

ORR_DEFINE_OP(
    made_linear_dx, .doc = "made_linear's gradient to x.",
    .params = {{"gy"}, {"weight"}, DEGREES}, .shape = made_linear_dx_shape,
    .forward = made_linear_dx_forward, .vjp = made_linear_dx_vjp,
    .flags = ORR_HIDDEN,
    .samples = {
        "{ {3,5}, {5,4}, {4}, {5}, ints = { in_degree = {1,4}, "
        "out_degree = {0,5} } }",
        "{ {2,1,70}, {70,3}, {3}, {70}, ints = { in_degree = {1,3}, "
        "out_degree = {0,4} } }",
        "{ {2,0}, {0,3}, {3}, {0}, ints = { in_degree = {1,3}, "
        "out_degree = {0,4} } }",
        "{ {2,3}, {4,3}, {3}, {4}, ints = { in_degree = {1,2}, out_degree = "
        "{1,2} }, error = 'made_linear_dx: gy is [2, 3] but out_degree is "
        "[4]; one degree per element of a row' }"});

// ------------------------------------------------------------ gw = gy' x

static bool made_linear_dw_shape(orr_call *c) {
  char s[128], t[128];
  const orr_tensor *gy = c->x[0], *x = c->x[1];
  if (!want_last(c, 0, 3) || !want_last(c, 1, 2)) return false;
  bool same = gy->rank == x->rank;
  for (int a = 0; same && a < x->rank - 1; a++)
    same = gy->size[a] == x->size[a];
  if (!same)
    return orr_fail(c,
                    "gy is %s but x is %s; all but their last axes must be "
                    "alike",
                    orr_shape_text(gy, s, sizeof s),
                    orr_shape_text(x, t, sizeof t));
  const int64_t size[2] = {c->x[3]->size[0], c->x[2]->size[0]};
  return orr_out(c, 0, x->dtype, 2, size);
}

static bool made_linear_dw_forward(orr_call *c) {
  const orr_made m = made_of(c->x[0], c->x[2], c->x[3]);
  return orr_made_linear_dw(c->y[0]->dtype, &m, orr_data(c->x[0]),
                            orr_data(c->x[1]), orr_data(c->y[0]));
}

static void made_linear_dw_vjp(orr_vjp *v) {
  orr_tensor *in = v->x[2], *out = v->x[3];
  if (v->needs[0]) v->gx[0] = ORR(made_linear, v->x[1], v->gy, in, out);
  if (v->needs[1]) v->gx[1] = ORR(made_linear_dx, v->x[0], v->gy, in, out);
}

ORR_DEFINE_OP(
    made_linear_dw, .doc = "made_linear's gradient to the weight.",
    .params = {{"gy"}, {"x"}, DEGREES}, .shape = made_linear_dw_shape,
    .forward = made_linear_dw_forward, .vjp = made_linear_dw_vjp,
    .flags = ORR_HIDDEN,
    .samples = {
        "{ {3,5}, {3,4}, {4}, {5}, ints = { in_degree = {1,4}, "
        "out_degree = {0,5} } }",
        "{ {2,1,70}, {2,1,3}, {3}, {70}, ints = { in_degree = {1,3}, "
        "out_degree = {0,4} } }",
        "{ {0,5}, {0,4}, {4}, {5}, ints = { in_degree = {1,4}, "
        "out_degree = {0,5} } }",
        "{ {2,4}, {3,3}, {3}, {4}, ints = { in_degree = {1,2}, out_degree = "
        "{1,2} }, error = 'made_linear_dw: gy is [2, 4] but x is [3, 3]; all "
        "but their last axes must be alike' }"});
