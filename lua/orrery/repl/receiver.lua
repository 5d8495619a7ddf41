--- What stands before a dot or a colon on a line being typed: the value where
--- it is known, else one of the type that the call before it returns. Nothing
--- the person typed is run, index metamethods apart.
local inspect = require "orrery.repl.inspect"
local luadoc = require "orrery.luadoc"
local read_tokens = require "orrery.repl.tokens"

local receiver = {}

local evaluate

-- Any tensor has the names of all.
local function a_tensor() return require("orrery").zeros(0) end

local function is_tensor(v) return require("orrery").is_tensor(v) end

local function member(value, name)
  if value == nil then return nil end
  local ok, found = pcall(function() return value[name] end)
  return ok and found or nil
end

-- A table named as the class is, among what the function itself uses.
local function class_named(fn, name)
  for i = 1, 255 do
    local upvalue, value = debug.getupvalue(fn, i)
    if not upvalue then return nil end
    if upvalue == name and type(value) == "table" then return value end
  end
end

-- By what its comment says it returns.
local function result_of_documented(fn)
  local block = luadoc.of_function(fn)
  local said = block and block.returns[1] and block.returns[1].rest or ""
  local kind = said:match "^[%w_.]+"
  if kind == "orrery.Tensor" then return a_tensor() end
  if kind == "string" then return "" end
  local path = kind and kind:match "^orrery%.(.+)$"
  if not path then return nil end
  local class = inspect.resolve(path, require "orrery")
  return type(class) == "table" and class
    or class_named(fn, path:match "[^.]+$")
end

-- By what the reference says of a function written in C.
local function result_of_compiled(name)
  local reference = require "orrery.reference"
  local entry = reference.functions[name] or reference.methods[name]
  local said = entry and entry.returns[1] or ""
  return said:find "^orrery%.Tensor" and a_tensor() or nil
end

-- A value of the type that calling `fn`, known as `name`, gives.
local function result(fn, name, self)
  if type(fn) == "table" then
    -- A class: its instances answer to its own names.
    return type(rawget(fn, "init")) == "function" and fn or nil
  elseif type(fn) ~= "function" then
    return nil
  elseif type(self) == "string" then
    return ""
  end
  local record = require("orrery").record(name)
  if record and (is_tensor(self) or self == nil) then
    return record.outputs > 0 and a_tensor() or nil
  end
  if debug.getinfo(fn, "S").what ~= "C" then
    return result_of_documented(fn)
  end
  return result_of_compiled(name)
end

-- What parentheses enclose: one expression, or arithmetic with a tensor in it.
local function enclosed(tokens, first, last, env)
  local value = evaluate(tokens, last, env, first)
  if value ~= nil then return value end
  for i = first, last do
    if tokens[i].kind == "name" and is_tensor(env[tokens[i].text]) then
      return a_tensor()
    end
  end
end

local function constant(token)
  if token.kind == "string" then return token.text end
  return token.kind == "number" and tonumber(token.text) or nil
end

-- value[...]
local function indexed(tokens, open, close, env, first)
  local owner = evaluate(tokens, open - 1, env, first)
  if is_tensor(owner) then return a_tensor() end
  local key = close == open + 2 and constant(tokens[open + 1])
  if type(owner) ~= "table" or key == nil then return nil end
  return member(owner, key)
end

-- f(...), x:f(...), f { ... }, f "..."; `last` is what stands before.
local function called(tokens, last, env, first)
  local name = tokens[last]
  if name.kind ~= "name" then return nil end
  local before = tokens[last - 1]
  local self
  if before and last - 1 > first and before.text == ":" then
    self = evaluate(tokens, last - 2, env, first)
  end
  return result(evaluate(tokens, last, env, first), name.text, self)
end

local function by_name(tokens, last, env, first)
  local before = last > first and tokens[last - 1]
  if before and before.kind == "sign"
    and (before.text == "." or before.text == ":") then
    return member(evaluate(tokens, last - 2, env, first), tokens[last].text)
  end
  return member(env, tokens[last].text)
end

-- Value of the expression whose last token is `last`, at or after `first`.
function evaluate(tokens, last, env, first)
  local token = tokens[last]
  if not token or last < first then return nil end
  if token.kind == "name" then return by_name(tokens, last, env, first) end
  local before = last > first and tokens[last - 1]
  if token.kind == "string" then
    if before and before.kind == "name" then
      return called(tokens, last - 1, env, first)
    end
    return token.text
  elseif not token.open then
    return nil
  end
  local head = token.open > first and tokens[token.open - 1]
  local applied = head and (head.kind == "name" or head.open)
  if token.text == "]" then
    return indexed(tokens, token.open, last, env, first)
  elseif applied then
    return called(tokens, token.open - 1, env, first)
  elseif token.text == ")" then
    return enclosed(tokens, token.open + 1, last - 1, env)
  end
end

--- Value before the dot or colon at the end of the text.
---@param text string  without that dot or colon
---@param env table
---@return any
function receiver.value(text, env)
  local tokens = read_tokens(text)
  return evaluate(tokens, #tokens, env, 1)
end

-- Option names that a Lua function's comment tells: { decay?: number }.
local function documented_options(fn, into)
  local block = luadoc.of_function(fn)
  for _, p in ipairs(block and block.params or {}) do
    local inner = p.rest:match "^{(.-)}"
    for name in (inner or ""):gmatch "([%a_][%w_]*)%??%s*:" do
      into[#into + 1] = name
    end
  end
end

--- Names of the options of the call whose table is open at the end.
---@param text string  up to the name being typed
---@param env table
---@return string[] names
function receiver.options(text, env)
  local tokens, open = read_tokens(text)
  local brace, last = open[#open], tokens[#tokens]
  if not brace or tokens[brace].text ~= "{" then return {} end
  if last.text ~= "{" and last.text ~= "," then return {} end
  local call = tokens[brace - 1] and tokens[brace - 1].kind == "name"
    and brace or open[#open - 1]
  local name = call and tokens[call - 1]
  if not name or name.kind ~= "name" then return {} end
  local names = {}
  local record = require("orrery").record(name.text)
  for _, p in ipairs(record and record.params or {}) do
    if p.kind ~= "tensor" and p.kind ~= "tensors" and not p.required then
      names[#names + 1] = p.name
    end
  end
  local fn = evaluate(tokens, call - 1, env, 1)
  if type(fn) == "table" then fn = rawget(fn, "init") end
  if type(fn) == "function" and debug.getinfo(fn, "S").what ~= "C" then
    documented_options(fn, names)
  end
  table.sort(names)
  return names
end

return receiver
