--- Every function and method called with what it was not made for: it works,
--- or raises one sentence at the caller's line. Never a crash, and never an
--- error of Lua's own from inside Orrery's files.
local orrery, t = require "orrery", require "orrery.testing"

-- What must not be called at random: it waits, stops, fails or moves things
-- on purpose, or writes files.
local left_out = { sleep = true, interrupt = true, clear_interrupt = true,
  fail_after = true, set_own = true, set_anomaly = true, grad_mode = true,
  set_grad_enabled = true, set_threads = true, blame = true, scope = true,
  enable_grad = true, no_grad = true, save = true, load = true, step = true,
  modules = true, trim = true, memory_limit = true,
  -- For layers: of nn.init; and what calling them does after its checks.
  fans = true, parameter = true, fail = true, want_images = true,
  fresh = true, forward = true, new = true }

local function numbers(seed)
  local state = seed
  return function(n)
    state = (state * 1103515245 + 12345) & 0x7fffffff
    return (state >> 8) % n + 1
  end
end

-- Fresh values each time, since methods ending in _ write.
local function pool()
  local f = orrery.tensor { { 1, 2, 3 }, { 4, 5, 6 } }
  local freed = orrery.tensor { 1 }
  getmetatable(freed).__close(freed)
  return {
    f, orrery.tensor { 1, 2, 3 }, orrery.tensor(2.5), orrery.tensor {},
    orrery.tensor({ 1, 2 }, { dtype = "int64" }),
    orrery.tensor({ { 1, 0, 1 }, { 0, 1, 1 } }, { dtype = "uint8" }),
    orrery.tensor({ { 1, 2 }, { 3, 4 } }, { dtype = "float64" }),
    f:transpose(1, 2), orrery.tensor({ 1, 2 }, { requires_grad = true }),
    freed, 0, 1, -1, 2, 1.5, -7, 2 ^ 53, math.maxinteger, math.mininteger,
    0 / 0, math.huge, "a", "", "sum", "float32", true, false, {}, { 1 },
    { 1, 2 }, { { 1 }, { 2 } }, { "a" }, { f, f }, { f, 1 }, { -1, 0 },
    { axis = 1 }, { axis = "a" }, { dtype = "int64" }, { dtype = 3 },
    { keepdim = true }, { unknown = 1 }, { [true] = 1 }, { [9] = 1 },
    orrery.Generator(1), function() end, coroutine.create(print), io.stdout,
    { generator = 1 }, { 1, 2, 3, 4, 5, 6, 7, 8, 9 },
  }
end

local function is_sentence(err, here)
  if type(err) ~= "string" then return false, "the error is no text" end
  local file, rest = err:match "^([^\n:]+):%d+: (.*)$"
  if file ~= here then return false, "it is not at the caller's line" end
  if rest:find "\n" then return false, "it has several lines" end
  if rest:find "^attempt to" or rest:find "^bad argument" then
    return false, "it is Lua's own"
  end
  if not rest:find "^[%w_%-#. ]+: " then
    return false, "it does not open with who says it"
  end
  return true
end

local here = debug.getinfo(1, "S").short_src

local function describe(arguments, n)
  local parts = {}
  for i = 1, n do
    local v = arguments[i]
    parts[i] = orrery.is_tensor(v) and "tensor" or type(v) == "table"
      and "table" or tostring(v)
  end
  return table.concat(parts, ", ")
end

local function try(name, fn, random, method)
  local values = pool()
  local n = random(5) - 1
  local arguments = {}
  for i = 1, n do
    local pick = random(#values + 2)  -- the last two are nil
    arguments[i] = values[pick]
  end
  if method and random(8) > 1 then
    n = math.max(n, 1)
    arguments[1] = values[random(9)]
  end
  local ok, err = pcall(function()
    local _ = fn(table.unpack(arguments, 1, n))
    return nil
  end)
  if ok then return end
  local fine, why = is_sentence(err, here)
  if not fine then
    error(("%s(%s) raised %q: %s"):format(name, describe(arguments, n),
      tostring(err), why), 0)
  end
end

local function misuse(where, list, method)
  local names = {}
  for name, fn in pairs(list) do
    local meta = type(fn) == "table" and getmetatable(fn)
    local callable = type(fn) == "function" or meta and meta.__call
    if callable and type(name) == "string"
        and not left_out[name] and not name:find "^_" then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    t.test(("%s%s takes no nonsense"):format(where, name), function()
      local random = numbers(#name * 7919 + name:byte(-1))
      for _ = 1, 40 do try(name, list[name], random, method) end
    end)
  end
end

misuse("orrery.", orrery)
misuse("orrery.functional.", orrery.functional)
misuse("hidden.", orrery.hidden)
misuse("x:", orrery.Tensor.methods, true)
misuse("generator:", getmetatable(orrery.Generator(1)).__index)

for _, name in ipairs { "nn", "optim", "data", "train" } do
  misuse(("%s."):format(name), orrery[name])
end
misuse("nn.init.", orrery.nn.init)
misuse("nn.utils.", orrery.nn.utils)
misuse("optim.lr_scheduler.", orrery.optim.lr_scheduler or {})

local nn, optim = orrery.nn, orrery.optim
local function trained()
  return { orrery.zeros(2, { requires_grad = true }) }
end
local makers = {
  linear = function() return nn.Linear(3, 2) end,
  conv = function() return nn.Conv2d(1, 2, 3) end,
  transposed = function() return nn.ConvTranspose2d(1, 2, 3) end,
  norm = function() return nn.BatchNorm2d(2) end,
  norm1 = function() return nn.BatchNorm1d(2) end,
  flatten = function() return nn.Flatten() end,
  relu = function() return nn.ReLU() end,
  softmax = function() return nn.Softmax(-1) end,
  dropout = function() return nn.Dropout(0.5) end,
  pool = function() return nn.MaxPool2d(2) end,
  upsample = function() return nn.Upsample { scale_factor = 2 } end,
  list = function() return nn.ModuleList {} end,
  chain = function() return nn.Sequential { nn.Linear(3, 2), nn.Tanh() } end,
  unflatten = function() return nn.Unflatten(2, { 1, 3 }) end,
  view = function() return nn.View(3, 1) end,
  adam = function() return optim.Adam(trained()) end,
  sgd = function() return optim.SGD(trained(), { lr = 0.1 }) end,
  rmsprop = function() return optim.RMSprop(trained(), { lr = 0.1 }) end,
}

-- Everything an object answers, found along its metatables.
local function answers(object)
  local list, at = {}, object
  for _ = 1, 6 do
    local meta = getmetatable(at)
    at = meta and (type(meta.__index) == "table" and meta.__index or meta)
    if not at then break end
    for name, fn in pairs(at) do
      if type(fn) == "function" and not list[name] then list[name] = fn end
    end
  end
  return list
end

local object_names = {}
for name in pairs(makers) do object_names[#object_names + 1] = name end
table.sort(object_names)

for _, name in ipairs(object_names) do
  t.test(name .. ", called and asked, takes no nonsense", function()
    local object = makers[name]()
    local random = numbers(#name * 31 + 5)
    local methods = answers(object)
    local names = {}
    for method in pairs(methods) do
      if not left_out[method] and not method:find "^__" then
        names[#names + 1] = method
      end
    end
    table.sort(names)
    names[#names + 1] = "call"
    methods.call = function(_, ...) return object(...) end
    for _, method in ipairs(names) do
      if method ~= "call" or getmetatable(object).__call then
        for _ = 1, 12 do
          try(name .. ":" .. method, function(...)
            return methods[method](object, ...)
          end, random)
        end
      end
    end
  end)
end

t.test("operators and indexing take no nonsense", function()
  local random = numbers(77)
  local events = {
    function(a, b) return a + b end, function(a, b) return a - b end,
    function(a, b) return a * b end, function(a, b) return a / b end,
    function(a, b) return a ^ b end, function(a, b) return a % b end,
    function(a) return -a end, function(a) return #a end,
    function(a, b) return a[b] end, function(a, b) a[b] = b end,
    function(a, b) a[b] = 1 end, function(a) return tostring(a) end,
  }
  for _ = 1, 1500 do
    local values = pool()
    local event = random(#events)
    local a, b = values[random(9)], values[random(#values)]
    local ok, err = pcall(events[event], a, b)
    if not ok then
      local fine, why = is_sentence(err, here)
      if not fine then
        error(("event %d raised %q: %s"):format(event, tostring(err), why), 0)
      end
    end
  end
end)
