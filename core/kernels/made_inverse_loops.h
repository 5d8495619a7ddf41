// made_inverse_loops.h -- the loops of made_inverse.c for one element type: T
// the type and F(NAME) the name with its suffix.

// Rows [begin, end) of a layer's weight in order, columns in order too.
static void F(pack_inverse)(const void *context, int64_t begin, int64_t end) {
  const packing *k = context;
  const int64_t n = k->from->n;
  for (int64_t i = begin; i < end; i++) {
    const T *row = (const T *)k->weights + k->to->unit[i] * n;
    T *to = (T *)k->packed + i * n;
    for (int64_t j = 0; j < n; j++) to[j] = row[k->from->unit[j]];
  }
}

// y += sum over j in [from, to) of w[j] x[j], rows of length n.
ORR_CLONES static void F(add_rows)(const T *restrict w, const T *restrict x,
                                   int64_t from, int64_t to, int64_t n,
                                   T *restrict y) {
  for (int64_t j = from; j < to; j++) {
    const T a = w[j], *row = x + j * n;
    for (int64_t i = 0; i < n; i++) y[i] += a * row[i];
  }
}

ORR_CLONES static void F(activate)(T *y, int64_t n, int activation) {
  if (activation == ORR_MADE_RELU)
    for (int64_t i = 0; i < n; i++) y[i] = y[i] < 0 ? 0 : y[i];
  else if (activation == ORR_MADE_TANH)
    for (int64_t i = 0; i < n; i++) y[i] = (T)tanh((double)y[i]);
  else
    for (int64_t i = 0; i < n; i++) y[i] = (T)(1 / (1 + exp(-(double)y[i])));
}

static void F(fill_rows)(const void *values, int64_t rows, int64_t n, T *y) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t i = 0; i < n; i++) y[r * n + i] = ((const T *)values)[r];
}

// What earlier blocks contribute to a block's rows of y.
static void F(add_earlier)(const earlier *e, const T *x, int64_t n, T *y) {
  if (e->known == 0 || e->from == e->to) return;
  const orr_gemm g = {.m = e->to - e->from,
                      .n = n,
                      .k = e->known,
                      .a = (const T *)e->weight + e->from * e->columns,
                      .b = x,
                      .c = y + e->from * n,
                      .lda = e->columns,
                      .ldb = n,
                      .ldc = n,
                      .alpha = 1,
                      .beta = 1};
  orr_gemm_serial(sizeof(T) == sizeof(float) ? ORR_F32 : ORR_F64, &g);
}

typedef struct F(state) {
  T *h;            // every level's rows, before and after activation
  T *t, *s;        // of the outputs in order
  int64_t row, n;  // this task's first sample, how many
} F(state);

static T *F(rows_of)(const plan *p, const F(state) * v, int64_t l) {
  return v->h + p->levels[l].row * v->n;
}

// How much of a level is known before degree `d` is begun; context always is.
static int64_t F(known)(const plan *p, int64_t l, int64_t d) {
  const int64_t n = p->levels[l].first[d];
  return l == 0 && n < p->net->context ? p->net->context : n;
}

static void F(begin)(const plan *p, F(state) * v) {
  const orr_made_net *net = p->net;
  T *x = v->h;
  for (int64_t c = 0; c < net->context; c++)
    for (int64_t i = 0; i < v->n; i++)
      x[c * v->n + i] = ((const T *)p->given)[(v->row + i) * net->context + c];
  for (int64_t l = 1; l <= net->hidden; l++)
    F(fill_rows)(p->levels[l].bias, p->levels[l].n, v->n, F(rows_of)(p, v, l));
  F(fill_rows)(p->out.bias, net->dims, v->n, v->t);
  F(fill_rows)(p->scale_bias, net->dims, v->n, v->s);
}

// The inputs of degree d, of what the last level holds below d.
static void F(solve_degree)(const plan *p, F(state) * v, int64_t block,
                            int64_t d) {
  const orr_made_net *net = p->net;
  const level *last = &p->levels[net->hidden];
  const int64_t known = F(known)(p, net->hidden, block), n = v->n;
  const T *h = F(rows_of)(p, v, net->hidden), limit = (T)net->clamp;
  for (int64_t r = p->out.first[d]; r < p->out.first[d + 1]; r++) {
    T *t = v->t + r * n, *s = v->s + r * n;
    F(add_rows)
    ((const T *)p->out.weight + r * last->n, h, known, last->first[d], n, t);
    F(add_rows)
    ((const T *)p->scale + r * last->n, h, known, last->first[d], n, s);
    T *x = v->h + (net->context + r) * n;
    const int64_t at = p->out.unit[r];
    for (int64_t i = 0; i < n; i++) {
      const int64_t e = (v->row + i) * net->dims + at;
      s[i] = s[i] > limit ? limit : s[i] < -limit ? -limit : s[i];
      x[i] = (((const T *)p->z)[e] - t[i]) * (T)exp(-(double)s[i]);
      ((T *)p->x)[e] = x[i];
      ((T *)p->s)[e] = s[i];
    }
  }
}

// The units of degree d, layer after layer.
static void F(finish_degree)(const plan *p, F(state) * v, int64_t block,
                             int64_t d) {
  for (int64_t l = 1; l <= p->net->hidden; l++) {
    const level *to = &p->levels[l], *from = &p->levels[l - 1];
    const int64_t known = F(known)(p, l - 1, block);
    const T *x = F(rows_of)(p, v, l - 1);
    T *y = F(rows_of)(p, v, l);
    for (int64_t r = to->first[d]; r < to->first[d + 1]; r++) {
      F(add_rows)
      ((const T *)to->weight + r * from->n, x, known, from->first[d + 1], v->n,
       y + r * v->n);
      F(activate)(y + r * v->n, v->n, p->net->activation);
    }
  }
}

// Products for the degrees [begin, end), of all that is known before them.
static void F(begin_block)(const plan *p, F(state) * v, int64_t begin,
                           int64_t end) {
  const int64_t top = p->net->hidden;
  earlier e = {.weight = NULL};
  for (int64_t l = 1; l <= top; l++) {
    const level *to = &p->levels[l];
    e = (earlier){to->weight, p->levels[l - 1].n, to->first[begin],
                  to->first[end], F(known)(p, l - 1, begin)};
    F(add_earlier)(&e, F(rows_of)(p, v, l - 1), v->n, F(rows_of)(p, v, l));
  }
  e = (earlier){p->out.weight, p->levels[top].n, p->out.first[begin],
                p->out.first[end], F(known)(p, top, begin)};
  F(add_earlier)(&e, F(rows_of)(p, v, top), v->n, v->t);
  e.weight = p->scale;
  F(add_earlier)(&e, F(rows_of)(p, v, top), v->n, v->s);
}

static void F(solve)(const plan *p, void *scratch, int64_t row, int64_t n) {
  const int64_t dims = p->net->dims;
  F(state) v = {.h = scratch, .row = row, .n = n};
  v.t = v.h + p->rows * n;
  v.s = v.t + dims * n;
  F(begin)(p, &v);
  for (int64_t b = 0, end; b <= dims && !orr_stopping(); b = end) {
    end = b + BLOCK <= dims ? b + BLOCK : dims + 1;
    F(begin_block)(p, &v, b, end);
    for (int64_t d = b; d < end; d++) {
      F(solve_degree)(p, &v, b, d);
      F(finish_degree)(p, &v, b, d);
    }
  }
}
