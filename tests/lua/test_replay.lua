--- Files in percent format: cut into cells, run, and what comes of it.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local chunk = require "orrery.replay.chunk"
local page = require "orrery.replay.page"
local percent = require "orrery.replay.percent"
local replay = orrery.replay

local folder
setup(function() folder = files.folder() end)
teardown(function() files.drop(folder) end)

local function write(name, text)
  local path = folder .. "/" .. name
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  return path
end

local function run(text, given)
  return assert(replay.run(write("file.lua", text), given))
end

-- What a cell showed: kinds and texts.
local function shown(result, i)
  local out = {}
  for j, o in ipairs(result.outputs[i]) do
    out[j] = o.kind .. (o.text and " " .. o.text or "")
  end
  return out
end

local three = [[
-- %% [markdown]
-- # A title
--
-- text
-- %% Code here {"a": 1}
local x = 1

-- %%
print(x)
]]

t.test("a file is cut at its percent lines", function()
  local document = percent.parse(three)
  local cells = document.cells
  t.equal(#cells, 3)
  t.equal(cells[1].kind, "markdown")
  t.equal(cells[1].text, "# A title\n\ntext")
  t.equal(cells[2].kind, "code")
  t.equal(cells[2].title, "Code here")
  t.equal({ cells[2].mark, cells[2].first, cells[2].last }, { 5, 6, 6 })
  t.equal(cells[3].lines, { "print(x)" })
end)

t.test("code before the first mark is a cell, a header is none", function()
  local cells = percent.parse("local a = 1\n-- %%\nprint(a)\n").cells
  t.equal({ #cells, cells[1].mark, cells[1].first }, { 2, 0, 1 })
  cells = percent.parse("-- ---\n-- jupyter:\n-- ---\n\n-- %%\nx()\n").cells
  t.equal({ #cells, cells[1].mark }, { 1, 5 })
end)

t.test("only two percent signs and a space begin a cell", function()
  for _, line in ipairs { "-- %%time", "--- %%x", "-- 50 %% of", "x = 5 %% 2" }
  do
    t.equal(#percent.parse("-- %%\n" .. line .. "\n").cells, 1)
  end
  for _, line in ipairs { "-- %%", "--%%", "  -- %% a", "-- %%%% deeper" } do
    t.equal(#percent.parse("-- %%\na()\n" .. line .. "\nb()\n").cells, 2)
  end
end)

t.test("a markdown cell with code in it is refused at its line", function()
  local text = "-- %% [markdown]\n-- a\nx = 1\n"
  local document, why = percent.parse(text, "f.lua")
  t.equal(document, nil)
  t.equal(why, "f.lua:3: a markdown cell holds a line without dashes; write "
    .. "-- before it, or begin a code cell with -- %%")
end)

t.test("cells written are the cells read", function()
  local cells = {
    { kind = "markdown", text = "# a\n\n%% not a cell" },
    { kind = "code", title = "b", text = "x = 1\n\ny = 2" },
    { kind = "code", text = "%% run\nimport a", foreign = true },
    { kind = "raw", text = "c" },
  }
  local read = percent.parse(percent.format(cells)).cells
  t.equal(#read, 4)
  t.equal(read[1].text, "# a\n\n\\%% not a cell")
  t.equal({ read[2].title, table.concat(read[2].lines, "|") },
    { "b", "x = 1||y = 2" })
  t.equal(read[3].lines, { "-- \\%% run", "-- import a" })
  t.equal({ read[4].kind, read[4].text }, { "raw", "c" })
end)

t.test("a cell shows the value it ends with, and nothing else", function()
  local ends = {
    ["local a = f(1)"] = {}, ["f(1)"] = { "value 1" },
    ["f(1);"] = {}, ["f(\n  1\n)  -- one"] = { "value 1" },
    ["local a = f\na(2)"] = { "value 2" }, ["f{}.a"] = { },
    ["local s = [[\nf(1)\n]]"] = {}, ["if f(1) then\n  f(2)\nend"] = {},
    ["f(1), f(2)"] = { "value 1", "value 2" }, ["f(nil)"] = {},
    ["local a = 3\na\n-- said"] = { "value 3" }, ["goto e\n::e::"] = {},
    ["f 'x'"] = { 'value "x"' }, ["local g = function() return 4 end\ng()"]
      = { "value 4" },
  }
  for code, want in pairs(ends) do
    local result = run("-- %%\nlocal function f(x) return x end\n-- %%\n"
      .. code .. "\n-- %%\nlocal b = 1\n")
    t.equal(shown(result, 2), want)
    t.equal(result.status, "done")
  end
end)

t.test("cells share locals, and lines keep their numbers", function()
  local result = run("-- %%\nlocal n = 2\n\n-- %%\nn = n + 1\n"
    .. "-- %%\nprint(n, debug.getinfo(1, 'l').currentline)\n")
  t.equal(shown(result, 3), { "text 3\t7\n" })
end)

t.test("a file may begin with code, and have other line ends", function()
  t.equal(shown(run "rand(2):numel()", 1), { "value 2" })
  local result = run "\u{FEFF}-- %%\r\nprint(1)\r\n-- %% [md]\r\n-- a\r\n"
  t.equal(shown(result, 1), { "text 1\n" })
  t.equal(result.document.cells[2].text, "a")
  t.equal(run("").status, "done")
  t.equal(shown(run "#!/usr/bin/env orrery\nprint(2)\n", 1), { "text 2\n" })
end)

t.test("all that is printed is kept, in order", function()
  local result = run [[
-- %%
print(1, nil)
io.write("a", 2, "\n")
io.stdout:write("b"):write "c\n"
orrery.zeros(2)
-- %%
print "later"
]]
  t.equal(shown(result, 1), { "text 1\tnil\na2\nbc\n",
    "value float32 [2]   min 0  mean 0  max 0\n 0 0" })
  t.equal(shown(result, 2), { "text later\n" })
end)

t.test("of very much that is printed the beginning is kept", function()
  local result = run "-- %%\nfor i = 1, 100000 do print 'abc' end\n"
  local text = result.outputs[1][1].text
  t.equal(#result.outputs[1], 1)
  t.equal(text:sub(1, 8), "abc\nabc\n")
  t.equal(text:sub(-22), "\n... 50000 lines more\n")
  t.equal(select(2, text:gsub("abc", "")), 50000)
end)

t.test("printing is as before once a replay has ended", function()
  local before, write_before = print, io.write
  local method = getmetatable(io.stdout).__index.write
  run "-- %%\nerror 'x'\n"
  t.ok(print == before and io.write == write_before)
  t.ok(getmetatable(io.stdout).__index.write == method)
end)

t.test("every replay begins afresh", function()
  local first = run "-- %%\nleft = 1\nprint(rand(1):item())\n"
  local second = run "-- %%\nprint(left)\nprint(rand(1):item())\n"
  t.equal(shown(second, 1)[1], "text nil\n" .. shown(first, 1)[1]:sub(6))
  t.equal(rawget(_G, "left"), nil)
end)

t.test("an error ends the replay at its line and keeps what was done",
  function()
    local result = run "-- %%\nprint(1)\n-- %%\nlocal x\nx.y = 1\n-- %%\nf()\n"
    t.equal({ result.status, result.reached }, { "failed", 2 })
    t.equal(shown(result, 1), { "text 1\n" })
    t.equal(result.outputs[2][1].line, 5)
    t.equal(result.message, folder .. "/file.lua:5: attempt to index a nil "
      .. "value (local 'x')")
    local html = page(result)
    t.ok(html:find("<span class='l bad' data-n='5'>", 1, true))
    t.ok(html:find("attempt to index a nil value (local &#39;x&#39;)", 1, true))
    t.ok(html:find("title='not run'", 1, true))
    t.ok(html:find("Orrery " .. orrery.version .. ", " .. _VERSION, 1, true))
  end)

t.test("the engine's errors come at the line of the file too", function()
  local result = run "-- %%\nlocal x = randn(2, 3)\n\nx:matmul(x)\n"
  t.equal(result.outputs[1][1].line, 4)
end)

t.test("a file that does not compile runs nothing, and says where", function()
  local result = run "-- %%\nprint(1)\n-- %%\nlocal = 3\n"
  t.equal({ result.status, result.reached, #result.outputs[1] },
    { "failed", 2, 0 })
  t.equal(result.outputs[2][1].line, 4)
end)

t.test("figures hold within their tolerance, and not beyond", function()
  local result = run [[
-- %%
replay.check("a", 1.04, 1, { rel = 0.05 })
replay.check("b", 1.06, 1, { rel = 0.05 })
replay.check("c", orrery.tensor { -0.5 }, 0, { abs = 0.5 })
replay.check("d", 0 / 0, 0, { abs = 1 })
replay.check("e", 1, 1, { relation = "<" })
replay.check("f", 1, 1, { relation = ">=" })
replay.check("g", 1 / 0, 1 / 0, { rel = 0 })
replay.check("h", 3, 1, { abs = 1, quick = { abs = 2 } })
]]
  local ok = {}
  for i, f in ipairs(result.figures) do ok[i] = f.ok end
  t.equal(ok, { true, false, true, false, false, true, true, false })
end)

t.test("small settings may want something else", function()
  local text = "-- %%\nreplay.check('a', 3, 1, { abs = 1, quick = { wanted = 4 "
    .. "} })\nreplay.check('b', 3, 4, { relation = '<', quick = { abs = 0.5, "
    .. "wanted = 2.6 } })\n"
  local figures = run(text, { quick = true }).figures
  t.equal({ figures[1].ok, figures[1].wanted, figures[1].abs },
    { true, 4, 1 })
  t.equal({ figures[2].ok, figures[2].relation, figures[2].abs },
    { true, nil, 0.5 })
  t.fails("replay.check: a: unknown option tol; it takes abs, quick, rel, "
    .. "relation, wanted", replay.check, "a", 1, 1, { tol = 1 })
end)

t.test("a tolerance is one of three", function()
  local check = replay.check
  local fix = "; give { rel = 0.05 }, { abs = 1e-6 } or { relation = '<' }"
  t.fails("replay.check: x: the tolerance is missing" .. fix, check, "x", 1, 1)
  t.fails("replay.check: x: the tolerance is given twice" .. fix, check, "x", 1,
    1, { rel = 1, abs = 1 })
  t.fails("replay.check: x: the tolerance is relation = =" .. fix, check, "x",
    1, 1, { relation = "=" })
  t.fails("replay.check: x: the tolerance is rel = -1" .. fix, check, "x", 1,
    1, { rel = -1 })
  t.fails("replay.check: x: measured is a table; give a number or a tensor of "
    .. "one element", check, "x", {}, 1, { rel = 1 })
  t.fails("replay.check: name is missing; give the figure a name", check)
end)

t.test("outside a replay a figure that does not hold raises", function()
  t.fails("replay.check: x: 2, wanted 1 +- 5 %  FAILS", replay.check, "x", 2, 1,
    { rel = 0.05 })
end)

t.test("medians are over seeds, each with a stream begun anew", function()
  local seen = {}
  local m = replay.medians(3, function(seed)
    seen[seed] = orrery.rand(1):item()
    return { square = ({ 9, 1, 4 })[seed], same = orrery.tensor(7),
      [1] = seed }
  end)
  t.equal(m, { square = 4.0, same = 7.0, [1] = 2.0 })
  orrery.manual_seed(2)
  t.equal(orrery.rand(1):item(), seen[2])
  t.equal(replay.medians(2, function(seed) return { seed } end), { 1.5 })
  t.fails("replay.medians: it is missing for a seed; return it for each",
    replay.medians, 2, function(seed)
      return { it = seed == 1 and 1 or nil }
    end)
  t.fails_like("^replay%.medians: n is 0", replay.medians, 0, print)
end)

t.test("settings take the small ones only when asked", function()
  local text = "-- %%\nlocal s = replay.settings { n = 9, m = 1, "
    .. "quick = { n = 2 } }\nprint(s.n, s.m, s.quick)\n"
  t.equal(shown(run(text), 1), { "text 9\t1\tnil\n" })
  t.equal(shown(run(text, { quick = true }), 1), { "text 2\t1\tnil\n" })
  t.fails("replay.settings: quick: unknown option stebs; did you mean steps?",
    replay.settings, { steps = 1, quick = { stebs = 1 } })
end)

t.test("words change settings to values of their own kind", function()
  local text = "-- %%\nlocal s = replay.settings { n = 9, rate = 0.5, on = "
    .. "true, to = '', list = { 1, 2 }, none = {}, quick = { n = 2 } }\n"
    .. "print(s.n, math.type(s.rate), s.on, s.to, table.concat(s.list, ' '))\n"
  local result = run(text, { quick = true, changed = { n = "5", rate = "2",
    on = "false", to = "a=b", list = "4,6..8" } })
  t.equal(shown(result, 1), { "text 5\tfloat\tfalse\ta=b\t4 6 7 8\n" })
  t.ok(page(result):find("Changed settings: list=4,6..8 n=5 on=false ", 1,
    true))
  for given, want in pairs {
    ["n=five"] = "n is five; it must be a whole number",
    ["on=2"] = "on is 2; it must be true or false",
    ["list=1,1"] = "list has 1 twice; give each value once",
    ["none=1"] = "none is a table; change it in the file",
    ["rat=2"] = "unknown option rat; did you mean rate?" } do
    local name, value = given:match "(.*)=(.*)"
    result = run(text, { changed = { [name] = value } })
    t.equal(result.status, "failed")
    t.ok(result.message:find("replay.settings: " .. want, 1, true),
      result.message)
  end
  local none, why = replay.run(write("bare.lua", "-- %%\nx()\n"),
    { changed = { n = "1" } })
  t.equal({ none, why:gsub(".*/", "") }, { nil,
    "bare.lua has no settings; leave n= out", 1 })
end)

local pictured = t.needing "png"

pictured("a figure and shown images become pictures in the page", function()
  local result = run
    "-- %%\nshow(orrery.rand(8, 8))\nplot.grid(rand(4, 5, 5))\n"
  t.equal(shown(result, 1), { "picture", "picture" })
  local _, count = page(result):gsub("<img alt='[^']*' class='pixels' "
    .. "width='%d+' src='data:image/png;base64,", "")
  t.equal(count, 2)
end)

pictured("a film plays in the page, or shows some frames of it", function()
  local result = run "-- %%\nplot.animation(rand(3, 8, 10))\n"
  t.ok(page(result):find("<img alt='picture' class='pixels' width='%d+' "
    .. "src='data:image/%l+;base64,"))
end)

t.test("the same file gives the same page", function()
  local text = three .. "randn(3)\nreplay.check('a', rand(1), 0, { abs = 1 })\n"
  t.equal(page(run(text)), page(run(text)))
end)

t.test("text in the page is text, whatever it holds", function()
  local html = page(run "-- %% <i>\nprint '<b>&\\255'\nio.write 'a\\rb\\n'\n")
  t.ok(html:find("<pre class='out'>&lt;b&gt;&amp;\u{FFFD}\nb\n</pre>", 1, true))
  t.ok(html:find("<p class='title'>&lt;i&gt;</p>", 1, true))
end)

t.test("code keeps every byte when it is coloured", function()
  local code = [==[
local a, b = "x\"<", 'y' -- "not a string
local c = [[
 long ]] .. [=[ ]] ]=] --[[ and
more ]] local d = 0x1F - 1e-3 .. a["k"][1]
return a.andy, ~b, #c //2]==]
  local lines = require "orrery.replay.highlight"(code)
  local text = table.concat(lines, "\n"):gsub("<[^>]*>", "")
  text = text:gsub("&lt;", "<"):gsub("&quot;", '"'):gsub("&#39;", "'")
  t.equal(text, code)
  local _, opened = table.concat(lines):gsub("<span", "")
  local _, closed = table.concat(lines):gsub("</span", "")
  t.equal(opened, closed)
  for _, line in ipairs(lines) do
    _, opened = line:gsub("<span", "")
    _, closed = line:gsub("</span", "")
    t.equal(opened, closed)
  end
end)

t.test("the chunk has as many lines as the file, and one to close", function()
  local document = percent.parse(three)
  local _, count = chunk.text(document):gsub("\n", "")
  t.equal(count, #document.lines)
end)

local function markdown(text)
  return require "orrery.replay.markdown"(text, folder .. "/")
end

if orrery._markdown "" then
  t.test("a formula over several lines is one, whatever they begin with",
    function()
      t.equal(markdown "a $$x\n- y\n= z_1$$ b\n",
        '<p>a <x-equation type="display">x - y = z_1</x-equation> b</p>\n')
      t.equal(markdown "$a\n+ b$, c\n", "<p><span class='whole'><x-equation>"
        .. "a + b</x-equation>,</span> c</p>\n")
    end)

  t.test("code and lists are left as they are", function()
    t.equal(markdown "```\n$a\n- b$\n```\n",
      "<pre><code>$a\n- b$\n</code></pre>\n")
    t.equal(markdown "costs $5\n\n- `$`\n- b\n", "<p>costs $5</p>\n<ul>\n<li>"
      .. "<code>$</code></li>\n<li>b</li>\n</ul>\n")
  end)

  t.test("pictures beside the file go into the page, others become links",
    function()
      write("a b.png", "\137PNG")
      t.equal(markdown "![x](a%20b.png)",
        '<p><img src="data:image/png;base64,iVBORw==" alt="x"></p>\n')
      t.equal(markdown "![x](http://example.org/a.png)",
        '<p><a href="http://example.org/a.png">x</a></p>\n')
      t.equal(markdown "![](none.png)",
        '<p><a href="none.png">none.png</a></p>\n')
    end)

  t.test("a link leads to a page, and never runs anything", function()
    t.equal(markdown "[x](https://example.org/?a=1&b)",
      '<p><a href="https://example.org/?a=1&amp;b">x</a></p>\n')
    for _, target in ipairs { "javascript:f()", "JAVASCRIPT:f()", "data:x",
      "java&#115;cript:f()" } do
      t.equal(markdown("[x](" .. target .. ")"), '<p><a href="#">x</a></p>\n')
    end
    t.equal(markdown "<script>f()</script>",
      "<p>&lt;script&gt;f()&lt;/script&gt;</p>\n")
  end)
else
  t.skip("Markdown in replays", "built without md4c")
end
