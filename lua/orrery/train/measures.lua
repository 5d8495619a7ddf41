--- Measurements that monitors look at: parts of 1 and ratios, as numbers.
local orrery = require "orrery"
local Module = require "orrery.nn.module"
local blame = require "orrery.blame"
local options = require "orrery.options"

local measures = {}

local rectifiers = { ReLU = true, LeakyReLU = true, ReLU6 = true,
  PReLU = true }

-- A part of the entries, as a number.
local function part(mask) return mask:to("float64"):mean():item() end

--- How often a discriminator is right: logits above 0 say "real".
---@param real orrery.Tensor  logits of real examples
---@param fake orrery.Tensor  logits of generated ones
---@return number  0 to 1; 0.5 when it cannot tell them apart
---@return number on_real
---@return number on_fake
function measures.d_accuracy(real, fake)
  options.tensor("d_accuracy", "real", real)
  options.tensor("d_accuracy", "fake", fake)
  return orrery.no_grad(function()
    local on_real, on_fake = part(real:gt(0)), part(fake:le(0))
    return (on_real + on_fake) / 2, on_real, on_fake
  end)
end

-- The most that each unit gives, over all examples.
local function most(activations)
  local x = options.tensor("dead_units", "activations", activations)
  if x:dim() < 2 or x:numel() == 0 then
    blame("dead_units: activations are %s; give [B, units]", x:shape_str())
  end
  return orrery.no_grad(function()
    local units = x:reshape(x:size(1), x:size(2), -1):transpose(1, 2)
    return units:reshape(x:size(2), -1):amax(2)
  end)
end

--- The part of units that give 0 (or less) for every example.
---@param activations orrery.Tensor  [B, units] or [B, channels, H, W]
---@return number  0 to 1
function measures.dead_units(activations)
  return part(most(activations):le(0))
end

--- The dead part of each layer of rectifiers (ReLU, LeakyReLU, ReLU6, PReLU):
--- units that are never above 0. A leaky one still passes a gradient then.
---@param net orrery.nn.Module
---@param ... any  what the net is given: many examples; or one function that
---  calls it, as often as it likes
---@return table<string, number> shares  by the layer's name in the net
---@return string[] names  in the order of the net
function measures.dead_layers(net, ...)
  if not Module.is_module(net) then
    blame("dead_layers: net is %s; give a module", options.shown(net))
  end
  local shares, names, handles, highest = {}, {}, {}, {}
  local _ <close> = setmetatable({}, { __close = function()
    for _, handle in ipairs(handles) do handle:remove() end
  end })
  for name, layer in net:named_modules() do
    if rectifiers[layer.class_name] then
      names[#names + 1] = name
      handles[#handles + 1] = layer:register_forward_hook(function(_, _, y)
        local now = most(y)
        highest[name] = highest[name] and highest[name]:maximum(now) or now
      end)
    end
  end
  local call = ...
  if type(call) == "function" then
    orrery.no_grad(call)
  else
    orrery.no_grad(net, ...)
  end
  for name, y in pairs(highest) do shares[name] = part(y:le(0)) end
  return shares, names
end

--- The joint norm of gradients; parts without one count 0.
---@param gradients table<any, orrery.Tensor?>
---@return number
function measures.gradient_norm(gradients)
  local square = 0
  for _, g in pairs(gradients) do
    square = square + (g:detach() ^ 2):sum():item()
  end
  return math.sqrt(square)
end

--- Copies of weights that are kept.
---@param params orrery.Tensor[]
---@return orrery.Tensor[]
function measures.copies(params)
  local out = {}
  for i, p in ipairs(params) do out[i] = orrery.keep(p:detach():clone()) end
  return out
end

--- How far a step moved the weights, beside their size: |after - before| /
--- |before|. About 1e-3 is usual.
---@param before orrery.Tensor[]  copies from before the step
---@param after orrery.Tensor[]
---@return number
function measures.update_ratio(before, after)
  local moved = {}
  for i, w in ipairs(before) do
    moved[i] = orrery.no_grad(function() return after[i] - w end)
  end
  local size = measures.gradient_norm(before)
  return measures.gradient_norm(moved) / math.max(size, 1e-300)
end

--- The part of modes that samples reach.
---@param samples orrery.Tensor  [N, D]
---@param centres orrery.Tensor  [K, D]
---@param radius number  a sample within it belongs to a mode; three standard
---  deviations (Srivastava et al. 2017)
---@return number coverage  modes with a sample, 0 to 1
---@return number quality  samples that belong to a mode, 0 to 1
function measures.mode_coverage(samples, centres, radius)
  options.tensor("mode_coverage", "samples", samples)
  options.tensor("mode_coverage", "centres", centres)
  options.number("mode_coverage", "radius", radius)
  return orrery.no_grad(function()
    local square = (samples:unsqueeze(2) - centres:unsqueeze(1)) ^ 2
    local near = square:sum(-1):le(radius * radius):to "float64"
    return near:amax(1):mean():item(), near:amax(2):mean():item()
  end)
end

--- How noisy a gradient is: the noise scale of McCandlish et al. (2018),
--- tr(covariance) / |gradient|^2, over the batch. Above 1 the step is more
--- noise than gradient. From the squared norms of two gradients of the same
--- parameters, one over a part of the examples and one over all of them.
---@param small number  |gradient|^2 over `b_small` examples
---@param b_small integer
---@param big number  |gradient|^2 over `b_big` examples
---@param b_big integer  the batch
---@return number  infinite when the two show no gradient at all
function measures.gradient_noise(small, b_small, big, b_big)
  options.count("gradient_noise", "b_small", b_small)
  options.count("gradient_noise", "b_big", b_big)
  if b_big <= b_small then
    blame("gradient_noise: the batches are %d and %d; the second must be the "
      .. "larger", b_small, b_big)
  end
  local true_square = (b_big * big - b_small * small) / (b_big - b_small)
  local trace = (small - big) / (1 / b_small - 1 / b_big)
  if true_square <= 0 then return math.huge end
  return math.max(0, trace / true_square / b_big)
end

return measures
