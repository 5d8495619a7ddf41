--- The editor's annotations (LuaCATS) of what C provides: every op from its
--- record, the rest from orrery.reference. The build writes the file.
local orrery = require "orrery.core"
local reference = require "orrery.reference"
local sorted_keys = require "orrery.sorted_keys"

local T = "orrery.Tensor"

local types = {
  tensor = T .. "|number", tensors = T .. "[]", number = "number",
  integer = "integer", boolean = "boolean", axis = "integer",
  index = "integer", axes = "integer|integer[]", sizes = "integer|integer[]",
  pair = "number|number[]",
  dtype = '"float32"|"float64"|"int64"|"uint8"',
  generator = "orrery.Generator",
}

local reserved = { ["end"] = true, ["repeat"] = true, ["in"] = true,
  ["not"] = true, ["or"] = true, ["and"] = true }

local function param_type(p)
  if p.kind == "choice" then
    return '"' .. p.choices:gsub("|", '"|"') .. '"'
  end
  return types[p.kind]
end

local function param_note(p)
  local note = p.doc or ""
  if p.kind == "axis" or p.kind == "axes" then
    note = note .. (note == "" and "" or "; ") .. "from 1, -1 the last"
  end
  if p.default ~= nil then
    note = note .. (note == "" and "" or "; ") .. "default "
      .. tostring(p.default)
  end
  return note == "" and "" or "  " .. note
end

local function name_of(p)
  return reserved[p.name] and p.name .. "_" or p.name
end

-- Parameters from `first` on, one line each, and their names.
local function params_text(record, first, out)
  local names = {}
  for i = first, #record.params do
    local p = record.params[i]
    names[#names + 1] = name_of(p)
    out[#out + 1] = ("---@param %s%s %s%s"):format(name_of(p),
      p.required and "" or "?", param_type(p), param_note(p))
  end
  return table.concat(names, ", ")
end

-- The same call with options named in a last table.
local function overload(record, first)
  local placed, named = {}, {}
  for i = first, #record.params do
    local p = record.params[i]
    local tensor = p.kind == "tensor" or p.kind == "tensors"
    if p.required then
      placed[#placed + 1] = ("%s: %s"):format(name_of(p), param_type(p))
    elseif tensor then
      placed[#placed + 1] = ("%s?: %s"):format(name_of(p), param_type(p))
    else
      named[#named + 1] = ("%s?: %s"):format(p.name, param_type(p))
    end
  end
  if record.flags.creates then
    named[#named + 1] = "requires_grad?: boolean"
  end
  if #named == 0 then return nil end
  placed[#placed + 1] = "options: { " .. table.concat(named, ", ") .. " }"
  if first > 1 then table.insert(placed, 1, "self: " .. T) end
  return ("---@overload fun(%s): %s"):format(table.concat(placed, ", "), T)
end

local function op_text(out, record, owner, first, suffix)
  out[#out + 1] = "--- " .. record.doc
  local names = params_text(record, first, out)
  out[#out + 1] = overload(record, first)
  for _ = 1, record.outputs do out[#out + 1] = "---@return " .. T end
  out[#out + 1] = ("function %s%s%s(%s) end\n"):format(owner, record.name,
    suffix, names)
end

local function entry_text(out, owner, name, entry)
  local names = {}
  out[#out + 1] = "--- " .. entry.doc
  for i, text in ipairs(entry.params) do
    local param, kind = text:match "^([^:]+): (.*)$"
    names[i] = param:gsub("%?$", "")
    out[#out + 1] = ("---@param %s %s"):format(param, kind)
  end
  for _, kind in ipairs(entry.returns) do
    out[#out + 1] = "---@return " .. kind
  end
  out[#out + 1] = ("function %s%s(%s) end\n"):format(owner, name,
    table.concat(names, ", "))
end

local function tensor_class(out)
  out[#out + 1] = "---@class " .. T
  for _, name in ipairs(sorted_keys(reference.fields)) do
    out[#out + 1] = ("---@field %s %s"):format(name, reference.fields[name])
  end
  for _, event in ipairs { "add", "sub", "mul", "div", "pow", "mod",
    "idiv", "band", "bor", "bxor", "shl", "shr" } do
    out[#out + 1] = ("---@operator %s(%s|number): %s"):format(event, T, T)
  end
  for _, event in ipairs { "unm", "bnot" } do
    out[#out + 1] = ("---@operator %s: %s"):format(event, T)
  end
  out[#out + 1] = "---@operator len: integer"
  out[#out + 1] = "local Tensor = {}\n"
  for _, name in ipairs(sorted_keys(reference.methods)) do
    entry_text(out, "Tensor:", name, reference.methods[name])
  end
end

-- Second names of ops: fields with the same value.
local function alias_text(out)
  local aliases = require "orrery.aliases"
  for _, second in ipairs(sorted_keys(aliases)) do
    local first = aliases[second]
    local record = orrery.record(first)
    if record then
      out[#out + 1] = ("orrery.%s = orrery.%s"):format(second, first)
      if record.params[1].kind == "tensor" then
        out[#out + 1] = ("Tensor.%s = Tensor.%s"):format(second, first)
      end
    end
  end
end

local annotations = {}

--- The whole file.
---@return string
function annotations.text()
  local out = { "---@meta orrery.core\n", "---@class orrery.Generator",
    "---@class orrery.Scope\n", "---@class orrery.Segment\n",
    "---@class orrery.Hook\n---@field remove fun(self: orrery.Hook)\n" }
  tensor_class(out)
  out[#out + 1] = "---@class orrery\nlocal orrery = {}\n"
  out[#out + 1] = "orrery.functional = {}\n"
  for _, name in ipairs(sorted_keys(reference.functions)) do
    entry_text(out, "orrery.", name, reference.functions[name])
  end
  for _, name in ipairs(orrery.op_names()) do
    local record = orrery.record(name)
    local flags, first = record.flags, record.params[1]
    if not flags.hidden then
      if not flags.method_only then op_text(out, record, "orrery.", 1, "") end
      if flags.functional then
        op_text(out, record, "orrery.functional.", 1, "")
      end
      if not flags.functional and not flags.creates and first
          and first.kind == "tensor" then
        op_text(out, record, "Tensor:", 2, "")
        if flags.inplace then op_text(out, record, "Tensor:", 2, "_") end
      end
    end
  end
  alias_text(out)
  out[#out + 1] = "\nreturn orrery\n"
  return table.concat(out, "\n")
end

--- Writes the file; for the build.
---@param path string
function annotations.write(path)
  local file = assert(io.open(path, "w"))
  file:write(annotations.text())
  file:close()
end

return annotations
