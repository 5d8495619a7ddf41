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
local as_text = require "orrery.knobs.text"
local draws = require "orrery.knobs.draws"
local grid = require "orrery.knobs.grid"
local read_words = require "orrery.knobs.words"
local values = require "orrery.knobs.values"
local sorted_keys = require "orrery.sorted_keys"

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
---@field by? string  the result halve= compares, as by= on the command line

---@class orrery.knobs.Parsed
---@field trials table<string, any>[]  one table of values per trial
---@field swept string[]  knobs with more than one value, slowest first
---@field options table  quick, dry_run, help, trial (booleans); threads?, out,
---  jobs (how many trials at once)
---@field rungs? table  of successive halving: knob, values (rising), by, most;
---  then `trials` are those of the first rung

-- These steer the run and are no part of a trial.
local is_option = { threads = true, out = true, samples = true, halve = true,
  by = true }

--- Raises, at the line that declares, when a declaration cannot be right.
---@param spec orrery.knobs.Spec
---@param level? integer  where to blame, as in `error`; default the caller
function knobs.check(spec, level)
  level = (level or 1) + 1
  local function bad(...)
    error(("%s: %s"):format(spec.name or "knobs", (...):format(select(2, ...))),
      level + 1)
  end
  for _, name in ipairs(sorted_keys(spec.knobs or {})) do
    local knob = spec.knobs[name]
    if type(name) ~= "string" or not name:match "^%a[%w_]*$" then
      bad("knob %s: a knob's name is a word", tostring(name))
    elseif is_option[name] then
      bad("knob %s: every experiment has %s= already; choose another name",
        name, name)
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
  for _, name in ipairs(sorted_keys(spec.quick or {})) do
    if not values.declared(spec, name) then
      bad("quick: %s is no knob", name)
    end
  end
end

-- samples= and what is to be drawn belong together.
local function draw(drawn, samples)
  if #drawn == 0 then
    if samples == 0 then return nil end
    return nil, ("samples is %d but nothing is drawn; write lr=log:1e-4..1e-2")
      :format(samples)
  elseif samples == 0 then
    return nil, ("%s is drawn; say how many times with samples=N"):format(
      drawn[1].name)
  end
  local names = {}
  for i, d in ipairs(drawn) do names[i] = d.name end
  return { settings = draws.take(drawn, samples), names = names }
end

-- Takes the knob of the rungs out of the sweep: its smallest value is the
-- budget of the first one.
local function read_rungs(spec, lists, options)
  local knob = options.halve
  if knob == "" then return nil end
  local list = lists[knob]
  local by = options.by ~= "" and options.by or spec.by
  if not list then
    return nil, ("halve is %s; it must be a knob with several values"):format(
      knob)
  elseif #list < 2 or type(list[1]) ~= "number" then
    return nil, ("halve is %s; give it several budgets, %s=1,3,9"):format(knob,
      knob)
  elseif not by then
    return nil, "halve needs by=RESULT, the smallest best, or by=max:RESULT"
  end
  local rungs = { knob = knob, values = { table.unpack(list) },
    by = by:gsub("^m[axin]+:", ""), most = by:find "^max:" ~= nil }
  table.sort(rungs.values)
  if rungs.values[1] <= 0 then
    return nil, ("halve is %s; its budgets must be above 0"):format(knob)
  end
  lists[knob] = { rungs.values[1] }
  return rungs
end

--- Reads the words of a command line against a declaration.
---@param spec orrery.knobs.Spec
---@param argv string[]  `key=value`, `key=a,b,c`, `key=1..3`,
---  `key=log:1e-4..1e-2` with `samples=N`, `-j N`, flags
---@return orrery.knobs.Parsed? parsed  nil when a word is wrong
---@return string? message  "name: what was seen; how to fix it"
function knobs.parse(spec, argv)
  local who = (spec.name or "knobs") .. ": "
  local words, why = read_words(spec, argv)
  if not words then return nil, who .. why end
  local options, lists, names = words.options, {}, values.names(spec)
  options.quick = options.quick or false
  for _, name in ipairs(names) do
    local list = words.given[name]
      or values.default(spec, name, options.quick)
    local knob = values.declared(spec, name)
    if is_option[name] and knob == values.builtin[name] then
      if #list > 1 then
        return nil, ("%s%s cannot be swept; give one value"):format(who, name)
      end
      options[name] = list[1]
    elseif #list > 0 then
      lists[name] = list
    end
  end
  if options.threads == 0 then options.threads = nil end
  if not lists.seed then
    return nil, who .. "seed cannot be drawn; write seed=1..5"
  end
  local drawn, rungs, trials, swept
  drawn, why = draw(words.drawn, options.samples)
  if why then return nil, who .. why end
  rungs, why = read_rungs(spec, lists, options)
  if why then return nil, who .. why end
  trials, swept = grid.trials(lists, words.order, names, drawn, options.quick)
  if not trials then return nil, who .. swept end
  if rungs then table.insert(swept, 1, rungs.knob) end
  return { swept = swept, options = options, trials = trials, rungs = rungs }
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
