// shape.c -- dtypes, sizes, and single elements.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tensor.h"

static const struct {
  const char *name;
  size_t size;
} dtypes[ORR_DTYPES] = {{"float32", 4},
                        {"float64", 8},
                        {"int64", 8},
                        {"uint8", 1}};

const char *orr_dtype_name(orr_dtype d) { return dtypes[d].name; }
size_t orr_dtype_size(orr_dtype d) { return dtypes[d].size; }
bool orr_dtype_is_float(orr_dtype d) { return d == ORR_F32 || d == ORR_F64; }

bool orr_dtype_parse(const char *name, orr_dtype *d) {
  for (int i = 0; i < ORR_DTYPES; i++) {
    if (!strcmp(name, dtypes[i].name)) {
      *d = (orr_dtype)i;
      return true;
    }
  }
  return orr_set_error("dtype is '%s'; use float32, float64, int64 or uint8",
                       name);
}

void orr_row_major(int rank, const int64_t *size, int64_t *stride) {
  int64_t step = 1;
  for (int i = rank - 1; i >= 0; i--) {
    stride[i] = step;
    step *= size[i] > 0 ? size[i] : 1;
  }
}

int64_t orr_product(int rank, const int64_t *size) {
  int64_t n = 1, without_zeros = 1;
  for (int i = 0; i < rank; i++) {
    if (size[i] < 0) return -1;
    n *= size[i] ? 1 : 0;
    if (size[i] &&
        __builtin_mul_overflow(without_zeros, size[i], &without_zeros))
      return -1;
  }
  return n ? without_zeros : 0;
}

bool orr_same_shape(const orr_tensor *a, const orr_tensor *b) {
  return a->rank == b->rank &&
      !memcmp(a->size, b->size, (size_t)a->rank * sizeof *a->size);
}

bool orr_broadcast_shape(int *rank, int64_t *size, const orr_tensor *x) {
  const int grow = x->rank - *rank;
  if (grow > 0) {
    memmove(size + grow, size, (size_t)*rank * sizeof *size);
    for (int i = 0; i < grow; i++) size[i] = 1;
    *rank = x->rank;
  }
  int64_t *tail = size + *rank - x->rank;
  for (int i = 0; i < x->rank; i++) {
    if (tail[i] == x->size[i] || x->size[i] == 1) continue;
    if (tail[i] != 1) return false;
    tail[i] = x->size[i];
  }
  return true;
}

char *orr_sizes_text(int rank, const int64_t *size, char *buffer, size_t n) {
  size_t used = (size_t)snprintf(buffer, n, "[");
  for (int i = 0; i < rank && used < n; i++)
    used += (size_t)snprintf(buffer + used, n - used, i ? ", %lld" : "%lld",
                             (long long)size[i]);
  if (used < n) snprintf(buffer + used, n - used, "]");
  return buffer;
}

char *orr_shape_text(const orr_tensor *t, char *buffer, size_t n) {
  return orr_sizes_text(t->rank, t->size, buffer, n);
}

static char *element(const orr_tensor *t, int64_t position) {
  int64_t at = position;
  if (!t->contiguous) {
    at = 0;
    for (int i = t->rank - 1; i >= 0; i--) {
      at += position % t->size[i] * t->stride[i];
      position /= t->size[i];
    }
  }
  return (char *)orr_data(t) + at * (int64_t)orr_dtype_size(t->dtype);
}

double orr_get(const orr_tensor *t, int64_t position) {
  const void *p = element(t, position);
  switch (t->dtype) {
  case ORR_F32:
    return (double)*(const float *)p;
  case ORR_F64:
    return *(const double *)p;
  case ORR_I64:
    return (double)*(const int64_t *)p;
  default:
    return (double)*(const uint8_t *)p;
  }
}

int64_t orr_get_int(const orr_tensor *t, int64_t position) {
  if (t->dtype == ORR_I64) return *(int64_t *)(void *)element(t, position);
  return (int64_t)orr_get(t, position);
}

bool orr_set(orr_tensor *t, int64_t position, double value) {
  void *p = element(t, position);
  switch (t->dtype) {
  case ORR_F32:
    *(float *)p = (float)value;
    break;
  case ORR_F64:
    *(double *)p = value;
    break;
  case ORR_I64:
    *(int64_t *)p = orr_whole(value);
    break;
  default:
    *(uint8_t *)p = (uint8_t)orr_whole(value);
    break;
  }
  return true;
}
