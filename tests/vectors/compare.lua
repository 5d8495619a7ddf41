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

local compare = {}

local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
local run_layer = dofile(here .. "layers.lua")

local TOLERANCE = { float64 = 1e-10, float32 = 1e-5 }
local ORDERS = { { "y", "outputs" }, { "g", "gradient" },
  { "h", "second gradient" } }

-- ---- what is called

-- What is written with signs, by how it is written.
local forms = {
  ["-x"] = function(x) return -x end,
  ["x + y"] = function(x, y) return x + y end,
  ["x - y"] = function(x, y) return x - y end,
  ["x * y"] = function(x, y) return x * y end,
  ["x / y"] = function(x, y) return x / y end,
  ["x % y"] = function(x, y) return x % y end,
  ["x // y"] = function(x, y) return x // y end,
  ["x ^ y"] = function(x, y) return x ^ y end,
  ["x[k]"] = function(x, k) return x[k] end,
  ["x[k] = v"] = function(x, k, v)
    local y = x:clone()
    y[k] = v
    return y
  end,
}

--- The function behind a name as generate.py's specs have it.
local function target(name)
  if forms[name] then return forms[name] end
  local at = orrery
  for part in name:gmatch "[^.]+" do
    if at == orrery and part == "Tensor" then
      at = orrery.Tensor.methods
    else
      local found = at[part]
      if found == nil and at == orrery then
        found = orrery.nn.functional[part] or orrery.Tensor.methods[part]
      end
      at = found
    end
    if at == nil then error("there is no function " .. name, 0) end
  end
  return at
end

-- ---- inputs

local function transposed(x)
  return x:transpose(1, -1):contiguous():transpose(1, -1)
end

-- Every second element of storage twice as long.
local function stepped(x)
  local wide = orrery.stack({ x, x }, -1):flatten(-2, -1):contiguous()
  return wide:narrow(-1, 1, x:size(-1), 2)
end

--- With gaps: a step in the last axis, or the axes stored in another order.
local function gapped(x, number)
  if x:dim() == 0 then return x end
  if x:dim() > 1 and number % 2 == 0 then return transposed(x) end
  return stepped(x)
end

local function read(values, entry, dtype)
  local n = 1
  for _, size in ipairs(entry.shape) do n = n * size end
  local x = values:narrow(1, entry.at + 1, n):clone():reshape(entry.shape)
  return x:to(entry.dtype or dtype)
end

local function inputs(case, values, run)
  local list, leaves = {}, {}
  for i, entry in ipairs(case.x) do
    local x = read(values, entry, run.dtype)
    if run.gaps then x = gapped(x, case.number + i) end
    if entry.grad then
      x = x:detach():requires_grad_()
      leaves[#leaves + 1] = x
    end
    list[i] = x
  end
  return list, leaves
end

local numbers = { nan = 0 / 0, inf = math.huge, ["-inf"] = -math.huge }

local function argument(v, tensors, dtype)
  if v == orrery.json.null then return nil end
  if v == "float" then return dtype end
  if type(v) ~= "table" then return v end
  if v.t then return tensors[v.t] end
  if v.n then return numbers[v.n] end
  local list = {}
  for name, part in pairs(v.map or {}) do
    list[name] = argument(part, tensors, dtype)
  end
  for i, part in ipairs(v) do list[i] = argument(part, tensors, dtype) end
  return list
end

local function apply(case, tensors, dtype)
  local args, n = {}, #case.args
  for i = 1, n do args[i] = argument(case.args[i], tensors, dtype) end
  if case.layer then
    return run_layer(target(case.op), argument(case.layer, tensors, dtype),
      args)
  end
  if case.options then
    local options = {}
    for name, v in pairs(case.options) do
      options[name] = argument(v, tensors, dtype)
    end
    n = n + 1
    args[n] = options
  end
  return { target(case.op)(table.unpack(args, 1, n)) }
end

-- ---- the comparison

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
    local want = argument(entry.value, {})
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
  return difference(y, read(values, entry, "float64"), run.tol)
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
    local want = read(values, { shape = { x:shape() }, at = at }, "float64")
    local why = difference(gs[i], want, run.tol)
    if why then return #gs > 1 and ("by x %d: %s"):format(i, why) or why end
    at = at + x:numel()
  end
end

--- Runs a case one way: what is wrong with y, g, h; all three when it raises.
local function run_case(case, values, run)
  local wrong = {}
  local tensors, leaves = inputs(case, values, run)
  local ys = apply(case, tensors, run.dtype)
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
          tol = wider[dtype] or TOLERANCE[dtype] }
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

-- ---- the command

local function sorted(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local function print_family(family, sums)
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
      wide.float32 or TOLERANCE.float32, wide.float64 or TOLERANCE.float64,
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

local function main(folder, ...)
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
    print_family(family, sums)
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

if arg and arg[0] and arg[0]:find "compare%.lua$" then
  if not main(...) then os.exit(1, true) end
end

return compare
