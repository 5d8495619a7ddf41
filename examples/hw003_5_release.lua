-- %% [markdown]
-- # 003-5  An implementation that others can run
-- The last problem asks that an implementation of pix2pix be published. What
-- has to go along so that somebody else gets the same pictures: the source of
-- the networks, the weights, the settings, a sheet of samples to compare with,
-- and a card that says what it is, what it was trained on and what it is not
-- for. The test is a process that knows nothing but the folder and draws the
-- sheet again, bit for bit.

-- %%
local orrery = require "orrery"
local data, replay, translate = orrery.data, orrery.replay, orrery.translate
local json = require "orrery.json"
local set = replay.settings {
  images = 500, steps = 300, ngf = 16, ndf = 16, batch = 8,
  quick = { images = 16, steps = 2, ngf = 4, ndf = 4, batch = 2 },
}

-- %% [markdown]
-- ## Something to publish

-- %% A small pix2pix
local striped = data.known.striped { images = set.images, held = 16 }
local config = { num_downs = 4, ngf = set.ngf, dropout_levels = 0, seed = 1,
  samples = 8 }
local function generator(of)
  return translate.UNet { num_downs = of.num_downs, ngf = of.ngf,
    dropout_levels = of.dropout_levels }
end
orrery.manual_seed(config.seed)
local game = translate.Pix2Pix { netG = generator(config), lr = 5e-4,
  netD = translate.PatchGAN { input_nc = 6, ndf = set.ndf, n_layers = 1 },
  compile = true }
for _, x, y in striped.train.pairs:steps(set.steps, set.batch,
  { shuffle = true, drop_last = true }) do
  game:step(x, y)
end
local inputs = striped.test.pairs:everything():narrow(1, 1, config.samples)
local sheet = game:to_B(inputs)

-- %% [markdown]
-- ## The folder

-- %% What is written
local folder = os.tmpname()
os.remove(folder)
assert(orrery.fs.mkdir(folder))
local function put(name, text)
  local file = assert(io.open(folder .. "/" .. name, "w"))
  file:write(text)
  file:close()
end
assert(orrery.save(folder .. "/weights.safetensors",
  { generator = game.netG:state_dict(), inputs = inputs, sheet = sheet }))
put("config.json", json.encode(config))
assert(orrery.plot.grid((sheet + 1) / 2, { columns = 8, scale = 4 })
  :save(folder .. "/sheet.png"))
put("card.md", ([[
# Stripes for plain shapes
What it is: pix2pix (Isola et al. 2017), a U-Net of %d levels, %d channels.
Trained on: %d generated pairs of 16 x 16 pixels, seed %d, %d steps.
Made with: Orrery %s, %s.
Not for: photographs; it has seen three kinds of shapes on grey.
Try it: lua5.4 run.lua FOLDER
]]):format(config.num_downs, config.ngf, set.images, config.seed, set.steps,
  orrery.version, _VERSION))
put("run.lua", [[
-- Draws the sheet of samples again and says whether it is the one in FOLDER.
local orrery = require "orrery"
local folder = ...
local file = assert(io.open(folder .. "/config.json"))
local config = require "orrery.json".decode(file:read "a")
file:close()
local kept = assert(orrery.load(folder .. "/weights.safetensors"))
local net = orrery.translate.UNet { num_downs = config.num_downs,
  ngf = config.ngf, dropout_levels = config.dropout_levels }
net:load_state_dict(kept.generator)
local sheet = orrery.no_grad(net:eval(), kept.inputs)
print(sheet:equal(kept.sheet) and "the same sheet" or "another sheet")
]])
local listed = orrery.fs.list(folder)
table.sort(listed)
print(table.concat(listed, ", "))
replay.check("files in the folder", #listed, 5, { abs = 0 })

-- %% A process of its own draws the sheet
-- The interpreter is the one that runs this file, `orrery` or lua5.4.
local program, at = "lua5.4", -1
while arg and arg[at] do
  program, at = arg[at], at - 1
end
local pipe = io.popen(("'%s' '%s/run.lua' '%s' 2>&1"):format(program, folder,
  folder))
local said = pipe:read "a"
pipe:close()
print(said)
replay.check("bit for bit", said == "the same sheet\n" and 1 or 0, 1,
  { abs = 0 })
for _, name in ipairs(listed) do os.remove(folder .. "/" .. name) end
os.remove(folder)
orrery.plot.grid((orrery.cat({ inputs, sheet }, 1) + 1) / 2, { columns = 8,
  scale = 4 })
