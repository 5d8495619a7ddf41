--- Building blocks: a sum around a module, a linear layer with holes, one of
--- two inputs, a rectifier whose slope is learnt.
local orrery = require "orrery"
local F = require "orrery.nn.functional"
local Layer = require "orrery.nn.layer"
local Linear = require("orrery.nn.linear").Linear
local Module = require "orrery.nn.module"
local blame = require "orrery.blame"
local options = require "orrery.options"
local program = require("orrery.core").program

--- x + body(x) (He et al. 2016).
---@class orrery.nn.Residual: orrery.nn.Module
---@field body orrery.nn.Module
local Residual = Layer:subclass "Residual"

---@param body orrery.nn.Module  gives back the shape it gets
function Residual:init(body)
  if not Module.is_module(body) then
    blame("residual: body is %s; give a module", options.shown(body))
  end
  self.body = body
end

function Residual:forward(x)
  local y = self.body(x)
  if not options.is_tensor(y) or y:shape_str() ~= x:shape_str() then
    self:fail("x is %s but the body gives %s; they must have one shape",
      x:shape_str(), options.is_tensor(y) and y:shape_str()
        or options.shown(y))
  end
  return x + y
end

-- From this many weights on, sorting by degree costs less than the products
-- it spares (measured: at 64 x 64 the two ways take as long).
local WORTH_SORTING = 64 * 64

-- layer -> { mask, version, in_degree, out_degree }; no degrees when the mask
-- is not a staircase, or hides little.
local plans = setmetatable({}, { __mode = "k" })

-- Degrees such that output r sees input c where out[r] >= in[c]: an output's
-- is how many inputs it sees, an input's the least of those that see it.
local function degrees_of(mask)
  local n, k = mask:size(1), mask:size(2)
  if n * k < WORTH_SORTING then return end
  local seen = mask:ne(0):to "float64"
  local out = seen:sum(2)
  if out:sum():item() > 0.9 * n * k then return end
  local rows = out:unsqueeze(2):expand { n, k }
  local least = orrery.where(seen:ne(0), rows,
    orrery.full_like(rows, k + 1)):amin(1)
  local stairs = rows:ge(least:unsqueeze(1)):to(mask.dtype)
  if mask:ne(stairs):any():item() ~= 0 then return end
  return least:to "int64", out:to "int64"
end

-- Degrees are read off the mask's values, which a step that is being recorded
-- must not do: there a mask nobody planned for is multiplied.
local unplanned = {}

local function plan_of(layer)
  local plan, mask = plans[layer], layer.mask
  if not plan or not rawequal(plan.mask, mask)
      or plan.version ~= mask:version() then
    if program.recording() then return unplanned end
    plan = { mask = mask, version = mask:version() }
    orrery.no_grad(function()  -- the plan outlives the step that needs it
      plan.in_degree, plan.out_degree = orrery.keep(degrees_of(mask))
    end)
    plans[layer] = plan
  end
  return plan
end

--- A linear layer whose weight is multiplied by a mask of zeros and ones
--- (Germain et al. 2015, MADE). Where the mask is a staircase, as MADE's are
--- with rows and columns in order of degree, what it hides is not computed.
---@class orrery.nn.MaskedLinear: orrery.nn.Linear
---@field mask orrery.Tensor  [out_features, in_features], a buffer
local MaskedLinear = Linear:subclass "MaskedLinear"

---@param in_features integer
---@param out_features integer
---@param opts? { bias?: boolean, dtype?: string,
---   generator?: orrery.Generator }
function MaskedLinear:init(in_features, out_features, opts)
  Linear.init(self, in_features, out_features, opts)
  self:register_buffer("mask", orrery.ones({ out_features, in_features },
    { dtype = self.weight.dtype }))
end

--- Says which inputs (columns) each output (row) sees.
---@param mask orrery.Tensor  [out_features, in_features]
---@return self
function MaskedLinear:set_mask(mask)
  options.tensor("set_mask", "mask", mask)
  if mask:shape_str() ~= self.mask:shape_str() then
    blame("set_mask: mask is %s but the weight is %s; match them",
      mask:shape_str(), self.mask:shape_str())
  end
  self.mask:copy_(mask:to(self.mask.dtype))
  plan_of(self)
  return self
end

--- What a recorded step takes for granted: it is recorded anew when this is
--- another value.
---@return table
function MaskedLinear:recorded_form() return plan_of(self) end

function MaskedLinear:forward(x)
  if x:dim() == 0 or x:size(-1) ~= self.in_features then
    self:fail("x is %s but in_features is %d; change the layer or its input",
      x:shape_str(), self.in_features)
  end
  local plan = plan_of(self)
  if plan.in_degree then
    return F.made_linear(x, self.weight, plan.in_degree, plan.out_degree,
      self.bias)
  end
  return F.linear(x, self.weight * self.mask, self.bias)
end

--- x where positive, else weight x: one slope for all channels, or one each
--- (He et al. 2015).
---@class orrery.nn.PReLU: orrery.nn.Module
---@field weight orrery.Tensor  [num_parameters]
local PReLU = Layer:subclass "PReLU"

---@param num_parameters? integer  1
---@param init? number  0.25
function PReLU:init(num_parameters, init)
  local n = options.count("prelu", "num_parameters", num_parameters or 1)
  local value = options.number("prelu", "init", init or 0.25)
  self.weight = (orrery.ones { n } * value):requires_grad_()
end

function PReLU:forward(x) return F.prelu(x, self.weight) end

function PReLU:extra_repr() return tostring(self.weight:numel()) end

--- y_k = a' W_k b + bias_k of two inputs. Starts uniform in
--- +- 1 / sqrt(in1_features), as in PyTorch.
---@class orrery.nn.Bilinear: orrery.nn.Module
---@field weight orrery.Tensor  [out_features, in1_features, in2_features]
---@field bias orrery.Tensor?  [out_features]
local Bilinear = Module:subclass "Bilinear"

---@param in1_features integer
---@param in2_features integer
---@param out_features integer
---@param opts? { bias?: boolean, dtype?: string,
---   generator?: orrery.Generator }
function Bilinear:init(in1_features, in2_features, out_features, opts)
  opts = options.take("bilinear", opts, { bias = true, dtype = "float32" },
    { "generator" })
  self.in1_features = options.count("bilinear", "in1_features", in1_features)
  self.in2_features = options.count("bilinear", "in2_features", in2_features)
  self.out_features = options.count("bilinear", "out_features", out_features)
  local bound = 1 / math.sqrt(self.in1_features)
  self.weight = Layer.fresh({ out_features, in1_features, in2_features }, bound,
    opts)
  if opts.bias then self.bias = Layer.fresh({ out_features }, bound, opts) end
end

local function want_features(self, name, x, n)
  if not options.is_tensor(x) then
    self:fail("%s is %s; give a tensor", name, options.shown(x))
  end
  if x:dim() == 0 or x:size(-1) ~= n then
    self:fail("%s is %s but [..., %d] is wanted; change the layer or its input",
      name, x:shape_str(), n)
  end
end

---@param a orrery.Tensor  [..., in1_features]
---@param b orrery.Tensor  [..., in2_features]
---@return orrery.Tensor  [..., out_features]
function Bilinear:forward(a, b)
  want_features(self, "a", a, self.in1_features)
  want_features(self, "b", b, self.in2_features)
  if a:narrow(-1, 1, 1):shape_str() ~= b:narrow(-1, 1, 1):shape_str() then
    self:fail("a is %s but b is %s; all but their last axes must be alike",
      a:shape_str(), b:shape_str())
  end
  return F.bilinear(a, b, self.weight, self.bias)
end

function Bilinear:extra_repr()
  return ("%d, %d, %d%s"):format(self.in1_features, self.in2_features,
    self.out_features, self.bias and "" or ", { bias = false }")
end

return { Residual = Residual, MaskedLinear = MaskedLinear, PReLU = PReLU,
  Bilinear = Bilinear }
