--- How close images are, and how sharp.
local orrery = require "orrery"
local blame = require "orrery.blame"
local checks = require "orrery.metrics.checks"
local options = require "orrery.options"
local resampled = require "orrery.metrics.resampled"
local score = require "orrery.metrics.score"
local F = require("orrery.nn").functional

local images = {}

--- Peak signal-to-noise ratio, the mean over images; infinite for equal ones.
---@param x orrery.Tensor  [N, C, H, W]
---@param y orrery.Tensor  the same shape
---@param given? { range?: number }  of the values, 1
---@return number decibels
function images.psnr(x, y, given)
  local o = options.take("psnr", given, { range = 1 })
  checks.images("psnr", x, y)
  local error2 = ((x - y):to "float64" ^ 2):flatten(2):mean(2)
  return ((error2 / o.range ^ 2):log10() * -10):mean():item()
end

-- Weights of an 11 by 11 Gaussian window of 1.5 pixels, [1, 1, 11, 11].
local function window()
  local at = orrery.range(-5, 5, { dtype = "float64" })
  local w = (at ^ 2 / (-2 * 1.5 ^ 2)):exp()
  w = w / w:sum()
  return (w:unsqueeze(2) * w:unsqueeze(1)):reshape(1, 1, 11, 11)
end

-- Maps of luminance's and of contrast and structure's agreement, for images
-- x, y [N, 1, H, W] of float64.
local function agreement(x, y, range)
  local kernel = window()
  local function local_mean(v) return F.conv2d(v, kernel) end
  local ma, mb = local_mean(x), local_mean(y)
  local va = local_mean(x ^ 2) - ma ^ 2
  local vb = local_mean(y ^ 2) - mb ^ 2
  local cov = local_mean(x * y) - ma * mb
  local c1, c2 = (0.01 * range) ^ 2, (0.03 * range) ^ 2
  return (ma * mb * 2 + c1) / (ma ^ 2 + mb ^ 2 + c1),
    (cov * 2 + c2) / (va + vb + c2)
end

-- Both as [N * C, 1, H, W] of float64; at least a window large.
local function planes(who, x, y)
  checks.images(who, x, y)
  local n, c, h, w = x:size()
  if h < 11 or w < 11 then
    blame("%s: x is %s; the window needs 11 by 11 pixels", who, x:shape_str())
  end
  return x:detach():double():reshape(n * c, 1, h, w),
    y:detach():double():reshape(n * c, 1, h, w)
end

--- Structural similarity (Wang et al. 2004): the mean over windows that lie
--- whole in the image, channels and images; 1 for equal images.
---@param x orrery.Tensor  [N, C, H, W], H and W from 11
---@param y orrery.Tensor  the same shape
---@param given? { range?: number }  of the values, 1
---@return number
function images.ssim(x, y, given)
  local o = options.take("ssim", given, { range = 1 })
  local a, b = planes("ssim", x, y)
  local luminance, contrast = agreement(a, b, o.range)
  return (luminance * contrast):mean():item()
end

-- Of the five scales, the finest first (Wang, Simoncelli & Bovik 2003).
local exponents = { 0.0448, 0.2856, 0.3001, 0.2363, 0.1333 }

-- How many of them images of this side have a whole window for.
local function scales_of(side)
  local n = 1
  while n < #exponents and side // 2 >= 11 do
    side, n = side // 2, n + 1
  end
  return n
end

-- MS-SSIM of each pair, [N].
local function multiscale(x, y, range)
  local a, b = planes("ms_ssim", x, y)
  local n, c = x:size(1), x:size(2)
  local scales = scales_of(math.min(x:size(3), x:size(4)))
  local total, product = 0, 1
  for s = 1, scales do total = total + exponents[s] end
  for s = 1, scales do
    local luminance, contrast = agreement(a, b, range)
    local map = s == scales and luminance * contrast or contrast
    product = product * map:flatten(2):mean(2):clamp { min = 0 }
      ^ (exponents[s] / total)
    if s < scales then a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2) end
  end
  return product:reshape(n, c):mean(2)
end

--- Structural similarity over several scales (Wang, Simoncelli & Bovik 2003):
--- the mean over channels and images. Five scales need sides of 176 pixels;
--- smaller images have as many as fit, with their exponents scaled to sum 1.
---@param x orrery.Tensor  [N, C, H, W], H and W from 11
---@param y orrery.Tensor  the same shape
---@param given? { range?: number }  of the values, 1
---@return number
function images.ms_ssim(x, y, given)
  local o = options.take("ms_ssim", given, { range = 1 })
  return multiscale(x, y, o.range):mean():item()
end

--- How alike generated images are: the mean MS-SSIM of random pairs, of one
--- class when labels are given (Odena, Olah & Shlens 2017). Compare it with
--- that of real images: more is less diverse, 1 is one image over and over.
---@param x orrery.Tensor  [N, C, H, W]
---@param given? { labels?: orrery.Tensor, pairs?: integer, range?: number,
---   resamples?: integer, seed?: integer, confidence?: number }  labels: int64
---  [N]; 500 pairs
---@return orrery.metrics.Score
function images.ms_ssim_diversity(x, given)
  local who = "ms_ssim_diversity"
  local o = resampled.options(who, given, { pairs = 500, range = 1 },
    { "labels" })
  checks.image(who, "x", x)
  local n, random = x:size(1), orrery.Generator(o.seed)
  local labels = o.labels and o.labels:tolist()
  if n < 2 then blame("%s: x is %s; pairs need two", who, x:shape_str()) end
  local first, second, tries = {}, {}, 0
  while #first < options.count(who, "pairs", o.pairs) do
    local two = orrery.randint(1, n, 2, { generator = random }):tolist()
    if two[1] ~= two[2]
      and not (labels and labels[two[1]] ~= labels[two[2]]) then
      first[#first + 1], second[#second + 1] = two[1], two[2]
    end
    tries = tries + 1
    if tries > 1000 * o.pairs then
      blame("%s: labels hold hardly two alike; leave them out", who)
    end
  end
  local function picked(at)
    return x:index_select(1, orrery.tensor(at, { dtype = "int64" }))
  end
  local value, low, high = resampled.mean(orrery.tidy(function()
    return multiscale(picked(first), picked(second), o.range)
  end), o, random)
  return score { metric = who, value = value, low = low, high = high, n = n,
    seed = o.seed, settings = ("pairs = %d, %s"):format(o.pairs,
      labels and "within classes" or "of all") }
end

-- Variance over pixels of the 5-point Laplacian, the mean over images.
local function laplacian_variance(x)
  local n, c, h, w = x:size()
  local kernel = orrery.tensor({ { 0, 1, 0 }, { 1, -4, 1 }, { 0, 1, 0 } },
    { dtype = "float64" }):reshape(1, 1, 3, 3)
  local edges = F.conv2d(x:detach():to "float64":reshape(n * c, 1, h, w),
    kernel)
  return edges:flatten(2):var(2, { correction = 0 }):mean():item()
end

--- Sharpness: the variance of the Laplacian's response over pixels, the mean
--- over images (Pech-Pacheco et al. 2000); with real images, over theirs: 1 is
--- as sharp as real.
---@param x orrery.Tensor  [N, C, H, W]
---@param real? orrery.Tensor  [M, C, H, W]
---@return number
function images.sharpness(x, real)
  checks.image("sharpness", "x", x)
  local own = laplacian_variance(x)
  if not real then return own end
  checks.image("sharpness", "real", real)
  return own / laplacian_variance(real)
end

return images
