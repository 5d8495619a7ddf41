--- Layers without parameters, as functions: those of the core, the activation
--- functions that are also tensor methods, and a few composed here.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

-- orrery.functional itself answers for every op.
local F = setmetatable({}, { __index = orrery.functional })
for name, fn in pairs(orrery.functional) do F[name] = fn end

--- How far a "same" convolution pads one axis, before and after: the output
--- has ceil(size / stride) entries, an odd rest of padding goes after.
local function same_padding(size, kernel, stride, dilation)
  local reach = dilation * (kernel - 1) + 1
  local out = (size + stride - 1) // stride
  local total = math.max((out - 1) * stride + reach - size, 0)
  return total // 2, total - total // 2
end

--- Pads x [N, C, H, W] for a "same" convolution, with zeros or in one of
--- F.pad's other modes. Returns what is left for the convolution to pad itself.
---@param kernel integer|integer[]  { height, width }, as the next two
---@param stride? integer|integer[]  1
---@param dilation? integer|integer[]  1
---@param mode? string  "reflect", "replicate" or "circular"
---@return orrery.Tensor x
---@return integer[] padding
function F.pad_same(x, kernel, stride, dilation, mode)
  local rank = options.tensor("pad_same", "x", x):dim()
  if rank ~= 4 and rank ~= 3 then
    blame("pad_same: x is %s; give images [N, C, H, W]", x:shape_str())
  end
  kernel = options.pair("pad_same", "kernel", kernel)
  stride = options.pair("pad_same", "stride", stride or 1)
  dilation = options.pair("pad_same", "dilation", dilation or 1)
  local top, bottom = same_padding(x:size(-2), kernel[1], stride[1],
    dilation[1])
  local left, right = same_padding(x:size(-1), kernel[2], stride[2],
    dilation[2])
  if not mode and top == bottom and left == right then
    return x, { top, left }
  end
  return F.pad(x, { left, right, top, bottom }, { mode = mode }), { 0, 0 }
end

--- Scales slices along an axis to unit length.
---@param x orrery.Tensor
---@param opts? { p?: number, axis?: integer, eps?: number }
---@return orrery.Tensor
function F.normalize(x, opts)
  options.tensor("normalize", "x", x, "float")
  opts = options.take("normalize", opts, { p = 2, axis = 2, eps = 1e-12 })
  local norm = x:norm { p = opts.p, axis = opts.axis, keepdim = true }
  return x / norm:clamp { min = opts.eps }
end

--- Repeats rows and columns.
---@param x orrery.Tensor  [N, C, H, W]
---@param opts { scale_factor: integer }  nearest neighbours
function F.upsample(x, opts)
  if type(opts) ~= "table" or not opts.scale_factor then
    blame("upsample: scale_factor is missing; give { scale_factor = 2 }")
  end
  return F.upsample_nearest2d(x, opts.scale_factor)
end

-- A table of options without return_indices, which says which op to call.
local function take_indices(opts)
  if type(opts) ~= "table" or opts.return_indices == nil then
    return opts, false
  end
  local rest = {}
  for k, v in pairs(opts) do if k ~= "return_indices" then rest[k] = v end end
  return rest, opts.return_indices
end

--- The last argument of a call, a table of options, with return_indices
--- taken out: true, or false.
local function split_indices(...)
  local arguments, n = { ... }, select("#", ...)
  local indices
  arguments[n], indices = take_indices(arguments[n])
  return indices, table.unpack(arguments, 1, n)
end

-- A sequence without N as a batch of one: what fn gives, then, lacks N too.
local function alone(fn, x, ...)
  if not options.is_tensor(x) or x:dim() ~= 2 then return nil end
  local y, indices = fn(x:unsqueeze(1), ...)
  return y:squeeze(1), indices and indices:squeeze(1)
end

--- max_pool1d, and the position of each maximum in its row, from 1.
---@param x orrery.Tensor  [N, C, L] or [C, L]
---@param kernel_size integer
---@param opts? table  stride, padding, dilation, ceil_mode, as max_pool1d
---@return orrery.Tensor y
---@return orrery.Tensor indices
function F.max_pool1d_with_indices(x, kernel_size, opts)
  local who = "max_pool1d"
  local y, indices = alone(F.max_pool1d_with_indices, x, kernel_size, opts)
  if y then return y, indices end
  opts = options.take(who, opts, { padding = 0, dilation = 1,
    ceil_mode = false }, { "stride" })
  if options.tensor(who, "x", x, "float"):dim() ~= 3 then
    blame("%s: x is %s; give sequences [N, C, L]", who, x:shape_str())
  end
  kernel_size = options.count(who, "kernel_size", kernel_size)
  y, indices = F.max_pool2d_with_indices(x:unsqueeze(3),
    { 1, kernel_size }, {
      stride = { 1, options.count(who, "stride", opts.stride or kernel_size) },
      padding = { 0, options.count(who, "padding", opts.padding, 0) },
      dilation = { 1, options.count(who, "dilation", opts.dilation) },
      ceil_mode = opts.ceil_mode })
  return y:squeeze(3), indices:squeeze(3)
end

-- The largest of each of m windows along an axis, as adaptive pools have
-- them, and where along the axis it is.
local function largest(x, axis, m)
  local n, values, places = x:size(axis), {}, {}
  for i = 1, m do
    local before = (i - 1) * n // m
    local box = x:narrow(axis, before + 1, (i * n + m - 1) // m - before)
    local value, at = orrery.max(box, axis)
    values[i], places[i] = value, at + before
  end
  return orrery.stack(values, axis), orrery.stack(places, axis)
end

--- adaptive_max_pool1d, and the position of each maximum in its row, from 1.
---@param x orrery.Tensor  [N, C, L] or [C, L]
---@param output_size integer
---@return orrery.Tensor y
---@return orrery.Tensor indices
function F.adaptive_max_pool1d_with_indices(x, output_size)
  F.adaptive_max_pool1d(x:detach(), output_size)  -- for its sentences
  return largest(x, -1, output_size)
end

--- adaptive_max_pool2d, and the row-major position of each maximum in its
--- plane, from 1.
---@param x orrery.Tensor  [N, C, H, W] or [C, H, W]
---@param output_size integer|integer[]
---@return orrery.Tensor y
---@return orrery.Tensor indices
function F.adaptive_max_pool2d_with_indices(x, output_size)
  F.adaptive_max_pool2d(x:detach(), output_size)
  local size = options.pair("adaptive_max_pool2d", "output_size", output_size)
  local rows, column = largest(x, -1, size[2])
  local y, row = largest(rows, -2, size[1])
  return y, (row - 1) * x:size(-1) + column:gather(-2, row)
end

-- { return_indices = true } gives the positions of the maxima too.
for _, name in ipairs { "max_pool1d", "max_pool2d", "adaptive_max_pool1d",
  "adaptive_max_pool2d" } do
  local plain, both = F[name], F[name .. "_with_indices"]
  local function choose(indices, ...)
    if indices == true then return both(...) end
    return plain(...)
  end
  F[name] = function(...) return choose(split_indices(...)) end
end

--- The inverse of max_pool1d where it has one.
---@param x orrery.Tensor  [N, C, L] or [C, L]
---@param indices orrery.Tensor  int64, from max_pool1d_with_indices
---@param kernel_size integer
---@param opts? { stride?: integer, padding?: integer, output_size?: integer }
function F.max_unpool1d(x, indices, kernel_size, opts)
  local who = "max_unpool1d"
  if options.is_tensor(indices) and indices:dim() == 2 then
    local y = alone(F.max_unpool1d, x, indices:unsqueeze(1), kernel_size, opts)
    if y then return y end
  end
  opts = options.take(who, opts, { padding = 0 }, { "stride", "output_size" })
  if options.tensor(who, "x", x, "float"):dim() ~= 3 then
    blame("%s: x is %s; give sequences [N, C, L]", who, x:shape_str())
  elseif options.tensor(who, "indices", indices):shape_str() ~= x:shape_str()
  then
    blame("%s: x is %s but indices are %s; match them", who, x:shape_str(),
      indices:shape_str())
  end
  kernel_size = options.count(who, "kernel_size", kernel_size)
  local size = opts.output_size
  return F.max_unpool2d(x:unsqueeze(3), indices:unsqueeze(3),
    { 1, kernel_size }, {
      stride = { 1, options.count(who, "stride", opts.stride or kernel_size) },
      padding = { 0, options.count(who, "padding", opts.padding, 0) },
      output_size = size and { 1, options.count(who, "output_size", size) },
    }):squeeze(3)
end

-- Scales the rows about to be looked up down to max_norm, in place.
local function renormalise(index, weight, max_norm, p)
  orrery.tidy(orrery.no_grad, function()
    local at = index:flatten()
    local rows = weight:index_select(1, at)
    local norm = rows:norm { p = p, axis = 2, keepdim = true }
    local factor = orrery.where(norm:gt(max_norm), max_norm / (norm + 1e-7),
      orrery.ones_like(norm))
    weight:index_copy_(1, at, rows * factor)
  end)
end

-- The op, and what is no op's: max_norm and norm_type write to the weight.
local embedding = F.embedding
function F.embedding(index, weight, opts, ...)
  if type(opts) ~= "table"
    or opts.max_norm == nil and opts.norm_type == nil then
    return embedding(index, weight, opts, ...)
  end
  local who, rest = "embedding", {}
  for name, value in pairs(opts) do
    if name ~= "max_norm" and name ~= "norm_type" then rest[name] = value end
  end
  local p = options.number(who, "norm_type", opts.norm_type or 2)
  if opts.max_norm and not orrery.is_rerunning() then
    orrery.no_grad(embedding, index, weight)  -- refuses what it does not know
    renormalise(index, weight, options.number(who, "max_norm", opts.max_norm,
      function(m) return m > 0 end, "a number above 0"), p)
  end
  return embedding(index, weight, rest, ...)
end

--- triplet_margin_loss with a distance of one's own.
---@param anchor orrery.Tensor
---@param positive orrery.Tensor
---@param negative orrery.Tensor
---@param opts? table  distance_function (pairwise_distance), margin (1),
---   swap (false), reduction ("mean")
function F.triplet_margin_with_distance_loss(anchor, positive, negative, opts)
  local who = "triplet_margin_with_distance_loss"
  opts = options.take(who, opts, { distance_function = F.pairwise_distance,
    margin = 1, swap = false, reduction = "mean" })
  local distance = options.callable(who, "distance_function",
    opts.distance_function)
  options.number(who, "margin", opts.margin)
  options.tensor(who, "anchor", anchor, "float")
  options.tensor(who, "positive", positive, "float")
  options.tensor(who, "negative", negative, "float")
  local near = options.tensor(who, "distance", distance(anchor, positive))
  local far = options.tensor(who, "distance", distance(anchor, negative))
  if opts.swap then far = far:minimum(distance(positive, negative)) end
  local each = (near - far + opts.margin):relu()
  if opts.reduction == "none" then return each end
  if opts.reduction == "sum" then return each:sum() end
  if opts.reduction == "mean" then return each:mean() end
  return blame("%s: reduction is %s; use \"mean\", \"sum\" or \"none\"", who,
    options.shown(opts.reduction))
end

return F
