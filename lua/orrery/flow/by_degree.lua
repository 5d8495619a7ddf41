--- Inputs of a MADE found one after another, with every hidden unit computed
--- once, as soon as what it sees is known: a unit of degree d reads inputs and
--- units of degree at most d alone, so it is final with input d. About one
--- pass in arithmetic for any law of an input given those before it.
local orrery = require "orrery"

-- Units in order of degree: their places, or nil where they stand so, and how
-- many have degree at most d, for d from 0.
local function sorted(degrees, highest)
  local at, upto, is = {}, {}, true
  for d = 0, highest do upto[d] = 0 end
  for i, d in ipairs(degrees) do
    at[i], upto[d] = i, upto[d] + 1
    is = is and (i == 1 or degrees[i - 1] <= d)
  end
  for d = 1, highest do upto[d] = upto[d] + upto[d - 1] end
  if is then return nil, upto end
  table.sort(at, function(i, j)
    if degrees[i] == degrees[j] then return i < j end
    return degrees[i] < degrees[j]
  end)
  return orrery.tensor(at, { dtype = "int64" }), upto
end

local function taken(x, axis, at)
  return at and x:index_select(axis, at) or x
end

-- All layers with their units in order of degree, values as rows: h [units, B].
local function plan(net, n, dtype)
  local inputs = {}
  for i = 1, net.context do inputs[i] = 0 end
  table.move(net:places(), 1, net.features, net.context + 1, inputs)
  local at, upto = sorted(inputs, net.features)
  local first = { at = at, upto = upto,
    h = orrery.zeros({ #inputs, n }, { dtype = dtype }) }
  local layers, from = {}, first
  for l, degrees in ipairs(net.degrees) do
    local own, counts = sorted(degrees, net.features)
    layers[l] = { upto = counts, at = own, from = from,
      weight = taken(taken(net.layers[l].weight, 1, own), 2, from.at),
      bias = taken(net.layers[l].bias, 1, own):unsqueeze(2),
      h = orrery.zeros({ #degrees, n }, { dtype = dtype }) }
    from = layers[l]
  end
  local last = net.layers[#layers + 1]
  return first, layers, { from = from, bias = last.bias:reshape(net.outputs,
    net.features), weight = taken(last.weight, 2, from.at):reshape(
    net.outputs, net.features, -1) }
end

-- Rows a + 1 .. b of a layer, from the units it may see.
local function finish(layer, d, act)
  local a, b = d > 0 and layer.upto[d - 1] or 0, layer.upto[d]
  if a == b then return end
  local k = layer.from.upto[d]
  local sum = layer.bias:narrow(1, a + 1, b - a)
  if k > 0 then
    sum = sum + layer.weight:narrow(1, a + 1, b - a):narrow(2, 1, k)
      :matmul(layer.from.h:narrow(1, 1, k))
  end
  local rows = layer.h:narrow(1, a + 1, b - a)
  rows:copy_(act(sum):expand { rows:shape() })
end

-- What the net says of input i, of place d + 1: [outputs, B].
local function numbers(last, i, d, n)
  local k, bias = last.from.upto[d], last.bias:select(2, i):unsqueeze(2)
  if k == 0 then return bias:expand { bias:size(1), n } end
  return last.weight:select(2, i):narrow(2, 1, k)
    :matmul(last.from.h:narrow(1, 1, k)) + bias
end

--- Calls `pick` once for each input, in order, and no gradient is recorded.
---@param net orrery.flow.MADE
---@param like orrery.Tensor  [B, D]: how many rows, and of which dtype
---@param context? orrery.Tensor  [B, C]
---@param pick fun(numbers: orrery.Tensor, i: integer): orrery.Tensor  what the
---  net says of input i, [outputs, B], to its values [B]
---@return orrery.Tensor x  [B, D]
return function(net, like, context, pick)
  return orrery.no_grad(function()
    local n = like:size(1)
    local first, layers, last = plan(net, n, like.dtype)
    local act, c, input_at = net:activate(), net.context, {}
    for i, d in ipairs(net:places()) do input_at[d] = i end
    if c > 0 then
      first.h:narrow(1, 1, c):copy_(context:transpose(1, 2))
    end
    for d = 0, net.features - 1 do
      for _, layer in ipairs(layers) do finish(layer, d, act) end
      local i = input_at[d + 1]
      first.h:select(1, c + d + 1):copy_(pick(numbers(last, i, d, n), i))
    end
    local at = orrery.tensor(net:places(), { dtype = "int64" })
    return first.h:narrow(1, c + 1, net.features):index_select(1, at)
      :transpose(1, 2):contiguous()
  end)
end
