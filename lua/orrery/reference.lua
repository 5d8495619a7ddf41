--- What the functions written in C take and return, for help and for the
--- editor's annotations. Ops describe themselves; Lua functions in comments.
--- Each entry: LuaCATS parameters and returns, then the text.
local functions, methods, fields = {}, {}, {}

local function entry(list, name, params, returns, doc)
  list[name] = { params = params, returns = returns, doc = doc }
end

local T = "orrery.Tensor"

entry(functions, "tensor", { "values: number|boolean|table|" .. T,
  "options?: { dtype?: string, requires_grad?: boolean }" }, { T },
  "A tensor of the values in nested tables: float32 unless dtype says "
  .. "otherwise, uint8 for booleans. A tensor is copied.")
entry(functions, "is_tensor", { "value: any" }, { "boolean" },
  "Whether the value is a tensor.")
entry(functions, "describe", { "value: any" }, { "string" },
  "What a value is, for a sentence: a float32 tensor [2, 3], the number 3.")
entry(functions, "grad", { "y: " .. T .. "|" .. T .. "[]",
  "xs: " .. T .. "|" .. T .. "[]", "options?: { create_graph?: boolean, "
  .. "retain_graph?: boolean, allow_unused?: boolean, grad_outputs?: "
  .. T .. "[] }" }, { T .. "[]" },
  "d(sum of y)/dx for each x, as a table; nothing is added to .grad. With "
  .. "create_graph the results are differentiable again.")
entry(functions, "backward", { "y: " .. T, "gy?: " .. T,
  "options?: { retain_graph?: boolean, create_graph?: boolean }" }, {},
  "Adds dy/dx to x.grad of every leaf x below y. y has one element, or gy "
  .. "weighs its elements.")
entry(functions, "is_grad_enabled", {}, { "boolean" },
  "Whether operations are recorded for gradients.")
entry(functions, "set_grad_enabled", { "on: boolean" }, { "boolean" },
  "Switches recording; returns the setting before. Prefer no_grad(fn).")
entry(functions, "is_rerunning", {}, { "boolean" },
  "Whether a checkpoint is being done again for backward: what a layer adds "
  .. "up over its calls was added the first time.")
entry(functions, "arriving_grad", { "x: " .. T }, { T .. "?" },
  "In a hook: the gradient that has come together at x, a result, by then.")
entry(functions, "pass_number", {}, { "integer" },
  "In a hook: the number of the pass that runs it, another for each backward "
  .. "or grad; 0 outside.")
entry(functions, "graph_nodes", { "tensors: " .. T .. "[]" }, { "table[]" },
  "The recorded operations below the tensors, as plain tables. See graph.")
entry(functions, "tensor_id", { "x: " .. T }, { "lightuserdata" },
  "The same for every userdata of one tensor.")
entry(functions, "segment", { "fn: function", "...: any" },
  { "orrery.Segment" }, "What is recorded until it is closed keeps shapes "
  .. "only; backward calls fn(...) for the rest. See checkpoint.")
entry(functions, "set_again", { "fn: function" }, {},
  "For the module itself: how the functions of checkpoints are called again.")
entry(functions, "scope", {}, { "orrery.Scope" },
  "Opens a scope: tensors made until it is closed are freed then, but those "
  .. "given to scope:keep(...). `local s <close> = orrery.scope()`")
entry(functions, "keep", { "...: any" }, { "any ..." },
  "Takes these tensors (alone or in tables) out of every scope, so that tidy "
  .. "does not free them; returns them.")
entry(functions, "Generator", { "seed?: integer" }, { "orrery.Generator" },
  "A stream of random numbers of its own (Philox): g:seed(n), g:state(), "
  .. "g:set_state(s). Random functions take { generator = g }.")
entry(functions, "default_generator", {}, { "orrery.Generator" },
  "The stream that random functions draw from when given none.")
entry(functions, "manual_seed", { "seed: integer" }, {},
  "Starts the default generator afresh.")
entry(functions, "live", {}, { "integer", "integer", "integer", "integer" },
  "Live tensors, live bytes, peak bytes since reset_peak(), live blocks.")
entry(functions, "memory", {}, { "table" },
  "All memory counters by name: live_bytes, peak_bytes, cached_bytes, "
  .. "live_blocks, live_tensors, calls, fresh (blocks taken from the system).")
entry(functions, "memory_limit", { "bytes?: integer" }, { "integer" },
  "Sets the most bytes that tensors may take together; what would pass it "
  .. "fails at once. Returns the limit until now: at first, the machine's "
  .. "memory.")
entry(functions, "reset_peak", {}, {}, "Starts the peak of live() afresh.")
entry(functions, "trim", {}, {}, "Gives cached memory back to the system.")
entry(functions, "fail_after", { "n: integer" }, {},
  "For tests: the n-th allocation from now fails, once; 0 switches it off.")
entry(functions, "set_threads", { "n: integer" }, {},
  "How many threads the core uses. Results do not depend on it.")
entry(functions, "threads", {}, { "integer" },
  "How many threads the core uses.")
entry(functions, "backend", { "settings?: table" }, { "table" },
  "Sets which ways the core may take, { winograd = true }, and returns them "
  .. "as they were. winograd (at first true): 3 x 3 convolutions of float32 "
  .. "at stride 1 with 32 channels or more may take Winograd's way, twice as "
  .. "fast and a decimal digit less exact (some 3e-6 of the result's norm); "
  .. "an infinity or NaN reaches results up to 3 pixels further. Either "
  .. "setting gives the same bits in every run.")
entry(functions, "interrupt", {}, {}, "Asks running operations to stop.")
entry(functions, "interrupted", {}, { "boolean" },
  "Whether a stop was asked for and not yet cleared.")
entry(functions, "clear_interrupt", {}, {}, "Clears the request to stop.")
entry(functions, "clock", {}, { "number" },
  "Seconds from some start, never going back.")
entry(functions, "sleep", { "seconds: number" }, {}, "Waits that long.")
entry(functions, "getpid", {}, { "integer" }, "The process' number.")
entry(functions, "isatty", { "file?: string" }, { "boolean" },
  "Whether stdout (or stdin, stderr) is a terminal.")
entry(functions, "terminal_size", {},
  { "integer?", "integer?", "integer?", "integer?" },
  "Columns and rows of the terminal, its width and height in pixels (0 when "
  .. "it does not say); nothing when stdout is none.")
entry(functions, "machine", {}, { "table" },
  "Facts about the machine: cores, threads, instructions, blas, blas_core, "
  .. "sanitized (built with AddressSanitizer).")
entry(functions, "record", { "name: string" }, { "table?" },
  "The record of an op: name, doc, params, samples, flags, outputs.")
entry(functions, "op_names", {}, { "string[]" }, "The names of all ops.")

entry(methods, "shape", {}, { "integer ..." },
  "All sizes, as several values; { x:shape() } is a table of them.")
entry(methods, "size", { "axis?: integer" }, { "integer ..." },
  "The size of one axis, or of all, as several values.")
entry(methods, "stride", { "axis?: integer" }, { "integer ..." },
  "Elements between neighbours along an axis, or along each.")
entry(methods, "dim", {}, { "integer" }, "How many axes there are.")
entry(methods, "rank", {}, { "integer" }, "How many axes there are.")
entry(methods, "numel", {}, { "integer" }, "How many elements there are.")
entry(methods, "is_contiguous", {}, { "boolean" },
  "Whether the elements lie in row-major order without gaps.")
entry(methods, "is_floating_point", {}, { "boolean" },
  "Whether the dtype is float32 or float64.")
entry(methods, "shape_str", {}, { "string" }, "The sizes as text: [2, 3].")
entry(methods, "shares_storage", { "other: " .. T }, { "boolean" },
  "Whether both are views of the same memory.")
entry(methods, "version", {}, { "integer" },
  "How often the memory was written in place.")
entry(methods, "item", {}, { "number" }, "The only element, as a number.")
entry(methods, "tolist", {}, { "table|number" },
  "The elements in nested tables; a number when there are no axes.")
entry(methods, "detach", {}, { T },
  "A view of the same memory that gradients do not pass.")
entry(methods, "copy_", { "from: " .. T .. "|number" }, { T },
  "Writes from, broadcast and converted, over x; returns x.")
entry(methods, "fill_", { "value: number" }, { T },
  "Writes the number everywhere; returns x.")
entry(methods, "zero_", {}, { T }, "Writes 0 everywhere; returns x.")
entry(methods, "requires_grad_", { "on?: boolean" }, { T },
  "Makes x a leaf whose gradient is recorded (or not); returns x.")
entry(methods, "register_hook", { "fn: fun(g: " .. T .. "): " .. T .. "?" },
  { "orrery.Hook" }, "Calls fn with the gradient of x whenever backward or "
  .. "grad has it complete; a tensor that fn returns takes its place. "
  .. "handle:remove() takes fn off again.")
entry(methods, "retain_grad", {}, { T },
  "Has backward fill x.grad though x is a result; returns x.")
entry(methods, "grad_site", {}, { "string?", "integer?" },
  "File and line of the call that made x, when it was recorded.")
entry(methods, "backward", { "gy?: " .. T,
  "options?: { retain_graph?: boolean, create_graph?: boolean }" }, {},
  functions.backward.doc)

fields.dtype = "string  float32, float64, int64 or uint8"
fields.grad = T .. "?  the gradient that backward added up"
fields.requires_grad = "boolean  whether operations on it are recorded"
fields.retains_grad = "boolean  whether backward fills .grad of this result"
fields.is_leaf = "boolean  whether no recorded operation made it"
fields.grad_fn = "string?  name of the operation that made it"

return { functions = functions, methods = methods, fields = fields }
