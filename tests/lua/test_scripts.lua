--- The experiments in scripts/ as users run them: quick, their table, their
--- page; and stopped without warning, they end with the same numbers.
--- ORRERY_PROGRAM=NAME runs one.
local orrery, t = require "orrery", require "orrery.testing"
local files = require "orrery.testing.files"

local root = os.getenv "ORRERY_SOURCE_DIR" or "."
local interpreter = files.interpreter()

-- Name, words that keep it short, columns of its table; all but the last are
-- also killed and run again. A checkpoint is written after an epoch or so many
-- steps: there is more to do after the first.
local scripts = {
  { "anomaly", "task=0 background=0.2 steps=60", { "Gaussian", "prevalence",
    "typical", "ratio" } },
  { "categorical_vae", "estimator=score steps=60", { "-ELBO", "used" } },
  { "iwae", "k=2 steps=60", { "-L1", "-log p" } },
  { "beta_sweep", "data=shapes objective=factor beta=4 epochs=3 images=300",
    { "MIG", "FactorVAE score" } },
  { "cs_vae", "lambda=1 epochs=3 images=500", { "reach" } },
  { "conditional_vae", "model=conditional epochs=3 images=500",
    { "as asked" } },
  { "mode_collapse", "setup=C-unroll5 steps=40", { "high quality",
    "KL, all" } },
  { "train_extractor", "epochs=3 images=500", { "digits" } },
  { "divergences", "example=lines,boxes", { "figure", "wanted" } },
  { "wgan", "data=ring steps=60 frames=6", { "correlation" } },
  { "dying_relu", "cause=bias-4 steps=200", { "dead 2", "silent" } },
  { "digits_gan", "model=conditional steps=40", { "FID", "as asked" } },
  { "stacked_digits", "pack=2 steps=40", { "modes", "floor" } },
  { "dag", "steps=60 marks=4", { "turned" } },
  { "cyclegan", "method=cyclegan steps=40 marks=4", { "found, B to A",
    "strict" } },
  { "pix2pix", "loss=l1+cgan steps=40 marks=4", { "IOU of real",
    "feature distance" } },
  { "lambda_cycle", "lambda_identity=5 steps=40 marks=4", { "strict A to B",
    "moved" } },
  { "stylegan", "steps=60 frames=4 path_length=1 grow=true", { "PPL W",
    "separability" } },
  { "style_transfer", "steps=60 weight=5 start=noise", { "style loss",
    "correlation" } },
  { "superres", "method=gan steps=40 marks=4", { "PSNR", "SSIM" } },
  { "density2d", "data=pinwheel model=spline steps=60 bins=4", { "NLL",
    "paired" } },
  { "glow", "steps=60 marks=6", { "nats", "Gaussian, nats" } },
  { "voice", "method=cycle steps=40 marks=4", { "to spoken, dB" } },
  { "colorize", "steps=40 marks=4 data=emoji", { "chroma", "L1 of colour" } },
  { "restore", "steps=40 marks=4", { "PSNR before", "damaged part" } },
  { "captions", "steps=40 marks=4 ask='a blue cross; red'",
    { "as said, unseen", "judge" } },
  { "maf", "model=maf conditional=true steps=40", { "held out", "bits/dim",
    "class found" } },
  { "gradient_estimators", "", { "pathwise", "coupled" } },
}
local killed = { cyclegan = true, pix2pix = true,
  anomaly = true, lambda_cycle = true, glow = true,
  maf = true,
  wgan = true, density2d = true, dying_relu = true, dag = true,
  categorical_vae = true, iwae = true, cs_vae = true,
  conditional_vae = true, beta_sweep = true, train_extractor = true,
  digits_gan = true, stacked_digits = true,
  style_transfer = true, stylegan = true, superres = true,
  voice = true, colorize = true, restore = true, captions = true }

local function command(name, words, out)
  return ("'%s' '%s/scripts/%s.lua' --quick %s out='%s'"):format(interpreter,
    root, name, words, out)
end

local function run(line)
  local pipe = io.popen(line .. " 2>&1")
  local said = pipe:read "a"
  return said, pipe:close()
end

-- Kills the command once it has written its first checkpoint.
local function kill_midway(line, out)
  run(([[%s >/dev/null 2>&1 & pid=$!
    for i in $(seq 600); do
      ls '%s'/*/*/checkpoint.safetensors >/dev/null 2>&1 && break
      sleep 0.05
    done
    kill -9 $pid; wait $pid 2>/dev/null]]):format(line, out))
end

local function summary(out, name)
  return files.read(("%s/%s/summary.csv"):format(out, name))
end

local rows = { make_digits = "test_digits", make_emoji = "test_emoji" }
for _, script in ipairs(scripts) do rows[script[1]] = script end
local only = os.getenv "ORRERY_PROGRAM" or ""
t.test("every script is run", function()
  for _, file in ipairs(orrery.fs.list(root .. "/scripts")) do
    local name = file:match "^(.*)%.lua$"
    t.ok(not name or rows[name], file)
  end
end)

local missing = orrery.runs.missing()
for _, script in ipairs(scripts) do
  local name, words, wanted = table.unpack(script)
  if only ~= "" and only ~= name then
    goto next
  elseif missing then
    t.skip(name, missing)
  else
    t.test(name .. " ends with its table and its page", function()
      local out = files.folder()
      local said, ok = run(command(name, words, out))
      t.ok(ok, said)
      for _, column in ipairs(wanted) do
        t.ok(said:find(column, 1, true), said)
      end
      t.ok(files.read(("%s/%s/report.html"):format(out, name))
        :find "</html>%s*$")
      if killed[name] then  -- the same table, to the last digit
        local other = files.folder()
        kill_midway(command(name, words, other), other)
        said, ok = run(command(name, words, other))
        t.ok(ok, said)
        t.equal(summary(other, name), summary(out, name))
        files.drop(other)
      end
      files.drop(out)
    end)
  end
  ::next::
end

-- A rate of 1 breaks whatever can break, each loss in its own way.
if missing then
  t.skip("what goes wrong with two players is named", missing)
elseif only == "" or only == "wgan" then
  t.test("what goes wrong with two players is named", function()
    local out = files.folder()
    local said, ok = run(command("wgan", "data=ring method=saturating,gp lr=1 "
      .. "steps=20 frames=10", out))
    t.ok(ok, said)
    local page = files.read(out .. "/wgan/report.html")
    for _, what in ipairs { "d accuracy", "generator gradient",
      "mode coverage", "dead units/", "update ratio/discriminator",
      "gradient norm/discriminator" } do
      t.ok(said:find("warning: " .. what, 1, true), what .. "\n" .. said)
      t.ok(page:find(what, 1, true), what)
    end
    files.drop(out)
  end)
end

-- Pictures of rows of waves; `spot`: a dark square in each, at another place.
local function waves(folder, n, spot)
  local g = orrery.Generator(n)
  orrery.fs.mkdir(folder)
  local down = orrery.range(1, 32):float():unsqueeze(2)
  for i = 1, n do
    local x = 0.5 + 0.2 * (down + i):sin()
      + 0.05 * orrery.randn({ 32, 32 }, { generator = g })
    if spot then x[{ { 3 + i, 7 + i }, { 20 - i, 24 - i } }] = 0 end
    assert(orrery.io.write_image(("%s/%d.png"):format(folder, i),
      x:clamp { min = 0, max = 1 }:unsqueeze(1)))
  end
end

if missing then
  t.skip("anomaly judges the pictures of a folder", missing)
elseif only == "" or only == "anomaly" then
  t.test("anomaly judges the pictures of a folder", function()
    local out, set = files.folder(), files.folder()
    local words = ("task=pictures model=maf folder='%s'"):format(set)
    local said, ok = run(command("anomaly", words, out))
    t.ok(not ok and said:find("holds no good/ and no train/good/", 1, true),
      said)
    waves(set .. "/good", 24)
    said, ok = run(command("anomaly", words, out))
    t.ok(not ok and said:find("holds good pictures alone", 1, true), said)
    waves(set .. "/spot", 8, true)
    waves(set .. "/ground_truth/spot", 8)  -- masks, not to be judged
    said, ok = run(command("anomaly", words, out))
    t.ok(ok, said)
    local list, names = orrery.io.read_csv(out .. "/anomaly/summary.csv")
    local row = {}
    for i, name in ipairs(names) do row[name] = list[1][i] end
    t.equal(row.train, 18)  -- every fourth of 24 is held out
    t.near(row.prevalence, 8 / 14, 1e-9)
    t.near(row.gauss, 1, 1e-9)
    files.drop(set)
    files.drop(out)
  end)
end

if missing then
  t.skip("cyclegan trains on parts of a folder's pictures", missing)
elseif only == "" or only == "cyclegan" then
  t.test("cyclegan trains on parts of a folder's pictures", function()
    local out, set = files.folder(), files.folder()
    for _, part in ipairs { "trainA", "trainB", "testA", "testB" } do
      waves(set .. "/" .. part, 6)
    end
    local words = ("data='%s' method=cyclegan netG=unet load_size="):format(set)
    local said, ok = run(command("cyclegan", words .. 12, out))
    t.ok(not ok and said:find("load_size=12 size=16 data=" .. set, 1, true),
      said)
    said, ok = run(command("cyclegan", words .. 24, out))
    t.ok(ok, said)
    t.ok(files.read(out .. "/cyclegan/summary.csv"):find "moved", said)
    files.drop(set)
    files.drop(out)
  end)
end

if missing then
  t.skip("maf times both ways of both flows", missing)
elseif only == "" or only == "maf" then
  t.test("maf times both ways of both flows", function()
    local out = files.folder()
    local said, ok = run(command("maf", "table=times", out))
    t.ok(ok, said)
    for _, row in ipairs { "MAF +density +one pass",
      "MAF +sampling +by degrees", "MAF +sampling +naive",
      "IAF +density +by degrees",
      "IAF +density +naive", "IAF +sampling +one pass" } do
      t.ok(said:find(row .. " +%d"), said)
    end
    files.drop(out)
  end)
end
