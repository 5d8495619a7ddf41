--- What a module holds, found by walking its fields: the bookkeeping beneath
--- nn.Module. A parameter is a trainable tensor in a field, a child is a module
--- in a field or in a plain table in one.
local is_tensor = require("orrery.options").is_tensor

local tree = {}

-- Per module, away from its fields: keys in order, which are parameters and
-- buffers, and the module (held weakly) it was last put into.
local records = setmetatable({}, { __mode = "k" })
local weak = { __mode = "v" }

local function is_module(x) return type(x) == "table" and records[x] ~= nil end

local function link(child, parent, name)
  records[child].parent = setmetatable({ parent }, weak)
  records[child].name = name
end

--- PyTorch counts from 0 where we count from 1.
local function torch_key(key)
  return tostring(math.type(key) == "integer" and key - 1 or key)
end

--- Modules in plain tables count too: `self.layers = { a, b }` holds
--- layers.1 and layers.2; string keys go in alphabetical order.
local function collect_table(self, prefix, torch, list, found, depth)
  local keys = {}
  for key in pairs(list) do
    if type(key) == "string" then keys[#keys + 1] = key end
  end
  table.sort(keys)
  for i = #list, 1, -1 do table.insert(keys, 1, i) end
  for _, key in ipairs(keys) do
    local value, name = list[key], prefix .. "." .. key
    local torch_name = torch .. "." .. torch_key(key)
    if is_module(value) then
      link(value, self, name)
      found[#found + 1] = { name = name, torch = torch_name, value = value,
        kind = "module" }
    elseif type(value) == "table" and not getmetatable(value) and depth < 4 then
      collect_table(self, name, torch_name, value, found, depth + 1)
    end
  end
end

--- Own parameters, buffers and children, in the order they were set; `torch`
--- is what PyTorch would call them.
local function entries(self)
  local record, found = records[self], {}
  for _, key in ipairs(record.order) do
    local value, name, kind = rawget(self, key), tostring(key), nil
    if is_module(value) then
      kind = "module"
      if not record.buffers[key] then link(value, self, name) end
    elseif is_tensor(value) then
      if record.buffers[key] then
        kind = "buffer"
      elseif record.parameters[key]
        or (value.requires_grad and value.is_leaf) then
        record.parameters[key] = true
        kind = "parameter"
      end
    elseif type(value) == "table" and not getmetatable(value) then
      collect_table(self, name, torch_key(key), value, found, 1)
    end
    if kind then
      found[#found + 1] = { name = name, torch = torch_key(key), key = key,
        value = value, kind = kind }
    end
  end
  return found
end

--- Visits self and everything below, parents first, each module once.
local function walk(self, prefix, visit, seen)
  if seen[self] then return end
  seen[self] = true
  visit(prefix, self)
  for _, entry in ipairs(entries(self)) do
    if entry.kind == "module" then
      local name = prefix == "" and entry.name or prefix .. "." .. entry.name
      walk(entry.value, name, visit, seen)
    end
  end
end

--- All tensors of a kind below self: a list of { name, value, owner, key }.
--- A tensor met twice is listed once, unless `shared`.
local function tensors(self, kind, shared)
  local list, seen = {}, {}
  walk(self, "", function(prefix, module)
    for _, entry in ipairs(entries(module)) do
      if entry.kind == kind and (shared or not seen[entry.value]) then
        seen[entry.value] = true
        entry.owner = module
        if prefix ~= "" then entry.name = prefix .. "." .. entry.name end
        list[#list + 1] = entry
      end
    end
  end, {})
  return list
end

--- Starts the books of a new module.
function tree.register(module)
  records[module] = { order = {}, known = {}, parameters = {}, buffers = {} }
end

--- Notes a field that is set for the first time.
function tree.note(module, key, value)
  local record = records[module]
  if not record.known[key] then
    record.known[key] = true
    record.order[#record.order + 1] = key
  end
  if is_tensor(value) and value.requires_grad and value.is_leaf then
    record.parameters[key] = true
  elseif is_module(value) then
    link(value, module, tostring(key))
  end
end

--- Takes a field away, and what was noted of it.
function tree.forget(module, key)
  local record = records[module]
  rawset(module, key, nil)
  record.known[key], record.parameters[key], record.buffers[key] = nil, nil, nil
  for i, name in ipairs(record.order) do
    if name == key then return table.remove(record.order, i) end
  end
end

--- Gives `copy` the books of `module`.
function tree.copy_record(copy, module)
  tree.register(copy)
  for part, own in pairs(records[copy]) do
    for k, v in pairs(records[module][part]) do own[k] = v end
  end
end

--- Where the module sits in what it was last put into: "enc.2", or "".
function tree.path(module)
  local names = {}
  for _ = 1, 64 do
    local record = records[module]
    local parent = record.parent and record.parent[1]
    if not parent then break end
    table.insert(names, 1, record.name)
    module = parent
  end
  return table.concat(names, ".")
end

tree.records = records
tree.is_tensor, tree.is_module = is_tensor, is_module
tree.entries, tree.walk, tree.tensors = entries, walk, tensors

return tree
