--- Every op, by its own samples: float32 against float64, gradients of first
--- and second order against differences, strided, repeated and empty inputs,
--- forms of the call, and each documented error.
local orrery, t = require "orrery", require "orrery.testing"
local samples = require "orrery.testing.samples"

local is_float = { float32 = true, float64 = true }

local function check(sample, what, ok, ...)
  if ok then return end
  error(("%s, sample %s: " .. what):format(sample.record.name, sample.text,
    ...), 0)
end

local function flat(x)
  return x:detach():contiguous():reshape { -1 }:tolist()
end

-- Both the same, or within tol of each other relative to the larger of 1,
-- the value itself and `scale`.
local function near(a, b, tol, scale)
  if a == b or (a ~= a and b ~= b) then return true end
  return math.abs(a - b) <= tol * math.max(1, math.abs(b), scale or 0)
end

local function compare(sample, what, got, want, tol)
  check(sample, "%s: %d outputs instead of %d", #got == #want, what, #got,
    #want)
  for k, y in ipairs(want) do
    check(sample, "%s: output %d is %s, not %s",
      got[k]:shape_str() == y:shape_str(), what, k, got[k]:shape_str(),
      y:shape_str())
    local a, b, scale = flat(got[k]), flat(y), 0
    for i = 1, #b do
      if math.abs(b[i]) < math.huge then
        scale = math.max(scale, math.abs(b[i]))
      end
    end
    for i = 1, #b do
      check(sample, "%s: output %d, element %d is %.17g, not %.17g",
        near(a[i], b[i], tol, scale), what, k, i, a[i], b[i])
    end
  end
end

local function map(arguments, names, fn)
  local changed = {}
  for key, value in pairs(arguments) do changed[key] = value end
  for _, name in ipairs(names) do changed[name] = fn(arguments[name]) end
  return changed
end

-- ---- ways to lay the same values out

local function transposed(x)
  if x:dim() < 2 then return x end
  return x:transpose(1, -1):contiguous():transpose(1, -1)
end

local function stepped(x)
  if x:dim() == 0 then return x end
  local n = x:size(-1)
  local wide = orrery.cat({ x:unsqueeze(-1), x:unsqueeze(-1) }, -1)
  local y = wide:flatten(-2, -1):contiguous():narrow(-1, 1, n, 2)
  return y
end

-- Every position of an axis holds the first one, through a stride of 0.
local function repeated(x)
  for axis = 1, x:dim() do
    if x:size(axis) > 1 and x:numel() > 0 then
      return x:narrow(axis, 1, 1):expand { x:shape() }
    end
  end
  return x
end

local function strided(sample, arguments, names, want)
  for way, fn in pairs { transposed = transposed, stepped = stepped } do
    local got = { samples.run(sample.record, map(arguments, names, fn)) }
    compare(sample, way .. " inputs", got, want, 1e-12)
  end
  if sample.rig.distinct or sample.rig.diagonal then return end
  local thin = map(arguments, names, repeated)
  local packed = map(thin, names, function(x) return x:clone() end)
  compare(sample, "expanded inputs", { samples.run(sample.record, thin) },
    { samples.run(sample.record, packed) }, 1e-12)
end

-- Elementwise ops of several inputs: one of them thin, or without axes, does
-- what it does repeated to the full shape; and the widest dtype wins.
local function broadcast(sample, arguments, names)
  if not sample.record.flags.promote or #names < 2 or sample.rig.distinct
      or sample.rig.list then
    return
  end
  for _, name in ipairs(names) do
    local x = arguments[name]
    local thin = x:numel() > 0 and x:reshape(-1)[1]
    for axis = 0, thin and x:dim() or -1 do
      local small = axis == 0 and thin or x:narrow(axis, 1, 1)
      local full = small:expand { x:shape() }:clone()
      local got = map(arguments, { name }, function() return small end)
      local want = map(arguments, { name }, function() return full end)
      local a = { samples.run(sample.record, got) }
      local b = { samples.run(sample.record, want) }
      if a[1]:shape_str() == b[1]:shape_str() then
        compare(sample, "broadcast", a, b, 0)
      end
    end
    local wide = false  -- a tensor without axes does not widen others
    for _, other in ipairs(names) do
      local y = arguments[other]
      wide = wide or other ~= name and is_float[y.dtype] and y:dim() > 0
    end
    if wide and is_float[x.dtype] then
      local mixed = map(arguments, { name }, function() return x:float() end)
      local y = samples.run(sample.record, mixed)
      check(sample, "float32 beside float64 gave %s",
        y.dtype == "float64" or y.dtype == "uint8", y.dtype)
    end
  end
end

-- ---- float32 against float64, on inputs that float32 holds

local function precision(sample, arguments, names)
  local function to(dtype)
    return function(x)
      if not is_float[x.dtype] then return x end
      return x:to("float32"):to(dtype)
    end
  end
  local low = { samples.run(sample.record, map(arguments, names,
    to "float32")) }
  local high = { samples.run(sample.record, map(arguments, names,
    to "float64")) }
  for k, y in ipairs(low) do
    local wanted = high[k].dtype == "float64" and not sample.options.dtype
      and "float32" or high[k].dtype
    check(sample, "output %d is %s, not %s", y.dtype == wanted, k, y.dtype,
      wanted)
  end
  compare(sample, "float32", low, high, 2e-6)
end

-- ---- gradients

-- Fixed weights in (-1, 1), none small.
local function weights(x, salt)
  local w = {}
  for i = 1, x:numel() do
    local s = math.sin(12.9898 * i + 78.233 * salt)
    w[i] = s < 0 and s - 0.1 or s + 0.1
  end
  return orrery.tensor(w, { dtype = "float64" }):reshape { x:shape() }
end

-- sum of <output, weights>; `given` holds the weights by output, or takes
-- fixed ones.
local function weighted(outputs, salt, given)
  local total
  for k, y in ipairs(outputs) do
    if is_float[y.dtype] then
      given[k] = given[k] or weights(y, salt + k)
      local part = (y * given[k]):sum()
      total = total and total + part or part
    end
  end
  return total
end

-- One number: of order 1, over the outputs; of order 2, over the gradient of
-- that, a function of the inputs and of the outputs' weights, which are then
-- arguments too ("weight 1" ...). Returns it and the leaves it depends on.
local function objective(sample, arguments, wanted, order)
  local xs, floats, given = {}, {}, {}
  local leaves = map(arguments, wanted, function(x)
    return x:detach():requires_grad_()
  end)
  for i, name in ipairs(wanted) do
    xs[i] = leaves[name]
    local k = name:match "^weight (%d)$"
    if k then
      given[tonumber(k)] = leaves[name]
      leaves[name] = nil
    else
      floats[#floats + 1] = leaves[name]
    end
  end
  local y = weighted({ samples.run(sample.record, leaves) }, 1, given)
  if order == 1 then return y, xs end
  local gs = orrery.grad(y, floats, { create_graph = true,
    allow_unused = true })
  return weighted(gs, 7, {}), xs
end

local STEP = 1e-4

-- The derivative of the objective when x moves along d, to fourth order.
local function difference(sample, arguments, floats, order, name, d)
  local function at(step)
    local moved = map(arguments, { name }, function(x) return x + d * step end)
    return objective(sample, moved, floats, order):item()
  end
  local near_by = at(STEP) - at(-STEP)
  local far = at(2 * STEP) - at(-2 * STEP)
  return (8 * near_by - far) / (12 * STEP)
end

-- Each element of small inputs, some directions through large ones.
local function directions(x, most)
  local n, list = x:numel(), {}
  if n <= most then
    for i = 1, n do
      local d = {}
      for k = 1, n do d[k] = k == i and 1 or 0 end
      list[i] = orrery.tensor(d, { dtype = "float64" }):reshape { x:shape() }
    end
  else
    for i = 1, 3 do list[i] = weights(x, 100 + i) end
  end
  return list
end

local function gradients(sample, arguments, floats, order, tol, most)
  local y, xs = objective(sample, arguments, floats, order)
  local gs = {}
  if y.requires_grad then
    gs = orrery.grad(y, xs, { allow_unused = true })
  else  -- constant as far as autograd knows, as the gradient of floor is
    for i, x in ipairs(xs) do gs[i] = orrery.zeros_like(x:detach()) end
  end
  for i, name in ipairs(floats) do
    local x = arguments[name]
    check(sample, "order %d, the gradient of %s is %s",
      gs[i]:shape_str() == x:shape_str(), order, name, gs[i]:shape_str())
    for k, d in ipairs(directions(x, most)) do
      local got = x:numel() > 0 and (gs[i] * d):sum():item() or 0
      local want = difference(sample, arguments, floats, order, name, d)
      check(sample, "order %d, %s, direction %d: gradient %.12g, "
        .. "differences %.12g", near(got, want, tol), order, name, k, got, want)
    end
  end
end

local function differentiate(sample, arguments, names)
  local flags, floats = sample.record.flags, {}
  for _, name in ipairs(names) do
    if is_float[arguments[name].dtype] and not sample.held[name] then
      floats[#floats + 1] = name
    end
  end
  if flags.no_grad or sample.rig.nograd or #floats == 0 then return end
  gradients(sample, arguments, floats, 1, 1e-6, 40)
  local all = map(arguments, {}, nil)
  local wanted = { table.unpack(floats) }
  for k, y in ipairs { samples.run(sample.record, arguments) } do
    if is_float[y.dtype] then
      wanted[#wanted + 1] = "weight " .. k
      all[wanted[#wanted]] = weights(y, 1 + k)
    end
  end
  gradients(sample, all, wanted, 2, 1e-5, 16)
end

-- ---- forms of the call

-- By place, in the order of the record.
local function by_place(sample, arguments, want)
  local call = samples.gather(sample.record, arguments)
  local list, n = {}, 0
  for i, p in ipairs(sample.record.params) do
    list[i], n = call[p.name], i
  end
  local f = samples.callable(sample.record)
  compare(sample, "by place", { f(table.unpack(list, 1, n)) }, want, 0)
end

local function in_place(sample, arguments, want)
  local flags, first = sample.record.flags, sample.record.params[1].name
  local x = arguments[first]
  if not flags.inplace or want[1]:shape_str() ~= x:shape_str()
      or want[1].dtype ~= x.dtype then
    return
  end
  for _, lay in ipairs { function(v) return v end, transposed } do
    local call = samples.gather(sample.record, arguments)
    local target = lay(x:clone())
    call[first] = nil
    local result = target[sample.record.name .. "_"](target, call)
    check(sample, "in place returns another tensor", rawequal(result, target))
    compare(sample, "in place", { target }, want, 1e-12)
  end
end

local function run_error(sample)
  local arguments = samples.draw(sample)
  local call = samples.gather(sample.record, arguments)
  local ok, why = pcall(t.fails, sample.rig.error,
    samples.callable(sample.record), call)
  check(sample, "%s", ok, tostring(why))
end

local function run_sample(sample)
  if sample.rig.error then return run_error(sample) end
  local arguments, names = samples.draw(sample)
  local ok, err = pcall(samples.run, sample.record, arguments)
  check(sample, "%s", ok, tostring(err))
  local want = { samples.run(sample.record, arguments) }
  check(sample, "%d outputs, not %d", #want == sample.record.outputs, #want,
    sample.record.outputs)
  by_place(sample, arguments, want)
  if #names == 0 then return end
  broadcast(sample, arguments, names)
  if not sample.rig.contiguous then strided(sample, arguments, names, want) end
  if not sample.record.flags.hidden then in_place(sample, arguments, want) end
  if not sample.record.flags.random then
    precision(sample, arguments, names)
  end
  differentiate(sample, arguments, names)
end

-- Whether some sample has an input of no elements (or, without inputs, is
-- left alone).
local function has_empty(list)
  local inputs = false
  for _, sample in ipairs(list) do
    for _, shapes in pairs { sample.shapes, sample.rig.list or {} } do
      for _, shape in pairs(shapes) do
        inputs = true
        for _, size in ipairs(shape or {}) do
          if size == 0 then return true end
        end
      end
    end
  end
  return not inputs
end

for _, name in ipairs(orrery.op_names()) do
  local record = orrery.record(name)
  t.test(name .. " is documented and has samples", function()
    t.ok(record.doc and record.doc:find "%.%s*$",
      "the doc is a sentence and ends in a full stop")
    t.ok(#record.samples > 0, "there are samples")
    t.ok(samples.callable(record), "a function is bound")
    t.ok(has_empty(samples.all(record)), "a sample has an empty input")
    for _, sample in ipairs(samples.all(record)) do
      local why = sample.rig.error
      t.ok(not why or why:sub(1, #name + 2) == name .. ": ",
        "errors begin with the op's own name")
    end
  end)
  t.test(name .. " does what its samples say", function()
    for _, sample in ipairs(samples.all(record)) do
      orrery.tidy(run_sample, sample)
    end
  end)
end
