--- Files. What a file says about itself is checked before it is believed, and
--- a file is written whole or not at all. A failure of the world (missing,
--- damaged, no room) returns nil and a sentence; misuse raises.
---
--- Formats with a checksum (.npz, .gz, PNG, and safetensors written here) give
--- the exact contents or an error. Raw .npy, IDX and JPEG have none: damage
--- among their values cannot be seen, damage to their size is.
local core = require "orrery.core"
local check = require "orrery.io.check"
local options = require "orrery.options"
local serialize = require "orrery.serialize"
local raw = core._io

local io = {}

--- Which optional formats this build has: png, jpeg, gzip, zip (.npz), json
--- (also safetensors).
---@type table<string, boolean>
io.features = raw.features

local describe, check_path = check.describe, check.path
local check_tensor = check.tensor

--- Tensors by name as two lists, in the order of their names.
local function name_lists(who, tensors)
  local names, list = {}, {}
  if type(tensors) ~= "table" then
    core.blame(("%s: tensors is %s; pass a table of tensors by name"):format(
      who, describe(tensors)))
  end
  for name, x in pairs(tensors) do
    if type(name) ~= "string" or name:find "\0" then
      core.blame(("%s: a tensor is named %s; name it by a string"):format(who,
        type(name) == "string" and "with a zero byte" or tostring(name)))
    end
    if not raw.is_tensor(x) then
      core.blame(("%s: %s is %s; pass a tensor"):format(who, name,
        describe(x)))
    end
    names[#names + 1] = name
  end
  table.sort(names)
  for i, name in ipairs(names) do list[i] = tensors[name] end
  return names, list
end

local function by_name(names, list)
  local tensors = {}
  for i, name in ipairs(names) do tensors[name] = list[i] end
  return tensors
end

local function read(kind, path)
  check_path("read_" .. kind, path)
  return raw.read_tensor(kind, "read_" .. kind, path)
end

--- Reads NumPy's .npy: float32, float64, int64, uint8; float16 as float32,
--- bool as uint8, other integers as int64; either byte order, C or Fortran
--- order.
---@param path string
---@return orrery.Tensor? x
---@return string? why
function io.read_npy(path) return read("npy", path) end

--- Reads IDX, the format of MNIST, raw or gzipped (found out by itself).
---@param path string
---@return orrery.Tensor? x
---@return string? why
function io.read_idx(path) return read("idx", path) end

---@param path string
---@param x orrery.Tensor
---@return true? ok
---@return string? why
function io.write_npy(path, x)
  check_path("write_npy", path)
  check_tensor("write_npy", x)
  return raw.write_tensor("npy", "write_npy", path, x)
end

--- Writes IDX, gzipped when the name ends in .gz; int64 is kept as int32.
---@param path string
---@param x orrery.Tensor
---@return true? ok
---@return string? why
function io.write_idx(path, x)
  check_path("write_idx", path)
  check_tensor("write_idx", x)
  return raw.write_tensor("idx", "write_idx", path, x,
    path:find "%.gz$" ~= nil)
end

-- A flag among options; nil when it is not given.
local function flag(who, opts, name)
  local value = options.take(who, opts, {}, { name })[name]
  if value == nil or type(value) == "boolean" then return value end
  return core.blame(("%s: %s is %s; pass true or false"):format(who, name,
    describe(value)))
end

--- Reads NumPy's .npz, stored or compressed, with the types of read_npy. An
--- archive whose arrays overlap, or whose names lead out of it, is refused.
---@param path string
---@return table<string, orrery.Tensor>? tensors  by name
---@return string? why
function io.read_npz(path)
  check_path("read_npz", path)
  local names, list = raw.read_bundle("npz", "read_npz", path)
  if not names then return nil, list end
  return by_name(names, list)
end

---@param path string
---@param tensors table<string, orrery.Tensor>
---@param opts? { compress?: boolean }
---@return true? ok
---@return string? why
function io.write_npz(path, tensors, opts)
  check_path("write_npz", path)
  local compress = flag("write_npz", opts, "compress")
  local names, list = name_lists("write_npz", tensors)
  return raw.write_bundle("npz", "write_npz", path, names, list, {},
    compress)
end

--- Reads a safetensors file, of any program: F16 and BF16 come as float32,
--- BOOL as uint8, other integers as int64. What does not add up (overlaps,
--- gaps, names given twice, sizes that are not there) is refused.
---@param path string
---@return table<string, orrery.Tensor>? tensors  by name
---@return table<string, string>|string metadata  or why not
function io.read_safetensors(path)
  check_path("read_safetensors", path)
  local names, list, texts =
    raw.read_bundle("safetensors", "read_safetensors", path)
  if not names then return nil, list end
  return by_name(names, list), texts
end

---@param path string
---@param tensors table<string, orrery.Tensor>
---@param metadata? table<string, string>
---@return true? ok
---@return string? why
function io.write_safetensors(path, tensors, metadata)
  local who = "write_safetensors"
  check_path(who, path)
  local names, list = name_lists(who, tensors)
  if metadata ~= nil and type(metadata) ~= "table" then
    core.blame(("%s: metadata is %s; pass a table of strings"):format(who,
      describe(metadata)))
  end
  for key, text in pairs(metadata or {}) do
    if type(key) ~= "string" or type(text) ~= "string"
      or (key .. text):find "\0" or key:find "^orrery%." then
      core.blame(("%s: metadata %s is no text by name; pass strings without "
        .. "zero bytes, not named orrery.*"):format(who, tostring(key)))
    end
  end
  return raw.write_bundle("safetensors", who, path, names, list,
    metadata or {})
end

--- The bytes of a file.
---@param path string
---@param opts? { gunzip?: boolean }  unpack it if it is gzipped
---@return string? bytes
---@return string? why
function io.read_file(path, opts)
  check_path("read_file", path)
  return raw.read_file("read_file", path, flag("read_file", opts, "gunzip"))
end

--- Writes a file under a temporary name, flushes it to the disk, renames it.
---@param path string
---@param bytes string
---@return true? ok
---@return string? why
function io.write_file(path, bytes)
  check_path("write_file", path)
  if type(bytes) ~= "string" then
    core.blame(("write_file: bytes is %s; pass a string"):format(
      describe(bytes)))
  end
  return raw.write_file("write_file", path, bytes)
end

for name, fn in pairs(require "orrery.io.images") do io[name] = fn end

local csv = require "orrery.csv"
io.read_csv, io.write_csv = csv.read, csv.write

-- ---------------------------------------------------------------- by ending

local TREE = "orrery.tree"

local function ending(who, path)
  check_path(who, path)
  local kind = path:match "%.([%w_]+)$"
  if kind == "safetensors" or kind == "npy" or kind == "npz" then
    return kind
  end
  return core.blame(("%s: %s ends in neither .safetensors, .npy nor .npz; "
    .. "rename it, or see orrery.io for other formats"):format(who, path))
end

--- Saves a value: nested tables of tensors, numbers, strings and booleans as
--- .safetensors (shared and circular tables keep their sharing, and a checksum
--- guards the file); one tensor as .npy; tensors by name as .npz.
---@param path string
---@param value any
---@return true? ok
---@return string? why
function io.save(path, value)
  local kind = ending("save", path)
  if kind == "npy" then
    check_tensor("save", value)
    return raw.write_tensor("npy", "save", path, value)
  end
  if kind == "npz" then
    local names, list = name_lists("save", value)
    return raw.write_bundle("npz", "save", path, names, list, {})
  end
  if value == nil then
    core.blame "save: value is missing; pass what to save"
  end
  local text, names, list = serialize.encode("save", value)
  return raw.write_bundle("safetensors", "save", path, names, list,
    { [TREE] = text })
end

--- Loads what `save` saved, exactly. A safetensors file of another program
--- gives its tensors by name. Never runs code.
---@param path string
---@return any value  nil when the file is missing or damaged
---@return string? why
function io.load(path)
  local kind = ending("load", path)
  if kind == "npy" then return raw.read_tensor("npy", "load", path) end
  local names, list, texts = raw.read_bundle(kind, "load", path)
  if not names then return nil, list end
  local tensors = by_name(names, list)
  if not texts[TREE] then return tensors end
  local value, why = serialize.decode(texts[TREE], tensors)
  if why then
    return nil, ("load: %s is damaged: %s; copy it again"):format(path, why)
  end
  return value
end

return io
