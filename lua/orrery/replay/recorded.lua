--- What a replay measured and drew, kept beside its file as NAME.figures.json,
--- and how a later replay differs from that: numbers by the tolerance of their
--- figure, pictures by structural similarity (Wang et al. 2004).
local orrery = require "orrery"
local base64 = require "orrery.report.base64"
local figures = require "orrery.replay.figures"
local json = require "orrery.json"
local F = orrery.nn.functional
local recorded = {}

--- Width of what is kept of a picture, and how alike a later one must be.
recorded.width, recorded.alike = 64, 0.85

--- Where it is kept.
---@param path string  of the file that is replayed
---@return string
function recorded.path(path)
  return (path:gsub("%.lua$", "")) .. ".figures.json"
end

-- A small grey version, float32 [H, W] of whole levels 0 to 255.
local function thumbnail(figure)
  local pixels, why = figure:raster()
  if not pixels then return nil, why end
  return orrery.no_grad(function()
    local colors = math.min(pixels:size(1), 3)
    local grey = pixels:narrow(1, 1, colors):float():mean(1)
    local h, w = grey:shape()
    if w > recorded.width then
      local height = math.max(1, math.floor(h * recorded.width / w + 0.5))
      grey = F.adaptive_avg_pool2d(grey:reshape(1, 1, h, w),
        { height, recorded.width }):reshape(height, recorded.width)
    end
    return (grey + 0.5):floor()
  end)
end

local function bytes_of(grey)
  local levels = {}
  for i, level in ipairs(grey:reshape(-1):tolist()) do
    levels[i] = string.char(math.tointeger(level))
  end
  return table.concat(levels)
end

-- Pictures in order, each with its place.
local function pictures(result)
  local list = {}
  for i, outputs in ipairs(result.outputs) do
    for _, o in ipairs(outputs) do
      if o.kind == "picture" then
        list[#list + 1] = { figure = o.picture, cell = i,
          title = result.document.cells[i].title }
      end
    end
  end
  return list
end

--- What is kept of a replay.
---@param result orrery.replay.Result
---@return table
function recorded.of(result)
  local kept = { figures = json.list(), pictures = json.list() }
  for i, f in ipairs(result.figures) do
    kept.figures[i] = { name = f.name, measured = f.measured }
  end
  for i, p in ipairs(pictures(result)) do
    local grey, why = thumbnail(p.figure)
    kept.pictures[i] = grey and { height = grey:size(1), width = grey:size(2),
      grey = base64(bytes_of(grey)) } or { missing = why }
  end
  return kept
end

local function mode(result) return result.quick and "quick" or "full" end

-- The file's table, an empty one when there is none yet.
local function read(path)
  if not orrery.fs.exists(path) then return {} end
  local kept, why = json.read(path)
  if type(kept) == "table" then return kept end
  return nil, why or path .. ": it holds no table; record it again"
end

--- Keeps a replay's figures and pictures; those of the other settings stay.
---@param result orrery.replay.Result
---@return string? path
---@return string? message
function recorded.write(result)
  local path = recorded.path(result.path)
  local all, why = read(path)
  if not all then return nil, why end
  all[mode(result)] = recorded.of(result)
  local ok
  ok, why = json.write(path, all, { nonfinite = "text" })
  if not ok then return nil, why end
  return path
end

local function unbase64(text)
  local values = {}
  for c in ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    :gmatch "." do
    values[c], values[#values + 1] = #values, c
  end
  local out, held, bits = {}, 0, 0
  for c in text:gmatch "[%w+/]" do
    held, bits = held << 6 | values[c], bits + 6
    if bits >= 8 then
      bits = bits - 8
      out[#out + 1] = held >> bits & 255
    end
    held = held & 0xFFFF
  end
  return out
end

-- Means over windows of 8 x 8 pixels, every 4 (whole pictures when smaller).
local function windows(x, size)
  return F.avg_pool2d(x, size, { stride = math.max(1, size // 2) })
end

--- Structural similarity of two grey pictures, 1 when they are the same: its
--- mean over the windows where at least one of them is not flat, so that
--- white paper does not count.
---@param a orrery.Tensor  [H, W], 0 to 255
---@param b orrery.Tensor  the same shape
---@return number
function recorded.similarity(a, b)
  return orrery.no_grad(function()
    local h, w = a:shape()
    a = (a:double() / 255):reshape(1, 1, h, w)
    b = (b:double() / 255):reshape(1, 1, h, w)
    local size = math.min(8, h, w)
    local ma, mb = windows(a, size), windows(b, size)
    local va = windows(a * a, size) - ma * ma
    local vb = windows(b * b, size) - mb * mb
    local cov = windows(a * b, size) - ma * mb
    local c1, c2 = 1e-4, 9e-4
    local s = (ma * mb * 2 + c1) * (cov * 2 + c2)
      / ((ma * ma + mb * mb + c1) * (va + vb + c2))
    local weight = ((va + vb):gt(1e-4) + (ma - mb):abs():gt(0.02)):gt(0)
      :double()
    local n = weight:sum():item()
    return n == 0 and 1.0 or (s * weight):sum():item() / n
  end)
end

local function number(v)
  if type(v) == "number" then return v end
  return ({ nan = 0 / 0, inf = math.huge, ["-inf"] = -math.huge })[v]
end

-- One sentence for each figure that is not as it was.
local function compare_figures(result, kept, drift)
  local before = {}
  for _, f in ipairs(kept.figures) do before[f.name] = f end
  for _, f in ipairs(result.figures) do
    local was = before[f.name] and number(before[f.name].measured)
    before[f.name] = nil
    if not was then
      drift[#drift + 1] = f.name .. ": it was not recorded"
    elseif not (f.relation and f.ok) and not (was ~= was and
      f.measured ~= f.measured) and not figures.near(f, f.measured, was) then
      drift[#drift + 1] = ("%s: %s, recorded %s (%s)"):format(f.name,
        figures.show(f.measured), figures.show(was), figures.tolerance_text(f))
    end
  end
  for _, f in ipairs(kept.figures) do
    if before[f.name] then
      drift[#drift + 1] = f.name .. ": it was recorded, and is not measured now"
    end
  end
end

local function compare_picture(p, was, notes)
  local grey, why = thumbnail(p.figure)
  if not grey or was.missing then
    notes[#notes + 1] = ("a picture of cell %d is not compared: %s"):format(
      p.cell, why or was.missing)
    return nil
  end
  local h, w = grey:shape()
  if h ~= was.height or w ~= was.width then
    return ("%d x %d, recorded %d x %d"):format(w, h, was.width, was.height)
  end
  local alike = recorded.similarity(grey,
    orrery.tensor(unbase64(was.grey)):reshape(h, w))
  if alike >= recorded.alike then return nil end
  return ("similarity to the recorded %.2f; at least %.2f is wanted"):format(
    alike, recorded.alike)
end

local function compare_pictures(result, kept, drift, notes)
  local now = pictures(result)
  if #now ~= #kept.pictures then
    drift[#drift + 1] = ("%d pictures, recorded %d"):format(#now,
      #kept.pictures)
    return
  end
  for i, p in ipairs(now) do
    local why = compare_picture(p, kept.pictures[i], notes)
    if why then
      drift[#drift + 1] = ("picture %d (cell %d%s): %s"):format(i, p.cell,
        p.title and ", " .. p.title or "", why)
    end
  end
end

--- How a replay differs from what was recorded.
---@param result orrery.replay.Result
---@return string[]? drift  a sentence for each difference
---@return string[]|string notes  what could not be compared; or, when nothing
---  was recorded, a sentence that says so
function recorded.compare(result)
  local path = recorded.path(result.path)
  local all, why = read(path)
  if not all then return nil, why end
  local kept = all[mode(result)]
  if type(kept) ~= "table" or type(kept.figures) ~= "table"
    or type(kept.pictures) ~= "table" then
    return nil, ("replay: %s has nothing recorded%s; record it with --record")
      :format(path, result.quick and " with --quick" or "")
  end
  local drift, notes = {}, {}
  compare_figures(result, kept, drift)
  compare_pictures(result, kept, drift, notes)
  return drift, notes
end

return recorded
