--- A large graph made smaller: what belongs to one part of the model becomes
--- one box. Which part an operation belongs to is read off the parameters it
--- uses; one without them goes with what it continues.
local collapse = {}

-- "blocks.2.conv.weight" with depth 2: "blocks.2"; nil for a parameter of the
-- model itself, which makes no part.
local function part_of(name, depth)
  local parts, n = {}, 0
  for part in name:gmatch "([^.]+)%." do
    n = n + 1
    if n <= depth then parts[n] = part end
  end
  return n > 0 and table.concat(parts, ".") or nil
end

local function own_part(node, depth)
  local part
  for _, input in ipairs(node.inputs) do
    if input.parameter then part = part or part_of(input.name, depth) end
  end
  return part
end

-- Which nodes lead to one that reads a part's parameters: what follows the
-- last of them is the user's, such as a loss.
local function leading(nodes, depth)
  local leads = {}
  for i = #nodes, 1, -1 do
    if own_part(nodes[i], depth) then leads[i] = true end
    for _, input in ipairs(leads[i] and nodes[i].inputs or {}) do
      if input.node then leads[input.node] = true end
    end
  end
  return leads
end

--- The part each node belongs to, by its number; nil for none.
---@param graph orrery.Graph
---@param depth integer
---@return table<integer, string>
function collapse.parts(graph, depth)
  local nodes, part = graph.nodes, {}
  local leads = leading(nodes, depth)
  for i, node in ipairs(nodes) do
    part[i] = own_part(node, depth)
    if not part[i] and leads[i] then
      local latest = 0
      for _, input in ipairs(node.inputs) do
        if input.node and part[input.node] then
          latest = math.max(latest, input.node)
        end
      end
      part[i] = part[latest]
    end
  end
  for _, i in ipairs(graph.results) do
    if not own_part(nodes[i], depth) then part[i] = nil end
  end
  return part
end

--- How deep the deepest parameter's module lies.
function collapse.deepest(graph)
  local deepest = 0
  for _, parameter in ipairs(graph.parameters) do
    local _, dots = parameter.name:gsub("%.", "")
    deepest = math.max(deepest, dots)
  end
  return deepest
end

local function numel(shape)
  local n = 1
  for size in (shape or ""):gmatch "%d+" do n = n * math.tointeger(size) end
  return n
end

--- The rows of a collapsed box: the part, its class, and what is in it.
---@param graph orrery.Graph
---@param box table  its nodes' numbers, and `collapsed`, the part's name
---@return string[]
function collapse.rows(graph, box)
  local count, seen = 0, {}
  for _, i in ipairs(box) do
    for _, input in ipairs(graph.nodes[i].inputs) do
      if input.parameter and not seen[input.id] then
        seen[input.id] = true
        count = count + numel(input.shape)
      end
    end
  end
  local class = graph.classes[box.collapsed]
  return { class and ("%s: %s"):format(box.collapsed, class) or box.collapsed,
    ("%d operation%s, %d parameter%s"):format(#box, #box == 1 and "" or "s",
      count, count == 1 and "" or "s") }
end

return collapse
