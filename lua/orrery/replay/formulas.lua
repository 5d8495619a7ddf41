--- Formulas in a page, by KaTeX: script, style and fonts go into the page, so
--- that it needs no network. Found where Debian's libjs-katex puts it, or in
--- the folder ORRERY_KATEX names. Without it formulas stay as they are written.
local base64 = require "orrery.report.base64"
local formulas = {}

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

-- Fonts as data: of the three formats each has, the shortest, which every
-- browser of the last ten years reads.
local function with_fonts(css, folder)
  return (css:gsub("src:([^;}]*)", function(sources)
    local name = sources:match "url%(([^)]*%.woff2)%)"
    local font = name and read(folder .. "/" .. name)
    if not font then return nil end
    return ('src:url(data:font/woff2;base64,%s) format("woff2")'):format(
      base64(font))
  end))
end

local call = [[
for (const e of document.querySelectorAll("x-equation")) {
  katex.render(e.textContent, e, { throwOnError: false, trust: false,
    strict: "ignore", displayMode: e.getAttribute("type") === "display" });
}]]

local library  -- false when it is not here

local function load_library()
  if library ~= nil then return library end
  library = false
  for _, folder in ipairs { os.getenv "ORRERY_KATEX" or "",
    "/usr/share/javascript/katex", "/usr/local/share/javascript/katex" } do
    local script = read(folder .. "/katex.min.js")
    local css = script and read(folder .. "/katex.min.css")
    -- A closing tag inside would end our <script> early: then do without.
    if css and not script:lower():find("</script", 1, true) then
      library = { script = script, css = with_fonts(css, folder) }
      break
    end
  end
  return library
end

--- Can formulas be set here?
---@return boolean
function formulas.available() return load_library() ~= false end

--- What a page with formulas has in its head, and at its end.
---@return string head  HTML, empty without KaTeX
---@return string foot
function formulas.parts()
  local lib = load_library()
  if not lib then return "", "" end
  return ("<style>%s</style><script>%s</script>"):format(lib.css, lib.script),
    ("<script>%s</script>"):format(call)
end

return formulas
