--- pix2pix (Isola et al. 2017): a generator of images from images, trained on
--- pairs by a discriminator that may see the input and by a distance to the
--- partner.
---
---     local game = translate.Pix2Pix {
---       netG = translate.UNet { num_downs = 5 },
---       netD = translate.PatchGAN { input_nc = 6, n_layers = 2 } }
---     for a, b in pairs_of_images do game:step(a, b) end
---     local made = game:to_B(a)
local orrery = require "orrery"
local blame = require "orrery.blame"
local Judge = require "orrery.translate.judge"
local engine = require "orrery.translate.engine"
local options = require "orrery.options"

local F = orrery.nn.functional

---@class orrery.translate.Pix2Pix
---@field netG orrery.nn.Module  images of A to B
---@field netD orrery.nn.Module  judges images of B, with those of A before
---  them where it is conditional
---@field optimizers table<string, orrery.optim.Optimizer>  G, D
---@field steps integer  done
local Pix2Pix = {}
Pix2Pix.__index = Pix2Pix

local who = "translate.Pix2Pix"

-- What the discriminator is given.
local function shown(self, a, b)
  return self.conditional and orrery.cat({ a, b }, 2) or b
end

local function discriminators_loss(self, a, b, fake, at)
  return self.judged:cost(shown(self, a, b), shown(self, a, fake:detach()),
    at)
end

local function generators_loss(self, a, b, fake, at)
  local numbers, total = {}, nil
  local function add(name, loss, weight)
    numbers[name] = loss
    total = total and total + loss * weight or loss * weight
  end
  if self.lambda_gan > 0 then
    local told, plain = self.judged:term(shown(self, a, fake),
      shown(self, a, b), at)
    add("G_GAN", told, self.lambda_gan)
    numbers.G_GAN = plain
  end
  if self.lambda_L1 > 0 then
    add("G_L1", F.l1_loss(fake, b), self.lambda_L1)
  end
  if self.lambda_L2 > 0 then
    add("G_L2", F.mse_loss(fake, b), self.lambda_L2)
  end
  return total or fake:sum() * 0, numbers
end

-- D first, then G through the D that has learnt. In one piece the generator
-- runs once for both; in several it runs again, so that no more than one
-- piece's graph is held.
local function play(self, a, b, at)
  local n, means = self.accumulate, {}
  local as, bs = engine.pieces(who, a, n), engine.pieces(who, b, n)
  local once = n == 1 and self.netG(a)
  if self.lambda_gan > 0 then
    engine.minimize(self.optimizers.D, n, function(i)
      local fake = once or orrery.no_grad(self.netG, as[i])
      local total, loss = discriminators_loss(self, as[i], bs[i], fake, at)
      engine.gather(means, { D = loss }, n)
      return total
    end)
  end
  engine.minimize(self.optimizers.G, n, function(i)
    local fake = once or self.netG(as[i])
    local total, numbers = generators_loss(self, as[i], bs[i], fake, at)
    engine.gather(means, numbers, n)
    return total
  end)
  return means
end

--- One step on pairs: the discriminator, then the generator.
---@param a orrery.Tensor  [B, C, H, W] inputs
---@param b orrery.Tensor  [B, C', H, W] their partners, in [-1, 1]
---@return table<string, orrery.Tensor>  one-number tensors, none weighted: D,
---  half the sum of both sides; G_GAN; G_L1 and G_L2, mean distances to the
---  partner. Those of weight 0 are absent
function Pix2Pix:step(a, b)
  options.tensor(who, "a", a, "float")
  options.tensor(who, "b", b, "float")
  if a:size(1) ~= b:size(1) then
    blame("%s: a is %s and b is %s; give pairs", who, a:shape_str(),
      b:shape_str())
  end
  engine.set_rates(self)
  local at = self.judged:numbers(self.steps + 1)
  local numbers = orrery.tidy(self.play, a, b, at)
  self.judged:after()
  self.steps = self.steps + 1
  return numbers
end

--- Images of A as images of B, without gradient, layers in eval: dropout is
--- on where the generator has it as noise.
---@param x orrery.Tensor  [B, C, H, W]
---@return orrery.Tensor  [B, C', H, W]
function Pix2Pix:to_B(x)
  return engine.looking({ self.netG }, self.netG, x)
end

--- Everything the next step depends on but random streams.
Pix2Pix.state_dict, Pix2Pix.load_state_dict = engine.state_dict,
  engine.load_state_dict

--- pix2pix (Isola et al. 2017): images of B from images of A, learnt from
--- pairs. `step(a, b)` trains both nets, `to_B` translates. Options, with the
--- published names and defaults:
---   netG, netD      modules: A to B; B, or A and B side by side, to logits
---   gan_mode        "vanilla", the log loss; "lsgan"; or of gan.losses
---   conditional     true: netD is given A's channels, then B's
---   lambda_L1       100, weight of the mean absolute distance
---   lambda_L2       0, of the mean squared one
---   lambda_gan      1, of the adversarial term; 0 trains no discriminator
---   parts           of orrery.gan for netD, as in CycleGAN
---   lr, lr_D, beta1, beta2, n_epochs, n_epochs_decay, epoch_steps,
---   accumulate, compile, stream   as in CycleGAN
---@param given table
---@return orrery.translate.Pix2Pix
return function(given)
  local defaults = { gan_mode = "vanilla", conditional = true,
    lambda_L1 = 100, lambda_L2 = 0 }
  for name, value in pairs(engine.shared) do defaults[name] = value end
  local o = options.take(who, given, defaults, { "netG", "netD", "parts",
    table.unpack(engine.optional) })
  engine.module(who, "netG", o.netG)
  engine.module(who, "netD", o.netD)
  engine.check(who, o)
  options.flag(who, "conditional", o.conditional)
  engine.weight(who, "lambda_L1", o.lambda_L1)
  engine.weight(who, "lambda_L2", o.lambda_L2)
  o.who, o.steps = who, 0
  local self = setmetatable(o, Pix2Pix)
  self.judged = Judge.new(who, o.netD, engine.loss(who, o.gan_mode),
    o.parts, o.stream)
  local critics = self.judged:critics()
  self.optimizers = { G = engine.adam(o, { o.netG }, o.lr),
    D = engine.adam(o, critics, o.lr_D) }
  self.kept = { generator = o.netG,
    discriminators = orrery.nn.ModuleList(critics),
    generator_steps = self.optimizers.G,
    discriminator_steps = self.optimizers.D }
  self.play = engine.played(self, play)
  return self
end
