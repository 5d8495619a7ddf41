// column_loops.h -- the loops of columns.c for one element type. Included once per
// type with T the type and F(NAME) the name with its suffix.
//
// A column matrix has a row per (channel, i, j) of the kernel and a column per
// output position: row (c, i, j) of column (oy, ox) stands for
//   x[c][oy sh - ph + i dh][ox sw - pw + j dw],   0 outside the image.

// Columns of output rows [r0, r1) of one image.
static void F(im2col)(const orr_conv *g, const T *restrict x, int64_t channels,
                      int64_t r0, int64_t r1, T *restrict col, int64_t ld) {
  const int64_t ow = g->ow, sw = g->sw;
  for (int64_t c = 0; c < channels; c++, x += g->h * g->w)
    for (int64_t i = 0; i < g->kh; i++)
      for (int64_t j = 0; j < g->kw; j++, col += ld) {
        const int64_t shift = j * g->dw - g->pw;
        const int64_t lo = steps_to(-shift, sw, ow);
        const int64_t hi = steps_to(g->w - shift, sw, ow);
        T *restrict to = col;
        for (int64_t oy = r0; oy < r1; oy++, to += ow) {
          const int64_t iy = oy * g->sh - g->ph + i * g->dh;
          if (iy < 0 || iy >= g->h) {
            for (int64_t ox = 0; ox < ow; ox++) to[ox] = 0;
            continue;
          }
          const T *restrict from = x + iy * g->w + shift;
          for (int64_t ox = 0; ox < lo; ox++) to[ox] = 0;
          if (sw == 1)
            for (int64_t ox = lo; ox < hi; ox++) to[ox] = from[ox];
          else if (sw == 2)
            for (int64_t ox = lo; ox < hi; ox++) to[ox] = from[ox * 2];
          else
            for (int64_t ox = lo; ox < hi; ox++) to[ox] = from[ox * sw];
          for (int64_t ox = hi; ox < ow; ox++) to[ox] = 0;
        }
      }
}

// The adjoint: adds the columns to the image.
static void F(col2im)(const orr_conv *g, const T *restrict col, int64_t ld,
                      int64_t channels, int64_t r0, int64_t r1, T *restrict x) {
  const int64_t ow = g->ow, sw = g->sw;
  for (int64_t c = 0; c < channels; c++, x += g->h * g->w)
    for (int64_t i = 0; i < g->kh; i++)
      for (int64_t j = 0; j < g->kw; j++, col += ld) {
        const int64_t shift = j * g->dw - g->pw;
        const int64_t lo = steps_to(-shift, sw, ow);
        const int64_t hi = steps_to(g->w - shift, sw, ow);
        const T *restrict from = col;
        for (int64_t oy = r0; oy < r1; oy++, from += ow) {
          const int64_t iy = oy * g->sh - g->ph + i * g->dh;
          if (iy < 0 || iy >= g->h) continue;
          T *restrict to = x + iy * g->w + shift;
          if (sw == 1)
            for (int64_t ox = lo; ox < hi; ox++) to[ox] += from[ox];
          else if (sw == 2)
            for (int64_t ox = lo; ox < hi; ox++) to[ox * 2] += from[ox];
          else
            for (int64_t ox = lo; ox < hi; ox++) to[ox * sw] += from[ox];
        }
      }
}

// Every row of to is from's row plus its bias; from may be to.
ORR_CLONES static void F(add_bias)(int64_t rows, int64_t n, const T *from,
                                   int64_t ld_from, const T *bias, T *to,
                                   int64_t ld_to) {
  for (int64_t r = 0; r < rows; r++, from += ld_from, to += ld_to) {
    const T b = bias ? bias[r] : 0;
    if (from != to || bias)
      for (int64_t i = 0; i < n; i++) to[i] = from[i] + b;
  }
}

ORR_CLONES static void F(fill_bias)(int64_t rows, int64_t n, const T *bias,
                                    T *to) {
  for (int64_t r = 0; r < rows; r++, to += n)
    for (int64_t i = 0; i < n; i++) to[i] = bias ? bias[r] : 0;
}

// to[g][c][k][i][j] = from[g][k][c][kh-1-i][kw-1-j], k of K and c of C a group.
static void F(flip)(const orr_conv *g, const T *from, T *to) {
  const int64_t kk = g->kh * g->kw;
  const int64_t ck = g->c / g->groups, kg = g->k / g->groups;
  for (int64_t group = 0; group < g->groups; group++)
    for (int64_t c = 0; c < ck; c++)
      for (int64_t k = 0; k < kg; k++, to += kk) {
        const T *f = from + ((group * kg + k) * ck + c) * kk;
        for (int64_t i = 0; i < kk; i++) to[i] = f[kk - 1 - i];
      }
}

// total[i] += parts[0][i] + parts[1][i] + ..., in that order.
static void F(add_parts)(int64_t parts, int64_t n, const T *part, int64_t ld,
                         T *total) {
  for (int64_t p = 0; p < parts; p++, part += ld)
    for (int64_t i = 0; i < n; i++) total[i] += part[i];
}
