// npy.c -- NumPy's array files (NumPy Enhancement Proposal 1, versions 1-3).
//
// magic "\x93NUMPY", version, header length, then a Python dictionary as text:
//   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
// read here by its own small grammar, never evaluated.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "io.h"

enum { HEADER_LIMIT = 65536 };

typedef struct layout {
  orr_stored stored;
  bool swapped;  // the other byte order
  bool fortran;  // first axis fastest
  int rank;
  int64_t size[ORR_MAX_RANK];
} layout;

// ---------------------------------------------------------------- header

typedef struct cursor {
  const char *p, *end;
} cursor;

static void blanks(cursor *c) {
  while (c->p < c->end && (*c->p == ' ' || *c->p == '\n')) c->p++;
}

static bool take(cursor *c, const char *text) {
  size_t n = strlen(text);
  blanks(c);
  if ((size_t)(c->end - c->p) < n || memcmp(c->p, text, n)) return false;
  c->p += n;
  return true;
}

static bool take_text(cursor *c, char *text, size_t room) {
  blanks(c);
  if (c->p == c->end || (*c->p != '\'' && *c->p != '"')) return false;
  char quote = *c->p++;
  for (size_t n = 0; c->p < c->end && n < room; n++) {
    char letter = *c->p++;
    text[n] = letter == quote ? 0 : letter;
    if (letter == quote) return true;
  }
  return false;
}

static bool take_integer(cursor *c, int64_t *value) {
  int digits = 0;
  blanks(c);
  for (*value = 0; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++) {
    if (++digits > 18) return false;
    *value = *value * 10 + (*c->p - '0');
  }
  if (digits && c->p < c->end && *c->p == 'L')  // written by Python 2
    c->p++;
  return digits > 0;
}

static bool take_shape(orr_input *in, cursor *c, layout *l, bool *told) {
  if (!take(c, "(")) return false;
  for (l->rank = 0; !take(c, ")"); l->rank++) {
    int64_t size;
    if (!take_integer(c, &size)) return false;
    if (l->rank == ORR_MAX_RANK) {
      *told = true;
      return orr_input_fail(in,
                            "has more than %d axes; reshape it before "
                            "saving",
                            ORR_MAX_RANK);
    }
    l->size[l->rank] = size;
    if (!take(c, ",")) {
      l->rank++;
      return take(c, ")");
    }
  }
  return true;
}

static bool take_order(cursor *c, layout *l) {
  l->fortran = take(c, "True");
  return l->fortran || take(c, "False");
}

// The dictionary; told is set when the sentence is left already.
static bool parse(orr_input *in, cursor *c, layout *l, char descr[16],
                  bool *told) {
  unsigned seen = 0;
  if (!take(c, "{")) return false;
  while (!take(c, "}")) {
    char key[16];
    if (!take_text(c, key, sizeof key) || !take(c, ":")) return false;
    unsigned bit = !strcmp(key, "descr") ? 1
        : !strcmp(key, "fortran_order")  ? 2
        : !strcmp(key, "shape")          ? 4
                                         : 0;
    if (!bit || seen & bit) return false;
    seen |= bit;
    if (bit == 1 && take(c, "[")) {
      *told = true;
      return orr_input_fail(in,
                            "holds records with named fields; save each "
                            "field as an array of its own");
    }
    if (bit == 1       ? !take_text(c, descr, 16)
            : bit == 2 ? !take_order(c, l)
                       : !take_shape(in, c, l, told))
      return false;
    if (!take(c, ",")) {
      if (!take(c, "}")) return false;
      break;
    }
  }
  blanks(c);
  return seen == 7 && c->p == c->end;
}

static bool understand(orr_input *in, layout *l, const char *descr) {
  static const char known[] = "f2 f4 f8 i8 i4 i2 i1 u1 u2 u4 u8 b1";
  const char *type = descr + 1;
  bool order = descr[0] && strchr("<>|=", descr[0]);
  const char *at = order && strlen(type) == 2 ? strstr(known, type) : NULL;
  if (!at || (descr[0] == '|' && type[1] != '1'))
    return orr_input_fail(
        in,
        "holds values of type %s; save it as float32, float64, int64 or "
        "uint8",
        descr);
  l->stored = (orr_stored){type[0], (size_t)(type[1] - '0')};
  l->swapped = l->stored.width > 1 && descr[0] != '=' &&
      (descr[0] == '<') != orr_io_little_endian();
  return true;
}

static bool read_header(orr_input *in, layout *l) {
  uint8_t start[8], length[4] = {0};
  if (!orr_input_read(in, start, 8, "header")) return false;
  if (memcmp(start, "\x93NUMPY", 6))
    return orr_input_fail(in, "is not a .npy file; save it with numpy.save");
  if (start[6] < 1 || start[6] > 3 || start[7] != 0)
    return orr_input_fail(in,
                          ".npy version %d.%d is unknown; save it with "
                          "numpy.save",
                          start[6], start[7]);
  if (!orr_input_read(in, length, start[6] == 1 ? 2 : 4, "header"))
    return false;
  uint32_t n = (uint32_t)length[0] | (uint32_t)length[1] << 8 |
      (uint32_t)length[2] << 16 | (uint32_t)length[3] << 24;
  if (n > HEADER_LIMIT)
    return orr_input_fail(in,
                          "is damaged: its header claims %u bytes; copy "
                          "it again",
                          n);
  char *text = orr_alloc(n + 1);
  if (!text) return false;
  char descr[16] = "";
  bool told = false, ok = orr_input_read(in, text, n, "header");
  if (ok) {
    cursor c = {text, text + n};
    ok = parse(in, &c, l, descr, &told);
    if (!ok && !told)
      orr_input_fail(in,
                     "is damaged: its header makes no sense; copy it "
                     "again");
  }
  orr_free(text, n + 1);
  return ok && understand(in, l, descr);
}

// ---------------------------------------------------------------- values

// Copies elements from the file's order to the tensor's.
static bool arrange(const layout *l, const char *from, orr_tensor *t) {
  size_t width = orr_dtype_size(orr_tensor_dtype(t));
  int64_t index[ORR_MAX_RANK] = {0}, step[ORR_MAX_RANK], run = 1;
  char *to = orr_data(t);
  for (int k = 0; k < l->rank; k++) {
    step[k] = run;
    run *= l->size[k];
  }
  int64_t count = orr_count(t), at = 0;
  for (int64_t i = 0; i < count; i++, to += width) {
    const char *p = from + (size_t)at * l->stored.width;
    if (!orr_stored_read(l->stored, p, to, 1)) return false;
    for (int k = l->rank - 1; k >= 0; k--) {
      at += step[k];
      if (++index[k] < l->size[k]) break;
      at -= step[k] * l->size[k];
      index[k] = 0;
    }
  }
  return true;
}

static bool read_values(orr_input *in, const layout *l, size_t n,
                        orr_tensor *t) {
  bool turned = l->fortran && l->rank > 1;
  bool direct = !turned && orr_stored_as_is(l->stored);
  char *raw = direct ? orr_data(t) : orr_alloc(n ? n : 1);
  if (!raw && n) return false;
  bool ok = orr_input_read(in, raw, n, "data") && orr_input_end(in);
  if (ok && l->swapped) orr_io_swap(raw, n / l->stored.width, l->stored.width);
  if (ok && !direct &&
      !(turned ? arrange(l, raw, t)
               : orr_stored_read(l->stored, raw, orr_data(t),
                                 (size_t)orr_count(t))))
    ok = orr_input_fail(in, "holds a value beyond int64; save it as float64");
  if (!direct) orr_free(raw, n ? n : 1);
  return ok;
}

orr_tensor *orr_read_npy(orr_input *in) {
  layout l = {0};
  uint64_t bytes, wide;
  if (!read_header(in, &l)) return NULL;
  orr_dtype dtype = orr_stored_dtype(l.stored);
  if (!orr_io_bytes(l.rank, l.size, l.stored.width, &bytes) ||
      !orr_io_bytes(l.rank, l.size, orr_dtype_size(dtype), &wide)) {
    orr_input_fail(in,
                   "is damaged: its sizes are beyond any memory; copy it "
                   "again");
    return NULL;
  }
  if (!orr_input_expect(in, bytes)) return NULL;
  orr_tensor *t = orr_empty(dtype, l.rank, l.size);
  if (t && read_values(in, &l, (size_t)bytes, t)) return t;
  orr_release(t);
  return NULL;
}

// ---------------------------------------------------------------- writing

size_t orr_npy_header(const orr_tensor *t, char header[256]) {
  static const char *const descr[] = {"f4", "f8", "i8", "u1"};
  orr_dtype d = orr_tensor_dtype(t);
  int rank = orr_rank(t);
  char order = d == ORR_U8 ? '|' : orr_io_little_endian() ? '<' : '>';
  int n = snprintf(header + 10, 246,
                   "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                   order, descr[d]);
  for (int i = 0; i < rank; i++)
    n += snprintf(header + 10 + n, (size_t)(246 - n), "%" PRId64 "%s",
                  orr_sizes(t)[i],
                  rank == 1          ? ","
                      : i + 1 < rank ? ", "
                                     : "");
  n += snprintf(header + 10 + n, (size_t)(246 - n), "), }");
  size_t total = ((size_t)n + 10 + 1 + 63) / 64 * 64;
  memset(header + 10 + n, ' ', total - 10 - (size_t)n);
  header[total - 1] = '\n';
  memcpy(header, "\x93NUMPY\x01\x00", 8);
  header[8] = (char)((total - 10) & 255);
  header[9] = (char)((total - 10) >> 8);
  return total;
}

bool orr_write_npy(const char *who, const char *path, orr_tensor *t) {
  char header[256];
  orr_output out;
  orr_tensor *c = orr_contiguous(t);
  if (!c) return false;
  size_t n = orr_npy_header(c, header);
  size_t bytes = (size_t)orr_count(c) * orr_dtype_size(orr_tensor_dtype(c));
  bool ok = orr_output_file(&out, who, path);
  if (ok && orr_output_write(&out, header, n) &&
      orr_output_write(&out, orr_data(c), bytes))
    ok = orr_output_commit(&out);
  else if (ok) {
    orr_output_drop(&out);
    ok = false;
  }
  orr_release(c);
  return ok;
}
