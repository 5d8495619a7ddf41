--- Wrong arguments to flows.
local orrery, t = require "orrery", require "orrery.testing"
local wrong = dofile((os.getenv "ORRERY_SOURCE_DIR" or ".")
  .. "/tests/lua/wrong.lua")
local flow = orrery.flow

local function methods(name, object, list)
  for _, method in ipairs(list) do
    wrong.try(name .. ":" .. method, object[method], object)
  end
end

-- One of each bijector, and of what is made with one.
local function bijectors()
  local unit = { context = 1 }
  return {
    flow.MAF(3, { hidden = { 4 } }), flow.MAF(3, { hidden = { 4 },
      context = 1 }), flow.IAF(3, { hidden = { 4 } }),
    flow.Coupling(3, { hidden = { 4 } }), flow.Coupling(3, unit),
    flow.Coupling(3, { image = true, hidden = { 4 } }),
    flow.ActNorm(3), flow.BatchNorm(3), flow.Linear(3),
    flow.Linear(3, { lu = false }), flow.Conv1x1(3), flow.Squeeze(2),
    flow.Unsqueeze(2), flow.Split(3, flow.ActNorm(2)),
    flow.Split(3, flow.ActNorm(2), { prior = true }),
    flow.glow({ 1, 4, 4 }, { depth = 1, hidden = { 4 } }),
    flow.Planar(3), flow.Planar(3, unit), flow.Radial(3), flow.Sylvester(3),
    flow.Sylvester(3, unit), flow.Continuous(3, { hidden = { 4 },
      steps = 2 }), flow.Continuous(3, { solver = "dopri5", hidden = { 4 },
      context = 1 }), flow.Permute(3), flow.Reverse(3), flow.Logit(),
    flow.Elementwise(orrery.dist.transforms.Tanh()),
    flow.Inverse(flow.ActNorm(3)), flow.Chain { flow.ActNorm(3) },
    flow.AutoregressiveSpline(3, { hidden = { 4 }, bins = 2 }),
  }
end

t.test("makers of flows say what is wrong", function()
  wrong.each("flow.", flow)
  wrong.each("anomaly.", flow.anomaly)
  wrong.each("pictures.", flow.pictures)
  wrong.each("spline.", flow.spline)
end)

t.test("bijectors say what is wrong, both ways", function()
  for _, b in ipairs(bijectors()) do
    methods(b.class_name, b, { "forward", "inverse" })
  end
  -- Unrecorded, draws by degrees are another way.
  local maf = flow.MAF(3, { hidden = { 4 } })
  orrery.no_grad(methods, "MAF", maf, { "inverse" })
  methods("BatchNorm", flow.BatchNorm(3):eval(), { "forward" })
end)

t.test("matrices, masks and nets of flows say what is wrong", function()
  methods("MADE", flow.MADE(3, { hidden = { 4 } }), { "forward", "joined" })
  methods("MAF", flow.MAF(3, { hidden = { 4 } }), { "shift_and_scale",
    "inverse_naive" })
end)

t.test("models say what is wrong", function()
  local model = flow.Model { shape = { 3 }, bijector = flow.MAF(3,
    { hidden = { 4 } }) }
  methods("Model", model, { "forward", "log_prob", "sample" })
  methods("MADEMoG", flow.MADEMoG(3, { hidden = { 4 }, components = 2 }),
    { "log_prob", "sample", "mixture" })
  local pixels = flow.Pixels(model)
  methods("Pixels", pixels, { "reals", "log_prob", "bits_per_dim", "sample" })
  methods("Dequantiser", flow.Dequantiser(), { "forward" })
  methods("ByClass", flow.ByClass { model, model }, { "log_prob", "sample",
    "posterior" })
  local law = flow.Pushforward(orrery.dist.Normal(0, 1), orrery.exp)
  methods("Pushforward", law, { "log_prob", "density", "cdf", "icdf",
    "inverse", "sample", "expect", "plot" })
  local vae = orrery.vae.mlp { latent = 2, hidden = 4, features = 9 }
  local posterior = flow.Posterior(flow.IAF(2, { hidden = { 4 } }))
  methods("Posterior", posterior, { "forward" })
  wrong.try("Posterior", posterior.forward, posterior, vae)
end)

t.test("a model says which shape it was made for", function()
  local model = flow.Model { shape = { 4 }, bijector = flow.MAF(4,
    { hidden = { 4 } }) }
  for seen, x in pairs { ["[2, 5]"] = orrery.zeros(2, 5), ["3"] = 3,
    ["[4]"] = orrery.zeros(4), ["[2, 4, 1]"] = orrery.zeros(2, 4, 1) } do
    t.fails(("flowmodel: x is %s but [B, 4] is wanted; change the model's "
      .. "shape or its input"):format(seen), model.log_prob, model, x)
  end
  t.fails("sample: naive is 3; give true or false", model.sample, model, 2,
    { naive = 3 })
end)
