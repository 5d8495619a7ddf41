--- One side of a paired measurement: builds a workload, then runs a case of it
--- for as long as run.py asks, line by line.
---     worker.lua WORKLOAD THREADS [compiled]
--- reads `run SECONDS CASE`, answers { calls, median, min } in seconds; reads
--- `steps N CASE`, answers { resident, live, seconds, fresh } of N calls, the
--- first two in MB, fresh the blocks taken from the system meanwhile; reads
--- `memory`, answers { start, peak } in MB.
local orrery = require "orrery"
local json = require "orrery.json"
local workload, threads, compiled = arg[1], tonumber(arg[2]), arg[3]
orrery.set_threads(threads)

local function resident(key)
  local file = io.open "/proc/self/status"
  if not file then return 0 end
  local text = file:read "a"
  file:close()
  return (tonumber(text:match(key .. ":%s*(%d+)")) or 0) / 1024
end

local function cases_of(name)
  local micro = require "bench.micro"
  if micro[name] then
    local cases = micro[name]()
    for _, case in pairs(cases) do
      if compiled and case.step then case[1] = orrery.compile(case[1]) end
    end
    return cases
  end
  local build = require("bench.mlp")[name] or require("bench.images")[name]
  local step, training = build()
  if compiled then step = orrery.compile(step) end
  return { [name] = { step, 1 } }, training
end

local function run(case, seconds)
  local fn, inner = case[1], case[2]
  local times, begin = {}, orrery.clock()
  local now = begin
  repeat
    fn()
    local after = orrery.clock()
    times[#times + 1], now = (after - now) / inner, after
  until now - begin >= seconds
  table.sort(times)
  return { calls = #times, median = times[(#times + 1) // 2], min = times[1] }
end

local function steps(case, n)
  local begin, fresh = orrery.clock(), orrery.memory().fresh
  for _ = 1, n do case[1]() end
  local seconds = orrery.clock() - begin
  fresh = orrery.memory().fresh - fresh
  local now = resident "VmRSS"
  collectgarbage()
  collectgarbage()
  local _, live = orrery.live()
  return { resident = now, live = live / 1e6, seconds = seconds,
    fresh = fresh }
end

local start = resident "VmHWM"
orrery.manual_seed(0)
local cases, training = cases_of(workload)
local names = {}
for name in pairs(cases) do names[#names + 1] = name end
table.sort(names)
local function answer(value) print(json.encode(value)) io.stdout:flush() end
answer { cases = names }
for line in io.lines() do
  local what, number, name = line:match "^(%l+) (%S+) (.+)$"
  -- What drawing is a share of; built when asked for, its memory is not that
  -- of drawing.
  if name == "training" and not cases.training then
    local step = training()
    cases.training = { compiled and orrery.compile(step) or step, 1 }
  end
  if what == "run" then
    answer(run(cases[name], tonumber(number)))
  elseif what == "steps" then
    answer(steps(cases[name], tonumber(number)))
  else
    answer { start = start, peak = resident "VmHWM" }
  end
end
