--- The second half of a style-based generator, from styles to pixels: its
--- layers, made and run.
local F = require "orrery.nn.functional"
local layers = require "orrery.style.layers"
local orrery = require "orrery"
local recording = require "orrery.recording"
local resampling = require "orrery.style.resampling"

-- StyleGAN: two layers for each side, and what turns them into pixels.
local function build_first(self, o)
  for i, side in ipairs(o.sides) do
    local c, before = o.channels[i], o.channels[i - 1]
    local how = { style_dim = o.styles and o.style_dim or nil,
      noise = o.noise, smooth = o.smooth, doubles = i > 1, dtype = o.dtype,
      generator = o.generator, stream = o.stream }
    self.synthesis:append(layers.Layer(before or 0, c, how))
    how.doubles = false
    self.synthesis:append(layers.Layer(c, c, how))
    if o.progressive or side == o.size then
      self.heads["side" .. side] = layers.EqualConv2d(c, o.colours, 1,
        { dtype = o.dtype, generator = o.generator })
    end
  end
end

-- StyleGAN2: one layer for the first side.
local function build_second(self, o)
  for i, side in ipairs(o.sides) do
    local c, before = o.channels[i], o.channels[i - 1]
    local how = { style_dim = o.style_dim, noise = o.noise, smooth = true,
      doubles = i > 1, dtype = o.dtype, generator = o.generator,
      stream = o.stream }
    if before then self.synthesis:append(layers.Modulated(before, c, how)) end
    how.doubles = false
    self.synthesis:append(layers.Modulated(c, c, how))
    how.rgb = true
    self.heads["side" .. side] = layers.Modulated(c, o.colours, how)
  end
end

local function start(self, ws)
  local n, c, side = ws:size(1), self.channels[1], self.sides[1]
  if self.constant then return self.constant:expand { n, c, side, side } end
  return self.first(ws:select(2, 1)):reshape { n, c, side, side }
end

local function enlarged(self, image)
  return self.smooth and resampling.double(image)
    or F.upsample_nearest2d(image, 2)
end

-- StyleGAN: pixels of the last side; while it fades in, mixed with those of
-- the side before.
local function paint_first(self, ws, noise)
  local x, image = start(self, ws), nil
  for i, side in ipairs(self.sides) do
    for l = 2 * i - 1, 2 * i do
      x = self.synthesis[l](x, ws:select(2, l), noise(l))
    end
    local head = self.heads["side" .. side]
    if side == self.size then
      if not image then return head(x) end
      return orrery.lerp(enlarged(self, image), head(x),
        recording.number(self, "fade"))
    elseif self.fade < 1 and side * 2 == self.size then
      image = head(x)
    end
  end
end

-- StyleGAN2: the sum over sides of their pixels, enlarged.
local function paint_second(self, ws, noise)
  local x, image, l = start(self, ws), nil, 0
  for i, side in ipairs(self.sides) do
    for _ = 1, i == 1 and 1 or 2 do
      l = l + 1
      x = self.synthesis[l](x, ws:select(2, l), noise(l))
    end
    local pixels = self.heads["side" .. side](x, ws:select(2, l + 1))
    image = image and resampling.double(image) + pixels or pixels
  end
  return image
end

return { build = { build_first, build_second },
  paint = { paint_first, paint_second } }
