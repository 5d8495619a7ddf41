--- The README does what it says: its Lua programs run as they stand.
local orrery, t = require "orrery", require "orrery.testing"

local root = os.getenv "ORRERY_SOURCE_DIR" or "."

local interpreter = "lua5.4"
for i = 0, -9, -1 do
  interpreter = arg and arg[i] or interpreter
  if not (arg and arg[i - 1]) then break end
end

-- Programs of a Markdown file: text between ```lua and ```.
local function programs(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  local list = {}
  for body in text:gmatch "\n```lua\n(.-)\n```" do list[#list + 1] = body end
  return list
end

local function run(program)
  local folder = os.tmpname()
  os.remove(folder)
  assert(orrery.fs.mkdir(folder))
  local file = assert(io.open(folder .. "/program.lua", "w"))
  file:write(program, "\n")
  file:close()
  local pipe = io.popen(("cd '%s' && '%s' program.lua 2>&1"):format(folder,
    interpreter))
  local said = pipe:read "a"
  local ok = pipe:close()
  os.execute(("rm -rf '%s'"):format(folder))
  return ok, said
end

local list = programs(root .. "/README.md")

t.test("the README holds programs", function() t.ok(#list > 0) end)

for i, program in ipairs(list) do
  t.test(("program %d of the README runs"):format(i), function()
    local ok, said = run(program)
    t.ok(ok, said)
  end)
end
