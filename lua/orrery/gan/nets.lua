--- Generators and discriminators of small data: fully connected, maxout.
local nn = require "orrery.nn"
local blame = require "orrery.blame"
local layers = require "orrery.gan.layers"
local options = require "orrery.options"

local nets = {}

local activations = {
  relu = function() return nn.ReLU() end,
  leaky_relu = function() return nn.LeakyReLU(0.2) end,
  tanh = function() return nn.Tanh() end,
}

-- He's normal weights, or orthogonal ones of a gain; biases zero.
local function begin(linear, gain)
  if gain then
    nn.init.orthogonal_(linear.weight, gain)
  else
    nn.init.kaiming_normal_(linear.weight)
  end
  nn.init.zeros_(linear.bias)
  return linear
end

local function sizes_of(who, from, to, hidden)
  if type(hidden) ~= "table" then hidden = { hidden } end
  local sizes = { options.count(who, "the input's size", from) }
  for _, n in ipairs(hidden) do
    sizes[#sizes + 1] = options.count(who, "hidden", n)
  end
  sizes[#sizes + 1] = options.count(who, "the output's size", to)
  return sizes
end

--- Linear layers from -> hidden -> to: He's initialisation (He et al. 2015),
--- or, with `gain`, orthogonal matrices times it; biases begin at 0.
---
---     local G = gan.mlp(16, 2, { gain = 0.8 })
---     local D = gan.mlp(2, 1, { activation = "leaky_relu", scale = 1 / 4 })
---
---@param from integer
---@param to integer
---@param opts? table  hidden = { 128, 128 }; activation = "relu",
---  "leaky_relu" (slope 0.2), "tanh" or a function that makes a layer; gain;
---  scale and output_scale (factors of input and output); batch_norm = false
---  (before each activation); minibatch = false, "discrimination" or "spread"
---  (before the last layer)
---@return orrery.nn.Sequential
function nets.mlp(from, to, opts)
  local who = "gan.mlp"
  local o = options.take(who, opts, { hidden = { 128, 128 },
    activation = "relu", batch_norm = false, minibatch = false },
    { "gain", "scale", "output_scale" })
  local make = activations[o.activation] or o.activation
  if type(make) ~= "function" then
    blame("%s: activation is %s; give relu, leaky_relu, tanh, or a function "
      .. "that makes a layer", who, options.shown(o.activation))
  end
  local sizes, list = sizes_of(who, from, to, o.hidden), {}
  local function add(layer) list[#list + 1] = layer end
  if o.scale then add(layers.Scale(o.scale)) end
  for i = 1, #sizes - 2 do
    add(begin(nn.Linear(sizes[i], sizes[i + 1]), o.gain))
    if o.batch_norm then add(nn.BatchNorm1d(sizes[i + 1])) end
    add(make())
  end
  local last = sizes[#sizes - 1]
  if o.minibatch == "discrimination" then
    local m = layers.MinibatchDiscrimination(last)
    add(m)
    last = last + m.kernels
  elseif o.minibatch == "spread" then
    add(layers.BatchSpread())
    last = last + 1
  elseif o.minibatch then
    blame("%s: minibatch is %s; give discrimination or spread", who,
      options.shown(o.minibatch))
  end
  add(begin(nn.Linear(last, sizes[#sizes]), o.gain))
  if o.output_scale then add(layers.Scale(o.output_scale)) end
  return nn.Sequential(list)
end

--- A discriminator of maxout units, as PacGAN's (Lin et al. 2018, section
--- 4.1) and VEEGAN's of synthetic data.
---@param from integer
---@param to? integer  1
---@param opts? table  hidden = { 200, 200, 200 }, pieces = 5, scale
---@return orrery.nn.Sequential
function nets.maxout(from, to, opts)
  local who = "gan.maxout"
  local o = options.take(who, opts, { hidden = { 200, 200, 200 },
    pieces = 5 }, { "scale" })
  local sizes, list = sizes_of(who, from, to or 1, o.hidden), {}
  if o.scale then list[1] = layers.Scale(o.scale) end
  for i = 1, #sizes - 2 do
    local unit = layers.Maxout(sizes[i], sizes[i + 1], o.pieces)
    begin(unit.linear)
    list[#list + 1] = unit
  end
  list[#list + 1] = begin(nn.Linear(sizes[#sizes - 1], sizes[#sizes]))
  return nn.Sequential(list)
end

return nets
