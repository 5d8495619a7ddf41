--- The guides: all are found, and what they show runs.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local guides = require "orrery.guides"
local session = require "orrery.repl.session"

t.test("every file of the folder is a guide, and every guide a file",
  function()
    local root = package.searchpath("orrery.guides", package.path)
    local found, named = {}, guides.names()
    for _, file in ipairs(orrery.fs.list((root:gsub("%.lua$", "")))) do
      found[#found + 1] = file:match "^(%l+)%.md$"
    end
    table.sort(found)
    table.sort(named)
    t.equal(found, named)
  end)

t.test("a guide is found by its name, by help and at the prompt", function()
  local env = session.environment()
  for _, name in ipairs(guides.names()) do
    local text = guides.text(name)
    t.equal(orrery.help(name), text)
    t.equal(require("orrery.repl.inspect").help(name, env), text)
    t.equal(text:match "^[^\n]*", guides.title(name))
    t.ok(guides.about(name), name)
  end
  t.equal({ guides.text "nothing", guides.text "../guides" }, {})
end)

t.test("no guide takes the name of a function or a module", function()
  for _, name in ipairs(guides.names()) do
    t.equal(orrery[name] or orrery.record(name), nil)
  end
end)

t.test("lines fit the terminal", function()
  for _, name in ipairs(guides.names()) do
    for line in guides.text(name):gmatch "[^\n]+" do
      t.ok(utf8.len(line) <= 80, name .. ": " .. line)
    end
  end
end)

for _, name in ipairs(guides.names()) do
  local blocks = {}
  for code in guides.markdown(name):gmatch "\n```lua\n(.-)\n```" do
    blocks[#blocks + 1] = code
  end
  if #blocks > 0 then
    local test = t.needing(t.libraries(table.concat(blocks)))
    test(name .. ": what it shows runs", function()
      local folder = files.folder()
      for i, code in ipairs(blocks) do
        local file = assert(io.open(folder .. "/block.lua", "w"))
        file:write("-- %%\n", code, "\n")
        file:close()
        local result = assert(orrery.replay.run(folder .. "/block.lua",
          { quick = true }))
        t.ok(result.status == "done", ("block %d: %s"):format(i,
          tostring(result.message)))
      end
      files.drop(folder)
    end)
  end
end
