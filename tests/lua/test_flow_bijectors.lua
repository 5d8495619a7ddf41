--- Every bijector there is: back from where it went, and the log-determinant
--- that of autograd's Jacobian. A new one must be entered here.
---
--- The suite draws four nets of each, ORRERY_FULL=1 a thousand (two minutes).
local orrery, t = require "orrery", require "orrery.testing"
local flow = orrery.flow
local full = os.getenv "ORRERY_FULL" == "1"

-- Data and choices; layers draw their weights from the global stream.
local random = orrery.Generator(11)
orrery.manual_seed(11)
local function whole(low, high)
  return orrery.randint(low, high, { 1 }, { generator = random }):item()
end
local function one_of(list) return list[whole(1, #list)] end
local function like(dtype)
  return { dtype = dtype, generator = random }
end

-- Parameters moved away from where training begins.
local function moved(b, dtype, by)
  orrery.no_grad(function()
    for _, p in ipairs(b:parameters()) do
      if p.requires_grad then
        p:add_(orrery.randn({ p:shape() }, like(dtype)) * (by or 0.2))
      end
    end
  end)
  return b:eval()
end

local function sizes()
  local list = {}
  for i = 1, whole(0, 2) do list[i] = whole(2, 12) end
  return list
end

local function masked(class, more)
  return function(dtype)
    local d = whole(1, 5)
    local context = one_of { 0, 2 }
    local o = more and more() or {}
    o.hidden, o.context, o.dtype = sizes(), context, dtype
    o.order = one_of { "natural", "reverse", "random" }
    o.activation = one_of { "relu", "tanh", "sigmoid", "elu", "softplus" }
    return class(d, o), { d }, context
  end
end

local function small(class, scale)
  return function(dtype)
    local d, context = whole(1, 5), one_of { 0, 2 }
    return class(d, { context = context, scale = scale, dtype = dtype,
      generator = random }), { d }, context
  end
end

local function image() return { whole(1, 2), 4, 4 } end

-- name -> function of the dtype: a bijector with random numbers, the shape of
-- a row, the size of its context, and, where x is not any real number, a map
-- from the reals to what it is.
local makers = {
  MAF = masked(flow.MAF), IAF = masked(flow.IAF),
  AutoregressiveSpline = masked(flow.AutoregressiveSpline, function()
    return { bins = whole(1, 6) }
  end),
  Coupling = function(dtype)
    local d, context = whole(2, 5), one_of { 0, 2 }
    local pixels = one_of { false, true }
    local b = flow.Coupling(d, { kind = one_of { "affine", "additive",
      "spline" }, swap = one_of { false, true }, hidden = sizes(),
      image = pixels, soft = one_of { false, true }, bins = whole(1, 6),
      context = context, dtype = dtype })
    return b, pixels and { d, 2, 3 } or { d }, context
  end,
  ActNorm = function(dtype)
    return moved(flow.ActNorm(3, { dtype = dtype }), dtype),
      one_of { { 3 }, { 3, 2, 2 } }
  end,
  BatchNorm = function(dtype)
    local b = flow.BatchNorm(3, { dtype = dtype, momentum = 0.5 })
    b(orrery.randn({ 20, 3 }, like(dtype)) * 3 + 1)
    return moved(b, dtype), one_of { { 3 }, { 3, 2, 2 } }
  end,
  Linear = function(dtype)
    local d = whole(1, 5)
    local b = flow.Linear(d, { lu = one_of { true, false }, dtype = dtype,
      start = one_of { "rotation", "permutation", "identity" },
      generator = random })
    return moved(b, dtype, 0.05), one_of { { d }, { d, 2, 2 } }
  end,
  Conv1x1 = function(dtype)
    local b = flow.Conv1x1(3, { lu = one_of { true, false }, dtype = dtype,
      generator = random })
    return moved(b, dtype, 0.05), { 3, 2, 3 }
  end,
  Squeeze = function() return flow.Squeeze(2), image() end,
  Unsqueeze = function() return flow.Unsqueeze(2), { 8, 2, 1 } end,
  Split = function(dtype)
    local inner = flow.ActNorm(2, { dtype = dtype })
    local pixels = one_of { true, false }
    local b = flow.Split(3, inner, { prior = one_of { true, false },
      image = pixels, dtype = dtype })
    return moved(b, dtype), pixels and { 3, 2, 2 } or { 3 }
  end,
  glow = function(dtype)
    local shape, context = image(), one_of { 0, 2 }
    local b = flow.glow(shape, { levels = whole(1, 2), depth = whole(1, 2),
      hidden = { 4 }, kind = one_of { "affine", "spline" },
      lu = one_of { true, false }, prior = one_of { true, false },
      context = context, dtype = dtype, generator = random })
    return moved(b, dtype, 0.05), shape, context
  end,
  Planar = small(flow.Planar, 2), Radial = small(flow.Radial, 1),
  Sylvester = function(dtype)
    local d, context = whole(1, 5), one_of { 0, 2 }
    return flow.Sylvester(d, { units = whole(1, d), context = context,
      reflections = whole(0, 3), scale = 1, dtype = dtype,
      generator = random }), { d }, context
  end,
  Continuous = function(dtype)
    local d, context = whole(1, 3), one_of { 0, 2 }
    return flow.Continuous(d, { hidden = { whole(2, 6) }, time = 0.5,
      solver = "dopri5", context = context, dtype = dtype,
      tolerance = dtype == "float64" and 1e-12 or 1e-5,
      generator = random }), { d }, context
  end,
  Logit = function()
    return flow.Logit(one_of { 1e-6, 0.05 }), { 2, 2 }, 0, orrery.sigmoid
  end,
  Permute = function() return flow.Permute(4, nil, random), { 4 } end,
  Reverse = function() return flow.Reverse(4), { 4 } end,
  Elementwise = function()
    local maps = orrery.dist.transforms
    return flow.Elementwise(maps[one_of { "Sigmoid", "Tanh", "Softplus",
      "Exp" }]()), one_of { { 3 }, { 2, 2 } }
  end,
  Chain = function(dtype)
    return flow.maf(3, { layers = 2, hidden = { 6 }, dtype = dtype }), { 3 }
  end,
  Inverse = function(dtype)
    return flow.Inverse(flow.MAF(3, { hidden = { 6 }, dtype = dtype })), { 3 }
  end,
}

local function shown(b, name) return name .. ": " .. tostring(b) end

local function largest(a, b) return (a - b):abs():max():item() end

-- One net, there and back; with `exact` its log-determinant too.
local function try(name, dtype, exact, tol)
  local b, shape, context, domain = makers[name](dtype)
  local x = orrery.randn({ 3, table.unpack(shape) }, like(dtype))
  if domain then x = domain(x) end
  local given = context and context > 0
    and orrery.randn({ 3, context }, like(dtype)) or nil
  orrery.no_grad(function()
    local z, logdet = b(x, given)
    local back, minus = b:inverse(z, given)
    t.ok(largest(back, x) <= tol, shown(b, name))
    t.ok(largest(minus, -logdet) <= tol * 10, shown(b, name))
    t.equal(logdet:shape_str(), "[3]")
    if not exact then return end
    t.ok(largest(flow.jacobian_logdet(b, x, given), logdet) <= 1e-9,
      shown(b, name))
  end)
end

local names = {}
for name in pairs(makers) do names[#names + 1] = name end
table.sort(names)
local nets = full and 1000 or 4

for _, name in ipairs(names) do
  t.test(("%s is undone to 1e-10, its log-determinant is the Jacobian's")
    :format(name), function()
    for _ = 1, nets do try(name, "float64", true, 1e-10) end
  end)
  t.test(("%s is undone to 1e-4 in float32"):format(name), function()
    for _ = 1, nets do try(name, "float32", false, 1e-4) end
  end)
end

t.test("every bijector of orrery.flow is among them", function()
  for name, class in pairs(flow) do
    if type(class) == "table" and class.class_name and class.inverse
        and name ~= "Bijector" then
      t.ok(makers[name], name .. " is missing from the list of this test")
    end
  end
end)
