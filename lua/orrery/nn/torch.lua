--- Weights of PyTorch: a state_dict saved there loads here by its own names,
--- and ours is saved under the names PyTorch gives.
---
--- Layouts are the same in both: Linear [out, in], Conv [out, in / groups,
--- ...], ConvTranspose [in, out / groups, ...]; row i of an Embedding there is
--- row i + 1 here. What differs is names: PyTorch numbers the entries of a
--- Sequential or ModuleList from 0; it counts batches (num_batches_tracked),
--- which nothing here reads; and newer versions keep spectral_norm's tensors
--- under `parametrizations`.
---
---     nn.utils.load_torch(model, "trained.safetensors")
---     nn.utils.save_torch("trained.safetensors", model)
local blame = require "orrery.blame"
local io = require "orrery.io"
local Module = require "orrery.nn.module"
local options = require "orrery.options"
local state = require "orrery.nn.module_state"
local tree = require "orrery.nn.tree"

local torch = {}

-- -------------------------------------------------------------------- names

--- Every tensor of the state by each of the names PyTorch has for it: a
--- module that is held twice has two. A list of { name, value }.
local function torch_entries(model)
  local list, above = {}, {}
  local function visit(module, prefix)
    if above[module] then return end
    above[module] = true
    for _, entry in ipairs(tree.entries(module)) do
      local name = prefix .. entry.torch
      if entry.kind == "module" then
        visit(entry.value, name .. ".")
      elseif entry.kind == "parameter"
        or tree.records[module].buffers[entry.key] == "saved" then
        list[#list + 1] = { name = name, value = entry.value }
      end
    end
    above[module] = nil
  end
  visit(model, "")
  return list
end

-- Where torch.nn.utils.parametrizations keeps what the older functions, and
-- ours, keep in the layer itself.
local newer = {
  { "^(.-)parametrizations%.([^.]+)%.original$", "%1%2_orig" },
  { "^(.-)parametrizations%.([^.]+)%.0%._([uv])$", "%1%2_%3" },
  { "^(.-)parametrizations%.([^.]+)%.original0$", "%1%2_g" },
  { "^(.-)parametrizations%.([^.]+)%.original1$", "%1%2_v" },
}

local function older_name(name)
  for _, rule in ipairs(newer) do
    local changed, n = name:gsub(rule[1], rule[2])
    if n > 0 then return changed end
  end
  return name
end

--- The part of `name` after `prefix`, if that is a whole part of it.
local function after(name, prefix)
  if prefix == "" then return "." .. name end
  if name == prefix then return "" end
  if name:sub(1, #prefix + 1) == prefix .. "." then
    return name:sub(#prefix + 1)
  end
end

--- The longest prefix in the table wins; false drops the tensor.
local function by_table(name, rename)
  local best, to
  for from, target in pairs(rename) do
    from = from:gsub("%.$", "")
    if after(name, from) and (not best or #from > #best) then
      best, to = from, target
    end
  end
  if not best then return name end
  return to and ((to:gsub("%.$", "") .. after(name, best)):gsub("^%.", ""))
end

local function check_rename(who, rename)
  if type(rename) ~= "table" or getmetatable(rename) then
    return options.callable(who, "rename", rename)
  end
  for from, to in pairs(rename) do
    if type(from) ~= "string" or (to and type(to) ~= "string") then
      blame("%s: rename has %s = %s; give names, or false to leave one out",
        who, tostring(from), tostring(to))
    end
  end
end

--- One name of the file as the model would have it, or nil to leave it out.
local function translate(who, name, rename)
  if type(rename) == "table" then
    name = by_table(name, rename)
  elseif rename then
    name = rename(name)
  end
  if name and type(name) ~= "string" then
    blame("%s: rename gives %s; give a name, or nil to leave the tensor out",
      who, options.shown(name))
  end
  if not name or name:find "num_batches_tracked$" then return nil end
  return older_name(name)
end

--- Models that ran on several devices, or compiled, have one more name in
--- front of all.
local function wrapper(tensors)
  for _, prefix in ipairs { "module.", "_orig_mod." } do
    local all = next(tensors) ~= nil
    for name in pairs(tensors) do
      all = all and type(name) == "string" and name:sub(1, #prefix) == prefix
    end
    if all then return prefix end
  end
  return ""
end

local function translated(who, tensors, rename)
  local given, from = {}, {}
  local cut = rename and "" or wrapper(tensors)
  for name, value in pairs(tensors) do
    if type(name) ~= "string" then
      blame("%s: a tensor is named %s; give tensors by name", who,
        options.shown(name))
    end
    local new = translate(who, name:sub(#cut + 1), rename)
    if new and given[new] then
      local a, b = from[new], name
      if b < a then a, b = b, a end
      blame("%s: %s and %s would both be %s; change rename", who, a, b, new)
    end
    if new then given[new], from[new] = value, name end
  end
  return given
end

-- -------------------------------------------------------------------- files

local function kind_of(who, path)
  local kind = path:match "%.([%w_]+)$"
  if kind == "safetensors" or kind == "npz" then return kind end
  if kind == "pt" or kind == "pth" or kind == "bin" or kind == "ckpt" then
    blame("%s: %s is a pickle, which is a program; in PyTorch save the "
      .. "state_dict() with safetensors.torch.save_file or numpy.savez", who,
      path)
  end
  return blame("%s: %s ends in neither .safetensors nor .npz; rename it", who,
    path)
end

local function want_module(who, model)
  if not Module.is_module(model) then
    blame("%s: model is %s; give a module", who, options.shown(model))
  end
end

--- Copies a PyTorch state_dict into a model built alike. Names, missing,
--- unexpected and mis-shaped ones, are reported together, as PyTorch has them,
--- and then nothing is changed. Values are converted to the model's dtype.
---
--- `rename` tells where the two models call a part differently: a table from
--- PyTorch's name, or the beginning of names up to a dot, to what the model
--- here calls it (numbered from 0 all the same), false to leave it out; or a
--- function of the name. "" stands for the beginning of every name.
---@param model orrery.nn.Module
---@param source string|table<string, orrery.Tensor>  a .safetensors or .npz
---   file, or tensors by name
---@param opts? { rename?: table|fun(name: string): string?, strict?: boolean }
---   strict = false: names missing or too many are left alone and returned
---@return string[]? missing  nil when the file is missing or damaged
---@return string[]|string unexpected  or why not
function torch.load_torch(model, source, opts)
  local who = "load_torch"
  want_module(who, model)
  opts = options.take(who, opts, { strict = true }, { "rename" })
  if opts.rename then check_rename(who, opts.rename) end
  local tensors = source
  if type(source) == "string" then
    local read = kind_of(who, source) == "npz" and io.read_npz
      or io.read_safetensors
    local why
    tensors, why = read(source)
    if not tensors then return nil, (why:gsub("^[%w_]+", who, 1)) end
  elseif type(source) ~= "table" then
    blame("%s: source is %s; give a file or a table of tensors by name", who,
      options.shown(source))
  end
  return state.copy_in(who, torch_entries(model),
    translated(who, tensors, opts.rename), { strict = opts.strict,
      advice = "these are PyTorch's names, from 0; give { rename = ... } or "
        .. "build the model alike" })
end

--- The model's state by PyTorch's names, for torch's load_state_dict. Shares
--- memory with the model.
---@param model orrery.nn.Module
---@return table<string, orrery.Tensor>
function torch.torch_state_dict(model)
  want_module("torch_state_dict", model)
  local values = {}
  for _, entry in ipairs(torch_entries(model)) do
    values[entry.name] = entry.value:detach()
  end
  return values
end

--- Saves the model's state so that PyTorch loads it:
---     model.load_state_dict(safetensors.torch.load_file(path))
---     model.load_state_dict({k: torch.from_numpy(v)
---                            for k, v in numpy.load(path).items()})
---@param path string  .safetensors or .npz
---@param model orrery.nn.Module
---@return true? ok
---@return string? why
function torch.save_torch(path, model)
  local who = "save_torch"
  options.text(who, "path", path)
  want_module(who, model)
  local write = io["write_" .. kind_of(who, path)]
  -- The note is what the loaders of the Python libraries look for.
  local note = write == io.write_safetensors and { format = "pt" } or nil
  local ok, why = write(path, torch.torch_state_dict(model), note)
  return ok, why and (why:gsub("^[%w_]+", who, 1))
end

return torch
