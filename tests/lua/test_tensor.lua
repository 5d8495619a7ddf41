--- What a tensor says of itself, how it is made from tables and read back.
local orrery, t = require "orrery", require "orrery.testing"

local function typed(v, dtype) return orrery.tensor(v, { dtype = dtype }) end
local x23 = { { 1, 2, 3 }, { 4, 5, 6 } }

t.test("shape, size, rank and count agree", function()
  local x = orrery.tensor(x23)
  t.equal({ x:shape() }, { 2, 3 })
  t.equal({ x:size() }, { 2, 3 })
  t.equal({ x:size(1), x:size(-1) }, { 2, 3 })
  t.equal({ #x, x:dim(), x:rank(), x:numel() }, { 2, 2, 2, 6 })
  t.equal({ x:stride() }, { 3, 1 })
  t.equal(x:shape_str(), "[2, 3]")
  t.equal({ orrery.tensor(1):shape() }, {})
end)

t.test("views share storage and have strides", function()
  local x = orrery.tensor(x23)
  local y = x:transpose(1, 2)
  t.equal({ y:stride() }, { 1, 3 })
  t.ok(x:is_contiguous() and not y:is_contiguous())
  t.ok(y:shares_storage(x) and not y:clone():shares_storage(x))
  t.equal(y, orrery.tensor { { 1, 4 }, { 2, 5 }, { 3, 6 } })
end)

t.test("tables become float32 unless told otherwise", function()
  t.equal(orrery.tensor(x23).dtype, "float32")
  t.equal(orrery.tensor(3).dtype, "float32")
  t.equal(orrery.tensor({ true, false }), typed({ 1, 0 }, "uint8"))
  t.equal(typed({ true, false }, "float64"), typed({ 1, 0 }, "float64"))
  for _, dtype in ipairs { "float32", "float64", "int64", "uint8" } do
    local x = typed({ { 1, 2 }, { 3, 250 } }, dtype)
    t.equal(x.dtype, dtype)
    t.equal(x:tolist(), { { 1, 2 }, { 3, 250 } })
  end
end)

t.test("int64 keeps all 64 bits both ways", function()
  local big = { math.maxinteger, math.mininteger, 2 ^ 53 | 0 }
  big[4] = big[3] + 1
  t.equal(typed(big, "int64"):tolist(), big)
  t.equal(math.type(typed(7, "int64"):item()), "integer")
  t.equal(math.type(orrery.tensor(7):item()), "float")
end)

t.test("nothing, and nothing times three, are shapes too", function()
  t.equal({ orrery.tensor({}):shape() }, { 0 })
  t.equal({ orrery.tensor({ {}, {} }):shape() }, { 2, 0 })
  t.equal(orrery.tensor({ {}, {} }):tolist(), { {}, {} })
end)

t.test("a tensor given to tensor() is copied", function()
  local x = orrery.tensor { 1, 2 }
  local y = orrery.tensor(x)
  y[1] = 9
  t.equal(x, orrery.tensor { 1, 2 })
  t.equal(orrery.tensor(x, { dtype = "int64" }), typed({ 1, 2 }, "int64"))
end)

t.test("tables that are no tensor are refused with the place", function()
  t.fails("tensor: [2] has 1 entries but the first has 2; make them equal",
    orrery.tensor, { { 1, 2 }, { 3 } })
  t.fails("tensor: the element [2] is the number 3; others there are tables",
    orrery.tensor, { { 1, 2 }, 3 })
  t.fails("tensor: [1][2] is a table where others are numbers; nest all alike",
    orrery.tensor, { { 1, { 2 } } })
  t.fails('tensor: the element [1][2] is the string "a"; use numbers or '
    .. "booleans", orrery.tensor, { { 1, "a" } })
  t.fails("tensor: the values are missing; pass a number or nested tables of "
    .. "numbers", orrery.tensor, nil)
  t.fails("tensor: the element [1] is the number 1.5; int64 and uint8 hold "
    .. "whole numbers", orrery.tensor, { 1.5 }, { dtype = "int64" })
  t.fails("tensor: the element [2] is the number 256; uint8 holds 0 to 255",
    orrery.tensor, { 0, 256 }, { dtype = "uint8" })
  t.fails("tensor: unknown option dtpye; did you mean dtype?", orrery.tensor,
    { 1 }, { dtpye = "int64" })
  t.fails('tensor: dtype is the string "int32"; use float32, float64, int64 '
    .. "or uint8", orrery.tensor, { 1 }, { dtype = "int32" })
  t.fails_like("deeper than 8", orrery.tensor,
    { { { { { { { { { 1 } } } } } } } } })
  local loop = {}
  loop[1] = loop
  t.fails_like("deeper than 8", orrery.tensor, loop)
end)

t.test("item wants one element", function()
  t.equal(orrery.tensor({ { 2.5 } }):item(), 2.5)
  t.fails("item: x is [2, 3]; item needs exactly one element",
    function() return orrery.tensor(x23):item() end)
end)

t.test("conversions change the dtype, or nothing", function()
  local x = orrery.tensor { 1.75, -2.25 }
  t.equal(x:long(), typed({ 1, -2 }, "int64"))
  t.equal(x:double():float(), x)
  t.ok(rawequal(x:float(), x))
  t.equal(x:to("float64").dtype, "float64")
  t.equal(orrery.tensor({ 3 }):byte().dtype, "uint8")
end)

t.test("equality of two values is identity of the tensor", function()
  local x = orrery.tensor({ 1 }, { requires_grad = true })
  x:sum():backward()
  t.ok(x.grad == x.grad)
  t.ok(x ~= orrery.tensor { 1 })
  t.ok(orrery.equal(x:detach(), orrery.tensor { 1 }))
end)

t.test("split, chunk and unbind give views that cover the axis", function()
  local x = orrery.tensor { 1, 2, 3, 4, 5 }
  local a, b, c = x:split(2)
  t.equal({ a:tolist(), b:tolist(), c:tolist() }, { { 1, 2 }, { 3, 4 }, { 5 } })
  a, b = x:split { 1, 4 }
  t.equal({ a:tolist(), b:tolist() }, { { 1 }, { 2, 3, 4, 5 } })
  a, b = x:chunk(2)
  t.equal({ a:tolist(), b:tolist() }, { { 1, 2, 3 }, { 4, 5 } })
  t.ok(a:shares_storage(x))
  local rows = { orrery.tensor(x23):unbind(2) }
  t.equal(#rows, 3)
  t.equal(rows[3], orrery.tensor { 3, 6 })
end)

t.test("max and min are of all, along an axis, or of two tensors", function()
  local x = orrery.tensor { { 1, 5, 3 }, { 4, 2, 6 } }
  t.equal(x:max():item(), 6)
  t.equal(x:max { keepdim = true }, orrery.tensor { { 6 } })
  local values, positions = x:max(2)
  t.equal(values:tolist(), { 5, 6 })
  t.equal(positions:tolist(), { 2, 3 })
  values, positions = x:min(-1, { keepdim = true })
  t.equal(values:tolist(), { { 1 }, { 2 } })
  t.equal(positions:tolist(), { { 1 }, { 2 } })
  t.equal(orrery.max(x, orrery.tensor(3)):tolist(),
    { { 3, 5, 3 }, { 4, 3, 6 } })
  t.fails_like("^max: axis is 3 but x is", x.max, x, 3)
end)

t.test("copy_, fill_ and zero_ write in place", function()
  local x = orrery.tensor(x23)
  t.ok(rawequal(x:copy_(typed({ 7, 8, 9 }, "int64")), x))
  t.equal(x, orrery.tensor { { 7, 8, 9 }, { 7, 8, 9 } })
  t.equal(x:fill_(2):sum():item(), 12)
  t.equal(x:zero_():sum():item(), 0)
  t.equal(x:copy_(3):sum():item(), 18)
  t.fails_like("copy_: %[2%] does not broadcast to %[2, 3%]", x.copy_, x,
    orrery.tensor { 1, 2 })
end)

t.test("printing shows dtype, shape, range and aligned values", function()
  local text = tostring(orrery.tensor { { 1, 2 }, { 3, 4 } })
  t.ok(text:find "^float32 %[2, 2%]   min 1 +mean 2.5 +max 4\n", text)
  t.ok(#tostring(orrery.tensor(1):expand { 400, 400 }) < 5000)
  t.ok(tostring(orrery.tensor {}):find "^float32 %[0%]")
end)

t.test("only grad, requires_grad and positions can be assigned", function()
  local x = orrery.tensor { 1 }
  t.fails_like("^assign: a tensor has no field colour",
    function() x.colour = 1 end)
  t.fails_like("^requires_grad_: the tensor is int64",
    function() typed({ 1 }, "int64").requires_grad = true end)
  t.equal(x.colour, nil)
end)

t.test("a tensor closed by hand says so when used", function()
  local kept
  do
    local x <close> = orrery.tensor { 1 }
    kept = x
  end
  t.equal(tostring(kept), "tensor (freed)")
  t.fails_like("sum: x is a tensor already freed",
    function() return orrery.sum(kept) end)
  t.fails_like("sum: x is a tensor already freed",
    function() return kept:sum() end)
  t.fails_like("freed", function() return kept.dtype end)
  t.fails_like("freed", function() return kept[1] end)
  t.fails_like("freed", function() return kept + 1 end)
end)
