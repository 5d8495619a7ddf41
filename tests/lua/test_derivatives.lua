--- Jacobians, Hessians and their products against hand-made derivatives.
local orrery, t = require "orrery", require "orrery.testing"

local function f64(v) return orrery.tensor(v, { dtype = "float64" }) end

t.test("the Jacobian of (x y, x + y^2) is written down by hand", function()
  local j = orrery.jacobian(function(v)
    return orrery.stack({ v[1] * v[2], v[1] + v[2] ^ 2 }, 1)
  end, f64 { 3, 5 })
  t.near(j, f64 { { 5, 3 }, { 1, 10 } }, 1e-12)
end)

t.test("a Jacobian has the axes of y, then those of x", function()
  local w = f64 { { 1, 2, 3 }, { 4, 5, 6 } }
  local j = orrery.jacobian(function(v) return w:matmul(v) end,
    f64 { { 1, 0 }, { 0, 1 }, { 2, 2 } })
  t.equal({ j:shape() }, { 2, 2, 3, 2 })
  t.equal(j[{ 1, 2, {}, 2 }]:tolist(), { 1, 2, 3 })
  t.equal(j[{ 1, 2, {}, 1 }]:tolist(), { 0, 0, 0 })
end)

t.test("the Hessian of x^2 y + y^3, and its product", function()
  local function fn(v) return v[1] ^ 2 * v[2] + v[2] ^ 3 end
  local x, v = f64 { 2, 3 }, f64 { 1, -2 }
  local h = f64 { { 6, 4 }, { 4, 18 } }
  t.near(orrery.hessian(fn, x), h, 1e-12)
  t.near(orrery.hvp(fn, x, v), h:matmul(v:unsqueeze(2)):squeeze(), 1e-12)
end)

t.test("products with a Jacobian from both sides", function()
  local function fn(v)  -- Jacobian { { y, x }, { 1, 2 y }, { 0, 0 } }
    return orrery.stack({ v[1] * v[2], v[1] + v[2] ^ 2, v[1] * 0 + 7 }, 1)
  end
  local x = f64 { 3, 5 }
  local y, left = orrery.vjp(fn, x, f64 { 1, 2, 4 })
  t.near(y, f64 { 15, 28, 7 }, 1e-12)
  t.near(left, f64 { 7, 23 }, 1e-12)
  local value, right = orrery.jvp(fn, x, f64 { 2, -1 })
  t.near(value, f64 { 15, 28, 7 }, 1e-12)
  t.near(right, f64 { 7, -8, 0 }, 1e-12)
  local _, ones = orrery.vjp(fn, x)
  t.near(ones, f64 { 6, 13 }, 1e-12)
  t.ok(not left.requires_grad and not right.requires_grad, "no graph is left")
end)

t.test("products with a Jacobian differentiate when asked to", function()
  local keep = { create_graph = true }
  local function cube(u) return u ^ 3 end
  local v = f64 { 2, -1 }
  t.gradcheck(function(x) return select(2, orrery.jvp(cube, x, v, keep)) end,
    { f64 { 1, 2 } })
  t.gradcheck(function(x) return select(2, orrery.vjp(cube, x, v, keep)) end,
    { f64 { 1, 2 } })
end)

t.test("functions that do not curve, or not depend, give zeros", function()
  local x = f64 { 1, 2 }
  t.equal(orrery.hvp(function(v) return v:sum() end, x, x), f64 { 0, 0 })
  t.equal(orrery.hessian(function(v) return v:sum() end, x),
    f64 { { 0, 0 }, { 0, 0 } })
  t.equal(orrery.jacobian(function() return f64 { 1 } end, x),
    f64 { { 0, 0 } })
  for _, name in ipairs { "jvp", "vjp" } do
    local y, product = orrery[name](function() return f64 { 1, 3 } end, x, x)
    t.equal(y, f64 { 1, 3 })
    t.equal(product, f64 { 0, 0 })
  end
  local _, flat = orrery.jvp(function(v) return v * 2 end, x, x)
  t.equal(flat, f64 { 2, 4 })
end)

t.test("a Jacobian made with create_graph is differentiable", function()
  t.gradcheck(function(v)
    return orrery.jacobian(function(u) return u ^ 3 end, v,
      { create_graph = true })
  end, { f64 { 1, 2 } })
end)

t.test("gradcheck answers, and says where", function()
  t.ok(orrery.gradcheck(function(v) return v:exp() end, { f64 { 1, 2 } }))
  local ok, why = orrery.gradcheck(function(v) return v * v:detach() end,
    { f64 { 1, 2 } })
  t.ok(not ok and why:find "input 1, element 1")
  t.ok(orrery.gradgradcheck(function(v) return v ^ 3 end, { f64 { 1, 2 } }))
  ok, why = orrery.gradgradcheck(function(v)
    return v ^ 2 + v:detach() ^ 3 * (v - v:detach())
  end, { f64 { 1, 2 } }, { tol = 1e-4 })
  t.ok(not ok and why, "a gradient that hides a path is found")
end)

t.test("misuse is named", function()
  t.fails("jacobian: fn is the number 3; pass a function", orrery.jacobian, 3,
    f64 { 1 })
  t.fails("hvp: x is missing; pass a float tensor", orrery.hvp, print)
  t.fails("hvp: v is a float64 tensor [2] but x is [1]; match them",
    orrery.hvp, print, f64 { 1 }, f64 { 1, 2 })
  t.fails("jvp: v is [2] but x is [1]; match them", orrery.jvp, print,
    f64 { 1 }, f64 { 1, 2 })
  t.fails("vjp: v is the number 3 but fn(x) is [1]; match them", orrery.vjp,
    function(x) return x end, f64 { 1 }, 3)
  t.fails("jacobian: fn returned the number 1; it must return a tensor",
    orrery.jacobian, function() return 1 end, f64 { 1 })
end)

t.test("lerp, flip and unflatten do what torch's do", function()
  local a, b = f64 { 0, 10 }, f64 { 4, 20 }
  t.equal(orrery.lerp(a, b, 0.25), f64 { 1, 12.5 })
  t.equal(a:lerp(b, f64 { 0, 1 }), f64 { 0, 20 })
  local x = f64 { { 1, 2, 3 }, { 4, 5, 6 } }
  t.equal(x:flip(2), f64 { { 3, 2, 1 }, { 6, 5, 4 } })
  t.equal(x:flip { 1, -1 }, f64 { { 6, 5, 4 }, { 3, 2, 1 } })
  t.equal({ orrery.zeros(2, 12):unflatten(2, { 3, -1 }):shape() }, { 2, 3, 4 })
  t.equal({ orrery.zeros(6, 0):unflatten(1, { 3, -1 }):shape() }, { 3, 2, 0 })
  for _, sizes in ipairs { { 5, -1 }, { 5, 2 }, { -1, -1 }, { 1.5 } } do
    t.fails_like("^unflatten: axis 2 of %[2, 12%] does not become %[.*%]; "
      .. "use sizes with product 12, one of them %-1 if you like$",
      orrery.unflatten, orrery.zeros(2, 12), 2, sizes)
  end
  t.gradcheck(function(v) return v:flip(1, 2) ^ 2 end, { x }, { order = 2 })
end)
