// eigh_divide.c -- eigenvectors of a symmetric tridiagonal matrix, by dividing
// it. See eigh.h.
//
// Cut in the middle, t is two blocks and a matrix of rank one; their
// eigenvectors turn it into diag(d) + rho w w^T, whose eigenvalues are the
// roots of 1 + rho sum of w_i^2 / (d_i - l) (Cuppen 1981). With w_i made anew
// from the roots that were found, the vectors w_i / (d_i - l) are orthogonal
// (Gu, Eisenstat 1995). Blocks of LEAF are LAPACK's, shared by the threads;
// so are of each merge the roots, the vectors and the product by both blocks'.
// What needs no merging LAPACK's dlaed2 finds.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/threads.h"
#include "eigh.h"
#include "elementwise.h"
#include "gemm.h"
#include "lapack.h"

extern void dstedc_(const char *compz, const int *n, double *d, double *e,
                    double *z, const int *ldz, double *work, const int *lwork,
                    int *iwork, const int *liwork, int *info, size_t);
extern void dlaed2_(int *k, const int *n, const int *n1, double *d, double *q,
                    const int *ldq, int *indxq, double *rho, double *z,
                    double *dlamda, double *w, double *q2, int *indx,
                    int *indxc, int *indxp, int *coltyp, int *info);
extern void dlaed3_(const int *k, const int *n, const int *n1, double *d,
                    double *q, const int *ldq, const double *rho,
                    double *dlamda, const double *q2, const int *indx,
                    const int *ctot, double *w, double *s, int *info);
extern void dlaed4_(const int *n, const int *i, const double *d,
                    const double *z, double *delta, const double *rho,
                    double *dlam, int *info);
extern void dlamrg_(const int *n1, const int *n2, const double *a,
                    const int *dtrd1, const int *dtrd2, int *index);

enum {
  LEAF = 320,  // rows of a block that is not cut, at most
  LEAVES = 64,
  FEW = 64,    // roots that are not worth sharing
  ROOTS = 16,  // of a chunk
  ROWS = 64    // of w in a chunk
};

// ------------------------------------------------------------ one merge

typedef struct merge {
  int n, n1, k, ld;   // columns, of the first block, roots; ld of q
  double *d, *q;      // q's columns: both blocks' vectors, then the merged
  double rho, *old;   // old[k]: eigenvalues of the blocks
  double *w, *fresh;  // w[k] from the blocks' vectors, and from the roots
  double *blocks, *room;
  int *order, *types;  // columns sorted by type, and how many there are of each
} merge;

static double *column(const merge *m, int64_t j) { return m->q + j * m->ld; }

// Column j of q becomes old - root j.
static void find_roots(void *context, int64_t first, int64_t last) {
  const merge *m = context;
  for (int j = (int)first + 1; j <= last; j++) {
    int info = 0;
    dlaed4_(&m->k, &j, m->old, m->w, column(m, j - 1), &m->rho, &m->d[j - 1],
            &info);
    if (info) m->d[j - 1] = NAN;
  }
}

// fresh[i]^2 = -product over j of (old_i - root_j) / (old_i - old_j), by the
// order of j; w has the sign.
ORR_CLONES static void renew(const merge *m, int64_t first, int64_t last) {
  double *restrict y = m->fresh;
  const double *restrict old = m->old;
  for (int64_t i = first; i < last; i++) y[i] = column(m, i)[i];
  for (int64_t j = 0; j < m->k; j++) {
    const double *restrict q = column(m, j), at = old[j];
    const int64_t before = j < first ? first : j < last ? j : last;
    const int64_t after = j < first ? first : j < last ? j + 1 : last;
    for (int64_t i = first; i < before; i++) y[i] *= q[i] / (old[i] - at);
    for (int64_t i = after; i < last; i++) y[i] *= q[i] / (old[i] - at);
  }
  for (int64_t i = first; i < last; i++) y[i] = copysign(sqrt(-y[i]), m->w[i]);
}

static void renew_rows(void *context, int64_t first, int64_t last) {
  renew(context, first, last);
}

// Column j of q becomes the vector of root j, its rows in the order of types.
static void find_vectors(void *context, int64_t first, int64_t last) {
  const merge *m = context;
  double *v = m->room + first / ROOTS * m->k;
  for (int64_t j = first; j < last; j++) {
    double *q = column(m, j), squares = 0;
    for (int64_t i = 0; i < m->k; i++) {
      v[i] = m->fresh[i] / q[i];
      squares += v[i] * v[i];
    }
    const double size = sqrt(squares);
    for (int64_t i = 0; i < m->k; i++) q[i] = v[m->order[i] - 1] / size;
  }
}

typedef struct rows {
  const merge *m;
  int64_t first, n;
} rows;

static void take_rows(void *context, int64_t first, int64_t last) {
  const rows *r = context;
  for (int64_t j = first; j < last; j++)
    memcpy(r->m->room + j * r->n, column(r->m, j) + r->first,
           (size_t)r->n * sizeof(double));
}

// Rows [to, to + count) of q's first k columns = block times n of their rows.
static void multiply_block(const merge *m, const double *block, int first,
                           int n, int to, int count) {
  rows r = {m, first, n};
  orr_parallel_range(m->k, ROOTS, take_rows, &r);
  orr_lapack_gemm(&(orr_gemm){.m = count,
                              .n = m->k,
                              .k = n,
                              .a = block,
                              .lda = count,
                              .b = m->room,
                              .ldb = n > 1 ? n : 1,
                              .c = m->q + to,
                              .ldc = m->ld,
                              .alpha = 1});
}

// What dlaed3 does, by the threads. False: a root was not found.
static bool solve_merge(merge *m) {
  orr_parallel_range(m->k, ROOTS, find_roots, m);
  if (orr_stopping()) return true;
  for (int j = 0; j < m->k; j++)
    if (isnan(m->d[j])) return false;
  orr_parallel_range(m->k, ROWS, renew_rows, m);
  orr_parallel_range(m->k, ROOTS, find_vectors, m);
  const int upper = m->types[0] + m->types[1];
  const int lower = m->types[1] + m->types[2];
  multiply_block(m, m->blocks + (size_t)upper * (size_t)m->n1, m->types[0],
                 lower, m->n1, m->n - m->n1);
  multiply_block(m, m->blocks, 0, upper, 0, m->n1);
  return true;
}

// Blocks [0, n1) and [n1, n) of d and q become one; order sorts each of them,
// then all.
static int merge_blocks(int n, int n1, double *d, double *q, int ld, double rho,
                        int *order, double *work) {
  double *z = work, *old = z + n, *w = old + n, *fresh = w + n;
  int *by_type = (int *)(void *)(fresh + n), *sorted = by_type + n;
  int *deflated = sorted + n, *types = deflated + n;
  double *blocks = fresh + 3 * (size_t)n + 4;
  int k = 0, info = 0;
  for (int i = 0; i < n; i++) z[i] = q[(int64_t)i * ld + n1 - (i < n1)];
  orr_blas_enter();
  dlaed2_(&k, &n, &n1, d, q, &ld, order, &rho, z, old, w, blocks, sorted,
          by_type, deflated, types, &info);
  orr_blas_leave();
  const size_t used = (size_t)(types[0] + types[1]) * (size_t)n1 +
      (size_t)(types[1] + types[2]) * (size_t)(n - n1);
  merge m = {n,       n1,   k, ld,    d,      q,
             rho,     old,  w, fresh, blocks, blocks + used,
             by_type, types};
  if (k > FEW) {
    if (!solve_merge(&m)) return 1;
  } else if (k) {
    orr_blas_enter();
    dlaed3_(&k, &n, &n1, d, q, &ld, &rho, old, blocks, by_type, types, w,
            m.room, &info);
    orr_blas_leave();
  }
  const int rest = n - k, up = 1, down = -1;
  if (k)
    dlamrg_(&k, &rest, d, &up, &down, order);
  else
    for (int i = 0; i < n; i++) order[i] = i + 1;
  return info;
}

// ------------------------------------------------------------ all of them

typedef struct division {
  int n, leaves, rows;  // of a leaf, at most
  int cut[LEAVES + 1], info[LEAVES];
  double *d, *e, *z, *work;
} division;

static division divide(int n) {
  division q = {.n = n, .leaves = 1};
  while (q.leaves < LEAVES && n > LEAF * q.leaves) q.leaves *= 2;
  q.rows = (n + q.leaves - 1) / q.leaves;
  for (int i = 0; i <= q.leaves; i++)
    q.cut[i] = (int)((int64_t)n * i / q.leaves);
  return q;
}

// A leaf's doubles, then its integers, lie at its rows' part of work.
static void solve_leaf(void *context, int64_t leaf) {
  division *q = context;
  const int first = q->cut[leaf], n = q->cut[leaf + 1] - first;
  const int lwork = 1 + 4 * n + n * n, liwork = 3 + 5 * n;
  double *work = q->work + (size_t)first * (size_t)(q->rows + 16);
  for (int j = first; j < first + n; j++)
    memset(q->z + (size_t)j * (size_t)q->n, 0, (size_t)q->n * sizeof(double));
  orr_blas_enter();
  dstedc_("I", &n, q->d + first, q->e + first,
          q->z + (size_t)first * (size_t)q->n + first, &q->n, work, &lwork,
          (int *)(void *)(work + lwork), &liwork, &q->info[leaf], 1);
  orr_blas_leave();
}

// What is taken from the diagonal at a cut is its matrix of rank one.
static void tear(const division *q) {
  for (int i = 1; i < q->leaves; i++) {
    const int at = q->cut[i];
    q->d[at - 1] -= fabs(q->e[at - 1]);
    q->d[at] -= fabs(q->e[at - 1]);
  }
}

size_t orr_eigh_divide_work(int n) {
  const division q = divide(n);
  const size_t leaves = (size_t)n * (size_t)(q.rows + 16);
  const size_t merges = (size_t)n * (size_t)(n + 8) + 4;
  return leaves > merges ? leaves : merges;
}

int orr_eigh_divide(int n, double *d, double *e, double *z, int *order,
                    double *work) {
  division q = divide(n);
  q.d = d, q.e = e, q.z = z, q.work = work;
  double size = 0;  // what counts as small beside 1
  for (int i = 0; i < n; i++) size = fmax(size, fabs(d[i]));
  for (int i = 0; i + 1 < n; i++) size = fmax(size, fabs(e[i]));
  if (size == 0) size = 1;
  for (int i = 0; i < n; i++) d[i] /= size;
  for (int i = 0; i + 1 < n; i++) e[i] /= size;
  tear(&q);
  orr_parallel(q.leaves, solve_leaf, &q);
  for (int i = 0; i < q.leaves; i++) {
    if (q.info[i]) return q.info[i];
    for (int j = q.cut[i]; j < q.cut[i + 1]; j++) order[j] = j - q.cut[i] + 1;
  }
  for (int step = 1; step < q.leaves; step *= 2)
    for (int i = 0; i < q.leaves && !orr_stopping(); i += 2 * step) {
      const int first = q.cut[i], middle = q.cut[i + step];
      const int info =
          merge_blocks(q.cut[i + 2 * step] - first, middle - first, d + first,
                       z + (size_t)first * (size_t)n + first, n, e[middle - 1],
                       order + first, work);
      if (info) return info;
    }
  for (int i = 0; i < n; i++) {
    d[i] *= size;
    order[i]--;
  }
  return 0;
}
