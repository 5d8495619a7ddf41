--- What a replay is compared with: the figures and pictures of an earlier one.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local recorded = require "orrery.replay.recorded"
local replay = orrery.replay

local folder
setup(function() folder = files.folder() end)
teardown(function() files.drop(folder) end)

local function run(text, quick)
  local file = assert(io.open(folder .. "/file.lua", "w"))
  file:write("-- %%\n", text)
  file:close()
  return assert(replay.run(folder .. "/file.lua", { quick = quick }))
end

local function record(text)
  os.remove(folder .. "/file.figures.json")
  assert(recorded.write(run(text)))
end

local function disc(x, y)
  local r = orrery.range(1, 48)
  local d = (r - x):square():unsqueeze(1) + (r - y):square():unsqueeze(2)
  return d:lt(200):float() * 255
end

t.test("a picture is like itself, and like itself with a little noise",
  function()
    orrery.manual_seed(1)
    local a = disc(20, 24)
    t.near(recorded.similarity(a, a), 1, 1e-12)
    local near = recorded.similarity(a, a + orrery.randn(48, 48) * 3)
    t.ok(near > recorded.alike and near < 1, tostring(near))
  end)

t.test("a picture that moved, or another, is not alike", function()
  t.ok(recorded.similarity(disc(20, 24), disc(26, 24)) < recorded.alike)
  t.ok(recorded.similarity(disc(20, 24), 255 - disc(20, 24)) < 0)
  local white, grey = orrery.full({ 9, 9 }, 255.0), orrery.full({ 9, 9 }, 99.0)
  t.near(recorded.similarity(white, white), 1)
  t.ok(recorded.similarity(white, grey) < recorded.alike)
end)

t.test("similarity is that of Wang et al. on one window", function()
  local a = orrery.tensor { { 0, 51 }, { 102, 255 } }
  local b = orrery.tensor { { 51, 0 }, { 102, 204 } }
  -- Means 0.4 and 0.35; variances 0.14 and 0.0875; covariance 0.1.
  local want = (2 * 0.4 * 0.35 + 1e-4) * (2 * 0.1 + 9e-4)
    / ((0.16 + 0.1225 + 1e-4) * (0.14 + 0.0875 + 9e-4))
  t.near(recorded.similarity(a, b), want, 1e-9)
end)

local text = [[
replay.check("a", 1.0, 1, { abs = 0.5 })
replay.check("b", 2, 1, { relation = ">" })
show(rand(40, 100))
]]

local kept = t.needing("json", "png")

kept("the same replay is as recorded", function()
  record(text)
  local drift, notes = recorded.compare(run(text))
  t.equal({ drift, notes }, { {}, {} })
end)

kept("figures may move within their tolerance", function()
  record(text)
  t.equal(recorded.compare(run((text:gsub("1%.0", "1.4")))), {})
  t.equal(recorded.compare(run((text:gsub("2, 1", "9, 1")))), {})
  record((text:gsub("1%.0", "0.6")))
  t.equal(recorded.compare(run((text:gsub("1%.0", "1.4")))),
    { "a: 1.4, recorded 0.6 (0.5)" })
end)

kept("what is gone, new, or drawn otherwise is told", function()
  record(text)
  t.equal(recorded.compare(run((text:gsub('"a"', '"c"')))), {
    "c: it was not recorded",
    "a: it was recorded, and is not measured now" })
  local drift = recorded.compare(run((text:gsub("rand%(", "1 - rand("))))
  t.equal(#drift, 1)
  t.ok(drift[1]:find("^picture 1 %(cell 1%): similarity to the recorded %-"),
    drift[1])
  t.equal(recorded.compare(run((text:gsub("40, 100", "80, 100")))),
    { "picture 1 (cell 1): 64 x 51, recorded 64 x 26" })
  t.equal(recorded.compare(run(text .. "show(rand(4, 4))\n")),
    { "2 pictures, recorded 1" })
end)

kept("small and full settings are recorded side by side", function()
  record(text)
  local drift, why = recorded.compare(run(text, true))
  t.equal({ drift == nil, why }, { true, "replay: " .. folder
    .. "/file.figures.json has nothing recorded with --quick; record it with "
    .. "--record" })
  assert(recorded.write(run(text, true)))
  t.equal(recorded.compare(run(text, true)), {})
  t.equal(recorded.compare(run(text)), {})
end)

kept("numbers that are none are recorded too", function()
  local odd = "replay.check('n', 0/0, 0, { abs = 1 })\n"
    .. "replay.check('i', -1/0, 0, { abs = 1 })\n"
  record(odd)
  t.equal(recorded.compare(run(odd)), {})
  t.equal(recorded.compare(run((odd:gsub("0/0", "0")))),
    { "n: 0, recorded nan (1)" })
end)

local program = (os.getenv "ORRERY_BUILD_DIR" or "build") .. "/orrery"

kept("the command compares, and fails on drift", function()
  local function orr(words)
    local pipe = io.popen(("'%s' replay '%s/file.lua' -o '%s/p.html' %s 2>&1")
      :format(program, folder, folder, words))
    local said = pipe:read "a"
    return select(3, pipe:close()), said:match "([^\n]*)\n$"
  end
  run(text)
  os.remove(folder .. "/file.figures.json")
  t.equal({ orr "--check" }, { 1, "orrery: replay: " .. folder
    .. "/file.figures.json has nothing recorded; record it with --record" })
  t.equal({ orr "--record" }, { 0, "recorded: " .. folder
    .. "/file.figures.json" })
  t.equal({ orr "--check" }, { 0, "as recorded" })
  local status, said = orr "--check --seed 7"
  t.equal(status, 1)
  t.ok(said:find("^drift: picture 1 %(cell 1%): similarity"), said)
end)
