--- How far a page has come, as the id of an event: a page that comes back
--- sends the last one it had, and nobody has to remember pages.
---
---     LIST ; RUN : SEQ : GENERATION : KEPT ; ...
local sorted_keys = require "orrery.sorted_keys"

local position = {}

--- The place before everything.
function position.start() return { list = 0, runs = {} } end

---@param at table  list, runs = { [id] = { seq, generation, kept } }
---@return string
function position.text(at)
  local words = { ("%d"):format(at.list) }
  for _, id in ipairs(sorted_keys(at.runs)) do
    local run = at.runs[id]
    words[#words + 1] = ("%d:%d:%s:%d"):format(id, run.seq, run.generation,
      run.kept)
  end
  return table.concat(words, ";")
end

--- The place that a text tells; the start when it is no such text.
---@param text? string
---@param wanted integer[]  runs whose places count
---@return table at
function position.read(text, wanted)
  local at, keep = position.start(), {}
  local list, rest = (text or ""):match "^(%d+)(.*)$"
  if not list or #text > 4000 then return at end
  at.list = math.tointeger(tonumber(list)) or 0
  for _, id in ipairs(wanted) do keep[id] = true end
  for id, seq, generation, kept in
    rest:gmatch ";(%d+):(%d+):([%d.e]*):(%d+)" do
    id = math.tointeger(tonumber(id))
    if id and keep[id] then
      at.runs[id] = { seq = math.tointeger(tonumber(seq)) or 0,
        generation = generation,
        kept = math.tointeger(tonumber(kept)) or 0 }
    end
  end
  return at
end

return position
