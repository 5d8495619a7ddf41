--- The live view's server: what pages are told of runs, and when.
local orrery, t = require "orrery", require "orrery.testing"
local json = require "orrery.json"
local watched = dofile((os.getenv "ORRERY_SOURCE_DIR" or ".")
  .. "/tests/lua/watched.lua")
local test, spell, start, make_runs, rows, values, look, events =
  watched.test, watched.spell, watched.start, watched.make_runs, watched.rows,
  watched.values, watched.look, watched.events

test("a page is told the list, and of its runs the numbers", function()
  local w <close> = start()
  local store = make_runs(w, 3)
  store:append(2, rows(1, 5))
  store:append(3, rows(1, 5))
  local got = events(w, "?runs=2,77", 2)
  t.equal(got[1].name, "runs")
  t.equal(#got[1].data.runs, 3)
  t.equal(got[1].data.runs[2].label, "beta=2")
  t.equal(got[1].data.runs[2].status, "waiting")
  t.equal(got[2].name, "numbers")
  t.equal({ got[2].data.run, got[2].data.afresh }, { 2, true })
  t.equal(values(got), { 0.5, 1, 1.5, 2, 2.5 })
  t.equal(#got, 2)
  store:close()
end)

test("who comes back gets what came since, and only that", function()
  local w <close> = start()
  local store = make_runs(w)
  store:append(1, rows(1, 5))
  local first = events(w, "?runs=1", 2)
  store:append(1, rows(6, 7))
  local again = events(w, "?runs=1", 1,
    ("Last-Event-ID: %s\r\n"):format(first[2].id))
  t.equal(values(again), { 3, 3.5 })
  t.equal(again[1].data.afresh, false)
  -- As a new page of the same place: by the address.
  t.equal(values(events(w, "?runs=1&from=" .. first[2].id, 1)), { 3, 3.5 })
  -- Another run, with an id that does not speak of it, comes whole.
  local whole = { 0.5, 1, 1.5, 2, 2.5, 3, 3.5 }
  for _, id in ipairs { "garbage", "1;1:x:1.1:0", "0;1", "-5;1:-3:1.1:0" } do
    t.equal(values(events(w, "?runs=1&from=" .. id, 2)), whole, id)
  end
  store:close()
end)

test("numbers that are none arrive as gaps, told where", function()
  local w <close> = start()
  local store = make_runs(w)
  store:append(1, { { 1, "loss", 1, 2.0 }, { 2, "loss", 2, 0 / 0 },
    { 3, "loss", 3, math.huge }, { 4, "up", 1, -math.huge },
    { 5, "loss", 4, 1.0 } })
  local s = events(w, "?runs=1", 2)[2].data.series
  t.equal(s[1].x, { 1, 2, 3, 4 })
  t.equal({ s[1].y[1], s[1].y[2] == json.null, s[1].y[3] == json.null,
    s[1].y[4] }, { 2.0, true, true, 1.0 })
  t.equal({ s[1].odd, s[1].odd_at, s[1].odd_is }, { 2, 2, "nan" })
  t.equal({ s[2].odd, s[2].odd_is }, { 1, "infinite" })
  store:close()
end)

test("long series keep their least and greatest", function()
  local w <close> = start()
  local store = make_runs(w)
  local list = rows(1, 50000)
  list[30000][4], list[7][4] = 1e9, -3.0
  store:append(1, list)
  local low, high, count, n = math.huge, -math.huge, 0, 0
  for _, e in ipairs(events(w, "?runs=1", 4)) do
    for _, s in ipairs(e.data.series or {}) do
      for i, y in ipairs(s.lo) do
        low, high = math.min(low, y), math.max(high, s.hi[i])
      end
      count, n = count + #s.x, n + 1
    end
  end
  t.equal({ low, high, n }, { -3.0, 1e9, 3 })
  t.ok(count < 3000)
  store:close()
end)

test("a run that begins anew, and one that is gone, are told", function()
  local w <close> = start()
  local store = make_runs(w, 2)
  t.ok(store:claim(1, "{}"))
  store:append(1, rows(1, 5))
  local first = events(w, "?runs=1", 2)
  t.equal(first[1].data.runs[1].status, "running")
  store:finish(1, { status = "failed", message = "no \255 memory" })
  t.ok(store:claim(1, "{}"))
  store:append(1, rows(1, 3, 7.0))
  store:cut(1, 3)
  store:delete(2)
  local again = events(w, "?runs=1&from=" .. first[2].id, 2)
  t.equal(again[1].data.gone, { 2 })
  t.equal(again[2].data.afresh, true)
  t.equal(values(again), { 7, 7, 7 })
  store:finish(1, { status = "failed", message = "no \255 memory" })
  t.equal(events(w, "?runs=1", 1)[1].data.runs[1].message, "no ? memory")
  store:close()
end)

test("another store in the place of the first is taken up", function()
  local w <close> = start()
  make_runs(w, 2):close()
  local first = events(w, "?runs=1", 2)
  os.execute(("rm -r '%s'"):format(w.out))
  local store = make_runs(w, 1)
  store:append(1, rows(1, 2))
  local again = events(w, "?runs=1&from=" .. first[2].id, 2)
  t.equal(values(again), { 0.5, 1 })
  t.equal(again[2].data.afresh, true)
  store:close()
end)

test("a store that cannot be read is said so, once, and tried again", function()
  local w <close> = start()
  assert(orrery.fs.mkdir(w.out))
  spell(w.out .. "/runs.sqlite", ("no database at all\n"):rep(100))
  for _ = 1, 3 do look(w) end
  t.equal(#w.complaints, 1)
  t.ok(w.complaints[1]:find "^runs: .*runs.sqlite: file is not a database$")
  table.remove(w.complaints)
  assert(os.remove(w.out .. "/runs.sqlite"))
  make_runs(w):close()
  t.equal(#events(w, "", 1)[1].data.runs, 1)
end)

test("pictures are told once, and again when drawn afresh", function()
  local w <close> = start()
  local store = make_runs(w)
  t.ok(store:claim(1, "{}"))
  local path = w.out .. "/toy/run1/a.png"
  spell(path, "one")
  store:keep(1, "image", "samples, epoch 1", "a.png")
  local first = events(w, "?runs=1", 3)
  t.equal(first[3].name, "kept")
  local picture = first[3].data.pictures[1]
  t.equal({ picture.name, picture.place }, { "samples, epoch 1", 1 })
  spell(path .. ".new", "longer")
  os.rename(path .. ".new", path)
  store:keep(1, "image", "samples, epoch 1", "a.png")
  local again = events(w, "?runs=1&from=" .. first[3].id, 1)
  t.equal(again[1].name, "kept")
  t.ok(again[1].data.pictures[1].stamp ~= picture.stamp)
  store:finish(1, { status = "done" })
  store:close()
end)

test("warnings of a run are told as they arise, and as they pass", function()
  local w <close> = start()
  local store = make_runs(w)
  t.ok(store:claim(1, "{}"))
  local recorder = require("orrery.runs.recorder").new(store, 1,
    function() end)
  recorder:monitor("active", { below = 3, steps = 2 })
  local function log(step, value)
    recorder:scalar("active", step, value)
    recorder:flush()
  end
  log(1, 2.0)
  local first = events(w, "?runs=1", 2)
  t.equal(first[#first].name, "numbers")
  log(2, 2.0)
  recorder:warn("modes", "6 of 8 modes", 2)
  local second = events(w, "?runs=1&from=" .. first[2].id, 2)
  local list = second[#second].data.warnings
  t.equal(#list, 2)
  t.ok(list[1]:find "^active is 2, below 3" , list[1])
  t.equal(list[2], "6 of 8 modes")
  log(3, 5.0)
  local third = events(w, "?runs=1&from=" .. second[#second].id, 2)
  t.ok(third[#third].data.warnings[1]:find "recovered")
  store:finish(1, { status = "done" })
  store:close()
end)
