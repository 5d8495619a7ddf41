--- Learned linear maps of features, or of an image's channels at each pixel
--- (Kingma & Dhariwal 2018, section 3.2): a permutation that can be learned.
local orrery = require "orrery"
local Bijector = require "orrery.flow.bijector"
local blame = require "orrery.blame"
local options = require "orrery.options"

--- z = W x. With `lu`, W = P L (U + diag(sign exp(s))), where the permutation P
--- and the signs stay as they began, L has ones on its diagonal and U zeros:
--- the log-determinant is a sum, and never minus infinity. Without, W is as it
--- is, and its determinant a factorisation each time.
---@class orrery.flow.Linear: orrery.flow.Bijector
---@field features integer
---@field lu boolean
local Linear = Bijector:subclass "Linear"

-- [D, D] to begin with.
local function beginning(who, kind, n, dtype, generator)
  local like = { dtype = dtype }
  if kind == "identity" then return orrery.eye(n, like) end
  if kind == "permutation" then
    local keys = orrery.rand({ n }, { generator = generator })
    return orrery.eye(n, like):index_select(1, keys:argsort())
  end
  if kind ~= "rotation" then
    blame("%s: start is %s; give rotation, permutation or identity", who,
      options.shown(kind))
  end
  local q = orrery.randn({ n, n }, { generator = generator,
    dtype = "float64" }):qr()
  return q:to(dtype)
end

---@param features integer  or channels
---@param opts? table  lu = true; start = "rotation" (a random one),
---  "permutation" or "identity"; dtype; generator
function Linear:init(features, opts)
  local who = "flow." .. self.class_name
  local o = options.take(who, opts, { lu = true, start = "rotation",
    dtype = "float32" }, { "generator" })
  local n = options.count(who, "features", features)
  self.features, self.lu = n, options.flag(who, "lu", o.lu)
  local w = beginning(who, o.start, n, o.dtype, o.generator)
  if not o.lu then
    self.weight = w:requires_grad_()
    return
  end
  local p, l, u = w:lu()
  local d = u:diagonal()
  self:register_buffer("permutation", p:contiguous())
  self:register_buffer("sign", d:sign())
  self.lower = l:tril(-1):requires_grad_()
  self.upper = u:triu(1):requires_grad_()
  self.log_scale = d:abs():log():requires_grad_()
end

-- L and U of the LU form.
local function factors(self)
  local one = orrery.eye(self.features, { dtype = self.lower.dtype })
  return self.lower:tril(-1) + one,
    self.upper:triu(1) + (self.sign * self.log_scale:exp()):diag()
end

--- W.
---@return orrery.Tensor  [D, D]
function Linear:matrix()
  if not self.lu then return self.weight end
  local l, u = factors(self)
  return self.permutation:matmul(l):matmul(u)
end

--- W's inverse; in the LU form by two triangular solutions.
---@return orrery.Tensor  [D, D]
function Linear:inverse_matrix()
  if not self.lu then return self.weight:inverse() end
  local l, u = factors(self)
  local half = orrery.solve_triangular(l, self.permutation:transpose(1, 2),
    false, { unitriangular = true })
  return orrery.solve_triangular(u, half, true)
end

--- log |det W|.
---@return orrery.Tensor nats
function Linear:log_det()
  if self.lu then return self.log_scale:sum() end
  return (select(2, self.weight:slogdet()))
end

-- Each pixel's channels times a matrix.
local function product(w, x)
  if x:dim() == 2 then return x:matmul(w:transpose(1, 2)) end
  return w:matmul(x:flatten(3)):reshape(x:shape())
end

---@param x orrery.Tensor  [B, D] or [B, D, H, W]
---@return orrery.Tensor z  like x
---@return orrery.Tensor logdet  [B], nats
function Linear:forward(x)
  self:want_channels("x", x, self.features)
  return product(self:matrix(), x),
    (self:log_det() * Bijector.places(x)):expand { x:size(1) }
end

---@param z orrery.Tensor  [B, D] or [B, D, H, W]
---@return orrery.Tensor x  like z
---@return orrery.Tensor logdet  [B], nats
function Linear:inverse(z)
  self:want_channels("z", z, self.features)
  return product(self:inverse_matrix(), z),
    (self:log_det() * -Bijector.places(z)):expand { z:size(1) }
end

function Linear:extra_repr()
  return ("%d%s"):format(self.features, self.lu and ", lu" or "")
end

--- flow.Linear of the channels of images: Glow's invertible 1x1 convolution.
---@class orrery.flow.Conv1x1: orrery.flow.Linear
local Conv1x1 = Linear:subclass "Conv1x1"

---@param channels integer
---@param opts? table  as flow.Linear takes
function Conv1x1:init(channels, opts) Linear.init(self, channels, opts) end

---@param x orrery.Tensor  [B, C, H, W]
---@return orrery.Tensor z  like x
---@return orrery.Tensor logdet  [B], nats
function Conv1x1:forward(x)
  self:want_images("x", x, self.features)
  return Linear.forward(self, x)
end

---@param z orrery.Tensor  [B, C, H, W]
---@return orrery.Tensor x  like z
---@return orrery.Tensor logdet  [B], nats
function Conv1x1:inverse(z)
  self:want_images("z", z, self.features)
  return Linear.inverse(self, z)
end

return { Linear = Linear, Conv1x1 = Conv1x1 }
