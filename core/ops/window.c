// window.c -- options of ops that slide a window over images.
#include "window.h"

// Larger numbers would overflow sizes computed from them.
#define LIMIT 2147483647.0

static bool is_integer(double v, int least) {
  return v >= least && v <= LIMIT && v == (double)(int64_t)v;
}

bool orr_want_pair(orr_call *c, int slot, const char *name, int least) {
  const double a = c->attr[slot], b = c->attr[slot + 1];
  if (is_integer(a, least) && is_integer(b, least)) return true;
  if (a > LIMIT || b > LIMIT)
    return orr_fail(c, "%s is {%g, %g}; at most %.0f is possible", name, a, b,
                    LIMIT);
  return orr_fail(c, "%s is {%g, %g}; both must be integers >= %d", name, a, b,
                  least);
}

bool orr_want_int(orr_call *c, int slot, const char *name, int least) {
  const double v = c->attr[slot];
  if (is_integer(v, least)) return true;
  if (v > LIMIT)
    return orr_fail(c, "%s is %g; at most %.0f is possible", name, v, LIMIT);
  return orr_fail(c, "%s is %g; it must be an integer >= %d", name, v, least);
}

bool orr_want_images(orr_call *c, int input) {
  char text[128];
  if (c->x[input]->rank == 4) return true;
  return orr_fail(c,
                  "%s is %s but must be [N, C, H, W]; use :view or "
                  ":unsqueeze",
                  orr_input_name(c, input),
                  orr_shape_text(c->x[input], text, sizeof text));
}

orr_tensor *orr_sum_to_channels(orr_tensor *gy) {
  return ORR(sum, gy, .attr = {3, 0, 2, 3});
}
