--- REBAR (Tucker et al. 2017) and RELAX (Grathwohl et al. 2018): the score
--- function with a control variate made of the relaxed draw, unbiased, tuned
--- so that the variance falls.
---
---     [f(b) - c(z~)] grad log p(b) + grad c(z) - grad c(z~)
---
--- b is the corner of z, z~ is z drawn again given b. REBAR: c(z) = eta
--- f(softened z); RELAX adds a network of z to that.
local orrery = require "orrery"
local blame = require "orrery.blame"
local discrete = require "orrery.estimators.discrete"
local Estimator = require "orrery.estimators.estimator"
local optim = require "orrery.optim"
local options = require "orrery.options"

---@class orrery.estimators.REBAR: orrery.estimators.Estimator
---@field eta orrery.Tensor
---@field log_temperature orrery.Tensor
local REBAR = Estimator:subclass("REBAR", { evaluations = 3, tunes = true })

---@param given? { eta?: number, temperature?: number, lr?: number, net?:
---   orrery.nn.Module }  where tuning starts; lr = 0 leaves it there; net: for
---   RELAX, from z [n, D] to [n] or [n, 1]
function REBAR:init(given)
  local o = options.take(self.name, given, { eta = 1, temperature = 0.5,
    lr = 1e-2 }, { "net" })
  options.number(self.name, "temperature", o.temperature,
    function(v) return v > 0 end, "a number over 0")
  self.eta = orrery.tensor(options.number(self.name, "eta", o.eta))
    :requires_grad_()
  self.log_temperature = orrery.tensor(math.log(o.temperature))
    :requires_grad_()
  self.net = o.net
  local tuned = { self.eta, self.log_temperature }
  if o.net then
    for _, p in ipairs(o.net:parameters()) do tuned[#tuned + 1] = p end
  end
  self.tuned = tuned
  self.tunes = o.lr > 0
  self.opt = self.tunes and optim.Adam(tuned, { lr = o.lr })
end

function REBAR:control(f, kind, z)
  local soft = kind.soften(z, self.log_temperature:exp())
  local c = self.values_of(f, soft) * self.eta
  if self.net then
    c = c + self.net(z:reshape(z:size(1), -1)):reshape(-1)
  end
  return c
end

-- The score's weight is held while the law's parameters move, so the parts are
-- differentiated apart; what is tuned sees all of them.
function REBAR:gradients(f, law, leaves, context)
  local kind = discrete.of(law)
  if not kind then
    blame("%s: %s has no relaxed law; give Bernoulli or OneHotCategorical",
      self.name, law.name)
  end
  local z = kind.draw(law, context.generator)
  local b = kind.harden(z)
  local again = kind.again(law, b, context.generator)
  local values = self.values_of(f, b)
  local before, after = self:control(f, kind, z), self:control(f, kind, again)
  local n, kept = z:size(1), { create_graph = self.tunes, retain_graph = true }
  local score = orrery.grad(law:log_prob(b):sum(), leaves, kept)
  local slope = orrery.grad((before - after):sum(), leaves, kept)
  local weight, grads = values:detach() - after, {}
  for i, s in ipairs(score) do
    local shape = { n }
    for k = 2, s:dim() do shape[k] = 1 end
    grads[i] = s * weight:reshape(shape) + slope[i]
  end
  if self.tunes then self:tune(grads) end
  for i, g in ipairs(grads) do grads[i] = g:detach() end
  return grads, values
end

function REBAR:state()
  return { eta = self.eta:item(), log_temperature = self.log_temperature:item(),
    net = self.net and self.net:state_dict(),
    opt = self.opt and self.opt:state_dict() }
end

function REBAR:set_state(state)
  orrery.no_grad(function()
    self.eta:fill_(state.eta)
    self.log_temperature:fill_(state.log_temperature)
  end)
  if self.net then self.net:load_state_dict(state.net) end
  if self.opt then self.opt:load_state_dict(state.opt) end
end

-- The mean of squares is the variance up to what does not depend on the
-- control variate.
function REBAR:tune(grads)
  local sum
  for _, g in ipairs(grads) do
    local part = (g ^ 2):sum() / g:size(1)
    sum = sum and sum + part or part
  end
  self.opt:minimize(sum)
end

---@class orrery.estimators.RELAX: orrery.estimators.REBAR
local RELAX = REBAR:subclass "RELAX"

function RELAX:init(given)
  if type(given) ~= "table" or not given.net then
    blame("relax: net is missing; give a network from z [n, D] to [n]")
  end
  REBAR.init(self, given)
end

return { rebar = REBAR, relax = RELAX }
