--- Emoji in two styles, Noto's (A) and Twemoji's (B): two domains of which
--- every true pair is known, so that unpaired translation can be scored.
local orrery = require "orrery"
local Pictures = require "orrery.data.pictures"
local blame = require "orrery.blame"
local options = require "orrery.options"

local here = debug.getinfo(1, "S").source:match "^@(.*)data/emoji%.lua$" or ""
local folder = here .. "datasets/emoji/"
local side = 64

-- [N, 4, size, size] of 0 to 1, colours times opacity: means over squares of
-- that are right where edges show through.
local function read_style(name, size)
  local strip, why = orrery.io.read_png(folder .. name .. ".png")
  if not strip then return nil, why end
  local n = strip:size(2) // side
  local x = strip:reshape(4, n, side, side):transpose(1, 2)
  local pieces = {}
  for first = 1, n, 100 do
    pieces[#pieces + 1] = orrery.tidy(function()
      local some = x:narrow(1, first, math.min(100, n - first + 1)):float()
        / 255
      local opaque = some:narrow(2, 4, 1)
      some = orrery.cat({ some:narrow(2, 1, 3) * opaque, opaque }, 2)
      return size == side and some
        or orrery.avg_pool2d(some, side // size)
    end)
  end
  return orrery.cat(pieces, 1)
end

local function read_names()
  local text, why = orrery.io.read_file(folder .. "names.tsv")
  if not text then return nil, why end
  local names, groups = {}, {}
  for name, group in text:gmatch "[^\t\n]+\t([^\t]+)\t([^\t]+)\t[^\n]+\n" do
    names[#names + 1], groups[#groups + 1] = name, group
  end
  return names, groups
end

local function over(x, shade)
  local opaque = x:narrow(2, 4, 1)
  return ((x:narrow(2, 1, 3) + (-opaque + 1) * shade) * 255):round():byte()
end

local function listed(names, order, first, last)
  local out = {}
  for i = first, last do out[#out + 1] = names[order[i]] end
  return out
end

--- 732 emoji in the styles of Noto (A) and Twemoji (B), composed on a plain
--- background. Of the emoji left for training, one half is in A and the other
--- in B, so that no emoji is seen in both styles; `held` true pairs are for
--- scoring, chosen by `seed`. Batches are in -1 to 1; pairs give a, b and a
--- mask [B, 1, H, W] of where either style draws. The artwork's licences are in
--- datasets/emoji/NOTICE: Apache 2.0 and CC BY 4.0.
---
---     local set = assert(data.emoji { size = 32 })
---     local a, b, mask = set.test.pairs:everything()
---@param opts? { size?: integer, held?: integer, seed?: integer,
---   background?: number, overlap?: boolean }  32 (64, 32, 16 or 8 pixels);
---   132; 1; 1 is white; overlap: both training sets hold all that is not held
---   out, and so do the training pairs
---@return { train: { A: orrery.data.Pictures, B: orrery.data.Pictures,
---   pairs: orrery.data.Pictures, names: { A: string[], B: string[] } },
---   test: { A: orrery.data.Pictures, B: orrery.data.Pictures,
---   pairs: orrery.data.Pictures, names: string[] }, names: string[],
---   groups: string[] }? set  train.pairs: A's emoji with their partners
---@return string? why  when the files are missing or this build reads no PNG
return function(opts)
  local who = "emoji"
  local o = options.take(who, opts, { size = 32, held = 132, seed = 1,
    background = 1, overlap = false })
  if not (o.size == 64 or o.size == 32 or o.size == 16 or o.size == 8) then
    blame("%s: size is %s; it is 64, 32, 16 or 8", who, options.shown(o.size))
  end
  options.count(who, "seed", o.seed, 0)
  options.flag(who, "overlap", o.overlap)
  options.number(who, "background", o.background, function(v)
    return v >= 0 and v <= 1
  end, "a shade, 0 (black) to 1 (white)")
  local names, groups = read_names()
  if not names then return nil, groups end
  options.count(who, "held", o.held)
  if o.held > #names - 2 then
    blame("%s: held is %d of %d emoji; leave some to train on", who, o.held,
      #names)
  end
  local a, why = read_style("noto", o.size)
  if not a then return nil, why end
  local b, why_not = read_style("twemoji", o.size)
  if not b then return nil, why_not end
  local mask = (a:narrow(2, 4, 1):maximum(b:narrow(2, 4, 1))):gt(0.5):float()
  local all = Pictures.new { over(a, o.background), over(b, o.background),
    mask }
  local n, rest = #names, #names - o.held
  local order = orrery.randperm(n, { generator = orrery.Generator(o.seed) })
  local place, half = order:tolist(), o.overlap and rest or rest // 2
  local function part(first, last)
    return all:subset(order:narrow(1, first, last - first + 1))
  end
  local train, held = part(1, half), part(rest + 1, n)
  local from = o.overlap and 1 or half + 1
  return {
    train = { A = train:view(1), B = part(from, rest):view(2), pairs = train,
      names = { A = listed(names, place, 1, half),
        B = listed(names, place, from, rest) } },
    test = { A = held:view(1), B = held:view(2), pairs = held,
      names = listed(names, place, rest + 1, n) },
    names = names, groups = groups,
  }
end
