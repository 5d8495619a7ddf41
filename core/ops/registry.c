// registry.c -- the list of op records, as others read it.
#include <string.h>

#include "op.h"

static const orr_op *const ops[] = {
#define ORR_OP(NAME) &orr_op_##NAME,
#include "op_list.h"
#undef ORR_OP
};

int orr_op_count(void) { return ORR_OP_COUNT; }
const orr_op *orr_op_at(int i) { return ops[i]; }

const orr_op *orr_op_find(const char *name) {
  for (int i = 0; i < ORR_OP_COUNT; i++)
    if (!strcmp(ops[i]->name, name)) return ops[i];
  return NULL;
}

const char *orr_op_name(const orr_op *op) { return op->name; }
const char *orr_op_doc(const orr_op *op) { return op->doc; }
const char *orr_op_torch(const orr_op *op) { return op->torch; }

// The build may name files from wherever it stands: what is before core/ says
// nothing about the source tree.
const char *orr_op_source(const orr_op *op, int *line) {
  const char *file = op->file;
  for (const char *at = file; (at = strstr(at, "core/")); at++) file = at;
  *line = op->line;
  return file;
}
unsigned orr_op_flags(const orr_op *op) { return op->flags; }
int orr_op_outputs(const orr_op *op) { return op->outputs ? op->outputs : 1; }

const orr_param *orr_op_params(const orr_op *op, int *n) {
  for (*n = 0; *n < ORR_MAX_PARAM && op->params[*n].name; ++*n)
    ;
  return op->params;
}

const char *const *orr_op_samples(const orr_op *op, int *n) {
  for (*n = 0; *n < ORR_MAX_SAMPLES && op->samples[*n]; ++*n)
    ;
  return op->samples;
}

static int slots(orr_kind kind) {
  switch (kind) {
  case ORR_TENSOR:
  case ORR_TENSORS:
  case ORR_STREAM:
    return 0;
  case ORR_PAIR:
    return 2;
  case ORR_AXES:
  case ORR_SIZES:
    return 1 + ORR_MAX_RANK;
  default:
    return 1;
  }
}

int orr_param_slot(const orr_op *op, int i) {
  int slot = 0;
  while (i-- > 0) slot += slots(op->params[i].kind);
  return slot;
}

void orr_default_args(const orr_op *op, orr_args *args) {
  memset(args, 0, sizeof *args);
  int slot = 0;
  for (int i = 0; i < ORR_MAX_PARAM && op->params[i].name; i++) {
    const orr_param *p = &op->params[i];
    const int n = slots(p->kind);
    if (n == 1 || n == 2) args->attr[slot] = p->def;
    if (n == 2) args->attr[slot + 1] = p->def;
    slot += n;
  }
}
