--- What is new in a store of runs, for pages that look on. Nothing is kept per
--- page: a page says how far it has come, and gets what came after.
---
--- The store is read and never written, in short statements, and only when
--- another process changed it; a training run does not notice.
local core = require "orrery.core"
local json = require "orrery.json"
local Store = require "orrery.runs.store"
local kept = require "orrery.watch.kept"
local position = require "orrery.watch.position"
local series_of = require "orrery.watch.series"

---@class orrery.watch.Feed
---@field out string
---@field store? orrery.runs.Store  nil while there is none
---@field stamp integer  rises with every change
---@field runs table<integer, table>  by id: row, version, and see watch.kept
---@field gone table[]  { id, version }: runs that were deleted
---@field epoch integer  rises when another store takes the place
local Feed = {}
Feed.__index = Feed

local pause = 2        -- seconds between looks at who is still alive
local silence = 120    -- seconds without a word that are worth telling
local most_rows = 20000
local enough = 400000  -- bytes of events in one go

-- Fields of a row that a page is told.
local told = { "experiment", "label", "status", "message", "seed", "attempts",
  "created", "started", "ended", "seconds", "fraction", "note", "silent" }

local function changed(a, b)
  for _, name in ipairs(told) do
    if a[name] ~= b[name] then return true end
  end
  return false
end

-- JSON is UTF-8; what a script printed or a file is called need not be.
local function clean(v)
  if type(v) ~= "string" or utf8.len(v) then return v end
  return (v:gsub("[\128-\255]", "?"))
end

local function next_version(self)
  self.stamp = self.stamp + 1
  return self.stamp
end

local function forget(self, id)
  self.runs[id] = nil
  self.gone[#self.gone + 1] = { id = id, version = next_version(self) }
end

-- Another store may have taken the place of the one that is open.
local function check_store(self)
  local stat = core.fs.stat(self.out .. "/runs.sqlite")
  if self.store and (not stat or stat.inode ~= self.inode) then
    self:close()
    self.epoch = self.epoch + 1
    for id in pairs(self.runs) do forget(self, id) end
  end
  if not self.store and stat then
    local store, why = Store.look(self.out)
    if why then error(why, 0) end
    self.store, self.inode, self.changes = store, stat.inode, nil
  end
  return self.store
end

-- Minutes without a sign of life from a run that is said to run, or nil.
local function silent(row)
  local seconds = os.time() - (row.heartbeat or os.time())
  return row.status == "running" and seconds > silence and seconds // 60 or nil
end

local function take(self, rows)
  local there = {}
  for _, row in ipairs(rows) do
    there[row.id] = true
    row.silent = silent(row)
    local run = self.runs[row.id]
    if not run then
      run = { images = {}, warnings = {}, warned = 0, listed = false,
        warned_text = "" }
      self.runs[row.id] = run
    end
    if not run.row or changed(run.row, row) then
      run.version, run.listed = next_version(self), false
    end
    run.row = row
  end
  for id in pairs(self.runs) do
    if not there[id] then forget(self, id) end
  end
end

--- Looks into the store. What it cannot read now it reads the next time.
function Feed:refresh()
  local store = check_store(self)
  if not store then return end
  local now, changes = core.clock(), store:changes()
  if changes == self.changes and now - self.looked < pause then return end
  -- (A picture drawn afresh under its name is no change of the store.)
  local busy = false
  for _, run in pairs(self.runs) do
    if run.row.status == "running" then run.listed, busy = false, true end
  end
  if busy or changes ~= self.changes then self.stamp = self.stamp + 1 end
  take(self, store:overview())
  self.changes, self.looked = changes, now
end

-- ---------------------------------------------------------------- pictures

local kinds = { png = "image/png", svg = "image/svg+xml", gif = "image/gif",
  jpg = "image/jpeg", jpeg = "image/jpeg" }

-- Changes when what a page has of a run may be no part of it any more: the
-- run began anew, or ended after that and its numbers were cut.
local function generation(self, row)
  local ended = row.attempts > 1 and row.status == "done"
  return ("%d.%d%s"):format(self.epoch, row.attempts, ended and "e" or "")
end

local function look(self, run)
  kept.look(self, run, function() return next_version(self) end,
    generation(self, run.row))
end

--- A picture's bytes.
---@param id integer  of the run
---@param place integer  of the picture
---@return string? bytes
---@return string? kind  "image/png"
function Feed:picture(id, place)
  local run = self.runs[id]
  if not run or not self.store then return nil end
  look(self, run)
  local image = run.images[place]
  local ending = image and (image.path or ""):match "%.(%a+)$"
  local kind = ending and kinds[ending:lower()]
  local path = kind and kept.real_path(self.out, run.row, image.path)
  local file = path and io.open(path, "rb")
  if not file then return nil end
  local bytes = file:read "a"
  file:close()
  return bytes, kind
end

-- ------------------------------------------------------------------- events

local function event(events, name, at, data)
  local text = ("event: %s\nid: %s\ndata: %s\n\n"):format(name,
    position.text(at), json.encode(data, { nonfinite = "text" }))
  events[#events + 1] = text
  events.size = events.size + #text
end

local function news_of_list(self, at, events)
  local runs, gone = json.list(), json.list()
  for id, run in pairs(self.runs) do
    if run.version > at.list then
      local row = { id = id }
      for _, name in ipairs(told) do row[name] = clean(run.row[name]) end
      runs[#runs + 1] = row
    end
  end
  for _, dead in ipairs(self.gone) do
    if dead.version > at.list then gone[#gone + 1] = dead.id end
  end
  local first = at.list == 0
  at.list = self.stamp
  if #runs + #gone == 0 and not first then return end
  table.sort(runs, function(a, b) return a.id < b.id end)
  event(events, "runs", at, { runs = runs, gone = gone })
end

local function news_of_numbers(self, at, id, events)
  local mine, row = at.runs[id], self.runs[id].row
  local now = generation(self, row)
  local afresh = mine.generation ~= now
  if afresh then mine.seq, mine.generation = 0, now end
  local rows = self.store:numbers(id, mine.seq, most_rows)
  if #rows == 0 and not afresh then return false end
  if rows[1] then mine.seq = rows[#rows][1] end
  event(events, "numbers", at, { run = id, afresh = afresh,
    series = series_of(rows, clean) })
  return #rows == most_rows
end

-- Pictures and warnings that are newer than the page's.
local function news_of_kept(self, at, id, events)
  local mine, run = at.runs[id], self.runs[id]
  look(self, run)
  local data, newest = { run = id, pictures = json.list() }, mine.kept
  for _, image in pairs(run.images) do
    if image.version > mine.kept and image.stamp then
      table.insert(data.pictures, { place = image.place,
        name = clean(image.name), stamp = image.stamp, order = image.order })
    end
    newest = math.max(newest, image.version)
  end
  if run.warned > mine.kept then
    data.warnings, newest = json.list(), math.max(newest, run.warned)
    for i, text in ipairs(run.warnings) do data.warnings[i] = clean(text) end
  end
  if newest == mine.kept then return end
  mine.kept = newest
  table.sort(data.pictures, function(a, b) return a.order < b.order end)
  event(events, "kept", at, data)
end

--- What a page has not seen yet.
---@param at table  orrery.watch.position: how far it has come; moved on
---@param wanted integer[]  runs whose numbers and pictures it shows
---@return string events  "" when there is nothing
---@return boolean behind  is there more?
function Feed:news(at, wanted)
  local events, behind = { size = 0 }, false
  news_of_list(self, at, events)
  for _, id in ipairs(wanted) do
    if self.store and self.runs[id] then
      at.runs[id] = at.runs[id] or { seq = 0, generation = "", kept = 0 }
      behind = news_of_numbers(self, at, id, events) or behind
      news_of_kept(self, at, id, events)
      if events.size > enough then
        behind = true
        break
      end
    end
  end
  return table.concat(events), behind
end

--- Is a run at work?
---@return boolean
function Feed:busy()
  for _, run in pairs(self.runs) do
    if run.row.status == "running" then return true end
  end
  return false
end

function Feed:close()
  if self.store then self.store:close() end
  self.store = nil
end

---@param out string  the folder of runs
---@return orrery.watch.Feed
return function(out)
  return setmetatable({ out = out, stamp = 1, runs = {}, gone = {}, epoch = 1,
    looked = 0 }, Feed)
end
