--- The recorded graph of a result, to read and to draw.
---
---     local g = orrery.graph(loss, { model = net })
---     print(g)               -- a line per operation
---     g:save "loss.svg"      -- drawn by graphviz
local orrery = require "orrery"
local dot = require "orrery.drawn_graph.dot"
local options = require "orrery.options"

---@class orrery.Graph
---@field nodes table[]  op, file, line, inputs, outputs; in order
---@field results integer[]  which nodes made the tensors asked about
local Graph = {}
Graph.__index = Graph

-- Names of parameters, buffers and what else was named, by tensor; and the
-- classes of the model's parts, by name.
local function names_of(opts)
  local names, classes, models = {}, {}, opts.model
  if models and models.named_parameters then models = { [""] = models } end
  for prefix, model in pairs(models or {}) do
    if type(model) ~= "table" or not model.named_parameters then
      orrery.blame(("graph: model is %s; give a module, or modules by name")
        :format(orrery.describe(model)))
    end
    for name, module in model:named_modules() do
      local dot_between = prefix ~= "" and name ~= "" and "." or ""
      classes[prefix .. dot_between .. name] = module.class_name
    end
    prefix = prefix == "" and "" or prefix .. "."
    for _, list in ipairs { "named_buffers", "named_parameters" } do
      for name, tensor in model[list](model) do
        names[orrery.tensor_id(tensor)] = { prefix .. name,
          list == "named_parameters" }
      end
    end
  end
  for name, tensor in pairs(opts.names or {}) do
    if type(name) ~= "string" or not orrery.is_tensor(tensor) then
      orrery.blame("graph: names is no table of tensors by name; write "
        .. "{ names = { x = x } }")
    end
    names[orrery.tensor_id(tensor)] = { name, false }
  end
  return names, classes
end

-- Gives each input that no node made a name, where there is one.
local function name_inputs(self, names)
  self.parameters, self.inputs = {}, {}
  local known, unnamed = {}, 0
  for _, node in ipairs(self.nodes) do
    for _, input in ipairs(node.inputs) do
      local given = input.id and not input.node and names[input.id]
      if given then
        input.name, input.parameter = given[1], given[2]
      end
      if input.requires_grad then
        if not input.name then
          unnamed = known[input.id] and unnamed or unnamed + 1
          input.name = known[input.id] or "leaf " .. unnamed
        end
        if not known[input.id] then
          local list = input.parameter and self.parameters or self.inputs
          list[#list + 1] = input
        end
        known[input.id] = input.name
      end
    end
  end
end

--- The operations below a result (or several) that backward would pass.
---@param y orrery.Tensor|orrery.Tensor[]
---@param opts? { model?: orrery.nn.Module|table, names?: table }  names of
---   parameters: a module, or modules by name; of other tensors by name
---@return orrery.Graph
local function graph(y, opts)
  opts = options.take("graph", opts, {}, { "model", "names" })
  if orrery.is_tensor(y) then y = { y } end
  if type(y) ~= "table" or #y == 0 then
    orrery.blame(("graph: y is %s; give a tensor or a list of them"):format(
      orrery.describe(y)))
  end
  for i, result in ipairs(y) do
    if not orrery.is_tensor(result) then
      orrery.blame(("graph: y[%d] is %s; give tensors"):format(i,
        orrery.describe(result)))
    end
  end
  local nodes = orrery.graph_nodes(y)
  if #nodes == 0 then
    orrery.blame("graph: nothing was recorded; some input must require grad, "
      .. "outside of no_grad")
  end
  local self = setmetatable({ nodes = nodes, results = nodes.results },
    Graph)
  nodes.results = nil
  local names
  names, self.classes = names_of(opts)
  name_inputs(self, names)
  return self
end

-- ---------------------------------------------------------------- as text

local function shape_of(entry) return entry.shape or "(given up)" end

local function input_text(input, nodes)
  if input.node then
    local many = #nodes[input.node].outputs > 1
    return many and ("#%d.%d"):format(input.node, input.output)
      or "#" .. input.node
  end
  if not input.shape and not input.name then return nil end
  return ("%s %s"):format(input.name or "constant", shape_of(input))
end

local function plural(n, word)
  return ("%d %s%s"):format(n, word, n == 1 and "" or "s")
end

function Graph.__tostring(self)
  local rows, wide = {}, { 0, 0, 0, 0 }
  for i, node in ipairs(self.nodes) do
    local inputs = {}
    for _, input in ipairs(node.inputs) do
      inputs[#inputs + 1] = input_text(input, self.nodes)
    end
    local outputs = {}
    for k, output in ipairs(node.outputs) do outputs[k] = shape_of(output) end
    rows[i] = { "#" .. i, node.op, table.concat(outputs, " "),
      dot.place(node) or "", table.concat(inputs, ", ") }
    for c = 1, 4 do wide[c] = math.max(wide[c], #rows[i][c]) end
  end
  local out = { ("%s, %s, %s"):format(plural(#self.nodes, "operation"),
    plural(#self.parameters, "parameter"), plural(#self.inputs, "other leaf")
      :gsub("leafs$", "leaves")) }
  local form = ("%%%ds  %%-%ds  %%-%ds  %%-%ds  %%s"):format(
    table.unpack(wide))
  for _, row in ipairs(rows) do
    out[#out + 1] = form:format(table.unpack(row)):gsub("%s+$", "")
  end
  return table.concat(out, "\n")
end

-- ------------------------------------------------------------- as a drawing

local function drawing_options(who, opts)
  opts = options.take(who, opts, { direction = "TB", fold = true },
    { "depth" })
  if opts.depth then options.count(who, "depth", opts.depth) end
  if opts.direction ~= "TB" and opts.direction ~= "LR" then
    orrery.blame(('%s: direction is %s; use "TB" or "LR"'):format(who,
      options.shown(opts.direction)))
  end
  return opts
end

--- The graph in graphviz' language. A box stands for a chain of operations
--- that begins where parameters or several results come in; arrows carry the
--- sizes; parts of the model are framed. With more than 40 boxes parts of the
--- model become one box each, as deep down as leaves 40.
---@param opts? { direction?: "TB"|"LR", fold?: boolean,
---   depth?: integer|false }  fold = false: a box for each operation; depth:
---   which parts are one box, 1 for the model's own, 2 for those in them ...,
---   false for none
---@return string
function Graph:dot(opts)
  return dot.text(self, drawing_options("dot", opts))
end

--- Draws it into a file, .svg, .png or .pdf, with graphviz; .dot needs none.
---@param path string
---@param opts? table  as for dot
---@return boolean? ok
---@return string? message  when graphviz is missing or the file cannot be made
function Graph:save(path, opts)
  local format = options.text("save", "path", path):match "%.(%a+)$"
  if not dot.formats[format] then
    orrery.blame(("save: %s ends in none of .svg, .png, .pdf, .dot; give it "
      .. "one of these"):format(path))
  end
  return dot.write(path, format, dot.text(self, drawing_options("save", opts)))
end

return { graph = graph, Graph = Graph }
