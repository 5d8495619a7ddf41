--- Elementwise rows of compiled steps that are done together: whatever the
--- graph, the bits of the function itself, at one and two threads.
local orrery, t = require "orrery", require "orrery.testing"

--- Numbers that depend on the seed alone: the graph is the same at each call.
local function choices(seed)
  local state = seed * 2654435761 % 4294967296
  return function(n)
    state = (state * 1664525 + 1013904223) % 4294967296
    return state // 65536 % n + 1
  end
end

local function same(a, b)
  if a.dtype ~= b.dtype or a:shape_str() ~= b:shape_str() then return false end
  local x, y = a:reshape(-1):tolist(), b:reshape(-1):tolist()
  for i = 1, #x do
    if x[i] ~= y[i] and not (x[i] ~= x[i] and y[i] ~= y[i]) then
      return false
    end
  end
  return true
end

-- ---- random graphs

local unary = {
  function(x) return -x end, function(x) return x:tanh() end,
  function(x) return x:sigmoid() end, function(x) return x:relu() end,
  function(x) return x:abs():sqrt() end, function(x) return x * 0.75 end,
  function(x) return (x * x + 1):log() end, function(x) return x:sin() end,
  function(x) return orrery.nn.functional.leaky_relu(x, 0.2) end,
  function(x) return x:floor() end, function(x) return (-x:abs()):exp() end,
  function(x) return x:to "float64":tanh():to(x.dtype) end,
  function(x) return x:to "int64":to(x.dtype) + 0.5 end,
}

local binary = {
  function(x, y) return x + y end, function(x, y) return x - y end,
  function(x, y) return x * y end, function(x, y) return x:maximum(y) end,
  function(x, y) return orrery.where(x:gt(y), x, y * 2) end,
  function(x, y) return x:lt(y):to(x.dtype) - y end,
  function(x, y) return x / (y * y + 1) end,
}

-- Rows that are not elementwise, and views that are walked otherwise.
local between = {
  function(x) return x:sum(2, { keepdim = true }) end,
  function(x) return x:mean() end,
  function(x) return x:transpose(1, 2):transpose(1, 2) * 1.5 end,
  function(x) return x:reshape(-1):reshape { x:shape() } end,
  function(x) return x:cumsum(1) end,
  function(x) return x:flip(2) end,
  function(x) return x:max(2, { keepdim = true }) end,
}

--- A function of tensors that broadcast against each other, of n rows or so.
local function graph(seed, n)
  return function(inputs, state)
    local choose, made = choices(seed), {}
    for i, x in ipairs(inputs) do made[i] = x end
    local function any() return made[choose(#made)] end
    local function late() return made[math.max(1, #made + 1 - choose(3))] end
    for _ = 1, n do
      local kind = choose(12)
      if kind <= 4 then
        made[#made + 1] = unary[choose(#unary)](late())
      elseif kind <= 9 then
        made[#made + 1] = binary[choose(#binary)](late(), any())
      elseif kind <= 11 then
        local x = late()
        if x:dim() == 2 then made[#made + 1] = between[choose(#between)](x) end
      elseif choose(2) == 1 then  -- what was made is written over
        local x = late()
        local copy = x:detach() * 2
        if choose(2) == 1 then made[#made + 1] = copy:neg() end
        copy:add_(x:detach()):mul_(0.5)
        if copy:dim() == 2 and copy:size(1) > 0 then copy[1]:add_(1) end
        made[#made + 1] = copy:add_(0.25)
      else  -- something outside is written over in between
        local x = any():detach():mean():to "float32"
        orrery.no_grad(function() state:mul_(0.5):add_(x) end)
        made[#made + 1] = (state + 0) * made[#made]
      end
    end
    local results, loss = {}, nil
    for i = #inputs + 1, #made do
      if choose(4) == 1 or i == #made then
        results[#results + 1] = made[i]:detach()
      end
      if choose(3) == 1 and made[i].requires_grad then
        local part = (made[i] * made[i]):sum():to "float32"
        loss = loss and loss + part or part
      end
    end
    return results, loss
  end
end

--- With gradients, of leaves that are copies of what is given.
local function with_gradients(fn)
  return function(inputs, state)
    local leaves = {}
    for i, x in ipairs(inputs) do
      leaves[i] = x.dtype:find "float" and x:detach():requires_grad_() or x
    end
    local results, loss = fn(leaves, state)
    if loss then
      local floats = {}
      for i, x in ipairs(leaves) do
        if inputs[i].dtype:find "float" then floats[#floats + 1] = x end
      end
      for _, g in ipairs(orrery.grad(loss, floats, { allow_unused = true })) do
        results[#results + 1] = g
      end
    end
    return results
  end
end

local function inputs_of(shapes, dtype)
  local list = {}
  for i, shape in ipairs(shapes) do
    list[i] = orrery.randn(shape):to(dtype)
  end
  return list
end

--- What fn does and the step it makes do, over and over, on the same inputs
--- and with a state of the same numbers.
local function agree(fn, shapes, dtype, why)
  local state = orrery.ones(1)
  local step = orrery.compile(function(inputs) return fn(inputs, state) end)
  for run = 1, 3 do
    local inputs, before = inputs_of(shapes, dtype), state:clone()
    local wanted = fn(inputs, state)
    local after = state:clone()
    state:copy_(before)
    local got = step(inputs)
    t.equal(#got, #wanted)
    for i = 1, #wanted do
      if not same(got[i], wanted[i]) then
        error(("%s: run %d, result %d of %d differs\n%s"):format(why, run, i,
          #wanted, step:describe()), 0)
      end
    end
    t.ok(same(state, after), why .. ": the state differs")
  end
  return step
end

local shape_sets = {
  { { 6, 5 }, { 6, 5 } }, { { 6, 5 }, { 5 }, { 6, 1 } },
  { { 70, 33 }, { 1, 33 }, { 70, 1 }, {} }, { { 1, 1 }, {} },
  { { 0, 4 }, { 4 } }, { { 129, 65 }, { 129, 65 }, { 65 } },
}

local function random_graphs(from, to, fn)
  for seed = from, to do
    orrery.manual_seed(seed)
    local shapes = shape_sets[seed % #shape_sets + 1]
    fn(seed, shapes, seed % 5 == 0 and "float64" or "float32")
  end
end

--- How many rows of a step are clusters.
local function clusters(step)
  local _, n = step:describe():gsub("\n +%d+ +[%w_]+%+", "")
  return n
end

local function at_both(fn)
  for threads = 1, 2 do
    orrery.set_threads(threads)
    fn()
  end
end

t.test("random graphs have the function's bits", function()
  local n = 0
  at_both(function()
    random_graphs(1, 120, function(seed, shapes, dtype)
      n = n + clusters(agree(graph(seed, 6 + seed % 40), shapes, dtype,
        "graph " .. seed))
    end)
  end)
  t.ok(n > 240, n)
end)

t.test("random graphs and their gradients have the function's bits", function()
  at_both(function()
    random_graphs(1001, 1090, function(seed, shapes, dtype)
      agree(with_gradients(graph(seed, 5 + seed % 20)), shapes, dtype,
        "graph " .. seed)
    end)
  end)
end)

-- ---- what goes together

local function rows_of(fn, ...)
  local step = orrery.compile(fn)
  step(...)
  local names = {}
  for name in step:describe():gmatch "\n +%d+ +(%S+)" do
    names[#names + 1] = name
  end
  return names, step
end

t.test("a chain is one row, and nothing in between is stored", function()
  local names, step = rows_of(function(x)
    for _ = 1, 4 do x = x * 2 + 1 end
    return x
  end, orrery.ones(1024))
  t.equal(names, { "mul+add+mul+add+mul+add+mul+add" })
  t.equal(step.peak_bytes, 4096)
end)

t.test("what another row reads in between is stored", function()
  local names, step = rows_of(function(x)
    local y = x * 2
    local s = y:sum()
    return y * 3 + s
  end, orrery.ones(1024))
  -- The second product rises to the first; the last waits for the sum.
  t.equal(names, { "mul+mul", "sum", "add" })
  -- y, the sum, and the result, which lies where the second product did.
  t.equal(step.peak_bytes, 2 * 4096 + 64)
end)

t.test("writing over what was made is another row like others", function()
  local names, step = rows_of(function(x)
    local y = x * 2
    y:add_(1)
    y:mul_(x)
    return y:exp()
  end, orrery.ones(1024))
  t.equal(names, { "mul+add+mul+exp" })
  t.equal(step.peak_bytes, 4096)
end)

t.test("a result lies over what dies as it is made", function()
  local w = orrery.eye(4) * 2
  local _, step = rows_of(function(x)
    local y = x:matmul(w)
    local z = y * 2 + y
    return z:matmul(w):relu() + 1
  end, orrery.ones(256, 4))
  t.equal(step.peak_bytes, 2 * 4096)
  for k = 1, 3 do
    t.equal(step(orrery.full({ 256, 4 }, k)):sum():item(),
      1024 * (12 * k + 1))
  end
end)

t.test("results too large for the caches have the function's bits", function()
  local function fn(x)
    local y = x * 2 + 0.25
    local z = (y * x):tanh()
    return y, z - x, z:gt(y), z:double() * 3
  end
  local x = orrery.randn((3 << 20) + 33)
  local wanted = { fn(x) }
  at_both(function()
    local step = orrery.compile(fn)
    for _ = 1, 2 do
      local got = { step(x) }
      for i = 1, 4 do
        t.equal(got[i].dtype, wanted[i].dtype)
        t.ok(got[i]:eq(wanted[i]):all():item() == 1, "result " .. i)
      end
    end
    t.ok(clusters(step) > 0)
  end)
end)

t.test("rows do not move past what writes over something", function()
  local state = orrery.zeros(3)
  local function fn(x)
    local y = state + x
    orrery.no_grad(function() state:add_(x) end)
    return y * (state + x)
  end
  local names = rows_of(fn, orrery.ones(3))
  t.equal(names, { "add", "add", "add+mul" })
  state:zero_()
  local step = orrery.compile(fn)
  for k = 0, 3 do
    t.equal(step(orrery.ones(3)):tolist(), orrery.full({ 3 },
      (k + 1) * (k + 2)):tolist())
  end
end)

t.test("a tensor that is read in another order does not join", function()
  local names = rows_of(function(x)
    local y = x * 2
    return y + y:transpose(1, 2)
  end, orrery.ones(4, 4))
  t.equal(names, { "mul", "add" })
end)

t.test("the beginning of a tensor is another tensor", function()
  local step = orrery.compile(function(x)
    local y = x * 2
    return y[{ { 1, 2 } }] + 1, y
  end)
  for k = 1, 3 do
    local part, all = step(orrery.full({ 500, 3 }, k))
    t.equal(part:tolist(), orrery.full({ 2, 3 }, 2 * k + 1):tolist())
    t.equal(all:tolist(), orrery.full({ 500, 3 }, 2 * k):tolist())
  end
end)

t.test("one tensor broadcasts to two shapes of as many elements", function()
  local function fn(x, column)
    return ((x * column):reshape(4, 3, 1) + column):reshape(3, 4)
  end
  local step, column = orrery.compile(fn), orrery.range(1, 3):reshape(3, 1)
  for _ = 1, 3 do
    local x = orrery.randn(3, 4)
    t.ok(same(step(x, column), fn(x, column)))
  end
  t.equal(clusters(step), 1)
end)

t.test("reading and summing one tensor, both halves of a product", function()
  local names = rows_of(function(x, y)
    local s = x:sum()
    return x * s, y * s
  end, orrery.ones(4), orrery.ones(4))
  t.equal(names, { "sum", "mul", "mul" })  -- they share one number only
end)

t.test("more rows than one cluster holds make several", function()
  local function fn(x)
    local made = {}
    for i = 1, 150 do
      x = (i % 3 == 0 and x:sin() or i % 3 == 1 and x * 0.9 or x + 0.1)
      if i % 10 == 0 then made[#made + 1] = x end
    end
    return x, made
  end
  local x = orrery.randn(40, 50)
  local step = orrery.compile(fn)
  for _ = 1, 2 do
    local y, made = step(x)
    local wanted, all = fn(x)
    t.ok(same(y, wanted))
    for i = 1, #all do t.ok(same(made[i], all[i])) end
  end
  t.equal(clusters(step), 3)
end)

t.test("without memory a step is not recorded, and nothing stays", function()
  local fn = graph(17, 40)
  local inputs, state = inputs_of({ { 6, 5 }, { 5 } }, "float32"),
    orrery.ones(1)
  collectgarbage()
  local before = (orrery.live())
  local recorded, failed = nil, 0
  for n = 1, 4000 do
    local step = orrery.compile(function(x) return fn(x, state) end)
    orrery.fail_after(n)
    recorded = pcall(step, inputs)
    orrery.fail_after(0)
    step:reset()
    collectgarbage()
    if recorded then break end
    failed = failed + 1
    t.equal((orrery.live()), before)
  end
  t.ok(recorded and failed > 40, failed)
end)

t.test("an interrupt stops a cluster", function()
  local step = orrery.compile(function(x) return (x * 2 + 1):exp() end)
  local x = orrery.ones(300, 300)
  step(x)
  orrery.interrupt()
  t.fails_like("interrupted", step, x)
  orrery.clear_interrupt()
  t.ok(same(step(x), (x * 2 + 1):exp()))
end)

-- ---- rows that repeat others

local function count(names, name)
  local n = 0
  for _, other in ipairs(names) do n = n + (other == name and 1 or 0) end
  return n
end

t.test("what was worked out before is not worked out again", function()
  local w = orrery.randn(4, 4)
  local function fn(x)
    return x:matmul(w):relu():matmul(w) + x:matmul(w):relu():matmul(w)
  end
  local x = orrery.randn(3, 4)
  local names, step = rows_of(fn, x)
  t.equal(names, { "matmul", "relu", "matmul", "add" })
  t.ok(same(step(x), fn(x)))
end)

t.test("other options, inputs or places of them are other rows", function()
  local function fn(x, y)
    return x:sum(1) + x:sum(2) + y:sum(1) + x:transpose(1, 2):cumsum(1)
      + x:cumsum(1)
  end
  local x, y = orrery.randn(3, 3), orrery.randn(3, 3)
  local names, step = rows_of(fn, x, y)
  t.equal({ count(names, "sum"), count(names, "cumsum") }, { 3, 2 })
  t.ok(same(step(x, y), fn(x, y)))
end)

t.test("a row is done again after something was written over", function()
  local w, copy = orrery.ones(2, 2), nil
  local function fn(x)
    local y = x:matmul(w)
    orrery.no_grad(function() w:add_(1) end)
    copy = x * 1
    local z = copy:cumsum(1)
    copy[1]:mul_(2)
    return y, x:matmul(w), z, copy:cumsum(1)
  end
  local x = orrery.randn(2, 2)
  local step = orrery.compile(fn)
  for k = 1, 3 do
    w:fill_(k)
    local got = { step(x) }
    w:fill_(k)
    local wanted = { fn(x) }
    for i = 1, 4 do t.ok(same(got[i], wanted[i])) end
  end
end)

t.test("what is written over later does not stand for others", function()
  for which = 1, 2 do
    local function fn(x)
      local made = { x:cumsum(1), x:cumsum(1) }
      made[which][1]:mul_(3)
      return made[1] * 2, made[2] * 2
    end
    local step = orrery.compile(fn)
    for _ = 1, 2 do
      local x = orrery.randn(3, 2)
      local got, wanted = { step(x) }, { fn(x) }
      t.ok(same(got[1], wanted[1]) and same(got[2], wanted[2]))
    end
  end
end)

t.test("equal results are tensors of their own", function()
  local step = orrery.compile(function(x) return x:cumsum(1), x:cumsum(1) end)
  for _ = 1, 2 do
    local a, b = step(orrery.ones(3))
    a:add_(1)
    t.equal(b:tolist(), { 1, 2, 3 })
  end
end)

t.test("each draw is another", function()
  local step = orrery.compile(function(x)
    return orrery.randn_like(x) * 2, orrery.randn_like(x) * 2
  end)
  for _ = 1, 2 do
    local a, b = step(orrery.zeros(4))
    t.ok(not same(a, b))
  end
end)

t.test("what a checkpoint drops is done again", function()
  local w = orrery.randn { 4, 4, requires_grad = true }
  local function layers(x) return x:matmul(w):tanh():matmul(w) end
  local function products(fn)
    return count(rows_of(function(x)
      return orrery.grad((fn(x) ^ 2):sum(), w)[1]
    end, orrery.ones(3, 4)), "matmul")
  end
  t.equal(products(layers), 5)
  -- The second product is not needed again.
  t.equal(products(function(x) return orrery.checkpoint(layers, x) end), 6)
end)

-- ---- whole training steps

local source = os.getenv "ORRERY_SOURCE_DIR" or "."
package.path = source .. "/tests/?.lua;" .. package.path

--- The losses, bit for bit, of so many steps of a workload of the benchmark.
local function losses(build, batch, steps, compile, threads)
  orrery.set_threads(threads)
  orrery.manual_seed(3)
  local step, seen = build(batch), {}
  if compile then step = orrery.compile(step) end
  for i = 1, steps do seen[i] = ("%a"):format(step():item()) end
  return seen
end

for _, case in ipairs { { "mlp", "vae_mlp", 8, 100 },
  { "mlp", "gan2d", 16, 100 }, { "mlp", "wgan_gp2d", 16, 20 },
  { "mlp", "unrolled2d", 8, 10 },
  { "images", "vae_conv", 2, 100 }, { "images", "dcgan28", 2, 10 },
  { "images", "stylegan_small", 2, 4 } } do
  local file, name, batch, steps = table.unpack(case)
  t.test(("%s is the same over %d steps"):format(name, steps), function()
    local build = require("bench." .. file)[name]
    local wanted = losses(build, batch, steps, false, 1)
    for threads = 1, 2 do
      t.equal(losses(build, batch, steps, true, threads), wanted)
    end
  end)
end
