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

// Pushes an empty tensor userdata and returns its slot (NULL inside).
orr_tensor **orr_push_slot(lua_State *L);
// Pushes a tensor given by reference (taken over, also when this raises);
// NULL raises orr_error() at the caller's line.
int orr_push_result(lua_State *L, orr_tensor *t);
// Borrow; raise "orrery.Tensor expected, got ..." with the function's name.
orr_tensor *orr_check_tensor(lua_State *L, int index);
orr_tensor *orr_test_tensor(lua_State *L, int index);  // or NULL
orr_stream *orr_check_stream(lua_State *L, int index);
// Raises orr_error() (or the given sentence) with the user's file:line: the
// nearest frame outside Orrery's own Lua files.
int orr_raise(lua_State *L);
int orr_raisef(lua_State *L, const char *format, ...);
// Tells Lua's collector about tensor bytes; call after making tensors.
void orr_collect(lua_State *L);
// Number at index as a dtype, size list ...; raise on misuse.
orr_dtype orr_check_dtype(lua_State *L, int index);

// Each adds its functions to the module table on top of the stack.
void orr_open_ops(lua_State *L);
void orr_open_tensor(lua_State *L);
void orr_open_autograd(lua_State *L);
void orr_open_optim(lua_State *L);
void orr_open_io(lua_State *L);
void orr_open_system(lua_State *L);  // memory, threads, interrupt, clock, files
int luaopen_orrery_core(lua_State *L);

#endif
