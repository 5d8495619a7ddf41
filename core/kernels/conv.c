// conv.c -- the convolution trio: which algorithm to take.
#include "conv.h"

#include "columns.h"
#include "depthwise.h"
#include "implicit.h"
#include "winograd.h"

int64_t orr_conv_size(int64_t size, int64_t kernel, int64_t stride,
                      int64_t padding, int64_t dilation) {
  const int64_t room = size + 2 * padding - dilation * (kernel - 1) - 1;
  return room < 0 ? 0 : room / stride + 1;
}

// ------------------------------------------------------------ selection

enum way { TO_Y, TO_X, TO_W };

static bool winograd = true;

void orr_set_winograd(bool on) { winograd = on; }
bool orr_winograd(void) { return winograd; }

static bool by_winograd(orr_dtype d, const orr_conv *g, enum way way) {
  return winograd && d == ORR_F32 && orr_winograd_fits(g, way == TO_X);
}

static bool by_depth(orr_dtype d, const orr_conv *g, enum way way) {
  (void)way;
  return d == ORR_F32 && orr_depthwise_fits(g);
}

// Whole tiles of channels, sums long enough to be worth a tile, positions
// enough to fill its lanes; in the adjoint, not many more positions than y has,
// which are what column matrices multiply; and weights whose sums stay in the
// second-level cache between one block of positions and the next.
static bool by_tiles(orr_dtype d, const orr_conv *g, enum way way) {
  if (d != ORR_F32 || orr_is_product(g) || !orr_implicit_fits(g)) return false;
  const int64_t c = g->c / g->groups, k = g->k / g->groups;
  const int64_t kk = g->kh * g->kw, at_y = g->n * g->oh * g->ow;
  const int64_t at_x = g->n * g->h * g->w / (g->sh * g->sw);
  if (way == TO_W)
    return c >= 16 && k >= 16 && at_y >= 48 &&
        g->k * c * kk <= (at_y < 192 ? 1 << 16 : 1 << 17);
  if (way == TO_Y) return k >= 16 && c * kk >= 32 && at_y >= 4;
  return c >= 16 && k * kk >= 32 && at_x >= 192 && at_x * 10 <= at_y * 12;
}

// The smaller side should become columns.
static bool by_columns_turned(orr_dtype d, const orr_conv *g, enum way way) {
  (void)d, (void)way;
  return g->sh == 1 && g->sw == 1 && g->kh * g->kw > 1 &&
      g->k * g->h * g->w < g->c * g->oh * g->ow;
}

// The first that fits is taken; column matrices if none does. Times are of one
// thread of a Zen 4 core, as parts of column matrices' time.
typedef bool fits_fn(orr_dtype d, const orr_conv *g, enum way way);
static const struct {
  fits_fn *fits;
  enum algorithm { DEPTHWISE, WINOGRAD, TILES, TURNED, COLUMNS } algorithm;
} selection[] = {
    // A kernel for each channel, 3 x 3 at strides 1 and 2 and 5 x 5: 0.25 to 0.6
    // (a column matrix of one channel makes a product of one row).
    {by_depth, DEPTHWISE},
    // 3 x 3 at stride 1, a quarter of the multiplications: 0.3 to 0.75 of 32
    // channels and more; to 1.4 where weights outweigh images (winograd.c).
    {by_winograd, WINOGRAD},
    // No matrix to write and read. Of 16 channels and more at strides of 2, 0.75
    // to 0.9 from image to y (dcgan28, pix2pix64, cyclegan), 0.85 to 0.95 in the
    // adjoint, which transposed layers run forward, 0.6 of 7 x 7 from 32 into 3;
    // 0.75 from 512 channels to 4 positions. But 2 to 2.6 from 1 channel, 2 to 6
    // into 1 or 3; in the adjoint 1.05 to 1.2 of 16 to 64 positions, 4 of 4. For
    // the weight 0.75 to 0.95; 1.2 to 1.35 of 49 or 64 positions and a weight of
    // 131,072 and more, 1.1 of 1,024 and 294,912, 1.1 to 4 from or to 1 or 3
    // channels.
    {by_tiles, TILES},
    // Of 512 channels into 1 ("kn2row"): 0.1 to 0.3.
    {by_columns_turned, TURNED},
};

static bool empty(const orr_conv *g) {
  return g->n * g->c * g->h * g->w == 0 || g->n * g->k * g->oh * g->ow == 0 ||
      g->kh * g->kw == 0;
}

static enum algorithm choose(orr_dtype d, const orr_conv *g, enum way way) {
  if (empty(g)) return COLUMNS;
  for (size_t i = 0; i < sizeof selection / sizeof *selection; i++)
    if (selection[i].fits(d, g, way)) return selection[i].algorithm;
  return COLUMNS;
}

// ------------------------------------------------------------ the trio

bool orr_conv_y(orr_dtype d, const orr_conv *g, const void *x,
                const void *weight, const void *bias, void *y) {
  const enum algorithm how = choose(d, g, TO_Y);
  if (how == DEPTHWISE) return orr_depthwise_y(g, x, weight, bias, y);
  if (how == WINOGRAD) return orr_winograd_y(g, x, weight, bias, y);
  if (how == TILES) return orr_implicit_y(g, x, weight, bias, y);
  return orr_columns_y(d, g, how == TURNED, x, weight, bias, y);
}

bool orr_conv_x(orr_dtype d, const orr_conv *g, const void *y,
                const void *weight, const void *bias, void *x) {
  const enum algorithm how = choose(d, g, TO_X);
  if (how == DEPTHWISE) return orr_depthwise_x(g, y, weight, bias, x);
  if (how == WINOGRAD) return orr_winograd_x(g, y, weight, bias, x);
  if (how == TILES) return orr_implicit_x(g, y, weight, bias, x);
  return orr_columns_x(d, g, how == TURNED, y, weight, bias, x);
}

bool orr_conv_w(orr_dtype d, const orr_conv *g, const void *x, const void *y,
                void *weight) {
  const enum algorithm how = choose(d, g, TO_W);
  if (how == DEPTHWISE) return orr_depthwise_w(g, x, y, weight);
  if (how == WINOGRAD) return orr_winograd_w(g, x, y, weight);
  if (how == TILES) return orr_implicit_w(g, x, y, weight);
  return orr_columns_w(d, g, how == TURNED, x, y, weight);
}
