--- A discriminator of a translation, with the parts of orrery.gan that change
--- what it sees or add to its loss.
local blame = require "orrery.blame"

--- A discriminator, its loss and its parts (gan.augment, gan.dag,
--- gan.penalty, gan.instance_noise ...), as those know a game.
---@class orrery.translate.Judge
local Judge = {}
Judge.__index = Judge

---@param net orrery.nn.Module
---@param loss orrery.gan.Loss
---@param parts? table[]
---@param stream? orrery.Generator
function Judge.new(who, net, loss, parts, stream)
  parts = parts or {}
  for i, part in ipairs(parts) do
    if type(part) ~= "table" or part.code or part.adversary or part.players
    then
      blame("%s: part %d does not change what a discriminator sees; give "
        .. "gan.augment, gan.dag, gan.naive, gan.penalty or "
        .. "gan.instance_noise", who, i)
    end
  end
  return setmetatable({ discriminator = net, loss = loss, parts = parts,
    stream = stream }, Judge)
end

--- Plain numbers of the parts for this step.
function Judge:numbers(step)
  local at = {}
  for i, part in ipairs(self.parts) do
    at[i] = part.numbers and part:numbers(self, step) or {}
  end
  return at
end

-- What parts call as in a game.
function Judge:judge(side, net)
  return (net or self.discriminator)(side.x)
end

local function seen(self, x, real, at)
  local side = { x = x, real = real }
  for i, part in ipairs(self.parts) do
    if part.see then part:see(self, side, at[i]) end
  end
  return side
end

--- The discriminator's loss, half the sum of both sides, with its parts'.
---@param real orrery.Tensor
---@param fake orrery.Tensor
---@return orrery.Tensor total
---@return orrery.Tensor loss  without what parts add
function Judge:cost(real, fake, at)
  real, fake = seen(self, real, true, at), seen(self, fake, false, at)
  local loss = self.loss.discriminator(self:judge(real), self:judge(fake))
  local total = loss
  for i, part in ipairs(self.parts) do
    if part.cost then
      total = total + part:cost(self, real, fake, at[i])
    end
  end
  return total * 0.5, loss * 0.5
end

--- What the generator is told of its images.
---@return orrery.Tensor total
---@return orrery.Tensor loss  without what parts add
function Judge:term(fake, real, at)
  local f = self:judge(seen(self, fake, false, at))
  local r = self.loss.relative and self:judge(seen(self, real, true, at))
  local loss = self.loss.generator(f, r or nil)
  local total = loss
  for i, part in ipairs(self.parts) do
    if part.term then
      total = total + part:term(self, { x = fake }, { x = real }, at[i])
    end
  end
  return total, loss
end

--- Modules trained with the discriminator, in order.
function Judge:critics()
  local list = { self.discriminator }
  for _, part in ipairs(self.parts) do
    for _, module in pairs(part.critics or {}) do list[#list + 1] = module end
  end
  return list
end

--- Lets parts do what follows an update.
function Judge:after()
  for _, part in ipairs(self.parts) do
    if part.after then part:after(self, {}) end
  end
end

return Judge
