// lapack.h -- LAPACK on one float64 matrix, stored by columns without gaps.
// The threads share large products and eigenproblems; all else is the
// calling thread's. Safe inside an orr_parallel chunk.
//
// A routine that can fail returns 0, or what LAPACK saw (> 0: the pivot, the
// leading block, or that an iteration did not end).
#ifndef ORR_LAPACK_H
#define ORR_LAPACK_H
#include "../orrery.h"
#include "gemm.h"

// a = L L^T in the lower triangle; what lies above stays.
int orr_lapack_cholesky(int n, double *a);
// P L U in place; pivot[n] counts from 1. A zero pivot is the failure.
int orr_lapack_lu(int n, double *a, int *pivot);
int orr_lapack_lu_of(int m, int n, double *a, int *pivot);  // pivot[min(m, n)]
// b[n, k] = a^-1 b from the factors.
void orr_lapack_lu_solve(int n, int k, const double *lu, const int *pivot,
                         double *b);
// b[m, n] = a^-1 b, or b a^-1 when not left, for a triangular a.
void orr_lapack_triangular(bool left, bool upper, bool unit, int m, int n,
                           const double *a, double *b);
// Ascending w[n], vectors in the columns of a; only its lower triangle is read.
size_t orr_lapack_eigh_work(int n);  // doubles
int orr_lapack_eigh(int n, double *a, double *w, double *work);
// a[m, n] = u[m, k] diag(s[k]) vt[k, n], k = min(m, n); a is lost.
size_t orr_lapack_svd_work(int m, int n);
int orr_lapack_svd(int m, int n, double *a, double *s, double *u, double *vt,
                   double *work);
// a[m, n] becomes q[m, k]; r[k, n] is upper triangular.
size_t orr_lapack_qr_work(int m, int n);
void orr_lapack_qr(int m, int n, double *a, double *r, double *work);
// gemm.h's product of matrices that are stored by columns; ld* are theirs.
void orr_lapack_gemm(const orr_gemm *g);
// c[m, n] = op(a) op(b), inner size k, all by columns.
void orr_lapack_product(bool ta, bool tb, int m, int n, int k, const double *a,
                        const double *b, double *c);

#endif
