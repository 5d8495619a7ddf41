local orrery, t = require "orrery", require "orrery.testing"
local json = orrery.json

for need in ("json"):gmatch "%a+" do
  if not require "orrery.core"._io.features[need] then
    return t.skip("files", "this build has no " .. need)
  end
end

t.test("values have the JSON form of RFC 8259", function()
  t.equal(json.encode { b = 1, a = { 1, 2.5, "x" }, c = true },
    '{"a":[1,2.5,"x"],"b":1,"c":true}')
  t.equal(json.encode 'a"\\\n\1\127\u{e9}', '"a\\"\\\\\\n\\u0001\\u007f\u{e9}"')
  t.equal(json.encode(json.null), "null")
  t.equal(json.encode {}, "{}")
  t.equal(json.encode(json.list()), "[]")
  t.equal(json.encode({ b = { 1, 2 }, a = {} }, { indent = 2 }),
    '{\n  "a": {},\n  "b": [1, 2]\n}')
end)

t.test("a number has the fewest digits that give it back", function()
  t.equal(json.encode { 0.1, 1e-3, 1 / 3, 1e300, 100.0, -0.0, 7 },
    "[0.1,0.001,0.3333333333333333,1e+300,100.0,-0.0,7]")
  local x = 0x12345678
  for _ = 1, 2000 do
    x = x * 6364136223846793005 + 1442695040888963407
    local number = (("d"):unpack(("j"):pack(x)))
    if number == number and math.abs(number) < math.huge then
      t.ok(tonumber(json.number(number)) == number, json.number(number))
      t.ok(json.decode(json.number(number)) == number)
    end
    t.equal(json.decode(json.number(x)), x)
  end
end)

t.test("integers and floats keep apart", function()
  local got = json.decode "[1, 1.0, -9223372036854775808, 1e2]"
  t.equal(math.type(got[1]), "integer")
  t.equal(math.type(got[2]), "float")
  t.equal(got[3], math.mininteger)
  t.equal(math.type(got[4]), "float")
  t.equal(json.encode { 1, 1.0 }, "[1,1.0]")
end)

t.test("what is decoded encodes to the same text", function()
  for _, text in ipairs {
    '{"a":[],"b":{},"c":[null,false,{"d":"\u{1F600}"}]}', "[[[]]]", '""', "0",
    '"\\u0000"',
  } do
    t.equal(json.encode(json.decode(text)), text)
  end
end)

t.test("what JSON cannot say is refused by its place", function()
  t.fails('json: value.a[2] is nan; JSON has no such number: pass { nonfinite '
    .. '= "text" }', json.encode, { a = { 1, 0 / 0 } })
  t.equal(json.encode({ 0 / 0, -math.huge }, { nonfinite = "text" }),
    '["nan","-inf"]')
  t.fails("json: value.x is a string that is not UTF-8; encode its bytes as "
    .. "text", json.encode, { x = "\xff" })
  t.fails("json: value is a table with 2.5 as a key; JSON has lists 1..n and "
    .. "names; use tostring", json.encode, { [2.5] = 1 })
  t.fails("json: value is a table with both list entries and names; keep one "
    .. "kind", json.encode, { 1, a = 2 })
  t.fails("json: value.w is a tensor; pass x:tolist(), or use orrery.save",
    json.encode, { w = orrery.tensor { 1 } })
  t.fails("json: value is a function; only numbers, strings, booleans and "
    .. "tables of them have a JSON form", json.encode, print)
  local circle = {}
  circle.again = circle
  t.fails("json: value.again is a table that contains itself; break the circle",
    json.encode, circle)
end)

t.test("a damaged text is told with its line", function()
  local got, why = json.decode '{"a": 1,\n "b": }'
  t.equal(got, nil)
  t.ok(why:find "^json: line 2, column %d+: ", why)
  for _, text in ipairs {
    "", "nan", "[1", '{"a":1,"a":2}', "1 2", '"\xff"', "[1,]",
    "9223372036854775808", "1e999", ("["):rep(5000), "01", "'a'",
  } do
    got, why = json.decode(text)
    t.equal(got, nil)
    t.ok(why:find "^json: line %d", text)
  end
  t.fails("json: text is a number; pass a string", json.decode, 5)
end)

t.test("files are read and written", function()
  local name = os.tmpname()
  t.ok(json.write(name, { lr = 0.001, list = { 1, 2 } }))
  t.equal(assert(io.open(name)):read "a",
    '{\n  "list": [1, 2],\n  "lr": 0.001\n}\n')
  t.equal(json.read(name), { lr = 0.001, list = { 1, 2 } })
  os.remove(name)
  local got, why = json.read(name)
  t.equal(got, nil)
  t.equal(why, ("json.read: %s cannot be read: No such file or directory")
    :format(name))
end)
