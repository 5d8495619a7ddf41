--- Three digits as the colours of one picture: a thousand classes, each as
--- likely as another when the digits are (Che et al. 2017; Metz et al. 2017).
local orrery = require "orrery"
local Law = require "orrery.data.known.law"
local blame = require "orrery.blame"
local options = require "orrery.options"

---@class orrery.data.StackedDigits: orrery.data.Law
---@field images orrery.Tensor  uint8 [N, H, W]
---@field labels orrery.Tensor  int64 [N], from 1
local Stacked = Law.subclass "stacked_digits"

-- Three picks at a time; the class of hundreds, tens and units, from 1.
function Stacked:draw(n, o)
  local count = self.images:size(1)
  local pick = orrery.randint(1, count, 3 * n, { generator = o.generator })
  local x = self.images:index_select(1, pick):to(o.dtype) / 255
  local label = self.labels:index_select(1, pick):reshape(n, 3) - 1
  local place = orrery.tensor({ 100, 10, 1 }, { dtype = "int64" })
  return x:reshape(n, 3, x:size(2), x:size(3)), (label * place):sum(2) + 1
end

--- The log-probability of a picture: of its three digits, of how many of the
--- set each is; -infinity for what cannot be.
---@param x orrery.Tensor  [N, 3, H, W], 0 to 1
---@return orrery.Tensor nats  float64 [N]
function Stacked:log_prob(x)
  options.tensor("stacked_digits:log_prob", "x", x, "float")
  local _, h, w = self.images:shape()
  if x:dim() ~= 4 or x:size(2) ~= 3 or x:size(3) ~= h or x:size(4) ~= w then
    blame("stacked_digits:log_prob: x is %s; give [N, 3, %d, %d]",
      x:shape_str(), h, w)
  end
  local own = self.images:flatten(2):float()
  local squares = (own * own):sum(2):unsqueeze(1)
  local digits = (x * 255):round():reshape(-1, h * w):float()
  local off = (digits * digits):sum(2):unsqueeze(2) + squares
    - digits:matmul(own:transpose(1, 2)) * 2
  local same = off:abs():lt(0.5):double():sum(2):reshape(-1, 3)
  return (same / self.images:size(1)):log():sum(2)
end

--- Of the pictures: log N^3 when no two of the N digits are the same.
---@return number nats
function Stacked:entropy() return 3 * math.log(self.images:size(1)) end

--- Of the thousand classes.
---@return number nats
function Stacked:class_entropy()
  local share = self.labels:bincount { minlength = 10 }:double()
    / self.labels:size(1)
  return -3 * (share * share:clamp_min(1e-300):log()):sum():item()
end

---@param digits? orrery.data.ImageDataset  data.mnist().train
---@return orrery.data.StackedDigits
return function(digits)
  if digits == nil then
    digits = assert(require("orrery.data").mnist {}).train
  end
  if type(digits) ~= "table" or not digits.images or not digits.labels then
    blame("stacked_digits: digits are %s; give a set of images with labels, "
      .. "as data.mnist {}.train", options.shown(digits))
  end
  return setmetatable({ name = "stacked digits", images = digits.images,
    labels = digits.labels, classes = 1000,
    dim = 3 * digits.images:size(2) * digits.images:size(3) }, Stacked)
end
