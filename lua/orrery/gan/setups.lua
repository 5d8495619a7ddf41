--- Games on data of the plane by name, "NETS-REMEDY": which nets and rates,
--- and what is changed about them. Each row is calibrated: the same figures
--- are known from another framework (see scripts/mode_collapse.lua).
---
---     local s = gan.setup "C-unroll5"
---     for x in s.data:batches(s.batch) do s.game:step(x) end
local orrery = require "orrery"
local blame = require "orrery.blame"
local known = require "orrery.data.known"
local joint = require "orrery.gan.joint"
local layers = require "orrery.gan.layers"
local make = require "orrery.gan.game"
local nearest = require "orrery.nearest"
local nets = require "orrery.gan.nets"
local optim = require "orrery.optim"
local options = require "orrery.options"
local parts = require "orrery.gan.parts"
local sorted_keys = require "orrery.sorted_keys"
local halfway = require("orrery.gan.rates").halfway
local unroll = require "orrery.gan.unroll"

-- What the nets are, and how fast they learn. C: D ten times slower than G, of
-- the saturating loss, so that G runs from mode to mode; A: the same in good
-- health; B: another healthy one; grid3: deeper.
local bases = {
  A = { loss = "saturating", latent = 16, gain = 0.8, scale = 1 / 4,
    g_rate = 1e-3, d_rate = 1e-3, decay = true, steps = 4000, batch = 128 },
  B = { loss = "non_saturating", latent = 2, activation = "leaky_relu",
    g_rate = 1e-3, d_rate = 1e-3, decay = true, steps = 6000, batch = 256 },
  C = { loss = "saturating", latent = 16, gain = 0.8, scale = 1 / 4,
    g_rate = 1e-3, d_rate = 1e-4, decay = false, steps = 3000, batch = 128 },
  grid3 = { loss = "non_saturating", latent = 16, gain = 1, scale = 1 / 4,
    activation = "leaky_relu", hidden = { 128, 128, 128 }, g_rate = 1e-3,
    d_rate = 1e-3, decay = true, steps = 9000, batch = 256, data = "grid" },
}

local function loss(name)
  return function(o) o.loss = name end
end

local function unrolled(second_order, through)
  return function(o)
    o.batch = 64
    o.parts[1] = unroll.part { steps = 5, second_order = second_order,
      through = through }
  end
end

local function packed(m)
  return function(o)
    o.parts[1], o.d_in = parts.pack(m), o.dim * m
    o.batch = m == 3 and 258 or 256
  end
end

-- A critic: its loss, five updates for one of the generator.
local function critic(part)
  return function(o)
    o.loss, o.critic_steps, o.steps = "wgan", 5, 4000
    o.parts[1], o.beta2, o.batch = part, 0.9, 128
  end
end

local function penalised(kind, weight)
  return function(o)
    o.parts[1], o.steps, o.batch = parts.penalty(kind, weight), 4000, 128
  end
end

local function inference(kind, name)
  return function(o)
    local net = nets.mlp(o.dim, o.latent, { activation = o.activation,
      gain = o.gain, scale = o.scale })
    o.parts[1], o.d_in = joint[kind] { [name] = net }, o.dim + o.latent
    o.steps, o.batch, o.average = 6000, 128, true
  end
end

local remedies = {
  unroll5 = unrolled(true, "adam"),
  ["unroll5-first"] = unrolled(false, "adam"),
  ["unroll5-sgd"] = unrolled(true, "sgd"),
  pack2 = packed(2), pack3 = packed(3), pack4 = packed(4),
  wgangp = critic(parts.penalty("gp", 1)),
  wganlp = critic(parts.penalty("lp", 10)),
  wganclip = function(o)
    critic(parts.clip(0.1))(o)
    o.rms = 5e-4
  end,
  dragan = penalised("dragan", 10),
  r1 = penalised("r1", 0.1), r2 = penalised("r2", 0.1),
  ns = loss "non_saturating", hinge = loss "hinge",
  relativistic = loss "relativistic_average",
  lsgan = function(o) o.loss, o.steps, o.batch = "lsgan", 4000, 128 end,
  noise = function(o)
    o.noise = { std = 0.5, share = 0.5 }
    o.steps, o.batch = 4000, 128
  end,
  veegan = inference("veegan", "reconstructor"),
  ali = inference("ali", "encoder"),
  conditional = function(o) o.classes = "concat" end,
  projection = function(o) o.classes = "projection" end,
  info = function(o) o.classes = "info" end,
  minibatch = function(o) o.minibatch = "discrimination" end,
  spread = function(o) o.minibatch = "spread" end,
}

-- What is special of a base and a remedy together.
local together = {
  ["C-unroll5"] = { decay = true }, ["C-unroll5-first"] = { decay = true },
  ["C-unroll5-sgd"] = { decay = true }, ["C-pack3"] = { decay = true },
  ["C-pack2"] = { steps = 4000, decay = true },
  ["B-pack2"] = { steps = 10000 }, ["C-lsgan"] = { steps = 3000, decay = true },
  ["C-noise"] = { steps = 3000, decay = true,
    noise = { std = 1, share = 0.8 } },
  ["C-r1"] = { steps = 3000, decay = true,
    parts = { parts.penalty("r1", 1) } },
}

local setups = { bases = bases, remedies = remedies }

--- What a name stands for; blames a part of it that is unknown.
---@param name string
---@param dim? integer  numbers in an example, 2
---@return table facts
function setups.read(name, dim)
  options.text("setup", "name", name)
  local base, remedy = name:match "^([^-]+)%-?(.*)$"
  if not bases[base] then
    blame("setup: there are no nets %s; they are %s", options.shown(base),
      table.concat(sorted_keys(bases), ", "))
  elseif remedy ~= "" and not remedies[remedy] then
    local close = nearest(remedy, sorted_keys(remedies))
    blame("setup: there is no remedy %s; %s", options.shown(remedy),
      close and "did you mean " .. close .. "?"
      or "they are " .. table.concat(sorted_keys(remedies), ", "))
  end
  dim = dim or 2
  local o = { parts = {}, dim = dim, d_in = dim, critic_steps = 1,
    beta2 = 0.999, data = "ring" }
  for key, value in pairs(bases[base]) do o[key] = value end
  if remedy ~= "" then remedies[remedy](o) end
  for key, value in pairs(together[name] or {}) do o[key] = value end
  return o
end

local function optimizer(rate, o)
  if o.rms then
    return function(p)
      return optim.RMSprop(p, { lr = o.rms, alpha = 0.9 })
    end
  end
  return { lr = rate, betas = { 0.5, o.beta2 } }
end

local function discriminator(o)
  local look = { gain = o.gain, scale = o.scale, hidden = o.hidden,
    activation = o.activation, minibatch = o.minibatch }
  if o.classes ~= "projection" then return nets.mlp(o.d_in, 1, look) end
  look.hidden = { 128 }
  return layers.Projection(nets.mlp(o.d_in, 128, look), 128, o.of)
end

-- The classes of a conditional game, or of InfoGAN's code, are the modes.
local function with_classes(o, law)
  if not law.centers then
    blame("setup: %s needs modes as classes, and %s has none", o.classes,
      law.name)
  end
  o.of, o.g_in = law.centers:size(1), o.latent + law.centers:size(1)
  if o.classes == "info" then
    o.parts[1] = parts.info { net = nets.mlp(o.dim, o.of), classes = o.of,
      noise = o.latent }
    o.latent = o.parts[1].latent
    return
  end
  o.parts[1] = parts.conditional(o.of, o.classes)
  if o.classes == "concat" then o.d_in = o.d_in + o.of end
end

-- Samples at the end, of classes asked for at random where there are any.
local function sampler(game, o)
  return function(n)
    local y = game.needs_labels
      and orrery.randint(1, o.of, n, { generator = o.stream }) or nil
    return game:sample(n, { average = o.average or false, y = y }), y
  end
end

--- A game ready to be played.
---@param name string  nets A, B, C or grid3, alone or with a remedy: "C",
---  "B-pack2", "C-unroll5-first"; see gan.setups.remedies
---@param given? table  data (a name in data.known), steps, batch; compile =
---  true; stream of random numbers
---@return { game: orrery.gan.Game, data: orrery.data.Law, steps: integer,
---  batch: integer, average: boolean, sample: fun(n: integer):
---  orrery.Tensor, orrery.Tensor? }  batch: of a whole step, all critic steps
---  together; average: its average is what samples are to be taken from, as
---  sample(n) does; it also gives the classes that were asked for
function setups.setup(name, given)
  local usual = setups.read(name)
  local want = options.take("setup", given, { data = usual.data,
    steps = usual.steps, batch = usual.batch, compile = true }, { "stream" })
  if not known[want.data] then
    blame("setup: there are no data %s; see orrery.data.known",
      options.shown(want.data))
  end
  local law = known[want.data] {}
  local o = setups.read(name, law.dim)
  if o.noise then
    o.parts[1] = parts.instance_noise { std = o.noise.std,
      steps = math.max(1, want.steps * o.noise.share // 1 | 0) }
  end
  o.stream, o.g_in = want.stream, o.latent
  if o.classes then with_classes(o, law) end
  local game = make {
    generator = nets.mlp(o.g_in, o.dim, { gain = o.gain, hidden = o.hidden }),
    discriminator = discriminator(o),
    latent = o.latent, loss = o.loss, parts = o.parts, ema = 0.999,
    critic_steps = o.critic_steps, compile = want.compile,
    stream = want.stream, rate = o.decay and halfway(want.steps) or nil,
    optimizers = { generator = optimizer(o.g_rate, o),
      discriminator = optimizer(o.d_rate, o) },
  }
  return { game = game, data = law, steps = want.steps,
    batch = want.batch * o.critic_steps, average = o.average or false,
    sample = sampler(game, o) }
end

return setups
