// eigh.h -- the parts of a large symmetric eigenproblem, shared by the threads:
// a = q t q^T with t tridiagonal, t = z diag(d) z^T, and q z.
//
// Float64 by columns without gaps; only a's lower triangle is read. Any number
// of threads gives the same bits. An interrupt leaves results incomplete.
#ifndef ORR_EIGH_H
#define ORR_EIGH_H
#include "../orrery.h"

// t has diagonal d[n] and e[n - 1] beside it. Below a's diagonal remain the
// vectors of the reflectors 1 - tau v v^T whose product is q, leading 1 and
// all. work: orr_eigh_reduce_work(n) doubles.
size_t orr_eigh_reduce_work(int n);
void orr_eigh_reduce(int n, double *a, double *d, double *e, double *tau,
                     double *work);

// d becomes the eigenvalues, not in order: order[i] is the column of z that
// has the i-th least. e is lost. Returns 0, or what LAPACK saw.
size_t orr_eigh_divide_work(int n);
int orr_eigh_divide(int n, double *d, double *e, double *z, int *order,
                    double *work);

// z = q z, from what orr_eigh_reduce left in a.
size_t orr_eigh_back_work(int n);
void orr_eigh_back(int n, const double *a, const double *tau, double *z,
                   double *work);

#endif
