--- Colour pictures kept as bytes, alone or several views of one thing side by
--- side (a photograph, its partner in another domain, a mask).
local orrery = require "orrery"
local Dataset = require("orrery.data.dataset").Dataset
local blame = require "orrery.blame"
local options = require "orrery.options"

---@class orrery.data.Pictures: orrery.data.Dataset
---@field views orrery.Tensor[]  alike in their first axis
---@field range number[]  what bytes 0 and 255 become
local Pictures = setmetatable({}, { __index = Dataset })
Pictures.__index = Pictures

function Pictures.__len(self) return self.views[1]:size(1) end

local function with_views(self, views)
  return setmetatable({ views = views, range = self.range }, Pictures)
end

local function mapped(self, fn)
  local views = {}
  for i, view in ipairs(self.views) do views[i] = fn(view) end
  return views
end

--- The pictures at these positions: bytes come as floats in `range`, other
--- views as they are.
---@param indices orrery.Tensor  int64 [B]
---@param opts? { dtype?: string, flat?: boolean }
---@return orrery.Tensor ...  [B, C, H, W], one of each view
function Pictures:get(indices, opts)
  local low, high = self.range[1], self.range[2]
  return table.unpack(mapped(self, function(view)
    local x = view:index_select(1, indices)
    if x.dtype == "uint8" then
      x = x:to(opts and opts.dtype or "float32") * ((high - low) / 255) + low
    end
    return opts and opts.flat and x:flatten(2) or x
  end))
end

--- All at once, as get() gives them.
---@param opts? { dtype?: string, flat?: boolean }
---@return orrery.Tensor ...  [N, C, H, W]
function Pictures:everything(opts)
  opts = options.take("everything", opts, {}, { "dtype", "flat" })
  return self:get(orrery.range(1, #self, { dtype = "int64" }), opts)
end

--- One of the views alone, as a set of its own.
---@param k integer  from 1
---@return orrery.data.Pictures
function Pictures:view(k)
  options.count("view", "k", k)
  if k > #self.views then
    blame("view: k is %d; these pictures have %d views", k, #self.views)
  end
  return with_views(self, { self.views[k] })
end

function Pictures:pick(indices)
  return with_views(self, mapped(self, function(view)
    return view:index_select(1, indices)
  end))
end

function Pictures:slice(first, last)
  return with_views(self, mapped(self, function(view)
    return view:narrow(1, first, last - first + 1)
  end))
end

function Pictures.__tostring(self)
  local x = self.views[1]
  return ("%d %s of %d x %d"):format(#self,
    #self.views == 1 and "pictures" or "sets of pictures", x:size(-2),
    x:size(-1))
end

--- Pictures held in memory.
---@param views orrery.Tensor[]  uint8 [N, C, H, W] each; other tensors with N
---   rows (masks, labels) go along unchanged
---@param opts? { range?: number[] }  what 0 and 255 become, { -1, 1 }
---@return orrery.data.Pictures
function Pictures.new(views, opts)
  local who = "Pictures"
  local o = options.take(who, opts, { range = { -1, 1 } })
  if type(o.range) ~= "table" or #o.range ~= 2 then
    blame("%s: range is %s; give what 0 and 255 become, as { -1, 1 }", who,
      options.shown(o.range))
  end
  for i = 1, 2 do options.number(who, "range", o.range[i]) end
  if type(views) ~= "table" or #views == 0 then
    blame("%s: views are %s; give a list of tensors", who,
      options.shown(views))
  end
  for i, view in ipairs(views) do
    options.tensor(who, "view " .. i, view)
    if view.dtype == "uint8" and view:dim() ~= 4 then
      blame("%s: view %d is uint8 %s; give [N, C, H, W]", who, i,
        view:shape_str())
    end
    if view:dim() == 0 or view:size(1) ~= views[1]:size(1) then
      blame("%s: view 1 is %s, view %d is %s; give as many of each", who,
        views[1]:shape_str(), i, view:shape_str())
    end
  end
  return setmetatable({ views = views, range = o.range }, Pictures)
end

return Pictures
