// transport.c -- optimal transport and assignment, exactly.
#include "../kernels/transport.h"

#include <math.h>

#include "matrices.h"

// ---- transport

static bool transport_shape(orr_call *c) {
  const orr_tensor *x = c->x[0], *a = c->x[1], *b = c->x[2];
  char s[128], t[128], r[128];
  if (!orr_want_rank(c, 0, 2) || !orr_want_matrix(c, 0)) return false;
  if (a->rank != 1 || b->rank != 1 || a->size[0] != x->size[0] ||
      b->size[0] != x->size[1])
    return orr_fail(c,
                    "cost is %s but a is %s and b is %s; give a mass for each "
                    "row and each column",
                    orr_shape_text(x, r, sizeof r),
                    orr_shape_text(a, s, sizeof s),
                    orr_shape_text(b, t, sizeof t));
  return orr_out_like(c, x) && orr_out(c, 1, x->dtype, 1, a->size) &&
      orr_out(c, 2, x->dtype, 1, b->size);
}

static double at(const orr_tensor *t, int64_t i) {
  return t->dtype == ORR_F32 ? (double)ORR_F32P(t)[i] : ORR_F64P(t)[i];
}

static void put(orr_tensor *t, int64_t i, double v) {
  if (t->dtype == ORR_F32)
    ORR_F32P(t)[i] = (float)v;
  else
    ORR_F64P(t)[i] = v;
}

// Masses as whole units: as they are when they are whole (and `whole`), else
// in 2^62nds of their sum. What rounding left over goes to the largest.
static void to_units(const orr_tensor *t, double sum, bool whole, int64_t *to) {
  const int64_t n = t->size[0];
  const int64_t units = whole ? (int64_t)sum : (int64_t)1 << 62;
  int64_t rest = units, largest = 0;
  for (int64_t i = 0; i < n; i++) {
    const double share = whole ? at(t, i) : ldexp(at(t, i) / sum, 62);
    to[i] = (int64_t)share < rest ? (int64_t)share : rest;
    rest -= to[i];
    if (to[i] > to[largest]) largest = i;
  }
  to[largest] += rest;
}

static bool weigh(orr_call *c, int input, double *sum, bool *whole) {
  long double total = 0;
  const orr_tensor *t = c->x[input];
  const char *name = orr_input_name(c, input);
  for (int64_t i = 0; i < t->size[0]; i++) {
    const double v = at(t, i);
    if (!(v >= 0) || isinf(v))
      return orr_fail(c, "%s holds %g; masses are numbers from 0 on", name, v);
    total += v;
    *whole = *whole && v == floor(v);
  }
  *sum = (double)total;
  *whole = *whole && *sum < 0x1p53;
  return (*sum > 0 && !isinf(*sum)) ||
      orr_fail(c, "%s sums to %g; give masses of a finite sum over 0", name,
               *sum);
}

static bool finite_costs(orr_call *c, double *cost) {
  const orr_tensor *x = c->x[0];
  for (int64_t e = 0; e < x->size[0] * x->size[1]; e++) {
    cost[e] = at(x, e);
    if (!isfinite(cost[e]))
      return orr_fail(c, "cost holds NaN or infinity; give finite costs");
  }
  return true;
}

// Blocks of scratch: the costs, both duals, the flow, both masses.
static bool solve(orr_call *c, double *scratch) {
  const int64_t n = c->x[0]->size[0], m = c->x[0]->size[1], arcs = n * m;
  double *u = scratch + arcs, *v = u + n, sum, other;
  int64_t *flow = (int64_t *)(void *)(v + m), *supply = flow + arcs;
  bool whole = true;
  if (!finite_costs(c, scratch) || !weigh(c, 1, &sum, &whole) ||
      !weigh(c, 2, &other, &whole))
    return false;
  whole = whole && sum == other;
  to_units(c->x[1], sum, whole, supply);
  to_units(c->x[2], other, whole, supply + n);
  const orr_transport t = {.n = n,
                           .m = m,
                           .cost = scratch,
                           .supply = supply,
                           .demand = supply + n,
                           .flow = flow,
                           .u = u,
                           .v = v};
  if (!orr_transport_solve(&t)) return false;
  for (int64_t e = 0; e < arcs; e++) {
    const double share = whole ? (double)flow[e] : ldexp((double)flow[e], -62);
    put(c->y[0], e, whole ? share : share * sum);
  }
  for (int64_t i = 0; i < n; i++) put(c->y[1], i, u[i]);
  for (int64_t j = 0; j < m; j++) put(c->y[2], j, v[j]);
  return true;
}

static bool transport_forward(orr_call *c) {
  const int64_t n = c->x[0]->size[0], m = c->x[0]->size[1];
  if (!n || !m)
    return orr_fail(c,
                    "there are %lld rows and %lld columns; give some of "
                    "both",
                    (long long)n, (long long)m);
  const size_t bytes = (size_t)(2 * n * m + 2 * n + 2 * m) * sizeof(double);
  double *scratch = orr_alloc_zero(bytes);
  const bool ok = scratch && solve(c, scratch);
  if (scratch) orr_free(scratch, bytes);
  return ok;
}

ORR_DEFINE_OP(transport, .torch = "",
    .doc = "The plan [N, M] that moves masses a to masses b at least total "
           "cost, by the network simplex method, and prices u [N], v [M] that "
           "prove it: u + v <= cost, equal where mass moves (Kantorovich "
           "1942). b is scaled to the sum of a. Constants for gradients; "
           "orrery.ot has costs that are differentiated.",
    .params = {{"cost", .doc = "[N, M]"}, {"a", .doc = "[N], from 0 on"},
        {"b", .doc = "[M], from 0 on"}},
    .outputs = 3, .shape = transport_shape, .forward = transport_forward,
    .flags = ORR_NO_GRAD,
    .samples = {"{ {3,4}, {3}, {4}, low = 0.1, high = 1, distinct = true }",
        "{ {5,2}, {5}, {2}, low = 0.1, high = 3, distinct = true }",
        "{ {1,1}, {1}, {1}, low = 1, high = 2 }",
        "{ {2,3}, {3}, {2}, low = 0.1, high = 1, error = 'transport: cost is "
        "[2, 3] but a is [3] and b is [2]; give a mass for each row and each "
        "column' }",
        "{ {0,2}, {0}, {2}, low = 0.1, high = 1, error = 'transport: there are "
        "0 rows and 2 columns; give some of both' }",
        "{ {2,2}, {2}, {2}, low = 0, high = 0, error = 'transport: a sums to "
        "0; give masses of a finite sum over 0' }",
        "{ {2,2}, {2}, {2}, low = -1, high = -1, error = 'transport: a holds "
        "-1; masses are numbers from 0 on' }"});

// ---- assignment

static bool assignment_shape(orr_call *c) {
  const orr_tensor *x = c->x[0];
  return orr_want_matrix(c, 0) && orr_out(c, 0, ORR_I64, x->rank - 1, x->size);
}

static int assignment_entry(const orr_matrices *m, int64_t i, double *scratch) {
  const orr_tensor *x = m->c->x[0];
  const int64_t rows = orr_rows(x), cols = orr_cols(x);
  const bool turned = rows > cols;
  const int64_t n = turned ? cols : rows, k = turned ? rows : cols;
  double *cost = scratch + rows * cols, *work = cost + rows * cols;
  int64_t *whole = (int64_t *)(void *)(work + n + 3 * k + 3);
  int64_t *partner = whole + 2 * k + 2;
  int64_t *to = ORR_I64P(m->c->y[0]) + i * rows;
  if (!orr_matrix_load(m, 0, i, scratch)) return ORR_NOT_FINITE;
  for (int64_t r = 0; r < n; r++)  // packed by columns: that is, turned
    for (int64_t j = 0; j < k; j++)
      cost[r * k + j] = turned ? scratch[r * k + j] : scratch[j * n + r];
  for (int64_t r = 0; r < n; r++) partner[r] = -1;
  orr_assign_rows(n, k, cost, partner, work, whole);
  for (int64_t r = 0; r < rows; r++) to[r] = 0;
  for (int64_t r = 0; r < n; r++)
    if (turned && partner[r] >= 0)
      to[partner[r]] = r + 1;
    else if (!turned)
      to[r] = partner[r] + 1;
  return 0;
}

static bool assignment_forward(orr_call *c) {
  const orr_tensor *x = c->x[0];
  const int rows = orr_rows(x), cols = orr_cols(x);
  const size_t n = (size_t)orr_shorter(x);
  const size_t k = (size_t)(rows > cols ? rows : cols);
  orr_matrices m;
  return orr_matrices_of(&m, c, -1) &&
      (orr_matrices_run(&m, assignment_entry,
                        2 * orr_area(rows, cols) + 2 * n + 5 * k + 5) ||
       orr_matrices_odd(&m, 0));
}

ORR_DEFINE_OP(assignment, .torch = "",
    .doc = "For each row of cost a column of its own, so that the sum of the "
           "costs taken is least: int64 [..., N], from 1; 0 for rows that go "
           "without, when there are more rows than columns (Jonker & Volgenant "
           "1987).",
    .params = {{"cost", .doc = "[..., N, M]"}}, .shape = assignment_shape,
    .forward = assignment_forward, .flags = ORR_NO_GRAD,
    .samples = {"{ {4,4}, distinct = true }", "{ {3,5}, distinct = true }",
        "{ {5,3}, distinct = true }", "{ {2,3,3}, distinct = true }",
        "{ {0,3} }", "{ {3,0} }",
        "{ {3}, error = 'assignment: cost is [3] but must have at least 2 "
        "axes; use :view or :unsqueeze' }"});
