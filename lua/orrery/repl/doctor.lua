--- What this Orrery is made of and what it finds on the machine.
local doctor = {}

local core = require "orrery.core"
local has_host, host = pcall(require, "orrery.host")

--- One line for the top of the prompt.
---@return string
function doctor.banner()
  local m = core.machine()
  return ("Orrery %s   %s   OpenBLAS (%s, %d thread%s)"):format(core.version,
    _VERSION, m.blas_core, m.threads, m.threads == 1 and "" or "s")
end

--- How pictures can be drawn in this terminal.
---@return string
function doctor.graphics()
  local t = require "orrery.show.terminal".detect()
  if t.mode == "none" then return "none: " .. t.why end
  local name = ({ iterm2 = "iTerm2", symbols = "half-blocks" })[t.mode]
    or t.mode
  return ("%s, %d x %d characters of %d x %d pixels"):format(name, t.columns,
    t.rows, t.cell[1], t.cell[2])
end

local function readable(path)
  local file = path and io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

local function data_found()
  local init = package.searchpath("orrery", package.path) or ""
  local folder = init:gsub("init%.lua$", "datasets/digits/")
  return {
    { "digits", readable(folder .. "images-idx3-ubyte.gz") and folder or
      "missing: reinstall" },
    { "fashion", require("orrery.data.idx").fashion() or
      "none: install dataset-fashion-mnist, or give a folder" },
  }
end

local function on_path(program)
  for folder in (os.getenv "PATH" or ""):gmatch "[^:]+" do
    if readable(folder .. "/" .. program) then
      return folder .. "/" .. program
    end
  end
end

--- All of it, one fact a line.
---@return string
function doctor.report()
  local m, rows = core.machine(), {}
  local function row(name, value)
    rows[#rows + 1] = { name, tostring(value) }
  end
  row("orrery", core.version)
  row("program", has_host and host.program or "none: a module in " .. _VERSION)
  row("lua files", package.searchpath("orrery", package.path))
  row("lua", _VERSION)
  row("blas", m.blas .. " on " .. m.blas_core)
  row("instructions", m.instructions)
  row("threads", ("%d of %d cores"):format(m.threads, m.cores))
  row("line editing", has_host and host.libedit and "libedit" or
    "no: built without libedit")
  local missing = require("orrery.runs.store").missing()
  row("runs", missing and "not kept: " .. missing
    or "kept, by SQLite " .. core._sqlite.version)
  row("live view", core._http and "orrery watch, by libmicrohttpd "
    .. core._http.version or "none: built without libmicrohttpd")
  row("charts", on_path "gnuplot" or "no files, only in characters: install "
    .. "gnuplot for PNG and SVG")
  row("films", core._io.features.gif and "GIF" or "no: built without giflib")
  row("chafa", on_path "chafa" or "none: install it for sixels, and finer "
    .. "images in characters")
  row("pictures", doctor.graphics())
  row("replays", ("%s, %s"):format(core._markdown "" and "Markdown by md4c"
    or "no Markdown: built without md4c",
    require "orrery.replay.formulas".available() and "formulas by KaTeX"
    or "no formulas: install libjs-katex"))
  for _, found in ipairs(data_found()) do row(found[1], found[2]) end
  local lines = {}
  for i, r in ipairs(rows) do lines[i] = ("%-13s %s"):format(r[1], r[2]) end
  return table.concat(lines, "\n")
end

return doctor
