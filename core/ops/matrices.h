// matrices.h -- ops on the last two axes as a matrix, the others a batch.
//
// Each entry is packed as float64, by columns, and given to a function with
// its own scratch; float32 results are rounded once, at the end.
#ifndef ORR_MATRICES_H
#define ORR_MATRICES_H
#include "op.h"

typedef struct orr_matrices {
  orr_call *c;
  int rank;  // of the batch
  int64_t size[ORR_MAX_RANK];
  int64_t count;
  int vector;  // input that has one matrix axis, a column; -1 none
  // Where a run failed: the entry and what its function returned.
  int64_t entry;
  int info;
} orr_matrices;

enum { ORR_NOT_FINITE = -1 };

// Works on entry i; 0, or a code for the sentence.
typedef int orr_matrix_fn(const orr_matrices *m, int64_t i, double *scratch);

static inline int orr_rows(const orr_tensor *t) {
  return (int)t->size[t->rank - 2];
}
static inline int orr_cols(const orr_tensor *t) {
  return (int)t->size[t->rank - 1];
}

static inline int orr_shorter(const orr_tensor *t) {
  return orr_rows(t) < orr_cols(t) ? orr_rows(t) : orr_cols(t);
}

// For scratch: elements of a matrix, and pivots behind the doubles.
static inline size_t orr_area(int m, int n) { return (size_t)m * (size_t)n; }
static inline int *orr_pivots(double *behind) { return (int *)(void *)behind; }

// The batch that all inputs broadcast to; vector as in the struct.
bool orr_matrices_of(orr_matrices *m, orr_call *c, int vector);
// Runs fn over the batch, with scratch for `doubles` each. False when memory
// is short or, with info set, when an entry failed.
bool orr_matrices_run(orr_matrices *m, orr_matrix_fn *fn, size_t doubles);
// "op: batch entry 2 of x is ...": the sentence of a failed run; false.
bool orr_matrices_fail(const orr_matrices *m, int input, const char *what);
// Fails for a run's ORR_NOT_FINITE, else says that it did not converge.
bool orr_matrices_odd(const orr_matrices *m, int input);

// Packs input k's matrix of entry i; false when it holds NaN or infinity.
bool orr_matrix_load(const orr_matrices *m, int k, int64_t i, double *to);
// The same, as (x + x^T) / 2.
bool orr_matrix_load_symmetric(const orr_matrices *m, int k, int64_t i,
                               double *to);
// Writes the whole of output k's entry i, which has `n` elements in `rows`.
void orr_matrix_store(const orr_matrices *m, int k, int64_t i,
                      const double *from, int rows, int cols);

// ---- for shape()
// At least two axes, whose sizes LAPACK can count its scratch for.
bool orr_want_matrix(orr_call *c, int input);
bool orr_want_square(orr_call *c, int input);
// Output i: x's batch axes, then the `n` sizes.
bool orr_out_matrix(orr_call *c, int i, int n, int64_t rows, int64_t cols);

// (x + x^T) / 2, as ops.
orr_tensor *orr_symmetric(orr_tensor *x);
orr_tensor *orr_matmul(orr_tensor *x, orr_tensor *y);

#endif
