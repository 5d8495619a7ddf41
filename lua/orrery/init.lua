--- Orrery: tensors, gradients and deep generative models.
---
---     local orrery = require "orrery"
---
--- The table holds every op by its name (help: `orrery.help "softmax"`), the
--- functions below, and the submodules, which load when first used:
--- `orrery.nn`, `orrery.optim`, `orrery.data` ...
---
--- A tensor answers x:shape() -> 2, 3 (several values); x:size(axis); #x;
--- x:dim(); x:numel(); x:item(); x:tolist(); x.dtype; x.grad;
--- x.requires_grad; x.is_leaf; x.grad_fn; x:shape_str(); and every op.
local core = require "orrery.core"

local here = debug.getinfo(1, "S").source
local folder = here:gsub("init%.lua$", "")
core.set_own(folder)

---@class orrery
local orrery = core

--- Functions that live in a submodule but are called from here.
local homes = {
  save = "io", load = "io", read_image = "io", write_image = "io",
  help = "help", show = "show",
  jacobian = "derivatives", hessian = "derivatives", hvp = "derivatives",
  vjp = "derivatives", jvp = "derivatives",
  gradcheck = "gradient_checks", gradgradcheck = "gradient_checks",
  functional_call = "nn.stateless",
  einsum = "einsum", tensordot = "einsum",
  graph = "drawn_graph",
  checkpoint = "checkpoints", checkpoint_sequential = "checkpoints",
  compile = "compiled",
}

local function submodule(name)
  local full = "orrery." .. name
  if package.loaded[full] or package.preload[full]
      or package.searchpath(full, package.path) then
    return require(full)
  end
end

-- Only plain names are looked for among the files, once each.
local absent = {}
setmetatable(orrery, { __index = function(self, name)
  if type(name) ~= "string" or absent[name] then return nil end
  local value
  if homes[name] then
    local module = submodule(homes[name])
    value = module and module[name]
  elseif name:find "^[%a][%w_]*$" and name ~= "init" and name ~= "core" then
    value = submodule(name)
  end
  if value == nil then
    absent[name] = true
  else
    rawset(self, name, value)
  end
  return value
end })

--- The names of the submodules there are, sorted.
---@return string[]
function orrery.modules()
  local names, root = {}, folder:gsub("^@", "")
  for _, file in ipairs(core.fs.list(root) or {}) do
    local name = file:match "^([%a][%w_]*)%.lua$"
    if not name and core.fs.exists(root .. file .. "/init.lua") then
      name = file
    end
    if name and name ~= "init" then names[#names + 1] = name end
  end
  return names
end

-- nn.functional: what is only there, then every op.
setmetatable(orrery.functional, { __index = function(_, name)
  return rawget(orrery, name)
end })

local function callable(who, fn)
  local meta = getmetatable(fn)
  if type(fn) == "function" or meta and meta.__call then return end
  core.blame(("%s: fn is %s; pass a function"):format(who, core.describe(fn)))
end

--- Runs fn(...) without recording for gradients and returns its results; an
--- error inside leaves recording as it was. Without fn: switches recording
--- off until the value returned is closed (`local _ <close> = ...`).
---@param fn? function
---@return any ...
function orrery.no_grad(fn, ...)
  if fn == nil then return core.grad_mode(false) end
  callable("no_grad", fn)
  local _ <close> = core.grad_mode(false)
  return fn(...)
end

--- Runs fn(...) with recording on, also inside no_grad.
---@param fn? function
---@return any ...
function orrery.enable_grad(fn, ...)
  if fn == nil then return core.grad_mode(true) end
  callable("enable_grad", fn)
  local _ <close> = core.grad_mode(true)
  return fn(...)
end

--- Stops at the first op, forward or backward, that makes a NaN or infinity:
--- detect_anomaly(true), detect_anomaly(false), or around fn(...).
---@param on boolean|function
---@return any ...
function orrery.detect_anomaly(on, ...)
  if type(on) == "boolean" then return core.set_anomaly(on) end
  callable("detect_anomaly", on)
  local before = core.set_anomaly(true)
  local _ <close> = setmetatable({}, {
    __close = function() core.set_anomaly(before) end,
  })
  return on(...)
end

--- Runs fn(...) and frees every tensor made inside except those it returns
--- (alone or in tables) and those given to orrery.keep.
---@param fn function
---@return any ...
function orrery.tidy(fn, ...)
  callable("tidy", fn)
  local scope <close> = core.scope()
  return scope:keep(fn(...))
end

require "orrery.tensor_methods"
require "orrery.placing"
require "orrery.arranging"
require "orrery.joining"
require "orrery.creating"
require "orrery.several"
require "orrery.inplace"
require "orrery.variants"
require "orrery.sampled"
require "orrery.aliases"  -- last: names of all that

return orrery
