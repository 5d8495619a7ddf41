--- CycleGAN (Zhu et al. 2017): two generators and two discriminators for two
--- collections of images without pairs.
local orrery = require "orrery"
local blame = require "orrery.blame"
local Judge = require "orrery.translate.judge"
local engine = require "orrery.translate.engine"
local options = require "orrery.options"

local l1 = orrery.nn.functional.l1_loss

---@class orrery.translate.CycleGAN
---@field netG_A orrery.nn.Module  images of A to B
---@field netG_B orrery.nn.Module  images of B to A
---@field netD_A orrery.nn.Module  judges images of B
---@field netD_B orrery.nn.Module  judges images of A
---@field optimizers table<string, orrery.optim.Optimizer>  G, D
---@field pools table<string, orrery.translate.Pools>  A, B: images made by
---  netG_A, by netG_B
---@field steps integer  done
local CycleGAN = {}
CycleGAN.__index = CycleGAN

local who = "translate.CycleGAN"

-- One generator's three terms. `there` makes the images, `back` returns them,
-- x is what it translates and y what it should leave as it is.
local function terms(self, way, x, y, at)
  local there, back = self["netG_" .. way], self[way == "A" and "netG_B"
    or "netG_A"]
  local weights, numbers = self.weights[way], {}
  local fake, total = there(x), nil
  local function add(loss, weight)
    total = total and total + loss * weight or loss * weight
  end
  if self.lambda_gan > 0 then
    local told, plain = self.judges[way]:term(fake, y, at[way])
    numbers["G_" .. way] = plain
    add(told, self.lambda_gan)
  end
  if weights.cycle > 0 then
    local cycle = l1(back(fake), x)
    numbers["cycle_" .. way] = cycle
    add(cycle, weights.cycle)
  end
  if weights.identity > 0 then
    local idt = l1(there(y), y)
    numbers["idt_" .. way] = idt
    add(idt, weights.identity)
  end
  return total or fake:sum() * 0, numbers, fake:detach()
end

-- Both generators: their numbers, and the images they made.
local function play_generators(self, a, b, at)
  local n, means, fakes = self.accumulate, {}, { A = {}, B = {} }
  local as, bs = engine.pieces(who, a, n), engine.pieces(who, b, n)
  engine.minimize(self.optimizers.G, n, function(i)
    local total, numbers, fake = terms(self, "A", as[i], bs[i], at)
    local total_b, numbers_b, fake_b = terms(self, "B", bs[i], as[i], at)
    for name, value in pairs(numbers_b) do numbers[name] = value end
    engine.gather(means, numbers, n)
    fakes.A[i], fakes.B[i] = fake, fake_b
    return total + total_b
  end)
  for way, list in pairs(fakes) do
    fakes[way] = n == 1 and list[1] or orrery.cat(list, 1)
  end
  return means, fakes.A, fakes.B
end

-- Both discriminators, on images of the pools.
local function play_discriminators(self, a, b, made_b, made_a, at)
  local n, means = self.accumulate, {}
  local as, bs = engine.pieces(who, a, n), engine.pieces(who, b, n)
  local fbs, fas = engine.pieces(who, made_b, n),
    engine.pieces(who, made_a, n)
  engine.minimize(self.optimizers.D, n, function(i)
    local total, loss = self.judges.A:cost(bs[i], fbs[i], at.A)
    local total_b, loss_b = self.judges.B:cost(as[i], fas[i], at.B)
    engine.gather(means, { D_A = loss, D_B = loss_b }, n)
    return total + total_b
  end)
  return means
end

--- One step on images of either side: both generators, then both
--- discriminators, which are shown images of the pool.
---@param a orrery.Tensor  [B, C, H, W] images of A, in [-1, 1]
---@param b orrery.Tensor  [B, C, H, W] images of B
---@return table<string, orrery.Tensor>  one-number tensors, none weighted: G_A
---  and G_B, what the discriminators make the generators pay; D_A and D_B;
---  cycle_A = |netG_B(netG_A(a)) - a| and cycle_B; idt_A = |netG_A(b) - b| and
---  idt_B. Those of weight 0 are absent
function CycleGAN:step(a, b)
  options.tensor(who, "a", a, "float")
  options.tensor(who, "b", b, "float")
  if a:size(1) ~= b:size(1) then
    blame("%s: a is %s and b is %s; give as many of each", who,
      a:shape_str(), b:shape_str())
  end
  engine.set_rates(self)
  local at = { A = self.judges.A:numbers(self.steps + 1),
    B = self.judges.B:numbers(self.steps + 1) }
  local numbers = orrery.tidy(function()
    local means, made_b, made_a = self.play_G(a, b, at)
    if self.lambda_gan > 0 then
      local more = self.play_D(a, b, self.pools.A:query(made_b),
        self.pools.B:query(made_a), at)
      for name, value in pairs(more) do means[name] = value end
    end
    return means
  end)
  self.judges.A:after()
  self.judges.B:after()
  self.steps = self.steps + 1
  return numbers
end

--- Images of A as images of B, without gradient, layers in eval.
---@param x orrery.Tensor  [B, C, H, W]
---@return orrery.Tensor  alike
function CycleGAN:to_B(x)
  return engine.looking({ self.netG_A }, self.netG_A, x)
end

--- Images of B as images of A.
---@param x orrery.Tensor  [B, C, H, W]
---@return orrery.Tensor  alike
function CycleGAN:to_A(x)
  return engine.looking({ self.netG_B }, self.netG_B, x)
end

--- What a results page shows of images of either side.
---@param a orrery.Tensor  [B, C, H, W]
---@param b orrery.Tensor
---@return table<string, orrery.Tensor>  real_A, fake_B, rec_A, idt_B (netG_B
---  of real_A, which is one of A), and real_B, fake_A, rec_B, idt_A
function CycleGAN:visuals(a, b)
  local fake_b, fake_a = self:to_B(a), self:to_A(b)
  return { real_A = a, fake_B = fake_b, rec_A = self:to_A(fake_b),
    idt_B = self:to_A(a), real_B = b, fake_A = fake_a,
    rec_B = self:to_B(fake_a), idt_A = self:to_B(b) }
end

--- Everything the next step depends on, the pools too, but for random streams.
CycleGAN.state_dict, CycleGAN.load_state_dict = engine.state_dict,
  engine.load_state_dict

local function weights_of(o)
  for _, name in ipairs { "lambda_A", "lambda_B", "lambda_identity" } do
    engine.weight(who, name, o[name])
  end
  local identity = o.identity and { engine.weight(who, "identity",
    o.identity), o.identity } or { o.lambda_B * o.lambda_identity,
    o.lambda_A * o.lambda_identity }
  return { A = { cycle = o.lambda_A, identity = identity[1] },
    B = { cycle = o.lambda_B, identity = identity[2] } }
end

local function equip(self)
  local loss = engine.loss(who, self.gan_mode)
  self.judges = {
    A = Judge.new(who, self.netD_A, loss, self.parts_A, self.stream),
    B = Judge.new(who, self.netD_B, loss, self.parts_B, self.stream),
  }
  local critics = self.judges.A:critics()
  table.move(self.judges.B:critics(), 1, #self.judges.B:critics(),
    #critics + 1, critics)
  self.optimizers = { G = engine.adam(self, { self.netG_A, self.netG_B },
    self.lr), D = engine.adam(self, critics, self.lr_D) }
  self.pools = {}
  for _, way in ipairs { "A", "B" } do
    self.pools[way] = engine.pools(self.pool_size, self.stream)
  end
  self.kept = { generators = orrery.nn.ModuleList { self.netG_A,
    self.netG_B }, discriminators = orrery.nn.ModuleList(critics),
    pool_A = self.pools.A, pool_B = self.pools.B,
    generator_steps = self.optimizers.G,
    discriminator_steps = self.optimizers.D }
  self.play_G = engine.played(self, play_generators)
  self.play_D = engine.played(self, play_discriminators)
end

--- CycleGAN (Zhu et al. 2017): unpaired images of A and B, a generator each
--- way and a discriminator of what each makes. `step(a, b)` trains all four,
--- `to_B` and `to_A` translate. Options, with the published names and defaults:
---   netG_A, netG_B  modules that make images of B from A, of A from B
---   netD_A, netD_B  modules that judge what netG_A, what netG_B makes
---   gan_mode        "lsgan"; "vanilla" is the log loss; or of gan.losses
---   lambda_A, lambda_B       10, weights of the cycles A-B-A and B-A-B; one of
---                   them 0 leaves the cycle of the other direction
---   lambda_identity 0.5, times lambda_B for netG_A and lambda_A for netG_B
---   identity        both identity weights outright, instead
---   lambda_gan      1, of the adversarial terms; 0 trains no discriminator
---   pool_size       50 earlier images for the discriminators to see
---   lr, lr_D        2e-4 of the generators; of the discriminators, the same;
---                   two rates make two time scales (Heusel et al. 2017)
---   beta1, beta2    0.5, 0.999 of Adam
---   n_epochs, n_epochs_decay, epoch_steps   100 epochs at this rate, 100 down
---                   to 0, each of epoch_steps steps (absent: no decay)
---   accumulate      1; a batch is taken in so many parts, gradients gathered
---   parts_A, parts_B   parts of orrery.gan for netD_A and netD_B: gan.augment,
---                   gan.dag, gan.naive, gan.penalty, gan.instance_noise
---   compile         true: steps are recorded once for each size of images and
---                   replayed, same bits
---   stream          generator of pools and augmentation, the default one
---@param given table
---@return orrery.translate.CycleGAN
return function(given)
  local defaults = { gan_mode = "lsgan", lambda_A = 10, lambda_B = 10,
    lambda_identity = 0.5, pool_size = 50 }
  for name, value in pairs(engine.shared) do defaults[name] = value end
  local o = options.take(who, given, defaults, { "netG_A", "netG_B", "netD_A",
    "netD_B", "identity", "parts_A", "parts_B",
    table.unpack(engine.optional) })
  for _, name in ipairs { "netG_A", "netG_B", "netD_A", "netD_B" } do
    engine.module(who, name, o[name])
  end
  engine.check(who, o)
  options.count(who, "pool_size", o.pool_size, 0)
  o.weights, o.who, o.steps = weights_of(o), who, 0
  local self = setmetatable(o, CycleGAN)
  equip(self)
  return self
end
