// tensor.h -- the tensor as the core's own files see it.
#ifndef ORR_TENSOR_H
#define ORR_TENSOR_H
#include "../orrery.h"

typedef struct orr_node orr_node;

typedef struct orr_storage {
  int refs;
  uint32_t version;  // in-place writes so far
  // Of compiled steps: the recording it was made in, the one that knows it,
  // and its place there.
  uint32_t born, noted_by, place;
  size_t bytes;
  char *data;
  size_t block_bytes;  // of the block it lies in: see tensor.c
} orr_storage;

struct orr_tensor {
  int refs;
  orr_dtype dtype;
  int rank;
  int out_index;  // which output of node
  bool contiguous;
  bool requires_grad;
  bool retains_grad;  // a hook of the node points here
  bool with_storage;  // lies in its storage's block
  int64_t count;
  int64_t size[ORR_MAX_RANK];
  int64_t stride[ORR_MAX_RANK];  // elements
  int64_t offset;                // elements
  orr_storage *storage;          // NULL: a shape without data
  orr_node *node;                // what made it; NULL for leaves
  orr_tensor *grad;
  orr_hook *hooks;  // a leaf's; those of a result hang on its node
};

// Return a header over given storage (retained); NULL storage: shape only.
orr_tensor *orr_tensor_view(orr_storage *storage, orr_dtype d, int rank,
                            const int64_t *size, const int64_t *stride,
                            int64_t offset);
orr_tensor *orr_shape_only(const orr_tensor *t);
void orr_storage_release(orr_storage *s);
void orr_row_major(int rank, const int64_t *size, int64_t *stride);
// v without its fraction; what int64 cannot hold becomes its nearest end, NaN 0.
static inline int64_t orr_whole(double v) {
  if (v >= -0x1p63 && v < 0x1p63) return (int64_t)v;
  return v > 0 ? INT64_MAX : v < 0 ? INT64_MIN : 0;
}

int64_t orr_product(int rank, const int64_t *size);  // -1 on overflow
bool orr_same_shape(const orr_tensor *a, const orr_tensor *b);
// Writes the broadcast shape; false when the shapes do not fit.
bool orr_broadcast_shape(int *rank, int64_t *size, const orr_tensor *x);
char *orr_sizes_text(int rank, const int64_t *size, char *buffer, size_t n);

#define ORR_F32P(T) ((float *)orr_data(T))
#define ORR_F64P(T) ((double *)orr_data(T))
#define ORR_I64P(T) ((int64_t *)orr_data(T))
#define ORR_U8P(T) ((uint8_t *)orr_data(T))

#endif
