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

function Progress:wipe()
  if self.shown then
    self.write("\r\27[K")
    self.shown = false
  end
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
  self.shown = true
end

function Progress:begins(i, record)
  self.index, self.label, self.drawn = i, record.label, nil
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

function Progress:ends(record)
  self.finished = self.finished + 1
  local took = duration(orrery.clock() - self.began)
  if record.status == "done" then
    self:say(("  %s  done in %s  %s"):format(record.label, took,
      digest(record.values)))
  else
    self:say(("  %s  %s: %s"):format(record.label, record.status,
      record.message))
  end
end

function Progress:skipped(record)
  self:say(("  %s  done before"):format(record.label))
end

---@param trials table
---@param write fun(text: string)
---@return orrery.experiment.Progress
return function(trials, write)
  local todo = 0
  for _, t in ipairs(trials) do
    if t.status ~= "done" then todo = todo + 1 end
  end
  local self = setmetatable({
    write = write, count = #trials, total = todo, finished = 0, noted = {},
    started = orrery.clock(),
    tty = orrery.isatty(),
  }, Progress)
  self:say(("%d trial%s%s"):format(#trials, #trials == 1 and "" or "s",
    todo < #trials and (", %d to do"):format(todo) or ""))
  return self
end
