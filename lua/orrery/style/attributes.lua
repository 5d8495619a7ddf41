--- Attributes read off images, and how well codes, edits and classifiers keep
--- to them.
local orrery = require "orrery"
local options = require "orrery.options"

local attributes = {}

--- Names of the attributes, in the order of `read_attributes`.
attributes.attribute_names = { "slant", "ink", "width", "light" }

local function grey(x) return x:mean { axis = 2, keepdim = true } end

--- What can be read off a picture without learning, by the first and second
--- moments of where it is bright: slant, how far the upright is sheared, to the
--- right above; ink, the mean brightness; width, the deviation along a row, of
--- half the side; light, how far to the right the middle of brightness lies.
---@param x orrery.Tensor  [N, C, H, W], 0 to 1
---@return orrery.Tensor values  float64 [N, 4]
function attributes.read_attributes(x)
  options.tensor("style.read_attributes", "x", x, "float")
  x = grey(x):squeeze(2):double():clamp(0, 1)
  local function along(n)
    return orrery.linspace(-1, 1, n, { dtype = "float64" })
  end
  local across = along(x:size(-1)):reshape { 1, 1, -1 }
  local down = along(x:size(-2)):reshape { 1, -1, 1 }
  local mass = x:sum { axis = { 2, 3 } } + 1e-9
  local function mean(f) return (x * f):sum { axis = { 2, 3 } } / mass end
  local mx, my = mean(across), mean(down)
  local xx = mean(across * across) - mx * mx
  local yy = mean(down * down) - my * my
  local xy = mean(across * down) - mx * my
  return orrery.stack({ -xy / (yy + 1e-9), x:mean { axis = { 2, 3 } },
    xx:clamp_min(0):sqrt(), mx }, 2)
end

--- 1 where a value is above the median, else 0.
---@param v orrery.Tensor  [N]
---@return orrery.Tensor  float64 [N]
function attributes.above(v)
  return v:gt(v:median():item()):double()
end

--- A linear classifier of an attribute, learnt from images' pixels, greyed.
---@param x orrery.Tensor  [N, C, H, W]
---@param y orrery.Tensor  [N] of 0 and 1
---@param n integer  learnt from the first so many, tested on the rest
---@return fun(x: orrery.Tensor): orrery.Tensor says  float64 [N] of 0 and 1
---@return number accuracy  on the rest
function attributes.linear_classifier(x, y, n)
  local who = "style.linear_classifier"
  options.tensor(who, "x", x, "float")
  options.tensor(who, "y", y)
  options.count(who, "n", n)
  local function rows(images) return grey(images):flatten(2) end
  local w, b = orrery.metrics.hyperplanes(rows(x:narrow(1, 1, n)),
    y:narrow(1, 1, n):reshape(-1, 1))
  local function says(images)
    return (rows(images):double():matmul(w) + b):select(2, 1):gt(0):double()
  end
  local rest = x:size(1) - n
  return says, says(x:narrow(1, n + 1, rest)):eq(y:narrow(1, n + 1, rest))
    :double():mean():item()
end

--- How closely values follow what they were to follow: the mean over rows of
--- the rank correlation with rising amounts (Spearman).
---@param values orrery.Tensor  [N, K], at K rising amounts
---@return number  -1 to 1
function attributes.follows(values)
  options.tensor("style.follows", "values", values, "float")
  local k = values:size(2)
  local _, order = values:sort { axis = 2 }
  local _, ranks = order:sort { axis = 2 }
  local want = orrery.range(1, k, { dtype = "float64" }) - (k + 1) / 2
  local got = ranks:double() - (k + 1) / 2
  return ((got * want):sum(2) / (want * want):sum()):mean():item()
end

--- The squared distance of features from others, as part of that of two
--- different examples: 0 for what did not move, 1 for what became another.
---@param a orrery.Tensor  [N, D]
---@param b orrery.Tensor  [N, D], row by row what a became
---@return number
function attributes.moved(a, b)
  options.tensor("style.moved", "a", a, "float")
  options.tensor("style.moved", "b", b, "float")
  local others = (a - a:roll(1, 1)):square():sum(2):mean():item()
  return (a - b):square():sum(2):mean():item() / others
end

return attributes
