--- JSON texts and files.
---
--- Integers stay integers and floats stay floats; a float is written with the
--- fewest digits that give it back. JSON has no NaN and no infinity: they are
--- refused, or written as the strings "nan", "inf" and "-inf" on request.
--- A Lua table with entries 1..n is a list, one with string keys an object;
--- an empty one is an object unless json.list made it. null is json.null.
local core = require "orrery.core"

local json = { null = core._io.null }

local List = { __name = "orrery.json.list" }

--- Marks a table as a list, so that it is one also when it is empty.
---@param t? table
---@return table t  the same table
function json.list(t) return setmetatable(t or {}, List) end

--- A number as JSON text, a float always with a point or an exponent.
---@param x number  neither NaN nor infinite
---@return string
function json.number(x)
  if math.type(x) == "integer" then return ("%d"):format(x) end
  local text
  for digits = 15, 17 do
    text = ("%." .. digits .. "g"):format(x):gsub(",", ".")
    if tonumber(text) == x then break end
  end
  return text:find "[.e]" and text or text .. ".0"
end

local escapes = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t",
}

--- A string as JSON text; nil when it is not UTF-8.
---@param s string
---@return string?
function json.quote(s)
  if not utf8.len(s) then return nil end
  return '"' .. s:gsub('[%c"\\\127]', function(c)
    return escapes[c] or ("\\u%04x"):format(c:byte())
  end) .. '"'
end

local function refuse(path, seen, fix)
  core.blame(("json: %s is %s; %s"):format(path, seen, fix))
end

local encode_value

local function encode_number(x, path, opts)
  if x == x and x ~= math.huge and x ~= -math.huge then
    return json.number(x)
  end
  local text = x ~= x and "nan" or x > 0 and "inf" or "-inf"
  if opts.nonfinite == "text" then return '"' .. text .. '"' end
  return refuse(path, text,
    'JSON has no such number: pass { nonfinite = "text" }')
end

--- The keys in order; nil for a list.
local function object_keys(t, path)
  local keys, n = {}, #t
  if n == 0 and getmetatable(t) == List then return nil end
  for key in next, t do
    keys[#keys + 1] = key
    local kind = math.type(key)
    if type(key) ~= "string"
      and not (kind == "integer" and key >= 1 and key <= n) then
      refuse(path, ("a table with %s as a key"):format(tostring(key)),
        "JSON has lists 1..n and names; use tostring")
    end
  end
  if n == 0 then table.sort(keys) return keys end
  if #keys ~= n then
    refuse(path, "a table with both list entries and names", "keep one kind")
  end
  return nil
end

--- Text between brackets: on one line, or each part on its own.
local function join(open, parts, close, opts, depth, flat)
  if #parts == 0 then return open .. close end
  if not opts.indent then return open .. table.concat(parts, ",") .. close end
  if flat then
    local line = table.concat(parts, ", ")
    if #line <= 72 then return open .. line .. close end
  end
  local margin = (" "):rep(opts.indent * depth)
  local inner = "\n" .. margin .. (" "):rep(opts.indent)
  return open .. inner .. table.concat(parts, "," .. inner) .. "\n" .. margin
    .. close
end

local function encode_table(t, path, opts, depth)
  if opts.within[t] then
    refuse(path, "a table that contains itself", "break the circle")
  end
  opts.within[t] = true
  local keys, parts, flat = object_keys(t, path), {}, true
  for i = 1, #(keys or t) do
    local key = keys and keys[i] or i
    local at = keys and path .. "." .. key or ("%s[%d]"):format(path, i)
    local text = encode_value(rawget(t, key), at, opts, depth + 1)
    flat = flat and type(rawget(t, key)) ~= "table"
    if keys then
      local name = json.quote(key)
        or refuse(at, "named by bytes that are not UTF-8", "rename it")
      text = name .. (opts.indent and ": " or ":") .. text
    end
    parts[i] = text
  end
  opts.within[t] = nil
  if keys then return join("{", parts, "}", opts, depth, false) end
  return join("[", parts, "]", opts, depth, flat)
end

function encode_value(v, path, opts, depth)
  local kind = type(v)
  if kind == "number" then return encode_number(v, path, opts) end
  if kind == "table" then return encode_table(v, path, opts, depth) end
  if kind == "boolean" then return tostring(v) end
  if v == json.null then return "null" end
  if kind == "string" then
    return json.quote(v)
      or refuse(path, "a string that is not UTF-8", "encode its bytes as text")
  end
  if core._io.is_tensor(v) then
    return refuse(path, "a tensor", "pass x:tolist(), or use orrery.save")
  end
  return refuse(path, "a " .. kind, "only numbers, strings, booleans and "
    .. "tables of them have a JSON form")
end

--- The value as JSON text; the names of an object come in sorted order.
---@param value any
---@param opts? { indent?: integer, nonfinite?: "text" }
---@return string text
function json.encode(value, opts)
  opts = opts or {}
  return encode_value(value, "value", {
    indent = opts.indent, nonfinite = opts.nonfinite, within = {},
  }, 0)
end

--- The value of a JSON text; nil and a sentence when it is none. Names given
--- twice and integers beyond 64 bits are refused.
---@param text string
---@return any value
---@return string? why
function json.decode(text)
  if type(text) ~= "string" then
    core.blame(("json: text is a %s; pass a string"):format(type(text)))
  end
  local value, why = core._io.decode_json(text, List)
  if why then return nil, "json: " .. why end
  return value
end

--- The value in a JSON file; nil and a sentence when that fails.
---@param path string
function json.read(path)
  local text, why = core._io.read_file("json.read", path)
  if not text then return nil, why end
  local value, wrong = core._io.decode_json(text, List)
  if wrong then return nil, ("json.read: %s: %s"):format(path, wrong) end
  return value
end

--- Writes the value as a JSON file, indented by two, whole or not at all.
---@param path string
---@param value any
---@param opts? { indent?: integer, nonfinite?: "text" }
---@return true? ok
---@return string? why
function json.write(path, value, opts)
  opts = opts or {}
  local text = json.encode(value, {
    indent = opts.indent or 2, nonfinite = opts.nonfinite,
  })
  return core._io.write_file("json.write", path, text .. "\n")
end

return json
