--- Derivatives of whole functions: Jacobians, Hessians and their products,
--- made of grad calls, and the check of gradients against differences.
local orrery = require "orrery"
local options = require "orrery.options"

local derivatives = {}

local function check(who, fn, x, opts)
  local graph = options.take(who, opts, {}, { "create_graph" }).create_graph
  if graph ~= nil and type(graph) ~= "boolean" then
    orrery.blame(("%s: create_graph is %s; pass true or false"):format(who,
      orrery.describe(graph)))
  end
  local meta = getmetatable(fn)
  if type(fn) ~= "function" and not (meta and meta.__call) then
    orrery.blame(("%s: fn is %s; pass a function"):format(who,
      orrery.describe(fn)))
  end
  if not orrery.is_tensor(x) or not x:is_floating_point() then
    orrery.blame(("%s: x is %s; pass a float tensor"):format(who,
      orrery.describe(x)))
  end
end

local function result(who, fn, x)
  local y = orrery.enable_grad(fn, x)
  if not orrery.is_tensor(y) then
    orrery.blame(("%s: fn returned %s; it must return a tensor"):format(who,
      orrery.describe(y)))
  end
  return y
end

-- x itself when it is already part of a graph to be differentiated further.
local function input(x, opts)
  if opts and opts.create_graph and x.requires_grad then return x end
  return x:detach():requires_grad_()
end

-- Rows d y_i / d x, zeros where y does not depend on x.
local function rows(y, x, opts)
  local flat, list = y:reshape(-1), {}
  for i = 1, flat:numel() do
    if y.requires_grad then
      list[i] = orrery.grad(flat[i], { x }, { retain_graph = true,
        create_graph = opts and opts.create_graph or false,
        allow_unused = true })[1]
    else
      list[i] = orrery.zeros_like(x:detach())
    end
  end
  return list
end

--- All first derivatives of fn at x: [shape of y..., shape of x...].
---@param fn fun(x: orrery.Tensor): orrery.Tensor
---@param x orrery.Tensor
---@param opts? { create_graph?: boolean }
---@return orrery.Tensor
function derivatives.jacobian(fn, x, opts)
  check("jacobian", fn, x, opts)
  x = input(x, opts)
  local y = result("jacobian", fn, x)
  local shape = { y:shape() }
  for _, n in ipairs { x:shape() } do shape[#shape + 1] = n end
  local list = rows(y, x, opts)
  if #list == 0 then return orrery.zeros(shape, { dtype = x.dtype }) end
  return orrery.stack(list, 1):reshape(shape)
end

--- All second derivatives of a function with one value at x:
--- [shape of x..., shape of x...].
---@param fn fun(x: orrery.Tensor): orrery.Tensor
---@param x orrery.Tensor
---@param opts? { create_graph?: boolean }
---@return orrery.Tensor
function derivatives.hessian(fn, x, opts)
  check("hessian", fn, x, opts)
  return derivatives.jacobian(function(at)
    local y = result("hessian", fn, at)
    return orrery.grad(y:sum(), { at }, { create_graph = true,
      allow_unused = true })[1]
  end, x, opts)
end

--- The Hessian of a function with one value at x, times v, without making it
--- (Pearlmutter 1994): the cost of two gradients.
---@param fn fun(x: orrery.Tensor): orrery.Tensor
---@param x orrery.Tensor
---@param v orrery.Tensor  like x
---@param opts? { create_graph?: boolean }
---@return orrery.Tensor
function derivatives.hvp(fn, x, v, opts)
  check("hvp", fn, x, opts)
  if not orrery.is_tensor(v) or v:shape_str() ~= x:shape_str() then
    orrery.blame(("hvp: v is %s but x is %s; match them"):format(
      orrery.describe(v), x:shape_str()))
  end
  x = input(x, opts)
  local y = result("hvp", fn, x)
  local g = orrery.grad(y:sum(), { x }, { create_graph = true,
    allow_unused = true })[1]
  if not g.requires_grad then return orrery.zeros_like(x:detach()) end
  return orrery.grad((g * v):sum(), { x }, { allow_unused = true,
    create_graph = opts and opts.create_graph or false })[1]
end

local function match_direction(who, v, name, like)
  if orrery.is_tensor(v) and v:shape_str() == like:shape_str() then return end
  orrery.blame(("%s: v is %s but %s is %s; match them"):format(who,
    orrery.is_tensor(v) and v:shape_str() or orrery.describe(v), name,
    like:shape_str()))
end

--- The value of fn at x, and v times its Jacobian there, from one gradient.
---@param fn fun(x: orrery.Tensor): orrery.Tensor
---@param x orrery.Tensor
---@param v? orrery.Tensor  like the value; ones when absent
---@param opts? { create_graph?: boolean }
---@return orrery.Tensor y
---@return orrery.Tensor product  like x
function derivatives.vjp(fn, x, v, opts)
  check("vjp", fn, x, opts)
  x = input(x, opts)
  local y = result("vjp", fn, x)
  v = v == nil and orrery.ones_like(y:detach()) or v
  match_direction("vjp", v, "fn(x)", y)
  local keep = opts and opts.create_graph or false
  if not y.requires_grad then return y, orrery.zeros_like(x:detach()) end
  local g = orrery.grad((y * v):sum(), { x }, { create_graph = keep,
    allow_unused = true })[1]
  return keep and y or y:detach(), g
end

--- The value of fn at x, and its Jacobian there times v: the derivative along
--- v. The gradient is linear in its weights; differentiating it by them turns
--- it round, for the cost of two gradients.
---@param fn fun(x: orrery.Tensor): orrery.Tensor
---@param x orrery.Tensor
---@param v orrery.Tensor  like x
---@param opts? { create_graph?: boolean }
---@return orrery.Tensor y
---@return orrery.Tensor product  like y
function derivatives.jvp(fn, x, v, opts)
  check("jvp", fn, x, opts)
  match_direction("jvp", v, "x", x)
  x = input(x, opts)
  local y = result("jvp", fn, x)
  local keep = opts and opts.create_graph or false
  if not y.requires_grad then return y, orrery.zeros_like(y) end
  local w = orrery.ones_like(y:detach()):requires_grad_()
  local g = orrery.grad(orrery.enable_grad(function() return (y * w):sum() end),
    { x }, { create_graph = true, allow_unused = true })[1]
  local product = orrery.zeros_like(w:detach())
  if g.requires_grad then
    local along = orrery.enable_grad(function() return (g * v):sum() end)
    product = orrery.grad(along, { w }, { create_graph = keep,
      allow_unused = true })[1]
  end
  return keep and y or y:detach(), product
end

--- Whether the gradients of fn at the inputs agree with central differences,
--- in float64; see orrery.testing.gradcheck.
---@param fn fun(...): orrery.Tensor ...
---@param inputs orrery.Tensor[]
---@param opts? { tol?: number, step?: number, order?: integer }
---@return boolean ok
---@return string? why
function derivatives.gradcheck(fn, inputs, opts)
  if type(inputs) ~= "table" then
    orrery.blame(("gradcheck: inputs is %s; pass a table of tensors"):format(
      orrery.describe(inputs)))
  end
  for _, x in ipairs(inputs) do
    if not orrery.is_tensor(x) then check("gradcheck", fn, x) end
  end
  if inputs[1] == nil then check("gradcheck", fn, nil) end
  if type(fn) ~= "function" then check("gradcheck", fn, inputs[1]) end
  local o = options.take("gradcheck", opts, { tol = 0, step = 1, order = 1 })
  for _, name in ipairs { "tol", "step" } do
    options.number("gradcheck", name, o[name])
  end
  options.count("gradcheck", "order", o.order)
  return require "orrery.testing.gradcheck" (fn, inputs, opts)
end

--- Whether the gradients of fn, and the gradients of those, agree with
--- central differences: gradcheck of order 2.
---@param fn fun(...): orrery.Tensor ...
---@param inputs orrery.Tensor[]
---@param opts? { tol?: number, step?: number }
---@return boolean ok
---@return string? why
function derivatives.gradgradcheck(fn, inputs, opts)
  local all = options.take("gradgradcheck", opts, {}, { "tol", "step" })
  all.order = 2
  return derivatives.gradcheck(fn, inputs, all)
end

return derivatives
