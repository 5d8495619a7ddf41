--- Penalties on the gradient of D with respect to what it sees: pure
--- functions, differentiable again. Each takes D (a function of one batch),
--- real and fake examples of one shape, and a generator of random numbers.
---
---     local p = gan.penalties.gp(D, real, fake)       -- mean (|grad| - 1)^2
---     optD:minimize(loss + 10 * p)
local orrery = require "orrery"
local per_example = require "orrery.gan.per_example"
local penalties = {}

--- |grad_x D(x)| of each example.
---@param D fun(x: orrery.Tensor): orrery.Tensor
---@param x orrery.Tensor  [B, ...]
---@return orrery.Tensor norms  [B]
function penalties.norms(D, x)
  local at = x:detach():requires_grad_()
  local g = orrery.grad(D(at):sum(), { at }, { create_graph = true })[1]
  return g:flatten(2):norm(2, 2)
end

-- Points on the lines from fake to real, evenly spread.
local function between(real, fake, generator)
  local u = orrery.rand(per_example(real), { dtype = real.dtype,
    generator = generator })
  return orrery.lerp(fake:detach(), real:detach(), u)
end

--- Mean of (|grad| - 1)^2 between real and fake (Gulrajani et al. 2017,
--- eq. 3); WGAN-GP weighs it by 10.
---@param D fun(x: orrery.Tensor): orrery.Tensor
---@param real orrery.Tensor
---@param fake orrery.Tensor
---@param generator? orrery.Generator
---@return orrery.Tensor
function penalties.gp(D, real, fake, generator)
  return ((penalties.norms(D, between(real, fake, generator)) - 1) ^ 2):mean()
end

--- Mean of max(0, |grad| - 1)^2: slopes below 1 are free (Petzka et al. 2018,
--- eq. 8).
---@param D fun(x: orrery.Tensor): orrery.Tensor
---@param real orrery.Tensor
---@param fake orrery.Tensor
---@param generator? orrery.Generator
---@return orrery.Tensor
function penalties.lp(D, real, fake, generator)
  local slope = penalties.norms(D, between(real, fake, generator)) - 1
  return (slope:relu() ^ 2):mean()
end

--- Mean of (|grad| - 1)^2 round the real examples, moved by up to half the
--- standard deviation of the batch (Kodali et al. 2017, as in their code).
---@param D fun(x: orrery.Tensor): orrery.Tensor
---@param real orrery.Tensor
---@param _ orrery.Tensor  fake examples, not looked at
---@param generator? orrery.Generator
---@return orrery.Tensor
function penalties.dragan(D, real, _, generator)
  local x = real:detach()
  local drawn = { dtype = x.dtype, generator = generator }
  local reach = orrery.rand({ x:shape() }, drawn) * (x:std() * 0.5)
  local share = orrery.rand(per_example(x), drawn)
  return ((penalties.norms(D, x + reach * share) - 1) ^ 2):mean()
end

local function half_square(D, x)
  local at = x:detach():requires_grad_()
  local g = orrery.grad(D(at):sum(), { at }, { create_graph = true })[1]
  return (g * g):flatten(2):sum(2):mean() * 0.5
end

--- R1: half the mean of |grad|^2 at the real examples (Mescheder et al. 2018,
--- eq. 9), which is weighed by gamma.
---@param D fun(x: orrery.Tensor): orrery.Tensor
---@param real orrery.Tensor
---@return orrery.Tensor
function penalties.r1(D, real) return half_square(D, real) end

--- R2: the same at the fake examples.
---@param D fun(x: orrery.Tensor): orrery.Tensor
---@param _ orrery.Tensor  real examples, not looked at
---@param fake orrery.Tensor
---@return orrery.Tensor
function penalties.r2(D, _, fake) return half_square(D, fake) end

return penalties
