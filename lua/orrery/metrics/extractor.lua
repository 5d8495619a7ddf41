--- What metrics look at images with: a network, the layer of it that counts as
--- features, its name and the hash of its weights.
---
---     local e = metrics.extractor()             -- digits and clothes
---     local e = metrics.extractor { network = net, name = "mine" }
---     local e = metrics.extractor { inception = "weights.safetensors" }
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"
local sorted_keys = require "orrery.sorted_keys"

---@class orrery.metrics.Extractor
---@field name string
---@field hash string  of names and weights, FNV-1a over 8 bytes, 16 digits
---@field network orrery.nn.Module
---@field side integer  images are resized to this height and width; 0: as is
---@field colours integer?  channels wanted; nil: as is
---@field batch integer  images looked at together
local Extractor = {}

-- Eight bytes at a time; what is less is filled up with zeros.
local function mixed(h, bytes)
  bytes = bytes .. ("\0"):rep(-#bytes % 8)
  for at = 1, #bytes, 8 do
    h = (h ~ ("<i8"):unpack(bytes, at)) * 0x100000001b3
  end
  return h
end

-- The hash of a network's state: names in order, then numbers as doubles.
local function fingerprint(network)
  local state, h = network:state_dict(), 0xcbf29ce484222325
  for _, name in ipairs(sorted_keys(state)) do
    h = mixed(h, name .. "\0")
    local list = state[name]:reshape(-1):tolist()
    for first = 1, #list, 128 do
      local last = math.min(first + 127, #list)
      h = mixed(h, ("<" .. ("d"):rep(last - first + 1)):pack(
        table.unpack(list, first, last)))
    end
  end
  return ("%016x"):format(h)
end

function Extractor.__index(self, key)
  if key == "hash" then  -- when first asked for: it reads every weight
    local hash = fingerprint(self.network)
    rawset(self, "hash", hash)
    return hash
  end
  return Extractor[key]
end

local function checked(self, x)
  options.tensor("extractor", "x", x, "float")
  if x:dim() ~= 4 or x:size(2) ~= (self.colours or x:size(2)) then
    blame("extractor: x is %s; %s looks at images [N, %s, H, W]",
      x:shape_str(), self.name, self.colours or "C")
  end
end

-- Images as the network wants them, differentiable.
local function prepared(self, x)
  checked(self, x)
  if self.side > 0 and (x:size(3) ~= self.side or x:size(4) ~= self.side) then
    x = orrery.interpolate(x, { size = self.side, mode = "bilinear" })
  end
  return x
end

-- What `look` says of all images, some at a time, without gradients.
local function in_batches(self, x, look)
  local parts = {}
  for first = 1, x:size(1), self.batch do
    local some = x:narrow(1, first, math.min(self.batch,
      x:size(1) - first + 1))
    parts[#parts + 1] = orrery.tidy(function()
      return orrery.no_grad(function() return look(some) end)
    end)
  end
  return orrery.cat(parts, 1)
end

--- Features with their gradients.
---@param x orrery.Tensor  [N, C, H, W], 0 to 1
---@return orrery.Tensor  [N, D]
function Extractor:embed(x)
  return self.network:features(prepared(self, x))
end

--- Maps of the layers on the way, with their gradients, for losses that
--- compare pictures by what is seen in them. The network's maps(x) makes them;
--- images keep their size.
---@param x orrery.Tensor  [N, C, H, W], 0 to 1
---@return orrery.Tensor[]  [N, channels, height, width] each, the first layer's
---  first
function Extractor:maps(x)
  if type(self.network.maps) ~= "function" then
    blame("extractor: %s has no maps(x); give a network that has", self.name)
  end
  checked(self, x)
  return self.network:maps(x)
end

--- The Gram matrices of those maps, F F' / M for the M places of F [C, M]:
--- which features come together, wherever (Gatys, Ecker & Bethge 2015, eq. 3,
--- there not divided).
---@param x orrery.Tensor  [N, C, H, W], 0 to 1
---@return orrery.Tensor[]  [N, channels, channels] each
function Extractor:grams(x)
  local list = self:maps(x)
  for i, map in ipairs(list) do
    local f = map:flatten(3)
    list[i] = f:matmul(f:transpose(2, 3)) / f:size(3)
  end
  return list
end

--- Features, some images at a time.
---@param x orrery.Tensor  [N, C, H, W], 0 to 1
---@return orrery.Tensor  [N, D], of the network's dtype
function Extractor:features(x)
  return in_batches(self, x, function(some) return self:embed(some) end)
end

--- p(class | image), of all the network's classes, or of some of them only,
--- as if the others did not exist.
---@param x orrery.Tensor  [N, C, H, W], 0 to 1
---@param classes? { [1]: integer, [2]: integer }|string  first and last;
---  "digits" is { 1, 10 }, "clothes" { 11, 20 }
---@return orrery.Tensor  [N, K]
function Extractor:probs(x, classes)
  local spans = { digits = { 1, 10 }, clothes = { 11, 20 } }
  local span = type(classes) == "string" and spans[classes] or classes
  if classes and type(span) ~= "table" then
    blame("probs: classes is %s; use \"digits\", \"clothes\" or { first, last"
      .. " }", options.shown(classes))
  end
  return in_batches(self, x, function(some)
    local logits = self.network(prepared(self, some))
    if span then
      logits = logits:narrow(2, span[1], span[2] - span[1] + 1)
    end
    return logits:softmax(2)
  end)
end

--- The likeliest class of each image, from 1 within `classes`.
---@param x orrery.Tensor  [N, C, H, W], 0 to 1
---@param classes? { [1]: integer, [2]: integer }|string  as in probs
---@return orrery.Tensor  int64 [N]
function Extractor:classify(x, classes)
  return self:probs(x, classes):argmax { axis = 2 }
end

function Extractor.__tostring(self)
  return ("extractor %s, %s"):format(self.name, self.hash)
end

local function new(network, name, fields)
  fields.network, fields.name = network:eval(), name
  network:requires_grad_(false)
  return setmetatable(fields, Extractor)
end

local here = debug.getinfo(1, "S").source
  :match "^@(.*)metrics/extractor%.lua$" or ""
local shipped = setmetatable({}, { __mode = "v" })

-- The network that comes with Orrery; read once while anybody holds it. When
-- that is again is the collector's affair, so it takes nothing from the
-- default stream.
local function default()
  if shipped[1] then return shipped[1] end
  local stream = orrery.default_generator()
  local before = stream:state()
  local network = require "orrery.metrics.classifier"()
  stream:set_state(before)
  local tensors = assert(orrery.io.read_safetensors(here
    .. "datasets/classifier/digits-fashion.safetensors"))
  network:load_state_dict(tensors)
  for _, list in ipairs { network:parameters(), network:buffers() } do
    for _, x in ipairs(list) do orrery.keep(x) end
  end
  local e = new(network, "digits-fashion", { side = 28, colours = 1,
    batch = 500 })
  shipped[1] = e
  return e
end

-- The file may have the second classifier of training, or not.
local function inception(path, fid)
  local tensors, why = orrery.io.read_safetensors(path)
  if not tensors then return nil, (why:gsub("^[%w_]+", "extractor", 1)) end
  local last = tensors["fc.weight"]
  local network = require "orrery.metrics.inception" { fid = fid,
    aux = tensors["AuxLogits.fc.weight"] ~= nil,
    classes = last and last:size(1) }
  orrery.nn.utils.load_torch(network, tensors)
  return new(network, "inception-v3", { side = 299, colours = 3, batch = 20 })
end

--- The extractor of the metrics. Without options the small network for digits
--- and clothes that comes with Orrery, for grey images, 48 features; it was
--- trained by scripts/train_extractor.lua. With `inception` the network of
--- Szegedy et al. 2016, its weights read from a safetensors file. With
--- `network` any module that has features(x) and gives logits when called.
--- Values under different extractors cannot be compared.
---@param given? { inception?: string, fid?: boolean,
---   network?: orrery.nn.Module, name?: string, side?: integer,
---   colours?: integer, batch?: integer }  fid: the weights are those of the
---  FID's own network (1008 classes), true unless told
---@return orrery.metrics.Extractor?  nil when the file cannot be read
---@return string? why
return function(given)
  local o = options.take("extractor", given, { fid = true, batch = 100,
    side = 0 }, { "inception", "network", "name", "colours" })
  if o.inception then
    return inception(options.text("extractor", "inception", o.inception),
      options.flag("extractor", "fid", o.fid))
  end
  if not o.network then return default() end
  options.text("extractor", "name", o.name)
  if type(o.network) ~= "table" or type(o.network.features) ~= "function" then
    blame("extractor: network is %s; give a module with features(x)",
      options.shown(o.network))
  end
  return new(o.network, o.name, { side = options.count("extractor", "side",
    o.side, 0), colours = o.colours,
    batch = options.count("extractor", "batch", o.batch) })
end
