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

local function is_positive(v) return v > 0 end

--- The p-norm of all gradients as one vector.
local function joint_norm(list, p)
  return orrery.tidy(orrery.no_grad, function()
    local norms = {}
    for _, x in ipairs(list) do
      if x.grad then norms[#norms + 1] = x.grad:norm(p):to "float64" end
    end
    return #norms > 0 and orrery.stack(norms):norm(p):item() or 0
  end)
end

--- As orr_clip_grad_norm does for p = 2: all scaled gradients first, then the
--- change.
local function scale_gradients(list, factor)
  local scaled = {}
  orrery.no_grad(function()
    for i, x in ipairs(list) do scaled[i] = x.grad and x.grad * factor end
  end)
  for i, x in ipairs(list) do
    if scaled[i] then x.grad = scaled[i] end
  end
end

--- Scales all gradients so that their joint norm is at most max_norm
--- (Pascanu et al. 2013).
---@param parameters orrery.Tensor[]|orrery.nn.Module
---@param max_norm number
---@param opts? { norm_type?: number, error_if_nonfinite?: boolean }  2 (any
---   p-norm, math.huge for the largest entry), false
---@return number norm  before clipping
function utils.clip_grad_norm_(parameters, max_norm, opts)
  local who = "clip_grad_norm_"
  options.number(who, "max_norm", max_norm, is_positive, "a number above 0")
  opts = options.take(who, opts, { norm_type = 2, error_if_nonfinite = false })
  local p = options.number(who, "norm_type", opts.norm_type, is_positive,
    "a number above 0")
  local list = list_of(who, parameters)
  if p == 2 and not opts.error_if_nonfinite then
    return fused.clip_grad_norm(list, max_norm)
  end
  local norm = joint_norm(list, p)
  if opts.error_if_nonfinite and not (norm < math.huge) then
    blame("%s: the gradients' norm is %g; look for what overflows, with "
      .. "orrery.detect_anomaly", who, norm)
  end
  if p == 2 then return fused.clip_grad_norm(list, max_norm) end
  local factor = max_norm / (norm + 1e-6)
  if not (factor >= 1) then scale_gradients(list, factor) end
  return norm
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

--- Limits every entry of every parameter to +- c: the crude way to a critic
--- whose slope is bounded (Arjovsky et al. 2017, WGAN).
---@param parameters orrery.Tensor[]|orrery.nn.Module
---@param c number
function utils.clip_weights_(parameters, c)
  options.number("clip_weights_", "c", c, is_positive, "a number above 0")
  local list = list_of("clip_weights_", parameters)
  orrery.tidy(orrery.no_grad, function()
    local clipped = {}
    for i, p in ipairs(list) do clipped[i] = p:clamp { min = -c, max = c } end
    for i, p in ipairs(list) do p:copy_(clipped[i]) end
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

--- The modules of a model that keep running averages of batches.
local function with_averages(model)
  local list = {}
  for _, module in ipairs(model:modules()) do
    if options.is_tensor(module.running_mean) and module.momentum then
      list[#list + 1] = module
    end
  end
  return list
end

--- Computes the running averages of a model's batch norms afresh, as the mean
--- over the batches given: what weights averaged by nn.AveragedModel need,
--- whose own averages belong to other weights.
---@param batches fun(): ...  an iterator, such as set:batches(100); of each
---   batch the first entry is the model's input
---@param model orrery.nn.Module
function utils.update_bn(batches, model)
  options.callable("update_bn", "batches", batches)
  if not Module.is_module(model) then
    blame("update_bn: model is %s; give a module", options.shown(model))
  end
  local list, momenta, modes = with_averages(model), {}, {}
  if #list == 0 then return end
  for _, module in ipairs(model:modules()) do
    modes[module] = module.training
  end
  for i, bn in ipairs(list) do momenta[i] = bn.momentum end
  model:train()
  local ok, why = pcall(function()
    local n = 0
    for x in batches do
      n = n + 1
      for _, bn in ipairs(list) do bn.momentum = 1 / n end
      orrery.tidy(function() orrery.no_grad(model, x) end)
    end
  end)
  for i, bn in ipairs(list) do bn.momentum = momenta[i] end
  for module, mode in pairs(modes) do rawset(module, "training", mode) end
  if not ok then error(why, 0) end
end

utils.summary = require "orrery.nn.summary"
for name, fn in pairs(require "orrery.nn.torch") do utils[name] = fn end

return utils
