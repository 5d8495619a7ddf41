--- The usual pictures of a VAE of images, as grids for plot and report.
local orrery = require "orrery"
local options = require "orrery.options"
local plot = require "orrery.plot"
local pictures = {}

-- [B, features] of square images as [B, 1, side, side].
local function square(x)
  if x:dim() == 4 then return x end
  local side = math.tointeger(math.floor(math.sqrt(x:size(2)) + 0.5))
  return x:reshape(x:size(1), 1, side, side)
end

local function grid(x, columns)
  return plot.grid(square(x), { columns = columns, scale = 2, padding = 2 })
end

--- Pairs of rows: images above, what comes back below.
---@param model orrery.vae.VAE
---@param images orrery.Tensor  [N, ...] in [0, 1]
---@param columns? integer  16
---@return orrery.plot.Figure
function pictures.reconstructions(model, images, columns)
  columns = math.min(columns or 16, images:size(1))
  return orrery.no_grad(function()
    local rows = {}
    for first = 1, images:size(1) - columns + 1, columns do
      local x = images:narrow(1, first, columns)
      rows[#rows + 1] = square(x)
      rows[#rows + 1] = square(model:reconstruct(x))
    end
    return grid(orrery.cat(rows, 1), columns)
  end)
end

--- Images from the prior, always from the same codes.
---@param model orrery.vae.VAE
---@param n? integer  64
---@return orrery.plot.Figure
function pictures.samples(model, n)
  return orrery.no_grad(function()
    return grid(model:sample(n or 64, orrery.Generator(1)), 16)
  end)
end

-- Latents with the largest KL first.
local function by_use(kl_per_latent)
  local order = {}
  for i = 1, #kl_per_latent do order[i] = i end
  table.sort(order, function(a, b)
    if kl_per_latent[a] ~= kl_per_latent[b] then
      return kl_per_latent[a] > kl_per_latent[b]
    end
    return a < b
  end)
  return order
end

-- The code with one latent at a value.
local function with(code, latent, value)
  local z = { table.unpack(code) }
  z[latent] = value
  return z
end

--- One row per latent, most used first: that latent goes from -3 to 3, the
--- others stay at the image's code.
---@param model orrery.vae.VAE
---@param image orrery.Tensor  [1, ...]
---@param kl_per_latent number[]
---@param rows? integer  10
---@return orrery.plot.Figure
function pictures.traversals(model, image, kl_per_latent, rows)
  local steps = 11
  return orrery.no_grad(function()
    local code = model:encode(image):tolist()[1]
    local codes = {}
    local order = by_use(kl_per_latent)
    for r = 1, math.min(rows or 10, #order) do
      for s = 1, steps do
        codes[#codes + 1] = with(code, order[r],
          -3 + 6 * (s - 1) / (steps - 1))
      end
    end
    return grid(model:decode(orrery.tensor(codes)), steps)
  end)
end

--- The same as a film: a row for each latent, most used first, a column for
--- each image; over the frames the row's latent goes from -2.5 to 2.5 and back,
--- the others stay at the image's code.
---@param model orrery.vae.VAE
---@param images orrery.Tensor  [N, ...]
---@param kl_per_latent number[]
---@param given? { rows?: integer, frames?: integer }  6; 16, both ways
---@return orrery.plot.Figure  a film
function pictures.film(model, images, kl_per_latent, given)
  local o = options.take("pictures.film", given, { rows = 6, frames = 16 })
  local order, half = by_use(kl_per_latent), math.max(2, o.frames // 2)
  local frames = orrery.no_grad(function()
    local list, own = {}, model:encode(images):tolist()
    for s = 1, half do
      local codes, value = {}, -2.5 + 5 * (s - 1) / (half - 1)
      for r = 1, math.min(o.rows, #order) do
        for _, code in ipairs(own) do
          codes[#codes + 1] = with(code, order[r], value)
        end
      end
      list[s] = grid(model:decode(orrery.tensor(codes)), images:size(1))
    end
    return list
  end)
  for s = half - 1, 2, -1 do frames[#frames + 1] = frames[s] end
  return plot.animation(frames, { delay = 0.1 })
end

--- The plane of a two-dimensional latent, decoded point by point from -2.5 to
--- 2.5, the second latent upwards.
---@param model orrery.vae.VAE
---@param side? integer  15
---@return orrery.plot.Figure
function pictures.plane(model, side)
  side = side or 15
  local codes, step = {}, 5 / (side - 1)
  for row = 1, side do
    for column = 1, side do
      codes[#codes + 1] = { -2.5 + step * (column - 1),
        2.5 - step * (row - 1) }
    end
  end
  return orrery.no_grad(function()
    return plot.grid(square(model:decode(orrery.tensor(codes))),
      { columns = side, padding = 0, scale = 1 })
  end)
end

--- Codes in the plane of the first two latents, a colour per class.
---@param means orrery.Tensor  [N, latent]
---@param labels orrery.Tensor|integer[]  from 1
---@param classes? string[]  their names
---@return orrery.plot.Figure
function pictures.scatter(means, labels, classes)
  return plot.scatter {
    x = means:select(2, 1), y = means:select(2, 2), class = labels,
    classes = classes, square = true, title = "Codes of held-out images",
    xlabel = "latent 1", ylabel = "latent 2",
  }
end

return pictures
