// pool_loops.h -- the loops of pool.c for one element type: T the type and
// F(NAME) the name with its suffix. Each does planes [begin, end).

static void F(max_pool)(const job *j, int64_t begin, int64_t end) {
  const orr_pool *g = j->g;
  for (int64_t p = begin; p < end; p++) {
    const T *x = (const T *)j->from + p * g->h * g->w;
    T *y = (T *)j->to + p * g->oh * g->ow;
    int64_t *position = j->index + p * g->oh * g->ow;
    for (int64_t oy = 0; oy < g->oh; oy++) {
      const span r = taps(oy * g->sh - g->ph, g->kh, g->dh, g->h);
      for (int64_t ox = 0; ox < g->ow; ox++) {
        const span c = taps(ox * g->sw - g->pw, g->kw, g->dw, g->w);
        T best = (T)-INFINITY;
        int64_t at = 0;
        for (int64_t iy = r.first; iy < r.end; iy += g->dh)
          for (int64_t ix = c.first; ix < c.end; ix += g->dw) {
            const T v = x[iy * g->w + ix];
            if (at == 0 || v > best || (v != v && best == best)) {
              best = v;
              at = iy * g->w + ix + 1;
            }
          }
        *y++ = best;
        *position++ = at;
      }
    }
  }
}

static void F(unpool)(const job *j, int64_t begin, int64_t end) {
  const int64_t pixels = j->g->h * j->g->w, n = j->g->oh * j->g->ow;
  for (int64_t p = begin; p < end; p++) {
    const T *y = (const T *)j->from + p * n;
    const int64_t *position = j->index + p * n;
    T *x = (T *)j->to + p * pixels;
    for (int64_t i = 0; i < pixels; i++) x[i] = 0;
    for (int64_t i = 0; i < n; i++)
      if (position[i] >= 1 && position[i] <= pixels) x[position[i] - 1] += y[i];
  }
}

static void F(pool_at)(const job *j, int64_t begin, int64_t end) {
  const int64_t pixels = j->g->h * j->g->w, n = j->g->oh * j->g->ow;
  for (int64_t p = begin; p < end; p++) {
    const T *x = (const T *)j->from + p * pixels;
    const int64_t *position = j->index + p * n;
    T *y = (T *)j->to + p * n;
    for (int64_t i = 0; i < n; i++)
      y[i] = position[i] >= 1 && position[i] <= pixels ? x[position[i] - 1] : 0;
  }
}

static void F(avg_pool)(const job *j, int64_t begin, int64_t end) {
  const orr_pool *g = j->g;
  for (int64_t p = begin; p < end; p++) {
    const T *x = (const T *)j->from + p * g->h * g->w;
    T *y = (T *)j->to + p * g->oh * g->ow;
    for (int64_t oy = 0; oy < g->oh; oy++)
      for (int64_t ox = 0; ox < g->ow; ox++) {
        const window v = window_at(g, oy, ox);
        double sum = 0;
        for (int64_t iy = v.y0; iy < v.y1; iy++)
          for (int64_t ix = v.x0; ix < v.x1; ix++)
            sum += (double)x[iy * g->w + ix];
        *y++ = (T)(sum / v.divisor);
      }
  }
}

static void F(avg_pool_dx)(const job *j, int64_t begin, int64_t end) {
  const orr_pool *g = j->g;
  for (int64_t p = begin; p < end; p++) {
    const T *y = (const T *)j->from + p * g->oh * g->ow;
    T *x = (T *)j->to + p * g->h * g->w;
    for (int64_t i = 0; i < g->h * g->w; i++) x[i] = 0;
    for (int64_t oy = 0; oy < g->oh; oy++)
      for (int64_t ox = 0; ox < g->ow; ox++) {
        const window v = window_at(g, oy, ox);
        const T share = (T)((double)*y++ / v.divisor);
        for (int64_t iy = v.y0; iy < v.y1; iy++)
          for (int64_t ix = v.x0; ix < v.x1; ix++) x[iy * g->w + ix] += share;
      }
  }
}

static void F(upsample)(const job *j, int64_t begin, int64_t end) {
  const orr_pool *g = j->g;
  for (int64_t row = begin * g->h; row < end * g->h; row++) {
    const T *x = (const T *)j->from + row * g->w;
    T *y = (T *)j->to + row * g->kh * g->ow;
    if (g->kw == 2)
      for (int64_t i = 0; i < g->w; i++) y[2 * i] = y[2 * i + 1] = x[i];
    else
      for (int64_t i = 0; i < g->w; i++)
        for (int64_t k = 0; k < g->kw; k++) y[i * g->kw + k] = x[i];
    for (int64_t k = 1; k < g->kh; k++)
      for (int64_t i = 0; i < g->ow; i++) y[k * g->ow + i] = y[i];
  }
}

static void F(upsample_dx)(const job *j, int64_t begin, int64_t end) {
  const orr_pool *g = j->g;
  for (int64_t row = begin * g->h; row < end * g->h; row++) {
    const T *y = (const T *)j->from + row * g->kh * g->ow;
    T *x = (T *)j->to + row * g->w;
    for (int64_t i = 0; i < g->w; i++) {
      double sum = 0;
      for (int64_t a = 0; a < g->kh; a++)
        for (int64_t b = 0; b < g->kw; b++)
          sum += (double)y[a * g->ow + i * g->kw + b];
      x[i] = (T)sum;
    }
  }
}
