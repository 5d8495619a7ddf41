--- Runs a document cell by cell and keeps what each cell showed, in order.
local chunk = require "orrery.replay.chunk"
local core = require "orrery.core"
local capture = require "orrery.replay.capture"
local pretty = require "orrery.repl.pretty"
local session = require "orrery.repl.session"
local show = require "orrery.show"
local Figure = require "orrery.plot.figure"
local has_host, host = pcall(require, "orrery.host")

---@class orrery.replay.Output
---@field kind "text"|"value"|"picture"|"figure"|"error"
---@field text? string
---@field picture? orrery.plot.Figure
---@field figure? orrery.replay.Figure
---@field line? integer  of the file, where an error came from

---@class orrery.replay.Result
---@field document orrery.replay.Document
---@field path string
---@field outputs orrery.replay.Output[][]  by cell
---@field reached integer  the last cell that was begun
---@field figures orrery.replay.Figure[]
---@field status "done"|"failed"|"interrupted"
---@field message? string  why it is not done
---@field quick boolean
---@field changed table<string, string>  settings that were given as words
local Result = {}
Result.__index = Result

-- So many bytes are kept of what is printed in one go; of the rest, how many
-- lines there were.
local most = 200000

-- What was printed comes in pieces, which are put together when something
-- else is shown, or the cell ends.
local function join_text(self)
  local list = self.outputs[math.max(self.reached, 1)]
  local last = list and list[#list]
  if not last or not last.parts then return end
  if last.more > 0 then
    last.parts[#last.parts + 1] = ("\n... %d lines more\n"):format(last.more)
  end
  last.text, last.parts = table.concat(last.parts), nil
end

local function print_text(self, text)
  local list = self.outputs[math.max(self.reached, 1)]
  local last = list[#list]
  if not last or not last.parts then
    last = { kind = "text", parts = {}, bytes = 0, more = 0 }
    list[#list + 1] = last
  end
  local room = math.max(0, most - last.bytes)
  last.bytes = last.bytes + #text
  if room > 0 then last.parts[#last.parts + 1] = text:sub(1, room) end
  if #text > room then
    local _, lines = text:sub(room + 1):gsub("\n", "")
    last.more = last.more + lines
  end
end

local function output(self, entry)
  join_text(self)
  local list = self.outputs[math.max(self.reached, 1)]
  list[#list + 1] = entry
end

--- A figure was measured.
---@param f orrery.replay.Figure
function Result:check(f)
  self.figures[#self.figures + 1] = f
  output(self, { kind = "figure", figure = f })
end

-- Files and what has no value are nothing to be shown.
local function is_silent(value)
  return value == nil or io.type(value) ~= nil
end

local function show_values(self, ...)
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    if Figure.is(value) then
      output(self, { kind = "picture", picture = value })
    elseif not is_silent(value) then
      output(self, { kind = "value", text = pretty(value) })
    end
  end
end

-- Which line of the file ran, from within a message handler.
local function where(path)
  for level = 3, 100 do
    local info = debug.getinfo(level, "Sl")
    if not info then return nil end
    if info.source == "@" .. path and info.currentline > 0 then
      return info.currentline
    end
  end
end

local function message_of(err)
  if type(err) == "string" then return err end
  local ok, text = pcall(pretty, err)
  return ok and text or "error value of type " .. type(err)
end

local function failed(self, err, line)
  local stopped = core.interrupted()
  if stopped then  -- else what follows would be stopped too
    core.clear_interrupt()
    if has_host then host.clear_interrupt() end
  end
  local message = message_of(err)
  local pattern = "^" .. self.path:gsub("%p", "%%%0") .. ":(%d+): "
  line = tonumber(message:match(pattern)) or line
  self.status, self.message = "failed", message
  if stopped then
    self.status = "interrupted"
    self.message = "interrupted" .. (line and (" at %s:%d"):format(self.path,
      line) or "")
  end
  output(self, { kind = "error", text = self.message, line = line })
end

-- What cells are run with; `replay` is there without its prefix, as
-- everything of orrery is.
local function environment() return session.environment() end

local function new(document, path, o)
  local self = setmetatable({ document = document, path = path, outputs = {},
    reached = 0, figures = {}, status = "done", quick = o.quick,
    changed = o.changed or {} }, Result)
  for i = 1, #document.cells do self.outputs[i] = {} end
  return self
end

-- A file that does not compile: the error goes to the cell that has the line.
local function refuse(self, why)
  local line = tonumber(why:match ":(%d+):")
  for i, cell in ipairs(self.document.cells) do
    if line and line >= cell.mark then self.reached = i end
  end
  failed(self, why, line)
  return self
end

--- Runs a document.
---@param document orrery.replay.Document
---@param path string  as messages name it
---@param options table  quick, changed?, on_cell? (called with each cell's
---  number), current? (called with the result as cells begin: what replay.check
---  tells)
---@return orrery.replay.Result
return function(document, path, options)
  local self = new(document, path, options)
  local run, why = chunk.load(document, path, environment())
  if not run then return refuse(self, why) end
  options.current(self)
  local shown = show.sink(function(figure)
    output(self, { kind = "picture", picture = figure })
  end)
  local _ <close> = setmetatable({}, { __close = function()
    show.sink(shown)
    options.current(nil)
  end })
  local function begin(i)
    join_text(self)
    self.reached = i
    if options.on_cell then options.on_cell(i) end
  end
  local function handler(err) return { err, where(path) } end
  local ok, err
  do
    local _ <close> = capture(function(text) print_text(self, text) end)
    ok, err = xpcall(run, has_host and host.calm(handler) or handler, begin,
      function(...) show_values(self, ...) end)
  end
  join_text(self)
  if ok then return self end
  if type(err) ~= "table" then err = { err } end
  failed(self, err[1], err[2])
  return self
end
