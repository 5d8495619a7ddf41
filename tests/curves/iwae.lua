--- Trains the VAE of scripts/iwae.lua on all of MNIST and writes down what it
--- saw, for iwae.py to follow: initial weights, images, noise, losses.
---     orrery iwae.lua MNIST_FOLDER OUT.npz [STEPS]
local orrery = require "orrery"
local data, nn, optim, vae = orrery.data, orrery.nn, orrery.optim, orrery.vae

local folder, out, steps = arg[1], arg[2], tonumber(arg[3] or 3000)
orrery.set_threads(1)
orrery.manual_seed(1)

local function mlp(from, to)
  return nn.Sequential { nn.Flatten(), nn.Linear(from, 200), nn.Tanh(),
    nn.Linear(200, 200), nn.Tanh(), nn.Linear(200, to) }
end

local model = vae.glorot(vae.VAE { latent = 50, encoder = mlp(784, 100),
  decoder = mlp(50, 784) })
local kept = {}
for name, p in pairs(model:state_dict()) do kept[name] = p:clone() end

local digits = assert(data.mnist { dir = folder, held = 1000 })
local opt = optim.Adam(model, { lr = 1e-3, eps = 1e-4 })
local pixels = orrery.Generator(2)
local batches = digits.train:batches(20, { shuffle = true, seed = 3 })
local objective = vae.objectives.iwae { k = 1 }
local images, noise, losses = {}, {}, {}
for step = 1, steps do
  local x = orrery.bernoulli(batches() or batches(), { generator = pixels })
  -- The noise of the step once more, from the same seed.
  local eps = orrery.randn({ 1, 20, 50 },
    { generator = orrery.Generator(step) })
  losses[step] = orrery.tidy(function()
    local loss = model:loss(x, { objective = objective,
      generator = orrery.Generator(step) })
    opt:minimize(loss)
    return loss:item()
  end)
  images[step], noise[step] = x:flatten(2):byte(), eps:squeeze(1)
end
local held = orrery.bernoulli((digits.test:everything()),
  { generator = orrery.Generator(4) })
kept.images, kept.noise = orrery.stack(images, 1), orrery.stack(noise, 1)
kept.losses = orrery.tensor(losses, { dtype = "float64" })
kept.held = held:flatten(2):byte()
kept.bound = orrery.tensor({ vae.nll(model, held, { samples = 50 }).nll },
  { dtype = "float64" })
assert(orrery.io.write_npz(out, kept))
