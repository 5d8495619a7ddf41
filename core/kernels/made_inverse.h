// made_inverse.h -- the inverse of an affine autoregressive map by a masked
// net, each unit computed once: as soon as the inputs it sees are known.
//
//   z_i = x_i exp(s_i) + t_i,    t, s of the inputs of degree below i's
//
// Units of a layer are taken in order of degree. Of a block of degrees, what
// earlier blocks contribute is one product with a batch; the rest, inside the
// block, is finished degree by degree. So every weight that counts is used
// once per row, where a loop over whole passes uses it once per input.
#ifndef ORR_MADE_INVERSE_H
#define ORR_MADE_INVERSE_H
#include "../orrery.h"

enum { ORR_MADE_RELU, ORR_MADE_TANH, ORR_MADE_SIGMOID };

typedef struct orr_made_net {
  int64_t n, dims, context;  // rows; inputs solved for; inputs given (degree 0)
  int64_t hidden;            // layers
  const int64_t *size;       // [hidden], units
  const int64_t *degree;     // of the inputs, 1..dims; of each layer, 0..dims
  // Of each layer and of the outputs, t before s: [to, from], [to], end to
  // end; the first layer's columns are the context, then the inputs.
  const void *weights, *biases;
  int activation;
  double clamp;  // s within +- clamp
} orr_made_net;

// x [n, dims] and s as clamped [n, dims], from z [n, dims] and, if any, given
// [n, context]. False: no memory.
bool orr_made_inverse(orr_dtype d, const orr_made_net *net, const void *z,
                      const void *given, void *x, void *s);

#endif
