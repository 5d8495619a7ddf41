--- What all optimisers share: parameter groups, zero_grad, step, minimize,
--- state. Formulas and names are PyTorch's; the arithmetic of a step is one
--- call into the core for everything, and it is all or nothing.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"
local recording = require "orrery.recording"
local sorted_keys = require "orrery.sorted_keys"
local fused = require "orrery.core".fused_steps

---@class orrery.optim.Optimizer
---@field param_groups table[]  params, state and options (lr ...) of each
local Optimizer = {}
Optimizer.__index = Optimizer

local is_tensor = options.is_tensor

--- A list of tensors out of what the user gave: a list, a module, a tensor.
local function tensor_list(who, given)
  if is_tensor(given) then given = { given } end
  if type(given) == "table" and type(given.parameters) == "function" then
    given = given:parameters()
  end
  if type(given) ~= "table" or #given == 0 then
    blame("%s: params are %s; give model:parameters()", who,
      type(given) == "table" and "an empty list" or options.shown(given))
  end
  local list, seen = {}, {}
  for i, p in ipairs(given) do
    if not is_tensor(p) or not p.dtype:find "^float" then
      blame("%s: parameter %d is %s; give floating tensors", who, i,
        is_tensor(p) and p.dtype or options.shown(p))
    end
    if not p.is_leaf then
      blame("%s: parameter %d is the result of %s; only leaves can be trained",
        who, i, p.grad_fn or "an op")
    end
    if seen[p] then
      blame("%s: parameter %d is in the list twice; give it once", who, i)
    end
    seen[p], list[i] = true, p
  end
  return list
end

--- Adds parameters with options of their own. Their state is made now, so
--- that a step needs no memory.
---@param group table  { params = ..., lr = ..., ... }
function Optimizer:add_param_group(group)
  local who, rule = self.name, self.rule
  if type(group) ~= "table" then
    blame("%s: the group is %s; write it as { params = ..., lr = ... }", who,
      options.shown(group))
  end
  local own = {}
  for name, value in pairs(group) do
    if name ~= "params" then own[name] = value end
  end
  for name, value in pairs(self.defaults) do
    if own[name] == nil then own[name] = value end
  end
  local made = rule.options(own)
  made.params, made.state = tensor_list(who, group.params), {}
  for _, other in ipairs(self.param_groups) do
    for _, p in ipairs(other.params) do
      for i, q in ipairs(made.params) do
        if rawequal(p, q) then
          blame("%s: parameter %d is in another group; give it once", who, i)
        end
      end
    end
  end
  for i, p in ipairs(made.params) do
    local state = { step = 0 }
    for _, name in ipairs(rule.state(made)) do
      state[name] = orrery.keep(orrery.zeros_like(p:detach()))
    end
    made.state[i] = state
  end
  self.param_groups[#self.param_groups + 1] = made
end

-- Rates live in the groups: `optimizer.lr = x` would change nothing.
function Optimizer:__newindex(key, value)
  if self.defaults[key] ~= nil then
    blame("%s: optimizer.%s is of each group of parameters; set "
      .. "optimizer.param_groups[1].%s", self.name, key, key)
  end
  rawset(self, key, value)
end

--- A new optimiser.
---@param name string  as messages begin
---@param rule { options: function, state: function, kernel: string }
---@param params orrery.Tensor[]|orrery.nn.Module|table[]
---@param given? table  options
---@return orrery.optim.Optimizer
function Optimizer.new(name, rule, params, given)
  if given ~= nil and type(given) ~= "table" then
    blame("%s: options are %s; write them as { lr = 1e-3 }", name,
      options.shown(given))
  end
  local defaults = rule.options(given or {})  -- checks the names
  local self = setmetatable({ name = name, rule = rule, param_groups = {},
    defaults = defaults }, Optimizer)
  local first = type(params) == "table" and params[1]
  if type(first) == "table" and first.params then
    for _, group in ipairs(params) do self:add_param_group(group) end
  else
    self:add_param_group { params = params }
  end
  return self
end

--- Forgets the gradients of all its parameters.
function Optimizer:zero_grad()
  for _, group in ipairs(self.param_groups) do
    for _, p in ipairs(group.params) do p.grad = nil end
  end
end

--- One update by the gradients that are there; parameters without one stay.
function Optimizer:step()
  if recording.notes then recording.optimizer(self) end
  fused[self.rule.kernel](self.param_groups)
end

--- All its parameters, in order.
---@return orrery.Tensor[]
function Optimizer:parameters()
  local list = {}
  for _, group in ipairs(self.param_groups) do
    for _, p in ipairs(group.params) do list[#list + 1] = p end
  end
  return list
end

--- Gradients of the loss for its own parameters only, then a step. Other
--- parameters below the loss get no gradient: in a game of two, each
--- optimiser owns what it updates. A parameter the loss does not depend on
--- has gradient zero. The gradients before are dropped first, to make room.
---@param loss orrery.Tensor  one element
---@param opts? { max_norm?: number }  clip the joint 2-norm of the gradients
---@return orrery.Tensor loss
---@return number? norm  before clipping
function Optimizer:minimize(loss, opts)
  opts = options.take("minimize", opts, {}, { "max_norm" })
  local wanted = {}
  for _, p in ipairs(self:parameters()) do
    if p.requires_grad then wanted[#wanted + 1] = p end
  end
  self:zero_grad()  -- first: one set of gradients at a time
  local gradients = orrery.grad(loss, wanted, { allow_unused = true })
  for i, p in ipairs(wanted) do
    local gradient <close> = gradients[i]  -- the parameter has it from now on
    p.grad = gradient
  end
  local norm = opts.max_norm and fused.clip_grad_norm(wanted, opts.max_norm)
  if norm and recording.notes then recording.notes.numbers[norm] = true end
  self:step()
  return loss, norm
end

-- ------------------------------------------------------------------- state

--- Options and state of every group, sharing memory with the optimiser.
---@return table
function Optimizer:state_dict()
  local groups = {}
  for g, group in ipairs(self.param_groups) do
    local copy = { state = {} }
    for name, value in pairs(group) do
      if name ~= "params" and name ~= "state" then copy[name] = value end
    end
    for i, state in ipairs(group.state) do
      local entry = {}
      for name, value in pairs(state) do
        entry[name] = is_tensor(value) and value:detach() or value
      end
      copy.state[i] = entry
    end
    groups[g] = copy
  end
  return { optimizer = self.name, param_groups = groups }
end

local function check_entry(who, where, own, saved)
  for _, name in ipairs(sorted_keys(own)) do
    local value = own[name]
    local other = type(saved) == "table" and saved[name]
    if is_tensor(value) then
      if not is_tensor(other) then
        blame("%s: %s has no %s; load the state of an optimiser made alike",
          who, where, name)
      elseif other:shape_str() ~= value:shape_str() then
        blame("%s: %s of %s is %s but %s here; load the state of an optimiser "
          .. "made alike", who, name, where, other:shape_str(),
          value:shape_str())
      end
    elseif math.type(other) ~= "integer" then
      blame("%s: %s has no %s; load the state of an optimiser made alike", who,
        where, name)
    end
  end
end

-- Options: of the type they have here; what is new here is a number or flag.
local function check_options(who, g, own, saved)
  for name, value in pairs(saved) do
    local wanted = type(own[name])
    if wanted == "nil" then wanted = type(value) == "boolean" and "boolean"
      or "number" end
    if name ~= "state" and name ~= "params" and type(value) ~= wanted then
      blame("%s: %s of group %d is %s; it must be a %s", who, tostring(name), g,
        options.shown(value), wanted)
    end
  end
end

--- Raises unless the saved state fits.
local function check_state(self, saved)
  local who = "load_state_dict"
  local groups = type(saved) == "table" and saved.param_groups
  if type(groups) ~= "table" then
    blame("%s: state is no optimiser's; give what state_dict gave", who)
  end
  if saved.optimizer ~= self.name then
    blame("%s: state is of %s but the optimiser is %s; make them alike", who,
      type(saved.optimizer) == "string" and saved.optimizer
        or options.shown(saved.optimizer), self.name)
  end
  if #groups ~= #self.param_groups then
    blame("%s: state has %d parameter groups but the optimiser has %d; make "
      .. "them alike", who, #groups, #self.param_groups)
  end
  for g, group in ipairs(self.param_groups) do
    local states = type(groups[g]) == "table" and groups[g].state
    if type(states) ~= "table" or #states ~= #group.params then
      blame("%s: group %d has %d parameters in the state but %d here; make "
        .. "them alike", who, g, type(states) == "table" and #states or 0,
        #group.params)
    end
    check_options(who, g, group, groups[g])
    for i, state in ipairs(group.state) do
      check_entry(who, ("parameter %d of group %d"):format(i, g), state,
        states[i])
    end
  end
end

--- Takes up a saved state, all or nothing: moments, step counts and options.
---@param saved table  from state_dict
function Optimizer:load_state_dict(saved)
  check_state(self, saved)
  local copies = {}  -- what can fail comes before the first change
  for g, group in ipairs(self.param_groups) do
    for i, state in ipairs(group.state) do
      for name, value in pairs(state) do
        if is_tensor(value) then
          local from = saved.param_groups[g].state[i][name]
          copies[#copies + 1] = { value,
            from:detach():to(value.dtype):contiguous() }
        end
      end
    end
  end
  orrery.no_grad(function()
    for _, pair in ipairs(copies) do pair[1]:copy_(pair[2]) end
  end)
  for g, group in ipairs(self.param_groups) do
    for name, value in pairs(saved.param_groups[g]) do
      if name ~= "state" and name ~= "params" then group[name] = value end
    end
    for i, state in ipairs(group.state) do
      state.step = saved.param_groups[g].state[i].step
    end
  end
end

function Optimizer.__tostring(self)
  local lines = { self.name }
  for g, group in ipairs(self.param_groups) do
    lines[#lines + 1] = ("  group %d: %d parameters, lr %g"):format(g,
      #group.params, group.lr)
  end
  return table.concat(lines, "\n")
end

return Optimizer
