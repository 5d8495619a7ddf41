--- The small network that looks at digits and clothes for the metrics: three
--- convolutions, a layer of 48 features, 20 classes (digits 0 to 9, then the
--- ten of Fashion-MNIST). scripts/train_extractor.lua trained it.
local nn = require "orrery.nn"
local options = require "orrery.options"

---@class orrery.metrics.Classifier: orrery.nn.Module
local Classifier = nn.Module:subclass "Classifier"

local function layer(from, to, size, how)
  return nn.Conv2d(from, to, size, how), nn.BatchNorm2d(to), nn.ReLU()
end

---@param given? { classes?: integer }  20
function Classifier:init(given)
  local o = options.take("Classifier", given, { classes = 20 })
  local list = {}
  local function add(...)
    for _, part in ipairs { ... } do list[#list + 1] = part end
  end
  add(layer(1, 16, 5, { stride = 2, padding = 2 }))  -- 14 x 14
  add(layer(16, 32, 3, { padding = 1 }))
  add(nn.MaxPool2d(2))  -- 7 x 7
  add(layer(32, 48, 3, { stride = 2, padding = 1 }))  -- 4 x 4
  add(nn.Flatten(), nn.Linear(48 * 4 * 4, 48), nn.ReLU())
  self.body = nn.Sequential(list)
  self.head = nn.Linear(48,
    options.count("Classifier", "classes", o.classes))
end

--- The layer before the last: what distances are measured in.
---@param x orrery.Tensor  [N, 1, 28, 28], 0 to 1
---@return orrery.Tensor  [N, 48], 0 or more
function Classifier:features(x) return self.body(x) end

-- Where in the body the rectifiers behind its convolutions are.
local rectified = { 3, 6, 10 }

--- What each convolution sees, rectified; images of any size from 4 pixels.
---@param x orrery.Tensor  [N, 1, H, W], 0 to 1
---@return orrery.Tensor[] maps  [N, 16, H / 2, W / 2], [N, 32, H / 2, W / 2],
---  [N, 48, H / 8, W / 8] where 8 divides the sides
function Classifier:maps(x)
  local maps, last = {}, 0
  for i, at in ipairs(rectified) do
    for k = last + 1, at do x = self.body[k](x) end
    maps[i], last = x, at
  end
  return maps
end

---@param x orrery.Tensor  [N, 1, 28, 28], 0 to 1
---@return orrery.Tensor logits  [N, classes]
function Classifier:forward(x) return self.head(self.body(x)) end

return Classifier
