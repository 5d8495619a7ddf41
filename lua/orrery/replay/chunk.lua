--- A document as one Lua chunk, so that a local of one cell is seen by the
--- next, as when the file runs by itself, and lines keep their numbers. Lines
--- that begin cells become calls; a call or value that ends a cell is shown.
local chunk = {}

-- Names of two locals that the chunk begins with.
local begin, show = "__begin_cell", "__show_value"

local keywords = {
  ["and"] = 1, ["break"] = 1, ["do"] = 1, ["else"] = 1, ["elseif"] = 1,
  ["end"] = 1, ["for"] = 1, ["function"] = 1, ["goto"] = 1, ["if"] = 1,
  ["in"] = 1, ["local"] = 1, ["or"] = 1, ["repeat"] = 1, ["return"] = 1,
  ["then"] = 1, ["until"] = 1, ["while"] = 1,
}

-- Comments alone, and nothing, need not be looked at as the end of a cell.
local function is_idle(line)
  return not line:find "%S" or line:find "^%s*%-%-[^%[]" or
    line:find "^%s*%-%-$"
end

local function joined(lines, first, last)
  return table.concat(lines, "\n", first, last)
end

-- First line of the expression, or call, that a code cell ends with: the
-- shortest end that is one while what stands before is whole. nil when the
-- cell ends with something else, or with a semicolon.
local function last_value(cell)
  local lines, last = cell.lines, #cell.lines
  while last > 0 and is_idle(lines[last]) do last = last - 1 end
  for first = last, 1, -1 do
    local word = lines[first]:match "^%s*([%a_][%w_]*)"
    if word and not keywords[word] then
      local tail = joined(lines, first, last)
      if load(("%s(%s\n)"):format(show, tail), "=", "t")
        and load(joined(lines, 1, first - 1), "=", "t") then
        return first
      end
    end
  end
end

--- Lua text of the document, line by line.
---@param document orrery.replay.Document
---@return string text
function chunk.text(document)
  local out = table.move(document.lines, 1, #document.lines, 1, {})
  if out[1] and out[1]:find "^#" then out[1] = "" end
  local close = ""
  for i, cell in ipairs(document.cells) do
    local call = ("%s%s(%d);"):format(close, begin, i)
    local first = cell.kind == "code" and last_value(cell)
    close = first and ")" or ""
    if first then
      local at = cell.first + first - 1
      out[at] = ("%s(%s"):format(show, out[at])
    end
    if cell.mark > 0 then
      out[cell.mark] = call
    else
      out[cell.first] = call .. " " .. out[cell.first]
    end
  end
  out[#out + 1] = close
  out[1] = ("local %s, %s = ...; "):format(begin, show) .. out[1]
  return table.concat(out, "\n")
end

--- Compiles the document.
---@param document orrery.replay.Document
---@param path string  as messages name it
---@param env table
---@return function? run  takes what is called with a cell's number when it
---  begins, and what is called with its last value
---@return string? message
function chunk.load(document, path, env)
  return load(chunk.text(document), "@" .. path, "t", env)
end

return chunk
