--- Wrong arguments to distributions, estimators, VAEs and metrics.
local orrery, t = require "orrery", require "orrery.testing"
local wrong = dofile((os.getenv "ORRERY_SOURCE_DIR" or ".")
  .. "/tests/lua/wrong.lua")
local dist, estimators, vae = orrery.dist, orrery.estimators, orrery.vae

-- Calls these methods of an object.
local function methods(name, object, list)
  for _, method in ipairs(list) do
    wrong.try(name .. ":" .. method, object[method], object)
  end
end

t.test("distributions and divergences say what is wrong", function()
  wrong.each("dist.", dist, { Distribution = true })
  wrong.each("transforms.", dist.transforms)
end)

t.test("methods of distributions say what is wrong", function()
  local T = orrery.tensor
  for _, law in ipairs { dist.Normal(T(0.4), 1.3), dist.Uniform(T(0), 1),
    dist.Bernoulli { probs = T(0.3) }, dist.Categorical { probs = T { 1, 2 } },
    dist.OneHotCategorical { probs = T { 1, 2 } }, dist.Gamma(T(2), 1),
    dist.Beta(T(2), 1), dist.Poisson(T(2)), dist.StudentT(T(3)),
    dist.Binomial { total_count = T(3), probs = T(0.3) },
    dist.LogNormal(T(0), 1), dist.Cauchy(T(0), 1),
    dist.Dirichlet(T { 1, 2, 3 }), dist.Exponential(T(1)),
    dist.MultivariateNormal(T { 1, 2 }, { scale_diag = T { 1, 2 } }),
    dist.LowRankMultivariateNormal(T { 1, 2 }, T { { 1 }, { 2 } }, T { 1, 2 }),
    dist.Mixture(T { 1, 2 }, dist.Normal(T { 1, 2 }, 1)),
    dist.Independent(dist.Normal(T { 1, 2 }, 1), 1),
    dist.RelaxedBernoulli(T(0.4), { probs = 0.3 }),
    dist.RelaxedOneHotCategorical(T(0.4), { probs = T { 1, 2 } }),
    dist.Transformed(dist.Normal(T(0), 1), dist.transforms.Tanh()) } do
    methods(law.name, law, { "sample", "rsample", "log_prob", "cdf", "icdf",
      "expand", "entropy", "mean", "var", "std", "mode",
      "enumerate_support" })
  end
  -- Its quantiles take long.
  methods("VonMises", dist.VonMises(T(0), 1), { "sample", "rsample",
    "log_prob", "cdf", "expand" })
end)

t.test("estimators say what is wrong", function()
  wrong.each("estimators.", estimators)
  for _, e in ipairs { estimators.score(), estimators.pathwise(),
    estimators.measure(), estimators.rebar(), estimators.gumbel_softmax(),
    estimators.straight_through(), estimators.vimco(), estimators.nvil(),
    estimators.score { draws = 2, baseline = "loo" } } do
    methods(e.name, e, { "grad", "each", "through" })
  end
end)

t.test("VAEs say what is wrong", function()
  wrong.each("vae.", vae)
  wrong.each("objectives.", vae.objectives, { drawn = true })
  wrong.each("schedules.", vae.schedules)
  wrong.try("flow", vae.sampled.flow)
  local model = vae.mlp { latent = 2, hidden = 4, features = 9 }
  methods("VAE", model, { "loss", "encode", "decode", "reconstruct", "sample",
    "terms", "draw", "posterior" })
  for _, name in ipairs { "measure", "nll", "disentanglement" } do
    wrong.try(name, vae[name], model)
  end
  methods("Categorical", vae.Categorical { variables = 2, classes = 3,
    hidden = 4, features = 9 }, { "loss", "logits", "decode", "reconstruct",
    "sample", "measure", "kl" })
  methods("Joint", vae.Joint { latent = 2, classes = { 3 }, hidden = 4,
    features = 9 }, { "loss", "encode", "decode", "reconstruct", "sample",
    "terms" })
  methods("Hierarchical", vae.Hierarchical { latent1 = 2, latent2 = 2,
    hidden = 3, hidden2 = 3, features = 9 }, { "loss", "encode", "decode",
    "reconstruct", "sample", "terms", "codes" })
  methods("Conditional", vae.Conditional { features = 9, hidden = 4 },
    { "given" })
  methods("Factor", vae.Factor { latent = 2, hidden = 3, layers = 1 },
    { "update", "correlation" })
end)

-- The feature extractor is read once and stays.
pcall(orrery.metrics.extractor)

t.test("metrics say what is wrong", function()
  wrong.each("metrics.", orrery.metrics)
end)
