--- Parts of a game for style-based generators: what is done every few steps
--- only, and path-length regularisation.
local orrery = require "orrery"
local blame = require "orrery.blame"
local nn = require "orrery.nn"
local options = require "orrery.options"

local regularise = {}

--- A part whose terms count at every k-th step only, k times as much: as good
--- and much cheaper for R1 (Karras et al. 2020, section 3.1, every 16 steps).
---
---     parts = { style.lazy(gan.penalty("r1", 1), 16) }
---
---@param part table  of a game, with cost or term
---@param every integer
---@return table part
function regularise.lazy(part, every)
  options.count("style.lazy", "every", every)
  if type(part) ~= "table" or not (part.cost or part.term) then
    blame("style.lazy: part is %s; give one with a cost or a term",
      options.shown(part))
  end
  local out = {}
  for key, value in pairs(part) do out[key] = value end
  out.name = ("%s, every %d"):format(part.name, every)
  function out.numbers(_, game, step)
    local at = { on = (step - 1) % every == 0 }
    for name, value in pairs(part.numbers and part:numbers(game, step) or {})
    do
      at[name] = value
    end
    return at
  end
  for _, name in ipairs { "cost", "term" } do
    local fn = part[name]
    out[name] = fn and function(_, game, a, b, at)
      if not at.on then return 0 end
      return fn(part, game, a, b, at) * every
    end
  end
  return out
end

--- Options of Adam for a player that has one lazy part: each k + 1 of its
--- updates stand for k, so rate and betas are taken to the k / (k + 1)
--- (Karras et al. 2020, appendix B).
---@param given { lr: number, betas: number[] }
---@param every integer
---@return { lr: number, betas: number[] }
function regularise.lazy_adam(given, every)
  local o = options.take("style.lazy_adam", given, { betas = { 0, 0.99 } },
    { "lr" })
  options.number("style.lazy_adam", "lr", o.lr)
  local c = every / (options.count("style.lazy_adam", "every", every) + 1)
  return { lr = o.lr * c, betas = { o.betas[1] ^ c, o.betas[2] ^ c } }
end

--- |J' y| of each example, root mean square over layers: how far images
--- move, in the direction of y, with a step of unit length in styles.
---@param G orrery.style.Generator
---@param ws orrery.Tensor  [N, layers, style_dim], with a graph
---@param y orrery.Tensor  like the images; N(0, 1 / pixels) in the penalty
---@param noise? orrery.Tensor[]|false  of the generator
---@return orrery.Tensor lengths  [N], differentiable
function regularise.path_lengths(G, ws, y, noise)
  local x = G:synthesize(ws, noise)
  local g = orrery.grad((x * y):sum(), { ws }, { create_graph = true })[1]
  return (g:square():sum(3):mean(2) + 1e-12):sqrt()
end

--- Path-length regularisation (Karras et al. 2020, section 3.2): the mean of
--- (|J' y| - a)^2 joins the generator's loss, a being the running mean of
--- |J' y|, so that steps in W move images by one length everywhere.
---@param given? { weight?: number, every?: integer, decay?: number,
---  shrink?: integer }  2; at every 4th step; 0.01 of the running mean; on a
---  batch 2 times smaller
---@return table part
function regularise.path_length(given)
  local who = "style.path_length"
  local o = options.take(who, given, { weight = 2, every = 4, decay = 0.01,
    shrink = 2 })
  options.number(who, "weight", o.weight)
  options.number(who, "decay", o.decay)
  options.count(who, "shrink", o.shrink)
  local kept = nn.Module()
  kept:register_buffer("mean_length", orrery.zeros {})
  local part = { name = "path length", players = { paths = kept } }

  function part.term(_, game, fake)
    local G = game.generator
    local n = math.max(1, fake.x:size(1) // o.shrink)
    local ws = G:styles(game:noise(n), {})
    local sizes = { n, table.unpack({ fake.x:shape() }, 2) }
    local y = orrery.randn(sizes, { generator = game.stream })
      / math.sqrt(sizes[3] * sizes[4])
    local lengths = regularise.path_lengths(G, ws, y)
    local mean = kept.mean_length
    orrery.no_grad(function()
      mean:copy_(mean + (lengths:mean() - mean) * o.decay)
    end)
    return ((lengths - mean) ^ 2):mean() * o.weight
  end
  return regularise.lazy(part, o.every)
end

return regularise
