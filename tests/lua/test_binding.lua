--- Arguments of ops as Lua gives them: by place, by name, as lists, as plain
--- numbers; and one sentence at the caller's line for what is wrong.
local orrery, t = require "orrery", require "orrery.testing"

local function f32(v) return orrery.tensor(v) end
local function i64(v) return orrery.tensor(v, { dtype = "int64" }) end
local x23 = { { 1, 2, 3 }, { 4, 5, 6 } }

t.test("options go by place or by name", function()
  local x = f32(x23)
  t.equal(x:sum(1), f32 { 5, 7, 9 })
  t.equal(x:sum { axis = 1 }, f32 { 5, 7, 9 })
  t.equal(orrery.sum(x, { axis = 1 }), f32 { 5, 7, 9 })
  t.equal(x:sum(1, true), f32 { { 5, 7, 9 } })
  t.equal(x:sum(1, { keepdim = true }), f32 { { 5, 7, 9 } })
  t.equal(x:sum(nil, { keepdim = true }), f32 { { 21 } })
  t.equal(x:sum { 1, 2 }, f32(21))
  t.equal(x:sum { 1, keepdim = true }, f32 { { 5, 7, 9 } })
  t.equal(orrery.sum { x = x, axis = -1 }, f32 { 6, 15 })
end)

t.test("a list may be plain numbers", function()
  local x = f32(x23)
  t.equal(x:view(3, 2), f32 { { 1, 2 }, { 3, 4 }, { 5, 6 } })
  t.equal(x:view { 3, 2 }, f32 { { 1, 2 }, { 3, 4 }, { 5, 6 } })
  t.equal(x:view(-1), f32 { 1, 2, 3, 4, 5, 6 })
  t.equal(x:permute(2, 1), x:transpose(1, 2):contiguous())
  t.equal(orrery.zeros(2, 1), f32 { { 0 }, { 0 } })
  t.equal(orrery.zeros { 2, 1 }, f32 { { 0 }, { 0 } })
  t.equal(orrery.zeros(2, { dtype = "int64" }), i64 { 0, 0 })
  t.equal(orrery.zeros { 2, dtype = "int64" }, i64 { 0, 0 })
  t.equal(orrery.zeros({ x:shape() }), x * 0)
  t.equal(orrery.zeros(x:shape()), x * 0)
  t.equal(orrery.zeros {}, f32(0))
  t.equal(orrery.full({ 2 }, 7), f32 { 7, 7 })
end)

t.test("created tensors can require gradients", function()
  t.ok(orrery.zeros(2, { requires_grad = true }).requires_grad)
  t.ok(not orrery.zeros(2).requires_grad)
  t.fails_like("requires_grad", orrery.zeros, 2, { requires_grad = 1 })
end)

t.test("a number beside a tensor takes its dtype", function()
  t.equal(f32 { 1, 2 } + 1, f32 { 2, 3 })
  t.equal(2 - f32 { 1, 2 }, f32 { 1, 0 })
  t.equal(2 / f32 { 1, 2 }, f32 { 2, 1 })
  t.equal(i64 { 1, 2 } + 1, i64 { 2, 3 })
  t.equal(i64 { 1, 2 } * 0.5, f32 { 0.5, 1 })
  t.equal((orrery.tensor({ 0.1 }, { dtype = "float64" }) * 3).dtype, "float64")
  t.equal(orrery.add(1, 2), f32(3))
end)

t.test("uint8 beside a whole number stays uint8", function()
  local u = orrery.tensor({ 1, 2 }, { dtype = "uint8" })
  t.equal((u + 1).dtype, "uint8")
  t.equal((u + 300).dtype, "uint8")
  t.equal((u * 1.5):tolist(), { 1.5, 3 })
end)

t.test("operators are the ops of their name", function()
  local a, b = f32 { 5, -7 }, f32 { 3, 3 }
  t.equal(a + b, a:add(b))
  t.equal(a - b, a:sub(b))
  t.equal(a * b, a:mul(b))
  t.equal(a / b, a:div(b))
  t.equal(b ^ 2, f32 { 9, 9 })
  t.equal(2 ^ b, f32 { 8, 8 })
  t.equal(a % b, f32 { 2, 2 })
  t.equal(-a, f32 { -5, 7 })
end)

t.test("forms ending in _ write over their tensor and return it", function()
  local a = f32 { 1, 2 }
  t.ok(rawequal(a:add_(1), a))
  t.equal(a, f32 { 2, 3 })
  local row = f32(x23)[2]
  local whole = f32(x23)
  whole[2]:mul_(10)
  t.equal(whole, f32 { { 1, 2, 3 }, { 40, 50, 60 } })
  t.equal(row, f32 { 4, 5, 6 })
end)

t.test("what is missing, too much or unknown is named", function()
  local x = f32(x23)
  t.fails("transpose: axis1 is missing; call transpose(x, axis1, axis2)",
    x.transpose, x)
  t.fails("sum: 5 arguments are too many; call sum(x, axis?, keepdim?)",
    orrery.sum, x, 1, true, 3, 4)
  t.fails("sum: unknown option axs; did you mean axis?", x.sum, x,
    { axs = 1 })
  t.fails("sum: axis is given twice; name it or place it", x.sum, x, 1,
    { axis = 1 })
  t.fails("sum: the last table has true as a key; name the option", x.sum, x,
    { [true] = 1 })
end)

t.test("values of a wrong type are named", function()
  local x = f32(x23)
  t.fails('sum: axis is the string "a"; pass a number or a table of numbers',
    x.sum, x, "a")
  t.fails("sum: axis is the number 1.5; pass a whole number", x.sum, x, 1.5)
  t.fails("sum: axis is 0; count from 1, or from the end with -1", x.sum, x, 0)
  t.fails("sum: axis is 3 but x is [2, 3]; use 1 to 2 or -2 to -1", x.sum, x,
    3)
  t.fails("sum: keepdim is the number 1; pass true or false", x.sum, x, { 1 },
    1)
  t.fails('add: y is the string "1"; pass a tensor or a number', x.add, x, "1")
  t.fails("add: x is a table; pass a tensor or a number", orrery.add,
    { 1 }, x)
  t.fails('zeros: dtype is the string "float"; pass float32, float64, int64 '
    .. "or uint8", orrery.zeros, 2, { dtype = "float" })
  t.fails("cat: tensors[2] is the number 1; pass a table of tensors",
    orrery.cat, { x, 1 })
  t.fails("zeros: sizes has 9 entries; a tensor has at most 8 axes",
    orrery.zeros, 1, 1, 1, 1, 1, 1, 1, 1, 1)
  t.fails("add_: x is a number; pass a tensor", orrery.add_, 1, x)
end)

t.test("an operator names the operand that is no tensor", function()
  local x = f32(x23)
  t.fails('add: y is the string "1"; pass a tensor or a number',
    function() return x + "1" end)
  t.fails("mul: x is a table; pass a tensor or a number",
    function() return {} * x end)
  t.fails("add: y is missing; pass a tensor or a number",
    function() return x + nil end)
end)

t.test("errors inside Orrery's own files name the user's line", function()
  t.fails("chunk: n is the number 0; pass a whole number from 1", orrery.chunk,
    f32(x23), 0)
  t.fails_like("^split: the lengths add up to 3", orrery.split, f32(x23),
    { 1, 2 })
  local co = coroutine.create(function() return f32(x23):sum(9) end)
  local _, why = coroutine.resume(co)
  t.ok(why:find "test_binding.lua:%d+: sum: axis is 9", why)
end)

t.test("a record reads back as the op was declared", function()
  local r = orrery.record "sum"
  t.equal(r.name, "sum")
  t.equal(r.params[2].kind, "axes")
  t.equal(r.params[3].default, false)
  t.equal(orrery.record "no such op", nil)
end)

t.test("help shows the signature and every parameter", function()
  local text = orrery.help "sum"
  t.ok(text:find("sum(x, { axis, keepdim = false }) -> Tensor", 1, true), text)
  t.ok(text:find "keepdim  true or false")
  t.ok(orrery.help "no_grad":find "without recording")
  t.ok(orrery.help "live":find "Live tensors")
  t.ok(orrery.help "Tensor.tolist":find "nested tables")
  t.equal(orrery.help "nothing of the kind", nil)
end)

t.test("the reference covers every function written in C", function()
  local reference = require "orrery.reference"
  local aliases = require "orrery.aliases"
  local missing = {}
  for name, value in pairs(orrery) do
    local plain = name:gsub("_$", "")
    if type(value) == "function" and not name:find "^_"
        and not orrery.record(plain)
        and not aliases[plain]
        and debug.getinfo(value, "S").what == "C"
        and not reference.functions[name]
        and not ({ blame = 1, set_own = 1, grad_mode = 1, set_anomaly = 1,
          original = 1 })[name] then
      missing[#missing + 1] = name
    end
  end
  table.sort(missing)
  t.equal(table.concat(missing, " "), "")
end)

t.test("the editor's annotations are Lua and name every public op", function()
  local text = require "orrery.annotations".text()
  t.ok(load(text, "=annotations", "t", {}))
  for _, name in ipairs(orrery.op_names()) do
    local flags = orrery.record(name).flags
    if not flags.hidden then
      t.ok(text:find(("function [%%w.]+[.:]%s%%("):format(name)), name)
    end
  end
  t.ok(text:find("---@param keepdim? boolean", 1, true))
end)
