--- Estimates of the gradient of E f(z) by the parameters of the law of z.
---
---     local q = dist.Normal(orrery.tensor(1.0), 1)
---     local e = estimators.score { baseline = "loo" }
---     local grads = e:grad(function(z) return z ^ 2 end, q, nil, 1000)
---
--- An estimator has grad (from n draws), each (one per draw) and through (for
--- networks); `variance` and `compare` measure how much they scatter.
local blame = require "orrery.blame"
local nearest = require "orrery.nearest"
local options = require "orrery.options"

local estimators = {
  exact = require "orrery.estimators.exact",
  learned = require("orrery.estimators.baselines").learned,
}
for _, file in ipairs { "score", "pathwise", "measure", "vimco", "rebar",
  "variance" } do
  for name, value in pairs(require("orrery.estimators." .. file)) do
    estimators[name] = value
  end
end

local kinds = { "score", "pathwise", "measure", "straight_through",
  "gumbel_softmax", "nvil", "vimco", "rebar" }

--- An estimator by its name, with its defaults.
---@param name string
---@return orrery.estimators.Estimator
function estimators.named(name)
  for _, kind in ipairs(kinds) do
    if kind == name then return estimators[kind]() end
  end
  options.text("estimators", "the name", name)
  local close = nearest(name, kinds)
  blame("estimators: there is no %q; %s", name, close and "did you mean "
    .. close .. "?" or "there are " .. table.concat(kinds, ", "))
end

return estimators
