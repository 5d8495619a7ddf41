--- MADE: a net whose outputs for input i depend on inputs before i alone, all
--- found in one pass (Germain et al. 2015).
local orrery = require "orrery"
local blame = require "orrery.blame"
local masks = require "orrery.flow.masks"
local nn = require "orrery.nn"
local options = require "orrery.options"

local activations = { relu = function(x) return x:relu() end,
  tanh = function(x) return x:tanh() end,
  sigmoid = function(x) return x:sigmoid() end,
  elu = function(x) return orrery.functional.elu(x) end,
  softplus = function(x) return x:softplus() end }

---@class orrery.flow.MADE: orrery.nn.Module
---@field features integer  D
---@field context integer  C, 0 without
---@field outputs integer  numbers per input
---@field order orrery.Tensor  int64 [D], the place of each input, a buffer
---@field degrees integer[][]  of each hidden layer
---@field layers orrery.nn.ModuleList
local MADE = nn.Module:subclass "MADE"

-- Marks lists that hold no tensors: a module need not look through them.
local numbers = {}

local function hidden_degrees(o, features)
  local out = {}
  for l, n in ipairs(o.hidden) do
    n = options.count("flow.MADE", "hidden " .. l, n)
    local given = o.degrees and o.degrees[l]
    if given and #given ~= n then
      blame("flow.MADE: degrees[%d] has %d entries but the layer %d units; "
        .. "give one each", l, #given, n)
    end
    for i, d in ipairs(given or {}) do
      if math.type(d) ~= "integer" or d < 0 or d > features then
        blame("flow.MADE: degrees[%d][%d] is %s; give whole numbers from 0 "
          .. "to %d", l, i, options.shown(d), features)
      end
    end
    out[l] = given or masks.spread(n, features, o.context > 0)
  end
  return out
end

--- All layers' masks of degrees; context has degree 0, seen by all.
local function masks_of(self)
  local from, list = {}, {}
  for i = 1, self.context do from[i] = 0 end
  table.move(self:places(), 1, self.features, self.context + 1, from)
  for l, to in ipairs(self.degrees) do
    list[l], from = masks.mask(to, from), to
  end
  local last = masks.mask(self:places(), from, true)
  local rows = {}
  for i = 1, self.outputs do rows[i] = last end
  list[#list + 1] = orrery.cat(rows, 1)
  return list
end

--- Layers [features] -> hidden -> [outputs * features].
---@param features integer  D
---@param opts? table  hidden = { 64, 64 }; outputs = 2 (numbers per input);
---  order = "natural", "reverse", "random" or the place of each input;
---  context = 0 (numbers every unit sees, given beside x); activation =
---  "relu", "tanh", "sigmoid", "elu" or "softplus"; last_scale = 1 (factor on
---  the last layer's first weights: small ones begin near the identity);
---  degrees (of each hidden layer; spread evenly when absent); dtype;
---  generator
function MADE:init(features, opts)
  local who = "flow.MADE"
  local o = options.take(who, opts, { hidden = { 64, 64 }, outputs = 2,
    order = "natural", context = 0, activation = "relu", last_scale = 1,
    dtype = "float32" }, { "degrees", "generator" })
  self.features = options.count(who, "features", features)
  self.outputs = options.count(who, "outputs", o.outputs)
  self.context = options.count(who, "context", o.context, 0)
  if not activations[o.activation] then
    blame("%s: activation is %s; give relu, tanh, sigmoid, elu or softplus",
      who, options.shown(o.activation))
  end
  if type(o.hidden) ~= "table" then
    blame("%s: hidden is %s; give a list of layer sizes", who,
      options.shown(o.hidden))
  end
  options.number(who, "last_scale", o.last_scale)
  self.activation = o.activation
  self:register_buffer("order", orrery.tensor(masks.order(self.features,
    o.order, o.generator), { dtype = "int64" }))
  self.degrees = setmetatable(hidden_degrees(o, self.features), numbers)
  self.layers = nn.ModuleList {}
  local size = self.features + self.context
  local sizes = { table.unpack(o.hidden) }
  sizes[#sizes + 1] = self.outputs * self.features
  for l, mask in ipairs(masks_of(self)) do
    local layer = nn.MaskedLinear(size, sizes[l],
      { dtype = o.dtype, generator = o.generator })
    self.layers:append(layer:set_mask(mask))
    size = sizes[l]
  end
  local last = self.layers[#sizes]
  orrery.no_grad(function()
    last.weight:mul_(o.last_scale)
    last.bias:mul_(o.last_scale)
  end)
end

-- net -> { order, version, list }
local read = setmetatable({}, { __mode = "k" })

--- The place of each input, `order` as a list.
---@return integer[]
function MADE:places()
  local known = read[self]
  if not known or not rawequal(known.order, self.order)
      or known.version ~= self.order:version() then
    known = { order = self.order, version = self.order:version(),
      list = self.order:tolist() }
    read[self] = known
  end
  return known.list
end

--- The function between layers.
---@return fun(x: orrery.Tensor): orrery.Tensor
function MADE:activate() return activations[self.activation] end

--- x with the context before it.
function MADE:joined(x, context)
  if not options.is_tensor(x) or x:dim() ~= 2
      or x:size(2) ~= self.features then
    self:fail("x is %s but [B, %d] is wanted; change the layer or its input",
      options.is_tensor(x) and x:shape_str() or options.shown(x),
      self.features)
  end
  if self.context == 0 then
    if context == nil then return x end
    self:fail("context is given but none is taken; leave it out, or make the "
      .. "layer with context = SIZE")
  end
  if not options.is_tensor(context) or context:dim() ~= 2
      or context:size(2) ~= self.context or context:size(1) ~= x:size(1) then
    self:fail("context is %s but [%d, %d] is wanted; give one row for each x",
      options.is_tensor(context) and context:shape_str()
        or options.shown(context), x:size(1), self.context)
  end
  return orrery.cat({ context, x }, 2)
end

-- The last layer's numbers, [B, outputs D].
local function computed(self, x, context)
  local h = self:joined(x, context)
  local act, n = activations[self.activation], #self.degrees
  for l = 1, n do h = act(self.layers[l](h)) end
  return self.layers[n + 1](h)
end

---@param x orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor ...  `outputs` of them, [B, D] each
function MADE:forward(x, context)
  local h = computed(self, x, context)
  if self.outputs == 1 then return h end
  return h:chunk(self.outputs, 2)
end

--- All outputs in one.
---@param x orrery.Tensor  [B, D]
---@param context? orrery.Tensor  [B, C]
---@return orrery.Tensor numbers  [B, outputs, D]
function MADE:numbers(x, context)
  return computed(self, x, context):reshape(x:size(1), self.outputs,
    self.features)
end

function MADE:extra_repr()
  return ("%d, %d each%s"):format(self.features, self.outputs,
    self.context > 0 and (", %d of context"):format(self.context) or "")
end

return MADE
