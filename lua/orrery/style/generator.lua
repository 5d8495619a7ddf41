--- The generators of StyleGAN and StyleGAN2, of any size: a mapping from codes
--- to styles, and a synthesis that styles steer layer by layer.
local orrery = require "orrery"
local nn = require "orrery.nn"
local blame = require "orrery.blame"
local Mapping = require "orrery.style.mapping"
local layers = require "orrery.style.layers"
local mixed = require "orrery.style.mixing"
local options = require "orrery.options"
local plan = require "orrery.style.plan"
local synthesis = require "orrery.style.synthesis"

---@class orrery.style.Generator: orrery.nn.Module
---@field mapping orrery.nn.Module  z [N, latent] -> w [N, style_dim]
---@field layers integer  how many take a style, two for each side
---@field sides integer[]  of the maps, the smallest first
---@field size integer  of the images made now: less than the last side while
---  it grows
---@field fade number  1; under 1 the last side is being faded in
---@field w_mean orrery.Tensor  [style_dim], a buffer: mean of styles so far
local Generator = nn.Module:subclass "StyleGenerator"

local defaults = { size = 32, colours = 1, latent = 64, style_dim = 64,
  mapping = 8, mapping_rate = 0.01, version = 1, channel_base = 512,
  channel_max = 64, mixing = 0.9, mean_decay = 0.995, styles = true,
  constant = true, noise = true, smooth = true, progressive = false,
  dtype = "float32" }

local function check(who, given)
  local o = options.take(who, given, defaults, { "start", "generator",
    "stream" })
  if o.version ~= 1 and o.version ~= 2 then
    blame("%s: version is %s; give 1 or 2", who, options.shown(o.version))
  end
  for _, name in ipairs { "colours", "latent", "style_dim", "mapping" } do
    options.count(who, name, o[name])
  end
  local function share(v) return v >= 0 and v <= 1 end
  options.number(who, "mixing", o.mixing, share, "a number in [0, 1]")
  options.number(who, "mean_decay", o.mean_decay, share, "a number in [0, 1]")
  for _, name in ipairs { "styles", "constant", "noise", "smooth",
    "progressive" } do
    options.flag(who, name, o[name])
  end
  if o.version == 2 and not (o.styles and o.constant)
    or o.version == 2 and o.progressive then
    blame("%s: version 2 has styles and a constant and does not grow; leave "
      .. "these out", who)
  end
  if not o.styles then o.style_dim, o.constant = o.latent, false end
  plan.read(who, o)
  return o
end

--- A style-based generator. Options, with the defaults of a small one; the
--- published sizes are { size = 1024, colours = 3, latent = 512, style_dim =
--- 512, channel_base = 16384 (32768 of StyleGAN2), channel_max = 512 }:
---   size = 32          of the images, start times a power of two
---   start              side of the first map, found from size: 4 to 7
---   colours = 1, latent = 64, style_dim = 64
---   version = 1        AdaIN after each layer (Karras et al. 2019); 2: styles
---                      modulate weights, pixels are summed over all sides by
---                      skips (Karras et al. 2020)
---   mapping = 8        layers of z -> w, which learn mapping_rate = 0.01 times
---                      as fast
---   channel_base = 512, channel_max = 64   a map of side s has channel_base /
---                      s channels, at most channel_max
---   mixing = 0.9       share of examples that, while training, take the style
---                      of a second code from a random layer on
---   mean_decay = 0.995 of the running mean of styles
---   styles, constant, noise, smooth = true   parts that version 1 can be
---                      without, see style.configuration
---   progressive = false   a way to pixels for each side, so that it can grow
---   stream             generator of noise and of mixing, the default one
---   dtype, generator   of the first weights
---@param given? table
function Generator:init(given)
  local o = check("style.Generator", given)
  self.version, self.latent, self.style_dim = o.version, o.latent, o.style_dim
  self.sides, self.channels = o.sides, o.channels
  self.size, self.fade, self.layers = o.size, 1, 2 * #o.sides
  self.progressive, self.mixing = o.progressive, o.mixing
  self.smooth, self.stream, self.mean_decay = o.smooth, o.stream, o.mean_decay
  self.mapping = o.styles and Mapping(o) or nn.PixelNorm()
  local c, side = o.channels[1], o.sides[1]
  local like = { dtype = o.dtype, generator = o.generator }
  if not o.constant then
    like.gain = math.sqrt(2) / 4
    self.first = layers.EqualLinear(o.style_dim, c * side * side, like)
  else
    -- Drawn, as StyleGAN2's is. StyleGAN's program begins with ones, which
    -- instance norm turns into nothing: the first layer then is all noise as
    -- soon as its strength leaves 0.
    self.constant = orrery.randn({ 1, c, side, side }, like):requires_grad_()
  end
  self.synthesis, self.heads = nn.ModuleList {}, nn.ModuleDict {}
  synthesis.build[o.version](self, o)
  self:register_buffer("w_mean", orrery.zeros({ o.style_dim },
    { dtype = o.dtype }))
end

-- What a recorded step depends on beside tensors.
function Generator:recorded_form()
  return ("%d %s %g"):format(self.size, self.fade < 1, self.mixing)
end

-- ------------------------------------------------------------------ styles

local function codes(self, z, name)
  options.tensor("style", name, z, "float")
  if z:dim() ~= 2 or z:size(2) ~= self.latent then
    self:fail("%s is %s but [N, %d] is wanted; change the codes", name,
      z:shape_str(), self.latent)
  end
  return z
end

local function track(self, w)
  orrery.no_grad(function()
    local mean = w:mean(1)
    self.w_mean:copy_(mean + (self.w_mean - mean) * self.mean_decay)
  end)
end

--- The styles of every layer for codes. Several codes are mixed: each example
--- takes them in turn, changing at layers drawn at random (Karras et al. 2019,
--- section 3.1), or where `cuts` says. psi draws the styles of the first
--- `cutoff` layers to the mean, w_mean + psi (w - w_mean): fewer oddities and
--- less variety, psi^2 of the variance.
---@param z orrery.Tensor|orrery.Tensor[]  [N, latent]
---@param given? { psi?: number, cutoff?: integer, cuts?: integer[],
---  generator?: orrery.Generator }  1, all layers; cuts: after so many layers
---  the next code's turn comes; generator: of the random layers
---@return orrery.Tensor ws  [N, layers, style_dim]
function Generator:styles(z, given)
  local o = options.take("styles", given, { psi = 1, cutoff = self.layers },
    { "cuts", "generator" })
  local list = {}
  for i, one in ipairs(options.is_tensor(z) and { z } or z) do
    list[i] = self.mapping(codes(self, one, "z"))
  end
  local n, d = list[1]:shape()
  local ws
  if #list == 1 then
    ws = list[1]:unsqueeze(2):expand { n, self.layers, d }
  elseif o.cuts then
    ws = self:spliced(list, o.cuts)
  elseif #list > self.layers then
    self:fail("%d codes for %d layers; give as many at most", #list,
      self.layers)
  else
    ws = mixed(self, list, nil, o.generator or self.stream)
  end
  return self:truncate(ws, o.psi, o.cutoff)
end

--- Styles w [N, style_dim] one after another: the first for the first cuts[1]
--- layers, then the next.
---@param list orrery.Tensor[]
---@param cuts integer[]  one less
---@return orrery.Tensor ws  [N, layers, style_dim]
function Generator:spliced(list, cuts)
  local parts, from = {}, 0
  for i, w in ipairs(list) do
    local to = cuts[i] or self.layers
    local n, d = w:shape()
    if math.type(to) ~= "integer" or to < from or to > self.layers then
      self:fail("cut %d is %s; give rising layers up to %d", i,
        options.shown(cuts[i]), self.layers)
    end
    parts[i] = w:unsqueeze(2):expand { n, to - from, d }
    from = to
  end
  return orrery.cat(parts, 2)
end

--- Styles drawn to the mean of styles.
---@param ws orrery.Tensor  [N, layers, style_dim]
---@param psi number  1 leaves them, 0 is the mean
---@param cutoff? integer  of the first so many layers only
---@return orrery.Tensor
function Generator:truncate(ws, psi, cutoff)
  options.number("truncate", "psi", psi)
  if psi == 1 then return ws end
  local n = options.count("truncate", "cutoff", cutoff or self.layers, 0)
  local near = self.w_mean + (ws - self.w_mean) * psi
  if n >= self.layers then return near end
  return orrery.cat({ near:narrow(2, 1, n),
    ws:narrow(2, n + 1, self.layers - n) }, 2)
end

-- ------------------------------------------------------------------- images

--- Noise images for all layers, for `synthesize` to take again and again.
--- Layers 2 i - 1 and 2 i of version 1 are those of the i-th side; of version
--- 2, whose first side has one layer, 2 i - 2 and 2 i - 1.
---@param n integer  1: the same for all images
---@param generator? orrery.Generator
---@return orrery.Tensor[]  [n, 1, side, side] for each layer
function Generator:noise(n, generator)
  local list, dtype = {}, self.w_mean.dtype
  for i = 1, #self.synthesis do
    local side = self.sides[(i + self.version) // 2]
    list[i] = orrery.randn({ n, 1, side, side }, { dtype = dtype,
      generator = generator })
  end
  return list
end

--- Images of styles.
---@param ws orrery.Tensor  [N, layers, style_dim]; [N, style_dim] for one
---  style of all layers
---@param noise? orrery.Tensor[]|false  for each layer, false where there is to
---  be none; false for no noise at all; drawn afresh when absent
---@return orrery.Tensor  [N, colours, size, size]
function Generator:synthesize(ws, noise)
  options.tensor("synthesize", "ws", ws, "float")
  if ws:dim() == 2 then
    ws = ws:unsqueeze(2):expand { ws:size(1), self.layers, ws:size(2) }
  end
  if ws:dim() ~= 3 or ws:size(2) ~= self.layers
    or ws:size(3) ~= self.style_dim then
    self:fail("ws are %s but [N, %d, %d] is wanted; take those of styles(z)",
      ws:shape_str(), self.layers, self.style_dim)
  end
  local function of(l)
    if type(noise) == "table" then return noise[l] end
    return noise
  end
  return synthesis.paint[self.version](self, ws, of)
end

--- Images of codes. While training, styles are mixed and their mean is kept.
---@param z orrery.Tensor  [N, latent], or a list to mix
---@param given? table  psi, cutoff, cuts: see styles; noise: see synthesize
---@return orrery.Tensor  [N, colours, size, size]
function Generator:forward(z, given)
  local o = given or {}
  if not (self.training and options.is_tensor(z)) then
    return self:synthesize(self:styles(z, { psi = o.psi or 1, cuts = o.cuts,
      cutoff = o.cutoff or self.layers }), o.noise)
  end
  local w = self.mapping(codes(self, z, "z"))
  track(self, w)
  if self.mixing == 0 then return self:synthesize(w, o.noise) end
  local other = self.mapping(orrery.randn({ z:shape() }, { dtype = z.dtype,
    generator = self.stream }))
  return self:synthesize(mixed(self, { w, other }, self.mixing,
    self.stream), o.noise)
end

--- The mean style of n codes drawn anew, put in place of the running one.
---@param n? integer  4096
---@param generator? orrery.Generator
---@return orrery.Tensor  [style_dim]
function Generator:measure_mean(n, generator)
  orrery.no_grad(function()
    local z = orrery.randn({ n or 4096, self.latent },
      { dtype = self.w_mean.dtype, generator = generator })
    self.w_mean:copy_(self.mapping(z):mean(1))
  end)
  return self.w_mean
end

return Generator
