local orrery, t = require "orrery", require "orrery.testing"
local files = orrery.io
local name = os.tmpname()

local function read(text, opts)
  local f = assert(io.open(name, "wb"))
  f:write(text)
  f:close()
  return files.read_csv(name, opts)
end

t.test("rows and names are read, numbers as numbers", function()
  local rows, names = read "a,b,c\n1,2.5,x\n-3,1e3,0x10\n"
  t.equal(names, { "a", "b", "c" })
  t.equal(rows, { { 1, 2.5, "x" }, { -3, 1e3, "0x10" } })
  t.equal(math.type(rows[1][1]), "integer")
  t.equal(math.type(rows[2][2]), "float")
end)

t.test("quotes, line breaks and other separators are understood", function()
  t.equal(read('"a ""b""",c\r\n"1\n2","3,4"\r\n', { header = false }),
    { { 'a "b"', "c" }, { "1\n2", "3,4" } })
  t.equal(read("a;b\n;2", { separator = ";" }), { { "", 2 } })
  t.equal(read "\xEF\xBB\xBFa\n1\n", { { 1 } })
  t.equal(read("", { header = false }), {})
  t.equal(read '"12"\n"12"\n', { { "12" } })
end)

t.test("a ragged or broken file is refused by its line", function()
  local function why(text) return select(2, read(text)) end
  t.equal(why "a,b\n1,2\n3\n",
    ("read_csv: %s: line 3 has 1 cells, the first has 2"):format(name))
  t.equal(why 'a\n"x\n',
    ("read_csv: %s: line 2: a quoted cell has no end"):format(name))
  t.equal(why 'a\n"x"y\n',
    ("read_csv: %s: line 2: text follows a quoted cell"):format(name))
end)

t.test("what is written reads back", function()
  local rows = { { 1, 0.1, "plain" }, { -2, 1 / 3, 'a "b", c\nd' },
    { 3, 1e-300, "12" }, { 4, 2.0, "" } }
  t.ok(files.write_csv(name, rows, { names = { "n", "x", "text" } }))
  local got, names = files.read_csv(name)
  t.equal(got, rows)
  t.equal(names, { "n", "x", "text" })
  t.equal(math.type(got[4][2]), "float")
  t.ok(files.write_csv(name, { { b = 2, a = 1 }, { a = 0 / 0 } },
    { names = { "a", "b" } }))
  t.equal(files.read_file(name), "a,b\n1,2\nnan,\n")
end)

t.test("misuse is told", function()
  t.fails("read_csv: separator is ab; use one of , ; | tab space",
    files.read_csv, name, { separator = "ab" })
  t.fails("write_csv: row 2 is a number; pass tables", files.write_csv, name,
    { {}, 5 })
  os.remove(name)
end)
