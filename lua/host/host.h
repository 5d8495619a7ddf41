// host.h -- the parts of the program `orrery`: one Lua state, its paths, its
// Ctrl-C and the module "orrery.host" that its Lua side is written on.
#ifndef ORRERY_HOST_H
#define ORRERY_HOST_H
#include <lua.h>
#include <stdbool.h>

// Absolute path of the running program, found once; "" when unknown.
const char *host_program(const char *argv0);

// Puts the folder with orrery's Lua files in front of package.path. False
// when there is none, with a sentence about where it looked on the stack.
bool host_set_paths(lua_State *L, const char *program);

// From now on SIGINT stops running kernels and Lua code with the error
// "interrupted". Tracks coroutines so that the one running is stopped.
void host_watch_interrupt(lua_State *L);
// Another Ctrl-C before the first has unwound ends the program (scripts), or
// is just another request to stop (the prompt).
// Returns what it was.
bool host_interrupt_kills(bool kills);
// While held, the first SIGINT stops nothing and is only noted: a loop that
// wants to end between two of its steps looks at host_asked(). The second one
// stops as any. To begin to hold, and to let go, forgets what was noted.
void host_hold_interrupt(bool hold);
bool host_asked(void);
// Lua function: calm(handler) -> a message handler that no hook disturbs.
int host_calm(lua_State *L);
// Nothing asks to stop any more; every hook of ours goes. L is the coroutine
// that runs.
void host_clear_interrupt(lua_State *L);

// Loader of "orrery.host"; `program` is found as its first upvalue.
int luaopen_orrery_host(lua_State *L);
// The loader of "orrery.core", in the binding.
int luaopen_orrery_core(lua_State *L);

#endif
