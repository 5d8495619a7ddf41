--- Values as text for people: nested tables within limits, strings quoted,
--- rows of results as a table with headings.
local paint = require "orrery.repl.paint"
local rows = require "orrery.repl.rows"

local words = {
  ["and"] = 1, ["break"] = 1, ["do"] = 1, ["else"] = 1, ["elseif"] = 1,
  ["end"] = 1, ["false"] = 1, ["for"] = 1, ["function"] = 1, ["goto"] = 1,
  ["if"] = 1, ["in"] = 1, ["local"] = 1, ["nil"] = 1, ["not"] = 1, ["or"] = 1,
  ["repeat"] = 1, ["return"] = 1, ["then"] = 1, ["true"] = 1, ["until"] = 1,
  ["while"] = 1,
}

local limit = { depth = 4, items = 40, text = 200, width = 76 }

local function quoted(s)
  local cut = #s > limit.text and s:sub(1, limit.text) or s
  local text = ("%q"):format(cut):gsub("\\\n", "\\n"):gsub("\r", "\\r")
  if cut ~= s then text = text .. (" .. (%d bytes)"):format(#s) end
  return text
end

local function key_text(key, show)
  if type(key) == "string" and key:match "^[%a_][%w_]*$" and not words[key] then
    return key
  end
  return "[" .. show(key) .. "]"
end

local rank = { number = 1, string = 2, boolean = 3 }
local function key_order(a, b)
  local ra, rb = rank[type(a)] or 4, rank[type(b)] or 4
  if ra ~= rb then return ra < rb end
  if ra <= 2 then return a < b end
  return tostring(a) < tostring(b)
end

-- Keys beyond the list part 1..n, in an order that does not change.
local function other_keys(t, n)
  local keys = {}
  for k in next, t do
    if not (math.type(k) == "integer" and k >= 1 and k <= n) then
      keys[#keys + 1] = k
    end
  end
  table.sort(keys, key_order)
  return keys
end

local function function_text(f)
  local info = debug.getinfo(f, "S")
  if info.what == "C" then return tostring(f) end
  return ("function (%s:%d)"):format(info.short_src, info.linedefined)
end

local show

local function table_text(t, depth, seen)
  local meta = getmetatable(t)
  local name = type(meta) == "table" and rawget(meta, "__name")
  local head = type(name) == "string" and name .. " " or ""
  if seen[t] then return head .. "{ ...the same again }" end
  if next(t) == nil then return head .. "{}" end
  -- Within a table a class is a name: its methods and its ancestors' would
  -- bury the other entries.
  local class = depth > 1 and rawget(t, "__index") == t
    and rawget(t, "class_name")
  if class then return paint.text("faint", "class " .. class, seen.color) end
  if depth > limit.depth then return head .. "{ ... }" end
  seen[t] = true
  local parts, n, length = {}, rawlen(t), #head
  local function add(text)
    parts[#parts + 1] = text
    length = length + paint.width(text) + 2
  end
  for i = 1, math.min(n, limit.items) do
    add(show(rawget(t, i), depth + 1, seen))
  end
  if n > limit.items then add(("... %d more"):format(n - limit.items)) end
  local keys = other_keys(t, n)
  for i, k in ipairs(keys) do
    if i > limit.items then
      add(("... %d more"):format(#keys - limit.items))
      break
    end
    local key = key_text(k, function(v) return show(v, depth + 1, seen) end)
    add(key .. " = " .. show(rawget(t, k), depth + 1, seen))
  end
  seen[t] = nil
  local line = head .. "{ " .. table.concat(parts, ", ") .. " }"
  if length + 2 * depth <= limit.width and not line:find "\n" then
    return line
  end
  local pad = ("  "):rep(depth)
  return head .. "{\n" .. pad .. table.concat(parts, ",\n" .. pad) .. "\n" ..
    ("  "):rep(depth - 1) .. "}"
end

function show(value, depth, seen)
  local kind, color = type(value), seen.color
  if kind == "string" then return paint.text("string", quoted(value), color) end
  if kind == "function" then
    return paint.text("faint", function_text(value), color)
  elseif kind == "boolean" or kind == "nil" then
    return paint.text("word", tostring(value), color)
  end
  local meta = kind == "table" and getmetatable(value)
  if kind ~= "table" or type(meta) == "table" and meta.__tostring then
    return tostring(value)
  end
  return table_text(value, depth, seen)
end

-- A tensor is its own text; the line that says what it is stands back.
local function tensor_text(value, color)
  local head, rest = tostring(value):match "^([^\n]*)(.*)$"
  return paint.text(rest ~= "" and "faint" or "plain", head,
    color and rest ~= "") .. rest
end

--- Text of a value, over several lines when one does not hold it.
---@param value any
---@param color? boolean  with the terminal's colours
---@return string
return function(value, color)
  color = color or false
  if type(value) == "userdata" then return tensor_text(value, color) end
  local listed = type(value) == "table" and rows(value, color)
  return listed or show(value, 1, { color = color })
end
