--- A module run with other parameters than its own.
local blame = require "orrery.blame"
local nearest = require "orrery.nearest"
local options = require "orrery.options"
local tree = require "orrery.nn.tree"

local stateless = {}

-- Where each parameter and buffer stands: name -> every place of that tensor,
-- since tied weights change together.
local function places(module)
  local by_name, by_tensor, names = {}, {}, {}
  for _, kind in ipairs { "parameter", "buffer" } do
    for _, entry in ipairs(tree.tensors(module, kind, true)) do
      local spots = by_tensor[entry.value] or {}
      by_tensor[entry.value], by_name[entry.name] = spots, spots
      spots[#spots + 1] = entry
      names[#names + 1] = entry.name
    end
  end
  return by_name, names
end

local function check(module, params)
  if not tree.is_module(module) then
    blame("functional_call: module is %s; give a module",
      options.shown(module))
  end
  if type(params) ~= "table" then
    blame("functional_call: params is %s; give a table of tensors by name",
      options.shown(params))
  end
  local by_name, names = places(module)
  for name, value in pairs(params) do
    if not by_name[name] then
      local close = type(name) == "string" and nearest(name, names)
      blame("functional_call: the module has no parameter or buffer %s; %s",
        options.shown(name), close and "did you mean " .. close .. "?"
        or "see named_parameters and named_buffers")
    end
    options.tensor("functional_call", name, value)
    local own = by_name[name][1].value
    if own:shape_str() ~= value:shape_str() then
      blame("functional_call: %s is %s but the module's is %s; match them",
        name, value:shape_str(), own:shape_str())
    end
  end
  return by_name
end

--- module(...) with the tensors of `params` in place of its parameters and
--- buffers of those names; the rest stay its own. Gradients flow to what was
--- given, so that a module is a function of its parameters: for Hessians,
--- unrolled steps, ensembles. The module's own are back afterwards, also
--- after an error.
---@param module orrery.nn.Module
---@param params table<string, orrery.Tensor>  names as in named_parameters
---@param ... any  what the module is called with
---@return any ...
function stateless.functional_call(module, params, ...)
  local by_name, changed = check(module, params), {}
  local _ <close> = setmetatable({}, { __close = function()
    for _, spot in ipairs(changed) do
      rawset(spot.owner, spot.key, spot.value)
    end
  end })
  for name, value in pairs(params) do
    for _, spot in ipairs(by_name[name]) do
      changed[#changed + 1] = spot
      rawset(spot.owner, spot.key, value)
    end
  end
  return module(...)
end

return stateless
