--- What two runs differ in: settings, code and machine, the first numbers that
--- are not the same, and the results.
local packing = require "orrery.runs.packing"

-- The same bits, but for the sign of a NaN.
local function same(a, b)
  if type(a) == "table" and type(b) == "table" then
    return packing.pack(a) == packing.pack(b)
  end
  if a ~= a and b ~= b then return true end
  return a == b and math.type(a) == math.type(b)
    and (a ~= 0 or 1 / a == 1 / b)
end

local function compare(a, b, leave_out)
  local names, out, seen = {}, {}, leave_out or {}
  for _, t in ipairs { a, b } do
    for name in pairs(t) do
      if not seen[name] then seen[name], names[#names + 1] = true, name end
    end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    if not same(a[name], b[name]) then
      out[#out + 1] = { name = name, a = a[name], b = b[name] }
    end
  end
  return out
end

-- First place where the series part: another number, another step, or the
-- end of one of them.
local function first_difference(name, a, b)
  for i = 1, math.max(#a.x, #b.x) do
    if not same(a.x[i], b.x[i]) or not same(a.y[i], b.y[i]) then
      local step = a.x[i] or b.x[i]
      if a.x[i] and b.x[i] then step = math.min(a.x[i], b.x[i]) end
      return { name = name, step = step, a = a.x[i] == step and a.y[i] or nil,
        b = b.x[i] == step and b.y[i] or nil }
    end
  end
end

local function metrics(a, b)
  local in_a, names = a:metrics()
  local in_b, others = b:metrics()
  local out, nothing = {}, { x = {}, y = {} }
  for _, name in ipairs(others) do
    if not in_a[name] then names[#names + 1] = name end
  end
  for _, name in ipairs(names) do
    out[#out + 1] = first_difference(name, in_a[name] or nothing,
      in_b[name] or nothing)
  end
  table.sort(out, function(p, q)
    if p.step ~= q.step then return p.step < q.step end
    return p.name < q.name
  end)
  return out
end

local function around(run)
  local found = packing.unpack(run.row.environment) or {}
  for name, value in pairs(found.machine or {}) do found[name] = value end
  found.machine, found.time, found.command = nil, nil, nil
  found.words = nil
  found.code = run.code
  return found
end

---@param a orrery.runs.Record
---@param b orrery.runs.Record
---@return table  settings, environment, results, metrics
return function(a, b)
  return {
    settings = compare(a.knobs, b.knobs),
    environment = compare(around(a), around(b)),
    results = compare(a.values, b.values), metrics = metrics(a, b),
  }
end
