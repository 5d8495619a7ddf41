--- Single operations: tiny tensors, long elementwise chains, reductions,
--- products, large matrices. Each entry: a function and how many calls of the
--- thing it makes; torch_workloads.py has the same ones. `step`: it returns
--- what it makes, so that a compiled one does all of it.
local orrery = require "orrery"

local function chain_of(x, b, one)
  return function()
    local y = x
    for _ = 1, 100 do y = y * b end
    return orrery.grad(y, x, { grad_outputs = { one } })
  end
end

local function curve(x)
  return (x * 1.3 + 0.1):sigmoid() * x:tanh() + (-x * x):exp()
end

local function products(n)
  local a, b = orrery.randn(n, n), orrery.randn(n, n)
  local calls = math.max(1, math.floor(1e8 / (2 * n ^ 3)))
  return { function() for _ = 1, calls do a:matmul(b) end end, calls }
end

local micro = {}

function micro.small()
  local a, b, one = orrery.randn(16), orrery.randn(16), orrery.ones(16)
  local leaf = a:clone():requires_grad_()
  local function many(x)
    return function() for _ = 1, 500 do local _ = x + b end end
  end
  return { ["op_small"] = { many(a), 500 },
    ["op_small taped"] = { many(leaf), 500 },
    ["op_small chain"] = { chain_of(leaf, b, one), 100, step = true } }
end

function micro.large()
  local n = 1 << 22
  local x, one = orrery.randn(n), orrery.ones(n)
  local leaf = x:clone():requires_grad_()
  local rows = orrery.randn(4096, 1024)
  return { ["ewise_big"] = { function() return curve(x) end, 1, step = true },
    ["ewise_big backward"] = { function()
      return orrery.grad(curve(leaf), leaf, { grad_outputs = { one } })
    end, 1, step = true },
    ["sum"] = { function() return rows:sum() end, 1 },
    ["softmax"] = { function() return rows:softmax(2) end, 1 } }
end

function micro.products()
  local cases = {}
  for _, n in ipairs { 128, 512, 2048 } do
    cases["sgemm " .. n] = products(n)
  end
  return cases
end

--- What FID needs (Heusel et al. 2017): covariance and matrix root, float64.
function micro.large_matrices()
  local x = orrery.randn({ 10000, 2048 }, { dtype = "float64" })
  local head = x[{ { 1, 4096 } }]
  local s = head:transpose(1, 2):matmul(head) / 4096
  return {
    ["sqrtm 2048"] = { function() return orrery.linalg.sqrtm(s) end, 1 },
    ["covariance 10000x2048"] = { function()
      local y = x - x:mean(1, { keepdim = true })
      return y:transpose(1, 2):matmul(y) / (x:size(1) - 1)
    end, 1 },
  }
end

return micro
