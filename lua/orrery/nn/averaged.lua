--- Running averages of a model's values: what nn.AveragedModel and train.EMA
--- share, and the former.
local orrery = require "orrery"
local Module = require "orrery.nn.module"
local blame = require "orrery.blame"
local options = require "orrery.options"
local recording = require "orrery.recording"

local averaged = {}

--- Writes rule(average, value) over each average; whole numbers and entries
--- without a rule are copied. All are computed before the first is written.
---@param list { average: orrery.Tensor, value: orrery.Tensor,
---   copied: boolean? }[]
---@param rule fun(average: orrery.Tensor, value: orrery.Tensor): orrery.Tensor
function averaged.update(list, rule)
  orrery.tidy(function()
    orrery.no_grad(function()
      local fresh = {}
      for i, entry in ipairs(list) do
        local plain = entry.copied or not entry.average.dtype:find "^float"
        fresh[i] = plain and entry.value or rule(entry.average, entry.value)
      end
      for i, entry in ipairs(list) do entry.average:copy_(fresh[i]) end
    end)
  end)
end

--- The exponential rule: decay average + (1 - decay) value.
---@param owner { decay: number }
function averaged.exponential(owner)
  local decay = recording.number(owner, "decay")
  local rest = 1 - decay
  return function(average, value) return average * decay + value * rest end
end

--- A copy of a model that holds running averages of its parameters:
---
---     local ema = nn.AveragedModel(G, { decay = 0.999 })
---     opt:minimize(loss)  ema:update_parameters(G)
---     local images = ema(z)
---
--- Without decay the plain mean of all updates (SWA, Izmailov et al. 2018).
--- The first update copies; buffers are copied each time unless use_buffers
--- averages them too. PyTorch's torch.optim.swa_utils.AveragedModel.
---@class orrery.nn.AveragedModel: orrery.nn.Module
---@field module orrery.nn.Module  the copy
---@field n_averaged orrery.Tensor  int64 [], updates so far
local AveragedModel = Module:subclass "AveragedModel"

---@param model orrery.nn.Module
---@param opts? { decay?: number, use_buffers?: boolean,
---   avg_fn?: fun(average: orrery.Tensor, value: orrery.Tensor, n: integer):
---   orrery.Tensor }
function AveragedModel:init(model, opts)
  local who = "averagedmodel"
  if not Module.is_module(model) then
    blame("%s: model is %s; give a module", who, options.shown(model))
  end
  opts = options.take(who, opts, { use_buffers = false },
    { "decay", "avg_fn" })
  if opts.decay ~= nil then
    options.number(who, "decay", opts.decay,
      function(v) return v >= 0 and v <= 1 end, "a number in [0, 1]")
  end
  if opts.avg_fn ~= nil then options.callable(who, "avg_fn", opts.avg_fn) end
  if opts.decay and opts.avg_fn then
    blame("%s: decay and avg_fn are both given; give one", who)
  end
  self.decay, self.avg_fn = opts.decay, opts.avg_fn
  self.use_buffers = opts.use_buffers
  self.module = model:clone()
  self:register_buffer("n_averaged", orrery.zeros({}, { dtype = "int64" }))
end

local function rule_of(self, n)
  if n == 0 then return function(_, value) return value end end
  if self.decay then return averaged.exponential(self) end
  return function(average, value)
    if not self.avg_fn then return average + (value - average) / (n + 1) end
    local y = self.avg_fn(average, value, n)
    if not options.is_tensor(y) or y:shape_str() ~= average:shape_str() then
      self:fail("avg_fn gives %s; it must give a tensor %s",
        options.is_tensor(y) and y:shape_str() or options.shown(y),
        average:shape_str())
    end
    return y
  end
end

--- Takes the model's present values into the averages.
---@param model orrery.nn.Module  built like the one averaged
function AveragedModel:update_parameters(model)
  if not Module.is_module(model) then
    self:fail("model is %s; give a module", options.shown(model))
  end
  local list, given = {}, {}
  for name, p in model:named_parameters() do given[name] = p end
  for name, b in model:named_buffers() do given[name] = b end
  local function pair(name, average, copied)
    local value = given[name]
    if not value or value:shape_str() ~= average:shape_str() then
      self:fail("model has %s %s but the average is %s; give a model built "
        .. "alike", value and value:shape_str() or "no", name,
        average:shape_str())
    end
    list[#list + 1] = { average = average, value = value, copied = copied }
  end
  for name, p in self.module:named_parameters() do pair(name, p) end
  for name, b in self.module:named_buffers() do
    pair(name, b, not self.use_buffers)
  end
  local n = self.n_averaged:item()
  list[#list + 1] = { average = self.n_averaged,
    value = orrery.full({}, n + 1, { dtype = "int64" }) }
  averaged.update(list, rule_of(self, n))
end

function AveragedModel:forward(...) return self.module(...) end

averaged.AveragedModel = AveragedModel
return averaged
