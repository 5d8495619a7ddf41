--- Colours of the prompt: what each kind of text looks like, where there are
--- colours at all. They are the terminal's own sixteen, so that they suit any
--- background.
local core = require "orrery.core"
local paint = {}

local codes = { error = "31", string = "32", word = "35", faint = "2",
  strong = "1" }

--- The text in the colour of its kind, or as it is.
---@param kind "error"|"string"|"word"|"faint"|"strong"
---@param text string
---@param on boolean
---@return string
function paint.text(kind, text, on)
  if not on or text == "" then return text end
  return ("\27[%sm%s\27[0m"):format(codes[kind], text)
end

--- How many columns the text takes, colours aside.
function paint.width(text)
  text = text:gsub("\27%[[%d;]*m", "")
  return utf8.len(text) or #text
end

--- Are there colours? Not in a file or a pipe, nor where NO_COLOR is set to
--- anything (no-color.org) or the terminal has none.
---@return boolean
function paint.wanted()
  local no = os.getenv "NO_COLOR"
  local term = os.getenv "TERM"
  return core.isatty "stdout" and not (no and no ~= "") and term ~= nil
    and term ~= "dumb"
end

return paint
