--- Which boxes a graph is drawn with: chains of operations, or whole parts of
--- the model.
local collapse = require "orrery.drawn_graph.collapse"

-- More boxes than this on one drawing are not read any more.
local MOST_BOXES = 40

-- How many nodes read each node, and the one node that node i reads, if there
-- is no more than one and nothing else of interest.
local function readers(nodes)
  local count = {}
  for _, node in ipairs(nodes) do
    for _, input in ipairs(node.inputs) do
      if input.node then count[input.node] = (count[input.node] or 0) + 1 end
    end
  end
  return count
end

local function only_source(node)
  local source
  for _, input in ipairs(node.inputs) do
    if input.name or input.node and source then return nil end
    source = input.node or source
  end
  return source
end

-- Chains of operations: { members..., part = of the model }; or, where
-- `collapsed` names a node's part, all there is of the part.
local function boxes_of(graph, fold, collapsed)
  local nodes, boxes, box_of, whole = graph.nodes, {}, {}, {}
  local count = readers(nodes)
  local ends = {}
  for _, i in ipairs(graph.results) do ends[i] = true end
  for i, node in ipairs(nodes) do
    local source, name = fold and only_source(node), collapsed[i]
    local box = source and count[source] == 1 and not ends[source]
      and box_of[source]
    if name then
      box = whole[name]
      if not box then
        box = { id = #boxes + 1, collapsed = name }
        boxes[#boxes + 1] = box
        whole[name] = box
      end
    elseif not box or box[#box] ~= source or #box >= 12 then
      box = { id = #boxes + 1 }
      boxes[#boxes + 1] = box
    end
    box[#box + 1] = i
    box_of[i] = box
    for _, input in ipairs(node.inputs) do
      if input.parameter then
        box.part = box.part or input.name:match "^(.-)%.[^.]*%.[^.]*$"
          or input.name:match "^(.-)%.[^.]*$" or ""
        box.part = box.part:match "^[^.]*"
      end
    end
  end
  return boxes, box_of
end

-- A box without parameters belongs to the part that all around it is of.
local function settle_parts(graph, boxes, box_of)
  local around = {}
  for _, box in ipairs(boxes) do around[box] = {} end
  for _, box in ipairs(boxes) do
    for _, i in ipairs(box) do
      for _, input in ipairs(graph.nodes[i].inputs) do
        local other = input.node and box_of[input.node]
        if other and other ~= box then
          table.insert(around[box], other)
          table.insert(around[other], box)
        end
      end
    end
  end
  for _ = 1, 3 do
    for _, box in ipairs(boxes) do
      local part
      for _, other in ipairs(box.part and {} or around[box]) do
        if part ~= nil and part ~= other.part or not other.part then
          part = false
        elseif part == nil then
          part = other.part
        end
      end
      box.part = box.part or part or nil
    end
  end
end

-- As many boxes as one reads, collapsed no more than that takes.
local function chosen_boxes(graph, opts)
  if opts.depth then
    return boxes_of(graph, opts.fold, collapse.parts(graph, opts.depth))
  end
  local boxes, box_of = boxes_of(graph, opts.fold, {})
  local deepest = collapse.deepest(graph)
  local depth = opts.depth == nil and opts.fold and deepest or 0
  while #boxes > MOST_BOXES and depth > 0 do
    local fewer, of = boxes_of(graph, true, collapse.parts(graph, depth))
    if #fewer < #boxes then boxes, box_of = fewer, of end
    boxes.depth, boxes.deepest, depth = depth, deepest, depth - 1
  end
  return boxes, box_of
end

--- The boxes, and the box of each node by its number. A box is a list of
--- nodes' numbers, with `id`, with `part` of the model it is drawn in, and with
--- `collapsed`, the name, when it is a whole part. boxes.depth is the depth
--- that was chosen, of boxes.deepest.
---@param graph orrery.Graph
---@param opts { fold: boolean, depth?: integer|false }
---@return table[] boxes
---@return table<integer, table> box_of
return function(graph, opts)
  local boxes, box_of = chosen_boxes(graph, opts)
  settle_parts(graph, boxes, box_of)
  return boxes, box_of
end
