--- What pages are made with, as text to put into them: the style, the scripts
--- beside this file, and dygraphs, found where Debian's libjs-dygraphs puts it
--- or in the folder ORRERY_DYGRAPHS names. The live page uses the same.
local assets = {}

local here = debug.getinfo(1, "S").source:match "^@(.*)[/\\]" or "."

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

local kept = {}

-- The text of a file beside this one.
local function own(name)
  kept[name] = kept[name] or assert(read(here .. "/" .. name),
    "report: its file " .. name .. " is missing; install Orrery anew")
  return kept[name]
end

--- The style of every page.
---@return string css
function assets.css() return own "page.css" end

--- A script: "chart" (curves) and "pictures" (grids, matrix), which both need
--- "make" before them; "parallel".
---@param name string
---@return string javascript
function assets.script(name) return own(name .. ".js") end

local library

--- dygraphs, or nil where it is not installed.
---@return { script: string, css: string }?
function assets.dygraphs()
  if library ~= nil then return library or nil end
  library = false
  for _, folder in ipairs { os.getenv "ORRERY_DYGRAPHS" or "",
    "/usr/share/javascript/dygraphs", "/usr/local/share/javascript/dygraphs",
    "/opt/homebrew/share/javascript/dygraphs" } do
    local script = read(folder .. "/dygraph.min.js")
    local css = script and read(folder .. "/dygraph.min.css")
    -- A closing tag inside would end our <script> early: then do without. A
    -- pointer to its map would be asked for.
    if css and not script:lower():find("</script", 1, true) then
      local function plain(text)
        return (text:gsub("\n//# sourceMappingURL=[^\n]*", "")
          :gsub("/%*# sourceMappingURL=[^*]*%*/", ""))
      end
      library = { script = plain(script), css = plain(css) }
      break
    end
  end
  return library or nil
end

--- Text for a <script>: JSON, with what HTML could take for markup hidden.
---@param text string
---@return string
function assets.guard(text)
  return (text:gsub("[<>&]", { ["<"] = "\\u003c", [">"] = "\\u003e",
    ["&"] = "\\u0026" }))
end

return assets
