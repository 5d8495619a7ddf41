--- The command behind compare.lua: prints what passed and failed.
local orrery = require "orrery"

local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"

local function sorted(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local function print_family(family, sums, tolerance)
  local shown = {}
  for _, failure in ipairs(sums.failures) do
    local op = failure:match "^[^,]+"
    shown[op] = (shown[op] or 0) + 1
    if shown[op] <= 3 then print("FAILED " .. failure) end
  end
  for _, op in ipairs(sorted(shown)) do
    if shown[op] > 3 then
      print(("FAILED %s, %d more"):format(op, shown[op] - 3))
    end
  end
  for _, op in ipairs(sorted(sums.wider)) do
    local wide = sums.wider[op]
    print(("wider  %s: float32 %g, float64 %g: %s"):format(op,
      wide.float32 or tolerance.float32, wide.float64 or tolerance.float64,
      wide.why))
  end
  for _, op in ipairs(sorted(sums.reasons)) do
    print(("not compared: %s: %s"):format(op, sums.reasons[op]))
  end
  print(("%-16s %6d passed %6d failed %6d unsupported"):format(family,
    sums.passed, sums.failed, sums.unsupported))
end

--- The ops with a name in PyTorch but no case: those with a reason are named,
--- the others counted.
local function uncovered(ops)
  local without, missing = dofile(here .. "without.lua"), {}
  for _, name in ipairs(orrery.op_names()) do
    if orrery.record(name).torch and not ops[name] then
      if without[name] then
        print(("no cases: %s: %s"):format(name, without[name]))
      else
        missing[#missing + 1] = name
      end
    end
  end
  if #missing > 0 then
    print("FAILED no cases and no reason in without.lua: "
      .. table.concat(missing, " "))
  end
  return #missing
end

--- The names that PyTorch has not, as generate.py --names found.
local function wrong_names(folder)
  local found = orrery.json.read(folder .. "/names.json")
  for _, entry in ipairs(found and found.missing or {}) do
    print(("FAILED %s: PyTorch %s has no %s"):format(entry.op, found.version,
      entry.torch))
  end
  return found and #found.missing or 0
end

---@param compare table
---@param folder string  or --names
---@param ... string  families; all when none is named
---@return boolean ok
return function(compare, folder, ...)
  if folder == "--names" then
    for _, name in ipairs(orrery.op_names()) do
      local torch = orrery.record(name).torch
      if torch then print(name .. "\t" .. torch) end
    end
    return true
  end
  local passed, failed, unsupported, ops = 0, 0, 0, {}
  local families = { ... }
  local all = #families == 0
  for _, family in ipairs(all and compare.families(folder) or families) do
    local sums = compare.family(folder, family)
    print_family(family, sums, compare.tolerance)
    passed, failed = passed + sums.passed, failed + sums.failed
    unsupported = unsupported + sums.unsupported
    for op in pairs(sums.ops) do ops[op:match "[^.]+$"] = true end
  end
  if all then
    failed = failed + uncovered(ops) + wrong_names(folder)
  end
  print(("vectors: %d passed, %d failed, %d unsupported"):format(passed,
    failed, unsupported))
  return failed == 0
end
