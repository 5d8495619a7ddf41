--- Names at the prompt: what they stand for, what `?name` and `??name` show
--- of them, and which can follow.
local help = require "orrery.help"
local luadoc = require "orrery.luadoc"
local sorted_keys = require "orrery.sorted_keys"

local inspect = {}

--- Value of a dotted name such as `nn.Linear` or `x:matmul`, found without
--- running code beyond index metamethods.
---@param path string
---@param env table
---@return any value  nil when there is none
function inspect.resolve(path, env)
  local value = env
  for name in path:gmatch "[%a_][%w_]*" do
    local owner = value
    local ok, found = pcall(function() return owner[name] end)
    if not ok or found == nil then return nil end
    value = found
  end
  return value
end

--- Help text of a name.
---@param path string  `conv2d`, `nn.Linear`, `x:matmul` ...
---@param env table  where the name lives
---@return string? text
---@return string? message  when nothing goes by that name
function inspect.help(path, env)
  path = path:gsub("%s", "")
  local last = path:match "([%a_][%w_]*)$"
  local value = path:match "^[%a_][%w_.:]*$" and inspect.resolve(path, env)
  local text = last and help.help(last)
  if type(value) == "function" and debug.getinfo(value, "S").what ~= "C"
    and not (text and help.stands_for_op(value, last)) then
    return help.of_function(value, path)
  end
  if text and type(value) ~= "table" then return text end
  if type(value) == "function" then return help.of_function(value, path) end
  if type(value) == "table" then return help.of_table(value, path) end
  if value ~= nil then
    return ("%s is a %s: %s"):format(path, type(value), tostring(value))
  end
  local hints = require "orrery.repl.hints"
  local near = table.concat(hints.within(path, env), " or ")
  if near == "" then near = hints.near(path, env) end
  return nil, ("help: nothing is called %s; %s"):format(path,
    near and "did you mean " .. near .. "?" or "press Tab to see names")
end

-- The C itself is not installed: its place in the source tree is told.
local function source_of_op(path, record)
  return ("%s is an operation of the core: its record is at %s:%d"):format(path,
    record.file, record.line)
end

-- The op behind a name, when the name stands for it and nothing else.
local function op_of(path, f)
  local last = path:match "([%a_][%w_]*)$"
  local record = last and require("orrery").record(last)
  if not record or record.flags.hidden then return nil end
  if f == nil and path ~= last then return nil end
  if f == nil or type(f) == "function" and
    (debug.getinfo(f, "S").what == "C" or help.stands_for_op(f, last)) then
    return record
  end
end

--- Source text of a Lua function; for an op, the place of its record.
---@param path string
---@param env table
---@return string? text
---@return string? message
function inspect.source(path, env)
  path = path:gsub("%s", "")
  local f = inspect.resolve(path, env)
  local record = op_of(path, f)
  if record then return source_of_op(path, record) end
  if type(f) == "table" and type(rawget(f, "init")) == "function" then
    f = f.init
  end
  if type(f) ~= "function" then
    return nil, ("source: %s is %s; name a function"):format(path,
      f == nil and "not there" or "a " .. type(f))
  end
  local lines, info = luadoc.file(f)
  if not lines then
    return nil, ("source: %s has no file: it is %s"):format(path,
      info.what == "C" and "compiled" or "from " .. info.short_src)
  end
  local first = luadoc.first_line(lines, info.linedefined)
  return ("%s:%d\n%s"):format(info.short_src, info.linedefined,
    table.concat(lines, "\n", first, info.lastlinedefined))
end

-- Adds the names one can write after `value.`, following __index.
local function collect(value, into, depth)
  if depth > 8 then return end
  if type(value) == "table" then
    for k in next, value do
      if type(k) == "string" and k:match "^[%a_][%w_]*$" then into[k] = true end
    end
  end
  local meta = debug.getmetatable(value)
  if type(meta) ~= "table" then return end
  local index = rawget(meta, "__index")
  if type(index) == "table" then
    collect(index, into, depth + 1)
  elseif type(value) == "userdata" then
    collect(rawget(meta, "methods"), into, depth + 1)
    if rawget(meta, "__name") == "orrery.Tensor" then
      collect(require "orrery.reference".fields, into, depth + 1)
    end
  end
end

--- Names that can follow `value.`; for the session's environment, all names
--- one can start with.
---@param value any
---@return string[] names  sorted
function inspect.names(value)
  local set = {}
  collect(value, set, 1)
  local meta = debug.getmetatable(value)
  local is_session = type(value) == "table" and rawget(value, "_G") == value
  local ok, orrery = pcall(require, "orrery")
  if is_session and type(meta) == "table" then
    collect(_G, set, 1)
    if ok then
      collect(orrery, set, 1)
      collect(orrery.functional, set, 1)
    end
    set.orrery = true
  end
  if ok and (value == orrery.functional
    or value ~= nil and value == package.loaded["orrery.nn.functional"]) then
    for _, name in ipairs(orrery.op_names()) do
      set[name] = not orrery.record(name).flags.hidden or nil
    end
  end
  if ok and (is_session or value == orrery) then
    for _, name in ipairs(orrery.modules()) do set[name] = true end
  end
  return sorted_keys(set)
end

return inspect
