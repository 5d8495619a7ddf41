--- A training run that can be stopped at any moment and taken up again: the
--- same numbers come out as if it had never been stopped.
---
---     train.loop {
---       model = model, optimizer = opt, epochs = 5, seed = 1,
---       data = digits.train:batches(128, { shuffle = true }),
---       step = function(batch) return model:loss(batch[1]) end,
---       checkpoint = { path = "runs/vae.safetensors", every = 100 },
---     }
local orrery = require "orrery"
local Meter = require "orrery.train.meter"
local Progress = require "orrery.train.progress"
local blame = require "orrery.blame"
local boundary = require "orrery.train.boundary"
local changes = require "orrery.train.changes"
local guard = require "orrery.train.guard"
local minimizing = require "orrery.train.minimizing"
local monitors = require "orrery.train.monitors"
local options = require "orrery.options"
local current = require "orrery.runs.current"
local resume = require "orrery.train.resume"
local settings = require "orrery.train.settings"

---@class orrery.train.Run
---@field state orrery.train.State
local Run = {}
Run.__index = Run

---@class orrery.train.State
---@field step integer  steps done
---@field epoch integer  the epoch it is in, from 1
---@field history table[]  means of each finished epoch
---@field extra table  the user's own; saved and restored with the rest
---@field knobs table<string, number>  of the option `knobs`, as they are now
---@field changes orrery.train.Change[]  what was changed on the way
---@field stop boolean  set it to end after this step

local function check_finite(self, name, value)
  if value == value and math.abs(value) ~= math.huge then return end
  blame("train: diverged: %s is %s at step %d (epoch %d); lower the learning "
    .. "rate, or clip gradients with max_norm", name,
    value ~= value and "nan" or tostring(value), self.state.step + 1,
    self.state.epoch)
end

--- See orrery.train.loop for the options.
---@return orrery.train.Run
function Run.new(given)
  local self = setmetatable(settings.read(given), Run)
  local o = self.opts
  if o.seed then orrery.manual_seed(o.seed) end
  self.stream = orrery.default_generator()
  self.meter = Meter.new()
  self.owed = {}
  self.compiled = o.compile and minimizing.compiled(self, function(loss)
    check_finite(self, "loss", loss)
  end) or nil
  self.state = { step = 0, epoch = 1, history = {}, extra = o.extra or {},
    knobs = settings.knobs(o.knobs), changes = {}, stop = false }
  self.recorder = current.recorder(function() return settings.plain(o) end)
  self.planned, self.number = current.changes(self.recorder, o.changes)
  self:start_watching()
  local elsewhere = current.repeating()
  if elsewhere and self.checkpoint then
    self.checkpoint.path = ("%s/repeated_%d.safetensors"):format(elsewhere,
      self.number)
  elseif self.checkpoint and o.resume then
    resume.load(self)
  end
  self:start_progress()
  return self
end

-- What the numbers of a step are called in the run.
local function full_name(self, name)
  return self.opts.label and self.opts.label .. " " .. name or name
end

-- The rules of opts.monitors go to the run that is recorded; without one they
-- speak up here.
function Run:start_watching()
  if not next(self.rules) then return end
  if not self.recorder then
    self.watch = monitors.watch(function(text)
      if self.progress then self.progress:clear() end
      io.stderr:write("train: warning: ", text, "\n")
    end)
  end
  for name, rule in pairs(self.rules) do
    if self.recorder then
      self.recorder:monitor(full_name(self, name), rule)
    else
      self.watch:add(name, rule)
    end
  end
end

function Run:start_progress()
  local o = self.opts
  self.saved_at = orrery.clock()
  if not o.progress then return end
  local look = type(o.progress) == "table" and o.progress or {}
  local p = { label = o.label, start = self.state.step }
  for name, value in pairs(look) do p[name] = value end
  self.progress = Progress.new(self.total, p)
end

--- Writes the checkpoint; raises when the disk will not have it.
---@param path? string  another place than that of the option `checkpoint`
---@return string path
function Run:save(path) return resume.save(self, path) end

--- Changes a number from the next step on: "lr" ("lr.G" with several
--- optimizers), a knob, or a number that the step function has from outside.
--- The change goes into state.changes, the checkpoint and the store of runs.
---@param name string
---@param value number
---@return orrery.train.Change
function Run:change(name, value) return changes.set(self, name, value) end

-- -------------------------------------------------------------------- steps

local function plain_numbers(metrics)
  local out = {}
  for name, value in pairs(metrics or {}) do
    if type(value) == "userdata" then value = value:item() end
    if type(value) ~= "number" then
      blame("loop: metric %s is %s; give numbers or one-element tensors",
        tostring(name), options.shown(value))
    end
    out[name] = value
  end
  return out
end

local function batch_weight(batch)
  local x = batch[1]
  if type(x) == "userdata" and x.dim and x:dim() > 0 then return x:size(1) end
  return 1
end

--- One batch: loss, gradients, update. False when the epoch is over.
local function run_batch(self)
  local batch = table.pack(self.data(self.state.step + 1))
  if batch[1] == nil then return false end
  local loss, metrics, norm
  if self.compiled then
    loss, metrics, norm = self.compiled(batch, self.state.knobs)
  else
    loss, metrics = self.opts.step(batch, self.state)
  end
  local values = plain_numbers(metrics)
  if loss ~= nil then
    values.loss = type(loss) == "userdata" and loss:item() or loss
    check_finite(self, "loss", values.loss)
  end
  if not self.compiled then norm = minimizing.update(self, loss) end
  if norm then check_finite(self, "gradient norm", norm) end
  return true, values, batch_weight(batch)
end

--- Ends an epoch: the user's function, the cursor, schedules, the history.
local function end_epoch(self)
  local state, o = self.state, self.opts
  local means = self.meter:means()
  means.epoch, means.step = state.epoch, state.step
  if self.progress then self.progress:clear() end
  if o.on_epoch then o.on_epoch(state, means) end
  self.loader:next()
  if o.schedule_every == "epoch" then
    for _, schedule in pairs(self.schedules) do schedule:step(means.loss) end
  end
  state.history[#state.history + 1] = means
  state.epoch = state.epoch + 1
  self.meter = Meter.new()
end

function Run:finished()
  return self.state.stop or self.state.step >= self.total
end

--- What is still to be done for the step just taken: averages, and telling
--- the user. Should an average fail, the step stands, and the rest is made up
--- for before the next.
local function settle(self)
  for name, ema in pairs(self.owed) do
    ema:update()
    self.owed[name] = nil
  end
  local values = self.untold
  self.untold = nil
  if values and self.opts.on_step then self.opts.on_step(self.state, values) end
end

--- The numbers of a step go to the run that is being recorded.
function Run:record(values)
  local step = self.state.step
  for _, name in ipairs(self.meter.names) do
    if values[name] then
      self.recorder:scalar(full_name(self, name), step, values[name])
    end
  end
  self.recorder:beat(step / math.max(self.total, 1), function()
    return ("step %d/%d  %s"):format(step, self.total, self.meter:text())
  end)
end

local function after_step(self, values, weight)
  local state, o = self.state, self.opts
  state.step = state.step + 1
  for name, ema in pairs(self.emas) do self.owed[name] = ema end
  self.untold = values
  if o.schedule_every == "step" then
    for _, schedule in pairs(self.schedules) do schedule:step(values.loss) end
  end
  self.meter:add(values, weight)
  if self.recorder then self:record(values) end
  for name in pairs(self.watch and self.rules or {}) do
    if values[name] then self.watch:feed(name, state.step, values[name]) end
  end
end

local function due(self)
  local c = self.checkpoint
  if not c or self.saved_step == self.state.step then return false end
  if c.every and self.state.step % c.every == 0 then return true end
  return c.seconds and orrery.clock() - self.saved_at >= c.seconds
end

--- Has the epoch given all it has?
local function epoch_over(self)
  local loader = self.loader
  if not loader or loader.position == 0 then return false end
  local left = #loader.dataset - loader.position
  return left <= 0 or (loader.opts.drop_last and left < loader.batch_size)
end

--- All that follows an update. What fails here is done before the next step.
local function wrap_up(self)
  local c = self.checkpoint
  settle(self)
  local whole = epoch_over(self)
  if whole then end_epoch(self) end
  if due(self) or (whole and c and not c.every and not c.seconds) then
    self:save()
  end
  self.unfinished = false
end

--- One step, and the end of the epoch if it was the last of it. When the step
--- function or the update fails, parameters, buffers, streams and cursor are as
--- before.
---@return boolean more  false when the run is over
function Run:step()
  if self.unfinished then wrap_up(self) end
  if self:finished() then return false end
  changes.due(self)
  local ok, values, weight
  do
    local _ <close> = guard.failing(self)
    ok, values, weight = orrery.tidy(run_batch, self)
  end
  if not ok then
    blame("train: data gave no batch at step %d; is the set empty?",
      self.state.step + 1)
  end
  self.unfinished = true
  after_step(self, values, weight)
  wrap_up(self)
  if self.progress then
    self.progress:update(self.state.step, function()
      local watch = self.recorder and self.recorder.watch or self.watch
      return watch and watch:marked(self.meter:text()) or self.meter:text()
    end)
  end
  return not self:finished()
end

local function close_progress(self)
  return setmetatable({}, { __close = function(_, failure)
    if not self.progress then return end
    if failure == nil then
      self.progress:finish()
    else
      self.progress:abandon()
    end
  end })
end

--- All steps to the end, and a last checkpoint.
---@return orrery.train.State
function Run:run()
  if self.unfinished then wrap_up(self) end
  local _ <close> = boundary.hold(self)
  do
    local _ <close> = close_progress(self)
    while self:step() do boundary.look(self) end
  end
  if self.checkpoint and self.saved_step ~= self.state.step then self:save() end
  boundary.last(self)
  return self.state
end

return Run
