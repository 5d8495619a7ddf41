--- The trials of a command line: every combination of the values given, drawn
--- settings included.
local grid = {}

grid.most = 10000

-- A dimension is a list of settings; the slowest comes first: knobs given on
-- the command line in its order, then those swept by default, then what is
-- drawn; the seed always turns fastest.
local function dimensions(lists, order, names, drawn)
  local dims, swept, seen = {}, {}, { seed = true }
  local function add(name)
    local dim = {}
    for i, v in ipairs(lists[name]) do dim[i] = { [name] = v } end
    dims[#dims + 1], swept[#swept + 1] = dim, name
  end
  local function take(name)
    if not seen[name] and lists[name] and #lists[name] > 1 then add(name) end
    seen[name] = true
  end
  for _, name in ipairs(order) do take(name) end
  for _, name in ipairs(names) do take(name) end
  if drawn then
    dims[#dims + 1] = drawn.settings
    table.move(drawn.names, 1, #drawn.names, #swept + 1, swept)
  end
  if #lists.seed > 1 then add "seed" end
  return dims, swept
end

local function product(base, dims)
  local trials = {}
  local function fill(depth, trial)
    if not dims[depth] then
      local copy = {}
      for k, v in pairs(trial) do copy[k] = v end
      trials[#trials + 1] = copy
      return
    end
    for _, setting in ipairs(dims[depth]) do
      for name, v in pairs(setting) do trial[name] = v end
      fill(depth + 1, trial)
    end
  end
  fill(1, base)
  return trials
end

--- All trials.
---@param lists table<string, any[]>  values of each knob that is not drawn
---@param order string[]  knobs in the order they were given
---@param names string[]  all knobs
---@param drawn? table  settings, names
---@param quick boolean
---@return table<string, any>[]? trials  nil when there are too many
---@return string[]|string swept  knobs with more than one value; or a message
function grid.trials(lists, order, names, drawn, quick)
  local dims, swept = dimensions(lists, order, names, drawn)
  local n, base = 1, { quick = quick }
  for _, dim in ipairs(dims) do n = n * #dim end
  if n > grid.most then
    return nil, ("%d trials; sweep fewer values, at most %d trials"):format(n,
      grid.most)
  end
  for name, list in pairs(lists) do base[name] = list[1] end
  return product(base, dims), swept
end

return grid
