--- AdaGAN (Tolstikhin et al. 2017): a mixture of generators, each trained on
--- the data weighed towards what the mixture before it misses.
---
---     local ada = gan.AdaGAN { data = x, components = 5, steps = 1000,
---       game = function(t) return gan.Game { ... } end }
---     while ada:step() do end
---     ada:sample(1000)                        -- of the mixture
---     ada:sample(1000, { components = 1 })    -- of the first alone
local orrery = require "orrery"
local losses = require "orrery.gan.losses"
local nets = require "orrery.gan.nets"
local options = require "orrery.options"

---@class orrery.gan.AdaGAN
---@field games orrery.gan.Game[]
---@field begun integer  components that are trained or being trained
---@field mixing number[]  their weights
---@field weights orrery.Tensor  float64 [N], of the data for this component
---@field done integer  steps
local AdaGAN = {}
AdaGAN.__index = AdaGAN

local adagan = {}

--- The data's weights for the next component: w_i = p_i / beta max(0, lambda -
--- (1 - beta) h_i), where h is the density of the mixture so far over that of
--- the data (their theorem 1 and section 3.1, for f-divergences), and lambda is
--- such that they sum to 1.
---@param h orrery.Tensor  float64 [N], at the data
---@param beta number  weight of the next component, (0, 1]
---@return orrery.Tensor weights  [N]
---@return number lambda
function adagan.weights(h, beta)
  options.tensor("adagan.weights", "h", h, "float")
  options.number("adagan.weights", "beta", beta,
    function(v) return v > 0 and v <= 1 end, "a number in (0, 1]")
  local n = h:numel()
  local sorted = h:reshape(-1):sort():tolist()
  -- With the k smallest kept, lambda = beta / P_k + (1 - beta) E[h | kept];
  -- the k wanted is the first whose next would get no weight.
  local sum, lambda = 0.0, nil
  for k, value in ipairs(sorted) do
    sum = sum + value / n
    lambda = (beta + (1 - beta) * sum) / (k / n)
    if not sorted[k + 1] or (1 - beta) * sorted[k + 1] >= lambda then break end
  end
  return (h * -(1 - beta) + lambda):clamp_min(0) / (n * beta), lambda
end

-- h = (1 - d) / d at the data, d of a classifier of data against the mixture.
local function ratio(self)
  local o = self.options
  local net = nets.mlp(self.data:size(2), 1, { hidden = { 64, 64 },
    scale = o.scale })
  local opt = orrery.optim.Adam(net, { lr = 1e-3 })
  local n = self.data:size(1)
  for _ = 1, o.classifier_steps do
    orrery.tidy(function()
      local pick = orrery.randint(1, n, o.batch, { generator = self.stream })
      opt:minimize(losses.non_saturating.discriminator(
        net(self.data:index_select(1, pick)), net(self:sample(o.batch))))
    end)
  end
  return orrery.no_grad(function()
    return (-net(self.data):reshape(-1):double()):exp()
  end)
end

-- The next component begins: what it is trained on.
local function begin(self)
  local t = self.begun + 1
  local beta = self.options.beta(t)
  if t > 1 then
    self.weights = orrery.keep(orrery.tidy(function()
      return (adagan.weights(ratio(self), beta))
    end))
    for i, a in ipairs(self.mixing) do self.mixing[i] = a * (1 - beta) end
  end
  self.mixing[t], self.begun = beta, t
end

--- One step of the component that is being trained.
---@return boolean more  false when all components are trained
---@return table? numbers  as of Game:step
function AdaGAN:step()
  local o = self.options
  if self.done >= o.components * o.steps then return false end
  if self.done == self.begun * o.steps then begin(self) end
  local game = self.games[self.begun]
  local pick = orrery.multinomial(self.weights, { replacement = true,
    n = o.batch * game.critic_steps, generator = self.stream })
  local numbers = game:step(self.data:index_select(1, pick))
  self.done = self.done + 1
  return self.done < o.components * o.steps, numbers
end

--- Draws from the mixture.
---@param n integer
---@param opts? { components?: integer, only?: integer }  of the first so many,
---  all; or of one
---@return orrery.Tensor x  [n, D]
function AdaGAN:sample(n, opts)
  local o = options.take("adagan", opts, { components = self.begun },
    { "only" })
  if o.only then return (self.games[o.only]:sample(n)) end
  -- Of the first t the weights are those of the end, made to sum to 1.
  local mixing = orrery.tensor({ table.unpack(self.mixing, 1, o.components) },
    { dtype = "float64" })
  local pick = orrery.multinomial(mixing, { n = n, replacement = true,
    generator = self.stream })
  local counts = pick:bincount { minlength = o.components }:tolist()
  local list = {}
  for i, count in ipairs(counts) do
    if count > 0 then list[#list + 1] = self.games[i]:sample(count) end
  end
  return orrery.cat(list, 1)
end

--- Everything that going on from here needs, but random streams.
---@return table
function AdaGAN:state_dict()
  local games = {}
  for i = 1, self.begun do games[i] = self.games[i]:state_dict() end
  return { games = games, mixing = { table.unpack(self.mixing) },
    weights = self.weights, begun = self.begun, done = self.done }
end

---@param state table  from state_dict
function AdaGAN:load_state_dict(state)
  for i, kept in ipairs(state.games) do self.games[i]:load_state_dict(kept) end
  self.mixing = { table.unpack(state.mixing) }
  self.begun, self.done = state.begun, state.done
  self.weights = orrery.keep(state.weights:clone())
end

--- A mixture of generators, each trained on what those before it leave out
--- (Tolstikhin et al. 2017). Options:
---   data         [N, D]
---   game         function(t) -> a fresh gan.Game, the t-th component
---   components   5
---   steps        of each component
---   batch        64
---   beta         function(t) -> weight of the t-th when it joins, 1 / t: all
---                alike in the end
---   scale        factor of the classifier's input, 1
---   classifier_steps   400, of its 64-64 ReLU units
---   stream       generator of random numbers, the default one
---@param given table
---@return orrery.gan.AdaGAN
function adagan.AdaGAN(given)
  local who = "adagan"
  local o = options.take(who, given, { components = 5, batch = 64, scale = 1,
    classifier_steps = 400, beta = function(t) return 1 / t end },
    { "data", "game", "steps", "stream" })
  options.tensor(who, "data", o.data, "float")
  options.callable(who, "game", o.game)
  options.callable(who, "beta", o.beta)
  for _, name in ipairs { "components", "steps", "batch" } do
    options.count(who, name, o[name])
  end
  local n, games = o.data:size(1), {}
  for t = 1, o.components do games[t] = o.game(t) end
  return setmetatable({ options = o, data = o.data, games = games,
    mixing = {}, begun = 0, done = 0, stream = o.stream,
    weights = orrery.full({ n }, 1 / n, { dtype = "float64" }) }, AdaGAN)
end

return adagan
