--- White shapes on black whose factors are known: which shape, its scale, its
--- rotation, its place in x and in y (after dSprites, Matthey et al. 2017). The
--- pictures are drawn here, so they need no file and have any size.
local orrery = require "orrery"
local blame = require "orrery.blame"
local Dataset = require("orrery.data.dataset").Dataset
local options = require "orrery.options"

-- Signed distance, in units of the shape's half width, of points (u, v) to the
-- outline; below 0 inside.
local outline = {}

function outline.square(u, v) return u:abs():maximum(v:abs()) - 0.8 end

-- Half axes 1 and 1/2: the implicit function over the length of its gradient.
function outline.ellipse(u, v)
  local f = u ^ 2 + v ^ 2 * 4 - 1
  return f / ((u ^ 2 + v ^ 2 * 16):sqrt() * 2 + 1e-3)
end

-- A square on its corner and a disc on each of its upper sides.
function outline.heart(u, v)
  local h, root = 0.52, math.sqrt(0.5)
  local a, b = (v + u - 0.12) * root, (v - u - 0.12) * root
  local square = a:abs():maximum(b:abs()) - h
  local left = ((a + h) ^ 2 + b ^ 2):sqrt() - h
  local right = (a ^ 2 + (b + h) ^ 2):sqrt() - h
  return square:minimum(left):minimum(right)
end

local names = { "square", "ellipse", "heart" }
local factor_names = { "shape", "scale", "rotation", "x", "y" }

---@class orrery.data.ShapesDataset: orrery.data.Dataset
---@field factors orrery.Tensor  int64 [N, 5], values from 1
---@field factor_names string[]
---@field factor_sizes integer[]  how many values each factor has
---@field images? orrery.Tensor  uint8 [N, H, W]; absent when drawn on demand
---@field complete? boolean  every combination of factors is among the images
local Shapes = setmetatable({}, { __index = Dataset })
Shapes.__index = Shapes

function Shapes.__len(self) return self.factors:size(1) end

-- Values 0 .. n - 1 spread over low .. high; the middle when there is one.
local function spread(index, n, low, high)
  local step = n > 1 and (high - low) / (n - 1) or 0
  local first = n > 1 and low or (low + high) / 2
  return (index - 1):float() * step + first
end

-- Coverage of each pixel, 0 to 1: a ramp one pixel wide across the outline.
local function drawn(kind, x, y, scale, angle, size)
  local at = orrery.range(1, size, { dtype = "float32" }) - 0.5
  local dx = at:reshape(1, 1, size) - x:reshape(-1, 1, 1)
  local dy = at:reshape(1, size, 1) - y:reshape(-1, 1, 1)
  local r = scale:reshape(-1, 1, 1)
  local c, s = angle:cos():reshape(-1, 1, 1), angle:sin():reshape(-1, 1, 1)
  local u, v = (dx * c + dy * s) / r, (dy * c - dx * s) / r
  return (0.5 - outline[kind](u, v) * r):clamp(0, 1)
end

--- Pictures of given factors.
---@param factors orrery.Tensor  int64 [B, 5], from 1
---@return orrery.Tensor  [B, H, W], 0 to 1
function Shapes:draw(factors)
  local size, n = self.size, self.factor_sizes
  local function column(k) return factors:select(2, k) end
  -- The largest shape at the outermost place stays in the picture.
  local largest = size * 0.22
  local margin = largest * 1.15
  local scale = spread(column(2), n[2], largest / 2, largest)
  local angle = (column(3) - 1):float() * (2 * math.pi / n[3])
  local x = spread(column(4), n[4], margin, size - margin)
  local y = spread(column(5), n[5], margin, size - margin)
  return orrery.no_grad(function()
    local picture
    for k, kind in ipairs(self.shapes) do
      local is = column(1):eq(k):float():reshape(-1, 1, 1)
      if is:any():item() ~= 0 then
        local one = drawn(kind, x, y, scale, angle, size) * is
        picture = picture and picture + one or one
      end
    end
    return picture or orrery.zeros(0, size, size)
  end)
end

---@param indices orrery.Tensor  int64 [B]
---@param opts? { flat?: boolean, dtype?: string }
---@return orrery.Tensor x  [B, 1, H, W] ([B, H * W] flat), 0 to 1
---@return orrery.Tensor factors  int64 [B, 5], values from 1
function Shapes:get(indices, opts)
  local factors = self.factors:index_select(1, indices)
  local x = self.images
    and self.images:index_select(1, indices):float() / 255
    or self:draw(factors)
  x = x:to(opts and opts.dtype or "float32")
  local b, h, w = x:size()
  return opts and opts.flat and x:reshape(b, h * w) or x:reshape(b, 1, h, w),
    factors
end

--- All examples at once, as get() gives them.
---@param opts? { flat?: boolean, dtype?: string }
function Shapes:everything(opts)
  opts = options.take("everything", opts, {}, { "flat", "dtype" })
  return self:get(orrery.range(1, #self, { dtype = "int64" }), opts)
end

local function part(self, factors, images)
  return setmetatable({ factors = factors, images = images, size = self.size,
    shapes = self.shapes, factor_names = factor_names,
    factor_sizes = self.factor_sizes }, Shapes)
end

function Shapes:pick(indices)
  return part(self, self.factors:index_select(1, indices),
    self.images and self.images:index_select(1, indices))
end

function Shapes:slice(first, last)
  local n = last - first + 1
  return part(self, self.factors:narrow(1, first, n),
    self.images and self.images:narrow(1, first, n))
end

function Shapes.__tostring(self)
  return ("%d shapes of %d x %d"):format(#self, self.size, self.size)
end

--- Pictures in which factor k is fixed and the others are free.
---@param k integer  1 to 5
---@param value integer|orrery.Tensor  of that factor, from 1; or int64 [n]
---@param n integer  how many
---@param opts? { generator?: orrery.Generator, flat?: boolean, dtype?: string }
---@return orrery.Tensor x
---@return orrery.Tensor factors
function Shapes:with_factor(k, value, n, opts)
  opts = options.take("with_factor", opts, {}, { "generator", "flat",
    "dtype" })
  local columns = {}
  for i, count in ipairs(self.factor_sizes) do
    columns[i] = orrery.randint(1, count, n, { generator = opts.generator })
  end
  columns[k] = orrery.is_tensor(value) and value
    or orrery.full({ n }, value, { dtype = "int64" })
  local factors = orrery.stack(columns, 2)
  if self.complete then
    local at = 0
    for i, count in ipairs(self.factor_sizes) do
      at = columns[i] - 1 + (i > 1 and at * count or 0)
    end
    return self:get(at + 1, { flat = opts.flat, dtype = opts.dtype })
  end
  local x = self:draw(factors):to(opts.dtype or "float32")
  return opts.flat and x:flatten(2) or x:unsqueeze(2), factors
end

-- All combinations, the last factor going round fastest.
local function combinations(sizes)
  local total, columns = 1, {}
  for _, n in ipairs(sizes) do total = total * n end
  local index, rest = orrery.range(0, total - 1, { dtype = "int64" }), total
  for k, n in ipairs(sizes) do
    rest = rest // n
    columns[k] = index:floor_divide(rest):remainder(n) + 1
  end
  return orrery.stack(columns, 2):long()
end

local keep_up_to = 1 << 28  -- bytes of pictures held; more are drawn on demand

local function render(self)
  local n, pieces = #self, {}
  for first = 1, n, 1000 do
    pieces[#pieces + 1] = orrery.tidy(function()
      local some = self.factors:narrow(1, first, math.min(1000, n - first + 1))
      return (self:draw(some) * 255):round():byte()
    end)
  end
  self.images = orrery.cat(pieces, 1)
end

--- The set of every combination of factors.
---@param opts? { size?: integer, shapes?: string[], scales?: integer,
---   rotations?: integer, positions?: integer }  32; square, ellipse, heart;
---   4; 8; 10. dSprites' own counts are 64, 3 shapes, 6, 40 and 32
---@return orrery.data.ShapesDataset
return function(opts)
  local o = options.take("shapes", opts, { size = 32, shapes = names,
    scales = 4, rotations = 8, positions = 10 })
  if type(o.shapes) ~= "table" or #o.shapes == 0 then
    blame("shapes: shapes is %s; list some of square, ellipse, heart",
      options.shown(o.shapes))
  end
  for i, kind in ipairs(o.shapes) do
    if not outline[kind] then
      blame("shapes: shape %d is %s; it is square, ellipse or heart", i,
        options.shown(kind))
    end
  end
  local places = options.count("shapes", "positions", o.positions)
  local sizes = { #o.shapes, options.count("shapes", "scales", o.scales),
    options.count("shapes", "rotations", o.rotations), places, places }
  local self = part({ size = options.count("shapes", "size", o.size, 8),
    shapes = o.shapes, factor_sizes = sizes }, combinations(sizes))
  if #self * self.size ^ 2 <= keep_up_to then
    render(self)
    self.complete = true
  end
  return self
end
