--- How far a long job is, on one line that is drawn again in a terminal, or as
--- a line now and then elsewhere.
---
---     vae, beta 4   [=========>          ] 47%  960 it/s  ETA 1.1 s   kl 14.9
local orrery = require "orrery"
local options = require "orrery.options"

---@class orrery.train.Progress
local Progress = {}
Progress.__index = Progress

local defaults = {
  interval = 0.1,        -- seconds between drawings in a terminal
  quiet_interval = 10,   -- between lines elsewhere
  smoothing = 5,         -- seconds over which the speed is averaged
  width = 20,            -- of the bar
}

---@param total? integer  iterations in all; absent when not known
---@param opts? { label?: string, stream?: file*, terminal?: boolean,
---   clock?: (fun(): number), interval?: number, quiet_interval?: number,
---   smoothing?: number, width?: integer, start?: integer }
---@return orrery.train.Progress
function Progress.new(total, opts)
  if total ~= nil then options.count("progress", "total", total, 0) end
  local self = options.take("progress", opts, defaults,
    { "label", "stream", "terminal", "clock", "start" })
  self.total, self.drawn = total, ""
  setmetatable(self, Progress)
  self.stream = self.stream or io.stderr
  self.clock = self.clock or orrery.clock
  if self.terminal == nil then
    self.terminal = self.stream == io.stderr and orrery.isatty "stderr"
      or self.stream == io.stdout and orrery.isatty "stdout"
  end
  self.done = self.start or 0
  self.began, self.last = self.clock(), self.clock()
  self.last_done, self.weight, self.seconds = self.done, 0, 0
  return self
end

--- "1.1 s", "48 s", "3 min 20 s", "1 h 05 min".
---@param seconds number
---@return string
function Progress.duration(seconds)
  options.number("duration", "seconds", seconds,
    function(s) return s >= 0 and s < math.huge end, "a number of at least 0")
  if seconds < 9.95 then return ("%.1f s"):format(seconds) end
  local s = math.floor(seconds + 0.5)
  if s < 60 then return ("%d s"):format(s) end
  if s < 3600 then return ("%d min %02d s"):format(s // 60, s % 60) end
  local m = (s + 30) // 60
  return ("%d h %02d min"):format(m // 60, m % 60)
end

local function rate_text(rate)
  if rate >= 9.95 then return ("%.0f it/s"):format(rate) end
  if rate >= 0.1 then return ("%.1f it/s"):format(rate) end
  return ("%.1f s/it"):format(1 / rate)
end

--- Iterations a second: both sums forget with the same half-life, so the
--- estimate is right from the first on and follows changes smoothly.
local function measure(self, now)
  local dt, dn = now - self.last, self.done - self.last_done
  if dt <= 0 then return end
  local kept = math.exp(-dt / self.smoothing)
  self.weight = self.weight * kept + dn
  self.seconds = self.seconds * kept + dt
  self.last, self.last_done = now, self.done
  self.rate = self.weight > 0 and self.weight / self.seconds or nil
end

local function bar(self, part)
  local full = math.floor(part * self.width)
  if full >= self.width then return ("="):rep(self.width) end
  return ("="):rep(full) .. ">" .. (" "):rep(self.width - full - 1)
end

--- The line as it stands.
---@return string
function Progress:text()
  local parts = {}
  if self.label and self.label ~= "" then parts[1] = self.label .. "  " end
  if self.total then
    local part = self.total > 0 and math.min(self.done / self.total, 1) or 1
    parts[#parts + 1] = ("[%s] %d%%"):format(bar(self, part),
      math.floor(part * 100))
  else
    parts[#parts + 1] = ("%d"):format(self.done)
  end
  if self.rate then
    parts[#parts + 1] = rate_text(self.rate)
    if self.total and self.done < self.total then
      parts[#parts + 1] = "ETA " .. Progress.duration(
        (self.total - self.done) / self.rate)
    end
  end
  local note = self.note
  if type(note) == "function" then note = note() end
  if note and note ~= "" then parts[#parts + 1] = " " .. note end
  return table.concat(parts, "  ")
end

local function clip(text, columns)
  if utf8.len(text) and utf8.len(text) <= columns then return text end
  local at = utf8.offset(text, columns)
  return at and text:sub(1, at - 1) or text
end

local function draw(self, newline)
  local text = self:text()
  if not self.terminal then
    self.stream:write(text, "\n")
  else
    local columns = orrery.terminal_size()
    self.drawn = clip(text, math.max((columns or 80) - 1, 20))
    self.stream:write("\r", self.drawn, "\27[K", newline and "\n" or "")
  end
  self.stream:flush()
  self.shown_at = self.done
end

--- So many are done.
---@param done integer
---@param note? string|fun(): string  shown after the ETA
function Progress:update(done, note)
  self.done, self.note = done, note
  local now = self.clock()
  local wait = self.terminal and self.interval or self.quiet_interval
  if now - self.last < wait then return end
  measure(self, now)
  draw(self)
end

--- So many seconds were no work: they count neither for speed nor ETA.
---@param seconds number
function Progress:paused(seconds)
  self.began, self.last = self.began + seconds, self.last + seconds
end

--- Takes the line away, for other output; the next update draws it again.
function Progress:clear()
  if self.terminal and self.drawn ~= "" then
    self.stream:write("\r\27[K")
    self.stream:flush()
    self.drawn = ""
  end
end

--- Draws a last time and ends the line.
function Progress:finish()
  local now = self.clock()
  local run = self.done - (self.start or 0)
  if run > 0 and now > self.began then self.rate = run / (now - self.began) end
  draw(self, true)
  self.drawn = ""
end

--- Ends the line where it is, after an error.
function Progress:abandon()
  if self.terminal and self.drawn ~= "" then
    self.stream:write("\n")
    self.stream:flush()
    self.drawn = ""
  end
end

return Progress
