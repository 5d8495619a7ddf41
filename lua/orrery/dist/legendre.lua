--- Gauss-Legendre nodes and weights on -1 .. 1: roots of the Legendre
--- polynomial of degree n, by Newton's method.

---@param n integer
---@return number[] nodes
---@return number[] weights
return function(n)
  local at, weight = {}, {}
  for i = 1, n do
    local x, slope = math.cos(math.pi * (i - 0.25) / (n + 0.5)), nil
    for _ = 1, 50 do
      local p, before = 1, 0
      for k = 1, n do
        p, before = ((2 * k - 1) * x * p - (k - 1) * before) / k, p
      end
      slope = n * (x * p - before) / (x * x - 1)
      x = x - p / slope
    end
    at[i], weight[i] = x, 2 / ((1 - x * x) * slope * slope)
  end
  return at, weight
end
