--- What a GAN's two players are doing, measured: for any loop of any GAN. A
--- gan.Game does as much by itself: Game:before, Game:measure.
---
---     local players = train.players { generator = G, discriminator = D,
---       loss = gan.losses.non_saturating }
---     ...
---     players:before()                        -- a step to be measured
---     game:step(x)
---     log:monitor(step, players:measure(x, z))
---
--- The numbers have their rules in train.monitors.known: what breaks one is
--- named in the progress line ("! generator gradient vanished") and warned of
--- on the terminal and in the report.
local orrery = require "orrery"
local Module = require "orrery.nn.module"
local blame = require "orrery.blame"
local measures = require "orrery.train.measures"
local options = require "orrery.options"
local pair = require "orrery.train.pair"

---@class orrery.train.Players
local Players = {}
Players.__index = Players

--- Remembers the weights, so that `measure` tells how far the step moved them.
Players.before = pair.before

local function norm_of(loss, params)
  return measures.gradient_norm(orrery.grad(loss, params,
    { allow_unused = true }))
end

-- Gradient norms of both players and of what reaches the samples.
local function gradients(self, real, fake, out)
  local G, loss = self.generator, self.loss
  local function D(x) return self.judge(x, x == real) end
  local samples = fake:detach():requires_grad_()
  local function generators(x) return loss.generator(D(x), D(real)) end
  out.generator_gradient = norm_of(generators(samples), { samples })
  out.gradient_norm = {
    generator = norm_of(generators(fake), G:parameters()),
    discriminator = norm_of(loss.discriminator(D(real), D(fake:detach())),
      self.discriminator:parameters()),
  }
end

--- All measurements, for log:monitor: d_accuracy with its two sides where the
--- loss has a boundary,
--- generator_gradient (the norm at the samples, 0 when D is flat there),
--- gradient_norm and update_ratio of each player, dead_units of each layer,
--- and mode_coverage when the modes are known. Gradients that parameters hold
--- stay as they are.
---@param real orrery.Tensor  [B, ...] real examples
---@param codes orrery.Tensor  [B, ...] what the generator is given
---@return table measured
function Players:measure(real, codes)
  options.tensor("players", "real", real, "float")
  options.tensor("players", "codes", codes, "float")
  return orrery.tidy(function()
    local out = {}
    local made = self.generator(codes)
    local boundary = self.loss.boundary or 0
    if self.loss.boundary ~= false then
      out.d_accuracy, out.d_accuracy_real, out.d_accuracy_fake =
        orrery.no_grad(function()
          return measures.d_accuracy(self.judge(real, true) - boundary,
            self.judge(made, false) - boundary)
        end)
    end
    gradients(self, real, made, out)
    local samples = made:detach()
    out.dead_units = pair.dead(self, function()
      self.judge(real, true)
      self.judge(samples, false)
    end, function() self.generator(codes) end)
    out.update_ratio = pair.moved(self)
    if self.centres then
      out.mode_coverage = measures.mode_coverage(made:detach(), self.centres,
        self.radius)
    end
    return out
  end)
end

--- Measures two players.
---@param given { generator: orrery.nn.Module, discriminator: orrery.nn.Module,
---  loss: orrery.gan.Loss, centres?: orrery.Tensor, radius?: number,
---  judge?: fun(x: orrery.Tensor, real: boolean): orrery.Tensor }  loss: a pair
---  of orrery.gan.losses; centres [K, D] of the modes, where they are known,
---  and the radius within which a sample belongs to one; judge: what D says of
---  examples, where it is not discriminator(x), as in packs:
---  function(x, real) return game:judge(game:seen { x = x, real = real }) end
---@return orrery.train.Players
return function(given)
  local o = options.take("players", given, {}, { "generator", "discriminator",
    "loss", "centres", "radius", "judge" })
  for _, name in ipairs { "generator", "discriminator" } do
    if not Module.is_module(o[name]) then
      blame("players: %s is %s; give a module", name, options.shown(o[name]))
    end
  end
  if type(o.loss) ~= "table" or not o.loss.generator then
    blame("players: loss is %s; give a pair of orrery.gan.losses",
      options.shown(o.loss))
  end
  if o.judge then options.callable("players", "judge", o.judge) end
  o.judge = o.judge or function(x) return o.discriminator(x) end
  if o.centres then
    options.tensor("players", "centres", o.centres)
    options.number("players", "radius", o.radius)
  end
  return setmetatable(o, Players)
end
