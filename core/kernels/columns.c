// columns.c -- see columns.h.
//
//   y = w cols(x)      x = cols^T(w^T y)      w = y cols(x)^T
//
// Work is cut into blocks of output positions: some images where one alone makes
// too small a product, else rows of one, whose products need no copy of y, such
// that a block's column matrix stays in the second-level cache. (group, image,
// rows) blocks are spread over the threads; the cut depends on the sizes alone.
#include "columns.h"

#include <string.h>

#include "../base/threads.h"
#include "counts.h"
#include "elementwise.h"
#include "gemm.h"
#include "slots.h"
#include "steps.h"

enum {
  COL_FLOATS = 65536,  // elements a block's column matrix is aimed at
  MIN_COLUMNS = 192,   // below this a product is mostly packing
  MAX_ROWS = 1024      // rows of a column matrix, so that chunks stay short
};

#define LOOPS "column_loops.h"
#include "each_float.h"

// Calls the loop of this element type.
#define TYPED(D, NAME, ...) \
  ((D) == ORR_F32 ? NAME##_f32(__VA_ARGS__) : NAME##_f64(__VA_ARGS__))

// A column matrix that would be a copy of the image itself.
bool orr_is_product(const orr_conv *g) {
  return g->kh == 1 && g->kw == 1 && g->sh == 1 && g->sw == 1 && g->ph == 0 &&
      g->pw == 0;
}

// ------------------------------------------------------------ blocks

// How positions and channels are cut; shared by the three.
typedef struct plan {
  const orr_conv *g;
  orr_dtype d;
  size_t es;              // bytes of an element
  const char *x, *w, *y;  // the two that are read, and
  char *out;              // the one that is written
  const void *bias;
  int64_t kk, ck, kg;         // kernel size, channels of a group on both sides
  int64_t pixels_in, pixels;  // h w, oh ow
  int64_t images, rows;       // of a block; rows < oh only when images is 1
  int64_t row_blocks, image_blocks;
  int64_t part, parts;  // channels of a chunk, and how many per group
  bool direct;          // no columns needed
  orr_slots slots;
} plan;

static plan make_plan(orr_dtype d, const orr_conv *g, int64_t col_rows) {
  plan p = {.g = g, .d = d, .es = orr_dtype_size(d)};
  p.kk = g->kh * g->kw;
  p.ck = g->c / g->groups;
  p.kg = g->k / g->groups;
  p.pixels_in = g->h * g->w;
  p.pixels = g->oh * g->ow;
  const int64_t aim = max64(COL_FLOATS / max64(col_rows, 1), MIN_COLUMNS);
  if (p.pixels < MIN_COLUMNS) {
    p.images = min64(max64(g->n, 1), max64(aim / p.pixels, 1));
    p.rows = g->oh;
  } else {
    p.images = 1;
    p.rows = min64(g->oh, max64(aim / g->ow, 1));
  }
  p.image_blocks = ceil_div(g->n, p.images);
  p.row_blocks = ceil_div(g->oh, p.rows);
  return p;
}

// Cuts a group's channels so that a chunk has at most MAX_ROWS / per of them
// and there are about `chunks` chunks, but at least `least` channels each.
static void cut_channels(plan *p, int64_t channels, int64_t per, int64_t blocks,
                         int64_t least) {
  const int64_t chunks = 8;  // enough for the threads to share evenly
  p->part = min64(channels, max64(1, MAX_ROWS / per));
  if (blocks < chunks) {
    const int64_t parts = ceil_div(chunks, max64(blocks, 1));
    p->part = min64(p->part, max64(least, ceil_div(channels, parts)));
  }
  p->parts = ceil_div(channels, p->part);
}

// Copies `rows` rows of `images` images' n elements side by side.
static void gather(const plan *p, const char *from, int64_t image_stride,
                   int64_t images, int64_t rows, char *to) {
  const size_t n = (size_t)p->pixels * p->es;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t b = 0; b < images; b++, to += n)
      memcpy(to, from + (size_t)(b * image_stride + r * p->pixels) * p->es, n);
}

// Columns of output rows [r0, r1) of some images, side by side; x is the first
// channel of the first.
static void make_columns(const plan *p, const char *x, int64_t images,
                         int64_t channels, int64_t r0, int64_t r1, char *col) {
  const int64_t n = (r1 - r0) * p->g->ow;
  for (int64_t i = 0; i < images; i++)
    TYPED(p->d, im2col, p->g,
          (const void *)(x + (size_t)(i * p->g->c * p->pixels_in) * p->es),
          channels, r0, r1, (void *)(col + (size_t)(i * n) * p->es),
          images * n);
}

static void product(const plan *p, bool ta, bool tb, int64_t m, int64_t n,
                    int64_t k, const void *a, int64_t lda, const void *b,
                    int64_t ldb, double beta, void *c, int64_t ldc) {
  orr_gemm_serial(p->d,
                  &(orr_gemm){.ta = ta,
                              .tb = tb,
                              .m = m,
                              .n = n,
                              .k = k,
                              .a = a,
                              .b = b,
                              .c = c,
                              .lda = lda,
                              .ldb = ldb,
                              .ldc = ldc,
                              .alpha = 1,
                              .beta = beta});
}

// ------------------------------------------------------------ y

// One block of positions and one part of a group's output channels.
static void y_chunk(void *context, int64_t chunk) {
  plan *p = context;
  const orr_conv *g = p->g;
  const int64_t part = chunk % p->parts;
  const int64_t group = chunk / p->parts % g->groups;
  const int64_t block = chunk / p->parts / g->groups;
  const int64_t first = block / p->row_blocks * p->images;
  const int64_t r0 = block % p->row_blocks * p->rows;
  const int64_t r1 = min64(r0 + p->rows, g->oh);
  const int64_t images = min64(p->images, g->n - first);
  const int64_t ld = images * (r1 - r0) * g->ow;
  const int64_t k0 = group * p->kg + part * p->part;
  const int64_t m = min64(p->part, (group + 1) * p->kg - k0);
  const int64_t depth = p->ck * p->kk;
  char *col = orr_slot_take(&p->slots), *slot = col;
  const char *b = col;
  int64_t ldb = ld;
  const char *x =
      p->x + (size_t)((first * g->c + group * p->ck) * p->pixels_in) * p->es;
  if (p->direct && images == 1) {
    b = x + (size_t)(r0 * g->ow) * p->es;
    ldb = p->pixels_in;
  } else {
    make_columns(p, x, images, p->ck, r0, r1, col);
  }
  const char *a = p->w + (size_t)(k0 * depth) * p->es;
  char *y =
      p->out + (size_t)((first * g->k + k0) * p->pixels + r0 * g->ow) * p->es;
  const char *bias =
      p->bias ? (const char *)p->bias + (size_t)k0 * p->es : NULL;
  if (images == 1) {
    product(p, false, false, m, ld, depth, a, depth, b, ldb, 0, y, p->pixels);
    TYPED(p->d, add_bias, m, ld, (const void *)y, p->pixels, (const void *)bias,
          (void *)y, p->pixels);
  } else {
    char *tmp = col + (size_t)(depth * ld) * p->es;
    product(p, false, false, m, ld, depth, a, depth, b, ldb, 0, tmp, ld);
    for (int64_t i = 0; i < images; i++)
      TYPED(p->d, add_bias, m, p->pixels,
            (const void *)(tmp + (size_t)(i * p->pixels) * p->es), ld,
            (const void *)bias,
            (void *)(y + (size_t)(i * g->k * p->pixels) * p->es), p->pixels);
  }
  orr_slot_give(&p->slots, slot);
}

static bool run_y(orr_dtype d, const orr_conv *g, const void *x, const void *w,
                  const void *bias, void *y) {
  const int64_t depth = g->c / g->groups * g->kh * g->kw;
  plan p = make_plan(d, g, depth);
  p.x = x, p.w = w, p.out = y, p.bias = bias;
  p.direct = orr_is_product(g);
  if (p.direct && p.pixels >= 64) {  // gathering small images still pays
    p.images = 1;
    p.image_blocks = g->n;
  }
  const int64_t blocks = p.image_blocks * p.row_blocks;
  cut_channels(&p, p.kg, 1, blocks * g->groups, 64);
  // The columns of a block are made anew for each part: few, large parts.
  const int64_t ld = p.images * p.rows * g->ow;
  const int64_t scratch = depth * ld + (p.images > 1 ? p.part * ld : 0);
  const int64_t chunks = blocks * g->groups * p.parts;
  if (!orr_slots_open(&p.slots, (size_t)scratch * p.es, chunks)) return false;
  orr_parallel(chunks, y_chunk, &p);
  orr_slots_close(&p.slots);
  return true;
}

// ------------------------------------------------------------ x

// All positions of a block of images, for a part of a group's input channels:
// nobody else writes to those planes.
static void x_chunk(void *context, int64_t chunk) {
  plan *p = context;
  const orr_conv *g = p->g;
  const int64_t part = chunk % p->parts;
  const int64_t group = chunk / p->parts % g->groups;
  const int64_t first = chunk / p->parts / g->groups * p->images;
  const int64_t images = min64(p->images, g->n - first);
  const int64_t c0 = part * p->part, cn = min64(p->part, p->ck - c0);
  const int64_t depth = p->ck * p->kk, c_first = group * p->ck + c0;
  char *x = p->out + (size_t)((first * g->c + c_first) * p->pixels_in) * p->es;
  const size_t image_in = (size_t)(g->c * p->pixels_in) * p->es;
  const char *bias =
      p->bias ? (const char *)p->bias + (size_t)c_first * p->es : NULL;
  const char *a = p->w + (size_t)(group * p->kg * depth + c0 * p->kk) * p->es;
  const char *y =
      p->y + (size_t)((first * g->k + group * p->kg) * p->pixels) * p->es;
  char *col = orr_slot_take(&p->slots), *slot = col;
  for (int64_t i = 0; i < images && !p->direct; i++)
    TYPED(p->d, fill_bias, cn, p->pixels_in, (const void *)bias,
          (void *)(x + (size_t)i * image_in));
  int64_t ldb = p->pixels;
  if (images > 1) {
    char *side = col + (size_t)(cn * p->kk * images * p->pixels) * p->es;
    gather(p, y, g->k * p->pixels, images, p->kg, side);
    y = side;
    ldb = images * p->pixels;
  }
  for (int64_t r0 = 0; r0 < g->oh && !orr_interrupted(); r0 += p->rows) {
    const int64_t r1 = min64(r0 + p->rows, g->oh);
    const int64_t ld = images * (r1 - r0) * g->ow;
    const char *b = y + (size_t)(r0 * g->ow) * p->es;
    if (p->direct) {
      char *to = x + (size_t)(r0 * g->ow) * p->es;
      product(p, true, false, cn, ld, p->kg, a, depth, b, ldb, 0, to,
              p->pixels_in);
      TYPED(p->d, add_bias, cn, ld, (const void *)to, p->pixels_in,
            (const void *)bias, (void *)to, p->pixels_in);
      continue;
    }
    product(p, true, false, cn * p->kk, ld, p->kg, a, depth, b, ldb, 0, col,
            ld);
    for (int64_t i = 0; i < images; i++)
      TYPED(p->d, col2im, g,
            (const void *)(col + (size_t)(i * p->pixels) * p->es), ld, cn, r0,
            r1, (void *)(x + (size_t)i * image_in));
  }
  orr_slot_give(&p->slots, slot);
}

static bool run_x(orr_dtype d, const orr_conv *g, const void *y, const void *w,
                  const void *bias, void *x) {
  plan p = make_plan(d, g, g->c / g->groups * g->kh * g->kw);
  p.y = y, p.w = w, p.out = x, p.bias = bias;
  p.direct = orr_is_product(g) && p.pixels >= 64;
  if (p.direct) p.images = 1, p.image_blocks = g->n;
  cut_channels(&p, p.ck, p.kk, p.image_blocks * g->groups, 1);
  const int64_t ld = p.images * p.rows * g->ow;
  const int64_t scratch = (p.part * p.kk + (p.images > 1 ? p.kg : 0)) * ld;
  const int64_t chunks = p.image_blocks * g->groups * p.parts;
  if (!orr_slots_open(&p.slots, (size_t)scratch * p.es, chunks)) return false;
  orr_parallel(chunks, x_chunk, &p);
  orr_slots_close(&p.slots);
  return true;
}

// ------------------------------------------------------------ w

// Sums of one share of the images go to a weight-sized part of their own; the
// parts are added in order at the end.
typedef struct w_plan {
  plan p;
  int64_t shares, share;  // of image blocks; blocks in each
  char *sums;             // shares - 1 weights; share 0 is p.out
  int64_t count;          // elements of a weight
} w_plan;

// w += y cols(x)^T over one block of positions; w is overwritten when beta
// is 0. From input channel c0 on, cn of a group.
static void w_block(const plan *p, int64_t group, int64_t c0, int64_t cn,
                    int64_t block, int64_t r0, char *col, double beta,
                    char *w) {
  const orr_conv *g = p->g;
  const int64_t first = block * p->images;
  const int64_t images = min64(p->images, g->n - first);
  const int64_t r1 = min64(r0 + p->rows, g->oh);
  const int64_t ld = images * (r1 - r0) * g->ow;
  const int64_t c_first = first * g->c + group * p->ck + c0;
  const int64_t k_first = first * g->k + group * p->kg;
  const char *x = p->x + (size_t)(c_first * p->pixels_in) * p->es;
  const char *y = p->y + (size_t)(k_first * p->pixels + r0 * g->ow) * p->es;
  const char *cols = col;
  int64_t lda = p->pixels, ldb = ld;
  if (p->direct && images == 1) {
    cols = x + (size_t)(r0 * g->ow) * p->es;
    ldb = p->pixels_in;
  } else {
    make_columns(p, x, images, cn, r0, r1, col);
  }
  if (images > 1) {
    char *side = col + (size_t)(cn * p->kk * ld) * p->es;
    gather(p, y, g->k * p->pixels, images, p->kg, side);
    y = side;
    lda = ld;
  }
  product(p, false, true, p->kg, cn * p->kk, ld, y, lda, cols, ldb, beta, w,
          p->ck * p->kk);
}

static void w_chunk(void *context, int64_t chunk) {
  w_plan *q = context;
  plan *p = &q->p;
  const orr_conv *g = p->g;
  const int64_t part = chunk % p->parts;
  const int64_t group = chunk / p->parts % g->groups;
  const int64_t share = chunk / p->parts / g->groups;
  const int64_t c0 = part * p->part, cn = min64(p->part, p->ck - c0);
  char *w =
      share == 0 ? p->out : q->sums + (size_t)((share - 1) * q->count) * p->es;
  w += (size_t)((group * p->kg * p->ck + c0) * p->kk) * p->es;
  const int64_t last = min64((share + 1) * q->share, p->image_blocks);
  char *slot = orr_slot_take(&p->slots);
  double beta = 0;
  for (int64_t b = share * q->share; b < last; b++)
    for (int64_t r0 = 0; r0 < g->oh && !orr_interrupted(); r0 += p->rows) {
      w_block(p, group, c0, cn, b, r0, slot, beta, w);
      beta = 1;
    }
  orr_slot_give(&p->slots, slot);
}

static void w_sum(void *context, int64_t begin, int64_t end) {
  const w_plan *q = context;
  const size_t at = (size_t)begin * q->p.es;
  TYPED(q->p.d, add_parts, q->shares - 1, end - begin,
        (const void *)(q->sums + at), q->count, (void *)(q->p.out + at));
}

static bool run_w(orr_dtype d, const orr_conv *g, const void *x, const void *y,
                  void *w) {
  w_plan q = {.p = make_plan(d, g, g->c / g->groups * g->kh * g->kw)};
  plan *p = &q.p;
  p->x = x, p->y = y, p->out = w;
  p->direct = orr_is_product(g);
  q.count = g->k * p->ck * p->kk;
  // As many shares as keep the sums small beside the images.
  q.shares = min64(p->image_blocks, q.count <= 65536 ? 8 : 2);
  if (q.count > 1048576) q.shares = 1;
  q.share = ceil_div(p->image_blocks, q.shares);
  q.shares = ceil_div(p->image_blocks, q.share);
  cut_channels(p, p->ck, p->kk, q.shares * g->groups, ceil_div(64, p->kk));
  const int64_t ld = p->images * p->rows * g->ow;
  const int64_t scratch = (p->part * p->kk + (p->images > 1 ? p->kg : 0)) * ld;
  const int64_t chunks = q.shares * g->groups * p->parts;
  const size_t sum_bytes = (size_t)((q.shares - 1) * q.count) * p->es;
  q.sums = sum_bytes ? orr_alloc(sum_bytes) : NULL;
  const bool ok = (!sum_bytes || q.sums) &&
      orr_slots_open(&p->slots, (size_t)scratch * p->es, chunks);
  if (ok) {
    orr_parallel(chunks, w_chunk, &q);
    orr_slots_close(&p->slots);
    if (sum_bytes) orr_parallel_range(q.count, ORR_GRAIN_CHEAP, w_sum, &q);
  }
  if (q.sums) orr_free(q.sums, sum_bytes);
  return ok;
}

// ------------------------------------------------------------ turned

static orr_conv turned(const orr_conv *g) {
  orr_conv t = *g;
  t.c = g->k, t.h = g->oh, t.w = g->ow;
  t.k = g->c, t.oh = g->h, t.ow = g->w;
  t.ph = g->dh * (g->kh - 1) - g->ph;
  t.pw = g->dw * (g->kw - 1) - g->pw;
  return t;
}

// Returns weights turned round, to be freed; *bytes their size.
static void *turned_weight(orr_dtype d, const orr_conv *g, const void *w,
                           size_t *bytes) {
  const int64_t n = g->k * (g->c / g->groups) * g->kh * g->kw;
  *bytes = (size_t)n * orr_dtype_size(d);
  void *t = orr_alloc(*bytes);
  if (t) TYPED(d, flip, g, w, t);
  return t;
}

// ------------------------------------------------------------ the trio

static bool empty(const orr_conv *g) {
  return g->n * g->c * g->h * g->w == 0 || g->n * g->k * g->oh * g->ow == 0 ||
      g->kh * g->kw == 0;
}

// Nothing to multiply: all that is left is the bias.
static bool only_bias(orr_dtype d, int64_t n, int64_t channels, int64_t pixels,
                      const void *bias, char *out) {
  const size_t image = (size_t)(channels * pixels) * orr_dtype_size(d);
  for (int64_t i = 0; i < n && image > 0; i++, out += image)
    TYPED(d, fill_bias, channels, pixels, bias, (void *)out);
  return true;
}

bool orr_columns_y(orr_dtype d, const orr_conv *g, bool by_y, const void *x,
                   const void *weight, const void *bias, void *y) {
  if (empty(g)) return only_bias(d, g->n, g->k, g->oh * g->ow, bias, y);
  if (!by_y) return run_y(d, g, x, weight, bias, y);
  size_t bytes;
  void *w = turned_weight(d, g, weight, &bytes);
  const orr_conv t = turned(g);
  const bool ok = w && run_x(d, &t, x, w, bias, y);
  if (w) orr_free(w, bytes);
  return ok;
}

bool orr_columns_x(orr_dtype d, const orr_conv *g, bool by_y, const void *y,
                   const void *weight, const void *bias, void *x) {
  if (empty(g)) return only_bias(d, g->n, g->c, g->h * g->w, bias, x);
  if (!by_y) return run_x(d, g, y, weight, bias, x);
  size_t bytes;
  void *w = turned_weight(d, g, weight, &bytes);
  const orr_conv t = turned(g);
  const bool ok = w && run_y(d, &t, y, w, bias, x);
  if (w) orr_free(w, bytes);
  return ok;
}

bool orr_columns_w(orr_dtype d, const orr_conv *g, bool by_y, const void *x,
                   const void *y, void *weight) {
  const int64_t count = g->k * (g->c / g->groups) * g->kh * g->kw;
  const size_t bytes = (size_t)count * orr_dtype_size(d);
  if (empty(g)) {
    if (bytes) memset(weight, 0, bytes);
    return true;
  }
  if (!by_y) return run_w(d, g, x, y, weight);
  void *w = orr_alloc(bytes);
  const orr_conv t = turned(g);
  const bool ok = w && run_w(d, &t, y, x, w);
  if (ok) TYPED(d, flip, &t, w, weight);
  if (w) orr_free(w, bytes);
  return ok;
}
