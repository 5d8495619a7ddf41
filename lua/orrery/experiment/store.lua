--- Where trials are kept: one folder each, plain files. Everything that
--- touches the disk for an experiment goes through here.
---
---     OUT/NAME/beta=4_seed=2_9f3a1c20/
---       config.json     settings, seed, versions, machine, revision
---       result.json     status, result, names of pictures and tables
---       metrics.csv     step,name,value
---       checkpoint.safetensors   only until the trial is done
---       *.png *.svg *.csv        what the trial drew and listed
local orrery = require "orrery"
local json = require "orrery.json"
local store = {}

--- FNV-1a, 64 bits (Fowler, Noll, Vo): short names for long settings.
---@param text string
---@return string  16 hex digits
function store.hash(text)
  local h = 0xcbf29ce484222325
  for i = 1, #text do h = (h ~ text:byte(i)) * 0x100000001b3 end
  return ("%016x"):format(h)
end

--- The bytes of a file, nil when it cannot be read.
---@param path string
---@return string?
function store.read(path) return (orrery.io.read_file(path)) end
local read = store.read

--- The whole file or none of it; a folder that cannot be written is an error.
---@param path string
---@param text string
function store.write(path, text)
  local ok, why = orrery.io.write_file(path, text)
  if not ok then error(why, 0) end
end

local function write_json(path, value)
  store.write(path, json.encode(value, { indent = 2, nonfinite = "text" })
    .. "\n")
end

--- Lets go of a pending interrupt, so that files can still be written.
function store.calm()
  orrery.clear_interrupt()
end

local function show(v)
  if math.type(v) ~= "float" then return tostring(v) end
  local s = ("%.14g"):format(v)
  return tonumber(s) == v and s or ("%.17g"):format(v)
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

--- Opens (makes) the folder of an experiment.
---@return string path
function store.open(out, name)
  local path = out .. "/" .. name
  local ok, why = orrery.fs.mkdir(path)
  if not ok then error("experiment: " .. tostring(why), 0) end
  return path
end

--- Changes when results could: the engine's version, the script's text and
--- the version it declares.
function store.code_version(spec, source)
  local text = source:match "^@(.*)" and read(source:match "^@(.*)") or source
  return store.hash(table.concat({ tostring(orrery.version),
    tostring(spec.version), text or "" }, "\n"))
end

-- Settings that differ from their default (or have none): enough to tell
-- folders apart by eye; the hash tells them apart for certain.
local function readable(spec, k)
  local words = {}
  for _, name in ipairs(sorted_keys(k)) do
    local knob = (spec.knobs or {})[name]
    local default = knob and knob[1]
    if name == "quick" then default = false end
    if name ~= "seed" and k[name] ~= default then
      words[#words + 1] = name .. "=" .. show(k[name]):gsub("[^%w.+-]", "-")
    end
  end
  words[#words + 1] = k.seed and "seed=" .. show(k.seed)
  return table.concat(words, "_"):sub(1, 100)
end

local function canonical(k, code)
  local lines = {}
  for i, name in ipairs(sorted_keys(k)) do
    local v = k[name]
    lines[i] = name .. "=" .. (math.type(v) or type(v)) .. " " .. show(v)
  end
  return table.concat(lines, "\n") .. "\n" .. code
end

local function revision(source)
  local folder = source:match "^@(.*)/[^/]*$" or "."
  local pipe = io.popen(("git -C '%s' rev-parse HEAD 2>/dev/null"):format(
    folder:gsub("'", "'\\''")))
  local text = pipe and pipe:read "l"
  if pipe then pipe:close() end
  return text
end

---@class orrery.experiment.Record
---@field folder string
---@field label string
---@field knobs table<string, any>
---@field status "waiting"|"running"|"done"|"failed"|"diverged"|"interrupted"
---@field values table  what the trial returned
---@field message? string  why it did not finish
---@field seconds? number
---@field images table<string, string>  name -> path
---@field image_names string[]  in the order they were drawn
---@field tables table[]  { title=, columns=, rows= }
local Record = {}

-- A record answers to its settings and results by name.
Record.__index = function(record, name)
  local method = Record[name]
  if method ~= nil then return method end
  local value = rawget(record, "values")[name]
  if value ~= nil then return value end
  return rawget(record, "knobs")[name]
end

-- JSON has no nan or infinity: they are written as words.
local words = {
  ["nan"] = 0 / 0, ["inf"] = math.huge, ["-inf"] = -math.huge,
}

local function from_words(v)
  if type(v) ~= "table" then return words[v] or v end
  for key, x in pairs(v) do v[key] = from_words(x) end
  return v
end

local function save_result(record)
  local images = {}
  for i, name in ipairs(record.image_names) do
    images[i] = { name = name, file = record.images[name]:match "[^/]*$" }
  end
  write_json(record:path "result.json", {
    status = record.status, message = rawget(record, "message"),
    seconds = rawget(record, "seconds"), values = record.values,
    images = images, tables = record.tables,
  })
end

local function load_result(record)
  local text = read(record:path "result.json")
  local kept = text and json.decode(text)
  if type(kept) ~= "table" then return end
  record.status = kept.status == "running" and "interrupted" or kept.status
  record.message, record.seconds = kept.message, kept.seconds
  record.values = from_words(kept.values or {})
  for i, image in ipairs(kept.images or {}) do
    record.image_names[i] = image.name
    record.images[image.name] = record.folder .. "/" .. image.file
  end
  record.tables = from_words(kept.tables or {})
end

--- A trial with what earlier runs left of it.
---@return orrery.experiment.Record
function store.trial(folder, spec, k, code, label)
  local hash = store.hash(canonical(k, code))
  local id = readable(spec, k) .. "_" .. hash:sub(1, 8)
  local record = setmetatable({
    id = id, folder = folder .. "/" .. id, label = label, knobs = k,
    status = "waiting", values = {}, images = {}, image_names = {},
    tables = {}, code = code, name = spec.name, step = spec.step or "step",
  }, Record)
  load_result(record)
  if record.status ~= "done" then
    record.values = {}
    record.resumes = orrery.fs.exists(record:path "checkpoint.safetensors")
  end
  return record
end

function Record:path(name) return self.folder .. "/" .. name end

--- Marks it as running and writes down what it runs with.
function Record:begin()
  local ok, why = orrery.fs.mkdir(self.folder)
  if not ok then error("experiment: " .. tostring(why), 0) end
  self.status, self.message = "running", nil
  if not self.resumes then
    self.images, self.image_names, self.tables = {}, {}, {}
    self.seconds = nil
    store.write(self:path "metrics.csv", "step,name,value\n")
  end
  write_json(self:path "config.json", {
    experiment = self.name, knobs = self.knobs, seed = self.knobs.seed,
    code = self.code, environment = store.environment(),
  })
  save_result(self)
end

--- Writes down how it ended.
function Record:finish(status, values, message, trace)
  self.status, self.values, self.message = status, values, message
  save_result(self)
  if trace then store.write(self:path "error.txt", trace .. "\n") end
  if status == "done" then
    os.remove(self:path "checkpoint.safetensors")
    os.remove(self:path "error.txt")
  end
end

--- Logged numbers by name, each { x = steps, y = values }, and the names in
--- the order they first came.
function Record:metrics()
  local series, names = {}, {}
  for line in (read(self:path "metrics.csv") or ""):gmatch "([^\n]*)\n" do
    local step, name, value = line:match "^([^,]+),(.*),([^,]*)$"
    if tonumber(step) then
      if not series[name] then
        series[name] = { x = {}, y = {} }
        names[#names + 1] = name
      end
      local s = series[name]
      s.x[#s.x + 1], s.y[#s.y + 1] = tonumber(step), tonumber(value) or 0 / 0
    end
  end
  return series, names
end

local environment

--- What it runs on.
function store.environment()
  if environment then return environment end
  environment = {
    orrery = tostring(orrery.version), lua = _VERSION,
    machine = orrery.machine(),
    host = (read "/proc/sys/kernel/hostname" or ""):match "%S+",
    system = (read "/proc/version" or ""):match "^%S+ %S+ %S+",
    cpu = (read "/proc/cpuinfo" or ""):match "model name%s*:%s*([^\n]+)",
    time = os.date "!%Y-%m-%dT%H:%M:%SZ",
    command = arg and table.concat(arg, " ", 0) or nil,
    revision = revision(arg and arg[0] and "@" .. arg[0] or "@./x"),
  }
  return environment
end

return store
