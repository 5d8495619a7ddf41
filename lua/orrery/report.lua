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
local columns = require "orrery.report.columns"
local drawn = require "orrery.report.drawn"
local style = require "orrery.report.style"
local report = {}

---@class orrery.report.Page
---@field title string
---@field parts string[]  finished HTML
---@field folder? string  where charts are kept as files
---@field trials? table[]  what `page:table` and `page:image_matrix` draw on
local Page = setmetatable({}, { __index = drawn })
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
    embedded = {}, escape = escape, laid_out = {}, read = {},
  }, Page)
end

local add = drawn.add

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

--- A link to a file that lies beside the page or in a folder there.
---@param text string
---@param path string  relative to the page's folder
function Page:link(text, path)
  local href = path:gsub("[^%w%-._~/=,+]", function(c)
    return ("%%%02X"):format(c:byte())
  end)
  return add(self, "<p><a href='%s'>%s</a></p>", href, escape(text))
end

--- Opens a part of the page; page:finish() closes it.
---@param class string  "charts": curves side by side where there is room
function Page:begin(class) return add(self, "<div class='%s'>", class) end

function Page:finish() return add(self, "</div>") end

--- What a click on the title shows: all that `fill` adds.
---@param title string
---@param fill fun(page: orrery.report.Page)
function Page:section(title, fill)
  add(self, "<details class='run'><summary>%s</summary>", escape(title))
  fill(self)
  return add(self, "</details>")
end

--- Names and values, a row each.
---@param rows string[][]
function Page:facts(rows)
  local lines = { "<table class='facts'>" }
  for _, row in ipairs(rows) do
    lines[#lines + 1] = ("<tr><th scope='row'>%s</th><td>%s</td></tr>"):format(
      escape(row[1]), escape(row[2]))
  end
  lines[#lines + 1] = "</table>"
  return add(self, "%s", table.concat(lines))
end

--- Warnings, so that they are seen.
---@param list table[]  { who?=, text= }
function Page:warning_list(list)
  local lines = { "<ul class='warnings'>" }
  for _, w in ipairs(list) do
    lines[#lines + 1] = ("<li>%s%s</li>"):format(
      w.who and ("<b>%s</b> "):format(escape(w.who)) or "", escape(w.text))
  end
  lines[#lines + 1] = "</ul>"
  return add(self, "%s", table.concat(lines))
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

-- The scripts a page needs, and what starts them.
local function scripts(page)
  local out = {}
  if page.drawn > 0 or page.pictures > 0 then
    out[1] = "<script>" .. assets.script "make" .. "</script>"
  end
  if page.drawn > 0 then
    local library = assets.dygraphs()
    out[2] = ("<style>%s</style><script>%s</script><script>%s"
      .. "orrery.startCharts();</script>"):format(library.css, library.script,
      assets.script "chart")
  end
  if page.pictures > 0 then
    out[#out + 1] = ("<script>%sorrery.startPictures();</script>"):format(
      assets.script "pictures")
  end
  if page.crossing then
    out[#out + 1] = ("<script>%sorrery.startParallel();</script>"):format(
      assets.script "parallel")
  end
  return table.concat(out)
end

-- Whatever a page holds, it can fetch nothing and send nothing.
local shut = [[<meta http-equiv="Content-Security-Policy" content="default-src
'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; script-src
'unsafe-inline'">
]]

--- The whole page.
---@return string html
function Page:html()
  return table.concat { style.head:format(escape(self.title)), shut,
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
