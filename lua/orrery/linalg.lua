--- Linear algebra under PyTorch's names: `orrery.linalg.inv(x)`.
---
--- The ops themselves are in `orrery`, and methods of tensors; here are those
--- that torch.linalg has, with its spelling where it differs, and norms and
--- products made of them.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

local linalg = { inv = orrery.inverse }
for _, name in ipairs { "cholesky", "cross", "det", "diagonal", "eigh",
  "eigvalsh", "lstsq", "lu", "lu_factor",
  "lu_solve", "matmul", "matrix_exp", "matrix_power",
  "matrix_rank", "pinv", "qr", "slogdet", "solve", "solve_triangular", "sqrtm",
  "svd", "svdvals", "vander" } do
  linalg[name] = orrery[name]
end

-- The order and the options of f(x, ord, { axis =, keepdim = }), where ord may
-- stand among the options.
local function arguments(who, x, ord, given, name)
  options.tensor(who, "x", x, "float")
  if type(ord) == "table" then ord, given = nil, ord end
  local o = options.take(who, given, { [name] = ord }, { name, "axis",
    "keepdim" })
  if o.keepdim ~= nil and type(o.keepdim) ~= "boolean" then
    blame("%s: keepdim is %s; give true or false", who,
      options.shown(o.keepdim))
  end
  return o[name], o.axis, o.keepdim
end

--- The p-norm along axes (of all elements without them): sum(|x|^p)^(1/p).
---@param x orrery.Tensor
---@param ord? number  p; default 2, math.huge the largest |x|, -math.huge the
---  smallest, 0 counts what is not 0
---@param opts? { axis?: integer|integer[], keepdim?: boolean }
---@return orrery.Tensor
function linalg.vector_norm(x, ord, opts)
  local p, axis, keepdim = arguments("vector_norm", x, ord, opts, "ord")
  options.number("vector_norm", "ord", p or 2)
  return orrery.norm(x, { p = p or 2, axis = axis, keepdim = keepdim })
end

-- By order; x has the matrices in its last two axes.
local norms = {
  fro = function(x) return x:norm { axis = { -2, -1 } } end,
  nuc = function(x) return x:svdvals():sum(-1) end,
  [2] = function(x) return x:svdvals():amax(-1) end,
  [-2] = function(x) return x:svdvals():amin(-1) end,
  [1] = function(x) return x:abs():sum(-2):amax(-1) end,
  [-1] = function(x) return x:abs():sum(-2):amin(-1) end,
  [math.huge] = function(x) return x:abs():sum(-1):amax(-1) end,
  [-math.huge] = function(x) return x:abs():sum(-1):amin(-1) end,
}

local function known_order(who, name, ord)
  if ord ~= nil and norms[ord] then return end
  blame("%s: %s is %s; use \"fro\", \"nuc\", 1, 2 or math.huge, or their "
    .. "negatives", who, name, options.shown(ord))
end

-- Two axes as positions from 1, and whether they are two.
local function two_axes(who, x, axis)
  local a, b = axis[1], axis[2]
  local rank, at = x:dim(), {}
  for i, k in ipairs { a, b } do
    if math.type(k) ~= "integer" or k == 0 or k > rank or k < -rank then
      blame("%s: axis is %s but x is %s; use 1 to %d or -%d to -1", who,
        options.shown(k), x:shape_str(), rank, rank)
    end
    at[i] = k > 0 and k or k + rank + 1
  end
  if #axis ~= 2 or at[1] == at[2] then
    blame("%s: axis must name two axes, of the rows and the columns", who)
  end
  return at
end

--- The norm of matrices: "fro" sqrt(sum x^2), "nuc" the sum of the singular
--- values, 2 the largest of them, 1 the largest sum of |x| down a column,
--- math.huge along a row; -1, -2 and -math.huge the smallest.
---@param x orrery.Tensor  [..., M, N]
---@param ord? number|string  default "fro"
---@param opts? { axis?: integer[], keepdim?: boolean }  axis: of the rows and
---  of the columns, default { -2, -1 }
---@return orrery.Tensor  [...]
function linalg.matrix_norm(x, ord, opts)
  local p, axis, keepdim = arguments("matrix_norm", x, ord, opts, "ord")
  p = p == nil and "fro" or p
  known_order("matrix_norm", "ord", p)
  if x:dim() < 2 then
    blame("matrix_norm: x is %s; it must have at least 2 axes", x:shape_str())
  end
  axis = axis == nil and { -2, -1 } or axis
  if type(axis) ~= "table" then
    blame("matrix_norm: axis is %s; give two axes, of the rows and the "
      .. "columns", options.shown(axis))
  end
  local at = two_axes("matrix_norm", x, axis)
  local y = norms[p](x:movedim(at, { -2, -1 }))
  if not keepdim then return y end
  return y:unsqueeze(math.min(at[1], at[2])):unsqueeze(math.max(at[1], at[2]))
end

--- The norm of a vector or a matrix, as torch.linalg.norm decides: without
--- ord the 2-norm of the elements; with one, that of the matrices of a pair of
--- axes (or of an x with two), of vectors otherwise.
---@param x orrery.Tensor
---@param ord? number|string
---@param opts? { axis?: integer|integer[], keepdim?: boolean }
---@return orrery.Tensor
function linalg.norm(x, ord, opts)
  local p, axis, keepdim = arguments("norm", x, ord, opts, "ord")
  local pair = type(axis) == "table" and #axis == 2
    or axis == nil and x:dim() == 2
  local rest = { axis = axis, keepdim = keepdim }
  if p ~= nil and pair then return linalg.matrix_norm(x, p, rest) end
  if p ~= nil and axis == nil and x:dim() > 2 then
    blame("norm: x is %s and ord is given; name its axis, or two",
      x:shape_str())
  end
  if type(p) == "string" then
    blame("norm: ord is %q, which is for matrices; name two axes", p)
  end
  return linalg.vector_norm(x, p, rest)
end

--- The condition of matrices: |x| |x^-1|, infinite for a singular one. By
--- singular values (p = 2, or -2 upside down) also of matrices that are not
--- square.
---@param x orrery.Tensor  [..., M, N]
---@param p? number|string  of the norm, default 2
---@return orrery.Tensor  [...]
function linalg.cond(x, p)
  options.tensor("cond", "x", x, "float")
  p = p == nil and 2 or p
  known_order("cond", "p", p)
  if x:dim() < 2 then
    blame("cond: x is %s; it must have at least 2 axes", x:shape_str())
  end
  if p == 2 or p == -2 then
    local s = x:svdvals()
    local most, least = s:amax(-1), s:amin(-1)
    return p == 2 and most / least or least / most
  end
  if x:size(-1) ~= x:size(-2) then
    blame("cond: x is %s; only p = 2 and -2 take what is not square",
      x:shape_str())
  end
  local sign = x:detach():slogdet()
  local singular = sign:eq(0):unsqueeze(-1):unsqueeze(-1)
  local one = orrery.eye(x:size(-1), { dtype = x.dtype })
  local inverse = orrery.where(singular, one, x):inverse()
  local y = norms[p](x) * norms[p](inverse)
  return y:masked_fill(sign:eq(0), math.huge)
end

--- The sums of the products along an axis.
---@param x orrery.Tensor
---@param y orrery.Tensor
---@param opts? { axis?: integer }  default -1
---@return orrery.Tensor
function linalg.vecdot(x, y, opts)
  options.tensor("vecdot", "x", x)
  options.tensor("vecdot", "y", y)
  local o = options.take("vecdot", opts, { axis = -1 })
  return (x * y):sum(o.axis)
end

-- The cheapest order of a chain, where matrix i is [size[i], size[i + 1]]:
-- the place to cut each part at (Cormen et al., Introduction to Algorithms).
local function cuts(size)
  local n, cost, cut = #size - 1, {}, {}
  for i = 1, n do cost[i], cut[i] = { [i] = 0 }, {} end
  for length = 2, n do
    for i = 1, n - length + 1 do
      local j = i + length - 1
      cost[i][j] = math.huge
      for k = i, j - 1 do
        local c = cost[i][k] + cost[k + 1][j]
          + 1.0 * size[i] * size[k + 1] * size[j + 1]
        if c < cost[i][j] then cost[i][j], cut[i][j] = c, k end
      end
    end
  end
  return cut
end

local function check_chain(list)
  if type(list) ~= "table" or #list < 2 then
    blame("multi_dot: the list holds %s; pass a table of 2 tensors or more",
      type(list) == "table" and #list or options.shown(list))
  end
  for i, x in ipairs(list) do
    options.tensor("multi_dot", "tensor " .. i, x)
    local end_of_list = i == 1 or i == #list
    if x:dim() ~= 2 and not (end_of_list and x:dim() == 1) then
      blame("multi_dot: tensor %d is %s; use matrices, and vectors at the ends",
        i, x:shape_str())
    end
    if i > 1 and list[i - 1]:size(-1) ~= x:size(1) then
      blame("multi_dot: tensor %d is %s, tensor %d is %s: inner sizes differ; "
        .. "make them equal", i - 1, list[i - 1]:shape_str(), i, x:shape_str())
    end
  end
end

--- The product of a chain of matrices, in the order that multiplies least;
--- the first and the last may be vectors.
---@param list orrery.Tensor[]
---@return orrery.Tensor
function linalg.multi_dot(list)
  check_chain(list)
  local last, size = list[#list], {}
  for i, x in ipairs(list) do size[i] = x:size(1) end
  if list[1]:dim() == 1 then size[1] = 1 end
  size[#list + 1] = last:dim() == 1 and 1 or last:size(2)
  local cut = cuts(size)
  local function product(i, j)
    if i == j then return list[i] end
    return product(i, cut[i][j]):matmul(product(cut[i][j] + 1, j))
  end
  return product(1, #list)
end

return linalg
