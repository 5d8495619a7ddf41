--- Windows as columns, and pools by the size wanted, against plain loops.
local orrery, t = require "orrery", require "orrery.testing"
local nn = orrery.nn
local F = nn.functional

local function rand(...)
  return orrery.rand({ ... }, { low = -2, high = 2, dtype = "float64",
    generator = orrery.Generator(11) })
end

t.test("unfold makes the matrix that turns conv2d into matmul", function()
  local x, w = rand(2, 3, 6, 5), rand(4, 3, 3, 2)
  local window = { dilation = { 1, 2 }, padding = { 2, 1 }, stride = { 2, 1 } }
  local columns = F.unfold(x, { kernel_size = { 3, 2 },
    dilation = window.dilation, padding = window.padding,
    stride = window.stride })
  local y = F.conv2d(x, w, window)
  t.near(w:reshape { 4, -1 }:matmul(columns), y:reshape { 2, 4, -1 }, 1e-12)
end)

t.test("unfold moves infinities without spreading them", function()
  local x = orrery.zeros({ 1, 1, 2, 2 }, { dtype = "float64" })
  x[1][1][1][1] = math.huge
  t.equal(F.unfold(x, 1):flatten():tolist(), { math.huge, 0, 0, 0 })
end)

t.test("fold is the transpose of unfold", function()
  local window = { kernel_size = { 2, 3 }, padding = 1, stride = { 2, 1 } }
  local x = rand(2, 3, 5, 4)
  local columns = F.unfold(x, window)
  local y = rand(columns:shape())
  window.output_size = { 5, 4 }
  t.near((columns * y):sum(), (x * F.fold(y, window)):sum(), 1e-12)
end)

t.test("adaptive pools share the input out as PyTorch documents", function()
  local x = rand(2, 3, 7, 5)
  for _, size in ipairs { { 3, 2 }, { 7, 1 }, { 9, 5 }, { 1, 1 } } do
    local mean, max = F.adaptive_avg_pool2d(x, size),
      F.adaptive_max_pool2d(x, size)
    for i = 1, size[1] do
      for j = 1, size[2] do
        local top, left = (i - 1) * 7 // size[1], (j - 1) * 5 // size[2]
        local bottom = (i * 7 + size[1] - 1) // size[1]
        local right = (j * 5 + size[2] - 1) // size[2]
        local box = x[{ {}, {}, { top + 1, bottom }, { left + 1, right } }]
        t.near(mean[{ {}, {}, i, j }], box:mean { axis = { 3, 4 } }, 1e-12)
        t.equal(max[{ {}, {}, i, j }], box:amax { axis = { 3, 4 } })
      end
    end
  end
end)

t.test("of equal maxima the first in row-major order gets the gradient",
  function()
    local x = orrery.ones({ 1, 1, 3, 3 }):requires_grad_()
    F.adaptive_max_pool2d(x, 1):sum():backward()
    t.equal(x.grad:flatten():tolist(), { 1, 0, 0, 0, 0, 0, 0, 0, 0 })
  end)

t.test("adaptive pools and windows are layers", function()
  local x = rand(2, 3, 6, 5)
  t.equal({ nn.AdaptiveAvgPool2d(1)(x):shape() }, { 2, 3, 1, 1 })
  t.equal({ nn.AdaptiveMaxPool2d { 2, 3 }(x):shape() }, { 2, 3, 2, 3 })
  t.equal({ nn.AdaptiveAvgPool1d(2)(x[1]):shape() }, { 3, 6, 2 })
  t.equal({ nn.AdaptiveMaxPool1d(2)(x[1]):shape() }, { 3, 6, 2 })
  local columns = nn.Unfold(2, { stride = 2 })(x)
  t.equal({ columns:shape() }, { 2, 12, 6 })
  local y = nn.Fold({ 6, 5 }, 2, { stride = 2 })(columns)
  t.near(y[{ {}, {}, {}, { 1, 4 } }], x[{ {}, {}, {}, { 1, 4 } }], 0)
end)
