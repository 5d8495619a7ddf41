--- The ops against PyTorch's values: the small set in tests/vectors/frozen.
--- The whole comparison is `sh tests/vectors/run.sh`.
local orrery, t = require "orrery", require "orrery.testing"

local folder = os.getenv "ORRERY_SOURCE_DIR" .. "/tests/vectors"

local has_json, decoded = pcall(orrery.json.decode, "[]")
if not (has_json and decoded) then
  t.skip("vectors of PyTorch", "built without jansson")
  return
end

local compare = dofile(folder .. "/compare.lua")

for _, family in ipairs(compare.families(folder .. "/frozen")) do
  t.test(family .. ": outputs, gradients and second gradients as PyTorch's",
    function()
      local sums = compare.family(folder .. "/frozen", family)
      t.ok(sums.failed == 0, table.concat(sums.failures, "\n"))
      t.ok(sums.passed > 0, "some vectors were compared")
    end)
end
