// tape.h -- the recorded graph.
//
// A node stands for one application of an op. Tensors point at the node that
// made them, nodes point at the nodes (or leaves) their inputs came from; all
// by reference count, so a graph lives as long as a result of it.
#ifndef ORR_TAPE_H
#define ORR_TAPE_H
#include "../ops/op.h"

// Where an input's gradient goes.
typedef struct orr_edge {
  orr_node *node;    // retained; NULL: leaf or constant
  int out_index;     // which output of node
  orr_tensor *leaf;  // retained; a leaf that requires grad
} orr_edge;

struct orr_node {
  int refs;
  uint64_t sequence;  // later nodes depend on earlier ones only
  const orr_op *op;
  orr_site site;
  bool freed;  // saved tensors were given up by a backward pass
  int nx, ny;
  orr_edge *edge;                 // [nx]
  orr_tensor **x;                 // [nx] inputs, or their shapes
  uint32_t *x_version;            // [nx]
  orr_tensor *y[ORR_MAX_OUTPUT];  // detached outputs, or their shapes
  uint32_t y_version[ORR_MAX_OUTPUT];
  double attr[ORR_MAX_ATTR];
  orr_hook *hooks;       // on its outputs
  orr_segment *segment;  // retained; the checkpoint it was recorded in
  size_t place;          // among the segment's nodes
  // Scratch of one backward pass.
  uint64_t visit;
  bool leads_to_target;
  orr_tensor *gy[ORR_MAX_OUTPUT];
  struct orr_node *next_released;
};

// Records the call: gives its outputs a node. False for lack of memory.
bool orr_record(orr_call *call, orr_tensor *const *x);
void orr_node_release(orr_node *node);
// Gives up what backward needs, keeping the graph's shape.
void orr_node_free_saved(orr_node *node);
bool orr_should_record(const orr_call *call, orr_tensor *const *x);

// A mark for nodes that no pass has used.
uint64_t orr_next_visit(void);

// Whether a gradient rule runs: its result is checked, with the line of the
// forward call, so its ops are not.
bool orr_in_rule(void);

// Anomaly mode: fails with a sentence if t holds NaN or infinity.
bool orr_check_finite(const char *what, const orr_op *op, const orr_tensor *t,
                      orr_site site);

#endif
