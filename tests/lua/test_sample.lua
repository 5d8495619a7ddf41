--- Images at other sizes and positions, against plain loops and values that
--- follow from the definitions.
local orrery, t = require "orrery", require "orrery.testing"
local F = orrery.nn.functional

local f64 = { dtype = "float64" }
local function tensor(values) return orrery.tensor(values, f64) end
local function rand(...)
  return orrery.rand({ ... }, { low = -2, high = 2, dtype = "float64",
    generator = orrery.Generator(13) })
end

t.test("bilinear interpolation between two pixels, by hand", function()
  local x = tensor { { { { 0, 4 } } } }
  local function line(with)
    with.mode, with.size = "bilinear", { 1, 4 }
    return F.interpolate(x, with)[1][1][1]
  end
  t.equal(line {}, tensor { 0, 1, 3, 4 })
  t.near(line { align_corners = true }, tensor { 0, 4 / 3, 8 / 3, 4 }, 1e-15)
end)

t.test("nearest takes pixel floor(i n / m)", function()
  local x = tensor { { { { 1, 2, 3, 4, 5 } } } }
  t.equal(F.interpolate(x, { size = { 1, 3 } })[1][1][1], tensor { 1, 2, 4 })
  t.equal(F.interpolate(x, { size = { 1, 7 } })[1][1][1],
    tensor { 1, 1, 2, 3, 3, 4, 5 })
end)

t.test("bilinear keeps a plane a plane when corners are aligned", function()
  local function plane(h, w)
    local y = orrery.linspace(0, 1, h, f64):reshape { 1, 1, h, 1 }
    local x = orrery.linspace(0, 1, w, f64):reshape { 1, 1, 1, w }
    return y * 3 - x * 2 + 1
  end
  t.near(F.interpolate(plane(4, 3), { size = { 9, 8 }, mode = "bilinear",
    align_corners = true }), plane(9, 8), 1e-14)
end)

t.test("the identity grid gives the image back, in every mode", function()
  local x = rand(2, 3, 4, 5)
  local theta = tensor { { { 1, 0, 0 }, { 0, 1, 0 } } }:expand(2, 2, 3)
  for _, align in ipairs { false, true } do
    local grid = F.affine_grid(theta, { 2, 3, 4, 5 }, { align_corners = align })
    for _, mode in ipairs { "bilinear", "nearest" } do
      for _, padding in ipairs { "zeros", "border", "reflection" } do
        t.near(F.grid_sample(x, grid, { mode = mode, padding_mode = padding,
          align_corners = align }), x, 1e-13)
      end
    end
  end
end)

t.test("outside are zeros, the border or mirror images", function()
  local x = tensor { { { { 1, 2, 3 } } } }
  -- Pixel numbers -1, 3, 4 and the middle of 0 and 1; edges at -0.5 and 2.5.
  local at = {}
  for i, p in ipairs { -1, 3, 4, 0.5 } do at[i] = { (p + 0.5) / 1.5 - 1, 0 } end
  local grid = tensor { { at } }
  local function read(padding)
    return F.grid_sample(x, grid, { padding_mode = padding })[1][1][1]
  end
  t.near(read "zeros", tensor { 0, 0, 0, 1.5 }, 1e-14)
  t.near(read "border", tensor { 1, 3, 3, 1.5 }, 1e-14)
  t.near(read "reflection", tensor { 1, 3, 2, 1.5 }, 1e-14)
end)

t.test("positions that are no numbers read nothing", function()
  local x = tensor { { { { 1, 2 } } } }
  local grid = tensor { { { { 0 / 0, 0 }, { math.huge, 0 } } } }
  t.equal(F.grid_sample(x, grid)[1][1][1], tensor { 0, 0 })
end)
