--- A pool of earlier images, so that a discriminator sees not only the newest
--- (Shrivastava et al. 2017; Zhu et al. 2017 keep 50).
---
---     local pool = data.ImagePool { size = 50 }
---     local shown = pool:query(fakes)          -- [B, ...]
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

---@class orrery.data.ImagePool
---@field images orrery.Tensor[]
local ImagePool = {}
ImagePool.__index = ImagePool

-- While the pool fills, the newcomer itself; then, every second time, one of
-- the pool, whose place the newcomer takes.
local function exchange(self, image)
  if self.size == 0 then return image end
  if #self.images < self.size then
    table.insert(self.images, orrery.keep(image:clone()))
    return image
  end
  local drawn = { generator = self.generator }
  if orrery.rand({ 1 }, drawn):item() < 0.5 then return image end
  local place = orrery.randint(1, self.size, 1, drawn):item()
  local old = self.images[place]
  self.images[place] = orrery.keep(image:clone())
  return old
end

--- The images, or, one by one with probability 1/2 once the pool is full, older
--- ones in their stead. No gradient passes.
---@param images orrery.Tensor  [B, ...]
---@return orrery.Tensor  [B, ...]
function ImagePool:query(images)
  options.tensor("ImagePool", "images", images)
  if images:dim() == 0 then
    blame("ImagePool: images are %s; give [B, ...]", images:shape_str())
  end
  local out = {}
  for i = 1, images:size(1) do
    out[i] = exchange(self, images[i]:detach())
  end
  return #out > 0 and orrery.stack(out, 1) or images
end

--- For checkpoints; the generator of random numbers is kept by its owner.
function ImagePool:state_dict()
  return { images = #self.images > 0 and orrery.stack(self.images, 1) or nil }
end

function ImagePool:load_state_dict(state)
  self.images = {}
  for i = 1, state.images and state.images:size(1) or 0 do
    self.images[i] = orrery.keep(state.images[i]:clone())
  end
end

--- A pool of earlier images. `pool:query(fakes)` gives what a discriminator is
--- to see: the new ones or, every second time once `size` are kept, an older
--- one for each (Shrivastava et al. 2017; Zhu et al. 2017).
---@param given? { size?: integer, generator?: orrery.Generator }  50; 0 passes
---  everything on
---@return orrery.data.ImagePool
return function(given)
  local o = options.take("ImagePool", given, { size = 50 }, { "generator" })
  options.count("ImagePool", "size", o.size, 0)
  o.images = {}
  return setmetatable(o, ImagePool)
end
