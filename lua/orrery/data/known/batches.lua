--- Batches of a law, without end.
local orrery = require "orrery"
local options = require "orrery.options"

---@class orrery.data.LawBatches
---@field law orrery.data.Law
---@field size integer
local Batches = {}
Batches.__index = Batches

--- The next batch.
---@return orrery.Tensor x  [size, ...]
---@return orrery.Tensor? modes
function Batches:__call()
  return self.law:sample(self.size, self.given)
end

function Batches:state()
  return { stream = self.given.generator:state() }
end

function Batches:set_state(state)
  self.given.generator:set_state(state.stream)
end

---@param law orrery.data.Law
---@param size integer
---@param opts? { generator?: orrery.Generator, dtype?: string }
---@return orrery.data.LawBatches
return function(law, size, opts)
  local o = options.take("batches", opts, {}, { "generator", "dtype" })
  o.generator = o.generator or orrery.default_generator()
  return setmetatable({ law = law, given = o,
    size = options.count("batches", "size", size) }, Batches)
end
