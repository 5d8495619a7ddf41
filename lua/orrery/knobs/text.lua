--- Knobs as text: the help of a script, and the names of its trials.
local values = require "orrery.knobs.values"
local sorted_keys = require "orrery.sorted_keys"
local text = {}

--- Comment a script opens with, without its comment marks; "" when none.
---@param path string
---@return string text
function text.head_comment(path)
  local file = io.open(path, "r")
  if not file then return "" end
  local code = file:read(16384) or ""
  file:close()
  code = code:gsub("^#[^\n]*\n", "")
  local eq, body = code:match "^%s*%-%-%[(=*)%[(.*)"
  if eq then
    local stop = body:find("]" .. eq .. "]", 1, true)
    return ((stop and body:sub(1, stop - 1) or body):gsub("^%s+", "")
      :gsub("%s+$", ""))
  end
  local lines = {}
  for line in code:gmatch "([^\n]*)\n" do
    local comment = line:match "^%-%-+ ?(.*)$"
    if not comment then break end
    lines[#lines + 1] = comment
  end
  return table.concat(lines, "\n")
end

local function limits(knob)
  if knob.one_of then return " (" .. values.show_list(knob.one_of) .. ")" end
  local min = knob.min and values.show(knob.min)
  local max = knob.max and values.show(knob.max)
  if min and max then return (" (%s to %s)"):format(min, max) end
  if min then return (" (at least %s)"):format(min) end
  return max and (" (at most %s)"):format(max) or ""
end

--- What `--help` prints: the script's head comment, its knobs, its flags.
---@param spec orrery.knobs.Spec
---@param source? string  file that declares it, as in debug.getinfo's source
---@return string text
function text.help(spec, source)
  local path = source and source:match "^@(.*)"
  local lines, rows, width = {}, {}, #"--dry-run"
  local head = path and text.head_comment(path) or ""
  if head ~= "" then lines = { head, "" } end
  lines[#lines + 1] = ("orrery %s [knob=value ...] [flags]"):format(
    path or spec.name or "FILE")
  lines[#lines + 1] = "Knobs (a comma list or 1..3 makes a sweep):"
  for _, name in ipairs(values.names(spec)) do
    local left = name .. "=" .. values.show_list(values.default(spec, name))
    local knob = values.declared(spec, name)
    rows[#rows + 1] = { left, (knob[2] or "") .. limits(knob) }
    width = math.max(width, #left)
  end
  rows[#rows + 1] = { "-j N", "run N trials at a time, each in a process" }
  rows[#rows + 1] = { "--quick", "finish in seconds, to see that it works" }
  rows[#rows + 1] = { "--dry-run", "list the trials and stop" }
  rows[#rows + 1] = { "--help", "show this and stop" }
  width = math.min(width, 28)
  for _, row in ipairs(rows) do
    lines[#lines + 1] = ("  %-" .. width .. "s  %s"):format(row[1], row[2])
  end
  return table.concat(lines, "\n") .. "\n"
end

--- "beta=4 seed=2": the settings of a trial that tell it from its siblings,
--- or all of them when there is only one trial.
---@param parsed orrery.knobs.Parsed
---@param trial table<string, any>
---@return string label
function text.label(parsed, trial)
  local names = parsed.swept
  if #names == 0 then names = sorted_keys(trial) end
  local words = {}
  for _, name in ipairs(names) do
    if name ~= "quick" then
      words[#words + 1] = name .. "=" .. values.show(trial[name])
    end
  end
  return table.concat(words, " ")
end

--- What `--dry-run` prints: one line per trial.
---@param parsed orrery.knobs.Parsed
---@return string text
function text.listing(parsed)
  local n = #parsed.trials
  local lines, rungs = { ("%d trial%s"):format(n, n == 1 and "" or "s") }, {}
  for i, value in ipairs(parsed.rungs and parsed.rungs.values or {}) do
    rungs[i] = parsed.rungs.knob .. "=" .. values.show(value)
  end
  if rungs[2] then
    lines[1] = lines[1] .. "; the best go on with "
      .. table.concat(rungs, ", then ", 2)
  end
  for i, trial in ipairs(parsed.trials) do
    lines[#lines + 1] = ("%4d  %s"):format(i, text.label(parsed, trial))
  end
  return table.concat(lines, "\n") .. "\n"
end

return text
