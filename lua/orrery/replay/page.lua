--- A replay as one HTML page that opens from disk: text with formulas, code,
--- what it showed, and the table of figures. Nothing in it depends on the
--- time or the place, so the same run gives the same page.
local base64 = require "orrery.report.base64"
local core = require "orrery.core"
local escape = require "orrery.report".escape
local figures = require "orrery.replay.figures"
local formulas = require "orrery.replay.formulas"
local highlight = require "orrery.replay.highlight"
local markdown = require "orrery.replay.markdown"
local plain = require "orrery.replay.plain"
local style = require "orrery.report.style"

local own_style = [[
<style>
main { max-width: 52rem; }
.cell { margin: 1.4rem 0; }
.cell > .title { font-weight: 600; margin: 0 0 .3rem; }
.code { counter-reset: none; margin: 0; border-left: 3px solid var(--line); }
.code .l { display: block; min-height: 1.45em; white-space: pre; }
.code .l::before { content: attr(data-n); display: inline-block; width: 2.6em;
  margin-right: 1em; text-align: right; color: var(--dim); opacity: .7;
  user-select: none; }
.code .bad { background: rgba(213, 94, 0, .18); }
.code .k { color: var(--word); } .code .s { color: var(--text); }
.code .n { color: var(--number); }
.code .c { color: var(--dim); font-style: italic; }
.out { background: none; border: 1px solid var(--line); margin: .5rem 0 0; }
.out.value { border-left: 3px solid var(--number); }
.error { border: 1px solid #d55e00; border-radius: 6px; margin: .5rem 0 0;
  padding: .6rem 1rem; white-space: pre-wrap; }
.check { margin: .5rem 0 0; font-size: .95rem; }
.yes { color: var(--text); font-weight: 600; }
.no { color: var(--bad); font-weight: 600; }
.idle { opacity: .55; }
x-equation[type=display] { display: block; overflow-x: auto;
  overflow-y: hidden; margin: .8rem 0; text-align: center; }
.whole { white-space: nowrap; }
blockquote { margin: .8rem 0; padding-left: 1rem; color: var(--dim);
  border-left: 3px solid var(--line); }
code { font: .88em ui-monospace, "DejaVu Sans Mono", monospace; }
:root { --word: #7a3e9d; --text: #1a7f5a; --number: #0b62a8;
  --bad: #b34700; }
@media (prefers-color-scheme: dark) { :root { --word: #c99be0;
  --text: #6fd0a8; --number: #7db8ee; --bad: #ff9452; } }
</style>
]]

local function text_html(text) return escape(plain(text)) end

local function code_html(cell, bad)
  local lines = highlight(table.concat(cell.lines, "\n"))
  for i, line in ipairs(lines) do
    local n = cell.first + i - 1
    lines[i] = ("<span class='l%s' data-n='%d'>%s</span>"):format(
      n == bad and " bad" or "", n, line)
  end
  return "<pre class='code'>" .. table.concat(lines) .. "</pre>"
end

-- Small images are shown larger, by whole pixels.
local function enlarged(pixels)
  local width = pixels:size(-1)
  local times = math.min(8, 400 // width)
  return times > 1 and (" width='%d'"):format(width * times) or ""
end

-- Charts as SVG, which stays sharp; images as they are, with square pixels.
local function picture_html(figure, alt)
  local kind, format = "png", "png"
  if figure.frames then
    kind, format = "gif", "gif"
  elseif not figure.pixels then
    kind, format = "svg+xml", "svg"
  end
  local bytes, why = figure:bytes(format)
  if not bytes and format == "gif" then  -- some of its frames, then
    kind, bytes, why = "png", figure:bytes "png"
  end
  if not bytes then
    return ("<p class='note'>%s</p>"):format(text_html(why))
  end
  local pixels = figure.pixels or figure.frames and figure.frames[1].pixels
  local caption = figure.caption or pixels and figure.title
  return ("<figure><img alt='%s'%s%s src='data:image/%s;base64,%s'>%s</figure>")
    :format(text_html(figure.title or alt),
      pixels and " class='pixels'" or "",
      pixels and enlarged(pixels) or "", kind, base64(bytes),
      caption and ("<figcaption>%s</figcaption>"):format(text_html(caption))
      or "")
end

local show = {}

function show.text(o)
  return ("<pre class='out'>%s</pre>"):format(text_html(o.text))
end

function show.value(o)
  return ("<pre class='out value'>%s</pre>"):format(text_html(o.text))
end

function show.error(o)
  return ("<p class='error' role='alert'>%s</p>"):format(text_html(o.text))
end

function show.picture(o, title) return picture_html(o.picture, title) end

function show.figure(o)
  local f = o.figure
  return ("<p class='check'><span class='%s'>%s</span> %s: %s, wanted %s %s"
    .. "</p>"):format(f.ok and "yes" or "no", f.ok and "&#10003; ok"
      or "&#10007; fails", text_html(f.name), figures.show(f.measured),
      f.relation and escape(f.relation) .. " " .. figures.show(f.wanted)
      or figures.show(f.wanted), f.relation and ""
      or "&plusmn; " .. figures.tolerance_text(f))
end

-- Line of the file with the error of these outputs.
local function bad_line(outputs)
  for _, o in ipairs(outputs) do
    if o.kind == "error" then return o.line end
  end
end

local table_html

-- What a cell showed; figures one after another make a table.
local function outputs_html(outputs, title, out)
  local i = 1
  while i <= #outputs do
    local last = i
    while outputs[i].kind == "figure" and outputs[last + 1]
      and outputs[last + 1].kind == "figure" do
      last = last + 1
    end
    if last > i then
      local list = {}
      for j = i, last do list[#list + 1] = outputs[j].figure end
      out[#out + 1] = table_html(list)
    else
      out[#out + 1] = show[outputs[i].kind](outputs[i], title)
    end
    i = last + 1
  end
end

local function cell_html(result, i, folder)
  local cell, outputs = result.document.cells[i], result.outputs[i]
  local out = {}
  if cell.kind == "markdown" then
    out[1] = markdown(cell.text, folder)
  elseif cell.kind == "raw" then
    out[1] = ("<pre>%s</pre>"):format(text_html(cell.text))
  elseif #cell.lines > 0 then
    if cell.title then
      out[1] = ("<p class='title'>%s</p>"):format(text_html(cell.title))
    end
    out[#out + 1] = code_html(cell, bad_line(outputs))
  end
  outputs_html(outputs, cell.title or "picture", out)
  local idle = cell.kind == "code" and i > result.reached
  return ("<section class='cell%s'%s>%s</section>"):format(idle and " idle"
    or "", idle and " title='not run'" or "", table.concat(out, "\n"))
end

function table_html(list)
  local layout = figures.layout(list)
  local out = { "<div class='wide'><table class='figures'><thead><tr>" }
  for i, head in ipairs(layout.heads) do
    out[#out + 1] = ("<th%s>%s</th>"):format(layout.numeric[i] and " class='n'"
      or "", head)
  end
  out[#out + 1] = "</tr></thead><tbody>"
  for r, row in ipairs(layout.rows) do
    out[#out + 1] = "<tr>"
    for i, text in ipairs(row) do
      local class = layout.numeric[i] and "n" or i == #row
        and (list[r].ok and "yes" or "no") or ""
      out[#out + 1] = ("<td class='%s'>%s</td>"):format(class, text_html(text))
    end
    out[#out + 1] = "</tr>"
  end
  out[#out + 1] = "</tbody></table></div>"
  return table.concat(out)
end

local function figures_html(list)
  if #list == 0 then return "" end
  return ("<h2 id='figures'>Figures</h2>%s<p class='sub'>%d checked, %d ok</p>")
    :format(table_html(list), figures.count(list))
end

local ends = {
  failed = "The file stopped with an error; cells after it were not run.",
  interrupted = "The replay was interrupted; cells after that were not run.",
}

-- The first heading of the text, else the file's name.
local function title_of(result)
  for _, cell in ipairs(result.document.cells) do
    local head = cell.kind == "markdown" and ("\n" .. cell.text)
      :match "\n#%s+([^\n]+)"
    if head then return head:gsub("[*_`$]", "") end
  end
  return result.path:match "[^/]*$"
end

local function note(result, has_formulas)
  local words = {}
  if result.quick then words[1] = "Small settings (--quick)." end
  local changed = {}
  for name, text in pairs(result.changed) do
    changed[#changed + 1] = name .. "=" .. text
  end
  if changed[1] then
    table.sort(changed)
    words[#words + 1] = ("Changed settings: %s."):format(text_html(
      table.concat(changed, " ")))
  end
  words[#words + 1] = ends[result.status]
  if not core._markdown "" then
    words[#words + 1] = "Text is as written: this build has no md4c."
  elseif has_formulas and not formulas.available() then
    words[#words + 1] = "Formulas are as written: KaTeX is not here."
  end
  words[#words + 1] = ("Orrery %s, %s."):format(core.version, _VERSION)
  return ("<p class='note'>%s</p>"):format(table.concat(words, " "))
end

---@param result orrery.replay.Result
---@return string html
return function(result)
  local folder = result.path:match "^.*/" or ""
  local cells = {}
  for i = 1, #result.document.cells do
    cells[i] = cell_html(result, i, folder)
  end
  local body = table.concat(cells, "\n")
  local head, foot = "", ""
  local has_formulas = body:find("<x-equation", 1, true) ~= nil
  if has_formulas then head, foot = formulas.parts() end
  return table.concat { style.head:format(text_html(title_of(result))),
    own_style, head, "</head><body><main>", note(result, has_formulas), body,
    "\n", figures_html(result.figures), "</main>", foot, "</body></html>\n" }
end
