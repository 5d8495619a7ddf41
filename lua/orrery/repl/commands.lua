--- What an entry that starts with `:` or `?` does.
local current = require "orrery.runs.current"
local environment = require "orrery.repl.session"
local failure = require "orrery.repl.failure"
local inspect = require "orrery.repl.inspect"
local paint = require "orrery.repl.paint"
local reloading = require "orrery.repl.reloading"
local sorted_keys = require "orrery.sorted_keys"
local commands = {}

--- Runs a script file as the program would, with `arg` set for it. An
--- experiment that it returns unstarted is started.
---@param path string
---@param words string[]  its arguments
---@param env? table  default: the globals
---@return any ...  what the file returns
function commands.run_file(path, words, env)
  local chunk, message = loadfile(path, "bt", env or _G)
  if not chunk then error(message, 0) end
  local before = rawget(_G, "arg")
  rawset(_G, "arg", table.move(words, 1, #words, 1, { [0] = path }))
  local results = table.pack(xpcall(chunk, failure.handler,
    table.unpack(words)))
  local run = results[2]
  local experiment = results[1] and type(run) == "table" and
    type(rawget(run, "trial")) == "function" and not rawget(run, "started")
  if experiment then
    results = table.pack(xpcall(function()
      return run(table.unpack(words))
    end, failure.handler))
  end
  rawset(_G, "arg", before)
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

local named = {}

named[":quit"] = function() return "quit" end

named[":help"] = function(self)
  if self.commands then
    self:say("Here also: " .. table.concat(sorted_keys(self.commands), " "))
  end
  self:say [[
An expression prints its value, and _ is the last one. Unfinished entries go
on at the next line; an empty line gives them up. Tab completes.
  ?name         help on a function, module or method: ?conv2d  ?nn.Linear
  ??name        its source
  :doc TOPIC    the same a page at a time; alone, the topics
  :time EXPR    how long it takes
  :who          what you have assigned, and how large it is
  :run FILE ... run a script with its knobs, keep its globals; alone, again
  :reload [MOD] load modules of yours whose files have changed
  :edit [WHAT]  the last entry, a file or a function in $EDITOR
  :save FILE    write the session as a program
  :quit         leave, as Ctrl-D does
Ctrl-C stops whatever runs; Ctrl-R searches the history; Up and Down look for
entries that begin as the line does.]]
end

named[":run"] = function(self, rest)
  local words = {}
  for word in rest:gmatch "%S+" do words[#words + 1] = word end
  if #words == 0 then words = self.last_run or words end
  if #words == 0 then
    return self:complain "run: no file; write :run FILE"
  end
  self.last_run = words
  local given = table.move(words, 2, #words, 1, {})
  local ours = current.script(words[1], given)
  local done, how, why = self:protect(rest, commands.run_file, words[1], given,
    environment.of_file(self.env))
  if ours then  -- a training loop of the script was recorded as its run
    local ok, complaint = pcall(current.ended, how or "done", why)
    if not ok then self:complain(complaint) end
  end
  if done then self:keep { run = words } end
end

named[":reload"] = function(self, rest)
  local names = { rest }
  if rest == "" then names = reloading.changed(self.seen) end
  if #names == 0 then
    return self:say "no file of a module you have loaded has changed"
  end
  for _, name in ipairs(names) do
    local done = self:protect(rest, reloading.one, name, self.seen)
    if done then
      self:say(done[2] and name or name
        .. ": its value is no table, so holders of the old one keep that")
    end
  end
end

named[":save"] = function(self, rest)
  if rest == "" then
    return self:complain "save: no file; write :save session.lua"
  elseif #self.entries == 0 then
    return self:complain "save: nothing has been entered yet"
  end
  local ok, why = require("orrery.repl.saving").write(rest, self.entries)
  if not ok then return self:complain(why) end
  self:say(("%s: %d %s"):format(rest, #self.entries,
    #self.entries == 1 and "entry" or "entries"))
end

-- The text that came back from the editor runs as if it had been typed.
local function edit_entry(self, before)
  local editing = require "orrery.repl.editing"
  local text, why = editing.text(before)
  if not text then return self:complain(why) end
  if not text:find "%S" or text == before then return end
  self:say(paint.text("faint", text, self.color))
  if self:eval(text) == "incomplete" then self:give_up(text) end
end

named[":edit"] = function(self, rest)
  local editing = require "orrery.repl.editing"
  local entries = self.entries
  if rest == "" then
    local last = entries[#entries]
    return edit_entry(self, last and last.code or "")
  end
  local path, line = editing.place(rest, self.env)
  if not path then
    return self:complain(("edit: %s is neither a file nor a function from one")
      :format(rest) .. "; write :edit FILE.lua")
  end
  local ok, why = editing.open(path, line)
  if not ok then self:complain(why) end
end

named[":time"] = function(self, rest)
  if rest == "" then return self:complain "time: write :time EXPRESSION" end
  local chunk, message = self:compile(rest)
  if not chunk then
    return self:complain(failure.without_position(message, rest))
  end
  self:protect(rest, function()
    self:say(require "orrery.repl.stopwatch"(chunk))
  end)
end

named[":who"] = function(self)
  self:protect("", function()
    self:say(require "orrery.repl.who"(self.env))
  end)
end

-- Help on a name, its first line standing out.
local function explained(self, name)
  local found, message = inspect.help(name, self.env)
  if not found then return nil, message end
  local first, rest = found:match "^([^\n]*)(.*)$"
  return paint.text("strong", first, self.color) .. rest
end

named[":doc"] = function(self, rest)
  self:protect("", function()
    local topic = require "orrery.repl.topics"
    local text, message
    if rest == "" then
      text = topic.list()
    else
      text, message = explained(self, rest)
    end
    if not text then return self:complain(message) end
    topic.page(text, self.write)
  end)
end

--- Names that start with a colon.
---@param own? table<string, function>  commands of one session alone
---@return string[]
function commands.names(own)
  local names = {}
  for name in pairs(named) do names[#names + 1] = name end
  for name in pairs(own or {}) do
    if not named[name] then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

--- Runs such an entry.
---@param self orrery.repl.Session
---@param text string
---@return "done"|"quit"
function commands.run(self, text)
  local source, name = text:match "^%s*%?(%??)%s*(.-)%s*$"
  if name == "" or name == "help" then
    text, name = ":help", nil
  end
  if name then
    self:protect(text, function()
      local found, message
      if source == "?" then
        found, message = inspect.source(name, self.env)
      else
        found, message = explained(self, name)
      end
      if found then self:say(found) else self:complain(message) end
    end)
    return "done"
  end
  local word, rest = text:match "^%s*(:%w*)%s*(.-)%s*$"
  local own = self.commands or {}
  local run = own[word] or named[word]
  if not run then
    local near = require "orrery.nearest"(word, commands.names(own))
    self:complain(("%s is no command; %s"):format(word,
      near and "did you mean " .. near .. "?" or ":help lists them"))
    return "done"
  end
  return run(self, rest) or "done"
end

return commands
