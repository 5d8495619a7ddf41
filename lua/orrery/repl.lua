--- The prompt: reads an entry, runs it, prints what it gave, and goes on
--- whatever happens. `repl.session` is the part without a terminal.
local core = require "orrery.core"
local inspect = require "orrery.repl.inspect"
local pretty = require "orrery.repl.pretty"
local environment = require "orrery.repl.session"
local repl = {}

---@class orrery.repl.Session
---@field env table  names of the session
---@field write fun(text: string)
---@field color boolean
local Session = {}
Session.__index = Session

-- The program's side of things; absent under a stock lua.
local has_host, host = pcall(require, "orrery.host")
if not has_host then host = nil end
local clear_interrupt = host and host.clear_interrupt or core.clear_interrupt

---@param options? { env?: table, write?: fun(text: string), color?: boolean }
---@return orrery.repl.Session
function repl.session(options)
  options = options or {}
  return setmetatable({
    env = options.env or environment.environment(),
    write = options.write or function(text) io.write(text) end,
    color = options.color or false,
  }, Session)
end

-- A local at the start of a line would end with its entry; it stays instead,
-- so that lines pasted from a script work one by one.
local function keep_locals(text)
  local kept = ("\n" .. text):gsub("\nlocal ([%a_][^\n<]*)", function(rest)
    if rest:match "^function%s" or rest:match "^[%w_,%s]+=" then
      return "\n" .. rest
    end
    return nil
  end)
  return kept:sub(2)
end

--- Compiles an entry: an expression gives its values.
---@param text string
---@return function? chunk  nil when it does not compile
---@return string? message
---@return boolean incomplete  more lines could make it right
function Session:compile(text)
  text = text:gsub("^%s*=", "")
  local function try(code) return load(code, "=stdin", "t", self.env) end
  local chunk, as_value = try("return " .. text)
  chunk = chunk or try(keep_locals(text))
  if chunk then return chunk, nil, false end
  local _, message = try(text)
  local open = "near '?<eof>'?$"
  return nil, message, message:match(open) ~= nil or as_value:match(open) ~= nil
end

function Session:say(text) self.write(text .. "\n") end

function Session:complain(text)
  self:say(self.color and "\27[31m" .. text .. "\27[0m" or text)
end

-- Message of any error value, one that cannot be shown included.
local function message_of(err)
  if type(err) == "string" then return err end
  local ok, text = pcall(pretty, err)
  return ok and text or "error value of type " .. type(err)
end

local here = debug.getinfo(1, "S").source
local own = here:gsub("repl%.lua$", "")

-- Frames in the person's own functions and files: where an error came from,
-- when that is not the entry just typed.
local function frames()
  local out = {}
  for level = host and 4 or 3, 60 do
    local info = debug.getinfo(level, "Sln")
    if not info or info.source == here then break end
    local mine = info.source:sub(1, #own) == own
    if info.what ~= "C" and not mine and info.currentline > 0 then
      local who = info.name and " in " .. info.name or ""
      if info.what == "main" then who = "" end
      out[#out + 1] = ("%s:%d%s"):format(info.short_src, info.currentline, who)
    end
  end
  return out
end

-- Name of the built-in that raised, such as an operation of the engine.
local function raised_in()
  local info = debug.getinfo(host and 4 or 3, "Sn")
  return info and info.what == "C" and info.name ~= "error" and info.name or nil
end

local function handler(err)
  return { message = message_of(err), frames = frames(), raiser = raised_in() }
end
if host then handler = host.calm(handler) end

-- "stdin:1: " says nothing about an entry of one line.
local function without_position(message, text)
  if text:find "\n" then return message end
  return (message:gsub("^stdin:1: ", ""))
end

-- A name that is not there gets the nearest that is.
function Session:with_hint(message)
  local kind, name = message:match "a nil value %((%l+) '([%w_]+)'%)$"
  local names = kind == "global" and inspect.names(self.env) or
    kind == "method" and inspect.names(core.Tensor.methods)
  local near = names and require "orrery.nearest"(name, names)
  return near and ("%s; did you mean %s?"):format(message, near) or message
end

function Session:report(err, text)
  self:complain(self:with_hint(without_position(err.message, text)))
  local where = err.frames or {}
  if #where > 1 then
    for i = 1, math.min(#where, 6) do self:say("    " .. where[i]) end
    if #where > 6 then self:say(("    ... %d more"):format(#where - 6)) end
  end
end

-- An interrupted operation says "name: interrupted", Lua code "interrupted",
-- each after its position.
function Session:report_stop(err)
  local place, what = err.message:match "^(.-:%d+): (.*)$"
  local op = (what or err.message):match "([%w_.]+): interrupted" or err.raiser
  self:complain(("stopped%s%s; everything you had is intact"):format(
    op and " in " .. op or "", place and " at " .. place or ""))
end

-- Runs f protected. On an error says so and returns false.
function Session:protect(text, f, ...)
  local results = table.pack(xpcall(f, handler, ...))
  if results[1] then return results end
  local err = results[2]
  if type(err) ~= "table" or not err.message then
    err = { message = message_of(err) }
  end
  if core.interrupted() then
    clear_interrupt()
    self:report_stop(err)
  else
    self:report(err, text)
  end
  return false
end

function Session:show(results)
  local texts, long = {}, false
  for i = 2, results.n do
    texts[#texts + 1] = pretty(results[i])
    long = long or texts[#texts]:find "\n"
  end
  if #texts > 0 then self:say(table.concat(texts, long and "\n" or "   ")) end
end

--- Runs one entry and prints what it gives.
---@param text string
---@return "done"|"incomplete"|"quit"
function Session:eval(text)
  if not text:find "%S" then return "done" end
  if text:match "^%s*[:?]" then return self:command(text) end
  local chunk, message, incomplete = self:compile(text)
  if incomplete then return "incomplete" end
  if not chunk then
    self:complain(without_position(message, text))
    return "done"
  end
  local results = self:protect(text, chunk)
  if results and results.n > 1 then
    if results[2] ~= nil then rawset(self.env, "_", results[2]) end
    self:protect(text, self.show, self, results)
  end
  return "done"
end

-- What remains of an entry that no further line completes: says why.
function Session:give_up(text)
  local _, message = self:compile(text)
  self:complain(without_position(message or "the entry is not complete", text))
end

local commands = {}

commands[":quit"] = function() return "quit" end

commands[":help"] = function(self)
  self:say [[
An expression prints its value, and _ is the last one. Unfinished entries go
on at the next line; an empty line gives them up. Tab completes.
  ?name         help on a function, module or method: ?conv2d  ?nn.Linear
  ??name        its source
  :time EXPR    how long it takes
  :who          what you have assigned
  :run FILE ... run a script with its knobs, keep its globals
  :quit         leave, as Ctrl-D does
Ctrl-C stops whatever runs; Ctrl-R searches the history.]]
end

commands[":run"] = function(self, rest)
  local words = {}
  for word in rest:gmatch "%S+" do words[#words + 1] = word end
  local path = table.remove(words, 1)
  if not path then return self:complain "run: no file; write :run FILE" end
  self:protect(rest, repl.run_file, path, words,
    environment.of_file(self.env))
end

commands[":time"] = function(self, rest)
  if rest == "" then return self:complain "time: write :time EXPRESSION" end
  local chunk, message = self:compile(rest)
  if not chunk then return self:complain(without_position(message, rest)) end
  self:protect(rest, function()
    self:say(require "orrery.repl.stopwatch"(chunk))
  end)
end

commands[":who"] = function(self)
  local names, rows, width = {}, {}, 0
  for name in next, self.env do
    if type(name) == "string" and not name:match "^_G?$" then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  self:protect("", function()
    for _, name in ipairs(names) do
      rows[#rows + 1] = { name, repl.summary(self.env[name]) }
      width = math.max(width, #name)
    end
    for _, row in ipairs(rows) do
      self:say(("%-" .. width .. "s  %s"):format(row[1], row[2]))
    end
    if #rows == 0 then self:say "nothing is assigned yet" end
  end)
end

--- One line about a value: type and shape, not contents.
---@param value any
---@return string
function repl.summary(value)
  if type(value) == "userdata" then
    local ok, text = pcall(function()
      return value.dtype .. " " .. value:shape_str()
    end)
    if ok then return text end
  end
  local text = pretty(value):gsub("%s*\n%s*", " ")
  return #text > 60 and text:sub(1, 57) .. "..." or text
end

--- Names that start with a colon.
---@return string[]
function repl.commands()
  local names = {}
  for name in pairs(commands) do names[#names + 1] = name end
  table.sort(names)
  return names
end

function Session:command(text)
  local source, name = text:match "^%s*%?(%??)%s*(.-)%s*$"
  if name == "" or name == "help" then
    text, name = ":help", nil
  end
  if name then
    local find = source == "?" and inspect.source or inspect.help
    self:protect(text, function()
      local found, message = find(name, self.env)
      if found then self:say(found) else self:complain(message) end
    end)
    return "done"
  end
  local word, rest = text:match "^%s*(:%w*)%s*(.-)%s*$"
  local run = commands[word]
  if not run then
    local near = require "orrery.nearest"(word, repl.commands())
    self:complain(("%s is no command; %s"):format(word,
      near and "did you mean " .. near .. "?" or ":help lists them"))
    return "done"
  end
  return run(self, rest) or "done"
end

--- Runs a script file as the program would, with `arg` set for it. An
--- experiment that it returns unstarted is started.
---@param path string
---@param words string[]  its arguments
---@param env? table  default: the globals
---@return any ...  what the file returns
function repl.run_file(path, words, env)
  local chunk, message = loadfile(path, "bt", env or _G)
  if not chunk then error(message, 0) end
  local before = rawget(_G, "arg")
  rawset(_G, "arg", table.move(words, 1, #words, 1, { [0] = path }))
  local results = table.pack(xpcall(chunk, function(err)
    return type(err) == "table" and err or handler(err)
  end, table.unpack(words)))
  local run = results[2]
  local experiment = results[1] and type(run) == "table" and
    type(rawget(run, "trial")) == "function" and not rawget(run, "started")
  if experiment then
    results = table.pack(pcall(function() return run(table.unpack(words)) end))
  end
  rawset(_G, "arg", before)
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

local function banner()
  local ok, doctor = pcall(require, "orrery.repl.doctor")
  local line = ok and doctor.banner() or _VERSION
  io.write(line, "   ?help\n")
end

-- Reads one line: the program's editor, or io.read under a stock lua.
local function read(prompt)
  if host then return host.readline(prompt) end
  io.write(prompt)
  io.flush()
  local line = io.read "l"
  return line, line == nil and "end" or nil
end

-- Reads lines until they make an entry. Returns it, or nil and why.
local function read_entry(session)
  local text, why = read "> "
  if not text then return nil, why end
  while not text:match "^%s*[:?]" do
    local _, _, incomplete = session:compile(text)
    if not incomplete then break end
    local more
    more, why = read ">> "
    if why == "interrupted" then return nil, why end
    if not more or more == "" and text:match "\n$" then
      session:give_up(text)
      return ""
    end
    text = text .. "\n" .. more
  end
  return text
end

-- Loads the old entries; returns what keeps a new one.
local function open_history()
  local history = require "orrery.repl.history"
  local folder = host and host.edits() and history.folder()
  if not folder or not core.fs.mkdir(folder) then return function() end end
  local path = folder .. "/history"
  local last
  for _, entry in ipairs(history.load(path)) do
    host.remember(entry)
    last = entry
  end
  return function(entry)
    host.remember(entry)
    if entry ~= last then history.append(path, entry) end
    last = entry
  end
end

local function colored()
  return core.isatty "stdout" and not os.getenv "NO_COLOR" and
    os.getenv "TERM" ~= "dumb"
end

--- Runs the prompt until the person leaves.
---@param options? { env?: table }
function repl.run(options)
  local session = repl.session {
    env = options and options.env,
    color = colored(),
  }
  local remember = open_history()
  if host then
    host.interrupt_kills(false)
    host.on_complete(function(text, cursor)
      local tab = require("orrery.repl.complete").tab
      return tab(text:sub(1, cursor), session.env, repl.commands(),
        (core.terminal_size()) or 80)
    end)
  end
  banner()
  local function step()
    local entry, why = read_entry(session)
    io.stdout:flush()
    if why == "end" then
      io.write "\n"
      return true
    elseif not entry or not entry:find "%S" then
      return nil
    end
    remember(entry)
    local outcome = session:eval(entry)
    io.stdout:flush()
    return outcome == "quit" or nil
  end
  if host then return host.forever(step) end
  repeat local ok, done = pcall(step) until ok and done
end

return repl
