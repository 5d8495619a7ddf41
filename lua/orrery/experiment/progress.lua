--- What the terminal shows while a sweep runs: a line that redraws itself on
--- a terminal, a finished line per trial everywhere.
local orrery = require "orrery"
local columns = require "orrery.report.columns"
local duration = require("orrery.train.progress").duration

---@class orrery.experiment.Progress
local Progress = {}
Progress.__index = Progress

local function bar(fraction, width)
  local full = math.floor(fraction * width)
  return "[" .. ("="):rep(full) .. (full < width and ">" or "")
    .. (" "):rep(width - full - 1) .. "]"
end

-- Takes away what is drawn, which may be several lines.
function Progress:wipe()
  if self.shown == 0 then return end
  if self.shown > 1 then
    self.write(("\27[%dA\r\27[J"):format(self.shown - 1))
  else
    self.write("\r\27[K")
  end
  self.shown = 0
end

function Progress:say(text)
  self:wipe()
  self.write(text .. "\n")
end

--- A line that is not said twice.
function Progress:note(text)
  if self.noted[text] then return end
  self.noted[text] = true
  self:say("  " .. text)
end

-- Time left for the whole sweep, from the trials and parts done so far here.
function Progress:eta(fraction)
  local done = self.finished + fraction
  if done < 0.02 then return "" end
  local left = (orrery.clock() - self.started) / done
    * (self.total - self.finished - fraction)
  return "ETA " .. duration(left)
end

--- Part of the current trial that is done; redraws at most ten times a second.
---@param fraction number  0 to 1
---@param text? string  "epoch 3/5  rec 112.4"
function Progress:update(fraction, text)
  local now = orrery.clock()
  if not self.tty or now - (self.drawn or -1) < 0.1 then return end
  self.drawn = now
  local line = ("  %s  %s  %s   trial %d/%d  %s"):format(self.label, text or "",
    bar(math.min(math.max(fraction, 0), 1), 20), self.index, self.count,
    self:eta(fraction))
  local width = orrery.terminal_size() or 80
  self.write("\r" .. line:sub(1, width - 1) .. "\27[K")
  self.shown = 1
end

-- "  beta=4 seed=2  epoch 3/5  rec 112.4  [======>    ]"
local function worker_line(worker)
  local row = worker.row or {}
  local part = math.min(math.max(row.fraction or 0, 0), 1)
  return ("  %s  %s  %s"):format(worker.record.label, bar(part, 20),
    row.note or "")
end

--- All workers at once, five times a second at most.
---@param workers table[]  record; row: as the store has it
---@param waiting integer  trials that none has begun
function Progress:board(workers, waiting)
  local now = orrery.clock()
  if not self.tty or now - (self.drawn or -1) < 0.2 then return end
  self.drawn = now
  local part, lines = 0, {}
  local width = orrery.terminal_size() or 80
  for i, worker in ipairs(workers) do
    worker.row = worker.record.store:row(worker.record.id)
    part = part + (worker.row and worker.row.fraction or 0)
    lines[i + 1] = worker_line(worker):sub(1, width - 1)
  end
  lines[1] = ("done %d  running %d  waiting %d   %s"):format(self.finished,
    #workers, waiting, self:eta(part)):sub(1, width - 1)
  self:wipe()
  self.write(table.concat(lines, "\n"))
  self.shown = #lines
end

function Progress:begins(record)
  self.index, self.label, self.drawn = self.index + 1, record.label, nil
  self.began = orrery.clock()
  if record.resumes then self:say(("  %s: goes on where it was stopped")
    :format(record.label)) end
  self:update(0)
end

-- "rate 18.70  distortion 121.2": the first few numbers of a result.
local function digest(values)
  local names, words = {}, {}
  for name, v in pairs(values) do
    if type(v) == "number" then names[#names + 1] = name end
  end
  table.sort(names)
  for i = 1, math.min(#names, 5) do
    words[i] = names[i] .. " " .. columns.show(values[names[i]])
  end
  return table.concat(words, "  ")
end

---@param record orrery.runs.Record
---@param began? number  when, if others ran beside it
function Progress:ends(record, began)
  self.finished = self.finished + 1
  local took = duration(orrery.clock() - (began or self.began))
  if record.status == "done" then
    self:say(("  %s  done in %s  %s"):format(record.label, took,
      digest(record.values)))
  else
    self:say(("  %s  %s: %s"):format(record.label, record.status,
      record.message))
  end
end

function Progress:skipped(record)
  if self.todo[record] then self.total = self.total - 1 end
  self.index = self.index + 1
  self:say(("  %s  done before"):format(record.label))
end

--- More trials to come.
---@param trials orrery.runs.Record[]
function Progress:expect(trials)
  local todo = 0
  for _, t in ipairs(trials) do
    if t.status ~= "done" then
      todo = todo + 1
      self.todo[t] = true
    end
  end
  self.count, self.total = self.count + #trials, self.total + todo
  local jobs = self.jobs > 1 and (", %d workers"):format(self.jobs) or ""
  self:say(("%d trial%s%s%s"):format(#trials, #trials == 1 and "" or "s",
    todo < #trials and (", %d to do"):format(todo) or "", jobs))
end

---@param write fun(text: string)
---@param jobs integer  how many at once
---@return orrery.experiment.Progress
return function(write, jobs)
  return setmetatable({ write = write, jobs = jobs, count = 0, total = 0,
    index = 0, finished = 0, shown = 0, noted = {}, todo = {},
    started = orrery.clock(), tty = orrery.isatty() }, Progress)
end
