--- What the terminal can draw, from its environment: nothing is asked of it,
--- so nothing can be left over in its input.
local core = require "orrery.core"

---@class orrery.show.Terminal
---@field mode "kitty"|"iterm2"|"sixel"|"symbols"|"none"
---@field colors "true"|"256"|"none"
---@field columns integer
---@field rows integer
---@field cell integer[]  width and height of a character in pixels
---@field why? string  why there is nothing
local terminal = {}

local modes = { kitty = 1, iterm2 = 1, sixel = 1, symbols = 1 }

-- By what the terminal calls itself. Inside tmux and screen only text gets
-- through unharmed.
local function mode_of(get)
  local term, program = get "TERM", get "TERM_PROGRAM"
  if get "TMUX" ~= "" or term:find "^screen" or term:find "^tmux" then
    return "symbols"
  elseif get "KITTY_WINDOW_ID" ~= "" or term:find "kitty"
    or term:find "ghostty" or program == "ghostty" then
    return "kitty"
  elseif program:find "iTerm" or program == "WezTerm"
    or get "LC_TERMINAL" == "iTerm2" then
    return "iterm2"
  elseif term:find "sixel" or term:find "mlterm" or term:find "^foot"
    or term:find "^yaft" or term:find "contour" then
    return "sixel"
  end
  return "symbols"
end

local function has_utf8(get)
  for _, name in ipairs { "LC_ALL", "LC_CTYPE", "LANG" } do
    local value = get(name)
    if value ~= "" then
      return value:upper():find "UTF%-?8" ~= nil
    end
  end
  return false
end

--- Describes a terminal by its environment.
---@param get fun(name: string): string  "" when not set
---@param is_terminal boolean
---@return string mode
---@return string? why  for "none"
function terminal.mode(get, is_terminal)
  local wanted = get "ORRERY_GRAPHICS"
  if wanted == "none" then return "none", "ORRERY_GRAPHICS says so" end
  if modes[wanted] then return wanted end
  if not is_terminal then return "none", "no terminal" end
  if get "NO_COLOR" ~= "" then return "none", "NO_COLOR is set" end
  if get "TERM" == "dumb" or get "TERM" == "" then
    return "none", "TERM is dumb"
  end
  local mode = mode_of(get)
  if mode == "symbols" and not has_utf8(get) then
    return "none", "the locale is not UTF-8"
  end
  return mode
end

local function environment(name) return os.getenv(name) or "" end

--- The terminal that stdout is.
---@param get? fun(name: string): string  the environment
---@return orrery.show.Terminal
function terminal.detect(get)
  get = get or environment
  local mode, why = terminal.mode(get, core.isatty "stdout")
  local columns, rows, width, height = core.terminal_size()
  columns = columns or tonumber(get "COLUMNS") or 80
  rows = rows and rows > 0 and rows or 24
  local cell = { 8, 16 }
  if width and width >= 4 * columns and height >= 8 * rows then
    cell = { width // columns, height // rows }
  end
  local deep = get "COLORTERM":find "truecolor" or get "COLORTERM":find "24bit"
    or get "TERM":find "direct"
  local colors = get "NO_COLOR" ~= "" and "none" or deep and "true" or "256"
  return { mode = mode, why = why, colors = colors, columns = columns,
    rows = rows, cell = cell }
end

return terminal
