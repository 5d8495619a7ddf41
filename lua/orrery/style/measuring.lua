--- Measures of a style-based generator: samples of mixed styles, path lengths
--- in Z and W, what attributes are in codes, and what an edit does.
local orrery = require "orrery"
local attributes = require "orrery.style.attributes"
local editing = require "orrery.style.editing"
local options = require "orrery.options"
local shown = require("orrery.style.pictures").shown

local measuring = {}

local function grey(x) return x:mean { axis = 2, keepdim = true } end

-- What f gives of some after another, n in all, without gradient.
local function in_parts(n, f)
  local parts = {}
  for first = 1, n, 250 do
    local some = math.min(250, n - first + 1)
    parts[#parts + 1] = orrery.tidy(function()
      return orrery.no_grad(f, first, some)
    end)
  end
  return orrery.cat(parts, 1)
end

--- Samples as images of [0, 1]; with several codes each, styles change from one
--- to the next at random layers.
---@param G orrery.style.Generator
---@param n integer
---@param given? { codes?: integer, psi?: number, generator?:
---  orrery.Generator }  1, 1
---@return orrery.Tensor  [n, colours, size, size]
function measuring.samples(G, n, given)
  local who = "style.samples"
  local o = options.take(who, given, { codes = 1, psi = 1 }, { "generator" })
  options.count(who, "codes", o.codes)
  local random = o.generator
  return in_parts(options.count(who, "n", n), function(_, some)
    local list = {}
    for i = 1, o.codes do
      list[i] = orrery.randn({ some, G.latent }, { generator = random })
    end
    local ws = G:styles(list, { generator = random, psi = o.psi })
    return shown(G:synthesize(ws, G:noise(some, random)))
  end)
end

--- Perceptual path lengths on arcs through Z and on straight ways through W
--- (Karras et al. 2019, section 4.1), all with the same noise. Images are of
--- [0, 1], greyed, and not clamped.
---@param G orrery.style.Generator
---@param given? table  as of metrics.ppl: n, extractor, resamples, seed ...
---@return orrery.metrics.Score z
---@return orrery.metrics.Score w
function measuring.ppl(G, given)
  local noise = G:noise(1, orrery.Generator(3))
  local function image(w)
    return grey(G:synthesize(w, noise) * 0.5 + 0.5)
  end
  local function with(more)
    for key, value in pairs(given or {}) do more[key] = value end
    return more
  end
  local function draw(count, random)
    return orrery.no_grad(function()
      return G.mapping(orrery.randn({ count, G.latent },
        { generator = random }))
    end)
  end
  local z = orrery.metrics.ppl(function(code)
    return image(G.mapping(code))
  end, with { latent = G.latent, space = "z" })
  return z, orrery.metrics.ppl(image, with { space = "w", draw = draw })
end

--- Codes, their styles, images without noise, and what is read off these.
---@param G orrery.style.Generator
---@param n integer
---@param generator? orrery.Generator
---@return { z: orrery.Tensor, w: orrery.Tensor, x: orrery.Tensor, values:
---  orrery.Tensor }  [n, latent], [n, style_dim], of [0, 1], [n, 4]: see
---  style.read_attributes
function measuring.survey(G, n, generator)
  local z = orrery.randn({ n, G.latent }, { generator = generator })
  local w = orrery.no_grad(function() return G.mapping(z) end)
  local x = in_parts(n, function(first, some)
    return shown(G:synthesize(w:narrow(1, first, some), false))
  end)
  return { z = z, w = w, x = x, values = attributes.read_attributes(x) }
end

--- How well hyperplanes part attributes in codes and in styles (Karras et al.
--- 2019, section 4.2): exp of the sum of the entropies they leave.
---@param survey table  of style.survey
---@param more? orrery.Tensor[]  other labels of its images, [n] of 0 and 1 each
---@return number z
---@return number w  1: all of them are known
function measuring.separability(survey, more)
  local labels = {}
  for i = 1, survey.values:size(2) do
    labels[i] = attributes.above(survey.values:select(2, i))
  end
  for _, label in ipairs(more or {}) do labels[#labels + 1] = label end
  local y, plain = orrery.stack(labels, 2), { resamples = 0 }
  return orrery.metrics.separability(survey.z, y, plain).value,
    orrery.metrics.separability(survey.w, y, plain).value
end

--- What noise makes of the attributes: their variance over draws of noise, over
--- the variance that styles make.
---@param G orrery.style.Generator
---@param ws orrery.Tensor  [N, layers, style_dim]
---@param given? { draws?: integer, generator?: orrery.Generator }  20
---@return orrery.Tensor shares  float64 [4]: see style.read_attributes
function measuring.noise_on_attributes(G, ws, given)
  local who = "style.noise_on_attributes"
  local o = options.take(who, given, { draws = 20 }, { "generator" })
  local values = {}
  for i = 1, options.count(who, "draws", o.draws, 2) do
    values[i] = orrery.no_grad(function()
      return attributes.read_attributes(shown(G:synthesize(ws,
        G:noise(ws:size(1), o.generator))))
    end)
  end
  local x = orrery.stack(values, 1)
  return x:var(1):mean(1) / x:mean(1):var(1)
end

-- How far all attributes moved, in their own deviations, and the most that
-- another moved, as part of the edited one's.
local function change(values, sd, which)
  local moved, most = ((values[#values] - values[1]) / sd):mean(1), 0
  for i = 1, moved:size(1) do
    if i ~= which then most = math.max(most, math.abs(moved[i]:item())) end
  end
  local own = moved[which]:item()
  return own, most / math.abs(own)
end

--- What an edit along a direction does: images moved by -2 to 2 deviations that
--- codes have along it, in nine steps.
---@param G orrery.style.Generator
---@param survey table  of style.survey
---@param direction orrery.Tensor  [style_dim]
---@param which integer  of the attributes
---@param n? integer  of the survey's images, the first 64
---@return { amounts: number[], images: orrery.Tensor[], follows: number,
---  edited: number, others: number }  amounts, images: of the nine; follows:
---  rank correlation of amount and attribute; edited: how far the attribute
---  moved from end to end, in deviations; others: the most that another did, as
---  part of that
function measuring.edit(G, survey, direction, which, n)
  options.count("style.edit", "which", which)
  n = math.min(n or 64, survey.w:size(1))
  local w = survey.w:narrow(1, 1, n)
  local unit = survey.w:matmul(direction):std():item()
  local out, values, own = { amounts = {}, images = {} }, {}, {}
  for i = 1, 9 do
    out.amounts[i] = (i - 5) / 2 * unit
    out.images[i] = orrery.no_grad(function()
      return shown(G:synthesize(w + direction * out.amounts[i], false))
    end)
    values[i] = attributes.read_attributes(out.images[i])
    own[i] = values[i]:select(2, which)
  end
  out.follows = attributes.follows(orrery.stack(own, 2))
  out.edited, out.others = change(values, survey.values:std(1), which)
  return out
end

--- Directions of all attributes in W, each also made orthogonal to the others'.
---@param survey table  of style.survey
---@return { plain: orrery.Tensor[], alone: orrery.Tensor[], accuracy:
---  number[] }
function measuring.directions(survey)
  local out = { plain = {}, alone = {}, accuracy = {} }
  local count = survey.values:size(2)
  local function label(i)
    return attributes.above(survey.values:select(2, i))
  end
  for i = 1, count do
    out.plain[i], out.accuracy[i] = editing.direction(survey.w, label(i))
  end
  for i = 1, count do
    local others = { table.unpack(out.plain) }
    table.remove(others, i)
    out.alone[i] = editing.direction(survey.w, label(i),
      { against = others })
  end
  return out
end

return measuring
