// norm_loops.h -- the loops of norm.c for one element type: T the type and
// F(NAME) the name with its suffix. A chunk is a range of channels.

// Adds one image's share of a channel, in double: element i goes to lane
// i % LANES, of (x - shift) and of (x - shift) * (z - other).
ORR_CLONES static void F(add_sums)(const T *restrict x, const T *restrict z,
                                   int64_t n, double shift, double other,
                                   double *restrict sum,
                                   double *restrict product) {
  for (; n >= LANES; n -= LANES, x += LANES, z += LANES)
    for (int k = 0; k < LANES; k++) {
      const double a = (double)x[k] - shift;
      sum[k] += a;
      product[k] += a * ((double)z[k] - other);
    }
  for (int64_t k = 0; k < n; k++) {
    const double a = (double)x[k] - shift;
    sum[k] += a;
    product[k] += a * ((double)z[k] - other);
  }
}

// Lanes meet pairwise.
ORR_CLONES static double F(meet)(double *lane) {
  _Pragma("GCC unroll 8") for (int half = LANES / 2; half;
                               half /= 2) for (int k = 0; k < half; k++)
      lane[k] += lane[k + half];
  return lane[0];
}

// sum and product over all images of a channel.
static void F(channel_sums)(const orr_norm *g, int64_t channel, const T *x,
                            const T *z, double shift, double other, double *sum,
                            double *product) {
  double s[LANES] = {0}, p[LANES] = {0};
  for (int64_t i = 0; i < g->n && !orr_interrupted(); i++) {
    const int64_t at = (i * g->channels + channel) * g->pixels;
    F(add_sums)(x + at, z + at, g->pixels, shift, other, s, p);
  }
  *sum = F(meet)(s);
  *product = F(meet)(p);
}

// One pass over x - x0, x0 the first value: it is at most sqrt(m) deviations
// from the mean, as it is one of the m values, so the difference of squares
// loses less than a factor m of double's precision.
static void F(statistics)(const orr_norm *g, int64_t channel, const T *x,
                          double *mean, double *var) {
  const double m = (double)(g->n * g->pixels);
  const double x0 = m > 0 ? (double)x[channel * g->pixels] : 0;
  double sum, squares;
  F(channel_sums)(g, channel, x, x, x0, x0, &sum, &squares);
  *mean = x0 + sum / m;
  *var = (squares - sum * (sum / m)) / m;
  if (*var < 0) *var = 0;
}

ORR_CLONES static void F(normalise)(const T *restrict x, int64_t n, T mu, T a,
                                    T shift, T *restrict y) {
  for (int64_t i = 0; i < n; i++) y[i] = (x[i] - mu) * a + shift;
}

ORR_CLONES static void F(denormalise)(const T *restrict gy, const T *restrict x,
                                      int64_t n, T mu, T a, T level, T slope,
                                      T *restrict gx) {
  for (int64_t i = 0; i < n; i++)
    gx[i] = a * (gy[i] - level - (x[i] - mu) * slope);
}

static void F(forward)(const job *j, int64_t channel) {
  const orr_norm *g = j->g;
  const T *x = j->x, *w = j->weight, *b = j->bias;
  double mean, var;
  F(statistics)(g, channel, x, &mean, &var);
  ((T *)j->mean)[channel] = (T)mean;
  ((T *)j->var)[channel] = (T)var;
  const double inverse = 1 / sqrt(var + g->eps);
  const double scale = w ? inverse * (double)w[channel] : inverse;
  const T mu = (T)mean, a = (T)scale, shift = b ? b[channel] : 0;
  for (int64_t i = 0; i < g->n; i++) {
    const int64_t at = (i * g->channels + channel) * g->pixels;
    F(normalise)(x + at, g->pixels, mu, a, shift, (T *)j->y + at);
  }
}

static void F(backward)(const job *j, int64_t channel) {
  const orr_norm *g = j->g;
  const T *gy = j->gy, *x = j->x, *w = j->weight;
  const double m = (double)(g->n * g->pixels);
  double mean, var, gbias, products;
  F(statistics)(g, channel, x, &mean, &var);
  const double inverse = 1 / sqrt(var + g->eps);
  F(channel_sums)(g, channel, gy, x, 0, mean, &gbias, &products);
  const double gweight = products * inverse;
  ((T *)j->gweight)[channel] = (T)gweight;
  ((T *)j->gbias)[channel] = (T)gbias;
  const T mu = (T)mean, a = (T)(w ? inverse * (double)w[channel] : inverse);
  const T level = (T)(gbias / m), slope = (T)(gweight / m * inverse);
  for (int64_t i = 0; i < g->n; i++) {
    const int64_t at = (i * g->channels + channel) * g->pixels;
    F(denormalise)
    (gy + at, x + at, g->pixels, mu, a, level, slope, (T *)j->y + at);
  }
}

static void F(channels)(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  for (int64_t c = begin; c < end; c++)
    if (j->gy)
      F(backward)(j, c);
    else
      F(forward)(j, c);
}
