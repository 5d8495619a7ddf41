--- The README does what it says: its Lua programs run as they stand, its
--- prompt sessions print what they show.
local t = require "orrery.testing"
local files = require "orrery.testing.files"
local repl = require "orrery.repl"

local root = os.getenv "ORRERY_SOURCE_DIR" or "."

-- The blocks of a Markdown file between ```language and ```.
local function blocks(path, language)
  local text = assert(files.read(path))
  local list = {}
  for body in text:gmatch("\n```" .. language .. "\n(.-)\n```") do
    list[#list + 1] = body
  end
  return list
end

local function run(program)
  local folder = files.folder()
  local file = assert(io.open(folder .. "/program.lua", "w"))
  file:write(program, "\n")
  file:close()
  local pipe = io.popen(("cd '%s' && '%s' program.lua 2>&1"):format(folder,
    files.interpreter()))
  local said = pipe:read "a"
  local ok = pipe:close()
  files.drop(folder)
  return ok, said
end

local list = blocks(root .. "/README.md", "lua")

t.test("the README holds programs", function() t.ok(#list > 0) end)

for i, program in ipairs(list) do
  local test = t.needing(t.libraries(program))
  test(("program %d of the README runs"):format(i), function()
    local ok, said = run(program)
    t.ok(ok, said)
  end)
end

-- Types what follows each "> " and gives the whole conversation, as in a
-- terminal of 72 columns without colours.
local function converse(console)
  local out = {}
  local show = require "orrery.show"
  local before = show.sink(function(figure, write)
    write(show.text(figure, { mode = "symbols", colors = "none", columns = 72,
      rows = 20, cell = { 8, 16 } }))
  end)
  local session = repl.session {
    write = function(text) out[#out + 1] = text end,
  }
  for line in console:gmatch "[^\n]+" do
    local entry = line:match "^> (.*)$"
    if entry then
      out[#out + 1] = line .. "\n"
      session:eval(entry)
    end
  end
  show.sink(before)
  return table.concat(out)
end

for i, console in ipairs(blocks(root .. "/README.md", "console")) do
  t.test(("session %d of the README prints what it shows"):format(i), function()
    local shown = console:gsub("^%$[^\n]*\n", "") .. "\n"
    t.equal(converse(shown), shown)
  end)
end
