--- The benchmark's workloads train: each takes two steps, at a small batch
--- where it has one, and its loss stays finite. The large ones are left to
--- the benchmark itself.
local orrery, t = require "orrery", require "orrery.testing"
local source = os.getenv "ORRERY_SOURCE_DIR" or "."
package.path = source .. "/tests/?.lua;" .. package.path

local small = { vae_mlp = 4, gan2d = 8, wgan_gp2d = 8, unrolled2d = 8,
  maf = 2, vae_conv = 2, dcgan28 = 2, stylegan_small = 2, pix2pix64 = 1 }

local function check(name, build, batch)
  t.test(name .. " takes steps", function()
    orrery.manual_seed(1)
    local step = build(batch)
    local first = step():item()
    local second = step():item()
    t.ok(first == first and math.abs(first) < 1e5)
    t.ok(second == second and second ~= first)
  end)
end

for _, family in ipairs { "bench.mlp", "bench.images" } do
  local builders = require(family)
  for name, batch in pairs(small) do
    if builders[name] then check(name, builders[name], batch) end
  end
end

t.test("maf_sample draws, and takes steps beside", function()
  orrery.manual_seed(1)
  local draw, training = require("bench.mlp").maf_sample(2)
  local x, step = draw(), training()
  t.equal({ x:shape() }, { 2, 784 })
  t.ok(x:isfinite():all():item() == 1 and x:std():item() > 0.5)
  t.ok(step():item() ~= step():item())
end)

t.test("single operations run", function()
  local cases = require("bench.micro").small()
  for _, case in pairs(cases) do case[1]() end
  t.ok(cases["op_small chain"])
end)
