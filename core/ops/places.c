// places.c -- positions along an axis: checked, and turned into places.
#include "places.h"

bool orr_want_along(orr_call *c, const orr_tensor *x, const orr_tensor *index,
                    int axis) {
  char a[128], b[128];
  bool ok = index->rank == x->rank;
  for (int i = 0; ok && i < x->rank; i++)
    ok = i == axis || index->size[i] <= x->size[i];
  return ok ||
      orr_fail(c,
               "x is %s but index is %s; index needs as many axes, "
               "none longer than x's but axis %d",
               orr_shape_text(x, a, sizeof a),
               orr_shape_text(index, b, sizeof b), axis + 1);
}

bool orr_want_positions(orr_call *c, const orr_tensor *x,
                        const orr_tensor *index, int axis) {
  const int64_t *p = orr_data(index);
  char text[128];
  for (int64_t i = 0; i < index->count; i++)
    if (p[i] < 1 || p[i] > x->size[axis])
      return orr_fail(c,
                      "index holds %lld at element %lld but axis %d of %s "
                      "has positions 1 to %lld",
                      (long long)p[i], (long long)i + 1, axis + 1,
                      orr_shape_text(x, text, sizeof text),
                      (long long)x->size[axis]);
  return true;
}

void orr_each_place(const orr_tensor *x, const orr_tensor *index, int axis,
                    orr_place_fn *fn, void *context) {
  const int64_t *p = orr_data(index);
  int64_t at[ORR_MAX_RANK] = {0}, stride[ORR_MAX_RANK];
  orr_row_major(x->rank, x->size, stride);
  for (int64_t i = 0; i < index->count; i++) {
    int64_t to = 0;
    for (int k = 0; k < x->rank; k++)
      to += (k == axis ? p[i] - 1 : at[k]) * stride[k];
    fn(context, i, to);
    for (int k = x->rank - 1; k >= 0 && ++at[k] == index->size[k]; k--)
      at[k] = 0;
  }
}
