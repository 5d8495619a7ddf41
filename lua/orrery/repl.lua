--- The prompt: reads an entry, runs it, prints what it gave, and goes on
--- whatever happens. `repl.session` is the part without a terminal.
local core = require "orrery.core"
local commands = require "orrery.repl.commands"
local failure = require "orrery.repl.failure"
local hints = require "orrery.repl.hints"
local paint = require "orrery.repl.paint"
local environment = require "orrery.repl.session"
local reloading = require "orrery.repl.reloading"
local repl = {}

---@class orrery.repl.Session
---@field env table  names of the session
---@field write fun(text: string)
---@field color boolean
---@field prompt string
---@field commands? table<string, function>  beside the usual ones
---@field entries orrery.repl.Entry[]  those that worked, for `:save`
---@field seen table  modules as they were when loaded, for `:reload`
local Session = {}
Session.__index = Session

-- The program's side of things; absent under a stock lua.
local has_host, host = pcall(require, "orrery.host")
if not has_host then host = nil end
local clear_interrupt = host and host.clear_interrupt or core.clear_interrupt

---@param options? { env?: table, write?: fun(text: string), color?: boolean,
---  prompt?: string, commands?: table<string, function> }
---@return orrery.repl.Session
function repl.session(options)
  options = options or {}
  return setmetatable({
    env = options.env or environment.environment(),
    write = options.write or function(text) io.write(text) end,
    prompt = options.prompt or "> ", commands = options.commands,
    color = options.color or false, entries = {}, seen = {},
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
---@return orrery.repl.Entry? entry  what was compiled
function Session:compile(text)
  text = text:gsub("^%s*=", "")
  local function try(code) return load(code, "=stdin", "t", self.env) end
  local chunk, as_value = try("return " .. text)
  if chunk then return chunk, nil, false, { code = text, values = 0 } end
  local kept = keep_locals(text)
  chunk = try(kept)
  if chunk then return chunk, nil, false, { code = kept } end
  local _, message = try(text)
  local open = "near '?<eof>'?$"
  return nil, message, message:match(open) ~= nil or as_value:match(open) ~= nil
end

function Session:say(text) self.write(text .. "\n") end

function Session:complain(text)
  self:say(paint.text("error", text, self.color))
end

function Session:report(err, text)
  self:complain(failure.without_position(
    hints.with(err.message, text, self.env), text))
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

-- Runs f protected. On an error says so and returns false, "failed" or
-- "interrupted", and the message.
function Session:protect(text, f, ...)
  local results = table.pack(xpcall(f, failure.handler, ...))
  if results[1] then return results end
  local err = results[2]
  if type(err) ~= "table" or not err.message then
    err = { message = failure.message(err) }
  end
  if core.interrupted() then
    clear_interrupt()
    self:report_stop(err)
    return false, "interrupted", err.message
  end
  self:report(err, text)
  return false, "failed", err.message
end

function Session:show(results)
  environment.show(self.color, self.write,
    table.unpack(results, 2, results.n))
end

--- Runs one entry and prints what it gives.
---@param text string
---@return "done"|"incomplete"|"quit"
function Session:eval(text)
  if not text:find "%S" then return "done" end
  if text:match "^%s*[:?]" then return commands.run(self, text) end
  local chunk, message, incomplete, entry = self:compile(text)
  if incomplete then return "incomplete" end
  if not chunk then
    self:complain(failure.without_position(message, text))
    return "done"
  end
  local results = self:protect(text, chunk)
  if not results then return "done" end
  self:keep(entry, results.n - 1)
  if results.n > 1 then
    if results[2] ~= nil then rawset(self.env, "_", results[2]) end
    self:protect(text, self.show, self, results)
    if results.n == 2 and results[2] == nil then
      local hint = hints.unknown(text, self.env)
      if hint then self:say(hint) end
    end
  end
  return "done"
end

--- Notes an entry that worked, for `:save` and `:edit`.
---@param entry orrery.repl.Entry
---@param count? integer  how many values it gave
function Session:keep(entry, count)
  if entry.values then entry.values = count > 0 and count or nil end
  self.entries[#self.entries + 1] = entry
end

-- What remains of an entry that no further line completes: says why.
function Session:give_up(text)
  local _, message = self:compile(text)
  message = message or "the entry is not complete"
  self:complain(failure.without_position(message, text))
end

local function banner()
  local ok, doctor = pcall(require, "orrery.repl.doctor")
  local line = ok and doctor.banner() or _VERSION
  return line .. "   ?help\n"
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
  local text, why = read(session.prompt)
  if not text then return nil, why end
  while not text:match "^%s*[:?]" do
    local _, _, incomplete = session:compile(text)
    if not incomplete then break end
    local more
    more, why = read((" "):rep(#session.prompt - 3) .. ">> ")
    if why == "interrupted" then return nil, why end
    if not more or more == "" and text:match "\n$" then
      session:give_up(text)
      return ""
    end
    text = text .. "\n" .. more
  end
  return text
end

local current  -- the session whose names Tab completes

-- Makes the session the one that is talked to, until it is closed.
local function enter(session)
  local before, killed = current, nil
  current = session
  if host then
    killed = host.interrupt_kills(false)
    host.on_complete(function(text, cursor)
      local tab = require("orrery.repl.complete").tab
      return tab(text:sub(1, cursor), current.env,
        commands.names(current.commands), (core.terminal_size()) or 80)
    end)
  end
  return setmetatable({}, { __close = function()
    current = before
    if host then host.interrupt_kills(killed) end
  end })
end

--- Runs the prompt until the person leaves. One may run inside another: that
--- of a training loop that was stopped.
---@param options? { env?: table, prompt?: string, banner?: string,
---  commands?: table<string, function> }
function repl.run(options)
  options = options or {}
  local session = repl.session { env = options.env, prompt = options.prompt,
    commands = options.commands, color = paint.wanted() }
  local remember = require("orrery.repl.history").open(host)
  local _ <close> = enter(session)
  io.write(options.banner or banner())
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
    reloading.note(session.seen)
    io.stdout:flush()
    return outcome == "quit" or nil
  end
  if host then return host.forever(step) end
  repeat local ok, done = pcall(step) until ok and done
end

return repl
