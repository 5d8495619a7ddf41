--- One step of a recurrent network, as functions and as modules: RNNCell,
--- LSTMCell, GRUCell, with PyTorch's formulas, parameters and names.
local orrery = require "orrery"
local F = require "orrery.nn.functional"
local Layer = require "orrery.nn.layer"
local Module = require "orrery.nn.module"
local blame = require "orrery.blame"
local options = require "orrery.options"
local show = require "orrery.nn.show"

local cells = {}

--- The next state from gx = W_ih x + b_ih and gh = W_hh h + b_hh, whose last
--- axis holds `gates` times the hidden size.
---@type table<string, { gates: integer, states: integer, step: function }>
cells.kinds = {
  tanh = { gates = 1, states = 1,
    step = function(gx, gh) return (gx + gh):tanh() end },
  relu = { gates = 1, states = 1,
    step = function(gx, gh) return (gx + gh):relu() end },
  -- Hochreiter & Schmidhuber 1997, with forget gates: input, forget, cell and
  -- output gate, in that order.
  lstm = { gates = 4, states = 2, step = function(gx, gh, _, c)
    local i, f, g, o = (gx + gh):chunk(4, -1)
    c = f:sigmoid() * c + i:sigmoid() * g:tanh()
    return o:sigmoid() * c:tanh(), c
  end },
  -- Cho et al. 2014: reset gate, update gate, new state.
  gru = { gates = 3, states = 1, step = function(gx, gh, h)
    local xr, xz, xn = gx:chunk(3, -1)
    local hr, hz, hn = gh:chunk(3, -1)
    local n = (xn + (xr + hr):sigmoid() * hn):tanh()
    return n + (xz + hz):sigmoid() * (h - n)
  end },
}

--- Makes weight_ih, weight_hh and, if wished, their biases, with `ending`
--- after each name: all uniform in +- 1 / sqrt(hidden_size).
---@param self orrery.nn.Module
---@param ending string
---@param sizes { gates: integer, input: integer, hidden: integer,
---   state: integer }  `state` is h's size
---@param opts { bias: boolean, dtype: string, generator?: orrery.Generator }
function cells.weights(self, ending, sizes, opts)
  local bound = 1 / math.sqrt(sizes.hidden)
  local rows = sizes.gates * sizes.hidden
  local function fresh(name, ...)
    self[name .. ending] = Layer.fresh({ ... }, bound, opts)
  end
  fresh("weight_ih", rows, sizes.input)
  fresh("weight_hh", rows, sizes.state)
  if opts.bias then
    fresh("bias_ih", rows)
    fresh("bias_hh", rows)
  end
end

--- Refuses what is no floating tensor of that shape.
function cells.want_state(self, name, x, shape)
  if not options.is_tensor(x) then
    self:fail("%s is %s; give a tensor", name, options.shown(x))
  end
  local wanted = "[" .. table.concat(shape, ", ") .. "]"
  if x:shape_str() ~= wanted then
    self:fail("%s is %s but %s is wanted; change it, or leave it out for zeros",
      name, x:shape_str(), wanted)
  end
end

-- The states told, or zeros where none is.
local function states_of(self, like, ...)
  local shape, list = { like:shape() }, {}
  shape[#shape] = self.hidden_size
  for i = 1, self.states do
    local name, given = i == 1 and "h" or "c", (select(i, ...))
    if given ~= nil then cells.want_state(self, name, given, shape) end
    list[i] = given or orrery.zeros(shape, { dtype = like.dtype })
  end
  return table.unpack(list)
end

local Cell = Module:subclass "Cell"

local function init(self, kind, input_size, hidden_size, opts)
  local who = self.class_name:lower()
  self.input_size = options.count(who, "input_size", input_size)
  self.hidden_size = options.count(who, "hidden_size", hidden_size)
  self.kind, self.states = kind, cells.kinds[kind].states
  cells.weights(self, "", { gates = cells.kinds[kind].gates,
    input = input_size, hidden = hidden_size, state = hidden_size }, opts)
end

function Cell:forward(x, ...)
  if not options.is_tensor(x) then
    self:fail("x is %s; give a tensor", options.shown(x))
  end
  if x:dim() < 1 or x:dim() > 2 or x:size(-1) ~= self.input_size then
    self:fail("x is %s but [N, %d] is wanted; change the layer or its input",
      x:shape_str(), self.input_size)
  end
  local h, c = states_of(self, x, ...)
  return cells.kinds[self.kind].step(
    F.linear(x, self.weight_ih, self.bias_ih),
    F.linear(h, self.weight_hh, self.bias_hh), h, c)
end

function Cell:extra_repr()
  return ("%d, %d"):format(self.input_size, self.hidden_size)
    .. show.options({ bias = self.bias_ih ~= nil, nonlinearity = self.kind },
      "bias", true, "nonlinearity", self.kind == "relu" and "tanh" or self.kind)
end

--- h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu of that (Elman 1990):
--- `h = cell(x, h)`, x [N, input_size] or [input_size]; without h it is zeros.
---@class orrery.nn.RNNCell: orrery.nn.Module
---@field weight_ih orrery.Tensor  [hidden_size, input_size]
---@field weight_hh orrery.Tensor  [hidden_size, hidden_size]
---@field bias_ih orrery.Tensor?  [hidden_size]
---@field bias_hh orrery.Tensor?  [hidden_size]
local RNNCell = Cell:subclass "RNNCell"

--- The nonlinearity told.
function cells.nonlinearity(who, value)
  if value ~= "tanh" and value ~= "relu" then
    blame("%s: nonlinearity is %s; use tanh or relu", who, options.shown(value))
  end
  return value
end

---@param input_size integer
---@param hidden_size integer
---@param opts? { nonlinearity?: "tanh"|"relu", bias?: boolean,
---   dtype?: string, generator?: orrery.Generator }
function RNNCell:init(input_size, hidden_size, opts)
  opts = options.take("rnncell", opts, { bias = true, nonlinearity = "tanh",
    dtype = "float32" }, { "generator" })
  init(self, cells.nonlinearity("rnncell", opts.nonlinearity), input_size,
    hidden_size, opts)
end

local function plain_options(who, opts)
  return options.take(who, opts, { bias = true, dtype = "float32" },
    { "generator" })
end

--- Long short-term memory: `h, c = cell(x, h, c)`, x [N, input_size] or
--- [input_size]; states that are not given are zeros. Where PyTorch takes and
--- gives a pair, here are two values. The gates are input, forget, cell and
--- output.
---@class orrery.nn.LSTMCell: orrery.nn.Module
---@field weight_ih orrery.Tensor  [4 hidden_size, input_size]
---@field weight_hh orrery.Tensor  [4 hidden_size, hidden_size]
---@field bias_ih orrery.Tensor?  [4 hidden_size]
---@field bias_hh orrery.Tensor?  [4 hidden_size]
local LSTMCell = Cell:subclass "LSTMCell"

---@param input_size integer
---@param hidden_size integer
---@param opts? { bias?: boolean, dtype?: string,
---   generator?: orrery.Generator }
function LSTMCell:init(input_size, hidden_size, opts)
  init(self, "lstm", input_size, hidden_size, plain_options("lstmcell", opts))
end

--- Gated recurrent unit: `h = cell(x, h)`, x [N, input_size] or [input_size];
--- without h it is zeros. The gates are reset, update and new.
---@class orrery.nn.GRUCell: orrery.nn.Module
---@field weight_ih orrery.Tensor  [3 hidden_size, input_size]
---@field weight_hh orrery.Tensor  [3 hidden_size, hidden_size]
---@field bias_ih orrery.Tensor?  [3 hidden_size]
---@field bias_hh orrery.Tensor?  [3 hidden_size]
local GRUCell = Cell:subclass "GRUCell"

---@param input_size integer
---@param hidden_size integer
---@param opts? { bias?: boolean, dtype?: string,
---   generator?: orrery.Generator }
function GRUCell:init(input_size, hidden_size, opts)
  init(self, "gru", input_size, hidden_size, plain_options("grucell", opts))
end

cells.layers = { RNNCell = RNNCell, LSTMCell = LSTMCell, GRUCell = GRUCell }
return cells
