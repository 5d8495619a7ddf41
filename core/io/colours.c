// colours.c -- at most 256 colours for a picture: its own where they are few;
// else boxes of the colour cube, always the one with the largest squared error
// cut in two at its mean (Wan, Prusinkiewicz, Wong, "Variance-based color image
// quantization", 1988), and what rounding leaves over handed on to pixels not
// yet done (Floyd, Steinberg, 1976).
#include "colours.h"
#include <string.h>

// ------------------------------------------------------------- few colours

// Where a colour is, or would be, in a table of 1024 places.
static int place(const uint16_t *table, const orr_colours *c,
                 const uint8_t *p) {
  uint32_t key = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
  int at = (int)(key * 2654435761u >> 22);
  while (table[at] && memcmp(c->rgb[table[at] - 1], p, 3) != 0)
    at = (at + 1) & 1023;
  return at;
}

bool orr_colours_add(orr_colours *c, const uint8_t *pixels, size_t n) {
  uint16_t table[1024] = {0};
  for (int i = 0; i < c->n; i++)
    table[place(table, c, c->rgb[i])] = (uint16_t)(i + 1);
  for (size_t i = 0; i < n; i++) {
    const uint8_t *p = pixels + 3 * i;
    if (i > 0 && memcmp(p, p - 3, 3) == 0) continue;
    const int at = place(table, c, p);
    if (table[at]) continue;
    if (c->n == 256) return false;
    memcpy(c->rgb[c->n++], p, 3);
    table[at] = (uint16_t)c->n;
  }
  return true;
}

// ------------------------------------------------------------ many colours

// Pixels of one cell of the cube, 8 levels on a side: how many, and the sum of
// their colours.
typedef struct cell {
  uint64_t n, sum[3];
} cell;

typedef struct box {
  int first, last;  // of the cells, in their order
  int axis;         // along which its error is largest
  double error, mean;
} box;

enum { SIDE = 32, CELLS = SIDE * SIDE * SIDE };

static int cell_of(const uint8_t *p) {
  return (p[0] >> 3) << 10 | (p[1] >> 3) << 5 | p[2] >> 3;
}

static double level(const cell *c, int axis) {
  return (double)c->sum[axis] / (double)c->n;
}

static void measure(box *b, const cell *cells) {
  b->error = -1;
  for (int axis = 0; axis < 3; axis++) {
    double n = 0, sum = 0, squares = 0;
    for (int i = b->first; i < b->last; i++) {
      const double x = level(&cells[i], axis), w = (double)cells[i].n;
      n += w;
      sum += w * x;
      squares += w * x * x;
    }
    const double error = squares - sum * sum / n;
    if (error <= b->error) continue;
    b->error = error;
    b->axis = axis;
    b->mean = sum / n;
  }
  if (b->last - b->first < 2) b->error = 0;
}

// Moves the cells above the mean to the end; returns where they begin.
static int part(const box *b, cell *cells) {
  int low = b->first, high = b->last;
  while (low < high) {
    if (level(&cells[low], b->axis) <= b->mean) {
      low++;
    } else {
      const cell c = cells[--high];
      cells[high] = cells[low];
      cells[low] = c;
    }
  }
  return low;
}

static int cut(box *boxes, cell *cells, int n_cells) {
  int n = 1;
  boxes[0] = (box){.first = 0, .last = n_cells};
  measure(&boxes[0], cells);
  while (n < 256) {
    box *worst = boxes;
    for (int i = 1; i < n; i++)
      if (boxes[i].error > worst->error) worst = &boxes[i];
    if (worst->error <= 1e-9) break;
    const int middle = part(worst, cells);
    if (middle == worst->first || middle == worst->last) {
      worst->error = 0;  // its cells are alike but for rounding
      continue;
    }
    boxes[n] = (box){.first = middle, .last = worst->last};
    worst->last = middle;
    measure(worst, cells);
    measure(&boxes[n++], cells);
  }
  return n;
}

bool orr_colours_cut(orr_colours *c, const uint8_t *pixels, size_t n) {
  cell *cells = orr_alloc_zero(CELLS * sizeof *cells);
  if (!cells) return false;
  for (size_t i = 0; i < n; i++) {
    cell *at = &cells[cell_of(pixels + 3 * i)];
    at->n++;
    for (int k = 0; k < 3; k++) at->sum[k] += pixels[3 * i + (size_t)k];
  }
  int used = 0;
  for (int i = 0; i < CELLS; i++)
    if (cells[i].n) cells[used++] = cells[i];
  box boxes[256];
  c->n = used ? cut(boxes, cells, used) : 0;
  for (int i = 0; i < c->n; i++) {
    uint64_t count = 0, sum[3] = {0};
    for (int j = boxes[i].first; j < boxes[i].last; j++) {
      count += cells[j].n;
      for (int k = 0; k < 3; k++) sum[k] += cells[j].sum[k];
    }
    for (int k = 0; k < 3; k++)
      c->rgb[i][k] = (uint8_t)((sum[k] + count / 2) / count);
  }
  orr_free(cells, CELLS * sizeof *cells);
  return true;
}

// ----------------------------------------------------------------- mapping

// What is known of the nearest colours: one answer, counted from 1, for each
// 4 x 4 x 4 colours. A colour of the palette answers for itself.
enum { NEAR = 64 * 64 * 64 };

static int nearest(const orr_colours *c, uint16_t *known, const int *rgb) {
  const int at = (rgb[0] >> 2) << 12 | (rgb[1] >> 2) << 6 | rgb[2] >> 2;
  if (known[at]) return known[at] - 1;
  int best = 0, least = INT32_MAX;
  for (int i = 0; i < c->n; i++) {
    int distance = 0;
    for (int k = 0; k < 3; k++) {
      const int d = rgb[k] - c->rgb[i][k];
      distance += d * d;
    }
    if (distance < least) {
      least = distance;
      best = i;
    }
  }
  known[at] = (uint16_t)(best + 1);
  return best;
}

static void map_own(const orr_colours *c, const uint8_t *pixels, size_t n,
                    uint8_t *to) {
  uint16_t table[1024] = {0};
  for (int i = 0; i < c->n; i++)
    table[place(table, c, c->rgb[i])] = (uint16_t)(i + 1);
  for (size_t i = 0; i < n; i++)
    to[i] = (uint8_t)(table[place(table, c, pixels + 3 * i)] - 1);
}

// One row, left to right or back. `now` and `next` are what was left over, in
// sixteenths, with one pixel of room at both ends.
static void spread_row(const orr_colours *c, uint16_t *known,
                       const uint8_t *pixels, int width, int step, int *now,
                       int *next, uint8_t *to) {
  memset(next, 0, ((size_t)width + 2) * 3 * sizeof *next);
  for (int i = 0; i < width; i++) {
    const int x = step > 0 ? i : width - 1 - i;
    int rgb[3];
    for (int k = 0; k < 3; k++) {
      const int v = pixels[3 * x + k] + now[3 * (x + 1) + k] / 16;
      rgb[k] = v < 0 ? 0 : v > 255 ? 255 : v;
    }
    to[x] = (uint8_t)nearest(c, known, rgb);
    for (int k = 0; k < 3; k++) {
      const int left = rgb[k] - c->rgb[to[x]][k];
      now[3 * (x + 1 + step) + k] += 7 * left;
      next[3 * (x + 1 - step) + k] += 3 * left;
      next[3 * (x + 1) + k] += 5 * left;
      next[3 * (x + 1 + step) + k] += left;
    }
  }
}

bool orr_colours_map(const orr_colours *c, const uint8_t *pixels, int width,
                     int height, uint8_t *to) {
  orr_colours own = *c;
  const size_t n = (size_t)width * (size_t)height;
  if (orr_colours_add(&own, pixels, n) && own.n == c->n) {
    map_own(c, pixels, n, to);
    return true;
  }
  const size_t row = ((size_t)width + 2) * 3;
  const size_t bytes = NEAR * sizeof(uint16_t) + 2 * row * sizeof(int);
  int *left = orr_alloc_zero(bytes);
  if (!left) return false;
  uint16_t *known = (uint16_t *)(left + 2 * row);
  for (int y = 0; y < height; y++) {
    const size_t at = (size_t)y * (size_t)width;
    spread_row(c, known, pixels + 3 * at, width, y % 2 ? -1 : 1,
               left + (size_t)(y % 2) * row, left + (size_t)(1 - y % 2) * row,
               to + at);
  }
  orr_free(left, bytes);
  return true;
}
