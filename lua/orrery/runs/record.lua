--- One run: its settings, its result, and a folder of its own for pictures,
--- tables and checkpoints. It answers to its settings and results by name.
---
---     OUT/NAME/beta=4_seed=2_9f3a1c20/
---       report.html     all about it, once it has ended
---       config.json     settings, seed, versions, machine, revision
---       metrics.csv     step,name,value, once the run is done
---       output.txt      what a worker of a sweep printed
---       checkpoint.safetensors   only until the run is done
---       *.png *.svg *.csv        what the trial drew and listed
---
--- All else is in the store, OUT/runs.sqlite; the two files above are copies
--- for other programs. Without a store the record is all there is.
local orrery = require "orrery"
local Recorder = require "orrery.runs.recorder"
local environment = require "orrery.runs.environment"
local packing = require "orrery.runs.packing"
local warnings = require "orrery.runs.warnings"
local sorted_keys = require "orrery.sorted_keys"

local records = {}

---@class orrery.runs.Record
---@field id? integer  in the store
---@field key string  changes when settings or code do
---@field experiment string
---@field folder string
---@field label string
---@field knobs table<string, any>
---@field status "waiting"|"running"|"done"|"failed"|"diverged"|"interrupted"
---@field values table  what the trial returned
---@field message? string  why it did not finish
---@field trace? string  where it failed
---@field seconds? number
---@field images table<string, string>  name -> path
---@field image_names string[]  in the order they were drawn
---@field image_tiles table<string, table>  where the samples of a grid are
---@field tables table[]  { title=, columns=, rows= }
---@field row? table  as the store has it: created, started, revision ...
local Record = {}

Record.__index = function(record, name)
  local method = Record[name]
  if method ~= nil then return method end
  local value = rawget(record, "values")[name]
  if value ~= nil then return value end
  return rawget(record, "knobs")[name]
end

local function write(path, text)
  local ok, why = orrery.io.write_file(path, text)
  if not ok then error(why, 0) end
end

function Record:path(name) return self.folder .. "/" .. name end

--- Did an earlier process leave a checkpoint?
---@return boolean
function Record:resumable()
  return orrery.fs.exists(self:path "checkpoint.safetensors")
end

--- Forgets what was drawn and listed.
function Record:forget()
  self.images, self.image_names, self.image_tiles = {}, {}, {}
  self.tables = {}
end

--- Takes over what the store has of it.
function Record:refresh(row)
  row = row or self.store:row(self.key)
  if not row then return self end
  self.row, self.id, self.status = row, row.id, row.status
  self.message, self.trace, self.seconds = row.message, row.trace, row.seconds
  self.values = packing.unpack(row.result) or {}
  self:forget()
  for i, kept in ipairs(self.store:kept(row.id, "image")) do
    self.image_names[i] = kept.name
    self.images[kept.name] = self:path(kept.path)
    self.image_tiles[kept.name] = packing.unpack(kept.content)
  end
  for i, kept in ipairs(self.store:kept(row.id, "table")) do
    self.tables[i] = packing.unpack(kept.content)
  end
  return self
end

--- Takes the run in hand and writes down what it runs with.
---@param tell fun(text: string)  for what cannot be recorded later on
---@return boolean claimed  false when it is done or another process has it
---@return string? status  then
function Record:begin(tell)
  local around = environment()
  if self.store then
    local ok, status = self.store:claim(self.id, packing.pack(around),
      around.revision)
    if not ok then return false, status end
  end
  local made, why = orrery.fs.mkdir(self.folder)
  if not made then error("experiment: " .. tostring(why), 0) end
  self.status, self.message, self.trace, self.values = "running", nil, nil, {}
  self.resumes = self:resumable()
  if not self.resumes then
    self:forget()
    self.seconds = nil
    if self.store then self.store:clear(self.id) end
  end
  write(self:path "config.json", packing.pack({ experiment = self.experiment,
    knobs = self.knobs, seed = self.knobs.seed, code = self.code,
    step = self.step_name or nil, environment = around }, 2) .. "\n")
  self.recorder = Recorder.new(self.store, self.id, tell)
  return true
end

local function write_metrics(record)
  local lines = { "step,name,value" }
  for i, r in ipairs(record.recorder:numbers()) do
    lines[i + 1] = ("%s,%s,%s"):format(packing.show(r[3]),
      r[2]:gsub("[,\n]", " "), r[4] ~= r[4] and "nan" or packing.show(r[4]))
  end
  write(record:path "metrics.csv", table.concat(lines, "\n") .. "\n")
end

--- Writes down how it ended.
---@param status string
---@param values table
---@param message? string
---@param trace? string
function Record:finish(status, values, message, trace)
  self.status, self.values, self.message = status, values, message
  self.trace = trace
  if status == "done" then
    self.recorder:finish()
    write_metrics(self)
  else
    self.recorder:flush()
  end
  if self.store then
    self.store:finish(self.id, { status = status, message = message,
      trace = trace, seconds = self.seconds, result = packing.pack(values) })
  end
  if status == "done" then os.remove(self:path "checkpoint.safetensors") end
  self.row = self.store and self.store:row(self.key) or self.row
  self:report()
end

-- What `begin` wrote.
local function config(record)
  local text = orrery.io.read_file(record:path "config.json")
  return packing.unpack(text) or {}
end

--- Writes report.html into the folder: all about the run, in one file.
---@return string? path  nil when it cannot be written, which the run says
function Record:report()
  local page = require "orrery.report.run_page"
  local ok, path, why = pcall(page.write, self, config(self).step)
  if ok and path then return path end
  why = tostring(ok and why or path)
  if why:find "interrupted" then error(why, 0) end
  if self.recorder then self.recorder.tell(why) end
  return nil, why
end

--- What it ran with: versions, machine, command, revision.
---@return table
function Record:environment()
  local row = rawget(self, "row")
  local text = row and row.environment
  if text then return packing.unpack(text) or {} end
  return config(self).environment or {}
end

--- Keeps the name of a picture in the folder.
---@param name string
---@param file string
---@param tiles? table  where its samples are, for a grid of them
function Record:keep_image(name, file, tiles)
  if not self.images[name] then table.insert(self.image_names, name) end
  self.images[name], self.image_tiles[name] = self:path(file), tiles
  if self.store then
    self.store:keep(self.id, "image", name, file, tiles and packing.pack(tiles))
  end
end

--- Keeps a table, in memory and as a CSV file in the folder.
---@param kept table  title, columns, rows
---@param file string
function Record:keep_table(kept, file)
  local lines = { table.concat(kept.columns, ",") }
  for i, row in ipairs(kept.rows) do
    local cells = {}
    for j, name in ipairs(kept.columns) do cells[j] = tostring(row[name]) end
    lines[i + 1] = table.concat(cells, ",")
  end
  write(self:path(file), table.concat(lines, "\n") .. "\n")
  for i = #self.tables, 1, -1 do
    if self.tables[i].title == kept.title then table.remove(self.tables, i) end
  end
  table.insert(self.tables, kept)
  if self.store then
    self.store:keep(self.id, "table", kept.title, file, packing.pack(kept))
  end
end

--- Logged numbers by name, each { x = steps, y = values }, and the names in
--- the order they first came.
---@return table<string, { x: number[], y: number[] }> series
---@return string[] names
function Record:metrics()
  local rows
  if self.recorder then
    rows = self.recorder:numbers()
  else
    rows = self.store and self.id and self.store:numbers(self.id) or {}
  end
  local series, names = {}, {}
  for _, r in ipairs(rows) do
    local s = series[r[2]]
    if not s then
      s = { x = {}, y = {} }
      series[r[2]], names[#names + 1] = s, r[2]
    end
    s.x[#s.x + 1], s.y[#s.y + 1] = r[3], r[4]
  end
  return series, names
end

--- What is amiss with it; see runs.warnings.
---@param series? table  what metrics() gives, when that was read already
---@param names? string[]
---@return table[] warnings  { name, text, step?, holds (still so at its end) }
function Record:warnings(series, names)
  if not series then series, names = self:metrics() end
  return warnings(self, series, names)
end

--- What a person changed while it trained.
---@return orrery.train.Change[]
function Record:changes()
  return self.store and self.id and self.store:changes(self.id) or {}
end

-- Everything a run's identity hangs on, as text.
local function canonical(experiment, k, code)
  local lines = { experiment }
  for _, name in ipairs(sorted_keys(k)) do
    local v = k[name]
    lines[#lines + 1] = ("%s=%s %s"):format(name, math.type(v) or type(v),
      packing.show(v))
  end
  lines[#lines + 1] = code
  return table.concat(lines, "\n")
end

--- A run by its settings, not yet in the store.
---@param options table  store?, out, experiment, knobs, code, label, script?,
---  short (settings that tell it from others by eye), again? (so many runs
---  with just these settings came before it), step_name? (what its curves
---  count)
---@return orrery.runs.Record
function records.new(options)
  local o = options
  local key = packing.hash(canonical(o.experiment, o.knobs, o.code)
    .. (o.again and "\n" .. o.again or ""))
  local id = o.short:gsub(" ", "_"):gsub("[^%w.+=_-]", "-"):sub(1, 100) .. "_"
    .. key:sub(1, 8)
  return setmetatable({ store = o.store or false, key = key, name = id,
    experiment = o.experiment, folder = ("%s/%s/%s"):format(o.out,
      o.experiment, id), label = o.label, short = o.short, knobs = o.knobs,
    code = o.code, script = o.script, status = "waiting", values = {},
    id = false, row = false, recorder = false, resumes = false,
    step_name = o.step_name or false,
    images = {}, image_names = {}, image_tiles = {}, tables = {} }, Record)
end

--- Gives those runs their rows, and takes over what earlier ones left there.
---@param store orrery.runs.Store
---@param list orrery.runs.Record[]
function records.enroll(store, list)
  local rows = {}
  for i, r in ipairs(list) do
    rows[i] = { key = r.key, experiment = r.experiment, script = r.script,
      label = r.short, folder = r.experiment .. "/" .. r.name,
      config = packing.pack(r.knobs), seed = r.knobs.seed, code = r.code }
  end
  store:enroll(rows)
  for _, r in ipairs(list) do r:refresh() end
end

--- A run as the store has it.
---@param store orrery.runs.Store
---@param row table
---@return orrery.runs.Record
function records.of(store, row)
  local record = setmetatable({ store = store, key = row.key,
    name = row.folder:match "[^/]*$", experiment = row.experiment,
    folder = store.out .. "/" .. row.folder, label = row.label or "",
    short = row.label, knobs = packing.unpack(row.config) or {},
    code = row.code, script = row.script, values = {}, recorder = false,
    resumes = false }, Record)
  return record:refresh(row)
end

return records
