--- `orrery runs`: what there is, what one run was, what two differ in.
local core = require "orrery.core"
local filters = require "orrery.runs.filters"
local runs = require "orrery.runs"
local text = require "orrery.runs.text"

local usage = [[
orrery runs [name=value ...]          lists runs, oldest first
orrery runs show ID ...               all about a run: settings, result, numbers
orrery runs diff ID ID                settings that differ, and the first step
                                      at which the numbers do
orrery runs report ID ...             writes report.html anew, and names it
orrery runs repeat ID                 runs a script again, with the changes that
                                      were made by hand while it trained
orrery runs delete ID ...             with their folders
orrery runs delete name=value ...     all that fit; asks, unless --yes
orrery runs --csv [name=value ...]    settings and results as CSV
  name=value picks runs by status, experiment, script, id or any setting; a
  list or range picks any of them: beta=1,4 seed=1..3 status=done
  out=FOLDER   the folder with the store, instead of runs
A run whose process was killed is listed as interrupted: the command that began
it goes on with it.]]

local failed, misused = 1, 2

local function ids_of(words)
  local ids = {}
  for i, word in ipairs(words) do
    ids[i] = math.tointeger(tonumber(word))
    if not ids[i] then
      return nil, ("runs: %s is no run; give the number `orrery runs` shows")
        :format(word)
    end
  end
  return ids
end

local verbs = {}

function verbs.list(folder, wanted, rest, say, options)
  if rest[1] then
    return misused, ("runs: %s is no filter; write name=value, or see "
      .. "orrery runs --help"):format(rest[1])
  end
  local all = folder:list()
  local why = filters.complaint(wanted, all)
  if why then return misused, why end
  local list = folder:list(wanted)
  if options.csv then
    say((list:csv():gsub("\n$", "")))
  elseif #list == 0 then
    say(#all == 0 and "no runs" or ("none of %d runs fits"):format(#all))
  else
    say((text.listing(list):gsub("\n$", "")))
  end
  return 0
end

function verbs.show(folder, _, rest, say)
  local ids, why = ids_of(rest)
  if not ids then return misused, why end
  if #ids == 0 then return misused, "runs: show what? give a run's number" end
  for _, id in ipairs(ids) do
    local run
    run, why = folder:run(id)
    if not run then return failed, why end
    say((text.one(run):gsub("\n$", "")))
  end
  return 0
end

function verbs.report(folder, _, rest, say)
  local ids, why = ids_of(rest)
  if not ids then return misused, why end
  if #ids == 0 then return misused, "runs: report what? give a run's number" end
  for _, id in ipairs(ids) do
    local run, path
    run, why = folder:run(id)
    if not run then return failed, why end
    path, why = run:report()
    if not path then return failed, why end
    say(path)
  end
  return 0
end

function verbs.diff(folder, _, rest, say)
  local ids, why = ids_of(rest)
  if not ids then return misused, why end
  if #ids ~= 2 then return misused, "runs: diff takes two runs' numbers" end
  local a, b
  a, why = folder:run(ids[1])
  if not a then return failed, why end
  b, why = folder:run(ids[2])
  if not b then return failed, why end
  say((text.difference(a, b, folder:diff(a, b)):gsub("\n$", "")))
  return 0
end

-- Only what the person named by number, or agreed to, is deleted.
local function agreed(list, say)
  if not core.isatty "stdin" then
    return nil, "runs: pass --yes to delete all that fit"
  end
  say((text.listing(list):gsub("\n$", "")))
  io.stdout:write(("delete these %d runs and their folders? [y/N] ")
    :format(#list))
  io.stdout:flush()
  local answer = io.read "l" or ""
  if answer:lower():find "^y" then return true end
  return nil, "runs: nothing is deleted"
end

function verbs.delete(folder, wanted, rest, say, options)
  local ids, why = ids_of(rest)
  if not ids then return misused, why end
  if next(wanted) then
    why = filters.complaint(wanted, folder:list())
    if why then return misused, why end
    local list, ok = folder:list(wanted), true
    if not options.yes and #list > 0 then ok, why = agreed(list, say) end
    if not ok then return failed, why end
    for _, run in ipairs(list) do ids[#ids + 1] = run.id end
  elseif #ids == 0 then
    return misused, "runs: delete what? give numbers, or name=value"
  end
  for _, id in ipairs(ids) do
    local ok
    ok, why = folder:delete(id)
    if not ok then return failed, why end
  end
  say(("deleted %d run%s"):format(#ids, #ids == 1 and "" or "s"))
  return 0
end

--- Does what the words say.
---@param words string[]
---@param say fun(text: string)
---@return integer status  of the program
---@return string? message  what went wrong
return function(words, say)
  local wanted, rest, out = filters.read(words)
  local options, plain = {}, {}
  for _, word in ipairs(rest) do
    local flag = word:match "^%-%-?(%a+)$"
    if flag == "help" or flag == "h" then
      say(usage)
      return 0
    elseif flag == "csv" or flag == "yes" then
      options[flag] = true
    elseif word:sub(1, 1) == "-" then
      return misused, ("runs: unknown flag %s; orrery runs --help"):format(word)
    else
      plain[#plain + 1] = word
    end
  end
  local verb = verbs[plain[1] or ""] and table.remove(plain, 1) or "list"
  local folder, why = runs.open(out)
  if not folder then return failed, why end
  local _ <close> = folder
  local ok, status, message = pcall(verbs[verb], folder, wanted, plain, say,
    options)
  if not ok then return failed, tostring(status) end
  return status, message
end
