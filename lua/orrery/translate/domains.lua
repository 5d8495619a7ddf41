--- Batches of two collections without pairs, and a small net that tells one
--- from the other.
local orrery = require "orrery"
local nn = require "orrery.nn"
local optim = require "orrery.optim"
local blame = require "orrery.blame"
local options = require "orrery.options"

local domains = {}

---@class orrery.translate.Unpaired
---@operator call: (orrery.Tensor, orrery.Tensor)
local Unpaired = {}
Unpaired.__index = Unpaired

local function next_of(name, batches)
  local x = batches()
  if x == nil then x = batches() end
  if x == nil then
    blame("translate.unpaired: %s has fewer images than a batch takes; lower "
      .. "the batch, or give more", name)
  end
  return x
end

function Unpaired:__call()
  return next_of("a", self.a), next_of("b", self.b)
end

function Unpaired:state()
  return { a = self.a:state(), b = self.b:state() }
end

function Unpaired:set_state(state)
  self.a:set_state(state.a)
  self.b:set_state(state.b)
end

--- Batches a, b, each loader gone round at its own pace, for log:steps.
---@param a orrery.data.Loader  e.g. set:batches(8, { shuffle = true,
---  drop_last = true })
---@param b orrery.data.Loader
---@return orrery.translate.Unpaired
function domains.unpaired(a, b)
  options.callable("translate.unpaired", "a", a)
  options.callable("translate.unpaired", "b", b)
  return setmetatable({ a = a, b = b }, Unpaired)
end

--- Trains a small net to tell images of B from images of A, always alike for
--- the same images. It says to which domain a translation belongs and nothing
--- of what is in it: wrong colours pass.
---@param a orrery.Tensor  [N, C, H, W]
---@param b orrery.Tensor  [M, C, H, W]
---@param given? { steps?: integer, batch?: integer, channels?: integer,
---  seed?: integer }  200, 64, 16, 1
---@return fun(x: orrery.Tensor): number share  of x [K, C, H, W] taken for B
function domains.domain_classifier(a, b, given)
  local who = "translate.domain_classifier"
  options.tensor(who, "a", a, "float")
  options.tensor(who, "b", b, "float")
  local o = options.take(who, given, { steps = 200, batch = 64,
    channels = 16, seed = 1 })
  local from, c = orrery.Generator(o.seed), o.channels
  local function conv(i, k)
    return nn.Conv2d(i, k, 4, { stride = 2, padding = 1, generator = from })
  end
  local net = nn.Sequential { conv(a:size(2), c), nn.ReLU(), conv(c, 2 * c),
    nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
    nn.Linear(8 * c, 1, { generator = from }) }
  local opt = optim.Adam(net, { lr = 3e-3 })
  local step = orrery.compile(function(x, y)
    return opt:minimize((-net(x)):softplus():mean() + net(y):softplus():mean())
  end)
  local function some(x)
    return x:index_select(1, orrery.randint(1, x:size(1), o.batch,
      { generator = from }))
  end
  for _ = 1, o.steps do
    orrery.tidy(function() step(some(b), some(a)) end)
  end
  return function(x)
    return orrery.no_grad(function()
      return net(x):gt(0):double():mean():item()
    end)
  end
end

return domains
