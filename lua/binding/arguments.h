// arguments.h -- what an op is called with, read from the Lua stack.
#ifndef ORR_ARGUMENTS_H
#define ORR_ARGUMENTS_H
#include "binding.h"

// A record, looked up once.
typedef struct orr_op_info {
  const orr_op *op;
  const orr_param *params;
  int n, outputs;
  unsigned flags;
  int slot[ORR_MAX_PARAM];       // in attr
  int input[ORR_MAX_PARAM];      // which x, of tensor parameters
  bool variadic[ORR_MAX_PARAM];  // plain numbers may spell the list
  orr_args defaults;
} orr_op_info;

// One call under way.
typedef struct orr_reader {
  lua_State *L;
  const orr_op_info *o;
  orr_args args;
  unsigned given;    // bit i: parameter i has a value
  unsigned numbers;  // bit i: x[i] is number[i], or value[i] if there is one
  double number[ORR_MAX_INPUT];
  orr_tensor *value[ORR_MAX_INPUT];  // borrowed
  bool requires_grad;
  int anchor;  // stack index that keeps the list's block alive
} orr_reader;

// Reads all arguments as the record's parameters describe; raises on misuse.
// Nothing else is left on the stack than what keeps them alive.
void orr_read_args(orr_reader *r);
// The first n arguments as tensors or numbers, never as options.
void orr_read_operands(orr_reader *r, int n);

#endif
