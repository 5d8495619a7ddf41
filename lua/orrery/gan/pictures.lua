--- Pictures of a game: in the plane samples against the data, what D says of
--- each place and where it would push a sample; films of the training.
local orrery = require "orrery"
local plot = require "orrery.plot"
local pictures = {}

--- Samples over the data.
---@param samples orrery.Tensor  [N, 2]
---@param law orrery.data.Law
---@param title? string
---@return orrery.plot.Figure
function pictures.samples(samples, law, title)
  local reach = law:window()
  local data = law:sample(500, { generator = orrery.Generator(1) })
  return plot.scatter { title = title, square = true, xmin = -reach,
    xmax = reach, ymin = -reach, ymax = reach, size = { 420, 460 },
    legend = "below",
    series = { { y = data, name = "data", color = 2, point_size = 0.5 },
      { y = samples, name = "samples", color = 1, point_size = 0.5 } } }
end

-- Evenly spaced points of the window, [side * side, 2], rows upwards.
local function lattice(reach, side)
  local at = orrery.linspace(-reach, reach, side)
  return orrery.stack({ at:unsqueeze(1):expand { side, side },
    at:unsqueeze(2):expand { side, side } }, 3):reshape(side * side, 2), at
end

--- What D says of each place, and its gradient there: where a sample would
--- be pushed.
---@param game orrery.gan.Game
---@param law orrery.data.Law
---@param opts? { side?: integer, arrows?: integer, title?: string,
---   samples?: orrery.Tensor }  48 and 13 places along an axis
---@return orrery.plot.Figure
function pictures.field(game, law, opts)
  local o = opts or {}
  local reach, side, few = law:window(), o.side or 48, o.arrows or 13
  local x, at = lattice(reach, side)
  local value = orrery.no_grad(function() return game:score(x) end)
  local y, sparse = lattice(reach * 0.95, few)
  y:requires_grad_()
  local g = orrery.grad(game:score(y):sum(), { y })[1]
  local layers = {
    plot.heatmap { z = value:reshape(side, side), x = at, y = at,
      zlabel = "D", square = true, title = o.title, xmin = -reach,
      xmax = reach, ymin = -reach, ymax = reach },
    plot.quiver { x = sparse, y = sparse, color = 1,
      u = g:select(2, 1):reshape(few, few),
      v = g:select(2, 2):reshape(few, few) },
  }
  if o.samples then
    layers[3] = plot.scatter { y = o.samples, point_size = 0.6 }
  end
  return plot.overlay(layers)
end

---@class orrery.gan.Film
---@field steps integer[]
---@field shots orrery.Tensor[]  samples, [N, 2] each
local Film = {}
Film.__index = Film

--- Keeps samples as they are now.
---@param step integer
---@param samples orrery.Tensor  [N, 2]
function Film:add(step, samples)
  self.steps[#self.steps + 1] = step
  self.shots[#self.shots + 1] = orrery.keep(samples:detach():clone())
end

--- The film of what was kept.
---@param law orrery.data.Law
---@param opts? { delay?: number }  seconds between frames, 0.3
---@return orrery.plot.Figure
function Film:figure(law, opts)
  local frames = {}
  for i, shot in ipairs(self.shots) do
    frames[i] = pictures.samples(shot, law, ("step %d"):format(self.steps[i]))
  end
  return plot.animation(frames, { delay = opts and opts.delay or 0.3,
    hold = 1 })
end

function Film:state_dict()
  return { steps = { table.unpack(self.steps) },
    shots = { table.unpack(self.shots) } }
end

---@param state table  from state_dict
function Film:load_state_dict(state)
  self.steps, self.shots = { table.unpack(state.steps) }, {}
  for i, shot in ipairs(state.shots) do
    self.shots[i] = orrery.keep(shot:clone())
  end
end

--- A film to be; one of the objects of a trial, it goes on after a stop.
---@return orrery.gan.Film
function pictures.Film()
  return setmetatable({ steps = {}, shots = {} }, Film)
end

---@class orrery.gan.ImageFilm: orrery.gan.Film
local ImageFilm = setmetatable({}, { __index = Film })
ImageFilm.__index = ImageFilm

-- Images enlarged by a whole number, to a side or just below it: what a growing
-- generator made early is as large as what it makes at last.
local function enlarged(x, side)
  local times = side // x:size(-1)
  if times < 2 then return x end
  return orrery.nn.functional.upsample_nearest2d(x, times)
end

--- The film of what was kept: each frame a sheet of images, small ones enlarged
--- to the largest.
---@param opts? table  delay = 0.4 seconds between frames; the rest is for
---  plot.grid
---@return orrery.plot.Figure
function ImageFilm:figure(opts)
  local of_grid, frames = {}, {}
  for key, value in pairs(opts or {}) do of_grid[key] = value end
  of_grid.delay = nil
  local side = 0
  for _, shot in ipairs(self.shots) do side = math.max(side, shot:size(-1)) end
  for i, shot in ipairs(self.shots) do
    frames[i] = plot.grid(enlarged(shot, side), of_grid)
  end
  return plot.animation(frames, { delay = opts and opts.delay or 0.4,
    hold = 1 })
end

--- As Film, of images [N, C, H, W] of 0 to 1.
---@return orrery.gan.ImageFilm
function pictures.ImageFilm()
  return setmetatable({ steps = {}, shots = {} }, ImageFilm)
end

return pictures
