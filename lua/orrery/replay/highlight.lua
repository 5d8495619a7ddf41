--- Lua code as HTML: words, strings, numbers and comments in spans, one line
--- of HTML for each line of code.
local escape = require "orrery.report".escape

local words = {}
for word in ([[and break do else elseif end false for function goto if in local
  nil not or repeat return then true until while]]):gmatch "%a+" do
  words[word] = true
end

-- End of the long bracket that opens at i, nil when none does.
local function long_end(code, i)
  local level = code:match("^%[(=*)%[", i)
  if not level then return nil end
  local _, last = code:find("]" .. level .. "]", i, true)
  return last or #code
end

local function string_end(code, i)
  local quote = code:sub(i, i)
  local at = i + 1
  while at <= #code do
    local c = code:sub(at, at)
    if c == "\\" then
      at = at + 1
    elseif c == quote or c == "\n" then
      return at
    end
    at = at + 1
  end
  return #code
end

-- Class and last byte of the token at i.
local function token(code, i)
  local c = code:sub(i, i)
  if code:find("^%-%-", i) then
    local last = long_end(code, i + 2)
    return "c", last or (code:find("\n", i, true) or #code + 1) - 1
  elseif c == '"' or c == "'" then
    return "s", string_end(code, i)
  elseif c == "[" then
    local last = long_end(code, i)
    return last and "s", last or i
  elseif c:find "[%a_]" then
    local _, last = code:find("^[%w_]+", i)
    return words[code:sub(i, last)] and "k", last
  elseif c:find "%d" then
    local _, last = code:find("^[%d.]+[eE][+-]%d+", i)
    if not last then _, last = code:find("^[%w.]+", i) end
    return "n", last
  end
  local _, last = code:find("^[^%w_\"'%[%-]+", i)
  return nil, last or i
end

---@param code string
---@return string[] lines  HTML of each line
return function(code)
  local out, i = {}, 1
  while i <= #code do
    local class, last = token(code, i)
    local text = escape(code:sub(i, last))
    if class then  -- a span that goes over lines is closed at each end
      text = ("<span class='%s'>%s</span>"):format(class,
        (text:gsub("\n", ("</span>\n<span class='%s'>"):format(class))))
    end
    out[#out + 1] = text
    i = last + 1
  end
  local lines = {}
  for line in (table.concat(out) .. "\n"):gmatch "(.-)\n" do
    lines[#lines + 1] = line
  end
  return lines
end
