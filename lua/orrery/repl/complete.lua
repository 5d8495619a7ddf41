--- Tab at the prompt: names, fields, methods, options, commands and what
--- follows them, modules and files in strings.
local inspect = require "orrery.repl.inspect"
local knob_words = require "orrery.repl.knob_words"
local receiver = require "orrery.repl.receiver"
local sorted_keys = require "orrery.sorted_keys"
local fs = require "orrery.core".fs
local complete = {}

local keywords = {
  "and", "break", "do", "else", "elseif", "end", "false", "for", "function",
  "goto", "if", "in", "local", "nil", "not", "or", "repeat", "return", "then",
  "true", "until", "while",
}

-- Position of the quote that is open at the end of `text`, if one is.
local function open_string(text)
  local quote, at, i = nil, nil, 1
  while i <= #text do
    local c = text:sub(i, i)
    if quote then
      if c == "\\" then
        i = i + 1
      elseif c == quote then
        quote = nil
      end
    elseif c == "'" or c == '"' then
      quote, at = c, i
    elseif text:sub(i, i + 1) == "--" then
      return nil
    end
    i = i + 1
  end
  return quote and at
end

local function starting_with(names, prefix)
  local out = {}
  for _, name in ipairs(names) do
    if name:sub(1, #prefix) == prefix and
      (prefix ~= "" or not name:match "^__") then
      out[#out + 1] = name
    end
  end
  return out
end

-- Files whose path starts with what was typed; folders end in "/".
local function files(typed)
  local folder, prefix = typed:match "^(.*/)([^/]*)$"
  folder, prefix = folder or "", prefix or typed
  local place = folder == "" and "." or folder
  local home = os.getenv "HOME"
  if home then place = place:gsub("^~/", home:gsub("%%", "%%%%") .. "/") end
  local out = {}
  for _, name in ipairs(starting_with(fs.list(place) or {}, prefix)) do
    local about = fs.stat(place .. "/" .. name)
    local slash = about and about.kind == "folder" and "/" or ""
    if prefix ~= "" or name:sub(1, 1) ~= "." then
      out[#out + 1] = folder .. name .. slash
    end
  end
  table.sort(out)
  return out
end

-- After `value:` only what can be called makes sense.
local function callable(value, names)
  local out = {}
  for _, name in ipairs(names) do
    local ok, member = pcall(function() return value[name] end)
    local meta = ok and debug.getmetatable(member)
    if ok and (type(member) == "function" or
      type(meta) == "table" and meta.__call) then
      out[#out + 1] = name
    end
  end
  return out
end

-- Names of modules that `require` would find.
local function modules(typed)
  local folder, prefix = typed:match "^(.*%.)([^.]*)$"
  folder, prefix = folder or "", prefix or typed
  local set = {}
  for name in pairs(package.preload) do set[name] = true end
  for template in (package.path .. ";" .. package.cpath):gmatch "[^;]+" do
    local before, after = template:match "^(.*)%?(.*)$"
    local place = before and before .. folder:gsub("%.", "/") or ""
    for _, name in ipairs(before and fs.list(place) or {}) do
      local stem = name:sub(-#after) == after and name:sub(1, -#after - 1)
      if not stem and after:sub(1, 1) == "/"
        and fs.exists(place .. "/" .. name .. after) then
        stem = name
      end
      if stem and stem:match "^[%a_][%w_-]*$" and stem ~= "init" then
        set[folder .. stem] = true
      end
    end
  end
  return starting_with(sorted_keys(set), folder .. prefix)
end

local function option_names(left, prefix, env)
  local out = {}
  local before = left:sub(1, #left - #prefix)
  for i, name in ipairs(starting_with(receiver.options(before, env), prefix)) do
    out[i] = name .. " = "
  end
  return out
end

local function first_names(left, env)
  local prefix = left:match "([%a_][%w_]*)$" or ""
  local options = option_names(left, prefix, env)
  if prefix == "" or #options > 0 then return options, prefix end
  local names = starting_with(inspect.names(env), prefix)
  table.move(starting_with(keywords, prefix), 1, #keywords, #names + 1, names)
  table.sort(names)
  return names, prefix
end

local function names_for(left, env)
  local base, sep, prefix = left:match "^(.-)([.:])([%a_]?[%w_]*)$"
  if not base or base:match "[.:]$" or base:match "%f[%w_.]%d+$" then
    return first_names(left, env)
  end
  local value = receiver.value(base, env)
  if value == nil then return {}, prefix end
  local names = starting_with(inspect.names(value), prefix)
  if sep == ":" then names = callable(value, names) end
  return names, prefix
end

-- What follows `:run`: a file, then its knobs.
local function run_words(rest)
  local path, word = rest:match "^(%S+)%s.-(%S*)$"
  if not path then return files(rest), rest end
  return starting_with(knob_words(path, word), word), word
end

-- What the words after a command are.
local follows = {
  [":run"] = run_words,
  [":save"] = function(rest) return files(rest), rest end,
  [":reload"] = function(rest) return modules(rest), rest end,
  [":edit"] = function(rest, env)
    local names = files(rest)
    if #names > 0 then return names, rest end
    return names_for(rest, env)
  end,
  [":time"] = names_for,
  [":doc"] = function(rest, env)
    local names, typed = names_for(rest, env)
    local guides = starting_with(require("orrery.guides").names(), rest)
    if #guides == 0 then return names, typed end
    table.move(names, 1, #names, #guides + 1, guides)
    table.sort(guides)
    return guides, rest
  end,
}

--- What the words at the cursor could become.
---@param left string  the line up to the cursor
---@param env table  names of the session
---@param commands string[]  such as ":time"
---@return string[] words  whole words, sorted
---@return string typed  the part of them already there
function complete.words(left, env, commands)
  local command, rest = left:match "^%s*(:%w*)(.*)$"
  if command and rest == "" then
    return starting_with(commands, command), command
  end
  local quote = open_string(left)
  if quote then
    local typed = left:sub(quote + 1)
    if left:sub(1, quote - 1):match "%f[%w_]require%s*%(?%s*$" then
      return modules(typed), typed
    end
    return files(typed), typed
  end
  rest = rest and rest:match "^%s+(.*)$"
  if rest and follows[command] then return follows[command](rest, env) end
  return names_for(left:gsub("^%s*%?+", ""), env)
end

local function common_start(words)
  local first = words[1]
  for i = 2, #words do
    while words[i]:sub(1, #first) ~= first do first = first:sub(1, -2) end
  end
  return first
end

-- As many columns as fit, filled downwards as `ls` does.
local function in_columns(words, width)
  local widest = 0
  for _, w in ipairs(words) do widest = math.max(widest, #w) end
  local columns = math.max(1, width // (widest + 2))
  local rows = (#words + columns - 1) // columns
  local lines = {}
  for r = 1, rows do
    local row = {}
    for c = 0, columns - 1 do
      local word = words[c * rows + r]
      if word then row[#row + 1] = word .. (" "):rep(widest + 2 - #word) end
    end
    lines[r] = table.concat(row):gsub("%s+$", "")
  end
  return table.concat(lines, "\n")
end

--- One press of Tab.
---@param left string  the line up to the cursor
---@param env table
---@param commands string[]
---@param width integer  columns of the terminal
---@return string? insert  text to put at the cursor
---@return string? show  words to list above the prompt
function complete.tab(left, env, commands, width)
  if left:match "^%s*$" then return "  " end
  local words, typed = complete.words(left, env, commands)
  if #words == 0 then return nil end
  local insert = common_start(words):sub(#typed + 1)
  if insert ~= "" or #words == 1 then return insert end
  local limit = 200
  local shown = in_columns(table.move(words, 1, math.min(#words, limit), 1, {}),
    width)
  if #words > limit then
    shown = shown .. ("\n... %d more"):format(#words - limit)
  end
  return nil, shown
end

return complete
