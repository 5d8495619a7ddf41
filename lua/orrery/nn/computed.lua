--- Parameters computed from others: a field like `weight` that stands for a
--- function of what the layer really holds. It is computed when read, so it is
--- never stale, needs no place in state_dict and survives clone and tidy.
local blame = require "orrery.blame"
local tree = require "orrery.nn.tree"

local computed = {}

-- The metatable of a layer with computed fields is its own: it knows the
-- layer's class and a rule for each such field.
--
--   rule.who        who made it, for messages
--   rule.parts      the names that stand in state_dict for the field
--   rule.value(layer)   the field's value, differentiable
--   rule.before(layer)  called first by each forward; may be absent

--- The rules of a layer by field name, and its class proper.
local function rules_of(layer)
  local meta = getmetatable(layer)
  if rawget(meta, "computed_rules") then
    return meta.computed_rules, meta.computed_class
  end
  return {}, meta
end

--- A forward that lets the rules go first.
local function forward_with(class, rules)
  return function(self, ...)
    for _, rule in pairs(rules) do
      if rule.before then rule.before(self) end
    end
    return class.forward(self, ...)
  end
end

--- Gives the layer a metatable with these rules, or its class when none is
--- left.
local function set_rules(layer, class, rules)
  if not next(rules) then return setmetatable(layer, class) end
  local meta = { computed_rules = rules, computed_class = class }
  for key, value in pairs(class) do  -- metamethods are not inherited
    if type(key) == "string" and key:sub(1, 2) == "__" then
      meta[key] = value
    end
  end
  local forward = forward_with(class, rules)
  function meta.__index(self, key)
    local rule = rules[key]
    if rule then return rule.value(self) end
    if key == "forward" then return forward end
    return class[key]
  end
  function meta.__newindex(self, key, value)
    if rules[key] then
      blame("%s: %s is computed from %s by %s; set those, or remove_%s first",
        self:label(), key, table.concat(rules[key].parts, ", "),
        rules[key].who, rules[key].who)
    end
    class.__newindex(self, key, value)
  end
  return setmetatable(layer, meta)
end

--- A copy of the rules in which `name` is `rule`.
local function changed(rules, name, rule)
  local copy = {}
  for key, value in pairs(rules) do copy[key] = value end
  copy[name] = rule
  return copy
end

--- The parameter `name` of a layer that is about to be computed. Raises when
--- there is none.
---@return orrery.Tensor
function computed.source(who, layer, name)
  if not tree.is_module(layer) then
    blame("%s: layer is %s; give a module", who,
      require("orrery.options").shown(layer))
  end
  local rule = rules_of(layer)[name]
  if rule then
    blame("%s: %s of %s is computed by %s already; remove_%s first", who, name,
      layer:label(), rule.who, rule.who)
  end
  local value = rawget(layer, name)
  if not tree.is_tensor(value) or not tree.records[layer].parameters[name] then
    blame("%s: %s has no parameter %s; give the layer that holds it", who,
      layer:label(), name)
  end
  return value
end

--- From now on `name` is what the rule computes.
function computed.install(layer, name, rule)
  tree.forget(layer, name)
  local rules, class = rules_of(layer)
  set_rules(layer, class, changed(rules, name, rule))
end

--- Makes `name` a plain parameter again, with the value it has.
function computed.remove(who, made_by, layer, name)
  if not tree.is_module(layer) then
    blame("%s: layer is %s; give a module", who,
      require("orrery.options").shown(layer))
  end
  local rules, class = rules_of(layer)
  local rule = rules[name]
  if not rule or rule.who ~= made_by then
    blame("%s: %s of %s is not computed by %s; there is nothing to remove", who,
      tostring(name), layer:label(), made_by)
  end
  local trained = rawget(layer, rule.parts[1]).requires_grad
  local value = require("orrery").no_grad(rule.value, layer)
  for _, part in ipairs(rule.parts) do tree.forget(layer, part) end
  set_rules(layer, class, changed(rules, name, nil))
  layer:register_parameter(name, value:detach():requires_grad_(trained))
end

return computed
