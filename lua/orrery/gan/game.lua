--- The one training engine of all GANs: a generator, a discriminator, a loss,
--- and parts that change what one of them does (see orrery.gan.parts).
---
---     local game = gan.Game {
---       generator = gan.mlp(2, 2), discriminator = gan.mlp(2, 1),
---       latent = 2, loss = "wgan", critic_steps = 5,
---       parts = { gan.penalty("gp", 10) },
---       optimizers = { generator = { lr = 1e-3, betas = { 0.5, 0.9 } },
---         discriminator = { lr = 1e-3, betas = { 0.5, 0.9 } } },
---     }
---     for x in ring:batches(5 * 128) do game:step(x) end
---     local samples = game:sample(2500)
local orrery = require "orrery"
local blame = require "orrery.blame"
local losses = require "orrery.gan.losses"
local measure = require "orrery.gan.measure"
local options = require "orrery.options"
local pair = require "orrery.train.pair"
local setting = require "orrery.gan.setting"
local state = require "orrery.gan.state"

---@class orrery.gan.Game
---@field generator orrery.nn.Module
---@field discriminator orrery.nn.Module
---@field optimizers table<string, orrery.optim.Optimizer>  generator,
---  discriminator
---@field average? orrery.train.EMA  of the generator
---@field steps integer  done
local Game = {}
Game.__index = Game

-- No part has numbers of a step now.
local function quiet(self)
  self.at = {}
  for i in ipairs(self.parts) do self.at[i] = {} end
end

-- Calls a function of every part that has it.
local function each(self, name, ...)
  for i, part in ipairs(self.parts) do
    if part[name] then part[name](part, self, ..., self.at[i]) end
  end
end

--- Latent codes.
---@param n integer
---@param generator? orrery.Generator  the game's own when absent
---@return orrery.Tensor z  [n, latent]
function Game:noise(n, generator)
  generator = generator or self.stream
  if type(self.latent) == "function" then return self.latent(n, generator) end
  return orrery.randn({ n, self.latent }, { generator = generator })
end

--- What the generator makes of codes (and labels).
---@param z orrery.Tensor
---@param y? orrery.Tensor
---@param net? orrery.nn.Module  instead of the generator
---@return orrery.Tensor
function Game:generate(z, y, net)
  for _, part in ipairs(self.parts) do
    if part.code then z = part:code(self, z, y) end
  end
  return (net or self.generator)(z)
end

-- The two sides before D looks at them.
local function real_side(self, x, y)
  local side = { x = x, y = y, real = true }
  each(self, "side", side)
  return side
end

local function fake_side(self, n, y)
  local z = self:noise(n)
  local side = { x = self:generate(z, y), z = z, y = y, real = false }
  each(self, "side", side)
  return side
end

--- A side as D sees it.
---@param side table
---@return table
function Game:seen(side)
  local s = { x = side.x, y = side.y, z = side.z, real = side.real }
  each(self, "see", s)
  return s
end

--- D's output for a side as it sees it.
---@param side table
---@param net? function  instead of the discriminator
---@return orrery.Tensor  [B, 1]
function Game:judge(side, net)
  net = net or self.discriminator
  if self.labelled then return net(side.x, side.y) end
  return net(side.x)
end

--- D's loss without penalties, and what it said.
---@param real table  side as D sees it
---@param fake table
---@param net? function
function Game:discriminator_loss(real, fake, net)
  local r, f = self:judge(real, net), self:judge(fake, net)
  return self.loss.discriminator(r, f), r, f
end

-- ------------------------------------------------------------------- steps

local function right(self, r, f)
  local at = self.boundary or 0
  return r:detach():gt(at):float():mean(), f:detach():le(at):float():mean()
end

local function discriminator_step(self, x, y)
  local real, fake
  do
    local _ <close> = orrery.no_grad()
    real, fake = real_side(self, x, y), fake_side(self, x:size(1), y)
  end
  real, fake = self:seen(real), self:seen(fake)
  local loss, r, f = self:discriminator_loss(real, fake)
  local total = loss
  for i, part in ipairs(self.parts) do
    if part.cost then
      total = total + part:cost(self, real, fake, self.at[i])
    end
  end
  self.optimizers.discriminator:minimize(total)
  each(self, "after")
  return loss:detach(), right(self, r, f)
end

local function generator_step(self, x, y)
  local fake = fake_side(self, x:size(1), y)
  local real = (self.relative or self.adversary) and real_side(self, x, y)
  local net
  if self.adversary then
    net = self.parts[self.adversary]:adversary(self, real, fake,
      self.at[self.adversary])
  end
  local f = self:judge(self:seen(fake), net)
  local r = self.relative and self:judge(self:seen(real), net)
  local loss = self.loss.generator(f, r or nil)
  if self.both_ways then loss = loss + self.loss.generator(-r) end
  local total = loss
  for i, part in ipairs(self.parts) do
    if part.term then
      total = total + part:term(self, fake, real, self.at[i])
    end
  end
  self.optimizers.generator:minimize(total)
  return loss:detach()
end

-- All updates of one step, on `critic_steps` batches one after another. The
-- generator that looks ahead moves first: it looks from where D stands.
local function play(self, x, y, at)
  self.at = at
  local k = self.critic_steps
  local n = x:size(1) // k
  local xs, ys = { x:split(n, 1) }, { y and y:split(n, 1) }
  local g, d, hits, fakes
  if self.adversary then g = generator_step(self, xs[k], ys[k]) end
  for i = 1, k do
    d, hits, fakes = discriminator_step(self, xs[i], ys[i])
  end
  g = g or generator_step(self, xs[k], ys[k])
  return d, g, hits, fakes
end

local function set_rates(self)
  local factor = self.rate and self.rate(self.steps) or 1
  for name, opt in pairs(self.optimizers) do
    for i, group in ipairs(opt.param_groups) do
      group.lr = self.rates[name][i] * factor
    end
  end
end

--- One step: `critic_steps` updates of D, each on its own part of the batch,
--- and one of the generator.
---@param x orrery.Tensor  [critic_steps * B, ...] real examples
---@param y? orrery.Tensor  int64 [critic_steps * B], their classes from 1
---@return table  one-number tensors: `discriminator` and `generator`, the
---  losses without penalties; `real_right` and `fake_right`, the shares of the
---  last batch that D put on the right side of the loss's boundary, where it
---  has one
function Game:step(x, y)
  options.tensor("gan", "x", x, "float")
  if x:size(1) % self.critic_steps ~= 0 or x:size(1) == 0 then
    blame("gan: x has %d examples for %d critic steps; give a multiple",
      x:size(1), self.critic_steps)
  end
  if self.needs_labels and not y then
    blame("gan: a part of this game needs classes; give step(x, y)")
  end
  set_rates(self)
  local at = {}
  for i, part in ipairs(self.parts) do
    at[i] = part.numbers and part:numbers(self, self.steps + 1) or {}
  end
  local d, g, hits, fakes = orrery.tidy(self.play, self, x,
    self.needs_labels and y or nil, at)
  quiet(self)
  self.steps = self.steps + 1
  if self.average then self.average:update() end
  return { discriminator = d, generator = g,
    real_right = self.boundary and hits or nil,
    fake_right = self.boundary and fakes or nil }
end

-- ------------------------------------------------------------------ looking

--- Samples, without gradient.
---@param n integer
---@param opts? { generator?: orrery.Generator, average?: boolean,
---   y?: orrery.Tensor, z?: orrery.Tensor }  a stream of its own; from the
---   average of the generator; classes; given codes
---@return orrery.Tensor x  [n, ...]
---@return orrery.Tensor z  the codes
function Game:sample(n, opts)
  local o = options.take("gan", opts, { average = false }, { "generator", "y",
    "z" })
  if o.average and not self.average then
    blame("gan: this game keeps no average; make it with ema = 0.999")
  end
  local net = o.average and self.average.model or self.generator
  local training = net.training
  net:eval()
  local _ <close> = setmetatable({}, { __close = function()
    net:train(training)
  end })
  return orrery.no_grad(function()
    local z = o.z or self:noise(n, o.generator)
    return self:generate(z, o.y, net), z
  end)
end

--- What D says of examples, as if they were real; noise on what it sees is
--- off, and where it judges several at a time each is given several times.
---@param x orrery.Tensor  [N, ...]
---@param y? orrery.Tensor
---@return orrery.Tensor  [N]
function Game:score(x, y)
  quiet(self)
  for _, part in ipairs(self.parts) do
    if part.spread then x = part.spread(x) end
  end
  local side = real_side(self, x, y)
  return self:judge(self:seen(side)):reshape(-1)
end

--- How the game stands, for log:monitor: d_accuracy and its two sides where
--- the loss has a boundary, generator_gradient (the norm at the samples: 0
--- where D is flat), gradient_norm of each player, dead_units of each layer of
--- rectifiers, update_ratio of each player since `before`. Looking changes
--- nothing: random streams and running means are put back.
---@param x orrery.Tensor  [B, ...] real examples
---@param y? orrery.Tensor  their classes
---@return table measured
function Game:measure(x, y)
  options.tensor("gan", "x", x, "float")
  quiet(self)
  return measure(self, function()
    return orrery.no_grad(real_side, self, x, y), fake_side(self, x:size(1), y)
  end)
end

--- Before a step that is to be measured: remembers the weights.
Game.before = pair.before
Game.state_dict, Game.load_state_dict = state.state_dict,
  state.load_state_dict

--- Makes a game. Options:
---   generator, discriminator   modules: codes -> examples, examples -> [B, 1]
---   latent         how many numbers a code has, N(0, 1); or a function
---                  (n, generator) -> codes
---   loss           a name of gan.losses or such a pair; "non_saturating"
---   parts          list, see orrery.gan.parts; order matters where several
---                  change what D sees
---   critic_steps   updates of D for one of the generator, 1
---   optimizers     { generator =, discriminator = }: options of Adam (lr =
---                  1e-3, betas = { 0.5, 0.999 }), or a function of the list
---                  of parameters; two rates make two time scales (Heusel et
---                  al. 2017)
---   rate           function(steps done) -> factor of both rates, as
---                  gan.halfway(steps)
---   ema            decay of an average of the generator, none
---   compile        true: the step is recorded once and replayed, same bits
---   stream         generator of its random numbers, the default one
---
--- A side of the game is a table { x, z, y, real }: an example, its latent
--- code, its label. A part is a table with some of these functions; `at` are
--- its numbers of the step:
---   numbers(game, step) -> table   plain numbers that change from step to step
---   code(game, z, y) -> z          what the generator is given
---   side(game, side)               completes a side (a code for real examples)
---   see(game, side, at)            changes side.x, what D is given
---   cost(game, real, fake, at)     joins D's loss; sides as D sees them
---   term(game, fake, real, at)     joins the generator's loss; plain sides
---   adversary(game, real, fake, at) -> D   that the generator plays against
---   after(game)                    once D's parameters have changed
---   spread(x) -> x                 x such that D says something of each row
--- and with these fields: `players`, modules trained with the generator, and
--- `critics`, modules trained with D, both by name.
---@param given table
---@return orrery.gan.Game
return function(given)
  local self = setmetatable(setting(given), Game)
  self.loss = losses[self.loss] or self.loss
  local run = function(...) return play(self, ...) end
  self.play = function(_, ...) return run(...) end
  if self.compile then run = orrery.compile(run) end
  return self
end
