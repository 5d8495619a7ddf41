--- Figures of gradient estimators in closed form, A of the list of facts: each
--- mean and variance of one estimate as an integral over the law of its noise.
--- (tests/lua/test_estimators.lua draws the same ones.)
local orrery, t = require "orrery", require "orrery.testing"
local integral = require "orrery.dist.integral"
local dist, fact = orrery.dist, t.fact

local function tensor(v) return orrery.tensor(v, { dtype = "float64" }) end

-- E g(z), z from a law on the line.
local function mean(law, g)
  return integral(law, law, function(z) return law:log_prob(z):exp() * g(z) end)
end
local function variance(law, g)
  return mean(law, function(z) return g(z) ^ 2 end) - mean(law, g) ^ 2
end

local function normal(mu) return dist.Normal(tensor(mu), 1) end
local function line(m) return function(z) return z * m end end
local function square(m) return function(z) return (z * m) ^ 2 end end

-- ---- the estimates of d/dmu E f(z) from one draw, as functions of the noise

-- d E f / d mu, the density differentiated.
local function exact(f, mu)
  local leaf = tensor(mu):requires_grad_()
  local law = dist.Normal(leaf, 1)
  return orrery.grad(mean(law, f), { leaf })[1]
end

-- (f(z) - b) d log q(z) / d mu.
local function score(f, mu, b)
  return function(z)
    local leaf = orrery.full_like(z, mu):requires_grad_()
    local s = orrery.grad(dist.Normal(leaf, 1):log_prob(z):sum(), { leaf })[1]
    return (f(z) - (b or 0)) * s
  end
end

-- f'(z): dz / dmu is 1.
local function pathwise(f)
  return function(z)
    local leaf = z:detach():clone():requires_grad_()
    return orrery.grad(f(leaf):sum(), { leaf })[1]
  end
end

-- W of the weak derivative, Weibull of shape 2 and scale sqrt 2: the root of
-- an exponential number of mean 2.
local weibull = dist.Transformed(dist.Exponential(tensor(0.5)), {
  forward = function(_, e) return e:sqrt(), -(e * 4):log() / 2 end,
  inverse = function(_, w) return w ^ 2, -(w * 2):log() end,
})

-- Half the integral of |dq / dmu|: the mass of either part.
local function constant()
  return mean(normal(0), function(z) return z:abs() end) / 2
end

local function weak_mean(f, mu)
  return constant()
    * mean(weibull, function(w) return f(mu + w) - f(mu - w) end)
end
local function weak_coupled(f, mu)
  return constant() ^ 2
    * variance(weibull, function(w) return f(mu + w) - f(mu - w) end)
end
local function weak_apart(f, mu)
  return constant() ^ 2
    * (variance(weibull, function(w) return f(mu + w) end)
      + variance(weibull, function(w) return f(mu - w) end))
end

local function var_path(f, mu) return variance(normal(mu), pathwise(f)) end
local function var_score(f, mu, b)
  return variance(normal(mu), score(f, mu, b))
end

-- E f s^2 / E s^2.
local function best_baseline(f, mu)
  local s = score(function(z) return z * 0 + 1 end, mu)
  return mean(normal(mu), function(z) return f(z) * s(z) ^ 2 end)
    / mean(normal(mu), function(z) return s(z) ^ 2 end)
end

-- The mu between 0 and 4 where f, which rises, is 0.
local function root(f)
  local low, high = 0, 4
  for _ = 1, 40 do
    local middle = (low + high) / 2
    if f(middle):item() < 0 then low = middle else high = middle end
  end
  return low
end

-- ---- the facts

fact("F001", "the gradient of E 2z", 2, 1e-6, function()
  return exact(line(2), 0.7)
end)
fact("F002", "the gradient of E (2z)^2 at 0.5", 4, 1e-6, function()
  return exact(square(2), 0.5)
end)
fact("F003", "the score function's mean of (2z)^2", 4, 1e-6, function()
  return mean(normal(0.5), score(square(2), 0.5))
end)
fact("F004", "the weak derivative's mean of (2z)^2", 4, 1e-6, function()
  return weak_mean(square(2), 0.5)
end)

fact("F005", "variance of z, pathwise", 0, 1e-6, function()
  return var_path(line(1), 1)
end)
fact("F006", "variance of z, score function", 3, 1e-6, function()
  return var_score(line(1), 1)
end)
fact("F007", "variance of z, score function with baseline f(mu)", 2, 1e-6,
  function() return var_score(line(1), 1, 1) end)
fact("F008", "variance of z, weak derivative, apart", 0.136619772, 1e-6,
  function() return weak_apart(line(1), 1) end)
fact("F009", "variance of z, weak derivative, coupled", 0.273239545, 1e-6,
  function() return weak_coupled(line(1), 1) end)

fact("F010", "variance of z^2, pathwise", 4, 1e-6, function()
  return var_path(square(1), 1)
end)
fact("F011", "variance of z^2, score function", 30, 1e-6, function()
  return var_score(square(1), 1)
end)
fact("F012", "variance of z^2 at 0, score function", 15, 1e-6, function()
  return var_score(square(1), 0)
end)
fact("F013", "variance of z^2, baseline mu^2", 23, 1e-6, function()
  return var_score(square(1), 1, 1)
end)
fact("F014", "variance of z^2, baseline E f", 18, 1e-6, function()
  return var_score(square(1), 1, mean(normal(1), square(1)))
end)
fact("F015", "the best baseline of z^2", 4, 1e-6, function()
  return best_baseline(square(1), 1)
end)
fact("F016", "variance of z^2, best baseline", 14, 1e-6, function()
  return var_score(square(1), 1, best_baseline(square(1), 1))
end)
fact("F017", "variance of z^2, weak derivative, apart", 1.81971863, 1e-6,
  function() return weak_apart(square(1), 1) end)
fact("F018", "variance of z^2, weak derivative, coupled", 1.09295818, 1e-6,
  function() return weak_coupled(square(1), 1) end)

fact("F019", "where the weak derivative apart meets pathwise", 2.23376108,
  1e-6, function()
    return root(function(mu)
      return weak_apart(square(1), mu) - var_path(square(1), mu)
    end)
  end)
fact("F020", "where the coupled weak derivative meets pathwise", 1.91305838,
  1e-6, function()
    return root(function(mu)
      return weak_coupled(square(1), mu) - var_path(square(1), mu)
    end)
  end)
fact("F021", "where they meet with as many evaluations", 1.15321125, 1e-6,
  function()
    return root(function(mu)
      return weak_apart(square(1), mu) * 2 - var_path(square(1), mu)
    end)
  end)
fact("F022", "variance of the mean of 1000 score-function estimates", 0.03,
  1e-6, function() return var_score(square(1), 1) / 1000 end)

fact("F023", "E W", 1.25331414, 1e-6, function()
  return mean(weibull, function(w) return w end)
end)
fact("F024", "E W^2", 2, 1e-6, function()
  return mean(weibull, function(w) return w ^ 2 end)
end)
fact("F025", "Var W^2", 4, 1e-6, function()
  return variance(weibull, function(w) return w ^ 2 end)
end)
fact("F026", "the weak derivative's constant", 0.39894228, 1e-6, constant)
fact("F027", "the Fisher information of a normal mean", 1, 1e-6, function()
  return variance(normal(0.7), score(function(z) return z * 0 + 1 end, 0.7))
end)
fact("F028", "variance of the pathwise gradient of log N(x; a z + b, s^2)",
  2.97386506, 1e-6, function()
    local slope = pathwise(function(z)
      return dist.Normal(z * 1.3 + 0.2, 0.7):log_prob(1.1)
    end)
    return variance(dist.Normal(tensor(0.3), 0.5), slope)
  end)

local die = dist.Categorical { probs = orrery.ones(6, { dtype = "float64" }) }
local function seven()
  local p = die:log_prob(die:enumerate_support()):exp()
  return (p * p:flip(1)):sum():item()  -- 1 with 6, 2 with 5 ...
end
fact("F029", "the chance that two dice show 7", 0.166666667, 1e-6, seven)
fact("F030", "the standard error of that share in 1000 throws", 0.011785113,
  1e-6, function()
    return dist.Binomial(tensor(1000), { probs = tensor(seven()) }):std() / 1000
  end)

t.test("of cos kz the score function's variance meets pathwise near k = 1/s",
  function()
    for _, s in ipairs { 0.5, 1, 2 } do
      local law = dist.Normal(tensor(0.5), s)
      local function gap(k)
        local by_score = variance(law, function(z)
          return (z * k):cos() * (z - 0.5) / s ^ 2
        end)
        return variance(law, pathwise(function(z) return (z * k):cos() end))
          - by_score
      end
      t.ok(gap(0.8 / s):item() < 0 and gap(1.25 / s):item() > 0, s)
    end
  end)

fact("F220", "d/dtheta E (z - theta)^2, z ~ N(theta^2, 1), at 1.5", 3, 1e-6,
  function()
    local theta = tensor(1.5):requires_grad_()
    local law = dist.Normal(theta ^ 2, 1)
    return orrery.grad(mean(law, function(z) return (z - theta) ^ 2 end),
      { theta })[1]
  end)
