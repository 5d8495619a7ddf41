--- A Lua value as named tensors and one JSON text, and back.
---
--- The text is a tree. Booleans, integers, finite floats and UTF-8 strings are
--- themselves; the rest are objects:
---   {"t":"enc.weight"}    a tensor, by the name it is kept under
---   {"n":"nan"}           nan, inf, -inf
---   {"b":"00ff"}          a string of any bytes, in hexadecimal
---   {"a":[...],"h":[[key,value],...]}  a table: entries 1..n, then the others
---   {"=":3}               the third table met, again
--- Equal values give equal texts: keys are sorted. Reading it makes tables,
--- never code.
local core = require "orrery.core"
local json = require "orrery.json"

local serialize = {}

local MAX_DEPTH = 200

-- ---------------------------------------------------------------- writing

local function refuse(state, path, seen, fix)
  core.blame(("%s: %s is %s; %s"):format(state.who, path, seen, fix))
end

--- A name no other tensor has, after the path to this one.
local function name_for(state, path)
  local name = path:gsub("^value%.?", "")
  if not utf8.len(name) or name:find "\0" then name = "" end
  if name == "" or name == "__metadata__" then name = "tensor" end
  local unique, n = name, 1
  while state.taken[unique] do
    n = n + 1
    unique = ("%s#%d"):format(name, n)
  end
  state.taken[unique] = true
  return unique
end

local function add_tensor(state, v, path)
  if not state.name_of[v] then
    local name = name_for(state, path)
    state.name_of[v] = name
    table.insert(state.names, name)
    table.insert(state.tensors, v)
  end
  return ('{"t":%s}'):format(json.quote(state.name_of[v]))
end

local function number_text(x)
  if x == x and x ~= math.huge and x ~= -math.huge then
    return json.number(x)
  end
  return ('{"n":"%s"}'):format(x ~= x and "nan" or x > 0 and "inf" or "-inf")
end

local function string_text(s)
  local quoted = json.quote(s)
  if quoted then return quoted end
  return ('{"b":"%s"}'):format(s:gsub(".", function(c)
    return ("%02x"):format(c:byte())
  end))
end

local rank = { boolean = 1, number = 2, string = 3 }

local function before(a, b)
  local x, y = rank[type(a)], rank[type(b)]
  if x ~= y then return x < y end
  if x == 1 then return not a and b end
  return a < b
end

local node

local function table_text(state, t, path, depth)
  if state.index_of[t] then
    return ('{"=":%d}'):format(state.index_of[t])
  end
  if depth > MAX_DEPTH then
    refuse(state, path, ("nested more than %d deep"):format(MAX_DEPTH),
      "flatten it")
  end
  if type(t.state_dict) == "function" then
    refuse(state, path, "a module or an optimiser", "save its state_dict()")
  end
  state.tables = state.tables + 1
  state.index_of[t] = state.tables
  local list, pairs_, keys, n = {}, {}, {}, 0
  while rawget(t, n + 1) ~= nil do
    n = n + 1
    list[n] = node(state, rawget(t, n), ("%s.%d"):format(path, n), depth + 1)
  end
  for key in next, t do
    if not (math.type(key) == "integer" and key >= 1 and key <= n) then
      if not rank[type(key)] then
        refuse(state, path, ("a table with a %s as a key"):format(type(key)),
          "use numbers, strings or booleans")
      end
      keys[#keys + 1] = key
    end
  end
  table.sort(keys, before)
  for i, key in ipairs(keys) do
    local at = path .. "." .. tostring(key)
    pairs_[i] = ("[%s,%s]"):format(node(state, key, at, depth),
      node(state, rawget(t, key), at, depth + 1))
  end
  local parts = {}
  if n > 0 then parts[1] = '"a":[' .. table.concat(list, ",") .. "]" end
  if #keys > 0 then
    parts[#parts + 1] = '"h":[' .. table.concat(pairs_, ",") .. "]"
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

function node(state, v, path, depth)
  local kind = type(v)
  if kind == "boolean" then return tostring(v) end
  if kind == "number" then return number_text(v) end
  if kind == "string" then return string_text(v) end
  if core._io.is_tensor(v) then return add_tensor(state, v, path) end
  if kind == "table" then return table_text(state, v, path, depth) end
  if v == json.null then kind = "json.null" end
  return refuse(state, path, "a " .. kind,
    "only tensors, numbers, strings, booleans and tables of them are saved")
end

--- The text of a value, and its tensors under their names.
---@param who string  opens the sentence when the value cannot be saved
---@param value any
---@return string text
---@return string[] names
---@return orrery.Tensor[] tensors
function serialize.encode(who, value)
  local state = {
    who = who, names = {}, tensors = {}, taken = {}, name_of = {},
    index_of = {}, tables = 0,
  }
  return node(state, value, "value", 1), state.names, state.tensors
end

-- ---------------------------------------------------------------- reading

local words = { nan = 0 / 0, inf = math.huge, ["-inf"] = -math.huge }

-- Raised inside decode only, which turns it into nil and a sentence.
local damaged = setmetatable({}, { __name = "orrery.serialize.damaged" })

local function want(condition)
  if condition == nil or condition == false then error(damaged, 0) end
  return condition
end

local function from_hex(text)
  want(type(text) == "string" and #text % 2 == 0 and not text:find "[^%x]")
  return (text:gsub("%x%x", function(two)
    return string.char(tonumber(two, 16))
  end))
end

local decode_node

local function decode_table(state, v)
  local t = {}
  table.insert(state.tables, t)
  want(type(v.a or {}) == "table" and type(v.h or {}) == "table")
  for i, entry in ipairs(v.a or {}) do t[i] = decode_node(state, entry) end
  for _, pair in ipairs(v.h or {}) do
    want(type(pair) == "table")
    local key = decode_node(state, pair[1])
    want(rank[type(key)] and key == key and t[key] == nil)
    t[key] = decode_node(state, pair[2])
  end
  return t
end

function decode_node(state, v)
  local kind = type(v)
  if kind ~= "table" then
    want(rank[kind])
    return v
  end
  if v.t ~= nil then return want(state.tensors[v.t]) end
  if v.n ~= nil then return want(words[v.n]) end
  if v.b ~= nil then return from_hex(v.b) end
  if v["="] ~= nil then return want(state.tables[v["="]]) end
  return decode_table(state, v)
end

--- The value again; nil and a reason when the text makes no sense.
---@param text string
---@param tensors table<string, orrery.Tensor>
---@return any value
---@return string? why
function serialize.decode(text, tensors)
  local tree, why = json.decode(text)
  if tree == nil then return nil, why end
  local state = { tensors = tensors, tables = {} }
  local ok, value = pcall(decode_node, state, tree)
  if ok then return value end
  if value == damaged then return nil, "its tree makes no sense" end
  error(value, 0)
end

return serialize
