--- Pictures by the program chafa, which draws sixels and picks among many
--- block characters. Without it sixel terminals get half-blocks too.
local raw = require "orrery.core"._io
local program  -- false when not here

local function find()
  if program == nil then
    local name = os.getenv "ORRERY_CHAFA" or "chafa"
    program = os.execute(("command -v '%s' >/dev/null 2>&1"):format(
      name:gsub("'", "'\\''"))) and name:gsub("'", "'\\''") or false
  end
  return program
end

-- Away from the terminal chafa takes cells as 8 x 8 pixels for sixels, which
-- makes their size ours to choose, and as twice as high as wide for symbols.
local function command(t, format, width, height, name)
  if format == "sixel" then
    return ("'%s' --format sixels --font-ratio 1 --size %dx%d --polite on "
      .. "--animate off '%s' </dev/null 2>/dev/null"):format(program,
        (width + 7) // 8, (height + 7) // 8, name)
  end
  return ("'%s' --format symbols --symbols block --colors %s --size %dx%d "
    .. "--polite on --animate off '%s' </dev/null 2>/dev/null"):format(program,
      t.colors == "true" and "full" or "256", t.columns,
      math.max(4, t.rows - 3), name)
end

--- Text that draws a picture, or nil when chafa is not here or fails.
---@param pixels orrery.Tensor  uint8 [C, H, W]
---@param t orrery.show.Terminal
---@param format "sixel"|"symbols"  symbols fill the terminal, sixels keep size
---@return string?
return function(pixels, t, format)
  local png = find() and raw.png_bytes("show", pixels)
  if not png then return nil end
  local name = os.tmpname()
  local _ <close> = setmetatable({}, { __close = function()
    os.remove(name)
  end })
  local file = io.open(name, "wb")
  if not file then return nil end
  file:write(png):close()
  local child = io.popen(command(t, format, pixels:size(-1), pixels:size(-2),
    name))
  if not child then return nil end
  local text = child:read "a"
  if child:close() and text and #text > 0 then
    return (text:gsub("\n*$", "\n"))
  end
end
