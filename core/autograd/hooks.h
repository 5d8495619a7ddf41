// hooks.h -- what is run on a gradient when it is complete.
#ifndef ORR_HOOKS_H
#define ORR_HOOKS_H
#include "tape.h"

// In the list of a leaf, or of the node that made the tensor. The list and
// each handle hold a reference.
struct orr_hook {
  int refs;
  int output;          // of the node
  orr_tensor *keeper;  // borrowed: its .grad is filled; no fn then
  orr_hook_fn *fn;     // NULL once removed
  void (*drop)(void *);
  void *context;
  orr_hook *next;
};

// Takes *g, a reference, through the hooks of one output. On failure *g is
// what it was.
bool orr_run_hooks(orr_hook *list, int output, orr_tensor **g);
void orr_hooks_free(orr_hook *list);
// t, which fills its .grad, goes away.
void orr_forget_keeper(orr_tensor *t);

#endif
