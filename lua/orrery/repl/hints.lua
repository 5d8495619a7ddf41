--- "Did you mean ...": the name that was probably meant, for an error about
--- one that is not there, and for an entry that gives nil.
local core = require "orrery.core"
local inspect = require "orrery.repl.inspect"
local nearest = require "orrery.nearest"
local receiver = require "orrery.repl.receiver"

local hints = {}

-- The line an error is about: of the entry, or of the file it names.
local function line_of(message, text)
  local path, number = message:match "^([^\n]-):(%d+): "
  if not path then return text end
  number = tonumber(number)
  local lines = path == "stdin" and text:gmatch "[^\n]+"
  if path ~= "stdin" then
    local file = io.open(path, "r")
    if not file then return "" end
    local whole = file:read "a"
    file:close()
    lines = (whole .. "\n"):gmatch "(.-)\n"
  end
  for line in lines do
    number = number - 1
    if number == 0 then return line end
  end
  return text
end

-- The value before `.name` or `:name` on a line, as far as it can be told.
local function owner_of(line, sep, name, env)
  local at = line:find("%" .. sep .. "%s*" .. name .. "%f[^%w_]")
  return at and receiver.value(line:sub(1, at - 1), env)
end

-- What is not known is taken for a tensor.
local function methods(line, name, env)
  local value = owner_of(line, ":", name, env)
  if value == nil then value = core.Tensor.methods end
  return inspect.names(value)
end

local function fields(line, name, env)
  local value = owner_of(line, ".", name, env)
  return value ~= nil and inspect.names(value) or {}
end

local function module_near(name)
  local known = {}
  for _, module in ipairs(require("orrery").modules()) do
    known[#known + 1] = "orrery." .. module
  end
  for loaded in pairs(package.loaded) do
    if type(loaded) == "string" then known[#known + 1] = loaded end
  end
  return nearest(name, known)
end

--- The message, and the name that was probably meant. Where Lua looked for a
--- module is left out.
---@param message string
---@param text string  the entry
---@param env table
---@return string
function hints.with(message, text, env)
  local module = message:match "^[^\n]-module '([^'\n]+)' not found:"
  local near
  if module then
    message, near = message:match "^([^\n]*):", module_near(module)
  else
    local kind, name = message:match "a nil value %((%l+) '([%w_]+)'%)"
    local line = kind and line_of(message, text) or ""
    local names = kind == "global" and inspect.names(env)
      or kind == "method" and methods(line, name, env)
      or kind == "field" and fields(line, name, env)
    near = names and nearest(name, names)
  end
  return near and ("%s; did you mean %s?"):format(message, near) or message
end

--- The path that was probably meant: `nn.Linear` for `nn.Linaer`.
---@param path string
---@param env table
---@return string?
function hints.near(path, env)
  local owner, sep, name = path:match "^(.*)([.:])([%w_]+)$"
  local value = env
  if owner then value = inspect.resolve(owner, env) end
  if value == nil then return nil end
  local near = nearest(name or path, inspect.names(value))
  return near and owner and owner .. sep .. near or near
end

--- Where modules have that name, capitals aside: `data.cyclegan` and
--- `translate.CycleGAN` for `cyclegan`.
---@param name string
---@param env table
---@return string[] paths
function hints.within(name, env)
  local paths = {}
  for _, module in ipairs(require("orrery").modules()) do
    local value = module ~= "testing"  -- that is for test files
      and inspect.resolve(module, env)
    for _, own in ipairs(value and inspect.names(value) or {}) do
      if own:lower() == name:lower() then
        paths[#paths + 1] = module .. "." .. own
      end
    end
  end
  table.sort(paths)
  return paths
end

--- What to say of an entry that is a name and gives nil; nil when that is all.
---@param text string
---@param env table
---@return string?
function hints.unknown(text, env)
  local path = text:match "^%s*([%a_][%w_.]*)%s*$"
  if not path or #path:match "[%w_]+$" < 3 then return nil end
  local near = hints.near(path, env)
  if near and near ~= path then
    return ("nothing is called %s; did you mean %s?"):format(path, near)
  end
end

return hints
