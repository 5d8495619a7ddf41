--- Weights held to a norm: spectral_norm and weight_norm, as in nn.utils.
local orrery = require "orrery"
local blame = require "orrery.blame"
local computed = require "orrery.nn.computed"
local options = require "orrery.options"

local norms = {}

--- The weight as a matrix whose rows are the entries of axis `dim`.
local function matrix(weight, dim)
  if dim ~= 1 then weight = weight:movedim(dim, 1) end
  return weight:reshape { weight:size(1), -1 }
end

local function unit(x, eps) return x / x:norm():clamp(eps) end

--- Better estimates of the first singular vectors, written over u and v
--- once both are known.
local function iterate(layer, o)
  orrery.tidy(function()
    orrery.no_grad(function()
      local w = matrix(rawget(layer, o.name .. "_orig"), o.dim)
      local u, v = layer[o.name .. "_u"], layer[o.name .. "_v"]
      local new_u, new_v = u, v
      for _ = 1, o.n_power_iterations do
        new_v = unit(w:transpose(1, 2):mv(new_u), o.eps)
        new_u = unit(w:mv(new_v), o.eps)
      end
      v:copy_(new_v)
      u:copy_(new_u)
    end)
  end)
end

--- weight_orig / sigma with sigma = u' W v; u and v count as constants, and
--- are copied because the next forward writes over them.
local function divided(layer, o)
  local w = rawget(layer, o.name .. "_orig")
  local u = rawget(layer, o.name .. "_u"):detach():clone()
  local v = rawget(layer, o.name .. "_v"):detach():clone()
  return w / u:dot(matrix(w, o.dim):mv(v))
end

local function axis_of(who, weight, dim)
  local n = math.tointeger(dim)
  if type(dim) ~= "number" or not n or n < 1 or n > weight:dim() then
    blame("%s: dim is %s but the weight is %s; give an axis of it, from 1", who,
      options.shown(dim), weight:shape_str())
  end
  return n
end

--- Divides a layer's weight by its largest singular value, estimated by power
--- iteration, one step at each forward in training (Miyato et al. 2018). The
--- weight is kept as NAME_orig, the vectors as buffers NAME_u and NAME_v.
--- Works for any layer with a weight of at least one axis; gradients reach
--- NAME_orig through sigma, with u and v held constant.
---@generic T: orrery.nn.Module
---@param layer T
---@param opts? { n_power_iterations?: integer, eps?: number, name?: string,
---   dim?: integer, generator?: orrery.Generator }  1, 1e-12, "weight", and
---   the axis of outputs: 2 for transposed convolutions, else 1
---@return T layer  the same one
function norms.spectral_norm(layer, opts)
  local who = "spectral_norm"
  opts = options.take(who, opts, { n_power_iterations = 1, eps = 1e-12,
    name = "weight" }, { "dim", "generator" })
  local name = options.text(who, "name", opts.name)
  local weight = computed.source(who, layer, name)
  if weight:dim() == 0 or weight:numel() == 0 then
    blame("%s: %s is %s; give one with at least one axis and entry", who, name,
      weight:shape_str())
  end
  local transposed = layer.class_name:find "^ConvTranspose" and weight:dim() > 1
  local o = { name = name,
    n_power_iterations = options.count(who, "n_power_iterations",
      opts.n_power_iterations),
    eps = options.number(who, "eps", opts.eps,
      function(e) return e > 0 end, "a number above 0"),
    dim = axis_of(who, weight, opts.dim or (transposed and 2 or 1)) }
  local rows = weight:size(o.dim)
  local draw = { dtype = weight.dtype, generator = opts.generator }
  local u = unit(orrery.randn({ rows }, draw), o.eps)
  local v = unit(orrery.randn({ weight:numel() // rows }, draw), o.eps)
  computed.install(layer, name, { who = who,
    parts = { name .. "_orig", name .. "_u", name .. "_v" },
    value = function(self) return divided(self, o) end,
    before = function(self)
      if self.training and not orrery.is_rerunning() then iterate(self, o) end
    end })
  layer:register_parameter(name .. "_orig", weight)
  layer:register_buffer(name .. "_u", u)
  layer:register_buffer(name .. "_v", v)
  return layer
end

--- Makes the divided weight a plain parameter again.
---@generic T: orrery.nn.Module
---@param layer T
---@param name? string  "weight"
---@return T layer
function norms.remove_spectral_norm(layer, name)
  computed.remove("remove_spectral_norm", "spectral_norm", layer,
    name or "weight")
  return layer
end

--- 2-norm over all axes but `dim`, which stays; over all of them when `dim`
--- is false.
local function length(v, dim)
  if not dim then return v:norm() end
  local axes = {}
  for axis = 1, v:dim() do
    if axis ~= dim then axes[#axes + 1] = axis end
  end
  if #axes == 0 then return v:abs() end
  return v:norm { axis = axes, keepdim = true }
end

--- Splits a layer's weight into length and direction: NAME = NAME_g NAME_v /
--- |NAME_v|, both trained (Salimans & Kingma 2016).
---@generic T: orrery.nn.Module
---@param layer T
---@param opts? { name?: string, dim?: integer|false }  "weight", 1: the axis
---   whose entries have a length each; false: one length for all
---@return T layer  the same one
function norms.weight_norm(layer, opts)
  local who = "weight_norm"
  opts = options.take(who, opts, { name = "weight", dim = 1 })
  local name, dim = options.text(who, "name", opts.name), opts.dim
  local weight = computed.source(who, layer, name)
  if dim then dim = axis_of(who, weight, dim) end
  local g = length(weight:detach(), dim):requires_grad_(weight.requires_grad)
  local g_name, v_name = name .. "_g", name .. "_v"
  computed.install(layer, name, { who = who, parts = { g_name, v_name },
    value = function(self)
      local v = rawget(self, v_name)
      return v * (rawget(self, g_name) / length(v, dim))
    end })
  layer:register_parameter(g_name, g)
  layer:register_parameter(v_name, weight)
  return layer
end

--- Makes the weight a plain parameter again.
---@generic T: orrery.nn.Module
---@param layer T
---@param name? string  "weight"
---@return T layer
function norms.remove_weight_norm(layer, name)
  computed.remove("remove_weight_norm", "weight_norm", layer, name or "weight")
  return layer
end

return norms
