--- Pictures of a style-based generator: what mixing, truncation, noise and the
--- way between two styles look like.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"
local plot = require "orrery.plot"
local editing = require "orrery.style.editing"

local pictures = {}

--- Images of [-1, 1] as images of [0, 1].
---@param x orrery.Tensor
---@return orrery.Tensor
function pictures.shown(x) return (x:detach() * 0.5 + 0.5):clamp(0, 1) end

local function made(G, ws, noise)
  return orrery.no_grad(function()
    return pictures.shown(G:synthesize(ws, noise))
  end)
end

--- Style mixing (Karras et al. 2019, figure 3): above, images whose styles are
--- taken in layers first to last; on the left, those that have the rest.
---@param G orrery.style.Generator
---@param a orrery.Tensor  styles of the rows, [R, layers, style_dim]
---@param b orrery.Tensor  of the columns, [K, layers, style_dim]
---@param first integer
---@param last integer
---@param noise? orrery.Tensor[]|false  as of synthesize, the same for all
---@return orrery.plot.Figure
function pictures.mixing(G, a, b, first, last, noise)
  local top = made(G, b, noise)
  local rows = { orrery.ones { 1, table.unpack({ top:shape() }, 2) }, top }
  for r = 1, a:size(1) do
    local own = a:narrow(1, r, 1)
    rows[#rows + 1] = made(G, own, noise)
    rows[#rows + 1] = made(G, editing.crossed(own:expand(b:shape()), b,
      first, last), noise)
  end
  return plot.grid(orrery.cat(rows, 1), { columns = b:size(1) + 1,
    title = ("layers %d to %d from above"):format(first, last) })
end

--- Style mixing in three sheets: coarse layers from above, middle ones, fine
--- ones, a third of all each.
---@param G orrery.style.Generator
---@param a orrery.Tensor  styles of the rows, [R, layers, style_dim]
---@param b orrery.Tensor  of the columns, [K, layers, style_dim]
---@param noise? orrery.Tensor[]|false
---@return { coarse: orrery.plot.Figure, middle: orrery.plot.Figure, fine:
---  orrery.plot.Figure }
function pictures.thirds(G, a, b, noise)
  local n, sheets = G.layers, {}
  if n < 3 then
    blame("pictures.thirds: the generator has %d layers; it takes 3", n)
  end
  local cuts = { 0, math.max(1, (2 * n + 3) // 6), math.max(2, (4 * n + 3)
    // 6), n }
  for i, name in ipairs { "coarse", "middle", "fine" } do
    sheets[name] = pictures.mixing(G, a, b, cuts[i] + 1, cuts[i + 1], noise)
  end
  return sheets
end

--- Truncation: a column for each psi, from everything to the mean alone.
---@param G orrery.style.Generator
---@param ws orrery.Tensor  [N, layers, style_dim]
---@param list? number[]  1, 0.7, 0.5, 0.3, 0
---@param noise? orrery.Tensor[]|false
---@return orrery.plot.Figure
function pictures.truncation(G, ws, list, noise)
  list = list or { 1, 0.7, 0.5, 0.3, 0 }
  local columns = {}
  for i, psi in ipairs(list) do
    columns[i] = made(G, G:truncate(ws, psi), noise)
  end
  return plot.grid(orrery.stack(columns, 2):flatten(1, 2),
    { columns = #list, title = "psi = " .. table.concat(list, ", ") })
end

--- A film: each image goes in a straight line through styles from one to the
--- next, and round to the first.
---@param G orrery.style.Generator
---@param ws orrery.Tensor  [N, layers, style_dim]: N images, N stops
---@param given? { frames?: integer, noise?: orrery.Tensor[]|false }  between
---  two stops, 8
---@return orrery.plot.Figure
function pictures.interpolation(G, ws, given)
  local o = options.take("pictures.interpolation", given, { frames = 8 },
    { "noise" })
  local n, frames = ws:size(1), {}
  for stop = 1, n do
    local a = ws:roll(1 - stop, 1)
    local b = ws:roll(-stop, 1)
    for f = 0, o.frames - 1 do
      frames[#frames + 1] = plot.grid(made(G, orrery.lerp(a, b, f / o.frames),
        o.noise), { columns = n })
    end
  end
  return plot.animation(frames, { delay = 0.08 })
end

--- Moving along a direction: a row for each image, a column for each amount.
---@param G orrery.style.Generator
---@param ws orrery.Tensor  [N, layers, style_dim]
---@param direction orrery.Tensor  [style_dim]
---@param amounts number[]
---@param noise? orrery.Tensor[]|false
---@return orrery.plot.Figure
function pictures.edits(G, ws, direction, amounts, noise)
  local columns = {}
  for i, amount in ipairs(amounts) do
    columns[i] = made(G, ws + direction * amount, noise)
  end
  return plot.grid(orrery.stack(columns, 2):flatten(1, 2),
    { columns = #amounts })
end

--- An image, what other noise makes of it, and where noise matters: the
--- standard deviation over draws, white where it is largest.
---@param G orrery.style.Generator
---@param ws orrery.Tensor  [N, layers, style_dim]
---@param map orrery.Tensor  [N, H, W], as noise_effect gives it
---@param draws? integer  4
---@param generator? orrery.Generator
---@return orrery.plot.Figure
function pictures.noise(G, ws, map, draws, generator)
  local columns = { made(G, ws, false) }
  for i = 1, draws or 4 do
    columns[i + 1] = made(G, ws, G:noise(ws:size(1), generator))
  end
  local like = columns[1]
  columns[#columns + 1] = (map / map:amax():clamp_min(1e-12)):unsqueeze(2)
    :expand(like:shape())
  return plot.grid(orrery.stack(columns, 2):flatten(1, 2),
    { columns = #columns,
      title = "no noise, draws of noise, deviation over draws" })
end

-- Images and what the generator makes of them at the nearest styles.
local function projected(G, images, steps)
  local found, psnr = editing.project(G, images, { steps = steps })
  return plot.grid(orrery.cat({ pictures.shown(images),
    made(G, found, false) }, 1), { columns = images:size(1),
    title = "given images, and as projected" }), psnr:mean():item()
end

--- All of the pictures above but edits, of styles drawn at random: "mixing,
--- coarse", "mixing, middle", "mixing, fine", "truncation", "interpolation",
--- "noise", and of images "projected".
---@param G orrery.style.Generator
---@param given? table  count = 6 styles, in rows and in columns; frames = 12
---  between two stops of the interpolation; draws = 50 of noise; images [N, C,
---  size, size] as G makes them, to be projected in steps = 300; generator
---@return table<string, orrery.plot.Figure> sheets
---@return number? psnr  mean of the projected images, decibels
function pictures.gallery(G, given)
  local who = "pictures.gallery"
  local o = options.take(who, given, { count = 6, frames = 12, draws = 50,
    steps = 300 }, { "images", "generator" })
  for _, name in ipairs { "count", "frames", "steps" } do
    options.count(who, name, o[name])
  end
  options.count(who, "draws", o.draws, 2)
  local random = o.generator
  local function some(n)
    return orrery.no_grad(function()
      return G:styles(orrery.randn({ n, G.latent }, { generator = random }))
    end)
  end
  local noise, sheets = G:noise(1, random), {}
  for name, sheet in pairs(pictures.thirds(G, some(o.count), some(o.count),
    noise)) do
    sheets["mixing, " .. name] = sheet
  end
  sheets.truncation = pictures.truncation(G, some(o.count), nil, noise)
  sheets.interpolation = pictures.interpolation(G, some(4),
    { frames = o.frames, noise = noise })
  local ws = some(o.count)
  sheets.noise = pictures.noise(G, ws, editing.noise_effect(G, ws,
    { draws = o.draws, generator = random }).map, 4, random)
  local psnr
  if o.images then
    sheets.projected, psnr = projected(G, o.images, o.steps)
  end
  return sheets, psnr
end

return pictures
