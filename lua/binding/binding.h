// binding.h -- what the files of the Lua module share. Glue only: arguments,
// ownership, errors. A tensor userdata holds one reference (orr_tensor *).
//
// Rule against leaks: make the empty userdata first (orr_push_slot), then call
// the core, then store; nothing that C owns may be outside a userdata when a
// Lua error can be raised.
#ifndef ORR_BINDING_H
#define ORR_BINDING_H
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "../../core/orrery.h"

#define ORR_TENSOR_TYPE "orrery.Tensor"
#define ORR_STREAM_TYPE "orrery.Generator"
#define ORR_PROGRAM_TYPE "orrery.Program"
#define ORR_NUMBER_TYPE "number given to a compiled step"  // as messages say

// Pushes an empty tensor userdata and returns its slot (NULL inside).
orr_tensor **orr_push_slot(lua_State *L);
// The same where the tensors' metatable is at an index.
orr_tensor **orr_push_slot_with(lua_State *L, int metatable);
// Pushes a tensor given by reference (taken over, also when this raises);
// NULL raises orr_error() at the caller's line.
int orr_push_result(lua_State *L, orr_tensor *t);
// Borrow; raise "NAME: argument 1 is ...; pass a tensor" with the name of the
// function that runs.
orr_tensor *orr_check_tensor(lua_State *L, int index);
orr_tensor *orr_test_tensor(lua_State *L, int index);  // or NULL
// The slot of a tensor userdata, also of a freed one; NULL for other values.
orr_tensor **orr_test_slot(lua_State *L, int index);
orr_stream *orr_check_stream(lua_State *L, int index);
orr_stream *orr_test_stream(lua_State *L, int index);  // or NULL
orr_program *orr_check_program(lua_State *L, int index);
// The value of a number that a recorded step is given at each run; or NULL.
orr_tensor *orr_test_number(lua_State *L, int index);
int orr_push_number(lua_State *L, double value);        // the next one
int orr_refuse_number(lua_State *L, const char *what);  // raises
// Raises when a step is being recorded: what it does cannot be done again.
void orr_refuse_recorded(lua_State *L, const char *what);
// Pushes a generator; takes the reference over.
int orr_push_stream(lua_State *L, orr_stream *s);

// Raises orr_error() (or the given sentence) with the user's file:line: the
// nearest frame outside Orrery's own Lua files.
int orr_raise(lua_State *L);
int orr_raisef(lua_State *L, const char *format, ...) ORR_PRINTF(2, 3);
// Name of the C function that runs: as the module has it, else as its caller
// spelled it.
const char *orr_who(lua_State *L, char *buffer, size_t size);
// "a string", "the number 3", "a float32 tensor [2, 3]" into the buffer.
const char *orr_describe(lua_State *L, int index, char *buffer, size_t size);
void orr_note_names(lua_State *L, int depth);  // of the table on top
// Arguments of functions that are no ops. `name` is the argument's. The
// optional forms take the default for nil and none.
lua_Integer orr_check_int(lua_State *L, int index, const char *name);
lua_Integer orr_opt_int(lua_State *L, int index, const char *name,
                        lua_Integer absent);
double orr_check_number(lua_State *L, int index, const char *name);
const char *orr_check_text(lua_State *L, int index, const char *name);
bool orr_check_bool(lua_State *L, int index, const char *name);
void orr_check_function(lua_State *L, int index, const char *name);
// An axis counted from 1 (negative: from the end) as one from 0.
int orr_check_axis(lua_State *L, int index, int rank);
// Field `name` of the options table at index (nil, none: no options), read as
// a boolean; raises for any other type.
bool orr_flag(lua_State *L, int index, const char *name, bool absent);
// Raises unless the value at index is nil, none or a table whose string keys
// are all among names ("|a|b|c|").
void orr_check_options(lua_State *L, int index, const char *names);
orr_dtype orr_check_dtype(lua_State *L, int index);
// Pushes ", did you mean NAME" or "" for a name among "a|b|c".
void orr_push_nearest(lua_State *L, const char *name, const char *names);

// Tells Lua's collector about tensor bytes; call when tensors are made.
void orr_collect(lua_State *L);
// After a backward pass, which leaves what the graph kept to the collector.
void orr_collect_graph(lua_State *L);
// The state an op runs in, for orr_current_site().
void orr_site_state(lua_State *L);

// Around a pass, which may call Lua back (hooks, checkpoints). After one that
// failed, orr_raise_carried raises Lua's error, if it was that, or ours.
lua_State *orr_pass_begin(lua_State *L);
void orr_pass_end(lua_State *L, lua_State *before);
int orr_raise_carried(lua_State *L);
// Forgets the Lua functions of tensors freed since; after freeing any.
void orr_drop_references(lua_State *L);

// A tensor userdata. Made while a scope is open, it is in the scope's ring.
typedef struct orr_slot {
  orr_tensor *tensor;  // first: a slot is an orr_tensor **
  const void *mark;    // tells it from other userdata of its size
  struct orr_slot *before, *after;
  void *scope;
} orr_slot;
void orr_scope_enter(orr_slot *slot);  // puts it in the innermost scope
void orr_scope_leave(orr_slot *slot);  // takes it out of its scope

// Its userdata was collected, but a graph may run its hooks: it stays until
// the next collection, and is given back at the latest when the state closes.
void orr_slot_wait(orr_slot *slot);

// x[key] and x[key] = value for keys that are no strings.
int orr_index_get(lua_State *L);
int orr_index_set(lua_State *L);
void orr_open_index(void);

// Each adds its functions to the module table on top of the stack.
void orr_open_errors(lua_State *L);
void orr_open_ops(lua_State *L);
void orr_open_records(lua_State *L);
void orr_open_tensor(lua_State *L);
void orr_open_create(lua_State *L);
void orr_open_autograd(lua_State *L);
void orr_open_scope(lua_State *L);
void orr_open_hooks(lua_State *L);
void orr_open_graph(lua_State *L);
void orr_open_optim(lua_State *L);
void orr_open_io(lua_State *L);
void orr_open_pictures(lua_State *L);
void orr_open_random(lua_State *L);
void orr_open_compile(lua_State *L);
void orr_open_numbers(lua_State *L);
void orr_open_system(lua_State *L);  // memory, threads, interrupt, clock
void orr_open_files(lua_State *L);
void orr_open_process(lua_State *L);
void orr_open_sqlite(lua_State *L);
void orr_open_markdown(lua_State *L);
void orr_open_http(lua_State *L);
ORR_API int luaopen_orrery_core(lua_State *L);

#endif
