// list.h -- an array that grows, of items of one size.
#ifndef ORR_LIST_H
#define ORR_LIST_H
#include "../orrery.h"

typedef struct orr_list {
  void *items;
  size_t count, room, size;  // size: of one item, set by the owner
} orr_list;

// A place at the end, uninitialised; NULL leaves an error.
void *orr_list_add(orr_list *list);
void orr_list_free(orr_list *list);

#endif
