--- Sums up what `meson test` ran: names what failed and why, then counts.
-- lua5.4 tests/summary.lua BUILD_FOLDER...
local json = require "dkjson"

local passed, failed, skipped = 0, 0, 0

--- Counts the tests in one program's TAP and names those that failed.
---@return integer n  how many of them failed
local function count(run, label)
  local n, telling = 0, false
  for line in (run.stdout or ""):gmatch "[^\n]+" do
    local verdict, rest = line:match "^%s*(n?o?t? ?ok) %d+%s*(.*)"
    if verdict and line:find "# SKIP" then
      skipped, telling = skipped + 1, false
      print(("skipped  %s: %s"):format(label, (rest:gsub("^%-? ?# SKIP ", ""))))
    elseif verdict == "ok" then
      passed, telling = passed + 1, false
    elseif verdict then
      n, telling = n + 1, true
      print(("FAILED   %s: %s"):format(label, (rest:gsub("^%- ", ""))))
    elseif telling and line:find "%g" and not line:find "^%d+%.%.%d" then
      print("         " .. line:gsub("^# ?", ""):sub(1, 400))
    end
  end
  return n
end

--- The end of a text, where a crash or a sanitizer says what happened.
local function tail(text, lines)
  local all = {}
  for line in (text or ""):gmatch "[^\n]+" do all[#all + 1] = line end
  for i = math.max(1, #all - lines + 1), #all do
    print("         " .. all[i])
  end
end

--- The program ran, whatever its tests said: failures not yet counted.
local function count_run(run, folder)
  local label = folder .. " " .. run.name:gsub("^.* / ", "")
  local before = passed + failed + skipped
  local n = count(run, label)
  failed = failed + n
  if run.result == "SKIP" then
    skipped = skipped + 1
    print("skipped  " .. label)
  elseif run.result == "TIMEOUT" or (run.returncode ~= 0 and n == 0) then
    failed = failed + 1
    local why = run.result == "TIMEOUT" and "took too long"
      or "ended with status " .. run.returncode
    print(("FAILED   %s: %s"):format(label, why))
    tail(run.stdout, 10)
    tail(run.stderr, 60)
  elseif passed + failed + skipped == before then
    if (run.stdout or ""):find "^1%.%.0" then
      failed = failed + 1
      print(("FAILED   %s: ran no test"):format(label))
    else
      passed = passed + 1
    end
  elseif n > 0 and run.returncode ~= 0 then
    tail(run.stderr, (run.stderr or ""):find "Sanitizer" and 60 or 12)
  end
end

for _, folder in ipairs(arg) do
  local log = io.open(folder .. "/meson-logs/testlog.json")
  if log then
    for line in log:lines() do
      local run = assert(json.decode(line))
      count_run(run, folder)
    end
    log:close()
  else
    failed = failed + 1
    print(("FAILED   %s: the tests did not run"):format(folder))
  end
end
local skips = skipped > 0 and (", %d skipped"):format(skipped) or ""
print(("%d passed, %d failed%s"):format(passed, failed, skips))
os.exit(failed == 0 and passed > 0)
