--- einsum against the ops it stands for, and sums written out.
local orrery, t = require "orrery", require "orrery.testing"
local einsum = orrery.einsum

local function randn(seed, ...)
  return orrery.randn({ ... }, { dtype = "float64",
    generator = orrery.Generator(seed) })
end

local function same(a, b)
  t.ok(a:shape_str() == b:shape_str(), "shapes " .. a:shape_str() .. " and "
    .. b:shape_str())
  t.ok(a:numel() == 0 or (a - b):abs():amax():item() < 1e-12, "values")
end

t.test("one term permutes, sums and walks diagonals", function()
  local x, s = randn(1, 3, 4), randn(2, 3, 3)
  same(einsum("ij->ji", x), x:transpose(1, 2))
  same(einsum("ji", x), x:transpose(1, 2))
  same(einsum("ij->", x), x:sum())
  same(einsum("ij->i", x), x:sum(2))
  same(einsum("ii", s), s:trace())
  same(einsum("ii -> i", s), s:diagonal())
  same(einsum("...ij->...ji", randn(3, 2, 3, 4)),
    randn(3, 2, 3, 4):transpose(-2, -1))
end)

t.test("two terms are the products they name", function()
  local x, y = randn(1, 2, 3, 4), randn(2, 2, 4, 5)
  local u, v = randn(3, 3), randn(4, 3)
  same(einsum("bij,bjk->bik", x, y), x:matmul(y))
  same(einsum("bij,bjk", x, y), x:matmul(y):sum(1))
  same(einsum("i,i->", u, v), (u * v):sum())
  same(einsum("i,j->ij", u, v), u:outer(v))
  same(einsum("i,i->i", u, v), u * v)
  same(einsum("bij,bjk->kb", x, y), x:matmul(y):sum(2):transpose(1, 2))
  same(einsum("...i,...i", x, x), (x * x):sum(3))
  same(einsum("...ij,jk->...ik", x, randn(5, 4, 6)),
    x:matmul(randn(5, 4, 6)))
  same(einsum("...ij,jk", x, randn(5, 4, 6)), x:matmul(randn(5, 4, 6)))
  same(einsum("...ij,...jk->...ik", randn(6, 2, 1, 3, 4), randn(7, 5, 4, 2)),
    randn(6, 2, 1, 3, 4):matmul(randn(7, 5, 4, 2)))
end)

t.test("three terms and a list of tensors", function()
  local a, m, b = randn(1, 3), randn(2, 3, 4), randn(3, 4)
  local want = (a:unsqueeze(2) * m * b):sum()
  same(einsum("i,ij,j->", a, m, b), want)
  same(einsum("i,ij,j", { a, m, b }), want)
  same(einsum("i,ij,jk,k->i", a, m, randn(4, 4, 2), randn(5, 2)),
    a * m:matmul(randn(4, 4, 2)):matmul(randn(5, 2, 1)):squeeze(2))
end)

t.test("empty axes and shared sums", function()
  local x, y = orrery.zeros { 2, 0 }, orrery.zeros { 0, 3 }
  same(einsum("ij,jk->ik", x, y), orrery.zeros { 2, 3 })
  same(einsum("ij,jk->ijk", x, y), orrery.zeros { 2, 0, 3 })
end)

t.test("einsum differentiates", function()
  t.gradcheck(function(x, y) return einsum("bij,bjk->ki", x, y) end,
    { randn(1, 2, 3, 2), randn(2, 2, 2, 3) })
  t.gradcheck(function(x, y) return einsum("ii,ij->j", x, y) end,
    { randn(1, 3, 3), randn(2, 3, 2) })
end)

t.test("mistakes are named", function()
  local x = randn(1, 2, 3)
  local function fails(text, ...)
    t.fails("einsum: " .. text, einsum, ...)
  end
  fails("equation is the number 3; pass a string such as \"ij,jk->ik\"", 3, x)
  fails("operand 2 is the number 4; pass a tensor", "ij,jk", x, 4)
  fails("operand 1 is missing; pass a tensor", "ij,jk", nil, x)
  fails("\"ij,jk\" has 2 terms but 1 tensors are given; give one each",
    "ij,jk", { x })
  fails("term 1 of \"ijk\" names 3 axes but its tensor is [2, 3]; name each "
    .. "axis", "ijk", x)
  fails("term 1 of \"i\" names 1 axes but its tensor is [2, 3]; name each "
    .. "axis or use ...", "i", x)
  fails("j is 3 and 2 in \"ij,jk\"; one letter has one size", "ij,jk", x, x)
  fails("i is 2 and 3 in one term of \"ii\"; it must be one size", "ii", x)
  fails("the result of \"ij->k\" names k twice or from nowhere; name letters "
    .. "of the terms, once each", "ij->k", x)
  fails("the equation \"i1\" has \"1\" in \"i1\"; use letters, one ... a term, "
    .. "commas and ->", "i1", x)
end)

t.test("tensordot sums over the axes it is given", function()
  local x, y = randn(1, 2, 3, 4), randn(2, 3, 4, 5)
  local td = orrery.tensordot
  same(td(x, y), einsum("abc,bcd->ad", x, y))
  same(td(x, randn(3, 4, 5), 1), x:matmul(randn(3, 4, 5)))
  same(td(x, y, { { 3 }, { 2 } }), einsum("abc,dce->abde", x, y))
  same(td(x, y, { { -1, 2 }, { 2, 1 } }), einsum("abc,bcd->ad", x, y))
  same(td(x, y, 0), einsum("abc,def->abcdef", x, y))
  t.fails("tensordot: x is [2, 3, 4], y is [3, 4, 5]: axis 3 of x has 4 "
    .. "elements, axis 1 of y 3; they must be equal", td, x, y, 1)
  t.fails("tensordot: axis 4 is named but x is [2, 3, 4]; use 1 to 3 or -3 to "
    .. "-1", td, x, y, { { 4 }, { 1 } })
  t.fails("tensordot: y is the number 3; pass a tensor", td, x, 3)
end)
