--- The parts of the live page: its HTML, its scripts and its looks. They are
--- the report's where the two show the same; live.js and live.css are its own.
local assets = require "orrery.report.assets"
local report = require "orrery.report"

local page = {}

local here = debug.getinfo(1, "S").source:match "^@(.*)[/\\]" or "."

local function own(name)
  local file = assert(io.open(here .. "/" .. name, "rb"),
    "watch: its file " .. name .. " is missing; install Orrery anew")
  local text = file:read "a"
  file:close()
  return text
end

local html = [[
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>runs in %s</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="style.css">
<script src="dygraph.js" defer></script>
<script src="make.js" defer></script>
<script src="chart.js" defer></script>
<script src="pictures.js" defer></script>
<script src="live_data.js" defer></script>
<script src="live_shown.js" defer></script>
<script src="live.js" defer></script>
</head><body><main>
<h1>Runs in %s</h1>
<p class="sub" id="state" role="status">connecting</p>
<noscript><p class="note">This page needs JavaScript.</p></noscript>
<section id="trouble" aria-label="warnings" hidden>
<ul class="warnings"></ul>
<details><summary></summary><ul class="warnings"></ul></details></section>
<section id="sweeps" aria-labelledby="sweeps-head" hidden>
<h2 id="sweeps-head">Experiments</h2><ul class="sweeps"></ul></section>
<section id="runs" aria-labelledby="runs-head">
<h2 id="runs-head">Runs</h2>
<p class="note" id="none">No runs yet. They appear here as they start.</p>
<div class="tools" id="choice" hidden>
<input type="search" id="filter" aria-label="show runs that contain"
  placeholder="filter: beta=4 running">
<button type="button" id="follow" aria-pressed="true"
  title="curves and pictures of the runs that run now">follow running</button>
<button type="button" id="clear">choose none</button></div>
<div class="wide list" tabindex="0" role="region" aria-label="list of runs">
<table hidden><thead><tr><th><span class="unseen">shown</span></th>
<th class="n">run</th><th>experiment</th><th>settings</th><th>status</th>
<th></th></tr></thead><tbody></tbody></table></div>
<button type="button" id="more" hidden></button>
</section>
<section id="curves" aria-labelledby="curves-head" hidden>
<h2 id="curves-head">Curves</h2><p class="note" hidden></p>
<div class="charts"></div></section>
<section id="pictures" aria-labelledby="pictures-head" hidden>
<h2 id="pictures-head">Pictures</h2><div class="of-runs"></div></section>
</main></body></html>
]]

local parts = {}

parts[""] = function(out)
  local name = report.escape(out)
  return html:format(name, name), "text/html; charset=utf-8"
end

parts["style.css"] = function()
  local library = assets.dygraphs()
  return (library and library.css or "") .. assets.css() .. own "live.css",
    "text/css; charset=utf-8"
end

local script = "text/javascript; charset=utf-8"

parts["dygraph.js"] = function()
  local library = assets.dygraphs()
  return library and library.script or "", script
end
for _, name in ipairs { "make", "chart", "pictures" } do
  parts[name .. ".js"] = function() return assets.script(name), script end
end
for _, name in ipairs { "live.js", "live_data.js", "live_shown.js" } do
  parts[name] = function() return own(name), script end
end

--- A part by its name in the address, "" the page itself.
---@param name string
---@param out string  the folder that is shown
---@return string? text  nil when there is none
---@return string? kind
function page.part(name, out)
  if parts[name] then return parts[name](out) end
end

return page
