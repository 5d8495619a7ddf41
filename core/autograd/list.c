// list.c -- an array that grows.
#include "list.h"

void *orr_list_add(orr_list *l) {
  if (l->count == l->room) {
    const size_t room = l->room ? 2 * l->room : 64;
    if (!orr_grow(&l->items, l->room * l->size, room * l->size)) return NULL;
    l->room = room;
  }
  return (char *)l->items + l->count++ * l->size;
}

void orr_list_free(orr_list *l) {
  orr_free(l->items, l->room * l->size);
  l->items = NULL;
  l->count = l->room = 0;
}
