--- Runs our ops on the vectors that generate.py made and compares.
---
---   orrery compare.lua FOLDER [FAMILY...]   compares; fails when one differs
---   orrery compare.lua --names              lists each op's name in PyTorch
---
--- Each case runs in float64 and float32, its inputs laid out without gaps
--- and with. One vector is a case's outputs, its gradient or its second one;
--- it passes when all four runs agree: |a - b| <= tol + tol |b| everywhere,
--- NaN equal to NaN. As a module: compare.family(folder, family).
local orrery = require "orrery"

local compare = { tolerance = { float64 = 1e-10, float32 = 1e-5 } }

local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
local calls = dofile(here .. "calls.lua")

local ORDERS = { { "y", "outputs" }, { "g", "gradient" },
  { "h", "second gradient" } }

local function flat(x)
  return x:detach():contiguous():reshape { -1 }:tolist()
end

local function same(a, b, tol)
  if a == b or (a ~= a and b ~= b) then return true end
  return math.abs(a - b) <= tol + tol * math.abs(b)
end

--- What is wrong with a tensor, or nil.
local function difference(got, want, tol)
  if got:shape_str() ~= want:shape_str() then
    return ("shape is %s, not %s"):format(got:shape_str(), want:shape_str())
  elseif got:numel() == 0 then
    return nil
  end
  local a, b = flat(got), flat(want)
  for i = 1, #b do
    if not same(a[i], b[i], tol) then
      return ("element %d is %.17g, not %.17g"):format(i, a[i], b[i])
    end
  end
end

local function output_difference(y, entry, values, run)
  if entry.value ~= nil then
    local want = calls.argument(entry.value, {})
    if type(y) == "number" and type(want) == "number" then
      return not same(y, want, run.tol)
        and ("is %.17g, not %.17g"):format(y, want) or nil
    end
    return y ~= want and ("is %s, not %s"):format(y, want) or nil
  end
  if not orrery.is_tensor(y) then return "is " .. orrery.describe(y) end
  local dtype = entry.dtype or run.dtype
  if y.dtype ~= dtype then
    return ("dtype is %s, not %s"):format(y.dtype, dtype)
  end
  local tol = dtype == "float32" and compare.tolerance.float32 or 0
  return difference(y, calls.read(values, entry, "float64"),
    math.max(run.tol, tol))
end

local function outputs(ys, case, values, run)
  if #ys ~= #case.y then
    return ("%d outputs, not %d"):format(#ys, #case.y)
  end
  for k, entry in ipairs(case.y) do
    local why = output_difference(ys[k], entry, values, run)
    if why then return #ys > 1 and ("output %d: %s"):format(k, why) or why end
  end
end

--- generate.py's weights, shaped as x.
local function weights(x, salt)
  local w = {}
  for i = 1, x:numel() do
    w[i] = ((7919 * (i - 1) + 104729 * salt) % 251 - 125) / 128
  end
  if #w == 0 then return orrery.zeros_like(x:detach()) end
  return orrery.tensor(w, { dtype = x.dtype }):reshape { x:shape() }
end

local function weighted(tensors, salt)
  local total
  for k, y in ipairs(tensors) do
    if orrery.is_tensor(y) and y.requires_grad then
      local part = (y * weights(y, salt + k)):sum()
      total = total and total + part or part
    end
  end
  return total
end

--- The derivative of the weighted sum by the leaves, zeros where there is
--- none.
local function derivative(tensors, salt, leaves)
  local total = weighted(tensors, salt)
  if total then
    return orrery.grad(total, leaves, { create_graph = true,
      allow_unused = true })
  end
  local zeros = {}
  for i, x in ipairs(leaves) do zeros[i] = orrery.zeros_like(x:detach()) end
  return zeros
end

local function gradients(gs, at, leaves, values, run)
  for i, x in ipairs(leaves) do
    local entry = { shape = { x:shape() }, at = at }
    local want = calls.read(values, entry, "float64")
    local why = difference(gs[i], want, run.tol)
    if why then return #gs > 1 and ("by x %d: %s"):format(i, why) or why end
    at = at + x:numel()
  end
end

--- Runs a case one way: what is wrong with y, g, h; all three when it raises.
local function run_case(case, values, run)
  local wrong = {}
  local tensors, leaves = calls.inputs(case, values, run)
  local ys = calls.apply(case, tensors, run.dtype)
  wrong.y = outputs(ys, case, values, run)
  if not (case.g or case.h) then return wrong end
  local gs = derivative(ys, 0, leaves)
  if case.g then wrong.g = gradients(gs, case.g, leaves, values, run) end
  if case.h then
    local hs = derivative(gs, 100, leaves)
    wrong.h = gradients(hs, case.h, leaves, values, run)
  end
  return wrong
end

local function protected(...)
  local ok, wrong = pcall(orrery.tidy, run_case, ...)
  if ok then return wrong end
  local why = "raised: " .. tostring(wrong)
  return { y = why, g = why, h = why }
end

-- ---- counting

local function runs(case)
  local list, wider = {}, case.tolerance or {}
  for _, dtype in ipairs { "float64", "float32" } do
    for _, gaps in ipairs { false, true } do
      if not (gaps and case.packed) then
        list[#list + 1] = { dtype = dtype, gaps = gaps,
          tol = wider[dtype] or compare.tolerance[dtype] }
      end
    end
  end
  return list
end

local function count(case, values, sums)
  local wrong = {}
  for _, run in ipairs(runs(case)) do
    local found = protected(case, values, run)
    for key, why in pairs(found) do
      wrong[key] = wrong[key] or ("%s%s: %s"):format(run.dtype,
        run.gaps and ", with gaps" or "", why)
    end
  end
  for _, order in ipairs(ORDERS) do
    local key, label = order[1], order[2]
    if case.unsupported and case.unsupported[key] then
      sums.unsupported = sums.unsupported + 1
      sums.reasons[case.op] = case.unsupported[key]
    elseif case[key] and wrong[key] then
      sums.failed = sums.failed + 1
      table.insert(sums.failures, ("%s, case %d, %s: %s"):format(case.op,
        case.number, label, wrong[key]))
    elseif case[key] then
      sums.passed = sums.passed + 1
    end
  end
end

--- Compares one family.
---@param folder string  where generate.py wrote
---@param family string
---@return table sums  passed, failed, unsupported; failures, a list of
---  sentences; reasons, wider and ops by op
function compare.family(folder, family)
  local path = folder .. "/" .. family
  local cases = assert(orrery.json.read(path .. ".json"))
  local values = assert(orrery.io.read_npy(path .. ".npy"))
  local sums = { passed = 0, failed = 0, unsupported = 0, failures = {},
    reasons = {}, wider = {}, ops = {} }
  for _, case in ipairs(cases) do
    case.number = sums.ops[case.op] or 0
    sums.ops[case.op] = case.number + 1
    if case.tolerance then sums.wider[case.op] = case.tolerance end
    count(case, values, sums)
  end
  return sums
end

--- The families in a folder, sorted.
---@param folder string
---@return string[]
function compare.families(folder)
  local names = {}
  for _, file in ipairs(assert(orrery.fs.list(folder))) do
    names[#names + 1] = file:match "^(.*)%.npy$"
  end
  table.sort(names)
  return names
end

if arg and arg[0] and arg[0]:find "compare%.lua$" then
  local report = dofile(here .. "report.lua")
  if not report(compare, ...) then os.exit(1, true) end
end

return compare
