--- Attention (Vaswani et al. 2017): scaled dot products, and in several heads.
local orrery = require "orrery"
local F = require "orrery.nn.functional"
local Linear = require("orrery.nn.linear").Linear
local Module = require "orrery.nn.module"
local blame = require "orrery.blame"
local initial = require "orrery.nn.initial"
local options = require "orrery.options"
local show = require "orrery.nn.show"

-- What is added to scores: a mask of numbers as it is, -inf where one of
-- uint8 hides an entry.
local function additive(mask, dtype)
  if mask.dtype:find "^float" then return mask:to(dtype) end
  return orrery.zeros({ mask:shape() }, { dtype = dtype })
    :masked_fill(mask:ne(0), -math.huge)
end

-- q [..., L, D], k [..., S, D], v [..., S, E]: what is attended to, and how
-- much: [..., L, S].
local function attend(q, k, v, bias, p, scale)
  local scores = (q * (scale or q:size(-1) ^ -0.5)):matmul(k:transpose(-1, -2))
  if bias then scores = scores + bias end
  local weights = scores:softmax(-1)
  if p > 0 then weights = F.dropout(weights, p) end
  return weights:matmul(v), weights
end

local function probability(who, name, p)
  return options.number(who, name, p,
    function(v) return v >= 0 and v <= 1 end, "a probability, 0 to 1")
end

--- softmax(q k' scale) v: of each query the mean of the values, weighted by
--- how its key answers. In attn_mask of uint8 what is not 0 takes part (in
--- nn.MultiheadAttention's it is left out, as in PyTorch); one of numbers is
--- added to the scores. is_causal lets query i see the keys 1 to i.
---@param query orrery.Tensor  [..., L, D]
---@param key orrery.Tensor  [..., S, D]
---@param value orrery.Tensor  [..., S, E]
---@param opts? { attn_mask?: orrery.Tensor, dropout_p?: number,
---   is_causal?: boolean, scale?: number }  scale: 1 / sqrt(D) when absent
---@return orrery.Tensor  [..., L, E]
function F.scaled_dot_product_attention(query, key, value, opts)
  local who = "scaled_dot_product_attention"
  opts = options.take(who, opts, { dropout_p = 0, is_causal = false },
    { "attn_mask", "scale" })
  local p = probability(who, "dropout_p", opts.dropout_p)
  for name, x in pairs { query = query, key = key, value = value } do
    if options.tensor(who, name, x, "float"):dim() < 2 then
      blame("%s: %s is %s; give [..., entries, features]", who, name,
        x:shape_str())
    end
  end
  if query:size(-1) ~= key:size(-1) or key:size(-2) ~= value:size(-2) then
    blame("%s: query is %s, key is %s, value is %s; queries and keys must have "
      .. "one size, and there must be as many keys as values", who,
      query:shape_str(), key:shape_str(), value:shape_str())
  end
  local bias = opts.attn_mask
  if bias then
    options.tensor(who, "attn_mask", bias)
    bias = additive(bias.dtype:find "^float" and bias or bias:eq(0),
      query.dtype)
  end
  if opts.is_causal then
    if bias then blame("%s: give attn_mask or is_causal, not both", who) end
    bias = additive(orrery.ones(query:size(-2), key:size(-2)):triu(1):ne(0),
      query.dtype)
  end
  return (attend(query, key, value, bias, p, opts.scale))
end

--- Attention in several heads, each with its own maps of queries, keys and
--- values: `y, weights = attn(query, key, value, opts?)`. Sequences are
--- [L, N, embed_dim], or [N, L, embed_dim] with batch_first, or one alone
--- [L, embed_dim]; keys and values [S, N, kdim], [S, N, vdim]. weights
--- [N, L, S] are the mean over the heads, [N, num_heads, L, S] with
--- { average_attn_weights = false }. Parameters and names as in PyTorch.
---@class orrery.nn.MultiheadAttention: orrery.nn.Module
---@field in_proj_weight orrery.Tensor?  [3 embed_dim, embed_dim], or
---   q_proj_weight, k_proj_weight and v_proj_weight when sizes differ
---@field in_proj_bias orrery.Tensor?  [3 embed_dim]
---@field out_proj orrery.nn.Linear
local MultiheadAttention = Module:subclass "MultiheadAttention"

local function fresh(shape, opts)
  return initial.xavier_uniform_(orrery.zeros(shape, { dtype = opts.dtype }),
    1, { generator = opts.generator }):requires_grad_()
end

local function make_parameters(self, opts)
  local e = self.embed_dim
  local kind = { dtype = opts.dtype }
  if self.kdim == e and self.vdim == e then
    self.in_proj_weight = fresh({ 3 * e, e }, opts)
  else
    self.q_proj_weight = fresh({ e, e }, opts)
    self.k_proj_weight = fresh({ e, self.kdim }, opts)
    self.v_proj_weight = fresh({ e, self.vdim }, opts)
  end
  if opts.bias then
    self.in_proj_bias = orrery.zeros({ 3 * e }, kind):requires_grad_()
  end
  self.out_proj = Linear(e, e, { bias = opts.bias, dtype = opts.dtype,
    generator = opts.generator })
  if opts.bias then initial.zeros_(self.out_proj.bias) end
  for _, name in ipairs(opts.add_bias_kv and { "bias_k", "bias_v" } or {}) do
    self[name] = initial.xavier_normal_(orrery.zeros({ 1, 1, e }, kind), 1,
      { generator = opts.generator }):requires_grad_()
  end
end

---@param embed_dim integer
---@param num_heads integer  divides embed_dim
---@param opts? { dropout?: number, bias?: boolean, add_bias_kv?: boolean,
---   add_zero_attn?: boolean, kdim?: integer, vdim?: integer,
---   batch_first?: boolean, dtype?: string, generator?: orrery.Generator }
---   dropout is of the weights, in training
function MultiheadAttention:init(embed_dim, num_heads, opts)
  local who = "multiheadattention"
  opts = options.take(who, opts, { dropout = 0, bias = true,
    add_bias_kv = false, add_zero_attn = false, batch_first = false,
    dtype = "float32" }, { "kdim", "vdim", "generator" })
  self.embed_dim = options.count(who, "embed_dim", embed_dim)
  self.num_heads = options.count(who, "num_heads", num_heads)
  if embed_dim % num_heads ~= 0 then
    blame("%s: embed_dim %d does not split into %d heads; change num_heads",
      who, embed_dim, num_heads)
  end
  self.kdim = options.count(who, "kdim", opts.kdim or embed_dim)
  self.vdim = options.count(who, "vdim", opts.vdim or embed_dim)
  self.dropout = probability(who, "dropout", opts.dropout)
  self.add_zero_attn, self.batch_first = opts.add_zero_attn, opts.batch_first
  make_parameters(self, opts)
end

-- The three inputs as [N, entries, size], and whether they came alone.
local function batches(self, ...)
  local list, alone = { ... }, nil
  local sizes = { self.embed_dim, self.kdim, self.vdim }
  for i, name in ipairs { "query", "key", "value" } do
    local x = list[i]
    if not options.is_tensor(x) then
      self:fail("%s is %s; give a tensor", name, options.shown(x))
    end
    if alone == nil then alone = x:dim() == 2 end
    if x:dim() ~= (alone and 2 or 3) or x:size(-1) ~= sizes[i] then
      self:fail("%s is %s but [%s%d] is wanted; change the layer or its input",
        name, x:shape_str(), alone and "entries, "
          or self.batch_first and "N, entries, " or "entries, N, ", sizes[i])
    end
  end
  local same = rawequal(list[1], list[2]) and rawequal(list[2], list[3])
  for i, x in ipairs(list) do
    list[i] = alone and x:unsqueeze(1)
      or self.batch_first and x or x:transpose(1, 2)
  end
  local q, k, v = table.unpack(list)
  if k:size(2) ~= v:size(2) or q:size(1) ~= k:size(1)
    or k:size(1) ~= v:size(1) then
    self:fail("query is %s, key is %s, value is %s; batches must be alike, "
      .. "and as many keys as values", (...):shape_str(),
      (select(2, ...)):shape_str(), (select(3, ...)):shape_str())
  end
  return q, k, v, alone, same
end

-- The maps of queries, keys and values; one product when all are one tensor.
local function projected(self, q, k, v, same)
  local weight, bias = self.in_proj_weight, self.in_proj_bias
  if weight and same then return F.linear(q, weight, bias):chunk(3, -1) end
  local wq, wk, wv = self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
  if weight then wq, wk, wv = weight:chunk(3, 1) end
  local bq, bk, bv
  if bias then bq, bk, bv = bias:chunk(3, 1) end
  return F.linear(q, wq, bq), F.linear(k, wk, bk), F.linear(v, wv, bv)
end

-- [N, entries, E] -> [N, heads, entries, E / heads]
local function heads(self, x)
  return x:reshape { x:size(1), x:size(2), self.num_heads, -1 }:transpose(2, 3)
end

-- The masks told, as one to add to scores [N, heads, L, S]; nil without any.
local function mask_of(self, opts, n, length, keys, dtype)
  local h, total = self.num_heads, nil
  local function add(name, shape, ...)
    local mask = opts[name]
    if mask == nil then return end
    if not options.is_tensor(mask) then
      self:fail("%s is %s; give a tensor", name, options.shown(mask))
    end
    for _, form in ipairs { ... } do
      if mask:shape_str() == "[" .. table.concat(form, ", ") .. "]" then
        mask = additive(mask, dtype):reshape(#form == 3 and { n, h, length,
          keys } or shape)
        total = total and total + mask or mask
        return
      end
    end
    self:fail("%s is %s but [%s] is wanted; 1 leaves an entry out", name,
      mask:shape_str(), table.concat((...), ", "))
  end
  add("attn_mask", { 1, 1, length, keys }, { length, keys },
    { n * h, length, keys })
  add("key_padding_mask", { n, 1, 1, keys },
    n == 1 and opts.alone and { keys } or { n, keys })
  return total
end

-- Further keys and values all queries see: one that is learnt, one of zeros.
local function further(self, k, v, bias)
  local n, e, added = k:size(1), self.embed_dim, 0
  if self.bias_k then
    k = orrery.cat({ k, self.bias_k:expand { n, 1, e } }, 2)
    v = orrery.cat({ v, self.bias_v:expand { n, 1, e } }, 2)
    added = 1
  end
  if self.add_zero_attn then
    local none = orrery.zeros({ n, 1, e }, { dtype = k.dtype })
    k, v, added = orrery.cat({ k, none }, 2), orrery.cat({ v, none }, 2),
      added + 1
  end
  if bias and added > 0 then bias = F.pad(bias, { 0, added }) end
  return k, v, bias
end

---@param query orrery.Tensor  [L, N, embed_dim]
---@param key orrery.Tensor  [S, N, kdim]
---@param value orrery.Tensor  [S, N, vdim]
---@param opts? { key_padding_mask?: orrery.Tensor, attn_mask?: orrery.Tensor,
---   need_weights?: boolean, average_attn_weights?: boolean }
---   key_padding_mask [N, S], attn_mask [L, S] or [N num_heads, L, S]: of uint8
---   1 leaves an entry out, numbers are added to the scores
---@return orrery.Tensor y  as query
---@return orrery.Tensor? weights  not with { need_weights = false }
function MultiheadAttention:forward(query, key, value, opts)
  opts = options.take("multiheadattention", opts, { need_weights = true,
    average_attn_weights = true }, { "key_padding_mask", "attn_mask" })
  local q, k, v, alone, same = batches(self, query, key, value)
  local n, length = q:size(1), q:size(2)
  opts.alone = alone
  local bias = mask_of(self, opts, n, length, k:size(2), q.dtype)
  q, k, v = projected(self, q, k, v, same)
  k, v, bias = further(self, k, v, bias)
  local y, weights = attend(heads(self, q), heads(self, k), heads(self, v),
    bias, self.training and self.dropout or 0)
  y = self.out_proj(y:transpose(2, 3):reshape { n, length, self.embed_dim })
  y = alone and y:squeeze(1) or self.batch_first and y or y:transpose(1, 2)
  if not opts.need_weights then return y end
  if opts.average_attn_weights then weights = weights:mean(2) end
  return y, alone and weights:squeeze(1) or weights
end

function MultiheadAttention:extra_repr()
  local values = setmetatable({ bias = self.in_proj_bias ~= nil,
    add_bias_kv = self.bias_k ~= nil }, { __index = self })
  return ("%d, %d"):format(self.embed_dim, self.num_heads)
    .. show.options(values, "dropout", 0, "bias", true, "add_bias_kv", false,
      "add_zero_attn", false, "kdim", self.embed_dim, "vdim", self.embed_dim,
      "batch_first", false)
end

return { MultiheadAttention = MultiheadAttention }
