--[[ A whisper made to sound, without one sentence in both voices.

A CycleGAN of one-dimensional convolutions over time, on the log spectra of
frames of generated speech (after Parmar et al. 2019). The same vowels and
formants are whispered (noise fills the spectrum, formants lie higher) or
spoken (harmonics of 200 Hz, falling by 12 dB an octave); training sees other
utterances on each side. As both renderings of every held-out utterance are
known, what comes out is measured against the truth: the root of the mean
squared difference of log spectra, in decibels. offset adds to each band the
difference of the two sides' means, which is all that the means can tell. adv
has no cycle and no identity. Expect: identity is worst, offset takes the
tilt away, cycle is the best and moves the formants as well. Half a minute
for cycle, one core:

  orrery scripts/voice.lua
  orrery scripts/voice.lua method=cycle,adv seed=1..3

Measured (seed=1..3, mean +- sd; dB): adv finds a law like the spoken one, but
other words.

  method        to spoken   to whispered
  identity          24.18          24.18
  offset     3.92 +- 0.03   3.92 +- 0.03
  adv       10.71 +- 1.11   5.04 +- 0.68
  cycle      3.41 +- 0.06   3.47 +- 0.01
]]
local orrery = require "orrery"
local data, nn, plot = orrery.data, orrery.nn, orrery.plot
local translate = orrery.translate

local run = orrery.experiment {
  name = "voice",
  knobs = {
    method = { { "identity", "offset", "adv", "cycle" }, "how it is mapped",
      one_of = { "identity", "offset", "adv", "cycle" } },
    steps = { 1500, "of both players", min = 1 },
    batch = { 8, "utterances", min = 1 },
    lr = { 5e-4, "of Adam", min = 0 },
    channels = { 64, "of the networks", min = 1 },
    blocks = { 3, "residual blocks of a generator", min = 0 },
    utterances = { 500, "of each voice", min = 1 },
    frames = { 32, "of an utterance", min = 8 },
    held = { 100, "utterances in both voices", min = 1 },
    marks = { 6, "along the way", min = 1 },
  },
  step = "step",
  by = "spoken",
  quick = { steps = 12, batch = 2, channels = 8, blocks = 1, utterances = 8,
    held = 4, marks = 2, method = { "offset", "cycle" } },
}

-- ---- speech

local bands, width = 40, 100  -- Hz
local pitch = 200
-- First three formants of vowels, Hz, about those of Peterson & Barney 1952.
local vowels = orrery.tensor { { 270, 2290, 3010 }, { 390, 1990, 2550 },
  { 530, 1840, 2480 }, { 730, 1090, 2440 }, { 570, 840, 2410 },
  { 300, 870, 2240 }, { 490, 1350, 1690 } }
local centre = (orrery.range(1, bands, { dtype = "float32" }) - 0.5) * width

-- Formants of utterances, [N, 3, T]: from vowel to vowel in straight lines.
local function formants(n, frames, generator)
  local stops = 4
  local picked = orrery.randint(1, vowels:size(1), n * stops,
    { generator = generator })
  local f = vowels:index_select(1, picked):reshape(n, stops, 3)
    :transpose(2, 3)
  return nn.functional.interpolate(f, { size = frames, mode = "linear" })
end

-- The vocal tract: decibels of a resonance at each formant, one behind the
-- other, and of a fourth at 3,500 Hz that does not move: [N, bands, T].
local function tract(f)
  local x = centre:reshape(1, 1, bands, 1)
  f = orrery.cat({ f, f:narrow(2, 1, 1) * 0 + 3500 }, 2):unsqueeze(3)
  local wide = orrery.tensor({ 120, 160, 220, 300 }):reshape(1, 4, 1, 1)
  local r = x / f
  return (((1 - r ^ 2) ^ 2 + (r * wide / f) ^ 2):log10() * -10):sum(2)
end

-- Log spectra in units of 20 dB. What is whispered has the formants higher
-- and the noise of a power averaged over a few bins; what is spoken falls
-- with frequency and rises and falls with the harmonics.
local function whispered(f, generator)
  local shift = orrery.tensor({ 1.25, 1.12, 1.05 }):reshape(1, 3, 1)
  local level = tract(f * shift)
  local noise = orrery.randn({ level:size() }, { generator = generator })
  return (level + noise * 2) / 20
end

local harmonics = ((centre * (2 * math.pi / pitch)):cos() * 5
  - (centre / 400):clamp { min = 1 }:log2() * 12 + 12):reshape(1, bands, 1)

local function spoken(f) return (tract(f) + harmonics) / 20 end

local function load(k, generator)
  local function some(n) return formants(n, k.frames, generator) end
  local both = some(k.held)
  return { A = whispered(some(k.utterances), generator),
    B = spoken(some(k.utterances)),
    held_A = whispered(both, generator), held_B = spoken(both) }
end

-- Decibels between log spectra.
local function apart(x, y) return 20 * ((x - y) ^ 2):mean():sqrt():item() end

-- ---- networks

-- The change to x, by convolutions over time (bands are channels).
local Generator = nn.Module:subclass "Generator"

function Generator:init(k)
  local c = k.channels
  local list = { nn.Conv1d(bands, c, 5, { padding = 2 }), nn.ReLU() }
  for _ = 1, k.blocks do
    list[#list + 1] = nn.Residual(nn.Sequential {
      nn.Conv1d(c, c, 3, { padding = 1 }), nn.InstanceNorm1d(c), nn.ReLU(),
      nn.Conv1d(c, c, 3, { padding = 1 }) })
  end
  list[#list + 1] = nn.Conv1d(c, bands, 5, { padding = 2 })
  self.change = nn.Sequential(list)
end

function Generator:forward(x) return x + self.change(x) end

-- Judges some 14 frames at a time.
local function discriminator(k)
  local c = k.channels
  return nn.Sequential { nn.Conv1d(bands, c, 4, { stride = 2, padding = 1 }),
    nn.LeakyReLU(0.2), nn.Conv1d(c, c, 4, { stride = 2, padding = 1 }),
    nn.LeakyReLU(0.2), nn.Conv1d(c, 1, 3, { padding = 1 }) }
end

-- ---- a trial

local function learn(k, log, set, mark)
  local adv = k.method == "adv"
  local game = translate.CycleGAN { netG_A = Generator(k),
    netG_B = Generator(k), netD_A = discriminator(k),
    netD_B = discriminator(k), lr = k.lr, lambda_A = adv and 0 or 10,
    lambda_B = adv and 0 or 10, identity = adv and 0 or 5,
    compile = true, stream = log:generator "game" }
  log:steps { steps = k.steps, every = math.max(1, k.steps // k.marks),
    objects = { game = game },
    batches = data.TensorDataset(set.A, set.B):batches(k.batch, {
      shuffle = true, drop_last = true, generator = log:generator "order" }),
    update = function(a, b)
      local n = game:step(a, b)
      n.loss = n.G_A
      return n
    end,
    mark = function(step, means)
      for name, value in pairs(means) do log:scalar(name, step, value) end
      mark(step, game)
    end }
  return game:to_B(set.held_A), game:to_A(set.held_B)
end

-- Spectra as a map, time to the right, low bands at the bottom.
local function map(x, title)
  return plot.heatmap { z = x * 20, title = title, xlabel = "frame",
    ylabel = "band" }
end

function run.trial(k, log)
  local set = load(k, log:generator "speech")
  local to_B, to_A = set.held_A, set.held_B
  if k.method == "offset" then
    local by = set.B:mean { axis = { 1, 3 }, keepdim = true }
      - set.A:mean { axis = { 1, 3 }, keepdim = true }
    to_B, to_A = to_B + by, to_A - by
  elseif k.method ~= "identity" then
    to_B, to_A = learn(k, log, set, function(step, game)
      log:scalar("dB to the spoken", step, apart(game:to_B(set.held_A),
        set.held_B))
    end)
  end
  log:image("whispered", map(set.held_A[1], "whispered"))
  log:image("made to sound", map(to_B[1], "made to sound, " .. k.method))
  log:image("spoken", map(set.held_B[1], "spoken"))
  return { spoken = apart(to_B, set.held_B),
    whispered = apart(to_A, set.held_A) }
end

function run.report(trials, page)
  page:heading "Results"
  page:text("Decibels between what was made and the true other rendering of "
    .. "the same utterance, held out. The noise of a whisper cannot be known: "
    .. "2 dB are left to anybody.")
  page:table(trials, { "method", { "spoken", "to spoken, dB" },
    { "whispered", "to whispered, dB" } })
  local list = trials:by_setting()
  page:plot(plot.bar { x = list.method, y = list.spoken,
    title = "dB from the spoken truth" })
  page:heading "Spectra"
  page:image_matrix { rows = "method", images = { "whispered",
    "made to sound", "spoken" } }
end

return run(...)
