--- A graph in graphviz' language, and its program `dot`.
local box_rows = require("orrery.drawn_graph.collapse").rows
local boxes_of = require "orrery.drawn_graph.boxes"

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

-- The rows of a box: operations, the parameters they read, the source line.
local function label(graph, box)
  local rows, line = {}, nil
  if box.collapsed then
    rows = box_rows(graph, box)
    for k, row in ipairs(rows) do rows[k] = escape(row) end
    return table.concat(rows, "\\l") .. "\\l"
  end
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

-- Arrows between boxes, and from leaves that are no parameters: one between
-- two, with all sizes that go there.
local function arrows(graph, boxes, box_of, out)
  local leaves, count, drawn, order = {}, 0, {}, {}
  local function arrow(from, to, shape)
    local key, size = ("%s -> b%d"):format(from, to.id), sizes(shape)
    if not drawn[key] then
      drawn[key] = {}
      order[#order + 1] = key
    end
    if not drawn[key][size] then
      drawn[key][size] = true
      table.insert(drawn[key], size)
    end
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
  for _, key in ipairs(order) do
    out[#out + 1] = ('%s [label="%s"];'):format(key,
      table.concat(drawn[key], "\\n"))
  end
end

-- What the colours mean, below the drawing.
local function legend(boxes)
  local text = "blue: reads parameters   grey: reads none   green: leaf   "
    .. "orange: result"
  if boxes.depth then
    text = ("%s\\nparts of the model are one box each; depth = %s shows more")
      :format(text, boxes.depth < boxes.deepest and boxes.depth + 1 or "false")
  end
  return text
end

--- The text.
---@param graph orrery.Graph
---@param opts { direction: string, fold: boolean }
---@return string
function dot.text(graph, opts)
  local boxes, box_of = boxes_of(graph, opts)
  local out = { "digraph orrery {",
    ('rankdir=%s; ranksep=0.35; nodesep=0.3; fontname="Helvetica"; '
      .. 'fontsize=11; fontcolor="#50555c"; label="%s";'):format(
      opts.direction, legend(boxes)),
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
