--- Help as text: of an op from its record, of a Lua function from the comment
--- above it, of the rest from orrery.reference.
local examples = require "orrery.help.example"
local luadoc = require "orrery.luadoc"
local orrery = require "orrery.core"

local help = {}

local function default_text(p)
  if p.kind == "choice" then return ('"%s"'):format(p.default) end
  return tostring(p.default)
end

--- Signature of an op: `softmax(x, axis)`, options in braces at the end.
---@param record table  from orrery.record
---@return string
function help.signature(record)
  local first, rest = {}, {}
  for _, p in ipairs(record.params) do
    local tensor = p.kind == "tensor" or p.kind == "tensors"
    if tensor or p.required then
      first[#first + 1] = p.name .. (p.required and "" or "?")
    elseif p.default ~= nil then
      rest[#rest + 1] = p.name .. " = " .. default_text(p)
    else
      rest[#rest + 1] = p.name
    end
  end
  if record.flags.creates then rest[#rest + 1] = "requires_grad = false" end
  if #rest > 0 then
    first[#first + 1] = "{ " .. table.concat(rest, ", ") .. " }"
  end
  local results = {}
  for i = 1, record.outputs do results[i] = "Tensor" end
  return ("%s(%s) -> %s"):format(record.name, table.concat(first, ", "),
    table.concat(results, ", "))
end

local kinds = {
  tensor = "tensor", tensors = "table of tensors", number = "number",
  integer = "whole number", boolean = "true or false",
  axis = "axis from 1, -1 the last", index = "position from 1, -1 the last",
  axes = "axis or table of axes", sizes = "sizes, or a table of them",
  pair = "number or {height, width}", dtype = "dtype",
  generator = "orrery.Generator",
}

local function wrap(text, indent, width)
  local lines, line = {}, ""
  for word in text:gmatch "%S+" do
    if #line + #word + 1 > width - #indent and line ~= "" then
      lines[#lines + 1] = indent .. line
      line = ""
    end
    line = line == "" and word or line .. " " .. word
  end
  lines[#lines + 1] = indent .. line
  return table.concat(lines, "\n")
end

-- As wrap, but the first line has what stands before the indent.
local function hang(head, text)
  local indent = (" "):rep(#head)
  return head .. wrap(text, indent, 80):sub(#head + 1)
end

local function param_text(p, column)
  local kind = p.kind == "choice" and p.choices:gsub("|", " | ")
    or kinds[p.kind]
  if p.want == "int64" or p.want == "uint8" then
    kind = p.want .. " " .. kind
  end
  local text = kind
  if p.default ~= nil then text = text .. ", default " .. default_text(p) end
  if p.doc then text = text .. ": " .. p.doc end
  return hang(("    %-" .. column .. "s  "):format(p.name), text)
end

local function op_text(record)
  local lines, column = { help.signature(record) }, 0
  lines[2] = wrap(record.doc, "  ", 80)
  for _, p in ipairs(record.params) do column = math.max(column, #p.name) end
  for _, p in ipairs(record.params) do
    lines[#lines + 1] = param_text(p, column)
  end
  if record.flags.inplace then
    lines[#lines + 1] = ("  In place: x:%s_(...)"):format(record.name)
  end
  if record.flags.functional then
    lines[#lines + 1] = "  No tensor method; also in orrery.nn.functional."
  end
  local example = not record.flags.hidden and examples.of(record)
  if example then lines[#lines + 1] = wrap("Example: " .. example, "  ", 80) end
  return table.concat(lines, "\n")
end

local function bare(list)
  local names = {}
  for i, text in ipairs(list) do names[i] = text:match "^([^:]+)" end
  return table.concat(names, ", ")
end

local function reference_text(name, entry)
  local text = ("%s(%s)"):format(name, bare(entry.params))
  if #entry.returns > 0 then
    local returns = table.concat(entry.returns, ", ")
    text = text .. " -> " .. returns:gsub("orrery%.", "")
  end
  return text .. "\n" .. wrap(entry.doc, "  ", 80)
end

-- Text, then one aligned line per parameter and result.
local function add_block(out, block)
  for _, line in ipairs(block.text) do
    out[#out + 1] = ("  " .. line):gsub("%s+$", "")
  end
  for _, p in ipairs(block.params) do
    local name = p.name .. (p.optional and "?" or "")
    local head = ("  %-10s "):format(name)
    local line = #head + #p.rest > 80 and hang(head, p.rest) or head .. p.rest
    out[#out + 1] = line:gsub("%s+$", "")
  end
  for _, r in ipairs(block.returns) do out[#out + 1] = "  -> " .. r.rest end
end

--- Signature and comment of a function.
---@param fn function
---@param name string
---@return string
function help.of_function(fn, name)
  local block, info = luadoc.of_function(fn)
  if info.what == "C" then
    return name .. "(...)\n  built into Lua or the engine; see the manual"
  end
  local names = luadoc.parameters(fn, info, block)
  local out = { ("%s(%s)"):format(name, table.concat(names, ", ")) }
  if block then add_block(out, block) end
  if #out == 1 then
    out[2] = ("  from %s:%d, without a comment"):format(info.short_src,
      info.linedefined)
  end
  return table.concat(out, "\n")
end

--- Whether a function is what users call for an op that it was made of.
---@param fn function
---@param name string  the op's
---@return boolean
function help.stands_for_op(fn, name)
  if not orrery.record(name) then return false end
  return fn == rawget(orrery, name) or fn == orrery.Tensor.methods[name]
    or fn == require("orrery").nn.functional[name]
end

local function is_lua(v)
  return type(v) == "function" and debug.getinfo(v, "S").what ~= "C"
end

-- Public names of a table, and the first of its Lua functions, if any.
local function contents(t)
  local names, any = {}, nil
  for k in pairs(t) do
    if type(k) == "string" and not k:match "^_" then names[#names + 1] = k end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    any = any or is_lua(t[name]) and t[name] or nil
  end
  return names, any
end

--- About a class that stands for an op: how to make one, what the op does.
local function wrapper_text(t, name)
  local _, info = luadoc.of_function(t.init)
  local params = table.concat(luadoc.parameters(t.init, info), ", ")
  local record = orrery.record(t.wraps)
  local text = record and op_text(record)
    or help.of_function(require("orrery").nn.functional[t.wraps], t.wraps)
  return ("%s(%s)\n  A layer; it computes\n%s"):format(name, params, text)
end

--- About a class (how to make one, what it is) or a module, and its names.
---@param t table
---@param name string
---@return string
function help.of_table(t, name)
  if rawget(t, "wraps") then return wrapper_text(t, name) end
  local names, any = contents(t)
  local init = rawget(t, "init")
  if is_lua(init) then any = init end  -- others may be from other files
  if type(t.super) == "table" and type(t.init) == "function" then
    init, any = t.init, any or t.init
  end
  local class = any and luadoc.of_class(any, name:match "[^%.:]+$")
  if type(t.super) == "table" and not (class and class.text[1]) then
    class = any and luadoc.of_class(any, tostring(t.super.class_name)) or class
  end
  local out = { name }
  if type(init) == "function" then
    local block, info = luadoc.of_function(init)
    local params = luadoc.parameters(init, info, block)
    out[1] = ("%s(%s)"):format(name, table.concat(params, ", "))
    if class then add_block(out, { text = class.text, params = {},
      returns = {} }) end
    if block then add_block(out, block) end
  elseif class then
    add_block(out, class)
  else
    add_block(out, { text = luadoc.of_file(t, any), params = {},
      returns = {} })
  end
  if #names > 0 then
    out[#out + 1] = wrap("has: " .. table.concat(names, " "), "  ", 80)
  end
  local op = rawget(require "orrery", name) == t and orrery.record(name)
  if op then out[#out + 1] = "\n" .. op_text(op) end
  return table.concat(out, "\n")
end

local function find(path)
  local value = require "orrery"
  for part in path:gmatch "[^%.:]+" do
    local ok, inner = pcall(function() return value[part] end)
    if not ok or inner == nil then return nil end
    value = inner
  end
  return value
end

--- Text about an op, a function, a module ("nn.Linear"), a tensor method
--- ("Tensor.view") or a guide ("gradients");
--- nil when there is nothing of that name.
---@param name string|function
---@return string?
function help.help(name)
  if type(name) == "function" then return help.of_function(name, "f") end
  if type(name) ~= "string" then
    orrery.blame(("help: name is %s; pass a name"):format(
      orrery.describe(name)))
  end
  name = name:gsub("^orrery%.", "")
  local last = name:match "([^%.:]+)$" or name
  local plain = name == last or name:find "functional" or name:find "^Tensor"
  local first = plain and require("orrery.aliases")[last]
  if first and not orrery.record(last) then
    local text = help.help(first) or help.help("Tensor." .. first)
    return text and ("%s is another name of %s\n%s"):format(last, first, text)
  end
  local record = orrery.record(last)
  if record and plain and type(find(name)) ~= "table" then
    return op_text(record)
  end
  local reference = require "orrery.reference"
  local entry = plain and (reference.functions[last]
    or reference.methods[last])
  if entry then return reference_text(last, entry) end
  if plain and reference.fields[last] then
    return ("x.%s: %s"):format(last, reference.fields[last])
  end
  local value = find(name) or orrery.Tensor.methods[last]
  if type(value) == "function" then return help.of_function(value, name) end
  if type(value) == "table" then return help.of_table(value, name) end
  return require "orrery.guides".text(name)
end

return help
