--- `orrery replay FILE` and `orrery notebook FILE`: reads the words, runs the
--- file, writes what is asked for and says how it went.
local columns = require "orrery.report.columns"
local core = require "orrery.core"
local figures = require "orrery.replay.figures"
local given = require "orrery.replay.given"
local recorded = require "orrery.replay.recorded"
local replay = require "orrery.replay"

local command = {}

local done, failed, misused, stopped = 0, 1, 2, 130

local usage = [[
orrery replay FILE [options]    runs a file in percent format, cell by cell
  -o PAGE.html      where the page goes; replay/NAME.html
  --ipynb FILE      also writes a Jupyter notebook, with what it showed
  --quick           the file's own small settings
  --check           also compares figures and pictures with those recorded
  --record          records them, beside the file, as NAME.figures.json
  --seed N          what the default generator begins with; 0
  name=value        changes one of the file's settings; lists: name=1,2,3
The figures are printed; one that does not hold makes the command fail.
orrery notebook IN.ipynb -o OUT.lua    a notebook as a file to replay: code
                                that is not Lua becomes comments to port
]]

-- Options with a value are their names, flags are true.
local replay_options = { ["-o"] = "page", ["--ipynb"] = "ipynb",
  ["--seed"] = "seed", ["--quick"] = true, ["--check"] = true,
  ["--record"] = true }
local notebook_options = { ["-o"] = "to" }

-- Words as { file =, name = value }; nil and a sentence.
local function read_words(who, words, known)
  local read, i = { changed = {} }, 1
  while i <= #words do
    local word = words[i]
    local name = known[word]
    local setting, text = given.split(word)
    if name == true then
      read[word:match "%a+"] = true
    elseif name then
      i = i + 1
      read[name] = words[i]
      if not words[i] then
        return nil, ("%s: %s has nothing after it; write %s FILE"):format(who,
          word, word)
      end
    elseif word:sub(1, 1) == "-" and #word > 1 then
      local names = {}
      for k in pairs(known) do names[#names + 1] = k end
      local near = require "orrery.nearest"(word, names)
      return nil, ("%s: %s is no option; %s"):format(who, word,
        near and "did you mean " .. near .. "?" or "--help lists them")
    elseif setting and known["--quick"] then
      read.changed[setting] = text
    elseif read.file then
      return nil, ("%s: %s is a second file; give one"):format(who, word)
    else
      read.file = word
    end
    i = i + 1
  end
  if not read.file then
    return nil, ("%s: no file; write orrery %s FILE"):format(who, who)
  end
  return read
end

local function asks_help(words)
  for _, word in ipairs(words) do
    if word == "--help" or word == "-h" then return true end
  end
  return false
end

local function base_name(path)
  return (path:match "[^/]*$":gsub("%.%w+$", ""))
end

-- Writes a file, with the folder it is in.
local function write(path, text)
  local folder = path:match "^(.+)/[^/]*$"
  if folder then
    local ok, why = core.fs.mkdir(folder)
    if not ok then return nil, "replay: " .. why end
  end
  return core._io.write_file("replay", path, text)
end

-- Charts and the table as files, when no place was asked for.
local function write_parts(result, folder)
  local ok, why = write(folder .. "/figures.csv", figures.csv(result.figures))
  if not ok then return nil, why end
  for i, outputs in ipairs(result.outputs) do
    local n = 0
    for _, o in ipairs(outputs) do
      if o.kind == "picture" then
        n = n + 1
        local format = o.picture.frames and "gif" or "png"
        local bytes = o.picture:bytes(format)
        if bytes then
          ok, why = write(("%s/cell-%d-%d.%s"):format(folder, i, n, format),
            bytes)
          if not ok then return nil, why end
        end
      end
    end
  end
  return true
end

-- Which cell runs, on a terminal only.
local function progress(path)
  if not core.isatty "stderr" then return nil, function() end end
  return function(i)
    io.stderr:write(("\r\27[K%s  cell %d"):format(path, i))
  end, function() io.stderr:write "\r\27[K" end
end

local function write_all(result, words)
  local page = words.page or "replay/" .. base_name(words.file) .. ".html"
  local ok, why = write(page, require "orrery.replay.page"(result))
  if ok and not words.page then
    ok, why = write_parts(result, (page:gsub("%.html$", "")))
  end
  if ok and words.ipynb then
    ok, why = write(words.ipynb,
      require "orrery.replay.notebook".write(result))
  end
  if not ok then return nil, why end
  return page
end

-- The table, and the line below it.
local function tell(result, page, say)
  local list = result.figures
  if #list > 0 then
    say((columns.text(figures.layout(list)):gsub("\n$", "")))
  end
  local all, ok = figures.count(list)
  say(("%d checked, %d ok   page: %s"):format(all, ok, page))
  return ok == all
end

-- Compares with what was recorded; true when nothing differs.
local function check(result, say)
  local drift, notes = recorded.compare(result)
  if not drift then return nil, notes end
  for _, sentence in ipairs(notes) do say(sentence) end
  for _, sentence in ipairs(drift) do say("drift: " .. sentence) end
  if #drift == 0 then say "as recorded" end
  return #drift == 0
end

-- What --record and --check ask for; a status when they fail.
local function keep_or_check(result, read, say)
  if read.check then
    local same, why = check(result, say)
    if not same then return failed, why end
  end
  if read.record and result.status == "done" then
    local path, why = recorded.write(result)
    if not path then return failed, why end
    say("recorded: " .. path)
  end
end

---@param words string[]
---@param say fun(line: string)
---@return integer status
---@return string? message  what went wrong
function command.replay(words, say)
  if asks_help(words) then
    say((usage:gsub("\n$", "")))
    return done
  end
  local read, why = read_words("replay", words, replay_options)
  if not read then return misused, why end
  local seed = math.tointeger(tonumber(read.seed or 0))
  if not seed then
    return misused, ("replay: seed is %s; give a whole number"):format(
      read.seed)
  end
  if next(read.changed) and (read.record or read.check) then
    return misused, ("replay: %s is of the file's own settings; leave %s= out")
      :format(read.record and "--record" or "--check", (next(read.changed)))
  end
  local on_cell, clear = progress(read.file)
  local result
  result, why = replay.run(read.file, { quick = read.quick or false,
    changed = read.changed, seed = seed, on_cell = on_cell })
  clear()
  if not result then return failed, why end
  local page
  page, why = write_all(result, read)
  if not page then return failed, why end
  local holds = tell(result, page, say)
  if result.status == "interrupted" then return stopped, result.message end
  if result.status == "failed" then return failed, result.message end
  local status
  status, why = keep_or_check(result, read, say)
  if status then return status, why end
  return holds and done or failed
end

-- Where a notebook goes: beside it when -o does not say.
local function beside(path) return (path:gsub("%.ipynb$", "") .. ".lua") end

---@param words string[]
---@param say fun(line: string)
---@return integer status
---@return string? message
function command.notebook(words, say)
  if asks_help(words) then
    say((usage:gsub("\n$", "")))
    return done
  end
  local read, why = read_words("notebook", words, notebook_options)
  if not read then return misused, why end
  local text, cells
  text, why = core._io.read_file("notebook", read.file)
  if not text then return failed, why end
  cells, why = require "orrery.replay.notebook".read(text)
  if not cells then
    return failed, ("notebook: %s: %s"):format(read.file, why)
  end
  local to = read.to or beside(read.file)
  if not read.to and core.fs.exists(to) then
    return failed, ("notebook: %s is there already; name another with -o")
      :format(to)
  end
  local ok
  ok, why = write(to, require "orrery.replay.percent".format(cells))
  if not ok then return failed, why end
  say(("%d cells: %s"):format(#cells, to))
  return done
end

return command
