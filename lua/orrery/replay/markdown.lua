--- Markdown as HTML that holds all it shows: pictures beside the file go into
--- the page, pictures from elsewhere become links. Without md4c the text
--- stands as it was written.
local core = require "orrery.core"
local base64 = require "orrery.report.base64"
local escape = require "orrery.report".escape

local types = { png = "png", jpg = "jpeg", jpeg = "jpeg", gif = "gif",
  svg = "svg+xml", webp = "webp" }

local function unescape(text)
  text = text:gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end)
  return (text:gsub("&quot;", '"'):gsub("&lt;", "<"):gsub("&gt;", ">")
    :gsub("&amp;", "&"))
end

local function picture(folder, source, rest)
  local alt = rest:match 'alt="([^"]*)"' or ""
  if source:find "^data:image/" then
    return ('<img src="%s" alt="%s">'):format(source, alt)
  end
  local name = unescape(source)
  local kind = types[(name:match "%.(%w+)$" or ""):lower()]
  local file = kind and not name:find "^%a[%w+.-]*:" and not name:find "^//"
    and io.open(name:sub(1, 1) == "/" and name or folder .. name, "rb")
  if not file then
    return ('<a href="%s">%s</a>'):format(source, alt ~= "" and alt or source)
  end
  local bytes = file:read "a"
  file:close()
  return ('<img src="data:image/%s;base64,%s" alt="%s">'):format(kind,
    base64(bytes), alt)
end

-- Only links that lead somewhere: to pages, files and places in the text.
local function link(target)
  local scheme = unescape(target):lower():match "^%s*(%a[%w+.-]*):"
  if scheme and scheme ~= "http" and scheme ~= "https" and scheme ~= "mailto"
  then
    return 'href="#"'
  end
  return ('href="%s"'):format(target)
end

-- How many dollar signs of a line begin or end formulas; `$$` is one.
local function dollars(line)
  local bare = line:gsub("\\.", ""):gsub("`[^`]*`", ""):gsub("%$%$", "$")
  return select(2, bare:gsub("%$", ""))
end

-- The line where what line i leaves open is closed again, in its paragraph.
local function closed_at(lines, i)
  local open = dollars(lines[i])
  for j = i + 1, #lines do
    if not lines[j]:find "%S" then return nil end
    open = open + dollars(lines[j])
    if open % 2 == 0 then return j end
  end
end

-- A formula over several lines becomes one line, else a line that begins with
-- a sign would begin a list.
local function joined(text)
  local lines, out, i, fence = {}, {}, 1, nil
  for line in (text .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  while i <= #lines do
    local mark = lines[i]:match "^%s*(```)" or lines[i]:match "^%s*(~~~)"
    if mark and (not fence or fence == mark) then
      fence = not fence and mark or nil
    end
    local last = not fence and dollars(lines[i]) % 2 == 1
      and closed_at(lines, i)
    out[#out + 1] = table.concat(lines, " ", i, last or i)
    i = (last or i) + 1
  end
  return table.concat(out, "\n")
end

---@param text string
---@param folder string  where its pictures are, with a slash at the end or ""
---@return string html
return function(text, folder)
  local html = core._markdown(joined(text))
  if not html then return ("<pre>%s</pre>"):format(escape(text)) end
  html = html:gsub('<a href="([^"]*)"', function(target)
    return "<a " .. link(target)
  end)
  -- A line does not end between a formula and the comma behind it.
  html = html:gsub("(<x%-equation>[^<]*</x%-equation>[,.;:!?)]+)",
    "<span class='whole'>%1</span>")
  return (html:gsub('<img src="([^"]*)"([^>]*)>', function(source, rest)
    return picture(folder, source, rest)
  end))
end
