--- Calls that are right but for one value or two: huge and negative sizes,
--- freed tensors, wrong types. Each works or raises one sentence at the
--- caller's line, and takes no more memory than it may.
local orrery, t = require "orrery", require "orrery.testing"
local samples = require "orrery.testing.samples"
local nonsense = dofile((os.getenv "ORRERY_SOURCE_DIR" or ".")
  .. "/tests/lua/nonsense.lua")

local near = nonsense.near

local function differentiable(v)
  return orrery.is_tensor(v) and v.requires_grad
    and v:numel() < 1e6
end

-- Gradients of whatever came out, second ones too.
local function backward(y)
  if differentiable(y) then
    local total = (y * y):sum()
    total:backward()
  end
end

-- The arguments of one sample as one table, float32, some with gradients.
local function sample_arguments(record, sample)
  local drawn = samples.draw(sample)
  for key, v in pairs(drawn) do
    if orrery.is_tensor(v) and v.dtype == "float64" then
      drawn[key] = v:float():requires_grad_()
    end
  end
  return { samples.gather(record, drawn) }
end

-- In positions as far as they go, then options: as people write.
local function placed(record, call)
  local list, options = {}, {}
  for i, p in ipairs(record.params) do
    if #list == i - 1 and call[p.name] ~= nil then
      list[i] = call[p.name]
    else
      options[p.name] = call[p.name]
    end
  end
  if next(options) then list[#list + 1] = options end
  return list
end

for _, name in ipairs(orrery.op_names()) do
  local record = orrery.record(name)
  t.test(name .. ", nearly right, takes no nonsense", function()
    for k, sample in ipairs(samples.all(record)) do
      if not sample.rig.error and k <= 4 then
        near(name, samples.callable(record), function()
          local call = sample_arguments(record, sample)
          return k % 2 == 0 and placed(record, call[1]) or call
        end, 25, backward)
      end
    end
  end)
end


-- name, function, right arguments; then, what is done with the results.
local function check(name, fn, arguments, after, times)
  t.test(name .. ", nearly right, takes no nonsense", function()
    near(name, fn, arguments, times or 80, after)
  end)
end

local function ones(...) return orrery.ones { ... } end
local function whole(values)
  return orrery.tensor(values, { dtype = "int64" })
end
local function leaf(...)
  return orrery.ones({ ... }, { requires_grad = true })
end

-- ---- functions without a record, indexing

local square = orrery.tensor { { 2, 1 }, { 1, 3 } }
local function cube(x) return (x ^ 3):sum() end

-- Not our affair: what Lua says of x[1] or x:f() where x is no tensor.
local function of_tensor(fn)
  return function(x, ...)
    if orrery.is_tensor(x) then return fn(x, ...) end
  end
end

-- Differences of a function of many numbers are right, but take seconds.
local function of_few(fn)
  return function(f, xs, ...)
    for _, x in ipairs(type(xs) == "table" and xs or { xs }) do
      if orrery.is_tensor(x) and pcall(x.numel, x) and x:numel() > 100 then
        return
      end
    end
    return fn(f, xs, ...)
  end
end

local plain = {
  { "tensor", orrery.tensor, function()
    return { { { 1, 2 }, { 3, 4 } }, { dtype = "float64" } } end },
  { "chunk", orrery.chunk, function() return { ones(6, 2), 3, 1 } end },
  { "split", orrery.split, function() return { ones(6, 2), 2, 1 } end },
  { "unbind", orrery.unbind, function() return { ones(3, 2), 1 } end },
  { "unflatten", orrery.unflatten, function()
    return { ones(2, 6), 2, { 2, 3 } } end },
  { "meshgrid", orrery.meshgrid, function() return { ones(2), ones(3) } end },
  { "index_put", orrery.index_put, function()
    return { ones(3, 2), { whole { 1, 2 }, whole { 1, 1 } }, ones(2) } end },
  { "allclose", orrery.allclose, function() return { ones(2), ones(2) } end },
  { "equal", orrery.equal, function() return { ones(2), ones(2) } end },
  { "einsum", orrery.einsum, function()
    return { "bij,bjk->bik", ones(2, 2, 3), ones(2, 3, 2) } end, backward },
  { "einsum ii", orrery.einsum, function() return { "ii", ones(2, 2) } end },
  { "einsum ...", orrery.einsum, function()
    return { "...i,...i", leaf(2, 3), ones(1, 3) } end, backward },
  { "grad", orrery.grad, function()
    local x = leaf(2)
    return { (x * x):sum(), { x }, { create_graph = true } } end },
  { "backward", orrery.backward, function()
    return { leaf(2) * 2, ones(2), { retain_graph = true } } end },
  { "jacobian", orrery.jacobian, function()
    return { function(x) return x * x end, ones(2) } end },
  { "hessian", orrery.hessian, function() return { cube, ones(2) } end },
  { "hvp", orrery.hvp, function() return { cube, ones(2), ones(2) } end },
  { "vjp", orrery.vjp, function()
    return { function(x) return x * x end, ones(2), ones(2) } end },
  { "jvp", orrery.jvp, function()
    return { function(x) return x * x end, ones(2), ones(2) } end },
  { "gradcheck", of_few(orrery.gradcheck), function()
    return { cube, { ones(2) }, { tol = 1e-6, step = 1e-5 } } end },
  { "Generator", orrery.Generator, function() return { 7 } end,
    function(g) orrery.rand(2, { generator = g }) end },
  { "set_state", function(state)
    orrery.Generator(1):set_state(state) end,
    function() return { { seed = 1, counter = 2 } } end },
  { "x[...]", of_tensor(function(x, at) return x[at] end), function()
    return { ones(3, 4), { 1, { 1, 2 } } } end },
  { "x[...] =", of_tensor(function(x, at, v) x[at] = v end), function()
    return { ones(3, 4), { { 1, 2 }, 3 }, ones(2) } end },
  { "x[{{}, {}, n}]", of_tensor(function(x, at) return x[at] end), function()
    return { ones(2, 3, 4), { {}, { 1, 3, 2 }, -1 } } end },
  { "expand, then more", of_tensor(function(x, sizes)
    local y = x:expand(sizes)
    local n = y:numel()
    if n > 1e6 then return y + 1 end
    return y:sum()
  end), function() return { ones(1), { 3, 4 } } end },
  { "views of views", of_tensor(function(x, a, b, c, d)
    return x:narrow(1, a, b):transpose(1, 2):reshape { c, d }:contiguous()
  end), function() return { ones(4, 3), 1, 2, 3, 2 } end },
  { "fill", of_tensor(function(x, v) x:fill_(v); x:copy_(v) end), function()
    return { ones(2, 3), 2 } end },
  { "memory_limit", function(n)
    local before = orrery.memory_limit(n)
    orrery.memory_limit(before)
  end, function() return { 1 << 30 } end },
}
for _, c in ipairs(plain) do check(c[1], c[2], c[3], c[4], 150) end

for name, fn in pairs(orrery.linalg) do
  check("linalg." .. name, fn, function()
    if name == "solve_triangular" then
      return { square:clone(), ones(2, 2), { upper = true } }
    elseif name == "solve" or name == "lstsq" then
      return { square:clone(), ones(2, 2) }
    elseif name == "matrix_power" then
      return { square:clone(), 3 }
    end
    return { square:clone():requires_grad_(), guess = true }
  end, backward)
end

-- ---- layers: made nearly right, then called

local nn = orrery.nn
local image = function() return orrery.rand { 2, 2, 8, 8 } end
local sound = function() return orrery.rand { 2, 2, 8 } end
local rows = function() return orrery.rand { 3, 4 } end
local layers = {
  { "Linear", { 4, 2, { bias = true, dtype = "float32" } }, rows },
  { "MaskedLinear", { 4, 2, { bias = true } }, rows },
  { "Conv1d", { 2, 4, 3, { stride = 1, padding = 1, dilation = 1,
    groups = 2 } }, sound },
  { "Conv2d", { 2, 4, 3, { stride = 2, padding = { 1, 1 }, dilation = 1,
    groups = 2, bias = true } }, image },
  { "Conv2d", { 2, 4, { 3, 3 }, { stride = { 1, 2 }, padding = "same" } },
    image },
  { "ConvTranspose1d", { 2, 4, 3, { stride = 2, padding = 1,
    output_padding = 1 } }, sound },
  { "ConvTranspose2d", { 2, 4, { 3, 3 }, { stride = { 2, 2 }, padding = 1,
    output_padding = 1, groups = 2, dilation = 1 } }, image },
  { "BatchNorm1d", { 4, { eps = 1e-5, momentum = 0.1 } }, rows },
  { "BatchNorm2d", { 2, { eps = 1e-5, momentum = 0.1, affine = true } },
    image },
  { "LayerNorm", { { 8, 8 }, { eps = 1e-5 } }, image },
  { "GroupNorm", { 2, 2, { eps = 1e-5 } }, image },
  { "InstanceNorm2d", { 2, { eps = 1e-5 } }, image },
  { "Dropout", { 0.5 }, rows }, { "Embedding", { 5, 3 },
    function() return whole { 1, 5 } end },
  { "Flatten", { 2, -1 }, image }, { "Unflatten", { 2, { 2, 2 } }, rows },
  { "View", { 2, 2 }, rows },
  { "MaxPool1d", { 2, { stride = 2, padding = 1 } }, sound },
  { "MaxPool2d", { 2, { stride = { 2, 2 }, padding = 1 } },
    image },
  { "AvgPool1d", { 2, { stride = 2 } }, sound },
  { "AvgPool2d", { { 2, 2 }, { stride = 2, padding = 0 } }, image },
  { "AdaptiveAvgPool1d", { 3 }, sound },
  { "AdaptiveAvgPool2d", { { 3, 2 } }, image },
  { "AdaptiveMaxPool1d", { 3 }, sound },
  { "AdaptiveMaxPool2d", { { 3, 2 } }, image },
  { "Upsample", { { scale_factor = 2 } }, image },
  { "PixelShuffle", { 2 }, function() return ones(1, 4, 2, 2) end },
  { "PixelUnshuffle", { 2 }, image },
  { "ReflectionPad2d", { { 1, 1, 2, 2 } }, image },
  { "ReplicationPad2d", { 1 }, image }, { "ZeroPad2d", { 1 }, image },
  { "CircularPad2d", { { 1, 1, 1, 1 } }, image },
  { "ConstantPad2d", { { 1, 1, 1, 1 }, 2.5 }, image },
  { "Unfold", { 3, { stride = 2, padding = 1, dilation = 1 } }, image },
  { "Fold", { { 4, 4 }, 2, { stride = 2 } }, function() return ones(1, 8, 4) end
  },
  { "PReLU", { 2, 0.25 }, image }, { "ELU", { 1.5 }, rows },
  { "LeakyReLU", { 0.1 }, rows }, { "Softmax", { -1 }, rows },
  { "Softplus", { 2 }, rows }, { "GLU", { -1 }, rows },
  { "Hardtanh", { -1, 1 }, rows }, { "Softshrink", { 0.5 }, rows },
  { "Sequential", function() return { { nn.Linear(4, 2), nn.ReLU() } } end,
    rows },
  { "ModuleList", { { nn.ReLU() } }, rows },
  { "Residual", function() return { nn.Linear(4, 4) } end, rows },
}
for i, c in ipairs(layers) do
  local name, input = c[1], c[3]
  local function arguments()
    return type(c[2]) == "function" and c[2]() or c[2]
  end
  check(("nn.%s (%d)"):format(name, i), nn[name], arguments, function(layer)
    if name ~= "ModuleList" then backward(layer(input())) end
    tostring(layer)
  end, 120)
  if name ~= "ModuleList" then
    check(("an nn.%s (%d)"):format(name, i), function(...)
      return nn[name](table.unpack(arguments()))(...)
    end, function() return { input() } end, backward, 60)
  end
end
for name, fn in pairs(nn.init) do
  check("nn.init." .. name, fn, function()
    if name == "calculate_gain" then return { "leaky_relu", 0.1 } end
    if name:find "kaiming" then
      return { ones(3, 2), { a = 0, mode = "fan_in", nonlinearity = "relu" } }
    elseif name:find "trunc" then
      return { ones(3, 2), { mean = 0, std = 1, a = -2, b = 2 } }
    end
    return { ones(3, 2), 0.5, name:find "xavier" and {} or 1, guess = true }
  end)
end
check("summary", nn.utils.summary, function()
  return { nn.Sequential { nn.Linear(4, 2), nn.ReLU() }, { 3, 4 } }
end)

-- ---- optimisers and schedules

local optim = orrery.optim
local function trained()
  local x = leaf(3)
  cube(x):backward()
  return x
end
local rules = {
  SGD = { lr = 0.1, momentum = 0.9, weight_decay = 0.1, nesterov = true },
  Adam = { lr = 0.1, betas = { 0.9, 0.999 }, eps = 1e-8, weight_decay = 0.1 },
  AdamW = { lr = 0.1, betas = { 0.9, 0.999 }, eps = 1e-8 },
  RMSprop = { lr = 0.1, alpha = 0.9, eps = 1e-8, momentum = 0.5 },
}
for name, options in pairs(rules) do
  check("optim." .. name, optim[name], function()
    return { { trained(), trained() }, options }
  end, function(opt)
    opt:step()
    opt:zero_grad()
  end)
  check(name .. ":load_state_dict", function(state)
    optim[name]({ trained() }, options):load_state_dict(state)
  end, function()
    local opt = optim[name]({ trained() }, options)
    opt:step()
    return { opt:state_dict() }
  end, nil, 120)
end
local schedules = {
  StepLR = { step_size = 2, gamma = 0.5 },
  MultiStepLR = { milestones = { 2, 4 }, gamma = 0.5 },
  ExponentialLR = { gamma = 0.9 },
  CosineAnnealingLR = { T_max = 10, eta_min = 0.01 },
  LinearLR = { start_factor = 0.5, end_factor = 1, total_iters = 4 },
  ReduceLROnPlateau = { factor = 0.5, patience = 2 },
}
for name, options in pairs(schedules) do
  check("optim." .. name, function(...)
    local schedule = optim[name](...)
    for _ = 1, 3 do
      if name == "ReduceLROnPlateau" then schedule:step(1)
      else schedule:step() end
    end
  end, function()
    return { optim.SGD({ trained() }, { lr = 0.1 }), options }
  end)
end
check("clip_grad_norm_", nn.utils.clip_grad_norm_, function()
  return { { trained() }, 1 }
end)

-- ---- data, files

local data, io_, files = orrery.data, orrery.io, require "orrery.testing.files"
check("data.TensorDataset", data.TensorDataset, function()
  return { ones(4, 2), whole { 1, 2, 3, 4 } }
end, function(set) for _ in set:batches(2) do end end)
check("data.loader", data.loader, function()
  return { data.TensorDataset(ones(4, 2)), { batch_size = 2, shuffle = true,
    seed = 1 } }
end)
check("batches", function(...)
  for _ in data.TensorDataset(ones(4, 2)):batches(...) do end
end, function() return { 2, { shuffle = true, drop_last = true } } end)
check("subset and split", function(a, b)
  local set = data.TensorDataset(ones(4, 2))
  set:subset(a)
  set:split(b)
end, function() return { { 1, 2 }, { 3, 1 } } end)

-- Paths lie in a folder of their own, whatever they are.
local function filed(fn)
  return function(path, ...)
    local folder = files.folder()
    local real = type(path) == "string" and #path < 100
      and not path:find "%z" and folder .. "/" .. path:gsub("/", "_") or path
    local ok, result = pcall(function(...)
      local _ = fn(...)
      return nil
    end, real, ...)
    files.drop(folder)
    if not ok then error(result, 0) end
  end
end
local written = {
  write_npy = function() return { "x.npy", ones(2, 3) } end,
  write_npz = function() return { "x.npz", { a = ones(2), b = ones(3) } } end,
  write_png = function() return { "x.png", ones(3, 4, 4) } end,
  write_csv = function()
    return { "x.csv", { { 1, "a" }, { 2, "b" } }, { names = { "n", "t" } } }
  end,
  write_idx = function()
    return { "x.idx", orrery.ones({ 2, 3 }, { dtype = "uint8" }) }
  end,
  write_safetensors = function()
    return { "x.safetensors", { a = ones(2) }, { note = "text" } }
  end,
  write_file = function() return { "x.txt", "text" } end,
  save = function()
    return { "x.safetensors", { a = ones(2), b = { c = ones(3), n = 1 } } }
  end,
}
for name, arguments in pairs(written) do
  check("io." .. name, filed(io_[name]), arguments, nil, 60)
end
for name, fn in pairs(io_) do
  if name:find "^read_" or name == "load" then
    check("io." .. name, filed(fn), function()
      return { "none.npz" }
    end, nil, 30)
  end
end

-- ---- figures of what happened

t.test("what int64 cannot hold becomes its nearest end, NaN 0", function()
  local x = orrery.tensor({ 1e300, -1e300, math.huge, -math.huge, 0 / 0, -2.7,
    2.7, 2 ^ 63, -2 ^ 63 }, { dtype = "float64" })
  t.equal(x:long():tolist(), { math.maxinteger, math.mininteger,
    math.maxinteger, math.mininteger, 0, -2, 2, math.maxinteger,
    math.mininteger })
  t.equal(x:float():long(), x:long())
end)

t.test("a reshape whose product passes int64 is refused", function()
  t.fails("view: x is [0] with 0 elements, which do not fill [4294967296, "
    .. "4294967296]; use sizes whose product is 0", function()
      return orrery.zeros(0):view(1 << 32, 1 << 32)
    end)
end)

t.test("thousands of calls were made, in bounded memory", function()
  print(("# seed %d, %d calls"):format(nonsense.seed, nonsense.calls))
  t.ok(nonsense.calls >= 20000, nonsense.calls .. " calls")
  local _, _, peak = orrery.live()
  t.ok(peak <= 256 << 20, peak .. " bytes at the peak")
end)
