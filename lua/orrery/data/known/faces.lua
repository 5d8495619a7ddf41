--- Drawn faces whose attributes are known: what editing along a direction, and
--- a card of a data set, can be tried on.
local orrery = require "orrery"
local blame = require "orrery.blame"
local domains = require "orrery.data.known.domains"
local options = require "orrery.options"

local uniform, mix, colour = domains.uniform, domains.mix, domains.colour

local names = { "age", "smile", "pose", "skin", "glasses", "hat" }

-- [n, 6]: four numbers of 0 to 1, two of 0 or 1 with the shares asked for.
local function drawn_attributes(n, o, g)
  local a = orrery.rand(n, #names, g)
  for k, share in pairs { [5] = o.glasses, [6] = o.hat } do
    a[{ {}, k }] = a[{ {}, k }]:lt(share):float()
  end
  return a
end

-- A mark with this signed distance in one colour, where `on` is 1.
local function paint(picture, size, distance, shade, on)
  local cover = domains.covered(distance, size)
  return mix(picture, shade, on and cover * on or cover)
end

local function disc(x, y, cx, cy, rx, ry)
  return ((((x - cx) / rx) ^ 2 + ((y - cy) / ry) ^ 2):sqrt() - 1) * ry
end

-- Wrinkles across the brow and grey hair are what age shows by.
local function draw(a, size, g)
  local n = a:size(1)
  local x, y = domains.grid(size)
  local function of(k) return a[{ {}, k }]:reshape(n, 1, 1, 1) end
  local age, smile, pose = of(1), of(2) * 2 - 1, (of(3) - 0.5) * 0.16
  local skin = mix(colour(0.45, 0.28, 0.18), colour(0.98, 0.82, 0.7), of(4))
  local hair = mix(colour(0.2, 0.12, 0.05)
    + orrery.rand(n, 3, 1, 1, g) * 0.25, colour(0.85, 0.85, 0.85), age)
  local back = orrery.rand(n, 3, 1, 1, g) * 0.5 + 0.3
  local wide = uniform(n, 0.25, 0.29, g)
  local p = back + y * 0
  p = paint(p, size, disc(x, y, 0.5, 0.46, wide + 0.06, 0.4), hair)
  p = paint(p, size, disc(x, y, 0.5, 0.55, wide, 0.36), skin)
  local at, dark = pose + 0.5, skin * 0.55
  for k = 1, 3 do
    local line = (y - (0.3 + 0.045 * k)):abs() - 0.25 / size
    p = paint(p, size, line:maximum((x - at):abs() - wide * 0.5), dark,
      age * 0.8)
  end
  for _, side in ipairs { -1, 1 } do
    local eye = at + 0.11 * side
    p = paint(p, size, disc(x, y, eye, 0.5, 0.05, 0.035), colour(1, 1, 1))
    p = paint(p, size, disc(x, y, eye + pose * 0.2, 0.5, 0.022, 0.03),
      colour(0.1, 0.1, 0.15))
    p = paint(p, size, disc(x, y, eye, 0.5, 0.085, 0.075):abs() - 0.6 / size,
      colour(0.05, 0.05, 0.05), of(5))
  end
  p = paint(p, size, disc(x, y, at + pose * 0.3, 0.61, 0.03, 0.05), skin * 0.8)
  -- The mouth is a parabola; its ends rise with the smile.
  local u = (x - at) / 0.12
  local mouth = (y - (0.755 - smile * 0.05 * (u * u - 0.5))):abs()
    - 0.9 / size
  p = paint(p, size, mouth:maximum((x - at):abs() - 0.12),
    colour(0.6, 0.1, 0.12))
  local brim = (y - 0.26):abs() - 0.02
  local crown = ((x - 0.5):abs() - 0.25):maximum((y - 0.14):abs() - 0.12)
  return paint(p, size, brim:maximum((x - 0.5):abs() - 0.4):minimum(crown),
    colour(0.15, 0.2, 0.5), of(6))
end

--- Drawn faces. Batches are x in -1 to 1 and the attributes [B, 6]: age, smile,
--- pose and skin of 0 to 1, glasses and hat of 0 or 1.
---@param opts? { size?: integer, images?: integer, held?: integer,
---   seed?: integer, hat?: number, glasses?: number }  32; 1000; 200; 1; the
---   shares of faces with a hat, 0.1, and with glasses, 0.25
---@return { train: orrery.data.Pictures, test: orrery.data.Pictures,
---   attributes: string[], size: integer, draw: fun(attributes:
---   orrery.Tensor, generator?: orrery.Generator): orrery.Tensor } set  draw:
---   the faces of given attributes [n, 6], [n, 3, H, W] of -1 to 1; the same
---   state of the generator gives the same hair, ground and width
return function(opts)
  local o = domains.options("faces", opts, { hat = 0.1, glasses = 0.25 })
  for _, name in ipairs { "hat", "glasses" } do
    options.number("faces", name, o[name], function(v)
      return v >= 0 and v <= 1
    end, "a share, 0 to 1")
  end
  local function scene(n, _, g)
    local a = drawn_attributes(n, o, g)
    return domains.bytes(draw(a, o.size, g)), a
  end
  local generator = orrery.Generator(o.seed)
  return { attributes = names, size = o.size,
    train = domains.many(o.images, scene, o, generator),
    test = domains.many(o.held, scene, o, generator),
    draw = function(attributes, given)
      options.tensor("draw", "attributes", attributes, "float")
      if attributes:dim() ~= 2 or attributes:size(2) ~= #names then
        blame("draw: attributes are %s; give [n, %d]", attributes:shape_str(),
          #names)
      end
      return draw(attributes, o.size, { generator = given }) * 2 - 1
    end }
end
