--- What gradient estimators share. Each turns a function f and a law into a
--- surrogate: a value per draw whose gradient by the law's parameters is one
--- estimate of the gradient of E f.
local orrery = require "orrery"
local blame = require "orrery.blame"
local Independent = require "orrery.dist.independent"
local options = require "orrery.options"

---@class orrery.estimators.Estimator
---@field name string
---@field evaluations integer  of f for each draw
---@field unbiased boolean
local Estimator = { name = "estimator", evaluations = 1, unbiased = true }
Estimator.__index = Estimator

function Estimator.__tostring(self) return self.name end

--- A new kind; calling it makes one: init(self, options).
---@param name string
---@param facts? table
function Estimator:subclass(name, facts)
  local class = { name = name, __tostring = Estimator.__tostring }
  for key, value in pairs(facts or {}) do class[key] = value end
  class.__index = class
  return setmetatable(class, { __index = self, __call = function(kind, ...)
    local made = setmetatable({}, kind)
    if kind.init then made:init(...) end
    return made
  end })
end

--- What an estimator has learnt so far, for checkpoints.
---@return table
function Estimator:state()  -- luacheck: ignore
  return {}
end

--- Takes up what state() gave.
---@param state table
function Estimator:set_state(state) end  -- luacheck: ignore

-- f of draws x, one number each.
local function values_of(f, x)
  options.callable("estimator", "f", f)
  local y = f(x)
  if not orrery.is_tensor(y) or y:dim() ~= 1 or y:size(1) ~= x:size(1) then
    blame("estimator: f gave %s for %d draws; let it give one number for each",
      options.shown(y), x:size(1))
  end
  return y
end
Estimator.values_of = values_of

-- The law of n draws at once: what is left of the batch belongs to the event.
local function law_of(make, leaves, n)
  local law = make(table.unpack(leaves))
  local batch = law.batch_shape
  if batch[1] ~= n then
    blame("estimator: for %d draws the law's batch is [%s]; make it from the "
      .. "parameters given, axis by axis", n, table.concat(batch, ", "))
  end
  return #batch == 1 and law or Independent(law, #batch - 1)
end

Estimator.law_of = law_of

-- Parameters of a law that were given as tensors, and how to make it of others.
local function parts_of(law)
  local names, params, fixed = {}, {}, {}
  for _, name in ipairs(law.parameter_names or {}) do
    if law[name]:dim() > 0 or law.given_as_tensor[name] then
      names[#names + 1], params[#params + 1] = name, law[name]:detach()
    else
      fixed[name] = law[name]:item()
    end
  end
  if #names == 0 then
    blame("estimator: %s has only plain numbers; give the parameters to "
      .. "differentiate by as tensors", law.name)
  end
  local class = getmetatable(law)
  return params, function(...)
    local given = {}
    for name, value in pairs(fixed) do given[name] = value end
    for i, name in ipairs(names) do given[name] = select(i, ...) end
    return class(given)
  end
end

--- Refuses what is no list of floating tensors.
---@param params any
---@return orrery.Tensor[] params
function Estimator.listed(params)
  if type(params) ~= "table" or #params == 0 then
    blame("estimator: params is %s; list the tensors that the law is made "
      .. "of", options.shown(params))
  end
  for i, p in ipairs(params) do
    options.tensor("estimator", "parameter " .. i, p, "float")
  end
  return params
end

--- The parameters and the maker of a law given as either.
---@param law orrery.dist.Distribution|fun(...): orrery.dist.Distribution
---@param params? orrery.Tensor[]
---@return orrery.Tensor[] params
---@return function make
function Estimator.parts(law, params)
  if type(law) == "function" then
    return Estimator.listed(params), law
  elseif type(law) ~= "table" or not law.batch_shape then
    blame("estimator: the law is %s; give a distribution, or a function that "
      .. "makes one of the parameters", options.shown(law))
  end
  return parts_of(law)
end

-- What `surrogate` says, differentiated by the leaves. Kinds that need more
-- than one surrogate have a `gradients` of their own.
function Estimator:gradients(f, law, leaves, context)
  local surrogate, values = self:surrogate(f, law, context)
  local grads = orrery.grad(surrogate:sum(), leaves,
    { allow_unused = true, retain_graph = context.retain_graph })
  for i, leaf in ipairs(leaves) do
    grads[i] = grads[i] or orrery.zeros_like(leaf)
  end
  return grads, values
end

--- One estimate per draw.
---@param f fun(z: orrery.Tensor): orrery.Tensor  [n, event...] -> [n]
---@param law orrery.dist.Distribution|fun(...): orrery.dist.Distribution
---  a law, differentiated by those of its parameters that are tensors; or what
---  makes it of `params`
---@param params? orrery.Tensor[]
---@param n integer  draws
---@param given? { generator?: orrery.Generator, group?: integer }  group: how
---  many draws belong to one estimate, for estimators that compare them; n
---@return orrery.Tensor[] grads  of each parameter, [n, sizes...]
---@return orrery.Tensor values  of f, [n]
function Estimator:each(f, law, params, n, given)
  local o = options.take(self.name, given, { group = n }, { "generator" })
  n = options.count(self.name, "n", n)
  local list, make = Estimator.parts(law, params)
  local leaves = {}
  for i, p in ipairs(list) do
    leaves[i] = p:detach():unsqueeze(1):expand { n, p:shape() }:contiguous()
      :requires_grad_()
  end
  local grads, values = self:gradients(f, law_of(make, leaves, n), leaves,
    { generator = o.generator, group = o.group })
  return grads, values:detach()
end

--- For models: f of one draw for each row of parameters that a network made.
--- The result has f's values; its gradient by the parameters is the estimate,
--- and what f itself holds (a decoder) gets its own through the values.
---@param f fun(z: orrery.Tensor): orrery.Tensor  [n, event...] -> [n]
---@param make fun(...): orrery.dist.Distribution
---@param params orrery.Tensor[]  [n, ...] each
---@param given? { generator?: orrery.Generator, input?: orrery.Tensor }  input:
---  what a learned baseline looks at, [n, ...]
---@return orrery.Tensor  [n]
function Estimator:through(f, make, params, given)
  local o = options.take(self.name, given, {}, { "generator", "input" })
  options.callable(self.name, "the law", make)
  local n = Estimator.listed(params)[1]:size(1)
  local context = { generator = o.generator, input = o.input, group = n }
  if self.gradients == Estimator.gradients then
    local surrogate, values = self:surrogate(f, law_of(make, params, n),
      context)
    return values:detach() + (surrogate - surrogate:detach())
  end
  -- Kinds with gradients of their own are joined to the network afterwards.
  local leaves = {}
  for i, p in ipairs(params) do leaves[i] = p:detach():requires_grad_() end
  context.retain_graph = true
  local grads, values = self:gradients(f, law_of(make, leaves, n), leaves,
    context)
  for i, p in ipairs(params) do
    local term = (p * grads[i]:detach()):reshape(n, -1):sum(2)
    values = values + (term - term:detach())
  end
  return values
end

--- The estimate from n draws.
---@param f fun(z: orrery.Tensor): orrery.Tensor  [n, event...] -> [n]
---@param law orrery.dist.Distribution|fun(...): orrery.dist.Distribution
---@param params? orrery.Tensor[]
---@param n integer
---@param given? { generator?: orrery.Generator }
---@return orrery.Tensor[] grads  one for each parameter, of its shape
---@return number mean  of f
function Estimator:grad(f, law, params, n, given)
  local grads, values = self:each(f, law, params, n, given)
  for i, g in ipairs(grads) do grads[i] = g:mean(1) end
  return grads, values:mean():item()
end

return Estimator
