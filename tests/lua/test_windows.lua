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

t.test("layers take an example alone as a batch of one", function()
  local image, row = orrery.randn(2, 4, 5), orrery.randn(2, 6)
  local on_images = { nn.Conv2d(2, 3, 2), nn.Conv2d(2, 3, 2,
    { padding = "same" }), nn.Conv2d(2, 3, 3, { padding = 1,
    padding_mode = "reflect" }), nn.ConvTranspose2d(2, 3, 2),
    nn.ConvTranspose2d(2, 3, 2, { padding = "same" }), nn.MaxPool2d(2),
    nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(2), nn.AdaptiveMaxPool2d(3),
    nn.LPPool2d(2, 2), nn.InstanceNorm2d(2, { affine = true }),
    nn.InstanceNorm2d(2, { track_running_stats = true }):eval(), nn.Unfold(2),
    nn.ReflectionPad2d(1), nn.ReplicationPad2d(1), nn.CircularPad2d(1),
    nn.ZeroPad2d(1) }
  local on_rows = { nn.Conv1d(2, 3, 2), nn.ConvTranspose1d(2, 3, 2),
    nn.MaxPool1d(2), nn.AvgPool1d(2), nn.AdaptiveAvgPool1d(2),
    nn.AdaptiveMaxPool1d(3), nn.LPPool1d(2, 2), nn.InstanceNorm1d(2),
    nn.ReflectionPad1d(1), nn.ConstantPad1d(1, 2), nn.Dropout1d():eval() }
  for x, layers in pairs { [image] = on_images, [row] = on_rows } do
    for _, layer in ipairs(layers) do
      t.equal(layer(x), layer(x:unsqueeze(1)):squeeze(1))
    end
  end
  local y, at = nn.MaxPool1d(2, { return_indices = true })(row)
  local batch, places = nn.MaxPool1d(2, { return_indices = true })(
    row:unsqueeze(1))
  t.equal(y, batch:squeeze(1))
  t.equal(at, places:squeeze(1))
  t.equal(nn.MaxUnpool1d(2)(y, at):unsqueeze(1), nn.MaxUnpool1d(2)(batch,
    places))
end)

t.test("an example alone fails cleanly when memory is short", function()
  local image, weight = orrery.ones(2, 4, 4), orrery.ones(3, 2, 3, 3)
  local before = orrery.live()
  for n = 1, 12 do
    orrery.fail_after(n)
    pcall(F.max_pool2d_with_indices, image, 2)
    pcall(F.conv2d, image, weight)
    orrery.fail_after(0)
  end
  collectgarbage()
  collectgarbage()
  t.ok(orrery.live() <= before, "no tensor is left over")
  t.equal({ F.conv2d(image, weight):shape() }, { 3, 2, 2 })
end)

t.test("adaptive max pools say where the maxima are; unpooling uses it",
  function()
    local x = rand(2, 3, 4, 6) + 3
    local y, at = nn.AdaptiveMaxPool2d({ 2, 3 },
      { return_indices = true })(x)
    t.equal(y, F.adaptive_max_pool2d(x, { 2, 3 }))
    t.equal(x:flatten(3):gather(3, at:flatten(3)):reshape { y:shape() }, y)
    local back = F.max_unpool2d(y, at, 2)
    t.equal(back, orrery.where(back:ne(0), x, 0))
    -- Of equal elements the first in row-major order.
    local _, first = F.adaptive_max_pool2d(orrery.ones(1, 1, 3, 3), 1,
      { return_indices = true })
    t.equal(first:item(), 1)
    local values, places = F.adaptive_max_pool1d(x[1], 5,
      { return_indices = true }) -- windows that overlap
    t.equal(x[1]:gather(3, places), values)
  end)
