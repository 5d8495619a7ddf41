--- A row and a folder for a script that trains without being an experiment.
--- Its settings are the words it was given and those of its first loop; run
--- again after a stop it is the same run, run again after its end a new one.
local core = require "orrery.core"
local Store = require "orrery.runs.store"
local packing = require "orrery.runs.packing"
local records = require "orrery.runs.record"

local out = "runs"

-- `beta=4` is a setting, other words are numbered.
local function settings_of(words, loop)
  local k = {}
  for name, value in pairs(loop) do k[name] = value end
  for i, word in ipairs(words) do
    local name, value = word:match "^([%a_][%w_]*)=(.*)$"
    local number = tonumber(value)
    k[name or "word_" .. i] = number or value or word
  end
  return k
end

local function tell(text) io.stderr:write("orrery: ", text, "\n") end

-- The run to take up: the last with these settings, unless that is done or it
-- is to be one of its own.
local function fresh(store, options, anew)
  for again = 0, math.huge do
    options.again = again > 0 and again or nil
    local record = records.new(options)
    records.enroll(store, { record })
    local free = record.status ~= "done" and record.status ~= "running"
    if free and (not anew or record.status == "waiting") then
      return record
    end
  end
end

---@param path string
---@param words string[]
---@param loop table  plain settings of its training loop
---@param anew? boolean  a run of its own, whatever others there are
---@return orrery.runs.Record? record  nil when it cannot be recorded
return function(path, words, loop, anew)
  local store, why = Store.open(out, true)
  if not store then return tell(why) end
  local name = path:match "[^/]*$":gsub("%.lua$", ""):gsub("[^%w_.-]", "-")
  local text = core._io.read_file("runs", path)
  local ok, record = pcall(fresh, store, { store = store, out = out,
    experiment = name, script = path, knobs = settings_of(words, loop),
    code = packing.hash(text or ""), label = name,
    short = #words > 0 and table.concat(words, " ") or "no settings" }, anew)
  if not ok then return tell(record) end
  local claimed
  ok, claimed = pcall(record.begin, record, tell)
  if not ok then return tell(claimed) end
  record.began = core.clock()
  return claimed and record or nil
end
