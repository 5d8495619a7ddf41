// tensor.c -- headers over shared storage: making, sharing, releasing.
#include "tensor.h"

#include <string.h>

#include "../autograd/hooks.h"

void orr_count_tensors(int64_t change);

static orr_storage *new_storage(size_t bytes) {
  orr_storage *s = orr_alloc(sizeof *s);
  if (!s) return NULL;
  *s = (orr_storage){.refs = 1, .bytes = bytes, .data = orr_alloc(bytes)};
  if (s->data) return s;
  orr_free(s, sizeof *s);
  return NULL;
}

static void release_storage(orr_storage *s) {
  if (!s || --s->refs > 0) return;
  orr_free(s->data, s->bytes);
  orr_free(s, sizeof *s);
}

static bool has_no_gaps(const orr_tensor *t) {
  int64_t step = 1;
  for (int i = t->rank - 1; i >= 0; i--) {
    if (t->size[i] != 1 && t->stride[i] != step) return false;
    step *= t->size[i];
  }
  return true;
}

orr_tensor *orr_tensor_view(orr_storage *storage, orr_dtype d, int rank,
                            const int64_t *size, const int64_t *stride,
                            int64_t offset) {
  orr_tensor *t = orr_alloc(sizeof *t);
  if (!t) return NULL;
  *t = (orr_tensor){.refs = 1, .dtype = d, .rank = rank, .offset = offset};
  for (int i = 0; i < rank; i++) {
    t->size[i] = size[i];
    t->stride[i] = stride[i];
  }
  t->count = orr_product(rank, size);
  t->contiguous = t->count == 0 || has_no_gaps(t);
  t->storage = storage;
  if (storage) storage->refs++;
  orr_count_tensors(1);
  return t;
}

orr_tensor *orr_empty(orr_dtype d, int rank, const int64_t *sizes) {
  int64_t stride[ORR_MAX_RANK];
  const int64_t count = orr_product(rank, sizes);
  char text[128];
  if (count < 0 || count > INT64_MAX / 8) {
    orr_set_error("empty: the shape %s has more elements than fit; use smaller "
                  "sizes, none negative",
                  orr_sizes_text(rank, sizes, text, sizeof text));
    return NULL;
  }
  orr_row_major(rank, sizes, stride);
  orr_storage *s = new_storage((size_t)count * orr_dtype_size(d));
  if (!s) return NULL;
  orr_tensor *t = orr_tensor_view(s, d, rank, sizes, stride, 0);
  release_storage(s);
  return t;
}

orr_tensor *orr_zeros(orr_dtype d, int rank, const int64_t *sizes) {
  orr_tensor *t = orr_empty(d, rank, sizes);
  if (t) memset(orr_data(t), 0, t->storage->bytes);
  return t;
}

orr_tensor *orr_scalar(orr_dtype d, double value) {
  orr_tensor *t = orr_empty(d, 0, NULL);
  if (t) orr_set(t, 0, value);
  return t;
}

orr_tensor *orr_from_data(orr_dtype d, int rank, const int64_t *sizes,
                          const void *data) {
  orr_tensor *t = orr_empty(d, rank, sizes);
  if (t && t->count) memcpy(orr_data(t), data, t->storage->bytes);
  return t;
}

orr_tensor *orr_shape_only(const orr_tensor *t) {
  int64_t stride[ORR_MAX_RANK];
  orr_row_major(t->rank, t->size, stride);
  return orr_tensor_view(NULL, t->dtype, t->rank, t->size, stride, 0);
}

orr_tensor *orr_retain(orr_tensor *t) {
  if (t) t->refs++;
  return t;
}

void orr_release(orr_tensor *t) {
  if (!t || --t->refs > 0) return;
  orr_release(t->grad);
  release_storage(t->storage);
  orr_node *node = t->node;
  if (t->hooks) orr_hooks_free(t->hooks);
  if (t->retains_grad) orr_forget_keeper(t);
  orr_free(t, sizeof *t);
  orr_count_tensors(-1);
  orr_node_release(node);
}

orr_tensor *orr_detach(orr_tensor *t) {
  if (!t) return NULL;
  return orr_tensor_view(t->storage, t->dtype, t->rank, t->size, t->stride,
                         t->offset);
}

orr_dtype orr_tensor_dtype(const orr_tensor *t) { return t->dtype; }
int orr_rank(const orr_tensor *t) { return t->rank; }
const int64_t *orr_sizes(const orr_tensor *t) { return t->size; }
const int64_t *orr_strides(const orr_tensor *t) { return t->stride; }
int64_t orr_count(const orr_tensor *t) { return t->count; }
bool orr_is_contiguous(const orr_tensor *t) { return t->contiguous; }
uint32_t orr_version(const orr_tensor *t) { return t->storage->version; }
void orr_bump_version(orr_tensor *t) { t->storage->version++; }

void *orr_data(const orr_tensor *t) {
  return t->storage->data + (size_t)t->offset * orr_dtype_size(t->dtype);
}

bool orr_same_storage(const orr_tensor *a, const orr_tensor *b) {
  return a->storage && a->storage == b->storage;
}
