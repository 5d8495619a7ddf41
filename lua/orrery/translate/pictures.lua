--- What a page of results shows of a translation: inputs, translations,
--- reconstructions, identity; loss curves of the six terms.
local orrery = require "orrery"
local plot = require "orrery.plot"

local pictures = {}

local layout = {
  A = { { "real_A", "A" }, { "fake_B", "A to B" }, { "rec_A", "back to A" },
    { "idt_B", "A left alone" } },
  B = { { "real_B", "B" }, { "fake_A", "B to A" }, { "rec_B", "back to B" },
    { "idt_A", "B left alone" } },
}

--- A sheet of both directions: a row each of inputs, translations, true
--- partners where there are any, what comes back, what the other generator
--- makes of an image that is its own already.
---@param shown table<string, orrery.Tensor>  as CycleGAN:visuals gives them,
---  [B, C, H, W] in [-1, 1]
---@param truth? { A: orrery.Tensor, B: orrery.Tensor }  partners of real_B and
---  of real_A
---@param scale? integer  1
---@return orrery.plot.Figure
function pictures.sheet(shown, truth, scale)
  local rows, names = {}, {}
  local function add(images, name)
    if images then rows[#rows + 1], names[#names + 1] = images, name end
  end
  for _, way in ipairs { "A", "B" } do
    local other = way == "A" and "B" or "A"
    for place, row in ipairs(layout[way]) do
      add(shown[row[1]], row[2])
      -- The partner lies below what is to be like it.
      if place == 2 and truth then add(truth[other], "true " .. other) end
    end
  end
  return plot.grid(orrery.cat(rows, 1), { columns = rows[1]:size(1),
    range = { -1, 1 }, row_names = names, scale = scale or 1 })
end

--- A CycleGAN's numbers as the six terms of its curves: the adversarial loss
--- of either generator, either discriminator's, the cycles and the identities
--- together.
---@param numbers table<string, number|orrery.Tensor>  of CycleGAN:step
---@return table<string, number|orrery.Tensor>
function pictures.six_terms(numbers)
  local function both(name)
    local one, other = numbers[name .. "_A"], numbers[name .. "_B"]
    return one and other and one + other or one or other
  end
  return { ["G, A to B"] = numbers.G_A, ["G, B to A"] = numbers.G_B,
    ["D of B"] = numbers.D_A, ["D of A"] = numbers.D_B,
    cycle = both "cycle", identity = both "idt" }
end

return pictures
