--- Exponential moving average of a model's parameters and buffers.
---
---     local ema = train.EMA(model, { decay = 0.999 })
---     ... opt:step()  ema:update() ...
---     ema.model            -- a copy of the model with the averages
local averaged = require "orrery.nn.averaged"
local blame = require "orrery.blame"
local options = require "orrery.options"

---@class orrery.train.EMA
---@field model orrery.nn.Module  a copy that holds the averages
---@field decay number
local EMA = {}
EMA.__index = EMA

---@param model orrery.nn.Module
---@param opts? { decay?: number }  0.999
---@return orrery.train.EMA
function EMA.new(model, opts)
  if type(model) ~= "table" or type(model.state_dict) ~= "function"
    or type(model.clone) ~= "function" then
    blame("ema: model is %s; give a module", options.shown(model))
  end
  opts = options.take("ema", opts, { decay = 0.999 })
  options.number("ema", "decay", opts.decay,
    function(v) return v >= 0 and v <= 1 end, "a number in [0, 1]")
  local self = setmetatable({ source = model, decay = opts.decay,
    model = model:clone():freeze():eval() }, EMA)
  return self
end

--- average = decay average + (1 - decay) model; whole numbers are copied.
--- All averages are computed before the first is written.
function EMA:update()
  local list, own = {}, self.model:state_dict()
  for name, value in pairs(self.source:state_dict()) do
    list[#list + 1] = { average = own[name], value = value }
  end
  averaged.update(list, averaged.exponential(self))
end

function EMA:state_dict() return self.model:state_dict() end

function EMA:load_state_dict(state) self.model:load_state_dict(state) end

return EMA
