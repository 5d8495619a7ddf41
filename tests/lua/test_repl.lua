local t = require "orrery.testing"
local repl = require "orrery.repl"
local pretty = require "orrery.repl.pretty"
local commands = require "orrery.repl.commands"
local complete = require "orrery.repl.complete"
local history = require "orrery.repl.history"
local inspect = require "orrery.repl.inspect"

local session = dofile((os.getenv "ORRERY_SOURCE_DIR" or ".")
  .. "/tests/lua/talking_prompt.lua")

local function with_file(text, fn)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  local ok, err = pcall(fn, path)
  os.remove(path)
  if not ok then error(err, 0) end
end

t.test("an expression prints its values, a statement nothing", function()
  local run = session()
  t.equal(run "1 + 1", "2\n")
  t.equal(run "1, 'a', nil", '1   "a"   nil\n')
  t.equal(run "x = 5", "")
  t.equal(run "x", "5\n")
  t.equal(run "= x", "5\n")
  t.equal(run "   ", "")
end)

t.test("_ is the last value that was not nil", function()
  local run = session()
  t.equal(run("6 * 7", "nil", "_ + 1"), "42\nnil\n43\n")
end)

t.test("an unfinished entry asks for more, a wrong one does not", function()
  local _, s = session()
  for _, text in ipairs { "function f(x)", "x = {", "for i = 1, 2 do", "1 +",
    "x = [[one", "f(" } do
    t.equal(s:eval(text), "incomplete")
  end
  t.equal(s:eval "x = = 1", "done")
end)

t.test("entries of several lines run as one", function()
  local run = session()
  t.equal(run "for i = 1, 2 do\n  y = i\nend\nz = y", "")
  t.equal(run "y, z", "2   2\n")
end)

t.test("a local at the start of a line stays for the next entry", function()
  local run = session()
  t.equal(run("local a = 2", "local function f(x) return x * a end", "f(4)"),
    "8\n")
  t.equal(run "local x <const> = 1", "")
  t.equal(run "x", "nil\n")
end)

t.test("an error is one line without the prompt's own position", function()
  local run = session()
  t.equal(run "error 'oops'", "oops\n")
  t.equal(run "x = = 1", "unexpected symbol near '='\n")
  t.equal(run "error { code = 3 }", "{ code = 3 }\n")
  t.equal(run "error(nil)", "nil\n")
  t.equal(run "error(setmetatable({}, {__tostring = error}))",
    "error value of type table\n")
  t.equal(run "setmetatable({}, {__tostring = function() error 'no' end})",
    "no\n")
end)

t.test("an error inside a function of a file says where", function()
  local run = session()
  with_file("function inner() error 'deep' end\n"
    .. "function outer() inner() end\n", function(path)
      run(":run " .. path)
      local text = run "outer()"
      t.equal(text:match "^(.-)\n", path .. ":1: deep")
      t.equal(text:find(path .. ":2", 1, true) ~= nil, true)
    end)
end)

t.test("orrery's names need no prefix at the prompt", function()
  local run, s = session()
  t.equal(run "tensor { { 1, 2, 3 }, { 4, 5, 6 } }:shape()", "2   3\n")
  t.equal(run "orrery.matmul == matmul", "true\n")
  t.equal(rawget(s.env, "matmul"), nil)
end)

t.test("a session assigns to itself, not to Lua's globals", function()
  local run = session()
  run "assigned_at_prompt = 1"
  t.equal(rawget(_G, "assigned_at_prompt"), nil)
  t.equal(run "_G.assigned_at_prompt", "1\n")
end)

t.test(":run leaves the file's globals and gives it its arguments", function()
  local run = session()
  with_file("kept, first, zero = 7, ..., arg[0]\n", function(path)
    t.equal(run(":run " .. path .. " beta=2"), "")
    t.equal(run "kept, first", '7   "beta=2"\n')
    t.equal(run "zero", ("%q\n"):format(path))
  end)
  t.equal(run(":run /no/such.lua"):match "^cannot open" ~= nil, true)
end)

t.test(":run starts an experiment that the file only returns", function()
  local run = session()
  with_file("return setmetatable({ trial = function() end },\n"
    .. "  { __call = function(_, word) started = word end })\n",
    function(path)
      run(":run " .. path .. " beta=2")
      t.equal(run "started", '"beta=2"\n')
    end)
end)

t.test("an unknown command is answered with the nearest", function()
  local run = session()
  t.equal(run ":tme 1", ":tme is no command; did you mean :time?\n")
  t.equal(run ":zzzzzz", ":zzzzzz is no command; :help lists them\n")
  local _, s = session()
  t.equal(s:eval ":quit", "quit")
end)

t.test(":who lists what was assigned with its shape", function()
  local run = session()
  t.equal(run ":who", "nothing is assigned yet\n")
  run("count = 3", "grid = tensor { { 1, 2, 3 } }",
    "net = nn.Linear(2, 3)")
  local text = run ":who"
  t.equal(text:match "^(.-\n)%d+ tensors? alive",
    "count  3\n" ..
    "grid   float32 [1, 3]        12 B\n" ..
    "net    Linear, 9 parameters  36 B\n")
end)

t.test(":time gives a median and what stays alive", function()
  local run = session()
  t.equal(run ":time 1 + 1":match "%(median of %d+%)" ~= nil, true)
  t.equal(run ":time error 'no'", "no\n")
end)

t.test("? shows the comment and signature of a Lua function", function()
  local run = session()
  with_file([[
--- Doubles a number.
---@param x number  what to double
---@param how? string
---@return number twice
function double(x, how) return 2 * x end
]], function(path)
    run(":run " .. path)
    t.equal(run "?double", [[
double(x, how?)
  Doubles a number.
  x          number  what to double
  how?       string
  -> number twice
]])
    t.equal(run "??double":match "\n(function double.-)\n",
      "function double(x, how) return 2 * x end")
  end)
end)

t.test("? shows an operation's own help, as a name and as a method", function()
  local run = session()
  t.equal(run "?matmul":find "matmul" ~= nil, true)
  run "x = tensor { 1, 2 }"
  t.equal(run "?x:matmul":find "matmul" ~= nil, true)
  t.equal(run "?matmull", "help: nothing is called matmull; did you mean "
    .. "matmul?\n")
end)

t.test("? of a name that modules have says which do", function()
  local run = session()
  t.equal(run "?cyclegan", "help: nothing is called cyclegan; did you mean "
    .. "data.cyclegan or translate.CycleGAN?\n")
  t.equal(run "?fid", "help: nothing is called fid; did you mean "
    .. "metrics.fid?\n")
end)

t.test("what is said of a class's fields is no part of its help", function()
  local block = require("orrery.luadoc").block({ "--- A net.",
    "---@class Net", "---@field size integer  less while", "---  it grows",
    "---@param x? number  one of", "---  many" }, 1, 6)
  t.equal(block.text, { "A net." })
  t.equal(block.params[1].rest, "number  one of many")
end)

local function words(left, env)
  return (complete.words(left, env or repl.session().env, commands.names()))
end

local function holds(list, name)
  for _, word in ipairs(list) do
    if word == name then return true end
  end
  return false
end

t.test("Tab completes globals, keywords and names of the session", function()
  t.equal(words "tost", { "tostring" })
  t.equal(words "whi", { "while" })
  t.equal(holds(words "matm", "matmul"), true)
  local _, s = session()
  s:eval "my_variable = 1"
  t.equal(words("my_v", s.env), { "my_variable" })
  t.equal(words("print(my_v", s.env), { "my_variable" })
end)

t.test("Tab completes fields, and only callable ones after a colon", function()
  local _, s = session()
  s:eval "t = { alpha = 1, also = print, inner = { deep = 2 } }"
  t.equal(words("t.al", s.env), { "alpha", "also" })
  t.equal(words("t:al", s.env), { "also" })
  t.equal(words("t.inner.", s.env), { "deep" })
  t.equal(words("t.nothing.", s.env), {})
end)

t.test("Tab follows __index to methods of strings and tensors", function()
  local _, s = session()
  s:eval("s = 'text'")
  t.equal(words("s:up", s.env), { "upper" })
  s:eval "x = tensor { 1, 2 }"
  t.equal(holds(words("x:mat", s.env), "matmul"), true)
end)

t.test("Tab inserts what all candidates share, else lists them", function()
  local _, s = session()
  s:eval "t = { long_one = 1, long_two = 2 }"
  local tab = function(left) return complete.tab(left, s.env, {}, 80) end
  t.equal(tab "t.l", "ong_")
  t.equal({ tab "t.long_" }, { nil, "long_one  long_two" })
  t.equal(tab "t.long_o", "ne")
  t.equal(tab "t.zzz", nil)
  t.equal(tab "  ", "  ")
end)

t.test("Tab completes commands", function()
  t.equal(words ":q", { ":quit" })
  t.equal(words ":", commands.names())
end)

t.test("tables print on one line while they fit, keys in order", function()
  t.equal(pretty { 1, 2, b = "x", a = { true } },
    '{ 1, 2, a = { true }, b = "x" }')
  t.equal(pretty { ["two words"] = 1, ["end"] = 2 },
    '{ ["end"] = 2, ["two words"] = 1 }')
  t.equal(pretty {}, "{}")
end)

t.test("a table too wide for a line takes one line per value", function()
  local text = pretty { ("a"):rep(40), ("b"):rep(40) }
  t.equal(text, ('{\n  "%s",\n  "%s"\n}'):format(("a"):rep(40), ("b"):rep(40)))
end)

t.test("cycles, depth and length are limited", function()
  local ring = {}
  ring.self = ring
  t.equal(pretty(ring), "{ self = { ...the same again } }")
  local Net = require("orrery").nn.Module:subclass "Net"
  t.equal(pretty { Net = Net }, "{ Net = class Net }")
  t.equal(pretty { { { { { 1 } } } } }, "{ { { { { ... } } } } }")
  local long = {}
  for i = 1, 100 do long[i] = i end
  t.equal(pretty(long):match "%.%.%. %d+ more", "... 60 more")
end)

t.test("history keeps entries whole, without repeats, oldest first", function()
  with_file("", function(path)
    history.append(path, "a = 1")
    history.append(path, "for i = 1, 2 do\n  print(i, '\\n')\nend")
    history.append(path, "a = 1")
    t.equal(history.load(path),
      { "for i = 1, 2 do\n  print(i, '\\n')\nend", "a = 1" })
  end)
end)

t.test("a long history is cut to its newest entries", function()
  with_file("", function(path)
    local file = assert(io.open(path, "w"))
    for i = 1, 5000 do file:write("entry ", i, "\n") end
    file:close()
    t.equal(#history.load(path), 2000)
    local again = history.load(path)
    t.equal(again[1], "entry 3001")
    t.equal(again[2000], "entry 5000")
    local lines = 0
    for _ in io.lines(path) do lines = lines + 1 end
    t.equal(lines, 2000)
  end)
end)

t.test("names of a missing thing are none", function()
  t.equal(inspect.names(3), {})
  t.equal(inspect.resolve("no.such.thing", {}), nil)
end)
