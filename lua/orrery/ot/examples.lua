--- Worked examples with known answers: parallel lines and boxes on a line.
local orrery = require "orrery"
local blame = require "orrery.blame"
local dist = require "orrery.dist"
local options = require "orrery.options"

local examples = {}

-- Two laws that nothing overlaps: the divergences see only whether they are
-- one, and have no slope.
local function sharp(theta)
  local flat = theta * 0
  local same = theta:detach():eq(0)
  local function apart(value)
    return orrery.where(same, flat, orrery.full_like(theta, value) + flat)
  end
  return { kl = apart(math.huge), reverse_kl = apart(math.huge),
    js = apart(math.log(2)), tv = apart(1), w1 = theta:abs() }
end

local function blurred(theta, sd)
  local p, q = dist.Normal(theta * 0, sd), dist.Normal(theta, sd)
  return { kl = (dist.kl(p, q)), reverse_kl = (dist.kl(q, p)),
    js = (dist.js(p, q)), tv = (dist.tv(p, q)), w1 = theta:abs() }
end

--- Distances of the laws of (0, U) and (theta, U), U uniform on 0 .. 1, as
--- functions of theta with gradients (Arjovsky, Chintala & Bottou 2017,
--- example 1): the KLs are infinite and JS log 2 unless theta is 0, W1 is
--- |theta|. With noise N(0, noise^2) on the first coordinate all are smooth.
---@param theta orrery.Tensor|number  any shape
---@param given? { noise?: number }  0 unless given
---@return { kl: orrery.Tensor, reverse_kl: orrery.Tensor, js: orrery.Tensor,
---  tv: orrery.Tensor, w1: orrery.Tensor }  nats for kl and js; theta's shape
function examples.parallel_lines(theta, given)
  local o = options.take("parallel_lines", given, { noise = 0 })
  options.number("parallel_lines", "noise", o.noise, function(v)
    return v >= 0 and v < math.huge
  end, "a standard deviation, 0 for none")
  if type(theta) == "number" then
    theta = orrery.tensor(theta, { dtype = "float64" })
  elseif not options.is_tensor(theta) or not theta:is_floating_point() then
    blame("parallel_lines: theta is %s; give a number or a floating tensor",
      options.shown(theta))
  end
  return o.noise == 0 and sharp(theta) or blurred(theta, o.noise)
end

--- Boxes on a line: where they stand (x, a at each), where they shall (y, b),
--- and two plans. Of `six` every plan costs 42, all targets being to the right
--- of all boxes; of `two` the plan that crosses costs 6 instead of 2.
examples.boxes = {
  six = { x = { 1, 2, 3 }, a = { 3, 1, 2 }, y = { 7, 8, 9, 10 },
    b = { 1, 1, 2, 2 }, plans = {
      { { 1, 0, 0, 2 }, { 0, 1, 0, 0 }, { 0, 0, 2, 0 } },
      { { 1, 0, 1, 1 }, { 0, 1, 0, 0 }, { 0, 0, 1, 1 } },
    } },
  two = { x = { 3, 7 }, a = { 1, 1 }, y = { 4, 6 }, b = { 1, 1 }, plans = {
    { { 1, 0 }, { 0, 1 } }, { { 0, 1 }, { 1, 0 } },
  } },
}

return examples
