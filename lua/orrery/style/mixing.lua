--- Mixing regularisation: which layers take which of several styles (Karras et
--- al. 2019, section 3.1).
local orrery = require "orrery"

-- Which of k styles each layer takes, [N, layers] from 1: the list's order,
-- changing at k - 1 different layers drawn for each example.
local function choice(l, n, k, stream)
  local drawn = orrery.rand({ n, l - 1 }, { generator = stream })
  local _, cuts = drawn:topk(k - 1, { axis = 2 })
  local at = orrery.range(1, l):reshape { 1, 1, l }
  return cuts:unsqueeze(-1):float():lt(at):float():sum(2) + 1
end

--- Styles of several codes, mixed.
---@param G orrery.style.Generator
---@param list orrery.Tensor[]  styles [N, style_dim]
---@param share? number  of the examples that are; the rest have the first
---@param stream? orrery.Generator
---@return orrery.Tensor ws  [N, layers, style_dim]
return function(G, list, share, stream)
  local n, d = list[1]:shape()
  local of = choice(G.layers, n, #list, stream)
  if share then
    local mixes = orrery.rand({ n, 1 }, { generator = stream }):lt(share)
    of = orrery.where(mixes, of, orrery.ones({ n, 1 }))
  end
  of = of:unsqueeze(-1)
  local sizes = { n, G.layers, d }
  local ws = list[1]:unsqueeze(2):expand(sizes)
  for j = 2, #list do
    ws = orrery.where(of:eq(j), list[j]:unsqueeze(2):expand(sizes), ws)
  end
  return ws
end
