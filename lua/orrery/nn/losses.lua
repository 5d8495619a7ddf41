--- Losses and distances as modules, with PyTorch's names:
---
---     local criterion = nn.CrossEntropyLoss { label_smoothing = 0.1 }
---     local loss = criterion(logits, labels)
---
--- Each takes the options of its function in nn.functional (see its help) and
--- is called with that function's tensors. Weights of classes are buffers, so
--- they are saved and converted with the model.
local orrery = require "orrery"
local F = require "orrery.nn.functional"
local Module = require "orrery.nn.module"
local blame = require "orrery.blame"
local options = require "orrery.options"
local show = require "orrery.nn.show"

local layers = {}

--- What the op takes: tensors of each call, tensors kept, plain options.
local function signature(op)
  local called, kept, plain = {}, {}, {}
  for _, param in ipairs(orrery.record(op).params) do
    local list = param.kind ~= "tensor" and plain
      or param.required and called or kept
    list[#list + 1] = param
  end
  return called, kept, plain
end

local wanted = { number = "number", integer = "number", axis = "number",
  boolean = "boolean" }

local function check_plain(who, param, value)
  local kind = wanted[param.kind]
  if kind and type(value) ~= kind then
    blame("%s: %s is %s; give a %s", who, param.name, options.shown(value),
      kind)
  end
  if param.kind == "choice" then
    for choice in param.choices:gmatch "[^|]+" do
      if value == choice then return value end
    end
    blame("%s: %s is %s; use %s", who, param.name, options.shown(value),
      (param.choices:gsub("|", ", ")))
  end
  return value
end

--- A module around the op of that name.
local function module_of(name, op)
  local class = Module:subclass(name)
  local who = name:lower()
  class.wraps = op  -- for help

  function class:init(opts)
    local called, kept, plain = signature(op)
    local defaults, optional = {}, {}
    for _, param in ipairs(plain) do defaults[param.name] = param.default end
    for _, param in ipairs(kept) do optional[#optional + 1] = param.name end
    opts = options.take(who, opts, defaults, optional)
    self.inputs, self.option_names, self.defaults = {}, {}, defaults
    for i, param in ipairs(called) do self.inputs[i] = param.name end
    for _, param in ipairs(plain) do
      table.insert(self.option_names, param.name)
      self[param.name] = check_plain(who, param, opts[param.name])
    end
    for _, param in ipairs(kept) do
      table.insert(self.option_names, param.name)
      if opts[param.name] ~= nil then
        options.tensor(who, param.name, opts[param.name], "float")
        self:register_buffer(param.name, opts[param.name])
      end
    end
  end

  function class:forward(...)
    for i, input in ipairs(self.inputs) do
      local x = select("#", ...) >= i and (select(i, ...)) or nil
      if not options.is_tensor(x) then
        self:fail("%s is %s; give a tensor", input, options.shown(x))
      end
    end
    if select("#", ...) > #self.inputs then
      self:fail("%d values are given; give %s", select("#", ...),
        table.concat(self.inputs, ", "))
    end
    local given, args = {}, { ... }
    for _, option in ipairs(self.option_names) do
      local value = self[option]
      if value ~= self.defaults[option] then given[option] = value end
    end
    args[#args + 1] = given
    return F[op](table.unpack(args))
  end

  function class:extra_repr()
    local _, _, plain = signature(op)
    local list = {}
    for i, param in ipairs(plain) do
      list[2 * i - 1], list[2 * i] = param.name, param.default
    end
    return (show.options(self, table.unpack(list, 1, 2 * #plain))
      :gsub("^, ", ""))
  end

  layers[name] = class
end

module_of("BCELoss", "binary_cross_entropy")
module_of("BCEWithLogitsLoss", "binary_cross_entropy_with_logits")
module_of("CosineEmbeddingLoss", "cosine_embedding_loss")
module_of("CosineSimilarity", "cosine_similarity")
module_of("CrossEntropyLoss", "cross_entropy")
module_of("GaussianNLLLoss", "gaussian_nll_loss")
module_of("HingeEmbeddingLoss", "hinge_embedding_loss")
module_of("HuberLoss", "huber_loss")
module_of("KLDivLoss", "kl_div")
module_of("L1Loss", "l1_loss")
module_of("MSELoss", "mse_loss")
module_of("MarginRankingLoss", "margin_ranking_loss")
module_of("MultiLabelMarginLoss", "multilabel_margin_loss")
module_of("MultiLabelSoftMarginLoss", "multilabel_soft_margin_loss")
module_of("MultiMarginLoss", "multi_margin_loss")
module_of("NLLLoss", "nll_loss")
module_of("PairwiseDistance", "pairwise_distance")
module_of("PoissonNLLLoss", "poisson_nll_loss")
module_of("SmoothL1Loss", "smooth_l1_loss")
module_of("SoftMarginLoss", "soft_margin_loss")
module_of("TripletMarginLoss", "triplet_margin_loss")

--- The triplet loss by a distance of one's own:
--- max(0, margin + d(anchor, positive) - d(anchor, negative)).
---@class orrery.nn.TripletMarginWithDistanceLoss: orrery.nn.Module
local TripletMarginWithDistanceLoss =
  Module:subclass "TripletMarginWithDistanceLoss"
layers.TripletMarginWithDistanceLoss = TripletMarginWithDistanceLoss

---@param opts? { distance_function?: function, margin?: number,
---   swap?: boolean, reduction?: string }
function TripletMarginWithDistanceLoss:init(opts)
  local who = "tripletmarginwithdistanceloss"
  self.options = options.take(who, opts, {},
    { "distance_function", "margin", "swap", "reduction" })
  if self.options.distance_function ~= nil then
    options.callable(who, "distance_function", self.options.distance_function)
  end
end

---@param anchor orrery.Tensor  [N, D]
---@param positive orrery.Tensor  alike
---@param negative orrery.Tensor  alike
---@return orrery.Tensor
function TripletMarginWithDistanceLoss:forward(anchor, positive, negative)
  return F.triplet_margin_with_distance_loss(anchor, positive, negative,
    self.options)
end

return layers
