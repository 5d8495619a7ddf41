--- Pictures by a word or from a folder, decoded once: what a script with one
--- set of pictures learns from and what it measures on.
local orrery = require "orrery"
local blame = require "orrery.blame"
local options = require "orrery.options"

-- Each gives what to learn from and what is held out, floats of 0 to 1, or
-- nil and why not.
local sources = {}

local function digits_of(set, why, o)
  if not set then return nil, why end
  local function framed(part)
    local x = part:everything():float()
    return x:size(3) == o.size and x
      or orrery.nn.functional.interpolate(x, { size = o.size,
        mode = "bilinear" })
  end
  return framed(set.train), framed(set.test)
end

function sources.digits(o)
  local set, why = require("orrery.data").mnist { images = o.images,
    held = o.held }
  return digits_of(set, why, o)
end

function sources.fashion(o)
  local set, why = require("orrery.data").fashion { images = o.images,
    held = o.held }
  return digits_of(set, why, o)
end

local function striped(o, domain)
  local set = require "orrery.data.known.striped" { size = o.size,
    held = o.held, images = o.images > 0 and o.images or nil }
  return (set.train[domain]:everything() + 1) / 2,
    (set.test[domain]:everything() + 1) / 2
end

function sources.shapes(o) return striped(o, "A") end
function sources.stripes(o) return striped(o, "B") end

function sources.faces(o)
  local set = require "orrery.data.known.faces" { size = o.size,
    held = o.held, images = o.images > 0 and o.images or nil }
  return (set.train:everything() + 1) / 2, (set.test:everything() + 1) / 2
end

-- In the first style: all but those held out, as the second is not looked at.
function sources.emoji(o)
  local set, why = require "orrery.data.emoji" { size = o.size, held = o.held,
    overlap = true }
  if not set then return nil, why end
  local x = (set.train.A:everything() + 1) / 2
  if o.images > 0 then x = x:narrow(1, 1, math.min(o.images, x:size(1))) end
  return x, (set.test.A:everything() + 1) / 2
end

-- Neither a word nor a path.
local function unknown(name)
  local names = {}
  for word in pairs(sources) do names[#names + 1] = word end
  table.sort(names)
  local near = require "orrery.nearest"(name, names)
  return ("whole: there is no folder %s; %s"):format(name, near
    and ("did you mean %s?"):format(near)
    or ("give %s, or the path of a folder of pictures"):format(
      table.concat(names, ", ")))
end

-- Those that can be decoded; the others are named on stderr.
local function undamaged(set)
  local bad, good = {}, {}
  for _, one in ipairs(set:check()) do
    bad[one.name] = true
    io.stderr:write(("whole: %s %s; it is left out\n"):format(
      set.place:called(one.name), one.why))
  end
  for i, name in ipairs(set.names) do
    if not bad[name] then good[#good + 1] = i end
  end
  return set:pick(orrery.tensor(good, { dtype = "int64" }))
end

-- The first are held out: not more than a quarter.
local function folder(path, o)
  if not orrery.fs.stat(path) then return nil, unknown(path) end
  local set, why = require("orrery.data.folders").images(path, {
    size = o.size, resize = o.size, fit = "stretch", filter = "area",
    channels = 3, range = { 0, 1 }, classes = false })
  if not set then return nil, why end
  if o.damaged == "skip" then set = undamaged(set) end
  local held = math.min(o.held, #set // 4)
  if held == 0 then
    return nil, ("whole: %q holds %d pictures; give at least 4"):format(path,
      #set)
  end
  local n = #set - held
  if o.images > 0 then n = math.min(n, o.images) end
  local read, all = pcall(set.get, set,
    orrery.range(1, held + n, { dtype = "int64" }))
  if not read then  -- what a file lacks is no misuse: no line is to blame
    return nil, (tostring(all):gsub("^.-:%d+: ", ""))
  end
  return all:narrow(1, held + 1, n), all:narrow(1, 1, held)
end

--- Pictures to learn from and to measure on, [N, C, size, size]. By a word:
--- digits and fashion (grey; resized where size is not 28), shapes (bright, of
--- any hue, on grey), stripes (the same, striped), faces (drawn), emoji (8, 16,
--- 32 or 64 pixels, at most 1,300 or so). Or the path of a folder or zip file
--- of pictures, stretched to squares in three colours, of which the first are
--- held out, at most a quarter.
---@param name string  a word, or a path
---@param opts? { size?: integer, images?: integer, held?: integer,
---   range?: number[], damaged?: "error"|"skip" }  28; how many to learn from
---   (0: all there are; of drawn faces 1,000, of shapes 2,000); how many to
---   measure on, 200; { 0, 1 }: what black and white become; whether a file
---   that cannot be decoded makes it fail ("error"), or is named on stderr and
---   left out
---@return orrery.Tensor? train
---@return orrery.Tensor|string held  or why there is none: files are missing,
---   damaged or too few
return function(name, opts)
  local who = "whole"
  local o = options.take(who, opts, { size = 28, images = 0, held = 200,
    range = { 0, 1 }, damaged = "error" })
  if o.damaged ~= "error" and o.damaged ~= "skip" then
    blame("%s: damaged is %s; give \"error\" or \"skip\"", who,
      options.shown(o.damaged))
  end
  if type(name) ~= "string" then
    blame("%s: name is %s; give digits, emoji, ..., or the path of a folder",
      who, options.shown(name))
  end
  options.count(who, "size", o.size, 8)
  options.count(who, "images", o.images, 0)
  options.count(who, "held", o.held)
  local low, high = table.unpack(type(o.range) == "table" and o.range or {})
  if math.type(low) == nil or math.type(high) == nil or low == high then
    blame("%s: range is %s; give two numbers that differ, as { -1, 1 }", who,
      options.shown(o.range))
  end
  local train, held
  if sources[name] then
    train, held = sources[name](o)
  else
    train, held = folder(name, o)
  end
  if not train then return nil, held end
  if low == 0 and high == 1 then return train, held end
  return train * (high - low) + low, held * (high - low) + low
end
