--- Every file of examples/ is a replay whose figures hold with its small
--- settings, and a program that runs by itself. What was recorded is compared
--- by its numbers alone: how a chart looks depends on the fonts of the machine.
--- ORRERY_PROGRAM=NAME runs one.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local figures = require "orrery.replay.figures"
local recorded = require "orrery.replay.recorded"
local replay = orrery.replay

local root = os.getenv "ORRERY_SOURCE_DIR" or "."
local only = os.getenv "ORRERY_PROGRAM" or ""
local examples = {}
for _, name in ipairs(orrery.fs.list(root .. "/examples")) do
  local program = name:match "^(.*)%.lua$"
  if program and (only == "" or only == program) then
    examples[#examples + 1] = root .. "/examples/" .. name
  end
end
table.sort(examples)

t.test("there are examples", function() t.ok(#examples > 0) end)

local function compared(result)
  local drift, why = recorded.compare(result)
  t.ok(drift, why)
  for _, sentence in ipairs(drift) do
    t.ok(sentence:find "^picture %d", sentence)
  end
end

local sanitized = orrery.machine().sanitized

for _, path in ipairs(examples) do
  local name = path:match "[^/]*$"
  local libraries = { t.libraries(files.read(path)) }

  local test = t.needing("json", "png", table.unpack(libraries))
  test(name .. " replays, and its figures hold", function()
    local result = assert(replay.run(path, { quick = true }))
    t.equal({ result.status, result.message }, { "done", nil })
    t.ok(#result.figures > 0)
    for _, f in ipairs(result.figures) do t.ok(f.ok, figures.line(f)) end
    compared(result)
  end)

  -- The same cells once more: several times slower under a sanitizer, where
  -- one file has to do.
  test = sanitized and name ~= "tour.lua" and function(what)
    t.skip(what, "under a sanitizer the tour alone runs twice")
  end or t.needing(table.unpack(libraries))
  test(name .. " runs by itself", function()
    local folder = files.folder()
    local pipe = io.popen(("cd '%s' && '%s' '%s' --quick 2>&1"):format(folder,
      files.interpreter(), path))
    local said = pipe:read "a"
    local ok = pipe:close()
    files.drop(folder)
    t.ok(ok, said)
  end)
end
