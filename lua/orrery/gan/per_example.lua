--- Sizes that broadcast one number per example: [B, 1, ...] for x [B, ...].

---@param x orrery.Tensor
---@return integer[]
return function(x)
  local sizes = { x:size(1) }
  for k = 2, x:dim() do sizes[k] = 1 end
  return sizes
end
