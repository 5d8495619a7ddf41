--- Tables of vectors, looked up by position.
local orrery = require "orrery"
local F = require "orrery.nn.functional"
local Layer = require "orrery.nn.layer"
local blame = require "orrery.blame"
local options = require "orrery.options"
local show = require "orrery.nn.show"

local who = "embedding"

--- A table of vectors, looked up by position from 1. Standard normal at
--- first; the row padding_idx is zero and gets no gradient.
---@class orrery.nn.Embedding: orrery.nn.Module
---@field weight orrery.Tensor  [num_embeddings, embedding_dim]
local Embedding = Layer:subclass "Embedding"

-- A row's number from 1; -1 is the last.
local function row_of(n, rows)
  n = options.number(who, "padding_idx", n, math.tointeger, "a whole number")
  if n == 0 or math.abs(n) > rows then
    blame("embedding: padding_idx is %d; use 1 to %d, or -%d to -1", n, rows,
      rows)
  end
  return math.tointeger(n < 0 and n + rows + 1 or n)
end

local names = { "padding_idx", "max_norm", "generator", "weight" }

---@param num_embeddings integer
---@param embedding_dim integer
---@param opts? { padding_idx?: integer, max_norm?: number,
---   norm_type?: number, scale_grad_by_freq?: boolean, dtype?: string,
---   generator?: orrery.Generator }
---   max_norm: rows that are looked up and have a greater norm_type-norm (2)
---   are scaled down to it first, in place; scale_grad_by_freq divides a row's
---   gradient by how often the call looks it up
function Embedding:init(num_embeddings, embedding_dim, opts)
  opts = options.take(who, opts, { dtype = "float32", norm_type = 2,
    scale_grad_by_freq = false }, names)
  self.num_embeddings = options.count(who, "num_embeddings", num_embeddings)
  self.embedding_dim = options.count(who, "embedding_dim", embedding_dim)
  if opts.max_norm then
    self.max_norm = options.number(who, "max_norm", opts.max_norm,
      function(m) return m > 0 end, "a number above 0")
  end
  self.norm_type = options.number(who, "norm_type", opts.norm_type)
  self.scale_grad_by_freq = opts.scale_grad_by_freq and true or false
  if opts.padding_idx then
    self.padding_idx = row_of(opts.padding_idx, num_embeddings)
  end
  local weight = opts.weight
  if not weight then
    weight = orrery.randn({ num_embeddings, embedding_dim },
      { dtype = opts.dtype, generator = opts.generator })
    if self.padding_idx then weight[self.padding_idx] = 0 end
  end
  self.weight = weight:requires_grad_()
end

--- A layer of vectors there are already, which it shares.
---@param weight orrery.Tensor  [num_embeddings, embedding_dim]
---@param opts? table  freeze (true: they are not trained), and the layer's
---@return orrery.nn.Embedding
function Embedding.from_pretrained(weight, opts)
  if options.tensor(who, "weight", weight, "float"):dim() ~= 2 then
    blame("embedding: weight is %s; give [num_embeddings, embedding_dim]",
      weight:shape_str())
  end
  local own = { weight = weight:detach() }
  for name, value in pairs(opts or {}) do own[name] = value end
  local freeze = own.freeze == nil or own.freeze
  own.freeze = nil
  local layer = Embedding(weight:size(1), weight:size(2), own)
  return freeze and layer:freeze() or layer
end

---@param index orrery.Tensor  int64 [...]
---@return orrery.Tensor  [..., embedding_dim]
function Embedding:forward(index)
  return F.embedding(index, self.weight, { max_norm = self.max_norm,
    norm_type = self.max_norm and self.norm_type,
    padding_idx = self.padding_idx or 0,
    scale_grad_by_freq = self.scale_grad_by_freq })
end

function Embedding:extra_repr()
  return ("%d, %d"):format(self.num_embeddings, self.embedding_dim)
    .. show.options(self, "padding_idx", nil, "max_norm", nil, "norm_type", 2,
      "scale_grad_by_freq", false)
end

return { Embedding = Embedding }
