--- Optimisers. Each takes a list of parameters (or a module, or a list of
--- groups { params = ..., lr = ... }) and a table of options.
---
---     local opt = optim.Adam(model:parameters(), { lr = 1e-3 })
---     opt:zero_grad()  loss:backward()  opt:step()   -- or opt:minimize(loss)
local blame = require "orrery.blame"
local options = require "orrery.options"
local Optimizer = require "orrery.optim.optimizer"

local optim = { lr_scheduler = require "orrery.optim.lr_scheduler" }
for name, make in pairs(optim.lr_scheduler) do optim[name] = make end

--- Averaging along the way, under the name PyTorch gives it.
optim.swa_utils = {
  AveragedModel = require("orrery.nn.averaged").AveragedModel,
  update_bn = require("orrery.nn.utils").update_bn,
}

local function at_least_0(v) return v >= 0 and v < math.huge end
local function below_1(v) return v >= 0 and v < 1 end

--- Checks of options by name; `initial_lr` belongs to schedules.
local function checked(who, defaults)
  return function(given)
    local o = options.take(who, given, defaults, { "initial_lr" })
    for _, name in ipairs { "lr", "weight_decay", "eps", "momentum" } do
      if o[name] ~= nil then
        options.number(who, name, o[name], at_least_0, "a number of at least 0")
      end
    end
    for _, name in ipairs { "beta1", "beta2", "alpha" } do
      if o[name] ~= nil then
        options.number(who, name, o[name], below_1, "a number in [0, 1)")
      end
    end
    return o
  end
end

local sgd_rule = {
  kernel = "sgd",
  options = function(given)
    local o = checked("sgd", { lr = 1e-3, momentum = 0, dampening = 0,
      weight_decay = 0, nesterov = false })(given)
    options.number("sgd", "dampening", o.dampening)
    if o.nesterov and (o.momentum == 0 or o.dampening ~= 0) then
      blame("sgd: nesterov needs momentum above 0 and dampening 0")
    end
    return o
  end,
  state = function(o)
    return o.momentum ~= 0 and { "momentum_buffer" } or {}
  end,
}

--- v = momentum v + (1 - dampening) g (v = g at first), p = p - lr v; with
--- nesterov p = p - lr (g + momentum v).
---@param params orrery.Tensor[]|orrery.nn.Module|table[]
---@param opts? { lr?: number, momentum?: number, dampening?: number,
---   weight_decay?: number, nesterov?: boolean }  lr 1e-3, the rest 0
---@return orrery.optim.Optimizer
function optim.SGD(params, opts)
  return Optimizer.new("sgd", sgd_rule, params, opts)
end

--- Accepts PyTorch's `betas = { beta1, beta2 }` too.
local function adam_options(who, weight_decay, decoupled)
  local check = checked(who, { lr = 1e-3, beta1 = 0.9, beta2 = 0.999,
    eps = 1e-8, weight_decay = weight_decay, decoupled = decoupled })
  return function(given)
    local o = {}
    for name, value in pairs(given) do o[name] = value end
    if o.betas ~= nil then
      if type(o.betas) ~= "table" or #o.betas ~= 2 then
        blame("%s: betas are %s; give { beta1, beta2 }", who,
          options.shown(o.betas))
      end
      o.beta1, o.beta2, o.betas = o.betas[1], o.betas[2], nil
    end
    return check(o)
  end
end

local function adam_state() return { "exp_avg", "exp_avg_sq" } end

local adam_rule = { kernel = "adam", state = adam_state,
  options = adam_options("adam", 0, false) }

--- Kingma & Ba 2015, bias-corrected; weight_decay adds to the gradient.
---@param params orrery.Tensor[]|orrery.nn.Module|table[]
---@param opts? { lr?: number, betas?: number[], eps?: number,
---   weight_decay?: number }  1e-3, { 0.9, 0.999 }, 1e-8, 0
---@return orrery.optim.Optimizer
function optim.Adam(params, opts)
  return Optimizer.new("adam", adam_rule, params, opts)
end

local adamw_rule = { kernel = "adam", state = adam_state,
  options = adam_options("adamw", 0.01, true) }

--- Adam with decoupled weight decay (Loshchilov & Hutter 2019).
---@param params orrery.Tensor[]|orrery.nn.Module|table[]
---@param opts? { lr?: number, betas?: number[], eps?: number,
---   weight_decay?: number }  1e-3, { 0.9, 0.999 }, 1e-8, 0.01
---@return orrery.optim.Optimizer
function optim.AdamW(params, opts)
  return Optimizer.new("adamw", adamw_rule, params, opts)
end

local rmsprop_rule = {
  kernel = "rmsprop",
  options = checked("rmsprop", { lr = 1e-2, alpha = 0.99, eps = 1e-8,
    weight_decay = 0, momentum = 0, centered = false }),
  state = function(o)
    local names = { "square_avg" }
    if o.centered then names[#names + 1] = "grad_avg" end
    if o.momentum ~= 0 then names[#names + 1] = "momentum_buffer" end
    return names
  end,
}

--- Gradients over the root of their running mean square (Hinton 2012);
--- eps is added after the root, as in PyTorch.
---@param params orrery.Tensor[]|orrery.nn.Module|table[]
---@param opts? { lr?: number, alpha?: number, eps?: number, momentum?: number,
---   weight_decay?: number, centered?: boolean }  1e-2, 0.99, 1e-8, 0, 0
---@return orrery.optim.Optimizer
function optim.RMSprop(params, opts)
  return Optimizer.new("rmsprop", rmsprop_rule, params, opts)
end

return optim
