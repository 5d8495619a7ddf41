--- The options of a game, checked and put in order.
local nn = require "orrery.nn"
local Module = require "orrery.nn.module"
local blame = require "orrery.blame"
local losses = require "orrery.gan.losses"
local nearest = require "orrery.nearest"
local optim = require "orrery.optim"
local options = require "orrery.options"
local train = require "orrery.train"
local sorted_keys = require "orrery.sorted_keys"

local function check_loss(loss)
  if type(loss) == "table" and loss.discriminator and loss.generator then
    return
  end
  if not losses[loss] then
    local names = sorted_keys(losses)
    blame("gan: there is no loss %s; %s", options.shown(loss),
      type(loss) == "string" and nearest(loss, names)
        and "did you mean " .. nearest(loss, names) .. "?"
        or "it is one of " .. table.concat(names, ", "))
  end
end

local function check_module(name, module)
  if not Module.is_module(module) then
    blame("gan: %s is %s; give a module", name, options.shown(module))
  end
end

-- An optimiser of these modules together.
local function optimizer(name, modules, given)
  local params = nn.ModuleList(modules):parameters()
  if type(given) == "function" then return given(params) end
  local o = { lr = 1e-3, betas = { 0.5, 0.999 } }
  for key, value in pairs(given or {}) do o[key] = value end
  if type(o) ~= "table" then
    blame("gan: optimizers.%s is %s; give options of Adam or a function", name,
      options.shown(given))
  end
  return optim.Adam(params, o)
end

-- The modules that parts bring, in order.
local function joined(first, parts, kind)
  local list = { first }
  for _, part in ipairs(parts) do
    for _, name in ipairs(sorted_keys(part[kind] or {})) do
      list[#list + 1] = part[kind][name]
    end
  end
  return list
end

-- What the parts ask of the engine.
local function look_at_parts(o)
  for i, part in ipairs(o.parts) do
    if type(part) ~= "table" then
      blame("gan: part %d is %s; give one of orrery.gan's", i,
        options.shown(part))
    end
    for _, name in ipairs { "needs_labels", "labelled", "both_ways" } do
      o[name] = o[name] or part[name]
    end
    if part.adversary then
      if o.adversary then
        blame("gan: parts %d and %d both unroll; give one", o.adversary, i)
      end
      o.adversary = i
    end
  end
end

---@param given table  see orrery.gan.Game
---@return table
return function(given)
  local o = options.take("gan", given, { loss = "non_saturating", parts = {},
    critic_steps = 1, optimizers = {}, compile = false },
    { "generator", "discriminator", "latent", "rate", "ema", "stream" })
  check_module("generator", o.generator)
  check_module("discriminator", o.discriminator)
  check_loss(o.loss)
  options.count("gan", "critic_steps", o.critic_steps)
  if type(o.latent) ~= "function" then
    options.count("gan", "latent", o.latent)
  end
  if o.rate then options.callable("gan", "rate", o.rate) end
  look_at_parts(o)
  local pair = losses[o.loss] or o.loss
  o.relative = pair.relative or o.both_ways
  o.boundary = pair.boundary == nil and 0 or pair.boundary
  local made, rates = {}, {}
  for name, kind in pairs { generator = "players",
    discriminator = "critics" } do
    made[name] = optimizer(name, joined(o[name], o.parts, kind),
      o.optimizers[name])
    rates[name] = {}
    for i, group in ipairs(made[name].param_groups) do
      rates[name][i] = group.lr
    end
  end
  o.optimizers, o.rates, o.steps, o.at = made, rates, 0, {}
  for i in ipairs(o.parts) do o.at[i] = {} end
  if o.ema then o.average = train.EMA(o.generator, { decay = o.ema }) end
  return o
end
