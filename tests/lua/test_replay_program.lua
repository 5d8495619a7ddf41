--- `orrery replay` and `orrery notebook`, as a shell has them.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local json = orrery.json

local program = (os.getenv "ORRERY_BUILD_DIR" or "build") .. "/orrery"
local folder
setup(function() folder = files.folder() end)
teardown(function() files.drop(folder) end)

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function write(name, text)
  local file = assert(io.open(folder .. "/" .. name, "w"))
  file:write(text)
  file:close()
end

local function shell(command)
  local pipe = io.popen(("cd %s && (%s) 2>&1"):format(quoted(folder), command))
  local said = pipe:read "a"
  local _, _, status = pipe:close()
  return said, status
end

local function orr(words) return shell(quoted(program) .. " " .. words) end

local good = [[
-- %% [markdown]
-- # Two
-- $x_1 < x_2$ and `code`

-- %% Checked
local z = randn(1000)
replay.check("mean", z:mean(), 0, { abs = 0.2 })
z[{ { 1, 2 } }]
-- %%
show(rand(4, 4))
print "end"
]]

t.needing "png"("a replay prints its figures and writes page, table, pictures",
  function()
    write("two.lua", good)
    local said, status = orr "replay two.lua"
    t.equal(status, 0)
    t.ok(said:find("^figure +measured +wanted +tol\nmean +%-?[%d.]+ +0 +0.2 "
      .. "+ok\n"), said)
    t.ok(said:find("\n1 checked, 1 ok   page: replay/two.html\n$"), said)
    t.ok(files.read(folder .. "/replay/two.html"):find("<h1>Two</h1>", 1, true)
      or not orrery._markdown "")
    t.ok(files.read(folder .. "/replay/two/figures.csv")
      :find '^figure,measured,wanted,tolerance,ok\n"mean",')
    t.equal(files.read(folder .. "/replay/two/cell-3-1.png"):sub(2, 4), "PNG")
  end)

t.test("a figure that does not hold, or an error, makes it fail", function()
  write("bad.lua", "-- %%\nreplay.check('a', 1, 2, { abs = 0.5 })\n")
  local said, status = orr "replay bad.lua -o bad.html"
  t.equal(status, 1)
  t.ok(said:find("1 checked, 0 ok   page: bad.html", 1, true), said)
  write("worse.lua", "-- %%\nprint 'before'\n-- %%\nerror 'boom'\n")
  said, status = orr "replay worse.lua -o worse.html"
  t.equal(status, 1)
  t.ok(said:find("orrery: worse.lua:4: boom", 1, true), said)
  t.ok(files.read(folder .. "/worse.html"):find("before", 1, true))
  t.equal(orrery.fs.exists(folder .. "/worse"), false)
end)

t.test("a word changes a setting, in a replay and in a plain run", function()
  write("set.lua", "-- %%\nlocal orrery = require 'orrery'\nlocal s = orrery"
    .. ".replay.settings { n = 3 }\nprint('n is ' .. s.n)\n"
    .. "orrery.replay.check('n', s.n, 5, { abs = 0 })\n")
  local said, status = orr "replay set.lua n=5 -o set.html"
  t.equal(status, 0, said)
  t.ok(files.read(folder .. "/set.html"):find("n is 5", 1, true))
  said, status = orr "set.lua n=5"
  t.equal(status, 0, said)
  t.ok(said:find("n is 5\n", 1, true), said)
end)

t.test("wrong words are refused with the right ones", function()
  local function refused(words, want)
    local said, status = orr(words)
    t.equal({ said, status }, { "orrery: " .. want .. "\n", 2 })
  end
  refused("replay", "replay: no file; write orrery replay FILE")
  refused("replay a --quik", "replay: --quik is no option; did you mean "
    .. "--quick?")
  refused("replay a -o", "replay: -o has nothing after it; write -o FILE")
  refused("replay a b", "replay: b is a second file; give one")
  refused("replay a n=3 --check", "replay: --check is of the file's own "
    .. "settings; leave n= out")
  refused("notebook a n=3", "notebook: n=3 is a second file; give one")
  refused("replay a --seed x", "replay: seed is x; give a whole number")
  local said, status = orr "replay none.lua"
  t.equal(status, 1)
  t.ok(said:find("none.lua cannot be read: No such file", 1, true), said)
end)

t.test("Ctrl-C leaves the page of what was done", function()
  write("long.lua", "-- %%\nprint 'first'\n-- %%\nio.open('ready', 'w')"
    .. ":close()\nwhile true do end\n-- %%\nprint 'never'\n")
  local said = shell(quoted(program) .. [[ replay long.lua -o long.html &
    while [ ! -e ready ]; do sleep 0.02; done; kill -INT $!
    wait $!; echo "status $?"]])
  t.ok(said:find("status 130", 1, true), said)
  t.ok(said:find("interrupted at long.lua:5", 1, true), said)
  local html = files.read(folder .. "/long.html")
  t.ok(html:find("<pre class='out'>first\n</pre>", 1, true))
  t.ok(html:find("was interrupted", 1, true))
end)

local with_json = t.needing "json"

local pictured = t.needing("json", "png")

pictured("a notebook holds cells and what they showed", function()
  write("two.lua", good)
  local said, status = orr "replay two.lua -o two.html --ipynb two.ipynb"
  t.equal(status, 0, said)
  local nb = assert(json.read(folder .. "/two.ipynb"))
  t.equal({ nb.nbformat, #nb.cells }, { 4, 3 })
  local kinds = {}
  for i, cell in ipairs(nb.cells) do
    kinds[i] = cell.cell_type
    for _, output in ipairs(cell.outputs or {}) do
      kinds[i] = kinds[i] .. " " .. output.output_type
    end
  end
  t.equal(kinds, { "markdown", "code stream execute_result",
    "code display_data stream" })
  t.ok(nb.cells[3].outputs[1].data["image/png"]:find "^iVBORw0KGgo")
end)

with_json("a notebook with an error in it is written too", function()
  write("worse.lua", "-- %%\nerror 'boom'\n-- %%\nx()\n")
  orr "replay worse.lua -o worse.html --ipynb worse.ipynb"
  local nb = assert(json.read(folder .. "/worse.ipynb"))
  t.equal(nb.cells[1].outputs[1].evalue, "worse.lua:2: boom")
  t.ok(nb.cells[2].execution_count == json.null)
end)

with_json("a Lua notebook comes back as the file it was made from", function()
  write("two.lua", good:gsub("]\n%-%- %%%%", "]\n\n-- %%%%"))
  orr "replay two.lua -o two.html --ipynb two.ipynb"
  local said, status = orr "notebook two.ipynb -o again.lua"
  t.equal({ said, status }, { "3 cells: again.lua\n", 0 })
  t.equal(files.read(folder .. "/again.lua"), (files.read(folder .. "/two.lua")
    :gsub("} }%]\n%-%-", "} }]\n\n--")))
end)

with_json("code of another language becomes comments", function()
  assert(json.write(folder .. "/py.ipynb", { nbformat = 4, nbformat_minor = 2,
    metadata = { kernelspec = { name = "python3", language = "python" } },
    cells = {
      { cell_type = "markdown", metadata = {}, source = { "# T\n", "$a$" } },
      { cell_type = "code", metadata = {}, outputs = json.list(),
        execution_count = json.null, source = "import torch\n\n%% x\nif a:\n  b"
      } } }))
  t.equal({ orr "notebook py.ipynb" }, { "2 cells: py.lua\n", 0 })
  t.equal(files.read(folder .. "/py.lua"), "-- %% [markdown]\n-- # T\n-- $a$\n"
    .. "\n-- %%\n-- import torch\n--\n-- \\%% x\n-- if a:\n--   b\n")
  local said, status = orr "notebook py.ipynb"
  t.equal({ said, status }, { "orrery: notebook: py.lua is there already; name "
    .. "another with -o\n", 1 })
end)

with_json("what is no notebook is refused", function()
  write("no.ipynb", "{}")
  local said, status = orr "notebook no.ipynb -o no.lua"
  t.equal({ said, status }, { "orrery: notebook: no.ipynb: it has no cells; "
    .. "give a Jupyter notebook\n", 1 })
  write("no.ipynb", "[1,")
  said, status = orr "notebook no.ipynb -o no.lua"
  t.equal(status, 1)
  t.ok(said:find("orrery: notebook: no.ipynb: json: ", 1, true), said)
end)

local python = require("orrery.testing.python").having "nbformat"
if python then
  with_json("Jupyter's own checker takes the notebooks", function()
    write("two.lua", good .. "-- %% [raw]\n-- r\n-- %%\nerror '\\255'\n")
    orr "replay two.lua -o two.html --ipynb two.ipynb"
    local said, status = shell(python .. [[ -W error -c '
import nbformat
nb = nbformat.read("two.ipynb", as_version=4)
nbformat.validate(nb)
print(nb.nbformat, nb.nbformat_minor, len(nb.cells))']])
    t.equal({ said, status }, { "4 5 5\n", 0 })
  end)
else
  t.skip("Jupyter's own checker takes the notebooks", "no python3-nbformat")
end

if os.execute "jupytext --version >/dev/null 2>&1" then
  with_json("Jupytext reads the cells that a replay runs", function()
    write("two.lua", good)
    orr "replay two.lua -o two.html --ipynb two.ipynb"
    shell "jupytext --to ipynb -o theirs.ipynb two.lua"
    local ours = assert(json.read(folder .. "/two.ipynb"))
    local theirs = assert(json.read(folder .. "/theirs.ipynb"))
    t.equal(#theirs.cells, #ours.cells)
    for i, cell in ipairs(theirs.cells) do
      t.equal(cell.cell_type, ours.cells[i].cell_type)
      t.equal(cell.source, ours.cells[i].source)
    end
  end)
else
  t.skip("Jupytext reads the cells that a replay runs", "no jupytext")
end
