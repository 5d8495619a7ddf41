--- Losses of margins and pairs, dropouts of channels, pools and their way
--- back, against their formulas.
local orrery, t = require "orrery", require "orrery.testing"
local nn = orrery.nn
local o64 = { dtype = "float64" }

local function f64(values) return orrery.tensor(values, o64) end

t.test("losses of margins", function()
  local x, y = f64 { 0.3, -2, 1.5 }, f64 { 1, 1, -1 }
  local function soft(v) return math.log(1 + math.exp(-v)) end
  t.near(nn.SoftMarginLoss()(x, y), (soft(0.3) + soft(-2) + soft(-1.5)) / 3,
    1e-12)
  t.near(nn.HingeEmbeddingLoss { margin = 2 }(x, y), (0.3 - 2 + 0.5) / 3,
    1e-12)
  t.near(nn.MarginRankingLoss { margin = 0.5, reduction = "sum" }(x,
    f64 { 0, 0, 0 }, y), 0.2 + 2.5 + 2, 1e-12)
  t.near(nn.PoissonNLLLoss { reduction = "sum" }(x, f64 { 2, 0, 1 }),
    math.exp(0.3) - 0.6 + math.exp(-2) + math.exp(1.5) - 1.5, 1e-10)
  local scores = f64 { { 0.1, 0.9, 0.5 } }
  t.near(nn.MultiMarginLoss()(scores, orrery.tensor({ 2 },
    { dtype = "int64" })), ((1 - 0.8) + (1 - 0.4)) / 3, 1e-12)
  local function sig(v) return math.log(1 / (1 + math.exp(-v))) end
  t.near(nn.MultiLabelSoftMarginLoss()(scores, f64 { { 1, 0, 1 } }),
    -(sig(0.1) + sig(-0.9) + sig(0.5)) / 3, 1e-12)
  -- Labels 2 and 1 are right; 3 is not, 0 ends the list.
  t.near(nn.MultiLabelMarginLoss()(scores, orrery.tensor({ { 2, 1, 0 } },
    { dtype = "int64" })), ((1 - 0.9 + 0.5) + (1 - 0.1 + 0.5)) / 3, 1e-12)
end)

t.test("losses and distances of pairs and triplets", function()
  local a, b, c = f64 { { 0, 0 } }, f64 { { 3, 4 } }, f64 { { 0, 2 } }
  t.near(nn.PairwiseDistance { eps = 1e-12 }(a, b), { 5 }, 1e-9)
  t.near(nn.TripletMarginLoss()(a, b, c), 5 - 2 + 1, 1e-5)
  t.near(nn.TripletMarginLoss { swap = true, p = 1 }(a, c, b), 0, 1e-5)
  t.near(nn.CosineEmbeddingLoss()(b, c, f64 { 1 }), 1 - 4 / 5, 1e-9)
  t.near(nn.CosineEmbeddingLoss { margin = 0.5 }(b, c, f64 { -1 }), 0.3, 1e-9)
  local own = nn.TripletMarginWithDistanceLoss { margin = 3,
    distance_function = function(p, q)
      return (p - q):abs():amax { axis = 2 }
    end }
  t.near(own(a, b, c), 4 - 2 + 3, 1e-12)
  t.fails("tripletmarginwithdistanceloss: distance_function is 3; give a "
    .. "function", nn.TripletMarginWithDistanceLoss, { distance_function = 3 })
end)

t.test("CrossEntropyLoss takes probabilities as targets", function()
  local p, q = f64 { { 0.2, 0.3, 0.5 } }, f64 { { 0.6, 0.4, 0 } }
  t.near(nn.CrossEntropyLoss()(p:log() + 2, q),
    -0.6 * math.log(0.2) - 0.4 * math.log(0.3), 1e-12)
end)

for name, sizes in pairs { Dropout1d = { 40, 50, 6 },
  Dropout2d = { 40, 50, 2, 3 } } do
  t.test(name .. " drops whole channels and keeps the mean", function()
    local layer = nn[name](0.3, { generator = orrery.Generator(2) })
    local y = layer(orrery.ones(sizes)):reshape { 2000, 6 }
    t.near(y:amax { axis = 2 }, y:amin { axis = 2 })
    t.near(y:amax(), 1 / 0.7, 1e-5)
    -- The share kept has deviation sqrt(0.21 / 2000) = 0.0102.
    t.ok(math.abs(y:gt(0):to "float64":mean():item() - 0.7) < 5 * 0.0102)
    local x = orrery.rand(sizes)
    t.equal(layer:eval()(x), x)
    t.equal(tostring(layer), name .. "(0.3)")
  end)
end

t.test("AlphaDropout keeps mean 0 and variance 1", function()
  local g = orrery.Generator(4)
  local x = orrery.randn({ 40000 }, { generator = g, dtype = "float64" })
  for _, p in ipairs { 0.2, 0.6 } do
    local y = nn.AlphaDropout(p, { generator = g })(x)
    t.ok(math.abs(y:mean():item()) < 5 / math.sqrt(40000))
    t.near(y:var(), 1, 0.05)
  end
  local maps = nn.FeatureAlphaDropout(0.5, { generator = g })(
    orrery.zeros { 20, 10, 4 })
  t.near(maps:amax { axis = 3 }, maps:amin { axis = 3 })
  t.ok(maps:amax():item() > maps:amin():item())
end)

t.test("RReLU draws slopes in training and takes their mean in eval",
  function()
    local layer = nn.RReLU(0.1, 0.3, { generator = orrery.Generator(1) })
    local y = layer(orrery.full({ 1000 }, -1))
    t.ok(y:amax():item() <= -0.1 and y:amin():item() >= -0.3)
    t.ok(y:std():item() > 0.05)
    t.near(layer:eval()(orrery.tensor { -2, 3 }), { -0.4, 3 })
    t.near(nn.Threshold(1, 9)(orrery.tensor { 0.5, 2 }), { 9, 2 })
    t.fails("threshold: value is missing; give a number", nn.Threshold, 1)
  end)

t.test("LPPool is the norm of each window", function()
  local x = f64 { { { 3, 4, 6, 8 } } }
  t.near(nn.LPPool1d(2, 2)(x), { { { 5, 10 } } }, 1e-12)
  t.near(nn.LPPool2d(1, { 1, 2 }, { stride = 1 })(x:unsqueeze(1)),
    { { { { 7, 10, 14 } } } }, 1e-12)
  t.equal(tostring(nn.LPPool2d(1, { 1, 2 }, { stride = 1 })),
    "LPPool2d(1, { 1, 2 }, { stride = 1 })")
end)

t.test("MaxUnpool puts back what a max pool took", function()
  local x = orrery.tensor { { { { 1, 5 }, { 7, 2 }, { 0, 3 }, { 4, 1 } } } }
  local y, where = nn.functional.max_pool2d_with_indices(x, 2)
  t.near(nn.MaxUnpool2d(2)(y, where), { { { { 0, 0 }, { 7, 0 }, { 0, 0 },
    { 4, 0 } } } })
  local line = orrery.tensor { { { 1, 5, 7, 2 } } }
  local z, at = nn.functional.max_pool1d_with_indices(line, 2)
  t.near(nn.MaxUnpool1d(2)(z, at), { { { 0, 5, 7, 0 } } })
  t.fails("maxunpool2d: it is called with (y, indices), two tensors",
    nn.MaxUnpool2d(2), y)
end)

t.test("ChannelShuffle deals out, LocalResponseNorm divides", function()
  local x = orrery.tensor { { 1, 2, 3, 4 } }:view { 1, 4, 1, 1 }
  t.near(nn.ChannelShuffle(2)(x):flatten(), { 1, 3, 2, 4 })
  local y = nn.LocalResponseNorm(1, { alpha = 3, beta = 1, k = 2 })(x)
  t.near(y:flatten(), { 1 / 5, 2 / 14, 3 / 29, 4 / 50 })
  t.equal(tostring(nn.LocalResponseNorm(2, { k = 2 })),
    "LocalResponseNorm(2, { k = 2 })")
end)

t.test("the padding row of an embedding stays", function()
  local layer = nn.Embedding(3, 2, { padding_idx = 1 })
  layer(orrery.tensor({ 1, 1, 3 }, { dtype = "int64" })):sum():backward()
  t.near(layer.weight.grad, { { 0, 0 }, { 0, 0 }, { 1, 1 } })
  t.near(layer.weight:detach()[1], { 0, 0 })
  t.equal(nn.Embedding(3, 2, { padding_idx = -1 }).padding_idx, 3)
  t.fails("embedding: padding_idx is 4; use 1 to 3, or -3 to -1",
    nn.Embedding, 3, 2, { padding_idx = 4 })
end)

t.test("an embedding's rows are scaled down to max_norm when looked up",
  function()
    local rows = f64 { { 3, 4 }, { 0.6, 0 }, { 6, 8 } }
    local layer = nn.Embedding.from_pretrained(rows:clone(), { max_norm = 1 })
    local at = orrery.tensor({ { 1, 2 }, { 1, 1 } }, { dtype = "int64" })
    t.near(layer(at), { { { 0.6, 0.8 }, { 0.6, 0 } },
      { { 0.6, 0.8 }, { 0.6, 0.8 } } }, 1e-7)
    t.near(layer.weight, { { 0.6, 0.8 }, { 0.6, 0 }, { 6, 8 } }, 1e-7)
    local largest = nn.Embedding.from_pretrained(rows:clone(),
      { max_norm = 2, norm_type = math.huge, freeze = false })
    local y = largest(orrery.tensor({ 3 }, { dtype = "int64" }))
    t.near(y, { { 1.5, 2 } }, 1e-6)
    y:sum():backward()
    t.equal(largest.weight.grad, { { 0, 0 }, { 0, 0 }, { 1, 1 } })
    t.fails("embedding: max_norm is -1; give a number above 0",
      nn.Embedding, 3, 2, { max_norm = -1 })
    -- What cannot be looked up changes nothing.
    local before = layer.weight:clone()
    t.fails_like("rows 1 to 3", layer,
      orrery.tensor({ 3, 4 }, { dtype = "int64" }))
    t.equal(layer.weight, before)
  end)

t.test("an embedding's gradients are divided by how often rows are looked up",
  function()
    local layer = nn.Embedding.from_pretrained(f64 { { 1 }, { 2 }, { 3 } },
      { scale_grad_by_freq = true, freeze = false })
    local y = layer(orrery.tensor({ 1, 3, 1, 1 }, { dtype = "int64" }))
    t.equal(y, { { 1 }, { 3 }, { 1 }, { 1 } });
    (y * f64 { { 1 }, { 5 }, { 2 }, { 6 } }):sum():backward()
    t.equal(layer.weight.grad, { { 3 }, { 0 }, { 5 } })
    t.equal(tostring(layer), "Embedding(3, 1, { scale_grad_by_freq = true })")
  end)

t.test("vectors there are already are shared, and frozen unless told",
  function()
    local rows = f64 { { 1, 2 }, { 3, 4 } }
    local layer = nn.Embedding.from_pretrained(rows)
    t.ok(not layer.weight.requires_grad and not rows.requires_grad)
    rows[1] = 7
    t.equal(layer.weight[1], { 7, 7 })
    t.equal(#layer:parameters(), 1)
    t.fails("embedding: weight is [3]; give [num_embeddings, embedding_dim]",
      nn.Embedding.from_pretrained, orrery.zeros(3))
  end)

t.test("Upsample by areas and by curves", function()
  local x = f64 { { { { 1, 3 }, { 5, 7 } } } }
  t.near(nn.Upsample { size = 1, mode = "area" }(x), { { { { 4 } } } })
  -- A cubic goes through the corners and keeps what is linear between them.
  local y = nn.Upsample { size = 3, mode = "bicubic", align_corners = true }(x)
  t.near(y[{ 1, 1, 2, 2 }], 4, 1e-12)
  t.near(y[{ 1, 1, 3, 3 }], 7, 1e-12)
end)

t.test("pools and windows say where they are and what they want", function()
  local x = orrery.zeros { 2 }
  for _, layer in ipairs { nn.MaxPool2d(2), nn.AvgPool2d(2), nn.LPPool2d(2, 2),
    nn.AdaptiveAvgPool2d(1), nn.Unfold(2), nn.Upsample(2) } do
    t.fails(layer.class_name:lower() .. " 1: x is [2] but [N, C, H, W] is "
      .. "wanted; change the layer or its input", nn.Sequential { layer }, x)
  end
  for _, layer in ipairs { nn.MaxPool1d(2), nn.AvgPool1d(2), nn.LPPool1d(2, 2),
    nn.AdaptiveMaxPool1d(1) } do
    t.fails(layer.class_name:lower() .. " 1: x is [2] but [N, C, L] is "
      .. "wanted; change the layer or its input", nn.Sequential { layer }, x)
  end
end)
