--- How close images are, and how sharp.
local orrery = require "orrery"
local blame = require "orrery.blame"
local checks = require "orrery.metrics.checks"
local options = require "orrery.options"
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

--- Structural similarity (Wang et al. 2004): the mean over windows that lie
--- whole in the image, channels and images; 1 for equal images.
---@param x orrery.Tensor  [N, C, H, W], H and W from 11
---@param y orrery.Tensor  the same shape
---@param given? { range?: number }  of the values, 1
---@return number
function images.ssim(x, y, given)
  local o = options.take("ssim", given, { range = 1 })
  checks.images("ssim", x, y)
  local n, c, h, w = x:size()
  if h < 11 or w < 11 then
    blame("ssim: x is %s; the window needs 11 by 11 pixels", x:shape_str())
  end
  local kernel = window()
  local function local_mean(v) return F.conv2d(v, kernel) end
  local a = x:detach():to "float64":reshape(n * c, 1, h, w)
  local b = y:detach():to "float64":reshape(n * c, 1, h, w)
  local ma, mb = local_mean(a), local_mean(b)
  local va = local_mean(a ^ 2) - ma ^ 2
  local vb = local_mean(b ^ 2) - mb ^ 2
  local cov = local_mean(a * b) - ma * mb
  local c1, c2 = (0.01 * o.range) ^ 2, (0.03 * o.range) ^ 2
  local map = (ma * mb * 2 + c1) * (cov * 2 + c2)
    / ((ma ^ 2 + mb ^ 2 + c1) * (va + vb + c2))
  return map:mean():item()
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
  checks.images("sharpness", x)
  local own = laplacian_variance(x)
  if not real then return own end
  checks.images("sharpness", real)
  return own / laplacian_variance(real)
end

return images
