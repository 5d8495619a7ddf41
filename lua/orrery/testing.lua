--- What tests are written with: `local t = require "orrery.testing"`.
---
--- A test file runs under busted (`lua5.4 tests/lua/busted.lua FILE`); alone
--- in a Lua, it runs its tests at once and prints a line for each.
local orrery = require "orrery"
local gradcheck = require "orrery.testing.gradcheck"

local t = {}

local here = debug.getinfo(1, "S").source
local folder = here:gsub("%.lua$", "/")

local function is_tensor(x) return type(x) == "userdata" and x.tolist ~= nil end

--- Is this frame one of the testing module's own?
local function is_own(source)
  return source == here or source:sub(1, #folder) == folder
end

--- Fails the running test at the line that called into this module.
local function fail(message, ...)
  local level, where = 2, ""
  repeat
    local info = debug.getinfo(level, "Sl")
    level = level + 1
    if info and info.currentline > 0 and not is_own(info.source) then
      where = ("%s:%d: "):format(info.short_src, info.currentline)
      break
    end
  until not info
  error(where .. message:format(...), 0)
end
t.fail = fail

-- Live tensors when the test before this one had ended well.
local ended

--- Live tensors, once everything unreachable is gone, in as many rounds as it
--- takes to come to `wanted`, at most two: what a finaliser lets go of is
--- collected by the next.
local function live(wanted)
  for _ = 1, 2 do
    if orrery.live() == wanted then break end
    collectgarbage()
  end
  return (orrery.live())
end

--- Runs `fn`, then checks that no tensor of it is left.
local function checked(fn)
  return function()
    local before = ended or live()
    ended = nil
    fn()
    local after = live(before)
    if after ~= before then
      error(("the test left %d tensors alive that were not before; drop them, "
        .. "or find who holds them"):format(after - before), 0)
    end
    ended = after
  end
end

local function run_alone(name, fn)
  local ok, why = xpcall(fn, debug.traceback)
  print(ok and "ok - " .. name or ("not ok - %s\n%s"):format(name, why))
end

--- Declares a test; the name is a sentence that can be false.
---@param name string
---@param fn fun()
function t.test(name, fn)
  local busted = package.loaded.busted
  -- A tail call: busted then takes the test file's line for this test's.
  if busted then return busted.it(name, checked(fn)) end
  return run_alone(name, checked(fn))
end

--- Declares the test of a figure that is known in closed form.
---@param id string  the figure's number, "F031"
---@param what string  the formula in words
---@param want number
---@param tolerance number  absolute
---@param measure fun(): orrery.Tensor|number  the library's own value
function t.fact(id, what, want, tolerance, measure)
  t.test(id .. " " .. what, function()
    local got = measure()
    if is_tensor(got) then got = got:item() end
    if not (math.abs(got - want) <= tolerance) then
      fail("%s is %.10g, wanted %.10g", id, got, want)
    end
  end)
end

--- Declares a test that cannot run here; it is named and counted as skipped.
---@param name string
---@param reason string  what is missing
function t.skip(name, reason)
  local label = ("%s (%s)"):format(name, reason)
  local busted = package.loaded.busted
  if busted then return busted.pending(label) end
  print("ok - # SKIP " .. label)
end

--- What declares tests that need optional libraries: `t.test`, or, where this
--- build lacks one of them, a skip that says which.
---@param ... string  names in orrery.io.features: "json", "png", ...
---@return fun(name: string, fn: fun())
function t.needing(...)
  for _, library in ipairs { ... } do
    if not orrery.io.features[library] then
      return function(name) t.skip(name, "this build has no " .. library) end
    end
  end
  return t.test
end

--- The optional libraries that a program uses, as far as its text tells.
---@param program string
---@return string ...  names for t.needing
function t.libraries(program)
  local list = {}
  for _, use in ipairs { { "mnist", "gzip" }, { "safetensors", "json" },
    { ".png", "png" } } do
    if program:find(use[1], 1, true) then list[#list + 1] = use[2] end
  end
  return table.unpack(list)
end

--- A tensor as numbers in nested lists, a scalar as a number.
local function plain(x)
  if not is_tensor(x) then return x end
  if x:dim() == 0 then return x:item() end
  return x:tolist()
end

local function describe(x, depth)
  if type(x) ~= "table" then
    return math.type(x) == "float" and ("%.9g"):format(x) or tostring(x)
  end
  depth = (depth or 0) + 1
  if depth > 8 then return "{ ... }" end  -- a table may hold itself
  local parts = {}
  for i, v in ipairs(x) do
    if i > 8 then parts[i] = "..." break end
    parts[i] = describe(v, depth)
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local function same_number(a, b, tol)
  if a == b or (a ~= a and b ~= b) then return true end
  return math.abs(a - b) <= tol * math.max(1, math.abs(b))
end

--- The first place where two plain values differ by more than tol, or nil.
--- Tables being compared already, further up, are taken as equal: where a
--- table holds itself, any difference is found on the first way round.
local function difference(got, want, tol, path, under)
  if type(got) == "number" and type(want) == "number" then
    if same_number(got, want, tol) then return nil end
    return ("%s is %s, wanted %s"):format(path, describe(got), describe(want))
  end
  if type(got) ~= "table" or type(want) ~= "table" then
    if rawequal(got, want) or got == want then return nil end
    return ("%s is %s, wanted %s"):format(path, describe(got), describe(want))
  end
  if #got ~= #want then
    return ("%s has %d entries (%s), wanted %d (%s)"):format(path, #got,
      describe(got), #want, describe(want))
  end
  local above = under
  while above do
    if above.got == got and above.want == want then return nil end
    above = above.above
  end
  under = { got = got, want = want, above = under }
  for key in pairs(want) do
    local at = ("%s[%s]"):format(path, tostring(key))
    local found = difference(plain(got[key]), plain(want[key]), tol, at,
      under)
    if found then return found end
  end
  for key in pairs(got) do
    if want[key] == nil then
      return ("%s[%s] is not wanted"):format(path, tostring(key))
    end
  end
end

local function default_tolerance(x)
  return is_tensor(x) and x.dtype == "float32" and 1e-5 or 1e-9
end

--- Compares numbers: tensors, plain numbers, or nested lists of both. A
--- one-element tensor equals a plain number. NaN equals NaN here.
---@param got any
---@param want any
---@param tol? number  relative above 1, absolute below; 1e-5 for float32
function t.near(got, want, tol)
  tol = tol or math.max(default_tolerance(got), default_tolerance(want))
  if is_tensor(got) and is_tensor(want) then
    local a, b = got:shape_str(), want:shape_str()
    if a ~= b then fail("near: shape is %s, wanted %s", a, b) end
  end
  if is_tensor(got) and type(want) == "number" and got:numel() == 1 then
    got = got:item()
  end
  local found = difference(plain(got), plain(want), tol, "value")
  if found then fail("near: %s (tolerance %g)", found, tol) end
end

--- Compares exactly: deeply, and tensors by dtype, shape and every value.
function t.equal(got, want)
  if is_tensor(got) and is_tensor(want) then
    local a = got.dtype .. " " .. got:shape_str()
    local b = want.dtype .. " " .. want:shape_str()
    if a ~= b then fail("equal: got %s, wanted %s", a, b) end
  end
  local found = difference(plain(got), plain(want), 0, "value")
  if found then fail("equal: %s", found) end
end

--- Fails unless `condition` holds.
function t.ok(condition, message)
  if not condition then fail("%s", message or "not so") end
end

-- The call below is its own frame, so that an error at "the caller's line"
-- has a line here to name.
local function call(fn, ...)
  local results = table.pack(fn(...))
  return results
end
local call_info = debug.getinfo(call, "S")

--- Does the position lie where the failing call was written: in the test
--- that runs, or in the frame above?
local function is_callers(file, line)
  local function inside(info)
    return info.short_src == file and line >= info.linedefined
      and (line <= info.lastlinedefined or info.what == "main")
  end
  if inside(call_info) then return true end
  local level = 2
  while true do
    local info = debug.getinfo(level, "S")
    if not info then return false end
    if info.what ~= "C" and not is_own(info.source) then return inside(info) end
    level = level + 1
  end
end

--- The error of fn(...) without its position, which must be the caller's.
local function error_of(who, fn, ...)
  local ok, err = pcall(call, fn, ...)
  if ok then fail("%s: no error was raised", who) end
  err = tostring(err)
  local file, line, message = err:match "^([^\n:]+):(%d+): (.*)$"
  if not file then return err end
  if not is_callers(file, tonumber(line)) then
    fail("%s: blamed on %s:%s, which is not the caller's line: %s", who, file,
      line, message)
  end
  return message
end

--- fn(...) raises exactly `message`, and at the caller's line if at any.
---@param message string
---@param fn function
function t.fails(message, fn, ...)
  local got = error_of("fails", fn, ...)
  if got ~= message then
    fail("fails: the error is\n  %s\nwanted\n  %s", got, message)
  end
end

--- As `fails`, with a Lua pattern.
---@param pattern string
---@param fn function
function t.fails_like(pattern, fn, ...)
  local got = error_of("fails_like", fn, ...)
  if not got:find(pattern) then
    fail("fails_like: the error is\n  %s\nwanted something like\n  %s", got,
      pattern)
  end
end

--- fn(inputs...) has the derivatives autograd says, by central differences
--- in float64. See orrery.testing.gradcheck for the options.
---@param fn function
---@param inputs orrery.Tensor[]
---@param opts? { tol?: number, step?: number, order?: integer }
function t.gradcheck(fn, inputs, opts)
  local ok, why = gradcheck(fn, inputs, opts)
  if not ok then fail("gradcheck: %s", why) end
end

return t
