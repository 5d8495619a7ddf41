--- Runs a percent-format file cell by cell, in a fresh state, into one page:
--- homework, replayed, with its text, formulas, code, printed lines, tensors,
--- pictures, and figures checked against what they should be.
---
---     -- %% [markdown]
---     -- # The mean of a square
---     -- For $z \sim N(\mu, 1)$ it is $\mu^2 + 1$.
---
---     -- %% Checked
---     local set = replay.settings { draws = 100000, quick = { draws = 1000 } }
---     local z = orrery.randn(set.draws) + 2
---     replay.check("mean of z^2", (z ^ 2):mean(), 5, { rel = 0.05 })
---
--- `orrery replay FILE` writes the page and prints the figures; it fails when
--- one of them is not as wanted. A cell shows what it prints, what `show` is
--- given, and the value of the expression or call it ends with (a semicolon
--- behind it keeps that back). Cells share their locals: the file is plain
--- Lua and runs by itself, `orrery FILE --quick`, just as well. Formulas need
--- KaTeX and Markdown md4c when the page is written; charts need gnuplot.
local blame = require "orrery.blame"
local figures = require "orrery.replay.figures"
local options = require "orrery.options"
local words = require "orrery.replay.given"

local replay = {}

local running  -- the replay whose cells run now

--- Are these the small settings, of `--quick`?
---@return boolean
function replay.is_quick()
  if running then return running.quick end
  for _, word in ipairs(rawget(_G, "arg") or {}) do
    if word == "--quick" then return true end
  end
  return false
end

-- Sets what words name, `draws=5000`, to what they say.
local function change(set, texts)
  for name, text in pairs(texts) do
    if set[name] == nil then
      options.unknown("replay.settings", name, set)
    end
    local value, why = words.value(name, set[name], text)
    if why then blame("replay.settings: %s", why) end
    set[name] = value
  end
end

--- The settings of a file, where `--quick` puts in its own small ones and words
--- like `draws=5000` (lists: `amounts=50,200`) what they say: `orrery replay
--- FILE draws=5000`, or `orrery FILE draws=5000`.
---@param given table  name = value; quick = { name = value } for --quick
---@return table settings  without `quick`
function replay.settings(given)
  if type(given) ~= "table" then
    blame("replay.settings: settings are %s; write a table { name = value }",
      options.shown(given))
  end
  local set, small = {}, given.quick or {}
  for name, value in pairs(given) do
    if name ~= "quick" then set[name] = value end
  end
  for name, value in pairs(small) do
    if set[name] == nil then
      options.unknown("replay.settings: quick", name, set)
    end
    if replay.is_quick() then set[name] = value end
  end
  change(set, running and running.changed
    or words.among(rawget(_G, "arg") or {}))
  return set
end

--- What a thing that hangs on chance gives: medians over seeds 1 to n of the
--- numbers that fn(seed) returns, the default stream begun anew for each.
---@param n integer  seeds; set.seeds, 1 for --quick
---@param fn fun(seed: integer): table<string, number|orrery.Tensor>
---@return table<string, number> medians
function replay.medians(n, fn)
  options.count("replay.medians", "n", n)
  options.callable("replay.medians", "fn", fn)
  local orrery = require "orrery"
  local lists, medians = {}, {}
  for seed = 1, n do
    orrery.manual_seed(seed)
    for name, v in pairs(fn(seed)) do
      lists[name] = lists[name] or {}
      lists[name][seed] = orrery.is_tensor(v) and v:item() or v
    end
  end
  for name, list in pairs(lists) do
    if #list ~= n then
      blame("replay.medians: %s is missing for a seed; return it for each",
        name)
    end
    table.sort(list)
    medians[name] = (list[(n + 1) // 2] + list[n // 2 + 1]) / 2
  end
  return medians
end

--- Measures a figure against what is wanted. In a replay it goes into the
--- table of figures; in a file that runs by itself it prints a line, and
--- raises when the figure does not hold.
---@param name string  what was measured
---@param measured number|orrery.Tensor  a tensor of one element
---@param wanted number|orrery.Tensor
---@param tolerance table  one of rel (of what is wanted), abs, or relation, "<"
---  "<=" ">" ">=" (measured to wanted); quick = { ... }, where --quick asks
---  less: another of these, another `wanted`, or both
function replay.check(name, measured, wanted, tolerance)
  local f = figures.new(name, measured, wanted, tolerance, replay.is_quick())
  if running then return running:check(f) end
  local text = figures.line(f)
  if not f.ok then blame("replay.check: %s", text) end
  print(text)
end

--- Runs a file in percent format and keeps what it shows.
---@param path string
---@param given? table  quick = false, seed = 0 (what the default generator
---  begins with), on_cell (a function that is told the number of each cell),
---  changed (settings as texts, { draws = "5000" })
---@return orrery.replay.Result? result  nil when the file cannot be read
---@return string? message
function replay.run(path, given)
  local o = options.take("replay.run", given, { quick = false, seed = 0 },
    { "on_cell", "changed" })
  local text, why = require("orrery.core")._io.read_file("replay", path)
  if not text then return nil, why end
  if next(o.changed or {}) and not text:find("settings", 1, true) then
    return nil, ("replay: %s has no settings; leave %s= out"):format(path,
      (next(o.changed)))
  end
  local document
  document, why = require "orrery.replay.percent".parse(text, path)
  if not document then return nil, why end
  require "orrery".manual_seed(o.seed)
  return require "orrery.replay.play"(document, path, { quick = o.quick,
    changed = o.changed, on_cell = o.on_cell,
    current = function(result) running = result end })
end

return replay
