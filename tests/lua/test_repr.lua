--- A layer prints as the call that makes one like it.
local orrery, t = require "orrery", require "orrery.testing"
local nn = orrery.nn

local calls = {
  "Linear(3, 2)", "Linear(3, 2, { bias = false })", "Bilinear(2, 3, 4)",
  "Conv2d(1, 2, 3)", "Conv1d(2, 4, 3, { stride = 2, padding = 1 })",
  'Conv2d(2, 4, { 3, 5 }, { stride = { 2, 1 }, padding = "same", '
    .. 'padding_mode = "reflect", dilation = 2, groups = 2, bias = false })',
  "ConvTranspose2d(1, 2, 4, { stride = 2, padding = 1 })",
  "ConvTranspose1d(1, 2, 3, { stride = 2, output_padding = 1 })",
  "BatchNorm2d(3)", "BatchNorm1d(3, { eps = 0.001, momentum = 0.2, "
    .. "affine = false, track_running_stats = false })",
  "InstanceNorm2d(3, { affine = true })", "InstanceNorm1d(3)",
  "LayerNorm(3)", "LayerNorm({ 3, 4 }, { elementwise_affine = false })",
  "LayerNorm(3, { bias = false })", "GroupNorm(2, 4, { affine = false })",
  "MaxPool2d(2)", "MaxPool2d({ 2, 3 }, { stride = 2, padding = { 0, 1 }, "
    .. "ceil_mode = true, dilation = 2 })",
  "AvgPool2d(2, { count_include_pad = false })", "AvgPool1d(3, { stride = 1 })",
  "AdaptiveAvgPool2d(1)", "AdaptiveMaxPool2d({ 2, 3 })",
  "Unfold(2, { stride = 2 })", "Fold(4, 2, { stride = 2 })",
  "Upsample({ scale_factor = 2 })", "PixelShuffle(2)",
  'Upsample({ size = { 2, 3 }, mode = "bilinear", align_corners = true })',
  "ReflectionPad2d({ 1, 2, 3, 4 })", "ConstantPad1d({ 1, 2 }, 0.5)",
  "Embedding(5, 3)", "Embedding(5, 3, { padding_idx = 2 })",
  "LeakyReLU(0.2)", "Softmax(-1)", "ELU(0.3)", "Hardtanh(-2, 2)", "GELU()",
  'GELU({ approximate = "tanh" })', "Dropout(0.3)", "Flatten(2, -1)",
  "Unflatten(2, { 3, 4 })", "MaskedLinear(3, 2)", "MinibatchStdDev(2)",
  'BCELoss({ reduction = "sum" })', "CosineSimilarity({ axis = 1 })",
  "CrossEntropyLoss({ ignore_index = 2, label_smoothing = 0.1 })",
}

for _, call in ipairs(calls) do
  t.test(call .. " prints as it is written", function()
    local layer = assert(load("return nn." .. call, "call", "t",
      { nn = nn }))()
    t.equal(tostring(layer), call)
  end)
end

t.test("GELU's approximation reaches the function", function()
  local x = orrery.tensor({ 1, -2 }, { dtype = "float64" })
  local function approximate(v)
    return 0.5 * v * (1 + (function(u)
      return (math.exp(2 * u) - 1) / (math.exp(2 * u) + 1)
    end)(math.sqrt(2 / math.pi) * (v + 0.044715 * v ^ 3)))
  end
  t.near(nn.GELU { approximate = "tanh" }(x),
    { approximate(1), approximate(-2) }, 1e-12)
end)

t.test("a pool's options reach the pool", function()
  local x = orrery.tensor { { { 1, 5, 2, 4, 3 } } }
  t.near(nn.MaxPool1d(2, { stride = 1, dilation = 2 })(x), { { { 2, 5, 3 } } })
  t.near(nn.MaxPool1d(2, { ceil_mode = true })(x), { { { 5, 4, 3 } } })
  t.near(nn.AvgPool1d(2, { padding = 1, count_include_pad = false })(x),
    { { { 1, 3.5, 3.5 } } })
  t.fails("maxpool1d: ceil_mode is 1; give true or false", nn.MaxPool1d, 2,
    { ceil_mode = 1 })
end)
