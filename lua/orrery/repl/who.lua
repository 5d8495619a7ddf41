--- What `:who` prints: every name of the session, what it holds, how large.
local core = require "orrery.core"
local pretty = require "orrery.repl.pretty"

local size_of = { float32 = 4, float64 = 8, int64 = 8, uint8 = 1 }

local function bytes_text(n)
  for _, unit in ipairs { "B", "kB", "MB" } do
    if n < 1000 then
      return ((n == math.floor(n) and "%.0f %s" or "%.3g %s"):format(n, unit))
    end
    n = n / 1000
  end
  return ("%.3g GB"):format(n)
end

local function one_line(value)
  local text = pretty(value):gsub("%s*\n%s*", " ")
  return #text > 60 and text:sub(1, 57) .. "..." or text
end

-- A module's kind, and the bytes of what it learns.
local function about_module(value)
  local count, bytes = 0, 0
  for _, p in ipairs(value:parameters()) do
    count = count + p:numel()
    bytes = bytes + p:numel() * size_of[p.dtype]
  end
  return ("%s, %d parameters"):format(value.class_name or "module", count),
    bytes
end

-- Kind or contents in a line, and bytes where it is clear what those are.
local function about(value)
  if core.is_tensor(value) then
    local ok, shape = pcall(value.shape_str, value)
    if not ok then return "a tensor already freed" end
    return ("%s %s%s"):format(value.dtype, shape,
      value.requires_grad and "  requires grad" or ""),
      value:numel() * size_of[value.dtype]
  elseif type(value) == "table" then
    local ok, text, bytes = pcall(about_module, value)
    if ok then return text, bytes end
  end
  return one_line(value)
end

--- The list, and below it how much memory all tensors take, named or not.
---@param env table
---@return string text
return function(env)
  local names, rows = {}, {}
  for name in next, env do
    if type(name) == "string" and not name:match "^_G?$" then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  if #names == 0 then return "nothing is assigned yet" end
  local width, any = { 0, 0 }, false
  for i, name in ipairs(names) do
    local what, bytes = about(env[name])
    rows[i] = { name, what, bytes and bytes_text(bytes) or "" }
    any = any or bytes ~= nil
    for c = 1, 2 do
      width[c] = math.max(width[c], utf8.len(rows[i][c]) or #rows[i][c])
    end
  end
  local lines = {}
  for i, row in ipairs(rows) do
    local line = {}
    for c = 1, 2 do
      local length = utf8.len(row[c]) or #row[c]
      line[c] = row[c] .. (" "):rep(width[c] - length)
    end
    line[3] = row[3]
    lines[i] = table.concat(line, "  "):gsub("%s+$", "")
  end
  if any then
    local count, bytes, peak = core.live()
    lines[#lines + 1] = ("%d tensor%s alive in all, %s; at most %s so far")
      :format(count, count == 1 and "" or "s", bytes_text(bytes),
      bytes_text(peak))
  end
  return table.concat(lines, "\n")
end
