--- What is drawn in a page: charts, curves, pictures and their matrix. These
--- are methods of orrery.report.Page.
local assets = require "orrery.report.assets"
local columns = require "orrery.report.columns"
local curves = require "orrery.report.curves"
local json = require "orrery.json"
local matrix = require "orrery.report.matrix"
local pictures = require "orrery.report.pictures"
local thinning = require "orrery.report.thinning"

---@class orrery.report.Page
local Page = { null = json.null }

--- Adds HTML that is already escaped.
function Page.add(page, ...)
  page.parts[#page.parts + 1] = (...):format(select(2, ...))
  return page
end
local add = Page.add

--- A picture from a file.
---@param path string  .png or .svg
---@param caption? string
---@param smooth? boolean  a chart, not a picture made of pixels
function Page:image(path, caption, smooth)
  return add(self, "<figure>%s<figcaption>%s</figcaption></figure>",
    pictures.html(self, path, self.escape(caption or "picture"), smooth),
    self.escape(caption or ""))
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
    add(self, "<p class='note'>%s</p>", self.escape(why))
  end
  if not kept then
    os.remove(base .. ".svg")
    os.remove(base)
  end
  return self
end

-- The same as a picture, where dygraphs is not installed.
local function still(options)
  local plot = require "orrery.plot"
  local series, note = thinning.chart(options.series, options.points or 2000)
  for _, s in ipairs(series) do
    s.low, s.high, s.lo, s.hi = s.lo, s.hi, nil, nil
    s.group, s.size = nil, nil
    if options.ticks then
      local names = {}
      for i, x in ipairs(s.x) do names[i] = options.ticks[x] end
      s.x = names
    end
  end
  local draw = options.ticks and plot.bar or plot.line
  return draw { title = options.title, series = series,
    xlabel = options.xlabel, ylabel = options.ylabel }, { caption = note }
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
  return self:plot(still(options))
end

--- Parallel coordinates (parallel.js).
---@param spec table  axes = { { name=, ticks?= } }, lines = { { name=,
---  values= } }, page.null where a line has no value
function Page:parallel(spec)
  self.crossing = true
  return add(self, "<div><script type='application/json' class='parallel'>%s"
    .. "</script></div>", assets.guard(json.encode(spec)))
end

--- Pictures side by side, as many in a row as there is room for.
---@param list table[]  { path=, name= }
function Page:pictures_of(list)
  local lines = { "<div class='pictures'>" }
  for _, item in ipairs(list) do
    lines[#lines + 1] = ("<figure>%s<figcaption>%s</figcaption></figure>")
      :format(pictures.html(self, item.path, self.escape(item.name),
        item.path:find "%.svg$"), self.escape(item.name))
  end
  lines[#lines + 1] = "</div>"
  return add(self, "%s", table.concat(lines))
end

-- The matrix with sliders; a note when there is no such picture.
local function with_sliders(page, trials, options)
  page.laid_out[options.image] = true
  local hidden = {}
  local spec = matrix.spec(trials, options, function(path)
    local id, html = pictures.id(page, path)
    hidden[#hidden + 1] = html
    return id
  end)
  if not spec then
    return add(page, "<p class='note'>no picture %s</p>",
      page.escape(options.image))
  end
  return add(page, "<div hidden>%s</div><div><script type="
    .. "'application/json' class='matrix'>%s</script></div>",
    table.concat(hidden), assets.guard(json.encode(spec)))
end

local function how_many(trials, fits)
  local n = 0
  for _, trial in ipairs(trials) do
    if fits(trial) then n = n + 1 end
  end
  return n
end

-- "beta 4"; with the seed where several trials have that beta; with all that
-- differs where that does not tell them apart either.
local function row_label(trials, trial, setting)
  if not setting then return trial.label end
  local function alike(other) return other[setting] == trial[setting] end
  local label = ("%s %s"):format(setting, columns.show(trial[setting]))
  if how_many(trials, alike) == 1 then return label end
  if not trial.seed or how_many(trials, function(other)
    return alike(other) and other.seed == trial.seed
  end) > 1 then
    return trial.label or label
  end
  return ("%s, seed %s"):format(label, columns.show(trial.seed))
end

--- Pictures of all trials. With `image`, the matrix of that picture by
--- settings, seed and step (if it was drawn at steps): two of them are its
--- rows and columns, each other has a slider, and so have the samples of a
--- grid. With `images`, a plain table: a row per trial, a column per name.
---@param options table  image, step? ("epoch": what they were drawn by), rows?,
---  columns? (what to lay out); or images = { "samples", ... }, rows? = "beta"
---  (what names a row)
function Page:image_matrix(options)
  local trials = options.trials or self.trials or {}
  if options.image then return with_sliders(self, trials, options) end
  local lines = { ("<div class='wide'><table class='matrix' "
    .. "style='--columns:%d'><tr><th></th>"):format(#options.images) }
  for _, name in ipairs(options.images) do
    lines[#lines + 1] = ("<th>%s</th>"):format(self.escape(name))
  end
  lines[#lines + 1] = "</tr>"
  for _, trial in ipairs(trials) do
    local label = row_label(trials, trial, options.rows)
    lines[#lines + 1] = ("<tr><th>%s</th>"):format(self.escape(label or ""))
    for _, name in ipairs(options.images) do
      local path = trial.images and trial.images[name]
      lines[#lines + 1] = ("<td>%s</td>"):format(path and pictures.html(self,
        path, self.escape(("%s, %s"):format(name, label or "")),
        path:find "%.svg$") or "")
    end
    lines[#lines + 1] = "</tr>"
  end
  lines[#lines + 1] = "</table></div>"
  return add(self, "%s", table.concat(lines))
end

return Page
