--- Helpers around parameters: gradient clipping, one long vector, norms of
--- weights, a summary.
local orrery = require "orrery"
local Module = require "orrery.nn.module"
local blame = require "orrery.blame"
local options = require "orrery.options"
local fused = require "orrery.core".fused_steps

local utils = {}
for name, fn in pairs(require "orrery.nn.weight_norms") do utils[name] = fn end

local function list_of(who, parameters)
  if Module.is_module(parameters) then return parameters:parameters() end
  if options.is_tensor(parameters) then return { parameters } end
  if type(parameters) ~= "table" then
    blame("%s: parameters are %s; give a list of tensors or a module", who,
      options.shown(parameters))
  end
  for i, p in ipairs(parameters) do
    options.tensor(who, "parameter " .. i, p)
  end
  return parameters
end

--- Scales all gradients so that their joint 2-norm is at most max_norm.
---@param parameters orrery.Tensor[]|orrery.nn.Module
---@param max_norm number
---@return number norm  before clipping
function utils.clip_grad_norm_(parameters, max_norm)
  options.number("clip_grad_norm_", "max_norm", max_norm,
    function(v) return v > 0 end, "a number above 0")
  return fused.clip_grad_norm(list_of("clip_grad_norm_", parameters), max_norm)
end

--- Limits every entry of every gradient to +- limit.
---@param parameters orrery.Tensor[]|orrery.nn.Module
---@param limit number
function utils.clip_grad_value_(parameters, limit)
  options.number("clip_grad_value_", "limit", limit,
    function(v) return v > 0 end, "a number above 0")
  local clipped = {}
  local list = list_of("clip_grad_value_", parameters)
  orrery.no_grad(function()
    for i, p in ipairs(list) do
      local grad = p.grad
      clipped[i] = grad and grad:clamp { min = -limit, max = limit } or false
    end
    for i, p in ipairs(list) do
      if clipped[i] then p.grad = clipped[i] end
    end
  end)
end

--- All parameters end to end; gradients pass.
---@param parameters orrery.Tensor[]|orrery.nn.Module
---@return orrery.Tensor  [n]
function utils.parameters_to_vector(parameters)
  local flat = {}
  for i, p in ipairs(list_of("parameters_to_vector", parameters)) do
    flat[i] = p:flatten()
  end
  if #flat == 0 then
    blame("parameters_to_vector: there are no parameters; give some")
  end
  return orrery.cat(flat, 1)
end

--- The way back: writes a vector over the parameters.
---@param vector orrery.Tensor  [n]
---@param parameters orrery.Tensor[]|orrery.nn.Module
function utils.vector_to_parameters(vector, parameters)
  local list, total = list_of("vector_to_parameters", parameters), 0
  options.tensor("vector_to_parameters", "vector", vector, "float")
  for _, p in ipairs(list) do total = total + p:numel() end
  if vector:dim() ~= 1 or vector:numel() ~= total then
    blame("vector_to_parameters: vector is %s but [%d] is wanted; give one "
      .. "number per entry", vector:shape_str(), total)
  end
  orrery.no_grad(function()
    local at, parts = 1, {}
    for i, p in ipairs(list) do
      parts[i] = vector:narrow(1, at, p:numel()):reshape { p:shape() }
        :to(p.dtype)
      at = at + p:numel()
    end
    for i, p in ipairs(list) do p:copy_(parts[i]) end
  end)
end

utils.summary = require "orrery.nn.summary"
for name, fn in pairs(require "orrery.nn.torch") do utils[name] = fn end

return utils
