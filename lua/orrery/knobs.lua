--- Knobs: the settings a script declares once and the command line turns.
---
--- A script declares them in its experiment and ends by calling it:
---
---     local run = orrery.experiment { name = "beta_sweep", knobs = { ... } }
---     function run.trial(k, log) ... end
---     return run(...)
---
--- `run(...)` does the work only when the file is the program being run
--- (`knobs.is_main`); loaded by `require` or `dofile` it just gives the
--- experiment back. So one file serves `orrery FILE`, stock `lua5.4 FILE`,
--- `:run FILE` at the prompt, and tests. A script that ends with a plain
--- `return run` is started by the program `orrery`, not by stock `lua5.4`.
---
--- What experiment.lua does with this module:
---   experiment{}  checks the declaration: `knobs.check(spec)`, keeps
---                 `debug.getinfo(2, "S").source`, the file that declares it
---   run(...)      when `knobs.is_main(source)`: `run:main { ... }`, and a
---                 `nil, message` from it becomes `error(knobs.sentence(m))`,
---                 which both programs print as one line, exit status 1
---   run:main(av)  `knobs.parse(spec, av)`; prints `knobs.help(spec, source)`
---                 for `options.help`, `knobs.listing(parsed)` for
---                 `options.dry_run`; else runs `parsed.trials` in order.
---                 It sets `run.started = true`, which the program looks at.
local values = require "orrery.knobs.values"
local as_text = require "orrery.knobs.text"

local knobs = {
  head_comment = as_text.head_comment,
  help = as_text.help,
  label = as_text.label,
  listing = as_text.listing,
}

---@class orrery.knobs.Spec
---@field name string
---@field knobs table<string, table>  { default, doc, min=, max=, one_of= }
---@field quick? table<string, any>  defaults that replace those under --quick

---@class orrery.knobs.Parsed
---@field trials table<string, any>[]  one table of values per trial
---@field swept string[]  knobs with more than one value, slowest first
---@field options table  quick, dry_run, help (booleans); threads?, out

-- These steer the run and are no part of a trial.
local is_option = { threads = true, out = true }

local flags = {
  ["--help"] = "help", ["-h"] = "help",
  ["--dry-run"] = "dry_run", ["--quick"] = "quick",
}
local most_trials = 10000
local flag_names = { "--help", "--dry-run", "--quick" }

--- Raises, at the line that declares, when a declaration cannot be right.
---@param spec orrery.knobs.Spec
---@param level? integer  where to blame, as in `error`; default the caller
function knobs.check(spec, level)
  level = (level or 1) + 1
  local function bad(...)
    error(("%s: %s"):format(spec.name or "knobs", (...):format(select(2, ...))),
      level + 1)
  end
  for _, name in ipairs(values.keys(spec.knobs or {})) do
    local knob = spec.knobs[name]
    if type(name) ~= "string" or not name:match "^%a[%w_]*$" then
      bad("knob %s: a knob's name is a word", tostring(name))
    elseif type(knob) ~= "table" or knob[1] == nil then
      bad("knob %s: write { default, 'what it does' }", name)
    elseif not values.convert[values.kind_of(knob)] then
      bad("knob %s: its default is a %s; use a number, text or boolean", name,
        values.kind_of(knob))
    end
    for _, value in ipairs(values.default(spec, name)) do
      local ok, why = values.read(knob, name, values.show(value))
      if ok == nil then bad("default of knob %s", why) end
    end
  end
  for _, name in ipairs(values.keys(spec.quick or {})) do
    if not values.declared(spec, name) then
      bad("quick: %s is no knob", name)
    end
  end
end

-- Splits the words into given[name] = values (in order) and options.
local function read_words(spec, argv)
  local given, order, options = {}, {}, {}
  for i = 1, #argv do
    local word = argv[i]
    local name, text = word:match "^([%a_][%w_]*)=(.*)$"
    local knob = name and values.declared(spec, name)
    if knob then
      if given[name] then
        return nil, ("%s is given twice; write %s=%s,%s"):format(name, name,
          values.show_list(given[name]), text)
      end
      local list, why = values.read_all(knob, name, text)
      if not list then return nil, why end
      given[name], order[#order + 1] = list, name
    elseif name then
      return nil, ("unknown knob %s; %s"):format(name,
        values.did_you_mean(name, values.names(spec)))
    elseif flags[word] then
      options[flags[word]] = true
    elseif word:sub(1, 1) == "-" then
      return nil, ("unknown flag %s; %s"):format(word,
        values.did_you_mean(word, flag_names))
    elseif values.declared(spec, word) then
      return nil, ("%s has no value; write %s=%s"):format(word, word,
        values.show(values.default(spec, word)[1]))
    else
      return nil, ("%s is not knob=value; --help lists the knobs"):format(word)
    end
  end
  return given, order, options
end

-- Knobs with several values, slowest first: those given on the command line
-- in its order, then those swept by default; the seed always turns fastest.
local function sweep_order(lists, order, names)
  local swept, seen = {}, { seed = true }
  local function take(name)
    if not seen[name] and lists[name] and #lists[name] > 1 then
      swept[#swept + 1] = name
    end
    seen[name] = true
  end
  for _, name in ipairs(order) do take(name) end
  for _, name in ipairs(names) do take(name) end
  if #lists.seed > 1 then swept[#swept + 1] = "seed" end
  return swept
end

local function product(lists, swept, quick)
  local base, trials = { quick = quick }, {}
  for name, list in pairs(lists) do base[name] = list[1] end
  local function fill(depth, trial)
    local name = swept[depth]
    if not name then
      local copy = {}
      for k, v in pairs(trial) do copy[k] = v end
      trials[#trials + 1] = copy
      return
    end
    for _, v in ipairs(lists[name]) do
      trial[name] = v
      fill(depth + 1, trial)
    end
  end
  fill(1, base)
  return trials
end

--- Reads the words of a command line against a declaration.
---@param spec orrery.knobs.Spec
---@param argv string[]  `key=value`, `key=a,b,c`, `key=1..3`, flags
---@return orrery.knobs.Parsed? parsed  nil when a word is wrong
---@return string? message  "name: what was seen; how to fix it"
function knobs.parse(spec, argv)
  local who = spec.name or "knobs"
  local given, order, options = read_words(spec, argv)
  if not given then return nil, who .. ": " .. order end
  options.quick = options.quick or false
  local lists = {}
  for _, name in ipairs(values.names(spec)) do
    local list = given[name] or values.default(spec, name, options.quick)
    local knob = values.declared(spec, name)
    if is_option[name] and knob == values.builtin[name] then
      if #list > 1 then
        return nil, ("%s: %s cannot be swept; give one value"):format(who, name)
      end
      options[name] = list[1]
    else
      lists[name] = list
    end
  end
  if options.threads == 0 then options.threads = nil end
  local swept, n = sweep_order(lists, order, values.names(spec)), 1
  for _, name in ipairs(swept) do n = n * #lists[name] end
  if n > most_trials then
    return nil, ("%s: %d trials; sweep fewer values, at most %d trials"):format(
      who, n, most_trials)
  end
  return {
    swept = swept,
    options = options,
    trials = product(lists, swept, options.quick),
  }
end

--- Is the file `source` the program being run, and not one it loads?
---@param source string  as debug.getinfo(level, "S").source gives it
---@return boolean
function knobs.is_main(source)
  local script = rawget(_G, "arg") and rawget(_G, "arg")[0]
  return script ~= nil and source == "@" .. script
end

local Sentence = { __tostring = function(s) return s.message end }

--- An error value that prints as `message` alone, with no traceback, under
--- stock lua and under orrery: for mistakes on the command line.
---@param message string
---@return table
function knobs.sentence(message)
  return setmetatable({ message = message }, Sentence)
end

return knobs
