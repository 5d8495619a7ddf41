local t = require "orrery.testing"
local knobs = require "orrery.knobs"
local nearest = require "orrery.nearest"

local spec = {
  name = "sweep",
  knobs = {
    beta = { 1.0, "weight of the KL term", min = 0 },
    model = { "mlp", "encoder and decoder", one_of = { "mlp", "conv" } },
    epochs = { 5, "passes over the images", min = 1, max = 100 },
    flip = { false, "mirror the images" },
  },
  quick = { epochs = 1 },
}

local function parse(...) return assert(knobs.parse(spec, { ... })) end

local function column(parsed, name)
  local values = {}
  for i, trial in ipairs(parsed.trials) do values[i] = trial[name] end
  return values
end

local function refuses(message, ...)
  local parsed, why = knobs.parse(spec, { ... })
  t.equal(parsed, nil)
  t.equal(why, message)
end

t.test("no words give one trial of the defaults", function()
  local p = parse()
  t.equal(#p.trials, 1)
  t.equal(p.trials[1].beta, 1.0)
  t.equal(p.trials[1].model, "mlp")
  t.equal(p.trials[1].epochs, 5)
  t.equal(p.trials[1].flip, false)
  t.equal(p.trials[1].seed, 1)
  t.equal(p.options.out, "runs")
  t.equal(p.options.threads, nil)
end)

t.test("a value takes the type of the default", function()
  local k = parse("beta=4", "epochs=7", "flip=yes").trials[1]
  t.equal(math.type(k.beta), "float")
  t.equal(math.type(k.epochs), "integer")
  t.equal(k.flip, true)
end)

t.test("a list of defaults is a sweep, of floats when one is", function()
  local p = assert(knobs.parse({ knobs = { beta = { { 0.5, 1, 4 } } } }, {}))
  t.equal(column(p, "beta"), { 0.5, 1.0, 4.0 })
  t.equal(math.type(p.trials[2].beta), "float")
end)

t.test("two sweeps multiply, the later word turning faster", function()
  local p = parse("model=mlp,conv", "beta=1,4")
  t.equal(column(p, "model"), { "mlp", "mlp", "conv", "conv" })
  t.equal(column(p, "beta"), { 1.0, 4.0, 1.0, 4.0 })
  t.equal(p.swept, { "model", "beta" })
end)

t.test("the seed turns fastest wherever it is written", function()
  local p = parse("seed=1..3", "beta=1,4")
  t.equal(column(p, "seed"), { 1, 2, 3, 1, 2, 3 })
end)

t.test("ranges and lists mix, both ends included", function()
  t.equal(column(parse("seed=1..3,7"), "seed"), { 1, 2, 3, 7 })
  t.equal(column(parse("beta=0..2"), "beta"), { 0.0, 1.0, 2.0 })
end)

t.test("--quick changes its defaults, but not what is given", function()
  t.equal(parse("--quick").trials[1].epochs, 1)
  t.equal(parse("--quick").trials[1].quick, true)
  t.equal(parse("--quick", "epochs=9").trials[1].epochs, 9)
end)

t.test("threads and out are options, not part of a trial", function()
  local p = parse("threads=2", "out=elsewhere/runs")
  t.equal(p.options.threads, 2)
  t.equal(p.options.out, "elsewhere/runs")
  t.equal(p.trials[1].threads, nil)
  refuses("sweep: threads cannot be swept; give one value", "threads=1,2")
end)

t.test("an unknown knob is answered with the nearest one", function()
  refuses("sweep: unknown knob bta; did you mean beta?", "bta=1")
  refuses("sweep: unknown knob sede; did you mean seed?", "sede=1")
  refuses("sweep: unknown knob xyzzy; it is one of beta, epochs, flip, model, "
    .. "seed, threads, out, samples, halve, by", "xyzzy=1")
  refuses("sweep: unknown flag --dry-rn; did you mean --dry-run?", "--dry-rn")
end)

t.test("a value of the wrong type, range or choice says what is right",
  function()
    refuses("sweep: beta is one; it must be a number", "beta=one")
    refuses("sweep: beta is nan; it must be a number", "beta=nan")
    refuses("sweep: beta is empty; it must be a number", "beta=")
    refuses("sweep: beta is -1; it must be at least 0", "beta=-1")
    refuses("sweep: epochs is 2.5; it must be a whole number", "epochs=2.5")
    refuses("sweep: epochs is 101; it must be at most 100", "epochs=101")
    refuses("sweep: model is cnv; did you mean conv?", "model=cnv")
    refuses("sweep: flip is maybe; it must be true or false", "flip=maybe")
    refuses("sweep: seed is 3..1; write the smaller end first", "seed=3..1")
    local _, why = knobs.parse({ name = "square", knobs = {
      side = { 16, "pixels", one_of = { 16, 32, 64 } } } }, { "side=24" })
    t.equal(why, "square: side is 24; it is one of 16, 32, 64")
  end)

t.test("a value or knob given twice is refused", function()
  refuses("sweep: beta has 1 twice; give each value once", "beta=1,4,1.0")
  refuses("sweep: beta is given twice; write beta=1,4", "beta=1", "beta=4")
end)

t.test("a sweep too large to mean is refused before it is made", function()
  refuses("sweep: 1000000 trials; sweep fewer values, at most 10000 trials",
    "beta=1..1000", "seed=1..1000")
end)

t.test("a word that is no setting says how to write one", function()
  refuses("sweep: beta has no value; write beta=1", "beta")
  refuses("sweep: what is not knob=value; --help lists the knobs", "what")
end)

t.test("a declaration that cannot be right is refused where it stands",
  function()
    t.fails("bad: knob a: write { default, 'what it does' }", knobs.check,
      { name = "bad", knobs = { a = 3 } })
    t.fails("bad: default of knob b is 0; it must be at least 1", knobs.check,
      { name = "bad", knobs = { b = { 0, "count", min = 1 } } })
    t.fails("bad: knob samples: every experiment has samples= already; "
      .. "choose another name", knobs.check,
      { name = "bad", knobs = { samples = { 1, "how many" } } })
    t.fails("bad: quick: c is no knob", knobs.check,
      { name = "bad", knobs = {}, quick = { c = 1 } })
    knobs.check(spec)
  end)

t.test("help shows the head comment, every knob and its limits", function()
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write "#!/usr/bin/env orrery\n--[[ What does it cost?\nTwo minutes. ]]\n"
  file:close()
  local text = knobs.help(spec, "@" .. path)
  os.remove(path)
  t.equal(text:sub(1, 34), "What does it cost?\nTwo minutes.\n\no")
  for _, part in ipairs { "beta=1", "(mlp,conv)", "(1 to 100)", "--dry-run",
    "seed=1", "out=runs" } do
    t.equal(text:find(part, 1, true) ~= nil, true)
  end
end)

t.test("a dry run names each trial by what was swept", function()
  t.equal(knobs.listing(parse("beta=1,4")),
    "2 trials\n   1  beta=1\n   2  beta=4\n")
  t.equal(knobs.listing(parse()),
    "1 trial\n   1  beta=1 epochs=5 flip=false model=mlp seed=1\n")
end)

t.test("a sentence shows as its text alone", function()
  t.equal(tostring(knobs.sentence "who: what; how"), "who: what; how")
end)

t.test("the nearest name is at most a third of the letters away", function()
  t.equal(nearest("matmull", { "matmul", "mul" }), "matmul")
  t.equal(nearest("tehta", { "theta", "beta" }), "theta")
  t.equal(nearest("conv", { "conv2d", "cos" }), "conv2d")
  t.equal(nearest("zzz", { "matmul", "mul" }), nil)
end)

-- ---------------------------------------------------------- random, halving

local search = { name = "search", knobs = {
  lr = { 1e-3, "rate", min = 0 }, width = { 8, "units", min = 1, max = 64 },
  beta = { 1.0, "b" }, word = { "a", "w" } } }

local function searched(...) return assert(knobs.parse(search, { ... })) end

local function refused(message, ...)
  local parsed, why = knobs.parse(search, { ... })
  t.equal(parsed, nil)
  t.equal(why, "search: " .. message)
end

t.test("draws lie in their interval and fill it evenly on its scale", function()
  local p = searched("lr=log:1e-4..1e-2", "beta=lin:-1..3", "samples=2000")
  t.equal(#p.trials, 2000)
  local below, sum, logs = 0, 0, 0
  for _, k in ipairs(p.trials) do
    t.ok(k.lr >= 1e-4 and k.lr <= 1e-2 and k.beta >= -1 and k.beta <= 3)
    if k.lr < 1e-3 then below = below + 1 end
    sum, logs = sum + k.beta, logs + (math.log(k.lr, 10) + 3) * (k.beta - 1)
  end
  -- Half of them below the geometric mean, by 5 standard deviations.
  t.near(below / 2000, 0.5, 5 * 0.5 / math.sqrt(2000))
  t.near(sum / 2000, 1, 5 * (4 / math.sqrt(12)) / math.sqrt(2000))
  -- One knob's draws tell nothing of the other's.
  t.near(logs / 2000, 0, 5 * (2 / math.sqrt(12)) * (4 / math.sqrt(12))
    / math.sqrt(2000))
end)

t.test("the same command draws the same, more samples add to them", function()
  local few = searched("lr=log:1e-4..1e-2", "samples=3")
  local many = searched("lr=log:1e-4..1e-2", "samples=5")
  for i = 1, 3 do t.equal(few.trials[i].lr, many.trials[i].lr) end
  t.equal(few.swept, { "lr" })
end)

t.test("whole numbers are drawn with both ends, none twice", function()
  local p, seen = searched("width=lin:3..6", "samples=100"), {}
  t.equal(#p.trials, 4)
  for _, k in ipairs(p.trials) do
    t.equal(math.type(k.width), "integer")
    seen[k.width] = true
  end
  t.ok(seen[3] and seen[4] and seen[5] and seen[6])
end)

t.test("what is drawn is crossed with what is listed", function()
  local p = searched("lr=log:1e-4..1e-2", "samples=2", "beta=1,4",
    "seed=1..2")
  t.equal(#p.trials, 8)
  t.equal(p.swept, { "beta", "lr", "seed" })
  t.equal(p.trials[1].lr, p.trials[2].lr)
  t.equal(p.trials[1].lr, p.trials[5].lr)
  t.ok(p.trials[1].lr ~= p.trials[3].lr)
end)

t.test("a wrong search says what is right", function()
  refused("lr is drawn; say how many times with samples=N",
    "lr=log:1e-4..1e-2")
  refused("samples is 3 but nothing is drawn; write lr=log:1e-4..1e-2",
    "samples=3")
  refused("lr is log:1..0.1; write the smaller end first", "lr=log:1..0.1",
    "samples=2")
  refused("lr is log:0..1; log: needs ends above 0", "lr=log:0..1",
    "samples=2")
  refused("width is 99; it must be at most 64", "width=lin:1..99",
    "samples=2")
  refused("word is lin:1..2; only numbers are drawn, and it is a string",
    "word=lin:1..2", "samples=2")
  refused("seed cannot be drawn; write seed=1..5", "seed=lin:1..9",
    "samples=2")
end)

t.test("rungs are the rising values of their knob", function()
  local p = searched("width=9,1,3", "beta=1,2", "halve=width", "by=max:score")
  t.equal(p.rungs, { knob = "width", values = { 1, 3, 9 }, by = "score",
    most = true })
  t.equal(#p.trials, 2)
  t.equal(p.trials[1].width, 1)
  t.ok(knobs.listing(p):find("2 trials; the best go on with width=3, then "
    .. "width=9\n", 1, true))
  refused("halve is width; give it several budgets, width=1,3,9",
    "halve=width", "by=loss")
  refused("halve needs by=RESULT, the smallest best, or by=max:RESULT",
    "width=1,2", "halve=width")
  refused("halve is wdth; it must be a knob with several values", "halve=wdth",
    "by=loss")
end)

t.test("-j says how many trials at a time", function()
  t.equal(searched().options.jobs, 1)
  t.equal(searched("-j", "3").options.jobs, 3)
  t.equal(searched("-j4", "beta=2").options.jobs, 4)
  refused("-j is 0; write -j 2 for two trials at a time", "-j", "0")
  refused("-j is empty; write -j 2 for two trials at a time", "-j")
end)

t.test("a worker takes each value whole", function()
  local p = searched("word=a,b", "beta=4", "--trial")
  t.equal(p.options.trial, true)
  t.equal(p.trials, { { word = "a,b", beta = 4.0, lr = 1e-3, width = 8,
    seed = 1, quick = false } })
end)
