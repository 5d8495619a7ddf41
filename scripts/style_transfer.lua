--[[ A picture painted in the manner of another: what does each loss keep?

Gatys, Ecker & Bethge 2015: no network is trained. The pixels move until the
feature maps of a classifier's last convolution are those of the content, and
the Gram matrices of all its convolutions those of the style. Which features
come together is style; where they are is content. Expect: with more weight the
style loss falls and the content loss rises; at 20 the style loss of stripes or
bricks falls five- or sixfold while the maps still correlate with the content's
by more than a half. From noise it ends in a like place. Eight seconds, one
core:

  orrery scripts/style_transfer.lua
  orrery scripts/style_transfer.lua content=FILE style=FILE size=128 weight=20
  orrery scripts/style_transfer.lua content=FILE style=FILE size=128 weight=20 \
    colours=style
  orrery scripts/style_transfer.lua style=bricks start=noise seed=1..3

The classifier is the small one for digits and clothes that comes with Orrery;
it looks at grey pictures. So of a picture in colour the brightness is painted
and the colours stay the content's, to whose brightness that of the style is
brought (Gatys et al. 2017, section 5.2); or, colours=style, the content's
colours are first brought to the mean and the covariance of the painting's
(section 5.1). Style can be any picture with a pattern: paint, cloth, wood.
Photographs in the manner of Monet at weight 20: skies become strokes, hills and
houses keep their places, what is smaller than a stroke is lost.

Measured (style=stripes,bricks,rings,dots; content loss, style loss and
correlation, see the report for what they are):

  weight  stripes          bricks           rings            dots
  1       0.15 0.637 0.92  0.12 0.769 0.94  0.13 0.758 0.93  0.03 0.938 0.98
  5       0.50 0.327 0.75  0.54 0.324 0.74  0.57 0.386 0.76  0.76 0.531 0.69
  20      0.90 0.182 0.58  1.01 0.167 0.57  1.47 0.213 0.57  1.92 0.326 0.49
  100     1.54 0.069 0.40  1.67 0.093 0.39  3.32 0.064 0.40  3.90 0.186 0.38

Stripes from noise (start=noise weight=5 seed=1..3; mean +- sd): 0.60 +- 0.001,
0.320 +- 0.014, 0.688 +- 0.003. With shift=1, as published, weight 5 gives
stripes 0.97 0.086 0.61, bricks 0.91 0.092 0.63: tenfold, but in the one
position that the classifier looks at; the pictures are chequered. ]]
local orrery = require "orrery"
local data, metrics, nn = orrery.data, orrery.metrics, orrery.nn
local optim, plot = orrery.optim, orrery.plot

local run = orrery.experiment {
  name = "style_transfer",
  knobs = {
    weight = { { 1.0, 5.0, 20.0, 100.0 }, "of the style loss beside the "
      .. "content's", min = 0 },
    style = { "stripes", "stripes, dots, bricks, rings, or a picture's file" },
    content = { "digit", "digit, or a picture's file" },
    colours = { "content", "whose the colours are, and how bright",
      one_of = { "content", "style" } },
    start = { "content", "where the pixels begin",
      one_of = { "content", "noise" } },
    shift = { 8, "pixels it is moved round by; 1: it stays", min = 1 },
    tv = { 0.1, "weight of the total variation", min = 0 },
    size = { 64, "pixels of the shorter side", min = 16, max = 1024 },
    steps = { 400, "of Adam", min = 1 },
    lr = { 0.02, "of Adam", min = 0 },
    frames = { 8, "of the film", min = 1 },
  },
  step = "step",
  quick = { size = 32, steps = 20, frames = 2, weight = { 0.1, 10.0 } },
}

-- ---- pictures

-- Patterns of sides size, 0 to 1, from the coordinates of their pixels.
local patterns = {
  stripes = function(x, y) return ((x + y) * (math.pi / 4)):sin() end,
  dots = function(x, y)
    local step = math.pi / 4
    return ((x * step):sin() * (y * step):sin() - 0.3) * 4
  end,
  rings = function(x, y)
    local far = ((x - 24) ^ 2 + (y - 24) ^ 2):sqrt()
    return (far * (math.pi / 3)):sin() * 2
  end,
  bricks = function(x, y)
    local row = (y / 6):floor()
    local across = (x + row:remainder(2) * 6):remainder(12)
    return across:ge(2):float() * (y - row * 6):ge(2):float() * 2 - 1
  end,
}

local function pattern(name, size)
  local at = orrery.range(0, size - 1, { dtype = "float32" })
  local x = at:unsqueeze(1):expand { size, size }
  local z = patterns[name](x, at:unsqueeze(2):expand { size, size })
  return (z * 0.5 + 0.5):clamp(0, 1):reshape(1, 1, size, size)
end

-- [1, C, H, W], 0 to 1, the shorter side `size`.
local function read(path, size, words)
  local x, why = orrery.io.read_image(path)
  if not x then
    error(("%s; give %s, or a picture's file"):format(why, words), 0)
  end
  x = x:float():unsqueeze(1) / 255
  if x:size(2) == 4 then x = x:narrow(2, 1, 3) end
  local h, w = x:size(3), x:size(4)
  local by = size / math.min(h, w)
  return nn.functional.interpolate(x, { mode = "area",
    size = { math.floor(h * by + 0.5), math.floor(w * by + 0.5) } })
    :clamp(0, 1)
end

local function digit(size)
  local digits = assert(data.mnist {})
  return nn.functional.interpolate(digits.test:subset(3, 3):everything(),
    { size = size, mode = "bicubic" }):clamp(0, 1)
end

-- Brightness of ITU-R BT.601, [1, 1, H, W].
local function grey(x)
  if x:size(2) == 1 then return x end
  local parts = orrery.tensor { 0.299, 0.587, 0.114 }
  return (x * parts:reshape(1, 3, 1, 1)):sum { axis = 2, keepdim = true }
end

-- x with the mean colour and the covariance of colours that y has, both
-- [1, 3, H, W] (Gatys et al. 2017, section 5.1, the symmetric solution).
local function coloured_as(x, y)
  local function statistics(z)
    z = z:double():reshape(3, -1)
    local mean = z:mean { axis = 2, keepdim = true }
    local off = z - mean
    return off, mean, off:matmul(off:transpose(1, 2)) / z:size(2)
      + orrery.eye(3, { dtype = "float64" }) * 1e-6
  end
  local off, _, own = statistics(x)
  local _, mean, wanted = statistics(y)
  local moved = orrery.sqrtm(wanted):matmul(orrery.sqrtm(own):inverse())
    :matmul(off) + mean
  return moved:float():reshape { x:size() }:clamp(0, 1)
end

-- x as bright as y in the mean, and as varied (the same, section 5.2).
local function bright_as(x, y)
  return ((x - x:mean()) / (x:std() + 1e-6) * y:std() + y:mean()):clamp(0, 1)
end

-- The picture as given, the picture to keep, the brightness to imitate, the
-- style as it is shown.
local function load(k)
  local given = k.content == "digit" and digit(k.size)
    or read(k.content, k.size, "digit")
  local style = patterns[k.style] and pattern(k.style, k.size)
    or read(k.style, k.size, "stripes, dots, bricks or rings")
  local content, shades = given, grey(style)
  if k.colours == "style" and style:size(2) == 3 then
    content = coloured_as(given:expand { 1, 3, -1, -1 }, style)
  elseif given:size(2) == 3 then
    shades = bright_as(shades, grey(given))
  end
  return given, content, shades, style
end

-- ---- losses

-- The mean absolute difference of neighbours.
local function variation(x)
  local h, w = x:size(3), x:size(4)
  return (x:narrow(3, 2, h - 1) - x:narrow(3, 1, h - 1)):abs():mean()
    + (x:narrow(4, 2, w - 1) - x:narrow(4, 1, w - 1)):abs():mean()
end

local function squared(a, b) return ((a - b) ^ 2):sum() end

-- Losses of a picture, functions of its maps and Gram matrices: as parts of
-- what an even grey picture (content) and the content itself (style) have. The
-- classifier looks at every eighth place only, and the largest of four, so
-- what it misses would be chequered: for the style the picture is moved round,
-- at each step elsewhere within `shift` pixels.
local function losses_of(content, style, shift)
  local seen = metrics.extractor()
  local goal = seen:maps(content)[3]
  local grams = seen:grams(style)
  local own = seen:grams(content)
  local even = seen:maps(orrery.zeros_like(content) + content:mean())[3]
  local whole = squared(goal, even):item()
  if whole < 1e-9 then
    error("style_transfer: content is one even grey; give a picture", 0)
  end
  local apart = {}
  for i, g in ipairs(grams) do
    apart[i] = squared(own[i], g):item()
    if apart[i] < 1e-9 * squared(g, 0):item() then
      error("style_transfer: content and style look alike; give another "
        .. "style", 0)
    end
  end
  return function(x, step)
    local maps, style_loss = seen:maps(x), 0
    local moved = x:roll({ step % shift, step // shift % shift }, { 3, 4 })
    for i, g in ipairs(seen:grams(moved)) do
      style_loss = style_loss + squared(g, grams[i])
        / apart[i] / #grams
    end
    return squared(maps[3], goal) / whole, style_loss
  end, function(x)
    local a, b = seen:maps(x)[3] - even, goal - even
    return ((a * b):sum() / (a:norm() * b:norm())):item()
  end
end

-- ---- a trial

local Canvas = nn.Module:subclass "Canvas"
function Canvas:init(x) self.pixels = nn.Parameter(x:clone()) end

function run.trial(k, log)
  local given, content, shades, style = load(k)
  local light = grey(content)
  local losses, correlation = losses_of(light, shades, k.shift)
  local canvas = Canvas(k.start == "content" and light
    or orrery.rand({ light:size() }, { generator = log:generator "start" }))
  local opt = optim.Adam(canvas, { lr = k.lr })
  local function painted()
    local y = canvas.pixels:detach():clamp(0, 1)
    return (content + (y - light)):clamp(0, 1)
  end
  local film = { painted() }
  film.state_dict = function() return { frames = { table.unpack(film) } } end
  film.load_state_dict = function(_, kept)
    for i, frame in ipairs(kept.frames) do film[i] = frame end
  end
  log:steps { steps = k.steps, every = math.max(1, k.steps // k.frames),
    objects = { canvas = canvas, opt = opt, film = film },
    batches = data.TensorDataset(light):batches(1),
    update = function(_, step)
      local kept, of_style = losses(canvas.pixels, step)
      local loss = kept + of_style * k.weight
        + variation(canvas.pixels) * k.tv
      opt:minimize(loss)
      canvas.pixels:detach():clamp_(0, 1)
      return { loss = loss:detach(), content = kept:detach(),
        style = of_style:detach() }
    end,
    mark = function(step, means)
      for name, value in pairs(means) do log:scalar(name, step, value) end
      film[#film + 1] = painted()
    end }
  local result = painted()
  local large = { scale = math.max(1, 256 // k.size) }
  log:image("painted", result, large)
  log:image("content", given, large)
  log:image("style", style, large)
  log:image("film", plot.animation({ table.unpack(film) }, large))
  local kept, of_style = losses(grey(result), 0)
  return { content_loss = kept:item(), style_loss = of_style:item(),
    correlation = correlation(grey(result)),
    variation = variation(result):item() }
end

function run.report(trials, page)
  page:heading "Results"
  page:text("Content loss: squared distance of the last convolution's maps "
    .. "from the content's, of that of an even grey picture. Style loss: that "
    .. "of the Gram matrices, of the content's own, the mean over layers. "
    .. "Correlation: of the maps with the content's.")
  page:table(trials, { "weight", "style", "start",
    { "content_loss", "content" }, { "style_loss", "style loss" },
    "correlation", "variation" })
  local list = trials:by_setting()
  page:plot(plot.line { x = list.style_loss, y = list.content_loss,
    labels = list.weight, xlabel = "style loss", ylabel = "content loss",
    title = "What a weight buys" })
  page:heading "Pictures"
  page:image_matrix { rows = "weight", images = { "content", "style",
    "painted", "film" } }
end

return run(...)
