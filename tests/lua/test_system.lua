--- Generators, threads, clocks and folders as Lua sees them.
local orrery, t = require "orrery", require "orrery.testing"

t.test("a generator is its seed and counter, all 64 bits of them", function()
  local g = orrery.Generator(-1)
  t.equal(g:state(), { seed = -1, counter = 0 })
  local a = orrery.rand(5, { generator = g })
  local state = g:state()
  t.equal(state.seed, -1)
  t.ok(state.counter > 0)
  local b = orrery.rand(5, { generator = g })
  t.equal(orrery.rand(5, { generator = g:set_state(state) }), b)
  t.ok(not orrery.equal(a, b))
  t.equal(orrery.rand(5, { generator = g:seed(-1) }), a)
  g:set_state { seed = math.mininteger, counter = math.maxinteger }
  t.equal(g:state(), { seed = math.mininteger, counter = math.maxinteger })
end)

t.test("equal seeds give equal numbers, streams do not disturb", function()
  local g, h = orrery.Generator(5), orrery.Generator(5)
  orrery.manual_seed(5)
  local want = orrery.randn(7, { generator = g })
  t.equal(orrery.randn(7, { generator = h }), want)
  t.equal(orrery.randn(7), want)
  local again = orrery.Generator(5)
  orrery.rand(3)
  t.equal(orrery.randn(7, { generator = again }), want)
  orrery.manual_seed(5)
  t.equal(orrery.randn(7, { generator = orrery.default_generator() }), want)
end)

t.test("misused generators say so", function()
  local g = orrery.Generator(1)
  t.fails("seed: seed is the number 1.5; pass a whole number", g.seed, g, 1.5)
  t.fails("set_state: pass the table that state() returned", g.set_state, g, 3)
  t.fails_like("counter is missing", g.set_state, g, { seed = 1 })
  t.fails_like("pass an orrery.Generator", g.state, {})
  t.fails_like("rand: generator is the number 1", orrery.rand, 2,
    { generator = 1 })
end)

t.test("threads are set and told; results do not depend on them", function()
  local before = orrery.threads()
  local x = orrery.randn(300, 300, { generator = orrery.Generator(1) })
  local sums = {}
  for n = 1, 3 do
    orrery.set_threads(n)
    t.equal(orrery.threads(), n)
    sums[n] = x:matmul(x):exp():sum(1)
  end
  orrery.set_threads(before)
  t.equal(sums[2], sums[1])
  t.equal(sums[3], sums[1])
  t.fails_like("^set_threads: n is 0", orrery.set_threads, 0)
  t.fails_like("^threads: .*; set them by set_threads$", orrery.threads, 1)
end)

t.test("the backend's settings are set, told and checked", function()
  t.equal(orrery.backend(), { winograd = true })
  local random = { generator = orrery.Generator(2) }
  local x = orrery.randn(4, 32, 16, 16, random)
  local w = orrery.randn(32, 32, 3, 3, random)
  local on = orrery.conv2d(x, w)
  t.equal(orrery.backend { winograd = false }, { winograd = true })
  local off = orrery.conv2d(x, w)
  t.equal(orrery.backend {}, { winograd = false })
  t.equal(orrery.conv2d(x, w), off)
  t.equal(orrery.backend { winograd = true }, { winograd = false })
  t.equal(orrery.conv2d(x, w), on)
  t.ok(not orrery.equal(on, off))
  t.ok((on - off):norm():item() < 1e-5 * off:norm():item())
  t.fails("backend: got a boolean; pass a table of settings", orrery.backend,
    false)
  t.fails("backend: no setting 'blas'; there is winograd", orrery.backend,
    { blas = 1 })
  t.fails("backend: winograd is a number; pass true or false", orrery.backend,
    { winograd = 0 })
  t.equal(orrery.backend(), { winograd = true })
end)

t.test("an interrupt stops operations until it is cleared", function()
  local x = orrery.zeros(10)
  orrery.interrupt()
  t.ok(orrery.interrupted())
  local ok, why = pcall(function() return x + 1 end)
  orrery.clear_interrupt()
  t.ok(not ok and tostring(why):find "interrupted", tostring(why))
  t.ok(not orrery.interrupted())
  t.equal((x + 1):sum():item(), 10)
end)

t.test("the clock does not go back", function()
  local a = orrery.clock()
  orrery.sleep(0.001)
  t.ok(orrery.clock() > a)
  t.fails_like("^sleep: seconds is", orrery.sleep, -1)
end)

t.test("a sleep does not begin once one is asked to stop", function()
  orrery.interrupt()
  local ok, why = pcall(orrery.sleep, 5)
  orrery.clear_interrupt()
  t.ok(not ok and tostring(why):find "interrupted", tostring(why))
end)

t.test("folders are made, listed and removed; failing is nil and why",
  function()
    local fs = orrery.fs
    local root = os.tmpname()
    os.remove(root)
    t.ok(fs.mkdir(root .. "/a/b"))
    t.ok(fs.mkdir(root .. "/a/b"))
    local file = assert(io.open(root .. "/a/c", "w"))
    file:write "text"
    file:close()
    t.equal(fs.list(root .. "/a"), { "b", "c" })
    t.equal(fs.stat(root .. "/a/c").size, 4)
    t.equal(fs.stat(root .. "/a").kind, "folder")
    t.ok(fs.exists(root .. "/a/c") and not fs.exists(root .. "/x"))
    t.ok(fs.rename(root .. "/a/c", root .. "/a/d"))
    local ok, why = fs.mkdir(root .. "/a/d/e")
    t.equal(ok, nil)
    t.ok(why:find "^mkdir: ", why)
    ok, why = fs.list(root .. "/x")
    t.equal(ok, nil)
    t.ok(why:find "^list: ", why)
    t.equal(fs.stat(root .. "/x"), nil)
    for _, path in ipairs { "/a/d", "/a/b", "/a", "" } do
      t.ok(fs.remove(root .. path))
    end
    t.ok(not fs.exists(root))
  end)

t.test("the machine tells what it is", function()
  local m = orrery.machine()
  t.ok(m.cores >= 1 and m.threads >= 1)
  t.ok(m.blas:find "OpenBLAS")
  t.ok(orrery.getpid() > 0)
  t.fails_like("^isatty: file is", orrery.isatty, "elsewhere")
end)

t.test("submodules load when first named, and are listed", function()
  local names = {}
  for _, name in ipairs(orrery.modules()) do names[name] = true end
  t.ok(names.help and names.testing and not names.init)
  t.equal(orrery.help == nil, false)
  t.equal(orrery.no_such_module, nil)
end)
