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
  if options.tensor("pad_same", "x", x):dim() ~= 4 then
    blame("pad_same: x is %s; give images [N, C, H, W]", x:shape_str())
  end
  kernel = options.pair("pad_same", "kernel", kernel)
  stride = options.pair("pad_same", "stride", stride or 1)
  dilation = options.pair("pad_same", "dilation", dilation or 1)
  local top, bottom = same_padding(x:size(3), kernel[1], stride[1], dilation[1])
  local left, right = same_padding(x:size(4), kernel[2], stride[2], dilation[2])
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

return F
