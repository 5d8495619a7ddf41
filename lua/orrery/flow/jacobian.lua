--- Jacobians of maps of batches, by gradients: what log-determinants are
--- compared with.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

-- z of fn(x, context), where fn may be a bijector: the first thing it returns.
local function image_of(who, fn, x, context)
  local z = fn(x, context)
  if not options.is_tensor(z) or z:dim() < 1 or z:size(1) ~= x:size(1) then
    blame("%s: fn returned %s; it must return one row for each of the %d of x",
      who, options.shown(z), x:size(1))
  end
  return z:dim() == 1 and z:unsqueeze(2) or z:flatten(2)
end

--- All derivatives of each row: J[b, i, j] = d z[b, i] / d x[b, j], where rows
--- of images are counted number by number. One gradient for each number of z;
--- fn must treat rows alone, as every bijector does but a batch norm in
--- training.
---@param fn fun(x: orrery.Tensor, context?: orrery.Tensor): orrery.Tensor  a
---  function or a bijector
---@param x orrery.Tensor  [B, ...]
---@param context? orrery.Tensor  given to fn
---@return orrery.Tensor  [B, I, J]
local function jacobian(fn, x, context)
  local who = "flow.jacobian"
  options.callable(who, "fn", fn)
  options.tensor(who, "x", x, "float")
  if x:dim() < 1 then
    blame("%s: x is []; give a batch, [B, ...]", who)
  end
  local _ <close> = orrery.enable_grad()
  x = x:detach():requires_grad_()
  local z, rows = image_of(who, fn, x, context), {}
  if not z.requires_grad then
    blame("%s: what fn returned does not depend on x; compute it from x", who)
  end
  for i = 1, z:size(2) do
    local g = orrery.grad(z:narrow(2, i, 1):sum(), { x },
      { retain_graph = true })[1]
    rows[i] = g:reshape(g:size(1), -1)
  end
  return orrery.stack(rows, 2)
end

--- log |det J| of each row by the whole Jacobian: what a bijector's own
--- log-determinant must be.
---@param fn fun(x: orrery.Tensor, context?: orrery.Tensor): orrery.Tensor
---@param x orrery.Tensor  [B, ...]
---@param context? orrery.Tensor
---@return orrery.Tensor nats  [B]
local function jacobian_logdet(fn, x, context)
  local J = jacobian(fn, x, context)
  if J:size(2) ~= J:size(3) then
    blame("flow.jacobian_logdet: J of a row is [%d, %d]; only a map to as many "
      .. "numbers has a determinant", J:size(2), J:size(3))
  end
  return (select(2, J:slogdet()))
end

return { jacobian = jacobian, jacobian_logdet = jacobian_logdet }
