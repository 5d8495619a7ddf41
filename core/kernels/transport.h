// transport.h -- moving mass from rows to columns at least cost.
#ifndef ORR_TRANSPORT_H
#define ORR_TRANSPORT_H
#include "../orrery.h"

// Whole units, so that flows are exact and the method cannot cycle.
typedef struct orr_transport {
  int64_t n, m;           // both over 0
  const double *cost;     // [n, m], finite
  const int64_t *supply;  // [n], none negative
  const int64_t *demand;  // [m], of the same total
  int64_t *flow;          // [n, m], zeros
  double *u, *v;          // [n], [m]: u + v <= cost, equal where flow is
} orr_transport;

// False when there is no memory; incomplete after an interrupt.
bool orr_transport_solve(const orr_transport *t);

// For each of n <= m rows a column of its own, from 0, so that the sum of
// cost [n, m] is least. Scratch holds n + 3 m + 4 doubles and 2 m + 2
// integers. Incomplete after an interrupt.
void orr_assign_rows(int64_t n, int64_t m, const double *cost, int64_t *column,
                     double *scratch, int64_t *whole);

#endif
