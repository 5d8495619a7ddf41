--- The program's command line: which words are options, what runs, and how a
--- failure ends. Takes { [0] = program, words... }, returns the exit status.
local core = require "orrery.core"
local current = require "orrery.runs.current"
local host = require "orrery.host"

local usage = [[
orrery                          a prompt; from a pipe, runs what comes in
orrery FILE [knob=value ...]    runs a script; FILE --help shows its knobs
orrery help [topic]             help on a function or module
orrery help --html FILE         writes the whole reference as one page
orrery replay FILE              runs a percent-format file into a page
orrery notebook FILE -o OUT     a Jupyter notebook as such a file
orrery runs [show|diff|delete]  the runs of this folder; orrery runs --help
orrery watch [FOLDER]           shows runs in the browser while they run
orrery doctor                   what this is made of and what it finds
  -e CODE      run CODE           -l MOD     require MOD first
  -i           prompt afterwards  -          run what comes in on stdin
  -v           version            -h         this text
  --           end of options
ORRERY_THREADS sets the threads to compute with.]]

local failed, misused, stopped = 1, 2, 130

local function say(text) io.stderr:write("orrery: ", text, "\n") end

local own = "orrery/repl/cli.lua"

-- Message with the traceback down to this file, whose own frames tell nobody
-- anything; a value that has its own text is a sentence for the user and
-- goes without.
local function handler(err)
  if type(err) ~= "string" then
    local meta = getmetatable(err)
    if type(meta) == "table" and meta.__tostring then return tostring(err) end
    err = ("(error value of type %s)"):format(type(err))
  end
  local kept = {}
  for line in debug.traceback("", 3):gmatch "[^\n]+" do
    if line:find(own, 1, true) then break end
    kept[#kept + 1] = line
  end
  local last = kept[#kept] or ""
  if last:find("[C]: in function 'xpcall'", 1, true) then kept[#kept] = nil end
  local message = err:gsub("^[^\n]*" .. own:gsub("%p", "%%%0") .. ":%d+: ", "")
  if #kept < 2 then return message end
  return message .. "\n" .. table.concat(kept, "\n")
end

-- As stock lua sets it: the program stands before the script.
local function set_arg(words, zero)
  rawset(_G, "arg", table.move(words, 1, #words, 1,
    { [0] = zero, [-1] = host.program }))
end

-- Runs f; exit status of what happened, and what was said.
local function protected(f, ...)
  local ok, message = xpcall(f, host.calm(handler), ...)
  if ok then return 0 end
  if core.interrupted() then
    host.clear_interrupt()
    local place = tostring(message):match "^([^\n]-:%d+): "
    say("interrupted" .. (place and " at " .. place or ""))
    return stopped, "interrupted"
  end
  say(tostring(message))
  return failed, tostring(message)
end

local function run_code(code, name, env)
  local chunk, message = load(code, name, "t", env)
  if not chunk then
    say(message)
    return failed
  end
  return protected(chunk)
end

local function run_stdin(words, env)
  local code, why = io.read "a"
  if not code then
    say("stdin: " .. tostring(why))
    return failed
  end
  code = code:gsub("^#[^\n]*", "")
  set_arg(words, "-")
  return run_code(code, "=stdin", env)
end

local how_ended = { [0] = "done", [stopped] = "interrupted" }

-- A training loop of the script is recorded as its run, and makes the changes
-- of an earlier one that is to be repeated. An experiment that the
-- script returns without having started it, the
-- plain `return run`, is started here.
local function run_file(path, words, changes)
  local chunk, why = loadfile(path)
  if not chunk then
    say((why:gsub("^cannot open ", "cannot read ")))
    return failed
  end
  set_arg(words, path)
  current.script(path, words)
  if changes then current.repeats(changes) end
  local status, message = protected(function()
    local run = chunk(table.unpack(words))
    if type(run) == "table" and type(rawget(run, "trial")) == "function" and
      not rawget(run, "started") then
      run(table.unpack(words))
    end
  end)
  local recorded, complaint = pcall(current.ended,
    how_ended[status] or "failed", message)
  if not recorded then say(complaint) end
  return status
end

local verbs = {}

function verbs.doctor()
  print(require("orrery.repl.doctor").report())
  return 0
end

local function repeat_run(word)
  local found, why, remark = require "orrery.runs.repeated"(word)
  if not found then
    say(why)
    return failed
  end
  if remark then say(remark) end
  return run_file(found.script, found.words, found.changes)
end

function verbs.runs(words)
  if words[1] == "repeat" then return repeat_run(words[2]) end
  local status, message = require("orrery.runs.command")(words, print)
  if message then say(message) end
  return status
end

-- A verb of orrery.replay.command.
local function of_replay(name)
  return function(words)
    local status, message
    local code = protected(function()
      status, message = require("orrery.replay.command")[name](words, print)
    end)
    if code ~= 0 then return code end
    if message then say(message) end
    return status
  end
end
verbs.replay, verbs.notebook = of_replay "replay", of_replay "notebook"

function verbs.watch(words)
  local status, message = require("orrery.watch.command")(words, print)
  if host.interrupted() then host.clear_interrupt() end
  if message then say(message) end
  return status
end

local function write_reference(path)
  if not path then
    say "help: --html has nothing after it; write --html FILE"
    return misused
  end
  local ok, why = require("orrery.help_page").write(path)
  if ok then return 0 end
  say(why)
  return failed
end

function verbs.help(words, env)
  if words[1] == "--html" then return write_reference(words[2]) end
  if not words[1] then
    print(usage)
    print(require("orrery.repl.topics").list("orrery help"))
    return 0
  end
  local text, message = require("orrery.repl.inspect").help(words[1], env)
  if text then
    print(text)
    return 0
  end
  say(message)
  return failed
end

-- Splits the words before FILE into actions; what follows FILE is its own.
local function read_options(words)
  local todo, i = { actions = {} }, 1
  while i <= #words do
    local word = words[i]
    local value = words[i + 1]
    if word == "--" then
      i = i + 1
      break
    elseif word == "-" or word:sub(1, 1) ~= "-" then
      break
    elseif word == "-e" or word == "-l" then
      if not value then
        return nil, ("%s has nothing after it; write %s %s"):format(word, word,
          word == "-e" and "'CODE'" or "MODULE")
      end
      table.insert(todo.actions, { word, value })
      i = i + 1
    elseif word == "-i" then
      todo.prompt = true
    elseif word == "-v" or word == "--version" then
      todo.version = true
    elseif word == "-h" or word == "--help" then
      todo.help = true
    else
      return nil, ("%s is no option; orrery --help lists them"):format(word)
    end
    i = i + 1
  end
  todo.file = words[i]
  todo.verb = words[i - 1] ~= "--" and verbs[words[i] or ""]
  todo.words = table.move(words, i + 1, #words, 1, {})
  return todo
end

local function run_actions(actions, env)
  for _, action in ipairs(actions) do
    local status
    if action[1] == "-e" then
      status = run_code(action[2], "=(command line)", env)
    else
      local name, module = action[2]:match "^([%a_][%w_]*)=(.+)$"
      status = protected(function()
        env[name or action[2]] = require(module or action[2])
      end)
    end
    if status ~= 0 then return status end
  end
  return 0
end

local function prompt(env)
  require("orrery.repl").run { env = env }
  return 0
end

-- What the options and the rest ask for, in order.
local function run(todo)
  local env = require("orrery.repl.session").environment()
  local status = run_actions(todo.actions, env)
  if status ~= 0 and not todo.prompt then return status end
  local idle = #todo.actions == 0 and not todo.version
  if todo.verb then
    status = todo.verb(todo.words, env)
  elseif todo.file == "-" or not todo.file and not todo.prompt and idle and
    not core.isatty "stdin" then
    status = run_stdin(todo.words, env)
  elseif todo.file then
    status = run_file(todo.file, todo.words)
  elseif idle then
    todo.prompt = true
  end
  if todo.prompt then return prompt(env) end
  return status
end

---@param words string[]
---@return integer status
return function(words)
  set_arg(words, words[0])
  host.interrupt_kills(true)
  local todo, message = read_options(words)
  if not todo then
    say(message)
    return misused
  end
  if todo.help then
    print(usage)
    return 0
  end
  if todo.version then print(require("orrery.repl.doctor").banner()) end
  return run(todo)
end
