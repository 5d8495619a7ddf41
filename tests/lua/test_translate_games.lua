--- CycleGAN and pix2pix: every term by hand, rates, pools, gathered gradients,
--- recorded steps and exact resume.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"
local gan, nn, translate = orrery.gan, orrery.nn, orrery.translate

local function images(n, side, seed)
  return orrery.rand({ n, 3, side, side }, { low = -1, high = 1,
    generator = orrery.Generator(seed) })
end

-- Small nets, the same for the same seed.
local function small(seed)
  local from = orrery.Generator(seed)
  local function G()
    return translate.ResNet { ngf = 2, n_blocks = 1, n_downsampling = 1,
      kernel = 3, norm = false, init_gain = false, generator = from }
  end
  local function D()
    return translate.PatchGAN { ndf = 2, n_layers = 1, norm = false,
      init_gain = false, generator = from }
  end
  return { netG_A = G(), netG_B = G(), netD_A = D(), netD_B = D(), lr = 1e-2 }
end

local function cyclegan(more, seed)
  local o = small(seed or 1)
  for name, value in pairs(more or {}) do o[name] = value end
  return translate.CycleGAN(o)
end

local function values(numbers)
  local out = {}
  for name, x in pairs(numbers) do out[name] = x:item() end
  return out
end

-- Every number of both modules is the same, bit for bit.
local function same(one, other)
  for name, object in pairs(one.kept) do
    local theirs = other.kept[name]:state_dict()
    for key, x in pairs(object:state_dict()) do
      if orrery.is_tensor(x) then
        t.equal({ name, key, x:eq(theirs[key]):all():item() },
          { name, key, 1 })
      end
    end
  end
end

-- ------------------------------------------------------------------ CycleGAN

t.test("options not given have the published values", function()
  local function alike(game, wanted)
    local got = {}
    for name in pairs(wanted) do got[name] = game[name] end
    t.equal(got, wanted)
  end
  local nets = small(1)
  nets.lr = nil
  alike(translate.CycleGAN(nets), { gan_mode = "lsgan", lambda_A = 10,
    lambda_B = 10, lambda_identity = 0.5, pool_size = 50, lr = 2e-4,
    lr_D = 2e-4, beta1 = 0.5, beta2 = 0.999, n_epochs = 100,
    n_epochs_decay = 100 })
  alike(translate.Pix2Pix { netG = nets.netG_A, netD = nets.netD_A },
    { gan_mode = "vanilla", lambda_L1 = 100, conditional = true, lr = 2e-4,
      beta1 = 0.5, n_epochs = 100, n_epochs_decay = 100 })
end)

t.test("CycleGAN's terms are those of the paper", function()
  local a, b = images(2, 8, 1), images(2, 8, 2)
  local game = cyclegan()
  local G, F = game.netG_A, game.netG_B
  local DB, DA = game.netD_A, game.netD_B  -- judge B, judge A
  local function off(x, y) return (x - y):abs():mean():item() end
  local function to(x, target) return ((x - target) ^ 2):mean():item() end
  local want = { cycle_A = off(F(G(a)), a), cycle_B = off(G(F(b)), b),
    idt_A = off(G(b), b), idt_B = off(F(a), a),
    G_A = to(DB(G(a)), 1), G_B = to(DA(F(b)), 1),
    D_A = (to(DB(b), 1) + to(DB(G(a)), 0)) / 2,
    D_B = (to(DA(a), 1) + to(DA(F(b)), 0)) / 2 }
  local got = values(game:step(a, b))
  for name, value in pairs(want) do t.near(got[name], value, 1e-6) end
  for name in pairs(got) do t.ok(want[name], name) end
end)

t.test("the generators descend the weighted sum", function()
  local a, b = images(2, 8, 1), images(2, 8, 2)
  local game, plain = cyclegan({ lambda_A = 3, lambda_B = 7,
    lambda_identity = 0.25, lambda_gan = 2 }), cyclegan()
  local G, F, DB, DA = plain.netG_A, plain.netG_B, plain.netD_A, plain.netD_B
  local l1 = nn.functional.l1_loss
  local function one(x) return ((x - 1) ^ 2):mean() end
  local loss = (one(DB(G(a))) + one(DA(F(b)))) * 2
    + l1(F(G(a)), a) * 3 + l1(G(F(b)), b) * 7
    + l1(G(b), b) * (7 * 0.25) + l1(F(a), a) * (3 * 0.25)
  orrery.optim.Adam(nn.ModuleList { G, F }, { lr = 1e-2,
    betas = { 0.5, 0.999 } }):minimize(loss)
  game:step(a, b)
  for name, p in plain.kept.generators:named_parameters() do
    t.near(game.kept.generators:state_dict()[name], p, 2e-5)
  end
end)

t.test("identity sets both weights, a zero leaves its term out", function()
  local a, b = images(1, 8, 1), images(1, 8, 2)
  local game = cyclegan { identity = 5, lambda_A = 0, lambda_B = 0 }
  t.equal({ game.weights.A.identity, game.weights.B.identity }, { 5, 5 })
  local got = game:step(a, b)
  t.ok(got.idt_A and got.G_A and not got.cycle_A and not got.cycle_B)
  got = cyclegan { identity = 0, lambda_B = 0 }:step(a, b)
  t.ok(got.cycle_A and not got.cycle_B and not got.idt_A)
  game = cyclegan { lambda_gan = 0 }
  local before = game.netD_A.model[1].weight:clone()
  got = game:step(a, b)
  t.ok(got.cycle_A and not got.G_A and not got.D_A)
  t.equal(game.netD_A.model[1].weight:eq(before):all():item(), 1)
end)

t.test("the log loss is that of two classes", function()
  local a, b = images(1, 8, 1), images(1, 8, 2)
  local game = cyclegan { gan_mode = "vanilla" }
  local real, fake = game.netD_A(b), game.netD_A(game.netG_A(a))
  local want = -(real:sigmoid():log():mean()
    + (1 - fake:sigmoid()):log():mean()):item() / 2
  local pays = -fake:sigmoid():log():mean():item()
  local got = values(game:step(a, b))
  t.near(got.D_A, want, 1e-5)
  t.near(got.G_A, pays, 1e-5)
end)

-- Discriminators that say the same of everything: values at equilibrium.
local function equilibrium(mode, level)
  local game = cyclegan { gan_mode = mode }
  orrery.no_grad(function()
    for _, net in ipairs { game.netD_A, game.netD_B } do
      local last = net.model[#net.model]
      last.weight:fill_(0)
      last.bias:fill_(level)
    end
  end)
  return values(game:step(images(1, 8, 1), images(1, 8, 2)))
end

t.test("at equilibrium the losses are what theory says", function()
  local square = equilibrium("lsgan", 0.5)
  t.near(square.D_A, 0.25, 1e-6)
  t.near(square.G_A, 0.25, 1e-6)
  local log = equilibrium("vanilla", 0)
  t.near(log.D_A, math.log(2), 1e-6)
  t.near(log.G_A, math.log(2), 1e-6)
end)

t.test("discriminators are shown images of the pool", function()
  local a, b = images(1, 8, 1), images(1, 8, 2)
  local game = cyclegan { pool_size = 2, stream = orrery.Generator(5) }
  for _ = 1, 3 do game:step(a, b) end
  t.equal({ #game.pools.A.of["3 x 8 x 8"].images,
    #game.pools.B.of["3 x 8 x 8"].images }, { 2, 2 })
  game = cyclegan { pool_size = 0 }
  game:step(a, b)
  t.equal(#game.pools.A.of["3 x 8 x 8"].images, 0)
end)

t.test("rates stay for n_epochs and fall to nothing in a line", function()
  local game = cyclegan { n_epochs = 2, n_epochs_decay = 3, epoch_steps = 2,
    lr = 0.4, lr_D = 0.8 }
  local a, b = images(1, 8, 1), images(1, 8, 2)
  local seen = {}
  for i = 1, 12 do
    game:step(a, b)
    seen[i] = game.optimizers.G.param_groups[1].lr
    t.near(game.optimizers.D.param_groups[1].lr, 2 * seen[i], 1e-12)
  end
  -- 1 - max(0, epoch - n_epochs) / (n_epochs_decay + 1), epochs from 1.
  t.near(seen, { 0.4, 0.4, 0.4, 0.4, 0.3, 0.3, 0.2, 0.2, 0.1, 0.1, 0, 0 },
    1e-12)
  t.equal(cyclegan { lr = 0.3 }.lr_D, 0.3)
end)

t.test("a batch in pieces makes the step of the whole batch", function()
  local a, b = images(4, 8, 1), images(4, 8, 2)
  local whole, pieces = cyclegan(), cyclegan { accumulate = 2 }
  local one, two = values(whole:step(a, b)), values(pieces:step(a, b))
  for name, value in pairs(one) do t.near(two[name], value, 1e-5) end
  for name, p in whole.kept.generators:named_parameters() do
    t.near(pieces.kept.generators:state_dict()[name], p, 1e-4)
  end
end)

t.test("a recorded step has the bits of the step, at every size", function()
  for _, more in ipairs { {}, { accumulate = 2 },
    { lambda_A = 0, lambda_B = 0 } } do
    local function played(compile)
      local o = { compile = compile, stream = orrery.Generator(3),
        epoch_steps = 1, n_epochs = 2, n_epochs_decay = 2, pool_size = 3 }
      for name, value in pairs(more) do o[name] = value end
      local game = cyclegan(o)
      local last
      for i = 1, 4 do
        local side = i % 2 == 0 and 8 or 12
        last = values(game:step(images(2, side, i), images(2, side, 9 + i)))
      end
      return game, last
    end
    local eager, said = played(false)
    local recorded, also = played(true)
    t.equal(said, also)
    same(eager, recorded)
  end
end)

t.test("a stopped CycleGAN goes on with the same bits, pool and all",
  function()
    local folder = files.folder()
    local function streams() return { stream = orrery.Generator(3),
      pool_size = 2 } end
    local function play(game, from, to)
      for i = from, to do
        local side = i % 3 == 0 and 8 or 12
        game:step(images(1, side, i), images(1, side, 90 + i))
      end
    end
    local whole = cyclegan(streams())
    play(whole, 1, 8)
    local o = streams()
    local first = cyclegan(o)
    play(first, 1, 4)
    orrery.save(folder .. "/at.safetensors", { game = first:state_dict(),
      stream = o.stream:state() })
    local again = streams()
    local second = cyclegan(again, 7)
    local at = orrery.load(folder .. "/at.safetensors")
    again.stream:set_state(at.stream)
    second:load_state_dict(at.game)
    t.equal(second.steps, 4)
    play(second, 5, 8)
    same(whole, second)
    for key, pool in pairs(whole.pools.A.of) do
      for i, image in ipairs(pool.images) do
        t.equal(image:eq(second.pools.A.of[key].images[i]):all():item(), 1)
      end
    end
    files.drop(folder)
  end)

t.test("translations and what a page shows of them", function()
  local a, b = images(2, 8, 1), images(2, 8, 2)
  local game = cyclegan()
  local shown = game:visuals(a, b)
  t.equal({ shown.real_A == a, shown.real_B == b }, { true, true })
  t.near(shown.fake_B, game.netG_A(a))
  t.near(shown.rec_A, game.netG_B(game.netG_A(a)))
  t.near(shown.idt_B, game.netG_B(a))
  t.near(shown.fake_A, game.netG_B(b))
  t.near(shown.rec_B, game.netG_A(game.netG_B(b)))
  t.near(shown.idt_A, game.netG_A(b))
  t.ok(not shown.fake_B.requires_grad and game.netG_A.training)
end)

t.test("augmentation and heads of it are parts of either side", function()
  local a, b = images(2, 8, 1), images(2, 8, 2)
  local function side(seed)
    local from = orrery.Generator(seed)
    local trunk = translate.PatchGAN { ndf = 2, n_layers = 1, norm = false,
      head = false, generator = from }
    local function head()
      return nn.Conv2d(trunk.features, 1, 4, { padding = 1,
        generator = from })
    end
    local maps = gan.maps.rotations()
    return nn.Sequential { trunk, head() }, { gan.dag { trunk = trunk,
      heads = { head(), head(), head() }, maps = maps } }
  end
  local netD_A, parts_A = side(1)
  local netD_B, parts_B = side(2)
  local game = cyclegan { netD_A = netD_A, netD_B = netD_B,
    parts_A = parts_A, parts_B = parts_B }
  local head = parts_A[1].critics.heads[1].weight
  local before = head:clone()
  game:step(a, b)
  t.ok((head - before):abs():amax():item() > 0)
  local changed = cyclegan { parts_A = { gan.augment() },
    parts_B = { gan.augment() }, stream = orrery.Generator(1) }
  t.ok(changed:step(a, b).D_A:item() >= 0)
end)

-- ------------------------------------------------------------------- pix2pix

local function pix2pix(more, seed)
  local from = orrery.Generator(seed or 1)
  local o = { lr = 1e-2,
    netG = translate.ResNet { ngf = 2, n_blocks = 1, n_downsampling = 1,
      kernel = 3, norm = false, init_gain = false, generator = from },
    netD = translate.PatchGAN { ndf = 2, n_layers = 1, norm = false,
      init_gain = false,
      input_nc = more and more.conditional == false and 3 or 6,
      generator = from } }
  for name, value in pairs(more or {}) do o[name] = value end
  return translate.Pix2Pix(o)
end

t.test("pix2pix's terms are those of the paper", function()
  local a, b = images(2, 8, 1), images(2, 8, 2)
  for _, conditional in ipairs { true, false } do
    local game = pix2pix { conditional = conditional, lambda_L2 = 3 }
    local fake = game.netG(a)
    local function D(y)
      return game.netD(conditional and orrery.cat({ a, y }, 2) or y):sigmoid()
    end
    local want = { G_L1 = (fake - b):abs():mean():item(),
      G_L2 = ((fake - b) ^ 2):mean():item(),
      D = -(D(b):log():mean() + (1 - D(fake)):log():mean()):item() / 2 }
    local got = values(game:step(a, b))
    for name, value in pairs(want) do t.near(got[name], value, 1e-5) end
    t.ok(got.G_GAN > 0)
  end
end)

t.test("each side's step leaves the other as it is", function()
  local a, b = images(2, 8, 1), images(2, 8, 2)
  local game = pix2pix()
  local alone = pix2pix { lambda_gan = 0 }
  local before = game.netD.model[1].weight:clone()
  alone:step(a, b)
  t.equal(alone.netD.model[1].weight:eq(before):all():item(), 1)
  -- G pays D that has learnt: by hand, one after the other.
  local plain = pix2pix()
  local G, D = plain.netG, plain.netD
  local function pair(y) return orrery.cat({ a, y }, 2) end
  local o = { lr = 1e-2, betas = { 0.5, 0.999 } }
  local fake = G(a)
  local held = G.model[2].weight:clone()
  orrery.optim.Adam(D, o):minimize(((-D(pair(b))):softplus():mean()
    + D(pair(fake:detach())):softplus():mean()) / 2)
  t.equal(G.model[2].weight:eq(held):all():item(), 1)
  local learnt = D.model[1].weight:clone()
  orrery.optim.Adam(G, o):minimize((-D(pair(fake))):softplus():mean()
    + nn.functional.l1_loss(fake, b) * 100)
  t.equal(D.model[1].weight:eq(learnt):all():item(), 1)
  game:step(a, b)
  for _, net in ipairs { "netG", "netD" } do
    for name, p in plain[net]:named_parameters() do
      t.near(game[net]:state_dict()[name], p, 2e-5)
    end
  end
end)

t.test("pix2pix resumes, is recorded, and gathers alike", function()
  local function play(game, from, to)
    local last
    for i = from, to do
      last = values(game:step(images(2, 8, i), images(2, 8, 90 + i)))
    end
    return last
  end
  local whole, recorded = pix2pix(), pix2pix { compile = true }
  t.equal(play(whole, 1, 4), play(recorded, 1, 4))
  same(whole, recorded)
  local first, second = pix2pix(), pix2pix(nil, 8)
  play(first, 1, 2)
  second:load_state_dict(first:state_dict())
  play(second, 3, 4)
  same(whole, second)
  local one, two = pix2pix(), pix2pix { accumulate = 2 }
  local said, also = play(one, 1, 1), play(two, 1, 1)
  for name, value in pairs(said) do t.near(also[name], value, 1e-5) end
end)

-- ------------------------------------------------------------------ messages

t.test("what cannot be played is said, with what would do", function()
  t.fails("translate.CycleGAN: netG_A is missing; give a module",
    translate.CycleGAN, {})
  local a = images(1, 8, 1)
  local game = cyclegan()
  t.fails("translate.CycleGAN: a is [1, 3, 8, 8] and b is [2, 3, 8, 8]; give "
    .. "as many of each", function() game:step(a, images(2, 8, 1)) end)
  game = cyclegan { accumulate = 2 }
  t.fails("translate.CycleGAN: 1 images do not split into 2 equal parts; "
    .. "change the batch or accumulate", function() game:step(a, a) end)
  t.fails('translate.CycleGAN: gan_mode is "ls"; give lsgan, vanilla or '
    .. "another of gan.losses", cyclegan, { gan_mode = "ls" })
  t.fails("translate.CycleGAN: lambda_A is -1; give a number of at least 0",
    cyclegan, { lambda_A = -1 })
  t.fails("translate.CycleGAN: part 1 does not change what a discriminator "
    .. "sees; give gan.augment, gan.dag, gan.naive, gan.penalty or "
    .. "gan.instance_noise", cyclegan, { parts_A = { gan.conditional(3) } })
  t.fails("translate.Pix2Pix: conditional is 1; give true or false", pix2pix,
    { conditional = 1 })
  t.fails("translate.CycleGAN: the state has no pool_A; load that of a game "
    .. "made alike", function()
      local state = cyclegan():state_dict()
      state.pool_A = nil
      cyclegan():load_state_dict(state)
    end)
end)
