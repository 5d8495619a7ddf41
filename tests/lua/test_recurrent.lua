--- Recurrent layers beyond PyTorch's values: what must hold of any, and what
--- they refuse.
local orrery, t = require "orrery", require "orrery.testing"
local nn, F = orrery.nn, orrery.nn.functional

local kinds = { RNN = nn.RNN, LSTM = nn.LSTM, GRU = nn.GRU }

local parts = { "weight_ih", "weight_hh", "bias_ih", "bias_hh" }

local function randn(...)
  return orrery.randn({ ... }, { dtype = "float64",
    generator = orrery.Generator(5) })
end

t.test("an LSTM's step is that of the paper, gate by gate", function()
  local cell = nn.LSTMCell(1, 1, { dtype = "float64" })
  local state = { weight_ih = { { 0.5 }, { -1 }, { 2 }, { 0.25 } },
    weight_hh = { { 1 }, { 0.5 }, { -0.5 }, { 2 } },
    bias_ih = { 0.1, 0.2, 0.3, 0.4 }, bias_hh = { 0, 0.1, 0, -0.1 } }
  for name, values in pairs(state) do
    state[name] = orrery.tensor(values, { dtype = "float64" })
  end
  cell:load_state_dict(state)
  local x, h, c = 0.7, -0.3, 0.9
  local function one(v) return orrery.tensor({ v }, { dtype = "float64" }) end
  local got_h, got_c = cell(one(x), one(h), one(c))
  local function sigmoid(v) return 1 / (1 + math.exp(-v)) end
  local function tanh(v) return 2 * sigmoid(2 * v) - 1 end
  local i = sigmoid(0.5 * x + h + 0.1)
  local f = sigmoid(-x + 0.5 * h + 0.3)
  local g = tanh(2 * x - 0.5 * h + 0.3)
  local o = sigmoid(0.25 * x + 2 * h + 0.3)
  local want = f * c + i * g
  t.near(got_c, { want })
  t.near(got_h, { o * tanh(want) })
end)

for name, class in pairs(kinds) do
  t.test(name .. ": halves with the state handed on give the whole", function()
    local layer = class(3, 4, { num_layers = 2, dtype = "float64" })
    local x = randn(6, 2, 3)
    local y, h, c = layer(x)
    local first, h1, c1 = layer(x:narrow(1, 1, 2))
    local second, h2, c2 = layer(x:narrow(1, 3, 4), h1, c1)
    t.near(orrery.cat({ first, second }, 1), y)
    t.near(h2, h)
    if c then t.near(c2, c) end
  end)

  t.test(name .. ": a direction backwards is the layer on the sequence turned",
    function()
      local both = class(3, 2, { bidirectional = true, dtype = "float64" })
      local one = class(3, 2, { dtype = "float64" })
      for _, part in ipairs(parts) do
        one[part .. "_l0"] = both[part .. "_l0_reverse"]
      end
      local x = randn(5, 2, 3)
      local y, h = both(x)
      local turned, last = one(x:flip { 1 })
      t.near(y:narrow(3, 3, 2), turned:flip { 1 })
      t.near(h[2], last[1])
    end)

  t.test(name .. ": its cell, step by step, gives the same", function()
    local layer = class(3, 2, { dtype = "float64" })
    local cell = nn[name .. "Cell"](3, 2, { dtype = "float64" })
    for _, part in ipairs(parts) do
      cell[part] = layer[part .. "_l0"]
    end
    local x, h, c = randn(4, 2, 3), nil, nil
    local y = layer(x)
    for step = 1, 4 do
      h, c = cell(x[step], h, c)
      t.near(h, y[step])
    end
  end)
end

t.test("dropout stands between the layers, in training only", function()
  local layer = nn.GRU(3, 64, { num_layers = 2, dropout = 0.5 })
  local x = orrery.randn(4, 2, 3)
  orrery.manual_seed(1)
  local a = layer(x)
  t.ok(not a:equal((layer(x))), "another draw, another result")
  layer:eval()
  t.ok(layer(x):equal((layer(x))))
  -- One layer has nothing in between.
  local single = nn.GRU(3, 4, { dropout = 0.5 })
  t.ok(single(x):equal((single(x))))
end)

t.test("they learn to tell the first entry of a sequence at its end",
  function()
    orrery.manual_seed(4)
    local net, head = nn.LSTM(1, 8), nn.Linear(8, 1)
    local list = net:parameters()
    for _, p in ipairs(head:parameters()) do list[#list + 1] = p end
    local opt = orrery.optim.Adam(list, { lr = 0.02 })
    local loss
    for _ = 1, 150 do
      local x = orrery.randn(5, 32, 1):sign()
      local _, h = net(x)
      loss = opt:minimize(F.mse_loss(head(h[1]), x[1])):item()
    end
    t.ok(loss < 0.1, loss)
  end)

t.test("a recorded step gives the same bits", function()
  local net = nn.LSTM(3, 4, { num_layers = 2 })
  local step = orrery.compile(function(x)
    local y, h = net(x)
    return y:sum() + h:exp():mean()
  end)
  for _ = 1, 3 do
    local x = orrery.randn(5, 2, 3)
    local y, h = net(x)
    t.equal(step(x):item(), (y:sum() + h:exp():mean()):item())
  end
end)

t.test("copies, conversions and printing know their options", function()
  local net = nn.LSTM(3, 4, { num_layers = 2, batch_first = true,
    bidirectional = true, proj_size = 2 })
  t.equal(tostring(net), "LSTM(3, 4, { num_layers = 2, batch_first = true, "
    .. "bidirectional = true, proj_size = 2 })")
  t.equal(tostring(nn.RNN(1, 2, { nonlinearity = "relu" })),
    'RNN(1, 2, { nonlinearity = "relu" })')
  t.equal(tostring(nn.GRUCell(1, 2, { bias = false })),
    "GRUCell(1, 2, { bias = false })")
  local x = orrery.randn(2, 5, 3)
  t.equal(net:clone()(x), net(x))
  t.equal(net:clone():double()(x:double()).dtype, "float64")
  -- weight_ih, weight_hh, two biases, weight_hr; twice two of them.
  t.equal(net:num_parameters(),
    2 * (16 * (3 + 2 + 2) + 8) + 2 * (16 * (4 + 2 + 2) + 8))
end)

t.test("what does not fit is named", function()
  local net = nn.LSTM(3, 4)
  t.fails("lstm: x is [2, 5, 4] but [L, N, 3] is wanted; change the layer or "
    .. "its input", net, orrery.zeros(2, 5, 4))
  t.fails("lstm: x is missing; give a tensor", net)
  t.fails("lstm: the sequences have no entry; give some", net,
    orrery.zeros(0, 2, 3))
  t.fails("lstm: h is [4] but [1, 5, 4] is wanted; change it, or leave it out "
    .. "for zeros", net, orrery.zeros(2, 5, 3), orrery.zeros(4))
  t.fails("lstm: c is 3; give a tensor", net, orrery.zeros(2, 5, 3), nil, 3)
  t.fails("gru: x is [2, 5, 4] but [N, L, 3] is wanted; change the layer or "
    .. "its input", nn.GRU(3, 4, { batch_first = true }),
    orrery.zeros(2, 5, 4))
  t.fails("lstm: proj_size is 4 but hidden_size is 4; project to fewer",
    nn.LSTM, 3, 4, { proj_size = 4 })
  t.fails('rnn: nonlinearity is "sin"; use tanh or relu', nn.RNN, 3, 4,
    { nonlinearity = "sin" })
  t.fails("gru: dropout is 2; give a probability, 0 to 1", nn.GRU, 3, 4,
    { dropout = 2 })
  t.fails("gru: batch_first is 1; give true or false", nn.GRU, 3, 4,
    { batch_first = 1 })
  t.fails("grucell: x is [2, 4] but [N, 3] is wanted; change the layer or its "
    .. "input", nn.GRUCell(3, 4), orrery.zeros(2, 4))
  t.fails("lstmcell: h is [2, 2] but [2, 4] is wanted; change it, or leave it "
    .. "out for zeros", nn.LSTMCell(3, 4), orrery.zeros(2, 3),
    orrery.zeros(2, 2))
end)
