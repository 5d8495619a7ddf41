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
local nearest = require "orrery.nearest"
local knobs = {}

---@class orrery.knobs.Spec
---@field name string
---@field knobs table<string, table>  { default, doc, min=, max=, one_of= }
---@field quick? table<string, any>  defaults that replace those under --quick

---@class orrery.knobs.Parsed
---@field trials table<string, any>[]  one table of values per trial
---@field swept string[]  knobs with more than one value, slowest first
---@field options table  quick, dry_run, help (booleans); threads?, out, rest

-- Every script has these. `threads` and `out` steer the run, not the trial.
local builtin = {
  seed = { 1, "seed of every random stream", min = 0 },
  threads = { 0, "threads to compute with, 0 for the default", min = 0 },
  out = { "runs", "folder the run folders go to" },
}
local is_option = { threads = true, out = true }

local flags = {
  ["--help"] = "help", ["-h"] = "help",
  ["--dry-run"] = "dry_run", ["--quick"] = "quick",
}
local flag_names = { "--help", "--dry-run", "--quick" }

local function sorted_keys(t)
  local keys = {}
  for k in pairs(t) do keys[#keys + 1] = k end
  table.sort(keys)
  return keys
end

local function declared(spec, name)
  return (spec.knobs or {})[name] or builtin[name]
end

local function all_names(spec)
  local names = sorted_keys(spec.knobs or {})
  for _, name in ipairs { "seed", "threads", "out" } do
    if not (spec.knobs or {})[name] then names[#names + 1] = name end
  end
  return names
end

-- The default's first value decides the type: a list is a sweep by default.
local function kind_of(knob)
  local v = knob[1]
  if type(v) ~= "table" then return math.type(v) or type(v) end
  for _, x in ipairs(v) do
    if math.type(x) == "float" then return "float" end
  end
  return math.type(v[1]) or type(v[1])
end

local function show(v)
  if math.type(v) == "float" then
    local s = ("%.14g"):format(v)
    return tonumber(s) == v and s or ("%.17g"):format(v)
  end
  return tostring(v)
end

local function show_list(values)
  local out = {}
  for i, v in ipairs(values) do out[i] = show(v) end
  return table.concat(out, ",")
end

local function did_you_mean(word, names)
  local near = nearest(word, names)
  if near then return "did you mean " .. near .. "?" end
  return "it is one of " .. table.concat(names, ", ")
end

local convert = {}

function convert.integer(text)
  local v = tonumber(text)
  return v and math.tointeger(v), "a whole number"
end

function convert.float(text)
  local v = tonumber(text)
  if text == "inf" or text == "-inf" then
    v = text == "inf" and math.huge or -math.huge
  end
  return v and v + 0.0, "a number"
end

function convert.boolean(text)
  local words = {
    ["true"] = true, yes = true, on = true, ["1"] = true,
    ["false"] = false, no = false, off = false, ["0"] = false,
  }
  return words[text], "true or false"
end

function convert.string(text) return text, "text" end

-- Value of one word, or nil and what is wrong with it.
local function read_value(knob, name, text)
  local value, want = convert[kind_of(knob)](text)
  if value == nil then
    return nil, ("%s is %s; it must be %s"):format(name,
      text == "" and "empty" or text, want)
  end
  if knob.one_of then
    local names = {}
    for i, v in ipairs(knob.one_of) do
      if v == value then return value end
      names[i] = show(v)
    end
    return nil, ("%s is %s; %s"):format(name, text, did_you_mean(text, names))
  end
  if knob.min and value < knob.min then
    return nil, ("%s is %s; it must be at least %s"):format(name, text,
      show(knob.min))
  elseif knob.max and value > knob.max then
    return nil, ("%s is %s; it must be at most %s"):format(name, text,
      show(knob.max))
  elseif value ~= value then
    return nil, ("%s is nan; give a number"):format(name)
  end
  return value
end

-- `1..3` in whole numbers, both ends included; nil when it is no range.
local function read_range(knob, name, text)
  local from, to = text:match "^(%-?%d+)%.%.(%-?%d+)$"
  if not from or kind_of(knob) == "string" then return nil end
  from, to = math.tointeger(tonumber(from)), math.tointeger(tonumber(to))
  if not from or not to then return nil end
  if to < from then
    return nil, ("%s is %s; write the smaller end first"):format(name, text)
  elseif to - from > 9999 then
    return nil, ("%s is %s: %d values; give at most 10000"):format(name, text,
      to - from + 1)
  end
  local words = {}
  for v = from, to do words[#words + 1] = tostring(v) end
  return words
end

-- Values of `a,b,1..3`, or nil and a message. No value may come twice: two
-- trials with the same settings would share a run folder.
local function read_values(knob, name, text)
  local values, seen = {}, {}
  for word in (text .. ","):gmatch "([^,]*)," do
    local words, why = read_range(knob, name, word)
    if why then return nil, why end
    for _, w in ipairs(words or { word }) do
      local value, message = read_value(knob, name, w)
      if value == nil then return nil, message end
      if seen[value] then
        return nil, ("%s has %s twice; give each value once"):format(name,
          show(value))
      end
      seen[value], values[#values + 1] = true, value
    end
  end
  return values
end

local function default_values(spec, name, quick)
  local v = declared(spec, name)[1]
  if quick and spec.quick and spec.quick[name] ~= nil then
    v = spec.quick[name]
  end
  local values, float = {}, kind_of(declared(spec, name)) == "float"
  for i, x in ipairs(type(v) == "table" and v or { v }) do
    values[i] = float and type(x) == "number" and x + 0.0 or x
  end
  return values
end

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
    elseif type(knob) ~= "table" or knob[1] == nil then
      bad("knob %s: write { default, 'what it does' }", name)
    elseif not convert[kind_of(knob)] then
      bad("knob %s: its default is a %s; use a number, text or boolean", name,
        kind_of(knob))
    end
    for _, value in ipairs(default_values(spec, name)) do
      local ok, why = read_value(knob, name, show(value))
      if ok == nil then bad("default of knob %s", why) end
    end
  end
  for _, name in ipairs(sorted_keys(spec.quick or {})) do
    if not declared(spec, name) then bad("quick: %s is no knob", name) end
  end
end

-- Splits the words into given[name] = values (in order) and options.
local function read_words(spec, argv)
  local given, order, options = {}, {}, { rest = {} }
  for i = 1, #argv do
    local word = argv[i]
    local name, text = word:match "^([%a_][%w_]*)=(.*)$"
    local knob = name and declared(spec, name)
    if knob then
      if given[name] then
        return nil, ("%s is given twice; write %s=%s,%s"):format(name, name,
          show_list(given[name]), text)
      end
      local values, why = read_values(knob, name, text)
      if not values then return nil, why end
      given[name], order[#order + 1] = values, name
    elseif name then
      return nil, ("unknown knob %s; %s"):format(name,
        did_you_mean(name, all_names(spec)))
    elseif flags[word] then
      options[flags[word]] = true
    elseif word:sub(1, 1) == "-" then
      return nil, ("unknown flag %s; %s"):format(word,
        did_you_mean(word, flag_names))
    elseif declared(spec, word) then
      return nil, ("%s has no value; write %s=%s"):format(word, word,
        show(default_values(spec, word)[1]))
    else
      return nil, ("%s is not knob=value; --help lists the knobs"):format(word)
    end
  end
  return given, order, options
end

-- Knobs with several values, slowest first: those given on the command line
-- in its order, then those swept by default; the seed always turns fastest.
local function sweep_order(values, order, names)
  local swept, seen = {}, { seed = true }
  local function take(name)
    if not seen[name] and values[name] and #values[name] > 1 then
      swept[#swept + 1] = name
    end
    seen[name] = true
  end
  for _, name in ipairs(order) do take(name) end
  for _, name in ipairs(names) do take(name) end
  if #values.seed > 1 then swept[#swept + 1] = "seed" end
  return swept
end

local function product(values, swept, quick)
  local base, trials = { quick = quick }, {}
  for name, list in pairs(values) do base[name] = list[1] end
  local function fill(depth, trial)
    local name = swept[depth]
    if not name then
      local copy = {}
      for k, v in pairs(trial) do copy[k] = v end
      trials[#trials + 1] = copy
      return
    end
    for _, v in ipairs(values[name]) do
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
  local values = {}
  for _, name in ipairs(all_names(spec)) do
    local list = given[name] or default_values(spec, name, options.quick)
    if is_option[name] and declared(spec, name) == builtin[name] then
      if #list > 1 then
        return nil, ("%s: %s cannot be swept; give one value"):format(who, name)
      end
      options[name] = list[1]
    else
      values[name] = list
    end
  end
  if options.threads == 0 then options.threads = nil end
  local swept = sweep_order(values, order, all_names(spec))
  return {
    swept = swept,
    options = options,
    trials = product(values, swept, options.quick),
  }
end

--- Comment a script opens with, without its comment marks; "" when none.
---@param path string
---@return string text
function knobs.head_comment(path)
  local file = io.open(path, "r")
  if not file then return "" end
  local text = file:read(16384) or ""
  file:close()
  text = text:gsub("^#[^\n]*\n", "")
  local eq, body = text:match "^%s*%-%-%[(=*)%[(.*)"
  if eq then
    local stop = body:find("]" .. eq .. "]", 1, true)
    return ((stop and body:sub(1, stop - 1) or body):gsub("^%s+", "")
      :gsub("%s+$", ""))
  end
  local lines = {}
  for line in text:gmatch "([^\n]*)\n" do
    local comment = line:match "^%-%-+ ?(.*)$"
    if not comment then break end
    lines[#lines + 1] = comment
  end
  return table.concat(lines, "\n")
end

local function limits(knob)
  if knob.one_of then return " (" .. show_list(knob.one_of) .. ")" end
  local min, max = knob.min and show(knob.min), knob.max and show(knob.max)
  if min and max then return (" (%s to %s)"):format(min, max) end
  if min then return (" (at least %s)"):format(min) end
  return max and (" (at most %s)"):format(max) or ""
end

--- What `--help` prints: the script's head comment, its knobs, its flags.
---@param spec orrery.knobs.Spec
---@param source? string  file that declares it, as in debug.getinfo's source
---@return string text
function knobs.help(spec, source)
  local path = source and source:match "^@(.*)"
  local lines, rows, width = {}, {}, #"--dry-run"
  local head = path and knobs.head_comment(path) or ""
  if head ~= "" then lines = { head, "" } end
  lines[#lines + 1] = ("orrery %s [knob=value ...] [flags]"):format(
    path or spec.name or "FILE")
  lines[#lines + 1] = "Knobs (a comma list or 1..3 makes a sweep):"
  for _, name in ipairs(all_names(spec)) do
    local left = name .. "=" .. show_list(default_values(spec, name))
    local knob = declared(spec, name)
    rows[#rows + 1] = { left, (knob[2] or "") .. limits(knob) }
    width = math.max(width, #left)
  end
  rows[#rows + 1] = { "--quick", "finish in seconds, to see that it works" }
  rows[#rows + 1] = { "--dry-run", "list the trials and stop" }
  rows[#rows + 1] = { "--help", "show this and stop" }
  width = math.min(width, 28)
  for _, row in ipairs(rows) do
    lines[#lines + 1] = ("  %-" .. width .. "s  %s"):format(row[1], row[2])
  end
  return table.concat(lines, "\n") .. "\n"
end

--- "beta=4 seed=2": the settings of a trial that tell it from its siblings,
--- or all of them when there is only one trial.
---@param parsed orrery.knobs.Parsed
---@param trial table<string, any>
---@return string label
function knobs.label(parsed, trial)
  local names = parsed.swept
  if #names == 0 then names = sorted_keys(trial) end
  local words = {}
  for _, name in ipairs(names) do
    if name ~= "quick" then
      words[#words + 1] = name .. "=" .. show(trial[name])
    end
  end
  return table.concat(words, " ")
end

--- What `--dry-run` prints: one line per trial.
---@param parsed orrery.knobs.Parsed
---@return string text
function knobs.listing(parsed)
  local n = #parsed.trials
  local lines = { ("%d trial%s"):format(n, n == 1 and "" or "s") }
  for i, trial in ipairs(parsed.trials) do
    lines[#lines + 1] = ("%4d  %s"):format(i, knobs.label(parsed, trial))
  end
  return table.concat(lines, "\n") .. "\n"
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
