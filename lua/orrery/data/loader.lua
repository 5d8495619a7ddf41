--- Batches of a dataset, in file order or shuffled by a stream of their own.
---
---     for x, y in digits.train:batches(128, { shuffle = true }) do ... end
---
--- A loader remembers where it is: looping over it again gives the next epoch
--- in a new order; state() and set_state() carry the place over to another
--- process, which then sees the same batches.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

---@class orrery.data.Loader
---@field dataset table
---@field batch_size integer
---@field epoch integer  the epoch it is in, from 1
---@field position integer  examples of this epoch already given
local Loader = {}
Loader.__index = Loader

-- Seeds drawn from the default stream keep manual_seed in charge.
local function fresh_seed()
  return orrery.randint(0, 2 ^ 31 - 2, 1):item()
end

---@param dataset table  has __len and get(indices, opts)
---@param batch_size integer
---@param opts? { shuffle?: boolean, drop_last?: boolean, seed?: integer,
---   generator?: orrery.Generator, flat?: boolean, dtype?: string }
---@return orrery.data.Loader
function Loader.new(dataset, batch_size, opts)
  local who = "batches"
  opts = options.take(who, opts, { shuffle = false, drop_last = false },
    { "seed", "generator", "flat", "dtype" })
  local self = setmetatable({ dataset = dataset, opts = opts, epoch = 1,
    position = 0 }, Loader)
  self.batch_size = options.count(who, "size", batch_size)
  if opts.seed ~= nil then options.count(who, "seed", opts.seed, 0) end
  if opts.shuffle then
    self.generator = opts.generator
      or orrery.Generator(opts.seed or fresh_seed())
  end
  return self
end

--- Batches in an epoch.
function Loader:__len()
  local n = #self.dataset
  if self.opts.drop_last then return n // self.batch_size end
  return (n + self.batch_size - 1) // self.batch_size
end

--- The order of this epoch; the stream's state before it is noted, so that
--- the order can be had again. No scope it was drawn in may free it.
local function set_order(self)
  self.drawn_at = self.generator:state()
  self.order = orrery.keep(
    orrery.randperm(#self.dataset, { generator = self.generator }))
end

-- Positions first to last in this epoch's order.
function Loader:positions(first, last)
  if not self.opts.shuffle then
    return orrery.range(first, last, { dtype = "int64" })
  end
  if not self.order then set_order(self) end
  return self.order:narrow(1, first, last - first + 1)
end

local ahead = 2  -- batches begun on before they are asked for

-- The batch from `first` to `last`. A dataset that can begin on one in the
-- background (begin, finish) is told of the next ones.
function Loader:fetch(first, last)
  local set, opts, epoch = self.dataset, self.opts, self.epoch
  if not set.begin then
    return set:get(self:positions(first, last), opts, epoch)
  end
  local queue = {}
  for _, one in ipairs(self.coming or {}) do
    if one.epoch == epoch and one.order == self.order and one.first >= first
    then
      queue[#queue + 1] = one
    end
  end
  self.coming = queue
  local at, n = first, #set
  for k = 1, ahead + 1 do
    local stop = math.min(at + self.batch_size - 1, n)
    if at > n then break end
    if not queue[k] or queue[k].first ~= at then
      local indices = self:positions(at, stop)
      queue[k] = { epoch = epoch, first = at, order = self.order,
        batch = set:begin(indices, opts, epoch) }
    end
    at = stop + 1
  end
  local batch = table.pack(set:finish(queue[1].batch))
  table.remove(queue, 1)
  return table.unpack(batch, 1, batch.n)
end

--- The next batch, or nil at the end of an epoch.
---@return orrery.Tensor? x
---@return ... further tensors of the dataset
function Loader:next()
  local n = #self.dataset
  local first = self.position + 1
  local last = math.min(self.position + self.batch_size, n)
  local size = last - first + 1
  if size < 1 or (self.opts.drop_last and size < self.batch_size) then
    self.epoch, self.position, self.order = self.epoch + 1, 0, nil
    return nil
  end
  local batch = table.pack(self:fetch(first, last))
  self.position = last  -- after all that can fail
  return table.unpack(batch, 1, batch.n)
end

function Loader.__call(self) return self:next() end

--- Back to the start of the epoch it is in (the same order again).
function Loader:rewind() self.position = 0 end

--- Where it is, for set_state.
---@return table
function Loader:state()
  local drawn
  if self.generator then
    drawn = self.order and self.drawn_at or self.generator:state()
  end
  return { epoch = self.epoch, position = self.position, size = #self.dataset,
    batch_size = self.batch_size, stream = drawn }
end

--- Goes where another loader of the same data was.
---@param state table
function Loader:set_state(state)
  local who = "set_state"
  if type(state) ~= "table" or math.type(state.position) ~= "integer"
    or math.type(state.epoch) ~= "integer" then
    blame("%s: state is %s; give what state() gave", who, options.shown(state))
  end
  if state.size ~= #self.dataset or state.batch_size ~= self.batch_size then
    blame("%s: state is of %s examples in batches of %s but here are %d in "
      .. "batches of %d; make them alike", who, tostring(state.size),
      tostring(state.batch_size), #self.dataset, self.batch_size)
  end
  if (state.stream ~= nil) ~= (self.generator ~= nil) then
    blame("%s: one of the two shuffles and the other does not; make them alike",
      who)
  end
  self.epoch, self.position, self.order = state.epoch, state.position, nil
  if self.generator then
    self.generator:set_state(state.stream)
    if state.position > 0 then set_order(self) end
  end
end

--- Notes the place within this process, cheaply, for `back`, which cannot
--- fail.
---@return table
function Loader:mark()
  return { epoch = self.epoch, position = self.position, order = self.order,
    drawn_at = self.drawn_at,
    stream = self.generator and self.generator:state() }
end

--- Goes back to a place noted by `mark`.
---@param mark table
function Loader:back(mark)
  for _, name in ipairs { "epoch", "position", "order", "drawn_at" } do
    self[name] = mark[name]
  end
  if self.generator then self.generator:set_state(mark.stream) end
end

return Loader
