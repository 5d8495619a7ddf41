--- Pictures of densities in the plane: the true one, the learnt one and that of
--- samples, in one scale; and a film of the last two as training goes.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"
local plot = require "orrery.plot"

local pictures = {}

-- The density at the middles of square cells, first row on top.
local function heights(model, reach, side)
  local at = (orrery.range(1, side) - 0.5) * (2 * reach / side) - reach
  local x = orrery.stack({ at:unsqueeze(1):expand { side, side },
    (-at):unsqueeze(2):expand { side, side } }, 3):reshape(side * side, 2)
  return orrery.no_grad(function()
    return model:log_prob(x):exp():reshape(side, side)
  end)
end

-- How many of the points lie in each cell, as a density.
local function counted(points, reach, side)
  local cell = ((points + reach) * (side / (2 * reach))):floor():long()
  local column, row = cell:select(2, 1), side - 1 - cell:select(2, 2)
  local inside = column:ge(0):long() * column:lt(side):long()
    * row:ge(0):long() * row:lt(side):long()
  -- Those outside fall into one more cell, which is left out.
  local at = orrery.where(inside:ne(0), row * side + column,
    orrery.full_like(row, side * side)) + 1
  local n = at:bincount { minlength = side * side + 1 }
  return n:narrow(1, 1, side * side):reshape(side, side):float()
    / (points:size(1) * (2 * reach / side) ^ 2)
end

-- Roots, or a narrow mode would leave everything else black.
local function shown(p, highest, title)
  return plot.image(p:sqrt(), { range = { 0, highest }, colors = "viridis",
    scale = math.max(1, 256 // p:size(1)), title = title })
end

-- A law in the plane that knows what part of it to show.
local function want_law(who, law)
  if type(law) ~= "table" or not law.window then
    blame("%s: law is %s; give one of data.known in the plane", who,
      options.shown(law))
  end
  return law
end

--- The true density, a model's and that of draws from it, in one scale: heat
--- maps of their roots over the square of side 2 law:window() round 0.
---@param model table  with log_prob(x [N, 2]) -> nats [N], and sample(n)
---@param law orrery.data.Law  in the plane
---@param opts? { side?: integer, title?: string, samples?: orrery.Tensor }
---  128 cells along an axis; draws [N, 2] instead of 20,000 fresh ones
---@return orrery.plot.Figure
function pictures.density(model, law, opts)
  local o = options.take("flow.pictures.density", opts, { side = 128,
    title = "learnt" }, { "samples" })
  local reach = want_law("flow.pictures.density", law):window()
  local side = options.count("flow.pictures.density", "side", o.side)
  if type(model) ~= "table" or not model.log_prob then
    blame("flow.pictures.density: model is %s; give one with log_prob",
      options.shown(model))
  end
  local truth = heights(law, reach, side)
  local highest = math.max(truth:amax():item() ^ 0.5, 1e-6)
  local samples = o.samples or model:sample(20000,
    { generator = orrery.Generator(1) })
  return plot.grid({ shown(truth, highest, law.name),
    shown(heights(model, reach, side), highest, o.title),
    shown(counted(samples, reach, side), highest, "samples") },
    { columns = 3 })
end

---@class orrery.flow.Film
---@field steps integer[]
---@field maps orrery.Tensor[]  densities, [side, side] each
---@field shots orrery.Tensor[]  samples, [N, 2] each
local Film = {}
Film.__index = Film

--- Keeps the density and samples as they are now.
---@param step integer
---@param model table  with log_prob
---@param samples orrery.Tensor  [N, 2]
function Film:add(step, model, samples)
  local n = #self.steps + 1
  self.steps[n] = step
  self.maps[n] = orrery.keep(heights(model, self.reach, self.side))
  self.shots[n] = orrery.keep(samples:detach():clone())
end

--- The film of what was kept, density and samples; the colours are those of
--- the last frame.
---@param opts? { delay?: number }  seconds between frames, 0.3
---@return orrery.plot.Figure
function Film:figure(opts)
  local frames = {}
  local highest = math.max(self.maps[#self.maps]:amax():item() ^ 0.5, 1e-6)
  for i, map in ipairs(self.maps) do
    frames[i] = plot.grid({
      shown(map, highest, ("step %d"):format(self.steps[i])),
      shown(counted(self.shots[i], self.reach, self.side), highest,
        "samples") }, { columns = 2 })
  end
  return plot.animation(frames, { delay = opts and opts.delay or 0.3,
    hold = 1 })
end

local lists = { "steps", "maps", "shots" }

function Film:state_dict()
  local state = {}
  for _, name in ipairs(lists) do state[name] = { table.unpack(self[name]) } end
  return state
end

---@param state table  from state_dict
function Film:load_state_dict(state)
  for _, name in ipairs(lists) do
    self[name] = {}
    for i, value in ipairs(state[name]) do
      self[name][i] = name == "steps" and value or orrery.keep(value:clone())
    end
  end
end

--- A film to be; one of the objects of a trial, it goes on after a stop.
---@param law orrery.data.Law  in the plane
---@param opts? { side?: integer }  64 places along an axis
---@return orrery.flow.Film
function pictures.Film(law, opts)
  local o = options.take("flow.pictures.Film", opts, { side = 64 })
  want_law("flow.pictures.Film", law)
  options.count("flow.pictures.Film", "side", o.side)
  return setmetatable({ reach = law:window(), side = o.side, steps = {},
    maps = {}, shots = {} }, Film)
end

return pictures
