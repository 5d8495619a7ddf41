--- vae.train with a log that only remembers: what it counts, what it draws, and
--- that recorded steps change nothing.
local orrery, t = require "orrery", require "orrery.testing"
local data, optim, vae = orrery.data, orrery.optim, orrery.vae
local steps = require "orrery.experiment.steps"

-- What vae.train asks of a log, kept in tables.
local function memory()
  local log = { curves = {}, checkpoints = 0, steps = steps }
  function log.generator() return orrery.Generator(7) end
  function log.resume(_, _, counters) return counters end
  function log.finite() end
  function log.progress(_, _, text) log.text = text end
  function log.due() return false end
  function log.checkpoint() log.checkpoints = log.checkpoints + 1 end
  function log.scalar(_, name, at, value)
    local curve = log.curves[name] or {}
    log.curves[name] = curve
    curve[#curve + 1] = { at, value }
  end
  return log
end

local function trained(given)
  orrery.manual_seed(3)
  local log = memory()
  local model = vae.mlp { features = 16, latent = 2, hidden = 8 }
  given.opt = optim.Adam(model, { lr = 1e-2 })
  given.images = data.TensorDataset(orrery.rand({ 10, 16 },
    { generator = orrery.Generator(1) }))
  given.batch = 4
  vae.train(log, model, given)
  return log, model
end

local function places(curve)
  local list = {}
  for i, point in ipairs(curve) do list[i] = point[1] end
  return list
end

t.test("epochs are counted in passes, steps in steps", function()
  local log = trained { epochs = 3 }
  t.equal(places(log.curves["training KL"]), { 1, 2, 3 })
  t.equal(log.checkpoints, 3)
  t.ok(log.text:find "^epoch 3/3", log.text)
  log = trained { steps = 12, every = 5 }
  t.equal(places(log.curves["training reconstruction"]), { 5, 10, 12 })
  t.ok(log.text:find "^step 12/12", log.text)
end)

t.test("the loss is told the step and beta, and marks follow", function()
  local seen, after, marks = {}, {}, {}
  local model
  local function loss(x, _, c)
    seen[#seen + 1] = { c.step, c.beta }
    return model:loss(x, c)
  end
  orrery.manual_seed(3)
  local log = memory()
  model = vae.mlp { features = 16, latent = 2, hidden = 8 }
  vae.train(log, model, { opt = optim.Adam(model), batch = 4, steps = 4,
    every = 2, images = data.TensorDataset(orrery.rand(8, 16)),
    beta = vae.schedules.warm_up(2), loss = loss,
    after = function(step) after[#after + 1] = step end,
    mark = function(at) marks[#marks + 1] = at end })
  t.equal(seen, { { 1, 0.0 }, { 2, 0.5 }, { 3, 1.0 }, { 4, 1.0 } })
  t.equal(after, { 1, 2, 3, 4 })
  t.equal(marks, { 2, 4 })
  for _, point in ipairs(log.curves["training loss"]) do
    t.ok(point[2] > 0)
  end
end)

t.test("recorded steps leave the same curves and weights", function()
  local given = { epochs = 3, beta = vae.schedules.warm_up(7, { to = 4 }) }
  local a, model = trained(given)
  given.compile = true
  local b, other = trained(given)
  t.equal(a.curves, b.curves)
  local theirs = other:state_dict()
  for name, p in pairs(model:state_dict()) do
    t.ok(p:equal(theirs[name]), name)
  end
end)

t.test("a recorded step knows no number for a schedule inside", function()
  local objective = vae.objectives.elbo { beta = vae.schedules.warm_up(5) }
  local _, why = pcall(trained, { epochs = 1, compile = true,
    objective = objective })
  t.ok(tostring(why):find("a recorded step does not know its number, which a "
    .. "schedule needs; leave compile out", 1, true), tostring(why))
end)
