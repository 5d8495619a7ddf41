--- Sums and extremes of rows of every length about the lanes' and their
--- multiples', with and without a NaN, against a plain loop.
local orrery, t = require "orrery", require "orrery.testing"

local function by_loop(row)
  local sum, least, most = 0, math.huge, -math.huge
  for _, v in ipairs(row) do
    sum = sum + v
    if v ~= v then least, most = v, v end
    if v < least then least = v end
    if v > most then most = v end
  end
  return sum, least, most
end

local function check(x)
  local list, n = x:tolist(), x:size(2)
  local sum, least, most = x:sum(2), x:amin(2), x:amax(2)
  for i, row in ipairs(list) do
    local s, a, b = by_loop(row)
    t.near(sum[i]:item(), s, 1e-6 * n)
    t.equal(least[i]:item(), a)
    t.equal(most[i]:item(), b)
  end
end

t.test("sums and extremes of rows of 1 to 300 agree with a loop", function()
  for _, dtype in ipairs { "float32", "float64" } do
    for n = 1, 300, 7 do check(orrery.randn({ 3, n }, { dtype = dtype })) end
    for _, n in ipairs { 31, 32, 33, 63, 64, 65, 127, 128, 129, 256 } do
      check(orrery.randn({ 2, n }, { dtype = dtype }))
    end
  end
end)

t.test("all below 0, all infinite: extremes are what is there", function()
  check(-orrery.rand(2, 100) - 5)
  check(orrery.rand(2, 100) + 5)
  check(orrery.full({ 2, 70 }, -math.huge))
  check(orrery.full({ 2, 70 }, math.huge))
end)

t.test("a NaN anywhere in a row is its extreme, and no other row's", function()
  for _, dtype in ipairs { "float32", "float64" } do
    for _, n in ipairs { 1, 20, 64, 100, 130 } do
      for at = 1, n, 3 do
        local x = orrery.randn({ 2, n }, { dtype = dtype })
        x[{ 2, at }] = 0 / 0
        for _, y in ipairs { x:amax(2), x:amin(2) } do
          t.equal(y:isnan():tolist(), { 0, 1 })
        end
      end
    end
  end
  local x = orrery.randn(200000)
  x[123456] = 0 / 0
  t.ok(x:amax():item() ~= x:amax():item())
end)
