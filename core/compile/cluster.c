// cluster.c -- which elementwise rows of a step are done together.
//
// Rows go together when they have equally many elements and meet in a tensor
// that all walk in the same order: then a block of it stays in the first cache
// while all of them work on it, and what no other row reads is never stored.
//
// Between rows that write over something every buffer is written once, so what
// a row waits for is what it reads. Each row has a place, the index at which it
// is done. A cluster lies at the place of one of its members; the others move
// there: those before it down, unless an outside row in between reads them, and
// those behind it up, if what they read is there by then.
#include <string.h>

#include "program.h"

// Rows move at most this far: down, where a buffer lives shorter for it and
// what it was made from longer; and up, where it lives longer.
#define FAR_DOWN 32
#define FAR_UP 8

typedef struct group {
  int in;        // the group it became part of; itself while it is one
  int rows;      // 0: not elementwise
  int spread;    // inputs that are not walked through
  int segment;   // rows that write over something lie between two of these
  size_t place;  // where it is done
  size_t limit;  // the first place where an outside row reads from it
  int64_t n;     // elements
} group;

typedef struct finder {
  orr_program *p;
  group *groups;  // by row: row i founds groups[i]
  int *maker;     // by buffer: the row that makes it, or -1
  size_t n_rows, n_buffers;
} finder;

static int find(const finder *f, int row) {
  while (f->groups[row].in != row) row = f->groups[row].in;
  return row;
}

static int maker_of(const finder *f, const orr_tensor *t) {
  return t ? f->maker[t->storage->place] : -1;
}

static bool is_elementwise(const orr_step_row *row) {
  return row->kind == ORR_ROW_CALL && !row->dead && row->loop &&
      row->nx < ORR_MAX_OPERAND;
}

// ---- joining

static bool has_room(const group *g, const group *more, size_t far) {
  return more->place - g->place <= far &&
      g->rows + more->rows <= ORR_CLUSTER_ROWS &&
      g->spread + more->spread <= ORR_CLUSTER_SPREAD;
}

// Whether x of row i comes from group g otherwise than element by element.
static bool tangled(const finder *f, const orr_step_row *row, int g) {
  for (int k = 0; k < row->nx; k++) {
    const int maker = maker_of(f, row->x[k]);
    if (maker < 0 || find(f, maker) != g) continue;
    if (!orr_walked_through(row->x[k], row->y[0])) return true;
  }
  return false;
}

static bool fits_group(const finder *f, size_t i, int g) {
  const group *of = &f->groups[g], *own = &f->groups[i];
  return of->rows && of->n == own->n && of->segment == own->segment &&
      !tangled(f, orr_row_at(f->p, i), g);
}

// g is done at row i from now on, together with it.
static void sink(finder *f, int g, size_t i) {
  group *of = &f->groups[g], *own = &f->groups[i];
  of->in = (int)i;
  own->rows += of->rows;
  own->spread += of->spread;
}

static bool sinks(const finder *f, size_t i, int g, size_t far) {
  const group *of = &f->groups[g];
  return fits_group(f, i, g) && of->limit > i &&
      has_room(of, &f->groups[i], far);
}

// All groups that row i reads from and that nobody outside reads before it.
static bool sink_makers(finder *f, size_t i) {
  const orr_step_row *row = orr_row_at(f->p, i);
  bool any = false;
  for (int k = 0; k < row->nx; k++) {
    const int maker = maker_of(f, row->x[k]);
    const int g = maker < 0 ? (int)i : find(f, maker);
    if (g == (int)i || !sinks(f, i, g, FAR_DOWN)) continue;
    sink(f, g, i);
    any = true;
  }
  return any;
}

// What row i reads, but for what g makes, is there at g's place.
static bool rises(const finder *f, size_t i, int g) {
  const orr_step_row *row = orr_row_at(f->p, i);
  const group *of = &f->groups[g];
  if (!fits_group(f, i, g) || !has_room(of, &f->groups[i], FAR_UP))
    return false;
  for (int k = 0; k < row->nx; k++) {
    const int maker = maker_of(f, row->x[k]);
    if (maker < 0 || find(f, maker) == g) continue;
    if (f->groups[find(f, maker)].place >= of->place) return false;
  }
  return true;
}

static void rise(finder *f, size_t i, int g) {
  group *own = &f->groups[i];
  own->in = g;
  f->groups[g].rows += own->rows;
  f->groups[g].spread += own->spread;
}

static bool rise_to_maker(finder *f, size_t i) {
  const orr_step_row *row = orr_row_at(f->p, i);
  for (int k = 0; k < row->nx; k++) {
    const int maker = maker_of(f, row->x[k]);
    const int g = maker < 0 ? (int)i : find(f, maker);
    if (g == (int)i || !rises(f, i, g)) continue;
    rise(f, i, g);
    return true;
  }
  return false;
}

// Whether both rows read one buffer throughout: it is then read once.
static bool share(const orr_step_row *a, const orr_step_row *b) {
  for (int i = 0; i < a->nx; i++)
    for (int k = 0; k < b->nx; k++)
      if (a->x[i]->storage == b->x[k]->storage &&
          orr_walked_through(a->x[i], a->y[0]) &&
          orr_walked_through(b->x[k], b->y[0]))
        return true;
  return false;
}

static void join_sharer(finder *f, size_t i) {
  const orr_step_row *row = orr_row_at(f->p, i);
  for (size_t back = 1; back <= FAR_UP && back <= i; back++) {
    const orr_step_row *other = orr_row_at(f->p, i - back);
    if (!is_elementwise(other) || !share(row, other)) continue;
    const int g = find(f, (int)(i - back));
    if (sinks(f, i, g, FAR_UP)) {
      sink(f, g, i);
      return;
    }
    if (rises(f, i, g)) {
      rise(f, i, g);
      return;
    }
  }
}

// ---- all rows, in order

// From now on, what row i reads has to be made before the place of its group.
static void hold_makers(finder *f, size_t i) {
  const orr_step_row *row = orr_row_at(f->p, i);
  const int own = find(f, (int)i);
  const size_t place = f->groups[own].place;
  const int n = row->kind == ORR_ROW_CALL ? row->nx : row->nx + row->ny;
  for (int k = 0; k < n; k++) {
    const int maker = maker_of(f, row->x[k]);
    group *g = maker < 0 ? NULL : &f->groups[find(f, maker)];
    if (g && g != &f->groups[own] && place < g->limit) g->limit = place;
  }
}

static void place_row(finder *f, size_t i, int segment) {
  const orr_step_row *row = orr_row_at(f->p, i);
  group *g = &f->groups[i];
  *g = (group){.in = (int)i, .segment = segment, .place = i};
  g->limit = SIZE_MAX;
  if (is_elementwise(row)) {
    g->rows = 1;
    g->n = row->y[0]->count;
    g->spread = orr_spread_inputs(row);
    if (!sink_makers(f, i) && !rise_to_maker(f, i)) join_sharer(f, i);
  }
  hold_makers(f, i);
  for (int k = 0; k < row->ny; k++) {
    int *maker = row->y[k] ? &f->maker[row->y[k]->storage->place] : NULL;
    if (maker && row->kind == ORR_ROW_CALL) *maker = (int)i;
  }
}

static void find_groups(finder *f) {
  int segment = 0;
  for (size_t i = 0; i < f->n_buffers; i++) f->maker[i] = -1;
  for (size_t i = 0; i < f->n_rows; i++) {
    const orr_step_row *row = orr_row_at(f->p, i);
    if (row->dead) {
      f->groups[i] = (group){.in = (int)i};
      continue;
    }
    segment += row->kind != ORR_ROW_CALL;
    place_row(f, i, segment);
    segment += row->kind != ORR_ROW_CALL;
  }
}

// ---- in the program

// Buffers that outside rows read, or that leave, are stored.
static void mark_stored(finder *f) {
  for (size_t i = 0; i < f->n_buffers; i++) {
    orr_buffer *b = orr_buffer_at(f->p, i);
    if (f->maker[i] >= 0) b->needed = b->leaves;
  }
  for (size_t i = 0; i < f->n_rows; i++) {
    const orr_step_row *row = orr_row_at(f->p, i);
    if (row->dead) continue;
    const bool alone = f->groups[find(f, (int)i)].rows < 2;
    const int n =
        row->kind != ORR_ROW_CALL || alone ? row->nx + row->ny : row->nx;
    for (int k = 0; k < n; k++) {
      const int maker = maker_of(f, row->x[k]);
      if (maker >= 0 && (alone || find(f, maker) != find(f, (int)i)))
        orr_buffer_under(f->p, row->x[k])->needed = true;
    }
  }
}

// The members of row i's group, in their order.
static int members(const finder *f, size_t i, orr_step_row **to) {
  int n = 0;
  for (size_t k = 0; k < f->n_rows; k++)
    if (!orr_row_at(f->p, k)->dead && find(f, (int)k) == (int)i)
      to[n++] = orr_row_at(f->p, k);
  return n;
}

// The rows from now on, clusters in the place of their members.
static bool list_rows(const finder *f, orr_step_row **scratch, orr_list *rows) {
  for (size_t i = 0; i < f->n_rows; i++) {
    if (find(f, (int)i) != (int)i) continue;
    orr_step_row *row = orr_row_at(f->p, i);
    const bool many = f->groups[i].rows > 1;
    if (many && !(row = orr_cluster_row(f->p, scratch, members(f, i, scratch))))
      return false;
    orr_step_row **slot = orr_list_add(rows);
    if (slot) {
      *slot = row;
      continue;
    }
    if (many) orr_row_free(row);
    return false;
  }
  return true;
}

// Members belong to their clusters only when all is there.
static bool replace_rows(const finder *f, orr_step_row **scratch) {
  orr_list rows = {.size = sizeof(orr_step_row *)};
  const bool ok = list_rows(f, scratch, &rows);
  orr_step_row **made = rows.items;
  for (size_t i = 0; i < rows.count; i++) {
    if (made[i]->kind != ORR_ROW_CLUSTER) continue;
    if (ok)
      orr_cluster_take(made[i]->cluster);
    else
      orr_row_free(made[i]);
  }
  if (!ok) {
    orr_list_free(&rows);
    return false;
  }
  orr_list_free(&f->p->rows);
  f->p->rows = rows;
  return true;
}

bool orr_program_cluster(orr_program *p) {
  finder f = {p, .n_rows = p->rows.count, .n_buffers = p->buffers.count};
  const size_t bytes = f.n_rows * (sizeof *f.groups + sizeof(orr_step_row *)) +
      f.n_buffers * sizeof *f.maker + 1;
  f.groups = orr_alloc(bytes);
  if (!f.groups) return false;
  orr_step_row **scratch = (orr_step_row **)(f.groups + f.n_rows);
  f.maker = (int *)(scratch + f.n_rows);
  find_groups(&f);
  mark_stored(&f);
  const bool ok = replace_rows(&f, scratch);
  orr_free(f.groups, bytes);
  return ok;
}
