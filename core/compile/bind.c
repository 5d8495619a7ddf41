// bind.c -- a recorded step is put over what a run of it is given, and what
// leaves it is taken out.
#include <string.h>

#include "program.h"

// ---- what goes in

static bool fits(const orr_tensor *t, const orr_tensor *like) {
  return t->dtype == like->dtype && orr_same_shape(t, like) && t->contiguous;
}

bool orr_bind_arguments(const orr_program *p, orr_tensor *const *argument) {
  orr_tensor **like = p->arguments.items;
  for (size_t i = 0; i < p->arguments.count; i++) {
    if (!fits(argument[i], like[i]))
      return orr_set_error(
          "compile: argument %zu is not like the one recorded; "
          "record the step again",
          i + 1);
    like[i]->storage->data = orr_data(argument[i]);
    like[i]->storage->version++;
  }
  return true;
}

bool orr_bind_numbers(const orr_program *p, int n, const double *number) {
  double *own = p->numbers.items;
  if ((size_t)n != p->numbers.count)
    return orr_set_error("compile: the step takes %zu numbers but %d are "
                         "given; record the step again",
                         p->numbers.count, n);
  for (size_t i = 0; n && i < p->buffers.count; i++) {
    orr_buffer *b = orr_buffer_at(p, i);
    if (b->kind != ORR_BUFFER_NUMBER) continue;
    own[b->index] = number[b->index];
    b->storage->data = (char *)&own[b->index];
    b->storage->version++;
  }
  return true;
}

static bool take_memory(orr_buffer *b) {
  const int64_t size = (int64_t)b->bytes;
  b->owner = orr_empty(ORR_U8, 1, &size);
  if (!b->owner) return false;
  b->storage->data = b->owner->storage->data;
  b->storage->version++;
  return true;
}

void orr_drop_gradients(orr_program *p) {
  orr_program_leaf *leaf = p->leaves.items;
  for (size_t i = 0; i < p->leaves.count; i++)
    if (leaf[i].set && !leaf[i].read) orr_set_grad(leaf[i].leaf, NULL);
}

bool orr_bind_buffers(orr_program *p) {
  const orr_program_leaf *leaf = p->leaves.items;
  for (size_t i = 0; i < p->buffers.count; i++) {
    orr_buffer *b = orr_buffer_at(p, i);
    if (b->kind == ORR_BUFFER_GRADIENT && leaf[b->index].read)
      b->storage->data = orr_data(leaf[b->index].leaf->grad);
    if (b->leaves && !take_memory(b)) return false;
    if (b->snapshot && b->bytes) {
      memcpy(b->storage->data, b->snapshot, b->bytes);
      b->storage->version++;
    }
  }
  for (size_t i = 0; i < p->buffers.count; i++) {
    orr_buffer *b = orr_buffer_at(p, i), *home = orr_buffer_at(p, b->home);
    if (home != b && home->leaves) b->storage->data = home->storage->data;
    if (home->room == ORR_NO_ROOM) continue;
    const orr_buffer *room = orr_buffer_at(p, home->room);
    b->storage->data = (char *)room->storage->data + home->offset;
  }
  return true;
}

void orr_unbind(const orr_program *p) {
  for (size_t i = 0; i < p->buffers.count; i++) {
    orr_buffer *b = orr_buffer_at(p, i), *home = orr_buffer_at(p, b->home);
    if (!home->leaves && home->room == ORR_NO_ROOM) continue;
    orr_release(b->owner);
    b->owner = NULL;
    b->storage->data = NULL;
  }
}

// ---- what comes out

// What leaves: a tensor over this run's memory.
static orr_tensor *released(const orr_program *p, const orr_tensor *h,
                            orr_tensor *const *argument) {
  orr_storage *s = h->storage;
  const orr_buffer *b =
      s->place < p->buffers.count ? orr_buffer_at(p, s->place) : NULL;
  if (b && b->storage != s) b = NULL;  // it was there before, and is elsewhere
  int64_t offset = h->offset;
  if (b && b->kind == ORR_BUFFER_NUMBER)
    return orr_scalar(ORR_F64, *ORR_F64P(h));
  if (!b || b->kind == ORR_BUFFER_HELD) {
    // as it is
  } else if (b->owner) {
    s = b->owner->storage;
  } else if (b->kind == ORR_BUFFER_ARGUMENT) {
    s = argument[b->index]->storage;
    offset += argument[b->index]->offset;
  } else if (b->kind == ORR_BUFFER_GRADIENT) {
    const orr_program_leaf *leaf = p->leaves.items;
    const orr_tensor *g = leaf[b->index].leaf->grad;
    if (!g) return NULL;
    s = g->storage;
    offset += g->offset;
  }
  return orr_tensor_view(s, h->dtype, h->rank, h->size, h->stride, offset);
}

bool orr_make_results(const orr_program *p, orr_tensor *const *argument,
                      orr_tensor **result, orr_tensor **gradient) {
  const orr_program_leaf *leaf = p->leaves.items;
  bool ok = true;
  for (size_t i = 0; ok && i < p->results.count; i++)
    ok = (result[i] = released(p, ((orr_tensor **)p->results.items)[i],
                               argument)) != NULL;
  for (size_t i = 0; ok && i < p->leaves.count; i++)
    if (leaf[i].gradient)
      ok = (gradient[i] = released(p, leaf[i].gradient, argument)) != NULL;
  return ok;
}
