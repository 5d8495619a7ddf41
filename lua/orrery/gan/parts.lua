--- Remedies and schemes as parts of a game: each changes one thing that the
--- engine does, so that they combine.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"
local penalties = require "orrery.gan.penalties"

local parts = {}

--- D judges m examples together (Lin et al. 2018, PacGAN); its first layer
--- takes m times the numbers (or channels).
---@param m integer  the batch is a multiple of it
function parts.pack(m)
  options.count("pack", "m", m)
  local part = { name = ("pack %d"):format(m) }

  function part.see(_, _, side)
    local sizes = { side.x:shape() }
    if sizes[1] % m ~= 0 then
      blame("pack: %d examples do not split into packs of %d; change the "
        .. "batch", sizes[1], m)
    end
    sizes[1], sizes[2] = sizes[1] // m, sizes[2] * m
    side.x = side.x:reshape(sizes)
  end

  function part.spread(x) return x:repeat_interleave(m, 1) end
  return part
end

--- Normal noise on everything D sees (Sønderby et al. 2017; Arjovsky & Bottou
--- 2017), going to nothing.
---@param opts? { std?: number, steps?: integer }  1 at first; reaches 0 at
---  this step, never when absent
function parts.instance_noise(opts)
  local o = options.take("instance_noise", opts, { std = 1 }, { "steps" })
  options.number("instance_noise", "std", o.std, function(v) return v >= 0 end,
    "a number of at least 0")
  local part = { name = "instance noise" }

  function part.numbers(_, _, step)
    local left = o.steps and math.max(0, 1 - (step - 1) / o.steps) or 1
    return { std = o.std * left }
  end

  function part.see(_, game, side, at)
    if not at.std or at.std == 0 then return end
    side.x = side.x + orrery.randn({ side.x:shape() },
      { dtype = side.x.dtype, generator = game.stream }) * at.std
  end
  return part
end

--- A penalty on D's gradient, weighed: gp, lp, dragan, r1 (gamma), r2 of
--- orrery.gan.penalties.
---@param kind string
---@param weight number
function parts.penalty(kind, weight)
  local fn = penalties[kind]
  if type(fn) ~= "function" or kind == "norms" then
    blame("penalty: kind is %s; give gp, lp, dragan, r1 or r2",
      options.shown(kind))
  end
  options.number("penalty", "weight", weight)
  local part = { name = ("%s %g"):format(kind, weight) }

  function part.cost(_, game, real, fake)
    local function D(x) return game:judge { x = x, y = real.y } end
    return fn(D, real.x, fake.x, game.stream) * weight
  end
  return part
end

--- D's parameters kept in [-limit, limit] (Arjovsky et al. 2017).
---@param limit number
function parts.clip(limit)
  options.number("clip", "limit", limit, function(v) return v > 0 end,
    "a number above 0")
  local part = { name = ("clip %g"):format(limit) }

  function part.after(_, game)
    orrery.no_grad(function()
      for _, p in ipairs(game.optimizers.discriminator:parameters()) do
        p:clamp_(-limit, limit)
      end
    end)
  end
  return part
end

-- Labels as further numbers of a vector, or channels of an image.
local function with_labels(x, y, classes)
  local hot = y:one_hot(classes):to(x.dtype)
  if x:dim() == 2 then return orrery.cat({ x, hot }, 2) end
  local sizes = { x:shape() }
  sizes[2] = classes
  local ones = { sizes[1], classes }
  for k = 3, x:dim() do ones[k] = 1 end
  return orrery.cat({ x, hot:reshape(ones):expand(sizes) }, 2)
end

--- A conditional GAN: both players are told the class. The generator's code is
--- followed by the class as zeros and a one (Mirza & Osindero 2014); D gets it
--- the same way, as numbers or channels ("concat"), or D(x, y) takes it
--- itself ("projection", see gan.Projection).
---@param classes integer
---@param way? string  "concat"
function parts.conditional(classes, way)
  options.count("conditional", "classes", classes)
  way = way or "concat"
  if way ~= "concat" and way ~= "projection" then
    blame("conditional: way is %s; give concat or projection",
      options.shown(way))
  end
  local part = { name = "conditional", needs_labels = true,
    labelled = way == "projection" }

  function part.code(_, _, z, y)
    if not y then
      blame("gan: this generator is told the class; give y, int64 [n]")
    end
    return with_labels(z, y, classes)
  end

  if way == "concat" then
    function part.see(_, _, side)
      side.x = with_labels(side.x, side.y, classes)
    end
  end
  return part
end

--- InfoGAN (Chen et al. 2016): the first numbers of a code are a class (zeros
--- and a one) and some uniform ones in [-1, 1], which a net Q must read off
--- what the generator makes. Take `latent` of the game from the part:
---
---     local info = gan.info { net = Q, classes = 10, uniform = 2, noise = 62 }
---     gan.Game { latent = info.latent, parts = { info }, ... }
---
---@param given table  net: x -> [B, classes + uniform], logits and means (of
---  normal laws of standard deviation 1); classes = 0, uniform = 0, noise;
---  weight = 1
function parts.info(given)
  local o = options.take("info", given, { classes = 0, uniform = 0,
    weight = 1 }, { "net", "noise" })
  options.count("info", "classes", o.classes, 0)
  options.count("info", "uniform", o.uniform, 0)
  options.count("info", "noise", o.noise, 0)
  options.callable("info", "net", o.net)
  local part = { name = "info", players = { net = o.net } }

  function part.latent(n, generator)
    local list = {}
    if o.classes > 0 then
      list[1] = orrery.randint(1, o.classes, n, { generator = generator })
        :one_hot(o.classes):float()
    end
    list[#list + 1] = orrery.rand({ n, o.uniform }, { low = -1, high = 1,
      generator = generator })
    list[#list + 1] = orrery.randn({ n, o.noise }, { generator = generator })
    return orrery.cat(list, 2)
  end

  --- The lower bound of the mutual information, but for the code's entropy and
  --- the normal law's constant, taken negative (their eq. 5).
  function part.term(_, _, fake)
    local said, loss = o.net(fake.x), nil
    if o.classes > 0 then
      local logs = said:narrow(2, 1, o.classes):log_softmax(2)
      loss = -(logs * fake.z:narrow(2, 1, o.classes)):sum(2):mean()
    end
    if o.uniform > 0 then
      local off = said:narrow(2, o.classes + 1, o.uniform)
        - fake.z:narrow(2, o.classes + 1, o.uniform)
      local square = (off * off):sum(2):mean() * 0.5
      loss = loss and loss + square or square
    end
    return loss * o.weight
  end
  return part
end

return parts
