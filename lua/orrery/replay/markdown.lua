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

---@param text string
---@param folder string  where its pictures are, with a slash at the end or ""
---@return string html
return function(text, folder)
  local html = core._markdown(text)
  if not html then return ("<pre>%s</pre>"):format(escape(text)) end
  html = html:gsub('<a href="([^"]*)"', function(target)
    return "<a " .. link(target)
  end)
  return (html:gsub('<img src="([^"]*)"([^>]*)>', function(source, rest)
    return picture(folder, source, rest)
  end))
end
