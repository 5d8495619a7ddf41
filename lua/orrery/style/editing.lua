--- Reading and moving styles: directions along which an attribute changes,
--- images projected into W, what noise does and what styles do.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

local editing = {}

local function unit(v) return v / v:norm() end

--- The direction of an attribute in W (Shen et al. 2020, section 3): the
--- normal of the hyperplane that parts codes with it from codes without.
--- With `against`, only what is orthogonal to those other directions: the edit
--- leaves their attributes alone, as far as they are linear in W (their eq. 3,
--- for several).
---@param codes orrery.Tensor  [N, D]
---@param attribute orrery.Tensor  [N] of 0 and 1
---@param given? { against?: orrery.Tensor[] }
---@return orrery.Tensor direction  [D], of length 1, to more of the attribute
---@return number accuracy  of the hyperplane on these codes
function editing.direction(codes, attribute, given)
  local who = "style.direction"
  local o = options.take(who, given, { against = {} })
  options.tensor(who, "codes", codes, "float")
  options.tensor(who, "attribute", attribute)
  local y = attribute:double():reshape(-1, 1)
  local w, b = orrery.metrics.hyperplanes(codes, y)
  local said = (codes:double():matmul(w) + b):gt(0):double()
  local basis = {}
  local function without(v)
    for _, e in ipairs(basis) do v = v - e * (v * e):sum() end
    return v
  end
  for i, other in ipairs(o.against) do
    basis[i] = unit(without(other:double()))
  end
  return unit(without(w:select(2, 1))):to(codes.dtype),
    said:eq(y):double():mean():item()
end

--- Styles with some layers of another: those of b in layers first to last, of
--- a elsewhere.
---@param a orrery.Tensor  [N, layers, style_dim]
---@param b orrery.Tensor  alike
---@param first integer
---@param last integer
---@return orrery.Tensor
function editing.crossed(a, b, first, last)
  local n = a:size(2)
  if first < 1 or last > n or first > last then
    blame("style.crossed: layers are %s to %s; give some of 1 to %d",
      tostring(first), tostring(last), n)
  end
  local parts = { b:narrow(2, first, last - first + 1) }
  if first > 1 then table.insert(parts, 1, a:narrow(2, 1, first - 1)) end
  if last < n then parts[#parts + 1] = a:narrow(2, last + 1, n - last) end
  return orrery.cat(parts, 2)
end

--- Styles whose images come near to given ones: Adam on w from the mean of
--- styles, on the squared error of pixels and, with an extractor, of features.
---@param G orrery.style.Generator
---@param images orrery.Tensor  [N, C, size, size], as G makes them
---@param given? table  steps = 200; lr = 0.05; layers = true, a style of its
---  own for each layer (W+; Abdal et al. 2019), false for one style; noise, as
---  of synthesize, false; features = 0, weight of the extractor's; extractor;
---  range = 2 of the pixels, for the decibels
---@return orrery.Tensor ws  [N, layers, style_dim]
---@return orrery.Tensor psnr  of each image, decibels, [N]
function editing.project(G, images, given)
  local who = "style.project"
  local o = options.take(who, given, { steps = 200, lr = 0.05, layers = true,
    noise = false, features = 0, range = 2 }, { "extractor" })
  options.tensor(who, "images", images, "float")
  options.count(who, "steps", o.steps)
  options.number(who, "lr", o.lr)
  local n = images:size(1)
  local sizes = { n, o.layers and G.layers or 1, G.style_dim }
  local all = { n, G.layers, G.style_dim }
  local ws = G.w_mean:reshape { 1, 1, -1 }:expand(sizes):clone()
    :requires_grad_()
  local opt = orrery.optim.Adam({ ws }, { lr = o.lr })
  local seen = o.features > 0 and o.extractor:features(images / 2 + 0.5)
  for _ = 1, o.steps do
    orrery.tidy(function()
      local x = G:synthesize(ws:expand(all), o.noise)
      local loss = (x - images):square():flatten(2):mean(2):sum()
      if seen then
        loss = loss + (o.extractor:embed(x / 2 + 0.5) - seen):square():mean(2)
          :sum() * o.features
      end
      local g = orrery.grad(loss, { ws })[1]
      ws.grad = g
      opt:step()
    end)
  end
  ws = ws:detach():expand(all):contiguous()
  local off = orrery.no_grad(function()
    return (G:synthesize(ws, o.noise) - images):double():square():flatten(2)
      :mean(2)
  end)
  return ws, (off / o.range ^ 2):log10() * -10
end

-- Rows of the orthonormal cosine transform, [n, n]: row k has k half waves.
local function cosines(n)
  local k = orrery.range(0, n - 1, { dtype = "float64" })
  local rows = ((k + 0.5):unsqueeze(1) * k:unsqueeze(2) * (math.pi / n)):cos()
    * math.sqrt(2 / n)
  rows[1] = 1 / math.sqrt(n)
  return rows
end

--- The share of images' energy in waves shorter than four pixels, along
--- either axis or both: 0 of flat images, 3/4 of white noise.
---@param x orrery.Tensor  [..., H, W]
---@return number
function editing.detail(x)
  options.tensor("style.detail", "x", x, "float")
  local h, w = x:size(-2), x:size(-1)
  local waves = cosines(h):matmul(x:double()):matmul(
    cosines(w):transpose(1, 2)):square():reshape(-1, h, w):sum(1)
  local low = waves:narrow(1, 1, (h + 1) // 2):narrow(2, 1, (w + 1) // 2)
  local all = waves:sum():item()
  return all > 0 and 1 - low:sum():item() / all or 0
end

--- What noise does beside what styles do: images of the same styles with other
--- noise, and of other styles with the same noise.
---@param G orrery.style.Generator
---@param ws orrery.Tensor  [N, layers, style_dim]
---@param given? { draws?: integer, layers?: integer[], generator?:
---  orrery.Generator }  20 of the noise; layers that have noise, all
---@return { map: orrery.Tensor, noise: number, style: number, share: number,
---  detail: number }  map [N, H, W]: standard deviation over noise, mean of
---  colours; noise, style: variance of a pixel by each; share: noise over
---  style; detail: the share of the noise's energy in short waves
function editing.noise_effect(G, ws, given)
  local o = options.take("style.noise_effect", given, { draws = 20 },
    { "layers", "generator" })
  local function drawn(n)
    local list = G:noise(n, o.generator)
    if o.layers then
      local keep = {}
      for _, l in ipairs(o.layers) do keep[l] = true end
      for l in ipairs(list) do list[l] = keep[l] and list[l] or false end
    end
    return list
  end
  return orrery.no_grad(function()
    local n, shots = ws:size(1), {}
    for i = 1, o.draws do
      shots[i] = G:synthesize(ws, drawn(n)):double()
    end
    local same = G:synthesize(ws, drawn(1)):double()
    local x = orrery.stack(shots, 1)
    local by_noise = x:var(1)
    local noise, by_style = by_noise:mean():item(), same:var(1):mean():item()
    return { map = by_noise:mean(2):sqrt():float(), noise = noise,
      style = by_style, share = noise / by_style,
      detail = editing.detail(x - x:mean { axis = 1, keepdim = true }) }
  end)
end

return editing
