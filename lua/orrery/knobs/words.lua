--- The words of a script's command line, one by one.
local draws = require "orrery.knobs.draws"
local values = require "orrery.knobs.values"

-- --trial is how a sweep starts its workers: every value is one value.
local flags = {
  ["--help"] = "help", ["-h"] = "help", ["--trial"] = "trial",
  ["--dry-run"] = "dry_run", ["--quick"] = "quick",
}
local flag_names = { "--help", "--dry-run", "--quick", "-j" }

-- Takes `-j 2`, `-j2` at position i; the position of the last word taken.
local function read_jobs(argv, i, options)
  local text = argv[i]:match "^%-j=?(.*)$"
  if not text then return nil end
  if text == "" then
    i, text = i + 1, argv[i + 1] or ""
  end
  local n = math.tointeger(tonumber(text))
  if not n or n < 1 or n > 256 then
    return nil, ("-j is %s; write -j 2 for two trials at a time"):format(
      text == "" and "empty" or text)
  end
  options.jobs = n
  return i
end

-- `name=text` of a declared knob: its values, or what to draw them from.
local function read_knob(into, knob, name, text)
  if into.given[name] then
    return ("%s is given twice; write %s=%s,%s"):format(name, name,
      values.show_list(into.given[name]), text)
  end
  local list, why
  if into.options.trial then
    local value
    value, why = values.read(knob, name, text)
    list = value ~= nil and { value } or nil
  else
    local draw
    draw, why = draws.read(knob, name, text)
    if draw then
      into.drawn[#into.drawn + 1], into.given[name] = draw, {}
      return
    elseif not why then
      list, why = values.read_all(knob, name, text)
    end
  end
  if not list then return why end
  into.given[name], into.order[#into.order + 1] = list, name
end

--- Splits the words into given[name] = values, their order, what is drawn, and
--- options.
---@param spec orrery.knobs.Spec
---@param argv string[]
---@return table? words  nil when one is wrong
---@return string? message
return function(spec, argv)
  local into = { given = {}, order = {}, drawn = {}, options = { jobs = 1 } }
  local last = argv[#argv]
  into.options.trial = last == "--trial"
  local i = 1
  while i <= #argv do
    local word = argv[i]
    local name, text = word:match "^([%a_][%w_]*)=(.*)$"
    local knob = name and values.declared(spec, name)
    local jobs, why = read_jobs(argv, i, into.options)
    if knob then
      why = read_knob(into, knob, name, text)
    elseif name then
      why = ("unknown knob %s; %s"):format(name,
        values.did_you_mean(name, values.names(spec)))
    elseif flags[word] then
      into.options[flags[word]] = true
    elseif jobs then
      i = jobs
    elseif word:sub(1, 1) == "-" then
      why = why or ("unknown flag %s; %s"):format(word,
        values.did_you_mean(word, flag_names))
    elseif values.declared(spec, word) then
      why = ("%s has no value; write %s=%s"):format(word, word,
        values.show(values.default(spec, word)[1]))
    else
      why = ("%s is not knob=value; --help lists the knobs"):format(word)
    end
    if why then return nil, why end
    i = i + 1
  end
  return into
end
