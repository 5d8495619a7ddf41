// made_loops.h -- the loops of made.c for one element type: T the type and
// F(NAME) the name with its suffix.

// y[i] = x[at[i]]
ORR_CLONES static void F(pick)(const T *restrict x, const int32_t *restrict at,
                               int64_t n, T *restrict y) {
  for (int64_t i = 0; i < n; i++) y[i] = x[at[i]];
}

ORR_CLONES static void F(pick_add)(const T *restrict x,
                                   const int32_t *restrict at,
                                   const T *restrict b, int64_t n,
                                   T *restrict y) {
  for (int64_t i = 0; i < n; i++) y[i] = x[at[i]] + b[i];
}

// y[i] = x[at[i]] where at[i] < end, else 0; end > 0.
ORR_CLONES static void F(pick_below)(const T *restrict x,
                                     const int32_t *restrict at, int32_t end,
                                     int64_t n, T *restrict y) {
  for (int64_t i = 0; i < n; i++) {
    const int32_t k = at[i] < end ? at[i] : 0;
    const T v = x[k];
    y[i] = at[i] < end ? v : 0;
  }
}

// A chunk of rows with their columns rearranged.
static void F(rearrange)(void *context, int64_t begin, int64_t end) {
  const moved *m = context;
  for (int64_t i = begin; i < end; i++) {
    const T *from = (const T *)m->from + i * m->n;
    T *to = (T *)m->to + i * m->n;
    if (m->bias)
      F(pick_add)(from, m->at, m->bias, m->n, to);
    else
      F(pick)(from, m->at, m->n, to);
  }
}

// Rows [begin, end) of W in order of degree, `width` wide, from w.
static void F(pack)(const order *o, const void *w, int64_t begin, int64_t end,
                    int64_t width, void *to) {
  const int64_t in = o->m->in;
  T *p = to;
  for (int64_t i = begin; i < end; i++, p += width) {
    const T *row = (const T *)w + o->rows[i] * in;
    const int64_t n = o->ends[i];
    if (o->plain)
      memcpy(p, row, (size_t)n * sizeof(T));
    else
      F(pick)(row, o->cols, n, p);
    memset(p + n, 0, (size_t)(width - n) * sizeof(T));
  }
}

// The way back: rows of a product into rows of the gradient of w.
static void F(unpack)(const order *o, const void *from, int64_t begin,
                      int64_t end, int64_t width, void *gw) {
  const int64_t in = o->m->in;
  const T *p = from;
  for (int64_t i = begin; i < end; i++, p += width) {
    T *row = (T *)gw + o->rows[i] * in;
    const int32_t n = o->ends[i];
    if (n == 0 || o->plain) {
      if (n) memcpy(row, p, (size_t)n * sizeof(T));
      memset(row + n, 0, (size_t)(in - n) * sizeof(T));
    } else {
      F(pick_below)(p, o->places, n, in, row);
    }
  }
}
