--- Curves in a page, by dygraphs: its script is inlined once per page, so the
--- page needs no network. Found where Debian's libjs-dygraphs puts it, or in
--- the folder ORRERY_DYGRAPHS names.
local style = require "orrery.report.style"

local library  -- script and style, false when not here

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

local function load_library()
  if library ~= nil then return library end
  library = false
  for _, folder in ipairs { os.getenv "ORRERY_DYGRAPHS" or "",
    "/usr/share/javascript/dygraphs", "/usr/local/share/javascript/dygraphs",
    "/opt/homebrew/share/javascript/dygraphs" } do
    local script = read(folder .. "/dygraph.min.js")
    local css = script and read(folder .. "/dygraph.min.css")
    -- A closing tag inside would end our <script> early: then do without.
    if css and not script:lower():find("</script", 1, true) then
      library = { script = script, css = css }
      break
    end
  end
  return library
end

-- Text inside a <script>: JSON, with what HTML could take for markup hidden.
local function quote(text)
  return '"' .. tostring(text):gsub('[%c"\\<>&]', function(c)
    return ("\\u%04x"):format(c:byte())
  end) .. '"'
end

local function number(v)
  if type(v) ~= "number" or v ~= v or math.abs(v) == math.huge then
    return "null"
  end
  return ("%.7g"):format(v)
end

-- One row per step that any series has, null where one has none.
local function rows_of(series)
  local steps, at = {}, {}
  for i, s in ipairs(series) do
    for j, x in ipairs(s.x) do
      if not at[x] then
        at[x] = {}
        steps[#steps + 1] = x
      end
      at[x][i] = s.y[j]
    end
  end
  table.sort(steps)
  local rows = {}
  for r, x in ipairs(steps) do
    local cells = { number(x) }
    for i = 1, #series do cells[i + 1] = number(at[x][i]) end
    rows[r] = "[" .. table.concat(cells, ",") .. "]"
  end
  return "[" .. table.concat(rows, ",\n") .. "]"
end

local curves = {}

--- The inlined library.
---@return string html
function curves.library()
  local lib = load_library()
  if not lib then return "" end
  return ("<style>%s%s</style><script>%s</script>"):format(lib.css,
    style.dygraphs, lib.script)
end

local call = [[
<figure class='curve'><figcaption>%s</figcaption><div id='c%d'></div>
<div class='legend' id='l%d'></div></figure>
<script>new Dygraph(document.getElementById("c%d"),%s,{labels:[%s],
labelsDiv:"l%d",legend:"always",connectSeparatedPoints:true,strokeWidth:1.8,
drawPoints:%s,pointSize:2.5,xlabel:%s,colors:%s,highlightCircleSize:4,
gridLineColor:"rgba(128,128,128,.25)",axisLineColor:"rgba(128,128,128,.6)",
axisLabelFontSize:12});</script>]]

--- HTML of one chart.
---@param options table  title, xlabel?, series = { { name=, x=, y= }, ... }
---@param id integer  distinct within the page
---@param escape fun(text: any): string
---@return string? html  nil when dygraphs is not here
setmetatable(curves, { __call = function(_, options, id, escape)
  if not load_library() then return nil end
  local labels, longest = { quote(options.xlabel or "step") }, 0
  for i, s in ipairs(options.series) do
    labels[i + 1] = quote(s.name or "series " .. i)
    longest = math.max(longest, #s.x)
  end
  return call:format(escape(options.title or ""), id, id, id,
    rows_of(options.series), table.concat(labels, ","), id,
    longest <= 40 and "true" or "false", quote(options.xlabel or "step"),
    style.colors)
end })

return curves
