--- The gradient of E f itself, by listing every value of a discrete law.
local orrery = require "orrery"
local blame = require "orrery.blame"
local Estimator = require "orrery.estimators.estimator"

-- All values of the event, [values, event...]: of Independent laws every
-- combination of the values of its coordinates.
local function all_values(law)
  if law.name ~= "Independent" then return law:enumerate_support() end
  local each = law.base:enumerate_support()  -- [K, coordinates, event...]
  local k, d = each:size(1), each:size(2)
  local total = math.tointeger(k ^ d)
  if not total or total > 1 << 20 then
    blame("exact: %d coordinates of %d values are too many to list", d, k)
  end
  local columns = {}
  local number = orrery.range(0, total - 1, { dtype = "int64" })
  for i = 1, d do
    local digit = number:floor_divide(k ^ (i - 1)):long():remainder(k) + 1
    columns[i] = each:select(2, i):index_select(1, digit:long())
  end
  return orrery.stack(columns, 2)
end

--- The gradient of E f by the parameters of a discrete law, exactly.
---@param f fun(z: orrery.Tensor): orrery.Tensor  [n, event...] -> [n]
---@param law orrery.dist.Distribution|fun(...): orrery.dist.Distribution
---@param params? orrery.Tensor[]
---@return orrery.Tensor[] grads
---@return number mean  of f
return function(f, law, params)
  local list, make = Estimator.parts(law, params)
  local leaves = {}
  for i, p in ipairs(list) do leaves[i] = p:detach():requires_grad_() end
  local made = make(table.unpack(leaves))
  if #made.batch_shape > 0 then
    made = require "orrery.dist.independent"(made, #made.batch_shape)
  end
  local z = all_values(made)
  local mean = (made:log_prob(z):exp() * f(z)):sum()
  return orrery.grad(mean, leaves), mean:item()
end
