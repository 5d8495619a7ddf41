// activation.c -- the usual activations of networks, elementwise.
#include "pointwise.h"

#define FLAGS (ORR_STRIDED_OK | ORR_INPLACE)

// v->gy where the mask is 1, else gy * slope.
static orr_tensor *gate(orr_vjp *v, orr_tensor *mask, orr_tensor *otherwise) {
  return ORR(where, mask, v->gy, otherwise);
}

LOOPS1(relu, x > 0 ? x : x != x ? x : 0)

static void relu_vjp(orr_vjp *v) { v->gx[0] = ORR(relu_dx, v->gy, v->y[0]); }

ORR_DEFINE_OP(relu,
              .doc = "Rectifier max(x, 0), elementwise. The gradient at 0 is 0.",
              .params = {{"x", .want = ORR_WANT_ANY}}, .shape = unary_shape,
              .forward = relu_forward, .vjp = relu_vjp,
              .flags = FLAGS | ORR_DROPS_X | ORR_KEEPS_Y,
              .samples = {"{ {3,4}, low = 0.1 }",
                          "{ {2,3}, low = -2, high = -0.1 }", "{ {0,4} }",
                          "{ {3,4}, ints = { x = {-9,9} } }"});

ORR_MAP1(leaky_relu, ORR_GRAIN_CHEAP, x > 0 ? x : x * b0)

// Where the slope is not negative y has x's sign, and often lives on anyway.
static bool keeps_sign(const double *attr) { return attr[0] >= 0; }

static void leaky_relu_vjp(orr_vjp *v) {
  orr_tensor *z = keeps_sign(v->attr) ? v->y[0] : v->x[0];
  v->gx[0] = ORR(leaky_relu_dx, v->gy, z, .attr = {v->attr[0]});
}

ORR_DEFINE_OP(leaky_relu,
              .torch = "torch.nn.functional.leaky_relu",
              .doc = "x where positive, else negative_slope * x, elementwise.",
              .params = {{"x"}, {"negative_slope", ORR_NUM, .def = 0.01,
                                 .doc = "factor below 0"}},
              .shape = unary_shape, .forward = leaky_relu_forward,
              .vjp = leaky_relu_vjp, .flags = FLAGS, .by_result = keeps_sign,
              .samples = {"{ {3,4}, low = 0.1 }",
                          "{ {6}, negative_slope = 0.2, low = -3, high = -1 }",
                          "{ {6}, negative_slope = -0.5, low = -3, high = -1 }",
                          "{ {0,4} }"});

ORR_MAP1(elu, ORR_GRAIN_DEAR, x > 0 ? x : b0 * v_expm1(x))

static void elu_vjp(orr_vjp *v) {
  v->gx[0] = ORR(elu_dx, v->gy, v->x[0], .attr = {v->attr[0]});
}

ORR_DEFINE_OP(elu,
              .torch = "torch.nn.functional.elu",
              .doc = "x where positive, else alpha * (e^x - 1), elementwise "
                     "(Clevert et al. 2016).",
              .params = {{"x"}, {"alpha", ORR_NUM, .def = 1,
                                 .doc = "limit far below 0, negated"}},
              .shape = unary_shape, .forward = elu_forward, .vjp = elu_vjp,
              .flags = FLAGS,
              .samples = {"{ {3,4}, low = 0.1 }",
                          "{ {6}, alpha = 0.5, low = -3, high = -0.1 }",
                          "{ {0,4} }"});

// x Phi(x), Phi the standard normal distribution function.
#define GELU                 \
  x *V_FLOAT(x, 0.5f, 0.5) * \
      (1 + v_erf(x * V_FLOAT(x, 0.70710678f, 0.70710678118654752)))
ORR_LOOP1(gelu_f32, float, float, GELU)
ORR_LOOP1(gelu_f64, double, double, GELU)

// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
#define GELU_TANH                                             \
  x *V_FLOAT(x, 0.5f, 0.5) *                                  \
      (1 +                                                    \
       v_tanh(x *                                             \
              (V_FLOAT(x, 0.79788456f, 0.79788456080286536) + \
               V_FLOAT(x, 0.035677408f, 0.035677408136300125) * x * x)))
ORR_LOOP1(gelu_tanh_f32, float, float, GELU_TANH)
ORR_LOOP1(gelu_tanh_f64, double, double, GELU_TANH)

static bool gelu_forward(orr_call *c) {
  const bool wide = c->x[0]->dtype == ORR_F64;
  orr_loop *loop = wide ? gelu_f64 : gelu_f32;
  if (c->attr[0] != 0) loop = wide ? gelu_tanh_f64 : gelu_tanh_f32;
  return orr_run_loop(c, loop, ORR_GRAIN_DEAR);
}

static void gelu_vjp(orr_vjp *v) {
  v->gx[0] = v->attr[0] != 0 ? ORR(gelu_tanh_dx, v->gy, v->x[0])
                             : ORR(gelu_dx, v->gy, v->x[0]);
}

ORR_DEFINE_OP(gelu,
    .torch = "torch.nn.functional.gelu",
    .doc = "Gaussian error linear unit x Phi(x), elementwise (Hendrycks & "
           "Gimpel 2016): exact, or with tanh in place of erf.",
    .params = {{"x"},
        {"approximate", ORR_CHOICE, .choices = "none|tanh",
         .doc = "\"tanh\": within 5e-4 of the exact form"}},
    .shape = unary_shape, .forward = gelu_forward, .vjp = gelu_vjp,
    .flags = FLAGS,
    .samples = {"{ {3,4}, low = -3, high = 3 }", "{ {0,4} }",
        "{ {3,4}, approximate = 'tanh', low = -3, high = 3 }",
        "{ {6}, approximate = 'tanh', low = -400, high = 400 }",
        "{ {2}, approximate = 'erf', error = "
        "'gelu: approximate is \"erf\"; use one of: none, tanh' }"});

ORR_MAP1(silu, ORR_GRAIN_DEAR, x *v_sigmoid(x))

static void silu_vjp(orr_vjp *v) { v->gx[0] = ORR(silu_dx, v->gy, v->x[0]); }

ORR_DEFINE_OP(silu,
              .torch = "torch.nn.functional.silu",
              .doc = "x sigmoid(x), elementwise (also called swish).",
              .params = {{"x"}}, .shape = unary_shape, .forward = silu_forward,
              .vjp = silu_vjp, .flags = FLAGS,
              .samples = {"{ {3,4}, low = -3, high = 3 }", "{ {0,4} }"});

ORR_MAP1(sigmoid, ORR_GRAIN_DEAR, v_sigmoid(x))

static void sigmoid_vjp(orr_vjp *v) {
  v->gx[0] = ORR(sigmoid_dx, v->gy, v->y[0]);
}

ORR_DEFINE_OP(sigmoid,
              .doc = "Logistic function 1 / (1 + e^-x), elementwise; never "
                     "overflows.",
              .params = {{"x"}}, .shape = unary_shape,
              .forward = sigmoid_forward, .vjp = sigmoid_vjp,
              .flags = FLAGS | ORR_DROPS_X | ORR_KEEPS_Y | ORR_INT_TO_FLOAT,
              .samples = {"{ {3,4}, low = -3, high = 3 }", "{ {0,4} }",
                          "{ {6}, low = -400, high = 400 }"});

static bool softplus_shape(orr_call *c) {
  if (!(c->attr[0] > 0))
    return orr_fail(c, "beta is %g; it must be > 0", c->attr[0]);
  return unary_shape(c);
}

// log(1 + e^z) overflows in float32 from z = 89; max(z,0) + log1p(e^-|z|)
// is the same function and never does.
ORR_MAP1(softplus, ORR_GRAIN_DEAR, v_softplus(b0 *x) / b0)

static void softplus_vjp(orr_vjp *v) {
  v->gx[0] = ORR(softplus_dx, v->gy, v->x[0], .attr = {v->attr[0]});
}

ORR_DEFINE_OP(softplus,
              .torch = "torch.nn.functional.softplus",
              .doc = "Smooth rectifier: log(1 + exp(beta * x)) / beta, "
                     "elementwise.",
              .params = {{"x"}, {"beta", ORR_NUM, .def = 1,
                                 .doc = "sharpness, > 0"}},
              .shape = softplus_shape, .forward = softplus_forward,
              .vjp = softplus_vjp, .flags = FLAGS,
              .samples = {"{ {3,4} }", "{ {2,1,3}, beta = 2.5 }", "{ {0,4} }",
                          "{ {6}, low = -400, high = 400 }",
                          "{ {4}, beta = 0, error = 'softplus: beta is 0; it "
                          "must be > 0' }"});

ORR_MAP1(logsigmoid, ORR_GRAIN_DEAR, -v_softplus(-x))

static void logsigmoid_vjp(orr_vjp *v) {
  v->gx[0] = times(v, ORR(sigmoid, ORR(neg, v->x[0])));
}

ORR_DEFINE_OP(logsigmoid,
              .torch = "torch.nn.functional.logsigmoid",
              .doc = "log(sigmoid(x)), elementwise; never overflows.",
              .params = {{"x"}}, .shape = unary_shape,
              .forward = logsigmoid_forward, .vjp = logsigmoid_vjp,
              .flags = FLAGS,
              .samples = {"{ {3,4}, low = -3, high = 3 }", "{ {0,4} }",
                          "{ {6}, low = -400, high = 400 }"});

static bool hardtanh_shape(orr_call *c) {
  if (!(c->attr[0] < c->attr[1]))
    return orr_fail(c, "min_val is %g but max_val is %g; min_val must be less",
                    c->attr[0], c->attr[1]);
  const orr_dtype d = c->x[0]->dtype;
  for (int i = 0; i < 2 && !orr_dtype_is_float(d); i++) {
    if (orr_is_whole(c->attr[i])) continue;
    return orr_fail(c, "%s is %g but x is %s; use a whole number, or x:float()",
                    i ? "max_val" : "min_val", c->attr[i], orr_dtype_name(d));
  }
  return unary_shape(c);
}

static void hardtanh_vjp(orr_vjp *v) {
  orr_tensor *x = v->x[0];
  orr_tensor *inside = ORR(mul, ORR(gt, x, orr_num(x, v->attr[0])),
                           ORR(lt, x, orr_num(x, v->attr[1])));
  v->gx[0] = gate(v, inside, orr_num(v->gy, 0));
}

ORR_DEFINE_OP(hardtanh,
              .torch = "torch.nn.functional.hardtanh",
              .doc = "x limited to [min_val, max_val], elementwise.",
              .params = {{"x", .want = ORR_WANT_ANY},
                         {"min_val", ORR_NUM, .def = -1, .doc = "lower limit"},
                         {"max_val", ORR_NUM, .def = 1, .doc = "upper limit"}},
              .shape = hardtanh_shape, .forward = orr_clamp_forward,
              .vjp = hardtanh_vjp, .flags = FLAGS,
              .samples = {"{ {3,4}, low = -0.9, high = 0.9 }",
                          "{ {6}, low = 1.5, high = 3 }", "{ {0,4} }",
                          "{ {9}, ints = { x = {-3,3} } }",
                          "{ {9}, ints = { x = {-3,3} }, max_val = 0.5, error "
                          "= 'hardtanh: max_val is 0.5 but x is int64; use a "
                          "whole number, or x:float()' }",
                          "{ {4}, min_val = 1, error = 'hardtanh: min_val is 1 "
                          "but max_val is 1; min_val must be less' }"});
