--- Poisson and binomial numbers against their distributions.
local orrery, t = require "orrery", require "orrery.testing"

local N = 40000
local function drawn(fn, ...)
  local args = { ... }
  for i, v in ipairs(args) do
    args[i] = orrery.full({ N }, v, { dtype = "float64" })
  end
  args[#args + 1] = { generator = orrery.Generator(5) }
  return fn(table.unpack(args))
end

-- The share of each outcome lies within 5 deviations of its probability.
local function follows(x, first, chances)
  for k, p in ipairs(chances) do
    local share = x:eq(first + k - 1):double():mean():item()
    t.ok(math.abs(share - p) <= 5 * math.sqrt(p * (1 - p) / N) + 1e-12,
      ("outcome %d: %g, not %g"):format(first + k - 1, share, p))
  end
end

local function moments(x, mean, variance)
  local v, m = x:var_mean()
  t.ok(math.abs(m:item() - mean) <= 5 * math.sqrt(variance / N), "mean")
  t.ok(math.abs(v:item() / variance - 1) <= 0.05, "variance")
end

t.test("Poisson numbers follow their distribution", function()
  for _, rate in ipairs { 0.3, 4.5 } do
    local chances, p = {}, math.exp(-rate)
    for k = 0, 14 do
      chances[k + 1] = p
      p = p * rate / (k + 1)
    end
    follows(drawn(orrery.poisson, rate), 0, chances)
  end
  for _, rate in ipairs { 60, 3e4, 4e8 } do
    moments(drawn(orrery.poisson, rate), rate, rate)
  end
  t.equal(drawn(orrery.poisson, 0):amax():item(), 0)
end)

t.test("binomial numbers follow their distribution", function()
  for _, p in ipairs { 0.2, 0.85 } do
    local n, chances = 9, {}
    local c = (1 - p) ^ n
    for k = 0, n do
      chances[k + 1] = c
      c = c * (n - k) / (k + 1) * p / (1 - p)
    end
    follows(drawn(orrery.binomial, n, p), 0, chances)
  end
  moments(drawn(orrery.binomial, 1e5, 0.3), 3e4, 2.1e4)
  moments(drawn(orrery.binomial, 1e9, 0.9), 9e8, 9e7)
  -- Of very many, each unlikely: a Poisson number.
  moments(drawn(orrery.binomial, 1e15, 1e-12), 1000, 1000)
  for p = 0, 1 do
    t.equal(drawn(orrery.binomial, 7, p):mean():item(), 7 * p)
  end
  local x = drawn(orrery.binomial, 3, 0.5)
  t.ok(x:amin():item() >= 0 and x:amax():item() <= 3)
end)

t.test("the same stream gives the same counts", function()
  local rates = orrery.rand(5000) * 50
  local function draw()
    return orrery.poisson(rates, { generator = orrery.Generator(2) })
  end
  t.equal(draw(), draw())
  t.equal(orrery.tensor({ 4 }):binomial(orrery.tensor { { 0 }, { 1 } }),
    orrery.tensor { { 0 }, { 4 } })
end)
