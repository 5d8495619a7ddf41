--- What `?name` and `??name` show: an operation's help, or the comment,
--- signature and source of a Lua function, read from the file it came from.
local inspect = {}

---@param path string
---@return string[]? lines
local function read_lines(path)
  local file = io.open(path, "r")
  if not file then return nil end
  local lines = {}
  for line in file:lines() do lines[#lines + 1] = line end
  file:close()
  return lines
end

--- Where a Lua function was written.
---@param f function
---@return string[]? lines  of its file; nil for C and for typed-in code
---@return table info  of debug.getinfo(f, "S")
local function file_of(f)
  local info = debug.getinfo(f, "Su")
  local path = info.source:match "^@(.*)"
  local lines = path and read_lines(path)
  if lines and not lines[info.linedefined] then lines = nil end
  return lines, info
end

-- The comment block that ends just above line `at`.
local function comment_above(lines, at)
  local first = at
  while first > 1 and lines[first - 1]:match "^%s*%-%-" do first = first - 1 end
  local out = {}
  for i = first, at - 1 do
    out[#out + 1] = lines[i]:gsub("^%s*%-%-+ ?", "")
  end
  return out
end

-- Names of parameters as debug information has them.
local function parameters(f, info)
  local names = {}
  for i = 1, info.nparams do names[i] = debug.getlocal(f, i) end
  if info.isvararg then names[#names + 1] = "..." end
  if names[1] == "self" then table.remove(names, 1) end
  return names
end

-- "---@param eps? Tensor  noise" and its like, one aligned line each.
local function annotation(line)
  local name, kind, rest = line:match "^@param%s+(%S+)%s+(%S+)%s*(.*)$"
  if name then return ("  %-10s %s  %s"):format(name, kind, rest) end
  local result = line:match "^@return%s+(.*)$"
  return result and "  -> " .. result
end

local function function_help(f, name)
  local lines, info = file_of(f)
  if info.what == "C" then
    return name .. "(...)\n  built into Lua or the engine; see the manual"
  end
  local comment = lines and comment_above(lines, info.linedefined) or {}
  local optional, text, notes = {}, {}, {}
  for _, line in ipairs(comment) do
    local option = line:match "^@param%s+([%w_]+)%?"
    if option then optional[option] = true end
    local note = annotation(line)
    if note then
      notes[#notes + 1] = note:gsub("%s+$", "")
    elseif not line:match "^@" then
      text[#text + 1] = ("  " .. line):gsub("%s+$", "")
    end
  end
  local names = parameters(f, info)
  for i, p in ipairs(names) do
    if optional[p] then names[i] = p .. "?" end
  end
  local out = { ("%s(%s)"):format(name, table.concat(names, ", ")) }
  table.move(text, 1, #text, #out + 1, out)
  table.move(notes, 1, #notes, #out + 1, out)
  if #text == 0 and #notes == 0 then
    out[2] = ("  from %s:%d, without a comment"):format(info.short_src,
      info.linedefined)
  end
  return table.concat(out, "\n")
end

-- First comment of a file, up to its first blank or annotated line.
local function file_head(f)
  local lines = file_of(f)
  local out = {}
  for _, line in ipairs(lines or {}) do
    local text = line:match "^%-%-+ ?(.*)$"
    if not text or text:match "^@" then break end
    out[#out + 1] = "  " .. text
  end
  return out
end

local function table_help(t, name)
  local names, any = {}, nil
  for k, v in pairs(t) do
    if type(k) == "string" and not k:match "^_" then
      names[#names + 1] = k
      if type(v) == "function" and debug.getinfo(v, "S").what ~= "C" then
        any = any or v
      end
    end
  end
  table.sort(names)
  local out = { name }
  if any then table.move(file_head(any), 1, 99, 2, out) end
  if type(rawget(t, "init")) == "function" then
    out = { function_help(t.init, name) }
  end
  local row = " "
  for _, k in ipairs(names) do
    if #row + #k > 74 then
      out[#out + 1] = row
      row = " "
    end
    row = row .. " " .. k
  end
  if row ~= " " then out[#out + 1] = row end
  return table.concat(out, "\n")
end

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

-- The engine's own text for an operation, nil when it has none.
local function op_help(name)
  local ok, orrery = pcall(require, "orrery")
  local help = ok and orrery.help
  if not help then return nil end
  local fine, text = pcall(help, name)
  return fine and type(text) == "string" and text or nil
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
  if type(value) == "function" and debug.getinfo(value, "S").what ~= "C" then
    return function_help(value, path)
  end
  local text = last and op_help(last)
  if text then return (text:gsub("\n+$", "")) end
  if type(value) == "function" then return function_help(value, path) end
  if type(value) == "table" then return table_help(value, path) end
  if value ~= nil then
    return ("%s is a %s: %s"):format(path, type(value), tostring(value))
  end
  local names = inspect.names(env)
  local near = require "orrery.nearest"(path, names)
  return nil, ("help: nothing is called %s; %s"):format(path,
    near and "did you mean " .. near .. "?" or "press Tab to see names")
end

--- Source text of a Lua function.
---@param path string
---@param env table
---@return string? text
---@return string? message
function inspect.source(path, env)
  path = path:gsub("%s", "")
  local f = inspect.resolve(path, env)
  if type(f) == "table" and type(rawget(f, "init")) == "function" then
    f = f.init
  end
  if type(f) ~= "function" then
    return nil, ("source: %s is %s; name a function"):format(path,
      f == nil and "not there" or "a " .. type(f))
  end
  local lines, info = file_of(f)
  if not lines then
    return nil, ("source: %s has no file: it is %s"):format(path,
      info.what == "C" and "compiled" or "from " .. info.short_src)
  end
  local first = info.linedefined
  while first > 1 and lines[first - 1]:match "^%s*%-%-" do first = first - 1 end
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
  if ok and (is_session or value == orrery) then
    for _, name in ipairs(orrery.modules()) do set[name] = true end
  end
  local names = {}
  for name in pairs(set) do names[#names + 1] = name end
  table.sort(names)
  return names
end

return inspect
