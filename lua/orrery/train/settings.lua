--- The options of a training run, checked and put in order.
local blame = require "orrery.blame"
local monitors = require "orrery.train.monitors"
local options = require "orrery.options"

local settings = {}

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
  "progress", "label", "seed", "ema", "generators", "max_norm", "extra",
  "compile", "monitors", "knobs", "changes" }

--- A copy of the option `knobs`: numbers by name.
---@param given? table
---@return table<string, number>
function settings.knobs(given)
  local knobs = {}
  if given ~= nil and type(given) ~= "table" then
    blame("loop: knobs are %s; write { beta = 4.0 }", options.shown(given))
  end
  for name, value in pairs(given or {}) do
    if type(name) ~= "string" or type(value) ~= "number" then
      blame("loop: knob %s is %s; give a number by its name", tostring(name),
        options.shown(value))
    end
    knobs[name] = value
  end
  return knobs
end

-- The rules of numbers that `step` gives.
local function rules_of(given)
  if given ~= nil and type(given) ~= "table" then
    blame("loop: monitors are %s; give limits by name of a metric",
      options.shown(given))
  end
  local rules = {}
  for name, rule in pairs(given or {}) do
    rules[name] = monitors.rule("loop", name, rule)
  end
  return rules
end

--- What can be written down of the options: epochs, steps, seed ...
---@return table<string, string|number|boolean>
function settings.plain(o)
  local plain = {}
  for name, value in pairs(o) do
    local kind = type(value)
    if kind == "number" or kind == "string" or kind == "boolean" then
      plain[name] = value
    end
  end
  plain.progress, plain.resume, plain.label, plain.steer = nil, nil, nil, nil
  for name, value in pairs(o.knobs or {}) do plain[name] = value end
  return plain
end

--- The parts of a run, from what the user gave.
---@param given table  the options of orrery.train.loop
---@return table parts  opts, data, loader, models, optimizers, schedules, emas,
---   generators, checkpoint, total
function settings.read(given)
  local o = options.take("loop", given, { schedule_every = "epoch",
    resume = true, progress = true, compile = false, steer = true }, known)
  if type(o.compile) ~= "boolean" then
    blame("loop: compile is %s; use true or false", options.shown(o.compile))
  end
  options.callable("loop", "step", o.step)
  if o.schedule_every ~= "epoch" and o.schedule_every ~= "step" then
    blame("loop: schedule_every is %s; use epoch or step",
      options.shown(o.schedule_every))
  end
  local data, loader = source(o.data)
  return {
    opts = o, data = data, loader = loader,
    models = named("model", o.model, "state_dict"),
    optimizers = named("optimizer", o.optimizer, "minimize"),
    schedules = named("schedule", o.schedule, "get_last_lr"),
    emas = named("ema", o.ema, "update"),
    generators = named("generators", o.generators, "set_state"),
    checkpoint = checkpoint_options(o.checkpoint),
    rules = rules_of(o.monitors),
    total = total_steps(o, loader),
  }
end

return settings
