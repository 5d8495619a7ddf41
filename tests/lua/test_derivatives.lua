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
  t.fails("hvp: v is [2] but x is [1]; match them",
    orrery.hvp, print, f64 { 1 }, f64 { 1, 2 })
  t.fails("jvp: v is [2] but x is [1]; match them", orrery.jvp, print,
    f64 { 1 }, f64 { 1, 2 })
  t.fails("vjp: v is the number 3 but fn(x) is [1]; match them", orrery.vjp,
    function(x) return x end, f64 { 1 }, 3)
  t.fails("jacobian: fn returned the number 1; it must return a tensor",
    orrery.jacobian, function() return 1 end, f64 { 1 })
end)

t.test("more misuse is named", function()
  local x = f64 { 1, 2 }
  t.fails("jacobian: strict is the number 1; pass true or false",
    orrery.jacobian, print, x, { strict = 1 })
  t.fails("jacobian: x[2] is the number 3; pass a float tensor",
    orrery.jacobian, print, { x, 3 })
  t.fails("hessian: fn returned [2]; it must return one number",
    orrery.hessian, function(v) return v end, x)
  t.fails("hvp: fn returned 2 tensors; it must return one number",
    orrery.hvp, function(v) return v:sum(), v:sum() end, x, x)
  t.fails("jvp: v[2] is missing but x[2] is [2]; match them", orrery.jvp,
    print, { x, x }, { x })
  t.fails("vjp: v has 3 entries but fn(x) has 2; match them", orrery.vjp,
    function(v) return { v, v } end, x, { x, x, x })
  t.fails("vjp: fn returned a uint8 tensor [2]; it must return a float "
    .. "tensor", orrery.vjp, function(v) return v:to "uint8" end, x)
end)

-- f(a, b) = (a b, sum a^2), with a, b [2]
local function pair(a, b) return a * b, (a ^ 2):sum() end

t.test("a Jacobian of several values by several inputs is a table of tables",
  function()
    local a, b = f64 { 2, 3 }, f64 { 5, 7 }
    local j = orrery.jacobian(pair, { a, b })
    t.equal({ #j, #j[1], #j[2] }, { 2, 2, 2 })
    t.near(j[1][1], f64 { { 5, 0 }, { 0, 7 } }, 1e-12)
    t.near(j[1][2], f64 { { 2, 0 }, { 0, 3 } }, 1e-12)
    t.near(j[2][1], f64 { 4, 6 }, 1e-12)
    t.equal(j[2][2], f64 { 0, 0 })
    local packed = orrery.jacobian(function(...) return { pair(...) } end,
      { a, b })
    t.equal(packed, j)
    local one = orrery.jacobian(function(v) return v:sum(), v * 2 end, a)
    t.equal(one[1], f64 { 1, 1 })
    t.equal(one[2], f64 { { 2, 0 }, { 0, 2 } })
    t.equal(orrery.jacobian(function(u, v) return u * v end, { a, a })[2],
      f64 { { 2, 0 }, { 0, 3 } })  -- one tensor twice is two inputs
  end)

t.test("the Jacobian of softmax is diag(p) - p p^T", function()
  local x = f64 { 0.3, -1, 2 }
  local p = x:softmax(1)
  local want = p:diag() - p:unsqueeze(2):matmul(p:unsqueeze(1))
  t.near(orrery.jacobian(function(v) return v:softmax(1) end, x), want, 1e-14)
end)

t.test("the Hessian of a quadratic form in two blocks", function()
  -- a^T M a + a^T N b: by a twice M + M^T, by a and b N, by b twice 0.
  local m = f64 { { 1, 2 }, { -3, 4 } }
  local n = f64 { { 1, 0, 2 }, { 5, -1, 3 } }
  local function fn(a, b) return a:dot(m:matmul(a)) + a:dot(n:matmul(b)) end
  local a, b = f64 { 2, -1 }, f64 { 1, 2, 3 }
  local h = orrery.hessian(fn, { a, b })
  t.near(h[1][1], m + m:transpose(1, 2), 1e-12)
  t.near(h[1][2], n, 1e-12)
  t.near(h[2][1], n:transpose(1, 2), 1e-12)
  t.equal(h[2][2], orrery.zeros(3, 3, { dtype = "float64" }))
  local u, v = f64 { 1, 3 }, f64 { -1, 2, 1 }
  local product, y = orrery.hvp(fn, { a, b }, { u, v })
  t.near(product[1], (m + m:transpose(1, 2)):matmul(u) + n:matmul(v), 1e-12)
  t.near(product[2], n:transpose(1, 2):matmul(u), 1e-12)
  t.near(y, fn(a, b), 1e-12)
end)

t.test("the Hessian of log det is -inv(X)^T (x) inv(X)^T", function()
  local x = f64 { { 3, 1 }, { 0.5, 2 } }
  local h = orrery.hessian(function(v)
    return select(2, orrery.linalg.slogdet(v))
  end, x)
  local inv = x:inverse():tolist()
  for i = 1, 2 do for j = 1, 2 do for k = 1, 2 do for l = 1, 2 do
    -- d inv[j][i] / d x[k][l] = -inv[j][k] inv[l][i]
    t.near(h[{ i, j, k, l }]:item(), -inv[j][k] * inv[l][i], 1e-12)
  end end end end
end)

t.test("products by several inputs and of several values", function()
  local a, b = f64 { 2, 3 }, f64 { 5, 7 }
  local y, left = orrery.vjp(pair, { a, b }, { f64 { 1, -1 }, f64(2) })
  t.near(y, { f64 { 10, 21 }, f64(13) }, 1e-12)
  t.near(left, { f64 { 5 + 8, -7 + 12 }, f64 { 2, -3 } }, 1e-12)
  local value, right = orrery.jvp(pair, { a, b },
    { f64 { 1, 2 }, f64 { -1, 1 } })
  t.near(value, { f64 { 10, 21 }, f64(13) }, 1e-12)
  t.near(right, { f64 { 5 - 2, 14 + 3 }, f64(4 + 12) }, 1e-12)
end)

t.test("under no_grad derivatives are what they are elsewhere", function()
  local x = f64 { 2, 3 }
  local function cube(v) return (v ^ 3):sum() end
  orrery.no_grad(function()
    t.near(orrery.jacobian(cube, x), f64 { 12, 27 }, 1e-12)
    t.near(orrery.hessian(cube, x), f64 { { 12, 0 }, { 0, 18 } }, 1e-12)
    t.near(orrery.hvp(cube, x, f64 { 1, 2 }), f64 { 12, 36 }, 1e-12)
    t.near(select(2, orrery.vjp(cube, x)), f64 { 12, 27 }, 1e-12)
    t.near(select(2, orrery.jvp(cube, x, f64 { 1, 1 })), 39, 1e-12)
    t.ok(not orrery.is_grad_enabled(), "recording is off again")
  end)
end)

t.test("what is detached, or computed in no_grad, counts as constant",
  function()
    local x, v = f64 { 2, 3 }, f64 { 1, 1 }
    local function detached(u) return (u * u:detach() ^ 2):sum() end
    local function unrecorded(u)
      return (u * orrery.no_grad(function() return u ^ 2 end)):sum()
    end
    for _, fn in ipairs { detached, unrecorded } do
      t.near(orrery.jacobian(fn, x), f64 { 4, 9 }, 1e-12)
      t.equal(orrery.hessian(fn, x), f64 { { 0, 0 }, { 0, 0 } })
      t.equal(orrery.hvp(fn, x, v), f64 { 0, 0 })
      t.near(select(2, orrery.vjp(fn, x)), f64 { 4, 9 }, 1e-12)
      t.near(select(2, orrery.jvp(fn, x, v)), 13, 1e-12)
    end
    t.ok(not x.requires_grad and x.grad == nil, "x is left alone")
  end)

t.test("with strict, values that depend on nothing are errors", function()
  local x, strict = f64 { 1, 2 }, { strict = true }
  local function first(u, v) return u * 2, (u * v):sum() end
  t.fails("jacobian: value 1 of fn does not depend on input 2; leave strict "
    .. "out for zeros", orrery.jacobian, first, { x, x }, strict)
  t.fails("hessian: the gradient by input 1 does not depend on input 1; "
    .. "leave strict out for zeros", orrery.hessian,
    function(u, v) return (u * v):sum() end, { x, x }, strict)
  t.fails("hvp: the gradient does not depend on input 1; leave strict out for "
    .. "zeros", orrery.hvp, function(u) return u:sum() end, x, x, strict)
  for _, name in ipairs { "vjp", "jvp" } do
    t.fails(name .. ": fn(x) does not depend on input 2; leave strict out for "
      .. "zeros", orrery[name], function(u) return u * 2 end, { x, x },
      name == "vjp" and x or { x, x }, strict)
  end
  t.near(orrery.hessian(function(u) return (u ^ 2):sum() end, x, strict),
    f64 { { 2, 0 }, { 0, 2 } })
end)

t.test("derivatives by several inputs differentiate when asked to", function()
  local keep = { create_graph = true }
  local a, b, v = f64 { 1, 2 }, f64 { 0.5, -1 }, f64 { 1, 3 }
  local function fn(u, w) return (u ^ 3 * w ^ 2):sum() end
  t.gradcheck(function(...)
    local h = orrery.hessian(fn, { ... }, keep)
    return h[1][1] + h[1][2] * 2 + h[2][2]
  end, { a, b })
  t.gradcheck(function(...)
    local product = orrery.hvp(fn, { ... }, { v, a }, keep)
    return product[1] * product[2]
  end, { a, b })
  t.gradcheck(function(...)
    local _, product = orrery.jvp(function(u, w) return u ^ 2 * w, w ^ 3 end,
      { ... }, { v, a }, keep)
    return product[1] * product[2]
  end, { a, b })
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
