// gemm_loops.h -- the loops of gemm_kernels.c for one element type and one
// kind of processor: T the type, F(NAME) the name with their suffix, LANES the
// elements of a vector register and ROWS how many rows of c are summed in
// registers at once, each two vectors wide. In GCC's vectors, no intrinsics.

#define COLS (2 * LANES)
#define V F(vector)
typedef T V __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T))));
#define EACH_ROW(LIMIT) UNROLL for (int i = 0; i < (LIMIT); i++)
#define UNROLL _Pragma("GCC unroll 16")
#define INLINE static inline __attribute__((always_inline))

// ------------------------------------------------------------ packing

// Transposes a square of elements: for S = 1, 2, 4, ... the squares of S x S
// off the diagonal of each square of 2 S x 2 S change places.
#define LOW(I, S) ((I) & (S) ? LANES + (I) - (S) : (I))
#define HIGH(I, S) ((I) & (S) ? LANES + (I) : (I) + (S))
#define LIST2(W, I, S) W(I, S), W((I) + 1, S)
#define LIST4(W, I, S) LIST2(W, I, S), LIST2(W, (I) + 2, S)
#define LIST8(W, I, S) LIST4(W, I, S), LIST4(W, (I) + 4, S)
#define LIST16(W, I, S) LIST8(W, I, S), LIST8(W, (I) + 8, S)
#define LIST_(N) LIST##N
#define LIST(N) LIST_(N)
#define EXCHANGE(S)                                                      \
  EACH_ROW(LANES) {                                                      \
    if (i & (S)) continue;                                               \
    const V x = v[i], y = v[i | (S)];                                    \
    v[i] = __builtin_shufflevector(x, y, LIST(LANES)(LOW, 0, S));        \
    v[i | (S)] = __builtin_shufflevector(x, y, LIST(LANES)(HIGH, 0, S)); \
  }

INLINE void F(transpose)(V *v) {
  EXCHANGE(1)
#if LANES > 2
  EXCHANGE(2)
#endif
#if LANES > 4
  EXCHANGE(4)
#endif
#if LANES > 8
  EXCHANGE(8)
#endif
}

// Element k of `width` lanes side by side, for k = 0, 1, ...; a lane's
// elements are neighbours, the lanes ld apart. Lanes from n on are 0. From the
// last vector to the first: one that reaches beyond the width, by less than
// LANES, is put right by what comes after.
INLINE void F(pack_across)(int width, int64_t n, int64_t k, const T *x,
                           int64_t ld, T *to) {
  for (int at = (width - 1) / LANES * LANES; at >= 0; at -= LANES) {
    const T *from = x + at * ld;
    int64_t p = 0;
    for (; p + LANES <= k; p += LANES) {
      V v[LANES];
      EACH_ROW(LANES)
      v[i] = at + i < n ? *(const V *)(from + i * ld + p) : (V){0};
      F(transpose)(v);
      EACH_ROW(LANES) * (V *)(to + (p + i) * width + at) = v[i];
    }
    for (; p < k; p++)
      for (int i = 0; i < LANES && at + i < width; i++)
        to[p * width + at + i] = at + i < n ? from[i * ld + p] : 0;
  }
}

// The same where the lanes are neighbours and their elements ld apart, into
// whole panels.
INLINE void F(pack_along)(int width, int panels, int64_t k, const T *x,
                          int64_t ld, T *to) {
  for (int64_t p = 0; p < k; p++, x += ld, to += width)
    for (int i = 0; i < panels; i++)
      memcpy(to + i * width * k, x + i * width, (size_t)width * sizeof(T));
}

INLINE void F(pack_last)(int width, int64_t n, int64_t k, const T *x,
                         int64_t ld, T *to) {
  for (int64_t p = 0; p < k; p++, x += ld, to += width)
    for (int i = 0; i < width; i++) to[i] = i < n ? x[i] : 0;
}

// n lanes in panels of `width`, k elements each. Along memory several panels
// at a time, for the cache's sake.
INLINE void F(pack)(int width, bool along, int64_t n, int64_t k, const T *x,
                    int64_t ld, T *to) {
  int64_t at = 0;
  if (!along)
    for (; at < n; at += width)
      F(pack_across)(width, n - at, k, x + at * ld, ld, to + at * k);
  for (; at + 8 * width <= n; at += 8 * width)
    F(pack_along)(width, 8, k, x + at, ld, to + at * k);
  for (; at + width <= n; at += width)
    F(pack_along)(width, 1, k, x + at, ld, to + at * k);
  if (at < n) F(pack_last)(width, n - at, k, x + at, ld, to + at * k);
}

static void F(pack_rows)(bool along, int64_t n, int64_t k, const void *x,
                         int64_t ld, void *to) {
  F(pack)(ROWS, along, n, k, x, ld, to);
}

static void F(pack_cols)(bool along, int64_t n, int64_t k, const void *x,
                         int64_t ld, void *to) {
  F(pack)(COLS, along, n, k, x, ld, to);
}

// ------------------------------------------------------------ products

// c = alpha a b + beta c for `rows` rows, `vectors` vectors wide; c is not
// read when beta is 0. Both counts are constants where this is put.
INLINE void F(tile)(int rows, int vectors, int64_t k, const T *restrict a,
                    const T *restrict b, T *restrict c, int64_t ldc, T alpha,
                    T beta) {
  V s[ROWS][2];
  EACH_ROW(rows) {
    __builtin_prefetch(c + i * ldc, 1);
    __builtin_prefetch(c + i * ldc + COLS - 1, 1);
    for (int j = 0; j < vectors; j++) s[i][j] = (V){0};
  }
  for (int64_t p = 0; p < k; p++, a += ROWS, b += COLS) {
    const V b0 = *(const V *)b, b1 = *(const V *)(b + LANES);
    __builtin_prefetch(b + AHEAD * COLS);
    __builtin_prefetch(b + AHEAD * COLS + LANES);
    EACH_ROW(rows) {
      s[i][0] += a[i] * b0;
      if (vectors > 1) s[i][1] += a[i] * b1;
    }
  }
  EACH_ROW(rows)
  UNROLL for (int j = 0; j < vectors; j++) {
    V *to = (V *)(c + i * ldc + j * LANES);
    *to = beta == 0 ? alpha * s[i][j] : alpha * s[i][j] + beta * *to;
  }
}

// A tile with as few rows and vectors as do, of the sizes compiled here.
static void F(any_tile)(int64_t m, int64_t n, int64_t k, const T *a, const T *b,
                        T *c, int64_t ldc, T alpha, T beta) {
  if (n > LANES) {
    if (m > ROWS / 3 * 2)
      F(tile)(ROWS, 2, k, a, b, c, ldc, alpha, beta);
    else if (m > ROWS / 3)
      F(tile)(ROWS / 3 * 2, 2, k, a, b, c, ldc, alpha, beta);
    else
      F(tile)(ROWS / 3, 2, k, a, b, c, ldc, alpha, beta);
  } else {
    if (m > ROWS / 3)
      F(tile)(ROWS, 1, k, a, b, c, ldc, alpha, beta);
    else
      F(tile)(ROWS / 3, 1, k, a, b, c, ldc, alpha, beta);
  }
}

// At the edge of c: by way of a whole tile.
static void F(edge)(int64_t m, int64_t n, int64_t k, const T *a, const T *b,
                    T *c, int64_t ldc, T alpha, T beta) {
  T s[ROWS * COLS];
  F(any_tile)(m, n, k, a, b, s, COLS, 1, 0);
  for (int64_t i = 0; i < m; i++, c += ldc)
    for (int64_t j = 0; j < n; j++) {
      const T y = alpha * s[i * COLS + j];
      c[j] = beta == 0 ? y : y + beta * c[j];
    }
}

// c, m x n, from packed rows of a and columns of b.
static void F(block)(int64_t m, int64_t n, int64_t k, const void *a,
                     const void *b, void *c, int64_t ldc, double alpha,
                     double beta) {
  const T f = (T)alpha, g = (T)beta;
  for (int64_t i = 0; i < m; i += ROWS) {
    const T *rows = (const T *)a + i * k;
    for (int64_t j = 0; j < n; j += COLS) {
      const T *cols = (const T *)b + j * k;
      T *to = (T *)c + i * ldc + j;
      const int64_t down = m - i < ROWS ? m - i : ROWS;
      const int64_t across = n - j < COLS ? n - j : COLS;
      if (down == ROWS && across == COLS)
        F(tile)(ROWS, 2, k, rows, cols, to, ldc, f, g);
      else
        F(edge)(down, across, k, rows, cols, to, ldc, f, g);
    }
  }
}

static const orr_gemm_kernel F(kernel) = {ROWS, COLS, F(pack_rows),
                                          F(pack_cols), F(block)};

#undef COLS
#undef V
#undef EACH_ROW
#undef UNROLL
#undef INLINE
#undef LOW
#undef HIGH
#undef LIST2
#undef LIST4
#undef LIST8
#undef LIST16
#undef LIST_
#undef LIST
#undef EXCHANGE
#undef T
#undef F
#undef LANES
#undef ROWS
