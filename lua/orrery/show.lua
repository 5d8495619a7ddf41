--- Draws figures and images in the terminal: kitty's and iTerm2's own
--- protocols, sixels, or coloured half-blocks, whichever it understands.
---
---     show(plot.line { y = losses })
---     show(digits.train.images[{ {1, 32} }])
---     show(G(z), { range = { -1, 1 }, columns = 8 })
---
--- Where nothing can be drawn (a pipe, NO_COLOR, TERM=dumb) the picture goes
--- into a file and its path is printed. ORRERY_GRAPHICS=kitty, iterm2, sixel,
--- symbols or none overrules what the terminal is taken for.
local blame = require "orrery.blame"
local options = require "orrery.options"
local Figure = require "orrery.plot.figure"

local show = {}

-- As many images across as make them largest in the terminal: n of h x w
-- pixels, in characters of which a half is as high as wide.
local function columns_of(n, h, w)
  local t = require "orrery.show.terminal".detect()
  local best, most = nil, 0
  for k = 1, n do
    local wide, high = k * (w + 2) + 2, (n + k - 1) // k * (h + 2) + 2
    local scale = math.min(t.columns / wide, 2 * (t.rows - 3) / high)
    if scale > most then best, most = k, scale end
  end
  return best
end

local function figure_of(value, given, fits)
  if Figure.is(value) then return value end
  if type(value) == "table" and (value.get or value.train) then
    return require "orrery.data.inspect".sheet(value, given)
  end
  if options.is_tensor(value) then
    local fig = require "orrery.plot.pixels".figure("show", value, given)
    if not (fits and fig.tiles) or given and given.columns then return fig end
    local o = { columns = columns_of(fig.tiles.count, fig.tiles.height,
      fig.tiles.width) }
    for key, v in pairs(given or {}) do o[key] = v end
    return require "orrery.plot.pixels".figure("show", value, o)
  end
  return blame("show: argument 1 is %s; pass a figure or an image tensor",
    options.shown(value))
end

-- Keeps the picture in a file of its own, and says where: in TMPDIR, if there
-- is one, else where the system has such files.
local function kept(fig)
  local base, folder = os.tmpname(), os.getenv "TMPDIR" or ""
  local name = folder == "" and base or folder .. "/" .. base:match "[^/]*$"
  local path = name .. (fig.frames and ".gif" or ".png")
  local ok, why = fig:save(path)
  os.remove(base)
  if not ok then return why end
  return ("%s: %s"):format(tostring(fig), path)
end

--- What showing it prints.
---@param value orrery.plot.Figure|orrery.Tensor|table  as `show` takes it
---@param terminal? orrery.show.Terminal  the one there is, when absent
---@return string text  ends in a newline
function show.text(value, terminal)
  local fig = figure_of(value)
  local t = terminal or require "orrery.show.terminal".detect()
  local text, why
  if t.mode ~= "none" then
    text, why = require "orrery.show.draw"(fig, t)
  end
  return text or (why or kept(fig)) .. "\n"
end

local function draw(fig, write)
  (write or io.write)(show.text(fig))
end

local sink = draw

--- What shown figures go to instead of the terminal.
---@param f? fun(figure: orrery.plot.Figure, write?: fun(text: string))  nil:
---  the terminal again
---@return function before  what they went to until now
function show.sink(f)
  local before = sink
  sink = f == nil and draw or options.callable("show.sink", "f", f)
  return before
end

--- Draws a figure, or images, in the terminal; where it can draw nothing, the
--- picture goes into a file, whose path is printed. ORRERY_GRAPHICS (kitty,
--- iterm2, sixel, symbols, none) overrules what the terminal is taken for.
---@param value orrery.plot.Figure|orrery.Tensor|table  a figure; an image
---  [H, W] or [C, H, W] (C is 1 or 3), images [N, C, H, W] or [N, H, W], uint8
---  or floats from 0 to 1; or a set of pictures, as data.sheet takes it
---@param given? table  of images: columns, range = { 0, 1 } (what black and
---  white stand for), padding, background; of a set: what data.sheet takes
---@param write? fun(text: string)  instead of io.write
function show.show(value, given, write)
  sink(figure_of(value, given, sink == draw), write)
end

return show
