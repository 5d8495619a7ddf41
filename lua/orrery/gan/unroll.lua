--- Unrolled GANs (Metz et al. 2017): the generator plays against D as it will
--- be some updates later, and its gradient flows through those updates. They
--- are made of differentiable ops, so all orders of derivatives are there.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

local unroll = {}

--- One update by gradient descent, as a function of parameters and gradients.
---@param p orrery.Tensor[]
---@param g orrery.Tensor[]
---@param lr number
---@return orrery.Tensor[]
function unroll.sgd(p, g, lr)
  local after = {}
  for i, w in ipairs(p) do after[i] = w - g[i] * lr end
  return after
end

-- Below any second moment that eps does not hide; the root has a slope at 0.
local tiny = 1e-30

--- One update of Adam (Kingma & Ba 2015, algorithm 1), as a function of
--- parameters, gradients and moments.
---@param p orrery.Tensor[]
---@param g orrery.Tensor[]
---@param moments { m: orrery.Tensor[], v: orrery.Tensor[] }
---@param how table  beta1, beta2, eps; rate: lr / (1 - beta1^t); root:
---  1 / sqrt(1 - beta2^t)
---@return orrery.Tensor[] after
---@return { m: orrery.Tensor[], v: orrery.Tensor[] } moments
function unroll.adam(p, g, moments, how)
  local after, m, v = {}, {}, {}
  for i, w in ipairs(p) do
    m[i] = moments.m[i] * how.beta1 + g[i] * (1 - how.beta1)
    v[i] = moments.v[i] * how.beta2 + g[i] * g[i] * (1 - how.beta2)
    local size = (v[i] + tiny):sqrt() * how.root + how.eps
    after[i] = w - m[i] / size * how.rate
  end
  return after, { m = m, v = v }
end

-- Names and tensors of a module's parameters, in the optimiser's order.
local function parameters(module)
  local names, list = {}, {}
  for name, p in module:named_parameters() do
    names[#names + 1], list[#list + 1] = name, p
  end
  return names, list
end

-- The module as a function of its parameters.
local function with(module, names, list)
  local by_name = {}
  for i, name in ipairs(names) do by_name[name] = list[i] end
  return function(...)
    return orrery.functional_call(module, by_name, ...)
  end
end

local function moments_of(opt, n)
  local group, m, v = opt.param_groups[1], {}, {}
  for i = 1, n do
    m[i], v[i] = group.state[i].exp_avg, group.state[i].exp_avg_sq
  end
  return { m = m, v = v }
end

-- Corrections of Adam's next k steps.
local function corrections(group, k)
  local t, list = group.state[1].step, {}
  for i = 1, k do
    list[i] = { rate = group.lr / (1 - group.beta1 ^ (t + i)),
      root = 1 / math.sqrt(1 - group.beta2 ^ (t + i)) }
  end
  return list
end

--- The part of a game: the generator looks k updates of D ahead, all on one
--- batch. Through Adam these are D's own next updates, moments included;
--- through SGD they have a rate of their own.
---@param given? table  steps = 5; through = "adam" or "sgd"; lr of sgd, 0.05;
---  second_order = true, false to hold the updates' gradients fixed: D is seen
---  where it will be, but not how the generator moves it
function unroll.part(given)
  local o = options.take("unrolled", given, { steps = 5, through = "adam",
    lr = 0.05, second_order = true })
  options.count("unrolled", "steps", o.steps)
  options.number("unrolled", "lr", o.lr)
  options.flag("unrolled", "second_order", o.second_order)
  if o.through ~= "adam" and o.through ~= "sgd" then
    blame("unrolled: through is %s; give adam or sgd", options.shown(o.through))
  end
  local part = { name = ("unrolled %d"):format(o.steps) }

  function part.numbers(_, game)
    if o.through == "sgd" then return {} end
    local opt = game.optimizers.discriminator
    if opt.name ~= "adam" then
      blame("unrolled: D's optimizer is %s; unroll through sgd", opt.name)
    end
    return { corrections = corrections(opt.param_groups[1], o.steps) }
  end

  function part.adversary(_, game, real, fake, at)
    local D, opt = game.discriminator, game.optimizers.discriminator
    local names, p = parameters(D)
    local moments = o.through == "adam" and moments_of(opt, #p)
    local r, f = game:seen(real), game:seen(fake)
    for k = 1, o.steps do
      local loss = game:discriminator_loss(r, f, with(D, names, p))
      local g = orrery.grad(loss, p, { create_graph = o.second_order,
        retain_graph = true })
      if moments then
        local group = opt.param_groups[1]
        p, moments = unroll.adam(p, g, moments, { beta1 = group.beta1,
          beta2 = group.beta2, eps = group.eps,
          rate = at.corrections[k].rate, root = at.corrections[k].root })
      else
        p = unroll.sgd(p, g, o.lr)
      end
    end
    return with(D, names, p)
  end
  return part
end

return unroll
