--- Pictures of densities in the plane: where things are drawn, and films that
--- go on after a stop.
local orrery, t = require "orrery", require "orrery.testing"
local flow = orrery.flow
local law = orrery.data.known.parabola {}

-- A density that is high in the upper left quarter alone, and draws there.
local corner = {}
function corner.log_prob(_, x)
  local inside = x:select(2, 1):lt(0):float() * x:select(2, 2):gt(0):float()
  return inside * 20 - 20
end
function corner.sample(_, n, o)
  return orrery.rand({ n, 2 }, { generator = o and o.generator })
    * orrery.tensor { -5, 5 }
end

-- Mean brightness of the quarters, upper left first.
local function quarters(figure)
  local p = figure.pixels:float():mean(1)
  local h, w = p:size(1) // 2, p:size(2) // 2
  local out = {}
  for _, row in ipairs { 1, h + 1 } do
    for _, column in ipairs { 1, w + 1 } do
      out[#out + 1] = p:narrow(1, row, h):narrow(2, column, w):mean():item()
    end
  end
  return out
end

t.test("the second axis points upwards, in densities and in samples",
  function()
    local sheet = flow.pictures.density(corner, law, { side = 16 })
    for _, panel in ipairs { 2, 3 } do
      local q = quarters(sheet.figures[panel])
      t.ok(q[1] > q[2] + 1 and q[1] > q[3] + 1 and q[1] > q[4] + 1)
      t.near(q[2], q[4], 1e-3)
    end
  end)

t.test("a film that was stopped has the frames it would have had", function()
  local film = flow.pictures.Film(law, { side = 8 })
  film:add(10, corner, corner:sample(50))
  film:add(20, corner, corner:sample(50))
  local other = flow.pictures.Film(law, { side = 8 })
  other:load_state_dict(film:state_dict())
  t.equal(other.steps, { 10, 20 })
  local a, b = film:figure().frames, other:figure().frames
  t.equal(#b, 2)
  for i = 1, 2 do
    t.equal(b[i].figures[2].pixels, a[i].figures[2].pixels)
  end
end)
