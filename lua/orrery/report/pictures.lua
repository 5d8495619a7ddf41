--- Pictures in a page: each is in it once, as a data: URI, and a click shows
--- it large (pictures.js).
local base64 = require "orrery.report.base64"

local pictures = {}

local kinds = { svg = "svg+xml", png = "png", gif = "gif", jpg = "jpeg",
  jpeg = "jpeg" }

local function read_file(path)
  local file = io.open(path, "rb")
  local bytes = file and file:read "a"
  if file then file:close() end
  return bytes
end

-- Width and height as attributes, so that the page does not jump about.
local function size_of(bytes)
  if bytes:sub(1, 8) ~= "\137PNG\r\n\26\n" or #bytes < 24 then return "" end
  return (" width='%d' height='%d'"):format((">I4I4"):unpack(bytes, 17))
end

-- The <img>, with the bytes when the page has them not yet; nil when there is
-- no such file. Charts are smoothed when the page makes them smaller, pictures
-- show their pixels.
local function img(page, path, alt, smooth)
  local look = smooth and "" or " class='pixels'"
  local id = page.embedded[path]
  if id then
    return ("<img alt='%s'%s data-from='%s'>"):format(alt, look, id)
  end
  local bytes = read_file(path)
  if not bytes then return nil end
  page.pictures = page.pictures + 1
  id = "picture" .. page.pictures
  page.embedded[path] = id
  return ("<img id='%s' alt='%s'%s%s decoding='async' "
    .. "src='data:image/%s;base64,%s'>"):format(id, alt, look, size_of(bytes),
    kinds[path:match "%.(%a+)$"] or "png", base64(bytes))
end

--- A picture that a click enlarges, or a note that it is not there.
---@param page orrery.report.Page
---@param path string
---@param alt string  HTML
---@param smooth? boolean  a chart, not a picture made of pixels
---@return string html
function pictures.html(page, path, alt, smooth)
  local image = img(page, path, alt, smooth)
  if not image then
    return ("<p class='note'>no picture %s</p>"):format(page.escape(path))
  end
  return ("<button type='button' class='zoom' aria-label='enlarge %s'>%s"
    .. "</button>"):format(alt, image)
end

--- The id of a picture in the page, for scripts to show it.
---@param page orrery.report.Page
---@param path string
---@return string? id  nil when there is no such file
---@return string html  what to add to the page first, hidden
function pictures.id(page, path)
  local html = ""
  if not page.embedded[path] then
    html = img(page, path, "", false) or ""
  end
  return page.embedded[path], html
end

return pictures
