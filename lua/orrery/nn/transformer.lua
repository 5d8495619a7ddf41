--- The transformer (Vaswani et al. 2017) and its parts, with PyTorch's names
--- of parameters. Sequences are [L, N, d_model], or [N, L, d_model] with
--- batch_first. Masks go into a table, by PyTorch's names: in one of uint8 1
--- leaves an entry out, one of numbers is added to the scores.
local orrery = require "orrery"
local Dropout = require("orrery.nn.dropout").Dropout
local LayerNorm = require("orrery.nn.norm_layers").LayerNorm
local Linear = require("orrery.nn.linear").Linear
local Module = require "orrery.nn.module"
local ModuleList = require("orrery.nn.container").ModuleList
local MultiheadAttention = require("orrery.nn.attention").MultiheadAttention
local blame = require "orrery.blame"
local initial = require "orrery.nn.initial"
local options = require "orrery.options"

local activations = { relu = orrery.relu, gelu = orrery.gelu }

local function take(who, opts, more)
  local defaults = { dim_feedforward = 2048, dropout = 0.1,
    activation = "relu", layer_norm_eps = 1e-5, batch_first = false,
    norm_first = false, dtype = "float32" }
  for name, value in pairs(more or {}) do defaults[name] = value end
  opts = options.take(who, opts, defaults, { "generator" })
  if not activations[opts.activation] then
    if type(opts.activation) == "string" then
      blame('%s: activation is "%s"; use "relu", "gelu" or a function', who,
        opts.activation)
    end
    options.callable(who, "activation", opts.activation)
  end
  options.number(who, "dropout", opts.dropout,
    function(p) return p >= 0 and p <= 1 end, "a probability, 0 to 1")
  return opts
end

-- A layer with that many norms and dropouts: attention to itself, to what
-- `memory` names if anything, and two linear layers.
local Part = Module:subclass "Part"

local function init(self, d_model, nhead, opts, memory)
  local who = self.class_name:lower()
  self.d_model = options.count(who, "d_model", d_model)
  self.nhead = options.count(who, "nhead", nhead)
  opts = take(who, opts)
  local kind = { dtype = opts.dtype, generator = opts.generator }
  local function attention()
    return MultiheadAttention(d_model, nhead, { dropout = opts.dropout,
      batch_first = opts.batch_first, dtype = opts.dtype,
      generator = opts.generator })
  end
  self.self_attn = attention()
  if memory then self.multihead_attn = attention() end
  self.linear1 = Linear(d_model, options.count(who, "dim_feedforward",
    opts.dim_feedforward), kind)
  self.dropout = Dropout(opts.dropout)
  self.linear2 = Linear(opts.dim_feedforward, d_model, kind)
  for i = 1, memory and 3 or 2 do
    self["norm" .. i] = LayerNorm(d_model,
      { eps = opts.layer_norm_eps, dtype = opts.dtype })
    self["dropout" .. i] = Dropout(opts.dropout)
  end
  self.activation, self.norm_first = opts.activation, opts.norm_first
end

-- x + fn(x), normalised before (norm_first) or after.
function Part:around(i, x, fn)
  local norm, drop = self["norm" .. i], self["dropout" .. i]
  if self.norm_first then return x + drop(fn(norm(x))) end
  return norm(x + drop(fn(x)))
end

function Part:feed(i, x)
  return self:around(i, x, function(z)
    local activation = activations[self.activation] or self.activation
    return self.linear2(self.dropout(activation(self.linear1(z))))
  end)
end

local function attention_options(mask, padding)
  return { attn_mask = mask, key_padding_mask = padding, need_weights = false }
end

function Part:attend(i, x, mask, padding)
  return self:around(i, x, function(z)
    return self.self_attn(z, z, z, attention_options(mask, padding))
  end)
end

function Part:extra_repr()
  return ("%d, %d"):format(self.d_model, self.nhead)
end

--- Attention to itself and two linear layers, each with a sum around it and
--- normalised: `y = layer(src, { src_mask =, src_key_padding_mask = })`.
---@class orrery.nn.TransformerEncoderLayer: orrery.nn.Module
local TransformerEncoderLayer = Part:subclass "TransformerEncoderLayer"

---@param d_model integer
---@param nhead integer  divides d_model
---@param opts? { dim_feedforward?: integer, dropout?: number,
---   activation?: "relu"|"gelu"|function, layer_norm_eps?: number,
---   batch_first?: boolean, norm_first?: boolean, dtype?: string,
---   generator?: orrery.Generator }  2048, 0.1; norm_first normalises before
---   instead of after
function TransformerEncoderLayer:init(d_model, nhead, opts)
  init(self, d_model, nhead, opts, false)
end

---@param src orrery.Tensor  [L, N, d_model]
---@param opts? { src_mask?: orrery.Tensor,
---   src_key_padding_mask?: orrery.Tensor }
---@return orrery.Tensor  as src
function TransformerEncoderLayer:forward(src, opts)
  opts = options.take("transformerencoderlayer", opts, {},
    { "src_mask", "src_key_padding_mask" })
  return self:feed(2, self:attend(1, src, opts.src_mask,
    opts.src_key_padding_mask))
end

--- Attention to itself, to what an encoder gave, and two linear layers:
--- `y = layer(tgt, memory, { tgt_mask =, memory_mask =,
--- tgt_key_padding_mask =, memory_key_padding_mask = })`.
---@class orrery.nn.TransformerDecoderLayer: orrery.nn.Module
local TransformerDecoderLayer = Part:subclass "TransformerDecoderLayer"

---@param d_model integer
---@param nhead integer
---@param opts? table  as nn.TransformerEncoderLayer's
function TransformerDecoderLayer:init(d_model, nhead, opts)
  init(self, d_model, nhead, opts, true)
end

local decoder_masks = { "tgt_mask", "memory_mask", "tgt_key_padding_mask",
  "memory_key_padding_mask" }

---@param tgt orrery.Tensor  [L, N, d_model]
---@param memory orrery.Tensor  [S, N, d_model]
---@param opts? table<string, orrery.Tensor>
---@return orrery.Tensor  as tgt
function TransformerDecoderLayer:forward(tgt, memory, opts)
  opts = options.take("transformerdecoderlayer", opts, {}, decoder_masks)
  local x = self:attend(1, tgt, opts.tgt_mask, opts.tgt_key_padding_mask)
  x = self:around(2, x, function(z)
    return self.multihead_attn(z, memory, memory,
      attention_options(opts.memory_mask, opts.memory_key_padding_mask))
  end)
  return self:feed(3, x)
end

local function copies(self, who, layer, num_layers, opts)
  if not Module.is_module(layer) then
    blame("%s: layer is %s; give a module", who, options.shown(layer))
  end
  self.layers = ModuleList()
  for _ = 1, options.count(who, "num_layers", num_layers) do
    self.layers:append(layer:clone())
  end
  self.norm = options.take(who, opts, {}, { "norm" }).norm
end

--- Copies of an encoder layer one after another: `y = encoder(src,
--- { mask =, src_key_padding_mask = })`.
---@class orrery.nn.TransformerEncoder: orrery.nn.Module
local TransformerEncoder = Module:subclass "TransformerEncoder"

---@param encoder_layer orrery.nn.TransformerEncoderLayer
---@param num_layers integer
---@param opts? { norm?: orrery.nn.Module }  comes last
function TransformerEncoder:init(encoder_layer, num_layers, opts)
  copies(self, "transformerencoder", encoder_layer, num_layers, opts)
end

---@param src orrery.Tensor  [L, N, d_model]
---@param opts? { mask?: orrery.Tensor, src_key_padding_mask?: orrery.Tensor }
---@return orrery.Tensor  as src
function TransformerEncoder:forward(src, opts)
  opts = options.take("transformerencoder", opts, {},
    { "mask", "src_key_padding_mask" })
  local masks = { src_mask = opts.mask,
    src_key_padding_mask = opts.src_key_padding_mask }
  for i = 1, #self.layers do src = self.layers[i](src, masks) end
  return self.norm and self.norm(src) or src
end

--- Copies of a decoder layer one after another: `y = decoder(tgt, memory,
--- masks)`, masks as of the layer.
---@class orrery.nn.TransformerDecoder: orrery.nn.Module
local TransformerDecoder = Module:subclass "TransformerDecoder"

---@param decoder_layer orrery.nn.TransformerDecoderLayer
---@param num_layers integer
---@param opts? { norm?: orrery.nn.Module }  comes last
function TransformerDecoder:init(decoder_layer, num_layers, opts)
  copies(self, "transformerdecoder", decoder_layer, num_layers, opts)
end

---@param tgt orrery.Tensor  [L, N, d_model]
---@param memory orrery.Tensor  [S, N, d_model]
---@param opts? table<string, orrery.Tensor>
---@return orrery.Tensor  as tgt
function TransformerDecoder:forward(tgt, memory, opts)
  opts = options.take("transformerdecoder", opts, {}, decoder_masks)
  for i = 1, #self.layers do tgt = self.layers[i](tgt, memory, opts) end
  return self.norm and self.norm(tgt) or tgt
end

--- An encoder and a decoder: `y = transformer(src, tgt, { src_mask =,
--- tgt_mask =, memory_mask =, src_key_padding_mask =, tgt_key_padding_mask =,
--- memory_key_padding_mask = })`. Matrices start as xavier_uniform_ has them.
---@class orrery.nn.Transformer: orrery.nn.Module
---@field encoder orrery.nn.TransformerEncoder
---@field decoder orrery.nn.TransformerDecoder
local Transformer = Module:subclass "Transformer"

---@param d_model? integer  512
---@param nhead? integer  8
---@param opts? table  num_encoder_layers (6), num_decoder_layers (6), and
---   nn.TransformerEncoderLayer's
function Transformer:init(d_model, nhead, opts)
  d_model, nhead = d_model or 512, nhead or 8
  opts = take("transformer", opts,
    { num_encoder_layers = 6, num_decoder_layers = 6 })
  local own = {}
  for name, value in pairs(opts) do
    if not name:find "^num_" then own[name] = value end
  end
  local function norm()
    return { norm = LayerNorm(d_model, { eps = opts.layer_norm_eps,
      dtype = opts.dtype }) }
  end
  self.encoder = TransformerEncoder(
    TransformerEncoderLayer(d_model, nhead, own), opts.num_encoder_layers,
    norm())
  self.decoder = TransformerDecoder(
    TransformerDecoderLayer(d_model, nhead, own), opts.num_decoder_layers,
    norm())
  for _, p in ipairs(self:parameters()) do
    if p:dim() > 1 then
      initial.xavier_uniform_(p, 1, { generator = opts.generator })
    end
  end
end

---@param src orrery.Tensor  [S, N, d_model]
---@param tgt orrery.Tensor  [L, N, d_model]
---@param opts? table<string, orrery.Tensor>
---@return orrery.Tensor  as tgt
function Transformer:forward(src, tgt, opts)
  opts = options.take("transformer", opts, {}, { "src_mask",
    "src_key_padding_mask", table.unpack(decoder_masks) })
  local memory = self.encoder(src, { mask = opts.src_mask,
    src_key_padding_mask = opts.src_key_padding_mask })
  local masks = {}
  for _, name in ipairs(decoder_masks) do masks[name] = opts[name] end
  return self.decoder(tgt, memory, masks)
end

--- A mask that lets entry i see the entries 1 to i: 0 there, -inf elsewhere.
---@param n integer
---@return orrery.Tensor  [n, n]
function Transformer.generate_square_subsequent_mask(n)
  n = options.count("generate_square_subsequent_mask", "n", n)
  return orrery.full({ n, n }, -math.huge):triu(1)
end

return { Transformer = Transformer, TransformerEncoder = TransformerEncoder,
  TransformerDecoder = TransformerDecoder,
  TransformerEncoderLayer = TransformerEncoderLayer,
  TransformerDecoderLayer = TransformerDecoderLayer }
