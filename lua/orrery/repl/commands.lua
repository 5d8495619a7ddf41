--- What an entry that starts with `:` or `?` does.
local environment = require "orrery.repl.session"
local failure = require "orrery.repl.failure"
local inspect = require "orrery.repl.inspect"
local pretty = require "orrery.repl.pretty"
local commands = {}

--- One line about a value: type and shape, not contents.
---@param value any
---@return string
function commands.summary(value)
  if type(value) == "userdata" then
    local ok, text = pcall(function()
      return value.dtype .. " " .. value:shape_str()
    end)
    if ok then return text end
  end
  local text = pretty(value):gsub("%s*\n%s*", " ")
  return #text > 60 and text:sub(1, 57) .. "..." or text
end

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

named[":run"] = function(self, rest)
  local words = {}
  for word in rest:gmatch "%S+" do words[#words + 1] = word end
  local path = table.remove(words, 1)
  if not path then return self:complain "run: no file; write :run FILE" end
  self:protect(rest, commands.run_file, path, words,
    environment.of_file(self.env))
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
  local names, rows, width = {}, {}, 0
  for name in next, self.env do
    if type(name) == "string" and not name:match "^_G?$" then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  self:protect("", function()
    for _, name in ipairs(names) do
      rows[#rows + 1] = { name, commands.summary(self.env[name]) }
      width = math.max(width, #name)
    end
    for _, row in ipairs(rows) do
      self:say(("%-" .. width .. "s  %s"):format(row[1], row[2]))
    end
    if #rows == 0 then self:say "nothing is assigned yet" end
  end)
end

--- Names that start with a colon.
---@return string[]
function commands.names()
  local names = {}
  for name in pairs(named) do names[#names + 1] = name end
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
    local find = source == "?" and inspect.source or inspect.help
    self:protect(text, function()
      local found, message = find(name, self.env)
      if found then self:say(found) else self:complain(message) end
    end)
    return "done"
  end
  local word, rest = text:match "^%s*(:%w*)%s*(.-)%s*$"
  local run = named[word]
  if not run then
    local near = require "orrery.nearest"(word, commands.names())
    self:complain(("%s is no command; %s"):format(word,
      near and "did you mean " .. near .. "?" or ":help lists them"))
    return "done"
  end
  return run(self, rest) or "done"
end

return commands
