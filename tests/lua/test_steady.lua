--- Training goes on in the memory it has: a few hundred steps of the
--- benchmark's small nets, eager and compiled, leave as many bytes in tensors
--- as there were, take no block from the system once they are in their stride,
--- and the process does not grow. tests/bench/soak.py is the long form.
local orrery, t = require "orrery", require "orrery.testing"
local source = os.getenv "ORRERY_SOURCE_DIR" or "."
package.path = source .. "/tests/?.lua;" .. package.path
local workloads = require "bench.mlp"
local sanitized = orrery.machine().sanitized  -- it keeps what was freed

local WARM, EACH, MARKS = 40, 40, 4
local MOST_GROWTH = 2  -- MB, of the process

local function resident()
  local file = io.open "/proc/self/status"
  if not file then return 0 end
  local text = file:read "a"
  file:close()
  return (tonumber(text:match "VmRSS:%s*(%d+)") or 0) / 1024
end

-- Taken from the system while n steps are done, and what they leave.
local function after(step, n)
  local fresh = orrery.memory().fresh
  for _ = 1, n do step() end
  fresh = orrery.memory().fresh - fresh
  local process = resident()
  collectgarbage()
  collectgarbage()
  local tensors, bytes = orrery.live()
  return { tensors = tensors, bytes = bytes, fresh = fresh, process = process }
end

-- most_fresh: when Lua's collector runs decides whether a block is free yet.
local function check(step, most_fresh)
  local first, last = after(step, WARM), nil
  for _ = 1, MARKS do
    last = after(step, EACH)
    t.equal({ last.tensors, last.bytes }, { first.tensors, first.bytes })
  end
  if sanitized then return end
  t.ok(last.fresh <= most_fresh, last.fresh)
  t.ok(last.process - first.process <= MOST_GROWTH,
    ("grown from %.1f to %.1f MB"):format(first.process, last.process))
end

for _, case in ipairs { { "vae_mlp", 16 }, { "gan2d", 64 },
  { "wgan_gp2d", 32 }, { "unrolled2d", 32 } } do
  local name, batch = case[1], case[2]
  for _, way in ipairs { "eager", "compiled" } do
    t.test(("%s, %s, needs no more after %d steps than before"):format(name,
      way, MARKS * EACH), function()
      orrery.manual_seed(3)
      local step = workloads[name](batch)
      if way == "eager" then
        check(step, 10)
      else
        check(orrery.compile(step), 0)
      end
    end)
  end
end

-- ---- games, whose pools and running means outlive a step

local games = {}

function games.CycleGAN(compile)
  local translate = orrery.translate
  local set = orrery.data.known.striped { images = 16, held = 4 }
  local function G() return translate.generator("unet_small", { ngf = 4 }) end
  local function D() return translate.discriminator("small", { ndf = 4 }) end
  local game = translate.CycleGAN { netG_A = G(), netG_B = G(), netD_A = D(),
    netD_B = D(), pool_size = 4, accumulate = 2, compile = compile,
    parts_A = { orrery.gan.augment() } }
  local o = { shuffle = true, drop_last = true }
  local batches = translate.unpaired(set.train.A:batches(2, o),
    set.train.B:batches(2, o))
  return function() game:step(batches()) end
end

games["style-based"] = function(compile)
  local style = orrery.style
  local game = orrery.gan.Game { latent = 4, ema = 0.9, compile = compile,
    generator = style.Generator { size = 8, latent = 4, channel_max = 4,
      mixing = 0.5 },
    discriminator = style.Discriminator { size = 8, channel_max = 4 },
    parts = { style.lazy(orrery.gan.penalty("r1", 10), 4),
      style.path_length { every = 2 } } }
  local x = orrery.rand(4, 1, 8, 8)
  return function() game:step(x) end
end

for _, name in ipairs { "CycleGAN", "style-based" } do
  for _, compile in ipairs { false, true } do
    t.test(("%s game, %s, needs no more after %d steps than before"):format(
      name, compile and "compiled" or "eager", MARKS * EACH), function()
      orrery.manual_seed(3)
      check(games[name](compile), 10)
    end)
  end
end
