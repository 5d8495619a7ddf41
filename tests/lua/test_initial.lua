--- Initial weights that are maps: identity, orthogonal, sparse, truncated.
local orrery, t = require "orrery", require "orrery.testing"
local nn = orrery.nn
local init = nn.init

local function gram(w)
  local rows = w:size(1)
  local m = w:detach():reshape { rows, w:numel() // rows }
  if rows > m:size(2) then m = m:transpose(1, 2) end
  return m:matmul(m:transpose(1, 2))
end

for _, shape in ipairs { { 4, 4 }, { 3, 7 }, { 7, 3 }, { 6, 2, 3, 3 },
  { 40, 2, 3, 3 }, { 1, 5 } } do
  local text = table.concat(shape, ", ")
  t.test("orthogonal_ of [" .. text .. "] has orthonormal rows or columns",
    function()
      local w = orrery.zeros(shape, { dtype = "float64" })
      t.equal(init.orthogonal_(w, 1.5), w)
      local n = gram(w):size(1)
      t.near(gram(w), orrery.eye(n, n, { dtype = "float64" }) * 2.25, 1e-12)
    end)
end

t.test("orthogonal_ favours no sign: the trace has mean 0 and variance 1",
  function()
    -- The trace of an orthogonal 3 x 3 matrix drawn uniformly has mean 0 and
    -- variance 1, its fourth moment is 3 (Diaconis & Shahshahani 1994), so
    -- over n draws the errors are 1 / sqrt(n) and sqrt(2 / n).
    local g, n, sum, square = orrery.Generator(5), 2000, 0, 0
    local w = orrery.zeros { 3, 3 }
    for _ = 1, n do
      local trace = init.orthogonal_(w, 1, { generator = g }):trace():item()
      sum, square = sum + trace, square + trace ^ 2
    end
    t.ok(math.abs(sum / n) < 4 / math.sqrt(n))
    t.ok(math.abs(square / n - 1) < 4 * math.sqrt(2 / n))
  end)

t.test("dirac_ makes a convolution the identity", function()
  local x2 = orrery.rand { 2, 4, 5, 6 }
  local conv = nn.Conv2d(4, 4, 3, { padding = 1, bias = false })
  init.dirac_(conv.weight)
  t.equal(conv(x2):detach(), x2)
  local grouped = nn.Conv2d(4, 4, 5, { padding = 2, groups = 2,
    bias = false })
  init.dirac_(grouped.weight, 2)
  t.equal(grouped(x2):detach(), x2)
  local x1 = orrery.rand { 2, 3, 7 }
  local conv1 = nn.Conv1d(3, 5, 3, { padding = 1, bias = false })
  init.dirac_(conv1.weight)
  local y = conv1(x1):detach()
  t.equal(y:narrow(2, 1, 3):contiguous(), x1)
  t.equal(y:narrow(2, 4, 2):abs():sum():item(), 0)
end)

t.test("sparse_ zeroes the same share of every column", function()
  local w = orrery.zeros { 50, 40 }
  init.sparse_(w, 0.11, 0.5, { generator = orrery.Generator(1) })
  t.equal(w:eq(0):sum(1):tolist(), orrery.full({ 40 }, 6,
    { dtype = "int64" }):tolist())
  -- 44 * 40 normal numbers of variance 1/4.
  local n = 44 * 40
  t.ok(math.abs(w:square():sum():item() / n * 4 - 1) < 5 * math.sqrt(2 / n))
  -- Which rows are hit changes from column to column.
  t.ok(w:eq(0):sum(2):amax():item() < 40)
  t.equal(init.sparse_(w, 1), orrery.zeros { 50, 40 })
  t.ok(init.sparse_(w, 0):ne(0):all():item() == 1)
end)

t.test("trunc_normal_ has the variance of a cut normal law", function()
  local w = orrery.zeros { 200, 200 }
  init.trunc_normal_(w, { generator = orrery.Generator(9) })
  t.ok(w:abs():amax():item() <= 2)
  -- On [-2, 2]: 1 - 4 phi(2) / (2 Phi(2) - 1).
  local phi = math.exp(-2) / math.sqrt(2 * math.pi)
  local want = 1 - 4 * phi / 0.9544997361036416
  t.near(w:square():mean(), want, 0.02)
  init.trunc_normal_(w, { mean = 1, std = 2, a = 1, b = 5,
    generator = orrery.Generator(9) })
  t.ok(w:amin():item() >= 1 and w:amax():item() <= 5)
  -- Half of that law, scaled: mean 1 + 2 * 2 (phi(0) - phi(2)) / (...).
  t.near(w:mean(), 1 + 4 * (1 / math.sqrt(2 * math.pi) - phi)
    / 0.9544997361036416, 0.02)
end)

t.test("weights of a model are set by apply", function()
  local net = nn.Sequential { nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(),
    nn.Linear(8, 2) }
  net:apply(function(m)
    if m.weight then
      init.orthogonal_(m.weight, init.calculate_gain "relu")
      init.zeros_(m.bias)
    end
  end)
  t.near(gram(net[4].weight), { { 2, 0 }, { 0, 2 } }, 1e-5)
  t.ok(net[1].weight.requires_grad)
end)

t.test("wrong tensors are named", function()
  t.fails("orthogonal_: tensor is [3]; give at least two axes, as a weight has",
    init.orthogonal_, orrery.zeros { 3 })
  t.fails("dirac_: tensor is [2, 2]; give a convolution's weight, 3 to 5 axes",
    init.dirac_, orrery.zeros { 2, 2 })
  t.fails("dirac_: 3 output channels do not split into 2 groups; change groups",
    init.dirac_, orrery.zeros { 3, 2, 1 }, 2)
  t.fails("sparse_: sparsity is 2; give a share, 0 to 1", init.sparse_,
    orrery.zeros { 2, 2 }, 2)
  t.fails("sparse_: tensor is [2]; give a matrix", init.sparse_,
    orrery.zeros { 2 }, 0.5)
end)
