// test_conv.c -- convolutions against loops over the definition, on random
// shapes with every option, and their gradients of both orders.
#include "check.h"

#include "../../core/kernels/columns.h"
#include "../../core/kernels/conv.h"
#include "../../core/kernels/depthwise.h"
#include "../../core/kernels/implicit.h"
#include "../../core/kernels/micro.h"
#include "../../core/kernels/winograd.h"

// y += w x, x += w y or w += x y over all pairs that meet: the definition.
enum { TO_Y, TO_X, TO_W };

static void meet(const orr_conv *g, int what, int64_t n, int64_t k, int64_t oy,
                 int64_t ox, double *x, double *w, double *y) {
  const int64_t ck = g->c / g->groups, group = k / (g->k / g->groups);
  double *at_y = y + ((n * g->k + k) * g->oh + oy) * g->ow + ox;
  for (int64_t c = 0; c < ck; c++)
    for (int64_t i = 0; i < g->kh; i++)
      for (int64_t j = 0; j < g->kw; j++) {
        const int64_t iy = oy * g->sh - g->ph + i * g->dh;
        const int64_t ix = ox * g->sw - g->pw + j * g->dw;
        if (iy < 0 || ix < 0 || iy >= g->h || ix >= g->w) continue;
        double *at_x =
            x + ((n * g->c + group * ck + c) * g->h + iy) * g->w + ix;
        double *at_w = w + ((k * ck + c) * g->kh + i) * g->kw + j;
        if (what == TO_Y) *at_y += *at_w * *at_x;
        if (what == TO_X) *at_x += *at_w * *at_y;
        if (what == TO_W) *at_w += *at_x * *at_y;
      }
}

static void by_definition(const orr_conv *g, int what, double *x, double *w,
                          double *y) {
  for (int64_t n = 0; n < g->n; n++)
    for (int64_t k = 0; k < g->k; k++)
      for (int64_t oy = 0; oy < g->oh; oy++)
        for (int64_t ox = 0; ox < g->ow; ox++)
          meet(g, what, n, k, oy, ox, x, w, y);
}

static bool random_geometry(orr_conv *g, int trial) {
  *g = (orr_conv){.groups = pick(1, 3),
                  .n = pick(0, 5),
                  .h = pick(1, 12),
                  .w = pick(1, 12),
                  .kh = pick(1, 4),
                  .kw = pick(1, 4),
                  .sh = pick(1, 3),
                  .sw = pick(1, 3),
                  .ph = pick(0, 5),
                  .pw = pick(0, 5),
                  .dh = pick(1, 2),
                  .dw = pick(1, 2)};
  g->c = g->groups * pick(1, 4);
  g->k = g->groups * pick(1, 4);
  if (trial % 3 == 0) g->sh = g->sw = 1;
  if (trial % 7 == 0) g->h *= 6, g->w *= 6;  // rows of one image at a time
  if (trial % 11 == 0) g->kh = g->kw = 1, g->ph = g->pw = 0;
  g->oh = orr_conv_size(g->h, g->kh, g->sh, g->ph, g->dh);
  g->ow = orr_conv_size(g->w, g->kw, g->sw, g->pw, g->dw);
  return g->oh > 0 && g->ow > 0;
}

static double *random_doubles(int64_t n) {
  double *p = malloc((size_t)(n + 1) * sizeof *p);
  for (int64_t i = 0; i < n; i++) p[i] = uniform(-1, 1);
  return p;
}

static void compare(const orr_conv *g, int what) {
  const int64_t count[] = {g->n * g->k * g->oh * g->ow,
                           g->n * g->c * g->h * g->w,
                           g->k * (g->c / g->groups) * g->kh * g->kw};
  double *y = random_doubles(count[0]), *x = random_doubles(count[1]);
  double *w = random_doubles(count[2]);
  double *got = random_doubles(count[what]);  // must be overwritten
  double *wanted = what == TO_Y ? y : what == TO_X ? x : w;
  bool ok;
  if (what == TO_Y) ok = orr_conv_y(ORR_F64, g, x, w, NULL, got);
  if (what == TO_X) ok = orr_conv_x(ORR_F64, g, y, w, NULL, got);
  if (what == TO_W) ok = orr_conv_w(ORR_F64, g, x, y, got);
  assert_true(ok);
  for (int64_t i = 0; i < count[what]; i++) wanted[i] = 0;
  by_definition(g, what, x, w, y);
  for (int64_t i = 0; i < count[what]; i++) near(got[i], wanted[i], 1e-11);
  free(y), free(x), free(w), free(got);
}

static void the_trio_is_what_the_definition_says(void **state) {
  (void)state;
  orr_conv g;
  for (int trial = 0; trial < 400; trial++)
    if (random_geometry(&g, trial))
      for (int what = TO_Y; what <= TO_W; what++) compare(&g, what);
}

// ------------------------------------------------------------ Winograd

static orr_conv three_by_three(int64_t n, int64_t c, int64_t k, int64_t h,
                               int64_t w, int64_t ph, int64_t pw) {
  return (orr_conv){.n = n,
                    .c = c,
                    .h = h,
                    .w = w,
                    .k = k,
                    .kh = 3,
                    .kw = 3,
                    .oh = orr_conv_size(h, 3, 1, ph, 1),
                    .ow = orr_conv_size(w, 3, 1, pw, 1),
                    .groups = 1,
                    .sh = 1,
                    .sw = 1,
                    .ph = ph,
                    .pw = pw,
                    .dh = 1,
                    .dw = 1};
}

typedef struct trio {
  int64_t count[3];  // of y, x and w
  float *narrow[3], *got;
  double *wide[3];
} trio;

static trio random_trio(const orr_conv *g, double lowest) {
  trio t = {.count = {g->n * g->k * g->oh * g->ow, g->n * g->c * g->h * g->w,
                      g->k * (g->c / g->groups) * g->kh * g->kw}};
  int64_t most = 0;
  for (int i = 0; i < 3; i++) {
    const int64_t n = t.count[i];
    most = n > most ? n : most;
    t.narrow[i] = malloc((size_t)(n + 1) * sizeof(float));
    t.wide[i] = malloc((size_t)(n + 1) * sizeof(double));
    for (int64_t j = 0; j < n; j++)
      t.wide[i][j] = t.narrow[i][j] = (float)uniform(lowest, 1);
  }
  t.got = malloc((size_t)(most + 1) * sizeof(float));
  for (int64_t j = 0; j < most; j++) t.got[j] = NAN;  // must be overwritten
  return t;
}

static void free_trio(trio *t) {
  for (int i = 0; i < 3; i++) free(t->narrow[i]), free(t->wide[i]);
  free(t->got);
}

static const double *exact(const orr_conv *g, int what, trio *t) {
  for (int64_t i = 0; i < t->count[what]; i++) t->wide[what][i] = 0;
  by_definition(g, what, t->wide[1], t->wide[2], t->wide[0]);
  return t->wide[what];
}

// The products an element sums, at most.
static double terms_of(const orr_conv *g, int what) {
  const int64_t kk = g->kh * g->kw;
  return (double)(what == TO_Y       ? g->c / g->groups * kk
                      : what == TO_X ? g->k / g->groups * kk
                                     : g->n * g->oh * g->ow);
}

// Errors are held to the stated bound times the products an element sums, or
// the root of their number when signs are random.
static void run_winograd(const orr_conv *g, int what, const trio *t,
                         float *got) {
  const float *y = t->narrow[0], *x = t->narrow[1], *w = t->narrow[2];
  bool ok = false;
  if (what == TO_Y) ok = orr_winograd_y(g, x, w, NULL, got);
  if (what == TO_X) ok = orr_winograd_x(g, y, w, NULL, got);
  if (what == TO_W) ok = orr_winograd_w(g, x, y, got);
  assert_true(ok);
}

static void compare_winograd(const orr_conv *g, int what, double lowest) {
  trio t = random_trio(g, lowest);
  const size_t bytes = (size_t)t.count[what] * sizeof(float);
  float *again = malloc(bytes);
  const int before = orr_threads();
  orr_set_threads(1);
  run_winograd(g, what, &t, t.got);
  orr_set_threads(3);
  run_winograd(g, what, &t, again);
  orr_set_threads(before);
  assert_memory_equal(t.got, again, bytes);
  const double n = terms_of(g, what), scale = lowest < 0 ? sqrt(n) : n / 10;
  const double *wanted = exact(g, what, &t);
  for (int64_t i = 0; i < t.count[what]; i++)
    assert_true(fabs(t.got[i] - wanted[i]) <= ORR_WINOGRAD_ERROR * scale);
  free(again);
  free_trio(&t);
}

static void winograd_keeps_its_error(void **state) {
  (void)state;
  for (int trial = 0; trial < 120; trial++) {
    const int64_t n = pick(0, 5), c = pick(1, 12), k = pick(1, 12);
    const int64_t h = pick(1, 20), w = pick(1, trial % 5 ? 20 : 300);
    const orr_conv g = three_by_three(n, c, k, h, w, pick(0, 4), pick(0, 4));
    if (n < 1 || g.oh < 1 || g.ow < 1) continue;
    for (int what = TO_Y; what <= TO_W; what++)
      compare_winograd(&g, what, trial % 4 ? -1 : 0);
  }
  const orr_conv large[] = {
      // More channels than are transformed side by side, or summed at a time.
      three_by_three(1, 70, 67, 9, 14, 1, 1),
      three_by_three(1, 140, 133, 10, 9, 0, 0),
      // More tiles than a chunk, a row or a block: of many images, of one whose
      // patches meet across blocks, of one row.
      three_by_three(9, 33, 34, 29, 27, 1, 0),
      three_by_three(1, 130, 40, 50, 30, 0, 0),
      three_by_three(1, 40, 130, 50, 30, 0, 0),
      three_by_three(1, 33, 65, 6, 290, 0, 0)};
  for (size_t i = 0; i < sizeof large / sizeof *large; i++)
    for (int what = TO_Y; what <= TO_W; what++)
      compare_winograd(&large[i], what, -1);
}

// ------------------------------------------------------------ tiles

// An algorithm's three.
typedef struct algorithm {
  bool (*y)(const orr_conv *, const float *, const float *, const float *,
            float *);
  bool (*x)(const orr_conv *, const float *, const float *, const float *,
            float *);
  bool (*w)(const orr_conv *, const float *, const float *, float *);
} algorithm;

static bool columns_y(const orr_conv *g, const float *x, const float *w,
                      const float *bias, float *y) {
  return orr_columns_y(ORR_F32, g, false, x, w, bias, y);
}
static bool columns_x(const orr_conv *g, const float *y, const float *w,
                      const float *bias, float *x) {
  return orr_columns_x(ORR_F32, g, false, y, w, bias, x);
}
static bool columns_w(const orr_conv *g, const float *x, const float *y,
                      float *w) {
  return orr_columns_w(ORR_F32, g, false, x, y, w);
}

static bool turned_y(const orr_conv *g, const float *x, const float *w,
                     const float *bias, float *y) {
  return orr_columns_y(ORR_F32, g, true, x, w, bias, y);
}
static bool turned_x(const orr_conv *g, const float *y, const float *w,
                     const float *bias, float *x) {
  return orr_columns_x(ORR_F32, g, true, y, w, bias, x);
}
static bool turned_w(const orr_conv *g, const float *x, const float *y,
                     float *w) {
  return orr_columns_w(ORR_F32, g, true, x, y, w);
}

static const algorithm tiles = {orr_implicit_y, orr_implicit_x, orr_implicit_w};
static const algorithm depthwise = {orr_depthwise_y, orr_depthwise_x,
                                    orr_depthwise_w};
static const algorithm columns = {columns_y, columns_x, columns_w};
static const algorithm turned = {turned_y, turned_x, turned_w};

static void run_one(const algorithm *a, const orr_conv *g, int what,
                    const trio *t, const float *bias, float *got) {
  const float *y = t->narrow[0], *x = t->narrow[1], *w = t->narrow[2];
  bool ok = false;
  if (what == TO_Y) ok = a->y(g, x, w, bias, got);
  if (what == TO_X) ok = a->x(g, y, w, bias, got);
  if (what == TO_W) ok = a->w(g, x, y, got);
  assert_true(ok);
}

// Every size of register gives what the definition says: whole numbers, so
// that nothing is rounded.
static void tiles_of_every_register(void **state) {
  (void)state;
  enum { DEPTH = 37, COLUMNS = ORR_MICRO_LANE * ORR_MICRO_LANES };
  float a[DEPTH * ORR_MICRO_ROWS], b[DEPTH * COLUMNS], bias[ORR_MICRO_ROWS];
  float c[ORR_MICRO_ROWS * COLUMNS];
  int32_t a_at[DEPTH], b_at[DEPTH];
  for (int i = 0; i < DEPTH * ORR_MICRO_ROWS; i++) a[i] = (float)pick(-9, 9);
  for (int i = 0; i < DEPTH * COLUMNS; i++) b[i] = (float)pick(-9, 9);
  for (int i = 0; i < ORR_MICRO_ROWS; i++) bias[i] = (float)pick(-9, 9);
  for (int d = 0; d < DEPTH; d++) {
    a_at[d] = d * 5 % DEPTH;
    b_at[d] = d * 7 % DEPTH * COLUMNS;
  }
  for (int trial = 0; trial < 64; trial++) {
    orr_micro m = {.depth = pick(0, DEPTH),
                   .a = a,
                   .b = b,
                   .a_at = a_at,
                   .b_at = b_at,
                   .a_row = DEPTH,
                   .bias = trial & 1 ? bias : NULL,
                   .c = c,
                   .ldc = COLUMNS,
                   .lanes = (int)pick(1, ORR_MICRO_LANES),
                   .add = trial & 2};
    for (int choice = 0;; choice++) {
      for (int i = 0; i < ORR_MICRO_ROWS * COLUMNS; i++) c[i] = (float)i;
      if (!orr_micro_run_as(choice, &m)) break;
      for (int i = 0; i < ORR_MICRO_ROWS * COLUMNS; i++) {
        const int row = i / COLUMNS, column = i % COLUMNS;
        float wanted = trial & 1 ? bias[row] : 0;
        for (int64_t d = 0; d < m.depth; d++)
          wanted += a[a_at[d] + row * DEPTH] * b[b_at[d] + column];
        if (m.add) wanted += (float)i;
        if (column >= m.lanes * ORR_MICRO_LANE) wanted = (float)i;
        assert_true(c[i] == wanted);
      }
    }
  }
}

// By both numbers of threads, with a bias and without; the bias of channel c
// is c, exact in float32.
static void compare_one(const algorithm *a, const orr_conv *g, int what,
                        double lowest, bool biased) {
  trio t = random_trio(g, lowest);
  const int64_t channels = what == TO_Y ? g->k : g->c;
  const int64_t plane = what == TO_Y ? g->oh * g->ow : g->h * g->w;
  const size_t bytes = (size_t)t.count[what] * sizeof(float);
  float *bias = malloc((size_t)channels * sizeof(float));
  float *again = malloc(bytes);
  for (int64_t c = 0; c < channels; c++) bias[c] = (float)(c % 4);
  const int before = orr_threads();
  orr_set_threads(1);
  run_one(a, g, what, &t, biased ? bias : NULL, t.got);
  orr_set_threads(3);
  run_one(a, g, what, &t, biased ? bias : NULL, again);
  orr_set_threads(before);
  assert_memory_equal(t.got, again, bytes);
  const double n = terms_of(g, what) + 1;
  const double bound = ORR_IMPLICIT_ERROR * (lowest < 0 ? n : n * sqrt(n));
  const double *wanted = exact(g, what, &t);
  for (int64_t i = 0; i < t.count[what]; i++) {
    const double b = biased ? bias[i / plane % channels] : 0;
    assert_true(fabs(t.got[i] - (wanted[i] + b)) <= bound + 1e-6 * b);
  }
  free(bias), free(again);
  free_trio(&t);
}

static void tiles_keep_their_error(void **state) {
  (void)state;
  orr_conv g;
  for (int trial = 0; trial < 300; trial++) {
    if (!random_geometry(&g, trial) || g.n < 1) continue;
    // Whole and broken tiles, rows around the length of a lane.
    const int64_t more = pick(1, 5);
    g.c *= more, g.k *= pick(1, 7);
    if (trial % 3 == 0) g.w += pick(0, 40);
    g.ow = orr_conv_size(g.w, g.kw, g.sw, g.pw, g.dw);
    assert_true(orr_implicit_fits(&g));
    for (int what = TO_Y; what <= TO_W; what++)
      compare_one(&tiles, &g, what, trial % 4 ? -1 : 0,
                  trial % 2 && what != TO_W);
  }
}

static void column_matrices_keep_their_error(void **state) {
  (void)state;
  orr_conv g;
  for (int trial = 0; trial < 300; trial++) {
    if (!random_geometry(&g, trial) || g.n < 1) continue;
    for (int what = TO_Y; what <= TO_W; what++)
      for (int by_y = 0; by_y <= (g.sh == 1 && g.sw == 1); by_y++)
        compare_one(by_y ? &turned : &columns, &g, what, trial % 4 ? -1 : 0,
                    trial % 2 && what != TO_W);
  }
}

static void a_kernel_for_each_channel_keeps_its_error(void **state) {
  (void)state;
  orr_conv g;
  for (int trial = 0; trial < 500; trial++) {
    if (!random_geometry(&g, trial) || g.n < 1) continue;
    // Rows of one lane and of several, several blocks of rows.
    g.groups = g.c = g.k = pick(1, 5);
    if (trial % 3 == 0) g.w += pick(0, 40);
    if (trial % 13 == 0) g.h += pick(0, 400);
    g.oh = orr_conv_size(g.h, g.kh, g.sh, g.ph, g.dh);
    g.ow = orr_conv_size(g.w, g.kw, g.sw, g.pw, g.dw);
    assert_true(orr_depthwise_fits(&g));
    for (int what = TO_Y; what <= TO_W; what++)
      compare_one(&depthwise, &g, what, trial % 4 ? -1 : 0,
                  trial % 2 && what != TO_W);
  }
}

// Infinity at the edge reaches the taps that read it and no other.
static void infinity_stays_where_it_is_read(void **state) {
  (void)state;
  const orr_conv g = {.n = 1,
                      .c = 1,
                      .h = 6,
                      .w = 6,
                      .k = 1,
                      .oh = 6,
                      .ow = 6,
                      .kh = 3,
                      .kw = 3,
                      .groups = 1,
                      .sh = 1,
                      .sw = 1,
                      .ph = 1,
                      .pw = 1,
                      .dh = 1,
                      .dw = 1};
  float x[36], y[36], w[9];
  for (int i = 0; i < 36; i++) x[i] = y[i] = 1;
  x[5] = INFINITY;  // of the first row, the last
  assert_true(orr_depthwise_w(&g, x, y, w));
  for (int k = 0; k < 9; k++)
    assert_int_equal(isinf(w[k]) != 0, k / 3 < 2 && k % 3 > 0);
}

static orr_tensor *three(int which, orr_tensor *x, orr_tensor *w,
                         orr_tensor *y) {
  const double a[] =
      {1, 1, 1, 1, 1, 1, 1, (double)x->size[2], (double)x->size[3]};
  if (which == TO_Y) return ORR(conv2d, x, w, .attr = {1, 1, 1, 1, 1, 1, 1});
  if (which == TO_X)
    return ORR(conv2d_dx, y, w, .attr = {1, 1, 1, 1, 1, 1, 1, a[7], a[8]});
  return ORR(conv2d_dw, x, y, .attr = {1, 1, 1, 1, 1, 1, 1, 3, 3});
}

static bool same_bits(const orr_tensor *a, const orr_tensor *b) {
  const size_t bytes = (size_t)a->count * orr_dtype_size(a->dtype);
  return memcmp(orr_data(a), orr_data(b), bytes) == 0;
}

static void winograd_can_be_switched_off(void **state) {
  (void)state;
  const int before = orr_threads();
  assert_true(orr_winograd());
  for (int d = ORR_F32; d <= ORR_F64; d++)
    for (int which = TO_Y; which <= TO_W; which++) {
      const size_t mark = orr_scope_begin();
      const int64_t xs[] = {3, 33, 17, 18}, ws[] = {40, 33, 3, 3};
      const int64_t ys[] = {3, 40, 17, 18};
      orr_tensor *x = random_tensor((orr_dtype)d, 4, xs);
      orr_tensor *w = random_tensor((orr_dtype)d, 4, ws);
      orr_tensor *y = random_tensor((orr_dtype)d, 4, ys);
      orr_tensor *on = three(which, x, w, y);
      orr_set_threads(3);
      assert_true(same_bits(on, three(which, x, w, y)));
      orr_set_threads(before);
      orr_set_winograd(false);
      orr_tensor *off = three(which, x, w, y);
      assert_true(same_bits(off, three(which, x, w, y)));
      orr_set_winograd(true);
      assert_int_equal(same_bits(on, off), d == ORR_F64);
      for (int64_t i = 0; i < on->count; i++)
        near(orr_get(on, i), orr_get(off, i), ORR_WINOGRAD_ERROR * 35);
      orr_scope_end(mark);
    }
}

// Shapes of networks, float32 against float64: blocks, shares, turned kernels.
static void float32_agrees_with_float64(void **state) {
  (void)state;
  static const int64_t shapes[][6] =
      {// n, c, h = w, k, kernel, stride; padding is half the kernel
       {9, 16, 14, 24, 3, 2}, {16, 1, 28, 8, 3, 1}, {16, 8, 28, 1, 3, 1},
       {1, 24, 40, 70, 3, 1}, {2, 80, 9, 80, 1, 1}, {3, 3, 40, 16, 7, 2}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const size_t mark = orr_scope_begin();
    const int64_t *s = shapes[i];
    const int64_t xs[] = {s[0], s[1], s[2], s[2]};
    const int64_t ws[] = {s[3], s[1], s[4], s[4]};
    const double half = (double)(s[4] / 2), step = (double)s[5];
    orr_tensor *x = random_tensor(ORR_F32, 4, xs);
    orr_tensor *w = random_tensor(ORR_F32, 4, ws);
    orr_tensor *b = random_tensor(ORR_F32, 1, &s[3]);
    orr_tensor *x2 = orr_cast(x, ORR_F64), *w2 = orr_cast(w, ORR_F64);
    orr_tensor *b2 = orr_cast(b, ORR_F64);
    orr_tensor *y =
        ORR(conv2d, x, w, b, .attr = {step, step, half, half, 1, 1, 1});
    orr_tensor *y2 =
        ORR(conv2d, x2, w2, b2, .attr = {step, step, half, half, 1, 1, 1});
    orr_tensor *z = ORR(conv_transpose2d, y, w,
                        .attr = {step, step, half, half, 0, 0, 1, 1, 1});
    orr_tensor *z2 = ORR(conv_transpose2d, orr_cast(y, ORR_F64), w2,
                         .attr = {step, step, half, half, 0, 0, 1, 1, 1});
    assert_non_null(z2);
    for (int64_t k = 0; k < y->count; k++)
      near(orr_get(y, k), orr_get(y2, k), 1e-5);
    for (int64_t k = 0; k < z->count; k++)
      near(orr_get(z, k), orr_get(z2, k), 1e-4);  // sums of about 100
    orr_scope_end(mark);
  }
}

static void bits_do_not_depend_on_threads(void **state) {
  (void)state;
  const int before = orr_threads();
  for (int trial = 0; trial < 4; trial++) {
    const size_t mark = orr_scope_begin();
    const int64_t k = trial % 2 ? 1 : 24;
    const int64_t xs[] = {trial < 2 ? 12 : 1, 16, trial < 2 ? 14 : 60, 15};
    const int64_t ws[] = {k, 16, 3, 3};
    orr_tensor *x = random_tensor(ORR_F32, 4, xs);
    orr_tensor *w = random_tensor(ORR_F32, 4, ws);
    orr_tensor *out[2][3];
    for (int t = 0; t < 2; t++) {
      orr_set_threads(t ? 3 : 1);
      const double size[] = {(double)xs[2], (double)xs[3]};
      orr_tensor *y = ORR(conv2d, x, w, .attr = {1, 1, 1, 1, 1, 1, 1});
      out[t][0] = y;
      out[t][1] =
          ORR(conv2d_dx, y, w, .attr = {1, 1, 1, 1, 1, 1, 1, size[0], size[1]});
      out[t][2] = ORR(conv2d_dw, x, y, .attr = {1, 1, 1, 1, 1, 1, 1, 3, 3});
    }
    for (int i = 0; i < 3; i++) {
      const size_t bytes = (size_t)out[0][i]->count * sizeof(float);
      assert_memory_equal(orr_data(out[0][i]), orr_data(out[1][i]), bytes);
    }
    orr_scope_end(mark);
  }
  orr_set_threads(before);
}

static orr_tensor *conv_of(orr_tensor *const *x, const void *context) {
  const double *a = context;
  return ORR(conv2d, x[0], x[1], x[2],
             .attr = {a[0], a[1], a[2], a[3], a[4], a[5], a[6]});
}

static orr_tensor *transposed_of(orr_tensor *const *x, const void *context) {
  const double *a = context;
  return ORR(conv_transpose2d, x[0], x[1], x[2],
             .attr = {a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8]});
}

static void check_sizes(check_fn *f, const double *attr, const int64_t *xs,
                        const int64_t *ws, int64_t bias) {
  const size_t mark = orr_scope_begin();
  orr_tensor *x[] = {random_tensor(ORR_F64, 4, xs),
                     random_tensor(ORR_F64, 4, ws),
                     random_tensor(ORR_F64, 1, &bias)};
  check_gradients(f, attr, 3, x);
  orr_scope_end(mark);
}

static void gradients_of_both_orders(void **state) {
  (void)state;
  check_sizes(conv_of, (double[]){1, 1, 0, 0, 1, 1, 1}, (int64_t[]){2, 2, 4, 3},
              (int64_t[]){3, 2, 2, 2}, 3);
  check_sizes(conv_of, (double[]){2, 1, 1, 2, 1, 2, 2}, (int64_t[]){2, 4, 4, 5},
              (int64_t[]){2, 2, 3, 2}, 2);
  check_sizes(conv_of, (double[]){1, 1, 1, 1, 1, 1, 1}, (int64_t[]){1, 3, 4, 4},
              (int64_t[]){1, 3, 3, 3}, 1);
  check_sizes(transposed_of, (double[]){2, 2, 1, 1, 1, 1, 1, 1, 1},
              (int64_t[]){2, 2, 3, 2}, (int64_t[]){2, 3, 3, 3}, 3);
  check_sizes(transposed_of, (double[]){1, 3, 0, 1, 0, 2, 2, 2, 1},
              (int64_t[]){1, 4, 2, 3}, (int64_t[]){4, 1, 2, 3}, 2);
}

// <conv(x, w), y> = <x, conv_transpose(y, w)>
static void transposed_is_the_adjoint(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_tensor *x = random_tensor(ORR_F64, 4, (int64_t[]){3, 4, 9, 8});
  orr_tensor *w = random_tensor(ORR_F64, 4, (int64_t[]){6, 2, 3, 2});
  orr_tensor *cx = ORR(conv2d, x, w, .attr = {2, 3, 1, 0, 1, 2, 2});
  orr_tensor *y = random_tensor(ORR_F64, 4, cx->size);
  orr_tensor *ty =
      ORR(conv_transpose2d, y, w, .attr = {2, 3, 1, 0, 0, 2, 2, 1, 2});
  assert_non_null(ty);
  near(orr_get(ORR(sum, ORR(mul, cx, y)), 0),
       orr_get(ORR(sum, ORR(mul, x, ty)), 0), 1e-12);
  orr_scope_end(mark);
}

// The adjoint of a 1 x 1 convolution is a product of matrices, plus its bias.
static void transposed_of_one_pixel_is_a_product(void **state) {
  (void)state;
  const size_t mark = orr_scope_begin();
  orr_tensor *x = random_tensor(ORR_F64, 4, (int64_t[]){2, 3, 9, 31});
  orr_tensor *w = random_tensor(ORR_F64, 4, (int64_t[]){3, 5, 1, 1});
  orr_tensor *b = random_tensor(ORR_F64, 1, (int64_t[]){5});
  orr_tensor *y =
      ORR(conv_transpose2d, x, w, b, .attr = {1, 1, 0, 0, 0, 0, 1, 1, 1});
  assert_non_null(y);
  for (int64_t i = 0; i < y->count; i++) {
    const int64_t pixel = i % 279, k = i / 279 % 5, n = i / 279 / 5;
    double wanted = orr_get(b, k);
    for (int64_t c = 0; c < 3; c++)
      wanted += orr_get(x, (n * 3 + c) * 279 + pixel) * orr_get(w, c * 5 + k);
    near(orr_get(y, i), wanted, 1e-12);
  }
  orr_scope_end(mark);
}

static void run_out_of_memory(const int64_t *xs, const int64_t *ws) {
  const size_t mark = orr_scope_begin();
  orr_tensor *x = random_tensor(ORR_F32, 4, xs);
  orr_tensor *w = random_tensor(ORR_F32, 4, ws);
  orr_set_requires_grad(w, true);
  int failures = 0;
  for (int64_t n = 1;; n++) {
    const int64_t blocks = orr_memory_stats().live_blocks;
    const size_t inner = orr_scope_begin();
    orr_memory_fail_after(n);
    orr_tensor *y = ORR(conv2d, x, w, .attr = {1, 1, 1, 1, 1, 1, 1});
    orr_tensor *s = y ? ORR(sum, y) : NULL, *g = NULL;
    const bool ok = s && orr_grad(1, &s, NULL, 1, &w, &g, 0, 0, 0);
    orr_memory_fail_after(0);
    orr_release(g);
    orr_scope_end(inner);
    orr_clear_error();
    assert_int_equal(orr_memory_stats().live_blocks, blocks);
    if (ok) break;
    failures++;
  }
  assert_in_range(failures, 8, 100);
  orr_scope_end(mark);
}

static void nothing_is_left_when_memory_runs_out(void **state) {
  (void)state;
  run_out_of_memory((int64_t[]){20, 3, 9, 9}, (int64_t[]){2, 3, 3, 3});
  run_out_of_memory((int64_t[]){4, 32, 16, 16}, (int64_t[]){33, 32, 3, 3});
  run_out_of_memory((int64_t[]){4, 32, 16, 16}, (int64_t[]){33, 32, 2, 3});
  run_out_of_memory((int64_t[]){4, 20, 9, 9}, (int64_t[]){24, 20, 2, 3});
}

#define T(NAME) cmocka_unit_test_teardown(NAME, check_clean)
int main(void) {
  const struct CMUnitTest tests[] = {
      T(the_trio_is_what_the_definition_says),
      T(winograd_keeps_its_error),
      T(tiles_of_every_register),
      T(tiles_keep_their_error),
      T(column_matrices_keep_their_error),
      T(a_kernel_for_each_channel_keeps_its_error),
      T(infinity_stays_where_it_is_read),
      T(winograd_can_be_switched_off),
      T(float32_agrees_with_float64),
      T(bits_do_not_depend_on_threads),
      T(gradients_of_both_orders),
      T(transposed_is_the_adjoint),
      T(transposed_of_one_pixel_is_a_product),
      T(nothing_is_left_when_memory_runs_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
