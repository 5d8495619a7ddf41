--- Recurrent networks over sequences: RNN, LSTM and GRU, in layers and in both
--- directions, with PyTorch's formulas and names of parameters: weight_ih_l0,
--- weight_hh_l0, bias_ih_l0, bias_hh_l0, the next layer's in _l1, those of the
--- direction backwards in _l0_reverse. Sequences of one batch are equally long.
local orrery = require "orrery"
local F = require "orrery.nn.functional"
local Layer = require "orrery.nn.layer"
local Module = require "orrery.nn.module"
local blame = require "orrery.blame"
local cells = require "orrery.nn.cells"
local options = require "orrery.options"
local show = require "orrery.nn.show"

local Recurrent = Module:subclass "Recurrent"

local function take(who, opts, more)
  local defaults = { num_layers = 1, bias = true, batch_first = false,
    dropout = 0, bidirectional = false, dtype = "float32" }
  for name, value in pairs(more or {}) do defaults[name] = value end
  opts = options.take(who, opts, defaults, { "generator" })
  for _, name in ipairs { "bias", "batch_first", "bidirectional" } do
    if type(opts[name]) ~= "boolean" then
      blame("%s: %s is %s; give true or false", who, name,
        options.shown(opts[name]))
    end
  end
  options.number(who, "dropout", opts.dropout,
    function(p) return p >= 0 and p <= 1 end, "a probability, 0 to 1")
  return opts
end

-- Where parameters of layer i and direction d stand: "_l0", "_l0_reverse".
local function ending(layer, direction)
  return ("_l%d%s"):format(layer - 1, direction == 2 and "_reverse" or "")
end

local function init(self, kind, input_size, hidden_size, opts)
  local who = self.class_name:lower()
  self.kind = kind
  self.input_size = options.count(who, "input_size", input_size)
  self.hidden_size = options.count(who, "hidden_size", hidden_size)
  self.num_layers = options.count(who, "num_layers", opts.num_layers)
  self.proj_size = options.count(who, "proj_size", opts.proj_size or 0, 0)
  if self.proj_size >= self.hidden_size then
    blame("%s: proj_size is %d but hidden_size is %d; project to fewer", who,
      self.proj_size, self.hidden_size)
  end
  self.bias, self.batch_first = opts.bias, opts.batch_first
  self.dropout, self.bidirectional = opts.dropout, opts.bidirectional
  self.directions = opts.bidirectional and 2 or 1
  local state = self.proj_size > 0 and self.proj_size or self.hidden_size
  for layer = 1, self.num_layers do
    for direction = 1, self.directions do
      cells.weights(self, ending(layer, direction), {
        gates = cells.kinds[kind].gates, hidden = hidden_size, state = state,
        input = layer == 1 and input_size or state * self.directions,
      }, opts)
      if self.proj_size > 0 then
        self["weight_hr" .. ending(layer, direction)] = Layer.fresh(
          { state, hidden_size }, 1 / math.sqrt(hidden_size), opts)
      end
    end
  end
end

-- One layer in one direction over x [L, N, features] from the states told.
-- The products with x are one for all steps.
local function run(self, x, layer, direction, h, c)
  local at, kind = ending(layer, direction), cells.kinds[self.kind]
  local gx = F.linear(x, self["weight_ih" .. at], self["bias_ih" .. at])
  local weight, bias = self["weight_hh" .. at], self["bias_hh" .. at]
  local project = self["weight_hr" .. at]
  local length, ys = x:size(1), {}
  for k = 1, length do
    local t = direction == 1 and k or length + 1 - k
    h, c = kind.step(gx[t], F.linear(h, weight, bias), h, c)
    if project then h = F.linear(h, project) end
    ys[t] = h
  end
  return orrery.stack(ys, 1), h, c
end

-- x as [L, N, features].
local function sequences(self, x)
  if not options.is_tensor(x) then
    self:fail("x is %s; give a tensor", options.shown(x))
  end
  local alone = x:dim() == 2
  if not (alone or x:dim() == 3) or x:size(-1) ~= self.input_size then
    self:fail("x is %s but [%s, %d] is wanted; change the layer or its input",
      x:shape_str(), self.batch_first and "N, L" or "L, N", self.input_size)
  end
  if alone then
    x = x:unsqueeze(2)
  elseif self.batch_first then
    x = x:transpose(1, 2)
  end
  if x:size(1) == 0 then
    self:fail("the sequences have no entry; give some")
  end
  return x, alone
end

-- The state at the start, [layers * directions, N, size], as a list.
local function start(self, name, given, x, alone, size)
  local rows = self.num_layers * self.directions
  if given == nil then
    given = orrery.zeros({ rows, x:size(2), size }, { dtype = x.dtype })
  else
    cells.want_state(self, name, given,
      alone and { rows, size } or { rows, x:size(2), size })
    if alone then given = given:unsqueeze(2) end
  end
  return { given:unbind(1) }
end

function Recurrent:forward(x, h, c)
  local alone
  x, alone = sequences(self, x)
  local size = self.proj_size > 0 and self.proj_size or self.hidden_size
  local hs, cs = start(self, "h", h, x, alone, size), {}
  if cells.kinds[self.kind].states == 2 then
    cs = start(self, "c", c, x, alone, self.hidden_size)
  end
  for layer = 1, self.num_layers do
    local ys = {}
    for d = 1, self.directions do
      local i = (layer - 1) * self.directions + d
      ys[d], hs[i], cs[i] = run(self, x, layer, d, hs[i], cs[i])
    end
    x = #ys == 2 and orrery.cat(ys, 3) or ys[1]
    if self.dropout > 0 and self.training and layer < self.num_layers then
      x = F.dropout(x, self.dropout)
    end
  end
  local function given_back(list)
    if #list == 0 then return nil end
    local joined = orrery.stack(list, 1)
    return alone and joined:squeeze(2) or joined
  end
  if alone then
    x = x:squeeze(2)
  elseif self.batch_first then
    x = x:transpose(1, 2)
  end
  h, c = given_back(hs), given_back(cs)
  if c then return x, h, c end
  return x, h
end

function Recurrent:extra_repr()
  local values = setmetatable({ nonlinearity = self.kind }, { __index = self })
  return ("%d, %d"):format(self.input_size, self.hidden_size)
    .. show.options(values, "num_layers", 1, "nonlinearity",
      self.kind == "relu" and "tanh" or self.kind, "bias", true,
      "batch_first", false, "dropout", 0, "bidirectional", false,
      "proj_size", 0)
end

--- An Elman network: `y, h = rnn(x, h)`, x [L, N, input_size], or
--- [N, L, input_size] with batch_first, or one sequence [L, input_size]; y
--- likewise with the last layer's hidden_size (twice that when bidirectional)
--- for each step; h [num_layers * directions, N, hidden_size], zeros when not
--- given. dropout zeroes entries between the layers, in training.
---@class orrery.nn.RNN: orrery.nn.Module
local RNN = Recurrent:subclass "RNN"

---@param input_size integer
---@param hidden_size integer
---@param opts? { num_layers?: integer, nonlinearity?: "tanh"|"relu",
---   bias?: boolean, batch_first?: boolean, dropout?: number,
---   bidirectional?: boolean, dtype?: string, generator?: orrery.Generator }
function RNN:init(input_size, hidden_size, opts)
  opts = take("rnn", opts, { nonlinearity = "tanh" })
  init(self, cells.nonlinearity("rnn", opts.nonlinearity), input_size,
    hidden_size, opts)
end

--- Long short-term memory: `y, h, c = lstm(x, h, c)`; shapes as nn.RNN's, c
--- [num_layers * directions, N, hidden_size]. Where PyTorch takes and gives a
--- pair (h, c), here are two values. With proj_size, h and y have that size
--- (Sak et al. 2014).
---@class orrery.nn.LSTM: orrery.nn.Module
local LSTM = Recurrent:subclass "LSTM"

---@param input_size integer
---@param hidden_size integer
---@param opts? { num_layers?: integer, bias?: boolean, batch_first?: boolean,
---   dropout?: number, bidirectional?: boolean, proj_size?: integer,
---   dtype?: string, generator?: orrery.Generator }
function LSTM:init(input_size, hidden_size, opts)
  init(self, "lstm", input_size, hidden_size,
    take("lstm", opts, { proj_size = 0 }))
end

--- Gated recurrent units: `y, h = gru(x, h)`; shapes and options as nn.RNN's.
---@class orrery.nn.GRU: orrery.nn.Module
local GRU = Recurrent:subclass "GRU"

---@param input_size integer
---@param hidden_size integer
---@param opts? { num_layers?: integer, bias?: boolean, batch_first?: boolean,
---   dropout?: number, bidirectional?: boolean, dtype?: string,
---   generator?: orrery.Generator }
function GRU:init(input_size, hidden_size, opts)
  init(self, "gru", input_size, hidden_size, take("gru", opts))
end

local layers = { RNN = RNN, LSTM = LSTM, GRU = GRU }
for name, class in pairs(cells.layers) do layers[name] = class end
return layers
