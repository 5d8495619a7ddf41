--- The image matrix: one picture by settings, seed and step, laid out by two
--- of them, with a slider for each other (pictures.js draws it).
local columns = require "orrery.report.columns"
local sorted_keys = require "orrery.sorted_keys"

local matrix = {}

-- Numbers by size, before words.
local function before(a, b)
  if type(a) == "number" and type(b) == "number" then return a < b end
  if type(a) == type(b) then return tostring(a) < tostring(b) end
  return type(a) == "number"
end

local function distinct(list, of)
  local values, seen = {}, {}
  for _, item in ipairs(list) do
    local v = of(item)
    if v ~= nil and not seen[v] then
      seen[v], values[#values + 1] = true, v
    end
  end
  table.sort(values, before)
  return values
end

-- Settings that differ, the seed last.
local function settings_of(trials)
  local names = {}
  for _, t in ipairs(trials) do
    for name, v in pairs(t.knobs or {}) do
      if (trials[1].knobs or {})[name] ~= v then names[name] = true end
    end
  end
  local list = sorted_keys(names)
  table.sort(list, function(a, b)
    if (a == "seed") ~= (b == "seed") then return b == "seed" end
    return a < b
  end)
  return list
end

--- "samples, epoch 3" as what is shown, what counts, and how far it had come.
---@param full string
---@return string? name
---@return string step
---@return number n
function matrix.split(full)
  local name, step, n = full:match "^(.+), (%a[%w_ ]*) (%-?%d[%d.e+-]*)$"
  if tonumber(n) then return name, step, tonumber(n) end
end

--- Pictures that were drawn at several steps.
---@param trials table[]
---@return { name: string, step: string }[]  in the order they first come
function matrix.stepped(trials)
  local list, seen = {}, {}
  for _, t in ipairs(trials) do
    for _, full in ipairs(t.image_names or {}) do
      local name, step = matrix.split(full)
      if name and not seen[name .. "\0" .. step] then
        seen[name .. "\0" .. step] = true
        list[#list + 1] = { name = name, step = step }
      end
    end
  end
  return list
end

-- What the pictures of that name were drawn by: "epoch" where by nothing.
local function step_of(trials, image)
  for _, one in ipairs(matrix.stepped(trials)) do
    if one.name == image then return one.step end
  end
  return "epoch"
end

-- { trial=, step=, path=, tiles= } of every picture of that name. One that a
-- trial drew at no step stands at the last step of the others.
local function found(trials, image, step)
  local list, start, once, last = {}, ("%s, %s "):format(image, step), {}, 0
  local function add(trial, full, n)
    list[#list + 1] = { trial = trial, step = n, path = trial.images[full],
      tiles = (trial.image_tiles or {})[full] }
  end
  for _, t in ipairs(trials) do
    local had = #list
    for full in pairs(t.images or {}) do
      local n = full:sub(1, #start) == start and tonumber(full:sub(#start + 1))
      if n then
        add(t, full, n)
        last = math.max(last, n)
      end
    end
    if #list == had and (t.images or {})[image] then once[#once + 1] = t end
  end
  for _, t in ipairs(once) do add(t, image, last) end
  return list
end

-- The samples' places in the grid, if all pictures agree on them.
local function common_tiles(list)
  local first = list[1] and list[1].tiles
  if not first then return nil end
  for _, picture in ipairs(list) do
    for field, v in pairs(first) do
      if not picture.tiles or picture.tiles[field] ~= v then return nil end
    end
  end
  return first
end

local function axis(name, list, of)
  local values = distinct(list, of)
  local at, text = {}, {}
  for i, v in ipairs(values) do at[v], text[i] = i - 1, columns.show(v) end
  return { name = name, values = text, at = at, of = of }
end

local function axes_of(list, trials, step)
  local axes = {}
  for _, name in ipairs(settings_of(trials)) do
    axes[#axes + 1] = axis(name, list, function(p)
      return p.trial.knobs[name]
    end)
  end
  axes[#axes + 1] = axis(step, list, function(p) return p.step end)
  return axes
end

-- Two runs with the same settings (of a script that changed): told apart by
-- their number.
local function told_apart(axes, list)
  local seen = {}
  for _, picture in ipairs(list) do
    local key = {}
    for i, a in ipairs(axes) do key[i] = tostring(a.of(picture)) end
    key = table.concat(key, "\0")
    if seen[key] then return false end
    seen[key] = true
  end
  return true
end

-- Few steps side by side; of one step, the first setting that rows is not.
local function columns_of(axes, rows)
  local last = axes[#axes]
  if #last.values > 1 then return #last.values <= 6 and last.name or "" end
  for _, a in ipairs(axes) do
    if a ~= last and a.name ~= rows then return a.name end
  end
  return ""
end

--- What pictures.js lays out; nil when there is no such picture.
---@param trials table[]  runs
---@param options table  image, step? (what they were drawn by), rows?, columns?
---  (names of axes)
---@param id_of fun(path: string): string?  ids of the pictures in the page
---@return table? spec
function matrix.spec(trials, options, id_of)
  local step = options.step or step_of(trials, options.image)
  local list = found(trials, options.image, step)
  if #list == 0 then return nil end
  local axes = axes_of(list, trials, step)
  if not told_apart(axes, list) then
    table.insert(axes, 1, axis("run", list, function(p)
      return rawget(p.trial, "id") or p.trial.label
    end))
  end
  local cells = {}
  for i, picture in ipairs(list) do
    local at = {}
    for a, one in ipairs(axes) do at[a] = one.at[one.of(picture)] end
    cells[i] = { at = at, from = id_of(picture.path) }
  end
  local rows = options.rows or #axes > 1 and axes[1].name or ""
  for _, a in ipairs(axes) do a.at, a.of = nil, nil end
  return { title = options.image, axes = axes, cells = cells,
    tiles = common_tiles(list),
    rows = rows, columns = options.columns or columns_of(axes, rows) }
end

return matrix
