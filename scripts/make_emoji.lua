--[[ Packs emoji of two styles as two strips of PNG, one under the other.

From the npm packages emoji-datasource-google and -twitter 16.0.0, which hold
the same emoji as Noto Emoji and as Twemoji draw them, 64 x 64 pixels each.
Taken are faces, hearts, animals, plants, food, things, vehicles and weather,
by their groups in the packages' own table; people, flags, signs and symbols
are not. What shows through is made black and all values are rounded to 64
levels (at most 2 of 255 off), which saves a quarter. The same packages give the
same pictures. Half a minute:

  npm pack emoji-datasource-google@16.0.0 emoji-datasource-twitter@16.0.0
  mkdir google twitter
  tar xzf emoji-datasource-google-16.0.0.tgz -C google
  tar xzf emoji-datasource-twitter-16.0.0.tgz -C twitter
  orrery scripts/make_emoji.lua from=. to=lua/orrery/datasets/emoji
]]
local orrery = require "orrery"

local function set(words)
  local has = {}
  for word in words:gmatch "[^,]+" do has[word] = true end
  return has
end

local cfg = {
  side = 64, levels = 64,
  styles = { noto = "google", twemoji = "twitter" },
  groups = set "Smileys & Emotion,Animals & Nature,Food & Drink",
  without = set "emotion",
  subgroups = set("clothing,household,musical-instrument,light & video,tool,"
    .. "medical,science,transport-air,transport-ground,transport-water,"
    .. "sky & weather,sport"),
}

local given = {}
for _, word in ipairs(arg) do
  local name, value = word:match "^(%w+)=(.*)$"
  if name then given[name] = value end
end
local from, to = given.from, given.to
if not (from and to) then
  io.stderr:write "make_emoji: give from=FOLDER, with google/package and "
  io.stderr:write "twitter/package in it, and to=FOLDER\n"
  os.exit(1)
end

--- The emoji to take, in the order of their code points.
local function chosen()
  local list = {}
  for _, e in ipairs(assert(orrery.json.read(from
    .. "/google/package/emoji.json"))) do
    local fits = cfg.subgroups[e.subcategory] or cfg.groups[e.category]
      and not cfg.without[e.subcategory]
    if fits and e.has_img_google and e.has_img_twitter then
      list[#list + 1] = e
    end
  end
  table.sort(list, function(a, b) return a.unified < b.unified end)
  return list
end

--- One picture as [4, side, side], few levels, black where it is clear.
local function simplified(path)
  local x = assert(orrery.io.read_png(path))
  if x:size(1) == 3 then
    x = orrery.cat({ x, orrery.full({ 1, cfg.side, cfg.side }, 255,
      { dtype = "uint8" }) }, 1)
  end
  assert(x:shape_str() == ("[4, %d, %d]"):format(cfg.side, cfg.side), path)
  local step = 255 / (cfg.levels - 1)
  x = ((x:float() / step):round() * step):round()
  return (x * x:narrow(1, 4, 1):gt(0):float()):byte()
end

local list = chosen()
orrery.fs.mkdir(to)
for name, style in pairs(cfg.styles) do
  local rows = {}
  for i, e in ipairs(list) do
    rows[i] = simplified(("%s/%s/package/img/%s/%d/%s"):format(from, style,
      style, cfg.side, e.image))
  end
  local path = ("%s/%s.png"):format(to, name)
  assert(orrery.io.write_png(path, orrery.cat(rows, 2)))
  print(path)
end

local lines = {}
for i, e in ipairs(list) do
  lines[i] = table.concat({ e.unified, e.short_name, e.category,
    e.subcategory }, "\t")
end
assert(orrery.io.write_file(to .. "/names.tsv", table.concat(lines, "\n")
  .. "\n"))
print(("%s/names.tsv: %d emoji"):format(to, #list))
