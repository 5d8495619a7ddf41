--- What Ctrl-C does to a training loop: it stops between two steps, and in a
--- terminal asks how to go on. Under a Lua that is not the program `orrery` it
--- does what that Lua does.
local orrery = require "orrery"
local blame = require "orrery.blame"
local has_host, host = pcall(require, "orrery.host")

local boundary = {}

local question = "continue, prompt here, or quit with a checkpoint? [c/p/q] "

local function say(text, ...)
  io.stdout:write(select("#", ...) > 0 and text:format(...) or text, "\n")
  io.stdout:flush()
end

local function interactive()
  return orrery.isatty "stdin" and orrery.isatty "stdout"
end

--- Until it is closed, the first Ctrl-C waits for the end of a step; a second
--- one stops at once, as everywhere.
---@param self orrery.train.Run
function boundary.hold(self)
  if not has_host or self.opts.steer == false then return nil end
  host.hold_interrupt(true)
  return setmetatable({}, { __close = function()
    host.hold_interrupt(false)
  end })
end

--- Has Ctrl-C been pressed? From here on it only asks.
---@return boolean
function boundary.asked()
  if not has_host then return false end
  host.hold_interrupt(true)
  return host.asked()
end

--- What asked is over: Ctrl-C stops again, unless one waits for an answer.
function boundary.release()
  if has_host and not host.asked() then host.hold_interrupt(false) end
end

-- Ends what runs, as a Ctrl-C at any other place does.
local function stop(self)
  host.hold_interrupt(false)
  orrery.interrupt()
  blame("train: interrupted after step %d", self.state.step)
end

-- Says where the checkpoint is and ends the loop as an interrupt does.
local function leave(self)
  local c, step = self.checkpoint, self.state.step
  if c then
    if self.saved_step ~= step then self:save() end
    say("checkpoint: %s; the same loop goes on from step %d", c.path, step)
  elseif interactive() then
    say "this loop has no checkpoint: it will begin anew"
  end
  stop(self)
end

local function where(self)
  if self.where then return self:where() end
  local text = self.meter:text()
  return ("stopped after step %d of %d, epoch %d%s"):format(self.state.step,
    self.total, self.state.epoch, text ~= "" and "; " .. text or "")
end

-- "continue" or "quit".
local function answered(self)
  while true do
    local answer, why = host.readline(question)
    if why == "interrupted" then return "quit" end
    local letter = (answer or ""):lower():match "^%s*(%a?)"
    if letter == "c" or letter == "" then return "continue" end
    if letter == "q" then return "quit" end
    if letter == "p" then return require "orrery.train.steering"(self) end
  end
end

--- Between two steps: has Ctrl-C been pressed, and what now? A change made at
--- the prompt is in a checkpoint before the next step.
---@param self orrery.train.Run
function boundary.look(self)
  if not has_host or not host.asked() then return end
  if self.progress then self.progress:clear() end
  if not interactive() then return leave(self) end
  local before = orrery.clock()
  say("\n%s", where(self))
  host.hold_interrupt(false)
  local made = #self.state.changes
  local outcome = answered(self)
  if outcome == "quit" then return leave(self) end
  if #self.state.changes > made and self.checkpoint then self:save() end
  if self.progress then self.progress:paused(orrery.clock() - before) end
  host.hold_interrupt(true)
end

--- After the last step: a Ctrl-C during it stops what called the loop.
---@param self orrery.train.Run
function boundary.last(self)
  if has_host and host.asked() then stop(self) end
end

return boundary
