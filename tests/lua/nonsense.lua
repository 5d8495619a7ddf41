--- Values that no call was made for, and the judge of what it then says.
---
--- The seed is 1 unless ORRERY_MISUSE_SEED gives another; each failure names
--- it. ORRERY_MISUSE_TRACE names a file that holds the last call before a
--- crash.
local orrery = require "orrery"

local nonsense = { seed = tonumber(os.getenv "ORRERY_MISUSE_SEED") or 1,
  calls = 0 }

-- What huge sizes would take is refused, not half taken.
orrery.memory_limit(256 << 20)

--- Random whole numbers: random(n) is in 1..n.
function nonsense.numbers(salt)
  local state = (nonsense.seed * 2654435761 + salt * 40503) & 0x7fffffff
  return function(n)
    state = (state * 1103515245 + 12345) & 0x7fffffff
    return (state >> 8) % n + 1
  end
end

--- A number that stands for a text.
function nonsense.salt(text)
  local n = 0
  for i = 1, #text do n = (n * 31 + text:byte(i)) & 0xffffff end
  return n
end

local function freed()
  local x = orrery.tensor { 1 }
  getmetatable(x).__close(x)
  return x
end

local function deep()
  local inner = { 1 }
  for _ = 1, 250 do inner = { inner } end
  return inner
end

local function endless()
  local own = {}
  own[1], own.own = own, own
  return own
end

local numbers = { 0, 1, -1, 2, -7, 1.5, 2 ^ 31 - 1, 2 ^ 31, -2 ^ 31,
  1 << 31, -(1 << 31), (1 << 32) + 1, 1 << 40, 2 ^ 53, -(1 << 53),
  (1 << 53) + 1, 1 << 62, -(1 << 62), math.maxinteger, math.mininteger,
  1e308, -1e308, 5e-324, math.huge, -math.huge, 0 / 0 }

local tables = {
  { 1 << 31 }, { 1 << 31, 1 << 31 }, { 1 << 32, 1 << 32 }, { 1 << 53, 1024 },
  { 1 << 62, 4 }, { 1 << 21, 1 << 21, 1 << 21 }, { 0, 1 << 40 },
  { 1 << 40, 0 }, { -1, 1 << 62 }, { -1, 0 }, { -1, -1 },
  { -(1 << 31), 3 }, { math.maxinteger, math.mininteger }, { 0 / 0, 1 },
  { math.huge, 1 }, { 1e308, 1e308 }, { 1 << 31, 0, 1 << 31 }, { 1 }, { 1, 2 },
  { 2, 1 }, { 1, 1 }, { "a" }, { { 1 }, { 2 } }, { {} }, { { { {} } } },
  { true, false }, { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, { [3] = 1 }, { [true] = 1 },
  { axis = 1 }, { axis = 1 << 31 }, { dtype = "int64" }, { dtype = 3 },
  { keepdim = true }, { unknown = 1 }, { generator = 1 }, { [9] = 1 },
  { 1, axis = 2 ^ 53 }, { requires_grad = 1 },
}

-- Made afresh each time: methods that end in _ write.
local made = {
  freed, freed, freed, deep, endless,
  function() return { freed() } end,
  function() return { orrery.tensor { 1, 2 }, freed() } end,
  function() return { orrery.tensor { 1 }, 1 } end,
  function() return orrery.zeros { 2, 3 } end,
  function() return orrery.tensor { 1, 2, 3 } end,
  function() return orrery.tensor(2.5) end,
  function() return orrery.tensor {} end,
  function() return orrery.zeros { 2, 2 } end,
  function() return orrery.tensor { { 1, 2, 3 }, { 4, 5, 6 } } end,
  function() return orrery.ones { 2, 3, 4 } end,
  function() return orrery.ones { 1, 2, 4, 4 } end,
  function() return orrery.zeros { 0, 1 << 40 } end,
  function() return orrery.zeros { 1 << 40, 0 } end,
  function() return orrery.zeros { 2, 0, 1 << 31 } end,
  function() return orrery.ones { 1, 1, 1, 1, 1, 1, 1, 1 } end,
  function() return orrery.ones { 1 }:expand { 3, 5000 } end,
  function() return orrery.ones { 2, 3 }:transpose(1, 2) end,
  function() return orrery.full({ 2, 3 }, 0 / 0) end,
  function() return orrery.full({ 3 }, math.huge) end,
  function() return orrery.ones({ 2, 3 }, { dtype = "float64" }) end,
  function() return orrery.ones({ 2, 3 }, { dtype = "uint8" }) end,
  function() return orrery.ones({ 2 }, { requires_grad = true }) end,
  function()
    return orrery.tensor({ math.maxinteger, math.mininteger, 0 },
      { dtype = "int64" })
  end,
  function()
    return orrery.tensor({ { 1 << 40, -1 }, { 1 << 31, 2 } },
      { dtype = "int64" })
  end,
  function() return orrery.Generator(1) end,
  function() return coroutine.create(print) end,
  function() return orrery.nn.ReLU() end,
}

local plain = { "", "a", "sum", "float32", "1", "\0", ("x"):rep(5000), "%s%n",
  true, false, function() end, io.stdout }

--- Any value; nil now and then.
function nonsense.value(random)
  local kind = random(10)
  if kind <= 4 then return numbers[random(#numbers)] end
  if kind <= 6 then
    local copy = {}
    for k, v in pairs(tables[random(#tables)]) do copy[k] = v end
    return copy
  end
  if kind <= 9 then return made[random(#made)]() end
  return plain[random(#plain + 1)]
end

local function text(v, depth)
  if orrery.is_tensor(v) then
    local ok, shape = pcall(v.shape_str, v)
    return ok and v.dtype .. shape or "freed"
  end
  if type(v) == "string" then return ("%q"):format(v:sub(1, 20)) end
  if type(v) ~= "table" or getmetatable(v) then return tostring(v) end
  if depth > 3 then return "{...}" end
  local parts = {}
  for k, inner in pairs(v) do
    parts[#parts + 1] = tostring(k) .. "=" .. text(inner, depth + 1)
  end
  table.sort(parts)
  return "{" .. table.concat(parts, ", ") .. "}"
end

local trace = os.getenv "ORRERY_MISUSE_TRACE"

--- The call as text, for people.
local function describe(name, arguments)
  local parts = {}
  for i = 1, arguments.n do parts[i] = text(arguments[i], 1) end
  return ("%s(%s)"):format(name, table.concat(parts, ", "))
end

--- Is the error one sentence at the caller's line? The callers are tests.
function nonsense.is_sentence(err)
  if type(err) ~= "string" then return false, "the error is no text" end
  local at, rest = err:match "^([^\n:]+):%d+: (.*)$"
  if not at or not at:find "tests/lua/[%w_]+%.lua$" then
    return false, "it is not at the caller's line"
  end
  if rest:find "\n" then return false, "it has several lines" end
  if rest:find "^attempt to" or rest:find "^bad argument"
      or rest:find "stack overflow" then
    return false, "it is Lua's own"
  end
  if not rest:find "^[%w_%-#.: ]+: " then
    return false, "it does not open with who says it"
  end
  return true
end

--- Calls fn(arguments); what it raises must be a sentence. `after` is given
--- the results when it does not raise.
function nonsense.call(name, fn, arguments, after)
  nonsense.calls = nonsense.calls + 1
  local call = describe(name, arguments)
  if trace then
    local file = assert(io.open(trace, "w"))
    file:write(("seed %d: %s\n"):format(nonsense.seed, call))
    file:close()
  end
  local ok, err = pcall(function()
    local results = table.pack(fn(table.unpack(arguments, 1, arguments.n)))
    if after then after(table.unpack(results, 1, results.n)) end
    return nil
  end)
  if ok then return end
  local fine, why = nonsense.is_sentence(err)
  if not fine then
    error(("seed %d: %s raised %q: %s"):format(nonsense.seed, call,
      tostring(err), why), 0)
  end
end

-- A copy of nested tables; other values as they are.
local function copied(v)
  if type(v) ~= "table" or getmetatable(v) then return v end
  local copy = {}
  for k, inner in pairs(v) do copy[k] = copied(inner) end
  return copy
end

-- Every place of nested tables that a value could stand in, as key lists.
local function places(v, path, list)
  for k, inner in pairs(v) do
    local at = { table.unpack(path) }
    at[#at + 1] = k
    list[#list + 1] = at
    if type(inner) == "table" and not getmetatable(inner) then
      places(inner, at, list)
    end
  end
  return list
end

local function key_order(a, b)
  local x, y = {}, {}
  for i, k in ipairs(a) do x[i] = tostring(k) end
  for i, k in ipairs(b) do y[i] = tostring(k) end
  return table.concat(x, "\1") < table.concat(y, "\1")
end

--- `times` calls that are right but for one value, sometimes two: arguments()
--- gives right ones, packed, fresh; with guess = true they may be wrong.
function nonsense.near(name, fn, arguments, times, after)
  local random = nonsense.numbers(nonsense.salt(name))
  local right = arguments()
  local ok, why = pcall(fn, table.unpack(right, 1, right.n or #right))
  if not ok and not right.guess then
    error(("%s, called rightly, raised %s"):format(name, tostring(why)), 0)
  end
  for _ = 1, times do
    local call = copied(arguments())
    call.n = call.n or #call
    local n = call.n
    call.n, call.guess = nil, nil
    local list = places(call, {}, {})
    table.sort(list, key_order)
    for _ = 1, random(4) == 1 and 2 or 1 do
      local at = list[random(#list + 1)] or { n + 1 }
      local inner = call
      for i = 1, #at - 1 do
        inner = type(inner) == "table" and not getmetatable(inner)
          and inner[at[i]] or nil
      end
      if type(inner) == "table" and not getmetatable(inner) then
        inner[at[#at]] = nonsense.value(random)
      end
      if at[1] == n + 1 then n = n + 1 end
    end
    call.n = n
    nonsense.call(name, fn, call, after)
  end
end

return nonsense
