// tensor.c -- headers over shared storage: making, sharing, releasing.
//
// A new tensor's header, its storage and, when they are few, its elements lie
// in one block, so that an op on a small tensor allocates once. The storage
// owns the block: views may keep it longer than the header lives.
#include "tensor.h"

#include <string.h>

#include "../autograd/hooks.h"
#include "../compile/recorder.h"

void orr_count_tensors(int64_t change);

typedef struct whole {
  orr_tensor tensor;
  orr_storage storage;
} whole;

#define DATA_AT ((sizeof(whole) + 63) & ~(size_t)63)
#if defined(__SANITIZE_ADDRESS__)
#define MOST_INSIDE 0  // let the sanitizer see both ends of the elements
#else
#define MOST_INSIDE 2048
#endif

static whole *new_whole(size_t bytes) {
  const bool inside = bytes <= MOST_INSIDE;
  const size_t block_bytes = inside ? DATA_AT + bytes : sizeof(whole);
  whole *w = orr_alloc(block_bytes);
  if (!w) return NULL;
  char *data = inside ? (char *)w + DATA_AT : orr_alloc(bytes);
  if (!data) {
    orr_free(w, block_bytes);
    return NULL;
  }
  w->storage = (orr_storage){.refs = 0,
                             .bytes = bytes,
                             .born = orr_recorder_epoch,
                             .data = data,
                             .block_bytes = block_bytes};
  return w;
}

// One without a block is a compiled step's, over memory of its program.
void orr_storage_release(orr_storage *s) {
  if (!s || --s->refs > 0) return;
  if (!s->block_bytes) {
    orr_free(s, sizeof *s);
    return;
  }
  char *block = (char *)s - offsetof(whole, storage);
  if (s->bytes > MOST_INSIDE) orr_free(s->data, s->bytes);
  orr_free(block, s->block_bytes);
}

static bool has_no_gaps(const orr_tensor *t) {
  if (t->count == 0) return true;
  int64_t step = 1;
  for (int i = t->rank - 1; i >= 0; i--) {
    if (t->size[i] != 1 && t->stride[i] != step) return false;
    step *= t->size[i];
  }
  return true;
}

// What does not depend on the shape. Field by field: a whole-struct assignment
// clears by `rep stos`, slow to start.
static void begin_header(orr_tensor *t, orr_storage *storage, orr_dtype d,
                         int rank) {
  t->refs = 1;
  t->dtype = d;
  t->rank = rank;
  t->out_index = 0;
  t->requires_grad = t->retains_grad = t->with_storage = false;
  t->storage = storage;
  if (storage) storage->refs++;
  t->node = NULL;
  t->grad = NULL;
  t->hooks = NULL;
  orr_count_tensors(1);
}

// All but offset, count and contiguous, which the caller knows.
static void fill_header(orr_tensor *t, orr_storage *storage, orr_dtype d,
                        int rank, const int64_t *size, const int64_t *stride) {
  begin_header(t, storage, d, rank);
  memset(t->size, 0, sizeof t->size);
  memset(t->stride, 0, sizeof t->stride);
  for (int i = 0; i < rank; i++) {
    t->size[i] = size[i];
    t->stride[i] = stride[i];
  }
}

// A header of t's shape and strides.
static orr_tensor *same_header(const orr_tensor *t, orr_storage *storage,
                               int64_t offset) {
  orr_tensor *y = orr_alloc(sizeof *y);
  if (!y) return NULL;
  begin_header(y, storage, t->dtype, t->rank);
  memcpy(y->size, t->size, sizeof y->size);
  memcpy(y->stride, t->stride, sizeof y->stride);
  y->offset = offset;
  y->count = t->count;
  y->contiguous = t->contiguous;
  return y;
}

orr_tensor *orr_tensor_view(orr_storage *storage, orr_dtype d, int rank,
                            const int64_t *size, const int64_t *stride,
                            int64_t offset) {
  orr_tensor *t = orr_alloc(sizeof *t);
  if (!t) return NULL;
  fill_header(t, storage, d, rank, size, stride);
  t->offset = offset;
  t->count = orr_product(rank, size);
  t->contiguous = has_no_gaps(t);
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
  whole *w = new_whole((size_t)count * orr_dtype_size(d));
  if (!w) return NULL;
  fill_header(&w->tensor, &w->storage, d, rank, sizes, stride);
  w->tensor.offset = 0;
  w->tensor.count = count;
  w->tensor.contiguous = true;
  w->tensor.with_storage = true;
  return &w->tensor;
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
  orr_tensor *s = same_header(t, NULL, 0);
  if (!s || t->contiguous) return s;
  orr_row_major(t->rank, t->size, s->stride);
  s->contiguous = true;
  return s;
}

orr_tensor *orr_retain(orr_tensor *t) {
  if (t) t->refs++;
  return t;
}

void orr_release(orr_tensor *t) {
  if (!t || --t->refs > 0) return;
  if (t->grad) orr_release(t->grad);
  orr_node *node = t->node;
  if (t->hooks) orr_hooks_free(t->hooks);
  if (t->retains_grad) orr_forget_keeper(t);
  const bool apart = !t->with_storage;
  orr_storage_release(t->storage);  // with t, when it lies there
  if (apart) orr_free(t, sizeof *t);
  orr_count_tensors(-1);
  if (node) orr_node_release(node);
}

orr_tensor *orr_detach(orr_tensor *t) {
  return t ? same_header(t, t->storage, t->offset) : NULL;
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
  if (orr_recorder_now && !orr_kernel_depth) orr_note_read(t);
  return t->storage->data + (size_t)t->offset * orr_dtype_size(t->dtype);
}

bool orr_same_storage(const orr_tensor *a, const orr_tensor *b) {
  return a->storage && a->storage == b->storage;
}
