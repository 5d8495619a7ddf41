// row_norm_loops.h -- the loops of row_norm.c for one element type: T the type
// and F(NAME) the name with its suffix.

// Lanes meet pairwise.
ORR_INLINE double F(meet)(T *lane) {
  _Pragma("GCC unroll 8") for (int half = LANES / 2; half;
                               half /= 2) for (int k = 0; k < half; k++)
      lane[k] += lane[k + half];
  return (double)lane[0];
}

// Sums of (x - mu) and of its squares, BLOCK values at a time in lanes of T.
ORR_INLINE void F(powers)(const T *restrict x, int64_t n, T mu, double *sum,
                          double *squares) {
  *sum = *squares = 0;
  for (int64_t at = 0; at < n; at += BLOCK) {
    const int64_t m = n - at < BLOCK ? n - at : BLOCK;
    const T *v = x + at;
    T s[LANES] = {0}, q[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= m; i += LANES)
      for (int k = 0; k < LANES; k++) {
        const T d = v[i + k] - mu;
        s[k] += d;
        q[k] += d * d;
      }
    *sum += F(meet)(s);
    *squares += F(meet)(q);
    for (; i < m; i++) {
      const double d = (double)(v[i] - mu);
      *sum += d;
      *squares += d * d;
    }
  }
}

// Sums of g and of g (x - mu).
ORR_INLINE void F(products)(const T *restrict g, const T *restrict x, int64_t n,
                            T mu, double *sum, double *product) {
  *sum = *product = 0;
  for (int64_t at = 0; at < n; at += BLOCK) {
    const int64_t m = n - at < BLOCK ? n - at : BLOCK;
    const T *u = g + at, *v = x + at;
    T s[LANES] = {0}, p[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= m; i += LANES)
      for (int k = 0; k < LANES; k++) {
        s[k] += u[i + k];
        p[k] += u[i + k] * (v[i + k] - mu);
      }
    *sum += F(meet)(s);
    *product += F(meet)(p);
    for (; i < m; i++) {
      *sum += (double)u[i];
      *product += (double)(u[i] * (v[i] - mu));
    }
  }
}

// The same of g w, while gweight += g (x - mu) a and gbias += g.
ORR_CLONES __attribute__((noinline)) static void F(weighed)(
    const T *restrict g, const T *restrict x, const T *restrict w, int64_t n,
    T mu, T a, T *restrict gweight, T *restrict gbias, double *sum,
    double *product) {
  *sum = *product = 0;
  for (int64_t at = 0; at < n; at += BLOCK) {
    const int64_t m = n - at < BLOCK ? n - at : BLOCK;
    T s[LANES] = {0}, p[LANES] = {0};
    int64_t i = at;
    for (; i + LANES <= at + m; i += LANES)
      for (int k = 0; k < LANES; k++) {
        const T d = x[i + k] - mu, v = g[i + k], u = v * w[i + k];
        s[k] += u;
        p[k] += u * d;
        gweight[i + k] += v * (d * a);
        gbias[i + k] += v;
      }
    *sum += F(meet)(s);
    *product += F(meet)(p);
    for (; i < at + m; i++) {
      const T d = x[i] - mu, u = g[i] * w[i];
      *sum += (double)u;
      *product += (double)(u * d);
      gweight[i] += g[i] * (d * a);
      gbias[i] += g[i];
    }
  }
}

// Of some rows together, so that the roots do not wait for one another. By
// deviations from the first value, or, where that lies far out, which would
// cost digits, from the mean that they give.
ORR_INLINE void F(moments)(const job *j, const T *x, int rows, T *mu,
                           double *inverse) {
  const int64_t n = j->s->parts * j->s->pixels;
  double off[TOGETHER], var[TOGETHER];
  for (int r = 0; r < rows; r++) {
    double sum, squares;
    F(powers)(x + r * n, n, x[r * n], &sum, &squares);
    off[r] = sum * j->share;
    var[r] = squares * j->share - off[r] * off[r];
  }
  for (int r = 0; r < rows; r++) {
    mu[r] = (T)((double)x[r * n] + off[r]);
    if (!(off[r] * off[r] > 4 * var[r])) continue;
    double sum, squares;
    F(powers)(x + r * n, n, mu[r], &sum, &squares);
    const double rest = sum * j->share;
    var[r] = squares * j->share - rest * rest;
    mu[r] = (T)((double)mu[r] + rest);
  }
  for (int r = 0; r < rows; r++)
    inverse[r] = 1 / sqrt((var[r] < 0 ? 0 : var[r]) + j->s->eps);
}

ORR_INLINE void F(scale)(const T *restrict x, int64_t n, T mu, T a, T shift,
                         T *restrict y) {
  for (int64_t i = 0; i < n; i++) y[i] = (x[i] - mu) * a + shift;
}
ORR_CLONES __attribute__((noinline)) static void F(scale_each)(
    const T *restrict x, int64_t n, T mu, T a, const T *restrict w,
    const T *restrict b, T *restrict y) {
  for (int64_t i = 0; i < n; i++) y[i] = (x[i] - mu) * a * w[i] + b[i];
}

ORR_INLINE void F(slope)(const T *restrict gy, const T *restrict x, int64_t n,
                         T mu, T a, T w, T level, T tilt, T *restrict gx) {
  for (int64_t i = 0; i < n; i++)
    gx[i] = a * (gy[i] * w - level - (x[i] - mu) * tilt);
}
ORR_CLONES __attribute__((noinline)) static void F(slope_each)(
    const T *restrict gy, const T *restrict x, int64_t n, T mu, T a,
    const T *restrict w, T level, T tilt, T *restrict gx) {
  for (int64_t i = 0; i < n; i++)
    gx[i] = a * (gy[i] * w[i] - level - (x[i] - mu) * tilt);
}

ORR_INLINE void F(row)(const job *j, int64_t row, T mu, double inverse) {
  const orr_row_norm_shape *s = j->s;
  const int64_t n = s->parts * s->pixels, c = row % s->groups * s->parts;
  const T *x = (const T *)j->x + row * n;
  const T *w = (const T *)j->weight + c, *b = (const T *)j->bias + c;
  T *y = (T *)j->y + row * n;
  if (s->pixels == 1) {
    F(scale_each)(x, n, mu, (T)inverse, w, b, y);
    return;
  }
  for (int64_t k = 0; k < s->parts; k++, x += s->pixels, y += s->pixels)
    F(scale)(x, s->pixels, mu, (T)(inverse * (double)w[k]), b[k], y);
}

// Sums of the row's u and u (x - mu); adds to gweight and gbias.
ORR_INLINE void F(row_sums)(const job *j, const T *gy, const T *x, const T *w,
                            T mu, double inverse, T *gweight, T *gbias,
                            double *sum, double *product) {
  const orr_row_norm_shape *s = j->s;
  if (s->pixels == 1) {
    F(weighed)
    (gy, x, w, s->parts, mu, (T)inverse, gweight, gbias, sum, product);
    return;
  }
  *sum = *product = 0;
  for (int64_t k = 0; k < s->parts; k++, gy += s->pixels, x += s->pixels) {
    double of_part, by_part;
    F(products)(gy, x, s->pixels, mu, &of_part, &by_part);
    *sum += (double)w[k] * of_part;
    *product += (double)w[k] * by_part;
    gweight[k] += (T)(by_part * inverse);
    gbias[k] += (T)of_part;
  }
}

ORR_INLINE void F(row_dx)(const job *j, int64_t row, T mu, double inverse,
                          T *sums) {
  const orr_row_norm_shape *s = j->s;
  const int64_t n = s->parts * s->pixels, c = row % s->groups * s->parts;
  const T *x = (const T *)j->x + row * n, *gy = (const T *)j->gy + row * n;
  const T *w = (const T *)j->weight + c;
  T *gx = (T *)j->y + row * n;
  double sum, product;
  F(row_sums)
  (j, gy, x, w, mu, inverse, sums + c, sums + s->groups * s->parts + c, &sum,
   &product);
  const T a = (T)inverse, level = (T)(sum * j->share);
  const T tilt = (T)(product * j->share * inverse * inverse);
  if (s->pixels == 1) {
    F(slope_each)(gy, x, n, mu, a, w, level, tilt, gx);
    return;
  }
  for (int64_t k = 0; k < s->parts; k++) {
    const int64_t at = k * s->pixels;
    F(slope)(gy + at, x + at, s->pixels, mu, a, w[k], level, tilt, gx + at);
  }
}

ORR_CLONES static void F(rows)(void *context, int64_t chunk) {
  const job *j = context;
  const int64_t begin = chunk * j->rows, all = j->s->n * j->s->groups;
  const int64_t end = begin + j->rows < all ? begin + j->rows : all;
  const int64_t channels = j->s->groups * j->s->parts;
  T *sums = j->gy ? (T *)j->sums + chunk * 2 * channels : NULL;
  if (sums) memset(sums, 0, (size_t)(2 * channels) * sizeof *sums);
  const int64_t n = j->s->parts * j->s->pixels;
  const int most = n < TOGETHER * 512 ? TOGETHER : 1;
  for (int64_t row = begin; row < end && !orr_stopping(); row += most) {
    const int rows = end - row < most ? (int)(end - row) : most;
    T mu[TOGETHER];
    double inverse[TOGETHER];
    F(moments)(j, (const T *)j->x + row * n, rows, mu, inverse);
    for (int r = 0; r < rows; r++)
      if (j->gy)
        F(row_dx)(j, row + r, mu[r], inverse[r], sums);
      else
        F(row)(j, row + r, mu[r], inverse[r]);
  }
}

// The chunks' sums of gweight and gbias meet in their order.
static void F(join)(void *context, int64_t begin, int64_t end) {
  const job *j = context;
  const int64_t channels = j->s->groups * j->s->parts;
  for (int64_t c = begin; c < end; c++) {
    double sum = 0;
    for (int64_t k = 0; k < j->chunks; k++)
      sum += (double)((const T *)j->sums)[k * 2 * channels + c];
    if (c < channels)
      ((T *)j->gweight)[c] = (T)sum;
    else
      ((T *)j->gbias)[c - channels] = (T)sum;
  }
}

static void F(fill)(T *ones, T *zeros, int64_t n) {
  for (int64_t i = 0; i < n; i++) ones[i] = 1, zeros[i] = 0;
}
