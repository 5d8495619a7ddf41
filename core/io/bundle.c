// bundle.c -- the named tensors and texts that archives are read into and
// written from, and the small things all formats share.
#include <string.h>
#include "io.h"

static void *copy(const void *data, size_t n) {
  void *block = orr_alloc(n);
  if (block) memcpy(block, data, n);
  return block;
}

// Makes room for one more item; the array doubles.
static orr_bundle_item *append(orr_bundle_item **items, size_t n,
                               size_t *room) {
  size_t need = (n + 1) * sizeof **items;
  if (need > *room) {
    size_t grown = need * 2;
    void *block = *items;
    if (!orr_grow(&block, *room, grown)) return NULL;
    *items = block;
    *room = grown;
  }
  memset(*items + n, 0, sizeof **items);
  return *items + n;
}

bool orr_bundle_add(orr_bundle *b, const char *name, orr_tensor *t) {
  orr_bundle_item *item = append(&b->tensors, b->n_tensors, &b->tensor_room);
  if (!item) return false;
  item->name_size = strlen(name) + 1;
  item->name = copy(name, item->name_size);
  if (!item->name) return false;
  item->tensor = orr_retain(t);
  b->n_tensors++;
  return true;
}

bool orr_bundle_note(orr_bundle *b, const char *key, const char *text) {
  orr_bundle_item *item = append(&b->notes, b->n_notes, &b->note_room);
  if (!item) return false;
  item->name_size = strlen(key) + 1;
  item->text_size = strlen(text) + 1;
  item->name = copy(key, item->name_size);
  item->text = item->name ? copy(text, item->text_size) : NULL;
  if (!item->text) {
    orr_free(item->name, item->name_size);
    return false;
  }
  b->n_notes++;
  return true;
}

const char *orr_bundle_find_note(const orr_bundle *b, const char *key) {
  for (size_t i = 0; i < b->n_notes; i++)
    if (!strcmp(b->notes[i].name, key)) return b->notes[i].text;
  return NULL;
}

static void clear_items(orr_bundle_item *items, size_t n, size_t room) {
  for (size_t i = 0; i < n; i++) {
    orr_release(items[i].tensor);
    orr_free(items[i].name, items[i].name_size);
    if (items[i].text) orr_free(items[i].text, items[i].text_size);
  }
  if (items) orr_free(items, room);
}

void orr_bundle_clear(orr_bundle *b) {
  clear_items(b->tensors, b->n_tensors, b->tensor_room);
  clear_items(b->notes, b->n_notes, b->note_room);
  *b = (orr_bundle){0};
}

bool orr_io_bytes(int rank, const int64_t *sizes, size_t width,
                  uint64_t *bytes) {
  uint64_t n = width;
  bool empty = false;
  for (int i = 0; i < rank; i++) empty |= sizes[i] == 0;
  for (int i = 0; i < rank && !empty; i++) {
    if (n > (uint64_t)INT64_MAX / (uint64_t)sizes[i]) return false;
    n *= (uint64_t)sizes[i];
  }
  *bytes = empty ? 0 : n;
  return *bytes <= SIZE_MAX;
}

void orr_io_swap(void *data, size_t count, size_t width) {
  char *p = data;
  for (size_t i = 0; i < count; i++, p += width)
    for (size_t k = 0; k < width / 2; k++) {
      char c = p[k];
      p[k] = p[width - 1 - k];
      p[width - 1 - k] = c;
    }
}

bool orr_io_little_endian(void) {
  const uint16_t one = 1;
  return *(const uint8_t *)&one == 1;
}
