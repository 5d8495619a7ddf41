--- Training a VAE in a trial of an experiment: its loop, its random streams and
--- its curves.
---
---     function run.trial(k, log)
---       local digits = assert(data.mnist { dir = k.data })
---       local model = vae.mlp {}
---       vae.train(log, model, { images = digits.train, epochs = k.epochs,
---         opt = optim.Adam(model, { lr = k.lr }) })
---       ...
local orrery = require "orrery"
local blame = require "orrery.blame"
local checks = require "orrery.vae.checks"
local options = require "orrery.options"
local schedules = require "orrery.vae.schedules"
local sorted_keys = require "orrery.sorted_keys"

-- What a curve of a term is called.
local names = { rec = "training reconstruction", kl = "training KL" }

local function numbers_of(loss, terms)
  local numbers = { loss = loss }
  for name, value in pairs(terms) do numbers[name] = value end
  return numbers
end

-- One step as a function of images, labels, the step's number and beta.
local function stepper(model, o, noise)
  return function(x, y, step, beta)
    local c = { generator = noise, step = step, beta = beta,
      objective = o.objective }
    local loss, terms
    if o.loss then
      loss, terms = o.loss(x, y, c)
    else
      loss, terms = model:loss(x, c)
    end
    o.opt:minimize(loss)
    return numbers_of(loss, terms)
  end
end

--- Trains until the end, or goes on where the trial was stopped; the means of
--- all terms become curves. Codes are drawn from the log's stream "noise",
--- batches from "order".
---@param log orrery.experiment.Log
---@param model orrery.nn.Module  whose loss(x, options) gives loss and terms
---@param given table  opt; images, a set to train on; epochs, or steps with
---  every = a sixth of them; batch = 128, drop_last = false; objective, beta =
---  1 (a number or a schedule) for the model's loss, or a `loss` of its own: a
---  function of images, labels and { generator, step, beta, objective } that
---  gives loss and terms; after, a function of the step, called when it has
---  been taken; mark, a function of epoch (or step) and the means, called
---  after each; objects, what else has a state; compile = false, record the
---  step (only beta may then change with it)
return function(log, model, given)
  local o = options.take("vae.train", given, { batch = 128, beta = 1,
    drop_last = false, compile = false }, { "opt", "images", "epochs", "steps",
    "every", "objective", "loss", "after", "mark", "objects" })
  if type(log) ~= "table" or not log.steps then
    blame("vae.train: the log is %s; give that of an experiment's trial",
      options.shown(log))
  end
  if not o.loss then checks.model("vae.train", model) end
  for name, has in pairs { opt = "minimize", images = "batches" } do
    if type(o[name]) ~= "table" or not o[name][has] then
      blame("vae.train: %s is %s; give %s", name, options.shown(o[name]),
        name == "opt" and "an optimiser" or "a data set")
    end
  end
  local objects = { model = model, opt = o.opt }
  for name, object in pairs(o.objects or {}) do objects[name] = object end
  local update = stepper(model, o, log:generator "noise")
  if o.compile then update = orrery.compile(update) end
  log:steps {
    epochs = o.epochs, steps = o.steps, objects = objects,
    every = o.every or o.steps and math.max(1, o.steps // 6),
    batches = o.images:batches(o.batch, { shuffle = true,
      drop_last = o.drop_last, generator = log:generator "order" }),
    update = function(x, ...)
      local n = select("#", ...)
      local step, y = select(n, ...), n > 1 and (...) or nil
      local numbers = update(x, y, not o.compile and step,
        schedules.at(o.beta, step))
      if o.after then o.after(step) end
      return numbers
    end,
    mark = function(at, means)
      for _, name in ipairs(sorted_keys(means)) do
        log:scalar(names[name] or "training " .. name, at, means[name])
      end
      if o.mark then o.mark(at, means) end
    end,
  }
end
