// eigh_reduce.c -- a symmetric matrix made tridiagonal by reflectors, and
// those applied to its eigenvectors. See eigh.h.
//
// Columns are reduced a panel at a time (Dongarra, Sorensen, Hammarling 1989):
// within it the matrix itself stays, a reflector meets a - v w^T - w v^T of the
// panel's columns, and one product by the matrix per column, which is bound by
// memory, reads each element of the lower triangle once for both places that
// it stands for. The panel is subtracted afterwards, by tiles.
//
// Measured for 2048 x 2048, one thread: 0.60 s, the division 0.27, the
// reflectors 0.42; LAPACK's three 1.50, of which 0.76 cannot be shared.
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "../base/threads.h"
#include "counts.h"
#include "eigh.h"
#include "elementwise.h"
#include "gemm.h"
#include "lapack.h"

enum {
  PANEL = 32,          // columns reduced at a time
  BLOCK = 128,         // reflectors applied at a time
  TILE = 192,          // side of what a chunk subtracts from
  PARTS = 8,           // of a product by the matrix, at most
  PART_SIZE = 1 << 15  // elements worth a part
};

// ------------------------------------------------------------ y = a x

typedef double lane __attribute__((vector_size(64)));
typedef double any_lane __attribute__((vector_size(64), aligned(8), may_alias));
enum { LANE = 8, COLUMNS = 4 };

// By its address: how a vector is passed differs between instruction sets.
static double sum_of(const lane *p) {
  const lane v = *p;
  return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

// What COLUMNS columns, `lda` apart, whose elements are all below the
// diagonal, give: y[i] += sum over c of a[i][c] x[c], dot[c] = a[.][c] . xs.
ORR_CLONES static void four_columns(int64_t n, const double *a, int64_t lda,
                                    const double *x, const double *xs,
                                    double *y, double *dot) {
  const double *a0 = a, *a1 = a + lda, *a2 = a1 + lda, *a3 = a2 + lda;
  lane s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
  int64_t i = 0;
  for (; i + LANE <= n; i += LANE) {
    const lane v0 = *(const any_lane *)(a0 + i);
    const lane v1 = *(const any_lane *)(a1 + i);
    const lane v2 = *(const any_lane *)(a2 + i);
    const lane v3 = *(const any_lane *)(a3 + i);
    const lane xi = *(const any_lane *)(xs + i);
    *(any_lane *)(y + i) += (v0 * x[0] + v1 * x[1]) + (v2 * x[2] + v3 * x[3]);
    s0 += v0 * xi, s1 += v1 * xi, s2 += v2 * xi, s3 += v3 * xi;
  }
  dot[0] = sum_of(&s0), dot[1] = sum_of(&s1);
  dot[2] = sum_of(&s2), dot[3] = sum_of(&s3);
  for (; i < n; i++) {
    y[i] += (a0[i] * x[0] + a1[i] * x[1]) + (a2[i] * x[2] + a3[i] * x[3]);
    dot[0] += a0[i] * xs[i], dot[1] += a1[i] * xs[i];
    dot[2] += a2[i] * xs[i], dot[3] += a3[i] * xs[i];
  }
}

typedef struct symv {
  int64_t n, lda;
  const double *a, *x;
  int64_t parts, cut[PARTS + 1];  // columns
  double *y;                      // parts vectors of n
} symv;

// Columns [first, last) of the lower triangle, to a vector of their own.
static void symv_part(void *context, int64_t part) {
  const symv *s = context;
  const int64_t first = s->cut[part], last = s->cut[part + 1];
  double *y = s->y + part * s->n;
  memset(y + first, 0, (size_t)(s->n - first) * sizeof *y);
  for (int64_t c = first; c < last; c += COLUMNS) {
    const int64_t columns = min64(COLUMNS, last - c);
    for (int64_t j = c; j < c + columns; j++) {
      const double *a = s->a + j * s->lda;
      y[j] += a[j] * s->x[j];
      for (int64_t i = j + 1; i < c + columns; i++) {
        y[i] += a[i] * s->x[j];
        y[j] += a[i] * s->x[i];
      }
    }
    const int64_t below = c + columns;
    if (columns < COLUMNS || below == s->n) continue;  // only the last ones
    double dot[COLUMNS];
    four_columns(s->n - below, s->a + c * s->lda + below, s->lda, s->x + c,
                 s->x + below, y + below, dot);
    for (int64_t j = 0; j < COLUMNS; j++) y[c + j] += dot[j];
  }
}

// y = a x of the lower triangle; parts: room for PARTS vectors.
static void product(int64_t n, const double *a, int64_t lda, const double *x,
                    double *y, double *parts) {
  symv s = {.n = n, .lda = lda, .a = a, .x = x, .y = parts};
  s.parts = max64(1, min64(PARTS, n * n / 2 / PART_SIZE));
  for (int64_t p = 0; p < s.parts; p++) {  // of equal area
    const double left = 1 - (double)p / (double)s.parts;
    s.cut[p] = (int64_t)((double)n * (1 - sqrt(left))) / COLUMNS * COLUMNS;
  }
  s.cut[s.parts] = n;
  orr_parallel(s.parts, symv_part, &s);
  memcpy(y, parts, (size_t)n * sizeof *y);
  for (int64_t p = 1; p < s.parts; p++)
    for (int64_t i = s.cut[p]; i < n; i++) y[i] += parts[p * n + i];
}

// ------------------------------------------------------------ reduction

typedef struct panel {
  int n, first, columns;
  double *a;              // v below the diagonal of its columns
  double *v, *w, *again;  // v, w and v, side by side, PANEL columns each
} panel;

static double *column_of(const panel *p, int j) {
  return p->a + (size_t)(p->first + j) * (size_t)p->n;
}

// y -= left right[row]^T for the panel's first `count` columns, rows from
// `row` on, of which both begin.
static void subtract(const panel *p, int count, const double *left,
                     const double *right, int row, double *y) {
  if (count)
    cblas_dgemv(CblasColMajor, CblasNoTrans, p->n - row, count, -1, left + row,
                p->n, right + row, p->n, 1, y, 1);
}

// Turns x[n] into the v of a reflector that maps it to (e, 0, ...).
static double reflector(int n, double *x, double *e) {
  const double rest = n > 1 ? cblas_dnrm2(n - 1, x + 1, 1) : 0;
  *e = x[0];
  x[0] = 1;
  if (rest < 1e-280) {  // beside entries of medium size
    for (int i = 1; i < n; i++) x[i] = 0;
    return 0;
  }
  const double alpha = *e;
  *e = -copysign(hypot(alpha, rest), alpha);
  cblas_dscal(n - 1, 1 / (alpha - *e), x + 1, 1);
  return (*e - alpha) / *e;
}

// w of column j: tau (a v - v (w^T v) - w (v^T v)), made to suit both sides.
static void other_vector(const panel *p, int j, double tau, double *room) {
  const int row = p->first + j + 1, n = p->n - row;
  const size_t at = (size_t)j * (size_t)p->n;
  const double *v = p->v + at + row, *vs = p->v + row, *ws = p->w + row;
  double *w = p->w + at + row;
  product(n, p->a + (size_t)row * (size_t)p->n + row, p->n, v, w, room);
  for (int both = 0; both < 2 && j; both++) {
    const double *one = both ? vs : ws, *two = both ? ws : vs;
    cblas_dgemv(CblasColMajor, CblasTrans, n, j, 1, one, p->n, v, 1, 0, room,
                1);
    cblas_dgemv(CblasColMajor, CblasNoTrans, n, j, -1, two, p->n, room, 1, 1, w,
                1);
  }
  cblas_dscal(n, tau, w, 1);
  cblas_daxpy(n, -tau / 2 * cblas_ddot(n, w, 1, v, 1), v, 1, w, 1);
}

// A tile of the lower triangle, and what it has above the diagonal. One product
// subtracts both v w^T and w v^T.
static void subtract_tile(void *context, int64_t tile) {
  const panel *p = context;
  int64_t i = 0;
  for (; tile > i; i++) tile -= i + 1;
  const int64_t first = p->first + p->columns;
  const int64_t r = first + i * TILE, c = first + tile * TILE;
  orr_gemm_serial(ORR_F64,
                  &(orr_gemm){.ta = true,  // by rows: the transposed
                              .m = min64(TILE, p->n - c),
                              .n = min64(TILE, p->n - r),
                              .k = 2 * PANEL,
                              .a = p->v + c,
                              .b = p->w + r,
                              .c = p->a + c * p->n + r,
                              .lda = p->n,
                              .ldb = p->n,
                              .ldc = p->n,
                              .alpha = -1,
                              .beta = 1});
}

size_t orr_eigh_reduce_work(int n) { return (size_t)n * (3 * PANEL + PARTS); }

// Column j of the panel.
static void reduce_column(const panel *p, int j, double *d, double *e,
                          double *tau, double *room) {
  const int row = p->first + j, n = p->n - row - 1;
  double *x = column_of(p, j) + row;
  subtract(p, j, p->v, p->w, row, x);
  subtract(p, j, p->w, p->v, row, x);
  d[row] = x[0];
  if (n == 0) return;
  tau[row] = reflector(n, x + 1, &e[row]);
  const size_t at = (size_t)j * (size_t)p->n + (size_t)row + 1;
  memcpy(p->v + at, x + 1, (size_t)n * sizeof *x);
  memcpy(p->again + at, x + 1, (size_t)n * sizeof *x);
  other_vector(p, j, tau[row], room);
}

void orr_eigh_reduce(int n, double *a, double *d, double *e, double *tau,
                     double *work) {
  const size_t size = (size_t)n * PANEL;
  panel p = {.n = n, .a = a, .v = work};
  p.w = p.v + size, p.again = p.w + size;
  for (p.first = 0; p.first < n && !orr_stopping(); p.first += p.columns) {
    p.columns = (int)min64(PANEL, n - p.first);
    orr_blas_enter();
    for (int j = 0; j < p.columns; j++)
      reduce_column(&p, j, d, e, tau, p.again + size);
    orr_blas_leave();
    const int64_t tiles = (n - p.first - p.columns + TILE - 1) / TILE;
    orr_parallel(tiles * (tiles + 1) / 2, subtract_tile, &p);
  }
}

// ------------------------------------------------------------ q z

// The product of reflectors is 1 - v t v^T with t triangular, of which
// t^-1 + t^-T = v^T v (Puglisi 1992); in and out: v^T v and t, by columns.
static void triangle_of(int n, const double *tau, const double *vv, double *t) {
  memset(t, 0, (size_t)n * (size_t)n * sizeof *t);
  for (int j = 0; j < n; j++) {
    for (int i = 0; i < j; i++) {
      double sum = 0;
      for (int k = i; k < j; k++) sum += t[k * n + i] * vv[j * n + k];
      t[j * n + i] = -tau[j] * sum;
    }
    t[j * n + j] = tau[j];
  }
}

size_t orr_eigh_back_work(int n) {
  return (size_t)3 * BLOCK * (size_t)n + 2 * BLOCK * BLOCK;
}

void orr_eigh_back(int n, const double *a, const double *tau, double *z,
                   double *work) {
  double *v = work, *vt = v + (size_t)BLOCK * (size_t)n;
  double *vz = vt + (size_t)BLOCK * (size_t)n,
         *t = vz + (size_t)BLOCK * (size_t)n;
  double *vv = t + BLOCK * BLOCK;
  const int count = n - 1;
  for (int first = (count - 1) / BLOCK * BLOCK; first >= 0 && !orr_stopping();
       first -= BLOCK) {
    const int k = (int)min64(BLOCK, count - first), m = n - 1 - first;
    for (int j = 0; j < k; j++) {
      double *to = v + (size_t)j * (size_t)m;
      const double *from = a + (size_t)(first + j) * (size_t)n + first + 1;
      memset(to, 0, (size_t)j * sizeof *to);
      memcpy(to + j, from + j, (size_t)(m - j) * sizeof *to);
    }
    orr_lapack_product(true, false, k, k, m, v, v, vv);
    triangle_of(k, tau + first, vv, t);
    orr_lapack_product(false, false, m, k, k, v, t, vt);
    double *part = z + first + 1;
    orr_lapack_gemm(&(orr_gemm){.ta = true,
                                .m = k,
                                .n = n,
                                .k = m,
                                .a = v,
                                .lda = m,
                                .b = part,
                                .ldb = n,
                                .c = vz,
                                .ldc = k,
                                .alpha = 1});
    orr_lapack_gemm(&(orr_gemm){.m = m,
                                .n = n,
                                .k = k,
                                .a = vt,
                                .lda = m,
                                .b = vz,
                                .ldb = k,
                                .c = part,
                                .ldc = n,
                                .alpha = -1,
                                .beta = 1});
  }
}
