--- Derivatives of whole functions: Jacobians, Hessians and their products,
--- made of grad calls.
---
--- Each takes x, a tensor or a table of tensors that fn gets as its arguments,
--- and fn may return one tensor, several, or a table of them; where one was
--- given one comes back, and a table for a table. Recording is on inside, also
--- under no_grad; what fn computes from x:detach() or in no_grad counts as
--- constant. Options: create_graph keeps the graph, so that the result can be
--- differentiated in turn; strict raises where a value does not depend on an
--- input, where otherwise the derivative is zeros.
local orrery = require "orrery"
local options = require "orrery.options"

local derivatives = {}

local function is_float(x)
  return orrery.is_tensor(x) and x:is_floating_point()
end

local function is_list(x) return type(x) == "table" and x[1] ~= nil end

-- Alone for one that came alone, in a table for a table.
local function as_given(given, list) return given.alone and list[1] or list end

local function check_options(who, opts)
  local o = options.take(who, opts, { create_graph = false, strict = false })
  for _, name in ipairs { "create_graph", "strict" } do
    if type(o[name]) ~= "boolean" then
      orrery.blame(("%s: %s is %s; pass true or false"):format(who, name,
        orrery.describe(o[name])))
    end
  end
  return o
end

local function check(who, fn, x)
  local meta = getmetatable(fn)
  if type(fn) ~= "function" and not (meta and meta.__call) then
    orrery.blame(("%s: fn is %s; pass a function"):format(who,
      orrery.describe(fn)))
  end
  for i, v in ipairs(is_list(x) and x or { x or false }) do
    if not is_float(v) then
      orrery.blame(("%s: %s is %s; pass a float tensor"):format(who,
        is_list(x) and ("x[%d]"):format(i) or "x",
        orrery.describe(v or nil)))
    end
  end
end

-- The inputs as fn will see them: places of their own in the graph, so that
-- one tensor given twice is two inputs, joined to what went before when the
-- result is to be differentiated further.
local function inputs(x, keep)
  local list = { alone = not is_list(x) }
  for i, v in ipairs(list.alone and { x } or x) do
    list[i] = keep and v.requires_grad and v:view_as(v)
      or v:detach():requires_grad_()
  end
  return list
end

local function outputs(who, fn, x)
  local got = table.pack(fn(table.unpack(x)))
  local list = got.n == 1 and is_list(got[1]) and got[1] or got
  for i = 1, math.max(#list, got.n == 1 and 1 or got.n) do
    if not is_float(list[i]) then
      orrery.blame(("%s: fn returned %s; it must return %s"):format(who,
        orrery.describe(list[i]),
        orrery.is_tensor(list[i]) and "a float tensor" or "a tensor"))
    end
  end
  list = table.move(list, 1, #list, 1, {})
  list.alone = orrery.is_tensor(got[1]) and got.n == 1
  return list
end

-- A call under way: x and y as lists, and what was asked for.
local function begin(who, fn, x, opts)
  local call = check_options(who, opts)
  check(who, fn, x)
  call.who, call.x = who, inputs(x, call.create_graph)
  call.y = outputs(who, fn, call.x)
  return call
end

local function one_number(call)
  local y = call.y[1]
  if #call.y == 1 and y:numel() == 1 then return y:sum() end
  orrery.blame(("%s: fn returned %s; it must return one number"):format(
    call.who, #call.y == 1 and y:shape_str() or #call.y .. " tensors"))
end

local function zeros(list)
  local out = {}
  for i, x in ipairs(list) do out[i] = orrery.zeros_like(x:detach()) end
  return out
end

-- d y / d x for each x, zeros where y does not depend on it; `name` says what
-- y is, should that be an error.
local function gradient(call, y, name, keep)
  local missing = 1
  if y.requires_grad then
    local opts = { retain_graph = true, create_graph = keep,
      allow_unused = not call.strict }
    if not call.strict then return orrery.grad(y, call.x, opts) end
    local ok, g = pcall(orrery.grad, y, call.x, opts)
    if ok then return g end
    missing = tostring(g):match "does not depend on input (%d+)"
    if not missing then error(g, 0) end
  elseif not call.strict then
    return zeros(call.x)
  end
  orrery.blame(("%s: %s does not depend on input %d; leave strict out for "
    .. "zeros"):format(call.who, name, missing))
end

-- For each x all d y_i / d x: [shape of y..., shape of x...].
local function jacobians(call, y, name)
  local flat, rows, out = y:reshape(-1), {}, {}
  for k = 1, flat:numel() do
    rows[k] = gradient(call, flat[k], name, call.create_graph)
  end
  for i, x in ipairs(call.x) do
    local shape, list = { y:shape() }, {}
    table.move({ x:shape() }, 1, x:dim(), #shape + 1, shape)
    for k, row in ipairs(rows) do list[k] = row[i] end
    out[i] = #rows == 0 and orrery.zeros(shape, { dtype = x.dtype })
      or orrery.stack(list, 1):reshape(shape)
  end
  return as_given(call.x, out)
end

--- All first derivatives of fn at x: [shape of y..., shape of x...]. With
--- tables, j[o][i] is that of value o by input i; with a table on one side
--- only, j has that side's index alone.
---@param fn fun(...: orrery.Tensor): orrery.Tensor
---@param x orrery.Tensor|orrery.Tensor[]
---@param opts? { create_graph?: boolean, strict?: boolean }
---@return orrery.Tensor|table
function derivatives.jacobian(fn, x, opts)
  local _ <close> = orrery.enable_grad()
  local call, out = begin("jacobian", fn, x, opts), {}
  for o, y in ipairs(call.y) do
    out[o] = jacobians(call, y, ("value %d of fn"):format(o))
  end
  return as_given(call.y, out)
end

--- All second derivatives of a function with one value at x:
--- [shape of x..., shape of x...]. With a table of inputs, h[i][j] is that by
--- input i, then input j.
---@param fn fun(...: orrery.Tensor): orrery.Tensor  returns one number
---@param x orrery.Tensor|orrery.Tensor[]
---@param opts? { create_graph?: boolean, strict?: boolean }
---@return orrery.Tensor|table
function derivatives.hessian(fn, x, opts)
  local _ <close> = orrery.enable_grad()
  local call, out = begin("hessian", fn, x, opts), {}
  for i, g in ipairs(gradient(call, one_number(call), "fn(x)", true)) do
    out[i] = jacobians(call, g, ("the gradient by input %d"):format(i))
  end
  return as_given(call.x, out)
end

-- v as a list, like `like` in number and shapes.
local function directions(who, v, name, like)
  local list = like.alone and { v } or v
  for i, x in ipairs(like) do
    local given = type(list) == "table" and list[i]
    local at = like.alone and "" or ("[%d]"):format(i)
    if not orrery.is_tensor(given)
      or given:shape_str() ~= x:shape_str() then
      orrery.blame(("%s: v%s is %s but %s%s is %s; match them"):format(who, at,
        orrery.is_tensor(given) and given:shape_str()
        or orrery.describe(given or nil), name, at, x:shape_str()))
    end
  end
  if #list ~= #like then
    orrery.blame(("%s: v has %d entries but %s has %d; match them"):format(
      who, #list, name, #like))
  end
  return list
end

-- The sum of all elements of a[i] * b[i].
local function dot(a, b)
  local total
  for i, x in ipairs(a) do
    local term = (x * b[i]):sum()
    total = total and total + term or term
  end
  return total
end

-- The values as fn returned them, with their graph if it is wanted.
local function values(call)
  local out = {}
  for o, y in ipairs(call.y) do
    out[o] = call.create_graph and y or y:detach()
  end
  return as_given(call.y, out)
end

local function ones(list)
  local out = { alone = list.alone }
  for i, y in ipairs(list) do out[i] = orrery.ones_like(y:detach()) end
  return out
end

--- The Hessian of a function with one value at x, times v, without making it
--- (Pearlmutter 1994): the cost of two gradients. The product comes first;
--- PyTorch returns the value first.
---@param fn fun(...: orrery.Tensor): orrery.Tensor  returns one number
---@param x orrery.Tensor|orrery.Tensor[]
---@param v orrery.Tensor|orrery.Tensor[]  like x
---@param opts? { create_graph?: boolean, strict?: boolean }
---@return orrery.Tensor|orrery.Tensor[] product  like x
---@return orrery.Tensor y
function derivatives.hvp(fn, x, v, opts)
  local _ <close> = orrery.enable_grad()
  check("hvp", fn, x)
  v = directions("hvp", v, "x", inputs(x))
  local call = begin("hvp", fn, x, opts)
  local g = gradient(call, one_number(call), "fn(x)", true)
  local product = gradient(call, dot(g, v), "the gradient", call.create_graph)
  return as_given(call.x, product), values(call)
end

--- The value of fn at x, and v times its Jacobian there, from one gradient.
---@param fn fun(...: orrery.Tensor): orrery.Tensor
---@param x orrery.Tensor|orrery.Tensor[]
---@param v? orrery.Tensor|orrery.Tensor[]  like the value; ones when absent
---@param opts? { create_graph?: boolean, strict?: boolean }
---@return orrery.Tensor|orrery.Tensor[] y
---@return orrery.Tensor|orrery.Tensor[] product  like x
function derivatives.vjp(fn, x, v, opts)
  local _ <close> = orrery.enable_grad()
  local call = begin("vjp", fn, x, opts)
  v = v == nil and ones(call.y) or directions("vjp", v, "fn(x)", call.y)
  local product = gradient(call, dot(call.y, v), "fn(x)", call.create_graph)
  return values(call), as_given(call.x, product)
end

--- The value of fn at x, and its Jacobian there times v: the derivative along
--- v. The gradient is linear in its weights; differentiating it by them turns
--- it round, for the cost of two gradients.
---@param fn fun(...: orrery.Tensor): orrery.Tensor
---@param x orrery.Tensor|orrery.Tensor[]
---@param v orrery.Tensor|orrery.Tensor[]  like x
---@param opts? { create_graph?: boolean, strict?: boolean }
---@return orrery.Tensor|orrery.Tensor[] y
---@return orrery.Tensor|orrery.Tensor[] product  like y
function derivatives.jvp(fn, x, v, opts)
  local _ <close> = orrery.enable_grad()
  check("jvp", fn, x)
  v = directions("jvp", v, "x", inputs(x))
  local call = begin("jvp", fn, x, opts)
  local w = ones(call.y)
  for _, weights in ipairs(w) do weights:requires_grad_() end
  local along = dot(gradient(call, dot(call.y, w), "fn(x)", true), v)
  local product = zeros(w)
  if along.requires_grad then
    product = orrery.grad(along, w, { allow_unused = true,
      create_graph = call.create_graph })
  end
  return values(call), as_given(call.y, product)
end

return derivatives
