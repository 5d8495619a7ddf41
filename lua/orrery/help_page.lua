--- The reference as one HTML page that opens from disk: the guides, every op
--- from its record, every public function and layer from its comment, PyTorch's
--- names beside ours. `orrery help --html FILE` writes it.
local orrery = require "orrery"
local sorted_keys = require "orrery.sorted_keys"
local escape = require("orrery.report").escape
local help = require "orrery.help"
local style = require "orrery.report.style"

local help_page = {}

local function set(text)
  local names = {}
  for name in text:gmatch "%S+" do names[name] = true end
  return names
end

-- A module, where PyTorch has its like, and what it does not have.
local sections = {
  { "nn", "torch.nn", set [[AdaIN Blur Checkpoint CircularPad1d
    CircularPad2d ConvBlock MaskedLinear MinibatchStdDev ModulatedConv2d
    NoiseInjection PixelNorm Residual View]] },
  { "nn.functional", "torch.nn.functional", set "pad_same" },
  { "nn.init", "torch.nn.init", set "" },
  { "nn.utils", "torch.nn.utils", set [[clip_weights_ load_torch save_torch
    summary torch_state_dict]] },
  { "optim", "torch.optim", set "" },
  { "optim.lr_scheduler", "torch.optim.lr_scheduler", set "" },
  { "linalg", "torch.linalg", set "sqrtm" },
  { "data" }, { "train" }, { "io" }, { "plot" }, { "replay" },
  { "report" }, { "runs" }, { "vae" }, { "json" }, { "knobs" },
}

-- What torch has elsewhere than the rest of its module.
local moved = {
  ["nn.AveragedModel"] = "torch.optim.swa_utils.AveragedModel",
  ["nn.utils.update_bn"] = "torch.optim.swa_utils.update_bn",
  ["data.TensorDataset"] = "torch.utils.data.TensorDataset",
  ["data.loader"] = "torch.utils.data.DataLoader",
  ["nn.functional.scaled_dot_product_attention"] =
    "torch.nn.functional.scaled_dot_product_attention (2.0)",
  ["io.load"] = "torch.load", ["io.save"] = "torch.save",
}

-- Functions and methods that torch has under another name, or elsewhere, and
-- those it does not have (false).
local elsewhere = { threads = "torch.get_num_threads",
  set_threads = "torch.set_num_threads", rank = "torch.Tensor.dim",
  absolute_ = "torch.Tensor.absolute_", expit = "torch.special.expit",
  gammaln = "torch.special.gammaln", psi = "torch.special.psi",
  multigammaln = "torch.special.multigammaln",
  checkpoint = "torch.utils.checkpoint.checkpoint",
  checkpoint_sequential = "torch.utils.checkpoint.checkpoint_sequential",
  functional_call = "torch.nn.utils.stateless.functional_call, "
    .. "torch.func.functional_call (2.0)", compile = "torch.compile (2.0)" }
for _, name in ipairs { "grad", "gradcheck", "gradgradcheck",
  "detect_anomaly" } do
  elsewhere[name] = "torch.autograd." .. name
end
for _, name in ipairs { "jacobian", "hessian", "hvp", "vjp", "jvp" } do
  elsewhere[name] = "torch.autograd.functional." .. name
end
for name in pairs(set [[
  arctan2_ arriving_grad backend blame clear_interrupt clock describe divide_
  expit_ fail_after gammaln_ getpid grad_mode grad_site graph graph_nodes help
  interrupt interrupted is_rerunning isatty keep live machine memory
  memory_limit modules multigammaln_ multiply_ op_names pass_number psi_
  read_image record reset_peak scope segment set_again set_anomaly set_own sgn_
  shape_str shares_storage show sleep subtract_ sum_last tensor_id terminal_size
  tidy trim true_divide_ version write_image]]) do
  elsewhere[name] = false
end
-- Methods here only.
local only_functions = set [[atleast_1d atleast_2d atleast_3d combinations
  empty_like gradient randint_like std_mean trapz var_mean]]
local only_methods = set [[divide_ multiply_ sgn_ subtract_ true_divide_
  arctan2_ backward]]  -- functions here too

-- PyTorch's name for orrery.NAME or, with home "torch.Tensor.", x:NAME.
local function counterpart(home, name)
  local method = home == "torch.Tensor."
  if method and only_functions[name] then return "torch." .. name end
  if only_methods[name] then return "torch.Tensor." .. name end
  if elsewhere[name] == nil then return home .. name end
  return elsewhere[name] or nil
end

local lazy = { "save", "load", "help", "einsum", "tensordot", "gradcheck",
  "gradgradcheck", "jacobian", "hessian", "hvp", "vjp", "jvp", "checkpoint",
  "checkpoint_sequential", "functional_call", "graph", "compile", "read_image",
  "write_image", "show" }

local function is_callable(v)
  local meta = type(v) == "table" and getmetatable(v)
  return type(v) == "function" or meta and meta.__call ~= nil
end

-- Names that are ops, or write in place what ops give, are told of there.
local function is_op(name)
  return orrery.record(name)
    or name:find "_$" and orrery.record(name:sub(1, -2))
end

local function own_functions(map, holds_ops)
  local list = {}
  for _, name in ipairs(sorted_keys(map)) do
    if type(name) == "string" and name:find "^%a" and is_callable(map[name])
        and not (holds_ops and is_op(name)) then
      list[#list + 1] = name
    end
  end
  return list
end

local function entry(list, path, torch, text, note)
  list[#list + 1] = { path = path, torch = torch or "", text = text or path,
    note = note }
end

-- The call of the first sample that works, and what comes out.
local function example(record)
  local samples = require "orrery.testing.samples"
  for _, sample in ipairs(samples.all(record)) do
    if not sample.rig.error then
      local arguments, names = samples.draw(sample)
      local ok, y = pcall(samples.run, record, arguments)
      if not ok or not orrery.is_tensor(y) then return nil end
      local lines = {}
      for _, name in ipairs(names) do
        local x = arguments[name]
        lines[#lines + 1] = ("%s  %s"):format(name, tostring(x))
      end
      return ("-- sample %s\n%s\n-- gives\n%s"):format(sample.text,
        table.concat(lines, "\n"), tostring(y))
    end
  end
end

local function ops(hidden)
  local list = {}
  for _, name in ipairs(orrery.op_names()) do
    local record = orrery.record(name)
    if (record.flags.hidden or false) == hidden then
      entry(list, name, record.torch, help.help(name),
        not hidden and example(record))
    end
  end
  return list
end

--- Everything on the page: sections of { path, torch ("" for none), text }.
---@return table[] sections  { title, entries }
function help_page.contents()
  local all = { { "Operations", ops(false) } }
  for _, name in ipairs(lazy) do local _ = orrery[name] end
  local list = {}
  for _, name in ipairs(own_functions(orrery, true)) do
    entry(list, "orrery." .. name, counterpart("torch.", name),
      help.help("orrery." .. name))
  end
  all[2] = { "Functions", list }
  list = {}
  for _, name in ipairs(own_functions(orrery.Tensor.methods, true)) do
    entry(list, "Tensor." .. name, counterpart("torch.Tensor.", name),
      help.help("Tensor." .. name))
  end
  all[3] = { "Methods of tensors", list }
  for _, section in ipairs(sections) do
    local path, torch, absent = table.unpack(section)
    local module = orrery
    for part in path:gmatch "[^.]+" do module = module[part] end
    list = {}
    for _, name in ipairs(own_functions(module, path == "nn.functional")) do
      local full = path .. "." .. name
      local known = torch and not absent[name]
      local home = torch
      if path == "optim" and orrery.optim.lr_scheduler[name] then
        home = "torch.optim.lr_scheduler"
      end
      entry(list, full, moved[full] or known and home .. "." .. name,
        help.help(full))
    end
    all[#all + 1] = { path, list }
  end
  all[#all + 1] = { "Parts of gradients", ops(true) }
  return all
end

local looks = [[
<style>
pre { white-space: pre-wrap; margin: .4rem 0; }
section.e { border-bottom: 1px solid var(--line); padding: .5rem 0; }
section.e h3 { margin: .4rem 0 .1rem; font-family: ui-monospace, monospace; }
input { font: inherit; width: 100%; box-sizing: border-box; padding: .5rem;
  color: var(--ink); background: var(--card); border: 1px solid var(--line);
  border-radius: 6px; position: sticky; top: .5rem; }
[hidden] { display: none; }
a { color: inherit; }
</style>
]]

local script = [[
<script>
const box = document.getElementById("search");
const all = document.querySelectorAll("[data-k]");
box.addEventListener("input", () => {
  const words = box.value.toLowerCase().split(/\s+/);
  for (const e of all)
    e.hidden = !words.every(w => e.dataset.k.includes(w));
});
</script>
]]

local function add_entry(out, e)
  local torch = e.torch ~= "" and "PyTorch: " .. e.torch
    or "no counterpart in PyTorch"
  local key = (e.path .. " " .. e.torch .. " " .. e.text):lower()
    :gsub("%s+", " ")
  out[#out + 1] = ('<section class="e" id="%s" data-k="%s"><h3>%s</h3>'
    .. '<p class="sub">%s</p><pre>%s</pre>'):format(escape(e.path),
    escape(key), escape(e.path), escape(torch), escape(e.text))
  if e.note then
    out[#out + 1] = "<details><summary>example</summary><pre>"
      .. escape(e.note) .. "</pre></details>"
  end
  out[#out + 1] = "</section>\n"
end

local function add_table(out, all)
  local rows = {}
  for _, section in ipairs(all) do
    for _, e in ipairs(section[2]) do
      if e.torch ~= "" then rows[#rows + 1] = e end
    end
  end
  table.sort(rows, function(a, b)
    if a.torch ~= b.torch then return a.torch < b.torch end
    return a.path < b.path
  end)
  out[#out + 1] = "<h2 id=\"pytorch\">From PyTorch</h2>\n<div class=\"wide\">"
    .. "<table><thead><tr><th>PyTorch</th><th>here</th></tr></thead><tbody>\n"
  for _, e in ipairs(rows) do
    local path = escape(e.path)
    out[#out + 1] = ('<tr data-k="%s"><td>%s</td><td><a href="#%s">%s</a>'
      .. "</td></tr>\n"):format(escape((e.torch .. " " .. e.path):lower()),
      escape(e.torch), path, path)
  end
  out[#out + 1] = "</tbody></table></div>\n"
end

-- Each guide with its headings one lower: the page's own come first.
local function add_guides(out)
  local guides = require "orrery.guides"
  local markdown = require "orrery.replay.markdown"
  out[#out + 1] = "<h2>Guides</h2>\n"
  for _, name in ipairs(guides.names()) do
    local text = guides.markdown(name)
    local key = (name .. " " .. text):lower():gsub("%s+", " ")
    out[#out + 1] = ('<section class="e" id="guide-%s" data-k="%s">%s'
      .. "</section>\n"):format(name, escape(key),
      (markdown(text, ""):gsub("<(/?)h1>", "<%1h3>")))
  end
end

--- The page.
---@return string html
function help_page.html()
  local all = help_page.contents()
  local out = { (style.head:format "Orrery: reference"), looks,
    "</head><body><main><h1>Orrery: reference</h1>\n",
    '<p class="sub">Version ', escape(orrery.version),
    '. Axes and positions count from 1. <a href="#pytorch">PyTorch\'s names',
    "</a> are at the end.</p>\n",
    '<input id="search" type="search" aria-label="search" ',
    'placeholder="a name, a PyTorch name, or words of the text">\n' }
  add_guides(out)
  for _, section in ipairs(all) do
    out[#out + 1] = ("<h2>%s</h2>\n"):format(escape(section[1]))
    for _, e in ipairs(section[2]) do add_entry(out, e) end
  end
  add_table(out, all)
  out[#out + 1] = script .. "</main></body></html>\n"
  return table.concat(out)
end

--- Writes the page.
---@param path string
---@return true? ok
---@return string? why
function help_page.write(path)
  return require("orrery.io").write_file(path, help_page.html())
end

return help_page
