--- One page of text, tables, pictures and curves in a single HTML file that
--- opens from disk: nothing in it points anywhere else.
---
---     local page = report.new { title = "beta sweep" }
---     page:heading "Results"
---     page:table(rows, { "beta", "rate" })
---     page:plot(plot.line { x = rate, y = distortion })
---     page:write "report.html"
---
--- Every text is escaped. Pictures become data: URIs; curves are drawn by
--- dygraphs (inlined when it is installed) and otherwise as SVG.
local assets = require "orrery.report.assets"
local curves = require "orrery.report.curves"
local json = require "orrery.json"
local columns = require "orrery.report.columns"
local matrix = require "orrery.report.matrix"
local pictures = require "orrery.report.pictures"
local style = require "orrery.report.style"
local thinning = require "orrery.report.thinning"
local report = {}

---@class orrery.report.Page
---@field title string
---@field parts string[]  finished HTML
---@field folder? string  where charts are kept as files
---@field trials? table[]  what `page:table` and `page:image_matrix` draw on
local Page = {}
Page.__index = Page

local entities = {
  ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;",
  ["'"] = "&#39;",
}

--- Text as HTML.
---@param text any
---@return string
function report.escape(text)
  return (tostring(text):gsub("[&<>\"']", entities))
end
local escape = report.escape

--- A new page.
---@param options table  title, subtitle?, trials?
---@return orrery.report.Page
function report.new(options)
  return setmetatable({
    title = options.title or "report", subtitle = options.subtitle,
    folder = options.folder,
    trials = options.trials, parts = {}, drawn = 0, pictures = 0,
    embedded = {}, escape = escape,
  }, Page)
end

-- Adds HTML that is already escaped.
local function add(page, ...)
  page.parts[#page.parts + 1] = (...):format(select(2, ...))
  return page
end

function Page:heading(text, level)
  level = level or 2
  return add(self, "<h%d>%s</h%d>", level, escape(text), level)
end

--- Paragraphs, parted by empty lines; indented ones keep their lines.
---@param text string
function Page:text(text)
  for paragraph in (text .. "\n\n"):gmatch "(.-)\n%s*\n" do
    if paragraph:find "^\n*  +%S" then
      add(self, "<pre>%s</pre>", escape(paragraph))
    elseif paragraph:find "%S" then
      add(self, "<p>%s</p>", escape(paragraph))
    end
  end
  return self
end

--- Text as it stands, in a fixed-width fold that opens on a click.
function Page:fold(title, text)
  return add(self, "<details><summary>%s</summary><pre>%s</pre></details>",
    escape(title), escape(text))
end

-- What was swept leads, where the columns asked for leave it out: else rows
-- could not be told apart.
local function with_swept(swept, names)
  local out, there = {}, { seed = true }
  for _, name in ipairs(names) do
    there[type(name) == "table" and name[1] or name] = true
  end
  for _, name in ipairs(swept) do
    if not there[name] then out[#out + 1] = name end
  end
  return table.move(names, 1, #names, #out + 1, out)
end

--- A table. Trials with the same settings but the seed make one row, with
--- mean and standard deviation; other rows are shown as they are.
---@param rows table[]  trials, or tables with the columns as fields
---@param names? (string|table)[]  fields, or { field, "heading" }
function Page:table(rows, names)
  local swept = rawget(rows, "swept")
  local t = columns.layout(rows, names and swept and with_swept(swept, names)
    or names)
  self.last_table = self.last_table or t
  local lines = { "<div class='wide'><table><thead><tr>" }
  for i, head in ipairs(t.heads) do
    lines[#lines + 1] = ("<th%s>%s</th>"):format(
      t.numeric[i] and " class='n'" or "", escape(head))
  end
  lines[#lines + 1] = "</tr></thead><tbody>"
  for _, row in ipairs(t.rows) do
    lines[#lines + 1] = "<tr>"
    for i = 1, #t.heads do
      lines[#lines + 1] = ("<td%s>%s</td>"):format(
        t.numeric[i] and " class='n'" or "",
        (escape(row[i]):gsub(" %+%- ", "&thinsp;&plusmn;&thinsp;")))
    end
    lines[#lines + 1] = "</tr>"
  end
  lines[#lines + 1] = "</tbody></table></div>"
  return add(self, "%s", table.concat(lines))
end

--- A picture from a file.
---@param path string  .png or .svg
---@param caption? string
---@param smooth? boolean  a chart, not a picture made of pixels
function Page:image(path, caption, smooth)
  return add(self, "<figure>%s<figcaption>%s</figcaption></figure>",
    pictures.html(self, path, escape(caption or "picture"), smooth),
    escape(caption or ""))
end

--- A chart; drawn now. When charts are off the page says so, once. Kept as a
--- file beside the page, under its title, when the page has a `folder`.
---@param figure orrery.plot.Figure
---@param options? table  caption, path (of that file, without ending)
function Page:plot(figure, options)
  options = options or {}
  local kept = options.path or self.folder and self.folder .. "/"
    .. (figure.title or "chart"):lower():gsub("[^%w]+", "_")
  local base = kept or os.tmpname()
  local ok, why = figure:save(base .. ".svg")
  if ok and kept then figure:save(base .. ".png") end
  if ok then
    self:image(base .. ".svg", options.caption or figure.caption or "", true)
  elseif self.chart_note ~= why then
    self.chart_note = why
    add(self, "<p class='note'>%s</p>", escape(why))
  end
  if not kept then
    os.remove(base .. ".svg")
    os.remove(base)
  end
  return self
end

--- Curves over steps: zoom by dragging, lines switched off in the legend.
--- Series of one `group` are seeds of one setting: mean and standard deviation.
---@param options table  title, xlabel?, ylabel?, points? (at most so many of
---  each series, 2000), ticks? (names of x = 1, 2 ...), series = { { name=,
---  group?=, x=, y=, sd?= }, ... }
function Page:curves(options)
  local html = curves.html(options)
  if html then
    self.drawn = self.drawn + 1
    return add(self, "%s", html)
  end
  local plot = require "orrery.plot"
  local series, note = thinning.chart(options.series, options.points or 2000)
  return self:plot(plot.line { title = options.title, series = series,
    xlabel = options.xlabel, ylabel = options.ylabel }, { caption = note })
end

--- Pictures side by side, as many in a row as there is room for.
---@param list table[]  { path=, name= }
function Page:pictures_of(list)
  local lines = { "<div class='pictures'>" }
  for _, item in ipairs(list) do
    lines[#lines + 1] = ("<figure>%s<figcaption>%s</figcaption></figure>")
      :format(pictures.html(self, item.path, escape(item.name),
        item.path:find "%.svg$"), escape(item.name))
  end
  lines[#lines + 1] = "</div>"
  return add(self, "%s", table.concat(lines))
end

-- The matrix with sliders; a note when there is no such picture.
local function with_sliders(page, trials, options)
  local hidden = {}
  local spec = matrix.spec(trials, options, function(path)
    local id, html = pictures.id(page, path)
    hidden[#hidden + 1] = html
    return id
  end)
  if not spec then
    return add(page, "<p class='note'>no picture %s</p>",
      escape(options.image))
  end
  return add(page, "<div hidden>%s</div><div><script type="
    .. "'application/json' class='matrix'>%s</script></div>",
    table.concat(hidden), assets.guard(json.encode(spec)))
end

--- Pictures of all trials. With `image`, the matrix of that picture by
--- settings, seed and step: two of them are its rows and columns, each other
--- has a slider, and so have the samples of a grid. With `images`, a plain
--- table: a row per trial, a column per name.
---@param options table  image, step = "epoch", rows?, columns? (what to lay
---  out); or images = { "samples", ... }, rows? = "beta" (what names a row)
function Page:image_matrix(options)
  local trials = options.trials or self.trials or {}
  if options.image then return with_sliders(self, trials, options) end
  local lines = { "<div class='wide'><table class='matrix'><tr><th></th>" }
  for _, name in ipairs(options.images) do
    lines[#lines + 1] = ("<th>%s</th>"):format(escape(name))
  end
  lines[#lines + 1] = "</tr>"
  for _, trial in ipairs(trials) do
    local label = options.rows and ("%s %s"):format(options.rows,
      columns.show(trial[options.rows])) or trial.label
    lines[#lines + 1] = ("<tr><th>%s</th>"):format(escape(label or ""))
    for _, name in ipairs(options.images) do
      local path = trial.images and trial.images[name]
      lines[#lines + 1] = ("<td>%s</td>"):format(path and pictures.html(self,
        path, escape(("%s, %s"):format(name, label or "")),
        path:find "%.svg$") or "")
    end
    lines[#lines + 1] = "</tr>"
  end
  lines[#lines + 1] = "</table></div>"
  return add(self, "%s", table.concat(lines))
end

-- The scripts a page needs, and what starts them.
local function scripts(page)
  local out = {}
  if page.drawn > 0 then
    local library = assets.dygraphs()
    out[1] = ("<style>%s</style><script>%s</script><script>%s"
      .. "orrery.startCharts();</script>"):format(library.css, library.script,
      assets.script "chart")
  end
  if page.pictures > 0 then
    out[#out + 1] = ("<script>%sorrery.startPictures();</script>"):format(
      assets.script "pictures")
  end
  return table.concat(out)
end

--- The whole page.
---@return string html
function Page:html()
  return table.concat { style.head:format(escape(self.title)),
    "</head><body><main><h1>", escape(self.title), "</h1>",
    self.subtitle and ("<p class='sub'>%s</p>"):format(escape(self.subtitle))
      or "",
    table.concat(self.parts, "\n"), "</main>", scripts(self),
    "</body></html>\n",
  }
end

--- Writes the page; the file appears whole or not at all.
---@param path string
---@return boolean? ok
---@return string? message
function Page:write(path)
  local file, why = io.open(path .. ".part", "wb")
  if not file then return nil, "report: " .. why end
  local ok
  ok, why = file:write(self:html())
  local closed, late = file:close()
  if ok and closed then ok, why = os.rename(path .. ".part", path) end
  if ok and closed then return true end
  os.remove(path .. ".part")
  return nil, "report: " .. tostring(why or late)
end

return report
