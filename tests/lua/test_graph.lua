--- The recorded graph as text and as a drawing.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local nn = orrery.nn

local function has(text, part)
  t.ok(text:find(part, 1, true), ("no %q in\n%s"):format(part, text))
end

local function count(text, part)
  return select(2, text:gsub(part:gsub("%p", "%%%0"), ""))
end

t.test("each operation has a line: result, place, inputs", function()
  local x = orrery.ones(2, 3):requires_grad_()
  local y = orrery.ones(2, 3)
  local here = debug.getinfo(1, "l").currentline + 1
  local z = (x * y + x):sum()
  local text = tostring(orrery.graph(z, { names = { y = y } }))
  t.equal(text, ([[
3 operations, 0 parameters, 1 other leaf
#1  mul  [2, 3]  test_graph.lua:%d  leaf 1 [2, 3], y [2, 3]
#2  add  [2, 3]  test_graph.lua:%d  #1, leaf 1 [2, 3]
#3  sum  []      test_graph.lua:%d  #2]]):format(here, here, here))
end)

t.test("parameters have their names, of several models too", function()
  local a, b = nn.Linear(3, 4), nn.Sequential { nn.Linear(4, 2), nn.Tanh() }
  local y = b(a(orrery.ones(5, 3))):sum()
  local text = tostring(orrery.graph(y, { model = { a = a, b = b } }))
  has(text, "a.weight [4, 3], a.bias [4]")
  has(text, "b.1.weight [2, 4]")
  has(text, "4 operations, 4 parameters, 0 other leaves")
  has(tostring(orrery.graph(a(orrery.ones(5, 3)), { model = a })),
    "weight [4, 3]")
end)

t.test("a drawing folds chains, frames parts and writes sizes", function()
  local net = nn.Sequential {
    nn.Sequential { nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.ReLU() },
    nn.Linear(4, 2),
  }
  local x = orrery.ones(5, 3):requires_grad_()
  local g = orrery.graph(net(x):square():mean(), { model = net,
    names = { ["my \"x\""] = x } })
  local text = g:dot()
  t.equal(count(text, "fillcolor"), 4)  -- three boxes and the input
  has(text, [[linear\l   1.1.weight  4×3\l   1.1.bias  4\ltanh\l]])
  has(text, [[label="my \"x\""]])
  has(text, [[-> b2 [label="5×4"];]])
  has(text, [[subgraph cluster_1 {
  label="1"]])
  t.equal(count(text, "subgraph"), 1)
  t.equal(count(g:dot { fold = false }, "fillcolor"), #g.nodes + 1)
  has(g:dot { direction = "LR" }, "rankdir=LR")
end)

t.test("a checkpoint's operations say that they are recomputed", function()
  local x = orrery.ones(3):requires_grad_()
  local y = orrery.checkpoint(function(v) return v:exp():sin() end, x):sum()
  has(orrery.graph(y):dot(), "exp (recomputed)")
end)

t.test("several results, and a graph already given up", function()
  local x = orrery.ones(3):requires_grad_()
  local y = x:exp()
  local a, b = y:sum(), y:mean()
  local g = orrery.graph { a, b }
  t.equal(g.results, { 2, 3 })
  a:backward()
  has(tostring(orrery.graph(a)), "(given up)")
end)

t.test("saved as text it needs nothing, else graphviz or a sentence",
  function()
    local folder = files.folder()
    local x = orrery.ones(3):requires_grad_()
    local g = orrery.graph(x:exp():sum())
    t.ok(g:save(folder .. "/g.dot"))
    local file <close> = assert(io.open(folder .. "/g.dot"))
    t.equal(file:read "a", g:dot())
    local ok, why = g:save(folder .. "/g.svg")
    if ok then
      local drawing <close> = assert(io.open(folder .. "/g.svg"))
      has(drawing:read "a", "exp")
    else
      has(why, "graph: graphviz is not here; install it")
    end
    t.equal(#orrery.fs.list(folder), ok and 2 or 1)
    ok, why = g:save(folder .. "/none/g.dot")
    t.ok(not ok and why:find "^graph: ", why)
    files.drop(folder)
  end)

t.test("wrong arguments are refused with sentences", function()
  t.fails("graph: y is the number 3; give a tensor or a list of them",
    orrery.graph, 3)
  t.fails("graph: nothing was recorded; some input must require grad, "
    .. "outside of no_grad", orrery.graph, orrery.ones(2))
  local y = orrery.ones(2):requires_grad_() * 2
  t.fails("graph: model is the number 3; give a module, or modules by name",
    orrery.graph, y, { model = { 3 } })
  local g = orrery.graph(y)
  t.fails_like("^save: g.gif ends in none of", function() g:save "g.gif" end)
  t.fails('dot: direction is "up"; use "TB" or "LR"', function()
    g:dot { direction = "up" }
  end)
end)

-- Blocks of several layers, wide enough not to be drawn box by box.
local function tower()
  local Block = orrery.nn.Module:subclass "Block"
  function Block:init()
    for i = 1, 12 do self[i] = orrery.nn.Linear(3, 3) end
  end
  function Block:forward(x)
    for i = 1, 12 do x = x + self[i](x):tanh() end
    return x
  end
  local model = orrery.nn.Module:subclass "Tower" ()
  model.blocks = orrery.nn.ModuleList { Block(), Block(), Block(), Block() }
  local x = orrery.ones(2, 3)
  for i = 1, 4 do x = model.blocks[i](x) end
  return model, orrery.graph((x * x):sum(), { model = model })
end

t.test("a large graph is drawn with a box for each part of the model",
  function()
    local model, g = tower()
    local text = g:dot()
    local boxes, operations, parameters = 0, 0, 0
    for box in text:gmatch '\n *b%d+ %[label="(.-)"' do
      boxes = boxes + 1
      local n, p = box:match "(%d+) operations?, (%d+) parameters"
      operations, parameters = operations + (n or 0), parameters + (p or 0)
    end
    t.ok(boxes <= 40)
    for i = 1, 4 do has(text, ("blocks.%d: Block"):format(i)) end
    t.equal(parameters, model:num_parameters())
    -- The rest is the last tanh and sum, and the loss.
    t.equal(operations, #g.nodes - 4)
    has(text, "depth = 3 shows more")
    -- One arrow from each block to the next, and one to what follows.
    for i = 1, 4 do
      has(text, ('b%d -> b%d [label="2×3"]'):format(i, i + 1))
    end
  end)

t.test("how much is one box can be told", function()
  local model, g = tower()
  has(g:dot { depth = 1 }, ("blocks: ModuleList\\l%d operations, %d parameters")
    :format(#g.nodes - 4, model:num_parameters()))
  local deep = g:dot { depth = 3 }
  has(deep, "blocks.2.8: Linear\\l3 operations, 12 parameters")
  local all = g:dot { depth = false }
  t.ok(not all:find("Linear", 1, true) and not all:find("shows more", 1, true))
  t.fails("dot: depth is 0; give a whole number of at least 1", function()
    g:dot { depth = 0 }
  end)
end)

t.test("looking at a graph holds nothing", function()
  local function round()
    local x = orrery.ones(3):requires_grad_()
    local y = x:exp():sum()
    local _ = tostring(orrery.graph(y)) .. orrery.graph(y):dot()
  end
  round()
  collectgarbage()
  local before = select(4, orrery.live())
  round()
  collectgarbage()
  t.equal(select(4, orrery.live()), before)
end)
