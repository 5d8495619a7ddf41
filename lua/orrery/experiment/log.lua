--- What a trial writes down as it goes, and what lets it go on after a stop.
---
---     local noise = log:generator "noise"
---     local at = log:resume({ model = model, opt = opt }, { epoch = 0 })
---     for epoch = at.epoch + 1, k.epochs do
---       ...
---       log:scalar("loss", epoch, loss)
---       log:checkpoint { epoch = epoch }
---     end
---
--- A checkpoint holds the state of every object given to `resume`, of every
--- generator of this log and of the default one, the counters, and how far
--- the logged numbers had come: a trial that was killed goes on from there and
--- ends with the numbers it would have had, to the last bit.
local orrery = require "orrery"
local monitors = require "orrery.train.monitors"
local plot = require "orrery.plot"
local packing = require "orrery.runs.packing"
local steered = require "orrery.experiment.steered"
local sorted_keys = require "orrery.sorted_keys"

---@class orrery.experiment.Log
---@field record orrery.runs.Record
local Log = {}
Log.__index = Log

--- A number of this step, kept to the last bit; a point of a curve.
---@param name string
---@param step number
---@param value number|orrery.Tensor  one number
function Log:scalar(name, step, value)
  if type(value) == "userdata" then value = value:item() end
  if type(step) ~= "number" or type(value) ~= "number" then
    error(("log: scalar %s is a %s at step %s; give name, step, number"):format(
      tostring(name), type(value), tostring(step)), 2)
  end
  self.record.recorder:scalar(name, step, value)
end

--- What tells of a collapse, as curves, with a warning on the terminal and in
--- the report when a number breaks its rule.
---
---     log:monitor(epoch, { kl_per_latent = m.kl_per_latent,
---       active_units = m.active })
---     log:monitor(step, { d_accuracy = 0.97 })
---     log:monitor(step, { overlap = 0.2 }, { overlap = { below = 0.5 } })
---
---@param step number
---@param measured table  kl_per_latent (nats, a list), active_units (a count),
---  mode_coverage, d_accuracy, dead_units (parts of 1), gradient_noise (noise
---  scale / batch), generator_gradient, gradient_norm, update_ratio, or numbers
---  that `limits` has; a table of numbers gives each its name. See
---  train.measures, and train.players for all of a GAN's
---@param limits? table<string, orrery.train.Rule>  instead of the usual ones
function Log:monitor(step, measured, limits)
  if type(measured) ~= "table" then
    error(("log: measured is %s; give numbers by name"):format(type(measured)),
      2)
  end
  for _, n in ipairs(monitors.numbers("log", measured, limits,
    self.step)) do
    local name, value, rule = table.unpack(n)
    if rule then self.record.recorder:monitor(name, rule) end
    self:scalar(name, step, value)
  end
end

--- A warning in the report and on the terminal; one per name is kept.
---@param name string  "slow mixing"
---@param text string  what was seen, and what to do
---@param step? number
function Log:warn(name, text, step)
  if type(name) ~= "string" or type(text) ~= "string" then
    error("log: warn takes a name, a text and perhaps a step", 2)
  end
  self.record.recorder:warn(name, text, step)
end

--- Stops the trial as diverged when the number is no number any more.
---@param name string
---@param step number
---@param value number
function Log:finite(name, step, value)
  if value ~= value or math.abs(value) == math.huge then
    error(("diverged: %s is %s at step %s; try a smaller lr"):format(name,
      value ~= value and "nan" or "infinite", tostring(step)), 0)
  end
end

-- Name as a file name.
local function slug(name) return (name:gsub("[^%w._-]+", "_")) end

--- A picture: a tensor of images (see plot.grid), a grid, a chart or a film.
--- Where pictures or charts are off it is left out, and the log says so once.
---@param name string
---@param image orrery.Tensor|orrery.plot.Figure
---@param options? table  step: one picture per step is kept, not the last
---  alone; the rest is for plot.grid
function Log:image(name, image, options)
  if type(image) == "userdata" then
    local of_grid = {}
    for key, value in pairs(options or {}) do of_grid[key] = value end
    of_grid.step = nil
    image = plot.grid(image, of_grid)
  end
  if options and options.step then
    name = ("%s, %s %s"):format(name, self.step, options.step)
  end
  local file = slug(name)
  local base = self.record:path(file)
  -- Charts as SVG, with a PNG beside it; films as GIF.
  local ending = image.frames and ".gif" or image.pixels and ".png" or ".svg"
  local ok, why = image:save(base .. ending)
  if ok and ending == ".svg" then ok, why = image:save(base .. ".png") end
  if not ok then return self:note(why) end
  self.record:keep_image(name, file .. ending, image.tiles)
end

--- Rows that belong in the report and in a CSV file.
---@param options table  title, rows, columns (names of fields)
function Log:table(options)
  local names = options.columns or sorted_keys(options.rows[1] or {})
  local title = options.title or "table"
  self.record:keep_table({ title = title, columns = names,
    rows = options.rows }, slug(title) .. ".csv")
end

--- A line on the terminal, once in a sweep.
function Log:note(text) self.shown:note(text) end

--- How far the trial is; numbers that break their rule are named behind it.
---@param fraction number  0 to 1
---@param text? string
---@param more? string  stands behind these: what a narrow terminal may cut
function Log:progress(fraction, text, more)
  text = self.record.recorder.watch:marked(text)
  if more then text = (text and text .. "  " or "") .. more end
  self.shown:update(fraction, text)
  self.record.recorder:beat(fraction, text)
end

--- A stream of random numbers of its own, from the trial's seed and a name:
--- what one consumer draws does not move what another gets.
---@param name string
---@return orrery.Generator
function Log:generator(name)
  local key = ("generator %s %s"):format(name, tostring(self.record.knobs.seed))
  local seed = tonumber("0x" .. packing.hash(key):sub(1, 8))
  local g = orrery.Generator(seed)
  self.streams[name] = g
  return g
end

local function state_of(object)
  if object.state_dict then return object:state_dict() end
  return object:state()
end

local function restore(object, state)
  if object.load_state_dict then return object:load_state_dict(state) end
  return object:set_state(state)
end

local function checkpoint_path(self)
  return self.record:path "checkpoint.safetensors"
end

--- Names what has a state, and takes the state up where an earlier run of this
--- trial was stopped.
---@param objects table<string, table>  with state_dict / load_state_dict or
---  state / set_state
---@param counters table  as they are at the start
---@return table counters  as they are now
function Log:resume(objects, counters)
  self.objects = objects
  self.steered:take_up(objects)
  local path = checkpoint_path(self)
  if not self.record.resumes then return counters or {} end
  local kept, why = orrery.load(path)
  if not kept then
    self:note(("%s; starting afresh"):format(why))
    return counters or {}
  end
  for name, object in pairs(objects) do restore(object, kept.objects[name]) end
  for name, g in pairs(self.streams) do g:set_state(kept.streams[name]) end
  orrery.default_generator():set_state(kept.default_stream)
  self.record.recorder:rewind(kept.metrics)
  self.steered:take_up(objects, orrery.keep(kept.steered))
  return kept.counters
end

--- Is it time for a checkpoint? True once `seconds` have passed since the last,
--- and when Ctrl-C was pressed: the checkpoint written then is where the person
--- is asked how to go on. To be called once a step.
---@param seconds? number  default 20
function Log:due(seconds)
  local asked = self.steered:tick()
  return asked or orrery.clock() - self.saved > (seconds or 20)
end

local function save(self)
  local objects, streams = {}, {}
  for name, object in pairs(self.objects or {}) do
    objects[name] = state_of(object)
  end
  for name, g in pairs(self.streams) do streams[name] = g:state() end
  local ok, why = orrery.save(checkpoint_path(self), {
    objects = objects, streams = streams, counters = self.counters,
    steered = self.steered:kept(),
    default_stream = orrery.default_generator():state(),
    metrics = self.record.recorder:mark(),
  })
  if not ok then self:note(why .. "; a stopped trial starts afresh") end
  self.saved = orrery.clock()
end

--- Steps of training that go on where they were stopped. Options:
---   steps    how many
---   objects  what has a state, as for resume; optimisers among them
---   batches  a loader, gone round again and again
---   update   function(x, y ..., step) -> numbers or tensors by name, loss
---            among them; what is made inside is freed
---   every    steps between marks: mark(step, means) is called with the means
---            of what update gave since the last one, and at the end; a text
---            that it returns is shown behind the progress until the next
---   before   before(step) is called before the update that a mark follows,
---            for what measures a step: Game:before
---   epochs   in the stead of steps and every: so many passes over the
---            batches, a mark after each, mark(epoch, means)
---@param o table
function Log:steps(o)
  return require "orrery.experiment.steps"(self, o)
end

--- Keeps everything needed to go on from here. Where that cannot be written
--- the trial goes on without, and the log says so once.
---@param counters? table  plain numbers and lists of the trial's own
function Log:checkpoint(counters)
  self.counters = counters or {}
  save(self)
  self.steered:look()
end

--- The checkpoint once more, at the same place: something was changed there.
function Log:save_again() save(self) end

---@param record orrery.runs.Record
---@param progress orrery.experiment.Progress
---@param step string  what log:scalar counts
---@return orrery.experiment.Log
return function(record, progress, step)
  local self = setmetatable({ record = record, shown = progress, streams = {},
    saved = orrery.clock(), step = step, counters = {} }, Log)
  self.steered = steered.new(self)
  return self
end
