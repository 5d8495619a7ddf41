--- The trials of a sweep: a run in the store for each combination of settings,
--- found again by those settings and the code that made them.
local orrery = require "orrery"
local knobs = require "orrery.knobs"
local List = require "orrery.runs.list"
local packing = require "orrery.runs.packing"
local records = require "orrery.runs.record"
local sorted_keys = require "orrery.sorted_keys"

local trials = {}

-- Changes when results could: the engine's version, the script's text and
-- the version it declares.
local function code_version(spec, path)
  local text = path and orrery.io.read_file(path)
  return packing.hash(table.concat({ tostring(orrery.version),
    tostring(spec.version), text or path or "" }, "\n"))
end

-- Settings that differ from their default (or have none): enough to tell runs
-- apart by eye; a hash tells them apart for certain.
local function short(spec, k)
  local words = {}
  for _, name in ipairs(sorted_keys(k)) do
    local knob = (spec.knobs or {})[name]
    local default = knob and knob[1]
    if name == "quick" then default = false end
    if name ~= "seed" and k[name] ~= default then
      words[#words + 1] = name .. "=" .. packing.show(k[name])
    end
  end
  words[#words + 1] = k.seed and "seed=" .. packing.show(k.seed)
  return table.concat(words, " ")
end

--- Adds the runs of some settings to a list, with what earlier processes left
--- of them.
---@param self orrery.experiment.Run
---@param list table  of orrery.runs.list
---@param parsed orrery.knobs.Parsed
---@param store? orrery.runs.Store
---@param settings table<string, any>[]
---@return orrery.runs.Record[] added
function trials.add(self, list, parsed, store, settings)
  local path = self.source:match "^@(.*)"
  local code = code_version(self.spec, path or self.source)
  local added = {}
  for i, k in ipairs(settings) do
    local several = #parsed.swept > 0
    added[i] = records.new { store = store, out = parsed.options.out,
      experiment = self.name, script = path, code = code, knobs = k,
      label = several and knobs.label(parsed, k) or "one trial",
      short = short(self.spec, k), step_name = self.spec.step }
  end
  if store then records.enroll(store, added) end
  for _, record in ipairs(added) do list:add(record) end
  return added
end

--- An empty list for a sweep.
function trials.list(parsed) return List(parsed.swept) end

return trials
