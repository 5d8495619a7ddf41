--- `orrery runs repeat`: what it takes to run a script again as it ran, the
--- changes that a person made on its way included.
local packing = require "orrery.runs.packing"
local runs = require "orrery.runs"

---@param word string?  a run's number
---@return { script: string, words: string[], changes: table[] }? found
---@return string? message
---@return string? remark  what may make it come out otherwise
return function(word)
  local id = math.tointeger(tonumber(word))
  if not id then return nil, "runs: repeat what? give a run's number" end
  local folder, why = runs.open()
  if not folder then return nil, why end
  local _ <close> = folder
  local run
  run, why = folder:run(id)
  if not run then return nil, why end
  local around = packing.unpack(run.row.environment) or {}
  local words = around.words
  if not run.script or not words then
    return nil, ("runs: run %d does not tell its command line"):format(id)
  end
  local label = #words > 0 and table.concat(words, " ") or "no settings"
  if run.row.label ~= label then
    return nil, ("runs: run %d is a trial of an experiment; its settings on "
      .. "the command line repeat it"):format(id)
  end
  local file = io.open(run.script, "rb")
  local text = file and file:read "a"
  if file then file:close() end
  if not text then
    return nil, ("runs: the script of run %d, %s, is not there any more")
      :format(id, run.script)
  end
  local remark = packing.hash(text) ~= run.code
    and ("%s is not as it was in run %d"):format(run.script, id) or nil
  return { script = run.script, words = words,
    changes = run:changes() }, nil, remark
end
