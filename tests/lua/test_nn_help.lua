--- Everything in nn explains itself.
local orrery, t = require "orrery", require "orrery.testing"
local nn = orrery.nn

local function explained(path)
  local text = orrery.help(path)
  t.ok(text, path)
  local second = text:match "^[^\n]*\n  ([^\n]*)"
  t.ok(second and not second:find "^has:" and not second:find "^%->"
    and not second:find "without a comment", path .. ": " .. text)
end

for _, place in ipairs { "nn", "nn.init", "nn.utils" } do
  local part = nn[place:match "%.(.*)"] or nn
  t.test("all of " .. place .. " has a text", function()
    for name in pairs(part) do explained(place .. "." .. name) end
  end)
end

t.test("a layer around an op tells what the op does", function()
  t.ok(orrery.help "nn.MSELoss":find("Squared error", 1, true))
  t.ok(orrery.help "nn.MaxPool2d":find("^nn.MaxPool2d%(kernel_size, opts%)"))
end)
