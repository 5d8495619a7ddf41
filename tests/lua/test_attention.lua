--- Attention beyond PyTorch's values: closed forms, what masks must do, and
--- what is refused.
local orrery, t = require "orrery", require "orrery.testing"
local nn, F = orrery.nn, orrery.nn.functional

local function randn(...)
  return orrery.randn({ ... }, { dtype = "float64",
    generator = orrery.Generator(9) })
end

t.test("without queries attention is the mean, with great ones the best key's",
  function()
    local v = randn(2, 3, 4)
    local k = randn(2, 3, 5)
    local mean = F.scaled_dot_product_attention(k * 0, k, v)
    t.near(mean, v:mean { axis = 2, keepdim = true }:expand { 2, 3, 4 })
    local keys = orrery.eye(3, { dtype = "float64" }):unsqueeze(1)
      :expand { 2, 3, 3 }
    t.near(F.scaled_dot_product_attention(keys * 1e4, keys, v), v)
  end)

t.test("a causal output does not depend on what comes later", function()
  local q, k, v = randn(4, 3), randn(4, 3) + 1, randn(4, 2)
  local y = F.scaled_dot_product_attention(q, k, v, { is_causal = true })
  for n = 1, 4 do
    local cut = F.scaled_dot_product_attention(q:narrow(1, n, 1),
      k:narrow(1, 1, n), v:narrow(1, 1, n))
    t.near(y:narrow(1, n, 1), cut)
  end
end)

t.test("weights sum to 1 and are 0 where an entry is left out", function()
  local attn = nn.MultiheadAttention(4, 2, { batch_first = true,
    dtype = "float64" })
  local x = randn(2, 3, 4)
  local hidden = orrery.tensor({ { 0, 0, 1 }, { 0, 1, 0 } },
    { dtype = "uint8" })
  local y, weights = attn(x, x, x, { key_padding_mask = hidden })
  t.near(weights:sum(-1), orrery.ones(2, 3))
  t.equal(weights[1]:select(2, 3), { 0, 0, 0 })
  t.equal(weights[2]:select(2, 2), { 0, 0, 0 })
  -- And leaving an entry out is not having it.
  local short = attn(x[1], x[1]:narrow(1, 1, 2), x[1]:narrow(1, 1, 2))
  t.near(y[1], short)
  local _, each = attn(x, x, x, { average_attn_weights = false })
  t.equal(each:shape_str(), "[2, 2, 3, 3]")
  t.equal(select("#", attn(x, x, x, { need_weights = false })), 1)
end)

t.test("an encoder without positions turns when its input is turned",
  function()
    local layer = nn.TransformerEncoderLayer(4, 2, { dim_feedforward = 6,
      dtype = "float64" }):eval()
    local net = nn.TransformerEncoder(layer, 2)
    local x = randn(5, 2, 4)
    t.near(net(x:flip { 1 }), net(x):flip { 1 })
    t.ok(net.layers[1].linear1.weight:equal(net.layers[2].linear1.weight))
    t.ok(not rawequal(net.layers[1], layer))
  end)

t.test("a translator that may not look ahead does not", function()
  local net = nn.Transformer(4, 2, { num_encoder_layers = 1,
    num_decoder_layers = 1, dim_feedforward = 6, dtype = "float64" }):eval()
  local src, tgt = randn(3, 2, 4), randn(4, 2, 4) - 1
  local mask = nn.Transformer.generate_square_subsequent_mask(4)
  t.equal(mask, { { 0, -math.huge, -math.huge, -math.huge },
    { 0, 0, -math.huge, -math.huge }, { 0, 0, 0, -math.huge },
    { 0, 0, 0, 0 } })
  local y = net(src, tgt, { tgt_mask = mask })
  local other = tgt:clone()
  other[4] = 7
  local changed = net(src, other, { tgt_mask = mask })
  t.near(changed:narrow(1, 1, 3), y:narrow(1, 1, 3))
  t.ok(not changed[4]:equal(y[4]))
end)

t.test("dropout works in training only, on the weights too", function()
  local attn = nn.MultiheadAttention(4, 2, { dropout = 0.5 })
  local x = orrery.randn(3, 2, 4)
  t.ok(not attn(x, x, x):equal((attn(x, x, x))))
  attn:eval()
  t.ok(attn(x, x, x):equal((attn(x, x, x))))
  local layer = nn.TransformerDecoderLayer(4, 2)
  t.ok(not layer(x, x):equal(layer(x, x)))
  layer:eval()
  t.ok(layer(x, x):equal(layer(x, x)))
end)

t.test("a recorded step gives the same bits", function()
  local net = nn.TransformerEncoderLayer(4, 2, { dropout = 0 })
  local step = orrery.compile(function(x) return net(x):square():sum() end)
  for _ = 1, 3 do
    local x = orrery.randn(3, 2, 4)
    t.equal(step(x):item(), net(x):square():sum():item())
  end
end)

t.test("they print their options", function()
  t.equal(tostring(nn.MultiheadAttention(4, 2, { kdim = 3, dropout = 0.1 })),
    "MultiheadAttention(4, 2, { dropout = 0.1, kdim = 3 }\n"
    .. "  (out_proj): Linear(4, 4)\n)")
end)

t.test("what does not fit is named", function()
  local attn = nn.MultiheadAttention(4, 2)
  local x = orrery.zeros(3, 2, 4)
  t.fails("multiheadattention: embed_dim 5 does not split into 2 heads; change "
    .. "num_heads", nn.MultiheadAttention, 5, 2)
  t.fails("multiheadattention: key is [3, 2, 5] but [entries, N, 4] is wanted; "
    .. "change the layer or its input", attn, x, orrery.zeros(3, 2, 5), x)
  t.fails("multiheadattention: value is missing; give a tensor", attn, x, x)
  t.fails("multiheadattention: query is [3, 2, 4], key is [3, 2, 4], value is "
    .. "[2, 2, 4]; batches must be alike, and as many keys as values", attn, x,
    x, orrery.zeros(2, 2, 4))
  t.fails("multiheadattention: attn_mask is [2, 2] but [3, 3] is wanted; 1 "
    .. "leaves an entry out", attn, x, x, x, { attn_mask = orrery.ones(2, 2) })
  t.fails("multiheadattention: key_padding_mask is 1; give a tensor", attn, x,
    x, x, { key_padding_mask = 1 })
  t.fails("scaled_dot_product_attention: query is [3, 2, 4], key is [3, 2, 5], "
    .. "value is [3, 2, 4]; queries and keys must have one size, and there "
    .. "must be as many keys as values", F.scaled_dot_product_attention, x,
    orrery.zeros(3, 2, 5), x)
  t.fails("scaled_dot_product_attention: give attn_mask or is_causal, not both",
    F.scaled_dot_product_attention, x, x, x,
    { is_causal = true, attn_mask = orrery.ones(2, 2) })
  t.fails('transformerencoderlayer: activation is "sin"; use "relu", "gelu" or '
    .. "a function", nn.TransformerEncoderLayer, 4, 2, { activation = "sin" })
  t.fails("transformerencoderlayer: unknown option mask; it takes "
    .. "src_key_padding_mask, src_mask",
    nn.TransformerEncoderLayer(4, 2), x, { mask = x })
  t.fails("transformerencoder: layer is 3; give a module",
    nn.TransformerEncoder, 3, 1)
end)
