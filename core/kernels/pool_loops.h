// pool_loops.h -- the loops of pool.c for one element type: T the type and
// F(NAME) the name with its suffix. Each does planes [begin, end).

// One element of every window of an output row, compared with the largest so
// far, which a NaN replaces and keeps. Selections, no branches: pixels decide
// nothing a processor could foresee.
ORR_CLONES static void F(max_tap)(const T *restrict x, int64_t sw,
                                  int64_t first, int64_t end, int64_t at,
                                  T *restrict y, int64_t *restrict position) {
  for (int64_t ox = first; ox < end; ox++) {
    const T v = x[at + ox * sw], best = y[ox];
    const bool keep = (v <= best) | (best != best);
    y[ox] = keep ? best : v;
    position[ox] = keep ? position[ox] : at + ox * sw + 1;
  }
}

// Rows [i0, i1) of the windows of one output row; top is where they begin.
static void F(max_row)(const orr_pool *g, const T *x, int64_t top, T *y,
                       int64_t *position) {
  const int64_t i0 = steps_to(-top, g->dh, g->kh);
  const int64_t i1 = steps_to(g->h - top, g->dh, g->kh);
  const int64_t k1 = steps_to(g->w + g->pw, g->dw, g->kw);
  for (int64_t ox = 0; ox < g->ow; ox++) {
    y[ox] = (T)-INFINITY;
    position[ox] = 0;
  }
  for (int64_t i = i0; i < i1; i++)
    for (int64_t k = 0; k < k1; k++) {
      const int64_t shift = k * g->dw - g->pw;
      F(max_tap)
      (x, g->sw, steps_to(-shift, g->sw, g->ow),
       steps_to(g->w - shift, g->sw, g->ow), (top + i * g->dh) * g->w + shift,
       y, position);
    }
  for (int64_t ox = 0; ox < g->ow; ox++) {  // -inf is not larger than -inf
    const int64_t left = ox * g->sw - g->pw;
    const int64_t k = steps_to(-left, g->dw, g->kw);
    if (position[ox] == 0 && i0 < i1 && k < g->kw && left + k * g->dw < g->w)
      position[ox] = (top + i0 * g->dh) * g->w + left + k * g->dw + 1;
  }
}

static void F(max_pool)(const job *j, int64_t begin, int64_t end) {
  const orr_pool *g = j->g;
  for (int64_t p = begin; p < end; p++)
    for (int64_t oy = 0; oy < g->oh; oy++) {
      const int64_t row = (p * g->oh + oy) * g->ow;
      F(max_row)
      (g, (const T *)j->from + p * g->h * g->w, oy * g->sh - g->ph,
       (T *)j->to + row, j->index + row);
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
