--- The prompt's commands on files and modules, its hints, its examples, and
--- completion by the type of what is being called.
local orrery, t = require "orrery", require "orrery.testing"
local complete = require "orrery.repl.complete"
local examples = require "orrery.help.example"
local files = require "orrery.testing.files"
local paint = require "orrery.repl.paint"
local pretty = require "orrery.repl.pretty"
local repl = require "orrery.repl"

local session = dofile((os.getenv "ORRERY_SOURCE_DIR" or ".")
  .. "/tests/lua/talking_prompt.lua")

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

local function in_folder(fn)
  local folder = files.folder()
  local path = package.path
  local ok, why = pcall(fn, folder)
  package.path = path
  files.drop(folder)
  if not ok then error(why, 0) end
end

local function words(left, env) return (complete.words(left, env, {})) end

local function holds(list, name)
  for _, word in ipairs(list) do
    if word == name then return true end
  end
  return false
end

-- ------------------------------------------------------------------ completion

t.test("Tab knows the type that a call, an index or arithmetic gives",
  function()
    local _, s = session()
    s:eval "x = randn(2, 3)  list = { x, { deep = 1 } }  m = nn.Linear(2, 3)"
    for _, left in ipairs { "x:matmul(x):matm", "(x * 2):matm", "x[1]:matm",
      "x[{ {1, 2} }]:matm", "softplus(x):matm", "list[1]:matm", "m.weight:matm",
      "print(x:exp():matm", "y = zeros(3):matm" } do
      t.equal(words(left, s.env), { "matmul" })
    end
    t.equal(words("list[2].", s.env), { "deep" })
    t.equal(words("list[2]['de", s.env), {})
    t.equal(words("('text'):upp", s.env), { "upper" })
    t.equal(words("nn.Linear(2, 3):named_par", s.env), { "named_parameters" })
    t.equal(words("optim.SGD(m, { lr = 1 }):minim", s.env), { "minimize" })
    t.equal(words("nothing(1):", s.env), {})
    t.equal(words("3.", s.env), {})
  end)

t.test("Tab runs nothing that is on the line", function()
  local _, s = session()
  s:eval "function danger() ran = true return randn(2) end"
  words("danger():matm", s.env)
  words("({ danger() })[1]:matm", s.env)
  t.equal(rawget(s.env, "ran"), nil)
end)

t.test("Tab completes the options of ops, layers and functions", function()
  local env = session and repl.session().env
  t.equal(words("conv2d(x, w, { str", env), { "stride = " })
  t.equal(words("conv2d(x, w, { ", env),
    { "dilation = ", "groups = ", "padding = ", "stride = " })
  t.equal(words("nn.Linear(2, 3, { bi", env), { "bias = " })
  t.equal(words("train.EMA(m, { de", env), { "decay = " })
  t.equal(words("x:sum { keep", env), { "keepdim = " })
  t.ok(holds(words("x:sum { keepdim = tru", env), "true"))
end)

t.test("Tab completes module names in require", function()
  in_folder(function(folder)
    orrery.fs.mkdir(folder .. "/pack_q/inner")
    write(folder .. "/mine_q.lua", "return {}")
    write(folder .. "/pack_q/init.lua", "return {}")
    write(folder .. "/pack_q/inner/init.lua", "return {}")
    write(folder .. "/pack_q/part.lua", "return {}")
    package.path = ("%s/?.lua;%s/?/init.lua;%s"):format(folder, folder,
      package.path)
    local env = repl.session().env
    t.equal(words('require "mine_', env), { "mine_q" })
    t.equal(words("require('pack_q", env), { "pack_q" })
    t.equal(words('x = require "pack_q.', env),
      { "pack_q.inner", "pack_q.part" })
    t.ok(holds(words('require "orrery.opt', env), "orrery.optim"))
  end)
end)

t.test("Tab completes file paths in strings", function()
  in_folder(function(folder)
    write(folder .. "/data_q.npz", "")
    orrery.fs.mkdir(folder .. "/dataset_q")
    local env = repl.session().env
    t.equal(words(("load('%s/data"):format(folder), env),
      { folder .. "/data_q.npz", folder .. "/dataset_q/" })
  end)
end)

t.test("Tab completes a script's knobs and their values, unrun", function()
  in_folder(function(folder)
    local path = folder .. "/sweep.lua"
    write(path, "error 'it ran'\nlocal run = orrery.experiment {\n"
      .. "  name = 'sweep', knobs = {\n"
      .. "    beta = { { 0.5, 1.0 }, 'weight: { } of it', min = 0 },\n"
      .. "    model = { 'mlp', 'kind', one_of = { 'mlp', 'conv' } },\n"
      .. "    all = { false, 'everything' },\n  },\n}\n")
    local env = repl.session().env
    local run = ":run " .. path .. " "
    t.equal(words(run .. "b", env), { "beta=", "by=" })
    t.equal(words(run .. "beta=1 mo", env), { "model=" })
    t.equal(words(run .. "model=", env), { "model=mlp", "model=conv" })
    t.equal(words(run .. "model=mlp,c", env), { "model=mlp,conv" })
    t.equal(words(run .. "all=t", env), { "all=true" })
    t.equal(words(run .. "--q", env), { "--quick" })
    t.equal(words(run .. "beta=", env), {})
    t.equal(words(":run " .. folder .. "/sw", env), { path })
    write(path, "return 1")
    t.equal(words(run .. "b", env), {})
  end)
end)

-- ------------------------------------------------------------------------ help

t.test("the example of every op runs", function()
  local env = require("orrery.repl.session").environment()
  local place, count = orrery.default_generator():state(), 0
  for _, name in ipairs(orrery.op_names()) do
    local record = orrery.record(name)
    local text = not record.flags.hidden and examples.of(record)
    if text then
      local ok, why = pcall(assert(load("return " .. text, "=it", "t", env)))
      t.ok(ok, ("%s: %s"):format(text, why))
      count = count + 1
    else
      t.ok(record.flags.hidden, name .. " has no example")
    end
  end
  t.ok(count > 300)
  orrery.default_generator():set_state(place)
end)

t.test("? shows the example, ?? the place of an op's record", function()
  local run = session()
  t.ok(run "?softplus":find "\n  Example: softplus%(randn%(.-%)")
  local file, line = run "??conv2d":match "record is at (%S+):(%d+)\n$"
  t.equal(file, "core/ops/conv.c")
  local root = os.getenv "ORRERY_SOURCE_DIR" or "."
  local at = 0
  for text in io.lines(root .. "/" .. file) do
    at = at + 1
    if at == tonumber(line) then t.ok(text:find "^ORR_DEFINE_OP%(", text) end
  end
  t.ok(at > tonumber(line))
  run "x = zeros(2)"
  t.ok(run "??x:matmul":find "core/ops/", 1, true)
end)

t.test(":doc lists the modules and explains a topic", function()
  local run = session()
  local text = run ":doc"
  t.ok(text:find "\n  train +a loop with progress")
  t.ok(text:find " conv2d ", 1, true)
  t.equal(run ":doc softplus", run "?softplus")
end)

-- ----------------------------------------------------------------------- hints

t.test("an unknown name, field, method or module gets the nearest", function()
  local run = session()
  run "m = nn.Linear(2, 3)"
  local function ends(entry, wanted)
    local said = run(entry)
    t.equal(said:match "did you mean [^\n]*", wanted)
  end
  ends("matmull(1)", "did you mean matmul?")
  ends("zeros(2):matmull()", "did you mean matmul?")
  ends("nn.Linaer(2, 3)", "did you mean Linear?")
  ends("nn.functional.sofmax(1)", "did you mean softmax?")
  ends("m:paramters()", "did you mean parameters?")
  ends("('x'):uper()", "did you mean upper?")
  ends("require 'orrery.optmi'", "did you mean orrery.optim?")
  ends("matmull", "did you mean matmul?")
  ends("nn.Linaer", "did you mean nn.Linear?")
  ends("?nn.Linaer", "did you mean nn.Linear?")
  t.equal(run "zzzzqqq", "nil\n")
end)

t.test("a hint about a line of a file looks at that line", function()
  in_folder(function(folder)
    local path = folder .. "/bad.lua"
    write(path, "local orrery = require 'orrery'\n"
      .. "orrery.optm.Adam()\n")
    local run = session()
    t.equal(run(":run " .. path):match "^[^\n]*",
      path .. ":2: attempt to index a nil value (field 'optm'); "
      .. "did you mean optim?")
  end)
end)

-- -------------------------------------------------------------------- commands

t.test(":save writes a program that prints what the session did", function()
  in_folder(function(folder)
    local run = session()
    write(folder .. "/script.lua", "given = ...")
    local said = run("manual_seed(3)", "x = randn(2, 2)", "x",
      "for i = 1, 2 do local q = i last = q end", "local y = x * last",
      "error 'not kept'", "nonsense nonsense", "y:sum():item(), 'two'",
      ":run " .. folder .. "/script.lua beta=2", "given",
      "local odd <const> = 1", "{ 1, { a = 2 } }", "_[1]",
      ("'many\\n' ..\n'lines'"))
    said = said:gsub("not kept\n", ""):gsub("syntax error[^\n]*\n", "")
    local path = folder .. "/session.lua"
    t.equal(run(":save " .. path), path .. ": 12 entries\n")
    local pipe = io.popen(("'%s' '%s' 2>&1"):format(files.interpreter(), path))
    t.equal(pipe:read "a", said)
    pipe:close()
    t.ok(run(":save " .. folder .. "/no/such.lua"):find "^save: ")
  end)
end)

t.test(":reload takes in changed modules of one's own, in place", function()
  in_folder(function(folder)
    local path = folder .. "/changing_q.lua"
    write(path, "return { f = function() return 1 end, gone = 1 }")
    package.path = folder .. "/?.lua;" .. package.path
    local run, s = session()
    run("m = require 'changing_q'", "f = m.f")
    require("orrery.repl.reloading").note(s.seen)
    t.equal(run ":reload", "no file of a module you have loaded has changed\n")
    write(path, "return { f = function() return 22 end }")
    t.equal(run ":reload", "changing_q\n")
    t.equal(run "m.f(), m.gone, m == require 'changing_q'",
      "22   nil   true\n")
    write(path, "error 'broken'")
    t.ok(run ":reload changing_q":find "broken", 1, true)
    t.equal(run "m.f()", "22\n")
    package.loaded.changing_q = nil
  end)
end)

-- An "editor" for the tests: a shell command that writes the file.
local function with_editor(command, fn)
  local getenv = os.getenv
  os.getenv = function(name) -- luacheck: ignore
    if name == "VISUAL" then return nil end
    if name == "EDITOR" then return command end
    return getenv(name)
  end
  local ok, why = pcall(fn)
  os.getenv = getenv -- luacheck: ignore
  if not ok then error(why, 0) end
end

t.test(":edit runs what the editor leaves, and opens a function's file",
  function()
    in_folder(function(folder)
      local run = session()
      run "value = 1"
      write(folder .. "/ed.sh", "sed -i 's/1/41 + 1/' \"$1\"\n")
      with_editor(("sh '%s/ed.sh'"):format(folder), function()
        t.equal(run(":edit", "value"), "value = 41 + 1\n42\n")
      end)
      write(folder .. "/ed.sh", ("echo \"$@\" > '%s/seen'\n"):format(folder))
      with_editor(("sh '%s/ed.sh'"):format(folder), function()
        run ":edit train.loop"
        local seen = files.read(folder .. "/seen")
        t.ok(seen:find "^%+%d+ .*orrery/train%.lua\n$", seen)
        t.ok(run ":edit nonsense_q":find "neither a file nor a function")
      end)
      with_editor("false", function()
        t.ok(run ":edit":find "^edit: false ended with 1")
      end)
      with_editor(nil, function()
        t.ok(run ":edit":find "^edit: no editor; set EDITOR")
      end)
    end)
  end)

-- ---------------------------------------------------------------------- tables

t.test("rows with the same fields print as a table with headings", function()
  t.equal(pretty { { beta = 1, kl = 19.25, name = "a" },
    { beta = 10, kl = 0.5, name = "b c" } },
    "beta     kl  name\n   1  19.25  a\n  10    0.5  b c")
  t.equal(pretty { { beta = 1 }, { kl = 1 } }, "{ { beta = 1 }, { kl = 1 } }")
  t.equal(pretty { { a = {} }, { a = {} } }, "{ { a = {} }, { a = {} } }")
end)

t.test("colours change nothing but colours", function()
  local value = { 1, "two", { x = true, f = print }, zz = "three" }
  local plain, colored = pretty(value), pretty(value, true)
  t.ok(colored ~= plain)
  t.equal(colored:gsub("\27%[[%d;]*m", ""), plain)
  local x = orrery.zeros(2, 2)
  t.equal(pretty(x, true):gsub("\27%[[%d;]*m", ""), pretty(x))
  t.equal(paint.width(pretty("é", true)), 3)
  local run = session { color = true }
  t.equal(run "error 'no'", "\27[31mno\27[0m\n")
end)
