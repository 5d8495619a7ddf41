// norm_loops.h -- the loops of norm.c for one element type: T the type and
// F(NAME) the name with its suffix. A chunk is a range of channels.

// Sums over one image's share of a channel, in double, in fixed lanes: of
// (x - shift) and of (x - shift) * (z - other).
static void F(add_sums)(const T *x, const T *z, int64_t n, double shift,
                        double other, double *sum, double *product) {
  enum { LANES = 8 };
  double s[LANES] = {0}, p[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) {
      const double a = (double)x[i + k] - shift;
      s[k] += a;
      p[k] += a * ((double)z[i + k] - other);
    }
  for (; i < n; i++) {
    const double a = (double)x[i] - shift;
    s[0] += a;
    p[0] += a * ((double)z[i] - other);
  }
  for (int k = 0; k < LANES; k++)
    *sum += s[k], *product += p[k];
}

// sum and product over all images of a channel.
static void F(channel_sums)(const orr_norm *g, int64_t channel, const T *x,
                            const T *z, double shift, double other, double *sum,
                            double *product) {
  *sum = *product = 0;
  for (int64_t i = 0; i < g->n && !orr_interrupted(); i++) {
    const int64_t at = (i * g->channels + channel) * g->pixels;
    F(add_sums)(x + at, z + at, g->pixels, shift, other, sum, product);
  }
}

// Two passes: the second's shift makes the sum of squares exact.
static void F(statistics)(const orr_norm *g, int64_t channel, const T *x,
                          double *mean, double *var) {
  const double m = (double)(g->n * g->pixels);
  double sum, squares;
  F(channel_sums)(g, channel, x, x, 0, 0, &sum, &squares);
  *mean = sum / m;
  F(channel_sums)(g, channel, x, x, *mean, *mean, &sum, &squares);
  *var = (squares - sum * (sum / m)) / m;
  if (*var < 0)
    *var = 0;
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
    const T *from = x + at;
    T *to = (T *)j->y + at;
    for (int64_t k = 0; k < g->pixels; k++)
      to[k] = (from[k] - mu) * a + shift;
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
    T *to = (T *)j->y + at;
    for (int64_t k = 0; k < g->pixels; k++)
      to[k] = a * (gy[at + k] - level - (x[at + k] - mu) * slope);
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
