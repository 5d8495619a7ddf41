--- A graph in graphviz' language, and its program `dot`.
local dot = {}

dot.formats = { svg = true, png = true, pdf = true, dot = true }

local function escape(text)
  return (text:gsub('[\\"]', "\\%0"):gsub("%c", " "))
end

--- Where the call stands in the user's program: "vae.lua:12"; or nil.
function dot.place(node)
  if not node.file then return nil end
  return ("%s:%d"):format(node.file:match "[^/]*$", node.line)
end

local function sizes(shape)
  if not shape then return "" end
  local inner = shape:match "^%[(.*)%]$"
  return inner == "" and "scalar" or (inner:gsub(", ", "×"))
end

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

-- Chains of operations: { members..., part = of the model }.
local function boxes_of(graph, fold)
  local nodes, boxes, box_of = graph.nodes, {}, {}
  local count = readers(nodes)
  local ends = {}
  for _, i in ipairs(graph.results) do ends[i] = true end
  for i, node in ipairs(nodes) do
    local source = fold and only_source(node)
    local box = source and count[source] == 1 and not ends[source]
      and box_of[source]
    if not box or box[#box] ~= source or #box >= 12 then
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

-- The rows of a box: operations, the parameters they read, the source line.
local function label(graph, box)
  local rows, line = {}, nil
  for _, i in ipairs(box) do
    local node = graph.nodes[i]
    local where = dot.place(node)
    if where and where ~= line and line then rows[#rows + 1] = line end
    line = where or line
    rows[#rows + 1] = node.op .. (node.recomputed and " (recomputed)" or "")
    for _, input in ipairs(node.inputs) do
      if input.parameter then
        rows[#rows + 1] = ("   %s  %s"):format(input.name, sizes(input.shape))
      elseif input.name and not input.requires_grad then
        rows[#rows + 1] = ("   %s  %s"):format(input.name, sizes(input.shape))
      end
    end
  end
  rows[#rows + 1] = line
  for k, row in ipairs(rows) do rows[k] = escape(row) end
  return table.concat(rows, "\\l") .. "\\l"
end

local function is_result(graph, box)
  for _, i in ipairs(graph.results) do
    if box[#box] == i then return true end
  end
end

local function box_text(graph, box)
  local trained = false
  for _, i in ipairs(box) do
    for _, input in ipairs(graph.nodes[i].inputs) do
      trained = trained or input.parameter
    end
  end
  local fill = is_result(graph, box) and "#f6d9c0"
    or trained and "#d6e6f5" or "#f4f4f2"
  return ('b%d [label="%s", fillcolor="%s"];'):format(box.id,
    label(graph, box), fill)
end

-- Arrows between boxes, and from leaves that are no parameters; each once.
local function arrows(graph, boxes, box_of, out)
  local leaves, count, drawn = {}, 0, {}
  local function arrow(from, to, shape)
    local text = ('%s -> b%d [label="%s"];'):format(from, to.id, sizes(shape))
    if not drawn[text] then out[#out + 1] = text end
    drawn[text] = true
  end
  for _, box in ipairs(boxes) do
    for _, i in ipairs(box) do
      for _, input in ipairs(graph.nodes[i].inputs) do
        local from = input.node and box_of[input.node]
        if from and from ~= box then
          local made = graph.nodes[input.node].outputs[input.output]
          arrow("b" .. from.id, box, made and made.shape)
        elseif input.requires_grad and not input.parameter then
          local name = leaves[input.id]
          if not name then
            count = count + 1
            name = "l" .. count
            leaves[input.id] = name
            out[#out + 1] = ('%s [label="%s", shape=ellipse, '
              .. 'fillcolor="#e2f0dc"];'):format(name, escape(input.name))
          end
          arrow(name, box, input.shape)
        end
      end
    end
  end
end

--- The text.
---@param graph orrery.Graph
---@param opts { direction: string, fold: boolean }
---@return string
function dot.text(graph, opts)
  local boxes, box_of = boxes_of(graph, opts.fold)
  settle_parts(graph, boxes, box_of)
  local out = { "digraph orrery {",
    ('rankdir=%s; ranksep=0.35; nodesep=0.3; fontname="Helvetica"; '
      .. 'fontsize=11;'):format(opts.direction),
    'node [shape=box, style="filled,rounded", color="#8a8f98", '
      .. 'fontname="Helvetica", fontsize=10, margin="0.12,0.06"];',
    'edge [color="#6b7078", fontname="Helvetica", fontsize=9, '
      .. 'fontcolor="#50555c", arrowsize=0.6];' }
  local parts, order = {}, {}
  for _, box in ipairs(boxes) do
    local part = box.part or ""
    if not parts[part] then
      parts[part] = {}
      order[#order + 1] = part
    end
    table.insert(parts[part], box_text(graph, box))
  end
  for k, part in ipairs(order) do
    local text = table.concat(parts[part], "\n  ")
    local bare = part == "" or #parts[part] == 1
    out[#out + 1] = bare and text or ("subgraph cluster_%d {\n"
      .. '  label="%s"; labeljust=l; style="rounded"; color="#b9bec6";\n'
      .. "  %s\n}"):format(k, escape(part), text)
  end
  arrows(graph, boxes, box_of, out)
  out[#out + 1] = "}\n"
  return table.concat(out, "\n")
end

local function write_file(path, text)
  local file, why = io.open(path, "wb")
  if not file then return nil, "graph: " .. why end
  local ok
  ok, why = file:write(text)
  file:close()
  return ok and true, why and "graph: " .. why
end

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- Writes the text, or what `dot` draws of it; whole or not at all.
---@return boolean? ok
---@return string? message
function dot.write(path, format, text)
  local part, source = path .. ".part", path .. ".part.dot"
  local ok, why = write_file(format == "dot" and part or source, text)
  if not ok then return nil, why end
  if format ~= "dot" then
    local program = os.getenv "ORRERY_DOT" or "dot"
    if not os.execute(("command -v %s >/dev/null 2>&1"):format(
      quoted(program))) then
      os.remove(source)
      return nil, "graph: graphviz is not here; install it (apt-get install "
        .. "graphviz), or save as .dot"
    end
    ok = os.execute(("%s -T%s -o %s %s 2>/dev/null"):format(quoted(program),
      format, quoted(part), quoted(source)))
    os.remove(source)
  end
  if ok then ok, why = os.rename(part, path) end
  if ok then return true end
  os.remove(part)
  return nil, why and "graph: " .. why
    or ("graph: graphviz could not draw %s"):format(path)
end

return dot
