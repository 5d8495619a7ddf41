// lapack.c -- see lapack.h. The routines are OpenBLAS's own, by their Fortran
// names: every build of it has them, whichever C header it comes with.
#include "lapack.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "../base/threads.h"
#include "eigh.h"
#include "gemm.h"

// Each character argument has its length at the end of the list.
extern void dpotrf_(const char *uplo, const int *n, double *a, const int *lda,
                    int *info, size_t);
extern void dgetrf_(const int *m, const int *n, double *a, const int *lda,
                    int *pivot, int *info);
extern void dgetrs_(const char *trans, const int *n, const int *nrhs,
                    const double *a, const int *lda, const int *pivot,
                    double *b, const int *ldb, int *info, size_t);
extern void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a,
                    const int *lda, double *w, double *work, const int *lwork,
                    int *iwork, const int *liwork, int *info, size_t, size_t);
extern void dgesdd_(const char *jobz, const int *m, const int *n, double *a,
                    const int *lda, double *s, double *u, const int *ldu,
                    double *vt, const int *ldvt, double *work, const int *lwork,
                    int *iwork, int *info, size_t);
extern void dgeqrf_(const int *m, const int *n, double *a, const int *lda,
                    double *tau, double *work, const int *lwork, int *info);
extern void dorgqr_(const int *m, const int *n, const int *k, double *a,
                    const int *lda, const double *tau, double *work,
                    const int *lwork, int *info);

static int at_least_1(int n) { return n > 1 ? n : 1; }
static int min(int a, int b) { return a < b ? a : b; }
static int max(int a, int b) { return a > b ? a : b; }

int orr_lapack_cholesky(int n, double *a) {
  const int lda = at_least_1(n);
  int info = 0;
  orr_blas_enter();
  dpotrf_("L", &n, a, &lda, &info, 1);
  orr_blas_leave();
  return info;
}

int orr_lapack_lu_of(int m, int n, double *a, int *pivot) {
  const int lda = at_least_1(m);
  int info = 0;
  orr_blas_enter();
  dgetrf_(&m, &n, a, &lda, pivot, &info);
  orr_blas_leave();
  return info;
}

int orr_lapack_lu(int n, double *a, int *pivot) {
  return orr_lapack_lu_of(n, n, a, pivot);
}

void orr_lapack_lu_solve(int n, int k, const double *lu, const int *pivot,
                         double *b) {
  const int lda = at_least_1(n);
  int info = 0;
  orr_blas_enter();
  dgetrs_("N", &n, &k, lu, &lda, pivot, b, &lda, &info, 1);
  orr_blas_leave();
}

void orr_lapack_triangular(bool left, bool upper, bool unit, int m, int n,
                           const double *a, double *b) {
  if (!m || !n) return;
  orr_blas_enter();
  cblas_dtrsm(CblasColMajor, left ? CblasLeft : CblasRight,
              upper ? CblasUpper : CblasLower, CblasNoTrans,
              unit ? CblasUnit : CblasNonUnit, m, n, 1, a, left ? m : n, b, m);
  orr_blas_leave();
}

// The least LAPACK asks for; the integers lie behind the doubles.
static int eigh_lwork(int n) { return 1 + 6 * n + 2 * n * n; }

// What dsyevd does, taken apart.
enum { EIGH_APART = 256 };

// Of both ways: e, tau, z, then what the parts need one after the other.
size_t orr_lapack_eigh_work(int n) {
  const size_t whole = (size_t)eigh_lwork(n) + 3 + 5 * (size_t)n;
  if (n < EIGH_APART) return whole;
  size_t part = orr_eigh_divide_work(n);
  if (part < orr_eigh_reduce_work(n)) part = orr_eigh_reduce_work(n);
  if (part < orr_eigh_back_work(n)) part = orr_eigh_back_work(n);
  part += (size_t)n * (size_t)n + 3 * (size_t)n;
  return part > whole ? part : whole;
}

static int eigh_apart(int n, double *a, double *w, double *work) {
  const size_t size = (size_t)n * (size_t)n, line = (size_t)n * sizeof *a;
  double *e = work, *tau = e + n, *z = tau + n, *rest = z + size;
  int *order = (int *)(void *)rest;
  rest += n;
  orr_eigh_reduce(n, a, w, e, tau, rest);
  if (orr_stopping()) return 0;
  const int info = orr_eigh_divide(n, w, e, z, order, rest);
  if (info || orr_stopping()) return info;
  orr_eigh_back(n, a, tau, z, rest);
  memcpy(e, w, line);
  for (int i = 0; i < n; i++) {
    w[i] = e[order[i]];
    memcpy(a + (size_t)i * (size_t)n, z + (size_t)order[i] * (size_t)n, line);
  }
  return 0;
}

// dsyevd scales what would leave the range of float64 when squared.
static bool of_medium_size(int n, const double *a) {
  double most = 0;
  for (int64_t c = 0; c < n; c++)
    for (int64_t r = c; r < n; r++)
      if (fabs(a[c * n + r]) > most) most = fabs(a[c * n + r]);
  return most > 1e-140 && most < 1e140;
}

int orr_lapack_eigh(int n, double *a, double *w, double *work) {
  if (n >= EIGH_APART && of_medium_size(n, a)) return eigh_apart(n, a, w, work);
  const int lda = at_least_1(n), lwork = eigh_lwork(n), liwork = 3 + 5 * n;
  int info = 0;
  int *iwork = (int *)(void *)(work + lwork);
  orr_blas_enter();
  dsyevd_("V", "L", &n, a, &lda, w, work, &lwork, iwork, &liwork, &info, 1, 1);
  orr_blas_leave();
  return info;
}

static int svd_lwork(int m, int n) {
  const int k = min(m, n);
  return 1 + k * (5 * k + 10) + 64 * max(m, n);
}

size_t orr_lapack_svd_work(int m, int n) {
  return (size_t)svd_lwork(m, n) + 8 * (size_t)min(m, n) + 8;
}

int orr_lapack_svd(int m, int n, double *a, double *s, double *u, double *vt,
                   double *work) {
  const int k = min(m, n), ldm = at_least_1(m), ldk = at_least_1(k);
  const int lwork = svd_lwork(m, n);
  int info = 0;
  if (!k) return 0;
  int *iwork = (int *)(void *)(work + lwork);
  orr_blas_enter();
  dgesdd_("S", &m, &n, a, &ldm, s, u, &ldm, vt, &ldk, work, &lwork, iwork,
          &info, 1);
  orr_blas_leave();
  return info;
}

size_t orr_lapack_qr_work(int m, int n) {
  return (size_t)min(m, n) + 64 * (size_t)at_least_1(n);
}

void orr_lapack_qr(int m, int n, double *a, double *r, double *work) {
  const int k = min(m, n), lda = at_least_1(m), lwork = 64 * at_least_1(n);
  int info = 0;
  if (!k) return;
  double *tau = work + lwork;
  orr_blas_enter();
  dgeqrf_(&m, &n, a, &lda, tau, work, &lwork, &info);
  for (int64_t j = 0; j < n; j++)
    for (int64_t i = 0; i < k; i++) r[j * k + i] = i <= j ? a[j * m + i] : 0;
  dorgqr_(&m, &k, &k, a, &lda, tau, work, &lwork, &info);
  orr_blas_leave();
}

void orr_lapack_gemm(const orr_gemm *g) {
  orr_gemm rows = *g;
  rows.ta = g->tb, rows.tb = g->ta;
  rows.m = g->n, rows.n = g->m;
  rows.a = g->b, rows.b = g->a;
  rows.lda = g->ldb, rows.ldb = g->lda;
  orr_gemm_run(ORR_F64, &rows);
}

void orr_lapack_product(bool ta, bool tb, int m, int n, int k, const double *a,
                        const double *b, double *c) {
  orr_lapack_gemm(&(orr_gemm){.ta = ta,
                              .tb = tb,
                              .m = m,
                              .n = n,
                              .k = k,
                              .a = a,
                              .b = b,
                              .c = c,
                              .lda = at_least_1(ta ? k : m),
                              .ldb = at_least_1(tb ? n : k),
                              .ldc = at_least_1(m),
                              .alpha = 1});
}
