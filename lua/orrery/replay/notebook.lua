--- Jupyter notebooks (nbformat 4): a replay as one, with what its cells showed;
--- and the cells of one, to be written as a percent file.
local base64 = require "orrery.report.base64"
local figures = require "orrery.replay.figures"
local json = require "orrery.json"
local plain = require "orrery.replay.plain"

local notebook = {}

-- Text as notebooks have it: lines with their ends.
local function lines_of(text)
  local lines = json.list()
  for line in plain(text):gmatch "[^\n]*\n?" do
    if line ~= "" then lines[#lines + 1] = line end
  end
  return lines
end

local function no_data() return {} end

local function stream(text)
  return { output_type = "stream", name = "stdout", text = lines_of(text) }
end

local show = {}

function show.text(o) return stream(o.text) end
function show.figure(o) return stream(figures.line(o.figure) .. "\n") end

function show.value(o, count)
  return { output_type = "execute_result", execution_count = count,
    data = { ["text/plain"] = lines_of(o.text) }, metadata = no_data() }
end

function show.error(o)
  return { output_type = "error", ename = "error", evalue = plain(o.text),
    traceback = json.list { plain(o.text) } }
end

function show.picture(o)
  local figure = o.picture
  local format = figure.frames and "gif" or "png"
  local bytes, why = figure:bytes(format)
  if not bytes and format == "gif" then
    format, bytes, why = "png", figure:bytes "png"
  end
  if not bytes then return stream(why .. "\n") end
  return { output_type = "display_data", metadata = no_data(), data = {
    ["image/" .. format] = base64(bytes),
    ["text/plain"] = lines_of(tostring(figure)),
  } }
end

-- Printed lines one after another are one stream.
local function outputs_of(list, count)
  local out = json.list()
  for _, o in ipairs(list) do
    local made, last = show[o.kind](o, count), out[#out]
    if last and last.output_type == "stream" and made.output_type == "stream"
    then
      table.move(made.text, 1, #made.text, #last.text + 1, last.text)
    else
      out[#out + 1] = made
    end
  end
  return out
end

local function cell_of(result, i, count)
  local cell = result.document.cells[i]
  local made = { cell_type = cell.kind, id = ("cell-%d"):format(i),
    metadata = {},
    source = lines_of(cell.text or table.concat(cell.lines, "\n")) }
  if cell.kind == "code" then
    if cell.title then made.metadata.title = plain(cell.title) end
    local ran = i <= result.reached
    made.execution_count = ran and count or json.null
    made.outputs = ran and outputs_of(result.outputs[i], count) or json.list()
  end
  return made
end

--- A replay as the text of a notebook.
---@param result orrery.replay.Result
---@return string json
function notebook.write(result)
  local cells, count = json.list(), 0
  for i, cell in ipairs(result.document.cells) do
    if cell.kind == "code" then count = count + 1 end
    cells[i] = cell_of(result, i, count)
  end
  return json.encode({
    nbformat = 4, nbformat_minor = 5, cells = cells,
    metadata = {
      kernelspec = { name = "lua", display_name = "Lua", language = "lua" },
      language_info = { name = "lua", version = "5.4",
        file_extension = ".lua", mimetype = "text/x-lua" },
    },
  }, { indent = 1 }) .. "\n"
end

local function text_of(source)
  if type(source) == "table" then source = table.concat(source) end
  return type(source) == "string" and source:gsub("%s+$", "") or ""
end

-- Cells of formats 3 and 4 alike; nil when this is no notebook.
local function raw_cells(nb)
  if type(nb) ~= "table" then return nil end
  local sheet = type(nb.worksheets) == "table" and nb.worksheets[1]
  local cells = nb.cells or type(sheet) == "table" and sheet.cells
  return type(cells) == "table" and cells or nil
end

local function language(nb)
  local meta = type(nb.metadata) == "table" and nb.metadata or {}
  for _, key in ipairs { "kernelspec", "language_info" } do
    local info = type(meta[key]) == "table" and meta[key] or {}
    local name = info.language or info.name
    if type(name) == "string" then return name:lower() end
  end
  return "python"
end

local function read_cell(cell, foreign)
  local kind, text = cell.cell_type, text_of(cell.source or cell.input)
  if kind == "heading" then
    return { kind = "markdown",
      text = ("#"):rep(math.tointeger(cell.level) or 1) .. " " .. text }
  elseif kind == "markdown" or kind == "raw" then
    return { kind = kind, text = text }
  end
  local meta = type(cell.metadata) == "table" and cell.metadata or {}
  return { kind = "code", text = text, foreign = foreign,
    title = type(meta.title) == "string" and meta.title:gsub("%c", " ")
      or nil }
end

--- The cells of a notebook's text, for orrery.replay.percent.format.
---@param text string
---@return table[]? cells  kind, text, title?, foreign (code that is not Lua)
---@return string? message
function notebook.read(text)
  local nb, why = json.decode(text)
  if why then return nil, why end
  local list = raw_cells(nb)
  if not list then return nil, "it has no cells; give a Jupyter notebook" end
  local foreign, cells = not language(nb):find "^lua", {}
  for i, cell in ipairs(list) do
    if type(cell) ~= "table" then
      return nil, ("cell %d is no table"):format(i)
    end
    cells[i] = read_cell(cell, foreign)
  end
  return cells
end

return notebook
