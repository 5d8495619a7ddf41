--- Trials in several processes at once. Each worker is a plain run of the
--- script with the settings of one trial; it claims the trial by itself, so
--- that two sweeps side by side share the work and a killed one loses none.
local orrery = require "orrery"
local calm = require "orrery.experiment.calm"
local packing = require "orrery.runs.packing"
local sorted_keys = require "orrery.sorted_keys"

local process = orrery._process

---@class orrery.experiment.Pool
local Pool = {}
Pool.__index = Pool

-- What this process was started with, up to the script.
local function program()
  local words, first = {}, 0
  while arg[first - 1] do first = first - 1 end
  for i = first, 0 do words[#words + 1] = arg[i] end
  return words
end

local function command(pool, record)
  local words, options = program(), pool.parsed.options
  for _, name in ipairs(sorted_keys(record.knobs)) do
    if name ~= "quick" then
      words[#words + 1] = name .. "=" .. packing.show(record.knobs[name])
    end
  end
  if record.knobs.quick then words[#words + 1] = "--quick" end
  words[#words + 1] = "out=" .. options.out
  if options.threads or not os.getenv "ORRERY_THREADS" then
    words[#words + 1] = "threads=" .. (options.threads
      or math.max(1, orrery.machine().cores // options.jobs))
  end
  words[#words + 1] = "--trial"
  return words
end

-- Starts a worker, unless there is nothing to do for it, or not yet.
local function start(pool, record)
  record:refresh()
  if record.status == "done" then
    pool.progress:skipped(record)
  elseif record.status == "running" then
    pool.elsewhere[#pool.elsewhere + 1] = record
  else
    local ok, why = orrery.fs.mkdir(record.folder)
    local pid
    if ok then
      pid, why = process.spawn(command(pool, record),
        record:path "output.txt")
    end
    if not pid then error("experiment: " .. why, 0) end
    record.resumes = record:resumable()
    pool.progress:begins(record)
    table.insert(pool.workers, { record = record, pid = pid,
      began = orrery.clock() })
  end
end

local function last_line(path)
  local last
  for line in (orrery.io.read_file(path) or ""):gmatch "[^\n]+" do
    if not line:find "^%s" and line ~= "stack traceback:" then last = line end
  end
  return last
end

-- A worker has ended: with a word in the store, or without.
local function ended(pool, worker, how, number)
  local record, store = worker.record, pool.store
  if how == "signal" then
    store:lost(record.id, worker.pid, "interrupted",
      ("its worker was ended by signal %d"):format(number))
  elseif number ~= 0 then
    local said = last_line(record:path "output.txt") or "its worker failed"
    local stopped = said:find("interrupted", 1, true)
    store:lost(record.id, worker.pid, stopped and "interrupted" or "failed",
      stopped and "stopped before its end" or said)
  end
  record:refresh()
  if record.status == "running" then
    pool.elsewhere[#pool.elsewhere + 1] = record
  else
    pool.progress:ends(record, worker.began)
  end
end

local function reap(pool)
  for i = #pool.workers, 1, -1 do
    local how, number = process.ended(pool.workers[i].pid)
    if how then
      ended(pool, table.remove(pool.workers, i), how, number)
    end
  end
end

-- Trials that other processes had: they may be done, or free again.
local function look_elsewhere(pool)
  local now = orrery.clock()
  if #pool.elsewhere == 0 or now - pool.looked < 0.5 then return end
  pool.looked = now
  table.move(pool.elsewhere, 1, #pool.elsewhere, #pool.queue + 1, pool.queue)
  pool.elsewhere = {}
end

local function work(pool)
  while #pool.queue + #pool.elsewhere + #pool.workers > 0 do
    while #pool.queue > 0 and #pool.workers < pool.parsed.options.jobs do
      start(pool, table.remove(pool.queue, 1))
    end
    reap(pool)
    look_elsewhere(pool)
    pool.progress:board(pool.workers, #pool.queue + #pool.elsewhere)
    orrery.sleep(0.03)
  end
end

-- Asks all workers to stop and waits for them; after `patience` seconds they
-- are not asked any more.
local function stop(pool, patience)
  for _, worker in ipairs(pool.workers) do process.stop(worker.pid, "int") end
  local since = orrery.clock()
  while #pool.workers > 0 do
    reap(pool)
    if orrery.clock() - since > patience then
      for _, worker in ipairs(pool.workers) do
        process.stop(worker.pid, "kill")
      end
    end
    orrery.sleep(0.02)
  end
end

--- Runs the trials that are not done.
---@param list orrery.runs.Record[]
---@param parsed orrery.knobs.Parsed  options.jobs: how many at once
---@param progress orrery.experiment.Progress
---@param store orrery.runs.Store
---@return boolean stopped  by an interrupt
return function(list, parsed, progress, store)
  local pool = setmetatable({ parsed = parsed, progress = progress,
    store = store, queue = { table.unpack(list) }, workers = {},
    elsewhere = {}, looked = 0 }, Pool)
  local ok, why = xpcall(work, calm(tostring), pool)
  if ok then return false end
  orrery.clear_interrupt()
  stop(pool, 20)
  if not why:find("interrupted", 1, true) then error(why, 0) end
  return true
end
