--- The checks of gradients against central differences, as users call them;
--- the work is done in orrery.testing.gradcheck.
local orrery = require "orrery"
local options = require "orrery.options"

local gradient_checks = {}

local function check(who, fn, inputs)
  if type(inputs) ~= "table" then
    orrery.blame(("%s: inputs is %s; pass a table of tensors"):format(who,
      orrery.describe(inputs)))
  end
  local meta = getmetatable(fn)
  if type(fn) ~= "function" and not (meta and meta.__call) then
    orrery.blame(("%s: fn is %s; pass a function"):format(who,
      orrery.describe(fn)))
  end
  for i = 1, math.max(#inputs, 1) do
    local x = inputs[i]
    if not orrery.is_tensor(x) or not x:is_floating_point() then
      orrery.blame(("%s: inputs[%d] is %s; pass a float tensor"):format(who, i,
        orrery.describe(x)))
    end
  end
end

--- Whether the gradients of fn at the inputs agree with central differences,
--- in float64; see orrery.testing.gradcheck.
---@param fn fun(...): orrery.Tensor ...
---@param inputs orrery.Tensor[]
---@param opts? { tol?: number, step?: number, order?: integer }
---@return boolean ok
---@return string? why
function gradient_checks.gradcheck(fn, inputs, opts)
  check("gradcheck", fn, inputs)
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
function gradient_checks.gradgradcheck(fn, inputs, opts)
  check("gradgradcheck", fn, inputs)
  local all = options.take("gradgradcheck", opts, {}, { "tol", "step" })
  all.order = 2
  return gradient_checks.gradcheck(fn, inputs, all)
end

return gradient_checks
