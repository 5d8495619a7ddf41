--- Many images, or figures of any kind, in one picture.
local blame = require "orrery.blame"
local options = require "orrery.options"
local Figure = require "orrery.plot.figure"
local pixels = require "orrery.plot.pixels"

local who = "plot.grid"

local function of_list(first, more)
  local given, list = {}, {}
  for key, value in pairs(first) do
    if type(key) == "string" then given[key] = value end
  end
  for key, value in pairs(more or {}) do given[key] = value end
  local o = options.take(who, given, {}, { "columns", "title", "caption",
    "range", "colors" })
  if o.columns ~= nil then options.count(who, "columns", o.columns) end
  for i, one in ipairs(first) do
    if options.is_tensor(one) then
      one = pixels.figure(who, one, { range = o.range, colors = o.colors })
    elseif not Figure.is(one) then
      blame("%s: [%d] is %s; give figures or images", who, i,
        options.shown(one))
    end
    list[i] = one
  end
  return Figure.new { kind = "grid", figures = list, columns = o.columns,
    title = o.title, caption = o.caption }
end

local function check_names(name, list, n)
  if list == nil then return nil end
  if options.is_tensor(list) then list = list:tolist() end
  if type(list) ~= "table" or #list ~= n then
    blame("%s: %s is %s; give a list of %d", who, name,
      type(list) == "table" and "a list of " .. #list or options.shown(list), n)
  end
  return list
end

-- A grid with names beside its rows, or above its columns.
local function with_names(images, given)
  local o = {}
  for key, value in pairs(given) do o[key] = value end
  o.row_names, o.column_names, o.title, o.caption = nil, nil, nil, nil
  local grid = pixels.figure(who, images, o, true)
  local columns = grid.tiles.columns
  return Figure.new { kind = "grid", figures = { grid }, title = given.title,
    caption = given.caption,
    row_names = check_names("row_names", given.row_names,
      (grid.tiles.count + columns - 1) // columns),
    column_names = check_names("column_names", given.column_names, columns) }
end

--- Tiles images into rows, left to right, top to bottom; or puts figures (and
--- images) of any kind on one sheet, each with its title.
---@param images orrery.Tensor|table  [N, C, H, W] (C is 1, 3 or 4), [N, H, W]
---  or [H, W]; uint8, or floats in [0, 1]; or a list of figures and images
---@param given? table  columns (default: as square as can be), title, caption,
---  range = { 0, 1 } (what black and white stand for) or "auto", colors; of a
---  tensor also padding = 2 pixels, background = 255 (grey level between
---  images), scale = 1 (each pixel becomes scale x scale), row_names and
---  column_names (lists, written beside and above)
---@return orrery.plot.Figure
return function(images, given)
  if options.is_tensor(images) then
    if type(given) == "table" and (given.row_names or given.column_names) then
      return with_names(images, given)
    end
    return pixels.figure(who, images, given, true)
  elseif type(images) == "table" and not Figure.is(images) and images[1] then
    return of_list(images, given)
  end
  return blame("%s: images are %s; give a tensor [N, C, H, W] or a list of "
    .. "figures", who, type(images) == "table" and "an empty list"
    or options.shown(images))
end
