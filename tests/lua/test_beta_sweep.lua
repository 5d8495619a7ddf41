--- The experiment as a user runs it: scripts/beta_sweep.lua in a process of
--- its own, under the program and under stock Lua.
local orrery, t = require "orrery", require "orrery.testing"
local plot = require "orrery.plot"
local files = require "orrery.testing.files"

local root = os.getenv "ORRERY_SOURCE_DIR" or "."
local build = os.getenv "ORRERY_BUILD_DIR" or root .. "/build"
local script = root .. "/scripts/beta_sweep.lua"

local interpreter = files.interpreter()
local folder, drop, slurp = files.folder, files.drop, files.read

-- What the sweep printed, and whether it ended well.
local function sweep(program, words)
  local pipe = io.popen(("'%s' '%s' %s 2>&1"):format(program, script, words))
  local said = pipe:read "a"
  return said, pipe:close()
end

local function is_png(path)
  local image = orrery.io.read_png(path)
  return image ~= nil and image:numel() > 0
end

-- Everything a sweep of two betas leaves.
local function check_run(out, said)
  local top = out .. "/beta_sweep"
  t.ok(said:find("report: " .. top .. "/report.html", 1, true), said)
  t.ok(said:find "beta%s+rate %(KL%)%s+distortion", said)
  local report = slurp(top .. "/report.html")
  t.ok(report:find "^%s*<!DOCTYPE html>" and report:find "</html>%s*$")
  t.ok(select(2, report:gsub("src='data:image/png;", "")) == 8)
  t.equal(select(2, slurp(top .. "/summary.csv"):gsub("\n", "")), 3)
  local list = orrery.runs.open(out):list { status = "done" }
  t.equal(#list, 2)
  for _, run in ipairs(list) do
    t.near(run.elbo, -(run.rate + run.distortion), 1e-12)
    local sum = 0
    for _, kl in ipairs(run.kl_per_latent) do sum = sum + kl end
    t.near(sum, run.rate, 1e-9)
    for _, picture in ipairs { "reconstructions", "samples", "traversals" } do
      t.ok(is_png(run.images[picture]), picture)
    end
  end
  if plot.available() then
    t.ok(is_png(top .. "/rate_and_distortion.png"))
  end
end

-- A sanitizer makes training several times slower: less of it then.
local sanitized = orrery.machine().sanitized

local missing = orrery.runs.missing()
local kept = missing and function(name) t.skip(name, missing) end
  or t.needing "png"

kept("a quick sweep leaves its table, pictures and report", function()
  local out = folder()
  local said, ok = sweep(interpreter, "--quick out=" .. out)
  t.ok(ok, said)
  check_run(out, said)
  local again
  again, ok = sweep(interpreter, "--quick out=" .. out)
  t.ok(ok, again)
  t.equal(select(2, again:gsub("done before", "")), 2)
  check_run(out, again)
  drop(out)
end)

-- All that was measured, with all digits.
local function numbers(out)
  local pipe = io.popen(("cat '%s'/beta_sweep/*/metrics.csv"):format(out))
  local text = pipe:read "a"
  pipe:close()
  return text
end

-- compile=true changes the pace alone: the last batch, of other size than the
-- rest, is recorded as a second program.
kept("recorded steps leave the same numbers", function()
  local images = sanitized and 150 or 300
  for _, words in ipairs { "model=mlp beta=0.5,4", "model=conv beta=1" } do
    local a, b = folder(), folder()
    words = ("--quick images=%d epochs=2 %s"):format(images, words)
    local said, ok = sweep(interpreter, words .. " out=" .. a)
    t.ok(ok, said)
    said, ok = sweep(interpreter, words .. " compile=true out=" .. b)
    t.ok(ok, said)
    t.ok(#numbers(a) > 200)
    t.equal(numbers(a), numbers(b))
    drop(a)
    drop(b)
  end
end)

local program = build .. "/orrery"
local other = io.open(program) and kept or function(name)
  t.skip(name, "the program is not built")
end

other("the program and stock Lua give the same numbers", function()
  local a, b = folder(), folder()
  local words = "--quick images=300 beta=2 out="
  local said, ok = sweep(program, words .. a)
  t.ok(ok, said)
  said, ok = sweep(interpreter, words .. b)
  t.ok(ok, said)
  t.ok(#numbers(a) > 100)
  t.equal(numbers(a), numbers(b))
  drop(a)
  drop(b)
end)

kept("the convolutional network draws the plane of its codes", function()
  local out = folder()
  local said, ok = sweep(interpreter,
    "--quick model=conv images=200 beta=1 decoder=gaussian out=" .. out)
  t.ok(ok, said)
  local pipe = io.popen(("ls '%s'/beta_sweep/*/*.png"):format(out))
  local pictures = pipe:read "a"
  pipe:close()
  t.ok(pictures:find "plane.png", pictures)
  if plot.available() then t.ok(pictures:find "codes.png", pictures) end
  for path in pictures:gmatch "[^\n]+" do t.ok(is_png(path), path) end
  drop(out)
end)

kept("every objective leaves scores against the factors, and a film",
  function()
    local out = folder()
    local objectives = sanitized and "capacity,beta_tc"
      or "elbo,beta_tc,factor,capacity,dip,info,free_bits,cs"
    local said, ok = sweep(interpreter, ("--quick data=shapes images=300 "
      .. "beta=4 anneal=warm_up objective=%s out=%s"):format(objectives, out))
    t.ok(ok, said)
    local list = orrery.runs.open(out):list { status = "done" }
    t.equal(#list, select(2, objectives:gsub("%a[%a_]*", "")))
    for _, run in ipairs(list) do
      for _, name in ipairs { "mig", "dci", "completeness", "sap",
        "factor_vae", "beta_vae" } do
        t.ok(run[name] >= 0 and run[name] <= 1, name)
      end
      t.ok(run.correlation > -0.1, run.correlation)
      t.ok(slurp(run.images.walk):find "^GIF89a")
    end
    drop(out)
  end)

t.test("a mistyped knob is named with the nearest, and ends badly", function()
  local said, ok = sweep(interpreter, "bta=1")
  t.ok(not ok)
  t.ok(said:find("unknown knob bta; did you mean beta?", 1, true), said)
end)

-- Rows of summary.csv as tables of text by column.
local function summary(out)
  local names, rows
  for line in slurp(out .. "/beta_sweep/summary.csv"):gmatch "[^\n]+" do
    local cells = {}
    for cell in (line .. ","):gmatch "([^,]*)," do
      cells[#cells + 1] = cell
    end
    if names then
      local row = {}
      for i, name in ipairs(names) do row[name] = cells[i] end
      rows[#rows + 1] = row
    else
      names, rows = cells, {}
    end
  end
  return rows
end

-- Over rising beta the rate falls and the distortion rises, by at least the
-- given steps, in every seed.
local function check_order(rows, rate_step, distortion_step)
  local last = {}
  for _, row in ipairs(rows) do
    local before = last[row.seed]
    local rate = tonumber(row.rate)
    local distortion = tonumber(row.distortion)
    if before then
      t.ok(before.rate - rate >= rate_step, ("seed %s: rate %g, then %g")
        :format(row.seed, before.rate, rate))
      t.ok(distortion - before.distortion >= distortion_step,
        ("seed %s: distortion %g, then %g"):format(row.seed,
          before.distortion, distortion))
    end
    last[row.seed] = { rate = rate, distortion = distortion }
  end
end

-- The steps are half the smallest that three seeds of an independent
-- implementation showed between neighbours after two epochs (2.5 and 4.6).
kept("a larger beta buys a lower rate with a higher distortion", function()
  local out = folder()
  local betas = sanitized and "1,10" or "0.5,1,4,10"
  local said, ok = sweep(interpreter, ("epochs=2 beta=%s out=%s"):format(betas,
    out))
  t.ok(ok, said)
  local rows = summary(out)
  t.equal(#rows, sanitized and 2 or 4)
  check_order(rows, 1.2, 2.3)
  drop(out)
end)

local full = os.getenv "ORRERY_FULL" and kept or function(name)
  t.skip(name, "set ORRERY_FULL=1; takes minutes")
end

full("the full sweep has its published steps and totals", function()
  local out = folder()
  local said, ok = sweep(interpreter, "seed=1..3 out=" .. out)
  t.ok(ok, said)
  local rows = summary(out)
  t.equal(#rows, 12)
  check_order(rows, 2, 3)
  for _, row in ipairs(rows) do
    if tonumber(row.beta) == 1 then t.ok(-row.elbo <= 142, row.elbo) end
  end
  said, ok = sweep(interpreter, "beta=1 epochs=10 seed=1..3 out=" .. out)
  t.ok(ok, said)
  for _, row in ipairs(summary(out)) do
    t.ok(-row.elbo <= 125, row.elbo)
  end
  drop(out)
end)
