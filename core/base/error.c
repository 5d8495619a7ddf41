// error.c -- the pending sentence, call sites, interned text.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../orrery.h"

static char message[1024];

const char *orr_error(void) { return message; }

void orr_clear_error(void) { message[0] = '\0'; }

// The first failure of a chain is the cause; what follows from it is noise.
bool orr_set_error(const char *format, ...) {
  if (message[0]) return false;
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  return false;
}

static orr_site_fn *site_fn;
static void *site_context;

void orr_set_site_source(orr_site_fn *fn, void *context) {
  site_fn = fn;
  site_context = context;
}

orr_site orr_current_site(void) {
  return site_fn ? site_fn(site_context) : (orr_site){NULL, 0};
}

// File names are few: an open-addressing table that only grows. It uses
// malloc, as its entries outlive every count of live tensor memory.
static const char **names;
static size_t name_slots, name_count;

static size_t hash_text(const char *s) {
  size_t h = 1469598103934665603u;
  for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u;
  return h;
}

static const char **find_slot(const char **table, size_t slots,
                              const char *text) {
  size_t i = hash_text(text) & (slots - 1);
  while (table[i] && strcmp(table[i], text)) i = (i + 1) & (slots - 1);
  return &table[i];
}

static bool grow_names(void) {
  const size_t slots = name_slots ? 2 * name_slots : 64;
  const char **table = calloc(slots, sizeof *table);
  if (!table) return false;
  for (size_t i = 0; i < name_slots; i++)
    if (names[i]) *find_slot(table, slots, names[i]) = names[i];
  free((void *)names);
  names = table;
  name_slots = slots;
  return true;
}

const char *orr_intern(const char *text) {
  if (2 * (name_count + 1) > name_slots && !grow_names()) return NULL;
  const char **slot = find_slot(names, name_slots, text);
  if (*slot) return *slot;
  const size_t size = strlen(text) + 1;
  char *copy = malloc(size);
  if (!copy) return NULL;
  memcpy(copy, text, size);
  name_count++;
  return *slot = copy;
}
