// safetensors.c -- named tensors with a JSON header (huggingface/safetensors).
//
// Eight bytes: the header's length. The header: an object that gives each
// tensor {"dtype", "shape", "data_offsets": [begin, end]}, and "__metadata__",
// texts by name. Then the data, without gaps, little-endian.
//
// The format has no checksum. What is written here carries one in its
// metadata: "orrery.crc32", the CRC of the whole file with those eight digits
// taken as zeros, and "orrery.format", so that no single flipped bit can make
// the file look like one that never had a checksum.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io.h"
#ifdef ORR_HAVE_JSON
#include <jansson.h>

#define CRC_KEY "orrery.crc32"
#define FORMAT_KEY "orrery.format"
#define CRC_FIELD "\"" CRC_KEY "\":\""

// Sorted, so that equal contents make equal files.
#define PRINTING (JSON_COMPACT | JSON_SORT_KEYS)

enum { HEADER_LIMIT = 100000000 };  // the format's own

static const char *const type_names[] = {"F32", "F64", "I64", "U8"};

// What other programs write, widened on reading.
static const struct {
  const char *name;
  orr_stored stored;
} types[] = {{"F32", {'f', 4}},  {"F64", {'f', 8}}, {"F16", {'f', 2}},
             {"BF16", {'B', 2}}, {"I64", {'i', 8}}, {"I32", {'i', 4}},
             {"I16", {'i', 2}},  {"I8", {'i', 1}},  {"U64", {'u', 8}},
             {"U32", {'u', 4}},  {"U16", {'u', 2}}, {"U8", {'u', 1}},
             {"BOOL", {'b', 1}}};

// ---------------------------------------------------------------- reading

typedef struct place {
  const char *name;  // in the header's JSON
  orr_stored stored;
  int rank;
  int64_t size[ORR_MAX_RANK];
  uint64_t begin, end;
} place;

static int by_begin(const void *a, const void *b) {
  const place *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  return x->end < y->end ? -1 : x->end > y->end;
}

static bool read_type(orr_input *in, const json_t *entry, place *p) {
  const char *type = json_string_value(json_object_get(entry, "dtype"));
  if (!json_is_object(entry) || !type)
    return orr_input_fail(in, "is damaged: %.200s has no dtype; copy it again",
                          p->name);
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (!strcmp(type, types[i].name)) {
      p->stored = types[i].stored;
      return true;
    }
  return orr_input_fail(in,
                        "holds %.200s as %.20s; save it as F64, F32, F16, "
                        "BF16, BOOL or integers of 8 to 64 bits",
                        p->name, type);
}

static bool read_shape(orr_input *in, const json_t *entry, place *p) {
  const json_t *shape = json_object_get(entry, "shape"), *size;
  size_t i;
  if (!json_is_array(shape))
    return orr_input_fail(in, "is damaged: %.200s has no shape; copy it again",
                          p->name);
  if (json_array_size(shape) > ORR_MAX_RANK)
    return orr_input_fail(in,
                          "gives %.200s more than %d axes; reshape it "
                          "before saving",
                          p->name, ORR_MAX_RANK);
  p->rank = (int)json_array_size(shape);
  json_array_foreach(shape, i, size) {
    if (!json_is_integer(size) || json_integer_value(size) < 0)
      return orr_input_fail(in,
                            "is damaged: an axis of %.200s has no size; "
                            "copy it again",
                            p->name);
    p->size[i] = json_integer_value(size);
  }
  return true;
}

static bool read_offsets(orr_input *in, const json_t *entry, place *p,
                         uint64_t data) {
  const json_t *offsets = json_object_get(entry, "data_offsets");
  const json_t *begin = json_array_get(offsets, 0);
  const json_t *end = json_array_get(offsets, 1);
  uint64_t bytes;
  if (json_array_size(offsets) != 2 || !json_is_integer(begin) ||
      !json_is_integer(end) || json_integer_value(begin) < 0 ||
      json_integer_value(end) < json_integer_value(begin))
    return orr_input_fail(in,
                          "is damaged: %.200s has no place in the data; "
                          "copy it again",
                          p->name);
  p->begin = (uint64_t)json_integer_value(begin);
  p->end = (uint64_t)json_integer_value(end);
  size_t wide = orr_dtype_size(orr_stored_dtype(p->stored));
  if (!orr_io_bytes(p->rank, p->size, wide, &bytes) ||
      bytes / wide != (p->end - p->begin) / p->stored.width ||
      (p->end - p->begin) % p->stored.width)
    return orr_input_fail(
        in,
        "is damaged: the shape of %.200s does not make its %" PRIu64
        " bytes; copy it again",
        p->name, p->end - p->begin);
  if (p->end > data)
    return orr_input_fail(in,
                          "is cut short: header says %" PRIu64
                          " bytes of data, file has "
                          "%" PRIu64 "; copy it again",
                          p->end, data);
  return true;
}

// Checks every entry; fills places sorted by where they begin.
static bool read_places(orr_input *in, json_t *header, place *places,
                        size_t *n) {
  const char *name;
  json_t *entry;
  uint64_t data = in->left, at = 0;
  *n = 0;
  json_object_foreach(header, name, entry) {
    if (!strcmp(name, "__metadata__")) continue;
    place *p = &places[(*n)++];
    p->name = name;
    if (!read_type(in, entry, p) || !read_shape(in, entry, p) ||
        !read_offsets(in, entry, p, data))
      return false;
  }
  qsort(places, *n, sizeof *places, by_begin);
  for (size_t i = 0; i < *n; i++) {
    if (places[i].begin != at)
      return orr_input_fail(in,
                            "is damaged: the data of %.200s %s; copy it "
                            "again",
                            places[i].name,
                            places[i].begin < at ? "overlaps another's"
                                                 : "leaves a gap");
    at = places[i].end;
  }
  return orr_input_expect(in, at);
}

static bool read_notes(orr_input *in, json_t *header, orr_bundle *to) {
  json_t *notes = json_object_get(header, "__metadata__"), *text;
  const char *key;
  if (notes && !json_is_object(notes))
    return orr_input_fail(in,
                          "is damaged: its metadata is no object; copy it "
                          "again");
  json_object_foreach(notes, key, text) {
    if (!json_is_string(text))
      return orr_input_fail(in,
                            "is damaged: its metadata %.200s is no text; "
                            "copy it again",
                            key);
    if (strcmp(key, CRC_KEY) && strcmp(key, FORMAT_KEY) &&
        !orr_bundle_note(to, key, json_string_value(text)))
      return false;
  }
  return true;
}

// The values of one tensor, widened where they are stored narrower.
static bool read_values(orr_input *in, const place *p, orr_tensor *t,
                        uint32_t *crc) {
  size_t bytes = (size_t)(p->end - p->begin);
  bool direct = orr_stored_as_is(p->stored);
  char *raw = direct ? orr_data(t) : orr_alloc(bytes ? bytes : 1);
  if (!raw && bytes) return false;
  bool ok = orr_input_read(in, raw, bytes, "data");
  if (ok && bytes) *crc = orr_crc32(*crc, raw, bytes);
  if (ok && !orr_io_little_endian())
    orr_io_swap(raw, bytes / p->stored.width, p->stored.width);
  if (ok && !direct &&
      !orr_stored_read(p->stored, raw, orr_data(t), (size_t)orr_count(t)))
    ok = orr_input_fail(in,
                        "holds a value of %.200s beyond int64; save it as F64",
                        p->name);
  if (!direct) orr_free(raw, bytes ? bytes : 1);
  return ok;
}

static bool read_data(orr_input *in, const place *places, size_t n,
                      orr_bundle *to, uint32_t *crc) {
  for (size_t i = 0; i < n; i++) {
    const place *p = &places[i];
    orr_tensor *t = orr_empty(orr_stored_dtype(p->stored), p->rank, p->size);
    bool ok = t && read_values(in, p, t, crc) && orr_bundle_add(to, p->name, t);
    orr_release(t);
    if (!ok) return false;
  }
  return orr_input_end(in);
}

// Takes the checksum out of the raw header, leaving zeros. *has tells whether
// there is one.
static bool take_crc(orr_input *in, json_t *header, char *text, size_t n,
                     uint32_t *crc, bool *has) {
  const json_t *notes = json_object_get(header, "__metadata__");
  const char *digits = json_string_value(json_object_get(notes, CRC_KEY));
  const char *format = json_string_value(json_object_get(notes, FORMAT_KEY));
  *has = digits || format;
  if (!*has) return true;
  // Quotes inside JSON texts have a backslash before them: no other place in
  // the header can read like this.
  char *field = memmem(text, n, CRC_FIELD, strlen(CRC_FIELD));
  char *end;
  if (!digits || !format || strcmp(format, "1") || strlen(digits) != 8 ||
      strspn(digits, "0123456789abcdef") != 8 || !field)
    return orr_input_fail(in,
                          "is damaged: its checksum cannot be read; copy "
                          "it again");
  *crc = (uint32_t)strtoul(digits, &end, 16);
  memset(field + strlen(CRC_FIELD), '0', 8);
  return true;
}

static bool read_body(orr_input *in, json_t *header, char *text, size_t n,
                      uint32_t crc, orr_bundle *to) {
  size_t room = (json_object_size(header) + 1) * sizeof(place), count;
  uint32_t stated = 0;
  bool has;
  if (!take_crc(in, header, text, n, &stated, &has)) return false;
  crc = orr_crc32(crc, text, n);
  place *places = orr_alloc_zero(room);
  bool ok = places && read_places(in, header, places, &count) &&
      read_notes(in, header, to) && read_data(in, places, count, to, &crc);
  if (places) orr_free(places, room);
  if (ok && has && crc != stated)
    return orr_input_fail(in,
                          "is damaged: its checksum is %08" PRIx32
                          " and should be %08" PRIx32 "; copy it again",
                          crc, stated);
  return ok;
}

static bool read_length(orr_input *in, uint8_t start[8], size_t *n) {
  uint64_t length = 0;
  if (!orr_input_read(in, start, 8, "header")) return false;
  for (int i = 7; i >= 0; i--) length = length << 8 | start[i];
  if (length > HEADER_LIMIT)
    return orr_input_fail(
        in,
        "is not a safetensors file: its header would be %" PRIu64
        " bytes long; at most %d are allowed",
        length, HEADER_LIMIT);
  if (length > in->left)
    return orr_input_fail(in,
                          "is cut short: its header is %" PRIu64
                          " bytes long, file has "
                          "%" PRIu64 "; copy it again",
                          length, in->left);
  *n = (size_t)length;
  return true;
}

bool orr_read_safetensors(orr_input *in, orr_bundle *to) {
  uint8_t start[8];
  size_t n = 0;
  if (!read_length(in, start, &n)) return false;
  char *text = orr_alloc(n + 1);
  if (!text) return false;
  bool ok = orr_input_read(in, text, n, "header");
  if (ok) {
    json_error_t error;
    json_t *header = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
    // The format has the brace first, so that no other file looks like one.
    if (!n || *text != '{')
      ok = orr_input_fail(in,
                          "is damaged: its header does not begin with {; copy "
                          "it again");
    else if (!json_is_object(header))
      ok = orr_input_fail(in,
                          "is damaged: its header is not JSON: %s; copy it "
                          "again",
                          error.text);
    else
      ok = read_body(in, header, text, n, orr_crc32(0, start, 8), to);
    json_decref(header);
  }
  orr_free(text, n + 1);
  if (!ok) orr_bundle_clear(to);
  return ok;
}

// ---------------------------------------------------------------- writing

// Wide elements first, then by name: every tensor begins at a multiple of its
// element's size, and equal contents make equal files.
static int by_width(const void *a, const void *b) {
  const orr_bundle_item *x = *(orr_bundle_item *const *)a;
  const orr_bundle_item *y = *(orr_bundle_item *const *)b;
  size_t wx = orr_dtype_size(orr_tensor_dtype(x->tensor));
  size_t wy = orr_dtype_size(orr_tensor_dtype(y->tensor));
  return wx != wy ? wx < wy ? 1 : -1 : strcmp(x->name, y->name);
}

static size_t bytes_of(const orr_tensor *t) {
  return (size_t)orr_count(t) * orr_dtype_size(orr_tensor_dtype(t));
}

static json_t *make_entry(const orr_tensor *t, uint64_t *at) {
  json_t *shape = json_array();
  for (int i = 0; i < orr_rank(t); i++)
    json_array_append_new(shape, json_integer(orr_sizes(t)[i]));
  uint64_t begin = *at;
  *at += bytes_of(t);
  return json_pack("{s:s, s:o, s:[I, I]}", "dtype",
                   type_names[orr_tensor_dtype(t)], "shape", shape,
                   "data_offsets", (json_int_t)begin, (json_int_t)*at);
}

// Texts that are not UTF-8 have no JSON; the caller's mistake.
static bool put_text(json_t *object, const char *who, const char *key,
                     json_t *value) {
  if (value && json_object_set_new(object, key, value) == 0) return true;
  return orr_set_error("%s: the name or text '%.100s' is not UTF-8; rename it",
                       who, key);
}

static json_t *make_header(const char *who, const orr_bundle *b,
                           orr_bundle_item **items) {
  json_t *header = json_object(), *notes = json_object();
  uint64_t at = 0;
  bool ok = header && notes;
  ok = ok && put_text(notes, who, CRC_KEY, json_string("00000000")) &&
      put_text(notes, who, FORMAT_KEY, json_string("1"));
  for (size_t i = 0; ok && i < b->n_notes; i++)
    ok = put_text(notes, who, b->notes[i].name, json_string(b->notes[i].text));
  ok = ok && json_object_set(header, "__metadata__", notes) == 0;
  for (size_t i = 0; ok && i < b->n_tensors; i++) {
    const char *name = items[i]->name;
    if (!strcmp(name, "__metadata__"))
      ok = orr_set_error("%s: a tensor is called __metadata__, a name the "
                         "format keeps for itself; rename it",
                         who);
    else if (json_object_get(header, name))
      ok = orr_set_error("%s: two tensors are called '%.100s'; rename one", who,
                         name);
    else
      ok = put_text(header, who, name, make_entry(items[i]->tensor, &at));
  }
  json_decref(notes);
  if (ok) return header;
  orr_set_error("%s: no memory for the header", who);
  json_decref(header);
  return NULL;
}

// The length in front, the JSON, and spaces up to a multiple of eight.
static char *print_header(const char *who, json_t *header, size_t *size) {
  size_t n = json_dumpb(header, NULL, 0, PRINTING);
  size_t padded = (n + 7) / 8 * 8;
  if (n == 0 || padded > HEADER_LIMIT) {
    orr_set_error("%s: names and texts would take %zu bytes; a safetensors "
                  "file has room for %d",
                  who, n, HEADER_LIMIT);
    return NULL;
  }
  char *text = orr_alloc(8 + padded);
  if (!text) return NULL;
  for (int i = 0; i < 8; i++)
    text[i] = (char)((uint64_t)padded >> (8 * i) & 255);
  json_dumpb(header, text + 8, n, PRINTING);
  memset(text + 8 + n, ' ', padded - n);
  *size = 8 + padded;
  return text;
}

// Writes a tensor's values in order; or, with no output, adds them to *crc.
static bool each_value(orr_output *out, orr_tensor *t, uint32_t *crc) {
  orr_tensor *c = orr_contiguous(t);
  if (!c) return false;
  bool ok = true;
  size_t n = bytes_of(c), width = orr_dtype_size(orr_tensor_dtype(c));
  const char *p = orr_data(c);
  char buffer[16384];
  size_t piece = orr_io_little_endian() ? n : sizeof buffer;
  while (ok && n > 0) {
    size_t part = n < piece ? n : piece;
    const char *from = p;
    if (!orr_io_little_endian()) {
      memcpy(buffer, p, part);
      orr_io_swap(buffer, part / width, width);
      from = buffer;
    }
    if (out)
      ok = orr_output_write(out, from, part);
    else
      *crc = orr_crc32(*crc, from, part);
    p += part;
    n -= part;
  }
  orr_release(c);
  return ok;
}

static bool write_body(orr_output *out, orr_bundle_item **items, size_t n,
                       char *text, size_t size) {
  char digits[16];
  uint32_t crc = orr_crc32(0, text, size);
  for (size_t i = 0; i < n; i++)
    if (!each_value(NULL, items[i]->tensor, &crc)) return false;
  snprintf(digits, sizeof digits, "%08" PRIx32, crc);
  char *field = memmem(text + 8, size - 8, CRC_FIELD, strlen(CRC_FIELD));
  memcpy(field + strlen(CRC_FIELD), digits, 8);
  if (!orr_output_write(out, text, size)) return false;
  for (size_t i = 0; i < n; i++)
    if (!each_value(out, items[i]->tensor, NULL)) return false;
  return true;
}

bool orr_write_safetensors(const char *who, const char *path,
                           const orr_bundle *b) {
  size_t room = (b->n_tensors + 1) * sizeof(orr_bundle_item *), size = 0;
  orr_bundle_item **items = orr_alloc(room);
  if (!items) return false;
  for (size_t i = 0; i < b->n_tensors; i++) items[i] = &b->tensors[i];
  qsort(items, b->n_tensors, sizeof *items, by_width);
  json_t *header = make_header(who, b, items);
  char *text = header ? print_header(who, header, &size) : NULL;
  json_decref(header);
  orr_output out;
  bool ok = text && orr_output_file(&out, who, path);
  if (ok && write_body(&out, items, b->n_tensors, text, size))
    ok = orr_output_commit(&out);
  else if (ok) {
    orr_output_drop(&out);
    ok = false;
  }
  if (text) orr_free(text, size);
  orr_free(items, room);
  return ok;
}

#else

bool orr_read_safetensors(orr_input *in, orr_bundle *to) {
  (void)to;
  return orr_input_fail(in,
                        "is a safetensors file, but this build has no "
                        "jansson; build it with -Djson=enabled");
}

bool orr_write_safetensors(const char *who, const char *path,
                           const orr_bundle *b) {
  (void)b;
  return orr_io_fail(who, path,
                     "is to be a safetensors file, but this build "
                     "has no jansson; build it with -Djson=enabled");
}

#endif
