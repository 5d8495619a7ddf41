// merge.c -- rows that do what another did before are left out.
//
// Two rows are equal when they apply the same op with the same options to the
// same elements, and nothing wrote over these in between: they have the same
// bits. A discriminator that judges the same images for both players, and what
// two gradient rules both work out, are done once.
#include <string.h>

#include "program.h"

typedef struct merger {
  orr_program *p;
  size_t n_rows, n_buffers;
  size_t *written;    // by buffer: 1 + the last row so far that wrote over it
  size_t *same;       // by buffer: the one with the same elements, or itself
  bool *overwritten;  // by buffer: whether any row writes over it
  size_t *first, *next;  // by hash: 1 + a row; by row: 1 + another
  size_t hashes;
} merger;

static bool is_pure(const orr_step_row *row) {
  return row->kind == ORR_ROW_CALL && !row->dead && !row->stream && row->nx;
}

static size_t mixed(size_t hash, size_t value) {
  return (hash ^ value) * (size_t)0x100000001b3;
}

static size_t hash_of(const merger *m, const orr_step_row *row) {
  size_t hash = mixed((size_t)row->call.op->id, (size_t)row->nx);
  for (int i = 0; i < row->nx; i++)
    if (row->x[i]) hash = mixed(hash, row->x[i]->storage->place);
  return (hash ^ hash >> 21) % m->hashes;
}

static bool same_elements(const orr_tensor *a, const orr_tensor *b) {
  if (!a || !b) return a == b;
  return a->storage == b->storage && a->offset == b->offset &&
      a->dtype == b->dtype && orr_same_shape(a, b) &&
      !memcmp(a->stride, b->stride, (size_t)a->rank * sizeof *a->stride);
}

// Whether row i makes what row k made, which is still there.
static bool repeats(const merger *m, size_t i, size_t k) {
  const orr_step_row *b = orr_row_at(m->p, i), *a = orr_row_at(m->p, k);
  if (a->call.op != b->call.op || a->nx != b->nx || a->ny != b->ny ||
      memcmp(a->attr, b->attr, sizeof a->attr))
    return false;
  for (int x = 0; x < a->nx; x++) {
    if (!same_elements(a->x[x], b->x[x])) return false;
    if (a->x[x] && m->written[a->x[x]->storage->place] > k) return false;
  }
  for (int y = 0; y < a->ny; y++)
    if (a->y[y]->dtype != b->y[y]->dtype || !orr_same_shape(a->y[y], b->y[y]) ||
        m->overwritten[a->y[y]->storage->place] ||
        m->overwritten[b->y[y]->storage->place] ||
        orr_buffer_under(m->p, b->y[y])->leaves)
      return false;
  return true;
}

static void leave_out(merger *m, size_t i, size_t k) {
  orr_step_row *b = orr_row_at(m->p, i);
  const orr_step_row *a = orr_row_at(m->p, k);
  b->dead = true;
  m->p->dead_rows++;
  m->p->merged_rows++;
  for (int y = 0; y < b->ny; y++) {
    orr_buffer *one = orr_buffer_under(m->p, a->y[y]);
    orr_buffer *other = orr_buffer_under(m->p, b->y[y]);
    one->needed = one->needed || other->needed;
    other->needed = false;
    m->same[b->y[y]->storage->place] = a->y[y]->storage->place;
  }
}

// Row i reads what was kept.
static void redirect(merger *m, const orr_step_row *row) {
  for (int k = 0; k < row->nx; k++) {
    orr_tensor *x = row->x[k];
    if (!x || m->same[x->storage->place] == x->storage->place) continue;
    orr_storage *kept =
        orr_buffer_at(m->p, m->same[x->storage->place])->storage;
    kept->refs++;
    orr_storage_release(x->storage);
    x->storage = kept;
  }
}

static void look_at(merger *m, size_t i) {
  const orr_step_row *row = orr_row_at(m->p, i);
  redirect(m, row);
  if (row->kind != ORR_ROW_CALL)
    for (int y = 0; y < row->ny; y++)
      if (row->y[y]) m->written[row->y[y]->storage->place] = i + 1;
  if (!is_pure(row)) return;
  const size_t hash = hash_of(m, row);
  for (size_t k = m->first[hash]; k && !row->again; k = m->next[k - 1])
    if (repeats(m, i, k - 1)) {
      leave_out(m, i, k - 1);
      return;
    }
  m->next[i] = m->first[hash];
  m->first[hash] = i + 1;
}

static void prepare(merger *m) {
  for (size_t i = 0; i < m->n_buffers; i++) {
    m->written[i] = 0;
    m->same[i] = i;
    m->overwritten[i] = false;
  }
  for (size_t i = 0; i < m->hashes; i++) m->first[i] = 0;
  for (size_t i = 0; i < m->n_rows; i++) {
    const orr_step_row *row = orr_row_at(m->p, i);
    for (int y = 0; row->kind != ORR_ROW_CALL && y < row->ny; y++)
      if (row->y[y]) m->overwritten[row->y[y]->storage->place] = true;
  }
}

bool orr_program_merge(orr_program *p) {
  merger m = {p, p->rows.count, p->buffers.count};
  m.hashes = m.n_rows + 1;
  const size_t bytes =
      (2 * m.n_buffers + m.hashes + m.n_rows) * sizeof(size_t) +
      m.n_buffers * sizeof(bool) + 1;
  size_t *block = orr_alloc(bytes);
  if (!block) return false;
  m.written = block;
  m.same = m.written + m.n_buffers;
  m.first = m.same + m.n_buffers;
  m.next = m.first + m.hashes;
  m.overwritten = (bool *)(m.next + m.n_rows);
  prepare(&m);
  for (size_t i = 0; i < m.n_rows; i++)
    if (!orr_row_at(p, i)->dead) look_at(&m, i);
  orr_free(block, bytes);
  return true;
}
