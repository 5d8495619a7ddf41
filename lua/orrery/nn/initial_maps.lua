--- Initial weights that are linear maps of a kind: identities, orthogonal
--- and sparse matrices. Part of nn.init; each writes over its tensor and gives
--- it back, once all numbers are known.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

local maps = {}

local function overwrite(tensor, values)
  orrery.no_grad(function() tensor:copy_(values) end)
  return tensor
end

--- Ones on the diagonal of a matrix, zeros elsewhere.
---@param tensor orrery.Tensor  [rows, columns]
---@return orrery.Tensor tensor
function maps.eye_(tensor)
  if options.tensor("eye_", "tensor", tensor):dim() ~= 2 then
    blame("eye_: tensor is %s; give a matrix", tensor:shape_str())
  end
  return overwrite(tensor,
    orrery.eye(tensor:size(1), tensor:size(2), { dtype = tensor.dtype }))
end

--- Makes a convolution's weight pass its input channels on unchanged: a one
--- in the middle of the kernel from channel i to channel i of each group.
---@param tensor orrery.Tensor  [out_channels, in_channels / groups, kernel...]
---@param groups? integer  1
---@return orrery.Tensor tensor
function maps.dirac_(tensor, groups)
  local rank = options.tensor("dirac_", "tensor", tensor, "float"):dim()
  if rank < 3 or rank > 5 then
    blame("dirac_: tensor is %s; give a convolution's weight, 3 to 5 axes",
      tensor:shape_str())
  end
  groups = options.count("dirac_", "groups", groups or 1)
  local out, channels = tensor:size(1), tensor:size(2)
  if out % groups ~= 0 then
    blame("dirac_: %d output channels do not split into %d groups; change "
      .. "groups", out, groups)
  end
  local values = orrery.zeros({ tensor:shape() }, { dtype = tensor.dtype })
  local at = {}
  for axis = 3, rank do at[axis] = tensor:size(axis) // 2 + 1 end
  for first = 0, out - 1, math.max(out // groups, 1) do
    for i = 1, math.min(out // groups, channels) do
      at[1], at[2] = first + i, i
      values[at] = 1
    end
  end
  return overwrite(tensor, values)
end

--- A random matrix with orthonormal rows or columns, whichever are fewer,
--- times gain; later axes count as columns (Saxe et al. 2014). Signs are
--- chosen so that all orthogonal matrices are equally likely.
---@param tensor orrery.Tensor  at least two axes
---@param gain? number  1
---@param opts? { generator?: orrery.Generator }
---@return orrery.Tensor tensor
function maps.orthogonal_(tensor, gain, opts)
  local who = "orthogonal_"
  if options.tensor(who, "tensor", tensor, "float"):dim() < 2 then
    blame("%s: tensor is %s; give at least two axes, as a weight has", who,
      tensor:shape_str())
  end
  gain = options.number(who, "gain", gain or 1)
  opts = options.take(who, opts, {}, { "generator" })
  if tensor:numel() == 0 then return tensor end
  local rows = tensor:size(1)
  local columns = tensor:numel() // rows
  local wide = rows < columns
  local draw = orrery.randn(
    { math.max(rows, columns), math.min(rows, columns) },
    { dtype = tensor.dtype, generator = opts.generator })
  local q, r = orrery.qr(draw)
  q = q * r:diagonal():sign()
  if wide then q = q:transpose(1, 2) end
  return overwrite(tensor, (q * gain):reshape { tensor:shape() })
end

--- Normal numbers with the same share of zeros in each column
--- (Martens 2010).
---@param tensor orrery.Tensor  [rows, columns]
---@param sparsity number  share of zeros in a column, rounded up to rows
---@param std? number  0.01
---@param opts? { generator?: orrery.Generator }
---@return orrery.Tensor tensor
function maps.sparse_(tensor, sparsity, std, opts)
  local who = "sparse_"
  if options.tensor(who, "tensor", tensor, "float"):dim() ~= 2 then
    blame("%s: tensor is %s; give a matrix", who, tensor:shape_str())
  end
  options.number(who, "sparsity", sparsity,
    function(s) return s >= 0 and s <= 1 end, "a share, 0 to 1")
  std = options.number(who, "std", std or 0.01)
  opts = options.take(who, opts, {}, { "generator" })
  local shape = { tensor:shape() }
  local values = orrery.randn(shape, { std = std, dtype = tensor.dtype,
    generator = opts.generator })
  if tensor:numel() == 0 then return tensor end
  -- The rank of a random number among its column's.
  local rank = orrery.rand(shape, { generator = opts.generator })
    :argsort(1):argsort(1)
  local zeros = math.ceil(sparsity * shape[1])
  return overwrite(tensor, values:masked_fill(rank:le(zeros), 0))
end

return maps
