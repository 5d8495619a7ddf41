--- Reads what a Lua file says about its functions and classes: the comment
--- above, its annotations, and the source itself. The one reader behind
--- orrery.help and the prompt's `?name` and `??name`.
local luadoc = {}

local function read_lines(path)
  local file = io.open(path, "r")
  if not file then return nil end
  local lines = {}
  for line in file:lines() do lines[#lines + 1] = line end
  file:close()
  return lines
end

--- The file a Lua function was written in.
---@param fn function
---@return string[]? lines  nil for C and for typed-in code
---@return table info  of debug.getinfo(fn, "Su")
function luadoc.file(fn)
  local info = debug.getinfo(fn, "Su")
  local path = info.source:match "^@(.*)"
  local lines = path and read_lines(path)
  if lines and not lines[info.linedefined] then lines = nil end
  return lines, info
end

--- Where the comment block just above a line begins (the line itself when
--- there is none).
function luadoc.first_line(lines, at)
  while at > 1 and lines[at - 1]:match "^%s*%-%-" do at = at - 1 end
  return at
end

--- A comment block taken apart. An annotation goes on in the lines below it
--- that are indented by more than one space.
---@param lines string[]
---@param first integer
---@param last integer
---@return table block  text: lines; params: {name, optional, rest}; returns
function luadoc.block(lines, first, last)
  local block = { text = {}, params = {}, returns = {} }
  local open  -- the annotation that a continuation belongs to
  for i = first, last do
    local body = lines[i]:gsub("^%s*%-%-+ ?", "")
    local tag, rest = body:match "^@(%w+)%s*(.*)$"
    if tag == "param" then
      local name, mark, more = rest:match "^([%w_%.]+)(%??)%s*(.*)$"
      open = { name = name, optional = mark == "?", rest = more or "" }
      table.insert(block.params, open)
    elseif tag == "return" then
      open = { rest = rest }
      table.insert(block.returns, open)
    elseif tag then  -- a field or an overload may go on, and is not shown
      open = tag ~= "class" and { rest = "" } or nil
    elseif open and body:match "^ +%S" then
      open.rest = open.rest .. " " .. body:gsub("^%s+", "")
    else
      open = nil
      table.insert(block.text, body)
    end
  end
  return block
end

--- The block above a function; nil when its file is not to be had.
---@param fn function
---@return table? block
---@return table info
function luadoc.of_function(fn)
  local lines, info = luadoc.file(fn)
  if not lines then return nil, info end
  local at = info.linedefined
  return luadoc.block(lines, luadoc.first_line(lines, at), at - 1), info
end

--- The block that holds a class's `---@class` line, found in the file of one
--- of its functions; nil when there is none.
---@param fn function
---@param name string  last part of the class's name
---@return table? block
function luadoc.of_class(fn, name)
  local lines = luadoc.file(fn)
  for i, line in ipairs(lines or {}) do
    local class = line:match "^%-%-%-@class%s+([%w_%.]+)"
    if class and class:match "[^%.]+$" == name then
      local last = i
      while lines[last + 1] and lines[last + 1]:match "^%-%-" do
        last = last + 1
      end
      return luadoc.block(lines, luadoc.first_line(lines, i), last)
    end
  end
end

-- The lines of the file that made a module of Orrery's; nil for other tables.
local function module_lines(t)
  for name, value in pairs(package.loaded) do
    if value == t and type(name) == "string" and name:find "^orrery%." then
      local path = package.searchpath(name, package.path)
      return path and read_lines(path)
    end
  end
end

--- First comment of a module's file, up to a blank or annotation.
---@param t table  the module
---@param fn? function  one of its file, for tables that are no modules
---@return string[] text
function luadoc.of_file(t, fn)
  local out = {}
  for _, line in ipairs(module_lines(t) or fn and luadoc.file(fn) or {}) do
    local text = line:match "^%-%-+ ?(.*)$"
    if not text or text:match "^@" then break end
    out[#out + 1] = text
  end
  return out
end

--- Names of a function's parameters, `?` after optional ones.
---@param fn function
---@param info table
---@param block table?
---@return string[]
function luadoc.parameters(fn, info, block)
  local names, optional = {}, {}
  for _, p in ipairs(block and block.params or {}) do
    if p.name then optional[p.name] = p.optional end
  end
  for i = 1, info.nparams do
    local name = debug.getlocal(fn, i)
    if not (i == 1 and name == "self") then
      names[#names + 1] = optional[name] and name .. "?" or name
    end
  end
  if info.isvararg then names[#names + 1] = "..." end
  return names
end

return luadoc
