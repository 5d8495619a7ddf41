--- Runs: what every experiment, and every script with a training loop, leaves
--- in the store of its folder.
---
---     local store = orrery.runs.open()          -- runs/runs.sqlite
---     local list = store:list { beta = 4, status = "done" }
---     print(list.rate, list[1].knobs.lr, list[1]:metrics().loss.y)
---     local d = store:diff(3, 4)
---
--- A run answers to its settings and results by name (`run.beta`, `run.rate`);
--- run.values, run.knobs, run.images and run.tables hold them; run:metrics()
--- gives the logged numbers, run:warnings() what is amiss, and run:report()
--- writes the run's page anew. A list answers to the same names with columns;
--- see orrery.runs.list for means over seeds and what charts over runs draw on.
local orrery = require "orrery"
local List = require "orrery.runs.list"
local Store = require "orrery.runs.store"
local differences = require "orrery.runs.differences"
local filters = require "orrery.runs.filters"
local records = require "orrery.runs.record"

local runs = {}

---@class orrery.runs.Folder
---@field store orrery.runs.Store
local Folder = {}
Folder.__index = Folder

--- Why runs are not recorded by this build, or nil when they are.
---@return string?
function runs.missing() return Store.missing() end

--- The runs of a folder.
---@param out? string  "runs"
---@return orrery.runs.Folder?  nil when there are none
---@return string? message
function runs.open(out)
  local store, why = Store.open(out or "runs", false)
  if not store then return nil, why end
  return setmetatable({ store = store }, Folder)
end

--- The runs that fit, oldest first.
---@param wanted? table  status =, experiment =, script =, id =, or a setting:
---  a value, or a list of values that will do
---@return table list  of orrery.runs.Record; see orrery.runs.list
function Folder:list(wanted)
  local list = List()
  for _, row in ipairs(self.store:rows()) do
    local run = records.of(self.store, row)
    if filters.fits(run, wanted or {}) then list:add(run) end
  end
  return list
end

--- One run.
---@param id integer
---@return orrery.runs.Record? run
---@return string? message
function Folder:run(id)
  local row = math.type(id) == "integer" and self.store:row(id)
  if row then return records.of(self.store, row) end
  return nil, ("runs: there is no run %s in %s; `orrery runs` lists them")
    :format(tostring(id), self.store.out)
end

--- What two runs differ in.
---@param a integer|orrery.runs.Record
---@param b integer|orrery.runs.Record
---@return table? difference  settings, environment, results: lists of { name,
---  a, b }; metrics: a list of { name, step, a, b }, the first step at which
---  the numbers are not the same bits
---@return string? message
function Folder:diff(a, b)
  local why
  if type(a) ~= "table" then a, why = self:run(a) end
  if not a then return nil, why end
  if type(b) ~= "table" then b, why = self:run(b) end
  if not b then return nil, why end
  return differences(a, b)
end

-- A folder with all that is in it.
local function remove_tree(path)
  for _, name in ipairs(orrery.fs.list(path) or {}) do
    local inner = path .. "/" .. name
    local stat = orrery.fs.stat(inner)
    if stat and stat.kind == "folder" then
      remove_tree(inner)
    else
      orrery.fs.remove(inner)
    end
  end
  return orrery.fs.remove(path)
end

--- Deletes a run: its row, its numbers, and its folder with all that is in it.
---@param id integer
---@return boolean? ok
---@return string? message
function Folder:delete(id)
  local run, why = self:run(id)
  if not run then return nil, why end
  if run.status == "running" then
    return nil, ("runs: run %d is running, as process %d; stop it first")
      :format(id, run.row.pid)
  end
  self.store:delete(id)
  if orrery.fs.exists(run.folder) then
    local ok
    ok, why = remove_tree(run.folder)
    if not ok then return nil, "runs: " .. why end
  end
  return true
end

--- Lets go of the files. Lua does so by itself when the folder is not used
--- any more.
function Folder:close() self.store:close() end
Folder.__close = Folder.close

return runs
