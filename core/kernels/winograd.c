// winograd.c -- F(4x4, 3x3): 6 x 6 patches of the image give 4 x 4 tiles of
// the result. With the points 0, 1, -1, 2, -2 and infinity,
//
//   y = A'[(G w G') . (B' x B)]A     w = G'[(A y A') . (B' x B)]G
//
// where ' transposes and . multiplies the 36 elements one by one, summed over
// channels (over tiles for w). The gradient of the image is a convolution with
// the kernel turned round, or the adjoint of all steps, x = B[...]B' with A y A'
// in place of B' x B, whose overlapping patches are added: that has as many
// tiles as y, fewer than x where there was no padding. So there are 36 products
// of matrices
//
//   Y[f] = W[f] X[f]    X[f] = W[f]' Y[f]    W[f] = Y[f] X[f]'
//
// between transforms that run over many tiles, or many channels, side by
// side: a line of STRIP floats per element. Tiles are worked off in blocks
// whose planes stay in the last caches; within a block the threads share
// channels, then planes, then channels. Cuts depend on the sizes alone.
#include "winograd.h"

#include "../base/threads.h"
#include "elementwise.h"
#include "gemm.h"
#include "winograd_tiles.h"

enum {
  BLOCK_FLOATS = 1 << 18,  // what a block's planes are aimed at: the L2
  WEIGHT_ROWS = 8,         // of a weight transformed in a chunk
  ROWS = 512,              // of a product in a chunk
  // Measured, Winograd's time / column matrices', one thread: 64 channels of
  // 16 images 4 x 4: 0.45-0.6, 16 x 16: 0.5, 32 x 32: 0.4; 32 of 64 x 64: 0.5;
  // 128 of one 16 x 16: 0.5-0.75, 8 x 8: 1.4; 256 of one 32 x 32: 0.45-0.85,
  // 16 x 16: 1.0-1.6; 512 of one 5 x 5: 4. The weight's transform must pay:
  MIN_CHANNELS = 32,
  MIN_SAVED = 1500,  // multiplications saved per pair of channels
};

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
// Columns are filled up to whole vectors: odd products are much slower.
static int64_t whole(int64_t columns) { return ceil_div(columns, 16) * 16; }

// ------------------------------------------------------------ planes

// 36 matrices of rows x columns. Strides that are multiples of 4096 bytes
// would put a tile's 36 elements into the same cache sets: twice the time.
typedef struct planes {
  float *at;
  int64_t rows, ld, stride;
} planes;

static planes make_planes(int64_t rows, int64_t columns) {
  planes p = {NULL, rows, whole(columns), 0};
  p.stride = ceil_div(rows * p.ld, 1024) * 1024 + 16;
  return p;
}

static int64_t floats_of(const planes *p) { return PLANES * p->stride; }

// Lines of n columns from column `first` of row r on.
static void store(const planes *p, int64_t r, int64_t first, int64_t n,
                  const float *lines) {
  for (int64_t f = 0; f < PLANES; f++, lines += STRIP) {
    float *restrict to = p->at + f * p->stride + r * p->ld + first;
    for (int64_t i = 0; i < n; i++) to[i] = lines[i];
  }
}

static void fetch(const planes *p, int64_t r, int64_t first, int64_t n,
                  float *lines) {
  for (int64_t f = 0; f < PLANES; f++, lines += STRIP) {
    const float *restrict from = p->at + f * p->stride + r * p->ld + first;
    for (int64_t i = 0; i < n; i++) lines[i] = from[i];
  }
}

// Whether the gradient of the image is better the adjoint of all steps.
static bool spreads(const orr_conv *g) {
  return orr_winograd_cut(g->n, g->oh, g->ow).count <
      orr_winograd_cut(g->n, g->h, g->w).count;
}

bool orr_winograd_fits(const orr_conv *g, bool to_x) {
  if (g->kh != 3 || g->kw != 3 || g->sh != 1 || g->sw != 1 || g->dh != 1 ||
      g->dw != 1 || g->groups != 1 || g->c < MIN_CHANNELS ||
      g->k < MIN_CHANNELS)
    return false;
  const bool by_x = to_x && !spreads(g);
  const int64_t h = by_x ? g->h : g->oh, w = by_x ? g->w : g->ow;
  const int64_t saved =
      9 * g->n * g->oh * g->ow - PLANES * orr_winograd_cut(g->n, h, w).count;
  return saved >= max64(MIN_SAVED, g->c * g->k / 32);
}

// ------------------------------------------------------------ steps

// Images on both sides of a convolution, and where the work is.
typedef struct side {
  const float *read;  // or
  float *write;
  int64_t channels, h, w;
  const float *bias;
} side;

typedef struct plan {
  side in, out;
  int64_t images, ph, pw;
  const float *weight;
  float *new_weight;
  bool turn;            // channels of the weight swapped,
  bool spread;          // its kernel not turned round: patches are added
  tiles s;              // of the out side, of the in side if spread
  int64_t first, last;  // tiles of this block
  planes a, b, c;       // c = a b, transposed as below
  bool tb;
  int64_t m, n, k;
  double beta;
} plan;

static void in_channel(void *context, int64_t c) {
  const plan *p = context;
  const side *x = &p->in;
  float tile[PLANES * STRIP] = {0}, plane[PLANES * STRIP];
  for (int64_t t = p->first; t < p->last; t += STRIP) {
    const int64_t n = min64(STRIP, p->last - t);
    orr_winograd_take(&p->s, x->read + c * x->h * x->w,
                      x->channels * x->h * x->w, x->h, x->w, p->ph, p->pw, 6, t,
                      t + n, tile);
    orr_winograd_transform(IMAGE_TO_PLANE, whole(n), tile, plane);
    store(&p->b, c, t - p->first, whole(n), plane);
  }
}

static void out_channel(void *context, int64_t k) {
  const plan *p = context;
  const side *y = &p->out;
  float tile[16 * STRIP], plane[PLANES * STRIP];
  const float bias = y->bias ? y->bias[k] : 0;
  for (int64_t t = p->first; t < p->last; t += STRIP) {
    const int64_t n = min64(STRIP, p->last - t);
    fetch(&p->c, k, t - p->first, n, plane);
    orr_winograd_transform(PLANE_TO_TILE, n, plane, tile);
    orr_winograd_give(&p->s, tile, bias, y->channels * y->h * y->w, y->h, y->w,
                      t, t + n, y->write + k * y->h * y->w);
  }
}

// y as a factor, into planes `to`.
static void take_cotangent(const plan *p, const side *y, int64_t k,
                           const planes *to) {
  float tile[16 * STRIP], plane[PLANES * STRIP];
  for (int64_t t = p->first; t < p->last; t += STRIP) {
    const int64_t n = min64(STRIP, p->last - t);
    orr_winograd_take(&p->s, y->read + k * y->h * y->w,
                      y->channels * y->h * y->w, y->h, y->w, 0, 0, 4, t, t + n,
                      tile);
    orr_winograd_transform(TILE_TO_PLANE, n, tile, plane);
    store(to, k, t - p->first, n, plane);
  }
}

static void cotangent_channel(void *context, int64_t k) {
  const plan *p = context;
  take_cotangent(p, &p->out, k, &p->a);
}

static void spread_in_channel(void *context, int64_t k) {
  const plan *p = context;
  take_cotangent(p, &p->in, k, &p->b);
}

static void spread_out_channel(void *context, int64_t c) {
  const plan *p = context;
  const side *x = &p->out;
  const int64_t size = x->h * x->w, image = x->channels * size;
  float patch[PLANES * STRIP], plane[PLANES * STRIP];
  float *to = x->write + c * size;
  if (p->first == 0)
    for (int64_t n = 0; n < p->images; n++)
      for (int64_t i = 0; i < size; i++)
        to[n * image + i] = x->bias ? x->bias[c] : 0;
  for (int64_t t = p->first; t < p->last; t += STRIP) {
    const int64_t n = min64(STRIP, p->last - t);
    fetch(&p->c, c, t - p->first, n, plane);
    orr_winograd_transform(PLANE_TO_IMAGE, n, plane, patch);
    orr_winograd_add(&p->s, patch, image, x->h, x->w, p->ph, p->pw, t, t + n,
                     to);
  }
}

// WEIGHT_ROWS rows of the factor a. A weight turned round also swaps its two
// axes of channels: a row then takes 9 floats here and there, its neighbours
// the next 9, so several rows at once use all of what the cache brings.
static void weight_rows(void *context, int64_t chunk) {
  const plan *p = context;
  const int64_t r0 = chunk * WEIGHT_ROWS;
  const int64_t rows = min64(WEIGHT_ROWS, p->m - r0);
  const int64_t down = p->turn ? 9 : p->k * 9, right = p->turn ? p->m * 9 : 9;
  const bool flip = p->turn && !p->spread;
  float kernel[WEIGHT_ROWS][9 * STRIP], plane[PLANES * STRIP];
  for (int64_t c = 0; c < p->k; c += STRIP) {
    const int64_t n = min64(STRIP, p->k - c);
    for (int64_t i = 0; i < n; i++)
      for (int64_t r = 0; r < rows; r++) {
        const float *w = p->weight + (r0 + r) * down + (c + i) * right;
        for (int64_t e = 0; e < 9; e++)
          kernel[r][(flip ? 8 - e : e) * STRIP + i] = w[e];
      }
    for (int64_t r = 0; r < rows; r++) {
      orr_winograd_transform(WEIGHT_TO_PLANE, n, kernel[r], plane);
      store(&p->a, r0 + r, c, n, plane);
    }
  }
}

static void new_weight_row(void *context, int64_t r) {
  const plan *p = context;
  float kernel[9 * STRIP], plane[PLANES * STRIP];
  for (int64_t c = 0; c < p->n; c += STRIP) {
    const int64_t n = min64(STRIP, p->n - c);
    float *restrict w = p->new_weight + (r * p->n + c) * 9;
    fetch(&p->c, r, c, n, plane);
    orr_winograd_transform(PLANE_TO_WEIGHT, n, plane, kernel);
    for (int64_t i = 0; i < n; i++, w += 9)
      for (int64_t e = 0; e < 9; e++) w[e] = kernel[e * STRIP + i];
  }
}

// ROWS rows of one plane of c.
static void multiply(void *context, int64_t chunk) {
  const plan *p = context;
  const int64_t f = chunk % PLANES, r = chunk / PLANES * ROWS;
  const float *a = p->a.at + f * p->a.stride;
  const orr_gemm g = {.tb = p->tb,
                      .m = min64(ROWS, p->m - r),
                      .n = p->n,
                      .k = p->k,
                      .a = a + r * p->a.ld,
                      .b = p->b.at + f * p->b.stride,
                      .c = p->c.at + f * p->c.stride + r * p->c.ld,
                      .lda = p->a.ld,
                      .ldb = p->b.ld,
                      .ldc = p->c.ld,
                      .alpha = 1,
                      .beta = p->beta};
  orr_gemm_serial(ORR_F32, &g);
}

static void multiply_all(plan *p) {
  orr_parallel(PLANES * ceil_div(p->m, ROWS), multiply, p);
}

// ------------------------------------------------------------ the trio

// Tiles of a block, all blocks about alike: many enough that the planes of the
// weight, read anew for each, are no more than a block's.
static int64_t block_tiles(const plan *p) {
  const int64_t c = p->in.channels, k = p->out.channels;
  const int64_t enough = min64(c * k / (c + k), 4 * STRIP);
  const int64_t most =
      max64(max64(BLOCK_FLOATS / PLANES / (c + k), enough), STRIP);
  const int64_t blocks = ceil_div(p->s.count, most);
  return whole(ceil_div(p->s.count, blocks));
}

// Memory of the three sets of planes, to be freed.
static float *allocate(plan *p, size_t *bytes) {
  const int64_t a = floats_of(&p->a), b = floats_of(&p->b);
  *bytes = (size_t)(a + b + floats_of(&p->c)) * sizeof(float);
  float *block = orr_alloc(*bytes);
  if (!block) return NULL;
  p->a.at = block;
  p->b.at = block + a;
  p->c.at = block + a + b;
  return block;
}

// out = conv(in, weight), whichever they are.
static bool convolve(plan *p) {
  const side *tiled = p->spread ? &p->in : &p->out;
  p->s = orr_winograd_cut(p->images, tiled->h, tiled->w);
  const int64_t block = min64(block_tiles(p), p->s.count);
  p->m = p->out.channels, p->k = p->in.channels;
  p->a = make_planes(p->m, p->k);
  p->b = make_planes(p->k, block);
  p->c = make_planes(p->m, block);
  size_t bytes;
  float *memory = allocate(p, &bytes);
  if (!memory) return false;
  orr_parallel(ceil_div(p->m, WEIGHT_ROWS), weight_rows, p);
  for (; p->first < p->s.count && !orr_stopping(); p->first = p->last) {
    p->last = min64(p->first + block, p->s.count);
    p->n = whole(p->last - p->first);
    orr_parallel(p->k, p->spread ? spread_in_channel : in_channel, p);
    multiply_all(p);
    orr_parallel(p->m, p->spread ? spread_out_channel : out_channel, p);
  }
  orr_free(memory, bytes);
  return true;
}

bool orr_winograd_y(const orr_conv *g, const float *x, const float *weight,
                    const float *bias, float *y) {
  plan p = {.in = {.read = x, .channels = g->c, .h = g->h, .w = g->w},
            .out = {.write = y,
                    .channels = g->k,
                    .h = g->oh,
                    .w = g->ow,
                    .bias = bias},
            .ph = g->ph,
            .pw = g->pw,
            .weight = weight,
            .images = g->n};
  return convolve(&p);
}

bool orr_winograd_x(const orr_conv *g, const float *y, const float *weight,
                    const float *bias, float *x) {
  const bool spread = spreads(g);
  plan p = {
      .in = {.read = y, .channels = g->k, .h = g->oh, .w = g->ow},
      .out = {.write = x, .channels = g->c, .h = g->h, .w = g->w, .bias = bias},
      .ph = spread ? g->ph : 2 - g->ph,
      .pw = spread ? g->pw : 2 - g->pw,
      .weight = weight,
      .turn = true,
      .spread = spread,
      .images = g->n};
  return convolve(&p);
}

bool orr_winograd_w(const orr_conv *g, const float *x, const float *y,
                    float *weight) {
  plan p = {.in = {.read = x, .channels = g->c, .h = g->h, .w = g->w},
            .out = {.read = y, .channels = g->k, .h = g->oh, .w = g->ow},
            .ph = g->ph,
            .pw = g->pw,
            .new_weight = weight,
            .s = orr_winograd_cut(g->n, g->oh, g->ow),
            .m = g->k,
            .n = g->c,
            .tb = true};
  const int64_t block = min64(block_tiles(&p), p.s.count);
  p.a = make_planes(p.m, block);
  p.b = make_planes(p.n, block);
  p.c = make_planes(p.m, p.n);
  size_t bytes;
  float *memory = allocate(&p, &bytes);
  if (!memory) return false;
  for (; p.first < p.s.count && !orr_stopping(); p.first = p.last) {
    p.last = min64(p.first + block, p.s.count);
    p.k = p.last - p.first;
    orr_parallel(p.n, in_channel, &p);
    orr_parallel(p.m, cotangent_channel, &p);
    multiply_all(&p);
    p.beta = 1;
  }
  orr_parallel(p.m, new_weight_row, &p);
  orr_free(memory, bytes);
  return true;
}
