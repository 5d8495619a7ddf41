--- Texts in characters.
local letters = {}

--- How many characters a text takes.
---@param text string
---@return integer
function letters.length(text) return utf8.len(text) or #text end

--- The text, or what fits of it and an ellipsis.
---@param text any
---@param width integer
---@return string
function letters.clip(text, width)
  text = tostring(text):gsub("%c", " ")
  if letters.length(text) <= width then return text end
  if width < 2 then return ("\u{2026}"):rep(math.max(0, width)) end
  local stop = utf8.len(text) and utf8.offset(text, width) or width
  return text:sub(1, stop - 1) .. "\u{2026}"
end

--- The text with spaces behind it, or clipped.
function letters.pad(text, width)
  text = letters.clip(text, width)
  return text .. (" "):rep(width - letters.length(text))
end

return letters
