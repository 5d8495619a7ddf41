--- Everything a user might pass, passed to everything: it works, or raises one
--- sentence at the caller's line, never an error from inside these files.
local orrery, t = require "orrery", require "orrery.testing"

local NOTHING = {}

--- One of everything a user might pass.
local function values()
  return { NOTHING, 3, -1, 2.5, "text", true, {}, { 1 }, { a = 1 },
    function() end, orrery.zeros { 2, 3 },
    orrery.zeros({ 2 }, { dtype = "int64" }), orrery.zeros {}, io.stdout,
    orrery.nn.ReLU(), orrery.dist.Normal(0, 1) }
end

-- What Lua and its library say when a function does not look first.
local raw = { "attempt to", "bad argument", "table index is", "got no value",
  "stack overflow" }

local function check(name, fn, ...)
  local ok, why = pcall(fn, ...)
  if ok then return end
  why = tostring(why)
  for _, sign in ipairs(raw) do
    t.ok(not why:find(sign, 1, true), name .. ": " .. why)
  end
  t.ok(not why:find("lua/orrery/", 1, true), name .. ": " .. why)
  t.ok(why:find ": ", name .. ": " .. why)
end

--- Calls fn(self..., a, b) with all pairs of values, and two of a kind last.
local function try(name, fn, ...)
  local own = table.pack(...)
  local function call(...)
    local args = { table.unpack(own, 1, own.n) }
    for i = 1, select("#", ...) do
      local v = (select(i, ...))
      if v ~= NOTHING then args[own.n + i] = v end
    end
    check(name, fn, table.unpack(args, 1, own.n + select("#", ...)))
  end
  call()
  local list = values()
  for i, a in ipairs(list) do
    call(a)
    for j, b in ipairs(list) do call(a, b, list[(i + j) % #list + 1]) end
  end
end

--- All that can be called in a table, but the names in `left`.
local function each(prefix, group, left)
  for name, fn in pairs(group) do
    local meta = type(fn) == "table" and getmetatable(fn)
    if not (left and left[name]) and (type(fn) == "function"
      or meta and meta.__call) then
      try(prefix .. name, fn)
    end
  end
end

return { try = try, each = each }
