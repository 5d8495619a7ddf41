--- Autograd against central differences, in float64.
local orrery = require "orrery"

local is_float = { float32 = true, float64 = true }

--- Numbers in (-1, 1) that depend on nothing but their position.
local function weights(n, salt)
  local w = {}
  for i = 1, n do w[i] = math.sin(12.9898 * i + 78.233 * salt) end
  return w
end

local function float64(list, shape)
  return orrery.tensor(list, { dtype = "float64" }):reshape(shape)
end

--- The inputs as float64 leaves made from flat lists of their elements.
local function leaves(flat, inputs)
  local xs, wanted = {}, {}
  for i, x in ipairs(inputs) do
    if flat[i] then
      xs[i] = float64(flat[i], { x:shape() }):requires_grad_()
      wanted[#wanted + 1] = xs[i]
    else
      xs[i] = x
    end
  end
  return xs, wanted
end

--- sum over outputs of <output, fixed weights>: one number with the whole
--- Jacobian in its gradient.
local function weighted_sum(outputs, salt)
  local total
  for k, y in ipairs(outputs) do
    if type(y) == "userdata" and is_float[y.dtype] then
      local w = float64(weights(y:numel(), salt + k), { y:shape() })
      local part = (y * w):sum()
      total = total and total + part or part
    end
  end
  return total
end

--- The checked number at a point, as a tensor, and what to differentiate:
--- of order 1, the outputs; of order 2, their gradient.
local function objective(fn, flat, inputs, order)
  local xs, wanted = leaves(flat, inputs)
  local y = weighted_sum({ fn(table.unpack(xs, 1, #inputs)) }, 1)
  if order == 2 then
    local gs = orrery.grad(y, wanted, { create_graph = true,
      allow_unused = true })
    y = weighted_sum(gs, 2)
  end
  return y, wanted
end

local function message(i, k, got, want)
  return ("input %d, element %d: autograd says %.9g, differences %.9g")
    :format(i, k, got, want)
end

local function flatten(inputs)
  local flat = {}
  for i, x in ipairs(inputs) do
    if is_float[x.dtype] then flat[i] = x:detach():reshape { -1 }:tolist() end
  end
  return flat
end

--- Compares every element of every gradient.
local function compare(fn, inputs, order, tol, step)
  local flat = flatten(inputs)
  local y, wanted = objective(fn, flat, inputs, order)
  local gs = orrery.grad(y, wanted, { allow_unused = true })
  local which = 0
  for i = 1, #inputs do
    if flat[i] then
      which = which + 1
      local got = gs[which]:reshape { -1 }:tolist()
      for k, at in ipairs(flat[i]) do
        flat[i][k] = at + step
        local above = objective(fn, flat, inputs, order):item()
        flat[i][k] = at - step
        local below = objective(fn, flat, inputs, order):item()
        flat[i][k] = at
        local want = (above - below) / (2 * step)
        -- "not <=" and not ">", so that NaN fails.
        if not (math.abs(got[k] - want) <= tol * math.max(1, math.abs(want)))
        then
          return false, message(i, k, got[k], want)
        end
      end
    end
  end
  return true
end

--- Checks the gradient of fn at the inputs; those of float type are taken to
--- float64, others are passed as they are.
---@param fn fun(...): orrery.Tensor ...  a pure function
---@param inputs orrery.Tensor[]
---@param opts? { tol?: number, step?: number, order?: integer }
---  tol 1e-6 (1e-5 for order 2), step 1e-5; order 2 also checks the gradient
---  of the gradient
---@return boolean ok
---@return string? why  the first element that differs
return function(fn, inputs, opts)
  opts = opts or {}
  local step = opts.step or 1e-5
  local ok, why = compare(fn, inputs, 1, opts.tol or 1e-6, step)
  if ok and opts.order == 2 then
    ok, why = compare(fn, inputs, 2, opts.tol or 1e-5, step)
    why = why and "second order, " .. why
  end
  return ok, why
end
