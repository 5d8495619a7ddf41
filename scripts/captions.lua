--[[ Can pictures be drawn from what is said of them?

A conditional GAN whose condition is text: short captions of coloured shapes
("a red disc on the left"; "there is a blue cross in the middle of the
picture"). A caption is the mean of the vectors of its words (each player
learns its own), beside the noise for the generator, beside the features for
D. D is also shown real pictures with wrong captions (Reed et al. 2016,
algorithm 1): those of other pictures (matching), or captions that are wrong in
one word (near). plain leaves that out: whether text and picture fit can then
only be learnt from the generator's mistakes. A judge that needs no training
measures colour, shape and place of what was drawn. One in six combinations is
never seen in training, so that it can only be put together from its words.
Expect: near and matching get nine in ten right and more, the unseen ones less
often; plain hardly more than chance, 1 in 36. A minute for each, one core:

  orrery scripts/captions.lua
  orrery scripts/captions.lua text=near seed=1..3
  orrery scripts/captions.lua text=near ask="a blue cross; red; right left"

Measured (near and matching: seed=1..3, mean +- sd; plain: seed 1; the judge
reads all true pictures right). Wrong captions of other pictures do as well as
those of one wrong word, but for combinations that were never seen:

  text              as said          unseen   colour           shape   place
  near       0.965 +- 0.014   0.875 +- 0.029      1   0.950 +- 0.017       1
  matching   0.968 +- 0.018   0.792 +- 0.008      1   0.939 +- 0.014       1
  plain               0.050           0.033   0.49             0.317    0.37
]]
local orrery = require "orrery"
local data, nn, optim, plot = orrery.data, orrery.nn, orrery.optim, orrery.plot
local F = nn.functional

local run = orrery.experiment {
  name = "captions",
  knobs = {
    text = { { "near", "matching", "plain" }, "wrong captions shown to D",
      one_of = { "near", "matching", "plain" } },
    gamma = { 0.03, "weight of R1, the gradient at real pictures", min = 0 },
    steps = { 3000, "of both players", min = 1 },
    batch = { 32, "pictures", min = 2 },
    lr = { 1e-3, "of Adam", min = 0 },
    latent = { 16, "numbers of noise", min = 1 },
    words = { 32, "numbers of a word's vector", min = 1 },
    channels = { 32, "of the players' largest maps", min = 1 },
    images = { 4000, "pictures to learn from", min = 36 },
    ask = { "", "captions of one's own to draw at the end, by semicolons" },
    asked = { 20, "pictures for each caption, when measured", min = 1 },
    marks = { 6, "along the way", min = 1 },
  },
  step = "step",
  by = "right",
  quick = { steps = 12, batch = 8, images = 72, asked = 2, marks = 2,
    channels = 8, text = { "near" } },
}

-- ---- players

-- The mean of the words' vectors; number 1 is no word.
local Caption = nn.Module:subclass "Caption"

function Caption:init(count, width) self.table = nn.Embedding(count, width) end

function Caption:forward(words)
  local is_word = words:gt(1):float():unsqueeze(3)
  return (self.table(words) * is_word):sum(2) / is_word:sum(2)
end

local Generator = nn.Module:subclass "Generator"

function Generator:init(k, set)
  local c, side = k.channels, set.size // 4
  self.caption = Caption(#set.words, k.words)
  self.body = nn.Sequential { nn.Linear(k.latent + k.words, 2 * c * side ^ 2),
    nn.Unflatten(2, { 2 * c, side, side }), nn.BatchNorm2d(2 * c), nn.ReLU(),
    nn.ConvTranspose2d(2 * c, c, 4, { stride = 2, padding = 1 }),
    nn.BatchNorm2d(c), nn.ReLU(),
    nn.ConvTranspose2d(c, 3, 4, { stride = 2, padding = 1 }), nn.Tanh() }
end

function Generator:forward(z, words)
  return self.body(orrery.cat({ z, self.caption(words) }, 2))
end

local Discriminator = nn.Module:subclass "Discriminator"

function Discriminator:init(k, set)
  local c, side = k.channels, set.size // 4
  self.caption = Caption(#set.words, k.words)
  self.body = nn.Sequential {
    nn.Conv2d(3, c, 4, { stride = 2, padding = 1 }), nn.LeakyReLU(0.2),
    nn.Conv2d(c, 2 * c, 4, { stride = 2, padding = 1 }), nn.LeakyReLU(0.2) }
  self.head = nn.Sequential { nn.Conv2d(2 * c + k.words, 2 * c, 1),
    nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(2 * c * side ^ 2, 1) }
end

-- Whether features h go with a caption, which stands at every place of h.
function Discriminator:fits(h, words)
  local e = self.caption(words):unsqueeze(3):unsqueeze(4)
  return self.head(orrery.cat({ h, e:expand { -1, -1, h:size(3), h:size(4) } },
    2))
end

function Discriminator:forward(x, words)
  return self:fits(self.body(x), words)
end

-- ---- the game

-- Real pictures with their captions are right; made ones, and real ones with
-- captions `other`, share what is wrong. The gradient is R1's.
local function loss_of_D(D, x, y, words, other, gamma)
  local at = x:detach():requires_grad_()
  local h = D.body(at)
  local told = D:fits(h, words)
  local slope = orrery.grad(told:sum(), { at }, { create_graph = true })[1]
  local wrong = F.softplus(D(y, words)):mean()
  if other then
    wrong = (wrong + F.softplus(D:fits(h, other)):mean()) / 2
  end
  return F.softplus(-told):mean() + wrong
    + (slope ^ 2):flatten(2):sum(2):mean() * (gamma / 2)
end

local function game_of(k, set, noise)
  local G, D = Generator(k, set), Discriminator(k, set)
  local rates = { lr = k.lr, betas = { 0.5, 0.999 } }
  local optG, optD = optim.Adam(G, rates), optim.Adam(D, rates)
  local step = orrery.compile(function(x, words, other)
    local z = orrery.randn({ x:size(1), k.latent }, { generator = noise })
    local y = G(z, words)
    local loss_D = loss_of_D(D, x, y:detach(), words, other, k.gamma)
    optD:minimize(loss_D)
    local loss = F.softplus(-D(y, words)):mean()
    optG:minimize(loss)
    return loss:detach(), loss_D:detach()
  end)
  return { objects = { G = G, D = D, optG = optG, optD = optD }, step = step,
    draw = function(words, generator)
      G:eval()
      local y = orrery.no_grad(function()
        return G(orrery.randn({ words:size(1), k.latent },
          { generator = generator }), words)
      end)
      G:train()
      return y
    end }
end

-- One of the three sayings of each scene, int64 [N, words].
local function caption(set, which, random)
  local way = orrery.randint(1, 3, which:size(1), { generator = random })
  return set.captions:flatten(1, 2):index_select(1, (which - 1) * 3 + way)
end

local function wrong_caption(text, set, which, random)
  if text == "matching" then return caption(set, which:roll(1, 1), random) end
  if text == "plain" then return nil end
  local at = orrery.randint(1, set.near:size(2), which:size(1),
    { generator = random })
  return caption(set, set.near:index_select(1, which)
    :gather(2, at:unsqueeze(2)):squeeze(2), random)
end

-- Shares of captions that were met, of those seen in training and the others.
local function measure(k, set, game)
  local random = orrery.Generator(1)
  local which = orrery.range(1, #set.seen, { dtype = "int64" })
    :repeat_interleave(k.asked, 1)
  local y = game.draw(caption(set, which, random), random)
  local is = set.read(y):eq(set.scenes:index_select(1, which)):double()
  local all, part = is:amin(2):reshape(#set.seen, k.asked):mean(2), is:mean(1)
  local sums = { [true] = 0, [false] = 0 }
  local counts = { [true] = 0, [false] = 0 }
  for i, seen in ipairs(set.seen) do
    sums[seen] = sums[seen] + all[i]:item()
    counts[seen] = counts[seen] + 1
  end
  return { right = sums[true] / counts[true],
    unseen = sums[false] / counts[false], colour = part[1]:item(),
    shape = part[2]:item(), place = part[3]:item() },
    y:reshape(#set.seen, k.asked, 3, set.size, set.size) / 2 + 0.5
end

-- One's own captions, and their words as numbers.
local function asked(k, set)
  local texts, rows = {}, {}
  for text in k.ask:gmatch "[^;]+" do
    texts[#texts + 1] = text:match "^%s*(.-)%s*$"
    rows[#rows + 1] = set.spell(text)
  end
  return texts, rows
end

-- Eight pictures for each of them, and what the judge reads.
local function answer(texts, words, set, game, log)
  if #texts == 0 then return end
  local y = game.draw(orrery.stack(words, 1):repeat_interleave(8, 1),
    orrery.Generator(2))
  log:image("asked for", y / 2 + 0.5, { columns = 8, scale = 3 })
  local read, list = set.read(y):tolist(), {}
  for i, text in ipairs(texts) do
    local first = {}
    for part, of in ipairs(set.parts) do
      first[part] = of[read[8 * i - 7][part]]
    end
    list[i] = { caption = text, ["the first shows"] = table.concat(first, " ") }
  end
  log:table { title = "asked for", rows = list, columns = { "caption",
    "the first shows" } }
end

function run.trial(k, log)
  local set = data.known.captioned { images = k.images, seed = k.seed }
  local texts, words = asked(k, set)
  local game = game_of(k, set, log:generator "noise")
  local random = log:generator "sayings"
  local result, pictures
  local function mark(step)
    result, pictures = measure(k, set, game)
    for name, value in pairs(result) do log:scalar(name, step, value) end
    log:image("pictures", pictures:select(2, 1), { step = step, columns = 9,
      scale = 2 })
  end
  log:steps { steps = k.steps, every = math.max(1, k.steps // k.marks),
    objects = game.objects, batches = set.train:batches(k.batch, {
      shuffle = true, drop_last = true, generator = log:generator "order" }),
    update = function(x, which)
      local G, D = game.step(x, caption(set, which, random),
        wrong_caption(k.text, set, which, random))
      return { loss = G, D = D }
    end,
    mark = function(step, means)
      for name, value in pairs(means) do log:scalar(name, step, value) end
      mark(step)
    end }
  if not result then mark(k.steps) end
  local x, which = set.test:everything()
  result.judge = set.read(x):eq(set.scenes:index_select(1, which)):double()
    :amin(2):mean():item()
  log:image("by caption", plot.grid(pictures:select(2, 1), { columns = 9,
    scale = 3 }))
  answer(texts, words, set, game, log)
  local rows = {}
  for i, seen in ipairs(set.seen) do
    rows[i] = { caption = set.say(i), seen = seen and "yes" or "no" }
  end
  log:table { title = "captions", rows = rows, columns = { "caption",
    "seen" } }
  return result
end

function run.report(trials, page)
  page:heading "Results"
  page:text("Shares of pictures in which colour, shape and place are as said: "
    .. "for captions seen in training, and for combinations never seen; then "
    .. "each by itself. Judge: the share of true pictures it reads right.")
  page:table(trials, { "text", { "right", "as said" },
    { "unseen", "as said, unseen" }, "colour", "shape", "place", "judge" })
  local list = trials:by_setting()
  page:plot(plot.bar { x = list.text, y = list.right,
    title = "pictures as said" })
  page:heading "Pictures"
  page:text("Red, green, blue, yellow; of each discs, squares, crosses; of "
    .. "each left, middle, right.")
  page:image_matrix { rows = "text", images = { "by caption" } }
end

return run(...)
