--- Equal mixtures of round Gaussians: a ring, a grid, centres thrown at
--- random, and one of high dimension that fills a subspace only.
local orrery = require "orrery"
local Law = require "orrery.data.known.law"
local blame = require "orrery.blame"
local options = require "orrery.options"

local f64 = { dtype = "float64" }

---@class orrery.data.Gaussians: orrery.data.Law
local Gaussians = Law.subclass "gaussians"

local function positive(v) return v > 0 and v < math.huge end

-- From a list of centres, or a float64 tensor of them.
function Gaussians.made(name, centers, std)
  local c = orrery.is_tensor(centers) and centers
    or orrery.tensor(centers, f64)
  return setmetatable({ name = name, centers = c, single = c:float(),
    std = std, radius = 3 * std, dim = c:size(2) }, Gaussians)
end

local function centers_as(self, dtype)
  return dtype == "float32" and self.single or self.centers:to(dtype)
end

function Gaussians:draw(n, o)
  local mode = orrery.randint(1, self.centers:size(1), n,
    { generator = o.generator })
  local noise = orrery.randn({ n, self.dim }, o)
  return centers_as(self, o.dtype):index_select(1, mode) + noise * self.std,
    mode
end

-- log sum_k N(x; c_k, std^2 I) / K
function Gaussians:log_prob(x)
  self:check(x)
  local c = centers_as(self, x.dtype)
  local d = (x:unsqueeze(2) - c:unsqueeze(1)) / self.std
  local each = (d * d):sum(3) * -0.5
  return each:logsumexp { axis = 2 } - math.log(c:size(1))
    - self.dim * (math.log(self.std) + 0.5 * math.log(2 * math.pi))
end

-- The smallest distance of two centres, in standard deviations.
local function gap(self)
  local c = self.centers
  if c:size(1) == 1 then return math.huge end
  local square = ((c:unsqueeze(2) - c:unsqueeze(1)) ^ 2):sum(3)
  square = square + orrery.eye(c:size(1), f64) * 1e300
  return math.sqrt(square:amin():item()) / self.std
end

--- log K + dim / 2 log(2 pi e std^2) when no two modes meet (closer than 17
--- standard deviations they would change the twelfth digit); else by
--- quadrature in the plane.
---@param step? number  of the quadrature's grid
---@return number nats
function Gaussians:entropy(step)
  if gap(self) >= 17 and not step then
    return math.log(self.centers:size(1)) + self.dim
      * (math.log(self.std) + 0.5 * (math.log(2 * math.pi) + 1))
  elseif self.dim ~= 2 then
    blame("entropy: the modes of this law meet and it has %d dimensions; "
      .. "average -log_prob over draws", self.dim)
  end
  return Law.entropy(self, step)
end

function Gaussians:extent()
  local reach = 9 * self.std
  return (self.centers:amin(1) - reach):tolist(),
    (self.centers:amax(1) + reach):tolist()
end

local gaussians = {}

--- Gaussians evenly round a circle (Metz et al. 2017).
---@param opts? { modes?: integer, radius?: number, std?: number }  8, 2, 0.02
---@return orrery.data.Gaussians
function gaussians.ring(opts)
  local who = "ring"
  local o = options.take(who, opts, { modes = 8, radius = 2, std = 0.02 })
  options.count(who, "modes", o.modes)
  options.number(who, "radius", o.radius, positive, "a number above 0")
  options.number(who, "std", o.std, positive, "a number above 0")
  local list = {}
  for k = 1, o.modes do
    local angle = 2 * math.pi * (k - 1) / o.modes
    list[k] = { o.radius * math.cos(angle), o.radius * math.sin(angle) }
  end
  return Gaussians.made(("ring of %d"):format(o.modes), list, o.std)
end

--- Gaussians on a square grid round the origin (Dumoulin et al. 2017).
---@param opts? { side?: integer, spacing?: number, std?: number }  5, 2, 0.05
---@return orrery.data.Gaussians
function gaussians.grid(opts)
  local who = "grid"
  local o = options.take(who, opts, { side = 5, spacing = 2, std = 0.05 })
  options.count(who, "side", o.side)
  options.number(who, "spacing", o.spacing, positive, "a number above 0")
  options.number(who, "std", o.std, positive, "a number above 0")
  local list, middle = {}, (o.side + 1) / 2
  for i = 1, o.side do
    for j = 1, o.side do
      list[#list + 1] = { (i - middle) * o.spacing, (j - middle) * o.spacing }
    end
  end
  return Gaussians.made(("grid of %d"):format(#list), list, o.std)
end

-- Points of a square, none closer to another than `apart`.
local function thrown(o)
  local list, tries = {}, 0
  while #list < o.modes do
    local p = orrery.rand({ 2 }, { low = -o.reach, high = o.reach,
      dtype = "float64", generator = o.generator }):tolist()
    local free = true
    for _, q in ipairs(list) do
      local dx, dy = p[1] - q[1], p[2] - q[2]
      free = free and dx * dx + dy * dy >= o.apart * o.apart
    end
    if free then list[#list + 1] = p end
    tries = tries + 1
    if tries > 1000 * o.modes then
      blame("scattered: %d modes %g apart do not fit into +-%g; make reach "
        .. "larger", o.modes, o.apart, o.reach)
    end
  end
  return list
end

--- Gaussians at random places of a square (Tolstikhin et al. 2017, section 4).
---@param opts? { modes?: integer, reach?: number, apart?: number,
---   std?: number, generator?: orrery.Generator }  8 in +-15, at least 5
---   apart, 0.5
---@return orrery.data.Gaussians
function gaussians.scattered(opts)
  local o = options.take("scattered", opts, { modes = 8, reach = 15, apart = 5,
    std = 0.5 }, { "generator" })
  options.count("scattered", "modes", o.modes)
  for _, name in ipairs { "reach", "std" } do
    options.number("scattered", name, o[name], positive, "a number above 0")
  end
  options.number("scattered", "apart", o.apart)
  return Gaussians.made(("%d modes"):format(o.modes), thrown(o), o.std)
end

return { kinds = gaussians, made = Gaussians.made }
