--- Containers of modules and parameters.
local orrery, t = require "orrery", require "orrery.testing"
local nn = orrery.nn

local function names(model)
  local list = {}
  for name in model:named_parameters() do list[#list + 1] = name end
  return list
end

t.test("ModuleDict holds modules by name", function()
  local dict = nn.ModuleDict { photo = nn.Linear(2, 1, { bias = false }),
    art = nn.Linear(2, 3, { bias = false }) }
  t.equal(names(dict), { "art.weight", "photo.weight" })
  t.equal(dict.art(orrery.zeros { 1, 2 }):shape_str(), "[1, 3]")
  dict:set("map", nn.Linear(1, 1))
  local seen = {}
  for name, module in dict:items() do
    seen[#seen + 1] = name .. " " .. module.class_name
  end
  t.equal(seen, { "art Linear", "map Linear", "photo Linear" })
  dict:set("map", nn.ReLU())
  t.equal(names(dict), { "art.weight", "photo.weight" })
  t.fails('moduledict: "forward" is a method or field of the class; use '
    .. "another name", nn.ModuleDict, { forward = nn.ReLU() })
  t.fails("moduledict: a is 3; give a module", nn.ModuleDict, { a = 3 })
  t.fails("moduledict: entries are 3; give a table { name = ... }",
    nn.ModuleDict, 3)
end)

t.test("ParameterList and ParameterDict hold parameters", function()
  local Net = nn.Module:subclass "Net"
  function Net:init()
    self.by = nn.ParameterDict { b = orrery.ones { 2 }, a = orrery.ones { 1 } }
    self.list = nn.ParameterList { orrery.ones { 3 } }
    self.list:append(orrery.zeros { 1 })
  end
  local net = Net()
  t.equal(names(net), { "by.a", "by.b", "list.1", "list.2" })
  t.ok(net.list[1].requires_grad)
  local other = Net()
  nn.init.zeros_(net.by.b)
  other:load_state_dict(net:state_dict())
  t.near(other.by.b, { 0, 0 })
  local keys = {}
  for name in net.by:items() do keys[#keys + 1] = name end
  t.equal(keys, { "a", "b" })
  local p = orrery.ones({ 1 }):requires_grad_()
  t.ok(nn.ParameterList({ p })[1] == p)
  t.fails("parameterlist: entry 1 is 3; give a floating tensor",
    nn.ParameterList, { 3 })
  t.fails("parameterlist: list is 3; give a list of tensors",
    nn.ParameterList, 3)
  t.fails("parameterdict: a is 3; give a floating tensor", nn.ParameterDict,
    { a = 3 })
end)
