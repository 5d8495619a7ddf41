--- Averages over draws, with their standard error, and what a divergence says
--- of how it was found.
local orrery = require "orrery"
local options = require "orrery.options"

---@class orrery.dist.How  the second result of every divergence
---@field exact boolean  a closed form, or a sum over all values
---@field method string  "closed form", "sum", "quadrature", "Monte Carlo"
---@field samples? integer
---@field standard_error? orrery.Tensor
local How = {}
How.__index = How
function How.__tostring(self)
  if self.method ~= "Monte Carlo" then return self.method end
  local worst = self.standard_error:max():item()
  return ("Monte Carlo, %d draws, standard error %.3g"):format(self.samples,
    worst)
end

local estimate = {}

for name, method in pairs { closed = "closed form", sum = "sum",
  quadrature = "quadrature" } do
  estimate[name] = setmetatable({ exact = name ~= "quadrature",
    method = method }, How)
end

--- E f(x) for x drawn from p: the mean and its standard error.
---@param p orrery.dist.Distribution
---@param f fun(x: orrery.Tensor): orrery.Tensor  [samples, batch...]
---@param given? { samples?: integer, generator?: orrery.Generator }
---@return orrery.Tensor mean  [batch...]
---@return orrery.dist.How
function estimate.mean(who, p, f, given)
  local o = options.take(who, given, { samples = 1000 }, { "generator" })
  local n = options.count(who, "samples", o.samples, 2)
  local draw = p.has_rsample and p.rsample or p.sample
  local values = f(draw(p, { n }, { generator = o.generator }))
  local se = orrery.no_grad(function()
    return values:var(1):sqrt() / math.sqrt(n)
  end)
  return values:mean(1), setmetatable({ exact = false, samples = n,
    method = "Monte Carlo", standard_error = se }, How)
end

return estimate
