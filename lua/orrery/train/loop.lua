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
local checkpoint = require "orrery.train.checkpoint"
local options = require "orrery.options"

---@class orrery.train.Run
---@field state orrery.train.State
local Run = {}
Run.__index = Run

---@class orrery.train.State
---@field step integer  steps done
---@field epoch integer  the epoch it is in, from 1
---@field history table[]  means of each finished epoch
---@field extra table  the user's own; saved and restored with the rest
---@field stop boolean  set it to end after this step

local FORMAT = "orrery.train 1"

-- ----------------------------------------------------------------- options

--- A single thing or things by name, as things by name.
local function named(who, given, method)
  if given == nil then return {} end
  if type(given) == "table" and type(given[method]) == "function" then
    return { main = given }
  end
  if type(given) ~= "table" then
    blame("loop: %s is %s; give one, or a table of them by name", who,
      options.shown(given))
  end
  for name, value in pairs(given) do
    if type(value) ~= "table" and type(value) ~= "userdata" then
      blame("loop: %s %s is %s; give one, or a table of them by name", who,
        tostring(name), options.shown(value))
    end
  end
  return given
end

local function checkpoint_options(given)
  if given == nil then return nil end
  if type(given) == "string" then given = { path = given } end
  local o = options.take("loop: checkpoint", given, {},
    { "path", "every", "seconds" })
  if type(o.path) ~= "string" then
    blame("loop: checkpoint path is %s; name the file", options.shown(o.path))
  elseif not o.path:find "[^/]%.safetensors$" then
    blame("loop: checkpoint %s does not end in .safetensors; rename it", o.path)
  end
  if o.every then options.count("loop: checkpoint", "every", o.every) end
  if o.seconds then
    options.number("loop: checkpoint", "seconds", o.seconds)
  end
  return o
end

--- What gives batches: a loader, or a function of the step.
local function source(given)
  if type(given) == "table" and type(given.batches) == "function" then
    blame("loop: data is a dataset; say how: data = set:batches(128, "
      .. "{ shuffle = true })")
  end
  options.callable("loop", "data", given)
  local loader = type(given) == "table" and given.set_state and given
  return given, loader or nil
end

local function total_steps(o, loader)
  if o.steps then return options.count("loop", "steps", o.steps, 0) end
  if not o.epochs then
    blame("loop: how long is missing; give epochs = N or steps = N")
  end
  options.count("loop", "epochs", o.epochs, 0)
  if not loader then
    blame("loop: epochs need data with an end; give steps = N, or a loader "
      .. "made by set:batches(...)")
  end
  return o.epochs * #loader
end

local known = { "model", "optimizer", "data", "epochs", "steps", "step",
  "schedule", "schedule_every", "checkpoint", "resume", "on_epoch", "on_step",
  "progress", "label", "seed", "ema", "generators", "max_norm", "extra" }

--- See orrery.train.loop for the options.
---@return orrery.train.Run
function Run.new(given)
  local o = options.take("loop", given, { schedule_every = "epoch",
    resume = true, progress = true }, known)
  local self = setmetatable({ opts = o }, Run)
  options.callable("loop", "step", o.step)
  if o.schedule_every ~= "epoch" and o.schedule_every ~= "step" then
    blame("loop: schedule_every is %s; use epoch or step",
      options.shown(o.schedule_every))
  end
  self.data, self.loader = source(o.data)
  self.models = named("model", o.model, "state_dict")
  self.optimizers = named("optimizer", o.optimizer, "minimize")
  self.schedules = named("schedule", o.schedule, "get_last_lr")
  self.emas = named("ema", o.ema, "update")
  self.generators = named("generators", o.generators, "set_state")
  self.checkpoint = checkpoint_options(o.checkpoint)
  self.total = total_steps(o, self.loader)
  if o.seed then orrery.manual_seed(o.seed) end
  self.stream = orrery.default_generator()
  self.meter = Meter.new()
  self.owed = {}
  self.state = { step = 0, epoch = 1, history = {}, extra = o.extra or {},
    stop = false }
  if self.checkpoint and o.resume then self:resume() end
  self:start_progress()
  return self
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

-- -------------------------------------------------------------- checkpoints

local function states(things)
  local out = {}
  for name, thing in pairs(things) do
    out[name] = (thing.state_dict or thing.state)(thing)
  end
  return out
end

--- Everything the rest of the run depends on. No times of day and no
--- durations, so that equal runs have equal files.
function Run:contents()
  local state = self.state
  return { format = FORMAT, step = state.step, epoch = state.epoch,
    history = state.history, extra = state.extra,
    models = states(self.models), optimizers = states(self.optimizers),
    schedules = states(self.schedules), emas = states(self.emas),
    streams = states(self.generators), default_stream = self.stream:state(),
    data = self.loader and self.loader:state(),
    meter = self.meter:state_dict() }
end

--- Writes the checkpoint; raises when the disk will not have it.
function Run:save()
  orrery.tidy(function()
    local ok, why = checkpoint.save(self.checkpoint.path, self:contents())
    if not ok then error(why, 0) end
  end)
  self.saved_step, self.saved_at = self.state.step, orrery.clock()
end

local function check_names(what, own, saved)
  saved = type(saved) == "table" and saved or {}
  for name in pairs(own) do
    if saved[name] == nil then
      blame("loop: the checkpoint has no %s %s; resume = false starts afresh",
        what, name)
    end
  end
  for name in pairs(saved) do
    if own[name] == nil then
      blame("loop: the checkpoint has a %s %s that is not here; resume = false "
        .. "starts afresh", what, name)
    end
  end
end

local function restore(things, saved)
  for name, thing in pairs(things) do
    (thing.load_state_dict or thing.set_state)(thing, saved[name])
  end
end

--- Takes up the run where its checkpoint left it, if there is one.
function Run:resume()
  local path = self.checkpoint.path
  local saved, why = checkpoint.load(path)
  if not saved then
    if why then
      blame("loop: no checkpoint can be read: %s, or set resume = false", why)
    end
    return
  end
  if saved.format ~= FORMAT then
    blame("loop: %s is no training checkpoint; choose another path", path)
  end
  local parts = { models = "model", optimizers = "optimizer",
    schedules = "schedule", emas = "ema" }
  for part, what in pairs(parts) do
    check_names(what, self[part], saved[part])
  end
  check_names("generator", self.generators, saved.streams)
  for part in pairs(parts) do restore(self[part], saved[part]) end
  restore(self.generators, saved.streams)
  if self.loader then self.loader:set_state(saved.data) end
  self.meter:load_state_dict(saved.meter)
  local state = self.state
  state.step, state.epoch = saved.step, saved.epoch
  state.history, state.extra = orrery.keep(saved.history, saved.extra)
  self.stream:set_state(saved.default_stream)
  self.saved_step = state.step
end

-- -------------------------------------------------------------------- steps

--- Puts cursor and streams back when a step fails, so that it can be tried
--- again: parameters have not changed by then.
local function guard(self)
  local streams = states(self.generators)
  local default = self.stream:state()
  local place = self.loader and self.loader:mark()
  return setmetatable({}, { __close = function(_, failure)
    if failure == nil then return end
    restore(self.generators, streams)
    self.stream:set_state(default)
    if place then self.loader:back(place) end
  end })
end

local function check_finite(self, name, value)
  if value == value and math.abs(value) ~= math.huge then return end
  blame("train: diverged: %s is %s at step %d (epoch %d); lower the learning "
    .. "rate, or clip gradients with max_norm", name, tostring(value),
    self.state.step + 1, self.state.epoch)
end

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
  local loss, metrics = self.opts.step(batch, self.state)
  local values = plain_numbers(metrics)
  if loss ~= nil then
    values.loss = type(loss) == "userdata" and loss:item() or loss
    check_finite(self, "loss", values.loss)
  end
  local optimizer = self.optimizers.main
  if optimizer and type(loss) == "userdata" and loss.requires_grad then
    local _, norm = optimizer:minimize(loss, { max_norm = self.opts.max_norm })
    if norm then check_finite(self, "gradient norm", norm) end
  end
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

local function after_step(self, values, weight)
  local state, o = self.state, self.opts
  state.step = state.step + 1
  for name, ema in pairs(self.emas) do self.owed[name] = ema end
  self.untold = values
  if o.schedule_every == "step" then
    for _, schedule in pairs(self.schedules) do schedule:step(values.loss) end
  end
  self.meter:add(values, weight)
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
--- function or the update fails, parameters, streams and cursor are as before.
---@return boolean more  false when the run is over
function Run:step()
  if self.unfinished then wrap_up(self) end
  if self:finished() then return false end
  local ok, values, weight
  do
    local _ <close> = guard(self)
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
      return self.meter:text()
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
  do
    local _ <close> = close_progress(self)
    while self:step() do end -- luacheck: ignore
  end
  if self.checkpoint and self.saved_step ~= self.state.step then self:save() end
  return self.state
end

return Run
