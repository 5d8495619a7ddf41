--- The change of variables for one number: the law of g(Z), from g alone.
local orrery = require "orrery"
local Distribution = require "orrery.dist.distribution"
local blame = require "orrery.blame"
local integral = require "orrery.dist.integral"
local options = require "orrery.options"
local roots = require "orrery.flow.roots"

--- The law of X = g(Z), Z of a known law of one number and g monotone between
--- given points: p_X(x) = sum p_Z(z) / |g'(z)| over all z with g(z) = x. Those
--- are found as roots, g' is a gradient, so that g is all there is to say:
---
---     local law = flow.Pushforward(dist.Normal(0, 1),
---       function(z) return z ^ 2 end, { turns = { 0 } })
---     print(law:log_prob(1.5), law:mean(), law:icdf(0.5))
---     law:plot()
---
--- What lies beyond the base's quantiles 1e-15 and 1 - 1e-15 is left out.
---@class orrery.flow.Pushforward: orrery.dist.Distribution
---@field base orrery.dist.Distribution
---@field map fun(z: orrery.Tensor): orrery.Tensor
---@field pieces table[]  from, to, and the sign of g' between
local Pushforward = Distribution:subclass "Pushforward"

local double = { dtype = "float64" }
local tail = 1e-15

local function as_tensor(x)
  return orrery.is_tensor(x) and x:double() or orrery.tensor(x, double)
end

-- g(z) and g'(z); without a graph of their own where z has none.
local function value_and_slope(g, z)
  local _ <close> = orrery.enable_grad()
  local keep = z.requires_grad
  local at = keep and z or z:detach():requires_grad_()
  local y = g(at)
  if not options.is_tensor(y) or y:shape_str() ~= z:shape_str() then
    blame("flow.Pushforward: g gave %s for z %s; return a number for each",
      options.shown(y), z:shape_str())
  end
  local slope = y.requires_grad and orrery.grad(y:sum(), { at },
    { create_graph = keep, retain_graph = true, allow_unused = true })[1]
    or orrery.zeros_like(at:detach())
  if keep then return y, slope end
  return y:detach(), slope
end

local function ends_of(base, turns)
  local ends = { base:icdf(tail):item() }
  local last = base:icdf(1 - tail):item()
  for i, z in ipairs(turns) do
    options.number("flow.Pushforward", "turn " .. i, z)
    if i > 1 and z <= turns[i - 1] then
      blame("flow.Pushforward: turn %d is %g, not over the one before, %g; "
        .. "give them in order", i, z, turns[i - 1])
    end
    if z > ends[1] and z < last then ends[#ends + 1] = z end
  end
  ends[#ends + 1] = last
  return ends
end

-- Ten points inside say whether g rises or falls; both is a mistake.
local function direction(self, from, to)
  local z = orrery.linspace(from, to, 12, double):narrow(1, 2, 10)
  local y = value_and_slope(self.map, z)
  local step = y:narrow(1, 2, 9) - y:narrow(1, 1, 9)
  if step:ge(0):all():item() ~= 0 then return 1 end
  if step:le(0):all():item() ~= 0 then return -1 end
  blame("flow.Pushforward: g turns between %g and %g; give turns, the points "
    .. "where it does", from, to)
end

---@param base orrery.dist.Distribution  of one number, with an icdf
---@param map fun(z: orrery.Tensor): orrery.Tensor  g, element by element
---@param opts? table  turns = {} (where g changes its direction or jumps, in
---  order: z ^ 2 has { 0 })
function Pushforward:init(base, map, opts)
  local who = "flow.Pushforward"
  if type(base) ~= "table" or not base.icdf or not base.log_prob
      or base.is_discrete
      or #base.batch_shape + #base.event_shape > 0 then
    blame("%s: base is %s; give a continuous law of one number", who,
      type(base) == "table" and base.name or options.shown(base))
  end
  local o = options.take(who, opts, { turns = {} })
  if type(o.turns) ~= "table" then
    blame("%s: turns are %s; give a list of numbers", who,
      options.shown(o.turns))
  end
  self.base, self.map = base, options.callable(who, "g", map)
  self.batch_shape, self.event_shape, self.dtype = {}, {}, "float64"
  self.pieces = {}
  local ends = ends_of(base, o.turns)
  for i = 1, #ends - 1 do
    self.pieces[i] = { from = ends[i], to = ends[i + 1],
      sign = direction(self, ends[i], ends[i + 1]) }
  end
end

function Pushforward.__tostring(self)
  return ("Pushforward(%s)"):format(tostring(self.base))
end

function Pushforward:draw(shape, generator)
  local z = self.base:draw(shape, generator):double()
  return (self.map(z))
end

-- The z of a piece with g(z) = x, its end where there is none; g'(z), and
-- whether there is one.
local function root(self, piece, x)
  local g, sign = self.map, piece.sign
  local low, high = x * 0 + piece.from, x * 0 + piece.to
  local z = roots.increasing(function(v)
    local y, slope = value_and_slope(g, v)
    return (y - x) * sign, slope * sign
  end, low, high)
  local inside = orrery.no_grad(function()
    local a, b = g(low:detach()), g(high:detach())
    return x:ge(a:minimum(b)):logical_and(x:le(a:maximum(b)))
  end)
  local _, slope = value_and_slope(g, z)
  return z, slope, inside
end

--- All z with g(z) = x.
---@param x orrery.Tensor|number  [...]
---@return orrery.Tensor z  [pieces, ...], NaN where a piece has none
function Pushforward:inverse(x)
  x = as_tensor(x)
  local list = {}
  for i, piece in ipairs(self.pieces) do
    local z, _, inside = root(self, piece, x)
    list[i] = orrery.where(inside, z, 0 / 0)
  end
  return orrery.stack(list, 1)
end

--- Gradients reach x.
---@param x orrery.Tensor|number  [...]
---@return orrery.Tensor nats  [...], -infinity where no z goes
function Pushforward:log_prob(x)
  x = as_tensor(x)
  local list = {}
  for i, piece in ipairs(self.pieces) do
    local z, slope, inside = root(self, piece, x)
    -- What is not there must not reach the gradient either.
    local safe = orrery.where(inside, slope, 1)
    local nats = self.base:log_prob(orrery.where(inside, z,
      (piece.from + piece.to) / 2)):double() - safe:abs():log()
    list[i] = orrery.where(inside, nats, -math.huge)
  end
  if #list == 1 then return list[1] end
  return orrery.stack(list, 1):logsumexp { axis = 1 }
end

--- The density itself.
---@param x orrery.Tensor|number
---@return orrery.Tensor  [...]
function Pushforward:density(x) return self:log_prob(x):exp() end

---@param x orrery.Tensor|number  [...]
---@return orrery.Tensor  [...]
function Pushforward:cdf(x)
  x = as_tensor(x)
  local base, total = self.base, x * 0
  for _, piece in ipairs(self.pieces) do
    local share = base:cdf((root(self, piece, x)))
    total = total + (piece.sign > 0 and share - base:cdf(piece.from)
      or base:cdf(piece.to) - share)
  end
  return total:clamp { min = 0, max = 1 }
end

--- Between which numbers all values lie.
function Pushforward:range()
  local low, high = math.huge, -math.huge
  for _, piece in ipairs(self.pieces) do
    local z = orrery.tensor({ piece.from, piece.to }, double)
    for _, y in ipairs(orrery.no_grad(self.map, z):tolist()) do
      low, high = math.min(low, y), math.max(high, y)
    end
  end
  return low, high, (low + high) / 2, high - low
end

--- E f(X) by quadrature over z.
---@param f fun(x: orrery.Tensor): orrery.Tensor
---@return orrery.Tensor
function Pushforward:expect(f)
  options.callable("expect", "f", f)
  return (integral(self.base, self.base, function(z)
    return f(self.map(z)) * self.base:log_prob(z):exp()
  end))
end

function Pushforward:mean()
  return self:expect(function(x) return x end)
end

function Pushforward:var()
  local mean = self:mean()
  return self:expect(function(x) return (x - mean) ^ 2 end)
end

function Pushforward:entropy()
  return self:expect(function(x) return -self:log_prob(x) end)
end

--- Draws as a histogram, with the density over it.
---@param opts? table  draws = 20000; bins = 60; points = 300; title; generator
---@return table figure  as orrery.plot makes
function Pushforward:plot(opts)
  local o = options.take("plot", opts, { draws = 20000, bins = 60,
    points = 300, title = "density of g(Z)" }, { "generator" })
  for _, name in ipairs { "draws", "bins", "points" } do
    options.count("plot", name, o[name], 2)
  end
  local low, high = self:icdf(0.002):item(), self:icdf(0.998):item()
  local x = self:sample(o.draws, { generator = o.generator })
  local inside = x:ge(low):logical_and(x:le(high))
  x = x:masked_select(inside)
  local share = x:numel() / o.draws
  -- Middles of equal steps: no point falls on an end, where it may be infinite.
  local at = (orrery.range(1, o.points):double() - 0.5) / o.points
    * (high - low) + low
  local plot = orrery.plot
  return plot.overlay { title = o.title, xlabel = "x", ylabel = "density",
    plot.hist { values = x, bins = o.bins, density = true, name = "draws" },
    plot.line { x = at, y = self:density(at) / share, name = "density" } }
end

return { Pushforward = Pushforward }
