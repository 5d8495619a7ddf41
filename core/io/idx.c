// idx.c -- the format of MNIST: two zero bytes, a type, the number of axes,
// each axis' size as a big-endian 32-bit number, then the values, big-endian.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "io.h"

enum { IDX_U8 = 8, IDX_I32 = 12, IDX_F32 = 13, IDX_F64 = 14 };

static bool read_header(orr_input *in, int *type, int *rank, int64_t *size) {
  uint8_t start[4], axis[4];
  if (!orr_input_read(in, start, 4, "header")) return false;
  if (start[0] || start[1] || start[2] < 8 || start[2] > 14)
    return orr_input_fail(in,
                          "is not an IDX file; give one such as "
                          "train-images-idx3-ubyte");
  *type = start[2];
  *rank = start[3];
  if (*type != IDX_U8 && *type != IDX_I32 && *type != IDX_F32 &&
      *type != IDX_F64)
    return orr_input_fail(in,
                          "holds values of IDX type %d; only uint8, "
                          "int32, float32 and float64 are read",
                          *type);
  if (*rank > ORR_MAX_RANK)
    return orr_input_fail(in, "has %d axes; at most %d are read", *rank,
                          ORR_MAX_RANK);
  for (int i = 0; i < *rank; i++) {
    if (!orr_input_read(in, axis, 4, "header")) return false;
    size[i] = (int64_t)axis[0] << 24 | axis[1] << 16 | axis[2] << 8 | axis[3];
  }
  return true;
}

// In place from the last to the first: the wide one lies over the narrow.
static void widen(orr_tensor *t) {
  int64_t *to = orr_data(t);
  const char *from = orr_data(t);
  for (int64_t i = orr_count(t) - 1; i >= 0; i--) {
    int32_t value;
    memcpy(&value, from + 4 * i, 4);
    to[i] = value;
  }
}

orr_tensor *orr_read_idx(orr_input *in) {
  int type = 0, rank = 0;
  int64_t size[ORR_MAX_RANK];
  uint64_t bytes;
  if (!orr_input_gunzip(in) || !read_header(in, &type, &rank, size))
    return NULL;
  size_t width = type == IDX_U8 ? 1 : type == IDX_F64 ? 8 : 4;
  if (!orr_io_bytes(rank, size, width * 2, &bytes)) {
    orr_input_fail(in,
                   "is damaged: its sizes are beyond any memory; copy it "
                   "again");
    return NULL;
  }
  bytes /= 2;
  if (!orr_input_expect(in, bytes)) return NULL;
  orr_dtype dtype = type == IDX_U8 ? ORR_U8
      : type == IDX_I32            ? ORR_I64
      : type == IDX_F32            ? ORR_F32
                                   : ORR_F64;
  orr_tensor *t = orr_empty(dtype, rank, size);
  if (!t) return NULL;
  if (!orr_input_read(in, orr_data(t), (size_t)bytes, "data") ||
      !orr_input_end(in)) {
    orr_release(t);
    return NULL;
  }
  if (orr_io_little_endian())
    orr_io_swap(orr_data(t), (size_t)bytes / width, width);
  if (type == IDX_I32) widen(t);
  return t;
}

// ---------------------------------------------------------------- writing

static bool fits(const char *who, const char *path, orr_tensor *t) {
  for (int i = 0; i < orr_rank(t); i++)
    if (orr_sizes(t)[i] > UINT32_MAX)
      return orr_set_error("%s: %s: axis %d has %" PRId64 " entries; IDX holds "
                           "at most %" PRIu32,
                           who, path, i + 1, orr_sizes(t)[i], UINT32_MAX);
  if (orr_tensor_dtype(t) != ORR_I64) return true;
  const int64_t *x = orr_data(t);
  for (int64_t i = 0; i < orr_count(t); i++)
    if (x[i] < INT32_MIN || x[i] > INT32_MAX)
      return orr_set_error("%s: %s: %" PRId64 " does not fit IDX's int32; "
                           "save it as .npy",
                           who, path, x[i]);
  return true;
}

// Through a buffer: the tensor's own bytes keep their order.
static bool write_values(orr_output *out, orr_tensor *t) {
  static const size_t widths[] = {4, 8, 4, 1};
  orr_dtype d = orr_tensor_dtype(t);
  size_t width = widths[d], count = (size_t)orr_count(t);
  const char *from = orr_data(t);
  char buffer[16384];
  for (size_t i = 0; i < count;) {
    size_t n = sizeof buffer / width;
    if (n > count - i) n = count - i;
    for (size_t k = 0; k < n && d == ORR_I64; k++) {
      int64_t wide;
      memcpy(&wide, from + 8 * (i + k), 8);
      int32_t value = (int32_t)wide;
      memcpy(buffer + 4 * k, &value, 4);
    }
    if (d != ORR_I64) memcpy(buffer, from + width * i, n * width);
    if (orr_io_little_endian()) orr_io_swap(buffer, n, width);
    if (!orr_output_write(out, buffer, n * width)) return false;
    i += n;
  }
  return true;
}

static bool write_all(orr_output *out, orr_tensor *t) {
  static const uint8_t types[] = {IDX_F32, IDX_F64, IDX_I32, IDX_U8};
  uint8_t header[4 + 4 * ORR_MAX_RANK] = {0};
  int rank = orr_rank(t);
  header[2] = types[orr_tensor_dtype(t)];
  header[3] = (uint8_t)rank;
  for (int i = 0; i < rank; i++)
    for (int k = 0; k < 4; k++)
      header[4 + 4 * i + k] = (uint8_t)(orr_sizes(t)[i] >> (24 - 8 * k));
  return orr_output_write(out, header, 4 + 4 * (size_t)rank) &&
      write_values(out, t);
}

bool orr_write_idx(const char *who, const char *path, orr_tensor *t,
                   bool gzip) {
  orr_output out;
  orr_tensor *c = orr_contiguous(t);
  if (!c) return false;
  bool ok = fits(who, path, c) && orr_output_file(&out, who, path);
  if (ok && (!gzip || orr_output_gzip(&out)) && write_all(&out, c))
    ok = orr_output_commit(&out);
  else if (ok) {
    orr_output_drop(&out);
    ok = false;
  }
  orr_release(c);
  return ok;
}
