--- The known name a mistyped one most likely meant, for error sentences.

-- Edits (insert, delete, change, swap of neighbours) that turn `a` into `b`,
-- in the restricted form: no letter is edited twice.
local function distance(a, b)
  local before, last = nil, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local ca, cb = a:byte(i), b:byte(j)
      local best = math.min(last[j] + 1, row[j - 1] + 1)
      best = math.min(best, last[j - 1] + (ca == cb and 0 or 1))
      if before and j > 1 and ca == b:byte(j - 1) and cb == a:byte(i - 1) then
        best = math.min(best, before[j - 2] + 1)
      end
      row[j] = best
    end
    before, last = last, row
  end
  return last[#b]
end

--- Nearest of `names` to `name`, or nil when none is near enough to suggest.
--- A longer name that starts with `name` counts as near.
---@param name string
---@param names string[]
---@return string? nearest
return function(name, names)
  local wanted, best, best_d = name:lower(), nil, math.huge
  local limit = math.max(1, (#name + 1) // 3)
  for _, candidate in ipairs(names) do
    local d = distance(wanted, candidate:lower())
    if #name >= 2 and candidate:lower():sub(1, #name) == wanted then
      d = math.min(d, 1)
    end
    if d < best_d or (d == best_d and best and candidate < best) then
      best, best_d = candidate, d
    end
  end
  return best_d <= limit and best or nil
end
