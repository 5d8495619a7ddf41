// optimisers.c -- the update loops of SGD, Adam, AdamW and RMSprop.
#include "optimisers.h"

#include <math.h>

#include "elementwise.h"

#define C(I) const T c##I = (T)c[I]

// Each body sees p, g and the state as restrict pointers of type T.
#define UPDATE(NAME, TYPE, SETUP, BODY)                                        \
  ORR_CLONES static void NAME(const orr_update *u, int64_t begin, int64_t end, \
                              const double *c) {                               \
    typedef TYPE T;                                                            \
    T *restrict p = (T *)u->param;                                             \
    const T *restrict grad = (const T *)u->grad;                               \
    T *restrict s0 = (T *)u->state[0];                                         \
    T *restrict s1 = (T *)u->state[1];                                         \
    T *restrict s2 = (T *)u->state[2];                                         \
    (void)s0, (void)s1, (void)s2;                                              \
    SETUP                                                                      \
    for (int64_t i = begin; i < end; i++) {                                    \
      BODY                                                                     \
    }                                                                          \
  }
#define BOTH(NAME, SETUP, ...)                  \
  UPDATE(NAME##_f32, float, SETUP, __VA_ARGS__) \
  UPDATE(NAME##_f64, double, SETUP, __VA_ARGS__)
#define PICK(NAME, D) ((D) == ORR_F32 ? NAME##_f32 : NAME##_f64)

// ---- SGD (Sutskever et al. 2013): c = lr, weight decay, momentum, 1 - damping

#define SGD_SETUP \
  C(0);           \
  C(1);           \
  C(2);           \
  C(3);           \
  (void)(c2 + c3);
BOTH(sgd, SGD_SETUP, p[i] -= c0 * (grad[i] + c1 * p[i]);)
BOTH(sgd_first, SGD_SETUP, const T g = grad[i] + c1 * p[i]; s0[i] = g;
     p[i] -= c0 * g;)
BOTH(sgd_momentum, SGD_SETUP, const T g = grad[i] + c1 * p[i];
     s0[i] = c2 * s0[i] + c3 * g; p[i] -= c0 * s0[i];)
BOTH(sgd_first_nesterov, SGD_SETUP, const T g = grad[i] + c1 * p[i]; s0[i] = g;
     p[i] -= c0 * (g + c2 * g);)
BOTH(sgd_nesterov, SGD_SETUP, const T g = grad[i] + c1 * p[i];
     s0[i] = c2 * s0[i] + c3 * g; p[i] -= c0 * (g + c2 * s0[i]);)

orr_update_fn *orr_sgd_update(const orr_sgd *o, bool first, orr_dtype d) {
  if (o->momentum == 0) return PICK(sgd, d);
  if (o->nesterov)
    return first ? PICK(sgd_first_nesterov, d) : PICK(sgd_nesterov, d);
  return first ? PICK(sgd_first, d) : PICK(sgd_momentum, d);
}

void orr_sgd_constants(const orr_sgd *o, double *c) {
  c[0] = o->lr;
  c[1] = o->weight_decay;
  c[2] = o->momentum;
  c[3] = 1 - o->dampening;
}

// ---- Adam: c = lr / (1 - beta1^t), 1 - beta1, beta2, 1 - beta2,
// sqrt(1 - beta2^t), eps, weight decay, 1 - lr * weight decay

#define ADAM_SETUP \
  C(0);            \
  C(1);            \
  C(2);            \
  C(3);            \
  C(4);            \
  C(5);            \
  C(6);            \
  C(7);            \
  (void)(c6 + c7);
#define ADAM_STEP                  \
  s0[i] += c1 * (g - s0[i]);       \
  s1[i] = c2 * s1[i] + c3 * g * g; \
  p[i] = w - c0 * s0[i] / (v_sqrt(s1[i]) / c4 + c5);
BOTH(adam, ADAM_SETUP, const T w = p[i]; const T g = grad[i] + c6 * w;
     ADAM_STEP)
BOTH(adamw, ADAM_SETUP, const T w = c7 * p[i]; const T g = grad[i]; ADAM_STEP)

orr_update_fn *orr_adam_update(const orr_adam *o, orr_dtype d) {
  return o->decoupled ? PICK(adamw, d) : PICK(adam, d);
}

void orr_adam_constants(const orr_adam *o, double *c) {
  c[0] = o->lr / (1 - pow(o->beta1, (double)o->step));
  c[1] = 1 - o->beta1;
  c[2] = o->beta2;
  c[3] = 1 - o->beta2;
  c[4] = sqrt(1 - pow(o->beta2, (double)o->step));
  c[5] = o->eps;
  c[6] = o->weight_decay;
  c[7] = 1 - o->lr * o->weight_decay;
}

// ---- RMSprop (Hinton 2012; centred: Graves 2013): c = lr, alpha, 1 - alpha,
// eps, weight decay, momentum

#define RMS_SETUP \
  C(0);           \
  C(1);           \
  C(2);           \
  C(3);           \
  C(4);           \
  C(5);           \
  (void)c5;
#define RMS_SQUARE                 \
  const T g = grad[i] + c4 * p[i]; \
  s0[i] = c1 * s0[i] + c2 * g * g;
#define RMS_CENTRED RMS_SQUARE s1[i] += c2 * (g - s1[i]);
// Rounding may leave a variance below 0 where it is nothing.
#define RMS_SPREAD(V) (v_sqrt((V) > 0 ? (V) : (V) != (V) ? (V) : 0) + c3)
BOTH(rms, RMS_SETUP, RMS_SQUARE p[i] -= c0 * g / RMS_SPREAD(s0[i]);)
BOTH(rms_momentum, RMS_SETUP,
     RMS_SQUARE s2[i] = c5 * s2[i] + g / RMS_SPREAD(s0[i]);
     p[i] -= c0 * s2[i];)
BOTH(rms_centred, RMS_SETUP,
     RMS_CENTRED p[i] -= c0 * g / RMS_SPREAD(s0[i] - s1[i] * s1[i]);)
BOTH(rms_centred_momentum, RMS_SETUP,
     RMS_CENTRED s2[i] = c5 * s2[i] + g / RMS_SPREAD(s0[i] - s1[i] * s1[i]);
     p[i] -= c0 * s2[i];)

orr_update_fn *orr_rmsprop_update(const orr_rmsprop *o, orr_dtype d) {
  if (o->centered)
    return o->momentum > 0 ? PICK(rms_centred_momentum, d)
                           : PICK(rms_centred, d);
  return o->momentum > 0 ? PICK(rms_momentum, d) : PICK(rms, d);
}

void orr_rmsprop_constants(const orr_rmsprop *o, double *c) {
  c[0] = o->lr;
  c[1] = o->alpha;
  c[2] = 1 - o->alpha;
  c[3] = o->eps;
  c[4] = o->weight_decay;
  c[5] = o->momentum;
}

// ---- clipping

#define LANES 16
#define SQUARE_SUM(NAME, T)                                \
  ORR_CLONES static double NAME(const T *x, int64_t n) {   \
    double lane[LANES] = {0}, sum = 0;                     \
    int64_t i = 0;                                         \
    for (; i + LANES <= n; i += LANES)                     \
      for (int j = 0; j < LANES; j++)                      \
        lane[j] += (double)x[i + j] * (double)x[i + j];    \
    for (; i < n; i++) sum += (double)x[i] * (double)x[i]; \
    for (int j = 0; j < LANES; j++) sum += lane[j];        \
    return sum;                                            \
  }
SQUARE_SUM(square_sum_f32, float)
SQUARE_SUM(square_sum_f64, double)

double orr_square_sum(orr_dtype d, const void *x, int64_t n) {
  return d == ORR_F32 ? square_sum_f32((const float *)x, n)
                      : square_sum_f64((const double *)x, n);
}

void orr_scale(orr_dtype d, void *x, int64_t n, double factor) {
  float *f = (float *)x, by = (float)factor;
  double *g = (double *)x;
  if (d == ORR_F32)
    for (int64_t i = 0; i < n; i++) f[i] *= by;
  else
    for (int64_t i = 0; i < n; i++) g[i] *= factor;
}
