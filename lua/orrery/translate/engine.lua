--- What CycleGAN and pix2pix share: options under their published names, rates
--- that decay, gradients gathered over several small batches, earlier images,
--- what is kept for a resume.
local orrery = require "orrery"
local nn = require "orrery.nn"
local Module = require "orrery.nn.module"
local blame = require "orrery.blame"
local data = require "orrery.data"
local losses = require "orrery.gan.losses"
local optim = require "orrery.optim"
local options = require "orrery.options"

local engine = {}

-- ------------------------------------------------------------------ options

--- Options that both have, with the published defaults.
engine.shared = { lr = 2e-4, beta1 = 0.5, beta2 = 0.999, n_epochs = 100,
  n_epochs_decay = 100, lambda_gan = 1, accumulate = 1, compile = false }
engine.optional = { "lr_D", "epoch_steps", "stream" }

-- The published names of losses beside those of orrery.gan.
local modes = { vanilla = "non_saturating", wgangp = "wgan" }

-- Means over the scales of a discriminator that judges several.
local function over_scales(fn)
  return function(first, second)
    if orrery.is_tensor(first) then return fn(first, second) end
    local total
    for i, map in ipairs(first) do
      local loss = fn(map, second and second[i])
      total = total and total + loss or loss
    end
    return total / #first
  end
end

--- The pair of losses of that name.
---@param who string
---@param name string
---@return orrery.gan.Loss
function engine.loss(who, name)
  local pair = losses[modes[name] or name]
  if not pair then
    blame("%s: gan_mode is %s; give lsgan, vanilla or another of gan.losses",
      who, options.shown(name))
  end
  return { relative = pair.relative,
    discriminator = over_scales(pair.discriminator),
    generator = over_scales(pair.generator) }
end

local function at_least_0(v) return v >= 0 end

--- A weight of a loss.
function engine.weight(who, name, value)
  return options.number(who, name, value, at_least_0, "a number of at least 0")
end

--- Checks what both have.
function engine.check(who, o)
  for _, name in ipairs { "lr", "beta1", "beta2", "lambda_gan" } do
    engine.weight(who, name, o[name])
  end
  o.lr_D = engine.weight(who, "lr_D", o.lr_D or o.lr)
  for _, name in ipairs { "n_epochs", "n_epochs_decay" } do
    options.count(who, name, o[name], 0)
  end
  options.count(who, "accumulate", o.accumulate)
  options.flag(who, "compile", o.compile)
  if o.epoch_steps then options.count(who, "epoch_steps", o.epoch_steps) end
end

--- Raises unless it is a module.
function engine.module(who, name, value)
  if not Module.is_module(value) then
    blame("%s: %s is %s; give a module", who, name, options.shown(value))
  end
  return value
end

--- Adam for these modules together.
function engine.adam(o, modules, lr)
  return optim.Adam(nn.ModuleList(modules):parameters(),
    { lr = lr, betas = { o.beta1, o.beta2 } })
end

--- The factor of both rates after so many steps: 1 for n_epochs, then to 0 in
--- a line over n_epochs_decay; 1 throughout where epoch_steps is not given.
---@param o table
---@param steps integer  done
---@return number
function engine.factor(o, steps)
  if not o.epoch_steps then return 1 end
  local past = steps // o.epoch_steps + 1 - o.n_epochs
  return math.max(0, 1 - math.max(0, past) / (o.n_epochs_decay + 1))
end

--- Sets the rates of the step to come.
function engine.set_rates(self)
  local factor = engine.factor(self, self.steps)
  self.optimizers.G.param_groups[1].lr = self.lr * factor
  self.optimizers.D.param_groups[1].lr = self.lr_D * factor
end

-- -------------------------------------------------------------------- steps

--- One update on a batch cut into `pieces`: gradients of their mean loss, each
--- piece's graph gone before the next one is made.
---@param opt orrery.optim.Optimizer
---@param pieces integer
---@param loss_of fun(i: integer): orrery.Tensor
function engine.minimize(opt, pieces, loss_of)
  if pieces == 1 then return opt:minimize(loss_of(1)) end
  local params, sums = opt:parameters(), nil
  opt:zero_grad()
  for i = 1, pieces do
    local parts = orrery.grad(loss_of(i) / pieces, params,
      { allow_unused = true })
    for k, g in ipairs(parts) do
      if sums then parts[k] = sums[k] + g end
    end
    sums = parts
  end
  for k, p in ipairs(params) do p.grad = sums[k] end
  opt:step()
end

--- A step's function, recorded where that is asked for.
function engine.played(self, fn)
  local function run(...) return fn(self, ...) end
  return self.compile and orrery.compile(run) or run
end

--- A batch as so many pieces of one size.
function engine.pieces(who, x, n)
  if x:size(1) % n ~= 0 or x:size(1) == 0 then
    blame("%s: %d images do not split into %d equal parts; change the batch "
      .. "or accumulate", who, x:size(1), n)
  end
  return { x:split(x:size(1) // n, 1) }
end

--- Adds numbers of a piece to their means.
function engine.gather(means, numbers, pieces)
  for name, value in pairs(numbers) do
    value = value:detach() / pieces
    means[name] = means[name] and means[name] + value or value
  end
end

--- Runs fn with the modules in eval, without gradients.
function engine.looking(modules, fn, ...)
  local before = {}
  for i, net in ipairs(modules) do
    before[i] = net.training
    net:eval()
  end
  local _ <close> = setmetatable({}, { __close = function()
    for i, net in ipairs(modules) do net:train(before[i]) end
  end })
  return orrery.no_grad(fn, ...)
end

-- ---------------------------------------------------------- earlier images

--- Pools of earlier images, one for each size of them.
---@class orrery.translate.Pools
local Pools = {}
Pools.__index = Pools

function engine.pools(size, stream)
  return setmetatable({ size = size, stream = stream, of = {} }, Pools)
end

local function pool_of(self, key)
  self.of[key] = self.of[key] or data.ImagePool { size = self.size,
    generator = self.stream }
  return self.of[key]
end

--- These images, or older ones of their size in their stead.
function Pools:query(images)
  return pool_of(self, table.concat({ select(2, images:shape()) }, " x "))
    :query(images)
end

function Pools:state_dict()
  local out = {}
  for key, pool in pairs(self.of) do out[key] = pool:state_dict() end
  return out
end

function Pools:load_state_dict(state)
  self.of = {}
  for key, kept in pairs(state) do pool_of(self, key):load_state_dict(kept) end
end

-- --------------------------------------------------------------------- state

--- State of all objects, and of the steps done; random streams are kept by
--- whoever made them.
function engine.state_dict(self)
  local out = { steps = self.steps }
  for name, object in pairs(self.kept) do out[name] = object:state_dict() end
  return out
end

function engine.load_state_dict(self, saved)
  for name in pairs(self.kept) do
    if type(saved) ~= "table" or not saved[name] then
      blame("%s: the state has no %s; load that of a game made alike",
        self.who, name)
    end
  end
  for name, object in pairs(self.kept) do
    object:load_state_dict(saved[name])
  end
  self.steps = saved.steps
end

return engine
